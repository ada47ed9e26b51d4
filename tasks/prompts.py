"""Prompts are Jinja files beside the code, named with their version: `genstruct.v1.jinja2`.

New wording is a new version, and each row's origin records which one made it.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.errors import InputError, SettingsError

RENDERING_ERRORS = (
    TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What a template can raise while it is rendered: a foreign one may divide by zero or add a text to a number."""


@cache
def _environment(folder: Path) -> Environment:
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

_foreign = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@lru_cache(maxsize=64)
def _parsed(template: str) -> tuple[Template, tuple[str, ...]]:
    try:
        names = meta.find_undeclared_variables(_foreign.parse(template)) - _foreign.globals.keys()
        return _foreign.from_string(template), tuple(sorted(names))
    except TemplateError as error:
        raise SettingsError(
            f"The template can't be read: {str(error).rstrip('.')}. Its placeholders look like {{{{ column }}}}."
        ) from error


def columns_in(template: str) -> tuple[str, ...]:
    """The columns that a user's template names. Raises SettingsError if it can't be parsed."""
    return _parsed(template)[1]


def render_foreign(template: str, values: dict[str, Any]) -> str:
    """Renders a template that a user wrote, in Jinja's sandbox.

    Raises SettingsError if it can't be parsed, InputError if a row lacks a column that it names.
    """
    try:
        return _parsed(template)[0].render(values)
    except RENDERING_ERRORS as error:
        raise InputError(f"The template does not fit the row: {str(error) or type(error).__name__}.") from error
