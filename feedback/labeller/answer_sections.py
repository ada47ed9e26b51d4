"""Where each part of a labeller's answer begins and ends: the headers of the texts, and what is said behind the last one."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from tasks.text.courtesies import closing
from tasks.text.patterns import lazy_pattern

EDGE = r"[ \t>#*_`\-•\"']*+"  # never over a line's end, nor back: patterns that begin anew at each line would take for ever
COLON = r"[ \t*_`\"']*+[:=：]"
REASON = r"(?:rationale|reason(?:ing)?|explanation|justification)(?:[ \t]+(?:for|of)[ \t]+(?:the[ \t]+)?(?:rating|score|types?))?"
TYPE = rf"types?(?={COLON}[ \t*_`\"'(\[#]*(?:types?[ \t]+)?(?:\d|\]|none\b|n\s*/\s*a))"
TO = r"(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten)"
SCALE = (
    r"(?P<scale>[ \t*_`]*+[(\[（][^()\[\]（）\n]{1,60}[)\]）]"
    r"|(?:[ \t]*+,)?[ \t]++(?:(?:from|between|on[ \t]++a[ \t]++scale[ \t]++(?:of|from))[ \t]++)?(?:1|one)"
    rf"[ \t]*+(?:[-–—~/]|to|and)[ \t]*+{TO}|[ \t]*+(?:/|out[ \t]++of)[ \t]*+{TO})?+"
)
"""What a label says of its scale: "Rating (1-5):", "Rating out of 5:"."""
KIND = rf"(?:final[ \t]+)?(rating|score|{REASON}|{TYPE}){SCALE}{COLON}"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
NAMED = rf"<?(?:text|response|answer)(?:[ \t]*+|[_-])(?:#[ \t]*+)?(?P<text>\d{{1,3}}|(?:{'|'.join(NUMBERS)})\b)"
TITLE = r"[ \t*_`]*[-–—:(|](?![ \t*_`(★☆⭐]*[\d★⭐])[^\n]{1,80}$"
HEADER = lazy_pattern(
    rf"^[ \t>*_`\-•\"']*+(?P<hashes>\#{{1,6}}+)?{EDGE}(?:[0-9]{{1,2}}[.)][ \t*_]+)?(?P<asked>output[ \t]+for[ \t]+)?"
    rf"(?:(?:rating|score)[ \t]+(?:for|of)[ \t]+)?{NAMED}"
    rf"(?:[ \t>*_#:：.`-]*$|(?=[ \t>*_#:：.,;`(|–-]+{KIND})|(?(hashes){TITLE}|(?(asked){TITLE}|(?!))))",
    re.I | re.M,
)
"""A header by itself or right before a label; one as it was asked for, or a heading, may have a title: "#### Text 1 - Good"."""
OWN = lazy_pattern(
    rf"^{EDGE}(?:rating|score)(?:[ \t]*[(\[]|[ \t]+(?:for|of)[ \t])[ \t]*{NAMED}[)\]]?{SCALE}{COLON}(?=[ \t]*+\S)[ \t*_`]*",
    re.I | re.M,
)
"""The rating and its text in one label: "Rating for Text 2: 4"."""
SHORT = lazy_pattern(
    rf"^{EDGE}(?:[0-9]{{1,2}}[.)][ \t*_]+)?(?:output[ \t]+for[ \t]+)?{NAMED}{COLON}[ \t*_`]*+"
    r"(?=[ \t*_`(★☆⭐]*+\d{1,2}(?:\.\d+)?(?:[ \t]*(?:[/／]|out[ \t]+of)[ \t]*(?:10|[2-9５٥५]))?[ \t*_`)]*+"
    r"(?:$|(?<=[ \t])[-–—][ \t]+(?=[^\W\d])|[:;,.|][ \t]+(?=[^\W\d])))",
    re.I | re.M,
)
"""The same without a word for it: "Text 2: 4/5 - Clear.". It is looked for only where nothing else says what a number is."""
INLINE = lazy_pattern(
    rf"(?:(?<=[.!?;|])[ \t]+|(?<![ \t])[ \t]++\#{{1,6}}[ \t*_]*)(?P<asked>output[ \t]+for[ \t]+)?{NAMED}"
    rf"(?=[ \t>*_#:：.,;`(|–-]+(?:rating|score|{TYPE}){COLON})",
    re.I,
)
"""A header in the middle of a line, right before its rating or its types."""
ITEM = lazy_pattern(rf"^[ \t>*_]*(?P<text>[0-9]{{1,2}})[.)][ \t*_]+(?=(?:rating|score){SCALE}{COLON})", re.I | re.M)
"""A number of a list right before a rating."""
LABEL = lazy_pattern(
    rf"^{EDGE}(?:{KIND}|(rating|score)(?=[ \t*_`]++(?:[-–—][ \t*_`]*+)?(?:\d|n\s*/\s*a\b))(?:[ \t*_`]+[-–—](?=\s))?"
    rf"|({REASON})[ \t*_`]+[-–—](?=\s))[ \t*_`]*",
    re.I | re.M,
)
VERDICT = (
    r"(?:\d{1,2}(?:[.,٫]\d)?(?:[ \t]*+(?:[/／]|out[ \t]++of)[ \t]*+\d{1,2})?|[★⭐][★⭐☆ \t]*+"
    r"|n\s{0,3}/\s{0,3}a)[ \t*_`.!)\]]*+$"
)
"""A rating with nothing behind it on its line."""
CORRECTED = lazy_pattern(
    rf"(?:^{EDGE}|(?<=[.!?;)。！？][ \t]))(?:(?P<before>[^\W\d_][^\n:：]{{0,60}}?[,:：;.!，。！—–-]++[ \t]*)"
    r"(?:(?:my|the|new|final|revised|corrected)[ \t]+){0,2}"
    r"|(?:(?:my|the)[ \t]+)?(?:revised|corrected|updated|new|adjusted|amended|actual)[ \t]+)"
    rf"[*_`]{{0,2}}(?P<label>(?:rating|score){SCALE}(?:{COLON}|[ \t]+(?:is|should[ \t]+be)\b)[ \t*_`]*(?={VERDICT}))",
    re.I | re.M,
)
"""A rating behind what takes back an earlier one: "Actually, rating: 3", "Revised rating: 3"."""
AGAIN = lazy_pattern(
    rf"^{EDGE}(?:[^\W\d_][^\n\d]{{0,40}}?[ \t*_])?{NAMED}(?:[^\n\d]{{0,40}}\n{{1,2}}|[ \t*_:：.,–—-]+)"
    rf"(?={EDGE}(?:[^\W\d_]{{1,12}}[ \t]+)?(?:rating|score){SCALE}{COLON}[ \t*_`]*{VERDICT})",
    re.I | re.M,
)
"""A part that is given again, whatever its header says of that: "Text 1, revised"."""
ASPECT = lazy_pattern(
    rf"^{EDGE}(?:overall|quality|helpfulness|honesty|truthfulness|instruction[- ]following)[ \t]+"
    rf"(rating|score){SCALE}{COLON}[ \t*_`]*",
    re.I | re.M,
)
"""A rating by the name of what is rated: only where a part has no other one, as there may be several of them."""
WORDED_TYPE = lazy_pattern(
    rf"^({EDGE}types?{COLON})(?!{EDGE}[#(\[]*(?:types?[ \t]+)?(?:[0-9]|\]|none\b|n\s*/\s*a))[^\n]{{1,80}}$"
    rf"(?=\n{{1,2}}{EDGE}{REASON}{COLON})",
    re.I | re.M,
)
"""Kinds in other words than their numbers, right before their reason: not readable, but the reason is theirs."""
FENCE, HEADING = lazy_pattern(r"^[ \t]*```", re.M), lazy_pattern(r"^(#{1,6})[ \t]+\S", re.M)
RULE = lazy_pattern(r"^[ \t]*([-*_=])(?:[ \t]*+\1){2,}+[ \t]*+$", re.M)
CLOSING = lazy_pattern(
    r"(?<=\n\n)[ \t>*_#]*(?:(?:in|the|a|my|brief|final|overall|quick)[ \t]+){0,2}"
    r"(?:summary|ranking|comparison|conclusion|verdict|overall|assessment)[ \t]*(?::[ \t*_]*|[*_]+[ \t]*:)",
    re.I,
)
"""What an answer says behind its last part: "**Summary:** Text 1 is ..."."""
COURTESY = lazy_pattern(
    r"(?<=\n\n)(?:(?:i[ \t]+)?hope[ \t]+(?:this|that|these)\b|(?:please[ \t]+)?let[ \t]+me[ \t]+know\b"
    r"|(?:please[ \t]+)?note(?:[ \t]+that|:)[ \t]+(?:these|my)[ \t]+(?:ratings|scores|evaluations|assessments)[ \t]+are[ \t]+"
    r"(?:\w+[ \t]+)?(?:based|my|subjective)\b)[^\n]*+\s*+\Z",
    re.I,
)
OTHERS = lazy_pattern(
    rf"\b(?:texts?|responses?|answers?)[ \t]*+(?:#[ \t]*+)?(?:[0-9]|(?:{'|'.join(NUMBERS)})\b)|\brank"
    r"|\b(?:both|all|the[ \t]+(?:two|three|four|five))[ \t]+(?:of[ \t]+the[ \t]+)?(?:texts|responses|answers)\b",
    re.I,
)
"""Words about several texts, as behind the last part and in no rationale of one."""
NAMES_ONE = lazy_pattern(
    rf"\d|\b(?:text|response|answer)[ \t]+(?:{'|'.join(NUMBERS)}|(?-i:[A-H]))\b"
    r"|\b(?:first|second|third|fourth|last|latter|former|order|rank)",
    re.I,
)
CONCLUSION = lazy_pattern(
    rf"(?<=\n\n)(?:overall|in[ \t]+(?:conclusion|summary|short|sum)|to[ \t]+(?:conclude|sum[ \t]+up|summari[sz]e)),[ \t]+"
    rf"(?:{NAMED}|(?:both|all)[ \t]+(?:of[ \t]+)?(?:the[ \t]+)?(?:texts|responses|answers)\b)[^\n]*+\s*+\Z",
    re.I,
)
"""A last paragraph of its own whose subject is a text, or all of them: "Overall, Text 1 is ..."."""
TURN = lazy_pattern(r"<\|(?:im_end|im_start|eot_id|end|endoftext|end_of_text|start_header_id)\|>\s*+(?=<\||\Z)")
"""A token that ends the labeller's turn: what follows is another one's."""
FENCE_LINE = lazy_pattern(r"^[ \t]*```([^\n]*)$", re.M)
RATED = lazy_pattern(rf"^{EDGE}(?:rating|score){COLON}[ \t*_`]*\d", re.I | re.M)


class Place(NamedTuple):
    """Where the part about text `number` of an answer is: its header at `begin`, what it says from `start`."""

    number: int
    begin: int
    start: int


def places(answer: str, texts: int) -> list[Place]:
    """The parts in the order of the answer. Where all texts have a header as it was asked for, no other one counts."""
    matches = list(HEADER.finditer(answer))
    expected = [match for match in matches if match["asked"]]
    if {number_of(match) for match in expected} >= set(range(1, texts + 1)):
        again = AGAIN.finditer(answer, expected[-1].end())
        return [Place(number_of(match), match.start(), match.end()) for match in (*expected, *again)]
    if first := _first_unnamed(answer, matches):
        return [first, *(Place(number_of(match), match.start(), match.end()) for match in matches)]
    by_start = {match.start(): Place(number_of(match), match.start(), match.end()) for match in matches}
    for match in OWN.finditer(answer):  # its rating stands behind it without a label of its own
        by_start[match.start()] = Place(number_of(match), match.start(), match.start())
    named = {part.number for part in by_start.values()}
    for match in INLINE.finditer(answer):
        if number_of(match) not in named:
            by_start[match.start()] = Place(number_of(match), match.start(), match.end())
    if by_start or texts == 1:
        return [by_start[at] for at in sorted(by_start)]
    for pattern in (ITEM, SHORT):
        items = list(pattern.finditer(answer))
        if sorted(map(number_of, items)) == list(range(1, texts + 1)) and not (pattern is SHORT and _says_more(answer)):
            starts = [match.start() if pattern is SHORT else match.end() for match in items]
            return [Place(number_of(match), match.start(), at) for match, at in zip(items, starts, strict=True)]
    return _unnamed(answer, texts)


def _first_unnamed(answer: str, matches: Sequence[re.Match[str]]) -> Place | None:
    """The part about text 1, where the answer goes on from the prompt's own header of it: a rating, then the second header."""
    numbers = list(map(number_of, matches))
    if not numbers or numbers != list(range(2, len(numbers) + 2)):
        return None
    begin = len(answer) - len(answer.lstrip())
    mark = LABEL.match(answer, begin)
    kinds = [kind(mark) for mark in LABEL.finditer(answer, begin, matches[0].start())]
    return Place(1, begin, begin) if mark is not None and kinds.count("rating") == 1 else None


def _says_more(answer: str) -> bool:
    """Whether something else in the answer says what its numbers are: a label for ratings, or that they are ranks."""
    return (
        any(kind(mark) == "rating" for mark in LABEL.finditer(answer)) or re.search(r"\brank", answer, re.I) is not None
    )


def _unnamed(answer: str, texts: int) -> list[Place]:
    """Parts without any header: as many as texts were asked about, all with the same labels, so in the texts' order.

    Nothing but these parts may stand there: what is named otherwise, or speaks of texts by number, is not told by order.
    """
    marks = list(LABEL.finditer(answer))
    each = len(marks) // texts
    labels = [kind(mark) for mark in marks]
    if not marks or labels != labels[:each] * texts or labels[:each].count("rating") != 1:
        return []
    before = answer[: marks[0].start()].strip(" \t\n`")
    if OTHERS.search(answer, marks[0].start()) or (before and not _is_preamble(before)):
        return []
    ends = [*(mark.start() for mark in marks[1:]), closing(answer, marks[-1].end())]
    values = [answer[mark.end() : end].strip().strip("`") for mark, end in zip(marks, ends, strict=True)]
    if any("\n" in value for value in values):
        return []
    return [Place(k + 1, mark.start(), mark.start()) for k, mark in enumerate(marks[::each])]


def _is_preamble(text: str) -> bool:
    """True for sentences that name no text, neither by number nor by its place: "Here are my ratings of the two texts:"."""
    sentences = text.endswith((".", "!", ":", "。", "！", "：", "。"))
    return sentences and not (NAMES_ONE.search(text) or HEADING.search(text))


def number_of(match: re.Match[str]) -> int:
    number = match["text"].lower()
    return NUMBERS.index(number) + 1 if number in NUMBERS else int(number)


def kind(mark: re.Match[str]) -> str:
    """What a label is for: rating, rationale, types; types_rationale where it says so, as "Rationale for type"."""
    word = next(group for group in mark.groups() if group).lower()
    if word in ("rating", "score"):
        return "rating"
    if word.startswith("type"):
        return "types"
    return "types_rationale" if word.endswith(("type", "types")) else "rationale"


def without_closing(body: str, level: int, *, last: bool, fenced: bool, before: Collection[int] = ()) -> str:
    """The part of an answer about one text without what follows it: an end only counts behind the part's last label.

    That is a heading that is no lower than its own (`level` hashes, 0 for a header that is no heading) or, behind the `last`
    part, a rule or a summary, each with words about several texts; a conclusion about one of the texts `before` it, or about
    all; a courtesy at the very end; the end of a fence around the whole answer; a token that ends the turn.
    """
    read = without_code(body)
    marks = list(LABEL.finditer(read))
    if not marks:
        return body
    after = marks[-1].end()
    ends = [match.start() for match in TURN.finditer(read, after)]
    if fenced and (fence := FENCE.search(read, after)):
        ends.append(fence.start())
    closings = [match.start() for match in HEADING.finditer(read, after) if level and len(match[1]) <= level]
    if last:
        closings += [match.start() for pattern in (RULE, CLOSING) for match in pattern.finditer(read, after)]
        ends += [match.start() for match in COURTESY.finditer(read, after)]
        ends.append(closing(read, after))
        concluded = CONCLUSION.search(read, after) if before else None
        if (
            concluded
            and (not concluded["text"] or number_of(concluded) in before)
            and _says(read[after : concluded.start()])
        ):
            ends.append(concluded.start())
    others = [match.start() for match in OTHERS.finditer(read, after)]
    ends += [start for start in closings if others and others[-1] > start]
    return body[: min(ends, default=len(body))]


def _says(text: str) -> bool:
    return re.search(r"[^\W\d]{2}", text) is not None


def without_code(answer: str) -> str:
    """The answer, as long as it is, with blanks for the code that a rationale quotes: what looks like a label there is none."""
    first = next((mark.end() for mark in LABEL.finditer(answer) if kind(mark) != "rating"), None)

    if first is None or "```" not in answer:
        return answer
    pieces, rest_start = [], 0
    for begin, end, code in _blocks(answer):
        if begin >= first and not HEADER.search(code) and not RATED.search(code):
            pieces += [answer[rest_start:begin], re.sub(r"[^\n]", " ", answer[begin:end])]
            rest_start = end
    return "".join([*pieces, answer[rest_start:]])


def _blocks(answer: str) -> Iterator[tuple[int, int, str]]:
    """(begin, end, what is inside) of each block of code: from a fence to the next one that stands alone on its line."""
    opened = None
    for line in FENCE_LINE.finditer(answer):
        if opened is None:
            opened = line
        elif not line[1].strip(" \t"):
            yield opened.start(), line.end(), answer[opened.end() + 1 : line.start()]
            opened = None


def level_of(answer: str, part: Place) -> int:
    """How many hashes the header of a part has."""
    line = answer[part.begin : part.start].lstrip(" \t\n>*_")
    return len(line) - len(line.lstrip("#"))


def in_fence(answer: str, parts: Sequence[Place]) -> bool:
    """Whether a fence was opened before the first part."""
    return bool(parts) and len(FENCE.findall(answer, 0, parts[0].begin)) % 2 == 1
