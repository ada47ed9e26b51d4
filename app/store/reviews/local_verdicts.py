"""What a curator decides in the app itself: verdicts as those of Argilla, kept apart by the reviewer's name."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.store.columns import dumps, marks, now
from app.store.database import Database
from app.store.reviews.pushes import PAGE
from app.store.reviews.verdicts import OWN
from feedback.types import Origin, judgements

_NEWEST = (
    "SELECT *, row_number() OVER (PARTITION BY row, reviewer_id ORDER BY id DESC) place FROM verdicts"
    f" WHERE gone IS NULL AND reviewer_id LIKE '{OWN}%'"
)


@dataclass(frozen=True, slots=True)
class LocalVerdict:
    """The newest that was said here of one row. `record` and `response` are what Argilla has of it, "" where it has nothing."""

    id: int
    row: str
    reviewer_id: str
    status: str
    answers: Mapping[str, Any]
    record: str
    response: str


@dataclass(frozen=True, slots=True)
class Added:
    """A version that was added with others: its number, and when its row had been changed last before."""

    row: str
    verdict: int
    updated: str


@dataclass(frozen=True, slots=True)
class _About:
    """Who says something, as what, and what was in sight."""

    who: str
    status: str = ""
    suggested: Mapping[str, Any] = field(default_factory=dict)
    blind: bool = False


class LocalVerdicts:
    """Verdicts that were given in the app."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def say(
        self,
        row_id: str,
        who: str,
        changes: Mapping[str, Any],
        shown: Mapping[str, str],
        *,
        status: str = "",
        suggested: Mapping[str, Any] | None = None,
        blind: bool = False,
    ) -> None:
        """Adds to what `who` says of a row; None takes an answer back. It is submitted once there is a decision.

        `shown` are the texts that stood there before, by question; `suggested` the labeller's ratings that were in sight,
        with `blind` none. What is sent to Argilla is sent again.
        """
        about = _About(who, status, suggested or {}, blind)
        self.db.write(lambda c: _say(c, row_id, about, changes, shown))

    def decide_all(self, row_ids: Sequence[str], who: str, decision: str) -> list[Added]:
        """The same decision of `who` on several rows, in one go; rows that stand so already are left as they are."""
        about = _About(who)

        def write(c: sqlite3.Connection) -> list[Added]:
            done = []
            for row in row_ids:
                last = _last(c, row, who)
                if last and last["status"] == "submitted" and json.loads(last["answers"]).get("decision") == decision:
                    continue
                (before,) = c.execute("SELECT updated FROM rows WHERE id=?", (row,)).fetchone() or ("",)
                if number := _say(c, row, about, {"decision": decision}, {}):
                    done.append(Added(row, number, before))
            return done

        return self.db.write(write)

    def take_back(self, added: Sequence[Added]) -> int:
        """Rows are as they were before that was said of them; those of which nobody said or changed anything since. How many.

        What Argilla was told meanwhile is said anew as it was before, so that it learns of that; so is what is on its way
        there, once it has arrived (`told`).
        """

        def write(c: sqlite3.Connection) -> int:
            return sum(_take_back(c, version) for version in added)

        return self.db.write(write)

    def of(self, row_id: str, who: str) -> Mapping[str, Any]:
        """What `who` answered last of a row, by question, with its status as "status"; empty for nothing."""
        rows = self.db.all(f"SELECT * FROM ({_NEWEST} AND row=? AND reviewer_id=?) WHERE place=1", row_id, OWN + who)
        return {**json.loads(rows[0]["answers"]), "status": rows[0]["status"]} if rows else {}

    def decided(self, row_ids: Collection[str], who: str) -> set[str]:
        """Those of the rows that `who` ever decided here, also where that was taken back since.

        Not where a button for several rows undid it.
        """
        rows = self.db.all(
            f"SELECT DISTINCT row FROM verdicts WHERE reviewer_id=? AND status='submitted' AND gone IS NULL"
            f" AND row IN ({marks([*row_ids])})",
            OWN + who, *row_ids,
        )  # fmt: skip
        return {r["row"] for r in rows}

    def untold(self, row_ids: Sequence[str], dataset_id: str) -> list[LocalVerdict]:
        """What that dataset does not know yet of these rows. What was never submitted is kept here."""
        unsent: list[LocalVerdict] = []
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.all(
                f"SELECT said.*, told.record_id record, told.response_id response FROM ({_NEWEST} AND row IN ({marks(some)})) said"
                " LEFT JOIN told ON told.row=said.row AND told.reviewer_id=said.reviewer_id AND told.dataset_id=?"
                " WHERE place=1 AND told.verdict IS NOT said.id AND (told.verdict IS NOT NULL OR said.status='submitted')",
                *some, dataset_id,
            ):  # fmt: skip
                unsent.append(
                    LocalVerdict(
                        r["id"], r["row"], r["reviewer_id"], r["status"], json.loads(r["answers"]), r["record"] or "",
                        r["response"] or "",
                    )
                )  # fmt: skip
        return unsent

    def status_there(self, row_id: str, dataset_id: str) -> str:
        """The status of what Argilla has of a verdict given here, under the account of its key; "" where it has none."""
        rows = self.db.all(
            "SELECT status FROM told JOIN verdicts ON verdicts.id=told.verdict"
            " WHERE told.row=? AND told.dataset_id=? AND told.response_id<>''", row_id, dataset_id,
        )  # fmt: skip
        return str(rows[0]["status"]) if rows else ""

    def told(self, quick: LocalVerdict, dataset_id: str, record_id: str, response_id: str) -> None:
        """That dataset has this version, as that response; "" where it has another answer of the account, which stands."""
        values = (quick.row, quick.reviewer_id, dataset_id, quick.id, record_id, response_id)

        def write(c: sqlite3.Connection) -> None:
            c.execute("INSERT OR REPLACE INTO told VALUES(?,?,?,?,?,?)", values)
            if response_id and (undone := c.execute(_UNDONE, (quick.id,)).fetchone()) is not None:
                _say_as_before(c, undone)

        self.db.write(write)


def _last(c: sqlite3.Connection, row_id: str, who: str) -> Any:
    """The newest that somebody said here of a row; None for nothing."""
    return c.execute(
        f"SELECT * FROM ({_NEWEST} AND row=? AND reviewer_id=?) WHERE place=1", (row_id, OWN + who)
    ).fetchone()


def _say(
    c: sqlite3.Connection, row_id: str, about: _About, changes: Mapping[str, Any], shown: Mapping[str, str]
) -> int:  # fmt: skip
    """Adds a version and returns its number; 0 where there is no such row."""
    last = _last(c, row_id, about.who)
    (newest,) = c.execute(
        "SELECT coalesce(max(id), 0) FROM verdicts WHERE row=? AND reviewer_id=?", (row_id, OWN + about.who)
    ).fetchone()
    before = json.loads(last["answers"]) if last else {}
    answers = {name: value for name, value in {**before, **changes}.items() if value is not None}
    kept: dict[str, str] = json.loads(last["origins"]) if last else {}
    revealed = bool(last) and last["suggestions_shown"] == 0 and not about.blind
    for question, answer in judgements({name: value for name, value in changes.items() if value is not None}):
        other = question in before and before[question] != answer and kept.get(question) in ("given", "changed")
        kept[question] = _pressed(answer, about.suggested.get(question), after_reveal=revealed and other)
    origins = {question: kept[question] for question, _ in judgements(answers) if question in kept}
    stands = about.status or ("submitted" if answers.get("decision") else "draft")
    at = now()
    added = c.execute(
        "INSERT INTO verdicts(row, reviewer, reviewer_id, status, answers, shown, dataset_id, record_id,"
        " response_id, inserted_at, updated_at, content_hash, suggestions_shown, pulled, origins)"
        " SELECT id, ?, ?, ?, ?, ?, '', '', ?, ?, ?, content_hash, ?, ?, ? FROM rows WHERE id=?",
        (
            about.who, OWN + about.who, stands, dumps(answers),
            dumps({**(json.loads(last["shown"]) if last else {}), **shown}),
            f"{OWN}{row_id}:{about.who}:{newest + 1}", last["inserted_at"] if last else at, at,
            not about.blind, at, dumps(origins), row_id,
        ),
    )  # fmt: skip
    c.execute("UPDATE rows SET updated=? WHERE id=?", (at, row_id))
    return int(added.lastrowid or 0) if added.rowcount else 0


_STANDS = (
    "SELECT verdicts.*, rows.updated row_updated FROM verdicts JOIN rows ON rows.id=verdicts.row WHERE verdicts.id=?"
    " AND verdicts.gone IS NULL AND state='kept' AND rows.content_hash=verdicts.content_hash"
    " AND verdicts.id=(SELECT max(id) FROM verdicts newer WHERE newer.row=verdicts.row AND newer.gone IS NULL)"
    " AND NOT EXISTS(SELECT 1 FROM settlements WHERE settlements.row=verdicts.row"
    " AND (settlements.created>=verdicts.updated_at OR settlements.undone>=verdicts.updated_at))"
)
"""A version since which nobody said or changed anything of its row."""
_UNDONE = (
    "SELECT verdicts.* FROM verdicts WHERE id=? AND gone IS NOT NULL AND NOT EXISTS(SELECT 1 FROM verdicts other"
    " WHERE other.row=verdicts.row AND other.reviewer_id=verdicts.reviewer_id AND other.gone IS NULL)"
)
"""A version that was taken back while it was on its way to Argilla, and after which nothing of its reviewer is left to be sent."""


def _take_back(c: sqlite3.Connection, version: Added) -> bool:
    stands = c.execute(_STANDS, (version.verdict,)).fetchone()
    if stands is None:
        return False
    if c.execute("SELECT 1 FROM told WHERE verdict=?", (version.verdict,)).fetchone():
        _say_as_before(c, stands)
        return True
    c.execute("UPDATE verdicts SET gone=? WHERE id=?", (now(), version.verdict))  # it may be on its way to Argilla
    if stands["row_updated"] == stands["updated_at"]:
        c.execute("UPDATE rows SET updated=? WHERE id=?", (version.updated, version.row))
    return True


def _say_as_before(c: sqlite3.Connection, stands: Any) -> None:
    """Adds a version that says what was said before `stands`, or takes it back where nothing was."""
    before = c.execute(
        "SELECT * FROM verdicts WHERE row=? AND reviewer_id=? AND id<? AND gone IS NULL ORDER BY id DESC LIMIT 1",
        (stands["row"], stands["reviewer_id"], stands["id"]),
    ).fetchone()
    at = now()
    as_before = (
        (before["status"], before["answers"], before["shown"], before["suggestions_shown"], before["origins"])
        if before
        else ("discarded", "{}", "{}", stands["suggestions_shown"], "{}")
    )
    c.execute(
        "INSERT INTO verdicts(row, reviewer, reviewer_id, dataset_id, record_id, response_id, inserted_at, updated_at,"
        " content_hash, pulled, status, answers, shown, suggestions_shown, origins) VALUES(?,?,?,'','',?,?,?,?,?,?,?,?,?,?)",
        (
            stands["row"], stands["reviewer"], stands["reviewer_id"],
            f"{OWN}{stands['row']}:{stands['reviewer']}:{stands['id'] + 1}", stands["inserted_at"], at, stands["content_hash"],
            at, *as_before,
        ),
    )  # fmt: skip
    c.execute("UPDATE rows SET updated=? WHERE id=?", (at, stands["row"]))


def _pressed(answer: Any, suggestion: Any, *, after_reveal: bool) -> Origin:
    """Whose a rating is that was pressed here: nothing is chosen beforehand, so that nothing is only accepted."""
    differs = suggestion is not None and answer != suggestion
    return "changed" if differs or after_reveal else "given"
