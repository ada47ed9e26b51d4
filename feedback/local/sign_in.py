"""A sign-in that works once: the app asks for it with a user's key, and that user's browser is signed in by opening its address.

So no password stands in any page, and none has to be typed on the machine where everything runs. The owner can ask for one in
another user's name, an invitation: it is kept over a restart, good for a week, and a newer one takes its place.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import Any

from feedback.local.data_dir import write_private
from feedback.local.patches import upstream

PATH = "/claywright/sign-in"
GOOD_FOR = 60.0
"""Seconds in which the address has to be opened."""
INVITED_FOR = 7 * 86_400.0
"""Seconds in which an invitation has to be opened."""
MOST_OPEN = 100
KEY_HEADER = "x-argilla-api-key"
NEED = "sign people in without a password"
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
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
INVITATION = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Argilla</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1rem; }
button { font: inherit; padding: .4rem 1rem; }
</style><main hidden><h1>This browser is signed in already</h1>
<p>Go on as <b></b>? What is answered in this browser is then kept under that name.</p><button>Go on</button></main>
<script type="application/json">DATA</script><script>
const { token, until, to, name } = JSON.parse(document.currentScript.previousElementSibling.textContent);
const left = Number(localStorage.getItem('auth._token_expiration.local')) - Date.now();
const signIn = () => {
  localStorage.setItem('auth.strategy', 'local');
  localStorage.setItem('auth._token.local', `Bearer ${token}`);
  localStorage.setItem('auth._token_expiration.local', String(until));
  location.replace(to);
};
if (left > 60000 && (localStorage.getItem('auth._token.local') || '').startsWith('Bearer ')) {
  document.querySelector('main').hidden = false;
  document.querySelector('b').textContent = name;
  document.querySelector('button').addEventListener('click', signIn);
} else signIn();
</script></html>"""
"""The same for an invitation: whoever is signed in already is asked before."""
GONE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Argilla</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1rem; }
</style><h1>This link was opened already, or is too old</h1>
<p>Each link signs in once, within a week. Ask for a new one, or sign in with your name and password.</p>
<p><a href="/">Sign in</a></p></html>"""
PAGES = (PAGE, INVITATION, GONE)


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


class Invitations:
    """The invitations that were given out and not opened yet, in a file that holds no code itself. One for each user."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def give(self, user: str) -> str:
        """A code for the user of that name; the one before is good no longer."""
        code = secrets.token_urlsafe(32)
        others = {digest: known for digest, known in self._open().items() if known[0] != user}
        self._keep({**others, _digest(code): (user, time.time() + INVITED_FOR)})
        return code

    def take(self, code: str) -> str:
        """The name of the user of a code, which is gone with that; "" for none."""
        kept = self._open()
        user, _ = kept.pop(_digest(code), ("", 0.0))
        if user:
            self._keep(kept)
        return user

    def _open(self) -> dict[str, tuple[str, float]]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            invited = {str(digest): (str(user), float(until)) for digest, (user, until) in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
        return {digest: known for digest, known in invited.items() if known[1] > time.time()}

    def _keep(self, invited: dict[str, tuple[str, float]]) -> None:
        write_private(self.path, json.dumps(invited))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def add_to(app: Any, invitations: Invitations) -> None:
    """Makes both halves known to Argilla's application, before its own routes: asking for a code, and using it."""
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
    from starlette.routing import Route

    by_key = upstream("argilla_server.contexts.accounts", "get_user_by_api_key", NEED)
    by_name = upstream("argilla_server.contexts.accounts", "get_user_by_username", NEED)
    token_of = upstream("argilla_server.contexts.accounts", "generate_user_token", NEED)
    sessions = upstream("argilla_server.database", "AsyncSessionLocal", NEED)
    sign_in = SignIn()

    async def ask(request: Any) -> Any:
        name = request.query_params.get("user", "")
        async with sessions() as db:
            key = request.headers.get(KEY_HEADER, "")
            user = await by_key(db, key) if key else None
            if user is None:
                return JSONResponse({"detail": "This key is not known here."}, 401)
            if not name:
                return JSONResponse({"code": sign_in.give(token_of(user))}, 201)
            if not user.is_owner:
                return JSONResponse({"detail": "Only an owner invites."}, 403)
            if (invited := await by_name(db, name)) is None or invited.is_owner:
                return JSONResponse({"detail": "There is no such reviewer."}, 404)
            return JSONResponse({"code": invitations.give(name)}, 201)

    async def use(request: Any) -> Any:
        to, code = request.query_params.get("to", "/"), request.query_params.get("code", "")
        to = to if is_own(to) else "/"
        if (token := sign_in.take(code)) is not None:
            return page(PAGE, token, to)
        if not (name := invitations.take(code)):
            is_invited = "invited" in request.query_params
            return HTMLResponse(GONE, 410, HEADERS) if is_invited else RedirectResponse(to, 303, HEADERS)
        async with sessions() as db:
            user = await by_name(db, name)
        if user is None or user.is_owner:  # who became the owner since signs in as owners do
            return HTMLResponse(GONE, 410, HEADERS)
        return page(INVITATION, token_of(user), to, name)

    def page(html: str, token: str, to: str, name: str = "") -> Any:
        data = json.dumps({"token": token, "until": 1000 * expires(token), "to": to, "name": name})
        return HTMLResponse(html.replace("DATA", data.replace("<", "\\u003c")), headers=HEADERS)

    using = Route(PATH, use, methods=["GET"])
    using.methods = {"GET"}  # a look at the head alone would use the code up
    app.router.routes[:0] = [Route(PATH, ask, methods=["POST"]), using]


def is_own(path: str) -> bool:
    """True for a path of this server; what a browser would take for another host's is none."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def expires(token: str) -> int:
    """When a session ends, in seconds since 1970, as its token says."""
    payload = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
