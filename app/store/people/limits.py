"""What each person may use at most, as an admin set it: for one person, or for everybody."""

import sqlite3
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from app.store.database import Database

EVERYBODY = ""
DAYS = 30
"""Within so many days tokens are counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit. `rows` are those that all runs of a person hold, `megabytes` what they upload while the app runs, `calls`
    what their runs ask of one server at the same time, `tokens` what these take within 30 days.
    """

    rows: int | None = None
    megabytes: int | None = None
    calls: int | None = None
    tokens: int | None = None


NAMES = tuple(field.name for field in fields(Limits))


class PersonalLimits:
    """Limits by person. What is not set for one is as for everybody."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def of(self, person: str) -> Limits:
        """Those that hold for a person; none for whoever is none of the team."""
        query = "SELECT what, value FROM limits WHERE person IN ('', ?1) AND EXISTS(SELECT 1 FROM people WHERE name=?1)"
        return Limits(**{row["what"]: row["value"] for row in self.db.all(f"{query} ORDER BY person", person)})

    def own(self, person: str) -> Limits:
        """Those that were set for a person, or EVERYBODY."""
        rows = self.db.all("SELECT what, value FROM limits WHERE person=?", person)
        return Limits(**{row["what"]: row["value"] for row in rows})

    def set(self, person: str, what: str, value: int | None) -> None:
        """Sets one of NAMES for a person, or EVERYBODY; None takes it away."""

        def write(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM limits WHERE person=? AND what=?", (person, what))
            if value is not None:
                c.execute("INSERT INTO limits VALUES(?,?,?)", (person, what, value))

        self.db.write(write)

    def rows_of(self, owner: str, but: str = "") -> int:
        """How many rows the runs of an owner hold, `but` for one run."""
        query = "SELECT coalesce(sum(answered), 0) n FROM counted JOIN runs ON runs.id=run WHERE owner=? AND run<>?"
        return int(self.db.all(query, owner, but)[0]["n"])

    def tokens_of(self, owner: str, now: datetime | None = None) -> int:
        """How many tokens work on the runs of an owner took within the last 30 days."""
        since = ((now or datetime.now(UTC)) - timedelta(days=DAYS)).isoformat(timespec="milliseconds")
        query = (
            "SELECT coalesce(sum(prompt_tokens+completion_tokens), 0) n FROM workings JOIN runs ON runs.id=run"
            " WHERE owner=? AND workings.created>=?"
        )
        return int(self.db.all(query, owner, since)[0]["n"])
