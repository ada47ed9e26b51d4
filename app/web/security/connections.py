"""Connections of others than this user, bounded in number: nobody else on the machine can use up the app's file descriptors.

A connection takes one from when it is made, long before there is a request that could be refused.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from app.web.security.peers import user_of_peer

MOST_STRANGERS = 64


class BoundedConnection(H11Protocol):
    """A connection to the app. Of those on which nobody was let in, the oldest ends where there is one too many.

    Where the system tells whose they are, this user's own never end so.
    """

    others: "ClassVar[dict[BoundedConnection, None]]" = {}  # noqa: RUF012 - ruff does not see through the quotes
    """Those that are not this user's, the oldest first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if hasattr(os, "geteuid") and user_of_peer(self.client, self.server) == os.geteuid():
            return
        self.others[self] = None
        strangers = [connection for connection in self.others if not connection.is_admitted]
        if len(strangers) > MOST_STRANGERS:
            del self.others[strangers[0]]
            strangers[0].transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.others.pop(self, None)
        super().connection_lost(exc)

    @property
    def is_admitted(self) -> bool:
        """True once the gate let a request in, which it says in the request's state."""
        scope: Mapping[str, Any] = vars(self).get("scope") or {}  # uvicorn has None there before the first request
        return "browser" in scope.get("state", {})
