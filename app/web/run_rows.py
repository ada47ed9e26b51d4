"""The rows of a run as pages read and change them: lists, search, ratings, and what a curator does to one row."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.review import reviewed_rows
from app.runs import row_edits
from app.store.row_search import RowQuery
from app.store.runs import Run
from app.store.store import Store
from feedback.checks.base import Check, identity_of
from feedback.reviewed_row import ReviewedRow
from feedback.types import Checked, Rating
from tasks.types import Row


@dataclass(frozen=True)
class RunRows:
    """Of one run. A row is named by its id; an index counts from 0, a number, which people see, from 1."""

    _store: Store
    run: Run
    majority: bool = True
    """True where the majority of reviewers decides a row."""

    # -- rows in their order

    def has(self, row_id: str) -> bool:
        """True if the id is that of a row of this run; whether there is such a row is not looked up."""
        return row_id.startswith(f"{self.run.id}-")

    def get(self, row_id: str) -> Row | None:
        """The row, whatever became of it; None if the run has none of that id."""
        rows = self._store.rows.of([row_id]) if self.has(row_id) else []
        return rows[0] if rows else None

    def page(self, offset: int, limit: int) -> list[Row]:
        """Some of the rows that are kept, answered or not, in unit order."""
        return self._store.rows.page(self.run.id, offset, limit)

    def first(self, limit: int) -> list[tuple[Row, bool]]:
        """The first rows, each with whether it was dropped."""
        return self._store.rows.first(self.run.id, limit)

    def latest(self, limit: int) -> list[Row]:
        """The rows that were answered last, the newest first."""
        return self._store.rows.latest(self.run.id, limit)

    def numbers(self, row_ids: Sequence[str]) -> dict[str, int]:
        """The numbers of the rows, by their ids."""
        return self._store.rows.numbers(self.run.id, row_ids)

    def index(self, row_id: str) -> int | None:
        """How many kept rows come before the row; None if the run has none of that id."""
        row = self.get(row_id)
        return self._store.rows.place(row) if row is not None else None

    # -- rows with everything that was said of them

    def reviewed_page(self, offset: int, limit: int) -> list[ReviewedRow]:
        """Some of the kept rows in unit order, with ratings and verdicts."""
        return reviewed_rows.judged_page(self._store, self.run, offset, limit)

    def reviewed(self, row_ids: list[str]) -> dict[str, ReviewedRow]:
        """Rows with ratings and verdicts, by their ids."""
        return reviewed_rows.judged_of(self._store, self.run, row_ids)

    def ratings(self, row_id: str) -> list[Rating]:
        """The judge's ratings of a row that count."""
        return self._store.ratings.of([row_id])[row_id]

    def checks(self, row_ids: Sequence[str], checks: Sequence[Check]) -> dict[str, list[Checked]]:
        """What the checks said of the responses of rows, by row."""
        return reviewed_rows.results_of(self._store, row_ids, checks)

    def unchecked(self, checks: Sequence[Check]) -> int:
        """How many answered rows lack a verdict of these checks."""
        return self._store.checks.number_lacking(self.run.id, identity_of(checks))

    def unreadable(self, limit: int) -> list[tuple[str, str, Rating]]:
        """(row, its instruction, the rating) of ratings that could not be read or asked for."""
        return self._store.ratings.unreadable(self.run.id, limit)

    # -- search

    def count(self, query: RowQuery) -> int:
        """How many kept rows fit."""
        return self._store.row_search.count(self.run.id, query, majority=self.majority)

    def search(self, query: RowQuery, offset: int, limit: int) -> list[str]:
        """The ids of some of the rows that fit, in the order that is wanted."""
        return self._store.row_search.page(self.run.id, query, offset, limit, majority=self.majority)

    def index_in(self, query: RowQuery, row_id: str) -> int | None:
        """How many of the rows that fit come before the row; None where it does not fit."""
        return self._store.row_search.place(self.run.id, query, row_id, majority=self.majority)

    def fitting(self, query: RowQuery, row_ids: Sequence[str]) -> set[str]:
        """Those of the rows that fit."""
        return self._store.row_search.among(self.run.id, query, row_ids, majority=self.majority)

    def aspects(self) -> list[str]:
        """The aspects by which rows were rated."""
        return self._store.row_search.aspects(self.run.id)

    def models(self) -> list[str]:
        """The models that wrote responses."""
        return self._store.row_search.models(self.run.id)

    # -- what did not become a row

    def failures(self) -> list[tuple[str, str]]:
        """(what failed, why) of everything that can be tried again."""
        return self._store.rows.failures(self.run.id)

    def drop_reasons(self) -> dict[str, int]:
        """How many answers were dropped, by reason, the most frequent first."""
        return self._store.runs.drop_reasons(self.run.id)

    # -- what a curator does. Everything here raises RunError where people have the row already or something works on the run

    def open(self, row_id: str) -> Row:
        """The row, to be changed."""
        return row_edits.open_row(self._store, row_id)

    def drop(self, row_id: str) -> None:
        """Takes a row out of the run; `keep` brings it back."""
        row_edits.drop(self._store, row_id)

    def drop_all(self, row_ids: Sequence[str]) -> tuple[list[row_edits.Dropped], int]:
        """Takes rows out of the run, but those that people have already: (what was dropped, how many stay)."""
        return row_edits.drop_all(self._store, self.run, row_ids)

    def keep(self, row_id: str) -> None:
        """Puts a dropped row back."""
        row_edits.keep(self._store, row_id)

    def keep_all(self, dropped: Sequence[row_edits.Dropped]) -> int:
        """Puts dropped rows back that nobody changed since. Returns how many."""
        return row_edits.keep_all(self._store, dropped)

    def edit(self, row_id: str, instruction: str, responses: Sequence[str], who: str) -> None:
        """Gives a row another instruction and responses; ratings of the texts before no longer count."""
        row_edits.edit(self._store, row_id, instruction, responses, who)
