"""How long a review takes, told from when reviewers submitted theirs, and what fits into so many minutes.

A review took the time since its reviewer's last one. Left out are those after a pause (longer than five times the median, and
than a minute), what was sent in one go (within a second: by a script, or marked together), and rows that were begun before the
last one was submitted: somebody came back to them. Times multiply: a median, times what length, responses, corrections and the
reviewer do to it, each drawn to nothing (a ridge on the logarithm) as far as few reviews say so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from feedback.stats.row_signals import Population

UNMEASURED = 40.0
"""Seconds that a review is taken to need before any was measured."""
LEAST = 10
"""So many reviews must be timed before anything is said of the pace, and a quarter of it of one reviewer's."""
EFFECTS_FROM = 30
"""From so many timed reviews on, what length, responses and corrections do is told."""
PAUSE, SHORTEST_PAUSE, LONGEST = 5.0, 60.0, 1800.0
"""A gap is a pause from so many medians on, but never below a minute; half an hour is never counted into the median."""
TOGETHER = 1.0
"""Seconds within which answers count as sent in one go."""
RIDGE = 4.0
OUTLIER = 3.0
"""Times that are so many deviations off count as that many."""
RECENT = 14
"""Days that tell how many rows a reviewer does a day."""
MOST_AT_ONCE = 8.0
"""Hours of work that one day may hold."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One review as it was submitted. Times are in ISO 8601; `started` is when its first draft was kept, where that is known.

    `length` is the characters of all its responses.
    """

    reviewer: str
    row: str
    submitted: str
    started: str | None = None
    length: int = 0
    responses: int = 1
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for a review: a median, times effects. `n` reviews could be timed, `left_out` could not (pauses, bulk).

    `effects` are factors: of twice the "length", of one more of "responses", of "corrected"; they are relative to a row of
    `typical` length and responses, of which a share `corrected` is corrected. `reviewers` are each one's factor. `spread` is the
    deviation of the logarithm, `mean` the average of all timed reviews, from `low` to `high` (95 %), `smear` what the average of
    such times is above their median.
    """

    n: int
    left_out: int
    median: float
    effects: Mapping[str, float] = field(default_factory=dict)
    reviewers: Mapping[str, float] = field(default_factory=dict)
    spread: float = 0.6
    sentence: str = ""
    mean: float = UNMEASURED
    low: float | None = None
    high: float | None = None
    typical: tuple[float, float] = (0.0, 1.0)
    corrected: float = 0.0
    smear: float = 1.0
    timed: Mapping[str, int] = field(default_factory=dict)

    def seconds(
        self, length: float = 0, responses: float = 1, reviewer: str = "", corrected: bool | None = None
    ) -> float:
        """Seconds that a review of such a row takes on average; `length` is of all its responses, 0 where it is not known."""
        known_length, known_responses = self.typical
        seconds = self.median * self.smear * self.reviewers.get(reviewer, 1.0)
        if length and known_length:
            seconds *= self.effects.get("length", 1.0) ** math.log2((1 + length) / (1 + known_length))
        seconds *= self.effects.get("responses", 1.0) ** (responses - known_responses)
        factor = self.effects.get("corrected", 1.0)
        share = self.corrected if corrected is None else float(corrected)
        total: float = seconds * (1 - share + share * factor)
        return total


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
    timed = timed_seconds(timings)
    left_out = len(timings) - len(timed)
    if len(timed) < LEAST:
        sentence = (
            f"Not measured yet: about {UNMEASURED:.0f} s a row is assumed until {LEAST} reviews are timed "
            f"({len(timed)} so far)."
        )
        return Pace(len(timed), left_out, UNMEASURED, sentence=sentence)
    return _fitted(timed, left_out)


def timed_seconds(timings: Sequence[Timing]) -> list[tuple[Timing, float]]:
    """The reviews that can be timed, each with its seconds."""
    by_reviewer: dict[str, list[tuple[float, Timing]]] = {}
    for timing in timings:
        if (at := _stamp(timing.submitted)) is not None:
            by_reviewer.setdefault(timing.reviewer, []).append((at, timing))
    return [pair for name in sorted(by_reviewer) for pair in _timed(by_reviewer[name])]


def _timed(submissions: Sequence[tuple[float, Timing]]) -> Iterable[tuple[Timing, float]]:
    """Those of one reviewer."""
    ordered = sorted(submissions, key=lambda pair: (pair[0], pair[1].row))
    gaps = [math.inf, *(later[0] - earlier[0] for earlier, later in pairwise(ordered)), math.inf]
    alone = [min(gaps[at], gaps[at + 1]) >= TOGETHER for at in range(len(ordered))]
    usual = [gap for gap, is_alone in zip(gaps, alone, strict=False) if is_alone and gap <= LONGEST]
    limit = max(SHORTEST_PAUSE, PAUSE * median(usual)) if usual else PAUSE * UNMEASURED
    for at, (when, timing) in enumerate(ordered):
        if not alone[at]:
            continue
        began = _stamp(timing.started) if timing.started else None
        came_back = began is not None and began < when - gaps[at]
        if gaps[at] <= limit and not came_back:
            yield timing, gaps[at]


def _stamp(time: str) -> float | None:
    """A time in seconds; those without a zone are in UTC. None for what is no time."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _fitted(timed: Sequence[tuple[Timing, float]], left_out: int) -> Pace:
    import numpy as np
    from scipy.special import stdtrit

    seconds = np.array([s for _, s in timed])
    logs = np.log(seconds)
    names = sorted({t.reviewer for t, _ in timed})
    lengths = np.log2(1 + np.array([max(t.length, 0) for t, _ in timed], dtype=float))
    responses = np.array([t.responses for t, _ in timed], dtype=float)
    corrected = np.array([t.corrected for t, _ in timed], dtype=float)
    columns = {"length": lengths, "responses": responses, "corrected": corrected}
    if len(timed) < EFFECTS_FROM:
        columns = {}
    columns = {name: column for name, column in columns.items() if column.std() > 1e-9}
    code = np.array([names.index(t.reviewer) for t, _ in timed])
    design = [np.ones(len(timed))]
    penalty = [0.0]
    for column in columns.values():
        design.append((column - column.mean()) / column.std())
        penalty.append(RIDGE)
    for reviewer in range(len(names) if len(names) > 1 else 0):
        design.append((code == reviewer).astype(float))
        penalty.append(RIDGE)
    features = np.stack(design, axis=1)
    target = logs
    for _ in range(3):
        weights = np.linalg.solve(features.T @ features + np.diag(penalty), features.T @ target)
        rest = logs - features @ weights
        width = OUTLIER * 1.4826 * float(np.median(np.abs(rest))) + 1e-9
        target = features @ weights + np.clip(rest, -width, width)
    smear = float(seconds.mean() / np.exp(features @ weights).mean())
    effects = {
        name: math.exp(float(weight) / float(column.std()))
        for (name, column), weight in zip(columns.items(), weights[1:], strict=False)
    }
    share = float(corrected.mean())
    base = float(weights[0])
    if "corrected" in effects:
        base -= share * math.log(effects["corrected"])
    factors = {name: math.exp(float(w)) for name, w in zip(names, weights[1 + len(columns) :], strict=False)}
    mean = float(seconds.mean())
    half = float(stdtrit(len(timed) - 1, 0.975)) * float(seconds.std(ddof=1)) / math.sqrt(len(timed))
    measured = Pace(
        n=len(timed),
        left_out=left_out,
        median=math.exp(base),
        effects=effects,
        reviewers=factors,
        spread=max(float(rest.std()), 0.05),
        mean=mean,
        low=max(0.0, mean - half),
        high=mean + half,
        typical=(float(2 ** lengths.mean() - 1), float(responses.mean())),
        corrected=share,
        smear=smear,
        timed={name: int(np.count_nonzero(code == at)) for at, name in enumerate(names)},
    )
    return _with_sentence(measured)


def _with_sentence(measured: Pace) -> Pace:
    from dataclasses import replace

    reviewers = len(measured.timed)
    low, high = measured.low or 0.0, measured.high or 0.0
    sentence = (
        f"A review takes {measured.mean:.0f} s on average ({low:.0f} to {high:.0f} s), from {measured.n:,} timed reviews of "
        f"{reviewers} {'person' if reviewers == 1 else 'people'}"
    )
    if measured.left_out:
        left = measured.left_out
        were, they = ("was", "it") if left == 1 else ("were", "they")
        sentence += f"; {left:,} {were} left out, as {they} came after a pause, in one go or for the second time"
    told = []
    if abs(more := measured.effects.get("length", 1.0) - 1) >= 0.05:
        told.append(f"twice as much text takes {abs(more):.0%} {'longer' if more > 0 else 'less'}")
    if abs(more := measured.effects.get("corrected", 1.0) - 1) >= 0.05:
        told.append(f"a correction takes {abs(more):.0%} {'longer' if more > 0 else 'less'}")
    extra = f" {' and '.join(told)}." if told else ""
    return replace(measured, sentence=f"{sentence}.{extra[:2].upper()}{extra[2:]}")


def rows_within(
    minutes: float, rows: Sequence[str], population: Population, measured: Pace, reviewer: str = ""
) -> Budget:
    """The first of the ordered `rows` that fit into so many minutes.

    The error is that of the sum: how much single reviews vary, how well the pace is known, and, where it is not said who
    reviews, how much reviewers differ.
    """
    limit = minutes * 60 if math.isfinite(minutes) else 0.0
    taken: list[str] = []
    total = squares = 0.0
    for row in rows:
        at = population.index.get(row)
        if at is None:
            needed = measured.seconds(0, measured.typical[1], reviewer)
        else:
            responses = max(float(population.responses[at]), 1.0)
            needed = measured.seconds(float(population.length[at]) * responses, responses, reviewer)
        if total + needed > limit:
            break
        taken.append(row)
        total, squares = total + needed, squares + needed**2
    error = _error(measured, total, squares, reviewer)
    return Budget(minutes, taken, total, error, _budget_sentence(minutes, taken, len(rows), total, error, measured))


def _error(measured: Pace, total: float, squares: float, reviewer: str) -> float | None:
    """By what share the sum of so many seconds may be off."""
    if measured.low is None or not total:
        return None
    varies = math.exp(measured.spread**2) - 1
    variance = varies * (squares / total**2 + 1 / measured.n)
    factors = [math.log(factor) for factor in measured.reviewers.values()]
    if reviewer not in measured.reviewers and len(factors) > 1:
        variance += sum(factor**2 for factor in factors) / (len(factors) - 1)
    return 1.96 * math.sqrt(variance)


def _budget_sentence(
    minutes: float, rows: Sequence[str], waiting: int, seconds: float, error: float | None, measured: Pace
) -> str:
    if not rows:
        return "No row waits." if not waiting else f"No row fits into {_minutes(minutes * 60)}."
    these = "this row" if len(rows) == 1 else f"these {len(rows):,} rows"
    if len(rows) == waiting:
        these = (
            "the one row that waits"
            if waiting == 1
            else f"all {waiting:,} rows that wait, in about {_minutes(seconds)}"
        )
    off = "" if error is None else f", to about ± {max(error, 0.01):.0%}"
    source = (
        f"at {measured.seconds(0, measured.typical[1]):.0f} s a row, from {measured.n:,} timed reviews"
        if measured.low is not None
        else f"at about {UNMEASURED:.0f} s a row, not measured yet"
    )
    return f"{_minutes(minutes * 60)}: {these}{off} ({source})."


def _minutes(seconds: float) -> str:
    minutes = seconds / 60 if math.isfinite(seconds) else 0.0
    shown = f"{minutes:.0f}" if minutes >= 10 or abs(minutes - round(minutes)) < 0.05 else f"{minutes:.1f}"
    return f"{shown} minute{'' if shown == '1' else 's'}"


def reviewer_progress(timings: Sequence[Timing], left: Mapping[str, int], measured: Pace, now: str) -> list[Progress]:
    """What each reviewer did, and what is `left` for them (rows by reviewer).

    The end is told from how many rows a day they did in the last two weeks, from their first day in it to now; where they began
    today, from their hours alone, if these fit into a day.
    """
    by_reviewer: dict[str, list[Timing]] = {name: [] for name in left}
    for timing in timings:
        by_reviewer.setdefault(timing.reviewer, []).append(timing)
    return [_progress(name, own, left.get(name, 0), measured, now) for name, own in sorted(by_reviewer.items())]


def _progress(name: str, own: Sequence[Timing], left: int, measured: Pace, now: str) -> Progress:
    per_hour = None
    if measured.timed.get(name, 0) * 4 >= LEAST and measured.low is not None:
        per_hour = 3600 / measured.seconds(0, measured.typical[1], name)
    hours = None if per_hour is None else left / per_hour
    per_day, end = _end(own, left, hours, now)
    sentence = f"{name} answered {len(own):,} row{'' if len(own) == 1 else 's'}"
    if per_hour is not None:
        sentence += f", {per_hour:.0f} an hour (from {measured.timed[name]:,} timed reviews)"
    if left:
        sentence += f"; {left:,} {'is' if left == 1 else 'are'} left"
        if hours is not None:
            sentence += f", about {_minutes(hours * 3600) if hours < 2 else f'{hours:.1f} hours'} of work"
        if end is not None:
            sentence += f", done by {end[:10]}" + (
                f" at {per_day:.3g} rows a day" if per_day is not None else " if done in one go"
            )
    return Progress(name, len(own), per_hour, left, hours, end, f"{sentence}.")


def _end(own: Sequence[Timing], left: int, hours: float | None, now: str) -> tuple[float | None, str | None]:
    """(rows a day, when what is left is done); None for what can't be told."""
    current = _stamp(now)
    stamps = [at for timing in own if (at := _stamp(timing.submitted)) is not None]
    if current is None or not left:
        return None, None
    day = 86400.0
    recent = [at for at in stamps if current - RECENT * day <= at <= current]
    since = (current - min(recent)) / day if recent else 0.0
    if since >= 1:
        per_day = len(recent) / since
        days = left / per_day
        return per_day, _later(current, days * day) if days < 3650 else None
    if recent and hours is not None and hours <= MOST_AT_ONCE:
        return None, _later(current, hours * 3600)
    return None, None


def _later(stamp: float, seconds: float) -> str:
    return (datetime.fromtimestamp(stamp, UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")
