"""Reads what people type into Argilla's search box and says it in SQLite's full-text language (FTS5).

The box promises Elasticsearch's simple_query_string, every word wanted unless an operator says otherwise:

    tensor kernel        both words          "open question"   the phrase
    tensor | kernel      one of them         -tensor           not this word
    quant*               words that begin so (cat | dog) -river

Only the standard library is needed here, and nothing that a person can type is an error: what cannot be
understood is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ONE_TOKEN_EACH = re.compile("([\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f])")
"""Hiragana and Han characters, which are written without spaces."""

TOKEN = re.compile(
    r'(?P<phrase>"[^"]*")(?:~\d+)?|(?P<operator>[()|+])|(?P<minus>-+)(?=[^\s)|+-])|(?P<word>[^\s()|"+]+)|"'
)
FUZZY = re.compile(r"~\d*$")

DEEPEST = 8
"""Brackets nested deeper are read as if they were not there: FTS5's parser has room for about 30 levels."""

MOST_TERMS = 256
"""Words after these are left out: FTS5 refuses a tree of more than 256 levels."""


@dataclass(frozen=True)
class Match:
    """Records that match an FTS5 expression, or, `inverted`, all that do not.

    FTS5 has no "everything but": NOT needs something on its left. Carrying the sign outside makes every
    combination of and, or and not expressible.
    """

    expression: str
    inverted: bool = False

    def within(self, column: str) -> Match:
        """The same, looking at one column only."""
        return Match(f"{{{column}}} : ({self.expression})", self.inverted)


def segment(text: str) -> str:
    """Set each Hiragana and Han character apart, as Elasticsearch's standard analyzer does; other text is
    unchanged.
    """
    return text if text.isascii() else ONE_TOKEN_EACH.sub(r" \1 ", text)


def read_query(text: str) -> Match | None:
    """What to look for, or None when the text names nothing that could be found."""
    return _Reader(text).alternatives()


def _term(text: str, prefix: bool = False) -> Match | None:
    # FTS5 ends at a NUL, and SQLite takes no half of a surrogate pair.
    text = text.encode("utf-8", "ignore").decode("utf-8").replace("\0", " ").replace('"', " ")
    segmented = " ".join(segment(text).split())
    if not any(character.isalnum() for character in segmented):
        return None
    return Match(f'"{segmented}"' + (" *" if prefix else ""))


def _joined(terms: list[str], operator: str) -> str:
    return terms[0] if len(terms) == 1 else "(" + f" {operator} ".join(terms) + ")"


def _all_of(parts: list[Match]) -> Match | None:
    required = [part.expression for part in parts if not part.inverted]
    excluded = [part.expression for part in parts if part.inverted]
    if not required:
        return Match(_joined(excluded, "OR"), inverted=True) if excluded else None
    if not excluded:
        return Match(_joined(required, "AND"))
    return Match(f"({_joined(required, 'AND')} NOT {_joined(excluded, 'OR')})")


def _any_of(parts: list[Match]) -> Match | None:
    # "a or b" is "not (not a and not b)".
    opposite = _all_of([Match(part.expression, not part.inverted) for part in parts])
    return None if opposite is None else Match(opposite.expression, not opposite.inverted)


class _Reader:
    """Reads by recursive descent: alternatives of sequences of terms."""

    def __init__(self, text: str) -> None:
        self.tokens = list(TOKEN.finditer(text))
        self.at = 0
        self.depth = 0
        self.terms = 0

    def next_is(self, operator: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at]["operator"] == operator

    def alternatives(self) -> Match | None:
        parts = [self.sequence()]
        while self.next_is("|"):
            self.at += 1
            parts.append(self.sequence())
        return _any_of([part for part in parts if part])

    def sequence(self) -> Match | None:
        parts: list[Match] = []
        while self.at < len(self.tokens) and not self.next_is("|"):
            if self.next_is(")"):
                if self.depth:
                    break
                self.at += 1  # closes nothing
                continue
            if part := self.part():
                parts.append(part)
        return _all_of(parts)

    def part(self) -> Match | None:
        token = self.tokens[self.at]
        self.at += 1
        if token["minus"]:
            part = self.part()
            return Match(part.expression, not part.inverted) if part else None
        if token["operator"] == "(" and self.depth < DEEPEST:
            self.depth += 1
            part = self.alternatives()
            self.depth -= 1
            self.at += self.next_is(")")
            return part
        if self.terms == MOST_TERMS:
            return None
        self.terms += 1
        if token["phrase"]:
            return _term(token["phrase"])
        word = FUZZY.sub("", token["word"] or "")
        return _term(word.rstrip("*"), prefix=word.endswith("*"))
