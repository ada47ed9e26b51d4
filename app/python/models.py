"""A model as a step's task sees it: every call noted, so that a row can show what was asked and what came back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.models.base import Capabilities, Completion, Model
from tasks.types import Message


@dataclass
class Noted:
    """`system` opens each chat that has no system text of its own."""

    model: Model
    system: str = ""
    asked: list[Any] = field(default_factory=list)
    """What was sent: chats as lists of messages, raw prompts as texts."""
    answers: list[Completion] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def template(self) -> str | None:
        return self.model.template

    async def capabilities(self) -> Capabilities:
        return await self.model.capabilities()

    async def chat(self, messages: Sequence[Message], **options: Any) -> Completion:
        if self.system and not any(message["role"] == "system" for message in messages):
            messages = [{"role": "system", "content": self.system}, *messages]
        self.asked.append([dict(message) for message in messages])
        self.answers.append(await self.model.chat(messages, **options))
        return self.answers[-1]

    async def complete(self, prompt: str, **options: Any) -> Completion:
        self.asked.append(prompt)
        self.answers.append(await self.model.complete(prompt, **options))
        return self.answers[-1]

    def behind(self, name: str, *, raw_input: bool, raw_output: bool) -> dict[str, Any]:
        """What stands behind a row of the step `name`: raw_input, raw_output (one, or a list of several), statistics."""
        said = [answer.text for answer in self.answers]
        found: dict[str, Any] = {}
        if raw_output:
            found[f"raw_output_{name}"] = said[0] if len(said) == 1 else said or None
        if raw_input:
            found[f"raw_input_{name}"] = self.asked[0] if len(self.asked) == 1 else self.asked or None
        tokens = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
        counted = {key: sum(getattr(one, theirs) or 0 for one in self.answers) for key, theirs in tokens.items()}
        return {**found, f"statistics_{name}": counted}
