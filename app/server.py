"""The app as a server on this machine: FastAPI that carries the Gradio page, hardened, with the jobs and services behind it.

Only loopback, only by its own names, only from its own pages; no request of the page leaves for another host.
"""

import contextlib
import json
import logging
import os
import re
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from app import numbers, services
from app.config import Settings
from app.desk import Desk
from app.errors import ServiceError
from app.files import only_one, write_private
from app.jobs import Jobs
from app.listening import Ear, Listening
from app.services import Say
from app.standby import Standby
from app.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

COOKIE = "claywright_browser"
HOST = "127.0.0.1"
PORT = 7860
HOSTS = ["127.0.0.1", "localhost"]
PAGES = Path(__file__).parent / "pages"
LARGEST_UPLOAD = "2gb"
YEAR = 365 * 24 * 3600
EXPORT = re.compile(r"\w[\w.-]{0,150}")
KNOWN = re.compile(r"[A-Za-z0-9_-]{20,64}")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; base-uri 'self'; form-action 'self';"
        " object-src 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SHUT = (
    "/gradio_api/deep_link", "/gradio_api/runs", "/gradio_api/info", "/gradio_api/mcp", "/gradio_api/openapi.json",
    "/openapi.json", "/monitoring",
)  # fmt: skip
"""Gradio's own pages that would write a session to the disk or describe what is not for programs."""


def serve(settings: Settings, say: Say, *, port: int = 0, browse: bool = True) -> None:
    """Serves the app until it is told to end. Raises ServiceError if it runs already, or if the port is taken."""
    record = settings.data / "app.json"
    with only_one(settings.data / "app.lock") as alone:
        if not alone:
            raise ServiceError(
                f"Claywright runs already{_where(record)}. Open that, or name another data folder with --data."
            )
        with _listening(port) as listener, services.stopping(settings), Store(settings.data) as store:
            url = f"http://{HOST}:{listener.getsockname()[1]}"
            standby = Standby(settings, say)
            jobs = Jobs(store, settings)
            desk = Desk(store, settings, jobs, standby)
            listening = Listening(store, lambda: desk.settings)

            def then() -> None:
                standby.start()
                listening.start()

            write_private(record, json.dumps({"url": url, "pid": os.getpid()}))
            try:
                _run(Ear(create(desk), listening), listener, url, say, browse, then)
            finally:
                listening.close()
                standby.close()
                jobs.close()
                store.db.interrupt()
                desk.beside.close()
                record.unlink(missing_ok=True)


def _where(record: Path) -> str:
    try:
        return f" at {json.loads(record.read_text(encoding='utf-8'))['url']}"
    except (OSError, ValueError, KeyError):
        return ""


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket on this machine: on `port`, or on the usual port, or on a free one."""
    with socket.socket() as listener:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for wanted in (port,) if port else (PORT, 0):
            try:
                listener.bind((HOST, wanted))
                listener.listen()  # now, as two may bind, and only one of them listen
                break
            except OSError as error:
                if wanted == port or not wanted:
                    raise ServiceError(
                        f"The port {wanted} can't be used: {error.strerror}. Name another one with --port."
                    ) from error
        yield listener


def _run(app: Ear, listener: socket.socket, url: str, say: Say, browse: bool, then: Callable[[], None]) -> None:
    """Serves until it is told to end. `then` is called once it answers: what takes the machine comes behind the page."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, timeout_keep_alive=75)
    )

    # the open streams of pages that are still there are cut at the end, which is no fault to tell anybody of
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)

    def tell() -> None:
        while not server.started:
            if server.should_exit:
                return
            time.sleep(0.05)
        say(f"Claywright is at {url}   (Ctrl-C ends it)")
        then()
        if browse and _has_desktop():
            webbrowser.open(url)

    threading.Thread(target=tell, daemon=True).start()
    server.run(sockets=[listener])


def _has_desktop() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def create(desk: Desk) -> "FastAPI":
    """The app: /healthz, /exports, /numbers, and the page at /."""
    from fastapi import FastAPI, Request
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.middleware.trustedhost import TrustedHostMiddleware
    from fastapi.responses import FileResponse, JSONResponse, Response

    _quiet_gradio(desk.settings)
    import gradio as gr

    from app.theme import css, theme
    from app.ui import build

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        return JSONResponse({"ok": True, "jobs": len(desk.jobs.working())})

    @app.get("/exports/{run}/{name}")
    def exported(run: str, name: str) -> Response:
        path = desk.settings.data / "exports" / run / name
        if not (EXPORT.fullmatch(run) and EXPORT.fullmatch(name) and path.is_file() and not path.is_symlink()):
            return JSONResponse({"error": "There is no such file."}, status_code=404)
        return FileResponse(path, filename=path.name, headers={"Cache-Control": "no-store"})

    @app.get("/numbers/{run}/{name}.csv")
    def counted(run: str, name: str, request: Request) -> Response:
        if not desk.knows(request.cookies.get(COOKIE, "")):
            return JSONResponse({"error": "Open the page first: this browser is not known here."}, status_code=403)
        if (found := numbers.download(desk, run, name)) is None:
            return JSONResponse({"error": "There are no such numbers."}, status_code=404)
        called = f"attachment; filename*=UTF-8''{quote(f'{run}-{name}.csv', safe='')}"
        said = {"Content-Disposition": called, "Cache-Control": "no-store"}
        return Response(found, media_type="text/csv; charset=utf-8", headers=said)

    demo = build(desk)
    app.add_middleware(Hardened)
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    mounted: FastAPI = gr.mount_gradio_app(
        app, demo, path="/", theme=theme(), css=css(), js=(PAGES / "keys.js").read_text(encoding="utf-8"), footer_links=[],
        run_history=False, show_error=False, max_file_size=LARGEST_UPLOAD, enable_monitoring=False, ssr_mode=False,
        favicon_path=str(PAGES / "favicon.svg"), pwa=False,
    )  # fmt: skip
    return mounted


def _quiet_gradio(settings: Settings) -> None:
    """Set before Gradio is imported: nothing is reported to anybody, uploads stay in the data folder."""
    uploads = settings.data / "browser"
    uploads.mkdir(mode=0o700, exist_ok=True)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)


class Hardened:
    """Names each browser by a cookie that no script reads, refuses what other pages send, and adds protecting headers."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = str(scope["path"]).rstrip("/")
        if path.startswith(SHUT):
            await _refuse(send, 404)
            return
        if _foreign(headers):
            await _refuse(send, 403)
            return
        new = "" if _cookie(headers) else secrets.token_urlsafe(24)
        if new and path == "":  # the very first look is this browser's already
            scope["headers"] = [*scope["headers"], (b"cookie", f"{COOKIE}={new}".encode())]

        async def hardened(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                if new and path == "":
                    cookie = f"{COOKIE}={new}; HttpOnly; SameSite=Lax; Path=/; Max-Age={YEAR}"
                    added.append((b"set-cookie", cookie.encode()))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self.app(scope, receive, hardened)


def _cookie(headers: dict[str, str]) -> str:
    """The browser's name in its cookie; "" for none, or one that we never gave."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and KNOWN.fullmatch(value):
            return value
    return ""


def _foreign(headers: dict[str, str]) -> bool:
    """True for what a page of another origin sends: a browser says so itself."""
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return True
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True


async def _refuse(send: Callable[..., Any], status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
