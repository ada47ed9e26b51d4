"""What is known of inputs that were read already, so that a run reads its input twice and not five times.

A file's digest is taken while its rows are read for the first time. It holds for as long as the system says that the file is
the same: its number, size and times.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.inputs.files import Still, digest, go_on
from app.store.cache import Cache

MOST = 10_000
"""Files, and runs, that are remembered."""
SETTLED = 0.05
"""Seconds: systems set the times of files by a clock that moves every few milliseconds."""
Identity = tuple[str, int, int, int, int, int]


@dataclass(frozen=True)
class Counted:
    """An input that was read to its end: how many units it gives a task (None: there is no end), and what is left out of it."""

    task: object
    inputs: object
    units: int | None
    left_out: tuple[str, ...]


class KnownInputs:
    """Digests of files, and what the inputs of new runs come to. Safe to use from several threads.

    A file that was changed less than `settled` seconds ago is not remembered: it may change again without getting another time.
    """

    def __init__(self, settled: float = SETTLED) -> None:
        self.settled = settled
        self._counted: Cache[str, Counted] = Cache(MOST)
        self._digests: Cache[Path, str] = Cache(MOST)

    def digest(self, path: Path, still: Still = go_on) -> str:
        """The SHA-256 of an ordinary file, which is read if it has to be. Raises OSError."""
        identity = identity_of(path.stat(), path)
        if (known := self._digests.known(path.absolute(), identity)) is not None:
            return known
        known = digest(path, still)
        self.keep(identity, known, path)
        return known

    def keep_count(self, run_id: str, counted: Counted) -> None:
        """Remembers what the input of a run comes to, until somebody works the run."""
        self._counted.keep(run_id, counted, (counted.task, counted.inputs))

    def take_count(self, run_id: str, task: object, inputs: object) -> Counted | None:
        """What is remembered of a run, once; None where nothing is, or where it is to be worked by another task or input."""
        return self._counted.take(run_id, (task, inputs))

    def keep(self, identity: Identity, known: str, path: Path) -> None:
        """Remembers the digest of a file that was read, unless it is another one by now."""
        try:
            status = path.stat()
        except OSError:
            return
        changed = max(status.st_mtime_ns, status.st_ctime_ns) / 1e9
        if identity_of(status, path) == identity and time.time() - changed >= self.settled:
            self._digests.keep(path.absolute(), known, identity)

    def while_read(self, file: IO[bytes], path: Path) -> "DigestedFile":
        """The opened file, whose digest is kept once it was read from its beginning to its end."""
        return DigestedFile(file, path, self)


class DigestedFile:
    """An opened file that takes its digest on the way; whoever jumps about in it gets none."""

    def __init__(self, file: IO[bytes], path: Path, known: KnownInputs) -> None:
        self._file, self._path, self._known = file, path, known
        self._identity = identity_of(os.fstat(file.fileno()), path)
        self._sha256: hashlib._Hash | None = hashlib.sha256()

    def read(self, size: int) -> bytes:
        block = self._file.read(size)
        if self._sha256 is not None:
            self._sha256.update(block)
            if not block:
                self._known.keep(self._identity, self._sha256.hexdigest(), self._path)
                self._sha256 = None
        return block

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._sha256 = None
        return self._file.seek(offset, whence)

    def seekable(self) -> bool:
        return self._file.seekable()

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        self._sha256 = None  # whoever asks reads past us
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def version_of(path: Path) -> object:
    """Another value once a file is another one, or once something came into a folder or left it. Nothing is read for it."""
    try:
        return identity_of(path.stat(), path)
    except (OSError, ValueError):
        return "not there"


def identity_of(status: os.stat_result, path: Path) -> Identity:
    """What the system says of a file: other content at the same path has another one, once the file has settled."""
    return (
        str(path.absolute()),
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
