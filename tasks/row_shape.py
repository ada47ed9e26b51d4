"""Rows of a shape of one's own: each answer is a JSON object, whose values are columns, as a table of fields or a JSON schema says.

One literal answer, under the fields name (text) and population (whole number):

    {"name": "Lyon", "population": 522000}
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal, get_args

from tasks.errors import SettingsError
from tasks.models.base import Capabilities, Completion, Model
from tasks.prompts import NO_COLUMNS, PROMPTS
from tasks.settings import setting
from tasks.text import json_schema
from tasks.text.answers import json_in, too_long
from tasks.types import Message, Row, without_surrogates

PROMPT, AGAIN = "row_shape.v1", "row_shape_again.v1"
SHAPE = "row_shape"
"""In a row's origin: the kind of each of its columns, by name."""
Kind = Literal["text", "whole number", "number", "yes or no", "one of", "list of texts"]
KINDS: tuple[str, ...] = get_args(Kind)
OTHER = "JSON"
"""The kind of a column whose values a schema leaves open: records, lists of lists."""
MOST_FIELDS, MOST_CHOICES, LONGEST_NAME, LONGEST_DESCRIPTION, LONGEST_CHOICE = 50, 200, 60, 1_000, 200
LONGEST_TEXT, LONGEST_ITEM, MOST_ITEMS = 300, 100, 8
"""Characters and items that a field of a table has at most, where an endpoint holds an answer to it."""
SPACE_FOR_THE_REST, MOST_ROOM = 40, 2_000
"""Tokens beside each field's text, and those that an answer is given room for at most."""
LARGEST = 2**63
"""Whole numbers of columns are below."""
NAME = re.compile(r"[^\W\d]\w*")
WHOLE, DECIMAL = re.compile(r"[+-]?[0-9]{1,18}"), re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?")
YES_NO = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column of the rows: its name, which kind of value it holds, what the model is told of it."""

    title: ClassVar[str] = "field"

    name: str = setting("", "The column's name: letters, digits and _, as in {{ name }}.")
    kind: Kind = setting("text", "Kind of value: " + ", ".join(KINDS) + ".")
    choices: tuple[str, ...] = setting((), "The values to choose from, for the kind 'one of'.")
    description: str = setting("", "What the model is told of it.")
    required: bool = setting(True, "Every row has a value here.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "description", without_surrogates(self.description))
        object.__setattr__(self, "choices", tuple(map(without_surrogates, self.choices)))
        called = f"The field '{self.name}'"
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise SettingsError(
                f"A field needs a name of letters, digits and _, of at most {LONGEST_NAME} characters (given: {self.name[:80]!r}).",
                setting="fields",
            )
        if self.name in NO_COLUMNS:
            raise SettingsError(f"{called} can't be called so: templates mean something else by it.", setting="fields")
        if len(self.description) > LONGEST_DESCRIPTION:
            raise SettingsError(
                f"{called} has a description of more than {LONGEST_DESCRIPTION:,} characters.", setting="fields"
            )
        if self.kind != "one of" and self.choices:
            raise SettingsError(
                f"{called} has values to choose from, and its kind is {self.kind}: make it 'one of'.", setting="fields"
            )
        if self.kind == "one of" and not 1 <= len(self.choices) <= MOST_CHOICES:
            raise SettingsError(f"{called} needs 1 to {MOST_CHOICES} values to choose from.", setting="fields")
        if len(set(self.choices)) < len(self.choices):
            raise SettingsError(f"{called} names a value to choose from twice.", setting="fields")
        if any(not choice.strip() or len(choice) > LONGEST_CHOICE for choice in self.choices):
            raise SettingsError(
                f"{called} needs values of 1 to {LONGEST_CHOICE} characters to choose from.", setting="fields"
            )

    @property
    def form(self) -> str:
        """The kind of its value as a model is told it."""
        if self.kind == "one of":
            return "one of " + ", ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        return {
            "text": "a text", "whole number": "a whole number", "number": "a number", "yes or no": "true or false",
            "list of texts": "a list of texts",
        }[self.kind]  # fmt: skip

    def schema(self, *, bounded: bool) -> dict[str, Any]:
        """The JSON schema of its value; with `bounded`, of one that ends soon."""
        text: dict[str, Any] = {"type": "string", "minLength": 1, **({"maxLength": LONGEST_TEXT} if bounded else {})}
        item: dict[str, Any] = {"type": "string", **({"maxLength": LONGEST_ITEM} if bounded else {})}
        most = {"maxItems": MOST_ITEMS} if bounded else {}
        schema: dict[str, Any] = {
            "text": text, "whole number": {"type": "integer"}, "number": {"type": "number"},
            "yes or no": {"type": "boolean"}, "one of": {"type": "string", "enum": list(self.choices)},
            "list of texts": {"type": "array", "items": item, **most},
        }[self.kind]  # fmt: skip
        return schema if self.required else {"anyOf": [schema, {"type": "null"}]}

    def read(self, value: Any) -> Any:
        """A value as it was meant: "12" for a number, "Yes" for true, a choice in other letters. Nothing is guessed."""
        if isinstance(value, str):
            text = value.strip()
            if not self.required and not text:
                return None
            match self.kind:
                case "whole number" if WHOLE.fullmatch(text):
                    return int(text)
                case "number" if DECIMAL.fullmatch(text):
                    return float(text)
                case "yes or no":
                    return YES_NO.get(text.casefold(), value)
                case "one of":
                    return next((choice for choice in self.choices if choice.casefold() == text.casefold()), value)
                case "text":
                    return text
        if self.kind == "text" and _is_number(value):
            return json.dumps(value)
        if self.kind == "whole number" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        return value


@dataclass(frozen=True)
class RowShape:
    """What every answer has. `schema` is a JSON schema as text that was looked through (tasks/text/json_schema.py)."""

    schema: str
    fields: tuple[Field, ...] = ()
    """Those of a table; () where a person wrote the schema."""

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each column by its name, in order."""
        if self.fields:
            return {field.name: field.kind for field in self.fields}
        return {name: _kind(part) for name, part in json.loads(self.schema)["properties"].items()}

    def prompt(self, prompt: str) -> str:
        """A prompt that also says in which form to answer."""
        return PROMPTS.render(PROMPT, prompt=prompt, fields=self.fields, schema=self.schema)

    def options(self, capabilities: Capabilities) -> dict[str, Any]:
        """The options of a call that hold its answer to the shape, where the endpoint can."""
        room = sum(
            SPACE_FOR_THE_REST + (LONGEST_TEXT if kind in ("text", "list of texts", OTHER) else 0)
            for kind in self.kinds.values()
        )
        options: dict[str, Any] = {"least_tokens": min(room, MOST_ROOM)}
        if capabilities.json_schema:
            options["schema"] = json.loads(self.schema)
            if self.fields:
                options["schema"] = _closed(self.fields, bounded=capabilities.string_bounds)
        return options

    async def ask(
        self, messages: Sequence[Message], model: Model, draw: int
    ) -> tuple[Completion, dict[str, Any] | None, list[str]]:
        """(the answer, its values, why there are none). What can't be used is asked for once more, with what is wrong."""
        options = self.options(await model.capabilities())
        answer = await model.chat(messages, draw=draw, **options)
        values, problems = self.read(answer)
        if values is not None or not answer.text.strip():
            return answer, values, problems
        again = PROMPTS.render(AGAIN, problems=problems)
        conversation: list[Message] = [
            *messages, {"role": "assistant", "content": answer.text}, {"role": "user", "content": again}
        ]  # fmt: skip
        second = await model.chat(conversation, draw=draw, **options)
        values, later = self.read(second)
        return (
            (second, values, []) if values is not None else (answer, None, later if second.text.strip() else problems)
        )

    def read(self, answer: Completion) -> tuple[dict[str, Any] | None, list[str]]:
        """(the values of an answer, why there are none)."""
        value = None if (why := too_long(answer.text)) else json_in(answer.text)
        if not isinstance(value, dict):
            why = why or ("the answer was cut off" if answer.cut_off else "it is not a JSON object")
            return None, [why]
        value = self._meant(without_halves(value))
        if why := _unheld(value) or self._too_large(value):
            return None, [why]
        if problems := json_schema.problems(self.schema, value):
            return None, problems
        order = [name for name in self.kinds if name in value]
        return {name: value[name] for name in (*order, *(name for name in value if name not in self.kinds))}, []

    def _too_large(self, value: Mapping[str, Any]) -> str:
        """Why a column of whole numbers can't hold what is one by JSON Schema, 1e300; "" where it can."""
        whole = [value.get(name) for name, kind in self.kinds.items() if kind == "whole number"]
        return (
            ""
            if all(_is_held(number) for number in whole if isinstance(number, int | float))
            else "a number is too large"
        )

    def _meant(self, value: dict[str, Any]) -> dict[str, Any]:
        """The values under the fields' own names, each as its field reads it."""
        if not self.fields:
            return value
        names = {_bare(name): name for name in value}
        theirs = {name: name if name in value else names.get(_bare(name), name) for name in self.kinds}
        read = {f.name: f.read(value[theirs[f.name]]) for f in self.fields if theirs[f.name] in value}
        return {**read, **{name: inner for name, inner in value.items() if name not in theirs.values()}}


def _closed(fields: Sequence[Field], *, bounded: bool) -> dict[str, Any]:
    """An object of all these fields, as endpoints that are strict want it; an optional one can be null."""
    return {
        "type": "object",
        "properties": {field.name: field.schema(bounded=bounded) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


@lru_cache(maxsize=64)
def shape_of(fields: tuple[Field, ...], schema: str) -> RowShape | None:
    """The shape that a table of fields or a JSON schema gives; None for neither. Raises SettingsError, saying what is wrong."""
    if fields and schema.strip():
        raise SettingsError("Rows have a table of fields or a JSON schema, not both. Empty one.", setting="schema")
    if fields:
        return RowShape(_of_table(fields), fields)
    if not schema.strip():
        return None
    try:
        value = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"The JSON schema is not JSON: {error}.", setting="schema") from error
    value = {"type": "object", **value} if isinstance(value, dict) else value
    text = json_schema.check(value)
    properties = value.get("properties")
    if value["type"] != "object" or not properties:
        raise SettingsError(
            'The JSON schema must be of an object with properties: {"type": "object", "properties": {...}}.',
            setting="schema",
        )
    if len(properties) > MOST_FIELDS:
        raise SettingsError(f"The JSON schema has more than {MOST_FIELDS} properties.", setting="schema")
    for name in properties:
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise SettingsError(
                f"The JSON schema has a property whose name can be no column: 1 to {LONGEST_NAME} characters (given: "
                f"{name[:80]!r}).",
                setting="schema",
            )
    return RowShape(text)


def _of_table(fields: tuple[Field, ...]) -> str:
    if len(fields) > MOST_FIELDS:
        raise SettingsError(f"A row has at most {MOST_FIELDS} fields (given: {len(fields)}).", setting="fields")
    seen: dict[str, str] = {}
    for field in fields:
        if (other := seen.get(_bare(field.name))) is not None:
            raise SettingsError(
                f"The fields '{other}' and '{field.name}' can't be told apart. Rename one of them.", setting="fields"
            )
        seen[_bare(field.name)] = field.name
    schema = {**_closed(fields, bounded=False), "required": [field.name for field in fields if field.required]}
    return json.dumps(schema, ensure_ascii=False)


def columns(row: Row, text: str) -> dict[str, Any] | None:
    """The columns of a row of a shape of its own, by what one of its responses says; {} for other rows, None for a text that
    no longer has them.
    """
    kinds = kinds_of(row)
    if not kinds:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or _unheld(value) or kinds.keys().isdisjoint(value):
        return None
    cells = {name: _cell(value.get(name), kind) for name, kind in kinds.items()}
    return None if any(isinstance(cell, _Unfit) for cell in cells.values()) else cells


def kinds_of(row: Row) -> dict[str, str]:
    """The kind of each column of a row of a shape of its own, by name; {} for other rows."""
    kinds = row.origin.get(SHAPE)
    if not isinstance(kinds, Mapping) or not all(kind in (*KINDS, OTHER) for kind in kinds.values()):
        return {}
    return {str(name): str(kind) for name, kind in kinds.items()}


class _Unfit:
    """In place of a value that its column can't hold."""


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return [] if kind == "list of texts" else None
    match kind:
        case "text" | "one of" if isinstance(value, str):
            return value
        case "whole number" if _is_number(value) and _is_held(value) and float(value).is_integer():
            return int(value)
        case "number" if _is_number(value):
            return float(value)
        case "yes or no" if isinstance(value, bool):
            return value
        case "list of texts" if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return list(value)
    return json.dumps(value, ensure_ascii=False) if kind == OTHER else _Unfit()


def pretty(values: Mapping[str, Any]) -> str:
    """The values of an answer as the text of its response."""
    return json.dumps(values, indent=2, ensure_ascii=False)


def in_words(value: Any, mark: str = "•") -> str:
    """A column's value as people read it: yes and no, a list with an item a line behind its `mark`; "" for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(f"{mark} {' '.join(str(item).split())}" for item in value)
    return f"{value:.15g}" if isinstance(value, float) else "" if value is None else str(value)


def _kind(part: Any) -> str:
    """The kind of column that holds what a property's schema allows."""
    named = part.get("type") if isinstance(part, dict) else None
    types = [kind for kind in (named if isinstance(named, list) else [named]) if kind != "null"]
    simple = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}
    if len(types) == 1 and types[0] in simple:
        return simple[types[0]]
    items = part.get("items") if types == ["array"] and "prefixItems" not in part else None
    return "list of texts" if isinstance(items, dict) and items.get("type") == "string" else OTHER


def _bare(name: str) -> str:
    """A name as models may write it: "First name" is first_name."""
    return "".join(filter(str.isalnum, name)).casefold()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_held(number: float) -> bool:
    """True where a column of whole numbers has room for it."""
    return -LARGEST <= number < LARGEST


def _unheld(value: Any, depth: int = 0) -> str:
    """Why no column holds a value: a number that is none or too large, a nesting without end; "" for one that fits."""
    if depth > json_schema.DEEPEST:
        return "it is nested too deeply"
    if _is_number(value):
        if isinstance(value, float) and not math.isfinite(value):
            return "a number is infinite or undefined"
        return "a number is too large" if isinstance(value, int) and not _is_held(value) else ""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((why for inner in inside if (why := _unheld(inner, depth + 1))), "")


def without_halves(value: Any) -> Any:
    """A JSON value whose texts UTF-8 can hold."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(name): without_halves(inner) for name, inner in value.items()}
    return [without_halves(inner) for inner in value] if isinstance(value, list) else value
