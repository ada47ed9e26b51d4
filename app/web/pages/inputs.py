"""The input of a run, on the page Generate: pasted, uploaded or a dataset; what it holds; which column is which."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.inputs import uploads
from app.inputs.files import ending
from app.inputs.pasted import LINES
from app.inputs.readers import KNOWN
from app.inputs.tabular import SPREADSHEETS
from app.web import form_values
from app.web.form_values import SLOTS, FormError
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads
from app.web.security.event_values import upload_button
from app.web.state import RunView
from tasks.base import Task, listed
from tasks.errors import ClaywrightError

SHOWN_LEFT = 5
MOST_RUNS = 50
SOURCES = [
    ("Paste", "paste"),
    ("Upload", "upload"),
    ("Dataset", "dataset"),
    ("From Argilla", "argilla"),
    ("Another run", "run"),
]
SEPARATORS = [
    ("detected", ""),
    ("commas", ","),
    ("semicolons", ";"),
    ("tabs", "tab"),
    ("vertical bars", "|"),
    ("none: a row a line", LINES),
]
OPTIONS = ("inputs.separator", "inputs.sheet", "inputs.encoding", "inputs.header")
DELIMITED, TEXTS = (".csv", ".tsv"), (".txt", ".jsonl", ".ndjson", ".json")
MOST_SHOWN = 12
"""Columns of the first rows that are shown."""


def build(board: Board) -> None:
    """The fields of the input, on the page that is being built."""
    form = board.form
    form.add(
        "inputs.source",
        gr.Radio(SOURCES, value="paste", label="Input", elem_classes="inline", interactive=True, elem_id="source"),
    )
    text = form.add(
        "inputs.text",
        gr.Textbox(
            "", label="Pasted input", show_label=False, lines=5, max_lines=12, interactive=True, elem_id="pasted"
        ),
    )
    board.show_while(text, lambda view: _from(view, "paste"), placeholder=_paste_hint)
    upload = upload_button("Upload files", visible=False, elem_id="upload", file_count="multiple")
    form.stand_in("inputs.path", upload)
    board.dress(upload, lambda view: gr.update(visible=_from(view, "upload")))
    board.part(_endings)
    with gr.Row() as hub:
        form.add(
            "inputs.dataset", gr.Textbox("", label="Dataset", placeholder="owner/name", interactive=True, min_width=140)
        )
        form.add(
            "inputs.config",
            gr.Textbox("", label="Configuration", placeholder="default", interactive=True, min_width=80),
        )
        form.add("inputs.split", gr.Textbox("train", label="Split", interactive=True, min_width=80))
    board.show_while(hub, lambda view: _from(view, "dataset"))
    with gr.Row() as there:
        form.add("inputs.argilla", gr.Textbox("", label="Dataset in Argilla", interactive=True, min_width=140))
        form.add(
            "inputs.workspace",
            gr.Textbox("", label="Workspace", placeholder="any", interactive=True, min_width=80),
        )
    board.show_while(there, lambda view: _from(view, "argilla"))
    run = form.add(
        "inputs.run", gr.Dropdown([("", "")], value="", label="Run", visible=False, interactive=True, filterable=False)
    )
    board.dress(run, _runs)
    with gr.Row() as options:
        separator = form.add(
            "inputs.separator",
            gr.Dropdown(
                SEPARATORS, value="", label="Separator", interactive=True, min_width=140, allow_custom_value=True
            ),
        )
        sheet = form.add(
            "inputs.sheet",
            gr.Dropdown(
                [("the first", "")], value="", label="Sheet", interactive=True, min_width=140, allow_custom_value=True
            ),
        )
        encoding = form.add(
            "inputs.encoding",
            gr.Textbox("", label="Encoding", placeholder="detected", interactive=True, min_width=140),
        )
        header = form.add(
            "inputs.header", gr.Checkbox(True, label="First row names the columns", interactive=True, min_width=140)
        )
    board.show_while(options, lambda view: bool(_options(view)))
    for name, field in (("separator", separator), ("sheet", sheet), ("encoding", encoding), ("header", header)):
        board.dress(field, partial(_option, name))
    board.part(found)
    board.problem("inputs")
    with gr.Row():
        for k in range(SLOTS):
            column = form.add(
                f"inputs.column{k}",
                gr.Dropdown(
                    [""],
                    value="",
                    label="Column",
                    visible=False,
                    interactive=True,
                    min_width=120,
                    allow_custom_value=True,
                ),
            )
            board.dress(column, partial(_column, k))
    board.act(upload.upload, take_files, forms=True, extra=[upload])
    for name in (
        "inputs.text",
        "inputs.dataset",
        "inputs.config",
        "inputs.split",
        "inputs.source",
        "task.kind",
        *OPTIONS,
    ):
        board.changes(name, examine)
    for name in ("inputs.argilla", "inputs.workspace"):
        board.changes(name, take_records)
    board.changes("inputs.run", take_run)


def _task(view: RunView) -> Task | None:
    try:
        return form_values.task_of(view.filled)
    except FormError:
        return None


def _from(view: RunView, source: str) -> bool:
    return bool(view.filled["inputs.source"] == source)


def _paste_hint(view: RunView) -> str:
    task = _task(view)
    needed = task.required_columns()[:2] if task else ()
    if len(needed) < 2:
        return f"One {needed[0] if needed else 'instruction'} a line; or a table from a spreadsheet, CSV, JSON."
    return f"First line: {needed[0]}. Then the {needed[1]}. A line of --- before the next. Or a table, CSV, JSON."


def _endings(view: RunView) -> Markup:
    """What can be uploaded, where nothing is yet."""
    if not _from(view, "upload") or view.filled["inputs.path"]:
        return Markup()
    return markup('<p class="note">Files that end in {}</p>', ", ".join([*KNOWN, ".zip"]))


def _runs(view: RunView) -> Any:
    """The runs that have rows, the newest first."""
    if not _from(view, "run"):
        return gr.update(visible=False)
    runs = [run for run in view.state.runs()[:MOST_RUNS] if view.state.counts(run).answered]
    choices = [("", ""), *((f"{run.name}, {fragments.ago(run.created)}", run.id) for run in runs)]
    return gr.update(visible=True, choices=choices)


def _options(view: RunView) -> tuple[str, ...]:
    """What can be said of how the input is read, where it is a table or could be one."""
    if _from(view, "paste"):
        known = (view.filled.get("inputs.found") or {}).get("columns")
        of = ending(str(view.filled["inputs.path"] or ""))
        return () if not known else ("separator", "header") if of in DELIMITED else ("separator",)
    return _of_upload(view.filled) if _from(view, "upload") else ()


def _of_upload(filled: form_values.FormValues) -> tuple[str, ...]:
    of = ending(str(filled["inputs.path"] or ""))
    if of in SPREADSHEETS:
        return ("sheet", "header")
    return ("separator", "header", "encoding") if of in DELIMITED else ("encoding",) if of in TEXTS else ()


def _option(name: str, view: RunView) -> Any:
    visible = name in _options(view)
    if name != "sheet" or not visible:
        return gr.update(visible=visible)
    sheets = (view.filled.get("inputs.found") or {}).get("sheets") or ()
    chosen = str(view.filled["inputs.sheet"] or "")
    names = dict.fromkeys([*sheets, *([chosen] if chosen else [])])
    return gr.update(visible=True, choices=[("the first", ""), *((name, name) for name in names)])


def found(view: RunView) -> Markup:
    """What the input holds, in a line, and what is left out of it, in others."""
    contents, path = view.filled.get("inputs.found") or {}, str(view.filled["inputs.path"] or "")
    if contents.get("error"):  # said at the field
        return Markup()
    if not contents.get("rows") and not contents.get("more"):
        named = view.filled["inputs.source"] == "upload" and path
        return markup('<p class="note">{}</p>', path.rpartition("/")[2]) if named else Markup()
    columns = ", ".join(contents["columns"][:12])
    left = list(contents.get("left") or ())
    more = [f"and {len(left) - SHOWN_LEFT} more like this"] if len(left) > SHOWN_LEFT else []
    notes = joined(markup('<p class="note">{}</p>', sentence) for sentence in [*left[:SHOWN_LEFT], *more])
    rows = count(contents["rows"], "row")
    if contents.get("more"):
        rows = f"more than {rows}, counted no further" if contents["rows"] else "it takes long to read"
    chosen = any(view.filled.get(f"inputs.column{k}") not in ("", None, *_own_columns(view)) for k in range(SLOTS))
    layout = markup('<p class="note">{}</p>', contents["layout"]) if contents.get("layout") and not chosen else Markup()
    return markup(
        '<p class="note">{name}: {rows}, columns {columns}</p>{layout}{notes}{first}',
        name=contents["name"],
        rows=rows,
        columns=columns,
        layout=layout,
        notes=notes,
        first=_first_rows(contents),
    )


def most_rows(view: RunView, task: Task) -> int | None:
    """How many rows the input that was looked at gives at most; None where that can't be told."""
    contents = view.filled.get("inputs.found") or {}
    if task.draws or task.endless or not contents.get("rows") or contents.get("more"):
        return None
    return int(contents["rows"]) * task.rows_per_unit


def _own_columns(view: RunView) -> tuple[str, ...]:
    task = _task(view)
    return form_values.columns_of(task) if task else ()


def _first_rows(contents: Mapping[str, Any]) -> Markup:
    """The first rows as they will be read."""
    names = contents["columns"][:MOST_SHOWN]
    first = contents.get("first") or []
    if not first:
        return Markup()
    body = fragments.table(names, ([row.get(name, "") for name in names] for row in first))
    return markup(
        '<div class="cells" role="region" tabindex="0" aria-label="The first rows as they will be read">{}</div>', body
    )


def _column(k: int, view: RunView) -> Any:
    """The choice of the input's column for the k-th of the task's."""
    task, contents = _task(view), view.filled.get("inputs.found") or {}
    names = form_values.columns_of(task)[:SLOTS] if task else ()
    if k >= len(names) or not contents.get("columns") or (task is not None and task.draws):
        return gr.update(visible=False)
    needed = task is not None and names[k] in task.required_columns()
    choices = contents["columns"] if needed else [("none", ""), *((name, name) for name in contents["columns"])]
    own = task is not None and names[k] in (
        *task.columns,
        *task.optional_columns,
    )  # else it is written so in the prompt
    title = names[k].replace("_", " ") if own else names[k]
    return gr.update(visible=True, label=f"Column: {title}", choices=choices)


@reads
def take_files(act: Act) -> Done:
    """The uploaded files become the input."""
    if not act.extra or not act.extra[0]:
        return Done()
    before = str(act.filled["inputs.path"] or "") if _from(act.look, "upload") else ""
    new = {"inputs.path": "", "inputs.source": "upload", "inputs.columns": {}, "inputs.found": {}}
    as_found_out = {"inputs.separator": "", "inputs.sheet": "", "inputs.encoding": "", "inputs.header": True}
    filled = {**act.filled, **new, **as_found_out}  # how the file before it was read says nothing of it
    try:
        kept = uploads.keep_files([Path(str(path)) for path in listed(act.extra[0])], act.state.settings)
        return _examined(act, {**filled, "inputs.path": str(kept)})
    except ClaywrightError as error:
        rest = f" {Path(before).name} is no longer the input." if before else ""
        return Done(fill=filled, problems={"inputs.path": f"{error}{rest}"})


@reads
def take_records(act: Act) -> Done:
    """The dataset in Argilla that is named becomes the input: what it holds now."""
    filled = {**act.filled, "inputs.snapshot": "", "inputs.found": {}, "inputs.columns": {}}
    if not str(filled["inputs.argilla"] or "").strip():
        return Done(fill=filled)
    left: list[str] = []
    return _examined(act, act.state.with_records(filled, left.append), left)


@reads
def take_run(act: Act) -> Done:
    """The run that was chosen becomes the input: its rows as they are now."""
    filled = {**act.filled, "inputs.snapshot": "", "inputs.found": {}, "inputs.columns": {}}
    return _examined(act, act.state.with_run(filled)) if filled["inputs.run"] else Done(fill=filled)


@reads
def examine(act: Act) -> Done:
    """Looks at the input that is named, so that its columns can be chosen."""
    filled = {**act.filled, "inputs.drawn_from": False, "inputs.columns": {}}
    task = form_values.task_of(filled)
    source = filled["inputs.source"]
    field = {"paste": "text", "upload": "path", "dataset": "dataset", "argilla": "snapshot", "run": "snapshot"}[source]
    named = filled[f"inputs.{field}"]
    if task.draws or not str(named or "").strip():
        return Done(fill=filled)
    return _examined(act, act.state.with_input(filled))


def _examined(act: Act, filled: form_values.FormValues, left: Sequence[str] = ()) -> Done:
    task = form_values.task_of(filled)
    blank = {f"inputs.column{k}": "" for k in range(SLOTS)}
    source = form_values.inputs_of({**filled, **blank}, task)
    act.state.check_paths(source)
    try:
        seen = uploads.look(source, task.required_columns(), task.recognised)
    except ClaywrightError as error:
        if filled["inputs.source"] == "upload" and _of_upload(filled):  # it may be read once it is said how
            return Done(fill={**filled, **blank, "inputs.found": {"error": str(error)}})
        raise form_values.of_input(filled, error) from error
    name = source.dataset or ("pasted" if filled["inputs.source"] == "paste" else source.path.rpartition("/")[2])
    names, before = form_values.columns_of(task)[:SLOTS], filled.get("inputs.found") or {}
    chosen = {}
    for k, expected in enumerate(names):
        selected = filled.get(f"inputs.column{k}")
        chosen[f"inputs.column{k}"] = (
            selected if selected in seen.columns else expected if expected in seen.columns else ""
        )
    contents = {
        "name": name,
        "rows": seen.rows,
        "more": seen.more,
        "columns": list(seen.columns),
        "left": [*left, *seen.left],
        "layout": seen.layout,
        "sheets": list(seen.sheets or (before.get("sheets") or () if before.get("name") == name else ())),
        "first": [{name: row.get(name, "") for name in seen.columns[:MOST_SHOWN]} for row in seen.first],
    }
    return Done(fill={**filled, **blank, **chosen, "inputs.found": contents})
