"""Rows that people and a labeller have judged, for the tests of what is made of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from feedback.exports.preference_pairs import Rule
from feedback.exports.record_formats import provenance
from feedback.reviewed_row import ReviewedRow
from feedback.types import Origin, Rating, Verdict, judgements
from tasks.types import Message, Response, Row

SYSTEM: Message = {"role": "system", "content": "Be brief."}
ASKED: Message = {"role": "user", "content": "Name a river."}
ROW = Row(
    (SYSTEM, ASKED),
    (Response("Rivers are wet.", "b", "Hm.", "length"), Response("The Loire.", "a")),
    {"prompt": "self_instruct.v1", "seed": "x"},
    id="r-0-0",
)
RATINGS = (
    Rating(0, "helpfulness", 0, "rated", 2.0, "Wet.", model="m"),
    Rating(1, "helpfulness", 0, "rated", 4.0, "Right.", model="m"),
)
RULE = Rule()
PROVENANCE = {
    "row_id": "r-0-0", "run": "run", "task": "Task", "prompt_version": "self_instruct.v1", "reviewed": True,
    "decision": "approve", "reviewers": ["ann"], "settled_by": None, "reviewed_at": "2026-01-01T10:00:00.000000", "labeller": "m",
}  # fmt: skip


def verdict(
    decision: str | None = "approve",
    *,
    who: str = "ann",
    at: str = "10:00",
    status: str = "submitted",
    origin: Origin | None = "given",
    blind: bool = False,
    **answers: Any,
) -> Verdict:
    """What `who` said; names of questions with an underscore for the dash. `origin` is that of all ratings and the ranking."""
    said = {name.replace("_", "-"): value for name, value in answers.items()}
    return Verdict(
        "r-0-0", who, status, {"decision": decision, **said} if decision else said, updated_at=f"2026-01-01T{at}",
        blind=blind, origins=all_of(said, origin),
    )  # fmt: skip


def all_of(answers: Mapping[str, Any], origin: Origin | None = "given") -> dict[str, Origin]:
    """The same origin for each rating and the ranking among answers; None where it is not known."""
    return {question: origin for question, _ in judgements(answers)} if origin else {}


def judged(*verdicts: Verdict, row: Row = ROW, ratings: tuple[Rating, ...] = RATINGS) -> ReviewedRow:
    return ReviewedRow(row, ratings, verdicts)


def made_of(make: Any, found: ReviewedRow, rule: Rule = RULE) -> list[dict[str, Any]]:
    """The lines that a format makes of a row."""
    return [{**line, **provenance(found, "run", "Task")} for line in make(found, rule)]


def line(make: Any, *verdicts: Verdict, **more: Any) -> dict[str, Any]:
    (made,) = made_of(make, judged(*verdicts, **more))
    return made


def some(number: int = 3) -> list[ReviewedRow]:
    """Rows of which the first is rejected, the last has not been seen, the others are approved."""
    rows = [replace(ROW, id=f"r-{k}-0", unit=k) for k in range(number)]
    said: list[tuple[Verdict, ...]] = [(verdict("reject"),), *[(verdict(),)] * (number - 2), ()]
    return [ReviewedRow(row, RATINGS, verdicts) for row, verdicts in zip(rows, said, strict=True)]


def fits(kind: Any, value: Any) -> bool:
    """Whether a value is of a column's type (feedback/exports/formats.py)."""
    if isinstance(kind, list):
        return value is None or (isinstance(value, list) and all(fits(kind[0], inner) for inner in value))
    if isinstance(kind, dict):
        return list(value) == list(kind) and all(fits(kind[name], inner) for name, inner in value.items())
    return value is None or type(value) is kind
