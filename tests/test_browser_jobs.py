"""Jobs outlive the page: a reload, a closed tab and a killed process lose nothing and pay for nothing twice."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import SLOW, App, Person, person, running, without_services
from tests.servers import FakeOpenAI

ROWS = 60
AT_ONCE = 4
HELD = 20
"""Requests after which the endpoint answers nothing until a test lets it."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models here are endpoints of the tests."""
    return without_services(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def app(data: Path) -> Iterator[App]:
    with running(data) as app:
        yield app


@contextmanager
def run_under_way(app: App, browser: Browser, server: FakeOpenAI, file: Path) -> Iterator[Person]:
    """A run of ROWS rows on the fake endpoint, some of it done."""
    file.write_text("".join(json.dumps({"instruction": f"Name river {n} of {file.stem}."}) + "\n" for n in range(ROWS)))
    with person(browser) as curator:
        set_up(curator, app, server, file)
        curator.press("run")
        expect(curator.page.locator("[data-run]")).not_to_have_attribute("data-run", "")
        at_least(curator, 5)
        yield curator


def set_up(curator: Person, app: App, server: FakeOpenAI, file: Path) -> None:
    """The forms for answering the file's rows with the fake endpoint."""
    page = curator.page
    curator.fresh(app.url)
    curator.tab("Models")
    curator.choose("generator-preset", "Another address")
    curator.write("generator-url", server.url)
    curator.write("generator-model", "fake")
    curator.write("generator-concurrency", str(AT_ONCE))
    curator.tab("Rate")
    page.get_by_label("Rate rows as they are made").uncheck()
    curator.tab("Generate")
    page.get_by_text("Answers to a prompt made from your columns").click()
    page.locator("#source").get_by_label("Upload").click()
    with page.expect_file_chooser() as choosing:
        page.locator("#upload").click()
    choosing.value.set_files(file)
    curator.wait(f"{file.name}: {ROWS} rows")
    curator.write("rows", "")
    expect(page.locator("#run")).to_have_text(f"Run {ROWS} rows")


def at_least(curator: Person, number: int) -> None:
    """Waits until the header counts that many generated rows."""
    curator.page.wait_for_function(
        "n => Number(document.querySelector('.steps b')?.textContent.replace(',', '')) >= n", arg=number
    )


def exactly_done(curator: Person, server: FakeOpenAI, repeats: int = 0) -> None:
    curator.wait(f"Done: {ROWS} rows")
    curator.counted("generated", ROWS)
    answers = [call for call in server.calls if "river" in json.dumps(call["body"])]
    assert len(answers) - server.repeated() == ROWS
    assert server.repeated() <= repeats


def test_preview_rows_are_the_runs_first_rows_and_are_not_asked_for_again(
    app: App, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "preview.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Name lake {n}."}) + "\n" for n in range(ROWS)))
    with FakeOpenAI() as server, person(browser) as curator:
        set_up(curator, app, server, file)
        curator.press("preview")
        curator.wait("They are kept, and not paid for again")
        asked = len([call for call in server.calls if "lake" in json.dumps(call["body"])])
        assert asked == 3
        answers = curator.page.locator(".row-card .assistant .text").all_inner_texts()
        curator.press("run")
        curator.wait(f"Done: {ROWS} rows")
        assert curator.page.locator(".row-card .assistant .text").all_inner_texts() == answers
        assert len([call for call in server.calls if "lake" in json.dumps(call["body"])]) == ROWS
        assert server.repeated() == 0


def test_a_run_is_found_again_after_a_reload(app: App, browser: Browser, tmp_path: Path) -> None:
    with (
        FakeOpenAI(holds_from=HELD) as server,
        run_under_way(app, browser, server, tmp_path / "reload.jsonl") as curator,
    ):
        curator.page.reload()
        curator.there()
        expect(curator.page.locator("#stop")).to_be_visible()
        server.go_on()
        exactly_done(curator, server)


def test_a_run_goes_on_while_the_tab_is_closed(app: App, browser: Browser, tmp_path: Path) -> None:
    with (
        FakeOpenAI(holds_from=HELD) as server,
        run_under_way(app, browser, server, tmp_path / "closed.jsonl") as curator,
    ):
        address, before = curator.page.url, len(server.calls)
        curator.page.close()
        waiting = curator.context.new_page()
        server.go_on()
        until = time.monotonic() + SLOW / 1000
        while len(server.calls) <= before + 5 and time.monotonic() < until:
            waiting.wait_for_timeout(50)
        assert len(server.calls) > before + 5
        curator.page = waiting
        curator.open(address)
        exactly_done(curator, server)


def test_a_run_is_stopped_by_a_button_and_resumed(app: App, browser: Browser, tmp_path: Path) -> None:
    with (
        FakeOpenAI(latency=0.1, holds_from=HELD) as server,
        run_under_way(app, browser, server, tmp_path / "stop.jsonl") as curator,
    ):
        curator.press("stop")
        curator.wait("Stopping: waiting for what was sent")
        server.go_on()
        curator.wait("Stopped after")
        assert len([c for c in server.calls if "river" in json.dumps(c["body"])]) < ROWS
        curator.press("resume")
        exactly_done(curator, server)
