"""Which Argilla rows go to: the embedded one or another, the dataset there, the way in, how far people are."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.review import argilla
from app.review.pull import came
from app.review.push_plan import shortened
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.state import RunView, person_name
from feedback.argilla.push import review_address
from feedback.types import Verdict
from tasks.errors import SettingsError

MOST_PEOPLE = 3


def build(board: Board) -> None:
    """The fields for another Argilla than the one of the environment."""
    with gr.Accordion("Which Argilla", open=False, elem_classes=["more", "card", "how"]):
        board.part(which)
        board.form.add(
            "argilla.url",
            gr.Textbox(
                "", label="Address of another one", placeholder="https://argilla.example.org", interactive=True,
                elem_id="argilla-url",
            ),
        )  # fmt: skip
        key = gr.Textbox(
            "", label="Key", type="password", interactive=True, placeholder="of an owner or admin", elem_id="argilla-key",
            info="It stays in this process, until Claywright ends.",
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
        )  # fmt: skip
        with gr.Row():
            use = gr.Button("Use it", scale=0, min_width=90, elem_id="use-argilla")
            board.button(
                lambda view: "Back to the one before" if view.state.chose_argilla else "", leave, min_width=160,
                elem_id="leave-argilla",
            )  # fmt: skip
        board.problem("argilla")
    board.act(use.click, use_other, forms=True, extra=[key])


def which(view: RunView) -> Markup:
    """Where rows go now."""
    standing, settings = view.state.services.argilla, view.state.settings
    name = settings.argilla_url or "the embedded Argilla on this machine"
    status = {"ready": "answers", "starting": "is being asked", "off": standing.words}[standing.state]
    return markup('<p class="note">Rows go to <b>{}</b>: {}</p>', name, status)


def use_other(act: Act) -> Done:
    address, key = str(act.filled.get("argilla.url") or "").strip(), str(act.extra[0] or "").strip()
    if not address or not key:
        raise SettingsError("Another Argilla needs its address and the key of an owner or admin.")
    act.state.use_argilla(address, key)
    return Done(toast=f"Rows go to {address} from now on.")


def leave(act: Act) -> Done:
    act.state.use_argilla("", "")
    return Done(toast="Rows go where they went before.")


def state(view: RunView) -> Markup:
    """Where the rows are: the dataset in Argilla, the way in, who said what."""
    return markup('<section class="panel slim">{}</section>', _dataset(view)) if pushes(view) else Markup()


def progress(view: RunView) -> Markup:
    """How far a push or a pull is; and what is to be known once it has ended."""
    job = view.job
    if job is None or job.what not in ("push", "pull"):
        return Markup()
    if job.trouble:
        return fragments.notice(job.trouble, "warn")
    if job.state == "working":
        done = job.pushed.sent + job.pushed.unchanged
        if view.waiting:
            return fragments.notice(f"{view.waiting} Stop ends it; what was sent stays in Argilla.", "warn")
        if job.what == "push" and job.total:
            speed = f"{job.pushed.sent / job.seconds:,.0f} a second" if job.pushed.sent and job.seconds > 1 else ""
            return markup(
                '<section class="panel slim"><p class="big"><b>{:,}</b> of {} sent'
                ' <span class="note">{}</span></p>{}</section>',
                done,
                count(job.total, "row"),
                speed,
                fragments.track(done, job.total, "Rows sent"),
            )
        return fragments.notice(
            job.saying or ("Sending." if job.what == "push" else "Asking Argilla what people said.")
        )
    if job.what == "push" and job.sent is not None:
        refused = joined(
            fragments.problem(f"Argilla refused the row {row}: {why}") for row, why in job.pushed.refused[:5]
        )
        open_ = (
            f"{count(job.sent.open_audits, 'audit row was', 'audit rows were')} sealed with suggestions before, and stay so."
            if job.sent.open_audits
            else ""
        )
        return fragments.notice(" ".join(filter(None, [open_, shortened(job.sent.shortened)]))) + refused
    if job.what == "pull" and job.pulled is not None and job.pulled.missing:
        gone = count(job.pulled.missing, "dataset was", "datasets were")
        return fragments.notice(f"{gone} deleted there; what was pulled before is kept.", "warn")
    return Markup()


def outcome(view: RunView) -> str:
    """What the last push or pull came to, in a sentence; "" where there was none, or it is not over."""
    job = view.job
    if job is None or job.trouble or job.state == "working":
        return ""
    if job.what == "push" and job.sent is not None:
        known = f", {count(job.pushed.unchanged, 'row was', 'rows were')} there already" if job.pushed.unchanged else ""
        out = f", {count(job.sent.withdrawn, 'row')} taken out" if job.sent.withdrawn else ""
        return f"{count(job.pushed.sent, 'row')} sent{known}{out}."
    if job.what == "pull" and job.pulled is not None:
        return f"{came(job.pulled)}." if job.pulled.by else f"{came(job.pulled)} came back."
    return ""


def link(view: RunView) -> Markup:
    """The way to the records in Argilla, the most urgent first."""
    sent, url = pushes(view), view.state.services.argilla.url
    if not sent or not url:
        return Markup()
    address = argilla.opening(view.state.settings, review_address(url, str(sent[0]["dataset_id"])))
    return fragments.link("Review in Argilla", address)


def reviewers(view: RunView) -> Markup:
    """How many rows each reviewer has answered: the busiest, who fit into the page bar."""
    if view.run is None or not view.counts.reviewed:
        return Markup()
    people = view.reviews.rows_by_reviewer()
    cells = [(f"{n:,}", person_name(name)) for name, n in people[:MOST_PEOPLE]]
    rest = [(f"{sum(n for _, n in people[MOST_PEOPLE:]):,}", count(len(people) - MOST_PEOPLE, "other"))]
    return fragments.facts(cells + (rest if len(people) > MOST_PEOPLE else []), "Rows that each reviewer answered")


def pushes(view: RunView) -> list[dict[str, Any]]:
    """What was sent of the run to the Argilla of now, the newest first."""
    if view.run is None:
        return []
    return view.reviews.pushes()


def record_address(view: RunView, row: str, verdicts: Sequence[Verdict] = ()) -> str:
    """Where one row of the run is in Argilla, as its owner sees it; "" where that is not known, or it is shown to others alone.

    Argilla shows a record that is done to those who answered it.
    """
    sent, url = pushes(view), view.state.services.argilla.url
    if not sent or not url or view.run is None:
        return ""
    dataset = str(sent[0]["dataset_id"])
    number = view.reviews.number_there(dataset, row)
    owner = argilla.owner(view.state.settings)
    own = (verdict.status for verdict in verdicts if owner is not None and verdict.reviewer == owner.username)
    status = next(own, "") or view.reviews.status_there(dataset, row)
    is_done = any(verdict.status == "submitted" for verdict in verdicts)
    if not number or (owner is not None and is_done and not status):
        return ""
    return argilla.opening(view.state.settings, review_address(url, dataset, view.run.id, number, status))


def _dataset(view: RunView) -> Markup:
    sent = pushes(view)
    if view.run is None or not sent:
        return Markup()
    last, counts = sent[0], view.counts
    people = view.reviews.rows_by_reviewer()
    who = joined(markup('<li><b translate="no">{}</b><em>{}</em></li>', name, n) for name, n in people[:6])
    cells = [
        (counts.sent, "sent"),
        (counts.reviewed, "reviewed"),
        (counts.approved, "approved"),
        (counts.rejected, "rejected"),
    ]
    return markup(
        '<div class="argilla-line"><div><h2>{dataset}</h2><p class="note">in the workspace {workspace}</p></div>'
        "{facts}{who}</div>{progress}{samples}{way_in}",
        dataset=last["dataset"],
        workspace=last["workspace"],
        facts=fragments.facts(cells, "Review"),
        who=markup("<ul class=people>{}</ul>", who) if who else Markup(),
        progress=fragments.track(counts.reviewed, max(counts.sent, 1), "Rows reviewed"),
        samples=_samples(view),
        way_in=_way_in(view),
    )


def _samples(view: RunView) -> Markup:
    """How far the audit and the queue are."""
    samples = view.reviews.samples() if view.run else {}
    if "audit" not in samples:
        return Markup()
    sent, seen = samples["audit"]
    message = f"Audit, a random sample that tells how well people and labeller agree: {seen} of {sent} reviewed."
    if "queue" in samples:
        sent, seen = samples["queue"]
        message += f" Queue, the most doubtful first: {seen} of {sent}."
    return markup('<p class="note">{}</p>', message)


def _way_in(view: RunView) -> Markup:
    owner = argilla.owner(view.state.settings)
    if owner is None:
        return Markup()
    way = markup(
        "Links from here open Argilla as its owner, <b>{}</b>. Elsewhere that name is asked for, with the password in {}",
        owner.username,
        owner.file,
    )
    return fragments.fold("How others sign in", way)
