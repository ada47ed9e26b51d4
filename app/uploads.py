"""Input that comes through the page: files and pasted text, kept in the data folder so that a run can be resumed from it."""

import hashlib
import itertools
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app import inputs
from app.config import Settings
from app.errors import StoreError
from app.inputs import Inputs
from tasks.errors import InputError

LOOKED_AT = 20
PARTS = re.compile(r"^\s*---+\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Found:
    """What an input holds: its columns, as its first rows have them, and how many rows."""

    columns: tuple[str, ...]
    rows: int


def look(given: Inputs) -> Found:
    """Reads an input to its end. Raises InputError."""
    rows = inputs.rows(replace(given, columns={}, skip=0, limit=None))
    first = list(itertools.islice(rows, LOOKED_AT))
    columns = dict.fromkeys(str(name) for row in first for name in row)
    return Found(tuple(columns), len(first) + sum(1 for _ in rows))


def keep_file(path: Path, settings: Settings) -> Path:
    """A file, copied to where runs find it again; the same content is kept once."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        target = _folder(settings) / digest / path.name
        if not target.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            shutil.copyfile(path, part)
            part.replace(target)
    except OSError as error:
        raise StoreError(
            f"The file {path.name} can't be kept: {error.strerror or error}. Make room and try again."
        ) from error
    return target


def keep_text(text: str, columns: Sequence[str], settings: Settings) -> Path:
    """Pasted text as a file of rows: JSON Lines or CSV as they are, else a row a line (or a part, between lines of ---).

    `columns` are those that the task needs. With two of them a part's first line is the first, the rest the second.
    Raises InputError if there is nothing in it.
    """
    text = text.strip().lstrip("\ufeff")
    if not text:
        raise InputError("Nothing was pasted yet. Paste lines, JSON Lines or CSV; or upload a file.")
    name, content = _as_rows(text, tuple(columns) or ("instruction",))
    content = content.encode("utf-8", "replace").decode("utf-8")
    target = _folder(settings) / hashlib.sha256(content.encode()).hexdigest()[:16] / name
    try:
        if not target.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            target.write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        raise StoreError(
            f"The pasted text can't be kept: {error.strerror or error}. Make room and try again."
        ) from error
    return target


def _folder(settings: Settings) -> Path:
    folder = settings.data / "inputs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _as_rows(text: str, columns: tuple[str, ...]) -> tuple[str, str]:
    """(file name, content)"""
    lines = text.splitlines()
    if lines[0].lstrip().startswith("{"):
        return "pasted.jsonl", text + "\n"
    if lines[0].lstrip().startswith("["):
        return "pasted.json", text
    header = [cell.strip().strip('"') for cell in lines[0].split(",")]
    if len(lines) > 1 and set(columns) & set(header) and all(re.fullmatch(r"[\w .-]{1,60}", cell) for cell in header):
        return "pasted.csv", text + "\n"
    if len(columns) > 1:
        made = []
        for part in PARTS.split(text):
            title, _, rest = part.strip().partition("\n")
            if title:
                made.append({columns[0]: title.strip(), columns[1]: rest.strip() or title.strip()})
    else:
        made = [
            {columns[0]: line.strip()} for line in (PARTS.split(text) if PARTS.search(text) else lines) if line.strip()
        ]
    return "pasted.jsonl", "".join(json.dumps(row) + "\n" for row in made)
