"""Where each part of a labeller's answer begins and ends: the headers of the texts, and what is said behind the last one."""

import re
from collections.abc import Sequence
from typing import NamedTuple

EDGE = r"[ \t>#*_`\-•\"']*"  # never over a line's end: patterns that begin anew at each line would take for ever
COLON = r"[ \t*_`\"']*[:=：]"
TYPE = rf"types?(?={COLON}[ \t*_`\"'(\[#]*(?:types?[ \t]+)?(?:[0-9]|\]|none\b|n\s*/\s*a))"
REASON = r"(?:rationale|reason(?:ing)?|explanation|justification)(?:[ \t]+(?:for|of)[ \t]+(?:the[ \t]+)?(?:rating|score|types?))?"
KIND = rf"(?:final[ \t]+)?(rating|score|{REASON}|{TYPE}){COLON}"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
TEXT = rf"<?(?:text|response|answer)[ \t]*#?[ \t]*(?P<text>[0-9]{{1,3}}|(?:{'|'.join(NUMBERS)})\b)"
TITLE = r"[ \t*_`]*[-–—:(|](?![ \t*_`(★☆⭐]*[0-9])[^\n]{1,80}$"
HEADER = re.compile(
    rf"^[ \t>*_`\-•\"']*(?P<hashes>\#{{1,6}})?{EDGE}(?:[0-9]{{1,2}}[.)][ \t*_]+)?(?P<asked>output[ \t]+for[ \t]+)?"
    rf"(?:(?:rating|score)[ \t]+(?:for|of)[ \t]+)?{TEXT}"
    rf"(?:[ \t>*_#:：.`-]*$|(?=[ \t>*_#:：.,;`(|–-]+{KIND})|(?(hashes){TITLE}|(?(asked){TITLE}|(?!))))",
    re.I | re.M,
)
"""A header by itself or right before a label; one as it was asked for, or a heading, may have a title: "#### Text 1 - Good"."""
VALUE = r"[ \t*_`(★☆⭐]*[1-5](?:\.[0-9])?(?:[ \t]*(?:/|out[ \t]+of)[ \t]*5)?[ \t*_`)]*(?:$|[-–—:;,|])"
OWN = re.compile(
    rf"^{EDGE}(?:[0-9]{{1,2}}[.)][ \t*_]+)?(?:output[ \t]+for[ \t]+)?"
    rf"(?:(?P<asked>)(?:rating|score)[ \t]+(?:for|of)[ \t]+{TEXT}{COLON}[ \t*_`]*(?=\S)"
    rf"|{TEXT.replace('<text>', '<short>')}{COLON}[ \t*_`]*(?={VALUE}))",
    re.I | re.M,
)
"""The rating and its text in one label: "Rating for Text 2: 4", "Text 2: 4/5"."""
INLINE = re.compile(
    rf"(?:(?<=[.!?;|])[ \t]+|[ \t]+\#{{1,6}}[ \t*_]*)(?P<asked>output[ \t]+for[ \t]+)?{TEXT}"
    rf"(?=[ \t>*_#:：.,;`(|–-]+(?:rating|score|{TYPE}){COLON})",
    re.I,
)
"""A header in the middle of a line, right before its rating."""
ITEM = re.compile(rf"^[ \t>*_]*(?P<text>[0-9]{{1,2}})[.)][ \t*_]+(?=(?:rating|score){COLON})", re.I | re.M)
"""A number of a list right before a rating."""
LABEL = re.compile(
    rf"^{EDGE}(?:{KIND}|(rating|score)(?=[ \t*_`]+[-–—]?[ \t*_`]*(?:[0-9]|n\s*/\s*a\b))(?:[ \t*_`]+[-–—](?=\s))?"
    rf"|({REASON})[ \t*_`]+[-–—](?=\s))[ \t*_`]*",
    re.I | re.M,
)
FENCE, HEADING = re.compile(r"^[ \t]*```", re.M), re.compile(r"^(#{1,6})[ \t]+\S", re.M)
RULE = re.compile(r"^[ \t]*([-*_=])(?:[ \t]*\1){2,}[ \t]*$", re.M)
CLOSING = re.compile(
    r"(?<=\n\n)[ \t>*_#]*(?:(?:in|the|a|my|brief|final|overall|quick)[ \t]+){0,2}"
    r"(?:summary|ranking|comparison|conclusion|verdict|overall|assessment|note)[ \t]*(?::[ \t*_]*|[*_]+[ \t]*:)"
    r"|(?<=\n\n)(?:i[ \t]+)?hope[ \t]+(?:this|that|these)\b|(?<=\n\n)(?:please[ \t]+)?let[ \t]+me[ \t]+know\b",
    re.I,
)
"""What an answer says behind its last part: "**Summary:** Text 1 is ...", "I hope this helps!"."""
TURN = re.compile(r"<\|(?:im_end|im_start|eot_id|end|endoftext|end_of_text|start_header_id)\|>[ \t]*(?=\n|<\||\Z)")
"""A token that ends the labeller's turn: what follows is another one's."""
BLOCK = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```[ \t]*$", re.M | re.S)
RATED = re.compile(rf"^{EDGE}(?:rating|score){COLON}[ \t*_`]*[0-9]", re.I | re.M)


class Place(NamedTuple):
    """Where the part about text `number` of an answer is: its header at `begin`, what it says from `start`."""

    number: int
    begin: int
    start: int


def places(answer: str, texts: int) -> list[Place]:
    """The parts in the order of the answer. Where all texts have a header as it was asked for, no other one counts."""
    matches = list(HEADER.finditer(answer))
    if {number_of(match) for match in matches if match["asked"]} >= set(range(1, texts + 1)):
        return [Place(number_of(match), match.start(), match.end()) for match in matches if match["asked"]]
    found = {match.start(): Place(number_of(match), match.start(), match.end()) for match in matches}
    named = {place.number for place in found.values()}
    for match in OWN.finditer(answer):  # its rating stands behind it without a label of its own
        if match["asked"] is not None or number_of(match) not in named:
            found[match.start()] = Place(number_of(match), match.start(), match.start())
    named = {place.number for place in found.values()}
    for match in INLINE.finditer(answer):
        if number_of(match) not in named:
            found[match.start()] = Place(number_of(match), match.start(), match.end())
    if not found and texts > 1:
        items = list(ITEM.finditer(answer))
        if [number_of(match) for match in items] == list(range(1, texts + 1)):
            return [Place(number_of(match), match.start(), match.end()) for match in items]
        return _unnamed(answer, texts)
    return [found[at] for at in sorted(found)]


def _unnamed(answer: str, texts: int) -> list[Place]:
    """Parts without any header: as many as texts were asked about, all with the same labels, so in the texts' order."""
    marks = list(LABEL.finditer(answer))
    each = len(marks) // texts
    labels = [kind(mark) for mark in marks]
    if not marks or labels != labels[:each] * texts or labels[:each].count("rating") != 1:
        return []
    return [Place(k + 1, mark.start(), mark.start()) for k, mark in enumerate(marks[::each])]


def number_of(match: re.Match[str]) -> int:
    groups = match.groupdict()
    said = str(groups["text"] or groups.get("short")).lower()
    return NUMBERS.index(said) + 1 if said in NUMBERS else int(said)


def kind(mark: re.Match[str]) -> str:
    """What a label is for: rating, rationale or types."""
    word = next(group for group in mark.groups() if group).lower()
    return "rating" if word in ("rating", "score") else "types" if word.startswith("type") else "rationale"


def without_closing(body: str, level: int, *, last: bool, fenced: bool) -> str:
    """One part of an answer without what does not speak of its text any more.

    That is the next heading that is as high as its own (`level` hashes, 0 for a header that is no heading), the end of a
    fence around the whole answer, and behind the `last` part a rule or a summary.
    """
    read = without_code(body)
    ends = [found.start() for found in HEADING.finditer(read) if level and len(found[1]) <= level]
    if fenced and (found := FENCE.search(read)):
        ends.append(found.start())
    if last:
        closings = [*RULE.finditer(read), *CLOSING.finditer(read)]
        ends += [found.start() for found in closings if not LABEL.search(read, found.end())]
        ends += [found.start() for found in TURN.finditer(read)]
    ends = [end for end in ends if LABEL.search(read, 0, end)]
    return body[: min(ends, default=len(body))]


def without_code(answer: str) -> str:
    """The answer, as long as it is, with blanks for the code that it quotes: what looks like a label in there is none."""

    def blank(found: re.Match[str]) -> str:
        if HEADER.search(found[1]) or RATED.search(found[1]):
            return found[0]
        return re.sub(r"[^\n]", " ", found[0])

    return BLOCK.sub(blank, answer)


def level_of(answer: str, place: Place) -> int:
    """How many hashes the header of a part has."""
    line = answer[place.begin : place.start].lstrip(" \t\n>*_")
    return len(line) - len(line.lstrip("#"))


def in_fence(answer: str, found: Sequence[Place]) -> bool:
    """Whether a fence was opened before the first part."""
    return bool(found) and len(FENCE.findall(answer, 0, found[0].begin)) % 2 == 1
