"""Insights: what the labeller thinks, what people said, what it took."""

from collections import defaultdict

import gradio as gr

from app import parts
from app.desk import Look
from app.pages.board import Board
from app.parts import count

NAMES = {"preview": "preview", "work": "run", "rate": "rating"}


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
    return f'<div class="grid2 even">{shown}{_took(look)}{_lost(look)}</div>'


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
