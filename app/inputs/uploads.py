"""Input that comes through the page: files and pasted text, kept in the data folder so that a run can be resumed from it."""

import errno
import hashlib
import itertools
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.config import Settings
from app.errors import StoreError
from app.file_locks import create_private, open_regular, private_folder
from app.inputs import documents, inputs
from app.inputs.files import OutOfTime, digest, within
from app.inputs.inputs import Inputs
from app.inputs.pasted import as_file
from app.inputs.table import SheetsSaid
from tasks.columns.conversations import NotHeld, conversation, is_conversation, readable
from tasks.columns.missing_values import cell_text
from tasks.errors import InputError
from tasks.types import without_surrogates

LOOKED_AT = 20
LOOKED_FOR = 4.0
"""Seconds in which the rows of an input are counted."""
SHOWN_ROWS, LONGEST_SHOWN = 5, 120
"""First rows that are shown, characters of a cell that are."""
MOST_COLUMNS = 1000
"""That are offered to choose from."""


@dataclass(frozen=True)
class Found:
    """What an input holds: its columns, as its first rows have them, and how many rows; sentences about what is left out.

    `more` is True where there was no time to count all rows. `first` are the first rows as they will be read, each cell as a
    short text. `layout` says in a sentence what the layout is recognised as.
    """

    columns: tuple[str, ...]
    rows: int
    left: tuple[str, ...] = ()
    more: bool = False
    first: tuple[Mapping[str, str], ...] = field(default=(), compare=False)
    layout: str = ""
    sheets: tuple[str, ...] = field(default=(), compare=False)
    """Of a workbook that has several."""


def look(
    source: Inputs, needed: Sequence[str] = (), recognise: Callable[[Mapping[str, Any]], str] | None = None
) -> Found:
    """Reads an input to its end, as a task that needs the columns `needed` would, or for a while. Raises InputError.

    `recognise` says what the first row is of.
    """
    left: list[str] = []
    columns: dict[str, None] = {}
    counted, more = 0, False
    first: list[dict[str, str]] = []
    layout = ""
    try:
        whole = replace(source, columns={}, skip=0, limit=None)
        for row in inputs.rows(whole, needed, left.append, within(LOOKED_FOR)):
            if counted < LOOKED_AT:
                columns.update(dict.fromkeys(str(name) for name in row))
            if source.skip <= counted < source.skip + SHOWN_ROWS:
                shown = itertools.islice(row.items(), MOST_COLUMNS)
                first.append({str(name): short(value) for name, value in shown})
            if counted == source.skip and recognise is not None:
                layout = recognise(row)
            counted += 1
    except OutOfTime:
        more = True
        if not counted and inputs.documents_in(source, needed):
            columns = dict.fromkeys(documents.COLUMNS)
        elif not counted:
            raise
    sheets = next((sentence.names for sentence in left if isinstance(sentence, SheetsSaid)), ())
    if len(columns) > MOST_COLUMNS:
        left.append(f"It has {len(columns):,} columns; the first {MOST_COLUMNS:,} can be chosen from.")
    return Found(
        tuple(itertools.islice(columns, MOST_COLUMNS)), counted, tuple(left), more, tuple(first), layout, sheets
    )


def short(value: Any) -> str:
    """A cell as a text of a line, cut where it is long; a conversation as who says what."""
    text = " ".join((_spoken(value) or cell_text(value))[: 2 * LONGEST_SHOWN].split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN].rstrip()} …"


def _spoken(value: Any) -> str:
    """The turns of a conversation; "" for anything else."""
    try:
        turns = conversation(value) if is_conversation(value) else []
    except NotHeld:
        return ""
    return " · ".join(f"{turn['role']}: {readable(turn)}" for turn in turns)


def keep_file(path: Path, settings: Settings) -> Path:
    """A file, copied under its name to where runs find it again."""
    try:
        return _kept(settings, digest(path)[:16], path.name, lambda part: _copy(path, part))
    except OSError as error:
        raise _unkept(f"The file {path.name}", error) from error


def keep_files(paths: Sequence[Path], settings: Settings) -> Path:
    """One file as `keep_file` keeps it; several as one folder, each under its name."""
    if len(paths) == 1:
        return keep_file(paths[0], settings)
    try:
        whole = hashlib.sha256()
        for path in paths:
            whole.update(f"{path.name}\0{digest(path)}\n".encode())
        return _kept(
            settings, whole.hexdigest()[:16], f"{len(paths)} files", lambda part: _copied(paths, part), shutil.rmtree
        )
    except OSError as error:
        raise _unkept("The files", error) from error


def _copied(paths: Sequence[Path], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for path in paths:
        target, again = folder / path.name, 2
        while target.exists():
            target, again = folder / f"{path.stem} ({again}){path.suffix}", again + 1
        _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    with open_regular(path) as file, create_private(target) as copy:
        shutil.copyfileobj(file, copy, 2**20)


def keep_rows(rows: Iterable[Mapping[str, Any]], name: str, settings: Settings) -> Path:
    """Rows from elsewhere, written down as they come: a file of JSON Lines that a run can be resumed from."""
    folder = settings.data / "inputs"
    part = folder / f".rows.{secrets.token_hex(4)}"
    content = hashlib.sha256()
    try:
        private_folder(folder)
        with create_private(part) as file:
            for row in rows:
                line = json.dumps(row).encode() + b"\n"
                content.update(line)
                file.write(line)
        safe = re.sub(r"[^\w .-]", "_", name).strip(". ") or "rows"
        return _kept(settings, content.hexdigest()[:16], f"{safe[:80]}.jsonl", part.replace)
    except OSError as error:
        raise _unkept(f"The rows of {name}", error) from error
    finally:
        part.unlink(missing_ok=True)


def keep_text(text: str, columns: Sequence[str], settings: Settings, separator: str = "") -> Path:
    """Pasted text as a file of rows: what app/inputs/pasted.py takes it for.

    `columns` are those that the task needs; `separator` makes a table of it, LINES a row a line. Raises InputError if there is
    nothing in it.
    """
    if "\0" in text:
        raise InputError("The pasted text holds binary data. Upload it as a file.")
    name, content = as_file(text.strip("\r\n ").strip("\ufeff"), tuple(columns) or ("instruction",), separator)
    if not content.strip():
        raise InputError("Nothing was pasted yet. Paste lines, a table, JSON Lines or CSV; or upload a file.")
    content = without_surrogates(content)
    named = hashlib.sha256(content.encode()).hexdigest()[:16]
    try:
        return _kept(settings, named, name, lambda part: _write(part, content))
    except OSError as error:
        raise _unkept("The pasted text", error) from error


def _write(path: Path, content: str) -> None:
    with create_private(path) as file:
        file.write(content.encode())


def _unkept(what: str, error: OSError) -> StoreError:
    advice = " Name another file." if error.errno in (errno.EINVAL, errno.EPERM) else " Make room and try again."
    return StoreError(f"{what} can't be kept: {error.strerror or error}.{advice}")


def _kept(
    settings: Settings,
    named: str,
    name: str,
    write: Callable[[Path], object],
    remove: Callable[[Path], object] = Path.unlink,
) -> Path:
    """The file or folder of that name and content, written whole or not at all."""
    target = settings.data / "inputs" / named / name
    if not target.exists():
        private_folder(target.parent.parent)
        private_folder(target.parent)
        part = target.with_name(f".{name}.{secrets.token_hex(4)}")
        try:
            write(part)
            part.replace(target)
        finally:
            if part.exists():
                remove(part)
    return target
