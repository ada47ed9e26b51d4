"""What Insights and Rate count over all ratings of a run: on a large one it takes a while, and is asked for beside the glances."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.review.insights import Insights, insights_of
from app.review.reviewed_rows import agreement_of
from app.runs.row_checks import Standing, standings
from app.store.ratings import Wide
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.dataset_settings import Shape, shape_of
from feedback.stats.agreement import Agreement
from feedback.stats.histograms import Said
from feedback.stats.length_bias import ByLength, by_length, edges_of
from feedback.stats.pairwise import PairwiseFigures, figures
from tasks.engine.retries import Tally

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
WORTH_A_LOOK = 6
SHAPE_FROM = 50
"""Rows from which the page tells what a record will hold."""


class Find(Protocol[T_co]):
    """Tells something of a run; what it is called names the answer."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, store: Store, run: Run) -> T_co: ...


def first_shape(store: Store, run: Run) -> Shape | None:
    """What a record has to hold for the first rows; None while there are none."""
    rows = store.rows.page(run.id, 0, SHAPE_FROM)
    return shape_of(rows) if rows else None


def ratings(store: Store, run: Run) -> list[Said]:
    """How many ratings of each aspect, model, status and value."""
    return store.ratings.histogram(run.id)


def versions(store: Store, run: Run) -> list[tuple[str, str, int]]:
    """How many rows each version of each rubric has rated."""
    return store.ratings.by_rubric(run.id)


def lengths(store: Store, run: Run) -> dict[str, ByLength]:
    """Ratings by length of the response, in the same bands for each aspect; under "" those of all aspects together."""
    rated = store.ratings.by_words(run.id)
    if not rated:
        return {}
    sizes: dict[int, int] = {}
    for (size, _), n in rated[""][1].items():
        sizes[size] = sizes.get(size, 0) + n
    edges = edges_of(sizes)
    return {aspect: by_length(counts, edges, levels) for aspect, (levels, counts) in sorted(rated.items())}


def which_is_better(store: Store, run: Run) -> PairwiseFigures:
    """What the labeller's comparisons come to."""
    return figures(store.preferences.of_run(run.id))


def wide(store: Store, run: Run) -> tuple[list[Wide], int]:
    """The rows whose ratings contradict one another most, and how many there are."""
    return store.ratings.wide(run.id, WORTH_A_LOOK)


def marked(store: Store, run: Run) -> dict[str, int]:
    """How many responses are marked, by mark."""
    return store.rows.marked(run.id)


def checks(store: Store, run: Run) -> list[Standing]:
    """How the responses fare under each check."""
    return standings(store, run)


def agreement(store: Store, run: Run) -> Agreement:
    """How people and the labeller agree, and reviewers with each other."""
    return agreement_of(store, run)


@dataclass(frozen=True)
class InsightsAt:
    """Finds what the reviews of a run prove; `risk` is the share of accepted rows that may be wrong."""

    risk: float

    @property
    def __name__(self) -> str:
        return f"insights at {self.risk:g}"

    def __call__(self, store: Store, run: Run) -> Insights:
        return insights_of(store, run, self.risk)


STAGES = {"generate": "instructions", "answer": "responses", "rate": "ratings", "embed": "vectors"}
"""What the calls of a stage are for, in words."""
EARLIER = "not told apart"
COUNTED = (
    "sent", "answered", "recalled", "failed_attempts", "prompt_tokens", "completion_tokens", "seconds", "remembered_tokens",
)  # fmt: skip


def spent(store: Store, run: Run, working: dict[tuple[str, str], Tally] | None = None) -> list[tuple[str, str, Tally]]:
    """(what for, model, what its calls took), with those of the job at work; last what was spent before it was told apart."""
    workings = [w for w in store.usage.all(run.id) if working is None or not w.open]
    spending = store.usage.spent(run.id, ended=working is not None)
    total = added(*(Tally(**{name: getattr(w, name) for name in COUNTED if hasattr(w, name)}) for w in workings))
    apart = added(*spending.values())
    earlier = Tally(*(max(0, getattr(total, name) - getattr(apart, name)) for name in _names()))
    for key, tally in list((working or {}).items()):
        spending[key] = added(spending[key], tally) if key in spending else tally
    order = {stage: number for number, stage in enumerate(STAGES)}
    each = sorted(spending.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0]))
    lines = [
        (STAGES.get(stage, "other"), model, tally) for (stage, model), tally in each if tally.sent or tally.recalled
    ]
    return [*lines, (EARLIER, "", earlier)] if earlier.sent or earlier.recalled else lines


def added(*tallies: Tally) -> Tally:
    return Tally(*(sum(getattr(tally, name) for tally in tallies) for name in _names()))


def _names() -> list[str]:
    return list(Tally.__dataclass_fields__)
