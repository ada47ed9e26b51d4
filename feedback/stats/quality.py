"""How many rows of a set its reviewers would keep, or what they would rate them on average, told from the audit.

Only audit rows, which were drawn at random before anybody saw one, say anything about the whole set; rows of the queue were
picked because they look wrong. What people decided in the queue counts for those rows alone: where everything above some
contradiction is reviewed, these rows are known, and the audit tells about the rest.

The figure may be looked at after every review. It is stated at fixed sizes of the audit (20, 50, 100, 200, ...), each with its
own share of the error, so that all of them together are wrong in 5 % of sets; between two sizes nothing changes. Where two
intervals have been stated, both hold, so what is shown is what they have in common. An audit that is reviewed to its end
between two sizes is stated once more, in place of the sizes that can't come any more, and with the share of the next of them.
"""

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from feedback.stats.row_signals import MIDDLE, Answer, Population, audit_only, equal_share, in_time, positions, quotas

if TYPE_CHECKING:
    from feedback.stats.row_signals import Floats, Ints

VERSION = "quality.v1"
LEVELS = {
    20: 0.003, 50: 0.006, 100: 0.036, 200: 0.010, 400: 0.005, 800: 0.0025, 1600: 0.00125, 3200: 0.0006, 6400: 0.0003,
    12800: 0.00015, 25600: 0.00008, 51200: 0.00004,
}  # fmt: skip
"""How often the interval stated at each size may miss. The sizes share rows, so that together they miss in 5.0 %: less than
the sum, as a multivariate normal has it."""
STATED_AT = tuple(LEVELS)
"""The sizes of an audit at which a figure is stated; between them the last one stands, however often it is looked at."""
PREDICTED_FROM = 50
"""From so many audit reviews on the labeller's signals are used; below, Wilson's interval of the share alone."""
LEAST_EACH = 5
"""With fewer rows kept, or fewer not kept, too few are rare ones for a normal interval: Wilson's is used."""
MOST_WEIGHT = 1.5
Estimand = Literal["keep", "rating"]


@dataclass(frozen=True, slots=True)
class QualityStatement:
    """What share of the rows the reviewers would keep, or their mean rating, with its interval.

    `n` audit rows count, the same share of each batch; the figures are those of the first `stated_at` of them, None before the
    first stated size. `missing` lack for the next size, `next_size` (None where the audit has no more rows), `lacking` names
    unreviewed audit rows that would do. `skipped` and `unsure` audit rows are not in `n`. `more_for` is (so many more audit
    reviews, for about so wide an interval to either side). `census` rows of the queue count as known. `identity` names
    everything that the figures were made from.
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
    def shown(self) -> tuple[str, str] | None:
        """The figure and its interval as the sentence says them; None where there are none."""
        if self.value is None or self.low is None or self.high is None:
            return None
        interval = f"{_figure(self.low, self.of, -1)} to {_figure(self.high, self.of, 1)}"
        return _figure(self.value, self.of), interval

    @property
    def half_width(self) -> float | None:
        """Half of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class _Estimate:
    """An estimate and its interval. `deviation` is that of one review, to foresee what more of them bring."""

    method: str
    value: float
    low: float
    high: float
    deviation: float
    census: int = 0


def quality(
    population: Population,
    answers: Sequence[Answer],
    queue: Sequence[Answer] = (),
    of: Estimand = "keep",
    audit: Collection[str] = (),
) -> QualityStatement:
    """The statement from `answers` to audit rows; `queue` are the answers to rows of the queue, which count as known.

    `audit` are all rows that were drawn, reviewed or not; without them it can't be told which rows the queue has, and the queue
    is left out. Raises NotAudit where `answers` has a row of the queue.
    """
    given = [answer for answer in audit_only(answers) if answer.row in population.index]
    decided = [answer for answer in given if value_of(answer, of) is not None]
    skipped, unsure = (sum(answer.status == status for answer in given) for status in ("skipped", "unsure"))
    known = _everything(population, given, queue, of)
    sample = equal_share(population, decided)
    n = len(sample)
    if known is not None:
        estimates = [(n, _Estimate("all rows reviewed", known, known, known, 0.0, len(population) - n))]
    else:
        estimates = [
            (size, _estimate(population, reviewed, size, queue, of, audit))
            for size in STATED_AT
            if size <= n and (reviewed := equal_share(population, decided, size))
        ]
        if (last := _last_size(decided, given, sample, audit)) is not None:
            estimates.append((n, _estimate(population, sample, last, queue, of, audit)))
    stated, estimate = estimates[-1] if estimates else (0, None)
    value = low = high = None
    if estimate is not None:
        low, high = _in_common([e for _, e in estimates])
        value = min(max(estimate.value, low), high)
    following = None if known is not None else next((size for size in STATED_AT if n < size <= len(population)), None)
    lacking = _lacking(population, decided, given, audit, following)
    missing = 0 if following is None else _missing(population, decided, following)
    if audit and len(lacking) < missing:
        following, missing = None, 0
    more_for = None
    if following is not None and estimate is not None:
        half = _critical(following, following) * estimate.deviation * math.sqrt(_unseen(following, len(population)))
        more_for = (missing, half)
    statement = QualityStatement(
        method="" if estimate is None else estimate.method,
        n=n,
        population=len(population),
        value=value,
        low=low,
        high=high,
        stated_at=stated,
        next_size=following,
        missing=missing,
        skipped=skipped,
        unsure=unsure,
        more_for=more_for,
        sentence="",
        identity=_identity(population, given, queue, of),
        lacking=lacking,
        census=0 if estimate is None else estimate.census,
        of=of,
    )
    return _with_sentence(statement)


def _last_size(
    decided: Sequence[Answer], given: Sequence[Answer], sample: Sequence[Answer], audit: Collection[str]
) -> int | None:
    """The size in whose place an audit is stated that was reviewed to its end; None where there is more to come, or no need.

    Where rows are added to the run later, that size comes after all: its share of the error is spent twice then.
    """
    n = len(sample)
    if not audit or len(given) < len(audit) or n < len(decided) or n < STATED_AT[0] or n in LEVELS:
        return None
    return next((size for size in STATED_AT if size > n), None)


def value_of(answer: Answer, of: Estimand) -> float | None:
    """What a decided answer counts for: 1 or 0, or its rating, the middle of a range; None for one that says nothing."""
    if answer.status != "decided":
        return None
    if of == "keep":
        return None if answer.keep is None else float(answer.keep)
    if answer.rating is None and answer.low is not None and answer.high is not None:
        return (answer.low + answer.high) / 2
    return answer.rating


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share of n, which need not be whole; z is the deviate of the level."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _estimate(
    population: Population,
    sample: Sequence[Answer],
    size: int,
    queue: Sequence[Answer],
    of: Estimand,
    audit: Collection[str],
) -> _Estimate:
    """The figure at one stated size, from what was reviewed by then; the `sample` may be smaller where the audit ended."""
    import numpy as np

    values = np.array([value_of(answer, of) for answer in sample], dtype=float)
    rows = positions(population, [answer.row for answer in sample])
    if len(sample) < PREDICTED_FROM or _is_rare(values, of):
        return _alone(values, size, len(population), of)
    until = max(answer.at for answer in sample)
    seen = [answer for answer in queue if answer.at <= until]
    best = _predicted(population, np.arange(len(population)), rows, values, size, of)
    if audit and seen:
        beside = _beside_census(population, rows, values, seen, size, of, audit)
        if beside is not None and beside.high - beside.low < best.high - best.low:
            return beside
    return best


def _alone(values: "Floats", size: int, total: int, of: Estimand) -> _Estimate:
    """From the reviews alone: Wilson's interval of a share, Student's of a mean with one pseudo value at each end."""
    mean, n = float(values.mean()), len(values)
    if of == "rating":
        deviation = _deviation(values - mean, of)
        half = _critical(size, n) * deviation * math.sqrt(_unseen(n, total))
        return _Estimate("mean", mean, max(1.0, mean - half), min(5.0, mean + half), deviation)
    unseen = n * _unseen(n, total)
    kept = float(values.sum())
    low, high = (mean, mean) if unseen <= 0 else wilson(mean, n / unseen, _normal(LEVELS[size]))
    low, high = max(low, kept / total), min(high, (kept + total - n) / total)
    return _Estimate("Wilson", mean, low, high, math.sqrt(max(mean * (1 - mean), 0.05)))


def _predicted(
    population: Population, among: "Ints", rows: "Ints", values: "Floats", size: int, of: Estimand
) -> _Estimate:
    """The mean `among` some rows: what the signals predict for all of them, put right by the reviewed `rows`.

    PPI++ (Angelopoulos, Duchi, Zrnic 2023, arXiv 2311.01453) with one soft prediction of the other opinions, its weight from
    the sample, Student's t, pseudo values, and the correction for a finite population.
    """
    import numpy as np

    soft = _soft(population, of)
    guess = soft[rows]
    spread = float(np.var(guess, ddof=1)) if len(rows) > 1 else 0.0
    weight = 0.0
    if spread > 1e-12:
        weight = float(np.clip(np.cov(values, guess)[0, 1] / spread, 0.0, MOST_WEIGHT))
    rest = values - weight * guess
    value = weight * float(soft[among].mean()) + float(rest.mean())
    deviation = _deviation(rest - rest.mean(), of)
    half = _critical(size, len(rows)) * deviation * math.sqrt(_unseen(len(rows), len(among)))
    lowest, highest = (0.0, 1.0) if of == "keep" else (1.0, 5.0)
    value = min(max(value, lowest), highest)
    return _Estimate("signals", value, max(lowest, value - half), min(highest, value + half), deviation)


def _beside_census(
    population: Population,
    rows: "Ints",
    values: "Floats",
    queue: Sequence[Answer],
    size: int,
    of: Estimand,
    audit: Collection[str],
) -> _Estimate | None:
    """The queue as far as it is known, and the audit for the rest; None where the queue knows nothing, or too little is left.

    Above the highest contradiction that is left unreviewed in the queue, all its rows are known, and the audit rows there were
    drawn from the same rows at random: both together are a random sample of that part, and nearly all of it. Below, the audit
    alone is.
    """
    import numpy as np

    from_queue = {answer.row: answer for answer in queue if not answer.is_audit}
    is_open = np.ones(len(population), dtype=bool)
    is_open[positions(population, audit)] = False
    is_open[positions(population, from_queue)] = False
    edge = float(population.contradiction[is_open].max()) if is_open.any() else -math.inf
    above = population.contradiction > edge
    known = [(at, v) for row, a in from_queue.items() if (v := value_of(a, of)) is not None for at in [population.index[row]]
             if above[at]]  # fmt: skip
    inside = above[rows]
    below = np.flatnonzero(~above)
    if not known or np.count_nonzero(~inside) < PREDICTED_FROM // 2 or _is_rare(values[~inside], of):
        return None
    upper = np.concatenate([np.array([v for _, v in known]), values[inside]])
    rest = _predicted(population, below, rows[~inside], values[~inside], size, of)
    share = float(above.mean())
    value = share * float(upper.mean()) + (1 - share) * rest.value
    t = _critical(size, int(np.count_nonzero(~inside)))
    lower_error = rest.deviation * math.sqrt(_unseen(int(np.count_nonzero(~inside)), len(below)))
    upper_error = _deviation(upper - upper.mean(), of) * math.sqrt(_unseen(len(upper), int(np.count_nonzero(above))))
    half = t * math.hypot((1 - share) * lower_error, share * upper_error)
    lowest, highest = (0.0, 1.0) if of == "keep" else (1.0, 5.0)
    return _Estimate(
        "signals and queue",
        value,
        max(lowest, value - half),
        min(highest, value + half),
        (1 - share) * rest.deviation,
        len(known),
    )


def _is_rare(values: "Floats", of: Estimand) -> bool:
    """True where nearly all rows are kept, or nearly none."""
    return of == "keep" and min(values.sum(), len(values) - values.sum()) < LEAST_EACH


def _soft(population: Population, of: Estimand) -> "Floats":
    """What the signals predict: the rating, or from it the chance to be kept, a half in the middle."""
    import numpy as np

    soft = population.soft
    return soft if of == "rating" else 1 / (1 + np.exp(MIDDLE - soft))


def _deviation(rest: "Floats", of: Estimand) -> float:
    """The standard deviation of what signals leave open, with pseudo values far out, so that few reviews are not trusted too much.

    Two pairs at half a share to either side, or one pair at half of the scale.
    """
    pseudo, count = (4 * 0.25, 4) if of == "keep" else (2 * 4.0, 2)
    return math.sqrt((float((rest**2).sum()) + pseudo) / (len(rest) + count - 1))


def _unseen(n: int, total: int) -> float:
    """1/n - 1/N: what a sample leaves open of a finite population."""
    return max(0.0, 1 / n - 1 / total) if n else 1.0


def _critical(size: int, n: int) -> float:
    """Student's deviate at the level of a stated size, from n values."""
    from scipy.special import stdtrit

    return float(stdtrit(max(n - 1, 1), 1 - LEVELS[size] / 2))


def _normal(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - level / 2))


def _in_common(estimates: Sequence[_Estimate]) -> tuple[float, float]:
    """What the intervals stated so far have in common; the last one where that is nothing."""
    low, high = max(e.low for e in estimates), min(e.high for e in estimates)
    return (low, high) if low <= high else (estimates[-1].low, estimates[-1].high)


def _everything(population: Population, given: Sequence[Answer], queue: Sequence[Answer], of: Estimand) -> float | None:
    """The figure itself where every row is decided, or rated; None where one is not."""
    answered = {answer.row: answer for answer in (*queue, *given) if answer.row in population.index}
    if not answered or len(answered) < len(population):
        return None
    values = [value for answer in answered.values() if (value := value_of(answer, of)) is not None]
    return fmean(values) if len(values) == len(population) else None


def _missing(population: Population, decided: Sequence[Answer], size: int) -> int:
    """How many reviews lack for a size, in all batches together."""
    import numpy as np

    counts = np.bincount(
        population.batch[positions(population, [answer.row for answer in decided])], minlength=int(population.batch.max()) + 1
    )  # fmt: skip
    return int(np.maximum(quotas(population, size) - counts, 0).sum())


def _lacking(
    population: Population,
    decided: Sequence[Answer],
    given: Sequence[Answer],
    audit: Collection[str],
    size: int | None,
) -> list[str]:
    """The audit rows that nobody reviewed, in batches that lack some for a size."""
    import numpy as np

    if size is None or not audit:
        return []
    batches = population.batch
    counts = np.bincount(
        batches[positions(population, [answer.row for answer in decided])], minlength=int(batches.max()) + 1
    )
    wanted = quotas(population, size) > counts
    seen = {answer.row for answer in given}
    return [
        row
        for row in sorted(audit)
        if row not in seen and row in population.index and wanted[batches[population.index[row]]]
    ]


def _identity(population: Population, given: Sequence[Answer], queue: Sequence[Answer], of: Estimand) -> str:
    """A hash of the estimator's version and of all that it was given."""
    digest = hashlib.sha256(f"{VERSION} {of} {len(population)}".encode())
    for answer in (*given, *in_time(queue)):
        digest.update(repr((answer.row, answer.status, value_of(answer, of), answer.is_audit)).encode())
    digest.update(_soft(population, of).tobytes())
    return digest.hexdigest()[:16]


def _with_sentence(statement: QualityStatement) -> QualityStatement:
    from dataclasses import replace

    return replace(statement, sentence=_sentence(statement))


def _sentence(s: QualityStatement) -> str:
    rows = f"{s.population:,} row{'' if s.population == 1 else 's'}"
    apart = _apart(s)
    if s.value is None or s.low is None or s.high is None:
        if s.next_size is None:
            return f"The audit is too small to say anything of these {rows}: review all of them.{apart}"
        more = f"{s.missing} more audit review{'' if s.missing == 1 else 's'}"
        return f"{s.n} of {s.next_size} audit reviews: {more} before anything is said of these {rows}.{apart}"
    value = _figure(s.value, s.of)
    if s.method == "all rows reviewed":
        what = (
            f"Your reviewers kept {value} of these {rows}"
            if s.of == "keep"
            else f"Your reviewers rated these {rows} {value} of 5 on average"
        )
        return f"{what}; all of them are reviewed.{apart}"
    what = (
        f"{value} of these {rows} are ones your reviewers would keep"
        if s.of == "keep"
        else f"Your reviewers would rate these {rows} {value} of 5 on average"
    )
    source = f"from {s.stated_at:,} audit reviews"
    if s.census:
        source += f" and {s.census:,} of the queue"
    more = ""
    if s.more_for is not None and s.more_for[1] < 0.95 * (s.high - s.low) / 2:
        half = f"{100 * s.more_for[1]:.0f}" if s.of == "keep" else f"{s.more_for[1]:.2f}"
        more = f"; {s.more_for[0]:,} more for about ± {half}"
    return f"{what}, {_figure(s.low, s.of, -1)} to {_figure(s.high, s.of, 1)} (95% sure), {source}{more}.{apart}"


def _apart(s: QualityStatement) -> str:
    """What was left out of the audit, and what it could change."""
    out = [
        f"{n} {'was' if n == 1 else 'were'} {how}"
        for n, how in ((s.skipped, "skipped"), (s.unsure, "left unsure"))
        if n
    ]
    if not out:
        return ""
    sentence = f" Of the audit {' and '.join(out)}, which this leaves out"
    if s.value is not None and s.of == "keep":
        left_out = s.skipped + s.unsure
        share = left_out / (s.n + left_out)
        sentence += f": if none of them were kept, it would be about {(1 - share) * s.value:.0%}"
    return f"{sentence}."


def _figure(value: float, of: Estimand, outwards: int = 0) -> str:
    """A figure in words; the ends of an interval are rounded outwards."""
    digits = 2 if of == "keep" else 1
    scale = 10**digits if of == "keep" else 10
    if outwards:
        value = (math.floor(value * scale + 1e-9) if outwards < 0 else math.ceil(value * scale - 1e-9)) / scale
    return f"{value:.0%}" if of == "keep" else f"{value:.1f}"
