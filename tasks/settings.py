"""Settings as fields of frozen dataclasses: declared with `setting`, filled from a recipe by `build`."""

import difflib
from collections.abc import Mapping
from dataclasses import field, fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tasks.errors import SettingsError

T = TypeVar("T")


def setting(default: Any, help: str, **extra: Any) -> Any:
    """A field of a task, a model or a judge: its default and one sentence of help, plain text.

    On a form, `label` is what it is called, `page` its help where that reads otherwise there, `example` what an empty field shows.
    `choices` are all values that it takes, or {value: what it is called}. `apart`: no single field can show it.
    """
    metadata = {"help": help, **extra}
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    cls.__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(cls)


LONGEST_TEXT, MOST_ENTRIES, DEEPEST = 1_000_000, 10_000, 30
"""Characters of a setting, entries of a list or table, tables in tables."""


def _bounded(values: Any, where: str, depth: int = 0) -> None:
    """Raises SettingsError for settings that nobody writes: a text of megabytes, a table of a million names."""
    if isinstance(values, (str, bytes)):
        if len(values) > LONGEST_TEXT:
            raise SettingsError(f"{where} has a text of more than {LONGEST_TEXT:,} characters. Put it into the inputs.")
        return
    if isinstance(values, Mapping):
        values = [*values.keys(), *values.values()]
    if isinstance(values, (list, tuple)):
        if len(values) > MOST_ENTRIES:
            raise SettingsError(f"{where} has a list or table of more than {MOST_ENTRIES:,} entries. Shorten it.")
        if depth > DEEPEST:
            raise SettingsError(f"{where} has tables inside tables, {DEEPEST} deep. Nothing needs so many.")
        for value in values:
            if isinstance(value, (str, bytes, Mapping, list, tuple)):
                _bounded(value, where, depth + 1)


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """`cls` filled with `values`. `where` names the place for the user, as in "[task]".

    Raises SettingsError, naming the place, for an unknown name (with the nearest known one) or a value that can't be.
    """
    _bounded(values, where)
    known = [f.name for f in fields(cast(Any, cls))]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
            raise SettingsError(f"{where} has no setting '{name}'. {hint}", setting=str(name))
    try:
        return cast(T, _adapter(cast(Any, cls)).validate_python(dict(values)))
    except SettingsError as error:
        if where in str(error):
            raise
        raise SettingsError(f"{where}: {error}", setting=error.setting, page=error.page or str(error)) from error
    except ValidationError as error:
        first = max(
            error.errors(), key=lambda details: len(details["loc"])
        )  # of several forms, the one that fits furthest
        forms = ("function", "list[", "dict[", "tuple[")
        location = ".".join(str(part) for part in first["loc"] if not str(part).startswith(forms))
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(
            f"{f'{where} {location}'.strip()}: {message} (given: {str(first['input'])[:60]!r}).",
            setting=str(first["loc"][0]) if first["loc"] else "",
        ) from error
