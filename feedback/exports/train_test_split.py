"""Which rows are for training and which for testing: decided by a hash, so that a row stays where it is when others come.

Rows of one origin are never on both sides: those of one unit, of one document, of one seed instruction, and those that ask
the same. What ties two rows together ties their groups together; a group's side is a hash of what its first row comes from.
All rows of a run are added, whether they go out or not: who approved what, and when, moves no group.
"""

import hashlib
from collections.abc import Iterator, Mapping

from tasks.types import Row

TRAIN, TEST = "train", "test"


def number(seed: int, name: str) -> float:
    """A number from 0 to 1 that is the same for the same seed and name."""
    digest = hashlib.sha256(f"{seed}|{name}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8]) / 2**64


class Sides:
    """Rows are added one by one; then each has a side."""

    def __init__(self, seed: int, share: float) -> None:
        """`share` is the part of all origins that is for testing, 0 to below 1."""
        self.seed, self.share = seed, share
        self._names: list[str] = []
        self._above: list[int] = []  # of a row, another of its group that came before it, itself for the first
        self._first: dict[str, int] = {}
        self._rows: list[str] = []
        self._settled: dict[int, str] = {}  # of the first row of a group, its side where that is out already

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        ties = list(_ties(row))
        new = len(self._above)
        self._rows.append(row.id)
        self._names.append(ties[0])
        self._above.append(new)
        for tie in ties:
            other = self._root(self._first.setdefault(tie, new))
            root = self._root(new)
            self._above[max(other, root)] = min(other, root)

    def settle(self, there: Mapping[str, str]) -> None:
        """Groups of which rows (by id) went out before stay on the side where their first one is."""
        self._settled = {}
        for index, row in enumerate(self._rows):
            if row in there:
                self._settled.setdefault(self._root(index), there[row])

    def of(self, index: int) -> str:
        """The side of the row that was added as that one, counted from 0."""
        if (side := self._settled.get(self._root(index))) is not None:
            return side
        return TEST if number(self.seed, self._names[self._root(index)]) < self.share else TRAIN

    def _root(self, index: int) -> int:
        while self._above[index] != index:
            self._above[index] = index = self._above[self._above[index]]
        return index


def _ties(row: Row) -> Iterator[str]:
    """What a row shares with others of its origin, the most telling first."""
    if (document := row.origin.get("document")) is not None:
        yield f"document {row.origin.get('file', '')} {document}"
    if seed := row.origin.get("seed"):
        yield f"text {_folded(str(seed))}"
    prompt = _folded(" ".join(m["content"] for m in row.messages if m["role"] == "user"))
    yield f"text {prompt}"
    yield f"unit {row.unit}"


def _folded(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).casefold().encode("utf-8", "replace")).hexdigest()
