"""One model at several addresses, as one endpoint: each call goes to the server that is least busy.

Each server has an adapting limit and a health of its own. One that can't be reached, gives no answer in time or fails again and
again is passed over, and its calls are made at another one; after a while, longer each time, one call tries whether it is back.
What a server refuses is no sign of that: it is raised as it is. Only where no server answers does the engine hear of it, and
waits as for any endpoint.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.engine.rate_limits import LOOK_AGAIN, Limiter
from tasks.engine.retries import BACKOFF, LONGEST_BACKOFF
from tasks.errors import CallFailed, ModelError, Overloaded, ServerFault, TimedOut, Unreachable
from tasks.models.base import REQUESTS, Capabilities, Completion, DialectMemo, Endpoint, Kind, Limits, Streaming
from tasks.types import Message

FAULTS_IN_A_ROW = 3
"""After so many without an answer between them a server is away: a broken one fails faster than others answer."""


@dataclass
class Health:
    """How one server fares: what it bears, and whether it answers. Times are those of `time.monotonic`."""

    limiter: Limiter
    calls: int = 0
    trouble: str = ""
    """Why it is passed over, in words; "" while it answers."""
    is_told: bool = False
    """True where somebody was told that it is passed over."""
    _faults: int = 0
    _wait: float = 0.0
    _next_try: float = 0.0
    _trying: bool = False

    @property
    def away(self) -> bool:
        return bool(self.trouble)

    @property
    def is_away_for_long(self) -> bool:
        """True from the first look on that did not find it back."""
        return self.away and self._wait > BACKOFF

    @property
    def due(self) -> bool:
        """True where it is time to try whether it is back."""
        return self.away and not self._trying and time.monotonic() >= self._next_try

    @property
    def places(self) -> int:
        """Calls that it takes at the same time now; one where it takes none, to look whether it is back."""
        return 1 if self.away or self.limiter.closed_for else int(self.limiter.width)

    @property
    def free(self) -> bool:
        return not self.away and not self.limiter.closed_for and self.limiter.inside < int(self.limiter.width)

    @property
    def opens_in(self) -> float:
        """Seconds after which it is to be looked at again."""
        if not self.away:
            return self.limiter.closed_for or LOOK_AGAIN
        return LOOK_AGAIN if self._trying else max(0.0, self._next_try - time.monotonic())

    @property
    def load(self) -> tuple[float, int]:
        """The least busy has the smallest; of several the one that was asked least."""
        return self.limiter.inside / self.limiter.width, self.calls

    @property
    def try_at(self) -> float:
        """When it is to be tried again; never while it is tried."""
        return float("inf") if self._trying else self._next_try

    def enter(self) -> bool:
        """A call is sent to it. True where that is to show whether it is back."""
        self.limiter.inside += 1
        self.calls += 1
        is_trial = self.away and not self._trying
        self._trying = self._trying or is_trial
        return is_trial

    def leave(self, is_trial: bool) -> None:
        self.limiter.inside -= 1
        self._trying = self._trying and not is_trial

    def answered(self) -> None:
        self.limiter.answered()
        self.trouble, self._faults, self._wait = "", 0, 0.0

    def failed(self, error: CallFailed, sent: float) -> None:
        """What a failure says of the server: it is busy, or away. Calls that were on their way when it left count as one."""
        now = time.monotonic()
        if isinstance(error, Overloaded):
            self.limiter.overloaded(max(error.retry_after or 0.0, BACKOFF), sent)
            return
        self._faults += isinstance(error, ServerFault)
        if isinstance(error, ServerFault) and self._faults < FAULTS_IN_A_ROW and not self.away:
            return
        if not self.away or now >= self._next_try:
            self._wait = min(LONGEST_BACKOFF, 2 * self._wait or BACKOFF)
            self._next_try = now + self._wait
            self.limiter.lost()
        self.trouble = str(error)


@dataclass
class Server:
    """One address of a model."""

    address: str
    endpoint: Endpoint
    health: Health


@dataclass
class Addresses:
    """The model of `endpoints`, of which each is at another address. `identity` names it in the memo, whatever those are."""

    endpoints: Sequence[Endpoint]
    identity: str
    servers: list[Server] = field(init=False)
    say: Callable[[str], None] = lambda message: None
    """Told which server is passed over for longer, and which is back."""
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.servers = [Server(e.limits.address, e, Health(Limiter(e.limits.concurrency))) for e in self.endpoints]
        self.name, self.template, self.timeout = self._first.name, self._first.template, self._first.timeout
        self.earlier_identities = tuple(e.identity for e in self.endpoints if e.identity != self.identity)

    @property
    def _first(self) -> Endpoint:
        return self.endpoints[0]

    @property
    def limits(self) -> Limits:
        """All servers' together, as they stand."""
        places = sum(server.health.places for server in self.servers)
        where = " ".join(sorted(server.address for server in self.servers))
        return replace(self._first.limits, address=where, concurrency=max(1, places))

    def request(self, kind: Kind, content: str | Sequence[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        return self._first.request(kind, content, options)

    def remember_in(self, memo: DialectMemo, twin: Endpoint | None = None) -> None:
        known = {server.address: server for server in twin.servers} if isinstance(twin, Addresses) else {}
        for server in self.servers:
            other = known.get(server.address)
            server.endpoint.remember_in(memo, other.endpoint if other else None)
            server.health = other.health if other else server.health
        if isinstance(twin, Addresses):
            self._waiting = twin._waiting

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        return await self._answered(lambda endpoint: endpoint.send(kind, body, draw))

    async def stream(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None]
    ) -> Completion:
        def streamed(endpoint: Endpoint) -> Awaitable[Completion]:
            if isinstance(endpoint, Streaming):
                return endpoint.stream(kind, body, draw, on_text)
            return endpoint.send(kind, body, draw)

        return await self._answered(streamed)

    async def _answered(self, ask: Callable[[Endpoint], Awaitable[Completion]]) -> Completion:
        """The answer of the least busy server; of another one where that server fails.

        Raises CallFailed where none is left, and TimedOut at once: such a call may be paid for, which the engine counts.
        """
        failed: list[Server] = []
        while True:
            server = await self._least_busy(failed)
            health, sent = server.health, time.monotonic()
            is_trial = health.enter()
            try:
                answer = await ask(server.endpoint)
            except CallFailed as error:
                health.failed(error, sent)
                self._tell(server)
                failed.append(server)
                if isinstance(error, TimedOut):
                    raise
                if not self._is_another(failed):
                    raise self._of_all(error) from error
                if (requests := REQUESTS.get(None)) is not None:
                    requests.passed_on += 1
            except ModelError:
                health.trouble = ""  # it is there, and says no
                raise
            else:
                health.answered()
                self._tell(server)
                return replace(answer, server=server.address)
            finally:
                health.leave(is_trial)
                self._wake()

    async def probe(self) -> Capabilities:
        """What the first server says that answers: they are the same model."""
        *others, last = sorted(self.servers, key=lambda server: server.health.away)
        for server in others:
            try:
                return await server.endpoint.probe()
            except CallFailed as error:
                server.health.failed(error, time.monotonic())
        try:
            return await last.endpoint.probe()
        except CallFailed as error:
            last.health.failed(error, time.monotonic())
            raise self._of_all(error) from error

    async def close(self) -> None:
        for endpoint in self.endpoints:
            await endpoint.close()

    async def _least_busy(self, failed: Sequence[Server]) -> Server:
        """The server for a call that some have failed; waits where none has a place. Raises Overloaded for a long wait."""
        while True:
            others = [server for server in self.servers if server not in failed]
            if due := next((server for server in others if server.health.due), None):
                return due
            if free := [server for server in others if server.health.free]:
                return min(free, key=lambda server: server.health.load)
            present = [server for server in others if not server.health.away]
            if present:
                closed_for = min(server.health.limiter.closed_for for server in present)
                if closed_for > LOOK_AGAIN:
                    message = f"{self.name} is overloaded at each of its addresses that can be reached."
                    raise Overloaded(message, retry_after=closed_for)
            else:  # nobody answers: whoever is asked, one call at a time
                soonest = min(others, key=lambda server: server.health.try_at)
                if soonest.health.try_at < float("inf"):
                    return soonest
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await asyncio.wait((turn,), timeout=min(LOOK_AGAIN, *(server.health.opens_in for server in others)))

    def _is_another(self, failed: Sequence[Server]) -> bool:
        """Whether a call that some have failed can be made at another server."""
        others = [server for server in self.servers if server not in failed]
        return any(not server.health.away or server.health.due for server in others)

    def _of_all(self, error: CallFailed) -> CallFailed:
        """The failure of the last server that was left, in words for all of them where none can be reached."""
        if not isinstance(error, Unreachable) or not all(server.health.away for server in self.servers):
            return error
        why = "; ".join(server.health.trouble.partition(". ")[0] for server in self.servers)
        return Unreachable(
            f"None of the {len(self.servers)} addresses of {self.name} answers: {why}. "
            "Are the servers running, are the addresses right?"
        )

    def _tell(self, server: Server) -> None:
        health = server.health
        if health.is_told and not health.away:
            self.say(f"{server.address} answers again.")
        elif not health.is_told and health.is_away_for_long:
            self.say(f"{server.address} is passed over until it is back: {health.trouble}")
        health.is_told = health.away and (health.is_told or health.is_away_for_long)

    def _wake(self) -> None:
        """Lets those look again who wait for a place."""
        for turn in self._waiting:
            turn.cancel()
        self._waiting.clear()
