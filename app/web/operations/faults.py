"""Requests that ended with a fault of ours, in the log."""

import logging
import re
import time
from collections.abc import MutableMapping
from typing import Any

from app.web.operations.log import note
from app.web.security.access import Application, Receive, Scope, Send

ROUTE = re.compile(r"(?:/gradio_api)?/[a-z._-]{0,40}")
"""What is told of a path: behind it stand names of runs and files."""


class FaultLog:
    """`app`, with a line in the log for each request that ends with 500 or more."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began, fault = 0, time.monotonic(), None

        async def seen(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, seen)
        except Exception as error:
            fault = error
            raise
        finally:
            if status >= 500 or fault is not None:
                route = ROUTE.match(str(scope["path"]))  # by now without the path that a proxy puts before it
                note(
                    "request failed",
                    level=logging.ERROR,
                    error=fault,
                    method=str(scope["method"]),
                    route=route[0] if route else "",
                    status=status or 500,
                    seconds=round(time.monotonic() - began, 3),
                )
