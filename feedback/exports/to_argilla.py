"""The rows of an export as a dataset of Argilla: finished ones, to look at, share, or review once more elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from feedback.argilla.client import BATCH, Server
from feedback.argilla.markdown import shown
from feedback.argilla.push import target
from feedback.exports.formats import CHAT
from feedback.exports.record_formats import Line
from feedback.exports.selection import Export, Passed, lines
from feedback.reviewed_row import ReviewedRow
from tasks.errors import SettingsError

if TYPE_CHECKING:
    import argilla as rg

TEXTS = ("instruction", "response", "input", "output", "system", "system_prompt", "answer", "reference")
FORMATS = ("sft", "prompt-completion", "preference", "kto", "reward", "grpo", "plain", "alpaca")
"""Formats whose columns Argilla can show: chats and texts."""


@dataclass
class Finished:
    """What came of it: so many records are in the dataset at `url`; `refused` are (id, the server's words).

    `taken_out` records of the run were there and are no longer made.
    """

    dataset: str
    workspace: str
    url: str
    records: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    taken_out: int = 0


def write(
    server: Server, name: str, workspace: str, rows: Iterable[ReviewedRow], to: Export, run: str, task: str,
    watch: Callable[[Finished], None] = lambda done: None,
) -> Finished:  # fmt: skip
    """Writes the rows that `to` takes into the dataset `name`, which is made where it is not there. A line is one record
    under an id of its own; written again, it changes and is not doubled, and what the run no longer gives is taken out.

    `watch` is told after each batch. Raises SettingsError for a format that Argilla can't show, DatasetMismatch, ArgillaError.
    """
    if to.format not in FORMATS:
        raise SettingsError(
            f"Argilla can't show the format '{to.format}': take one of {', '.join(FORMATS)}, or a file."
        )
    dataset = target(server, name, workspace, _settings(to))
    done = Finished(dataset.name, dataset.workspace, dataset.url)
    written: set[str] = set()
    records = _records(lines(rows, to, run, task, Passed()), to)
    while batch := list(islice(records, BATCH)):
        refused = server.upsert(dataset.id, batch)
        written.update(record["external_id"] for record in batch)
        done.records += len(batch) - len(refused)
        done.refused += refused
        watch(done)
    run_records = (stored for stored in server.records(dataset.id) if (stored["metadata"] or {}).get("run") == run)
    if stale := {str(stored["external_id"]) for stored in run_records} - written:
        server.delete_records(dataset.id, stale)
        done.taken_out = len(stale)
    return done


def _settings(to: Export) -> "rg.Settings":
    import argilla as rg

    columns = to.form.columns
    shown = [name for name, kind in columns.items() if _shows(name, kind)]
    fields: list[Any] = [
        rg.ChatField(name=name, required=name == shown[0])
        if columns[name] == CHAT
        else rg.TextField(name=name, required=name == shown[0], use_markdown=True)
        for name in shown
    ]
    kinds = {
        str: rg.TermsMetadataProperty, bool: rg.TermsMetadataProperty, int: rg.IntegerMetadataProperty,
        float: rg.FloatMetadataProperty,
    }  # fmt: skip
    return rg.Settings(
        guidelines=f"Rows that were made and reviewed with Claywright: {to.form.help}.",
        fields=fields,
        questions=[
            rg.LabelQuestion(name="keep", title="Keep it?", labels={"yes": "Yes", "no": "No"}),
            rg.TextQuestion(name="remark", title="A remark", required=False),
        ],
        metadata=[
            kinds[kind](name=_named(name))
            for name, kind in columns.items()
            if name not in shown and not isinstance(kind, (list, dict))
        ],
    )


def _records(rows: Iterable[tuple[ReviewedRow, list[Line]]], to: Export) -> Iterator[dict[str, Any]]:
    columns = to.form.columns
    for _, row_lines in rows:
        for line in row_lines:
            texts = {name: line[name] for name, kind in columns.items() if _shows(name, kind)}
            rest = {
                _named(name): str(line[name]).lower() if isinstance(line[name], bool) else line[name]
                for name, kind in columns.items()
                if name not in texts and not isinstance(kind, (list, dict)) and line[name] is not None
            }
            yield {
                "external_id": _id(line, to),
                "fields": {name: _rendered(value) for name, value in texts.items() if value},
                "metadata": rest,
            }


def _rendered(value: Any) -> Any:
    """A text, or the messages of a chat, as they are sent to be rendered."""
    return [{**m, "content": shown(m["content"])} for m in value] if isinstance(value, list) else shown(value)


def _id(line: Line, to: Export) -> str:
    """The row's, and in formats with a line for each response which one: the same however many others there are."""
    if not to.form.several:
        return str(line["row_id"])
    return f"{line['row_id']}/{line['response'] + 1}{'-corrected' if line.get('response_corrected') else ''}"


def _shows(name: str, kind: Any) -> bool:
    """True for a chat, or a text to read; what else there is goes beside it, to filter by."""
    return bool(kind == CHAT or (kind is str and name in TEXTS))


def _named(column: str) -> str:
    """Argilla's metadata names have no capitals and no dots."""
    return column.replace("_", "-").lower()
