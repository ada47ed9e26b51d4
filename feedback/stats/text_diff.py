"""What a correction changed, word by word.

>>> word_changes("Name a river.", "Name two rivers.")
[('same', 'Name '), ('gone', 'a river'), ('new', 'two rivers'), ('same', '.')]
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache, partial
from typing import Literal

from tasks.text.near_duplicates import UNSPACED

Kind = Literal["same", "gone", "new"]
TOKEN = re.compile(rf"\s+|[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
MOST = 2_000
"""Words, or else lines, that are compared where they are not the same at the beginning and the end; more count as all new."""


@lru_cache(maxsize=256)
def word_changes(before: str, after: str) -> list[tuple[Kind, str]]:
    """The text after with what went away before what came: (kind, piece), whose pieces make both texts again."""
    for split in (TOKEN.findall, partial(str.splitlines, keepends=True)):
        old, new = split(before), split(after)
        head = _shared(old, new)
        tail = _shared(old[head:][::-1], new[head:][::-1])
        middle = old[head : len(old) - tail], new[head : len(new) - tail]
        if max(map(len, middle)) <= MOST:
            break
    changes: list[tuple[Kind, str]] = [("same", "".join(old[:head]))]
    if max(map(len, middle)) > MOST:
        changes += [("gone", "".join(middle[0])), ("new", "".join(middle[1]))]
    else:
        changes += _compared(*middle)
    changes.append(("same", "".join(old[len(old) - tail :]) if tail else ""))
    return _joined(changes)


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(first), len(second)))


def _compared(old: Sequence[str], new: Sequence[str]) -> list[tuple[Kind, str]]:
    changes: list[tuple[Kind, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            changes.append(("same", "".join(old[a:b])))
        else:
            changes += [("gone", "".join(old[a:b])), ("new", "".join(new[c:d]))]
    return changes


def _joined(changes: Sequence[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Without empty pieces, and changes that only a blank parts as one: it reads better than word by word."""
    pieces = [piece for piece in changes if piece[1]]
    joined: list[tuple[Kind, str]] = []
    gone = new = ""
    for k, (kind, text) in enumerate(pieces):
        between = kind == "same" and text.isspace() and "\n" not in text and (gone or new) and k + 1 < len(pieces)
        if kind == "same" and not between:
            joined += [(name, piece) for name, piece in (("gone", gone), ("new", new)) if piece]  # type: ignore[misc]
            gone = new = ""
            joined.append((kind, text))
        else:
            gone += text if kind != "new" else ""
            new += text if kind != "gone" else ""
    joined += [(name, piece) for name, piece in (("gone", gone), ("new", new)) if piece]  # type: ignore[misc]
    return joined
