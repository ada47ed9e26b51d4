"""Ratings that a dataset brings along, on our own scale: UltraFeedback's annotations, and what distilabel rated.

What is on another scale, or under other questions (HelpSteer's, a reward model's), stays a column of the row.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from feedback.types import Rating
from tasks.base import listed, text
from tasks.types import Row

GIVEN = "imported"
"""Who rated, where a dataset says no more than that somebody did."""
ANNOTATED = {
    "helpfulness": "helpfulness",
    "honesty": "honesty",
    "instruction_following": "instruction-following",
    "truthfulness": "truthfulness",
}
"""UltraFeedback's names of our aspects."""
OVERALL = "overall-rating"


def given_ratings(row: Row) -> list[Rating]:
    """The ratings that a row's origin holds, 1 to 5; none where it holds something else."""
    lengths = tuple(len(response.text) for response in row.responses)
    answers = row.origin.get("answers")
    found = list(_annotations(answers)) if isinstance(answers, list) else []
    found = found or list(_overall(row.origin.get("ratings"), row.origin.get("rationales")))
    return [
        Rating(
            place,
            aspect,
            0,
            "rated",
            value,
            why,
            order=tuple(range(len(lengths))),
            model=GIVEN,
            prompt=GIVEN,
            lengths=lengths,
        )
        for place, aspect, value, why in found
        if place < len(lengths)
    ]


def _annotations(answers: list[Any]) -> Iterator[tuple[int, str, float, str]]:
    for place, answer in enumerate(answers):
        annotations = answer.get("annotations") if isinstance(answer, Mapping) else None
        for theirs, aspect in ANNOTATED.items():
            annotation = annotations.get(theirs) if isinstance(annotations, Mapping) else None
            if isinstance(annotation, Mapping) and (value := _number(annotation.get("Rating"))) is not None:
                reasons = (text(annotation.get(name)) for name in ("Rationale For Rating", "Rationale"))
                yield place, aspect, value, next(filter(None, reasons), "")


def _overall(ratings: Any, rationales: Any) -> Iterator[tuple[int, str, float, str]]:
    reasons = listed(rationales)
    for place, rating in enumerate(listed(ratings)):
        if (value := _number(rating)) is not None:
            yield place, OVERALL, value, text(reasons[place]) if place < len(reasons) else ""


def _number(value: Any) -> float | None:
    """A rating on our scale; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 1 <= number <= 5 and not isinstance(value, bool) else None
