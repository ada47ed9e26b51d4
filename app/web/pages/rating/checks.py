"""Checks on the page: the list of them on Rate, and their counts on Insights."""

from collections.abc import Callable
from dataclasses import fields

import gradio as gr
from markupsafe import Markup

from app.errors import PageError
from app.runs.row_checks import Standing
from app.web import form_values, stats, stats_tables
from app.web.form_fields import add_fields
from app.web.form_values import FormError
from app.web.html import fragments, plots
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads
from app.web.pages.review import filters
from app.web.state import RunView
from feedback.checks import Check, check_kinds
from feedback.checks.base import NOT_SETTINGS

SHOWN_SETTING = 40
"""Characters of a setting that the list of checks shows."""


def build(board: Board) -> None:
    """The card on Rate: the checks there are, and the fields of another one."""
    form = board.form
    with gr.Column(elem_classes="card", elem_id="checks"):
        board.part(lambda view: fragments.card_head("Checks", "Told without a model", side=_number(view)))
        board.part(listed, drop)
        board.part(not_yet)
        board.problem("checks")
        with gr.Accordion("Add a check", open=False, elem_classes="more", elem_id="another-check"):
            kinds = [(check.title, kind) for kind, check in check_kinds().items()]
            choice = gr.Dropdown(
                kinds, value=next(iter(check_kinds())), label="What to check", interactive=True, elem_id="check-kind"
            )
            form.add("check.kind", choice)
            for kind, check in check_kinds().items():
                with gr.Column() as own:
                    add_fields(form, f"check.{kind}", check, settings_of(check))
                board.show_while(own, _is_kind(kind))
            add_fields(form, "check", Check, NOT_SETTINGS)
            board.problem("check")
            board.button(lambda view: "Add the check", add, min_width=120, elem_id="add-check")


def settings_of(check: type[Check]) -> list[str]:
    """The names of the settings that a kind of check has for itself."""
    return [field.name for field in fields(check) if field.name not in NOT_SETTINGS]


def _is_kind(kind: str) -> Callable[[RunView], bool]:
    return lambda view: bool(view.filled["check.kind"] == kind)


def _number(view: RunView) -> Markup:
    number = len(view.filled["checks"])
    return fragments.pill(count(number, "check"), "ok") if number else fragments.pill("none")


def listed(view: RunView) -> Markup:
    """The checks, each with what it asks for and a button that takes it away."""
    items = Markup()
    for index, values in enumerate(view.filled["checks"]):
        kind = str(values.get("kind"))
        title = check_kinds()[kind].title if kind in check_kinds() else kind
        own = {name: value for name, value in values.items() if name not in ("kind", *NOT_SETTINGS)}
        settings = [
            f"{name.replace('_', ' ')}: {fragments.clipped(str(value), SHOWN_SETTING)}" for name, value in own.items()
        ]
        items += markup(
            "<li><div><b>{}</b><span>{}</span></div>{}{}</li>",
            values.get("name") or kind,
            " · ".join([title, *settings]),
            fragments.pill("rejects", "warn") if values.get("reject") else "",
            fragments.button("Remove", act="drop-check", place=index),
        )
    if not items:
        return fragments.note("None yet. A check says pass or fail with a reason, for each response, at no cost.")
    return markup('<ul class="models checks">{}</ul>', items)


@reads
def add(act: Act) -> Done:
    """The check that the fields describe, behind the others; its fields are emptied."""
    check = form_values.check_of(act.filled)
    added = [*act.filled["checks"], form_values.plain_check(check)]
    filled = {**act.filled, "checks": added}
    form_values.checks_of(filled)
    return Done(fill={**filled, **form_values.no_check()})


@reads
def drop(act: Act) -> Done:
    left = list(act.filled["checks"])
    del left[act.number("place", 0, len(left) - 1)]
    return Done(fill={**act.filled, "checks": left})


# -- checking the rows of a run


def _wanted(view: RunView) -> tuple[Check, ...] | None:
    try:
        return form_values.checks_of(view.filled)
    except FormError:
        return None


def button_label(view: RunView) -> str:
    """What is to be done with the rows that are there: checked where some lack a verdict, or no longer checked."""
    checks = _wanted(view)
    if view.busy or not view.counts.answered or view.recipe is None or checks is None:
        return ""
    if not checks:
        return "Check no more" if view.recipe.checks else ""
    left = view.rows.unchecked(checks)
    return f"Check {count(left, 'row')}" if left else "Keep these checks" if checks != view.recipe.checks else ""


def not_yet(view: RunView) -> Markup:
    """What to press where checks are there and no row was checked; "" once one was, and where there is nothing to press."""
    label, checks = button_label(view), _wanted(view)
    if not label or not checks or view.rows.unchecked(checks) < view.counts.answered:
        return Markup()
    return fragments.notice(f"No row is checked yet. Press “{label}” at the top: it takes seconds and asks no model.")


def check_rows(act: Act) -> Done:
    act.state.jobs.check(act.run, form_values.checks_of(act.filled))
    return Done()


# -- Insights


def panel(view: RunView) -> Markup:
    """A bar for each check, as long as its part of responses that fail, with a way to their rows."""
    assert view.run is not None
    title = "Checks"
    standings = view.counted(stats.checks)
    if standings is None:
        return plots.counting(title)
    if not standings:
        return fragments.panel(title, "told without a model", fragments.note("None. Add some on the page Rate."))
    bars = joined(_bar(standing) for standing in standings)
    note = "A row is counted once for a check, however many of its responses fail it."
    line = "responses that fail, of all that were checked"
    body = markup('<ul class="reason-bars">{}</ul>', bars)
    return plots.plot(title, line, body, stats_tables.of_checks(standings), view.run, "checks", note)


def _bar(standing: Standing) -> Markup:
    looked_at = standing.passed + standing.failed
    name = standing.check + (" (rejects)" if standing.rejects else "")
    shown = f"{standing.failed:,} of {looked_at:,}"
    inner = markup(
        '<span>{}</span><i aria-hidden="true" style="--f:{:.3f}"></i><b>{}</b>',
        name,
        standing.failed / max(looked_at, 1),
        shown,
    )
    if not standing.failed:
        return markup('<li><div class="still">{}</div></li>', inner)
    return markup('<li><button type="button" {}>{}</button></li>', attrs(act="failing", check=standing.check), inner)


def act_on(act: Act) -> Done | None:
    """The rows that fail a check, on Review; None for a click on something else. Raises PageError."""
    if act.word != "failing":
        return None
    identities = dict(filters.checks_of(act.look))
    if (name := f"Fails {act.text('check')}") not in identities:
        raise PageError
    return filters.lead_to(act, {"check": identities[name]})
