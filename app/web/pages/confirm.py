"""Keeping things under a name, as recipes and sets of models do it: nothing is replaced or deleted without being asked."""

import time
from collections.abc import Callable
from typing import Any

from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.fragments import t
from app.web.page_builder import Act, Done
from app.web.saved import named
from app.web.state import RunView
from tasks.errors import SettingsError

TWICE = 0.6
"""Seconds within which a second click was meant as the first: nothing is deleted by a double click."""


def calm(what: str) -> dict[str, Any]:
    """The place in a run in which nothing is asked about a `what`."""
    return {f"{what} to replace": "", f"{what} to delete": ("", 0.0)}


def question(look: RunView, what: str) -> str:
    """Whether the one that has that name already is to go."""
    name = str(look.place.get(f"{what} to replace") or "")
    if not name:
        return ""
    buttons = fragments.button("Replace it", act="replace", name=name) + fragments.button(
        "Keep the old one", act="leave"
    )
    return (
        f'<div class="notice warn ask edged" role="status"><p>There is a {t(what)} named “{t(name)}” already.</p>'
        f'<div class="acts">{buttons}</div></div>'
    )


def delete_button(look: RunView, what: str, name: str) -> str:
    """Asked in two steps."""
    sure = look.place.get(f"{what} to delete", ("", 0.0))[0] == name
    return fragments.button("Delete for good?" if sure else "Delete", "sure" if sure else "", act="delete", name=name)


def kept(what: str, typed: str, keep: Callable[[str], bool], problem: str) -> Done:
    """Keeps it by `keep` under the name that was typed; where that is taken, it is asked what to do."""
    try:
        name = named(typed)
        if keep(name):
            return Done(place=calm(what), toast=f"Saved as “{name}”.")
    except FormError:
        raise
    except SettingsError as error:
        raise FormError(problem, str(error)) from error
    return Done(place={**calm(what), f"{what} to replace": name})


def deleted(act: Act, what: str, delete: Callable[[str], bool]) -> Done:
    """The first click asks, a second one deletes."""
    name = act.text("name")
    pending, when = act.place.get(f"{what} to delete", ("", 0.0))
    if pending != name or time.monotonic() - when < TWICE:
        return Done(place={**calm(what), f"{what} to delete": (name, time.monotonic() if pending != name else when)})
    if not delete(name):
        raise SettingsError(f"There is no {what} named '{name}' any more.")
    return Done(place=calm(what), toast=f"“{name}” is deleted.")
