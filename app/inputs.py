"""Reading the input of a run: a file of rows, or a dataset by its id.

Files are read as streams, so that their size does not matter; every error names file and line.
"""

import csv
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tasks.errors import InputError, SettingsError
from tasks.settings import setting

LONGEST_LINE = 10_000_000
MOST_ROWS = 10**12
PASTED = ("pasted.jsonl", "pasted.json", "pasted.csv")
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a task works on."""

    title: ClassVar[str] = "inputs"

    path: str = setting("", "A file: .jsonl, .json, .csv, .tsv, .parquet or .txt (a line a row, column 'instruction').")
    dataset: str = setting("", "A dataset of the Hugging Face Hub, or a folder that 'datasets' wrote.")
    split: str = setting("train", "The split of that dataset.")
    columns: dict[str, str] = setting({}, "The task's name of a column = your name of it.")
    skip: int = setting(0, "Rows to leave out at the beginning.")
    limit: int | None = setting(None, "Most rows to take.")

    def __post_init__(self) -> None:
        if self.path and self.dataset:
            raise SettingsError("[inputs] has both a path and a dataset: name one of them.")
        if "\0" in self.path + self.dataset:
            raise SettingsError("[inputs] names a path that no file can have: it holds a NUL character.")
        if self.skip < 0 or (self.limit is not None and self.limit < 1):
            raise SettingsError("[inputs] skip must not be below 0, and limit not below 1.")
        if max(self.skip, self.limit or 0) > MOST_ROWS:
            raise SettingsError("[inputs] skip and limit must be smaller: no input has so many rows.")

    @property
    def given(self) -> bool:
        return bool(self.path or self.dataset)


def rows(inputs: Inputs) -> Rows:
    """The rows, with the columns renamed. Raises InputError; yields nothing where no input is named."""
    if inputs.path:
        found = _file(Path(inputs.path).expanduser())
    elif inputs.dataset:
        found = _dataset(inputs.dataset, inputs.split)
    else:
        return iter(())
    end = None if inputs.limit is None else inputs.skip + inputs.limit
    taken = itertools.islice(found, inputs.skip, end)
    if (first := next(taken, None)) is None:
        behind = f" behind the first {inputs.skip}, which skip leaves out" if inputs.skip else ""
        raise InputError(f"{called(inputs.path) or inputs.dataset} holds no rows{behind}.")
    return (_renamed(row, inputs.columns) for row in itertools.chain([first], taken))


def fingerprint(inputs: Inputs) -> str:
    """Names the content of an input file, so that a resumed run can tell that it is still the same; "" for others."""
    if not inputs.path:
        return ""
    try:
        with Path(inputs.path).expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{called(inputs.path)} can't be read: {error.strerror}.") from error


def called(path: str | Path) -> str:
    """A file as people know it: by its name; what was pasted into the page has none."""
    name = Path(path).name or str(path)
    return "The pasted text" if name in PASTED else name


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    if missing := [theirs for theirs in columns.values() if theirs not in row]:
        have = ", ".join(map(str, row)) or "none"
        raise InputError(
            f"The input has no column '{missing[0]}' (columns there: {have}). Choose another one.",
            terminal="It is named under [inputs.columns] in the recipe.",
        )
    others = {name: value for name, value in row.items() if name not in columns and name not in columns.values()}
    return {**{ours: row[theirs] for ours, theirs in columns.items()}, **others}


def _file(path: Path) -> Rows:
    readers: dict[str, Callable[[Path], Rows]] = {
        ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".txt": _lines,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    try:
        if path.is_dir():
            raise InputError(f"{called(path)} is a folder, a file is needed.")
        if reader is None:
            raise InputError(f"{called(path)} has an ending that is not known. It can be {', '.join(readers)}.")
        if path.stat().st_size == 0:
            raise InputError(f"{called(path)} is empty.")
        found = reader(path)
        first = next(found, None)
    except OSError as error:
        raise InputError(f"{called(path)} can't be read: {error.strerror or error}.") from error
    if first is None:
        raise InputError(f"{called(path)} holds no rows.")
    return itertools.chain([first], found)


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of a UTF-8 file, a byte order mark left out."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise InputError(
                    f"{called(path)}, line {number} is longer than {LONGEST_LINE // 10**6} MB. Is it the kind of file it says?"
                )
            yield number, _decoded(path, number, line)


def _decoded(path: Path, number: int, line: bytes) -> str:
    if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{called(path)} is UTF-16. Save it as UTF-8.")
    if b"\0" in line:
        raise InputError(f"{called(path)}, line {number} holds binary data, not text. Is it the kind of file it says?")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{called(path)}, line {number} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error


def _jsonl(path: Path) -> Rows:
    for number, line in _text_lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{called(path)}, line {number} is not JSON: {error}. Each line must be one JSON object."
            ) from error
        yield _object(path, f"line {number}", row)


def _json(path: Path) -> Rows:
    try:
        with path.open("rb") as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{called(path)} is not JSON: {error}. A file with an object a line should end in .jsonl."
        ) from error
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), found)
    if not isinstance(found, list):
        raise InputError(f"{called(path)} must hold a list of objects.")
    for number, row in enumerate(found, 1):
        yield _object(path, f"entry {number}", row)


def _object(path: Path, place: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise InputError(f"{called(path)}, {place} is not an object with columns but {str(row)[:40]!r}.")
    return row


def _csv(path: Path) -> Rows:
    csv.field_size_limit(LONGEST_LINE)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader((line for _, line in _text_lines(path)), delimiter=delimiter, strict=True)
    try:
        header = list(reader.fieldnames or ())
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise InputError(f"{called(path)} has two columns named '{twice[0]}'. Rename one of them.")
        for row in reader:
            if None in row:
                raise InputError(
                    f"{called(path)}, line {reader.reader.line_num} has more cells than the header names columns."
                )
            yield {str(name): value for name, value in row.items()}
    except csv.Error as error:
        raise InputError(f"{called(path)}, line {reader.reader.line_num} can't be read as CSV: {error}.") from error


def _lines(path: Path) -> Rows:
    for _, line in _text_lines(path):
        if line.strip():
            yield {"instruction": line.strip()}


def _parquet(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(batch_size=500):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:  # a damaged page is an OSError
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise InputError(f"{called(path)} can't be read as Parquet: {words}.") from error


def _dataset(name: str, split: str) -> Rows:
    import datasets

    try:
        folder = Path(name).expanduser()
        found = datasets.load_from_disk(str(folder)) if folder.is_dir() else datasets.load_dataset(name)
        if isinstance(found, dict):
            if split not in found:
                raise InputError(f"The dataset {name} has no split '{split}', it has {', '.join(map(str, found))}.")
            found = found[split]
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise InputError(f"The dataset {name} can't be loaded: {str(error).splitlines()[0][:200]}") from error
    return (dict(row) for row in found)
