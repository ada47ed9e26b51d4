"""The proxy that the environment names for an address, read as curl reads it."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tasks.errors import SettingsError
from tasks.models.spec import ascii_host

if TYPE_CHECKING:
    import aiohttp

LOGIN = re.compile(r"\A([a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def proxy_for(url: str) -> str | None:
    """The proxy for an address, None for none; credentials in a .netrc are not for an endpoint that has a key.

    Without a scheme it is an HTTP proxy. Raises SettingsError for one that can't be used: what is sent to it could hold a key.
    """
    parts = urlsplit(url)
    if on_this_machine(url) or proxy_bypass(parts.netloc):
        return None
    named = getproxies()
    proxy = (named.get(parts.scheme) or named.get("all") or "").strip()
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        chosen = urlsplit(proxy)
        is_usable = chosen.scheme.lower() in SCHEMES and bool(chosen.hostname) and chosen.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise SettingsError(
            f"The proxy that the environment names for {parts.scheme}:// addresses, {without_login(proxy)}, can't be used. "
            "Name one that begins with http://, https:// or socks5h://, or none."
        )
    return proxy


def is_socks(proxy: str) -> bool:
    return proxy.lower().startswith("socks")


def without_login(proxy: str) -> str:
    """A proxy's address as it can be shown."""
    return LOGIN.sub(r"\1", proxy)[:200]


def on_this_machine(url: str) -> bool:
    """True for an address that no proxy can reach."""
    host = ascii_host(url)
    return host in ("localhost", "::1") or host.startswith("127.")


def socks_connector(proxy: str, **options: Any) -> "aiohttp.BaseConnector":
    """Connections through a SOCKS proxy; with socks5h and socks4a it looks the name up itself, as with curl."""
    from aiohttp_socks import ProxyConnector

    scheme, _, rest = proxy.partition("://")
    looks_up = scheme.lower() in ("socks5h", "socks4a")
    plain = "socks4" if scheme.lower().startswith("socks4") else "socks5"
    connector: aiohttp.BaseConnector = ProxyConnector.from_url(f"{plain}://{rest}", rdns=looks_up, **options)
    return connector


def proxy_errors() -> tuple[type[Exception], ...]:
    """What a SOCKS proxy that says no, or is none, raises beyond errors of the network."""
    from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

    return ProxyError, ProxyConnectionError, ProxyTimeoutError, EOFError
