"""Keeping things under a name, as recipes and model presets do it: nothing is replaced or deleted without being asked."""

import time
from collections.abc import Callable

from markupsafe import Markup

from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.markup import markup
from app.web.page_builder import Done
from app.web.saved import named
from app.web.tab_state import Confirmation, Part
from tasks.errors import SettingsError

TWICE = 0.6
"""Seconds within which a second click was meant as the first: nothing is deleted by a double click."""


CALM = Confirmation()
"""Nothing is asked."""
Own = Callable[[Confirmation], Part]
"""The part of a page with another confirmation."""


def question(confirmation: Confirmation, what: str) -> Markup:
    """Whether the one that has that name already is to go."""
    name = confirmation.replacing
    if not name:
        return Markup()
    buttons = fragments.button("Replace it", act="replace", name=name) + fragments.button(
        "Keep the old one", act="leave"
    )
    return markup(
        '<div class="notice warn ask edged" role="status"><p>There is a {} named “{}” already.</p>'
        '<div class="acts">{}</div></div>',
        what,
        name,
        buttons,
    )


def delete_button(confirmation: Confirmation, name: str) -> Markup:
    """Asked in two steps."""
    sure = confirmation.deleting == name
    return fragments.button("Delete for good?" if sure else "Delete", "sure" if sure else "", act="delete", name=name)


def kept(own: Own, typed: str, keep: Callable[[str], bool], problem: str) -> Done:
    """Keeps it by `keep` under the name that was typed; where that is taken, it is asked what to do."""
    try:
        name = named(typed)
        if keep(name):
            return Done(own=own(CALM), toast=f"Saved as “{name}”.")
    except FormError:
        raise
    except SettingsError as error:
        raise FormError(problem, str(error)) from error
    return Done(own=own(Confirmation(replacing=name)))


def deleted(name: str, what: str, confirmation: Confirmation, own: Own, delete: Callable[[str], bool]) -> Done:
    """The first click asks, a second one deletes."""
    if confirmation.deleting != name or time.monotonic() - confirmation.since < TWICE:
        since = time.monotonic() if confirmation.deleting != name else confirmation.since
        return Done(own=own(Confirmation(deleting=name, since=since)))
    if not delete(name):
        raise SettingsError(f"There is no {what} named '{name}' any more.")
    return Done(own=own(CALM), toast=f"“{name}” is deleted.")
