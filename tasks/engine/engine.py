"""Sends model calls: each once, within its endpoint's limits, remembered before anyone uses it.

Every call goes through `Engine.call`. Its key is the hash of the endpoint's identity, the whole request body and a draw
number; an answer that the memo has is not asked for again. Draw numbers of one prompt differ (two draws of one prompt are
two calls), and are derived from a scope (run seed, unit, stage), so that a resumed run asks the same questions.
Texts become vectors through `Engine.embed`, within the same limits; those are kept by text, as each text has one.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tasks.engine.budget import Account, Budget
from tasks.engine.rate_limits import Limiter
from tasks.engine.retries import (
    ATTEMPTS,
    ATTEMPTS_AT_NONSENSE,
    BACKOFF,
    CompletionRequest,
    EmbeddingRequest,
    EndpointClient,
    Tally,
)
from tasks.engine.stop_event import Halt
from tasks.errors import CallFailed, ClaywrightError, EndpointDown, ServerFault, Stopped, Unreachable
from tasks.models.base import (
    REQUESTS,
    TEXTS_AT_ONCE,
    Capabilities,
    Completion,
    EmbeddingEndpoint,
    Embeddings,
    Endpoint,
    Kind,
    Limits,
    ModelProxy,
    Requests,
    ServedModel,
    SeveralAddresses,
)
from tasks.types import Message

if TYPE_CHECKING:
    from array import array

Answered = TypeVar("Answered")


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

    async def keep_probe(self, endpoint: str, capabilities: Capabilities) -> None: ...

    async def recall_dialect(self, endpoint: str) -> str | None: ...

    async def keep_dialect(self, endpoint: str, dialect: str) -> None: ...


@dataclass
class Engine:
    """Drives any number of endpoints. `stop()` lets calls in flight finish and sends no other."""

    memo: Memo
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    """By stage and name of the model."""
    servers: dict[str, Tally] = field(default_factory=dict)
    """What each server answered, of models that have several."""
    account: Account = field(default_factory=lambda: Account(Budget()))
    backoff: float = BACKOFF
    watched: bool = False
    """True while somebody watches what is written: then answers are heard as they come."""
    writing: dict[bytes, tuple[Kind, str]] = field(default_factory=dict)
    """The texts so far of the calls in flight, in the order in which they began."""
    share: "Callable[[Limits, Limiter], None] | None" = None
    """Divides a server between people; told each limit of an endpoint with the gate before its server. None: it is all ours."""
    give_back: "Callable[[Limiter], None] | None" = None
    """Told of each gate at the end."""
    _halt: Halt = field(default_factory=Halt)
    _served: dict[str, EndpointClient] = field(default_factory=dict)
    _gates: dict[str, Limiter] = field(default_factory=dict)
    _endpoints: dict[int, Endpoint] = field(default_factory=dict)
    _embedding: dict[int, EmbeddingEndpoint] = field(default_factory=dict)
    _in_flight: "dict[bytes, asyncio.Future[Any]]" = field(default_factory=dict)

    @property
    def tally(self) -> Tally:
        """Of all stages and models together."""
        each = list(self.tallies.values())
        return Tally(*(sum(getattr(tally, part.name) for tally in each) for part in fields(Tally)))

    def bind(self, endpoint: Endpoint, scope: str, *, seeded: bool = True, stage: str = "") -> "BoundModel":
        """`endpoint` as a task sees it. Draws count within `scope`; `seeded` sends the draw as the request's seed too.

        What its calls take is counted under `stage`.
        """
        return BoundModel(endpoint, self, scope, seeded, stage)

    @property
    def stopping(self) -> bool:
        return self._halt.on

    @property
    def waiting(self) -> str:
        """What all wait for, in words; "" while answers come."""
        return next(filter(None, (served.waiting for served in self._served.values())), "")

    def waits_for(self, endpoint: str) -> bool:
        """True while the endpoint of that identity does not answer."""
        return endpoint in self._served and bool(self._served[endpoint].waiting)

    def stop(self) -> None:
        self._halt.set()
        for gate in self._gates.values():
            gate.wait_no_more()

    async def capabilities(self, endpoint: Endpoint, stage: str | None = None) -> Capabilities:
        """What a probe found, asked once an engine. What it sends counts under `stage`, and in the model's pace."""
        served = self._serve(endpoint)
        probe = served.found
        if probe is None or (probe.done() and (probe.cancelled() or probe.exception() is not None)):
            probe = served.found = asyncio.ensure_future(self._probe(endpoint, stage))
        return await _of_stage(probe, stage or "")

    async def _probe(self, endpoint: Endpoint, stage: str | None) -> Capabilities:
        REQUESTS.set(requests := Requests())  # of this task alone
        try:
            return await self._probed(endpoint)
        finally:
            self._serve(endpoint).pace.took(requests.sent)
            if stage is not None and requests.sent:
                self.tallies.setdefault((stage, endpoint.name), Tally()).sent += requests.sent

    async def _probed(self, endpoint: Endpoint) -> Capabilities:
        if (known := await self.memo.recall_probe(endpoint.identity)) is not None:
            return known
        attempt = nonsense = 0
        while True:
            try:
                capabilities = await endpoint.probe()
                break
            except CallFailed as error:
                attempt += 1
                nonsense += isinstance(error, ServerFault) and error.refusal is None
                if isinstance(error, Unreachable) or nonsense >= ATTEMPTS_AT_NONSENSE or attempt >= ATTEMPTS:
                    raise EndpointDown(str(error)) from error
                await self._halt.sleep(max(self.backoff * 2**attempt, error.retry_after or 0.0))
            if self.stopping:
                raise Stopped("Stopped before the endpoint was known.")
        await self.memo.keep_probe(endpoint.identity, capabilities)
        return capabilities

    async def close(self) -> None:
        if self.give_back is not None:
            for gate in self._gates.values():
                self.give_back(gate)
        for served in self._served.values():
            served.close()
        for endpoint in (*self._endpoints.values(), *self._embedding.values()):
            await endpoint.close()

    async def call(
        self, endpoint: Endpoint, kind: Kind, body: Mapping[str, Any], draw: int, scope: str, stage: str = ""
    ) -> Completion:
        """The answer to one call, from the memo or from the endpoint.

        Raises CallFailed (all tries used up), CallRefused, EndpointRefused, BudgetSpent or Stopped.
        """
        text = json.dumps(body, sort_keys=True).encode("utf-8", "surrogatepass")
        body_hash = hashlib.sha256(text).digest()
        key = _key(endpoint.identity, kind, body_hash, draw)
        tally = self.tallies.setdefault((stage, endpoint.name), Tally())
        known = await self.memo.recall(key)
        if known is None and isinstance(endpoint, SeveralAddresses):
            keys = [_key(identity, kind, body_hash, draw) for identity in endpoint.earlier_identities]
            known = next(filter(None, await asyncio.gather(*map(self.memo.recall, keys))), None)
            if known is not None:  # for a time when that address is no longer among them
                await self.memo.keep(Call(key, endpoint.identity, draw, body_hash, scope), known)
        if known is not None:
            tally.recalled += 1
            tally.remembered_tokens += (known.prompt_tokens or 0) + (known.completion_tokens or 0)
            return known
        if (running := self._in_flight.get(key)) is None:
            call = Call(key, endpoint.identity, draw, body_hash, scope)
            on_text = partial(self._heard, key, kind) if self.watched else None
            request = CompletionRequest(endpoint, kind, body, draw, stage, len(text), on_text)
            answering = self._serve(endpoint).answer(request, tally, partial(self._keep, call))
            running = self._in_flight[key] = asyncio.ensure_future(answering)
            running.add_done_callback(lambda _: (self._in_flight.pop(key, None), self.writing.pop(key, None)))
        return await _of_stage(running, stage)

    async def embed(
        self,
        endpoint: EmbeddingEndpoint,
        texts: Mapping[bytes, str],
        keep: "Callable[[Mapping[bytes, array[float]]], Awaitable[None]]",
        stage: str,
    ) -> "dict[bytes, array[float]]":
        """{key: vector} of {key: text}, asked for in several requests side by side; `keep` is told the vectors of each.

        `keep` returns only when they are durable. Raises what `call` raises, at the first request that failed: what was
        sent by then can be waited for (`drain`), and is kept.
        """
        self._embedding[id(endpoint)] = endpoint
        tally = self.tallies.setdefault((stage, endpoint.name), Tally())

        async def embedded(keys: Sequence[bytes]) -> "Mapping[bytes, array[float]]":
            length = sum(len(texts[key].encode("utf-8", "surrogatepass")) for key in keys)
            request = EmbeddingRequest(endpoint, [texts[key] for key in keys], stage, length)

            async def keep_all(answer: Embeddings) -> None:
                await keep(dict(zip(keys, answer.vectors, strict=True)))

            answering = asyncio.ensure_future(self._client(endpoint).answer(request, tally, keep_all))
            name = hashlib.sha256(b"".join(keys)).digest()
            self._in_flight[name] = answering
            answering.add_done_callback(lambda _: self._in_flight.pop(name, None))
            return dict(zip(keys, (await _of_stage(answering, stage)).vectors, strict=True))

        keys = list(texts)
        parts = [keys[at : at + TEXTS_AT_ONCE] for at in range(0, len(keys), TEXTS_AT_ONCE)]
        vectors: dict[bytes, array[float]] = {}
        for part in await asyncio.gather(*map(embedded, parts)):
            vectors.update(part)
        return vectors

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

    async def _keep(self, call: Call, answer: Completion) -> None:
        if answer.server:
            self.servers.setdefault(answer.server, Tally()).count(answer)
        if answer.text.strip():  # nothing is not worth remembering: asked again, it may be something
            await self.memo.keep(call, answer)

    def _heard(self, key: bytes, kind: Kind, text: str) -> None:
        self.writing[key] = kind, text

    def _serve(self, endpoint: Endpoint) -> EndpointClient:
        if id(endpoint) in self._endpoints:
            return self._served[endpoint.identity]
        twins = (other for other in self._endpoints.values() if other.identity == endpoint.identity)
        endpoint.remember_in(self.memo, next(twins, None))
        self._endpoints[id(endpoint)] = endpoint
        return self._client(endpoint)

    def _client(self, endpoint: ServedModel) -> EndpointClient:
        """The client of an endpoint's model, held to the limits of this endpoint too."""
        gate = self._gates.setdefault(endpoint.limits.address, Limiter())
        if self.share is None:
            gate.widen(endpoint.limits.concurrency)
        else:
            self.share(endpoint.limits, gate)
        client = EndpointClient(gate, self._halt, self.account, self.backoff)
        client = self._served.setdefault(endpoint.identity, client)
        client.pace.tighten(endpoint.limits.requests_per_minute, endpoint.limits.tokens_per_minute)
        return client


@dataclass
class BoundModel(ModelProxy[Endpoint]):
    """A model as one unit of work sees it: calls of the same body are numbered, so that each is a draw of its own."""

    engine: Engine
    scope: str
    seeded: bool
    stage: str = ""
    _drawn: Counter[str] = field(default_factory=Counter)

    async def capabilities(self) -> Capabilities:
        return await self.engine.capabilities(self.wrapped, self.stage)

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
        body = self.wrapped.request(kind, content, {**seed, **options})
        return await self.engine.call(self.wrapped, kind, body, draw, self.scope, self.stage)


def _key(identity: str, kind: Kind, body_hash: bytes, draw: int) -> bytes:
    return hashlib.sha256(b"|".join([identity.encode(), kind.encode(), body_hash, str(draw).encode()])).digest()


async def _of_stage(answer: Awaitable[Answered], stage: str) -> Answered:
    """The answer; an error says at which stage."""
    try:
        return await asyncio.shield(answer)
    except ClaywrightError as error:
        error.stage = error.stage or stage
        raise


def draw_number(scope: str, number: int) -> int:
    """A draw's number: the same for the same scope and place in it, different otherwise (53 bits, safe in JSON)."""
    return int.from_bytes(hashlib.sha256(f"{scope}#{number}".encode()).digest()[:8]) >> 11
