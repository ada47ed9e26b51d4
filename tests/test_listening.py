"""What people say comes back by itself: Argilla is asked now and then, or calls, signed; what is not signed is refused."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn

from app import workflow
from app.config import Settings
from app.review.argilla import Argilla
from app.store.runs import Run
from app.store.store import Store
from app.web.auto_pull import LARGEST, SAID, AutoPull, WebhookRoute
from feedback.argilla.client import Server
from feedback.argilla.webhooks import PATH, Webhook, forget, listen
from feedback.errors import ArgillaError
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, with_run
from tests.make_workspace import make_workspace

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def wait_until(true: Any) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


@contextmanager
def served(listening: AutoPull) -> Iterator[str]:
    """An app that has nothing but the ear, at its address."""

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = uvicorn.Server(uvicorn.Config(WebhookRoute(nothing, listening), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{SAID}"
    server.should_exit = True
    thread.join(10)


def sent(store: Store, argilla: ArgillaServer) -> Run:
    run = with_run(store, 2, name=f"heard-{random.randrange(10**9)}")
    where = Argilla(argilla.url, argilla.api_key)
    workflow.push(make_workspace(store), run, where, lambda done, total: None)
    return run


def reviewed(store: Store, run: Run) -> int:
    return store.runs.counts(run.id).reviewed


def test_argilla_is_asked_now_and_then(
    store: Store, here: Settings, argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.auto_pull.ASK_EVERY", 0.2)
    named = replace(here, argilla_url=argilla.url, argilla_key=argilla.api_key)
    run = sent(store, argilla)
    listening = AutoPull(store, lambda: named)
    listening.start()
    with Reviewer(argilla) as owner:
        first, second = owner.records(run.id)
        owner.say(first, decision="approve")
        wait_until(lambda: reviewed(store, run) == 1)
        owner.say(second, decision="reject")
        wait_until(lambda: reviewed(store, run) == 2)
    listening.close()


def test_argilla_calls_when_somebody_answers(
    store: Store, here: Settings, argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.auto_pull.ASK_EVERY", 0.2)
    settings: list[Settings] = []
    listening = AutoPull(store, lambda: settings[0])
    with served(listening) as address, Reviewer(argilla) as owner:
        settings.append(replace(here, argilla_url=argilla.url, argilla_key=argilla.api_key, webhook=address))
        run = sent(store, argilla)
        listening.start()
        wait_until(lambda: listening.webhook is not None)
        (webhook,) = [one for one in owner.http.get(PATH).json()["items"] if one["url"] == address]
        assert webhook["enabled"] and len(webhook["events"]) == 3
        owner.say(owner.records(run.id)[0], decision="approve")
        wait_until(lambda: reviewed(store, run) == 1)  # long before it would be asked again
        assert owner.http.post(address, content=b"{}").status_code == 403
        assert owner.http.post(address, content=b"{}", headers={"webhook-id": "x"}).status_code == 403
        assert owner.http.get(address.replace(SAID, "/")).status_code == 404
        listening.close()
        assert address not in [one["url"] for one in owner.http.get(PATH).json()["items"]]


def test_a_call_that_nobody_waits_for_is_not_read(store: Store, here: Settings) -> None:
    async def receive() -> Any:
        raise AssertionError("its body was read")

    async def send(message: Any) -> None:
        answer.append(message)

    answer: list[Any] = []
    ear = WebhookRoute(Mock(), AutoPull(store, lambda: here))
    asyncio.run(ear({"type": "http", "path": SAID, "headers": []}, receive, send))
    assert answer[0]["status"] == 403


def test_no_more_of_a_call_is_read_than_one_can_be(store: Store, here: Settings) -> None:
    """Who is not Argilla may send for ever; one that hangs up gets no answer."""
    parts: list[int] = []
    answer: list[Any] = []

    async def endless() -> Any:
        parts.append(1_000_000)
        return {"type": "http.request", "body": b"x" * parts[-1], "more_body": True}

    async def hung_up() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answer.append(message)

    listening = AutoPull(store, lambda: here)
    listening.webhook = Webhook("w", SECRET)
    ear = WebhookRoute(Mock(), listening)
    asyncio.run(ear({"type": "http", "path": SAID, "headers": []}, hung_up, send))
    assert answer == []
    asyncio.run(ear({"type": "http", "path": SAID, "headers": []}, endless, send))
    assert answer[0]["status"] == 403 and LARGEST < sum(parts) <= LARGEST + parts[-1]


def test_an_address_has_one_webhook(argilla: ArgillaServer) -> None:
    address = f"http://127.0.0.1:9/{random.randrange(10**9)}"
    with Server(argilla.url, argilla.api_key) as server:
        first, second = listen(server, address), listen(server, address)
        assert first.id != second.id
        assert [one["id"] for one in server.get(PATH)["items"] if one["url"] == address] == [second.id]
        forget(server, second)


def signed(body: bytes, secret: str = SECRET, ago: float = 0.0) -> dict[str, str]:
    from datetime import UTC, datetime, timedelta

    from standardwebhooks.webhooks import Webhook as Signed

    at = datetime.now(UTC) - timedelta(seconds=ago)
    return {
        "webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signed(secret).sign("msg_1", at, body.decode()),
    }  # fmt: skip


SAYS = b'{"type": "response.created", "data": {"record": {"dataset": {"id": "d-1"}}}}'


def test_only_what_the_server_signed_is_taken() -> None:
    webhook = Webhook("w", SECRET)
    assert webhook.dataset(signed(SAYS), SAYS) == "d-1"
    other = b'{"type": "record.created", "data": {}}'
    assert webhook.dataset(signed(other), other) == ""
    wrong: list[tuple[dict[str, str], bytes]] = [
        (signed(SAYS, "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), SAYS),
        (signed(SAYS), SAYS.replace(b"d-1", b"d-2")),
        (signed(SAYS, ago=3600), SAYS),
        ({}, SAYS),
        *((signed(odd), odd) for odd in (b"", b"[]", b"null", b'{"type": "response.created"}', b"x")),
    ]
    for headers, body in wrong:
        with pytest.raises(ArgillaError):
            webhook.dataset(headers, body)
