"""What was sent to Argilla, and what people said there: every version of it that was seen."""

import json
import math
import random
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.store.columns import dumps, marks, now
from app.store.database import Database
from feedback.rating_origins import Origin, origin
from feedback.response_order import order_of, to_places
from feedback.types import RATED, Verdict, judgements

PAGE = 500
OWN = "app:"
"""How the ids of reviewers begin who decided in the app itself."""
ORDER_OF_VERSIONS = f"CASE WHEN reviewer_id LIKE '{OWN}%' THEN '' ELSE updated_at END"
"""Argilla's time orders what was said there; what was said in the app is in the order in which it came here."""
_NEWEST = (
    "SELECT row, reviewer, status, json_extract(answers, '$.decision') decision, verdicts.id,"
    " row_number() OVER (PARTITION BY row, coalesce(nullif(reviewer_id, ''), reviewer)"
    f" ORDER BY {ORDER_OF_VERSIONS} DESC, verdicts.id DESC) place"
    " FROM (SELECT ? of) CROSS JOIN verdicts CROSS JOIN rows ON rows.id=row"
    " WHERE gone IS NULL AND row>of||'-' AND row<of||'.' AND run=of AND state='kept'"
)
NEWEST = f"SELECT row, reviewer, status, decision, id FROM ({_NEWEST}) WHERE place=1"
"""What each reviewer said last of each row of a run, wherever it was sent."""
DECIDED = (
    "SELECT row, count(*) submitted, sum(decision IS 'approve') approvals, sum(decision IS 'reject') rejections,"
    f" sum(decision IS 'unsure') unsure, CASE WHEN sum(decision IN ('approve', 'reject', 'unsure')) THEN"
    " (SELECT decision FROM settlements WHERE settlements.row=newest.row AND undone IS NULL) END settled"
    f" FROM ({NEWEST}) newest WHERE status='submitted' GROUP BY row"
)
"""For each row of a run that somebody submitted an answer to: how many are for it, how many against it, how many unsure, and
what it was settled as."""
COUNTS_AS = {
    "approve": "coalesce(settled='approve', approvals>rejections AND ({majority} OR rejections=0))",
    "reject": "coalesce(settled='reject', rejections>approvals OR (rejections>0 AND NOT {majority}))",
    "unsure": "settled IS NULL AND approvals+rejections+unsure>0 AND approvals=rejections AND ({majority} OR rejections=0)",
}
"""What a line of DECIDED counts as, as feedback.reviewed_row has it; `majority` is a value that is true or false."""

THERE = "sent<>'' AND withdrawn IS NULL"
"""A row of a push that Argilla has."""
AUDIT_SHARE, AUDIT_LEAST = 0.2, 50
AUDIT_FIRST = 3.0
"""The priority of audit rows: above that of any row of the queue, so that they are reviewed first and in random order."""
ORDER = "audit, then priority v1"


@dataclass(frozen=True, slots=True)
class Push:
    """A run's push to one dataset. `seed` draws its audit."""

    id: int
    run: str
    seed: int


def audit_of(rows: int) -> int:
    """How many of so many rows are audit: a fifth, at least 50 where there are that many."""
    return max(math.ceil(AUDIT_SHARE * rows), min(AUDIT_LEAST, rows))


def drawn_for_audit(new: Sequence[str], rows: int, audits: int, seed: int) -> set[str]:
    """Which of the `new` rows are audit, so that of all `rows` a fifth is, at least 50 where there are that many.

    `audits` were drawn before. The draw depends on the ids, the seed and nothing else.
    """
    size = audit_of(rows) - audits
    return set(random.Random(f"{seed} {audits}").sample(sorted(new), min(max(size, 0), len(new))))


class Reviews:
    """Pushes, and what people said of rows in Argilla."""

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

        What is there already stays what it is, only a queue's priorities change. Of the others a random sample is the
        audit; a row that was sent to another dataset of the run's stays what it was there.
        """

        def write(c: sqlite3.Connection) -> None:
            there = {r["row"] for r in c.execute("SELECT row FROM pushed WHERE push=?", (push.id,))}
            c.executemany(
                "UPDATE pushed SET priority=? WHERE push=? AND row=? AND kind='queue' AND priority<>?",
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
            sampled = drawn_for_audit(fresh, len(there) + len(new), audits, push.seed)
            chance = len(sampled) / max(len(fresh), 1)
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

    def planned(self, push: Push) -> Iterator[list[sqlite3.Row]]:
        """What a push sends, in the order of sending, in pages.

        Each has row, kind, priority, batch, suggestions_shown, content_hash, suggested, place, arrangement, and `known`, true where
        Argilla has the row as it is now. Rows that the run does not have any more are left out.
        """
        position, last = -1, ""
        while True:
            page = self.db.all(
                "SELECT pushed.row, kind, priority, batch, suggestions_shown, pushed.content_hash, suggested, place,"
                " arrangement, withdrawn IS NULL AND sent>=rows.updated known FROM pushed JOIN rows ON rows.id=pushed.row"
                " WHERE push=? AND (place, pushed.row)>(?, ?) AND state='kept' AND stage='answered'"
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
                "UPDATE pushed SET content_hash=?, suggested=?, sent=?, withdrawn=NULL, number=coalesce(?, number),"
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

    def pushes(self, run_id: str) -> list[dict[str, Any]]:
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

    def reviewers(self, run_id: str) -> list[tuple[str, int]]:
        """(name, rows that they submitted an answer to) of everybody who did, the busiest first."""
        rows = self.db.all(
            f"SELECT reviewer, count(*) n FROM ({NEWEST}) WHERE status='submitted' GROUP BY reviewer ORDER BY n DESC, reviewer",
            run_id,
        )
        return [(r["reviewer"], r["n"]) for r in rows]

    def keep_verdicts(self, dataset_id: str, verdicts: Sequence[Verdict]) -> Counter[str]:
        """Adds the versions that were not there, and returns how many of whom. What was gone and is there again counts again.

        A version of what was decided in the app stays that reviewer's. Where an earlier version is kept without knowing whose
        its ratings are, and that is known by now, it is added.
        """

        def write(c: sqlite3.Connection) -> Counter[str]:
            added: Counter[str] = Counter()
            for v in (_by_places(c, dataset_id, verdict) for verdict in verdicts):
                own = c.execute(
                    "SELECT told.reviewer_id, reviewer, status, answers, origins FROM told"
                    " JOIN verdicts ON verdicts.id=told.verdict WHERE told.response_id=?", (v.response_id,),
                ).fetchone()  # fmt: skip
                if own is not None and _is_same(own, v):
                    continue
                origins = dumps(_origins(c, dataset_id, v, own or _version_before(c, v)))
                inserted = c.execute(
                    "INSERT OR IGNORE INTO verdicts(row, reviewer, reviewer_id, status, answers, shown, dataset_id, record_id,"
                    " response_id, inserted_at, updated_at, content_hash, suggestions_shown, pulled, origins)"
                    " SELECT id,?,?,?,?,?,?,?,?,?,?,content_hash,coalesce((SELECT suggestions_shown FROM pushed JOIN pushes"
                    " ON pushes.id=push WHERE row=rows.id AND dataset_id=?), 1),?,? FROM rows WHERE id=?",
                    (
                        own["reviewer"] if own else v.reviewer, own["reviewer_id"] if own else v.reviewer_id, v.status,
                        dumps(dict(v.answers)), dumps(dict(v.shown)), dataset_id, v.record_id, v.response_id, v.inserted_at,
                        v.updated_at, dataset_id, now(), origins, v.row,
                    ),
                )  # fmt: skip
                added[own["reviewer"] if own else v.reviewer] += inserted.rowcount
                if not inserted.rowcount:
                    c.execute(
                        "UPDATE verdicts SET origins=? WHERE response_id=? AND updated_at=? AND status=? AND origins='{}'",
                        (origins, v.response_id, v.updated_at, v.status),
                    )
                if own is not None and inserted.rowcount:
                    c.execute("UPDATE told SET verdict=? WHERE response_id=?", (inserted.lastrowid, v.response_id))
                c.execute("UPDATE verdicts SET gone=NULL WHERE response_id=? AND gone IS NOT NULL", (v.response_id,))
            return +added

        return self.db.write(write)

    def forget_verdicts(self, dataset_id: str, there: Collection[str], began: str, users: Collection[str] = ()) -> None:
        """Responses of a dataset that are not `there` (by id) were taken back, but those that came since `began`.

        `users` are the ids of Argilla's users, as far as is known: what somebody said who was deleted there since stays.
        """

        def write(c: sqlite3.Connection) -> None:
            known = c.execute(
                "SELECT response_id, reviewer_id FROM verdicts WHERE dataset_id=? AND gone IS NULL GROUP BY response_id"
                " HAVING max(pulled)<?", (dataset_id, began),
            ).fetchall()  # fmt: skip
            gone = [r["response_id"] for r in known if r["response_id"] not in there]
            left = {r["response_id"] for r in known if users and r["reviewer_id"] not in users}
            c.executemany(
                "UPDATE verdicts SET gone=? WHERE response_id=? AND gone IS NULL",
                [(now(), response) for response in gone if response not in left],
            )

        self.db.write(write)

    def verdicts(self, row_ids: Sequence[str]) -> dict[str, list[Verdict]]:
        """What each reviewer said last of each row, wherever it was sent, without what was withdrawn."""
        by_row: dict[str, list[Verdict]] = {row_id: [] for row_id in row_ids}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            newest: dict[tuple[str, str], sqlite3.Row] = {}
            for v in self.db.reader.execute(
                f"SELECT * FROM verdicts WHERE gone IS NULL AND row IN ({marks(some)}) ORDER BY {ORDER_OF_VERSIONS}, id",
                some,
            ):
                newest[v["row"], v["reviewer_id"] or v["reviewer"]] = v
            for v in newest.values():
                by_row[v["row"]].append(
                    Verdict(
                        v["row"], v["reviewer"], v["status"], json.loads(v["answers"]), json.loads(v["shown"]),
                        v["record_id"], v["response_id"],
                        v["reviewer_id"], v["inserted_at"], v["updated_at"], blind=v["suggestions_shown"] == 0,
                        origins=json.loads(v["origins"]),
                    )
                )  # fmt: skip
        return by_row


def _by_places(c: sqlite3.Connection, dataset_id: str, verdict: Verdict) -> Verdict:
    """A verdict about the slots of a record as one about the places of the row's responses."""
    pushed = c.execute(
        "SELECT arrangement FROM pushed JOIN pushes ON pushes.id=push WHERE row=? AND dataset_id=?"
        " ORDER BY push DESC LIMIT 1", (verdict.row, dataset_id),
    ).fetchone()  # fmt: skip
    order = json.loads(pushed["arrangement"]) if pushed is not None else []
    if not order:
        return verdict
    return replace(
        verdict,
        answers=to_places(verdict.answers, order),
        shown=to_places(verdict.shown, order),
        origins=to_places(verdict.origins, order),
    )


def _version_before(c: sqlite3.Connection, verdict: Verdict) -> sqlite3.Row | None:
    """What is kept of a response that is not this version of it; None for nothing."""
    version: sqlite3.Row | None = c.execute(
        "SELECT answers, origins FROM verdicts WHERE response_id=? AND NOT (updated_at=? AND status=?) AND updated_at<=?"
        " ORDER BY updated_at DESC, id DESC LIMIT 1",
        (verdict.response_id, verdict.updated_at, verdict.status, verdict.updated_at),
    ).fetchone()
    return version


def _origins(c: sqlite3.Connection, dataset_id: str, verdict: Verdict, before: sqlite3.Row | None) -> dict[str, Origin]:
    """Whose each rating and the ranking of a verdict is, without those of which that can't be said.

    What stays as it was in the version before stays that person's: Argilla shows an answer before any suggestion. Else what
    the pushes of the record suggested tells, where that was always the same; else the suggestion that the pull saw there. Of
    a push by an earlier version it is not known what was taken out: nothing was where the labeller never rated the response.
    """
    pushed = c.execute(
        "SELECT suggestions_shown, offered FROM pushed JOIN pushes ON pushes.id=push WHERE row=? AND dataset_id=?"
        " ORDER BY push DESC LIMIT 1", (verdict.row, dataset_id),
    ).fetchone()  # fmt: skip
    answers, origins = (json.loads(before["answers"]), json.loads(before["origins"])) if before else ({}, {})
    offers = json.loads(pushed["offered"]) if pushed is not None and pushed["offered"] else None
    by_question: dict[str, Origin] = {}
    for question, answer in judgements(verdict.answers):
        known = verdict.origins.get(question)
        if answers.get(question) == answer and question in answers:
            known = origins.get(question)
        elif pushed is not None and pushed["suggestions_shown"] == 0:
            known = "given"
        elif offers:
            suggestions = {dumps(offer.get(question)): offer.get(question) for offer in offers}
            if len(suggestions) == 1:
                known = origin(answer, next(iter(suggestions.values())))
            elif known == "given":
                known = None
        elif known == "given" and _was_rated(c, verdict.row, question):
            known = None
        if known is not None:
            by_question[question] = known
    return by_question


def _was_rated(c: sqlite3.Connection, row: str, question: str) -> bool:
    """True where a labeller ever rated what a question is about, so that there may have been a suggestion."""
    named = RATED.fullmatch(question)
    condition, values = (" AND aspect=? AND response=?", (named[1], int(named[2]) - 1)) if named else ("", ())
    return bool(
        c.execute(
            f"SELECT 1 FROM ratings WHERE row=? AND value IS NOT NULL{condition} LIMIT 1", (row, *values)
        ).fetchone()
    )


def _is_same(own: sqlite3.Row, verdict: Verdict) -> bool:
    """Whether Argilla has what was told to it."""
    answers = json.loads(own["answers"])
    sent = {name: answer for name, answer in answers.items() if name in verdict.answers}
    return bool(own["status"] == verdict.status and sent == dict(verdict.answers))
