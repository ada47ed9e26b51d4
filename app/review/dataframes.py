"""Rows of a run, of a file, or of a table as a pandas DataFrame: nullable types, and pd.NA for what is missing.

pandas is imported when the first of them is asked for: a run does without it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from app.review.reviewed_rows import judged_rows
from app.store.runs import Run
from app.store.store import Store
from feedback.exports.preference_pairs import best
from feedback.exports.record_formats import provenance
from feedback.exports.row_columns import named as columns_of
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import WHOLE_ROW
from tasks.errors import SettingsError
from tasks.response_flags import marks
from tasks.row_shape import OTHER, columns, kinds_of

if TYPE_CHECKING:
    import pandas as pd

Per = Literal["response", "row"]
TEXT, WHOLE, NUMBER, TRUTH, OBJECT = "string", "Int64", "Float64", "boolean", "object"
COLUMNS = {
    "row_id": TEXT, "run": TEXT, "unit": WHOLE, "position": WHOLE, "instruction": TEXT, "messages": OBJECT,
    "response_index": WHOLE, "response": TEXT, "model": TEXT, "reasoning": TEXT, "finish_reason": TEXT, "principle": TEXT,
    "marks": OBJECT, "failed_checks": OBJECT, "labeller": TEXT, "rating": NUMBER, "people.rating": NUMBER,
    "people.accepted": NUMBER, "people.rank": NUMBER, "reviewed": TRUTH, "decision": TEXT, "reviewers": OBJECT, "settled_by": TEXT,
    "reviewed_at": TEXT, "corrected_instruction": TEXT, "corrected_response": TEXT, "origin": OBJECT,
}  # fmt: skip
"""The columns of a run, without those of single aspects."""
OF_ROW = ("row_id", "run", "labeller", "reviewed", "decision", "reviewers", "settled_by", "reviewed_at")
ASPECTS = {"rating": NUMBER, "rationale": TEXT, "people.rating": NUMBER, "people.accepted": NUMBER}
"""Columns that there are for each aspect: rating.helpfulness."""
FIELDS = {"text": TEXT, "one of": TEXT, "whole number": WHOLE, "number": NUMBER, "yes or no": TRUTH, OTHER: TEXT}
"""The type of a field's column, of rows of a shape of their own, by its kind."""
LARGEST, EXACT = 2**63, 2**53
"""Whole numbers that Int64 holds are below the one, those that Float64 holds without a gap up to the other."""


def of_run(store: Store, run: Run, per: Per = "response") -> "pd.DataFrame":
    """The answered rows of a run, a line for each response; or, per row, a line for each with its best response.

    A row without responses has a line, too. Raises SettingsError.
    """
    if per not in ("response", "row"):
        raise SettingsError(f"per must be 'response' or 'row' (given: {per!r}).")
    lines: list[dict[str, Any]] = []
    fields: dict[str, str] = {}
    for judged in judged_rows(store, run):
        lines.extend(_lines(judged, run.id, per))
        kinds = kinds_of(judged.row)
        fields |= {column: FIELDS.get(kinds[name], OBJECT) for name, column in columns_of(kinds, COLUMNS).items()}
    named = {name: kind for kind in ASPECTS for line in lines for name in line if name.startswith(f"{kind}.")}
    types = {**COLUMNS, **{name: ASPECTS[kind] for name, kind in named.items() if name not in COLUMNS}}
    types |= fields
    return of_columns({name: [line.get(name) for line in lines] for name in [*_in_order(types), *fields]}, types)


def _in_order(types: Mapping[str, str]) -> Iterator[str]:
    """The columns, those of single aspects behind the one of all."""
    for name in COLUMNS:
        yield name
        if name in ("rating", "people.rating", "people.accepted"):
            kinds = ("rating", "rationale") if name == "rating" else (name,)
            yield from (
                column for kind in kinds for column in types if column.startswith(f"{kind}.") and column not in COLUMNS
            )


def _lines(judged: ReviewedRow, run: str, per: Per) -> Iterator[dict[str, Any]]:
    row = judged.row
    chosen = best(judged)
    indices: Sequence[int | None] = range(len(row.responses)) or [None]
    if per == "row":
        indices = [None if chosen is None else chosen.place]
    whole = provenance(judged, run, "")
    correction = judged.corrected_response()
    for index in indices:
        line = {
            **{name: whole[name] for name in OF_ROW},
            "unit": row.unit, "position": row.position, "instruction": row.instruction, "messages": list(row.messages),
            "corrected_instruction": judged.corrected_instruction(), "origin": dict(row.origin),
        }  # fmt: skip
        yield line if index is None else {**line, **_of_response(judged, index, correction)}


def _of_response(judged: ReviewedRow, index: int, correction: tuple[str, int] | None) -> dict[str, Any]:
    """The columns that tell of one response."""
    response = judged.row.responses[index]
    line: dict[str, Any] = {
        "response_index": index, "response": response.text, "model": response.model, "reasoning": response.reasoning,
        "finish_reason": response.finish_reason, "principle": response.principle or None, "marks": marks(response),
        "failed_checks": [check.check for check in judged.checks if check.response == index and not check.passed],
        "rating": judged.labelled(index), "people.rating": judged.rated_by_people(index),
        "people.accepted": judged.accepted_by_people(index), "people.rank": judged.ranked_by_people(index),
        "corrected_response": correction[0] if correction is not None and correction[1] == index else None,
    }  # fmt: skip
    if kinds := kinds_of(judged.row):
        corrected = line["corrected_response"]
        cells = columns(judged.row, response.text if corrected is None else corrected) or {}
        line |= {column: cells.get(name) for name, column in columns_of(kinds, COLUMNS).items()}
    values: dict[str, list[float]] = {}
    for rating in judged.ratings:
        if rating.response in (index, WHOLE_ROW):
            values.setdefault(rating.aspect, []).extend([] if rating.value is None else [rating.value])
            line[f"rationale.{rating.aspect}"] = line.get(f"rationale.{rating.aspect}") or rating.rationale or None
    line |= {f"rating.{aspect}": fmean(some) if some else None for aspect, some in values.items()}
    for aspect in {aspect: None for verdict in judged.submitted for aspect, _ in verdict.ratings if aspect}:
        for name, values_of in (("people.rating", judged.said_of), ("people.accepted", judged.accepted_of)):
            by_people = values_of(index, aspect) or values_of(WHOLE_ROW, aspect)
            line[f"{name}.{aspect}"] = fmean(by_people) if by_people else None
    return line


def of_rows(rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Rows with their columns in the order in which they first come; each of the type that all its values have."""
    row_list = list(rows)
    names = list(dict.fromkeys(name for row in row_list for name in row))
    return of_columns({name: [row.get(name) for row in row_list] for name in names})


def of_columns(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str] | None = None) -> "pd.DataFrame":
    """Columns of equal length; None is missing. A type that is not given is that of the values."""
    import pandas as pd

    dtypes = types or {}
    return pd.DataFrame({name: _column(values, dtypes.get(name, "")) for name, values in columns.items()})


def _column(values: Sequence[Any], kind: str) -> "pd.Series[Any]":
    import pandas as pd

    kind = kind or _type_of(values)
    cells = [pd.NA if value is None else value for value in values]
    return pd.Series(cells, dtype=kind)


def _type_of(values: Iterable[Any]) -> str:
    """The type that holds all of the values as they are: object where none does."""
    kinds: set[type] = set()
    largest = 0
    for value in values:
        if value is not None:
            kinds.add(type(value))
        if type(value) is int:
            largest = max(largest, abs(value))
    if kinds == {str}:
        return TEXT
    if kinds == {bool}:
        return TRUTH
    if kinds == {int}:
        return WHOLE if largest < LARGEST else OBJECT
    return NUMBER if kinds and kinds <= {float, int} and largest <= EXACT else OBJECT
