"""Keeps the queue of a run as people's answers have it: puts it in order anew, hands out lists, and tells Argilla of both."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from app.errors import RunError
from app.recipe import recipe_of
from app.review.argilla import Argilla
from app.review.insights import Evidence, evidence_of, insights_of, timings_of
from app.review.push_plan import send_moved
from app.store.reviews.queue import QueueOrder, ReviewList
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from feedback.argilla.client import Server
from feedback.argilla.push import list_path
from feedback.types import Decision

FIRST_AUDIT = 20
"""So many audit rows come before the queue: fewer say nothing of the whole set."""
AUDIT_EVERY = 3
"""Afterwards one of so many rows is of the audit."""
MOST = 500
"""So many of the next rows have a place of their own; the rest follows as it was sent."""


@dataclass(frozen=True)
class Refreshed:
    """What changed as the queue was looked at: so many records moved; `withdrawn` is why an acceptance ended, "" for none."""

    moved: int = 0
    withdrawn: str = ""


def is_due(store: Store, run: Run) -> bool:
    """True where `refresh` may have something to do, told without reading the rows: enough was answered, or rows are accepted."""
    from feedback.stats.review_order import REFIT

    counts = store.runs.counts(run.id)
    if not counts.sent:
        return False
    given, last = store.acceptances.last(run.id), store.review_queue.last(run.id)
    answered = last.answered if last is not None else 0
    stands = given is not None and not given.withdrawn
    return stands or counts.seen >= answered + REFIT or _is_to_share(store, run)


def _is_to_share(store: Store, run: Run) -> bool:
    """True where a second reviewer came, and no row is for two yet."""
    return recipe_of(run).review.overlap > 0 and not store.review_queue.is_shared(run.id)


def refresh(store: Store, run: Run) -> Refreshed:
    """Puts the queue in order where enough was answered since, keeps what is said of the run's quality, and withdraws an
    acceptance that its guarantee does not hold any more. Changes nothing where all that was done for the same answers.
    """
    from feedback.stats.review_order import REFIT, reason_of

    if not store.pushes.of_run(run.id):
        return Refreshed()
    evidence, figures = evidence_of(store, run), insights_of(store, run)  # both before anything is written
    withdrawn = _withdraw(store, run, evidence)
    if not evidence.answers:
        return Refreshed(withdrawn=withdrawn)
    due = len(evidence.answers) // REFIT * REFIT
    last = store.review_queue.last(run.id)
    moved = 0
    if due and (last is None or last.answered < due):
        order = evidence.order
        audit = store.review_queue.waiting_audit(run.id)[:MOST]
        following = interleaved(order.rows[:MOST], audit, len(evidence.of_audit))[:MOST]
        base = dict(zip(evidence.population.ids, evidence.population.contradiction.tolist(), strict=True))
        reasons = {row: reason_of(order, evidence.population, row) for row in order.rows[:MOST]}
        kept = QueueOrder("", order.method, order.fitted_on, due, order.coefficients, order.random_rows, reasons)
        moved = store.review_queue.reorder(run.id, following, base, kept)
    moved += store.review_queue.share(run.id, recipe_of(run).review.overlap, figures.second_opinions)
    for kind, statement in (("keep", figures.quality), ("rating", figures.rating)):
        if statement.value is not None and statement.identity:
            content = {**asdict(statement), "rows": [answer.row for answer in evidence.of_audit]}
            store.evidence.keep_statement(run.id, statement.identity, kind, content)
    return Refreshed(moved, withdrawn)


def _withdraw(store: Store, run: Run, evidence: Evidence) -> str:
    """Ends the acceptance of a run where its guarantee does not hold any more; returns why, "" where it stands."""
    from feedback.stats.acceptance import Acceptance, still_holds

    given = store.acceptances.last(run.id)
    if given is None or given.withdrawn:
        return ""
    decisions = store.acceptances.decisions(given.id)
    accepted = Acceptance(
        list(decisions), given.threshold, given.audit, 0, None, 0, (), "", risk=given.risk, confidence=given.confidence
    )
    standing = still_holds(accepted, evidence.population, evidence.of_audit, evidence.unreviewed)
    reason = standing.sentence if not standing.holds else _rated_anew(evidence, decisions)
    return reason if reason and store.acceptances.withdraw(run.id, reason) else ""


def _rated_anew(evidence: Evidence, decisions: Mapping[str, Decision]) -> str:
    """Why an acceptance ends whose rows the labeller decides otherwise by now; "" where it does not."""
    population = evidence.population
    known = {row: population.index[row] for row in decisions if row in population.index}
    anew = sum((population.keeps[at] == 1) != (decisions[row] == "approve") for row, at in known.items())
    if not anew:
        return ""
    return (
        f"{anew:,} of the rows {'was' if anew == 1 else 'were'} rated anew, and the labeller decides otherwise by now."
    )


def interleaved(queue: Sequence[str], audit: Sequence[str], reviewed: int) -> list[str]:
    """The rows that come next: audit rows alone until enough of them are `reviewed`, then one of three as long as there are any."""
    first = max(0, FIRST_AUDIT - reviewed)
    rows, waiting, queued = list(audit[:first]), list(audit[first:]), list(queue)
    while queued and waiting:
        rows += [waiting.pop(0), *queued[: AUDIT_EVERY - 1]]
        del queued[: AUDIT_EVERY - 1]
    return [*rows, *waiting, *queued]


def hand_out(workspace: Workspace, run: Run, argilla: Argilla, minutes: float, reviewer: str) -> tuple[ReviewList, str]:
    """A list of the next rows for so many minutes, and the path at which that Argilla shows it. Raises RunError, ArgillaError."""
    store = workspace.store
    sent = next((push for push in store.pushes.of_run(run.id) if push["server"] == argilla.name), None)
    if sent is None:
        raise RunError(
            f"The run {run.name} was not sent to {argilla.url} yet. Send it first.",
            terminal=f"claywright push {run.id}",
        )
    with Server(argilla.url, argilla.key) as server:
        handed = rows_for(store, run, minutes, reviewer)
        send_moved(store, run, server, argilla.name)
    return handed, list_path(str(sent["dataset_id"]), run.id, handed.batch)


def in_words(handed: ReviewList) -> str:
    """How many rows a list has, and how long they take."""
    rows = "1 row" if len(handed.rows) == 1 else f"{len(handed.rows):,} rows"
    return f"{handed.minutes:g} minutes: these {rows}, about {max(1, round(handed.seconds / 60))} min."


def rows_for(store: Store, run: Run, minutes: float, reviewer: str) -> ReviewList:
    """A list of the next rows for one reviewer that fit into so many minutes; one of three is a row that waits for a second one.

    With "" for the reviewer, such rows are left out. Raises RunError where nothing waits, or nothing fits.
    """
    from feedback.stats.review_pace import pace, rows_within

    second = store.review_queue.waiting_second(run.id, reviewer, MOST) if reviewer else []
    others = store.review_queue.listed_by_others(run.id, reviewer)
    waiting = [row for row in store.review_queue.following(run.id, MOST) if row not in others]
    following = interleaved(waiting, second, FIRST_AUDIT)
    if not following:
        raise RunError("No row waits to be reviewed: all that were sent are answered, or none was sent yet.")
    budget = rows_within(minutes, following, evidence_of(store, run).population, pace(timings_of(store, run)), reviewer)
    if not budget.rows:
        raise RunError(f"No row fits into {minutes:g} minutes. Take more time.")
    return store.review_queue.add_list(run.id, reviewer, budget.rows, minutes, budget.seconds)
