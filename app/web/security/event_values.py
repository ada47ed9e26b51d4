"""What an event of the page may hold: values of the kind that each component gives, and no others.

The framework takes any JSON for any component and opens what looks like a file of its own, wherever it stands. So every value of
every event is checked here before the framework sees it, by the component's type: a component of a type that is not listed
takes no value at all. Files are those that this very browser uploaded.
"""

import sys
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

DEEPEST, MOST_ITEMS = 4, 2_000


def upload_button(label: str, **props: Any) -> gr.UploadButton:
    """An upload button whose files are taken from where they arrived: Gradio would copy each of them, in its event loop."""

    async def stays(path: str | None) -> str | None:
        return path

    button = gr.UploadButton(label, size="sm", **props)
    # no subclass: Gradio writes a file beside the source of each
    vars(button)["async_move_resource_to_block_cache"] = stays
    return button


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return value is None
    return -sys.float_info.max <= value <= sys.float_info.max  # no number that is none, none without end


def _is_choice(value: Any) -> bool:
    return _is_text(value) or isinstance(value, bool) or _is_number(value)


def _is_choices(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) <= MOST_ITEMS and all(map(_is_choice, value)))


FITS: dict[type[Component], Callable[[Any], bool]] = {
    gr.Textbox: _is_text,
    gr.Number: _is_number,
    gr.Slider: lambda value: value is not None and _is_number(value),
    gr.Checkbox: lambda value: value is None or isinstance(value, bool),
    gr.Radio: _is_choice,
    gr.Dropdown: lambda value: _is_choice(value) or _is_choices(value),
    gr.CheckboxGroup: lambda value: value is not None and _is_choices(value),
    gr.HTML: _is_text,
}
"""For each type of component whether a value is of its kind. Files are another matter: `uploaded`."""


def fits(component: Any, value: Any, is_uploaded: Callable[[str], bool] = lambda path: False) -> bool:
    """True if `component` can hold `value`. `is_uploaded` knows the files of the browser that sent it."""
    if isinstance(component, gr.UploadButton):
        single = component.file_count == "single"
        files = [value] if single else value if isinstance(value, list) else [None]
        return value is None or (len(files) <= MOST_ITEMS and all(_is_file(file, is_uploaded) for file in files))
    if value is None and isinstance(component, gr.Number) and component.visible is False:
        return False  # what the page counts by itself, and never empties
    return type(component) in FITS and FITS[type(component)](value)


def _is_file(value: Any, is_uploaded: Callable[[str], bool]) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("path"), str):
        return False
    return not value.get("is_stream") and _is_plain(value) and is_uploaded(value["path"])


def fits_event(data: Any) -> bool:
    """True for what a click says beside the fields: nothing, or names with plain values."""
    return data is None or (isinstance(data, dict) and len(data) <= MOST_ITEMS and _is_plain(data))


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, dict):
        return depth < DEEPEST and all(isinstance(k, str) and _is_plain(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return depth < DEEPEST and len(value) <= MOST_ITEMS and all(_is_plain(item, depth + 1) for item in value)
    return value is None or isinstance(value, str | int | float)
