"""Review: what will be sent to Argilla and how, one click that sends it, how far people are, and the rows to read."""

from typing import Any

import gradio as gr

from app import draft, parts, reviewing, workflow
from app.desk import Look
from app.draft import FormError
from app.forms import add_fields
from app.pages.board import Act, Board, Done, stop
from app.pages.rows import rows
from app.parts import count, t
from feedback.schema import Review, shape_of


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(head)
        board.button(
            lambda look: "Stop" if _sending(look) else "", stop, forms=False, min_width=90, elem_id="stop-sending"
        )
        board.button(
            lambda look: "Pull verdicts" if not look.busy and _pushes(look) else "",
            pull,
            forms=False,
            min_width=110,
            elem_id="pull",
        )
        board.button(send_words, send, primary=True, min_width=120, elem_id="send")
    board.problem("review")
    board.part(state)
    with gr.Accordion("How rows are sent", open=False, elem_classes=["more", "card", "how"]) as how:
        add_fields(board.form, "review", Review)
        board.part(shape)
    board.dress(how, lambda look: gr.update(visible=bool(look.counts.get("answered"))))
    board.part(rows, browse)


def _sending(look: Look) -> bool:
    return look.working and look.job is not None and look.job.what == "push"


def head(look: Look) -> str:
    return parts.page_head("Review", _line(look))


def _line(look: Look) -> str:
    counts = look.counts
    if not counts.get("answered"):
        return "People read, correct, approve or reject in Argilla. What they say comes back here."
    waiting = _waiting(look)
    if not counts["sent"]:
        return f"{count(waiting, 'row')} can be sent to Argilla, with the labeller's ratings and reasons beside them."
    line = f"{counts['reviewed']} of {count(counts['sent'], 'row')} sent are reviewed."
    return line + (f" {count(waiting, 'row is', 'rows are')} new or changed since." if waiting else "")


def _waiting(look: Look) -> int:
    """Rows that a push would send."""
    if look.run is None:
        return 0
    pulled = look.job.pulled if look.job is not None else None
    if pulled is not None and pulled.missing:
        return look.counts["answered"]
    try:
        name = reviewing.dataset_of(look.desk.store, look.run, draft.review_of(look.filled))
    except FormError:
        return look.counts["answered"]
    return look.desk.store.reviews.waiting(look.run.id, reviewing.argilla_name(look.desk.settings), name)


def send_words(look: Look) -> str:
    waiting = 0 if look.busy else _waiting(look)
    return f"Send {count(waiting, 'row')}" if waiting else ""


def state(look: Look) -> str:
    """Where the rows are: the dataset in Argilla, the way in, who said what; or what went wrong."""
    if look.run is None or not (look.counts["sent"] or (look.job is not None and look.job.what in ("push", "pull"))):
        return ""
    return f'<section class="panel slim">{_job_words(look)}{_dataset(look)}</section>'


def _job_words(look: Look) -> str:
    job = look.job
    if job is None or job.what not in ("push", "pull"):
        return ""
    if job.trouble:
        return parts.notice(job.trouble, "warn")
    if job.state == "working":
        done = job.pushed.sent + job.pushed.unchanged
        if job.what == "push" and job.total:
            return f'<p class="big"><b>{done}</b> of {count(job.total, "row")} sent</p>{parts.track(done, job.total, "Rows sent")}'
        return parts.notice(job.saying or ("Sending." if job.what == "push" else "Asking Argilla what people said."))
    if job.what == "push" and job.sent is not None:
        refused = "".join(parts.problem(f"Argilla refused the row {row}: {why}") for row, why in job.pushed.refused[:5])
        known = f", {count(job.pushed.unchanged, 'row was', 'rows were')} there already" if job.pushed.unchanged else ""
        return parts.notice(f"{count(job.pushed.sent, 'row')} sent{known}.", "ok") + refused
    if job.what == "pull" and job.pulled is not None:
        gone = (
            f" {count(job.pulled.missing, 'dataset was', 'datasets were')} deleted there; what was pulled before is kept."
            if job.pulled.missing
            else ""
        )
        return parts.notice(
            f"{count(job.pulled.new, 'new or changed answer', 'new or changed answers')} came back.{gone}", "ok"
        )
    return ""


def _pushes(look: Look) -> list[dict[str, Any]]:
    """What was sent of the run to the Argilla of now, the newest first."""
    if look.run is None:
        return []
    here = reviewing.argilla_name(look.desk.settings)
    return [push for push in look.desk.store.reviews.pushes(look.run.id) if push["server"] == here]


def _dataset(look: Look) -> str:
    pushes = _pushes(look)
    if look.run is None or not pushes:
        return ""
    last, argilla, counts = pushes[0], look.desk.standby.argilla, look.counts
    link = ""
    if argilla.url:
        address = f"{argilla.url}/dataset/{last['dataset_id']}/annotation-mode"
        link = parts.link("Review in Argilla", address)
    people = look.desk.store.reviews.reviewers(look.run.id)
    who = "".join(f"<li><b>{t(name)}</b><em>{n}</em></li>" for name, n in people[:6])
    progress = parts.track(counts["reviewed"], max(counts["sent"], 1), "Rows reviewed")
    cells = [
        (counts["sent"], "sent"),
        (counts["reviewed"], "reviewed"),
        (counts["approved"], "approved"),
        (counts["rejected"], "rejected"),
    ]
    return (
        f'<div class="argilla-line"><div><h2>{t(last["dataset"])}</h2>'
        f'<p class="note">in the workspace {t(last["workspace"])}</p></div>'
        f"{parts.facts(cells, 'Review')}{f'<ul class=people>{who}</ul>' if who else ''}{link}</div>{progress}{_way_in(look)}"
    )


def _way_in(look: Look) -> str:
    way = reviewing.way_in(look.desk.settings)
    if way is None:
        return ""
    return parts.fold(
        "How to sign in", f"User name <b>{t(way.username)}</b>, password <b class=mono>{t(way.password)}</b>. "
        f"They stay on this machine, in {t(way.file)}",
    )  # fmt: skip


def shape(look: Look) -> str:
    """What a record will hold, in words."""
    if look.run is None or look.recipe is None:
        return ""
    seen = look.desk.store.rows.page(look.run.id, 0, 50)
    if not seen:
        return ""
    words = reviewing.described(shape_of(seen), look.recipe)
    fields, questions = ("".join(f"<li>{t(word)}</li>" for word in part) for part in (words.fields, words.questions))
    guide = parts.fold("Guidelines that reviewers read", t(look.filled.get("review.guidelines") or words.guidelines))
    lists = f"<div><h3>To read</h3><ul>{fields}</ul></div><div><h3>To answer</h3><ul>{questions}</ul></div>"
    return f'<div class="sent-as">{lists}</div>{guide}'


# -- what can be done


def browse(act: Act) -> Done:
    if act.data.get("act") == "page":
        return Done(place={"offset": int(act.data["offset"]), "row": ""})
    return Done(place={"row": str(act.data["row"])})


def send(act: Act) -> Done:
    """Sends the rows, as the fields here say."""
    found = act.desk.store.runs.get(act.run_id)
    changed = workflow.set_review(act.desk.store, found, draft.review_of(act.filled))
    act.desk.jobs.push(changed)
    return Done()


def pull(act: Act) -> Done:
    act.desk.jobs.pull(act.desk.store.runs.get(act.run_id))
    return Done()
