"""The shard of a run brought from its own store into another one, exactly once: a unit is taken whole, by its number, and a row
that was taken before only gets what it lacks. One transaction, so that a merge that was killed left nothing behind.

What people said of a shard's rows, where they were sent and exported to stays in the shard's store.
"""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.store import rating_index
from app.store.columns import marks, now
from app.store.database import Database

_OF_REVIEWS = ("in_argilla", "blind", "sample", "queue")
"""Columns of a row that tell where it was sent, told anew in each store."""
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
    """Brings a run's shard, which stands as `state` says, into the target, where the run is already."""
    return target.write(lambda c: _merge(c, source, run_id, shard, state))


def _merge(c: sqlite3.Connection, source: Database, run_id: str, shard: str, state: str) -> Came:
    new = _units(c, source, run_id)
    rows = completed = 0
    for row in source.reader.execute("SELECT * FROM rows WHERE run=? ORDER BY unit, position", (run_id,)):
        if row["unit"] in new:
            _whole(c, source, row)
            rows += 1
        else:
            completed += _complete(c, source, row)
    before = c.total_changes
    for call in source.reader.execute("SELECT * FROM calls"):
        _insert(c, "calls", call)
    answers = c.total_changes - before
    _endpoints(c, source)
    _usage(c, source, run_id, shard)
    c.execute(
        "INSERT INTO merged(run, shard, state, created) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET created=excluded.created,"
        " state=iif(state='done', state, excluded.state)", (run_id, shard, state, now()),
    )  # fmt: skip
    return Came(len(new), rows, completed, answers)


def _units(c: sqlite3.Connection, source: Database, run_id: str) -> set[int]:
    """Takes the units that are not there, or failed there and not here; returns their numbers."""
    known = {u["idx"]: u["state"] for u in c.execute("SELECT idx, state FROM units WHERE run=?", (run_id,))}
    new: set[int] = set()
    for unit in source.reader.execute("SELECT * FROM units WHERE run=?", (run_id,)):
        before = known.get(unit["idx"])
        if before is None or (before == "failed" and unit["state"] == "done"):
            _insert(c, "units", unit, how="REPLACE")
            new.add(unit["idx"])
    for drop in source.reader.execute("SELECT * FROM drops WHERE run=?", (run_id,)):
        if drop["unit"] in new:
            _insert(c, "drops", drop)
    return new


def _whole(c: sqlite3.Connection, source: Database, row: sqlite3.Row) -> None:
    _insert(c, "rows", row, leave=_OF_REVIEWS)
    for table in ("responses", "revisions", "ratings", "preferences", "checks"):
        for line in _lines(source, table, row["id"]):
            _insert(c, table, line, leave=("id",))
    rating_index.keep(c, row["id"])


def _complete(c: sqlite3.Connection, source: Database, row: sqlite3.Row) -> bool:
    """Gives a row what it lacks and the shard has by now; False where that is nothing, or the row says something else here."""
    there = c.execute("SELECT * FROM rows WHERE id=?", (row["id"],)).fetchone()
    if there is None or there["messages"] != row["messages"] or there["revision"] != row["revision"]:
        return False
    is_open = there["stage"] == "made" and there["state"] == "kept" and row["stage"] == "answered"
    if is_open or (there["state"] == "failed" and row["state"] == "kept"):
        if c.execute("SELECT 1 FROM verdicts WHERE row=?", (row["id"],)).fetchone():
            return False
        c.execute("DELETE FROM rows WHERE id=?", (row["id"],))
        _whole(c, source, row)
        return True
    if there["content_hash"] != row["content_hash"]:
        return False
    before = c.total_changes
    for table, keys in _KEYS.items():
        same = " AND ".join(f"{key}=?" for key in keys)
        for line in _lines(source, table, row["id"]):
            if line["status"] != "failed":
                c.execute(f"DELETE FROM {table} WHERE {same} AND status='failed'", tuple(line[key] for key in keys))
            _insert(c, table, line, leave=("id",))
    for line in _lines(source, "checks", row["id"]):
        _insert(c, "checks", line)
    for column in ("rated_by", "checked_by"):
        if row[column]:
            c.execute(f"UPDATE rows SET {column}=? WHERE id=? AND {column}=''", (row[column], row["id"]))
    if c.total_changes == before:
        return False
    rating_index.keep(c, row["id"])
    return True


def _endpoints(c: sqlite3.Connection, source: Database) -> None:
    """What endpoints were found to be, so that nobody has to ask them again; the newer of two counts."""
    for table in ("probes", "dialects"):
        for learned in source.reader.execute(f"SELECT * FROM {table}"):
            c.execute(f"DELETE FROM {table} WHERE endpoint=? AND created<?", (learned["endpoint"], learned["created"]))
            _insert(c, table, learned)


def _usage(c: sqlite3.Connection, source: Database, run_id: str, shard: str) -> None:
    """What work on the shard took. A working that was brought before is replaced, as it may have gone on since."""
    for working in source.reader.execute("SELECT * FROM workings WHERE run=? ORDER BY id", (run_id,)):
        same = (run_id, shard, working["created"], working["what"])
        c.execute("DELETE FROM workings WHERE run=? AND shard=? AND created=? AND what=?", same)
        number = _insert(c, "workings", working, leave=("id",), shard=shard, open=0)
        for spent in source.reader.execute("SELECT * FROM spent WHERE working=?", (working["id"],)):
            _insert(c, "spent", spent, working=number)


def _lines(source: Database, table: str, row_id: str) -> list[sqlite3.Row]:
    """What a table holds of a row, as it came in."""
    order = " ORDER BY id" if table in _KEYS else ""
    return source.all(f"SELECT * FROM {table} WHERE row=?{order}", row_id)


def _insert(
    c: sqlite3.Connection,
    table: str,
    line: sqlite3.Row,
    *,
    how: str = "IGNORE",
    leave: Sequence[str] = (),
    **others: Any,
) -> int:
    """Adds a line as it is but for `others`, without the columns to `leave`; its number, where the table numbers its lines."""
    values = {name: value for name, value in dict(line).items() if name not in leave} | others
    statement = f"INSERT OR {how} INTO {table}({','.join(values)}) VALUES({marks(list(values))})"
    return int(c.execute(statement, tuple(values.values())).lastrowid or 0)
