"""Rows at the page: found by search and filters, decided and corrected by keyboard, dropped and edited before people have them."""

import random
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from app.review import reviewed_rows
from app.store.runs import Run
from app.store.store import Store
from feedback.types import Verdict
from tests.browser import SLOW, App, Person, person
from tests.make_runs import all_said, with_run

ROWS = 25


@pytest.fixture
def run(app: App) -> Run:
    with Store(app.data) as store:
        return with_run(store, ROWS, responses=2, name=f"rows-{random.randrange(10**9)}")


def opened(app: App, run: Run, curator: Person, page: str) -> None:
    curator.open(f"{app.url}?run={run.id}&show={page}")


def test_rows_are_found_and_decided_by_keyboard(app: App, run: Run, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        opened(app, run, curator, "review")
        span, detail = page.locator(".pager span"), page.locator(".detail")
        expect(span).to_have_text("1–10 of 25")
        expect(detail.get_by_text("Your rating, helpfulness").first).to_be_visible()
        curator.key("4")
        expect(detail.get_by_label("4 of 5").first).to_have_attribute("aria-pressed", "true")
        curator.key("l")
        curator.key("2")
        expect(detail.get_by_label("2 of 5").nth(1)).to_have_attribute("aria-pressed", "true")

        # a strip is one stop of Tab; the arrow keys move in it and rate nothing, Enter does
        strip = detail.locator(".stars").first
        expect(strip.locator("[tabindex='0']")).to_have_accessible_name("4 of 5")
        strip.get_by_label("4 of 5").focus()
        for key, name in (("ArrowLeft", "3 of 5"), ("End", "5 of 5"), ("ArrowRight", "5 of 5"), ("Home", "1 of 5")):
            page.keyboard.press(key)
            expect(strip.get_by_label(name)).to_be_focused()
        expect(strip.get_by_label("4 of 5")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Tab")
        expect(strip.locator(":focus")).to_have_count(0)
        page.keyboard.press("Shift+Tab")
        expect(strip.get_by_label("1 of 5")).to_be_focused()
        curator.key("Enter")
        expect(strip.get_by_label("1 of 5")).to_have_attribute("aria-pressed", "true")
        expect(strip.get_by_label("1 of 5")).to_be_focused()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        curator.key("Enter")
        expect(strip.get_by_label("4 of 5")).to_have_attribute("aria-pressed", "true")

        # the next row comes by itself, with its beginning in sight
        page.set_viewport_size({"width": 1024, "height": 420})
        page.mouse.wheel(0, 300)
        curator.key("a")
        expect(detail).to_have_attribute("aria-label", "Row 2")
        expect(page.locator(".list li").first.locator(".pill")).to_contain_text("approved")
        expect(detail.get_by_role("heading", name="Row 2")).to_be_in_viewport(ratio=1)
        expect(detail.locator(".bubble")).to_be_in_viewport(ratio=1)
        topmost = "h2 => { const at = h2.getBoundingClientRect(); return document.elementFromPoint(at.x + 4, at.y + 4) === h2; }"
        assert detail.get_by_role("heading", name="Row 2").evaluate(
            topmost
        )  # nothing that sticks to the top is over it
        detail.get_by_label("Row before").click()
        expect(detail).to_have_attribute("aria-label", "Row 1")
        expect(detail.get_by_label("Row before")).to_be_disabled()
        curator.key("j")
        expect(detail).to_have_attribute("aria-label", "Row 2")
        page.set_viewport_size({"width": 1440, "height": 900})
        # whoever goes by Tab and Enter finds the same button on the next row
        detail.get_by_role("button", name="Unsure").focus()
        curator.key("Enter")
        expect(detail).to_have_attribute("aria-label", "Row 3")
        expect(detail.get_by_role("button", name="Unsure")).to_be_focused()
        detail.get_by_role("button", name="Row before").click()
        expect(detail).to_have_attribute("aria-label", "Row 2")
        detail.get_by_role("button", name="Take it back").click()
        expect(detail.locator(".row-top .pill")).to_contain_text("discarded")

        # not where that is switched off, which this browser remembers
        detail.get_by_label("Next row by itself").uncheck()
        curator.key("r")
        expect(detail.locator(".row-top .pill")).to_contain_text("rejected")
        page.reload()
        curator.there()
        curator.counted("reviewed", 2)
        expect(detail).to_have_attribute("aria-label", "Row 1")
        expect(detail.get_by_label("Next row by itself")).not_to_be_checked()
        # past the header with the first Tab, to the row
        curator.key("Tab")
        expect(page.get_by_role("link", name="To the row")).to_be_focused()
        curator.key("Enter")
        expect(detail).to_be_focused()

        # keys do nothing where they are switched off, as for those who speak to their computer
        page.locator(".keys summary").click()
        page.get_by_label("Single keys do this").uncheck()
        curator.key("j")
        curator.answered()
        expect(detail).to_have_attribute("aria-label", "Row 1")
        page.get_by_label("Single keys do this").check()
        page.locator("body").press("j")
        expect(detail).to_have_attribute("aria-label", "Row 2")

        curator.key("j")
        expect(detail).to_have_attribute("aria-label", "Row 3")
        curator.key("e")
        field = page.locator("#correct-response textarea")
        expect(field).to_be_focused()
        field.fill("A better answer.")
        curator.press("keep-correction")
        expect(detail.locator(".row-top .pill")).to_contain_text("corrected")
        expect(detail).to_contain_text("A better answer.")

        curator.key("/")
        page.keyboard.type("number 17")
        curator.key("Enter")
        expect(span).to_have_text("1–1 of 1")
        expect(detail).to_have_attribute("aria-label", "Row 18")
        curator.write("search", "nothing says this")
        curator.wait("No row fits")
        curator.write("search", "")
        page.get_by_role("combobox", name="Status").click()
        page.get_by_role("option", name="Approved").click()
        expect(span).to_have_text("1–2 of 2")
        page.get_by_role("combobox", name="Rating").click()
        page.get_by_role("option", name="Lowest 3.5 and more").click()
        curator.wait("No row fits")
        assert curator.complaints == [] and curator.foreign == []
    with Store(app.data) as store:
        said = {j.row.unit: j for j in reviewed_rows.judged_rows(store, run)}
        assert [said[n].decision for n in range(4)] == ["approve", "reject", "approve", None]
        assert (said[0].rated_by_people(0), said[0].rated_by_people(1)) == (4, 2)
        assert (said[2].corrected_response() or ("",))[0] == "A better answer."


def test_what_people_said_is_found_read_settled_and_undone(app: App, run: Run, browser: Browser) -> None:
    with Store(app.data) as store:
        ids = [row.id for row in store.rows.page(run.id, 0, ROWS)]
        said = [("ann", "approve"), ("ben", "reject")]
        all_said(
            store, run.id,
            [
                Verdict(ids[3], name, "submitted", {"decision": decision, "reasons": ["harmful"]}, {}, "c", f"{name}{run.id}",
                        name, "2026", "2026-01-02")
                for name, decision in said
            ],
        )  # fmt: skip
    with person(browser) as curator:
        page = curator.page
        opened(app, run, curator, "review")
        span, detail, bar = page.locator(".pager span"), page.locator(".detail"), page.locator("#selected")
        search = page.locator("#search textarea, #search input")
        expect(span).to_have_text(f"1–10 of {ROWS}")
        curator.answered()
        search.press_sequentially("river 1", delay=20)  # no Enter, and the field is not left
        expect(span).to_have_text("1–10 of 11")
        expect(search).to_be_focused()
        expect(detail.locator("mark")).to_have_text(["River 1", "River 1"])
        expect(page.locator(".list mark").first).to_have_text("River 1")
        curator.answered()
        curator.press("clear-filters")
        expect(span).to_have_text(f"1–10 of {ROWS}")
        expect(search).to_have_value("")

        # from Insights to the rows of a reason, where one that people disagree on is settled
        curator.tab("Insights")
        page.get_by_role("button", name="harmful 1 row").first.click()
        expect(span).to_have_text("1–1 of 1")
        expect(detail.locator(".opinion-list > li")).to_have_count(2)
        curator.answered()
        page.get_by_role("button", name="Settle as rejected").click()
        name = page.locator("#reviewer-name input, #reviewer-name textarea").first
        curator.answered()
        if name.is_visible():
            name.fill("Ada")
            curator.press("that-is-me")
        expect(detail.locator(".row-top .pill")).to_contain_text("rejected · settled by")
        curator.answered()
        page.get_by_role("button", name="Undo the settlement").click()
        expect(detail.locator(".row-top .pill")).to_contain_text("undecided")
        curator.answered()
        curator.press("clear-filters")
        expect(span).to_have_text(f"1–10 of {ROWS}")

        # several rows, by keyboard and with shift; the button that was pressed keeps the focus
        curator.answered()
        page.locator(".list [data-act=open]").first.click()
        expect(detail).to_have_attribute("aria-label", "Row 1")
        curator.key("x")
        expect(bar).to_contain_text("1 row selected")
        curator.answered()
        page.locator(".pick").nth(2).click(modifiers=["Shift"])
        expect(bar).to_contain_text("3 rows selected")
        curator.answered()
        page.locator(".pick").nth(5).focus()
        page.keyboard.press("Space")
        expect(bar).to_contain_text("4 rows selected")
        expect(page.locator(".pick").nth(5)).to_be_focused()
        bar.get_by_role("button", name="Reject").click()
        expect(bar).to_contain_text("4 rows rejected.")
        curator.counted("reviewed", 5)
        curator.answered()
        bar.get_by_role("button", name="Undo").click()
        expect(bar).to_contain_text("4 rows are as before.")
        curator.counted("reviewed", 1)
        assert curator.complaints == [] and curator.foreign == []


def test_rows_are_dropped_and_edited_before_people_have_them(app: App, run: Run, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        opened(app, run, curator, "generate")
        card = page.locator(".row-card")
        expect(card).to_have_count(3)
        card.nth(1).get_by_role("button", name="Drop").click()
        curator.counted("generated", ROWS - 1)
        card.nth(1).get_by_role("button", name="Keep").click()
        curator.counted("generated", ROWS)
        card.nth(0).get_by_role("button", name="Edit").click()
        field = page.locator("#edit-response textarea")
        expect(field).to_have_value("River 0, said by 0.")
        field.fill("")
        curator.press("save-edit")
        curator.wait("drop it")
        field.fill("The Rhine.")
        # what was written stays while another answer is edited
        page.locator("#edit-which").get_by_role("radio").nth(1).check()
        expect(field).to_have_value("River 0, said by 1.")
        field.fill("The Danube.")
        page.locator("#edit-which").get_by_role("radio").nth(0).check()
        expect(field).to_have_value("The Rhine.")
        curator.answered()
        curator.press("save-edit")
        expect(card.nth(0)).to_contain_text("The Rhine.")
        expect(card.nth(0)).to_contain_text("The Danube.")
        curator.counted("rated", ROWS - 1)
        card.nth(2).get_by_text("Raw").click()
        expect(card.nth(2).locator("pre")).to_contain_text("finish_reason")
        assert curator.complaints == []


def test_a_correction_is_of_the_response_that_the_person_rated_best(app: App, run: Run, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        opened(app, run, curator, "review")
        name = page.locator("#reviewer-name input, #reviewer-name textarea").first
        expect(page.locator(".detail")).to_be_visible()
        curator.key("5")  # of A: the labeller thinks more of B
        curator.answered()
        if page.get_by_role("button", name="That is me").is_visible():
            name.fill("ann")
            page.get_by_role("button", name="That is me").click()
            curator.answered()
        expect(page.locator(".detail").get_by_label("5 of 5").first).to_have_attribute("aria-pressed", "true")
        curator.key("l")
        curator.key("e")
        field = page.locator("#correct-response textarea")
        expect(page.locator("#correct-which").get_by_role("radio", checked=True)).to_have_count(1)
        expect(page.get_by_label("Response A,", exact=False).first).to_be_visible()
        with Store(app.data) as store:
            (row,) = store.rows.page(run.id, 0, 1)
        expect(field).to_have_value(row.responses[0].text)
        expect(field).to_have_attribute("dir", "auto")
        # it stands beside the response, which is in sight with its row's prompt
        for part in (
            field,
            page.locator(".detail .bubble").first,
            page.get_by_role("region", name="Response A, model-0"),
        ):
            expect(part).to_be_in_viewport()
        room, box = page.locator("#correct-here").bounding_box(), page.locator(".correcting:visible").bounding_box()
        assert room and box and (room["x"], room["y"]) == (box["x"], box["y"])
        of = page.get_by_role("region", name="Response A, model-0").bounding_box()
        assert of and of["x"] + of["width"] <= box["x"] and abs(of["y"] - box["y"]) < 40
        # another one can be chosen; what was typed stays
        page.locator("#correct-which").get_by_role("radio").nth(1).check()
        curator.answered()
        expect(field).to_have_value(row.responses[1].text)
        field.fill("Written anew.")
        page.locator("#correct-which").get_by_role("radio").first.check()
        curator.answered()
        expect(field).to_have_value("Written anew.")
        curator.press("keep-correction")
        expect(page.locator(".detail .pill").first).to_contain_text("corrected")
        with Store(app.data) as store:
            (one,) = reviewed_rows.judged_of(store, run, [row.id]).values()
        assert one.corrected_response() == ("Written anew.", 0)

        # what is being written is not lost when the row is left for another one
        curator.write_at_once("correct-instruction", "Asked anew.")
        curator.key("e")
        curator.answered()
        expect(page.locator("#correct-instruction textarea")).to_have_value("Asked anew.")
        page.locator(".list [data-act=open]").nth(2).click()
        expect(page.locator(".detail")).to_have_attribute("aria-label", "Row 3")
        expect(field).to_be_hidden()
        curator.key("k")
        curator.key("k")
        expect(page.locator(".detail")).to_have_attribute("aria-label", "Row 1")
        curator.key("e")
        expect(page.locator("#correct-instruction textarea")).to_have_value("Asked anew.")

        # nor when the row is decided in another tab: that is said, and nothing is replaced unasked
        other = replace(curator, page=curator.context.new_page())
        opened(app, run, other, "review")
        other.key("r")
        expect(other.page.locator(".detail")).to_have_attribute("aria-label", "Row 2")
        expect(page.locator("#meanwhile")).to_contain_text("rejected it", timeout=SLOW)
        expect(page.locator("#meanwhile")).to_contain_text("Approving with yours replaces that")
        expect(page.locator("#correct-instruction textarea")).to_have_value("Asked anew.")
        with Store(app.data) as store:
            assert reviewed_rows.judged_of(store, run, [row.id])[row.id].decision == "reject"
        curator.press("keep-anyway")
        expect(page.locator(".detail .pill").first).to_contain_text("corrected")
        with Store(app.data) as store:
            assert reviewed_rows.judged_of(store, run, [row.id])[row.id].corrected_instruction() == "Asked anew."
        assert curator.complaints == []
