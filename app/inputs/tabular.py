"""Files of rows: JSON, JSON Lines, CSV, TSV, Parquet, and text with a row a line.

They are read as streams, so that their size does not matter, and no row may be longer than `LONGEST_LINE`; every error names
file and line.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from app.inputs.files import Source
from app.inputs.json_stream import JsonStream, TooLong
from tasks.errors import InputError

LONGEST_LINE = 10_000_000
MOST_COLUMNS = 10_000
FEW_ROWS, ONE_ROW = 32, 1
"""Rows of a Parquet file that are unpacked together, and where they take too much room for that."""
Rows = Iterator[dict[str, Any]]


def text_lines(source: Source) -> Iterator[tuple[int, str]]:
    """(number, line) of a UTF-8 file, a byte order mark left out."""
    with source.open() as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise InputError(
                    f"{source.name}, line {number} is longer than {LONGEST_LINE // 10**6} MB. Is it the kind of file it says?"
                )
            yield number, decoded(source, number, line)


def decoded(source: Source, number: int, line: bytes) -> str:
    if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{source.name} is UTF-16. Save it as UTF-8.")
    if b"\0" in line:
        raise InputError(f"{source.name}, line {number} holds binary data, not text. Is it the kind of file it says?")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.name}, line {number} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error


def _jsonl(source: Source) -> Rows:
    for number, line in text_lines(source):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{source.name}, line {number} is not JSON: {error}. Each line must be one JSON object."
            ) from error
        yield _object(source, f"line {number}", row)


def _json(source: Source) -> Rows:
    """The objects of a list, or of the first list in an object."""
    try:
        with source.open() as file:
            stream = JsonStream(file, LONGEST_LINE)
            for number, row in enumerate(_entries(source, stream), 1):
                yield _object(source, f"entry {number}", row)
    except TooLong as error:
        raise InputError(
            f"{source.name}, {error} is longer than {LONGEST_LINE // 10**6} MB. Save it as .jsonl, with an object a line."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{source.name} is not JSON: {error}. A file with an object a line should end in .jsonl."
        ) from error


def _entries(source: Source, stream: JsonStream) -> Iterator[Any]:
    opening, chosen = stream.peek(), None
    if opening == "[":
        yield from stream.items()
    elif opening == "{":
        for name in stream.members():
            if chosen is None and stream.peek() == "[":
                chosen = name
                yield from stream.items()
            elif name == chosen:
                raise InputError(f"{source.name} has two lists of the name '{name[:40]}'. Rename one of them.")
            else:
                stream.skip()
    else:
        stream.value()
    stream.end()
    if chosen is None and opening != "[":
        raise InputError(f"{source.name} must hold a list of objects.")


def _object(source: Source, place: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InputError(f"{source.name}, {place} is not an object with columns but {str(row)[:40]!r}.")
    return row


def _csv(source: Source) -> Rows:
    csv.field_size_limit(LONGEST_LINE)
    delimiter = "\t" if source.suffix == ".tsv" else ","
    length = 0

    def lines() -> Iterator[str]:
        nonlocal length
        for number, line in text_lines(source):
            length += len(line) if length or line.strip() else 0
            if length > LONGEST_LINE:
                raise InputError(
                    f"{source.name}, line {number}: the row is longer than {LONGEST_LINE // 10**6} MB. Is a quote left open?"
                )
            yield line

    reader = csv.DictReader(lines(), delimiter=delimiter, strict=True)
    try:
        header = list(reader.fieldnames or ())
        if len(header) > MOST_COLUMNS:
            raise InputError(f"{source.name} has more than {MOST_COLUMNS:,} columns. Is it the kind of file it says?")
        if twice := [name for name, times in Counter(header).items() if name and times > 1]:
            raise InputError(f"{source.name} has two columns named '{twice[0]}'. Rename one of them.")
        length = 0
        for row in reader:
            length = 0
            if None in row:
                raise InputError(
                    f"{source.name}, line {reader.reader.line_num} has more cells than the header names columns."
                )
            yield {str(name): value for name, value in row.items()}
    except csv.Error as error:
        raise InputError(f"{source.name}, line {reader.reader.line_num} can't be read as CSV: {error}.") from error


def _lines(source: Source) -> Rows:
    for _, line in text_lines(source):
        if line.strip():
            yield {"instruction": line.strip()}


def _parquet(source: Source) -> Rows:
    """A page that is packed well may hold any number of rows, and a cell that stands once in the file be that of each of them:
    what it takes shows only when it is unpacked, so that a row at a time is tried where several take too much."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = 0
    try:
        with source.open() as file:
            opened = pq.ParquetFile(file, buffer_size=2**20, pre_buffer=False)
            try:
                for batch in opened.iter_batches(FEW_ROWS, use_threads=False):
                    for row in _unpacked(batch):
                        yield row
                        read += 1
            except MemoryError:
                for batch in _behind(opened.iter_batches(ONE_ROW, use_threads=False), read):
                    yield from _unpacked(batch)
    except (pa.ArrowException, OSError) as error:  # a damaged page is an OSError
        if isinstance(error, MemoryError):
            raise
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(f"{source.name} can't be read as Parquet: {words}.") from error


def _unpacked(batch: Any) -> Rows:
    for number in range(batch.num_rows):
        yield from batch.slice(number, 1).to_pylist()


def _behind(batches: Iterator[Any], rows: int) -> Iterator[Any]:
    for batch in batches:
        if rows < batch.num_rows:
            yield batch.slice(rows)
        rows = max(0, rows - batch.num_rows)


READERS: dict[str, Callable[[Source], Rows]] = {
    ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".txt": _lines,
}  # fmt: skip
BY_LIBRARIES = (".parquet",)
"""What nothing stops while it is read, and what may take any room: read in a sandbox."""
