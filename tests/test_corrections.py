"""A correction while others decide the same row: nothing that somebody said is replaced unasked, nothing typed is lost."""

from dataclasses import replace
from typing import Any

from app.config import Settings
from app.store.runs import Run
from app.store.store import Store
from app.web.page_builder import Act, Done
from app.web.pages import row_edits
from app.web.pages.review import filters, page, verdict
from app.web.state import AppState
from app.web.tab_state import NEW_TAB, ReviewPart, TabState
from tests.make_runs import with_run
from tests.make_state import SOMEBODY, after, at_desk

ME = "tester (in the app)"


def act_of(desk: AppState, run: Run, tab: TabState, **data: Any) -> Act:
    return Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), tab, data)


def pressed(desk: AppState, run: Run, tab: TabState, **data: Any) -> TabState:
    """The tab after a click on one of the row's buttons."""
    done = page.browse(act_of(desk, run, tab, **data))
    return after(done, tab)


def test_a_row_that_was_decided_meanwhile_is_not_replaced_unasked(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    with at_desk(store, here) as desk:
        tab = pressed(desk, run, TabState(row=row), act="correct", row=row)
        act = Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), tab, extra=["0", "Name a river.", "Mine."])
        assert verdict.meanwhile(act.look) == ""
        desk.reviewer(SOMEBODY, deciding=True)
        store.local_verdicts.say(row, ME, {"decision": "reject"}, {})  # in another tab
        assert verdict.meanwhile(act.look).startswith(f"While you were writing, {ME} rejected it.")
        assert after(verdict.correct(act), tab) == tab
        assert [v.decision for v in store.verdicts.of([row])[row]] == ["reject"]
        assert after(verdict.correct(act, anyway=True), tab).review.correcting is None
        (mine,) = store.verdicts.of([row])[row]
        assert mine.decision == "approve" and mine.answers["corrected-response"] == "Mine."

        tab = pressed(desk, run, TabState(row=row), act="correct", row=row)
        store.local_verdicts.say(row, "bob", {"decision": "unsure"}, {})
        told = verdict.meanwhile(desk.look(SOMEBODY, run.id, tab))
        assert "bob was unsure" in told and "stands beside that" in told


def test_a_covered_row_does_not_tell_what_others_came_to(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    store.pushes.plan(store.pushes.begin_push(run.id, "a", "d", "d", "w", 1, ""), {row: 0.0}, blind_audit=True)
    with at_desk(store, here) as desk:
        tab = pressed(desk, run, TabState(row=row), act="correct", row=row)
        store.local_verdicts.say(row, "bob", {"decision": "reject"}, {})
        assert verdict.meanwhile(desk.look(SOMEBODY, run.id, tab)) == ""


def test_what_was_written_comes_back_with_its_row(store: Store, here: Settings) -> None:
    run = with_run(store, 3, responses=2)
    row, beside = (f"{run.id}-{k:06}-0" for k in (0, 1))
    with at_desk(store, here) as desk:
        tab = pressed(desk, run, TabState(row=row), act="correct", row=row, focus=1)
        correction = tab.review.correcting
        assert correction is not None and correction.index == 1
        begun = [correction.instruction, correction.response]
        assert not pressed(desk, run, tab, act="step", row=row, by="1", written=begun).review.drafts
        left = pressed(desk, run, tab, act="step", row=row, by="1", written=["Asked anew.", begun[1]])
        assert left.row == beside and left.review.correcting is None
        back = pressed(desk, run, pressed(desk, run, left, act="open", row=row), act="correct", row=row)
        assert back.review.correcting == replace(correction, instruction="Asked anew.")
        act = Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), back)
        over = after(verdict.leave_it(act), back).review
        assert over.correcting is None and over.drafts == {}
        odd = replace(act, data={"act": "raw", "row": row, "written": [1, 2]})
        assert after(page.browse(odd), back).review.drafts == back.review.drafts


def test_what_is_being_written_outlives_a_search_and_a_decision_on_other_rows(store: Store, here: Settings) -> None:
    run = with_run(store, 3, responses=2)
    row, other = (f"{run.id}-{k:06}-0" for k in (0, 2))
    with at_desk(store, here) as desk:
        tab = pressed(desk, run, TabState(row=row), act="correct", row=row)
        act = Act(desk, SOMEBODY, run.id, {**desk.filled(SOMEBODY), "browse.text": "river 2"}, tab)
        for done in (filters.asked(act), filters.clear(act)):
            assert (after(done, tab).row, _correcting(after(done, tab))) == (row, row)
        chosen = pressed(desk, run, tab, act="select", row=other)
        decided = pressed(desk, run, chosen, act="bulk", word="reject")
        assert (decided.row, _correcting(decided)) == (row, row)
        elsewhere = filters.asked(Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), TabState(row=row, offset=10)))
        assert after(elsewhere, TabState(row=row, offset=10)) == NEW_TAB


def test_an_edit_and_a_correction_of_another_row_do_not_take_each_others_texts(store: Store, here: Settings) -> None:
    run = with_run(store, 2)
    edited, corrected = (f"{run.id}-{k:06}-0" for k in (0, 1))
    with at_desk(store, here) as desk:
        edit = row_edits.change(act_of(desk, run, NEW_TAB, act="edit", row=edited))
        tab = pressed(desk, run, after(edit), act="correct", row=corrected)
        assert _correcting(tab) == corrected and tab.generate.editing == after(edit).generate.editing
        row_edits.save_edit(replace(act_of(desk, run, tab), extra=["", "Name a stream.", "The Loire."]))
    row, other = (store.rows.get(row_id) for row_id in (edited, corrected))
    assert (row.instruction, row.responses[0].text) == ("Name a stream.", "The Loire.")
    assert other.instruction != row.instruction


def test_what_two_clicks_at_once_change_of_a_page_is_kept() -> None:
    before = TabState(review=ReviewPart(selected=("a",)))
    first = Done(own=replace(before.review, selected=("a", "b"), anchor="b"))
    second = Done(row="c", own=replace(before.review, raw="c"))
    both = second.applied(first.applied(before, before), before)
    assert both.review == ReviewPart(selected=("a", "b"), anchor="b", raw="c") and both.row == "c"


def _correcting(tab: TabState) -> str:
    return tab.review.correcting.row if tab.review.correcting is not None else ""
