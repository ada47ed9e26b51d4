"""How hard an endpoint is driven: calls at the same time, requests and tokens a minute."""

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType

from tasks.engine.stop_event import Halt

MINUTE = 60.0
LOOK_AGAIN = 1.0
"""Seconds after which one who waits looks again whether that is over: others may have used fewer tokens, or been answered."""


@dataclass
class FairQueue:
    """Those who wait for a place and have one, of one stage and model. `most` have one at the same time."""

    most: int
    inside: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Limiter:
    """A gate of adapting width before one server, which lets those who wait in by turns: one of each lane.

    `widest` is the most that it grows to and what it starts with. It halves on overload and grows by one for each round of
    answers (additive increase, multiplicative decrease: Chiu and Jain, 1989); after an outage it begins with one call and
    doubles until it is where it was.
    """

    def __init__(self, widest: int = 1) -> None:
        self.widest = float(widest)
        self.width = float(widest)
        self.inside = 0
        self._lanes: dict[str, FairQueue] = {}
        self._closed_until = 0.0
        self._halved = 0.0
        self._was = 0.0
        self._free = asyncio.Event()

    def widen(self, widest: int) -> None:
        """Lets in as many as `widest`, where another model at the same address takes more."""
        if widest > self.widest:
            self.resize(widest)

    def resize(self, widest: int) -> None:
        """Lets in as many as `widest` from now on; those who are inside stay."""
        self.width = min(self.width + max(0.0, widest - self.widest), widest)
        self.widest, self._was = float(widest), min(self._was, widest)
        self._admit()

    def place(self, lane: str, most: int) -> "Slot":
        """A place in a lane, as a context: entering waits for it."""
        known = self._lanes.get(lane)
        if known is None:
            known = self._lanes[lane] = FairQueue(most)
        known.most = most
        return Slot(self, known)

    async def enter(self, lane: FairQueue) -> None:
        if self.inside < int(self.width) and lane.inside < lane.most and not lane.waiting:
            self.inside += 1
            lane.inside += 1
        else:
            await self._turn(lane)
        try:
            await self._open()
        except asyncio.CancelledError:
            self.leave(lane)
            raise

    async def _turn(self, lane: FairQueue) -> None:
        """Waits in line for a place, which whoever leaves hands over."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(lane)
            raise

    async def _open(self) -> None:
        """Waits as long as the endpoint asked us to."""
        while not self._free.is_set() and (wait := self._closed_until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(wait):
                    await self._free.wait()
            except TimeoutError:
                continue

    def leave(self, lane: FairQueue) -> None:
        self.inside -= 1
        lane.inside -= 1
        self._admit()

    def _admit(self) -> None:
        """Lets the first of each lane in, lane by lane, as long as there are places."""
        admitted = True
        while admitted and self.inside < int(self.width):
            admitted = False
            for name, lane in list(self._lanes.items()):
                while lane.waiting and lane.waiting[0].done():
                    lane.waiting.popleft()
                if not lane.waiting or lane.inside >= lane.most or self.inside >= int(self.width):
                    continue
                self._lanes[name] = self._lanes.pop(name)  # it was its turn: next time the others come first
                self.inside += 1
                lane.inside += 1
                lane.waiting.popleft().set_result(None)
                admitted = True

    def wait_no_more(self) -> None:
        """From now on nobody is held back by a time to wait: the run is stopping."""
        self._free.set()

    @property
    def closed_for(self) -> float:
        """Seconds until it opens, as the endpoint asked us to wait; 0 where it is open."""
        return max(0.0, self._closed_until - time.monotonic())

    def answered(self) -> None:
        """An answer came: one more for each round of answers, twice as many where an outage is over."""
        if self.width < self.widest:
            self.width = min(self.widest, self.width + (1 if self.width < self._was else 1 / self.width))
            self._admit()

    def overloaded(self, wait: float, sent: float = math.inf) -> None:
        """The endpoint said "too many", or nothing in time: half as many, none for `wait` seconds.

        A burst counts once, and so does what was `sent` before it was halved: that says nothing of fewer calls.
        """
        now = time.monotonic()
        self._closed_until = max(self._closed_until, now + wait)
        if now - self._halved > 1.0 and sent > self._halved:
            self.width, self._halved = max(1.0, self.width / 2), now
            self._was = 0.0

    def lost(self) -> None:
        """The endpoint is away: one call at a time looks whether it is back."""
        self._was = max(self._was, self.width)
        self.width = 1.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the lane of a limiter."""

    limiter: Limiter
    lane: FairQueue

    async def __aenter__(self) -> None:
        await self.limiter.enter(self.lane)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.limiter.leave(self.lane)


class RateLimiter:
    """Requests and tokens a minute: in no sixty seconds more than were given, evenly spread, as providers count seconds.

    Requests follow the generic cell rate algorithm (ITU-T I.371), tokens a bucket that fills while it is used; tokens that a
    call set aside and did not use go back. 0 is no limit.
    """

    def __init__(self, requests: int = 0, tokens: int = 0) -> None:
        self._line = asyncio.Lock()
        self.limit(requests, tokens)

    def limit(self, requests: int, tokens: int) -> None:
        self.requests, self.tokens = requests, tokens
        self._burst = max(1, requests // 60)
        self._every = MINUTE / (requests - self._burst + 1) if requests else 0.0
        self._due = 0.0
        self._full = tokens / 4
        self._left, self._filled = self._full, time.monotonic()
        self._large_until = 0.0
        self._slow, self._slow_until = math.inf, 0.0
        """Tokens a second that the bucket fills with at most until then: what a larger one held may have been used just now."""

    def tighten(self, requests: int, tokens: int) -> None:
        """Keeps to the smaller of two limits, where one model is used in two ways."""
        smaller = [min(filter(None, pair), default=0) for pair in ((self.requests, requests), (self.tokens, tokens))]
        if smaller != [self.requests, self.tokens]:
            self.limit(*smaller)

    async def take(self, tokens: float, halt: Halt) -> None:
        """Waits until one more request of so many tokens may be sent; no longer than until work is to stop."""
        if not self.requests and not self.tokens:
            return
        async with self._line:
            while (wait := self._wait(tokens)) > 0 and not halt.on:
                await halt.sleep(min(wait, LOOK_AGAIN))
            now = time.monotonic()
            self._due = max(self._due, now) + self._every
            self._left -= tokens if self.tokens else 0.0

    def took(self, requests: int) -> None:
        """So many requests were sent beyond those that were waited for: later ones wait for them."""
        self._due = max(self._due, time.monotonic()) + requests * self._every

    def used(self, set_aside: float, used: float) -> None:
        """A call that had set tokens aside used so many."""
        self._left += set_aside - used if self.tokens else 0.0

    def _wait(self, tokens: float) -> float:
        now = time.monotonic()
        requests = self._due - now - (self._burst - 1) * self._every if self.requests else 0.0
        if not self.tokens:
            return requests
        if tokens > self._full or now > self._large_until:  # room for a large call, while there are such
            full = max(self.tokens / 4, min(tokens, 0.9 * self.tokens))
            if full < self._full:
                self._slow, self._slow_until = (self.tokens - self._full) / MINUTE, now + MINUTE
            self._full, self._large_until = full, now + MINUTE
        a_second = (self.tokens - self._full) / MINUTE
        if self._filled < self._slow_until:
            a_second = min(a_second, self._slow)
        self._left = min(self._full, self._left + (now - self._filled) * a_second)
        self._filled = now
        lacking = min(tokens, self._full) - self._left  # a call of more than all that there is waits until it is full
        return max(requests, lacking / a_second)
