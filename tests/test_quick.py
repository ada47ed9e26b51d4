"""What a curator decides in the app: it counts as a verdict, goes to the real Argilla once, and comes back as nobody else's."""

import random

from app import workflow
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.store.runs import Run
from app.store.store import Store
from feedback.reviewed_row import ReviewedRow
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, another, with_run
from tests.make_workspace import make_workspace

ME = "me (in the app)"


def push(store: Store, run: Run, where: Argilla, name: str) -> int:
    return workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name).decided


def judged(store: Store, run: Run, row: str) -> ReviewedRow:
    return reviewed_rows.judged_of(store, run, [row])[row]


def test_a_decision_counts_without_argilla(store: Store) -> None:
    run = with_run(store, 3, responses=2)
    one, two, _ = [row.id for row in store.rows.page(run.id, 0, 3)]
    store.local_verdicts.say(one, ME, {"helpfulness-1": 2}, {})
    assert judged(store, run, one).decision is None and store.runs.counts(run.id).reviewed == 0
    store.local_verdicts.say(one, ME, {"decision": "approve"}, {})
    store.local_verdicts.say(two, ME, {"decision": "reject"}, {})
    assert judged(store, run, one).decision == "approve"
    assert judged(store, run, one).rated_by_people(0) == 2
    counts = store.runs.counts(run.id)
    assert (counts.reviewed, counts.approved, counts.rejected) == (2, 1, 1)
    store.local_verdicts.say(
        one, ME, {"decision": "approve", "corrected-response": "Mine."}, {"corrected-response": "River 0, said by 0."}
    )
    assert judged(store, run, one).corrected_response() == ("Mine.", 0)
    store.local_verdicts.say(two, ME, dict.fromkeys(store.local_verdicts.of(two, ME)), {}, status="discarded")
    assert judged(store, run, two).decision is None
    assert [one.reviewer for one in judged(store, run, one).verdicts] == [ME]


def test_it_goes_to_argilla_once_and_stays_the_same_persons(store: Store, where: Argilla, owner: Reviewer) -> None:
    name = f"quick-{random.randrange(10**9)}"
    run = with_run(store, 3, responses=2)
    one, two, three = [row.id for row in store.rows.page(run.id, 0, 3)]
    store.local_verdicts.say(one, ME, {"decision": "approve", "helpfulness-1": 4, "no-such-question": 3}, {})
    store.local_verdicts.say(two, ME, {"helpfulness-1": 4}, {})  # no decision yet: kept here
    assert push(store, run, where, name) == 1
    assert push(store, run, where, name) == 0
    records = {record["external_id"]: record for record in owner.records(name)}
    (said,) = records[one]["responses"]
    assert said["status"] == "submitted" and {k: v["value"] for k, v in said["values"].items()} == {
        "decision": "approve", "helpfulness-1": 4,
    }  # fmt: skip
    assert not records[two]["responses"]

    assert workflow.pull(make_workspace(store), run, where).new == 0  # nothing that was not known
    owner.change(said, decision="reject")  # in Argilla, under the same account
    assert workflow.pull(make_workspace(store), run, where).new == 1
    found = judged(store, run, one)
    assert [verdict.reviewer for verdict in found.verdicts] == [ME] and found.decision == "reject"

    store.local_verdicts.say(one, ME, {"decision": "approve"}, {})
    owner.say(records[three], decision="reject")
    store.local_verdicts.say(three, ME, {"decision": "approve"}, {})
    assert (
        push(store, run, where, name) == 1
    )  # the first is changed; what the account said in Argilla of the third stands
    records = {record["external_id"]: record for record in owner.records(name)}
    decisions = {row: r["responses"][0]["values"]["decision"]["value"] for row, r in records.items() if r["responses"]}
    assert decisions == {one: "approve", three: "reject"}
    assert push(store, run, where, name) == 0


def test_it_is_one_voice_beside_others(store: Store, where: Argilla, argilla: ArgillaServer, owner: Reviewer) -> None:
    name = f"quick-{random.randrange(10**9)}"
    run = with_run(store, 1)
    (one,) = [row.id for row in store.rows.page(run.id, 0, 1)]
    store.local_verdicts.say(one, ME, {"decision": "approve"}, {})
    push(store, run, where, name)
    with another(argilla, f"ann-{random.randrange(10**9)}") as ann:
        ann.say(owner.records(name)[0], decision="reject")
        workflow.pull(make_workspace(store), run, where)
    found = judged(store, run, one)
    assert {verdict.reviewer for verdict in found.verdicts} == {ME, ann.name} and found.decision == "unsure"
