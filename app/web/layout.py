"""The page as a whole: header, six tabs, and what connects their parts and actions with Gradio.

A handler asks for a look, shows what has changed since this tab last looked, and does nothing else. The run and the page
that a tab shows are kept in the tab (and in its address), so that neither a reload nor a restart loses them.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import gradio as gr

from app.web import form_values
from app.web.form_values import FormError
from app.web.gradio_patch import LeanBlocks
from app.web.html.fragments import sentence
from app.web.page_builder import Act, Action, Board, Done
from app.web.pages import export, generate, header, insights, models, rate
from app.web.pages.review import page as review_page
from app.web.security.access import browser_of
from app.web.security.event_values import fits
from app.web.state import AppState, RunView
from app.web.tab_state import HOME, TabState
from app.web.tab_sync import REMEMBERED, Tab, Tabs
from tasks.errors import ClaywrightError

PAGES: dict[str, Callable[[Board], None]] = {
    "models": models.build,
    "generate": generate.build,
    "rate": rate.build,
    "review": review_page.build,
    "insights": insights.build,
    "export": export.build,
}
NEW = "new"
"""The run in the address of a tab that shows none yet."""
NOT_YET = "?"
"""The run of a tab that has not been told which one it shows."""
PLACES = {  # where a problem is said, by what it is about; on the other pages it is said on the page itself
    "generator": "models", "labeller": "models", "responders": "models", "new": "models", "task": "generate", "inputs": "generate",
    "answers": "generate", "budget": "generate", "rating": "rate", "review": "review", "merge": "review",
    "embedder": "review", "export": "export", "hub": "export",
}  # fmt: skip
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""No queue: its one stream for all answers of a page can lose the first, and a page that works alone needs none."""
LOOK_SOON, LOOK_EVERY, LOOK_WHEN_IDLE = 0.25, 1.0, 5.0
"""Seconds between two glances: just after a person did something that goes on; while something goes on; and else, as another
process may do something."""
JUST_AFTER = 2.0


def build(state: AppState) -> gr.Blocks:
    """The Gradio app."""
    board = Board()
    with LeanBlocks(
        title="Claywright", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)
    ) as demo:
        demo.uploads = state.uploads
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
        Wires(state, board, run, page, seen, tabs, timer).connect(demo, opened)
    blocks: gr.Blocks = demo
    return blocks


@dataclass
class Wires:
    """Everything between the board and Gradio's events."""

    state: AppState
    board: Board
    run: gr.Textbox
    page: gr.Textbox
    seen: gr.Number
    tabs: gr.Tabs
    timer: gr.Timer
    open: Tabs = field(default_factory=Tabs)

    def connect(self, demo: gr.Blocks, opened: Mapping[str, gr.Tab]) -> None:
        fields = self.board.form.fields
        tab_state = [self.run, self.page, self.seen]
        parts = [component for _, component, _ in self.board.shows]
        everything = list(dict.fromkeys([*tab_state, self.timer, *parts, *fields.values()]))
        # For each field that is sent, and each part whose progress is shown, the browser looks through the whole page: so a
        # field that was changed is sent alone, and progress is that of one hidden part.
        quiet = {**QUIET, "show_progress_on": self.page}
        demo.load(self.arrive, None, [*everything, self.tabs], **quiet)
        demo.unload(self._closes(demo))
        self.timer.tick(self.glance, tab_state, everything, trigger_mode="once", **quiet)
        for name, tab in opened.items():
            tab.select(self._opens(name), tab_state, everything, js=_remember(name), **quiet)
        for name, event in self.board.form.when_changed(self.board.own):
            inputs = [*tab_state, fields[name]]
            event(self._changed(name), inputs, everything, trigger_mode="always_last", **quiet)
        for action in self.board.actions:
            inputs = [*tab_state, *(fields[name] for name in self.taken(action)), *action.extra]
            outputs = list(dict.fromkeys([*everything, *action.extra, self.tabs]))
            often: Any = "always_last" if action.field else "multiple" if action.often else "once"
            action.event(self._does(action), inputs, outputs, trigger_mode=often, **quiet)

    # -- what a tab is given

    def show(self, tab: Tab, browser: str, seen: float, base: form_values.Filled | None = None) -> dict[Any, Any]:
        """What differs from what the tab has: parts of the header and the page, and fields. Only under the tab's lock.

        `base`: what its fields held, where the glance `seen` is too long ago.
        """
        held = tab.held.get(int(seen), base)
        look = self.state.look(browser, tab.run, tab.state)
        out: dict[Any, Any] = {}
        fresh: dict[int, dict[str, str]] = {}
        fields, defaults = self.board.form.fields, self.state.usual
        odd = [
            n for n, field in fields.items() if look.filled[n] != defaults.get(n) and not fits(field, look.filled[n])
        ]
        try:
            shown = {} if odd else self._shown(look, tab.state.page)
        except Exception:  # what can't be shown must not lock a browser out: it is shown without what can't be
            if not (odd := self._odd(look, tab.state.page)):
                raise
        if odd:
            self.state.forget(browser, odd)
            labels = ", ".join(dict.fromkeys(self.board.form.label(name) for name in odd))
            message = f"What {labels} held can't be shown. It begins anew."
            tab.state = replace(tab.state, problems={**tab.state.problems, tab.state.page: message})
            return self.show(tab, browser, seen, base)
        for number, show in shown.items():
            component = self.board.shows[number][1]
            news, hashes = _news(show, tab.shown.get(number, {}))
            if news:
                fresh[number] = hashes
                out[component] = news["value"] if news.keys() == {"value"} else gr.update(**news)
        tab.shown.update(fresh)  # only now: where a part fails, all are shown another time
        new: form_values.Filled = {}
        field_values = {name: look.filled[name] for name in self.board.form.fields}
        if held is not None:
            new = form_values.differing(field_values, held)
            tab.acted.update(new)
        if out or new:
            tab.mixed |= tab.unanswered > 1 or 0 < seen != tab.glances
            tab.unsure |= new.keys() if tab.mixed else set()
        state = tab.run, tab.state.page, self.every(tab, look)
        if not out and not new and state == tab.told and seen >= 0:
            return {self.page: gr.skip()}
        tab.glances += 1
        if held is not None:
            tab.held = {number: was for number, was in tab.held.items() if number > tab.glances - REMEMBERED}
            tab.held[tab.glances] = field_values
        if state[2:] != tab.told[2:]:
            out[self.timer] = gr.Timer(state[2], active=True)
        tab.told = state
        values = {self.board.form.fields[name]: value for name, value in new.items()}
        return {**_both(values, out), self.run: tab.run, self.page: tab.state.page, self.seen: tab.glances}

    def _shown(self, look: RunView, page: str) -> dict[int, Any]:
        """What the header and a page show of a look, by the parts' numbers."""
        return {
            number: show(look) for number, (where, _, show) in enumerate(self.board.shows) if where in (page, "top")
        }

    def _odd(self, look: RunView, page: str) -> list[str]:
        """The fields without which the page can be shown: each is tried by itself in forms as they are at the beginning."""
        defaults, odd = self.state.usual, []
        for name in form_values.differing(look.filled, defaults):
            alone = replace(look, filled={**defaults, name: look.filled[name]})
            try:
                self._shown(alone, page)
            except Exception:  # noqa: BLE001 - whatever it is, this field brings it about
                odd.append(name)
        return odd

    def every(self, tab: Tab, look: RunView) -> float:
        """Seconds until the tab is to look again."""
        starting = "starting" in (self.state.standby.model.state, self.state.standby.argilla.state)
        if not (look.busy or self.state.counting or self.state.trying or starting or tab.mixed):
            return LOOK_WHEN_IDLE
        return LOOK_SOON if time.monotonic() - tab.moved < JUST_AFTER else LOOK_EVERY

    def arrive(self, request: gr.Request) -> dict[Any, Any]:
        """A tab is opened: the run and the page of its address, else the newest run; the forms as they were left."""
        browser = browser_of(request)
        query = request.query_params
        newest = self.state.newest()
        run_id = str(query.get("run") or (newest.id if newest else ""))
        run = self.state.look(browser, "" if run_id == NEW else run_id).run
        recipe = self.state.look(browser, run.id).recipe if run else None
        if recipe is not None and not self.state.knows(browser):
            self.state.keep(browser, self.state.as_pasted({**self.state.usual, **form_values.fill(recipe)}))
        tab = self.open.of(request)
        with tab.lock:
            tab.run = run.id if run else ""
            tab.state = TabState(str(query.get("show")) if query.get("show") in PAGES else HOME)
            tab.held, tab.shown, tab.told = {}, {}, ()
            return {self.tabs: gr.Tabs(selected=tab.state.page), **self.show(tab, browser, -1, {})}

    def glance(self, run: str, page: str, seen: float, request: gr.Request) -> dict[Any, Any]:
        if run == NOT_YET:
            return {self.page: gr.skip()}
        browser, tab = browser_of(request), self.open.of(request, run, page)
        with tab.asking(person=False), tab.lock:
            self._known(tab, browser, seen)
            if seen == tab.glances:
                tab.behind = -1
                if tab.mixed and tab.unanswered == 1:  # now that all is calm
                    tab.forget(self.typed)
            elif seen != tab.behind and tab.glances:  # an answer is on its way: soon it will be there
                tab.behind = seen
                tab.told = (*tab.told[:2], LOOK_SOON)
                return {self.timer: gr.Timer(LOOK_SOON, active=True)}
            else:
                tab.forget(self.typed)
            return self.show(tab, browser, seen)

    def _closes(self, demo: gr.Blocks) -> Callable[..., Any]:
        def closes(request: gr.Request) -> None:
            """A tab was closed: what was kept for it is given back. Its jobs go on."""
            self.open.close(request)
            demo.state_holder.session_data.pop(str(request.session_hash), None)
            demo.state_holder.time_last_used.pop(str(request.session_hash), None)

        return closes

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
            with tab.asking(), tab.lock:
                tab.state = replace(tab.state, page=name)
                return self.show(tab, browser_of(request), seen)

        return opens

    def _changed(self, name: str) -> Callable[..., Any]:
        def changed(run: str, page: str, seen: float, value: Any, request: gr.Request) -> dict[Any, Any]:
            return self.changed(run, page, seen, request, {name: value})

        return changed

    def changed(
        self, run: str, page: str, seen: float, request: gr.Request, filled: form_values.Filled
    ) -> dict[Any, Any]:
        """Fields were changed: that is kept, and what depends on them is shown anew."""
        browser = browser_of(request)
        if run == NOT_YET:
            return {self.page: gr.skip()}
        tab = self.open.of(request, run, page)
        with tab.asking(), tab.lock:
            self._known(tab, browser, seen)
            if changes := tab.typed(filled, seen):
                if tab.unanswered > 1 or 0 < seen != tab.glances:
                    tab.mixed, tab.unsure = True, tab.unsure | changes.keys()
                changes, problems = self.checked(tab, changes, seen)
                tab.state = replace(tab.state, problems=problems)
                self.state.keep(browser, changes)
            return self.show(tab, browser, seen)

    def checked(self, tab: Tab, changes: form_values.Filled, seen: float) -> tuple[form_values.Filled, dict[str, str]]:
        """(what can be kept of it, what is wrong with the rest, by field). A field that holds the rest is shown as it was."""
        good: form_values.Filled = {}
        problems: dict[str, str] = {}
        for name, value in changes.items():
            try:
                good[name] = form_values.checked(name, value)
            except FormError as error:
                problems[name] = f"{self.board.form.label(name)} {error} It stays as it was."
        for number, values in tab.held.items():
            if number >= seen:
                values.update(good)
        return good, problems

    def _known(self, tab: Tab, browser: str, seen: float) -> None:
        """Where it was not told what the fields hold (it was open before this process began), they hold what was kept."""
        tab.held.setdefault(int(seen), dict(self.state.filled(browser)))

    # -- what a tab can do

    def taken(self, action: Action) -> list[str]:
        """The fields that the action takes along: those of its page. What the tab's others hold is known."""
        form = self.board.form
        return [name for name in form.fields if action.forms and action.page in (form.pages[name], "top")]

    def _does(self, action: Action) -> Callable[..., Any]:
        taken = self.taken(action)

        def does(
            run: str, page: str, seen: float, request: gr.Request, event: gr.EventData, *values: Any
        ) -> dict[Any, Any]:
            browser = browser_of(request)
            if run == NOT_YET:
                return {self.page: gr.skip()}
            tab = self.open.of(request, run, page)
            shown, extra = dict(zip(taken, values, strict=False)), values[len(taken) :]
            with tab.asking():
                try:
                    extra = form_values.checked("extra", list(extra))
                    data = form_values.checked("data", event._data or {})
                except FormError as error:
                    with tab.lock:
                        tab.state = replace(tab.state, problems={page: f"What was typed {error}"})
                        return self.show(tab, browser, seen)
                return self._act(action, tab, browser, seen, shown, extra, data)

        return does

    def _act(
        self,
        action: Action,
        tab: Tab,
        browser: str,
        seen: float,
        shown: form_values.Filled,
        extra: Sequence[Any],
        data: Any,
    ) -> dict[Any, Any]:
        """Does it with what the tab's fields hold, of which `shown` came along; what is to be shown then."""
        with tab.lock:
            self._known(tab, browser, seen)
            before = self.state.filled(browser)
            changes, wrong = self.checked(tab, tab.typed(shown, seen), seen)
            self.state.keep(browser, changes)
            if wrong:
                tab.state = replace(tab.state, problems=wrong)
                return self.show(tab, browser, seen)
            if action.field:
                before = {**before, **tab.acted}
                tab.acted[action.field] = shown[action.field]
                if shown[action.field] == before[action.field]:  # somebody left it as it was
                    return self.show(tab, browser, seen)
            tab.begun += 1
            turn, base = tab.begun, tab.held[int(seen)]
        kept = self.state.filled(browser)
        filled = {**kept, **(base if action.forms else {})}
        filled.update({name: kept[name] for name in kept if name.endswith(".key_env")})  # never a key pasted there
        was = before.get(action.field) if action.field else None
        act = Act(self.state, browser, tab.run, filled, tab.state, data, extra, was)
        done, problems, leads = self._done(action, act, tab.state.page)
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
                problems=tab.problems(turn, {**done.problems, **problems}),
                leads=leads,
            )
            emptied: dict[Any, Any] = {} if problems or action.keeps else dict.fromkeys(action.extra)
            turned = {self.tabs: gr.Tabs(selected=done.page)} if done.page else {}
            return {**_both(emptied, self.show(tab, browser, seen, base)), **turned}

    def _done(
        self, action: Action, act: Act, page: str
    ) -> tuple[Done, dict[str, str], dict[str, tuple[str, str, str]]]:
        """What the action did; what was wrong, by field or place; where that is mended, if it is elsewhere."""
        try:
            return action.do(act) or Done(), {}, {}
        except FormError as error:
            form = self.board.form
            name = error.field if error.field in form.pages else ""
            where = form.pages[name] if name else PLACES.get(error.place, page)
            message = sentence(str(error))
            if where in (page, "top"):
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
