"""Which rows need nobody: the bound against brute force, the chance of an error worked out exactly, and what is said."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from scipy.stats import hypergeom

from feedback.errors import NotAudit
from feedback.stats import acceptance as stats
from feedback.stats.acceptance import Acceptance, acceptance, doubts, still_holds
from feedback.stats.row_signals import Answer, Population
from tests.review_worlds import MIDDLE_WORLD, WORLDS, clock, rows_of


def alike(size: int, **columns: Any) -> Population:
    """Rows that are all kept, with the same signals."""
    constant: dict[str, Any] = {
        "keeps": [True] * size,
        "rating": [5.0] * size,
        "opinions": [5.0] * size,
        "contradiction": [-1.5] * size,
    }
    constant.update(columns)
    return Population.of([f"row-{at}" for at in range(size)], constant)


def said(keeps: Sequence[bool | None], first: int = 0, status: Literal["unsure", "skipped"] = "unsure") -> list[Answer]:
    """Answers to the rows from the first on; None for one that is not decided."""
    return [
        Answer(f"row-{first + at}", status if keep is None else "decided", keep, True, clock(at))
        for at, keep in enumerate(keeps)
    ]


def accepted(population: Population, answers: Sequence[Answer], risk: float) -> Acceptance:
    answered = {answer.row for answer in answers}
    return acceptance(population, answers, [row for row in population.ids if row not in answered], risk)


def test_few_rows_can_be_accepted() -> None:
    population = alike(60)
    now = accepted(population, said([True] * 40), 0.2)
    assert now.rows == [f"row-{at}" for at in range(40, 60)]
    assert (now.n, now.disagreements, now.unreviewed, now.missing, now.threshold) == (40, 0, 20, 0, -1.5)
    assert now.bound is not None and 0 < now.bound <= 0.2
    assert now.sentence == (
        "20 of these 20 unreviewed rows need no reviewer: at most 20% of them would be decided otherwise (95% sure, from 40 "
        "audit reviews, of which 40 are of such rows, none of them decided otherwise)."
    )


def test_what_is_missing_is_enough_and_one_less_is_not() -> None:
    population = alike(2000)
    now = accepted(population, said([True] * 30), 0.05)
    assert not now.rows and now.missing > 0
    assert (
        now.sentence
        == f"None yet: {now.missing} more audit reviews needed at best, if people agree with all of them. "
        + ("People decided otherwise on 0 of 30 audit rows so far.")
    )
    assert not accepted(population, said([True] * (30 + now.missing - 1)), 0.05).rows
    assert accepted(population, said([True] * (30 + now.missing)), 0.05).rows
    assert 59 <= 30 + now.missing <= 75, "59 is the least for a single look"


def test_of_what_is_missing_only_a_part_falls_within_the_threshold() -> None:
    """Half of the rows are alike, and all others are known to be wrong: of 100 audit reviews about 50 are of the first half."""
    size = 2000
    opinions = np.where(np.arange(size) % 2 == 0, 5.0, 3.0)
    population = alike(size, opinions=opinions, contradiction=3.5 - opinions)
    now = accepted(population, said([at % 2 == 0 for at in range(100)]), 0.05)
    assert 2 * (59 - 50) <= now.missing <= 2 * (75 - 50), "59 inside are the least for a single look"
    enough = said([at % 2 == 0 for at in range(100 + now.missing + 1)])
    assert accepted(population, enough, 0.05).rows and not accepted(population, enough[:-4], 0.05).rows


@pytest.mark.parametrize("size, risk, keeps", [(24, 0.3, True), (30, 0.2, False), (40, 0.1, True)])
def test_the_chance_of_ever_accepting_too_much_is_within_the_error(size: int, risk: float, keeps: bool) -> None:
    """Over all orders in which people may answer: looked at after each review, for each number of wrong rows."""
    population = alike(size, keeps=[keeps] * size)
    granted = {
        (n, wrong): bool(accepted(population, said([not keeps] * wrong + [keeps] * (n - wrong)), risk).rows)
        for n in range(size)
        for wrong in range(n + 1)
    }
    assert any(granted.values())
    for total in range(size + 1):
        chance, erred = {0: 1.0}, 0.0
        for n in range(size):
            bad = [wrong for wrong in chance if granted[n, wrong] and total - wrong > risk * (size - n) + 1e-9]
            erred += sum(chance.pop(wrong) for wrong in bad)
            following: dict[int, float] = {}
            for wrong, p in chance.items():
                hit = (total - wrong) / (size - n)
                for then, q in ((wrong + 1, hit), (wrong, 1 - hit)):
                    if q > 0:
                        following[then] = following.get(then, 0.0) + p * q
            chance = following
        assert erred <= 0.05


def test_the_chance_of_a_sample_is_the_hypergeometric() -> None:
    wrong = np.arange(31)
    for n, seen in ((1, 0), (7, 2), (30, 4), (12, 12)):
        expected = hypergeom.logpmf(seen, 30, wrong, n)
        ours = stats._log_chance(wrong, np.full(31, 30), np.full(31, n), np.full(31, seen))
        assert np.array_equal(np.isneginf(ours), np.isneginf(expected))
        known = ~np.isneginf(ours)
        assert np.allclose(np.diff(ours[known]), np.diff(expected[known]))


def test_the_bound_is_the_most_that_is_not_ruled_out() -> None:
    inside = [stats._Inside(0.0, 200, 140, 60, 2), stats._Inside(1.0, 300, 300, 0, 0), stats._Inside(2.0, 50, 0, 50, 3)]
    bound, nothing_known, nothing_left = stats._bounds(inside, 0.1, 0.05)
    wrong = np.arange(2, 201)
    ratios = stats._ratios(wrong, np.full(199, 200), np.full(199, 60), np.full(199, 2), 0.1)
    assert bound == pytest.approx((wrong[ratios < -math.log(0.05)].max() - 2) / 140)
    assert (nothing_known, nothing_left) == (1.0, 0.0)
    assert stats._holds(inside[0], bound, 0.05) or bound > 0.1


def test_the_least_contradicted_rows_are_accepted_first() -> None:
    size = 1000
    opinions = np.where(np.arange(size) % 2 == 0, 5.0, 3.0)
    population = alike(size, opinions=opinions, contradiction=3.5 - opinions)
    answers = said([at % 2 == 0 for at in range(300)])
    now = accepted(population, answers, 0.05)
    assert len(now.rows) == 350 and all(int(row.split("-")[1]) % 2 == 0 for row in now.rows)
    assert [(point.threshold, point.n, point.disagreements, point.accepted) for point in now.curve] == [
        (-1.5, 150, 0, True),
        (0.5, 300, 150, False),
    ]
    assert now.curve[1].bound > 0.4 and now.curve[1].rows == 700


def test_both_decisions_begin_at_the_same_doubt() -> None:
    population = Population.of(
        ["a", "b"], {"keeps": [True, False], "opinions": [5.0, 1.0], "contradiction": [-1.5, -2.5]}
    )
    assert doubts(population).tolist() == [-1.5, -1.5]


def test_rows_that_nobody_could_decide_count_as_decided_otherwise() -> None:
    population = alike(400)
    assert accepted(population, said([True] * 100), 0.05).rows
    for status in ("unsure", "skipped"):
        now = accepted(population, said([True] * 90 + [None] * 10, status=status), 0.05)
        assert not now.rows and now.curve[-1].disagreements == 10
        assert "People decided otherwise on 10 of 100 audit rows so far." in now.sentence


def test_rows_of_the_queue_are_refused() -> None:
    population = alike(60)
    answers = [*said([True] * 40), replace(said([True])[0], row="row-41", is_audit=False)]
    with pytest.raises(NotAudit, match="row-41"):
        acceptance(population, answers, ["row-50"])
    given = Acceptance(["row-50"], -1.5, 40, 0, 0.1, 0, (), "", risk=0.2)
    with pytest.raises(NotAudit, match="row-41"):
        still_holds(given, population, answers, ["row-50"])


def test_a_labeller_that_decides_nothing_accepts_nothing() -> None:
    population = alike(60, keeps=[None] * 60)
    now = accepted(population, said([True] * 40), 0.2)
    assert (now.rows, now.curve, now.missing) == ((), [], 0)
    assert now.sentence == "None: the labeller decided no row, so none can stand without a reviewer."


def test_rows_that_the_labeller_did_not_decide_are_not_accepted() -> None:
    population = alike(60, keeps=[True] * 50 + [None] * 10)
    now = accepted(population, said([True] * 40), 0.3)
    assert now.rows == [f"row-{at}" for at in range(40, 50)] and now.unreviewed == 20


@pytest.mark.parametrize("size", [0, 1])
def test_next_to_no_rows(size: int) -> None:
    now = accepted(alike(size), [], 0.05)
    assert not now.rows and now.sentence and all(math.isfinite(point.bound) for point in now.curve)
    done = accepted(alike(1), said([True]), 0.05)
    assert done.sentence == "None: every row that the labeller decided is reviewed." and not done.missing


def test_where_too_few_rows_are_left_no_number_is_promised() -> None:
    now = accepted(alike(40), said([True] * 20 + [False] * 10), 0.05)
    assert not now.rows and not now.missing
    assert now.sentence.startswith(
        "None: too few rows are left to prove that at most 5% of them would be decided otherwise;"
    )


def test_an_acceptance_stands_until_reviews_break_it() -> None:
    population = alike(300)
    first = accepted(population, said([True] * 80), 0.1)
    assert len(first.rows) == 220

    def standing(answers: Sequence[Answer]) -> stats.Standing:
        answered = {answer.row for answer in answers}
        return still_holds(first, population, answers, set(population.ids) - answered)

    assert standing(said([True] * 80)) == stats.Standing(True, "")
    assert standing(said([True] * 100)).holds
    assert standing(said([True] * 80 + [False] * 5)).holds, "what was proven once is not undone by a few that disagree"
    assert not standing(said([False] * 5 + [True] * 75)).holds, "it was never proven, as people changed their minds"
    broken = standing(said([True] * 80 + [False] * 20))
    assert not broken.holds
    assert broken.sentence.startswith(
        "200 rows that needed no reviewer need one again: people decided otherwise on 20 of 100 audit rows of this kind, so up to "
    )
    assert broken.sentence.endswith("of them may be wrong, more than the 10% that you allowed.")
    assert standing(said([True] * 280 + [False] * 20)).holds, "nothing is left that could be wrong"


def test_rows_that_are_added_later_say_nothing_against_those_before() -> None:
    population = alike(200, batch=[0] * 200)
    first = accepted(population, said([True] * 60), 0.1)
    grown = alike(300, batch=[0] * 200 + [1] * 100)
    left = [f"row-{at}" for at in range(60, 300)]
    assert still_holds(first, grown, said([True] * 60), left).holds
    now = acceptance(grown, said([True] * 60), left, 0.1)
    assert not now.rows and now.stated_at == 1
    assert "59 more audit reviews will count once" in now.sentence
    later = [*said([True] * 60), *said([True] * 30, 200)]
    both = accepted(grown, later, 0.1)
    assert len(both.rows) == 210 and both.stated_at == 90


def test_worlds_are_not_accepted_beyond_the_risk() -> None:
    """Three sets of each world, looked at every 20 reviews: of 36 sets at most 5 should ever be wrong (99 % sure)."""
    broken, sets_accepted = 0, 0
    for number, world in enumerate(WORLDS):
        for seed in range(3):
            rows = rows_of(world, 800, 10 * number + seed)
            audit = np.random.default_rng(1000 + 10 * number + seed).permutation(800)[:200]
            answers = rows.answers(audit.tolist(), True)
            shares = []
            for n in range(20, 201, 20):
                now = accepted(rows.population, answers[:n], 0.1)
                if now.rows:
                    shares.append(rows.contested[[rows.population.index[row] for row in now.rows]].mean())
            sets_accepted += bool(shares)
            broken += any(share > 0.1 for share in shares)
    assert sets_accepted > 15 and broken <= 5


def test_an_audit_that_can_not_prove_it_says_so() -> None:
    world = rows_of(MIDDLE_WORLD, 400, 1)
    answers = world.answers(range(40), is_audit=True)
    left = set(world.population.ids[40:])
    for waiting, told in (
        (None, "None yet: "),
        (500, "None yet: "),
        (0, "the audit is reviewed to its end"),
        (3, "the audit has 3 more"),
    ):
        able = acceptance(world.population, answers, left, 0.01, waiting=waiting)
        assert not able.rows and able.missing > 3 and told in able.sentence
