"""Prompts, compared with their whole text; and that no prompt, task or setting is left without a word about it."""

import importlib
import pkgutil
import re
from dataclasses import fields
from pathlib import Path

import pytest

import feedback
import tasks
from app.inputs.inputs import Inputs
from feedback.argilla.dataset_settings import Review
from feedback.exports.selection import Export
from feedback.labeller.pairwise import Pairwise
from feedback.labeller.ultrafeedback import Question, UltraFeedback
from feedback.rubrics import STANDARD_RUBRICS
from tasks import TASKS, SelfInstruct, Task
from tasks.answering import Answers
from tasks.models.spec import ModelSpec
from tasks.prompts import PROMPTS
from tasks.row_shape import Field, shape_of
from tasks.text_generation import prompt as messages_of
from tasks.types import Response, Row

ROOT = Path(__file__).resolve().parent.parent
JUDGE = UltraFeedback()
RIVER = Row(
    ({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers are wet.\n\nMostly.", "b"))
)  # fmt: skip

SELF_INSTRUCT = """\
You write requests that people could send to the following application: AI assistant.

Write 3 new requests. They should be as different from each other as possible, and inspired by the context below without repeating it.

What a good request is like:
Begin with different verbs.
Each can be answered by writing text, and is one or two sentences long.
Each is complete in itself: it refers to nothing that is not in it.
Some are questions, some are requests.

Write one request a line, without numbers, bullets or quotation marks, and nothing else.

Context:
Name a river."""  # noqa: E501 - a line of the prompt as it is sent

GENSTRUCT = """\
Read the passage and write one question or task that a curious reader could put to an assistant after reading it, and the assistant's answer.

The question makes sense to someone who has not seen the passage: it names what it asks about, and needs some thought. The answer is right according to the passage and complete.

Write it like this, and nothing else:
User: the question or task
Assistant: the answer

Title: Tides
Passage:
The moon pulls.

So does the sun."""  # noqa: E501 - a line of the prompt as it is sent

GENSTRUCT_NATIVE = """\
[[[Title]]] Tides
[[[Content]]] The moon pulls.

So does the sun.

The following is an interaction between a user and an AI assistant that is related to the above text.

[[[User]]]"""

HONESTY = """\
You rate responses to an instruction for one aspect: honesty.
Does the response sound as sure as it has a right to be? Compare its confidence with whether it is correct.

Scale:
1 = wrong and sure of it
2 = wrong in parts and mostly sure, or right but full of doubt
3 = mixed: some doubt where there should be none, or the other way round
4 = nearly always as sure as it should be
5 = right and sure, or open about what it does not know
N/A = the text makes no claim that could be right or wrong

Instruction:
Name a river.

<text 1>
Rivers are wet.

Mostly.
</text 1>

<text 2>
The Loire.
</text 2>

Rate every text by itself. Answer with one part like this for each of the 2 texts, and nothing else:
#### Output for Text 1
Rating: a number from 1 to 5 or N/A
Rationale: your reason in one or two sentences"""

HONESTY_JSON = """\
You rate responses to an instruction for one aspect: honesty.
Does the response sound as sure as it has a right to be? Compare its confidence with whether it is correct.

Scale:
1 = wrong and sure of it
2 = wrong in parts and mostly sure, or right but full of doubt
3 = mixed: some doubt where there should be none, or the other way round
4 = nearly always as sure as it should be
5 = right and sure, or open about what it does not know
N/A = the text makes no claim that could be right or wrong

Instruction:
Name a river.

<text 1>
Rivers are wet.

Mostly.
</text 1>

<text 2>
The Loire.
</text 2>

Rate every text by itself. Answer as JSON: an object with a part for each text, "text 1" to "text 2", and in each part "rationale", your reason in one or two sentences, and then "rating", a number from 1 to 5 or "N/A"."""  # noqa: E501 - a line of the prompt as it is sent

HELPFULNESS = """\
You rate a response to an instruction for one aspect: helpfulness.
How much does the response help the person who asked? Look at whether it is right, clear, relevant and complete.

Scale:
1 = of no use: wrong, off the point or empty
2 = of little use: partly right, leaves out what matters
3 = of some use: mostly right, unclear or incomplete in places
4 = useful: right, clear and nearly complete
5 = as useful as can be: right, complete, well explained, nothing too much

Instruction:
Name a river.

Response:
The Loire.

Answer with these two lines and nothing else:
Rating: a number from 1 to 5
Rationale: your reason in one or two sentences"""

HELPFULNESS_JSON = """\
You rate a response to an instruction for one aspect: helpfulness.
How much does the response help the person who asked? Look at whether it is right, clear, relevant and complete.

Scale:
1 = of no use: wrong, off the point or empty
2 = of little use: partly right, leaves out what matters
3 = of some use: mostly right, unclear or incomplete in places
4 = useful: right, clear and nearly complete
5 = as useful as can be: right, complete, well explained, nothing too much

Instruction:
Name a river.

Response:
The Loire.

Answer as JSON: an object with "rationale", your reason in one or two sentences, and then "rating", a number from 1 to 5."""


SELF_INSTRUCT_POOL = """\
You write requests that people could send to the following application: AI assistant.

Some requests that have been sent already:
1. Name a river.
2. Sort these words: b a

Write 3 new requests. They should be as different as possible, from these and from each other.

What a good request is like:
Begin with different verbs.
Each can be answered by writing text, and is one or two sentences long.
Each is complete in itself: it refers to nothing that is not in it.
Some are questions, some are requests.

Write one request a line, without numbers, bullets or quotation marks, and nothing else."""


def test_self_instruct_with_a_pool() -> None:
    task, examples = SelfInstruct(num_instructions=3), ["Name a river.", "Sort these words:\n  b\n  a"]
    said = PROMPTS.render("self_instruct_pool.v1", task=task, examples=examples, as_json=False)
    assert said == SELF_INSTRUCT_POOL
    line = "Write one request a line, without numbers, bullets or quotation marks, and nothing else."
    as_json = SELF_INSTRUCT_POOL.replace(
        line, 'Answer as JSON: an object with the list "instructions", one text for each request.'
    )
    assert PROMPTS.render("self_instruct_pool.v1", task=task, examples=examples, as_json=True) == as_json


def test_self_instruct() -> None:
    task = SelfInstruct(num_instructions=3)
    assert PROMPTS.render("self_instruct.v1", task=task, seed="Name a river.", as_json=False) == SELF_INSTRUCT
    line = "Write one request a line, without numbers, bullets or quotation marks, and nothing else."
    as_json = SELF_INSTRUCT.replace(
        line, 'Answer as JSON: an object with the list "instructions", one text for each request.'
    )
    assert PROMPTS.render("self_instruct.v1", task=task, seed="Name a river.", as_json=True) == as_json


def test_genstruct() -> None:
    values = {"title": "Tides", "passage": "The moon pulls.\n\nSo does the sun."}
    assert PROMPTS.render("genstruct.v1", **values, as_json=False) == GENSTRUCT
    lines = "Write it like this, and nothing else:\nUser: the question or task\nAssistant: the answer"
    as_json = GENSTRUCT.replace(
        lines,
        'Answer as JSON: an object with two texts, "question" for the question or task and "answer" for the answer.',
    )
    assert PROMPTS.render("genstruct.v1", **values, as_json=True) == as_json
    assert PROMPTS.render("genstruct_native.v1", **values, as_json=False) == GENSTRUCT_NATIVE


def test_text_generation() -> None:
    assert messages_of("{{ instruction }}", "", {"instruction": "Name a river."}) == [
        {"role": "user", "content": "Name a river."}
    ]
    row = {"place": "France", "system_prompt": "Be brief."}
    assert messages_of("Name a river in {{ place }}.\n", "Be kind.", row) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Name a river in France."},
    ]
    assert messages_of("{{ place }}", "Be kind.", {**row, "system_prompt": ""})[0]["content"] == "Be kind."


def test_text_generation_with_fields() -> None:
    fields = (
        Field(name="name", description="A given name"),
        Field(name="mood", kind="one of", choices=("happy", "sad"), required=False),
    )
    shape = shape_of(fields, "")
    assert shape is not None and shape.prompt("Make up a person.") == (
        "Make up a person.\n\nAnswer with one JSON object and nothing else. Its fields:\n"
        '- "name": a text. A given name\n- "mood": one of "happy", "sad", or null where there is none'
    )
    schema = shape_of((), '{"type": "object", "properties": {"a": {"type": "string"}}}')
    assert schema is not None and schema.prompt("Make up a person.") == (
        "Make up a person.\n\nAnswer with one JSON object and nothing else. It meets this JSON schema:\n\n"
        '{"type": "object", "properties": {"a": {"type": "string"}}}'
    )
    assert PROMPTS.render("row_shape_again.v1", problems=["age is missing", "mood is not a text"]) == (
        "This answer can't be used: age is missing; mood is not a text.\n\n"
        "Answer again with one JSON object and nothing else, in the form that was asked for."
    )


def test_ultrafeedback_together() -> None:
    question = Question("honesty", 0, (1, 0))
    assert JUDGE.asked(RIVER, question, as_json=False) == HONESTY
    assert JUDGE.asked(RIVER, question, as_json=True) == HONESTY_JSON


def test_ultrafeedback_one_by_one() -> None:
    question = Question("helpfulness", 0, (0,))
    assert JUDGE.asked(RIVER, question, as_json=False) == HELPFULNESS
    assert JUDGE.asked(RIVER, question, as_json=True) == HELPFULNESS_JSON


PAIRWISE = """\
You compare two responses to an instruction for one aspect: honesty.
Does the response sound as sure as it has a right to be? Compare its confidence with whether it is correct.

What makes a response better or worse by this aspect, from the worst to the best:
- wrong and sure of it
- wrong in parts and mostly sure, or right but full of doubt
- mixed: some doubt where there should be none, or the other way round
- nearly always as sure as it should be
- right and sure, or open about what it does not know

Instruction:
Name a river.

<response A>
Rivers are wet.

Mostly.
</response A>

<response B>
The Loire.
</response B>

Which response is better by this aspect? The order in which they are shown says nothing. If there is no difference that matters, it is a tie.
"""  # noqa: E501 - a line of the prompt as it is sent
PAIRWISE_LINES = """\
Answer with these two lines and nothing else:
Better: A, B or tie
Rationale: your reason in one or two sentences that calls the two response A and response B"""
PAIRWISE_JSON = (
    'Answer as JSON: an object with "rationale", your reason in one or two sentences that calls the two response A and response B, '
    'and then "better", which is "A", "B" or "tie".'
)


def test_two_responses_compared() -> None:
    judge, question = Pairwise(UltraFeedback(method="pairwise")), Question("honesty", 0, (1, 0))
    assert judge.asked(RIVER, question, as_json=False) == PAIRWISE + PAIRWISE_LINES
    assert judge.asked(RIVER, question, as_json=True) == PAIRWISE + PAIRWISE_JSON


@pytest.mark.parametrize("name", STANDARD_RUBRICS)
@pytest.mark.parametrize("order", [(0,), (0, 1)])
@pytest.mark.parametrize("as_json", [False, True])
def test_every_aspect_says_its_rubric(name: str, order: tuple[int, ...], as_json: bool) -> None:
    said = JUDGE.asked(RIVER, Question(name, 0, order), as_json=as_json)
    aspect = STANDARD_RUBRICS[name]
    scale = [f"{value} = {meaning}" for value, meaning in enumerate(aspect.levels, 1)]
    if aspect.not_applicable:
        scale.append(f"N/A = {aspect.not_applicable}")
    what = "a response" if len(order) == 1 else "responses"
    assert said.startswith(f"You rate {what} to an instruction for one aspect: {name}.\n{aspect.question}\n")
    assert "\n\nScale:\n" + "\n".join(scale) + "\n\nInstruction:\nName a river.\n\n" in said
    assert ("N/A" in said) == bool(aspect.not_applicable)
    assert ("JSON" in said) == as_json
    assert "\n\n\n" not in said


def test_a_talk_is_shown_with_its_roles() -> None:
    talk = Row(
        (
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Name a river."},
            {"role": "assistant", "content": "The Loire."},
            {"role": "user", "content": "And another {{ one }}?"},
        ),
        (Response("<b>The Rhine</b> & {% so on %}", "a"),),
    )
    said = JUDGE.asked(talk, Question("helpfulness", 0, (0,)), as_json=False)
    assert (
        "Instruction:\nSystem: Be brief.\n\nUser: Name a river.\n\nAssistant: The Loire.\n\nUser: And another {{ one }}?\n\n"
        "Response:\n<b>The Rhine</b> & {% so on %}\n\nAnswer with"
    ) in said


@pytest.mark.parametrize("package", ["tasks", "feedback/labeller"])
def test_every_prompt_file_is_versioned_and_used(package: str) -> None:
    files = sorted((ROOT / package / "prompts").iterdir())
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / package).glob("*.py"))
    assert files
    for file in files:
        assert re.fullmatch(r"[a-z_]+\.v\d+\.jinja2", file.name), file
        used = f'"{file.name.removesuffix(".jinja2")}"' in source or any(
            file.name in other.read_text() for other in files
        )
        assert used, f"{file.name} is used nowhere"


def subclasses(cls: type[Task]) -> set[type[Task]]:
    return {inner for direct in cls.__subclasses__() for inner in {direct, *subclasses(direct)}}


def test_every_task_is_registered_and_explained() -> None:
    for package in (tasks, feedback):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".local." not in module.name:  # those run in environments of their own
                importlib.import_module(module.name)
    assert {task for task in subclasses(Task) if task.__module__.startswith("tasks.")} == set(TASKS.values())
    for kind, task in TASKS.items():
        assert re.fullmatch("[a-z-]+", kind)
        assert task.title and task.summary and not task.summary.endswith("."), kind
        assert "Rows out" in (task.__doc__ or "") and "Columns in" in (task.__doc__ or ""), kind


@pytest.mark.parametrize("cls", [*TASKS.values(), ModelSpec, Answers, UltraFeedback, Inputs, Review, Export])
def test_every_setting_has_help(cls: type) -> None:
    for field in fields(cls):
        assert re.fullmatch(r"\S.+[.)]", field.metadata.get("help", "")), f"{cls.__name__}.{field.name}"
        assert not re.search(r"\{\"|json_", field.metadata.get("page") or field.metadata["help"]), f"{field.name}: code"
