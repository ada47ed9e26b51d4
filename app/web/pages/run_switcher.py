"""The run switcher in the header: which runs there are, how big, how old and how they stand; a new one; a name; the end of one."""

import json
import time
from collections.abc import Mapping

from app.errors import RunError
from app.store.runs import Listed, Run
from app.web import form_values
from app.web.html import fragments
from app.web.html.fragments import attrs, count, t
from app.web.page_builder import Act, Done
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


def standing_word(look: RunView) -> str:
    if look.busy and look.waiting:
        return "waiting"
    return state_word(look.standing, bool(look.counts.sent), look.busy)


def state_word(standing: str, sent: bool, busy: bool) -> str:
    """How a run stands, in the word that stands for it everywhere."""
    return "running" if busy else "in review" if standing == "done" and sent else standing


def menu(look: RunView, tools: str) -> str:
    """The list under the switcher. `tools` is HTML that stands beside it where there is room."""
    runs, listed = look.state.runs(), look.state.listed_runs()
    items = "".join(_entry(run, look, listed) for run in runs[:MOST_RUNS])
    more = f'<p class="note">and {len(runs) - MOST_RUNS} older ones</p>' if len(runs) > MOST_RUNS else ""
    find = (
        '<input type="search" class="find" placeholder="Find a run" aria-label="Find a run" autocomplete="off">'
        if len(runs) >= FINDABLE
        else ""
    )
    none, own = "<li><p class=note>No runs yet.</p></li>", ""
    if look.run is not None:
        own = fragments.button("Duplicate this one", act="duplicate", id=look.run.id)
        own += fragments.button("Rename", act="name", id=look.run.id, stay="")
    return (
        f'<div class="menu">{find}{_name(look)}<ul>{items or none}</ul>'
        f'<p class="note none" hidden>No run is called that.</p>{more}'
        f'<div class="menu-foot">{fragments.button("New run", act="new")}{own}<span class="tools phone">{tools}</span></div></div>'
    )


def _name(look: RunView) -> str:
    """The field for another name of the run that is shown."""
    if look.run is None or look.tab.switcher.naming != look.run.id:
        return ""
    trouble = fragments.problem(look.tab.problems.get("run name", ""))
    return (
        f'<div class="name edged" data-form><input type="text" value="{t(look.run.name)}" aria-label="Name of the run"'
        f' maxlength="100" autocomplete="off">{fragments.button("Save", act="named", id=look.run.id, stay="")}{trouble}</div>'
    )


def _entry(run: Run, look: RunView, listed: Mapping[str, Listed]) -> str:
    kind = json.loads(run.recipe)["task"]["kind"]
    title = TASKS[kind].title if kind in TASKS else kind
    known = listed.get(run.id, Listed(0, False))
    here = look.run is not None and run.id == look.run.id
    busy = look.busy if here else look.state.busy(run)
    word = standing_word(look) if here else state_word(look.state.standing(run), known.sent, busy)
    size = count(known.rows, "row") if known.rows else "no rows"
    if look.tab.switcher.deleting == run.id:
        return f"<li>{_question(look, run)}</li>"
    end = fragments.button("Delete", "end", act="delete", id=run.id, stay="") if not busy else ""
    end = end.replace("<button", f'<button aria-label="Delete {t(run.name)}"', 1)
    pill = fragments.pill(word, TONES.get(word, "plain"))
    current = 'aria-current="true"' if here else ""
    return (
        f'<li data-name="{t(run.name.lower())} {t(run.id.lower())} {t(title.lower())}"><button type="button" class="open-run"'
        f' title="{t(run.id)}" {attrs(act="run", id=run.id)} {current}><b>{t(run.name)}</b>'
        f"<span>{t(title)} · {size} · {fragments.ago(run.created)}</span>{pill}</button>{end}</li>"
    )


def _question(look: RunView, run: Run) -> str:
    """What is lost with a run, before it is."""
    counts = look.state.counts(run)
    lost = [count(counts.answered, "row")]
    lost += [count(counts.ratings, "rating")] if counts.ratings else []
    lost += [f"what people said of {count(counts.seen, 'row')}"] if counts.seen else []
    stays = " What was sent to Argilla stays there." if counts.sent else ""
    stays += " Files that were exported stay." if counts.exported else ""
    listed = f"{', '.join(lost[:-1])} and {lost[-1]}" if len(lost) > 1 else lost[0]
    trouble = fragments.problem(look.tab.problems.get("run end", ""))
    buttons = fragments.button("Delete for good", "sure", act="delete", id=run.id, stay="")
    buttons += fragments.button("Keep it", act="keep", stay="")
    return (
        f'<div class="notice warn ask edged" role="alert"><p>Delete “{t(run.name)}”? With it go {t(listed)}.{t(stays)}</p>{trouble}'
        f'<div class="acts">{buttons}</div></div>'
    )


# -- what can be done


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
    except RunError as error:
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
