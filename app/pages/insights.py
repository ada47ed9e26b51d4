"""Insights: what the labeller thinks, what people said, what it took."""

from collections import defaultdict
from collections.abc import Sequence

import gradio as gr

from app import parts, workflow
from app.desk import Look
from app.pages.board import Board
from app.parts import count
from feedback.agreement import Agreement
from feedback.measures import Measure

NAMES = {"preview": "preview", "work": "run", "rate": "rating"}
WHY_AUDIT = (
    "Only the audit sample counts: rows drawn at random before anybody saw one. Rows picked because something may be wrong "
    "with them would make any labeller look bad."
)
MEANING = (
    "Same decision: the labeller rates its best response 4 or 5 and people approve, or less and they reject. Kappa is 1 where "
    "all ratings agree, 0 where only chance makes them."
)
ALPHA = "Alpha is 1 where all agree, 0 where only chance makes them, less than 0 where people differ more than that."


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(
            lambda look: parts.page_head("Insights", "What the labeller thinks, what people said, and what it took.")
        )
    board.problem("insights")
    board.part(numbers)
    board.part(panels)


def numbers(look: Look) -> str:
    """The key numbers in a row."""
    if look.run is None or not look.counts["answered"]:
        return parts.empty("Nothing to tell yet", "Make some rows first, on the page Generate.")
    counts = look.counts
    values = [(value, n) for _, _, _, value, n in look.desk.store.ratings.histogram(look.run.id) if value is not None]
    rated = sum(n for _, n in values)
    mean = f"{sum(value * n for value, n in values) / rated:.2f}" if rated else "–"
    approved = f"{counts['approved'] / counts['reviewed']:.0%}" if counts["reviewed"] else "–"
    cells = [
        (f"{counts['answered']:,}", "rows", f"{counts['dropped']} dropped, {counts['failed']} failed"),
        (mean, "mean rating", f"{count(rated, 'rating')}, all aspects"),
        (f"{counts['unrated'] + counts['failed_ratings']:,}", "unrated", "could not be read or asked for"),
        (f"{counts['reviewed']:,}", "reviewed", f"of {count(counts['sent'], 'row')} sent"),
        (approved, "approved", f"{counts['approved']} of {counts['reviewed']} reviewed"),
    ]
    inner = "".join(
        f"<div><b>{parts.t(value)}</b><span>{parts.t(word)}</span><em>{parts.t(more)}</em></div>"
        for value, word, more in cells
    )
    return f'<div class="kpis">{inner}</div>'


def panels(look: Look) -> str:
    if look.run is None or not look.counts["answered"]:
        return ""
    aspects: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    models: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for aspect, model, _, value, n in look.desk.store.ratings.histogram(look.run.id):
        if value is not None:
            for table, name in ((aspects, aspect), (models, model)):
                table[name][min(max(round(value), 1), 5) - 1] += n
    shown = ""
    if aspects:
        shown += parts.panel("Rating by aspect", "all response models together", parts.multiples(aspects, 96))
        shown += parts.panel("Rating by model", "all aspects together", parts.multiples(models, 96))
    else:
        shown += parts.panel("Ratings", "none yet", '<p class="note">Rate the rows on the page Rate.</p>')
    return f'<div class="grid2 even">{shown}{agreement(look)}{_took(look)}{_lost(look)}</div>'


def agreement(look: Look) -> str:
    """How people and the labeller agree, and reviewers with each other; what is missing where nothing can be said yet."""
    assert look.run is not None
    labeller, reviewers = "How well people and the labeller agree", "How well reviewers agree"
    found = workflow.agreement(look.desk.store, look.run)
    if not found.rows:
        words = "Nothing yet: no row of this run was sent to Argilla as part of an audit sample. "
        body = parts.note(words + WHY_AUDIT)
        return parts.panel(labeller, "audit sample", body) + parts.panel(reviewers, "audit sample", body)
    line = f"{found.reviewed:,} of {count(found.rows, 'audit row')} reviewed"
    tables = "".join(_measures(aspect, measures) for aspect, measures in found.labeller.items())
    body = tables or parts.note("Nobody has reviewed a row that the labeller rated yet.")
    seen = parts.note(
        f"{found.blind:,} of {count(found.reviews, 'review')} without the labeller's ratings in sight; seeing them draws people "
        "towards them."
    )
    one = parts.panel(labeller, line, f"{body}{seen if tables else ''}{parts.note(MEANING)}{parts.note(WHY_AUDIT)}")
    return one + parts.panel(reviewers, line, _reviewers(found))


def _measures(title: str, measures: Sequence[Measure]) -> str:
    rows = [[one.name, one.shown, one.interval, f"{one.n:,}"] for one in measures]
    return parts.table([title, "", "95% interval", measures[0].of + "s"], rows)


def _reviewers(found: Agreement) -> str:
    rows = [[one.name, one.shown, one.interval, f"{one.n:,} {one.of}s"] for one in found.reviewers]
    shown = parts.table(["Krippendorff's alpha", "", "95% interval", "judged by two or more"], rows)
    if found.spread:
        far = [[aspect, *counts] for aspect, counts in found.spread.items()]
        shown += parts.table(["Responses whose ratings differ by", "0", "1", "2", "3", "4"], far)
    return shown + parts.note(ALPHA)


def _took(look: Look) -> str:
    """Calls and tokens of each time that the run was worked."""
    assert look.run is not None
    works = look.desk.store.runs.workings(look.run.id)
    rows = [
        [
            "preview" if w["what"] == "preview" else "run",
            f"{w['sent']:,}",
            f"{w['recalled']:,}",
            f"{w['prompt_tokens'] + w['completion_tokens']:,}",
        ]
        for w in works[-8:]
    ]
    if len(works) > 1:
        total = [sum(w[key] for w in works) for key in ("sent", "recalled")]
        tokens = sum(w["prompt_tokens"] + w["completion_tokens"] for w in works)
        rows.append(["all", f"{total[0]:,}", f"{total[1]:,}", f"{tokens:,}"])
    body = (
        parts.table(["worked", "calls", "remembered", "tokens"], rows)
        if rows
        else '<p class="note">It is being worked.</p>'
    )
    return parts.panel("What it took", "remembered calls cost nothing", body)


def _lost(look: Look) -> str:
    assert look.run is not None
    drops = look.desk.store.runs.drop_reasons(look.run.id)
    if not drops:
        return parts.panel("Dropped", "answers that could not be used", '<p class="note">None.</p>')
    return parts.panel(
        "Dropped", "answers that could not be used", parts.table(["reason", "number"], list(drops.items())[:12])
    )
