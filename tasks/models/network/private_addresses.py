"""Keeps calls away from this machine and its networks: whoever may type an address must not look around there through the app.

A name is looked up where a connection is made, and the connection goes to what was looked at: a name that says something else the
next time gets nowhere.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.errors import EndpointRefused

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that hold an IPv4 one at their end (RFC 6052)."""


@dataclass(frozen=True)
class PublicOnly:
    """`hosts` ("10.0.0.5:8000", "models.internal") and `networks` are allowed all the same."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def but(cls, allowed: Iterable[str]) -> "PublicOnly":
        """All but these hosts, hosts with a port, addresses and networks."""
        hosts, networks = set[str](), list[Network]()
        for each in filter(None, (text.strip().lower() for text in allowed)):
            try:
                networks.append(ipaddress.ip_network(each))
            except ValueError:
                hosts.add(each)
        return cls(frozenset(hosts), tuple(networks))

    def lets(self, host: str, port: int) -> bool:
        """True for a host whose name was allowed, whatever its address is."""
        return host.lower() in self.hosts or f"{host.lower()}:{port}" in self.hosts

    def check(self, address: str, host: str) -> None:
        """Raises EndpointRefused for an IP address that is not for everybody."""
        number = ipaddress.ip_address(address.partition("%")[0])
        if not is_public(number) and not any(number in network for network in self.networks):
            raise EndpointRefused(
                f"{host} lies on this server or in its own network, where only admins may send calls. Ask one, or choose another"
                " address."
            )

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host. Raises EndpointRefused where one of them is not for everybody, OSError where it has none."""
        loop = asyncio.get_running_loop()
        resolved = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(each[4][0]) for each in resolved))
        if not self.lets(host, port):
            for address in addresses:
                self.check(address, host)
        return addresses

    async def check_url(self, url: str) -> None:
        """The same for the host of a URL."""
        parts = urlsplit(url)
        await self.addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def is_public(address: IPAddress) -> bool:
    """True for an address that is the same everywhere: not this machine, its networks, the link, or a cloud's own."""
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address in TRANSLATED:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(inside)
    return address.is_global and not address.is_multicast


def resolver(guard: PublicOnly) -> "AbstractResolver":
    """What looks names up for aiohttp, which does not ask it for an address that is one already."""
    from aiohttp import ThreadedResolver

    class Guarded(ThreadedResolver):
        async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
            resolved = await super().resolve(host, port, family)
            if not guard.lets(host, port):
                for each in resolved:
                    guard.check(each["host"], host)
            return resolved

    return Guarded()
