"""Why rows were rejected is counted on Insights and leads to the rows; neither it nor Rate lists rows of a blind audit."""

import pytest

from app.config import Settings
from app.errors import PageError
from app.store.store import Store
from app.web import stats
from app.web.page_builder import Act
from app.web.pages import insights, rejection_reasons
from app.web.pages.rating import issues as rating_issues
from app.web.pages.review import filters
from app.web.pages.review.rows import rows
from app.web.tab_state import NEW_TAB
from feedback.types import Rating, Verdict
from tests.make_runs import all_said, with_run
from tests.make_state import after, at_desk

BAD = "<b>bad</b> & worse"


def test_reasons_are_counted_and_lead_to_their_rows(store: Store, here: Settings) -> None:
    run = with_run(store, 5)
    ids = [row.id for row in store.rows.page(run.id, 0, 5)]

    def said(number: int, name: str, decision: str, *ticked: str) -> Verdict:
        answers = {"decision": decision, "reasons": list(ticked)}
        return Verdict(ids[number], name, "submitted", answers, {}, "c", f"{name}{number}", name, "2026", "2026")

    with at_desk(store, here) as desk:
        view = desk.look("first", run.id)
        assert "Nobody has rejected a row yet." in rejection_reasons.panel(view)
        all_said(
            store, "d",
            [
                said(0, "ann", "reject", "harmful", BAD), said(0, "ben", "reject", "harmful"), said(1, "ann", "reject", "harmful"),
                said(2, "ann", "reject"), said(3, "ann", "approve", "very good example"),
            ],
        )  # fmt: skip
        view = desk.look("first", run.id)
        page = rejection_reasons.panel(view)
        assert "4 rejections of 3 rows, 3 with a reason" in page
        assert "<b>2 rows (3 times)</b>" in page and "<b>1 row</b>" in page and "<b>bad</b>" not in page
        assert page.index("harmful") < page.index("&lt;b&gt;bad") < page.index("Ticked with other decisions")
        assert "Approved: very good example" in page and rejection_reasons.TITLE in insights.panels(view)

        act = Act(desk, "first", run.id, desk.filled("first"), NEW_TAB, {"act": "reason", "reason": "reject harmful"})
        done = insights.pressed(act)
        assert done is not None and done.page == "review" and done.fill is not None
        desk.keep("first", dict(done.fill))
        view = desk.look("first", run.id, after(done))
        shown = rows(view)
        assert "1–2 of 2" in shown and filters.chosen(view) == ["reason"]
        desk.keep("first", {"browse.mark": "refusal"})
        nothing = rows(desk.look("first", run.id))
        assert "No row has all of this: mark “Refusal”; reason “Rejected: harmful”." in nothing
        assert "Without mark “Refusal”: 2 rows." in nothing and 'data-act="clear-filters"' in nothing
        cleared = filters.act_on(Act(desk, "first", run.id, desk.filled("first"), NEW_TAB, {"act": "clear-filters"}))
        assert cleared is not None and cleared.fill is not None and not cleared.fill["browse.reason"]
        with pytest.raises(PageError):
            insights.pressed(Act(desk, "first", run.id, {}, NEW_TAB, {"act": "reason", "reason": "reject no such"}))
        assert filters.chosen(desk.look("second", run.id)) == []


def test_rate_lists_no_row_of_a_blind_audit(store: Store, here: Settings) -> None:
    """Its ratings are covered; how many there are is said."""

    def far_apart(number: int, responses: int) -> list[Rating]:
        if number % 2:
            return [Rating(0, "helpfulness", 0, "unrated", None, note=f"no rating of {number}")]
        return [Rating(0, "helpfulness", repeat, "rated", value, "Why.") for repeat, value in enumerate((1.0, 5.0))]

    run = with_run(store, 4, rate=far_apart)
    ids = [row.id for row in store.rows.page(run.id, 0, 4)]
    with at_desk(store, here) as desk:
        desk.counted(run, stats.wide)
        page = rating_issues.first(desk.look("first", run.id))
        assert page.count("<li>") == 4 and "blind audit" not in page
        push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
        store.pushes.plan(push, dict.fromkeys(ids[2:], 0.0), blind_audit=True)
        desk.counted(run, stats.wide)
        page = rating_issues.first(desk.look("first", run.id))
        assert page.count("<li>") == 2 and ids[0] in page and ids[1] in page
        assert ids[2] not in page and ids[3] not in page and "no rating of 3" not in page
        assert "2 rows of the blind audit are not listed here: people judge them before" in page


def test_what_filters_and_orders_do_with_covered_rows_is_said(store: Store, here: Settings) -> None:
    run = with_run(store, 5)
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {f"{run.id}-{k:06}-0": 0.0 for k in range(2)}, blind_audit=True)
    with at_desk(store, here) as desk:

        def says(**fields: str) -> str:
            desk.keep("first", filters.nothing() | {f"browse.{name}": value for name, value in fields.items()})
            return filters.left_out(desk.look("first", run.id))

        assert says() == "" == says(text="river")
        left = "2 rows of the blind audit that you have not decided yet are left out: the filter would tell"
        assert left in says(rating="low") and left in says(status="reject", order="lowest")
        assert "2 rows of the blind audit that you have not decided yet come last: their ratings are covered" in says(
            order="lowest"
        )
        store.local_verdicts.say(f"{run.id}-000000-0", "tester (in the app)", {"decision": "approve"}, {}, blind=True)
        assert "1 row of the blind audit that you have not decided yet is left out" in says(rating="low")
        store.local_verdicts.say(f"{run.id}-000001-0", "tester (in the app)", {"decision": "approve"}, {}, blind=True)
        assert says(rating="low") == ""


def test_the_usual_order_is_the_queues_once_rows_were_sent(store: Store, here: Settings) -> None:
    run = with_run(store, 3)
    ids = [row.id for row in store.rows.page(run.id, 0, 3)]
    with at_desk(store, here) as desk:
        assert filters.orders(desk.look("first", run.id))["choices"][0] == ("In their order", "")
        assert filters.wanted(desk.look("first", run.id)).order == ""
        push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
        store.pushes.plan(push, {ids[2]: 1.0}, blind_audit=False)
        store.pushes.keep_sent(push, [(ids[2], "h", {})], "2026")
        view = desk.look("first", run.id)
        assert filters.orders(view)["choices"][:2] == [("As in the queue", ""), ("In their order", "own")]
        assert filters.wanted(view).order == "queue"
        page = rows(view)
        assert page.index(ids[2]) < page.index(ids[0]) < page.index(ids[1])
        desk.keep("first", {"browse.order": "own"})
        assert filters.wanted(desk.look("first", run.id)).everything
