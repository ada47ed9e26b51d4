"""Who did what, line after line: the file lets no line be changed or taken out."""

import sqlite3
from dataclasses import dataclass

from app.store.columns import now
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class Action:
    """`at` is ISO time; `run` is the id of the run that it was about, "" for none."""

    id: int
    at: str
    person: str
    did: str
    run: str
    detail: str


class ActionLog:
    """What people did, by whom and when. Nothing of what a row says, and no key."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def add(self, person: str, did: str, run: str = "", detail: str = "") -> None:
        def write(c: sqlite3.Connection) -> None:
            line = (now(), person, did, run, detail[:500])
            c.execute("INSERT INTO action_log(at, person, did, run, detail) VALUES(?,?,?,?,?)", line)

        self.db.write(write)

    def newest(self, limit: int) -> list[Action]:
        """The last lines, the newest first."""
        return [Action(**dict(row)) for row in self.db.all("SELECT * FROM action_log ORDER BY id DESC LIMIT ?", limit)]
