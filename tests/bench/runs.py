"""What the benchmarks of the engine share: recipes in folders of their own, the installed command, and lines of the table."""

import contextlib
import hashlib
import json
import sqlite3
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.meter import Taken, environment, python, taken
from tests.conftest import claywright

HERE = Path(__file__).parent
LATENCY, CONCURRENCY = 0.05, 50
MADE = {"kind": "text-generation"}


@dataclass(frozen=True)
class Line:
    """A line of the table. `met` is None where there is no bar."""

    what: str
    bar: str
    seen: str
    met: bool | None = None

    def __str__(self) -> str:
        return f"| {self.what} | {self.bar} | {self.seen} | {'' if self.met is None else 'yes' if self.met else '**no**'} |"


def model(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "model": "fake", "concurrency": CONCURRENCY, **more}


def instructions(folder: Path, rows: int) -> Path:
    file = folder / "inputs.jsonl"
    file.write_text(
        "".join(json.dumps({"instruction": f"Write a sentence about topic number {n}."}) + "\n" for n in range(rows))
    )
    return file


def recipe(folder: Path, url: str, units: int, **more: Any) -> Path:
    """One call for each of so many rows of input, unless `more` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {"name": "bench", "generator": model(url), "task": MADE, **more}
    if "inputs" not in made and made["task"] == MADE:
        made["inputs"] = {"path": str(instructions(folder, units))}
    file = folder / "recipe.json"
    file.write_text(json.dumps(made))
    return file


def ours(folder: Path, *words: str, during: Callable[[int, float], None] | None = None) -> Taken:
    """The installed command on a data folder of its own."""
    return taken([*claywright(), *words], environment(CLAYWRIGHT_DATA=str(folder / "data")), during)


def made(folder: Path, file: Path, during: Callable[[int, float], None] | None = None) -> Taken:
    """A run of a recipe, which must end well."""
    done = ours(folder, "run", str(file), "--no-push", "--json", during=during)
    assert done.code == 0, done.complaint
    return done


def yardstick(name: str, url: str, calls: int, concurrency: int = CONCURRENCY) -> Taken:
    done = taken(python(str(HERE / "yardsticks.py"), name, url, str(calls), str(concurrency)))
    assert done.code == 0, done.complaint
    return done


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


@contextlib.contextmanager
def store(folder: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "data" / "claywright.db")) as connection:
        yield connection


def count(folder: Path, question: str) -> int:
    with store(folder) as connection:
        found: int = connection.execute(question).fetchone()[0]
        return found


def chance(body: Mapping[str, Any]) -> float:
    """A number from 0 to 1 that belongs to what is asked."""
    said = json.dumps(body.get("messages") or body.get("prompt"))
    return int(hashlib.sha256(said.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
