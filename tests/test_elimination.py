"""Which evolved instructions can't be used, and why."""

import pytest

from tasks.elimination import SHORT, leaks, refuses, why_not

RIVER = "Name a river."
HARDER = "Name a river that crosses two borders."


@pytest.mark.parametrize(
    ("evolved", "reason"),
    [
        (HARDER, None),
        ("...!?", "only stop words or punctuation"),
        ("And then, why is it so?", "only stop words or punctuation"),
        ("I'm sorry, but I can't do that.", "a refusal"),
        ("Sorry.", "a refusal"),
        ("I understand. I’m so sorry, this is not possible.", "a refusal"),
        ("I apologize, but this can't be rewritten.", "a refusal"),
        ("I cannot help you with that.", "a refusal"),
        ("Unfortunately, I am unable to rewrite this instruction.", "a refusal"),
        ("As an AI language model, I have no rivers.", "a refusal"),
        ("I'm sorry, but no. " + "Rivers are long. " * 30, None),
        ("Write three ways of saying sorry to a river.", None),
        ("Write a message that says: I'm sorry I missed the boat on the river.", None),
        ("'Sorry seems to be the hardest word': name a river in that song.", None),
        ("As an AI language model, you should name a river.", None),
        ("I can't sleep by this river. What can I do?", None),
        ("Improve the given prompt: Name a river in Peru.", "copies words of the prompt"),
        ("#Rewritten Prompt# Name a river in Peru.", "copies words of the prompt"),
        ("The rewritten instruction is to name a river in Peru.", "copies words of the prompt"),
        ("Assemble the boat by the given instructions.", None),
        ("name A  RIVER!!", "a copy of an earlier one"),
        ("Name river.", "no gain: not a word was added"),
        ("River: name a.", None),
        ("Name 一条河 in China.", None),
        ("一条河", None),
        ("2 + 2 = ?", None),
    ],
)
def test_elimination(evolved: str, reason: str | None) -> None:
    assert why_not(evolved, [RIVER], adds=True) == reason


def test_elimination_counts_only_what_is_new() -> None:
    assert why_not("Improve the given prompt and shorten it.", ["Improve the given prompt."], adds=True) is None
    asked = "Sorry, I'm new here. What is a river?"
    assert why_not("Sorry, I'm new here. What is a river, and what a brook?", [asked], adds=True) is None
    assert why_not("Name a river, now.", ["Name a river now.", HARDER], adds=False) == "a copy of an earlier one"
    assert why_not("A river.", [RIVER], adds=False) is None  # one of your own operations may shorten


@pytest.mark.parametrize(
    ("evolved", "before"),
    [
        ("Write code in C++.", "Write code in C."),
        ("Write code in C#.", "Write code in C."),
        ("What is 2 + 2 ?", "What is 2 - 2 ?"),
        ("Is -3 < 2?", "Is 3 < 2?"),
        ("Translate from English to French.", "Translate from French to English."),
    ],
)
def test_symbols_and_the_order_of_words_tell_instructions_apart(evolved: str, before: str) -> None:
    assert why_not(evolved, [before], adds=True) is None
    assert why_not(f"**{before}**", [before], adds=True) == "a copy of an earlier one"


def test_a_long_text_with_an_apology_is_no_refusal() -> None:
    short, long = "I'm sorry, but " + "word " * (SHORT - 4), "I'm sorry, but " + "word " * (SHORT - 3)
    assert len(long.split()) == SHORT and refuses(short) and not refuses(long)
    assert leaks("The Given Prompt and the given prompt") == {"given prompt"}
