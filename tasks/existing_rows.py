"""ExistingRows: instructions and responses that somebody made already, to be answered, rated or reviewed.

The table of layouts is imported where it is needed, as no other task does.

One literal row, from the input {"instruction": "Name a river.", "responses": [{"model": "a", "text": "The Loire."}]}:

    messages: [{"role": "user", "content": "Name a river."}]   responses: ["The Loire."] by "a"
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from tasks.base import Task, text
from tasks.columns.conversations import MEDIA_COLUMN, NotHeld
from tasks.columns.missing_values import is_missing, python_value, python_values, without_gaps
from tasks.models.base import Model
from tasks.settings import setting
from tasks.types import Dropped, Row, Unit

LEFT_OUT = "left_out"
"""In a row's origin: the names of columns that could not be kept, as they hold no text, number or list."""


@dataclass(frozen=True, kw_only=True)
class ExistingRows(Task):
    """Takes rows as they are, without any model.

    Columns in: those of any layout that tasks/columns/layouts.py knows. Our own is `instruction`, or `messages` (a chat that
    ends with what is to be answered, or with an answer); optional `input` (goes under the instruction), `system_prompt`,
    `response`, `responses` (texts, objects with `text` and `model`, or messages), `tools`, `id`.
    Rows out: one a row of input, several of a tree of conversations; a row's origin keeps the id, whatever it is, and all other
    columns. What can't be held whole, an image in a conversation say, is dropped and says so.
    Ids need not differ: a row's own id, by which it is told from others, is given anew.
    """

    title: ClassVar[str] = "Existing rows"
    summary: ClassVar[str] = "Instructions and answers that you have, to rate and review"
    optional_columns: ClassVar[tuple[str, ...]] = ("instruction", "input", "responses", "system_prompt", "id")
    calls_model: ClassVar[bool] = False

    model: str = setting(
        "unknown", "Name for responses that do not say which model made them.", label="Model that answered"
    )

    def required_columns(self) -> tuple[str, ...]:
        return ()

    def units(self, inputs: Iterable[Mapping[str, Any]], mapped: Collection[str] = ()) -> Iterator[Unit]:
        from tasks.columns import layouts

        rows = (part for row in inputs for part in layouts.parts(python_values(row)))
        return super().units(layouts.with_mapped(row, mapped) for row in rows)

    def check(self, row: Mapping[str, Any], index: int) -> None:
        """Raises InputError where a row has nothing that could be asked: a later one with responses is dropped by itself."""
        from tasks.columns import layouts

        fits = "messages" in row or layouts.fits(row) or (index and layouts.has_responses(row))
        if "instruction" in row or not fits:
            self._require(row, index, "instruction")

    def recognised(self, row: Mapping[str, Any]) -> str:
        from tasks.columns import layouts

        return layouts.sentence(row)

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        from tasks.columns import layouts

        inputs = unit.inputs
        try:
            if media := next((name for name, value in inputs.items() if is_media(str(name), value)), ""):
                raise NotHeld(f"images, audio or video in column '{media}', which can't be held yet")
            reading = layouts.read(inputs, self.model)
        except NotHeld as error:
            return [Dropped(f"it has {error}", _raw(inputs))]
        if not any(message["role"] == "user" and message["content"] for message in reading.messages):
            return [Dropped("no instruction", _raw(inputs))]
        rest, left_out = _kept(inputs, reading.used)
        if (row_id := own_id(inputs.get("id"))) is not None:
            rest = {"id": row_id, **rest}
        extras, also_left_out = _kept(reading.beside, ())
        left_out += also_left_out
        origin = {**rest, **extras, **({LEFT_OUT: left_out} if left_out else {})}
        return [Row(tuple(reading.messages), tuple(reading.responses), origin)]


def is_media(name: str, value: Any) -> bool:
    """True for a column that a conversation can't do without, and that can't be held: pictures and the like."""
    return bool(MEDIA_COLUMN.fullmatch(name)) and isinstance(value, (bytes, Mapping, list, tuple)) and bool(value)


def _kept(inputs: Mapping[str, Any], used: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """(the columns that went into neither conversation nor responses, the names of those that no JSON can hold)."""
    rest: dict[str, Any] = {}
    left_out = []
    for name, value in inputs.items():
        if name in used or name == "id" or is_missing(value) or value == "":
            continue
        try:
            rest[str(name)] = json.loads(json.dumps(without_gaps(value), default=_written, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            left_out.append(str(name))
    return rest, left_out


def _written(value: Any) -> Any:
    """Dates and exact numbers as they are written. Raises TypeError for what is none."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise TypeError(type(value).__name__)


def _raw(inputs: Mapping[str, Any]) -> str:
    return json.dumps(dict(inputs), default=str, ensure_ascii=False)[:2000]


def own_id(value: Any) -> str | int | None:
    """The id that a row had before, as JSON can hold it; None for none. A column of numbers with gaps makes floats of them."""
    value = python_value(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return text(value) or None
