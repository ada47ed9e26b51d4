"""Seconds and keys for one record, by keyboard, in the app and in Argilla's own page: rated and approved, up to the next one.

    python tests/bench/review.py [ROWS]

A person presses a key each KEY seconds. Real app, real embedded Argilla, chromium.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.make_workspace import make_workspace

sys.path.insert(0, str(Path(__file__).parents[2]))
from app import services, workflow
from app.config import Settings
from app.review import argilla
from app.review.argilla import Argilla
from app.store.reviews.verdicts import OWN
from app.store.store import Store
from tests.browser import ADDRESSES, CHROMIUM, FLAGS, App
from tests.make_runs import made_of, with_run

KEY = 0.15
"""Seconds between two keys."""
MOST_WAIT = 20_000
RATED = "4"


def keys_of_the_app(responses: int) -> list[str]:
    """Each response is rated, then the row approved; the next response, and the next row, come by themselves."""
    return [*[RATED] * responses, "a"]


def keys_of_argilla(responses: int) -> list[str]:
    """The decision, a rating for each response with the labeller's reasons to be passed by, Enter."""
    keys = ["1", RATED]
    for _ in range(responses - 1):
        keys += ["ArrowDown", RATED]
    return [*keys, "Enter"]


def seconds(page: Page, keys: Sequence[str], shown: str, rows: int) -> list[float]:
    """How long each of so many rows took, from its first key until `shown` (a script) gives something else."""
    took = []
    for _ in range(rows):
        before = page.evaluate(shown)
        began = time.perf_counter()
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(1000 * KEY)
        page.wait_for_function(
            f"before => {{ const now = ({shown})(); return now && now !== before; }}", arg=before, timeout=MOST_WAIT
        )
        took.append(time.perf_counter() - began)
        page.wait_for_timeout(700)
    return took


def main(rows: int) -> None:
    print("| where | responses | keys | seconds a row (median) | of them waiting |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        here = Settings(data=Path(folder), owner="tester")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with services.local(here).stopping():
            running = services.local(here).ensure(services.ARGILLA, lambda words: None)
            where: Argilla = argilla.embedded(running, here)
            for responses in (1, 5):
                recipe = made_of(
                    rating={"aspects": ["helpfulness"]}, review={"ranking": False, "blind_audit": False, "reasons": []}
                )
                with Store(here.data) as store:
                    run = with_run(store, rows + 1, recipe, responses=responses, name=f"bench-{responses}")
                    sent = workflow.push(make_workspace(store), run, where, lambda done, total: None)
                page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
                page.goto(argilla.signed_in(here, "/" + sent.to.url.partition("//")[2].partition("/")[2]))
                page.get_by_text("Keep this row?").wait_for(timeout=60_000)
                page.wait_for_timeout(2500)
                first = "() => document.body.innerText.match(/river number \d+/i)?.[0]"
                measure("Argilla's page", page, responses, keys_of_argilla(responses), first, rows)
                page.context.close()
            app = App(here.data).start()
            page = chromium.new_context(
                viewport={"width": 1440, "height": 900}
            ).new_page()  # the first one has its owner's name
            try:
                for responses in (1, 5):
                    page.goto(f"{ADDRESSES[app.url]}&run=bench-{responses}&show=review")
                    page.locator(".detail").wait_for(timeout=60_000)
                    page.wait_for_timeout(2500)
                    row = "() => document.querySelector('.detail')?.dataset.row"
                    measure("the app", page, responses, keys_of_the_app(responses), row, rows)
            finally:
                app.stop()
            with Store(here.data) as store:
                for responses in (1, 5):
                    ids = [row.id for row in store.rows.page(f"bench-{responses}", 0, rows + 1)]
                    verdicts = [verdict for each in store.verdicts.of(ids).values() for verdict in each]
                    given = [len(verdict.ratings) for verdict in verdicts if verdict.reviewer_id.startswith(OWN)]
                    assert given == [responses] * rows, f"ratings that arrived: {given}"
        chromium.close()


def measure(where: str, page: Page, responses: int, keys: Sequence[str], shown: str, rows: int) -> None:
    """Reviews so many rows, and prints a line of the table."""
    median = statistics.median(seconds(page, keys, shown, rows))
    names = " ".join(keys).replace("Arrow", "")
    print(f"| {where} | {responses} | {len(keys)}: {names} | {median:.2f} | {median - KEY * len(keys):.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
