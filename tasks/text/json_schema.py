"""JSON schemas that users write (draft 2020-12): looked through before anything is asked, and met or not by an answer.

All of it ends: a schema is bounded in size and depth and refers to its own parts alone, its patterns have a deadline, and
looking at one value takes a bounded number of steps and seconds. Rows with fields and the check `json-schema` use it.

>>> problems('{"type": "object", "properties": {"age": {"type": "integer"}}}', {"age": "old"})
['age is not a whole number']
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tasks.errors import SettingsError
from tasks.text import bounded

LONGEST_SCHEMA, DEEPEST, MOST_PATTERNS, LONGEST_PATTERN = 50_000, 20, 50, 1_000
"""Characters of a schema, parts within parts, patterns, characters of a pattern."""
SECONDS, SECONDS_FOR_PATTERNS = 2.0, 0.5
"""For a schema that is looked through; for all patterns that one value is looked at with."""
PACKAGES = ("jsonschema", "referencing", "tasks", "claywright")
"""Whose code is stopped where it takes too long; in the wheel, ours is within claywright."""
DEEPEST_VALUE = 100
"""Keywords within keywords: at Python's own limit, what looks up references breaks instead of raising RecursionError."""
MOST_STEPS, STEPS_TO_LOOK = 30_000, 20_000
"""Keywords that are looked at for one value; parts that are looked at for whether a schema can be met."""
MOST_PROBLEMS = 5
"""Of a value: a model is told no more at once."""
LONGEST_SHOWN = 60
BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords that hold schemas by name."""
VALUES = ("enum", "const", "default", "examples")
"""Keywords that hold values, in which nothing is a keyword."""
SIMPLEST: tuple[Any, ...] = ({}, [], "", 0, True, None)
NOT_TAKEN = (
    "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "unevaluatedProperties",
    "unevaluatedItems",
)  # fmt: skip
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
KINDS = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list",
    "object": "an object", "null": "null",
}  # fmt: skip
SENTENCES = {
    "enum": "is none of the values to choose from", "const": "is not the one value that it can be",
    "minimum": "is too small", "exclusiveMinimum": "is too small", "maximum": "is too large",
    "exclusiveMaximum": "is too large", "multipleOf": "is not a multiple of what it must be",
    "minLength": "is too short", "maxLength": "is too long", "pattern": "does not match its pattern",
    "minItems": "has too few items", "maxItems": "has too many items", "uniqueItems": "has an item twice",
    "minProperties": "has too few fields", "maxProperties": "has too many fields",
    "additionalProperties": "has a field that nobody asked for", "anyOf": "is none of the forms that it can have",
    "oneOf": "is not exactly one of the forms that it can have",
}  # fmt: skip
"""What is wrong with a value, by the keyword that it does not meet. Without the value, so that equal failures are counted."""
Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[Any]]


class TooMuch(Exception):
    """A value for which a schema asks for more steps, or a pattern for more time, than there is."""


class Steps:
    """How many steps are left for one value, and how many seconds for its patterns."""

    def __init__(self, most: int) -> None:
        self.left = most
        self.depth = 0
        self.seconds = SECONDS_FOR_PATTERNS
        self.chosen: dict[int, frozenset[str]] = {}
        """The values of each list to choose from, as texts."""

    def take(self) -> None:
        self.left -= 1
        if self.left < 0 or self.depth > DEEPEST_VALUE:
            raise TooMuch

    def matches(self, source: str, value: str) -> bool:
        began = time.monotonic()
        try:
            return bounded.search(bounded.pattern(source), value, seconds=self.seconds)
        finally:
            self.seconds = max(self.seconds - (time.monotonic() - began), 0.001)


def problems(schema: str, value: Any) -> list[str]:
    """Why a value does not meet a checked schema, a few words each; [] for one that does."""
    sentences: list[str] = []
    try:
        with bounded.time_limit(PACKAGES):
            for error in _validator(schema).evolve(format_checker=Steps(MOST_STEPS)).iter_errors(value):
                if (sentence := _sentence(error)) not in sentences:
                    sentences.append(sentence)
                if len(sentences) == MOST_PROBLEMS:
                    break
    except (TooMuch, bounded.OutOfTime, RecursionError, MemoryError):
        return ["it takes too long to look at"]
    except (ArithmeticError, ValueError):
        return ["a number is too large"]
    return sentences


def check(schema: Any, *, deepest: int = DEEPEST) -> str:
    """A schema as text, the same for the same schema. Raises SettingsError for one that can't be used, saying why."""
    try:
        with bounded.time_limit(PACKAGES, SECONDS):
            return _checked(schema, deepest)
    except bounded.OutOfTime:
        raise _unusable("is too complicated to look through") from None


def _checked(schema: Any, deepest: int) -> str:
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise _unusable(f"is not JSON: {error}") from error
    if len(text) > LONGEST_SCHEMA:
        raise _unusable(f"has more than {LONGEST_SCHEMA:,} characters")
    if not isinstance(schema, dict):
        raise _unusable('is no object: it begins with {"type": "object", "properties": ...}')
    _look_through(schema, deepest)
    if why := _of_the_draft(schema):
        raise _unusable(why)
    for part in _parts(schema):
        if (reference := part.get("$ref")) is not None:
            _target(schema, reference)
    validator = _validator(text).evolve(format_checker=Steps(STEPS_TO_LOOK))
    try:
        references = {part["$ref"]: None for part in _parts(schema) if "$ref" in part}
        for form in (validator.schema, *({"$ref": reference} for reference in references)):
            for value in SIMPLEST:  # a reference that leads to itself is found by any of them
                next(validator.evolve(schema=form).iter_errors(value), None)
        why = _Unmet(schema).why(schema, frozenset())
    except (TooMuch, RecursionError):
        raise _unusable("refers to itself without an end, or is too complicated to look through") from None
    except (ArithmeticError, ValueError) as error:
        raise _unusable("has a number that is too large") from error
    if why:
        raise SettingsError(f"No answer can meet the JSON schema: {why}.", setting="schema")
    return text


def _unusable(why: str) -> SettingsError:
    return SettingsError(f"The JSON schema {why}.", setting="schema")


def _short(text: object) -> str:
    return f"'{str(text)[:LONGEST_SHOWN]}'"


def _look_through(schema: dict[str, Any], deepest: int) -> None:
    """Raises SettingsError for what is too deep, for references and patterns that may not be used."""
    patterns: set[str] = set()
    for part in _parts(schema, deepest):
        if unknown := next((name for name in NOT_TAKEN if name in part), ""):
            raise _unusable(f"uses {unknown}, which is not supported: use $defs and additionalProperties")
        if isinstance(part.get("pattern"), str):
            patterns.add(part["pattern"])
        if isinstance(part.get("patternProperties"), dict):
            patterns.update(part["patternProperties"])
    if len(patterns) > MOST_PATTERNS:
        raise _unusable(f"has more than {MOST_PATTERNS} patterns")
    for source in sorted(patterns):
        if len(source) > LONGEST_PATTERN:
            raise _unusable(f"has a pattern of more than {LONGEST_PATTERN:,} characters")
        try:
            bounded.pattern(source)
        except SettingsError as error:
            raise _unusable(f"has the pattern {_short(source)}. {error}"[:-1]) from error


def _parts(schema: Any, deepest: float = math.inf) -> Iterator[dict[str, Any]]:
    """A schema and all those within it, as objects. Raises SettingsError where they are too deep."""
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        part, depth = waiting.pop()
        if isinstance(part, list):
            waiting += [(inner, depth) for inner in part]
        if not isinstance(part, dict):
            continue
        if depth > deepest:
            raise _unusable(f"has parts within parts, more than {deepest} deep")
        yield part
        for name, value in part.items():
            if name in BY_NAME and isinstance(value, dict):
                waiting += [(inner, depth + 1) for inner in value.values()]
            elif name not in VALUES:
                waiting.append((value, depth + 1))


def _of_the_draft(schema: Any) -> str:
    """Why it is no JSON schema; "" for one that is."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = ".".join(map(str, error.absolute_path))
        return f"is wrong{f' at {where[:100]}' if where else ''}: {error.message[:160]}"
    except RecursionError:
        return "is nested too deeply"
    return ""


def _target(root: Any, reference: Any) -> Any:
    """The part that "#/$defs/name" names. Raises SettingsError for what is elsewhere, or nowhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise _unusable(f"refers to {_short(reference)}: only its own parts can be referred to, as #/$defs/part")
    part = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            part = part[int(name)] if isinstance(part, list) else part[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise _unusable(f"refers to {_short(reference)}, which it does not have") from None
    if reference not in ("#", "#/") and not reference.startswith("#/"):
        raise _unusable(f"refers to {_short(reference)}, which it does not have")
    return part


def _sentence(error: Any) -> str:
    where = ".".join(str(step) for step in error.absolute_path if isinstance(step, str))[:100]
    if error.validator == "required":
        return f"{where}.{error.message} is missing" if where else f"{error.message} is missing"
    if error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return f"{where or 'it'} is not {' or '.join(KINDS[kind] for kind in kinds)}"
    return f"{where or 'it'} {SENTENCES.get(error.validator, f'does not meet its {error.validator}')}"


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    """A validator of a checked schema."""
    from referencing import Registry

    loaded = json.loads(schema)
    for part in [*_parts(loaded)]:
        part.pop("$schema", None)  # what names a draft would be looked at by that one's own keywords, which may run on
    return _class()(loaded, registry=Registry())


@lru_cache(maxsize=1)
def _class() -> Any:
    """The class of the validators. In place of a checker of formats, which say nothing here, they hold the Steps of one value."""
    from jsonschema import Draft202012Validator, validators

    def counted(keyword: Keyword) -> Keyword:
        def look(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
            steps: Steps = validator.format_checker
            steps.take()
            steps.depth += 1
            try:
                yield from keyword(validator, wanted, value, schema) or ()
            finally:
                steps.depth -= 1

        return look

    own = {name: counted(keyword) for name, keyword in _keywords().items()}
    return validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]  # its types lack it


def _keywords() -> dict[str, Keyword]:
    """The draft's keywords, with bounded patterns, and without comparing each item with each."""
    from jsonschema import Draft202012Validator, ValidationError

    def pattern(validator: Any, source: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if isinstance(value, str) and not validator.format_checker.matches(source, value):
            yield ValidationError("pattern")

    def pattern_properties(validator: Any, patterns: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        for source, inner in patterns.items() if isinstance(value, dict) else ():
            for name, item in value.items():
                if validator.format_checker.matches(source, name):
                    yield from validator.descend(item, inner, path=name, schema_path=source)

    def additional(validator: Any, inner: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, item in value.items() if isinstance(value, dict) else ():
            if name in known or any(validator.format_checker.matches(source, name) for source in patterns):
                continue
            if inner is False:
                yield ValidationError("additional")
            else:
                yield from validator.descend(item, inner, path=name)

    def unique(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if wanted and isinstance(value, list) and len(set(map(_key, value))) < len(value):
            yield ValidationError("unique")

    def required(validator: Any, names: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        for name in names if isinstance(value, dict) else ():
            if name not in value:
                yield ValidationError(name)

    def enum(validator: Any, values: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        chosen = validator.format_checker.chosen
        if id(values) not in chosen:
            chosen[id(values)] = frozenset(map(_key, values))
        if _key(value) not in chosen[id(values)]:
            yield ValidationError("enum")

    def const(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if _key(value) != _key(wanted):
            yield ValidationError("const")

    return {
        **Draft202012Validator.VALIDATORS, "pattern": pattern, "patternProperties": pattern_properties,
        "additionalProperties": additional, "uniqueItems": unique, "required": required, "enum": enum, "const": const,
        "format": lambda *_: (),
    }  # fmt: skip


def _key(item: Any) -> str:
    """A JSON value as a text, the same for equal ones: 1 and 1.0 are, 1 and true are not."""
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    if isinstance(item, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{_key(item[name])}' for name in sorted(item))}}}"
    return f"[{','.join(map(_key, item))}]" if isinstance(item, list) else json.dumps(item)


class _Unmet:
    """Proves that no value meets a schema, by its types, bounds, values and what it requires.

    It proves what people get wrong, not all that there is: "" means that nothing was found.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.steps = Steps(STEPS_TO_LOOK)

    def why(self, schema: Any, within: frozenset[str]) -> str:
        """The reason in a few words, "" for none. `within` are the references that led here: a value has an end."""
        self.steps.take()
        if schema is False:
            return "false allows nothing"
        if not isinstance(schema, dict):
            return ""
        if isinstance(reference := schema.get("$ref"), str):
            if reference in within:
                return f"{reference} needs itself, without an end"
            if why := self.why(_target(self.root, reference), within | {reference}):
                return why
        parts = [schema, *(part for part in schema.get("allOf", ()) if isinstance(part, dict))]
        for part in parts[1:]:
            if why := self.why(part, within):
                return why
        if "not" in schema and schema["not"] in ({}, True):
            return "'not' leaves nothing"
        for name in ("anyOf", "oneOf"):
            reasons = [self.why(form, within) for form in schema.get(name, ())]
            if reasons and all(reasons):
                return f"of its forms ({name}) none can be met: {reasons[0]}"
        types = self._types(parts)
        if not types:
            return "its types exclude each other"
        if (values := _values(parts)) is not None:
            return "" if any(self._meets(parts, value) for value in values) else self._no_value(values)
        reasons = [self._of_type(kind, parts, within) for kind in types]
        return reasons[0] if all(reasons) else ""

    def _types(self, parts: Sequence[dict[str, Any]]) -> list[str]:
        types = set(TYPES)
        for part in parts:
            named = part.get("type", TYPES)
            allowed = {named} if isinstance(named, str) else set(named)
            types &= allowed | ({"integer"} if "number" in allowed else set())
        return [kind for kind in TYPES if kind in types]

    def _meets(self, parts: Sequence[dict[str, Any]], value: Any) -> bool:
        whole = {"allOf": [{k: v for k, v in part.items() if k != "$ref"} for part in parts], "$defs": {}}
        if "$ref" in json.dumps(whole):  # which may lead anywhere
            return True
        return next(_class()(whole, format_checker=Steps(MOST_STEPS)).iter_errors(value), None) is None

    def _no_value(self, values: Sequence[Any]) -> str:
        return "none of its values to choose from meets the rest" if values else "there is no value to choose from"

    def _of_type(self, kind: str, parts: Sequence[dict[str, Any]], within: frozenset[str]) -> str:
        def least(name: str) -> float:
            return max((part[name] for part in parts if _is_number(part.get(name))), default=-math.inf)

        def most(name: str) -> float:
            return min((part[name] for part in parts if _is_number(part.get(name))), default=math.inf)

        bounds = {
            "string": ("minLength", "maxLength"), "array": ("minItems", "maxItems"),
            "object": ("minProperties", "maxProperties"), "number": ("minimum", "maximum"), "integer": ("minimum", "maximum"),
        }  # fmt: skip
        if kind in bounds and least(bounds[kind][0]) > most(bounds[kind][1]):
            return f"{bounds[kind][0]} is above {bounds[kind][1]}"
        if kind in ("number", "integer"):
            low, high = max(least("minimum"), least("exclusiveMinimum")), min(most("maximum"), most("exclusiveMaximum"))
            is_open = low in (least("exclusiveMinimum"),) or high in (most("exclusiveMaximum"),)
            if low > high or (low == high and is_open and math.isfinite(low)):
                return "no number is between its bounds"
            if kind == "integer" and math.isfinite(low) and math.isfinite(high):
                first = math.floor(low) + 1 if low == least("exclusiveMinimum") else math.ceil(low)
                last = math.ceil(high) - 1 if high == most("exclusiveMaximum") else math.floor(high)
                if first > last:
                    return "no whole number is between its bounds"
        if kind == "array" and least("minItems") > 0:
            for part in parts:
                if "prefixItems" not in part and "items" in part and (why := self.why(part["items"], within)):
                    return f"an item can't be: {why}"
        return self._of_object(parts, within) if kind == "object" else ""

    def _of_object(self, parts: Sequence[dict[str, Any]], within: frozenset[str]) -> str:
        required = list(dict.fromkeys(name for part in parts for name in part.get("required", ())))
        for part in parts:
            most = part.get("maxProperties")
            if isinstance(most, int | float) and most < len(required):
                return f"it needs {len(required)} fields, and may have {most:g}"
            known = part.get("properties", {})
            is_closed = part.get("additionalProperties") is False and not part.get("patternProperties")
            if is_closed and len(known) < max((p.get("minProperties", 0) for p in parts), default=0):
                return f"it needs more fields than it can have ({len(known)})"
            for name in required:
                if is_closed and name not in known:
                    return f"it needs {_short(name)}, which it may not have"
                if name in known and (why := self.why(known[name], within)):
                    return f"it needs {_short(name)}, which can't be: {why}"
        return ""


def _values(parts: Sequence[dict[str, Any]]) -> list[Any] | None:
    """The values that there are to choose from; None where any is."""
    for part in parts:
        if "const" in part:
            return [part["const"]]
        if isinstance(part.get("enum"), list):
            return list(part["enum"])
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
