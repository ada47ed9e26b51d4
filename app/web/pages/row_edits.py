"""What a curator can do to one row on the page Generate: drop it, keep it after all, edit it, have it drawn anew."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.errors import PageError
from app.web.html import fragments
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.pages.row_cards import row_card, waiting_card
from app.web.state import RunView
from app.web.tab_state import Edit, GeneratePart
from feedback.types import Checked
from tasks.types import Row


def build(board: Board) -> None:
    """The fields for an edit; they show while one is written."""
    with gr.Column(elem_classes=["card", "correcting"]) as box:
        board.part(
            lambda view: fragments.card_head("Edit this row", "What it said before is kept; its ratings begin anew.")
        )
        instruction = gr.Textbox("", label="User", lines=2, max_lines=12, interactive=True, elem_id="edit-instruction")
        which = gr.Radio(
            [],
            value=None,
            label="Which answer",
            visible=False,
            interactive=True,
            elem_id="edit-which",
            elem_classes="inline",
        )
        response = gr.Textbox("", label="Assistant", lines=4, max_lines=24, interactive=True, elem_id="edit-response")
        with gr.Row():
            save = gr.Button("Save the row", variant="primary", scale=0, min_width=130, elem_id="save-edit")
            leave = gr.Button("Leave it", variant="secondary", scale=0, min_width=90)
    board.show_while(box, lambda view: _editing(view) is not None)
    board.dress(instruction, lambda view: gr.update(value=_texts(view)[0]))
    board.dress(which, _choice)
    board.dress(response, lambda view: gr.update(value=_texts(view)[1], label=_name(view)))
    fields = [which, instruction, response]
    board.act(which.input, switch, extra=fields, keeps=True)
    board.act(save.click, save_edit, extra=fields, keeps=True)
    board.act(leave.click, lambda act: Done(own=_without_edit(act)), extra=fields)


def card(view: RunView, row: Row, number: int, dropped: bool, results: Sequence[Checked] = ()) -> Markup:
    """A row with its buttons and the `results` of checks; one that is being drawn anew is waited for."""
    working = view.working and view.job is not None
    if working and view.job is not None and view.job.what == "again" and view.tab.generate.redrawing == row.id:
        return waiting_card(number)
    if dropped:
        acts = fragments.button("Keep", act="keep", row=row.id)
        return row_card(row, str(number), markup('<span class="note">dropped</span>{}', acts), "dropped")
    raw = fragments.fold("Raw", markup("<pre>{}</pre>", _raw(row)), kind="raw")
    if view.busy:
        return row_card(row, str(number), raw=raw, results=results)
    actions = (("Regenerate", "again"), ("Edit", "edit"), ("Drop", "drop"))
    acts = joined(fragments.button(word, act=what, row=row.id) for word, what in actions)
    return row_card(row, str(number), acts, raw=raw, results=results)


def _raw(row: Row) -> str:
    """What is kept of a row, for those who want to see all of it."""
    responses = [
        {"text": r.text, "model": r.model, "reasoning": r.reasoning, "finish_reason": r.finish_reason}
        for r in row.responses
    ]
    return json.dumps(
        {"messages": list(row.messages), "responses": responses, "origin": dict(row.origin)}, indent=2, ensure_ascii=False,
        default=str,
    )  # fmt: skip


def _editing(view: RunView) -> Row | None:
    """The row that is being edited."""
    edit = view.tab.generate.editing
    return view.rows.get(edit.row) if edit is not None and view.run is not None else None


def _texts(view: RunView) -> tuple[str, str]:
    """What the fields hold when an edit, or that of another answer, begins; what is typed there since is nobody else's."""
    edit = view.tab.generate.editing
    if edit is None or _editing(view) is None:
        return "", ""
    return edit.instruction, edit.responses[_index(edit)] if edit.responses else ""


def _index(edit: Edit | None) -> int:
    """Which answer's text is in the field."""
    return edit.index if edit is not None and 0 <= edit.index < len(edit.responses) else 0


def _choice(view: RunView) -> Any:
    """The choice of the answer to edit, where there are several."""
    row = _editing(view)
    if row is None or len(row.responses) < 2:
        return gr.update(visible=False)
    choices = [(f"{k + 1} · {response.model}", str(k)) for k, response in enumerate(row.responses)]
    return gr.update(visible=True, choices=choices, value=str(_index(view.tab.generate.editing)))


def _name(view: RunView) -> str:
    """What the field of the answer is called."""
    row = _editing(view)
    number = _index(view.tab.generate.editing) + 1
    return f"Assistant, answer {number}" if row is not None and len(row.responses) > 1 else "Assistant"


def _without_edit(act: Act) -> GeneratePart:
    return replace(act.tab.generate, editing=None)


def change(act: Act) -> Done:
    """What a click on a row's buttons means. Raises RunError where people have the row already, PageError."""
    row, rows = act.row().id, act.look.rows
    match act.word:
        case "drop":
            rows.drop(row)
            return Done(own=_without_edit(act), toast="Dropped. Keep brings it back.")
        case "keep":
            rows.keep(row)
            return Done(toast="Kept.")
        case "edit":
            now = rows.open(row)
            edit = Edit(row, now.instruction, tuple(response.text for response in now.responses))
            return Done(own=replace(act.tab.generate, editing=edit))
        case "again":
            rows.open(row)
            act.state.jobs.redraw(act.run, act.state.keys(act.browser), row)
            return Done(own=replace(act.tab.generate, editing=None, redrawing=row))
    raise PageError


def _written(act: Act) -> tuple[str, tuple[str, ...]]:
    """(the instruction, the answers) as they are written by now: the one in the field, and those that were there before it."""
    _, instruction, response = (str(value or "") for value in [*act.extra, "", "", ""][:3])
    edit = act.tab.generate.editing
    here, responses = _index(edit), edit.responses if edit is not None else ()
    return instruction, tuple(response if k == here else text for k, text in enumerate(responses))


def switch(act: Act) -> Done:
    """The text of another answer comes into the field; what was written in it is kept until the row is saved."""
    edit, chosen = act.tab.generate.editing, str(act.extra[0] if act.extra else "")
    if edit is None or _editing(act.look) is None or not chosen.isdecimal():
        return Done()
    instruction, responses = _written(act)
    edit = Edit(edit.row, instruction, responses, int(chosen))
    return Done(own=replace(act.tab.generate, editing=edit))


def save_edit(act: Act) -> Done:
    row = _editing(act.look)
    if row is None:
        return Done(own=_without_edit(act))
    act.look.rows.edit(row.id, *_written(act), act.state.settings.owner)
    return Done(own=_without_edit(act), toast="Saved.")
