"""The search index's file: narrow SQLite tables, FTS5 for text, vectors as float32 blobs.

Everything in it is derived from the server's own database and can be made anew (`repair.py`). It is a
second file because the server keeps status and metadata behind the text in its rows: every filter, and the
progress that the pages ask for after each submission, would read all text of a dataset there.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = "1"

SCHEMA = """
CREATE TABLE IF NOT EXISTS about(name TEXT PRIMARY KEY, text TEXT);
CREATE TABLE IF NOT EXISTS dataset(dataset INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS field(dataset INTEGER, name TEXT, position INTEGER, kind TEXT,
  PRIMARY KEY(dataset, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS question(dataset INTEGER, name TEXT, kind TEXT,
  PRIMARY KEY(dataset, name)) WITHOUT ROWID;
-- metadata.NAME, suggestions.QUESTION.(value|score|agent|type), responses.QUESTION
CREATE TABLE IF NOT EXISTS path(path INTEGER PRIMARY KEY, dataset INTEGER, name TEXT, UNIQUE(dataset, name));
CREATE TABLE IF NOT EXISTS record(
  record INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, uuid BLOB UNIQUE NOT NULL, external_id TEXT,
  status TEXT, inserted_at INTEGER, updated_at INTEGER);
CREATE INDEX IF NOT EXISTS record_status ON record(dataset, status);
CREATE INDEX IF NOT EXISTS record_inserted ON record(dataset, inserted_at);
CREATE TABLE IF NOT EXISTS value(record INTEGER, path INTEGER, n INTEGER, text TEXT, number REAL,
  PRIMARY KEY(record, path, n)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS value_text ON value(path, text, record);
CREATE INDEX IF NOT EXISTS value_number ON value(path, number, record);
CREATE TABLE IF NOT EXISTS suggestion(record INTEGER, question BLOB, updated_at INTEGER,
  PRIMARY KEY(record, question)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS response(record INTEGER, user BLOB, dataset INTEGER, status TEXT,
  updated_at INTEGER, PRIMARY KEY(record, user)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS response_user ON response(dataset, user, status);
CREATE TABLE IF NOT EXISTS answer(record INTEGER, user BLOB, path INTEGER, n INTEGER, text TEXT, number REAL,
  PRIMARY KEY(record, user, path, n)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_text ON answer(path, text);
CREATE INDEX IF NOT EXISTS answer_number ON answer(path, number);
CREATE TABLE IF NOT EXISTS vector(settings BLOB, record INTEGER, updated_at INTEGER, unit BLOB,
  PRIMARY KEY(settings, record)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vector_record ON vector(record);
"""

OF_A_RECORD = ("value", "suggestion", "response", "answer", "vector")
"""Tables with rows that belong to one record."""


class SearchDatabase:
    """One index file, used by any number of threads: a connection for each, one writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.behind = False
        """A write failed: the index may lack what the server's database has, and wants repair."""
        # SQLite 3.43 can index text without a second copy of it.
        self.contentless = sqlite3.sqlite_version_info >= (3, 43, 0)
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._datasets: dict[bytes, int] = {}
        self._paths: dict[tuple[int, str], int] = {}
        self.fresh = not self._is_current()
        """The file was made now: new, or of another schema, or damaged beyond opening."""
        if self.fresh:
            self._discard()
        with self.write() as connection:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO about VALUES('schema', ?)", (SCHEMA_VERSION,))

    def _is_current(self) -> bool:
        try:
            row = self.read().execute("SELECT text FROM about WHERE name='schema'").fetchone()
        except sqlite3.DatabaseError:
            return False  # new, damaged, or not a database at all
        return bool(row) and row[0] == SCHEMA_VERSION

    def _discard(self) -> None:
        self.close()
        self._own = threading.local()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connections of all threads; nobody may use them afterwards."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def read(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            # isolation_level None: transactions are ours to begin; the threads end before the file is closed.
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._own.connection = connection
            self._connections.append(connection)
            for pragma in (
                "journal_mode=WAL",
                "synchronous=NORMAL",
                "cache_size=-32000",
                "temp_store=MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction, committed at the end of the block and undone when it raises."""
        with self._writing:
            connection = self.read()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self.behind = True
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self.forget()  # numbers that were given in the transaction are not
                raise

    def forget(self) -> None:
        """Drop remembered numbers, after rows of `dataset` or `path` are gone."""
        self._datasets, self._paths = {}, {}

    def dataset(self, uuid: bytes) -> int | None:
        """Number of a dataset in this file, or None when it has no index."""
        if uuid not in self._datasets:
            row = self.read().execute("SELECT dataset FROM dataset WHERE uuid=?", (uuid,)).fetchone()
            if row is None:
                return None
            self._datasets[uuid] = row[0]
        return self._datasets[uuid]

    def path_of(self, dataset: int, name: str) -> int | None:
        """Number of a path such as `metadata.model`, or None when no record ever had a value there."""
        key = (dataset, name)
        if key not in self._paths:
            row = self.read().execute("SELECT path FROM path WHERE dataset=? AND name=?", key).fetchone()
            if row is None:
                return None
            self._paths[key] = row[0]
        return self._paths[key]

    def path_for(self, dataset: int, name: str) -> int:
        """Number of a path, given now if it has none; only inside `write`."""
        known = self.path_of(dataset, name)
        if known is not None:
            return known
        cursor = self.read().execute("INSERT INTO path(dataset, name) VALUES(?,?)", (dataset, name))
        return int(cursor.lastrowid or 0)

    def fields(self, dataset: int) -> list[tuple[str, str, str]]:
        """(name, column of the text index, kind) of each field of a dataset."""
        rows = self.read().execute(
            "SELECT name, position, kind FROM field WHERE dataset=? ORDER BY position", (dataset,)
        )
        return [(name, f"f{position}", kind) for name, position, kind in rows]

    def record(self, uuid: bytes) -> tuple[int, int] | None:
        """(number, dataset's number) of a record."""
        row: tuple[int, int] | None = (
            self.read().execute("SELECT record, dataset FROM record WHERE uuid=?", (uuid,)).fetchone()
        )
        return row
