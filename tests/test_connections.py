"""Connections of others on the machine can't keep this user's own out, whatever they send or don't."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from app.web.security import peers
from app.web.security.connections import MOST_STRANGERS, BoundedConnection

linux = pytest.mark.skipif(sys.platform != "linux", reason="no other system tells whose a connection is")
BEGUN = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    """A server that lets in who has a cookie."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if any(name == b"cookie" for name, _ in scope["headers"]):
            scope.setdefault("state", {})["browser"] = "b"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, http=BoundedConnection, port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def connected(port: int, stack: contextlib.ExitStack, sent: bytes = BEGUN) -> socket.socket:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
    connection.sendall(sent)
    return connection


def answered(connection: socket.socket, more: bytes = b"\r\n") -> bool:
    """True where a request comes to its end; False where the server hung up."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(more)
        return connection.recv(1000).startswith(b"HTTP/1.1 204")
    return False


def test_strangers_take_so_many_connections_and_who_was_let_in_keeps_theirs(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        monkeypatch.setattr(os, "geteuid", lambda: -1)  # whoever comes is somebody else
        admitted = connected(port, stack, BEGUN + b"Cookie: a=b\r\n")
        assert answered(admitted)
        idle = [connected(port, stack) for _ in range(3 * MOST_STRANGERS)]
        assert answered(connected(port, stack))  # one more is heard at once
        assert answered(admitted, BEGUN + b"Cookie: a=b\r\n\r\n")
        assert [answered(connection) for connection in idle] == [False] * (2 * MOST_STRANGERS + 1) + [True] * (
            MOST_STRANGERS - 1
        )


@linux
def test_this_users_own_connections_are_not_counted(port: int) -> None:
    with contextlib.ExitStack() as stack:
        idle = [connected(port, stack) for _ in range(2 * MOST_STRANGERS)]
        assert all(map(answered, idle))


@linux
def test_whose_connection_it_is_can_be_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as end:
        client, server = end.getsockname(), listener.getsockname()
        for tell in (peers.user_of_peer, peers._from_kernel, peers._from_proc):
            assert tell(client, server) == os.getuid()
            assert tell(("127.0.0.1", 1), server) is None
        assert peers.user_of_peer(("testclient", 1), server) is peers.user_of_peer(None, None) is None
        end.shutdown(socket.SHUT_WR)
        assert peers.user_of_peer(client, server) is None


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can be somebody else")
def test_another_users_connection_is_theirs() -> None:
    connecting = (
        "import os, socket, sys; os.setuid(65534); client = socket.socket(); "
        "client.connect(('127.0.0.1', int(sys.argv[1]))); client.recv(1)"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        address = listener.getsockname()
        with subprocess.Popen([sys.executable, "-c", connecting, str(address[1])]):
            connection, client = listener.accept()
            with connection:
                assert peers.user_of_peer(client, address) == peers._from_proc(client, address) == 65534
