"""Review: what will be sent to Argilla and how, one click that sends it, how far people are, and the rows to read."""

from collections import defaultdict
from statistics import fmean
from typing import Any

import gradio as gr

from app import draft, parts, workflow
from app.desk import Look
from app.forms import add_fields
from app.pages.board import Act, Board, Done
from app.parts import attrs, count, t
from feedback.exports import Judged
from feedback.schema import Review, shape_of
from feedback.types import Rating

PAGE = 10
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(head)
        board.button(
            lambda look: "Stop" if _sending(look) else "", stop, forms=False, min_width=90, elem_id="stop-sending"
        )
        board.button(
            lambda look: "Pull verdicts" if look.counts.get("sent") and not look.busy else "",
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
    if not counts["sent"]:
        return f"{count(counts['answered'], 'row')} can be sent to Argilla, with the labeller's ratings and reasons beside them."
    line = f"{counts['reviewed']} of {count(counts['sent'], 'row')} sent are reviewed."
    waiting = counts["answered"] - counts["sent"]
    return line + (f" {count(waiting, 'row is', 'rows are')} not sent yet." if waiting > 0 else "")


def send_words(look: Look) -> str:
    counts = look.counts
    if look.busy or not counts.get("answered"):
        return ""
    waiting = counts["answered"] - counts["sent"]
    return f"Send {count(waiting, 'row')}" if waiting > 0 else "Send changes"


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


def _dataset(look: Look) -> str:
    if look.run is None or not (pushes := look.desk.store.reviews.pushes(look.run.id)):
        return ""
    last, argilla, counts = pushes[0], look.desk.standby.argilla, look.counts
    link = ""
    if argilla.url:
        address = f"{argilla.url}/dataset/{last['dataset_id']}/annotation-mode"
        link = f'<a class="out" href="{t(address)}" target="_blank" rel="noopener noreferrer">Review in Argilla<span aria-hidden="true"> ↗</span></a>'
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
        f'<div class="argilla-line"><div><h2>{t(last["dataset"])}</h2><p class="note">in the workspace {t(last["workspace"])}</p></div>'
        f"{parts.facts(cells, 'Review')}{f'<ul class=people>{who}</ul>' if who else ''}{link}</div>{progress}{_way_in(look)}"
    )


def _way_in(look: Look) -> str:
    way = workflow.way_in(look.desk.settings)
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
    words = workflow.described(shape_of(seen), look.recipe)
    fields, questions = ("".join(f"<li>{t(word)}</li>" for word in part) for part in (words.fields, words.questions))
    guide = parts.fold("Guidelines that reviewers read", t(look.filled.get("review.guidelines") or words.guidelines))
    return f'<div class="sent-as"><div><h3>To read</h3><ul>{fields}</ul></div><div><h3>To answer</h3><ul>{questions}</ul></div></div>{guide}'


# -- the rows


def rows(look: Look) -> str:
    """The rows of the run, a page of them, and one in full."""
    if look.run is None or not look.counts["answered"]:
        return parts.empty("Nothing to review yet", "Make some rows first, on the page Generate.")
    offset = int(look.place.get("offset") or 0)
    page = workflow.judged_page(look.desk.store, look.run, offset, PAGE)
    if not page:
        offset, page = 0, workflow.judged_page(look.desk.store, look.run, 0, PAGE)
    chosen = next((j for j in page if j.row.id == look.place.get("row")), page[0])
    number = offset + page.index(chosen) + 1
    return f'<div class="split">{_list(look, page, chosen, offset)}{_detail(look, chosen, number)}</div>'


def _list(look: Look, page: list[Judged], chosen: Judged, offset: int) -> str:
    total = look.counts["made"]
    items = "".join(_entry(judged, offset + k, judged is chosen) for k, judged in enumerate(page, 1))
    before = f'<button type="button" aria-label="Page before" {attrs(act="page", offset=max(offset - PAGE, 0))} {"" if offset else "disabled"}>‹</button>'
    after = f'<button type="button" aria-label="Next page" {attrs(act="page", offset=offset + PAGE)} {"" if offset + PAGE < total else "disabled"}>›</button>'
    span = f"{offset + 1}–{offset + len(page)} of {total:,}"
    return f'<nav class="list" aria-label="Rows"><ul>{items}</ul><div class="pager">{before}<span>{span}</span>{after}</div></nav>'


def _means(judged: Judged) -> list[float | None]:
    return [judged.labelled(place) for place in range(len(judged.row.responses))]


def _entry(judged: Judged, number: int, here: bool) -> str:
    means = [m for m in _means(judged) if m is not None]
    marks = "".join(f'<i class="{parts.tone(m)}" style="--x:{(m - 1) / 4:.3f}"></i>' for m in means)
    label = ", ".join(f"{m:.1f}" for m in means) or "unrated"
    strip = f'<span class="strip" role="img" aria-label="Means {label}">{marks}</span><em>{f"{fmean(means):.1f}" if means else "–"}</em>'
    current = 'aria-current="true"' if here else ""
    return (
        f'<li><button type="button" {attrs(act="open", row=judged.row.id)} {current}><span class="no">{number}</span>'
        f'<b>{t(" ".join(judged.row.instruction.split())[:120])}</b><span class="line">{_status(judged)}{strip}</span></button></li>'
    )


def _status(judged: Judged) -> str:
    who = ", ".join(dict.fromkeys(v.reviewer for v in judged.submitted))
    match judged.decision:
        case "approve":
            changed = judged.corrected_instruction() is not None or judged.corrected_response() is not None
            return parts.pill(f"{'corrected' if changed else 'approved'} · {who}", "ok")
        case "reject":
            return parts.pill(f"rejected · {who}", "bad")
    return parts.pill("waiting", "info") if not judged.verdicts else parts.pill(judged.verdicts[0].status)


def _detail(look: Look, judged: Judged, number: int) -> str:
    row = judged.row
    talk = "".join(parts.bubble(m["role"], m["content"]) for m in row.messages)
    if (corrected := judged.corrected_instruction()) is not None:
        talk += parts.bubble("user", corrected, "as corrected")
    columns = "".join(_response(judged, place) for place in range(len(row.responses)))
    if (correction := judged.corrected_response()) is not None:
        columns += (
            f'<section class="response" aria-label="Corrected response"><header><h3>corrected by a reviewer</h3></header>'
            f'<div class="text">{t(correction[0])}</div></section>'
        )
    single = "one" if len(row.responses) == 1 and correction is None else ""
    return (
        f'<article class="detail" aria-label="Row {number}"><div class="row-top"><h2>Row {number}</h2>{_status(judged)}</div>'
        f'<div class="talk">{talk}</div><div class="responses {single}">{columns}</div></article>'
    )


def _response(judged: Judged, place: int) -> str:
    response, letter = judged.row.responses[place], LETTERS[place % 26]
    said: dict[str, list[Rating]] = defaultdict(list)
    for rating in judged.ratings:
        if rating.response == place:
            said[rating.aspect].append(rating)
    values = {aspect: [r.value for r in ratings if r.value is not None] for aspect, ratings in said.items()}
    lowest = min(said, key=lambda aspect: fmean(values[aspect]) if values[aspect] else 0.0) if said else ""
    chips = "".join(_chip(aspect, values[aspect], said[aspect], aspect == lowest) for aspect in said)
    whys = "".join(
        f'<p class="why" data-aspect="{t(aspect)}" {"" if aspect == lowest else "hidden"}><b>{t(aspect)} {_shown(values[aspect])}</b>{t(_why(ratings))}</p>'
        for aspect, ratings in said.items()
    )
    people = judged.rated_by_people(place)
    note = f'<span class="note">people: {people:g}</span>' if people is not None else ""
    mean = judged.labelled(place)
    score = f'<b class="score {parts.tone(mean)}">{f"{mean:.1f}" if mean is not None else "–"}</b>' if said else ""
    return (
        f'<section class="response" aria-label="Response {letter}, {t(response.model)}"><header><kbd>{letter}</kbd><h3>{t(response.model)}</h3>{note}{score}</header>'
        f'<div class="text">{t(response.text)}</div><div class="chips">{chips}</div><div class="whys">{whys}</div></section>'
    )


def _shown(values: list[Any]) -> str:
    return f"{fmean(values):.2g}" if values else "–"


def _why(ratings: list[Rating]) -> str:
    return " / ".join(
        r.rationale or r.note or ("does not apply" if r.status == "not-applicable" else "no reason given")
        for r in ratings
    )


def _chip(aspect: str, values: list[Any], ratings: list[Rating], on: bool) -> str:
    mean = fmean(values) if values else None
    word = (
        f"{mean:.2g} of 5"
        if mean is not None
        else "does not apply"
        if ratings[0].status == "not-applicable"
        else "unrated"
    )
    kind = "chip on" if on else "chip"
    return (
        f'<button type="button" class="{kind}" aria-pressed="{str(on).lower()}" data-aspect="{t(aspect)}" aria-label="{t(aspect)}: {word}">'
        f'{t(aspect)}<b class="{parts.tone(mean)}">{_shown(values)}</b></button>'
    )


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


def stop(act: Act) -> Done:
    act.desk.jobs.stop(act.run_id)
    return Done(toast="Stopping after the batch that is on its way.")
