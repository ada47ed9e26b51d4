"""ExistingRows: rows as people have them, and what is none."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tasks import ExistingRows
from tasks.types import Response
from tests.scripts import Model, dropped, made, row, said


@pytest.mark.parametrize(
    ("inputs", "messages", "responses"),
    [
        ({"instruction": " A? "}, [("user", "A?")], []),
        ({"instruction": "A?", "input": "B"}, [("user", "A?\n\nB")], []),
        ({"instruction": "A?", "system_prompt": "S"}, [("system", "S"), ("user", "A?")], []),
        ({"instruction": "A?", "response": "B."}, [("user", "A?")], [("B.", "unknown")]),
        ({"instruction": "A?", "response": "[1, 2]"}, [("user", "A?")], [("[1, 2]", "unknown")]),
        ({"instruction": "A?", "responses": ["B.", " C. "]}, [("user", "A?")], [("B.", "unknown"), ("C.", "unknown")]),
        ({"instruction": "A?", "responses": '["B.", "C."]'}, [("user", "A?")], [("B.", "unknown"), ("C.", "unknown")]),
        ({"instruction": "A?", "responses": "[Verse] B"}, [("user", "A?")], [("[Verse] B", "unknown")]),
        (
            {"instruction": "A?", "response": "B.", "responses": [{"text": "C.", "model": "m"}, {"text": ""}, None, {}]},
            [("user", "A?")],
            [("B.", "unknown"), ("C.", "m")],
        ),
        ({"instruction": "A?", "responses": None, "response": ""}, [("user", "A?")], []),
        ({"messages": [{"role": "user", "content": "A?"}]}, [("user", "A?")], []),
        (
            {"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."}], "responses": ["C."]},
            [("user", "A?")],
            [("B.", "unknown"), ("C.", "unknown")],
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": "S"}, {"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."},
                    {"role": "user", "content": [{"type": "text", "text": "And?"}]},
                ]
            },
            [("system", "S"), ("user", "A?"), ("assistant", "B."), ("user", "And?")],
            [],
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."},
                    {"role": "assistant", "content": "C."},
                ]
            },
            [("user", "A?")],
            [("B.", "unknown"), ("C.", "unknown")],
        ),
        ({"messages": '[{"role": "user", "content": "A?"}]', "instruction": "no"}, [("user", "A?")], []),
        ({"messages": None, "instruction": "A?"}, [("user", "A?")], []),
        ({"messages": [], "instruction": "A?"}, [("user", "A?")], []),
        ({"instruction": 3, "response": 4.5}, [("user", "3")], [("4.5", "unknown")]),
        ({"instruction": "A?", "response": [{"role": "assistant", "content": "B."}]}, [("user", "A?")], [("B.", "unknown")]),
    ],
)  # fmt: skip
def test_existing_rows(
    inputs: dict[str, Any], messages: list[tuple[str, str]], responses: list[tuple[str, str]]
) -> None:
    model = Model()
    one = row(made(ExistingRows(), inputs, model))
    assert said(one.messages) == messages
    assert [(answer.text, answer.model) for answer in one.responses] == responses
    assert model.asked == []


def test_existing_rows_keep_their_other_columns() -> None:
    one = row(
        made(ExistingRows(model="mine"), {"instruction": "A?", "topic": "x", "n": 3, "tags": ["a"], "response": "B."})
    )
    assert one.origin == {"topic": "x", "n": 3, "tags": ["a"]}
    assert one.responses == (Response("B.", "mine"),)


@pytest.mark.parametrize(
    "inputs",
    [
        {"instruction": ""},
        {"instruction": None},
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "B."}]},
        {"messages": "x"},
    ],
)
def test_existing_rows_drop_what_asks_nothing(inputs: dict[str, Any]) -> None:
    reason, raw = dropped(made(ExistingRows(), inputs))
    assert reason == "no instruction" and raw.startswith("{")


def test_a_column_that_no_json_can_hold_is_named() -> None:
    given = {
        "instruction": "A?",
        "day": date(2026, 11, 29),
        "price": Decimal("1.10"),
        "blob": b"x",
        "none": float("nan"),
    }
    one = row(made(ExistingRows(), given))
    assert one.origin == {"day": "2026-11-29", "price": "1.10", "left_out": ["blob"]}
