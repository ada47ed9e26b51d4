"""What the forms of the page held when they were last left, for each browser. Never a key."""

import json
from typing import Any

from app.store.columns import dumps, now
from app.store.database import Database


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
