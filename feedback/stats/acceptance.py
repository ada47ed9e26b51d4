"""Which rows need no person: the largest set of unreviewed rows of which at most a chosen share would be decided otherwise.

Told from the sealed audit, whose rows were drawn at random before anybody saw one. Rows are taken in the order of how little the
labeller contradicts itself (`doubts`). Of the rows within a threshold the audit rows are a random sample without replacement,
which bounds how many of them people would decide otherwise; those that were reviewed are known, so the bound is one of the
others. Audit rows that people skipped or were unsure of count as decided otherwise.

The bound may be looked at after every review: it is a confidence sequence (Waudby-Smith and Ramdas 2020, "Confidence sequences
for sampling without replacement", arXiv 2006.04347), made of the likelihood ratio of fixed guesses to each number of wrong rows.
Thresholds are tested in a fixed order, from the strictest on (Angelopoulos et al. 2021, "Learn then Test", arXiv 2110.01052), from
a few fixed beginnings that share the error; what the earlier of them held is handed on (Wiens 2003, the fallback procedure).
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedback.stats.row_signals import Answer, Population, audit_only, equal_share, positions

if TYPE_CHECKING:
    from feedback.stats.row_signals import Bools, Floats, Ints

REJECTED = 1.0
"""How much lower the contradiction of a rejected row can be than that of a kept one, as the middle of the scale is 3.5 of 5."""
STEPS = 20
"""Thresholds are tried at so many equal parts of the rows."""
BEGINNINGS = {0.4: 0.3, 0.5: 0.6, 1.0: 0.1}
"""The parts of the rows at which the sequence may begin, and the part of the error that each may spend."""
GUESSES = {0.0: 0.55, 0.1: 0.05, 0.2: 0.1, 0.3: 0.15, 0.5: 0.1}
"""Fixed guesses of how much is wrong, as parts of the risk, and their weights."""
GUESSES_BEYOND = {0.1: 0.02, 0.2: 0.01, 0.4: 0.01, 0.7: 0.01}
"""Further guesses, as shares of the rows, so that the bound says something where much more is wrong."""
MOST_AHEAD = 5000
"""No more reviews than so many are foreseen."""


@dataclass(frozen=True, slots=True)
class AcceptancePoint:
    """One threshold: so many unreviewed `rows` (a `share` of all unreviewed) lie within it, and `n` audit reviews, of which
    `disagreements` decided otherwise than the labeller or not at all; `bound` is the most that is wrong with the confidence.
    """

    threshold: float
    rows: int
    share: float
    n: int
    disagreements: int
    bound: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The rows that need no reviewer, empty where there are none yet; then `missing` audit reviews are needed at best.

    `threshold` is the highest of the `doubts` that is accepted, `n`, `disagreements` and `bound` belong to it. `stated_at` counts
    the audit reviews that it was told from, within the threshold and beyond. `missing` is 0 also where no number would do.
    """

    rows: Sequence[str]
    threshold: float | None
    n: int
    disagreements: int
    bound: float | None
    missing: int
    curve: Sequence[AcceptancePoint]
    sentence: str
    risk: float = 0.05
    confidence: float = 0.95
    unreviewed: int = 0
    stated_at: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an acceptance that was given earlier still holds, and why not."""

    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class _Inside:
    """The rows within a threshold: `total` of them, `left` of them unreviewed, `n` of the audit's, `wrong` of these."""

    threshold: float
    total: int
    left: int
    n: int
    wrong: int


def acceptance(
    population: Population,
    answers: Sequence[Answer],
    unreviewed: Collection[str],
    risk: float = 0.05,
    confidence: float = 0.95,
    waiting: int | None = None,
) -> Acceptance:
    """The rows of `unreviewed` that may go without a reviewer, from `answers` to audit rows, of which `waiting` more have none yet.

    The chance that it ever names a set of which more than `risk` would be decided otherwise is 1 - `confidence`, however often
    it is asked as answers come in. Rows that the labeller did not decide are never named. Raises NotAudit where `answers` has a
    row of the queue.
    """
    import numpy as np

    given = [answer for answer in audit_only(answers) if answer.row in population.index]
    sample = equal_share(population, given)
    left = _marked(population, unreviewed) & (population.keeps >= 0)
    grid = _grid(population)
    inside = _inside(population, sample, left, [edge for edge, _ in grid])
    error = 1 - confidence
    accepted, level = [False] * len(grid), 0.0
    for at, (_, weight) in enumerate(grid):
        level += weight
        accepted[at] = level > 0 and inside[at].left > 0 and _holds(inside[at], risk, level * error)
        if not accepted[at]:
            level = 0.0
    curve = [
        AcceptancePoint(
            each.threshold, each.left, each.left / max(len(unreviewed), 1), each.n, each.wrong, bound, passed
        )
        for each, bound, passed in zip(inside, _bounds(inside, risk, error), accepted, strict=True)
    ]  # fmt: skip
    best = max((at for at, passed in enumerate(accepted) if passed), default=None)
    if best is not None:
        point = curve[best]
        within = np.flatnonzero(left & (doubts(population) <= point.threshold))
        rows = [population.ids[at] for at in within.tolist()]
        sentence = _granted(point, len(unreviewed), len(sample), risk, confidence)
        return Acceptance(rows, point.threshold, point.n, point.disagreements, point.bound, 0, curve, sentence, risk,
                          confidence, len(unreviewed), len(sample))  # fmt: skip
    starts = [(each, weight * error) for each, (_, weight) in zip(inside, grid, strict=True) if weight]
    missing = min((more for each, level in starts if (more := _missing(each, risk, level, int(left.sum())))), default=0)
    sentence = _refused(inside, bool(left.any()), missing, len(given), len(sample), risk, waiting)
    return Acceptance((), None, 0, 0, None, missing, curve, sentence, risk, confidence, len(unreviewed), len(sample))


def still_holds(
    given: Acceptance, population: Population, answers: Sequence[Answer], unreviewed: Collection[str]
) -> Standing:
    """Whether rows that were accepted earlier may stay so after later reviews.

    The bound holds at all times together, so that the least that it ever was at their threshold holds as well: a review or two
    that disagree do not end an acceptance that was proven before. What ends it is that the audit reviews of now, of which some may
    have been changed, never were enough, or that more than the risk of them disagree. Rows that were added after the accepted
    ones say nothing against them.
    """
    import numpy as np

    audit = [answer for answer in audit_only(answers) if answer.row in population.index]
    rows = positions(population, given.rows)
    left = _marked(population, unreviewed)
    remaining = rows[left[rows]]
    if given.threshold is None or not len(remaining):
        return Standing(True, "")
    batches = np.unique(population.batch[rows])
    of_them = np.isin(population.batch, batches)
    audit = [answer for answer in audit if of_them[population.index[answer.row]]]
    sample = equal_share(_part(population, of_them), audit)
    edge = max(given.threshold, float(doubts(population)[remaining].max()))
    chosen = np.zeros(len(population), dtype=bool)
    chosen[remaining] = True
    (inside,) = _inside(population, sample, chosen, [edge], of_them)
    if _ever_held(population, sample, inside, given.risk, 1 - given.confidence):
        return Standing(True, "")
    (bound,) = _bounds([inside], given.risk, 1 - given.confidence)
    return Standing(
        False,
        f"{_count(len(remaining), 'row')} that needed no reviewer {'needs' if len(remaining) == 1 else 'need'} one again: people "
        f"decided otherwise on {inside.wrong:,} of {_count(inside.n, 'audit row')} of this kind, so up to {_per_cent(bound)} of "
        f"them may be wrong, more than the {_per_cent(given.risk)} that you allowed.",
    )


def doubts(population: Population) -> "Floats":
    """How far the other opinions of each row are from the end of the scale that agrees with the labeller's decision.

    It is the contradiction, where that of rejected rows is one point higher, so that both decisions begin at the same value.
    """
    import numpy as np

    return population.contradiction + np.where(population.keeps == 0, REJECTED, 0.0)


def _marked(population: Population, rows: Collection[str]) -> "Bools":
    """True where one of the rows stands."""
    import numpy as np

    marked = np.zeros(len(population), dtype=bool)
    marked[positions(population, rows)] = True
    return marked


def _part(population: Population, part: "Bools") -> Population:
    """The rows of a part of the population."""
    ids = [row for row, inside in zip(population.ids, part.tolist(), strict=True) if inside]
    return Population.of(ids, {"batch": population.batch[part].tolist()})


def _grid(population: Population) -> list[tuple[float, float]]:
    """(threshold, the part of the error that may be spent at it first), from the strictest on.

    It depends on the signals alone, not on what people answered.
    """
    import numpy as np

    known = np.sort(doubts(population)[population.keeps >= 0])
    if not len(known):
        return []

    def at(part: float) -> float:
        return float(known[max(0, int(np.ceil(part * len(known) - 1e-9)) - 1)])

    weights = dict.fromkeys((at(step / STEPS) for step in range(1, STEPS + 1)), 0.0)
    for part, weight in BEGINNINGS.items():
        weights[at(part)] = weights.get(at(part), 0.0) + weight
    return sorted(weights.items())


def _inside(
    population: Population,
    sample: Sequence[Answer],
    left: "Bools",
    thresholds: Sequence[float],
    among: "Bools | None" = None,
) -> list[_Inside]:
    """What is known of the rows within each threshold."""
    import numpy as np

    known = population.keeps >= 0
    if among is not None:
        known &= among
    doubt = doubts(population)
    rows = positions(population, [answer.row for answer in sample])
    keeps = np.array([-1 if answer.keep is None else int(answer.keep) for answer in sample], dtype=np.int64)
    drawn = known[rows]
    wrong = drawn & (keeps != population.keeps[rows])

    def counts(values: "Floats") -> "Ints":
        return np.searchsorted(np.sort(values), np.array(thresholds), side="right")

    columns = (
        counts(doubt[known]),
        counts(doubt[known & left]),
        counts(doubt[rows][drawn]),
        counts(doubt[rows][wrong]),
    )
    return [
        _Inside(threshold, *(int(n) for n in numbers)) for threshold, *numbers in zip(thresholds, *columns, strict=True)
    ]


def _log_chance(wrong: "Ints", total: "Ints", n: "Ints", seen: "Ints") -> "Floats":
    """The log of the chance that n of all rows, drawn at random, have `seen` wrong ones, but for what any number `wrong` shares."""
    import numpy as np
    from scipy.special import gammaln

    right = n - seen
    possible = (wrong >= seen) & (total - wrong >= right)
    w = np.where(possible, wrong, seen)
    rest = np.where(possible, total - wrong - right, 0)
    values = gammaln(w + 1) - gammaln(w - seen + 1) + gammaln(rest + right + 1) - gammaln(rest + 1)
    return np.where(possible, values, -np.inf)


def _ratios(wrong: "Ints", total: "Ints", n: "Ints", seen: "Ints", risk: float) -> "Floats":
    """The log of how much likelier the guesses together make what was seen than so many wrong rows do."""
    import numpy as np

    shares = np.array([*(part * risk for part in GUESSES), *GUESSES_BEYOND])[:, None]
    weights = np.array([*GUESSES.values(), *GUESSES_BEYOND.values()])[:, None]
    guesses = np.round(shares * total).astype(np.int64)
    guessed = np.logaddexp.reduce(np.log(weights / weights.sum()) + _log_chance(guesses, total, n, seen), axis=0)
    against = _log_chance(wrong, total, n, seen)
    ruled_out = np.isneginf(against)
    return np.where(ruled_out, np.inf, guessed - np.where(ruled_out, 0.0, against))


def _holds_with(inside: _Inside, risk: float, level: float, more: "Ints") -> "Bools":
    """Whether the bound is within the risk, after so many more audit reviews that all agree."""
    import numpy as np

    n = inside.n + more
    total, seen = np.full(len(n), inside.total), np.full(len(n), inside.wrong)
    least = np.floor(risk * (inside.left - more) + seen + 1e-9).astype(np.int64) + 1
    likeliest = np.where(n > 0, seen * (total + 1) // np.maximum(n, 1), total)
    holds: Bools = (least > likeliest) & (_ratios(least, total, n, seen, risk) >= -np.log(level))
    return holds


def _holds(inside: _Inside, risk: float, level: float) -> bool:
    import numpy as np

    return bool(_holds_with(inside, risk, level, np.zeros(1, dtype=np.int64))[0])


def _ever_held(population: Population, sample: Sequence[Answer], inside: _Inside, risk: float, level: float) -> bool:
    """Whether what holds now was within the bound after any of the reviews, and no more than the risk of them disagree."""
    import numpy as np

    if not inside.n or inside.wrong > risk * inside.n:
        return False
    rows = positions(population, [answer.row for answer in sample])
    keeps = np.array([-1 if answer.keep is None else int(answer.keep) for answer in sample], dtype=np.int64)
    drawn = (doubts(population)[rows] <= inside.threshold) & (population.keeps[rows] >= 0)
    seen = np.cumsum(keeps[drawn] != population.keeps[rows][drawn])
    n = np.arange(1, len(seen) + 1)
    least = int(np.floor(risk * inside.left + inside.wrong + 1e-9)) + 1
    total = np.full(len(n), inside.total)
    ruled_out = _ratios(np.full(len(n), least), total, n, seen, risk) >= -np.log(level)
    return bool(np.any(ruled_out & (least > seen * (total + 1) // n)))


def _bounds(inside: Sequence[_Inside], risk: float, level: float) -> list[float]:
    """The most of the unreviewed rows within each threshold that people would decide otherwise, as a share."""
    import numpy as np

    total, left, n, seen = (
        np.array([getattr(each, name) for each in inside], dtype=np.int64) for name in ("total", "left", "n", "wrong")
    )
    high = total - (n - seen)
    low = np.minimum(seen * (total + 1) // np.maximum(n, 1), high)
    while np.any(low < high):
        middle = (low + high + 1) // 2
        out = _ratios(middle, total, n, seen, risk) >= -np.log(level)
        low, high = np.where(out, low, middle), np.where(out, np.maximum(middle - 1, low), high)
    shares = np.where(left > 0, np.clip((low - seen) / np.maximum(left, 1), 0, 1), 0.0)
    return [float(share) for share in np.where((n == 0) & (left > 0), 1.0, shares)]


def _missing(inside: _Inside, risk: float, level: float, left: int) -> int:
    """How many more audit reviews make the bound hold where all of them agree; 0 where no number does.

    Those that are drawn from all that is `left` fall within the threshold as often as its rows do.
    """
    import numpy as np

    most = min(inside.left - 1, MOST_AHEAD)
    first, last = 1, min(64, most)
    while first <= last:
        ahead = np.arange(first, last + 1, dtype=np.int64)
        enough = _holds_with(inside, risk, level, ahead)
        if enough.any():
            return math.ceil(int(ahead[np.argmax(enough)]) * left / inside.left)
        first, last = last + 1, min(4 * last, most)
    return 0


def _granted(point: AcceptancePoint, unreviewed: int, n: int, risk: float, confidence: float) -> str:
    need = "needs" if point.rows == 1 else "need"
    of_them = "it" if point.rows == 1 else "them"
    against = "none of them" if not point.disagreements else f"{point.disagreements:,} of them"
    return (
        f"{point.rows:,} of these {_count(unreviewed, 'unreviewed row')} {need} no reviewer: at most {_per_cent(risk)} of "
        f"{of_them} would be decided otherwise ({_per_cent(confidence)} sure, from {_count(n, 'audit review')}, of which "
        f"{point.n:,} are of such rows, {against} decided otherwise)."
    )


def _refused(
    inside: Sequence[_Inside], any_left: bool, missing: int, given: int, n: int, risk: float, waiting: int | None
) -> str:
    if not inside:
        return "None: the labeller decided no row, so none can stand without a reviewer."
    if not any_left:
        return "None: every row that the labeller decided is reviewed."
    last = inside[-1]
    so_far = ""
    if last.n:
        so_far = f" People decided otherwise on {last.wrong:,} of {_count(last.n, 'audit row')} so far."
    if given > n:
        so_far += (
            f" {_count(given - n, 'more audit review')} will count once the same share of the rows that were added at "
            "other times is reviewed."
        )
    if not missing:
        return (
            f"None: too few rows are left to prove that at most {_per_cent(risk)} of them would be decided otherwise; "
            f"review them, or allow a higher risk.{so_far}"
        )
    if waiting is not None and missing > waiting:
        has = f"has {waiting:,} more" if waiting else "is reviewed to its end"
        return (
            f"None at {_per_cent(risk)}: {_count(missing, 'more audit review')} would be needed at best, and the audit {has}. "
            f"Allow a higher risk.{so_far}"
        )
    return f"None yet: {_count(missing, 'more audit review')} needed at best, if people agree with all of them.{so_far}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _per_cent(share: float) -> str:
    return f"{100 * share:.3g}%"
