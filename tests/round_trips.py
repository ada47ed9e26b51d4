"""Any lines into a file of each kind and back: what comes out is what went in.

CSV and Excel hold no lists and no difference between an empty text and none: lists come back as JSON, both as nothing; and CSV
has no types, so that a number comes back as its text.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import pandas
import pyarrow.parquet as pq
from hypothesis import strategies as st

from feedback.exports.file_kinds import FOLDER
from feedback.exports.record_formats import Line
from feedback.exports.writers import LARGEST_INTEGER, WRITERS, cell, write
from feedback.types import sendable

KINDS = [*WRITERS, FOLDER]
ODD = (
    "=1+1",
    "- x",
    "'=1",
    "\r",
    "\r\n",
    'a "b",\nc',
    "\u2028",
    "_x0041_",
    "\x01",
    "NA",
    "null",
    "1",
    "1e5",
    "TRUE",
    " ",
    "#N/A",
)
NO_CHARACTERS = ("\ufffe", "\uffff")
"""Code points that are none, which XML can't hold: Excel writes them out."""
texts = st.sampled_from(ODD) | st.text(max_size=20).map(
    lambda text: sendable("".join(character for character in text if character not in NO_CHARACTERS))
)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-LARGEST_INTEGER, LARGEST_INTEGER),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}
SIMPLE = list(VALUES)
kinds = st.one_of(
    st.sampled_from(SIMPLE),
    st.sampled_from(SIMPLE).map(lambda kind: [kind]),
    st.just([{"role": str, "content": str}]),
    st.just({"a": int, "b": [str]}),
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a column's type; any but those inside of a list can be missing."""
    if isinstance(kind, list):
        return st.none() | st.lists(values(kind[0]).filter(lambda value: value is not None), max_size=3)
    if isinstance(kind, dict):
        return st.fixed_dictionaries({name: values(inner) for name, inner in kind.items()})
    return st.none() | VALUES[kind]


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Any], list[Line]]:
    """Columns of any types, and lines with all of them; each with its id, as what is exported has."""
    columns = draw(st.dictionaries(st.sampled_from(["a", "b", "c", "d e", "ü"]), kinds, min_size=1, max_size=4))
    line = st.fixed_dictionaries({name: values(kind) for name, kind in columns.items()})
    lines = [{**line, "row_id": f"r-{k}"} for k, line in enumerate(draw(st.lists(line, min_size=1, max_size=5)))]
    return {**columns, "row_id": str}, lines


def check(kind: str, columns: dict[str, Any], lines: list[Line], max_rows: int | None) -> None:
    """Raises AssertionError where a file of that kind, or several with `max_rows`, gives other lines back."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows" if kind == FOLDER else f"rows.{kind}")
        files = write({"train": lines}, columns, path, max_rows=max_rows)
        read = [line for file in files for line in READ[kind](file)]
    assert read == [EXPECTED.get(kind, dict)(line) for line in lines]


def _csv(path: Path) -> list[Line]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _excel(path: Path) -> list[Line]:
    frame = pandas.read_excel(path, engine="calamine", dtype=object, na_filter=False)
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


READ: dict[str, Callable[[Path], list[Line]]] = {
    "jsonl": lambda path: [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]],
    "parquet": lambda path: pq.read_table(path).to_pylist(),
    "csv": _csv,
    "xlsx": _excel,
    FOLDER: lambda path: datasets.load_from_disk(str(path))["train"].to_list(),
}
EXPECTED: dict[str, Callable[[Line], Line]] = {
    "csv": lambda line: {name: "" if value is None else str(cell(value)) for name, value in line.items()},
    "xlsx": lambda line: {name: "" if value is None else cell(value) for name, value in line.items()},
}
