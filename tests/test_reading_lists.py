"""Lists, JSON and question-and-answer pairs are read out of whatever a model wraps around them."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks import genstruct, self_instruct
from tasks.models.chat_templates import clean
from tasks.reading import json_in, lines_in

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
    assert self_instruct.read(answer, 5) == (TWO, [])


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
    assert self_instruct.read(f"{line}\nName a river.", 2) == ([line, "Name a river."], [])


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
        ('{"instructions": ["a", "b', [], []),
        ('```json\n{"instructions": ["a", "b', [], []),
        ('Here it is:\n```json\n{\n"instructions": [\n"a",\n"b', [], []),
        ("{}", [], []),
        ("[]", [], []),
        ("a\na\nA\nb\nc", ["a", "b"], ["a", "A", "c"]),
    ],
)
def test_self_instruct(answer: str, kept: list[str], surplus: list[str]) -> None:
    assert self_instruct.read(answer, 2) == (kept, surplus)


@pytest.mark.parametrize(
    "answer",
    [
        "User: Why?\nAssistant: So.",
        "user: Why?\n\nassistant: So.\n",
        "User: Why?\r\nAssistant: So.",
        "[[[User]]] Why?\n[[[Assistant]]] So.",
        " Why?\n\n[[[Assistant]]]\nSo.",
        "Why? [[[Assistant]]] So.",
        "[[[User]]] Why? [[[Assistant]]] So. [[[User]]] And?",
        "**User:** Why?\n**Assistant:** So.",
        "**User**: Why?\n**Assistant**: So.",
        "### User\nWhy?\n\n### Assistant\nSo.",
        "Sure, here it is.\n\nUser: Why?\nAssistant: So.",
        "User: Why?\nAssistant: So.\nUser: And?\nAssistant: Well.",
        '{"user": "Why?", "assistant": "So."}',
        '{"question": "Why?", "answer": "So."}',
        '```json\n{"user": " Why?", "assistant": "So.\\n"}\n```',
        'Here it is:\n{"user": "Why?",\n "assistant": "So."}',
        "Why? [[[Assistant]]] So. [[[User]]] And?\n[[[Assistant]]] Well.",
        "[[[User]]] [[[User]]] Why?\n[[[ASSISTANT]]] So.",
        "[[[Title]]] Tides\n[[[Content]]] The moon.\n\n[[[User]]] Why?\n[[[Assistant]]] So. [[[Title]]] Salt",
        "Why?\n[[[Assistant]]] So.</s>",
        "Why?\n[[[Assistant]]] So.<|im_end|>\n<|im_start|>user\nAnd?",
        "User: Why?\nAssistant: So. [[[Title]]] Salt",
        '{"question": "[[[User]]] Why?", "answer": "[[[Assistant]]] So. [[[User]]] And?"}',
        '{"user": "Why?", "assistant": "So.<|eot_id|>"}',
    ],
)
def test_genstruct(answer: str) -> None:
    assert genstruct.read(answer) == ("Why?", "So.")


@pytest.mark.parametrize(
    ("answer", "pair"),
    [
        ("User experience: what is it?\nAssistant: Ease.", ("User experience: what is it?", "Ease.")),
        ("User: Who?\nAssistant: An\nassistant professor\nuser X", ("Who?", "An\nassistant professor\nuser X")),
        ('User: A?\nAssistant: {"user": "x", "assistant": "y"}', ("A?", '{"user": "x", "assistant": "y"}')),
        ("User: A?\nAssistant: One.\n\nTwo.", ("A?", "One.\n\nTwo.")),
        ("Who logs in?\nUser: root\n[[[Assistant]]] These:\nUser: root", ("Who logs in?\nUser: root", "These:\nUser: root")),
        ("What is <s>struck</s> out? [[[Assistant]]] Words.", ("What is <s>struck</s> out?", "Words.")),
    ],
)  # fmt: skip
def test_genstruct_takes_no_word_for_a_label(answer: str, pair: tuple[str, str]) -> None:
    assert genstruct.read(answer) == pair


@pytest.mark.parametrize(
    "answer",
    [
        "", "I can't.", "User: Why?", "Assistant: So.", "User:\nAssistant: So.", "User: Why?\nAssistant:", '{"user": "Why?"}',
        '{"user": "", "assistant": "So."}', '{"user": 1, "assistant": "So."}', '{"user": "Why?", "assistant": "S', "{", "[]",
        "[[[User]]] [[[Assistant]]]", "[[[Content]]] The moon. [[[Assistant]]] So.", "[[[Assistant]]] So. [[[User]]] Why?",
        '{"question": "[[[User]]]", "answer": "So."}', "Why? [[[Assistant]]] </s>",
    ],
)  # fmt: skip
def test_genstruct_without_a_pair(answer: str) -> None:
    assert genstruct.read(answer) is None


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


@settings(max_examples=150, deadline=None)
@given(answer=anything, number=st.integers(1, 5))
@example("[" * 5000 + '"', 3)
@example('{"a":' * 5000, 3)
def test_any_answer_is_read_and_nothing_is_invented(answer: str, number: int) -> None:
    kept, surplus = self_instruct.read(answer, number)
    assert len(kept) <= number
    assert len({" ".join(item.casefold().split()) for item in kept}) == len(kept)
    value = json_in(answer)
    strings = json.dumps(value, ensure_ascii=False) if value is not None else ""
    bare = answer.replace("**", "")
    for item in [*kept, *surplus]:
        assert item
        assert item.replace("**", "") in bare or json.dumps(item, ensure_ascii=False)[1:-1] in strings
    pair = genstruct.read(answer)
    for part in pair or ():
        assert part and part == part.strip() and not genstruct.MARKERS.search(part) and clean(part) == part
        assert part in answer or json.dumps(part, ensure_ascii=False)[1:-1] in strings


words = st.lists(st.from_regex(r"[A-Za-z]{2,8}", fullmatch=True), min_size=2, max_size=6).map(
    lambda w: " ".join(w) + "."
)
marks = {
    "plain": "{item}",
    "numbered": "{number}. {item}",
    "brackets": "{number}) {item}",
    "bulleted": "- {item}",
    "quoted": '"{item}"',
    "numbered and quoted": "{number}. “{item}”",
    "bold": "**{item}**",
}


@settings(max_examples=80, deadline=None)
@given(
    items=st.lists(words, min_size=2, max_size=12, unique_by=str.casefold),
    form=st.sampled_from([*marks, "json", "fence"]),
)
def test_lists_come_back_as_they_went(items: list[str], form: str) -> None:
    if form == "json":
        answer = json.dumps({"instructions": items})
    elif form == "fence":
        answer = "```json\n" + json.dumps(items, indent=1) + "\n```"
    else:
        answer = "\n".join(marks[form].format(item=item, number=number) for number, item in enumerate(items, 1))
    assert self_instruct.read(answer, len(items)) == (items, [])
    assert self_instruct.read(answer, 1) == (items[:1], items[1:])


@settings(max_examples=50, deadline=None)
@given(user=words, assistant=st.lists(words, min_size=1, max_size=3).map("\n\n".join), form=st.integers(0, 3))
def test_pairs_come_back_as_they_went(user: str, assistant: str, form: int) -> None:
    answer = [
        f"User: {user}\nAssistant: {assistant}",
        f"[[[User]]] {user}\n[[[Assistant]]] {assistant}",
        f"**User:**\n{user}\n\n**Assistant:**\n{assistant}",
        json.dumps({"user": user, "assistant": assistant}),
    ][form]
    assert genstruct.read(answer) == (user, assistant)
