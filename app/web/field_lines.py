"""The fields of a row as lines of a text field, one a line, and back.

    title: The title of a book
    year (whole number): When it came out
    genre (one of novel, poetry, history)
    subtitle (text, optional)

What would not come back as it is stands in quotes, as JSON: choices with commas, descriptions of several lines.
"""

import json
from collections.abc import Iterable
from typing import Any

from tasks.errors import SettingsError
from tasks.row_shape import KINDS, Field

ONE_OF, OPTIONAL = "one of", "optional"
LIKE = "as year (whole number): When it came out"


def field_lines(fields: Iterable[Field]) -> str:
    """The fields as lines."""
    return "\n".join(_line(field) for field in fields)


def _line(field: Field) -> str:
    kind: str = field.kind
    if kind == ONE_OF:
        plain = all(
            choice == " ".join(choice.split()) and not set(choice) & set(',()[]"\n\r') for choice in field.choices
        )
        plain = plain and field.choices[-1].casefold() != OPTIONAL
        kind += f" {', '.join(field.choices) if plain else json.dumps(field.choices, ensure_ascii=False)}"
    kind += "" if field.required else f", {OPTIONAL}"
    described = field.description
    if described != " ".join(described.split()) or described.startswith('"'):
        described = json.dumps(described, ensure_ascii=False)
    return f"{field.name}{'' if kind == 'text' else f' ({kind})'}{f': {described}' if described else ''}"


def read_fields(text: str) -> list[dict[str, Any]]:
    """The settings of each field that lines name. Raises SettingsError, naming the line."""
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    return [_read(number, line) for number, line in lines if line]


def _read(number: int, line: str) -> dict[str, Any]:
    at = min((index for index in (line.find("("), line.find(":")) if index >= 0), default=len(line))
    name, rest = line[:at].strip(), line[at:]
    values: dict[str, Any] = {"name": name}
    if rest.startswith("("):
        kind, rest = _kind(number, rest[1:])
        values |= kind
    rest = rest.strip()
    if rest and not rest.startswith(":"):
        raise _wrong(number, f"a colon goes before the description, {LIKE}")
    if described := rest[1:].strip():
        values["description"] = _from_json(number, described)[0] if described.startswith('"') else described
    try:
        Field(**values)
    except SettingsError as error:
        raise _wrong(number, f"{str(error)[:1].lower()}{str(error)[1:].rstrip('.')}") from error
    return values


def _kind(number: int, rest: str) -> tuple[dict[str, Any], str]:
    """The settings within brackets, and what is behind them."""
    before = rest[: len(ONE_OF)].casefold()
    inner = rest[len(ONE_OF) :].lstrip() if before == ONE_OF else ""
    if inner.startswith("["):
        choices, inner = _from_json(number, inner)
        within, end, rest = inner.partition(")")
        options = [part.strip().casefold() for part in within.split(",") if part.strip()]
        values: dict[str, Any] = {"kind": ONE_OF, "choices": tuple(map(str, choices))}
    else:
        within, end, rest = rest.partition(")")
        kind, *options = [part.strip() for part in within.split(",")]
        values = {"kind": " ".join(kind.split()).casefold()}
        if values["kind"].startswith(f"{ONE_OF} "):
            first = " ".join(kind.split())[len(ONE_OF) :].strip()
            is_optional = bool(options) and options[-1].casefold() == OPTIONAL
            choices = (first, *(options[:-1] if is_optional else options))
            values = {"kind": ONE_OF, "choices": tuple(filter(None, choices))}
            options = [OPTIONAL] if is_optional else []
    if not end:
        raise _wrong(number, f"the bracket is not closed, {LIKE}")
    if values["kind"] not in KINDS:
        raise _wrong(number, f"there is no kind '{values['kind'][:60]}'. Known: {', '.join(KINDS)}")
    if [option.casefold() for option in options] not in ([], [OPTIONAL]):
        raise _wrong(number, f"'{', '.join(options)[:60]}' is not known there: only 'optional' is")
    return values | ({"required": False} if options else {}), rest


def _from_json(number: int, text: str) -> tuple[Any, str]:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(number, "what begins with a quote or a square bracket must be JSON") from error
    return value, text[end:]


def _wrong(number: int, why: str) -> SettingsError:
    return SettingsError(f"Line {number}: {why}.", setting="fields")
