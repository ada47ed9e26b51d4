"""A sign-in that works once: the app asks for it with a user's key, and that user's browser is signed in by opening its address.

So no password stands in any page, and none has to be typed on the machine where everything runs.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from feedback.local.patches import upstream

PATH = "/claywright/sign-in"
GOOD_FOR = 60.0
"""Seconds in which the address has to be opened."""
MOST_OPEN = 100
KEY_HEADER = "x-argilla-api-key"
NEED = "sign people in without a password"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Argilla</title>
<script type="application/json">DATA</script><script>
const { token, until, to } = JSON.parse(document.currentScript.previousElementSibling.textContent);
const left = Number(localStorage.getItem('auth._token_expiration.local')) - Date.now();
if (!(left > 60000 && (localStorage.getItem('auth._token.local') || '').startsWith('Bearer '))) {
  localStorage.setItem('auth.strategy', 'local');
  localStorage.setItem('auth._token.local', `Bearer ${token}`);
  localStorage.setItem('auth._token_expiration.local', String(until));
}
location.replace(to);
</script></html>"""
"""Puts the session where Argilla's own page keeps it; who is signed in already stays who they are."""


class SignIn:
    """The addresses that were given out and not opened yet, by their codes."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Any, float]] = {}

    def give(self, user: Any) -> str:
        """A code for that user."""
        now = time.monotonic()
        self._open = {code: known for code, known in self._open.items() if known[1] > now}
        while len(self._open) >= MOST_OPEN:
            del self._open[next(iter(self._open))]
        code = secrets.token_urlsafe(32)
        self._open[code] = (user, now + GOOD_FOR)
        return code

    def take(self, code: str) -> Any:
        """The user of a code, which is gone with that; None for one that was never given, was used, or is too old."""
        user, until = self._open.pop(code, (None, 0.0))
        return user if until > time.monotonic() else None


def add_to(app: Any) -> None:
    """Makes both halves known to Argilla's application, before its own routes: asking for a code, and using it."""
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
    from starlette.routing import Route

    by_key = upstream("argilla_server.contexts.accounts", "get_user_by_api_key", NEED)
    token_of = upstream("argilla_server.contexts.accounts", "generate_user_token", NEED)
    sessions = upstream("argilla_server.database", "AsyncSessionLocal", NEED)
    sign_in = SignIn()

    async def ask(request: Any) -> Any:
        async with sessions() as db:
            key = request.headers.get(KEY_HEADER, "")
            user = await by_key(db, key) if key else None
            if user is None:
                return JSONResponse({"detail": "This key is not known here."}, 401)
            return JSONResponse({"code": sign_in.give(token_of(user))}, 201)

    async def use(request: Any) -> Any:
        to = request.query_params.get("to", "/")
        to = to if is_own(to) else "/"
        token = sign_in.take(request.query_params.get("code", ""))
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        if token is None:
            return RedirectResponse(to, 303, headers)
        data = json.dumps({"token": token, "until": 1000 * expires(token), "to": to}).replace("<", "\\u003c")
        return HTMLResponse(PAGE.replace("DATA", data), headers=headers)

    app.router.routes[:0] = [Route(PATH, ask, methods=["POST"]), Route(PATH, use, methods=["GET"])]


def is_own(path: str) -> bool:
    """True for a path of this server; what a browser would take for another host's is none."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def expires(token: str) -> int:
    """When a session ends, in seconds since 1970, as its token says."""
    payload = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
