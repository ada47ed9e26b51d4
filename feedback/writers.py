"""Lines as files: JSON Lines, Parquet, CSV, or a folder that `datasets.load_from_disk` opens. Whole or not at all.

Each writer takes an iterator of lines and holds only some of them in memory.
"""

import csv
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from feedback.errors import ExportError
from feedback.formats import Columns
from feedback.lines import Line

FOLDER = "datasets"
BATCH, WEIGHT = 1000, 16 << 20
"""Most lines, and about most characters, of a row group."""
LONGEST = 99
"""Most characters of a name that go into that of a hidden file or room beside it."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula."""


def jsonl(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def csv_(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """Lists and records as JSON. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for line in lines:
            if writer is None:
                writer = csv.DictWriter(file, [name for name in columns if name in line])
                writer.writeheader()
            writer.writerow({name: cell(value) for name, value in line.items()})


def cell(value: Any) -> Any:
    """A value as CSV holds it."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def parquet(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """With one schema, whatever the lines hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _type(kind)) for name, kind in columns.items()])
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for batch in _batches(lines):
            file.write_table(pa.Table.from_pylist(batch, schema))


def arrow(lines: Iterable[Line], columns: Columns, path: Path) -> None:
    """A stream as `datasets` keeps it."""
    import pyarrow as pa

    schema = pa.schema([(name, _type(kind)) for name, kind in columns.items()])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for batch in _batches(lines):
            stream.write_table(pa.Table.from_pylist(batch, schema))


Writer = Callable[[Iterable[Line], Columns, Path], None]
WRITERS: dict[str, Writer] = {"jsonl": jsonl, "parquet": parquet, "csv": csv_}
UNTYPED = ("jsonl", "csv")
"""Those whose readers guess the types of the columns."""
ENDINGS = ", ".join(f".{name}" for name in WRITERS)


def kind_of(path: Path) -> str:
    """The writer for a path, by its ending: a key of WRITERS, FOLDER for one without an ending, "" for any other."""
    ending = path.suffix.lstrip(".").lower()
    return FOLDER if not ending else ending if ending in WRITERS else ""


def write(parts: Mapping[str, Iterable[Line]], columns: Columns, path: Path) -> tuple[Path, ...]:
    """Writes the parts of a dataset ({"train": lines}, or train and test) and says where. Raises OSError, ExportError.

    One part is the file `path`; two are NAME-train and NAME-test beside it, written both before either takes its place. A
    folder holds all parts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = kind_of(path)
    if kind == FOLDER:
        return (_folder(parts, columns, path),)
    places = {part: path if len(parts) == 1 else path.with_stem(f"{path.stem}-{part}") for part in parts}
    for place in places.values():
        if place.is_dir():
            raise ExportError(
                f"{place} can't be written: it is a folder.", terminal="Name another place with --to FILE."
            )
    with ExitStack() as stack:
        made: dict[Path, Path] = {}
        for part, lines in parts.items():
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:LONGEST]}-", delete=False) as file:
                made[places[part]] = Path(file.name)
            stack.callback(Path(file.name).unlink, missing_ok=True)
            WRITERS[kind](lines, columns, Path(file.name))
            Path(file.name).chmod(0o644)
        for place, temporary in made.items():
            temporary.replace(place)
    return tuple(made)


def _folder(parts: Mapping[str, Iterable[Line]], columns: Columns, path: Path) -> Path:
    """A `datasets.DatasetDict` on disk. What stands there must be one as well, or nothing."""
    import datasets

    _recover(path)
    if path.exists() and not (path / "dataset_dict.json").is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise ExportError(
            f"{path} is there already and is no dataset of ours; nothing of it was touched. For a single file, end the "
            f"name in one of: {ENDINGS}.",
            terminal="Name another place with --to FOLDER.",
        )
    room = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:LONGEST]}-"))
    quiet = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        found = {}
        for part, lines in parts.items():
            arrow(lines, columns, room / f"{part}.arrow")
            found[part] = datasets.Dataset.from_file(str(room / f"{part}.arrow"))
        datasets.DatasetDict(found).save_to_disk(str(room / "new"))
        if path.exists():
            path.rename(room / "old")
        try:
            (room / "new").rename(path)
        except OSError:
            if (room / "old").exists():
                (room / "old").rename(path)
            raise
    finally:
        if not quiet:
            datasets.enable_progress_bars()
        shutil.rmtree(room, ignore_errors=True)
    return path


def _recover(path: Path) -> None:
    """Puts a dataset in its place that was ready when its export was killed between taking the old one away and that."""
    if path.exists() or len(path.name) > LONGEST:
        return
    room_of = re.compile(rf"{re.escape(f'.{path.name}-')}\w{{8}}")
    for room in path.parent.iterdir():
        if room_of.fullmatch(room.name) and (room / "old").exists() and (room / "new" / "dataset_dict.json").is_file():
            (room / "new").rename(path)
            shutil.rmtree(room, ignore_errors=True)
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


def _type(kind: Any) -> Any:
    """A column's type as pyarrow names it."""
    import pyarrow as pa

    if isinstance(kind, list):
        return pa.list_(_type(kind[0]))
    if isinstance(kind, Mapping):
        return pa.struct([(name, _type(inner)) for name, inner in kind.items()])
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[kind]
