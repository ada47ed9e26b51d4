"""How reviewers compare: pairs, sets of ratings that meet, who is milder, and which rows a second person should see."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.stats.reviewer_pairs import Opinion, mildness, pair_agreement, second_opinions, sets_meet
from feedback.stats.row_signals import Answer, Population


def said(reviewer: str, keeps: str, ratings: str = "") -> list[Opinion]:
    """Decisions of rows 0, 1, ... (+ keeps, - rejects, ? unsure, a space was not seen), and ratings from 1 to 5."""
    return [
        Opinion(reviewer, f"r{at}", {"+": True, "-": False}.get(keep), float(ratings[at]) if ratings else None)
        for at, keep in enumerate(keeps)
        if keep != " "
    ]


def test_a_pair_counts_the_rows_that_both_decided() -> None:
    (pair,) = pair_agreement([*said("ben", "+" * 20 + "--??"), *said("ann", "+" * 15 + "-" * 9)])
    assert (pair.first, pair.second, pair.same.n, pair.same.value) == ("ann", "ben", 22, 17 / 22)
    # Wilson by hand: z = 1.959964, n = 22, p = 17/22
    z, n, p = 1.959964, 22, 17 / 22
    half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    assert [pair.same.low, pair.same.high] == pytest.approx([middle - half, middle + half], abs=1e-6)
    assert pair.ratings.n == 0


def test_pairs_with_the_most_shared_rows_come_first() -> None:
    pairs = pair_agreement([*said("ann", "++++"), *said("ben", "++"), *said("cleo", "+++"), *said("dan", "    +")])
    assert [(p.first, p.second, p.same.n) for p in pairs] == [("ann", "cleo", 3), ("ann", "ben", 2), ("ben", "cleo", 2)]
    assert pair_agreement([]) == [] and pair_agreement(said("ann", "++")) == []


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ((3, None, None), (3, None, None), True),
        ((3, None, None), (4, None, None), False),
        ((None, 3, 4), (4, None, None), True),
        ((None, 3, 4), (None, 4, 5), True),
        ((None, 1, 2), (None, 3, 5), False),
        ((3, 3, 4), (4, None, None), True),
        ((None, None, None), (4, None, None), None),
    ],
)
def test_a_range_agrees_where_the_sets_meet(
    one: tuple[float | None, ...], other: tuple[float | None, ...], meet: bool | None
) -> None:
    first, second = Opinion("ann", "r", None, *one), Opinion("ben", "r", None, *other)
    assert sets_meet(first, second) is meet and sets_meet(second, first) is meet


def test_a_mild_reviewer_is_told_from_the_others() -> None:
    ann = said("ann", "+" * 30 + "-" * 10, "5" * 30 + "3" * 10)
    ben = said("ben", "+" * 20 + "-" * 20, "5" * 20 + "3" * 20)
    first, second = mildness([*ann, *ben])
    assert (first.reviewer, first.rows, first.is_apart) == ("ann", 40, True)
    assert first.decisions.value == pytest.approx(0.25) and first.ratings.value == pytest.approx(0.5)
    deviation = np.std([1.0] * 10 + [0.0] * 30, ddof=1)
    half = 2.0227 * deviation / math.sqrt(40)
    assert [first.decisions.low, first.decisions.high] == pytest.approx([0.25 - half, 0.25 + half], abs=1e-4)
    assert first.sentence == (
        "ann is milder than the others: keeps 25 more of 100 rows (11 to 39, from 40 that others decided too) and rates 0.5 points "
        "higher (0.2 to 0.8, from 40 rows that others rated too)."
    )
    assert second.is_apart and second.sentence.startswith(
        "ben is stricter than the others: keeps 25 fewer of 100 rows (11 to 39,"
    )


def test_those_who_differ_now_and_then_are_not_apart() -> None:
    ann = said("ann", "+" * 30 + "+-" * 5)
    ben = said("ben", "+" * 30 + "-+" * 5)
    first, _ = mildness([*ann, *ben])
    assert not first.is_apart
    assert first.sentence == (
        "ann is neither milder nor stricter beyond chance: keeps 0 more of 100 rows (−16 to 16, from 40 that others decided too)."
    )


def test_few_shared_rows_say_nothing_and_none_less() -> None:
    ann, ben, cleo = mildness([*said("ann", "+" * 10), *said("ben", "-" * 10), *said("cleo", " " * 20 + "+")])
    assert ann.sentence == "ann shares 10 rows with others, too few to compare them." and not ann.is_apart
    assert (cleo.rows, cleo.sentence) == (0, "")
    assert ben.rows == 10
    assert mildness([]) == []


def test_somebody_who_always_differs_is_apart_without_an_interval() -> None:
    first, _ = mildness([*said("ann", "+" * 30), *said("ben", "-" * 30)])
    assert first.is_apart and first.decisions.low is None
    assert (
        first.sentence == "ann is milder than the others: keeps 100 more of 100 rows (from 30 that others decided too)."
    )


def test_equal_reviewers_are_seldom_apart() -> None:
    apart = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        truth = rng.random(60) < 0.8
        opinions = [
            Opinion(name, f"r{at}", bool(keep), float(rng.integers(1, 6)))
            for name in ("ann", "ben", "cleo")
            for at, keep in enumerate(truth ^ (rng.random(60) < 0.1))
        ]
        apart += any(each.is_apart for each in mildness(opinions))
    assert apart <= 26  # 5 % of 300 and three deviations


def cases() -> Iterator[tuple[str, dict[str, object]]]:
    for keeps, keep, contradiction, failed, audit in product(
        [True, False], [True, False], [-1.0, 0.5], [0, 1], [True, False]
    ):
        name = f"{keeps}{keep}{contradiction}{failed}{audit}"
        yield name, {"keeps": keeps, "keep": keep, "contradiction": contradiction, "failed": failed, "audit": audit}


def test_a_second_person_is_asked_where_one_is_against_everything() -> None:
    known = dict(cases())
    population = Population.of(
        list(known),
        {
            "keeps": [case["keeps"] for case in known.values()],
            "contradiction": [case["contradiction"] for case in known.values()],
            "opinions": [4.0] * len(known),
            "failed_checks": [case["failed"] for case in known.values()],
        },
    )
    answers = [Answer(name, "decided", bool(c["keep"]), bool(c["audit"]), "2026") for name, c in known.items()]
    expected = {
        name
        for name, c in known.items()
        if c["keep"] != c["keeps"]
        and c["contradiction"] == -1.0
        and not c["audit"]
        and not (c["failed"] and not c["keep"])
    }
    rows = second_opinions(population, answers, {})
    assert set(rows) == expected and len(rows) == 3
    assert second_opinions(population, answers, dict.fromkeys(known, 2)) == []


def test_those_where_the_signals_agree_most_come_first() -> None:
    population = Population.of(
        ["a", "b", "c", "d"],
        {
            "keeps": [True, True, True, None],
            "contradiction": [-0.5, -1.5, -1.0, -1.0],
            "opinions": [4.0, 5.0, None, 5.0],
        },
    )
    answers = [Answer(row, "decided", False, False, "2026") for row in ("a", "b", "c", "d", "gone")]
    answers.append(Answer("b", "unsure", None, False, "2026"))
    assert second_opinions(population, answers, {"a": 1}) == ["b", "a"]


@given(
    st.lists(
        st.builds(
            Opinion,
            st.sampled_from(["ann", "ben", "cleo"]),
            st.sampled_from([f"r{n}" for n in range(40)]),
            st.sampled_from([True, False, None]),
            st.one_of(st.none(), st.floats(1, 5)),
            st.one_of(st.none(), st.floats(1, 5)),
            st.one_of(st.none(), st.floats(1, 5)),
        ),
        max_size=150,
    )
)
def test_anything_can_be_compared(opinions: list[Opinion]) -> None:
    for each in mildness(opinions):
        assert each.rows <= 40 and "nan" not in each.sentence
    for pair in pair_agreement(opinions):
        assert pair.same.n <= 40
