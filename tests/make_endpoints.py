"""An endpoint and a memo in memory, for tests of the engine: an endpoint does what it is told, call by call."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.engine.budget import Account, Budget
from tasks.engine.engine import Call, Engine
from tasks.errors import ModelError
from tasks.models.base import Capabilities, Completion, DialectMemo, Endpoint, Kind, Limits
from tasks.types import Message

Talk = Callable[[Mapping[str, Any], int, int], Awaitable[str]]


@dataclass
class Remembered:
    """A memo in memory. `slow` is the time in seconds that it takes to keep an answer."""

    answers: dict[bytes, Completion] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    probes: dict[str, Capabilities] = field(default_factory=dict)
    slow: float = 0.0

    async def recall(self, key: bytes) -> Completion | None:
        return self.answers.get(key)

    async def keep(self, call: Call, answer: Completion) -> None:
        await asyncio.sleep(self.slow)
        self.answers[call.key] = answer
        self.calls.append(call)

    async def recall_probe(self, endpoint: str) -> Capabilities | None:
        return self.probes.get(endpoint)

    async def keep_probe(self, endpoint: str, found: Capabilities) -> None:
        self.probes[endpoint] = found

    async def recall_dialect(self, endpoint: str) -> str | None:
        return None

    async def keep_dialect(self, endpoint: str, dialect: str) -> None:
        return None


class Fake:
    """An endpoint that does with call number n what `talk(body, draw, n)` says."""

    def __init__(
        self, talk: Talk, *, concurrency: int = 8, identity: str = "fake|one", address: str = "", **limits: Any
    ) -> None:
        self.talk = talk
        self.identity = identity
        self.name = "fake"
        self.template = None
        self.limits = Limits(address or identity, concurrency, **limits)
        self.timeout = 1.0
        self.sent: list[tuple[str, int]] = []
        self.times: list[float] = []
        self.inside = 0
        self.most_inside = 0
        self.probed = 0
        self.probing: ModelError | None = None
        self.closed = 0

    def request(self, kind: Kind, content: str | Sequence[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        return {"kind": kind, "content": content, **options}

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        number = len(self.sent)
        self.sent.append((str(body["content"]), draw))
        self.times.append(time.monotonic())
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            return Completion(
                text=await self.talk(body, draw, number), model="fake", prompt_tokens=3, completion_tokens=2
            )
        finally:
            self.inside -= 1

    def remember_in(self, memo: DialectMemo, twin: Endpoint | None = None) -> None:
        return None

    async def probe(self) -> Capabilities:
        self.probed += 1
        await asyncio.sleep(0.01)
        if self.probing is not None:
            raise self.probing
        return Capabilities(raw_prompts=True)

    async def close(self) -> None:
        self.closed += 1


async def echo(body: Mapping[str, Any], draw: int, number: int) -> str:
    return f"answer to {body['content']}"


def failing(times: int, error: Callable[[], ModelError]) -> Talk:
    """Fails the first `times` calls, then answers."""

    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        if number < times:
            raise error()
        return "well"

    return talk


async def until(true: Callable[[], bool]) -> None:
    """Waits for a state; `run` bounds how long."""
    while not true():  # noqa: ASYNC110 - any state, not only one that somebody tells of
        await asyncio.sleep(0.001)


async def others_run() -> None:
    """Every other task goes as far as it gets without the clock."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs it, with a bound so that a test never hangs."""
    asyncio.run(asyncio.wait_for(work, 30))


def engine(memo: Remembered | None = None, account: Account | None = None) -> Engine:
    return Engine(memo or Remembered(), account=account or Account(Budget()), backoff=0.001)
