"""Thoughts in the marks of today's families are taken off where an answer begins with them, and never from its middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.thoughts import split

THOUGHT = "A river. The Rhine?\nNo: the Loire."
WRITTEN = [
    f"<think>{THOUGHT}</think>The Loire.",
    f"\n <THINKING>\n{THOUGHT}\n</THINKING>\n\nThe Loire.",
    f"<thought>{THOUGHT}</thought>\nThe Loire.",
    f"<reasoning>{THOUGHT}</reasoning><answer>The Loire.</answer>",
    f"<seed:think>{THOUGHT}</seed:think>The Loire.",
    f"[THINK]{THOUGHT}[/THINK]The Loire.",
    f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>The Loire.<|END_RESPONSE|>",
    f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|>The Loire.",
    f"\u25c1think\u25b7{THOUGHT}\u25c1/think\u25b7The Loire.",
    f"<unused94>thought\n{THOUGHT}<unused95>The Loire.",
    f"<|channel>thought\n{THOUGHT}<channel|>The Loire.",
    f"{THOUGHT}\n</think>\n\nThe Loire.",
    f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>The Loire.<|return|>",
    f"<|start|>assistant<|channel|>analysis<|message|>{THOUGHT}<|end|>"
    "<|start|>assistant<|channel|>final <|constrain|>json<|message|>The Loire.",
    f"analysis{THOUGHT}assistantfinalThe Loire.",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_thoughts_are_taken_off_where_an_answer_begins_with_them(text: str) -> None:
    assert split(text) == (THOUGHT, "The Loire.")


def test_several_thoughts_and_one_that_does_not_end() -> None:
    assert split("<think>One.</think>\n<think>Two.</think>The Loire.") == ("One.\n\nTwo.", "The Loire.")
    assert split("<think>One, and cut") == ("One, and cut", "")
    assert split("[THINK]One, and cut") == ("One, and cut", "")
    assert split("<|channel|>analysis<|message|>One, and cut") == ("One, and cut", "")


@pytest.mark.parametrize(
    "text",
    [
        "To cut the thoughts short, put `</think>` into the stop words. Then the model answers at once.",
        "Put your reasoning between <think> and </think>, then answer.",
        "Write </think> and go on.\nThen answer.",
        "Use it so:\n```\n<think>\nHm.\n</think>\n```\nand no other way.",
        "The format has a line with <|channel|>final<|message|> in it.",
        "Models write [THINK] before and [/THINK] behind it.",
        "analysis of the river: it is long.",
        "analysis: An assistant finalises it.",
        "He said: '</think>'\nand left.",
        "",
    ],
)
def test_an_answer_that_speaks_of_thoughts_stays_whole(text: str) -> None:
    assert split(text) == ("", text)


@pytest.mark.parametrize("text", WRITTEN[:-3])
def test_where_the_endpoint_gave_them_apart_nothing_is_looked_for(text: str) -> None:
    assert split(text, apart=True) == ("", text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "a", "\n", "`", " "])).map("".join))
def test_nothing_is_made_up(text: str) -> None:
    thought, answer = split(text)
    assert all(piece in text for piece in thought.split("\n\n")) and answer in text
