"""How much of the processor a task, and the labeller's reader, takes for long answers that repeat one thing.

    python tests/bench/answers.py [--over 0.1]

Run by hand. Prints what takes longer than so many seconds, and the slowest for each task.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hostile_answers import LENGTHS, TASKS, answers, ratings_of, rows_of


def seconds(work: Coroutine[Any, Any, Any]) -> float:
    started = time.process_time()
    asyncio.run(work)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--over", type=float, default=0.1)
    asked = parser.parse_args()
    seconds(rows_of("TextGeneration", "a", as_json=False))  # what is imported at the first call does not count
    seconds(ratings_of("a", as_json=False))
    found: dict[str, list[tuple[float, str]]] = {}
    for what, answer in [(f"{n}: {what}", answer) for n in LENGTHS for what, answer in answers(n).items()]:
        for as_json in (False, True):
            form = f"{what}, JSON" if as_json else what
            for name in TASKS:
                found.setdefault(name, []).append((seconds(rows_of(name, answer, as_json=as_json)), form))
            for aspect in ("helpfulness", "truthfulness", "overall-rating"):
                one = seconds(ratings_of(answer, as_json=as_json, aspect=aspect))
                found.setdefault(f"UltraFeedback, {aspect}", []).append((one, form))
        for name, times in found.items():
            for one, form in times[-2:]:
                if one > asked.over:
                    print(f"{one:6.2f} s  {name}: {form}", flush=True)
    print()
    for name, times in found.items():
        one, form = max(times)
        print(f"{name}: the slowest of {len(times)} takes {one:.3f} s ({form})")


if __name__ == "__main__":
    main()
