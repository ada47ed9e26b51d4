"""Files of rows: JSON, JSON Lines, CSV, TSV, Parquet, and text with a row a line.

They are read as streams, so that their size does not matter; every error names file and line.
"""

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

from app.sources import Source
from tasks.errors import InputError

LONGEST_LINE = 10_000_000
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
    try:
        with source.open() as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{source.name} is not JSON: {error}. A file with an object a line should end in .jsonl."
        ) from error
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), found)
    if not isinstance(found, list):
        raise InputError(f"{source.name} must hold a list of objects.")
    for number, row in enumerate(found, 1):
        yield _object(source, f"entry {number}", row)


def _object(source: Source, place: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InputError(f"{source.name}, {place} is not an object with columns but {str(row)[:40]!r}.")
    return row


def _csv(source: Source) -> Rows:
    csv.field_size_limit(LONGEST_LINE)
    delimiter = "\t" if source.suffix == ".tsv" else ","
    reader = csv.DictReader((line for _, line in text_lines(source)), delimiter=delimiter, strict=True)
    try:
        header = list(reader.fieldnames or ())
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise InputError(f"{source.name} has two columns named '{twice[0]}'. Rename one of them.")
        for row in reader:
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with source.open() as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=500):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:  # a damaged page is an OSError
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(f"{source.name} can't be read as Parquet: {words}.") from error


READERS: dict[str, Callable[[Source], Rows]] = {
    ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".txt": _lines,
}  # fmt: skip
