"""Rows that were accepted under a guarantee: the labeller's decision stands without a reviewer, until that is withdrawn."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.store.columns import marks, now
from app.store.database import Database
from feedback.reviewed_row import Guarantee
from feedback.types import Decision
from tasks.types import without_surrogates

PAGE = 500

ACCEPTED = (
    "EXISTS(SELECT 1 FROM accepted JOIN acceptances ON acceptances.id=acceptance AND withdrawn IS NULL"
    " WHERE accepted.row=rows.id AND accepted.content_hash=rows.content_hash)"
)
"""A row that stands under a guarantee: one that changed since needs somebody again."""


@dataclass(frozen=True, slots=True)
class KeptAcceptance:
    """An acceptance as it was given; `withdrawn` is when it ended, "" while it stands, and `reason` why."""

    id: int
    statement: str
    risk: float
    confidence: float
    audit: int
    threshold: float
    who: str
    created: str
    rows: int
    withdrawn: str = ""
    reason: str = ""


class Acceptances:
    """At most one stands for each run; all that ever stood are kept."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def accept(
        self,
        run_id: str,
        decisions: Mapping[str, Decision],
        *,
        statement: str,
        risk: float,
        confidence: float,
        audit: int,
        threshold: float,
        who: str,
    ) -> bool:
        """The labeller's `decisions` on these rows stand from now on, but for rows that changed since they were sent.

        False, and nothing is changed, where an acceptance stands.
        """
        values = (run_id, statement, risk, confidence, audit, threshold, without_surrogates(who), now())

        def write(c: sqlite3.Connection) -> bool:
            added = c.execute(
                "INSERT OR IGNORE INTO acceptances(run, statement, risk, confidence, audit, threshold, who, created)"
                " VALUES(?,?,?,?,?,?,?,?)", values,
            )  # fmt: skip
            if not added.rowcount:
                return False
            c.executemany(
                "INSERT INTO accepted(acceptance, row, decision, content_hash) SELECT ?, id, ?, content_hash FROM rows WHERE id=?"
                " AND EXISTS(SELECT 1 FROM pushed WHERE pushed.row=rows.id AND withdrawn IS NULL AND sent>=rows.updated)",
                [(added.lastrowid, decision, row) for row, decision in decisions.items()],
            )
            return True

        return self.db.write(write)

    def withdraw(self, run_id: str, reason: str) -> bool:
        """What stands does so no more, for that reason in a sentence; False where nothing stands."""
        values = (now(), without_surrogates(reason), run_id)
        done = self.db.write(
            lambda c: (
                c.execute(
                    "UPDATE acceptances SET withdrawn=?, reason=? WHERE run=? AND withdrawn IS NULL", values
                ).rowcount
            )
        )
        return bool(done)

    def last(self, run_id: str) -> KeptAcceptance | None:
        """The newest acceptance of a run, whether it stands or was withdrawn; its rows without those that changed since."""
        rows = self.db.all(
            "SELECT acceptances.*, (SELECT count(*) FROM accepted JOIN rows ON rows.id=row WHERE acceptance=acceptances.id"
            " AND (withdrawn IS NOT NULL OR rows.content_hash=accepted.content_hash)) rows FROM acceptances"
            " WHERE run=? ORDER BY id DESC LIMIT 1", run_id,
        )  # fmt: skip
        if not rows:
            return None
        (r,) = rows
        return KeptAcceptance(
            r["id"], r["statement"], r["risk"], r["confidence"], r["audit"], r["threshold"], r["who"], r["created"], r["rows"],
            r["withdrawn"] or "", r["reason"],
        )  # fmt: skip

    def decisions(self, acceptance: int) -> dict[str, Decision]:
        """The labeller's decisions on the rows that were accepted then, in the order of their ids."""
        rows = self.db.all("SELECT row, decision FROM accepted WHERE acceptance=? ORDER BY row", acceptance)
        return {r["row"]: r["decision"] for r in rows}

    def of(self, row_ids: Sequence[str]) -> dict[str, Guarantee]:
        """The guarantees under which those of the rows stand that were accepted, and say what they said then."""
        by_row: dict[str, Guarantee] = {}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.reader.execute(
                "SELECT accepted.row, decision, risk, confidence, audit, statement FROM accepted"
                " JOIN acceptances ON acceptances.id=acceptance AND withdrawn IS NULL"
                " JOIN rows ON rows.id=accepted.row AND rows.content_hash=accepted.content_hash"
                f" WHERE accepted.row IN ({marks(some)})",
                some,
            ):
                by_row[r["row"]] = Guarantee(r["decision"], r["risk"], r["confidence"], r["audit"], r["statement"])
        return by_row
