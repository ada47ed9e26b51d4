"""A run and a file as pandas DataFrames: what stands in which column, of which type, and what is missing."""

import asyncio
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import claywright
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Settings
from app.review import dataframes
from app.store.rows import content_hash
from app.store.store import Store
from feedback.types import Rating
from tasks.errors import InputError, SettingsError
from tests.make_reviewed_rows import ASKED, RATINGS, ROW, SYSTEM, all_of
from tests.make_runs import all_said
from tests.test_store_page import RECIPE, verdict

HONEST = Rating(1, "honesty", 0, "rated", 5.0, "Sure.", model="m")
UNRATED = Rating(0, "honesty", 0, "unrated", None, "", "names two ratings", model="m")


@pytest.fixture
def rated(store: Store) -> Iterator[Store]:
    """A run of three rows: approved with a correction, not reviewed, without responses."""
    store.runs.create("r", "rivers", "me", RECIPE, 7, "")
    rows = [replace(ROW, id=f"r-{k}-0", unit=k) for k in range(2)] + [replace(ROW, id="r-2-0", unit=2, responses=())]

    async def keep() -> None:
        for row in rows:
            await store.rows.keep_unit("r", row.unit, [row], [])
            await store.rows.answered(row)
        again = replace(RATINGS[1], repeat=1, value=3.0, rationale="Right again.")
        await store.ratings.keep("r-0-0", content_hash(rows[0]), "j", [*RATINGS, again, HONEST, UNRATED])
        await store.ratings.done("r-0-0", "j")

    asyncio.run(keep())
    answers = {"rating-2": 4, "helpfulness-2": 2, "honesty-2": 5, "corrected-response": "The Rhine."}
    said, origins = verdict(rows[0], "approve"), all_of({**answers, "honesty-2": None}, "changed")
    all_said(
        store, "d", [replace(said, answers={**said.answers, **answers}, origins={**origins, "honesty-2": "accepted"})]
    )
    yield store


def test_a_line_for_each_response(rated: Store, here: Settings) -> None:
    frame = claywright.rows("r", data=here.data)
    assert list(zip(frame["row_id"], frame["response_index"], strict=True)) == [
        ("r-0-0", 0), ("r-0-0", 1), ("r-1-0", 0), ("r-1-0", 1), ("r-2-0", pd.NA),
    ]  # fmt: skip
    second = frame.iloc[1]
    expected = {
        "run": "r", "unit": 0, "instruction": "Name a river.", "messages": [SYSTEM, ASKED], "response": "The Loire.",
        "model": "a", "marks": [], "labeller": "m", "rating": 4.0, "rating.helpfulness": 3.5, "rationale.helpfulness": "Right.",
        "rating.honesty": 5.0, "rationale.honesty": "Sure.", "people.rating": 3.0, "people.rating.helpfulness": 2.0,
        "people.accepted": 5.0, "people.accepted.honesty": 5.0,
        "reviewed": True, "decision": "approve", "corrected_response": "The Rhine.", "origin": dict(ROW.origin),
    }  # fmt: skip
    assert {name: second[name] for name in expected} == expected
    first = frame.iloc[0]
    assert first["marks"] == ["cut off"] and first["reasoning"] == "Hm." and first["rating.helpfulness"] == 2.0
    missing = (
        "rating.honesty",
        "rationale.honesty",
        "people.rating",
        "people.accepted",
        "corrected_response",
        "principle",
        "corrected_instruction",
    )
    assert all(first[name] is pd.NA for name in missing)
    bare = frame.iloc[4]
    assert bare["decision"] is pd.NA and bare["reviewers"] == [] and not bare["reviewed"] and bare["marks"] is pd.NA
    assert bare["instruction"] == "Name a river."


def test_a_line_for_each_row_has_its_best_response(rated: Store, here: Settings) -> None:
    frame = claywright.rows("r", per="row", data=here.data)
    assert frame["row_id"].to_list() == ["r-0-0", "r-1-0", "r-2-0"]
    assert frame["response"].to_list() == ["The Loire.", "Rivers are wet.", pd.NA]
    assert frame["corrected_response"].to_list() == ["The Rhine.", pd.NA, pd.NA]
    with pytest.raises(SettingsError, match="per must be 'response' or 'row'"):
        claywright.rows("r", per="rows", data=here.data)  # type: ignore[arg-type]


def test_types_are_nullable_and_the_columns_of_an_empty_run_are_there(rated: Store, here: Settings) -> None:
    rated.runs.create("empty", "empty", "me", RECIPE, 7, "")
    for run in ("r", "empty"):
        frame = claywright.rows(run, data=here.data)
        types = {name: str(kind) for name, kind in frame.dtypes.items()}
        assert types.items() >= dataframes.COLUMNS.items()
        assert {str(kind) for kind in frame.dtypes} <= {"string", "Int64", "Float64", "boolean", "object"}
    names = list(claywright.rows("r", data=here.data))
    at = names.index("rating")
    assert names[at : at + 12] == [
        "rating", "rating.helpfulness", "rating.honesty", "rationale.helpfulness", "rationale.honesty", "people.rating",
        "people.rating.helpfulness", "people.rating.honesty", "people.accepted", "people.accepted.helpfulness",
        "people.accepted.honesty", "people.rank",
    ]  # fmt: skip


def test_a_frame_goes_into_files(rated: Store, here: Settings, tmp_path: Path) -> None:
    frame = claywright.rows("r", data=here.data)
    frame.to_parquet(tmp_path / "rows.parquet")
    back = pd.read_parquet(tmp_path / "rows.parquet")
    assert back["rating.helpfulness"].dtype == "Float64" and back["response"].equals(frame["response"])


# -- files


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_a_file_as_rows(tmp_path: Path, name: str) -> None:
    lines = [{"question": f"Name river {k}.", "score": None if k == 1 else k + 0.5, "good": k == 2} for k in range(4)]
    path = tmp_path / name
    if name.endswith("csv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    elif name.endswith("jsonl"):
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    else:
        pd.DataFrame(lines).to_parquet(path)
    frame = claywright.read(path, columns={"instruction": "question"}, skip=1, limit=2)
    assert list(frame) == ["instruction", "score", "good"] and len(frame) == 2
    assert frame["instruction"].to_list() == ["Name river 1.", "Name river 2."]
    if not name.endswith("csv"):  # a table of texts
        assert [str(kind) for kind in frame.dtypes] == ["string", "Float64", "boolean"]
        assert frame["score"].to_list() == [pd.NA, 2.5]


def test_what_can_not_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        claywright.read(tmp_path / "nothing.csv")
    with pytest.raises(SettingsError, match="Did you mean 'limit'"):
        claywright.read(tmp_path / "nothing.csv", limitt=3)


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=6))
def test_any_rows_keep_their_values(rows: list[dict[str, Any]]) -> None:
    frame = dataframes.of_rows(rows)
    if not list(frame):
        return
    assert len(frame) == len(rows)
    for name in frame:
        back = [None if value is pd.NA else value for value in frame[name].to_list()]
        assert back == [row.get(str(name)) for row in rows]


def test_pandas_is_imported_when_it_is_needed() -> None:
    """A run does without it, and so does what the package's names are imported with."""
    program = "import sys; from claywright import Recipe, read, rows, run; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_run_of_today_is_what_rows_takes(data: Path) -> None:
    made = claywright.run(claywright.Recipe(task=claywright.Magpie(), generator=claywright.ScriptedLLM(), rows=2))
    assert made.to_pandas(per="row").equals(claywright.rows(made.id, per="row")) and made.data == data
    assert isinstance(made.to_pandas()["origin"].iloc[0], dict)
