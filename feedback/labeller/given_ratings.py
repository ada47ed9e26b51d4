"""Ratings that a dataset brings along, on our own scale: UltraFeedback's annotations, and what distilabel rated.

What is on another scale, or under other questions (HelpSteer's, a reward model's), stays a column of the row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feedback.types import Rating
from tasks.base import text
from tasks.columns.layouts import RATED_BY_DISTILABEL
from tasks.columns.missing_values import is_missing
from tasks.types import PER_RESPONSE, Row

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
    """The ratings that came with a row's responses, 1 to 5; none where what came is something else."""
    responses = row.origin.get(PER_RESPONSE)
    if not isinstance(responses, list) or len(responses) != len(row.responses):
        return []
    lengths = tuple(len(response.text) for response in row.responses)
    return [
        Rating(
            index, aspect, 0, "rated", value, rationale, order=tuple(range(len(lengths))), model=GIVEN, prompt=GIVEN,
            lengths=lengths,
        )
        for index, aspect, value, rationale in [*_annotated(responses), *_rated_by_distilabel(responses)]
    ]  # fmt: skip


def _annotated(responses: Sequence[Any]) -> Iterator[tuple[int, str, float, str]]:
    for index, response in enumerate(responses):
        annotations = response.get("annotations") if isinstance(response, Mapping) else None
        for theirs, aspect in ANNOTATED.items():
            annotation = annotations.get(theirs) if isinstance(annotations, Mapping) else None
            if isinstance(annotation, Mapping) and (value := _number(annotation.get("Rating"))) is not None:
                reasons = (text(annotation.get(name)) for name in ("Rationale For Rating", "Rationale"))
                yield index, aspect, value, next(filter(None, reasons), "")


def _rated_by_distilabel(responses: Sequence[Any]) -> Iterator[tuple[int, str, float, str]]:
    """All of a row's, or none: one that is beyond 1 to 5 shows that they are on another scale."""
    rated = [response.get(RATED_BY_DISTILABEL) if isinstance(response, Mapping) else None for response in responses]
    ratings = [rating.get("rating") if isinstance(rating, Mapping) else None for rating in rated]
    if any(not is_missing(rating) and _number(rating) is None for rating in ratings):
        return
    for index, (rating, entry) in enumerate(zip(ratings, rated, strict=True)):
        if (value := _number(rating)) is not None:
            yield index, OVERALL, value, text(entry.get("rationale")) if isinstance(entry, Mapping) else ""


def _number(value: Any) -> float | None:
    """A rating on our scale; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 1 <= number <= 5 and not isinstance(value, bool) else None
