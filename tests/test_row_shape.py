"""Rows with fields of their own: tables and schemas that can be and that can't; answers as they are read; where columns go."""

import asyncio
import csv
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import workflow
from app.api.functions import ScriptedLLM
from app.api.functions import TextGeneration as Step
from app.dataset_import import rows_of
from app.recipe import decoded, parse, to_toml
from app.review.argilla import Argilla
from app.review.dataframes import of_run
from app.store.runs import Run
from app.store.store import Store
from app.web.field_lines import field_lines, read_fields
from app.web.form_values import FormError, fill, of_input, recipe_from, task_of
from feedback.argilla.dataset_settings import Shape, shape_of
from feedback.exports.formats import FORMATS
from feedback.exports.row_columns import named
from feedback.exports.selection import Export, export
from feedback.types import Checked
from tasks import TextGeneration
from tasks.errors import InputError, SettingsError
from tasks.row_shape import SHAPE, Field, columns, pretty
from tasks.row_shape import shape_of as answers_of
from tasks.settings import build
from tasks.text.json_schema import MOST_STEPS, check, problems
from tasks.types import Dropped, Response, Row
from tests.conftest import Work
from tests.make_reviewed_rows import judged, verdict
from tests.make_runs import Reviewer, with_run
from tests.make_workspace import make_workspace
from tests.scripts import Model, dropped, made, row

FIELDS = (
    Field(name="name", description="A given name"),
    Field(name="age", kind="whole number"),
    Field(name="height", kind="number"),
    Field(name="is_well", kind="yes or no"),
    Field(name="mood", kind="one of", choices=("happy", "sad")),
    Field(name="tags", kind="list of texts", required=False),
)
TASK = TextGeneration(fields=FIELDS)
ANNA = {"name": "Anna", "age": 7, "height": 1.2, "is_well": True, "mood": "happy", "tags": ["a", "b"]}
KINDS = {field.name: field.kind for field in FIELDS}


def told(answer: str, again: str = "no") -> Model:
    """A model that can't be held to a schema; `again` is what it answers when it is asked once more."""
    return Model([("can't be used", again), ("", answer)], json_schema=False)


def shaped(values: dict[str, Any] | None = None, **more: Any) -> Row:
    values = ANNA if values is None else values
    messages: Any = ({"role": "user", "content": "A person."},)
    return Row(messages, (Response(pretty(values), "pen"),), {SHAPE: KINDS}, id="run-0-0", **more)


# -- settings


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "needs a name of letters, digits and _"),
        ({"name": "first name"}, "needs a name of letters, digits and _"),
        ({"name": "1st"}, "needs a name of letters, digits and _"),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"name": "<img>"}, "needs a name of letters, digits and _"),
        ({"name": "loop"}, "templates mean something else"),
        ({"name": "mood", "kind": "one of"}, "needs 1 to 200 values"),
        ({"name": "mood", "kind": "one of", "choices": ["a", "a"]}, "twice"),
        ({"name": "mood", "kind": "one of", "choices": [" "]}, "1 to 200 characters"),
        ({"name": "mood", "choices": ["a"]}, "make it 'one of'"),
        ({"name": "mood", "kind": "feeling"}, "'text', 'whole number'"),
        ({"name": "mood", "description": "x" * 1001}, "more than 1,000 characters"),
        ({"name": "mood", "most": 3}, "mood|most"),
    ],
)
def test_a_field_that_can_not_be_is_named_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as raised:
        build(TextGeneration, {"fields": [values]}, "[task]")
    assert raised.value.setting == "fields"


@pytest.mark.parametrize(
    ("task", "setting", "sentence"),
    [
        ({"fields": [{"name": "a"}], "schema": "{}"}, "schema", "not both"),
        ({"fields": [{"name": "a_b"}, {"name": "ab"}]}, "fields", "can't be told apart"),
        ({"fields": [{"name": f"a{k}"} for k in range(51)]}, "fields", "at most 50 fields"),
        ({"fields": [{"name": "instruction"}]}, "fields", "'instruction' is a column of the input already"),
        ({"fields": [{"name": "messages"}]}, "fields", "'messages' is a column of the input already"),
        ({"schema": {"properties": {"instruction": {}}}}, "schema", "'instruction' is a column of the input already"),
        ({"schema": "{"}, "schema", "is not JSON"),
        ({"schema": "[1]"}, "schema", "is no object"),
        ({"schema": "3"}, "schema", "is no object"),
        ({"schema": '{"type": "object"}'}, "schema", "object with properties"),
        ({"schema": {"type": "string"}}, "schema", "object with properties"),
        ({"schema": {"properties": {f"a{k}": {} for k in range(51)}}}, "schema", "more than 50 properties"),
        ({"schema": {"properties": {"a\n": {}}}}, "schema", "can be no column"),
        ({"schema": {"properties": {"a": {"type": "objekt"}}}}, "schema", "is wrong at properties.a.type"),
    ],
)
def test_a_shape_that_can_not_be_is_named_in_a_sentence(task: dict[str, Any], setting: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as raised:
        build(TextGeneration, task, "[task]")
    assert raised.value.setting == setting


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


UNMET: dict[str, dict[str, Any]] = {
    "bounds": obj(a={"type": "integer", "minimum": 5, "maximum": 4}),
    "open bounds": obj(a={"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}),
    "a number between": obj(a={"type": "number", "minimum": 1, "exclusiveMaximum": 1}),
    "length": obj(a={"type": "string", "minLength": 3, "maxLength": 2}),
    "items": obj(a={"type": "array", "minItems": 1, "items": {"enum": []}}),
    "choices of another type": obj(a={"type": "string", "enum": [1, 2]}),
    "choices that are too long": obj(a={"enum": ["abc"], "maxLength": 2}),
    "no choices": obj(a={"enum": []}),
    "a constant": obj(a={"const": 1, "type": "boolean"}),
    "types": obj(a={"allOf": [{"type": "string"}, {"type": "integer"}]}),
    "no form": obj(a={"anyOf": [False, {"type": "null", "enum": [1]}]}),
    "not": obj(a={"not": {}}),
    "false": obj(a=False),
    "needs what it may not have": {**obj(a={}), "required": ["b"], "additionalProperties": False},
    "too few": {**obj(a={}, b={}), "maxProperties": 1},
    "itself": obj(a={"$ref": "#"}),
    "a part that needs itself": {**obj(a={"$ref": "#/$defs/n"}), "$defs": {"n": obj(next={"$ref": "#/$defs/n"})}},
}


@pytest.mark.parametrize("schema", UNMET.values(), ids=UNMET.keys())
def test_a_schema_that_no_answer_meets_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="No answer can meet the JSON schema"):
        check(schema)


MET: dict[str, tuple[dict[str, Any], Any]] = {
    "one number": (obj(a={"type": "integer", "minimum": 4, "maximum": 4}), {"a": 4}),
    "a list that may be empty": (obj(a={"type": "array", "items": False}), {"a": []}),
    "a tree": ({"type": "object", "properties": {"a": {"$ref": "#"}}}, {"a": {"a": {}}}),
    "a form of two": (obj(a={"anyOf": [False, {"type": "null"}]}), {"a": None}),
    "a property that can't be, and need not": ({"type": "object", "properties": {"a": False, "b": {}}}, {"b": 1}),
    "named like keywords": (obj(enum={"type": "string"}, pattern={"type": "integer"}), {"enum": "x", "pattern": 1}),
    "a choice of both": (obj(a={"enum": [1, "x"], "type": ["string", "null"]}), {"a": "x"}),
    "a pattern": (obj(a={"type": "string", "pattern": "^[a-z]+$"}), {"a": "abc"}),
}


@pytest.mark.parametrize(("schema", "value"), MET.values(), ids=MET.keys())
def test_a_schema_that_can_be_met_is_taken(schema: dict[str, Any], value: Any) -> None:
    assert problems(check(schema), value) == []


HOSTILE: dict[str, tuple[Any, str]] = {
    "remote": (obj(a={"$ref": "http://example.invalid/schema"}), "only its own parts"),
    "a file": (obj(a={"$ref": "file:///etc/passwd"}), "only its own parts"),
    "an own name": ({"$id": "http://example.invalid/", **obj(a={})}, r"uses \$id"),
    "nowhere": (obj(a={"$ref": "#/$defs/none"}), "does not have"),
    "an anchor": (obj(a={"$ref": "#none"}), "does not have"),
    "a loop": ({"$ref": "#"}, "without an end"),
    "a loop of two": (
        {**obj(a={"$ref": "#/$defs/a"}), "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "without an end",
    ),
    "doubled forty times": (
        {
            "$defs": {f"d{k}": {"allOf": [{"$ref": f"#/$defs/d{k + 1}"}] * 2} for k in range(40)} | {"d40": {}},
            **obj(a={"$ref": "#/$defs/d0"}),
        },
        "without an end, or is too complicated",
    ),
    "a pattern that runs on": (obj(a={"type": "string", "pattern": "^(a|a)*$"}), "runs on"),
    "a pattern for names": ({"type": "object", "patternProperties": {"^(a|a)*$": {}}}, "runs on"),
    "no pattern": (obj(a={"pattern": "("}), "can't be read"),
    "a long pattern": (obj(a={"pattern": "a" * 1001}), "more than 1,000"),
    "many patterns": (obj(**{f"a{k}": {"pattern": f"a{k}"} for k in range(51)}), "more than 50 patterns"),
    "long": (obj(a={"description": "x" * 50_000}), "more than 50,000"),
    "not evaluated": ({**obj(a={}), "unevaluatedProperties": False}, "unevaluatedProperties"),
}


@pytest.mark.parametrize(("schema", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_schema_is_refused(schema: Any, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as raised:
        check(schema)
    assert raised.value.setting == "schema"


def test_a_schema_deep_in_itself_is_refused() -> None:
    deep: Any = {"type": "string"}
    for _ in range(25):
        deep = obj(a=deep)
    with pytest.raises(SettingsError, match="more than 20 deep"):
        check(deep)
    text = '{"properties": {"a": ' + "[" * 100_000
    with pytest.raises(SettingsError, match="is not JSON"):
        answers_of((), text)


COSTLY: dict[str, tuple[Any, Any]] = {
    "forms for each item": ({"items": {"anyOf": [{"const": k} for k in range(1000)]}}, ["q"] * MOST_STEPS),
    "choices that begin alike": (
        {"items": {"enum": [[0] * 99 + [k] for k in range(200)]}}, [[0] * 99 + ["x"] for _ in range(250)]
    ),
    "items that begin alike": ({"uniqueItems": True}, [[0] * 20 + [k] for k in range(2000)]),
    "a pattern on a long text": ({"pattern": "(x+x+)+y"}, "x" * 50_000),
    "a large number": ({"multipleOf": 1e-300}, 1e308),
    "a deep value": ({"items": {"$ref": "#/properties/a"}}, json.loads("[" * 400 + "]" * 400)),
    "another draft within": (
        {"items": {"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": "(x+x+)+y"}}, ["x" * 50_000]
    ),
    "many names for many items": ({"items": {"properties": {f"a{k}": {} for k in range(4000)}}}, [{}] * 14_000),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "value"), COSTLY.values(), ids=COSTLY.keys())
def test_looking_at_a_value_ends(schema: Any, value: Any) -> None:
    began = time.process_time()
    found = problems(json.dumps({"type": "object", "properties": {"a": schema}}), {"a": value})
    assert all(isinstance(sentence, str) and sentence for sentence in found)
    assert time.process_time() - began < 20  # it would take hours, or never end


# -- answers


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(ANNA),
        f"Sure! Here it is:\n\n```json\n{json.dumps(ANNA, indent=2)}\n```\nAnything else?",
        '{"Name": "Anna", "Age": "7", "Height": "1.2", "Is well": "Yes", "Mood": "HAPPY", "Tags": ["a", "b"],}',
        "{name: 'Anna', age: 7.0, height: 1.2, is_well: True, mood: 'happy', tags: ['a', 'b']}",
    ],
)
def test_an_answer_is_read_as_models_write_it(answer: str) -> None:
    made_row = row(made(TASK, {"instruction": "A person."}, told(answer)))
    assert json.loads(made_row.responses[0].text) == ANNA
    assert columns(made_row, made_row.responses[0].text) == ANNA
    assert made_row.origin == {"prompt": "row_shape.v1", SHAPE: KINDS}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"age": "seven"}, "age is not a whole number"),
        ({"age": 7.5}, "age is not a whole number"),
        ({"age": 2**70}, "a number is too large"),
        ({"age": 1e300}, "a number is too large"),
        ({"height": float("nan")}, "a number is infinite or undefined"),
        ({"height": float("inf")}, "a number is infinite or undefined"),
        ({"name": " "}, "name is too short"),
        ({"name": None}, "name is not a text"),
        ({"is_well": "perhaps"}, "is_well is not true or false"),
        ({"mood": "angry"}, "mood is none of the values to choose from"),
        ({"tags": "a, b"}, "tags is none of the forms that it can have"),
        ({"more": 1}, "it has a field that nobody asked for"),
    ],
)
def test_an_answer_that_does_not_fit_is_asked_for_again_and_then_dropped(changed: dict[str, Any], reason: str) -> None:
    answer = json.dumps({**ANNA, **changed})
    model = told(answer, answer)
    assert dropped(made(TASK, {"instruction": "A person."}, model)) == (reason, answer)
    assert len(model.asked) == 2 and f"This answer can't be used: {reason}" in model.prompts[1]
    assert [m["content"] for m in model.asked[1][1]["messages"][:2]] == [model.prompts[0], answer]
    second = told(answer, json.dumps(ANNA))
    kept = row(made(TASK, {"instruction": "A person."}, second))
    assert json.loads(kept.responses[0].text) == ANNA and len(kept.messages) == 1


def test_an_answer_that_is_no_object_is_named() -> None:
    for answer, reason in (("Anna is 7.", "it is not a JSON object"), ('["Anna"]', "it is not a JSON object")):
        assert dropped(made(TASK, {"instruction": "A person."}, told(answer, answer)))[0] == reason
    missing = json.dumps({"name": "Anna"})
    assert dropped(made(TASK, {"instruction": "A person."}, told(missing, missing)))[0] == "age is missing"
    cut = Model([("", '{"name": "An')], json_schema=False, cut="An")
    assert dropped(made(TASK, {"instruction": "A person."}, cut))[0] == "the answer was cut off"
    assert dropped(made(TASK, {"instruction": "A person."}, told(" ", " "))) == ("empty answer", "")


def test_an_optional_field_may_lack() -> None:
    for answer in ({**ANNA, "tags": None}, {**ANNA, "tags": ""}, {k: v for k, v in ANNA.items() if k != "tags"}):
        found = row(made(TASK, {"instruction": "A person."}, told(json.dumps(answer))))
        assert columns(found, found.responses[0].text) == {**ANNA, "tags": []}


def test_good_answers_stay_beside_one_that_can_not_be_used() -> None:
    class Mixed(Model):
        async def send(self, kind: Any, body: Any, draw: int) -> Any:
            answer = await super().send(kind, body, draw)
            return replace(answer, text="no") if len(self.asked) in (2, 4) else answer

    model = Mixed([("", json.dumps(ANNA))], json_schema=False)
    found = made(replace(TASK, num_generations=3), {"instruction": "A person."}, model)
    kept, drop = found
    assert isinstance(kept, Row) and len(kept.responses) == 2
    assert drop == Dropped("it is not a JSON object", "no")


def test_an_endpoint_that_can_is_held_to_the_fields() -> None:
    model = Model()
    found = row(made(TASK, {"instruction": "A person."}, model))
    assert columns(found, found.responses[0].text)
    ((_, body),) = model.asked
    schema = body["schema"]
    assert schema["required"] == list(KINDS) and schema["additionalProperties"] is False
    assert schema["properties"]["mood"] == {"type": "string", "enum": ["happy", "sad"]}
    assert schema["properties"]["name"]["maxLength"] and schema["properties"]["tags"]["anyOf"][1] == {"type": "null"}
    told_it = told(json.dumps(ANNA))
    made(TASK, {"instruction": "A person."}, told_it)
    assert "schema" not in told_it.asked[0][1] and told_it.prompts == model.prompts


def test_a_schema_of_ones_own() -> None:
    schema = {
        "properties": {
            "name": {"type": "string", "pattern": "^[A-Z]"},
            "born": {"type": ["integer", "null"]},
            "pets": {"type": "array", "items": {"type": "object", "properties": {"kind": {"type": "string"}}}},
        },
        "required": ["name", "pets"],
    }
    for given_as in (schema, json.dumps(schema)):
        task = TextGeneration(schema=given_as)
        answer = {"name": "Anna", "pets": [{"kind": "cat"}], "note": "x"}
        found = row(made(task, {"instruction": "A person."}, told(json.dumps(answer))))
        assert columns(found, found.responses[0].text) == {"name": "Anna", "born": None, "pets": '[{"kind": "cat"}]'}
        assert found.origin[SHAPE] == {"name": "text", "born": "whole number", "pets": "JSON"}
        bad = json.dumps({**answer, "name": "anna"})
        assert dropped(made(task, {"instruction": "x"}, told(bad, bad)))[0] == "name does not match its pattern"


@pytest.mark.parametrize(
    "task",
    [
        TextGeneration(schema='{"properties": {"a": {"type": "string", "description": "\\ud800"}}}'),
        TextGeneration(schema={"properties": {"a": {"enum": ["\ud800"]}}}),
        TextGeneration(fields=(Field(name="a", description="\ud800"),)),
        TextGeneration(fields=(Field(name="a", kind="one of", choices=("\ud800",)),)),
    ],
)
def test_half_a_character_is_in_no_shape(task: TextGeneration) -> None:
    assert task.shape is not None
    json.dumps([task.schema, json.loads(task.shape.schema), task.shape.prompt("A.")], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 6},
        {"type": "integer", "minimum": 1900},
        {"type": "integer", "maximum": -3},
        {"type": "number", "minimum": 0.5, "maximum": 1.0},
        True,
        {"const": 7},
        {"type": ["integer", "null"]},
        {"$ref": "#/$defs/year"},
        {"type": "array", "items": {"$ref": "#/$defs/year"}, "minItems": 5, "maxItems": 3_000_000},
        {"type": "array", "maxItems": 3_000_000},
        {"type": "null"},
    ],
)
def test_the_scripted_model_answers_to_any_small_schema(schema: Any) -> None:
    whole = {"properties": {"n": schema}, "required": ["n"], "$defs": {"year": {"type": "integer", "minimum": 1900}}}
    found = row(made(TextGeneration(schema=whole), {"instruction": "A number."}, Model()))
    assert len(found.responses[0].text) < 2_000


def test_a_whole_number_that_no_column_holds() -> None:
    stored = replace(shaped({"n": 1e300}), origin={SHAPE: {"n": "whole number"}})
    assert columns(stored, stored.responses[0].text) is None
    assert columns(stored, '{"n": 1e18}') == {"n": 10**18}


def test_a_column_of_the_input_is_not_written_over() -> None:
    with pytest.raises(InputError, match="'age' is a column of the input already"):
        list(TASK.units([{"instruction": "A person.", "age": 3}]))
    found = row(made(TASK, {"instruction": "A person.", "place": "Lyon"}, told(json.dumps(ANNA))))
    assert found.origin["columns"] == {"place": "Lyon"}


def test_without_fields_nothing_is_asked_otherwise_than_before() -> None:
    model = Model()
    found = row(made(TextGeneration(), {"instruction": "A person."}, model))
    ((kind, body),) = model.asked
    assert kind == "chat" and body["messages"] == [{"role": "user", "content": "A person."}]
    assert body.keys() == {"model", "messages", "seed"} and found.origin == {}
    recipe = parse({"task": {"kind": "text-generation"}, "inputs": {"path": "x.jsonl"}})
    assert recipe.dump()["task"] == {"kind": "text-generation"}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*KINDS, "x"]), inner)))  # fmt: skip  # noqa: E501
def test_nothing_is_made_up(value: Any) -> None:
    found = made(TASK, {"instruction": "A person."}, told(json.dumps(value), "no"))
    for result in found:
        if isinstance(result, Row):
            cells = columns(result, result.responses[0].text)
            assert cells is not None and isinstance(value, dict) and cells["mood"] in ("happy", "sad")
        else:
            assert result.reason


# -- recipes, runs, where the columns go


def recipe_values(folder: Path, **more: Any) -> dict[str, Any]:
    file = folder / "people.jsonl"
    file.write_text(
        "".join(json.dumps({"place": place}) + "\n" for place in ("Lyon", "Oslo", "Rome")), encoding="utf-8"
    )
    fields = [
        {"name": field.name, "kind": field.kind, "choices": list(field.choices), "required": field.required}
        for field in FIELDS
    ]
    return {
        "name": "people", "seed": 3, "generator": {"preset": "scripted"}, "inputs": {"path": str(file)},
        "task": {"kind": "text-generation", "template": "A person from {{ place }}.", "fields": fields}, **more,
    }  # fmt: skip


def test_fields_and_schemas_stand_in_recipes(tmp_path: Path) -> None:
    recipe = parse(recipe_values(tmp_path))
    text = to_toml(recipe.dump())
    assert "[[task.fields]]" in text
    assert decoded(text.encode(), "The recipe", as_json=False) == recipe
    values = recipe_values(tmp_path, task={"kind": "text-generation", "schema": obj(a={"type": "string"})})
    with_schema = parse(values)
    assert decoded(to_toml(with_schema.dump()).encode(), "The recipe", as_json=False) == with_schema


def test_a_run_with_fields_is_resumed_without_a_call(tmp_path: Path, store: Store, work: Work) -> None:
    values = recipe_values(tmp_path, answers={"n": 2})
    run = work(values)
    rows = list(store.rows.walk(run.id))
    assert len(rows) == 3 and all(columns(r, answer.text) for r in rows for answer in r.responses)
    assert [len(r.responses) for r in rows] == [2, 2, 2]
    sent = sum(tally.sent for tally in store.usage.spent(run.id).values())
    assert sent == 6
    again = work(store.runs.get(run.id))
    assert sum(tally.sent for tally in store.usage.spent(again.id).values()) == sent
    assert list(store.rows.walk(run.id)) == rows


def test_a_row_that_fails_is_counted_and_the_run_goes_on(tmp_path: Path, store: Store, work: Work) -> None:
    values = recipe_values(tmp_path)
    file = tmp_path / "places.jsonl"
    file.write_text("".join(json.dumps({"place": f"place {k}"}) + "\n" for k in range(40)), encoding="utf-8")
    even = obj(a={"type": "integer", "multipleOf": 2})
    run = work(
        {**values, "inputs": {"path": str(file)}, "task": {**values["task"], "fields": [], "schema": even}}
    )  # fmt: skip
    kept, reasons = len(list(store.rows.walk(run.id))), store.runs.drop_reasons(run.id)
    assert list(reasons) == ["a is not a multiple of what it must be"] and 0 < kept == 40 - sum(reasons.values())


@pytest.mark.parametrize("form", FORMATS)
def test_the_fields_are_columns_of_each_format(form: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    row = shaped({**ANNA, "tags": None})
    row = replace(row, responses=(*row.responses, Response(pretty({**ANNA, "name": "Bea"}), "ink")))
    reviewed = judged(verdict("approve", rating_1=5, rating_2=1), row=row, ratings=())
    for ending in ("parquet", "csv", "jsonl"):
        path = tmp_path / f"x.{ending}"
        export([reviewed], Export(format=form), path, "run", "text-generation")
        if ending == "parquet":
            line = pq.read_table(path).to_pylist()[0]
        elif ending == "jsonl":
            line = json.loads(path.read_text().splitlines()[0])
        else:
            with path.open(newline="") as file:
                line = next(csv.DictReader(file))
        if ending != "csv":
            assert {name: line[name] for name in KINDS} == {**ANNA, "tags": []}
        else:
            assert [line[name] for name in KINDS] == ["Anna", "7", "1.2", "True", "happy", "[]"]


def test_a_correction_changes_the_columns_and_one_that_lost_them_is_held_back(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    well = verdict(corrected_response=json.dumps({**ANNA, "age": 8}))
    export([judged(well, row=shaped(), ratings=())], Export(), path, "run", "Task")
    assert json.loads(path.read_text())["age"] == 8
    bad = judged(verdict(corrected_response="Anna is 8."), row=shaped(), ratings=())
    done = export([judged(row=shaped(), ratings=()), bad], Export(unreviewed=True), tmp_path / "y.jsonl", "run", "Task")
    assert done.reasons == {"a response that is no longer JSON with the row's fields": 1} and done.written == 1


def test_a_column_that_a_format_has_keeps_its_name() -> None:
    assert named(["answer", "name"], {"answer", "prompt"}) == {"answer": "field_answer", "name": "name"}
    assert named(["answer", "field_answer"], {"answer"}) == {
        "answer": "field_field_answer",
        "field_answer": "field_answer",
    }


def test_fields_do_not_stand_in_the_way_of_what_checks_say(tmp_path: Path) -> None:
    kinds = dict.fromkeys(("decision_by", "failed_checks", "checks", "tools"), "text")
    text, path = pretty(dict.fromkeys(kinds, "x")), tmp_path / "x.jsonl"
    row = replace(shaped(), responses=(Response(text, "pen"),), origin={SHAPE: kinds})
    reviewed = replace(judged(verdict(), row=row, ratings=()), checks=[Checked(0, "length", False, "short", False)])
    export([reviewed], Export(), path, "run", "Task")
    line = json.loads(path.read_text())
    assert (line["decision_by"], line["failed_checks"]) == ("people", ["length"])
    assert [line[f"field_{name}"] for name in kinds] == ["x"] * 4


def test_the_fields_are_columns_of_dataframes_and_of_later_runs(tmp_path: Path, store: Store, work: Work) -> None:
    run = work(recipe_values(tmp_path))
    frame = of_run(store, run)
    assert [str(frame[name].dtype) for name in KINDS] == ["string", "Int64", "Float64", "boolean", "string", "object"]
    assert set(frame["mood"]) <= {"happy", "sad"} and not frame["name"].isna().any()
    inputs = rows_of(store, run, make_workspace(store).settings)
    later = work(
        {
            "generator": {"preset": "scripted"}, "inputs": {"path": str(inputs)},
            "task": {"kind": "text-generation", "template": "{{ name }} is {{ age }} and {{ mood }}."},
        }
    )  # fmt: skip
    expected = [f"{line['name']} is {line['age']} and {line['mood']}." for line in frame.to_dict("records")]
    assert [r.instruction for r in store.rows.walk(later.id)] == expected


def test_the_fields_are_columns_of_a_step() -> None:
    fields = [{"name": "name"}, {"name": "age", "kind": "whole number"}]
    step = Step(llm=ScriptedLLM([("", '{"name": "Anna", "age": 7}')]), fields=fields)
    assert step.outputs == ["generation", "name", "age"]
    (line,) = next(step.process([{"instruction": "A person."}]))
    assert (line["name"], line["age"], json.loads(line["generation"])["age"]) == ("Anna", 7, 7)
    (failed,) = next(Step(llm=ScriptedLLM([("", "no")]), fields=fields).process([{"instruction": "A person."}]))
    assert failed["name"] is None and failed["age"] is None


def test_a_shape_without_fields_is_named_as_before() -> None:
    assert shape_of([Row(({"role": "user", "content": "x"},), (Response("y", "m"),))]) == Shape(1)


def test_the_fields_are_read_one_by_one_in_argilla(store: Store, where: Argilla, owner: Reviewer) -> None:
    run = with_run(store, 0)
    asyncio.run(_keep(store, run, shaped({**ANNA, "name": "<b>Anna</b>", "tags": None})))
    name = f"fields-of-{run.id}".lower()
    workflow.push(make_workspace(store), store.runs.get(run.id), where, lambda done, total: None, dataset=name)
    (record,) = owner.records(name)
    fields = record["fields"]
    assert fields["field-age"] == "7" and fields["field-is-well"] == "yes" and fields["field-mood"] == "happy"
    assert "field-tags" not in fields and "<b>" not in fields["field-name"]
    assert fields["response-1"].startswith("```json")
    again = workflow.push(make_workspace(store), store.runs.get(run.id), where, lambda done, total: None, dataset=name)
    assert again.pushed.sent == 0


async def _keep(store: Store, run: Run, row: Row) -> None:
    row = replace(row, id=f"{run.id}-000000-0")
    await store.rows.keep_unit(run.id, 0, [row], [])
    await store.rows.answered(row)


# -- the page's text field


LINES = """title: The title of a book
year (whole number): When it came out
genre (one of novel, poetry, history)
tags (list of texts, optional)
price(Number): In euros
state (one of new, used, optional): "As it is:\\nnew or used"
odd (one of ["a, b", "c)"])"""


def test_fields_are_lines_on_the_page() -> None:
    fields = tuple(Field(**values) for values in read_fields(LINES))
    assert [(f.name, f.kind, f.required) for f in fields] == [
        ("title", "text", True), ("year", "whole number", True), ("genre", "one of", True), ("tags", "list of texts", False),
        ("price", "number", True), ("state", "one of", False), ("odd", "one of", True),
    ]  # fmt: skip
    assert fields[2].choices == ("novel", "poetry", "history") and fields[6].choices == ("a, b", "c)")
    assert fields[0].description == "The title of a book" and fields[5].description == "As it is:\nnew or used"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("first name", "Line 1: a field needs a name of letters"),
        ("ok\nyear (whole number", "Line 2: the bracket is not closed"),
        ("year (date)", "Line 1: there is no kind 'date'. Known: text, whole number"),
        ("year (whole number, often)", "Line 1: 'often' is not known there"),
        ("year (whole number) When", "Line 1: a colon goes before the description"),
        ("mood (one of)", "Line 1: the field 'mood' needs 1 to 200 values"),
        ("mood (one of [1", "Line 1: what begins with a quote or a square bracket must be JSON"),
        ("(text)", "Line 1: a field needs a name"),
    ],
)
def test_a_line_that_is_no_field_is_named(line: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_fields(line)
    assert str(raised.value).startswith(sentence) and raised.value.setting == "fields"


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
table = st.lists(
    st.builds(
        lambda name, kind, choices, description, required: Field(
            name=name, kind=kind, choices=tuple(choices) if kind == "one of" else (), description=description,
            required=required,
        ),
        st.from_regex(r"[a-z]_?[a-z0-9]{0,8}x", fullmatch=True), st.sampled_from(["text", "number", "one of", "list of texts"]),
        st.lists(words, min_size=1, max_size=4, unique=True), st.text(st.characters(codec="utf-8"), max_size=30),
        st.booleans(),
    ),
    max_size=4,
)  # fmt: skip


@given(table)
def test_fields_come_back_from_their_lines(fields: list[Field]) -> None:
    assert [Field(**values) for values in read_fields(field_lines(fields))] == fields


def test_the_form_holds_a_shape_and_says_at_the_field_what_is_wrong(tmp_path: Path) -> None:
    recipe = parse(recipe_values(tmp_path))
    filled = fill(recipe)
    assert "age (whole number)" in filled["text-generation.fields"]
    assert recipe_from(filled).task == recipe.task
    with_schema = replace(recipe, task=TextGeneration(schema=obj(a={"type": "string"})))
    assert recipe_from(fill(with_schema)).task == with_schema.task
    for name, value, sentence in (
        ("fields", "age (date)", "Line 1: there is no kind 'date'"),
        ("fields", "place (number)", "'place' is a column of the input already"),
        ("schema", "{", "The JSON schema is not JSON"),
        ("schema", json.dumps(UNMET["bounds"]), "No answer can meet the JSON schema"),
    ):
        wrong = {**filled, "text-generation.fields": "", f"text-generation.{name}": value}
        with pytest.raises(FormError, match=re.escape(sentence)) as raised:
            recipe_from(wrong)
        assert raised.value.field == f"text-generation.{name}"


def test_a_column_of_the_input_is_named_at_the_fields(tmp_path: Path) -> None:
    filled = {**fill(parse(recipe_values(tmp_path))), "text-generation.fields": "name\nid2"}
    with pytest.raises(InputError) as raised:
        list(task_of(filled).units([{"place": "Lyon", "id2": 1}]))
    assert of_input(filled, raised.value).field == "text-generation.fields"
