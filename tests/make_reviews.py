"""Runs as they stand once their rows were sent and people answered some, without an Argilla."""

from collections.abc import Mapping

from app.recipe import Recipe, recipe_of
from app.review.reviewed_rows import judged_rows
from app.store.columns import now
from app.store.reviews.pushes import Push
from app.store.runs import Run
from app.store.store import Store
from feedback.stats.row_signals import signals_of
from tests.make_runs import Rate, rated, with_run

EMBEDDED = "embedded"


def sent(store: Store, run: Run, *, seed: int = 5, blind_audit: bool = False) -> Push:
    """The run's rows as Argilla has them after a push: sealed, with their signals."""
    recipe = recipe_of(run)
    aspect = next(iter(recipe.rating.keys), "") if recipe.rating else ""
    signals = {judged.row.id: signals_of(judged, aspect) for judged in judged_rows(store, run)}
    store.evidence.keep_signals(signals)
    push = store.pushes.begin_push(run.id, EMBEDDED, f"dataset of {run.id}", run.id, "default", seed, "looks")
    store.pushes.plan(push, {row: known.contradiction for row, known in signals.items()}, blind_audit=blind_audit)
    at = now()
    store.pushes.keep_sent(push, [(row, "hash", {}) for row in signals], at)
    store.pushes.finish_push(push, at, [])
    return push


def sent_run(
    store: Store,
    rows: int,
    made: Recipe | None = None,
    *,
    rate: Rate = rated,
    name: str = "rivers-1",
    responses: int = 1,
) -> Run:
    """A run of so many rows that were sent."""
    run = with_run(store, rows, made, rate=rate, name=name, responses=responses)
    sent(store, run)
    return run


def decide(store: Store, decisions: Mapping[str, str | None], who: str = "ann") -> None:
    """What somebody decided on rows; None skips a row."""
    for row, decision in decisions.items():
        changes = {} if decision is None else {"decision": decision}
        store.local_verdicts.say(row, who, changes, {}, status="discarded" if decision is None else "")
