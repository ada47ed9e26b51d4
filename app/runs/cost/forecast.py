"""What a run will take, told from its preview: calls, tokens, time and money of the rows still to be made and rated."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.recipe import Recipe
from app.runs.cost import pricing
from app.store.runs import Run, RunCounts
from app.store.store import Store
from feedback.labeller.pairwise import judge_of
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks.models.spec import ModelSpec
from tasks.types import Row

CHARACTERS_A_TOKEN = 4
TOKENS_OF_A_RATING = 80
LOOKED_AT, SEEN = 10, 3
"""Rows that are looked at, and answered ones among them that are enough to tell from."""


@dataclass(frozen=True)
class Forecast:
    """For `rows` rows that are still to be made. Tokens and seconds are None where nothing was measured yet.

    `dollars` is None where that is so, or where the price of a model is not known. `spread` is how far tokens, seconds and
    dollars may be off, as a share of them: half of the 95 % interval of what a row takes; None for fewer than two rows.
    """

    rows: int
    calls: int
    tokens: int | None
    seconds: float | None
    dollars: float | None = None
    spread: float | None = None


def forecast(store: Store, run: Run, recipe: Recipe, rows: int, old: Recipe | None = None) -> Forecast | None:
    """For a run that is to have `rows` rows, from what its previews took; None before its first row.

    `old` is the recipe by which it was worked so far: what its judge has rated is not rated again.
    """
    took = [w for w in store.usage.all(run.id) if w.what == "preview" and w.rows]
    answered_calls = sum(w.answered for w in took)
    counts, rating = store.runs.counts(run.id), recipe.rating
    answered = [row for row in store.rows.page(run.id, 0, LOOKED_AT) if row.responses]
    if not (seen := answered[:SEEN]):
        return None
    to_make = max(rows - counts.answered, 0)
    ratings = 0
    if rating:
        all_of_them = sum(ratings_of(row, rating) for row in seen) / len(seen)
        ratings = round(all_of_them * to_make + calls_to_rate(seen, counts, old, rating, recipe.labeller))
    if not answered_calls:
        return Forecast(to_make, to_make + ratings, None, None)
    per_row = (answered_calls + sum(w.recalled for w in took)) / sum(w.rows for w in took)
    tokens = to_make * per_row * sum(w.prompt_tokens + w.completion_tokens for w in took) / answered_calls
    a_call = sum(w.seconds for w in took) / answered_calls
    seconds = to_make * per_row * a_call / max(1, min(recipe.generator.concurrency, to_make))
    known = pricing.prices(recipe)
    making = [
        (model, tally) for (stage, model), tally in store.usage.spent(run.id).items() if stage not in ("rate", "embed")
    ]
    paid, calls = (
        pricing.total(pricing.cost(known, *spending) for spending in making),
        sum(tally.answered for _, tally in making),
    )
    dollars = paid * to_make * per_row / calls if calls and paid is not None else None
    if rating and ratings:
        prompts, answers = tokens_of_ratings(seen, rating, ratings / sum(ratings_of(row, rating) for row in seen))
        tokens += prompts + answers
        price = known.get(pricing.name(recipe.labeller))
        dollars = pricing.total([dollars, price.of(prompts, answers) if price else None])
        seconds += ratings * a_call / max(1, min(recipe.labeller.concurrency, ratings))
    return Forecast(to_make, round(to_make * per_row) + ratings, round(tokens), seconds, dollars, spread(answered))


def spread(rows: Sequence[Row]) -> float | None:
    """Half of the 95 % interval of the mean tokens of a row's responses, as a share of it; None where that can't be told."""
    took = [sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for r in row.responses) for row in rows]
    if len(took) < 2 or not (mean := statistics.mean(took)):
        return None
    from scipy.special import stdtrit  # Student's t, as in scipy.stats, which takes a second to load

    error = statistics.stdev(took) / math.sqrt(len(took))
    return float(stdtrit(len(took) - 1, 0.975)) * error / mean


def to_rate(counts: RunCounts, old: Recipe | None, judge: UltraFeedback, labeller: ModelSpec) -> int:
    """How many rows that are there this judge with this labeller has not rated, if a run was worked by `old` so far."""
    if old is not None and old.rating == judge and old.labeller.identity == labeller.identity:
        return counts.answered - counts.rated + counts.rows_to_rate_again
    return counts.answered


def calls_to_rate(
    rows: Sequence[Row], counts: RunCounts, old: Recipe | None, judge: UltraFeedback, labeller: ModelSpec
) -> float:
    """Calls that it takes to rate what is there, told from some of its rows: without what is rated and remembered."""
    left = to_rate(counts, old, judge, labeller)
    known = _asked_before(old, judge, labeller)
    again = max(counts.rated - counts.rows_to_rate_again, 0) if known and left == counts.answered else 0
    of_all = sum(ratings_of(row, judge) for row in rows) / len(rows)
    of_new = sum((q.aspect, q.repeat) not in known for row in rows for q in judge_of(judge).questions(row)) / len(rows)
    return of_all * (left - again) + of_new * again


def _asked_before(old: Recipe | None, judge: UltraFeedback, labeller: ModelSpec) -> set[tuple[str, int]]:
    """The questions, by aspect and repeat, that `old` asked the same labeller in the same way: their answers are remembered."""
    before = old.rating if old is not None else None
    if old is None or before is None or old.labeller.identity != labeller.identity:
        return set()
    if replace(before, aspects=judge.aspects, repeats=judge.repeats, rubrics=judge.rubrics) != judge:
        return set()
    same = [key for key in before.keys if key in judge.known and before.known[key].hash == judge.known[key].hash]
    return {(key, repeat) for key in same for repeat in range(before.repeats)}


def ratings_of(row: Row, rating: UltraFeedback) -> int:
    """How many calls it takes to rate a row."""
    return len(judge_of(rating).questions(row))


def tokens_of_ratings(rows: Sequence[Row], rating: UltraFeedback, times: float) -> tuple[float, float]:
    """(tokens of prompts, of answers) of rating each of these rows so many times."""
    judge = judge_of(rating)
    questions = [(row, question) for row in rows for question in judge.questions(row)]
    prompts = sum(len(judge.asked(row, question, as_json=True)) / CHARACTERS_A_TOKEN for row, question in questions)
    texts = sum(1 if rating.method == "pairwise" else len(question.order) for _, question in questions)
    return times * prompts, times * TOKENS_OF_A_RATING * texts
