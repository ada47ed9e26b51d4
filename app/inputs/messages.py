"""What the process that reads files for us says, as JSON: whoever takes it over can send values, and never code, as pickle would.

Values that JSON has no word for are objects with one entry; long texts and bytes stand behind the JSON as they are, since JSON is
slow to write and to read them:

    {"day": {"\\0": ["date", "2026-01-02"]}, "response": {"\\0": ["long text", [0, 100000]]}}
"""

import base64
import datetime
import decimal
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from app.inputs.table import SheetsSaid
from tasks.columns.missing_values import python_value
from tasks.errors import InputError

TAG = "\0"
MARK = '{"\\u0000":['
"""How a tagged value begins. Inside of a text its quotes would be escaped."""
LONG = 2**12
"""Characters or bytes of a cell that are not sent as JSON."""
LONG_KINDS: dict[type, str] = {str: "long text", bytes: "long bytes"}
MICROSECOND = datetime.timedelta(microseconds=1)


class Message:
    """What is said together. `size`: its characters and bytes so far."""

    def __init__(self) -> None:
        self._long: list[bytes] = []
        self._behind = 0
        self.size = 0

    def packed(self, row: Mapping[str, Any]) -> str:
        """A row as JSON. Raises InputError for a value that can't be sent."""
        long = {name: cell for name, cell in row.items() if type(cell) in LONG_KINDS and len(cell) > LONG}
        text = _encode({**row, **{name: self._put_behind(cell) for name, cell in long.items()}} if long else row)
        self.size += len(text)
        return text

    def _put_behind(self, cell: str | bytes) -> dict[str, Any]:
        raw = cell.encode("utf-8", "surrogatepass") if isinstance(cell, str) else cell
        start = self._behind
        self._long.append(raw)
        self._behind += len(raw)
        self.size += len(raw)
        return {TAG: [LONG_KINDS[type(cell)], [start, self._behind]]}

    def sealed(self, rows: Sequence[str], refusal: str, sentences: Sequence[str]) -> bytes:
        """All of it, with rows that were packed for it."""
        encoded = _encode([[sentence, getattr(sentence, "names", None)] for sentence in sentences])
        text = f"[[{','.join(rows)}],{_encode(refusal)},{encoded}]".encode("utf-8", "surrogatepass")
        return b"".join([len(text).to_bytes(8, "big"), text, *self._long])


def opened(message: bytes) -> tuple[list[dict[str, Any]], str, list[str]]:
    """(rows, refusal, sentences) of a message. Raises ValueError for all that is none."""
    end = 8 + int.from_bytes(message[:8], "big")
    try:
        text = message[8:end].decode("utf-8", "surrogatepass")
        hook = partial(_untagged, memoryview(message)[end:]) if MARK in text else None
        rows, refusal, entries = json.loads(text, object_hook=hook)
        sentences = [_sentence(*parts) for parts in entries]
    except (ArithmeticError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"no message: {error}") from error
    if not (isinstance(refusal, str) and isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise ValueError("no message")
    return rows, refusal, sentences


def _sentence(text: str, names: list[str] | None) -> str:
    if names is None:
        return str(text)
    sentence = SheetsSaid(text)
    sentence.names = tuple(map(str, names))
    return sentence


def _tagged(value: Any) -> Any:
    if (known := TEXTS.get(type(value))) is not None:
        kind, text = known
        return {TAG: [kind, text(value)]}
    if (own := python_value(value)) is not value:
        return own
    kind = f"{type(value).__module__} {type(value).__name__}"
    if kind in ("pandas Timestamp", "pandas Timedelta"):  # of columns that count nanoseconds
        return {TAG: [kind, value.isoformat()]}
    raise InputError(f"A value of the kind {type(value).__name__} can't be read. Save its column as text.")


def _untagged(payload: memoryview, entries: dict[str, Any]) -> Any:
    if TAG not in entries or len(entries) != 1:
        return entries
    kind, text = entries[TAG]
    if kind not in LONG_KINDS.values():
        return VALUES[kind](text)
    raw = bytes(payload[slice(*text)])
    return raw if kind == "long bytes" else raw.decode("utf-8", "surrogatepass")


def _timestamp(text: str) -> Any:
    import pandas as pd

    return pd.Timestamp(text)


def _timedelta(text: str) -> Any:
    import pandas as pd

    return pd.Timedelta(text)


TEXTS: dict[type, tuple[str, Callable[[Any], str]]] = {
    datetime.datetime: ("datetime", datetime.datetime.isoformat),
    datetime.date: ("date", datetime.date.isoformat),
    datetime.time: ("time", datetime.time.isoformat),
    datetime.timedelta: ("timedelta", lambda value: str(value // MICROSECOND)),
    decimal.Decimal: ("decimal", str),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    uuid.UUID: ("uuid", str),
}
VALUES: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda text: int(text) * MICROSECOND,
    "decimal": decimal.Decimal,
    "bytes": base64.b64decode,
    "uuid": uuid.UUID,
    "pandas Timestamp": _timestamp,
    "pandas Timedelta": _timedelta,
}
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_tagged).encode
