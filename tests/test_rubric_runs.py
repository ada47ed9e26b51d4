"""Runs that are rated by rubrics: what is asked again after a change, what is remembered, and what a store of before holds."""

import asyncio
import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import workflow
from app.recipe import parse, recipe_of
from app.review.reviewed_rows import judged_page
from app.runs import forecast
from app.store.store import Store
from feedback.rubrics import WHOLE_ROW, Rubric
from tests.conftest import Command, Work
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
