"""Keeping the store: a copy in one file, a run taken away, room given back."""

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from app.errors import RunError, StoreError
from app.file_locks import expanded, is_store
from app.store.database import damaged
from app.store.lease import at_work
from app.store.runs import Run
from app.store.store import Store


def backup(store: Store, path: Path) -> int:
    """Copies the store as it is at one moment into a new file, whole or not at all; returns its size in bytes.

    Raises StoreError where there is a file already, or where it can't be written.
    """
    path = expanded(path)
    if path.exists() or is_store(path):
        raise StoreError(f"{path} is there already. Name another file; nothing was written.")
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(part)) as copy:
            store.db.reader.backup(
                copy
            )  # in one step: others write meanwhile, and a step more would begin anew for them
            if (result := str(copy.execute("PRAGMA quick_check(1)").fetchone()[0])) != "ok":
                raise StoreError(f"{damaged(store.db.path, result)} No copy was made, as it would hold the damage.")
        if path.exists():
            raise StoreError(f"{path} is there already. Name another file; nothing was written.")
        part.replace(path)
        return path.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} can't be written: {getattr(error, 'strerror', None) or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def compact(store: Store) -> tuple[int, int]:
    """Rewrites the file without what was deleted: (bytes before, bytes after). Raises StoreError where others are at it."""
    before = _size(store)
    if busy := [run.id for run in store.runs.all() if at_work(run)]:
        raise StoreError(f"The run {busy[0]} is being worked on. Wait for it, or stop it, then try again.")
    store.db.check()
    try:
        with closing(sqlite3.connect(store.db.path, timeout=5, isolation_level=None)) as alone:
            alone.execute("VACUUM")
            alone.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreError(
            f"The store can't be rewritten: {error}. Close the app and stop what uses it, see that there is as much room on"
            f" the disk as it takes ({readable(before)}), then try again. Nothing was lost."
        ) from error
    return before, _size(store)


def delete(store: Store, run: Run, *, forget: bool = False) -> int:
    """Takes a run away with all that belongs to it; returns how many answers were forgotten.

    With `forget` what its models answered goes too, unless another run drew with the same seed: else a run with that seed
    would be made again without a call. Ratings stay remembered, as they belong to texts and not to runs. Raises RunError
    while a process works on the run.
    """
    if at_work(store.runs.get(run.id)):
        raise RunError(f"The run {run.name} is being worked on. Stop that first, or wait for it.")
    store.runs.delete(run.id)
    others = any(other.seed == run.seed for other in store.runs.all())
    return store.call_cache.forget(run.seed) if forget and not others else 0


def readable(size: float) -> str:
    """Bytes in words: "3.2 MB"."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def _size(store: Store) -> int:
    files = (store.db.path, store.db.path.with_name(f"{store.db.path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
