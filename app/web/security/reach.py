"""Where the app is reached, and what of a proxy is believed: which address it listens on, and by which one people know it.

Alone it is this machine's own address. Any other wants people who sign in, and an encrypted way: a certificate, or a stated proxy.
"""

import ipaddress
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from app.errors import ServiceError
from app.web.security.access import Application, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
OWN_NAMES = ["127.0.0.1", "localhost"]
"""How this machine calls itself."""
EVERYWHERE = ("0.0.0.0", "::")
FORWARDED = b"x-forwarded-for"
"""What a proxy adds to each request: one that comes from a proxy's address without it was made on that machine itself."""


@dataclass(frozen=True)
class Reach:
    """`url` is the address by which people know the app, "" for this machine's own; `proxies` are addresses or networks of
    proxies, `user_header` the header in which they say who signed in.
    """

    host: str = LOOPBACK
    url: str = ""
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()
    user_header: str = ""

    @property
    def is_open(self) -> bool:
        """True where others than this machine reach the app."""
        return bool(self.url) or self.host not in (*OWN_NAMES, "::1")

    @property
    def scheme(self) -> str:
        """That of the address that it listens on."""
        return "https" if self.certificate else "http"

    @cached_property
    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Those of the proxies. Raises ServiceError for what is no address."""
        try:
            return [ipaddress.ip_network(proxy) for proxy in self.proxies]
        except ValueError as error:
            raise ServiceError(
                f"A trusted proxy is an address or a network, as 10.0.0.2 or 10.0.0.0/24: {error}."
            ) from error

    @property
    def names(self) -> list[str]:
        """The hosts that a request may name."""
        public = [urlsplit(self.url).hostname or ""] if self.url else []
        bound = [self.host] if self.host not in EVERYWHERE else []
        return list(dict.fromkeys([*OWN_NAMES, *public, *bound]))

    def own_url(self, port: int) -> str:
        """The address by which people come, where the app listens on that port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.url.rstrip("/") or f"{self.scheme}://{host}:{port}"

    def check(self, *, people: bool) -> None:
        """Raises ServiceError for what does not go together, or would let strangers in. `people`: somebody can sign in."""
        if self.url and not _is_address(self.url):
            raise ServiceError(
                f"The address of the app looks like https://data.example.org/claywright, not like {self.url}."
            )
        if bool(self.certificate) != bool(self.key):
            raise ServiceError("A certificate goes with its key: name both --tls-cert and --tls-key.")
        for file in filter(None, (self.certificate, self.key)):
            if not file.is_file():
                raise ServiceError(f"There is no file {file}.")
        if self.certificate:
            try:
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                    self.certificate, self.key, password=""
                )
            except (ssl.SSLError, OSError) as error:
                raise ServiceError(
                    f"{self.certificate} and {self.key} are no certificate with its key, as PEM and without a password"
                    f" ({error.strerror or error})."
                ) from error
        if self.networks and not self.url:
            raise ServiceError("Behind a proxy the app has to know its address: name it with --url.")
        if self.user_header and not self.networks:
            raise ServiceError(
                "A header says who somebody is only where its proxy is known: name that with --trusted-proxy."
            )
        if not self.is_open:
            return
        if self.host in EVERYWHERE and not self.url:
            raise ServiceError(
                "It would listen on all addresses of this machine: name the one that people use with --url."
            )
        if not people:
            raise ServiceError(
                "Others could reach the app, and it would let anybody in. Add who looks after it first: claywright users add NAME"
                " --role admin"
            )
        if not self.certificate and not self.networks:
            raise ServiceError(
                "Passwords and texts would cross the network unencrypted. Name a certificate with --tls-cert and --tls-key, or the"
                " proxy in front with --trusted-proxy."
            )


def _is_address(url: str) -> bool:
    """True for what people can open: http or https, a host, perhaps a path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.username


class PublicAddress:
    """`app` as people's address shows it: what a stated proxy says of a request is believed, and of nobody else.

    In the request's state: `prefix`, the path under which the app lies; `named`, whom the proxy says that it is.
    """

    def __init__(self, app: Application, reach: Reach) -> None:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        self.app = app
        self.reach = reach
        public = urlsplit(reach.url)
        self.prefix = public.path.rstrip("/")
        self._host, self._scheme = public.netloc.encode(), public.scheme
        self._named_by = reach.user_header.lower().encode()
        self._with_client: Any = ProxyHeadersMiddleware(cast(Any, self._forwarded), list(reach.proxies))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {}).update(prefix="", named=None)
        if self._is_forwarded(scope):
            await self._with_client(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_forwarded(self, scope: Scope) -> bool:
        """True for a request that a stated proxy hands on."""
        client = scope.get("client")
        if not client or not any(name == FORWARDED for name, _ in scope["headers"]):
            return False
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return False
        return any(address in network for network in self.reach.networks)

    async def _forwarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import RedirectResponse

        state = scope["state"]
        if self._named_by:
            state["named"] = next(
                (value.decode("latin-1") for name, value in scope["headers"] if name == self._named_by), ""
            )
        others = [(name, value) for name, value in scope["headers"] if name not in (b"host", self._named_by)]
        scope["headers"] = [*others, (b"host", self._host)]
        scope["scheme"], state["prefix"] = self._scheme, self.prefix
        path = str(scope["path"])
        if self.prefix and path == self.prefix:  # relative addresses need the slash
            await RedirectResponse(f"{self.prefix}/", 307)(scope, receive, send)
            return
        if self.prefix and path.startswith(
            f"{self.prefix}/"
        ):  # a proxy may hand the whole path on, or what is behind it
            scope["path"] = path.removeprefix(self.prefix)
        await self.app(scope, receive, send)


class UnderPath:
    """`app` told under which path it lies, as ASGI says it: all that it tells of itself then begins with that."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (prefix := scope["state"].get("prefix")):
            scope = {**scope, "root_path": prefix, "path": prefix + scope["path"], "raw_path": None}
            scope.pop("raw_path")
        await self.app(scope, receive, send)
