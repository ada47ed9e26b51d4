"""Answering: the responses to rows that have none, or too few, from one or several response models.

UltraFeedback (arXiv 2310.01377, section 2.2) lets several models answer one instruction so that there is something to
compare, and tells each what to value; here the models take turns over the responses of a row.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tasks.errors import CallRefused, SettingsError
from tasks.models.base import Endpoint, Model
from tasks.principles import choose, weights
from tasks.row_shape import RowShape, pretty
from tasks.settings import setting
from tasks.text_generation import response
from tasks.types import Message, Response, Row

INSTRUCTING = ("system", "developer")
"""Roles that say how to answer: OpenAI's later models call the first one by the second name."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How many responses each row is to have, and under which system prompt."""

    title: ClassVar[str] = "answers"

    n: int = setting(1, "Responses for each row, those that it came with included.")
    system_prompt: str = setting("", "System prompt for answering rows that have none.", multiline=True)
    principles: str | dict[str, float] = setting(
        "", "What each response is told to value: balanced, the name of one, or several with their weights, as "
        '{"honesty": 2, "helpfulness": 1}.',
        label="Principles",
        page="What each response is told to value: balanced, the name of one principle, or several with their weights.",
        example='{"honesty": 2, "helpfulness": 1}',
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not 0 <= self.n <= 8:
            raise SettingsError(
                "n of [answers] must be from 0 to 8: a reviewer compares no more than eight responses.",
                setting="n",
                page="Responses per row must be from 0 to 8: a reviewer compares no more than eight responses.",
            )
        weights(self.principles)

    def missing(self, present: Collection[int]) -> list[int]:
        """The indexes of the responses that are still to be made, given those that are `present`."""
        return [index for index in range(self.n) if index not in present]

    def turn(self, index: int, endpoints: Sequence[Endpoint]) -> Endpoint:
        """The endpoint whose turn it is at `index`."""
        return endpoints[index % len(endpoints)]

    async def respond(self, row: Row, index: int, model: Model, shape: RowShape | None = None) -> Response:
        """The response to `row` at `index`, of a `shape` where there is one. Its principle depends on unit, position and index
        alone.

        Raises CallRefused where there is no text, or none of that shape, with the reason.
        """
        messages: list[Message] = list(row.messages)
        name, principle = choose(weights(self.principles), f"{row.unit}/{row.position}/{index}")
        own = next((message["content"] for message in messages if message["role"] in INSTRUCTING), self.system_prompt)
        if system := "\n\n".join(filter(None, (own, principle))):
            messages = [{"role": "system", "content": system}, *(m for m in messages if m["role"] not in INSTRUCTING)]
        values: dict[str, Any] | None = None
        problems: list[str] = []
        if shape is None:
            answer = await model.chat(messages)
        else:
            answer, values, problems = await shape.ask(messages, model, draw=0)
        if not answer.text.strip():
            raise CallRefused(f"{model.name} gave no answer: {answer.why_empty}.")
        if problems:
            raise CallRefused(f"The answer of {model.name} can't be used: {problems[0]}.")
        given = response(answer) if values is None else replace(response(answer), text=pretty(values))
        return replace(given, principle=name)
