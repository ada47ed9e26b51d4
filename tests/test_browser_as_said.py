"""What people say at the page and in Argilla is kept as they said it: each way in which it was not, walked in a browser."""

import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import Browser, expect

from app.review.reviewed_rows import agreement_of
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.client import Server
from tests.browser import App, Person, person
from tests.conftest import ArgillaServer
from tests.make_runs import Rate, Reviewer, another, made_of, rated, with_run
from tests.servers import FakeOpenAI


def run_of(app: App, rows: int, rate: Rate = rated, **parts: Any) -> Run:
    with Store(app.data) as store:
        return with_run(store, rows, made_of(**parts), responses=2, rate=rate, name=f"said-{random.randrange(10**9)}")


def opened(curator: Person, app: App, run: Run, page: str) -> None:
    curator.open(f"{app.url}?run={run.id}&show={page}")
    curator.there()
    curator.answered()


def named(curator: Person) -> None:
    """Gives a name where this browser is asked for one."""
    curator.answered()
    if curator.page.locator("#that-is-me").is_visible():
        curator.page.locator("#reviewer-name input, #reviewer-name textarea").first.fill("ann")
        curator.press("that-is-me")
        curator.answered()


def logged(argilla: ArgillaServer, dataset_id: str, records: list[dict[str, Any]], name: str) -> None:
    """Answers that Argilla's SDK logs with their records, as a script of one's own does."""
    import argilla as rg

    sdk = rg.Argilla(api_url=argilla.url, api_key=argilla.api_key)
    try:
        (user,) = (user for user in sdk.users if user.username == name)
        dataset: Any = sdk.datasets(id=dataset_id)
        dataset.get()
        answers = [rg.Response("decision", "reject", user_id=user.id, status="submitted")]
        dataset.records.log([rg.Record(id=r["external_id"], fields=r["fields"], responses=answers) for r in records])
    finally:
        sdk.http_client.close()


def test_another_provider_brings_its_own_defaults(app: App, browser: Browser) -> None:
    """The trial settings of the built-in model would cut each answer, and send a field that strict endpoints refuse."""
    with FakeOpenAI() as server, person(browser) as curator:
        curator.fresh(app.url)
        curator.tab("Models")
        curator.choose("generator-preset", "Another address")
        curator.write("generator-url", server.url)
        curator.write("generator-model", "fake")
        curator.press("test-generator")
        expect(curator.page.locator(".badges").first).to_be_visible()
        bodies = [call["body"] for call in server.calls]
        assert bodies and not [body for body in bodies if body.keys() & {"top_k", "min_p"}]
        tokens = curator.page.locator("#generator-max_tokens input")
        assert tokens.input_value() in ("", "1024") or int(tokens.input_value()) >= 1024


def test_the_strip_says_what_it_rates_and_an_edit_keeps_its_own_texts(app: App, browser: Browser) -> None:
    run = run_of(app, 3)
    with person(browser) as curator:
        page = curator.page
        opened(curator, app, run, "review")
        page.locator(".detail .chip", has_text="honesty").first.click()
        expect(page.locator(".detail").get_by_text("Your rating, helpfulness", exact=False).first).to_be_visible()
        curator.key("4")
        named(curator)
        expect(page.locator(".detail").get_by_label("4 of 5").first).to_have_attribute("aria-pressed", "true")
        with Store(app.data) as store:
            first, second, _ = store.rows.page(run.id, 0, 3)
            (verdict,) = store.verdicts.of([first.id])[first.id]
        assert verdict.answers == {"helpfulness-1": 4}

        # an edit that was begun on Generate, and a correction of another row on Review
        curator.tab("Generate")
        card = page.locator(".row-card").nth(2)
        card.get_by_role("button", name="Edit").click()
        curator.answered()
        edited = page.locator("#edit-instruction textarea, #edit-instruction input").first
        expect(edited).to_have_value("Name river number 2.")
        curator.tab("Review")
        curator.key("j")
        curator.answered()
        curator.key("e")
        expect(page.locator("#correct-instruction textarea").first).to_have_value(second.instruction)
        curator.tab("Generate")
        curator.answered()
        expect(edited).to_have_value("Name river number 2.")
        assert curator.complaints == []


def test_what_reviewers_said_is_read_under_the_row(app: App, browser: Browser) -> None:
    run = run_of(app, 2)
    with Store(app.data) as store:
        (row, _) = store.rows.page(run.id, 0, 2)
        said: dict[str, Any] = {"decision": "reject", "reasons": ["harmful"], "helpfulness-1": 2}
        store.local_verdicts.say(row.id, "ada (in the app)", said, {})
        store.local_verdicts.say(
            row.id, "ben (in the app)", {"decision": "approve", "corrected-response": "Better."}, {}
        )
    with person(browser) as curator:
        opened(curator, app, run, "review")
        detail = curator.page.locator(".detail")
        for words in ("ada", "ben", "harmful", "Better."):
            expect(detail.get_by_text(words, exact=False).first).to_be_visible()
        assert curator.complaints == []


def test_rows_that_are_answered_are_rated_without_the_generators_key(app: App, browser: Browser) -> None:
    generator = {"preset": "openai", "model": "gpt-4o-mini"}
    task = {"kind": "text-generation"}  # whose own model is another one than what rates
    run = run_of(app, 2, lambda number, responses: [], generator=generator, task=task, rating={"aspects": ["honesty"]})
    with FakeOpenAI() as server, person(browser) as curator:
        opened(curator, app, run, "models")
        curator.choose("labeller-preset", "Another address")
        curator.write("labeller-url", server.url)
        curator.write("labeller-model", "fake")
        curator.tab("Rate")
        curator.press("rate")
        curator.counted("rated", 2)
        curator.wait("4 ratings of 2 rows")
        assert server.calls


def test_an_untouched_suggestion_is_nobodys_rating(
    served_app: App, browser: Browser, argilla: ArgillaServer, owner: Reviewer, tmp_path: Path
) -> None:
    """Approved by two keys in Argilla, and answered through its API: pulled by name, opened again, exported as what it is."""
    run = run_of(served_app, 5, rating={"aspects": ["helpfulness"]}, review={"ranking": False})
    with person(browser, accept_downloads=True) as curator:
        page = curator.page
        opened(curator, served_app, run, "review")
        curator.press("send")
        curator.counted("sent", 5)
        address = page.get_by_role("link", name="Review in Argilla").first.get_attribute("href")
        assert address is not None
        there = curator.context.new_page()
        there.goto(urljoin(served_app.url, address))
        there.wait_for_url("**/annotation-mode**")
        expect(there.get_by_text("Keep this row?")).to_be_visible()
        there.keyboard.press("1")
        with there.expect_response(lambda answer: "/responses" in answer.url and answer.request.method == "POST"):
            there.keyboard.press("Enter")

        # one more through the API
        with Store(served_app.data) as store:
            dataset = store.pushes.of_run(run.id)[0]["dataset"]
        left = [record for record in owner.records(dataset) if not record["responses"]]
        owner.say(left[0], decision="reject", helpfulness_1=1)
        curator.answered()
        if page.locator("#pull").is_visible():
            curator.press("pull")
        curator.counted("reviewed", 2)
        by_name = page.get_by_text(f"by {argilla.username}", exact=False).first
        try:
            expect(by_name).to_be_visible()
        except AssertionError:  # the app had asked by itself a moment before: what comes next is pulled by hand
            owner.say(left[1], decision="reject", helpfulness_1=2)
            curator.press("pull")
            expect(by_name).to_be_visible()

        # others with the records, by Argilla's SDK, of which its clock says nothing: a pull by hand looks all the same
        curator.counted("reviewed", sum(bool(record["responses"]) for record in owner.records(dataset)))
        curator.answered()
        with Store(served_app.data) as store, Server(argilla.url, argilla.api_key) as server:
            push = store.pushes.of_run(run.id)[0]
            store.pushes.pulled(
                push["id"], server.activity(push["dataset_id"]).mark
            )  # as a while after the last answer
        clock = owner.dataset(dataset)["last_activity_at"]
        unanswered = [record for record in owner.records(dataset) if not record["responses"]]
        with another(argilla, f"sam-{random.randrange(10**9)}") as sam:
            logged(argilla, owner.dataset(dataset)["id"], unanswered, sam.name)
        assert unanswered and owner.dataset(dataset)["last_activity_at"] == clock
        curator.answered()
        if page.locator("#pull").is_visible():
            curator.press("pull")
        curator.counted("reviewed", 5)

        # a row that is reviewed is found in Argilla by its link
        reviewed = page.locator(".list .pill", has_text="approved").first
        reviewed.click()
        curator.answered()
        link = page.locator(".detail").get_by_role("link", name="Open in Argilla")
        href = link.first.get_attribute("href")
        assert href is not None
        there.goto(urljoin(served_app.url, href))
        expect(there.get_by_text("Name river number", exact=False).first).to_be_visible()
        assert "no pending records" not in there.content()

        # and the rating that was only left as it was is a column of its own
        curator.tab("Export")
        curator.answered()
        curator.press("export")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download").first.click()
        downloading.value.save_as(tmp_path / "out.jsonl")
        (line,) = [json.loads(text) for text in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert line["rating_by_people"] is None and line["rating_accepted"] is not None
    with Store(served_app.data) as store:
        found = agreement_of(store, store.runs.get(run.id))
        assert sum(found.accepted.values()) >= 2
