"""Private files and locks between processes."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LOOK_AGAIN = 0.05
"""Seconds between two tries at a lock."""


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
