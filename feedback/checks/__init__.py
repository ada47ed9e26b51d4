"""Checks of a response that need no model: each passes or fails, with a reason. One file a kind; the folder itself is the list.

A new kind is a module here with a `Check` that names its `kind`; recipes, forms and the command know it by that.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from feedback.checks.base import Check, CheckResult


@cache
def check_kinds() -> Mapping[str, type[Check]]:
    """The kinds that the folder holds, by name; looked for when they are first asked for, as most runs check nothing."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    kinds = {cls.kind: cls for cls in classes if issubclass(cls, Check) and cls is not Check}
    return dict(sorted(kinds.items()))


__all__ = ["Check", "CheckResult", "check_kinds"]
