"""How many rows of a set its reviewers would keep, or what they would rate them on average, told from the audit.

Only audit rows, which were drawn at random before anybody saw one, say anything about the whole set; rows of the queue were
picked because they look wrong. What people decided in the queue counts for those rows alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from feedback.stats.row_signals import Answer, Population, audit_only

STATED_AT = (20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200)
"""The sizes of an audit at which a figure is stated; between them the last one stands, however often it is looked at."""
Estimand = Literal["keep", "rating"]


@dataclass(frozen=True, slots=True)
class QualityStatement:
    """What share of the rows the reviewers would keep, or their mean rating, with its interval.

    `n` audit rows are decided; the figures are those of the first `stated_at` of them, None before the first stated size.
    `missing` lack for the next size, `next_size`; `skipped` and `unsure` audit rows are not in `n`. `more_for` is (so many more
    audit reviews, for so wide an interval to either side). `identity` names everything that the figures were made from.
    """

    method: str
    n: int
    population: int
    value: float | None
    low: float | None
    high: float | None
    stated_at: int
    next_size: int | None
    missing: int
    skipped: int
    unsure: int
    more_for: tuple[int, float] | None
    sentence: str
    identity: str
    lacking: Sequence[str] = ()
    census: int = 0
    of: Estimand = "keep"

    @property
    def half_width(self) -> float | None:
        """Half of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def quality(
    population: Population, answers: Sequence[Answer], queue: Sequence[Answer] = (), of: Estimand = "keep"
) -> QualityStatement:
    """The statement from `answers` to audit rows; `queue` are the answers to rows of the queue, which count as known.

    Raises NotAudit where `answers` has a row of the queue.
    """
    given = audit_only(answers)
    decided = [a for a in given if a.keep is not None and a.status == "decided"]
    from scipy.stats import binomtest

    n = len(decided)
    stated = max((size for size in STATED_AT if size <= n), default=0)
    value = low = high = None
    if stated:
        kept = sum(bool(a.keep) for a in decided[:stated])
        interval = binomtest(kept, stated).proportion_ci(0.95, method="wilson")
        value, low, high = kept / stated, float(interval.low), float(interval.high)
    following = next((size for size in STATED_AT if size > n), None)
    missing = 0 if following is None else following - n
    counts = [sum(a.status == status for a in given) for status in ("skipped", "unsure")]
    sentence = (
        f"{missing} more audit reviews are needed before anything can be said of the {len(population):,} rows."
        if value is None
        else f"{value:.0%} of these {len(population):,} rows are ones your reviewers would keep, {low:.0%} to {high:.0%}, from "
        f"{stated} audit reviews."
    )
    return QualityStatement(
        "Wilson", n, len(population), value, low, high, stated, following, missing, counts[0], counts[1], None, sentence, "",
        of=of,
    )  # fmt: skip
