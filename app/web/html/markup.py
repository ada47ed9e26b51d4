"""The only way to HTML: a template that stands in the code, and values that are escaped unless they are HTML already.

`markup` gives what `Markup(template).format` does and `joined` what `Markup.join` does, several times as fast: a page is made
of thousands of pieces.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, partial
from string import Formatter
from typing import LiteralString, cast

from markupsafe import Markup, escape

SHORT = 60
"""Characters of a text whose escaped form is remembered."""
_as_markup = cast(Callable[[str], Markup], partial(str.__new__, Markup))
"""What `Markup(text)` gives for a text, which asks it first whether it is HTML."""


def markup(template: LiteralString, /, *values: object, **named: object) -> Markup:
    """The template with its `{}`, `{name}` and `{name:format}` filled. A hole in an attribute needs quotes around it."""
    pieces, holes = _parsed(template)
    filled: Sequence[object] = values
    if holes:
        filled = [
            _formatted(named[key] if isinstance(key, str) else values[key], format_spec) for key, format_spec in holes
        ]
    parts = [*pieces]
    parts[1::2] = map(_escaped, filled)
    return _as_markup("".join(parts))


def joined(pieces: Iterable[object], between: LiteralString = "") -> Markup:
    """The pieces one after the other, each of them escaped unless it is HTML."""
    return _as_markup(between.join(map(_escaped, pieces)))


def _escaped(value: object) -> str:
    if type(value) is Markup:
        return value
    return _escaped_short(value) if type(value) is str and len(value) <= SHORT else escape(value)


@lru_cache(maxsize=4096)
def _escaped_short(text: str) -> str:
    """Most of what a page is made of are the same few words: classes, labels, names."""
    return escape(text)


def _formatted(value: object, format_spec: str) -> object:
    return format(value, format_spec) if format_spec else value


@cache
def _parsed(template: str) -> tuple[tuple[str, ...], tuple[tuple[int | str, str], ...]]:
    """(texts and, between them, empty places for values, (key, format) of each value or nothing where all are `{}`)."""
    pieces, holes, unnamed = [""], list[tuple[int | str, str]](), 0
    for text, name, format_spec, _ in Formatter().parse(template):
        pieces[-1] += text
        if name is not None:
            holes.append((int(name) if name.isdigit() else name or unnamed, format_spec or ""))
            pieces += ["", ""]
            unnamed += not name
    in_order = [(number, "") for number in range(len(holes))]
    return tuple(pieces), () if holes == in_order else tuple(holes)
