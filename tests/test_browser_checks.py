"""Checks on the page: added on Rate, what fails on cards, found on Review, counted on Insights."""

import random

import pytest
from playwright.sync_api import Browser, expect

from app.recipe import recipe_of
from app.store.runs import Run
from app.store.store import Store
from tests.browser import App, person
from tests.make_runs import with_run

ROWS = 6


@pytest.fixture
def run(app: App) -> Run:
    with Store(app.data) as store:
        return with_run(store, ROWS, responses=2, name=f"checks-{random.randrange(10**9)}")


def test_a_check_is_added_and_what_fails_is_found(app: App, run: Run, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}&show=rate")
        card = page.locator("#checks")
        expect(card).to_contain_text("None yet.")

        card.get_by_text("Add a check", exact=True).click()

        # what is wrong is said at the field, and nothing that was written is lost
        curator.choose("check-kind", "Matches a regular expression")
        curator.write("check-regex-pattern", "(a|a)*$")
        curator.press("add-check")
        curator.answered()  # the field says so as soon as it is left: the press may still be on its way
        expect(card).to_contain_text("runs on")
        expect(page.locator("#check-regex-pattern textarea, #check-regex-pattern input").first).to_have_value("(a|a)*$")
        curator.write("check-regex-pattern", r"number [135]\b|River [135],")
        curator.write("check-name", "odd rivers")
        curator.press("add-check")
        expect(card.locator("li")).to_have_count(1)
        expect(card.locator("li b")).to_have_text("odd rivers")

        curator.write_at_once("check-contains-not-text", "<b>said</b> by")
        curator.choose("check-kind", "Does not contain a text")
        expect(page.locator("#check-contains-not-text textarea")).to_have_value("<b>said</b> by")
        curator.press("add-check")
        expect(card.locator("li")).to_have_count(2)
        expect(card.locator("li").nth(1)).to_contain_text("<b>said</b> by")  # as it was written
        card.get_by_role("button", name="Remove").nth(1).click()
        expect(card.locator("li")).to_have_count(1)

        expect(card).to_contain_text("No row is checked yet. Press “Check 6 rows” at the top")
        curator.press("check-rows")
        expect(page.locator("#check-rows")).to_be_hidden()
        expect(card).not_to_contain_text("No row is checked yet")
        with Store(app.data) as store:
            assert [check.called for check in recipe_of(store.runs.get(run.id)).checks] == ["odd rivers"]

        curator.tab("Insights")
        page.get_by_role("button", name="odd rivers").click()
        expect(page.get_by_role("heading", name="Review", level=1)).to_be_visible()
        expect(page.locator(".pager span")).to_have_text("1–3 of 3")
        chip = page.locator(".detail .failed-check").first
        expect(chip.locator("p")).to_be_hidden()
        chip.locator("summary").focus()
        curator.key("Enter")
        expect(chip.locator("p")).to_contain_text("Does not match")

        curator.tab("Generate")
        expect(page.locator(".row-card .failed-check").first).to_contain_text("fails odd rivers")
        assert not curator.complaints and not curator.foreign
