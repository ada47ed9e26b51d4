"""Vectors for "find similar": from the wire, kept in the store, and searched in the real Argilla."""

import asyncio
import html
import random
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import workflow
from app.api_keys import Keys
from app.config import Settings
from app.review.argilla import Argilla
from app.runs.embeddings import Vectors, vectors_for
from app.runs.endpoints import endpoint
from app.runs.run_recipes import amend
from app.services import Say
from app.store.runs import Run
from app.store.store import Store
from app.web import stats
from app.web.jobs import PUSH_STOPPED
from app.web.pages.review import argilla as argilla_page
from app.web.tab_state import NEW_TAB
from app.workspace import Workspace, silent
from feedback.errors import ArgillaDown, DatasetMismatch
from tasks.engine import retries
from tasks.engine.engine import Engine
from tasks.errors import (
    BudgetSpent,
    ClaywrightError,
    EndpointDown,
    EndpointRefused,
    ServerFault,
    SettingsError,
    Stopped,
)
from tasks.models.spec import ModelSpec
from tests.conftest import ArgillaServer
from tests.make_endpoints import Remembered
from tests.make_runs import Reviewer, edit, made_of, with_run
from tests.make_state import SOMEBODY, act, at_desk
from tests.make_workspace import make_workspace
from tests.servers import DIMENSIONS, FakeOpenAI, Fault, embedding
from tests.test_jobs import until


def vectors(store: Store, here: Settings, url: str, report: Say = silent, **parts: Any) -> Vectors:
    """Of the model at that address, asked again without a pause."""
    found = Vectors(Workspace(here, store, report=report), ModelSpec(url=url, model="near", **parts))
    found.engine.backoff = 0.001
    return found


def test_each_text_is_asked_for_once(store: Store, here: Settings) -> None:
    texts = {f"t{k}": f"Text number {k}." for k in range(150)}
    with FakeOpenAI() as server, vectors(store, here, server.url) as near, vectors(store, here, server.url) as later:
        found = near.of(texts)
        assert found["t7"] == pytest.approx(embedding(texts["t7"]))
        assert sorted(len(call["body"]["input"]) for call in server.calls) == [22, 64, 64]
        assert later.of(texts) == found
        assert len(server.calls) == 3
        assert later.dimensions == DIMENSIONS
        odd = later.of({"a": "", "b": "half \ud83d", "c": "x" * 100_000})
        assert {len(vector) for vector in odd.values()} == {DIMENSIONS}
        assert len(server.calls[-1]["body"]["input"][2]) < 10_000


@pytest.mark.parametrize("fault", [503, 500, "drop", (429, {"Retry-After": "0"}, "{}")])
def test_what_passes_is_tried_again(store: Store, here: Settings, fault: Fault) -> None:
    with (
        FakeOpenAI(faults=lambda body, number: fault if number < 2 else None) as server,
        vectors(store, here, server.url) as near,
    ):
        assert near.dimensions == DIMENSIONS
        assert len(server.calls) == 3
        (tally,) = near.engine.tallies.values()
        assert (tally.sent, tally.failed_attempts, tally.answered, tally.prompt_tokens) == (3, 2, 1, 5)


def test_a_time_to_wait_is_kept_and_told_and_can_be_stopped(store: Store, here: Settings) -> None:
    told: list[str] = []
    fault: Fault = (429, {"Retry-After": "3600"}, "{}")
    with (
        FakeOpenAI(faults=lambda body, number: fault if number else None) as server,
        vectors(store, here, server.url, told.append) as near,
        ThreadPoolExecutor(1) as thread,
    ):
        kept = near.of({"a": "first"})
        asking = thread.submit(near.of, {"b": "second"})
        until(lambda: bool(told))
        assert "near at http://127.0.0.1" in told[0] and "overloaded" in told[0] and "It asks to wait until" in told[0]
        assert len(server.calls) == 2
        near.stop()
        with pytest.raises(Stopped):
            asking.result()
        assert near.of({"a": "first"}) == kept and len(server.calls) == 2


def test_no_more_are_asked_at_the_same_time_than_the_model_takes(store: Store, here: Settings) -> None:
    most = 0

    def counted(body: dict[str, Any], number: int) -> None:
        nonlocal most
        most = max(most, sum(call["status"] is None for call in server.calls))

    texts = {f"t{k}": f"Text number {k}." for k in range(64 * 6)}
    with (
        FakeOpenAI(faults=counted, holds_from=0) as server,
        vectors(store, here, server.url, concurrency=2) as near,
        ThreadPoolExecutor(1) as thread,
    ):
        asking = thread.submit(near.of, texts)
        until(lambda: len(server.calls) == 2)
        server.go_on()
        assert len(asking.result()) == 64 * 6
        assert len(server.calls) == 6 and most == 2


def test_what_was_sent_before_a_stop_is_kept(store: Store, here: Settings) -> None:
    texts = {f"t{k}": f"Text number {k}." for k in range(128)}
    with FakeOpenAI(holds_from=0) as server:
        with vectors(store, here, server.url, concurrency=1) as near, ThreadPoolExecutor(1) as thread:
            asking = thread.submit(near.of, texts)
            until(lambda: len(server.calls) == 1)
            near.stop()
            server.go_on()
            with pytest.raises(Stopped):
                asking.result()
        assert len(server.calls) == 1
        with vectors(store, here, server.url) as near:
            assert len(near.of(texts)) == 128
        assert [len(call["body"]["input"]) for call in server.calls] == [64, 64]


def test_a_refusal_reads_as_that_of_any_other_call(store: Store, here: Settings) -> None:
    with FakeOpenAI(faults=lambda body, number: 401) as server:
        with (
            vectors(store, here, server.url) as near,
            pytest.raises(EndpointRefused, match="refused the key") as caught,
        ):
            near.of({"a": "new"})
        assert len(server.calls) == 1 and caught.value.stage == "embed"

        async def chat() -> None:
            engine = Engine(Remembered())
            model = endpoint(ModelSpec(url=server.url, model="near"), here, silent, Keys())
            try:
                await engine.bind(model, "s").chat([{"role": "user", "content": "Hello"}])
            finally:
                await engine.close()

        with pytest.raises(EndpointRefused) as other:
            asyncio.run(chat())
        assert str(caught.value) == str(other.value)
    with (
        FakeOpenAI(faults=lambda body, number: "hang" if number else 401) as server,
        vectors(store, here, server.url) as near,
        pytest.raises(EndpointRefused),  # and nobody waits for those that are in flight
    ):
        near.of({f"t{k}": f"Text number {k}." for k in range(300)})
    with pytest.raises(SettingsError, match="makes no vectors"):
        Vectors(Workspace(here, store), ModelSpec(preset="local"))


def test_a_dead_endpoint_is_given_up(store: Store, here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PATIENCE_BEFORE_FIRST_ANSWER", 0.05)
    with vectors(store, here, "http://127.0.0.1:9/v1") as near:
        with pytest.raises(
            EndpointDown, match=re.escape("can't be reached (nothing answers at port 9). Is the server")
        ):
            near.of({"a": "new"})
        with pytest.raises(ClaywrightError):
            near.of({"a": "new"})  # and stays so


@pytest.mark.parametrize(
    "said",
    [
        {"data": []}, {"data": [{"index": 0, "embedding": []}]}, {"data": [{"index": 0, "embedding": ["x"]}]}, {"no": []}, "no",
        {"data": [{"index": 0, "embedding": [float("nan")]}]}, {"data": [{"index": 0, "embedding": None}]},
        {"data": [{"index": 0, "embedding": [1e300]}]}, [],
    ],
)  # fmt: skip
def test_an_answer_that_holds_no_vectors(
    store: Store, here: Settings, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PATIENCE_BEFORE_FIRST_ANSWER", 0.05)
    with (
        FakeOpenAI(faults=lambda body, number: (200, {}, said)) as server,
        vectors(store, here, server.url) as near,
        pytest.raises(EndpointDown) as caught,
    ):
        near.of({"a": "new"})
    assert isinstance(caught.value.__cause__, ServerFault) and server.url in str(caught.value)


def test_vectors_are_paid_from_the_budget_of_the_run(store: Store, here: Settings) -> None:
    with FakeOpenAI() as server:
        near = {"url": server.url, "model": "near"}

        def run_with(name: str, **budget: Any) -> Run:
            return with_run(store, 2, made_of(embedder=near, budget=budget), name=name)

        def embed(run: Run) -> None:
            with vectors_for(Workspace(here, store), run) as vectors:
                assert vectors is not None and vectors.of({"a": "Name a river."}) and vectors.of({"b": "Name a hill."})

        plain = run_with("plain")
        embed(plain)
        assert [(w.what, w.sent, w.prompt_tokens, w.open) for w in store.usage.all(plain.id)] == [("push", 2, 6, False)]
        assert [(what, model) for what, model, _ in stats.spent(store, plain)] == [("vectors", "near")]
        store.usage.begin(plain.id, "work")  # whoever works on it meanwhile is not disturbed
        embed(plain)
        assert [w.open for w in store.usage.all(plain.id)] == [False, True]  # what is known takes nothing

        store.db.write(lambda c: c.execute("DELETE FROM vectors"))
        asked = len(server.calls)
        with pytest.raises(BudgetSpent, match=r"budget of 10 tokens is used up.*Rows can be sent without vectors"):
            embed(run_with("small", tokens=10))
        with pytest.raises(SettingsError, match="budget in dollars needs the price of near"):
            embed(run_with("dear", dollars=1.0))
        assert len(server.calls) == asked
        near["prompt_price"] = 2.0  # type: ignore[assignment]
        embed(run_with("priced", dollars=1.0))
        assert len(server.calls) == asked + 2


def test_a_push_that_waits_for_vectors_says_so_and_can_be_stopped(store: Store, here: Settings) -> None:
    here = replace(here, argilla_url="http://127.0.0.1:9", argilla_key="never-asked")
    fault: Fault = (429, {"Retry-After": "3600"}, "{}")
    with FakeOpenAI(faults=lambda body, number: fault) as server, at_desk(store, here) as desk:
        run = with_run(store, 2, made_of(embedder={"url": server.url, "model": "near"}))
        job = desk.jobs.push(run, Keys())
        until(lambda: bool(job.waiting))
        shown = argilla_page.progress(desk.look(SOMEBODY, run.id, NEW_TAB))
        assert "It asks to wait until" in shown and "Stop ends it; what was sent stays in Argilla." in shown
        desk.jobs.stop(run.id)
        until(lambda: job.state != "working")
        assert (job.state, job.trouble) == ("stopped", PUSH_STOPPED) and len(server.calls) == 1


def test_whoever_is_told_may_end_it(store: Store, here: Settings) -> None:
    def report(sentence: str) -> None:
        raise Stopped(f"Enough: {sentence}")

    fault: Fault = (429, {"Retry-After": "3600"}, "{}")
    with (
        FakeOpenAI(faults=lambda body, number: fault) as server,
        vectors(store, here, server.url, report) as near,
        pytest.raises(Stopped, match="Enough: near at"),
    ):
        near.of({"a": "new"})


def test_a_push_to_an_argilla_that_is_away_says_what_to_do(store: Store, here: Settings) -> None:
    here = replace(here, argilla_url="http://127.0.0.1:9", argilla_key="some-key")
    with at_desk(store, here) as desk:
        run = with_run(store, 2)
        job = desk.jobs.push(run, Keys())
        until(lambda: job.state != "working")
        view = desk.look(SOMEBODY, run.id, NEW_TAB)
        assert job.state == "failed" and "http://127.0.0.1:9" in job.trouble
        assert job.trouble in html.unescape(argilla_page.progress(view)) and argilla_page.outcome(view) == ""
        assert "Rows go to <b>http://127.0.0.1:9</b>" in argilla_page.which(view)
        for address, key, error in (
            ("http://127.0.0.1:9", "", SettingsError),
            ("http://127.0.0.1:9", "k", ArgillaDown),
        ):
            with pytest.raises(error):
                argilla_page.use_other(act(desk, filled={"argilla.url": address}, extra=[key]))
        assert not desk.chose_argilla


def test_find_similar_in_argilla(store: Store, here: Settings, argilla: ArgillaServer, tmp_path: Path) -> None:
    where, name = Argilla(argilla.url, argilla.api_key, own=True), f"similar-{random.randrange(10**9)}"
    with FakeOpenAI() as server, Reviewer(argilla) as owner:
        run = with_run(store, 12, made_of(embedder={"url": server.url, "model": "near"}))

        def push() -> Any:
            return workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)

        assert push().pushed.sent == 12
        asked = len(server.calls)
        edit(store, f"{run.id}-000003-0", "Other words.")
        assert push().pushed.sent == 1 and len(server.calls) == asked  # the instruction is the same
        records = owner.records(name)
        dataset = owner.dataset(name)["id"]
        query = {"query": {"vector": {"name": "like-instruction", "record_id": records[0]["id"]}}}
        answer = owner.http.post(f"/api/v1/me/datasets/{dataset}/records/search", json=query)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == 11  # all others, the nearest first
        plain = with_run(store, 1, made_of(), name=f"plain-{random.randrange(10**9)}")
        workflow.push(make_workspace(store), plain, where, lambda done, total: None)
        again = amend(store, plain, embedder=ModelSpec(url=server.url, model="near"))
        with pytest.raises(DatasetMismatch, match="no vectors of 8 numbers"):
            workflow.push(make_workspace(store), again, where, lambda done, total: None)
