"""CSV and its kin: any separator, encoding and quoting, as spreadsheets, databases and pandas write them.

pandas reads the cells, each as the text that it is written as: 007 and 1.10 stay what they are. By itself it would hold a whole
file when a quote is left open, and it counts rows where people count lines. So it is given whole rows, some at a time: which
lines a row spans is told here, and no row may be longer than `LONGEST_LINE`.
"""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from app.inputs.encodings import text_lines
from app.inputs.files import Say, Source
from app.inputs.table import LONGEST_LINE, Rows, TableOptions, column_names, numbered
from tasks.errors import InputError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Those that are detected, as they are called."""
SAMPLE = 50
"""Rows that show which the separator is."""
SAMPLE_SIZE = 2**16
TOGETHER = 2**18
"""Characters of rows that pandas is given together."""
CELLS_TOGETHER = 2**20
"""Cells of the table that these become. A short row has as many as any other."""


class Records:
    """The rows of a text as they are written: (number of the first line, lines as one text without the last end)."""

    def __init__(self, source: Source, lines: Iterator[tuple[int, str]], separator: str) -> None:
        self._source = source
        self._lines = lines
        self._separator = separator

    def __iter__(self) -> Iterator[tuple[int, str]]:
        parts: list[str] = []
        first_line = length = 0
        inside = False
        for number, line in self._lines:
            if not inside and not line.strip("\r\n"):
                continue
            first_line = first_line if inside else number
            length += len(line)
            if length > LONGEST_LINE:
                raise InputError(
                    f"{self._source.name}, line {number}: the row is longer than {LONGEST_LINE // 10**6} MB. "
                    "Is a quote left open?"
                )
            if inside or '"' in line:
                inside = self._open(line, number, inside)
            parts.append(line)
            if not inside:
                yield first_line, "".join(parts).rstrip("\r\n")
                parts.clear()
                length = 0
        if inside:
            raise InputError(
                f"{self._source.name}, line {first_line} can't be read as CSV: a quote is opened and never closed. "
                "Write a quote in a cell twice."
            )

    def _open(self, line: str, number: int, inside: bool) -> bool:
        """True if a quote is open at the end of a line; `inside`: at its beginning, too. Else it begins with a cell."""
        position = 0
        if not inside and line.startswith('"'):
            position, inside = 1, True
        while True:
            if inside:
                closing = line.find('"', position)
                while closing >= 0 and line.startswith('""', closing):
                    closing = line.find('"', closing + 2)
                if closing < 0:
                    return True
                position, inside = closing + 1, False
                rest = line[position : position + 2]
                if rest and not rest.startswith((self._separator, "\n", "\r")):
                    raise InputError(
                        f"{self._source.name}, line {number} can't be read as CSV: something follows a quoted cell. "
                        "Write a quote in a cell twice, or choose the separator."
                    )
            following = line.find(self._separator, position)
            if following < 0:
                return False
            position = following + 1
            if line.startswith('"', position):
                position, inside = position + 1, True


def rows(source: Source, options: TableOptions, say: Say) -> Rows:
    """The rows of a CSV or TSV file. Raises InputError with the line."""
    csv.field_size_limit(LONGEST_LINE)
    lines = text_lines(source, options.encoding, say)
    separator, lines = _separated(source, lines, options, say)
    records = iter(Records(source, lines, separator))
    if (first := next(records, None)) is None:
        return
    cells = _first_cells(source, *first, separator)
    if options.header:
        names = column_names(source, cells)
    else:
        names = column_names(source, numbered(len(cells)))
        records = itertools.chain([first], records)
    for block in _blocks(records, len(names)):
        yield from _by_pandas(source, block, names, separator)


def _first_cells(source: Source, number: int, record: str, separator: str) -> list[str]:
    """The cells of the first row. Raises InputError where rows end in it: then line feeds are not what ends them."""
    try:
        return next(csv.reader([record], delimiter=separator))
    except csv.Error as error:
        raise InputError(
            f"{source.name}, line {number} can't be read as CSV: a carriage return stands in the first row, outside of quotes. "
            "End each row with a line feed."
        ) from error


def _separated(
    source: Source, lines: Iterator[tuple[int, str]], options: TableOptions, say: Say
) -> tuple[str, Iterator[tuple[int, str]]]:
    """(the separator, the lines without one that only names it, quotes in cells written twice)."""
    head = list(itertools.islice(_some(lines), SAMPLE))
    default = "\t" if source.suffix == ".tsv" else ","
    named = ""
    if head and (line := head[0][1].strip("\r\n")).lower().startswith("sep=") and len(line) in (4, 5):
        named = line[4:] or default
        head = head[1:]
    separator = options.separator or named or separator_of([line for _, line in head], default)
    if not options.separator and not named and separator != default:
        say(f"{source.name} is read as separated by {SEPARATORS[separator]}.")
    whole: Iterator[tuple[int, str]] = itertools.chain(head, lines)
    if _escaped([line for _, line in head], separator):
        say(f"{source.name}: quotes in cells are read as escaped with a backslash.")
        whole = ((number, line.replace('\\"', '""')) for number, line in whole)
    return separator, whole


def _escaped(lines: Sequence[str], separator: str) -> bool:
    """True where quotes in cells have a backslash in front, as Spark and MySQL write them, and can't be read otherwise."""
    if not any('\\"' in line for line in lines):
        return False
    doubled = [line.replace('\\"', '""') for line in lines]
    return not _is_strict(lines, separator) and _is_strict(doubled, separator)


def _is_strict(lines: Sequence[str], separator: str) -> bool:
    """True if the lines are CSV without a fault; the last row may go on behind them."""
    try:
        for _ in csv.reader(lines, delimiter=separator, strict=True):
            continue
    except csv.Error as error:
        return "unexpected end" in str(error)
    return True


def _some(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    size = 0
    for number, line in lines:
        yield number, line
        size += len(line)
        if size > SAMPLE_SIZE:
            return


def separator_of(lines: Sequence[str], default: str = ",") -> str:
    """What separates the cells of a table that begins with these lines: what gives each row the number of cells of the first.

    Where several do, `default` is taken, else what gives the most cells; where none does, what parts the first row.
    """
    widths = {separator: _widths(lines, separator) for separator in (default, *SEPARATORS)}
    parting = {separator: counts[0] for separator, counts in widths.items() if counts and counts[0] > 1}
    even = [separator for separator in parting if len(set(widths[separator])) == 1]
    for candidates in (even, list(parting)):
        if default in candidates:
            return default
        if candidates:
            return max(candidates, key=lambda separator: parting[separator])
    return default


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    """How many cells each row has; without the last, which may go on behind the lines."""
    try:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator) if cells]
    except csv.Error:
        return []
    return widths[:-1] if len(widths) > 2 else widths


def _blocks(records: Iterator[tuple[int, str]], columns: int) -> Iterator[list[tuple[int, str]]]:
    block, size = [], 0
    for record in records:
        block.append(record)
        size += len(record[1])
        if size > TOGETHER or len(block) * columns > CELLS_TOGETHER:
            yield block
            block, size = [], 0
    if block:
        yield block


def _by_pandas(source: Source, block: Sequence[tuple[int, str]], names: Sequence[str], separator: str) -> Rows:
    import pandas as pd

    # pandas lets the first row have more cells than there are columns, and no other: one of blanks says how many there are,
    # one more than have a name, in which nothing may stand
    text = "\n".join([separator * len(names), *(record for _, record in block)])
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=range(len(names) + 1),
            index_col=False,
            dtype=object,
            keep_default_na=False,
            na_values=[],
            skip_blank_lines=False,
            lineterminator="\n",
            engine="c",
        )
    except pd.errors.ParserError as error:
        raise _too_many(source, block, len(names), separator) from error
    columns: list[list[Any]] = [frame[number].tolist()[1:] for number in range(len(names) + 1)]
    if any(columns[-1]):
        raise _too_many(source, block, len(names), separator)
    for cells in zip(*columns[:-1], strict=True):
        yield dict(zip(names, cells, strict=True))


def _too_many(source: Source, block: Sequence[tuple[int, str]], columns: int, separator: str) -> InputError:
    for number, record in block:
        cells = next(csv.reader([record.replace("\r", " ")], delimiter=separator))
        if len(cells) > columns and (len(cells) > columns + 1 or cells[-1]):
            return InputError(f"{source.name}, line {number} has more cells than the header names columns.")
    return InputError(f"{source.name}, line {block[0][0]} and those behind it can't be read as CSV.")
