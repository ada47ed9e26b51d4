"""Script in every text that people, models, files and servers can bring: shown as it is, and nothing of it happens."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from app.recipe import recipe_of
from app.store.store import Store
from feedback.types import Rating
from tests.browser import App, person
from tests.make_reviews import sent
from tests.make_runs import edit, made_of, with_run
from tests.test_browser_axe import PAGES

HOSTILE = '</textarea></title><script>window.hit=1</script><img src=x onerror="window.hit=1"><svg onload=window.hit=1>{{7*7}}\x1b'
"""What would be seen to run: in HTML, in a template."""
SHORT = '<img src=x onerror="window.hit=1">{}'
"""The same where a name may not be long."""
OPENED = "document.querySelectorAll('details:not(.switch, .minutes, .keys)').forEach((one) => { one.open = true; })"
RUBRIC = {"name": SHORT.format("rubric"), "question": HOSTILE, "levels": [HOSTILE, f"{HOSTILE} yes"]}


def hostile(number: int, responses: int) -> list[Rating]:
    return [Rating(k, "helpfulness", 0, "rated", 2.0 + 3 * (number % 2), HOSTILE) for k in range(responses)]


def filled(store: Store) -> str:
    """A run in which all that can be foreign is hostile."""
    made = replace(
        made_of(
            rating={"aspects": ["helpfulness"]}, rubrics=[RUBRIC],
            review={"guidelines": HOSTILE, "reasons": [HOSTILE, "other"]},
        ),
        name=HOSTILE[:90],
    )  # fmt: skip
    run = with_run(store, 4, made, responses=2, rate=hostile, name="foreign")
    for row in store.rows.page(run.id, 0, 4):
        edit(store, row.id, HOSTILE)
    sent(store, run)
    for number, row in enumerate(store.rows.page(run.id, 0, 4)):
        said = {"decision": ("approve", "reject")[number % 2], "response_corrected": HOSTILE, "reasons": [HOSTILE]}
        for who in (f"{SHORT.format('ada')} (in the app)", "ben (in the app)"):
            store.local_verdicts.say(row.id, who, said, {"response_corrected": HOSTILE})
    store.recipes.keep(SHORT.format("recipe"), {"name": HOSTILE})
    store.model_sets.keep(SHORT.format("models"), {"generator": {"url": "http://127.0.0.1:1/v1", "model": HOSTILE}})
    assert recipe_of(store.runs.get(run.id)).rubrics
    return run.id


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_script_in_foreign_text_is_inert(app: App, browser: Browser, locale: str) -> None:
    with Store(app.data) as store:
        run = "foreign" if any(run.id == "foreign" for run in store.runs.all()) else filled(store)
    with person(browser, locale=locale) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run}")
        for name in PAGES:
            curator.tab(name)
            page.evaluate(
                "document.querySelectorAll('details:not(.switch, .minutes, .keys)').forEach((one) => { one.open = true; })"
            )
            curator.answered()
            expect(page.locator("img[src=x], svg[onload]")).to_have_count(0)
        curator.tab("Review")
        expect(page.locator("#browse").get_by_text("window.hit=1").first).to_be_visible()
        page.locator(".tools [data-act]:visible").first.click()  # what the recipe says
        curator.answered()
        page.locator(".switch summary").click()
        expect(page.locator(".switch").get_by_text("<script>").first).to_be_visible()
        expect(page.locator("img[src=x], svg[onload]")).to_have_count(0)
        assert page.evaluate("window.hit") is None
        assert "Claywright" in page.title()
        assert curator.foreign == [] and curator.complaints == []
