"""Review: what will be sent to Argilla and how, one click that sends it, how far people are, and the rows to read."""

import contextlib
from dataclasses import fields, replace

import gradio as gr
from markupsafe import Markup, escape

from app.errors import PageError
from app.review import argilla as review_argilla
from app.web import form_values, stats
from app.web.form_fields import add_fields
from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.fragments import attrs, count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads, stop
from app.web.pages.rating import rubrics
from app.web.pages.review import argilla, bulk_actions, decisions, filters, next_rows, reviewers, verdict
from app.web.pages.review.rows import beside, rows
from app.web.state import RunView
from app.web.tab_state import ReviewPart
from feedback.argilla.dataset_settings import BLIND_FROM, Review
from feedback.reviewed_row import MergeRule

MOST_ROWS = 10**9
TURNS = {"page", "open", "step", "raw"}
"""What a click among the rows says that only shows another one."""
SETTINGS = {"review", "merge", "embedder", "argilla", "reviewers"}
"""What the settings are about, as problems name it."""


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(head)
        board.part(argilla.reviewers, elem_classes="bar-part")
        board.part(ways, turn, elem_id="ways", elem_classes="bar-part")
        board.button(
            lambda view: "Stop" if _sending(view) else "", stop, forms=False, min_width=90, elem_id="stop-sending"
        )
        board.button(
            lambda view: "Pull verdicts" if not view.busy and argilla.pushes(view) else "",
            pull,
            min_width=110,
            elem_id="pull",
        )
        board.button(take_out_words, take_out, min_width=130, elem_id="take-out")
        board.button(rename_words, send_renamed, min_width=130, elem_id="send-renamed")
        board.button(send_words, send, primary=True, min_width=120, elem_id="send")
    board.problem("review", "merge", "embedder")
    board.part(argilla.progress)
    board.part(advice)
    with gr.Column(visible=False, elem_classes="settings", elem_id="review-settings") as settings:
        board.part(argilla.state)
        with gr.Row(elem_classes="hows"):
            with gr.Accordion("How rows are sent", open=False, elem_classes=["more", "card", "how"]):
                add_fields(board.form, "review", Review, [f.name for f in fields(Review) if f.name != "blind_audit"])
                board.dress(board.form.fields["review.aspects"], rubrics.aspect_choices)
                _audit(board)
                _similar(board)
                board.part(shape)
            with gr.Accordion("How verdicts are merged", open=False, elem_classes=["more", "card", "how"]):
                add_fields(board.form, "merge", MergeRule)
                for name in ("merge.decision", "merge.text"):
                    board.changes(name, merge)
            reviewers.build(board)
            argilla.build(board)
    board.dress(settings, lambda view: gr.update(visible=_shows_settings(view)))
    filters.build(board)
    verdict.build_name(board, pressed)
    board.part(bulk_actions.bar, pressed, elem_id="selected")
    board.part(rows, browse, often=True, elem_id="browse")
    verdict.build(board)


def _audit(board: Board) -> None:
    """Whether the audit goes without suggestions, and what that comes to for this run."""
    choices = [
        (f"Without suggestions from {BLIND_FROM} rows on", "auto"),
        ("Without suggestions", "blind"),
        ("With suggestions", "open"),
    ]
    info = (
        "A fifth of the rows, drawn at random. Where ratings are chosen already, people tend to leave them as they are."
    )
    board.form.add(
        "review.blind_audit", gr.Radio(choices, value="auto", label="The audit goes", info=info, interactive=True)
    )
    board.part(audit)


def _similar(board: Board) -> None:
    """The model that makes vectors for "find similar" in Argilla."""
    texts = {
        "model": ("Model for “find similar”", "An embedding model; empty makes no vectors.", ""),
        "url": ("Its address", "Of an OpenAI-compatible endpoint.", "http://localhost:8000/v1"),
        "key_env": ("Its key's variable", "The environment variable that holds its key; empty for none.", ""),
    }
    for name, (label, info, example) in texts.items():
        board.form.add(
            f"embedder.{name}", gr.Textbox("", label=label, info=info, placeholder=example, interactive=True)
        )


def _sending(view: RunView) -> bool:
    return view.working and view.job is not None and view.job.what == "push"


def _shows_settings(view: RunView) -> bool:
    """True where somebody wants them, or where something is wrong with what they hold."""
    is_wrong = SETTINGS & view.tab.problems.keys()
    return bool((view.tab.review.settings or is_wrong) and view.counts.answered)


def head(view: RunView) -> Markup:
    line = " ".join(filter(None, [_line(view), next_rows.progress(view), argilla.outcome(view)]))
    return fragments.page_head("Review", line)


def ways(view: RunView) -> Markup:
    """The way to the records in Argilla, and to the settings, which are out of sight until somebody wants them."""
    if not view.counts.answered:
        return Markup()
    opened = str(_shows_settings(view)).lower()
    button = markup('<button type="button" aria-expanded="{}" {}>Settings</button>', opened, attrs(act="settings"))
    return markup('<div class="ways">{}{}{}</div>', next_rows.menu(view), argilla.link(view), button)


def _line(view: RunView) -> str:
    counts = view.counts
    if not counts.answered:
        return "People read, correct, approve or reject in Argilla. What they say comes back here."
    waiting = view.unsent
    if not counts.sent:
        return f"{count(waiting, 'row')} can be sent to Argilla, with the labeller's ratings and reasons beside them."
    line = f"{counts.reviewed:,} of {count(counts.sent, 'row')} sent are reviewed."
    return line + (f" {count(waiting, 'row is', 'rows are')} new or changed since." if waiting else "")


def send_words(view: RunView) -> str:
    waiting = 0 if view.busy else view.unsent
    return f"Send {count(waiting, 'row')}" if waiting else ""


def rename_words(view: RunView) -> str:
    free = view.job.free_name if view.job is not None and not view.busy else ""
    return f"Send as {free}" if free else ""


def take_out_words(view: RunView) -> str:
    sent = view.job.sent if view.job is not None and not view.busy else None
    return f"Take out {count(sent.dropped, 'row')}" if sent is not None and sent.dropped else ""


def advice(view: RunView) -> Markup:
    """What to do about records of rows that are no more."""
    notice = Markup()
    sent = view.job.sent if view.job is not None and not view.busy else None
    if sent is not None and sent.dropped:
        notice += fragments.notice(
            f"{count(sent.dropped, 'record')} in Argilla {'is' if sent.dropped == 1 else 'are'} of rows that the run does not "
            "have any more. Taking them out deletes what people said of them there; what was pulled stays here."
        )
    return notice


def audit(view: RunView) -> Markup:
    """What the choice of how the audit goes comes to for this run, and why."""
    rows = view.counts.answered
    if view.run is None or not rows:
        return Markup()
    try:
        review = form_values.review_of(view.filled)
    except FormError:
        return Markup()
    sealed = view.reviews.sealed_blind()
    blind = review.is_blind(rows, sealed)
    size = f"{count(rows, 'row')}: the audit ({view.reviews.audit_size(rows):,} of them) goes"
    if blind:
        message = f"{size} without ratings and reasons, so that people judge on their own."
    elif review.blind_audit != "auto":
        message = f"{size} with ratings and reasons; what people leave as suggested is not counted as their rating."
    else:
        message = (
            f"{size} with ratings and reasons: of so few rows it is a large part, and suggestions save people work."
        )
    if sealed is not None and review.blind_audit == "auto":
        sealed_as = "without" if sealed else "with"
        message = f"{size} {sealed_as} ratings and reasons, as it was sealed when the first rows were sent."
    elif sealed is not None and sealed != blind:
        message += f" What was sent before was sealed {'without' if sealed else 'with'} them and stays so."
    return fragments.note(message)


def shape(view: RunView) -> Markup:
    """What a record will hold, in words."""
    if view.run is None or view.recipe is None:
        return Markup()
    if (first := view.counted(stats.first_shape)) is None:
        return Markup()
    recipe = view.recipe
    with contextlib.suppress(FormError):
        recipe = replace(recipe, review=form_values.review_of(view.filled))
    description = review_argilla.described(first, view.reviews.with_audit(recipe, view.counts.answered))
    fields, questions = (
        joined(markup("<li>{}</li>", word) for word in part) for part in (description.fields, description.questions)
    )
    guide = fragments.fold(
        "Guidelines that reviewers read", escape(view.filled.get("review.guidelines") or description.guidelines)
    )
    lists = markup("<div><h3>To read</h3><ul>{}</ul></div><div><h3>To answer</h3><ul>{}</ul></div>", fields, questions)
    return markup('<div class="sent-as">{}</div>{}', lists, guide)


# -- what can be done


@reads
def pressed(act: Act) -> Done | None:
    """Does what a button of a row, or of several, asks for; None for any other."""
    if (done := filters.act_on(act)) is not None:
        return done
    if act.word not in TURNS:
        act.to_work()
    if (done := bulk_actions.act_on(act)) is not None:
        act.state.jobs.refresh_queue(act.run)
        return done
    if (done := verdict.say(act) or decisions.act_on(act)) is not None:
        act.state.jobs.refresh_queue(act.run)
    return replace(done, own=replace(_own(act, done), undo=None)) if done is not None else None


def _own(act: Act, done: Done) -> ReviewPart:
    """The part of this page, once that is done."""
    return done.own if isinstance(done.own, ReviewPart) else act.tab.review


def turn(act: Act) -> Done:
    """The settings are shown, or put away again; or a list of the next rows is picked."""
    if (done := next_rows.act_on(act)) is not None:
        return done
    if act.word != "settings":
        raise PageError
    return Done(own=replace(act.tab.review, settings=not _shows_settings(act.look)))


@reads
def browse(act: Act) -> Done:
    onward = act.word == "say" and act.data.get("onward") is True
    following = (
        beside(act.look, act.row().id, 1) if onward else ""
    )  # before the verdict, by which a row may leave the list
    drafts = verdict.written(act)
    done = pressed(act) or _turned(act)
    own = _own(act, done)
    decided = own.pending is act.tab.review.pending  # and the reviewer's name is not asked for first
    messages = [done.toast]
    if onward and not following and decided:
        messages.append("That was the last row of the list.")
    if drafts is not None and act.word == "say":
        messages.append("What you wrote is kept: Correct brings it back.")
    if drafts is not None:
        own = replace(own, drafts=drafts)
    row = following if following and decided else done.row
    return replace(done, row=row, own=own, toast=" ".join(filter(None, messages)))


def _turned(act: Act) -> Done:
    """Another row or page, or the same row as it is or as it reads."""
    match act.word:
        case "page":
            return Done(row="", offset=act.number("offset", 0, MOST_ROWS))
        case "open":
            return Done(row=act.row().id, own=replace(act.tab.review, correcting=None))
        case "step":
            by = -1 if act.text("by") == "-1" else 1
            return Done(
                row=beside(act.look, act.row().id, by) or act.row().id, own=replace(act.tab.review, correcting=None)
            )
        case "raw":
            row = act.row().id
            return Done(row=row, own=replace(act.tab.review, raw="" if act.tab.review.raw == row else row))
    raise PageError


def send(act: Act, name: str = "", *, withdraw: bool = False) -> Done:
    """Sends the rows, as the fields here say."""
    changed = act.state.amend(
        act.run, review=form_values.review_of(act.filled), merge=form_values.merging_of(act.filled),
        embedder=form_values.embedder_of(act.filled),
    )  # fmt: skip
    act.state.jobs.push(changed, act.state.keys(act.browser), name, withdraw=withdraw)
    return Done()


def send_renamed(act: Act) -> Done:
    """Sends them to a dataset of a name that nothing has."""
    free = act.look.job.free_name if act.look.job is not None else ""
    return send(act, free)


def take_out(act: Act) -> Done:
    """Takes records out of Argilla whose rows the run does not have any more."""
    return send(act, withdraw=True)


def merge(act: Act) -> Done:
    """The run's verdicts are merged by the rule that was chosen, at once."""
    if act.run_id:
        act.state.amend(act.run, merge=form_values.merging_of(act.filled))
    return Done()


def pull(act: Act) -> Done:
    act.state.jobs.pull(act.run)
    return Done()
