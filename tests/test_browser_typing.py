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
        other = curator.context.new_page()
        other.goto(f"{app.url}/?run=new")
        theirs = other.locator("#name input, #name textarea").first
        expect(theirs).to_have_value("example")

        def says(text: str) -> None:
            """The other tab says so, and this one is told."""
            with page.expect_response(lambda answer: f'"{text}"' in answer.text(), timeout=TOLD):
                theirs.fill(text)
                theirs.press("Tab")
            page.wait_for_timeout(500)

        for written, key in (("half a name", "Tab"), ("another half", "Enter")):
            own.fill(written)
            says(f"not {written}")
            page.locator("#rows input").dispatch_event("blur")  # as keys.js closes a list of choices
            expect(own).to_have_value(written)
            own.press(key)
            expect(theirs).to_have_value(written, timeout=TOLD)
            expect(own).to_have_value(written)
        own.press("Tab")

        own.fill("nothing")
        own.fill("another half")  # as it was
        says("the last word")
        expect(own).to_have_value("another half")
        own.press("Tab")
        expect(own).to_have_value("the last word")
        curator.answered()
        expect(theirs).to_have_value("the last word")
        assert calm(curator)


def test_a_field_is_emptied_by_a_button_that_leaves_the_focus_in_it(app: App, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        curator.tab("Models")
        page.get_by_text("Model presets").click()
        name = field(curator, "set-name")
        name.fill("evening")
        page.locator("#save-set").dispatch_event("click")
        curator.wait("evening")
        expect(name).to_have_value("")


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
