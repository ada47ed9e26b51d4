"""How long a review takes: pauses, bulk and second looks left out, what things do to it, and what fits into so many minutes."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.stats.review_pace import Pace, Timing, pace, reviewer_progress, rows_within, timed_seconds
from feedback.stats.row_signals import Population

BEGIN = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


def series(gaps: Sequence[float], reviewer: str = "ann") -> list[Timing]:
    """Reviews so many seconds apart; the first has nothing before it."""
    when = np.cumsum([0.0, *gaps]).tolist()
    return [Timing(reviewer, f"{reviewer}-{n}", at(t)) for n, t in enumerate(when)]


def test_nothing_is_said_of_few() -> None:
    for timings in ([], series([]), series([30.0] * 9)):
        measured = pace(timings)
        assert (measured.median, measured.low) == (40.0, None)
        assert measured.sentence == (
            f"Not measured yet: about 40 s a row is assumed until 10 reviews are timed ({max(0, len(timings) - 1)} so far)."
        )
        budget = rows_within(10, [f"r{n}" for n in range(50)], Population.of([], {}), measured)
        assert len(budget.rows) == 15 and budget.error is None
        assert budget.sentence == "10 minutes: these 15 rows (at about 40 s a row, not measured yet)."


def test_the_mean_and_its_interval_are_students() -> None:
    gaps = [20.0, 30.0, 40.0, 50.0] * 5
    measured = pace(series(gaps))
    assert (measured.n, measured.left_out) == (20, 1)
    assert measured.mean == pytest.approx(35)
    half = 2.0930 * np.std(gaps, ddof=1) / math.sqrt(20)
    assert [measured.low, measured.high] == pytest.approx([35 - half, 35 + half], abs=0.01)
    assert measured.seconds() == pytest.approx(35, rel=0.01)
    assert measured.sentence == (
        "A review takes 35 s on average (30 to 40 s), from 20 timed reviews of 1 person; 1 was left out, as it came after a "
        "pause, in one go or for the second time."
    )


def test_pauses_and_what_was_sent_in_one_go_are_left_out() -> None:
    gaps = [30.0] * 10 + [3600.0] + [30.0] * 5 + [0.2, 0.2, 0.2] + [30.0] * 5
    seconds = [s for _, s in timed_seconds(series(gaps))]
    # the row before the three that follow within a second is one of those that were sent together
    assert seconds == pytest.approx([30.0] * 19)
    short = [5.0] * 20 + [59.0, 61.0]
    assert [s for _, s in timed_seconds(series(short))] == pytest.approx([5.0] * 20 + [59.0])
    slow = [400.0] * 20 + [1900.0, 2100.0]
    assert [s for _, s in timed_seconds(series(slow))] == pytest.approx([400.0] * 20 + [1900.0])


def test_a_row_that_somebody_came_back_to_is_left_out() -> None:
    timings = series([30.0] * 12)
    began = [Timing(t.reviewer, t.row, t.submitted, at(-500 if n == 5 else 30 * n - 10)) for n, t in enumerate(timings)]
    assert [t.row for t, _ in timed_seconds(began)] == [f"ann-{n}" for n in range(1, 13) if n != 5]


def test_reviewers_are_timed_apart_and_what_is_no_time_is_left_out() -> None:
    timings = [*series([30.0] * 3), *series([50.0] * 3, "ben"), Timing("ann", "odd", "yesterday")]
    assert sorted(s for _, s in timed_seconds(timings)) == pytest.approx([30.0] * 3 + [50.0] * 3)
    naive = [Timing("ann", "a", "2026-05-04T09:00:00"), Timing("ann", "b", "2026-05-04T09:00:20Z")]
    assert [s for _, s in timed_seconds(naive)] == pytest.approx([20.0])


def test_effects_are_told_from_many_reviews() -> None:
    rng = np.random.default_rng(3)
    timings = []
    for name, factor in (("ann", 1.0), ("ben", 2.0)):
        when = 0.0
        for n in range(400):
            length, responses, corrected = (
                int(2 ** rng.uniform(7, 11)),
                int(rng.integers(1, 4)),
                bool(rng.random() < 0.2),
            )
            typical = (
                30 * factor * 1.3 ** (math.log2(length) - 9) * 1.2 ** (responses - 2) * (1.8 if corrected else 1.0)
            )
            when += typical * math.exp(0.4 * rng.standard_normal())
            timings.append(Timing(name, f"{name}-{n}", at(when), None, length, responses, corrected))
    measured = pace(timings)
    assert measured.effects["length"] == pytest.approx(1.3, abs=0.05)
    assert measured.effects["responses"] == pytest.approx(1.2, abs=0.05)
    assert measured.effects["corrected"] == pytest.approx(1.8, abs=0.15)
    assert measured.reviewers["ben"] / measured.reviewers["ann"] == pytest.approx(2, abs=0.15)
    assert measured.spread == pytest.approx(0.4, abs=0.04)
    mean = 30 * 1.3 * math.exp(0.4**2 / 2)
    assert measured.seconds(1024, 2, "ann", corrected=False) == pytest.approx(mean, rel=0.08)
    assert "Twice as much text takes" in measured.sentence and "a correction takes" in measured.sentence


def test_the_error_of_a_sum_holds_for_new_rows() -> None:
    """Budgets from 100 timed reviews, against what the same rows then take."""
    within = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        measured = pace(series((30 * np.exp(0.5 * rng.standard_normal(100))).tolist()))
        ids = [f"r{n}" for n in range(200)]
        budget = rows_within(20, ids, Population.of(ids, {"responses": [1] * 200}), measured)
        assert budget.error is not None
        took = float((30 * np.exp(0.5 * rng.standard_normal(len(budget.rows)))).sum())
        within += abs(took / budget.seconds - 1) <= budget.error
    assert 180 <= within <= 199


def test_rows_that_fit_are_the_first_and_no_more() -> None:
    measured = pace(series([30.0, 31.0, 29.0] * 10))
    ids = [f"r{n}" for n in range(100)]
    population = Population.of(ids, {"responses": [1] * 100, "length": [0] * 100})
    budget = rows_within(10, ids, population, measured, "ann")
    assert budget.rows == ids[:20] or budget.rows == ids[:19]
    assert budget.seconds <= 600 < budget.seconds + 31
    assert budget.error is not None and budget.error < 0.05
    assert budget.sentence.startswith(f"10 minutes: these {len(budget.rows)} rows, to about ± ")
    assert budget.sentence.endswith(" (at 30 s a row, from 30 timed reviews).")
    assert rows_within(10, ids[:1], population, measured).sentence.startswith(
        "10 minutes: the one row that waits, to about ±"
    )
    assert rows_within(90, ids, population, measured).sentence.startswith(
        "90 minutes: all 100 rows that wait, in about 50 minutes"
    )
    for minutes in (0.0, -1.0, 0.1, math.nan, math.inf):
        assert not rows_within(minutes, ids, population, measured).rows
    assert rows_within(30, [], population, measured).sentence == "No row waits."
    assert rows_within(0.25, ids, population, measured).sentence == "No row fits into 0.2 minutes."


def test_the_end_is_told_from_the_days_of_work() -> None:
    timings = [t for day in range(4) for t in (
        Timing("ann", f"{day}-{n}", at(day * 86400 + n * 36)) for n in range(50)
    )]  # fmt: skip
    timings += series([60.0] * 2, "ben")
    measured = pace(timings)
    ann, ben, cleo = reviewer_progress(timings, {"ann": 100, "ben": 3, "cleo": 5}, measured, at(4 * 86400))
    assert (ann.done, ann.left) == (200, 100)
    assert ann.per_hour == pytest.approx(100, rel=0.02) and ann.hours_left == pytest.approx(1, rel=0.02)
    assert ann.end == at(6 * 86400)
    assert ann.sentence == (
        f"ann answered 200 rows, {ann.per_hour:.0f} an hour (from 196 timed reviews); 100 are left, about 60 minutes of work, done "
        "by 2026-05-10 at 50 rows a day."
    )
    assert (ben.per_hour, ben.hours_left, cleo.end) == (None, None, None)
    assert cleo.sentence == "cleo answered 0 rows; 5 are left."
    (today,) = reviewer_progress(series([36.0] * 50), {"ann": 100}, pace(series([36.0] * 50)), at(1800))
    assert today.end == at(1800 + 3600) and today.sentence.endswith("done by 2026-05-04 if done in one go.")
    (nothing,) = reviewer_progress(series([36.0] * 50), {"ann": 0}, pace(series([36.0] * 50)), at(1800))
    assert nothing.end is None and nothing.hours_left == 0


@given(
    st.lists(
        st.builds(
            Timing,
            st.sampled_from(["ann", "ben"]),
            st.sampled_from(["a", "b", "c"]),
            st.one_of(st.integers(0, 5000).map(at), st.just("?"), st.just("")),
            st.one_of(st.none(), st.integers(0, 5000).map(at)),
            st.integers(0, 5000),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.floats(0, 500),
)
def test_a_pace_is_a_number_and_knows_no_order(timings: list[Timing], minutes: float) -> None:
    measured = pace(timings)
    assert measured.n + measured.left_out == len(timings)
    ids = [f"r{n}" for n in range(30)]
    population = Population.of(ids, {"length": [100] * 30, "responses": [2] * 30})
    budget = rows_within(minutes, ids, population, measured)
    assert math.isfinite(budget.seconds) and (budget.error is None or math.isfinite(budget.error))
    again = pace(list(reversed(timings)))
    assert isinstance(again, Pace) and again.n == measured.n
    for progress in reviewer_progress(timings, {"ann": 3}, measured, at(5000)):
        assert progress.sentence.startswith(progress.reviewer)
