"""Reading a labeller's answer: by header, not by position, and never a number that is not there.

Whatever the answer looks like, there is one entry for each text that was asked about; what can't be read is unrated.
"""

import csv
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from feedback.labeller import answer_sections, translated_labels
from feedback.labeller.answer_sections import (
    ASPECT,
    CORRECTED,
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
from feedback.labeller.normal_form import NOT_TEXTS, even, normal_form
from feedback.labeller.scores import MOST, NUMBER, STARS, is_other_scale, is_scale, kinds, plain_digits, score
from feedback.types import RatingStatus
from tasks.text.answers import unquoted
from tasks.text.lenient_json import decode
from tasks.text.patterns import lazy_pattern
from tasks.text.turn_tokens import END, begun, run_on

TURN_END = lazy_pattern(rf"{END}|</s>")
ANYWHERE = lazy_pattern(rf"\b{KIND}[ \t*_`]*", re.I)
ROW = lazy_pattern(r"^[ \t]*\|(.+)\|[ \t]*$", re.M)
BARE = lazy_pattern(
    r"\A[ \t\n*_`]*(?:\d{1,2}(?:\.\d+)?(?:[ \t]*[/／][ \t]*(?:10|[2-9５]))?|[★⭐🌟][★⭐🌟☆\ufe0f ]{0,12})[ \t*_`.]*(?:\n|\Z)"
)
BEFORE_LABEL = lazy_pattern(rf"\A[ \t>*_#:：.,;`(|–-]+(?={KIND})", re.I)
TYPED = (["rationale", "rating", "rationale"], ["rating", "rationale"], ["rationale", "rating"])
"""What may follow the types on their line."""
DASHED = lazy_pattern(r"[ \t*_`)\]★☆⭐🌟\ufe0f\u20e3]*+(?:\([^()\n]{0,60}\)[ \t*_`]*+)?[-–—:;,.|][ \t]+")
VERDICT = lazy_pattern(answer_sections.VERDICT, re.I | re.M)
MOST_VALUES = 20
LAST_WORD = lazy_pattern(r"[\d.]++(?:\s*+[/／]\s*+(?:10|[2-9５]))?+[\s*_`.)]*+\Z")
MOST_WRAPPERS = 4
RATINGS = lazy_pattern(r"(?:ratings|scores)", re.I)
BOXED = lazy_pattern(
    rf"^({answer_sections.EDGE}(?:(?:rating|score){answer_sections.COLON}[ \t*_]*+)?)"
    r"\$?"
    rf"\\boxed\{{([^{{}}\n]{{1,20}})\}}\$?(?=[ \t*_.]*$)",
    re.I | re.M,
)
OUT_OF = lazy_pattern(
    rf"\b(\d{{1,2}}(?:\.\d)?)[ \t]?(?:[/／]|[ \t]out[ \t]of[ \t])[ \t]?({MOST})\b(?![.,]?\d|[/／])", re.I
)
SENTENCE = lazy_pattern(r"[^.!?\n]{0,200}\Z")
GIVES = lazy_pattern(
    r"\b(?:i[ \t]+(?:would[ \t]+|will[ \t]+|['’]d[ \t]+)?|i['’]d[ \t]+)(?:give|rate|score|award)\b", re.I
)
HEDGED = lazy_pattern(r"\b(?:not|if|unless|otherwise|instead|another|other|first|second|between|from)\b|n['’]t\b", re.I)
GIVEN_UP = lazy_pattern(
    r"[*_`]{0,3}(?:\Z|[.,;:!)\n]|[ \t]+(?:because|since|as|for[ \t]+(?:its|the|being|this)|overall|on[ \t]+(?:this|the))\b)",
    re.I,
)
"""What may follow a rating in a sentence: a pause or a reason, not what was counted ("4 out of 5 facts")."""
CSV = lazy_pattern(
    r"^(?:text|response)(?:[ _](?:id|number))?[ \t]?(?P<by>[,;\t])[ \t]?(?:rating|score)"
    r"(?:[ \t]?(?P=by)[ \t]?(?P<why>rationale|reason|explanation))?$",
    re.I | re.M,
)
KEY = lazy_pattern(
    r"(?:[^\W\d_]{1,20}[\s_#-]{1,2}){0,3}?(?:[^\W\d_]{0,20}?[\s_#-]{0,3}(?P<number>\d{1,3})|(?P<letter>[A-H])(?![^\W_]))",
    re.I,
)
"""A key that names a text: "Text 1", "response_b", "2"."""
NAMES = ("text", "id", "response", "answer", "index", "number", "text_id", "name")
"""Keys of JSON items that say which text they speak of."""
WHY = ("types_rationale", "rationale_for_type", "rationale_for_types", "type_rationale")
REASONS = (
    "rationale_for_rating", "rating_rationale", "rationale_for_the_rating", "rationales_for_rating", "rationale", "reason",
    "reasoning", "explanation",
)  # fmt: skip

SCALED = lazy_pattern(r"[(\[（/]|\bout of\b|\b1\s?[-–]")
COLUMNS = {
    "text": ("text", "response", "answer", "output"),
    "rating": ("rating", "score"),
    "rationale": ("rationale", "reason", "reasoning", "explanation", "justification"),
}
JSON = lazy_pattern(
    r"\{\s*[\"'“„](?=\w)|\[\s*\{|(?<![^\n])\{\s*(?:ratings?|scores?|rationales?|reason|types?|texts?|responses?|evaluations?)[\s_]?\w{0,3}\s*:",
    re.I,
)
TAIL = lazy_pattern(r"(?:</?(?:text|response)[ \t]{0,3}[0-9]{0,3}>|<\|[^|<>]{1,40}\|>|</s>|```)\Z", re.I)
FOLDED = lazy_pattern(r"\A[>|][+-]?[ \t]*\n")
"""YAML's sign for a text on the lines below."""
HELD_PLACE = lazy_pattern(
    r"\A(?:\[[^\[\]]{1,80}\]|<[^<>]{1,80}>|\{[^{}]{1,80}\}|\.\.\.|…|your reasons?\b[^\n]{0,60})\Z", re.I
)
"""What the form says of a reason, repeated in its place."""
FRACTION = lazy_pattern(
    rf"[\s*_`]*[(\[（][ \t]*(\d{{1,2}}(?:\.\d)?[ \t]*(?:[/／]|out[ \t]+of)[ \t]*({MOST}))[ \t]*[)\]）]", re.I
)


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
class Expected:
    """What an answer was asked for, as `read` takes it."""

    texts: int
    levels: int
    not_applicable: bool
    types: int


@dataclass(frozen=True, slots=True)
class Part:
    """What an answer says of one text, as it stands there."""

    rating: Any = None
    rationale: str = ""
    types: Any = None
    types_rationale: str = ""


def read(answer: str, texts: int, *, not_applicable: bool, types: int = 0, levels: int = 5) -> list[Entry]:
    """One entry for each of `texts` texts, in the order in which the prompt showed them, on a scale of so many levels.

    `types`: the number of kinds that the rubric knows, 0 where they were not asked for.
    """
    expected = Expected(texts, levels, not_applicable, types)
    answer = even(begun(answer))
    if types:
        answer = WORDED_TYPE.sub(r"\1 0", answer)
    start = JSON.search(answer)
    if start and not any(mark.search(answer, 0, start.start()) for mark in (HEADER, LABEL)):
        parts = _parts_of_json(answer, start.start(), expected)
    else:
        parts = _parts_of_text(normal_form(_turn(answer), texts), expected)
    return [_entry(parts.get(number), expected) for number in range(1, texts + 1)]


def _parts_of_json(answer: str, start: int, expected: Expected) -> dict[int, Part]:
    """The parts of the JSON that begins there, and of more of it behind: what that says of a text counts in place of the first.

    JSON that was cut off gives none: its rationale may hold any words, so it is not searched.
    """
    parts: dict[int, Part] = {}
    for _ in range(MOST_VALUES):
        try:
            value, end = decode(answer, start)
        except ValueError:
            return parts
        later = _parts_of_value(value, expected)
        parts |= {
            number: part for number, part in later.items() if number not in parts or _is_rated(part, expected.levels)
        }
        following = JSON.search(answer, end)
        if following is None or TURN_END.search(answer, end, following.start()):
            break
        start = following.start()
    return parts


def _turn(answer: str) -> str:
    """An answer up to where the labeller's turn ends behind a rating: what follows is another one's."""
    rated = next(
        (mark for mark in LABEL.finditer(answer) if kind(mark) == "rating"), None
    ) or translated_labels.LABELLED.search(answer)
    return answer[: run_on(answer, rated.end())] if rated else answer


def _is_rated(part: Part, levels: int) -> bool:
    return score(part.rating, levels, not_applicable=True)[0] != "unrated"


def _entry(part: Part | None, expected: Expected) -> Entry:
    if part is None:
        return Entry("unrated", note="the answer does not speak of this text")
    levels, types = expected.levels, expected.types
    rating = _unlabelled(part.rating, "rating", levels) if isinstance(part.rating, str) else part.rating
    status, value, note = score(rating, levels, not_applicable=expected.not_applicable)
    rationale, types_rationale = (
        _unlabelled(_trimmed(text), "rationale", levels) for text in (part.rationale, part.types_rationale)
    )
    if status == "unrated" and HELD_PLACE.match(rationale):
        rationale = ""
    elif str(rating).startswith("[") and rationale.startswith("[") and rationale.endswith("]"):
        rationale = rationale[1:-1].strip()  # the brackets of the form that it was asked to fill in
    if types and not rationale and kinds(part.types, types) is None:
        rationale, types_rationale = types_rationale, ""  # the only reason given
    if not types:  # not asked for, so that the only reason given is that of the rating
        return Entry(status, value, rationale or types_rationale, note)
    return Entry(status, value, rationale, note, kinds(part.types, types), types_rationale)


def _unlabelled(text: str, what: str, levels: int) -> str:
    """A value without the label that stands before it once more."""
    while (mark := LABEL.match(text)) and kind(mark) == what:
        if mark["scale"] and is_other_scale(mark["scale"], levels):
            break
        text = text[mark.end() :]
    return text


def _trimmed(text: str) -> str:
    """A rationale without the quotes around it, and without the tags and end tokens behind it."""
    if folded := FOLDED.match(text := text.strip()):
        text = textwrap.dedent(text[folded.end() :])
    text = unquoted(text.strip())
    while True:
        before, line_end, last = text.rpartition("\n")
        tail = TAIL.search(text, max(0, len(text) - 60))
        if line_end and not last.strip(" \t>#*_`-"):
            text = before.rstrip()
        elif tail is not None:
            text = text[: tail.start()].rstrip()
        else:
            return text


def _parts_of_value(parsed: Any, expected: Expected) -> dict[int, Part]:
    texts, levels = expected.texts, expected.levels
    parsed = _lower(_unwrapped(parsed, expected), levels)
    if isinstance(parsed, dict) and texts == 1 and "rating" in parsed:
        return {1: _part_of(parsed)}
    parts: dict[int, Part] = {}
    items: Any = parsed
    if isinstance(parsed, dict):
        for name, value in parsed.items():
            if isinstance(value, dict) and (number := _named(name)) is not None:
                parts[number] = _part_of(_lower(value, levels))
        if not parts and (listed := _in_lists(parsed, texts)):
            return listed
        items = next((value for value in parsed.values() if isinstance(value, list)), [parsed])
    for item in (_lower(item, levels) for item in (items if isinstance(items, list) else [])):
        if not isinstance(item, dict):
            continue
        name = next((str(item[key]) for key in NAMES if item.get(key) is not None), "")
        if (number := _named(name)) is not None:
            parts[number] = _part_of(item)
        elif texts == 1:
            parts[1] = _part_of(item)
    if 0 not in parts:
        return parts
    return {number + 1: part for number, part in parts.items()} if parts.keys() == set(range(texts)) else {}


def _unwrapped(parsed: Any, expected: Expected) -> Any:
    """The object that names the texts, or rates the only one, without the object around it: {"ratings": {"text_1": ...}}."""
    texts = expected.texts
    for _ in range(MOST_WRAPPERS):
        if not isinstance(parsed, Mapping) or (texts == 1 and "rating" in _lower(parsed, expected.levels)):
            break
        inner = [(str(name), value) for name, value in parsed.items() if isinstance(value, (Mapping, list))]
        if (
            len(inner) != 1
            or not isinstance(inner[0][1], Mapping)
            or _named(inner[0][0])
            or NOT_TEXTS.search(inner[0][0])
        ):
            break
        name, parsed = inner[0]
        numbers = [_named(str(key)) if re.search(r"\d", str(key)) else 0 for key in parsed]
        if RATINGS.fullmatch(name) and sorted(n or 0 for n in numbers) == list(range(1, texts + 1)):
            parsed = {key: value if isinstance(value, Mapping) else {"rating": value} for key, value in parsed.items()}
    return parsed


def _in_lists(parsed: Mapping[str, Any], texts: int) -> dict[int, Part]:
    """The parts of an object of lists with one entry for each text; {} for any other object."""
    lists = {key.rstrip("s"): value for key, value in parsed.items() if isinstance(value, list) and len(value) == texts}
    if "rating" not in lists or any(isinstance(value, Mapping) for value in lists["rating"]):
        return {}
    names = next((lists[name] for name in NAMES if name in lists), list(range(1, texts + 1)))
    numbers = [number for name in names if (number := _named(str(name))) is not None]
    if sorted(numbers) != list(range(1, texts + 1)):
        return {}
    return {number: _part_of({key: value[k] for key, value in lists.items()}) for k, number in enumerate(numbers)}


def _named(name: str) -> int | None:
    """The number of the text that a key or a cell names."""
    key = None if NOT_TEXTS.search(name) else KEY.fullmatch(name.strip())
    if key is None:
        return None
    return int(key["number"]) if key["number"] else ord(key["letter"].upper()) - ord("A") + 1


def _lower(parsed: Any, levels: int) -> Any:
    """An object with its keys in one spelling: "Rationale for rating" is "rationale_for_rating"."""
    if not isinstance(parsed, Mapping):
        return parsed
    return {_spelling(str(key), levels): value for key, value in parsed.items()}


def _spelling(key: str, levels: int) -> str:
    if key.isalpha() and key.islower():
        return key
    scale = SCALED.search(key)
    if scale and not is_other_scale(key[scale.start() :], levels):
        key = key[: scale.start()]
    return re.sub(r"[\s-]+", "_", key.strip().lower())


def _part_of(item: Mapping[str, Any]) -> Part:
    types = item.get("types", item.get("type"))
    rationale = next((value for key in REASONS if isinstance(value := item.get(key), str)), "")
    why = next((value for key in WHY if isinstance(value := item.get(key), str)), "")
    plain = item.get("rationale")
    if not why and {"type", "types"} & item.keys() and isinstance(plain, str) and plain != rationale:
        why = plain
    return Part(item.get("rating", item.get("score")), rationale, types, why)


def _parts_of_text(answer: str, expected: Expected) -> dict[int, Part]:
    texts, levels = expected.texts, expected.levels
    if (table := _parts_of_table(answer, levels)) and table.keys() >= set(range(1, texts + 1)):
        return table
    if (table := _parts_of_csv(answer)) and table.keys() >= set(range(1, texts + 1)):
        return table
    answer = BOXED.sub(r"\1\2", answer)
    sections = places(without_code(answer), texts)
    if texts == 1 and not sections and (value := _in_a_sentence(answer, levels)):
        return {1: Part(value, answer.strip())}
    if not sections:
        return {1: _labels(without_closing(answer, 0, last=True, fenced=False), levels)} if texts == 1 else {}
    fenced = in_fence(answer, sections)
    numbered_parts: list[tuple[int, Part]] = []
    before: set[int] = set()
    for section, following in zip(sections, [*sections[1:], None], strict=True):
        body = answer[section.start : following.begin if following else len(answer)].lstrip(" :：.,;(|–")
        body, level = BEFORE_LABEL.sub("", body), level_of(answer, section)
        part = _labels(
            without_closing(body, level, last=following is None, fenced=fenced, before=before - {section.number}),
            levels,
        )
        before.add(section.number)
        number = section.number
        if (
            numbered_parts
            and numbered_parts[-1][0] == number
            and part.rating is None
            and not numbered_parts[-1][1].rationale
        ):
            numbered_parts[-1] = (
                number,
                replace(numbered_parts[-1][1], rationale=part.rationale),
            )  # "Text 1 Rating: ...", "Text 1 Rationale: ..."
        else:
            numbered_parts.append((number, part))
    return _chosen(numbered_parts, texts)


def _chosen(numbered_parts: Sequence[tuple[int, Part]], texts: int) -> dict[int, Part]:
    """What counts where an answer speaks of a text several times: the last round through all of them (an answer behind a draft
    or an echo), else the first rating of each; then what is given again behind that, as a rating with its reason. So a remark
    about one text behind another one changes nothing.
    """
    rounds: list[dict[int, Part]] = [{}]
    ends: list[int] = []
    for number, part in numbered_parts:
        if number in rounds[-1]:
            ends.append(sum(map(len, rounds)))
            rounds.append({})
        rounds[-1][number] = part
    ends.append(len(numbered_parts))
    whole = [k for k, parts in enumerate(rounds) if parts.keys() >= set(range(1, texts + 1))]
    rated = [k for k in whole if all(part.rating is not None for part in rounds[k].values())] or whole[-1:]
    chosen = dict(rounds[rated[-1]]) if rated else {}
    for number, part in numbered_parts[ends[rated[-1]] :] if rated else numbered_parts:
        given_again = part.rationale and VERDICT.match(str(part.rating))
        if number not in chosen or chosen[number].rating is None or given_again:
            chosen[number] = part
    return chosen


def _parts_of_table(answer: str, levels: int) -> dict[int, Part]:
    """A Markdown table with a column of ratings and one of texts; {} where there is none, or where an answer has begun before.

    Where one more column is left, it holds the reasons, whatever it is called.
    """
    first = ROW.search(answer)
    if first is None or any(mark.search(answer, 0, first.start()) for mark in (HEADER, OWN, LABEL)):
        return {}
    rows = [[cell.strip(" *_`") for cell in match[1].split("|")] for match in ROW.finditer(answer)]
    scales = [SCALED.search(cell) for cell in rows[0]]
    names = [
        re.sub(r"[^a-z]", "", cell[: scale.start() if scale else None].lower())
        for cell, scale in zip(rows[0], scales, strict=True)
    ]
    places = {kind: next((k for k, name in enumerate(names) if name in known), None) for kind, known in COLUMNS.items()}
    text, rating, why = (places[kind] for kind in ("text", "rating", "rationale"))
    if (
        text is None
        or rating is None
        or ((scale := scales[rating]) and is_other_scale(rows[0][rating][scale.start() :], levels))
    ):
        return {}
    others = [k for k in range(len(names)) if k not in (text, rating)]
    why = others[0] if why is None and len(others) == 1 else why
    parts: dict[int, Part] = {}
    for row in rows[1:]:
        if len(row) != len(names):
            continue
        if (number := _named(row[text])) is not None and number not in parts:
            parts[number] = Part(row[rating], "" if why is None else row[why])
    return parts


def _in_a_sentence(answer: str, levels: int) -> str:
    """The rating in the words "I would give this response a 4 out of 5", where nothing else in the answer is one; or ""."""
    matches = [*islice((match for match in OUT_OF.finditer(answer) if is_scale(match[2], levels)), 2)]
    if len(matches) != 1 or BARE.match(answer) or any(kind(mark) == "rating" for mark in LABEL.finditer(answer)):
        return ""
    sentence = SENTENCE.search(answer, max(0, matches[0].start() - 200), matches[0].start())
    before = sentence[0] if sentence else ""
    gives = GIVES.search(before) and not HEDGED.search(before) and not re.search(r"\d", before)
    return matches[0][1] if gives and GIVEN_UP.match(answer, matches[0].end()) else ""


def _parts_of_csv(answer: str) -> dict[int, Part]:
    """The parts of lines such as "1,4,Good." below a line that names them; {} for any other answer."""
    head = CSV.search(answer)
    if head is None or any(mark.search(answer, 0, head.start()) for mark in (HEADER, OWN, LABEL)):
        return {}
    parts: dict[int, Part] = {}
    columns = 3 if head["why"] else 2
    try:
        for row in csv.reader(islice(answer[head.end() + 1 :].split("\n"), MOST_VALUES), delimiter=head["by"]):
            number = _named(row[0]) if len(row) >= columns else None
            if number is None or number in parts or (columns == 2 and len(row) > 2):
                break
            parts[number] = Part(row[1].strip(), head["by"].join(row[2:]).strip())
    except csv.Error:
        return {}
    return parts


def _labels(body: str, levels: int) -> Part:
    """What stands behind the labels "Rating:", "Rationale:" and "Type:" in one part of the answer: of its last verdict.

    Where a later verdict gives no reason or types of its own, it takes those of the one before.
    """
    if own := OWN.match(body) or SHORT.match(body):
        first, _, rest = body[own.end() :].partition("\n")
        part = _labels(rest, levels)
        if part.rating is not None and VERDICT.match(str(part.rating)):
            return part
        first = _on_its_scale(own, first, levels) if own.re == OWN else first
        return replace(part, rating=first, rationale=part.rationale or _behind(f"{first}\n{rest}"))
    part = Part()
    for verdict in _verdicts(body):
        later = _of_verdict(verdict, levels)
        part = Part(
            later.rating if later.rating is not None else part.rating,
            later.rationale or part.rationale,
            later.types if later.types is not None else part.types,
            later.types_rationale or part.types_rationale,
        )
    return part


def _verdicts(body: str) -> list[str]:
    """A part of the answer, cut before each rating that takes back the one before: "Actually, rating: 3", or the labels again."""
    read = without_code(body)
    marks = list(LABEL.finditer(read))
    kinds = [kind(mark) for mark in marks]
    first = next((mark for mark in marks if kind(mark) == "rating"), None) or BARE.match(read)
    if first is None:
        return [body]
    begins = {match.start(): match.start("label") for match in CORRECTED.finditer(read, first.end())}
    for k, mark in enumerate(marks):
        if mark.start() <= first.start() or kinds[k] != "rating" or mark.start() in begins:
            continue
        if verdict := VERDICT.match(read, mark.end()):
            again = marks[k + 1].start() if k + 1 < len(marks) else len(read)
            if "final" in mark[0].lower() or not read[verdict.end() : again].strip():
                if _is_title(_line_before(read, mark)) and _is_title(_line_before(read, first)):
                    return []  # ratings of several aspects, none of which is that of the text
                before = marks[k - 1] if kinds[0] == "rationale" == kinds[k - 1] else mark
                begins[before.start()] = before.start()
    starts, ends = [0, *sorted(begins)], [*sorted(begins), len(body)]
    return [body[begins.get(start, start) : end] for start, end in zip(starts, ends, strict=True)]


def _line_before(text: str, mark: re.Match[str]) -> str:
    return text[: mark.start()].rstrip().rpartition("\n")[2]


def _is_title(line: str) -> bool:
    return (
        bool(line.strip())
        and not LABEL.match(line)
        and not line.rstrip("*_ ").endswith((".", "!", "?", ":", "。", "！", "："))
    )


def _on_its_scale(mark: re.Match[str], text: str, levels: int) -> str:
    """What stands behind a label, with what the label says of its scale where that is another one."""
    scale = mark["scale"] or ""
    if (fraction := FRACTION.match(scale)) and is_scale(fraction[2], levels) and not NUMBER.match(text):
        return f"{fraction[1]} - {text}"
    return f"scale {scale.strip()}: {text}" if is_other_scale(scale, levels) else text


def _of_verdict(body: str, levels: int) -> Part:
    """What stands behind the labels of one verdict. A rationale belongs to the types where it follows them and the rating comes
    later, else to the rating.
    """
    marks = list(LABEL.finditer(without_code(body)))
    if not any(kind(mark) == "rating" for mark in marks) and not BARE.match(body):
        named = list(ASPECT.finditer(without_code(body)))
        marks = sorted([*marks, *named], key=lambda mark: mark.start()) if len(named) == 1 else marks
    if not marks and (bare := BARE.match(body)):
        return Part(bare[0].strip(), body[bare.end() :].strip())
    if len(marks) == 1:
        marks += _inside(body, marks[0])
    marks = [mark for k, mark in enumerate(marks) if not k or not _carries_on(body, marks[k - 1], mark)]
    fields: dict[str, str] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(body)]
    for mark, end in zip(marks, ends if marks else [], strict=True):
        what = kind(mark)
        of_rating = mark[0].lower().rstrip(" \t*_`\"':=：").endswith(("rating", "score"))
        if (
            what == "rationale"
            and not of_rating
            and "types" in fields
            and not {"rating", "types_rationale"} & fields.keys()
        ):
            what = "types_rationale"
        if not fields.get(what):
            text = body[mark.end() : end].strip()
            fields[what] = _on_its_scale(mark, text, levels) if what == "rating" else text
    rationale = fields.get("rationale") or _behind(fields.get("rating", ""))
    return Part(fields.get("rating"), rationale, fields.get("types"), fields.get("types_rationale", ""))


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
    match = NUMBER.match(first) or STARS.match(first) or NUMBER.match(plain_digits(first))
    rest = DASHED.match(first, match.end()) if match else None
    return "\n".join(filter(None, (first[rest.end() :].strip() if rest else "", below.strip())))
