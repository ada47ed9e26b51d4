"""What pages are built on: fields, parts that show a view, and actions. app/web/tab_sync.py connects them with Gradio.

A part is a piece of HTML made anew from each view; an action is one function of ours behind a button. What goes wrong in
an action is a sentence at the place that it names.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component
from markupsafe import Markup

from app.errors import PageError
from app.store.runs import Run
from app.web import form_values
from app.web.form_fields import TOP, Form
from app.web.form_values import FormValues
from app.web.html import fragments
from app.web.html.markup import joined, markup
from app.web.state import AppState, RunView
from app.web.tab_state import Part, TabState
from tasks.types import Row

Show = Callable[[RunView], Any]
D = TypeVar("D", bound=Callable[..., Any])
AWAY = "away"
"""The class of what is out of sight (style.css)."""
LONGEST_TEXT = 1_000
"""Characters of a text that a button says: an id or a name."""
NUMBER = re.compile(r"[0-9]{1,12}")
CLICKS = "window.takeClicks(element, trigger)"
"""What takes clicks on data-act within a part: static/clicks.js, which the page has once."""


@dataclass(frozen=True)
class Act:
    """What an action is given: who pressed, on which run, what the forms held, how the tab stood, what the button said,
    extra fields.
    """

    state: AppState
    browser: str
    run_id: str
    filled: FormValues
    tab: TabState
    data: Mapping[str, Any] = field(default_factory=dict)
    extra: Sequence[Any] = ()
    was: Any = None
    """What the field held before, where the action is that field's own."""

    @property
    def look(self) -> RunView:
        """The run as it stands now, each time it is asked for."""
        return self.state.look(self.browser, self.run_id, self.tab)

    # -- what the button said; the browser sends it, so that it may be anything

    @property
    def word(self) -> str:
        """The button's data-act, "" for none. Raises PageError."""
        return self.text("act", "")

    def text(self, name: str, default: str | None = None) -> str:
        """A text that the button said; `default` where it said none. Raises PageError."""
        value = self.data.get(name, default)
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise PageError
        return value

    def number(self, name: str, least: int, most: int) -> int:
        """A whole number from `least` to `most` that the button said. Raises PageError."""
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int | str) or not NUMBER.fullmatch(str(value)):
            raise PageError
        if not least <= int(value) <= most:
            raise PageError
        return int(value)

    def row(self) -> Row:
        """The row of the run that the button belongs to. Raises PageError, and RunError for one that is not there."""
        return self.state.row(self.run_id, self.text("row"))

    @property
    def run(self) -> Run:
        """The run that the tab shows. Raises RunError where there is none."""
        return self.state.run(self.run_id)

    def to_work(self) -> None:
        """Raises PeopleError where the run that the tab shows is the person's to read only."""
        self.state.to_work(self.run)


@dataclass(frozen=True)
class Done:
    """What an action changed: the run, row and page shown, the forms' fields, its page's own part; a word about it."""

    run: str | None = None
    row: str | None = None
    offset: int | None = None
    page: str = ""
    fill: FormValues | None = None
    own: Part | None = None
    """The part of the action's page as it is to be, made from the one that the action was given."""
    toast: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong all the same, by field or place."""
    field: str = ""
    """The form's field that is to have the focus."""

    def applied(self, now: TabState, before: TabState) -> TabState:
        """The tab as it stands then; `before` is how it stood when the action began."""
        row, offset = now.row if self.row is None else self.row, now.offset if self.offset is None else self.offset
        return replace(now.with_part(self.own, before), row=row, offset=offset, page=self.page or now.page)


def stop(act: Act) -> Done:
    """Ends the job of the run that is shown."""
    job = act.state.jobs.of(act.run_id)
    act.state.jobs.stop(act.run_id)
    messages = {
        "push": "Stopping after the batch that is on its way.",
        "file": "Stopping before the file is there, if there is time.",
        "hub": "Stopping before anything changes on the Hub, if there is time.",
        "argilla": "Stopping after the batch that is on its way.",
    }
    return Done(
        toast=messages.get((job.into or job.what) if job else "", "Stopping: what was sent is waited for and kept.")
    )


Do = Callable[[Act], Done | None]
CHANGES_NO_RUN = {"models", TOP}
"""Pages on which no action changes the run that is shown, or which look themselves whose a run is."""


def reads(do: D) -> D:
    """An action that changes nothing of the run that is shown: also whoever may only read it does it."""
    do.changes_no_run = True  # type: ignore[attr-defined]
    return do


@dataclass
class Action:
    """What a page does at an event, and what of the page it needs for that."""

    event: Callable[..., Any]
    do: Do
    forms: bool
    extra: list[Component]
    field: str = ""
    often: bool = False
    """True where a second click counts though the first one is not answered yet."""
    page: str = TOP
    keeps: bool | Sequence[Component] = False
    """True where the extra fields hold on to what was typed into them; or those that do."""

    @property
    def changes_run(self) -> bool:
        """True where only whoever may work with the run does it."""
        do: Any = self.do
        while isinstance(do, partial):
            do = do.func
        return self.page not in CHANGES_NO_RUN and not getattr(do, "changes_no_run", False)

    @property
    def pressed(self) -> bool:
        """True where it is done at a click: what is wrong then may take the focus."""
        return getattr(self.event, "event_name", "") == "click"


@dataclass
class Board:
    """Filled while the pages are built."""

    form: Form = field(default_factory=Form)
    shows: list[tuple[str, Any, Show]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    looked_at: tuple[FormValues, dict[str, str]] = field(default_factory=lambda: ({}, {}))
    """The forms that were looked at last, and what could not be used of them."""

    @property
    def page(self) -> str:
        """The page that is being built."""
        return self.form.page

    def part(
        self, show: Callable[[RunView], Markup], act: Do | None = None, *, often: bool = False, **props: Any
    ) -> gr.HTML:
        """HTML that `show` makes from a view; it takes no room while there is nothing. `act` takes clicks on data-act."""

        def shown(view: RunView) -> Any:
            value = show(view)
            return gr.update(value=value, visible=bool(value))

        html = gr.HTML("", js_on_load=CLICKS if act else None, apply_default_css=False, **props)
        self.shows.append((self.page, html, shown))
        if act is not None:
            self.actions.append(Action(html.click, act, False, [], often=often, page=self.page))
        return html

    def dress(self, component: Any, show: Show) -> Any:
        """`component` looks as `show` says: an update of its value, visibility, choices."""
        self.shows.append((self.page, component, show))
        return component

    def show_while(self, component: Any, when: Callable[[RunView], bool], **more: Show) -> None:
        """`component` is in sight while `when` says so; `more` are other properties of it, each as its function says.

        It stays in the page all the time: Gradio fills the fields of a part that it puts back into the page a moment after
        they can be seen, over what somebody types there at once. Where nobody could, as in a part that begins with choices or is
        folded, `dress` with `visible` is the lighter one: the page has fewer elements.
        """
        own = list(component.elem_classes or [])
        component.elem_classes = [*own, AWAY]

        def shown(view: RunView) -> Any:
            properties = {name: show(view) for name, show in more.items()}
            return gr.update(elem_classes=own if when(view) else [*own, AWAY], **properties)

        self.shows.append((self.page, component, shown))

    def button(self, show: Show, do: Do, *, primary: bool = False, forms: bool = True, **props: Any) -> gr.Button:
        """A button whose words come from a view; without words it is not there."""

        def shown(view: RunView) -> Any:
            label = show(view)  # one that goes keeps its words: emptied at once, Gradio leaves it standing without any
            return gr.update(value=label, visible=True) if label else gr.update(visible=False)

        button = gr.Button("", variant="primary" if primary else "secondary", scale=0, visible=False, **props)
        self.shows.append((self.page, button, shown))
        self.act(button.click, do, forms=forms)
        return button

    def act(
        self,
        event: Callable[..., Any],
        do: Do,
        *,
        forms: bool = False,
        extra: Sequence[Component] = (),
        keeps: bool | Sequence[Component] = False,
    ) -> None:
        """`forms`: the action wants what the fields of its page hold this moment; `extra` fields are given too, and emptied
        unless it `keeps` them, all or some.
        """
        self.actions.append(Action(event, do, forms, list(extra), page=self.page, keeps=keeps))

    def changes(self, name: str, do: Do) -> None:
        """The field of that name has an action of its own when a person changes it."""
        component: Any = self.form.fields[name]
        self.own.add(name)
        event = component.blur if isinstance(component, gr.Textbox | gr.Number) else component.input
        self.actions.append(Action(event, do, True, [], name, page=self.page))

    def problem(self, *places: str) -> gr.HTML:
        """Where what is wrong with `places` is said."""

        def show(view: RunView) -> Markup:
            problems, leads = view.tab.problems, view.tab.leads
            listed = ((problems[name], leads.get(name)) for name in places if problems.get(name))
            return joined(
                fragments.problem(message, self.lead(*lead) if lead else Markup()) for message, lead in listed
            )

        return self.part(show, self.follow)

    @reads
    def follow(self, act: Act) -> Done:
        """Goes to where something is mended: another page, and a field there. What is wrong there stays said."""
        page, name, led = act.text("page"), act.text("field", ""), act.tab.leads
        if page not in self.form.pages.values() or (name and name not in self.form.pages):
            raise PageError
        problems = {key: message for key, message in act.tab.problems.items() if key not in led}
        return Done(page=page, problems=problems, field=name)

    def lead(self, page: str, name: str = "", title: str = "") -> Markup:
        """A button that goes to a page, and to a field there."""
        label = " → ".join(filter(None, [page.capitalize(), title]))
        return fragments.button(f"Open {label}", "lead", act="place", page=page, field=name)

    def wrong(self, view: RunView) -> Markup:
        """What is wrong with fields of the page, for fields.js to say at each of them, and which one is to have the focus."""
        page, problems = view.tab.page, view.tab.problems
        form, focus = self.form, view.tab.focus
        names = {name for name, where in form.pages.items() if where in (page, TOP)}
        if self.looked_at[0] is not view.filled:  # what was kept is never changed in place
            self.looked_at = view.filled, form_values.unusable(view.filled)
        live = {name: message for name, message in self.looked_at[1].items() if name in names}
        known = {**live, **{name: message for name, message in problems.items() if name in names}}
        if focus[0] in names:
            known.setdefault(focus[0], "")
        items = joined(
            markup(
                "<li {}>{}</li>",
                fragments.attrs(
                    at=form.places[name], fold=form.folds.get(name, ""), focus=focus[1] if name == focus[0] else ""
                ),
                fragments.sentence(message),
            )
            for name, message in known.items()
        )
        return markup("<ul hidden>{}</ul>", items) if items else Markup()
