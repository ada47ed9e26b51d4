"""Reading which of two responses a labeller prefers: what stands behind its label, and never a preference that is not there.

An answer that speaks for both, or for neither in words that are not known, is unread.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from feedback.types import Better
from tasks.text.answers import json_in, unquoted
from tasks.text.patterns import lazy_pattern
from tasks.text.turn_tokens import turn

NOUN = r"(?:response|answer|text|option|reply|output|candidate|completion|assistant|model|choice)"
NAME = r"(?:better|best|winner|winning|preferred|preference|prefer|chosen|choice|verdict|decision|judge?ment|answer)"
REASON = r"(?:rationale|reasoning|reasons?|explanation|justification|why)"
EDGE = r"[ \t>*_#`-]{0,12}"
LABEL = lazy_pattern(
    rf"^{EDGE}(?:(?:the|my|final|overall)[ \t]){{0,2}}(?P<better>{NAME})(?:[ \t_]{NOUN})?(?:[ \t]is)?[ \t*_`\"]{{0,4}}[:：=]",
    re.I | re.M,
)
REASONED = lazy_pattern(rf"^{EDGE}{REASON}[ \t*_`\"]{{0,4}}[:：]", re.I | re.M)
BRACKETS = lazy_pattern(r"\[\[([^\[\]\n]{1,20})\]\]")
"""MT-bench's form (Zheng et al. 2023, arXiv 2306.05685): [[A]], [[B]], or [[C]] for a tie."""
AROUND = " \t\r\n*_`\"'“”‘’()[]{}<>$.,;:!#-–—"
CHOICE = lazy_pattern(
    rf"(?:(?:i[ ](?:prefer|choose|pick)|it[ ]is|it's)[ ])?(?:the[ ])?(?:{NOUN}[ _-]?)?[\"'(\[<*_`]{{0,4}}"
    rf"(?:(?P<first>a|first|one)|(?P<second>b|second|two)|(?P<number>[12]))[\"')\]>*_`]{{0,4}}(?:[ ]{NOUN}|[ ]one)?"
    r"(?:[ ](?:is|was|wins|would[ ]be)(?:[ ](?:clearly|slightly|much|somewhat|overall|far|the))?"
    r"(?:[ ](?:better|best|stronger|superior|winner|preferable))?"
    rf"(?:[ ](?:than|over)[ ](?:the[ ])?(?:{NOUN}[ ])?(?:a|b|first|second|other)(?:[ ]{NOUN}|[ ]one)?)?)?"
    r"(?P<rest>[ ]?[.,;:!(\[–—-][^\0]*)?",
    re.I,
)
NUMBERED = lazy_pattern(rf"(?:the[ ])?{NOUN}[ _-]?[(\[#]?[12]\b", re.I)
COMPARED = lazy_pattern(
    r"(?P<first>a[ ]?>{1,2}[ ]?b|b[ ]?<{1,2}[ ]?a)|(?P<second>b[ ]?>{1,2}[ ]?a|a[ ]?<{1,2}[ ]?b)|a[ ]?[=~≈][ ]?b", re.I
)
TIE = lazy_pattern(
    r"(?:(?:it[ ]is|it's|they[ ]are|both[ ]are|the[ ]two[ ]are|this[ ]is)[ ])?(?:an?[ ])?"
    r"(?:tied?|draw|equal(?:ly[ ]good|ly[ ]bad)?|even|same|the[ ]same|neither|both|none"
    r"|no[ ](?:clear[ ])?(?:difference|winner|preference))"
    r"(?:[ ](?:is|are|of)[ ](?:better|them|the[ ]two|equal|equally[ ]good|good))?(?P<rest>[ ]?[.,;:!(\[–—-][^\0]*)?",
    re.I,
)
TAKEN_BACK = lazy_pattern(
    rf"\b(?:actually|wait|rather|instead|but[ ]b|but[ ]a)\b|^[ ,;/&+-]{{0,3}}(?:(?:and|or)[ ])?(?:{NOUN}[ ])?[ab12](?![\w'’])",
    re.I,
)
"""What makes a letter something else than a choice: another one behind it, or second thoughts."""
SENTENCE = lazy_pattern(
    rf"^{EDGE}(?:(?:overall|so|thus|therefore|in[ ](?:conclusion|summary|short)|in[ ]my[ ]opinion),?[ ])?"
    r"(?:i[ ](?:think|believe|find)[ ](?:that[ ])?)?"
    rf"(?:the[ ])?(?:{NOUN}[ ](?P<letter>[AB])|(?P<ordinal>first|second)[ ]{NOUN})[ ](?:is|wins)"
    r"(?:[ ](?:clearly|slightly|much|somewhat|overall|far))?(?:[ ]the)?[ ](?:better|best|stronger|superior|preferable|winner)",
    re.I | re.M,
)
KEYS = (
    "better",
    "winner",
    "preferred",
    "preference",
    "choice",
    "chosen",
    "best",
    "verdict",
    "answer",
    "decision",
    "label",
)
WHY = ("rationale", "reason", "reasoning", "explanation", "justification", "why", "analysis")
LONGEST_VALUE = 4_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What an answer says; `better` is None where it can't be read, and `note` says why."""

    better: Better | None
    rationale: str = ""
    note: str = ""


def read(answer: str) -> Entry:
    """The preference in an answer.

    >>> read("**Better:** Response B\\n**Rationale:** It names a river.")
    Entry(better='second', rationale='It names a river.', note='')
    """
    text = turn(answer).strip()
    parsed = json_in(text)
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    if isinstance(parsed, Mapping):
        return _of_object(parsed)
    if marks := list(LABEL.finditer(text)):
        return _of_lines(text, marks)
    if brackets := {choice(match[1], in_brackets=True) for match in BRACKETS.finditer(text)}:
        return _agreed(brackets, BRACKETS.sub("", text))
    first, _, rest = text.partition("\n")
    if (bare := choice(first)) is not None:
        return _agreed({bare, *_sentences(rest)}, rest or _behind(first))
    return _agreed(set(_sentences(text)), text)


def choice(value: Any, *, in_brackets: bool = False) -> Better | None:
    """Which one a value names; None for what names neither, or both."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_VALUE:
        return None
    plain = " ".join(unquoted(unicodedata.normalize("NFKC", value).strip()).split()).strip(AROUND)
    if in_brackets and plain in ("C", "c"):
        return "tie"
    if compared := COMPARED.fullmatch(plain):
        return "first" if compared["first"] else "second" if compared["second"] else "tie"
    for pattern in (TIE, CHOICE):
        match = pattern.fullmatch(plain)
        if match is None:
            continue
        if TAKEN_BACK.search((match["rest"] or "").lstrip(" .,;:!([–—-")[:300]) or TAKEN_BACK.match(
            match["rest"] or ""
        ):
            return None
        if pattern is TIE:
            return "tie"
        if match["number"]:  # 0 and 1 would be as likely as 1 and 2, but for "Response 1"
            return (("first", "second")[int(match["number"]) - 1]) if NUMBERED.match(plain) else None
        return "first" if match["first"] else "second"
    return None


def _of_object(parsed: Mapping[str, Any]) -> Entry:
    """One key that names the better one; where several do, they must agree."""
    values = {
        str(key).strip().lower().replace(" ", "_").removesuffix("_response"): value for key, value in parsed.items()
    }
    why = next((value.strip() for key in WHY if isinstance(value := values.get(key), str)), "")
    if choices := [choice(values[key], in_brackets=True) for key in KEYS if key in values]:
        return _agreed(set(choices), why)
    return Entry(None, why, "the answer does not say which is better")


def _of_lines(text: str, marks: list[re.Match[str]]) -> Entry:
    """What stands behind the last label that is followed by a choice; labels that contradict each other say nothing."""
    reasons = list(REASONED.finditer(text))
    ends = sorted([*(mark.start() for mark in (*marks, *reasons)), len(text)])
    choices: list[Better | None] = []
    behind = ""
    for mark in marks:
        value = text[mark.end() : next(end for end in ends if end >= mark.end())].strip()
        line, _, rest = value.partition("\n")
        bracketed = BRACKETS.search(line)
        chosen = choice(bracketed[1], in_brackets=True) if bracketed else choice(line)
        choices.append(chosen)
        behind = behind or _behind(line) or rest.strip()
    said = set(choices) - {None} or {None}
    stated = [text[m.end() : next(end for end in ends if end >= m.end())].strip() for m in reasons]
    return _agreed(said, next(filter(None, stated), behind))


def _sentences(text: str) -> Iterator[Better]:
    for match in SENTENCE.finditer(text):
        yield "first" if (match["letter"] or match["ordinal"]).lower() in ("a", "first") else "second"


def _agreed(choices: set[Any], rationale: str) -> Entry:
    rationale = _reason(rationale)
    if len(choices) == 1 and (chosen := next(iter(choices))) is not None:
        return Entry(chosen, rationale)
    several = len(choices - {None}) > 1
    return Entry(
        None, rationale, "the answer names both as better" if several else "the answer does not say which is better"
    )


def _behind(line: str) -> str:
    """The reason that stands behind a choice on its line: "B - it names one"."""
    _, dash, reason = line.partition(" - ")
    return reason.strip() if dash else ""


def _reason(text: str) -> str:
    """A reason without its label and quotes."""
    text = text.strip()
    if mark := REASONED.match(text):
        text = text[mark.end() :]
    return unquoted(text.strip(" \t\n*_"))
