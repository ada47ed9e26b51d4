"""Answering: the responses to rows that have none, or too few, from one or several response models.

UltraFeedback (arXiv 2310.01377, section 2.2) lets several models answer one instruction so that there is something to
compare; here the models take turns over the responses of a row.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tasks.errors import SettingsError
from tasks.models.base import Endpoint, Model
from tasks.settings import setting
from tasks.text_generation import response
from tasks.types import Message, Response, Row


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How many responses each row is to have, and under which system prompt."""

    title: ClassVar[str] = "answers"

    n: int = setting(1, "Responses for each row, those that it came with included.")
    system_prompt: str = setting("", "System prompt for answering rows that have none.", multiline=True)

    def __post_init__(self) -> None:
        if not 0 <= self.n <= 8:
            raise SettingsError("n of [answers] must be from 0 to 8: a reviewer compares no more than eight responses.")

    def missing(self, places: Collection[int]) -> list[int]:
        """The places of the responses that are still to be made, given those that are there."""
        return [place for place in range(self.n) if place not in places]

    def turn(self, place: int, endpoints: Sequence[Endpoint]) -> Endpoint:
        """The endpoint whose turn it is at `place`."""
        return endpoints[place % len(endpoints)]

    async def respond(self, row: Row, model: Model) -> Response:
        """One response to `row`."""
        messages: list[Message] = list(row.messages)
        if self.system_prompt and not any(message["role"] == "system" for message in messages):
            messages.insert(0, {"role": "system", "content": self.system_prompt})
        return response(await model.chat(messages))
