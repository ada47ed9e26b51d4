"""Prompts are Jinja files beside the code, named with their version: `genstruct.v1.jinja2`.

New wording is a new version, and each row's origin records which one made it. Templates that a user wrote, or took from
elsewhere, are foreign: what is text and {{ column }} alone is filled here, all else in a process apart (templates/sandbox.py).
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.columns.missing_values import cell_text, python_value
from tasks.errors import InputError, SettingsError

if TYPE_CHECKING:
    from jinja2 import Environment

NO_COLUMNS = frozenset({
    "range", "dict", "lipsum", "cycler", "joiner", "namespace", "true", "True", "false", "False", "none", "None", "not",
    "self", "loop", "super", "caller", "varargs", "kwargs",
})  # fmt: skip
"""What means something else to Jinja than a column."""
SIMPLER = "Make it simpler: no long loops, no great powers, no text that doubles."


@cache
def _environment(folder: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


class Prompts:
    """The prompt files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def render(self, name: str, /, **values: Any) -> str:
        """The text of prompt `name` ("genstruct.v1") filled with `values`, trimmed."""
        return _environment(self.folder).get_template(f"{name}.jinja2").render(**values).strip()


PROMPTS = Prompts(Path(__file__).parent / "prompts")


@lru_cache(maxsize=64)
def simple(template: str) -> tuple[tuple[str, str], ...] | None:
    """A template that is text and {{ column }} alone, as pairs of text and the column after it ("" at the end); else None.

    It is taken apart as Jinja does it: line ends become \\n, and one at the end is left out.
    """
    template = template.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    if "{%" in template or "{#" in template:
        return None
    text, *others = template.split("{{")
    parts = []
    for other in others:
        column, ended, after = other.partition("}}")
        column = column.strip(" \t\n")
        word = column.isidentifier() and column.replace("_", "a").isalnum()
        if not ended or not word or column in NO_COLUMNS:
            return None
        parts.append((text, column))
        text = after
    return (*parts, (text, ""))


@lru_cache(maxsize=64)
def columns_in(template: str) -> tuple[str, ...]:
    """The columns that a user's template names. Raises SettingsError if it can't be parsed.

    May wait for two seconds.
    """
    if (parts := simple(template)) is not None:
        return tuple(sorted({column for _, column in parts if column}))
    from tasks.templates.sandbox import SANDBOX, CantRender

    try:
        return SANDBOX.columns(template)
    except CantRender as reason:
        if reason.heavy:
            raise SettingsError(f"The template {reason}. {SIMPLER}", setting="template") from reason
        raise SettingsError(
            f"The template can't be read: {reason}. Its placeholders look like {{{{ column }}}}.", setting="template"
        ) from reason


def render_foreign(template: str, values: Mapping[str, Any]) -> str:
    """Renders a template that a user wrote, nothing for a missing value. May wait for two seconds (`rendered_at_once`).

    Raises SettingsError if it can't be parsed, InputError if a row lacks a column that it names.
    """
    named = _of(template, values)
    if (parts := simple(template)) is not None:
        return _filled(parts, named)
    from tasks.templates.sandbox import SANDBOX, CantRender

    try:
        return SANDBOX.prompt(template, named)
    except CantRender as reason:
        if reason.heavy:
            raise InputError(f"The template {reason}. {SIMPLER}") from reason
        raise InputError(f"The template does not fit the row: {reason}.") from reason


def rendered_at_once(template: str, values: Mapping[str, Any]) -> bool:
    """True if `render_foreign` waits for nothing: the template is simple, or was rendered with these values just now."""
    if simple(template) is not None:
        return True
    from tasks.templates.sandbox import SANDBOX

    return SANDBOX.knows(template, _of(template, values))


def _of(template: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a template names; an empty text for a column without one."""
    cells = {name: python_value(values[name]) for name in columns_in(template) if name in values}
    return {
        name: cell_text(value) if value is None or isinstance(value, (bytes, bytearray)) else value
        for name, value in cells.items()
    }


def _filled(parts: tuple[tuple[str, str], ...], values: Mapping[str, Any]) -> str:
    try:
        return "".join([text + cell_text(values[column]) if column else text for text, column in parts])
    except KeyError as error:
        raise InputError(f"The template does not fit the row: {error} is undefined.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"The template does not fit the row: {error}.") from error
