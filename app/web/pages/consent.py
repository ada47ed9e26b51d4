"""What the forms would send or read beyond what this user allowed: asked for once, by name, before anything happens."""

import hashlib
from collections.abc import Sequence

from markupsafe import Markup

from app.runs.permissions import Need
from app.web.html.fragments import button, sentence
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads
from app.web.state import RunView


def build(board: Board) -> None:
    """On the page that is being built; nothing where there is nothing to ask."""
    board.part(question, allow)


def question(view: RunView) -> Markup:
    needs = view.state.needs(view.browser, view.filled)
    if not needs:
        return Markup()
    listed = joined(markup("<li>{}</li>", sentence(need.sentence)) for need in needs)
    return markup(
        '<section class="panel consent" role="group" aria-label="Allow this?"><div class="panel-head"><h2>Allow this?</h2>'
        "<p>A recipe from elsewhere can name keys and files of yours. Nothing is sent or read before you allow it.</p>"
        "</div><ul>{}</ul>{}</section>",
        listed,
        button("Allow, from now on", act="allow", needs=_digest(needs)),
    )


def _digest(needs: Sequence[Need]) -> str:
    """Names what was asked, so that nothing is allowed that nobody read."""
    return hashlib.sha256("\n".join(need.sentence for need in needs).encode()).hexdigest()[:32]


@reads
def allow(act: Act) -> Done:
    """Allows what was asked, unless the forms say something else by now: then that is asked."""
    needs = act.state.needs(act.browser, act.state.filled(act.browser))
    if act.text("needs") != _digest(needs):
        return Done(toast="The forms were changed meanwhile. Read once more what is asked.")
    act.state.allow(needs)
    return Done(toast="Allowed, on this machine and for this data folder.")
