"""The app as a server on this machine: FastAPI that carries the Gradio page, with the jobs and services behind it.

Only by its own names; where it is reached is in security/reach.py, who gets in in security/access.py. No request of the page leaves
for another host.
"""

import contextlib
import ctypes
import errno
import hashlib
import json
import logging
import os
import re
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app import services
from app.api_keys import secrets_of_environment
from app.config import Settings
from app.errors import DocumentationError, PeopleError, ServiceError, StoreError
from app.file_locks import held, only_one, write_private
from app.review.argilla import OPEN, signed_in
from app.services import Say
from app.store.store import Store
from app.web import stats_tables
from app.web.auto_pull import AutoPull, WebhookRoute
from app.web.html import fragments, language
from app.web.html.markup import markup
from app.web.jobs import Jobs
from app.web.operations import log, metrics, readiness
from app.web.operations.faults import FaultLog
from app.web.operations.log import note
from app.web.operations.readiness import Readiness
from app.web.quick_answers import QuickAnswers
from app.web.security.access import (
    GERMAN,
    HEALTH,
    PERSON,
    Access,
    Application,
    Gate,
    Headers,
    UploadRecorder,
    browser_of,
)
from app.web.security.entries import ByAddress, ByName, ByProxy, Entry
from app.web.security.oidc import Provider, SignIn, way_back_kept
from app.web.security.reach import PublicAddress, Reach, UnderPath
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.web.team import account_page, people_page, shares_page
from feedback import comparisons

if TYPE_CHECKING:
    from fastapi import FastAPI

PORT = 7860
STATIC = Path(__file__).parent / "static"
LARGEST_UPLOAD = "2gb"
EXPORT = re.compile(r"\w[\w.-]{0,150}")
RECORD, LOCK = "app.json", "app.lock"
"""In the data folder: where the running app is, and what it holds while it runs."""
NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
ALONE = Reach()
SHORTEST_TOKEN = 16
"""Characters of a token for the metrics: how often one is tried is not limited."""
M_ARENA_MAX = -8
"""How malloc.h of glibc calls it."""
MOST_SESSIONS = 50
"""Open pages whose state Gradio keeps, 0.85 MB each; one that was forgotten is given a new one when it asks again."""


def serve(
    settings: Settings,
    say: Say,
    *,
    port: int = 0,
    browse: bool = True,
    reach: Reach = ALONE,
    provider: Provider | None = None,
) -> None:
    """Serves the app until it is told to end. Raises ServiceError if it runs already, if the port is taken, or if strangers
    would get in (`Reach.check`). `provider` signs people in, where one is named.
    """
    record = settings.data / RECORD
    with only_one(settings.data / LOCK) as alone:
        if not alone:
            raise ServiceError(
                f"Claywright runs already{_where(record)}. Open that, or name another data folder with --data."
            )
        _share_heaps()
        with (
            _listening(reach.host, port) as listener,
            services.local(settings).stopping(),
            Store(settings.data) as store,
        ):
            if 0 < len(settings.metrics_token) < SHORTEST_TOKEN:
                raise ServiceError(
                    f"CLAYWRIGHT_METRICS_TOKEN can be guessed: give it {SHORTEST_TOKEN} characters or more, by chance."
                )
            reach.check(people=store.people.any() or (provider is not None and bool(provider.admins)))
            url, access = reach.own_url(listener.getsockname()[1]), Access(settings.data)
            address = url if provider or store.people.any() else access.address(url)
            monitor = ServiceMonitor(settings, say)
            jobs = Jobs(store, settings)
            state = AppState(store, settings, jobs, monitor)
            listening = AutoPull(store, lambda: state.settings)

            def then() -> None:
                monitor.start()
                listening.start()
                if browse and has_desktop():
                    browse_to(address, settings)
                if store.preferences.any():  # a page that ranks responses does not wait for it then
                    comparisons.load()

            with log.log_to(settings.log, lambda: secrets_of(state, access)):
                write_private(record, json.dumps({"url": url, "pid": os.getpid()}))
                note("app began", version=metadata.version("claywright"), team=store.people.any())
                try:
                    _run(create(state, access, listening, reach, provider), listener, address, reach, say, then)
                finally:
                    listening.close()
                    monitor.close()
                    jobs.close()
                    store.db.interrupt()
                    state.statistics.close()
                    record.unlink(missing_ok=True)
                    note("app ended")


def _share_heaps() -> None:
    """Two heaps for all threads: glibc gives each of dozens its own, and what is free in one is of no use to the others."""
    with contextlib.suppress(OSError, AttributeError):  # where there is no glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def secrets_of(state: AppState, access: Access) -> set[str]:
    """What the log must not hold: keys that were typed, those of the environment, and what lets people in."""
    settings = state.settings
    secrets = {*secrets_of_environment(), *state.ring.all(), settings.argilla_key or "", settings.metrics_token}
    with contextlib.suppress(StoreError):  # it may be gone, and whoever writes a line can't mend that
        secrets |= {access.token, access.secret.decode()}
    return secrets - {""}


def _where(record: Path) -> str:
    try:
        return f" at {json.loads(record.read_text(encoding='utf-8'))['url']}"
    except (OSError, ValueError, KeyError):
        return ""


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on an address of this machine: on `port`, or on the usual port, or on a free one."""
    # asyncio turns Nagle's algorithm off only for a socket that names its protocol: else the end of each answer waits 40 ms
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, proto=socket.IPPROTO_TCP) as listener:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for candidate in (port,) if port else (PORT, 0):
            try:
                listener.bind((host, candidate))
                listener.listen()  # now, as two may bind, and only one of them listen
                break
            except OSError as error:
                if error.errno in NO_SUCH_ADDRESS:
                    raise ServiceError(
                        f"This machine has no address {host}. Name one that it has with --host."
                    ) from error
                if candidate == port or not candidate:
                    raise ServiceError(
                        f"The port {candidate} can't be used: {error.strerror}. Name another one with --port."
                    ) from error
        yield listener


def running_app(settings: Settings) -> tuple[str, Access]:
    """(the URL of the app that runs on this data folder, its secret). Raises ServiceError where none runs."""
    record = settings.data / RECORD
    if held(settings.data / LOCK):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return str(json.loads(record.read_text(encoding="utf-8"))["url"]), Access(settings.data)
    raise ServiceError(f"Claywright does not run on the data folder {settings.data}. Start it with: claywright")


def browse_to(address: str, settings: Settings) -> None:
    """Opens the address in this person's browser, by way of a private file: other users see what a command is called with."""
    file = settings.data / "open.html"
    write_private(file, markup('<meta http-equiv="refresh" content="0; url={}">', address))
    webbrowser.open(file.as_uri())


def _run(
    app: Application, listener: socket.socket, address: str, reach: Reach, say: Say, then: Callable[[], None]
) -> None:
    """Serves until it is told to end. `then` is called once it answers: what takes the machine comes behind the page."""
    import uvicorn

    from app.web.security.connections import MOST_STRANGERS, BoundedConnection

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedConnection,
            backlog=MOST_STRANGERS,  # so many are accepted before any of them can be refused
            log_level="error",  # what strangers send that is no HTTP is nothing to tell the owner of
            access_log=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,
            proxy_headers=False,  # only where a proxy is stated: security/reach.py
            ssl_certfile=reach.certificate,
            ssl_keyfile=reach.key,
        )
    )

    # the open streams of pages that are still there are cut at the end, which is no fault to tell anybody of
    logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)

    def tell() -> None:
        while not server.started:
            if server.should_exit:
                return
            time.sleep(0.05)
        say(f"Claywright is at {address}   (Ctrl-C ends it)")
        then()

    threading.Thread(target=tell, daemon=True).start()
    server.run(sockets=[listener])


def has_desktop() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def create(
    state: AppState,
    access: Access,
    listening: AutoPull | None = None,
    reach: Reach = ALONE,
    provider: Provider | None = None,
) -> Application:
    """The app behind its gate: /healthz, /readyz, /metrics, /exports, /numbers, /help, and the page at /; with `listening`,
    Argilla's webhook.
    """
    return gated(routes(state), state, access, listening, reach, provider)


def gated(
    app: Application,
    state: AppState,
    access: Access,
    listening: AutoPull | None = None,
    reach: Reach = ALONE,
    provider: Provider | None = None,
) -> Application:
    """`app` for those who may use it, at the addresses by which it is reached."""
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    alone, team = ByAddress(access), ByName(state.store, access, SignIn(provider) if provider else None)
    entry_of_a_team: Entry = ByProxy(state.store, team) if reach.user_header else team

    def most(browser: str) -> int | None:
        megabytes = state.store.limits.of(browser.removeprefix(PERSON)).megabytes
        return None if megabytes is None else megabytes * 10**6

    def entry() -> Entry:
        return entry_of_a_team if provider or state.store.people.any() else alone

    inner = UploadRecorder(QuickAnswers(UnderPath(app)), state.uploads, most)
    gate: Any = Gate(inner, entry, state.settings.metrics_token)
    if provider:
        gate = way_back_kept(gate, access, https=reach.own_url(0).startswith("https:"))
    gate = PublicAddress(TrustedHostMiddleware(gate, allowed_hosts=reach.names), reach)
    return Headers(FaultLog(WebhookRoute(gate, listening) if listening else gate))


def routes(state: AppState) -> "FastAPI":
    """The app without its gate."""
    from fastapi import FastAPI, Request
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

    _quiet_gradio(state.settings)
    import gradio as gr

    from app.web.html.theme import css, theme
    from app.web.layout import build

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(HEALTH)
    def healthz() -> JSONResponse:
        return JSONResponse({"ok": True, "jobs": len(state.jobs.working())})

    readiness.add_route(app, Readiness(state.store, state.jobs))
    metrics.add_route(app, state)

    def seen(request: Request, run: str) -> bool:
        """True where whoever asks may see the run of that id. Alone, what a deleted run left is there still."""
        own = state.of(browser_of(request))
        return own.person is None or own.store.runs.known(run) is not None

    @app.get("/exports/{run}/{name}")
    def exported(run: str, name: str, request: Request) -> Response:
        path = state.settings.data / "exports" / run / name
        if not (
            seen(request, run)
            and EXPORT.fullmatch(run)
            and EXPORT.fullmatch(name)
            and path.is_file()
            and not path.is_symlink()
        ):
            return JSONResponse({"error": "There is no such file."}, status_code=404)
        return FileResponse(path, filename=path.name, headers={"Cache-Control": "no-store"})

    @app.get(OPEN)
    def argilla(request: Request, to: str = "/") -> Response:
        try:
            state.of(browser_of(request)).only_admins("opens Argilla as its owner")
        except PeopleError as error:
            return JSONResponse({"error": str(error)}, status_code=403)
        address = signed_in(state.settings, to) if to.startswith("/") and not to.startswith("//") else ""
        if not address:
            return JSONResponse({"error": "Argilla does not run. Look at the page Models."}, status_code=404)
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})

    @app.get("/numbers/{run}/{name}.{kind}")
    def counted(run: str, name: str, kind: str, request: Request) -> Response:
        own = state.of(browser_of(request))
        if (file := stats_tables.download(own, run, name, kind)) is None:
            return JSONResponse({"error": "There are no such numbers."}, status_code=404)
        content, media_type = file
        called = f"attachment; filename*=UTF-8''{quote(f'{run}-{name}.{kind}', safe='')}"
        return Response(
            content, media_type=media_type, headers={"Content-Disposition": called, "Cache-Control": "no-store"}
        )

    @app.get(GERMAN)
    def german(request: Request) -> Response:
        code = language.script()
        known = f'"{hashlib.sha256(code.encode()).hexdigest()[:16]}"'
        headers = {"Cache-Control": "no-cache", "ETag": known}
        if request.headers.get("if-none-match") == known:
            return Response(status_code=304, headers=headers)
        return Response(code, media_type="text/javascript; charset=utf-8", headers=headers)

    @app.get("/help/{topic}")
    def document(topic: str) -> Response:
        try:
            return HTMLResponse(fragments.help_panel(topic), headers={"Cache-Control": "no-cache"})
        except DocumentationError as error:
            return JSONResponse({"error": str(error)}, status_code=404)

    account_page.add_routes(app, state)
    people_page.add_routes(app, state)
    shares_page.add_routes(app, state)
    demo = build(state)
    demo.state_session_capacity = MOST_SESSIONS
    app.add_middleware(CORSMiddleware, allow_origins=[])
    mounted: FastAPI = gr.mount_gradio_app(
        app, demo, path="/", theme=theme(), css=css(), js=scripts(), head=head(), footer_links=[],
        run_history=False, show_error=False, max_file_size=LARGEST_UPLOAD, enable_monitoring=False, ssr_mode=False,
        favicon_path=str(STATIC / "favicon.svg"), pwa=False,
    )  # fmt: skip
    # a mounted app counts as not launched yet, and then Gradio takes any path for one of its own uploads
    demo.has_launched = demo.is_running = True
    return mounted


def head() -> str:
    """What the page has to know before its parts are there."""
    return f"{language.choice()}<script>{(STATIC / 'clicks.js').read_text(encoding='utf-8')}</script>"


def scripts() -> str:
    """What runs in the page when it is there, as one function."""
    texts = [
        (STATIC / name).read_text(encoding="utf-8").strip()
        for name in ("typing.js", "keys.js", "list.js", "fields.js", "switcher.js", "help.js")
    ]
    return f"() => {{ {' '.join(f'({text})();' for text in texts)} }}"


def _quiet_gradio(settings: Settings) -> None:
    """Set before Gradio is imported: nothing is reported to anybody, uploads stay in the data folder."""
    uploads = settings.data / "browser"
    uploads.mkdir(mode=0o700, exist_ok=True)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
