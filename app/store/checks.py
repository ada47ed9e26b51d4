"""What checks said of responses: pass or fail with a reason, under the check's identity, of what a row said then."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.store.columns import marks, now
from app.store.database import Database
from feedback.checks.base import CheckResult
from tasks.types import without_surrogates

PAGE = 500
Verdicts = Mapping[tuple[str, int], CheckResult]
"""{(a check's identity, index of the response): its verdict}."""


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """Responses that passed and failed a check, and rows with a response that failed it."""

    passed: int = 0
    failed: int = 0
    rows: int = 0


class Checks:
    """Verdicts of checks on what rows say now; those on older words stay, and count no more."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def write(self, row_id: str, said_of: str, verdicts: Verdicts, checked_by: str) -> None:
        """The same as `keep`, for those who wait for it."""
        self.db.write(lambda c: _keep(c, row_id, said_of, verdicts, checked_by))

    async def keep(self, row_id: str, said_of: str, verdicts: Verdicts, checked_by: str) -> None:
        """Verdicts on the content `said_of` (a content hash); with them the row has all those of `checked_by`."""
        await self.db.write_async(lambda c: _keep(c, row_id, said_of, verdicts, checked_by))

    def of(self, row_ids: Sequence[str]) -> dict[str, dict[tuple[str, int], CheckResult]]:
        """The verdicts on what each row says now, of all checks that ever looked at it."""
        by_row: dict[str, dict[tuple[str, int], CheckResult]] = {row_id: {} for row_id in row_ids}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.reader.execute(
                "SELECT checks.* FROM checks JOIN rows ON rows.id=checks.row AND rows.content_hash=checks.content_hash"
                f" WHERE row IN ({marks(some)})",
                some,
            ):
                by_row[r["row"]][r["identity"], r["response"]] = CheckResult(bool(r["passed"]), r["reason"])
        return by_row

    def lacking(self, run_id: str, checked_by: str) -> Iterator[list[str]]:
        """The answered rows that lack a verdict of those checks, in unit order, page by page."""
        unit, position = -1, -1
        while True:
            page = self.db.all(
                "SELECT id, unit, position FROM rows WHERE run=? AND state='kept' AND stage='answered' AND checked_by<>?"
                f" AND (unit, position)>(?, ?) ORDER BY unit, position LIMIT {PAGE}", run_id, checked_by, unit, position,
            )  # fmt: skip
            if page:
                yield [r["id"] for r in page]
            if len(page) < PAGE:
                return
            unit, position = page[-1]["unit"], page[-1]["position"]

    def number_lacking(self, run_id: str, checked_by: str) -> int:
        """How many rows those are."""
        sql = "SELECT count(*) n FROM rows WHERE run=? AND state='kept' AND stage='answered' AND checked_by<>?"
        name = f"rows of {run_id} that {checked_by} did not check"
        return self.db.remembered(name, lambda: int(self.db.all(sql, run_id, checked_by)[0]["n"]))

    def counts(self, run_id: str, identities: Sequence[str]) -> dict[str, CheckCounts]:
        """How the responses of the kept rows fare, by check; counted anew where something was written since."""
        name = f"checks of {run_id}: {' '.join(identities)}"
        return self.db.remembered(name, lambda: self._counts(run_id, identities))

    def _counts(self, run_id: str, identities: Sequence[str]) -> dict[str, CheckCounts]:
        rows = self.db.all(
            "SELECT identity, sum(passed) passed, sum(NOT passed) failed, count(DISTINCT iif(passed, NULL, row)) rows"
            " FROM rows CROSS JOIN checks ON checks.row=rows.id AND checks.content_hash=rows.content_hash"
            f" WHERE run=? AND state='kept' AND identity IN ({marks(identities)}) GROUP BY identity",
            run_id, *identities,
        )  # fmt: skip
        counted = {r["identity"]: CheckCounts(r["passed"], r["failed"], r["rows"]) for r in rows}
        return {identity: counted.get(identity, CheckCounts()) for identity in identities}


def _keep(c: sqlite3.Connection, row_id: str, said_of: str, verdicts: Verdicts, checked_by: str) -> None:
    c.executemany(
        "INSERT OR IGNORE INTO checks(row, content_hash, response, identity, passed, reason, created) VALUES(?,?,?,?,?,?,?)",
        [
            (row_id, said_of, response, identity, result.passed, without_surrogates(result.reason), now())
            for (identity, response), result in verdicts.items()
        ],
    )
    c.execute(
        "UPDATE rows SET checked_by=?, updated=? WHERE id=? AND content_hash=?", (checked_by, now(), row_id, said_of)
    )
