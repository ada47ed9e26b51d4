"""What people keep under a name: recipes, sets of models, rubrics; every version of every rubric; and what the page's
forms held when they were last left. Never a key.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.store.columns import dumps, marks, now
from app.store.database import Database
from feedback.rubrics import RatedExample, Rubric


@dataclass(frozen=True)
class Kept:
    """One thing under its name; `updated` is when it was last written, as ISO time."""

    name: str
    content: dict[str, Any]
    updated: str


class Library:
    """The things of one kind that a person kept; of "", those kept without signing in, which everybody reads.

    A name is there once for each.
    """

    def __init__(
        self,
        db: Database,
        table: Literal["recipes", "model_sets", "rubrics"],
        owner: str = "",
        deletes: tuple[str, ...] = ("",),
    ) -> None:
        self.db = db
        self.table = table
        self.owner = owner
        self.deletes = deletes
        """Whose things may be deleted, in this order of preference."""

    def of(self, owner: str, *, is_admin: bool) -> "Library":
        """The same kind of things, of that person. Those of before there was a team are an admin's to delete."""
        return Library(self.db, self.table, owner, (owner, "") if is_admin else (owner,))

    def keep(self, name: str, content: dict[str, Any], *, replace: bool = False) -> bool:
        """Writes it; False, and nothing changed, if the name is taken and is not to be replaced."""
        how = "REPLACE" if replace else "IGNORE"

        def write(c: sqlite3.Connection) -> bool:
            values = (self.owner, name, dumps(content), now())
            return c.execute(f"INSERT OR {how} INTO {self.table} VALUES(?,?,?,?)", values).rowcount > 0

        return self.db.write(write)

    def get(self, name: str) -> Kept | None:
        rows = self.db.all(
            f"SELECT * FROM {self.table} WHERE name=? AND owner IN ('', ?) ORDER BY owner DESC", name, self.owner
        )
        return _kept(rows[0]) if rows else None

    def all(self) -> list[Kept]:
        """All of them, what was written last first."""
        rows = self.db.all(
            f"SELECT *, max(owner) FROM {self.table} WHERE owner IN ('', ?) GROUP BY name ORDER BY updated DESC, name",
            self.owner,
        )
        return [_kept(row) for row in rows]

    def delete(self, name: str) -> bool:
        """False if there was none."""
        ends = f"DELETE FROM {self.table} WHERE name=? AND owner=?"
        return self.db.write(lambda c: any(c.execute(ends, (name, owner)).rowcount for owner in self.deletes))


def _kept(row: sqlite3.Row) -> Kept:
    return Kept(row["name"], dict(json.loads(row["content"])), row["updated"])


@dataclass(frozen=True)
class RubricVersion:
    """A rubric as it was; versions of one key count from 1. `created` is when it was first seen, as ISO time."""

    rubric: Rubric
    version: int
    created: str


class RubricVersions:
    """The versions of rubrics, by the hash of what they ask, so that what an older rating was asked can be read.

    None is ever changed.
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    def keep(self, rubrics: Iterable[Rubric]) -> None:
        """Numbers those that are new."""
        values = [(r.hash, r.key, r.key, dumps(asdict(r)), now()) for r in rubrics]

        def write(c: sqlite3.Connection) -> None:
            c.executemany(
                "INSERT OR IGNORE INTO rubric_versions(hash, key, version, content, created)"
                " VALUES(?,?,(SELECT coalesce(max(version), 0)+1 FROM rubric_versions WHERE key=?),?,?)",
                values,
            )

        if len(self.numbers([values_of[0] for values_of in values])) < len(values):
            self.db.write(write)

    def numbers(self, hashes: Iterable[str]) -> dict[str, int]:
        """{hash: version} of those that are known."""
        some = list(hashes)
        rows = self.db.all(f"SELECT hash, version FROM rubric_versions WHERE hash IN ({marks(some)})", *some)
        return {row["hash"]: row["version"] for row in rows}

    def get(self, hash_: str) -> RubricVersion | None:
        """The rubric that a rating was given by; None for one that is not known."""
        rows = self.db.all("SELECT * FROM rubric_versions WHERE hash=?", hash_)
        return _version(rows[0]) if rows else None

    def of(self, key: str) -> list[RubricVersion]:
        """All versions under a key, the newest first."""
        return [
            _version(row) for row in self.db.all("SELECT * FROM rubric_versions WHERE key=? ORDER BY version DESC", key)
        ]


def _version(row: sqlite3.Row) -> RubricVersion:
    values = json.loads(row["content"])
    values["examples"] = tuple(RatedExample(**example) for example in values["examples"])
    values |= {name: tuple(values[name]) for name in ("levels", "kinds")}
    return RubricVersion(Rubric(**values), row["version"], row["created"])


class FormDrafts:
    """What the forms of each browser held."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def keep(self, browser: str, filled: dict[str, Any]) -> None:
        self.db.write(
            lambda c: c.execute("INSERT OR REPLACE INTO forms VALUES(?,?,?)", (browser, dumps(filled), now())) and None
        )

    def get(self, browser: str) -> dict[str, Any]:
        """What that browser left; nothing for one that is new."""
        rows = self.db.all("SELECT filled FROM forms WHERE browser=?", browser)
        try:
            filled = json.loads(rows[0]["filled"]) if rows else {}
        except (ValueError, RecursionError):  # as another version kept it, or a damaged disk
            return {}
        return filled if isinstance(filled, dict) else {}

    def reviewers(self) -> set[str]:
        """The names under which browsers of this data folder decide."""
        rows = self.db.all(
            """SELECT DISTINCT json_extract(filled, '$."reviewer.name"') AS name FROM forms WHERE json_valid(filled)"""
        )
        return {str(row["name"]) for row in rows if row["name"]}
