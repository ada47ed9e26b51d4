"""What a model is to a task, and what an endpoint is to the engine.

A task sees a `Model`: two calls, with retries, limits and memory already taken care of. The engine drives an `Endpoint`:
it builds a request body, which is hashed for the memo, and sends it once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tasks.limits import Limits
from tasks.types import Message

Kind = Literal["chat", "complete"]
OPEN_TURN: Mapping[str, bool] = {"add_generation_prompt": False, "continue_final_message": True}
"""Fields of a chat request that leave the last message open, where Capabilities.continues_turns."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    `latency` is in seconds. `logprobs` is the endpoint's, in the shape of chat answers.
    `revision` is what the endpoint says of the model that really answered: its full name and fingerprint.
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

    @property
    def cut_off(self) -> bool:
        """True if the answer ran into the token limit or the end of the context."""
        return self.finish_reason == "length"


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


class Model(Protocol):
    """What a task calls.

    Options: temperature, top_p, max_tokens, stop, schema (a JSON schema), logprobs, and draw, the number of this draw of
    the prompt (by itself, the first call of a prompt is draw 0, the next draw 1).
    """

    @property
    def name(self) -> str: ...

    @property
    def template(self) -> str | None:
        """The user's own chat template, or where it is: a family, a model on the Hub, a folder."""
        ...

    async def capabilities(self) -> Capabilities: ...

    async def chat(self, messages: Sequence[Message], **options: Any) -> Completion: ...

    async def complete(self, prompt: str, **options: Any) -> Completion: ...


class Endpoint(Protocol):
    """One model at one address, as the engine drives it."""

    @property
    def identity(self) -> str:
        """Names the model wherever it runs: preset or URL, and model. Never a key, never a local port."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def template(self) -> str | None: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def timeout(self) -> float: ...

    def request(self, kind: Kind, content: str | Sequence[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        """The whole request body. Pure: the same arguments give the same body."""
        ...

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        """Sends it once. Raises the errors of tasks.errors, nothing else."""
        ...

    async def probe(self) -> Capabilities: ...

    async def close(self) -> None: ...
