"""One instruction, and one verdict, read out of whatever a model wraps around them."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.elimination import refuses, why_not
from tasks.evol_instruct import equal, read
from tasks.text.answers import json_in, text_in

RIVER = "Name a river."
HARDER = "Name a river that crosses two borders."


@pytest.mark.parametrize(
    "answer",
    [
        HARDER,
        f"  \n{HARDER}\r\n",
        f'"{HARDER}"',
        f"“{HARDER}”",
        f"`{HARDER}`",
        f"**{HARDER}**",
        f"```\n{HARDER}\n```",
        f"```text\n{HARDER}\n```",
        f"#Rewritten Prompt#:\n{HARDER}",
        f"#Rewritten Prompt#: {HARDER}",
        f"# Rewritten Prompt #\n\n{HARDER}",
        f"#The Given Prompt#:\n{RIVER}\n\n#Rewritten Prompt#:\n{HARDER}",
        f"#Given Prompt#:\n{RIVER}\n#Created Prompt#:\n{HARDER}",
        f"Rewritten instruction: {HARDER}",
        f"**Rewritten instruction:** {HARDER}",
        f"### Rewritten Instruction:\n{HARDER}",
        f"Given instruction:\n{RIVER}\n\nThe rewritten instruction:\n{HARDER}",
        f"Rewritten instruction: {RIVER}\n\nRewritten instruction: {HARDER}",
        f"Instruction: {HARDER}",
        f'**Prompt:** "{HARDER}"',
        f"Here is the rewritten instruction:\n\n{HARDER}",
        f"Here's a more challenging version of it: {HARDER}",
        f"Sure! Here is the rewritten instruction:\n\n> Rewritten instruction: {HARDER}",
        f"Certainly!\n\n{HARDER}",
        f'Sure, here is the new prompt:\n```\n"{HARDER}"\n```',
        f"Sure\n\n{HARDER}",
        f"I made it harder, as you asked.\n\nRewritten instruction: {HARDER}",
    ],
)
def test_an_instruction_in_many_forms(answer: str) -> None:
    assert text_in(answer) == HARDER
    assert read(answer, as_json=False) == read(answer, as_json=True) == HARDER


@pytest.mark.parametrize(
    "instruction",
    [
        "Here is a list of numbers:\n3, 1, 2\nSort it.",
        "Here is my prompt: 'Draw a cat.' How can it be improved?",
        "Ok, so my dog is afraid of rain. What can I do?",
        "Sure, tea is healthy, but how much of it?",
        '"a" or "b": which comes first?',
        "**Stay** or **go**?",
        "Explain this:\n```python\nprint(1)\n```",
        "```python\nprint(1)\n```\nWhat does it print?",
        "1. Name a river.\n2. Say where it ends.",
        "What makes a prompt: its words or its order?",
        "Write a new prompt for a painter.",
        "# A title\nContinue this essay.",
        "Update the function.\nNew instruction: add a test.",
        "Rewrite the memo.\n\nUpdated instruction: Ship on Monday.\n\nMake it formal.",
        "Okay\nis a word. Explain.",
    ],
)
def test_what_belongs_to_an_instruction_stays(instruction: str) -> None:
    assert text_in(instruction) == instruction
    assert read(json.dumps({"instruction": instruction}), as_json=True) == instruction


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"instruction": "Name a river."}', RIVER),
        ('```json\n{"instruction": " Name a river. "}\n```', RIVER),
        ('Here it is:\n{"instruction": "Name a river."}', RIVER),
        (
            '{"instruction": "Update the function.\\nNew instruction: add a test."}',
            "Update the function.\nNew instruction: add a test.",
        ),
        ('{"instruction": "**Prompt:** \\"Draw a cat.\\" "}', '**Prompt:** "Draw a cat."'),
        ('{"instruction": "Na', ""),
        ('{"instruction": 3}', ""),
        ('{"prompt": "Name a river."}', ""),
        ('["Name a river."]', ""),
        ("I'm sorry, I can't.", "I'm sorry, I can't."),
        ("", ""),
        ('""', ""),
        ("#Rewritten Prompt#:", ""),
    ],
)
def test_json(answer: str, found: str) -> None:
    assert read(answer, as_json=True) == found


def test_json_that_was_not_asked_for_is_a_text() -> None:
    said = '{"instruction": "Name a river."}\nTurn this into XML.'
    assert read(said, as_json=False) == said


pieces = st.sampled_from(
    [
        "#Rewritten Prompt#:", "#Given Prompt#", "Rewritten instruction:", "Instruction:", "Sure!", "Certainly\n",
        "Here is the rewritten instruction:", "**New prompt:**", "Here's", ":", "#", "```", "```text\n", "```json\n", "**",
        '"', "“", "”", "`", '{"instruction": "', '"}', "{", "}", "\n", "\r\n", " ", "name it", "\ud800", "\0", "ſure!\n",
    ]
)  # fmt: skip
anything = st.lists(pieces | st.text(max_size=4), max_size=40).map("".join)


@given(answer=anything, as_json=st.booleans())
@example("[" * 5000 + '"', True)
@example('{"instruction":' * 5000, True)
@example("#" * 100_000, False)
@example("Here is " * 10_000, False)
@example("**" * 50_000, False)
@example("x." + " " * 100_000 + "x", False)
@example("Sure!\n" * 35_000, False)
@example("Instruction:" * 17_000, True)
@example(" **a" * 50_000, False)
def test_any_answer_is_read_and_nothing_is_invented(answer: str, as_json: bool) -> None:
    found = read(answer, as_json=as_json)
    value = json_in(answer) if as_json else None
    assert found in answer or (isinstance(value, dict) and found in str(value.get("instruction")))
    assert found == found.strip()
    if found:
        why_not(found, [RIVER], adds=True)
    assert equal(answer) in (True, False, None)


@given(
    words=st.lists(st.from_regex(r"[a-z]{2,8}", fullmatch=True), min_size=1, max_size=12).map(" ".join),
    form=st.sampled_from(
        ["{}.", '"{}."', "#Rewritten Prompt#:\n{}.", "Sure! Here is the new prompt:\n\n**{}.**", "```\n{}.\n```"]
    ),
)  # fmt: skip
def test_an_instruction_comes_back_as_it_went(words: str, form: str) -> None:
    assert text_in(form.format(f"Name {words}")) == f"Name {words}."


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("equal", True), ("Equal.", True), ("**Equal**", True), ('{"verdict": "equal"}', True), ("They are equal.", True),
        ("different", False), ("Different.", False), ('{"verdict": "different"}', False), ("Not equal", False),
        ("They are not equal.", False), ("These aren't equal.", False), ("unequal", False),
        ("", None), ("Well.", None), ("equal or different", None), ("They are not exactly equal.", None), ("Equality", None),
        ("Equal? No.", False), ("Equal? Not quite.", False), ("Equal? Yes.", True), ("Are they equal?", None),
    ],
)  # fmt: skip
def test_what_was_judged(answer: str, verdict: bool | None) -> None:
    assert equal(answer) is verdict


@pytest.mark.parametrize(
    "answer",
    [
        "instruction: |\n  Name a lake.",
        "```yaml\ninstruction: >\n  Name a lake.\n```",
        '```yaml\ninstruction: "Name a lake."\n```',
        "Name a lake.\n\nSag mir Bescheid, wenn es noch schwerer sein soll!",
        "Name a lake.\n\nFeel free to ask for another one!",
        "Name a lake.\n\nWould you like me to add a limit?",
        "Name a lake.\n\nAvísame si quieres otra versión.",
    ],
)
def test_yaml_and_offers_are_no_part_of_an_instruction(answer: str) -> None:
    assert read(answer, as_json=True) == read(answer, as_json=False) == "Name a lake."


@pytest.mark.parametrize(
    "instruction",
    [
        'Count the keys of this object and name them:\n\n{"instruction": "Feed the cat", "time": "noon"}',
        'Which value of the object is longest?\n\n```json\n{"instruction": "Feed the cat", "time": "noon"}\n```',
        "Write a review that ends like this:\n\nRating: 3\nRationale: It was dull.",
    ],
)
def test_json_and_labels_that_an_instruction_speaks_of_belong_to_it(instruction: str) -> None:
    assert read(instruction, as_json=True) == instruction


def test_json_behind_an_announcement_is_the_answer() -> None:
    for before in ("Here is the JSON object with the instruction:", "Sure!", "The rewritten instruction as JSON:"):
        answer = f'{before}\n\n{{"instruction": "Name a lake.", "changes": "none"}}'
        assert read(answer, as_json=True) == "Name a lake."


def test_an_apology_that_goes_on_with_a_request_is_no_refusal() -> None:
    assert not refuses("I'm sorry I forgot my sister's birthday. Draft a short note to her.")
    assert not refuses("I am so sorry that I broke the vase. Suggest three ways to make up for it.")
    for declines in (
        "I'm sorry I can't rewrite this.",
        "I'm sorry that I am unable to. Ask again.",
        "Sorry, I missed it.",
    ):
        assert refuses(declines)
