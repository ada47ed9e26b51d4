"""Reading the lists that models write, as a careful person would: numbered or not, wrapped in prose, fences, tables or JSON.

An item is what the list says, no more and no less: its number, bullet, title, quotes and emphasis go, the lines that belong
to it stay, and what is said around the list is no item. Where it is not clear what a line is, nothing of it is lost.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.markers import (
    FIRST_LETTERS,
    INTRODUCTION,
    LABEL,
    REFUSAL,
    REMARK,
    TAG,
    Line,
    bare,
    introduces,
    is_label,
    is_rule,
    is_sentence,
    line_of,
    untitled,
)
from tasks.reading import FENCE, JSON, MARKUP, WHOLE_BOLD, means_json, unquoted

ROW, RULE = re.compile(r"\A\s*\|.*\|\s*\Z"), re.compile(r"\A\s*\|(?:\s*:?-+:?\s*\|)+\s*\Z")
KEYS = ("instruction", "request", "query", "question", "prompt", "task", "text", "content", "input")
NUMBERED_KEY = re.compile(r"[a-z]*[ _-]?\d{1,3}", re.IGNORECASE)
DECODER = json.JSONDecoder(strict=False)


@dataclass(slots=True)
class Item:
    """An item with the lines that belong to it."""

    line: Line
    more: list[Line] = field(default_factory=list)


def items_in(answer: str, *, cut_off: bool = False) -> tuple[list[str], str]:
    """(the items of a list, what is left of one that does not end): JSON in any wrapping, or lines.

    With `cut_off` the last item, if nothing ends it, is not among them.
    """
    told = re.sub("\r\n?|\u2028|\u2029", "\n", answer)
    if (found := _json_items(told)) is not None:
        return found
    items = lines_in(told)
    last = told.rpartition("\n")[2].strip()
    if cut_off and items and last and _flat(items[-1]).endswith(_flat(bare(last)) or "\n"):
        return items[:-1], items[-1]
    return items, ""


def lines_in(text: str) -> list[str]:
    """The items of a list that is not JSON.

    >>> lines_in("Sure! Here are two:\\n1. Name a river.\\n2) \\"Why is rain wet?\\"\\n\\nLet me know if you need more.")
    ['Name a river.', 'Why is rain wet?']
    """
    text = re.sub("\r\n?", "\n", text)
    if (cells := _cells(text)) is not None:
        return [item for item in map(bare, cells) if item]
    lines = [line_of(line) for line in _one_a_line(_unfenced(text)).split("\n")]
    items = [item for item in (_marked(lines) or _plain(lines)) if any(map(str.isalnum, item)) or len(item) > 3]
    labels = [LABEL.match(item) for item in items]
    if len(items) > 1 and all(labels):
        items = [LABEL.sub("", item, count=1) for item in items]
    return [item for item in items if item]


# -- JSON


def _json_items(text: str) -> tuple[list[str], str] | None:
    """The items of the JSON in `text`; None if there is none that means the answer."""
    start = JSON.search(text)
    if start is None or any(line_of(line).kind == "number" for line in text[: start.start()].split("\n")):
        return None  # JSON in an item of a list in prose is not the list
    values: list[Any] = []
    at = start.end()
    while True:
        try:
            value, end = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        line, _, _ = text[end:].partition("\n")
        if line.strip("` \t,;"):
            return None if not values else (_texts(values), "")
        values.append(value)
        if (start := JSON.search(text, end)) is None:
            break
        at = start.end()
    if values:
        if items := _texts(values):
            return items, ""
        return ([], "") if means_json(text) else None
    return _unfinished(text[at:]) if means_json(text) else None


def _texts(values: Sequence[Any]) -> list[str]:
    """The items that JSON values hold: of a list, of the list in an object, of one object a line."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, list):
            found += value
        elif isinstance(value, Mapping):
            if (inner := next((one for one in value.values() if isinstance(one, list)), None)) is not None:
                found += inner
            elif value and all(NUMBERED_KEY.fullmatch(key) and isinstance(one, str) for key, one in value.items()):
                found += value.values()
            elif len(values) > 1:
                found.append(value)
    return _bare_of_json([text for text in map(_text, found) if text])


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = next((value[key] for key in KEYS if isinstance(value.get(key), str)), None)
    return value.strip() if isinstance(value, str) else ""


def _bare_of_json(items: list[str]) -> list[str]:
    """Without numbers or bullets, where each has one."""
    if items and all(line_of(item).kind in ("number", "bullet") for item in items):
        return [item for item in map(bare, items) if item]
    return items


def _unfinished(text: str) -> tuple[list[str], str]:
    """The whole items of a list that does not end or is not quite JSON, and the rest."""
    at = text.find("[")
    values: list[Any] = []
    while at >= 0:
        at += 1
        while at < len(text) and text[at] in " \t\n,":
            at += 1
        if at >= len(text) or text[at] not in '"{':
            break
        try:
            value, end = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        if text[end:].lstrip()[:1] not in ("", ",", "]"):
            break
        values.append(value)
        at = end if text[end:].lstrip().startswith(",") else -1
        text = text[:end] + text[end:].lstrip() if at >= 0 else ""
    return _texts([values]), text[at:].strip() if at >= 0 else ""


# -- lines


def _unfenced(text: str) -> str:
    """What is in the fence around a list, or the text as it is."""
    found = FENCE.match(text)
    return found[1] if found else text


def _one_a_line(text: str) -> str:
    """A list that stands on one line, "1) a 2) b", as lines."""
    lines = text.split("\n")
    if sum(line_of(line).kind == "number" for line in lines) > 1:
        return text
    for place, line in enumerate(lines):
        for pattern in (r"(?:(?<=\s)|^)\(?(\d{1,2})([.)])\s+(?=\S)", r"(?:(?<=\s)|^)([•●▪])(\s)(?=\S)"):
            found = list(re.finditer(pattern, line))
            numbers = [one[1] for one in found]
            in_order = numbers == [str(n + 1) for n in range(len(found))] or set(numbers) <= set("•●▪")
            if len(found) < 2 or not in_order or len({one[2] for one in found}) > 1:
                continue
            before = line[: found[0].start()].strip()
            if before and not INTRODUCTION.match(before.rstrip(": ")):
                continue
            ends = [one.start() for one in found[1:]] + [len(line)]
            lines[place] = "\n".join(line[one.start() : end].strip() for one, end in zip(found, ends, strict=True))
            return "\n".join(lines)
    return text


def _marked(lines: Sequence[Line]) -> list[str]:
    """The items of a list whose items are marked, all in one way; none if it is no such list."""
    for kind in ("number", "bullet", "letter", "quote", "heading"):
        kinds = ("quote", "heading") if kind in ("quote", "heading") else (kind,)
        marked = [line for line in lines if line.kind in kinds]
        least = min((line.indent for line in marked), default=0)
        top = [line for line in marked if line.indent < least + 2]
        first = next((line for line in lines if line.text and not introduces(line) and not is_rule(line.text)), None)
        alone = len(top) == 1 and top[0] is first and kind in ("number", "bullet") and len(marked) == 1
        if kind == "letter" and top and top[0].text.lstrip("(")[0].casefold() not in FIRST_LETTERS:
            continue
        if len(top) > 1 or (alone and (kind == "bullet" or top[0].number == 1)):
            return [text for item in _grouped(lines, top) for text in _said(item)]
    return []


def _grouped(lines: Sequence[Line], top: Sequence[Line]) -> Iterator[Item]:
    """Each of the marked lines with those that belong to it."""
    starts = {id(line) for line in top}
    item: Item | None = None
    after_blank = fenced = False
    for line in lines:
        if id(line) in starts:
            if item is not None:
                yield item
            item, after_blank, fenced = Item(line), False, False
        elif item is None:
            continue
        elif fenced or (line.text and line.indent > item.line.indent + 1):
            item.more.append(line)
            fenced ^= line.kind == "fence"
        elif not line.text or is_rule(line.text):
            after_blank = True
            continue
        elif _carries_on(item, line, after_blank):
            item.more.append(line)
            fenced ^= line.kind == "fence"
        else:
            yield item
            item = None
        after_blank = False
    if item is not None:
        yield item


def _carries_on(item: Item, line: Line, after_blank: bool) -> bool:
    """Whether a line at the margin belongs to the item above it."""
    last = (item.more[-1] if item.more else item.line).text
    if REMARK.match(line.text) or line.kind == "heading" or WHOLE_BOLD.match(line.text):
        return False
    if after_blank:
        return last.rstrip("*_ ").endswith((":", "：")) and not introduces(line)
    return line.kind != "fence" or last.rstrip("*_ ").endswith((":", "："))


def _said(item: Item) -> list[str]:
    """What an item says: one text; or those below it, where it is but their title."""
    more = list(item.more)
    while more and (not more[-1].text or (more[-1].kind == "" and REMARK.match(more[-1].text))):
        more.pop()
    if sum(line.kind == "fence" for line in more) % 2:
        more = more[: max(place for place, line in enumerate(more) if line.kind == "fence")]
    if more and _is_title(item.line.rest):
        inner = [line for line in more if line.text]
        least = min(line.indent for line in inner)
        if all(line.kind in ("number", "bullet", "letter") and is_sentence(line.rest) for line in inner):
            return [text for line in inner if (text := bare(line.rest))]
        if WHOLE_BOLD.match(item.line.rest.strip()) and not inner[0].kind and is_sentence(bare(inner[0].text)):
            return [_joined("", inner, least)]
    least = min((line.indent for line in more if line.text), default=0)
    text = _joined(bare(item.line.rest) if not more else untitled(item.line.rest), more, least)
    return [text] if text else []


def _joined(first: str, more: Sequence[Line], indent: int) -> str:
    lines = [" " * max(line.indent - indent, 0) + line.text for line in more]
    return unquoted(MARKUP.sub(r"\1", "\n".join([first, *lines] if first else lines)).strip())


def _is_title(text: str) -> bool:
    """True for the name of what stands below, as "**Creative Writing**" or "Maths:"."""
    said = WHOLE_BOLD.sub(r"\1", text.strip())
    if said.endswith((".", "?", "!")):
        return False
    return is_label(said.rstrip(": "))


def _plain(lines: Sequence[Line]) -> list[str]:
    """The items of a list whose items are not marked: a line each."""
    told = [line for line in lines if line.kind != "fence" and not TAG.match(line.text)]
    shown = [line for line in told if line.text and not is_rule(line.text) and not REFUSAL.match(line.text)]
    while shown and introduces(shown[0]):
        shown.pop(0)
    while len(shown) > 1 and REMARK.match(shown[-1].text):
        shown.pop()
    rest = iter(shown)
    items = []
    for line in rest:
        if not introduces(line):
            items.append(bare(line.text))
        elif len(line.text.split()) > 4 and not line.text.endswith("**") and (below := _below(told, line)) is not None:
            items.append(_joined(untitled(line.text), [below], below.indent))
            next(rest, None)
    return [item for item in items if item]


def _below(lines: Sequence[Line], line: Line) -> Line | None:
    """The line right below another."""
    place = next(place for place, one in enumerate(lines) if one is line)
    found = lines[place + 1] if place + 1 < len(lines) else None
    return found if found is not None and found.text else None


def _cells(text: str) -> list[str] | None:
    """The column of a table that says the most; None if there is no table."""
    lines = text.split("\n")
    rule = next((place for place, line in enumerate(lines) if RULE.match(line)), None)
    if rule is None:
        return None
    rows = []
    for line in lines[rule + 1 :]:
        if not ROW.match(line):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])])
    width = min(map(len, rows), default=0)
    if not width:
        return None
    column = max(range(width), key=lambda place: sum(len(row[place]) for row in rows))
    return [row[column] for row in rows]


def _flat(text: str) -> str:
    return " ".join(text.split())
