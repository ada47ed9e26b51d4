"""Thoughts in the marks of today's families are taken off where an answer begins with them, and never from its middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.answers import Joined, completion
from tasks.models.thoughts import FAMILIES, split

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
MARKS = [
    ("<think>", "</think>", True),
    ("<longcat_think>\n", "\n</longcat_think>\n\n", True),
    ("[THINK]", "[/THINK]", True),
    ("<|START_THINKING|>", "<|END_THINKING|>", True),
    ("<|begin_of_thought|>", "<|end_of_thought|>", True),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7", True),
    ("<|think|>", "<|/think|>", False),
    ("<|think|>", "<|end|><|begin|>assistant<|content|>", True),
    ("<unused94>thought\n", "<unused95>", False),
    ("<|channel>thought\n", "<channel|>", False),
    ("<|inner_prefix|>", "<|inner_suffix|>", True),
    ("[unused16]", "[unused17]", True),
    ("<|im_start|>think\n", "\n<|im_start|>answer\n", True),
    ("Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]\n", True),
    ("Here is my thought process: ", " Here is my response: ", False),
    ("Here's my thought process:\n", "\n\nHere's my response:\n", False),
]
"""What begins a thought, what ends it, and whether the end is enough where the template wrote the beginning."""
PLAIN = [marks for marks in MARKS if marks[0].startswith("Here")]


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


def test_each_family_is_tried() -> None:
    for family in FAMILIES:
        ending = [alone for begins, ends, alone in MARKS if family.opening.match(begins) and family.ending.search(ends)]
        assert set(ending) == {family.ends_alone}


@pytest.mark.parametrize(("opening", "ending", "alone"), MARKS)
def test_a_family(opening: str, ending: str, alone: bool) -> None:
    assert split(f"{opening}{THOUGHT}{ending}The Loire.", is_whole=True) == (THOUGHT, "The Loire.")
    assert split(f"{opening}{THOUGHT}{ending}") == (THOUGHT, "")
    assert split(f"{opening}{ending}The Loire.") == ("", "The Loire.")
    without = f"{THOUGHT}{ending}The Loire."
    assert split(without, is_whole=True) == ((THOUGHT, "The Loire.") if alone else ("", without))


@pytest.mark.parametrize(("opening", "ending", "_"), MARKS)
def test_a_family_that_an_answer_speaks_of(opening: str, ending: str, _: bool) -> None:
    opening, ending = opening.strip(), ending.strip()
    for text in (
        f"Thoughts stand between {opening} and {ending} in this format.\nThen it answers.",
        f"It ends its thoughts with {ending} and goes on.",
        f"The end is `{ending}`, as in `{opening}A river.{ending}The Loire.`",
        f"Use it so:\n```\n{opening}\nHm.\n{ending}\nThe Loire.\n```\nand no other way.",
        f"Use it so:\n```\nHm.\n{ending}\nThe Loire.\n```\nand no other way.",
        f"```\n{opening}Hm.{ending}The Loire.\n```",
        f"The Loire.\n\n{opening}Was that right?{ending}It was.",
    ):
        assert split(text, is_whole=True) == split(text) == ("", text)
    if not opening.startswith("Here"):
        for text in (f"{opening} is the tag that begins a thought.", f"{opening} begins it and {ending} ends it."):
            assert split(text, is_whole=True) == ("", text)


@pytest.mark.parametrize(("opening", "ending", "_"), MARKS)
def test_a_family_that_the_endpoint_gave_apart(opening: str, ending: str, _: bool) -> None:
    """Empty marks are left of thoughts; others hold what the answer says."""
    text = f"{opening}{THOUGHT}{ending}The Loire."
    assert split(text, apart=True) == ("", text)
    for text in (f"{opening}{ending}The Loire.", f"{opening}\n\n{ending}\nThe Loire."):
        assert split(text, apart=True) == ("", "The Loire.")


@pytest.mark.parametrize(("opening", "ending", "_"), MARKS)
@pytest.mark.parametrize("before", ["\ufeff", "<|im_start|>assistant\n", "\n<|begin|>assistant", "<|start|>assistant"])
def test_what_stands_before_a_mark(opening: str, ending: str, _: bool, before: str) -> None:
    assert split(f"{before}{opening}{THOUGHT}{ending}The Loire.") == (THOUGHT, "The Loire.")
    assert split(f"{before}The Loire.") == ("", f"{before}The Loire.")


def test_a_thought_that_was_cut_off() -> None:
    for opening, _, _ in MARKS:
        assert split(f"{opening}One, and cut") == ("One, and cut", "")
    for opening, _, _ in PLAIN:  # where no limit ended it, it is an answer of a model that thinks aloud
        assert split(f"{opening}One, and two", is_whole=True) == ("", f"{opening}One, and two")


@pytest.mark.parametrize(("finish_reason", "reasoning"), [("length", "I like rivers."), ("stop", None)])
def test_a_limit_makes_a_thought_of_a_plain_sentence(finish_reason: str, reasoning: str | None) -> None:
    content = "Here is my thought process: I like rivers."
    message = {"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]}
    answer = completion(message, "m", 0.0, [])
    assert (answer.reasoning, answer.text) == (reasoning, "" if reasoning else content)


@pytest.mark.parametrize(
    "wrapped",
    [
        "<answer>The Loire.</answer>", "<output>\nThe Loire.\n</output>", "<|begin_of_box|>The Loire.<|end_of_box|>",
        "<answer><|begin_of_box|>The Loire.<|end_of_box|></answer>", "<|START_RESPONSE|>The Loire.<|END_RESPONSE|>",
        "<|begin_of_solution|>\nThe Loire.\n<|end_of_solution|>", "The Loire.<|im_end|>", "The Loire.[unused10]",
        "[BEGIN FINAL RESPONSE]\nThe Loire.\n[END FINAL RESPONSE]", "The Loire.\n[END FINAL RESPONSE]\n<|end|>",
    ],
)  # fmt: skip
def test_what_is_around_the_answer(wrapped: str) -> None:
    assert split(f"<think>{THOUGHT}</think>{wrapped}") == (THOUGHT, "The Loire.")


@pytest.mark.parametrize(
    "text",
    [
        "<|begin_of_box|>The Loire.<|end_of_box|>", "<|content|>The Loire.<|flush|>", "<|begin|>assistant<|content|>The Loire.",
        "[BEGIN FINAL RESPONSE]\nThe Loire.\n[END FINAL RESPONSE]", "<|START_RESPONSE|>The Loire.<|END_RESPONSE|>",
        "final<|message|>The Loire.", "final <|constrain|>text<|message|>The Loire.<|return|>", "assistantfinalThe Loire.",
    ],
)  # fmt: skip
def test_tokens_of_a_format_are_no_part_of_an_answer(text: str) -> None:
    assert split(text) == split(text, apart=True) == ("", "The Loire.")


@pytest.mark.parametrize(
    "text",
    [
        "<output>The Loire.</output>",
        "<|begin_of_box|> is what GLM writes before an answer.",
        "The river is <|begin_of_box|>the Loire<|end_of_box|>.",
        "final<|message|> is the end of a header.",
        "The word assistantfinal is left where tokens are lost.",
        "See com.example.assistantfinalThing and no other.",
        "It printed:\n```\nHm.assistantfinalThe Loire.\n```",
        "It printed `Hm.assistantfinalThe Loire.` and ended.",
        "It writes a thought, then <|end|><|start|>assistant<|channel|>final<|message|> and the answer.",
        "```\nHm.<|end|><|start|>assistant<|channel|>final<|message|>The Loire.\n```",
        "It writes `Hm.<|end|><|start|>assistant<|channel|>final<|message|>The Loire.` in full.",
    ],
)
def test_tokens_that_an_answer_speaks_of(text: str) -> None:
    assert split(text, is_whole=True) == split(text, apart=True) == ("", text)


@pytest.mark.parametrize(
    "text",
    [
        f"{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>The Loire.<|return|>",
        f"analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>The Loire.",
        f"{THOUGHT}assistantfinalThe Loire.",
        f"{THOUGHT} assistantfinalThe Loire.",
        f"\ufeff<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>The Loire.",
    ],
)
def test_channels_of_which_the_template_wrote_the_first_header(text: str) -> None:
    assert split(text) == (THOUGHT, "The Loire.")


def test_a_thought_of_channels_need_not_end_a_sentence() -> None:
    text = "We name the Loire<|end|><|start|>assistant<|channel|>final<|message|>The Loire."
    assert split(text) == ("We name the Loire", "The Loire.")
    assert split(text, apart=True) == ("", text)


def test_what_is_shown_of_an_answer_that_is_being_written() -> None:
    """The thoughts while there is nothing else, then the answer alone."""
    shown, joined = [], Joined()
    for piece in ("<think>", "A river.", " The Rhine?", "</think>", "The", " Loire."):
        joined.add({"choices": [{"delta": {"content": piece}}]})
        shown.append(joined.so_far)
    assert shown == ["", "A river.", "A river. The Rhine?", "A river. The Rhine?", "The", "The Loire."]
    apart = Joined()
    apart.add({"choices": [{"delta": {"reasoning_content": "A river."}}]})
    assert apart.so_far == "A river."
    apart.add({"choices": [{"delta": {"content": "<think></think>The Loire."}}]})
    assert apart.so_far == "The Loire."


MADE_OF = [
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "<|think|>",
    "<|end|><|begin|>assistant<|content|>",
    "a",
    "\n",
    "`",
    " ",
]


@given(st.lists(st.sampled_from(MADE_OF)).map("".join))
def test_nothing_is_made_up(text: str) -> None:
    thought, answer = split(text)
    assert all(piece in text for piece in thought.split("\n\n")) and answer in text
