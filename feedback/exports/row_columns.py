"""Columns of rows of a shape of their own (tasks/row_shape.py), beside those of a format: the values of a line's response."""

from collections.abc import Collection, Mapping
from typing import Any

from feedback.exports.formats import CHECKED, GUARANTEED, TOOLS, Format
from feedback.exports.preference_pairs import best
from feedback.exports.record_formats import Line, NotWritten, raw
from feedback.reviewed_row import ReviewedRow
from tasks.row_shape import OTHER, columns, kinds_of
from tasks.types import Row

TYPES: Mapping[str, Any] = {
    "text": str, "one of": str, "whole number": int, "number": float, "yes or no": bool, "list of texts": [str], OTHER: str
}  # fmt: skip
"""The type of a column by the kind of its field; what is left open is JSON."""
BEFORE_TAKEN = "field_"


def named(names: Collection[str], taken: Collection[str]) -> dict[str, str]:
    """What each field's column is called: as the field, with "field_" before it where a column has that name already."""
    columns: dict[str, str] = {}
    for name in names:
        column = name
        while column in taken or column in columns.values() or (column != name and column in names):
            column = f"{BEFORE_TAKEN}{column}"
        columns[name] = column
    return columns


def row_columns(judged: ReviewedRow, line: Line, form: Format) -> Line:
    """The columns of a line. Raises NotWritten for a text that lost the row's fields as somebody changed it; but for the format
    that has everything, in which they are empty then.
    """
    kinds = kinds_of(judged.row)
    if not kinds:
        return {}
    text = _answer(judged, line)
    values = columns(judged.row, text) if text is not None else None
    if text is not None and values is None and form.lines is not raw:
        raise NotWritten("a response that is no longer JSON with the row's fields")
    names = named(kinds, _taken(form))
    empty: Line = {name: [] if kind == "list of texts" else None for name, kind in kinds.items()}
    return {names[name]: value for name, value in (values or empty).items()}


def column_types(row: Row, form: Format) -> dict[str, Any]:
    """The types of those columns, by name."""
    kinds = kinds_of(row)
    names = named(kinds, _taken(form))
    return {names[name]: TYPES[kind] for name, kind in kinds.items()}


def _taken(form: Format) -> set[str]:
    """Names that no field's column can have: those of the format, and of what its lines may hold beyond."""
    return {*form.columns, *CHECKED, *GUARANTEED, TOOLS}


def _answer(judged: ReviewedRow, line: Line) -> str | None:
    """The response that a line is about: the one it holds, else the row's best."""
    for name in ("completion", "chosen"):
        if isinstance(line.get(name), list):
            return str(line[name][-1]["content"])
    if isinstance(index := line.get("response"), int):
        return judged.row.responses[index].text
    top = best(judged)
    return None if top is None else top.text
