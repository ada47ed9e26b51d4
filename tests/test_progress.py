"""How far a run is: the time that is left counts ratings, a lost endpoint is said where one looks, and the end leads on."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.store.store import Store
from app.web.form_values import OWN_ADDRESS
from app.web.pages import generate, header, row_cards, run_switcher
from app.web.state import AppState, RunView
from app.web.tab_state import TabState
from tasks.engine import retries
from tests.make_runs import made_of, with_run
from tests.make_state import SOMEBODY, act, at_desk
from tests.servers import FakeOpenAI, Fault

ROWS = 4


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as desk:
        yield desk


def until(desk: AppState, run: str, true: Callable[[RunView], bool]) -> RunView:
    """A glance at the run as soon as that is true of it."""
    while not true(view := desk.look(SOMEBODY, run, TabState("generate"))):
        time.sleep(0.02)
    return view


def forms(url: str, **more: Any) -> dict[str, Any]:
    models = {
        f"{role}.{name}": value
        for role in ("generator", "labeller")
        for name, value in {"preset": OWN_ADDRESS, "url": url, "model": "fake", "key_env": ""}.items()
    }
    text = "\n".join(f"Name river {number}." for number in range(ROWS))
    asked = {
        "task.kind": "text-generation",
        "inputs.source": "paste",
        "inputs.text": text,
        "rows": None,
        "rating.on": True,
    }
    return {**models, **asked, **more}


def test_ratings_take_time_too_and_a_lost_endpoint_is_said(desk: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "WORTH_TELLING", 0.05)
    ratings: list[int] = []

    def latency(body: dict[str, Any]) -> float:
        """One rating comes, the others never do."""
        if "helpful" not in json.dumps(body).lower():
            return 0.0
        ratings.append(1)
        return 0.05 if len(ratings) == 1 else 3600.0

    with FakeOpenAI(latency=latency) as server:
        desk.keep(SOMEBODY, forms(server.url))
        run = generate.run(act(desk)).run or ""
        view = until(desk, run, lambda view: (view.counts.answered, view.counts.rated) == (ROWS, 1))
        assert view.waiting == "" and run_switcher.standing_word(view) == "running"
        left = row_cards._left(view, 10.0)
        assert left is not None and left > 0
        assert " left" in row_cards.progress_card(view) and "lost" not in row_cards.progress_card(view)
    view = until(desk, run, lambda view: bool(view.waiting))
    card, top = row_cards.progress_card(view), header.header(view)
    assert (
        "No answer since" in card and "Stop ends it; what was written is kept." in card and 'class="eta lost"' in card
    )
    assert ">waiting<" in top and "no answer" in top


def test_a_job_that_failed_leads_to_where_that_is_mended(desk: AppState) -> None:
    no: Fault = 401, {}, {"error": {"message": "Incorrect key"}}
    with FakeOpenAI(faults=lambda body, number: no) as server:
        desk.keep(SOMEBODY, forms(server.url))
        run = generate.preview(act(desk)).run or ""
        view = until(desk, run, lambda view: not view.busy)
    assert "Open Models" in row_cards.progress_card(view) and "Open Models" in generate.progress(view)


def test_a_preview_under_other_settings_says_so(desk: AppState) -> None:
    with FakeOpenAI() as server:
        desk.keep(SOMEBODY, forms(server.url))
        run = generate.preview(act(desk)).run or ""
        view = until(desk, run, lambda view: not view.busy)
        assert "not paid for again" in generate.head(view) and "other settings" not in generate.cards(view)
        desk.keep(SOMEBODY, {"generator.temperature": 0.5})
        view = desk.look(SOMEBODY, run, TabState("generate"))
        assert "preview again to see what these give" in generate.head(view) and "not paid for" not in generate.head(
            view
        )
        assert "Rows made with other settings" in generate.cards(view) and generate.facts(view) == ""


def test_a_run_that_is_done_leads_on(desk: AppState, store: Store) -> None:
    made = replace(made_of(), rows=3)
    with_run(store, 3, made, name="rivers-1", rate=lambda number, responses: ())
    view = desk.look(SOMEBODY, "rivers-1", TabState("generate"))
    view.wanted = view.recipe
    assert generate.next_step(view) == ("Rate 3 rows", "rate")
    with_run(store, 3, made, name="rivers-2")
    view = desk.look(SOMEBODY, "rivers-2", TabState("generate"))
    view.wanted = view.recipe
    assert generate.next_step(view) == ("Review 3 rows", "review") and generate.run_words(view) == ""
    view.counts = replace(view.counts, reviewed=3, approved=2)
    assert generate.next_step(view) == ("Export 2 rows", "export")
    view.counts = replace(view.counts, approved=0)
    assert generate.next_step(view) == ("", "") and generate.next_words(view) == ""
    assert generate.next_step(desk.look(SOMEBODY, "")) == ("", "")
