"""Texts of models in fields that Argilla renders as Markdown: HTML in them is shown, never obeyed.

Argilla's pages let `<style>`, `style=` and `<form>` of a text through, so that a response can cover the whole page. Here a
character without width comes behind the sign that would begin a tag: no parser takes it for one, and it reads as it did,
also where a renderer takes for code what we did not. Code that every renderer takes for code keeps its text exactly. What is
sure of that is told by few and simple rules, as renderers differ (Argilla's, marked 5, lets a heading swallow a fence):
a fence at the beginning of a line, and a span between two single backticks in a paragraph without anything that might
take one of them away.
"""

import re
from collections.abc import Iterator

JOINER = "\u2060"
TAG = re.compile(rf"<({JOINER}*)(?=[A-Za-z/!?])")
JOINED = re.compile(rf"<{JOINER}({JOINER}*)(?=[A-Za-z/!?])")
LINE_BREAK = re.compile(r"(?<=[\w.,;:!?)])<br ?/?>")
"""In a line, so that it begins no block of HTML; cells of tables need it."""
UNUSUAL = re.compile(r"\]:|[\r\v\f\x1c-\x1f\x85\u2028\u2029\ufeff]|^[ \t]*\$+[ \t]*$", re.MULTILINE)
"""Definitions of links, blocks of mathematics and line ends of other kinds, each of which may swallow what looks like code."""
OPENING = re.compile(r"(`{3,}|~{3,}) ?[\w+#.-]*")
UNDERLINE = re.compile(r" {0,3}(=+|-+) *")
SPAN = re.compile(r"(?:(?<=\s)|^)([(\[{*_\"']*)(`[^`\n]+`)(?!`)", re.MULTILINE)
TAKES_AWAY = re.compile(r"[\\$~|`<]|\]\(")
"""What may end a span early, or begin something that goes on into it."""


def shown(text: str) -> str:
    """The text as it is sent to be rendered; `plain` gives it back."""
    return "".join(piece if code and not JOINED.search(piece) else _joined(piece) for piece, code in _pieces(text))


def plain(text: str) -> str:
    """The text that was given to `shown`."""
    return JOINED.sub(r"<\1", text)


def _joined(text: str) -> str:
    kept = 0
    parts = []
    for line_break in LINE_BREAK.finditer(text):
        parts += [TAG.sub(rf"<{JOINER}\1", text[kept : line_break.start()]), line_break[0]]
        kept = line_break.end()
    return "".join([*parts, TAG.sub(rf"<{JOINER}\1", text[kept:])])


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each of which is surely code or not."""
    if UNUSUAL.search(text):
        yield text, False
        return
    lines = text.splitlines(keepends=True)
    between: list[str] = []
    number = 0
    while number < len(lines):
        if OPENING.fullmatch(lines[number].rstrip("\n")) and (end := _fenced(lines, number)):
            yield from _spans("".join(between))
            yield "".join(lines[number:end]), True
            between, number = [], end
            continue
        if lines[number].lstrip(" \t>*+-0123456789.)").startswith(("```", "~~~")):  # a fence may begin here, or not
            break
        between.append(lines[number])
        number += 1
    yield from _spans("".join(between))
    yield "".join(lines[number:]), False


def _fenced(lines: list[str], start: int) -> int:
    """The line behind the end of the code that begins in line `start`; 0 where that is not sure."""
    opening = OPENING.fullmatch(lines[start].rstrip("\n"))
    fence = opening[1] if opening else ""
    if (
        start and lines[start - 1] != "\n"
    ):  # a paragraph before it, and an underline behind it, would be a heading to some
        for line in lines[start:]:
            if line == "\n":
                break
            if UNDERLINE.fullmatch(line.rstrip("\n")):
                return 0
    for number, line in enumerate(lines[start + 1 :], start + 1):
        stripped = line.strip()
        if stripped.startswith(fence) and not stripped.strip("`~"):
            simple = line.rstrip("\n").rstrip(" ") == stripped == fence[0] * len(stripped)
            return number + 1 if simple else 0
    return 0


def _spans(text: str) -> Iterator[tuple[str, bool]]:
    for paragraph in re.split(r"(\n{2,})", text):
        spans = list(SPAN.finditer(paragraph))
        if not spans or TAKES_AWAY.search(TAG.sub("", SPAN.sub(r"\1", paragraph))) or "\\" in paragraph:
            yield paragraph, False
            continue
        end = 0
        for span in spans:
            yield paragraph[end : span.start(2)], False
            yield span[2], True
            end = span.end()
        yield paragraph[end:], False
