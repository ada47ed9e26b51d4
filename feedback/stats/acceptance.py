"""Which rows need no person: the largest set of unreviewed rows of which at most a chosen share would be decided otherwise.

Told from the sealed audit by testing thresholds of the contradiction in a fixed sequence, from the strictest on (Angelopoulos
et al. 2021, "Learn then Test", arXiv 2110.01052).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from feedback.stats.row_signals import Answer, Population, audit_only


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

    `threshold` is the highest contradiction that is accepted, `n`, `disagreements` and `bound` belong to it.
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


def acceptance(
    population: Population,
    answers: Sequence[Answer],
    unreviewed: Collection[str],
    risk: float = 0.05,
    confidence: float = 0.95,
) -> Acceptance:
    """The rows of `unreviewed` that may go without a reviewer, from `answers` to audit rows.

    Raises NotAudit where `answers` has a row of the queue.
    """
    audit_only(answers)
    return Acceptance(
        (), None, 0, 0, None, 0, (), "None yet.", risk=risk, confidence=confidence, unreviewed=len(unreviewed)
    )


def still_holds(
    given: Acceptance, population: Population, answers: Sequence[Answer], unreviewed: Collection[str]
) -> Standing:
    """Whether rows that were accepted earlier may stay so after later reviews."""
    now = acceptance(population, answers, unreviewed, given.risk, given.confidence)
    lost = {row for row in given.rows if row in set(unreviewed)} - set(now.rows)
    return Standing(not lost, "" if not lost else f"{len(lost):,} rows that needed nobody need a reviewer again.")
