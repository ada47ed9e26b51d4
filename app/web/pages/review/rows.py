"""The rows of a run to read: a list of them, and one in full with responses, ratings and reasons side by side."""

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from app.web.html import fragments
from app.web.html.fragments import attrs, t
from app.web.html.search_hits import excerpt, marked
from app.web.pages.review import argilla, bulk_actions, decisions, filters, verdict
from app.web.state import RunView, person_name
from feedback.reviewed_row import ReviewedRow
from feedback.types import Rating
from tasks.columns.conversations import readable
from tasks.response_flags import marks

PAGE = 10
JUDGE_FIRST = "Audit row: judge first, then the labeller's ratings are shown."


def rows(look: RunView) -> str:
    """The rows of the run that are asked for, a page of them, and one in full."""
    if look.run is None or not look.counts.answered:
        return fragments.empty("Nothing to review yet", "Make some rows first, on the page Generate.")
    page, offset, total = shown(look)
    chosen = _chosen(look, page)
    if chosen is None:
        clear = fragments.button("Clear filters", "press", act="clear-filters")
        return fragments.empty("No row fits", filters.none_fits(look), press=clear)
    numbers = look.rows.numbers([judged.row.id for judged in [*page, chosen]])
    at = next((offset + k for k, judged in enumerate(page) if judged is chosen), None)
    turns = _step(chosen, -1, able=at != 0) + _step(chosen, 1, able=at is None or at + 1 < total)
    detail = _detail(look, chosen, numbers[chosen.row.id], turns)
    return f'<div class="split">{_list(look, page, chosen, offset, total, numbers)}{detail}</div>'


def beside(look: RunView, row_id: str, by: int) -> str:
    """The id of the row before (-1) or after (1) that one in what is listed; "" where there is none.

    From a row that is no longer listed it leads to the first row of the page that is open.
    """
    query = filters.wanted(look)
    if query.everything:
        index = look.rows.index(row_id)
        page = look.rows.page(index + by, 1) if index is not None and index + by >= 0 else []
        return page[0].id if page else ""
    index = look.rows.index_in(query, row_id)
    to = look.tab.offset if index is None else index + by
    ids = look.rows.search(query, to, 1) if to >= 0 else []
    return ids[0] if ids else ""


def shown(look: RunView) -> tuple[list[ReviewedRow], int, int]:
    """(the rows on the page that is open, how many come before them, how many there are in all)."""
    query, row = filters.wanted(look), look.tab.row
    offset = look.tab.offset
    if query.everything:
        total = look.counts.made
        if row and (index := look.rows.index(row)) is not None:
            offset = index // PAGE * PAGE
        offset = offset if offset < total else 0
        return look.rows.reviewed_page(offset, PAGE), offset, total
    if not (total := look.rows.count(query)):
        return [], 0, 0
    ids = look.rows.search(query, offset, PAGE)
    if not ids or (row and row not in ids):
        index = look.rows.index_in(query, row)
        offset = offset if index is None and offset < total else (index or 0) // PAGE * PAGE
        ids = look.rows.search(query, offset, PAGE)
    judged = look.rows.reviewed(ids)
    return [judged[row_id] for row_id in ids if row_id in judged], offset, total


def _chosen(look: RunView, page: list[ReviewedRow]) -> ReviewedRow | None:
    """The row that was opened, though it may not fit any more what is looked for; else the first one."""
    row = look.tab.row
    chosen = next((judged for judged in page if judged.row.id == row), None)
    if chosen is None and row and look.rows.index(row) is not None:
        chosen = look.rows.reviewed([row]).get(row)
    return chosen or (page[0] if page else None)


def _list(
    look: RunView, page: list[ReviewedRow], chosen: ReviewedRow, offset: int, total: int, numbers: Mapping[str, int]
) -> str:
    ids, text = [judged.row.id for judged in page], filters.wanted(look).text
    sent, hidden = look.reviews.sent(ids), verdict.hidden(look, ids)
    items = "".join(
        _entry(
            look, judged, numbers[judged.row.id], judged is chosen, judged.row.id in sent, judged.row.id in hidden, text
        )
        for judged in page
    )
    before = _turn("Page before", "‹", max(offset - PAGE, 0), able=offset > 0)
    after = _turn("Next page", "›", offset + PAGE, able=offset + PAGE < total)
    span = f"{offset + 1}–{offset + len(page)} of {total:,}"
    return f'<nav class="list" aria-label="Rows"><ul>{items}</ul><div class="pager">{before}<span>{span}</span>{after}</div></nav>'


def _turn(label: str, sign: str, offset: int, *, able: bool) -> str:
    disabled = "" if able else "disabled"
    return f'<button type="button" aria-label="{label}" {attrs(act="page", offset=offset)} {disabled}>{sign}</button>'


def _step(judged: ReviewedRow, by: int, *, able: bool) -> str:
    label, sign, key = ("Row before", "‹", "k") if by < 0 else ("Next row", "›", "j")
    disabled = "" if able else "disabled"
    data = attrs(act="step", row=judged.row.id, by=by, key=key)
    return f'<button type="button" class="step" aria-label="{label}" title="{label} ({key})" {data} {disabled}>{sign}</button>'


def _means(judged: ReviewedRow) -> list[float | None]:
    return [judged.labelled(index) for index in range(len(judged.row.responses))]


def _entry(look: RunView, judged: ReviewedRow, number: int, here: bool, sent: bool, hidden: bool, text: str) -> str:
    judged = verdict.covered(judged) if hidden else judged
    means = [m for m in _means(judged) if m is not None]
    marks = "".join(f'<i class="{fragments.tone(m)}" style="--x:{(m - 1) / 4:.3f}"></i>' for m in means)
    label = ", ".join(f"{m:.1f}" for m in means) or ("hidden until you judge" if hidden else "unrated")
    mean = f"{fmean(means):.1f}" if means else "–"
    strip = f'<span class="strip" role="img" aria-label="Means {label}">{marks}</span><em>{mean}</em>'
    instruction = " ".join(judged.row.instruction.split())[:120]
    around = excerpt([judged.row.instruction], text)
    elsewhere = "" if around else excerpt([response.text for response in judged.row.responses], text)
    match = f'<span class="found">{marked(t(elsewhere), text)}</span>' if elsewhere else ""
    current = 'aria-current="true"' if here else ""
    return (
        f"<li>{bulk_actions.pick(look, judged.row.id, instruction[:60], here=here)}"
        f'<button type="button" {attrs(act="open", row=judged.row.id)} {current}><span class="no">{number}</span>'
        f'<b dir="auto">{marked(t(around or instruction), text)}</b>{match}'
        f'<span class="line">{_status(judged, sent)}{strip}</span></button></li>'
    )


def _status(judged: ReviewedRow, sent: bool) -> str:
    if settled := decisions.settled_pill(judged):
        return settled
    deciders = list(dict.fromkeys(v.reviewer for v in judged.submitted if v.decision == judged.decision))
    who = person_name(deciders[0]) if len(deciders) == 1 else f"{len(deciders)} people"
    match judged.decision:
        case "approve":
            changed = judged.corrected_instruction() is not None or judged.corrected_response() is not None
            return fragments.pill(f"{'corrected' if changed else 'approved'} · {who}", "ok")
        case "reject":
            return fragments.pill(f"rejected · {who}", "bad")
        case "unsure":
            return fragments.pill("undecided")
    if judged.verdicts:
        return fragments.pill(judged.verdicts[0].status)
    return fragments.pill("waiting", "info") if sent else fragments.pill("not sent")


def _detail(look: RunView, judged: ReviewedRow, number: int, turns: str) -> str:
    hidden = bool(verdict.hidden(look, [judged.row.id]))
    judged = verdict.covered(judged) if hidden else judged
    row, raw = judged.row, look.tab.review.raw == judged.row.id
    sent = look.reviews.sent([row.id])
    conversation = "".join(fragments.bubble(m["role"], readable(m), raw=raw) for m in row.messages)
    if (corrected := judged.corrected_instruction()) is not None:
        conversation += fragments.bubble("user", corrected, "as corrected", raw=raw)
    columns = {
        index: _response(judged, index, letter, verdict.stars(look, judged, index), raw)
        for index, letter in verdict.letters(look, row).items()
    }
    in_correction = ""
    if verdict.correcting(look) == row.id and columns:  # first what is corrected, and beside it room for the correction
        in_correction = f'{columns.pop(verdict.corrected(look, judged))}<div class="room" id="correct-here"></div>'
    shown = in_correction + "".join(columns.values())
    if (correction := judged.corrected_response()) is not None:
        shown += (
            f'<section class="response" aria-label="Corrected response"><header><h3>corrected by a reviewer</h3></header>'
            f"{fragments.prose(correction[0], raw=raw)}</section>"
        )
    text = filters.wanted(look).text
    conversation, shown = marked(conversation, text, "text"), marked(shown, text, "text")
    single = "one" if len(row.responses) == 1 and correction is None and not in_correction else ""
    address = argilla.record_address(look, row.id, judged.verdicts) if row.id in sent else ""
    link = fragments.link("Open in Argilla", address) if address else ""
    as_is = (
        f'<button type="button" class="as-is" aria-pressed="{str(raw).lower()}" title="The texts as they are (m)"'
        f" {attrs(act='raw', row=row.id, key='m')}>Raw</button>"
    )
    return (
        f'<article class="detail" id="row" tabindex="-1" aria-label="Row {number}" {attrs(row=row.id)}>'
        f'<div class="row-top"><h2>Row {number}</h2>{_status(judged, row.id in sent)}'
        f'<div class="row-acts">{link}{as_is}{turns}</div></div>{fragments.notice(JUDGE_FIRST) if hidden else ""}'
        f'<div class="talk">{conversation}</div><div class="responses {single}">{shown}</div>{decisions.opinions(look, judged)}'
        f"{verdict.bar(look, judged)}</article>"
    )


def _response(judged: ReviewedRow, index: int, letter: str, stars: str, raw: bool) -> str:
    response = judged.row.responses[index]
    by_aspect: dict[str, list[Rating]] = defaultdict(list)
    for rating in judged.ratings:
        if rating.response == index:
            by_aspect[rating.aspect].append(rating)
    values = {aspect: [r.value for r in ratings if r.value is not None] for aspect, ratings in by_aspect.items()}
    lowest = min(by_aspect, key=lambda aspect: fmean(values[aspect]) if values[aspect] else 0.0) if by_aspect else ""
    chips = "".join(_chip(aspect, values[aspect], by_aspect[aspect], aspect == lowest) for aspect in by_aspect)
    whys = "".join(
        f'<p class="why" dir="auto" data-aspect="{t(aspect)}" {"" if aspect == lowest else "hidden"}>'
        f"<b>{t(fragments.title(aspect))} {_shown(values[aspect])}</b>{t(_why(ratings))}</p>"
        for aspect, ratings in by_aspect.items()
    )
    people = judged.rated_by_people(index)
    accepted = judged.accepted_by_people(index)
    notes = [
        response.principle, *marks(response), f"people: {people:g}" if people is not None else "",
        f"accepted as suggested: {accepted:g}" if accepted is not None else "",
    ]  # fmt: skip
    note = f'<span class="note">{t(" · ".join(filter(None, notes)))}</span>'
    text = fragments.prose(response.text, raw=raw) if response.text.strip() else fragments.note("No text.")
    mean = judged.labelled(index)
    score = (
        f'<b class="score {fragments.tone(mean)}">{f"{mean:.1f}" if mean is not None else "–"}</b>' if by_aspect else ""
    )
    return (
        f'<section class="response" aria-label="Response {letter}, {t(response.model)}"><header><kbd>{letter}</kbd>'
        f"<h3>{t(response.model)}</h3>{note}{score}</header>"
        f'{text}<div class="chips">{chips}</div><div class="whys">{whys}</div>{stars}</section>'
    )


def _shown(values: list[Any]) -> str:
    return f"{fmean(values):.2g}" if values else "–"


def _why(ratings: list[Rating]) -> str:
    none = {True: "does not apply", False: "no reason given"}
    return " / ".join(_expected(r) + r.why if r.why else none[r.status == "not-applicable"] for r in ratings)


def _expected(rating: Rating) -> str:
    """What the labeller gives on average, where its log-probabilities tell."""
    return f"(on average {rating.expected:.1f}) " if rating.expected is not None else ""


def _chip(aspect: str, values: list[Any], ratings: list[Rating], on: bool) -> str:
    mean = fmean(values) if values else None
    word = " of 5" if mean is not None else ", does not apply" if ratings[0].status == "not-applicable" else ", unrated"
    kind = "chip on" if on else "chip"
    return (
        f'<button type="button" class="{kind}" aria-pressed="{str(on).lower()}" data-aspect="{t(aspect)}">'
        f'{t(fragments.title(aspect))} <b class="{fragments.tone(mean)}">{_shown(values)}<span class="sr">{word}</span></b>'
        "</button>"
    )
