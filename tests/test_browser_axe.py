"""axe-core finds nothing serious on any page, none is wider than its window, and bars can be hit: light, dark, full and empty."""

from dataclasses import replace
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page

from app.store.store import Store
from feedback.types import Rating
from tests.browser import App, person
from tests.make_reviews import sent
from tests.make_runs import made_of, rated, with_run

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
PAGES = ("Models", "Generate", "Rate", "Review", "Insights", "Export")
LOOK = """async () => (await axe.run(document, {rules: {'label-content-name-mismatch': {enabled: true}}})).violations
  .filter((found) => ['serious', 'critical'].includes(found.impact))
  .map((found) => `${found.impact} ${found.id}: ${found.nodes.map((node) => node.html.slice(0, 200)).slice(0, 3).join(' | ')}`)"""
BARS = """() => [...document.querySelectorAll('.bars .plot button')].map((bar) => [bar.getBoundingClientRect(), bar.parentElement])
  .filter(([box]) => box.width).map(([box, plot]) => [Math.min(box.width, box.height), plot.children.length])"""
"""The lesser side of each bar, and how many there are side by side: of more than seven a phone has no room for 44 px each."""
TEN = {"name": "length", "question": "Is it as long as it should be?", "levels": [f"fit {n}" for n in range(1, 11)]}
TALK = "# Rivers\n\nA *long* text with `code`, a [link](https://example.org) and a table:\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n"


def without_spaces(number: int, responses: int) -> list[Rating]:
    """Reasons as small models give them at times: one endless word."""
    said = [
        *rated(number, responses),
        *(Rating(k, "length", 0, "rated", 10.0, "Fits.", levels=10) for k in range(responses)),
    ]
    return [replace(rating, rationale="1." * 300) if number % 2 == 0 else rating for rating in said]


def reviewed_run(store: Store) -> str:
    """A run with long texts, ratings, and what two people said of it."""
    run = with_run(
        store,
        40,
        made_of(rating={"aspects": ["length", "helpfulness", "honesty"]}, rubrics=[TEN]),
        responses=3,
        rate=without_spaces,
        name="axe",
    )
    sent(store, run)
    for number, row in enumerate(store.rows.page(run.id, 0, 30)):
        decision = ("approve", "reject", "unsure")[number % 3]
        for who in ("ada", "ben")[: 1 + number % 2]:
            store.local_verdicts.say(
                row.id, f"{who} (in the app)", {"decision": decision, "helpfulness-1": 1 + number % 5}, {}
            )
    return run.id


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: list[str] = page.evaluate(LOOK)
    return found


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_no_page_shuts_anybody_out(app: App, browser: Browser, theme: str, width: int) -> None:
    with Store(app.data) as store:
        run = "axe" if any(run.id == "axe" for run in store.runs.all()) else reviewed_run(store)
    wrong: dict[str, list[str]] = {}
    with person(browser, color_scheme=theme) as curator:
        curator.page.set_viewport_size({"width": width, "height": 900})
        for state in ("new", run):
            curator.open(f"{app.url}?run={state}")
            curator.there()
            for name in PAGES:
                curator.tab(name)
                curator.answered()
                found = violations(curator.page)
                if small := [
                    size for size, bars in curator.page.evaluate(BARS) if size < (24 if width > 760 or bars > 7 else 44)
                ]:
                    found.append(f"{len(small)} bars have a side of {min(small)} px to press")
                if (wide := curator.page.evaluate("document.documentElement.scrollWidth")) > width:
                    found.append(f"it is {wide} px wide")
                if found:
                    wrong[f"{name}, {state}"] = found
    assert not wrong, "\n".join(f"{where}\n  " + "\n  ".join(each) for where, each in wrong.items())
