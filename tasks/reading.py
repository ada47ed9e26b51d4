"""Reading what models answer: JSON that may be wrapped in prose or a fence, and lists written in any of the usual ways."""

import json
import re
from typing import Any

FENCE = re.compile(r"\A\s*```[\w-]*\s*\n(.*?)(?:\n```.*|\Z)", re.DOTALL)
MARKER = re.compile(r"\A\s*(?:[-*•–+]\s+|\(?\d{1,3}[.):]\s*|\(?[a-z][.)]\s+|#{1,6}\s+|>\s+)+", re.IGNORECASE)
PAIRS = {'"': '"', "'": "'", "“": "”", "«": "»", "`": "`"}
MARKUP = re.compile(r"\*\*(.+?)\*\*|__(.+?)__")


def json_in(text: str) -> Any:
    """The first JSON object or array in `text`; None where there is none (or one that was cut off)."""
    found = FENCE.match(text)
    text = found[1] if found else text
    decoder = json.JSONDecoder()
    for start in (m.start() for m in re.finditer(r"[\[{]", text)):
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if value or start == 0:
            return value
    return None


def lines_in(text: str) -> list[str]:
    """The items of a list, one a line: without numbers, bullets, quotes, fences and introductory lines.

    >>> lines_in("Sure! Here are two:\\n1. Name a river.\\n2) \\"Why is rain wet?\\"")
    ['Name a river.', 'Why is rain wet?']
    """
    found = FENCE.match(text)
    lines = [line.strip() for line in (found[1] if found else text).replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line and not set(line) <= set("-=*_`#~ ")]
    if sum(bool(MARKER.match(line)) for line in lines) >= 2:
        lines = [line for line in lines if MARKER.match(line)]
    items = [bare(line) for line in lines if not introduces(line)]
    return [item for item in items if item]


def introduces(line: str) -> bool:
    """True for "Here are five questions:" and its like."""
    return line.rstrip("*_ ").endswith(":") and not MARKER.match(line)


def bare(line: str) -> str:
    """One item without its marker, its emphasis and the quotes around it."""
    item = MARKER.sub("", line).strip()
    item = MARKUP.sub(lambda m: m[1] or m[2], item).strip()
    while len(item) > 1 and PAIRS.get(item[0]) == item[-1] and item[0] not in item[1:-1]:
        item = item[1:-1].strip()
    return item
