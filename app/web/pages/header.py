"""The header: which run, how far its rows have come, and whether models and Argilla are there."""

import time
from dataclasses import replace

from markupsafe import Markup

from app.errors import PageError
from app.recipe import recipe_of
from app.web import form_values
from app.web.html import fragments, language
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.pages import recipes, run_switcher
from app.web.state import RunView, named_model
from app.web.tab_state import SwitcherPart

STEPS = (
    ("generated", "answered"), ("rated", "rated"), ("sent", "sent"), ("reviewed", "reviewed"), ("approved", "approved"),
    ("exported", "exported"),
)  # fmt: skip
TOAST = 4.0
"""Seconds that a word about what was done stays."""


def build(board: Board) -> None:
    board.part(header, choose, elem_id="top")
    board.part(toast, elem_id="toast")
    board.part(board.wrong, elem_id="wrong")
    recipes.build(board)


def choose(act: Act) -> Done:
    """Another run, with the forms as its recipe has them; or a new one, of the settings of this one or as they are."""
    if act.word in recipes.TITLES:
        return recipes.turn(act)
    if act.word in ("run", "duplicate"):
        run = act.state.run(act.text("id"))
        recipe = recipe_of(run)
        filled = act.state.as_pasted({**act.filled, **form_values.fill(recipe)})
        if act.word == "run":
            toast = f"{form_values.ON_A_CLUSTER} claywright run --resume {run.id}" if recipe.on_cluster else ""
            return Done(run=run.id, row="", offset=0, fill=filled, own=run_switcher.CALM, toast=toast)
        message = f"A new run with the settings of {run.name}. Nothing is made yet."
        return replace(run_switcher.new_run(replace(act, filled=filled)), toast=message)
    match act.word:
        case "new":
            return replace(run_switcher.new_run(act), toast="A new run: it begins with the settings as they are now.")
        case "delete":
            return run_switcher.end(act)
        case "name":
            again = act.tab.switcher.naming == act.text("id")
            return Done(own=SwitcherPart(naming="" if again else act.text("id")))
        case "named":
            return run_switcher.rename(act)
        case "keep":
            return Done(own=run_switcher.CALM)
    raise PageError


def toast(view: RunView) -> Markup:
    """A word about what was just done; it goes by itself."""
    message, when = view.tab.toast
    if time.monotonic() - when >= TOAST:
        return Markup()
    return markup('<p role="status" data-at="{}">{}</p>', when, message)


def header(view: RunView) -> Markup:
    name = view.run.name if view.run else "New run"
    word = run_switcher.standing_word(view)
    pill = fragments.pill(word, run_switcher.TONES.get(word, "plain"))
    kind = view.recipe.task.title if view.recipe else "nothing made yet"
    total = max(view.total or 0, view.counts.answered, 1)
    tools = recipes.tools(view) + language.SWITCH
    steps = joined(_step(word_, getattr(view.counts, key), total) for word_, key in STEPS)
    dots = joined(
        markup('<li class="{}" title="{}"><b>{}</b><span>{}</span></li>', tone, more, word, name)
        for name, word, tone, more in connections(view)
    )
    return markup(
        '<header class="top" data-run="{run}">{skip}'
        '<a class="mark" href="./" aria-label="Claywright, start">{bowl}<span>Claywright</span></a>'
        '<details class="switch"><summary><span class="sr">The run </span><span class="run"><b translate="no">{name}</b>'
        '<span>{kind}</span></span>{pill}<span class="sr">Change run</span></summary>{menu}</details>'
        '<ol class="steps" aria-label="Rows of this run along the way">{steps}</ol>'
        '<ul class="dots" aria-label="Connections">{dots}</ul>'
        '<nav class="tools" aria-label="Recipe and command">{tools}</nav></header>',
        run=view.run.id if view.run else "",
        skip=_skip(view),
        bowl=fragments.BOWL,
        name=name,
        kind=kind,
        pill=pill,
        menu=run_switcher.menu(view, tools),
        steps=steps,
        dots=dots,
        tools=tools,
    )


def _skip(view: RunView) -> Markup:
    """The way past the header, the settings and the filters, for those who go by keyboard."""
    shows_row = view.tab.page == "review" and view.counts.answered
    return Markup('<a class="skip" href="#row">To the row</a>') if shows_row else Markup()


def _step(word: str, number: int, total: int) -> Markup:
    kind = "zero" if not number else "full" if number >= total else "some"
    return markup(
        '<li class="{}"><b>{:,}</b><span>{}</span><i style="--f:{:.3f}"></i></li>',
        kind,
        number,
        word,
        min(number / total, 1),
    )


def connections(view: RunView) -> list[tuple[str, str, str, str]]:
    """(name, state in a word, tone, the sentence behind it) of generator, labeller and Argilla."""
    models = [_model(view, role) for role in ("generator", "labeller")]
    argilla = view.state.services.argilla
    word, tone = {"ready": ("ready", "ok"), "starting": ("starting", "busy"), "off": ("off", "off")}[argilla.state]
    if view.working and view.job is not None and view.job.what in ("push", "pull"):
        word, tone = ("receiving" if view.job.what == "push" else "asked"), "busy"
    return [*models, ("Argilla", word, tone, argilla.words or argilla.url)]


def _model(view: RunView, role: str) -> tuple[str, str, str, str]:
    title = role.capitalize()
    spec = view.model(role)
    if spec is None:
        return title, "not set up", "off", "Look at the page Models."
    recipe = view.recipe
    at_work = view.working and view.job is not None and view.job.execution is not None
    if (
        at_work
        and recipe is not None
        and view.job is not None
        and (role == "generator" or view.job.what not in ("preview", "again"))
    ):
        assert view.job.execution is not None
        if view.job.execution.engine.waits_for(spec.identity):
            return title, "no answer", "waits", view.waiting
        if role == "generator" and view.job.what != "rate" and recipe.task.calls_model:
            return title, "writing", "busy", named_model(spec)
        if role == "labeller" and recipe.rating is not None:
            return title, "rating", "busy", named_model(spec)
    if spec.preset == "local":
        model = view.state.services.model
        word, tone = {"ready": ("ready", "ok"), "starting": ("starting", "busy"), "off": ("off", "off")}[model.state]
        return title, word, tone, model.words or "built-in model, for trying only"
    trial = view.trial(spec)
    if trial is None and spec.preset == "scripted":
        return title, "ready", "ok", named_model(spec)
    if trial is None:
        return title, "not tried", "idle", f"{named_model(spec)}: press Test on the page Models."
    if trial.asking:
        return title, "asking", "busy", named_model(spec)
    return title, "ready" if trial.ok else "off", "ok" if trial.ok else "off", trial.trouble or named_model(spec)
