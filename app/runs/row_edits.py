"""One row at a time, before people see it: dropped, kept after all, edited, drawn anew. What it said before is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.errors import RunError
from app.runs.row_checks import check_again
from app.store.lease import at_work
from app.store.runs import Run
from app.store.store import Store
from tasks.types import Message, Row

DROPPED = "dropped by you"


def open_row(store: Store, row_id: str, *, at_work_ourselves: bool = False) -> Row:
    """The row, to be changed. Raises RunError where people have it already, so that nobody's verdict is of other words,
    and where another hand works on its run.
    """
    row = store.rows.get(row_id)
    if not at_work_ourselves and at_work(store.runs.of_row(row_id)):
        raise RunError("The run is being worked on. Wait for it, or stop it, then try again.")
    if store.pushes.were_sent([row_id]):
        raise RunError("This row is in Argilla already. Correct it there, or on the page Review.")
    if any(verdict.status == "submitted" for verdict in store.verdicts.of([row_id])[row_id]):
        raise RunError("Somebody decided about this row already. Correct it on the page Review.")
    return row


def drop(store: Store, row_id: str) -> None:
    """Takes a row out of the run; it can be kept after all. Raises RunError."""
    open_row(store, row_id)
    store.rows.mark(row_id, "kept", "dropped", DROPPED)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was dropped with others: when, and when it had been changed last before."""

    row: str
    at: str
    updated: str


def drop_all(store: Store, run: Run, row_ids: Sequence[str]) -> tuple[list[Dropped], int]:
    """Takes rows out of the run, but those that people have already: (what was dropped, how many stay). Raises RunError."""
    if at_work(store.runs.get(run.id)):
        raise RunError("The run is being worked on. Wait for it, or stop it, then try again.")
    taken = store.pushes.were_sent(row_ids)
    taken |= {
        row
        for row, verdicts in store.verdicts.of(row_ids).items()
        if any(verdict.status == "submitted" for verdict in verdicts)
    }
    marked = store.rows.mark_all([row for row in row_ids if row not in taken], "kept", "dropped", DROPPED)
    return [Dropped(*change) for change in marked], len(row_ids) - len(marked)


def keep_all(store: Store, dropped: Sequence[Dropped]) -> int:
    """Puts dropped rows back as they were; those that nobody changed since. How many."""
    return store.rows.unmark_all([(entry.row, entry.at, entry.updated) for entry in dropped], "dropped", "kept")


def keep(store: Store, row_id: str) -> None:
    """Puts a dropped row back."""
    store.rows.mark(row_id, "dropped", "kept", "")


def edit(store: Store, row_id: str, instruction: str, responses: Sequence[str], who: str) -> Row:
    """Other words for the instruction and the responses. Ratings of the older words no longer count. Raises RunError."""
    row = open_row(store, row_id)
    if not row.responses:
        raise RunError("This row has no answer yet: resume the run first.")
    if len(responses) != len(row.responses):
        raise RunError("This row has other responses by now. Leave it, and edit it again.")
    emptied = [old for old, text in zip(row.responses, responses, strict=True) if old.text.strip() and not text.strip()]
    if not instruction.strip() or emptied:
        raise RunError("A row needs an instruction and a text for each response: to be without it, drop it.")
    last = max((k for k, message in enumerate(row.messages) if message["role"] == "user"), default=-1)
    messages: list[Message] = [
        {**message, "content": instruction} if k == last else message for k, message in enumerate(row.messages)
    ]
    edited = tuple(
        replace(response, text=text, finish_reason="stop") if response.text != text else response
        for response, text in zip(row.responses, responses, strict=True)
    )
    changed = replace(row, messages=tuple(messages), responses=edited)
    if (changed.messages, changed.responses) == (row.messages, row.responses):
        return row
    kept = store.rows.edit(changed, who)
    check_again(store, store.runs.of_row(row_id), kept)
    return kept


def touched(store: Store, run: Run) -> bool:
    """Whether somebody changed rows of the run by hand."""
    return store.rows.changed(run.id)
