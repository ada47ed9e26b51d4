"""In which order people are to see rows: the queue as it stands, the records that moved in it, lists for so many minutes."""

import json
import math
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.store.columns import dumps, marks, now
from app.store.database import Database
from app.store.reviews.acceptances import ACCEPTED
from app.store.reviews.pushes import AUDIT_FIRST, PAGE
from app.store.reviews.verdicts import IN_THE_APP, PERSON
from feedback.stats.review_order import Method

NEXT = AUDIT_FIRST + 1.0
"""From here on lie the priorities of the rows that come next: above those of all others."""
SHARED = (
    "SELECT row FROM pushed WHERE push IN (SELECT id FROM pushes WHERE run=:run) AND reviewers>1 AND withdrawn IS NULL"
)
"""The rows of a run that two reviewers are to answer."""
ANSWERED_BY = (
    f"(SELECT count(DISTINCT {PERSON}) FROM verdicts WHERE verdicts.row=rows.id AND gone IS NULL AND status<>'draft')"
)
"""How many reviewers finished with a row."""
_MOVED = (
    "FROM pushed JOIN rows ON rows.id=pushed.row WHERE moved<>0 AND sent>=rows.updated AND withdrawn IS NULL AND state='kept'"
    " AND stage='answered' AND (abs(moved)=3 OR reviewers>1 OR NOT EXISTS(SELECT 1 FROM verdicts WHERE verdicts.row=pushed.row"
    " AND gone IS NULL))"
)
_LAST = "SELECT max(id) FROM review_lists WHERE run=? AND who IN (?, '')"


@dataclass(frozen=True, slots=True)
class QueueOrder:
    """How the queue was put in order last: by `method`, learned from so many answers, when so many were there in all."""

    created: str
    method: Method
    fitted_on: int
    answered: int
    coefficients: Mapping[str, float]
    random: frozenset[str]
    """The rows that stand in it by chance."""
    reasons: Mapping[str, str]
    """Why the next rows are where they are, in words; "" where their ratings say it."""


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
            frozenset(json.loads(r["random"])), json.loads(r["reasons"]),
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
                "INSERT INTO review_orders(run, created, method, fitted_on, answered, coefficients, random, reasons)"
                " VALUES(?,?,?,?,?,?,?,?)",
                (
                    run_id, now(), order.method, order.fitted_on, order.answered, dumps(dict(order.coefficients)),
                    dumps(sorted(order.random)), dumps(dict(order.reasons)),
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
            c.executemany("UPDATE pushed SET priority=?, moved=max(abs(moved), 1) WHERE push=? AND row=?", changed)
            return len(changed)

        return self.db.write(write)

    def moved(self, push: int) -> Iterator[list[str]]:
        """The rows whose records in Argilla have another place or list by now, and nothing else that changed, page by page.

        What people answered already is not told there again, but where a second reviewer is to see it.
        """
        after = ""
        while True:
            page = self.db.all(
                f"SELECT pushed.row {_MOVED} AND push=? AND pushed.row>? ORDER BY pushed.row LIMIT {PAGE}", push, after
            )
            if page:
                yield [r["row"] for r in page]
            if len(page) < PAGE:
                return
            after = page[-1]["row"]

    def any_moved(self, run_id: str) -> bool:
        """True where Argilla has not heard of the order, or of a list, yet."""
        rows = self.db.all(f"SELECT 1 {_MOVED} AND push IN (SELECT id FROM pushes WHERE run=?) LIMIT 1", run_id)
        return bool(rows)

    def on_their_way(self, push: int) -> None:
        """What moved so far is about to be told: what moves from now on is told another time."""
        if self.db.all("SELECT 1 FROM pushed WHERE push=? AND moved>0 LIMIT 1", push):
            self.db.write(lambda c: c.execute("UPDATE pushed SET moved=-moved WHERE push=? AND moved>0", (push,)))

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
        """The rows that nobody has finished with and that need somebody, in the queue's order, the next first."""
        rows = self.db.reader.execute(
            "SELECT id FROM rows INDEXED BY rows_queue WHERE run=? AND state='kept' AND queue IS NOT NULL"
            " AND NOT EXISTS(SELECT 1 FROM verdicts WHERE verdicts.row=rows.id AND gone IS NULL AND status<>'draft')"
            f" AND NOT {ACCEPTED} ORDER BY queue, unit, position LIMIT ?", (run_id, limit),
        )  # fmt: skip
        return [r["id"] for r in rows]

    def listed_by_others(self, run_id: str, who: str) -> set[str]:
        """The rows of the newest lists of everybody else."""
        rows = self.db.all(
            "SELECT row FROM listed WHERE list IN (SELECT max(id) FROM review_lists WHERE run=? AND who NOT IN ('', ?)"
            " GROUP BY who)", run_id, who,
        )  # fmt: skip
        return {r["row"] for r in rows}

    def add_list(self, run_id: str, who: str, rows: Sequence[str], minutes: float, seconds: float) -> ReviewList:
        """A list of rows for somebody ("" for anybody) to review in so many minutes; their records belong to a batch of their own
        from now on.
        """
        created = now()

        def write(c: sqlite3.Connection) -> ReviewList:
            (batch,) = c.execute(
                "SELECT 1+max(coalesce((SELECT max(batch) FROM review_lists WHERE run=:run), 0),"
                " coalesce((SELECT max(batch) FROM pushed JOIN pushes ON pushes.id=push WHERE run=:run), 0))", {"run": run_id},
            ).fetchone()  # fmt: skip
            added = c.execute(
                "INSERT INTO review_lists(run, created, who, minutes, seconds, batch) VALUES(?,?,?,?,?,?)",
                (run_id, created, who, minutes, seconds, batch),
            )
            c.executemany(
                "INSERT INTO listed(list, row, position) VALUES(?,?,?)",
                [(added.lastrowid, row, position) for position, row in enumerate(rows)],
            )
            c.execute(
                "UPDATE pushed SET batch=?, moved=max(abs(moved), 1) WHERE push IN (SELECT id FROM pushes WHERE run=?) AND row IN"
                " (SELECT value FROM json_each(?))", (batch, run_id, dumps(list(rows))),
            )  # fmt: skip
            return ReviewList(int(added.lastrowid or 0), created, minutes, seconds, batch, tuple(rows))

        return self.db.write(write)

    def share(self, run_id: str, overlap: float, worth: Sequence[str]) -> int:
        """Says which rows two reviewers are to answer: those `worth` a second opinion and, once two people review, the first
        audit rows as they were drawn, as many as are that share of all rows that were sent. Returns how many records changed.
        """
        wanted = {*worth, *self._overlapping(run_id, overlap)}
        before = {r["row"] for r in self.db.reader.execute(SHARED, {"run": run_id})}
        alone = "SELECT row FROM pushed WHERE push IN (SELECT id FROM pushes WHERE run=?) AND sent<>'' AND reviewers=1"
        lacking = {
            r["row"]
            for r in self.db.all(f"{alone} AND row IN (SELECT value FROM json_each(?))", run_id, dumps([*wanted]))
        }
        if not lacking and wanted >= before:
            return 0

        def write(c: sqlite3.Connection) -> int:
            changed = 0
            for reviewers, rows in ((2, lacking), (1, before - wanted)):
                changed += c.execute(
                    "UPDATE pushed SET reviewers=?, moved=3 WHERE push IN (SELECT id FROM pushes WHERE run=?) AND sent<>'' AND"
                    " reviewers<>? AND row IN (SELECT value FROM json_each(?))",
                    (reviewers, run_id, reviewers, dumps(sorted(rows))),
                ).rowcount
            return changed

        return self.db.write(write)

    def is_shared(self, run_id: str) -> bool:
        """True where some rows are for two reviewers already, or fewer than two people review."""
        return bool(self.db.reader.execute(f"{SHARED} LIMIT 1", {"run": run_id}).fetchone()) or not self._overlapping(
            run_id, 1e-9
        )

    def _overlapping(self, run_id: str, overlap: float) -> list[str]:
        """The audit rows of the overlap; [] while fewer than two people review."""
        (r,) = self.db.all(
            "SELECT (SELECT count(*) FROM rows WHERE run=?1 AND state='kept' AND sample IS NOT NULL) rows, (SELECT count(*) FROM"
            f" (SELECT DISTINCT {PERSON} FROM verdicts JOIN rows ON rows.id=row AND run=?1 WHERE row>?1||'-' AND row<?1||'.'"
            " AND gone IS NULL AND status='submitted'"
            " LIMIT 2)) people", run_id,
        )  # fmt: skip
        if r["people"] < 2:
            return []
        rows = self.db.all(
            "SELECT row FROM pushed JOIN pushes ON pushes.id=push WHERE run=? AND kind='audit' AND sent<>'' AND withdrawn IS NULL"
            " GROUP BY row ORDER BY max(push), place, row LIMIT ?", run_id, math.ceil(overlap * r["rows"]),
        )  # fmt: skip
        return [r["row"] for r in rows]

    def waiting_second(self, run_id: str, reviewer: str, limit: int) -> list[str]:
        """The rows that somebody else answered, and that `reviewer` is to answer as the second one, the audit first."""
        rows = self.db.reader.execute(
            f"SELECT id FROM rows WHERE id IN ({SHARED}) AND state='kept' AND {ANSWERED_BY}=1 AND NOT EXISTS(SELECT 1 FROM verdicts"
            f" WHERE verdicts.row=rows.id AND gone IS NULL AND status<>'draft' AND {PERSON}=replace(:reviewer, '{IN_THE_APP}', ''))"
            " ORDER BY sample<>'audit', queue, unit, position LIMIT :limit",
            {"run": run_id, "reviewer": reviewer, "limit": limit},
        )
        return [r["id"] for r in rows]

    def number_waiting_second(self, run_id: str) -> int:
        """How many rows wait for a second reviewer."""
        sql = f"SELECT count(*) FROM rows WHERE id IN ({SHARED}) AND state='kept' AND {ANSWERED_BY}=1"
        return int(self.db.reader.execute(sql, {"run": run_id}).fetchone()[0])

    def list_of(self, run_id: str, who: str) -> ReviewList | None:
        """Somebody's newest list of a run, or one for anybody; None where there is none."""
        rows = self.db.all(f"SELECT * FROM review_lists WHERE id=({_LAST})", run_id, who)
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
        r = self.db.reader.execute(
            "SELECT EXISTS(SELECT 1 FROM review_lists WHERE run=:run) list, EXISTS(SELECT 1 FROM acceptances WHERE run=:run AND"
            f" withdrawn IS NULL) guarantee, EXISTS({SHARED}) second", {"run": run_id},
        ).fetchone()  # fmt: skip
        return [name for name in ("list", "guarantee", "second") if r[name]]

    def answered_among(self, row_ids: Collection[str]) -> set[str]:
        """Those of the rows that somebody finished with."""
        rows = self.db.all(
            f"SELECT DISTINCT row FROM verdicts WHERE gone IS NULL AND status<>'draft' AND row IN ({marks([*row_ids])})",
            *row_ids,
        )
        return {r["row"] for r in rows}
