"""Thoughts that a model wrote into its answer, in the marks of today's families, apart from what it answers.

They are taken off where an answer begins with them, or where channels say which part is which; never from the middle of a text.

>>> split("<think>A river.</think>The Loire.")
('A river.', 'The Loire.')
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.text.patterns import lazy_pattern

NAMES = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think|mm:think|longcat_think"


@dataclass(frozen=True, slots=True)
class Family:
    """The marks in which some models write their thoughts."""

    opening: re.Pattern[str]
    ending: re.Pattern[str]
    ends_alone: bool = False
    """Its ending can close a thought whose opening the chat template wrote, so that the answer lacks it."""
    is_plain: bool = False
    """Its opening is a sentence that any answer may begin with: only its ending, or a limit, makes a thought of it."""


FAMILIES = (
    Family(  # Qwen, DeepSeek, Seed-OSS, MiniMax, LongCat
        lazy_pattern(r"<(?:" + NAMES + r")>", re.IGNORECASE),
        lazy_pattern(r"</(?:" + NAMES + r")>", re.IGNORECASE),
        ends_alone=True,
    ),
    Family(  # Magistral
        lazy_pattern(r"\[(?:THINK|THINKING|THOUGHT|REASONING)\]"),
        lazy_pattern(r"\[/(?:THINK|THINKING|THOUGHT|REASONING)\]"),
        ends_alone=True,
    ),
    Family(lazy_pattern(r"<\|START_THINKING\|>"), lazy_pattern(r"<\|END_THINKING\|>"), ends_alone=True),  # Cohere
    Family(  # Sky-T1
        lazy_pattern(r"<\|(?:begin|start)_of_thought\|>"), lazy_pattern(r"<\|end_of_thought\|>"), ends_alone=True
    ),
    Family(lazy_pattern("\u25c1think\u25b7"), lazy_pattern("\u25c1/think\u25b7"), ends_alone=True),  # Kimi
    Family(lazy_pattern(r"<\|think(?:ing)?\|>"), lazy_pattern(r"<\|/think(?:ing)?\|>")),
    Family(  # Solar Open
        lazy_pattern(r"<\|think\|>"),
        lazy_pattern(r"<\|end\|>\s*+<\|begin\|>assistant(?:<\|content\|>)?"),
        ends_alone=True,
    ),
    Family(lazy_pattern(r"<unused94>(?:thought\b)?"), lazy_pattern(r"<unused95>")),  # MedGemma
    Family(lazy_pattern(r"<\|channel>(?:thought|thinking|analysis)\b"), lazy_pattern(r"<channel\|>")),  # Gemma
    Family(lazy_pattern(r"<\|inner_prefix\|>"), lazy_pattern(r"<\|inner_suffix\|>"), ends_alone=True),  # Apertus
    Family(lazy_pattern(r"\[unused16\]"), lazy_pattern(r"\[unused17\]"), ends_alone=True),  # Pangu
    Family(lazy_pattern(r"<\|im_start\|>think\b"), lazy_pattern(r"<\|im_start\|>answer\b"), ends_alone=True),  # s1
    Family(  # Apriel
        lazy_pattern(r"Here are my reasoning steps:"),
        lazy_pattern(r"\[BEGIN FINAL RESPONSE\]"),
        ends_alone=True,
        is_plain=True,
    ),
    Family(  # Granite 3.2
        lazy_pattern(r"Here(?: is|['\u2019]s) my thought process:"),
        lazy_pattern(r"Here(?: is|['\u2019]s) my response:"),
        is_plain=True,
    ),
)
"""Sources: the models' chat templates, and the readers that vLLM and llama.cpp have for them."""
BEFORE_MARKS = lazy_pattern(r"(?:\s|\ufeff|<\|(?:im_start|begin|start)\|>assistant)*+")
"""May stand before an opening: a byte order mark, and the header of the turn that the chat template should have written."""
EVERY_MARK = ("<", "[", "\u25c1", "Here", "assistantfinal", "analysis", "commentary")
"""Of these, each mark has one: an answer without any is looked at no further, as most are."""
MOST_THOUGHTS = 50
SPOKEN_OF = lazy_pattern(r" [a-z]|[,;:)] ")
"""Behind a mark that a sentence speaks of: "<think> is the tag"."""
ENDS_SENTENCE = frozenset("\n.?!\u2026\u3002\uff01\uff1f")
QUOTES = frozenset("`'\"\u201c\u2018\u00ab(")
CHANNEL = lazy_pattern(
    r"(?:<\|start\|>\s*+assistant\s*+)?<\|channel\|>\s*+(?P<name>\w{1,20})[^<\n]{0,40}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>"
)
REST_OF_CHANNEL = lazy_pattern(
    r"\s*+(?P<name>analysis|commentary|final)(?: [^<\n]{0,40})?(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>"
)
"""The first header where the chat template wrote its beginning."""
LAST_END = lazy_pattern(r"<\|(?:end|return|call)\|>\s*\Z")
ENDS_CHANNEL = lazy_pattern(r"<\|(?:end|return|call)\|>")
BARE_CHANNELS = lazy_pattern(r"\s*+(?:assistant)?(?:analysis|commentary)(?=[A-Za-z\"'\u201c(\[\d*\u0080-\uffff]|\s*\n)")
BARE_FINAL = lazy_pattern(r"assistantfinal(?![a-z])|^assistant[ \t]*\n[ \t]*final[ \t]*\n", re.MULTILINE)
GLUED_FINAL = lazy_pattern(r"assistantfinal(?=[A-Z\d*#{\[\"\u0080-\uffff]|\n)")
"""What is left of the tokens before an answer that begins right behind it."""
ANSWER_TAG = lazy_pattern(r"\s*+<(?P<name>answer|response|final_answer|output)>", re.IGNORECASE)
AROUND_ANSWER = (
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|START_TEXT|>", "<|END_TEXT|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
    ("[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]"),
    ("<|content|>", "<|flush|>"),
)
"""Tokens around an answer: Cohere, Sky-T1, GLM, Apriel, Solar Open."""
LAST_TOKENS = (
    "<|end|>", "<|return|>", "<|im_end|>", "<|flush|>", "<|assistant_end|>", "[unused10]", "[END FINAL RESPONSE]",
)  # fmt: skip
"""End an answer that a server did not clean, in the order in which they are looked for."""


def split(text: str, *, apart: bool = False, is_whole: bool = False) -> tuple[str, str]:
    """(what it thought, "" for nothing; what it answers).

    `apart` says that the endpoint gave the thoughts in a field of their own: then nothing is looked for but empty thoughts and
    the tokens of a format, which are never a part of an answer. In an answer that `is_whole` a thought ends: a mark without an
    end may be spoken of.
    """
    if not any(mark in text for mark in EVERY_MARK):
        return "", text
    if (channels := _channels(text, apart)) is not None:
        return channels
    thoughts: list[str] = []
    rest = text
    while len(thoughts) < MOST_THOUGHTS and (thought := _thought_at_the_beginning(rest, is_whole)) is not None:
        if apart and thought[0]:
            break
        thoughts.append(thought[0])
        rest = thought[1]
    if thoughts:
        return "\n\n".join(filter(None, thoughts)), _answer(rest)
    if (thought := _without_opening(text)) is not None and not (apart and thought[0]):
        return thought[0], _answer(thought[1])
    return "", _without_tokens(text)


def _thought_at_the_beginning(text: str, is_whole: bool) -> tuple[str, str] | None:
    """(a thought, what is behind it: nothing where it does not end); None where the text begins with none."""
    begins_at = before.end() if (before := BEFORE_MARKS.match(text)) else 0
    openings = [(family, opening) for family in FAMILIES if (opening := family.opening.match(text, begins_at))]
    if not openings:
        return None
    family, opening = openings[0]
    closed = [
        (opening, ending) for family, opening in openings if (ending := family.ending.search(text, opening.end()))
    ]
    is_spoken_of = SPOKEN_OF.match(text, opening.end()) is not None
    if not closed:
        if is_whole and (is_spoken_of or family.is_plain):
            return None
        return text[opening.end() :].strip(), ""
    opening, ending = min(closed, key=lambda marks: marks[1].start())
    thought, after = text[opening.end() : ending.start()], text[ending.end() :]
    if is_spoken_of and not _ends_sentence(thought) and SPOKEN_OF.match(after):
        return None
    return thought.strip(), after.lstrip()


def _without_opening(text: str) -> tuple[str, str] | None:
    """(the thought, what is behind it) of an answer whose template had opened it already: what stands before its only end.

    That follows the end of a sentence or a line, and the answer begins right behind it or on the next line. A text that speaks
    of the mark has several, quotes it, or goes on with its sentence: None.
    """
    alone = [family for family in FAMILIES if family.ends_alone]
    endings = [ending for family in alone for ending in _first_two(family.ending, text)]
    if len(endings) != 1 or any(family.opening.search(text) for family in alone):
        return None
    before, after = text[: endings[0].start()], text[endings[0].end() :]
    begins_answer = after[:1] == "\n" or after[:1].isalnum() or after[:1] in set('{["*#<')
    if not after.strip() or not begins_answer or _is_quoted(before) or (before.strip() and not _ends_sentence(before)):
        return None
    return before.strip(), after.lstrip()


def _first_two(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return (match for _, match in zip(range(2), pattern.finditer(text), strict=False))


def _ends_sentence(before: str) -> bool:
    """True for what a thought can be, up to its end: whole sentences or lines, or markup."""
    return before[-1:] in ENDS_SENTENCE or before.endswith((">", "]", ")"))


def _is_quoted(before: str) -> bool:
    """True where a mark stands in quotes, or in code."""
    in_line = before.rpartition("\n")[2].count("`") % 2 == 1
    return before[-1:] in QUOTES or in_line or before.count("```") % 2 == 1 or before.count("~~~") % 2 == 1


def _channels(text: str, apart: bool) -> tuple[str, str] | None:
    """Harmony's channels, with its tokens or with what is left of them; None where there are none.

    Source: the format's description, developers.openai.com/cookbook/articles/openai-harmony.
    """
    headers = list(CHANNEL.finditer(text))
    parts: dict[str, list[str]] = {}
    if (rest_of_header := REST_OF_CHANNEL.match(text)) is not None and not SPOKEN_OF.match(text, rest_of_header.end()):
        headers.insert(0, rest_of_header)
    elif headers and not _before_channels(before := text[: headers[0].start()]):
        if apart or not _ends_channel(before, headers[0], text):
            return None
        parts["analysis"] = [before.rstrip().removesuffix("<|end|>").strip()]
    for header, following in zip(headers, [*headers[1:], None], strict=False):
        if header["name"] == "final":  # all that follows is the answer, also where it speaks of tokens
            parts.setdefault("final", []).append(LAST_END.sub("", text[header.end() :]).strip())
            break
        content = text[header.end() : following.start() if following else len(text)]
        content = ENDS_CHANNEL.split(content, maxsplit=1)[0]
        parts.setdefault(header["name"], []).append(content.strip())
    if headers:
        final = parts.pop("final", [])
        return "\n\n".join(part for texts in parts.values() for part in texts if part), "\n\n".join(final)
    return _bare_channels(text, apart)


def _bare_channels(text: str, apart: bool) -> tuple[str, str] | None:
    """Channels of which nothing but the names is left; None where a text may only hold these words."""
    begins_at, final = 0, None
    if (bare := BARE_CHANNELS.match(text)) is not None:
        begins_at, final = bare.end(), BARE_FINAL.search(text)
    elif len(glued := list(_first_two(GLUED_FINAL, text))) == 1:
        before = text[: glued[0].start()].rstrip()
        last_word = before[-100:].rpartition(" ")[2].rstrip(".")
        is_name = "." in last_word  # a module's, as in com.example.assistantfinalThing
        is_certain = not before or not (apart or is_name or _is_quoted(before) or not _ends_sentence(before))
        final = glued[0] if is_certain else None
    if final is None:
        return None
    answer = ENDS_CHANNEL.split(text[final.end() :], maxsplit=1)[0]
    return text[begins_at : final.start()].strip(), answer.strip()


def _before_channels(text: str) -> bool:
    """True for what may stand before the first channel: nothing but tokens of the format."""
    return not re.sub(r"<\|\w{1,20}\|>|assistant|\ufeff", "", text).strip()


def _ends_channel(before: str, header: re.Match[str], text: str) -> bool:
    """True where a text ends a channel whose header the chat template wrote: its tokens follow each other without a gap."""
    thought = before.rstrip().removesuffix("<|end|>")
    is_closed = before.rstrip() != thought and header[0].startswith("<|start|>")
    is_spoken_of = thought[-1:] == " " or text[header.end() : header.end() + 1] in (" ", "`")
    return is_closed and not is_spoken_of and not _is_quoted(thought) and "<|start|>" not in thought


def _answer(text: str) -> str:
    """What is behind the thoughts, without the tag and the tokens around all of it."""
    text = _without_tokens(text)
    for token in LAST_TOKENS:
        if (shorter := text.rstrip()).endswith(token):
            text = shorter.removesuffix(token).rstrip()
    if (tag := ANSWER_TAG.match(text)) is not None:
        ending = f"</{tag['name']}>"
        inside, ends, after = text[tag.end() :].rpartition(ending)
        if ends and not after.strip():
            return _without_tokens(inside.strip())
    return text


def _without_tokens(text: str) -> str:
    """A text without the tokens around an answer that it begins with."""
    beginning = text[before.end() :] if (before := BEFORE_MARKS.match(text)) else text
    for opening, ending in AROUND_ANSWER:
        if beginning.startswith(opening) and not SPOKEN_OF.match(beginning, len(opening)):
            inside, _, after = beginning[len(opening) :].partition(ending)
            return (inside + after).strip()
    return text
