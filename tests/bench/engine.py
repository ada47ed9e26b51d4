"""The engine's table: how fast it is and what it bears, beside the same calls without it.

    python tests/bench/engine.py [--times 5] [--out table.md] [NAME ...]

Prints a Markdown table, line by line. Run by hand, on an idle machine, with the environment's own Python and not `uv run`:
what is measured is the installed command. All of it takes about 45 minutes; NAMEs choose some of it. As root, the small disk
that is to be full is mounted.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import speed, trials
from tests.bench.runs import Line

PARTS: dict[str, Callable[[Path, int], Iterator[Line]]] = {
    "few": speed.few_rows,
    "many": speed.many_rows,
    "ratings": speed.ratings,
    "chained": speed.chained,
    "tail": speed.long_tail,
    "crowd": speed.crowd,
    "memory": speed.much_memory,
    "local": speed.local_model,
    "kills": trials.kills,
    "python": trials.python_kills,
    "faults": trials.faults,
    "poison": trials.poison,
    "outage": trials.outage,
    "disk": trials.full_disk,
    "two": trials.second_process,
    "budget": trials.budget,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="How often each time is taken; the median counts.")
    parser.add_argument("--out", type=Path, help="Where the table is written, too.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTS))
    asked = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    commit = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    lines = [
        f"{date.today()}, commit {commit}, Python {platform.python_version()}, median of {asked.times}",
        "",
        "| what | bar | seen | met |",
        "| --- | --- | --- | --- |",
    ]
    print("\n".join(lines), flush=True)
    for name in asked.names or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for line in PARTS[name](Path(folder), asked.times):
                lines.append(str(line))
                print(line, flush=True)
    if asked.out:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
