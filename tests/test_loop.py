"""The whole loop on real parts: the built-in model makes and rates rows, the real Argilla takes them, people answer."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from app import services
from app.config import Settings
from app.store.store import Store
from tests.conftest import ArgillaServer, Command, Ended

RECIPE = """
name = "loop"
rows = 3
[generator]
preset = "local"
temperature = 1.0
max_tokens = 32
concurrency = 8
[labeller]
preset = "local"
temperature = 0.0
concurrency = 8
[task]
kind = "magpie"
max_instruction_tokens = 64
[rating]
aspects = ["helpfulness"]
"""


@pytest.fixture(scope="module")
def http(argilla: ArgillaServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=argilla.url, headers={"X-Argilla-Api-Key": argilla.api_key}, timeout=30) as client:
        yield client


def records(http: httpx.Client, dataset: str) -> list[dict[str, Any]]:
    """The records of a dataset with suggestions and responses, by external id."""
    found = http.get("/api/v1/me/datasets").json()["items"]
    (dataset_id,) = [one["id"] for one in found if one["name"] == dataset]
    include: dict[str, str | list[str]] = {"include": ["responses", "suggestions"], "limit": "100"}
    items: list[dict[str, Any]] = http.get(f"/api/v1/datasets/{dataset_id}/records", params=include).json()["items"]
    return sorted(items, key=lambda record: str(record["external_id"]))


def answer(http: httpx.Client, record: dict[str, Any], **values: Any) -> None:
    said = {name.replace("_", "-"): {"value": value} for name, value in values.items()}
    done = http.post(f"/api/v1/records/{record['id']}/responses", json={"values": said, "status": "submitted"})
    assert done.status_code == 201, done.text


def test_the_loop(
    tmp_path: Path,
    command: Command,
    services_data: Settings,
    local_model: services.Running,
    argilla: ArgillaServer,
    http: httpx.Client,
) -> None:
    def claywright(*words: str | Path) -> Ended:
        done = command(*words, data=services_data.data)
        assert done.code == 0, done.err
        return done

    # made and rated by the real model, sent to the real Argilla
    recipe = tmp_path / "loop.toml"
    recipe.write_text(RECIPE)
    made = claywright("run", recipe, "--json").json
    run, dataset = made["run"], made["sent"]["dataset"]
    assert made["state"] == "done"
    assert made["counts"]["answered"] == made["counts"]["rated"] == made["counts"]["ratings"] == 3
    assert made["counts"]["unrated"] == 0
    assert made["sent"]["sent"] == 3 and not made["sent"]["refused"]

    # what a reviewer sees
    sent = records(http, dataset)
    assert [record["external_id"] for record in sent] == sorted({record["external_id"] for record in sent})
    scores: list[float | None] = []
    for record in sent:
        assert record["fields"]["instruction"] and record["fields"]["response-1"]
        assert record["metadata"]["task"] == "magpie" and 1 <= record["metadata"]["rating-mean"] <= 5
        suggestions = {s["value"] if isinstance(s["value"], int) else "text": s for s in record["suggestions"]}
        rating = next(s for value, s in suggestions.items() if isinstance(value, int))
        assert rating["agent"] == "smollm2-135m-instruct"
        scores.append(rating["score"])  # none where no rating is among the likeliest words
        assert len(record["suggestions"]) == 4  # rating, rationale, two texts to correct
    assert any(scores) and all(0 <= score <= 1 for score in scores if score is not None)

    # three people's answers come back, and exactly the approved rows go out, as corrected
    suggested = next(s["value"] for s in sent[0]["suggestions"] if isinstance(s["value"], int))
    own = suggested % 5 + 1  # a rating that equals the suggestion would only be accepted
    answer(http, sent[0], decision="approve", helpfulness_1=own)
    answer(
        http, sent[1], decision="approve", corrected_response="A better answer.", corrected_instruction="Asked better?"
    )
    answer(http, sent[2], decision="reject")
    pulled = claywright("pull", run, "--json").json
    assert (pulled["rows_reviewed"], pulled["approved"], pulled["rejected"], pulled["new"]) == (3, 2, 1, 3)
    assert claywright("pull", run, "--json").json["new"] == 0
    target = tmp_path / "out.jsonl"
    claywright("export", run, "--to", target)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["row_id"] for line in lines] == [sent[0]["external_id"], sent[1]["external_id"]]
    assert [m["content"] for m in lines[1]["messages"]] == ["Asked better?", "A better answer."]
    assert lines[1]["response_corrected"] and lines[1]["instruction_corrected"] and not lines[0]["response_corrected"]
    assert lines[0]["reviewers"] == [argilla.username] and lines[0]["rating_by_people"] == own
    claywright("export", run, "--to", tmp_path / "out.parquet", "--format", "raw")
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 2
    claywright("export", run, "--to", tmp_path / "out.csv", "--format", "preference")
    with (tmp_path / "out.csv").open() as file:
        (pair,) = csv.DictReader(file)
    assert json.loads(pair["chosen"])[0]["content"] == "A better answer." and pair["because"].startswith("a reviewer's")

    # sent again: nothing new; a changed row changes its record; what people said stays
    again = claywright("push", run, "--json").json
    assert (again["sent"], again["unchanged"]) == (0, 3)
    with Store(services_data.data) as store:
        row = store.rows.get(sent[0]["external_id"])
        edited = replace(row.responses[0], text="Edited by the curator.")
        store.rows.edit(replace(row, responses=(edited,)), "tester")
    again = claywright("push", run, "--json").json
    assert (again["sent"], again["unchanged"]) == (1, 2)
    after = records(http, dataset)
    assert len(after) == 3 and after[0]["fields"]["response-1"] == "Edited by the curator."
    assert [len(record["responses"]) for record in after] == [1, 1, 1]
    assert after[0]["responses"][0]["values"]["decision"]["value"] == "approve"

    # a dataset that was deleted in Argilla takes nothing with it
    found = http.get("/api/v1/me/datasets").json()["items"]
    (dataset_id,) = [one["id"] for one in found if one["name"] == dataset]
    assert http.delete(f"/api/v1/datasets/{dataset_id}").status_code == 200
    pulled = claywright("pull", run, "--json").json
    assert (pulled["missing"], pulled["approved"], pulled["rejected"]) == (1, 2, 1)
