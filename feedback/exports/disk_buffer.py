"""Lines on disk until all of them are known: then they can be counted, shuffled and split without holding them in memory."""

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from feedback.exports.record_formats import Line

ARGUMENTS = "arguments"
EARLY = 1 << 20
"""Characters of a file from which its readers at least know the types of its columns (`datasets` looks at 10 MB)."""


class Spool:
    """Lines that are added one by one and read again in any order. Its file goes away with it. Raises OSError."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where the lines are kept: beside the file that they are for, or where the system keeps such things."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it is closed with the spool
        self._starts = array("Q", [0])
        self.rows: list[str] = []
        """Of each line, the id of its row."""
        self.known: list[int] = []
        """Of each line, which of its values are there, as bits."""
        self._bits: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, line: Line) -> None:
        self.rows.append(line["row_id"])
        bits = 0
        for name in _there(line, ""):
            bits |= 1 << self._bits.setdefault(name, len(self._bits))
        self.known.append(bits)
        self._file.seek(self._starts[-1])
        self._starts.append(self._starts[-1] + self._file.write(json.dumps(line).encode()))

    @property
    def paths(self) -> list[str]:
        """Of all values that some line has: "rating", "messages.content"."""
        return list(self._bits)

    def read(self, order: Iterable[int]) -> Iterator[Line]:
        for k in order:
            self._file.seek(self._starts[k])
            yield json.loads(self._file.read(self.size(k)))

    def size(self, k: int) -> int:
        """Characters of a line."""
        return self._starts[k + 1] - self._starts[k]

    def telling(self, order: list[int], max_rows: int | None = None) -> list[int]:
        """The same lines, those first that are the first to show the type of a column, where that would come late.

        For files without types: who reads them learns a column's type from the beginning of the file, or from the first of
        several files with `max_rows` lines, and fails when it turns out to be another.
        """
        first: list[int] = []
        seen = at = 0
        late = False
        for number, k in enumerate(order):
            if self.known[k] & ~seen:
                if max_rows is not None or at > EARLY:
                    first.append(k)
                late = late or max_rows is None or number >= max_rows or at > EARLY
            seen |= self.known[k]
            at += self.size(k)
        if not late:
            return order
        moved = set(first)
        return [*first, *(k for k in order if k not in moved)] if first else order

    def untold(self, train: Iterable[int], test: Iterable[int]) -> set[str]:
        """The values that are in a line for testing and in none for training, by path ("rating", "ratings.value")."""
        known = shown = 0
        for k in train:
            known |= self.known[k]
        for k in test:
            shown |= self.known[k]
        return {name for name, bit in self._bits.items() if shown >> bit & 1 and not known >> bit & 1}


def _there(value: Any, path: str) -> Iterator[str]:
    """The paths of all values that are not empty."""
    if isinstance(value, dict):
        for name, inner in value.items():
            inside = f"{path}.{name}" if path else name
            if name == ARGUMENTS and inner is not None:
                yield inside  # a text for typed files; its own names differ from call to call
            else:
                yield from _there(inner, inside)
    elif isinstance(value, list):
        if value:
            yield f"{path}[]"
        for inner in value:
            yield from _there(inner, path)
    elif value is not None:
        yield path


def without(value: Any, paths: set[str], path: str = "") -> Any:
    """The same without what is at `paths`."""
    if isinstance(value, dict):
        inside = {name: f"{path}.{name}" if path else name for name in value}
        return {
            name: without(inner, paths, inside[name])
            for name, inner in value.items()
            if inside[name] not in paths and f"{inside[name]}[]" not in paths
        }
    return [without(inner, paths, path) for inner in value] if isinstance(value, list) else value
