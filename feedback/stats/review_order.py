"""Which row a person looks at next, and whether the order is worth following.

The start is the signed contradiction: how strongly the labeller's other opinions speak against its decision. From the third
wrong decision on an order is learned from what people decided.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from feedback.stats.measures import Measure, share
from feedback.stats.row_signals import Answer, Population

REFIT = 20
"""The learned order is fitted anew after so many reviews."""


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """The rows that wait in the queue, next first.

    `random_rows` are those that stand where they stand by chance. `scores` is what each row is ordered by; `coefficients` and
    `fitted_on` (reviews) are of the learned order.
    """

    method: Literal["contradiction", "learned", "random"]
    rows: Sequence[str]
    scores: Mapping[str, float]
    random_rows: frozenset[str] = frozenset()
    coefficients: Mapping[str, float] = field(default_factory=dict)
    fitted_on: int = 0


@dataclass(frozen=True, slots=True)
class QueueGain:
    """How many decisions of the labeller people found wrong in the queue, beside how many in rows drawn at random.

    `is_better` is True or False where the two differ beyond chance, or clearly do not, and None where it is open.
    """

    queue: Measure
    audit: Measure
    is_better: bool | None
    sentence: str


def review_order(population: Population, answers: Sequence[Answer], audit: Collection[str], seed: int) -> ReviewOrder:
    """The unanswered rows outside the audit, in the order in which they are best reviewed."""
    import numpy as np

    rng = np.random.default_rng(seed)
    ties = rng.random(len(population))
    done = {answer.row for answer in answers} | set(audit)
    waiting = np.array([at for at, row in enumerate(population.ids) if row not in done], dtype=np.int64)
    ordered = waiting[np.lexsort((ties[waiting], -population.contradiction[waiting]))]
    rows = [population.ids[at] for at in ordered]
    scores = population.contradiction[ordered].tolist()
    return ReviewOrder("contradiction", rows, dict(zip(rows, scores, strict=True)))


def why(order: ReviewOrder, population: Population, row: str, *, aspect: str = "the rating", levels: int = 5) -> str:
    """Why a row stands where it stands, for a person: "aspects average 2.3, helpfulness says 5"."""
    at = population.index[row]
    if row in order.random_rows:
        return "picked at random"
    others, rating = population.opinions[at], population.rating[at]
    if others != others or rating != rating:
        return "nothing else is known of it than its rating"
    scale = (levels - 1) / 4
    return f"other opinions average {1 + (others - 1) * scale:.1f}, {aspect} says {1 + (rating - 1) * scale:.3g}"


def queue_gain(population: Population, answers: Sequence[Answer]) -> QueueGain:
    """What the queue found beside what the audit found, from all decided rows of which the labeller decided something."""
    wrong: dict[bool, list[bool]] = {True: [], False: []}
    for answer in answers:
        at = population.index.get(answer.row)
        if at is not None and answer.keep is not None and population.keeps[at] >= 0:
            wrong[answer.is_audit].append(answer.keep != bool(population.keeps[at]))
    queue, audit = share("wrong in the queue", wrong[False]), share("wrong in the audit", wrong[True])
    return QueueGain(queue, audit, None, f"The queue: {queue.shown}. Random rows: {audit.shown}.")
