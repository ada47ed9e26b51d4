"""Whose process is at the other end of a connection over loopback: only Linux tells.

It is asked over sock_diag(7), which takes the same time however many connections the machine has: whoever else is on it can
open tens of thousands, and reading /proc/net/tcp, which lists them all, would hold the app for a tenth of a second each time.
"""

import contextlib
import os
import socket
import struct
import sys
from functools import cache
from pathlib import Path

Address = tuple[str, int | None]
SOCK_DIAG, BY_FAMILY, REQUEST = 4, 20, 1
"""From linux/netlink.h and linux/sock_diag.h."""
ESTABLISHED, ANY = 1, 0xFFFFFFFF
HEADER, ENDS, THREE = struct.Struct("=IHHII"), struct.Struct("!HH4s12x4s12x"), struct.Struct("=III")
"""An nlmsghdr; ports and addresses of an inet_diag_sockid; the three numbers behind them, its interface and its cookie."""
USER_AT = HEADER.size + 4 + ENDS.size + 2 * THREE.size
"""Where the user stands in an answer, an inet_diag_msg: behind a sockid and three numbers more."""


def user_of_peer(client: Address | None, server: Address | None) -> int | None:
    """The id of the user who connected from `client` to `server`; None where the system does not tell, or it is closed.

    A cookie is sent to all ports of a machine, also to a server of somebody else there: it is worth nothing for that one.
    """
    if sys.platform != "linux" or client is None or server is None:
        return None
    with contextlib.suppress(OSError, ValueError, TypeError, struct.error):
        return _from_kernel(client, server) if _kernel_tells() else _from_proc(client, server)
    return None


@cache
def _kernel_tells() -> bool:
    """True where sock_diag knows a connection of our own; a container may not let it be asked."""
    with (
        contextlib.suppress(OSError, struct.error),
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), 5) as client,
    ):
        return _from_kernel(client.getsockname(), server.getsockname()) == os.geteuid()
    return False


def _from_kernel(client: Address, server: Address) -> int | None:
    ends = ENDS.pack(client[1], server[1], socket.inet_aton(client[0]), socket.inet_aton(server[0]))
    request = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, ANY) + ends + THREE.pack(0, ANY, ANY)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(HEADER.pack(HEADER.size + len(request), BY_FAMILY, REQUEST, 0, 0) + request)
        answer = kernel.recv(4096)
    kind, state = HEADER.unpack_from(answer)[1], answer[HEADER.size + 1]
    if kind != BY_FAMILY or state != ESTABLISHED:
        return None
    return int(struct.unpack_from("=I", answer, USER_AT)[0])


def _from_proc(client: Address, server: Address) -> int | None:
    ends = " ".join(
        f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}" for host, port in (client, server)
    )
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        entry = line.partition(": ")[2]
        if entry.startswith(f"{ends} {ESTABLISHED:02X} "):
            return int(line.split()[7])
    return None
