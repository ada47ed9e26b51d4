"""What people keep under a name: recipes, model presets. One table for each kind. Never a key."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from app.store.columns import dumps, now
from app.store.database import Database


@dataclass(frozen=True)
class Kept:
    """One thing under its name; `updated` is when it was last written, as ISO time."""

    name: str
    content: dict[str, Any]
    updated: str


class Library:
    """The things of one kind. A name is there once."""

    def __init__(self, db: Database, table: Literal["recipes", "model_sets"]) -> None:
        self.db = db
        self.table = table

    def keep(self, name: str, content: dict[str, Any], *, replace: bool = False) -> bool:
        """Writes it; False, and nothing changed, if the name is taken and is not to be replaced."""
        how = "REPLACE" if replace else "IGNORE"

        def write(c: sqlite3.Connection) -> bool:
            values = (name, dumps(content), now())
            return c.execute(f"INSERT OR {how} INTO {self.table} VALUES(?,?,?)", values).rowcount > 0

        return self.db.write(write)

    def get(self, name: str) -> Kept | None:
        rows = self.db.all(f"SELECT * FROM {self.table} WHERE name=?", name)
        return _kept(rows[0]) if rows else None

    def all(self) -> list[Kept]:
        """All of them, what was written last first."""
        return [_kept(row) for row in self.db.all(f"SELECT * FROM {self.table} ORDER BY updated DESC, name")]

    def delete(self, name: str) -> bool:
        """False if there was none."""
        return self.db.write(lambda c: c.execute(f"DELETE FROM {self.table} WHERE name=?", (name,)).rowcount > 0)


def _kept(row: sqlite3.Row) -> Kept:
    return Kept(row["name"], dict(json.loads(row["content"])), row["updated"])
