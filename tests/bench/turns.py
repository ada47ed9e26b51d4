"""Two installed commands in turns, as ratios: runs of the engine, and the page from its start to an event.

    python tests/bench/turns.py engine OLD NEW [TIMES]
    python tests/bench/turns.py page OLD NEW [TIMES]

OLD and NEW are each an installed `claywright`. Their data folders are their own; Argilla is one that is not there.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
import tests.browser
from tests.bench.meter import environment, taken
from tests.bench.page import first_event, round_trip, seconds, tab_switch, usable
from tests.bench.runs import LATENCY, model, recipe
from tests.browser import CHROMIUM, FLAGS, App
from tests.odd_values import NOBODY
from tests.servers import FakeOpenAI

VISITS = 3


def once(command: str, data: Path, browser: Browser) -> dict[str, float]:
    """One start of the command and one first visit."""
    tests.browser.claywright = lambda: [command]  # type: ignore[attr-defined]  # what App starts
    app = App(data, {"ARGILLA_API_URL": NOBODY, "ARGILLA_API_KEY": "key"})
    context = browser.new_context()
    page = context.new_page()
    try:
        began = time.perf_counter()
        app.start()
        usable(page, app.url)
        found = {"start to a usable page": time.perf_counter() - began}
        page.wait_for_timeout(4000)
        visits = []
        for _ in range(VISITS):
            context.close()
            context = browser.new_context()
            page = context.new_page()
            visits.append(usable(page, app.url))
        found["first visit, cold cache"] = statistics.median(visits)
        found["its first event"] = seconds(lambda: first_event(page))
        found["event round trip"] = round_trip(page)
        found["tab switch"] = tab_switch(page)
    finally:
        context.close()
        app.stop()
    return found


def runs(command: str, folder: Path, url: str) -> dict[str, float]:
    """Whole processes: generating, and rating four responses a row."""
    kinds = {
        "200 rows": recipe(folder / "few", url, 200),
        "1000 rows": recipe(folder / "many", url, 1000),
        "UltraFeedback, 200 rows × 4": recipe(
            folder / "rated", url, 200, answers={"n": 4}, rating={"aspects": ["helpfulness"]}, labeller=model(url),
        ),
    }  # fmt: skip
    found = {}
    for what, file in kinds.items():
        words = [command, "run", str(file), "--no-push", "--json"]
        done = taken(words, environment(CLAYWRIGHT_DATA=str(file.parent / "data")))
        assert done.code == 0, done.complaint
        found[what] = done.seconds
    return found


def main(kind: str, old: str, new: str, times: int) -> None:
    times_of: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ending:
        measure: Callable[[str, Path], dict[str, float]]
        if kind == "engine":
            server = ending.enter_context(FakeOpenAI(latency=LATENCY))
            measure = partial(runs, url=server.url)
        else:
            playwright = ending.enter_context(sync_playwright())
            measure = partial(once, browser=playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS))
        for turn in range(times + 1):
            for name, command in (("old", old), ("new", new)):
                own = Path(folder) / (f"{name}{turn}" if kind == "engine" else name)
                for what, took in measure(command, own).items():
                    if turn:  # the first one installs the services, and compiles
                        times_of[what][name].append(took)
    print(f"| what | old | new | new over old (median of {times}) |\n| --- | ---: | ---: | ---: |")
    for what, both in times_of.items():
        before, after = (statistics.median(both[name]) for name in ("old", "new"))
        print(f"| {what} | {before:.3f} s | {after:.3f} s | {after / before:.3f} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 5)
