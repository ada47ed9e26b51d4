"""Lists and JSON are read out of whatever a model wraps around them."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks import genstruct, self_instruct
from tasks.lists import lines_in
from tasks.models.chat_templates import clean
from tasks.reading import json_in, means_json


def read(answer: str, number: int, **more: bool) -> tuple[list[str], list[str]]:
    kept, rest, _ = self_instruct.read(answer, number, **more)
    return kept, rest


TWO = ["Name a river.", "Why is rain wet?"]


@pytest.mark.parametrize(
    "answer",
    [
        "Name a river.\nWhy is rain wet?",
        "Name a river.\r\nWhy is rain wet?\r\n",
        "\n\n  Name a river.  \n\n\n\tWhy is rain wet?\n   \n",
        "1. Name a river.\n2. Why is rain wet?",
        "1) Name a river.\n2) Why is rain wet?",
        "(1) Name a river.\n(2) Why is rain wet?",
        "1.Name a river.\n2.Why is rain wet?",
        "1: Name a river.\n2: Why is rain wet?",
        "**1.** Name a river.\n**2.** Why is rain wet?",
        "a) Name a river.\nb) Why is rain wet?",
        "- Name a river.\n- Why is rain wet?",
        "* Name a river.\n• Why is rain wet?",
        "### Name a river.\n> Why is rain wet?",
        "### User Queries\n\nName a river.\n\nWhy is rain wet?",
        "🌍 *Name a river.*\n🍲 *Why is rain wet?*",
        "1. Name a river. *(maps)*\n2. Why is rain wet? *(physics)*",
        "Name a river.\nAnswer: The Nile.\nWhy is rain wet?\nAnswer: It is water.",
        "- 1. Name a river.\n- 2. Why is rain wet?",
        "Sure! Here are two:\n1. Name a river.\n2. Why is rain wet?\n\nI hope this helps!",
        "Here are two requests:\n\nName a river.\nWhy is rain wet?",
        "**Here are two:**\nName a river.\nWhy is rain wet?",
        "```\nName a river.\nWhy is rain wet?\n```",
        "Here:\n```text\nName a river.\nWhy is rain wet?\n```",
        '"Name a river."\n"Why is rain wet?"',
        "“Name a river.”\n«Why is rain wet?»",
        "1. 'Name a river.'\n2. `Why is rain wet?`",
        '1. **Name a river.**\n2. **"Why is rain wet?"**',
        "Name a river.\n---\nWhy is rain wet?\n***",
    ],
)
def test_lists_in_many_forms(answer: str) -> None:
    assert lines_in(answer) == TWO
    assert read(answer, 5) == (TWO, [])


@pytest.mark.parametrize(
    "line",
    [
        "1.5 litres are how many pints?", "12:30 in Paris is what time in Rome?", "1984: is it a novel?", "2020 was how long?",
        "What is 2 * 3 * 4?", "What is 2**3 + 4**2?", "What does __init__ do, and __new__?", "'a' and 'b': what comes next?",
        '"a" or "b"?', "`a` and `b`?", "Sort f(x)=[1,2].", 'Explain {"a": 1}.', "-5 + 3 = ?", "U.S. history, in short?",
        "Is x < 3?", "Say 'it's'.", "§ 1: what is it?",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_marker_stays(line: str) -> None:
    assert lines_in(f"{line}\nName a river.") == [line, "Name a river."]
    assert read(f"{line}\nName a river.", 2) == ([line, "Name a river."], [])


@pytest.mark.parametrize(
    "answer", ["", " \n ", "---", "```", "Here are five questions:", "**Here are five:**", "1.", "-"]
)
def test_nothing_in_it(answer: str) -> None:
    assert lines_in(answer) == []


@pytest.mark.parametrize(
    ("answer", "kept", "surplus"),
    [
        ('["a", "b", "c"]', ["a", "b"], ["c"]),
        ('{"instructions": ["a", " b ", "c"]}', ["a", "b"], ["c"]),
        ('{"note": "x", "requests": ["a", "b"]}', ["a", "b"], []),
        ('```json\n{"instructions": [\n  "a",\n  "b"\n]}\n```', ["a", "b"], []),
        ('Here it is:\n{"instructions": ["a", "b"]}\nDone.', ["a", "b"], []),
        ('Here it is:\n```json\n["a", "b"]\n```', ["a", "b"], []),
        ('{"instructions": ["a", "A ", "b", ""]}', ["a", "b"], ["A"]),
        ('{"instructions": [1, null, {"x": "a"}]}', [], []),
        ('{"instructions": "a"}', [], []),
        ('{"a": {"b": ["x"]}}', [], []),
        ('[["a"], ["b"]]', [], []),
        ('{"instructions": ["a", "b', ["a"], []),
        ('```json\n{"instructions": ["a", "b', ["a"], []),
        ('Here it is:\n```json\n{\n"instructions": [\n"a",\n"b', ["a"], []),
        ("{}", [], []),
        ("[]", [], []),
        ("a\na\nA\nb\nc", ["a", "b"], ["a", "A", "c"]),
    ],
)
def test_self_instruct(answer: str, kept: list[str], surplus: list[str]) -> None:
    assert read(answer, 2) == (kept, surplus)


MESSY = {
    "requests that end in a colon": (
        "Summarize this article in two sentences:\nRewrite this paragraph in a friendlier tone:",
        ["Summarize this article in two sentences:", "Rewrite this paragraph in a friendlier tone:"],
    ),
    "a courtesy on a line": ("Sure!\n\n1. Name a river.\n2. Why is rain wet?", TWO),
    "a remark at the end": ("1. Name a river.\n2. Why is rain wet?\n\nLet me know if you need more!", TWO),
    "a remark right below": ("1. Name a river.\n2. Why is rain wet?\nI hope these help!", TWO),
    "a remark below plain lines": ("Name a river.\nWhy is rain wet?\n\nLet me know if you would like others.", TWO),
    "an introduction without a colon": ("Here are two requests that fit.\n\nName a river.\nWhy is rain wet?", TWO),
    "a courtesy with an introduction": (
        "Certainly! Below are two queries:\n\nName a river.\nWhy is rain wet?\n\nEnjoy!",
        TWO,
    ),
    "a heading before": ("## Requests\n\n1. Name a river.\n2. Why is rain wet?", TWO),
    "a bold heading before": ("**Queries**\n\n- Name a river.\n- Why is rain wet?", TWO),
    "headings between": ("### Places\n1. Name a river.\n\n### Weather\n2. Why is rain wet?\n", TWO),
    "titles with items below": ("1. **Places**\n   - Name a river.\n2. **Weather**\n   - Why is rain wet?", TWO),
    "a title over several": (
        "- **Things To Ask:**\n  - Name a river.\n  - Why is rain wet?\n- **More**\n  - Sing it.",
        [*TWO, "Sing it."],
    ),
    "titles with the item below": ("1. **Places**\n   Name a river.\n2. **Weather**\n   Why is rain wet?", TWO),
    "headings that are numbered": ("### 1. Name a river.\n\n### 2. Why is rain wet?", TWO),
    "bold titles before": ("1. **Places**: Name a river.\n2. **Weather:** Why is rain wet?", TWO),
    "a bold label": (
        "1. **Explain**: Explain how tides work.\n2. **Name**: Name a river.",
        ["Explain how tides work.", "Name a river."],
    ),
    "a bold beginning": (
        "1. **Explain** how tides work.\n2. **Name** a river.",
        ["Explain how tides work.", "Name a river."],
    ),
    "what only looks like a title": (
        "1. **Write a poem**: It is about rain.\n2. **Name**: a river.", ["Write a poem: It is about rain.", "Name: a river."],
    ),
    "bold and numbered": ("**1. Name a river.**\n**2. Why is rain wet?**", TWO),
    "bold titles, numbered within": ("**1. Places:** Name a river.\n**2. Weather:** Why is rain wet?", TWO),
    "Query 1": ("Query 1: Name a river.\nQuery 2: Why is rain wet?", TWO),
    "bold Query 1": ("**Query 1:** Name a river.\n\n**Query 2:** Why is rain wet?", TWO),
    "bold Request 1 outside": ("**Request 1**: Name a river.\n**Request 2**: Why is rain wet?", TWO),
    "Question #1": ("Question #1: Name a river.\nQuestion #2: Why is rain wet?", TWO),
    "Q1": ("Q1. Name a river.\nQ2. Why is rain wet?", TWO),
    "#1": ("#1: Name a river.\n#2: Why is rain wet?", TWO),
    "Task 1 with a dash": ("Task 1 - Name a river.\nTask 2 - Why is rain wet?", TWO),
    "a bracketed number": ("[1] Name a river.\n[2] Why is rain wet?", TWO),
    "an escaped dot": ("1\\. Name a river.\n2\\. Why is rain wet?", TWO),
    "keycaps": ("1️⃣ Name a river.\n2️⃣ Why is rain wet?", TWO),
    "circled numbers": ("① Name a river.\n② Why is rain wet?", TWO),
    "numbers of wide type": ("１．川の名前を一つ。\n２．雨はなぜ濡れる？", ["川の名前を一つ。", "雨はなぜ濡れる？"]),
    "Chinese numbers": ("一、说出一条河。\n二、为什么下雨？", ["说出一条河。", "为什么下雨？"]),
    "a Chinese comma": ("1、说出一条河。\n2、为什么下雨？", ["说出一条河。", "为什么下雨？"]),
    "Arabic numbers": ("١. اذكر نهرا.\n٢. لماذا المطر رطب؟", ["اذكر نهرا.", "لماذا المطر رطب؟"]),
    "Hindi numbers": (
        "१. एक नदी का नाम बताओ।\n२. बारिश क्यों होती है?",
        ["एक नदी का नाम बताओ।", "बारिश क्यों होती है?"],
    ),
    "Russian letters": ("а) Назови реку.\nб) Почему дождь мокрый?", ["Назови реку.", "Почему дождь мокрый?"]),
    "Roman numbers": ("i. Name a river.\nii. Why is rain wet?", TWO),
    "checkboxes": ("- [ ] Name a river.\n- [x] Why is rain wet?", TWO),
    "pictures for bullets": ("👉 Name a river.\n✅ Why is rain wet?", TWO),
    "dashes for bullets": ("– Name a river.\n– Why is rain wet?", TWO),
    "CRLF and blank lines": ("1. Name a river.\r\n\r\n2. Why is rain wet?\r\n", TWO),
    "indented": ("  1. Name a river.\n  2. Why is rain wet?", TWO),
    "twelve of them": (
        "\n".join(f"{n:>2}. Name {n} rivers." for n in range(1, 13)),
        [f"Name {n} rivers." for n in range(1, 13)],
    ),
    "all on one line": ("1) Name a river. 2) Why is rain wet?", TWO),
    "all on one line with an introduction": ("Here are two requests: 1. Name a river. 2. Why is rain wet?", TWO),
    "bullets on one line": ("• Name a river. • Why is rain wet?", TWO),
    "numbers in one request": (
        "Compare these: 1) cats and 2) dogs.\nName a river.",
        ["Compare these: 1) cats and 2) dogs.", "Name a river."],
    ),
    "an indented continuation": (
        "1. Fix this sentence:\n   He go home.\n2. Name a river.",
        ["Fix this sentence:\nHe go home.", "Name a river."],
    ),
    "a continuation at the margin": (
        "1. Translate this:\nIl pleut.\n2. Name a river.",
        ["Translate this:\nIl pleut.", "Name a river."],
    ),
    "a continuation behind a blank line": (
        "1. Sum up this text:\n\nRain fell.\n\n2. Name a river.",
        ["Sum up this text:\nRain fell.", "Name a river."],
    ),
    "wrapped lines": (
        "- Name a river that\n  crosses two borders.\n- Why is rain wet?",
        ["Name a river that\ncrosses two borders.", TWO[1]],
    ),
    "nested bullets of one request": (
        "1. Write a story with:\n   - a dog\n   - a storm\n2. Name a river.",
        ["Write a story with:\n- a dog\n- a storm", "Name a river."],
    ),
    "code in an item": (
        "1. Explain this code:\n   ```python\n   print(1)\n   ```\n2. Name a river.",
        ["Explain this code:\n```python\nprint(1)\n```", "Name a river."],
    ),
    "JSON in an item": (
        '1. Explain this JSON:\n{"a": ["x"]}\n2. Name a river.',
        ['Explain this JSON:\n{"a": ["x"]}', "Name a river."],
    ),
    "a fence in the middle": (
        "Here you go:\n\n```\n1. Name a river.\n2. Why is rain wet?\n```\n\nLet me know if you want more.",
        TWO,
    ),
    "a label on every line": ("Instruction: Name a river.\nInstruction: Why is rain wet?", TWO),
    "bold labels": ("- **Request:** Name a river.\n- **Question:** Why is rain wet?\n- **Request:** Sing.", [*TWO, "Sing."]),
    "a number on a line of its own": ("1.\nName a river.\n\n2.\nWhy is rain wet?", TWO),
    "a label on a line of its own": ("### Request 1\nName a river.\n\n### Request 2\nWhy is rain wet?", TWO),
    "emphasis around": ("*Name a river.*\n_Why is rain wet?_", TWO),
    "a courtesy that is part of it": ("Okay, list three rivers.\nName a lake.", ["Okay, list three rivers.", "Name a lake."]),
    "a refusal": ("I'm sorry, but I can't help with that.", []),
    "another refusal": ("I cannot fulfill this request.", []),
    "a table": ("| # | Query |\n|---|:---|\n| 1 | Name a river. |\n| 2 | Why is rain wet? |", TWO),
    "a table with kinds": (
        "Here they are:\n\n| Request | Kind |\n| --- | --- |\n| Name a river. | easy |\n| Why is rain wet? | hard |\n\nEnjoy!", TWO,
    ),
    "tags": ("<requests>\n<request>Name a river.</request>\n<request>Why is rain wet?</request>\n</requests>", TWO),
    "HTML": ("<ol>\n<li>Name a river.</li>\n<li>Why is rain wet?</li>\n</ol>", TWO),
    "lines that end with a colon": (
        "Name a river.\nTranslate the next sentence into French:\nIt rains.",
        ["Name a river.", "Translate the next sentence into French:\nIt rains."],
    ),
    "headings between plain lines": ("Places:\nName a river.\n\nWeather:\nWhy is rain wet?", TWO),
    "bold captions over plain lines": (
        "**Simple queries**\nName a river.\n\n**Harder queries**\nWhy is rain wet?", TWO,
    ),
    "headings over plain lines": (
        "### Places\nName a river.\nName a lake.\n\n### Weather\nWhy is rain wet?",
        ["Name a river.", "Name a lake.", "Why is rain wet?"],
    ),
    "quotes with commas": ('"Name a river.",\n"Why is rain wet?"', TWO),
    "German quotes": ("1. „Name a river.“\n2. „Why is rain wet?“", TWO),
    "Japanese quotes": ("「川の名前」\n「雨はなぜ」", ["川の名前", "雨はなぜ"]),
    "one item": ("Sure! Here is one:\n\n1. Name a river.\n\nI hope it helps.", ["Name a river."]),
    "one line": ("Name a river.", ["Name a river."]),
    "a request to be told": (
        "Let me know how tides work.\nName a river.",
        ["Let me know how tides work.", "Name a river."],
    ),
    "JSON with prose around": (
        'Sure!\n\nHere it is, as asked:\n\n```json\n["Name a river.", "Why is rain wet?"]\n```\n\nI hope it helps.',
        TWO,
    ),
    "JSON of objects": ('[{"id": 1, "query": "Name a river."}, {"id": 2, "query": "Why is rain wet?"}]', TWO),
    "JSON lines": ('{"instruction": "Name a river."}\n{"instruction": "Why is rain wet?"}\n', TWO),
    "JSON with numbered keys": ('{"1": "Name a river.", "2": "Why is rain wet?"}', TWO),
    "JSON with named keys": ('{"request_1": "Name a river.", "request_2": "Why is rain wet?"}', TWO),
    "JSON with numbers in it": ('["1. Name a river.", "2. Why is rain wet?"]', TWO),
    "JSON with a comma too many": ('{"instructions": [\n"Name a river.",\n"Why is rain wet?",\n]}', TWO),
    "JSON with a line end in a text": ('["Name a river.", "Fix:\nHe go."]', ["Name a river.", "Fix:\nHe go."]),
    "a table in an item": (
        "1. Which row is wrong?\n\n   | a | b |\n   |---|---|\n   | 1 | 2 |\n\n2. Name a river.\n3. Name a lake.",
        ["Which row is wrong?\n| a | b |\n|---|---|\n| 1 | 2 |", "Name a river.", "Name a lake."],
    ),
    "two tables": (
        "### Easy\n| # | Query |\n|---|---|\n| 1 | Name a river. |\n\n### Hard\n| # | Query |\n|---|---|\n| 2 | Why is rain wet? |",
        TWO,
    ),
    "JSON in a plain list": (
        'Sum the numbers in this JSON object.\n{"a": ["1", "2"]}\nName a river.\nName a lake.',
        ["Sum the numbers in this JSON object.", '{"a": ["1", "2"]}', "Name a river.", "Name a lake."],
    ),
    "JSON with a note": ('{"note":["x"],"instructions":["Name a river."]}', ["Name a river."]),
    "JSON with words and requests": ('{"kinds":["a","b"],"found":["Name a river.","Why is rain wet?"]}', TWO),
    "JSON with a sentence behind": ('["Name a river.", "Why is rain wet?"]\n\nThe two of them differ in kind.', TWO),
    "a first item with its material": (
        'Translate the following sentence into French:\n"Good morning"\nName a river.',
        ['Translate the following sentence into French:\n"Good morning"', "Name a river."],
    ),
    "an introduction of many words": ("Five requests a user might send:\nName a river.\nWhy is rain wet?", TWO),
    "an apology that is part of it": (
        "I'm sorry, but as a customer I want a refund. Write a letter.",
        ["I'm sorry, but as a customer I want a refund. Write a letter."],
    ),
    "an AI that is part of it": (
        "As an AI researcher, I need a plan. Write one.\nName a river.",
        ["As an AI researcher, I need a plan. Write one.", "Name a river."],
    ),
    "a short first item with its material": (
        "Translate this sentence:\nIl pleut.\nName a river.",
        ["Translate this sentence:\nIl pleut.", "Name a river."],
    ),
    "a table with a sentence before": (
        "I made you a table.\n\n| # | Query |\n|---|---|\n| 1 | Name a river. |\n| 2 | Why is rain wet? |", TWO,
    ),
    "a refusal without a but": ("I'm sorry, I can't help with that.", []),
    "a refusal by an AI": ("I'm sorry, but as an AI language model, I can't do that.", []),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSY)
def test_messy_answers(name: str) -> None:
    answer, items = MESSY[name]
    assert read(answer, 50) == (items, [])
    if "JSON" not in name or name == "JSON in an item":
        assert read(answer.replace("\n", "\r\n"), 50) == (items, [])


@pytest.mark.parametrize(
    ("answer", "kept", "unfinished"),
    [
        ("1. Name a river.\n2. Why is ra", ["Name a river."], "Why is ra"),
        ("1. Name a river.\n2. Why is rain wet?", ["Name a river."], "Why is rain wet?"),  # there may be more of it
        ("1. Name a river.\n2. Why is rain wet?\n", TWO, ""),
        ("1. Name a river.\n2. Why is rain wet?</s>", TWO, ""),  # the token says that it ends
        ("1. Name a river.\n2.", ["Name a river."], ""),
        ("1. Name a river.\n2. Sum up this text:\n   Rain fe", ["Name a river."], "Sum up this text:\nRain fe"),
        ("Name a river.\nWhy is", ["Name a river."], "Why is"),
        ("Name a riv", [], "Name a riv"),
        ('{"instructions": ["Name a river.", "Why is', ["Name a river."], '"Why is'),
        ('```json\n{"instructions": [\n  "Name a river.",\n  "Why is rain wet?"', TWO, ""),
        ('{"instructions": ["Name a river.", "Why is rain wet?"]}', TWO, ""),
        ('{"instructions": [', [], ""),
        ('{"instruc', [], ""),
    ],
)
def test_an_item_that_was_cut_off_is_none(answer: str, kept: list[str], unfinished: str) -> None:
    found, rest, cut = self_instruct.read(answer, 9, cut_off=True)
    assert (found, rest) == (kept, [])
    assert cut == unfinished


pieces = st.sampled_from(
    [
        "1. ", "2) ", "- ", "* ", "a) ", "# ", "> ", '"', "'", "“", "”", "**", "__", "`", "```", "```json\n", "\n",
        "\r", ":", "{", "}", "[", "]",
        '{"instructions": ["', '", "', '"]}', '{"user": "', '"assistant": "', "User:", "Assistant: ",
        "[[[User]]]", "[[[Assistant]]]", "[[[title]]]", "</s>", "<|im_end|>", "question",
        "name it", "Here:", "\ud800", "\0",
    ]
)  # fmt: skip
anything = st.lists(pieces | st.text(max_size=4), max_size=40).map("".join)


def flat(text: str) -> str:
    """The words of a text, without emphasis."""
    return " ".join(text.replace("**", "").split())


def strings_in(answer: str) -> str:
    """Every text that stands in `answer` as JSON."""
    decoder, found = json.JSONDecoder(strict=False), []
    for place in (place for place, letter in enumerate(answer) if letter == '"'):
        try:
            found.append(str(decoder.raw_decode(answer, place)[0]))
        except (ValueError, RecursionError):
            continue
    return "\n".join(found)


@given(answer=anything, number=st.integers(1, 5), cut_off=st.booleans())
@example("[" * 5000 + '"', 3, False)
@example('{"a":' * 5000, 3, True)
def test_any_answer_is_read_and_nothing_is_invented(answer: str, number: int, cut_off: bool) -> None:
    kept, surplus, _ = self_instruct.read(answer, number, cut_off=cut_off)
    assert len(kept) <= number
    assert len({" ".join(item.casefold().split()) for item in kept}) == len(kept)
    told = flat(answer), flat(strings_in(answer.replace("\r\n", "\n").replace("\r", "\n")))
    for item in [*kept, *surplus]:
        assert item.strip() == item != ""
        assert any(flat(item) in one for one in told)
    if means_json(answer) is False and json_in(answer) is None:
        for item in [*kept, *surplus]:
            assert "\n" in item or not re.match(r"\(?\d{1,3}[.)]\s", item)
    value = json_in(answer)
    strings = json.dumps(value, ensure_ascii=False) if value is not None else ""
    pair = genstruct.read(answer)
    for part in filter(None, pair):
        assert part == part.strip() and not genstruct.MARKERS.search(part)
        assert clean(part) == part or isinstance(value, dict)
        assert part in answer or json.dumps(part, ensure_ascii=False)[1:-1] in strings


HOSTILE = [
    "\n", "\r\n", "-\n", "> \n", "```\n", "1. ", "* ", "> ", "| ", "|-|\n", " **a", "a:\n", "<a> ", "query ", "query 1 ", '["a",',
    '["a"]\n', '{"a": "b"}\n', "Here are items ",
]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.parametrize("begin", ["", "1. a\n2. "])
def test_a_long_hostile_answer_is_read(part: str, begin: str) -> None:
    answer = begin + part * (200_000 // len(part)) + "?x"
    kept, surplus, _ = self_instruct.read(answer, 2, cut_off=True)
    assert len(kept) <= 2 and all(kept) and all(surplus)
    assert not all(genstruct.read(answer))


words = st.lists(st.from_regex(r"[A-Za-z]{2,8}", fullmatch=True), min_size=3, max_size=6).map(
    lambda w: " ".join(["Tell", *w]) + "."
)
marks = {
    "plain": "{item}",
    "numbered": "{number}. {item}",
    "brackets": "{number}) {item}",
    "bulleted": "- {item}",
    "quoted": '"{item}"',
    "numbered and quoted": "{number}. “{item}”",
    "bold": "**{item}**",
    "numbered and bold": "**{number}. {item}**",
    "titled": "{number}. **Kind {number}**: {item}",
    "labelled": "Query {number}: {item}",
    "labelled in bold": "**Request {number}:** {item}",
    "checkboxes": "* [ ] {item}",
    "tagged": "<request>{item}</request>",
}
around = {
    "nothing": "{list}",
    "a courtesy": "Sure!\n\n{list}",
    "an introduction": "Here are some requests that people could send:\n\n{list}",
    "a remark": "{list}\n\nLet me know if you need more!",
    "both": "Certainly! Here are your requests.\n\n{list}\n\nI hope these help. Feel free to ask for more.",
    "a fence": "```\n{list}\n```",
    "a fence and both": "Here you go:\n\n```text\n{list}\n```\n\nWould you like me to write more?",
}


@given(
    items=st.lists(words, min_size=2, max_size=12, unique_by=str.casefold),
    form=st.sampled_from([*marks, "json", "fence"]),
    wrapped=st.sampled_from(list(around)),
    gap=st.sampled_from(["\n", "\n\n", "\r\n"]),
)
def test_lists_come_back_as_they_went(items: list[str], form: str, wrapped: str, gap: str) -> None:
    if form == "json":
        answer = json.dumps({"instructions": items})
    elif form == "fence":
        answer = "```json\n" + json.dumps(items, indent=1) + "\n```"
    else:
        listed = gap.join(marks[form].format(item=item, number=number) for number, item in enumerate(items, 1))
        answer = around[wrapped].format(list=listed)
    assert read(answer, len(items)) == (items, [])
    assert read(answer, 1) == (items[:1], items[1:])
