"""Whatever a field is given, the page can be opened again, nothing is a traceback, and the app goes on."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from app import services
from app.config import Settings
from app.errors import PageError, RunError
from app.runs import row_edits
from app.store.columns import now
from app.store.store import Store
from app.web import form_values
from app.web.form_values import FormError
from app.web.pages import recipes
from app.web.state import AppState
from app.web.tab_state import Confirmation, DrawerPart, TabState
from tasks.errors import SettingsError
from tasks.types import Row
from tests.make_runs import made_of, with_run
from tests.make_state import act, at_desk
from tests.odd_values import NOBODY, ODD, ODD_SAID, Browser, said_by, values_of, words_of_buttons

SHARE = 2
"""Odd values a field here; `python tests/bench/odd_values.py` tries all of them in each."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AppState]:
    here = Settings(data=tmp_path / "data", owner="tester", argilla_url=NOBODY, argilla_key="key")
    # a press may test the built-in model, which then starts
    with services.local(here).stopping(), Store(here.data) as store, at_desk(store, here) as desk:
        yield desk


@pytest.fixture
def browser(desk: AppState) -> Iterator[Browser]:
    browser = Browser.at(desk)
    with browser.client:
        browser.arrive()
        (name,) = desk._filled
        desk.keep(name, {"generator.preset": "scripted", "labeller.preset": "scripted"})  # a click may try them out
        yield browser


def test_no_odd_value_of_any_field_locks_a_browser_out(browser: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(ODD) >= 60 and len(browser.fields) > 150
    shut = []
    for number, (event, component, place) in enumerate(browser.fields):
        for value in values_of(number, SHARE):
            status, _ = browser.change(event, place, value)
            assert status in (200, 500)
        if not browser.arrive(everywhere=number % 12 == 0):
            shut.append((component.elem_id, component.label))
            break
    assert shut == []
    assert browser.client.get("/healthz").json()["ok"] is True
    assert "Traceback" not in "".join(capfd.readouterr())


def test_nothing_in_any_field_is_no_traceback(browser: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    nothing: list[Any] = [None, []]
    for value in nothing:
        for event, component, place in browser.fields:
            assert browser.change(event, place, value)[0] in (200, 500), component.label
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_number_that_no_browser_shows_exactly_is_refused_at_its_field(browser: Browser, desk: AppState) -> None:
    event, component, place = next(found for found in browser.fields if found[1].elem_id == "generator-concurrency")
    for value in (99999999999999999999999, 2**64, 1e308, -(10**30)):
        assert browser.change(event, place, 7)[0] == browser.change(event, place, 8)[0] == 200
        status, body = browser.change(event, place, value)
        assert status == 200 and "must be a smaller number. It stays as it was." in body, value
        shown = json.loads(body)["data"][[output._id for output in event.outputs].index(component._id)]
        assert shown == 8  # the field is given what it held
    assert all(filled["generator.concurrency"] == 8 for filled in desk._filled.values())


def test_half_a_character_becomes_a_question_mark(browser: Browser, desk: AppState) -> None:
    event, _, place = next(found for found in browser.fields if found[1].elem_id == "generator-model")
    assert browser.change(event, place, "half \ud83d of one")[0] == 200
    assert [filled["generator.model"] for filled in desk._filled.values()] == ["half ? of one"]


def _keep(connection: sqlite3.Connection, browser: str, filled: str) -> None:
    connection.execute("INSERT OR REPLACE INTO forms VALUES(?,?,?)", (browser, filled, now()))


def test_forms_that_were_kept_before_are_shown_without_what_no_field_can_hold(browser: Browser, desk: AppState) -> None:
    """As a version before kept them, or another one, or a disk that was damaged."""
    (kept,) = desk._filled
    odd = {
        "generator.concurrency": 10**30, "generator.model": "half \ud800", "rows": {"a": 1}, "inputs.found": 5, "no.such": 1,
        "task.kind": ["magpie"], "rating.aspects": "helpfulness", "inputs.columns": [], "responders": {"x": 1}, "seed": "x",
    }  # fmt: skip
    for broken in [json.dumps(odd), "[1]", "{", "null", *(json.dumps({name: value}) for name, value in odd.items())]:
        desk.store.db.write(partial(_keep, browser=kept, filled=broken))
        desk._filled.clear()
        assert browser.arrive(), broken
    assert set(desk.usual) == set(desk.filled(kept))


def test_a_page_that_can_not_be_shown_is_shown_without_the_field_and_says_so(browser: Browser, desk: AppState) -> None:
    (name,) = desk._filled
    desk._filled[name] |= {"inputs.source": "paste", "task.kind": "genstruct"}
    desk._filled[name]["inputs.found"] = {"rows": 3}  # the page tells its columns too
    loads = next(event for event in browser.events if any(target == "load" for _, target in event.targets))
    opens = [event for event in browser.events if any(target == "select" for _, target in event.targets)]
    status, body = browser.send(loads, [])
    body += "".join(browser.send(event, ["", "generate", 0])[1] for event in opens)
    assert status == 200 and "inputs found held can&#39;t be shown. It begins anew." in body
    assert desk.filled(name)["inputs.found"] == {} and desk.filled(name)["task.kind"] == "genstruct"


def test_what_a_field_can_not_hold_is_said(desk: AppState) -> None:
    for value in (
        2**53,
        -(2**53),
        float("nan"),
        float("inf"),
        "x" * 5_000_001,
        object(),
        [2**64],
        {"a": [float("nan")]},
    ):
        with pytest.raises(FormError):
            form_values.checked("rows", value)
    for value in (0, -1, 2**53 - 1, 0.5, "", "x", None, True, [], {"a": [1]}):
        assert form_values.checked("rows", value) == value


@pytest.fixture
def kept(desk: AppState) -> tuple[str, Row]:
    """A run with rows, of which one was dropped, and its first row; a recipe and a model preset with a name."""
    run = with_run(desk.store, 3, responses=2)
    first, _, last = desk.store.rows.page(run.id, 0, 3)
    row_edits.drop(desk.store, last.id)
    desk.saved.keep_recipe("kept", made_of())
    desk.saved.keep_models("kept", desk.usual)
    return run.id, first


def test_no_odd_word_of_any_button_is_a_traceback_or_stays(
    browser: Browser, desk: AppState, kept: tuple[str, Row], capfd: pytest.CaptureFixture[str]
) -> None:
    run, row = kept
    words, said = words_of_buttons(), said_by(row, run)
    assert len(words) >= 30 and len(browser.buttons) >= 10
    number = 0
    for at, event in enumerate(browser.buttons):
        for k, word in enumerate([*words[at % SHARE :: SHARE], *ODD_SAID[:4]]):
            number += 1
            name = list(said)[number % len(said)]
            odd = {**said, name: ODD_SAID[number % len(ODD_SAID)], "act": word}
            assert browser.press(event, run, odd, anew=k == 0)[0] == 200, (word, name)
    assert browser.arrive()
    assert desk.store.local_verdicts.of(row.id, "tester (in the app)").get("decision") in ("approve", None)
    assert "Traceback" not in "".join(capfd.readouterr())


REFUSED = "The page sent something that it can&#39;t have. Load it anew."


IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("top", {"act": "run", "id": "no-such"}, "There is no run"),
    ("top", {"act": "run"}, REFUSED),
    ("top", {"act": "run", "id": "x" * 2_000}, REFUSED),
    ("top", {"act": ["run"]}, REFUSED),
    ("browse", {"act": "page", "offset": -10}, REFUSED),
    ("browse", {"act": "page", "offset": "ten"}, REFUSED),
    ("browse", {"act": "open", "row": "no-such"}, "There is no row"),
    ("browse", {"act": "say", "row": "no-such", "said": "approve"}, "There is no row"),
    ("browse", {"act": "say", "said": "perhaps"}, REFUSED),
    ("browse", {"act": "rate", "place": 2, "value": 3}, REFUSED),
    ("browse", {"act": "select", "row": "no-such", "shift": "yes"}, "There is no row"),
    ("browse", {"act": "settle", "row": "no-such", "decision": "approve"}, "There is no row"),
    ("browse", {"act": "settle", "decision": "perhaps"}, REFUSED),
    ("selected", {"act": "bulk", "word": "delete"}, REFUSED),
    ("selected", {"act": "bulk"}, REFUSED),
    ("browse", {"act": "rate", "place": 0, "value": 6}, REFUSED),
    ("browse", {"act": "rate", "place": 0, "value": True}, REFUSED),
    ("model-sets", {"act": "use", "name": "no such"}, "There is no model preset named"),
    ("drawer-kept", {"act": "open", "name": "no such"}, "There is no recipe named"),
    ("drawer-kept", {"act": "left", "value": 7}, REFUSED),
]
"""(the part, what its button says, the sentence)"""


def test_what_no_button_says_is_a_sentence(browser: Browser, desk: AppState, kept: tuple[str, Row]) -> None:
    run, row = kept
    by_part = {browser.blocks.blocks[event.targets[0][0]].elem_id: event for event in browser.buttons}
    for part, said, words in IMPOSSIBLE:
        status, body = browser.press(by_part[part], run, {"row": row.id, **said})
        assert status == 200 and (words in body or escape(words) in body), said
    assert not desk.store.local_verdicts.of(row.id, "tester (in the app)")


def test_what_is_deleted_must_be_there(desk: AppState, kept: tuple[str, Row]) -> None:
    asked = TabState(drawer=DrawerPart(confirmation=Confirmation(deleting="no such")))
    with pytest.raises(SettingsError, match="There is no recipe named 'no such' any more"):
        recipes.library(act(desk, {"act": "delete", "name": "no such"}, tab=asked))


def test_what_a_button_says_is_read_or_refused(desk: AppState, kept: tuple[str, Row]) -> None:
    for value in ODD_SAID:
        _is_read_or_refused(desk, kept[0], value)


def _is_read_or_refused(desk: AppState, run: str, value: Any) -> None:
    said = act(desk, dict.fromkeys(("act", "place", "row"), value), run=run)
    with contextlib.suppress(FormError, PageError):
        said = replace(said, data=form_values.checked("data", said.data))  # as the page does
        assert type(said.word) is str
    with contextlib.suppress(PageError):
        assert 0 <= said.number("place", 0, 7) <= 7
    with pytest.raises((PageError, RunError)):
        said.row()
