"""Model presets: the generator, the response models and the labeller, kept together under a name."""

from dataclasses import replace

import gradio as gr
from markupsafe import Markup

from app.store.library import Kept
from app.web.form_values import FormError
from app.web.html import fragments
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.pages import confirm
from app.web.saved import LONGEST_NAME, fill_models, typed_keys
from app.web.state import RunView, named_model
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tasks.settings import build as built

WHAT = "model preset"


def build(board: Board) -> None:
    """The strip on the page Models."""
    with gr.Column(elem_classes=["card", "sets"]):
        board.part(lambda view: fragments.card_head("Model presets", _line(view)))
        board.part(listed, choose, elem_id="model-sets")
        with gr.Row(elem_classes="keep"):
            name = gr.Textbox(
                "", label="Save the models above under a name", interactive=True, min_width=180, max_lines=1, elem_id="set-name",
                max_length=10 * LONGEST_NAME, html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            )  # fmt: skip
            save_it = gr.Button("Save", size="sm", scale=0, min_width=80, elem_id="save-set")
        board.problem("sets")
    for event in (save_it.click, name.submit):
        board.act(event, save, forms=True, extra=[name])


def _line(view: RunView) -> str:
    line = "Who writes, answers and rates, to use again. A key is not kept, only the name of its variable."
    return f"{line} The one that you typed has to be typed again." if typed_keys(view.filled) else line


def listed(view: RunView) -> Markup:
    items = joined(_entry(model_set, view) for model_set in view.state.saved.model_sets())
    sets = markup('<ul class="kept edged">{}</ul>', items) if items else Markup()
    return confirm.question(view.tab.models.confirmation, WHAT) + sets


def _entry(model_set: Kept, view: RunView) -> Markup:
    trouble = Markup()
    try:
        fill_models(model_set)
        line = _described(model_set)
    except SettingsError as error:
        line, trouble = "", fragments.problem(str(error))
    use = Markup() if trouble else fragments.button("Use", act="use", name=model_set.name)
    return markup(
        '<li><div><b translate="no">{name}</b><span>{line}</span>{trouble}</div>'
        '<div class="acts">{use}{delete}</div></li>',
        name=model_set.name,
        line=line,
        trouble=trouble,
        use=use,
        delete=confirm.delete_button(view.tab.models.confirmation, model_set.name),
    )


def _described(model_set: Kept) -> str:
    """The three roles in a line."""
    names = {role: named_model(built(ModelSpec, model_set.content[role], role)) for role in ("generator", "labeller")}
    others = [named_model(built(ModelSpec, values, "responders")) for values in model_set.content["responders"]]
    answers = f"{', '.join(others)} answer" if len(others) > 1 else f"{others[0]} answers" if others else ""
    return " · ".join(filter(None, [f"{names['generator']} writes", answers, f"{names['labeller']} rates"]))


def _own(act: Act) -> confirm.Own:
    return lambda confirmation: replace(act.tab.models, confirmation=confirmation)


def save(act: Act) -> Done:
    """Keeps the models that the forms describe, unless the name is taken: then it asks."""
    typed = str((act.extra[0] if act.extra else "") or "")
    return confirm.kept(_own(act), typed, lambda name: act.state.saved.keep_models(name, act.filled), "sets")


def choose(act: Act) -> Done:
    """Everything that the list can do."""
    what, name, shelf = act.word, act.text("name", ""), act.state.saved
    if what == "delete":
        return confirm.deleted(act.text("name"), WHAT, act.tab.models.confirmation, _own(act), shelf.delete_models)
    try:
        if what == "use":
            message = f"The models are those of “{name}”."
            return Done(fill={**act.filled, **shelf.models(name)}, own=_own(act)(confirm.CALM), toast=message)
        if what == "replace":
            shelf.keep_models(name, act.filled, replace=True)
            return Done(own=_own(act)(confirm.CALM), toast=f"“{name}” is replaced.")
    except FormError:
        raise
    except SettingsError as error:
        raise FormError("sets", str(error)) from error
    return Done(own=_own(act)(confirm.CALM))
