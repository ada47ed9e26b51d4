"""Room on the disk that is kept for what is on its way when the disk is full."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.file_locks import create_private

SIZE = 8 * 2**20
"""Bytes: what the answers that are on their way may take."""


class Reserve:
    """A file beside the store, one for each process. `given_up` says that the disk is full and the room was used."""

    def __init__(self, store: Path) -> None:
        self.file = store.with_suffix(f".reserve-{os.getpid()}")
        self.given_up = False
        self._holders = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the room, where there is enough for that."""
        if not self._holders:
            self.given_up = False
            with contextlib.suppress(OSError):
                self._take()
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders:
                self.file.unlink(missing_ok=True)

    def _take(self) -> None:
        for other in self.file.parent.glob(f"{self.file.stem}.reserve-*"):
            if not _alive(other.suffix.rpartition("-")[2]):  # a killed process left it
                other.unlink(missing_ok=True)
        if shutil.disk_usage(self.file.parent).free > 4 * SIZE:
            with create_private(self.file, anew=False) as file:
                file.write(bytes(SIZE))

    def give_up(self) -> bool:
        """Frees the room; False where there was none."""
        if not self.file.exists():
            return False
        self.file.unlink(missing_ok=True)
        self.given_up = True
        return True


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True
