"""Whole runs against each provider's stand-in, with default settings: rows, ratings, and few calls spent on finding out."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.runs.permissions import Need, Permissions
from app.store.store import Store
from tasks.models.dialect import Dialect
from tasks.models.openai import OpenAIEndpoint
from tasks.models.spec import ModelSpec
from tests.conftest import Work
from tests.providers import AZURE, OPENAI, OPENROUTER, PROVIDERS, StandIn

KEY = "STAND_IN_KEY"
EACH = [(name, model.name) for name, provider in PROVIDERS.items() for model in provider.models]
ROWS = 3


def spec(server: StandIn, model: str, settings: Settings) -> dict[str, Any]:
    """A model at a stand-in, whose key may go there."""
    url = server.url
    if server.provider is AZURE:
        url = f"{server.origin}/openai/deployments/{model}?api-version=2024-10-21"
    host = f"127.0.0.1:{server.origin.rpartition(':')[2]}"
    Permissions(settings.data).allow([Need("key", KEY, host)])
    return {"url": url, "model": model, "key_env": KEY, "concurrency": 1}


def recipe(folder: Path, model: dict[str, Any], **more: Any) -> dict[str, Any]:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Write about topic {n}."}) + "\n" for n in range(ROWS)))
    return {"generator": model, "labeller": model, "inputs": {"path": str(file)}, **more}


@pytest.mark.parametrize(("name", "model"), EACH, ids=[f"{name} {model}" for name, model in EACH])
def test_a_provider_writes_and_rates_by_default_settings(
    name: str, model: str, tmp_path: Path, store: Store, here: Settings, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "right-key")
    with StandIn(PROVIDERS[name]) as server:
        rated = recipe(
            tmp_path, spec(server, model, here), task={"kind": "evol-instruct"}, answers={"n": 2},
            rating={"aspects": ["helpfulness", "truthfulness"], "types": True},
        )  # fmt: skip
        run = work(rated)
        counts = store.runs.counts(run.id)
        assert (run.state, counts.answered, counts.ratings) == ("done", ROWS, 2 * 2 * ROWS)
        assert counts.unrated == counts.failed_ratings == counts.failed == 0
        refused = len(server.refused)
        calls = len(server.calls)
        again = work({**rated, "seed": 7})
        assert store.runs.counts(again.id).answered == ROWS
        assert len(server.refused) == refused  # what was found out costs no further call
        assert len(server.calls) - calls <= 6 * ROWS  # evolved and compared, answered twice, rated for two aspects


def test_what_was_found_out_is_kept_and_told(
    tmp_path: Path, store: Store, here: Settings, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "right-key")
    with StandIn(OPENAI) as server:
        model = spec(server, "o4-mini", here)
        work(recipe(tmp_path, model, task={"kind": "text-generation"}))
        (kept,) = store.db.all("SELECT endpoint, learned FROM dialects")
    assert kept["endpoint"] == f"{model['url']}|o4-mini"
    dialect = Dialect.load(kept["learned"])
    assert (
        dialect.renamed == {"max_tokens": "max_completion_tokens"} and "max_completion_tokens" in dialect.sentences[0]
    )


def test_a_moderated_row_costs_itself_alone(
    tmp_path: Path, store: Store, here: Settings, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "right-key")

    def is_flagged(body: Any, number: int) -> bool:
        return "topic 0" in json.dumps(body)

    with StandIn(OPENROUTER, trouble="openrouter_moderation", when=is_flagged) as server:
        run = work(recipe(tmp_path, spec(server, "openai/gpt-4o", here), task={"kind": "text-generation"}))
    assert store.runs.counts(run.id).answered == ROWS - 1
    ((what, why),) = store.rows.failures(run.id)
    assert what == "unit 0" and "moderation" in why and "{" not in why


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in ("Ollama", "LM Studio")])
def test_a_wrong_key_pauses_the_run_in_plain_words(
    name: str, tmp_path: Path, store: Store, here: Settings, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.errors import EndpointRefused

    monkeypatch.setenv(KEY, "wrong-key")
    provider = PROVIDERS[name]
    with (
        StandIn(provider, key="right-key") as server,
        pytest.raises(EndpointRefused, match=r"refused the key \(\d+: [^{\[<]+\)"),
    ):
        work(recipe(tmp_path, spec(server, provider.models[0].name, here), task={"kind": "text-generation"}))
    assert [run.state for run in store.runs.all()] == ["paused"]


@pytest.mark.parametrize("name", ["OpenAI", "Together", "Ollama", "vLLM"])
def test_models_are_listed_the_same_through_the_openai_client_where_a_person_waits(name: str) -> None:
    async def listed(url: str, watched: bool) -> tuple[str, ...]:
        endpoint = OpenAIEndpoint(ModelSpec(url=url, model=PROVIDERS[name].models[0].name), key="right-key")
        endpoint.watched = watched
        try:
            return (await endpoint.probe()).models
        finally:
            await endpoint.close()

    with StandIn(PROVIDERS[name]) as server:
        found = [asyncio.run(listed(server.url, watched)) for watched in (False, True)]
    assert found[0] == found[1] == tuple(model.name for model in PROVIDERS[name].models)
