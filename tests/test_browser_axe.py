"""axe-core finds nothing serious on any page, none is wider than its window, and bars can be hit: light, dark, full and empty."""

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from app.store.store import Store
from feedback.types import Rating
from tests.browser import GERMAN, App, Person, person
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
OF_PEOPLE = re.compile(
    r"^(axe|pen|judge|ada|ann|ben|ada and ben|length.*|model-\d.*|rivers.*)$|^\d+ of 10, fit \d+$|^fit \d+$"
    r"|^Is it as long as it should be\?$|said by|Name river|rivers\.jsonl|^https?:|^owner/name$|^Claywright$|^Shift\+T$|^Laden"
)
"""Texts of people, of the browser and of Gradio in what has no German: names, rubrics, rows, addresses."""
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


def troubles(curator: Person, app: App, runs: Sequence[str], width: int) -> str:
    """What is wrong with any page of the runs, a line each; "" where nothing is."""
    curator.page.set_viewport_size({"width": width, "height": 900})
    wrong: dict[str, list[str]] = {}
    for run in runs:
        curator.open(f"{app.url}?run={run}")
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
                wrong[f"{name}, {run}"] = found
    return "\n".join(f"{where}\n  " + "\n  ".join(each) for where, each in wrong.items())


def run_for_axe(store: Store) -> str:
    return "axe" if any(run.id == "axe" for run in store.runs.all()) else reviewed_run(store)


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_no_page_shuts_anybody_out(app: App, browser: Browser, theme: str, width: int) -> None:
    with Store(app.data) as store:
        run = run_for_axe(store)
    with person(browser, color_scheme=theme) as curator:
        assert not (wrong := troubles(curator, app, ("new", run), width)), wrong


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 390)])
def test_every_page_is_there_in_german(app: App, browser: Browser, theme: str, width: int) -> None:
    with Store(app.data) as store:
        run = run_for_axe(store)
    with person(browser, color_scheme=theme, locale="de-DE") as curator:
        assert not (wrong := troubles(curator, app, (run,), width)), wrong
        untold = set(curator.page.evaluate("[...window.untold]"))
        assert {text for text in untold if not OF_PEOPLE.search(text)} == set()
        expect(curator.page.locator("html")).to_have_attribute("lang", "de")
        assert curator.complaints == []


def test_one_reads_it_in_the_other_language_from_then_on(app: App, browser: Browser) -> None:
    with Store(app.data) as store:
        run = run_for_axe(store)
    with person(browser, locale="de-DE") as curator:
        curator.open(f"{app.url}?run={run}")
        curator.tab("Review")
        page = curator.page
        expect(
            page.locator(".page-bar:visible").get_by_text("30 von 40 gesendeten Zeilen sind geprüft.")
        ).to_be_visible()
        texts = page.locator("#browse .text").first.inner_text()
        page.get_by_role("button", name="English").click()
        curator.there()
        curator.words = {}
        curator.tab("Review")
        expect(
            page.get_by_text("Look at these first").or_(page.get_by_role("button", name="More filters"))
        ).to_be_visible()
        assert (
            page.locator("#browse .text").first.inner_text() == texts
        )  # what people and models wrote is no word of the page
        page.reload()
        curator.there()
        expect(page.get_by_role("button", name="Deutsch")).to_be_visible()
    with person(browser, locale="de-DE") as stranger:
        stranger.page.goto(app.url)
        expect(stranger.page.get_by_role("heading", name="Dieser Browser ist nicht angemeldet")).to_be_visible()


def test_words_of_both_languages_have_the_same_holes() -> None:
    for english, german in GERMAN.items():
        holes = re.findall(r"\{(\d*)\}", german)
        if any(holes):
            assert all(holes) and {int(hole) for hole in holes} <= set(range(english.count("{}"))), english
        else:
            assert len(holes) == english.count("{}"), english
