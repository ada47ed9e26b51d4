"""What people said of a row is read under it, and a row on which they disagree is settled in the app."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.errors import PageError, RunError
from app.review import reviewed_rows
from app.review.reviewed_rows import agreement_of
from app.runs.run_recipes import amend
from app.store import migrations
from app.store.migrations import STEPS
from app.store.runs import Run
from app.store.store import Store
from app.web.page_builder import Act, Done
from app.web.pages.review import decisions
from app.web.pages.review.rows import rows
from app.web.state import AppState
from app.web.tab_state import NEW_TAB, TabState
from feedback.exports.dataset_card import Facts, Held, Summary, card
from feedback.exports.selection import Export
from feedback.reviewed_row import MergeRule, ReviewedRow
from feedback.types import Verdict
from tasks.types import Response
from tests.make_runs import all_said, before_outcomes, edit, with_run
from tests.make_state import after, at_desk

NAME = '<b translate="no">{}</b>'
BAD = '<img src="http://evil.example/x.png" onerror="hack()"><script>hack()</script>'
RANKED = [{"value": "response-2", "rank": 1}, {"value": "response-1", "rank": 2}, {"value": "response-3", "rank": 2}]


def verdict(row: str, name: str, decision: str, **more: Any) -> Verdict:
    """Of a response in Argilla; `answers` beyond the decision, and the other parts of a verdict."""
    answers = {"decision": decision, **more.pop("answers", {})}
    found = Verdict(
        row,
        name,
        "submitted",
        answers,
        {},
        f"c-{row}",
        f"{name}-{row}",
        name,
        "2026-01-02T10:00:00",
        "2026-01-02T10:00:00",
    )
    return replace(found, **more)


def disagree(store: Store, row: str) -> None:
    """Ann approves it, Ben rejects it."""
    all_said(store, "d", [verdict(row, "ann", "approve"), verdict(row, "ben", "reject")])


def judged(store: Store, run: Run, row: str) -> ReviewedRow:
    return reviewed_rows.judged_of(store, run, [row])[row]


def press(desk: AppState, run: Run, row: str, word: str, **data: Any) -> Done:
    done = decisions.act_on(
        Act(desk, "first", run.id, desk.filled("first"), NEW_TAB, {"act": word, "row": row, **data})
    )
    assert done is not None
    return done


def test_each_reviewer_is_read_under_the_row(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=3)
    row = f"{run.id}-000000-0"
    said = {
        "helpfulness-1": 4, "helpfulness-2": 2, "honesty-1": 3, "ranking": RANKED, "reasons": ["badly written", BAD],
        "corrected-response": f"River 0, told by {BAD}.", "rationale-2": f"No: {BAD}",
        "corrected-instruction": "Name river number 0.",
    }  # fmt: skip
    origins: Any = {"helpfulness-1": "given", "helpfulness-2": "changed", "honesty-1": "accepted"}
    shown = {"corrected-response": "River 0, said by 0.", "rationale-2": "Help 2."}
    ann = verdict(row, f"ann {BAD}", "approve", answers=said, origins=origins, shown=shown)
    ben = replace(verdict(row, "ben", "reject"), status="draft", updated_at="2026-01-03T11:05:00+00:00")
    all_said(store, "d", [ann, ben])
    store.local_verdicts.say(row, "me (in the app)", {"decision": "unsure"}, {})
    with at_desk(store, here) as desk:
        page = rows(desk.look("first", run.id, TabState(row=row)))
    part = page[page.index('class="opinions"') : page.index('class="verdict"')]
    assert "<img" not in page and "<script" not in page and part.count("&lt;img") == 4
    assert part.index("ann &lt;img") < part.index(NAME.format("ben")) < part.index(NAME.format("me"))  # as they came
    assert "2 Jan 2026, 10:00 UTC, in Argilla" in part and "3 Jan 2026, 11:05 UTC, in Argilla" in part
    assert ", in the app" in part and ">draft<" in part and ">unsure<" in part
    for place, aspect, tone, value, origin in (
        ("A", "helpfulness", "high", 4, "given"), ("B", "helpfulness", "low", 2, "changed from the suggestion"),
        ("A", "honesty", "mid", 3, "accepted as suggested"),
    ):  # fmt: skip
        assert f'{place} {aspect} <b class="{tone}">{value}</b> <span class="note">{origin}' in part
    assert "B, A = C" in part and "given or accepted, not known which" in part  # the ranking's origin
    assert '<span class="reason">badly written</span>' in part
    assert "River 0, <del>said</del><ins>told</ins> by <del>0</del><ins>&lt;img" in part
    assert "On B" in part and "Instruction, corrected" not in part  # as it stood there


def test_a_correction_is_compared_with_the_response_that_it_corrects(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    texts = [response.text for response in store.rows.get(row).responses]
    said = {"corrected-response": f"{texts[1]} Indeed.", "correction-of": "response-2"}
    all_said(store, "d", [verdict(row, "ann", "approve", answers=said, shown={"corrected-response": texts[0]})])
    with at_desk(store, here) as desk:
        page = rows(desk.look("first", run.id, TabState(row=row)))
    assert "Response B, corrected" in page and f"{texts[1]}<ins> Indeed.</ins>" in page and "<del>" not in page


def test_what_others_said_of_a_covered_row_is_hidden_until_one_decides(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {row: 0.0}, blind_audit=True)
    disagree(store, row)
    with at_desk(store, here) as desk:
        covered = rows(desk.look("first", run.id, TabState(row=row)))
        assert 'class="opinions"' not in covered and "ann" not in covered and "ndecided" not in covered
        for word, data in (("settle", {"decision": "approve"}), ("unsettle", {})):
            with pytest.raises(RunError, match="judge it yourself first"):
                press(desk, run, row, word, **data)
        store.local_verdicts.say(row, "tester (in the app)", {"decision": "unsure"}, {}, blind=True)
        desk.reviewer("first", deciding=True)
        shown = rows(desk.look("first", run.id, TabState(row=row)))
        assert NAME.format("ann") in shown and "without the labeller&#39;s ratings in sight" in shown
        press(desk, run, row, "settle", decision="approve")
    assert judged(store, run, row).decision == "approve"


def test_an_undecided_row_is_settled_and_the_verdicts_stay(store: Store, here: Settings) -> None:
    run = with_run(store, 3, responses=2)
    row, other, _ = [one.id for one in store.rows.page(run.id, 0, 3)]
    all_said(
        store, "d",
        [verdict(row, "ann", "approve"), verdict(row, "ben", "reject"), verdict(other, "ann", "approve")],
    )  # fmt: skip
    before = agreement_of(store, run)
    with at_desk(store, here) as desk:
        page = rows(desk.look("first", run.id, TabState(row=row)))
        assert "<b>Undecided</b>: 1 approved, 1 rejected" in page and "Settle as approved" in page
        assert press(desk, run, row, "settle", decision="reject").toast == "Settled as rejected."
        with pytest.raises(RunError, match="settled this row already"):
            press(desk, run, row, "settle", decision="approve")
        with pytest.raises(RunError, match="not undecided"):
            press(desk, run, other, "settle", decision="approve")
        with pytest.raises(PageError):
            press(desk, run, row, "settle", decision="unsure")
        page = rows(desk.look("first", run.id, TabState(row=row)))
        assert "<b>Settled as rejected by tester</b>" in page and "rejected · settled by tester" in page

        counts = store.runs.counts(run.id)
        assert [getattr(counts, name) for name in ("approved", "rejected", "undecided", "settled")] == [1, 1, 0, 1]
        found = judged(store, run, row)
        assert (found.decision, found.reviewers_decision) == ("reject", "unsure")
        assert [one.decision for one in found.submitted] == ["approve", "reject"]
        assert agreement_of(store, run) == before
        assert not Export().takes(found) and Export(decision="rejected").takes(found)
        (line,) = reviewed_rows.foresee(store, run, Export(format="raw", decision="rejected")).first
        assert line["settled_by"] == "tester (in the app)" and line["decision"] == "reject"
        assert line["reviewers_decision"] == "unsure" and line["settled_at"].startswith("20")
        held = Held()
        held.add(line, "train")
        assert held.settled == {row} and held.decisions["reject"] == 1
        about = Facts(run=run.id, name=run.name, task="existing", recipe={}, generator="none")
        assert "Of 1 the reviewers came to nothing; each was settled by one person." in card(
            "", "me/rivers", Export(hub="me/rivers"), about, Summary(), held, 1, {}
        )

        assert press(desk, run, row, "unsettle").toast == "Settlement undone."
        assert judged(store, run, row).decision == "unsure" and store.runs.counts(run.id).undecided == 1
        press(desk, run, row, "settle", decision="approve")  # each version is kept
        kept = store.db.all("SELECT decision, who, undone IS NULL stands FROM settlements ORDER BY id")
        assert [tuple(one) for one in kept] == [
            ("reject", "tester (in the app)", 0), ("approve", "tester (in the app)", 1),
        ]  # fmt: skip
        assert Export().takes(judged(store, run, row))


def test_who_settles_is_asked_for_a_name(store: Store, here: Settings) -> None:
    run = with_run(store, 1)
    (row,) = [one.id for one in store.rows.page(run.id, 0, 1)]
    disagree(store, row)
    with at_desk(store, here) as desk:
        desk.reviewer("first", deciding=True)
        act = Act(
            desk, "second", run.id, desk.filled("second"), NEW_TAB, {"act": "settle", "row": row, "decision": "approve"}
        )
        asked = decisions.act_on(act)
        assert asked is not None
        pending = after(asked).review.pending
        assert pending is not None and pending["act"] == "settle"
        from app.web.pages.review import page as review_page
        from app.web.pages.review import verdict as verdicts

        verdicts.be(replace(act, data={}, tab=after(asked), extra=["Ada"]), do=review_page.pressed)
        assert "settled by Ada" in rows(desk.look("second", run.id, TabState(row=row)))


def test_a_settlement_lasts_as_long_as_there_is_something_to_settle(store: Store) -> None:
    run = with_run(store, 1)
    (row,) = [one.id for one in store.rows.page(run.id, 0, 1)]
    disagree(store, row)
    store.settlements.settle(row, "approve", "ada")
    all_said(store, "d", [verdict(row, "ann", "reject"), verdict(row, "ben", "reject")])  # they changed their minds
    assert judged(store, run, row).decision is not None
    all_said(store, "d", [])
    assert judged(store, run, row).decision is None
    assert [getattr(store.runs.counts(run.id), name) for name in ("approved", "rejected", "reviewed", "settled")] == [
        0,
        0,
        0,
        0,
    ]


@pytest.mark.parametrize("rule", ["majority", "unanimous"])
def test_the_store_counts_as_a_row_does(store: Store, rule: Any) -> None:
    """Whatever was said and settled, the counts are those of the rows one by one."""
    run = with_run(store, 9)
    run = amend(store, run, merge=MergeRule(decision=rule))
    ids = [row.id for row in store.rows.page(run.id, 0, 9)]
    votes = ["a", "r", "u", "ar", "aar", "arr", "au", "uu", "aarr"]
    word = {"a": "approve", "r": "reject", "u": "unsure"}
    all_said(
        store, "d",
        [verdict(row, f"p{k}", word[one]) for row, some in zip(ids, votes, strict=True) for k, one in enumerate(some)],
    )  # fmt: skip
    for settled in (None, ids[3], ids[8], ids[7]):
        if settled:
            store.settlements.settle(settled, "reject" if settled == ids[3] else "approve", "ada")
        found = [one.decision for one in reviewed_rows.judged_rows(store, run)]
        counts = store.runs.counts(run.id)
        assert [getattr(counts, name) for name in ("approved", "rejected", "undecided")] == [
            found.count("approve"), found.count("reject"), found.count("unsure"),
        ]  # fmt: skip


def test_a_store_of_the_schema_before_is_brought_up_to_date(tmp_path: Path) -> None:
    """Marks, audit and the queue's order are worked out for what is there."""
    with Store(tmp_path) as store:
        run = with_run(store, 3, responses=2)
        ids = [row.id for row in store.rows.page(run.id, 0, 3)]
        cut = store.rows.get(ids[1])
        answers = (Response("I'm sorry, but I can't help with that.", "m", finish_reason="stop"), cut.responses[1])
        store.rows.edit(replace(cut, responses=answers), "me")
        push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
        store.pushes.plan(push, {ids[0]: 0.5, ids[2]: 2.0}, blind_audit=True)
        store.pushes.keep_sent(push, [(ids[0], "h", {})], "2026")
        disagree(store, ids[0])
        before = store.db.all("SELECT id, marks, blind, sample, queue FROM rows ORDER BY id")
        responses = store.db.all("SELECT row, place, marks FROM responses ORDER BY row, place")
        assert [row["marks"] for row in before] == ["", "refusal", ""] and [row["blind"] for row in before] == [1, 0, 1]
    step = STEPS.index(migrations.m014_outcomes)
    with sqlite3.connect(tmp_path / "claywright.db") as connection:
        before_outcomes(connection)
        connection.execute("ALTER TABLE pushed DROP COLUMN number")  # of the step behind it
        connection.execute(f"PRAGMA user_version = {step}")
    connection.close()
    with Store(tmp_path) as store:
        assert store.db.all("PRAGMA user_version")[0][0] == len(STEPS)
        assert store.db.all("SELECT id, marks, blind, sample, queue FROM rows ORDER BY id") == before
        assert store.db.all("SELECT row, place, marks FROM responses ORDER BY row, place") == responses
        assert store.settlements.of(ids) == {}
        store.settlements.settle(ids[0], "approve", "ada")
        edit(store, ids[1], "A river.")  # what is marked follows from now on
        assert store.rows.marked(run.id) == {}


def test_answers_of_any_kind_are_read(store: Store, here: Settings) -> None:
    """Whatever an Argilla holds: what is not known is left out, and nothing breaks the page."""
    run = with_run(store, 1)
    (row,) = [one.id for one in store.rows.page(run.id, 0, 1)]
    odd = {
        "note": "Mind the gap.",
        "ranking": [{"rank": "x"}, 3],
        "reasons": "text",
        "helpfulness-9": 5,
        "other": {"a": [1]},
    }
    all_said(store, "d", [verdict(row, "ann", "approve", answers=odd, updated_at="yesterday")])
    with at_desk(store, here) as desk:
        page = rows(desk.look("first", run.id, TabState(row=row)))
    assert "Mind the gap." in page and "<dt>Note</dt>" in page and "yesterday" in page
    assert json.dumps(odd["other"]) not in page
