"""Whom runs are shared with: with one person or with all, to read or to work."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from app.store.database import Database

May = Literal["read", "work"]
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Share:
    """What a person, or EVERYBODY, may do with a run that is not theirs."""

    person: str
    may: May


class Shares:
    """Shares of runs. Who reads one sees all of it; who works with it does all but delete and share it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def of(self, run_id: str) -> list[Share]:
        """Those of a run, EVERYBODY first."""
        rows = self.db.all("SELECT person, may FROM shares WHERE run=? ORDER BY person", run_id)
        return [Share(r["person"], r["may"]) for r in rows]

    def set(self, run_id: str, person: str, may: May | None) -> None:
        """Shares a run with somebody, or no more."""

        def write(c: sqlite3.Connection) -> None:
            if may is None:
                c.execute("DELETE FROM shares WHERE run=? AND person=?", (run_id, person))
            else:
                c.execute("INSERT OR REPLACE INTO shares VALUES(?,?,?)", (run_id, person, may))

        self.db.write(write)
