"""How the rows of a run go to Argilla: which are audit and which the queue, in which order, what is there already."""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

from app.errors import RunError
from app.recipe import Recipe, recipe_of
from app.review.argilla import Argilla, dataset_of, guidelines_of, is_pairwise, with_audit
from app.review.reviewed_rows import judged_of, judged_rows
from app.store.columns import now
from app.store.reviews.pushes import Push
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from feedback.argilla import push as to_argilla
from feedback.argilla.client import Server
from feedback.argilla.dataset_settings import Shape, shape_of
from feedback.argilla.dataset_settings import settings as dataset_settings
from feedback.argilla.push import Pushed, Target, target
from feedback.argilla.records import About, Place, item
from feedback.errors import Missing
from feedback.rating_summary import MOST_RESPONSES
from feedback.response_order import to_slots
from feedback.stats.row_signals import RowSignals, signals_of
from feedback.types import sendable
from tasks.types import Row


class VectorsOf(Protocol):
    """An embedding model."""

    @property
    def dimensions(self) -> int: ...

    def of(self, texts: Mapping[str, str]) -> dict[str, list[float]]:
        """{name: vector} of {name: text}."""


@dataclass
class Sent:
    """What a push did, and where it went. `dropped` rows are in Argilla and no longer in the run."""

    to: Target
    pushed: Pushed = field(default_factory=Pushed)
    dropped: int = 0
    withdrawn: int = 0
    decided: int = 0
    """Decisions made in the app that Argilla has now, under the account of its key."""
    open_audits: int = 0
    """Audit rows that were sealed to go with ratings and reasons before it was said that they should go without."""
    shortened: int = 0
    """Rows with more responses than people can compare: the first ones are shown."""


def shortened(rows: int) -> str:
    """What is not shown of some rows, in a sentence; "" where all is."""
    have = "1 row has" if rows == 1 else f"{rows:,} rows have"
    return f"{have} more than {MOST_RESPONSES} responses: the first {MOST_RESPONSES} are shown." if rows else ""


def about_of(run: Run, recipe: Recipe) -> About:
    labelled = recipe.rating.keys if recipe.rating else ()
    generator = (recipe.generator.model or recipe.generator.preset) if recipe.task.calls_model else "input"
    return About(
        run.id,
        recipe.kind,
        generator,
        recipe.review.rated(labelled),
        labelled,
        recipe.review.ranking,
        recipe.known_rubrics,
        tuple((check.called, check.identity) for check in recipe.checks),
    )


def push_run(
    workspace: Workspace,
    run: Run,
    argilla: Argilla,
    watch: Callable[[Pushed, int], None],
    *,
    vectors: VectorsOf | None,
    dataset: str,
    argilla_workspace: str,
    withdraw: bool,
) -> Sent:
    """Sends the answered rows of a run to a dataset of Argilla, which is made where it is not there.

    `vectors` are those of instructions, for "find similar" there.

    Raises RunError if there is nothing to send, ArgillaError and its kind otherwise.
    """
    store, recipe = workspace.store, recipe_of(run)
    population = store.runs.counts(run.id).answered
    if not population:
        raise RunError(
            f"The run {run.name} has no rows to send yet. Make some first.",
            terminal=f"claywright run --resume {run.id}",
        )
    began = now()  # what is rated or edited from here on is sent by the next push
    recipe = with_audit(store, run, recipe, population)
    about, signals, shortened = about_of(run, recipe), dict[str, RowSignals](), 0

    def rows() -> Iterator[Row]:
        nonlocal shortened
        for reviewed in judged_rows(store, run):
            signals[reviewed.row.id] = signals_of(reviewed, next(iter(about.labelled), ""))
            shortened += len(reviewed.row.responses) > MOST_RESPONSES
            yield reviewed.row

    shape = replace(shape_of(rows()), compared=is_pairwise(recipe), checks=bool(recipe.checks))
    store.evidence.keep_signals(signals)
    if vectors is not None:
        shape = replace(shape, dimensions=vectors.dimensions)
    name = dataset or dataset_of(store, run, recipe.review)
    with Server(argilla.url, argilla.key) as server:  # which the settings need as well
        settings = dataset_settings(shape, recipe.review, about.labelled, guidelines_of(recipe))
        to = target(server, name, argilla_workspace or recipe.review.workspace or argilla.workspace, settings)
        push = _Push(store, run, recipe, about, shape, server, to, vectors)
        priorities = {row: known.contradiction for row, known in signals.items()}
        sent = push.send(argilla.name, began, priorities, lambda pushed: watch(pushed, population), withdraw=withdraw)
    sent.shortened = shortened
    return sent


@dataclass(frozen=True)
class _Push:
    """Sends to `to` what it does not have yet.

    What is audit and what is queue is sealed before the first row is sent; the audit goes first, in random order, then the
    queue by priority. The recipe says of its audit whether it goes without suggestions (`argilla.with_audit`).
    """

    store: Store
    run: Run
    recipe: Recipe
    about: About
    shape: Shape
    server: Server
    to: Target
    vectors: VectorsOf | None

    def send(
        self,
        server_name: str,
        began: str,
        priorities: dict[str, float],
        watch: Callable[[Pushed], None],
        *,
        withdraw: bool,
    ) -> Sent:
        """`priorities` of all rows by id, as they were when the push `began`.

        With `withdraw`, records of rows that the run does not have any more are taken out.
        """
        store, to, sent = self.store, self.to, Sent(self.to)
        looks = _looks(self.about, self.shape)
        push = store.pushes.begin_push(
            self.run.id, server_name, to.id, to.name, to.workspace, secrets.randbits(31), looks
        )
        blind = self.recipe.review.blind_audit is True
        store.pushes.keep_shape(push, asdict(self.shape))
        store.pushes.plan(push, priorities, blind_audit=blind)
        store.review_queue.on_their_way(push.id)
        numbers = store.rows.all_numbers(self.run.id)
        store.pushes.renumber(push, numbers)
        _forget_what_is_gone(store, push, self.server, to)
        to_argilla.push(
            self.server, to, self._batches(store.pushes.planned(push), numbers),
            lambda batch: store.pushes.keep_sent(push, batch, began, numbers), watch, sent.pushed,
        )  # fmt: skip
        sent.decided = _tell_decisions(store, push, self.server, to)
        sent.open_audits = store.pushes.open_audits(push) if blind else 0
        store.pushes.finish_push(push, began, [row for row, _ in sent.pushed.refused])
        left = store.pushes.dropped(push)
        if withdraw and left:
            self.server.delete_records(to.id, left)
            store.pushes.withdrawn(push, left)
            sent.withdrawn = len(left)
        sent.dropped = len(left) - sent.withdrawn
        return sent

    def send_moved(self, push: Push) -> int:
        """Sends the records whose place in the queue, or whose list, changed, and nothing else of them. Returns how many."""
        pushed, began, numbers = Pushed(), now(), self.store.rows.all_numbers(self.run.id)
        pages = (self._leaving(push, rows) for rows in self.store.review_queue.moved(push.id))
        to_argilla.push(
            self.server, self.to, self._batches(pages, numbers),
            lambda batch: self.store.pushes.keep_sent(push, batch, began, numbers), lambda done: None, pushed,
        )  # fmt: skip
        return pushed.sent

    def _leaving(self, push: Push, rows: Sequence[str]) -> Sequence[sqlite3.Row]:
        """Where rows stand that are about to be told."""
        self.store.review_queue.on_their_way(push.id)
        return self.store.pushes.places(push, rows)

    def _batches(
        self, pages: Iterable[Sequence[sqlite3.Row]], numbers: dict[str, int]
    ) -> Iterator[tuple[list[to_argilla.Item], int]]:
        """(items to send, how many more of that page are there already), page by page."""
        for page in pages:
            rest = [planned for planned in page if not planned["known"]]
            known = judged_of(self.store, self.run, [planned["row"] for planned in rest])
            instructions = {row: reviewed.row.instruction for row, reviewed in known.items()}
            near = self.vectors.of(instructions) if self.vectors and known else {}
            yield [
                (
                    item(
                        known[p["row"]].row, known[p["row"]].ratings, self.shape, self.about,
                        Place(
                            p["kind"], p["priority"], numbers[p["row"]], p["batch"], not p["suggestions_shown"],
                            tuple(json.loads(p["arrangement"])),
                            tuple(known[p["row"]].failed_checks) if known[p["row"]].checks else None, p["reviewers"],
                        ),
                        near.get(p["row"]),
                        known[p["row"]].preferences,
                    ),
                    p["content_hash"], p["suggested"],
                )
                for p in rest if p["row"] in known
            ], len(page) - len(rest)  # fmt: skip


def send_moved(store: Store, run: Run, server: Server, server_name: str) -> int:
    """Tells that Argilla where the records stand by now that nobody answered: their priority and their list. Returns how many
    records were sent; again and again it sends what changed alone. Datasets that were deleted there are passed over.
    """
    sent = 0
    for entry in store.pushes.of_run(run.id):
        if entry["server"] != server_name or not store.review_queue.any_moved(run.id):
            continue
        recipe = with_audit(store, run, recipe_of(run), store.runs.counts(run.id).answered)
        push = Push(entry["id"], run.id, entry["seed"])
        try:
            to = to_argilla.known_target(server, str(entry["dataset_id"]), entry["dataset"], entry["workspace"])
            to_argilla.let_want_reviewers(server, to)
        except Missing:
            continue
        if entry["shape"]:
            values = json.loads(entry["shape"])
            shape = Shape(**{**values, "fields": tuple(values["fields"])})
        else:
            shape = replace(shape_of(store.rows.walk(run.id)), compared=is_pairwise(recipe), checks=bool(recipe.checks))
        sent += _Push(store, run, recipe, about_of(run, recipe), shape, server, to, None).send_moved(push)
    return sent


def _looks(about: About, shape: Shape) -> str:
    """Names what the records of a push look like: they are sent again where it changed.

    What came to the two since and is empty is left out, so that datasets of an earlier version keep their name.
    """
    values = {name: value for name, value in asdict(about).items() if name != "rubrics" and (name != "checks" or value)}
    own = [[rubric.hash for rubric in about.rubrics.own]] if about.rubrics.own else []
    has = {
        name: value for name, value in asdict(shape).items() if name not in ("fields", "compared", "checks") or value
    }
    return hashlib.sha256(json.dumps([values, has, *own]).encode()).hexdigest()[:16]


def _tell_decisions(store: Store, push: Push, server: Server, to: Target) -> int:
    """Sends what was decided in the app. What the same account said in Argilla itself is left as it is there."""
    untold = store.local_verdicts.untold(sorted(store.pushes.sent_to(push)), to.id)
    records = server.own_ids(to.id, [quick.row for quick in untold])
    sent = 0
    for quick in untold:
        if quick.row not in records:
            continue
        by_slots = to_slots(quick.answers, store.pushes.arrangement(push, quick.row))
        answers = sendable({name: answer for name, answer in by_slots.items() if name in to.questions})
        record, known = records[quick.row], quick.response if quick.record == records[quick.row] else ""
        response = server.respond(record, known, quick.status, answers)
        store.local_verdicts.told(quick, to.id, record, response)
        sent += bool(response)
    return sent


def _forget_what_is_gone(store: Store, push: Push, server: Server, to: Target) -> None:
    """Records that somebody deleted in Argilla are sent again."""
    known = store.pushes.sent_to(push)
    if known and server.count(to.id, push.run) < len(known):
        store.pushes.forget_sent(push, known - set(server.record_ids(to.id)))
