"""Several rows are approved, rejected or dropped at once, never those of a blind audit, and it can be undone exactly."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.errors import PageError, RunError
from app.store.runs import Run, RunCounts
from app.store.store import Store
from app.web.jobs import Job
from app.web.page_builder import Act
from app.web.pages.review import bulk_actions, filters, verdict
from app.web.pages.review import page as review_page
from app.web.pages.review.rows import rows
from app.web.state import AppState
from app.web.tab_state import ReviewPart, TabState, Undo
from feedback.types import Verdict
from tests.make_runs import edit, with_run
from tests.make_state import after, at_desk

ME = "tester (in the app)"
TABLES = ("rows", "verdicts", "told", "settlements", "scores", "counted")


@pytest.fixture
def desk(store: Store, here: Settings) -> Iterator[AppState]:
    with at_desk(store, here) as desk:
        yield desk


class Tab:
    """What one page of a browser does with the rows of a run."""

    def __init__(self, desk: AppState, run: Run, browser: str = "first") -> None:
        self.desk, self.run, self.browser = desk, run, browser
        self.state = TabState()
        self.ids = [row.id for row in desk.store.rows.page(run.id, 0, 100)]

    def press(self, act: str, row: int | None = None, **data: Any) -> None:
        about = {} if row is None else {"row": self.ids[row]}
        filled = self.desk.filled(self.browser)
        done = review_page.pressed(
            Act(self.desk, self.browser, self.run.id, filled, self.state, {"act": act, **about, **data})
        )
        assert done is not None
        self.state = after(done, self.state)

    def select(self, *numbers: int) -> None:
        for number in numbers:
            self.press("select", number)

    @property
    def bar(self) -> str:
        return bulk_actions.bar(self.desk.look(self.browser, self.run.id, self.state))

    @property
    def chosen(self) -> list[int]:
        view = self.desk.look(self.browser, self.run.id, self.state)
        return sorted(self.ids.index(row) for row in bulk_actions.selected(view))


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """What counts: a version that is gone is as none."""
    listed = {name: "verdicts WHERE gone IS NULL" if name == "verdicts" else name for name in TABLES}
    return {n: [tuple(line) for line in store.db.all(f"SELECT * FROM {of} ORDER BY 1, 2")] for n, of in listed.items()}


def decisions(store: Store, tab: Tab) -> dict[int, str]:
    return {
        number: str(found["decision"])
        for number, row in enumerate(tab.ids)
        if (found := store.local_verdicts.of(row, ME)).get("decision") and found["status"] == "submitted"
    }


def test_rows_are_selected_one_by_one_and_in_ranges(store: Store, desk: AppState) -> None:
    tab = Tab(desk, with_run(store, 30))
    assert tab.bar == ""
    tab.select(3, 5, 3, 5, 5)
    assert tab.chosen == [5] and "<b>1 row selected</b>" in tab.bar
    tab.press("select", 21, shift="yes")  # over three pages of the list
    assert tab.chosen == list(range(5, 22)) and "<b>17 rows selected</b>" in tab.bar
    page = rows(desk.look("first", tab.run.id, tab.state))
    assert page.count('aria-checked="true"') == 5 and page.count('data-key="x"') == 1
    desk.keep("first", {"browse.text": "number 2", "browse.rating": ""})
    tab.press("select-none")
    tab.select(2)
    tab.press("select", 22, shift="yes")  # the list shows 2, 20 to 29
    assert tab.chosen == [2, 20, 21, 22]
    assert "Select all 11 listed" in tab.bar
    tab.press("select-all")
    assert tab.chosen == [2, *range(20, 30)] and "Select all" not in tab.bar
    assert "selected" in tab.bar and Tab(desk, with_run(store, 1, name="lakes-1")).bar == ""


@pytest.mark.parametrize("narrow", [{"browse.text": "number 1"}, {"browse.mark": "cut off"}, {"browse.rating": "low"}])
def test_what_a_filter_hides_is_left_out(store: Store, desk: AppState, narrow: dict[str, str]) -> None:
    tab = Tab(desk, with_run(store, 20, responses=2))
    rows_of = store.rows.page(tab.run.id, 0, 20)
    store.rows.edit(replace(rows_of[1], responses=(replace(rows_of[1].responses[0], finish_reason="length"),)), "me")
    tab.press("select-all")
    desk.keep("first", narrow)
    view = desk.look("first", tab.run.id, tab.state)
    listed = store.row_search.page(tab.run.id, filters.wanted(view), 0, 50)
    assert 0 < len(listed) < 20 and tab.chosen == sorted(map(tab.ids.index, listed))
    left = 20 - len(listed)
    assert f"<b>{len(listed)} row{'s' * (len(listed) > 1)} selected</b>" in tab.bar
    assert f"{left} selected rows are not listed, and left out." in tab.bar
    tab.press("bulk", word="approve")
    assert set(decisions(store, tab)) == {tab.ids.index(row) for row in listed}
    desk.keep("first", dict.fromkeys(narrow, ""))
    assert tab.chosen == []
    tab.select(0)
    desk.keep("first", {"browse.text": "nothing has this"})
    assert tab.chosen == [] and "1 selected row is not listed, and left out." in tab.bar and "Approve" not in tab.bar
    tab.press("select-none")
    assert "selected" not in tab.bar


def test_no_more_are_selected_than_is_sensible(store: Store, desk: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_actions, "MOST", 3)
    tab = Tab(desk, with_run(store, 6))
    tab.select(0, 1, 2)
    with pytest.raises(RunError, match="At most 3 rows"):
        tab.select(3)
    tab.press("select-none")
    tab.select(0)
    with pytest.raises(RunError, match="At most 3 rows"):
        tab.press("select", 5, shift="yes")
    assert "Select all" not in tab.bar
    with pytest.raises(RunError, match="At most 3 rows"):
        tab.press("select-all")


@pytest.mark.parametrize("word", ["approve", "reject", "drop"])
def test_it_is_undone_exactly(store: Store, desk: AppState, word: str) -> None:
    tab = Tab(desk, with_run(store, 6, responses=2))
    store.local_verdicts.say(tab.ids[1], ME, {"decision": "unsure", "helpfulness-1": 3}, {})
    store.local_verdicts.say(tab.ids[2], ME, {"helpfulness-1": 2}, {})
    desk.reviewer("first", deciding=True)
    before = everything(store)
    tab.select(0, 1, 2, 3)
    tab.press("bulk", word=word)
    if word == "drop":
        assert "3 rows dropped. 1 row stays: Argilla has them, or somebody decided about them." in tab.bar
        assert store.runs.counts(tab.run.id).made == 3
    else:
        assert f"4 rows {word}" in tab.bar and decisions(store, tab) == dict.fromkeys(range(4), word)
        assert store.local_verdicts.of(tab.ids[1], ME)["helpfulness-1"] == 3  # what was said beside it stays
    assert tab.chosen == [] and 'data-act="undo"' in tab.bar
    tab.press("undo")
    assert everything(store) == before
    number = 3 if word == "drop" else 4
    assert f"{number} rows are as before." in tab.bar and 'data-act="undo"' not in tab.bar
    tab.press("undo")
    assert everything(store) == before


def test_what_somebody_changed_meanwhile_stays(store: Store, desk: AppState) -> None:
    tab = Tab(desk, with_run(store, 7, responses=2))
    tab.select(0, 1, 2, 3, 4, 5)
    tab.press("bulk", word="approve")
    store.local_verdicts.say(tab.ids[0], "ann (in the app)", {"decision": "reject"}, {})
    store.local_verdicts.say(tab.ids[1], ME, {"helpfulness-1": 5}, {})
    edit(store, tab.ids[2], "Other words.")
    store.verdicts.keep(
        "d", [Verdict(tab.ids[3], "ben", "submitted", {"decision": "reject"}, {}, "c", "r", "ben", "2", "2")]
    )
    store.settlements.settle(tab.ids[4], "reject", "ada")
    tab.press("undo")
    assert "1 row is as before. 5 rows were changed meanwhile and stay so." in tab.bar
    assert decisions(store, tab) == dict.fromkeys(range(5), "approve")

    tab.select(5, 6)
    tab.press("bulk", word="drop")
    store.rows.mark(tab.ids[5], "dropped", "kept", "")
    tab.press("undo")
    assert "1 row is as before. 1 row was changed meanwhile and stays so." in tab.bar
    assert store.runs.counts(tab.run.id).made == 7


def test_argilla_learns_of_what_was_taken_back(store: Store, desk: AppState) -> None:
    """Where it was told meanwhile, what was before is said anew, and goes there with the next push."""
    tab = Tab(desk, with_run(store, 2))
    store.local_verdicts.say(tab.ids[0], ME, {"decision": "reject"}, {})
    tab.select(0, 1)
    tab.press("bulk", word="approve")
    for quick in store.local_verdicts.untold(tab.ids, "d"):
        store.local_verdicts.told(quick, "d", "record", f"response of {quick.row}")
    assert not store.local_verdicts.untold(tab.ids, "d")
    tab.press("undo")
    assert "2 rows are as before." in tab.bar and decisions(store, tab) == {0: "reject"}
    left = {quick.row: quick for quick in store.local_verdicts.untold(tab.ids, "d")}
    assert (left[tab.ids[0]].status, left[tab.ids[0]].answers) == ("submitted", {"decision": "reject"})
    assert left[tab.ids[1]].status == "discarded" and left[tab.ids[1]].response == f"response of {tab.ids[1]}"


def test_what_was_on_its_way_to_argilla_is_taken_back_there(store: Store, desk: AppState) -> None:
    """A push of another process read what was said, and is done with it only after that was undone here."""
    tab = Tab(desk, with_run(store, 4))
    store.local_verdicts.say(tab.ids[0], ME, {"decision": "reject"}, {})
    tab.select(0, 1, 2, 3)
    tab.press("bulk", word="approve")
    on_their_way = store.local_verdicts.untold(tab.ids, "d")
    tab.press("undo")
    assert "4 rows are as before." in tab.bar and decisions(store, tab) == {0: "reject"}
    store.local_verdicts.say(tab.ids[2], ME, {"decision": "unsure"}, {})
    for quick in on_their_way:  # of the last one Argilla has another answer, which stands
        store.local_verdicts.told(quick, "d", "record", "" if quick.row == tab.ids[3] else f"response of {quick.row}")
    left = {
        tab.ids.index(quick.row): (quick.status, dict(quick.answers))
        for quick in store.local_verdicts.untold(tab.ids, "d")
    }
    assert left == {
        0: ("submitted", {"decision": "reject"}), 1: ("discarded", {}), 2: ("submitted", {"decision": "unsure"}),
    }  # fmt: skip
    assert decisions(store, tab) == {0: "reject", 2: "unsure"}
    for quick in store.local_verdicts.untold(tab.ids, "d"):
        store.local_verdicts.told(quick, "d", "record", quick.response)
    assert store.local_verdicts.untold(tab.ids, "d") == []
    tab.select(1)
    tab.press("bulk", word="approve")
    assert decisions(store, tab)[1] == "approve" and len(store.local_verdicts.untold(tab.ids, "d")) == 1


def test_nothing_is_undone_while_argilla_is_told_of_it(store: Store, desk: AppState) -> None:
    tab = Tab(desk, with_run(store, 2))
    tab.select(0, 1)
    tab.press("bulk", word="approve")
    job = desk.jobs._jobs[tab.run.id] = Job(tab.run.id, "push", RunCounts())
    with pytest.raises(RunError, match="Wait until they are sent"):
        tab.press("undo")
    assert decisions(store, tab) == {0: "approve", 1: "approve"}
    job.state = "done"
    tab.press("undo")
    assert decisions(store, tab) == {}


@pytest.mark.parametrize("word", ["approve", "reject", "drop"])
def test_rows_of_a_blind_audit_are_left_out(store: Store, desk: AppState, word: str) -> None:
    tab = Tab(desk, with_run(store, 4))
    push = store.pushes.begin_push(tab.run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {tab.ids[0]: 0.0, tab.ids[1]: 0.0}, blind_audit=True)
    store.local_verdicts.say(tab.ids[1], ME, {"decision": "unsure"}, {}, blind=True)  # also where it was read already
    tab.select(0, 1, 2)
    tab.press("bulk", word=word)
    assert "2 rows of the blind audit were left out: each of them is to be read." in tab.bar
    assert f"1 row {bulk_actions.PAST[word]}." in tab.bar
    assert (
        store.local_verdicts.of(tab.ids[0], ME) == {}
        and store.local_verdicts.of(tab.ids[1], ME)["decision"] == "unsure"
    )
    assert store.runs.counts(tab.run.id).made == (3 if word == "drop" else 4)
    tab.select(0)
    tab.press("bulk", word=word)
    assert (
        f"No row was {bulk_actions.PAST[word]}. 1 row of the blind audit was left out" in tab.bar
        and "Undo" not in tab.bar
    )


def test_the_button_stays_until_the_next_action(store: Store, desk: AppState) -> None:
    tab = Tab(desk, with_run(store, 3))
    tab.select(0)
    tab.press("bulk", word="approve")
    tab.select(1)  # looking on is no action
    assert "Undo" in tab.bar
    tab.press("bulk", word="approve")
    assert tab.bar.count("Undo") == 1 and "1 row approved." in tab.bar
    tab.press("say", 2, said="reject")
    assert tab.bar == ""
    tab.select(0, 2)
    tab.press("bulk", word="approve")
    assert "1 row approved. 1 row was approved by you already." in tab.bar


def test_a_second_person_is_asked_for_a_name_first(store: Store, desk: AppState) -> None:
    desk.reviewer("first", deciding=True)
    tab = Tab(desk, with_run(store, 2), "second")
    tab.select(0, 1)
    tab.press("bulk", word="reject")
    assert tab.state.review.pending == {"act": "bulk", "word": "reject"} and tab.chosen == [0, 1]
    assert store.runs.counts(tab.run.id).reviewed == 0
    act = Act(desk, "second", tab.run.id, desk.filled("second"), tab.state, {}, ["Ada"])
    tab.state = after(verdict.be(act, do=review_page.pressed), tab.state)
    assert "2 rows rejected." in tab.bar
    assert store.local_verdicts.of(tab.ids[0], "Ada (in the app)")["decision"] == "reject"


def test_what_a_browser_sends_is_checked(store: Store, desk: AppState) -> None:
    tab = Tab(desk, with_run(store, 2))
    other = with_run(store, 1, name="lakes-1")
    with pytest.raises(PageError):
        tab.press("bulk", word="delete")
    tab.ids.append(f"{other.id}-000000-0")
    with pytest.raises(RunError, match="There is no row"):
        tab.press("select", 2)
    tab.state = replace(tab.state, review=ReviewPart(selected=(f"{other.id}-000000-0",)))
    tab.press("bulk", word="approve")
    assert store.runs.counts(other.id).reviewed == 0
    tab.state = replace(tab.state, review=ReviewPart(undo=Undo(other.id, "x")))
    tab.press("undo")
    assert tab.bar == ""
