"""What people said of rows, in Argilla and here: every version of it that was seen; and what undecided rows were settled as."""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from app.errors import RunError
from app.store.columns import dumps, marks, now
from app.store.database import Database
from feedback.response_order import to_places
from feedback.reviewed_row import Settlement
from feedback.types import RATED, WHICH_IS_BETTER, Origin, Verdict, judgements, origin
from tasks.types import without_surrogates

PAGE = 500
OWN = "app:"
"""How the ids of reviewers begin who decided in the app itself."""
IN_THE_APP = " (in the app)"
"""How their names end, so that nobody takes them for accounts of Argilla."""
PERSON = f"replace(verdicts.reviewer, '{IN_THE_APP}', '')"
"""Whoever said it: the same name here and in Argilla is the same person."""
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


class Verdicts:
    """What reviewers said, each version of it; in Argilla and in the app."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def reviewers(self, run_id: str) -> list[tuple[str, int]]:
        """(name, rows that they submitted an answer to) of everybody who did, the busiest first."""
        rows = self.db.all(
            f"SELECT reviewer, count(*) n FROM ({NEWEST}) WHERE status='submitted' GROUP BY reviewer ORDER BY n DESC, reviewer",
            run_id,
        )
        return [(r["reviewer"], r["n"]) for r in rows]

    def keep(self, dataset_id: str, verdicts: Sequence[Verdict]) -> Counter[str]:
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

    def forget(self, dataset_id: str, there: Collection[str], began: str, users: Collection[str] = ()) -> None:
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

    def of(self, row_ids: Sequence[str]) -> dict[str, list[Verdict]]:
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
    """True where a labeller ever rated or compared what a question is about, so that there may have been a suggestion."""
    named = RATED.fullmatch(question)
    if question == WHICH_IS_BETTER:
        return bool(
            c.execute("SELECT 1 FROM preferences WHERE row=? AND better IS NOT NULL LIMIT 1", (row,)).fetchone()
        )
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


class Settlements:
    """Rows on which reviewers disagreed and that somebody settled."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def settle(self, row_id: str, decision: str, who: str) -> None:
        """The row counts as that from now on, whatever its reviewers said. Raises RunError where somebody settled it already."""
        values = (row_id, decision, without_surrogates(who), now())
        added = self.db.write(
            lambda c: (
                c.execute(
                    "INSERT OR IGNORE INTO settlements(row, decision, who, created) VALUES(?,?,?,?)", values
                ).rowcount
            )
        )
        if not added:
            raise RunError("Somebody settled this row already. Undo that first to settle it otherwise.")

    def undo(self, row_id: str) -> bool:
        """The row is again what its reviewers come to; False where nobody had settled it."""
        at = now()
        done = self.db.write(
            lambda c: c.execute("UPDATE settlements SET undone=? WHERE row=? AND undone IS NULL", (at, row_id)).rowcount
        )
        return bool(done)

    def of(self, row_ids: Sequence[str]) -> dict[str, Settlement]:
        """How those of the rows stand that were settled."""
        settled: dict[str, Settlement] = {}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.all(f"SELECT * FROM settlements WHERE undone IS NULL AND row IN ({marks(some)})", *some):
                settled[r["row"]] = Settlement(r["decision"], r["who"], r["created"])
        return settled
