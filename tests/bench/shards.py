"""A run of 4,000 rows in eight shards, two processes at a time, one shard killed twice and the merge killed, beside one run whole.

    uv run python tests/bench/shards.py --rows 4000 --shards 8

Prints a Markdown table: whether units, rows, responses, ratings, scores, counters and the memo are the same, and how many calls
were made again.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests import test_shards
from tests.servers import FakeOpenAI
from tests.test_kill import kill_when, resume

AT_A_TIME, IN_FLIGHT = 2, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    dice, of = random.Random(chosen.seed), chosen.shards
    with tempfile.TemporaryDirectory() as place, FakeOpenAI(latency=0.02) as server:
        folder = Path(place)
        file = test_shards.recipe(folder, server.url, number=chosen.rows, concurrency=IN_FLIGHT)
        whole, data = folder / "whole", folder / "data"
        began = time.monotonic()
        resume(["run", str(file), "--no-push", "--as", "whole"], test_shards.environment(whole))
        alone, calls = time.monotonic() - began, len(server.calls)
        killed, lock = [0], threading.Lock()

        def work(number: int) -> None:
            words = ["run", str(file), "--shard", f"{number}/{of}", "--as", "whole"]
            store = data / "shards" / "whole" / f"{number}-of-{of}"
            for share in (0.3, 0.6) if number == 3 else ():
                wanted = share * 6 * chosen.rows / of
                if kill_when(words, test_shards.environment(data), lambda wanted=wanted: answers(store) >= wanted):  # type: ignore[misc]
                    with lock:
                        killed[0] += 1
            resume(words, test_shards.environment(data))

        began = time.monotonic()
        with ThreadPoolExecutor(AT_A_TIME) as processes:
            list(processes.map(work, range(1, of + 1)))
        sharded, again = time.monotonic() - began, len(server.calls) - calls
        merge = ["merge", *map(str, test_shards.folders(data, of))]
        merges = 0
        for _ in range(5):
            ends = time.monotonic() + dice.uniform(0.5, 4)
            merges += kill_when(merge, test_shards.environment(data), lambda ends=ends: time.monotonic() > ends)  # type: ignore[misc]
        began = time.monotonic()
        resume(merge, test_shards.environment(data))
        merged = time.monotonic() - began
        before = len(server.calls)
        resume(["run", "--resume", "whole", "--no-push"], test_shards.environment(data))
        first, second = test_shards.contents(whole), test_shards.contents(data)
        print("| what | seen |")
        print("| --- | --- |")
        print(f"| {chosen.rows:,} rows whole | {alone:.1f} s, {calls:,} calls |")
        print(f"| in {of} shards, {AT_A_TIME} processes at a time | {sharded:.1f} s, {again:,} calls |")
        print(
            f"| one shard killed | {killed[0]} times, {again - calls} calls more (probes of each process among them) |"
        )
        print(f"| the merge killed | {merges} times; then {merged:.1f} s |")
        for table in test_shards.TABLES:
            same = "the same" if first[table] == second[table] else "**NOT the same**"
            print(f"| {table} | {len(first[table]):,} and {len(second[table]):,}: {same} |")
        print(f"| calls of the merged run, resumed | {len(server.calls) - before} |")


def answers(store: Path) -> int:
    """How many answers a shard's store holds."""
    return test_shards.number_of(store, "calls") if (store / "claywright.db").is_file() else 0


if __name__ == "__main__":
    main()
