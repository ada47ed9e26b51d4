"""Two installed commands in turns: seconds from the start to a usable page, of a first visit, of an event, as ratios.

    python tests/bench/turns.py OLD NEW [TIMES]

Each is an installed `claywright`. Both start on data folders of their own, in which Argilla is one that is not there.
"""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
import tests.browser
from tests.bench.page import first_event, round_trip, seconds, tab_switch, usable
from tests.browser import CHROMIUM, FLAGS, App
from tests.odd_values import NOBODY


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
        page.close()
        context.close()
        context = browser.new_context()
        page = context.new_page()
        found["first visit, cold cache"] = seconds(lambda: usable(page, app.url))
        found["its first event"] = seconds(lambda: first_event(page))
        found["event round trip"] = round_trip(page)
        found["tab switch"] = tab_switch(page)
    finally:
        context.close()
        app.stop()
    return found


def main(old: str, new: str, times: int) -> None:
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for turn in range(times + 1):
            for name, command in (("old", old), ("new", new)):
                for what, took in once(command, Path(folder) / name, browser).items():
                    if turn:  # the first one installs the services
                        taken[what][name].append(took)
        browser.close()
    print(f"| what | old | new | new over old (median of {times}) |\n| --- | ---: | ---: | ---: |")
    for what, both in taken.items():
        before, after = (statistics.median(both[name]) for name in ("old", "new"))
        print(f"| {what} | {before:.3f} s | {after:.3f} s | {after / before:.3f} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 5)
