"""What marks the lines of the lists that models write: numbers in many scripts, bullets, labels, titles, what is said around."""

import re
from dataclasses import dataclass

from tasks.text.answers import ROUNDS, WHOLE_BOLD, unbold, unquoted
from tasks.text.patterns import lazy_pattern

ROMAN = r"(?:x{0,2}(?:ix|iv|v?i{1,3}|v)|x{1,3})"
WORDS = r"(?:(?:user|new)\s+)?(?:query|question|request|instruction|prompt|task|item|example|q)"
NUMBER = lazy_pattern(
    rf"""(?P<open>\*\*|__)?(?:
      (?:{WORDS})\s*+(?:(?:\#|no\.)\s*+)?\d{{1,3}}\s*+(?:(?:\*\*|__)\s*+[:.)：–-]?|[:.)：](?:\*\*|__)?|(?<=\s)[–-](?=\s)|\Z)
    | \#\d{{1,3}}(?:[:.)]|(?=\s))
    | [\[(（【]?(?P<number>\d{{1,3}})(?:\\?[.)]|[:：、．）】]|\](?=\s))(?!\d)
    | \d\ufe0f?\u20e3 | 第?[（(]?[一二三四五六七八九十]{{1,3}}[、．.)）:：] | 第\d{{1,3}}[题條条个個]?[、.:：]
    | [\u2460-\u2473\u2474-\u2487\u2776-\u277f]
    )(?P<close>\*\*|__)?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
LABEL = lazy_pattern(rf"\A(?:{WORDS}|user)\s*[:：]\s*", re.IGNORECASE)
BULLET = lazy_pattern(
    r"(?:[-*+•▪▫◦‣⁃●○■□►▶➤➢✓✔✅★☆→·–—]|👉|🔹|🔸|🔷|🔶|✏️|❓)(?:\s+|(?<=[•●■►▶✅→👉🔹🔸])\s*)(?:\[[ xX]?\]\s+)?"
)
LETTER = lazy_pattern(rf"(?:\(?[^\W\d_][.)]|\(?{ROMAN}[.)])\s+", re.IGNORECASE)
FIRST_LETTERS = frozenset(["a", "i", "α", "а", "א", "ا", "أ", "가", "ア", "あ", "क", "ก", "甲", "A", "I"])
QUOTE, HEADING = lazy_pattern(r">\s+"), lazy_pattern(r"#{1,6}\s+")
TAG = lazy_pattern(r"\A</?(?:ol|ul|li|requests?|quer(?:y|ies)|instructions?|list|items?)>\Z", re.IGNORECASE)
TAGGED = lazy_pattern(r"\A<(\w+)>(.*)</\1>\Z", re.DOTALL)
EMPHASIS = lazy_pattern(r"\A([*_])(?=[^\s*_])([^*_\n]+)(?<=[^\s*_])\1\Z")
TITLE = lazy_pattern(r"\A\*\*([^*\n]{1,60}?)(?::\s*\*\*|\*\*\s*(?::|\s[–—-](?=\s)))\s*")
SMALL = frozenset(("and", "or", "of", "for", "in", "to", "with", "on", "the", "vs", "vs.", "&", "/", "-"))
CARRIES_ON = frozenset(
    ["a", "an", "the", "this", "that", "these", "those", "it", "they", "its", "their", "include", "and", "but"]
)
COURTESY = (
    r"(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|great|got it|no problem|here you go|understood|yes"
    r"|happy to help)"
)
LISTED = (
    r"(?:requests?|quer(?:y|ies)|questions?|instructions?|prompts?|tasks?|examples?|ideas|suggestions|list|items|ones)"
)
INTRODUCTION = lazy_pattern(
    rf"""\A(?:
      {COURTESY}[^\w\n]*
    | (?:{COURTESY}\b[^\w\n]*)?(?:here(?:['’]s|\ is|\ are)|below\ (?:is|are)|the\ following|these\ are)\b.*\b{LISTED}\b[^?]*
    | {COURTESY}\b.*\b(?:help|happy|glad)\b[^?]*
    | (?:my|the)?\s*(?:output|answer|response|(?:(?:new|user|sample|example|generated)\s){{0,2}}{LISTED})\s*
    )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
OPENING = lazy_pattern(
    rf"\A(?:{COURTESY}\W|here\b|below\b|these are\b|the following (?:is|are)\b|as (?:requested|you)\b"
    r"|i(?:['’]ve| have| made| wrote| prepared)\b)",
    re.IGNORECASE,
)
MANY = lazy_pattern(
    r"\b(?:requests|queries|questions|instructions|prompts|tasks|examples|ideas|suggestions)\b", re.IGNORECASE
)
POINTING = lazy_pattern(r"\b(?:following|this|these|below|next)\b", re.IGNORECASE)
LIST_KEY = lazy_pattern(rf"(?:\w*[ _-])?{LISTED}", re.IGNORECASE)
REMARK = lazy_pattern(
    rf"""\A\W*(?:
      (?:please\ )?let\ me\ know\ (?:if|whether|which)\ (?:you|these|this|that|any|there|one|of)\b
    | (?:i\ )?hope\ (?:this|these|that|it|you)\b | enjoy\W*\Z | is\ there\ anything\ else\b | do\ you\ want\ me\ to\b
    | feel\ free\ to\ (?:ask|adjust|adapt|change|customi[sz]e|edit|let|modify|reach|tell|tweak|use)\b
    | would\ you\ like\ (?:me|more|any|another|other|some)\b | (?:please\ )?note(?:\ that\b|\s*:)
    | if\ you(?:['’]d\ like|\ need|\ want|\ would\ like)\ (?:more|any|another|other|further|additional|me|different|changes)\b
    | these\ (?:\w+\ ){{0,3}}{LISTED}\b | each\ (?:of\ these|{LISTED})\ (?:is|are|has|was|can|covers|starts|begins)\b
    | (?:i['’]m\ )?happy\ to\ (?:help|provide|write|give|make|add)\b | i\ can\ (?:also\ )?(?:write|give|make|add|provide)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
REFUSAL = lazy_pattern(
    r"\A(?:(?:(?:i['’]m |i am |we['’]re )?(?:very |so )?sorry,? (?:but )?)?as an ai(?: (?:language )?model| assistant)?,? i\b"
    r"|(?:(?:i['’]m |i am |we['’]re )?(?:very |so )?sorry,? (?:but )?|unfortunately,? )?"
    r"(?:i|we)(?: can['’]?t| cannot| can not|(?: a|['’])m unable to|(?: a|['’])m not able to| won['’]t) (?:\w+ )?"
    r"(?:help|assist|fulfil|comply|provide|create|generate|write|answer|continue|do (?:this|that)))",
    re.IGNORECASE,
)
MARKERS = (QUOTE, BULLET, HEADING, NUMBER)
RULES = frozenset("-=*_`#~ ")
LONGEST_INTRODUCTION = 400
"""Characters: a line that is longer introduces nothing, unless it ends in a colon."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an answer. `kind` is what marks it: number, bullet, letter, quote, heading, fence or nothing."""

    indent: int
    text: str
    kind: str = ""
    rest: str = ""
    number: int = 0


def line_of(text: str) -> Line:
    """What marks a line, and what it says without that."""
    if not text or text.isspace():
        return Line(0, "")
    expanded = text.expandtabs(4)
    stripped = expanded.strip()
    indent = len(expanded) - len(expanded.lstrip())
    if stripped.startswith("```"):
        return Line(indent, stripped, "fence", stripped)
    if whole := WHOLE_BOLD.match(stripped):
        stripped = whole[1] if NUMBER.match(whole[1]) else stripped
    rest, kind, number = stripped, "", 0
    for pattern, name in ((QUOTE, "quote"), (BULLET, "bullet"), (HEADING, "heading")):
        if match := pattern.match(rest):
            rest, kind = rest[match.end() :], name
    if match := NUMBER.match(rest):
        rest = rest[match.end() :]
        opened = match["open"] == "**" and match[0].count("**") == 1 and "**" in rest
        number = int(match["number"]) if match["number"] else 1
        return Line(indent, stripped, "number", "**" * opened + rest, number)
    if not kind and (match := LETTER.match(rest)):
        return Line(indent, stripped, "letter", rest[match.end() :])
    return Line(indent, stripped, kind, rest)


def introduces(line: Line) -> bool:
    """True for "Here are five questions:" and its like."""
    text = line.text.strip("*_# ")
    return bool(not line.kind or line.kind == "heading") and (
        text.endswith((":", "：")) or (len(text) <= LONGEST_INTRODUCTION and INTRODUCTION.match(text) is not None)
    )


def announces(line: Line) -> bool:
    """True for a line that introduces a list, not for a request that its material follows: "Translate this sentence:"."""
    text = line.text.strip("*_# ").rstrip(":： ")
    if line.kind == "heading" or INTRODUCTION.match(text[:LONGEST_INTRODUCTION]):
        return True
    return OPENING.match(text) is not None or (MANY.search(text) is not None and POINTING.search(text) is None)


def is_caption(line: Line) -> bool:
    """True for the few words over a part of a list: "Places:"."""
    terms = line.text.split()
    return line.text.endswith("**") or len(terms) < 3 or (len(terms) <= 4 and POINTING.search(line.text) is None)


def is_rule(text: str) -> bool:
    return set(text) <= RULES or TAG.match(text) is not None


def bare(text: str) -> str:
    """One item without its marker, its title, its emphasis and the quotes around it."""
    item = unmarked(text)
    for _ in range(ROUNDS):
        before = item
        line = line_of(item)
        item = line.rest.strip() if line.kind not in ("", "fence", "letter") else item
        item = TAGGED.sub(r"\2", item).strip()
        item = item[:-1] if item.endswith('",') and item.startswith('"') else item
        item = unmarked(unquoted(EMPHASIS.sub(r"\2", unbold(untitled(item))).strip()))
        if item == before:
            break
    return item


def unmarked(text: str) -> str:
    """A text without the markers before it, however many there are; one that opens something bold stays."""
    stripped, at = text.strip(), 0
    while match := next((match for pattern in MARKERS if (match := pattern.match(stripped, at))), None):
        if match.re == NUMBER and match["open"]:
            break
        at = match.end()
    return stripped[at:]


def untitled(item: str) -> str:
    """An item without the bold title before it, where the rest says it all."""
    title = TITLE.match(item)
    if title is None or not is_label(title[1]):
        return item
    rest = item[title.end() :]
    terms = rest.split()
    if terms and LABEL.match(f"{title[1]}:"):
        return rest
    whole = len(terms) >= 3 and not terms[0][0].islower() and terms[0].casefold().strip('"“') not in CARRIES_ON
    return rest if whole or not title[1].strip() else item


def is_label(text: str) -> bool:
    """True for a few words that are written like a title."""
    terms = text.split()
    return 0 < len(terms) <= 5 and all(word in SMALL or not word[0].islower() for word in terms)


def is_sentence(text: str) -> bool:
    sentence = bare(text)
    return (
        sentence.endswith((".", "?", "!", "。", "？", "！"))
        and not sentence[:1].islower()
        and len(sentence.split()) > 1
    )
