"""Whether a cluster is still there, and in it the node where this process works.

Ray itself tells neither: where its head is gone it ends the process after a minute, and where a node is drained under a driver, the
driver waits for ever. So the ports of both are looked at, which is no call of Ray's that could wait with them.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping

from tasks.models.base import CONNECTING

HEAD, NODE = "head", "node"
LOOK_EVERY = 2.0
GONE_AFTER: Mapping[str, float] = {HEAD: 30.0, NODE: 5.0}
"""Seconds without a connection. A head may come back, what runs on a node does not."""
LEFT = {
    HEAD: "The head of the cluster is gone. Start it again, then go on.",
    NODE: "Ray ended on the node where this run is worked, as it does on a node that is drained. Go on from a node that stays.",
}


async def lost(
    ports: Mapping[str, tuple[str, int]], gone_after: Mapping[str, float] = GONE_AFTER, every: float = LOOK_EVERY
) -> str:
    """Waits until the head or the node is gone, of which `ports` says where each listens: a sentence about it."""
    seen = dict.fromkeys(ports, time.monotonic())
    while True:
        await asyncio.sleep(every)
        for what, (host, port) in ports.items():
            if await _listens(host, port):
                seen[what] = time.monotonic()
            elif time.monotonic() - seen[what] >= gone_after[what]:
                return LEFT[what]


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECTING):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
