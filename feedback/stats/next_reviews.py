"""What the next reviews would change, so that people know when to stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedback.stats.quality import QualityStatement
from feedback.stats.review_order import LEAST_WRONG, QueueGain, ReviewOrder, features_of, fitted, judged
from feedback.stats.row_signals import Answer, Population, positions

if TYPE_CHECKING:
    from feedback.stats.row_signals import Floats

NEXT = 20
LEAST = 20
"""So many decisions must be known before it is foreseen what the queue shows next."""
FEW = 1.0
"""Fewer wrong decisions than so many among the next rows are no reason to go on."""
WORTH = 0.9
"""An interval that stays wider than this part of the one now is no reason either."""
SURE = 1.96


@dataclass(frozen=True, slots=True)
class NextReviews:
    """What `count` more reviews would bring.

    `half_now` and `half_then` are half the width of the quality statement's interval now and after as many more audit reviews;
    `wrong` is how many wrong decisions the next rows of the queue would show, from `wrong_low` to `wrong_high` (95 %).
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
    """What `count` more reviews would change; `answers` are all answers, of audit and queue.

    Wrong decisions are foreseen by a logistic regression on the signals of all that was decided; in a random order by the share
    that is wrong in the audit. The sum of the chances has their own variance, and that of the regression.
    """
    following = list(order.rows[:count])
    half_now, half_then = statement.half_width, _half_then(statement, count)
    expected = _expected(population, answers, order, gain, following)
    wrong, low, high = expected or (None, None, None)
    narrows = half_now is None or half_then is None or half_then < WORTH * half_now
    may_stop = half_now is not None and not narrows and (not following or (wrong is not None and wrong < FEW))
    parts = [_of_queue(len(following), wrong, low, high), _of_audit(statement, count, half_now, half_then)]
    sentence = "; ".join(part for part in parts if part)
    if may_stop:
        sentence = f"You may stop here: {sentence}"
    sentence = f"{sentence[:1].upper()}{sentence[1:]}." if sentence else "Every row is reviewed."
    return NextReviews(len(following), half_now, half_then, wrong, low, high, may_stop, sentence)


def _half_then(statement: QualityStatement, count: int) -> float | None:
    """Half the interval after as many more audit reviews: it is stated at fixed sizes, and the same in between."""
    half = statement.half_width
    if half is None or statement.more_for is None or statement.more_for[0] > count:
        return half
    return min(half, statement.more_for[1])


def _expected(
    population: Population, answers: Sequence[Answer], order: ReviewOrder, gain: QueueGain, following: Sequence[str]
) -> tuple[float, float, float] | None:
    """(wrong decisions among the rows that follow, from, to); None where too little is known."""
    import numpy as np

    if not following:
        return None
    rows, wrong = judged(population, answers)
    if len(rows) < LEAST:
        return None
    ahead = positions(population, following)
    if order.method == "random" or np.count_nonzero(wrong) < LEAST_WRONG:
        if gain.audit.value is None or gain.audit.low is None or gain.audit.high is None:
            return None
        chances = np.full(len(ahead), gain.audit.value)
        error = len(ahead) * (gain.audit.high - gain.audit.low) / 2 / SURE
        return _interval(chances, error)
    _, features = features_of(population)
    weights = fitted(features[rows], wrong)
    chances = _chances(features[ahead] @ weights)
    known = _chances(features[rows] @ weights)
    bend = (features[rows] * (known * (1 - known))[:, None]).T @ features[rows] + np.eye(features.shape[1])
    slope = (features[ahead] * (chances * (1 - chances))[:, None]).sum(axis=0)
    return _interval(chances, math.sqrt(max(0.0, float(slope @ np.linalg.solve(bend, slope)))))


def _chances(odds: "Floats") -> "Floats":
    import numpy as np

    chances: Floats = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return chances


def _interval(chances: "Floats", error: float) -> tuple[float, float, float]:
    """The sum of chances, and what it may come to."""
    value = float(chances.sum())
    half = SURE * math.sqrt(float((chances * (1 - chances)).sum()) + error**2)
    return value, max(0.0, value - half), min(float(len(chances)), value + half)


def _of_queue(count: int, wrong: float | None, low: float | None, high: float | None) -> str:
    if not count:
        return "no row waits in the queue"
    rows = "the next row of the queue" if count == 1 else f"the next {count:,} rows of the queue"
    if wrong is None or low is None or high is None:
        return f"what {rows} would show can't be told before {LEAST} decisions are known"
    about = (
        "less than one wrong decision"
        if round(wrong) < 1
        else f"about {wrong:.0f} wrong decision{'s' if round(wrong) != 1 else ''}"
    )
    return f"{rows} would show {about} ({low:.0f} to {high:.0f})"


def _of_audit(statement: QualityStatement, count: int, half_now: float | None, half_then: float | None) -> str:
    if statement.next_size is None:
        return "" if half_now is None else f"{_half(statement, half_now)} is the most precise that this audit can get"
    if half_now is None or half_then is None:
        return f"{_more(statement.missing)} before anything is said of the whole set"
    if half_then < half_now:
        return f"{_more(count)} would bring {_half(statement, half_now)} for the whole set to about {_half(statement, half_then)}"
    if statement.more_for is not None and statement.more_for[1] < half_now:
        return f"{_half(statement, half_now)} for the whole set stays until {_more(statement.missing)}"
    return f"{_half(statement, half_now)} for the whole set would stay"


def _half(statement: QualityStatement, half: float) -> str:
    return f"± {100 * half:.0f} points" if statement.of == "keep" else f"± {half:.2f}"


def _more(count: int) -> str:
    return f"{count:,} more audit review{'' if count == 1 else 's'}"
