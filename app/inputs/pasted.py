"""What a pasted text is: JSON, a table, or a row a line.

The rule, in this order:

1. JSON, if the first line is an object, or all of it is a list, or objects behind each other.
2. A table with tabs, as spreadsheets copy it, if there are two rows or more and each has the same number of cells, more than one.
3. CSV by commas, semicolons or vertical bars, if that holds as well and the first row can name columns: words without a blank
   around them, all different, none a number, none that ends as a sentence does. "Red, green" above "blue, grey" is prose.
4. CSV, if the first row names a column that the task needs, whatever follows: then what is wrong with it is said.
5. Lines, each a row; or parts of several lines, between lines of ---.
"""

import csv
import io
import json
import re

from app.inputs.delimited import SEPARATORS
from app.inputs.json_stream import JsonStream, without_last_commas
from app.inputs.table import LONGEST_LINE

LINES = "lines"
"""In place of a separator: a row a line, whatever the text looks like."""
PARTS = re.compile(r"^[^\S\n]*---+[^\S\n]*$", re.MULTILINE)
NAME = re.compile(r"[^\W\d_][\w .#/()-]{0,38}[\w)]|[^\W\d]")
"""A cell that can name a column."""
MOST_WORDS = 3
"""In the name of a column."""


def as_file(text: str, columns: tuple[str, ...], separator: str = "") -> tuple[str, str]:
    """(file name, content) of a pasted text for a task that needs `columns`; `separator` or LINES where it was chosen."""
    text = text.replace("\r\n", "\n")
    if separator and separator != LINES:
        return "pasted.csv", text + "\n"
    if not separator and (name := _json(text) or _table(text, columns)):
        return name, text + "\n"
    return "pasted.jsonl", "".join(json.dumps(row) + "\n" for row in _rows(text.strip(), columns))


def as_lines(content: str) -> str:
    """The lines that were pasted, from the rows that they are kept as; "" where they were no plain lines."""
    try:
        rows = [json.loads(line) for line in content.splitlines()]
    except (ValueError, RecursionError):
        return ""
    if not rows or any(not isinstance(row, dict) or len(row) != 1 for row in rows):
        return ""
    texts = [next(iter(row.values())) for row in rows]
    return "\n".join(texts) if all(isinstance(text, str) and "\n" not in text for text in texts) else ""


def _json(text: str) -> str:
    """The name of the file of JSON that it is, "" for none."""
    if not text.startswith(("{", "[")):
        return ""
    try:
        if isinstance(json.loads(without_last_commas(text.partition("\n")[0].rstrip().removesuffix(","))), dict):
            return "pasted.jsonl"
    except (ValueError, RecursionError):
        pass
    try:
        stream = JsonStream(io.BufferedReader(io.BytesIO(text.encode("utf-8", "replace"))), LONGEST_LINE)
        values = list(stream.values())
    except (ValueError, RecursionError):
        return ""
    whole = len(values) == 1 or all(isinstance(value, dict) for value in values)
    return "pasted.json" if whole and isinstance(values[0], (dict, list)) else ""


def _table(text: str, columns: tuple[str, ...]) -> str:
    """The name of the file of cells that it is, "" for none."""
    if len(set(widths := _widths(text, "\t"))) == 1 and len(widths) > 1 and widths[0] > 1:
        return "pasted.tsv"
    for separator in (",", *SEPARATORS):
        widths = _widths(text, separator)
        if not widths or widths[0] < 2:
            continue
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        if not all(map(names_a_column, header)) or len(set(header)) < len(header):
            continue
        if (len(set(widths)) == 1 and len(widths) > 1) or set(columns) & set(header):
            return "pasted.csv"
    return ""


def _widths(text: str, separator: str) -> list[int]:
    """How many cells each row has; nothing where it is no CSV."""
    csv.field_size_limit(LONGEST_LINE)
    try:
        return [len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
    except csv.Error:
        return []


def names_a_column(cell: str) -> bool:
    """True for a cell that can name a column: a few words, without a blank around them, and no sentence."""
    return NAME.fullmatch(cell) is not None and len(cell.split()) <= MOST_WORDS


def _rows(text: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    lines = text.split("\n")
    if len(lines) > 1 and len(columns) == 1 and lines[0].strip() == columns[0]:
        lines = lines[1:]  # a header of one column
    whole = "\n".join(lines)
    if len(columns) == 1:
        items = PARTS.split(whole) if PARTS.search(whole) else lines
        return [{columns[0]: item.strip()} for item in items if item.strip()]
    rows = []
    for part in PARTS.split(whole):
        title, _, rest = part.strip().partition("\n")
        if title:
            rows.append({columns[0]: title.strip(), columns[1]: rest.strip() or title.strip()})
    return rows
