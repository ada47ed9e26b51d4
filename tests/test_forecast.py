"""The forecast: from what the preview took, the calls, tokens and time of all rows, ratings included."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import workflow
from app.config import Settings
from app.inputs.inputs import Inputs
from app.recipe import Recipe
from app.runs.cost.forecast import (
    CHARACTERS_A_TOKEN,
    TOKENS_OF_A_RATING,
    Forecast,
    calls_to_rate,
    forecast,
    ratings_of,
    spread,
    tokens_of_ratings,
)
from app.store.runs import Run, RunCounts
from app.store.store import Store
from app.web.pages import generate
from app.workspace import Workspace
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks import Magpie, TextGeneration
from tasks.engine.retries import Tally
from tasks.models.spec import ModelSpec
from tasks.types import Response, Row
from tests.make_runs import took
from tests.servers import FakeOpenAI

MODEL = ModelSpec(preset="scripted", concurrency=4)
MADE = Recipe(task=Magpie(), rows=100, generator=MODEL, labeller=replace(MODEL, concurrency=10))
SAID = Row(
    ({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers.", "b")), id="r-0-0"
)
PREVIEW = Tally(sent=7, answered=6, prompt_tokens=300, completion_tokens=150, seconds=12.0)
"""Three rows of two calls each, 150 tokens a row, 2 seconds a call."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        opened.runs.create("r", "rivers", "me", "{}", 7, "")
        yield opened


def previewed(store: Store, tally: Tally = PREVIEW, rows: int = 3) -> Run:
    async def keep() -> None:
        for unit in range(rows):
            row = replace(SAID, id=f"r-{unit}-0", unit=unit)
            await store.rows.keep_unit("r", unit, [row], [])
            await store.rows.answered(row)

    asyncio.run(keep())
    took(store, "r", "preview", rows, 0, tally)
    return store.runs.get("r")


def rated(judge: UltraFeedback) -> Recipe:
    return replace(MADE, rating=judge)


def test_there_is_none_before_the_first_row(store: Store) -> None:
    assert forecast(store, store.runs.get("r"), MADE, 100) is None
    took(store, "r", "preview", 0, 0, Tally(sent=3))
    assert forecast(store, store.runs.get("r"), rated(UltraFeedback()), 100) is None


def test_rows_that_are_still_to_be_made_take_what_those_of_the_preview_took(store: Store) -> None:
    assert forecast(store, previewed(store), MADE, 103) == Forecast(100, 200, 15_000, 100.0)
    assert forecast(store, store.runs.get("r"), MADE, 2) == Forecast(0, 0, 0, 0.0)


def test_several_previews_count_together(store: Store) -> None:
    run = previewed(store)
    took(store, "r", "preview", 1, 0, Tally(answered=4, prompt_tokens=50, completion_tokens=100, seconds=8.0))
    took(store, "r", "preview", 0, 0, Tally(sent=99, failed_attempts=99))
    assert forecast(store, run, MADE, 11) == Forecast(8, 20, 1200, 10.0)


def test_ratings_of_all_rows_are_added_to_the_calls(store: Store) -> None:
    judge = UltraFeedback(aspects=("helpfulness", "honesty"), repeats=2)
    told = forecast(store, previewed(store), rated(judge), 103)
    assert told is not None and told.tokens is not None
    assert (told.rows, told.calls, told.seconds) == (100, 200 + 412, 100.0 + 412 * 2.0 / 10)
    of_ratings = sum(tokens_of_ratings(store.rows.page("r", 0, 3), judge, 103 / 3))
    assert told.tokens == round(100 * 150 + of_ratings)


def test_rows_that_this_judge_has_rated_are_not_rated_again(store: Store) -> None:
    judge = UltraFeedback(aspects=("helpfulness",))
    run, made = previewed(store), rated(judge)
    asyncio.run(store.ratings.done("r-0-0", "j"))
    told = forecast(store, run, made, 103, made)
    assert told is not None and told.calls == 200 + 102
    other = forecast(store, run, made, 103, rated(UltraFeedback(aspects=("honesty",))))
    assert other is not None and other.calls == 200 + 103


def test_rows_that_are_not_answered_yet_tell_nothing(store: Store) -> None:
    async def keep() -> None:
        await store.rows.keep_unit("r", 0, [replace(SAID, responses=(), unit=0)], [])

    asyncio.run(keep())
    assert forecast(store, store.runs.get("r"), MADE, 100) is None


def test_ratings_together_or_one_by_one() -> None:
    aspects = ("helpfulness", "honesty", "truthfulness")
    assert ratings_of(SAID, UltraFeedback(aspects=aspects)) == 3
    assert ratings_of(SAID, UltraFeedback(aspects=aspects, together=False, repeats=3)) == 18
    assert ratings_of(replace(SAID, responses=()), UltraFeedback(aspects=aspects)) == 0


def test_a_rating_takes_its_prompt_and_an_answer_for_each_response() -> None:
    judge = UltraFeedback(aspects=("helpfulness",))
    (question,) = judge.questions(SAID)
    asked = len(judge.asked(SAID, question, as_json=True)) / CHARACTERS_A_TOKEN
    assert tokens_of_ratings([SAID], judge, 1) == (asked, 2 * TOKENS_OF_A_RATING)
    assert tokens_of_ratings([SAID, SAID], judge, 3) == (6 * asked, 12 * TOKENS_OF_A_RATING)
    longer = replace(SAID, responses=(Response("x" * 4000, "a"), SAID.responses[1]))
    assert tokens_of_ratings([longer], judge, 1)[0] > asked + 900


@pytest.mark.parametrize(
    ("took", "share"),
    [
        ([100], None),
        ([100, 100, 100], 0.0),
        ([0, 0], None),
        ([90, 110], 12.7062 * 0.1),
        ([90, 110] * 5, 2.262157 / 30),  # Student's t at 97.5 %, as tables have it
    ],
)
def test_how_far_a_forecast_may_be_off(took: list[int], share: float | None) -> None:
    rows = [replace(SAID, responses=(Response("x", "a", prompt_tokens=30, completion_tokens=n - 30),)) for n in took]
    assert spread(rows) == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize(
    ("tokens", "share", "words"),
    [
        (5200, None, "5,200"),
        (5200, 0.0, "5,200"),
        (5230, 0.1, "4,700–5,800"),
        (12, 0.01, "12"),
        (1000, 3.0, "up to 4,000"),
    ],
)
def test_tokens_are_told_from_how_many_to_how_many(tokens: int, share: float | None, words: str) -> None:
    assert generate._range(tokens, share) == words


def test_money_is_told_where_all_prices_are_known(store: Store) -> None:
    run = previewed(store, Tally())
    pen = ModelSpec(preset="openai", model="pen", prompt_price=1.0, completion_price=4.0)
    took(store, "r", "preview", 0, 0, Tally(), {("generate", "pen"): PREVIEW})
    store.db.write(lambda c: c.execute(
        "UPDATE workings SET answered=6, prompt_tokens=300, completion_tokens=150, seconds=12 WHERE rows=3"
    ) and None)  # fmt: skip
    made = replace(MADE, generator=pen, labeller=pen)
    told = forecast(store, run, made, 103)
    assert told is not None and told.dollars is not None
    assert told.dollars == pytest.approx(100 / 3 * (300 * 1 + 150 * 4) / 1_000_000)
    judged = forecast(store, run, replace(made, rating=UltraFeedback()), 103)
    prompts, answers = tokens_of_ratings(store.rows.page("r", 0, 3), UltraFeedback(), 103 / 3)
    assert judged is not None and judged.dollars == pytest.approx(told.dollars + (prompts + 4 * answers) / 1_000_000)
    unknown = replace(pen, model="judge", prompt_price=None)
    other = forecast(store, run, replace(made, labeller=unknown, rating=UltraFeedback()), 103)
    assert other is not None and other.dollars is None


def test_where_nothing_was_measured_only_calls_are_told(store: Store) -> None:
    run = previewed(store, Tally(recalled=6))
    assert forecast(store, run, MADE, 103) == Forecast(100, 100, None, None)
    assert forecast(store, run, rated(UltraFeedback(repeats=3)), 103) == Forecast(100, 100 + 309, None, None)


def test_no_more_calls_run_at_once_than_there_are_rows(store: Store) -> None:
    run = previewed(store)
    wide = replace(MADE, generator=replace(MODEL, concurrency=1000))
    assert forecast(store, run, wide, 5) == Forecast(2, 4, 300, 4.0)


@pytest.mark.parametrize(
    ("seconds", "share", "words"),
    [
        (20.0, None, "about 20 seconds"),
        (240.0, 0.25, "3–5 minutes"),
        (60.0, 0.5, "30 seconds to 2 minutes"),
        (60.0, 3.0, "up to 4 minutes"),
    ],
)
def test_time_is_told_from_how_long_to_how_long(seconds: float, share: float | None, words: str) -> None:
    assert generate._time(seconds, share) == words


def test_questions_that_were_answered_before_are_not_counted(store: Store) -> None:
    rows, counts = [SAID, SAID], RunCounts(answered=10, rated=8, rows_to_rate_again=1)
    one, two = UltraFeedback(aspects=("helpfulness",)), UltraFeedback(aspects=("helpfulness", "honesty"))
    old = rated(one)
    assert calls_to_rate(rows, counts, None, two, old.labeller) == 20
    assert calls_to_rate(rows, counts, old, one, old.labeller) == 3
    assert calls_to_rate(rows, counts, old, two, old.labeller) == 7 * 1 + 3 * 2
    assert calls_to_rate(rows, counts, old, replace(one, repeats=3), old.labeller) == 7 * 2 + 3 * 3
    assert calls_to_rate(rows, counts, old, replace(one, together=False), old.labeller) == 20
    assert calls_to_rate(rows, counts, old, two, replace(old.labeller, model="another")) == 20


def test_as_many_calls_are_made_as_were_forecast(here: Settings, tmp_path: Path) -> None:
    """Of a whole run on a real endpoint, and of one more aspect for rows that are rated already."""
    (tmp_path / "rivers.jsonl").write_text("".join(f'{{"instruction": "Name river {n}."}}\n' for n in range(20)))
    with FakeOpenAI() as server, Store(here.data) as store:
        spec = ModelSpec(url=server.url, model="fake")
        judge = UltraFeedback(aspects=("helpfulness",))
        made = Recipe(
            task=TextGeneration(),
            inputs=Inputs(path=str(tmp_path / "rivers.jsonl")),
            generator=spec,
            labeller=spec,
            rating=judge,
        )
        run = workflow.start(Workspace(here, store), made)
        asyncio.run(workflow.preview(Workspace(here, store), run, lambda *_: None, rows=3))

        def sent() -> int:
            return len([call for call in server.calls if "river" in json.dumps(call["body"])])

        before, told = sent(), forecast(store, run, made, 20, made)
        asyncio.run(workflow.generate(Workspace(here, store), run, lambda *_: None))
        assert told is not None and told.calls == 17 + 20 == sent() - before
        more, before, counts = replace(judge, aspects=("helpfulness", "honesty")), sent(), store.runs.counts(run.id)
        seen = store.rows.page(run.id, 0, 3)
        again = calls_to_rate(seen, counts, made, more, spec)
        asyncio.run(workflow.rate(Workspace(here, store), run, lambda *_: None, rating=more))
        assert again == 20 == sent() - before
