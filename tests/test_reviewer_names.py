"""Each browser decides under a name of its own: it is known who said what, though several use one app."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import recipe
from app.config import Settings
from app.store.runs import Run
from app.store.store import Store
from app.web import form_values
from app.web.form_values import FormError
from app.web.page_builder import Act, Done
from app.web.pages.review import verdict
from app.web.state import AppState
from app.web.tab_state import NEW_TAB, ReviewPart
from tests.conftest import Work
from tests.make_state import after, at_desk


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as desk:
        yield desk


@pytest.fixture
def run(tmp_path: Path, work: Work) -> Run:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"instruction": "Name a river.", "response": "The Loire."}\n')
    return work({"task": {"kind": "existing"}, "inputs": {"path": str(file)}})


def press(desk: AppState, run: Run, browser: str, word: str) -> Done:
    row = next(desk.store.rows.walk(run.id)).id
    data = {"act": "say", "row": row, "said": word}
    return verdict.say(Act(desk, browser, run.id, desk.filled(browser), NEW_TAB, data)) or Done()


def said(desk: AppState, run: Run) -> dict[str, str]:
    """Who decided what on the one row."""
    row = next(desk.store.rows.walk(run.id)).id
    names = ("tester (in the app)", "Ann (in the app)", "Bo (in the app)")
    return {
        name: str(found["decision"])
        for name in names
        if (found := desk.store.local_verdicts.of(row, name)).get("decision")
    }


def test_the_first_browser_is_the_owners_and_the_second_is_asked_who_it_is(desk: AppState, run: Run) -> None:
    press(desk, run, "first", "approve")
    assert said(desk, run) == {"tester (in the app)": "approve"}
    asked = press(desk, run, "second", "reject")
    pending = after(asked).review.pending
    assert pending is not None and pending["said"] == "reject" and said(desk, run) == {"tester (in the app)": "approve"}
    named = Act(desk, "second", run.id, desk.filled("second"), after(asked), {}, ["  Ann\n"])
    done = verdict.be(named)
    assert after(done, after(asked)).review.pending is None
    assert said(desk, run) == {
        "tester (in the app)": "approve",
        "Ann (in the app)": "reject",
    }  # what was pressed is done
    press(desk, run, "second", "unsure")
    assert said(desk, run)["Ann (in the app)"] == "unsure" and said(desk, run)["tester (in the app)"] == "approve"


def test_a_name_can_be_changed_and_outlives_restarts_and_other_recipes(desk: AppState, run: Run) -> None:
    press(desk, run, "first", "approve")
    act = Act(desk, "first", run.id, desk.filled("first"), NEW_TAB, {"act": "rename"})
    naming = after(verdict.say(act) or Done())
    assert naming.review == ReviewPart(pending={})
    verdict.be(replace(act, data={}, extra=["Bo"], tab=naming))
    desk.keep("first", form_values.fill(recipe.example()))
    desk._filled.clear()
    assert desk.reviewer("first") == "Bo (in the app)"
    for odd in ("", "   ", "x" * 101):
        with pytest.raises(FormError):
            verdict.be(replace(act, data={}, extra=[odd], tab=naming))
    assert desk.reviewer("first") == "Bo (in the app)"
