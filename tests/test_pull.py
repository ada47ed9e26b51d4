"""What people say in the real Argilla comes back: all reviewers, every version, merged as stated; nothing twice."""

import random
import time
from collections.abc import Iterator
from typing import Any

import argilla as rg
import pytest

from app import workflow
from app.recipe import recipe_text
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.review.pull import Pulled
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.client import Server
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, another, made_of, with_run
from tests.make_workspace import make_workspace


@pytest.fixture(scope="module")
def people(argilla: ArgillaServer) -> Iterator[list[Reviewer]]:
    number = random.randrange(10**9)
    found = [another(argilla, f"{name}-{number}") for name in ("ann", "bob", "eve")]
    yield found
    for one in found:
        one.http.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name[:60]}-{random.randrange(10**9)}".replace("_", "-").lower()


def sent(store: Store, where: Argilla, name: str, rows: int = 4, **parts: Any) -> Run:
    run = with_run(store, rows, made_of(**parts), responses=2)
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    return run


def stands(done: Pulled) -> tuple[int, int, int, int]:
    return done.rows_reviewed, done.approved, done.rejected, done.undecided


def test_the_verdicts_of_three_people_are_merged(
    store: Store, where: Argilla, owner: Reviewer, people: list[Reviewer], name: str
) -> None:
    run = sent(store, where, name, review={"min_submitted": 2})
    ann, bob, eve = people
    one, two, three, four = owner.records(name)
    first = int(one["external_id"].split("-")[-2]) % 5 + 1  # what the labeller says, 1 to 4; of the second one more
    ann.say(one, decision="approve", helpfulness_1=5, helpfulness_2=first + 1, corrected_response="Ann's words.")
    bob.say(one, decision="approve", helpfulness_1=first % 4 + 1, corrected_response="Bob's words.")
    eve.say(one, decision="reject", helpfulness_1=first, corrected_response="Eve's words.")
    ann.say(two, decision="approve")
    bob.say(two, decision="reject")
    ann.say(three, decision="unsure")
    bob.say(three, status="draft", decision="approve")
    eve.say(four, status="discarded")
    done = workflow.pull(make_workspace(store), run, where)
    assert stands(done) == (3, 1, 0, 2) and done.new == 8
    counts = store.runs.counts(run.id)
    assert (counts.reviewed, counts.approved, counts.rejected) == (3, 1, 0)
    judged = reviewed_rows.judged_of(store, run, [one["external_id"]])[one["external_id"]]
    assert (judged.decision, judged.rated_by_people(0), judged.spread_of_people(0)) == (
        "approve", (5 + first % 4 + 1) / 2, 5 - (first % 4 + 1)
    )  # fmt: skip
    assert judged.accepted_by_people(0) == first  # Eve's
    assert (judged.rated_by_people(1), judged.accepted_by_people(1)) == (None, first + 1)
    assert (judged.corrected_response() or ("",))[0] == "Bob's words."  # Eve said no, and Bob came after Ann
    assert {v.status for v in store.verdicts.of([four["external_id"]])[four["external_id"]]} == {"discarded"}

    # the recipe's rule counts
    store.runs.set(run.id, recipe=recipe_text(made_of(merge={"decision": "unanimous", "text": ann.name})))
    run = store.runs.get(run.id)
    assert stands(workflow.pull(make_workspace(store), run, where)) == (3, 0, 2, 1)
    assert store.runs.counts(run.id).rejected == 2
    store.runs.set(run.id, recipe=recipe_text(made_of(merge={"text": ann.name})))
    judged = reviewed_rows.judged_of(store, store.runs.get(run.id), [one["external_id"]])[one["external_id"]]
    assert (judged.corrected_response() or ("",))[0] == "Ann's words."


def test_changed_and_withdrawn_answers(
    store: Store, where: Argilla, owner: Reviewer, people: list[Reviewer], name: str
) -> None:
    run = sent(store, where, name)
    record = owner.records(name)[0]
    said = people[0].say(record, decision="approve")
    assert stands(workflow.pull(make_workspace(store), run, where)) == (1, 1, 0, 0)
    people[0].change(said, decision="reject")
    changed = workflow.pull(make_workspace(store), run, where)
    assert (stands(changed), changed.new) == ((1, 0, 1, 0), 1)
    versions = store.db.all("SELECT answers FROM verdicts WHERE response_id=?", said["id"])
    assert len(versions) == 2  # the earlier one is kept
    people[0].take_back(said)
    assert stands(workflow.pull(make_workspace(store), run, where)) == (0, 0, 0, 0)


def test_nothing_is_asked_for_where_nothing_happened(
    store: Store, where: Argilla, owner: Reviewer, people: list[Reviewer], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sent(store, where, name)
    people[0].say(owner.records(name)[0], decision="approve")
    assert workflow.pull(make_workspace(store), run, where).new == 1
    store.db.write(lambda c: c.execute("DELETE FROM verdicts"))
    again = workflow.pull(
        make_workspace(store), run, where, only_moved=True
    )  # so soon after, something may not have been found yet
    assert again.new == 1
    monkeypatch.setattr("feedback.argilla.client.SETTLED", -1.0)
    for _ in range(40):  # Argilla itself may still have something to write down about what was said
        workflow.pull(make_workspace(store), run, where)
        store.db.write(lambda c: c.execute("DELETE FROM verdicts"))
        if (
            workflow.pull(make_workspace(store), run, where, only_moved=True).new == 0
        ):  # passed over: nobody did anything since
            break
        time.sleep(0.5)
    else:
        pytest.fail("the answers are asked for again and again though nothing happened")
    asked = workflow.pull(make_workspace(store), run, where)  # by hand it is always looked
    assert (asked.new, asked.by) == (1, {people[0].name: 1})
    people[1].say(owner.records(name)[1], decision="approve")
    assert workflow.pull(make_workspace(store), run, where, only_moved=True).by == {people[1].name: 1}


def test_answers_that_come_with_records_are_pulled(
    store: Store, where: Argilla, argilla: ArgillaServer, owner: Reviewer, people: list[Reviewer], name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As Argilla's SDK logs them, long after the last answer in its page: its clock of the dataset does not move."""
    run = sent(store, where, name)
    people[0].say(owner.records(name)[0], decision="approve")
    monkeypatch.setattr("feedback.argilla.client.SETTLED", -1.0)
    workflow.pull(make_workspace(store), run, where)
    sdk = rg.Argilla(api_url=argilla.url, api_key=argilla.api_key)
    dataset = sdk.datasets(id=owner.dataset(name)["id"])
    assert dataset is not None
    dataset.get()
    (user,) = (user for user in sdk.users if user.username == people[1].name)
    second = owner.records(name)[1]
    clock = Server(where.url, where.key)
    before = clock.activity(str(dataset.id))
    answer = rg.Response("decision", "reject", user_id=user.id, status="submitted")
    dataset.records.log([rg.Record(id=second["external_id"], fields=second["fields"], responses=[answer])])
    after = clock.activity(str(dataset.id))
    clock.http.close()
    sdk.http_client.close()
    assert before.mark.split(" ")[0] == after.mark.split(" ")[0] and before.mark != after.mark
    for _ in range(20):
        if (done := workflow.pull(make_workspace(store), run, where, only_moved=True)).new:
            break
        time.sleep(0.5)
    assert done.by == {people[1].name: 1}


def test_what_a_deleted_user_said_stays_under_that_name(
    store: Store, where: Argilla, argilla: ArgillaServer, owner: Reviewer, name: str
) -> None:
    run = sent(store, where, name)
    with another(argilla, f"gone-{random.randrange(10**9)}") as leaver:
        record = owner.records(name)[0]
        leaver.say(record, decision="approve")
        workflow.pull(make_workspace(store), run, where)
        user = next(u for u in owner.http.get("/api/v1/users").json()["items"] if u["username"] == leaver.name)
        assert owner.http.delete(f"/api/v1/users/{user['id']}").status_code == 200
    workflow.pull(make_workspace(store), run, where)
    (said,) = store.verdicts.of([record["external_id"]])[record["external_id"]]
    assert (said.reviewer, said.decision) == (leaver.name, "approve")


def test_only_records_with_an_answer_are_asked_for(
    store: Store, where: Argilla, owner: Reviewer, people: list[Reviewer], name: str
) -> None:
    sent(store, where, name, rows=30)
    records = owner.records(name)
    people[0].say(records[7], decision="approve")
    people[1].say(records[3], status="draft", decision="reject")
    with Server(where.url, where.key) as server:
        dataset = str(owner.dataset(name)["id"])
        found = {record["external_id"] for record in server.answered(dataset)}
        assert found == {records[7]["external_id"], records[3]["external_id"]}
        assert len(list(server.records(dataset))) == 30 == server.count(dataset) == server.count(dataset, "rivers-1")
        assert server.count(dataset, "another") == 0
