"""What people's answers set off in a run of 100,000 rows: the queue's order, the figures, the shared rows and the statement.

    uv run python tests/bench/after_pull.py FOLDER [--rows 100000] [--answers 1000]

Makes the store of `big.py` in the folder, which must not be there; each of two people answers so many rows, and agrees with the
labeller in nine of ten. Times the work at a pull's end (`refresh`) for the first time, and after 40 more answers each; then opens
the page Review in Debian's chromium, where an acceptance stands, so that each verdict sets the same work off. What the page can
do meanwhile: a request that asks for nothing, sent again and again, and verdicts by key until the next row is shown. Prints a
Markdown table.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from app.review import acceptance
from app.review.insights import evidence_of
from app.review.review_queue import refresh
from app.store.runs import Run
from app.store.store import Store
from tests.bench.big import fill, seconds, send, verdict
from tests.bench.page import usable, verdicts
from tests.browser import CHROMIUM, FLAGS, App, without_services

TURNS, ANSWERS, VERDICTS, RISK = 5, 40, 40, 0.2
ASKING = """() => {
  window.waits = [];
  const ask = async () => {
    const began = performance.now();
    await fetch('/healthz');
    window.waits.push((performance.now() - began) / 1000);
    setTimeout(ask, 20);
  };
  ask();
}"""
"""Notes the seconds that each of many requests takes which asks for nothing but an answer."""


def answer(store: Store, run: Run, name: str, number: int) -> None:
    """So many more rows are decided by a person, as a pull brings them."""
    evidence, chance = evidence_of(store, run), random.Random(name)
    rows, keeps = evidence.population.index, evidence.population.keeps
    decided = chance.sample(sorted(evidence.unreviewed), number)
    agrees = [chance.random() < 0.9 for _ in decided]
    decisions = [
        "approve" if (keeps[rows[row]] == 1) == same else "reject" for row, same in zip(decided, agrees, strict=True)
    ]
    store.verdicts.keep("d", [verdict(row, name, decision) for row, decision in zip(decided, decisions, strict=True)])


def refreshed(folder: Path) -> list[float]:
    """Seconds that the work at a pull's end takes: the first time, and each time after so many more answers."""
    with Store(folder) as store:
        run = store.runs.get("big")
        evidence_of(store, run)  # a push keeps the signals of its rows
        times = []
        for turn in range(TURNS):
            answer(store, run, f"turn {turn}", ANSWERS)
            times.append(seconds(lambda: refresh(store, run)))
        print(acceptance.accept(store, run, "bench", RISK).sentence, file=sys.stderr)
        return times


def line(what: str, times: Sequence[float]) -> str:
    ordered = sorted(times)
    return f"| {what} | {len(ordered)} | {statistics.median(ordered):.3f} s | {ordered[-1]:.3f} s |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--answers", type=int, default=1_000)
    options = parser.parse_args()
    folder, rows = options.folder, options.rows
    fill(folder, rows)
    send(folder)
    with Store(folder) as store:
        for name in ("ann", "ben"):
            answer(store, store.runs.get("big"), name, options.answers)
    first, *later = refreshed(folder)
    app = App(without_services(folder)).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            usable(page, app.url)
            page.goto(f"{app.url}?run=big&show=review")
            expect(page.locator(".pager span")).to_contain_text(f"of {rows:,}", timeout=60_000)
            page.wait_for_timeout(3000)
            page.evaluate(ASKING)
            page.wait_for_timeout(3000)
            quiet = page.evaluate("window.waits.splice(0)")
            shown = verdicts(page, VERDICTS)
            during = page.evaluate("window.waits.splice(0)")
            browser.close()
    finally:
        app.stop()
    print(
        f"| {rows:,} rows, {2 * options.answers:,} of them answered | times | median | longest |\n| --- | ---: | ---: | ---: |"
    )
    print(line("refresh, the first time", [first]))
    print(line(f"refresh, after {ANSWERS} more answers", later))
    print(line("a request, while nothing is done", quiet))
    print(line("a request, while verdicts set the work off", during))
    print(line("a verdict, until the next row is shown", shown))


if __name__ == "__main__":
    main()
