"""What a model is to a task, and what an endpoint is to the engine.

A task sees a `Model`: two calls, with retries, limits and memory already taken care of. The engine drives an `Endpoint`:
it builds a request body, which is hashed for the memo, and sends it once. An `EmbeddingEndpoint` turns texts into vectors.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from tasks.types import Message

CONNECTING = 10.0
"""Seconds in which an endpoint has to take a connection."""
TEXTS_AT_ONCE = 64
"""Texts in one request for vectors; some endpoints take no more."""
Kind = Literal["chat", "complete"]
OPEN_TURN: Mapping[str, bool] = {"add_generation_prompt": False, "continue_final_message": True}
"""Fields of a chat request that leave the last message open, where Capabilities.continues_turns."""


FINISHED = frozenset({
    "stop", "stopped", "eos", "eos_token", "eos_found", "end", "end_turn", "end_of_turn", "stop_sequence", "complete",
    "completed", "finished", "finish", "success", "done", "normal", "function_call", "tool_calls", "tool_call", "tool_use",
})  # fmt: skip
CUT_OFF = frozenset({
    "length", "max_tokens", "max_length", "max_output_tokens", "max_completion_tokens", "max_new_tokens", "token_limit",
    "tokens_limit", "model_length", "model_context_window_exceeded", "context_length_exceeded", "context_length",
    "context_window_exceeded", "context_window", "incomplete", "stop_length", "pause_turn",
})  # fmt: skip
FILTERED = frozenset({
    "content_filter", "content_filtered", "content_filter_error", "filtered", "filter", "sensitive", "safety", "recitation",
    "blocklist", "blocked", "prohibited_content", "spii", "image_safety", "guardrail", "guardrail_intervened", "refusal",
    "moderation", "content_policy", "language",
})  # fmt: skip
FAULTS = frozenset({
    "error", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "canceled", "internal_error",
    "server_error", "timeout", "timed_out", "engine_error", "overloaded", "unavailable", "failed", "failure", "disconnect",
    "malformed_function_call", "connection_error",
})  # fmt: skip
"""Reasons for which an answer ended, as providers call them: OpenAI, Azure, Anthropic, Gemini, Cohere, Mistral, DeepSeek, Z.AI,
Moonshot, OpenRouter, TGI, vLLM, SGLang; in lower case. None but the first means a whole answer; after a fault it is asked again."""


def _reason(finish_reason: str) -> str:
    """A reason in the one form in which it is looked up: "MAX_TOKENS" and "FinishReason.MAX_TOKENS" are max_tokens."""
    return finish_reason.strip().rpartition(".")[2].lower().replace("-", "_").replace(" ", "_")


def is_cut_off(finish_reason: str) -> bool:
    """True where the answer is known to break off: it ran into a limit, or a filter ended it."""
    return _reason(finish_reason) in CUT_OFF | FILTERED


def is_filtered(finish_reason: str) -> bool:
    return _reason(finish_reason) in FILTERED


def is_fault(finish_reason: str) -> bool:
    """True where something failed: asked again, the answer may be whole."""
    return _reason(finish_reason) in FAULTS


def is_known(finish_reason: str) -> bool:
    return _reason(finish_reason) in FINISHED | CUT_OFF | FILTERED | FAULTS


@dataclass(frozen=True)
class Limits:
    """What an endpoint takes.

    `address` names the server: models at one address share what it bears. `concurrency` is the most calls at the same time.
    Requests and tokens a minute are for one model; 0 where nobody gave them. `account` tells keys apart: what a server bears of
    one it need not leave another.
    """

    address: str
    concurrency: int
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    account: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    `latency` is in seconds. `logprobs` is the endpoint's, in the shape of chat answers.
    `revision` is what the endpoint says of the model that really answered: its full name and fingerprint.
    `refused` is what a model that declines says in the protocol's field for that, beside an empty text.
    """

    text: str
    model: str
    reasoning: str | None = None
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float = 0.0
    logprobs: Any = None
    revision: str = ""
    refused: str = ""
    server: str = ""
    """The address that answered, of a model that has several."""

    @property
    def cut_off(self) -> bool:
        """True if the answer ran into the token limit or the end of the context, or was ended by a filter."""
        return is_cut_off(self.finish_reason)

    @property
    def why_empty(self) -> str:
        """Why there is no text, in words for the user."""
        if self.refused:
            return f"it refuses: {self.refused}"
        if is_filtered(self.finish_reason):
            return "filtered by the endpoint"
        if self.cut_off and self.reasoning:
            return "its thoughts used up the token limit"
        if _reason(self.finish_reason) in ("tool_calls", "function_call", "tool_call", "tool_use"):
            return "a tool call in place of an answer"
        if self.cut_off:
            return "cut off at the token limit before its first word"
        return "thoughts and no answer" if self.reasoning else "empty answer"

    @property
    def may_come_of_another_try(self) -> bool:
        """True for an empty answer of which asking again, or with a longer limit, can make one."""
        return not self.refused and self.why_empty not in ("empty answer", "thoughts and no answer")


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of texts, in the texts' order and all of one length. `latency` is in seconds."""

    vectors: "Sequence[array[float]]"
    prompt_tokens: int | None = None
    latency: float = 0.0

    @property
    def completion_tokens(self) -> int:
        """Nothing is written."""
        return 0


class Answer(Protocol):
    """What is counted of every answer, whatever was asked."""

    @property
    def prompt_tokens(self) -> int | None: ...

    @property
    def completion_tokens(self) -> int | None: ...

    @property
    def latency(self) -> float:
        """Seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a probe found that an endpoint can do. `context` is in tokens for one request, None if it does not say."""

    raw_prompts: bool = False
    json_schema: bool = False
    string_bounds: bool = False
    """It honours maxLength inside a JSON schema (some refuse the word)."""
    logprobs: bool = False
    continues_turns: bool = False
    """Over chat, it leaves the user's last message open where it is told to, so that the model goes on as the user."""
    chat_template: str | None = None
    bos_token: str = ""
    eos_token: str = ""
    context: int | None = None
    models: tuple[str, ...] = ()
    weights: str = ""
    """Which model on the Hub it says to serve, whatever name it serves it under."""


class Named(Protocol):
    """What models and endpoints tell of themselves without being asked over the network."""

    @property
    def name(self) -> str: ...

    @property
    def template(self) -> str | None:
        """The user's own chat template, or where it is: a family, a model on the Hub, a folder."""
        ...


class Model(Named, Protocol):
    """What a task calls.

    Options: temperature, top_p, max_tokens, least_tokens (room that an answer needs: the model's own limit counts where it is
    longer), usual_tokens (a task's own limit: a longer one that a person set for the model counts), stop, schema (a JSON
    schema), logprobs, and draw, the number of this draw of the prompt (by itself, the first call of a prompt is draw 0, the
    next draw 1).
    """

    async def capabilities(self) -> Capabilities: ...

    async def chat(self, messages: Sequence[Message], **options: Any) -> Completion: ...

    async def complete(self, prompt: str, **options: Any) -> Completion: ...


Wrapped = TypeVar("Wrapped", bound=Named)


@dataclass
class ModelProxy(Generic[Wrapped]):
    """A model that stands before another model, or before an endpoint, and goes by its name and template.

    A subclass is a `Model`: it adds the calls, and what it does on their way.
    """

    wrapped: Wrapped

    @property
    def name(self) -> str:
        return self.wrapped.name

    @property
    def template(self) -> str | None:
        return self.wrapped.template


@dataclass
class Requests:
    """How many requests one call, or one probe, took: refused ones that were sent again in another form count as well."""

    sent: int = 0
    passed_on: int = 0
    """Those of them that failed at one address of a model, and were made at another."""


REQUESTS: ContextVar[Requests] = ContextVar("requests")
"""Where an endpoint counts what it sends, set by whoever asks it."""


def count_request() -> None:
    """Counts a request that is sent now, where somebody wants to know."""
    if (requests := REQUESTS.get(None)) is not None:
        requests.sent += 1


@runtime_checkable
class Streaming(Protocol):
    """An endpoint whose answers can be heard as they are written."""

    async def stream(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None]
    ) -> Completion:
        """What `send` gives; `on_text` is told the text so far."""
        ...


@runtime_checkable
class SeveralAddresses(Protocol):
    """A model at several addresses, whose answers may be known from a time when it had one."""

    @property
    def earlier_identities(self) -> Sequence[str]:
        """Of the model at each address alone."""
        ...


class DialectMemo(Protocol):
    """Where what was found out of an endpoint's dialect is kept, as text, under the endpoint's identity."""

    async def recall_dialect(self, endpoint: str) -> str | None: ...

    async def keep_dialect(self, endpoint: str, dialect: str) -> None: ...


class ServedModel(Protocol):
    """One model at one address, whatever it is asked."""

    @property
    def identity(self) -> str:
        """Names the model wherever it runs: preset or URL, and model; several URLs count as one. Never a key or a local port."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    async def close(self) -> None: ...


class EmbeddingEndpoint(ServedModel, Protocol):
    """A model that turns texts into vectors."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Sends at most TEXTS_AT_ONCE texts, once. Raises the errors of tasks.errors, nothing else."""
        ...


class Endpoint(ServedModel, Named, Protocol):
    """A model that writes, as the engine drives it."""

    @property
    def timeout(self) -> float: ...

    def request(self, kind: Kind, content: str | Sequence[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        """The whole request body. Pure: the same arguments give the same body."""
        ...

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        """Sends it once. Raises the errors of tasks.errors, nothing else."""
        ...

    def remember_in(self, memo: DialectMemo, twin: "Endpoint | None" = None) -> None:
        """Says where to keep what is found out of the endpoint while it is asked; `twin` is asked at the same time, and knows."""
        ...

    async def probe(self) -> Capabilities: ...
