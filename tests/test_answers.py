"""Answering: who answers, under which system prompt, told to value what; what is marked on a response."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tasks.answering import Answers
from tasks.engine.engine import Engine
from tasks.errors import SettingsError
from tasks.models.base import Capabilities, Completion
from tasks.principles import BALANCED, PRINCIPLES, choose, weights
from tasks.response_flags import marks
from tasks.settings import build
from tasks.types import Message, Response, Row
from tests.scripts import Memo, Model, do, said

RIVER = Row(({"role": "user", "content": "Name a river."},), unit=3, position=1)


class Answering:
    """A model that remembers what it was asked."""

    name = "a"
    template = None

    def __init__(self) -> None:
        self.asked: list[list[Message]] = []

    async def capabilities(self) -> Capabilities:
        return Capabilities()

    async def chat(self, messages: Sequence[Message], *, draw: int = 0, **options: Any) -> Completion:
        self.asked.append(list(messages))
        return Completion("The Loire.", "a")

    async def complete(self, prompt: str, *, draw: int = 0, **options: Any) -> Completion:
        raise AssertionError("answers are talk")


def answered(answers: Answers, row: Row = RIVER, place: int = 0) -> tuple[Response, list[Message]]:
    model = Answering()
    return asyncio.run(answers.respond(row, place, model)), model.asked[0]


def test_a_principle_goes_behind_the_system_prompt_and_is_kept_with_the_response() -> None:
    response, asked = answered(Answers(principles="honesty", system_prompt="Be brief."))
    assert response.principle == "honesty" and [message["role"] for message in asked] == ["system", "user"]
    first, _, second = asked[0]["content"].partition("\n\n")
    assert first == "Be brief." and second in PRINCIPLES["honesty"]
    own = replace(RIVER, messages=({"role": "system", "content": "In French."}, *RIVER.messages))
    _, asked = answered(Answers(principles="honesty", system_prompt="Be brief."), own)
    assert asked[0]["content"].startswith("In French.\n\n") and len(asked) == 2


def test_without_principles_nothing_is_added() -> None:
    response, asked = answered(Answers())
    assert response.principle == "" and asked == list(RIVER.messages)


def test_principles_are_balanced_and_the_same_in_every_run() -> None:
    names = Counter(choose(weights("balanced"), f"{unit}/0/{place}")[0] for unit in range(500) for place in range(4))
    assert set(names) == set(BALANCED) and all(400 < number < 600 for number in names.values())
    places = [answered(Answers(principles="balanced"), place=place)[0].principle for place in range(8)]
    assert places == [answered(Answers(principles="balanced"), place=place)[0].principle for place in range(8)]
    assert len(set(places)) > 1


def test_weights_decide_the_shares() -> None:
    task = build(Answers, {"principles": {"helpfulness": 3, "verbalized_calibration": 1}}, "[answers]")
    names = Counter(choose(weights(task.principles), str(n))[0] for n in range(2000))
    assert set(names) == {"helpfulness", "verbalized-calibration"} and 1400 < names["helpfulness"] < 1600


@pytest.mark.parametrize(
    ("asked", "shares"),
    [
        ("Balanced", dict.fromkeys(BALANCED, 1.0)),
        (" BALANCED ", dict.fromkeys(BALANCED, 1.0)),
        ("Verbalized Calibration", {"verbalized-calibration": 1.0}),
        (" ", {}),
        ({"Honesty": 1, " helpfulness": 0.5}, {"honesty": 1, "helpfulness": 0.5}),
    ],
)
def test_principles_are_known_however_they_are_written(asked: Any, shares: dict[str, float]) -> None:
    assert weights(asked) == shares and Answers(principles=asked).principles == asked


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("kindness", "no principle 'kindness'.*balanced"),
        ({"helpfulness": -1.0}, "from 0 up"),
        ({"helpfulness": float("nan")}, "from 0 up"),
        ({"helpfulness": float("inf")}, "from 0 up"),
        ({"helpfulness": 10**400}, "from 0 up"),
        ({"honesty": "1"}, "weight of the principle 'honesty' must be a number from 0 up"),
        ({"honesty": "x"}, "from 0 up"),
        ({"honesty": None}, "from 0 up"),
        ({"honesty": True}, "from 0 up"),
        ({"helpfulness": 0.0, "honesty": 0.0}, "all be 0"),
    ],
)
def test_principles_that_can_not_be(asked: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Answers(principles=asked)


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("The Loire.", "stop", []),
        ("The Loire is", "length", ["cut off"]),
        ("I'm sorry, but I can't help with that.", "stop", ["refusal"]),
        ("As an AI language model, I cannot name rivers.", "stop", ["refusal"]),
        ("Dear neighbour, I am writing to say sorry for the noise.", "stop", []),
        ("", "stop", []),
    ],
)
def test_marks(text: str, finish_reason: str, expected: list[str]) -> None:
    assert marks(Response(text, "a", finish_reason=finish_reason)) == expected


def test_answers() -> None:
    talk = Row(({"role": "user", "content": "Name a river."},))
    model = Model([("river", " The Loire. ")])
    task = Answers(n=3, system_prompt="Be brief.")
    bound = Engine(Memo()).bind(model, "s")
    assert do(task.respond(talk, 0, bound)).text == "The Loire."
    assert said(model.asked[0][1]["messages"]) == [("system", "Be brief."), ("user", "Name a river.")]
    own = Row(({"role": "system", "content": "Sing."}, {"role": "user", "content": "Name a river."}))
    do(task.respond(own, 0, bound))
    assert said(model.asked[1][1]["messages"]) == said(own.messages)
    assert task.missing({0, 2}) == [1] and task.missing([]) == [0, 1, 2] and Answers(n=0).missing([]) == []
    for n in (-1, 9):
        with pytest.raises(SettingsError, match="from 0 to 8"):
            Answers(n=n)
