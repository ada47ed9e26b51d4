"""One sentence where a figure calls for it, and none where its interval leaves it open."""

import pytest

from feedback.stats import advice
from feedback.stats.agreement import Agreement
from feedback.stats.histograms import Histogram
from feedback.stats.length_bias import ByLength
from feedback.stats.measures import Measure


def alpha(value: float | None, low: float | None, high: float | None) -> Agreement:
    return Agreement(reviewers=[Measure("decision", "coefficient", 40, 20, value, low, high, of="row")])


def beside(same: tuple[float, float, float], apart: tuple[float, float, float] = (0.0, -0.2, 0.2)) -> Agreement:
    measures = [
        Measure("same decision", "share", 60, 20, *same),
        Measure("people minus labeller", "points", 60, 30, *apart, of="rating"),
    ]
    return Agreement(rows=60, reviewed=60, reviews=60, blind=60, labeller={"honesty": measures})


def test_reviewers_who_agree_by_chance_need_guidelines() -> None:
    assert advice.on_reviewers(alpha(0.01, -0.2, 0.2)) == (
        "Reviewers agree on decisions no better than chance would have it (alpha 0.01, −0.20 to 0.20, 40 rows): say in the "
        "guidelines what decides, with examples, before more is reviewed."
    )
    assert "agree on decisions little (alpha 0.30" in advice.on_reviewers(alpha(0.3, 0.1, 0.5))
    for quiet in (alpha(0.7, 0.5, 0.9), alpha(None, None, None), Agreement()):
        assert advice.on_reviewers(quiet) == ""


def test_what_a_labeller_is_good_for() -> None:
    assert "no better than a coin (same decision 52%, 45% to 60%, 60 reviews)" in advice.on_labeller(
        beside((0.52, 0.45, 0.6)), "honesty"
    )
    assert "a fair filter" in advice.on_labeller(beside((0.9, 0.81, 0.95)), "honesty")
    assert advice.on_labeller(beside((0.7, 0.6, 0.8)), "honesty") == ""
    kind = advice.on_labeller(beside((0.7, 0.6, 0.8), (-0.8, -1.0, -0.6)), "honesty")
    assert (
        kind == "The labeller is too kind (people minus labeller −0.80, −1.00 to −0.60, 60 ratings): filter from 5 on."
    )
    assert "too strict" in advice.on_labeller(beside((0.7, 0.6, 0.8), (0.9, 0.6, 1.2)), "honesty")
    assert advice.on_labeller(beside((0.7, 0.6, 0.8), (-0.8, -1.3, -0.3)), "honesty") == ""
    assert advice.on_labeller(beside((0.5, 0.4, 0.6)), "another") == ""
    assert advice.on_labeller(beside((0.7, 0.6, 0.8), (-0.8, -1.0, -0.6)), "honesty", 10) == ""
    assert "filter from 10 on" in advice.on_labeller(beside((0.7, 0.6, 0.8), (-1.8, -2.4, -1.2)), "honesty", 10)
    assert "too kind" in advice.on_labeller(beside((0.7, 0.6, 0.8), (-0.4, -0.5, -0.3)), "honesty", 3)


@pytest.mark.parametrize(("blind", "is_said"), [(0, True), (29, True), (30, False), (60, False)])
def test_figures_of_people_who_saw_the_ratings_say_so(blind: int, is_said: bool) -> None:
    found = beside((0.7, 0.6, 0.8))
    found = Agreement(60, 60, 60, blind, found.labeller)
    assert bool(advice.on_seen(found)) == is_said
    assert advice.on_seen(Agreement(60, 60, 60, 0)) == ""


def test_length_scales_and_marks() -> None:
    assert "rank correlation 0.45, 80 responses" in advice.on_length(ByLength(80, (), 0.45))
    assert not advice.on_length(ByLength(80, (), 0.1)) and not advice.on_length(ByLength(3))
    assert advice.on_scale("honesty", Histogram([0, 0, 0, 4, 96])).startswith(
        "Honesty tells little apart: 96 of 100 ratings are 5."
    )
    assert not advice.on_scale("honesty", Histogram([0, 0, 0, 40, 60])) and not advice.on_scale(
        "x", Histogram([0, 0, 0, 0, 9])
    )
    assert advice.on_marks({"cut off": 12}, 60).startswith("12 responses are cut off in 60 rows: allow longer")
    assert advice.on_marks({"cut off": 1, "refusal": 1}, 1).count(":") == 2
    assert advice.on_marks({"cut off": 2}, 60) == advice.on_marks({}, 60) == ""
