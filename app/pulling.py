"""What people said in Argilla, brought back: the new versions of their answers, and those that were taken back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.store import Store
from app.tables.text import now
from feedback.errors import Missing
from feedback.pull import pull as verdicts_of
from feedback.server import Server

PAGE = 500


@dataclass
class Pulled:
    """What a pull found: `new` versions of responses, and how the rows stand."""

    new: int = 0
    submitted: int = 0
    rows_reviewed: int = 0
    approved: int = 0
    rejected: int = 0
    undecided: int = 0
    """Rows on which the reviewers' decisions come to nothing: a tie, or nobody was sure."""
    sent: int = 0
    missing: int = 0
    """Datasets that are no longer there; what was pulled from them before is kept."""


def fetch(
    store: Store, server: Server, pushes: Sequence[Mapping[str, Any]], done: Pulled, *, everything: bool,
    watch: Callable[[Pulled], None],
) -> None:  # fmt: skip
    """Brings back what was said in the datasets of those pushes, and counts it in `done`."""
    names = server.usernames()
    for push in pushes:
        dataset_id = str(push["dataset_id"])
        try:
            activity, settled = server.activity(dataset_id)  # first: what is said meanwhile is pulled next time
            if activity == push["activity"] and not everything:
                continue
            began, there = now(), set[str]()
            answers = verdicts_of(server, dataset_id, names)
            while page := list(islice(answers, PAGE)):
                done.new += store.reviews.keep_verdicts(dataset_id, page)
                there.update(verdict.response_id for verdict in page)
                watch(done)
        except Missing:
            done.missing += 1
            continue
        store.reviews.forget_verdicts(dataset_id, there, began, names)
        if settled:
            store.reviews.pulled(push["id"], activity)
