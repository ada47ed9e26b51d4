"""Whether Ray can be behind the address of a cluster. Asked before Ray is imported, which would try for minutes."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec

from tasks.cluster.local_folder import TOKEN, TOKEN_FILE, token_file
from tasks.cluster.settings import AUTO, Cluster
from tasks.errors import EndpointDown, SettingsError
from tasks.models.base import CONNECTING
from tasks.models.network.proxy import on_this_machine

INSTALL = 'Install it: pip install "claywright[ray]".'
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What a client of HTTP/2 begins with, which Ray's gRPC is sent over (RFC 9113, 3.4), and its settings: none."""
FRAME_HEADER, SETTINGS = 9, 4
"""A frame's header: its length in three bytes, its type, flags and stream. The server's first frame holds its settings."""


def check_usable(settings: Cluster, variables: Mapping[str, str]) -> None:
    """Raises SettingsError where Ray is not installed, or where its token is missing for a cluster on other machines."""
    if find_spec("ray") is None:
        raise SettingsError(f"[cluster] needs Ray, which is not installed. {INSTALL}", setting="address")
    settings = _resolved(settings, variables)
    host = settings.host
    if not host or on_this_machine(f"http://{f'[{host}]' if ':' in host else host}"):
        return
    if not variables.get(TOKEN) and not variables.get(TOKEN_FILE) and not token_file(variables).is_file():
        raise SettingsError(
            f"The cluster at {settings.address} is on another machine, where whoever reaches Ray can run anything: it needs a "
            f"token. Start the cluster with RAY_AUTH_MODE=token, and set {TOKEN} or {TOKEN_FILE} here.",
            setting="address",
        )


def check_answers(settings: Cluster, within: float = CONNECTING) -> None:
    """Raises EndpointDown where nothing listens at the address, or something that does not answer as Ray does."""
    settings = _resolved(settings, os.environ)
    if not settings.host:
        return
    try:
        with socket.create_connection((settings.host, settings.port), within) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true") or _greets(connection, within):
                return
    except OSError as error:
        raise EndpointDown(
            f"The cluster at {settings.address} can't be reached ({error.strerror or error}). Was it started, with 'ray start "
            "--head', is the address right?"
        ) from error
    raise EndpointDown(
        f"What listens at {settings.address} is not Ray. Is the port right? Ray's own is 6379 and that of ray:// 10001, where "
        "'ray start --head' was given no other."
    )


def _resolved(settings: Cluster, variables: Mapping[str, str]) -> Cluster:
    """The same with the address that "auto" stands for, where a variable of Ray says so."""
    named = variables.get("RAY_ADDRESS", "")
    return replace(settings, address=named) if named and settings.address == AUTO else settings


def _greets(connection: socket.socket, within: float) -> bool:
    """True where a server answers in HTTP/2."""
    until, received = time.monotonic() + within, b""
    try:
        connection.sendall(GREETING)
        while len(received) < FRAME_HEADER:
            connection.settimeout(max(0.001, until - time.monotonic()))
            if not (more := connection.recv(FRAME_HEADER - len(received))):
                return False
            received += more
    except OSError:
        return False
    return received[3] == SETTINGS and received[5:] == bytes(4)
