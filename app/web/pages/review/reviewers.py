"""Who reviews in Argilla, and one more: a name, and a link to send."""

from dataclasses import replace

import gradio as gr
from markupsafe import Markup

from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.fragments import attrs
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.pages.review import argilla
from app.web.state import RunView
from feedback.argilla.push import review_path
from feedback.argilla.reviewers import LONGEST_NAME
from tasks.errors import ClaywrightError

PLACE = "reviewers"


def build(board: Board) -> None:
    with gr.Accordion("Who reviews", open=False, elem_classes=["more", "card", "how"]):
        board.part(reviewers, again)
        with gr.Row():
            name = gr.Textbox(
                "", label="One more reviewer", placeholder="Ada", interactive=True, max_lines=1, max_length=LONGEST_NAME,
                elem_id="reviewer-to-add", html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            )  # fmt: skip
            add = gr.Button("Add", scale=0, min_width=90, elem_id="add-reviewer")
        board.problem(PLACE)
        board.part(invited)
    for event in (add.click, name.submit):
        board.act(event, invite, extra=[name])


def _workspace(view: RunView) -> str:
    sent = argilla.pushes(view)
    return str(sent[0]["workspace"]) if sent else view.state.settings.argilla_workspace or ""


def reviewers(view: RunView) -> Markup:
    """Who may review where the rows are, or will be."""
    if view.state.services.argilla.state != "ready":
        return fragments.note("Reviewers can be added once Argilla runs.")
    names = view.state.reviewers(_workspace(view))
    own = not view.state.settings.argilla_url and view.state.administers
    lines = joined(
        markup('<li><b translate="no">{}</b>{}</li>', name, _again(name) if own else Markup()) for name in names
    )
    listed = markup('<ul class="reviewers">{}</ul>', lines) if lines else fragments.note("Nobody but you so far.")
    each = view.recipe.review.min_submitted if view.recipe is not None else 1
    more = f" Each record waits for {each} of them (“Reviewers per record”)." if each > 1 else ""
    return listed + fragments.note(f"Whoever is added here reviews in Argilla, under their own name.{more}")


def _again(name: str) -> Markup:
    return markup('<button type="button" {}>New link</button>', attrs(act="again", name=name))


def invited(view: RunView) -> Markup:
    """The link for whoever was added last, with what to do with it."""
    invitation = view.tab.review.invited
    if invitation is None:
        return Markup()
    how = (
        f"Send this link to {invitation.name}. It signs them in once, within a week, in their own browser on this machine."
        if invitation.signs_in
        else f"{invitation.name} can review here, after signing in to Argilla."
    )
    password = (
        markup(
            '<p class="note">Or they sign in as <b>{}</b> with the password <code>{}</code>, which is shown this once.</p>',
            invitation.name,
            invitation.password,
        )
        if invitation.password
        else Markup()
    )
    copy = Markup('<button type="button" data-copy aria-live="polite">Copy</button>')
    well = markup(
        '<div class="well" id="invitation"><pre tabindex="0">{}</pre><div class="acts">{}</div></div>',
        invitation.link,
        copy,
    )
    return fragments.notice(how, "ok") + well + password


def _invite(act: Act, name: str, *, anew: bool = False) -> Done:
    view = act.look
    sent = argilla.pushes(view)
    to = review_path(str(sent[0]["dataset_id"])) if sent else "/"
    try:
        invitation = act.state.invite(name, _workspace(view), to, anew=anew)
    except ClaywrightError as error:
        raise FormError(PLACE, str(error)) from error
    toast = f"A new link for {invitation.name}." if anew else f"{invitation.name} can review now."
    return Done(own=replace(act.tab.review, invited=invitation), toast=toast)


def invite(act: Act) -> Done:
    """Adds the reviewer of that name."""
    return _invite(act, str((act.extra[0] if act.extra else "") or ""))


def again(act: Act) -> Done:
    """Makes a new link for one who is there already; the one before is good no longer."""
    return _invite(act, act.text("name"), anew=True)
