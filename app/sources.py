"""The files that an input is made of: one file, those in a folder, those in a zip.

Nothing is ever unpacked under a name that stands in a zip: its files are read where they are.
"""

import contextlib
import hashlib
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from tasks.errors import InputError

PASTED = ("pasted.jsonl", "pasted.json", "pasted.csv")
MOST_FILES = 100_000
MOST_UNPACKED = 2 * 10**9
"""Bytes that the files of a zip may have in all: what says that it holds more is a bomb, or no training data for one machine."""
WRITTEN_BY_DATASETS = ("dataset_info.json", "dataset_dict.json")
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
"""What reading a damaged zip raises, or one that was packed in a way that Python does not know."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """One file, by the name that people know it by. `inside` is its place in the folder or zip, "" for a file by itself.

    Two that are equal have the same content.
    """

    name: str
    suffix: str
    stamp: tuple[object, ...]
    inside: str
    open: Callable[[], IO[bytes]] = field(compare=False)


def called(path: str | Path) -> str:
    """A file as people know it: by its name; what was pasted into the page has none."""
    name = Path(path).name or str(path)
    return "The pasted text" if name in PASTED else name


@contextlib.contextmanager
def sources(path: Path, known: Collection[str]) -> Iterator[tuple[Iterator[Source], list[str]]]:
    """(the files that `path` names, sorted; sentences about those left out, as their endings are not in `known`).

    Raises InputError or OSError.
    """
    if path.is_dir():
        names, left = _sorted(_in_folder(path), known, f"The folder {called(path)}")
        if found := next((name for name in names if name in WRITTEN_BY_DATASETS), ""):
            raise InputError(
                f"The folder {called(path)} holds {found}: 'datasets' wrote it. Name it as a dataset, not as a file."
            )
        yield (_of_file(path / name, name) for name in names), left
    elif path.suffix.lower() == ".zip":
        with _opened(path) as opened:
            entries = _entries(opened, path)
            names, left = _sorted(entries, known, called(path))
            _check(opened, path, [entries[name] for name in names])
            yield (_of_entry(opened, path, entries[name], name) for name in names), left
    else:
        if path.suffix.lower() not in known:
            endings = ", ".join([*known, ".zip"])
            raise InputError(
                f"{called(path)} has an ending that is not known. It can be {endings}, or a folder of such files."
            )
        yield iter([_of_file(path, "")]), []


def fingerprint(path: Path, known: Collection[str]) -> str:
    """Names the content of a file, or of the files in a folder that would be read. Raises InputError or OSError."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    with sources(path, known) as (found, _):
        for source in found:
            with (path / source.inside).open("rb") as file:
                whole.update(f"{source.inside}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _sorted(names: Collection[str], known: Collection[str], place: str) -> tuple[list[str], list[str]]:
    """(names of files to read, sentences about the others). Raises InputError if there is none to read."""
    taken = sorted(name for name in names if _ending(name) in known)
    others = Counter(_ending(name) for name in names if _ending(name) not in known)
    nested = others.pop(".zip", 0)
    left = []
    if others:
        which = ", ".join(f"{number} {ending or 'without one'}" for ending, number in others.most_common(5))
        more = ", and others" if len(others) > 5 else ""
        are = "1 file is" if others.total() == 1 else f"{others.total()} files are"
        left.append(f"{place}: {are} left out, of an ending that is not known ({which}{more}).")
    if nested:
        left.append(f"{place}: {nested} zip file{'s' * (nested > 1)} in it {'are' if nested > 1 else 'is'} not opened.")
    if not taken:
        why = f" {' '.join(left)}" if left else ""
        raise InputError(f"{place} holds no file that can be read (they end in {', '.join(known)}).{why}")
    return taken, left


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _hidden(parts: Collection[str]) -> bool:
    """True for what systems and programs leave behind: .DS_Store, __MACOSX, the locks of open Word files."""
    return any(part.startswith((".", "~$", "__MACOSX")) for part in parts)


def _in_folder(folder: Path) -> list[str]:
    """Places of all files under a folder; links to other folders are not followed."""

    def stop(error: OSError) -> None:
        raise error

    found: list[str] = []
    for root, folders, files in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not _hidden([name])]
        here = Path(root)
        found += [(here / f).relative_to(folder).as_posix() for f in files if not _hidden([f]) and (here / f).is_file()]
        if len(found) > MOST_FILES:
            raise InputError(f"The folder {called(folder)} holds more than {MOST_FILES:,} files. Name a smaller one.")
    return found


def _of_file(path: Path, inside: str) -> Source:
    said = path.stat()
    name = inside or called(path)
    return Source(
        name,
        path.suffix.lower(),
        (str(path.absolute()), said.st_mtime_ns, said.st_size),
        inside,
        partial(_open_file, path),
    )


def _open_file(path: Path) -> IO[bytes]:
    return path.open("rb")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        opened = zipfile.ZipFile(path)
    except (*DAMAGED, ValueError) as error:
        raise InputError(f"{called(path)} can't be read as a zip file: {words(error)}. Pack it again.") from error
    with opened:
        yield opened


def _entries(opened: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by their places, as said to people: without "..", drive letters and the like.

    Another file at the same place stands under again-1/, the next one under again-2/.
    """
    if len(opened.infolist()) > MOST_FILES:
        raise InputError(f"{called(path)} holds more than {MOST_FILES:,} files. Pack fewer of them.")
    found: dict[str, zipfile.ZipInfo] = {}
    again: Counter[str] = Counter()
    for entry in opened.infolist():
        parts = [
            part for part in PurePosixPath(entry.filename.replace("\\", "/")).parts if part not in ("/", "..", ".")
        ]
        if not entry.is_dir() and parts and not _hidden(parts):
            place = own = "/".join(parts)
            while place in found:
                again[own] += 1
                place = f"again-{again[own]}/{own}"
            found[place] = entry
    return found


def _check(opened: zipfile.ZipFile, path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Reading an entry never gives more bytes than it says that it has, so that what they say can be relied on."""
    if (size := sum(entry.file_size for entry in entries)) > MOST_UNPACKED:
        raise InputError(
            f"{called(path)} would unpack to {size / 10**9:,.1f} GB, which is more than {MOST_UNPACKED // 10**9} GB. "
            "Unpack it yourself and name the folder, if that is meant."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise InputError(f"{called(path)} has a password. Pack it again without one.")


def _of_entry(opened: zipfile.ZipFile, path: Path, entry: zipfile.ZipInfo, place: str) -> Source:
    suffix = _ending(place)
    stamp = (
        str(path.absolute()),
        path.stat().st_mtime_ns,
        entry.filename,
        entry.header_offset,
        entry.CRC,
        entry.file_size,
    )
    return Source(f"{place} in {called(path)}", suffix, stamp, place, partial(_open_entry, opened, entry, suffix))


def _open_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, suffix: str) -> IO[bytes]:
    """The entry as a stream; Parquet is read back and forth, and gets a nameless file of its own."""
    if suffix != ".parquet":
        return opened.open(entry)
    with contextlib.ExitStack() as failed:
        own = failed.enter_context(tempfile.TemporaryFile())
        with opened.open(entry) as packed:
            shutil.copyfileobj(packed, own)
        own.seek(0)
        failed.pop_all()
    return own


def words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
