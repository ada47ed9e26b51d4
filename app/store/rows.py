"""Units, the rows that they gave, the responses of a row, and what a row said before it was edited."""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from app.errors import RunError
from app.store import rating_index
from app.store.columns import dumps, marks, now
from app.store.database import Database, Line
from feedback.response_order import letter
from feedback.rubrics import WHOLE_ROW
from tasks.response_flags import MEANINGS
from tasks.response_flags import marks as marks_of
from tasks.text.word_count import words
from tasks.types import Dropped, Response, Row, without_surrogates

PAGE = 500
ANSWERED = "state='kept' AND stage='answered'"
_UNIT = "INSERT OR REPLACE INTO units(run, idx, state, rows, reason, updated)"
_ROW = "INSERT OR IGNORE INTO rows(id, run, unit, position, stage, content_hash, messages, origin, created, updated)"
_RESPONSE = (
    "INSERT OR IGNORE INTO responses(row, place, revision, text, model, reasoning, finish_reason, prompt_tokens,"
    " completion_tokens, created, principle, words, marks)"
)
_SUBMITTED = (
    "SELECT 1 FROM verdicts WHERE row=? AND gone IS NULL AND status='submitted' AND NOT EXISTS(SELECT 1 FROM verdicts newer"
    " WHERE newer.row=verdicts.row AND newer.reviewer_id=verdicts.reviewer_id AND newer.gone IS NULL AND newer.id>verdicts.id)"
)
"""True of a row about which somebody decided and did not take it back."""


def content_hash(row: Row) -> str:
    """Names what a row says, so that a rating or a push of older words can be told."""
    content = [list(row.messages), [[without_surrogates(r.text), without_surrogates(r.model)] for r in row.responses]]
    return hashlib.sha256(dumps(content).encode()).hexdigest()[:16]


class Rows:
    """Units, rows and their responses."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def keep_unit(
        self, run_id: str, unit: int, rows: Sequence[Row], drops: Sequence[Dropped], answered: Collection[str] = ()
    ) -> None:
        """What a unit gave, in one go: a unit is there whole or not at all. `answered` are the ids of rows that lack nothing."""
        lines = [Line(_UNIT, (run_id, unit, "done", len(rows), "", now()))]
        lines += [
            Line(
                "INSERT OR REPLACE INTO drops",
                (run_id, unit, index, without_surrogates(drop.reason), without_surrogates(drop.raw)),
            )
            for index, drop in enumerate(drops)
        ]
        for row in rows:
            stage, digest = ("answered", content_hash(row)) if row.id in answered else ("made", "")
            messages, origin = dumps(row.messages), dumps(dict(row.origin))
            lines.append(
                Line(_ROW, (row.id, run_id, unit, row.position, stage, digest, messages, origin, now(), now()))
            )
        lines += [_response(row.id, index, r) for row in rows for index, r in enumerate(row.responses)]
        await self.db.add_async(*lines)

    async def fail_unit(self, run_id: str, unit: int, reason: str) -> None:
        await self.db.add_async(Line(_UNIT, (run_id, unit, "failed", 0, without_surrogates(reason), now())))

    async def keep_response(self, row_id: str, index: int, response: Response) -> None:
        await self.db.add_async(_response(row_id, index, response))

    async def answered(self, row: Row) -> None:
        await self.db.write_async(
            lambda c: c.execute(
                "UPDATE rows SET stage='answered', content_hash=?, state='kept', reason='', updated=? WHERE id=?",
                (content_hash(row), now(), row.id),
            )
        )

    async def set_state(self, row_id: str, state: str, reason: str = "") -> None:
        await self.db.write_async(
            lambda c: c.execute(
                "UPDATE rows SET state=?, reason=?, updated=? WHERE id=?",
                (state, without_surrogates(reason), now(), row_id),
            )
        )

    def mark(self, row_id: str, before: str, state: str, reason: str) -> None:
        """A person's change of a row's state; nothing where it is not as it was."""
        values = (state, without_surrogates(reason), now(), row_id, before)
        self.db.write(
            lambda c: c.execute("UPDATE rows SET state=?, reason=?, updated=? WHERE id=? AND state=?", values)
        )

    def mark_all(self, row_ids: Sequence[str], before: str, state: str, reason: str) -> list[tuple[str, str, str]]:
        """The same of several rows in one go: (row, when, when it had been changed last before) of those that were so."""
        at = now()

        def write(c: sqlite3.Connection) -> list[tuple[str, str, str]]:
            rows = [
                c.execute("SELECT id, updated FROM rows WHERE id=? AND state=?", (row, before)).fetchone()
                for row in row_ids
            ]
            done = [(r["id"], at, r["updated"]) for r in rows if r is not None]
            c.executemany(
                "UPDATE rows SET state=?, reason=?, updated=? WHERE id=?",
                [(state, without_surrogates(reason), at, row) for row, _, _ in done],
            )
            return done

        return self.db.write(write)

    def unmark_all(self, marked: Sequence[tuple[str, str, str]], before: str, state: str) -> int:
        """Undoes what `mark_all` did, of rows that nobody changed since; returns how many those are."""

        def write(c: sqlite3.Connection) -> int:
            return sum(
                c.execute(
                    "UPDATE rows SET state=?, reason='', updated=? WHERE id=? AND state=? AND updated=?",
                    (state, updated, row, before, at),
                ).rowcount
                for row, at, updated in marked
            )

        return self.db.write(write)

    def first(self, run_id: str, limit: int) -> list[tuple[Row, bool]]:
        """(row, whether it was dropped by hand) of the first rows that are kept or were dropped so, in unit order."""
        rows = self.db.all(
            "SELECT * FROM rows WHERE run=? AND state IN ('kept', 'dropped') ORDER BY unit, position LIMIT ?",
            run_id,
            limit,
        )
        responses = _responses(self.db.reader, [row["id"] for row in rows])
        return [(_row(row, responses[row["id"]]), row["state"] == "dropped") for row in rows]

    def changed(self, run_id: str) -> bool:
        """Whether rows of the run were dropped or edited by hand, or drawn anew."""
        rows = self.db.all("SELECT 1 FROM rows WHERE run=? AND (state='dropped' OR revision>0) LIMIT 1", run_id)
        return bool(rows)

    def marked(self, run_id: str) -> dict[str, int]:
        """How many responses of the rows that are kept have each mark."""
        counts: Counter[str] = Counter()
        for r in self.db.reader.execute(
            "SELECT marks FROM rows INDEXED BY rows_marked WHERE run=? AND state='kept' AND marks<>''", (run_id,)
        ):
            counts.update(r["marks"].split("\n"))
        return {mark: counts[mark] for mark in MEANINGS if counts[mark]}

    def edit(self, row: Row, who: str) -> Row:
        """Keeps the row's older words as a revision and puts `row`'s in their place. What was said of other words no longer
        counts: neither the labeller's ratings nor what people began to answer. What somebody submitted stays.
        """

        def write(c: sqlite3.Connection) -> None:
            old = _row(
                c.execute("SELECT * FROM rows WHERE id=?", (row.id,)).fetchone(),
                _responses(c, [row.id])[row.id],
            )
            old_responses = dumps([asdict(response) for response in old.responses])
            c.execute(
                "INSERT INTO revisions VALUES(?,?,?,?,?,?)",
                (row.id, old.revision, dumps(old.messages), old_responses, who, now()),
            )
            c.execute("DELETE FROM responses WHERE row=?", (row.id,))
            for index, r in enumerate(row.responses):
                line = _response(row.id, index, r, old.revision + 1)
                c.execute(f"{line.statement} VALUES({','.join('?' * len(line.values))})", line.values)
            c.execute(
                "UPDATE rows SET revision=?, messages=?, origin=?, content_hash=?, rated_by='', updated=? WHERE id=?",
                (old.revision + 1, dumps(row.messages), dumps(dict(row.origin)), content_hash(row), now(), row.id),
            )
            if not c.execute(_SUBMITTED, (row.id,)).fetchone():
                c.execute(
                    "UPDATE verdicts SET gone=? WHERE row=? AND gone IS NULL AND content_hash<>?",
                    (now(), row.id, content_hash(row)),
                )
            rating_index.keep(c, row.id)

        self.db.write(write)
        return self.get(row.id)

    def get(self, row_id: str) -> Row:
        rows = self.db.all("SELECT * FROM rows WHERE id=?", row_id)
        if not rows:
            raise RunError(f"There is no row '{row_id}'.")
        return _row(rows[0], _responses(self.db.reader, [row_id])[row_id])

    def walk(self, run_id: str) -> Iterator[Row]:
        """The answered rows in unit order, read in pages: rows may change while they are walked."""
        return self._walk(run_id, ANSWERED)

    def walk_among(self, run_id: str, ids: Collection[str]) -> Iterator[Row]:
        """Those of the answered rows that have these ids."""
        return self._walk(run_id, f"{ANSWERED} AND id IN (SELECT value FROM json_each(?))", dumps(sorted(ids)))

    def walk_open(self, run_id: str, unit: int) -> Iterator[Row]:
        """The rows of one unit that the run has, answered or not."""
        return self._walk(run_id, "state='kept' AND unit=?", unit)

    def _walk(self, run_id: str, where: str, *values: Any) -> Iterator[Row]:
        unit, position = -1, -1
        while True:
            page = self.db.all(
                f"SELECT * FROM rows WHERE run=? AND (unit, position) > (?, ?) AND ({where})"
                f" ORDER BY unit, position LIMIT {PAGE}",
                run_id, unit, position, *values,
            )  # fmt: skip
            responses = _responses(self.db.reader, [record["id"] for record in page])
            for record in page:
                yield _row(record, responses[record["id"]])
            if len(page) < PAGE:
                return
            unit, position = page[-1]["unit"], page[-1]["position"]

    def as_made(self, run_id: str) -> Iterator[Row]:
        """All rows of a run in unit order, whatever became of them, with the messages that they had at birth. No responses."""
        unit, position = -1, -1
        while True:
            page = self.db.all(
                "SELECT unit, position, coalesce((SELECT messages FROM revisions WHERE row=rows.id AND revision=0), messages)"
                f" messages FROM rows WHERE run=? AND (unit, position) > (?, ?) ORDER BY unit, position LIMIT {PAGE}",
                run_id, unit, position,
            )  # fmt: skip
            for record in page:
                unit, position = record["unit"], record["position"]
                yield Row(tuple(json.loads(record["messages"])), unit=unit, position=position)
            if len(page) < PAGE:
                return

    def page(self, run_id: str, offset: int, limit: int) -> list[Row]:
        """Some rows of a run that are kept, answered or not, in unit order."""
        page = self.db.all(
            "SELECT * FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE run=? AND state='kept' ORDER BY unit, position"
            " LIMIT ? OFFSET ?) ORDER BY unit, position",
            run_id,
            limit,
            offset,
        )
        responses = _responses(self.db.reader, [record["id"] for record in page])
        return [_row(record, responses[record["id"]]) for record in page]

    def of(self, row_ids: Sequence[str]) -> list[Row]:
        """The rows of those ids, in unit order."""
        rows = self.db.all(f"SELECT * FROM rows WHERE id IN ({marks(row_ids)}) ORDER BY unit, position", *row_ids)
        responses = _responses(self.db.reader, row_ids)
        return [_row(row, responses[row["id"]]) for row in rows]

    def latest(self, run_id: str, limit: int) -> list[Row]:
        """The rows that were answered last, the newest first."""
        rows = self.db.all(
            f"SELECT * FROM rows WHERE run=? AND {ANSWERED} ORDER BY updated DESC, unit DESC, position DESC LIMIT ?",
            run_id, limit,
        )  # fmt: skip
        responses = _responses(self.db.reader, [row["id"] for row in rows])
        return [_row(row, responses[row["id"]]) for row in rows]

    def place(self, row: Row) -> int:
        """How many kept rows of the run come before that one; counted anew where something was written since."""
        return self.db.remembered(f"place of {row.id}", lambda: self._place(row))

    def _place(self, row: Row) -> int:
        (counted,) = self.db.all(
            "SELECT count(*) n FROM rows r JOIN rows one ON one.id=? WHERE r.run=one.run AND r.state='kept'"
            " AND (r.unit, r.position) < (one.unit, one.position)", row.id,
        )  # fmt: skip
        return int(counted["n"])

    def numbers(self, run_id: str, row_ids: Sequence[str]) -> dict[str, int]:
        """{row id: its number in the run}: 1 for the first. It counts rows of any state: dropping one changes no other's."""
        rows = self.db.all(  # found by their ids, put in order here: in the run's order SQLite would read the whole run
            f"SELECT id, unit, position FROM rows WHERE +run=? AND id IN ({marks(row_ids)})", run_id, *row_ids
        )
        between = "run=? AND (unit, position)>(?, ?) AND (unit, position)<=(?, ?)"
        places = sorted((row["unit"], row["position"], row["id"]) for row in rows)
        numbers: dict[str, int] = {}
        number, here = 0, (-1, 0)
        while places and len(numbers) < len(
            places
        ):  # the first is counted, and so is one that lies far behind the one before it
            *place, name = places[len(numbers)]
            (more,) = self.db.all(f"SELECT count(*) n FROM rows WHERE {between}", run_id, *here, *place)
            number, here = number + int(more["n"]), (place[0], place[1])
            numbers[name] = number
            if left := places[len(numbers) :]:
                wanted = {one for _, _, one in left}
                near = self.db.all(
                    f"SELECT id, unit, position FROM rows WHERE {between} ORDER BY unit, position LIMIT ?",
                    run_id, *here, *left[-1][:2], 2 * len(left),
                )  # fmt: skip
                for row in near:
                    number, here = number + 1, (row["unit"], row["position"])
                    if row["id"] in wanted:
                        numbers[row["id"]] = number
        return numbers

    def all_numbers(self, run_id: str) -> dict[str, int]:
        """The same for all rows of a run."""
        rows = self.db.all("SELECT id FROM rows WHERE run=? ORDER BY unit, position", run_id)
        return {row["id"]: number for number, row in enumerate(rows, 1)}

    def worked(self, run_id: str) -> tuple[int, int]:
        """(units that were worked, rows that they gave)."""
        (totals,) = self.db.all("SELECT count(*) units, coalesce(sum(rows), 0) rows FROM units WHERE run=?", run_id)
        (gone,) = self.db.all("SELECT count(*) n FROM rows WHERE run=? AND state='dropped'", run_id)
        return totals["units"], totals["rows"] - gone["n"]

    def places(self, row_id: str) -> set[int]:
        """The places of the responses that a row has."""
        return {r["place"] for r in self.db.all("SELECT place FROM responses WHERE row=?", row_id)}

    def progress_of_units(self, run_id: str, judge: str, checked_by: str = "") -> Iterator[tuple[int, str, int, bool]]:
        """(index, state, rows, whether a row of it is to be answered, rated by `judge` or checked) of worked units, in order."""
        at = -1
        while True:
            page = self.db.all(
                "SELECT idx, state, rows - (SELECT count(*) FROM rows r WHERE r.run=u.run AND r.unit=u.idx AND r.state='dropped')"
                " rows, EXISTS(SELECT 1 FROM rows r WHERE r.run=u.run AND r.unit=u.idx AND r.state='kept'"
                " AND (r.stage='made' OR (?<>'' AND r.rated_by<>?) OR (?<>'' AND r.checked_by<>?))) open"
                f" FROM units u WHERE run=? AND idx>? ORDER BY idx LIMIT {PAGE}",
                judge, judge, checked_by, checked_by, run_id, at,
            )  # fmt: skip
            for record in page:
                yield record["idx"], record["state"], record["rows"], bool(record["open"])
            if len(page) < PAGE:
                return
            at = page[-1]["idx"]

    def failures(self, run_id: str) -> list[tuple[str, str]]:
        """(what failed, why) for units, rows, ratings and comparisons."""
        units = self.db.all("SELECT idx, reason FROM units WHERE run=? AND state='failed' ORDER BY idx", run_id)
        rows = self.db.all("SELECT id, reason FROM rows WHERE run=? AND state='failed' ORDER BY unit, position", run_id)
        ratings = self.db.all(
            "SELECT row, aspect, response, note FROM ratings JOIN rows ON rows.id=ratings.row"
            " WHERE run=? AND status='failed' ORDER BY ratings.id", run_id,
        )  # fmt: skip
        pairs = self.db.all(
            "SELECT row, aspect, first, second, note FROM preferences JOIN rows ON rows.id=preferences.row"
            " WHERE run=? AND status='failed' ORDER BY preferences.id", run_id,
        )  # fmt: skip
        return [
            *((f"unit {u['idx']}", u["reason"]) for u in units),
            *((f"row {r['id']}", r["reason"]) for r in rows),
            *((f"rating of row {r['row']}, {_which(r['response'])}, {r['aspect']}", r["note"]) for r in ratings),
            *(
                (
                    f"comparison of row {p['row']}, responses {letter(p['first'])} and {letter(p['second'])}, {p['aspect']}",
                    p["note"],
                )
                for p in pairs
            ),
        ]

    def any_failed(self, run_id: str) -> bool:
        """True where a row of the run could not be answered."""
        return bool(self.db.all("SELECT 1 FROM rows WHERE run=? AND state='failed' LIMIT 1", run_id))

    def reopen(self, run_id: str, *, surplus: bool, failed: bool, units: bool = True) -> None:
        """Makes rows beyond those asked for open again (more are wanted now), and what failed: units, rows and ratings."""

        def write(c: sqlite3.Connection) -> None:
            again = [state for state, reopens in (("surplus", surplus), ("failed", failed)) if reopens]
            c.execute(
                f"UPDATE rows SET state='kept', reason='' WHERE run=? AND state IN ({marks(again)})", (run_id, *again)
            )
            if failed and units:
                c.execute("DELETE FROM units WHERE run=? AND state='failed'", (run_id,))
            if failed:
                unrated = "SELECT row FROM ratings WHERE status='failed'"
                c.execute(f"UPDATE rows SET rated_by='' WHERE run=? AND id IN ({unrated})", (run_id,))

        self.db.write(write)


def _response(row_id: str, index: int, r: Response, revision: int = 0) -> Line:
    reasoning = None if r.reasoning is None else without_surrogates(r.reasoning)
    return Line(
        _RESPONSE,
        (
            row_id,
            index,
            revision,
            without_surrogates(r.text),
            without_surrogates(r.model),
            reasoning,
            r.finish_reason,
            r.prompt_tokens,
            r.completion_tokens,
            now(),
            r.principle,
            words(r.text),
            "\n".join(marks_of(r)),
        ),
    )


def _responses(c: sqlite3.Connection, row_ids: Sequence[str]) -> dict[str, list[Response]]:
    by_row: dict[str, list[Response]] = {row_id: [] for row_id in row_ids}
    for r in c.execute(f"SELECT * FROM responses WHERE row IN ({marks(row_ids)}) ORDER BY row, place", row_ids):
        by_row[r["row"]].append(
            Response(
                r["text"],
                r["model"],
                r["reasoning"],
                r["finish_reason"],
                r["prompt_tokens"],
                r["completion_tokens"],
                r["principle"],
            )
        )
    return by_row


def _row(record: sqlite3.Row, responses: Sequence[Response]) -> Row:
    return Row(
        messages=tuple(json.loads(record["messages"])),
        responses=tuple(responses),
        origin=json.loads(record["origin"]),
        id=record["id"],
        unit=record["unit"],
        position=record["position"],
        revision=record["revision"],
    )


def _which(response: int) -> str:
    """What was rated, in words."""
    return "the instruction" if response == WHOLE_ROW else f"response {letter(response)}"
