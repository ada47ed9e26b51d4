"""Excel and OpenDocument spreadsheets: the sheet that is named, else the first that holds anything.

pandas reads them with calamine. A cell becomes what the sheet shows of it: a text, a number without the noise of its binary form
(3, not 3.0; 0.3, not 0.30000000000000004), a date as ISO text.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from app.inputs.files import Say, Source, short_error
from app.inputs.table import Rows, SheetsSaid, TableOptions, column_names, numbered
from tasks.errors import InputError

DIGITS = 15
"""That a spreadsheet shows of a number."""
SHEETS_NAMED, MOST_SHEETS = 10, 200
"""In a sentence, and to choose from."""


def rows(source: Source, options: TableOptions, say: Say) -> Rows:
    """The rows of one sheet. Raises InputError."""
    import pandas as pd
    from python_calamine import CalamineError, ZipError

    try:
        with source.open() as file, pd.ExcelFile(file, engine="calamine") as book:
            table = _table(source, book, options, say)
    except MemoryError:
        raise
    except (CalamineError, ZipError, ValueError, OSError, KeyError, OverflowError) as error:
        raise InputError(
            f"{source.name} can't be read as a spreadsheet: {short_error(error)}. Is it protected, or damaged?"
        ) from error
    if not table:
        return
    used = [number for number in range(len(table[0])) if any(row[number] != "" for row in table)]
    if options.header:
        names = column_names(source, [_name(table[0][number]) for number in used])
        table = table[1:]
    else:
        names = column_names(source, numbered(len(used)))
    for row in table:
        yield {name: _cell(row[number]) for name, number in zip(names, used, strict=True)}


def _table(source: Source, book: Any, options: TableOptions, say: Say) -> list[Sequence[Any]]:
    """The rows of the sheet that is meant, without those in which nothing stands."""
    sheets = [str(name) for name in book.sheet_names]
    named = ", ".join(sheets[:SHEETS_NAMED])
    if options.sheet and options.sheet not in sheets:
        raise InputError(f"{source.name} has no sheet '{options.sheet[:40]}' (sheets there: {named}).")
    for sheet in [options.sheet] if options.sheet else sheets:
        frame = book.parse(sheet, header=None, dtype=object, na_filter=False)
        table = [row for row in frame.itertuples(index=False, name=None) if any(cell != "" for cell in row)]
        if table:
            if not options.sheet and len(sheets) > 1:
                sentence = SheetsSaid(f"{source.name}: its sheet '{sheet[:40]}' is read (sheets there: {named}).")
                sentence.names = tuple(sheets[:MOST_SHEETS])
                say(sentence)
            return table
    return []


def _name(value: Any) -> str:
    cell = _cell(value)
    return "" if cell is None else str(cell).strip()


def _cell(value: Any) -> Any:
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if value != value:
            return None
        shown = float(f"{value:.{DIGITS}g}")
        return int(shown) if shown.is_integer() and abs(shown) < 10**DIGITS else shown
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)
