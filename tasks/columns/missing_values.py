"""Which values are missing, cells as texts, and values of pandas and NumPy as Python's own.

None, NaN, NaT and pandas' NA are one thing: a cell without a value. Neither library is imported for that.
"""

import json
from collections.abc import Mapping
from typing import Any

PLAIN = frozenset({str, int, bool, list, dict, tuple, bytes})
"""Types that are told at once: never missing, and Python's own."""


def is_missing(value: Any) -> bool:
    """True for None, NaN (of Python, NumPy or Decimal), NaT and pandas' NA."""
    if value is None:
        return True
    kind = type(value)
    if kind in PLAIN:
        return False
    if kind.__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, float):
        return value != value
    if kind.__module__ == "numpy" and not getattr(value, "ndim", 1):
        return bool(value != value)
    return kind.__name__ == "Decimal" and bool(value.is_nan())


def python_value(value: Any) -> Any:
    """A value as Python's own: NumPy's numbers and arrays as numbers and lists, None for a missing one."""
    if type(value) in PLAIN:
        return value
    if is_missing(value):
        return None
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return value


def python_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose cells are Python's own values."""
    return {name: python_value(value) for name, value in row.items()}


def cell_text(value: Any) -> str:
    """A cell as a text: nothing for a missing one, JSON for a list or an object, bytes as the text that they are.

    Bytes that are no text, those of a picture for one, are nothing.
    """
    if isinstance(value, str):
        return value
    value = python_value(value)
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return text_of_bytes(value) or ""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(without_gaps(value), ensure_ascii=False, default=cell_text)
    return str(value)


def text_of_bytes(value: bytes | bytearray) -> str | None:
    """Bytes as the UTF-8 that they are; None for any others."""
    try:
        return value.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


def without_gaps(value: Any) -> Any:
    """The same with None for whatever is missing in it."""
    value = python_value(value)
    if isinstance(value, dict):
        return {cell_text(name): without_gaps(inner) for name, inner in value.items()}
    return [without_gaps(inner) for inner in value] if isinstance(value, (list, tuple)) else value
