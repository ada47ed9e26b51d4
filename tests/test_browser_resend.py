"""Answers that Argilla missed are sent once it is back: each of them, and never over a newer one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import feedback.local

SCRIPT = Path(feedback.local.__file__).parent / "resend.js"
HOST = "http://127.0.0.1:9"
SEND = """([method, path, body]) => new Promise((done) => {
  const request = new XMLHttpRequest();
  request.open(method, path);
  request.onload = request.onerror = () => done(request.status);
  request.send(body);
})"""


class Server:
    """Argilla, as far as answers are concerned; away until it is there."""

    def __init__(self) -> None:
        self.there = False
        self.came: list[tuple[str, str, str | None]] = []

    def answer(self, route: Route) -> None:
        request, path = route.request, route.request.url.removeprefix(HOST)
        if path == "/":
            route.fulfill(content_type="text/html", body=f"<head><script>{SCRIPT.read_text()}</script></head><body>")
        elif not self.there:
            route.abort("connectionrefused")
        else:
            if path != "/api/v1/version":
                self.came.append((request.method, path.removeprefix("/api/v1"), request.post_data))
            route.fulfill(json={})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**", server.answer)
        page.goto(f"{HOST}/")
        yield page


def send(page: Page, method: str, path: str, body: Any = None) -> None:
    page.evaluate(SEND, [method, f"/api/v1{path}", body])


def test_each_answer_is_sent_and_of_one_response_the_newest(page: Page, server: Server) -> None:
    send(page, "POST", "/me/responses/bulk", "first")
    send(page, "POST", "/me/responses/bulk", "second")
    send(page, "PUT", "/responses/a", "approve")
    send(page, "DELETE", "/responses/a")
    send(page, "POST", "/records/b/responses", "reject")
    send(page, "PUT", "/responses/a", "unsure")
    told = page.locator("#claywright-resend")
    expect(told).to_contain_text("4 answers of yours are kept in this tab")
    server.there = True
    expect(told).to_contain_text("4 answers that it had missed were sent", timeout=10_000)
    assert server.came == [
        ("POST", "/me/responses/bulk", "first"), ("POST", "/me/responses/bulk", "second"),
        ("POST", "/records/b/responses", "reject"), ("PUT", "/responses/a", "unsure"),
    ]  # fmt: skip


def test_what_was_answered_anew_meanwhile_stays(page: Page, server: Server) -> None:
    send(page, "PUT", "/responses/a", "approve")
    told = page.locator("#claywright-resend")
    expect(told).to_contain_text("1 answer of yours is kept in this tab")
    server.there = True
    send(page, "PUT", "/responses/a", "reject")
    expect(told).to_have_count(0, timeout=10_000)
    assert server.came == [("PUT", "/responses/a", "reject")]
