"""Who gets in: whoever an entry knows (entries.py), on this machine, and from the app's own pages.

Where one person works alone, that is who holds the data folder's secret: a file that its owner alone can read. The address that
is printed at the start carries a token made from it. A browser that comes with that token gets a signed cookie, and every
request but those of `OPEN_TO_ALL` is checked for it: cookies are shared by all ports of a machine and sent by whoever likes, so
that one which is not signed says nothing. `/metrics` is also for whoever brings the token that was set for it.

Each piece is an ASGI application around the next one:
`Headers(FaultLog(Webhook(PublicAddress(TrustedHost(Gate(UploadRecorder(QuickAnswers(UnderPath(app)))))))))`.
"""

import contextlib
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.errors import StoreError
from app.file_locks import exclusively, is_private, write_private
from app.web.operations.log import note

if TYPE_CHECKING:
    from starlette.requests import Request

    from app.web.security.entries import Entry

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SECRET_FILE = "secret"
TOKEN = "token"
HEALTH, READY, METRICS = "/healthz", "/readyz", "/metrics"
GERMAN = "/words/de.js"
OPEN_TO_ALL = {HEALTH, READY, GERMAN}
"""What tells nothing of anybody: whether the app is there, and the words of its page."""
DAY = 24 * 3600
LASTS, SIGNED_ANEW = 30 * DAY, DAY
"""Seconds that a cookie is good for, and after which a visit gets a new one."""
PERSON = "@"
"""What the name of a browser begins with that belongs to a person: all of theirs have one name, and so the same forms."""
BROWSER = re.compile(r"[A-Za-z0-9_-]{20,64}")
READS_METRICS = "reads_metrics"
"""In the state of a request that came with the token of the metrics."""
OLD_COOKIE = "claywright_browser"
"""What named a browser before cookies were signed: the name is taken over, so that its forms are found again."""
NO_STORE = {"Cache-Control": "no-store"}
LARGEST_BODY = 32 * 10**6
"""Bytes of one event of the page; files come through the upload, which has a limit of its own."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'self';"
        " object-src 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none, a browser does not say whose page sent a form
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UPLOAD = "/gradio_api/upload"
MOST_UPLOADS = 10_000
"""Uploaded files that are remembered; older ones have been taken, or were given up."""
DIGITS = re.compile(r"\d{1,15}")
READ = re.compile(
    r"/(?:config|theme\.css|favicon\.ico)?|/(?:assets|static|svelte)/[^?]+|/argilla/open|/exports/[^/]+/[^/]+"
    r"|/numbers/[^/]+/[^/]+\.(?:csv|xlsx|parquet)|/help/[a-z]{1,20}"
    rf"|{METRICS}|/people|/people/log\.csv|/shares/[^/]+|/account"
    r"|/gradio_api/(?:startup-events|app_id|theme\.css|upload_progress|heartbeat/[\w-]{1,64})"
)
WRITTEN = re.compile(rf"/gradio_api/run/predict|{UPLOAD}|/people|/shares/[^/]+|/account")
"""The routes that the page uses, for GET and HEAD, and for POST. The framework has many more, which are shut."""


class Access:
    """The secret of one data folder, and what is made from it: the token in the address, the cookie of a browser."""

    def __init__(self, data: Path) -> None:
        self.path = data / SECRET_FILE
        self._stamp: tuple[int, ...] = ()
        self._secret = b""
        with exclusively(data / "secret.lock"):
            if not self._read():
                self._write()

    def renew(self) -> None:
        """Makes a new secret: no address and no cookie from before gets in any more, in the running app neither."""
        with exclusively(self.path.with_name("secret.lock")):
            self._write()

    @property
    def secret(self) -> bytes:
        """The secret as it is now: another process may have renewed it. Raises StoreError where it is gone."""
        if not self._read():
            raise StoreError(f"The secret {self.path} is gone. Start Claywright again: it makes a new one.")
        return self._secret

    @property
    def token(self) -> str:
        return self._signature("address")

    @property
    def cookie(self) -> str:
        """The cookie's name, which is the data folder's own: browsers keep one jar for all ports of a machine."""
        return f"claywright_{self._signature('name')[:12]}"

    def address(self, url: str) -> str:
        """The address of the app at `url` that lets a browser in."""
        return f"{url}/?{urlencode({TOKEN: self.token})}"

    def admits(self, token: str) -> bool:
        """True for the token, or for a whole address that holds it, as people paste it."""
        if "=" in token:
            query = token.partition("?")[2] or token
            token = dict(parse_qsl(query)).get(TOKEN, "")
        return hmac.compare_digest(token.strip().encode("utf-8", "replace"), self.token.encode())

    def sign(self, browser: str, user: int | None) -> str:
        """The cookie's value for a browser, which it is good for together with the user whose process it is."""
        value = f"{browser}.{int(time.time())}.{'' if user is None else user}"
        return f"{value}.{self._signature(value)}"

    def browser(self, cookie: str, user: int | None) -> tuple[str, int]:
        """(the browser that a cookie names, its age in seconds); ("", 0) for a cookie that is not good."""
        value, _, signature = cookie.rpartition(".")
        known = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(value).encode())
        if not known or value.count(".") != 2:  # the token is signed too, and no cookie
            return "", 0
        browser, signed, of = value.split(".")
        age = int(time.time()) - int(signed)
        if age > LASTS or (of and of != str(user)):
            return "", 0
        return browser, age

    def _signature(self, value: str) -> str:
        return hmac.new(self.secret, value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _write(self) -> None:
        write_private(self.path, secrets.token_hex(32))
        self._read()

    def _read(self) -> bool:
        """False where there is no secret that nobody else can have read or laid there."""
        try:
            status = self.path.lstat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)
            if stamp == self._stamp:
                return True
            if not is_private(status):
                return False
            text = self.path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            return False
        self._stamp, self._secret = stamp, text.encode()
        return True


class Headers:
    """Puts the protecting headers on every answer, refusals too."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.datastructures import MutableHeaders

        async def protected(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, protected)


class Gate:
    """Lets in whoever an entry knows, checked at every request; shows others how to get in."""

    def __init__(self, app: Application, entry: "Callable[[], Entry]", metrics_token: str = "") -> None:
        self.app = app
        self.entry = entry
        self.metrics_token = metrics_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.datastructures import MutableHeaders
        from starlette.requests import Request
        from starlette.responses import Response

        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not _is_forwarded(name)]
        request = Request(scope, receive)
        path, method = str(scope["path"]), str(scope["method"])
        if _is_foreign(request.headers):
            await Response(status_code=403)(scope, receive, send)
            return
        if path in OPEN_TO_ALL:
            await self.app(scope, receive, send)
            return
        if path == METRICS and self._brings_token(request):
            scope.setdefault("state", {})[READS_METRICS] = True
            await self.app(scope, receive, send)
            return
        entry = self.entry()
        browser, age = entry.browser(request)
        if (response := await entry.answer(request, browser)) is not None:
            await response(scope, receive, send)
            return
        if not (READ if method in ("GET", "HEAD") else WRITTEN if method == "POST" else _NOTHING).fullmatch(path):
            await Response(status_code=404)(scope, receive, send)
            return
        scope.setdefault("state", {})["browser"] = browser
        visit = path == "/" and method in ("GET", "HEAD")

        async def renewed(message: MutableMapping[str, Any]) -> None:
            if visit and age > SIGNED_ANEW and message["type"] == "http.response.start":
                cookie = Response()
                entry.renew(request, cookie, browser)
                MutableHeaders(scope=message).append("set-cookie", cookie.headers["set-cookie"])
            await send(message)

        if _content_length(request.headers) > LARGEST_BODY and path != UPLOAD:
            await Response(status_code=413)(scope, receive, send)
            return
        await self.app(scope, receive if path == UPLOAD else _bounded(receive), renewed)

    def _brings_token(self, request: "Request") -> bool:
        """True where whoever asks has the token of the metrics."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return False
        brought = hashlib.sha256(token.strip().encode("utf-8", "replace")).digest()
        wanted = hashlib.sha256(self.metrics_token.encode("utf-8", "replace")).digest()
        if self.metrics_token and hmac.compare_digest(brought, wanted):
            return True
        note("metrics refused", address=request.client.host if request.client else "")
        return False


_NOTHING = re.compile(r"(?!)")


class Uploads:
    """Which browser uploaded which file."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, browser: str, paths: Sequence[str]) -> None:
        with self._lock:
            self._known.update(dict.fromkeys((browser, path) for path in paths))
            while len(self._known) > MOST_UPLOADS:
                self._known.popitem(last=False)

    def size_of(self, browser: str) -> int:
        """Bytes of the files that this browser uploaded and that are there still."""
        with self._lock:
            paths = [path for name, path in self._known if name == browser]
        size = 0
        for path in paths:
            with contextlib.suppress(OSError):
                size += Path(path).lstat().st_size
        return size

    def holds(self, browser: str, path: str) -> bool:
        """True for a regular file that this browser uploaded."""
        with self._lock:
            known = (browser, path) in self._known
        return known and Path(path).is_file() and not Path(path).is_symlink()


class UploadRecorder:
    """Remembers what the framework answers to an upload: where the files are, and whose. `most` says how many bytes a browser may
    upload; None for as many as it likes.
    """

    def __init__(
        self, app: Application, uploads: Uploads, most: Callable[[str], int | None] = lambda browser: None
    ) -> None:
        self.app = app
        self.uploads = uploads
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != UPLOAD:
            await self.app(scope, receive, send)
            return
        browser = scope["state"]["browser"]
        if (most := self.most(browser)) is not None and (refusal := self._refusal(scope, browser, most)):
            from starlette.responses import PlainTextResponse

            await PlainTextResponse(refusal, 413)(scope, receive, send)
            return
        answer = b""

        async def recorded(message: MutableMapping[str, Any]) -> None:
            nonlocal answer
            if message["type"] == "http.response.body":
                answer += message.get("body", b"")
                if not message.get("more_body"):
                    with contextlib.suppress(ValueError):  # a refusal is a sentence
                        paths = json.loads(answer)
                        self.uploads.add(browser, paths if isinstance(paths, list) else ())
            await send(message)

        await self.app(scope, receive, recorded)

    def _refusal(self, scope: Scope, browser: str, most: int) -> str:
        """Why an upload can't be taken; "" where it can."""
        from starlette.datastructures import Headers as Sent

        length, held = Sent(scope=scope).get("content-length", ""), self.uploads.size_of(browser)
        if DIGITS.fullmatch(length) and held + int(length) <= most:
            return ""
        return (
            f"You may upload {most / 10**6:,.0f} MB here, and {held / 10**6:,.1f} MB are used. Ask an admin for more."
        )


def browser_of(request: Any) -> str:
    """The browser that asks, as the gate found it. `request` is FastAPI's, or Gradio's around it."""
    inner = getattr(request, "request", None) or request
    return str(inner.scope["state"]["browser"])


def is_metrics_reader(request: Any) -> bool:
    """True for who asked for the metrics with their token, as the gate found it."""
    return bool(request.scope["state"].get(READS_METRICS))


def _is_forwarded(name: bytes) -> bool:
    """True for a header that says where a proxy was asked: there is none, so whoever sends it made it up."""
    return name.lower().startswith((b"x-forwarded-", b"forwarded", b"x-gradio-", b"x-real-"))


def _is_foreign(headers: Mapping[str, str]) -> bool:
    """True for what a page of another origin sends: a browser says so itself."""
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
        return True
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True


def _content_length(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length) if DIGITS.fullmatch(length) else 0


def _bounded(receive: Receive) -> Receive:
    """The same request; its body can't be read where it is larger than an event of the page can be, whatever it said."""
    size = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise ValueError("This body is larger than an event of the page can be.")
        return message

    return counted
