"""Signals of rows: what is known of each before anybody reviews it, in columns, and equal shares of batches."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.errors import NotAudit
from feedback.reviewed_row import ReviewedRow
from feedback.stats.row_signals import (
    COLUMNS,
    Answer,
    Population,
    RowSignals,
    audit_only,
    equal_share,
    in_time,
    positions,
    quotas,
    signals_of,
)
from feedback.types import Checked, Rating
from tasks.types import Response
from tests.make_reviewed_rows import ROW


def rating(aspect: str, value: float, response: int = 0, levels: int = 5) -> Rating:
    return Rating(response, aspect, 0, "rated", value, "So.", model="judge", levels=levels)


def answer(row: str, when: int = 0, *, is_audit: bool = True) -> Answer:
    return Answer(row, "decided", True, is_audit, f"2026-01-01T00:00:{when:02d}")


def test_signals_are_of_the_best_response() -> None:
    row = replace(ROW, responses=(Response("Short.", "a"), Response("A longer one.", "b")))
    ratings = (
        rating("helpfulness", 2),
        rating("honesty", 2),
        *(rating("helpfulness", 5, 1), rating("honesty", 2, 1)),
        rating("depth", 1, 1),
    )
    checks = (Checked(0, "length", False, "Too short."), Checked(1, "language", True, ""))
    signals = signals_of(ReviewedRow(row, ratings, (), checks=checks), "helpfulness", "existing")
    assert signals.spread == pytest.approx(np.std([5, 2, 1]))
    assert replace(signals, spread=None) == RowSignals(
        keeps=True,
        rating=5.0,
        opinions=1.5,
        contradiction=2.0,  # 3.5 - 1.5
        spread=None,
        failed_checks=1,
        length=len("A longer one."),
        responses=2,
        model="b",
        task="existing",
    )


def test_ratings_on_other_scales_are_put_on_five() -> None:
    ratings = (rating("helpfulness", 3, levels=3), rating("honesty", 1, levels=2))
    signals = signals_of(ReviewedRow(replace(ROW, responses=ROW.responses[:1]), ratings, ()), "helpfulness")
    assert (signals.rating, signals.opinions) == (5.0, 1.0)


def test_a_row_without_ratings_has_no_decision() -> None:
    signals = signals_of(ReviewedRow(ROW, (), ()), "helpfulness")
    assert (signals.keeps, signals.rating, signals.opinions, signals.contradiction, signals.spread) == (
        None,
        None,
        None,
        0.0,
        None,
    )
    none = signals_of(ReviewedRow(replace(ROW, responses=()), (), ()), "helpfulness")
    assert (none.length, none.responses, none.model) == (0, 0, "")
    assert signals_of(ReviewedRow(ROW, (rating("helpfulness", 4),), ()), "helpfulness").spread is None


def test_columns_hold_what_rows_had() -> None:
    rows = {
        "a": RowSignals(True, 5.0, 2.5, 1.0, 0.5, 2, 90, 2, "m", "t"),
        "b": RowSignals(False, 1.0, None, 0.0, None, 0, 10, 1, "n", "t"),
        "c": RowSignals(None, None, None, 0.0, None, 0, 0, 0),
    }
    population = Population.from_signals(rows)
    assert (
        list(population.ids) == ["a", "b", "c"]
        and population.index == {"a": 0, "b": 1, "c": 2}
        and len(population) == 3
    )
    assert population.keeps.tolist() == [1, 0, -1]
    assert population.contradiction.tolist() == [1.0, 0.0, 0.0]
    assert population.model.tolist() == [0, 1, 2] and population.task.tolist() == [0, 0, 1]
    assert population.soft.tolist() == [2.5, 1.0, 3.5]
    again = Population.of(list(rows), {name: [getattr(row, name) for row in rows.values()] for name in COLUMNS})
    assert np.array_equal(again.rating, population.rating, equal_nan=True)


def test_what_is_no_number_is_not_known() -> None:
    population = Population.of(
        ["a", "b", "c"], {"keeps": [1, 0, None], "contradiction": [math.nan, math.inf, 1.0], "rating": [None] * 3}
    )
    assert population.contradiction.tolist() == [0.0, 0.0, 1.0] and np.isnan(population.rating).all()
    assert population.soft.tolist() == [3.5] * 3
    assert not len(Population.of([], {})) and Population.of([], {}).soft.tolist() == []


def test_answers_of_the_queue_are_refused_by_name() -> None:
    audit = [answer("b", 2), answer("a", 1)]
    assert [each.row for each in audit_only(audit)] == ["a", "b"]
    with pytest.raises(NotAudit, match=r"\(q\): hand in answers to audit rows only"):
        audit_only([*audit, answer("q", is_audit=False)])
    with pytest.raises(ValueError, match=r"q and 1 more"):
        audit_only([answer("q", is_audit=False), answer("r", 1, is_audit=False)])


def test_answers_at_the_same_time_are_in_the_order_of_their_rows() -> None:
    assert [a.row for a in in_time([answer("b"), answer("a"), answer("c", 0)])] == ["a", "b", "c"]


def test_rows_that_are_not_there_have_no_position() -> None:
    assert positions(Population.of(["a", "b"], {}), ["b", "gone", "a"]).tolist() == [1, 0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.data())
def test_quotas_are_shares_of_the_batches(batches: list[int], data: st.DataObject) -> None:
    population = Population.of([f"r{n}" for n in range(len(batches))], {"batch": batches})
    size = data.draw(st.integers(0, len(batches)))
    wanted = quotas(population, size)
    rows = np.bincount(population.batch)
    assert wanted.sum() == size and np.all(wanted <= rows)
    assert np.all(np.abs(wanted - size * rows / len(batches)) < 1)


def test_of_each_batch_the_same_share_counts() -> None:
    ids = [f"r{n}" for n in range(300)]
    population = Population.of(ids, {"batch": [0] * 200 + [1] * 100})
    first = [answer(f"r{n}", n % 60) for n in range(50)]
    later = [answer(f"r{200 + n}", 59) for n in range(10)]
    sample = equal_share(population, in_time([*first, *later]))
    batches = [int(population.batch[population.index[a.row]]) for a in sample]
    assert (batches.count(0), batches.count(1)) == (20, 10) or (batches.count(0), batches.count(1)) == (21, 10)
    assert [a.row for a in sample][:20] == [f"r{n}" for n in range(20)]
    assert equal_share(population, first, 30) == [] and len(equal_share(population, [*first, *later], 30)) == 30


def test_one_batch_counts_whole() -> None:
    population = Population.of([f"r{n}" for n in range(10)], {})
    answers = [answer(f"r{n}", n) for n in range(6)]
    assert equal_share(population, answers) == answers and equal_share(population, answers, 4) == answers[:4]
    assert equal_share(population, answers, 7) == [] and equal_share(population, []) == []
    assert equal_share(Population.of([], {}), []) == []


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.sets(st.integers(0, 39)))
def test_the_largest_equal_share_is_found(batches: list[int], reviewed: set[int]) -> None:
    population = Population.of([f"r{n}" for n in range(len(batches))], {"batch": batches})
    answers = [answer(f"r{n}") for n in sorted(reviewed) if n < len(batches)]
    sample = equal_share(population, answers)
    counts = np.bincount(
        population.batch[positions(population, [a.row for a in answers])], minlength=int(population.batch.max()) + 1
    )
    fits = [size for size in range(len(answers) + 1) if np.all(quotas(population, size) <= counts)]
    assert len(sample) <= max(fits)
    if int(population.batch.max()) == 0:
        assert len(sample) == max(fits) == len(answers)
    assert len({a.row for a in sample}) == len(sample)
