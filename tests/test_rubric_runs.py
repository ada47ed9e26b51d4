"""Runs that are rated by rubrics: what is asked again after a change, what is remembered, and what a store of before holds."""

import asyncio
import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import workflow
from app.config import Settings
from app.recipe import parse, recipe_of
from app.review.reviewed_rows import judged_page
from app.runs.cost import forecast
from app.store.row_search import RowQuery
from app.store.runs import Run
from app.store.store import Store
from app.web.pages.review import filters
from app.web.pages.review.rows import rows
from app.web.state import RunView
from feedback.comparisons import Comparison, ranking
from feedback.rubrics import WHOLE_ROW, Rubric
from feedback.types import Rating
from tests.conftest import Command, Work
from tests.make_runs import made_of, with_run
from tests.make_state import SOMEBODY, at_desk
from tests.make_workspace import make_workspace
from tests.servers import FakeOpenAI

STORES = Path(__file__).parent / "stores"


def recipe_values(tmp_path: Path, url: str, rows: int = 6) -> dict[str, Any]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Name river {n}."}) + "\n" for n in range(rows)))
    endpoint = {"url": url, "model": "fake", "concurrency": 4}
    return {
        "generator": endpoint,
        "labeller": endpoint,
        "task": {"kind": "text-generation"},
        "inputs": {"path": str(file)},
        "answers": {"n": 2},
        "rubrics": [
            {"name": "Dosage safety", "question": "Is the dosage safe?", "levels": ["dangerous", "unclear", "safe"]},
            {"name": "passes", "question": "Does it pass?", "levels": ["fail", "pass"]},
            {"name": "clear", "question": "Is it clear?", "levels": list("abcdefg"), "judges": "instruction"},
            {"name": "tone", "question": "Is the tone ours?", "levels": list("abcdefghij"), "judges": "conversation"},
        ],
        "rating": {"aspects": ["Dosage safety", "passes", "clear", "tone", "honesty"]},
    }


def asked_by(server: FakeOpenAI) -> Counter[str]:
    """How often each rubric was asked by, as the prompts say."""
    prompts = [json.dumps(call["body"]) for call in server.calls]
    names = ("Dosage safety", "passes", "clear", "tone", "honesty")
    return Counter(
        {name: n for name in names if (n := sum(f"for one aspect: {name}." in prompt for prompt in prompts))}
    )


def test_scales_of_a_run_and_what_a_changed_word_asks_again(tmp_path: Path, store: Store, work: Work) -> None:
    with FakeOpenAI() as server:
        run = work(recipe_values(tmp_path, server.url))
        assert asked_by(server) == {"Dosage safety": 6, "passes": 6, "clear": 6, "tone": 12, "honesty": 6}
        for judged in judged_page(store, run, 0, 6):
            by_aspect = {rating.aspect: rating for rating in judged.ratings}
            assert {key: rating.levels for key, rating in by_aspect.items()} == {
                "dosage-safety": 3, "passes": 2, "clear": 7, "tone": 10, "honesty": 5,
            }  # fmt: skip
            assert all(
                1 <= (rating.value or 0) <= rating.levels for rating in judged.ratings if rating.status == "rated"
            )
            assert [r.response for r in judged.ratings if r.aspect == "clear"] == [WHOLE_ROW]
            assert judged.scale.levels == 5
        before = len(server.calls)
        old = recipe_of(run)
        assert old.rating is not None
        worded = replace(old.rubrics[0], levels=("deadly", "unclear", "safe"))
        rating = replace(old.rating, rubrics=(worded, *old.rubrics[1:]))
        counts, rows = store.runs.counts(run.id), store.rows.page(run.id, 0, 3)
        assert forecast.to_rate(counts, old, rating, old.labeller) == 6
        assert forecast.calls_to_rate(rows, counts, old, rating, old.labeller) == 6
        done = asyncio.run(workflow.rate(make_workspace(store), run, lambda *_: None, rating=rating))
        asked = [json.dumps(call["body"]) for call in server.calls[before:]]
        assert len(asked) == 6 and all(
            "for one aspect: Dosage safety." in prompt and "deadly" in prompt for prompt in asked
        )
        before = len(server.calls)
        lenient = replace(
            rating, rubrics=(replace(worded, keep_from=2), *old.rubrics[1:])
        )  # which the labeller is not told
        done = asyncio.run(workflow.rate(make_workspace(store), done, lambda *_: None, rating=lenient))
        assert len(server.calls) == before
        kept = recipe_of(done)
        assert kept.rubrics[0].keep_from == 2 and kept.known_rubrics.threshold("dosage-safety", 3) == 2
        versions = store.rubric_versions.of("dosage-safety")
        assert [(v.version, v.rubric.levels[0]) for v in versions] == [(2, "deadly"), (1, "dangerous")]
        first = store.rubric_versions.get(old.rubrics[0].hash)
        assert first is not None and first.rubric == old.rubrics[0]


def test_a_scale_that_changed_is_not_mixed_with_the_one_before(tmp_path: Path, store: Store, work: Work) -> None:
    with FakeOpenAI() as server:
        values = recipe_values(tmp_path, server.url, 2) | {"rating": {"aspects": ["passes"]}}
        run = work(values)
        old = recipe_of(run)
        assert old.rating is not None
        finer = replace(old.rubrics[1], levels=("fail", "nearly", "pass"))
        store.runs.set(run.id, recipe=json.dumps(replace(old, rating=replace(old.rating, rubrics=(finer,))).dump()))
        (judged, _) = judged_page(store, store.runs.get(run.id), 0, 2)
        assert {r.levels for r in judged.ratings} == {2}  # what is there stays as it was given
        assert judged.rubrics.scale("passes") == 3 and judged.scale.levels == 2


def test_a_run_of_the_version_before_resumes_without_a_call(tmp_path: Path) -> None:
    """The store was made by the version before rubrics: two rows with two responses, rated by all six."""
    (tmp_path / "claywright.db").write_bytes(gzip.decompress((STORES / "before_rubrics.db.gz").read_bytes()))
    with Store(tmp_path) as store:
        (run,) = store.runs.all()
        rows = store.rows.page(run.id, 0, 10)
        ratings = store.ratings.of([row.id for row in rows])
        assert sum(map(len, ratings.values())) == 24
        assert {(r.levels, r.rubric) for of_row in ratings.values() for r in of_row} == {(5, "")}
        sent = sum(usage.sent for usage in store.usage.all(run.id))
        recipe = recipe_of(run)
        assert recipe.rating is not None
        assert forecast.to_rate(store.runs.counts(run.id), recipe, recipe.rating, recipe.labeller) == 0
        done = asyncio.run(workflow.generate(make_workspace(store), run, lambda *_: None))
        done = asyncio.run(workflow.rate(make_workspace(store), done, lambda *_: None))
        assert sum(usage.sent for usage in store.usage.all(run.id)) == sent
        assert store.ratings.of([row.id for row in rows]) == ratings
        extra = replace(recipe.rating, aspects=("helpfulness", "mine"), rubrics=(MINE,))
        asyncio.run(workflow.rate(make_workspace(store), done, lambda *_: None, rating=extra))
        assert sum(usage.sent for usage in store.usage.all(run.id)) == sent + 2  # one for each row, by the new one


MINE = Rubric(name="mine", question="Is it mine?", levels=("no", "yes"))


def of_levels(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "question": f"Is it {name}?", "levels": [f"{name} {n}" for n in range(1, number + 1)]}


def test_the_lowest_of_several_scales_is_open(store: Store, here: Settings) -> None:
    """2 of 2 is the best there is, 3 of 5 is not."""
    recipe = made_of(rubrics=[of_levels("passes", 2)], rating={"aspects": ["passes", "helpfulness"]})
    said = [Rating(0, "passes", 0, "rated", 2.0, levels=2), Rating(0, "helpfulness", 0, "rated", 3.0)]
    run = with_run(store, 1, recipe, rate=lambda *_: said)
    with at_desk(store, here) as desk:
        page = rows(desk.look(SOMEBODY, run.id))
    assert 'aria-pressed="true" data-aspect="helpfulness"' in page
    assert 'aria-pressed="false" data-aspect="passes"' in page


def test_filters_are_on_the_scale_of_the_run(store: Store, here: Settings) -> None:
    """The first row has 4 of 10 and 2 of 5, the second 7 of 10, which is 3.7 of five, the third 4 of 5 and nothing else."""
    recipe = made_of(rubrics=[of_levels("tone", 10)], rating={"aspects": ["tone", "helpfulness"]})
    low, high = Rating(0, "tone", 0, "rated", 4.0, levels=10), Rating(0, "tone", 0, "rated", 7.0, levels=10)
    said = [[low, Rating(0, "helpfulness", 0, "rated", 2.0)], [high], [Rating(0, "helpfulness", 0, "rated", 4.0)]]
    mixed = with_run(store, 3, recipe, rate=lambda number, _: said[number])
    only_tone = made_of(rubrics=[of_levels("tone", 10)], rating={"aspects": ["tone"]})
    ten = with_run(store, 1, only_tone, rate=lambda *_: [low], name="ten-1")
    with at_desk(store, here) as desk:

        def look(run: Run, **fields: str) -> RunView:
            desk.keep(SOMEBODY, filters.nothing() | {f"browse.{name}": value for name, value in fields.items()})
            return desk.look(SOMEBODY, run.id)

        def numbers(run: Run, **fields: str) -> list[int]:
            ids = store.row_search.page(run.id, filters.wanted(look(run, **fields)), 0, 9)
            return [store.rows.get(row).unit for row in ids]

        assert numbers(mixed, value="4") == [1, 2] and numbers(mixed, value="4", aspect="tone") == [0]
        assert ("Responses 2.25 or more apart", "apart") in filters.spreads(look(ten))["choices"]
        assert ("Responses 1 or more apart", "apart") in filters.spreads(look(mixed))["choices"]
        assert "“Lowest 4.375 to 6.625”" in filters.none_fits(look(ten, rating="middle"))
        assert "“Responses 4.5 or more apart”" in filters.none_fits(look(ten, spread="far"))
        assert filters.wanted(look(mixed, value="4")).without("value").everything


def test_rubrics_are_kept_under_their_names(store: Store) -> None:
    assert store.rubrics.keep("mine", {"name": "mine"}) and not store.rubrics.keep("mine", {})
    assert [kept.name for kept in store.rubrics.all()] == ["mine"]
    store.rubric_versions.keep([MINE, MINE])
    store.rubric_versions.keep([MINE])
    assert [version.version for version in store.rubric_versions.of("mine")] == [1]


def test_a_recipe_with_a_hostile_rubric(tmp_path: Path, store: Store, work: Work) -> None:
    """Template markup and script are text: in the prompt as they stand."""
    with FakeOpenAI() as server:
        question = "{{ 7*7 }}{% for x in range(10**9) %}<script>alert(1)</script>\u202e؟"
        values = recipe_values(tmp_path, server.url, 1)
        values["rubrics"] = [{"name": "odd", "question": question, "levels": ["</text 1>", "{{ config }}"]}]
        run = work(values | {"rating": {}})
        prompts = [
            call["body"]["messages"][0]["content"] for call in server.calls if "rate" in json.dumps(call["body"])
        ]
        assert any(question in prompt and "2 = {{ config }}" in prompt for prompt in prompts)
        assert parse(recipe_of(run).dump()).rubrics[0].question == question


def test_what_failed_of_an_instruction_is_named_and_counted(store: Store) -> None:
    """A rating of the instruction stands at no response; rows that have no other ratings are counted all the same."""
    run = with_run(
        store, 2, rate=lambda number, responses: [Rating(WHOLE_ROW, "clear", 0, "failed", note="timed out", levels=7)]
    )
    ((what, why), _) = store.rows.failures(run.id)
    assert "the instruction, clear" in what and why == "timed out"
    counts = store.runs.counts(run.id)
    assert (counts.ratings, counts.failed_ratings, counts.rows_to_rate_again) == (2, 2, 2)
    rated = with_run(
        store, 3, rate=lambda number, responses: [Rating(WHOLE_ROW, "clear", 0, "rated", 2.0, levels=7)], name="b"
    )
    assert len(store.row_search.page(rated.id, RowQuery(order="lowest"), 0, 10)) == 3


def test_a_ranking_of_responses_that_were_not_all_compared() -> None:
    """Where answers could not be read, two groups hang together with nothing: there is an order all the same."""
    found = ranking([Comparison(0, 2, "x", 0, (None, None)), Comparison(1, 3, "x", 0, (1, 1))])
    assert found is not None and sorted(found.order) == [0, 1, 2, 3] and found.order.index(1) < found.order.index(3)
    assert 0 <= found.sure <= 1


def test_the_command_tries_a_rubric_with_the_labeller_of_its_recipe(command: Command, tmp_path: Path) -> None:
    file, rows, rubrics = tmp_path / "recipe.toml", tmp_path / "rows.txt", tmp_path / "rubrics.toml"
    rubric = '[[rubrics]]\nname = "Tone"\nquestion = "Is it kind?"\nlevels = ["no", "yes"]\n'
    rubrics.write_text(rubric, encoding="utf-8")
    rows.write_text("Name a river.\tThe Loire.\n", encoding="utf-8")
    recipe = f'rows = 1\n[task]\nkind = "magpie"\n[generator]\npreset = "scripted"\n{rubric}'
    file.write_text(f'{recipe}[labeller]\nprest = "scripted"\n', encoding="utf-8")
    typo = command("rubric-check", file, "--rows", rows)
    assert typo.code == 1 and "prest" in typo.err
    file.write_text(f'{recipe}[labeller]\npreset = "scripted"\n', encoding="utf-8")
    assert "Tone:" in command("rubric-check", file, "--rows", rows).out
    none = command("rubric-check", rubrics)
    assert none.code == 1 and "--rows FILE" in none.err and "paste" not in none.err
