"""Brings back what people say while the app is open: asks Argilla now and then, or is called by it.

Asking costs one small request a dataset while nobody does anything. Being called needs an address at which Argilla reaches
this app (`CLAYWRIGHT_WEBHOOK`, ending in /argilla/said); then it is asked only as a safeguard.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from app import services, workflow
from app.config import Settings
from app.review import argilla
from app.review.argilla import Argilla
from app.store.store import Store
from app.web.security.access import Application, Receive, Scope, Send
from app.workspace import Workspace
from feedback.argilla.client import Server
from feedback.argilla.webhooks import Webhook, forget, listen
from feedback.errors import ArgillaError, ArgillaRefused, Missing
from tasks.errors import ClaywrightError

if TYPE_CHECKING:
    from starlette.requests import Request

ASK_EVERY = 15.0
ASK_WHEN_CALLED = 300.0
LOOK_THROUGH_EVERY = 600.0
"""Seconds after which a dataset is pulled though nothing tells that somebody said something: an answer that was changed by
Argilla's SDK moves neither its clock nor its counts."""
FEWEST_BETWEEN = 1.0
"""Seconds between two pulls that calls start: a reviewer's answers come in bursts."""
WATCHED = 20
"""So many of the newest datasets are looked after."""
SAID = "/argilla/said"
LARGEST = 10_000_000
"""Bytes of a call."""
FAULTS = (ClaywrightError, OSError, ValueError, sqlite3.Error)


class AutoPull:
    """A thread that pulls. `settings` gives those of now: another Argilla may be chosen while it runs."""

    def __init__(self, store: Store, settings: Callable[[], Settings]) -> None:
        self.store = store
        self.settings = settings
        self.webhook: Webhook | None = None
        self._at: Argilla | None = None
        """The Argilla that the webhook was set at."""
        self._called: set[str] = set()
        self._looked_through: dict[str, float] = {}
        """When each dataset was pulled last, by this process."""
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="listening", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def heard(self, headers: Mapping[str, str], body: bytes) -> None:
        """A call of Argilla: what was said is pulled soon. Raises ArgillaError for what is no call of it."""
        if self.webhook is None:
            raise ArgillaError("No webhook was set.")
        if dataset := self.webhook.dataset(headers, body):
            with self._guard:
                self._called.add(dataset)
            self._wake.set()

    def _keep(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(ASK_EVERY if self.webhook is None else ASK_WHEN_CALLED)
            self._wake.clear()
            with self._guard:
                called, self._called = self._called, set()
            try:
                self._attend(called)
            except FAULTS:  # it is off, or refuses: the header of the page says so
                with self._guard:
                    self._called |= called
            self._closed.wait(FEWEST_BETWEEN)
        with contextlib.suppress(*FAULTS):
            self._hang_up()

    def _attend(self, called: set[str]) -> None:
        """Pulls the runs in whose datasets somebody did something: those that `called`, or all that are watched."""
        settings = self.settings()
        if self._closed.is_set() or not (settings.argilla_url or services.local(settings).find(services.ARGILLA)):
            return
        watched = self.store.pushes.newest_pushes(argilla.argilla_name(settings), called, WATCHED)
        if not watched and not settings.webhook:
            return
        where = argilla.argilla(settings, lambda message: None)
        if self._at is not None and self._at != where:
            self._hang_up()
        with Server(where.url, where.key) as server:
            if settings.webhook and self.webhook is None:
                self.webhook, self._at = listen(server, settings.webhook), where
            runs = dict.fromkeys(push["run"] for push in watched if self._moved(server, push))
        for run_id in runs:
            workflow.pull(Workspace(self.settings(), self.store), self.store.runs.get(run_id), where)

    def _moved(self, server: Server, push: Mapping[str, Any]) -> bool:
        """Whether a dataset is to be pulled: something was said in it, or it was not looked through for a while."""
        dataset, now = str(push["dataset_id"]), time.monotonic()
        try:
            is_due = now - self._looked_through.setdefault(dataset, now) > LOOK_THROUGH_EVERY
            if is_due or server.activity(dataset).mark != str(push["activity"]):
                self._looked_through[dataset] = now
                return True
            return False
        except (Missing, ArgillaRefused):  # deleted there, or not for this key
            return False

    def _hang_up(self) -> None:
        """The Argilla that calls does so no more."""
        webhook, at, self.webhook, self._at = self.webhook, self._at, None, None
        if webhook is not None and at is not None:
            with Server(at.url, at.key) as server:
                forget(server, webhook)


class WebhookRoute:
    """Takes Argilla's calls before anything else of the app sees them: they come from another host, and are signed."""

    def __init__(self, app: Application, listening: AutoPull) -> None:
        self.app = app
        self.listening = listening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != SAID:
            await self.app(scope, receive, send)
            return
        from starlette.requests import ClientDisconnect, Request
        from starlette.responses import Response

        request = Request(scope, receive)
        status = 204
        try:
            self.listening.heard(request.headers, await self._body(request))
        except ArgillaError:
            status = 403
        except ClientDisconnect:
            return
        await Response(status_code=status)(scope, receive, send)

    async def _body(self, request: "Request") -> bytes:
        """What a call says; of one that is too long the beginning, which nobody signed. Nothing is read without a webhook."""
        body = bytearray()
        if self.listening.webhook is not None:
            async for part in request.stream():
                body += part
                if len(body) > LARGEST:
                    break
        return bytes(body)
