"""Responses that meet a schema, and that do not; schemas that can't be used."""

from typing import Any

import pytest

from feedback.checks.base import CheckResult
from tasks.errors import SettingsError
from tasks.types import Response, Row
from tests import hostile_checks
from tests.check_cases import Case, check, wrong

PERSON: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}
TREE: dict[str, Any] = {"$ref": "#/$defs/t", "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}


def of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"schema": schema}


CODES = of(
    {"type": "object", "patternProperties": {"^x-": {"type": "number"}}, "additionalProperties": {"type": "string"}}
)
UNIQUE = of({"type": "array", "uniqueItems": True})
CASES: list[Case] = [
    (of(PERSON), '{"name": "Ann"}', True),
    (of(PERSON), '{"name": "Ann", "age": 3}', True),
    (of(PERSON), '{"name": ""}', False),
    (of(PERSON), "{}", False),
    (of(PERSON), '{"name": 1}', False),
    (of(PERSON), '{"name": "A", "age": -1}', False),
    (of(PERSON), '{"name": "A", "age": 1.5}', False),
    (of(PERSON), '{"name": "A", "age": 1.0}', True),
    (of(PERSON), "[]", False),
    (of(PERSON), '{"name": "A", "sex": "x"}', False),
    (of(PERSON), "Ann", False),
    (of(PERSON), '```json\n{"name": "A"}\n```', True),
    (of({"type": "string"}), '"a"', True),
    (of({"type": "string"}), "1", False),
    (of({"type": "boolean"}), "true", True),
    (of({"type": "integer"}), "true", False),
    (of({"enum": ["a", 1]}), '"a"', True),
    (of({"enum": ["a", 1]}), '"b"', False),
    (of({"const": None}), "null", True),
    (of({"const": None}), "0", False),
    (of({"anyOf": [{"type": "null"}, {"minimum": 3}]}), "3", True),
    (of({"oneOf": [{"minimum": 1}, {"minimum": 2}]}), "3", False),
    (of({"not": {"type": "array"}}), "[]", False),
    (of({"type": "array", "items": {"type": "integer"}, "minItems": 2}), "[1, 2]", True),
    (of({"type": "array", "items": {"type": "integer"}, "minItems": 2}), "[1]", False),
    (of({"type": "array", "prefixItems": [{"type": "string"}]}), "[1]", False),
    (UNIQUE, "[1, 2]", True),
    (UNIQUE, "[1, 1.0]", False),
    (UNIQUE, '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', False),
    (UNIQUE, "[1, true]", True),
    (UNIQUE, "[[1], [1]]", False),
    (of({"pattern": "^a+$"}), '"aaa"', True),
    (of({"pattern": "^a+$"}), '"b"', False),
    (of({"pattern": "^a+$"}), "1", True),
    (CODES, '{"x-a": 1, "b": "c"}', True),
    (CODES, '{"x-a": "1"}', False),
    (CODES, '{"b": 1}', False),
    (of(TREE), "[[], [[]]]", True),
    (of(TREE), "[[], [1]]", False),
    (of({"multipleOf": 0.5}), "1.5", True),
    (of({"maximum": 1e300}), "1e400", False),
    (of(TREE), "[" * 400 + "]" * 400, False),
    (of({"type": "array", "contains": {"const": 1}}), "[0, 1]", True),
    (of({"if": {"minimum": 5}, "then": {"multipleOf": 2}}), "7", False),
    (of({"dependentRequired": {"a": ["b"]}}), '{"a": 1}', False),
]


@pytest.mark.parametrize("schema", hostile_checks.SCHEMAS, ids=lambda schema: str(schema)[:40])
def test_a_schema_that_can_not_be_used_is_refused_in_a_sentence(schema: dict[str, Any]) -> None:
    if "+$" in str(schema) or "x+x+" in str(schema):  # these end, as the library reads them
        check("json-schema", schema=schema)
        return
    with pytest.raises(SettingsError) as error:
        check("json-schema", schema=schema)
    assert error.value.setting == "schema" and str(error.value).startswith(("The JSON schema ", "No answer"))


def test_json_schema() -> None:
    assert wrong("json-schema", CASES) == []


def test_the_reason_says_what_is_wrong_in_one_line() -> None:
    built = check("json-schema", schema={**PERSON, "additionalProperties": {"type": "number"}})
    result = built.result(Row(()), Response('{"age": -1, "x\\n\\u202e": "y"}', "m"))
    assert result == CheckResult(False, "name is missing; age is too small; x \ufffd is not a number")
