"""The response is JSON that meets a schema (JSON Schema, draft 2020-12).

[[checks]]
kind = "json-schema"
schema = { type = "object", required = ["answer"] }
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypeGuard

from feedback.checks import bounded
from feedback.checks.base import Check, CheckResult, failed, passed, quoted
from feedback.checks.json_text import NotJSON, read
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row

LONGEST = 100_000
"""Characters of a schema, as JSON."""
MOST_PATTERNS = 50
EMPTY = (
    ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"), ("minimum", "maximum"),
)  # fmt: skip
"""Bounds between which nothing is, where the first is above the second."""
INNER = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords that hold schemas by name, which are no keywords."""
DATA = ("enum", "const", "default", "examples")
"""Keywords that hold values, in which nothing is a keyword."""
Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[Any]]


@dataclass(frozen=True, kw_only=True)
class JSONSchema(Check):
    """Passes where the response is one JSON value that the schema allows."""

    kind: ClassVar[str] = "json-schema"
    title: ClassVar[str] = "Meets a JSON schema"
    summary: ClassVar[str] = "The response is JSON that meets a JSON schema."

    schema: dict[str, Any] = setting(
        {}, "The schema, as JSON (draft 2020-12). It can refer to its own parts only.", multiline=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.schema:
            raise SettingsError(f"The check {self.called} needs a schema.", setting="schema")
        try:
            text = json.dumps(self.schema, sort_keys=True)
        except (ValueError, TypeError, RecursionError) as error:
            raise SettingsError(f"The schema can't be read as JSON: {error}.", setting="schema") from error
        if len(text) > LONGEST:
            raise SettingsError(f"The schema is longer than {LONGEST:,} characters.", setting="schema")
        _validator(text)

    def verdict(self, row: Row, response: Response) -> CheckResult:
        validator = _validator(json.dumps(self.schema, sort_keys=True))
        try:
            with bounded.time_limit():
                error = next(validator.iter_errors(read(response.text)), None)
        except NotJSON as no_json:
            return failed(str(no_json))
        except bounded.OutOfTime:
            return failed("took too long to check")
        except (RecursionError, MemoryError):
            return failed("nested too deeply to check")
        except (OverflowError, ArithmeticError):
            return failed("a number too large to check")
        if error is None:
            return passed("meets the schema")
        return failed(f"at {_path(error)}: {quoted(error.message, 100)}")


def _path(error: Any) -> str:
    steps = [str(step) for step, _ in zip(error.absolute_path, range(20), strict=False)]
    return f"/{'/'.join(steps)}"[:80]


@lru_cache(maxsize=64)
def _validator(text: str) -> Any:
    """A validator of a schema. Raises SettingsError for one that can't be read, that no answer can meet, or that may not end."""
    from jsonschema import Draft202012Validator, SchemaError
    from referencing import Registry

    schema, draft = json.loads(text), _class()
    try:
        with bounded.time_limit():
            _look_through(schema)
            Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SettingsError(
            f"The schema is wrong at {_path(error)}: {error.message[:200]}.", setting="schema"
        ) from error
    except (RecursionError, bounded.OutOfTime):
        raise SettingsError(
            "The schema is nested too deeply, or takes too long to be read.", setting="schema"
        ) from None
    validator = draft(schema, registry=Registry())
    try:
        with bounded.time_limit():
            _look_up(validator, schema)
            values: tuple[Any, ...] = (None, {}, [], "", 0, True)
            for value in values:  # a reference that leads to itself is found by any value
                next(validator.iter_errors(value), None)
    except RecursionError:
        raise SettingsError(
            "The schema refers to itself without an end: a $ref leads back to itself.", setting="schema"
        ) from None
    except bounded.OutOfTime:
        raise SettingsError(
            "The schema takes too long for the shortest answers. Simplify its references.", setting="schema"
        ) from None
    return validator


def _look_up(validator: Any, schema: Any) -> None:
    """Raises SettingsError for a reference that leads nowhere, or out of the schema."""
    from referencing.exceptions import Unresolvable

    for part in _schemas(schema):
        if not isinstance(part, dict):
            continue
        for name in ("$ref", "$dynamicRef"):
            if isinstance(reference := part.get(name), str):
                if not reference.startswith("#"):
                    raise SettingsError(
                        f"The schema refers to {quoted(reference)}: only its own parts can be referred to, as #/$defs/part.",
                        setting="schema",
                    )
                try:
                    validator._resolver.lookup(reference)
                except Unresolvable:
                    raise SettingsError(
                        f"The schema refers to {quoted(reference)}, which it does not have.", setting="schema"
                    ) from None


def _look_through(schema: Any) -> None:
    """Raises SettingsError for a pattern that may not end, for what can't be bounded, and for bounds that nothing meets."""
    if schema is False or _is_empty(schema):
        raise SettingsError(f"No answer can meet this schema{_is_empty(schema)}.", setting="schema")
    patterns = set[str]()
    for part in _schemas(schema):
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("pattern"), str):
            patterns.add(part["pattern"])
        if isinstance(part.get("patternProperties"), dict):
            patterns.update(part["patternProperties"])
        if not {"$id", "$anchor", "$dynamicAnchor", "unevaluatedProperties", "unevaluatedItems"}.isdisjoint(part):
            raise SettingsError(
                "A schema of a check can't use $id, $anchor, $dynamicAnchor, unevaluatedProperties or unevaluatedItems: use $defs"
                " and additionalProperties.",
                setting="schema",
            )
    if len(patterns) > MOST_PATTERNS:
        raise SettingsError(f"The schema has more than {MOST_PATTERNS} patterns.", setting="schema")
    for source in sorted(patterns):
        try:
            bounded.pattern(source)
        except SettingsError as error:
            raise SettingsError(f"The schema's pattern {quoted(source)}: {error}", setting="schema") from error


def _is_empty(schema: Any) -> str:
    """Why no value can meet a schema, as far as its own bounds tell; "" where that is not so.

    Looks into those properties that an object must have.
    """
    if not isinstance(schema, dict):
        return ""
    for low, high in EMPTY:
        least, most = schema.get(low), schema.get(high)
        if _is_number(least) and _is_number(most) and least > most and schema.get("type") is not None:
            return f": {low} is above {high}"
    if schema.get("enum") == []:
        return ": its enum is empty"
    kind, values = schema.get("type"), schema.get("enum", [schema["const"]] if "const" in schema else None)
    kinds = {"string": str, "object": dict, "array": list, "boolean": bool, "null": type(None)}
    known = kinds.get(kind) if isinstance(kind, str) else None
    if known and isinstance(values, list) and not any(isinstance(value, known) for value in values):
        return f": none of its values is of type {kind}"
    required, properties = schema.get("required"), schema.get("properties")
    if kind == "object" and isinstance(required, list) and isinstance(properties, dict):
        for name in required:
            inner = properties.get(name) if isinstance(name, str) else None
            if inner is False or _is_empty(inner):
                return f": it needs {quoted(str(name))}, which nothing can be{_is_empty(inner)}"
    return ""


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _schemas(schema: Any) -> Iterator[Any]:
    """A schema and all schemas within it, those of unknown keywords too."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, dict):
            for name, value in part.items():
                if name in DATA:
                    continue
                if name in INNER and isinstance(value, dict):
                    waiting.extend(value.values())
                elif isinstance(value, (dict, bool)):
                    waiting.append(value)
                elif isinstance(value, list):
                    waiting.extend(inner for inner in value if isinstance(inner, (dict, bool)))


@lru_cache(maxsize=1)
def _class() -> Any:
    """The validator of the draft, with regular expressions that end, and without comparing each item with each."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(validator: Any, source: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if validator.is_type(value, "string") and not bounded.search(bounded.pattern(source), value):
            yield ValidationError(f"{quoted(value)} does not match {source}")

    def pattern_properties(validator: Any, patterns: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if validator.is_type(value, "object"):
            for source, inner in patterns.items():
                compiled = bounded.pattern(source)
                for name, item in value.items():
                    if bounded.search(compiled, name):
                        yield from validator.descend(item, inner, path=name, schema_path=source)

    def additional(validator: Any, inner: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if not validator.is_type(value, "object"):
            return
        known, patterns = (
            schema.get("properties", {}),
            [bounded.pattern(p) for p in schema.get("patternProperties", {})],
        )
        for name, item in value.items():
            if name in known or any(bounded.search(compiled, name) for compiled in patterns):
                continue
            if inner is False:
                yield ValidationError(f"{quoted(name)} is not allowed")
            else:
                yield from validator.descend(item, inner, path=name)

    def unique(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if wanted and validator.is_type(value, "array") and len({_key(item) for item in value}) < len(value):
            yield ValidationError("the items are not all different")

    own: dict[str, Keyword] = {
        "pattern": pattern, "patternProperties": pattern_properties, "additionalProperties": additional, "uniqueItems": unique,
    }  # fmt: skip
    return validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]  # its types lack it


def _key(item: Any) -> str:
    """A JSON value as a text, the same for equal ones: 1 and 1.0 are, 1 and true are not."""
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    if isinstance(item, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{_key(item[name])}' for name in sorted(item))}}}"
    return f"[{','.join(map(_key, item))}]" if isinstance(item, list) else json.dumps(item)
