"""Ratings counted: how many of each value, what they come to, how many there is no value of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from feedback.rating_summary import rounded

VALUES = 5
Said = tuple[str, str, str, float | None, int]
"""(aspect, model of the response, status, value, how many) as the store counts them."""


@dataclass
class Scale:
    """Ratings of one aspect, one model, or all.

    `five` counts them at the nearest of 1 to 5, halves upwards; `between` are those that were no whole numbers. The mean is
    of the values as they were given.
    """

    five: list[int] = field(default_factory=lambda: [0] * VALUES)
    total: float = 0.0
    between: int = 0
    not_applicable: int = 0
    unrated: int = 0

    def add(self, status: str, value: float | None, n: int) -> None:
        if value is not None:
            self.five[min(max(rounded(value), 1), VALUES) - 1] += n
            self.total += value * n
            self.between += 0 if float(value).is_integer() else n
        elif status == "not-applicable":
            self.not_applicable += n
        else:
            self.unrated += n

    @property
    def n(self) -> int:
        """How many have a value."""
        return sum(self.five)

    @property
    def asked(self) -> int:
        """How many were asked for."""
        return self.n + self.not_applicable + self.unrated

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None


def by_aspect(ratings: Iterable[Said]) -> dict[str, Scale]:
    scales: dict[str, Scale] = {}
    for aspect, _, status, value, n in ratings:
        scales.setdefault(aspect, Scale()).add(status, value, n)
    return scales


def by_model(ratings: Iterable[Said]) -> dict[str, Scale]:
    """All aspects together, the model with the most ratings first."""
    scales: dict[str, Scale] = {}
    for _, model, status, value, n in ratings:
        scales.setdefault(model, Scale()).add(status, value, n)
    return dict(sorted(scales.items(), key=lambda item: (-item[1].asked, item[0])))


def by_both(ratings: Iterable[Said]) -> Mapping[tuple[str, str], Scale]:
    """{(model, aspect): its ratings}."""
    scales: dict[tuple[str, str], Scale] = {}
    for aspect, model, status, value, n in ratings:
        scales.setdefault((model, aspect), Scale()).add(status, value, n)
    return scales
