"""Rubrics of one's own on the page Rate: the list, the editor, a check before a run is paid for, and the saved ones."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.errors import PageError
from app.recipe import changed, load_rubrics
from app.runs import rubric_trial
from app.store.library import Kept
from app.web import form_values
from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.fragments import count
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done, reads
from app.web.pages import confirm
from app.web.security.event_values import upload_button
from app.web.state import RunView
from app.web.tab_state import Confirmation, RatePart, RubricEdit
from feedback.rubrics import (
    JUDGED,
    MOST_EXAMPLES,
    MOST_RUBRICS,
    STANDARD_RUBRICS,
    Rubric,
    key_of,
)
from feedback.stats.rubric_check import RubricCheck
from tasks.errors import SettingsError
from tasks.settings import build as built

WHAT = "rubric"
STANDARD_CHOICES = [(key.replace("-", " ").capitalize(), key) for key in STANDARD_RUBRICS]
NEW = Rubric(name="new", question="?", levels=("no", "yes"))
"""What a rubric's settings are where nothing else is said."""


def build(board: Board) -> None:
    """What stands in the main column: the rubric that is written, what a check came to, the saved ones."""
    with gr.Column(elem_classes=["card", "rubric-editor"], elem_id="rubric-editor") as box:
        board.part(_editor_head)
        name = gr.Textbox("", label="Name", max_lines=1, interactive=True, elem_id="rubric-name")
        judges = gr.Radio(
            [(title, value) for value, title in JUDGED.items()], value="response", label="What is judged", interactive=True,
            elem_classes="inline", elem_id="rubric-judges",
        )  # fmt: skip
        question = gr.Textbox("", label="Question", lines=2, max_lines=10, interactive=True, elem_id="rubric-question")
        levels = gr.Textbox(
            "", label="Levels", info="What each means, from the worst to the best: 2 to 10 sentences, one a line.", lines=3,
            max_lines=12, interactive=True, elem_id="rubric-levels",
        )  # fmt: skip
        with gr.Row():
            keep_from = gr.Number(
                None, label="Kept from", info="The level from which a row is kept; empty takes the upper fifth.",
                precision=0, interactive=True, min_width=160, elem_id="rubric-keep_from",
            )  # fmt: skip
            not_applicable = gr.Textbox(
                "", label="Does not apply where", info="Empty where it always applies.", max_lines=2, interactive=True,
                min_width=220, elem_id="rubric-not_applicable",
            )  # fmt: skip
        reference = gr.Checkbox(
            False, label="Show what is known: a column ‘reference’, or the passage of a document", interactive=True,
            elem_id="rubric-reference",
        )  # fmt: skip
        with gr.Accordion("Worked examples", open=False, elem_classes="more"):
            board.part(_examples, drop_example)
            instruction = gr.Textbox(
                "", label="Instruction", max_lines=6, interactive=True, elem_id="example-instruction"
            )
            response = gr.Textbox("", label="Response", max_lines=6, interactive=True, elem_id="example-response")
            with gr.Row():
                rating = gr.Number(
                    None, label="Rating", precision=0, interactive=True, min_width=90, elem_id="example-rating"
                )
                why = gr.Textbox("", label="Why", max_lines=3, interactive=True, min_width=220, elem_id="example-why")
            add = gr.Button("Add the example", size="sm", scale=0, min_width=140, elem_id="add-example")
        with gr.Accordion("Draft it from a text", open=False, elem_classes="more"):
            page = gr.Textbox(
                "", label="Your guidelines, as they stand", info="The labeller reads name, question and levels out of it.",
                lines=4, max_lines=12, interactive=True, elem_id="rubric-page",
            )  # fmt: skip
            draft_it = gr.Button("Draft the rubric", size="sm", scale=0, min_width=140, elem_id="draft-rubric")
        board.problem("rubric")
        with gr.Row():
            save = gr.Button("Save the rubric", variant="primary", scale=0, min_width=140, elem_id="save-rubric")
            leave = gr.Button("Leave it", variant="secondary", scale=0, min_width=90, elem_id="leave-rubric")
    parts = {
        "name": name, "judges": judges, "question": question, "levels": levels, "keep_from": keep_from,
        "not_applicable": not_applicable, "reference": reference,
    }  # fmt: skip
    written = [*parts.values(), instruction, response, rating, why, page]
    board.show_while(box, lambda view: view.tab.rate.editing is not None)
    for field, component in parts.items():
        board.form.stand_in(f"rubric.{field}", component)
        board.dress(component, _value_of(field))
    board.dress(rating, lambda view: gr.update(value=None))  # which Gradio begins at 0
    board.form.stand_in("rubric.examples", rating)
    board.act(add.click, add_example, extra=written, keeps=[*parts.values(), page])
    board.act(draft_it.click, draft, extra=written, keeps=True)
    board.act(save.click, save_rubric, extra=written)
    board.act(leave.click, lambda act: Done(own=replace(act.tab.rate, editing=None)), extra=written)
    board.part(trial, use_draft)
    with gr.Column(visible=False, elem_classes="card", elem_id="rubric-library") as library:
        board.part(saved, from_library)
        opened = upload_button("Open a file", scale=0, min_width=110, elem_id="open-rubrics")
    board.dress(library, lambda view: gr.update(visible=view.tab.rate.library))
    board.act(opened.upload, open_file, extra=[opened])


def _value_of(field: str) -> Any:
    def show(view: RunView) -> Any:
        edit = view.tab.rate.editing
        return gr.update(value=_shown(edit.values if edit is not None else {}, field))

    return show


def _shown(values: Mapping[str, Any], field: str) -> Any:
    """A setting as its field shows it."""
    if field == "levels":
        return "\n".join(values.get("levels") or ())
    if field == "keep_from":
        return values.get("keep_from") or None
    return values.get(field, getattr(NEW, field) if field not in ("name", "question") else "")


# -- the list


def listed(view: RunView) -> Markup:
    """The rubrics that the forms hold, each with what can be done to it; and the way to another one."""
    items = Markup()
    rubrics = _own(view)
    numbers = view.state.saved.versions(rubrics) if rubrics else {}
    for rubric in rubrics:
        facts = f"{_facts(rubric)} · version {numbers[rubric.hash]}" if rubric.hash in numbers else _facts(rubric)
        pill = fragments.pill("draft, read it", "warn") if rubric.draft else Markup()
        acts = joined(
            fragments.button(label, act=act, key=rubric.key)
            for label, act in (("Edit", "edit"), ("Check", "check"), ("Remove", "remove"))
        )
        items += markup(
            '<li><div><b dir="auto">{}</b>{}<span>{}</span></div><div class="acts">{}</div></li>',
            rubric.name,
            pill,
            facts,
            acts,
        )
    shown = markup('<ul class="kept edged own-rubrics">{}</ul>', items) if items else Markup()
    copies = joined(markup('<option value="{}">{}</option>', key, key.replace("-", " ")) for key in STANDARD_RUBRICS)
    copy = markup(
        '<select data-act="copy" aria-label="Copy one of the six"><option value="">Copy one of the six …</option>{}</select>',
        copies,
    )
    acts = fragments.button("New rubric", act="new") + copy + fragments.button("Saved rubrics", act="library")
    return markup('<h3 class="part-title">Your own rubrics</h3>{}<div class="acts rubric-acts">{}</div>', shown, acts)


def aspect_choices(view: RunView) -> Any:
    """The aspects that can be ticked: the six but for those that were copied under their names, then those of one's own."""
    own = _own(view)
    return gr.update(
        choices=[
            *((title, key) for title, key in STANDARD_CHOICES if key not in {rubric.key for rubric in own}),
            *((rubric.name, rubric.name) for rubric in own),
        ]
    )


def _facts(rubric: Rubric) -> str:
    judged = {"response": "", "instruction": " · judges the instruction", "conversation": " · judges the conversation"}
    return f"{rubric.scale} levels, kept from {rubric.threshold}{judged[rubric.judges]}"


def _own(view: RunView) -> tuple[Rubric, ...]:
    try:
        return form_values.rubrics_of(view.filled)
    except FormError:
        return ()


@reads
def change(act: Act) -> Done:
    """What a click in the list means."""
    match act.word:
        case "new":
            return _opened(act, RubricEdit())
        case "copy":
            original = STANDARD_RUBRICS.get(act.text("value"))
            return Done() if original is None else _opened(act, RubricEdit(changed(original)))
        case "library":
            return Done(own=replace(act.tab.rate, library=not act.tab.rate.library, confirmation=confirm.CALM))
    key = act.text("key")
    rubric = next((rubric for rubric in _own(act.look) if rubric.key == key), None)
    if rubric is None:
        raise PageError
    match act.word:
        case "edit":
            return _opened(act, RubricEdit(changed(rubric), rubric.key))
        case "check":
            return check(act, rubric)
        case "remove":
            left = [changed(other) for other in _own(act.look) if other.key != key]
            return Done(fill=_filled(act, left), toast=f"“{rubric.name}” is removed from this recipe.")
    raise PageError


def _opened(act: Act, edit: RubricEdit) -> Done:
    return Done(own=replace(act.tab.rate, editing=edit, library=False), field="rubric.name")


def _filled(act: Act, rubrics: list[dict[str, Any]], names: Mapping[str, str] | None = None) -> form_values.FormValues:
    """The forms with these rubrics. Aspects follow their rubrics to new `names`, by key, and are taken out with them."""
    known = {key_of(values["name"]) for values in rubrics} | STANDARD_RUBRICS.keys()
    filled = {**act.filled, "rubrics": rubrics}
    for field in ("rating.aspects", "review.aspects"):
        aspects = [(names or {}).get(key_of(aspect), aspect) for aspect in act.filled.get(field) or []]
        filled[field] = [aspect for aspect in aspects if key_of(aspect) in known]
    return filled


# -- the editor


def _editor_head(view: RunView) -> Markup:
    edit = view.tab.rate.editing
    name = str(edit.values.get("name", "")) if edit is not None else ""
    title = f"Rubric “{name}”" if edit is not None and edit.key else "A rubric of your own"
    line = "The labeller is asked by it, and so are reviewers. A changed word makes a new version: only that is asked again."
    return fragments.card_head(title, line)


def _examples(view: RunView) -> Markup:
    edit = view.tab.rate.editing
    examples = (edit.values.get("examples") or ()) if edit is not None else ()
    if not examples:
        return fragments.note("None. An example or two, with the reason, steady a labeller more than another sentence.")
    items = joined(
        markup(
            '<li><div><b>{}</b><span dir="auto">{}</span></div><div class="acts">{}</div></li>',
            "N/A" if example.get("rating") is None else f"Rated {example['rating']}",
            fragments.clipped(example.get("response") or example.get("instruction") or "", 120),
            fragments.button("Remove", act="drop-example", place=position),
        )
        for position, example in enumerate(examples)
    )
    return markup('<ul class="kept edged">{}</ul>', items)


def _extra(act: Act) -> list[Any]:
    """What the twelve fields of the editor hold, the example and the page of text included."""
    return [*act.extra, *[None] * 12][:12]


def _written(act: Act) -> dict[str, Any]:
    """The rubric as the fields hold it, with the examples and kinds that it had."""
    edit = act.tab.rate.editing or RubricEdit()
    name, judges, question, levels, keep_from, not_applicable, reference = _extra(act)[:7]
    values = {
        **edit.values, "name": str(name or "").strip(), "judges": str(judges or "response"), "question": str(question or ""),
        "levels": [line.strip() for line in str(levels or "").splitlines() if line.strip()],
        "keep_from": int(keep_from or 0), "not_applicable": str(not_applicable or "").strip(), "reference": bool(reference),
    }  # fmt: skip
    left_out = ("draft", "kinds", "kinds_question") if values["judges"] == "instruction" else ("draft",)
    return {key: value for key, value in values.items() if key not in left_out}


def _with(act: Act, values: Mapping[str, Any]) -> Done:
    edit = act.tab.rate.editing or RubricEdit()
    return Done(own=replace(act.tab.rate, editing=replace(edit, values=dict(values))))


@reads
def add_example(act: Act) -> Done:
    """Puts the example that is written to the others of the rubric."""
    values = _written(act)
    instruction, response, rating, why = _extra(act)[7:11]
    examples = [*(values.get("examples") or ())]
    if not str(response or instruction or "").strip():
        raise FormError("rubric", "An example needs an instruction or a response.", "rubric.examples")
    if len(examples) >= MOST_EXAMPLES:
        raise FormError("rubric", f"A rubric has at most {MOST_EXAMPLES} examples.", "rubric.examples")
    number = None if rating is None else int(rating)
    example = {
        "instruction": str(instruction or ""),
        "response": str(response or ""),
        "rating": number,
        "why": str(why or ""),
    }
    most = len(values["levels"])
    if (number is None and not values["not_applicable"]) or (number is not None and not 1 <= number <= max(most, 2)):
        raise FormError("rubric", f"An example needs a rating from 1 to {max(most, 2)}.", "rubric.examples")
    return _with(act, {**values, "examples": [*examples, example]})


@reads
def drop_example(act: Act) -> Done:
    """Takes an example out of the rubric that is written."""
    edit = act.tab.rate.editing
    examples = list(edit.values.get("examples") or ()) if edit is not None else []
    if edit is None or act.word != "drop-example":
        raise PageError
    del examples[act.number("place", 0, len(examples) - 1)]
    return _with(act, {**edit.values, "examples": examples})


@reads
def save_rubric(act: Act) -> Done:
    """Takes the rubric into the recipe and into the library. Raises FormError at the field that is wrong."""
    edit = act.tab.rate.editing or RubricEdit()
    try:
        rubric = built(Rubric, _written(act), "")
    except SettingsError as error:
        raise FormError("rubric", error.page or str(error).lstrip(": "), f"rubric.{error.setting}") from error
    others = [other for other in _own(act.look) if other.key != edit.key]
    if any(other.key == rubric.key for other in others):
        raise FormError("rubric", f"Another rubric is called “{rubric.name}”. Choose another name.", "rubric.name")
    if len(others) >= MOST_RUBRICS:
        raise FormError("rubric", f"{MOST_RUBRICS} rubrics are the most.", "rubric.name")
    before = next((position for position, other in enumerate(_own(act.look)) if other.key == edit.key), len(others))
    listed_ = [changed(other) for other in others]
    listed_.insert(before, changed(rubric))
    filled = _filled(act, listed_, {edit.key or rubric.key: rubric.name})
    if not edit.key and rubric.key not in map(key_of, filled["rating.aspects"]):
        filled["rating.aspects"] = [*filled["rating.aspects"], rubric.name]
    version = act.state.saved.keep_rubric(rubric)
    saved_as = f"“{rubric.name}” is saved, version {version}."
    return Done(fill=filled, own=replace(act.tab.rate, editing=None), toast=saved_as)


# -- drafts and checks


@reads
def draft(act: Act) -> Done:
    """Has the labeller read a rubric out of a text."""
    text = str(_extra(act)[11] or "")
    if not text.strip():
        raise FormError("rubric", "Paste the text first: what is good, what is not, in your own words.")
    labeller = form_values.model_of(form_values.part(act.filled, "labeller"), "labeller")
    act.state.try_rubric(act.browser, lambda workspace: rubric_trial.draft(workspace, labeller, text))
    return _with(act, _written(act))


def check(act: Act, rubric: Rubric) -> Done:
    """Has the labeller rate the first rows of the run twice by a rubric."""
    if act.look.run is None or not act.look.counts.answered:
        raise FormError("rating", "There are no rows to try it on. Preview some on the page Generate first.")
    rows = act.look.rows.page(0, rubric_trial.MOST_ROWS)
    labeller = form_values.model_of(form_values.part(act.filled, "labeller"), "labeller")
    judge = form_values.rating_of(act.filled)
    act.state.try_rubric(act.browser, lambda workspace: rubric_trial.check(workspace, judge, labeller, rubric, rows))
    return Done()


def trial(view: RunView) -> Markup:
    """What came of the last draft or check."""
    tried = view.state.rubric_trials.get(view.browser)
    if tried is None:
        return Markup()
    if tried.asking:
        return markup('<div class="notice" role="status">{}</div>', fragments.note("Asking the labeller …"))
    if tried.trouble:
        return fragments.notice(tried.trouble, "warn")
    if isinstance(tried.result, RubricCheck):
        return _checked(tried.result)
    if isinstance(tried.result, Rubric):
        rubric = tried.result
        scale = joined(markup("<li><b>{}</b> {}</li>", level, text) for level, text in enumerate(rubric.levels, 1))
        acts = fragments.button("Use the draft", act="use") + fragments.button("Leave it", act="forget")
        body = markup(
            '<div class="rubrics"><h3 dir="auto">{}</h3><p dir="auto">{}</p><ol dir="auto">{}</ol><div class="acts">{}</div></div>',
            rubric.name, rubric.question, scale, acts,
        )  # fmt: skip
        return fragments.panel("A draft", "by the labeller: read it before you rate by it", body)
    return Markup()


def _checked(check_result: RubricCheck) -> Markup:
    rated = sum(check_result.counts)
    bars = fragments.bars(check_result.counts, f"{check_result.rubric.name}, {count(rated, 'rating')}")
    sentences = joined(
        markup('<li class="{}">{}</li>', "warn" if sentence in check_result.warnings else "fine", sentence)
        for sentence in check_result.sentences
    )
    unread = (
        fragments.note(f"{count(check_result.unrated, 'answer')} could not be read.")
        if check_result.unrated
        else Markup()
    )
    line = f"{count(rated, 'response')} rated twice by the labeller, at temperature 0"
    acts = markup('<div class="acts">{}</div>', fragments.button("Close", act="forget"))
    body = markup('<div class="rubric-check"><div>{}</div><ul>{}</ul></div>{}{}', bars, sentences, unread, acts)
    return fragments.panel(f"Check of “{check_result.rubric.name}”", line, body)


@reads
def use_draft(act: Act) -> Done:
    """Takes a draft into the editor, or forgets what came."""
    tried = act.state.rubric_trials.pop(act.browser, None)
    if act.word == "use" and tried is not None and isinstance(tried.result, Rubric):
        key = act.tab.rate.editing.key if act.tab.rate.editing is not None else ""
        return _opened(act, RubricEdit(changed(tried.result), key))
    return Done()


# -- the saved ones


def saved(view: RunView) -> Markup:
    """The rubrics that are kept for all runs of this data folder."""
    if not view.tab.rate.library:
        return Markup()
    kept = view.state.saved.rubrics()
    items = joined(_entry(entry, view) for entry in kept)
    none = fragments.note("None yet. What you save is kept in the data folder, for all runs.")
    body = markup('<ul class="kept edged">{}</ul>', items) if items else none
    head = fragments.card_head("Saved rubrics", "For all runs of this data folder. A file may be TOML or JSON.")
    return markup("{}{}", head, body)


def _entry(entry: Kept, view: RunView) -> Markup:
    trouble = Markup()
    try:
        line = f"{_facts(built(Rubric, entry.content, entry.name))} · {fragments.ago(entry.updated)}"
        opens = fragments.button("Use", act="use", name=entry.name)
    except SettingsError as error:
        line, opens, trouble = fragments.ago(entry.updated), Markup(), fragments.problem(str(error))
    return markup(
        '<li><div><b dir="auto">{}</b><span>{}</span>{}</div><div class="acts">{}{}</div></li>',
        entry.name, line, trouble, opens, confirm.delete_button(view.tab.rate.confirmation, entry.name),
    )  # fmt: skip


@reads
def from_library(act: Act) -> Done:
    """Takes a saved rubric into the recipe, or deletes it."""
    name = act.text("name")
    if act.word == "delete":

        def own(confirmation: Confirmation) -> RatePart:
            return replace(act.tab.rate, confirmation=confirmation)

        return confirm.deleted(name, WHAT, act.tab.rate.confirmation, own, act.state.saved.delete_rubric)
    if act.word != "use":
        raise PageError
    try:
        return _taken(act, (act.state.saved.rubric(name),))
    except SettingsError as error:
        raise FormError("rating", str(error)) from error


@reads
def open_file(act: Act) -> Done:
    """Takes the rubrics of a file into the recipe."""
    if not act.extra or not act.extra[0]:
        return Done()
    try:
        return _taken(act, load_rubrics(Path(str(act.extra[0]))))
    except SettingsError as error:
        raise FormError("rating", str(error)) from error


def _taken(act: Act, rubrics: tuple[Rubric, ...]) -> Done:
    keys = {rubric.key for rubric in rubrics}
    both = [*(other for other in _own(act.look) if other.key not in keys), *rubrics]
    if len(both) > MOST_RUBRICS:
        raise SettingsError(f"{MOST_RUBRICS} rubrics are the most.")
    filled = _filled(act, [changed(rubric) for rubric in both], {rubric.key: rubric.name for rubric in rubrics})
    there = set(map(key_of, filled["rating.aspects"]))
    new = [rubric.name for rubric in rubrics if rubric.key not in there]
    filled["rating.aspects"] = [*filled["rating.aspects"], *new]
    names = ", ".join(f"“{rubric.name}”" for rubric in rubrics[:3])
    return Done(fill=filled, own=replace(act.tab.rate, library=False), toast=f"{names} can be rated by now.")
