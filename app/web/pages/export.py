"""Export: which rows, in which format; the first lines as they will be; the file, or the dataset on the Hub or in Argilla."""

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from app.review.reviewed_rows import Foreseen
from app.web import form_values
from app.web.form_fields import add_fields
from app.web.form_values import ARGILLA, HUB, ROWS, FormError
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, stop
from app.web.state import RunView
from feedback.exports.formats import FORMATS
from feedback.exports.selection import Export, why_not
from feedback.exports.train_test_split import TEST, TRAIN
from feedback.exports.writers import WRITERS

KINDS = [
    ("JSON Lines", "jsonl"),
    ("Parquet", "parquet"),
    ("CSV", "csv"),
    ("Excel", "xlsx"),
    ("Hugging Face Hub", HUB),
    ("Argilla", ARGILLA),
]
DECISIONS = [
    ("As the format needs", ""), ("Approved", "approved"), ("Rejected", "rejected"), ("Reviewed, whatever was said", "reviewed"),
]  # fmt: skip
MORE = (
    "reviewer", "least_rating", "checks", "similarity", "margin", "original_pairs", "reasoning", "test_share", "seed", "shuffle",
    "max_rows", "protect_formulas",
)  # fmt: skip
TEXTS = (
    "messages", "instruction", "response", "prompt", "completion", "chosen", "rejected", "responses", "ratings", "verdicts",
    "origin", "conversations", "input", "output", "system", "answer", "score", "label", "scores",
)  # fmt: skip
"""Columns that have a line of their own; what else there is follows in small."""
NUMBERED = re.compile(r"-\d{5,}$")
"""What ends the name of one file of several."""
MOST_LINKS = 40


def build(board: Board) -> None:
    form = board.form
    with gr.Row(elem_classes="page-bar"):
        board.part(
            lambda view: fragments.page_head(
                "Export", "Take out what people approved, with who approved it and what changed."
            )
        )
        board.button(
            lambda view: "Stop" if _publishing(view) else "", stop, forms=False, min_width=90, elem_id="stop-publishing"
        )
        board.button(button_label, export, primary=True, min_width=140, elem_id="export")
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
            board.dress(rows, lambda view: gr.update(choices=_rows(view.counts.approved, _unseen(view))))
            form.add(
                "export.format",
                gr.Dropdown(
                    [(export_format.label, name) for name, export_format in FORMATS.items()],
                    value="sft",
                    label="Format",
                    interactive=True,
                    elem_id="export-format",
                ),
            )
            board.part(described)
            form.add(
                "export.kind",
                gr.Radio(
                    KINDS, value="jsonl", label="To", interactive=True, elem_classes="inline", elem_id="export-kind"
                ),
            )
            with gr.Column() as hub:
                add_fields(form, "export", Export, ["hub", "private", "license"])
            board.show_while(hub, lambda view: bool(view.filled["export.kind"] == HUB))
            with gr.Column() as finished:
                add_fields(form, "export", Export, ["argilla"])
            board.show_while(finished, lambda view: bool(view.filled["export.kind"] == ARGILLA))
            board.part(lambda view: fragments.problem(_wrong(view, "hub")))
            board.problem("hub")
            with gr.Accordion("More", open=False, elem_classes="more"):
                form.add(
                    "export.decision",
                    gr.Dropdown(DECISIONS, value="", label="Decision", interactive=True, elem_id="export-decision"),
                )
                add_fields(form, "export", Export, MORE)
            board.part(lambda view: fragments.problem(_wrong(view, "export")))
            board.problem("export")
        with gr.Column(elem_classes="mainc"):
            board.part(published)
            board.part(made)
            board.part(preview)


def _rows(approved: int, unseen: int) -> list[tuple[str, str]]:
    return [
        (f"Approved by people · {approved:,}", ROWS[False]),
        (f"Approved or not reviewed yet · {approved + unseen:,}", ROWS[True]),
    ]


def _unseen(view: RunView) -> int:
    return view.counts.answered - view.counts.seen


def _publishing(view: RunView) -> bool:
    return view.working and view.job is not None and view.job.what == "export"


def _wrong(view: RunView, section: str) -> str:
    """What can't be used of what the fields hold now, if it is about `section` and at no single field, which says it itself."""
    try:
        form_values.export_of(view.filled)
    except FormError as error:
        return fragments.sentence(str(error)) if error.place == section and not error.field else ""
    return ""


def _foreseen(view: RunView) -> Foreseen | None:
    """None where the fields hold what can't be used."""
    try:
        return view.foreseen
    except FormError:
        return None


def described(view: RunView) -> Markup:
    """What a line of the format has."""
    chosen = FORMATS.get(str(view.filled["export.format"]))
    return markup('<p class="note">{}.</p>', fragments.sentence(chosen.help)) if chosen else Markup()


def button_label(view: RunView) -> str:
    kind = view.filled["export.kind"]
    if view.working or (view.busy and kind in (HUB, ARGILLA)):
        return ""
    export_preview = _foreseen(view)
    if export_preview is None or not export_preview.lines:
        return ""
    number = count(export_preview.lines, _one(view.filled["export.format"]))
    return {HUB: f"Add {number} to the Hub", ARGILLA: f"Write {number} into Argilla"}.get(kind, f"Export {number}")


def _one(form: object) -> str:
    """What is counted: the rows, or the lines in a format that makes several of a row."""
    chosen = FORMATS.get(str(form))
    return "line" if chosen is not None and chosen.several else "row"


def preview(view: RunView) -> Markup:
    """The first lines, as they will be."""
    if view.run is None or not view.counts.answered:
        return fragments.empty("Nothing to export yet", "Make some rows first, on the page Generate.")
    if (seen := _foreseen(view)) is None:
        return Markup()
    none = count(seen.passed_over, "of the chosen rows gives no line", "of the chosen rows give no line")
    none += why_not(seen.reasons)
    if not seen.lines and seen.passed_over:
        return fragments.empty(
            "Nothing fits this format", f"{none}. {form_values.export_of(view.filled).form.needs}".strip()
        )
    if not seen.lines:
        return fragments.empty(
            "No row is approved yet", "Send the rows on Review, approve some in Argilla, pull the verdicts.",
            "Or take rows that nobody has reviewed.",
        )  # fmt: skip
    rest = f", {none}" if seen.passed_over else ""
    rest += f", {count(seen.alike, 'row is', 'rows are')} like an earlier one" if seen.alike else ""
    rest += f", {count(seen.unchecked, 'row is', 'rows are')} not checked yet" if seen.unchecked else ""
    few = len(seen.first) < seen.lines
    numbers = view.rows.numbers([str(values.get("row_id")) for values in seen.first])
    number = count(seen.lines, _one(view.filled["export.format"]))
    line = f"first {len(seen.first)} of {number}" if few else number
    body = joined(_line_of(numbers.get(str(values.get("row_id")), 0), values) for values in seen.first)
    return fragments.panel("As it will be", line + rest, body)


def _line_of(number: int, values: dict[str, Any]) -> Markup:
    long = {name: value for name, value in values.items() if name in TEXTS}
    keys = joined(
        markup(
            '<div class="kv"><span class="k">"{}"</span><span class="v">{}</span></div>',
            name,
            json.dumps(value, ensure_ascii=False),
        )
        for name, value in long.items()
    )
    short = joined(
        markup('<span><span class="k">"{}"</span> {}</span>', name, json.dumps(value, ensure_ascii=False))
        for name, value in values.items()
        if name not in long
    )
    return markup(
        '<div class="json" translate="no" role="group" aria-label="Row {}"><span class="no">{}</span>'
        '<div>{}<div class="meta">{}</div></div></div>',
        number,
        number,
        keys,
        short,
    )


def published(view: RunView) -> Markup:
    """How far an export is on its way, or what came of it; a file that was written is shown by `made`."""
    job = view.job
    if job is None or job.what != "export":
        return Markup()
    if job.state == "working":
        return fragments.notice(job.saying or "Gathering the rows.")
    if job.finished is not None:
        into = f"{count(job.finished.records, 'record')} are in {job.finished.dataset}, in the workspace {job.finished.workspace}."
        if job.finished.taken_out:
            into += f" {count(job.finished.taken_out, 'record was', 'records were')} taken out: the run no longer gives them."
        refused = joined(fragments.problem(f"Argilla refused {name}: {why}") for name, why in job.finished.refused[:5])
        line = markup(
            '<div class="argilla-line">{}{}</div>',
            fragments.notice(into, "ok"),
            fragments.link("Open", job.finished.url),
        )
        return markup('<section class="panel slim">{}{}</section>', line, refused)
    if job.exported is not None:
        messages = [f"{path.name} of an earlier export was changed since, and stays." for path in job.exported.kept]
        if job.exported.warning:
            messages.append(f"{job.exported.warning} “Protect formulas” puts an apostrophe before each.")
        return fragments.notice(" ".join(messages), "warn")
    if job.trouble or job.published is None:
        return fragments.notice(job.trouble, "warn")
    done = job.published
    there = f" {count(done.there, 'row was', 'rows were')} there already" if done.there else ""
    there += f", {done.changed} of them changed since and left as they were there" if done.changed else ""
    there += "." if there else ""
    if done.gone:
        there += f" {count(done.gone, 'row', 'rows')} of this run there would not go out now, rejected since perhaps: left there."
    added = (
        count(done.added, "row")
        if done.added == done.rows
        else f"{count(done.added, 'line')} of {count(done.rows, 'row')}"
    )
    message = fragments.notice(
        f"{added} added to {done.repo}, which is {'private' if done.private else 'public'}.{there}", "ok"
    )
    link = fragments.link("Open", done.url)
    return markup('<section class="panel slim"><div class="argilla-line">{}{}</div></section>', message, link)


def made(view: RunView) -> Markup:
    """The files that were made last, to take away: one, one for training and one for testing, or the numbered ones of each."""
    writing = _publishing(view) and view.job is not None and view.job.into == "file"
    last = view.last_export if not writing else None
    path = Path(str(last["path"])) if last else None
    if last is None or path is None or not path.is_file() or path.parent.parent != view.state.settings.data / "exports":
        return Markup()
    files = _exported(path)
    size = sum(file.stat().st_size for file in files.values())
    human = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(size / 1e3, 0.1):.1f} KB"
    links = joined(
        markup(
            '<a class="download" href="{}" download>Download{}</a>',
            f"exports/{quote(file.parent.name)}/{quote(file.name)}",
            part and f" {part}",
        )
        for part, file in list(files.items())[:MOST_LINKS]
    )
    names = [file.name for file in files.values()]
    title = " · ".join(names) if len(names) <= 2 else f"{names[0]} … {names[-1]}"
    facts = [count(int(last["rows"]), _one(last["format"])), human, fragments.ago(str(last["created"]))]
    if len(files) > 2:
        facts.insert(1, count(len(files), "file"))
    rest = f" The first {MOST_LINKS} are here, all are in {path.parent}." if len(files) > MOST_LINKS else ""
    several = " several" if len(files) > 2 else ""
    return markup(
        '<section class="panel slim"><div class="argilla-line{}"><div><b class="mono">{}</b>'
        '<p class="note">{}</p></div>'
        '<div class="downloads">{}</div></div></section>',
        several,
        title,
        ", ".join(facts) + (f".{rest}" if rest else ""),
        links,
    )


def _exported(path: Path) -> dict[str, Path]:
    """The files of an export whose first one is `path`, by what tells them apart: "", "train", "test 2"."""
    number = NUMBERED.search(path.stem)
    stem = path.stem[: number.start()] if number else path.stem
    name = stem.removesuffix(f"-{TRAIN}")
    stems = {"": stem} if name == stem else {TRAIN: stem, TEST: f"{name}-{TEST}"}
    files: dict[str, Path] = {}
    for side, stem in stems.items():
        several = (f"{stem}-{k:05}" for k in itertools.count(1)) if number else iter([stem])
        for k, file in enumerate(itertools.takewhile(Path.is_file, map(path.with_stem, several)), 1):
            files[f"{side} {k}".strip() if number else side] = file
    return files


def export(act: Act) -> Done:
    """Starts the job: the file in the data folder, from where the page hands it out; or the rows to the Hub or Argilla."""
    run = act.run
    to = form_values.export_of(act.filled)
    kind = act.filled["export.kind"]
    if kind == HUB:
        if not to.hub:
            raise FormError("hub", "Name the dataset on the Hub: owner/name.")
        act.state.check_hub_token()
        act.state.jobs.publish(run, to)
        return Done()
    if kind == ARGILLA:
        if not to.argilla:
            raise FormError("hub", "Name the dataset in Argilla.")
        act.state.jobs.archive(run, to)
        return Done()
    ending = kind if kind in WRITERS else "jsonl"
    path = act.state.settings.data / "exports" / run.id / f"{run.id}-{to.format}.{ending}"
    act.state.jobs.export(run, replace(to, path=str(path)))
    return Done()
