"""What all files of rows have in common: how they are to be read, how long a row may be, what a header may hold."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.inputs.files import Say, Source
from tasks.errors import InputError

LONGEST_LINE = 10_000_000
"""Characters of a line or a row."""
MOST_COLUMNS = 10_000
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read, where that can't be told from its file: "" lets the reader find out.

    `header` is False where the first row holds values already; the columns are then "column 1", "column 2" and so on.
    """

    separator: str = ""
    header: bool = True
    sheet: str = ""
    encoding: str = ""


class SheetsSaid(str):
    """A sentence about a workbook of several sheets, with their names."""

    names: tuple[str, ...] = ()


Reader = Callable[[Source, TableOptions, Say], Rows]
"""Reads a file as rows. What it had to guess, it says. Raises InputError."""


def column_names(source: Source, header: Sequence[str]) -> list[str]:
    """The names of the columns; one without a name is called by its number. Raises InputError where two are named alike."""
    if len(header) > MOST_COLUMNS:
        raise InputError(f"{source.name} has more than {MOST_COLUMNS:,} columns. Is it the kind of file it says?")
    names = [name if name.strip() else f"column {number}" for number, name in enumerate(header, 1)]
    check_names(source, names)
    return names


def check_names(source: Source, names: Sequence[str]) -> None:
    """Raises InputError where two columns are named alike: a row could hold one of them only."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise InputError(f"{source.name} has two columns named '{twice[0][:40]}'. Rename one of them.")


def numbered(columns: int) -> list[str]:
    """The names of the columns of a table without a header."""
    return [f"column {number}" for number in range(1, columns + 1)]
