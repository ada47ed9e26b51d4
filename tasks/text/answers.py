"""Reading what models answer: JSON that may be wrapped in prose or a fence, or one text. Lists are read by list_parser.py."""

import re
import textwrap
from typing import Any

from tasks.text.courtesies import is_hope
from tasks.text.lenient_json import decode
from tasks.text.patterns import lazy_pattern
from tasks.text.turn_tokens import ended, turn

FENCE = lazy_pattern(r"\A\s*```[\w-]*\s*\n(.*?)(?:\n```.*|\Z)", re.DOTALL)
FENCE_LINE = lazy_pattern(r"```[\w-]*")
JSON = lazy_pattern(r"^[ \t]*(?=\{\s*[\"}]|\[\s*[\"\[{\]])", re.MULTILINE)
NEARLY_JSON = lazy_pattern(r"^[ \t]*(?=\{\s*(?:[\"'“}]|\w{1,20}\s{0,3}:)|\[\s*[\"'\[{\]])", re.MULTILINE)
PAIRS = {
    '"': '"', "'": "'", "“": "”", "«": "»", "`": "`", "„": "“", "‘": "’", "‹": "›", "「": "」", "『": "』", "＂": "＂",
}  # fmt: skip
WHOLE_FENCE = lazy_pattern(r"\A```(?:text|txt|markdown|md|plaintext|xml)?[ \t]*\r?\n((?:(?!```).)*)```\Z", re.DOTALL)
WHOLE_BOLD = lazy_pattern(r"\A\*\*(?=[^\s*])([^*]+)(?<=[^\s*])\*\*\Z")
MADE = r"(?:rewritten|re-written|revised|created|evolved|new|updated|modified|improved)"
ANNOUNCED = lazy_pattern(
    rf"^[ \t>*_#]{{0,12}}(?:the[ \t]+|your[ \t]+)?{MADE}[ \t]+(?:prompt|instruction)[ \t*_#]*:[*_]*",
    re.IGNORECASE | re.MULTILINE,
)
MARKED = lazy_pattern(
    rf"[*_\"'\[]{{0,3}}#{{1,6}}[ \t]*(?:the[ \t]+)?{MADE}[ \t]+(?:prompt|instruction)[ \t]*#{{1,6}}[*_\"'\]]{{0,3}}:?[*_]{{0,2}}",
    re.IGNORECASE,
)
"""The paper's own marker, which no instruction holds."""
GIVEN = lazy_pattern(
    r"\A[ \t>*_#]{0,12}(?:the[ \t]+)?(?:given|original)[ \t]+(?:prompt|instruction)[ \t*_#]*:", re.IGNORECASE
)
LABEL = lazy_pattern(r"\A[ \t>*_#]*(?:instruction|prompt)[ \t*_#]*:[*_]*", re.IGNORECASE)
NOUN = (
    r"(?:instru[ck]\w{1,8}|istruzion\w{1,4}|prompt\w{0,2}|anweisung\w{0,2}|aufforderung|aufgabe|consign[ea]|opdracht|polecenie|talimat"
    r"|инструкци\w|промпт|запрос|задание|التعليم\w{0,4}|تعليم\w{0,4}|المطالبة|निर्देश|指令|提示词?|指示|プロンプト|프롬프트|지시\w{0,2})"
)
REVISED = (
    r"(?:überarbeitet|umgeschrieben|umformuliert|neu|verbessert|erweitert|reescrit|mejorad|nuev|revisad|modificad|réécrit|reformul|nouve"
    r"|révis|amélior|riscritt|nuov|nov|herschreven|nieuw|przepisan|yeni|переписан|нов|улучшен|обновл|измен[её]нн|المعاد|معاد|الجديد|جديد|المعدل"
    r"|المحسن|改写|重写|修改|新|更新|改进|書き直|새로|संशोधित|नया)\w{0,6}"
)
HERE = (
    r"(?:hier|voici|voilà|aquí|aqui|ecco|вот|oto|işte|hieronder|below|here|إليك|هذه|هذا|यहाँ|यह)\b"
    r"|以下|这是|這是|下面|こちら|다음|여기"
)
ELSEWHERE = lazy_pattern(
    r"\A[ \t>*_#]{0,12}(?:[^\n:：]{0,40}?[,!.，！。][ \t]{0,3})?"
    rf"(?:(?P<here>{HERE})[^\n:：]{{0,60}}?|(?:[^\W\d_]{{1,4}}['’ \t]{{1,2}})?)"
    rf"(?:{REVISED}[^\n:：]{{0,6}}?{NOUN}|{NOUN}[^\n:：]{{0,6}}?{REVISED}"
    rf"|(?(here){NOUN}(?=[^\n:：]{{0,30}}[:：][ \t*_]{{0,4}}\n)|(?!)))[^\n:：]{{0,30}}[:：][*_]{{0,2}}",
    re.IGNORECASE,
)
"""What announces an instruction in another language."""
HEADED = lazy_pattern(
    rf"\A(?:\#{{1,6}}[ \t]{{1,3}}|\*\*|__)(?:[^\W\d_]{{1,4}}[ \t])?(?:(?:{MADE}|{REVISED})[ \t]?)?{NOUN}(?:[ \t]{REVISED})?"
    r"[*_ \t#]{0,4}\n",
    re.IGNORECASE,
)
"""The same as a heading: "### Rewritten Instruction"."""
CRY = lazy_pattern(
    r"\A(?=[^\n]{1,30}[!！][ \t]{0,3}\n{2})[^\s!！]{1,12}(?:[ \t][^\s!！]{1,12}){0,2}[!！][ \t]{0,3}\n{2}"
)
"""Up to three words, "Gerne!", in a paragraph of their own."""
EXPLAINS = (
    r"(?:(?:brief[ \t]|an[ \t])?explanation|changes|rationale|reasoning|modifications?|justification|what[ \t](?:i[ \t])?changed"
    r"|erklärung|begründung|änderung|erläuterung|explicaci|cambios|justificaci|explication|changements|spiegazione|modifiche|explicaç"
    r"|alteraç|uitleg|wyjaśnienie|açıklama|объяснени|пояснени|изменени|الشرح|شرح|التغيير|التعديل|التفسير|व्याख्या|解释|解釋|说明|修改说明"
    r"|改动|变更|設明|説明|変更点|설명)"
)
BEHIND = lazy_pattern(
    r"\n[ \t]{0,3}(?:\#[ \t]?[^\W\d_][^\n\#:]{0,40}\#{1,3}:?"
    rf"|(?<=\n)[ \t>]{{0,3}}(?:\#{{1,6}}[ \t]|\*\*|__|\()?{EXPLAINS}[^\n:：]{{0,40}}(?:[:：]|\*\*|$)"
    r"|(?<=\n)\(?(?:note:[ \t]{0,3})?(?:i(?:['’]ve|[ \t]have)?[ \t](?:added|made|rewrote|changed|increased|included)\b"
    r"|(?:this|the)[ \t](?:rewritten|revised|new|updated|modified|evolved)[ \t](?:version|instruction|prompt)\b))",
    re.IGNORECASE | re.MULTILINE,
)
"""What is said of an instruction behind it: "**Explanation of changes:**"."""
SENTENCE_ENDS = lazy_pattern(r"[.!?。！？…؟।][\"'”»’)\]*_`]{0,4}(?:\s{1,4}[-*_=]{3,9})?\Z")
YAML = lazy_pattern(
    r"\A(?:```ya?ml[ \t]*\n)?instruction:[ \t]*(?P<folded>[>|][+-]?[ \t]*\n)?(?P<text>(?:(?!```).)+)(?:```)?\Z",
    re.DOTALL,
)
TAG = lazy_pattern(r"\A<([^\W\d][\w-]{1,40})>")
COURTESY = r"(?:sure|certainly|of course|absolutely|okay|ok|great)"
INTRODUCTION = lazy_pattern(
    rf"\A(?:{COURTESY}[^\w\n]+)?here(?:['’]s| is)\b[^\n:]{{0,40}}\b(?:{MADE}|more \w+)\b[^\n:]{{0,80}}:[*_]*"
    rf"|\A(?:{COURTESY}\b[^\w\n]*)?i(?:['’]ve| have)?[ \t]+(?:{MADE}|rewrote|made|added|changed)\b[^\n]*\n"
    rf"|\A{COURTESY}(?:[!.,:]+[ \t\r]*\n|[ \t\r]*\n[ \t\r]*\n)",
    re.IGNORECASE,
)
ANNOUNCES = lazy_pattern(
    rf"(?:{COURTESY}\b|{HERE}|i(?:['’]ve|[ \t]have)?\b|(?:the|my|your)\b|{MADE}\b|json\b)", re.IGNORECASE
)
FEW_WORDS = 4
BOLD_BEGINS, BOLD_ENDS = lazy_pattern(r"(?<![\w*])\*\*(?=[^\s*])"), lazy_pattern(r"(?<=[^\s*])\*\*(?![\w*])")
MOST_READ, MOST_LINES = 50_000, 2_000
"""Characters and lines of an answer that is searched for parts. What was asked for is a fraction of it; a loop is longer."""
ROUNDS = 8
"""Layers of wrapping that are taken off one text: nobody wraps more, and a hostile answer costs no more time."""


def too_long(answer: str) -> str:
    """Why an answer is not searched for parts; "" for one that is."""
    if len(answer) > MOST_READ:
        return f"longer than {MOST_READ:,} characters"
    return f"longer than {MOST_LINES:,} lines" if answer.count("\n") > MOST_LINES else ""


def json_in(text: str) -> Any:
    """The JSON object or array that stands in `text` on lines of its own; None where there is none (or a cut-off one)."""
    text = ended(text)
    start = NEARLY_JSON.search(text)
    if start is None:
        return None
    try:
        value, end = decode(text, start.end())
    except ValueError:
        return None
    return value if not text[end:].partition("\n")[0].strip("` \t\r") else None


def means_json(text: str) -> bool:
    """True if JSON begins `text`, perhaps behind a line of introduction or in a fence, even if it was cut off."""
    start = NEARLY_JSON.search(text)
    before = [line for line in text[: start.start()].splitlines() if line.strip()] if start else []
    return start is not None and sum(not FENCE_LINE.fullmatch(line.strip()) for line in before) <= 1


def is_request(before: str) -> bool:
    """True for a line before JSON that asks for something about it, where a model's own line announces it."""
    line = before.partition("```")[0].strip(" \t\r\n*_>#")
    return bool(line) and not ANNOUNCES.match(line) and len(line.split()) > FEW_WORDS


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
    text = turn(answer)
    yaml = YAML.match(text)
    if yaml and (yaml["folded"] or text.startswith("```")):
        return unquoted(textwrap.dedent(yaml["text"]).strip())
    for _ in range(ROUNDS):
        before = text
        text = INTRODUCTION.sub("", text, count=1).strip()
        text = MARKED.split(text)[-1].strip()
        if GIVEN.match(text) or ANNOUNCED.match(text):
            text = ANNOUNCED.split(text)[-1].strip()
        for opening in (LABEL, CRY, ELSEWHERE, HEADED):
            text = opening.sub("", text, count=1).strip()
        for wrapped in (WHOLE_FENCE, WHOLE_BOLD):
            text = wrapped.sub(r"\1", text).strip()
        text = _without_remark(unquoted(_untagged(_unmarked(text))))
        if text == before:
            break
    return text


def _unmarked(text: str) -> str:
    """A text without the marks of a quotation before each of its lines."""
    lines = text.split("\n")
    if not all(line.startswith(">") or not line.strip() for line in lines):
        return text
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines).strip()


def _untagged(text: str) -> str:
    """A text without the tag around all of it."""
    tag = TAG.match(text)
    end = f"</{tag[1]}>" if tag else ""
    if tag is None or not text.endswith(end) or text.count(end) > 1:
        return text
    return text[tag.end() : -len(end)].strip()


def _without_remark(text: str) -> str:
    """An instruction without what is said of it behind it. What a line with a colon announces belongs to it."""
    remark = BEHIND.search(text)
    while remark is not None:
        before = text[: remark.start()].rstrip()
        if SENTENCE_ENDS.search(before, max(0, len(before) - 20)):
            return before.rstrip("-*_= \n") if before.endswith(("---", "***", "___", "===")) else before
        remark = BEHIND.search(text, remark.end())
    before, _, last = text.rpartition("\n\n")
    return before.rstrip("-\n ") if before.strip() and "\n" not in last and is_hope(last) else text
