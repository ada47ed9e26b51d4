"""The shard of a run brought from its own store into another one, exactly once: a unit is taken whole, by its number, and a row
that was taken before only gets what it lacks. One transaction, so that a merge that was killed left nothing behind.

What people said of a shard's rows, where they were sent and exported to stays in the shard's store.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.errors import StoreError
from app.store import rating_index
from app.store.columns import marks, now
from app.store.database import Database

_OF_REVIEWS = ("in_argilla", "blind", "sample", "queue")
"""Columns of a row that tell where it was sent, told anew in each store."""
_OF_A_RUN = ("units", "drops", "rows", "workings")
_OF_A_ROW = ("responses", "revisions", "ratings", "preferences", "checks")
_KEYS = {
    "ratings": ("row", "content_hash", "judge", "aspect", "repeat", "response"),
    "preferences": ("row", "content_hash", "judge", "aspect", "repeat", "first", "second"),
}


@dataclass(frozen=True, slots=True)
class Came:
    """What one merge added: units, their rows, rows of before that lacked something, and remembered answers."""

    units: int
    rows: int
    completed: int
    answers: int


def is_store(path: Path) -> bool:
    """True for a database with runs in it; nothing is written to it."""
    for mode in ("mode=ro", "mode=ro&immutable=1"):  # without leave to write, beside what was written last
        with contextlib.suppress(sqlite3.Error):
            connection = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, isolation_level=None)
            with contextlib.closing(connection):
                return bool(
                    connection.execute("SELECT 1 FROM pragma_table_info('runs') WHERE name='recipe'").fetchone()
                )
    return False


def shards(db: Database, run_id: str) -> dict[str, str]:
    """{shard: how it stood when it was merged last} of a run, as {"3/8": "done"}."""
    return {r["shard"]: r["state"] for r in db.all("SELECT shard, state FROM merged WHERE run=?", run_id)}


def merge(target: Database, source: Database, run_id: str, shard: str, state: str) -> Came:
    """Brings a run's shard, which stands as `state` says, into the target, where the run is already.

    Raises StoreError for a store that holds what no shard of that run can.
    """
    return target.write(lambda c: _Merge(c, source, run_id, shard).all(state))


class _Merge:
    """One shard on its way into the store of `c`. It is read from a file that may come from anywhere: only columns that there
    are here are named in statements, and only rows of this run are touched.
    """

    def __init__(self, c: sqlite3.Connection, source: Database, run_id: str, shard: str) -> None:
        self.c, self.source, self.run_id, self.shard = c, source, run_id, shard
        self.columns = {
            table: [column["name"] for column in c.execute(f"PRAGMA table_info({table})")]
            for table in (*_OF_A_RUN, *_OF_A_ROW, "calls", "probes", "dialects", "spent", "served")
        }

    def all(self, state: str) -> Came:
        new = self.units()
        rows = completed = 0
        for row in self.read("SELECT * FROM rows WHERE run=? ORDER BY unit, position", self.run_id):
            if row["id"] != f"{self.run_id}-{row['unit']:06d}-{row['position']}":
                raise StoreError(
                    f"The store {self.source.path} holds a row of another run under this one's name. Nothing of it was merged."
                )
            if row["unit"] in new:
                self.whole(row)
                rows += 1
            else:
                completed += self.complete(row)
        before = self.c.total_changes
        for call in self.read("SELECT * FROM calls"):
            self.insert("calls", call)
        answers = self.c.total_changes - before
        self.endpoints()
        self.usage()
        self.c.execute(
            "INSERT INTO merged(run, shard, state, created) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET created=excluded.created,"
            " state=iif(state='done', state, excluded.state)", (self.run_id, self.shard, state, now()),
        )  # fmt: skip
        return Came(len(new), rows, completed, answers)

    def units(self) -> set[int]:
        """Takes the units that are not there, or failed there and not here; returns their numbers."""
        known = {
            u["idx"]: u["state"] for u in self.c.execute("SELECT idx, state FROM units WHERE run=?", (self.run_id,))
        }
        new: set[int] = set()
        for unit in self.read("SELECT * FROM units WHERE run=?", self.run_id):
            before = known.get(unit["idx"])
            if before is None or (before == "failed" and unit["state"] == "done"):
                self.insert("units", unit, how="REPLACE")
                new.add(unit["idx"])
        for drop in self.read("SELECT * FROM drops WHERE run=?", self.run_id):
            if drop["unit"] in new:
                self.insert("drops", drop)
        return new

    def whole(self, row: sqlite3.Row) -> None:
        self.insert("rows", row, leave=_OF_REVIEWS)
        for table in _OF_A_ROW:
            for line in self.of_row(table, row):
                self.insert(table, line, leave=("id",))
        rating_index.keep(self.c, row["id"])

    def complete(self, row: sqlite3.Row) -> bool:
        """Gives a row what it lacks and the shard has by now; False where that is nothing, or the row says something else here."""
        there = self.c.execute("SELECT * FROM rows WHERE id=?", (row["id"],)).fetchone()
        if there is None or there["messages"] != row["messages"] or there["revision"] != row["revision"]:
            return False
        is_open = there["stage"] == "made" and there["state"] == "kept" and row["stage"] == "answered"
        if is_open or (there["state"] == "failed" and row["state"] == "kept"):
            if self.c.execute("SELECT 1 FROM verdicts WHERE row=?", (row["id"],)).fetchone():
                return False
            self.c.execute("DELETE FROM rows WHERE id=?", (row["id"],))
            self.whole(row)
            return True
        if there["content_hash"] != row["content_hash"]:
            return False
        before = self.c.total_changes
        for table, keys in _KEYS.items():
            same = " AND ".join(f"{key}=?" for key in keys)
            for line in self.of_row(table, row):
                if line["status"] != "failed":
                    values = tuple(line[key] for key in keys)
                    self.c.execute(f"DELETE FROM {table} WHERE {same} AND status='failed'", values)
                self.insert(table, line, leave=("id",))
        for line in self.of_row("checks", row):
            self.insert("checks", line)
        for column in ("rated_by", "checked_by"):
            if row[column]:
                self.c.execute(f"UPDATE rows SET {column}=? WHERE id=? AND {column}=''", (row[column], row["id"]))
        if self.c.total_changes == before:
            return False
        rating_index.keep(self.c, row["id"])
        return True

    def endpoints(self) -> None:
        """What endpoints were found to be, so that nobody has to ask them again; the newer of two counts."""
        for table in ("probes", "dialects"):
            for learned in self.read(f"SELECT * FROM {table}"):
                older = (learned["endpoint"], learned["created"])
                self.c.execute(f"DELETE FROM {table} WHERE endpoint=? AND created<?", older)
                self.insert(table, learned)

    def usage(self) -> None:
        """What work on the shard took. A working that was brought before is replaced, as it may have gone on since."""
        for working in self.read("SELECT * FROM workings WHERE run=? ORDER BY id", self.run_id):
            same = (self.run_id, self.shard, working["created"], working["what"])
            self.c.execute("DELETE FROM workings WHERE run=? AND shard=? AND created=? AND what=?", same)
            number = self.insert("workings", working, leave=("id",), shard=self.shard, open=0)
            for table in ("spent", "served"):
                for line in self.read(f"SELECT * FROM {table} WHERE working=?", working["id"]):
                    self.insert(table, line, working=number)

    def read(self, question: str, *values: object) -> Iterator[sqlite3.Row]:
        """Line by line from the shard's store, by a cursor of its own."""
        yield from self.source.reader.execute(question, values)

    def of_row(self, table: str, row: sqlite3.Row) -> list[sqlite3.Row]:
        """What a table holds of a row, as it came in."""
        order = " ORDER BY id" if table in _KEYS else ""
        return self.source.all(f"SELECT * FROM {table} WHERE row=?{order}", row["id"])

    def insert(
        self, table: str, line: sqlite3.Row, *, how: str = "IGNORE", leave: Sequence[str] = (), **others: object
    ) -> int:
        """Adds a line as it is but for `others`, without the columns to `leave`; its number, where the table numbers its lines."""
        given = dict(line)
        values = {name: given[name] for name in self.columns[table] if name in given and name not in leave} | others
        statement = f"INSERT OR {how} INTO {table}({','.join(values)}) VALUES({marks(list(values))})"
        return int(self.c.execute(statement, tuple(values.values())).lastrowid or 0)
