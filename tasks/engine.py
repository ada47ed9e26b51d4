"""Sends model calls: each once, within its endpoint's limits, remembered before anyone uses it.

Every call goes through `Engine.call`. Its key is the hash of the endpoint's identity, the whole request body and a draw
number; an answer that the memo has is not asked for again. Draw numbers of one prompt differ (two draws of one prompt are
two calls), and are derived from a scope (run seed, unit, stage), so that a resumed run asks the same questions.
"""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from tasks.errors import (
    CallFailed,
    EndpointDown,
    EndpointRefused,
    Overloaded,
    Stopped,
    Unreachable,
)
from tasks.limits import Limiter
from tasks.models.base import Capabilities, Completion, Endpoint, Kind
from tasks.types import Message

ATTEMPTS = 6
LONGEST_BACKOFF = 20.0
PATIENCE_BEFORE_FIRST_ANSWER = 3.0
PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Call:
    """What the memo keeps beside an answer. `scope` says which run and stage asked."""

    key: bytes
    endpoint: str
    draw: int
    body_hash: bytes
    scope: str


class Memo(Protocol):
    """Where answers are kept. `keep` returns only when the answer is durable."""

    async def recall(self, key: bytes) -> Completion | None: ...

    async def keep(self, call: Call, answer: Completion) -> None: ...

    async def recall_probe(self, endpoint: str) -> Capabilities | None: ...

    async def keep_probe(self, endpoint: str, found: Capabilities) -> None: ...


@dataclass
class Served:
    """One endpoint in use: its limits, and what became of it."""

    limiter: Limiter
    answered: bool = False
    failing_since: float | None = None
    found: "asyncio.Task[Capabilities] | None" = None
    trouble: EndpointRefused | None = None


@dataclass
class Tally:
    """Counts since the engine began: `sent` includes attempts that failed, `recalled` came from the memo.

    `remembered_tokens` are those of the recalled answers, which were paid for when they were first given.
    """

    sent: int = 0
    answered: int = 0
    recalled: int = 0
    failed_attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    remembered_tokens: int = 0


@dataclass
class Engine:
    """Drives any number of endpoints. `stop()` lets calls in flight finish and sends no other."""

    memo: Memo
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    """By stage and name of the model."""
    backoff: float = 0.5
    stopping: bool = False
    _served: dict[str, Served] = field(default_factory=dict)
    _endpoints: dict[int, Endpoint] = field(default_factory=dict)
    _in_flight: "dict[bytes, asyncio.Future[Completion]]" = field(default_factory=dict)
    _asleep: set[asyncio.Event] = field(default_factory=set)

    @property
    def tally(self) -> Tally:
        """Of all stages and models together."""
        each = list(self.tallies.values())
        return Tally(*(sum(getattr(one, part.name) for one in each) for part in fields(Tally)))

    def bind(self, endpoint: Endpoint, scope: str, *, seeded: bool = True, stage: str = "") -> "BoundModel":
        """`endpoint` as a task sees it. Draws count within `scope`; `seeded` sends the draw as the request's seed too.

        What its calls take is counted under `stage`.
        """
        return BoundModel(self, endpoint, scope, seeded, stage)

    def stop(self) -> None:
        self.stopping = True
        for served in self._served.values():
            served.limiter.wait_no_more()
        for event in self._asleep:
            event.set()

    async def capabilities(self, endpoint: Endpoint) -> Capabilities:
        """What a probe found, asked once an engine."""
        served = self._serve(endpoint)
        if served.found is None:
            served.found = asyncio.ensure_future(self._probe(endpoint))
        return await asyncio.shield(served.found)

    async def _probe(self, endpoint: Endpoint) -> Capabilities:
        if (known := await self.memo.recall_probe(endpoint.identity)) is not None:
            return known
        attempt = 0
        while True:
            try:
                found = await endpoint.probe()
                break
            except CallFailed as error:
                attempt += 1
                if isinstance(error, Unreachable) or attempt >= ATTEMPTS:
                    raise EndpointDown(str(error)) from error
                await self._sleep(max(self.backoff * 2**attempt, error.retry_after or 0.0))
            if self.stopping:
                raise Stopped("Stopped before the endpoint was known.")
        await self.memo.keep_probe(endpoint.identity, found)
        return found

    async def close(self) -> None:
        for served in self._served.values():
            if served.found is not None and not served.found.done():
                served.found.cancel()
        for endpoint in self._endpoints.values():
            await endpoint.close()

    async def call(
        self, endpoint: Endpoint, kind: Kind, body: Mapping[str, Any], draw: int, scope: str, stage: str = ""
    ) -> Completion:
        """The answer to one call, from the memo or from the endpoint.

        Raises CallFailed (all tries used up), CallRefused, EndpointRefused or Stopped.
        """
        body_hash = hashlib.sha256(json.dumps(body, sort_keys=True).encode("utf-8", "surrogatepass")).digest()
        key = hashlib.sha256(
            b"|".join([endpoint.identity.encode(), kind.encode(), body_hash, str(draw).encode()])
        ).digest()
        tally = self.tallies.setdefault((stage, endpoint.name), Tally())
        if (known := await self.memo.recall(key)) is not None:
            tally.recalled += 1
            tally.remembered_tokens += (known.prompt_tokens or 0) + (known.completion_tokens or 0)
            return known
        if (running := self._in_flight.get(key)) is None:
            call = Call(key, endpoint.identity, draw, body_hash, scope)
            asked = self._send(self._serve(endpoint), endpoint, kind, body, call, tally)
            running = self._in_flight[key] = asyncio.ensure_future(asked)
            running.add_done_callback(lambda _: self._in_flight.pop(key, None))
        return await asyncio.shield(running)

    async def drain(self) -> None:
        """Waits for the calls in flight, also those whose unit has given up: they are paid for, so they are kept."""
        while self._in_flight:
            await asyncio.gather(*self._in_flight.values(), return_exceptions=True)

    async def abandon(self) -> None:
        """Ends the calls in flight at once, what they would have answered is lost."""
        self.stop()
        for running in list(self._in_flight.values()):
            running.cancel()
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)

    def _serve(self, endpoint: Endpoint) -> Served:
        self._endpoints[id(endpoint)] = endpoint
        if endpoint.identity not in self._served:
            self._served[endpoint.identity] = Served(Limiter(endpoint.concurrency))
        return self._served[endpoint.identity]

    async def _send(
        self, served: Served, endpoint: Endpoint, kind: Kind, body: Mapping[str, Any], call: Call, tally: Tally
    ) -> Completion:
        """One call, tried until it is answered and kept. Its place is held until then: no more can be lost by a kill."""
        attempt = 0
        while True:
            async with served.limiter:
                if served.trouble is not None:
                    raise served.trouble
                if self.stopping:
                    raise Stopped("Stopped before this call was sent.")
                tally.sent += 1
                try:
                    answer = await endpoint.send(kind, body, call.draw)
                except EndpointRefused as error:
                    served.trouble = error
                    raise
                except CallFailed as error:
                    failure = error
                else:
                    served.answered, served.failing_since = True, None
                    served.limiter.answered()
                    _count(tally, answer)
                    if (
                        answer.text or answer.reasoning
                    ):  # nothing is not worth remembering: asked again, it may be something
                        await self.memo.keep(call, answer)
                    return answer
            tally.failed_attempts += 1
            attempt += 1
            await self._bear(served, failure, attempt)

    async def _bear(self, served: Served, failure: CallFailed, attempt: int) -> None:
        """Waits before the next try, or raises where there is none."""
        wait = random.uniform(0.5, 1.0) * min(LONGEST_BACKOFF, self.backoff * 2 ** min(attempt, 10))
        if isinstance(failure, Overloaded | Unreachable):
            served.failing_since = served.failing_since or time.monotonic()
            never_there = isinstance(failure, Unreachable) and not served.answered
            if time.monotonic() - served.failing_since > (PATIENCE_BEFORE_FIRST_ANSWER if never_there else PATIENCE):
                served.trouble = EndpointDown(str(failure))
                raise served.trouble from failure
        elif attempt >= ATTEMPTS:
            raise failure
        if isinstance(failure, Overloaded):
            wait = max(wait, failure.retry_after or 0.0)
            served.limiter.overloaded(failure.retry_after or 0.0)
        await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        """Sleeps, but wakes at once when the engine is stopped."""
        event = asyncio.Event()
        if self.stopping:
            return
        self._asleep.add(event)
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._asleep.discard(event)


def _count(tally: Tally, answer: Completion) -> None:
    tally.answered += 1
    tally.prompt_tokens += answer.prompt_tokens or 0
    tally.completion_tokens += answer.completion_tokens or 0
    tally.seconds += answer.latency


@dataclass
class BoundModel:
    """A model as one unit of work sees it: calls of the same body are numbered, so that each is a draw of its own."""

    engine: Engine
    endpoint: Endpoint
    scope: str
    seeded: bool
    stage: str = ""
    _drawn: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def template(self) -> str | None:
        return self.endpoint.template

    async def capabilities(self) -> Capabilities:
        return await self.engine.capabilities(self.endpoint)

    async def chat(self, messages: Sequence[Message], **options: Any) -> Completion:
        return await self._call("chat", messages, options)

    async def complete(self, prompt: str, **options: Any) -> Completion:
        return await self._call("complete", prompt, options)

    async def _call(self, kind: Kind, content: str | Sequence[Message], options: dict[str, Any]) -> Completion:
        if (number := options.pop("draw", None)) is None:
            same = json.dumps([kind, content, options], sort_keys=True, default=str)
            number = self._drawn[same]
            self._drawn[same] += 1
        draw = draw_number(self.scope, number) if self.seeded else number
        seed = {"seed": draw % 2**31} if self.seeded else {}
        body = self.endpoint.request(kind, content, {**seed, **options})
        return await self.engine.call(self.endpoint, kind, body, draw, self.scope, self.stage)


def draw_number(scope: str, number: int) -> int:
    """A draw's number: the same for the same scope and place in it, different otherwise (53 bits, safe in JSON)."""
    return int.from_bytes(hashlib.sha256(f"{scope}#{number}".encode()).digest()[:8]) >> 11
