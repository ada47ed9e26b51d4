"""The page as a whole: header, six tabs, and what connects their parts and actions with Gradio.

A handler asks for a look, shows what has changed since this tab last looked, and does nothing else. The run and the page
that a tab shows are kept in the tab (and in its address), so that neither a reload nor a restart loses them.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gradio as gr

from app import draft
from app.desk import Desk, Look
from app.draft import FormError
from app.pages import export, generate, header, insights, models, rate, review
from app.pages.board import Act, Action, Board, Done
from app.pages.lean import LeanBlocks
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
REMEMBERED = 60
"""Glances back that a tab's question may be: what its fields held then is remembered."""
NEW = "new"
"""The run in the address of a tab that shows none yet."""
NOT_YET = "?"
"""The run of a tab that has not been told which one it shows."""
PLACES = {  # where a problem is said, by what it is about; on the other pages it is said on the page itself
    "generator": "models", "labeller": "models", "responders": "models", "new": "models", "task": "generate", "inputs": "generate",
    "answers": "generate", "rating": "rate", "review": "review", "merge": "review", "embedder": "review", "export": "export",
    "hub": "export",
}  # fmt: skip
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""No queue: its one stream for all answers of a page can lose the first, and a page that works alone needs none."""
LOOK_EVERY, LOOK_WHEN_IDLE = 1.0, 5.0
"""Seconds between two glances: while something is going on, and else, as another process may do something."""


def build(desk: Desk) -> gr.Blocks:
    """The Gradio app."""
    board = Board()
    with LeanBlocks(
        title="Claywright", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)
    ) as demo:
        run = gr.Textbox(NOT_YET, visible=False, label="run")
        page = gr.Textbox(HOME, visible=False, label="page")
        seen = gr.Number(0, visible=False, label="seen", precision=0)
        header.build(board)
        with gr.Tabs(elem_id="pages", selected=HOME, overflow_behavior="wrap") as tabs:
            opened: dict[str, gr.Tab] = {}
            for name, make in PAGES.items():
                board.form.page = name
                with gr.Tab(name.capitalize(), id=name, elem_id=f"page-{name}") as opened[name]:
                    make(board)
        timer = gr.Timer(LOOK_WHEN_IDLE, active=False)
        Wires(desk, board, run, page, seen, tabs, timer).connect(demo, opened)
    made: gr.Blocks = demo
    return made


def browser_of(request: gr.Request) -> str:
    """The browser that asks, by its cookie. Raises gr.Error for one that never opened the page."""
    name = request.cookies.get(COOKIE, "")
    if not name:
        raise gr.Error("Open the page anew: this browser is not known here.", print_exception=False)
    return str(name)


@dataclass
class Tab:
    """One open page: what it shows, and what it was last given of each part, as hashes.

    Glances are taken one after the other under `lock`, each of how things stand at that moment, and those that changed
    something are numbered. The browser says the number of the one that it applied last: where answers overtook one another
    on their way, everything is shown anew. `held` is what the tab's fields held after each of the last glances: a person
    changed what differs from it, so that two tabs of one browser take nothing back from each other.
    """

    run: str = ""
    glances: int = 0
    page: str = HOME
    place: dict[str, Any] = field(default_factory=dict)
    shown: dict[int, dict[str, str]] = field(default_factory=dict)
    told: tuple[Any, ...] = ()
    """The run, the page and the seconds between two glances as the browser was last told."""
    held: dict[int, draft.Filled] = field(default_factory=dict)
    acted: draft.Filled = field(default_factory=dict)
    """What each field held when its own action last ran: leaving a field is no choice."""
    begun: int = 0
    said: int = 0
    """The number of the last action that began, and of the one whose problems are shown."""
    behind: float = -1
    """The number that a glance said which was not the last one: an answer was on its way, or was overtaken by another."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def typed(self, filled: draft.Filled, seen: float) -> draft.Filled:
        """What a person changed in the fields since the tab was last told what they hold; remembered. Under the lock."""
        base = self.held[int(seen)]
        changes = draft.differing(filled, base)
        for number, held in self.held.items():
            if number >= seen:
                self.held[number] = {**held, **changes}
        return changes

    def problems(self, turn: int, found: dict[str, str]) -> dict[str, str]:
        """What is to be said once the action of that number has ended: one that began later is not talked over."""
        if turn < self.said:
            return {**found, **self.place.get("problems", {})}
        self.said = turn
        return found


class Tabs:
    """The open pages by Gradio's session. A page that this process does not know yet says itself what it shows."""

    def __init__(self) -> None:
        self._tabs: dict[tuple[str, str], Tab] = {}
        self._lock = threading.Lock()

    def of(self, request: gr.Request, run: str = "", page: str = HOME) -> Tab:
        """Raises gr.Error for a browser that never opened the page."""
        which = browser_of(request), str(request.session_hash)
        with self._lock:
            return self._tabs.setdefault(which, Tab(run, page=page))

    def close(self, request: gr.Request) -> None:
        """Its jobs go on."""
        with self._lock:
            for which in [which for which in self._tabs if which[1] == str(request.session_hash)]:
                del self._tabs[which]


@dataclass
class Wires:
    """Everything between the board and Gradio's events."""

    desk: Desk
    board: Board
    run: gr.Textbox
    page: gr.Textbox
    seen: gr.Number
    tabs: gr.Tabs
    timer: gr.Timer
    open: Tabs = field(default_factory=Tabs)

    def connect(self, demo: gr.Blocks, opened: Mapping[str, gr.Tab]) -> None:
        fields = self.board.form.fields
        here = [self.run, self.page, self.seen]
        parts = [component for _, component, _ in self.board.shows]
        everything = list(dict.fromkeys([*here, self.timer, *parts, *fields.values()]))
        # For each field that is sent, and each part whose progress is shown, the browser looks through the whole page: so a
        # field that was changed is sent alone, and progress is that of one hidden part.
        quiet = {**QUIET, "show_progress_on": self.page}
        demo.load(self.arrive, None, [*everything, self.tabs], **quiet)
        demo.unload(self.open.close)
        self.timer.tick(self.glance, here, everything, trigger_mode="once", **quiet)
        began = [
            tab.select(self._opens(name), here, everything, js=_remember(name), **quiet) for name, tab in opened.items()
        ]
        for name, event in self.board.form.when_changed(self.board.own):
            inputs = [*here, fields[name]]
            began.append(event(self._changed(name), inputs, everything, trigger_mode="always_last", **quiet))
        for action in self.board.actions:
            inputs = [*here, *(fields[name] for name in self.taken(action)), *action.extra]
            outputs = list(dict.fromkeys([*everything, *action.extra, self.tabs]))
            often: Any = "always_last" if action.field else "multiple" if action.often else "once"
            began.append(action.event(self._does(action), inputs, outputs, trigger_mode=often, **quiet))
        for event in began:
            event.then(self.glance, here, everything, **quiet)

    # -- what a tab is given

    def show(self, tab: Tab, browser: str, seen: float, base: draft.Filled | None = None) -> dict[Any, Any]:
        """What differs from what the tab has: parts of the header and the page, and fields. Only under the tab's lock.

        `base`: what its fields held, where the glance `seen` is too long ago.
        """
        held = tab.held.get(int(seen), base)
        look = self.desk.look(browser, tab.run, {**tab.place, "page": tab.page})
        out: dict[Any, Any] = {}
        fresh: dict[int, dict[str, str]] = {}
        for number, (where, component, show) in enumerate(self.board.shows):
            if where not in (tab.page, "top"):
                continue
            news, hashes = _news(show(look), tab.shown.get(number, {}))
            if news:
                fresh[number] = hashes
                out[component] = news["value"] if news.keys() == {"value"} else gr.update(**news)
        tab.shown.update(fresh)  # only now: where a part fails, all are shown another time
        new: draft.Filled = {}
        wanted = {name: look.filled[name] for name in self.board.form.fields}
        if held is not None:
            new = draft.differing(wanted, held)
            tab.acted.update(new)
        here = tab.run, tab.page, self._every(look)
        if not out and not new and here == tab.told and seen >= 0:
            return {self.page: gr.skip()}
        tab.glances += 1
        if held is not None:
            tab.held = {number: was for number, was in tab.held.items() if number > tab.glances - REMEMBERED}
            tab.held[tab.glances] = wanted
        if here[2:] != tab.told[2:]:
            out[self.timer] = gr.Timer(here[2], active=True)
        tab.told = here
        values = {self.board.form.fields[name]: value for name, value in new.items()}
        return {**_both(values, out), self.run: tab.run, self.page: tab.page, self.seen: tab.glances}

    def _every(self, look: Look) -> float:
        starting = "starting" in (self.desk.standby.model.state, self.desk.standby.argilla.state)
        return LOOK_EVERY if look.busy or self.desk.counting or starting else LOOK_WHEN_IDLE

    def arrive(self, request: gr.Request) -> dict[Any, Any]:
        """A tab is opened: the run and the page of its address, else the newest run; the forms as they were left."""
        browser = browser_of(request)
        query = request.query_params
        newest = self.desk.newest()
        asked = str(query.get("run") or (newest.id if newest else ""))
        run = self.desk.look(browser, "" if asked == NEW else asked, {}).run
        made = self.desk.look(browser, run.id, {}).recipe if run else None
        if made is not None and not self.desk.store.forms.get(browser):
            self.desk.keep(browser, draft.fill(made))
        tab = self.open.of(request)
        with tab.lock:
            tab.run = run.id if run else ""
            tab.page = str(query.get("show")) if query.get("show") in PAGES else HOME
            tab.place, tab.held, tab.shown, tab.told = {}, {}, {}, ()
            return {self.tabs: gr.Tabs(selected=tab.page), **self.show(tab, browser, -1, {})}

    def glance(self, run: str, page: str, seen: float, request: gr.Request) -> dict[Any, Any]:
        if run == NOT_YET:
            return {self.page: gr.skip()}
        tab = self.open.of(request, run, page)
        with tab.lock:
            if seen == tab.glances:
                tab.behind = -1
            elif seen != tab.behind and tab.glances:  # an answer is on its way: soon it will be there
                tab.behind = seen
                tab.told = (*tab.told[:2], LOOK_EVERY)
                return {self.timer: gr.Timer(LOOK_EVERY, active=True)}
            else:
                tab.shown = {number: shown for number, shown in tab.shown.items() if number in self.typed}
                tab.told, tab.behind = (), -1
            return self.show(tab, browser_of(request), seen)

    @cached_property
    def typed(self) -> set[int]:
        """The numbers of the fields that an action takes along: what a person types there is never written over."""
        extra = {component for action in self.board.actions for component in action.extra}
        return {number for number, (_, component, _) in enumerate(self.board.shows) if component in extra}

    def _opens(self, name: str) -> Callable[..., Any]:
        def opens(run: str, page: str, seen: float, request: gr.Request) -> dict[Any, Any]:
            if run == NOT_YET:  # Gradio opens the first tab by itself, before the page is there
                return {self.page: gr.skip()}
            tab = self.open.of(request, run, page)
            with tab.lock:
                tab.page = name
                return self.show(tab, browser_of(request), seen)

        return opens

    def _changed(self, name: str) -> Callable[..., Any]:
        def changed(run: str, page: str, seen: float, value: Any, request: gr.Request) -> dict[Any, Any]:
            return self.changed(run, page, seen, request, {name: value})

        return changed

    def changed(self, run: str, page: str, seen: float, request: gr.Request, filled: draft.Filled) -> dict[Any, Any]:
        """Fields were changed: that is kept, and what depends on them is shown anew."""
        browser = browser_of(request)
        if run == NOT_YET:
            return {self.page: gr.skip()}
        tab = self.open.of(request, run, page)
        with tab.lock:
            self._known(tab, browser, seen)
            if changes := tab.typed(filled, seen):
                tab.place = {**tab.place, "problems": {}}
                self.desk.keep(browser, changes)
            return self.show(tab, browser, seen)

    def _known(self, tab: Tab, browser: str, seen: float) -> None:
        """A page that was open before this process began: its fields are taken for those that were kept."""
        tab.held.setdefault(int(seen), dict(self.desk.filled(browser)))

    # -- what a tab can do

    def taken(self, action: Action) -> list[str]:
        """The fields that the action takes along: those of its page. What the tab's others hold is known."""
        pages = self.board.form.pages.items()
        return [name for name, page in pages if action.forms and action.page in (page, "top")]

    def _does(self, action: Action) -> Callable[..., Any]:
        taken = self.taken(action)

        def does(
            run: str, page: str, seen: float, request: gr.Request, event: gr.EventData, *given: Any
        ) -> dict[Any, Any]:
            browser = browser_of(request)
            if run == NOT_YET:
                return {self.page: gr.skip()}
            tab = self.open.of(request, run, page)
            shown, extra = dict(zip(taken, given, strict=False)), given[len(taken) :]
            with tab.lock:
                self._known(tab, browser, seen)
                before = self.desk.filled(browser)
                self.desk.keep(browser, tab.typed(shown, seen))
                if action.field:
                    before = {**before, **tab.acted}
                    tab.acted[action.field] = shown[action.field]
                    if shown[action.field] == before[action.field]:  # somebody left it as it was
                        return self.show(tab, browser, seen)
                tab.begun += 1
                turn, base = tab.begun, tab.held[int(seen)]
            data = event._data if isinstance(event._data, dict) else {}
            kept = self.desk.filled(browser)
            filled = {**kept, **(base if action.forms else {})}
            filled.update({name: kept[name] for name in kept if name.endswith(".key_env")})  # never a key pasted there
            was = before.get(action.field) if action.field else None
            act = Act(self.desk, browser, tab.run, filled, tab.place, data, extra, was)
            done, problems = self._done(action, act, tab.page)
            with tab.lock:
                if done.fill is not None:
                    self.desk.keep(browser, draft.differing(done.fill, filled))
                tab.run = tab.run if done.run is None else done.run
                tab.page = done.page or tab.page
                said = {"toast": (done.toast, time.monotonic())} if done.toast else {}
                tab.place = {**tab.place, **done.place, **said, "problems": tab.problems(turn, problems)}
                emptied: dict[Any, Any] = {} if problems else dict.fromkeys(action.extra)
                turned = {self.tabs: gr.Tabs(selected=done.page)} if done.page else {}
                return {**_both(emptied, self.show(tab, browser, seen, base)), **turned}

        return does

    def _done(self, action: Action, act: Act, page: str) -> tuple[Done, dict[str, str]]:
        """What the action did, and what was wrong, by place."""
        try:
            return action.do(act) or Done(), {}
        except FormError as error:
            first, _, rest = str(error).partition(" ")
            words = f"{first.capitalize() if first.isalpha() and first.islower() else first} {rest}".strip()
            if PLACES.get(error.place, page) == page:
                return Done(), {error.place: words}
            where = f"{PLACES[error.place].capitalize()}, {error.place.replace('new', 'response models')}"
            return Done(), {error.place: words, page: f"{where}: {words}"}
        except ClaywrightError as error:
            return Done(), {page: str(error)}


def _news(shows: Any, shown: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The properties of a part that are not as `shown` says that they were, by their hashes; the hashes as they are now."""
    props = (
        {name: value for name, value in shows.items() if name != "__type__"} if _is_update(shows) else {"value": shows}
    )
    hashes = {name: hashlib.sha256(repr(value).encode("utf-8", "replace")).hexdigest() for name, value in props.items()}
    return {name: value for name, value in props.items() if shown.get(name) != hashes[name]}, {**shown, **hashes}


def _is_update(shows: Any) -> bool:
    return isinstance(shows, dict) and shows.get("__type__") == "update"


def _both(values: dict[Any, Any], shows: dict[Any, Any]) -> dict[Any, Any]:
    """What fields are to hold and how parts are to look; a field in both gets both."""
    both = {**values, **shows}
    for component in values.keys() & shows.keys():
        if _is_update(shows[component]) and "value" not in shows[component]:
            both[component] = {**shows[component], "value": values[component]}
    return both


def _remember(page: str) -> str:
    """Puts the page into the tab's address; not where Gradio opens its first tab by itself, before ours is there."""
    return (
        "(...values) => { if (document.querySelector('[data-run]')) { const url = new URL(location);"
        f" url.searchParams.set('show', '{page}'); history.replaceState(history.state, '', url); }} return values; }}"
    )
