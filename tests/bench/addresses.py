"""One model at three addresses: calls a second over one server's, and a server that is killed in mid-run and brought back.

    uv run python tests/bench/addresses.py --turns 3

Each server has 20 places and answers after 200 ms. Prints a Markdown table, in about two minutes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.store.store import Store
from tests.bench.meter import Taken, taken
from tests.servers import FakeOpenAI

PLACES, LATENCY, ROWS = 20, 0.2, 1000
RECIPE = """\
name = "addresses"
rows = {rows}
seed = 3

[generator]
{where}
model = "fake"
template = "chatml"
concurrency = {places}

[task]
kind = "magpie"
"""


def worked(folder: Path, urls: Sequence[str], rows: int, during: Callable[[int, float], None] | None = None) -> Taken:
    """A run by the installed command."""
    folder.mkdir()
    where = f"urls = {json.dumps(urls)}" if len(urls) > 1 else f"url = {json.dumps(urls[0])}"
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(rows=rows, where=where, places=PLACES), encoding="utf-8")
    words = ["claywright", "--data", str(folder / "data"), "run", str(recipe), "--no-push", "--json"]
    return taken(words, during=during)


def drawn(calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the questions of a probe."""
    return [call for call in calls if call["draw"] != "0"]


def calls_a_second(folder: Path, servers: int, rows: int) -> float:
    """From the first call of a run to its last answer."""
    with ExitStack() as up:
        fakes = [up.enter_context(FakeOpenAI(latency=LATENCY)) for _ in range(servers)]
        if worked(folder, [fake.url for fake in fakes], rows).code:
            raise SystemExit("The run failed.")
        times = [call["time"] for fake in fakes for call in drawn(fake.calls)]
    seconds: float = max(times) + LATENCY - min(times)
    return len(times) / seconds


def killed(folder: Path, rows: int) -> str:
    """One of three servers is gone from a third of the run until half of it."""
    with ExitStack() as up:
        fakes = [up.enter_context(FakeOpenAI(latency=LATENCY)) for _ in range(2)]
        dying = FakeOpenAI(latency=LATENCY)
        dying.__enter__()
        port, calls, again = int(dying.url.split(":")[2].split("/")[0]), list[dict[str, Any]](), ExitStack()
        back: list[FakeOpenAI] = []
        over = threading.Event()

        def sent() -> int:
            return sum(len(fake.calls) for fake in (*fakes, dying, *back))

        def kill() -> None:
            while sent() < 2 * rows // 3 and not over.wait(0.01):
                continue
            dying.__exit__(None, None, None)
            while sent() < rows and not over.wait(0.01):
                continue
            back.append(again.enter_context(FakeOpenAI(latency=LATENCY, port=port)))

        killer = threading.Thread(target=kill)
        killer.start()
        came = worked(folder, [*(fake.url for fake in fakes), dying.url], rows)
        over.set()
        killer.join()
        calls = [call for fake in (*fakes, dying, *back) for call in drawn(fake.calls)]
        again.close()
    lost_calls = sum(call["status"] is None for call in calls)
    seen = Counter((call["path"], json.dumps(call["body"], sort_keys=True), call["draw"]) for call in calls)
    with Store(folder / "data") as store:
        (run,) = store.runs.all()
        told = [row.instruction for row in store.rows.page(run.id, 0, rows + 1)]
    beyond = max(0, seen.total() - len(seen) - lost_calls)
    return (
        f"{len(told)} rows, {rows - len(set(told))} lost, {len(told) - len(set(told))} doubled, {beyond} calls beyond those in "
        f"flight ({lost_calls} asked again), {len(drawn(back[0].calls)) if back else 0} calls after it was back, "
        f"exit code {came.code}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    asked = parser.parse_args()
    speeds: dict[int, list[float]] = {1: [], 3: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(asked.turns):
            for servers, seen in speeds.items():
                seen.append(calls_a_second(Path(folder) / f"{turn}-{servers}", servers, asked.rows))
                time.sleep(0.5)
        ratios = [three / one for one, three in zip(*speeds.values(), strict=True)]
        one, three = (statistics.median(seen) for seen in speeds.values())
        print("| what | bar | seen |\n| --- | --- | --- |")
        print(
            f"| calls a second at three addresses, over one | ≥ 2.8 | {three:.0f} over {one:.0f}: {statistics.median(ratios):.2f} |"
        )
        killing = killed(Path(folder) / "killed", asked.rows)
        print(f"| one of three killed in mid-run and brought back | 0 lost, 0 doubled, 0 calls beyond | {killing} |")


if __name__ == "__main__":
    main()
