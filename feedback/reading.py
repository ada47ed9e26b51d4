"""Reading a labeller's answer: by header, not by position, and never a number that is not there.

Whatever the answer looks like, there is one entry for each text that was asked about; what can't be read is unrated.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from feedback.types import RatingStatus

EDGE = r"[ \t>#*_`\-•\"']*"  # never over a line's end: patterns that begin anew at each line would take for ever
COLON = r"[ \t*_`\"']*[:=：]"
TYPE = rf"types?(?={COLON}[ \t*_`\"'(\[]*(?:[0-9]|none\b|n\s*/\s*a))"
KIND = rf"(rating|score|rationale|reason|explanation|{TYPE}){COLON}"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
TEXT = rf"<?(?:text|response|answer)[ \t]*#?[ \t]*([0-9]{{1,3}}|(?:{'|'.join(NUMBERS)})\b)"
HEADER = re.compile(
    rf"^{EDGE}(output[ \t]+for[ \t]+)?(?:(?:rating|score)[ \t]+(?:for|of)[ \t]+)?{TEXT}"
    rf"(?:[ \t>*_#:：.`-]*$|(?=[ \t>*_#:：.,;`(|–-]+{KIND}))",
    re.I | re.M,
)
OWN = re.compile(rf"^{EDGE}()(?:rating|score)[ \t]+(?:for|of)[ \t]+{TEXT}{COLON}[ \t*_`]*(?=\S)", re.I | re.M)
"""The rating and its text in one label: "Rating for Text 2: 4"."""
INLINE = re.compile(rf"(?<=[.!?;|])[ \t]+(){TEXT}(?=[ \t>*_#:：.,;`(|–-]+(?:rating|score){COLON})", re.I)
"""A header in the middle of a line, right before its rating."""
ITEM = re.compile(rf"^[ \t>*_]*([0-9]{{1,2}})[.)][ \t*_]+(?=(?:rating|score){COLON})", re.I | re.M)
"""A number of a list right before a rating."""
LABEL = re.compile(
    rf"^{EDGE}(?:{KIND}|(rating|score)(?=[ \t*_`]+[-–—]?[ \t*_`]*(?:[0-9]|n\s*/\s*a\b))(?:[ \t*_`]+[-–—](?=\s))?"
    r"|(rationale|reason|explanation)[ \t*_`]+[-–—](?=\s))[ \t*_`]*",
    re.I | re.M,
)
ANYWHERE = re.compile(rf"\b{KIND}[ \t*_`]*", re.I)
ROW = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.M)
BARE = re.compile(r"\A[ \t\n*_`]*[0-9](?:\.[0-9]+)?(?:[ \t]*/[ \t]*5)?[ \t*_`.]*(?:\n|\Z)")
LAST_WORD = re.compile(r"[0-9.]+\s*(?:/\s*5)?[\s*_`.)]*\Z")
KEY = re.compile(r"(?:text|response|answer)?[\s_#-]*([0-9]{1,3})", re.I)
NUMBER = re.compile(
    r"\A[\s*_`\"'(\[<{]*(?:\\boxed\{)?([0-9]+(?:\.[0-9]+)?)(?![\d.,]*\d|[^\W_]|\s*(?:[-–—~]|to|or)\s*\d)"
    r"(?:\s*\(?(?:/|out of|of)\s*([0-9]+(?:\.[0-9]+)?|five\b))?\s*(%)?",
    re.I,
)
OTHERWISE = re.compile(
    r"=|½|¼|¾|\A\s*points?\s+off|\b(?:out\s+of|scale|possible|between)\b|\bof\s+(?:10|ten)\b|\bto\s+(?:10|ten|100)\b"
    r"|(?:\.\.\.|…)",
    re.I,
)
"""What behind a number says that it is no rating by itself: a rubric, another scale, a range."""
PAUSE = re.compile(r"\A[\s*_`\"')\]}>]*(?:\Z|[.,;:!(|–—-]|because\b|since\b|as\b|stars?\b)", re.I)
NOT_APPLICABLE = re.compile(r"\A[\s*_`\"'(\[]*(?:n\s*/\s*a\b|not applicable\b|none[\s*_`\"').\]]*\Z)", re.I)
KINDS = re.compile(
    r"\A[\s*_`\"'(\[]*([0-9](?:(?:[ \t]*(?:,|;|/|&|and\b)[ \t]*(?:and[ \t]+)?|[ \t]+)[0-9](?![0-9]|\.[0-9]))*)"
    r"(?![0-9]|\.[0-9]|[ \t]*[-–—][ \t]*[0-9])"
)
"""The numbers that a list of kinds begins with: "1, 2 and 3"; not a range."""

COLUMNS = {
    "text": ("text", "response", "answer", "output"),
    "rating": ("rating", "score"),
    "rationale": ("rationale", "reason", "explanation"),
}
JSON = re.compile(r'\{\s*"|\[\s*\{')
TAIL = re.compile(r"(?:</?(?:text|response)[ \t]{0,3}[0-9]{0,3}>|<\|[^|<>]{1,40}\|>|</s>|```)\Z", re.I)
BLANKS, LINES = re.compile(r"[ \t]{40,}"), re.compile(r"\n{3,}")
LONGEST_RATING = 300
"""Characters behind the label of a rating that are looked at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was said of one text."""

    status: RatingStatus
    value: float | None = None
    rationale: str = ""
    note: str = ""
    types: tuple[int, ...] | None = None
    types_rationale: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What an answer says of one text, as it stands there."""

    rating: Any = None
    rationale: str = ""
    types: Any = None
    types_rationale: str = ""


def read(answer: str, texts: int, *, not_applicable: bool, types: int = 0) -> list[Entry]:
    """One entry for each of `texts` texts, in the order in which the prompt showed them.

    `types`: the number of kinds that the aspect knows, 0 where they were not asked for.
    """
    answer = _even(answer)
    start = JSON.search(answer)
    if start and not any(mark.search(answer, 0, start.start()) for mark in (HEADER, LABEL)):
        parts = _parts_of_json(_decoded(answer, start.start()), texts)
    else:
        parts = _parts_of_text(answer, texts)
    return [_entry(parts.get(number), not_applicable, types) for number in range(1, texts + 1)]


def _even(answer: str) -> str:
    """The answer with one kind of line end and without long runs of blanks, over which patterns would take for ever."""
    lines = BLANKS.sub(" ", answer.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return LINES.sub("\n\n", "\n".join(line.rstrip(" \t") for line in lines))


def _decoded(answer: str, start: int) -> Any:
    """The JSON that begins there. One that was cut off gives None: its rationale may hold any words, so it is not searched."""
    try:
        return json.JSONDecoder().raw_decode(answer, start)[0]
    except (ValueError, RecursionError):
        return None


def score(said: Any, *, not_applicable: bool) -> tuple[RatingStatus, float | None, str]:
    """(status, value, note) of what stands where the rating should be: a number, a text, or nothing."""
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return "unrated", None, "no rating in the answer"
    words = str(said).strip()[:LONGEST_RATING]
    if NOT_APPLICABLE.match(words):
        return ("not-applicable", None, "") if not_applicable else ("unrated", None, "N/A, which this aspect has not")
    match = NUMBER.match(words)
    if match is None:
        return "unrated", None, f"no number where the rating should be: {words[:40]!r}"
    value, scale, percent = float(match[1]), match[2], match[3]
    rest = words[match.end() :].partition("\n")[0]
    if OTHERWISE.search(rest) or (re.search("[0-9]", rest) and not PAUSE.match(rest)):
        return "unrated", None, f"more than a rating where it should be: {words[:40]!r}"
    if percent or (scale and scale.lower() not in ("five", "5", "5.0")) or not 1 <= value <= 5:
        return "unrated", None, f"not on the scale from 1 to 5: {words[:40]!r}"
    return "rated", value, ""


def kinds(said: Any, types: int) -> tuple[int, ...] | None:
    """The kinds that an answer names, of `types`; () for none of them, None for what can't be read."""
    if not types or said is None or isinstance(said, bool):
        return None
    if isinstance(said, (list, tuple)):
        said = ", ".join(map(str, said)) or "none"
    words = str(said).strip()[:LONGEST_RATING]
    listed = KINDS.match(words)
    found = (
        tuple(dict.fromkeys(int(n) for n in re.findall("[0-9]", listed[1]) if 1 <= int(n) <= types)) if listed else ()
    )
    return found or (() if re.match(r"[\s*_`\"'(\[]*(?:none\b|n\s*/\s*a\b)", words, re.I) else None)


def _entry(part: Part | None, not_applicable: bool, types: int) -> Entry:
    if part is None:
        return Entry("unrated", note="the answer does not speak of this text")
    status, value, note = score(part.rating, not_applicable=not_applicable)
    said, why = _trimmed(part.rationale), _trimmed(part.types_rationale)
    if not types:  # not asked for, so that the only reason given is that of the rating
        return Entry(status, value, said or why, note)
    return Entry(status, value, said, note, kinds(part.types, types), why)


def _trimmed(text: str) -> str:
    """A rationale without the tags and end tokens behind it."""
    text = text.strip()
    while True:
        before, line_end, last = text.rpartition("\n")
        found = TAIL.search(text, max(0, len(text) - 60))
        if line_end and not last.strip(" \t>#*_`-"):
            text = before.rstrip()
        elif found is not None:
            text = text[: found.start()].rstrip()
        else:
            return text


def _parts_of_json(found: Any, texts: int) -> dict[int, Part]:
    if isinstance(found, Mapping) and texts == 1 and "rating" in found:
        return {1: _said(found)}
    parts: dict[int, Part] = {}
    items: Any = found
    if isinstance(found, Mapping):
        for name, value in found.items():
            if isinstance(value, Mapping) and (number := KEY.fullmatch(name)):
                parts[int(number[1])] = _said(value)
        items = next((value for value in found.values() if isinstance(value, list)), [])
    for item in items or []:
        if not isinstance(item, Mapping):
            continue
        if re.fullmatch("[0-9]{1,3}", str(item.get("text"))):
            parts[int(item["text"])] = _said(item)
        elif texts == 1:
            parts[1] = _said(item)
    return parts


def _said(item: Mapping[str, Any]) -> Part:
    rationale, why = (
        value if isinstance(value, str) else "" for value in (item.get("rationale"), item.get("types_rationale"))
    )
    return Part(item.get("rating"), rationale, item.get("types"), why)


def _parts_of_text(answer: str, texts: int) -> dict[int, Part]:
    if (table := _parts_of_table(answer)) and table.keys() >= set(range(1, texts + 1)):
        return table
    headers = _headers(answer, texts)
    if not headers:
        return {1: _labels(answer)} if texts == 1 else {}
    said: list[tuple[int, Part]] = []
    for (number, _, start), following in zip(headers, [*headers[1:], None], strict=True):
        part = _labels(answer[start : following[1] if following else len(answer)].lstrip(" :：.,;(|–"))
        if said and said[-1][0] == number and part.rating is None and not said[-1][1].rationale:
            said[-1] = (
                number,
                replace(said[-1][1], rationale=part.rationale),
            )  # "Text 1 Rating: ...", "Text 1 Rationale: ..."
        else:
            said.append((number, part))
    return _chosen(said, texts)


def _chosen(said: Sequence[tuple[int, Part]], texts: int) -> dict[int, Part]:
    """What counts where an answer speaks of a text several times: the last round through all of them (an answer behind a draft
    or an echo), else the first rating of each. So a remark about one text behind another one changes nothing.
    """
    rounds: list[dict[int, Part]] = [{}]
    for number, part in said:
        if number in rounds[-1]:
            rounds.append({})
        rounds[-1][number] = part
    if whole := [one for one in rounds if one.keys() >= set(range(1, texts + 1))]:
        return whole[-1]
    first: dict[int, Part] = {}
    for number, part in said:
        if number not in first or first[number].rating is None:
            first[number] = part
    return first


def _headers(answer: str, texts: int) -> list[tuple[int, int, int]]:
    """(number of the text, where its header begins, where its part begins), in the order of the answer.

    Where all texts have a header as it was asked for, no other one counts.
    """
    matches = list(HEADER.finditer(answer))
    if {_number(match) for match in matches if match[1]} >= set(range(1, texts + 1)):
        return [(_number(match), match.start(), match.end()) for match in matches if match[1]]
    found = {match.start(): (_number(match), match.start(), match.end()) for match in matches}
    for match in OWN.finditer(answer):  # its rating stands behind it without a label of its own
        found[match.start()] = (_number(match), match.start(), match.start())
    named = {number for number, _, _ in found.values()}
    for match in INLINE.finditer(answer):
        if _number(match) not in named:
            found[match.start()] = (_number(match), match.start(), match.end())
    if not found and texts > 1:
        items = list(ITEM.finditer(answer))
        if [int(match[1]) for match in items] == list(range(1, texts + 1)):
            found = {match.start(): (int(match[1]), match.start(), match.end()) for match in items}
    return [found[at] for at in sorted(found)]


def _number(match: re.Match[str]) -> int:
    said = match[2].lower()
    return NUMBERS.index(said) + 1 if said in NUMBERS else int(said)


def _parts_of_table(answer: str) -> dict[int, Part]:
    """A Markdown table with a column of ratings and one of texts; {} where there is none, or where an answer has begun before."""
    first = ROW.search(answer)
    if first is None or any(mark.search(answer, 0, first.start()) for mark in (HEADER, OWN, LABEL)):
        return {}
    rows = [[cell.strip(" *_`") for cell in match[1].split("|")] for match in ROW.finditer(answer)]
    names = [re.sub(r"[^a-z]", "", cell.lower()) for cell in rows[0]]
    places = {kind: next((k for k, name in enumerate(names) if name in known), None) for kind, known in COLUMNS.items()}
    text, rating, why = (places[kind] for kind in ("text", "rating", "rationale"))
    parts: dict[int, Part] = {}
    for row in rows[1:]:
        if text is None or rating is None or len(row) != len(names):
            continue
        if (number := KEY.fullmatch(row[text])) and int(number[1]) not in parts:
            parts[int(number[1])] = Part(row[rating], "" if why is None else row[why])
    return parts


def _labels(body: str) -> Part:
    """What stands behind the labels "Rating:", "Rationale:" and "Type:" in one part of the answer.

    A rationale belongs to the types where it follows them and the rating comes later, else to the rating.
    """
    if own := OWN.match(body):
        return replace(_labels(body[own.end() :].partition("\n")[2]), rating=body[own.end() :].partition("\n")[0])
    marks = list(LABEL.finditer(body))
    if not marks and (bare := BARE.match(body)):
        return Part(bare[0].strip(), body[bare.end() :].strip())
    if len(marks) == 1:
        inside = [m for m in ANYWHERE.finditer(body, marks[0].end()) if _rates(m) != _rates(marks[0])]
        marks += [m for m in inside if not _rates(m) or LAST_WORD.match(body, m.end())][:1]
    said: dict[str, str] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(body)]
    for mark, end in zip(marks, ends if marks else [], strict=True):
        kind = "rating" if _rates(mark) else "types" if _word(mark).startswith("type") else "rationale"
        if kind == "rationale" and "types" in said and "rating" not in said and "types_rationale" not in said:
            kind = "types_rationale"
        if not said.get(kind):
            said[kind] = body[mark.end() : end].strip()
    return Part(said.get("rating"), said.get("rationale", ""), said.get("types"), said.get("types_rationale", ""))


def _rates(mark: re.Match[str]) -> bool:
    return _word(mark) in ("rating", "score")


def _word(mark: re.Match[str]) -> str:
    return next(group for group in mark.groups() if group).lower()
