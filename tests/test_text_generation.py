"""TextGeneration against a scripted model: prompts and chats, the rows they give, what it drops and refuses."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tasks import TextGeneration
from tasks.errors import InputError, SettingsError
from tasks.models.base import Completion, Kind
from tasks.types import Dropped, Message, Row
from tests.scripts import Model, dropped, made, row, said


def test_text_generation() -> None:
    model = Model([("river", " The Loire, {draw}.\n")])
    one = row(
        made(TextGeneration(num_generations=3), {"instruction": "Name a river.", "system_prompt": "Be brief."}, model)
    )
    assert said(one.messages) == [("system", "Be brief."), ("user", "Name a river.")]
    assert len({answer.text for answer in one.responses}) == 3
    assert all(answer.text.startswith("The Loire, ") and answer.text.endswith(".") for answer in one.responses)
    assert one.responses[0].model == "scripted" and one.id == "" and one.instruction == "Name a river."


def test_text_generation_with_a_template() -> None:
    looped = TextGeneration(template="{% for i in range(2) %}{{ instruction }} {% endfor %}")
    assert looped.required_columns() == ("instruction",)
    plain = TextGeneration(template="{{ a }} {{ b | upper }}")
    assert plain.required_columns() == ("a", "b")
    assert row(made(plain, {"a": 1, "b": "x", "c": None})).instruction == "1 X"


def test_text_generation_drops_an_empty_answer() -> None:
    assert dropped(made(TextGeneration(), {"instruction": "x"}, Model([("x", "  \n")]))) == ("empty answer", "")


class Absent(Model):
    """Its second answer is empty: all of it was thinking."""

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        answer = await super().send(kind, body, draw)
        return replace(answer, text="", reasoning="Hm.") if len(self.asked) == 2 else answer


def test_text_generation_keeps_the_answers_that_are_not_empty() -> None:
    found = made(TextGeneration(num_generations=3), {"instruction": "Name a river."}, Absent([("river", "The Loire.")]))
    one, drop = found
    assert isinstance(one, Row) and [answer.text for answer in one.responses] == ["The Loire."] * 2
    assert drop == Dropped("thoughts and no answer", "Hm.")


@pytest.mark.parametrize(
    ("inputs", "messages"),
    [
        ({"system_prompt": "Own."}, [("system", "Own."), ("user", "A?")]),
        ({"system_prompt": " "}, [("system", "Task's."), ("user", "A?")]),
        ({"system_prompt": None}, [("system", "Task's."), ("user", "A?")]),
        ({}, [("system", "Task's."), ("user", "A?")]),
    ],
)
def test_text_generation_prefers_the_rows_system_prompt(
    inputs: dict[str, Any], messages: list[tuple[str, str]]
) -> None:
    one = row(made(TextGeneration(system_prompt="Task's."), {"instruction": "A?", **inputs}))
    assert said(one.messages) == messages


TALK: list[Message] = [
    {"role": "user", "content": "A?"},
    {"role": "assistant", "content": "B."},
    {"role": "user", "content": "And?"},
]


@pytest.mark.parametrize(
    ("inputs", "messages"),
    [
        ({"messages": TALK}, said(TALK)),
        ({"messages": json.dumps(TALK)}, said(TALK)),
        ({"messages": TALK, "instruction": None}, said(TALK)),
        ({"messages": TALK, "instruction": " "}, said(TALK)),
        ({"messages": TALK, "instruction": "C?"}, [("user", "C?")]),
        ({"instruction": TALK}, said(TALK)),
        ({"instruction": tuple(TALK)}, said(TALK)),
        ({"instruction": TALK, "system_prompt": "S"}, [("system", "S"), *said(TALK)]),
        ({"messages": [{"role": "system", "content": "Own."}, *TALK], "system_prompt": "S"}, [("system", "Own."), *said(TALK)]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "A?"}]}]}, [("user", "A?")]),
        ({"instruction": ["a", "b"]}, [("user", '["a", "b"]')]),
        ({"instruction": 0}, [("user", "0")]),
    ],
)  # fmt: skip
def test_text_generation_takes_a_chat(inputs: dict[str, Any], messages: list[tuple[str, str]]) -> None:
    model = Model()
    one = row(made(TextGeneration(), inputs, model))
    assert said(one.messages) == messages and one.responses
    assert said(model.asked[0][1]["messages"]) == messages


def test_text_generation_drops_a_chat_that_asks_nothing() -> None:
    answered = TALK[:2]
    reason, raw = dropped(made(TextGeneration(), {"messages": answered}))
    assert reason == "the chat does not end with the user's turn" and json.loads(raw) == answered
    assert dropped(made(TextGeneration(), {"messages": [{"role": "user", "content": ""}]})) == ("empty prompt", "")
    for nothing in (None, [], "x", [{"role": "tool", "content": "x"}]):
        with pytest.raises(InputError, match="no column 'instruction'"):
            list(TextGeneration().units([{"messages": nothing}]))


def test_text_generation_shows_nothing_for_a_missing_value() -> None:
    task = TextGeneration(template="About {{ topic }}: {{ question | upper }}")
    assert row(made(task, {"topic": None, "question": "why?"})).instruction == "About : WHY?"
    assert row(made(task, {"topic": 0, "question": None})).instruction == "About 0: "
    for nothing in (None, "", " \n"):
        assert made(task, {"topic": None, "question": nothing}) == [Dropped("empty prompt")]
        assert made(TextGeneration(), {"instruction": nothing}) == [Dropped("empty prompt")]


def test_text_generation_keeps_the_other_columns() -> None:
    inputs = {"instruction": "A?", "id": 7, "prompt": "x", "tags": ["a"], "none": None, "system_prompt": "S"}
    assert row(made(TextGeneration(), inputs)).origin == {"columns": {"id": 7, "prompt": "x"}}
    assert row(made(TextGeneration(), {"instruction": "A?"})).origin == {}


@pytest.mark.parametrize("template", ["", "no column", "{{ x", "{% include 'x' %}", "{{ range(3) }}"])
def test_text_generation_refuses_a_template(template: str) -> None:
    with pytest.raises(SettingsError):
        TextGeneration(template=template)


def test_text_generation_drops_an_empty_prompt_and_refuses_rows_that_do_not_fit() -> None:
    for inputs in ({"instruction": ""}, {"instruction": " \n"}):
        assert made(TextGeneration(), inputs) == [Dropped("empty prompt")]
    with pytest.raises(InputError, match="does not fit the row"):
        list(TextGeneration(template="{{ a.b.c }}").units([{"a": "x"}]))
    with pytest.raises(InputError, match="does not fit the row"):
        list(TextGeneration(template="{{ a / 0 }}").units([{"a": 1}]))
