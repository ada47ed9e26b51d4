"""The files that an input is made of: one file, those in a folder, those in a zip.

Nothing is ever unpacked under a name that stands in a zip: its files are read where they are.
"""

import contextlib
import hashlib
import io
import lzma
import os
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from app.file_locks import open_regular
from app.inputs.compression import PACKED, unpacked
from tasks.errors import ClaywrightError, InputError

if TYPE_CHECKING:
    from app.inputs.known_inputs import DigestedFile, KnownInputs

PASTED = ("pasted.jsonl", "pasted.json", "pasted.csv", "pasted.tsv")
"""Names under which app/inputs/pasted.py keeps a text; nobody but us knows them."""
MOST_FILES = 100_000
MOST_UNPACKED = 2 * 10**9
"""Bytes that the files of a zip may have in all: what says that it holds more is a bomb, or no training data for one machine."""
MOST_AT_ONCE = 25 * 10**6
"""Bytes of a zip's list of contents, which is read in one piece and takes some 15 times as much room."""
PACKED_BY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Other methods unpack as much as they like at once, or take gigabytes to begin with."""
BUFFER = 2**16
WRITTEN_BY_DATASETS = ("dataset_info.json", "dataset_dict.json")
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
"""What reading a damaged zip raises, or one that was packed in a way that Python does not know."""
Say = Callable[[str], None]
Still = Callable[[], None]
"""Is called again and again while something is read, and may raise to end that."""


class OutOfTime(ClaywrightError):
    """Reading took longer than it was given."""


def go_on() -> None:
    """Reads on for as long as it takes."""


def within(seconds: float) -> Still:
    """Ends reading after a while. It raises OutOfTime."""
    until = time.monotonic() + seconds

    def still() -> None:
        if time.monotonic() > until:
            raise OutOfTime(f"The input takes longer to read than {seconds:.0f} seconds. Name a smaller one.")

    return still


@dataclass(frozen=True)
class Source:
    """One file, by the name that people know it by. `inside` is its place in the folder or zip, "" for a file by itself.

    Two that are equal have the same content.
    """

    name: str
    suffix: str
    stamp: tuple[object, ...]
    inside: str
    open: Callable[[], io.BufferedReader] = field(compare=False)


def called(path: str | Path) -> str:
    """A file as people know it: by its name; what was pasted into the page has none."""
    name = Path(path).name or str(path)
    return "The pasted text" if name in PASTED else name


@contextlib.contextmanager
def sources(
    path: Path, known: Collection[str], still: Still = go_on, digests: "KnownInputs | None" = None
) -> Iterator[tuple[Iterator[Source], list[str]]]:
    """(the files that `path` names, sorted; sentences about those left out, as their endings are not in `known`).

    `digests` keeps what is found out of the files while they are read. Raises InputError or OSError.
    """
    if path.is_dir():
        places, elsewhere = _in_folder(path, still)
        names, left = _sorted(places, known, f"The folder {called(path)}", elsewhere)
        if marker := next((name for name in names if name in WRITTEN_BY_DATASETS), ""):
            raise InputError(
                f"The folder {called(path)} holds {marker}: 'datasets' wrote it. Name it as a dataset, not as a file."
            )
        yield (_of_file(path / name, name, still, digests) for name in names), left
    elif path.suffix.lower() == ".zip":
        with _opened(path, still) as opened:
            entries = _entries(opened, path)
            names, left = _sorted(entries, known, called(path))
            _check(opened, path, [entries[name] for name in names])
            yield (_of_entry(opened, path, entries[name], name, still) for name in names), left
    else:
        if ending(path.name) not in known:
            raise InputError(
                f"{called(path)} has an ending that is not known. It can be {', '.join(known)}, "
                f"packed as {', '.join(PACKED)} or .zip, or a folder of such files."
            )
        yield iter([_of_file(path, "", still, digests)]), []


def fingerprint(path: Path, known: Collection[str], still: Still = go_on, digests: "KnownInputs | None" = None) -> str:
    """Names the content of a file, or of the files in a folder that would be read. Raises InputError or OSError."""
    digest_of = digest if digests is None else digests.digest
    if not path.is_dir():
        return digest_of(path, still)
    whole = hashlib.sha256()
    with sources(path, known, still) as (files, _):
        for source in files:
            whole.update(f"{source.inside}\0{digest_of(path / source.inside, still)}\n".encode())
    return whole.hexdigest()


def digest(path: Path, still: Still = go_on) -> str:
    """The SHA-256 of an ordinary file. Raises OSError."""
    with _open_file(path, still) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sorted(
    names: Collection[str], known: Collection[str], container: str, elsewhere: int = 0
) -> tuple[list[str], list[str]]:
    """(names of files to read, sentences about the others). Raises InputError if there is none to read."""
    taken = sorted(name for name in names if ending(name) in known)
    others = Counter(ending(name) for name in names if ending(name) not in known)
    nested = others.pop(".zip", 0)
    left = []
    if others:
        endings = ", ".join(f"{number} {ending or 'without one'}" for ending, number in others.most_common(5))
        more = ", and others" if len(others) > 5 else ""
        are = "1 file is" if others.total() == 1 else f"{others.total()} files are"
        left.append(f"{container}: {are} left out, of an ending that is not known ({endings}{more}).")
    if elsewhere:
        are = (
            "1 file is left out: it is a link" if elsewhere == 1 else f"{elsewhere} files are left out: they are links"
        )
        left.append(f"{container}: {are} to outside of it.")
    if nested:
        left.append(
            f"{container}: {nested} zip file{'s' * (nested > 1)} in it {'are' if nested > 1 else 'is'} not opened."
        )
    if not taken:
        why = f" {' '.join(left)}" if left else ""
        raise InputError(f"{container} holds no file that can be read (they end in {', '.join(known)}).{why}")
    return taken, left


def ending(name: str) -> str:
    """The ending of a file's name in small letters; of a packed one, that of what is in it."""
    path = PurePosixPath(name)
    return (PurePosixPath(path.stem) if path.suffix.lower() in PACKED else path).suffix.lower()


def _hidden(parts: Collection[str]) -> bool:
    """True for what systems and programs leave behind: .DS_Store, __MACOSX, the locks of open Word files."""
    return any(part.startswith((".", "~$", "__MACOSX")) for part in parts)


def _in_folder(folder: Path, still: Still) -> tuple[list[str], int]:
    """(places of all files under a folder, how many others are links that lead out of it).

    Links to other folders are not followed: who packs a folder for others does not know what lies there.
    """

    def stop(error: OSError) -> None:
        raise error

    paths: list[str] = []
    elsewhere, whole = 0, folder.resolve()
    for root, folders, files in os.walk(folder, onerror=stop):
        still()
        folders[:] = [name for name in folders if not _hidden([name])]
        parent = Path(root)
        for file in (parent / name for name in files if not _hidden([name])):
            if file.is_symlink() and not file.resolve().is_relative_to(whole):
                elsewhere += file.exists()
            elif file.is_file():
                paths.append(file.relative_to(folder).as_posix())
        if len(paths) > MOST_FILES:
            raise InputError(f"The folder {called(folder)} holds more than {MOST_FILES:,} files. Name a smaller one.")
    return paths, elsewhere


def _of_file(path: Path, inside: str, still: Still, digests: "KnownInputs | None") -> Source:
    stat = path.stat()
    name = inside or called(path)
    return Source(
        name,
        ending(path.name),
        (str(path.absolute()), stat.st_mtime_ns, stat.st_size),
        inside,
        unpacked(path.name, name, partial(_open_file, path, still, digests)),
    )


def _open_file(path: Path, still: Still, digests: "KnownInputs | None" = None) -> io.BufferedReader:
    file = open_regular(path)
    return io.BufferedReader(_Stream(file if digests is None else digests.while_read(file, path), still), BUFFER)


class _Stream(io.RawIOBase):
    """Bytes of a file, or of one in a zip, that ends when `still` says so."""

    def __init__(self, file: "IO[bytes] | DigestedFile", still: Still) -> None:
        self._file = file
        self._still = still

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: Any) -> int:
        self._still()
        read = self._file.read(min(len(buffer), BUFFER))
        buffer[: len(read)] = read
        return len(read)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Archive(io.BufferedReader):
    """A zip file whose list of contents is no longer than may be held."""

    def read(self, size: int | None = -1, /) -> bytes:
        most = size if size is not None and 0 <= size <= MOST_AT_ONCE else MOST_AT_ONCE + 1
        if len(read := super().read(most)) > MOST_AT_ONCE:
            raise InputError("It lists more files than can be read. Pack fewer of them.")
        return read


@contextlib.contextmanager
def _opened(path: Path, still: Still) -> Iterator[zipfile.ZipFile]:
    with _Archive(_Stream(open_regular(path), still), BUFFER) as archive:
        try:
            opened = zipfile.ZipFile(archive)
        except InputError as error:
            raise InputError(f"{called(path)} can't be read as a zip file. {error}") from error
        except (*DAMAGED, ValueError) as error:
            raise InputError(
                f"{called(path)} can't be read as a zip file: {short_error(error)}. Pack it again."
            ) from error
        with opened:
            yield opened


def _entries(opened: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by their places, as said to people: without "..", drive letters and the like.

    Another file at the same place stands under again-1/, the next one under again-2/.
    """
    if len(opened.infolist()) > MOST_FILES:
        raise InputError(f"{called(path)} holds more than {MOST_FILES:,} files. Pack fewer of them.")
    entries: dict[str, zipfile.ZipInfo] = {}
    again: Counter[str] = Counter()
    for entry in opened.infolist():
        parts = [
            part for part in PurePosixPath(entry.filename.replace("\\", "/")).parts if part not in ("/", "..", ".")
        ]
        if not entry.is_dir() and parts and not _hidden(parts):
            name = own = "/".join(parts)
            while name in entries:
                again[own] += 1
                name = f"again-{again[own]}/{own}"
            entries[name] = entry
    return entries


def _check(opened: zipfile.ZipFile, path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Reading an entry never gives more bytes than it says that it has, so that what they say can be relied on."""
    if (size := sum(entry.file_size for entry in entries)) > MOST_UNPACKED:
        raise InputError(
            f"{called(path)} would unpack to {size / 10**9:,.1f} GB, which is more than {MOST_UNPACKED // 10**9} GB. "
            "Unpack it yourself and name the folder, if that is meant."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise InputError(f"{called(path)} has a password. Pack it again without one.")
    if any(entry.compress_type not in PACKED_BY for entry in entries):
        raise InputError(f"{called(path)} is packed in an unusual way. Pack it again, by the usual method (deflate).")


def _of_entry(opened: zipfile.ZipFile, path: Path, entry: zipfile.ZipInfo, inside: str, still: Still) -> Source:
    suffix = ending(inside)
    stamp = (
        str(path.absolute()),
        path.stat().st_mtime_ns,
        entry.filename,
        entry.header_offset,
        entry.CRC,
        entry.file_size,
    )
    name = f"{inside} in {called(path)}"
    return Source(name, suffix, stamp, inside, unpacked(inside, name, partial(_open_entry, opened, entry, still)))


def _open_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, still: Still) -> io.BufferedReader:
    return io.BufferedReader(_Stream(opened.open(entry), still), BUFFER)


def short_error(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
