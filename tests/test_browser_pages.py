"""What each page offers beside the loop, by clicking: recipes and commands, model presets and prices, numbers, exports."""

import json
import random
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app import docs
from app.store.runs import Run
from app.store.store import Store
from tests.browser import App, Person, person
from tests.make_runs import with_run
from tests.servers import FakeOpenAI
from tests.test_browser_axe import violations

ROWS = 12


@pytest.fixture
def run(app: App) -> Run:
    with Store(app.data) as store:
        return with_run(store, ROWS, responses=2, name=f"pages-{random.randrange(10**9)}")


def calm(curator: Person) -> bool:
    """Nothing was complained about, and nobody else was asked."""
    return curator.complaints == [] and curator.foreign == []


def test_the_recipe_drawer(app: App, browser: Browser, tmp_path: Path) -> None:
    name = f"tides {random.randrange(10**9)}"
    with person(browser, accept_downloads=True) as curator:
        curator.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = curator.page
        curator.fresh(app.url)
        field = page.locator("#name input, #name textarea").first
        expect(field).to_have_value("example")  # a part that opens is filled a moment later
        curator.write("name", name)
        opener = page.locator(".tools").get_by_role("button", name="Recipe", exact=True).first
        drawer = page.locator("#drawer")
        opener.click()
        title = drawer.get_by_role("heading", name="Recipe", exact=True)
        expect(title).to_be_focused()
        page.keyboard.press("Escape")
        expect(drawer).to_be_hidden()
        expect(opener).to_be_focused()

        # what the forms say, to copy and to download
        page.keyboard.press("Enter")
        well = drawer.locator("pre").first
        expect(well).to_contain_text(f'name = "{name}"')
        drawer.get_by_role("button", name="Copy").first.click()
        expect(drawer.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").strip() == well.inner_text().strip()
        with page.expect_download() as downloading:
            drawer.get_by_role("link", name="Download").first.click()
        file = tmp_path / downloading.value.suggested_filename
        downloading.value.save_as(file)
        assert tomllib.loads(file.read_text())["name"] == name

        # kept under a name, once more, and opened into forms that said something else since
        curator.write("recipe-name", name)
        curator.press("save-recipe")
        curator.wait(f"Saved as “{name}”.")
        saved = drawer.locator("ul.kept li", has_text=name)
        expect(saved).to_have_count(1)
        saved.get_by_role("button", name="Duplicate").click()
        expect(saved).to_have_count(2)
        drawer.get_by_role("button", name="Close").click()
        curator.write("name", "something else")
        opener.click()
        drawer.locator("ul.kept li", has=page.get_by_text(name, exact=True)).get_by_role("button", name="Open").click()
        expect(drawer).to_be_hidden()
        expect(field).to_have_value(name)

        # a file, and one that is none
        opener.click()
        (tmp_path / "bad.toml").write_text("generator = [", encoding="utf-8")
        page.locator("#drawer input[type=file]").set_input_files(tmp_path / "bad.toml")
        curator.wait("bad.toml")
        file.write_text(file.read_text().replace(name, "from a file"), encoding="utf-8")
        page.locator("#drawer input[type=file]").set_input_files(file)
        expect(drawer).to_be_hidden()
        expect(field).to_have_value("from a file")

        # the command that does the same
        page.locator(".tools").get_by_role("button", name="CLI command").first.click()
        expect(drawer.locator("pre").first).to_contain_text("claywright")
        page.locator("h1").first.click(position={"x": 5, "y": 5})
        expect(drawer).to_be_hidden()
        assert calm(curator)


def test_each_page_opens_its_document(app: App, run: Run, browser: Browser) -> None:
    with person(browser) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}")
        shown = page.get_by_role("dialog")
        for name, topic in docs.PAGES.items():
            curator.tab(name.capitalize())
            page.get_by_role("button", name="How this works").locator("visible=true").click()
            expect(shown).to_have_accessible_name(docs.title(topic))
            page.keyboard.press("Escape")
            expect(shown).to_be_hidden()

        # by keyboard alone, from Review: the keys of rows do not reach the page behind it
        curator.tab("Review")
        opener = page.get_by_role("button", name="How this works").locator("visible=true")
        opener.focus()
        curator.key("Enter")
        expect(shown.get_by_role("heading", name="Review", level=2)).to_be_focused()
        curator.key("a")
        page.keyboard.press("Tab")
        expect(shown.get_by_role("button", name="Close")).to_be_focused()
        shown.get_by_role("link", name="agree", exact=True).focus()
        page.keyboard.press("Enter")
        expect(shown.get_by_role("heading", name=docs.title("agreement"), level=2)).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        shown.get_by_role("link", name=docs.title("argilla")).first.focus()
        page.keyboard.press("Enter")
        expect(shown).to_have_accessible_name(docs.title("argilla"))
        page.keyboard.press("Escape")
        expect(shown).to_be_hidden()
        expect(opener).to_be_focused()
        curator.answered()
        assert curator.counts()["approved"] == 0

        # light and dark, on a phone: nothing reaches beyond the edge; and where the app is away, that is said
        page.set_viewport_size({"width": 390, "height": 844})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            opener.click()
            expect(shown.get_by_role("heading", level=2)).to_be_focused()
            assert not violations(page)
            assert page.evaluate("() => document.querySelector('#help').scrollWidth <= innerWidth")
            shown.get_by_role("button", name="Close").click()
            expect(shown).to_be_hidden()
        assert calm(curator)
        page.route("**/help/*", lambda route: route.abort())
        opener.click()
        expect(shown).to_contain_text("claywright docs review")


def test_models_are_kept_in_sets_with_their_prices(app: App, browser: Browser) -> None:
    name = f"pair {random.randrange(10**9)}"
    with person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        curator.tab("Models")
        curator.choose("labeller-preset", "OpenAI")
        curator.write("labeller-model", "gpt-4o")
        card = page.locator(".card", has=page.locator("#labeller-preset"))
        card.get_by_text("More", exact=True).click()
        expect(page.locator("#labeller-timeout input")).to_have_value("120")
        curator.write("labeller-prompt_price", "-1")
        curator.wait("A price of a model must not be below zero")
        curator.write("labeller-prompt_price", "2.5")
        curator.write("labeller-completion_price", "10")
        curator.write("set-name", name)
        curator.press("save-set")
        curator.wait(f"Saved as “{name}”.")
        expect(page.locator("#labeller-prompt_price input")).to_have_value("2.5")
        curator.choose("labeller-preset", "Built-in small model")
        expect(page.locator("#labeller-prompt_price input")).to_have_value("")
        saved = page.locator("#model-sets li", has_text=name)
        saved.get_by_role("button", name="Use").click()
        expect(page.locator("#labeller-model input")).to_have_value("gpt-4o")
        expect(page.locator("#labeller-prompt_price input")).to_have_value("2.5")
        curator.answered()
        saved.get_by_role("button", name="Delete").click()
        curator.pause()
        saved.get_by_role("button", name="Delete for good?").click()
        expect(saved).to_have_count(0)
        assert calm(curator)


def test_a_model_at_several_addresses(app: App, browser: Browser) -> None:
    """The others stand under More, one a line; a wrong one is named, and the recipe holds all of them."""
    with (
        FakeOpenAI() as first,
        FakeOpenAI() as second,
        FakeOpenAI(model="another") as lacks,
        person(browser) as curator,
    ):
        page = curator.page
        curator.fresh(app.url)
        curator.tab("Models")
        curator.choose("generator-preset", "Another address")
        curator.write("generator-url", first.url)
        curator.write("generator-model", "fake")
        card = page.locator(".card", has=page.locator("#generator-preset"))
        card.get_by_text("More", exact=True).click()
        more = page.get_by_label("More addresses").locator("visible=true").first
        expect(more).to_be_visible()
        curator.write("generator-urls", first.url)
        expect(more).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#{more.get_attribute('aria-describedby')}")).to_contain_text("twice")
        curator.write("generator-urls", f"{second.url}\n{lacks.url}")
        expect(more).not_to_have_attribute("aria-invalid", "true")
        curator.press("test-generator")
        curator.wait(f"{lacks.url} does not serve fake, it serves another.")
        curator.write("generator-urls", second.url)
        curator.press("test-generator")
        expect(card.locator(".badges").first).to_be_visible()
        assert first.calls
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1440, "height": 900})
        page.locator(".tools").get_by_role("button", name="Recipe", exact=True).first.click()
        recipe = tomllib.loads(page.locator("#drawer pre").first.inner_text())
        assert recipe["generator"]["urls"] == [first.url, second.url]
        assert calm(curator)


def test_numbers_and_exports(app: App, run: Run, browser: Browser, tmp_path: Path) -> None:
    with person(browser, accept_downloads=True) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}&show=insights")
        expect(page.get_by_role("heading", name="Rating by model")).to_be_visible()
        fold = page.locator(".numbers").first
        fold.locator("summary").click()
        expect(fold.locator("table")).to_be_visible()
        with page.expect_download() as downloading:
            fold.get_by_role("link", name="as CSV").click()
        assert downloading.value.path().read_text().startswith("aspect,1,2,3,4,5,mean")

        # nobody reviewed anything yet: it is said, and rows that nobody saw can be taken
        curator.tab("Export")
        curator.wait("No row is approved yet")
        page.get_by_text("Approved or not reviewed yet").click()
        curator.choose("export-format", "DPO")
        shown = page.locator(".json")
        expect(shown).to_have_count(3)
        expect(shown.first).to_contain_text('"chosen"')
        page.get_by_label("Parquet").check()
        page.locator("#page-export").get_by_text("More", exact=True).click()
        expect(page.locator("#export-test_share input")).to_have_value("0")
        curator.write("export-test_share", "2")
        curator.wait("Test share must be")
        curator.write("export-test_share", "0.5")
        curator.press("export")
        for part in ("train", "test"):
            with page.expect_download() as downloading:
                page.get_by_role("link", name=f"Download {part}").click()
            assert downloading.value.path().read_bytes()[:4] == b"PAR1"
        page.get_by_label("JSON Lines").check()
        curator.write("export-test_share", "0")
        curator.press("export")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download", exact=True).click()
        lines = [json.loads(line) for line in downloading.value.path().read_text().splitlines()]
        assert lines and all({"prompt", "chosen", "rejected"} <= line.keys() for line in lines)
        page.get_by_label("Excel").check()
        curator.write("export-max_rows", "1")
        curator.press("export")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download 2", exact=True).click()
        assert downloading.value.suggested_filename.endswith("-preference-00002.xlsx")
        assert downloading.value.path().read_bytes()[:2] == b"PK"
        assert calm(curator)


def test_the_first_rows_of_a_pasted_table(app: App, browser: Browser) -> None:
    sheet = "question\tanswer\nName a river.\tThe Loire.\nWhat is <b>bold</b>?\t" + "A long answer. " * 30
    with person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        curator.tab("Generate")
        page.locator("#task").get_by_text("Existing rows").first.click()
        page.locator("#source").get_by_label("Paste").click()
        curator.write("pasted", sheet)
        shown = page.get_by_role("region", name="The first rows as they will be read")
        expect(shown.locator("th")).to_have_text(["question", "answer"])
        expect(shown.locator("tbody tr")).to_have_count(2)
        expect(shown.locator("td").nth(2)).to_have_text("What is <b>bold</b>?")
        header = page.get_by_label("First row names the columns")
        header.click()
        expect(shown.locator("th")).to_have_text(["column 1", "column 2"])
        expect(shown.locator("tbody tr")).to_have_count(3)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        curator.write("pasted", "Red, green\nblue, grey")
        expect(shown.locator("th")).to_have_text(["instruction"])
        assert calm(curator)


def test_from_an_error_at_its_field_to_the_end_of_a_run(app: App, browser: Browser) -> None:
    """What is wrong is said at the field and leads there; a run leads on to Review; it gets another name, and is deleted."""
    name = f"lakes {random.randrange(10**9)}"
    with FakeOpenAI() as server, person(browser) as curator:
        page = curator.page
        curator.fresh(app.url)
        curator.tab("Models")
        for role in ("generator", "labeller"):
            curator.choose(f"{role}-preset", "Another address")
        curator.write("generator-url", "")
        curator.tab("Generate")
        expect(page.locator("#answers-n input")).to_have_value("")  # a number that nobody gave is none, not 0
        curator.write("name", name)
        page.locator("#task").get_by_text("Text generation").click()
        page.locator("#source").get_by_label("Paste").click()
        curator.answered()
        curator.press("preview")
        field = page.locator("#pasted textarea")
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text("Nothing was pasted yet")
        curator.write("pasted", "Name a lake.\nName a pond.")
        expect(field).not_to_have_attribute("aria-invalid", "true")
        curator.write("rows", "")
        curator.answered()
        curator.press("preview")
        page.get_by_role("button", name="Open Models → Generator").click()
        address = page.locator("#generator-url textarea, #generator-url input").first
        expect(address).to_be_focused()
        expect(address).to_have_attribute("aria-invalid", "true")
        curator.write("generator-url", server.url)
        expect(address).not_to_have_attribute("aria-invalid", "true")
        curator.press("same-labeller")
        expect(page.locator("#same-labeller")).to_be_hidden()
        expect(page.locator("#labeller-url textarea, #labeller-url input").first).to_have_value(server.url)
        curator.tab("Generate")
        expect(page.locator("#run")).to_have_text("Run 2 rows")
        curator.press("run")
        following = page.locator("#next")
        expect(following).to_have_text("Review 2 rows")
        expect(page).to_have_title(f"Generate · {name} · Claywright")
        for width, size in ((1440, "100%"), (1024, "200%"), (390, "100%"), (390, "200%")):
            page.set_viewport_size({"width": width, "height": 844})
            page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)
            assert following.evaluate(
                "button => button.scrollWidth <= button.clientWidth && button.scrollHeight <= button.clientHeight + 1"
            )
            box = following.bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
        page.evaluate("document.documentElement.style.fontSize = ''")
        page.set_viewport_size({"width": 1440, "height": 900})
        following.click()
        expect(page.get_by_role("heading", name="Review", level=1)).to_be_visible()

        switch = page.locator("details.switch")
        switch.locator("summary").click()
        page.get_by_role("button", name="Rename").click()
        field = page.get_by_label("Name of the run", exact=True).locator("visible=true")
        expect(field).to_be_focused()
        field.fill(f"{name} again")
        page.keyboard.press("Enter")
        expect(switch.locator("summary b")).to_have_text(f"{name} again")
        expect(switch).to_have_attribute("open", "")
        switch.get_by_role("button", name=f"Delete {name} again").click()
        expect(switch.get_by_role("alert")).to_contain_text("With it go 2 rows and 2 ratings.")
        curator.pause()
        switch.get_by_role("button", name="Delete for good").click()
        expect(page.locator("[data-run]")).to_have_attribute("data-run", "")
        assert calm(curator)
