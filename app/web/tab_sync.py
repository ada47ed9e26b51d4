"""How open pages and the app keep in step: what is sent when, and what a page's fields hold as far as the app knows.

Each open page of a browser (a tab) has a `Tab` here. With every request it says its run, its page and `base_version`, the
version that it applied last. Every answer holds only what differs from what the tab was sent before, and the version of that.

    browser                                          app (TabSync)
      load  -----------------------------------------> run and page of the address, forms as they were left
            <------ what of header and page is not as it was built, version 1
      poll, every POLL_... seconds  -----------------> how things stand now
            <------ parts and fields that differ, version n+1; nothing where nothing does
      change: one field  ----------------------------> kept for the browser, if it can be
            <------ what depends on it
      open: another page  ---------------------------> the page is that from now on
            <------ all of that page that the tab does not have yet
      action: the page's fields, what the button said > fields are kept first, then it is done, outside the lock
            <------ what is different then
      unload  ---------------------------------------> the `Tab` is given back; jobs go on

- Answers are made one after the other under the tab's lock. They may still arrive in another order, or together.
- A person changed a field if it differs from what `sent_fields` says that it held at `base_version`. So a late request, or
  another tab of the same browser, takes nothing back.
- A poll whose `base_version` is not the newest: an answer is on its way, so that poll is answered by "ask again soon". If the
  next poll says the same, the answer was lost or overtaken, and all parts are sent again.
- Where two answers may have met in the browser, `needs_full_refresh` is set: once no other request is under way, all parts
  are sent again, and the `dirty_fields`, of which the app can't know what they hold.
- What is being typed is not known here until the field is left: `static/typing.js` keeps it from what answers say of the field.
- The run and the page are in the tab itself (and in its address): neither a reload nor a restart of the app loses them. A tab
  that the app does not know, as it was open before the app began, is taken to hold what was kept.
"""

import contextlib
import hashlib
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import gradio as gr
from gradio.components import Component

from app.web import form_values
from app.web.form_fields import TOP, reaches
from app.web.form_values import FormError
from app.web.html.fragments import sentence
from app.web.page_builder import Act, Action, Board, Done
from app.web.security.access import browser_of
from app.web.security.event_values import fits
from app.web.state import AppState, RunView
from app.web.tab_state import HOME, NEW_TAB, TabState
from tasks.errors import ClaywrightError

NEW = "new"
"""The run in the address of a tab that shows none yet."""
NOT_YET = "?"
"""The run of a tab that has not been told which one it shows."""
PROBLEM_PAGES = {  # where a problem is said, by what it is about; on the other pages it is said on the page itself
    "generator": "models", "labeller": "models", "responders": "models", "new": "models", "task": "generate", "inputs": "generate",
    "answers": "generate", "budget": "generate", "rating": "rate", "rubric": "rate", "checks": "rate", "check": "rate",
    "review": "review", "merge": "review",
    "embedder": "review", "export": "export", "hub": "export",
}  # fmt: skip
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""No queue: its one stream for all answers of a page can lose the first, and a page that works alone needs none."""
POLL_SOON, POLL_BUSY, POLL_IDLE = 0.25, 1.0, 5.0
"""Seconds between two polls: just after a person did something that goes on; while something goes on; and else, as another
process may do something."""
BUILT_PROPERTIES = (
    "value",
    "visible",
    "elem_classes",
    "label",
    "info",
    "placeholder",
    "choices",
    "interactive",
    "lines",
)
"""The properties of parts that change while the page is open, by their names in components."""
JUST_AFTER = 2.0
"""Seconds."""
REMEMBERED_VERSIONS = 60
"""So many versions back a request may be: what the fields held then is remembered."""
MOST_TABS = 500
"""Open pages that are remembered; one that was forgotten says itself what it shows."""


@dataclass
class Tab:
    """One open page, as the app knows it. All of it is changed under `lock`, but for the count of its requests."""

    run: str = ""
    version: int = 0
    """The number of the last answer that held anything."""
    state: TabState = NEW_TAB
    sent_parts: dict[int, dict[str, str]] = field(default_factory=dict)
    """Hashes of the properties that each part was sent with, by the part's number."""
    sent: tuple[Any, ...] = ()
    """The run, the page and the seconds between two polls as they were last sent."""
    sent_fields: dict[int, form_values.FormValues] = field(default_factory=dict)
    """What the fields held at each of the last versions."""
    held_fields: dict[int, Collection[str]] = field(default_factory=dict)
    """The fields that were to hold something else at such a version, of which the tab was not told with it."""
    last_chosen: form_values.FormValues = field(default_factory=dict)
    """What each field held when its own action last ran: leaving a field is no choice."""
    actions_begun: int = 0
    problems_of: int = 0
    """The action that began last, and the one whose problems are shown, by their numbers."""
    needs_full_refresh: bool = False
    """True if two answers may have been applied at the same time: the browser may show parts as the earlier one says."""
    dirty_fields: set[str] = field(default_factory=set)
    """The fields that such answers filled, or that were changed meanwhile."""
    late_base: float = -1
    """The version that a poll began from where that was not the last one: an answer was on its way, or was overtaken. -1: none."""
    pending_requests: int = 0
    """How many requests of the page are not answered yet."""
    last_input: float = -math.inf
    """When a person did something last, by the monotonic clock in seconds."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def pending(self, *, person: bool = True) -> Iterator[None]:
        """A request of the page until it is answered: what a person did, or a poll."""
        with self._counting:
            self.pending_requests += 1
            self.last_input = time.monotonic() if person else self.last_input
        try:
            yield
        finally:
            with self._counting:
                self.pending_requests -= 1

    def resend_all(self, but: Collection[int]) -> None:
        """All parts are to be sent again, `but` for some by their numbers, and the dirty fields."""
        self.sent_parts = {number: shown for number, shown in self.sent_parts.items() if number in but}
        self.sent, self.late_base, self.needs_full_refresh = (), -1, False
        for number, values in self.sent_fields.items():
            self.sent_fields[number] = {name: value for name, value in values.items() if name not in self.dirty_fields}
        self.dirty_fields = set()

    def typed_since(self, filled: form_values.FormValues, base_version: float) -> form_values.FormValues:
        """What a person changed in the fields since that version; from now on the tab is known to hold it."""
        base = self.sent_fields[int(base_version)]
        changes = form_values.differing(filled, base)
        for number, values in self.sent_fields.items():
            if number >= base_version:
                self.sent_fields[number] = {**values, **changes}
        return changes

    def problems_after(self, turn: int, problems: dict[str, str]) -> dict[str, str]:
        """What is to be said once the action of that number has ended: one that began later is not talked over."""
        if turn < self.problems_of:
            return {**problems, **self.state.problems}
        self.problems_of = turn
        return problems


class OpenTabs:
    """The open pages by Gradio's session. A page that this process does not know yet says itself what it shows."""

    def __init__(self) -> None:
        self._tabs: dict[tuple[str, str], Tab] = {}
        self._lock = threading.Lock()

    def of(self, request: gr.Request, run: str = "", page: str = HOME) -> Tab:
        """The tab that a request came from; a new one, which shows that run and page, where it is not known."""
        key = browser_of(request), str(request.session_hash)
        with self._lock:
            tab = self._tabs.pop(key, None) or Tab(run, state=TabState(page))
            self._tabs[key] = tab
            while len(self._tabs) > MOST_TABS:
                del self._tabs[next(iter(self._tabs))]
            return tab

    def close(self, request: gr.Request) -> None:
        """Forgets a tab."""
        with self._lock:
            for key in [key for key in self._tabs if key[1] == str(request.session_hash)]:
                del self._tabs[key]


@dataclass
class TabSync:
    """Everything between the board and Gradio's events. `run`, `page` and `base_version` are hidden fields of the page."""

    state: AppState
    board: Board
    run: gr.Textbox
    page: gr.Textbox
    base_version: gr.Number
    tabs: gr.Tabs
    timer: gr.Timer
    pages: Collection[str]
    open_tabs: OpenTabs = field(default_factory=OpenTabs)

    def connect(self, demo: gr.Blocks, opened: Mapping[str, gr.Tab]) -> None:
        """Hangs the handlers below on the events of the page."""
        self._build_as_usual()
        fields = self.board.form.fields
        tab_state = [self.run, self.page, self.base_version]
        everything = self._reached(TOP)
        # For each field that is sent, and each part whose progress is shown, the browser looks through the whole page: so a
        # field that was changed is sent alone, and progress is that of one hidden part.
        quiet = {**QUIET, "show_progress_on": self.page}
        demo.load(self.load, None, [*everything, self.tabs], **quiet)
        demo.unload(self.on_close(demo))
        self.timer.tick(self.poll, tab_state, everything, trigger_mode="once", **quiet)
        for name, tab in opened.items():
            tab.select(self.on_open(name), tab_state, everything, js=_remember(name), **quiet)
        for name, event in self.board.form.when_changed(self.board.own):
            inputs, reached = [*tab_state, fields[name]], self._reached(self.board.form.pages[name])
            event(self.on_change(name), inputs, reached, trigger_mode="always_last", **quiet)
        for action in self.board.actions:
            inputs = [*tab_state, *(fields[name] for name in self.fields_taken(action)), *action.extra]
            outputs: list[Any] = list(dict.fromkeys([*self._reached(action.page), *action.extra, self.tabs]))
            often: Any = "always_last" if action.field else "multiple" if action.often else "once"
            action.event(self.on_action(action), inputs, outputs, trigger_mode=often, **quiet)

    def _reached(self, page: str) -> list[Component]:
        """What an event on a page can fill: that of the header and the page; of the header, all there is."""
        shows, form = self.board.shows, self.board.form
        parts = [component for where, component, _ in shows if reaches(page, where)]
        fields = [component for name, component in form.fields.items() if reaches(page, form.pages[name])]
        return list(dict.fromkeys([self.run, self.page, self.base_version, self.timer, *parts, *fields]))

    def _build_as_usual(self) -> None:
        """Parts that show nothing of a new run are out of the page from the start, and fields hold what they usually hold.

        So a visit is told of few of them.
        """
        view = RunView(self.state, "", self.state.usual, None, None, NEW_TAB)
        for _, part, show in self.board.shows:
            if isinstance(part, gr.HTML):
                part.visible = bool(show(view)["visible"])
        for name, component in self.board.form.fields.items():
            if isinstance(component, gr.Textbox | gr.Number):
                component.value = self.state.usual.get(name, component.value)

    # -- what a tab is given

    def update(
        self,
        tab: Tab,
        browser: str,
        base_version: float,
        base: form_values.FormValues | None = None,
        of: str = TOP,
    ) -> dict[Any, Any]:
        """What differs from what the tab has: parts of the header and the page, and fields. Only under the tab's lock.

        `base`: what its fields held, where `base_version` is too long ago. `of`: the page of the event that is answered; what
        lies out of its reach is told to the next poll, at once.
        """
        base_fields = tab.sent_fields.get(int(base_version), base)
        view = self.state.of(browser).look(browser, tab.run, tab.state)
        at_work = self.at_work(view)  # before anything is shown: what ends meanwhile is shown as still going on
        out: dict[Any, Any] = {}
        fresh: dict[int, dict[str, str]] = {}
        fields, defaults = self.board.form.fields, self.state.usual
        page = tab.state.page if reaches(of, tab.state.page) else TOP
        odd = [
            n for n, field in fields.items() if view.filled[n] != defaults.get(n) and not fits(field, view.filled[n])
        ]
        try:
            shown = {} if odd else self._parts(view, page)
        except Exception:  # what can't be shown must not lock a browser out: it is shown without what can't be
            if not (odd := self._unshowable(view, tab.state.page)):
                raise
        if odd:
            self.state.forget(browser, odd)
            labels = ", ".join(dict.fromkeys(self.board.form.label(name) for name in odd))
            message = f"What {labels} held can't be shown. It begins anew."
            tab.state = replace(tab.state, problems={**tab.state.problems, tab.state.page: message})
            return self.update(tab, browser, base_version, base, of)
        for number, show in shown.items():
            component = self.board.shows[number][1]
            news, hashes = _news(show, tab.sent_parts.get(number, {}))
            if news:
                fresh[number] = hashes
                out[component] = news["value"] if news.keys() == {"value"} else gr.update(**news)
        tab.sent_parts.update(fresh)  # only now: where a part fails, all are shown another time
        new: form_values.FormValues = {}
        field_values = {name: view.filled[name] for name in fields}
        held: set[str] = set()
        if base_fields is not None:
            new = form_values.differing(field_values, base_fields)
            held = {name for name in new if not reaches(of, self.board.form.pages[name])}
            new = {name: value for name, value in new.items() if name not in held}
            field_values = {name: value for name, value in field_values.items() if name not in held}
            field_values.update({name: base_fields[name] for name in held & base_fields.keys()})
            tab.last_chosen.update(new)
        out_of_reach = bool(held) or page != tab.state.page
        if out or new:
            tab.needs_full_refresh |= tab.pending_requests > 1 or 0 < base_version != tab.version
            tab.dirty_fields |= new.keys() if tab.needs_full_refresh else set()
        interval = self.poll_interval(tab, at_work or self.at_work(view))
        state = tab.run, tab.state.page, POLL_SOON if out_of_reach else interval
        if not out and not new and state == tab.sent and base_version >= 0:
            return {self.page: gr.skip()}
        tab.version += 1
        if base_fields is not None:
            oldest = tab.version - REMEMBERED_VERSIONS
            tab.sent_fields = {number: was for number, was in tab.sent_fields.items() if number > oldest}
            tab.held_fields = {number: names for number, names in tab.held_fields.items() if number > oldest}
            tab.sent_fields[tab.version] = field_values
            if held:
                tab.held_fields[tab.version] = held
        if state[2:] != tab.sent[2:]:
            out[self.timer] = gr.Timer(state[2], active=True)
        tab.sent = state
        values = {self.board.form.fields[name]: value for name, value in new.items()}
        return {**_both(values, out), self.run: tab.run, self.page: tab.state.page, self.base_version: tab.version}

    def _parts(self, view: RunView, page: str) -> dict[int, Any]:
        """What the header and a page show of a view, by the parts' numbers."""
        return {number: show(view) for number, (where, _, show) in enumerate(self.board.shows) if where in (page, TOP)}

    def _unshowable(self, view: RunView, page: str) -> list[str]:
        """The fields without which the page can be shown: each is tried by itself in forms as they are at the beginning."""
        defaults, odd = self.state.usual, []
        for name in form_values.differing(view.filled, defaults):
            alone = replace(view, filled={**defaults, name: view.filled[name]})
            try:
                self._parts(alone, page)
            except Exception:  # noqa: BLE001 - whatever it is, this field brings it about
                odd.append(name)
        return odd

    def at_work(self, view: RunView) -> bool:
        """True while something goes on of which the page shows how far it is."""
        starting = "starting" in (self.state.services.model.state, self.state.services.argilla.state)
        return view.busy or self.state.counting or self.state.trying or starting

    def poll_interval(self, tab: Tab, at_work: bool) -> float:
        """Seconds until the tab is to poll again."""
        if not (at_work or tab.needs_full_refresh):
            return POLL_IDLE
        return POLL_SOON if time.monotonic() - tab.last_input < JUST_AFTER else POLL_BUSY

    def load(self, request: gr.Request) -> dict[Any, Any]:
        """A tab is opened: the run and the page of its address, else the newest run; the forms as they were left."""
        browser = browser_of(request)
        query = request.query_params
        state = self.state.of(browser)
        newest = state.newest()
        run_id = str(query.get("run") or (newest.id if newest else ""))
        run = state.look(browser, "" if run_id == NEW else run_id).run
        recipe = state.look(browser, run.id).recipe if run else None
        if recipe is not None and not self.state.knows(browser):
            self.state.keep(browser, self.state.as_pasted({**self.state.usual, **form_values.fill(recipe)}))
        tab = self.open_tabs.of(request)
        with tab.lock:
            tab.run = run.id if run else ""
            tab.state = TabState(str(query.get("show")) if query.get("show") in self.pages else HOME)
            tab.sent_fields, tab.held_fields = {}, {}
            tab.sent_parts, tab.sent = dict(self.built_parts), ()
            tab.last_chosen = dict(self.built_fields)
            turned = {} if tab.state.page == self.tabs.selected else {self.tabs: gr.Tabs(selected=tab.state.page)}
            return {**turned, **self.update(tab, browser, -1, self.built_fields)}

    def poll(self, run: str, page: str, base_version: float, request: gr.Request) -> dict[Any, Any]:
        """What is different by now, though nobody did anything in this tab."""
        if run == NOT_YET:
            return {self.page: gr.skip()}
        browser, tab = browser_of(request), self.open_tabs.of(request, run, page)
        with tab.pending(person=False), tab.lock:
            self._assume_kept(tab, browser, base_version)
            if base_version == tab.version:
                tab.late_base = -1
                if tab.needs_full_refresh and tab.pending_requests == 1:  # now that all is calm
                    tab.resend_all(self.typed_parts)
            elif base_version != tab.late_base and tab.version:  # an answer is on its way: soon it will be there
                tab.late_base = base_version
                tab.sent = (*tab.sent[:2], POLL_SOON)
                return {self.timer: gr.Timer(POLL_SOON, active=True)}
            else:
                tab.resend_all(self.typed_parts)
            return self.update(tab, browser, base_version)

    def on_close(self, demo: gr.Blocks) -> Callable[..., Any]:
        """The handler of a tab that is closed: what was kept for it is given back. Its jobs go on."""

        def closes(request: gr.Request) -> None:
            self.open_tabs.close(request)
            demo.state_holder.session_data.pop(str(request.session_hash), None)
            demo.state_holder.time_last_used.pop(str(request.session_hash), None)

        return closes

    @cached_property
    def built_fields(self) -> form_values.FormValues:
        """The values that fields have in a page that was only just opened: the browser takes long for each that it is told again.

        Without those that are None, which Gradio leaves out of its page: a number begins at 0 there.
        """
        components: Mapping[str, Any] = self.board.form.fields
        return {name: component.value for name, component in components.items() if component.value is not None}

    @cached_property
    def built_parts(self) -> dict[int, dict[str, str]]:
        """The properties that each part has in such a page, as `Tab.sent_parts` has them."""
        parts = enumerate(component for _, component, _ in self.board.shows)
        return {
            number: {name: _hash(v) for name in BUILT_PROPERTIES if (v := getattr(part, name, None)) is not None}
            for number, part in parts
        }

    @cached_property
    def typed_parts(self) -> set[int]:
        """The numbers of the fields that an action takes along: what a person types there is never written over."""
        extra = {component for action in self.board.actions for component in action.extra}
        return {number for number, (_, component, _) in enumerate(self.board.shows) if component in extra}

    def on_open(self, name: str) -> Callable[..., Any]:
        """The handler of a click on another page's tab."""

        def opens(run: str, page: str, base_version: float, request: gr.Request) -> dict[Any, Any]:
            if run == NOT_YET:  # Gradio opens the first tab by itself, before the page is there
                return {self.page: gr.skip()}
            tab = self.open_tabs.of(request, run, page)
            with tab.pending(), tab.lock:
                tab.state = replace(tab.state, page=name)
                return self.update(tab, browser_of(request), base_version)

        return opens

    def on_change(self, name: str) -> Callable[..., Any]:
        """The handler of a field that a person changed."""

        def changed(run: str, page: str, base_version: float, value: Any, request: gr.Request) -> dict[Any, Any]:
            return self.change(run, page, base_version, request, {name: value}, self.board.form.pages[name])

        return changed

    def change(
        self,
        run: str,
        page: str,
        base_version: float,
        request: gr.Request,
        filled: form_values.FormValues,
        of: str = TOP,
    ) -> dict[Any, Any]:
        """Fields of the page `of` were changed: that is kept, and what depends on them is shown anew."""
        browser = browser_of(request)
        if run == NOT_YET:
            return {self.page: gr.skip()}
        tab = self.open_tabs.of(request, run, page)
        with tab.pending(), tab.lock:
            self._assume_kept(tab, browser, base_version)
            if changes := tab.typed_since(filled, base_version):
                if tab.pending_requests > 1 or 0 < base_version != tab.version:
                    tab.needs_full_refresh, tab.dirty_fields = True, tab.dirty_fields | changes.keys()
                changes, problems = self.checked(tab, changes, base_version)
                tab.state = replace(tab.state, problems=problems)
                self.state.keep(browser, changes)
            return self.update(tab, browser, base_version, of=of)

    def checked(
        self, tab: Tab, changes: form_values.FormValues, base_version: float
    ) -> tuple[form_values.FormValues, dict[str, str]]:
        """(what can be kept of it, what is wrong with the rest, by field). A field that holds the rest is shown as it was."""
        good: form_values.FormValues = {}
        problems: dict[str, str] = {}
        for name, value in changes.items():
            try:
                good[name] = form_values.checked(name, value)
            except FormError as error:
                problems[name] = f"{self.board.form.label(name)} {error} It stays as it was."
        for number, values in tab.sent_fields.items():
            if number >= base_version:
                values.update(good)
        return good, problems

    def _assume_kept(self, tab: Tab, browser: str, base_version: float) -> None:
        """Where it was not told what the fields hold (it was open before this process began), they hold what was kept."""
        tab.sent_fields.setdefault(int(base_version), dict(self.state.filled(browser)))

    # -- what a tab can do

    def fields_taken(self, action: Action) -> list[str]:
        """The fields that the action takes along: those of its page; of a field's own action, those of its part of a recipe.

        What the tab's others hold is known, or comes by itself. For each one that is sent the browser looks through the page.
        """
        form = self.board.form
        names = [name for name in form.fields if action.forms and action.page in (form.pages[name], TOP)]
        if action.field:
            part = action.field.partition(".")[0]
            names = [name for name in names if name.partition(".")[0] == part]
        return names

    def on_action(self, action: Action) -> Callable[..., Any]:
        """The handler of an action's event."""
        taken = self.fields_taken(action)

        def act_on(
            run: str, page: str, base_version: float, request: gr.Request, event: gr.EventData, *values: Any
        ) -> dict[Any, Any]:
            browser = browser_of(request)
            if run == NOT_YET:
                return {self.page: gr.skip()}
            tab = self.open_tabs.of(request, run, page)
            shown, extra = dict(zip(taken, values, strict=False)), values[len(taken) :]
            with tab.pending():
                try:
                    extra = form_values.checked("extra", list(extra))
                    data = form_values.checked("data", event._data or {})
                except FormError as error:
                    with tab.lock:
                        tab.state = replace(tab.state, problems={page: f"What was typed {error}"})
                        return self.update(tab, browser, base_version, of=action.page)
                return self._perform(action, tab, browser, base_version, shown, extra, data)

        return act_on

    def _perform(
        self,
        action: Action,
        tab: Tab,
        browser: str,
        base_version: float,
        shown: form_values.FormValues,
        extra: Sequence[Any],
        data: Any,
    ) -> dict[Any, Any]:
        """Does it with what the tab's fields hold, of which `shown` came along; what is to be shown then."""
        with tab.lock:
            self._assume_kept(tab, browser, base_version)
            before = self.state.filled(browser)
            changes, wrong = self.checked(tab, tab.typed_since(shown, base_version), base_version)
            self.state.keep(browser, changes)
            if wrong:
                tab.state = replace(tab.state, problems=wrong)
                return self.update(tab, browser, base_version, of=action.page)
            if action.field:
                before = {**before, **tab.last_chosen}
                tab.last_chosen[action.field] = shown[action.field]
                if shown[action.field] == before[action.field]:  # somebody left it as it was
                    return self.update(tab, browser, base_version, of=action.page)
            tab.actions_begun += 1
            turn, base = tab.actions_begun, tab.sent_fields[int(base_version)]
            held = tab.held_fields.get(int(base_version), ())
        kept = self.state.filled(browser)
        filled = {**kept, **({name: base[name] for name in base if name not in held} if action.forms else {})}
        filled.update({name: kept[name] for name in kept if name.endswith(".key_env")})  # never a key pasted there
        was = before.get(action.field) if action.field else None
        own = self.state.of(browser)
        act = Act(own, browser, self._visible(own, tab), filled, tab.state, data, extra, was)
        done, problems, leads = self._outcome(action, act, tab.state.page)
        with tab.lock:
            if done.fill is not None:
                self.state.keep(browser, form_values.differing(done.fill, filled))
            tab.run = tab.run if done.run is None else done.run
            at = done.field or next((name for name in problems if name in self.board.form.pages and action.pressed), "")
            state = done.applied(tab.state, act.tab)
            tab.state = replace(
                state,
                toast=(done.toast, time.monotonic()) if done.toast else state.toast,
                focus=(at, time.monotonic()) if at else state.focus,
                problems=tab.problems_after(turn, {**done.problems, **problems}),
                leads=leads,
            )
            stay = action.extra if problems or action.keeps is True else action.keeps or ()
            emptied: dict[Any, Any] = {field: None for field in action.extra if field not in stay}
            turned = {self.tabs: gr.Tabs(selected=done.page)} if done.page else {}
            return {**_both(emptied, self.update(tab, browser, base_version, base, action.page)), **turned}

    @staticmethod
    def _visible(state: AppState, tab: Tab) -> str:
        """The id of the run that a tab shows; "" where the person may not see that any more."""
        run = state.look("", tab.run).run if tab.run else None
        return run.id if run is not None else ""

    def _outcome(
        self, action: Action, act: Act, page: str
    ) -> tuple[Done, dict[str, str], dict[str, tuple[str, str, str]]]:
        """What the action did; what was wrong, by field or place; where that is mended, if it is elsewhere."""
        try:
            if action.changes_run and act.run_id:
                act.to_work()
            return action.do(act) or Done(), {}, {}
        except FormError as error:
            form = self.board.form
            name = error.field if error.field in form.pages else ""
            where = form.pages[name] if name else PROBLEM_PAGES.get(error.place, page)
            message = sentence(str(error))
            if where in (page, TOP):
                return Done(), {name or error.place: message}, {}
            title = error.place.replace("new", "response models").replace("responders", "response models").capitalize()
            return Done(), {name or error.place: message, page: f"{title}: {message}"}, {page: (where, name, title)}
        except ClaywrightError as error:
            return Done(), {page: str(error)}, {}


def _news(shows: Any, shown: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The properties of a part that are not as `shown` says that they were, by their hashes; the hashes as they are now."""
    props = (
        {name: value for name, value in shows.items() if name != "__type__"} if _is_update(shows) else {"value": shows}
    )
    hashes = {name: _hash(value) for name, value in props.items()}
    return {name: value for name, value in props.items() if shown.get(name) != hashes[name]}, {**shown, **hashes}


def _hash(value: Any) -> str:
    """Of a property of a part; the same for a text and for HTML that is that text."""
    shown = repr(str(value) if isinstance(value, str) else value)
    return hashlib.sha256(shown.encode("utf-8", "replace")).hexdigest()


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
