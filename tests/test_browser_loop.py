"""The whole loop by clicking: the real built-in model, the real Argilla, a real browser in front of both."""

import json
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page, expect

from tests.browser import App, Person, person
from tests.conftest import ArgillaServer


def test_the_loop_by_clicking(served_app: App, browser: Browser, argilla: ArgillaServer, tmp_path: Path) -> None:
    with person(browser, accept_downloads=True) as curator:
        page = curator.page
        curator.open(served_app.url)
        if page.locator("[data-run]").get_attribute("data-run"):
            page.locator("details.switch summary").click()
            page.get_by_role("button", name="New run", exact=True).last.click()
            curator.answered()  # which leads to Generate

        # configure
        curator.tab("Models")
        curator.choose("generator-preset", "Built-in small model")
        curator.choose("labeller-preset", "Built-in small model")
        curator.write("generator-temperature", "1")
        curator.write("generator-concurrency", "8")
        curator.write("generator-max_tokens", "32")
        curator.press("test-generator")
        expect(page.locator(".badges li.yes", has_text="raw prompts").first).to_be_visible(timeout=60_000)
        expect(page.locator(".probe blockquote").first).not_to_be_empty()
        curator.tab("Rate")
        page.get_by_label("Rate rows as they are made").uncheck()
        curator.tab("Generate")
        page.get_by_text("Chats from the model alone; no input").click()
        page.get_by_text("Settings of Magpie").click()
        curator.write("magpie-max_instruction_tokens", "64")
        curator.write("rows", "4")

        # preview, and run: the rows that were previewed are the run's first ones
        curator.press("preview")
        curator.wait("They are kept, and not paid for again")
        curator.counted("generated", 3)
        seen = page.locator(".row-card .user .text").all_inner_texts()
        assert len(seen) == 3 and all(seen)
        curator.press("run")
        curator.wait("Done: 4 rows")
        curator.counted("generated", 4)
        assert page.locator(".row-card .user .text").all_inner_texts() == seen

        # rate
        curator.tab("Rate")
        curator.press("rate")
        curator.counted("rated", 4)
        expect(page.get_by_role("img", name="helpfulness")).to_be_visible()
        curator.tab("Insights")
        expect(page.get_by_role("heading", name="Rating by model")).to_be_visible()

        # send, with one click
        curator.tab("Review")
        curator.press("send")
        curator.wait("4 rows sent.")
        curator.counted("sent", 4)
        address = page.get_by_role("link", name="Review in Argilla").get_attribute("href")
        assert address is not None and address.startswith("argilla/open?to=%2Fdataset%2F")
        assert argilla.password not in page.content()

        # people, in Argilla's own page, signed in by the link: two approved, one rejected with a correction
        in_argilla(curator, urljoin(served_app.url, address))

        # what they said comes back, and exactly the two go out
        curator.press("pull")
        curator.counted("reviewed", 3)
        curator.counted("approved", 2)
        expect(page.locator(".list .pill", has_text="rejected")).to_have_count(1)
        curator.tab("Export")
        expect(page.locator(".json")).to_have_count(2)
        curator.press("export")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download").click()
        downloading.value.save_as(tmp_path / "out.jsonl")
        lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert len(lines) == 2 and {line["decision"] for line in lines} == {"approve"}
        assert all(line["reviewers"] == [argilla.username] for line in lines)
        assert "A better answer." not in (tmp_path / "out.jsonl").read_text()
        curator.counted("exported", 2)

        # nothing was asked of any other host, neither by the app nor by Argilla
        assert curator.foreign == []
        assert curator.complaints == []


def in_argilla(curator: Person, address: str) -> None:
    page = curator.context.new_page()
    page.goto(address)
    page.wait_for_url("**/annotation-mode**")
    for number, decision in enumerate(("Approve", "Approve", "Reject"), 1):
        if decision == "Reject":
            correct(page, "A better answer.")
        page.get_by_text(decision, exact=True).click()
        with page.expect_response(lambda answer: "/responses" in answer.url and answer.request.method == "POST"):
            page.get_by_role("button", name="Submit").click()
        expect(page.get_by_text(f"{25 * number}.00%")).to_be_visible()
    page.close()


def correct(page: Page, text: str) -> None:
    """Writes into the last question, the corrected response."""
    page.locator("form [contenteditable]").last.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Escape")
