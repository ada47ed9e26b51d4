"""Lists and JSON are read out of whatever a model wraps around them, and come back as they went."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks import genstruct, self_instruct
from tasks.models.chat_templates import clean
from tasks.text.answers import json_in, means_json
from tasks.text.list_parser import items_in, lines_in


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
        ('[{"instruction": "a", "input": "i"}, {"instruction": "b", "input": "<noinput>"}]', ["a\n\ni", "b"], []),
        ('[{"input": "a"}, {"instruction": "b", "input": ""}]', ["a", "b"], []),
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


@pytest.mark.parametrize(
    "answer",
    [
        "['Name a sea.', \"Why isn't it wet?\"]",
        "{'instructions': ['Name a sea.', 'Why isn\\'t it wet?']}",
        "```python\n[\n    'Name a sea.',\n    \"Why isn't it wet?\",\n]\n```",
        'tasks = ["Name a sea.", "Why isn\'t it wet?"]',
    ],
)
def test_a_list_as_python_writes_it(answer: str) -> None:
    assert items_in(answer) == (["Name a sea.", "Why isn't it wet?"], "")


@pytest.mark.parametrize("answer", ["['Name a sea.', 'Why is", "{'instructions': ['Name a sea.', 'Wh"])
def test_a_list_as_python_writes_it_that_does_not_end_gives_no_item(answer: str) -> None:
    assert items_in(answer) == ([], answer)
