"""How reviewers compare with each other: by pair, who is milder or stricter, and where a second opinion is worth asking.

Where a reviewer gave a range of ratings ("3 or 4, both are fine"), two agree if their sets have a value in common (Guerdan et
al. 2025, arXiv 2503.05965); where a number is needed, the middle of the range stands for it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from feedback.stats.measures import Measure, difference, share
from feedback.stats.row_signals import Answer, Population


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reviewer said of a row: `keep` is None for unsure, `rating` is on 1 to 5, `low` to `high` a range of both fine."""

    reviewer: str
    row: str
    keep: bool | None = None
    rating: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two reviewers on the rows that both decided: how often the decision is the same, and how often their ratings meet."""

    first: str
    second: str
    same: Measure
    ratings: Measure


@dataclass(frozen=True, slots=True)
class Mildness:
    """One reviewer beside the others on shared rows: points by which they rate higher, share of rows that they keep more often.

    `is_apart` is True where one of the two differs beyond chance.
    """

    reviewer: str
    rows: int
    ratings: Measure
    decisions: Measure
    is_apart: bool
    sentence: str


def pair_agreement(opinions: Sequence[Opinion]) -> list[PairAgreement]:
    """Each pair of reviewers that share a row, those with most shared rows first."""
    by_reviewer: dict[str, dict[str, Opinion]] = {}
    for opinion in opinions:
        by_reviewer.setdefault(opinion.reviewer, {})[opinion.row] = opinion
    pairs = []
    for first, second in combinations(sorted(by_reviewer), 2):
        mine, theirs = by_reviewer[first], by_reviewer[second]
        shared = sorted(mine.keys() & theirs.keys())
        same = [mine[r].keep == theirs[r].keep for r in shared if None not in (mine[r].keep, theirs[r].keep)]
        meet = [m for r in shared if (m := sets_meet(mine[r], theirs[r])) is not None]
        if same or meet:
            pairs.append(
                PairAgreement(first, second, share("same decision", same), share("ratings that meet", meet, "rating"))
            )
    return sorted(pairs, key=lambda pair: (-pair.same.n, pair.first, pair.second))


def sets_meet(one: Opinion, other: Opinion) -> bool | None:
    """True where two ratings, or ranges of ratings, have a value in common; None where one of the two did not rate."""
    a, b = _range(one), _range(other)
    return None if a is None or b is None else max(a[0], b[0]) <= min(a[1], b[1])


def _range(opinion: Opinion) -> tuple[float, float] | None:
    ends = [value for value in (opinion.low, opinion.high, opinion.rating) if value is not None]
    return (min(ends), max(ends)) if ends else None


def mildness(opinions: Sequence[Opinion]) -> list[Mildness]:
    """Each reviewer beside the others on the rows that they share with somebody.

    The difference on a row is to the mean of what all others said of it; Student's intervals of these differences are at 95 %.
    Somebody is apart where the interval leaves out 0 at a level that allows for as many comparisons as there are.
    """
    by_row: dict[str, dict[str, Opinion]] = {}
    for opinion in opinions:
        by_row.setdefault(opinion.row, {})[opinion.reviewer] = opinion
    rated: dict[str, list[float]] = {}
    kept: dict[str, list[float]] = {}
    shared: dict[str, int] = {}
    for said in by_row.values():
        ratings = {name: value for name, opinion in said.items() if (value := _middle(opinion)) is not None}
        decisions = {name: float(opinion.keep) for name, opinion in said.items() if opinion.keep is not None}
        _add_differences(rated, ratings)
        _add_differences(kept, decisions)
        for name in {n for values in (ratings, decisions) if len(values) > 1 for n in values}:
            shared[name] = shared.get(name, 0) + 1
    names = sorted({opinion.reviewer for opinion in opinions})
    measures = {
        name: (difference("rates higher", rated.get(name, [])), difference("keeps more often", kept.get(name, [])))
        for name in names
    }
    comparisons = sum(measure.value is not None for pair in measures.values() for measure in pair)
    return [_beside(name, shared.get(name, 0), *measures[name], comparisons) for name in names]


def _middle(opinion: Opinion) -> float | None:
    ends = _range(opinion)
    return None if ends is None else opinion.rating if opinion.rating is not None else fmean(ends)


def _add_differences(to: dict[str, list[float]], values: Mapping[str, float]) -> None:
    """How each of several differs from the mean of the others."""
    if len(values) < 2:
        return
    total = sum(values.values())
    for name, value in values.items():
        to.setdefault(name, []).append(value - (total - value) / (len(values) - 1))


def _beside(name: str, rows: int, ratings: Measure, decisions: Measure, comparisons: int) -> Mildness:
    apart = [measure for measure in (ratings, decisions) if _is_apart(measure, comparisons)]
    sentence = ""
    if decisions.value is not None or ratings.value is not None:
        told = [
            part
            for measure, part in ((decisions, _keeps_more(decisions)), (ratings, _rates_higher(ratings)))
            if part and (measure in apart or not apart)
        ]
        sides = {math.copysign(1, measure.value) for measure in apart if measure.value}
        how = "differs" if len(sides) > 1 else "is milder" if sides == {1.0} else "is stricter"
        judged = (
            f"{name} {how} than the others: " if apart else f"{name} is neither milder nor stricter beyond chance: "
        )
        judged = judged.replace("differs than", "differs from")
        sentence = f"{judged}{' and '.join(told)}."
    elif rows:
        sentence = f"{name} shares {rows:,} row{'' if rows == 1 else 's'} with others, too few to compare them."
    return Mildness(name, rows, ratings, decisions, bool(apart), sentence)


def _is_apart(measure: Measure, comparisons: int) -> bool:
    """True where a difference is not 0, at 5 % for all comparisons together."""
    if measure.value is None:
        return False
    if measure.low is None or measure.high is None:
        return abs(measure.value) > 1e-9  # the same on every row
    from scipy.special import stdtrit

    error = (measure.high - measure.low) / 2 / float(stdtrit(measure.n - 1, 0.975))
    return abs(measure.value) > error * float(stdtrit(measure.n - 1, 1 - 0.025 / comparisons))


def _keeps_more(measure: Measure) -> str:
    if measure.value is None:
        return ""
    more = "more" if measure.value >= 0 else "fewer"
    inside = ""
    if measure.low is not None and measure.high is not None:
        low, high = (measure.low, measure.high) if measure.value >= 0 else (-measure.high, -measure.low)
        inside = f"{_points(low)} to {_points(high)}, "
    return (
        f"keeps {abs(100 * measure.value):.0f} {more} of 100 rows ({inside}from {measure.n:,} that others decided too)"
    )


def _points(share: float) -> str:
    return f"{round(100 * share) + 0:d}".replace("-", "−")


def _rates_higher(measure: Measure) -> str:
    if measure.value is None:
        return ""
    higher = "higher" if measure.value >= 0 else "lower"
    inside = ""
    if measure.low is not None and measure.high is not None:
        low, high = (measure.low, measure.high) if measure.value >= 0 else (-measure.high, -measure.low)
        inside = f"{low:.1f} to {high:.1f}, ".replace("-", "−")
    return f"rates {abs(measure.value):.1f} points {higher} ({inside}from {measure.n:,} rows that others rated too)"


def second_opinions(population: Population, answers: Sequence[Answer], asked: Mapping[str, int]) -> list[str]:
    """Rows on which one person decided against the labeller and all its signals, those first on which the signals agree most.

    `asked` says how many people decided each row. The signals agree with the labeller where its other opinions do, and no check
    speaks for the person. Rows of the audit are left out: asking again only where people differ from the labeller would make the
    labeller look better than it is.
    """
    found = []
    for answer in answers:
        at = population.index.get(answer.row)
        if at is None or answer.is_audit or answer.keep is None or asked.get(answer.row, 1) > 1:
            continue
        keeps = int(population.keeps[at])
        against = keeps >= 0 and answer.keep != (keeps == 1)
        agrees = float(population.contradiction[at]) < 0 and not math.isnan(float(population.opinions[at]))
        failed = not answer.keep and population.failed_checks[at] > 0
        if against and agrees and not failed:
            found.append((float(population.contradiction[at]), answer.row))
    return [row for _, row in sorted(found)]
