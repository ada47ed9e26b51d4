"""When the server process may begin and when it must end.

It begins only with the lock, and ends on SIGTERM, on SIGINT, at the end of its standard input (the starter
holds the other end of the pipe and needs to do nothing to stop it, not even live), and on Linux when the
starter dies.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO

from feedback.local.errors import FolderUnusable, LockHeld

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Linux: have the kernel kill this process when the thread that started it ends; `parent` is its process
    id.

    The kernel tells only of deaths after the call, hence the second look at who the parent is.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(0)


def claim_stdout() -> IO[str]:
    """Keep standard output for our one line; whatever a library prints goes to standard error from here
    on.
    """
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


def hold_lock(path: Path) -> IO[bytes]:
    """Take the lock for as long as the returned file is open; raises LockHeld when another process has
    it.

    The kernel frees it at death, so that no stale lock can be left behind.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise FolderUnusable(path.parent, error) from error
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise LockHeld(path) from error
    return file


class StopSignal:
    """Turns every wish to stop into one call: of SystemExit while starting, of `when_serving` afterwards."""

    def __init__(self) -> None:
        self.when_serving: Callable[[], None] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        threading.Thread(target=self._watch_stdin, name="stdin", daemon=True).start()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.when_serving is None:
            raise SystemExit(0)
        self.when_serving()

    def _watch_stdin(self) -> None:
        # Not sys.stdin: its lock, held by a waiting read, aborts the interpreter when it ends.
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # closed before we looked: the same as its end
        signal.raise_signal(signal.SIGTERM)
