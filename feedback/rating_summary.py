"""What the labeller thinks of a row, all its ratings together: per response, of the whole row, and how sure it is."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from feedback.rubrics import STANDARD, STANDARD_LEVELS, WHOLE_ROW, Rubrics, Scale, on_five
from feedback.types import Rating
from tasks.types import Row

MOST_RESPONSES = 8
MOST_DOUBT = 2.5
"""The priority of a row than which none can be more doubtful, on a scale of five."""


def opinion(ratings: Sequence[Rating], index: int, aspect: str) -> tuple[float, float | None, str] | None:
    """(mean rating, how sure, model) of one response under one aspect, of the row where that judges the instruction; None where
    it is unrated.

    How sure: the share of repeats that agree with the mean, or the probability that the labeller gave its one rating;
    None where there is neither.
    """
    rated = _rated(ratings, index, aspect)
    if not rated:
        return None
    mean = fmean(r.value for r in rated if r.value is not None)
    if len(rated) > 1:
        sure = fmean(abs((r.value or 0) - mean) < 0.5 for r in rated)
    elif (sure_of := probability(rated[0])) is None:
        return mean, None, rated[0].model
    else:
        sure = sure_of
    return mean, round(sure, 4), rated[0].model


def rounded(mean: float) -> int:
    """A mean rating as the whole number that is suggested to people."""
    return math.floor(mean + 0.5)


def probability(rating: Rating) -> float | None:
    """The labeller's probability of the rating it gave, among all levels; None without log-probabilities."""
    distribution = rating.distribution
    return (
        distribution.get(int(rating.value))
        if distribution and rating.value is not None and rating.value.is_integer()
        else None
    )


def scale_of(ratings: Iterable[Rating], rubrics: Rubrics = STANDARD) -> Scale:
    """What the ratings of a row are averaged on, those of the instruction apart."""
    return rubrics.common({(r.aspect, r.levels) for r in ratings if r.value is not None and r.response != WHOLE_ROW})


def means(ratings: Sequence[Rating], responses: int) -> list[float | None]:
    """The mean rating of each response over aspects and repeats, as `scale_of` has it; None where it is unrated."""
    scale = scale_of(ratings)
    return [
        _mean(scale.of(r.value, r.levels) for r in ratings if r.response == index and r.value is not None)
        for index in range(responses)
    ]


def best_response(row: Row, ratings: Sequence[Rating]) -> int:
    """The index of the response with the highest mean rating among those that are shown, the first of several or of none."""
    mean_ratings = means(ratings, min(len(row.responses), MOST_RESPONSES))
    return max(range(len(mean_ratings)), key=lambda index: (mean_ratings[index] or 0.0, -index)) if mean_ratings else 0


def kept(row: Row, ratings: Sequence[Rating], aspect: str, rubrics: Rubrics = STANDARD) -> bool | None:
    """Whether the labeller would keep the row: its best response reaches the rubric's threshold. None where that is unrated."""
    best = best_response(row, ratings)
    rating = opinion(ratings, best, aspect)
    if rating is None:
        return None
    return rounded(rating[0]) >= rubrics.threshold(aspect, _rated(ratings, best, aspect)[0].levels)


def priority(
    row: Row,
    ratings: Sequence[Rating],
    aspect: str,
    rubrics: Rubrics = STANDARD,
    doubt: float | None = None,
) -> float:
    """How strongly the labeller's other opinions of a row speak against its decision; 0 without others.

    Where it rated nothing but compared responses: the `doubt` of its preference (feedback/comparisons.py), in the same range.

    The decision is the rating of the best response under `aspect`: from the rubric's threshold on (4 of 5) it keeps the row.
    m is the mean of the other opinions of that response (the mean of the other aspects, of the repeats, the expected rating),
    each as its distance from the middle of its own scale (3.5 of 5) on a scale of five: `-m` where the rating keeps the row,
    `m` where it doesn't. From -2.5 to 2.5 on a scale of five.
    """
    keeps, best = kept(row, ratings, aspect, rubrics), best_response(row, ratings)
    if keeps is None:
        return 0.0 if doubt is None else round(2 * MOST_DOUBT * doubt - MOST_DOUBT, 4) + 0.0

    def distance(rating: Rating, value: float | None) -> float | None:
        middle = rubrics.threshold(rating.aspect, rating.levels) - 0.5
        return None if value is None else (value - middle) * 4 / (rating.levels - 1)

    if (m := _others(ratings, best, aspect, distance)) is None:
        return 0.0
    return round(-m if keeps else m, 4) + 0.0


def other_opinions(row: Row, ratings: Sequence[Rating], aspect: str) -> float | None:
    """The mean of the other opinions that `priority` is made of, as a rating from 1 to 5; None where there are none."""
    return _others(
        ratings, best_response(row, ratings), aspect, lambda r, v: None if v is None else on_five(v, r.levels)
    )


def _others(
    ratings: Sequence[Rating], best: int, aspect: str, on: Callable[[Rating, float | None], float | None]
) -> float | None:
    """The mean of what the other aspects, the repeats and the expected rating say of the best response, each put `on` a scale."""
    rated = _rated(ratings, best, aspect)
    return _mean(
        [
            _mean(on(r, r.value) for r in ratings if r.response in (best, WHOLE_ROW) and r.aspect != aspect),
            _mean(on(r, r.value) for r in rated) if len(rated) > 1 else None,
            _mean(on(r, r.expected) for r in rated),
        ]
    )


def spread(ratings: Sequence[Rating]) -> float | None:
    """The widest distance between repeats of one question; None where nothing was asked twice."""
    repeats: dict[tuple[int, str], list[float]] = {}
    for r in ratings:
        if r.value is not None:
            repeats.setdefault((r.response, r.aspect), []).append(r.value)
    widths = [max(values) - min(values) for values in repeats.values() if len(values) > 1]
    return max(widths) if widths else None


def reasons(ratings: Sequence[Rating], index: int, rubrics: Rubrics = STANDARD) -> str:
    """The labeller's rationales of one response as Markdown, each with its aspect and rating where there are several."""
    own = [r for r in ratings if r.response in (index, WHOLE_ROW)]
    if len(own) == 1 and own[0].value is not None:
        return own[0].why
    lines = []
    for rating in own:
        value = (
            "N/A" if rating.status == "not-applicable" else "unrated" if rating.value is None else f"{rating.value:g}"
        )
        of = f" of {rating.levels}" if rating.value is not None and rating.levels != STANDARD_LEVELS else ""
        lines.append(f"**{rubrics.name(rating.aspect)}: {value}{of}** {rating.why}".strip())
    return "\n\n".join(lines)


def _rated(ratings: Sequence[Rating], index: int, aspect: str) -> list[Rating]:
    return [r for r in ratings if r.response in (index, WHOLE_ROW) and r.aspect == aspect and r.value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
