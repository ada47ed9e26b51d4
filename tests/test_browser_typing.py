"""What somebody is typing stays, whatever an answer says that was made before."""

from playwright.sync_api import Browser, Locator, Route, expect

from tests.browser import App, Person, person
from tests.test_browser_pages import calm

TOLD = 20_000
"""Milliseconds in which a page has asked how things stand."""


def field(curator: Person, id: str) -> Locator:
    return curator.page.locator(f"#{id} input, #{id} textarea").first


def test_what_is_being_typed_outlives_what_another_tab_says(app: App, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        curator.answered()
        own = field(curator, "name")
        own.fill("half a na")
        other = curator.context.new_page()
        other.goto(f"{app.url}/?run=new")
        theirs = other.locator("#name input, #name textarea").first
        expect(theirs).to_have_value("example")
        with page.expect_response(lambda answer: "another" in answer.text(), timeout=TOLD):
            theirs.fill("another")
            theirs.press("Tab")
        page.wait_for_timeout(500)
        expect(own).to_have_value("half a na")
        own.press("Tab")
        expect(theirs).to_have_value("half a na", timeout=TOLD)
        expect(own).to_have_value("half a na")
        assert calm(curator)


def test_what_is_being_typed_outlives_the_late_answer_to_what_stood_there(app: App, browser: Browser) -> None:
    """A number that is too large is refused and put back while the next one is typed already."""
    held: list[Route] = []
    with person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        curator.answered()
        rows = field(curator, "rows")
        page.route(
            "**/gradio_api/**",
            lambda route: held.append(route) if "1e+30" in (route.request.post_data or "") else route.continue_(),
        )
        rows.fill("1" + "0" * 30)
        rows.press("Tab")
        page.wait_for_timeout(200)
        rows.fill("7")
        (late,) = held
        with page.expect_response(lambda answer: "It stays as it was" in answer.text(), timeout=TOLD):
            late.continue_()
        page.wait_for_timeout(500)
        expect(rows).to_have_value("7")
        rows.press("Tab")
        curator.answered()
        page.unroute_all()
        page.reload()
        expect(rows).to_have_value("7")
        assert calm(curator)
