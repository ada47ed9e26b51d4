"""What a run will take, told from its preview: calls, tokens and time of the rows that are still to be made and rated."""

from dataclasses import dataclass

from app.recipe import Recipe
from app.store import Store
from app.tables.runs import Run
from feedback.ultrafeedback import UltraFeedback
from tasks.types import Row

CHARACTERS_A_TOKEN = 4
TOKENS_OF_A_RATING = 80


@dataclass(frozen=True)
class Forecast:
    """For `rows` rows that are still to be made. Tokens and seconds are None where nothing was measured yet."""

    rows: int
    calls: int
    tokens: int | None
    seconds: float | None


def forecast(store: Store, run: Run, made: Recipe, rows: int) -> Forecast | None:
    """For a run that is to have `rows` rows, from what its previews took; None before its first row."""
    took = [w for w in store.runs.workings(run.id) if w["what"] == "preview" and w["rows"]]
    asked = sum(w["answered"] for w in took)
    seen, counts, rating = store.rows.page(run.id, 0, 3), store.runs.counts(run.id), made.rating
    if not seen:
        return None
    to_make = max(rows - counts["answered"], 0)
    ratings = ratings_of(seen[0], rating) * max(rows - counts["rated"], 0) if rating else 0
    if not asked:
        return Forecast(to_make, to_make + ratings, None, None)
    per_row = (asked + sum(w["recalled"] for w in took)) / sum(w["rows"] for w in took)
    tokens = to_make * per_row * sum(w["prompt_tokens"] + w["completion_tokens"] for w in took) / asked
    a_call = sum(w["seconds"] for w in took) / asked
    seconds = to_make * per_row * a_call / max(1, min(made.generator.concurrency, to_make))
    if rating and ratings:
        tokens += (
            ratings * sum(tokens_of_rating(row, rating) for row in seen) / sum(ratings_of(row, rating) for row in seen)
        )
        seconds += ratings * a_call / max(1, min(made.labeller.concurrency, ratings))
    return Forecast(to_make, round(to_make * per_row) + ratings, round(tokens), seconds)


def ratings_of(row: Row, rating: UltraFeedback) -> int:
    """How many calls it takes to rate a row."""
    return len(rating.questions(row))


def tokens_of_rating(row: Row, rating: UltraFeedback) -> float:
    asked = rating.questions(row)
    return sum(
        len(rating.asked(row, question, as_json=True)) / CHARACTERS_A_TOKEN + TOKENS_OF_A_RATING * len(question.order)
        for question in asked
    )
