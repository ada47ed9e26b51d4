"""Two people on one app, in two browsers: links, signing in, sharing a run, and what the other may not do."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.recipe import example, recipe_text
from app.store.store import Store
from tests.browser import App, person, running, without_services
from tests.conftest import claywright
from tests.odd_values import NOBODY
from tests.test_browser_axe import OF_PEOPLE, violations

PASSWORD = "a long enough one"


def link(data: Path, app: App, *words: str) -> str:
    """The link that a command prints."""
    command = [*claywright(), "--data", str(data), "users", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    address = said.split()[-1]
    assert address.startswith(f"{app.url}/join?link=")
    return address


def test_two_people_share_a_run(tmp_path: Path, browser: Browser) -> None:
    data = tmp_path / "data"
    app = App(data, {"ARGILLA_API_URL": NOBODY, "ARGILLA_API_KEY": "key"}).start()
    try:
        with person(browser) as ann, person(browser) as ben:
            for somebody, words in ((ann, ("add", "ann", "--role", "admin")), (ben, ("add", "ben"))):
                page = somebody.page
                page.goto(link(data, app, *words))
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_label("Once more").fill(PASSWORD)
                page.get_by_role("button", name="Set it and sign in").click()
                expect(page.locator("[data-run]")).to_be_visible()
            with Store(data) as store:
                store.runs.create("rivers-1", "Rivers", "ben", recipe_text(example()), 1, "")
            ben.page.goto(f"{app.url}/?run=rivers-1")
            expect(ben.page.locator(".run b")).to_have_text("Rivers")
            ann.page.goto(f"{app.url}/?run=rivers-1")
            expect(ann.page.locator(".run b")).to_have_text("New run")

            # shared to read: seen, and nothing of it changed
            ben.page.goto(f"{app.url}/shares/rivers-1")
            ben.page.get_by_label("Share it with").select_option("ann")
            ben.page.get_by_role("button", name="Share").click()
            expect(ben.page.get_by_role("status")).to_have_text("ann may read it now.")
            ann.page.goto(f"{app.url}/?run=rivers-1&show=generate")
            expect(ann.page.locator(".run b")).to_have_text("Rivers")
            ann.press("preview")
            ann.wait("The run Rivers is shared with you to read. Ask ben to let you work with it.")

            # the admin's page, and the way out
            ann.page.locator("details.switch summary").click()
            expect(ann.page.locator(".menu .person b")).to_have_text("ann")
            ann.page.goto(f"{app.url}/people")
            ann.page.locator("form[aria-label=ben]").get_by_role("button", name="Block").click()
            expect(ann.page.get_by_role("status")).to_have_text("ben gets in no more.")
            ben.page.goto(app.url)
            expect(ben.page.get_by_role("heading", name="Sign in to Claywright")).to_be_visible()
            ann.page.goto(app.url)
            ann.page.locator("details.switch summary").click()
            ann.page.get_by_role("button", name="Sign out").click()
            expect(ann.page.get_by_role("heading", name="Sign in to Claywright")).to_be_visible()
            ann.page.get_by_label("Name").fill("ann")
            ann.page.get_by_label("Password").fill("not that one")
            ann.page.get_by_role("button", name="Sign in").click()
            expect(ann.page.get_by_role("alert")).to_have_text("Name and password do not go together.")
            ann.page.get_by_label("Password").fill(PASSWORD)
            ann.page.get_by_role("button", name="Sign in").click()
            expect(ann.page.locator("[data-run]")).to_be_visible()
            assert ann.foreign == ben.foreign == []
    finally:
        app.stop()


@pytest.mark.parametrize(
    ("theme", "width", "locale"),
    [("light", 1440, "en-US"), ("dark", 390, "en-US"), ("dark", 1440, "de-DE"), ("light", 390, "de-DE")],
)
def test_no_page_of_a_team_shuts_anybody_out(
    tmp_path: Path, browser: Browser, theme: str, width: int, locale: str
) -> None:
    (data := tmp_path / "data").mkdir()
    without_services(data)
    wrong: dict[str, list[str]] = {}
    untold: set[str] = set()
    with (
        running(data, ARGILLA_API_URL=NOBODY, ARGILLA_API_KEY="key") as app,
        person(browser, color_scheme=theme, locale=locale) as ann,
    ):
        page = ann.page
        page.set_viewport_size({"width": width, "height": 900})

        def look(name: str) -> None:
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            found = violations(page)
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                found.append(f"it is {wide} px wide")
            wrong.update({name: found} if found else {})
            untold.update(page.evaluate("[...(window.untold ?? [])]"))

        def word(english: str) -> str:
            return ann.words.get(english, english)

        page.goto(link(data, app, "add", "ann", "--role", "admin"))
        look("a link")
        page.get_by_label(word("Password"), exact=True).fill(PASSWORD)
        page.get_by_label(word("Once more"), exact=True).fill(PASSWORD)
        page.get_by_role("button", name=word("Set it and sign in")).click()
        expect(page.locator("[data-run]")).to_be_visible()
        with Store(data) as store:
            store.people.add("ben", "curator")
            store.limits.set("ben", "rows", 1_000)
            store.runs.create("rivers-1", "Rivers", "ann", recipe_text(example()), 1, "")
            store.shares.set("rivers-1", "ben", "read")
        for path in ("people", "account", "password", "shares/rivers-1"):
            page.goto(f"{app.url}/{path}")
            look(path.partition("/")[0])
        page.goto(f"{app.url}/join?link=made-up")
        look("a used link")
        ann.context.clear_cookies()
        page.goto(app.url)
        page.get_by_label(word("Name"), exact=True).fill("ann")
        page.get_by_label(word("Password"), exact=True).fill("not that one")
        page.get_by_role("button", name=word("Sign in")).click()
        look("sign in")
    assert wrong == {}
    assert sorted(text for text in untold if not OF_PEOPLE.search(text)) == []
