"""Thoughts that a model wrote into its answer, in the marks of today's families, apart from what it answers.

They are taken off where an answer begins with them, or where channels say which part is which; never from the middle of a text.

>>> split("<think>A river.</think>The Loire.")
('A river.', 'The Loire.')
"""

import re

NAMES = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think|mm:think"
MARKS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"\s*+<(?:" + NAMES + r")>", re.IGNORECASE), re.compile(r"</(?:" + NAMES + r")>", re.IGNORECASE)),
    (
        re.compile(r"\s*+\[(?:THINK|THINKING|THOUGHT|REASONING)\]"),
        re.compile(r"\[/(?:THINK|THINKING|THOUGHT|REASONING)\]"),
    ),
    (re.compile(r"\s*+<\|START_THINKING\|>"), re.compile(r"<\|END_THINKING\|>")),
    (re.compile(r"\s*+<\|(?:begin|start)_of_thought\|>"), re.compile(r"<\|end_of_thought\|>")),
    (re.compile(r"\s*+<\|think(?:ing)?\|>"), re.compile(r"<\|/think(?:ing)?\|>")),
    (re.compile("\\s*+\u25c1think\u25b7"), re.compile("\u25c1/think\u25b7")),
    (re.compile(r"\s*+<unused94>(?:thought\b)?"), re.compile(r"<unused95>")),
    (re.compile(r"\s*+<\|channel>(?:thought|thinking|analysis)\b"), re.compile(r"<channel\|>")),
)
"""What begins a thought, and what ends it: Qwen, DeepSeek, Seed-OSS, MiniMax; Magistral; Cohere; Sky-T1; Kimi; MedGemma, Gemma."""
CLOSING_ALONE = re.compile(
    r"</(?:" + NAMES + r")>|\[/THINK\]|\u25c1/think\u25b7|<\|END_THINKING\|>|<\|end_of_thought\|>", re.IGNORECASE
)
OPENING_ANYWHERE = re.compile(r"<(?:" + NAMES + r")>|\[THINK\]|\u25c1think\u25b7|<\|START_THINKING\|>", re.IGNORECASE)
MOST_THOUGHTS = 50
SPOKEN_OF = re.compile(r" [a-z]")
"""Behind a mark that a sentence speaks of: "<think> is the tag"."""
CHANNEL = re.compile(
    r"(?:<\|start\|>\s*+assistant\s*+)?<\|channel\|>\s*+(?P<name>\w{1,20})[^<\n]{0,40}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>"
)
LAST_END = re.compile(r"<\|(?:end|return|call)\|>\s*\Z")
ENDS_CHANNEL = re.compile(r"<\|(?:end|return|call)\|>")
BARE_CHANNELS = re.compile(r"\s*+(?:assistant)?(?:analysis|commentary)(?=[A-Za-z\"'“(\[\d*\u0080-\uffff]|\s*\n)")
BARE_FINAL = re.compile(r"assistantfinal(?![a-z])|^assistant[ \t]*\n[ \t]*final[ \t]*\n", re.MULTILINE)
ANSWER_TAG = re.compile(r"\s*+<(?P<name>answer|response|final_answer)>", re.IGNORECASE)
ANSWER_TOKENS = re.compile(r"<\|(?:START|END)_(?:RESPONSE|TEXT)\|>|<\|(?:begin|end)_of_solution\|>")


def split(text: str, *, apart: bool = False, is_whole: bool = False) -> tuple[str, str]:
    """(what it thought, "" for nothing; what it answers).

    `apart` says that the endpoint gave the thoughts in a field of their own: then nothing is looked for but channels, whose
    tokens are never a part of an answer. In an answer that `is_whole` a thought ends: a mark without an end may be spoken of.
    """
    if (channels := _channels(text)) is not None:
        return channels
    if apart:
        return "", text
    thoughts: list[str] = []
    rest = text
    while len(thoughts) < MOST_THOUGHTS and (thought := _thought_at_the_beginning(rest, is_whole)) is not None:
        thoughts.append(thought[0])
        rest = thought[1]
    if thoughts:
        return "\n\n".join(filter(None, thoughts)), _answer(rest)
    return _without_opening(text)


def _thought_at_the_beginning(text: str, is_whole: bool) -> tuple[str, str] | None:
    """(a thought, what is behind it: nothing where it does not end); None where the text begins with none."""
    for opening, ending in MARKS:
        if (begins := opening.match(text)) is not None:
            ends = ending.search(text, begins.end())
            if ends is None:
                is_spoken_of = is_whole and SPOKEN_OF.match(text, begins.end())
                return None if is_spoken_of else (text[begins.end() :].strip(), "")
            return text[begins.end() : ends.start()].strip(), text[ends.end() :].lstrip()
    return None


def _without_opening(text: str) -> tuple[str, str]:
    """Of an answer whose template had opened the thought already: what stands before the only end of one.

    It follows the end of a sentence or a line, and the answer begins right behind it or on the next line. A text that speaks
    of the mark has several, quotes it, or goes on with its sentence.
    """
    endings = list(CLOSING_ALONE.finditer(text))
    if len(endings) != 1 or OPENING_ANYWHERE.search(text):
        return "", text
    before, behind = text[: endings[0].start()], text[endings[0].end() :]
    ends_line = behind[:1] == "\n" or behind[:1].isalnum() or behind[:1] in set('{["*#')
    is_quoted = before[-1:] in set("`'\"“‘«(") or before.count("```") % 2 == 1 or before.count("~~~") % 2 == 1
    is_spoken_of = before[-1:] not in set("\n.?!…。！？") and not before.endswith((">", "]", ")"))
    if not behind.strip() or not ends_line or is_quoted or (before.strip() and is_spoken_of):
        return "", text
    return before.strip(), _answer(behind.lstrip())


def _channels(text: str) -> tuple[str, str] | None:
    """Harmony's channels, with its tokens or with what is left of them; None where there are none.

    Source: the format's description, developers.openai.com/cookbook/articles/openai-harmony.
    """
    headers = list(CHANNEL.finditer(text))
    if headers and not _before_channels(text[: headers[0].start()]):
        return None
    parts: dict[str, list[str]] = {}
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
    bare = BARE_CHANNELS.match(text)
    final_at = BARE_FINAL.search(text) if bare else None
    if bare is None or final_at is None:
        return None
    answer = ENDS_CHANNEL.split(text[final_at.end() :], maxsplit=1)[0]
    return text[bare.end() : final_at.start()].strip(), answer.strip()


def _before_channels(text: str) -> bool:
    """True for what may stand before the first channel: nothing but tokens of the format."""
    return not re.sub(r"<\|\w{1,20}\|>|assistant", "", text).strip()


def _answer(text: str) -> str:
    """What is behind the thoughts, without the tag or the tokens around all of it."""
    text = ANSWER_TOKENS.sub("", text) if ANSWER_TOKENS.match(text.lstrip()) else text
    if (tag := ANSWER_TAG.match(text)) is not None:
        ending = f"</{tag['name']}>"
        inside, ends, behind = text[tag.end() :].rpartition(ending)
        if ends and not behind.strip():
            return inside.strip()
    return text
