"""Reading the lists that models write, as a careful person would: numbered or not, wrapped in prose, fences, tables or JSON.

An item is what the list says, no more and no less: its number, bullet, title, quotes and emphasis go, the lines that belong
to it stay, and what is said around the list is no item. Where it is not clear what a line is, nothing of it is lost.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tasks.text.answers import FENCE, JSON, WHOLE_BOLD, means_json, unbold, unquoted
from tasks.text.courtesies import is_hope
from tasks.text.lenient_json import decode
from tasks.text.list_markers import (
    FIRST_LETTERS,
    INTRODUCTION,
    LABEL,
    LIST_KEY,
    LISTED,
    LONGEST_INTRODUCTION,
    OPENING,
    POINTING,
    REFUSAL,
    REMARK,
    TAG,
    Line,
    announces,
    bare,
    introduces,
    is_caption,
    is_label,
    is_rule,
    is_sentence,
    line_of,
    untitled,
)
from tasks.text.patterns import lazy_pattern
from tasks.text.turn_tokens import turn

ROW, RULE = lazy_pattern(r"\A\s*\|.*\|\s*\Z"), lazy_pattern(r"\A\s*+\|(?:\s*+:?-++:?\s*+\|)++\s*+\Z")
IN_A_LINE = tuple(map(lazy_pattern, (r"(?:(?<=\s)|^)\(?(\d{1,2})([.)])\s+(?=\S)", r"(?:(?<=\s)|^)([•●▪])(\s)(?=\S)")))
LISTED_LAST = lazy_pattern(rf"\b{LISTED}\W*\Z", re.IGNORECASE)
ANSWER = lazy_pattern(r"\Aanswer\s*[:：]", re.IGNORECASE)
REMARKED = lazy_pattern(r"(?<!\s)\s++[*_]\([A-Za-z][A-Za-z ,/&-]{2,40}\)[*_]\Z")
PICTURE = lazy_pattern("[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?\\s+")
ABOUT_PICTURES = lazy_pattern(r"\b(?:emoji|symbol|icon|sign)s?\b", re.IGNORECASE)
KEYS = ("instruction", "request", "query", "question", "prompt", "task", "text", "content", "input")
NO_INPUT = lazy_pattern(r"<?no ?input>?|none|n/a|-", re.IGNORECASE)
"""What stands for no input at all: Self-Instruct's own word first."""
NUMBERED_KEY = lazy_pattern(r"[a-z]*[ _-]?\d{1,3}", re.IGNORECASE)
LITERAL = lazy_pattern(
    r"\A\s*+(?:```\w{0,10}[ \t]*\n\s*+)?(?:[^\W\d]\w{0,30} ?= ?(?=[\[{])|(?=[\[{]\s*+'))"
    r"(?=(?:\{\s*+['\"]\w{1,30}['\"]\s*+:\s*+)?\[\s*+['\"{])"
)
"""What begins a list as Python writes it: "['Name a river.'", "instructions = ["."""
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
    text = re.sub("\r\n?|\u2028|\u2029", "\n", answer)
    if (whole := turn(text)) != text.strip():
        text = f"{whole}\n"  # a token that ends a turn ends its last item too
    if (parsed := _json_items(text)) is not None or (parsed := _literal_items(text)) is not None:
        return parsed
    items = lines_in(text)
    last = text.rpartition("\n")[2].strip()
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
    if len(items) > 1 and all(map(REMARKED.search, items)):
        items = [REMARKED.sub("", item) for item in items]
    return [item for item in items if item]


# -- JSON


def _json_items(text: str) -> tuple[list[str], str] | None:
    """The items of the JSON in `text`; None if there is none that means the answer."""
    start = JSON.search(text)
    if start is None or any(line_of(line).kind == "number" for line in text[: start.start()].split("\n")):
        return None  # JSON in an item of a list in prose is not the list
    values: list[Any] = []
    before, prose, end = text[: start.start()], [], start.start()
    while start is not None:
        prose.append(text[end : start.start()])
        try:
            value, stop = DECODER.raw_decode(text, start.end())
        except (ValueError, RecursionError):
            if not values:
                return _unfinished(text[start.end() :]) if means_json(text) else None
            end = len(text)  # cut off: no more is said
            break
        line = text.find("\n", stop)
        if text[stop : line if line >= 0 else len(text)].strip("` \t,;"):
            break
        values.append(value)
        end, start = stop, JSON.search(text, stop)
    prose.append(text[end:])
    items = _texts(values)
    if not values or not _is_answer(text, before, "\n".join(prose), items):
        return None
    return (items, "") if items or means_json(text) else None


def _literal_items(text: str) -> tuple[list[str], str] | None:
    """The items of a Python list, or of an object with one, that is all of `text`; the text as the rest where it does not end."""
    start = LITERAL.match(text)
    if start is None:
        return None
    try:
        value, end = decode(text, start.end())
    except ValueError:
        return [], text[start.end() :].strip()
    return (_texts([value]), "") if not text[end:].strip("` \t\n;") else None


def _is_answer(text: str, before: str, after: str, items: Sequence[str]) -> bool:
    """Whether JSON with these items is the list: it begins the answer, and what is said behind it are but remarks.

    One other line may follow where the items are sentences; values in a request hardly are.
    """
    if not means_json(text) and _others(before):
        return False
    others = [line for line in _others(after) if len(line.text.split()) > 1]
    return len(others) <= (1 if _requests(items) * 2 > len(items) else 0)


def _others(text: str) -> list[Line]:
    """The lines around a list that are more than fences, titles, introductions and remarks."""
    lines = [line_of(line.strip(" \t,;")) for line in text.split("\n")]
    text_lines = [line for line in lines if line.text and line.kind != "fence" and not is_rule(line.text)]
    titles = {id(line) for line in text_lines if line.kind == "heading" and is_label(line.rest)}
    text_lines = [
        line for line in text_lines if id(line) not in titles and not introduces(line) and not REMARK.match(line.text)
    ]
    return [line for line in text_lines if "?" in line.text or not OPENING.match(line.text)]


def _requests(values: Iterable[Any]) -> int:
    """How many of these look like requests: texts of three words and more."""
    return sum(len(_text(value).split()) > 2 for value in values)


def _texts(values: Sequence[Any]) -> list[str]:
    """The items that JSON values hold: of a list, of the list in an object (the one named so), of one object a line."""
    items: list[Any] = []
    for value in values:
        if isinstance(value, list):
            items += value
        elif isinstance(value, Mapping):
            if lists := {key: entry for key, entry in value.items() if isinstance(entry, list)}:
                named = next((entry for key, entry in lists.items() if LIST_KEY.fullmatch(key)), None)
                items += max(lists.values(), key=_requests) if named is None else named
            elif value and all(NUMBERED_KEY.fullmatch(key) and isinstance(entry, str) for key, entry in value.items()):
                items += value.values()
            elif len(values) > 1:
                items.append(value)
    return _bare_of_json([text for text in map(_text, items) if text])


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return value.strip() if isinstance(value, str) else ""
    texts = {key: value[key].strip() for key in KEYS if isinstance(value.get(key), str)}
    main_key = next(iter(texts), "")
    under = texts.get("input", "") if main_key != "input" else ""
    return "\n\n".join(filter(None, (texts.get(main_key), "" if NO_INPUT.fullmatch(under) else under)))


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
        while end < len(text) and text[end].isspace():
            end += 1
        if text[end : end + 1] not in ("", ",", "]"):
            break
        values.append(value)
        at = end if text[end : end + 1] == "," else -1
    return _texts([values]), text[at:].strip() if at >= 0 else ""


# -- lines


def _unfenced(text: str) -> str:
    """What is in the fence around a list, or the text as it is."""
    fence = FENCE.match(text)
    return fence[1] if fence else text


def _one_a_line(text: str) -> str:
    """A list that stands on one line, "1) a 2) b", as lines."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        for pattern in IN_A_LINE if len(line) > 5 else ():
            markers = list(pattern.finditer(line))
            numbers = [marker[1] for marker in markers]
            in_order = numbers == [str(n + 1) for n in range(len(markers))] or set(numbers) <= set("•●▪")
            if len(markers) < 2 or not in_order or len({marker[2] for marker in markers}) > 1:
                continue
            before = line[: markers[0].start()].strip()
            if before and (len(before) > LONGEST_INTRODUCTION or not INTRODUCTION.match(before.rstrip(": "))):
                continue
            if sum(line_of(line).kind == "number" for line in lines) > 1:
                return text
            ends = [marker.start() for marker in markers[1:]] + [len(line)]
            lines[index] = "\n".join(
                line[marker.start() : end].strip() for marker, end in zip(markers, ends, strict=True)
            )
            return "\n".join(lines)
    return text


def _marked(lines: Sequence[Line]) -> list[str]:
    """The items of a list whose items are marked, all in one way; none if it is no such list."""
    first = next((line for line in lines if line.text and not introduces(line) and not is_rule(line.text)), None)
    for kind in ("number", "bullet", "letter", "quote", "heading"):
        kinds = ("quote", "heading") if kind in ("quote", "heading") else (kind,)
        marked = [line for line in lines if line.kind in kinds]
        least = min((line.indent for line in marked), default=0)
        top = [line for line in marked if line.indent < least + 2]
        alone = len(top) == 1 and top[0] is first and kind in ("number", "bullet") and len(marked) == 1
        if kind == "letter" and top and top[0].text.lstrip("(")[0].casefold() not in FIRST_LETTERS:
            continue
        if len(top) > 1 or (alone and (kind == "bullet" or top[0].number == 1)):
            items = list(_grouped(lines, top))
            if top[0].kind == "heading" and _are_captions(items):
                return [text for item in items for line in item.more if (text := bare(line.text))]
            return [text for item in items for text in _texts_of(item)]
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


def _are_captions(items: Sequence[Item]) -> bool:
    """True for headings over parts of a list whose items are not marked."""
    lines = [line for item in items for line in item.more]
    plain = all(item.more and (is_label(item.line.rest) or LISTED_LAST.search(item.line.rest)) for item in items)
    return plain and len(lines) > len(items) and not any(line.kind or line.indent for line in lines)


def _carries_on(item: Item, line: Line, after_blank: bool) -> bool:
    """Whether a line at the margin belongs to the item above it."""
    last = (item.more[-1] if item.more else item.line).text
    if REMARK.match(line.text) or line.kind == "heading" or WHOLE_BOLD.match(line.text):
        return False
    if after_blank:
        return last.rstrip("*_ ").endswith((":", "：")) and not introduces(line)
    return line.kind != "fence" or last.rstrip("*_ ").endswith((":", "："))


def _texts_of(item: Item) -> list[str]:
    """What an item says: one text; or those below it, where it is but their title."""
    more = list(item.more)
    while more and (not more[-1].text or (more[-1].kind == "" and REMARK.match(more[-1].text))):
        more.pop()
    if sum(line.kind == "fence" for line in more) % 2:
        more = more[: max(index for index, line in enumerate(more) if line.kind == "fence")]
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
    return unquoted(unbold("\n".join([first, *lines] if first else lines)).strip())


def _is_title(text: str) -> bool:
    """True for the name of what stands below, as "**Creative Writing**" or "Maths:"."""
    title = WHOLE_BOLD.sub(r"\1", text.strip())
    if title.endswith((".", "?", "!")):
        return False
    return is_label(title.rstrip(": "))


def _plain(lines: Sequence[Line]) -> list[str]:
    """The items of a list whose items are not marked: a line each."""
    unfenced = [line for line in lines if line.kind != "fence" and not TAG.match(line.text)]
    shown = [line for line in unfenced if line.text and not is_rule(line.text) and not REFUSAL.match(line.text)]
    captions = [line for line in shown if WHOLE_BOLD.match(line.text) and LISTED_LAST.search(line.text.strip("*"))]
    if captions and shown[0] in captions and len(captions) < len(shown):
        shown = [line for line in shown if line not in captions]
    if len(shown) > 1 and [bool(ANSWER.match(line.text)) for line in shown] == [False, True] * (len(shown) // 2):
        shown = shown[::2]
    while len(shown) > 1 and (REMARK.match(shown[-1].text) or is_hope(shown[-1].text)):
        shown.pop()
    shown = _without_asides(unfenced, shown)
    below = {id(line): under for line, under in pairwise(unfenced) if under.text}
    rest = iter(shown)
    items: list[str] = []
    opens, alone = True, False
    for line in rest:
        under = below.get(id(line))
        alone = _asks(line) and (_asks(under) if under else alone)  # no material: another request stands below it
        if not introduces(line) or alone:
            items.append(bare(line.text))
            opens = False
        elif under and not is_caption(line) and not (opens and announces(line)):
            items.append(_joined(untitled(line.text), [under], under.indent))
            next(rest, None)
            opens = False
    return _without_pictures([item for item in items if item])


def _without_asides(unfenced: Sequence[Line], shown: Sequence[Line]) -> list[Line]:
    """The lines of a list without one before and one behind it, which blank lines set apart from all the others."""
    apart = {id(line) for before, line in pairwise(unfenced) if line.text and not before.text}
    if not shown:
        return []
    gaps = [number for number, line in enumerate(shown) if number and id(line) in apart]
    first = 1 if 1 in gaps and _is_aside(shown[0]) else 0
    last = len(shown) - 1 if len(shown) - 1 in gaps and _is_aside(shown[-1]) else len(shown)
    opened = 1 if first or introduces(shown[0]) else 0
    inner = [number for number in gaps if opened < number < last]
    return list(shown if inner or last - opened < 2 else shown[first:last])


def _is_aside(line: Line) -> bool:
    """True for a line that may be said around a list: unmarked, and neither a question nor what introduces something."""
    return not line.kind and line.text.endswith((".", "!", "。", "！", "…", "।"))


def _asks(line: Line) -> bool:
    """True for a request that points at its material: "Translate this sentence:"."""
    pointing = line.text.endswith((":", "：")) and POINTING.search(line.text) is not None
    return pointing and not line.kind and not is_caption(line) and not announces(line)


def _without_pictures(items: list[str]) -> list[str]:
    """Items without the emoji before each of them."""
    matches = [PICTURE.match(item) for item in items]
    if len(items) < 2 or not all(matches) or any(ABOUT_PICTURES.search(item) for item in items):
        return items
    return [bare(PICTURE.sub("", item, count=1)) for item in items]


def _cells(text: str) -> list[str] | None:
    """The column of a table that says the most; None if there is no table, or more around it than introductions and remarks."""
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and lines[-1].lstrip().startswith("|") and not ROW.match(lines[-1]):
        lines.pop()  # cut off
    rules = {index for index, line in enumerate(lines) if RULE.match(line)}
    if not rules or _others("\n".join(line for line in lines if not ROW.match(line))):
        return None
    passed = rules | {index - 1 for index in rules}
    shown = [line for index, line in enumerate(lines) if ROW.match(line) and index not in passed]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in shown]
    width = min(map(len, rows), default=0)
    if not width:
        return None
    column = max(range(width), key=lambda index: sum(len(row[index]) for row in rows))
    return [row[column] for row in rows]


def _flat(text: str) -> str:
    return " ".join(text.split())
