"""What a curator decides in the app itself: verdicts as those of Argilla, kept apart by the reviewer's name."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.database import Database
from app.tables.reviews import PAGE
from app.tables.text import dumps, marks, now

OWN = "app:"
"""How the ids of reviewers begin who decided here, and of what they said that Argilla does not know yet."""
_NEWEST = (
    "SELECT *, row_number() OVER (PARTITION BY row ORDER BY updated_at DESC, id DESC) place FROM verdicts"
    f" WHERE gone IS NULL AND reviewer_id LIKE '{OWN}%'"
)


@dataclass(frozen=True, slots=True)
class Quick:
    """The newest that was said here of one row. `response` is its id in Argilla, "" where it was never told."""

    id: int
    row: str
    status: str
    answers: Mapping[str, Any]
    response: str


class Quicks:
    def __init__(self, db: Database) -> None:
        self.db = db

    def say(
        self, row_id: str, who: str, changes: Mapping[str, Any], shown: Mapping[str, str], *, status: str = ""
    ) -> None:
        """Adds to what `who` says of a row; None takes an answer back. It is submitted once there is a decision.

        `shown` are the texts that stood there before, by question. What is sent to Argilla is sent again.
        """

        def write(c: sqlite3.Connection) -> None:
            last = c.execute(
                f"SELECT * FROM ({_NEWEST} AND row=? AND reviewer_id=?) WHERE place=1", (row_id, OWN + who)
            ).fetchone()
            before = json.loads(last["answers"]) if last else {}
            answers = {name: said for name, said in {**before, **changes}.items() if said is not None}
            stands = status or ("submitted" if answers.get("decision") else "draft")
            response = last["response_id"] if last else f"{OWN}{row_id}:{who}"
            c.execute(
                "INSERT OR REPLACE INTO verdicts(row, reviewer, reviewer_id, status, answers, shown, dataset_id, record_id,"
                " response_id, inserted_at, updated_at, content_hash, suggestions_shown, pulled)"
                " SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, content_hash, 1, '' FROM rows WHERE id=?",
                (
                    who, OWN + who, stands, dumps(answers), dumps({**(json.loads(last["shown"]) if last else {}), **shown}),
                    last["dataset_id"] if last else "", last["record_id"] if last else "", response,
                    last["inserted_at"] if last else now(), now(), row_id,
                ),
            )  # fmt: skip
            c.execute("UPDATE rows SET updated=? WHERE id=?", (now(), row_id))

        self.db.write(write)

    def of(self, row_id: str, who: str) -> Mapping[str, Any]:
        """What `who` answered last of a row, by question, with its status as "status"; empty for nothing."""
        found = self.db.all(f"SELECT * FROM ({_NEWEST} AND row=? AND reviewer_id=?) WHERE place=1", row_id, OWN + who)
        return {**json.loads(found[0]["answers"]), "status": found[0]["status"]} if found else {}

    def untold(self, row_ids: Sequence[str], dataset_id: str) -> list[Quick]:
        """What Argilla does not know yet of these rows. Drafts are kept here, unless Argilla knows an older version."""
        found: list[Quick] = []
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.all(
                f"SELECT * FROM ({_NEWEST} AND row IN ({marks(some)})) WHERE place=1 AND pulled='' AND dataset_id IN ('', ?)",
                *some, dataset_id,
            ):  # fmt: skip
                response = "" if r["response_id"].startswith(OWN) else r["response_id"]
                if response or r["status"] == "submitted":
                    found.append(Quick(r["id"], r["row"], r["status"], json.loads(r["answers"]), response))
        return found

    def told(self, quick: Quick, dataset_id: str, response: Mapping[str, Any]) -> None:
        """Argilla has it, as the response `response` (its own words): from now on that is what people may change there."""
        self.db.write(
            lambda c: c.execute(
                "UPDATE OR REPLACE verdicts SET dataset_id=?, record_id=?, response_id=?, updated_at=?, pulled=? WHERE id=?",
                (
                    dataset_id,
                    str(response["record_id"]),
                    str(response["id"]),
                    str(response["updated_at"]),
                    now(),
                    quick.id,
                ),
            )
        )

    def settle(self, quick: Quick) -> None:
        """Argilla has an answer of the same account already, which stands: this one is not offered again."""
        self.db.write(lambda c: c.execute("UPDATE verdicts SET pulled=? WHERE id=?", (now(), quick.id)))
