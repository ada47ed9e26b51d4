"""ExistingRows: instructions and responses that somebody made already, to be answered, rated or reviewed.

One literal row, from the input {"instruction": "Name a river.", "responses": [{"model": "a", "text": "The Loire."}]}:

    messages: [{"role": "user", "content": "Name a river."}]   responses: ["The Loire."] by "a"
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tasks.base import Task, chat, listed, plain, text
from tasks.models.base import Model
from tasks.settings import setting
from tasks.types import Dropped, Message, Response, Row, Unit


@dataclass(frozen=True, kw_only=True)
class ExistingRows(Task):
    """Takes rows as they are, without any model.

    Columns in: `instruction`, or `messages` (a chat that ends with the user's turn, or with an answer); optional `input`
    (goes under the instruction), `system_prompt`, `response`, `responses` (texts, objects with `text` and `model`, or
    messages), `id`.
    Rows out: one a row of input; its origin keeps the id, whatever it is, and all other columns that are plain values.
    Ids need not differ: a row's own id, by which it is told from others, is given anew.
    """

    title: ClassVar[str] = "Existing rows"
    summary: ClassVar[str] = "Instructions and answers that you have, to rate and review"
    optional_columns: ClassVar[tuple[str, ...]] = ("instruction", "input", "responses", "system_prompt", "id")
    calls_model: ClassVar[bool] = False

    model: str = setting(
        "unknown", "Name for responses that do not say which model made them.", label="Model that answered"
    )

    def required_columns(self) -> tuple[str, ...]:
        return ()

    def check(self, row: Mapping[str, Any], index: int) -> None:
        if "messages" not in row:
            self._require(row, index, "instruction")

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        messages, answers = self.read(unit.inputs)
        if not any(message["role"] == "user" and message["content"] for message in messages):
            return [Dropped("no instruction", json.dumps(dict(unit.inputs), default=str)[:2000])]
        known = {"instruction", "input", "system_prompt", "messages", "response", "responses", "id"}
        rest = {str(name): value for name, value in unit.inputs.items() if name not in known and plain(value)}
        if (theirs := own_id(unit.inputs.get("id"))) is not None:
            rest = {"id": theirs, **rest}
        return [Row(tuple(messages), tuple(answer for answer in answers if answer.text), rest)]

    def read(self, inputs: Mapping[str, Any]) -> tuple[list[Message], list[Response]]:
        """(messages up to the user's last turn, responses) of one row of input."""
        answers: list[Response] = []
        messages = chat(inputs.get("messages"))
        while messages and messages[-1]["role"] == "assistant":
            answers.insert(0, Response(messages.pop()["content"], self.model))
        if not messages:
            if system := text(inputs.get("system_prompt")):
                messages.append({"role": "system", "content": system})
            asked = [part for part in (text(inputs.get("instruction")), text(inputs.get("input"))) if part]
            messages.append({"role": "user", "content": "\n\n".join(asked)})
        one = inputs.get("response")
        for answer in [*([one] if isinstance(one, str) else listed(one)), *listed(inputs.get("responses"))]:
            if isinstance(answer, Mapping):
                said = answer.get("text") or answer.get("content")  # a message of a chat is an answer as well
                answers.append(Response(text(said), text(answer.get("model")) or self.model))
            else:
                answers.append(Response(text(answer), self.model))
        return messages, answers


def own_id(value: Any) -> str | int | None:
    """The id that a row had before, as JSON can hold it; None for none. A column of numbers with gaps makes floats of them."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value) if value == value else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return text(value) or None
