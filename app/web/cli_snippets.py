"""What does in a terminal, or in a program, the same as the primary action of a page."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from app.config import usual_data
from app.recipe import Recipe
from app.runs.cost import pricing
from app.web import form_values
from app.web.form_values import ARGILLA, HUB, FormError
from app.web.saved import file_name
from app.web.state import RunView
from feedback.argilla.dataset_settings import Review
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks.models.spec import ModelSpec

RESUMABLE = ("paused", "stopped", "interrupted")
FLAGS = {
    "private": ("--private", "--public"), "unreviewed": ("--unreviewed", "--reviewed"),
    "original_pairs": ("--original-pairs", "--rated-pairs"), "shuffle": ("--shuffle", "--in-order"),
    "reasoning": ("--reasoning", "--no-reasoning"), "protect_formulas": ("--protect-formulas", "--exact-texts"),
    "together": ("--together", "--singly"), "blind_audit": ("--blind-audit", "--open-audit"),
}  # fmt: skip
NO_RUN = "There is no run here yet: this makes one, of what the forms describe."


@dataclass(frozen=True)
class Snippet:
    """One command, the lines of Python that do the same ("" where there are none), and what is to know about them.

    `file` is the name of the recipe that both read, "" where they read none.
    """

    words: tuple[str, ...]
    python: str = ""
    notes: tuple[str, ...] = ()
    file: str = ""

    @property
    def command(self) -> str:
        return shlex.join(self.words)


def way(view: RunView, page: str) -> Snippet:
    """The command of a page, as the forms are now."""
    folder = view.state.settings.data
    data = None if folder == usual_data() else folder
    if page == "models":
        return Snippet(
            _claywright(data, "doctor"),
            notes=(
                "It says which keys, services and Argilla are there. The models themselves are tried when a run begins.",
            ),
        )
    if view.run is None or view.recipe is None or page == "generate":
        return _run(view, data, page)
    return {"rate": _rate, "review": _push, "insights": _agreement, "export": _export}[page](
        view, data, view.run.id, view.recipe
    )


def _run(view: RunView, data: Path | None, page: str) -> Snippet:
    """A run of the recipe, or, where it can't tell a difference, more of the run that is shown. Nothing is sent to Argilla."""
    recipe, old = view.wanted, view.recipe
    notes = [NO_RUN] if page != "generate" else []
    if view.run is not None and old is not None and not view.busy and _goes_on(view):
        arguments = ["run", "--resume", view.run.id, "--no-push"]
        if view.same and recipe is not None and recipe.rows not in (None, old.rows):
            arguments += ["--rows", str(recipe.rows)]
        note = f"It goes on with {view.run.name}, as this page would; what was made is not made again."
        return Snippet(_claywright(data, *arguments), notes=(note, *notes, *_keys(_models(old))))
    if view.run is not None and page == "generate" and not view.same:
        notes.append("It begins a new run: the forms say something else than the run that is shown.")
    file = file_name(str(view.filled.get("name") or "dataset"))
    keys = _keys(_models(recipe)) if recipe is not None else ()
    return Snippet(
        _claywright(data, "run", file, "--no-push"),
        _python("run", [json.dumps(file)], data, "made = "),
        (*notes, *keys),
        file,
    )


def _goes_on(view: RunView) -> bool:
    """True if the run's own recipe, with another number of rows, is what the page would work."""
    if view.standing in RESUMABLE:
        return True
    if not view.same or view.wanted is None or view.recipe is None:
        return False
    current, new = pricing.unpriced(view.recipe).dump(), pricing.unpriced(view.wanted).dump()
    return {**current, "rows": 0, "name": ""} == {**new, "rows": 0, "name": ""}


def _rate(view: RunView, data: Path | None, run: str, recipe: Recipe) -> Snippet:
    notes = list(_keys([view.described("labeller") or recipe.labeller]))
    old, arguments, extra = recipe.rating or UltraFeedback(), ["rate", run], []
    try:
        judge = form_values.rating_of(view.filled)
    except FormError as error:
        return Snippet(_claywright(data, *arguments), notes=(f"The forms can't be used as they are: {error}",))
    if judge.aspects != old.aspects:
        arguments += [word for aspect in judge.aspects for word in ("--aspect", aspect)]
    if judge.together != old.together:
        arguments.append(FLAGS["together"][not judge.together])
    if judge.repeats != old.repeats:
        arguments += ["--repeats", str(judge.repeats)]
    if judge.method != old.method:
        arguments += ["--method", judge.method]
    others = [f.name for f in fields(UltraFeedback) if f.name not in ("aspects", "together", "repeats", "method")]
    if any(getattr(judge, name) != getattr(old, name) for name in others):
        notes.append("What stands under More is as in the run's own recipe: the command has no option for it.")
    labeller = view.described("labeller") or recipe.labeller
    if labeller.unpriced != recipe.labeller.unpriced:
        notes.append("It rates with the labeller of the run's own recipe, not with the one on the page Models.")
    if judge != old:
        extra = [f"UltraFeedback({_settings(judge, UltraFeedback())})"]
    return Snippet(
        _claywright(data, *arguments),
        _python("rate", [json.dumps(run), *extra], data, more=("UltraFeedback",) if extra else ()),
        tuple(notes),
    )


def _push(view: RunView, data: Path | None, run: str, recipe: Recipe) -> Snippet:
    back = f"What people said comes back with {shlex.join(_claywright(data, 'pull', run))}"
    arguments, notes, old = ["push", run], [back], recipe.review
    try:
        review = form_values.review_of(view.filled)
    except FormError as error:
        return Snippet(_claywright(data, *arguments), notes=(f"The forms can't be used as they are: {error}",))
    for name in ("dataset", "workspace"):
        if getattr(review, name) != getattr(old, name):
            arguments += [f"--{name}", getattr(review, name)]
    if review.blind_audit != old.blind_audit and review.blind_audit != "auto":
        arguments.append(FLAGS["blind_audit"][not review.blind_audit])
    options = ("dataset", "workspace") if review.blind_audit == "auto" else ("dataset", "workspace", "blind_audit")
    others = [f.name for f in fields(Review) if f.name not in options]
    if any(getattr(review, name) != getattr(old, name) for name in others):
        notes.append("How rows are sent is as in the run's own recipe: sending them once from this page changes that.")
    named = [json.dumps(review.dataset)] if review.dataset != old.dataset else []
    return Snippet(_claywright(data, *arguments), _python("push", [json.dumps(run), *named], data), tuple(notes))


def _agreement(view: RunView, data: Path | None, run: str, recipe: Recipe) -> Snippet:
    return Snippet(_claywright(data, "agreement", run), _python("agreement", [json.dumps(run)], data))


def _export(view: RunView, data: Path | None, run: str, recipe: Recipe) -> Snippet:
    arguments, old = ["export", run], recipe.export
    kind = str(view.filled.get("export.kind"))
    try:
        to = form_values.export_of(view.filled)
    except FormError as error:
        return Snippet(_claywright(data, *arguments), notes=(f"The forms can't be used as they are: {error}",))
    arguments += ["--format", to.format]
    file = "" if kind in (HUB, ARGILLA) else f"{Path(file_name(recipe.name)).stem}.{kind}"
    if file:
        arguments += ["--to", file]
    kept = []
    for f in fields(Export):
        value = getattr(to, f.name)
        if f.name in ("format", "path") or value == getattr(old, f.name) or (file and f.name in (HUB, ARGILLA)):
            continue
        option = "--" + f.name.replace("_", "-")
        if f.name in FLAGS:
            arguments.append(FLAGS[f.name][not value])
        elif value is None:
            kept.append(f.name.replace("_", " "))
        else:
            arguments += [option, str(value)]
    notes = (f"The run's own recipe sets {' and '.join(kept)}, which no option takes back.",) if kept else ()
    settings = _settings(to, Export(), without=(HUB,) if kind == HUB else ())
    if kind == ARGILLA:
        python = ""
    elif kind == HUB:
        python = _python("publish", [json.dumps(run), json.dumps(to.hub), *filter(None, [settings])], data)
    else:
        python = _python("export", [json.dumps(run), json.dumps(file), *filter(None, [settings])], data)
    return Snippet(_claywright(data, *arguments), python, notes)


def _claywright(data: Path | None, *arguments: str) -> tuple[str, ...]:
    return ("claywright", *(("--data", str(data)) if data else ()), *arguments)


def _python(name: str, arguments: Sequence[str], data: Path | None, before: str = "", more: Sequence[str] = ()) -> str:
    """The lines that call a function of the Python API."""
    where = [f"data=Path({json.dumps(str(data))})"] if data else []
    path = "from pathlib import Path\n" if data else ""
    return f"{path}from claywright import {', '.join([*more, name])}\n{before}{name}({', '.join([*arguments, *where])})"


def _settings(settings: Any, defaults: Any, without: Sequence[str] = ()) -> str:
    """What differs from the defaults, as arguments in Python."""
    values = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in without}
    changed: Mapping[str, Any] = {name: value for name, value in values.items() if value != getattr(defaults, name)}
    return ", ".join(f"{name}={_literal(value)}" for name, value in changed.items())


def _literal(value: Any) -> str:
    """A setting as Python has it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _models(recipe: Recipe) -> list[ModelSpec]:
    used = [recipe.generator, *recipe.responders]
    return [*used, recipe.labeller] if recipe.rating is not None else used


def _keys(specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Where the command takes its keys from: one that was typed into the page is not passed on."""
    names = list(dict.fromkeys(spec.key_variable for spec in specs if spec.key_variable))
    if not names:
        return ()
    return (f"It takes {'its key' if len(names) == 1 else 'its keys'} from the environment: {', '.join(names)}.",)
