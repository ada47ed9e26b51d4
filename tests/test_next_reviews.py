"""What the next reviews would change: how many wrong decisions, how much narrower an interval, and when to stop."""

from collections.abc import Sequence

import numpy as np
import pytest

from feedback.stats.next_reviews import NextReviews, next_reviews
from feedback.stats.quality import quality
from feedback.stats.review_order import queue_gain, review_order
from feedback.stats.row_signals import Answer, Population
from tests.review_worlds import MIDDLE_WORLD, USELESS, WORLDS, Rows, World, rows_of


def ahead(population: Population, answers: Sequence[Answer], audit: Sequence[str], count: int = 20) -> NextReviews:
    order = review_order(population, answers, audit, 5)
    statement = quality(population, [answer for answer in answers if answer.is_audit])
    return next_reviews(population, answers, order, statement, queue_gain(population, answers), count)


def reviewed(
    world: World, seed: int, of_audit: int, of_queue: int, size: int = 1000
) -> tuple[Rows, list[Answer], list[str]]:
    """So many audit rows are reviewed, and so many of the queue as its order has them."""
    rows = rows_of(world, size, seed)
    drawn = np.random.default_rng(seed + 1_000_000).permutation(size)[:of_audit].tolist()
    answers = rows.answers(drawn, True)
    audit = [rows.population.ids[at] for at in drawn]
    while of_queue > 0:
        following = review_order(rows.population, answers, audit, seed).rows[: min(20, of_queue)]
        answers += rows.answers([rows.population.index[row] for row in following], False, len(answers))
        of_queue -= 20
    return rows, answers, audit


def test_before_anything_is_known() -> None:
    rows, answers, audit = reviewed(MIDDLE_WORLD, 1, 10, 0)
    now = ahead(rows.population, answers, audit)
    assert (now.count, now.half_now, now.wrong, now.may_stop) == (20, None, None, False)
    assert now.sentence == (
        "What the next 20 rows of the queue would show can't be told before 20 decisions are known; 10 more audit reviews before "
        "anything is said of the whole set."
    )


def test_it_is_said_what_the_next_bring() -> None:
    rows, answers, audit = reviewed(MIDDLE_WORLD, 1, 90, 60)
    now = ahead(rows.population, answers, audit)
    assert now.half_now is not None and now.half_then is not None and now.half_then < now.half_now
    assert now.wrong is not None and now.wrong_low is not None and now.wrong_high is not None
    assert now.sentence == (
        f"The next 20 rows of the queue would show about {now.wrong:.0f} wrong decisions ({now.wrong_low:.0f} to "
        f"{now.wrong_high:.0f}); 20 more audit reviews would bring ± {100 * now.half_now:.0f} points for the whole set to about "
        f"± {100 * now.half_then:.0f} points."
    )


def test_an_interval_stays_until_the_next_stated_size() -> None:
    rows, answers, audit = reviewed(MIDDLE_WORLD, 1, 50, 20)
    now = ahead(rows.population, answers, audit)
    assert now.half_now == now.half_then
    assert now.sentence.endswith("points for the whole set stays until 50 more audit reviews.")


def test_one_may_stop_where_nothing_is_found_any_more() -> None:
    size = 400
    population = Population.of(
        [f"row-{at}" for at in range(size)],
        {"keeps": [True] * size, "rating": [5.0] * size, "opinions": [5.0] * size, "contradiction": [-1.5] * size},
    )
    answers = [
        Answer(f"row-{at}", "decided", at != 0, at < 100, f"2026-01-01T00:{at // 60:02d}:{at % 60:02d}")
        for at in range(200)
    ]
    now = ahead(population, answers, [f"row-{at}" for at in range(100)])
    assert now.may_stop and now.sentence.startswith(
        "You may stop here: the next 20 rows of the queue would show less than one"
    )
    done = [
        *answers,
        *(Answer(f"row-{at}", "decided", True, False, f"2026-01-02T00:00:{at}") for at in range(200, size)),
    ]
    last = ahead(population, done, [f"row-{at}" for at in range(100)])
    assert (last.count, last.wrong) == (0, None) and "no row waits in the queue" in last.sentence


def test_nothing_at_all() -> None:
    now = ahead(Population.of([], {}), [], [])
    assert (now.count, now.wrong, now.may_stop) == (0, None, False) and now.sentence


@pytest.mark.parametrize("world", [MIDDLE_WORLD, WORLDS[6], USELESS], ids=lambda world: world.name)
def test_what_is_foreseen_comes_true(world: World) -> None:
    """Over 60 sets the interval holds nearly always, and the sum of what was foreseen is near what came."""
    held, foreseen, came = 0, 0.0, 0
    for seed in range(60):
        rows, answers, audit = reviewed(world, seed, 50, 20 + 40 * (seed % 3), 600)
        now = ahead(rows.population, answers, audit)
        assert now.wrong is not None and now.wrong_low is not None and now.wrong_high is not None
        following = review_order(rows.population, answers, audit, 5).rows[:20]
        wrong = int(rows.contested[[rows.population.index[row] for row in following]].sum())
        held += now.wrong_low - 0.5 <= wrong <= now.wrong_high + 0.5
        foreseen, came = foreseen + now.wrong, came + wrong
    assert held >= 52
    assert foreseen == pytest.approx(came, rel=0.15)
