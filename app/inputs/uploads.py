"""Input that comes through the page: files and pasted text, kept in the data folder so that a run can be resumed from it."""

import errno
import hashlib
import itertools
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.config import Settings
from app.errors import StoreError
from app.files import create_private, open_regular, private_folder
from app.inputs import documents, inputs
from app.inputs.files import OutOfTime, digest, within
from app.inputs.inputs import Inputs
from tasks.errors import InputError

LOOKED_AT = 20
LOOKED_FOR = 10.0
"""Seconds in which the rows of an input are counted."""
MOST_COLUMNS = 1000
"""That are offered to choose from."""
PARTS = re.compile(r"^[^\S\n]*---+[^\S\n]*$", re.MULTILINE)


@dataclass(frozen=True)
class Found:
    """What an input holds: its columns, as its first rows have them, and how many rows; sentences about what is left out.

    `more` is True where there was no time to count all rows.
    """

    columns: tuple[str, ...]
    rows: int
    left: tuple[str, ...] = ()
    more: bool = False


def look(given: Inputs, wanted: Sequence[str] = ()) -> Found:
    """Reads an input to its end, as a task that needs the columns `wanted` would, or for a while. Raises InputError."""
    left: list[str] = []
    columns: dict[str, None] = {}
    counted, more = 0, False
    try:
        whole = replace(given, columns={}, skip=0, limit=None)
        for row in inputs.rows(whole, wanted, left.append, within(LOOKED_FOR)):
            if counted < LOOKED_AT:
                columns.update(dict.fromkeys(str(name) for name in row))
            counted += 1
    except OutOfTime:
        more = True
        if not counted and inputs.documents_in(given, wanted):
            columns = dict.fromkeys(documents.COLUMNS)
        elif not counted:
            raise
    if len(columns) > MOST_COLUMNS:
        left.append(f"It has {len(columns):,} columns; the first {MOST_COLUMNS:,} can be chosen from.")
    return Found(tuple(itertools.islice(columns, MOST_COLUMNS)), counted, tuple(left), more)


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


def keep_text(text: str, columns: Sequence[str], settings: Settings) -> Path:
    """Pasted text as a file of rows: JSON Lines or CSV as they are, else a row a line (or a part, between lines of ---).

    `columns` are those that the task needs. With two of them a part's first line is the first, the rest the second.
    Raises InputError if there is nothing in it.
    """
    if "\0" in text:
        raise InputError("The pasted text holds binary data. Upload it as a file.")
    name, content = _as_rows(text.strip().lstrip("\ufeff"), tuple(columns) or ("instruction",))
    if not content.strip():
        raise InputError("Nothing was pasted yet. Paste lines, JSON Lines or CSV; or upload a file.")
    content = content.encode("utf-8", "replace").decode("utf-8")
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


def _as_rows(text: str, columns: tuple[str, ...]) -> tuple[str, str]:
    """(file name, content)"""
    lines = text.split("\n")
    if text.startswith(("{", "[")):
        if isinstance(_json(lines[0]), dict):
            return "pasted.jsonl", text + "\n"
        if isinstance(_json(text), (dict, list)):
            return "pasted.json", text
    header = [cell.strip().strip('"') for cell in lines[0].split(",")]
    if len(header) > 1 and set(columns) & set(header) and all(re.fullmatch(r"[\w .-]{1,60}", cell) for cell in header):
        return "pasted.csv", text + "\n"
    if len(lines) > 1 and len(columns) == 1 and lines[0].strip() == columns[0]:
        lines = lines[1:]  # a header of one column
    whole = "\n".join(lines)
    made = []
    if len(columns) > 1:
        for part in PARTS.split(whole):
            title, _, rest = part.strip().partition("\n")
            if title:
                made.append({columns[0]: title.strip(), columns[1]: rest.strip() or title.strip()})
    else:
        items = PARTS.split(whole) if PARTS.search(whole) else lines
        made = [{columns[0]: item.strip()} for item in items if item.strip()]
    return "pasted.jsonl", "".join(json.dumps(row) + "\n" for row in made)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
