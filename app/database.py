"""The store's SQLite file: one thread that writes, readers beside it, errors in words.

Writes are functions that get the writing connection. Those that wait together are committed together, each in a savepoint
of its own, so that one that is wrong takes no other with it; a full disk or a lost file fails all of them.

`synchronous = NORMAL` in WAL mode: a killed process loses nothing; a power cut may take the last moments, never the file.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar, cast

from app.errors import StoreError
from app.files import exclusively
from app.migrations import migrate

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]
TOGETHER = 256
MOST_REMEMBERED, MOST_LINES = 200, 1_000_000
"""Answers that are remembered while nothing is written, and lines in all of them: ids of rows, some 70 bytes each."""


class Database:
    """One file. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._todo: queue.SimpleQueue[tuple[Write[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers: dict[threading.Thread, sqlite3.Connection] = {}
        self._guard = threading.Lock()
        self._closed = False
        self._remembered: dict[str, tuple[int, Any]] = {}
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusively(
                path.with_suffix(".opening")
            ):  # SQLite does not wait for others who change the journal mode
                self._writer = self._connect()
                self._writer.execute("PRAGMA journal_mode=WAL")
                migrate(self._writer)
                self._watcher = self._connect()
                path.chmod(0o600)
        except (OSError, sqlite3.Error, ValueError) as error:
            raise StoreError(
                f"The data folder {path.parent} can't be used: {error}. "
                "Make it writable, or name another one with --data or CLAYWRIGHT_DATA."
            ) from error
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA busy_timeout=30000")
        return connection

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            with self._guard:
                for thread in [thread for thread in self._readers if not thread.is_alive()]:
                    self._readers.pop(thread).close()
                self._readers[threading.current_thread()] = connection
        return connection

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All that a question gives, read by this thread."""
        return self.reader.execute(sql, values).fetchall()

    def remembered(self, name: str, ask: Callable[[], T]) -> T:
        """What `ask` gives, asked for again only where anybody wrote to the file since it was last asked for."""
        with self._guard:  # versions are a connection's own: those of one that never writes change with every write
            version = self._watcher.execute("PRAGMA data_version").fetchone()[0]
            known = self._remembered.get(name)
        if known is not None and known[0] == version:
            return cast(T, known[1])
        answer = ask()
        with self._guard:
            self._remembered.pop(name, None)
            self._remembered[name] = (version, answer)
            while len(self._remembered) > 1 and self._too_much():
                del self._remembered[next(iter(self._remembered))]
        return answer

    def _too_much(self) -> bool:
        lines = sum(len(answer) for _, answer in self._remembered.values() if isinstance(answer, list))
        return len(self._remembered) > MOST_REMEMBERED or lines > MOST_LINES

    def write(self, function: Write[T]) -> T:
        """Runs `function` in the writing thread and returns when its changes are committed."""
        return self._submit(function).result()

    async def write_async(self, function: Write[T]) -> T:
        """The same, for those who must not block."""
        return await asyncio.wrap_future(self._submit(function))

    def _submit(self, function: Write[T]) -> "Future[T]":
        if self._closed:
            raise StoreError("The store is closed already.")
        future: Future[T] = Future()
        self._todo.put((function, future))
        return future

    def _work(self) -> None:
        while (first := self._todo.get()) is not None:
            batch: list[tuple[Write[Any], Future[Any]]] = [first]
            stop = False
            while len(batch) < TOGETHER and not self._todo.empty():
                if (more := self._todo.get()) is None:
                    stop = True
                    break
                batch.append(more)
            self._commit([(f, future) for f, future in batch if future.set_running_or_notify_cancel()])
            if stop:
                return

    def _commit(self, batch: list[tuple[Write[Any], Future[Any]]]) -> None:
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for function, future in batch:
                self._writer.execute("SAVEPOINT one")
                try:
                    said = function(self._writer)
                    # a cursor that another thread lets go of would disturb this thread's use of the same statement
                    results.append((future, None if isinstance(said, sqlite3.Cursor) else said, None))
                    del said
                except sqlite3.OperationalError:
                    raise
                except Exception as error:  # noqa: BLE001 - it goes to whoever asked; the thread must live on
                    self._writer.execute("ROLLBACK TO one")
                    results.append((future, None, error))
                self._writer.execute("RELEASE one")
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            words = StoreError(
                f"The store {self.path} can't be written: {error}. Nothing that was in it is lost; make room and resume."
            )
            for _, future in batch:
                future.set_exception(words)
            return
        for future, result, failure in results:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    def interrupt(self) -> None:
        """Ends what other threads are reading at this moment; they get an error."""
        with self._guard:
            for connection in self._readers.values():
                connection.interrupt()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.interrupt()
        self._todo.put(None)
        self._thread.join()
        for connection in [*self._readers.values(), self._watcher, self._writer]:
            connection.close()
