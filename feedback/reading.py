"""Reading a labeller's answer: by header, not by position, and never a number that is not there.

Whatever the answer looks like, there is one entry for each text that was asked about; what can't be read is unrated.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from feedback.headers import (
    ASPECT,
    HEADER,
    KIND,
    LABEL,
    OWN,
    SHORT,
    WORDED_TYPE,
    in_fence,
    kind,
    level_of,
    places,
    without_closing,
    without_code,
)
from feedback.scores import NUMBER, kinds, score
from feedback.types import RatingStatus

ANYWHERE = re.compile(rf"\b{KIND}[ \t*_`]*", re.I)
ROW = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.M)
BARE = re.compile(r"\A[ \t\n*_`]*[0-9](?:\.[0-9]+)?(?:[ \t]*/[ \t]*5)?[ \t*_`.]*(?:\n|\Z)")
BEFORE_LABEL = re.compile(rf"\A[ \t>*_#:：.,;`(|–-]+(?={KIND})", re.I)
TYPED = (["rationale", "rating", "rationale"], ["rating", "rationale"], ["rationale", "rating"])
"""What may follow the types on their line."""
DASHED = re.compile(r"[ \t*_`)\]★☆⭐]*+(?:\([^()\n]{0,60}\)[ \t*_`]*+)?[-–—:;,.|][ \t]+")
LAST_WORD = re.compile(r"[0-9.]++(?:\s*+/\s*+5)?+[\s*_`.)]*+\Z")
KEY = re.compile(r"(?:output[\s_]++(?:for[\s_]++)?)?(?:text|response|answer)?[\s_#-]*([0-9]{1,3})", re.I)
NAMES = ("text", "id", "response", "answer", "index", "number", "text_id", "name")
"""Keys of JSON items that say which text they speak of."""
WHY = ("types_rationale", "rationale_for_type", "rationale_for_types", "type_rationale")
REASONS = (
    "rationale_for_rating", "rating_rationale", "rationale_for_the_rating", "rationales_for_rating", "rationale", "reason",
    "reasoning", "explanation",
)  # fmt: skip

COLUMNS = {
    "text": ("text", "response", "answer", "output"),
    "rating": ("rating", "score"),
    "rationale": ("rationale", "reason", "explanation"),
}
JSON = re.compile(r'\{\s*"|\[\s*\{')
TAGGED = re.compile(r"^[ \t]*<(rating|score|rationale|type)s?>[ \t\n]*", re.I | re.M)
TAG_ENDS = re.compile(
    r"(?<![ \t\n])[ \t\n]*+</(?:ratings?|scores?|rationales?|types?|outputs?|texts?|responses?|evaluations?)>", re.I
)
NUMBERED_TAG = re.compile(r"<[a-z_]{1,20}[ \t]+(?:text|response|id|number|index)=[\"']?([0-9]{1,3})[\"']?[ \t]*>", re.I)
TAIL = re.compile(r"(?:</?(?:text|response)[ \t]{0,3}[0-9]{0,3}>|<\|[^|<>]{1,40}\|>|</s>|```)\Z", re.I)
BLANKS, LINES = re.compile(r"[ \t]{40,}"), re.compile(r"\n{3,}")


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
    answer = _untagged(_even(answer))
    if types:
        answer = WORDED_TYPE.sub(r"\1 0", answer)
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


def _untagged(answer: str) -> str:
    """The answer with labels in place of tags: "<rating>4</rating>" is "Rating: 4"."""
    if not TAGGED.search(answer) or JSON.search(answer) or LABEL.search(answer):
        return answer
    return TAG_ENDS.sub("\n", TAGGED.sub(r"\n\1: ", NUMBERED_TAG.sub(r"\nText \1\n", answer)))


def _decoded(answer: str, start: int) -> Any:
    """The JSON that begins there. One that was cut off gives None: its rationale may hold any words, so it is not searched."""
    try:
        return json.JSONDecoder().raw_decode(answer, start)[0]
    except (ValueError, RecursionError):
        return None


def _entry(part: Part | None, not_applicable: bool, types: int) -> Entry:
    if part is None:
        return Entry("unrated", note="the answer does not speak of this text")
    status, value, note = score(part.rating, not_applicable=not_applicable)
    said, why = _trimmed(part.rationale), _trimmed(part.types_rationale)
    if str(part.rating).startswith("[") and said.startswith("[") and said.endswith("]"):
        said = said[1:-1].strip()  # the brackets of the form that it was asked to fill in
    if types and not said and kinds(part.types, types) is None:
        said, why = why, ""  # the only reason given
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
    found = _lower(found)
    if isinstance(found, dict) and texts == 1 and "rating" in found:
        return {1: _said(found)}
    parts: dict[int, Part] = {}
    items: Any = found
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, dict) and (number := KEY.fullmatch(name)):
                parts[int(number[1])] = _said(_lower(value))
        if not parts and (listed := _in_lists(found, texts)):
            return listed
        items = next((value for value in found.values() if isinstance(value, list)), [])
    for item in map(_lower, items if isinstance(items, list) else []):
        if not isinstance(item, dict):
            continue
        name = next((str(item[key]) for key in NAMES if item.get(key) is not None), "")
        if number := KEY.fullmatch(name):
            parts[int(number[1])] = _said(item)
        elif texts == 1:
            parts[1] = _said(item)
    if 0 not in parts:
        return parts
    return {number + 1: part for number, part in parts.items()} if parts.keys() == set(range(texts)) else {}


def _in_lists(found: Mapping[str, Any], texts: int) -> dict[int, Part]:
    """The parts of an object of lists with one entry for each text; {} for any other object."""
    lists = {key.rstrip("s"): value for key, value in found.items() if isinstance(value, list) and len(value) == texts}
    if "rating" not in lists or any(isinstance(value, Mapping) for value in lists["rating"]):
        return {}
    names = next((lists[name] for name in NAMES if name in lists), list(range(1, texts + 1)))
    numbers = [int(named[1]) for name in names if (named := KEY.fullmatch(str(name)))]
    if sorted(numbers) != list(range(1, texts + 1)):
        return {}
    return {number: _said({key: value[k] for key, value in lists.items()}) for k, number in enumerate(numbers)}


def _lower(found: Any) -> Any:
    """An object with its keys in one spelling: "Rationale for rating" is "rationale_for_rating"."""
    if not isinstance(found, Mapping):
        return found
    return {re.sub(r"[\s-]+", "_", str(key).strip().lower()): value for key, value in found.items()}


def _said(item: Mapping[str, Any]) -> Part:
    types = item.get("types", item.get("type"))
    rationale = next((value for key in REASONS if isinstance(value := item.get(key), str)), "")
    why = next((value for key in WHY if isinstance(value := item.get(key), str)), "")
    plain = item.get("rationale")
    if not why and {"type", "types"} & item.keys() and isinstance(plain, str) and plain != rationale:
        why = plain
    return Part(item.get("rating", item.get("score")), rationale, types, why)


def _parts_of_text(answer: str, texts: int) -> dict[int, Part]:
    if (table := _parts_of_table(answer)) and table.keys() >= set(range(1, texts + 1)):
        return table
    found = places(without_code(answer), texts)
    if not found:
        return {1: _labels(without_closing(answer, 0, last=True, fenced=False))} if texts == 1 else {}
    fenced = in_fence(answer, found)
    said: list[tuple[int, Part]] = []
    before: set[int] = set()
    for place, following in zip(found, [*found[1:], None], strict=True):
        body = answer[place.start : following.begin if following else len(answer)].lstrip(" :：.,;(|–")
        body, level = BEFORE_LABEL.sub("", body), level_of(answer, place)
        part = _labels(
            without_closing(body, level, last=following is None, fenced=fenced, before=before - {place.number})
        )
        before.add(place.number)
        number = place.number
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
    whole = [one for one in rounds if one.keys() >= set(range(1, texts + 1))]
    if rated := [one for one in whole if all(part.rating is not None for part in one.values())] or whole[-1:]:
        return rated[-1]
    first: dict[int, Part] = {}
    for number, part in said:
        if number not in first or first[number].rating is None:
            first[number] = part
    return first


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


def _labels(body: str, *, begun: bool = False) -> Part:
    """What stands behind the labels "Rating:", "Rationale:" and "Type:" in one part of the answer.

    A rationale belongs to the types where it follows them and the rating comes later, else to the rating.
    """
    if not begun and (own := OWN.match(body) or SHORT.match(body)):
        first, _, rest = body[own.end() :].partition("\n")
        part = _labels(rest, begun=True)
        return replace(part, rating=first, rationale=part.rationale or _behind(f"{first}\n{rest}"))
    marks = list(LABEL.finditer(without_code(body)))
    if not any(kind(mark) == "rating" for mark in marks) and not BARE.match(body):
        named = list(ASPECT.finditer(without_code(body)))
        marks = sorted([*marks, *named], key=lambda mark: mark.start()) if len(named) == 1 else marks
    if not marks and (bare := BARE.match(body)):
        return Part(bare[0].strip(), body[bare.end() :].strip())
    if len(marks) == 1:
        marks += _inside(body, marks[0])
    marks = [mark for k, mark in enumerate(marks) if not k or not _carries_on(body, marks[k - 1], mark)]
    said: dict[str, str] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(body)]
    for mark, end in zip(marks, ends if marks else [], strict=True):
        what = kind(mark)
        of_rating = mark[0].lower().rstrip(" \t*_`\"':=：").endswith(("rating", "score"))
        if (
            what == "rationale"
            and not of_rating
            and "types" in said
            and not {"rating", "types_rationale"} & said.keys()
        ):
            what = "types_rationale"
        if not said.get(what):
            said[what] = body[mark.end() : end].strip()
    rationale = said.get("rationale") or _behind(said.get("rating", ""))
    return Part(said.get("rating"), rationale, said.get("types"), said.get("types_rationale", ""))


def _carries_on(body: str, before: re.Match[str], mark: re.Match[str]) -> bool:
    """Whether a label stands in the rationale before it: "Rationale: ...", then "Reasoning: ..."."""
    both = {kind(before), kind(mark)} == {"rationale"}
    return both and bool(body[before.end() : mark.start()].strip())


def _inside(body: str, first: re.Match[str]) -> list[re.Match[str]]:
    """The labels behind the first one in the middle of a line, in the order in which they were asked for."""
    marks = list(ANYWHERE.finditer(body, first.end()))
    if kind(first) == "types":
        return marks if [kind(mark) for mark in marks] in TYPED else []
    others = [mark for mark in marks if kind(mark) != kind(first) and kind(mark) != "types"]
    return [mark for mark in others if kind(mark) != "rating" or LAST_WORD.match(body, mark.end())][:1]


def _behind(rating: str) -> str:
    """The reasons that stand behind a rating without a label of their own: on the same line after a dash, or below it."""
    first, _, below = rating.partition("\n")
    found = NUMBER.match(first)
    rest = DASHED.match(first, found.end()) if found else None
    return "\n".join(filter(None, (first[rest.end() :].strip() if rest else "", below.strip())))
