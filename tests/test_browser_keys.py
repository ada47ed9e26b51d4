"""A typed key belongs to one browser and to this process's memory: it is found nowhere afterwards."""

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from app.config import Settings
from tests.browser import App, Person, person
from tests.servers import FakeOpenAI

KEY = "sk-typed-in-the-page-4711"


def set_up(curator: Person, app: App, server: FakeOpenAI) -> None:
    curator.fresh(app.url)
    curator.tab("Models")
    curator.choose("generator-preset", "Another address")
    curator.write("generator-url", server.url)
    curator.choose("generator-key-from", "typed")


def test_a_key_stays_with_the_address_it_was_typed_for(served_app: App, browser: Browser) -> None:
    with FakeOpenAI() as server, FakeOpenAI() as elsewhere, person(browser) as curator:
        set_up(curator, served_app, server)
        curator.write("generator-typed", KEY)
        expect(curator.page.locator("#generator-typed input")).to_have_attribute("placeholder", re.compile("typed ✓"))
        curator.write("generator-url", elsewhere.url)
        curator.write("generator-model", "fake")
        curator.press("test-generator")
        curator.wait("needs the key")
        assert elsewhere.calls == []


def test_two_browsers_do_not_share_a_typed_key_and_nothing_keeps_it(
    served_app: App, browser: Browser, services_data: Settings
) -> None:
    with FakeOpenAI() as server, person(browser) as one, person(browser) as other:
        set_up(one, served_app, server)
        one.write("generator-typed", KEY)
        expect(one.page.locator("#generator-typed input")).to_have_value("")
        expect(one.page.locator("#generator-typed input")).to_have_attribute("placeholder", re.compile("typed ✓"))
        one.write("generator-model", "fake")
        one.press("test-generator")
        expect(one.page.locator(".badges").first).to_be_visible()
        assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}

        # the other browser has the same settings and no key: it is told so, and the endpoint never sees one
        before = len(server.calls)
        set_up(other, served_app, server)
        other.write("generator-model", "fake")
        other.press("test-generator")
        other.wait("needs the key")
        assert len(server.calls) == before

        # a run with it, so that the key is used by a job too
        one.tab("Generate")
        one.page.get_by_text("Answers to a prompt made from your columns").click()
        one.page.locator("#source").get_by_label("Paste").click()
        one.write("pasted", "Name a river.\nName a lake.")
        one.wait("pasted: 2 rows")
        one.write("rows", "2")
        one.press("preview")
        one.wait("They are kept, and not paid for again")
        assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}

        # nowhere in either browser
        for curator in (one, other):
            stored = curator.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
            assert KEY not in stored and "claywright_browser" not in stored
            assert KEY not in curator.page.content()
            config = curator.page.evaluate("fetch('config').then((answer) => answer.text())")
            assert "generator-typed" in config and KEY not in config
    # nowhere on the disk, and in nothing that the app said
    found = [path for path in services_data.data.rglob("*") if path.is_file() and in_file(path)]
    assert found == []
    assert KEY not in served_app.stop()


def in_file(path: Path) -> bool:
    try:
        return KEY.encode() in path.read_bytes()
    except FileNotFoundError:  # a temporary one, gone by now
        return False
