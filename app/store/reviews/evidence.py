"""What reviews are measured by: signals of rows before anybody reviewed them, what was answered when, how long it took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.store.columns import dumps, now
from app.store.database import Database
from app.store.reviews.verdicts import COUNTS_AS, DECIDED, NEWEST
from feedback.stats.row_signals import RowSignals
from feedback.types import Decision

SIGNALS = (
    "keeps", "rating", "opinions", "contradiction", "spread", "failed_checks", "length", "responses", "model",
)  # fmt: skip
"""The columns of signals, in the order in which they are written and read."""
_OF_RUN = "row>:run||'-' AND row<:run||'.'"
"""The ids of a run's rows begin with its own; "." is the character behind "-"."""
_DECIDED, _NEWEST = DECIDED.replace("?", ":run"), NEWEST.replace("?", ":run")
_FIRST = (
    f"SELECT row, min(updated_at) at FROM verdicts WHERE {_OF_RUN} AND status='submitted' AND gone IS NULL"
    " AND json_extract(answers, '$.decision') IS NOT NULL GROUP BY row"
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A row that somebody was done with: `decision` is None where it was only skipped. `at` is when it was decided first."""

    row: str
    decision: Decision | None
    is_audit: bool
    at: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One person's finished answer to one row. `began` is when their first draft of it was kept, "" where that is not known."""

    reviewer: str
    row: str
    submitted: str
    began: str
    length: int
    """Characters of all responses of the row."""
    responses: int
    corrected: bool
    in_app: bool


class Evidence:
    """What is known of the rows of a run, and of the time that reviewers took."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def keep_signals(self, signals: Mapping[str, RowSignals]) -> None:
        """Signals by row, in place of those that it had."""
        lines = [(row, *(getattr(known, name) for name in SIGNALS)) for row, known in signals.items()]
        names = ",".join(SIGNALS)
        places = ",".join("?" * (len(SIGNALS) + 1))
        self.db.write(lambda c: c.executemany(f"INSERT OR REPLACE INTO signals(row,{names}) VALUES({places})", lines))

    def signals(self, run_id: str) -> list[tuple[Any, ...]]:
        """(row, whether it is audit, the chance with which it was drawn, its SIGNALS...) of the rows that Argilla has, in the
        order of their ids.

        Rows that were sent by an earlier version, without signals, have None in their place (`lacking`).
        """
        names = ",".join(f"signals.{name}" for name in SIGNALS)
        return [
            tuple(r)
            for r in self.db.reader.execute(
                f"SELECT rows.id, rows.sample='audit', (SELECT chance FROM pushed WHERE pushed.row=rows.id AND sent<>''"
                f" AND withdrawn IS NULL ORDER BY push DESC LIMIT 1), {names} FROM rows LEFT JOIN signals ON signals.row=rows.id"
                " WHERE rows.run=:run AND rows.state='kept' AND rows.sample IS NOT NULL ORDER BY rows.id",
                {"run": run_id},
            ).fetchall()
        ]

    def signature(self, run_id: str) -> tuple[Any, ...]:
        """Another value once other rows are in Argilla, or were sent anew: `signals` gives something else then."""
        rows = self.db.reader.execute(
            "SELECT count(*), total(rowid), total(rowid*rowid) FROM rows WHERE run=:run AND state='kept' AND sample IS NOT NULL",
            {"run": run_id},
        ).fetchone()
        sent = self.db.reader.execute(
            "SELECT count(*), max(sent), total(withdrawn IS NULL) FROM pushed WHERE push IN (SELECT id FROM pushes WHERE run=:run)",
            {"run": run_id},
        ).fetchone()
        return tuple(rows), tuple(sent)

    def signals_of_row(self, row_id: str) -> RowSignals | None:
        """The signals of one row; None where it has none."""
        rows = self.db.all(f"SELECT {','.join(SIGNALS)} FROM signals WHERE row=?", row_id)
        if not rows:
            return None
        values = dict(rows[0])
        return RowSignals(**{**values, "keeps": None if values["keeps"] is None else bool(values["keeps"])})

    def lacking(self, run_id: str) -> list[str]:
        """The rows that Argilla has and that have no signals: an earlier version sent them."""
        rows = self.db.all(
            "SELECT id FROM rows LEFT JOIN signals ON signals.row=rows.id WHERE run=? AND state='kept' AND sample IS NOT NULL"
            " AND signals.row IS NULL ORDER BY id", run_id,
        )  # fmt: skip
        return [r["id"] for r in rows]

    def answered(self, run_id: str, *, majority: bool = True) -> list[Answered]:
        """The rows that somebody decided, was unsure about or skipped, in the order in which they were decided first.

        `majority` says how several decisions become one (feedback.reviewed_row.MergeRule).
        """
        counts = {name: sql.format(majority=":majority") for name, sql in COUNTS_AS.items()}
        decision = (
            f"CASE WHEN {counts['approve']} THEN 'approve' WHEN {counts['reject']} THEN 'reject'"
            f" WHEN {counts['unsure']} THEN 'unsure' END"
        )
        rows = self.db.reader.execute(
            f"WITH first AS MATERIALIZED ({_FIRST}), newest AS MATERIALIZED ({_NEWEST}),"
            f" decided AS (SELECT row, {decision} decision FROM ({_DECIDED})),"
            " skipped AS (SELECT row FROM newest GROUP BY row HAVING sum(status='submitted')=0 AND sum(status='discarded')>0)"
            " SELECT decided.row, decision, coalesce(rows.sample, '')='audit' is_audit, coalesce(first.at, '') at FROM decided"
            " JOIN rows ON rows.id=decided.row LEFT JOIN first ON first.row=decided.row WHERE decision IS NOT NULL"
            " UNION ALL SELECT skipped.row, NULL, coalesce(rows.sample, '')='audit', (SELECT min(updated_at) FROM verdicts WHERE"
            " verdicts.row=skipped.row AND status='discarded' AND gone IS NULL) FROM skipped"
            " JOIN rows ON rows.id=skipped.row ORDER BY at, 1",
            {"run": run_id, "majority": majority},
        )
        return [Answered(r["row"], r["decision"], bool(r["is_audit"]), r["at"]) for r in rows]

    def submissions(self, run_id: str) -> list[Submission]:
        """Everybody's finished answers, each person's in the order in which they gave them."""
        rows = self.db.reader.execute(
            f"WITH newest AS MATERIALIZED ({_NEWEST})"
            " SELECT newest.reviewer, newest.row, v.updated_at, v.reviewer_id LIKE 'app:%' in_app,"
            " (SELECT min(b.inserted_at) FROM verdicts b WHERE b.row=v.row AND b.reviewer_id=v.reviewer_id) began,"
            " (SELECT sum(length(text)) FROM responses WHERE responses.row=v.row) length,"
            " (SELECT count(*) FROM responses WHERE responses.row=v.row) responses,"
            " EXISTS(SELECT 1 FROM json_each(v.answers) a WHERE a.key IN ('corrected-instruction', 'corrected-response')"
            " AND a.value IS NOT (SELECT value FROM json_each(v.shown) WHERE key=a.key)) corrected"
            " FROM newest JOIN verdicts v ON v.id=newest.id WHERE newest.status='submitted' AND newest.decision IS NOT NULL"
            " ORDER BY newest.reviewer, v.updated_at, newest.row",
            {"run": run_id},
        )
        return [
            Submission(
                r["reviewer"], r["row"], r["updated_at"], "" if r["began"] == r["updated_at"] else r["began"] or "",
                r["length"] or 0, r["responses"], bool(r["corrected"]), bool(r["in_app"]),
            )
            for r in rows
        ]  # fmt: skip

    def keep_statement(self, run_id: str, identity: str, kind: str, content: Mapping[str, Any]) -> bool:
        """Adds what was said of a run's quality, with the ids that it was said from; False where that was kept before."""
        values = (run_id, identity, kind, dumps(content), now())
        return bool(
            self.db.write(
                lambda c: (
                    c.execute(
                        "INSERT OR IGNORE INTO statements(run, identity, kind, content, created) VALUES(?,?,?,?,?)",
                        values,
                    ).rowcount
                )
            )
        )
