"""What the process that reads files for us says, as JSON: whoever takes it over can send values, and never code, as pickle would.

Values that JSON has no word for are objects with one entry:

    {"\\0": ["date", "2026-01-02"]}
"""

import base64
import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

from app.inputs.table import SheetsSaid
from tasks.errors import InputError
from tasks.missing import python_value

TAG = "\0"
MARK = '{"\\u0000":['
"""How a tagged value begins. Inside of a text its quotes would be escaped."""
MICROSECOND = datetime.timedelta(microseconds=1)


def packed(value: Any) -> str:
    """A value as JSON. Raises InputError for one that can't be sent."""
    return _encode(value)


def unpacked(message: bytes) -> Any:
    """The value of a message. Raises ValueError for all that `packed` does not write."""
    try:
        text = message.decode("utf-8", "surrogatepass")
        return json.loads(text, object_hook=_untagged if MARK in text else None)
    except (ArithmeticError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"no message: {error}") from error


def packed_answer(answer: str, refusal: str, sentences: list[str]) -> bytes:
    """The message that answers a question: `answer` is JSON already."""
    said = packed([[sentence, getattr(sentence, "names", None)] for sentence in sentences])
    return f"[{answer},{packed(refusal)},{said}]".encode("utf-8", "surrogatepass")


def unpacked_answer(message: bytes) -> tuple[Any, str, list[str]]:
    """(answer, refusal, sentences). Raises ValueError."""
    try:
        answer, refusal, said = unpacked(message)
        sentences = [_sentence(*parts) for parts in said]
    except TypeError as error:
        raise ValueError("no answer") from error
    if not isinstance(refusal, str):
        raise ValueError("no answer")
    return answer, refusal, sentences


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """The rows of an answer, none where there are no more. Raises ValueError."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise ValueError("no rows")
    return answer


def document_of(answer: Any) -> tuple[str, str]:
    """The title and the content of an answer. Raises ValueError."""
    if not isinstance(answer, list) or len(answer) != 2 or not all(isinstance(part, str) for part in answer):
        raise ValueError("no document")
    return answer[0], answer[1]


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


def _untagged(entries: dict[str, Any]) -> Any:
    if TAG not in entries or len(entries) != 1:
        return entries
    kind, text = entries[TAG]
    return VALUES[kind](text)


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
