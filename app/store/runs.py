"""Runs, and which process works on one."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import RunError
from app.store.columns import NEAR_DUPLICATE, marks, now
from app.store.database import Database
from app.store.reviews.verdicts import COUNTS_AS, DECIDED, NEWEST

SEEN_BY = (
    "(owner=? OR EXISTS(SELECT 1 FROM shares WHERE shares.run=runs.id AND person IN ('', ?))"
    " OR ? AND NOT EXISTS(SELECT 1 FROM people WHERE people.name=owner))"
)
STATES = ("kept", "dropped", "surplus", "failed")
"""What a row can be; of a dropped one Argilla may have a record still."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How far a run has come: rows, where nothing else is said."""

    units: int = 0
    """Units that were worked."""
    made: int = 0
    answered: int = 0
    rated: int = 0
    ratings: int = 0
    """Ratings, those that can't be read included."""
    unrated: int = 0
    """Ratings that can't be read."""
    failed_ratings: int = 0
    """Ratings that the labeller did not give."""
    rows_to_rate_again: int = 0
    """Rated rows that some of the failed ratings are of."""
    failed: int = 0
    """Units and rows."""
    dropped: int = 0
    """Answers of which no row was made."""
    sent: int = 0
    reviewed: int = 0
    submitted: int = 0
    """Answers of reviewers."""
    approved: int = 0
    rejected: int = 0
    undecided: int = 0
    """On which the reviewers' decisions come to nothing: a tie, or nobody was sure."""
    settled: int = 0
    seen: int = 0
    """Of which somebody has said something, not only drafted it."""
    exported: int = 0
    """In the last file."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a recipe. `state`: draft, running, paused, stopped, done; `reason` says why it paused."""

    id: str
    name: str
    owner: str
    recipe: str
    seed: int
    state: str
    reason: str
    inputs: str
    created: str
    updated: str
    worker: str | None
    heartbeat: float | None
    shard: str = ""
    """The part of the run that this store works, as "3/8"; "" for all of it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in a list: how many rows it has, and whether some are in Argilla."""

    rows: int
    sent: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """For whom runs are looked up. Admins see also runs of whoever is none of the team, as those of before there was one."""

    name: str
    is_admin: bool


class Runs:
    """Runs, and how many of what they hold. Of a `viewer`, those that they may see: no other run is there for them."""

    def __init__(self, db: Database, viewer: Viewer | None = None) -> None:
        self.db = db
        self.viewer = viewer

    def seen_by(self, viewer: Viewer) -> "Runs":
        """The same for one person alone."""
        return Runs(self.db, viewer)

    def _found(self, clause: str, *values: Any) -> list[Run]:
        """The runs that a clause finds, of those that the viewer may see."""
        if (viewer := self.viewer) is None:
            rows = self.db.all(f"SELECT * FROM runs WHERE 1 {clause}", *values)
        else:
            rows = self.db.all(
                f"SELECT * FROM runs WHERE {SEEN_BY} {clause}", viewer.name, viewer.name, viewer.is_admin, *values
            )
        return [Run(**dict(row)) for row in rows]

    def may_work(self, run: Run) -> bool:
        """True where the viewer may change what is in a run that they see."""
        if self.viewer is None or self.owns(run):
            return True
        shared = "SELECT 1 FROM shares WHERE run=? AND person IN ('', ?) AND may='work'"
        return bool(self.db.all(shared, run.id, self.viewer.name))

    def owns(self, run: Run) -> bool:
        """True where the viewer may also delete a run that they see, and share it."""
        if self.viewer is None or run.owner == self.viewer.name:
            return True
        return self.viewer.is_admin and not self.db.all("SELECT 1 FROM people WHERE name=?", run.owner)

    def create(self, run_id: str, name: str, owner: str, recipe: str, seed: int, inputs: str, shard: str = "") -> Run:
        def write(c: sqlite3.Connection) -> None:
            c.execute(
                "INSERT INTO runs(id, name, owner, recipe, seed, state, inputs, created, updated, shard)"
                " VALUES(?,?,?,?,?,?,?,?,?,?)",
                (run_id, name, owner, recipe, seed, "draft", inputs, now(), now(), shard),
            )

        self.db.write(write)
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """The run of that id, or of that beginning of an id, or "last". Raises RunError."""
        if not run_id:
            raise RunError("No run is named.", terminal="'claywright runs' lists those that there are.")
        if run_id == "last":
            runs = self._found("ORDER BY created DESC, rowid DESC LIMIT 1")
        elif (run := self.known(run_id)) is not None:
            return run
        else:
            pattern = run_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            runs = self._found("AND id LIKE ? ESCAPE '\\' LIMIT 2", pattern)
            if len(runs) == 2:
                raise RunError(
                    f"More than one run begins with '{run_id}'. Give more of its id.",
                    terminal="'claywright runs' lists them.",
                )
        if not runs:
            raise RunError(f"There is no run '{run_id}'.", terminal="'claywright runs' lists those that there are.")
        return runs[0]

    def known(self, run_id: str) -> Run | None:
        """The run of that very id, if there is one."""
        return next(iter(self._found("AND id=?", run_id)), None)

    def of_row(self, row_id: str) -> Run:
        """The run that a row belongs to. Raises RunError where there is no such row."""
        runs = self._found("AND id=(SELECT run FROM rows WHERE rows.id=?)", row_id)
        if not runs:
            raise RunError(f"There is no row '{row_id}'.")
        return runs[0]

    def all(self) -> list[Run]:
        return self._found("ORDER BY created DESC, rowid DESC")

    def number_of(self, owner: str) -> int:
        """How many runs that owner has, whoever looks."""
        return int(self.db.all("SELECT count(*) n FROM runs WHERE owner=?", owner)[0]["n"])

    def set(
        self,
        run_id: str,
        *,
        name: str | None = None,
        recipe: str | None = None,
        state: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Changes what is given of a run."""
        given = {"name": name, "recipe": recipe, "state": state, "reason": reason}
        values = {column: value for column, value in given.items() if value is not None}
        names = ", ".join(f"{name}=?" for name in values)
        self.db.write(
            lambda c: c.execute(f"UPDATE runs SET {names}, updated=? WHERE id=?", (*values.values(), now(), run_id))
        )

    def listed(self) -> dict[str, Listed]:
        """Each run as a list shows it, looked up anew where something was written since."""
        listed = self.db.remembered("runs listed", self._listed)
        return (
            dict(listed)
            if self.viewer is None
            else {
                run.id: listed[run.id]
                for run in self.all()
                if run.id in listed  # one may have begun, or gone, in between
            }
        )

    def _listed(self) -> dict[str, Listed]:
        rows = self.db.all(
            "SELECT run, answered, run IN (SELECT run FROM pushes) AND EXISTS (SELECT 1 FROM rows WHERE rows.run=counted.run"
            f" AND state IN ({marks(STATES)}) AND in_argilla=1) sent FROM counted", *STATES,
        )  # fmt: skip
        return {r["run"]: Listed(r["answered"], bool(r["sent"])) for r in rows}

    def claim(self, run_id: str, worker: str, time: float, stale: float, dead: Sequence[str]) -> bool:
        """Takes the run for `worker`, if nobody has it, its holder is among `dead` or has not been heard for `stale` s."""

        def write(c: sqlite3.Connection) -> bool:
            holder = c.execute("SELECT worker, heartbeat FROM runs WHERE id=?", (run_id,)).fetchone()
            free = holder["worker"] is None or holder["worker"] in dead or (holder["heartbeat"] or 0) < time - stale
            if free:
                c.execute("UPDATE runs SET worker=?, heartbeat=? WHERE id=?", (worker, time, run_id))
            return bool(free)

        return self.db.write(write)

    def beat(self, run_id: str, worker: str, time: float) -> bool:
        """Says that `worker` is there; False if the run is no longer its own."""
        beat = "UPDATE runs SET heartbeat=? WHERE id=? AND worker=?"
        return self.db.write(lambda c: c.execute(beat, (time, run_id, worker)).rowcount > 0)

    def release(self, run_id: str, worker: str) -> None:
        self.db.write(
            lambda c: c.execute("UPDATE runs SET worker=NULL, heartbeat=NULL WHERE id=? AND worker=?", (run_id, worker))
        )

    def delete(self, run_id: str) -> None:
        """Takes the run and everything of it away; the memo keeps its calls."""
        self.db.write(lambda c: c.execute("DELETE FROM runs WHERE id=?", (run_id,)))

    def add_export(self, run_id: str, path: str, format: str, rows: int) -> None:
        values = (run_id, path, format, rows, now())
        self.db.write(lambda c: c.execute("INSERT INTO exports VALUES(NULL,?,?,?,?,?)", values) and None)

    def seal(self, run_id: str, seals: Mapping[str, str]) -> None:
        """Keeps what names the content of each file, or folder, that an export is about to leave, by its whole path."""
        values = [(run_id, path, seal) for path, seal in seals.items()]
        self.db.write(lambda c: c.executemany("INSERT OR IGNORE INTO seals VALUES(?,?,?)", values) and None)

    def seals(self, run_id: str, path: str) -> list[str]:
        """What the exports of a run left at a path, or were about to."""
        return [seal for (seal,) in self.db.all("SELECT seal FROM seals WHERE run=? AND path=?", run_id, path)]

    def counts(self, run_id: str) -> RunCounts:
        """How far the run has come, counted anew where something was written since; at once, of a large run too."""
        return self.db.remembered(f"counts of {run_id}", lambda: self._counted(run_id))

    def _counted(self, run_id: str) -> RunCounts:
        counts = dict(self.db.all("SELECT * FROM counted WHERE run=?", run_id)[0])
        del counts["run"]
        counts["failed"], counts["dropped"] = (
            counts.pop("failed_units") + counts.pop("failed_rows"),
            counts.pop("drops"),
        )
        sent = self.db.reader.execute(
            f"SELECT count(*) FROM rows WHERE run=? AND state IN ({marks(STATES)}) AND in_argilla=1", (run_id, *STATES)
        ).fetchone()[0]
        approved, rejected, undecided = (COUNTS_AS[decision].format(majority="majority") for decision in COUNTS_AS)
        reviewed = self.db.reader.execute(
            f"WITH decided AS (SELECT *, {approved} approved, {rejected} rejected, {undecided} undecided"
            f" FROM ({DECIDED}), (SELECT coalesce(json_extract(recipe, '$.merge.decision'), 'majority')='majority' majority"
            " FROM runs WHERE id=?)) SELECT count(*) reviewed, coalesce(sum(submitted), 0) submitted,"
            " coalesce(sum(approved), 0) approved, coalesce(sum(rejected), 0) rejected,"
            " coalesce(sum(undecided), 0) undecided, count(settled) settled FROM decided",
            (run_id, run_id),
        ).fetchone()
        seen = self.db.all(f"SELECT count(DISTINCT row) n FROM ({NEWEST}) WHERE status<>'draft'", run_id)[0]["n"]
        last = self.last_export(run_id)
        exported = last["rows"] if last else 0
        return RunCounts(**counts, sent=sent, **dict(reviewed), seen=seen, exported=exported)

    def last_export(self, run_id: str) -> dict[str, Any] | None:
        """The newest of what `add_export` was told."""
        rows = self.db.all("SELECT * FROM exports WHERE run=? ORDER BY id DESC LIMIT 1", run_id)
        return dict(rows[0]) if rows else None

    def drop_reasons(self, run_id: str) -> dict[str, int]:
        """How many answers were dropped, by reason; near-duplicates are one, whatever they are like."""
        rows = self.db.all(
            "SELECT CASE WHEN reason LIKE ? THEN ? ELSE reason END why, count(*) n FROM drops WHERE run=?"
            " GROUP BY why ORDER BY n DESC, why", f"{NEAR_DUPLICATE} (%", NEAR_DUPLICATE, run_id,
        )  # fmt: skip
        return {r["why"]: r["n"] for r in rows}
