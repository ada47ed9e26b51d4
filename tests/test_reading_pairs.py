"""A question and its answer are read out of the labels, markers and JSON that a model writes around them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import genstruct
from tests.test_reading_lists import words


@pytest.mark.parametrize(
    "answer",
    [
        "User: Why?\nAssistant: So.",
        "user: Why?\n\nassistant: So.\n",
        "User: Why?\r\nAssistant: So.",
        "[[[User]]] Why?\n[[[Assistant]]] So.",
        " Why?\n\n[[[Assistant]]]\nSo.",
        "Why? [[[Assistant]]] So.",
        "Why?\n[[Assistant]] So.",
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
        (
            '{"question": "How do I link to [[User]]?", "answer": "Write [[Title]] in the text."}',
            ("How do I link to [[User]]?", "Write [[Title]] in the text."),
        ),
        ("User: What does [[user]] do?\nAssistant: It links.", ("What does [[user]] do?", "It links.")),
        ("[[User]]: q?\n[[Assistant]]: a", ("q?", "a")),
        ("What is <s>struck</s> out? [[[Assistant]]] Words.", ("What is <s>struck</s> out?", "Words.")),
        (
            '{"question": "What is [INST]?", "answer": "Tokens like [INST] mark turns."}',
            ("What is [INST]?", "Tokens like [INST] mark turns."),
        ),
        ('{"question": "Which token is it? </s>", "answer": "It is <|im_end|>"}', ("Which token is it?", "It is <|im_end|>")),
        ("User: How does an\nassistant\nwork?\nAssistant: It helps.", ("How does an\nassistant\nwork?", "It helps.")),
        ("**User**\nHow?\n\n[Assistant]\nSo.", ("How?", "So.")),
        ("* User: How?\n* Assistant: So.", ("How?", "So.")),
    ],
)  # fmt: skip
def test_genstruct_takes_no_word_for_a_label(answer: str, pair: tuple[str, str]) -> None:
    assert genstruct.read(answer) == pair


def test_genstruct_tells_what_is_missing() -> None:
    assert genstruct.read("Why? [[[Assistant]]]") == ("Why?", "")
    assert genstruct.read("[[[Assistant]]] So.") == ("", "So.")


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
    assert not all(genstruct.read(answer))


@given(user=words, assistant=st.lists(words, min_size=1, max_size=3).map("\n\n".join), form=st.integers(0, 3))
def test_pairs_come_back_as_they_went(user: str, assistant: str, form: int) -> None:
    answer = [
        f"User: {user}\nAssistant: {assistant}",
        f"[[[User]]] {user}\n[[[Assistant]]] {assistant}",
        f"**User:**\n{user}\n\n**Assistant:**\n{assistant}",
        json.dumps({"user": user, "assistant": assistant}),
    ][form]
    assert genstruct.read(answer) == (user, assistant)


@pytest.mark.parametrize(
    "answer",
    [
        "Kysymys: Why?\nVastaus: So.",
        "**Pytanie:** Why?\n\n**Odpowiedź:** So.",
        "שאלה: Why?\nתשובה: So.",
        "Câu hỏi : Why?\nTrả lời : So.",
        "Question\u00a0: Why?\nRéponse\u00a0: So.",
        "question: |\n  Why?\nanswer: |\n  So.",
        '```yaml\nquestion: "Why?"\nanswer: >-\n  So.\n```',
        "User: Why?\nAssistant: So.\n\nI hope this is what you wanted!",
    ],
)
def test_labels_in_any_language_yaml_and_a_last_courtesy(answer: str) -> None:
    assert genstruct.read(answer) == ("Why?", "So.")


@pytest.mark.parametrize(
    "answer",
    [
        "User: the question or task\nAssistant: the answer",
        '{"question": "The question.", "answer": "The answer."}',
        "Title: Tides\nContent: The moon pulls.",
        "Pytanie: A?\nOdpowiedź: B.\nUwaga: C.",
        "Dobrze.\nPytanie: A?\nOdpowiedź: B.",
        "Pytanie: A?\n**Odpowiedź:** B.",
    ],
)
def test_what_is_no_pair(answer: str) -> None:
    assert not all(genstruct.read(answer))


def test_a_letter_that_hopes_stays_whole() -> None:
    letter = "Dear Ann,\n\nI hope this finds you well.\n\nBob"
    assert genstruct.read(f"User: Write a letter.\nAssistant: {letter}") == ("Write a letter.", letter)
