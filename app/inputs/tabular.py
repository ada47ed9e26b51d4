"""Files of rows: which reader reads which.

They are read as streams, so that their size does not matter, and no row may be longer than `table.LONGEST_LINE`; every error
names the file, and the line where there are lines.
"""

from app.inputs import columnar, delimited, json_rows, spreadsheets
from app.inputs.encodings import text_lines
from app.inputs.files import Say, Source
from app.inputs.table import Reader, Rows, TableOptions


def _lines(source: Source, options: TableOptions, say: Say) -> Rows:
    for _, line in text_lines(source, options.encoding, say):
        if line.strip():
            yield {"instruction": line.strip()}


READERS: dict[str, Reader] = {
    ".jsonl": json_rows.json_lines, ".ndjson": json_rows.json_lines, ".json": json_rows.json_rows,
    ".csv": delimited.rows, ".tsv": delimited.rows, ".parquet": columnar.parquet_rows, ".feather": columnar.arrow_rows,
    ".arrow": columnar.arrow_rows, **dict.fromkeys(spreadsheets.ENDINGS, spreadsheets.rows), ".txt": _lines,
}  # fmt: skip
BY_LIBRARIES = (".parquet", ".feather", ".arrow", *spreadsheets.ENDINGS)
"""What nothing stops while it is read, and what may take any room: read in a sandbox."""
