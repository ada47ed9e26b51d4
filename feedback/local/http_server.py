"""Answers requests, from the last preparations to an orderly end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import uvicorn
from argilla_server.database import async_engine, sync_engine

from feedback.local import jobs, sign_in
from feedback.local.accounts import first_user, migrate
from feedback.local.data_dir import Home
from feedback.local.errors import ServerFailed
from feedback.local.patches import mark_own_styles, pages_of
from feedback.local.process import StopSignal
from feedback.local.search.database import SearchDatabase
from feedback.local.search.engine import register
from feedback.local.search.repair import repair

REQUESTS_END_SECONDS = 2
JOBS_END_SECONDS = 1


async def serve(app: Any, home: Home, listener: socket.socket, stop: StopSignal, stdout: IO[str]) -> None:
    """Serve until told to stop; raises ServerFailed when the application never came up.

    The file `running` stays behind wherever the index may lack something, and the next start repairs it.
    """
    unclean = home.running.exists()
    home.running.touch()
    migrate()
    index = SearchDatabase(home.index)
    register(index)
    credentials = await first_user(home)
    if unclean or index.fresh:
        sys.stderr.write(f"search index checked: {await repair(index)}\n")

    def answer() -> None:
        jobs.start()
        ready = {
            "url": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "pid": os.getpid(),
            "username": credentials["username"],
            "credentials": str(home.credentials),
        }
        stdout.write(json.dumps(ready) + "\n")
        stdout.flush()

    pages = (page.read_text(encoding="utf-8") for page in pages_of(app).rglob("*.html"))
    cut_off = CutOff(Inert(app, policy([*pages, *sign_in.PAGES], mark_own_styles(app))))
    server = Server(cut_off, answer)
    stop.when_serving = server.end
    await server.serve(sockets=[listener])
    if not server.answered:
        raise ServerFailed
    jobs_done = await asyncio.to_thread(jobs.drain, JOBS_END_SECONDS)
    with sync_engine.connect() as connection:
        # Who copies argilla.db while no server runs has everything, without the write-ahead log beside it.
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    await async_engine.dispose()
    sync_engine.dispose()
    index.close()
    if jobs_done and not index.behind and not cut_off.happened:
        home.running.unlink()


class Server(uvicorn.Server):
    """Uvicorn, told to end by us instead of by signals of its own; calls `when_up` once, when it listens."""

    def __init__(self, app: Any, when_up: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=REQUESTS_END_SECONDS)
        )
        self.when_up = when_up
        self.answered = False
        self.should_exit: bool = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; the application has refused when `should_exit` is set after it."""
        await super().startup(sockets)
        if self.started:
            self.answered = True
            self.when_up()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn would raise the signal again at its end, and what follows would not happen."""
        yield

    def end(self) -> None:
        """Finish the requests under way; called twice, wait for nothing."""
        self.force_exit = bool(self.should_exit)
        self.should_exit = True


POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' {scripts}; style-src 'self' 'unsafe-inline';"
    " style-src-elem 'self' 'nonce-{mark}' {styles}; style-src-attr 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; frame-src 'self';"
    " base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""What texts of records may do in the server's pages: they are rendered as Markdown, and may name pictures and objects of
other hosts; none of them is loaded, and nothing is told to anybody. Scripts and style sheets are those of the pages alone,
by their hashes; a style attribute is let through, as formulas are drawn with them."""
INLINE = re.compile(r"<(script|style)\b(?![^>]*\bsrc=)[^>]*>(.*?)</\1>", re.DOTALL)
OURS = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
"""The names of this computer: a page of another host that leads here by its own name may not read what is here."""


def policy(pages: Iterable[str], mark: str) -> str:
    """The policy that lets run what stands in these pages, or puts itself there with the mark, and what comes from a file of
    the server, and nothing else.
    """
    hashes: dict[str, dict[str, None]] = {"script": {}, "style": {}}
    for page in pages:
        for kind, content in INLINE.findall(page):
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            hashes[kind][f"'sha256-{digest}'"] = None
    return POLICY.format(mark=mark, scripts=" ".join(hashes["script"]), styles=" ".join(hashes["style"]))


class Inert:
    """Refuses what was asked of another host's name, and sends protecting headers along with every answer."""

    def __init__(self, app: Any, policy: str) -> None:
        self.app = app
        self.headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self.headers]}
            await send(message)

        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if not OURS.fullmatch(dict(scope["headers"]).get(b"host", b"").lower()):
            await _refuse(scope, with_headers)
            return
        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


async def _refuse(scope: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"This Argilla answers to 127.0.0.1 and localhost only."})


class CutOff:
    """Notes whether a request was cancelled: it may have written to the database and not to the index."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.happened = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            self.happened = True
            raise
