"""What a cluster on this machine keeps on the disk: a folder while it is up, and the token that guards it.

The process that starts such a cluster holds a lock in the folder. The kernel frees that with the process, even by kill -9, so that
the next start knows which folders nobody needs.
"""

import contextlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TOKEN, TOKEN_FILE = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
PREFIX = "claywright-ray-"
LOCK, FOR_RAY = "lock", "r"


@dataclass(frozen=True)
class LocalFolder:
    """A folder inside one of this user alone, as Ray opens its own to everybody. `lock` is the descriptor of the lock."""

    path: Path
    lock: int

    @property
    def for_ray(self) -> Path:
        return self.path / FOR_RAY

    def remove(self) -> None:
        _remove(self.path)
        os.close(self.lock)


def place_of_folders() -> Path:
    """Where such folders are. Their paths are short, as those of sockets have to be."""
    return Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())


def local_folder(parent: Path) -> LocalFolder:
    """A new folder in `parent`, whose lock this process holds."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(folder / "new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    _lock(lock)
    (folder / "new").rename(folder / LOCK)  # under that name it is never seen without its lock
    (folder / FOR_RAY).mkdir()
    return LocalFolder(folder, lock)


def remove_stale(parent: Path) -> None:
    """Removes the folders of this user in `parent` whose process is gone."""
    if sys.platform == "win32":  # where a lock can't be told from a file that is open
        return
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                _lock(lock)
                _remove(folder)
            finally:
                os.close(lock)


def make_token(variables: Mapping[str, str]) -> None:
    """A token where Ray looks for it, which would leave it open to others; nothing where there is one."""
    if variables.get(TOKEN) or variables.get(TOKEN_FILE):
        return
    token = token_file(variables)
    token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    token.touch(0o600)
    token.chmod(0o600)
    if not token.read_text(encoding="utf-8").strip():
        token.write_text(secrets.token_hex(32), encoding="ascii")


def token_file(variables: Mapping[str, str]) -> Path:
    """Where Ray keeps a token that no variable names."""
    return Path(variables.get("HOME") or "~").expanduser() / ".ray" / "auth_token"


def _remove(folder: Path) -> None:
    """The lock goes last: what is left by a kill is removed at the next start."""
    shutil.rmtree(folder / FOR_RAY, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _lock(descriptor: int) -> None:
    """Raises OSError where another process has it."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
