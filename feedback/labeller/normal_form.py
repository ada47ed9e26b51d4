"""A labeller's answer in the form that was asked for: "Text 2" for a text whatever it is called, and labels in place of tags."""

import re

from feedback.labeller import translated_labels
from feedback.labeller.answer_sections import COLON, EDGE, HEADER, KIND, LABEL, NAMED, REASON, SCALE, kind, number_of
from tasks.text.patterns import lazy_pattern

TAG = lazy_pattern(
    r"<(?P<end>/)?(?P<name>[^\W\d_]{2,20})[ \t_-]{0,2}(?P<number>\d{1,3}|(?-i:[A-H])\b|(?<=_)[a-h]\b)?"
    r"(?:[ \t]{1,3}[a-z_]{1,12}=[\"']?(?:[a-z]{1,12}[ _])?(?P<of>\d{1,3}|(?-i:[A-H])\b)[\"']?)?[ \t]{0,3}>"
    r"(?P<line>(?=\s*+(?:<|\Z)|[ \t]*\n))?",
    re.I,
)
LABELLED = lazy_pattern(rf"\A(?:ratings?|scores?|types?|rationales?|{REASON})\Z", re.I)
TAGGED = lazy_pattern(r"(?:^|(?<=>))[ \t]*<(?:rating|score|rationale|type)s?>", re.I | re.M)
AROUND = frozenset(
    ("ratings", "output", "outputs", "text", "texts", "response", "responses", "evaluation", "evaluations")
)
DOUBLED = lazy_pattern(
    rf"\b(?P<word>rating|score|rationale|reason|explanation){COLON}[ \t*_`]*+(?=(?P=word){SCALE}{COLON})", re.I
)
GLUED = lazy_pattern(rf"(?<=[^\s#>*_`])(?=\#{{1,6}}[ \t]*(?:output[ \t]+for[ \t]+)?{NAMED})", re.I)
LETTERED = lazy_pattern(
    rf"^({EDGE}(?:\d{{1,2}}[.)][ \t*_]+)?(?:output[ \t]+for[ \t]+)?(?:(?:rating|score)[ \t]+(?:for|of)[ \t]+)?"
    r"(?:text|response|answer)[ \t_-]{0,2})((?-i:[A-H])|(?<=_)[a-h])(?=[ \t*_`]*(?:$|[:：.)\]>|\[(–—-]))",
    re.I | re.M,
)
LETTER = lazy_pattern(r"(?<![A-Za-zÀ-ɏ'’])[A-H](?![A-Za-zÀ-ɏ'’])")
BESIDE_WORDS = lazy_pattern(rf"\d|{LETTER.pattern}|[\W_]")
TITLED = lazy_pattern(
    rf"^(?P<title>[^\n]{{1,60}}?)(?:\n{{1,2}}|[ \t*_]*[:：–—|-][ \t*_]*)(?={EDGE}{KIND})", re.I | re.M
)
"""A line, or the beginning of one, right before a label."""
NOT_TEXTS = lazy_pattern(
    r"\b(?:aspect|attempt|categor|criteri|crit[eè]re|dimension|draft|entwurf|[eé]tape|item|kategorie|kriteri|part|paso|point|punkt"
    r"|question|round|schritt|section|step|teil|version)|标准|步骤|维度|шаг|критери|معيار|خطوة",
    re.I,
)
IN_BRACKETS = lazy_pattern(
    rf"^(?P<header>{EDGE}(?:\d{{1,2}}[.)][ \t*_]+)?(?:output[ \t]+for[ \t]+)?{NAMED})[ \t*_`]*+[(\[（:：–—-][ \t*_`]*+"
    r"(?P<label>(?:rating|score)[ \t]*+[:：=]?[ \t]*+)?"
    r"(?P<value>\d{1,2}(?:[.,]\d)?(?:[ \t]*+(?:[/／]|out[ \t]++of)[ \t]*+\d{1,3})?|[★⭐🌟][★⭐🌟☆ \ufe0f]{0,12})"
    r"[ \t]*+[)\]）]?[ \t*_`]*+(?:$|[:：.–—-]+[ \t*_`]*)",
    re.I | re.M,
)
"""A rating in the header of its text: "Text 1 (4/5): Good."."""
BLANKS, LINES = lazy_pattern(r"[ \t]{40,}"), lazy_pattern(r"\n{3,}")


def even(answer: str) -> str:
    """The answer with one kind of line end and without long runs of blanks, over which patterns would take for ever."""
    lines = BLANKS.sub(" ", answer.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return LINES.sub("\n\n", "\n".join(line.rstrip(" \t") for line in lines))


def normal_form(answer: str, texts: int) -> str:
    """An answer that is no JSON, with the labels and headers that were asked for in place of others that say the same."""
    answer = GLUED.sub("\n", DOUBLED.sub("", _untagged(answer)))
    answer, before = translated_labels.in_english(answer, texts), answer
    if texts > 1 and not HEADER.search(answer):
        answer = _titled(_numbered(answer, texts), texts)
        if answer != before and not HEADER.search(answer) and translated_labels.counts_up(before, texts):
            answer = before
    return _unbracketed(answer, texts)


def _untagged(answer: str) -> str:
    """The answer with labels in place of tags: "<rating>4</rating>" is "Rating: 4"."""
    if not TAGGED.search(answer) or LABEL.search(answer):
        return answer
    return LINES.sub("\n\n", TAG.sub(_of_tag, answer))


def _of_tag(tag: re.Match[str]) -> str:
    number = tag["number"] or tag["of"]
    if LABELLED.match(tag["name"]) and not number and tag["name"].lower() != "ratings":
        return "\n" if tag["end"] else f"\n{tag['name'].rstrip('s')}: "
    if number and tag["line"] is not None and not NOT_TEXTS.search(tag["name"]):
        return "\n" if tag["end"] else f"\nText {_number(number)}\n"
    return "\n" if tag["name"].lower() in AROUND and tag["line"] is not None else tag[0]


def _number(name: str) -> int:
    return int(name) if name.isdecimal() else ord(name.upper()) - ord("A") + 1


def _numbered(answer: str, texts: int) -> str:
    """The answer with numbers in place of letters: "Response A" is "Response 1"."""
    letters = {match[2].upper() for match in LETTERED.finditer(answer)}
    if "A" not in letters or any(_number(letter) > texts for letter in letters):
        return answer
    return LETTERED.sub(lambda match: f"{match[1]}{_number(match[2])}", answer)


def _titled(answer: str, texts: int) -> str:
    """The answer with "Text 1" in place of titles in other words, where all that differs in them are the texts' numbers."""
    named = {
        match: (numbers, BESIDE_WORDS.sub("", match["title"]))
        for match in TITLED.finditer(answer)
        if not LABEL.match(match["title"])
        and len(numbers := set(re.findall(r"\d{1,3}", match["title"]) or LETTER.findall(match["title"]))) == 1
    }
    order = [_number(number) for numbers, _ in named.values() for number in numbers]
    titles = {title.casefold() for _, title in named.values()}
    if sorted(order) != list(range(1, texts + 1)) or len(titles) != 1 or NOT_TEXTS.search(titles.pop()):
        return answer
    pieces, end = [], 0
    for match, number in zip(named, order, strict=True):
        hashes = re.match(r"[ \t>]*(#*)", match["title"])
        pieces += [answer[end : match.start()], f"{hashes[1] if hashes else ''} Text {number}\n"]
        end = match.end()
    return "".join([*pieces, answer[end:]])


def _unbracketed(answer: str, texts: int) -> str:
    """The answer with a label for ratings that stand in the headers, where each text has one and there are no others."""
    if any(kind(mark) == "rating" for mark in LABEL.finditer(answer)):
        return answer
    bracketed = [match for match in IN_BRACKETS.finditer(answer) if match["label"] or not match["value"].isdecimal()]
    if sorted(map(number_of, bracketed)) != list(range(1, texts + 1)):
        return answer
    replacements = {match.start(): f"{match['header']}\nRating: {match['value']}\n" for match in bracketed}
    return IN_BRACKETS.sub(lambda match: replacements.get(match.start(), match[0]), answer)
