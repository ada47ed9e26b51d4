"""What is known of inputs that were read already, so that a run reads its input twice and not five times.

A file's digest is taken while its rows are read for the first time. It holds for as long as the system says that the file is
the same: its number, size and times.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import IO

from app.inputs.files import Still, digest, go_on

MOST = 10_000
"""Files that are remembered; those that were not asked for the longest are forgotten first."""
Identity = tuple[str, int, int, int, int, int]


class KnownInputs:
    """Digests of files, and how many units the input of a new run has. Safe to use from several threads."""

    def __init__(self) -> None:
        self.units: dict[str, int | None] = {}
        """By run, of those that were counted when they began: taken out by whoever works them first."""
        self._digests: OrderedDict[Identity, str] = OrderedDict()
        self._guard = threading.Lock()

    def digest(self, path: Path, still: Still = go_on) -> str:
        """The SHA-256 of an ordinary file, which is read if it has to be. Raises OSError."""
        identity = identity_of(path.stat(), path)
        with self._guard:
            if identity in self._digests:
                self._digests.move_to_end(identity)
                return self._digests[identity]
        known = digest(path, still)
        self.keep(identity, known, path)
        return known

    def keep(self, identity: Identity, known: str, path: Path) -> None:
        """Remembers the digest of a file that was read, unless it is another one by now."""
        try:
            unchanged = identity_of(path.stat(), path) == identity
        except OSError:
            return
        if unchanged:
            with self._guard:
                self._digests[identity] = known
                while len(self._digests) > MOST:
                    self._digests.popitem(last=False)

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


def identity_of(status: os.stat_result, path: Path) -> Identity:
    """What the system says of a file, and of no other content at the same path."""
    return (
        str(path.absolute()),
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
