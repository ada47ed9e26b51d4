"""A recipe as TOML, for people to read and for `claywright run` to take."""

import re
from collections.abc import Mapping
from typing import Any

from app.tables.text import clean

DEEPEST = 30
"""Parts of a name, as in task.system_prompt.maths. The reader of TOML looks through all of them again for each one."""
PIECE = re.compile(
    r"""
    \"{3}(?:[^"\\]++|\\.|\"(?!\"\"))*+\"{3,5}  # texts in quotes: of several lines,
    | '{3}(?:[^']++|'(?!''))*+'{3,5}
    | "(?:[^"\\\n]++|\\.)*+"  # and of one
    | '[^'\n]*+'
    | \#[^\n]*+
    | [^"'\#.\n=,{}\[\]]++
    | .
    """,
    re.DOTALL | re.VERBOSE,
)
"""A text in quotes, a comment, plain characters, or a sign."""


def deep(text: str) -> bool:
    """True for TOML with a name of more parts than any setting has. Takes one look at each character."""
    dots, at = 0, 0
    while (piece := PIECE.match(text, at)) is not None:
        if piece[0] == ".":
            dots += 1
            if dots >= DEEPEST:
                return True
        elif piece[0] in ("\n", "=", ",", "{", "}", "[", "]"):
            dots = 0
        elif piece[0] in ('"', "'"):  # a text that does not end, which the reader will say
            return False
        at = piece.end()
    return False


def written(plain: Mapping[str, Any]) -> str:
    """Plain values of a recipe as a file. What TOML has no way to say is left out, and named in the first line."""
    import tomli_w

    left: list[str] = []
    values = _sayable(plain, "", left)
    text = tomli_w.dumps(values, multiline_strings=not _returns(values))
    return (f"# left out, as TOML knows no empty value: {clean(', '.join(left))!r}\n" if left else "") + text


def _sayable(value: Any, place: str, left: list[str]) -> Any:
    """The value without None in it, and without halves of characters."""
    if isinstance(value, Mapping):
        names = {str(name): f"{place}.{name}".lstrip(".") for name in value}
        left.extend(names[str(name)] for name, inner in value.items() if inner is None)
        return {
            clean(str(name)): _sayable(inner, names[str(name)], left)
            for name, inner in value.items()
            if inner is not None
        }
    if isinstance(value, (list, tuple)):
        left.extend(place for inner in value if inner is None)
        return [_sayable(inner, place, left) for inner in value if inner is not None]
    return clean(value) if isinstance(value, str) else value


def _returns(value: Any) -> bool:
    """True if a text in it holds a carriage return, which a text of several lines would lose."""
    if isinstance(value, Mapping):
        return any(_returns(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_returns(inner) for inner in value)
    return isinstance(value, str) and "\r" in value
