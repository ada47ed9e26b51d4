"""How much the whole store holds, all runs together: what is watched while the app is up, and what a bug report says."""

from dataclasses import dataclass, fields
from pathlib import Path

from app.file_locks import BESIDE
from app.store.database import Database
from app.store.reviews.acceptances import ACCEPTED


@dataclass(frozen=True, slots=True)
class Calls:
    """What the calls of one stage took, of all runs that are there."""

    sent: int
    recalled: int
    """Calls that had been answered before."""
    failed_attempts: int
    """Attempts that failed in a way that can pass: each was sent, and most are followed by another one."""
    answered: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Of all answered calls together, side by side as they were."""


@dataclass(frozen=True, slots=True)
class StoreTotals:
    """All runs together."""

    calls: dict[str, Calls]
    """By stage."""
    runs: dict[str, int]
    """By state."""
    rows: dict[str, int]
    """By state."""
    ratings: int
    """Ratings that were read."""
    unrated: int
    """Ratings that can't be read."""
    failed_units: int
    failed_rows: int
    failed_ratings: int
    """Ratings that the labeller did not give."""
    queue: int
    """Rows that were sent to reviewers, and that nobody has finished with."""


class Totals:
    """Counts over all runs, whoever they belong to; no name of a run or a person, and nothing that a row says."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def all(self) -> StoreTotals:
        """All of it, counted anew where something was written since."""
        return self.db.remembered("totals", self._counted)

    def _counted(self) -> StoreTotals:
        names = [field.name for field in fields(Calls)]
        sums = ", ".join(f"sum({name}) {name}" for name in names)
        calls = self.db.all(f"SELECT stage, {sums} FROM spent GROUP BY stage")
        (counted,) = self.db.all(
            "SELECT coalesce(sum(ratings-unrated-failed_ratings), 0) ratings, coalesce(sum(unrated), 0) unrated,"
            " coalesce(sum(failed_units), 0) failed_units, coalesce(sum(failed_rows), 0) failed_rows,"
            " coalesce(sum(failed_ratings), 0) failed_ratings FROM counted"
        )
        (waiting,) = self.db.all(
            "SELECT count(*) n FROM rows INDEXED BY rows_queue WHERE state='kept' AND queue IS NOT NULL"
            " AND NOT EXISTS(SELECT 1 FROM verdicts WHERE verdicts.row=rows.id AND gone IS NULL AND status<>'draft')"
            f" AND NOT {ACCEPTED}"
        )
        return StoreTotals(
            calls={r["stage"]: Calls(**{name: r[name] for name in names}) for r in calls},
            runs=self._by_state("runs"),
            rows=self._by_state("rows"),
            **dict(counted),
            queue=waiting["n"],
        )

    def _by_state(self, table: str) -> dict[str, int]:
        return {r["state"]: r["n"] for r in self.db.all(f"SELECT state, count(*) n FROM {table} GROUP BY state")}

    def size(self) -> int:
        """Bytes of the store's files."""
        files = (Path(f"{self.db.path}{part}") for part in BESIDE)
        return sum(file.stat().st_size for file in files if file.is_file())

    def lines(self) -> dict[str, int]:
        """{table: how many lines it has}."""
        tables = self.db.all(
            "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
        return {t["name"]: self.db.all(f'SELECT count(*) n FROM "{t["name"]}"')[0]["n"] for t in tables}

    def schema(self) -> int:
        """How many steps of app/store/migrations.py the file has had."""
        return int(self.db.all("PRAGMA user_version")[0][0])
