"""Why the embedded server cannot start: a sentence for a person and an exit code for each reason.

StartError
├── ServerFailed     1  Argilla itself gave up; its own log says why
├── LockHeld         3  another process already serves this data
├── PortInUse        4  somebody else listens on the port
├── FolderUnusable   5  the data folder cannot be written, or its disk is full
└── UpstreamChanged  6  the installed argilla-server lacks something that we replace
"""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path


class StartError(Exception):
    """The server does not start; the message says what to do next."""

    exit_code = 1


class ServerFailed(StartError):
    """The application ended before it answered."""

    def __init__(self) -> None:
        super().__init__("Argilla ended while it started: the log above says why")


class LockHeld(StartError):
    """Another process holds the lock file."""

    exit_code = 3

    def __init__(self, lock: Path) -> None:
        super().__init__(f"another process holds {lock}: use the server that is running, or stop it first")


class PortInUse(StartError):
    """The port cannot be bound."""

    exit_code = 4

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} of 127.0.0.1 is in use: choose another one, or 0 for any free one")


class FolderUnusable(StartError):
    """The data folder, or the disk below it, refuses what the server must write."""

    exit_code = 5

    def __init__(self, folder: Path, error: Exception) -> None:
        cause: object = getattr(error, "orig", None) or error  # SQLAlchemy adds its statement and an address
        if isinstance(error, shutil.Error):
            cause = error.args[0][0][2]  # of many files that could not be copied, why the first could not
        reason = textwrap.shorten(str(cause), 200)
        super().__init__(f"cannot keep Argilla's data in {folder} ({reason}): free its disk or choose another folder")


class UpstreamChanged(StartError):
    """A name that we replace or rely on is gone: this version was never tried."""

    exit_code = 6

    def __init__(self, what: str, need: str) -> None:
        super().__init__(
            f"the installed argilla-server has no {what}, which is needed to {need}:"
            " install the versions that server.py names"
        )
