"""Parquet, Feather and Arrow files, whose columns are read some rows at a time."""

from collections.abc import Iterator
from typing import Any

from app.inputs.files import Say, Source, short_error
from app.inputs.table import Rows, TableOptions, check_names
from tasks.errors import InputError

FEW_ROWS, ONE_ROW = 32, 1
"""Rows of a Parquet file that are unpacked together, and where they take too much room for that."""
STREAM = b"\xff\xff\xff\xff"
"""What a stream of Arrow begins with."""


def parquet_rows(source: Source, options: TableOptions, say: Say) -> Rows:
    """The rows of a Parquet file.

    A page that is packed well may hold any number of rows, and a cell that stands once in the file be that of each of them:
    what it takes shows only when it is unpacked, so that a row at a time is tried where several take too much.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = 0
    try:
        with source.open() as file:
            opened = pq.ParquetFile(file, buffer_size=2**20, pre_buffer=False)
            check_names(source, opened.schema_arrow.names)
            try:
                for batch in opened.iter_batches(FEW_ROWS, use_threads=False):
                    for row in _unpacked(batch):
                        yield row
                        read += 1
            except MemoryError:
                for batch in _behind(opened.iter_batches(ONE_ROW, use_threads=False), read):
                    yield from _unpacked(batch)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
    ) as error:  # a damaged page is an OSError, fields named alike a ValueError
        if isinstance(error, MemoryError):
            raise
        raise InputError(f"{source.name} can't be read as Parquet: {short_error(error)}.") from error


def _unpacked(batch: Any) -> Rows:
    for number in range(batch.num_rows):
        yield from batch.slice(number, 1).to_pylist()


def _behind(batches: Iterator[Any], rows: int) -> Iterator[Any]:
    for batch in batches:
        if rows < batch.num_rows:
            yield batch.slice(rows)
        rows = max(0, rows - batch.num_rows)


def arrow_rows(source: Source, options: TableOptions, say: Say) -> Rows:
    """The rows of a Feather or Arrow file, or of a stream of Arrow as `datasets` writes it."""
    import pyarrow as pa

    try:
        with source.open() as file:
            for batch in _batches(source, file):
                yield from _unpacked(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, MemoryError):
            raise
        raise InputError(f"{source.name} can't be read as an Arrow file: {short_error(error)}.") from error


def _batches(source: Source, file: Any) -> Iterator[Any]:
    import pyarrow as pa

    head = file.peek(6)[:6]
    if head.startswith(STREAM):
        stream = pa.ipc.open_stream(file)
        check_names(source, stream.schema.names)
        yield from stream
        return
    if head != b"ARROW1":  # what it says about its length can't be relied on
        raise pa.ArrowInvalid("it does not begin as one does (Feather of version 1 is not read)")
    reader = pa.ipc.open_file(file)
    check_names(source, reader.schema.names)
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)
