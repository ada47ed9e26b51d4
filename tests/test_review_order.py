"""The order of the queue: from contradiction to what reviews teach, at random where neither helps, and what is said of it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from feedback.stats.review_order import ReviewOrder, features_of, fitted, judged, queue_gain, review_order, why
from feedback.stats.row_signals import Answer, Population
from tests.review_worlds import MIDDLE_WORLD, USELESS, clock, rows_of


def rows_with(contradiction: Sequence[float], **columns: Any) -> Population:
    values: dict[str, Any] = {
        "keeps": [True] * len(contradiction),
        "rating": [5.0] * len(contradiction),
        "opinions": [3.5 - c for c in contradiction],
        "contradiction": contradiction,
    }
    return Population.of([f"r{n}" for n in range(len(contradiction))], values | columns)


def said(population: Population, wrong: dict[str, bool], *, is_audit: bool = False, since: int = 0) -> list[Answer]:
    """People decide otherwise than the labeller where it says so."""
    return [
        Answer(
            row, "decided", bool(population.keeps[population.index[row]] == 1) != is_wrong, is_audit, clock(since + at)
        )
        for at, (row, is_wrong) in enumerate(wrong.items())
    ]


def test_the_start_is_by_contradiction() -> None:
    population = rows_with([-1.5, 1.0, 0.5, -0.5, 1.5, 0.0])
    order = review_order(population, [], ["r4"], 1)
    assert (order.method, order.rows) == ("contradiction", ["r1", "r2", "r5", "r3", "r0"])
    assert order.scores["r1"] == 1.0 and not order.random_rows and not order.coefficients
    answered = review_order(population, said(population, {"r1": True, "r5": False}), ["r4"], 1)
    assert answered.rows == ["r2", "r3", "r0"]


def test_ties_are_broken_by_the_seed() -> None:
    population = rows_with([0.0] * 50)
    first, again, other = (review_order(population, [], [], seed).rows for seed in (1, 1, 2))
    assert first == again and set(first) == set(other) and first != other


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.lists(st.booleans(), max_size=45), st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_same_answers_in_any_sequence_give_the_same_order(
    seed: int, wrong: list[bool], pick: int, random: Any
) -> None:
    rows = rows_of(MIDDLE_WORLD, 120, pick)
    audit = [f"row-{n}" for n in range(20)]
    answers = said(rows.population, {f"row-{n}": is_wrong for n, is_wrong in enumerate(wrong, start=20)})
    order = review_order(rows.population, answers, audit, seed)
    shuffled = list(answers)
    random.shuffle(shuffled)
    again = review_order(rows.population, shuffled, list(reversed(audit)), seed)
    assert (again.rows, again.method, again.random_rows) == (order.rows, order.method, order.random_rows)
    assert set(order.rows) == {f"row-{n}" for n in range(20 + len(wrong), 120)}
    assert all(math.isfinite(score) for score in order.scores.values())


def test_between_two_refits_rows_only_leave() -> None:
    rows = rows_of(MIDDLE_WORLD, 300, 3)
    answers = rows.answers(range(60), True)
    audit = [f"row-{n}" for n in range(60)]
    before = review_order(rows.population, answers, audit, 4)
    assert before.method == "learned" and before.fitted_on == 60
    for count in (1, 7, 19):
        more = rows.answers([rows.population.index[row] for row in before.rows[:count]], False, 60)
        order = review_order(rows.population, [*answers, *more], audit, 4)
        assert order.rows == before.rows[count:]
    later = rows.answers([rows.population.index[row] for row in before.rows[:20]], False, 60)
    assert review_order(rows.population, [*answers, *later], audit, 4).rows != before.rows[20:]


def test_one_row_in_five_of_a_learned_order_is_random() -> None:
    rows = rows_of(MIDDLE_WORLD, 400, 3)
    order = review_order(rows.population, rows.answers(range(60), True), [f"row-{n}" for n in range(60)], 4)
    picked = [row in order.random_rows for row in order.rows[:200]]
    assert sum(picked) == 40 and all(sum(picked[at : at + 5]) == 1 for at in range(0, 200, 5))
    by_score = [order.scores[row] for row, is_picked in zip(order.rows[:200], picked, strict=True) if not is_picked]
    assert by_score == sorted(by_score, reverse=True)


def test_an_order_is_learned_from_the_third_wrong_decision() -> None:
    population = rows_with([-1.5] * 60)
    for wrong, method in ((2, "contradiction"), (3, "learned")):
        answers = said(population, {f"r{n}": n < wrong for n in range(20)})
        assert review_order(population, answers, [], 1).method == method


def test_the_regression_is_the_least_of_its_loss() -> None:
    rng = np.random.default_rng(1)
    features = np.column_stack([np.ones(80), rng.standard_normal((80, 4))])
    wrong = rng.random(80) < 1 / (1 + np.exp(-(features[:, 1] - 1)))
    prior, ridge = np.array([0, 1.0, 0, 0, 0]), np.array([1e-3, 1.0, 3.0, 3.0, 3.0])

    def loss(at: Any) -> float:
        odds = features @ at
        return float(np.sum(np.logaddexp(0, odds) - wrong * odds) + 0.5 * np.sum(ridge * (at - prior) ** 2))

    assert fitted(features, wrong) == pytest.approx(minimize(loss, prior, tol=1e-12).x, abs=1e-4)
    assert fitted(np.ones((5, 1)), np.ones(5, dtype=bool))[0] > 5


def test_features_know_what_tells_rows_apart() -> None:
    constant = rows_with([-1.5] * 10)
    assert features_of(constant)[0] == ["constant"] and features_of(constant)[1].tolist() == [[1.0]] * 10
    varied = rows_with(
        [-1.5, 0.5] * 20,
        failed_checks=[0, 0, 0, 1] * 10,
        length=list(range(40)),
        model=["a", "b"] * 19 + ["c", "d"],
        spread=[None] * 40,
    )
    names, features = features_of(varied)
    assert {"contradiction", "distance", "checks", "length", "model 0", "model 1"} < set(names)
    assert "model 2" not in names and "spread" not in names and "decision" not in names
    assert features[:, 1:].mean(axis=0) == pytest.approx(0, abs=1e-9) and features[:, 1:].std(axis=0) == pytest.approx(
        1
    )
    assert features_of(Population.of([], {}))[1].shape == (0, 1)


def test_only_what_both_decided_is_judged() -> None:
    population = rows_with([0.0] * 4, keeps=[True, False, None, True])
    answers = [Answer(f"r{n}", "decided", True, True, clock(n)) for n in range(3)]
    answers += [Answer("r3", "unsure", None, True, clock(3)), Answer("gone", "decided", True, True, clock(4))]
    rows, wrong = judged(population, answers)
    assert (rows.tolist(), wrong.tolist()) == ([0, 1], [False, True])


def test_what_was_learned_moves_rows_up() -> None:
    """Rows of one model are wrong, whatever their contradiction."""
    rng = np.random.default_rng(2)
    contradiction = rng.normal(size=400).tolist()
    model = ["bad" if n % 4 == 0 else "good" for n in range(400)]
    population = rows_with(contradiction, model=model)
    answers = said(population, {f"r{n}": n % 4 == 0 for n in range(80)}, is_audit=True)
    order = review_order(population, answers, [f"r{n}" for n in range(80)], 1)
    first = [row for row in order.rows[:50] if row not in order.random_rows]
    assert sum(int(row[1:]) % 4 == 0 for row in first) >= 35
    assert order.coefficients["model 0"] > 0.5
    assert why(order, population, first[0], aspect="Helpfulness").startswith(
        "people often decided otherwise on responses of this model; "
    )


def test_a_useless_order_is_given_up_and_comes_back() -> None:
    rng = np.random.default_rng(5)
    population = rows_with(rng.permutation(np.linspace(-1.5, 1.5, 600)).tolist())
    audit = {f"r{n}": bool(rng.random() < 0.3) for n in range(60)}
    queue = {f"r{n}": bool(rng.random() < 0.3) for n in range(60, 160)}
    answers = [*said(population, audit, is_audit=True), *said(population, queue, since=60)]
    order = review_order(population, answers, list(audit), 1)
    assert order.method == "random" and order.random_rows == set(order.rows)
    assert why(order, population, order.rows[0]) == "in random order, as no order finds more here"
    gain = queue_gain(population, answers)
    assert gain.is_better is False and gain.sentence.endswith("It goes on at random.")
    found = {f"r{n}": True for n in range(160, 240)}
    back = review_order(population, [*answers, *said(population, found, since=160)], list(audit), 1)
    assert back.method == "learned"


def test_the_queue_is_compared_with_the_audit() -> None:
    population = rows_with([0.0] * 200)
    audit = said(population, {f"r{n}": n < 6 for n in range(50)}, is_audit=True)
    queue = said(population, {f"r{n}": n < 81 for n in range(50, 150)}, since=50)
    gain = queue_gain(population, [*audit, *queue])
    assert (gain.queue.value, gain.queue.n, gain.audit.value, gain.audit.n, gain.is_better) == (
        0.31,
        100,
        0.12,
        50,
        True,
    )
    assert gain.sentence == (
        "The queue finds a wrong decision in 31% of its 100 reviewed rows; a row drawn at random is wrong in 12% (6% to 24%, "
        "from 50 audit reviews)."
    )
    early = queue_gain(population, [*audit[:20], *queue[40:60]])
    assert early.is_better is None and early.sentence.endswith("too few to say that it finds more than chance.")
    nothing = queue_gain(population, audit[:5])
    assert nothing.is_better is None
    assert nothing.sentence == (
        "Whether the queue finds more than chance can be told after 20 more of the queue and 15 more of the audit."
    )


@pytest.mark.parametrize(
    ("columns", "levels", "reason"),
    [
        ({"opinions": [2.3], "contradiction": [1.2]}, 5, "its other ratings average 2.3, Helpfulness says 5"),
        (
            {"opinions": [4.8], "contradiction": [-1.3]},
            5,
            "its other ratings average 4.8, Helpfulness says 5, which agrees",
        ),
        ({"opinions": [3.0], "contradiction": [0.5]}, 3, "its other ratings average 2.0, Helpfulness says 3"),
        ({"opinions": [None], "contradiction": [0.0]}, 5, "Helpfulness says 5, and nothing else rates it"),
        ({"opinions": [None], "contradiction": [0.0], "rating": [None], "keeps": [None]}, 5, "it has no rating"),
    ],
)
def test_why_a_row_is_where_it_is(columns: dict[str, Any], levels: int, reason: str) -> None:
    others = {name: values for name, values in columns.items() if name != "contradiction"}
    population = rows_with(columns["contradiction"], **others)
    order = review_order(population, [], [], 1)
    assert why(order, population, "r0", aspect="Helpfulness", levels=levels) == reason


def test_each_row_of_a_learned_order_has_a_reason() -> None:
    rows = rows_of(USELESS, 300, 3)
    order = review_order(rows.population, rows.answers(range(80), True), [f"row-{n}" for n in range(80)], 1)
    assert order.method == "learned"
    for row in order.rows:
        reason = why(order, rows.population, row, aspect="Helpfulness")
        assert reason and "nan" not in reason and "None" not in reason


def test_no_rows_one_row_and_all_skipped() -> None:
    assert review_order(Population.of([], {}), [], [], 1) == ReviewOrder("contradiction", [], {})
    assert review_order(rows_with([1.0]), [], [], 1).rows == ["r0"]
    population = rows_with([1.0] * 60)
    skipped = [Answer(f"r{n}", "skipped", None, n % 2 == 0, clock(n)) for n in range(40)]
    order = review_order(population, skipped, [f"r{n}" for n in range(0, 40, 2)], 1)
    assert order.method == "contradiction" and set(order.rows) == {f"r{n}" for n in range(40, 60)}
    assert queue_gain(population, skipped).is_better is None


def test_the_order_is_worth_following_in_a_world_of_its_own() -> None:
    """The bars at a tenth of the seeds; the bench has them all."""
    over = {}
    for world in (MIDDLE_WORLD, USELESS):
        learned = chance = 0.0
        for seed in range(5):
            rows = rows_of(world, 2000, 700 + seed)
            audit = list(range(0, 2000, 5))
            ids = [f"row-{at}" for at in audit]
            answers = rows.answers(audit[:40], True)
            while len(answers) < 140:
                following = review_order(rows.population, answers, ids, seed).rows[:20]
                answers += rows.answers([rows.population.index[row] for row in following], False, len(answers))
            queue = [rows.population.index[a.row] for a in answers if not a.is_audit]
            learned, chance = learned + rows.wrong[queue].sum(), chance + 100 * rows.wrong.mean()
        over[world.name] = learned / chance
    assert over["middle"] >= 5.5 and over["useless"] >= 1.5


def test_what_is_not_known_is_not_made_up() -> None:
    """A page that has the order's method alone, and a labeller that decides nothing."""
    population = Population.of(["a"], {"keeps": [True], "rating": [5.0], "opinions": [4.8], "contradiction": [-1.3]})
    words = why(ReviewOrder("learned", (), {}), population, "a", aspect="helpfulness")
    assert words.startswith("people decided otherwise on rows like it; ")
    silent = Population.of(["a"], {"keeps": [None], "rating": [None], "opinions": [None], "contradiction": [0.0]})
    assert (
        queue_gain(silent, []).sentence
        == "The labeller decides no row here, so that there is nothing to be found wrong."
    )
