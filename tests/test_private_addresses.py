"""Endpoints on this machine and in its networks: for admins, and where the operator allows it; for a team's curators not."""

import asyncio
import ipaddress
from typing import Any

import pytest

from app.api_keys import private_endpoints
from app.config import Settings
from app.runs.endpoints import endpoint
from app.runs.model_check import list_models
from app.store.store import Store
from app.workspace import silent
from tasks.errors import EndpointRefused
from tasks.models.network.private_addresses import PublicOnly, is_public
from tasks.models.spec import ModelSpec
from tests.make_state import at_desk
from tests.servers import FakeOpenAI


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:c0a8:101::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_networks(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_everybody(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def ask(spec: ModelSpec, here: Settings, keys: Any) -> str:
    """What a model says; each call in a loop of its own."""

    async def asked() -> str:
        there: Any = endpoint(spec, here, silent, keys)
        try:
            body = there.request("chat", [{"role": "user", "content": "Hi"}], {})
            return str((await there.answer("chat", body, 0)).text)
        finally:
            await there.close()

    return asyncio.run(asked())


def test_a_curator_sends_no_call_into_this_machines_networks(
    store: Store, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.people.add("ann", "admin")
    store.people.add("ben", "curator")
    with FakeOpenAI() as server, at_desk(store, here) as desk:
        port = server.url.split(":")[2].removesuffix("/v1")
        loopback = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001")
        keys = desk.of("@ben").keys("@ben")
        for host in (*loopback, "[::ffff:127.0.0.1]", "169.254.169.254"):
            spec = ModelSpec(url=f"http://{host}:{port}/v1", model="fake")
            with pytest.raises(EndpointRefused, match="where only admins may send calls"):
                ask(spec, here, keys)
            assert asyncio.run(list_models(spec, here, keys)) == ()
        assert server.calls == []
        spec = ModelSpec(url=server.url, model="fake")
        assert ask(spec, here, desk.of("@ann").keys("@ann")) and ask(spec, here, desk.keys("alone"))
        before = len(server.calls)
        for allowed in (f"127.0.0.1:{port}", "127.0.0.1", "127.0.0.0/8"):
            monkeypatch.setenv("CLAYWRIGHT_PRIVATE_ENDPOINTS", f"models.internal, {allowed}")
            assert ask(spec, here, desk.of("@ben").keys("@ben"))
        monkeypatch.setenv("CLAYWRIGHT_PRIVATE_ENDPOINTS", "127.0.0.1:1, 10.0.0.0/8")
        with pytest.raises(EndpointRefused):
            ask(spec, here, desk.of("@ben").keys("@ben"))
        assert len(server.calls) == before + 3


def test_a_name_is_looked_at_where_the_connection_is_made(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is asked first, and this machine's own when the connection is made."""
    said = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])

    async def rebinding(self: Any, host: str, port: int, **options: Any) -> Any:
        return [(2, 1, 6, "", (next(said), port))]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", rebinding)
    with FakeOpenAI() as server:
        port = server.url.split(":")[2].removesuffix("/v1")
        keys = type(
            "Keys",
            (),
            {"guard": PublicOnly(), "of": lambda *_: None, "holds": lambda *_: False, "refused": lambda *_: ""},
        )()
        with pytest.raises(EndpointRefused, match=r"rebind\.example"):
            ask(ModelSpec(url=f"http://rebind.example:{port}/v1", model="fake"), here, keys)
        assert server.calls == []


def test_what_the_environment_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAYWRIGHT_PRIVATE_ENDPOINTS", " Models.Internal:8000, 10.0.0.0/24,, ")
    guard = private_endpoints()
    assert guard.lets("models.internal", 8000) and not guard.lets("models.internal", 9000)
    guard.check("10.0.0.7", "a")
    with pytest.raises(EndpointRefused):
        guard.check("10.0.1.7", "a")
