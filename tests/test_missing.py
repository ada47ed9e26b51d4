"""A missing value is missing on every way in: no text says "nan", and nobody is asked about it."""

import asyncio
import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.api.functions import EvolInstruct, ScriptedLLM, SelfInstruct, TextGeneration
from app.inputs.inputs import Inputs, rows
from tasks import ExistingRows
from tasks.base import listed, plain, text
from tasks.columns.missing_values import cell_text, is_missing, python_value
from tasks.errors import InputError
from tasks.existing_rows import own_id
from tasks.prompts import render_foreign
from tasks.types import Dropped, Row, Unit

MISSING = [
    None, float("nan"), np.float32("nan"), np.float64("nan"), np.datetime64("NaT", "ns"), pd.NaT, pd.NA, decimal.Decimal("NaN"),
]  # fmt: skip
THERE = [
    "",
    "nan",
    "NaN",
    0,
    0.0,
    False,
    [],
    {},
    np.float32(1.5),
    np.int64(3),
    np.array([]),
    pd.Timestamp("2026-01-02"),
    b"",
]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_missing(value: Any) -> None:
    assert is_missing(value) and python_value(value) is None
    assert text(value) == "" and listed(value) == [] and not plain(value) and own_id(value) is None
    assert render_foreign("Known: {{ a }}.", {"a": value}) == "Known: ."
    assert render_foreign("{% if a %}{{ a }}{% else %}none{% endif %}", {"a": value}) == "none"


@pytest.mark.parametrize("value", THERE, ids=repr)
def test_what_is_not_missing(value: Any) -> None:
    assert not is_missing(value)


def test_values_of_other_libraries_are_pythons() -> None:
    assert python_value(np.int64(3)) == 3 and type(python_value(np.int64(3))) is int
    assert python_value(np.array(["a", "b"])) == ["a", "b"] == listed(np.array(["a", "b"]))
    assert python_value(np.float32(1.5)) == 1.5 and python_value(np.bool_(True)) is True
    assert own_id(np.int64(7)) == 7 and own_id(7.0) == 7


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", None, float("nan"), {"b": pd.NA}], '["a", null, null, {"b": null}]'), ({"é": [1.5]}, '{"é": [1.5]}'),
        ("Größe".encode(), "Größe"), (b"\xff\xd8\xff", ""), (datetime.date(2026, 1, 2), "2026-01-02"), (1.10, "1.1"),
        (True, "True"), (np.array([1, 2]), "[1, 2]"),
    ],
)  # fmt: skip
def test_a_cell_as_text(value: Any, expected: str) -> None:
    assert cell_text(value) == expected
    assert render_foreign("<{{ a }}>", {"a": value}) == f"<{expected}>"
    if not isinstance(value, bytes) and not isinstance(value, list):
        assert render_foreign("{% if true %}<{{ a }}>{% endif %}", {"a": value}) == f"<{expected}>"


def test_bytes_that_are_no_text_are_refused_where_a_text_is_needed() -> None:
    with pytest.raises(InputError, match="Input row 3 has binary data in the column 'instruction', not text"):
        ExistingRows().check({"instruction": b"\xff\xd8"}, 2)
    ExistingRows().check({"instruction": b"Why?", "picture": b"\xff\xd8"}, 0)


def existing(row: dict[str, Any]) -> Row | Dropped:
    (made,) = asyncio.run(ExistingRows().rows(Unit(0, row), None))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_row_without_an_instruction_is_dropped(value: Any) -> None:
    made = existing({"instruction": value, "response": "A."})
    assert isinstance(made, Dropped) and made.reason == "no instruction"


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_missing_response_is_none(value: Any) -> None:
    made = existing({"instruction": "Q?", "response": value, "responses": ["A.", value], "note": value, "id": value})
    assert isinstance(made, Row) and [response.text for response in made.responses] == ["A."] and made.origin == {}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet", "a.feather", "a.xlsx"])
def test_a_missing_cell_of_a_file(tmp_path: Path, name: str) -> None:
    columns: dict[str, Any] = {"q": ["Q?", None], "n": [float("nan"), 2.5]}
    if name == "a.xlsx":
        pd.DataFrame(columns).to_excel(tmp_path / name, index=False)
    elif name == "a.parquet":
        pq.write_table(pa.table(columns), tmp_path / name)
    elif name == "a.feather":
        pd.DataFrame(columns).to_feather(tmp_path / name)
    else:
        lines = [json.dumps({"q": q, "n": n}) for q, n in zip(*columns.values(), strict=True)]
        (tmp_path / name).write_text("\n".join(lines) if "l" in name else f"[{','.join(lines)}]")
    first, second = rows(Inputs(path=str(tmp_path / name)))
    nothing = "" if name == "a.xlsx" else None
    assert (first, second) == ({"q": "Q?", "n": nothing}, {"q": nothing, "n": 2.5})


def test_nobody_is_asked_about_what_is_missing_in_a_frame() -> None:
    llm = ScriptedLLM([("nan", "(asked about nan)"), ("", "fine")])
    given = pd.DataFrame({"instruction": ["Name a river.", None], "input": ["Name a river.", None]}).to_dict("records")
    tasks: dict[Any, str] = {
        TextGeneration(llm=llm): "generation", EvolInstruct(llm=llm, num_evolutions=1): "evolved_instruction",
        SelfInstruct(llm=llm): "instructions",
    }  # fmt: skip
    for task, column in tasks.items():
        first, second = next(task.process([dict(row) for row in given]))
        assert first[column] in ("fine", ["fine"]) and second[column] in (None, [])
