"""A correction while others decide the same row: nothing that somebody said is replaced unasked, nothing typed is lost."""

from dataclasses import replace
from typing import Any

from app.config import Settings
from app.store.runs import Run
from app.store.store import Store
from app.web.page_builder import Act
from app.web.pages.review import filters, page, verdict
from app.web.state import AppState
from tests.desks import SOMEBODY, at_desk
from tests.rows import with_run

ME = "tester (in the app)"


def pressed(desk: AppState, run: Run, place: dict[str, Any], **data: Any) -> dict[str, Any]:
    """The place after a click on one of the row's buttons."""
    done = page.browse(Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), place, data))
    return {**place, **done.place}


def test_a_row_that_was_decided_meanwhile_is_not_replaced_unasked(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    with at_desk(store, here) as desk:
        place = pressed(desk, run, {"row": row}, act="correct", row=row)
        act = Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), place, extra=["0", "Name a river.", "Mine."])
        assert verdict.meanwhile(act.look) == ""
        desk.reviewer(SOMEBODY, deciding=True)
        store.quick.say(row, ME, {"decision": "reject"}, {})  # in another tab
        assert verdict.meanwhile(act.look).startswith(f"While you were writing, {ME} rejected it.")
        assert verdict.correct(act).place == {}
        assert [v.decision for v in store.reviews.verdicts([row])[row]] == ["reject"]
        assert verdict.correct(act, anyway=True).place["correcting"] == ""
        (mine,) = store.reviews.verdicts([row])[row]
        assert mine.decision == "approve" and mine.answers["corrected-response"] == "Mine."

        place = pressed(desk, run, {"row": row}, act="correct", row=row)
        store.quick.say(row, "bob", {"decision": "unsure"}, {})
        told = verdict.meanwhile(desk.look(SOMEBODY, run.id, place))
        assert "bob was unsure" in told and "stands beside that" in told


def test_a_covered_row_does_not_tell_what_others_came_to(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    store.reviews.plan(store.reviews.begin_push(run.id, "a", "d", "d", "w", 1, ""), {row: 0.0}, blind_audit=True)
    with at_desk(store, here) as desk:
        place = pressed(desk, run, {"row": row}, act="correct", row=row)
        store.quick.say(row, "bob", {"decision": "reject"}, {})
        assert verdict.meanwhile(desk.look(SOMEBODY, run.id, place)) == ""


def test_what_was_written_comes_back_with_its_row(store: Store, here: Settings) -> None:
    run = with_run(store, 3, responses=2)
    row, beside = (f"{run.id}-{k:06}-0" for k in (0, 1))
    with at_desk(store, here) as desk:
        place = pressed(desk, run, {"row": row}, act="correct", row=row, focus=1)
        assert place["of"] == 1
        begun = list(place["corrected"])
        assert "drafts" not in pressed(desk, run, place, act="step", row=row, by="1", written=begun)
        left = pressed(desk, run, place, act="step", row=row, by="1", written=["Asked anew.", begun[1]])
        assert left["row"] == beside and left["correcting"] == ""
        back = pressed(desk, run, pressed(desk, run, left, act="open", row=row), act="correct", row=row)
        assert back["corrected"] == ("Asked anew.", begun[1]) and back["of"] == 1
        act = Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), back)
        assert verdict.leave_it(act).place == {"correcting": "", "drafts": {}}
        odd = replace(act, data={"act": "raw", "row": row, "written": [1, 2]})
        assert "drafts" not in page.browse(odd).place


def test_what_is_being_written_outlives_a_search_and_a_decision_on_other_rows(store: Store, here: Settings) -> None:
    run = with_run(store, 3, responses=2)
    row, other = (f"{run.id}-{k:06}-0" for k in (0, 2))
    with at_desk(store, here) as desk:
        place = pressed(desk, run, {"row": row}, act="correct", row=row)
        act = Act(desk, SOMEBODY, run.id, {**desk.filled(SOMEBODY), "browse.text": "river 2"}, place)
        for done in (filters.asked(act), filters.clear(act)):
            after = {**place, **done.place}
            assert (after["row"], after["correcting"]) == (row, row)
        chosen = pressed(desk, run, place, act="select", row=other)
        decided = pressed(desk, run, chosen, act="bulk", word="reject")
        assert (decided["row"], decided["correcting"]) == (row, row)
        elsewhere = filters.asked(Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), {"row": row}))
        assert elsewhere.place == {"offset": 0, "row": ""}
