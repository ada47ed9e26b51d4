"""The rows of a run to read: a list of them, and one in full with responses, ratings and reasons side by side."""

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from markupsafe import Markup, escape

from app.web.html import fragments
from app.web.html.fragments import attrs
from app.web.html.markup import joined, markup
from app.web.html.search_hits import excerpt, marked
from app.web.pages import row_cards
from app.web.pages.review import argilla, bulk_actions, decisions, filters, next_rows, preference, verdict
from app.web.state import RunView, person_name
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import STANDARD_LEVELS, WHOLE_ROW, Rubrics, on_five
from feedback.types import Rating
from tasks.columns.conversations import readable
from tasks.response_flags import marks

PAGE = 10
EARLIER = "Rated by an earlier version of this rubric. The page Rate asks again, by the one of now."
JUDGE_FIRST = "Audit row: judge first, then the labeller's ratings are shown."


def rows(view: RunView) -> Markup:
    """The rows of the run that are asked for, a page of them, and one in full."""
    if view.run is None or not view.counts.answered:
        return fragments.empty("Nothing to review yet", "Make some rows first, on the page Generate.")
    page, offset, total = shown(view)
    chosen = _chosen(view, page)
    if chosen is None:
        clear = fragments.button("Clear filters", "press", act="clear-filters")
        return fragments.empty("No row fits", filters.none_fits(view), press=clear)
    numbers = view.rows.numbers([judged.row.id for judged in [*page, chosen]])
    at = next((offset + k for k, judged in enumerate(page) if judged is chosen), None)
    turns = _step(chosen, -1, able=at != 0) + _step(chosen, 1, able=at is None or at + 1 < total)
    detail = _detail(view, chosen, numbers[chosen.row.id], turns)
    return markup('<div class="split">{}{}</div>', _list(view, page, chosen, offset, total, numbers), detail)


def beside(view: RunView, row_id: str, by: int) -> str:
    """The id of the row before (-1) or after (1) that one in what is listed; "" where there is none.

    From a row that is no longer listed it leads to the first row of the page that is open.
    """
    query = filters.wanted(view)
    if query.everything:
        index = view.rows.index(row_id)
        page = view.rows.page(index + by, 1) if index is not None and index + by >= 0 else []
        return page[0].id if page else ""
    index = view.rows.index_in(query, row_id)
    to = view.tab.offset if index is None else index + by
    ids = view.rows.search(query, to, 1) if to >= 0 else []
    return ids[0] if ids else ""


def shown(view: RunView) -> tuple[list[ReviewedRow], int, int]:
    """(the rows on the page that is open, how many come before them, how many there are in all)."""
    query, row = filters.wanted(view), view.tab.row
    offset = view.tab.offset
    if query.everything:
        total = view.counts.made
        if row and (index := view.rows.index(row)) is not None:
            offset = index // PAGE * PAGE
        offset = offset if offset < total else 0
        return view.rows.reviewed_page(offset, PAGE), offset, total
    if not (total := view.rows.count(query)):
        return [], 0, 0
    ids = view.rows.search(query, offset, PAGE)
    if not ids or (row and row not in ids):
        index = view.rows.index_in(query, row)
        offset = offset if index is None and offset < total else (index or 0) // PAGE * PAGE
        ids = view.rows.search(query, offset, PAGE)
    judged = view.rows.reviewed(ids)
    return [judged[row_id] for row_id in ids if row_id in judged], offset, total


def _chosen(view: RunView, page: list[ReviewedRow]) -> ReviewedRow | None:
    """The row that was opened, though it may not fit any more what is looked for; else the first one."""
    row = view.tab.row
    chosen = next((judged for judged in page if judged.row.id == row), None)
    if chosen is None and row and view.rows.index(row) is not None:
        chosen = view.rows.reviewed([row]).get(row)
    return chosen or (page[0] if page else None)


def _list(
    view: RunView, page: list[ReviewedRow], chosen: ReviewedRow, offset: int, total: int, numbers: Mapping[str, int]
) -> Markup:
    ids, text = [judged.row.id for judged in page], filters.wanted(view).text
    sent, hidden = view.reviews.sent(ids), verdict.hidden(view, ids)
    items = joined(
        _entry(
            view, judged, numbers[judged.row.id], judged is chosen, judged.row.id in sent, judged.row.id in hidden, text
        )
        for judged in page
    )
    before = _turn("Page before", "‹", max(offset - PAGE, 0), able=offset > 0)
    after = _turn("Next page", "›", offset + PAGE, able=offset + PAGE < total)
    span = f"{offset + 1}–{offset + len(page)} of {total:,}"
    return markup(
        '<nav class="list" aria-label="Rows"><ul>{}</ul><div class="pager">{}<span>{}</span>{}</div></nav>',
        items,
        before,
        span,
        after,
    )


def _turn(label: str, sign: str, offset: int, *, able: bool) -> Markup:
    disabled = "" if able else "disabled"
    return markup(
        '<button type="button" aria-label="{}" {} {}>{}</button>',
        label,
        attrs(act="page", offset=offset),
        disabled,
        sign,
    )


def _step(judged: ReviewedRow, by: int, *, able: bool) -> Markup:
    label, sign, key = ("Row before", "‹", "k") if by < 0 else ("Next row", "›", "j")
    disabled = "" if able else "disabled"
    data = attrs(act="step", row=judged.row.id, by=by, key=key)
    return markup(
        '<button type="button" class="step" aria-label="{label}" title="{label} ({key})" {data} {disabled}>{sign}</button>',
        label=label,
        key=key,
        data=data,
        disabled=disabled,
        sign=sign,
    )


def _means(judged: ReviewedRow) -> list[float | None]:
    return [judged.labelled(index) for index in range(len(judged.row.responses))]


def _entry(view: RunView, judged: ReviewedRow, number: int, here: bool, sent: bool, hidden: bool, text: str) -> Markup:
    judged = verdict.covered(judged) if hidden else judged
    means, levels = [m for m in _means(judged) if m is not None], judged.scale.levels
    marks = joined(
        markup('<i class="{}" style="--x:{:.3f}"></i>', _tone(m, levels), (m - 1) / (levels - 1)) for m in means
    )
    label = ", ".join(f"{m:.1f}" for m in means) or ("hidden until you judge" if hidden else "unrated")
    mean = f"{fmean(means):.1f}" if means else "–"
    strip = markup('<span class="strip" role="img" aria-label="Means {}">{}</span><em>{}</em>', label, marks, mean)
    instruction = " ".join(judged.row.instruction.split())[:120]
    around = excerpt([judged.row.instruction], text)
    elsewhere = "" if around else excerpt([response.text for response in judged.row.responses], text)
    match = markup('<span class="found">{}</span>', marked(escape(elsewhere), text)) if elsewhere else Markup()
    current = Markup('aria-current="true"') if here else Markup()
    return markup(
        '<li>{pick}<button type="button" {data} {current}><span class="no">{number}</span>'
        '<b dir="auto">{shown}</b>{match}<span class="line">{status}{strip}</span></button></li>',
        pick=bulk_actions.pick(view, judged.row.id, instruction[:60], here=here),
        data=attrs(act="open", row=judged.row.id),
        current=current,
        number=number,
        shown=marked(escape(around or instruction), text),
        match=match,
        status=_status(judged, sent),
        strip=strip,
    )


def _status(judged: ReviewedRow, sent: bool) -> Markup:
    if settled := decisions.settled_pill(judged):
        return settled
    deciders = list(dict.fromkeys(v.reviewer for v in judged.submitted if v.decision == judged.decision))
    who = person_name(deciders[0]) if len(deciders) == 1 else f"{len(deciders)} people"
    if judged.guarantee is not None:
        word, tone = decisions.DECIDED[judged.guarantee.decision]
        return fragments.pill(f"{word} · guarantee", tone)
    match judged.decision:
        case "approve":
            changed = judged.corrected_instruction() is not None or judged.corrected_response() is not None
            return fragments.pill(f"{'corrected' if changed else 'approved'} · {who}", "ok")
        case "reject" if judged.decision != judged.peoples_decision:
            return fragments.pill(f"rejected · check {judged.rejecting_check}", "bad")
        case "reject":
            return fragments.pill(f"rejected · {who}", "bad")
        case "unsure":
            return fragments.pill("undecided")
    if judged.verdicts:
        return fragments.pill(judged.verdicts[0].status)
    return fragments.pill("waiting", "info") if sent else fragments.pill("not sent")


def _detail(view: RunView, judged: ReviewedRow, number: int, turns: Markup) -> Markup:
    hidden = bool(verdict.hidden(view, [judged.row.id]))
    judged = verdict.covered(judged) if hidden else judged
    row, raw = judged.row, view.tab.review.raw == judged.row.id
    sent = view.reviews.sent([row.id])
    conversation = joined(fragments.bubble(m["role"], readable(m), raw=raw) for m in row.messages)
    if (corrected := judged.corrected_instruction()) is not None:
        conversation += fragments.bubble("user", corrected, "as corrected", raw=raw)
    columns = {
        index: _response(view, judged, index, letter, raw) for index, letter in verdict.letters(view, row).items()
    }
    in_correction = Markup()
    if verdict.correcting(view) == row.id and columns:  # first what is corrected, and beside it room for the correction
        in_correction = columns.pop(verdict.corrected(view, judged)) + Markup(
            '<div class="room" id="correct-here"></div>'
        )
    shown = in_correction + joined(columns.values())
    if (correction := judged.corrected_response()) is not None:
        shown += markup(
            '<section class="response" aria-label="Corrected response"><header><h3>corrected by a reviewer</h3></header>'
            "{}</section>",
            fragments.prose(correction[0], raw=raw),
        )
    text = filters.wanted(view).text
    conversation, shown = marked(conversation, text, "text"), marked(shown, text, "text")
    single = "one" if len(row.responses) == 1 and correction is None and not in_correction else ""
    address = argilla.record_address(view, row.id, judged.verdicts) if row.id in sent else ""
    link = fragments.link("Open in Argilla", address) if address else Markup()
    as_is = markup(
        '<button type="button" class="as-is" aria-pressed="{}" title="The texts as they are (m)" {}>Raw</button>',
        str(raw).lower(),
        attrs(act="raw", row=row.id, key="m"),
    )
    return markup(
        '<article class="detail" id="row" tabindex="-1" aria-label="Row {number}" {data}>'
        '<div class="row-top"><h2>Row {number}</h2>{status}<div class="row-acts">{link}{as_is}{turns}</div></div>{covered}{why}'
        '<div class="talk">{conversation}{of_row}</div><div class="responses {single}">{shown}</div>{better}{opinions}{bar}'
        "</article>",
        number=number,
        data=attrs(row=row.id),
        status=_status(judged, row.id in sent),
        link=link,
        as_is=as_is,
        turns=turns,
        covered=fragments.notice(JUDGE_FIRST) if hidden else Markup(),
        why=next_rows.reason(view, judged, hidden=hidden),
        conversation=conversation,
        of_row=_of_the_row(view, judged),
        single=single,
        shown=shown,
        better=preference.part(view, judged),
        opinions=decisions.opinions(view, judged),
        bar=verdict.bar(view, judged),
    )


def _ratings(view: RunView, judged: ReviewedRow, index: int) -> Markup:
    """What the labeller gave a response, or the row (WHOLE_ROW), a chip for each aspect, and the reasons of the chosen one."""
    by_aspect: dict[str, list[Rating]] = defaultdict(list)
    for rating in judged.ratings:
        if rating.response == index:
            by_aspect[rating.aspect].append(rating)
    values = {aspect: [r.value for r in ratings if r.value is not None] for aspect, ratings in by_aspect.items()}
    if not by_aspect:
        return markup('<div class="chips"></div><div class="whys"></div>')

    def height(aspect: str) -> float:
        return on_five(fmean(values[aspect]), by_aspect[aspect][0].levels) if values[aspect] else 0.0

    lowest = min(by_aspect, key=height)
    names = judged.rubrics
    chips = joined(_chip(names, aspect, values[aspect], by_aspect[aspect], aspect == lowest) for aspect in by_aspect)
    whys = joined(
        markup(
            '<p class="why" dir="auto" data-aspect="{}" {}><b>{} {}</b>{}</p>',
            aspect,
            "" if aspect == lowest else "hidden",
            names.title(aspect),
            _shown(values[aspect]) + _of(ratings[0].levels),
            _why(ratings),
        )
        for aspect, ratings in by_aspect.items()
    )
    return markup('<div class="chips">{}</div><div class="whys">{}</div>', chips, whys)


def _of_the_row(view: RunView, judged: ReviewedRow) -> Markup:
    """What the labeller gave the instruction, and where people rate that; "" where no rubric judges it."""
    stars = verdict.stars(view, judged, WHOLE_ROW)
    if not stars and not any(rating.response == WHOLE_ROW for rating in judged.ratings):
        return Markup()
    return markup(
        '<section class="of-row" aria-label="Ratings of the instruction">{}{}</section>',
        _ratings(view, judged, WHOLE_ROW),
        stars,
    )


def _response(view: RunView, judged: ReviewedRow, index: int, letter: str, raw: bool) -> Markup:
    response = judged.row.responses[index]
    people = judged.rated_by_people(index)
    accepted = judged.accepted_by_people(index)
    notes = [
        response.principle, *marks(response), f"people: {people:g}" if people is not None else "",
        f"accepted as suggested: {accepted:g}" if accepted is not None else "",
    ]  # fmt: skip
    note = markup('<span class="note">{}</span>', " · ".join(filter(None, notes)))
    text = fragments.prose(response.text, raw=raw) if response.text.strip() else fragments.note("No text.")
    text = text if raw else row_cards.values_of(judged.row, response.text) or text
    mean = judged.labelled(index)
    score = (
        markup(
            '<b class="score {}">{}</b>', _tone(mean, judged.scale.levels), f"{mean:.1f}" if mean is not None else "–"
        )
        if any(rating.response == index for rating in judged.ratings)
        else Markup()
    )
    return markup(
        '<section class="response" aria-label="Response {letter}, {model}"><header><kbd>{letter}</kbd>'
        "<h3>{model}</h3>{note}{score}</header>"
        "{text}{failed}{ratings}{stars}</section>",
        letter=letter,
        model=response.model,
        note=note,
        score=score,
        text=text,
        failed=row_cards.failed_checks(judged.checks, index),
        ratings=_ratings(view, judged, index),
        stars=verdict.stars(view, judged, index),
    )


def _of(levels: int) -> str:
    """Behind a rating on a scale that nobody would guess."""
    return "" if levels == STANDARD_LEVELS else f" of {levels}"


def _tone(mean: float | None, levels: int) -> str:
    return fragments.tone(None if mean is None else on_five(mean, levels))


def _shown(values: list[Any]) -> str:
    return f"{fmean(values):.2g}" if values else "–"


def _why(ratings: list[Rating]) -> str:
    none = {True: "does not apply", False: "no reason given"}
    return " / ".join(_expected(r) + r.why if r.why else none[r.status == "not-applicable"] for r in ratings)


def _expected(rating: Rating) -> str:
    """What the labeller gives on average, where its log-probabilities tell."""
    return f"(on average {rating.expected:.1f}) " if rating.expected is not None else ""


def _chip(rubrics: Rubrics, aspect: str, values: list[Any], ratings: list[Rating], on: bool) -> Markup:
    mean = fmean(values) if values else None
    levels, rubric = ratings[0].levels, ratings[0].rubric
    none = ", does not apply" if ratings[0].status == "not-applicable" else ", unrated"
    word = f" of {levels}" if mean is not None else none
    shown = levels != STANDARD_LEVELS and mean is not None  # of five everybody knows
    kind = "chip on" if on else "chip"
    known = rubrics.by_key.get(aspect)
    earlier = known is not None and rubric and rubric != known.hash
    return markup(
        '<button type="button" class="{kind}" aria-pressed="{pressed}" data-aspect="{aspect}"{title}>'
        '{name} <b class="{tone}">{shown}<span class="{quiet}">{word}</span></b>{earlier}</button>',
        kind=kind,
        pressed=str(on).lower(),
        aspect=aspect,
        title=markup(' title="{}"', EARLIER) if earlier else Markup(),
        name=rubrics.title(aspect),
        tone=_tone(mean, levels),
        shown=_shown(values),
        quiet="of" if shown else "sr",
        word=word,
        earlier=markup(" <i>earlier version</i>") if earlier else Markup(),
    )
