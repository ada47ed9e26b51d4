"""The values that tasks work with. None of them knows storage, a model or Argilla."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

from tasks.columns.missing_values import cell_text

PER_RESPONSE = "per_response"
"""In a row's origin: what else each response says of itself, in their order; a list of objects."""
Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(TypedDict):
    """One turn, as chat endpoints and chat templates take it.

    An assistant's turn may call tools (`tool_calls`, as OpenAI writes them), and a tool's turn is the result of such a call.
    """

    role: Role
    content: str
    tool_calls: NotRequired[list[Any]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    reasoning_content: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Unit:
    """The piece of input a task works on: a seed, a document, the n-th Magpie draw.

    `index` counts from 0 in input order. `inputs` are the columns of the input row, empty for a draw.
    """

    index: int
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer to a row's messages.

    `finish_reason` is the endpoint's own: "stop", or "length" for an answer that was cut off.
    """

    text: str
    model: str
    reasoning: str | None = None
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    principle: str = ""
    """What the model was told to value (tasks/principles.py)."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is being curated: a talk that ends with the user's turn, and the responses to it.

    `origin` says where it comes from: the prompt's version, the passage or the seed, the system prompt that was used.
    `id` is given at birth from run, unit and position, and never changes; a task leaves it empty.
    """

    messages: tuple[Message, ...]
    responses: tuple[Response, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    unit: int = 0
    position: int = 0
    revision: int = 0

    @property
    def instruction(self) -> str:
        """The user's last turn."""
        return next((m["content"] for m in reversed(self.messages) if m["role"] == "user"), "")

    def known(self, name: str) -> str:
        """What the input says under that name, as text, also where it was not used for the row; "" for nothing."""
        columns = self.origin.get("columns")  # where a task keeps those that it did not use
        kept = {**(columns if isinstance(columns, Mapping) else {}), **self.origin}
        return cell_text(kept.get(name)).strip()


@dataclass(frozen=True, slots=True)
class Dropped:
    """A model's answer that could not be used, kept with its reason and its raw text."""

    reason: str
    raw: str = ""


def without_surrogates(text: str) -> str:
    """A text as UTF-8 can hold it: halves of characters, as broken JSON and file names have them, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
