"""Each task against a scripted model, through the engine: the rows it gives, what it drops, what it refuses."""

import itertools
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tasks import TASKS, ExistingRows, Genstruct, SelfInstruct, Task, TextGeneration
from tasks.answers import Answers
from tasks.engine import Engine
from tasks.errors import InputError, SettingsError
from tasks.models.base import Completion, Kind
from tasks.models.scripted import TEMPLATE, ScriptedEndpoint
from tasks.types import Dropped, Message, Response, Row, Unit
from tests.scripts import Memo, Model, do, dropped, made, row, said

# -- TextGeneration


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
    assert drop == Dropped("empty answer", "Hm.")


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
        ({"instruction": ["a", "b"]}, [("user", "['a', 'b']")]),
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


# -- SelfInstruct


def test_self_instruct_as_json() -> None:
    model = Model()
    found = made(SelfInstruct(num_instructions=3), {"input": " Name a river. "}, model)
    assert len(found) == 3 and all(isinstance(one, Row) for one in found)
    for one in found:
        assert isinstance(one, Row)
        assert one.origin == {"seed": "Name a river.", "prompt": "self_instruct.v1"}
        assert one.responses == () and len(one.messages) == 1
    ((_, body),) = model.asked
    assert body["schema"]["properties"]["instructions"]["maxItems"] == 3
    assert body["max_tokens"] == 3 * 248 + 40


def test_self_instruct_as_text() -> None:
    model = Model(
        [("requests", "Here you are:\n1. One?\n2. Two.\n3. one?\n4. Three.")], json_schema=False, string_bounds=False
    )
    found = made(SelfInstruct(num_instructions=2), {"input": "x"}, model)
    assert [one.instruction for one in found if isinstance(one, Row)] == ["One?", "Two."]
    assert [one for one in found if isinstance(one, Dropped)] == [
        Dropped("more than asked for, or said twice", "one?"),
        Dropped("more than asked for, or said twice", "Three."),
    ]
    assert "schema" not in model.asked[0][1] and "max_tokens" not in model.asked[0][1]


def test_self_instruct_drops() -> None:
    assert dropped(made(SelfInstruct(), {"input": " "})) == ("empty seed", "")
    assert dropped(made(SelfInstruct(), {"input": None})) == ("empty seed", "")
    assert dropped(made(SelfInstruct(), {"input": "x"}, Model([("x", "{}")]))) == ("no list in the answer", "{}")
    cut = Model([("x", '{"instructions": ["a')], cut="instructions")
    assert dropped(made(SelfInstruct(), {"input": "x"}, cut)) == ("cut off at the token limit", '{"instructions": ["a')


def test_self_instruct_drops_what_the_limits_cut() -> None:
    said = json.dumps({"instructions": ["Name a river.", "a" * 240, "Sing."]})
    one, two, three = made(SelfInstruct(), {"input": "x"}, Model([("x", said)]))
    assert isinstance(one, Row) and two == Dropped("cut off at the length limit", "a" * 240) and isinstance(three, Row)
    assert len(made(SelfInstruct(), {"input": "x"}, Model([("x", said)], string_bounds=False))) == 3
    plain = Model([("x", "1. Name a river.\n2. Why is ra")], json_schema=False, string_bounds=False, cut="Why")
    kept, cut = made(SelfInstruct(), {"input": "x"}, plain)
    assert isinstance(kept, Row) and kept.instruction == "Name a river."
    assert cut == Dropped("cut off at the token limit", "Why is ra")
    odd = Model([("x", '{"instructions": ["Name a river.", "Say "hi"."]}')])
    assert made(SelfInstruct(), {"input": "x"}, odd)[1:] == [Dropped("not readable", '"Say "hi"."]}')]


def test_self_instruct_shows_examples() -> None:
    task, seeds = SelfInstruct(bootstrap=True, num_instructions=2), [f"Seed {n}." for n in range(30)]
    units = task.units({"input": seed} for seed in seeds)
    unit = task.shown(next(units), seeds, [], "7/unit/0")
    assert len(set(unit.inputs["examples"])) == 8 and set(unit.inputs["examples"]) <= set(seeds)
    later = task.shown(Unit(16), seeds, ["Made 0.", "Made 1.", "Made 2."], "7/unit/16")
    assert sum(example.startswith("Made") for example in later.inputs["examples"]) == 2
    assert len(set(later.inputs["examples"])) == 8
    assert task.shown(Unit(16), seeds, ["Made 0.", "Made 1.", "Made 2."], "7/unit/16") == later
    assert task.shown(Unit(17), seeds, ["Made 0.", "Made 1.", "Made 2."], "7/unit/17").inputs != later.inputs
    assert sorted(task.shown(Unit(0), seeds[:3], ["Made 0."], "x").inputs["examples"]) == ["Made 0.", *seeds[:3]]
    model = Model()
    bound = Engine(Memo()).bind(model, "7/unit/16")
    found = do(task.rows(later, bound))
    assert [type(one) for one in found] == [Row, Row]
    assert found[0].origin == {
        "examples": list(later.inputs["examples"]), "round": 1, "prompt": "self_instruct_pool.v1",
    }  # fmt: skip
    assert "\n8. " in model.prompts[0] and "\n9. " not in model.prompts[0]


def test_every_seed_is_shown_now_and_then_and_in_any_place() -> None:
    task, seeds = SelfInstruct(bootstrap=True), [f"Seed {n}." for n in range(20)]
    shown = [task.shown(Unit(n), seeds, ["Made."], f"3/unit/{n}").inputs["examples"] for n in range(200)]
    times = Counter(itertools.chain.from_iterable(shown))
    assert times["Made."] == 200 and all(40 <= times[seed] <= 110 for seed in seeds)  # 70 is the mean
    assert len({examples.index("Made.") for examples in shown}) == 8


# -- Genstruct


def test_genstruct() -> None:
    model = Model()
    one = row(made(Genstruct(), {"title": "Tides", "content": "The moon pulls."}, model))
    whole = {"document": 1, "start": 0, "end": 15}
    assert one.origin == {"title": "Tides", "passage": "The moon pulls.", "prompt": "genstruct.v1", **whole}
    assert len(one.messages) == len(one.responses) == 1 and one.responses[0].text
    assert model.asked[0][1]["schema"]["required"] == ["question", "answer"]
    text = Model([("Passage", "User: Why?\nAssistant: So.")], json_schema=False)
    one = row(made(Genstruct(), {"title": "Tides", "content": "The moon pulls."}, text))
    assert (one.instruction, one.responses[0].text) == ("Why?", "So.")
    assert text.asked[0][1]["max_tokens"] == 700 and "schema" not in text.asked[0][1]


NATIVE = (
    "[[[Title]]] Tides\n[[[Content]]] The moon pulls.\n\n"
    "The following is an interaction between a user and an AI assistant that is related to the above text.\n\n[[[User]]] "
)


def test_genstruct_in_its_own_models_words() -> None:
    """As a raw prompt, exactly as its card has it, with the space at the end; over chat where nothing else is to be had."""
    script = [("Content", " Why?\n[[[Assistant]]] So.")]
    for model, kind in (
        (Model(script, name="NousResearch/Genstruct-7B"), "complete"),
        (Model(script, name="m", weights="someone/genstruct-7b-gguf"), "complete"),
        (Model(script, name="Genstruct", raw_prompts=False), "chat"),
    ):
        one = row(made(Genstruct(), {"title": " Tides\n", "content": "The moon pulls.\n"}, model))
        assert (one.instruction, one.responses[0].text, one.origin["prompt"]) == ("Why?", "So.", "genstruct_native.v1")
        assert model.prompts == [NATIVE]
        assert [asked[0] for asked in model.asked] == [kind] and "schema" not in model.asked[0][1]


def test_genstruct_drops() -> None:
    inputs = {"title": "Tides", "content": "The moon pulls."}
    assert dropped(made(Genstruct(), {"title": "Tides", "content": ""})) == ("empty document", "")
    assert dropped(made(Genstruct(), inputs, Model([("moon", "I can't.")]))) == (
        "no question and answer in it",
        "I can't.",
    )
    assert dropped(made(Genstruct(), inputs, Model([("moon", '{"user": "W')], cut="user"))) == (
        "cut off at the token limit",
        '{"user": "W',
    )


# -- ExistingRows


@pytest.mark.parametrize(
    ("inputs", "messages", "responses"),
    [
        ({"instruction": " A? "}, [("user", "A?")], []),
        ({"instruction": "A?", "input": "B"}, [("user", "A?\n\nB")], []),
        ({"instruction": "A?", "system_prompt": "S"}, [("system", "S"), ("user", "A?")], []),
        ({"instruction": "A?", "response": "B."}, [("user", "A?")], [("B.", "unknown")]),
        ({"instruction": "A?", "response": "[1, 2]"}, [("user", "A?")], [("[1, 2]", "unknown")]),
        ({"instruction": "A?", "responses": ["B.", " C. "]}, [("user", "A?")], [("B.", "unknown"), ("C.", "unknown")]),
        ({"instruction": "A?", "responses": '["B.", "C."]'}, [("user", "A?")], [("B.", "unknown"), ("C.", "unknown")]),
        ({"instruction": "A?", "responses": "[Verse] B"}, [("user", "A?")], [("[Verse] B", "unknown")]),
        (
            {"instruction": "A?", "response": "B.", "responses": [{"text": "C.", "model": "m"}, {"text": ""}, None, {}]},
            [("user", "A?")],
            [("B.", "unknown"), ("C.", "m")],
        ),
        ({"instruction": "A?", "responses": None, "response": ""}, [("user", "A?")], []),
        ({"messages": [{"role": "user", "content": "A?"}]}, [("user", "A?")], []),
        (
            {"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."}], "responses": ["C."]},
            [("user", "A?")],
            [("B.", "unknown"), ("C.", "unknown")],
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": "S"}, {"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."},
                    {"role": "user", "content": [{"type": "text", "text": "And?"}, {"type": "image_url"}]},
                    {"role": "tool", "content": "x"}, "odd",
                ]
            },
            [("system", "S"), ("user", "A?"), ("assistant", "B."), ("user", "And?")],
            [],
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."},
                    {"role": "assistant", "content": "C."},
                ]
            },
            [("user", "A?")],
            [("B.", "unknown"), ("C.", "unknown")],
        ),
        ({"messages": '[{"role": "user", "content": "A?"}]', "instruction": "no"}, [("user", "A?")], []),
        ({"messages": None, "instruction": "A?"}, [("user", "A?")], []),
        ({"messages": [], "instruction": "A?"}, [("user", "A?")], []),
        ({"instruction": 3, "response": 4.5}, [("user", "3")], [("4.5", "unknown")]),
        ({"instruction": "A?", "response": [{"role": "assistant", "content": "B."}]}, [("user", "A?")], [("B.", "unknown")]),
    ],
)  # fmt: skip
def test_existing_rows(
    inputs: dict[str, Any], messages: list[tuple[str, str]], responses: list[tuple[str, str]]
) -> None:
    model = Model()
    one = row(made(ExistingRows(), inputs, model))
    assert said(one.messages) == messages
    assert [(answer.text, answer.model) for answer in one.responses] == responses
    assert model.asked == []


def test_existing_rows_keep_their_other_columns() -> None:
    one = row(
        made(ExistingRows(model="mine"), {"instruction": "A?", "topic": "x", "n": 3, "tags": ["a"], "response": "B."})
    )
    assert one.origin == {"topic": "x", "n": 3}
    assert one.responses == (Response("B.", "mine"),)


@pytest.mark.parametrize(
    "inputs",
    [
        {"instruction": ""},
        {"instruction": None},
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "B."}]},
        {"messages": "x"},
    ],
)
def test_existing_rows_drop_what_asks_nothing(inputs: dict[str, Any]) -> None:
    reason, raw = dropped(made(ExistingRows(), inputs))
    assert reason == "no instruction" and raw.startswith("{")


# -- all of them


@pytest.mark.parametrize(
    ("task", "column"),
    [
        (TextGeneration(), "instruction"),
        (TextGeneration(template="{{ question }}"), "question"),
        (SelfInstruct(), "input"),
        (Genstruct(), "title"),
        (ExistingRows(), "instruction"),
    ],
)
def test_a_missing_column_is_named(task: Task, column: str) -> None:
    good = {"instruction": "a", "question": "a", "input": "a", "title": "a", "content": "a"}
    with pytest.raises(InputError, match=rf"row 2 has no column '{column}'.*columns there: other") as caught:
        list(task.units([good, {"other": 1}]))
    assert f"[inputs.columns] {column} =" in caught.value.terminal


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text-generation", {"num_generations": 0}),
        ("self-instruct", {"num_instructions": 0}),
        ("self-instruct", {"num_instructions": 51}),
        ("self-instruct", {"similarity": 0.0}),
        ("self-instruct", {"similarity": 1.01}),
        ("self-instruct", {"similarity": float("nan")}),
        ("magpie", {"n_turns": 0}),
        ("magpie", {"max_instruction_tokens": 0}),
        ("genstruct", {"max_answer_tokens": 0}),
        ("genstruct", {"passage_tokens": 0}),
    ],
)
def test_settings_that_can_not_be(kind: str, values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        TASKS[kind](**values)


@pytest.mark.parametrize("kind", TASKS)
def test_the_same_unit_gives_the_same_rows(kind: str) -> None:
    inputs = {"instruction": "Name a river.", "input": "Name a river.", "title": "Tides", "content": "The moon pulls."}
    once, again = (made(TASKS[kind](), inputs, index=5) for _ in range(2))
    assert once == again and once
    if kind not in ("existing", "text-generation"):
        assert once != made(TASKS[kind](), inputs, index=6)


# -- answering


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


def test_the_scripted_model_has_a_template_of_its_own() -> None:
    found = do(ScriptedEndpoint().probe())
    assert found.chat_template == TEMPLATE and found.raw_prompts
