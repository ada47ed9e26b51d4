"""What people said in Argilla, brought back: the new versions of their answers, and those that were taken back."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.errors import RunError
from app.review.argilla import Argilla
from app.review.push_plan import send_moved
from app.review.review_queue import refresh
from app.store.columns import now
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from feedback.argilla.client import Server
from feedback.argilla.pull import pull as verdicts_of
from feedback.errors import ArgillaError, Missing

PAGE = 500


@dataclass
class Pulled:
    """What a pull found: `new` versions of responses, of whom how many, and how the rows stand."""

    new: int = 0
    by: dict[str, int] = field(default_factory=dict)
    submitted: int = 0
    rows_reviewed: int = 0
    approved: int = 0
    rejected: int = 0
    undecided: int = 0
    """Rows on which the reviewers' decisions come to nothing: a tie, or nobody was sure."""
    sent: int = 0
    missing: int = 0
    """Datasets that are no longer there; what was pulled from them before is kept."""
    moved: int = 0
    """Records that nobody answered and that have another place in the queue by now, as Argilla was told."""
    withdrawn: str = ""
    """Why rows that were accepted under a guarantee are not any more; "" where none were, or they are."""


def came(done: Pulled) -> str:
    """What came, of whom: "3 new or changed answers: 2 by ann, 1 by ben"."""
    answers = "1 new or changed answer" if done.new == 1 else f"{done.new:,} new or changed answers"
    each = ", ".join(f"{number:,} by {name}" for name, number in done.by.items())
    return f"{answers}: {each}" if each else answers


def pull_run(
    workspace: Workspace, run: Run, argilla: Argilla, watch: Callable[[Pulled], None], *, only_moved: bool
) -> Pulled:
    """Brings the verdicts of all reviewers back from every dataset of that server that the run was sent to. Raises RunError."""
    store = workspace.store
    pushes = [push for push in store.pushes.of_run(run.id) if push["server"] == argilla.name]
    if not pushes:
        raise RunError(
            f"The run {run.name} was not sent to {argilla.url} yet. Send it first.",
            terminal=f"claywright push {run.id}",
        )
    pulled = Pulled(sent=store.runs.counts(run.id).sent)
    with Server(argilla.url, argilla.key) as server:
        fetch(store, server, pushes, pulled, only_moved=only_moved, watch=watch)
        pulled.withdrawn = refresh(store, run).withdrawn
        with contextlib.suppress(ArgillaError):  # what was said is here; the next pull tells Argilla
            pulled.moved = send_moved(store, run, server, argilla.name)
    counts = store.runs.counts(run.id)
    pulled.submitted, pulled.rows_reviewed = counts.submitted, counts.reviewed
    pulled.approved, pulled.rejected, pulled.undecided = counts.approved, counts.rejected, counts.undecided
    return pulled


def fetch(
    store: Store, server: Server, pushes: Sequence[Mapping[str, Any]], done: Pulled, *, only_moved: bool,
    watch: Callable[[Pulled], None],
) -> None:  # fmt: skip
    """Brings back what was said in the datasets of those pushes, and counts it in `done`."""
    by: Counter[str] = Counter()
    names = server.usernames()
    for push in pushes:
        dataset_id = str(push["dataset_id"])
        try:
            activity = server.activity(dataset_id)  # first: what is said meanwhile is pulled next time
            if activity.mark == push["activity"] and only_moved:
                continue
            began, there = now(), set[str]()
            answers = verdicts_of(server, dataset_id, names)
            while page := list(islice(answers, PAGE)):
                by.update(store.verdicts.keep(dataset_id, page))
                done.new, done.by = by.total(), dict(by.most_common())
                there.update(verdict.response_id for verdict in page)
                watch(done)
        except Missing:
            done.missing += 1
            continue
        store.verdicts.forget(dataset_id, there, began, names)
        if activity.has_settled and len(there) >= activity.answers:
            store.pushes.pulled(push["id"], activity.mark)
