"""Row after row: which one comes after a verdict, a key or ‹ ›, whatever is listed."""

from typing import Any

from app.config import Settings
from app.store.runs import Run
from app.store.store import Store
from app.web.page_builder import Act, Done
from app.web.pages.review import page
from app.web.pages.review.rows import rows
from app.web.state import AppState
from app.web.tab_state import TabState
from tests.make_runs import with_run
from tests.make_state import SOMEBODY, after, at_desk


def pressed(desk: AppState, run: Run, tab: TabState, **data: Any) -> Done:
    return page.browse(Act(desk, SOMEBODY, run.id, desk.filled(SOMEBODY), tab, data))


def test_the_next_row_comes_also_where_the_decided_one_leaves_the_list(store: Store, here: Settings) -> None:
    run = with_run(store, 13)
    ids = [row.id for row in store.rows.page(run.id, 0, 13)]
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, dict.fromkeys(ids, 0.0), blind_audit=False)
    store.pushes.keep_sent(push, [(row, "h", {}) for row in ids], "9999")
    with at_desk(store, here) as desk:
        for status in ("waiting", ""):  # of those that wait for people each is gone once it is decided
            desk.keep(SOMEBODY, {"browse.status": status, "browse.order": "own"})
            row, listed = _shown(desk.look(SOMEBODY, run.id)), list[str]()
            while row:
                listed.append(row)
                done = pressed(desk, run, TabState(row=row), act="say", said="approve", row=row, onward=True)
                row = "" if "last row" in done.toast else str(done.row)
            assert listed == ids, status
        done = pressed(desk, run, TabState(row=ids[0]), act="say", said="reject", row=ids[0], onward=False)
        assert done.row == ids[0] and done.toast == ""


def test_steps_go_beyond_a_page_and_stop_at_both_ends(store: Store, here: Settings) -> None:
    run = with_run(store, 13)
    ids = [row.id for row in store.rows.page(run.id, 0, 13)]
    with at_desk(store, here) as desk:
        tab, seen = TabState(row=ids[0]), [ids[0]]
        for _ in range(13):
            tab = after(pressed(desk, run, tab, act="step", row=tab.row, by="1"), tab)
            seen.append(tab.row)
        assert seen == [*ids, ids[-1]]
        assert "11–13 of 13" in rows(desk.look(SOMEBODY, run.id, tab))
        assert pressed(desk, run, TabState(row=ids[0]), act="step", row=ids[0], by="-1").row == ids[0]


def _shown(view: Any) -> str:
    """The row that is shown in full."""
    return str(rows(view).partition('<article class="detail"')[2].partition('data-row="')[2].partition('"')[0])
