"""What was sent to Argilla, and what people said there: every version of it that was seen."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from app.database import Database
from app.tables.text import dumps, marks, now
from feedback.types import Verdict

PAGE = 500
_NEWEST = (
    "SELECT row, status, json_extract(answers, '$.decision') decision,"
    " row_number() OVER (PARTITION BY response_id ORDER BY updated_at DESC, id DESC) place"
    " FROM verdicts WHERE gone IS NULL AND row IN (SELECT id FROM rows WHERE run=? AND state='kept')"
)
DECIDED = (
    "SELECT row, sum(decision IS 'approve') approvals, sum(decision IS 'reject') rejections"
    f" FROM ({_NEWEST}) WHERE place=1 AND status='submitted' GROUP BY row"
)
"""For each row of a run that somebody submitted an answer to: how many are for it, how many against it."""


class Reviews:
    def __init__(self, db: Database) -> None:
        self.db = db

    def begin_push(self, run_id: str, server: str, dataset_id: str, dataset: str, workspace: str) -> int:
        """The push of this run to that dataset: the one that is there, or a new one."""

        def write(c: sqlite3.Connection) -> int:
            found = c.execute("SELECT id FROM pushes WHERE run=? AND dataset_id=?", (run_id, dataset_id)).fetchone()
            if found:
                c.execute("UPDATE pushes SET finished=NULL WHERE id=?", (found["id"],))
                return int(found["id"])
            done = c.execute(
                "INSERT INTO pushes(run, server, dataset_id, dataset, workspace, created) VALUES(?,?,?,?,?,?)",
                (run_id, server, dataset_id, dataset, workspace, now()),
            )
            return int(done.lastrowid or 0)

        return self.db.write(write)

    def sent(self, push: int) -> dict[str, str]:
        """{row id: hash of what was sent of it} of one push."""
        return {
            r["row"]: r["content_hash"] for r in self.db.all("SELECT row, content_hash FROM pushed WHERE push=?", push)
        }

    def keep_sent(self, push: int, sent: Sequence[tuple[str, str]], population: int) -> None:
        """(row id, content hash) of what Argilla has now. The kind and the place of a row in a push are set once."""

        def write(c: sqlite3.Connection) -> None:
            at = c.execute("SELECT count(*) FROM pushed WHERE push=?", (push,)).fetchone()[0]
            for place, (row_id, said) in enumerate(sent, at):
                c.execute(
                    "INSERT INTO pushed(push, row, content_hash, kind, place, why, chance, population, order_version,"
                    " suggestions_shown, sent) VALUES(?,?,?,'all',?,'every row of the run',1.0,?,'unit order v1',1,?)"
                    " ON CONFLICT(push, row) DO UPDATE SET content_hash=excluded.content_hash, sent=excluded.sent",
                    (push, row_id, said, place, population, now()),
                )

        self.db.write(write)

    def finish_push(self, push: int, began: str, refused: Sequence[str]) -> None:
        """The push is whole: every row of it but the `refused` is in Argilla as it was at the time `began`."""

        def write(c: sqlite3.Connection) -> None:
            c.execute("UPDATE pushes SET finished=? WHERE id=?", (now(), push))
            c.execute(
                f"UPDATE pushed SET sent=max(sent, ?) WHERE push=? AND row NOT IN ({marks(refused)})",
                (began, push, *refused),
            )

        self.db.write(write)

    def pushes(self, run_id: str) -> list[dict[str, Any]]:
        """The run's pushes, newest first: id, server, dataset_id, dataset, workspace, created, finished."""
        return [dict(r) for r in self.db.all("SELECT * FROM pushes WHERE run=? ORDER BY id DESC", run_id)]

    def waiting(self, run_id: str, server: str, dataset: str) -> int:
        """How many answered rows are not in that dataset of that Argilla as they are now, as far as is known here."""
        (found,) = self.db.all(
            "SELECT count(*) n FROM rows WHERE run=? AND state='kept' AND stage='answered' AND NOT EXISTS(SELECT 1 FROM pushed"
            " JOIN pushes ON pushes.id=pushed.push WHERE pushed.row=rows.id AND pushes.run=rows.run AND pushes.server=?"
            " AND pushes.dataset=? AND pushed.sent>=rows.updated)", run_id, server, dataset,
        )  # fmt: skip
        return int(found["n"])

    def were_sent(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that were sent anywhere."""
        return {r["row"] for r in self.db.all(f"SELECT row FROM pushed WHERE row IN ({marks(row_ids)})", *row_ids)}

    def reviewers(self, run_id: str) -> list[tuple[str, int]]:
        """(name, rows that they submitted an answer to) of everybody who did, the busiest first."""
        found = self.db.all(
            "SELECT reviewer, count(DISTINCT row) n FROM verdicts WHERE gone IS NULL AND status='submitted'"
            " AND row IN (SELECT id FROM rows WHERE run=? AND state='kept') GROUP BY reviewer ORDER BY n DESC, reviewer",
            run_id,
        )
        return [(r["reviewer"], r["n"]) for r in found]

    def keep_verdicts(self, dataset_id: str, verdicts: Sequence[Verdict], *, whole: bool) -> int:
        """Adds the versions that were not there, and returns how many. With `whole`, what is missing is marked gone."""

        def write(c: sqlite3.Connection) -> int:
            added = 0
            for v in verdicts:
                added += c.execute(
                    "INSERT OR IGNORE INTO verdicts(row, reviewer, reviewer_id, status, answers, shown, dataset_id, record_id,"
                    " response_id, inserted_at, updated_at, content_hash, suggestions_shown, pulled)"
                    " SELECT id,?,?,?,?,?,?,?,?,?,?,content_hash,1,? FROM rows WHERE id=?",
                    (
                        v.reviewer, v.reviewer_id, v.status, dumps(dict(v.answers)), dumps(dict(v.shown)), dataset_id,
                        v.record_id, v.response_id, v.inserted_at, v.updated_at, now(), v.row,
                    ),
                ).rowcount  # fmt: skip
            if whole:
                seen = {v.response_id for v in verdicts}
                known = c.execute(
                    "SELECT DISTINCT response_id FROM verdicts WHERE dataset_id=?", (dataset_id,)
                ).fetchall()
                for (known_id,) in known:
                    gone = None if known_id in seen else now()
                    c.execute(
                        "UPDATE verdicts SET gone=iif(? IS NULL, NULL, coalesce(gone, ?)) WHERE response_id=?",
                        (gone, gone, known_id),
                    )
            return added

        return self.db.write(write)

    def verdicts(self, row_ids: Sequence[str]) -> dict[str, list[Verdict]]:
        """The newest version of each reviewer's response to each row, without those that were withdrawn."""
        found: dict[str, list[Verdict]] = {row_id: [] for row_id in row_ids}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            newest: dict[str, sqlite3.Row] = {}
            for v in self.db.reader.execute(
                f"SELECT * FROM verdicts WHERE gone IS NULL AND row IN ({marks(some)}) ORDER BY updated_at, id",
                some,
            ):
                newest[v["response_id"]] = v
            for v in newest.values():
                found[v["row"]].append(
                    Verdict(
                        v["row"], v["reviewer"], v["status"], json.loads(v["answers"]), json.loads(v["shown"]),
                        v["record_id"], v["response_id"],
                        v["reviewer_id"], v["inserted_at"], v["updated_at"],
                    )
                )  # fmt: skip
        return found
