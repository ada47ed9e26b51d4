"""A model as a step's task sees it: every call noted, so that a row can show what was asked and what came back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.models.base import Capabilities, Completion, Model, ModelProxy
from tasks.types import Message

FIRST = "0"
"""The word that everything is drawn under the first time."""


@dataclass
class RecordingModel(ModelProxy[Model]):
    """`system` opens each chat that has no system text of its own; `draw` and `place` say which draw of which row it is."""

    system: str = ""
    draw: str = FIRST
    place: tuple[int, ...] = ()
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    """What was sent, as chats; a raw prompt is one of the user's."""
    answers: list[Completion] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What could not be had of a row that is there all the same."""

    @property
    def number(self) -> int:
        """A number for what is chosen by chance: the same for the same draw, another for another one."""
        return int.from_bytes(hashlib.sha256(f"{self.draw}/{self.place}".encode()).digest()[:4])

    @property
    def again(self) -> int:
        """Which draw it is of a question that is asked without a seed."""
        more = 0 if self.draw == FIRST else int.from_bytes(hashlib.sha256(self.draw.encode()).digest()[:5])
        return self.place[-1] + more

    async def capabilities(self) -> Capabilities:
        return await self.wrapped.capabilities()

    async def chat(self, messages: Sequence[Message], **options: Any) -> Completion:
        if self.system and not any(message["role"] == "system" for message in messages):
            messages = [{"role": "system", "content": self.system}, *messages]
        self.asked.append([dict(message) for message in messages])
        self.answers.append(await self.wrapped.chat(messages, **options))
        return self.answers[-1]

    async def complete(self, prompt: str, **options: Any) -> Completion:
        self.asked.append([{"role": "user", "content": prompt}])
        self.answers.append(await self.wrapped.complete(prompt, **options))
        return self.answers[-1]

    def behind(self, name: str, *, raw_input: bool, raw_output: bool, chats: bool) -> dict[str, Any]:
        """What stands behind a row of the step `name`, in one shape for all rows: statistics_<name>, {"input_tokens",
        "output_tokens"}; with `chats` raw_output_<name> (str, the first answer) and raw_input_<name> (the first chat); further
        answers, where one was asked for again, as raw_output_again_<name> (list of str).
        """
        tokens = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
        counted = {
            key: sum(getattr(completion, attribute) or 0 for completion in self.answers)
            for key, attribute in tokens.items()
        }
        columns: dict[str, Any] = {f"statistics_{name}": counted}
        if chats and raw_input and self.asked:
            columns[f"raw_input_{name}"] = self.asked[0]
        if chats and raw_output and self.answers:
            first, *others = (answer.text for answer in self.answers)
            columns |= {f"raw_output_{name}": first} | ({f"raw_output_again_{name}": others} if others else {})
        return columns
