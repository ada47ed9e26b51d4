"""Files of rows: which reader reads which.

They are read as streams, so that their size does not matter, and no row may be longer than `table.LONGEST_LINE`; every error
names the file, and the line where there are lines.
"""

from app.inputs.encodings import text_lines
from app.inputs.files import Say, Source
from app.inputs.table import Reader, Rows, TableOptions


def _lines(source: Source, options: TableOptions, say: Say) -> Rows:
    for _, line in text_lines(source, options.encoding, say):
        if line.strip():
            yield {"instruction": line.strip()}


def _json_lines(source: Source, options: TableOptions, say: Say) -> Rows:
    from app.inputs.json_rows import json_lines

    return json_lines(source, options, say)


def _json_rows(source: Source, options: TableOptions, say: Say) -> Rows:
    from app.inputs.json_rows import json_rows

    return json_rows(source, options, say)


def _delimited(source: Source, options: TableOptions, say: Say) -> Rows:
    from app.inputs.delimited import rows

    return rows(source, options, say)


def _parquet(source: Source, options: TableOptions, say: Say) -> Rows:
    from app.inputs.columnar import parquet_rows

    return parquet_rows(source, options, say)


def _arrow(source: Source, options: TableOptions, say: Say) -> Rows:
    from app.inputs.columnar import arrow_rows

    return arrow_rows(source, options, say)


def _spreadsheet(source: Source, options: TableOptions, say: Say) -> Rows:
    from app.inputs.spreadsheets import rows

    return rows(source, options, say)


SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
READERS: dict[str, Reader] = {
    ".jsonl": _json_lines, ".ndjson": _json_lines, ".json": _json_rows, ".csv": _delimited, ".tsv": _delimited,
    ".parquet": _parquet, ".feather": _arrow, ".arrow": _arrow, **dict.fromkeys(SPREADSHEETS, _spreadsheet), ".txt": _lines,
}  # fmt: skip
"""What reads them by their ending; each loads its module when it is first needed."""
BY_LIBRARIES = (".parquet", ".feather", ".arrow", *SPREADSHEETS)
"""What nothing stops while it is read, and what may take any room: read in a sandbox."""
