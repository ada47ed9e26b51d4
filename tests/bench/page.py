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
from functools import partial
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.big import fill
from tests.browser import ADDRESSES, CHROMIUM, FLAGS, App

TIMES = 5
LISTED = "() => [...document.querySelectorAll('.list li, .pager span')].map((one) => one.textContent).join('|')"
CHANGED = """was => new Promise((shown) => {
  const listed = LISTED;
  let pressed = 0;
  document.addEventListener('mousedown', () => { pressed = performance.now(); }, { once: true, capture: true });
  const look = () => pressed && listed() !== was ? shown((performance.now() - pressed) / 1000) : requestAnimationFrame(look);
  look();
})""".replace("LISTED", LISTED)
"""Seconds from the press of the mouse until the list says something else: what a click waits for before it presses, until
the choices that were opened stand still, is not the app's."""
SINCE_OPENED = """() => new Promise((shown) => {
  const look = () => [...document.querySelectorAll('h1')].some((one) => one.offsetParent) && shown(performance.now() / 1000);
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
})"""
"""Seconds from when the address was opened, with where it led on, until a heading is in sight."""
UNTIL = """holds => new Promise((shown) => {
  let pressed = 0;
  const look = () => pressed && holds() && shown((performance.now() - pressed) / 1000);
  document.addEventListener('click', () => { pressed = pressed || performance.now(); }, { once: true, capture: true });
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
})"""
"""Seconds from the next click until something holds, looked at after each change of the page."""
NEXT_ROW = """() => new Promise((shown, failed) => {
  setTimeout(() => failed(new Error('no other row was shown')), 60000);
  const row = () => document.querySelector('#browse .detail')?.dataset.row, was = row();
  let pressed = 0;
  const look = () => pressed && row() !== was && requestAnimationFrame(() => shown((performance.now() - pressed) / 1000));
  document.addEventListener('keydown', () => { pressed = performance.now(); }, { once: true, capture: true });
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
})"""
"""Seconds from the next key until another row is shown."""
BIG = 100_000


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def usable(page: Page, url: str) -> float:
    """Opens the app by the address that it printed, which lets a browser in; seconds by the browser's own clock."""
    address = ADDRESSES[url]
    page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{ window.usable = ({SINCE_OPENED})(); }})")
    page.goto(f"{address}{'&' if '?' in address else '?'}run=new")
    expect(page.locator("h1").first).to_be_visible(timeout=60_000)
    return float(page.evaluate("window.usable"))


def first_event(page: Page) -> None:
    page.get_by_role("tab", name="Rate", exact=True).click()
    expect(page.get_by_role("heading", name="Rate", level=1)).to_be_visible()


def from_click(page: Page, click: Callable[[], object], holds: str) -> float:
    """Seconds from a click until a JavaScript condition holds, by the browser's own clock: playwright looks every 20 to 100 ms."""
    page.evaluate(f"() => {{ window.held = ({UNTIL})(() => {holds}); }}")
    click()
    return float(page.evaluate("window.held"))


def round_trip(page: Page) -> float:
    """A click on a choice until what depends on it is shown."""
    page.get_by_role("tab", name="Generate", exact=True).click()
    expect(page.get_by_role("heading", name="Generate", level=1)).to_be_visible()
    choices = ("Questions and answers from documents", "Chats from the model alone; no input")
    hinted = "/from your input/i.test(document.querySelector('#page-generate').innerText)"
    times = []
    for turn in range(4 * TIMES):
        click = page.get_by_text(choices[turn % 2]).click
        times.append(from_click(page, click, hinted if turn % 2 == 0 else f"!{hinted}"))
        page.wait_for_timeout(300)
    return statistics.median(times)


def tab_switch(page: Page) -> float:
    """A click on a tab until its page is shown; pages that were open before, as a curator goes between them."""
    times = []
    for name in ("Models", "Generate", "Rate", "Review", "Insights", "Export") * 3:
        heading = f"[...document.querySelectorAll('h1')].some((one) => one.innerText === '{name}' && one.offsetParent)"
        times.append(from_click(page, page.get_by_role("tab", name=name, exact=True).click, heading))
        page.wait_for_timeout(300)
    return statistics.median(times[6:])


def big_pages(page: Page, url: str) -> dict[str, float]:
    """A run of 100,000 rows on the page Review: seconds until the next page, a search and a filter are shown."""
    page.goto(f"{url}?run=big&show=review")
    span = page.locator(".pager span")
    expect(span).to_have_text("1–10 of 100,000", timeout=60_000)
    page.wait_for_timeout(3000)
    found = {}
    nexts = []
    for turn in range(1, TIMES + 1):
        following = partial(expect(span).to_have_text, f"{turn * 10 + 1}–{turn * 10 + 10} of 100,000")
        nexts.append(seconds(page.get_by_label("Next page").click) + seconds(following))
    found["next page"] = statistics.median(nexts)
    searches = []
    for number in (77_777, 4, 99_999, 50_001, 12_345):
        page.locator("#search textarea, #search input").fill(f"question {number}:")
        shown = partial(expect(page.locator(".detail")).to_contain_text, f"Question {number}:")
        searches.append(seconds(partial(page.keyboard.press, "Enter")) + seconds(shown))
    found["search"] = statistics.median(searches)
    page.locator("#search textarea, #search input").fill("")
    page.keyboard.press("Enter")
    expect(span).to_contain_text("of 100,000")
    filters = []
    for choice in ("Lowest under 2.5", "Any rating", "Ratings missing", "Any rating", "Lowest 3.5 and more"):
        page.get_by_role("combobox", name="Rating").click()
        page.evaluate(f"was => {{ window.changed = ({CHANGED})(was); }}", page.evaluate(LISTED))
        page.get_by_role("option", name=choice, exact=True).click()
        filters.append(page.evaluate("window.changed"))
    found["filter"] = statistics.median(filters)
    page.goto(f"{url}?run=big&show=review")
    expect(span).to_have_text("1–10 of 100,000", timeout=60_000)
    page.wait_for_timeout(3000)
    found["a verdict, until the next row is shown"] = statistics.median(verdicts(page, 4 * TIMES))
    return found


def verdicts(page: Page, number: int) -> list[float]:
    """Seconds from a key that approves a row until the next one is shown, as a curator goes through so many."""
    times = []
    for _ in range(number):
        page.evaluate(f"() => {{ window.next_row = ({NEXT_ROW})(); }}")
        page.keyboard.press("a")
        times.append(float(page.evaluate("window.next_row")))
        page.wait_for_timeout(500)
    return times


def memory(app: App) -> float:
    """MiB of the server's process."""
    assert app.process is not None
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def visit(context: BrowserContext, url: str) -> tuple[float, float]:
    page = context.new_page()
    shown = usable(page, url)
    event = shown + seconds(lambda: first_event(page))
    page.close()
    return shown, event


def main() -> None:
    data = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    starts, cold, warm, trips, switches = [], [], [], [], []
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
        fill(data, BIG)
        app = App(data).start()
        ending.callback(app.stop)
        time.sleep(10)
        alone = memory(app)
        for _ in range(TIMES):
            context = browser.new_context()
            cold.append(visit(context, app.url))
            warm.append(visit(context, app.url))
            page = context.new_page()
            usable(page, app.url)
            trips.append(round_trip(page))
            switches.append(tab_switch(page))
            context.close()
        tabs = [browser.new_page() for _ in range(5)]
        for page in tabs:
            usable(page, app.url)
        time.sleep(10)
        five = memory(app)
        big = big_pages(tabs[0], app.url)
        browser.close()
    print("| what | median of 5 |\n| --- | --- |")
    print(f"| warm start of the command to a usable page | {statistics.median(starts):.2f} s |")
    for name, times in (("cold", cold), ("warm", warm)):
        print(f"| first visit, {name} cache: usable page | {statistics.median(shown for shown, _ in times):.2f} s |")
        print(
            f"| first visit, {name} cache: first event shown | {statistics.median(event for _, event in times):.2f} s |"
        )
    print(f"| tab switch | {statistics.median(switches):.2f} s |")
    for name, took in big.items():
        print(f"| {BIG:,} rows: {name} | {took:.2f} s |")
    print(f"| memory of the server, and with five tabs open | {alone:.0f} MiB, {five:.0f} MiB |")
    print(f"| event round trip | {statistics.median(trips) * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
