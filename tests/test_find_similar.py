"""Vectors for "find similar": from the wire, kept in the store, and searched in the real Argilla."""

import random
from pathlib import Path
from typing import Any

import pytest

from app import workflow
from app.config import Settings
from app.review.argilla import Argilla
from app.runs.embeddings import Vectors
from app.runs.run_recipes import amend
from app.store.store import Store
from app.workspace import Workspace
from feedback.errors import DatasetMismatch
from tasks.errors import EndpointRefused, ServerFault, SettingsError
from tasks.models.spec import ModelSpec
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, edit, made_of, with_run
from tests.make_workspace import make_workspace
from tests.servers import DIMENSIONS, FakeOpenAI, embedding


def vectors(store: Store, here: Settings, url: str) -> Vectors:
    return Vectors(Workspace(here, store), ModelSpec(url=url, model="near"))


def test_each_text_is_asked_for_once(store: Store, here: Settings) -> None:
    texts = {f"t{k}": f"Text number {k}." for k in range(150)}
    with FakeOpenAI() as server:
        found = vectors(store, here, server.url).of(texts)
        assert found["t7"] == pytest.approx(embedding(texts["t7"]))
        assert sorted(len(call["body"]["input"]) for call in server.calls) == [22, 64, 64]
        assert vectors(store, here, server.url).of(texts) == found
        assert len(server.calls) == 3
        assert vectors(store, here, server.url).dimensions == DIMENSIONS
        odd = vectors(store, here, server.url).of({"a": "", "b": "half \ud83d", "c": "x" * 100_000})
        assert {len(vector) for vector in odd.values()} == {DIMENSIONS}


def test_what_passes_is_waited_for_and_what_cannot_is_said(store: Store, here: Settings) -> None:
    def first_two(body: dict[str, Any], number: int) -> int | None:
        return 503 if number < 2 else None

    with FakeOpenAI(faults=first_two) as server:
        assert vectors(store, here, server.url).dimensions == DIMENSIONS
        assert len(server.calls) == 3
    with FakeOpenAI(faults=lambda body, number: 401) as server, pytest.raises(EndpointRefused, match="refused the key"):
        vectors(store, here, server.url).of({"a": "new"})
    with FakeOpenAI(faults=lambda body, number: "hang" if number else 401) as server, pytest.raises(EndpointRefused):
        vectors(store, here, server.url).of({f"t{k}": f"Text number {k}." for k in range(300)})
    with pytest.raises(SettingsError, match="makes no vectors"):
        Vectors(Workspace(here, store), ModelSpec(preset="local"))


@pytest.mark.parametrize(
    "said",
    [
        {"data": []}, {"data": [{"index": 0, "embedding": []}]}, {"data": [{"index": 0, "embedding": ["x"]}]}, {"no": []}, "no",
        {"data": [{"index": 0, "embedding": [float("nan")]}]}, {"data": [{"index": 0, "embedding": None}]},
    ],
)  # fmt: skip
def test_an_answer_that_holds_no_vectors(
    store: Store, here: Settings, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.embeddings.TRIES", 1)
    with FakeOpenAI(faults=lambda body, number: (200, {}, said)) as server, pytest.raises(ServerFault):
        vectors(store, here, server.url).of({"a": "new"})


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
