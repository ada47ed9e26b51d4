"""A run worked to its end against an endpoint with faults: what fails costs itself alone, is named, and can be run again."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.config import Settings
from app.recipe import recipe_of
from app.review import reviewed_rows
from app.runs.runner import ReadAhead
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from tasks.errors import EndpointRefused, InputError, SettingsError
from tasks.types import Unit
from tests.conftest import Work
from tests.servers import FakeOpenAI


def values(tmp_path: Path, url: str, units: int = 12, **more: Any) -> dict[str, Any]:
    file = tmp_path / "inputs.jsonl"
    file.write_text(
        "".join(json.dumps({"instruction": f"Name river {n}.", "input": f"River {n}."}) + "\n" for n in range(units))
    )
    endpoint = {"url": url, "model": "fake", "concurrency": 4}
    task = {"kind": "text-generation"}
    return {"generator": endpoint, "labeller": endpoint, "task": task, "inputs": {"path": str(file)}, **more}


def test_poisoned_units_fail_alone_and_can_be_run_again(tmp_path: Path, store: Store, work: Work) -> None:
    poisoned = True

    def fault(body: dict[str, Any], number: int) -> int | None:
        return 400 if poisoned and "river 3" in json.dumps(body) else None

    with FakeOpenAI(faults=fault) as server:
        done = work(values(tmp_path, server.url))
        assert (done.state, store.runs.counts(done.id).answered) == ("done", 11)
        ((what, why),) = store.rows.failures(done.id)
        assert what == "unit 3" and "injected" in why
        calls = len(server.calls)
        work(done)
        assert len(server.calls) == calls  # a plain resume leaves failures alone
        poisoned = False
        work(done, retry_failed=True)
        assert store.runs.counts(done.id).answered == 12 and not store.rows.failures(done.id)
        assert len(server.calls) == calls + 1


def test_a_failed_rating_is_named_and_made_again(tmp_path: Path, store: Store, work: Work) -> None:
    poisoned = True

    def fault(body: dict[str, Any], number: int) -> int | None:
        return 400 if poisoned and "You rate" in json.dumps(body) and "river 5" in json.dumps(body) else None

    with FakeOpenAI(faults=fault) as server:
        done = work(values(tmp_path, server.url, rating={"aspects": ["helpfulness"]}))
        counts = store.runs.counts(done.id)
        assert (counts.rated, counts.ratings, counts.failed_ratings) == (12, 12, 1)
        poisoned = False
        work(done, retry_failed=True)
        assert store.runs.counts(done.id).failed_ratings == 0 and store.runs.counts(done.id).ratings == 12


def test_an_empty_answer_fails_its_row_and_is_asked_again(tmp_path: Path, store: Store, work: Work) -> None:
    empty = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}
    silent = True

    def fault(body: dict[str, Any], number: int) -> tuple[int, dict[str, str], dict[str, Any]] | None:
        return (200, {}, empty) if silent and "river 2" in json.dumps(body) else None

    with FakeOpenAI(faults=fault) as server:
        done = work(values(tmp_path, server.url, task={"kind": "existing"}, answers={"n": 1}))
        ((what, why),) = store.rows.failures(done.id)
        assert what.startswith("row ") and "empty answer" in why
        silent = False
        work(done, retry_failed=True)
        assert store.runs.counts(done.id).answered == 12 and not store.rows.failures(done.id)


def test_what_can_not_pass_pauses_the_run_and_loses_nothing(tmp_path: Path, store: Store, work: Work) -> None:
    refused = True

    def fault(body: dict[str, Any], number: int) -> int | None:
        return 401 if refused and number >= 5 else None

    with FakeOpenAI(faults=fault) as server:
        with pytest.raises(EndpointRefused, match="refused the key"):
            work(values(tmp_path, server.url))
        (paused,) = store.runs.all()
        assert paused.state == "paused" and "refused the key" in paused.reason and paused.worker is None
        kept = store.runs.counts(paused.id).answered
        refused = False
        assert work(paused).state == "done"
        assert kept <= 5 and store.runs.counts(paused.id).answered == 12
        answered = [(c["draw"], json.dumps(c["body"])) for c in server.calls if c["status"] == 200]
        assert len(answered) == len(set(answered)) == 12


def test_the_first_rows_stay_the_first_when_more_are_asked_for(tmp_path: Path, store: Store, work: Work) -> None:
    task = {"kind": "self-instruct", "num_instructions": 5}
    with FakeOpenAI() as server:
        done = work(values(tmp_path, server.url, task=task, rows=7))
        first = [row.id for row in store.rows.walk(done.id)]
        assert len(first) == 7 and len(first) == store.runs.counts(done.id).answered
        calls = len(server.calls)
        more = recipe.parse({**recipe_of(done).dump(), "rows": 12})
        work(done, recipe=more)
        assert [row.id for row in store.rows.walk(done.id)][:7] == first
        assert store.runs.counts(done.id).answered == 12
        assert server.repeated() == 0 and len(server.calls) > calls


def test_failures_run_again_do_not_overshoot_the_rows_asked_for(tmp_path: Path, store: Store, work: Work) -> None:
    poisoned = True

    def fault(body: dict[str, Any], number: int) -> int | None:
        return 400 if poisoned and "river 2" in json.dumps(body) else None

    with FakeOpenAI(faults=fault) as server:
        done = work(values(tmp_path, server.url, rows=6))
        assert store.runs.counts(done.id).answered == 6
        poisoned = False
        work(done, retry_failed=True)
        assert store.runs.counts(done.id).answered == 6


def test_two_responders_take_turns_and_ratings_land_on_their_responses(
    tmp_path: Path, store: Store, work: Work
) -> None:
    with FakeOpenAI() as server:
        responders = [{"url": server.url, "model": name} for name in ("alpha", "beta")]
        aspects = ("helpfulness", "honesty")
        rating = {"aspects": aspects, "repeats": 2}
        given = values(
            tmp_path, server.url, units=3, task={"kind": "self-instruct"}, responders=responders, rating=rating
        )
        done = work({**given, "answers": {"n": 3}})
        for judged in reviewed_rows.judged_rows(store, done):
            assert [response.model for response in judged.row.responses] == ["alpha", "beta", "alpha"]
            assert len(judged.ratings) == 3 * 2 * 2
            assert {(r.response, r.aspect, r.repeat) for r in judged.ratings} == {
                (k, aspect, repeat) for k in range(3) for aspect in aspects for repeat in range(2)
            }


def test_another_judge_counts_where_it_rated_last(tmp_path: Path, here: Settings, store: Store, work: Work) -> None:
    from feedback.labeller.ultrafeedback import UltraFeedback

    def rate(run: Run, *aspects: str) -> None:
        judge = UltraFeedback(aspects=aspects)
        asyncio.run(workflow.rate(Workspace(here, store), run, lambda *_: None, rating=judge))

    with FakeOpenAI() as server:
        done = work(values(tmp_path, server.url, units=2, rating={"aspects": ["helpfulness"]}))
        rate(done, "honesty")
        aspects = [{r.aspect for r in judged.ratings} for judged in reviewed_rows.judged_rows(store, done)]
        assert aspects == [{"helpfulness", "honesty"}] * 2
        calls = len(server.calls)
        rate(done, "helpfulness")
        assert len(server.calls) == calls  # rating the same text again costs nothing


def test_only_models_that_are_called_are_set_up(tmp_path: Path, store: Store, work: Work) -> None:
    with FakeOpenAI() as server:
        given = values(tmp_path, server.url, units=2, task={"kind": "existing"})
        given["generator"] = {"preset": "openai", "model": "gpt", "key_env": "NOT_SET_KEY"}
        assert work(given).state == "done" and not server.calls
        with pytest.raises(SettingsError, match="NOT_SET_KEY"):
            work({**given, "answers": {"n": 1}})
        assert store.runs.all()[0].state == "paused"


def test_units_that_are_read_ahead_come_before_what_is_wrong_with_the_next() -> None:
    def units() -> Iterator[Unit]:
        yield from (Unit(n) for n in range(20))
        raise InputError("Row 21 is no row.")

    async def all_of_them() -> tuple[list[Unit], str]:
        ahead, read = ReadAhead(units()), []
        try:
            while (unit := await ahead.next()) is not None:
                read.append(unit)
        except InputError as error:
            return read, str(error)
        return read, ""

    assert asyncio.run(all_of_them()) == ([Unit(n) for n in range(20)], "Row 21 is no row.")


def test_a_run_whose_prompt_is_rendered_apart_makes_the_rows_in_order(work: Work, store: Store, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        "".join(f'{{"instruction": "river {n}"}}\n' for n in range(40)), encoding="utf-8"
    )
    run = work(
        {
            "generator": {"preset": "scripted"}, "inputs": {"path": str(tmp_path / "in.jsonl")},
            "task": {"kind": "text-generation", "template": "Name {{ instruction | upper }}{% if 1 %}.{% endif %}"},
        }
    )  # fmt: skip
    rows = list(store.rows.walk(run.id))
    assert [row.instruction for row in rows] == [f"Name RIVER {n}." for n in range(40)]
