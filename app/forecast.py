"""What a run will take, told from its preview: calls, tokens and time of the rows that are still to be made and rated."""

from dataclasses import dataclass

from app.recipe import Recipe
from app.store import Store
from app.tables.runs import Run
from feedback.ultrafeedback import UltraFeedback
from feedback.ultrafeedback import prompt as rating_prompt
from tasks.types import Row

CHARACTERS_A_TOKEN = 4
TOKENS_OF_A_RATING = 80


@dataclass(frozen=True)
class Forecast:
    """For `rows` rows. Tokens and seconds are None where nothing was measured yet."""

    rows: int
    calls: int
    tokens: int | None
    seconds: float | None


def forecast(store: Store, run: Run, made: Recipe, rows: int, rating: UltraFeedback | None) -> Forecast | None:
    """From what the previews of the run took; None before its first row."""
    took = [w for w in store.runs.workings(run.id) if w["what"] == "preview" and w["rows"]]
    asked = sum(w["answered"] for w in took)
    seen = store.rows.page(run.id, 0, 3)
    if not seen:
        return None
    ratings = ratings_of(seen[0], rating) if rating else 0
    tokens_rating = sum(tokens_of_rating(row, rating) for row in seen) / len(seen) if rating else 0.0
    if not asked:
        return Forecast(rows, rows * (1 + ratings), None, None)
    per_row = (asked + sum(w["recalled"] for w in took)) / sum(w["rows"] for w in took)
    tokens = per_row * sum(w["prompt_tokens"] + w["completion_tokens"] for w in took) / asked
    a_call = sum(w["seconds"] for w in took) / asked
    at_once = max(1, min(made.generator.concurrency, rows))
    seconds = rows * per_row * a_call / at_once
    if rating:
        seconds += rows * ratings * a_call / max(1, min(made.labeller.concurrency, rows * ratings))
    return Forecast(rows, round(rows * (per_row + ratings)), round(rows * (tokens + tokens_rating)), seconds)


def ratings_of(row: Row, rating: UltraFeedback) -> int:
    """How many calls it takes to rate a row."""
    return len(rating.questions(row))


def tokens_of_rating(row: Row, rating: UltraFeedback) -> float:
    asked = rating.questions(row)
    return sum(
        len(rating_prompt(row, question, as_json=True)) / CHARACTERS_A_TOKEN + TOKENS_OF_A_RATING * len(question.order)
        for question in asked
    )
