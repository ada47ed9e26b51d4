"""Three reviewers in three browsers on the real Argilla: what sixty reviewed rows prove, seen on the page and in Argilla.

uv run pytest -s tests/bench/review_walk.py     pictures are written to the folder `pictures` of the temporary directory
"""

import json
import random
import re
import tempfile
from getpass import getuser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect

from app.review.insights import insights_of
from app.store.store import Store
from feedback.types import Rating
from tests.browser import App, person
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, made_of, with_run
from tests.test_browser_as_said import opened

ROWS = 60
BY_KEYBOARD = 12
"""Rows that each of two reviewers answers in Argilla's own page."""
AT_LEAST = 1500
"""Milliseconds that a reviewer looks at a row: what comes faster is taken for a script's."""
AUDITED = 46
"""Audit rows that are answered in the end, of 50: with all of them so few rows are left that nothing can be proven of a fifth."""
RIVER = re.compile(r"Name river number (\d+)\.")
PICTURES = Path(tempfile.gettempdir()) / "pictures"


def is_bad(number: int) -> bool:
    return number % 6 == 0


def rate(number: int, responses: int) -> list[Rating]:
    """Every sixth row is bad; the labeller's helpfulness calls all good, its honesty says 1 of the bad ones."""
    honesty = 1.0 if is_bad(number) else 5.0
    return [
        Rating(0, "helpfulness", 0, "rated", 5.0, "It answers.", model="judge"),
        Rating(0, "honesty", 0, "rated", honesty, "As far as can be told.", model="judge"),
    ]


def seen(page: Page) -> int:
    """The number of the row that Argilla's page shows."""
    text = page.get_by_text(RIVER).first
    expect(text).to_be_visible()
    found = RIVER.search(text.inner_text())
    assert found is not None
    return int(found[1])


def reviews(page: Page, rows: int) -> list[int]:
    """Answers so many rows in Argilla's own page, by its keys."""
    numbers: list[int] = []
    while len(numbers) < rows:
        number = seen(page)
        if numbers and number == numbers[-1]:
            page.wait_for_function(f"!document.body.innerText.includes('Name river number {number}.')")
            continue
        page.wait_for_timeout(AT_LEAST)
        with page.expect_response(lambda answer: "/responses" in answer.url and answer.request.method == "POST"):
            page.keyboard.press("2" if is_bad(number) else "1")
            page.keyboard.press("Enter")
        numbers.append(number)
    return numbers


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)


def invited(page: Page, name: str) -> str:
    page.locator("#reviewer-to-add input, #reviewer-to-add textarea").first.fill(name)
    page.locator("#add-reviewer").click()
    link = page.locator("#invitation pre", has_text="http")
    expect(link).to_be_visible()
    expect(page.get_by_text(f"Send this link to {name}", exact=False)).to_be_visible()
    return link.inner_text().strip()


@pytest.mark.usefixtures("local_model")
def test_three_reviewers(
    served_app: App, browser: Browser, argilla: ArgillaServer, owner: Reviewer, tmp_path: Path
) -> None:
    tag = random.randrange(10**6)
    with Store(served_app.data) as store:
        made = made_of(rating={"aspects": ["helpfulness", "honesty"]}, review={"reasons": [], "blind_audit": False})
        run = with_run(store, ROWS, made, rate=rate, name="walk")
    with person(browser, accept_downloads=True) as curator, person(browser) as ann, person(browser) as ben:
        page = curator.page
        opened(curator, served_app, run, "review")
        curator.press("send")
        curator.counted("sent", ROWS)
        with Store(served_app.data) as store:
            dataset = store.pushes.of_run(run.id)[0]["dataset"]
        page.get_by_role("button", name="Settings").click()
        page.get_by_text("Who reviews").click()
        for who, name in ((ann, f"ann-{tag}"), (ben, f"ben-{tag}")):
            who.page.goto(invited(page, name))
            who.page.wait_for_url("**/annotation-mode**")
            expect(who.page.get_by_text("Keep this row?")).to_be_visible()
        page.get_by_role("button", name="Settings").click()

        before = {r["external_id"]: r["metadata"] for r in owner.records(dataset)}
        by_ann = reviews(ann.page, BY_KEYBOARD)
        ben.page.reload()
        by_ben = reviews(ben.page, BY_KEYBOARD)
        assert not set(by_ann) & set(by_ben)
        print("ann answered", by_ann, "ben answered", by_ben)

        curator.answered()
        curator.press("pull")
        curator.counted("reviewed", 2 * BY_KEYBOARD)
        for _ in range(60):  # the app may be telling Argilla of a pull that it began by itself
            after = {r["external_id"]: r["metadata"] for r in owner.records(dataset)}
            moved = [row for row in before if before[row]["priority"] != after[row]["priority"]]
            shared = [row for row in after if after[row].get("reviewers") == 2]
            if moved and shared:
                break
            page.wait_for_timeout(500)
        print(f"{len(moved)} records have another priority in Argilla; {len(shared)} are for two reviewers")
        assert moved and len(shared) >= ROWS // 10

        # what only ann answered stays open for ben, as the second reviewer
        waits = [r for r in owner.records(dataset) if r["external_id"] in shared and len(r["responses"]) == 1]
        assert waits and all(record["status"] == "pending" for record in waits)
        print(f"{len(waits)} records that one answered wait for the second reviewer in Argilla")

        # ten minutes, in the app and in Argilla
        page.get_by_text("Review for …").click()
        page.get_by_role("button", name="10 min").click()
        curator.answered()
        page.get_by_text("Review for …").click()
        link = page.get_by_role("link", name="Open the list in Argilla")
        address = link.get_attribute("href")
        assert address is not None
        with Store(served_app.data) as store:
            listed = store.review_queue.list_of(run.id, f"{getuser()} (in the app)")
        assert listed is not None and listed.minutes == 10
        expect(page.get_by_text(f"of {len(listed.rows)} rows done").first).to_be_visible()
        picture(page, "review-list-1440-light")
        there = curator.context.new_page()
        there.goto(urljoin(served_app.url, address))
        there.wait_for_url("**/annotation-mode**")
        first = seen(there)
        with Store(served_app.data) as store:
            numbers = [store.rows.get(row).unit for row in listed.rows]
        print(f"10 minutes: {len(listed.rows)} rows; Argilla opens row {first}")
        assert first in numbers
        picture(there, "argilla-list")
        page.keyboard.press("Escape")

        # in the app, by keys
        for _ in range(4):
            curator.answered()
            title = page.locator(".detail").get_by_text(RIVER).first.inner_text()
            found = RIVER.search(title)
            assert found is not None
            curator.key("r" if is_bad(int(found[1])) else "a")
        curator.answered()
        curator.tab("Insights")
        proof = page.locator("#proof")
        expect(proof.get_by_text(f"of these {ROWS} rows", exact=False).first).to_be_visible()
        with Store(served_app.data) as store:
            figures = insights_of(store, run)
        for sentence in (figures.quality.sentence, figures.pace.sentence, figures.gain.sentence):
            print("Insights:", sentence)
            expect(proof.get_by_text(sentence).first).to_be_visible()

        # more of the audit, until rows need nobody at a risk of 20 %
        kept = {}
        audit = [record for record in owner.records(dataset) if record["metadata"]["sample"] == "audit"]
        waiting = [record for record in audit if not record["responses"]]
        for record in waiting[: AUDITED - (len(audit) - len(waiting))]:
            bad = is_bad(int(record["external_id"].rsplit("-", 2)[1]))
            kept[record["external_id"]] = owner.say(record, decision="reject" if bad else "approve")
        curator.tab("Review")
        curator.press("pull")
        curator.answered()
        curator.tab("Insights")
        page.locator("[data-act=risk][data-value='20']").click()
        curator.answered()
        accept = page.locator("[data-act=accept-rows]")
        with Store(served_app.data) as store:
            print("Insights:", insights_of(store, run, 0.2).acceptance.sentence)
        expect(accept).to_be_visible()
        for width, theme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            picture(page, f"insights-{width}-{theme}")
        page.set_viewport_size({"width": 1440, "height": 900})
        print("Insights:", accept.inner_text())
        accept.click()
        expect(proof.get_by_text("accepted without a reviewer", exact=False).first).to_be_visible()

        # exported with their marks
        curator.tab("Export")
        curator.answered()
        curator.press("export")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").first.click()
        lines = [json.loads(line) for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()]
        marked = [line for line in lines if line.get("decision_by") == "guarantee"]
        print(f"exported {len(lines)} lines, {len(marked)} under a guarantee:", _marks(marked[0]) if marked else "")
        assert marked and not any(line["reviewed"] for line in marked)

        # an answer that is taken back changes the statement, and ends the acceptance
        with Store(served_app.data) as store:
            before_it, reviewed = insights_of(store, run).quality, store.runs.counts(run.id).reviewed
            alone = [row for row, verdicts in store.verdicts.of([*kept]).items() if len(verdicts) == 1]
        assert len(alone) > 20
        for row in alone:
            owner.take_back(kept[row])
        curator.tab("Review")
        curator.press("pull")
        curator.counted("reviewed", reviewed - len(alone))
        curator.answered()
        with Store(served_app.data) as store:
            now, given = insights_of(store, run), store.acceptances.last(run.id)
        print(f"after {len(alone)} answers were withdrawn:", now.quality.sentence, "|", given.reason if given else "")
        assert (now.quality.n, now.quality.identity) != (before_it.n, before_it.identity)
        assert given is not None and given.withdrawn
        assert curator.complaints == []


def _marks(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name.startswith(("guarantee", "decision"))}
