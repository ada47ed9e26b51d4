"""The store's SQLite file: one thread that writes, readers beside it, errors in words.

Writes are functions that get the writing connection. Those that wait together are committed together; where one of them is
wrong, all are done again, each in a savepoint of its own, so that it takes no other with it. A full disk or a lost file fails
all of them. Each statement is a wait for the interpreter's lock, which the thread that drives the models holds: so lines that
many add to the same table (`add_async`) are added in one statement.

`synchronous = NORMAL` in WAL mode: a killed process loses nothing; a power cut may take the last moments, never the file.
Those are answers that can be asked for again; FULL would wait for the disk with every batch, for that alone.

Who works on a run keeps some room in reserve: where the disk is full, that is given up, so that answers which are on their
way, and paid for, still find a place.
"""

import asyncio
import contextlib
import errno
import os
import queue
import shutil
import sqlite3
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

from app.errors import StoreError
from app.file_locks import BESIDE, create_private, exclusively, guard_store, release_store, shut
from app.store.cache import Cache
from app.store.disk_reserve import Reserve
from app.store.migrations import STEPS, migrate

T = TypeVar("T")
C = TypeVar("C", bound=sqlite3.Connection)
Write = Callable[[sqlite3.Connection], T]
TOGETHER = 256
MOST_VALUES = 30_000
"""In one statement; SQLite takes 32,766."""
NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
OF_THE_FILE = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL,
)  # fmt: skip
"""What no other write would fare better with."""
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
READ_CACHE = 512
"""KiB of pages that each thread which reads keeps: there are dozens of them, and the system keeps the file's pages for all."""
SPARE = 32 * 2**20
"""Bytes that stay free beside a copy of the store."""
LEAST_ROOM = 2**20
"""Bytes without which a disk counts as full before it is."""
MOST_ANSWERS, MOST_LINES = 200, 1_000_000
"""Answers that are remembered while nothing is written, and lines in all of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """Values for a table, to be added by a statement that ends where they begin."""

    statement: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Order:
    """A write, and who is told of it: a thread, or a task in `loop`."""

    wanted: "Write[Any] | tuple[Line, ...]"
    future: "Future[Any] | asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop | None = None


Done = tuple[Order, Any, BaseException | None]


def _lines(answer: object) -> int:
    """What is counted of an answer that is remembered."""
    return len(answer) if isinstance(answer, list | array) else 0


class Database:
    """One file. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._todo: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers: dict[threading.Thread, Reading] = {}
        self._guard = threading.Lock()
        self._closed = False
        self.reserve = Reserve(path)
        self.answers: Cache[str, Any] = Cache(MOST_ANSWERS, size=_lines, most_size=MOST_LINES)
        self.writable = True
        """False for a store that may only be read, as its folder may."""
        self._opened: list[sqlite3.Connection] = []
        guard_store(path)
        try:
            self._open()
        except BaseException:
            for connection in self._opened:
                connection.close()
            release_store(path)
            raise
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        path = self.path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(path)
            with exclusively(
                path.with_suffix(".opening")
            ):  # SQLite does not wait for others who change the journal mode
                self._writer = self._connect()
                self._writer.execute("PRAGMA journal_mode=WAL")
                migrate(self._writer, self._copied)
                self._watcher = self._connect()
        except sqlite3.Error as error:
            raise damage(path, error) from error
        except ValueError as error:
            raise StoreError(
                f"The store {path} can't be used: {error}. Update Claywright, or name another --data."
            ) from error
        except OSError as error:
            if error.errno not in NOT_WRITABLE or not path.is_file():
                raise StoreError(
                    f"The data folder {path.parent} can't be used: {error}. "
                    "Make it writable, or name another one with --data or CLAYWRIGHT_DATA."
                ) from error
            self._open_to_read()

    def _open_to_read(self) -> None:
        """The store of a folder in which nothing can be written. Raises StoreError where that can't be had."""
        self.writable = False
        side_files = (Path(f"{self.path}{part}") for part in BESIDE[1:])
        left = [file for file in side_files if file.is_file() and file.stat().st_size]
        try:
            self._writer = self._connect()
            self._watcher = self._connect()
            have = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.Error as error:
            raise damage(self.path, error) from error
        if left or have != len(STEPS):
            why = "it is of an earlier version" if have != len(STEPS) else "what was written last is still beside it"
            raise StoreError(
                f"The data folder {self.path.parent} can't be written, and its store not only be read: {why}. Make it writable, or"
                " copy it to where it is."
            )

    def _copied(self, connection: sqlite3.Connection, have: int) -> None:
        """Keeps a copy of the store as it is before it is changed to another schema; of earlier ones none. Raises StoreError."""
        size = sum(file.stat().st_size for part in BESIDE if (file := Path(f"{self.path}{part}")).is_file())
        if shutil.disk_usage(self.path.parent).free < size + SPARE:
            raise StoreError(
                f"The store {self.path} is to be changed for this version, and there is no room for a copy of it before that"
                f" ({size / 1e6:,.0f} MB). Make room, then try again; nothing was changed."
            )
        part = self.path.with_name(f".{self.path.name}.before.part")
        part.unlink(missing_ok=True)
        create_private(part).close()
        with contextlib.closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
        for earlier in self.path.parent.glob(f"{self.path.name}.before-*"):
            earlier.unlink()
        part.replace(self.path.with_name(f"{self.path.name}.before-{have}"))

    def check(self) -> None:
        """Looks through the whole file. Raises StoreError where it is damaged."""
        rows = self.all("PRAGMA quick_check(1)")
        if (result := str(rows[0][0]) if rows else "") != "ok":
            raise StoreError(damaged(self.path, result))

    def _connect(self) -> sqlite3.Connection:
        self._opened.append(connection := self._connected(sqlite3.Connection))
        return connection

    def _connected(self, factory: type[C]) -> C:
        where = str(self.path) if self.writable else f"file:{quote(str(self.path))}?mode=ro&immutable=1"
        connection = sqlite3.connect(
            where, timeout=30, isolation_level=None, check_same_thread=False, uri=not self.writable, factory=factory
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA recursive_triggers=ON")  # what REPLACE takes away is counted too
            connection.execute("PRAGMA busy_timeout=30000")
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def reader(self) -> "Reading":
        """This thread's connection for reading. What goes wrong is a StoreError."""
        connection: Reading | None = getattr(self._local, "connection", None)
        if connection is None:
            with translated(self.path):
                connection = self._local.connection = self._connected(Reading)
                connection.path = self.path
                connection.execute("PRAGMA query_only=ON")
                connection.execute(f"PRAGMA cache_size=-{READ_CACHE}")
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
        return cast(T, self.answers.get(name, ask, self.version))

    @property
    def version(self) -> int:
        """Another number once anybody wrote to the file, in this process or in another one."""
        with (
            self._guard,
            translated(self.path),
        ):  # versions are a connection's own: one that never writes sees every write
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def write(self, function: Write[T]) -> T:
        """Runs `function` in the writing thread and returns when its changes are committed."""
        return self._submit(function).result()

    def write_later(self, function: Write[Any]) -> None:
        """The same, for what nobody waits for: where it can't be written, nothing happens."""
        with contextlib.suppress(StoreError):
            self._submit(function)

    async def write_async(self, function: Write[T]) -> T:
        """The same, for those who must not block."""
        return cast(T, await self._ask(function))

    async def add_async(self, *lines: "Line") -> None:
        """Adds lines to tables, all or none, however many others add theirs.

        They are written before the functions that wait beside them, which must not have to do with them.
        """
        await self._ask(lines)

    def _submit(self, function: Write[T]) -> "Future[T]":
        future: Future[T] = Future()
        self._put(Order(function, future))
        return future

    def _ask(self, write: "Write[Any] | tuple[Line, ...]") -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._put(Order(write, future, loop))
        return future

    def _put(self, order: "Order") -> None:
        if not self.writable:
            raise StoreError(
                f"The data folder {self.path.parent} can only be read. Make it writable, or copy it, to do this."
            )
        with self._guard:
            if self._closed:
                raise StoreError("The store is closed already.")
            self._todo.put(order)

    def _work(self) -> None:
        while (first := self._todo.get()) is not None:
            batch, stop = [first], False
            while len(batch) < TOGETHER and not self._todo.empty():
                if (more := self._todo.get()) is None:
                    stop = True
                    break
                batch.append(more)
            self._commit([order for order in batch if isinstance(order.wanted, tuple) or not order.future.cancelled()])
            if stop:
                return

    def _commit(self, batch: "list[Order]") -> None:
        try:
            try:
                done = self._transaction(batch, apart=False)
            except Exception as error:  # which of them it was shows where each is done by itself
                if _of_the_file(error):
                    raise
                done = self._transaction(batch, apart=True)
        except Exception as error:  # noqa: BLE001 - the thread must live on, and nobody may wait for ever
            if getattr(error, "sqlite_errorcode", None) in NO_ROOM and self.reserve.give_up():
                self._commit(batch)
                return
            done = [(order, None, self._fault(error)) for order in batch]
        _answer([(order, result, self._fault(failure) if failure else None) for order, result, failure in done])

    def _fault(self, error: BaseException) -> BaseException:
        """A failed write in words; what its function raised itself, or what broke a rule of the tables, as it is."""
        wrong = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError)
        return damage(self.path, error) if wrong or isinstance(error, sqlite3.InterfaceError) else error

    def probe(self) -> "Future[bool]":
        """True, in its turn behind what waits to be written, where the file is there, can be read and can be written.

        The write is begun and changes nothing. Raises StoreError where the store is closed, or may only be read.
        """

        def look(connection: sqlite3.Connection) -> bool:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            has_room = shutil.disk_usage(self.path.parent).free >= LEAST_ROOM and not self.reserve.given_up
            return has_room and os.access(self.path, os.W_OK)

        return self._submit(look)

    def room(self) -> None:
        """Raises StoreError where what is left of the disk is only for what is on its way."""
        if self.reserve.given_up:
            raise StoreError(full(self.path, "database or disk is full"))

    def _transaction(self, batch: "list[Order]", *, apart: bool) -> "list[Done]":
        """Does all of it, or nothing; `apart` keeps what is wrong with one of them from the others."""
        done: list[Done] = []
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            if not apart:  # lines of one table together, so that one may come before the line that it belongs to
                self._writer.execute("PRAGMA defer_foreign_keys=ON")
                self._add([line for order in batch if isinstance(order.wanted, tuple) for line in order.wanted])
            for order in batch:
                if apart:
                    self._writer.execute("SAVEPOINT one")
                try:
                    done.append((order, self._done(order, added=not apart), None))
                except Exception as error:  # a write may raise anything: that goes to who asked for it, and to no other
                    if not apart or _of_the_file(error):
                        raise
                    self._writer.execute("ROLLBACK TO one")
                    done.append((order, None, error))
                if apart:
                    self._writer.execute("RELEASE one")
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return done

    def _done(self, order: "Order", *, added: bool) -> Any:
        if isinstance(order.wanted, tuple):
            return None if added else self._add(order.wanted)
        result = order.wanted(self._writer)
        # a cursor that another thread lets go of would disturb this thread's use of the same statement
        return None if isinstance(result, sqlite3.Cursor) else result

    def _add(self, lines: "Sequence[Line]") -> None:
        for statement in dict.fromkeys(line.statement for line in lines):
            values = [line.values for line in lines if line.statement == statement]
            marks = f"({','.join('?' * len(values[0]))})"
            at_once = MOST_VALUES // len(values[0])
            for first in range(0, len(values), at_once):
                some = values[first : first + at_once]
                self._writer.execute(f"{statement} VALUES {','.join([marks] * len(some))}", list(chain(*some)))

    def interrupt(self) -> None:
        """Ends what other threads are reading at this moment; they get an error."""
        with self._guard:
            for connection in self._readers.values():
                connection.interrupt()

    def close(self) -> None:
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._todo.put(None)
        self.interrupt()
        self._thread.join()
        for connection in [*self._readers.values(), *self._opened]:
            connection.close()
        release_store(self.path)


class Reading(sqlite3.Connection):
    """A connection whose errors are StoreErrors, of the file at `path`."""

    path = Path("claywright.db")

    def execute(self, sql: str, values: Any = (), /) -> "Found":
        with translated(self.path):
            cursor = self.cursor(Found)
            cursor.path = self.path
            return cursor.execute(sql, values)


class Found(sqlite3.Cursor):
    """What a question gives."""

    path: Path

    def execute(self, sql: str, values: Any = (), /) -> "Found":
        with translated(self.path):
            super().execute(sql, values)
            return self

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        with translated(self.path):
            while (row := super().fetchone()) is not None:
                yield row

    def fetchone(self) -> Any:
        with translated(self.path):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with translated(self.path):
            return super().fetchall()


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what SQLite raises into a StoreError."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        if "closed" in str(error):
            raise StoreError("The store is closed already.") from error
        raise
    except sqlite3.Error as error:
        raise damage(path, error) from error


def damage(path: Path, error: BaseException) -> StoreError:
    """What went wrong with a store, and what to do about it."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    match code:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError(damaged(path, str(error)))
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return StoreError(full(path, str(error)))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(
                f"The store {path} can't be used: {error}. Make its folder and files writable, or name another --data."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return StoreError(f"The store {path} is in use by another process ({error}). Wait for it, then try again.")
        case sqlite3.SQLITE_INTERRUPT:
            return StoreError("The store was closed while it was read.")
    return StoreError(
        f"The store {path} does not hold what it should ({error}). See whether it is damaged (claywright doctor); if it is not,"
        " please report this."
    )


def damaged(path: Path, why: str) -> str:
    return (
        f"The store {path} is damaged ({' '.join(why.split())[:200]}). To go back to a backup: end what uses it, move it and"
        f" {path.name}-wal and {path.name}-shm to another folder, and put the backup in its place under its name."
    )


def full(path: Path, why: str) -> str:
    return f"The store {path} can't be written: {why}. Nothing that was in it is lost; make room and resume."


def _make_private(path: Path) -> None:
    """Makes the file before SQLite does, which gives the files beside it the same mode. One that is there is not opened."""
    with contextlib.suppress(FileExistsError):
        create_private(path).close()
    for part in BESIDE:
        shut(path.with_name(f"{path.name}{part}"))


def _answer(done: "list[Done]") -> None:
    """Tells those who asked: the tasks of one loop together, as each call into another thread's loop wakes it up."""
    for loop, these in groupby(done, key=lambda item: item[0].loop):
        if loop is None:
            _tell(list(these))
        else:
            with contextlib.suppress(RuntimeError):  # a loop that is closed has nobody who waits
                loop.call_soon_threadsafe(_tell, list(these))


def _tell(done: "list[Done]") -> None:
    for order, result, failure in done:
        if order.future.done():
            continue
        if failure is None:
            order.future.set_result(result)
        else:
            order.future.set_exception(failure)


def _of_the_file(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in OF_THE_FILE
