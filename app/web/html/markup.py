"""The only way to HTML: a template that stands in the code, and values that are escaped unless they are HTML already.

`markup` gives what `Markup(template).format` does and `joined` what `Markup.join` does, several times as fast: a page is made
of thousands of pieces.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from string import Formatter
from typing import LiteralString

from markupsafe import Markup, escape

SHORT = 60
"""Characters of a text whose escaped form is remembered."""


def markup(template: LiteralString, /, *values: object, **named: object) -> Markup:
    """The template with its `{}`, `{name}` and `{name:format}` filled. A hole in an attribute needs quotes around it."""
    text, holes = _parsed(template)
    filled: Sequence[object] = values
    if holes:
        filled = [
            _formatted(named[key] if isinstance(key, str) else values[key], format_spec) for key, format_spec in holes
        ]
    return Markup(text % tuple(map(_escaped, filled)))


def joined(pieces: Iterable[object], between: LiteralString = "") -> Markup:
    """The pieces one after the other, each of them escaped unless it is HTML."""
    return Markup(between.join(map(_escaped, pieces)))


def _escaped(value: object) -> str:
    if type(value) is Markup:
        return value
    return _escaped_short(value) if type(value) is str and len(value) <= SHORT else escape(value)


@lru_cache(maxsize=4096)
def _escaped_short(text: str) -> str:
    """Most of what a page is made of are the same few texts: classes, labels, names."""
    return escape(text)


def _formatted(value: object, format_spec: str) -> object:
    return format(value, format_spec) if format_spec else value


@cache
def _parsed(template: str) -> tuple[str, tuple[tuple[int | str, str], ...]]:
    """(the text with %s for each value, (key, format) of each value or nothing where all are `{}`)."""
    text, holes, unnamed = "", list[tuple[int | str, str]](), 0
    for literal, name, format_spec, _ in Formatter().parse(template):
        text += literal.replace("%", "%%")
        if name is not None:
            holes.append((int(name) if name.isdigit() else name or unnamed, format_spec or ""))
            text += "%s"
            unnamed += not name
    in_order = [(number, "") for number in range(len(holes))]
    return text, () if holes == in_order else tuple(holes)
