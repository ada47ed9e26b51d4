"""Responses of blind audit rows stand in an order of their own, and what is said of them comes back to the right ones."""

import random
import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app import workflow
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.store.runs import Run
from app.store.store import Store
from feedback.response_order import arranged, letter, order_of, slots, to_places, to_slots
from tasks.types import Response
from tests.make_reviewed_rows import ROW
from tests.make_runs import Reviewer, made_of, with_run
from tests.make_workspace import make_workspace

names = st.builds(
    "{}-{}".format, st.sampled_from(["helpfulness", "rating", "rationale", "instruction-following"]), st.integers(1, 9)
)


@given(
    order=st.permutations(range(6)) | st.permutations(range(8)) | st.just([]),
    answers=st.dictionaries(names | st.sampled_from(["decision", "reasons", "corrected-response"]), st.integers(1, 5)),
    ranks=st.permutations(range(1, 9)),
)
def test_there_and_back_nothing_moves(order: list[int], answers: dict[str, Any], ranks: list[int]) -> None:
    said = {
        **answers,
        "ranking": [{"value": f"response-{k}", "rank": rank} for k, rank in enumerate(ranks, 1)],
        "correction-of": f"response-{ranks[0]}",
    }
    assert to_places(to_slots(said, order), order) == said == to_slots(to_places(said, order), order)
    assert to_places(said, []) == said
    for slot, place in enumerate(order):
        assert to_places({f"honesty-{slot + 1}": 3}, order) == {f"honesty-{place + 1}": 3}
        corrected = to_places({"correction-of": f"response-{slot + 1}"}, order)
        assert corrected == {"correction-of": f"response-{place + 1}"}


@given(seed=st.integers(0, 2**31), row=st.text(max_size=20), responses=st.integers(0, 12))
def test_an_order_has_each_response_that_is_shown_once(seed: int, row: str, responses: int) -> None:
    order = order_of(seed, row, responses)
    assert sorted(order) == list(range(min(responses, 8))) and order == order_of(seed, row, responses)


def test_a_slot_keeps_its_response_whatever_comes_and_goes() -> None:
    def texts(responses: int) -> list[str]:
        row = replace(ROW, responses=tuple(Response(f"R{k}", "m") for k in range(responses)))
        return [response.text for response in arranged(row, [2, 0, 1]).responses]

    for responses in (2, 3, 5):
        for place, slot in slots([2, 0, 1], responses).items():
            assert texts(responses)[slot] == f"R{place}"
        assert len(slots([2, 0, 1], responses)) == responses
    assert [letter(slot) for slot in (0, 25, 26, 51, 52)] == ["A", "Z", "AA", "AZ", "BA"]
    assert texts(3) == ["R2", "R0", "R1"]
    assert texts(5) == ["R2", "R0", "R1", "R3", "R4"]
    assert texts(2) == ["", "R0", "R1"]


# -- in the real Argilla


def shown(record: dict[str, Any]) -> list[int]:
    """The places of the responses of a record by slot, as their texts say."""
    found = [re.search(r"said by (\d)", record["fields"].get(f"response-{k}") or "") for k in range(1, 9)]
    return [int(text[1]) for text in found if text]


def test_what_is_said_in_argilla_comes_back_to_the_right_responses(
    store: Store, where: Argilla, owner: Reviewer
) -> None:
    """Each response gets the rating and the rank that its text names; the first that is shown is corrected."""
    name = f"arranged-{random.randrange(10**9)}"
    run = with_run(store, 12, made_of(review={"blind_audit": True}), responses=4)
    push(store, run, where, name)
    records = owner.records(name)
    orders = {record["external_id"]: shown(record) for record in records}
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) > 3  # of 24 orders, 12 rows take more than three
    responses = {}
    for record in records:
        order = shown(record)
        for slot, place in enumerate(order, 1):
            assert record["metadata"][f"model-{slot}"] == f"model-{place}"
        assert {suggestion["agent"] for suggestion in record["suggestions"]} == {"input"}
        answers: dict[str, Any] = {f"helpfulness_{slot}": place + 1 for slot, place in enumerate(order, 1)}
        answers["ranking"] = [{"value": f"response-{slot}", "rank": place + 1} for slot, place in enumerate(order, 1)]
        said = owner.say(record, decision="approve", corrected_response="Better.", **answers)
        responses[record["external_id"]] = said
    workflow.pull(make_workspace(store), run, where)
    for row, judged in reviewed_rows.judged_of(store, run, list(orders)).items():
        assert [judged.rated_by_people(place) for place in range(4)] == [1, 2, 3, 4]
        assert [judged.ranked_by_people(place) for place in range(4)] == [1, 2, 3, 4]
        assert judged.corrected_response() == ("Better.", orders[row][0])
        (found,) = judged.verdicts
        assert found.blind and len(found.own_ratings) == 4 and found.own_ranking

    # sent again, nothing moves; a changed answer comes back to its place, too
    assert push(store, run, where, name).pushed.sent == 0
    row, order = next(iter(orders.items()))
    changed: dict[str, Any] = {"decision": "reject", f"helpfulness_{order.index(2) + 1}": 1}
    owner.change(responses[row], **changed)
    workflow.pull(make_workspace(store), run, where)
    (judged,) = reviewed_rows.judged_of(store, run, [row]).values()
    assert (judged.decision, [judged.rated_by_people(place) for place in range(4)]) == ("reject", [None, None, 1, None])


def test_a_response_more_keeps_the_others_where_they_are(store: Store, where: Argilla, owner: Reviewer) -> None:
    name = f"arranged-{random.randrange(10**9)}"
    run = with_run(store, 6, made_of(review={"blind_audit": True}), responses=4)
    rows = [row.id for row in store.rows.page(run.id, 0, 6)]
    fewer = store.rows.get(rows[0])
    store.rows.edit(replace(fewer, responses=fewer.responses[:3]), "me")
    push(store, run, where, name)
    before = {record["external_id"]: shown(record) for record in owner.records(name)}
    store.rows.edit(fewer, "me")
    push(store, run, where, name)
    records = {record["external_id"]: record for record in owner.records(name)}
    assert shown(records[rows[0]]) == [*before[rows[0]], 3] and sorted(before[rows[0]]) == [0, 1, 2]
    assert all(shown(records[row]) == before[row] for row in rows[1:])
    owner.say(records[rows[0]], decision="approve", helpfulness_4=5, helpfulness_1=2)
    workflow.pull(make_workspace(store), run, where)
    (judged,) = reviewed_rows.judged_of(store, run, [rows[0]]).values()
    assert (judged.rated_by_people(3), judged.rated_by_people(before[rows[0]][0])) == (5, 2)


def test_what_is_decided_in_the_app_goes_to_the_right_slots(store: Store, where: Argilla, owner: Reviewer) -> None:
    name = f"arranged-{random.randrange(10**9)}"
    run = with_run(store, 8, made_of(review={"blind_audit": True}), responses=4)
    rows = [row.id for row in store.rows.page(run.id, 0, 8)]
    push(store, run, where, name)
    ratings = {f"helpfulness-{place + 1}": place + 1 for place in range(4)}
    for row in rows:
        store.local_verdicts.say(row, "me", {"decision": "approve", **ratings}, {}, blind=True)
    assert push(store, run, where, name).decided == 8
    for record in owner.records(name):
        (said,) = record["responses"]
        assert [said["values"][f"helpfulness-{slot}"]["value"] - 1 for slot in range(1, 5)] == shown(record)
    assert workflow.pull(make_workspace(store), run, where).new == 0  # it is what was known
    record = owner.records(name)[0]
    (said,) = record["responses"]
    slot = shown(record).index(3) + 1
    values = {name.replace("-", "_"): value["value"] for name, value in said["values"].items()}
    owner.change(said, **{**values, f"helpfulness_{slot}": 1})
    assert workflow.pull(make_workspace(store), run, where).new == 1
    (judged,) = reviewed_rows.judged_of(store, run, [record["external_id"]]).values()
    assert [judged.rated_by_people(place) for place in range(4)] == [1, 2, 3, 1]


def test_what_is_sent_with_suggestions_keeps_its_own_order(store: Store, where: Argilla, owner: Reviewer) -> None:
    name = f"arranged-{random.randrange(10**9)}"
    run = with_run(store, 60, made_of(review={"blind_audit": True}), responses=4)
    push(store, run, where, name)
    queue = [record for record in owner.records(name) if record["metadata"]["sample"] == "queue"]
    assert len(queue) == 10 and all(shown(record) == [0, 1, 2, 3] for record in queue)
    opened = with_run(store, 5, made_of(review={"blind_audit": False}), responses=4, name="lakes-1")
    push(store, opened, where, f"{name}-open")
    assert all(shown(record) == [0, 1, 2, 3] for record in owner.records(f"{name}-open"))


def push(store: Store, run: Run, where: Argilla, name: str) -> Any:
    return workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
