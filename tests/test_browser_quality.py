"""What reviews prove, on the page: figures, a risk, rows accepted and withdrawn, a list for ten minutes, the way back to rows."""

import json
import random
from getpass import getuser
from pathlib import Path

from playwright.sync_api import Browser, expect

from app.store.store import Store
from feedback.types import Rating
from tests.browser import App, person
from tests.make_reviews import decide, sent_run
from tests.test_browser_as_said import named

ROWS = 120


def rate(number: int, responses: int) -> list[Rating]:
    """Every sixth row is doubtful: good as to helpfulness, which decides, and bad as to honesty."""
    doubtful = number % 6 == 0
    return [
        Rating(0, "helpfulness", 0, "rated", 5.0, "It answers.", model="judge"),
        Rating(0, "honesty", 0, "rated", 1.0 if doubtful else 5.0, "So.", model="judge"),
    ]


def test_rows_that_need_nobody_are_accepted_exported_and_taken_back(app: App, browser: Browser, tmp_path: Path) -> None:
    with Store(app.data) as store:
        run = sent_run(store, ROWS, rate=rate, name=f"proof-{random.randrange(10**9)}")
        audit = store.review_queue.waiting_audit(run.id)
        decide(store, {row: "reject" if int(row.split("-")[-2]) % 6 == 0 else "approve" for row in audit})
    with person(browser, accept_downloads=True) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}&show=insights")
        proof = page.locator("#proof")
        expect(
            proof.get_by_text(f"of these {ROWS} rows are ones your reviewers would keep", exact=False)
        ).to_be_visible()
        risk = proof.get_by_role("button", name="20 %")
        risk.click()
        expect(risk).to_have_attribute("aria-pressed", "true")
        accept = proof.locator("[data-act=accept-rows]")
        expect(accept).to_be_visible()
        number = int(accept.inner_text().split()[1])
        expect(proof.locator("a[href*='guarantee-at-20-percent.csv']")).to_have_count(1)
        for per_cent, holds in ((20, True), (5, False)):
            table = page.request.get(f"{app.url}/numbers/{run.id}/guarantee-at-{per_cent}-percent.csv").text()
            assert table.startswith("doubt up to") and (",yes" in table) == holds
        accept.click()
        expect(proof.get_by_text(f"{number} rows are accepted without a reviewer", exact=False)).to_be_visible()

        curator.tab("Export")
        curator.answered()
        curator.press("export")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download").first.click()
        downloading.value.save_as(tmp_path / "out.jsonl")
        lines = [json.loads(text) for text in (tmp_path / "out.jsonl").read_text().splitlines()]
        marked = [line for line in lines if line["decision_by"] == "guarantee"]
        assert len(marked) == number and {line["guarantee_risk"] for line in marked} == {0.2}
        assert not any(line["reviewed"] for line in marked)

        curator.tab("Insights")
        proof.get_by_role("button", name="Withdraw").click()
        expect(accept).to_be_visible()

        # ten minutes
        curator.tab("Review")
        page.get_by_text("Review for …").click()
        page.get_by_role("button", name="10 min").click()
        expect(page.get_by_text("10 minutes: 0 of", exact=False).first).to_be_visible()
        expect(page.locator(".minutes[open]")).to_have_count(0)
        with Store(app.data) as store:
            listed = store.review_queue.list_of(run.id, f"{getuser()} (in the app)")
        assert listed is not None and not set(listed.rows) & set(audit)
        expect(page.get_by_text(f"10 minutes: 0 of {len(listed.rows)} rows done.").first).to_be_visible()
        expect(page.locator(".detail .why-here")).to_contain_text("Why here:")
        curator.key("a")
        expect(page.get_by_text(f"10 minutes: 1 of {len(listed.rows)} rows done.").first).to_be_visible()
        assert curator.complaints == []


def test_two_levels_are_fine_in_an_audit_row(app: App, browser: Browser) -> None:
    with Store(app.data) as store:
        run = sent_run(store, 60, rate=rate, name=f"fine-{random.randrange(10**9)}")
        first = store.review_queue.waiting_audit(run.id)[0]
    with person(browser) as curator:
        page = curator.page
        curator.open(f"{app.url}?run={run.id}&show=review")
        detail = page.locator(".detail")
        expect(detail).to_have_attribute("data-row", first)
        curator.key("3")
        named(curator)
        fine = detail.get_by_role("button", name="4 is also fine")
        fine.click()
        expect(fine).to_have_attribute("aria-pressed", "true")
        expect(detail.get_by_label("4 of 5").first).to_have_attribute("aria-pressed", "true")
        with Store(app.data) as store:
            (verdict,) = store.verdicts.of([first])[first]
        assert verdict.rating_ranges == {("helpfulness", 0): (3, 4)}
