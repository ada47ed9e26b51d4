"""Reading what models answer: JSON that may be wrapped in prose or a fence, or one text. Lists are read by lists.py."""

import json
import re
from typing import Any

FENCE = re.compile(r"\A\s*```[\w-]*\s*\n(.*?)(?:\n```.*|\Z)", re.DOTALL)
FENCE_LINE = re.compile(r"```[\w-]*")
JSON = re.compile(r"^[ \t]*(?=\{\s*[\"}]|\[\s*[\"\[{\]])", re.MULTILINE)
PAIRS = {
    '"': '"', "'": "'", "“": "”", "«": "»", "`": "`", "„": "“", "‘": "’", "‹": "›", "「": "」", "『": "』", "＂": "＂",
}  # fmt: skip
WHOLE_FENCE = re.compile(r"\A```(?:text|txt|markdown|md|plaintext)?[ \t]*\r?\n((?:(?!```).)*)```\Z", re.DOTALL)
WHOLE_BOLD = re.compile(r"\A\*\*(?=[^\s*])([^*]+)(?<=[^\s*])\*\*\Z")
MADE = r"(?:rewritten|re-written|revised|created|evolved|new|updated|modified|improved)"
ANNOUNCED = re.compile(
    rf"^[ \t>*_#]{{0,12}}(?:the[ \t]+|your[ \t]+)?{MADE}[ \t]+(?:prompt|instruction)[ \t*_#]*:[*_]*",
    re.IGNORECASE | re.MULTILINE,
)
MARKED = re.compile(rf"#{{1,6}}[ \t]*(?:the[ \t]+)?{MADE}[ \t]+(?:prompt|instruction)[ \t]*#{{1,6}}:?", re.IGNORECASE)
"""The paper's own marker, which no instruction holds."""
GIVEN = re.compile(
    r"\A[ \t>*_#]{0,12}(?:the[ \t]+)?(?:given|original)[ \t]+(?:prompt|instruction)[ \t*_#]*:", re.IGNORECASE
)
LABEL = re.compile(r"\A[ \t>*_#]*(?:instruction|prompt)[ \t*_#]*:[*_]*", re.IGNORECASE)
COURTESY = r"(?:sure|certainly|of course|absolutely|okay|ok|great)"
INTRODUCTION = re.compile(
    rf"\A(?:{COURTESY}[^\w\n]+)?here(?:['’]s| is)\b[^\n:]{{0,40}}\b(?:{MADE}|more \w+)\b[^\n:]{{0,80}}:[*_]*"
    rf"|\A(?:{COURTESY}\b[^\w\n]*)?i(?:['’]ve| have)?[ \t]+(?:{MADE}|rewrote|made|added|changed)\b[^\n]*\n"
    rf"|\A{COURTESY}(?:[!.,:]+[ \t\r]*\n|[ \t\r]*\n[ \t\r]*\n)",
    re.IGNORECASE,
)
BOLD_BEGINS, BOLD_ENDS = re.compile(r"(?<![\w*])\*\*(?=[^\s*])"), re.compile(r"(?<=[^\s*])\*\*(?![\w*])")
MOST_READ, MOST_LINES = 50_000, 2_000
"""Characters and lines of an answer that is searched for parts. What was asked for is a fraction of it; a loop is longer."""
ROUNDS = 8
"""Layers of wrapping that are taken off one text: nobody wraps more, and a hostile answer costs no more time."""
MOST_ENDS, LONGEST_END = 4, 50
FINAL = re.compile(r"<\|channel\|>final[^<\n]{0,20}<\|message\|>")
BEGINS = re.compile(
    r"\A\s*+(?:<\|(?:start|channel|message|im_start|start_header_id|end_header_id|begin_of_text)\|>\s*+(?:(?:assistant|final)\b\s*+)*+)++"
    r"|\A\s*+(?:assistant)?(?:final|(?<=assistant))(?=[A-Z#*\[<{])"
)
"""Tokens that open a turn, or what is left of them: "assistantfinal"."""
ENDS = re.compile(
    r"(?<![^\s.!?…]\s)(?:<\|[\w.:/-]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|</s>|<end_of_turn>|<turn\|>|<eos>|<EOS_TOKEN>)\Z"
)
"""A token that ends a turn, at the end of a text; behind a word and a space it is what the text speaks of."""


def too_long(answer: str) -> str:
    """Why an answer is not searched for parts; "" for one that is."""
    if len(answer) > MOST_READ:
        return f"longer than {MOST_READ:,} characters"
    return f"longer than {MOST_LINES:,} lines" if answer.count("\n") > MOST_LINES else ""


def json_in(text: str) -> Any:
    """The JSON object or array that stands in `text` on lines of its own; None where there is none (or a cut-off one)."""
    start = JSON.search(text)
    if start is None:
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return None
    return value if not text[end:].partition("\n")[0].strip("` \t\r") else None


def means_json(text: str) -> bool:
    """True if JSON begins `text`, perhaps behind a line of introduction or in a fence, even if it was cut off."""
    start = JSON.search(text)
    before = [line for line in text[: start.start()].splitlines() if line.strip()] if start else []
    return start is not None and sum(not FENCE_LINE.fullmatch(line.strip()) for line in before) <= 1


def unquoted(item: str) -> str:
    """A text without the quotes around all of it."""
    while len(item) > 1 and PAIRS.get(item[0]) == item[-1] and item[0] not in item[1:-1]:
        item = item[1:-1].strip()
    return item


def unbold(text: str) -> str:
    """A text without the asterisks around what is bold, in a time that grows with its length alone."""
    return "\n".join(_unbold(line) if "**" in line else line for line in text.split("\n"))


def _unbold(line: str) -> str:
    parts, at = [], 0
    while begins := BOLD_BEGINS.search(line, at):
        if (ends := BOLD_ENDS.search(line, begins.end() + 1)) is None:
            break
        parts += [line[at : begins.start()], line[begins.end() : ends.start()]]
        at = ends.end()
    return "".join([*parts, line[at:]])


def text_in(answer: str) -> str:
    """The one text that an answer gives, without introduction, label, fence and quotes around it.

    A marker ("Rewritten instruction:") counts where it opens the answer, or follows an introduction or the text as it was
    given; behind one of those the last one counts. Further on it belongs to the text.

    >>> text_in("Sure! Here is the rewritten instruction:\\n\\n\"Name a river in Peru.\"")
    'Name a river in Peru.'
    """
    found = answer.strip()
    for _ in range(ROUNDS):
        before = found
        found = INTRODUCTION.sub("", found, count=1).strip()
        found = MARKED.split(found)[-1].strip()
        if GIVEN.match(found) or ANNOUNCED.match(found):
            found = ANNOUNCED.split(found)[-1].strip()
        found = LABEL.sub("", found, count=1).strip()
        for wrapped in (WHOLE_FENCE, WHOLE_BOLD):
            found = wrapped.sub(r"\1", found).strip()
        found = unquoted(found)
        if found == before:
            break
    return found


def begun(text: str) -> str:
    """A text without the tokens that begin a turn before it, and without what stands before the channel for the answer."""
    return BEGINS.sub("", FINAL.split(text)[-1], count=1)


def ended(text: str) -> str:
    """A text without the tokens that end a turn behind it."""
    text = text.strip()
    for _ in range(MOST_ENDS):
        if (found := ENDS.search(text, max(0, len(text) - LONGEST_END))) is None:
            break
        text = text[: found.start()].rstrip()
    return text
