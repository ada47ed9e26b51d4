"""How fast the page is: `python tests/bench/page.py` prints a Markdown table. Run by hand, on an idle machine.

Starts the installed command on a data folder of its own (the first run installs the local services there), and drives
it with Debian's chromium: start to a usable page, first visit to first event with a cold and a warm cache, round trips.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.browser import CHROMIUM, FLAGS, App

TIMES = 5


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def usable(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("h1").first).to_be_visible(timeout=60_000)


def first_event(page: Page) -> None:
    page.get_by_role("tab", name="Rate", exact=True).click()
    expect(page.get_by_role("heading", name="Rate", level=1)).to_be_visible()


def round_trip(page: Page) -> float:
    """A click on a choice until what depends on it is shown."""
    page.get_by_role("tab", name="Generate", exact=True).click()
    expect(page.get_by_role("heading", name="Generate", level=1)).to_be_visible()
    choices = ("Questions and answers from documents", "Chats from the model alone; no input")
    hint = page.get_by_text("from your input", exact=False)
    times = []
    for turn in range(2 * TIMES):
        page.get_by_text(choices[turn % 2]).click()
        began = time.perf_counter()
        expect(hint).to_have_count(1 - turn % 2)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def visit(context: BrowserContext, url: str) -> tuple[float, float]:
    page = context.new_page()
    shown = seconds(lambda: usable(page, url))
    event = shown + seconds(lambda: first_event(page))
    page.close()
    return shown, event


def main() -> None:
    data = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    starts, cold, warm, trips = [], [], [], []
    with sync_playwright() as playwright, contextlib.ExitStack() as ending:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        first = App(data).start()
        while not any("Argilla is at" in line for line in first.said):
            assert first.process is not None and first.process.stderr is not None
            first.said.append(first.process.stderr.readline())
        first.stop()
        for _ in range(TIMES):
            app, page = App(data), browser.new_page()
            began = time.perf_counter()
            usable(page, app.start().url)
            starts.append(time.perf_counter() - began)
            page.close()
            app.stop()
        app = App(data).start()
        ending.callback(app.stop)
        time.sleep(10)
        for _ in range(TIMES):
            context = browser.new_context()
            cold.append(visit(context, app.url))
            warm.append(visit(context, app.url))
            page = context.new_page()
            usable(page, app.url)
            trips.append(round_trip(page))
            context.close()
        browser.close()
    print("| what | median of 5 |\n| --- | --- |")
    print(f"| warm start of the command to a usable page | {statistics.median(starts):.2f} s |")
    for name, times in (("cold", cold), ("warm", warm)):
        print(f"| first visit, {name} cache: usable page | {statistics.median(shown for shown, _ in times):.2f} s |")
        print(
            f"| first visit, {name} cache: first event shown | {statistics.median(event for _, event in times):.2f} s |"
        )
    print(f"| event round trip | {statistics.median(trips) * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
