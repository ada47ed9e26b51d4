"""A key that was typed is looked for in every place where it could have stayed, after calls that failed in twelve ways."""

import json
import re
import signal
import subprocess
import time
import urllib.parse
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Response, expect

from tests.browser import App, Person, person, running, without_services
from tests.conftest import claywright
from tests.odd_values import NOBODY
from tests.servers import FakeOpenAI, Fault

KEY = "sk-typed-marker-8315-abcdefghijklmnop"
FORMS = [form.encode() for form in (KEY, b64encode(KEY.encode()).decode(), b64encode(f":{KEY}".encode()).decode())]
"""As it is, and as it would be in a header of another kind."""
ECHO = json.dumps(
    {"error": {"message": f"Incorrect API key provided: {KEY}. Authorization: Bearer {KEY}", "code": KEY}}
)


def leads(status: int, elsewhere: FakeOpenAI) -> Fault:
    return (status, {"location": f"{elsewhere.url}/chat/completions?api_key={urllib.parse.quote(KEY)}"}, ECHO)


def ways(elsewhere: FakeOpenAI) -> dict[str, Fault]:
    """What an endpoint may do with a call, and say of it."""
    return {
        "401": (401, {}, ECHO), "403": (403, {}, ECHO), "404": (404, {}, ECHO), "400": (400, {}, ECHO),
        "429": (429, {"retry-after": "0"}, ECHO), "500": (500, {}, f"<pre>Traceback: key={KEY}</pre>"),
        "302": leads(302, elsewhere), "307": leads(307, elsewhere), "308": leads(308, elsewhere),
        "no JSON": (200, {"x-key": KEY}, f"<html>{KEY}</html>"), "hung up": "drop", "no answer": "hang",
    }  # fmt: skip


def holds(content: bytes) -> bool:
    return any(form in content for form in FORMS)


def files_with_it(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and holds(path.read_bytes())]


class Watched:
    """What a browser was answered, and the addresses that it asked for."""

    def __init__(self, curator: Person) -> None:
        self.found: list[str] = []
        curator.page.on("response", self._look)

    def _look(self, response: Response) -> None:
        if holds(response.url.encode()) or holds(json.dumps(response.headers).encode()):
            self.found.append(response.url)
        try:
            if "event-stream" not in response.headers.get("content-type", "") and holds(response.body()):
                self.found.append(response.url)
        except Error:  # a body that is not kept: of a redirect, or of a page that was left
            return


def tried(curator: Person, press: str, server: FakeOpenAI) -> None:
    """Presses what asks the endpoint, and waits for what comes of it."""
    page, asked, until = curator.page, len(server.calls), time.monotonic() + 60
    curator.press(press)
    while len(server.calls) == asked and time.monotonic() < until:
        page.wait_for_timeout(50)
    expect(page.get_by_role("button", name=re.compile("^Stop")).locator("visible=true")).to_have_count(
        0, timeout=90_000
    )
    expect(page.locator(".field-error, .notice.warn, .fails").locator("visible=true").first).to_be_visible()
    curator.answered()


@pytest.fixture
def own(tmp_path: Path) -> Any:
    (folder := tmp_path / "data").mkdir()
    with running(without_services(folder), ARGILLA_API_URL=NOBODY, ARGILLA_API_KEY="key") as app:
        yield app


def test_a_typed_key_is_nowhere_after_twelve_failing_calls(own: App, browser: Browser, tmp_path: Path) -> None:
    now: dict[str, Fault] = {"fault": None}
    answer: Callable[[dict[str, Any], int], Fault] = lambda body, number: now["fault"]  # noqa: E731
    with FakeOpenAI() as elsewhere, FakeOpenAI(faults=answer) as server, person(browser) as curator:
        watched = Watched(curator)
        page = curator.page
        curator.fresh(own.url)
        curator.tab("Models")
        curator.choose("generator-preset", "Another address")
        curator.write("generator-url", server.url)
        curator.choose("generator-key-from", "typed")
        curator.write("generator-typed", KEY)
        curator.write("generator-model", "fake")
        page.get_by_role("button", name=re.compile("limits|More")).locator("visible=true").first.click()
        curator.write("generator-timeout", "1")
        for way, fault in ways(elsewhere).items():
            now["fault"] = fault
            asked = len(server.calls)
            tried(curator, "test-generator", server)
            assert len(server.calls) > asked, way
            assert not holds(page.content().encode()), way
        assert {call["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
        assert elsewhere.calls == []  # where a redirect leads is not asked, so that nothing is told there
        assert watched.found == []
        # a job that fails with it, and one that is killed while it calls
        curator.tab("Generate")
        page.get_by_text("Answers to a prompt made from your columns").click()
        page.locator("#source").get_by_label("Paste").click()
        curator.write("pasted", "Name a river.\nName a lake.")
        curator.wait("pasted: 2 rows")
        now["fault"] = (401, {}, ECHO)
        tried(curator, "preview", server)
        commands = {}
        bundle, copy = str(tmp_path / "bundle.zip"), str(tmp_path / "copy.db")
        for words in (["runs", "--json"], ["doctor", "--json"], ["doctor", "--bundle", bundle], ["backup", copy]):
            done = subprocess.run([*claywright(), "--data", str(own.data), *words], capture_output=True, check=False)
            commands[" ".join(words)] = done.stdout + done.stderr
        assert not [words for words, said in commands.items() if holds(said)]
        metrics = page.evaluate("fetch('metrics').then((answer) => answer.text())")
        assert "claywright_" in metrics and not holds(metrics.encode())
        now["fault"] = "hang"
        curator.press("preview")
        asked = len(server.calls)
        curator.answered()
        assert not holds(own.stop(signal.SIGKILL).encode())
        assert len(server.calls) >= asked and watched.found == []
    assert (tmp_path / "bundle.zip").is_file() and (tmp_path / "copy.db").is_file()
    assert files_with_it(tmp_path) == []
