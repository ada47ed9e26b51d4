"""Two tabs of one browser: each tells what a person changed in it, and takes back nothing that was done in the other."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from markupsafe import Markup

from app.config import Settings
from app.store.store import Store
from app.web.form_fields import Form
from app.web.jobs import Jobs
from app.web.layout import PAGES
from app.web.page_builder import Act, Action, Board, Done
from app.web.service_monitor import ServiceMonitor, ServiceStatus
from app.web.state import AppState, RunView
from app.web.tab_state import TabState
from app.web.tab_sync import JUST_AFTER, POLL_BUSY, POLL_IDLE, POLL_SOON, Tab, TabSync

BROWSER = "somebody"


@dataclass
class Page:
    """A browser's side of a tab: what its fields show, and the last answer that it applied."""

    sync: TabSync
    session: str
    fields: dict[str, Any]
    base_version: float = 0

    @property
    def request(self) -> Any:
        known = {"state": {"browser": BROWSER}}
        return SimpleNamespace(session_hash=self.session, scope=known, query_params={})

    def apply(self, answer: dict[Any, Any]) -> dict[str, Any]:
        """Shows an answer; returns the fields that it filled."""
        names = {component: name for name, component in self.sync.board.form.fields.items()}
        filled = {names[component]: value for component, value in answer.items() if component in names}
        self.fields.update(filled)
        self.base_version = answer.get(self.sync.base_version, self.base_version)
        return filled

    def open(self) -> "Page":
        self.apply(self.sync.load(self.request))
        return self

    def change(self, **values: Any) -> dict[str, Any]:
        return self.apply(self.send(**values))

    def send(self, **values: Any) -> dict[Any, Any]:
        """What the app answers to a change, not applied yet."""
        self.fields.update(values)
        ((name, value),) = values.items()
        answer: dict[Any, Any] = self.sync.on_change(name)("", "generate", self.base_version, value, self.request)
        return answer

    def poll(self) -> dict[str, Any]:
        return self.apply(self.sync.poll("", "generate", self.base_version, self.request))

    def act(self, action: Action, **values: Any) -> dict[str, Any]:
        self.fields.update(values)
        return self.apply(self.answer(action))

    def answer(self, action: Action) -> dict[Any, Any]:
        """What the app answers to an action, not applied yet."""
        event = SimpleNamespace(_data={})
        act_on = self.sync.on_action(action)
        given = [self.fields[name] for name in self.sync.fields_taken(action)]
        answer: dict[Any, Any] = act_on("", "generate", self.base_version, self.request, event, *given)
        return answer


@pytest.fixture
def sync(here: Settings, store: Store) -> Iterator[TabSync]:
    jobs = Jobs(store, here)
    desk = AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))

    async def made() -> TabSync:
        board = Board()
        with gr.Blocks(analytics_enabled=False):
            for name, board.form.page in (("name", "top"), ("rows", "generate")):
                board.form.add(name, gr.Number() if name == "rows" else gr.Textbox())
            return TabSync(
                desk,
                board,
                gr.Textbox(),
                gr.Textbox(),
                gr.Number(),
                gr.Tabs(),
                gr.Timer(active=False),
                PAGES,
            )

    yield asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes
    jobs.close()


def page(sync: TabSync, session: str) -> Page:
    return Page(sync, session, {"name": None, "rows": None}).open()


def test_what_one_tab_changes_the_other_shows_and_keeps(sync: TabSync) -> None:
    one, other = page(sync, "1"), page(sync, "2")
    assert one.fields == other.fields
    assert one.change(name="mine") == {}
    assert other.change(rows=20) == {"name": "mine"}
    assert one.poll() == {"rows": 20} and one.poll() == {}
    assert one.fields == other.fields == {"name": "mine", "rows": 20}
    kept = sync.state.filled(BROWSER)
    assert (kept["name"], kept["rows"]) == ("mine", 20)


def test_an_answer_on_its_way_takes_nothing_back(sync: TabSync) -> None:
    tab = page(sync, "1")
    late = tab.send(name="first")
    answer = tab.send(name="second")
    tab.apply(late)
    assert tab.apply(answer) == {}
    assert tab.poll() == {"name": "second"}  # once more, to be sure
    assert tab.poll() == {} and tab.fields["name"] == sync.state.filled(BROWSER)["name"] == "second"


def test_answers_that_overtake_one_another_end_with_what_is_kept(sync: TabSync) -> None:
    one, other = page(sync, "1"), page(sync, "2")
    other.change(name="theirs")
    early = one.send(rows=3)
    newer = one.sync.poll("", "generate", one.base_version, one.request)
    one.apply(newer)
    one.apply(early)
    one.poll()
    assert one.fields == {"name": "theirs", "rows": 3}


def test_a_page_that_outlived_the_app_fills_nothing_over_what_stands_there(sync: TabSync) -> None:
    tab = page(sync, "1")
    tab.change(name="mine")
    sync.open_tabs.close(tab.request)
    assert tab.poll() == {}
    assert tab.change(name="typed meanwhile") == {} and tab.change(rows=5) == {}
    assert sync.state.filled(BROWSER)["name"] == "typed meanwhile"


def test_told_is_what_differs_from_what_the_tab_had() -> None:
    tab = Tab(sent_fields={4: {"a": 1, "b": 2}, 5: {"a": 1, "b": 3}})
    assert tab.typed_since({"a": 9, "b": 2}, 4) == {"a": 9}
    assert tab.sent_fields == {4: {"a": 9, "b": 2}, 5: {"a": 9, "b": 3}}
    assert tab.typed_since({"a": 9, "b": 3}, 5) == {}


def test_leaving_a_field_as_it_was_is_no_choice(sync: TabSync) -> None:
    chosen: list[tuple[Any, Any]] = []

    def choose(act: Act) -> Done:
        chosen.append((act.was, act.filled["name"]))
        return Done(fill={**act.filled, "rows": 7})

    one, other = page(sync, "1"), page(sync, "2")
    action = Action(None, choose, True, [], "name")  # type: ignore[arg-type]
    start = one.fields["name"]
    assert one.act(action) == {} and chosen == []
    assert one.act(action, name="mine") == {"rows": 7} and chosen == [(start, "mine")]
    one.change(rows=9)
    assert one.act(action) == {} and chosen == [(start, "mine")]
    assert other.poll() == {"name": "mine", "rows": 9}
    assert other.act(action) == {} and len(chosen) == 1
    assert one.act(action, name=start) == {"rows": 7} and chosen[1:] == [("mine", start)]


def test_an_action_works_with_what_its_tab_shows(sync: TabSync) -> None:
    worked: list[Any] = []

    def work(act: Act) -> None:
        worked.append(act.filled["rows"])

    one, other = page(sync, "1"), page(sync, "2")
    shown = other.fields["rows"]
    one.change(rows=20)
    other.act(Action(None, work, True, []))  # type: ignore[arg-type]
    assert worked == [shown] != [20] and other.fields["rows"] == 20


def test_an_action_can_open_another_page_at_its_place(sync: TabSync) -> None:
    tab = page(sync, "1")
    opened = tab.answer(Action(None, lambda act: Done(row="r", page="review"), False, []))  # type: ignore[arg-type]
    assert opened[sync.page] == "review" and opened[sync.tabs].selected == "review"
    state = sync.open_tabs.of(tab.request).state
    assert (state.row, state.page) == ("r", "review")
    stays = tab.answer(Action(None, lambda act: Done(), False, []))  # type: ignore[arg-type]
    assert sync.tabs not in stays


def test_where_two_answers_may_have_met_everything_is_shown_anew(sync: TabSync) -> None:
    one, other = page(sync, "1"), page(sync, "2")
    tab = sync.open_tabs.of(one.request)
    other.change(rows=20)
    with tab.pending():  # something else of this tab is not answered yet
        answer = one.send(name="mine")
    assert tab.needs_full_refresh and answer[sync.timer].value == POLL_SOON
    one.apply(answer)
    tab.sent_parts = {7: {"value": "as it may have been written over"}}
    one.poll()
    assert tab.sent_parts == {} and not tab.needs_full_refresh


def test_a_field_that_two_answers_were_about_ends_as_it_is_kept(sync: TabSync) -> None:
    one, other = page(sync, "1"), page(sync, "2")
    other.change(name="theirs")
    poll = sync.poll("", "generate", one.base_version, one.request)
    answer = one.send(name="mine")
    one.apply(poll)
    one.apply(answer)
    assert one.fields["name"] == "theirs" and sync.state.filled(BROWSER)["name"] == "mine"
    one.poll()
    one.poll()
    assert one.fields["name"] == "mine"


def test_an_action_takes_the_fields_of_its_page_and_knows_the_others(sync: TabSync) -> None:
    worked: list[Any] = []
    one, other = page(sync, "1"), page(sync, "2")
    one.change(name="mine")
    other.change(name="theirs")
    action = Action(None, lambda act: worked.append(dict(act.filled)), True, [], page="generate")  # type: ignore[arg-type]
    assert sync.fields_taken(action) == ["rows"]
    one.act(action, rows=7)
    assert (worked[0]["name"], worked[0]["rows"]) == ("mine", 7)


def test_an_event_fills_its_page_and_what_is_elsewhere_comes_at_once_after_it(sync: TabSync) -> None:
    sync.board.form.pages["name"] = "models"
    fill = Action(None, lambda act: Done(fill={**act.filled, "name": "new", "rows": 5}), True, [], page="generate")  # type: ignore[arg-type]
    tab = page(sync, "1")
    answer = tab.answer(fill)
    assert sync.board.form.fields["name"] not in answer and answer[sync.timer].value == POLL_SOON
    assert tab.apply(answer) == {"rows": 5}
    assert tab.poll() == {"name": "new"} and tab.poll() == {}
    assert (
        tab.change(name="mine") == {} and sync.state.filled(BROWSER)["name"] == "mine"
    )  # it was not held against the tab


def test_an_action_works_with_what_an_action_before_it_filled_elsewhere(sync: TabSync) -> None:
    sync.board.form.pages["name"] = "models"
    worked: list[Any] = []
    fill = Action(None, lambda act: Done(fill={**act.filled, "name": "new"}), True, [], page="generate")  # type: ignore[arg-type]
    run = Action(None, lambda act: worked.append(act.filled["name"]), True, [], page="generate")  # type: ignore[arg-type]
    tab = page(sync, "1")
    tab.act(fill)
    tab.act(run)
    tab.poll()
    tab.act(run)
    assert worked == ["new", "new"]


def test_the_action_of_a_field_takes_its_part_of_a_recipe_along() -> None:
    form = Form()

    async def fill() -> None:
        with gr.Blocks(analytics_enabled=False):
            for name, form.page in (
                ("task.kind", "generate"),
                ("inputs.text", "generate"),
                ("inputs.split", "generate"),
            ):
                form.add(name, gr.Textbox())

    asyncio.run(fill())
    sync = TabSync(None, Board(form), None, None, None, None, None, PAGES)  # type: ignore[arg-type]
    chosen = Action(None, lambda act: None, True, [], "inputs.text", page="generate")  # type: ignore[arg-type]
    assert sync.fields_taken(chosen) == ["inputs.text", "inputs.split"]


def test_a_page_is_told_only_what_it_does_not_hold_already(sync: TabSync) -> None:
    async def built() -> tuple[gr.Button, gr.HTML]:
        with gr.Blocks(analytics_enabled=False):
            return gr.Button("", visible=False), gr.HTML("")

    button, panel = asyncio.run(built())
    sync.board.shows += [
        ("top", button, lambda view: gr.update(visible=False)),
        ("top", panel, lambda view: gr.update(value=Markup(""), visible=False)),
    ]
    sync.board.form.fields["name"].value = sync.state.usual["name"]
    told = sync.load(page(sync, "0").request)
    assert told[sync.board.form.fields["rows"]] == sync.state.usual["rows"]
    assert "rows" not in sync.built_fields  # a number without a value begins at 0 in the browser
    told = sync.load(page(sync, "1").request)
    assert button not in told and told[panel] == gr.update(visible=False)
    assert sync.board.form.fields["name"] not in told
    assert told[sync.board.form.fields["rows"]] == sync.state.usual["rows"]  # whose field was built without a number
    sync.state.keep(BROWSER, {"name": "mine"})
    assert sync.load(page(sync, "2").request)[sync.board.form.fields["name"]] == "mine"


def test_whoever_just_did_something_is_told_again_soon(sync: TabSync) -> None:
    tab = sync.open_tabs.of(page(sync, "1").request)
    view = sync.state.look(BROWSER, "")
    sync.state.services.model = sync.state.services.argilla = ServiceStatus("ready")
    assert sync.poll_interval(tab, sync.at_work(view)) == POLL_IDLE
    with tab.pending():
        assert sync.poll_interval(tab, sync.at_work(view)) == POLL_IDLE
    sync.state.services.model = ServiceStatus("starting")
    assert sync.poll_interval(tab, sync.at_work(view)) == POLL_SOON
    tab.last_input -= JUST_AFTER
    assert sync.poll_interval(tab, sync.at_work(view)) == POLL_BUSY


def test_what_ends_while_it_is_shown_as_going_on_is_looked_at_again_soon(sync: TabSync) -> None:
    ready, starting = ServiceStatus("ready"), ServiceStatus("starting")
    sync.state.services.model = sync.state.services.argilla = ready

    async def built() -> gr.HTML:
        with gr.Blocks(analytics_enabled=False):
            return gr.HTML("")

    def starts_then_ends(view: RunView) -> Any:
        shown = sync.state.services.model.state
        sync.state.services.model = ready
        return gr.update(value=shown)

    panel = asyncio.run(built())
    tab = page(sync, "1")
    sync.board.shows.append(("top", panel, starts_then_ends))
    sync.state.services.model = starting
    answer = tab.send(name="mine")
    assert answer[panel] == "starting" and sync.open_tabs.of(tab.request).sent[2] == POLL_SOON
    tab.apply(answer)
    answer = sync.poll("", "generate", tab.base_version, tab.request)
    assert answer[panel] == "ready" and answer[sync.timer].value == POLL_IDLE


def test_an_action_that_began_earlier_does_not_talk_over_a_later_one() -> None:
    tab = Tab(state=TabState(problems={"inputs": "Nothing was pasted yet."}), problems_of=2)
    assert tab.problems_after(1, {}) == {"inputs": "Nothing was pasted yet."}
    assert tab.problems_after(1, {"models": "No."}) == {"inputs": "Nothing was pasted yet.", "models": "No."}
    assert tab.problems_after(3, {}) == {}


def test_a_page_that_does_not_show_anything_yet_changes_nothing(sync: TabSync) -> None:
    tab = page(sync, "1")
    before = dict(sync.state.filled(BROWSER))
    tab.sync.change("?", "generate", 0, tab.request, {"name": "built", "rows": 1})
    assert sync.state.filled(BROWSER) == before
