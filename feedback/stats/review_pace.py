"""How long a review takes, told from when reviewers submitted theirs, and what fits into so many minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feedback.stats.row_signals import Population

UNMEASURED = 40.0
"""Seconds that a review is taken to need before any was measured."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One review as it was submitted. Times are in ISO 8601; `started` is when the row was shown, where that is known."""

    reviewer: str
    row: str
    submitted: str
    started: str | None = None
    length: int = 0
    responses: int = 1
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for a review: a median, times effects. `n` reviews could be timed, `left_out` could not (pauses, bulk)."""

    n: int
    left_out: int
    median: float
    effects: Mapping[str, float] = field(default_factory=dict)
    reviewers: Mapping[str, float] = field(default_factory=dict)
    spread: float = 0.6
    sentence: str = ""

    def seconds(self, length: float = 0, responses: int = 1, reviewer: str = "", corrected: bool = False) -> float:
        """Seconds that a review of such a row takes."""
        return self.median


@dataclass(frozen=True, slots=True)
class Budget:
    """The rows that fit into so many minutes, and by what share the sum may be off (95 %)."""

    minutes: float
    rows: Sequence[str]
    seconds: float
    error: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One reviewer: how many are done, how many an hour of work, what is left for them, and when that is done at this pace.

    `hours_left` is time at work; `end` is in ISO 8601, None where it can't be told.
    """

    reviewer: str
    done: int
    per_hour: float | None
    left: int
    hours_left: float | None
    end: str | None
    sentence: str


def pace(timings: Sequence[Timing]) -> Pace:
    """The pace of all reviewers, from their submissions."""
    return Pace(0, len(timings), UNMEASURED, sentence=f"Not measured yet: about {UNMEASURED:.0f} s a row.")


def rows_within(
    minutes: float, rows: Sequence[str], population: Population, measured: Pace, reviewer: str = ""
) -> Budget:
    """The first of the ordered `rows` that fit into so many minutes."""
    count = min(len(rows), int(minutes * 60 / measured.median))
    return Budget(minutes, rows[:count], count * measured.median, None, f"{minutes:g} minutes: about {count} rows.")


def reviewer_progress(timings: Sequence[Timing], left: Mapping[str, int], measured: Pace, now: str) -> list[Progress]:
    """What each reviewer did, and what is `left` for them (rows by reviewer)."""
    done = {name: sum(t.reviewer == name for t in timings) for name in {t.reviewer for t in timings} | set(left)}
    return [
        Progress(name, count, None, left.get(name, 0), None, None, f"{name}: {count} done.")
        for name, count in sorted(done.items())
    ]
