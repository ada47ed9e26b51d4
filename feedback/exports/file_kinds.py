"""Kinds of files that an export can be, told by their endings. What writes them is loaded when something is exported."""

from collections.abc import Callable, Mapping
from pathlib import Path

FOLDER = "datasets"
KINDS = ("jsonl", "parquet", "csv", "xlsx")
UNTYPED = ("jsonl", "csv")
"""Those whose readers guess the types of the columns."""
ENDINGS = ", ".join(f".{name}" for name in KINDS)


def kind_of(path: Path) -> str:
    """The kind of file at a path, by its ending: one of KINDS, FOLDER for one without an ending, "" for any other."""
    ending = path.suffix.lstrip(".").lower()
    return FOLDER if not ending else ending if ending in KINDS else ""


Replaces = Callable[[Path], bool]
"""Says whether what stands at a path may be replaced."""
Ready = Callable[[Mapping[Path, str]], None]
"""Is told the seals of what takes its place next, by path: whoever is killed then knows them all the same."""
