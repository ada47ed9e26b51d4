"""Measures of agreement, each with how much it counts and a 95 % interval; too few give no number but how many lack.

Wilson's and Student's intervals take reviews as independent of each other; those of the bootstrap draw whole rows again.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.float64]
    """Square counts, with any number of leading axes: one table, or thousands that were drawn again."""

Level = Literal["nominal", "ordinal", "interval"]
LEAST = {"share": 20, "difference": 30, "kappa": 50, "alpha": 20}
"""Fewer reviews or ratings (for alpha: rows or responses that two people judged) say too little for a number."""
DRAWS = 2000
SEED = 7
SURE = 0.95
SAME = "not defined: everybody said the same"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number with its 95 % interval. `n` counts what it was made from; below `needed` there is no value.

    `form` says how to read the value: a share from 0 to 1, points on the scale of ratings (people minus labeller), or a
    coefficient that is 1 for full agreement and 0 for what chance gives. `note` says why a value or interval is not there.
    """

    name: str
    form: Literal["share", "points", "coefficient"]
    n: int
    needed: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    of: str = "review"
    note: str = ""

    @property
    def missing(self) -> int:
        """How many more are needed for a value."""
        return max(0, self.needed - self.n)

    @property
    def shown(self) -> str:
        """The value in words, or why there is none."""
        if self.missing:
            return self.note or f"{self.missing} more {self.of if self.missing == 1 else self.of + 's'} needed"
        return self.note if self.value is None else self._figure(self.value)

    def within(self, most: int, never: str) -> "Measure":
        """The same, which says so where it can't come to a value, as there can be at most so many; `never` where there are none."""
        if not self.missing or max(self.n, most) >= self.needed:
            return self
        of = f"{self.needed} {self.of}s"
        return replace(self, note=f"needs {of}, more than these rows give" if self.n or most else never)

    @property
    def interval(self) -> str:
        """The interval in words; "" where there is none."""
        if self.low is None or self.high is None:
            return self.note if self.value is not None else ""
        return f"{self._figure(self.low)} to {self._figure(self.high)}"

    def _figure(self, value: float) -> str:
        if self.form == "share":
            return f"{value:.0%}"
        value = round(value, 2) + 0.0  # no minus before a zero
        return f"{value:{'+' if self.form == 'points' else ''}.2f}".replace("-", "−")


def share(name: str, same: Sequence[bool], of: str = "review") -> Measure:
    """How many of all are True, with Wilson's interval (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    measure = Measure(name, "share", len(same), LEAST["share"], of=of)
    if measure.missing:
        return measure
    from scipy.stats import binomtest

    interval = binomtest(sum(same), len(same)).proportion_ci(SURE, method="wilson")
    return _filled(measure, fmean(same), (float(interval.low), float(interval.high)))


def difference(name: str, differences: Sequence[float]) -> Measure:
    """The mean with Student's interval (t, n - 1 degrees of freedom); no interval where all are the same."""
    measure = Measure(name, "points", len(differences), LEAST["difference"], of="rating")
    if measure.missing:
        return measure
    mean, error = fmean(differences), stdev(differences) / math.sqrt(len(differences))
    if not error:
        return _filled(measure, mean, None, "no interval: every difference is the same")
    from scipy.stats import t

    half = float(t.ppf((1 + SURE) / 2, len(differences) - 1)) * error
    return _filled(measure, mean, (mean - half, mean + half))


def weighted_kappa(name: str, rows: Sequence[Sequence[tuple[int, int]]], levels: int = 5) -> Measure:
    """Cohen's kappa with quadratic weights (Cohen 1968, doi:10.1037/h0026256) of the pairs, 1 to `levels`, in each row."""
    measure = Measure(name, "coefficient", sum(map(len, rows)), LEAST["kappa"], of="rating")
    if measure.missing:
        return measure
    import numpy as np

    tables = np.zeros((len(rows), levels, levels))
    for table, pairs in zip(tables, rows, strict=True):
        for first, second in pairs:
            table[first - 1, second - 1] += 1
    return _resampled(measure, tables, kappa)


def alpha_between(name: str, rows: Sequence[Sequence[Sequence[int]]], size: int, level: Level, of: str) -> Measure:
    """Alpha of what people said of the units of each row (values from 0); units that fewer than two judged do not count."""
    paired = [[unit for unit in row if len(unit) > 1] for row in rows]
    paired = [row for row in paired if row]
    measure = Measure(name, "coefficient", sum(map(len, paired)), LEAST["alpha"], of=of)
    if measure.missing:
        return measure
    import numpy as np

    tables = np.stack([coincidences(row, size) for row in paired])
    return _resampled(measure, tables, lambda table: alpha(table, level))


def _filled(measure: Measure, value: float | None, interval: tuple[float, float] | None, note: str = "") -> Measure:
    low, high = interval or (None, None)
    return replace(measure, value=value, low=low, high=high, note=note)


def _resampled(measure: Measure, tables: "Table", statistic: "Callable[[Table], Table]") -> Measure:
    """The statistic of the sum of the rows' tables, with the percentile interval of rows drawn again with replacement.

    Rows with the same table are drawn together, so that memory does not grow with the sample.
    """
    import numpy as np

    value = float(statistic(tables.sum(axis=0)))
    if math.isnan(value):
        return _filled(measure, None, None, SAME)
    kinds, counts = np.unique(tables.reshape(len(tables), -1), axis=0, return_counts=True)
    resamples = np.random.default_rng(SEED).multinomial(len(tables), counts / len(tables), DRAWS)
    values = statistic((resamples @ kinds).reshape(DRAWS, *tables.shape[1:]))
    low, high = np.quantile(values[~np.isnan(values)], ((1 - SURE) / 2, (1 + SURE) / 2))
    return _filled(measure, value, (float(low), float(high)))


def coincidences(units: Iterable[Sequence[int]], size: int) -> "Table":
    """(size, size): how often two people gave one unit the values c and k, each person counting once (values from 0)."""
    import numpy as np

    table = np.zeros((size, size))
    for values in units:
        counts = np.bincount(values, minlength=size)
        table += (np.outer(counts, counts) - np.diag(counts)) / (len(values) - 1)
    return table


def alpha(table: "Table", level: Level) -> "Table":
    """Krippendorff's alpha of coincidences, (..., k, k) to (...); NaN where everybody said the same.

    After Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability".
    """
    each = table.sum(axis=-1)
    apart = _apart(each, level)
    observed = (table * apart).sum(axis=(-1, -2))
    expected = (each[..., :, None] * each[..., None, :] * apart).sum(axis=(-1, -2)) / (each.sum(axis=-1) - 1)
    return _one_minus(observed, expected)


def _apart(each: "Table", level: Level) -> "Table":
    """(..., k, k): how far each two values are apart, squared. `each` counts the values, (..., k)."""
    import numpy as np

    size = each.shape[-1]
    if level == "nominal":
        return 1 - np.eye(size)
    ranks = np.cumsum(each, axis=-1) - each / 2  # two are as far apart as there is said between their middles
    positions = ranks if level == "ordinal" else np.broadcast_to(np.arange(float(size)), each.shape)
    apart: Table = (positions[..., :, None] - positions[..., None, :]) ** 2
    return apart


def kappa(table: "Table") -> "Table":
    """Cohen's kappa with quadratic weights of counts, (..., k, k) to (...); NaN where everybody said the same."""
    import numpy as np

    at = np.arange(table.shape[-1])
    apart = (at[:, None] - at[None, :]) ** 2
    ones, others, n = table.sum(axis=-1), table.sum(axis=-2), table.sum(axis=(-1, -2))
    expected = (ones[..., :, None] * others[..., None, :] * apart).sum(axis=(-1, -2)) / n
    return _one_minus((table * apart).sum(axis=(-1, -2)), expected)


def _one_minus(observed: "Table", expected: "Table") -> "Table":
    import numpy as np

    defined = expected > 0
    return 1 - np.divide(observed, expected, out=np.full_like(expected, np.nan), where=defined)
