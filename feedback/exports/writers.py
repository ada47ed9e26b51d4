"""Lines as files: JSON Lines, Parquet, CSV, Excel, or a folder that `datasets.load_from_disk` opens. Whole or not at all.

Each writer takes an iterator of lines and holds only some of them in memory.
"""

import csv
import hashlib
import itertools
import json
import math
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from feedback.errors import ExportError
from feedback.exports.file_kinds import ENDINGS, FOLDER, Ready, Replaces, kind_of
from feedback.exports.formats import Columns
from feedback.exports.record_formats import Line

BATCH, WEIGHT = 1000, 16 << 20
"""Most lines, and about most characters, of a row group."""
LONGEST = 99
"""Most characters of a name that go into that of a hidden file or room beside it."""
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
CALLS = "tool_calls"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that make a spreadsheet take it for a formula when it opens a CSV file."""
LIST_ITEM = re.compile(r"[+-]\s")
MOST_ROWS, LONGEST_CELL, LARGEST_INTEGER = 1_048_575, 32_767, 2**53
"""What an Excel sheet holds: rows below the head, characters (UTF-16) of a cell, whole numbers without a gap."""


def jsonl(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def csv_(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """Lists and records as JSON, all else as it is."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for line in lines:
            if writer is None:
                writer = csv.DictWriter(file, [name for name in columns if name in line])
                writer.writeheader()
            writer.writerow({name: cell(value) for name, value in line.items()})


def cell(value: Any) -> Any:
    """A value as a table without types holds it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def protected(value: Any) -> Any:
    """The value; a text that a spreadsheet would take for a formula with an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def is_formula(value: Any) -> bool:
    """True for a text that a spreadsheet would run. An item of a list ("- The Loire") is none: it only shows an error."""
    return isinstance(value, str) and value.startswith(FORMULA) and not LIST_ITEM.match(value)


def xlsx(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """One sheet, a row at a time: numbers and booleans as such, texts as texts, never as formulas or links; the rest as in CSV.

    Raises ExportError for what Excel can't hold whole.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name[:LONGEST]}-") as folder:
        book = Workbook(str(path), {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
        sheet = book.add_worksheet("rows")
        sheet.freeze_panes(1, 0)
        formats = {True: book.add_format({"quote_prefix": True}), False: None}  # a text even when somebody edits it
        try:
            names: list[str] = []
            for row, line in enumerate(lines):
                if row == 0:
                    names = [name for name in columns if name in line]
                    for column, name in enumerate(names):
                        sheet.write_string(0, column, name)
                for column, name in enumerate(names):
                    value = _of_excel(line, name)
                    if isinstance(value, bool):
                        sheet.write_boolean(row + 1, column, value)
                    elif isinstance(value, str):
                        sheet.write_string(row + 1, column, value, formats[value.startswith(FORMULA)])
                    elif value is not None:
                        sheet.write_number(row + 1, column, _Exact(value) if isinstance(value, float) else value)
            book.close()
        except FileCreateError as error:
            raise error.args[0] from error  # an OSError
        finally:
            with suppress(OSError):
                sheet.row_data_fh.close()


class _Exact(float):
    """A number that is written with all its digits: XlsxWriter rounds to 16, a double can need 17."""

    def __format__(self, spec: str) -> str:
        return repr(float(self))


def _of_excel(line: Line, name: str) -> Any:
    """A value of a line as a cell of Excel. Raises ExportError where a cell can't hold it whole."""
    value = cell(line.get(name))
    why = ""
    if isinstance(value, str) and 2 * len(value) > LONGEST_CELL and (size := _utf16(value)) > LONGEST_CELL:
        why = f"no text of more than {LONGEST_CELL:,} characters, and this one has {size:,}"
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        why = f"no whole number above {LARGEST_INTEGER:,} exactly"
    elif isinstance(value, float) and not math.isfinite(value):
        why = "no number that is infinite or undefined"
    if why:
        raise ExportError(
            f"The column {name} of the row {line.get('row_id')} can't be written: Excel holds {why}. Export as Parquet, CSV or "
            "JSON Lines.",
            terminal="Name a file that ends otherwise with --to FILE.",
        )
    return value


def _utf16(text: str) -> int:
    """The length of a text as Excel counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


def parquet(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """With one schema, whatever the lines hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type(kind)) for name, kind in columns.items()])
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for batch in _batches(lines):
            file.write_table(pa.Table.from_pylist([_typed(line, columns) for line in batch], schema))


def arrow(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """A stream as `datasets` keeps it."""
    import pyarrow as pa

    schema = pa.schema([(name, _type(kind)) for name, kind in columns.items()])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for batch in _batches(lines):
            stream.write_table(pa.Table.from_pylist([_typed(line, columns) for line in batch], schema))


Writer = Callable[[Iterable[Line], Columns, Path], None]
WRITERS: dict[str, Writer] = {"jsonl": jsonl, "parquet": parquet, "csv": csv_, "xlsx": xlsx}


def target(path: Path, parts: Collection[str], part: str, number: int = 0) -> Path:
    """Where a part of a dataset goes, or its file of that number: NAME, NAME-train, NAME-00001, NAME-train-00001.

    Of one part alone the name says nothing; a folder holds all parts, and all their files.
    """
    if kind_of(path) == FOLDER:
        return path
    return path.with_stem(f"{path.stem}{f'-{part}' if len(parts) > 1 else ''}{f'-{number:05}' if number else ''}")


def first_targets(path: Path, parts: Collection[str], max_rows: int | None) -> set[Path]:
    """The files that there will be, however many lines there are."""
    return {target(path, parts, part, 0 if max_rows is None else 1) for part in parts}


def check(path: Path, targets: Iterable[Path], replaces: Replaces) -> None:
    """Raises ExportError where one of the `targets` is what may not be replaced."""
    for destination in sorted(set(targets)):
        if destination.is_dir() and kind_of(path) != FOLDER:
            raise ExportError(
                f"{destination} can't be written: it is a folder.", terminal="Name another place with --to FILE."
            )
        if os.path.lexists(destination) and not _empty(destination) and not replaces(destination):
            raise ExportError(
                f"{destination} is there already, and is not what the last export of this run left there; nothing was written."
                " Name another place.",
                terminal="--to FILE names one; --force replaces what is there.",
            )


def check_length(path: Path, lines: int) -> None:
    """Raises ExportError for more lines than a file of that kind can hold."""
    if kind_of(path) == "xlsx" and lines > MOST_ROWS:
        raise ExportError(
            f"{path.name} can't be written: an Excel sheet holds {MOST_ROWS:,} rows, and these are {lines:,}. Export as Parquet, "
            "CSV or JSON Lines.",
            terminal="Name a file that ends otherwise with --to FILE.",
        )


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def seal(path: Path) -> str:
    """Names the content of an exported file, or of all files of an exported folder; "" for what is neither. Raises OSError."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir() or not (path / "dataset_dict.json").is_file():
        return ""
    whole = hashlib.sha256()
    for inner in sorted(path.rglob("*")):
        whole.update(f"{inner.relative_to(path).as_posix()}\0{'' if inner.is_dir() else seal(inner)}\n".encode())
    return whole.hexdigest()


def write(
    parts: Mapping[str, Iterable[Line]],
    columns: Columns,
    path: Path,
    replaces: Replaces = lambda path: True,
    ready: Ready = lambda seals: None,
    max_rows: int | None = None,
) -> tuple[Path, ...]:
    """Writes the parts of a dataset ({"train": lines}, or train and test) and says where. Raises OSError, ExportError.

    All are written before any takes its place. A new file is for its owner alone, one that is replaced keeps its mode.
    With `max_rows` a part is as many numbered files as that takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = kind_of(path)
    check(path, first_targets(path, parts, max_rows), replaces)

    def last_look(seals: Mapping[Path, str]) -> None:
        ready(seals)
        check(path, seals, replaces)  # writing took a while, in which somebody may have put something there

    if kind == FOLDER:
        return (_folder(parts, columns, path, last_look, max_rows),)
    with ExitStack() as stack:
        written: dict[Path, Path] = {}
        for part, lines in parts.items():
            for number, some in _numbered(lines, max_rows):
                with tempfile.NamedTemporaryFile(
                    dir=path.parent, prefix=f".{path.name[:LONGEST]}-", delete=False
                ) as file:
                    written[target(path, parts, part, number)] = Path(file.name)
                stack.callback(Path(file.name).unlink, missing_ok=True)
                WRITERS[kind](some, columns, Path(file.name))
        last_look({destination: seal(temporary) for destination, temporary in written.items()})
        for destination, temporary in written.items():
            temporary.chmod(_mode(destination, PRIVATE))
            temporary.replace(destination)
    return tuple(written)


def _numbered(lines: Iterable[Line], max_rows: int | None) -> Iterator[tuple[int, Iterable[Line]]]:
    """(number from 1, its lines) of each file; one with the number 0 without `max_rows`. Each is read before the next."""
    if max_rows is None:
        yield 0, lines
        return
    rest = iter(lines)
    for number, first in enumerate(rest, 1):
        yield number, itertools.chain([first], itertools.islice(rest, max_rows - 1))


def remove_beyond(path: Path, parts: Collection[str], files: Collection[Path], owned: Replaces) -> tuple[Path, ...]:
    """Removes the numbered files that an earlier, longer export left behind the last of `files`; only those that are `owned`.

    Returns those that are not, and stay: changed since, say, or somebody else's. Raises OSError.
    """
    beyond: list[Path] = []
    for part in parts:
        series = (target(path, parts, part, number) for number in itertools.count(1))
        rest = itertools.dropwhile(lambda file: file in files, series)
        beyond += itertools.takewhile(os.path.lexists, rest)
    kept = []
    for file in reversed(beyond):  # the last first, so that who is killed meanwhile leaves a series without a gap
        if owned(file):
            file.unlink()
        else:
            kept.append(file)
    return tuple(sorted(kept))


def _folder(
    parts: Mapping[str, Iterable[Line]], columns: Columns, path: Path, ready: Ready, max_rows: int | None
) -> Path:
    """A `datasets.DatasetDict` on disk. What stands there must be one as well, or nothing."""
    import datasets

    _recover(path)
    if path.exists() and not (path / "dataset_dict.json").is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise ExportError(
            f"{path} is there already and is no dataset of ours; nothing of it was touched. For a single file, end the "
            f"name in one of: {ENDINGS}.",
            terminal="Name another place with --to FOLDER.",
        )
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:LONGEST]}-"))
    quiet = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        splits = {}
        for part, lines in parts.items():
            arrow(lines, columns, scratch / f"{part}.arrow")
            splits[part] = datasets.Dataset.from_file(str(scratch / f"{part}.arrow"))
        shards = {part: math.ceil(len(dataset) / max_rows) if max_rows else None for part, dataset in splits.items()}
        datasets.DatasetDict(splits).save_to_disk(str(scratch / "new"), num_shards=shards)
        folders, files = _mode(path, PRIVATE_FOLDER), _mode(path / "dataset_dict.json", PRIVATE)
        for inner in (scratch / "new").rglob("*"):
            inner.chmod(folders if inner.is_dir() else files)
        (scratch / "new").chmod(folders)
        ready({path: seal(scratch / "new")})
        if path.exists():
            path.rename(scratch / "old")
        try:
            (scratch / "new").rename(path)
        except OSError:
            if (scratch / "old").exists():
                (scratch / "old").rename(path)
            raise
    finally:
        if not quiet:
            datasets.enable_progress_bars()
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def _mode(path: Path, otherwise: int) -> int:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else otherwise


def _recover(path: Path) -> None:
    """Puts a dataset in its place that was ready when its export was killed between taking the old one away and that."""
    if path.exists() or len(path.name) > LONGEST:
        return
    room_of = re.compile(rf"{re.escape(f'.{path.name}-')}\w{{8}}")
    for scratch in path.parent.iterdir():
        if (
            room_of.fullmatch(scratch.name)
            and (scratch / "old").exists()
            and (scratch / "new" / "dataset_dict.json").is_file()
        ):
            (scratch / "new").rename(path)
            shutil.rmtree(scratch, ignore_errors=True)
            return


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    weight = 0
    for line in lines:
        batch.append(line)
        weight += _weight(line)
        if len(batch) == BATCH or weight > WEIGHT:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(value: Any) -> int:
    """About the characters of a value."""
    if isinstance(value, str):
        return len(value)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_weight, inside))


def _typed(line: Line, columns: Columns) -> Line:
    """A line as a table of types holds it: what a tool is called with is a JSON text, as its names differ from call to call."""
    typed = dict(line)
    for name, kind in columns.items():
        if isinstance(kind, list) and isinstance(kind[0], Mapping) and CALLS in kind[0] and line.get(name):
            typed[name] = [_with_texts(message) if message.get(CALLS) else message for message in line[name]]
    return typed


def _with_texts(message: Mapping[str, Any]) -> Line:
    calls = []
    for call in message[CALLS]:
        function = call.get("function", {})
        arguments = function.get("arguments")
        text = (
            arguments if isinstance(arguments, str) or arguments is None else json.dumps(arguments, ensure_ascii=False)
        )
        calls.append({**call, "function": {**function, "arguments": text}})
    return {**message, CALLS: calls}


def _type(kind: Any) -> Any:
    """A column's type as pyarrow names it."""
    import pyarrow as pa

    if isinstance(kind, list):
        return pa.list_(_type(kind[0]))
    if isinstance(kind, Mapping):
        return pa.struct([(name, _type(inner)) for name, inner in kind.items()])
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[kind]
