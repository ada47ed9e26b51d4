"""The pool of a run whose rows must be new, or whose prompts show earlier rows: its seeds and all rows that were made.

Rows count as they were made, whatever became of them: one that was edited, that failed to be answered or that is beyond the
rows asked for stays in the pool as it was. So the same rows are dropped whenever a run is stopped, looked at or extended,
as long as no unit fails. One that failed and is tried again comes behind units that follow it: its rows are compared with
theirs too, so that other rows may be dropped than in a run in which it had not failed.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from app.store.columns import NEAR_DUPLICATE
from tasks.errors import InputError
from tasks.text.near_duplicates import Novelty
from tasks.types import Dropped, Row

MOST_SEEDS, MOST_CHARACTERS = 500_000, 100_000_000
SHOWN = 300
"""Characters of the other text in a reason."""


def held(seeds: Iterable[str]) -> list[str]:
    """Seeds, each once. They are all held, as any prompt may show any of them. Raises InputError where they are too many."""
    unique: dict[str, None] = {}
    characters = 0
    for seed in seeds:
        if seed not in unique:
            unique[seed] = None
            characters += len(seed)
            if len(unique) > MOST_SEEDS or characters > MOST_CHARACTERS:
                raise InputError(
                    f"The input holds more seeds than can be kept in mind ({MOST_SEEDS:,}, or {MOST_CHARACTERS // 10**6}"
                    " million characters of them). Set a limit of rows, or name a smaller file."
                )
    return list(unique)


class DedupPool:
    """`similarity` is what makes a row a near-duplicate, None where rows may be alike."""

    def __init__(self, similarity: float | None, seeds: Iterable[str], rows: Iterable[Row]) -> None:
        self.seeds = held(seeds)
        self._known = None if similarity is None else Novelty(similarity)
        self._rows: list[tuple[int, int, str]] = []
        if self._known is not None:
            for seed in self.seeds:
                self._known.add(seed)
        for row in rows:
            self._add(row.unit, row.position, row.instruction)

    def sieve(self, unit: int, results: Sequence[Row | Dropped]) -> list[Row | Dropped]:
        """What a unit gave, without near-duplicates of what is there, its own earlier rows included. The rest joins it."""
        sieved: list[Row | Dropped] = []
        position = 0
        for result in results:
            if isinstance(result, Row):
                if (reason := self._near(result.instruction)) is not None:
                    result = Dropped(reason, result.instruction)
                else:
                    self._add(unit, position, result.instruction)
                    position += 1
            sieved.append(result)
        return sieved

    def before(self, unit: int) -> Sequence[str]:
        """The rows of the units before that one, in unit order."""
        return [text for _, _, text in self._rows[: bisect_left(self._rows, (unit, 0, ""))]]

    def _near(self, text: str) -> str | None:
        """What a text is a near-duplicate of, or None."""
        if self._known is None or (nearest := self._known.nearest(text)) is None:
            return None
        value, other = nearest
        return f"{NEAR_DUPLICATE} ({value:.0%} alike) of: {other[:SHOWN]}"

    def _add(self, unit: int, position: int, text: str) -> None:
        insort(self._rows, (unit, position, text))
        if self._known is not None:
            self._known.add(text)
