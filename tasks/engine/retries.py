"""One model at one endpoint in use: each of its calls is tried until it is answered, or it is clear that it never will be.

What can pass (no connection, too many requests, no answer in time, a fault of the server) is tried again, later and later.
Whether a call fails for ever because of what it asks, or because the endpoint is away, shows in what becomes of others: where
none was answered meanwhile, the endpoint is asked the smallest of questions. A call that fails alone costs itself alone; an
endpoint that is away is waited for.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from tasks.engine.budget import Account, Use
from tasks.engine.rate_limits import LOOK_AGAIN, Limiter, RateLimiter
from tasks.engine.stop_event import Halt
from tasks.errors import (
    BudgetSpent,
    CallFailed,
    EndpointDown,
    EndpointRefused,
    ModelError,
    Overloaded,
    Stopped,
    TimedOut,
    Unreachable,
)
from tasks.models.base import (
    REQUESTS,
    Answer,
    Capabilities,
    Completion,
    EmbeddingEndpoint,
    Embeddings,
    Endpoint,
    Kind,
    Requests,
    ServedModel,
    Streaming,
)
from tasks.types import Message

ATTEMPTS, ATTEMPTS_WHEN_TOO_MANY = 6, 30
"""After so many a call that fails while others are answered is its own fault; "too many requests" may be bad luck for longer."""
ATTEMPTS_AT_NONSENSE = 3
"""After so many answers that are no answers to the smallest of questions, something else than an endpoint is there, and stays."""
BACKOFF, LONGEST_BACKOFF = 0.5, 20.0
PATIENCE_BEFORE_FIRST_ANSWER, PATIENCE = 3.0, 3600.0
"""Seconds for which an endpoint that is away is waited for, beyond those that it asks for itself."""
HALF_A_DAY = 43_200.0
WORTH_TELLING = 3.0
"""Seconds without an answer after which it is told what is waited for."""
TEMPLATE_TOKENS = 64
"""What a chat template may add to a prompt: its markers, a system prompt of its own."""
TOKENS_AROUND_A_TEXT = 4
"""What an embedding model may add to a text: its first and last token, a prefix."""
LENGTHS = ("max_tokens", "max_completion_tokens")
ANSWER_TOKENS = 1024
"""Set aside for the answer to a call that does not say how long it may be."""


@dataclass
class Tally:
    """Counts since the engine began: `sent` includes attempts that failed, `recalled` came from the memo.

    `remembered_tokens` are those of the recalled answers, which were paid for when they were first given. Unreported tokens are
    the most that calls can have taken whose answers, if any, did not say.
    """

    sent: int = 0
    answered: int = 0
    recalled: int = 0
    failed_attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    remembered_tokens: int = 0
    unreported_prompt: int = 0
    unreported_completion: int = 0

    def count(self, answer: Answer) -> None:
        self.answered += 1
        self.prompt_tokens += answer.prompt_tokens or 0
        self.completion_tokens += answer.completion_tokens or 0
        self.seconds += answer.latency


Answered = TypeVar("Answered", bound=Answer)


class Request(ABC, Generic[Answered]):
    """A call of one kind: what is asked of which model, for which stage of the work. `length` is what is sent, in bytes."""

    endpoint: ServedModel
    stage: str
    length: int

    @abstractmethod
    async def send(self) -> Answered:
        """Sends it once. Raises the errors of tasks.errors, nothing else."""

    @abstractmethod
    async def ping(self) -> None:
        """Asks the same model the smallest question of this kind. Raises like `send`."""

    @property
    def prompt_tokens(self) -> int:
        """The most tokens that the prompt can have: none is shorter than a byte."""
        return self.length + TEMPLATE_TOKENS

    @property
    @abstractmethod
    def completion_tokens(self) -> int:
        """The most tokens that the answer can have."""

    @property
    def tokens(self) -> float:
        """What it likely takes at most, as providers count a minute's tokens."""
        return self.prompt_tokens / 4 + self.completion_tokens


@dataclass(frozen=True, slots=True)
class CompletionRequest(Request[Completion]):
    """A chat, or a raw prompt."""

    endpoint: Endpoint
    kind: Kind
    body: Mapping[str, Any]
    draw: int
    stage: str
    length: int
    heard: Callable[[str], None] | None = None
    """Told the text so far while the answer is written, where somebody watches."""

    @property
    def completion_tokens(self) -> int:
        limits = [self.body.get(name) for name in LENGTHS]
        return max((int(most) for most in limits if most), default=ANSWER_TOKENS) * int(self.body.get("n") or 1)

    async def send(self) -> Completion:
        if self.heard is not None and isinstance(self.endpoint, Streaming):
            return await self.endpoint.stream(self.kind, self.body, self.draw, self.heard)
        return await self.endpoint.send(self.kind, self.body, self.draw)

    async def ping(self) -> None:
        hello = "Hello" if self.kind == "complete" else [Message(role="user", content="Hello")]
        await self.endpoint.send(self.kind, self.endpoint.request(self.kind, hello, {"max_tokens": 1}), 0)


@dataclass(frozen=True, slots=True)
class EmbeddingRequest(Request[Embeddings]):
    """Texts that are to become vectors."""

    endpoint: EmbeddingEndpoint
    texts: Sequence[str]
    stage: str
    length: int

    @property
    def prompt_tokens(self) -> int:
        return self.length + TOKENS_AROUND_A_TEXT * len(self.texts)

    @property
    def completion_tokens(self) -> int:
        return 0

    async def send(self) -> Embeddings:
        return await self.endpoint.embed(self.texts)

    async def ping(self) -> None:
        await self.endpoint.embed(["Hello"])


@dataclass
class Attempts:
    """What became of a call so far: how often it failed, and how often while others were answered and while none was."""

    answers: int
    """Answers of others when it was tried last."""
    failed: int = 0
    alone: int = 0
    unclear: int = 0
    up: bool = False
    """Whether the endpoint was heard to answer before the last try."""

    def count(self, answers: int) -> None:
        self.failed += 1
        self.alone += answers > self.answers
        self.unclear += answers == self.answers
        self.answers = answers


@dataclass
class EndpointClient:
    """A model's limits, and what became of its calls. `gate` is shared with other models at the same address."""

    gate: Limiter
    halt: Halt
    account: Account
    backoff: float = BACKOFF
    pace: RateLimiter = field(default_factory=RateLimiter)
    answers: int = 0
    outages: int = 0
    """Those that are over."""
    failing_since: float | None = None
    found: "asyncio.Task[Capabilities] | None" = None
    trouble: Exception | None = None
    _last_failure: str = ""
    """Of any call, in words."""
    _knocking: "asyncio.Task[bool] | None" = None

    @property
    def waiting(self) -> str:
        """What is waited for, in words; "" while answers come."""
        if (wait := self.gate.closed_for) > WORTH_TELLING:
            until = datetime.now() + timedelta(seconds=wait)
            when = f"{until:%H:%M:%S}" if wait < HALF_A_DAY else f"{until:%Y-%m-%d %H:%M}"
            return f"{self._last_failure} It asks to wait until {when}."
        if self.failing_since is None or (failing := time.monotonic() - self.failing_since) < WORTH_TELLING:
            return ""
        since, until = (datetime.now() + timedelta(seconds=seconds) for seconds in (-failing, PATIENCE - failing))
        return f"No answer since {since:%H:%M:%S}. {self._last_failure} Trying again until {until:%H:%M}."

    async def answer(
        self, request: Request[Answered], tally: Tally, keep: Callable[[Answered], Awaitable[None]]
    ) -> Answered:
        """One call, tried until it is answered and kept. Its place is held until then: no more can be lost by a kill."""
        endpoint, tries = request.endpoint, Attempts(self.answers)
        lane = f"{request.stage} {endpoint.identity}"
        while True:
            held = await self._set_aside(request)
            settled, requests = False, Requests()
            try:
                await self.pace.take(request.tokens, self.halt)
                async with self.gate.place(lane, endpoint.limits.concurrency):
                    self._go_on()
                    tally.sent += 1
                    REQUESTS.set(requests := Requests())  # of this call's own task
                    sent = time.monotonic()
                    try:
                        answer = await request.send()
                    except EndpointRefused as error:
                        self.trouble = error
                        raise
                    except CallFailed as error:
                        failure = error
                        settled = isinstance(error, TimedOut)  # it may have been answered, and is paid for then
                        if settled:
                            self._use(held, request, tally, None, None)
                    else:
                        self._answered(request, answer)
                        tally.count(answer)
                        settled = True
                        self._use(held, request, tally, answer.prompt_tokens, answer.completion_tokens)
                        try:
                            await keep(answer)
                        except Exception as error:  # where nothing can be kept, nothing more is asked for
                            self.trouble = self.trouble or error
                            raise
                        return answer
            finally:
                tally.failed_attempts += requests.passed_on
                if requests.sent > 1:
                    tally.sent += requests.sent - 1
                    self.pace.took(requests.sent - 1)
                if not settled:
                    self.account.give_back(held)
            tally.failed_attempts += 1
            tries.count(self.answers)
            await self._bear(request, failure, tries, sent)

    async def _set_aside(self, request: Request[Any]) -> Use:
        self._go_on()
        try:
            return await self.account.reserve(request.endpoint.name, request.prompt_tokens, request.completion_tokens)
        except BudgetSpent as error:
            self.trouble = error
            raise

    def _use(self, held: Use, request: Request[Any], tally: Tally, prompt: int | None, completion: int | None) -> None:
        """Counts what a call took; the most that it can have taken, where the endpoint did not say."""
        if prompt is None or completion is None:
            prompt, completion = request.prompt_tokens, request.completion_tokens
            tally.unreported_prompt += prompt
            tally.unreported_completion += completion
        self.account.settle(held, request.endpoint.name, prompt, completion)

    def _go_on(self) -> None:
        """Raises what keeps this call from being sent."""
        if self.trouble is not None:
            raise self.trouble
        if self.halt.on:
            raise Stopped("Stopped before this call was sent.")

    def _answered(self, request: Request[Any], answer: Answer) -> None:
        if self.failing_since is not None and time.monotonic() - self.failing_since > WORTH_TELLING:
            self.outages += 1
        self.answers, self.failing_since = self.answers + 1, None
        self.gate.answered()
        if answer.prompt_tokens is not None and answer.completion_tokens is not None:
            self.pace.used(request.tokens, answer.prompt_tokens + answer.completion_tokens)

    async def _bear(self, request: Request[Any], failure: CallFailed, tries: Attempts, sent: float) -> None:
        """Waits before the next try, or raises where there is none."""
        now = time.monotonic()
        away = isinstance(failure, Overloaded | Unreachable)
        if away and tries.alone >= (ATTEMPTS_WHEN_TOO_MANY if isinstance(failure, Overloaded) else ATTEMPTS):
            raise failure
        if not away and tries.alone + tries.unclear >= ATTEMPTS:
            if not tries.unclear:
                raise failure
            if not await self._answers_at_all(request):
                away, tries.unclear, tries.up = True, 0, False
            elif tries.up:
                raise failure
            else:  # it may be back just now, so that this call's failures were not its own
                tries.up = True
        self._last_failure = str(failure)
        if away:
            self.failing_since = self.failing_since or now
            never_there = not self.answers and not isinstance(failure, Overloaded)
            if now - self.failing_since > (PATIENCE_BEFORE_FIRST_ANSWER if never_there else PATIENCE):
                self.trouble = EndpointDown(str(failure))
                raise self.trouble from failure
            if now - self.failing_since > WORTH_TELLING:
                self.gate.lost()
        wait = random.uniform(0.5, 1.0) * min(LONGEST_BACKOFF, self.backoff * 2 ** min(tries.failed, 10))
        if isinstance(failure, Overloaded):
            retry_after = failure.retry_after or 0.0
            longer = max(0.0, retry_after - self.gate.closed_for)
            self.failing_since = (self.failing_since or now) + longer  # a wait that it asks for takes no PATIENCE
            self.gate.overloaded(retry_after, sent)
            wait = max(wait, retry_after)
        elif isinstance(failure, TimedOut):
            wait = 0.0  # it was waited for already, for all of its deadline
            self.gate.overloaded(0.0, sent)
        await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        """Sleeps, but no longer than until the endpoint answers others again."""
        until, outages = time.monotonic() + seconds, self.outages
        while (left := until - time.monotonic()) > 0 and not self.halt.on and self.outages == outages:
            await self.halt.sleep(min(left, LOOK_AGAIN))

    def close(self) -> None:
        for asking in (self._knocking, self.found):
            if asking is not None and not asking.done():
                asking.cancel()

    async def _answers_at_all(self, request: Request[Any]) -> bool:
        """Whether the endpoint answers the smallest of questions. Those who ask at the same time ask once."""
        if self._knocking is None or self._knocking.done():
            self._knocking = asyncio.ensure_future(_is_answered(request))
        return await asyncio.shield(self._knocking)


async def _is_answered(request: Request[Any]) -> bool:
    try:
        await request.ping()
    except CallFailed:
        return False
    except ModelError:
        return True
    return True
