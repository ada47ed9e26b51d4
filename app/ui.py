"""The page as a whole: header, six tabs, and what connects their parts and actions with Gradio.

A handler asks for a look, shows what has changed since this tab last looked, and does nothing else. The run and the page
that a tab shows are kept in the tab (and in its address), so that neither a reload nor a restart loses them.
"""

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from app import draft, workflow
from app.desk import Desk
from app.draft import FormError
from app.pages import export, generate, header, insights, models, rate, review
from app.pages.board import Act, Action, Board, Done
from app.server import COOKIE
from tasks.errors import ClaywrightError

PAGES: dict[str, Callable[[Board], None]] = {
    "models": models.build,
    "generate": generate.build,
    "rate": rate.build,
    "review": review.build,
    "insights": insights.build,
    "export": export.build,
}
HOME = "generate"
NOT_YET = "?"
"""The run of a tab that has not been told which one it shows."""
PLACES = {  # where a problem is said, by what it is about; on the other pages it is said on the page itself
    "generator": "models", "labeller": "models", "responders": "models", "new": "models", "task": "generate", "inputs": "generate",
    "answers": "generate", "rating": "rate", "review": "review", "export": "export",
}  # fmt: skip
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LOOK_EVERY = 1.0


def build(desk: Desk) -> gr.Blocks:
    """The Gradio app."""
    board = Board()
    with gr.Blocks(
        title="Claywright", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)
    ) as demo:
        run = gr.Textbox(NOT_YET, visible=False, label="run")
        page = gr.Textbox(HOME, visible=False, label="page")
        header.build(board)
        with gr.Tabs(elem_id="pages", selected=HOME, overflow_behavior="wrap") as tabs:
            opened: dict[str, gr.Tab] = {}
            for name, make in PAGES.items():
                board.page = name
                with gr.Tab(name.capitalize(), id=name, elem_id=f"page-{name}") as opened[name]:
                    make(board)
        timer = gr.Timer(LOOK_EVERY, active=False)
        Wires(desk, board, run, page, tabs, timer, gr.State({}), gr.State({})).connect(demo, opened)
    made: gr.Blocks = demo
    return made


def browser_of(request: gr.Request) -> str:
    """The browser that asks, by its cookie. Raises gr.Error for one that never opened the page."""
    name = request.cookies.get(COOKIE, "")
    if not name:
        raise gr.Error("Open the page anew: this browser is not known here.", print_exception=False)
    return str(name)


class Turns:
    """What a tab does at the moment, so that a glance which an action has overtaken is not shown over it."""

    def __init__(self) -> None:
        self._acting: Counter[str] = Counter()
        self._acted: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def acting(self, tab: str | None) -> Iterator[None]:
        name = str(tab)
        with self._lock:
            self._acting[name] += 1
            self._acted[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._acting[name] -= 1

    def now(self, tab: str | None) -> int | None:
        """A number that the next action changes; None while one is under way."""
        with self._lock:
            return None if self._acting[str(tab)] else self._acted[str(tab)]

    def forget(self, tab: str | None) -> None:
        with self._lock:
            self._acting.pop(str(tab), None)
            self._acted.pop(str(tab), None)


@dataclass
class Wires:
    """Everything between the board and Gradio's events. `shown` holds what a tab was last given, as hashes."""

    desk: Desk
    board: Board
    run: gr.Textbox
    page: gr.Textbox
    tabs: gr.Tabs
    timer: gr.Timer
    place: gr.State
    shown: gr.State
    turns: Turns = field(default_factory=Turns)
    values: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.looks = [self.run, self.page, self.place, self.shown]
        parts = [component for _, component, _ in self.board.shows]
        self.values = [*self.looks, self.timer, *parts]

    def connect(self, demo: gr.Blocks, opened: Mapping[str, gr.Tab]) -> None:
        form = self.board.form.components
        everything = list(dict.fromkeys([*self.values, self.tabs, *form]))
        demo.load(self.arrive, None, everything, **QUIET)
        demo.unload(self.leave)
        self.timer.tick(self.tick, self.looks, self.values, trigger_mode="once", **QUIET)
        for name, tab in opened.items():
            tab.select(self._opens(name), self.looks, self.values, js=_remember(name), **QUIET)
        for event in self.board.form.when_changed(self.board.own):
            event(self.changed, [*self.looks, *form], self.values, trigger_mode="always_last", **QUIET)
        for action in self.board.actions:
            inputs = [*self.looks, *(form if action.forms else []), *action.extra]
            outputs = list(dict.fromkeys([*everything, *action.extra]))
            action.event(self._does(action), inputs, outputs, **QUIET)

    # -- what a tab is given

    def show(
        self, browser: str, run_id: str, page: str, place: dict[str, Any], shown: Mapping[str, str], anew: bool = False
    ) -> dict[Any, Any]:
        """The parts of the header and the page that differ from what the tab has."""
        look = self.desk.look(browser, run_id, place)
        has = {} if anew else dict(shown)
        out: dict[Any, Any] = {}
        for number, (where, component, show) in enumerate(self.board.shows):
            if where not in (page, "top"):
                continue
            value = show(look)
            digest = hashlib.sha256(repr(value).encode("utf-8", "replace")).hexdigest()
            if has.get(str(number)) != digest:
                has[str(number)] = digest
                out[component] = value
        awake = look.busy or "starting" in (self.desk.standby.model.state, self.desk.standby.argilla.state)
        out[self.timer] = gr.Timer(active=awake)
        out[self.shown] = has
        return out

    def arrive(self, request: gr.Request) -> dict[Any, Any]:
        """A tab is opened: the run and the page of its address, else the newest run; the forms as they were left."""
        browser = browser_of(request)
        query = request.query_params
        page = query.get("show", HOME) if query.get("show") in PAGES else HOME
        newest = self.desk.newest()
        run_id = str(query.get("run") or (newest.id if newest else ""))
        run = self.desk.look(browser, run_id, {}).run
        if run is not None and not self.desk.store.forms.get(browser):
            self.desk.keep(browser, {**self.desk.filled(browser), **draft.fill(workflow.recipe_of(run))})
        run_id = run.id if run else ""
        place = {"offset": 0, "row": "", "problems": {}}
        shows = self.show(browser, run_id, page, place, {}, anew=True)
        return {
            self.run: run_id,
            self.page: page,
            self.place: place,
            self.tabs: gr.Tabs(selected=page),
            **_both(self._filling(self.desk.filled(browser)), shows),
        }

    def tick(
        self, run_id: str, page: str, place: dict[str, Any], shown: dict[str, str], request: gr.Request
    ) -> dict[Any, Any]:
        before = self.turns.now(request.session_hash)
        if before is None or run_id == NOT_YET:
            return {self.shown: gr.skip()}
        shows = self.show(browser_of(request), run_id, page, place, shown)
        return shows if self.turns.now(request.session_hash) == before else {self.shown: gr.skip()}

    def leave(self, request: gr.Request) -> None:
        """A tab is closed; its jobs go on."""
        self.turns.forget(request.session_hash)

    def _opens(self, name: str) -> Callable[..., Any]:
        def opens(
            run_id: str, page: str, place: dict[str, Any], shown: dict[str, str], request: gr.Request
        ) -> dict[Any, Any]:
            if run_id == NOT_YET:  # Gradio opens the first tab by itself, before the page is there
                return {self.shown: gr.skip()}
            with self.turns.acting(request.session_hash):
                return {self.page: name, **self.show(browser_of(request), run_id, name, place, shown, anew=True)}

        return opens

    def changed(
        self, run_id: str, page: str, place: dict[str, Any], shown: dict[str, str], request: gr.Request, *values: Any
    ) -> dict[Any, Any]:
        """A field was changed: the forms are kept, and what depends on them is shown anew."""
        browser = browser_of(request)
        with self.turns.acting(request.session_hash):
            self.desk.keep(browser, self.board.form.filled(values))
            return self.show(browser, run_id, page, place, shown)

    # -- what a tab can do

    def _does(self, action: Action) -> Callable[..., Any]:
        form, number = self.board.form, len(self.board.form.fields)

        def does(
            run_id: str,
            page: str,
            place: dict[str, Any],
            shown: dict[str, str],
            request: gr.Request,
            event: gr.EventData,
            *given: Any,
        ) -> dict[Any, Any]:
            with self.turns.acting(request.session_hash):
                return act(run_id, page, place, shown, request, event, given)

        def act(
            run_id: str,
            page: str,
            place: dict[str, Any],
            shown: dict[str, str],
            request: gr.Request,
            event: gr.EventData,
            given: tuple[Any, ...],
        ) -> dict[Any, Any]:
            browser = browser_of(request)
            values, extra = (given[:number], given[number:]) if action.forms else ((), given)
            if action.forms:
                self.desk.keep(browser, form.filled(values))
            data = event._data if isinstance(event._data, dict) else {}
            pressed = Act(self.desk, browser, run_id, self.desk.filled(browser), place, data, extra)
            done, problems = self._done(action, pressed, page)
            out: dict[Any, Any] = dict.fromkeys(action.extra)
            if done.toast:
                gr.Info(done.toast, duration=3)
            if done.fill is not None:
                self.desk.keep(browser, done.fill)
                out.update(self._filling(done.fill))
            run_id = run_id if done.run is None else done.run
            place = {**place, **done.place, "problems": problems}
            shows = self.show(browser, run_id, page, place, shown)
            return {self.run: run_id, self.place: place, **_both(out, shows)}

        return does

    def _done(self, action: Action, act: Act, page: str) -> tuple[Done, dict[str, str]]:
        """What the action did, and what was wrong, by place."""
        try:
            return action.do(act) or Done(), {}
        except FormError as error:
            words = str(error)
            if PLACES.get(error.place, page) == page:
                return Done(), {error.place: words}
            where = f"{PLACES[error.place].capitalize()}, {error.place.replace('new', 'response models')}"
            return Done(), {error.place: words, page: f"{where}: {words}"}
        except ClaywrightError as error:
            return Done(), {page: str(error)}

    def _filling(self, filled: draft.Filled) -> dict[Any, Any]:
        form = self.board.form
        return dict(zip(form.components, form.values(filled), strict=True))


def _both(values: dict[Any, Any], shows: dict[Any, Any]) -> dict[Any, Any]:
    """What fields are to hold and how parts are to look; a field in both gets both."""
    both = {**values, **shows}
    for component in values.keys() & shows.keys():
        if isinstance(shows[component], dict) and "value" not in shows[component]:
            value = values[component]
            both[component] = {**shows[component], **(value if isinstance(value, dict) else {"value": value})}
    return both


def _remember(page: str) -> str:
    """Puts the page into the tab's address."""
    return (
        f"(...values) => {{ const url = new URL(location); url.searchParams.set('show', '{page}');"
        " history.replaceState(history.state, '', url); return values; }"
    )
