"""A row as a record of Argilla, and what the labeller thinks of it in all."""

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.argilla.dataset_settings import Review, Shape, questions, shape_of
from feedback.argilla.records import About, Place, agent_of, item
from feedback.rating_summary import MOST_RESPONSES, best_response, kept, opinion, priority, probability, reasons, spread
from feedback.types import Rating
from tasks.errors import SettingsError
from tasks.types import Message, Response, Row

SYSTEM: Message = {"role": "system", "content": "Be brief."}
ASKED: Message = {"role": "user", "content": "Name a river."}
ROW = Row((SYSTEM, ASKED), (Response("Rivers are wet.", "b"), Response("The Loire.", "a")), {}, id="r-0-0")
RATINGS = (
    Rating(0, "helpfulness", 0, "rated", 2.0, "Wet.", model="m"),
    Rating(1, "helpfulness", 0, "rated", 4.0, "Right.", model="m"),
)
AGENT = re.compile(r"[a-zA-Z0-9-_:\.\/\s]*[a-zA-Z0-9][a-zA-Z0-9-_:\.\/\s]*")
"""What the server asks of an agent: argilla-server 2.8.0, api/schemas/v1/suggestions.py."""
ABOUT = About("run", "Task", "gen", ("helpfulness",), ("helpfulness",))
PLACE = Place("queue", 0.5, 7)


def test_a_record() -> None:
    shape = shape_of([ROW])
    assert shape == Shape(2, talk=True)
    record = item(ROW, RATINGS, shape, ABOUT, PLACE)
    assert record == {
        "external_id": "r-0-0",
        "fields": {
            "conversation": [SYSTEM, ASKED],
            "response-1": "Rivers are wet.",
            "response-2": "The Loire.",
        },
        "metadata": {
            "priority": 0.5, "sample": "queue", "number": 7, "run": "run", "batch": 1, "task": "Task",
            "length-instruction": 13, "model-1": "b", "model-2": "a", "length": 15,
            "rating-mean": 3.0, "rating-lowest": 2.0, "rating-spread": 2.0,
        },
        "suggestions": [
            {"question": "corrected-instruction", "value": "Name a river.", "score": None, "agent": "gen"},
            {"question": "corrected-response", "value": "The Loire.", "score": None, "agent": "a"},
            {"question": "correction-of", "value": "response-2", "score": None, "agent": "a"},
            {"question": "helpfulness-1", "value": 2, "score": None, "agent": "m"},
            {"question": "rationale-1", "value": "Wet.", "score": None, "agent": "m"},
            {"question": "helpfulness-2", "value": 4, "score": None, "agent": "m"},
            {"question": "rationale-2", "value": "Right.", "score": None, "agent": "m"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "agent"),
    [
        ("gpt-4o", "gpt-4o"),
        ("meta-llama/Llama-3.1-8B-Instruct:cheapest", "meta-llama/Llama-3.1-8B-Instruct:cheapest"),
        ("a b", "a b"),
        ("m@2024", "m-2024 "),
        ("m#2024", "m-2024 "),
        ("model+lora", "model-lora "),
        ("名", "model "),
        ("<", "model "),
        ("---", "model "),
        ("", "model "),
        ("half \ud800", "half "),
        ("a\nb", "a-b "),
        ("x" * 500, "x" * 191 + " "),
    ],
)
def test_a_models_name_is_one_that_argilla_takes(model: str, agent: str) -> None:
    found = agent_of(model)
    assert found == agent or (found.startswith(agent) and len(found) == len(agent) + 8)
    assert AGENT.fullmatch(found) and len(found) <= 200
    assert agent_of("m@2024") != agent_of("m#2024") != agent_of("m-2024")


def test_a_row_that_was_not_checked_is_not_said_to_pass() -> None:
    shape = replace(shape_of([ROW]), checks=True)

    def failed(*names: str, checked: bool = True) -> Any:
        place = replace(PLACE, failed=names if checked else None)
        return item(ROW, (), shape, ABOUT, place)["metadata"].get("failed-checks")

    assert (failed("length"), failed(), failed(checked=False)) == (["length"], ["none"], None)


def test_a_record_without_responses_or_ratings() -> None:
    bare = Row((ASKED,), (), {"passage": "Water.", "title": "Rivers"}, id="r-1-0")
    shape = shape_of([bare])
    assert shape == Shape(0, passage=True)
    record = item(bare, (), shape, ABOUT, PLACE)
    assert record["fields"] == {"instruction": "Name a river.", "passage": "Rivers\n\nWater."}
    assert [suggestion["question"] for suggestion in record["suggestions"]] == ["corrected-instruction"]
    assert record["metadata"] == {
        "priority": 0.5, "sample": "queue", "number": 7, "run": "run", "batch": 1, "task": "Task", "length-instruction": 13,
    }  # fmt: skip


def test_a_record_without_suggestions_gives_nothing_of_the_labeller_away() -> None:
    record = item(ROW, RATINGS, shape_of([ROW]), ABOUT, replace(PLACE, blind=True))
    assert not [name for name in record["metadata"] if name.startswith(("rating", "repeat"))]
    assert [(s["question"], s["value"]) for s in record["suggestions"]] == [
        ("corrected-instruction", "Name a river."), ("corrected-response", "Rivers are wet."), ("correction-of", "response-1"),
    ]  # fmt: skip


def test_what_is_known_from_elsewhere_is_shown() -> None:
    known = replace(ROW, messages=(ASKED,), origin={"columns": {"reference": "The Loire flows west."}})
    shape = shape_of([known])
    assert shape == Shape(2, reference=True)
    assert item(known, (), shape, ABOUT, PLACE)["fields"]["reference"] == "The Loire flows west."


def test_three_responses_are_ranked() -> None:
    three = replace(ROW, responses=tuple(Response(text, "m") for text in "xyz"))
    said = [Rating(k, "helpfulness", 0, "rated", value, model="m") for k, value in enumerate((3.0, 5.0, 3.0))]
    (ranked,) = [
        s for s in item(three, said, shape_of([three]), ABOUT, PLACE)["suggestions"] if s["question"] == "ranking"
    ]
    assert [(one["value"], one["rank"]) for one in ranked["value"]] == [
        ("response-1", 2),
        ("response-2", 1),
        ("response-3", 2),
    ]
    for few in (said[:2], [replace(r, value=3.0) for r in said]):
        assert "ranking" not in [
            s["question"] for s in item(three, few, shape_of([three]), ABOUT, PLACE)["suggestions"]
        ]


def test_what_is_asked() -> None:
    def names(responses: int, review: Review, *labelled: str) -> list[str]:
        return [part.name for part in questions(Shape(responses), review, labelled)]

    assert names(1, Review(), "honesty", "helpfulness") == [
        "decision", "honesty-1", "rationale-1", "reasons", "corrected-instruction", "corrected-response",
    ]  # fmt: skip
    assert names(0, Review(reasons=())) == ["decision", "corrected-instruction"]
    assert names(1, Review(reasons=())) == ["decision", "rating-1", "corrected-instruction", "corrected-response"]
    both = Review(aspects=("honesty", "truthfulness"), reasons=(), ranking=False)
    assert names(3, both)[:7] == [
        "decision", "honesty-1", "truthfulness-1", "honesty-2", "truthfulness-2", "honesty-3", "truthfulness-3",
    ]  # fmt: skip
    assert "ranking" in names(3, Review()) and "ranking" not in names(2, Review())


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_submitted": 0}, {"dataset": "x" * 201}, {"aspects": ("beauty",)}, {"reasons": ("one",)}, {"reasons": ("", "x")},
        {"reasons": ("same", "same")},
    ],
)  # fmt: skip
def test_a_review_that_argilla_would_refuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="review"):
        Review(**wrong)


def test_a_record_can_be_sent_whatever_its_texts_hold() -> None:
    odd = replace(
        ROW, messages=({"role": "user", "content": "a\0b\ud800"},), responses=(Response("\ud800\0", "m\ud800"),)
    )
    sent = json.dumps(item(odd, (replace(RATINGS[0], rationale="\0\ud800"),), shape_of([odd]), ABOUT, PLACE))
    assert "\\ud800" not in sent and "\\u0000" not in sent
    sent.encode()


def test_a_shape_fits_all_rows() -> None:
    many = replace(ROW, messages=(ASKED,), responses=(Response("x", "m"),) * 20)
    assert shape_of([many]) == Shape(MOST_RESPONSES)
    assert shape_of([many, ROW, replace(ROW, origin={"passage": "p"})]) == Shape(
        MOST_RESPONSES, talk=True, passage=True
    )
    assert shape_of([]) == Shape()
    beyond = (replace(RATINGS[0], response=15, value=5.0),)
    record = item(many, beyond, shape_of([many]), ABOUT, PLACE)
    assert len([name for name in record["fields"] if name.startswith("response-")]) == MOST_RESPONSES


def rated(*values: float | None, place: int = 0, logprobs: Any = None) -> list[Rating]:
    return [
        Rating(place, "honesty", k, "rated" if value is not None else "unrated", value, model="m", logprobs=logprobs)
        for k, value in enumerate(values)
    ]


def test_an_opinion_and_how_sure_it_is() -> None:
    assert opinion([], 0, "honesty") is None
    assert opinion(rated(None, None), 0, "honesty") is None
    assert opinion(rated(4.0), 0, "helpfulness") is None
    assert opinion(rated(4.0), 1, "honesty") is None
    assert opinion(rated(4.0), 0, "honesty") == (4.0, None, "m")
    assert opinion(rated(4.0, 4.0), 0, "honesty") == (4.0, 1.0, "m")
    assert opinion(rated(4.0, 4.0, 5.0), 0, "honesty") == (13 / 3, 0.6667, "m")
    assert opinion(rated(1.0, 5.0, None), 0, "honesty") == (3.0, 0.0, "m")
    assert opinion(rated(4.0, logprobs={"4": math.log(0.6), "5": math.log(0.2)}), 0, "honesty") == (4.0, 0.75, "m")


@pytest.mark.parametrize(
    ("value", "logprobs", "expected"),
    [
        (4.0, {"4": math.log(0.5), "5": math.log(0.5)}, 0.5),
        (4.0, {" 4": math.log(0.3), "4": math.log(0.3), "2": math.log(0.2)}, 0.75),
        (4.0, {"4": math.log(0.5), "four": math.log(0.4), '"': math.log(0.1), "44": -9.0}, 1.0),
        (3.0, {"4": -0.1}, 0.0),
        (4.5, {"4": -0.1}, None),
        (4.0, {"x": -0.1}, None),
        (4.0, {"4": -math.inf}, None),
        (4.0, {}, None),
        (4.0, None, None),
        (None, {"4": -0.1}, None),
    ],
)
def test_probability(value: float | None, logprobs: Any, expected: float | None) -> None:
    (rating,) = rated(value, logprobs=logprobs)
    found = probability(rating)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_best_response_is_the_first_of_the_highest() -> None:
    three = replace(ROW, responses=(Response("x", "m"),) * 3)
    assert best_response(three, []) == 0
    assert best_response(three, [*rated(2.0), *rated(4.0, 2.0, place=1), *rated(3.0, place=2)]) == 1
    assert best_response(three, rated(None, place=0) + rated(1.0, place=2)) == 2
    assert best_response(replace(ROW, responses=()), []) == 0


def test_reasons() -> None:
    said = [
        Rating(0, "honesty", 0, "not-applicable", None, "It claims nothing."),
        Rating(0, "truthfulness", 0, "unrated", None, note="the answer was cut off"),
        Rating(0, "helpfulness", 0, "rated", 4.5, "Right."),
        Rating(7, "helpfulness", 0, "rated", 1.0, "Alone."),
    ]
    assert reasons(said, 0) == (
        "**honesty: N/A** It claims nothing.\n\n**truthfulness: unrated** the answer was cut off\n\n**helpfulness: 4.5** Right."
    )
    assert reasons(said, 7) == "Alone."
    assert reasons(said[1:2], 0) == "**truthfulness: unrated** the answer was cut off"
    assert reasons([], 1) == ""


ONE = replace(ROW, responses=(Response("x", "m"),))


def said(aspect: str, *values: float | None, expected: dict[str, float] | None = None) -> list[Rating]:
    odds = {token: math.log(p) for token, p in expected.items()} if expected else None
    return [
        Rating(0, aspect, k, "rated" if value else "unrated", value, model="m", logprobs=odds)
        for k, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("ratings", "wanted"),
    [
        ([], 0.0),
        (said("helpfulness", 4.0), 0.0),  # nothing else was said
        (said("helpfulness", None) + said("honesty", 1.0), 0.0),  # no decision
        (said("helpfulness", 4.0) + said("honesty", 2.0), 3.5 - 2),  # kept, the other aspect is against it
        (said("helpfulness", 5.0) + said("honesty", 5.0), 3.5 - 5),
        (said("helpfulness", 3.0) + said("honesty", 5.0), 5 - 3.5),  # not kept, the other aspect is for it
        (said("helpfulness", 1.0) + said("honesty", 1.0) + said("truthfulness", 2.0), 1.5 - 3.5),
        (
            said("helpfulness", 4.0, 4.0, 3.0),
            round(3.5 - 11 / 3, 4),
        ),  # repeats: their mean, rounded 4, is what is suggested
        (said("helpfulness", 4.0, expected={"4": 0.5, "2": 0.5}), 3.5 - 3),  # what it gives on average
        (said("helpfulness", 4.0, expected={"4": 0.5, "2": 0.5}) + said("honesty", 1.0), 3.5 - (3 + 1) / 2),
    ],
)
def test_priority_is_how_strongly_the_other_opinions_speak_against_the_decision(
    ratings: list[Rating], wanted: float
) -> None:
    assert priority(ONE, ratings, "helpfulness") == pytest.approx(wanted)


def test_priority_looks_at_the_best_response() -> None:
    ratings = [
        Rating(0, "helpfulness", 0, "rated", 2.0), Rating(0, "honesty", 0, "rated", 1.0),
        Rating(1, "helpfulness", 0, "rated", 5.0), Rating(1, "honesty", 0, "rated", 3.0),
    ]  # fmt: skip
    assert kept(ROW, ratings, "helpfulness") is True
    assert priority(ROW, ratings, "helpfulness") == 0.5


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["helpfulness", "honesty"]), st.integers(0, 2), st.sampled_from([None, 1.0, 2.5, 4.0, 5.0])
        ),
        max_size=8,
    )
)
def test_priority_stays_in_its_range(drawn: list[tuple[str, int, float | None]]) -> None:
    ratings = [Rating(0, aspect, k, "rated" if value else "unrated", value) for aspect, k, value in drawn]
    assert -2.5 <= priority(ONE, ratings, "helpfulness") <= 2.5


def test_the_spread_of_repeats() -> None:
    assert spread(said("helpfulness", 3.0)) is None
    assert spread(said("helpfulness", 3.0, 5.0) + said("honesty", 1.0, None)) == 2.0
