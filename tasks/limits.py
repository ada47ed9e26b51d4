"""How many calls an endpoint gets at the same time: grows while answers come, halves when it says "too many"."""

import asyncio
import contextlib
import time
from collections import deque
from types import TracebackType


class Limiter:
    """A gate of adapting width (additive growth, halving on overload), shared by everybody who uses one endpoint.

    `widest` is the most that it grows to and what it starts with.
    """

    def __init__(self, widest: int) -> None:
        self.widest = float(widest)
        self.width = float(widest)
        self.inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = 0.0
        self._halved = 0.0
        self._free = asyncio.Event()

    async def __aenter__(self) -> None:
        if self.inside < int(self.width) and not self._waiting:
            self.inside += 1
        else:
            await self._turn()
        try:
            await self._open()
        except asyncio.CancelledError:
            self._leave()
            raise

    async def _turn(self) -> None:
        """Waits in line for a place, which whoever leaves hands over."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def _open(self) -> None:
        """Waits as long as the endpoint asked us to."""
        while not self._free.is_set() and (wait := self._closed_until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._free.wait(), wait)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self.inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.inside < int(self.width):
            turn = self._waiting.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)

    def wait_no_more(self) -> None:
        """From now on nobody is held back by a time to wait: the run is stopping."""
        self._free.set()

    def answered(self) -> None:
        """An answer came: one more for each round of answers."""
        if self.width < self.widest:
            self.width = min(self.widest, self.width + 1 / self.width)
            self._admit()

    def overloaded(self, wait: float) -> None:
        """The endpoint said "too many": half as many, none for `wait` seconds. A burst of them counts once."""
        now = time.monotonic()
        self._closed_until = max(self._closed_until, now + wait)
        if now - self._halved > 1.0:
            self.width, self._halved = max(1.0, self.width / 2), now
