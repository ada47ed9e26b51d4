"""What a search found, marked in the HTML of rows: only in texts, never in a tag, and what is shown stays the same text."""

import html
import re
from collections.abc import Sequence

from markupsafe import Markup

from app.web.html.markup import joined, markup

TAG = re.compile(r"(<[^<>]*>)")
NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9-]*)")
CLASSES = re.compile(r'\bclass="([^"]*)"')
VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "wbr"})
PLAIN = frozenset({"math", "svg", "style", "script", "textarea", "title", "option", "select"})
"""Inside these nothing is marked: their content is no text of a page, or another language's."""
BEFORE, SHOWN = 24, 160
LONGEST, MOST = 1_000, 2_000
"""Characters of a search that is marked, and hits that are."""


def marked(page: Markup, text: str, inside: str = "") -> Markup:
    """`page` with each `text` in it between <mark> and </mark>, in any case; with `inside` only in elements of that class.

    In `page`, being Markup, texts and attributes are escaped.
    """
    needle = _folded(" ".join(text.split()) if not inside else text.strip())
    if not needle or len(needle) > LONGEST:
        return page
    opened: list[
        tuple[str, bool, bool]
    ] = []  # of each open element: its name, whether it is searched, whether it is left
    pieces, left = list[str](), MOST
    for index, piece in enumerate(TAG.split(page)):
        if index % 2:
            _follow(opened, piece, inside)
        elif piece and left > 0 and (opened[-1][1] if opened else not inside) and not any(item[2] for item in opened):
            piece, hits = _hits(piece, needle, left)
            left -= hits
        pieces.append(piece)
    return Markup("".join(pieces))  # parts of what was HTML before, whole tags and whole texts, and those of _hits


def excerpt(texts: Sequence[str], text: str) -> str:
    """Where the search hit the first of `texts` that it hits, on one line; "" where it hits none."""
    needle = _folded(" ".join(text.split()))
    for whole in texts if needle else ():
        line = " ".join(whole.split())
        hit = _folded(line).find(needle)
        if hit >= 0:
            start = max(0, hit - BEFORE)
            if start:  # from the beginning of a word, where one begins between there and the hit
                start = max(start, line.find(" ", start, hit) + 1)
            return f"{'…' if start else ''}{line[start : start + SHOWN]}"
    return ""


def _follow(opened: list[tuple[str, bool, bool]], tag: str, inside: str) -> None:
    named = NAME.match(tag)
    if named is None:
        return
    name = named[1].lower()
    if tag.startswith("</"):
        while opened and opened.pop()[0] != name:
            pass
    elif name not in VOID and not tag.endswith("/>"):
        classes = CLASSES.search(tag)
        is_searched = not inside or (opened[-1][1] if opened else False)
        is_searched = is_searched or inside in (classes[1].split() if classes else ())
        opened.append((name, is_searched, name in PLAIN))


def _hits(escaped: str, needle: str, most: int) -> tuple[str, int]:
    """(a piece of text with its hits marked, how many)."""
    text = html.unescape(escaped)
    folded = _folded(text)
    pieces, at, number = list[str](), 0, 0
    while number < most and (start := folded.find(needle, at)) >= 0:
        end = start + len(needle)
        pieces.append(markup("{}<mark>{}</mark>", text[at:start], text[start:end]))
        at, number = end, number + 1
    return (joined([*pieces, text[at:]]), number) if number else (escaped, 0)


def _folded(text: str) -> str:
    """The text in lower case, each character in its place."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
