"""Each measure of agreement: against published numbers, its definition, and numbers worked out by hand."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.stats.measures import (
    Level,
    Measure,
    alpha,
    alpha_between,
    coincidences,
    difference,
    kappa,
    share,
    weighted_kappa,
)
from tests.plain_measures import by_pairs, within

# Krippendorff (2011), section C: four observers (rows) and twelve units (columns), 0 where somebody said nothing
PUBLISHED = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3),
    (0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0),
)


def units_of(observers: Sequence[Sequence[int]]) -> list[list[int]]:
    """Values from 0, those that are missing left out, of the units that two or more observers judged."""
    units = [[value - 1 for value in unit if value] for unit in zip(*observers, strict=True)]
    return [unit for unit in units if len(unit) > 1]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_the_published_one(level: Level, published: float) -> None:
    assert round(float(alpha(coincidences(units_of(PUBLISHED), 5), level)), 3) == published


def test_alpha_by_hand() -> None:
    # Three units, two people: (0, 0) (0, 1) (1, 1). Coincidences: o00 = 2, o01 = o10 = 1, o11 = 2; n0 = n1 = 3, n = 6.
    # Nominal: observed 2 of 6 differ, expected 2 * 3 * 3 / (6 * 5) = 0.6. Alpha = 1 - (2 / 6) / 0.6 = 4 / 9.
    table = coincidences([[0, 0], [0, 1], [1, 1]], 2)
    assert table.tolist() == [[2, 1], [1, 2]]
    assert float(alpha(table, "nominal")) == pytest.approx(4 / 9)


OBSERVERS = st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=2, max_size=8)
"""Units, with what each of four observers said of them."""


@given(OBSERVERS, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_is_what_its_definition_gives(said: list[list[int]], level: Level) -> None:
    units = units_of(list(zip(*said, strict=True)))
    found = float(alpha(coincidences(units, 5), level)) if units else math.nan
    wanted = by_pairs(units, level) if units else None
    assert math.isnan(found) if wanted is None else found == pytest.approx(wanted, abs=1e-9)


@given(OBSERVERS, st.permutations(range(4)))
def test_alpha_does_not_know_who_said_what(said: list[list[int]], order: list[int]) -> None:
    units, others = (units_of(list(zip(*rows, strict=True))) for rows in (said, [[u[k] for k in order] for u in said]))
    assert np.array_equal(coincidences(units, 5), coincidences(others, 5))


@given(st.lists(st.integers(0, 4), min_size=2), st.integers(2, 5))
def test_alpha_of_full_agreement_is_one(values: list[int], people: int) -> None:
    found = float(alpha(coincidences([[value] * people for value in values], 5), "ordinal"))
    assert math.isnan(found) if len(set(values)) == 1 else found == pytest.approx(1)


def test_share_by_hand() -> None:
    # 15 of 20, Wilson: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, p, n = NormalDist().inv_cdf(0.975), 0.75, 20
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    found = share("same", [True] * 15 + [False] * 5)
    assert (found.value, found.n) == (0.75, 20)
    assert found.low == pytest.approx((middle - half) / (1 + z * z / n), abs=1e-6)
    assert found.high == pytest.approx((middle + half) / (1 + z * z / n), abs=1e-6)
    assert (found.shown, found.interval) == ("75%", "53% to 89%")


def test_difference_by_hand() -> None:
    # ten of each of -1, 0, +1: mean 0, variance 20 / 29; t with 29 degrees of freedom at 97.5 % is 2.04523 (tables)
    found = difference("difference", [-1.0, 0.0, 1.0] * 10)
    assert found.value == 0
    assert found.high == pytest.approx(2.04523 * math.sqrt(20 / 29 / 30), abs=1e-5)
    assert found.low is not None and found.low == pytest.approx(-2.04523 * math.sqrt(20 / 29 / 30), abs=1e-5)
    assert (found.shown, found.interval) == ("+0.00", "−0.31 to +0.31")


def test_weighted_kappa_by_hand() -> None:
    # 20 times (1, 1), 20 times (5, 5), 10 times (1, 5). Weights (i - j)²: 16 for the ten. Observed 160 / 50 = 3.2.
    # People say 1 thirty times and 5 twenty times, the labeller the other way round.
    # Expected 16 * (30 * 30 + 20 * 20) / 50² = 8.32. Kappa = 1 - 3.2 / 8.32 = 8 / 13.
    rows = [[(1, 1)]] * 20 + [[(5, 5)]] * 20 + [[(1, 5)]] * 10
    found = weighted_kappa("kappa", rows)
    assert found.value == pytest.approx(8 / 13)
    assert (found.low, found.high) == pytest.approx(drawn_again(rows), abs=0.03)
    assert weighted_kappa("kappa", rows[::-1]) == found  # the same each time, in whatever order the rows come


def drawn_again(rows: list[list[tuple[int, int]]]) -> tuple[float, float]:
    """The bootstrap in plain Python: rows with replacement, the 2.5 and 97.5 percentiles of kappa."""
    chance, found = random.Random(1), []
    for _ in range(2000):
        pairs = list(itertools.chain(*chance.choices(rows, k=len(rows))))
        observed = sum((a - b) ** 2 for a, b in pairs) / len(pairs)
        expected = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / len(pairs) ** 2
        found.append(1 - observed / expected)
    found.sort()
    return found[50], found[1949]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=50, max_size=60))
def test_kappa_does_not_know_who_is_who(pairs: list[tuple[int, int]]) -> None:
    table = np.zeros((5, 5))
    for a, b in pairs:
        table[a - 1, b - 1] += 1
    one, other = float(kappa(table)), float(kappa(table.T))
    assert (math.isnan(one) and math.isnan(other)) or one == pytest.approx(other)
    assert math.isnan(one) or -1 <= one <= 1


@pytest.mark.parametrize(
    ("make", "needed"),
    [
        (lambda n: share("one", [True] * n), 20),
        (lambda n: difference("one", [float(k % 2) for k in range(n)]), 30),
        (lambda n: weighted_kappa("one", [[(1 + k % 2, 1)] for k in range(n)]), 50),
        (lambda n: alpha_between("one", [[[k % 2, 1]] for k in range(n)], 5, "ordinal", "response"), 20),
    ],
    ids=["share", "difference", "kappa", "alpha"],
)
def test_too_few_reviews_give_no_number(make: Callable[[int], Measure], needed: int) -> None:
    few, none, enough = make(needed - 1), make(0), make(needed)
    assert few.value is few.low is few.high is None and few.missing == 1
    assert few.shown == f"1 more {few.of} needed"
    assert none.missing == needed and none.shown == f"{needed} more {none.of}s needed"
    assert enough.missing == 0 and within(enough)


def test_where_everybody_says_the_same() -> None:
    same = "not defined: everybody said the same"
    for found in (
        weighted_kappa("one", [[(4, 4)]] * 60),
        alpha_between("one", [[[3, 3]]] * 60, 5, "ordinal", "response"),
        alpha_between("one", [[[0, 0, 0]]] * 60, 3, "nominal", "row"),
    ):
        assert (found.value, found.low, found.high, found.shown, found.interval) == (None, None, None, same, "")
    constant = difference("one", [0.5] * 30)
    assert (constant.value, constant.low, constant.shown) == (0.5, None, "+0.50")
    assert constant.interval == "no interval: every difference is the same"
    assert share("one", [True] * 20).interval == "84% to 100%"
    assert weighted_kappa("one", [[(4, 2)]] * 60).value == pytest.approx(
        0
    )  # people and labeller each say one thing only
    one_other = alpha_between("one", [[[3, 3]]] * 59 + [[[3, 2]]], 5, "ordinal", "response")
    assert within(one_other)
