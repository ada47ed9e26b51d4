"""Reading a labeller's answer: by header, not by position, and never a number that is not there.

Whatever the answer looks like, there is one entry for each text that was asked about; what can't be read is unrated.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feedback.types import RatingStatus
from tasks.reading import json_in

EDGE = r"[\s>#*_`\-•\"']*"
HEADER = re.compile(
    rf"^{EDGE}(?:(?:output|rating)\s+for\s+)?<?(?:text|response|answer)\s*#?\s*([0-9]{{1,3}})[\s>*_#:.`-]*$",
    re.I | re.M,
)
LABEL = re.compile(rf"^{EDGE}(rating|score|rationale|reason|explanation)[\s*_`\"']*[:=][\s*_`]*", re.I | re.M)
ANYWHERE = re.compile(r"\b(rating|rationale)\s*[:=][\s*_`]*", re.I)
NUMBER = re.compile(
    r"\A[\s*_`\"'(\[]*([0-9]+(?:\.[0-9]+)?)(?![\d.]*\d)(?:\s*(?:/|out of)\s*([0-9]+(?:\.[0-9]+)?))?\s*(%)?",
    re.I,
)
NOT_APPLICABLE = re.compile(r"\A[\s*_`\"'(\[]*(?:n\s*/\s*a|not applicable|none)\b", re.I)


@dataclass(frozen=True, slots=True)
class Entry:
    """What was said of one text."""

    status: RatingStatus
    value: float | None = None
    rationale: str = ""
    note: str = ""


def read(answer: str, texts: int, *, not_applicable: bool) -> list[Entry]:
    """One entry for each of `texts` texts, in the order in which the prompt showed them."""
    found = json_in(answer)
    if isinstance(found, (dict, list)):
        parts = _parts_of_json(found, texts)
    elif answer.lstrip().startswith(("{", "[{")):
        parts = {}  # JSON that was cut off: its rationale may hold any words, so it is not searched
    else:
        parts = _parts_of_text(answer, texts)
    return [_entry(parts.get(number), not_applicable) for number in range(1, texts + 1)]


def score(said: Any, *, not_applicable: bool) -> tuple[RatingStatus, float | None, str]:
    """(status, value, note) of what stands where the rating should be: a number, a text, or nothing."""
    if isinstance(said, bool) or said is None:
        return "unrated", None, "no rating in the answer"
    words = str(said).strip()
    if NOT_APPLICABLE.match(words):
        return ("not-applicable", None, "") if not_applicable else ("unrated", None, "N/A, which this aspect has not")
    match = NUMBER.match(words)
    if match is None:
        return "unrated", None, f"no number where the rating should be: {words[:40]!r}"
    value, scale, percent = float(match[1]), match[2], match[3]
    if percent or (scale and float(scale) != 5) or not 1 <= value <= 5:
        return "unrated", None, f"not on the scale from 1 to 5: {words[:40]!r}"
    return "rated", value, ""


def _entry(part: tuple[Any, str] | None, not_applicable: bool) -> Entry:
    if part is None:
        return Entry("unrated", note="the answer does not speak of this text")
    status, value, note = score(part[0], not_applicable=not_applicable)
    return Entry(status, value, part[1].strip(), note)


def _parts_of_json(found: Any, texts: int) -> dict[int, tuple[Any, str]]:
    if isinstance(found, Mapping) and texts == 1 and "rating" in found:
        return {1: (found["rating"], str(found.get("rationale") or ""))}
    items: Any = found
    if isinstance(found, Mapping):
        items = next((value for value in found.values() if isinstance(value, list)), [])
    parts: dict[int, tuple[Any, str]] = {}
    for item in items:
        if isinstance(item, Mapping) and isinstance(item.get("text"), int):
            parts[item["text"]] = (item.get("rating"), str(item.get("rationale") or ""))
        elif isinstance(item, Mapping) and texts == 1:
            parts[1] = (item.get("rating"), str(item.get("rationale") or ""))
    return parts


def _parts_of_text(answer: str, texts: int) -> dict[int, tuple[Any, str]]:
    answer = answer.replace("\r\n", "\n").replace("\r", "\n")
    headers = list(HEADER.finditer(answer))
    if not headers:
        return {1: _labels(answer)} if texts == 1 else {}
    parts: dict[int, tuple[Any, str]] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        body = answer[header.start() : following.start() if following else len(answer)]
        rating, rationale = _labels(body.partition("\n")[2] or body)
        number = int(header[1])
        if rating is not None or number not in parts:
            parts[number] = (rating, rationale)
    return parts


def _labels(body: str) -> tuple[str | None, str]:
    """(what stands behind "Rating:", what stands behind "Rationale:") in one part of the answer."""
    marks: Sequence[re.Match[str]] = list(LABEL.finditer(body))
    on_one_line = [m for m in ANYWHERE.finditer(body) if m.start() not in {mark.start() for mark in marks}]
    kinds = [m[1].lower() for m in marks]
    if len(marks) == 1 and len(on_one_line) == 1 and on_one_line[0][1].lower() not in kinds:
        marks = sorted([*marks, *on_one_line], key=lambda m: m.start())
    rating: str | None = None
    rationale = ""
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        said = body[mark.end() : following.start() if following else len(body)].strip()
        if mark[1].lower() in ("rating", "score"):
            rating = said if rating is None else rating
        elif not rationale:
            rationale = said
    return rating, rationale
