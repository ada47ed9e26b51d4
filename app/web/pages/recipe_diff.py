"""Two recipes side by side: every setting by its name, in words, and those that differ."""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from app.recipe import Recipe, kind_of
from tasks.models.spec import ModelSpec

NONE = "not set"
NOT_THERE = "–"
"""A setting that the other recipe's task, judge or model does not have."""
OPTIONAL = ("answers", "rating", "embedder")
"""Parts that a recipe can do without."""
ALL = {"rows": "all that there are"}
"""What it means for a setting that none is given."""


def parts_of(recipe: Recipe) -> dict[str, Any]:
    return {f.name: getattr(recipe, f.name) for f in fields(recipe)}


def settings_of(parts: Mapping[str, Any]) -> dict[str, str]:
    """Every setting of a recipe's parts, also those at their default: {"task › n_turns": "2"}."""
    settings: dict[str, str] = {}
    for name, part in parts.items():
        if name == "task":
            settings["task › kind"] = kind_of(part)
        if is_dataclass(part) and not isinstance(part, type):
            if name in OPTIONAL:
                settings[name] = "yes"
            _flatten(asdict(part), name, settings)
        elif name == "responders":
            settings["response models"] = _number(part)
            for number, spec in enumerate(part, 1):
                _flatten(asdict(spec), f"response model {number}", settings)
        else:
            settings[name] = ALL.get(name, NONE) if part is None else _in_words(part)
    return settings


def differing(left: Mapping[str, str], right: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(setting, left, right) of those that are not the same."""
    names = dict.fromkeys([*left, *right])
    both = [(name, left.get(name, NOT_THERE), right.get(name, NOT_THERE)) for name in names]
    return [setting for setting in both if setting[1] != setting[2]]


def _number(specs: tuple[ModelSpec, ...]) -> str:
    return str(len(specs)) if specs else "none, the generator answers"


def _flatten(values: Mapping[str, Any], prefix: str, settings: dict[str, str]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            _flatten(value, f"{prefix} › {name}", settings)
        else:
            settings[f"{prefix} › {name}"] = _in_words(value)


def _in_words(value: Any) -> str:
    if value is None or value == "" or (isinstance(value, (list, tuple, dict)) and not value):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "\n".join(_in_words(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_in_words(inner)}" for name, inner in value.items())
    return str(value)
