"""Two recipes side by side: saved ones, those of runs, and what the forms describe."""

import json
from collections.abc import Sequence

from markupsafe import Markup

from app.recipe import recipe_of
from app.store.library import Kept
from app.web import form_values
from app.web.html import fragments
from app.web.html.markup import joined, markup
from app.web.pages.recipe_diff import differing, parts_of, settings_of
from app.web.saved import read
from app.web.state import RunView
from tasks.errors import SettingsError

SIDES = {"left": "Left", "right": "Right"}
FORMS, SAVED, RUN = "forms", "saved:", "run:"
MOST_RUNS = 200


def comparison(view: RunView, saved: Sequence[Kept]) -> Markup:
    """Two lists to choose from, and what differs."""
    shown = f"{RUN}{view.run.id}" if view.run else ""
    chosen = {"left": view.tab.drawer.left or FORMS, "right": view.tab.drawer.right or shown}
    lists = joined(_list(view, saved, side, chosen[side]) for side in SIDES)
    return fragments.fold(
        "Compare two recipes", markup('<div class="sides">{}</div>{}', lists, _table(view, saved, chosen))
    )


def _list(view: RunView, saved: Sequence[Kept], side: str, chosen: str) -> Markup:
    def options(choices: Sequence[tuple[str, str]]) -> Markup:
        return joined(
            markup('<option value="{}"{}>{}</option>', value, " selected" if value == chosen else "", label)
            for value, label in choices
        )

    def group(title: str, choices: Sequence[tuple[str, str]]) -> Markup:
        return markup('<optgroup label="{}">{}</optgroup>', title, options(choices)) if choices else Markup()

    runs = view.state.runs()[:MOST_RUNS]
    none = Markup() if chosen else Markup('<option value="" selected disabled>Choose one</option>')
    return markup(
        '<label><span>{title}</span><select data-act="{side}">{none}{forms}{saved}{runs}</select></label>',
        title=SIDES[side],
        side=side,
        none=none,
        forms=options([(FORMS, "The forms, as they are now")]),
        saved=group("Saved", [(SAVED + kept.name, kept.name) for kept in saved]),
        runs=group("Runs", [(RUN + run.id, f"{run.name} · {fragments.ago(run.created)}") for run in runs]),
    )


def _table(view: RunView, saved: Sequence[Kept], chosen: dict[str, str]) -> Markup:
    if not all(chosen.values()):
        return fragments.note("Choose two recipes.")
    try:
        left, right = (_settings(view, saved, chosen[side]) for side in SIDES)
    except SettingsError as error:
        return fragments.problem(str(error))
    differences = differing(left, right)
    if not differences:
        return fragments.note("They are the same.")
    rows = joined(
        markup('<tr><th scope="row">{}</th><td><div>{}</div></td><td><div>{}</div></td></tr>', name, first, second)
        for name, first, second in differences
    )
    head = joined(markup('<th scope="col">{}</th>', word) for word in ("Setting", *SIDES.values()))
    return markup('<table class="compare"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, rows)


def _settings(view: RunView, saved: Sequence[Kept], choice: str) -> dict[str, str]:
    """Raises SettingsError for what is no more, or can't be read here."""
    if choice == FORMS:
        return settings_of(parts_of(view.wanted) if view.wanted else form_values.parts_from(view.filled))
    if choice.startswith(SAVED):
        recipe = next((kept for kept in saved if kept.name == choice.removeprefix(SAVED)), None)
        if recipe is None:
            raise SettingsError(f"There is no recipe named '{choice.removeprefix(SAVED)}' any more.")
        return settings_of(parts_of(read(recipe)))
    run = next((run for run in view.state.runs() if run.id == choice.removeprefix(RUN)), None)
    if run is None:
        raise SettingsError("That run is not there any more.")
    try:
        return settings_of(parts_of(recipe_of(run)))
    except (SettingsError, json.JSONDecodeError) as error:
        raise SettingsError(f"The recipe of {run.name} can't be read here: {error}") from error
