"""Ratings counted: how many of each value, what they come to, how many there is no value of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from feedback.rating_summary import rounded
from feedback.rubrics import STANDARD_LEVELS, on_five

K = TypeVar("K")

Said = tuple[str, str | None, str, float | None, int, int]
"""(aspect, model of the response, status, value, levels of its scale, how many) as the store counts them; no model where the
instruction was rated."""


@dataclass
class Histogram:
    """Ratings of one aspect, one model, or all, on one scale.

    `counts` has them at the nearest level, halves upwards, from 1 on; `between` are those that were no whole numbers. The mean
    is of the values as they were given. Values of another scale are put onto this one, its ends on the ends.
    """

    counts: list[int] = field(default_factory=lambda: [0] * STANDARD_LEVELS)
    total: float = 0.0
    between: int = 0
    not_applicable: int = 0
    unrated: int = 0

    @property
    def levels(self) -> int:
        return len(self.counts)

    def add(self, status: str, value: float | None, levels: int, n: int) -> None:
        if value is not None:
            value = value if levels == self.levels else on_five(value, levels)
            self.counts[min(max(rounded(value), 1), self.levels) - 1] += n
            self.total += value * n
            self.between += 0 if float(value).is_integer() else n
        elif status == "not-applicable":
            self.not_applicable += n
        else:
            self.unrated += n

    @property
    def n(self) -> int:
        """How many have a value."""
        return sum(self.counts)

    @property
    def asked(self) -> int:
        """How many were asked for."""
        return self.n + self.not_applicable + self.unrated

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None


def by_aspect(ratings: Iterable[Said]) -> dict[str, Histogram]:
    """{aspect: its ratings}, on the scale of each; of one that was rated on several scales, on 1 to 5."""
    return {aspect: _histogram(rating) for aspect, rating in _grouped(ratings, lambda rating: rating[0]).items()}


def of_all(ratings: Iterable[Said]) -> Histogram:
    """All of them together: on their scale where they share one, else on 1 to 5."""
    return _histogram([*ratings])


def by_model(ratings: Iterable[Said]) -> dict[str, Histogram]:
    """All aspects together, the model with the most ratings first."""
    groups = _grouped(ratings, lambda rating: rating[1])
    models = {model: _histogram(rating) for model, rating in groups.items() if model is not None}
    return dict(sorted(models.items(), key=lambda item: (-item[1].asked, item[0])))


def by_both(ratings: Iterable[Said]) -> Mapping[tuple[str, str], Histogram]:
    """{(model, aspect): its ratings}."""
    groups = _grouped(
        (rating for rating in ratings if rating[1] is not None), lambda rating: (rating[1] or "", rating[0])
    )
    return {key: _histogram(rating) for key, rating in groups.items()}


def _grouped(ratings: Iterable[Said], key: Callable[[Said], K]) -> dict[K, list[Said]]:
    groups: dict[K, list[Said]] = {}
    for rating in ratings:
        groups.setdefault(key(rating), []).append(rating)
    return groups


def _histogram(ratings: Sequence[Said]) -> Histogram:
    scales = {levels for _, _, _, _, levels, _ in ratings}
    histogram = Histogram([0] * (scales.pop() if len(scales) == 1 else STANDARD_LEVELS))
    for _, _, status, value, levels, n in ratings:
        histogram.add(status, value, levels, n)
    return histogram
