"""What is known of each row: what the labeller's signals say, in columns, and what people answered.

    RowSignals(keeps=True, rating=5.0, opinions=2.3, contradiction=1.2, spread=1.4, failed_checks=0, length=812, responses=2)

Ratings are on 1 to 5, whatever scale they were given on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any, Literal

from feedback.comparisons import doubt
from feedback.errors import NotAudit
from feedback.rating_summary import best_response, kept, opinion, other_opinions, priority
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import WHOLE_ROW, on_five

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

MIDDLE = 3.5
"""Between what is kept and what is not, on 1 to 5."""


@dataclass(frozen=True, slots=True)
class RowSignals:
    """What the labeller and the checks say of a row.

    `keeps` is the labeller's decision, `rating` its rating of the best response under the first aspect, `opinions` the mean of
    its other opinions of that response, `contradiction` how strongly these speak against the decision, `spread` the standard
    deviation over aspects, `length` the characters of the best response, `model` who wrote it.
    """

    keeps: bool | None
    rating: float | None
    opinions: float | None
    contradiction: float
    spread: float | None
    failed_checks: int
    length: int
    responses: int
    model: str = ""
    task: str = ""


COLUMNS = tuple(field.name for field in fields(RowSignals))


def signals_of(judged: ReviewedRow, aspect: str, task: str = "") -> RowSignals:
    """The signals of a row; `aspect` is the first of the run's, by which rows are kept."""
    row, ratings = judged.row, judged.ratings
    best = best_response(row, ratings)
    rated = opinion(ratings, best, aspect)
    levels = next(
        (r.levels for r in ratings if r.aspect == aspect and r.response in (best, WHOLE_ROW) and r.value is not None), 5
    )
    by_aspect: dict[str, list[float]] = {}
    for r in ratings:
        if r.value is not None and r.response in (best, WHOLE_ROW):
            by_aspect.setdefault(r.aspect, []).append(on_five(r.value, r.levels))
    means = [fmean(values) for values in by_aspect.values()]
    response = row.responses[best] if row.responses else None
    return RowSignals(
        keeps=kept(row, ratings, aspect, judged.rubrics),
        rating=None if rated is None else on_five(rated[0], levels),
        opinions=other_opinions(row, ratings, aspect),
        contradiction=priority(row, ratings, aspect, judged.rubrics, doubt(judged.comparisons)),
        spread=pstdev(means) if len(means) > 1 else None,
        failed_checks=len(judged.failed_checks),
        length=0 if response is None else len(response.text),
        responses=len(row.responses),
        model="" if response is None else response.model,
        task=task,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What people decided on a row. `at` is the time in ISO 8601 at which it was first decided.

    `keep` is None unless `status` is "decided"; `rating` is people's mean on 1 to 5. `low` and `high` are the ends of a range
    that a reviewer gave in place of one rating ("3 or 4, both are fine").
    """

    row: str
    status: Literal["decided", "unsure", "skipped"]
    keep: bool | None
    is_audit: bool
    at: str
    rating: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """All rows of a run, in columns. `index` says where a row stands.

    `keeps` is 1, 0 or -1 where the labeller did not decide; ratings that are not there are NaN. `model`, `task` and `batch`
    are codes, in the order in which they first came; a batch is what was added, and drawn for audit, in one go.
    """

    ids: Sequence[str]
    index: Mapping[str, int]
    keeps: "Ints"
    rating: "Floats"
    opinions: "Floats"
    contradiction: "Floats"
    spread: "Floats"
    failed_checks: "Ints"
    length: "Floats"
    responses: "Ints"
    model: "Ints"
    task: "Ints"
    batch: "Ints"

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, ids: Sequence[str], columns: "Mapping[str, Sequence[Any] | NDArray[Any]]") -> "Population":
        """From a sequence of plain values for each of COLUMNS, None for what is not known; "task" and "batch" may lack."""
        import numpy as np

        def numbers(name: str, default: float) -> "Floats":
            values = columns.get(name)
            column = np.full(len(ids), np.nan) if values is None else np.array(values, dtype=float)
            return np.where(np.isfinite(column), column, default)

        def codes(name: str) -> "Ints":
            values = columns.get(name)
            if values is None:
                return np.zeros(len(ids), dtype=np.int64)
            known = {value: code for code, value in enumerate(dict.fromkeys(values))}
            return np.array([known[value] for value in values], dtype=np.int64)

        return cls(
            ids=tuple(ids),
            index={row: at for at, row in enumerate(ids)},
            keeps=numbers("keeps", -1).astype(np.int64),
            rating=numbers("rating", np.nan),
            opinions=numbers("opinions", np.nan),
            contradiction=numbers("contradiction", 0.0),
            spread=numbers("spread", np.nan),
            failed_checks=numbers("failed_checks", 0).astype(np.int64),
            length=numbers("length", 0.0),
            responses=numbers("responses", 0).astype(np.int64),
            model=codes("model"),
            task=codes("task"),
            batch=codes("batch"),
        )

    @classmethod
    def from_signals(cls, signals: Mapping[str, RowSignals]) -> "Population":
        """From the signals of each row."""
        rows = list(signals.values())
        return cls.of(list(signals), {name: [getattr(row, name) for row in rows] for name in COLUMNS})

    @property
    def names(self) -> "NDArray[Any]":
        """The ids as a column."""
        import numpy as np

        return np.array(self.ids, dtype=object)

    @property
    def soft(self) -> "Floats":
        """The best guess without people of each row's rating: the other opinions, else the rating, else the middle."""
        import numpy as np

        guess = np.where(np.isnan(self.opinions), self.rating, self.opinions)
        return np.where(np.isnan(guess), MIDDLE, guess)


def in_time(answers: Iterable[Answer]) -> list[Answer]:
    """The answers in the order in which they were given."""
    return sorted(answers, key=lambda answer: (answer.at, answer.row))


def positions(population: Population, rows: Iterable[str]) -> "Ints":
    """Where rows stand in the population, those left out that are not in it."""
    import numpy as np

    return np.array([at for row in rows if (at := population.index.get(row)) is not None], dtype=np.int64)


def audit_only(answers: Iterable[Answer]) -> list[Answer]:
    """The answers in the order in which they were given; refuses those that are not from the audit."""
    given = in_time(answers)
    wrong = [answer.row for answer in given if not answer.is_audit]
    if wrong:
        which = wrong[0] if len(wrong) == 1 else f"{wrong[0]} and {len(wrong) - 1} more"
        raise NotAudit(
            f"Rows of the queue say nothing about the whole set, as they were picked because they look wrong ({which}): "
            "hand in answers to audit rows only."
        )
    return given


def quotas(population: Population, size: int) -> "Ints":
    """How many of a sample of that size belong to each batch, by how many rows each has."""
    import numpy as np

    rows = np.bincount(population.batch)
    exact = size * rows / max(len(population), 1)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    left = size - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[: max(left, 0)]] += 1
    return np.minimum(whole, rows)


def equal_share(population: Population, answers: Sequence[Answer], size: int | None = None) -> list[Answer]:
    """The first answers to audit rows of each batch, the same share of each, so many in all; without a size as many as there are.

    Batches that were added later may have another share of audit rows, or less of it reviewed. Taken together they would say more
    about the one than about the other. Empty where there are not as many.
    """
    import numpy as np

    if not len(population):
        return []
    batch = population.batch[positions(population, [answer.row for answer in answers])]
    counts = np.bincount(batch, minlength=int(population.batch.max(initial=0)) + 1)
    if size is None:
        size = _reached(population, counts)
    wanted = quotas(population, size)
    if np.any(wanted > counts):
        return []
    if len(wanted) == 1:
        return list(answers[:size])
    order = np.argsort(batch, kind="stable")
    starts = np.cumsum(counts) - counts
    taken = np.sort(np.concatenate([order[start : start + n] for start, n in zip(starts, wanted, strict=True)]))
    return [answers[at] for at in taken]


def _reached(population: Population, counts: "Ints") -> int:
    """The largest size whose quotas are all there."""
    import numpy as np

    if len(counts) == 1:
        return int(counts[0])
    low, high = 0, int(counts.sum())
    while low < high:
        middle = (low + high + 1) // 2
        if np.any(quotas(population, middle) > counts):
            high = middle - 1
        else:
            low = middle
    return low
