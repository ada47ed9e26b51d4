# ruff: noqa: E501 - one literal dataset a line
"""Datasets in the layouts that the world writes: read whole, or refused by name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as example_of
from hypothesis import strategies as st

from tasks import ExistingRows
from tasks.columns import layouts
from tasks.columns.conversations import NotHeld, conversation, transcript
from tasks.engine.engine import Engine
from tasks.errors import InputError
from tasks.types import Dropped
from tests.scripts import Memo, Model, do, dropped, made, row, said

USER, GOOD, BAD = (
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Loire."},
    {"role": "assistant", "content": "A car."},
)
ASKED, BOTH = [("user", "Name a river.")], ["The Loire.", "A car."]
SHAREGPT = [{"from": "human", "value": "Name a river."}, {"from": "gpt", "value": "The Loire."}]
TWO_TURNS: Any = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi!"}, USER]
CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lyon"}'}}
TOOLS = [
    {"role": "user", "content": "What is the weather in Lyon?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "12 degrees"},
    {"role": "assistant", "content": "It is 12 degrees."},
]
TREE = {
    "message_tree_id": "t", "tree_state": "ready_for_export",
    "prompt": {
        "message_id": "a", "text": "Name a river.", "role": "prompter",
        "replies": [
            {
                "message_id": "b", "text": "The Loire.", "role": "assistant", "rank": 0,
                "replies": [
                    {"message_id": "d", "text": "Another?", "role": "prompter", "replies": [
                        {"message_id": "e", "text": "The Rhine.", "role": "assistant", "replies": []}]},
                ],
            },
            {"message_id": "c", "text": "A car.", "role": "assistant", "rank": 1, "replies": []},
        ],
    },
}  # fmt: skip

LAYOUTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[str]]] = {
    "TRL, prompt as a text": ({"prompt": "Name a river.", "chosen": "The Loire.", "rejected": "A car."}, ASKED, BOTH),
    "TRL, prompt as a chat": ({"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]}, ASKED, BOTH),
    "TRL, prompt inside, as chats": ({"chosen": [USER, GOOD], "rejected": [USER, BAD]}, ASKED, BOTH),
    "TRL, prompt inside, as texts": (
        {"chosen": "The sky is blue.", "rejected": "The sky is green."}, [("user", "The sky is")], ["blue.", "green."],
    ),
    "TRL, prompt inside and beside": (
        {"prompt": "Name a river of France.", "chosen": "Name a river of France. Loire.", "rejected": "Name a river of France. Car."},
        [("user", "Name a river of France.")], ["Loire.", "Car."],
    ),
    "ultrafeedback_binarized": (
        {"prompt": "Name a river.", "chosen": [USER, GOOD], "rejected": [USER, BAD], "messages": [USER, GOOD], "score_chosen": 8.5},
        ASKED, BOTH,
    ),
    "chats as JSON texts": (
        {"prompt": "Name a river.", "chosen": json.dumps([USER, GOOD]), "rejected": str([USER, BAD])}, ASKED, BOTH,
    ),
    "several turns": ({"chosen": [*TWO_TURNS, GOOD], "rejected": [*TWO_TURNS, BAD]}, said(TWO_TURNS), BOTH),
    "HH-RLHF": (
        {"chosen": "\n\nHuman: Name a river.\n\nAssistant: The Loire.", "rejected": "\n\nHuman: Name a river.\n\nAssistant: A car."},
        ASKED, BOTH,
    ),
    "several rejected": ({"prompt": "Name a river.", "chosen": "The Loire.", "rejected": ["A car.", "No."]}, ASKED, [*BOTH, "No."]),
    "orca_dpo_pairs": (
        {"system": "Be brief.", "question": "Name a river.", "chosen": "The Loire.", "rejected": "A car."},
        [("system", "Be brief."), *ASKED], BOTH,
    ),
    "arena": (
        {"conversation_a": [USER, GOOD], "conversation_b": [USER, BAD], "model_a": "a", "model_b": "b", "winner": "model_a"}, ASKED, BOTH,
    ),
    "UltraFeedback": (
        {"instruction": "Name a river.", "models": ["a", "b"], "completions": [
            {"model": "a", "response": "The Loire.", "overall_score": 8}, {"model": "b", "response": "A car.", "overall_score": 2}]},
        ASKED, BOTH,
    ),
    "HelpSteer": ({"prompt": "Name a river.", "response": "The Loire.", "helpfulness": 4, "verbosity": 0}, ASKED, BOTH[:1]),
    "HelpSteer2, pairs": ({"prompt": "Name a river.", "response_1": "The Loire.", "response_2": "A car.", "preference_strength": -2}, ASKED, BOTH),
    "HelpSteer3": ({"context": TWO_TURNS, "response1": "The Loire.", "response2": "A car."}, said(TWO_TURNS), BOTH),
    "Alpaca": ({"instruction": "Name a river.", "input": "", "output": "The Loire."}, ASKED, BOTH[:1]),
    "Alpaca with an input": ({"instruction": "Translate.", "input": "Fleuve", "output": "River"}, [("user", "Translate.\n\nFleuve")], ["River"]),
    "Dolly": ({"instruction": "Translate.", "context": "Fleuve", "response": "River"}, [("user", "Translate.\n\nFleuve")], ["River"]),
    "input and output": ({"input": "Name a river.", "output": "The Loire."}, ASKED, BOTH[:1]),
    "questions and answers": ({"question": "Name a river.", "answer": "The Loire."}, ASKED, BOTH[:1]),
    "KTO": ({"prompt": [USER], "completion": [GOOD], "label": True}, ASKED, BOTH[:1]),
    "OpenAI": ({"messages": [USER, GOOD]}, ASKED, BOTH[:1]),
    "ShareGPT": ({"conversations": SHAREGPT, "system": "Be brief."}, [("system", "Be brief."), *ASKED], BOTH[:1]),
    "Capybara": (
        {"conversation": [{"input": "Hello.", "output": "Hi!"}, {"input": "Name a river.", "output": "The Loire."}]},
        said(TWO_TURNS), BOTH[:1],
    ),
    "distilabel": ({"instruction": "Name a river.", "generations": BOTH, "generation_models": ["a", "b"], "ratings": [5, 1]}, ASKED, BOTH),
    "distilabel, one": ({"instruction": "Name a river.", "generation": "The Loire.", "model_name": "a"}, ASKED, BOTH[:1]),
    "Argilla, flat": ({"instruction": "Name a river.", "response-1": "The Loire.", "response-2": "A car."}, ASKED, BOTH),
    "Argilla, nested": (
        {"id": "1", "fields": {"prompt": "Name a river.", "completion": "The Loire."}, "metadata": {}, "suggestions": {}, "responses": {}},
        ASKED, BOTH[:1],
    ),
    "roles of any case": ({"messages": [{"role": "User", "content": "Name a river."}, {"role": "Assistant", "content": "The Loire."}]}, ASKED, BOTH[:1]),
    "a developer's prompt": (
        {"messages": [{"role": "developer", "content": "Rhyme."}, USER, GOOD]}, [("developer", "Rhyme."), *ASKED], BOTH[:1],
    ),
    "Nectar": ({"prompt": "\n\nHuman: Name a river.\n\nAssistant: ", "answers": [{"answer": "The Loire.", "model": "a", "rank": 1}, {"answer": "A car.", "model": "b", "rank": 2}]}, ASKED, BOTH),
}  # fmt: skip


def leaves(value: Any) -> Iterator[str]:
    """All texts in a row that say something: not what roles are called, nor the kinds of parts."""
    if isinstance(value, str) and value.startswith(("[{", "\n\nHuman: ")):
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner) if name not in ("role", "from", "type") else ()
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str) and value.strip():
        yield value.strip()


CONTEXT: Any = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
READ: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[str]]] = {
    "a question behind its context": ({"context": CONTEXT, "question": "2+2?", "answer": "4"}, [*said(CONTEXT), ("user", "2+2?")], ["4"]),
    "a prompt that its conversation repeats": ({"prompt": "Hello.", "messages": [*TWO_TURNS, GOOD]}, said(TWO_TURNS), BOTH[:1]),
    "an answer that is a list in JSON": ({"prompt": "Two colours?", "chosen": '["red", "blue"]', "rejected": "red, blue"}, [("user", "Two colours?")], ['["red", "blue"]', "red, blue"]),
    "two system prompts": ({"system": "S1", "system_prompt": "S2", "instruction": "A?", "output": "B."}, [("system", "S2"), ("user", "A?")], ["B."]),
    "a history": ({"instruction": "And Spain?", "output": "Madrid.", "history": [["France?", "Paris."]]}, [("user", "France?"), ("assistant", "Paris."), ("user", "And Spain?")], ["Madrid."]),
    "an input that is a number": ({"instruction": "Double it.", "input": 42, "output": "84"}, [("user", "Double it.\n\n42")], ["84"]),
    "the arena at Kaggle": ({"prompt": '["Q1"]', "response_a": '["A"]', "response_b": '["B"]', "model_a": "a", "model_b": "b"}, [("user", "Q1")], ["A", "B"]),
    "a prompt that is an object": ({"question": {"dataset": "eli5", "full_text": "Q?"}, "answer_a": "A", "answer_b": "B"}, [("user", "Q?")], ["A", "B"]),
    "a reference beside generations": ({"problem": "x", "instruction": "2+2?", "answer": "4", "generations": ["four", "five"]}, [("user", "2+2?")], ["four", "five"]),
    "distilabel's input": ({"input": "A?", "generations": ["B.", "C."]}, [("user", "A?")], ["B.", "C."]),
    "Axolotl's pairs": ({"instruction": "A?", "chosen_response": "B.", "rejected_response": "C."}, [("user", "A?")], ["B.", "C."]),
    "a text that begins like a list": ({"instruction": "A?", "response": "[{name}] is a placeholder."}, [("user", "A?")], ["[{name}] is a placeholder."]),
    "JSON that was asked for": ({"instruction": "A?", "response": '[{"role": "admin", "name": "Bob"}]'}, [("user", "A?")], ['[{"role": "admin", "name": "Bob"}]']),
    "a log": ({"instruction": "System: Windows 11. What is 0x5?", "response": "System: Linux 6.1\nIt crashed."}, [("user", "System: Windows 11. What is 0x5?")], ["System: Linux 6.1\nIt crashed."]),
    "calls without a wrapping": (
        {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {"a": 1}}]}, {"role": "tool", "content": "1"}, GOOD]},
        [*ASKED, ("assistant", ""), ("tool", "1")], BOTH[:1],
    ),
    "weights of turns": ({"messages": [USER, {**GOOD, "weight": 0}]}, ASKED, BOTH[:1]),
    "thinking in a response": ({"instruction": "A?", "responses": [{"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "B."}]}]}, [("user", "A?")], ["B."]),
    "a column of its own name": ({"instruction": "A?", "completions": ["B.", {"text": "C.", "score": 1}], "answers": ["gold"]}, [("user", "A?")], ["B.", "C."]),
}  # fmt: skip


@pytest.mark.parametrize("name", [*LAYOUTS, *READ])
def test_a_layout_is_read_whole_and_nothing_is_lost_or_moved(name: str) -> None:
    given, messages, responses = (LAYOUTS | READ)[name]
    one = row(made(ExistingRows(), given))
    assert said(one.messages) == messages
    assert [response.text for response in one.responses] == responses
    assert layouts.sentence(given).endswith(("responses a row.", "response a row.", "turns before the response."))
    if "inside" not in name and "Kaggle" not in name:  # where texts are taken apart
        kept = json.dumps(
            [list(one.messages), [[r.text, r.model, r.reasoning] for r in one.responses], dict(one.origin)]
        )
        assert [leaf for leaf in leaves(given) if json.dumps(leaf)[1:-1] not in kept] == []


def test_numbers_and_labels_beside_texts_are_kept() -> None:
    one = row(made(ExistingRows(), READ["weights of turns"][0]))
    assert one.origin["turns"] == [{}, {"weight": 0}]
    one = row(made(ExistingRows(), LAYOUTS["KTO"][0]))
    assert one.origin["label"] is True
    one = row(made(ExistingRows(), LAYOUTS["several rejected"][0]))
    assert [more["column"] for more in one.origin["per_response"]] == ["chosen", "rejected", "rejected"]


def test_calls_are_held_in_one_form() -> None:
    one = row(made(ExistingRows(), READ["calls without a wrapping"][0]))
    assert one.messages[1]["tool_calls"] == [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]
    odd: Any
    for odd in (
        ["f(1)"],
        [{"function": "f"}],
        [{"function": {"arguments": {}}}],
        [1, 2],
        [{"name": "f", "arguments": {}, "signature": "x"}],
    ):
        told, _ = dropped(made(ExistingRows(), {"messages": [USER, {"role": "assistant", "tool_calls": odd}, GOOD]}))
        assert "tool calls" in told


def test_models_and_what_a_response_says_of_itself_are_kept() -> None:
    one = row(made(ExistingRows(), LAYOUTS["UltraFeedback"][0]))
    assert [response.model for response in one.responses] == ["a", "b"]
    assert one.origin["per_response"] == [{"overall_score": 8}, {"overall_score": 2}]
    assert [r.model for r in row(made(ExistingRows(), LAYOUTS["arena"][0])).responses] == ["a", "b"]
    assert [r.model for r in row(made(ExistingRows(), LAYOUTS["distilabel"][0])).responses] == ["a", "b"]
    assert [r.model for r in row(made(ExistingRows(), LAYOUTS["distilabel, one"][0])).responses] == ["a"]


def test_each_answered_turn_of_a_tree_is_a_row() -> None:
    first, second = (unit.inputs for unit in ExistingRows().units([TREE]))
    one = row(made(ExistingRows(), first))
    assert said(one.messages) == ASKED and [response.text for response in one.responses] == BOTH
    assert one.origin["id"] == "a" and one.origin["per_response"][0]["rank"] == 0
    two = row(made(ExistingRows(), second))
    assert said(two.messages) == [*ASKED, ("assistant", "The Loire."), ("user", "Another?")]


def test_turns_of_tools_are_held_whole() -> None:
    one = row(
        made(ExistingRows(), {"messages": TOOLS, "tools": [{"type": "function", "function": {"name": "weather"}}]})
    )
    assert list(one.messages) == [
        {"role": "user", "content": "What is the weather in Lyon?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "12 degrees", "tool_call_id": "1"},
    ]
    assert [response.text for response in one.responses] == ["It is 12 degrees."]
    assert json.loads(one.origin["tools"])[0]["function"]["name"] == "weather"
    called = [
        {"from": "human", "value": "Lyon?"}, {"from": "function_call", "value": '{"name": "weather", "arguments": {}}'},
        {"from": "observation", "value": "12"}, {"from": "gpt", "value": "12 degrees."},
    ]  # fmt: skip
    turns = conversation(called)
    assert turns[1]["tool_calls"] == [{"type": "function", "function": {"name": "weather", "arguments": {}}}]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "assistant"]


def test_thoughts_of_an_imported_answer_are_kept() -> None:
    thinking = {"role": "assistant", "content": "4", "reasoning_content": "Two and two make four."}
    (response,) = row(made(ExistingRows(), {"messages": [USER, thinking]})).responses
    assert (response.text, response.reasoning) == ("4", "Two and two make four.")
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "4"}]
    (response,) = row(made(ExistingRows(), {"messages": [USER, {"role": "assistant", "content": parts}]})).responses
    assert (response.text, response.reasoning) == ("4", "Hm.")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an image": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "x"}}]}, GOOD]},
        "a part that is no text (image_url)",
    ),
    "an image as datasets writes it": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?", "index": None}, {"type": "image", "text": None, "index": 0}]}]},
        "a part that is no text (image)",
    ),
    "audio": ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "a part that is no text (input_audio)"),
    "a column of images": ({"instruction": "What is it?", "images": [{"bytes": b"x", "path": None}]}, "images, audio or video in column 'images'"),
    "an unknown speaker": ({"messages": [{"role": "narrator", "content": "Once."}, USER]}, "a turn of the unknown role 'narrator'"),
    "no role": ({"messages": [USER, {"content": "B."}]}, "a turn without a role"),
    "a call at the end": ({"messages": TOOLS[:2]}, "a conversation that ends with a tool call"),
    "different questions": (
        {"chosen": [USER, GOOD], "rejected": [{"role": "user", "content": "Name a lake."}, BAD]}, "responses to different conversations",
    ),
    "another prompt": ({"prompt": "Name a lake.", "chosen": [USER, GOOD], "rejected": [USER, BAD]}, "a prompt that is not the one in its responses"),
    "responses of several turns": ({"chosen": TOOLS, "rejected": [TOOLS[0], BAD]}, "responses of several turns, or that end with a tool call"),
    "no text": ({"instruction": "A?", "responses": [{"score": 1}]}, "a response without a text (it has score)"),
    "another question than its conversation's": ({"instruction": "X?", "response": "A.", "messages": [{"role": "user", "content": "Y?"}]}, "a prompt that is not the one in its conversation"),
    "an answer to an earlier question": (
        {"instruction": "Hello.", "response": "No.", "messages": [*TWO_TURNS, GOOD]}, "responses to a question that its conversation goes on from",
    ),
    "a response that calls a tool": ({"prompt": "A?", "chosen": {"role": "assistant", "content": "", "tool_calls": [CALL]}, "rejected": "B."}, "responses of several turns, or that end with a tool call"),
    "steps with labels": ({"prompt": "A?", "completions": ["One.", "Two."], "labels": [True, False]}, "steps of one response, each with its label"),
    "prompts in a list": ({"prompt": ["A?", "B?"], "response": "C."}, "a prompt that is a list"),
    "an odd history": ({"instruction": "A?", "history": ["x"]}, "a history that is no list of questions and answers"),
    "an image in a message": ({"messages": [{"role": "user", "content": "What?", "images": ["x.png"]}]}, "images, audio or video in a message (images)"),
    "an empty turn": ({"messages": [{"role": "user", "content": ""}, GOOD, USER]}, "an empty turn in its conversation"),
    "a list that nobody can read": ({"messages": "[{'role': 'user' 'content'"}, "a conversation that is neither JSON nor a list as Python prints it"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cant_be_held_is_refused_by_name_and_never_halved(name: str) -> None:
    given, reason = REFUSED[name]
    told, raw = dropped(made(ExistingRows(), given))
    assert reason in told and raw


@pytest.mark.parametrize(
    ("given", "mapped", "responses"),
    [
        ({"instruction": "Name a river.", "response": [USER, GOOD], "responses": [USER, BAD]}, {"instruction", "response", "responses"}, BOTH),
        ({"instruction": "Name a river.", "response": [USER, GOOD], "messages": [{"role": "user", "content": "Other."}]}, {"instruction"}, BOTH[:1]),
        ({"instruction": [USER], "response": [GOOD], "responses": [BAD]}, {"instruction", "response", "responses"}, BOTH),
        ({"messages": [USER], "response": [GOOD], "responses": [BAD], "chosen": "No."}, {"messages", "response", "responses"}, BOTH),
        ({"instruction": "Name a river.", "responses": LAYOUTS["UltraFeedback"][0]["completions"]}, {"responses"}, BOTH),
    ],
)  # fmt: skip
def test_what_a_person_mapped_wins(given: dict[str, Any], mapped: set[str], responses: list[str]) -> None:
    (unit,) = ExistingRows().units([given], mapped)
    one = row(made(ExistingRows(), unit.inputs))
    assert said(one.messages) == ASKED and [response.text for response in one.responses] == responses
    unmapped = [name for name in ("messages", "chosen") if name in given and name not in mapped]
    assert all(f"input.{name}" in one.origin for name in unmapped)


def test_a_pair_without_a_prompt_takes_none_from_chance() -> None:
    alone = {"chosen": "The Loire.", "rejected": "The car."}
    for given in (alone, {"chosen": "I am not sure.", "rejected": "I am sure.", "user_prompt": "Are you sure?"}):
        with pytest.raises(InputError, match="no column 'instruction'"):
            made(ExistingRows(), given)
    _, unit = ExistingRows().units([{"chosen": "The sky is blue.", "rejected": "The sky is green."}, alone])
    assert do(ExistingRows().rows(unit, Engine(Memo()).bind(Model(), "x")))[0].reason == "no instruction"


def test_transcripts_need_their_first_mark() -> None:
    assert transcript("He said: Human: no") == []
    assert transcript("\n\nAssistant: Hello") == []
    with pytest.raises(NotHeld):
        conversation([{"role": "user", "content": ["a", {"type": "input_image"}]}])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["user", "[{", '[{"role": "user"}]']),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["role", "from", "content", "value", "text", "type", "tool_calls", "model", "input", "output"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
ROWS = st.dictionaries(
    st.sampled_from(
        ["instruction", "prompt", "messages", "conversations", "context", "chosen", "rejected", "response", "responses", "completions",
         "response_1", "models", "model", "system", "input", "tools", "id", "fields", "suggestions", "message_tree_id", "ratings", "image"]
    ),
    VALUES,
    min_size=1,
)  # fmt: skip


@example({"prompt": "A?", "response": {"from": float("inf"), "content": "B."}})
@example({"messages": [{"role": "user", "content": "A?"}, {"role": "tool", "tool_calls": [float("inf")]}]})
@example_of(ROWS)
def test_any_row_is_read_or_refused(given: dict[str, Any]) -> None:
    try:
        units = list(ExistingRows().units([given]))
    except InputError:
        return
    model = Engine(Memo()).bind(Model(), "x")
    for unit in units:
        for one in do(ExistingRows().rows(unit, model)):
            json.dumps(one.raw if isinstance(one, Dropped) else [list(one.messages), dict(one.origin)], allow_nan=False)
    assert isinstance(layouts.sentence(given), str)
