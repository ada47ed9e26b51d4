"""What a task is: a frozen dataclass whose fields are its settings, with `units` and `rows`.

The form in the page and the keys in a recipe come from the fields (tasks/settings.py).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.columns.missing_values import cell_text, is_missing, python_value, text_of_bytes
from tasks.errors import InputError
from tasks.models.base import Model
from tasks.types import Dropped, Row, Unit

if TYPE_CHECKING:
    from tasks.row_shape import RowShape


@dataclass(frozen=True, kw_only=True)
class Task:
    """A way of making rows. Retries, limits, storage and progress are not its business."""

    title: ClassVar[str]
    summary: ClassVar[str]
    columns: ClassVar[tuple[str, ...]] = ()
    """Input columns that each unit must have."""
    optional_columns: ClassVar[tuple[str, ...]] = ()
    """Input columns that are used where they are there."""
    draws: ClassVar[bool] = False
    """True if the task needs no input and can draw rows for ever."""
    calls_model: ClassVar[bool] = True
    """False if the rows are made without any model."""

    @property
    def rows_per_unit(self) -> int:
        """The most rows that one unit can give."""
        return 1

    @property
    def wants_answers(self) -> bool:
        """True if the rows come without a response, so that answering follows."""
        return False

    @property
    def endless(self) -> bool:
        """True if it draws for ever, though it works on input."""
        return False

    @property
    def shape(self) -> "RowShape | None":
        """What every response has, also those that follow; None where any text will do."""
        return None

    @property
    def near_duplicate(self) -> float | None:
        """The similarity (ROUGE-L, 0 to 1) to a seed or an earlier row from which on a row is dropped; None: rows may be alike."""
        return None

    @property
    def round(self) -> int:
        """How many units are shown the same earlier rows, those made before the first of them; 0 if units are shown none."""
        return 0

    def seeds(self, inputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """The texts of the input that rows are compared with, and that stand beside earlier rows. Raises InputError."""
        return iter(())

    def shown(self, unit: Unit, seeds: Sequence[str], rows: Sequence[str], chance: str) -> Unit:
        """The unit with what it is shown of the seeds and of the rows before its round, chosen by a hash of `chance`."""
        return unit

    def units(self, inputs: Iterable[Mapping[str, Any]], mapped: Collection[str] = ()) -> Iterator[Unit]:
        """One unit for each input row, in order. Raises InputError where a column is missing.

        `mapped` are those of its columns that a person chose.
        """
        for index, row in enumerate(inputs):
            self.check(row, index)
            yield Unit(index, row)

    def check(self, row: Mapping[str, Any], index: int) -> None:
        """Raises InputError, naming what is there, if `row` lacks a column that the task needs."""
        for column in self.required_columns():
            self._require(row, index, column)

    def _require(self, row: Mapping[str, Any], index: int, column: str) -> None:
        if column not in row:
            have = ", ".join(sorted(map(str, row))) or "none"
            raise InputError(
                f"Input row {index + 1} has no column '{column}', which {self.title} needs (columns there: {have}). "
                "Rename one of them, or choose which of them it is.",
                column=column,
                terminal=f'In the recipe: [inputs.columns] {column} = "your column".',
            )
        if isinstance(row[column], (bytes, bytearray)) and text_of_bytes(row[column]) is None:
            raise InputError(
                f"Input row {index + 1} has binary data in the column '{column}', not text. Choose another one.",
                column=column,
            )

    def required_columns(self) -> tuple[str, ...]:
        return self.columns

    def recognised(self, row: Mapping[str, Any]) -> str:
        """What the layout of an input is recognised as by its first row, in a sentence; "" where the task knows none."""
        return ""

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        """The rows that one unit gives, in a fixed order, and what had to be dropped."""
        raise TypeError(f"{type(self).__name__} does not say how it makes rows")


def text(value: Any) -> str:
    """A cell of the input as text; nothing for a missing one."""
    return cell_text(value).strip()


def listed(value: Any) -> list[Any]:
    """A list as it is, a JSON text of one read, anything else as a list of one; nothing for nothing."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    value = python_value(value)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def plain(value: Any) -> bool:
    """True for a cell that can be kept beside a row."""
    return isinstance(value, (str, int, float, bool)) and not is_missing(value)
