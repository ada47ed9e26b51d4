"""Private files, locks between processes, and files of other people's, which may be none."""

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

LOOK_AGAIN = 0.05
"""Seconds between two tries at a lock."""
BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite adds to the name of a database for the files that belong to it."""
_stores: Counter[Path] = Counter()
"""The databases that this process has open, and how many times."""


def expanded(path: str | Path) -> Path:
    """The path with a home folder for its ~ or ~name; as it is where there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's own raises RuntimeError there


def exists(path: str | Path) -> bool:
    """True where something stands at a path, ~ and ~name expanded; False also for what can be no path."""
    return os.path.exists(expanded(path))  # noqa: PTH110 - pathlib's own raises OSError for a name that is too long


def open_regular(path: Path) -> IO[bytes]:
    """Opens an ordinary file for reading, without a buffer. Raises OSError for anything else, and for the store's own files.

    A pipe may never say anything, a device may never end. It is looked at again once it is open, as it may have been
    exchanged in between.
    """
    _check(path, path.stat())
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    opened = os.fstat(descriptor)
    try:
        _check(path, opened)
    except OSError:
        if not _is_store(opened):  # closing that would take SQLite's locks away
            os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", 0)


def read_regular(path: Path, most: int) -> bytes:
    """All of an ordinary file that has at most so many bytes. Raises OSError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most / 10**6:g} MB", str(path))
        read = b""
        while len(read) <= most and (more := file.read(most + 1 - len(read))):
            read += more
        return read


def _check(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no ordinary file but a pipe, a device or a socket", str(path))
    if _is_store(status):
        raise OSError(errno.EPERM, "it belongs to Claywright's own store", str(path))


def is_store(path: Path) -> bool:
    """True for the files of a database that this process has open, whatever name or link leads there.

    No code of ours may open them: when a process closes a file, it loses all its locks on that file, and SQLite's are such.
    """
    absolute = str(path.absolute())
    if any(absolute == f"{store}{part}" for store in list(_stores) for part in BESIDE):
        return True
    try:
        return _is_store(path.stat())
    except OSError:
        return False


def _is_store(status: os.stat_result) -> bool:
    for store in list(_stores):
        for part in BESIDE:
            with contextlib.suppress(OSError):
                if os.path.samestat(status, Path(f"{store}{part}").stat()):
                    return True
    return False


def guard_store(path: Path) -> None:
    """From now on until `release_store`, nothing of ours opens this database but SQLite."""
    _stores[path.absolute()] += 1


def release_store(path: Path) -> None:
    _stores.subtract([path.absolute()])
    if _stores[path.absolute()] < 1:
        del _stores[path.absolute()]


def private_folder(path: Path) -> None:
    """Makes a folder that only its owner can enter, or shuts others out of one that is there and is ours."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    shut(path)


def shut(path: Path) -> None:
    """Takes away what others may do with a file or folder of this user's, where that can be done. Opens nothing."""
    with contextlib.suppress(OSError):
        status = path.stat()
        if status.st_mode & 0o077 and sys.platform != "win32" and status.st_uid == os.geteuid():
            path.chmod(status.st_mode & 0o700)


def is_private(status: os.stat_result) -> bool:
    """True for an ordinary file of this user's that nobody else can have read or laid there; `status` is that of lstat."""
    if not stat.S_ISREG(status.st_mode):
        return False
    return sys.platform == "win32" or (status.st_uid == os.geteuid() and not status.st_mode & 0o077)


def create_private(path: Path, *, anew: bool = True) -> IO[bytes]:
    """A file to write that only its owner can read, whatever the process's umask is.

    Raises FileExistsError where there is one; with `anew=False` that is emptied, and shut to others.
    """
    if not anew:
        shut(path)
    return open(path, "xb" if anew else "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)


@contextlib.contextmanager
def exclusively(path: Path, still: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Waits for its turn at the lock file `path`. The system frees it when the process dies.

    `still` is called while it waits, and may raise to end that.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            still()
            try:
                _lock(descriptor)
                break
            except OSError:
                time.sleep(LOOK_AGAIN)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """True if nobody else is in such a block of the lock file `path` at the same time; doesn't wait."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(descriptor)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def held(path: Path) -> bool:
    """True if a process holds the lock file `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    """Raises OSError where another process has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
