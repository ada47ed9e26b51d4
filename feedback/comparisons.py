"""The labeller's preferences of one row put together: both orders of a pair as one comparison, and all of them as a ranking.

Both orders agree: a win, or a tie. A preference that changes with the order counts as a tie, and as a change of mind. A pair
of which one order could not be read is no comparison. The ranking is that of Bradley and Terry (1952,
doi:10.1093/biomet/39.3-4.324), in which a tie is half a win for each.
"""

import importlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from feedback.response_order import letter
from feedback.rubrics import STANDARD, Rubrics
from feedback.types import Preference

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRIOR = 0.1
"""Wins that each of two compared responses has beforehand, so that one which won every time does not get an endless strength."""
DRAWS, SEED = 4000, 7
LOOSE = 1e-3
"""Wins of each pair that was not compared, where some responses would hang together with no others."""
EQUAL = 1e-6
"""Strengths that are closer are equal."""
NAMED = re.compile(
    r"\b(?P<noun>responses?|answers?|options?|texts?) (?P<one>[AB])(?:(?P<between> and | or |/)(?P<other>[AB]))?\b(?!['’]\w{2})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A pair of responses, `one` before `other`, compared by an aspect in both orders.

    `preferred` are the indexes that were preferred when `one` stood first, and when `other` did; None for a tie.
    """

    one: int
    other: int
    aspect: str
    repeat: int
    preferred: tuple[int | None, int | None]

    @property
    def winner(self) -> int | None:
        """Who is preferred in both orders; None for a tie."""
        return self.preferred[0] if self.preferred[0] == self.preferred[1] else None

    @property
    def changed(self) -> bool:
        """True if the preference changed with the order."""
        return self.preferred[0] != self.preferred[1]

    @property
    def won_by_first(self) -> bool:
        """True if whoever stood first was preferred, in both orders."""
        return self.preferred == (self.one, self.other)

    @property
    def won_by_second(self) -> bool:
        """True if whoever stood second was preferred, in both orders."""
        return self.preferred == (self.other, self.one)


@dataclass(frozen=True, slots=True)
class Balance:
    """How two responses compare directly: comparisons that one and that the other won, and ties, of which so many changed."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    changed: int = 0

    @property
    def compared(self) -> int:
        return self.wins + self.losses + self.ties

    @property
    def agreement(self) -> float | None:
        """The share of comparisons in which both orders agree; None for none."""
        return 1 - self.changed / self.compared if self.compared else None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Responses that were compared, from best to worst, with their strengths (log odds, mean 0) in the same order.

    `sure` is the probability that the first one is the best, told from how certain the strengths are. `ranks` are 1 for the
    best; equals share one.
    """

    order: tuple[int, ...]
    strengths: tuple[float, ...]
    sure: float

    @property
    def ranks(self) -> dict[int, int]:
        return {
            index: 1 + sum(other > strength + EQUAL for other in self.strengths)
            for index, strength in zip(self.order, self.strengths, strict=True)
        }

    @property
    def top(self) -> int | None:
        """The best response; None where several share the first rank."""
        return self.order[0] if list(self.ranks.values()).count(1) == 1 else None


def comparisons(preferences: Iterable[Preference]) -> list[Comparison]:
    """All pairs of which both orders could be read."""
    by_order: dict[tuple[str, int, int, int], Preference] = {}
    for preference in preferences:
        if preference.status == "compared":
            by_order[preference.aspect, preference.repeat, preference.first, preference.second] = preference
    return [
        Comparison(first, other, aspect, repeat, (preference.preferred, back.preferred))
        for (aspect, repeat, first, other), preference in by_order.items()
        if first < other and (back := by_order.get((aspect, repeat, other, first))) is not None
    ]


def balance(compared: Iterable[Comparison], response: int, other: int) -> Balance:
    """How a response compares with another one, over all aspects and repeats."""
    own = [c for c in compared if {c.one, c.other} == {response, other}]
    winners = [c.winner for c in own]
    return Balance(winners.count(response), winners.count(other), winners.count(None), sum(c.changed for c in own))


def ranking(compared: Sequence[Comparison]) -> Ranking | None:
    """All compared responses in order, over all aspects and repeats; None where nothing was compared."""
    known = sorted({index for c in compared for index in (c.one, c.other)})
    if not known:
        return None
    at = {index: k for k, index in enumerate(known)}
    wins = [[0.0] * len(known) for _ in known]
    for c in compared:
        first, other = at[c.one], at[c.other]
        share = 0.5 if c.winner is None else float(c.winner == c.one)
        wins[first][other] += share
        wins[other][first] += 1 - share
    strengths, sure = _bradley_terry(tuple(map(tuple, wins)))
    order = sorted(range(len(known)), key=lambda k: (-strengths[k], k))
    return Ranking(tuple(known[k] for k in order), tuple(strengths[k] for k in order), sure)


def doubt(compared: Sequence[Comparison]) -> float | None:
    """How doubtful the labeller's preference of a row is, from 0 to 1; None where nothing was compared.

    The mean of two shares: of the comparisons that changed with the order, and of how close the ranking is at its top: 0 where the
    first response is surely the best, 1 where that is anybody's guess.
    """
    ranked = ranking(compared)
    if ranked is None:
        return None
    guess = 1 / len(ranked.order)
    close = min(max((1 - ranked.sure) / (1 - guess), 0.0), 1.0)
    return (sum(c.changed for c in compared) / len(compared) + close) / 2


def doubt_in_words(compared: Sequence[Comparison]) -> str:
    """What makes it doubtful or not, as it can follow a colon; "" where nothing was compared."""
    ranked = ranking(compared)
    if ranked is None:
        return ""
    changed = sum(c.changed for c in compared)
    first = "the labeller's preference"
    if len(compared) == 1:
        changes = f"{first} changes with the order" if changed else f"{first} is the same in both orders"
    elif changed:
        changes = f"{first} changes with the order in {changed:,} of {len(compared):,} comparisons"
    else:
        changes = f"{first} is the same in both orders of all {len(compared):,} comparisons"
    if ranked.top is None:
        return f"{changes}, and no response is ahead" if changed else f"{changes}: a tie"
    return f"{changes}; that {letter(ranked.top)} is the best is {ranked.sure:.0%} certain"


def _connects(compared: "NDArray[np.bool_]") -> bool:
    """Whether each one is compared with each other, over others if need be."""
    seen, left = {0}, [0]
    while left:
        for other in map(int, compared[left.pop()].nonzero()[0]):
            if other not in seen:
                seen.add(other)
                left.append(other)
    return len(seen) == len(compared)


@lru_cache(maxsize=4096)
def _bradley_terry(wins: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], float]:
    """(strengths, the probability that the strongest one is the best) of `wins[k][l]`, how often k won against l.

    The strengths are taken as normally distributed around the estimate, with the inverse of the information as covariance.
    """
    if len(wins) == 2:  # where the estimate is known, nobody waits for a library
        return _of_two(wins[0][1] + PRIOR, wins[1][0] + PRIOR)
    import choix
    import numpy as np

    counts = np.array(wins)
    compared = (counts + counts.T) > 0
    counts = counts + PRIOR * compared
    if not _connects(
        compared
    ):  # where answers could not be read, those that were never compared are held together loosely
        counts = counts + LOOSE
    np.fill_diagonal(counts, 0.0)
    try:
        strengths = choix.ilsr_pairwise_dense(counts, alpha=1e-9, max_iter=1000, tol=1e-10)
    except RuntimeError:  # it came to no end: the shares of wins tell the order
        shares = counts.sum(axis=1) / (counts + counts.T).sum(axis=1)
        strengths = np.log(shares / (1 - shares))
    strengths = np.round(strengths - strengths.mean(), 6) + 0.0
    chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    weight = (counts + counts.T) * chance * (1 - chance)
    information = np.diag(weight.sum(axis=1)) - weight
    covariance = np.linalg.pinv(information, hermitian=True)
    draws = np.random.default_rng(SEED).multivariate_normal(strengths, covariance, size=DRAWS, method="eigh")
    first = int(np.argmax(strengths))
    sure = float((draws.argmax(axis=1) == first).mean())
    return tuple(map(float, strengths)), sure if math.isfinite(sure) else 1 / len(wins)


def _of_two(wins: float, losses: float) -> tuple[tuple[float, ...], float]:
    """The same of two: the logarithm of the odds, and its normal approximation."""
    difference, information = math.log(wins / losses), wins * losses / (wins + losses)
    half = round(difference / 2, 6)
    return (half, -half), (1 + math.erf(abs(difference) * math.sqrt(information / 2))) / 2


def load() -> None:
    """Loads the library of rankings, which takes seconds; else the first ranking does."""
    importlib.import_module("choix")


def reasons_of(preferences: Sequence[Preference], rubrics: Rubrics = STANDARD) -> str:
    """The labeller's reasons as Markdown, each with what it preferred when which of two responses stood first."""
    several = len({p.aspect for p in preferences}) > 1
    lines = []
    for p in preferences:
        if p.status != "compared":
            continue
        first, second = letter(p.first), letter(p.second)
        better = "a tie" if p.preferred is None else f"{letter(p.preferred)} is better"
        aspect = f"{rubrics.name(p.aspect)}: " if several else ""
        lines.append(f"**{aspect}{first} before {second}: {better}** {reason(p)}".strip())
    return "\n\n".join(lines)


def reason(preference: Preference) -> str:
    """The labeller's reason, in which "response A" and "response B" are renamed to the letters that the row gives them."""
    return renamed(preference.rationale, letter(preference.first), letter(preference.second))


def renamed(rationale: str, first: str, second: str) -> str:
    """A reason in which what stood first and second in the prompt is called by those letters."""
    letters = {"A": first, "B": second, "a": first, "b": second}

    def name(match: re.Match[str]) -> str:
        if match["one"] in "ab":
            return match[0]
        rest = f"{match['between']}{letters[match['other']]}" if match["other"] else ""
        return f"{match['noun']} {letters[match['one']]}{rest}"

    return NAMED.sub(name, rationale)
