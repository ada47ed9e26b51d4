"""Whether the labeller likes long responses: mean ratings by length, and how strongly the one goes with the other.

All of it is told from counts of (words of a response, its mean rating): how many responses have both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BANDS = 5
LEAST_IN_BAND = 10
LEAST = 20
"""Fewer responses say too little about how ratings go with length."""
STEPS = ((20, 1), (100, 5), (200, 10), (1000, 50), (2000, 100))
"""Up to so many words, an edge between bands is a multiple of so many; of 500 beyond."""
SURE = 0.95
Counts = Mapping[tuple[int, float], int]
"""How many responses have so many words and that mean rating."""


@dataclass(frozen=True, slots=True)
class Band:
    """Responses of `first` to `last` words (None: and longer), their mean rating and its 95 % interval.

    No interval where there are fewer than two responses or all ratings are the same.
    """

    first: int
    last: int | None
    n: int
    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        if self.last is None:
            return f"over {self.first - 1:,}" if self.first else "all lengths"
        return f"up to {self.last:,}" if not self.first else f"{self.first:,}–{self.last:,}"


@dataclass(frozen=True, slots=True)
class ByLength:
    """The bands of one aspect, the shortest first, and Spearman's rank correlation of words and rating of `n` responses.

    `correlation` is None below LEAST responses, or where all are as long or all are rated the same.
    """

    n: int = 0
    bands: Sequence[Band] = ()
    correlation: float | None = None
    levels: int = 5

    @property
    def words(self) -> str:
        """What the correlation says, in words."""
        if self.n < LEAST:
            more = LEAST - self.n
            return (
                f"{more} more rated response{'' if more == 1 else 's'} needed to tell whether ratings go with length."
            )
        if self.correlation is None:
            return "Nothing to tell: all responses are as long, or all are rated the same."
        size = abs(self.correlation)
        if size < 0.1:
            return "Ratings hardly depend on length."
        how = "slightly" if size < 0.3 else "clearly" if size < 0.5 else "much"
        which = "higher" if self.correlation > 0 else "lower"
        return f"Longer responses are rated {how} {which}."


def by_length(counts: Counts, edges: Sequence[int], levels: int = 5) -> ByLength:
    """The counts in bands that end at `edges`, and the correlation over all of them; ratings are on so many levels."""
    bands, first = [], 0
    for last in (*edges, None):
        inside = {
            (size, value): n for (size, value), n in counts.items() if size >= first and (last is None or size <= last)
        }
        if inside:
            bands.append(_band(first, last, inside, levels))
        first = 0 if last is None else last + 1
    return ByLength(sum(counts.values()), bands, spearman(counts), levels)


def edges_of(sizes: Mapping[int, int]) -> list[int]:
    """The last number of words of each band but the longest, from how many responses have so many words.

    The bands are fifths, each up to the next readable number, and fewer where a band would have less than ten responses.
    """
    total = sum(sizes.values())
    bands = min(BANDS, total // LEAST_IN_BAND)
    edges: list[int] = []
    below = 0
    ordered = sorted(sizes.items())
    for size, n in ordered:
        below += n
        if len(edges) < bands - 1 and below >= total * (len(edges) + 1) / bands:
            edges.append(size)
    edges = sorted({_readable(edge) for edge in edges})
    return _with_enough(edges, ordered)


def _readable(edge: int) -> int:
    step = next((step for most, step in STEPS if edge <= most), 500)
    return max(step, math.ceil(edge / step) * step)


def _with_enough(edges: Sequence[int], sizes: Sequence[tuple[int, int]]) -> list[int]:
    """The edges that leave enough on either side of them."""
    kept: list[int] = []
    for edge in edges:
        since = kept[-1] if kept else -1
        if (
            sum(n for size, n in sizes if since < size <= edge) >= LEAST_IN_BAND
            and sum(n for size, n in sizes if size > edge) >= LEAST_IN_BAND
        ):
            kept.append(edge)
    return kept


def _band(first: int, last: int | None, inside: Counts, levels: int) -> Band:
    n = sum(inside.values())
    mean = sum(value * many for (_, value), many in inside.items()) / n
    squares = sum((value - mean) ** 2 * many for (_, value), many in inside.items())
    if n < 2 or squares < 1e-9:
        return Band(first, last, n, mean)
    from scipy.stats import t

    half = float(t.ppf((1 + SURE) / 2, n - 1)) * math.sqrt(squares / (n - 1) / n)
    return Band(first, last, n, mean, max(1.0, mean - half), min(float(levels), mean + half))


def spearman(counts: Counts) -> float | None:
    """Spearman's rank correlation (Spearman 1904, doi:10.2307/1412159) of words and rating; None where it says nothing."""
    if sum(counts.values()) < LEAST or len({size for size, _ in counts}) < 2 or len({value for _, value in counts}) < 2:
        return None
    import numpy as np
    from scipy.stats import spearmanr

    many = list(counts.values())
    sizes, values = (np.repeat([pair[at] for pair in counts], many) for at in (0, 1))
    return float(spearmanr(sizes, values).statistic)
