"""TextGeneration: a prompt made from the input's columns, and the model's answers to it.

One literal row, from the input {"instruction": "Name a river."}:

    messages: [{"role": "user", "content": "Name a river."}]   responses: ["The Loire."]
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tasks.base import Task, text
from tasks.errors import SettingsError
from tasks.models.base import Completion, Model
from tasks.prompts import columns_in, render_foreign
from tasks.settings import setting
from tasks.types import Dropped, Message, Response, Row, Unit


@dataclass(frozen=True, kw_only=True)
class TextGeneration(Task):
    """Answers a prompt made from each input row.

    Columns in: those that the template names, and `system_prompt` where a row has its own. Rows out: one a row of input,
    with `num_generations` responses.
    """

    title: ClassVar[str] = "Text generation"
    summary: ClassVar[str] = "Answers to a prompt made from your columns"

    template: str = setting(
        "{{ instruction }}", "The prompt: text with the columns of the input in {{ }}.", multiline=True, label="Prompt"
    )
    system_prompt: str = setting("", "System prompt for rows that bring none of their own.", multiline=True)
    num_generations: int = setting(1, "Responses for each row.", label="Responses each")

    def __post_init__(self) -> None:
        if self.num_generations < 1:
            raise SettingsError("num_generations must be at least 1.")
        if not self.required_columns():
            raise SettingsError(
                "The template names no column, so every prompt would be the same. Use {{ instruction }}."
            )

    def required_columns(self) -> tuple[str, ...]:
        return columns_in(self.template)

    def check(self, row: Mapping[str, Any], index: int) -> None:
        super().check(row, index)
        render_foreign(self.template, dict(row))

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        messages = prompt(self.template, self.system_prompt, unit.inputs)
        if not messages[-1]["content"].strip():
            return [Dropped("empty prompt")]
        answers = await asyncio.gather(*(model.chat(messages) for _ in range(self.num_generations)))
        if empty := [answer for answer in answers if not answer.text.strip()]:
            return [Dropped("empty answer", answer.reasoning or "") for answer in empty]
        return [Row(tuple(messages), tuple(response(answer) for answer in answers))]


def prompt(template: str, system_prompt: str, inputs: Mapping[str, Any]) -> list[Message]:
    """The messages for one input row; a row's own system prompt wins."""
    messages: list[Message] = []
    if system := text(inputs.get("system_prompt")) or system_prompt:
        messages.append({"role": "system", "content": system})
    messages.append({"role": "user", "content": render_foreign(template, dict(inputs))})
    return messages


def response(answer: Completion) -> Response:
    """A model's answer as a response of a row."""
    return Response(
        text=answer.text.strip(),
        model=answer.model,
        reasoning=answer.reasoning,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )
