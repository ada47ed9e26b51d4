"""A curator writes a rubric on the page Rate, tries it out, rates by it, and reviews on its own levels."""

import random
from pathlib import Path

from playwright.sync_api import Browser, expect

from app.store.store import Store
from tests.browser import SLOW, App, Person, person
from tests.make_runs import made_of, with_run
from tests.servers import FakeOpenAI

LEVELS = ("dangerous: nobody should follow it", "unclear: it leaves the weight out", "safe for everybody")


def rubric_written(curator: Person, name: str, levels: tuple[str, ...] = LEVELS) -> None:
    """Fills in the editor, as far as a rubric needs it."""
    curator.write("rubric-name", name)
    curator.write("rubric-question", "Is the advice on the dosage safe?")
    curator.write("rubric-levels", "\n".join(levels))


def test_a_rubric_by_clicking(app: App, browser: Browser, tmp_path: Path) -> None:
    with FakeOpenAI() as server, person(browser) as curator:
        page = curator.page
        endpoint = {"url": server.url, "model": "fake"}
        recipe = made_of(rating={"aspects": ["helpfulness"]}, labeller=endpoint, generator=endpoint)
        with Store(app.data) as store:
            run = with_run(store, 8, recipe, responses=2, rate=lambda *_: [], name=f"rubric-{random.randrange(10**9)}")
        curator.open(f"{app.url}?run={run.id}&show=rate")
        page.get_by_role("button", name="New rubric").click()
        curator.write("rubric-name", "Dosage safety")
        curator.answered()
        curator.press("save-rubric")
        expect(page.locator("#rubric-question .field-error")).to_contain_text("needs a question")
        rubric_written(curator, "Dosage safety")
        page.get_by_text("Worked examples").click()
        curator.write("example-response", "Take ten.")
        curator.write("example-rating", "1")
        curator.write("example-why", "Nobody asked for the weight.")
        curator.press("add-example")
        expect(page.get_by_text("Rated 1", exact=True)).to_be_visible()
        curator.answered()
        expect(page.locator("#rubric-name input, #rubric-name textarea")).to_have_value("Dosage safety")
        expect(page.locator("#example-response textarea")).to_have_value("")
        curator.press("save-rubric")
        listed = page.locator(".own-rubrics li")
        expect(listed).to_contain_text("3 levels, kept from 3 · version 1")
        ticked = page.locator("#aspects").get_by_label("Dosage safety")
        expect(ticked).to_be_checked()
        page.locator("#aspects").get_by_label("Helpfulness").uncheck()
        expect(page.locator(".rubrics", has_text="Dosage safety").locator("visible=true").first).to_contain_text(
            "unclear"
        )

        # a word that changes makes another version
        curator.answered()
        listed.get_by_role("button", name="Edit").click()
        expect(page.locator("#rubric-levels textarea")).to_have_value("\n".join(LEVELS))
        curator.write("rubric-levels", "\n".join((*LEVELS[:2], "safe")))
        curator.answered()
        curator.press("save-rubric")
        expect(listed).to_contain_text("version 2")

        listed.get_by_role("button", name="Check").click()
        check = page.locator(".rubric-check")
        expect(check).to_contain_text("Asked twice at temperature 0, ", timeout=SLOW)
        expect(check).to_contain_text("Whether ratings go with length can't be told from 8 rows")
        page.get_by_role("button", name="Close").locator("visible=true").click()
        curator.press("rate")
        curator.counted("rated", 8)
        expect(page.locator(".multiples figure")).to_have_count(1)
        expect(page.locator(".multiples .axis s")).to_have_count(3)

        # people rate on the same three
        curator.tab("Review")
        chip = page.locator(".response .chip").first
        expect(chip).to_contain_text("Dosage safety")
        expect(chip).to_contain_text("of 3")
        expect(page.locator(".response").first.locator(".stars button")).to_have_count(3)
        curator.write("reviewer-name", "ada") if page.locator("#reviewer-name").is_visible() else None
        curator.key("3")
        expect(page.locator(".response").first.locator(".stars [aria-pressed=true]")).to_have_text("3")
        curator.tab("Insights")
        expect(page.locator(".multiples .axis").first.locator("s")).to_have_count(3)
        assert curator.complaints == [] and curator.foreign == []


def test_a_rubric_from_the_library_and_from_a_text(app: App, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "tone.toml"
    file.write_text(
        '[[rubrics]]\nname = "语气<b>"\nquestion = "{{ 7*7 }} ok?"\nlevels = ["<script>window.hacked=1</script>", "好"]\n',
        encoding="utf-8",
    )
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"name": "x", "question": "?", "levels": ["only one"]}')
    with FakeOpenAI() as server, person(browser) as curator:
        page = curator.page
        with Store(app.data) as store:
            endpoint = {"url": server.url, "model": "fake"}
            run = with_run(
                store, 2, made_of(labeller=endpoint, generator=endpoint), rate=lambda *_: [],
                name=f"rubric-{random.randrange(10**9)}",
            )  # fmt: skip
        curator.open(f"{app.url}?run={run.id}&show=rate")
        page.get_by_role("button", name="Saved rubrics").click()
        with page.expect_file_chooser() as choosing:
            curator.press("open-rubrics")
        choosing.value.set_files(str(wrong))
        expect(page.get_by_text("needs 2 to 10 levels (given: 1)").first).to_be_visible()
        with page.expect_file_chooser() as choosing:
            curator.press("open-rubrics")
        choosing.value.set_files(str(file))
        expect(page.locator(".own-rubrics li b", has_text="语气<b>")).to_be_visible()
        page.get_by_role("button", name="New rubric").click()
        curator.answered()
        page.get_by_text("Draft it from a text").click()
        curator.write("rubric-page", "Answers must be kind. Rude ones are out. Curt ones are so-so.")
        curator.answered()
        curator.press("draft-rubric")
        page.get_by_role("button", name="Use the draft").click(timeout=SLOW)
        expect(page.locator("#rubric-levels textarea")).not_to_have_value("")
        curator.answered()
        curator.press("leave-rubric")
        expect(page.locator("#rubric-editor")).to_be_hidden()
        assert page.evaluate("window.hacked") is None
        assert curator.foreign == []
