"""In which order people are to see rows: the queue as it stands, the records that moved in it, lists for so many minutes."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.store.columns import dumps, marks, now
from app.store.database import Database
from app.store.reviews.pushes import AUDIT_FIRST, PAGE

NEXT = AUDIT_FIRST + 1.0
"""From here on lie the priorities of the rows that come next: above those of all others."""
_LAST = "SELECT max(id) FROM review_lists WHERE run=?"


@dataclass(frozen=True, slots=True)
class QueueOrder:
    """How the queue was put in order last: by `method`, learned from so many answers, when so many were there in all."""

    created: str
    method: str
    fitted_on: int
    answered: int
    coefficients: Mapping[str, float]
    random: frozenset[str]
    """The rows that stand in it by chance."""


@dataclass(frozen=True, slots=True)
class ReviewList:
    """Rows that somebody wants to review in so many minutes; they are expected to take so many seconds."""

    id: int
    created: str
    minutes: float
    seconds: float
    batch: int
    rows: tuple[str, ...]


class ReviewQueue:
    """The order of the queue of each run."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def last(self, run_id: str) -> QueueOrder | None:
        """How a run's queue was put in order last; None where it stands as it was sent."""
        rows = self.db.all("SELECT * FROM review_orders WHERE run=? ORDER BY id DESC LIMIT 1", run_id)
        if not rows:
            return None
        r = rows[0]
        return QueueOrder(
            r["created"], r["method"], r["fitted_on"], r["answered"], json.loads(r["coefficients"]),
            frozenset(json.loads(r["random"])),
        )  # fmt: skip

    def reorder(self, run_id: str, following: Sequence[str], others: Mapping[str, float], order: QueueOrder) -> int:
        """Puts rows that nobody answered in order: those that are `following` one another next, before all `others`, which have
        these priorities. Returns how many records moved; nothing is written where the order is the one that was put last.

        Where another process put the same answers in order meanwhile, its order stays.
        """
        wanted = {row: NEXT + (len(following) - at) / (len(following) + 1) for at, row in enumerate(following)}

        def write(c: sqlite3.Connection) -> int:
            last = c.execute(
                "SELECT answered, method FROM review_orders WHERE run=? ORDER BY id DESC LIMIT 1", (run_id,)
            ).fetchone()
            if last is not None and last["answered"] >= order.answered:
                return 0
            c.execute(
                "INSERT INTO review_orders(run, created, method, fitted_on, answered, coefficients, random)"
                " VALUES(?,?,?,?,?,?,?)",
                (
                    run_id, now(), order.method, order.fitted_on, order.answered, dumps(dict(order.coefficients)),
                    dumps(sorted(order.random)),
                ),
            )  # fmt: skip
            changed = []
            for r in c.execute(
                "SELECT push, row, kind, priority FROM pushed JOIN pushes ON pushes.id=push"
                " WHERE run=? AND sent<>'' AND withdrawn IS NULL AND (priority>=? OR row IN"
                " (SELECT value FROM json_each(?)))", (run_id, NEXT, dumps(list(wanted))),
            ).fetchall():  # fmt: skip
                base = AUDIT_FIRST if r["kind"] == "audit" else others.get(r["row"], 0.0)
                priority = wanted.get(r["row"], base)
                if abs(priority - r["priority"]) > 1e-9:
                    changed.append((priority, r["push"], r["row"]))
            c.executemany("UPDATE pushed SET priority=?, moved=1 WHERE push=? AND row=?", changed)
            return len(changed)

        return self.db.write(write)

    def moved(self, push: int) -> Iterator[list[str]]:
        """The rows whose records in Argilla have another place or list by now, and nothing else that changed, page by page.

        What people answered already is not told there again.
        """
        after = ""
        while True:
            page = self.db.all(
                "SELECT pushed.row FROM pushed JOIN rows ON rows.id=pushed.row WHERE push=? AND moved=1 AND pushed.row>?"
                " AND sent>=rows.updated AND withdrawn IS NULL AND state='kept' AND stage='answered'"
                " AND NOT EXISTS(SELECT 1 FROM verdicts WHERE verdicts.row=pushed.row AND gone IS NULL)"
                f" ORDER BY pushed.row LIMIT {PAGE}", push, after,
            )  # fmt: skip
            if page:
                yield [r["row"] for r in page]
            if len(page) < PAGE:
                return
            after = page[-1]["row"]

    def any_moved(self, run_id: str) -> bool:
        """True where Argilla has not heard of the order, or of a list, yet."""
        rows = self.db.all("SELECT 1 FROM pushed JOIN pushes ON pushes.id=push WHERE run=? AND moved=1 LIMIT 1", run_id)
        return bool(rows)

    def waiting_audit(self, run_id: str) -> list[str]:
        """The audit rows that nobody has finished with, in the random order in which they were sealed."""
        rows = self.db.reader.execute(
            "SELECT row FROM pushed JOIN pushes ON pushes.id=push WHERE run=:run AND kind='audit' AND sent<>''"
            " AND withdrawn IS NULL AND EXISTS(SELECT 1 FROM rows WHERE rows.id=row AND state='kept') AND NOT EXISTS(SELECT 1"
            " FROM verdicts WHERE verdicts.row=pushed.row AND gone IS NULL AND status<>'draft')"
            " GROUP BY row ORDER BY max(push), place, row", {"run": run_id},
        )  # fmt: skip
        return [r["row"] for r in rows]

    def following(self, run_id: str, limit: int) -> list[str]:
        """The rows that nobody has finished with, in the queue's order, the next first."""
        rows = self.db.reader.execute(
            "SELECT id FROM rows INDEXED BY rows_queue WHERE run=? AND state='kept' AND queue IS NOT NULL"
            " AND NOT EXISTS(SELECT 1 FROM verdicts WHERE verdicts.row=rows.id AND gone IS NULL AND status<>'draft')"
            " ORDER BY queue, unit, position LIMIT ?", (run_id, limit),
        )  # fmt: skip
        return [r["id"] for r in rows]

    def add_list(self, run_id: str, rows: Sequence[str], minutes: float, seconds: float) -> ReviewList:
        """A list of rows to review in so many minutes; their records belong to a batch of their own from now on."""

        def write(c: sqlite3.Connection) -> int:
            (batch,) = c.execute(
                "SELECT 1+max(coalesce((SELECT max(batch) FROM review_lists WHERE run=:run), 0),"
                " coalesce((SELECT max(batch) FROM pushed JOIN pushes ON pushes.id=push WHERE run=:run), 0))", {"run": run_id},
            ).fetchone()  # fmt: skip
            added = c.execute(
                "INSERT INTO review_lists(run, created, minutes, seconds, batch) VALUES(?,?,?,?,?)",
                (run_id, now(), minutes, seconds, batch),
            )
            c.executemany(
                "INSERT INTO listed(list, row, position) VALUES(?,?,?)",
                [(added.lastrowid, row, position) for position, row in enumerate(rows)],
            )
            c.execute(
                "UPDATE pushed SET batch=?, moved=1 WHERE push IN (SELECT id FROM pushes WHERE run=?) AND row IN"
                " (SELECT value FROM json_each(?))", (batch, run_id, dumps(list(rows))),
            )  # fmt: skip
            return int(added.lastrowid or 0)

        number = self.db.write(write)
        found = self.list_of(run_id)
        assert found is not None and found.id >= number
        return found

    def keep_second_opinions(self, run_id: str, rows: Sequence[str]) -> None:
        """These rows, and no others, are worth a second opinion by now."""
        values = (run_id, dumps(list(rows)))
        if self.db.all("SELECT 1 FROM second_opinions WHERE run=? AND rows=?", *values):
            return
        if rows or self.db.all("SELECT 1 FROM second_opinions WHERE run=?", run_id):
            self.db.write(lambda c: c.execute("INSERT OR REPLACE INTO second_opinions(run, rows) VALUES(?,?)", values))

    def list_of(self, run_id: str) -> ReviewList | None:
        """The newest list of a run; None where there is none."""
        rows = self.db.all(f"SELECT * FROM review_lists WHERE id=({_LAST})", run_id)
        if not rows:
            return None
        (r,) = rows
        listed = self.db.all("SELECT row FROM listed WHERE list=? ORDER BY position", r["id"])
        return ReviewList(
            r["id"], r["created"], r["minutes"], r["seconds"], r["batch"], tuple(line["row"] for line in listed)
        )

    def lists(self, run_id: str) -> list[str]:
        """Which lists of its rows a run has by now, as they can be looked for (row_search.LISTS)."""
        return self.db.remembered(f"lists of {run_id}", lambda: self._lists(run_id))

    def _lists(self, run_id: str) -> list[str]:
        (r,) = self.db.all(
            "SELECT EXISTS(SELECT 1 FROM review_lists WHERE run=?1) list, EXISTS(SELECT 1 FROM acceptances WHERE run=?1 AND"
            " withdrawn IS NULL) guarantee, EXISTS(SELECT 1 FROM second_opinions WHERE run=?1 AND rows<>'[]') second", run_id,
        )  # fmt: skip
        return [name for name in ("list", "guarantee", "second") if r[name]]

    def answered_among(self, row_ids: Collection[str]) -> set[str]:
        """Those of the rows that somebody finished with."""
        rows = self.db.all(
            f"SELECT DISTINCT row FROM verdicts WHERE gone IS NULL AND status<>'draft' AND row IN ({marks([*row_ids])})",
            *row_ids,
        )
        return {r["row"] for r in rows}
