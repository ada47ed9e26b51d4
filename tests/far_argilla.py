"""Far sides for tests: a small stand-in for an Argilla server, over TLS where asked, and a proxy under a base path."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

Answer = tuple[int, Any]
"""(status, what is said): a text as a page, anything else as JSON."""
MADE = {"inserted_at": "2026-01-01T00:00:00", "updated_at": "2026-01-01T00:00:00"}
WORKSPACE = {"id": "6fa459ea-ee8a-3ca4-894e-db77e160355e", "name": "team", **MADE}


def user(role: str) -> dict[str, Any]:
    return {
        "id": "16fd2706-8baf-433b-82eb-8c7fada847da", "username": "ada", "first_name": "Ada", "last_name": None,
        "role": role, **MADE,
    }  # fmt: skip


def says(role: str = "owner", version: str = "2.8.0", workspaces: int = 1) -> dict[str, Answer]:
    """What a server says to a user of that role, by path."""
    return {
        "/api/v1/version": (200, {"version": version}),
        "/api/v1/me": (200, user(role)),
        "/api/v1/me/workspaces": (200, {"items": [WORKSPACE] * workspaces}),
        "/api/v1/webhooks": (200, {"items": []}) if role == "owner" else (403, {"detail": "no"}),
    }


@dataclass
class FarArgilla:
    """`with FarArgilla(says()) as far:` answers GET at `far.url`; whatever is not said is a page that answers 404.

    `gate(headers)` may answer in its place. `certificate` is a file with key and certificate: then it speaks TLS.
    """

    said: Mapping[str, Answer]
    gate: Callable[[Mapping[str, str]], Answer | None] | None = None
    certificate: Path | None = None
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """(path, headers) of every request."""

    def __enter__(self) -> "FarArgilla":
        far = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                headers = {name.lower(): value for name, value in self.headers.items()}
                far.seen.append((path, headers))
                status, body = (far.gate and far.gate(headers)) or far.said.get(path, (404, "<html>not here</html>"))
                content = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                if status in (301, 307, 308):
                    self.send_header("Location", str(body))
                self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests print what they want."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that hang up, as those do that do not trust a certificate."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing."""


class BasePath:
    """`with BasePath(url, "/argilla") as proxy:` passes what is asked below `proxy.url` on to `url`; all else is 404."""

    def __init__(self, url: str, path: str) -> None:
        self.target, self.path = url, path

    def __enter__(self) -> "BasePath":
        base, target = self.path, httpx.Client(base_url=self.target, timeout=30, trust_env=False)

        class Handler(BaseHTTPRequestHandler):
            def passed_on(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not self.path.startswith(f"{base}/"):
                    self.send_error(404)
                    return
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
                }
                got = target.request(self.command, self.path.removeprefix(base), content=sent, headers=headers)
                self.send_response(got.status_code)
                self.send_header("Content-Type", got.headers.get("content-type", "text/plain"))
                self.send_header("Content-Length", str(len(got.content)))
                self.end_headers()
                self.wfile.write(got.content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = passed_on  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.client = target
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{base}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.client.close()
