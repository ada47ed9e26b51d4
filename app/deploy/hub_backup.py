"""Keeps what an app knows in a private dataset of the Hub, for where the disk is not kept, as on a Space.

`python -m claywright.app.deploy.hub_backup --repo OWNER/NAME -- claywright --no-browser --port 7860` (in a checkout, `python -m
app.deploy.hub_backup`) restores the newest backup where the data folder holds no store, starts the command as its child, backs up
as often as it is told to where something has changed, and once more when the child has ended.

A backup is one file, named by its time and the beginning of its digest, `claywright-20261130T120000.250000Z-0f3a9c51d2e4.tar`:
the store as it is at one moment, the inputs that people uploaded, and what they allowed recipes to do. Not in it: the secret of the
data folder (a new one is made), keys (they are in the environment, or typed and in memory), local services and the embedded
Argilla, shards, and exports, which can be made again. It is not compressed, so that what two backups have in common is sent and
stored once.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from app.cli import output
from app.config import Settings, settings
from app.errors import BackupError
from app.file_locks import BESIDE, create_private, private_folder
from app.runs.permissions import FILE as PERMISSIONS
from app.store import maintenance
from app.store.store import FILE as STORE
from app.store.store import Store
from tasks.errors import ClaywrightError

INPUTS = "inputs"
BACKUP = re.compile(r"claywright-(\d{8}T\d{6}\.\d{6})Z-[0-9a-f]{12}\.tar")
TIME = "%Y%m%dT%H%M%S.%f"
WORK = ".hub-backup-"
"""What the folder in which backups are packed and unpacked begins with."""
TOKENS = ("CLAYWRIGHT_BACKUP_TOKEN", "HF_TOKEN")
SPAN = re.compile(r"(\d{1,6})\s*([smh]?)")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
LONGEST_MESSAGE = 200

Say = Callable[[str], None]
Stamps = dict[Path, tuple[int, int]]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Added:
    """What came of a backup: its name, whether it was sent, and how many older ones were deleted for it."""

    name: str
    new: bool = True
    deleted: int = 0


class HubDataset:
    """The backups in the dataset `repo` of the Hub, which is made private where there is none. Raises BackupError."""

    def __init__(self, repo: str, token: str) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
        self.repo = repo
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)

    def names(self) -> list[str]:
        """The backups that are there, the oldest first."""
        with translated(self.repo):
            return self._look()[1]

    def download(self, name: str, folder: Path) -> Path:
        """Brings a backup into `folder`, and says where it lies."""
        with translated(self.repo):
            return Path(self._api.hf_hub_download(self.repo, name, repo_type="dataset", local_dir=folder))

    def add(self, path: Path, keep: int) -> Added:
        """Sends a backup, unless the newest one is the same. Of all, the newest `keep` stay."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with translated(self.repo):
            commit, names = self._look()
            digest = digest_of(path)
            if names and names[-1].endswith(f"-{digest}.tar"):
                return Added(names[-1], new=False)
            name = f"claywright-{after(names, datetime.now(UTC)):{TIME}}Z-{digest}.tar"
            old = names[: -(keep - 1) or None]
            self._api.create_commit(
                self.repo,
                [CommitOperationAdd(name, str(path)), *map(CommitOperationDelete, old)],
                repo_type="dataset",
                parent_commit=commit,
                commit_message=f"Back up {name} (Claywright)",
            )
            return Added(name, deleted=len(old))

    def forget_deleted(self) -> None:
        """Takes what was deleted out of the history too, where it would go on taking room."""
        with translated(self.repo):
            self._api.super_squash_history(self.repo, repo_type="dataset")

    def _look(self) -> tuple[str, list[str]]:
        """(the newest commit, the names of the backups)."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            info = self._api.dataset_info(self.repo)
        except RepositoryNotFoundError:
            self._api.create_repo(self.repo, repo_type="dataset", private=True)
            info = self._api.dataset_info(self.repo)
        if not info.private:
            raise BackupError(
                f"The dataset {self.repo} is public, and a backup holds everything that people wrote. Make it private in its"
                " settings on the Hub, or name another one."
            )
        names = (file.rfilename for file in info.siblings or [])
        return str(info.sha), sorted(name for name in names if BACKUP.fullmatch(name))


def after(names: Sequence[str], now: datetime) -> datetime:
    """The time that a backup is named by: now, or a little after the newest one's where a clock went back."""
    match = BACKUP.fullmatch(names[-1]) if names else None
    if match is None:
        return now
    return max(now, datetime.strptime(match[1], TIME).replace(tzinfo=UTC) + timedelta(microseconds=1))


@contextlib.contextmanager
def translated(repo: str) -> Iterator[None]:
    """What the client of the Hub raises, as a BackupError that says what to do."""
    from httpx2 import HTTPError

    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError) as error:  # the last of an upload
        raise BackupError(_sentence(error, repo)) from error


def _sentence(error: Exception, repo: str) -> str:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    cause = error.__cause__ if type(error) is RuntimeError and error.__cause__ is not None else error
    if isinstance(cause, OfflineModeIsEnabled):
        return "The Hub is switched off by HF_HUB_OFFLINE. Unset it, and start again."
    if isinstance(cause, HFValidationError):
        return f"'{repo}' can't be the name of a dataset: owner/name, of letters, digits, '-', '_' and '.'."
    if isinstance(cause, HfHubHTTPError):
        status = cause.response.status_code
        message = " ".join(str(cause.server_message or "").split())[:LONGEST_MESSAGE]
        why = f" ({message})" if message else ""
        if status in (401, 403, 404, 409):
            return f"The token may not read and write the dataset {repo}{why}. Set {TOKENS[0]} to one that may."
        return f"The Hub answered with an error: {status}{why}."
    if isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, ConnectionError):
        return f"{cause.filename or 'The backup'} can't be read or written: {cause.strerror}."
    reason = " ".join((str(cause) or type(cause).__name__).split())[:LONGEST_MESSAGE].rstrip(".")
    return f"The Hub can't be reached, or broke off ({reason})."


# -- one backup


def stamps(data: Path) -> Stamps:
    """Size and time of change of all that a backup is made of: while they stay the same, so does what it would hold."""
    files = [data / STORE, data / f"{STORE}-wal", data / PERMISSIONS, *uploaded(data)]
    stamped: Stamps = {}
    for file in files:
        with contextlib.suppress(OSError):
            status = file.lstat()
            stamped[file] = (status.st_size, status.st_mtime_ns)
    return stamped


def uploaded(data: Path) -> list[Path]:
    """The ordinary files that people uploaded."""
    return sorted(path for path in (data / INPUTS).rglob("*") if path.is_file() and not path.is_symlink())


def pack(data: Path, folder: Path) -> tuple[Path, Stamps]:
    """A backup of the data folder, as a file in `folder`, and the stamps of what it is made of.

    Of the same content, it has the same bytes. Raises StoreError, and BackupError where a file can't be read.
    """
    path, copy = folder / "backup.tar", folder / STORE
    with Store(data) as store:
        before = stamps(data)  # not earlier: to open a store is to write to it
        maintenance.backup(store, copy)
    files = [copy, *filter(Path.is_file, [data / PERMISSIONS]), *uploaded(data)]
    try:
        with create_private(path) as file, tarfile.open(fileobj=file, mode="w") as tar:
            for each in files:
                name = STORE if each == copy else each.relative_to(data).as_posix()
                with each.open("rb") as content:
                    member = tarfile.TarInfo(name)
                    member.size, member.mode = os.fstat(content.fileno()).st_size, 0o600
                    tar.addfile(member, content)
    except OSError as error:
        raise BackupError(f"The backup can't be packed: {error.strerror or error}.") from error
    copy.unlink()
    return path, before


def digest_of(path: Path) -> str:
    """The beginning of a file's SHA-256, as it stands in the name of a backup."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def unpack(path: Path, folder: Path) -> list[PurePosixPath]:
    """Lays the files of a backup into `folder`, and returns their names. Raises BackupError where it is no whole backup."""
    names: list[PurePosixPath] = []
    try:
        if not path.name.endswith(f"-{digest_of(path)}.tar"):
            raise BackupError(_damaged(path, "its content is not what was sent"))
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or not _belongs(name):
                    raise BackupError(f"{path.name} is no backup of Claywright: it holds {member.name}.")
                target = _place(folder, name)
                with content, create_private(target) as file:
                    shutil.copyfileobj(content, file)
                names.append(name)
        with closing(sqlite3.connect(f"{(folder / STORE).as_uri()}?mode=ro", uri=True)) as copy:
            whole = copy.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except (OSError, EOFError, tarfile.TarError, sqlite3.Error) as error:
        raise BackupError(_damaged(path, str(error))) from error
    if not whole:
        raise BackupError(_damaged(path, "its store is damaged"))
    return names


def _place(folder: Path, name: PurePosixPath) -> Path:
    """Where a file goes, with the folders that it needs."""
    for inner in reversed(name.parents):
        if inner.parts:
            private_folder(folder / inner)
    return folder / name


def _belongs(name: PurePosixPath) -> bool:
    inner = name.parts[0] == INPUTS and len(name.parts) > 1 and ".." not in name.parts
    return inner or str(name) in (STORE, PERMISSIONS)


def _damaged(path: Path, reason: str) -> str:
    return (
        f"The backup {path.name} can't be used ({reason.rstrip('.')}), and nothing was restored. Delete it from the dataset to"
        " begin from the one before."
    )


# -- at the start, now and then, at the end


def restore(data: Path, dataset: HubDataset, say: Say) -> None:
    """Brings back the newest backup where there is no store. What is there is never touched. Raises BackupError.

    The store comes last: whoever is interrupted begins anew.
    """
    there = [part for part in BESIDE if (data / f"{STORE}{part}").exists()]
    if "" in there:
        say(f"{data} holds a store: nothing was restored.")
        return
    if there:
        raise BackupError(f"{data} holds {STORE}{there[0]} without its store. Move that away first.")
    names = dataset.names()
    if not names:
        say(f"There is no backup in {dataset.repo} yet: it begins with nothing.")
        return
    with TemporaryDirectory(dir=data, prefix=WORK) as work:
        restored = unpack(dataset.download(names[-1], Path(work) / "sent"), Path(work))
        for name in sorted(restored, key=lambda name: str(name) == STORE):
            target = _place(data, name)
            if not target.exists():
                (Path(work) / name).rename(target)
    say(f"Restored {names[-1]} of {dataset.repo}.")


class Backups:
    """Backs up a data folder into a dataset, where it has changed since the last time."""

    def __init__(self, data: Path, dataset: HubDataset, keep: int, say: Say) -> None:
        self.data, self.dataset, self.keep, self.say = data, dataset, keep, say
        self._stamps: Stamps = {}
        for old in data.glob(f"{WORK}*"):  # of a process that was killed
            shutil.rmtree(old, ignore_errors=True)

    def back_up(self, *, last: bool = False) -> bool:
        """True where a backup was sent. What goes wrong is said, and tried again the next time.

        The `last` one looks at the content in any case: a write in the same tick of the clock leaves no trace in the stamps.
        """
        now = stamps(self.data)
        if self.data / STORE not in now or (now == self._stamps and not last):
            return False
        try:
            with TemporaryDirectory(dir=self.data, prefix=WORK) as work:
                path, now = pack(self.data, Path(work))
                added = self.dataset.add(path, self.keep)
        except (ClaywrightError, OSError) as error:
            self.say(f"No backup was made: {error}")
            return False
        self._stamps = now
        if added.new:
            self.say(f"Backed up to {self.dataset.repo}: {added.name}")
            self._forget(added.deleted)
        return added.new

    def _forget(self, deleted: int) -> None:
        try:
            if deleted:
                self.dataset.forget_deleted()
        except BackupError as error:
            self.say(f"Older backups still take room on the Hub: {error}")


def run(command: Sequence[str], environment: Mapping[str, str], every: float, backups: Backups) -> int:
    """Runs the command to its end, backing up every so many seconds and once more after it; returns its exit code.

    SIGTERM is passed on to it. Ctrl-C reaches it anyway, as it does all processes of a terminal. Raises BackupError.
    """
    child: subprocess.Popen[bytes] | None = None
    told = threading.Event()

    def end(*_: object) -> None:
        told.set()
        if child is not None:
            child.terminate()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        child = subprocess.Popen(command, env=dict(environment))
    except OSError as error:
        raise BackupError(f"{command[0]} can't be started: {error.strerror}.") from error
    if told.is_set():
        child.terminate()
    ended = threading.Event()
    threading.Thread(target=_wait, args=(child, ended), daemon=True).start()
    while not ended.wait(every):
        backups.back_up()
    backups.back_up(last=True)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _wait(child: "subprocess.Popen[bytes]", ended: threading.Event) -> None:
    child.wait()
    ended.set()


def first_admin(data: Path, name: str, url: str, say: Say) -> None:
    """Adds somebody who looks after an app that nobody can sign in to yet, and says the link that sets their password.

    A new link at each start until it is used, as nobody else could make one. Raises PeopleError for what can be no name.
    """
    with Store(data) as store:
        if not store.people.any():
            store.people.add(name, "admin")
            store.action_log.add("the first start", "added a person", detail=f"{name}, admin")
        person = store.people.known(name)
        if person is not None and not person.has_password:
            link = urlencode({"link": store.sign_in_links.make(name)})
            say(f"For {name}, once, within three days: {url.rstrip('/')}/join?{link}")


def seconds(span: str) -> int:
    """The seconds of 90, 45s, 15m or 2h. Raises BackupError."""
    match = SPAN.fullmatch(span.strip())
    if match is None or not int(match[1]):
        raise BackupError(f"'{span}' is no span of time: 45s, 15m or 2h.")
    return int(match[1]) * SECONDS[match[2]]


def the_token(environment: Mapping[str, str]) -> str:
    """The token for the dataset. Raises BackupError where none is named."""
    for name in TOKENS:
        if token := environment.get(name, "").strip():
            return token
    raise BackupError(f"The Hub needs a token that may read and write the dataset: set {TOKENS[0]}.")


@app.command(context_settings={"allow_interspersed_args": False})
def start(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="What starts the app.")],
    repo: Annotated[str, typer.Option(envvar="CLAYWRIGHT_BACKUP_REPO", help="The private dataset: OWNER/NAME.")],
    every: Annotated[
        str, typer.Option(envvar="CLAYWRIGHT_BACKUP_EVERY", help="How often it looks for changes: 45s, 15m, 2h.")
    ] = "15m",
    keep: Annotated[int, typer.Option(min=1, envvar="CLAYWRIGHT_BACKUP_KEEP", help="So many backups stay.")] = 10,
    admin: Annotated[
        str, typer.Option(envvar="CLAYWRIGHT_ADMIN", help="Who looks after the app, where nobody is known yet.")
    ] = "",
    data: Annotated[Path | None, typer.Option(help="Data folder (else CLAYWRIGHT_DATA, else the user's own).")] = None,
) -> None:
    """Run an app whose data are kept in a private dataset of the Hub."""
    here: Settings = settings(data)
    pause = seconds(every)
    dataset = HubDataset(repo, the_token(os.environ))
    backups = Backups(here.data, dataset, keep, output.say)
    restore(here.data, dataset, output.say)
    if admin:
        first_admin(here.data, admin, os.environ.get("CLAYWRIGHT_URL", ""), output.say)
    child: dict[str, Any] = {**os.environ, "CLAYWRIGHT_DATA": str(here.data)}
    child.pop(TOKENS[0], None)  # the app has no use for it
    raise typer.Exit(run(command, child, pause, backups))


def main() -> None:
    """Runs the command; errors of ours are a sentence and exit code 1."""
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except ClaywrightError as error:
        output.say(f"Error: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
