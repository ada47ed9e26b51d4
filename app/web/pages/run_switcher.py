"""The run switcher in the header: which runs there are, how big, how old and how they stand; a new one; a name; the end of one."""

import json
import time
from collections.abc import Mapping

from markupsafe import Markup

from app.errors import PeopleError, RunError
from app.store.runs import Listed, Run
from app.web import form_values
from app.web.html import fragments
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Done, reads
from app.web.saved import named
from app.web.state import RunView
from app.web.tab_state import SwitcherPart
from tasks import TASKS
from tasks.errors import SettingsError

TONES = {
    "new": "plain", "draft": "plain", "running": "busy", "done": "ok", "paused": "warn", "stopped": "warn", "interrupted": "warn",
    "in review": "info", "waiting": "warn",
}  # fmt: skip
MOST_RUNS = 500
FINDABLE = 6
"""From so many runs on there is a field to find one by."""
TWICE = 0.6
"""Seconds within which a second click was meant as the first: nothing is deleted by a double click."""
CALM = SwitcherPart()


def standing_word(view: RunView) -> str:
    if view.busy and view.waiting:
        return "waiting"
    return state_word(view.standing, bool(view.counts.sent), view.busy)


def state_word(standing: str, sent: bool, busy: bool) -> str:
    """How a run stands, in the word that stands for it everywhere."""
    return "running" if busy else "in review" if standing == "done" and sent else standing


def menu(view: RunView, tools: Markup) -> Markup:
    """The list under the switcher. `tools` stand beside it where there is room."""
    runs, listed = view.state.runs(), view.state.listed_runs()
    items = joined(_entry(run, view, listed) for run in runs[:MOST_RUNS])
    more = markup('<p class="note">and {} older ones</p>', len(runs) - MOST_RUNS) if len(runs) > MOST_RUNS else Markup()
    find = (
        Markup('<input type="search" class="find" placeholder="Find a run" aria-label="Find a run" autocomplete="off">')
        if len(runs) >= FINDABLE
        else Markup()
    )
    none, own = Markup("<li><p class=note>No runs yet.</p></li>"), Markup()
    if view.run is not None:
        own = fragments.button("Duplicate this one", act="duplicate", id=view.run.id)
        own += fragments.button("Rename", act="name", id=view.run.id, stay="")
        if view.state.person is not None and view.state.owns(view.run):
            own += fragments.link("Share", f"shares/{view.run.id}")
    return markup(
        '<div class="menu">{find}{name}<ul>{items}</ul><p class="note none" hidden>No run is called that.</p>{more}'
        '<div class="menu-foot">{new}{own}<span class="tools phone">{tools}</span></div>{person}</div>',
        find=find,
        name=_name(view),
        items=items or none,
        more=more,
        new=fragments.button("New run", act="new"),
        own=own,
        tools=tools,
        person=_person(view),
    )


def _person(view: RunView) -> Markup:
    """Who is signed in, the way out, and for admins the way to the team."""
    if (person := view.state.person) is None:
        return Markup()
    people = fragments.link("People", "people") if person.is_admin else Markup()
    return markup(
        '<form class="person" action="sign-out" method="post"><a href="account"><b translate="no">{}</b></a>{}'
        '<button type="submit">Sign out</button></form>',
        person.name,
        people,
    )


def _name(view: RunView) -> Markup:
    """The field for another name of the run that is shown."""
    if view.run is None or view.tab.switcher.naming != view.run.id:
        return Markup()
    trouble = fragments.problem(view.tab.problems.get("run name", ""))
    return markup(
        '<div class="name edged" data-form><input type="text" value="{}" aria-label="Name of the run"'
        ' maxlength="100" autocomplete="off">{}{}</div>',
        view.run.name,
        fragments.button("Save", act="named", id=view.run.id, stay=""),
        trouble,
    )


def _entry(run: Run, view: RunView, listed: Mapping[str, Listed]) -> Markup:
    kind = json.loads(run.recipe)["task"]["kind"]
    title = TASKS[kind].title if kind in TASKS else kind
    known = listed.get(run.id, Listed(0, False))
    here = view.run is not None and run.id == view.run.id
    busy = view.busy if here else view.state.busy(run)
    word = standing_word(view) if here else state_word(view.state.standing(run), known.sent, busy)
    size = count(known.rows, "row") if known.rows else "no rows"
    if view.tab.switcher.deleting == run.id:
        return markup("<li>{}</li>", _question(view, run))
    data = attrs(act="delete", id=run.id, stay="")
    delete = markup('<button aria-label="Delete {}" type="button" class="end" {}>Delete</button>', run.name, data)
    pill = fragments.pill(word, TONES.get(word, "plain"))
    current = Markup('aria-current="true"') if here else Markup()
    return markup(
        '<li data-name="{words}"><button type="button" class="open-run" title="{id}" {data} {current}><b translate="no">{name}</b>'
        "<span>{title} · {size} · {age}</span>{pill}</button>{delete}</li>",
        words=f"{run.name} {run.id} {title}".lower(),
        id=run.id,
        data=attrs(act="run", id=run.id),
        current=current,
        name=run.name,
        title=title,
        size=size,
        age=fragments.ago(run.created),
        pill=pill,
        delete=Markup() if busy else delete,
    )


def _question(view: RunView, run: Run) -> Markup:
    """What is lost with a run, before it is."""
    counts = view.state.counts(run)
    lost = [count(counts.answered, "row")]
    lost += [count(counts.ratings, "rating")] if counts.ratings else []
    lost += [f"what people said of {count(counts.seen, 'row')}"] if counts.seen else []
    stays = " What was sent to Argilla stays there." if counts.sent else ""
    stays += " Files that were exported stay." if counts.exported else ""
    listed = f"{', '.join(lost[:-1])} and {lost[-1]}" if len(lost) > 1 else lost[0]
    trouble = fragments.problem(view.tab.problems.get("run end", ""))
    buttons = fragments.button("Delete for good", "sure", act="delete", id=run.id, stay="")
    buttons += fragments.button("Keep it", act="keep", stay="")
    return markup(
        '<div class="notice warn ask edged" role="alert"><p>Delete “{name}”? With it go {listed}.{stays}</p>{trouble}'
        '<div class="acts">{buttons}</div></div>',
        name=run.name,
        listed=listed,
        stays=stays,
        trouble=trouble,
        buttons=buttons,
    )


# -- what can be done


@reads
def new_run(act: Act) -> Done:
    """Leads to Generate, where a new run begins with the settings as they are, under a name that no run has yet."""
    names = {run.name for run in act.state.runs()}
    filled = {**act.filled, "name": form_values.fresh_name(str(act.filled["name"] or ""), names)}
    return Done(run="", row="", offset=0, page="generate", fill=filled, own=CALM)


def end(act: Act) -> Done:
    """The first click asks, a second one deletes; never while something works on the run."""
    run = act.state.run(act.text("id"))
    switcher = act.tab.switcher
    if switcher.deleting != run.id or time.monotonic() - switcher.since < TWICE:
        since = time.monotonic() if switcher.deleting != run.id else switcher.since
        return Done(own=SwitcherPart(deleting=run.id, since=since))
    try:
        act.state.delete_run(run)
    except (RunError, PeopleError) as error:
        return Done(problems={"run end": str(error)})
    toast = f"“{run.name}” is deleted."
    if act.run_id == run.id:
        return Done(run="", row="", offset=0, own=CALM, toast=toast)
    return Done(own=CALM, toast=toast)


def rename(act: Act) -> Done:
    run = act.state.run(act.text("id"))
    try:
        name = named(act.text("value", ""))
    except SettingsError as error:
        return Done(problems={"run name": str(error)})
    act.state.rename_run(run, name)
    fill = {**act.filled, "name": name} if run.id == act.run_id else None
    return Done(fill=fill, own=CALM, toast=f"The run is called “{name}” now.")
