"""The whole loop from Models to Export by keyboard alone, with the focus to be seen at each step."""

import re

from playwright.sync_api import Browser, expect

from tests.browser import App, Person, person
from tests.servers import FakeOpenAI

MOST_TABS = 250
FOCUSED = "css => Boolean(document.activeElement?.closest(css))"
VISIBLE = """() => {
  const style = getComputedStyle(document.activeElement), around = document.activeElement.closest('.wrap, label, .block');
  const shows = (one) => one && (one.outlineStyle !== 'none' || one.boxShadow !== 'none');
  return shows(style) || shows(around && getComputedStyle(around));
}"""


def reach(curator: Person, css: str) -> None:
    """Goes on by Tab until the focus is there, and can be seen."""
    curator.answered()
    for _ in range(MOST_TABS):
        if curator.page.evaluate(FOCUSED, css):
            assert curator.page.evaluate(VISIBLE), f"nobody sees that {css} has the focus"
            return
        curator.page.keyboard.press("Tab")
    raise AssertionError(f"{css} is not reached by Tab")


def turn_to(curator: Person, name: str) -> None:
    """Opens a page by its tab."""
    reach(curator, "[role=tablist]")
    for _ in range(6):
        if curator.page.evaluate("() => document.activeElement.textContent.trim()") == name:
            break
        curator.page.keyboard.press("Tab")
    curator.page.keyboard.press("Enter")
    expect(curator.page.get_by_role("heading", name=name, level=1)).to_be_visible()


def fill(curator: Person, id: str, text: str) -> None:
    reach(curator, f"#{id}")
    curator.page.keyboard.press("Control+a")
    curator.page.keyboard.insert_text(text)
    curator.page.keyboard.press("Tab")


def choose(curator: Person, id: str, option: str) -> None:
    reach(curator, f"#{id}")
    curator.page.keyboard.press("Control+a")
    curator.page.keyboard.type(option)
    curator.page.keyboard.press("Enter")
    expect(curator.page.locator(f"#{id} input")).to_have_value(re.compile(re.escape(option)))


def check(curator: Person, group: str, label: str) -> None:
    """Chooses an option of a group of radio buttons: Tab leads into it, and the arrow keys through it."""
    reach(curator, group)
    option = curator.page.locator(group).get_by_label(label, exact=False).first
    for _ in curator.page.locator(group).get_by_role("radio").all():
        if option.evaluate("radio => radio === document.activeElement"):
            curator.page.keyboard.press("Space")
            expect(option).to_be_checked()
            return
        curator.page.keyboard.press("ArrowDown")
        curator.answered()
    raise AssertionError(f"{label} is not reached by the arrow keys")


def test_the_loop_by_keyboard_alone(app: App, browser: Browser) -> None:
    with FakeOpenAI() as server, person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        turn_to(curator, "Models")
        choose(curator, "generator-preset", "Another address")
        fill(curator, "generator-url", server.url)
        fill(curator, "generator-model", "fake")
        reach(curator, "#same-labeller")
        page.keyboard.press("Enter")
        curator.answered()

        turn_to(curator, "Generate")
        check(curator, "#task", "Answers to a prompt made from your columns")
        check(curator, "#source", "Paste")
        fill(curator, "pasted", "Name a river.\nName a lake.")
        fill(curator, "rows", "")
        reach(curator, "#run")
        page.keyboard.press("Enter")
        curator.wait("Done: 2 rows")
        curator.counted("rated", 2)

        turn_to(curator, "Review")
        expect(page.locator(".detail")).to_be_visible()
        curator.key("a")
        curator.answered()
        if page.locator("#that-is-me").is_visible():
            fill(curator, "reviewer-name", "ann")
            reach(curator, "#that-is-me")
            page.keyboard.press("Enter")
        curator.counted("approved", 1)
        expect(page.locator(".detail")).to_have_attribute("aria-label", "Row 2")
        page.evaluate("() => document.activeElement.blur()")
        curator.key("a")
        curator.counted("approved", 2)

        turn_to(curator, "Export")
        expect(page.locator(".json")).to_have_count(2)
        reach(curator, "#export")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Download").first).to_be_visible()
        reach(curator, "a[download]")
        curator.counted("exported", 2)
        assert curator.complaints == []
