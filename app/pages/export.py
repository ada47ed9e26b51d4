"""Export: which rows, in which format; the first lines as they will be; the file."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from app import draft, parts, workflow
from app.desk import Look
from app.draft import ROWS
from app.pages.board import Act, Board, Done
from app.parts import count, t
from feedback.exports import WRITERS, Export

FORMATS = [
    ("Chat messages (SFT)", "sft"),
    ("Preference pairs (DPO)", "preference"),
    ("All responses with ratings", "raw"),
    ("Instruction and response", "plain"),
]
KINDS = [("JSON Lines", "jsonl"), ("Parquet", "parquet"), ("CSV", "csv")]
TEXTS = (
    "messages", "instruction", "response", "prompt", "chosen", "rejected", "responses", "ratings", "verdicts", "origin",
)  # fmt: skip


def build(board: Board) -> None:
    form = board.form
    with gr.Row(elem_classes="page-bar"):
        board.part(
            lambda look: parts.page_head(
                "Export", "Take out what people approved, with who approved it and what changed."
            )
        )
        board.button(words, export, primary=True, min_width=140, elem_id="export")
    with gr.Row(elem_classes="cols"):
        with gr.Column(elem_classes=["side", "card"]):
            rows = form.add(
                "export.unreviewed",
                gr.Radio(
                    _rows(0, 0),
                    value=ROWS[False],
                    label="Rows",
                    interactive=True,
                    elem_classes="stack",
                    elem_id="export-rows",
                ),
            )
            board.dress(rows, lambda look: gr.update(choices=_rows(look.counts.get("approved", 0), _unseen(look))))
            form.add(
                "export.format",
                gr.Radio(
                    FORMATS,
                    value="sft",
                    label="Format",
                    interactive=True,
                    elem_classes="stack",
                    elem_id="export-format",
                ),
            )
            form.add(
                "export.kind",
                gr.Radio(
                    KINDS, value="jsonl", label="File", interactive=True, elem_classes="inline", elem_id="export-kind"
                ),
            )
        with gr.Column(elem_classes="mainc"):
            board.problem("export")
            board.part(made)
            board.part(preview)


def _rows(approved: int, unseen: int) -> list[tuple[str, str]]:
    return [
        (f"Approved by people · {approved:,}", ROWS[False]),
        (f"Approved or not reviewed yet · {approved + unseen:,}", ROWS[True]),
    ]


def _unseen(look: Look) -> int:
    return look.counts.get("answered", 0) - look.counts.get("seen", 0)


def words(look: Look) -> str:
    lines = look.foreseen.lines
    return f"Export {count(lines, 'row')}" if lines else ""


def preview(look: Look) -> str:
    """The first lines, as they will be."""
    if look.run is None or not look.counts["answered"]:
        return parts.empty("Nothing to export yet", "Make some rows first, on the page Generate.")
    seen = look.foreseen
    none = count(seen.passed_over, "of the chosen rows gives no line", "of the chosen rows give no line")
    if not seen.lines and seen.passed_over:
        return parts.empty(
            "Nothing fits this format",
            f"{none}. A pair needs two responses with different ratings, or a correction; "
            "instruction and response need a talk of one turn.",
        )
    if not seen.lines:
        return parts.empty(
            "No row is approved yet", "Send the rows on Review, approve some in Argilla, pull the verdicts.",
            "Or take rows that nobody has reviewed.",
        )  # fmt: skip
    rest = f", {none}" if seen.passed_over else ""
    few = len(seen.first) < seen.lines
    line = f"first {len(seen.first)} of {count(seen.lines, 'row')}" if few else count(seen.lines, "row")
    body = "".join(_line_of(number, values) for number, values in enumerate(seen.first, 1))
    return parts.panel("As it will be", line + rest, body)


def _line_of(number: int, values: dict[str, Any]) -> str:
    long = {name: value for name, value in values.items() if name in TEXTS}
    keys = "".join(
        f'<div class="kv"><span class="k">"{t(name)}"</span><span class="v">{t(json.dumps(value, ensure_ascii=False))}</span></div>'
        for name, value in long.items()
    )
    short = "".join(
        f'<span><span class="k">"{t(name)}"</span> {t(json.dumps(value, ensure_ascii=False))}</span>'
        for name, value in values.items()
        if name not in long
    )
    return (
        f'<div class="json" role="group" aria-label="Exported row {number}"><span class="no">{number}</span>'
        f'<div>{keys}<div class="meta">{short}</div></div></div>'
    )


def made(look: Look) -> str:
    """The file that was made last, to take away."""
    last = look.desk.store.runs.last_export(look.run.id) if look.run else None
    path = Path(str(last["path"])) if last else None
    if last is None or path is None or not path.is_file() or path.parent.parent != look.desk.settings.data / "exports":
        return ""
    size = path.stat().st_size
    human = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(size / 1e3, 0.1):.1f} KB"
    address = f"/exports/{quote(path.parent.name)}/{quote(path.name)}"
    return (
        f'<section class="panel slim"><div class="argilla-line"><div><b class="mono">{t(path.name)}</b>'
        f'<p class="note">{count(int(last["rows"]), "row")}, {human}, {parts.ago(str(last["created"]))}</p></div>'
        f'<a class="download" href="{t(address)}" download>Download</a></div></section>'
    )


def export(act: Act) -> Done:
    """Writes the file into the data folder, from where the page hands it out."""
    run = act.desk.store.runs.get(act.run_id)
    to = draft.export_of(act.filled)
    kind = act.filled["export.kind"]
    ending = kind if kind in WRITERS else "jsonl"
    path = act.desk.settings.data / "exports" / run.id / f"{run.id}-{to.format}.{ending}"
    workflow.export(act.desk.store, run, Export(format=to.format, unreviewed=to.unreviewed, path=str(path)))
    return Done()
