"""What stands where a rating or its types should be: a number on the scale, or why it is none."""

import re
from collections.abc import Mapping
from typing import Any

from feedback.types import RatingStatus
from tasks.text.patterns import lazy_pattern

MOST = r"(?:[2-9]|10|two|three|four|five|six|seven|eight|nine|ten)"
"""The last level of a scale, in digits or as a word."""
WORDED_NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
NUMBER = lazy_pattern(
    r"\A[\s*_`\"'(\[<{★☆⭐]*(?:\\boxed\{)?(\d++(?:\.\d++)?+)(?![\d.,]*\d|(?![分点점])[^\W_]|[ \t]*(?:[-–—~]|to|or)[ \t]*\d)"
    r"(?:\s*\(?(?:[/／]|out of|of)\s*(\d+(?:\.\d+)?|(?:two|three|four|five|six|seven|eight|nine|ten)\b))?[ \t]*(%)?",
    re.I,
)
OTHERWISE = lazy_pattern(
    r"=|½|¼|¾|\A\s*points?\s+off|\b(?:out\s+of|scale|possible|between)\b|\bof\s+(?:10|ten)\b|\bto\s+(?:10|ten|100)\b"
    r"|(?:\.\.\.|…)",
    re.I,
)
"""What behind a number says that it is no rating by itself: a rubric, another scale, a range."""
PAUSE = lazy_pattern(r"\A[\s*_`\"')\]}>]*(?:\Z|[.,;:!(|–—-]|because\b|since\b|as\b|stars?\b)", re.I)
TENS = lazy_pattern(r"\b(?:ten|hundred|percent)\b", re.I)
NOT_APPLICABLE = lazy_pattern(r"\A[\s*_`\"'(\[]*(?:n\s*/\s*a\b|not applicable\b|none[\s*_`\"').\]]*\Z)", re.I)
KIND_WORD = lazy_pattern(r"(?:\A|(?<=[,;&/][ \t])|(?<=\band[ \t]))types?[ \t]+(?=#?[0-9])", re.I)
NAMED = lazy_pattern(r"(?<=[0-9])[ \t]*\([^()\n]{0,80}\)")
"""The name of a kind behind its number."""
GRADE = (
    r"(?:very|fairly|mostly|quite|excellent|outstanding|perfect|great|good|strong|high|full|complete|fine|fair|okay|ok|average"
    r"|one|two|three|four|five|medium|moderate|acceptable|adequate|partial|mixed|mediocre|weak|low|poor|bad|terrible|minimal)"
)
WORDED = lazy_pattern(
    rf"\A[\s*_`\"']*{GRADE}(?:[ \t]+{GRADE}){{0,2}}(?:[ \t]+(?:quality|compliance|alignment|answer|response|work|text))?"
    r"[ \t*_]*(?:\(|[-–—:][ \t]++)[ \t*_]*+(10|[1-9](?:\.[0-9])?)[ \t*_`)\]]*\Z",
    re.I,
)
"""A grade in words before its number: "Good (4)"."""
KINDS = lazy_pattern(
    r"\A[\s*_`\"'(\[#]*([0-9](?:(?:[ \t]*(?:,|;|/|&|and\b)[ \t]*(?:and[ \t]+)?|[ \t]+)#?[0-9](?![0-9]|\.[0-9]))*)"
    r"(?![0-9]|\.[0-9]|[ \t]*[-–—][ \t]*[0-9])"
)
"""The numbers that a list of kinds begins with: "1, 2 and 3"; not a range."""
STARS = lazy_pattern(
    r"\A[\s*_`\"'(\[]*((?:[★⭐🌟✭✮]\ufe0f?[ \t]?){1,11})((?:[☆✩✰]\ufe0f?[ \t]?){0,10})(?=[\s*_`\"')\].,;:!–—-]|\Z)"
)
"""Stars by themselves: full ones, and then those that are empty."""
ALIKE: Mapping[int, int | str | None] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},  # full width
    **{0x2460 + n: str(n + 1) for n in range(10)},  # in a circle
    ord("٫"): ".", 0xFE0F: None, 0x20E3: None,  # as a picture of a key
}  # fmt: skip
LONGEST_RATING = 300
"""Characters behind the label of a rating that are looked at."""


def plain_digits(text: str) -> str:
    """A text with the digits of every script, and what stands between them, as ASCII writes them."""
    if text.isascii():
        return text
    return "".join(str(int(char)) if char.isdecimal() else char for char in text.translate(ALIKE))


def is_other_scale(label: str, levels: int) -> bool:
    """True for what a label says in brackets, or behind "from", where that is another scale than the one from 1 to `levels`."""
    numbers = list(map(int, re.findall(r"\d{1,4}", label)))
    word = TENS.search(label)
    return (
        "%" in label
        or bool(numbers and not (min(numbers) >= 1 and max(numbers) == levels))
        or (word is not None and WORDED_NUMBERS.get(word[0].lower()) != levels)
    )


def is_scale(most: str, levels: int) -> bool:
    """True if the last level of a scale, in digits or as a word, is `levels`: "5", "five", "5.0"."""
    return most.removesuffix(".0") == str(levels) or WORDED_NUMBERS.get(most.lower()) == levels


def score(raw: Any, levels: int = 5, *, not_applicable: bool) -> tuple[RatingStatus, float | None, str]:
    """(status, value, note) of what stands where a rating from 1 to `levels` should be: a number, a text, or nothing."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return "unrated", None, "no rating in the answer"
    text = plain_digits(str(raw).strip()[:LONGEST_RATING])
    if NOT_APPLICABLE.match(text):
        return ("not-applicable", None, "") if not_applicable else ("unrated", None, "N/A, which this aspect has not")
    worded = WORDED.match(text.partition("\n")[0])
    match = NUMBER.match(worded[1] if worded else text)
    if match is None and (stars := STARS.match(text)) and not re.search("[0-9½¼¾]", text.partition("\n")[0]):
        full, empty = (len("".join(group.split())) for group in stars.groups())
        if full <= levels and (full + empty == levels or (full < levels and not empty)):
            return "rated", float(full), ""
    if match is None:
        return "unrated", None, f"no number where the rating should be: {text[:40]!r}"
    value, scale, percent = float(match[1]), match[2], match[3]
    rest = "" if worded else text[match.end() :].partition("\n")[0]
    if OTHERWISE.search(rest) or (re.search("[0-9]", rest) and not PAUSE.match(rest)):
        return "unrated", None, f"more than a rating where it should be: {text[:40]!r}"
    if percent or (scale and not is_scale(scale, levels)) or not 1 <= value <= levels:
        return "unrated", None, f"not on the scale from 1 to {levels}: {text[:40]!r}"
    return "rated", value, ""


def kinds(raw: Any, types: int) -> tuple[int, ...] | None:
    """The kinds that an answer names, of `types`; () for none of them, None for what can't be read."""
    if not types or raw is None or isinstance(raw, bool):
        return None
    if isinstance(raw, (list, tuple)):
        raw = ", ".join(map(str, raw)) or "none"
    text = plain_digits(str(raw).strip()[:LONGEST_RATING])
    listed = KINDS.match(NAMED.sub("", KIND_WORD.sub("", text)))
    numbers = (
        tuple(dict.fromkeys(int(n) for n in re.findall("[0-9]", listed[1]) if 1 <= int(n) <= types)) if listed else ()
    )
    return numbers or (() if re.match(r"[\s*_`\"'(\[]*(?:none\b|n\s*/\s*a\b|\]\Z)", text, re.I) else None)
