"""What the labeller's comparisons of a run come to: whether it favours a place, how often it changes its mind, who wins.

Intervals are Wilson's; they take comparisons as independent of each other, which those of one row are only nearly.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feedback.comparisons import Comparison, comparisons
from feedback.stats.measures import LEAST, Measure, share
from feedback.types import Preference

OF = "comparison"


@dataclass(frozen=True, slots=True)
class ModelWins:
    """How the responses of one model fare against those of others. `won` is the share of comparisons that it won."""

    model: str
    wins: int
    ties: int
    losses: int
    won: Measure


@dataclass(frozen=True, slots=True)
class PairwiseFigures:
    """Of one run. `bias` is the share of comparisons that the first place won in both orders minus that of the second place;
    `unread` and `failed` count single questions.
    """

    rows: int
    compared: int
    ties: int
    unread: int
    failed: int
    first: Measure
    second: Measure
    changed: Measure
    bias: Measure
    models: tuple[ModelWins, ...]

    @property
    def sentence(self) -> str:
        """What it comes to, for people."""
        if self.bias.value is None or self.bias.low is None or self.bias.high is None:
            return f"Too few pairs were compared to say whether the labeller favours a place: {self.bias.shown}."
        if self.bias.low > 0:
            favours = f"It favours what stands first: in {self.first.shown} of pairs the first place won in both orders"
        elif self.bias.high < 0:
            favours = (
                f"It favours what stands second: in {self.second.shown} of pairs the second place won in both orders"
            )
        else:
            favours = "It favours neither place clearly"
        return (
            f"The labeller changed its mind with the order in {self.changed.shown} of {self.compared:,} pairs; such pairs count as "
            f"ties. {favours}."
        )


def figures(said: Iterable[tuple[str, Sequence[str], Preference]]) -> PairwiseFigures:
    """The figures of (row, models of its responses, preference)."""
    by_row: dict[str, list[Preference]] = defaultdict(list)
    models: dict[str, Sequence[str]] = {}
    for row, names, preference in said:
        by_row[row].append(preference)
        models[row] = names
    compared = [(row, c) for row, preferences in by_row.items() for c in comparisons(preferences)]
    pairs = [c for _, c in compared]
    status = Counter(p.status for preferences in by_row.values() for p in preferences)
    first, second = (
        share("the first place won in both orders", [c.won_by_first for c in pairs], OF),
        share("the second place won in both orders", [c.won_by_second for c in pairs], OF),
    )
    return PairwiseFigures(
        rows=len({row for row, _ in compared}),
        compared=len(pairs),
        ties=sum(c.winner is None for c in pairs),
        unread=status["unread"],
        failed=status["failed"],
        first=first,
        second=second,
        changed=share("the preference changed with the order", [c.changed for c in pairs], OF),
        bias=_difference("position bias", first, second),
        models=_by_model(compared, models),
    )


def _difference(name: str, first: Measure, second: Measure) -> Measure:
    """The difference of two shares of the same comparisons, which exclude each other, with Newcombe's hybrid interval of the
    two Wilson intervals (Newcombe 1998, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C).
    """
    measure = Measure(name, "share", first.n, LEAST["share"], of=OF)
    if first.value is None or second.value is None:
        return measure
    p, q = first.value, second.value
    odds = (1 - p) * (1 - q)
    correlation = -math.sqrt(p * q / odds) if odds else 0.0
    bounds = (first.low, first.high, second.low, second.high)
    low, high, other_low, other_high = (bound if bound is not None else p for bound in bounds)

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))

    return Measure(
        name, "share", first.n, LEAST["share"], p - q, p - q - reach(p - low, other_high - q),
        p - q + reach(high - p, q - other_low), OF,
    )  # fmt: skip


def _by_model(compared: Iterable[tuple[str, Comparison]], models: dict[str, Sequence[str]]) -> tuple[ModelWins, ...]:
    """Of comparisons between two models; those of a model with itself say nothing of it."""
    outcomes: dict[str, list[float]] = defaultdict(list)
    for row, c in compared:
        names = models[row]
        if max(c.one, c.other) >= len(names) or names[c.one] == names[c.other]:
            continue
        for index in (c.one, c.other):
            outcomes[names[index]].append(0.5 if c.winner is None else float(c.winner == index))
    wins = [
        ModelWins(
            model,
            each.count(1.0),
            each.count(0.5),
            each.count(0.0),
            share(model, [outcome == 1.0 for outcome in each], OF),
        )
        for model, each in outcomes.items()
    ]
    return tuple(sorted(wins, key=lambda w: (-(w.wins + w.ties / 2) / (w.wins + w.ties + w.losses), w.model)))
