"""The embedded Argilla server, asked as its users ask it: by the argilla SDK and over HTTP.

The `argilla` fixture is the real server of this test session; every test makes datasets of its own in it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import argilla as rg
import httpx
import pytest

TEXTS = (
    "the quantum cat sleeps",
    "the quantum dog runs by the river",
    "a cat and a dog at the river",
    "你好世界, a poem",
    "quantities of open questions",
    "question open to all",
)


@pytest.fixture(scope="module")
def http(argilla: Any) -> Iterator[httpx.Client]:
    key = {"X-Argilla-Api-Key": argilla.api_key}
    with httpx.Client(base_url=argilla.url, headers=key, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(argilla: Any) -> Iterator[rg.Argilla]:
    sdk = rg.Argilla(api_url=argilla.url, api_key=argilla.api_key)
    yield sdk
    sdk.http_client.close()


@pytest.fixture
def new_dataset(client: rg.Argilla) -> Callable[[], rg.Dataset]:
    """Makes a small dataset, for what a test changes."""
    return lambda: create(client)


def create(client: rg.Argilla, **more: Any) -> rg.Dataset:
    settings = rg.Settings(
        fields=[rg.TextField(name="text"), *more.pop("fields", [])],
        questions=[
            rg.RatingQuestion(name="quality", values=[1, 2, 3, 4, 5]),
            rg.LabelQuestion(name="verdict", labels=["approve", "reject"], required=False),
        ],
        distribution=rg.TaskDistribution(min_submitted=1),
        **more,
    )
    name = f"server-{uuid.uuid4().hex[:8]}"
    dataset = rg.Dataset(name=name, workspace="default", settings=settings, client=client)
    dataset.create()
    return dataset


@pytest.fixture(scope="module")
def dataset(client: rg.Argilla, http: httpx.Client) -> rg.Dataset:
    """Six records `r0` to `r5`; the first three have responses: 5 submitted, 2 submitted, 4 as a draft."""
    made = create(
        client,
        fields=[rg.ChatField(name="chat", required=False)],
        metadata=[rg.TermsMetadataProperty(name="model"), rg.IntegerMetadataProperty(name="tokens")],
        vectors=[rg.VectorField(name="meaning", dimensions=2)],
    )
    made.records.log(
        [
            rg.Record(
                id=f"r{number}",
                fields={"text": text, "chat": [{"role": "user", "content": f"spoken{number}"}]},
                metadata={"model": "small" if number % 2 else "large", "tokens": number * 10},
                vectors={"meaning": [1.0, number / 10]},
                suggestions=[
                    rg.Suggestion("quality", value=number % 5 + 1, score=number / 10, agent=f"judge-{number % 2}")
                ],
            )
            for number, text in enumerate(TEXTS)
        ]
    )
    for name, status, rating in (("r0", "submitted", 5), ("r1", "submitted", 2), ("r2", "draft", 4)):
        respond(http, record_ids(http, made)[name], status, rating)
    return made


def record_ids(http: httpx.Client, dataset: rg.Dataset) -> dict[str, str]:
    """The server's id of each record, by the name that we gave it."""
    answer = http.get(f"/api/v1/datasets/{dataset.id}/records", params={"limit": 100}).raise_for_status()
    return {item["external_id"]: item["id"] for item in answer.json()["items"]}


def respond(http: httpx.Client, record: str, status: str, rating: int) -> None:
    body = {"values": {"quality": {"value": rating}}, "status": status}
    assert http.post(f"/api/v1/records/{record}/responses", json=body).status_code == 201


def names(dataset: rg.Dataset, query: Any) -> set[str]:
    return {record.id for record in dataset.records(query=query)}


def filtered(dataset: rg.Dataset, *conditions: tuple[str, str, Any]) -> set[str]:
    return names(dataset, rg.Query(filter=rg.Filter(list(conditions))))


def searched(http: httpx.Client, dataset: rg.Dataset, body: dict[str, Any]) -> list[str]:
    """As a person's page asks: the names in order."""
    answer = http.post(f"/api/v1/me/datasets/{dataset.id}/records/search", json=body).raise_for_status().json()
    assert answer["total"] == len(answer["items"])
    return [item["record"]["external_id"] for item in answer["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("quantum", {"r0", "r1"}),
        ("QUANTUM dog", {"r1"}),
        ("quant*", {"r0", "r1", "r4"}),
        ("cat | poem", {"r0", "r2", "r3"}),
        ("river -cat", {"r1"}),
        ("-the", {"r3", "r4", "r5"}),
        ("-cat -dog", {"r3", "r4", "r5"}),
        ('"open questions"', {"r4"}),
        ('open -"open questions"', {"r5"}),
        ("(cat | dog) river", {"r1", "r2"}),
        ("(cat | poem) -(quantum | a)", set()),
        ("你好", {"r3"}),
        ("好世", {"r3"}),
        ("世你", set()),
        ("spoken2", {"r2"}),
        ("cat AND dog", {"r2"}),  # a word like any other
        ('"', set()),
        ("???", set()),
    ],
)
def test_text_search(dataset: rg.Dataset, http: httpx.Client, query: str, found: set[str]) -> None:
    assert set(searched(http, dataset, {"query": {"text": {"q": query}}})) == found


def test_text_search_in_one_field(dataset: rg.Dataset, http: httpx.Client) -> None:
    def found(field: str) -> list[str]:
        return searched(http, dataset, {"query": {"text": {"q": "spoken1 | poem", "field": field}}})

    assert found("chat") == ["r1"]
    assert found("text") == ["r3"]


def test_filters(dataset: rg.Dataset) -> None:
    assert filtered(dataset, ("metadata.model", "==", "small")) == {"r1", "r3", "r5"}
    assert filtered(dataset, ("metadata.tokens", ">=", 20), ("metadata.tokens", "<=", 30)) == {"r2", "r3"}
    assert filtered(dataset, ("metadata.tokens", ">=", 20), ("metadata.model", "==", "small")) == {"r3", "r5"}
    assert filtered(dataset, ("quality.suggestion", "in", [1, 2])) == {"r0", "r1", "r5"}
    assert filtered(dataset, ("quality.suggestion", ">=", 4)) == {"r3", "r4"}
    assert filtered(dataset, ("quality.score", ">=", 0.4)) == {"r4", "r5"}
    assert filtered(dataset, ("quality.agent", "==", "judge-1")) == {"r1", "r3", "r5"}
    assert filtered(dataset, ("quality.response", ">=", 4)) == {"r0", "r2"}
    assert filtered(dataset, ("response.status", "==", "submitted")) == {"r0", "r1"}
    assert filtered(dataset, ("response.status", "==", "draft")) == {"r2"}
    assert filtered(dataset, ("response.status", "==", "pending")) == {"r3", "r4", "r5"}
    assert filtered(dataset, ("response.status", "in", ["pending", "draft"])) == {"r2", "r3", "r4", "r5"}
    assert filtered(dataset, ("status", "==", "completed")) == {"r0", "r1"}
    assert filtered(dataset, ("id", "==", "r4")) == {"r4"}
    assert filtered(dataset, ("metadata.model", "==", "unheard of")) == set()


def test_text_and_filter_together(dataset: rg.Dataset) -> None:
    query = rg.Query(query="river", filter=rg.Filter([("metadata.model", "==", "large")]))
    assert names(dataset, query) == {"r2"}


@pytest.mark.parametrize(
    ("scope", "order", "first"),
    [
        ({"entity": "metadata", "metadata_property": "tokens"}, "desc", ["r5", "r4", "r3"]),
        ({"entity": "suggestion", "question": "quality", "property": "score"}, "asc", ["r0", "r1", "r2"]),
        ({"entity": "suggestion", "question": "quality", "property": "value"}, "desc", ["r4", "r3", "r2"]),
        ({"entity": "response", "question": "quality"}, "desc", ["r0", "r2", "r1"]),
        ({"entity": "response", "question": "quality"}, "asc", ["r1", "r2", "r0"]),
        ({"entity": "record", "property": "inserted_at"}, "asc", ["r0", "r1", "r2"]),
    ],
)
def test_sort(dataset: rg.Dataset, http: httpx.Client, scope: dict[str, str], order: str, first: list[str]) -> None:
    found = searched(http, dataset, {"sort": [{"scope": scope, "order": order}]})
    assert found[:3] == first
    assert len(found) == len(TEXTS)


def test_order_without_sort_is_a_stable_shuffle(dataset: rg.Dataset, http: httpx.Client) -> None:
    assert searched(http, dataset, {}) == searched(http, dataset, {})
    assert set(searched(http, dataset, {})) == {f"r{number}" for number in range(len(TEXTS))}


def test_dates_filter(dataset: rg.Dataset, http: httpx.Client) -> None:
    def since(moment: str) -> list[str]:
        scope = {"entity": "record", "property": "inserted_at"}
        condition = {"type": "range", "scope": scope, "ge": moment}
        return searched(http, dataset, {"filters": {"type": "and", "and": [condition]}})

    assert len(since("2020-01-01T00:00:00")) == len(TEXTS)
    assert since("2999-01-01T00:00:00") == []


def test_similar_by_vector(dataset: rg.Dataset) -> None:
    pairs = list(dataset.records(query=rg.Query(similar=rg.Similar("meaning", [1.0, 0.0])), limit=3))
    assert [record.id for record, _ in pairs] == ["r0", "r1", "r2"]
    assert pairs[0][1] == pytest.approx(1.0)


def test_similar_by_vector_the_other_way(dataset: rg.Dataset) -> None:
    similar = rg.Similar("meaning", [1.0, 0.0], most_similar=False)
    pairs = list(dataset.records(query=rg.Query(similar=similar), limit=2))
    assert [record.id for record, _ in pairs] == ["r5", "r4"]


def test_similar_by_record_leaves_it_out(dataset: rg.Dataset) -> None:
    (record,) = [found for found in dataset.records(with_vectors=True) if found.id == "r3"]
    condition = rg.Filter([("metadata.model", "==", "large")])
    pairs = list(dataset.records(query=rg.Query(similar=rg.Similar("meaning", record), filter=condition), limit=6))
    assert {found.id for found, _ in pairs} == {"r0", "r2", "r4"}
    everything = list(dataset.records(query=rg.Query(similar=rg.Similar("meaning", record)), limit=6))
    assert "r3" not in {found.id for found, _ in everything}


def test_progress(dataset: rg.Dataset, argilla: Any) -> None:
    progress = dataset.progress(with_users_distribution=True)
    assert (progress["total"], progress["completed"], progress["pending"]) == (6, 2, 4)
    assert progress["users"][argilla.username]["completed"]["submitted"] == 2
    assert progress["users"][argilla.username]["pending"]["draft"] == 1


def test_metadata_metrics(dataset: rg.Dataset, http: httpx.Client) -> None:
    found = http.get(f"/api/v1/me/datasets/{dataset.id}/metadata-properties").raise_for_status().json()["items"]
    metrics = {
        one["name"]: http.get(f"/api/v1/metadata-properties/{one['id']}/metrics").raise_for_status().json()
        for one in found
    }
    assert (metrics["tokens"]["min"], metrics["tokens"]["max"]) == (0, 50)
    assert {one["term"]: one["count"] for one in metrics["model"]["values"]} == {"small": 3, "large": 3}


def test_logging_an_id_again_replaces_its_record(new_dataset: Callable[[], rg.Dataset], http: httpx.Client) -> None:
    dataset = new_dataset()
    dataset.records.log([{"id": "a", "text": "before"}, {"id": "b", "text": "another"}])
    respond(http, record_ids(http, dataset)["a"], "submitted", 3)
    dataset.records.log([{"id": "a", "text": "after"}])

    assert dataset.progress()["total"] == 2
    assert names(dataset, "before") == set()
    assert names(dataset, "after") == {"a"}
    assert filtered(dataset, ("quality.response", "==", 3)) == {"a"}
    (record,) = [found for found in dataset.records(with_responses=True) if found.id == "a"]
    assert [response.value for response in record.responses["quality"]] == [3]


def test_a_changed_suggestion_is_found_by_its_new_value(new_dataset: Callable[[], rg.Dataset]) -> None:
    dataset = new_dataset()
    for agent, value in (("first", "approve"), ("second", "reject")):
        suggestion = rg.Suggestion("verdict", value=value, agent=agent)
        dataset.records.log([rg.Record(id="a", fields={"text": "one"}, suggestions=[suggestion])])
    assert filtered(dataset, ("verdict.suggestion", "==", "reject")) == {"a"}
    assert filtered(dataset, ("verdict.agent", "==", "second")) == {"a"}
    assert filtered(dataset, ("verdict.suggestion", "==", "approve")) == set()
    assert filtered(dataset, ("verdict.agent", "==", "first")) == set()


def test_a_changed_or_deleted_response_is_noticed(new_dataset: Callable[[], rg.Dataset], http: httpx.Client) -> None:
    dataset = new_dataset()
    dataset.records.log([{"id": "a", "text": "one"}])
    record = record_ids(http, dataset)["a"]
    respond(http, record, "draft", 1)
    values = {"values": {"quality": {"value": 5}}, "status": "submitted", "record_id": record}
    http.post("/api/v1/me/responses/bulk", json={"items": [values]}).raise_for_status()
    assert filtered(dataset, ("quality.response", "==", 5)) == {"a"}
    assert filtered(dataset, ("quality.response", "==", 1)) == set()
    assert dataset.progress()["completed"] == 1

    (response,) = http.get(f"/api/v1/records/{record}").raise_for_status().json()["responses"]
    http.delete(f"/api/v1/responses/{response['id']}").raise_for_status()
    assert filtered(dataset, ("quality.response", "==", 5)) == set()
    assert filtered(dataset, ("response.status", "==", "pending")) == {"a"}
    assert dataset.progress()["completed"] == 0


def test_deleted_records_are_not_found(new_dataset: Callable[[], rg.Dataset]) -> None:
    dataset = new_dataset()
    dataset.records.log([{"id": name, "text": "same words"} for name in "abc"])
    dataset.records.delete([record for record in dataset.records if record.id == "b"])
    assert names(dataset, "words") == {"a", "c"}
    assert dataset.progress()["total"] == 2


def test_a_deleted_dataset_leaves_no_records(new_dataset: Callable[[], rg.Dataset], http: httpx.Client) -> None:
    dataset = new_dataset()
    dataset.records.log([{"id": "a", "text": "short lived"}])
    dataset.delete()
    assert http.get(f"/api/v1/datasets/{dataset.id}").status_code == 404
    assert names(new_dataset(), "lived") == set()


def test_a_new_distribution_reaches_all_records(new_dataset: Callable[[], rg.Dataset], http: httpx.Client) -> None:
    """Done by a background job, so that the worker is seen to work."""
    dataset = new_dataset()
    dataset.records.log([{"id": "a", "text": "one"}])
    respond(http, record_ids(http, dataset)["a"], "submitted", 5)
    assert dataset.progress()["completed"] == 1
    distribution = {"strategy": "overlap", "min_submitted": 2}
    http.patch(f"/api/v1/datasets/{dataset.id}", json={"distribution": distribution}).raise_for_status()
    deadline = time.monotonic() + 10
    while dataset.progress()["completed"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert dataset.progress()["completed"] == 0
    assert filtered(dataset, ("status", "==", "pending")) == {"a"}


def test_a_record_that_wants_two_reviewers_stays_open_for_the_second(client: rg.Argilla, http: httpx.Client) -> None:
    dataset = create(client, metadata=[rg.IntegerMetadataProperty(name="reviewers")])
    dataset.records.log([{"id": "a", "text": "one"}, {"id": "b", "text": "two"}])
    ids = record_ids(http, dataset)

    def want(number: int) -> None:
        item = {"external_id": "a", "fields": {"text": "one"}, "metadata": {"reviewers": number}}
        http.put(f"/api/v1/datasets/{dataset.id}/records/bulk", json={"items": [item]}).raise_for_status()

    want(2)
    for name in ("a", "b"):
        respond(http, ids[name], "submitted", 5)
    assert filtered(dataset, ("status", "==", "pending")) == {"a"}
    want(1)  # nobody else comes
    assert filtered(dataset, ("status", "==", "pending")) == set()
    want(2)  # a second one comes after all
    assert filtered(dataset, ("status", "==", "pending")) == {"a"}


def test_sign_in_by_password_only_with_the_right_one(argilla: Any, http: httpx.Client) -> None:
    def sign_in(username: str, password: str) -> int:
        form = {"username": username, "password": password}
        return http.post("/api/v1/token", data=form, headers={"X-Argilla-Api-Key": ""}).status_code

    assert sign_in(argilla.username, argilla.password) == 201
    assert sign_in(argilla.username, argilla.password + "x") == 401
    assert sign_in("argilla", "12345678") == 401


def test_well_known_key_is_refused(argilla: Any) -> None:
    headers = {"X-Argilla-Api-Key": "argilla.apikey"}
    assert httpx.get(f"{argilla.url}/api/v1/me", headers=headers, trust_env=False).status_code == 401


def test_pages_ask_nobody_else(http: httpx.Client) -> None:
    page = http.get("/").raise_for_status().text
    sheets = {part.split('"')[0] for part in page.split('href="')[1:] if part.split('"')[0].endswith(".css")}
    for sheet in sheets:
        assert "@import" not in http.get(sheet).raise_for_status().text
    assert "fonts.googleapis.com" not in page
    assert http.get("/api/v1/docs").status_code == 404
    assert http.get("/api/v1/redoc").status_code == 404


def test_other_origins_are_not_let_in(http: httpx.Client) -> None:
    answer = http.get("/api/v1/me", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/sign-in", "/api/v1/version", "/nowhere"])
def test_every_page_comes_with_protecting_headers(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert "sha256-" in rules["style-src-elem"] and "'unsafe-inline'" not in rules["style-src-elem"]
    assert "sha256-" in rules["script-src"] and "'unsafe-inline'" not in rules["script-src"]
    assert rules["form-action"] == "'self'" and rules["object-src"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:9999", 200), ("LOCALHOST", 200), ("[::1]:80", 200), ("evil.example", 400), ("", 400),
     ("127.0.0.1.evil.example", 400), ("127.0.0.1@evil.example", 400), ("localhost:1/", 400)],
)  # fmt: skip
def test_it_answers_to_the_names_of_this_computer_only(http: httpx.Client, host: str, status: int) -> None:
    answer = http.get("/api/v1/version", headers={"Host": host})
    assert answer.status_code == status and answer.headers["x-content-type-options"] == "nosniff"
