"""Rows go to the real Argilla: audit and queue, each once; what changed changes there, what was deleted comes back."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import workflow
from app.config import Settings
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.review.push_plan import Sent, _looks, shortened
from app.runs.run_recipes import amend
from app.store.reviews.pushes import AUDIT_FIRST
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.client import Server
from feedback.argilla.dataset_settings import Review, Shape, settings
from feedback.argilla.markdown import plain
from feedback.argilla.push import Pushed, target
from feedback.argilla.records import About
from feedback.errors import DatasetMismatch
from feedback.rating_summary import priority
from feedback.rubrics import Rubric
from feedback.stats.audit_sample import drawn_for_audit
from feedback.types import Rating
from tasks.types import Message
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, add_rows, edit, made_of, rated, with_run
from tests.make_workspace import make_workspace


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A dataset's name of the test's own."""
    return f"{request.node.name[:60]}-{random.randrange(10**9)}".replace("_", "-").lower()


def pushed(store: Store, run: Run, where: Argilla, name: str, **more: Any) -> Sent:
    return workflow.push(
        make_workspace(store), store.runs.get(run.id), where, lambda done, total: None, dataset=name, **more
    )


def planned(store: Store, run: Run) -> dict[str, dict[str, Any]]:
    """What is known of each row that was sent, by id, in the order of sending."""
    found = store.db.all(
        "SELECT pushed.* FROM pushed JOIN pushes ON pushes.id=push WHERE run=? ORDER BY push, place", run.id
    )
    return {r["row"]: dict(r) for r in found}


def test_models_of_any_name_suggest(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    odd = made_of(generator={"preset": "scripted", "model": "m@2024"}, task={"kind": "genstruct"})
    run = with_run(store, 3, odd, rate=lambda n, r: [replace(rating, model="名+<") for rating in rated(n, r)])
    assert pushed(store, run, where, name).pushed == Pushed(sent=3)
    agents = {suggestion["agent"] for record in owner.records(name) for suggestion in record["suggestions"]}
    assert {agent.partition(" ")[0] for agent in agents} == {"m-2024", "model", "model-0"}


# -- which rows are audit


@pytest.mark.parametrize(("rows", "audits"), [(1, 1), (49, 49), (50, 50), (51, 50), (250, 50), (251, 51), (1000, 200)])
def test_a_fifth_is_audit_and_at_least_fifty(rows: int, audits: int) -> None:
    ids = [f"r-{k}" for k in range(rows)]
    drawn, chance = drawn_for_audit(ids, rows, 0, 11)
    assert chance == audits / rows and len(drawn) == audits and drawn <= set(ids)
    assert drawn_for_audit(ids[::-1], rows, 0, 11)[0] == drawn  # neither the order nor anything else matters
    assert rows < 52 or drawn_for_audit(ids, rows, 0, 12)[0] != drawn


def test_of_rows_that_are_added_some_are_audit_however_many_were_drawn_before() -> None:
    """With 50 of the first 100, none of the next 100 would be, and nothing could be said of these."""
    drawn, chance = drawn_for_audit([f"r-{k}" for k in range(100, 200)], 200, 50, 11)
    assert (len(drawn), chance) == (5, 0.05)
    few = [drawn_for_audit([f"r-{k}"], 200, 50, k) for k in range(1000)]  # one by one
    assert {chance for _, chance in few} == {0.05} and 20 < sum(len(drawn) for drawn, _ in few) < 90
    assert drawn_for_audit([], 200, 50, 1) == (set(), 0.0)


def test_every_row_has_the_same_chance_to_be_audit() -> None:
    ids = [f"r-{k}" for k in range(100)]
    counts = dict.fromkeys(ids, 0)
    for seed in range(400):
        for row in drawn_for_audit(ids, 100, 0, seed)[0]:
            counts[row] += 1
    assert all(140 < n < 260 for n in counts.values())  # 200 expected, 6 standard deviations


def test_the_plan_is_sealed_and_grows_with_the_run(store: Store) -> None:
    run = with_run(store, 300)
    push = store.pushes.begin_push(run.id, "a", "d", "n", "w", 5, "")
    found = {
        judged.row.id: priority(judged.row, judged.ratings, "helpfulness")
        for judged in reviewed_rows.judged_rows(store, run)
    }
    store.pushes.plan(push, found, blind_audit=True)
    sealed = planned(store, run)
    audit = [row for row, plan in sealed.items() if plan["kind"] == "audit"]
    queue = [row for row, plan in sealed.items() if plan["kind"] == "queue"]
    assert len(audit) == 60 and list(sealed) == audit + queue
    assert audit != sorted(audit)  # in random order
    assert [found[row] for row in queue] == sorted((found[row] for row in queue), reverse=True)
    assert {plan["chance"] for plan in sealed.values()} == {0.2} and {
        plan["population"] for plan in sealed.values()
    } == {300}
    assert {plan["suggestions_shown"] for row, plan in sealed.items() if row in audit} == {0}
    assert {plan["suggestions_shown"] for row, plan in sealed.items() if row in queue} == {1}
    assert all(plan["priority"] == (AUDIT_FIRST if row in audit else found[row]) for row, plan in sealed.items())
    assert store.runs.counts(run.id).sent == 0 and store.pushes.samples(run.id) == {}  # planned, not sent

    store.pushes.plan(push, found, blind_audit=False)
    assert planned(store, run) == sealed
    add_rows(store, run, 300, 400)
    more = {judged.row.id: 0.0 for judged in reviewed_rows.judged_rows(store, run)}
    store.pushes.plan(push, more, blind_audit=False)
    grown = planned(store, run)
    assert all(
        grown[row]["kind"] == plan["kind"] and grown[row]["place"] == plan["place"] for row, plan in sealed.items()
    )
    new = [plan for row, plan in grown.items() if row not in sealed]
    assert [plan["kind"] for plan in new].count("audit") == 20 and {plan["batch"] for plan in new} == {2}

    other = store.pushes.begin_push(run.id, "a", "e", "n", "w", 6, "")
    store.pushes.plan(other, more, blind_audit=False)
    found_again = {r["row"]: r["kind"] for r in store.db.all("SELECT row, kind FROM pushed WHERE push=?", other.id)}
    assert found_again == {row: plan["kind"] for row, plan in grown.items()}  # a sample is drawn once in a run's life


# -- what Argilla has


def test_records_are_sorted_by_priority_and_audit_comes_first(
    store: Store, where: Argilla, owner: Reviewer, name: str
) -> None:
    run = with_run(store, 60, responses=3)
    sent = pushed(store, run, where, name)
    assert (sent.pushed.sent, sent.pushed.refused, sent.dropped) == (60, [], 0)
    assert sent.to.url.endswith("/annotation-mode?sort=metadata.priority.desc")
    records = owner.records(name)
    assert [record["external_id"] for record in records] == list(planned(store, run))
    metadata = [record["metadata"] for record in records]
    assert [m["sample"] for m in metadata] == ["audit"] * 50 + ["queue"] * 10
    assert [m["priority"] for m in metadata] == sorted((m["priority"] for m in metadata), reverse=True)
    numbers = store.rows.all_numbers(run.id)
    assert [m["number"] for m in metadata] == [numbers[record["external_id"]] for record in records]
    assert sorted(numbers.values()) == list(range(1, 61))
    assert set(metadata[0]) == {
        "priority", "sample", "number", "run", "batch", "task", "model-1", "model-2", "model-3", "length-instruction", "length",
        "rating-mean", "rating-lowest", "rating-spread",
    }  # fmt: skip
    assert store.pushes.samples(run.id) == {"audit": (50, 0), "queue": (10, 0)}


def test_sent_again_changes_and_never_doubles(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    run = with_run(store, 12)
    pushed(store, run, where, name)
    again = pushed(store, run, where, name)
    assert (again.pushed.sent, again.pushed.unchanged) == (0, 12)
    first = owner.records(name)[0]
    owner.say(first, decision="approve", reasons=["very good example"])
    edit(store, first["external_id"], "Other words.")
    changed = pushed(store, run, where, name)
    assert (changed.pushed.sent, changed.pushed.unchanged) == (1, 11)
    found = owner.records(name)
    assert len(found) == 12 and found[0]["fields"]["response-1"] == "Other words." and len(found[0]["responses"]) == 1

    # another question about the same rows: the dataset does not fit, and a free name is offered
    amend(store, run, review=Review(aspects=("truthfulness",)))
    with pytest.raises(DatasetMismatch, match=f"'{name}-2' is free") as caught:
        pushed(store, run, where, name)
    assert caught.value.free == f"{name}-2"
    assert pushed(store, run, where, caught.value.free).pushed.sent == 12


def test_what_is_no_longer_suggested_goes(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    run = with_run(store, 3)
    pushed(store, run, where, name)
    (row, *_) = sorted(planned(store, run))
    record = next(r for r in owner.records(name) if r["external_id"] == row)
    assert len(record["suggestions"]) == 4 and "rating-mean" in record["metadata"]
    found = store.rows.get(row)
    none = [Rating(0, "helpfulness", 0, "not-applicable", None, model="judge")]
    asyncio.run(store.ratings.keep(row, content_hash(found), "another", none))
    asyncio.run(store.ratings.done(row, "another"))
    store.db.write(lambda c: c.execute("DELETE FROM ratings WHERE aspect='honesty'"))
    assert pushed(store, run, where, name).pushed.sent == 1
    record = next(r for r in owner.records(name) if r["external_id"] == row)
    names = {question["id"]: question["name"] for question in owner.questions(name)}
    assert sorted(names[s["question_id"]] for s in record["suggestions"]) == [
        "corrected-instruction", "corrected-response", "rationale-1",
    ]  # fmt: skip


def test_a_row_without_a_response_is_sent_as_well(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    run = with_run(store, 2)
    bare = store.rows.page(run.id, 0, 1)[0]
    store.rows.edit(replace(bare, responses=()), "tester")
    assert pushed(store, run, where, name).pushed.refused == []
    assert len(owner.records(name)) == 2


def test_responses_beyond_those_that_are_shown_are_told(
    store: Store, where: Argilla, owner: Reviewer, name: str
) -> None:
    sent = pushed(store, with_run(store, 2, responses=9), where, name)
    assert sent.shortened == 2
    assert shortened(2) == "2 rows have more than 8 responses: the first 8 are shown." and not shortened(0)
    (record, _) = owner.records(name)
    assert "response-8" in record["fields"] and "response-9" not in record["fields"]


def test_rows_come_and_go(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    run = with_run(store, 5)
    sent = pushed(store, run, where, name)
    ids = sorted(planned(store, run))

    # somebody deletes a record in Argilla: it is sent again
    gone = next(record for record in owner.records(name) if record["external_id"] == ids[0])
    owner.http.delete(f"/api/v1/datasets/{sent.to.id}/records", params={"ids": gone["id"]}).raise_for_status()
    again = pushed(store, run, where, name)
    assert (again.pushed.sent, again.pushed.unchanged) == (1, 4) and len(owner.records(name)) == 5

    # a row that the run dropped stays in Argilla until it is taken out; and comes back when the row does
    store.db.write(lambda c: c.execute("UPDATE rows SET state='surplus' WHERE id=?", (ids[1],)))
    left = pushed(store, run, where, name)
    assert (left.dropped, left.withdrawn, len(owner.records(name))) == (1, 0, 5)
    out = pushed(store, run, where, name, withdraw=True)
    assert (out.dropped, out.withdrawn, len(owner.records(name))) == (0, 1, 4)
    assert store.runs.counts(run.id).sent == 4 and ids[1] not in store.pushes.were_sent(ids)
    store.db.write(lambda c: c.execute("UPDATE rows SET state='kept' WHERE id=?", (ids[1],)))
    assert store.pushes.waiting(run.id, "embedded", name) == 1
    back = pushed(store, run, where, name)
    assert (back.pushed.sent, back.dropped) == (1, 0) and len(owner.records(name)) == 5


def test_two_runs_in_one_dataset(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    one, other = with_run(store, 3), with_run(store, 4, name="lakes-1")
    pushed(store, one, where, name)
    sent = pushed(store, other, where, name)
    assert len(owner.records(name)) == 7
    gone = next(record for record in owner.records(name) if record["external_id"].startswith(one.id))
    owner.http.delete(f"/api/v1/datasets/{sent.to.id}/records", params={"ids": gone["id"]}).raise_for_status()
    assert pushed(store, one, where, name).pushed.sent == 1 and len(owner.records(name)) == 7


def test_an_audit_without_suggestions(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    run = with_run(store, 55, made_of(review={"blind_audit": True}))
    pushed(store, run, where, name)
    for record in owner.records(name):
        asked = {suggestion["question_id"]: suggestion for suggestion in record["suggestions"]}
        blind = record["metadata"]["sample"] == "audit"
        assert len(asked) == (2 if blind else 3)  # the two texts to correct; a rating
        assert ("rationale-1" in record["fields"]) == (not blind)
        assert ("rating-mean" in record["metadata"]) == (not blind)
    assert pushed(store, run, where, name).open_audits == 0
    for record in (owner.records(name)[0], owner.records(name)[-1]):
        owner.say(record, decision="approve")
    workflow.pull(make_workspace(store), run, where)
    said = store.verdicts.of(list(planned(store, run)))
    assert [said[row][0].blind for row in planned(store, run) if said[row]] == [True, False]


def test_a_dataset_of_an_earlier_version_goes_on(store: Store, where: Argilla, owner: Reviewer, name: str) -> None:
    """It asks about the labeller's reasons also where the audit is blind, and not which response a correction is of."""
    run = with_run(store, 55, made_of(review={"blind_audit": True}), responses=2)
    with Server(where.url, where.key) as server:
        earlier = settings(Shape(2), Review(blind_audit=False), ("helpfulness", "honesty"), "Rate.")
        earlier.questions.remove(earlier.questions["correction-of"])
        earlier.metadata.remove(earlier.metadata["reviewers"])
        target(server, name, "", earlier)
    assert pushed(store, run, where, name).pushed.sent == 55
    assert [push["dataset"] for push in store.pushes.of_run(run.id)] == [name]
    names = {question["id"]: question["name"] for question in owner.questions(name)}
    for record in owner.records(name):
        assert "rationale-1" not in record["fields"]
        suggested = {names[suggestion["question_id"]] for suggestion in record["suggestions"]}
        assert ("rationale-1" in suggested) == (
            record["metadata"]["sample"] == "queue"
        ) and "correction-of" not in suggested
    assert pushed(store, run, where, name).pushed.unchanged == 55


def test_a_dataset_with_other_levels_does_not_fit(argilla: ArgillaServer, name: str) -> None:
    with Server(argilla.url, argilla.api_key) as server:
        of_five, of_ten = (
            settings(Shape(1), Review(rubrics=(tone,), aspects=("Tone",)), ("tone",), "Rate.")
            for tone in (Rubric(name="Tone", question="Is it kind?", levels=tuple("abcdefghij"[:n])) for n in (5, 10))
        )
        target(server, name, "", of_five)
        target(server, name, "", of_five)
        with pytest.raises(DatasetMismatch, match="its question 'tone-1' has 5 levels instead of 10"):
            target(server, name, "", of_ten)


def test_records_of_an_earlier_version_look_as_they_did() -> None:
    """The first name is what the version before checks gave the records: under another one all of them are sent again."""
    about = About("run", "Task", "gen", ("helpfulness",), ("helpfulness",))
    assert _looks(about, Shape(2, talk=True)) == "d3bd817dab102546"
    checked = replace(about, checks=(("json", "json 1"),))
    assert _looks(checked, Shape(2, talk=True)) != "d3bd817dab102546"


HOSTILE = {
    "script": "<script>fetch('http://evil.example/')</script><img src=x onerror=alert(1)> </textarea>",
    "control": "a\x07b\x1b[31mc\x7f\u0085\u2028\u202e",
    "surrogate": "half \ud83d of an emoji and \0 nothing",
    "formula": "=HYPERLINK(\"http://evil.example/\",\"x\")",
    "long": "word " * 200_000,
    "markup": "{{ 7*7 }} ${7*7} {% raw %} [x](javascript:alert(1)) ![](http://evil.example/x.png)",
}  # fmt: skip


def test_hostile_texts_are_sent_so_that_they_are_shown_or_refused_by_name(
    store: Store, where: Argilla, owner: Reviewer, name: str
) -> None:
    run = with_run(store, len(HOSTILE) + 1)
    rows = store.rows.page(run.id, 0, 50)
    for row, text in zip(rows, HOSTILE.values(), strict=False):
        edit(store, row.id, text)
    sent = pushed(store, run, where, name)
    assert (sent.pushed.sent, sent.pushed.refused) == (len(rows), [])
    found = {record["external_id"]: record for record in owner.records(name)}
    for row, (kind, text) in zip(rows, HOSTILE.items(), strict=False):
        wanted = text.replace("\ud83d", "?").replace("\0", "\ufffd")
        there = found[row.id]["fields"]["response-1"]
        assert plain(there) == wanted and "<script" not in there, kind


def test_a_record_that_argilla_refuses_is_named_and_the_rest_goes_through(
    store: Store, where: Argilla, owner: Reviewer, name: str, tmp_path: Path
) -> None:
    run = with_run(store, 9)
    rows = store.rows.page(run.id, 0, 50)
    said: Message = {"role": "user", "content": "Again?"}
    talk = (said,) * 501  # one more than a chat field takes
    store.rows.edit(replace(rows[4], messages=talk), "tester")
    sent = pushed(store, run, where, name)
    assert sent.pushed.sent == 8 and [row for row, _ in sent.pushed.refused] == [rows[4].id]
    assert len(owner.records(name)) == 8 and store.pushes.waiting(run.id, "embedded", name) == 1
    assert pushed(store, run, where, name).pushed.unchanged == 8


def test_any_rating_of_several_aspects_is_asked(
    here: Settings, store: Store, where: Argilla, owner: Reviewer, name: str
) -> None:
    made = made_of(review={"aspects": ["helpfulness", "honesty"], "min_submitted": 2})
    run = with_run(store, 3, made, responses=2, rate=rated)
    sent = pushed(store, run, where, name)
    assert [q for q in sent.to.questions if q[-1].isdecimal() and not q.startswith("rationale")] == [
        "helpfulness-1", "honesty-1", "helpfulness-2", "honesty-2",
    ]  # fmt: skip
    record = owner.records(name)[0]
    owner.say(record, decision="unsure", helpfulness_1=5, honesty_1=4, helpfulness_2=1, reasons=["harmful"])
    done = workflow.pull(make_workspace(store), run, where)
    assert (done.rows_reviewed, done.approved, done.undecided) == (1, 0, 1)
    judged = reviewed_rows.judged_of(store, run, [record["external_id"]])[record["external_id"]]
    assert (judged.rated_by_people(0), judged.said_of(0, "honesty"), judged.rated_by_people(1)) == (4.5, [4], 1)
    assert judged.submitted[0].reasons == ["harmful"]
