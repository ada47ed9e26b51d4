"""The folder in which the embedded server keeps everything: database, index, secrets, temporary files.

It is private (0700, and files 0600) because it holds an API key and what people wrote. The caller's lock file
makes sure that one process at a time works in it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FREE_BYTES_NEEDED = 64 * 1024 * 1024
"""Room for the 14 MB copy of the web pages, new databases and their write-ahead logs."""


@dataclass(frozen=True)
class Home:
    """Paths inside the data folder; `folder` is absolute."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "argilla.db"

    @property
    def index(self) -> Path:
        return self.folder / "search.db"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    @property
    def invitations(self) -> Path:
        """Which reviewers were sent a link that they did not open yet."""
        return self.folder / "invitations.json"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def running(self) -> Path:
        """Exists while a server runs: found at start, it says that the last one did not end well."""
        return self.folder / "running"

    def prepare(self) -> None:
        """Make the folder and its empty temporary folder, both private; raises OSError where that cannot
        be.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if shutil.disk_usage(self.folder).free < FREE_BYTES_NEEDED:
            raise OSError(errno.ENOSPC, "less than 64 MB are free")
        self.clear_temporary()
        self.temporary.mkdir(mode=0o700)

    def clear_temporary(self) -> None:
        """Remove what this or a killed server left: argilla_server copies its web pages there and never
        cleans up.
        """
        shutil.rmtree(self.temporary, ignore_errors=True)

    def auth_secret(self) -> str:
        """Key that signs the browser's sessions, kept: a new one at each start would sign everybody out."""
        path = self.folder / "auth_secret"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text(encoding="utf-8")

    def saved_credentials(self) -> dict[str, str] | None:
        """User name, password and API key of the first user, or None before the first start."""
        if not self.credentials.exists():
            return None
        saved: dict[str, str] = json.loads(self.credentials.read_text(encoding="utf-8"))
        return saved

    def save_credentials(self, credentials: Mapping[str, str]) -> None:
        write_private(self.credentials, json.dumps(dict(credentials), indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
