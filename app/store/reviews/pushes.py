"""What was sent to Argilla: to which dataset, which rows, as audit or in the queue, and what is there now."""

import json
import random
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.store.columns import dumps, marks, now
from app.store.database import Database
from app.store.reviews.verdicts import DECIDED
from feedback.response_order import order_of
from feedback.stats.audit_sample import drawn_for_audit
from feedback.types import judgements

PAGE = 500
THERE = "sent<>'' AND withdrawn IS NULL"
"""A row of a push that Argilla has."""
AUDIT_FIRST = 3.0
"""The priority of audit rows: above that of any row of the queue, so that they are reviewed first and in random order."""
ORDER = "audit, then priority v1"


@dataclass(frozen=True, slots=True)
class Push:
    """A run's push to one dataset. `seed` draws its audit."""

    id: int
    run: str
    seed: int


class Pushes:
    """What was sent, push by push."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def begin_push(
        self, run_id: str, server: str, dataset_id: str, dataset: str, workspace: str, seed: int, about: str
    ) -> Push:
        """The push of this run to that dataset: the one that is there, or a new one. `seed` is kept by a new one only.

        `about` names what all its records share: where that changed, nothing counts as sent.
        """

        def write(c: sqlite3.Connection) -> int:
            existing = c.execute(
                "SELECT id, about FROM pushes WHERE run=? AND dataset_id=?", (run_id, dataset_id)
            ).fetchone()
            if existing:
                c.execute(
                    "UPDATE pushes SET finished=NULL, about=?, server=? WHERE id=?", (about, server, existing["id"])
                )
                if existing["about"] != about:
                    c.execute("UPDATE pushed SET sent=min(sent, ' ') WHERE push=?", (existing["id"],))
                return int(existing["id"])
            done = c.execute(
                "INSERT INTO pushes(run, server, dataset_id, dataset, workspace, created, seed, about) VALUES(?,?,?,?,?,?,?,?)",
                (run_id, server, dataset_id, dataset, workspace, now(), seed, about),
            )
            return int(done.lastrowid or 0)

        number = self.db.write(write)
        (row,) = self.db.all("SELECT id, run, seed FROM pushes WHERE id=?", number)
        return Push(row["id"], row["run"], row["seed"])

    def plan(self, push: Push, rows: Mapping[str, float], *, blind_audit: bool) -> None:
        """Seals what the rows of a run ({id: priority}, in unit order) are in that push, before the first of them is sent.

        What is there already stays what it is, only a queue's priorities change, but of rows that an order placed next. Of the
        others a random sample is the audit; a row that was sent to another dataset of the run's stays what it was there.
        """

        def write(c: sqlite3.Connection) -> None:
            there = {r["row"] for r in c.execute("SELECT row FROM pushed WHERE push=?", (push.id,))}
            c.executemany(
                "UPDATE pushed SET priority=?, moved=max(abs(moved), 1) WHERE push=? AND row=? AND kind='queue' AND priority<>?"
                f" AND priority<{AUDIT_FIRST + 1}",
                [(priority, push.id, row, priority) for row, priority in rows.items() if row in there],
            )
            new = [row for row in rows if row not in there]
            if not new:
                return
            before = {
                r["row"]: (r["kind"], r["chance"], r["population"])
                for r in c.execute(
                    "SELECT row, kind, chance, population FROM pushed JOIN pushes ON pushes.id=push WHERE run=? AND push<>?"
                    " AND kind IN ('audit', 'queue') ORDER BY push DESC", (push.run, push.id),
                )
            }  # fmt: skip
            (at, last, audits) = c.execute(
                "SELECT count(*), coalesce(max(batch), 0), coalesce(sum(kind='audit'), 0) FROM pushed WHERE push=?",
                (push.id,),
            ).fetchone()
            audits += sum(before[row][0] == "audit" for row in new if row in before)
            fresh = [row for row in new if row not in before]
            sampled, chance = drawn_for_audit(fresh, len(there) + len(new), audits, push.seed)
            kinds = {
                row: before.get(row) or ("audit" if row in sampled else "queue", chance, len(fresh)) for row in new
            }
            audit = [row for row in new if kinds[row][0] == "audit"]
            random.Random(f"{push.seed} order").shuffle(audit)
            queue = sorted((row for row in new if kinds[row][0] == "queue"), key=lambda row: -rows[row])

            def arrangement(row: str) -> tuple[int, ...]:
                (responses,) = c.execute("SELECT count(*) FROM responses WHERE row=?", (row,)).fetchone()
                return order_of(push.seed, row, responses)

            for position, row in enumerate([*audit, *queue], at):
                kind, odds, population = kinds[row]
                c.execute(
                    "INSERT INTO pushed(push, row, content_hash, kind, place, why, chance, population, order_version,"
                    " suggestions_shown, sent, batch, priority, offered, arrangement)"
                    " VALUES(?,?,'',?,?,?,?,?,?,?,'',?,?,'[]',?)",
                    (
                        push.id, row, kind, position,
                        "random sample" if kind == "audit" else "the other opinions against its decision", odds,
                        population, ORDER, not (blind_audit and kind == "audit"), last + 1,
                        AUDIT_FIRST if kind == "audit" else rows[row],
                        dumps(arrangement(row)) if blind_audit and kind == "audit" else "[]",
                    ),
                )  # fmt: skip

        self.db.write(write)

    def keep_shape(self, push: Push, shape: Mapping[str, Any]) -> None:
        """What the records of a push have, for those that are sent again one by one."""
        self.db.write(lambda c: c.execute("UPDATE pushes SET shape=? WHERE id=?", (dumps(shape), push.id)))

    def places(self, push: Push, rows: Sequence[str]) -> list[sqlite3.Row]:
        """The same as `planned` of some rows, for records that are there."""
        return self.db.all(
            "SELECT row, kind, priority, batch, reviewers, suggestions_shown, content_hash, suggested, place, arrangement, 0 known"
            f" FROM pushed WHERE push=? AND row IN ({marks(rows)})", push.id, *rows,
        )  # fmt: skip

    def planned(self, push: Push) -> Iterator[list[sqlite3.Row]]:
        """What a push sends, in the order of sending, in pages.

        Each has row, kind, priority, batch, reviewers, suggestions_shown, content_hash, suggested, place, arrangement, and `known`,
        true where Argilla has the row as it is now. Rows that the run does not have any more are left out.
        """
        position, last = -1, ""
        while True:
            page = self.db.all(
                "SELECT pushed.row, kind, priority, batch, reviewers, suggestions_shown, pushed.content_hash, suggested, place,"
                " arrangement, withdrawn IS NULL AND sent>=rows.updated AND NOT moved known FROM pushed"
                " JOIN rows ON rows.id=pushed.row WHERE push=? AND (place, pushed.row)>(?, ?) AND state='kept' AND stage='answered'"
                f" ORDER BY place, pushed.row LIMIT {PAGE}", push.id, position, last,
            )  # fmt: skip
            if page:
                yield page
            if len(page) < PAGE:
                return
            position, last = page[-1]["place"], page[-1]["row"]

    def renumber(self, push: Push, numbers: Mapping[str, int]) -> None:
        """Records that have another number in Argilla than their rows have by now are sent again."""

        def write(c: sqlite3.Connection) -> None:
            sent = c.execute(
                "SELECT row, coalesce(number, place+1) number FROM pushed WHERE push=? AND sent<>''", (push.id,)
            )
            stale = [(push.id, r["row"]) for r in sent if numbers.get(r["row"], r["number"]) != r["number"]]
            c.executemany("UPDATE pushed SET sent=min(sent, ' ') WHERE push=? AND row=?", stale)

        self.db.write(write)

    def keep_sent(
        self,
        push: Push,
        sent: Sequence[tuple[str, str, Mapping[str, Any]]],
        at: str,
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        """(row id, hash of its record, the suggestions that it has by question) of what Argilla has as it was `at` that time.

        `numbers` are those that the records have there, which lead to them.
        Suggested ratings and rankings are kept, each version of them: what somebody saw there can be told later.
        """

        def offer(suggestions: Mapping[str, Any]) -> str:
            return dumps(dict(sorted(judgements(suggestions))))

        self.db.write(
            lambda c: c.executemany(
                "UPDATE pushed SET content_hash=?, suggested=?, sent=?, withdrawn=NULL, moved=max(moved, 0),"
                " number=coalesce(?, number),"
                " offered=iif(instr(offered, ?)>0, offered, json_insert(offered, '$[#]', json(?))) WHERE push=? AND row=?",
                [
                    (
                        digest,
                        " ".join(sorted(suggestions)),
                        at,
                        (numbers or {}).get(row),
                        offer(suggestions),
                        offer(suggestions),
                        push.id,
                        row,
                    )
                    for row, digest, suggestions in sent
                ],
            )
        )

    def forget_sent(self, push: Push, rows: Collection[str]) -> None:
        """These rows are no longer in Argilla, as somebody deleted them there."""
        gone = [(push.id, row) for row in rows]
        self.db.write(
            lambda c: c.executemany("UPDATE pushed SET sent='', content_hash='' WHERE push=? AND row=?", gone)
        )

    def sent_to(self, push: Push) -> set[str]:
        """The rows that Argilla has by that push, as far as is known here."""
        return {r["row"] for r in self.db.all(f"SELECT row FROM pushed WHERE push=? AND {THERE}", push.id)}

    def dropped(self, push: Push) -> list[str]:
        """Rows that Argilla has by that push and the run has not any more."""
        rows = self.db.all(
            f"SELECT row FROM pushed LEFT JOIN rows ON rows.id=pushed.row WHERE push=? AND {THERE}"
            " AND NOT (state IS 'kept' AND stage IS 'answered') ORDER BY place", push.id,
        )  # fmt: skip
        return [r["row"] for r in rows]

    def withdrawn(self, push: Push, rows: Collection[str]) -> None:
        """These rows were taken out of Argilla."""
        done = [(now(), push.id, row) for row in rows]
        self.db.write(
            lambda c: c.executemany("UPDATE pushed SET withdrawn=?, content_hash='' WHERE push=? AND row=?", done)
        )

    def finish_push(self, push: Push, began: str, refused: Sequence[str]) -> None:
        """The push is whole: every row of it but the `refused` is in Argilla as it was at the time `began`."""

        def write(c: sqlite3.Connection) -> None:
            c.execute("UPDATE pushes SET finished=? WHERE id=?", (now(), push.id))
            left = set(refused)
            there = [r["row"] for r in c.execute(f"SELECT row FROM pushed WHERE push=? AND {THERE}", (push.id,))]
            c.executemany(
                "UPDATE pushed SET sent=max(sent, ?) WHERE push=? AND row=?",
                [(began, push.id, row) for row in there if row not in left],
            )

        self.db.write(write)

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """The run's pushes, newest first: id, server, dataset_id, dataset, workspace, created, finished, seed, activity."""
        return [dict(r) for r in self.db.all("SELECT * FROM pushes WHERE run=? ORDER BY id DESC", run_id)]

    def newest_pushes(self, server: str, datasets: Collection[str], most: int) -> list[dict[str, Any]]:
        """The newest pushes to that Argilla (run, dataset_id, activity), at most so many; with `datasets`, those to them."""
        rows = self.db.all("SELECT run, dataset_id, activity FROM pushes WHERE server=? ORDER BY id DESC", server)
        return [dict(r) for r in rows if not datasets or r["dataset_id"] in datasets][:most]

    def pulled(self, push: int, activity: str) -> None:
        """Everything that people did in its dataset up to `activity` (Argilla's time) is here."""
        self.db.write(lambda c: c.execute("UPDATE pushes SET activity=? WHERE id=?", (activity, push)))

    def waiting(self, run_id: str, server: str, dataset: str) -> int:
        """How many answered rows are not in that dataset of that Argilla as they are now, as far as is known here.

        Counted anew where something was written since.
        """
        name = f"waiting of {run_id} for {server} {dataset}"
        return self.db.remembered(name, lambda: self._waiting(run_id, server, dataset))

    def _waiting(self, run_id: str, server: str, dataset: str) -> int:
        (counted,) = self.db.all(
            "SELECT answered-(SELECT count(DISTINCT row) FROM pushes CROSS JOIN pushed ON push=pushes.id CROSS JOIN rows"
            " ON rows.id=row AND state='kept' AND stage='answered' WHERE pushes.run=counted.run AND server=? AND dataset=?"
            " AND sent>=rows.updated AND withdrawn IS NULL) n FROM counted WHERE run=?", server, dataset, run_id,
        )  # fmt: skip
        return int(counted["n"])

    def audit_rows(self, run_id: str) -> set[str]:
        """The rows that were sent as a random sample, drawn before anybody saw one; what is said of people counts these only."""
        rows = self.db.all(
            "SELECT DISTINCT row FROM pushed JOIN pushes ON pushes.id=pushed.push WHERE run=? AND kind='audit'"
            f" AND {THERE}",
            run_id,
        )
        return {r["row"] for r in rows}

    def were_sent(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that Argilla has, by any push."""
        rows = self.db.all(f"SELECT id FROM rows WHERE in_argilla AND id IN ({marks(row_ids)})", *row_ids)
        return {r["id"] for r in rows}

    def audit_among(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that were sealed as audit and sent."""
        rows = self.db.all(f"SELECT id FROM rows WHERE sample='audit' AND id IN ({marks(row_ids)})", *row_ids)
        return {r["id"] for r in rows}

    def blind_of(self, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that were sealed as audit without suggestions."""
        rows = self.db.all(
            f"SELECT row FROM pushed WHERE kind='audit' AND suggestions_shown=0 AND row IN ({marks(row_ids)})", *row_ids
        )
        return {r["row"] for r in rows}

    def open_audits(self, push: Push) -> int:
        """How many audit rows of a push were sealed to go with ratings and reasons."""
        (counted,) = self.db.all(
            "SELECT count(*) n FROM pushed WHERE push=? AND kind='audit' AND suggestions_shown=1", push.id
        )
        return int(counted["n"])

    def sealed_blind(self, run_id: str) -> bool | None:
        """True where the audit row of a run that was sealed last goes without suggestions; None where none is sealed yet."""
        rows = self.db.all(
            "SELECT suggestions_shown FROM pushed JOIN pushes ON pushes.id=push WHERE run=? AND kind='audit'"
            " ORDER BY push DESC, place DESC LIMIT 1", run_id,
        )  # fmt: skip
        return rows[0]["suggestions_shown"] == 0 if rows else None

    def arrangement(self, push: Push, row: str) -> list[int]:
        """The places of a row's responses in the order in which its record shows them; [] for their own."""
        rows = self.db.all("SELECT arrangement FROM pushed WHERE push=? AND row=?", push.id, row)
        return list(json.loads(rows[0]["arrangement"])) if rows else []

    def arrangements(self, row_ids: Sequence[str]) -> dict[str, list[int]]:
        """{row id: the places of its responses in the order in which its newest record shows them}, for those that have one."""
        rows = self.db.all(
            f"SELECT row, arrangement FROM pushed WHERE arrangement<>'[]' AND row IN ({marks(row_ids)}) ORDER BY push",
            *row_ids,
        )
        return {r["row"]: list(json.loads(r["arrangement"])) for r in rows}

    def number_there(self, run_id: str, dataset_id: str, row: str) -> int | None:
        """The number that the record of a row has in a dataset; None where it is not there.

        That is the row's own; of what an earlier version sent the place in the order of sending.
        """
        rows = self.db.all(
            "SELECT coalesce(number, place+1) number FROM pushed JOIN pushes ON pushes.id=push"
            f" WHERE run=? AND dataset_id=? AND row=? AND {THERE}",
            run_id, dataset_id, row,
        )  # fmt: skip
        return int(rows[0]["number"]) if rows else None

    def samples(self, run_id: str) -> dict[str, tuple[int, int]]:
        """{"audit": (rows sent, rows of them that somebody submitted an answer to), "queue": ...} of a run."""
        rows = self.db.all(
            f"SELECT kind, count(*) n, sum(row IN (SELECT row FROM ({DECIDED}))) seen FROM (SELECT DISTINCT row, kind FROM pushed"
            f" JOIN pushes ON pushes.id=push WHERE run=? AND {THERE}) GROUP BY kind",
            run_id,
            run_id,
        )
        return {r["kind"]: (r["n"], r["seen"]) for r in rows}
