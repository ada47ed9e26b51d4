"""Whether the app can do its work by now: /readyz, for whoever hands requests to it or starts it anew."""

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from app.errors import StoreError
from app.store.store import Store
from app.web.jobs import Jobs
from app.web.security.access import NO_STORE, READY

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response

WITHIN = 2.0
"""Seconds that the store is waited for."""
ENDING = "the app is ending"
NO_USE = "the store can't be read or written"
NO_ANSWER = "the store does not answer"


class Readiness:
    """Looks at the store, once at a time however many ask: strangers may."""

    def __init__(self, store: Store, jobs: Jobs, within: float = WITHIN) -> None:
        self.store = store
        self.jobs = jobs
        self.within = within
        self._look: Future[bool] | None = None
        self._guard = threading.Lock()

    async def trouble(self) -> str:
        """Why the app is not ready, "" where it is; within so many seconds."""
        if self.jobs.is_ending:
            return ENDING
        try:
            look = asyncio.wrap_future(self._look_now())
        except StoreError:
            return NO_USE
        look.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it by then
        await asyncio.wait([look], timeout=self.within)
        if not look.done():
            return NO_ANSWER
        return NO_USE if look.exception() is not None or not look.result() else ""

    def _look_now(self) -> "Future[bool]":
        """The look that goes on, or a new one. Raises StoreError."""
        with self._guard:
            if self._look is None or self._look.done():
                self._look = self.store.db.probe()
            return self._look


def add_route(app: "FastAPI", readiness: Readiness) -> None:
    """/readyz."""
    from fastapi.responses import JSONResponse

    @app.get(READY)
    async def readyz() -> "Response":
        if reason := await readiness.trouble():
            return JSONResponse({"ok": False, "reason": reason}, 503, NO_STORE)
        return JSONResponse({"ok": True}, headers=NO_STORE)
