"""The fields of the page's forms, made from the fields of tasks, models and judges: a new task adds no code here."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any

import gradio as gr
from gradio.components import Component

from app.web.form_values import default_of, is_lines, label_of, shown
from app.web.html import fragments

NUMBERS = ("int", "float")
TOP = "top"
"""Where the header is, in place of a page."""


def reaches(of: str, page: str) -> bool:
    """True if an event of a page fills what is on `page`: of its own page and the header; of the header, everything."""
    return of == TOP or page in (of, TOP)


class Form:
    """All fields of all pages by name, in a fixed order.

    `page` is the one that is being built; `pages` says which one each field is on, `places` which element of the page shows it,
    `folds` which closed part that is in, "" for none.
    """

    def __init__(self) -> None:
        self.fields: dict[str, Component] = {}
        self.pages: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.folds: dict[str, str] = {}
        self.page = TOP

    def add(self, name: str, component: Component) -> Component:
        self.fields[name] = component
        self.pages[name] = self.page
        if not component.elem_id:
            component.elem_id = name.replace(".", "-")
        self.places[name] = component.elem_id
        self.folds[name] = _fold(component)
        return component

    def stand_in(self, name: str, component: Component) -> None:
        """What a person uses for a setting that has no field of its own: an upload button for a path."""
        self.pages[name], self.places[name] = self.page, str(component.elem_id)

    def label(self, name: str) -> str:
        """What a field is called, as a sentence names it."""
        return str(getattr(self.fields.get(name), "label", "") or re.sub(r"[._]", " ", name))

    def when_changed(self, without: Collection[str]) -> list[tuple[str, Callable[..., Any]]]:
        """The events that say that a person changed something, by name: a choice at once, a text when it is left."""
        events: list[tuple[str, Callable[..., Any]]] = []
        component: Any
        for name, component in self.fields.items():
            if name in without:
                continue
            if isinstance(component, gr.Textbox | gr.Number):
                events.append((name, component.blur))
            else:
                events.append((name, component.input))
        return events


def _fold(component: Component) -> str:
    """The element of the closed part that is being built around a field."""
    block: Any = component.parent
    while block is not None and not isinstance(block, gr.Accordion):
        block = block.parent
    if block is None:
        return ""
    block.elem_id = block.elem_id or f"fold-{component.elem_id}"
    return str(block.elem_id)


def add_fields(form: Form, prefix: str, cls: Any, names: Sequence[str] | None = None, *, folded: str = "") -> None:
    """A field for each setting of the dataclass `cls` (or those in `names`); checkboxes and numbers share lines.

    With `folded`, all of it goes into a closed part of that title.
    """
    chosen = [f for f in fields(cls) if (names is None or f.name in names) and not f.metadata.get("apart")]
    if not chosen:
        return
    if folded:
        with gr.Accordion(folded, open=False, elem_classes="more"):
            _lay_out(form, prefix, chosen)
    else:
        _lay_out(form, prefix, chosen)


def _lay_out(form: Form, prefix: str, chosen: Sequence["Field[Any]"]) -> None:
    line: list[Field[Any]] = []
    for f in [*chosen, None]:
        if f is not None and _is_number(f):
            line.append(f)
            if len(line) < 2:
                continue
        if line:
            with gr.Row():
                for small in line:
                    form.add(f"{prefix}.{small.name}", component_for(small))
            line = []
        if f is not None and not _is_number(f):
            form.add(f"{prefix}.{f.name}", component_for(f))


def _is_number(f: "Field[Any]") -> bool:
    kind = _kind(f)
    return kind.startswith(NUMBERS) and "str" not in kind


def _kind(f: "Field[Any]") -> str:
    return (
        f.type
        if isinstance(f.type, str)
        else getattr(f.type, "__name__", str(f.type))
        if f.type in SIMPLE
        else str(f.type)
    )


SIMPLE = (str, int, float, bool)


def component_for(f: "Field[Any]") -> Component:
    """The field for one setting: its kind from the type, its words from the setting's own help."""
    help_, default, kind = str(f.metadata.get("page") or f.metadata.get("help", "")), default_of(f), _kind(f)
    label = label_of(f)
    if kind == "bool":
        return gr.Checkbox(default, label=label, info=help_, interactive=True)
    if _is_number(f):
        precision = 0 if kind.startswith("int") else None
        return gr.Number(default, label=label, info=help_, precision=precision, interactive=True, min_width=100)
    if choices := f.metadata.get("choices"):
        named = (
            choices if isinstance(choices, Mapping) else {choice: fragments.title(str(choice)) for choice in choices}
        )
        options = [(name, choice) for choice, name in named.items()]
        if is_lines(f):
            return gr.CheckboxGroup(options, value=list(default), label=label, info=help_, interactive=True)
        return gr.Radio(options, value=default, label=label, info=help_, interactive=True)
    if is_lines(f):
        return gr.Textbox(
            shown(default), label=label, info=f"{help_} One a line.", lines=3, max_lines=10, interactive=True
        )
    lines = 3 if f.metadata.get("multiline") else 1
    example = f.metadata.get("example")
    return gr.Textbox(
        shown(default), label=label, info=help_, lines=lines, max_lines=10, interactive=True, placeholder=example
    )
