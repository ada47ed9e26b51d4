"""TextGeneration: a prompt made from the input's columns, and the model's answers to it.

One literal row, from the input {"instruction": "Name a river."}:

    messages: [{"role": "user", "content": "Name a river."}]   responses: ["The Loire."]
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from tasks.base import Task, plain, text
from tasks.columns.conversations import NotHeld, conversation, is_conversation
from tasks.columns.missing_values import python_value, python_values
from tasks.errors import CallRefused, InputError, SettingsError
from tasks.models.base import Completion, Model
from tasks.prompts import columns_in, render_foreign, rendered_at_once
from tasks.row_shape import PROMPT, SHAPE, Field, RowShape, pretty, shape_of, without_halves
from tasks.settings import setting
from tasks.types import Dropped, Message, Response, Row, Unit

ONE_COLUMN = re.compile(r"\s*\{\{-?\s*(\w+)\s*-?\}\}\s*")
"""A template that is one column and nothing else; a chat in that column is taken for what it is."""

MOST_GENERATIONS = 1000


@dataclass(frozen=True, kw_only=True)
class TextGeneration(Task):
    """Answers a prompt made from each input row, or the chat that a row brings.

    Columns in: those that the template names, or `messages` (an OpenAI chat that ends with the user's turn) in rows without
    them; `system_prompt` where a row has its own. Rows out: one a row of input, with `num_generations` responses; columns
    that the prompt does not use stay in its origin. With `fields` or a `schema` each response is a JSON object, and its
    values are columns of the row (tasks/row_shape.py).
    """

    title: ClassVar[str] = "Text generation"
    summary: ClassVar[str] = "Answers to a prompt made from your columns"
    optional_columns: ClassVar[tuple[str, ...]] = ("system_prompt", "messages")

    template: str = setting(
        "{{ instruction }}", "The prompt: text with the columns of the input in {{ }}.", multiline=True, label="Prompt"
    )
    system_prompt: str = setting("", "System prompt for rows that bring none of their own.", multiline=True)
    num_generations: int = setting(1, "Responses for each row.", label="Responses each")
    fields: tuple[Field, ...] = setting(
        (),
        "Columns of your own: each response is a JSON object with a value for each. One a line, as year (whole number): "
        "When it came out.",
        label="Fields",
        multiline=True,
    )
    schema: str | dict[str, Any] = setting(
        "",
        "In place of fields: a JSON schema that each response meets. Its properties are columns.",
        multiline=True,
        label="JSON schema",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", _as_text(self.schema))
        if not 1 <= self.num_generations <= MOST_GENERATIONS:
            raise SettingsError(f"num_generations must be from 1 to {MOST_GENERATIONS}.", setting="num_generations")
        if not self.required_columns():
            raise SettingsError(
                "The template names no column, so every prompt would be the same. Use {{ instruction }}.",
                setting="template",
                page="The prompt names no column, so every prompt would be the same. Use {{ instruction }}.",
            )

        if self.shape is not None:
            for name in self.shape.kinds:
                if name in (*self.required_columns(), *self.optional_columns):
                    raise SettingsError(
                        f"'{name}' is a column of the input already. Give the field another name.",
                        setting="fields" if self.fields else "schema",
                    )

    @property
    def shape(self) -> RowShape | None:
        """What each response has beside a text; None where any text will do."""
        return shape_of(self.fields, str(self.schema))

    def required_columns(self) -> tuple[str, ...]:
        return columns_in(self.template)

    def check(self, row: Mapping[str, Any], index: int) -> None:
        if self.shape is not None and (taken := next((name for name in self.shape.kinds if name in row), "")):
            raise InputError(
                f"'{taken}' is a column of the input already. Give the field another name.",
                column=taken,
            )
        with contextlib.suppress(NotHeld):
            if talk(self.template, row) is not None:
                return
            super().check(row, index)
            _rendered(self.template, row)

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        arguments = self.template, self.system_prompt, unit.inputs
        at_once = rendered_at_once(self.template, unit.inputs)
        try:
            messages = prompt(*arguments) if at_once else await asyncio.to_thread(prompt, *arguments)
        except NotHeld as error:
            return [Dropped(f"it has {error}", json.dumps(dict(unit.inputs), default=str, ensure_ascii=False)[:2000])]
        if messages[-1]["role"] != "user":
            return [Dropped("the chat does not end with the user's turn", json.dumps(messages, ensure_ascii=False))]
        if not messages[-1]["content"].strip():
            return [Dropped("empty prompt")]
        rest = unused(self.template, unit.inputs)
        origin: dict[str, Any] = {"columns": rest} if rest else {}
        if self.shape is not None:
            return await self._shaped(self.shape, messages, origin, model)
        answers = await asyncio.gather(*(model.chat(messages) for _ in range(self.num_generations)))
        empty = [Dropped(answer.why_empty, answer.reasoning or "") for answer in answers if not answer.text.strip()]
        if len(empty) == len(answers) and (again := next((a for a in answers if a.may_come_of_another_try), None)):
            raise CallRefused(f"{model.name} gave no answer: {again.why_empty}.")
        responses = tuple(response(answer) for answer in answers if answer.text.strip())
        return [*([Row(tuple(messages), responses, origin)] if responses else []), *empty]

    async def _shaped(
        self, shape: RowShape, messages: list[Message], origin: dict[str, Any], model: Model
    ) -> list[Row | Dropped]:
        """The same with responses that are objects of a shape; what is none is dropped, with the first thing that is wrong."""
        messages = [*messages[:-1], {**messages[-1], "content": shape.prompt(messages[-1]["content"])}]
        given = await asyncio.gather(*(shape.ask(messages, model, draw) for draw in range(self.num_generations)))
        answers = [answer for answer, _, _ in given]
        empty = [answer for answer in answers if not answer.text.strip()]
        if len(empty) == len(answers) and (again := next((a for a in answers if a.may_come_of_another_try), None)):
            raise CallRefused(f"{model.name} gave no answer: {again.why_empty}.")
        responses: list[Response] = []
        drops: list[Dropped] = []
        for answer, values, problems in given:
            if values is not None:
                responses.append(replace(response(answer), text=pretty(values)))
            elif answer.text.strip():
                drops.append(Dropped(problems[0], answer.text))
            else:
                drops.append(Dropped(answer.why_empty, answer.reasoning or ""))
        origin = {**origin, "prompt": PROMPT, SHAPE: shape.kinds}
        return [*([Row(tuple(messages), tuple(responses), origin)] if responses else []), *drops]


def _as_text(schema: str | Mapping[str, Any]) -> str:
    """A JSON schema as text, the same for the same one, as UTF-8 can hold it; what is no JSON as it is. Raises SettingsError."""
    try:
        value = without_halves(json.loads(schema) if isinstance(schema, str) else schema)
        return json.dumps(value, indent=2, ensure_ascii=False) if value or isinstance(schema, str) else ""
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(schema, str):
            return schema
        raise SettingsError(f"The JSON schema is not JSON: {error}.", setting="schema") from error


def prompt(template: str, system_prompt: str, inputs: Mapping[str, Any]) -> list[Message]:
    """The messages for one input row; a chat's own system message wins, then the row's system prompt."""
    messages = talk(template, inputs)
    if messages is None:
        nothing = all(_blank(inputs.get(name)) for name in columns_in(template))
        messages = [{"role": "user", "content": "" if nothing else _rendered(template, inputs)}]
    if system := text(inputs.get("system_prompt")) or system_prompt:
        own = any(message["role"] == "system" for message in messages)
        messages = messages if own else [{"role": "system", "content": system}, *messages]
    return messages


def talk(template: str, inputs: Mapping[str, Any]) -> list[Message] | None:
    """The chat that a row brings, None if there is none: a list in the column that is the whole template, or `messages`.

    `messages` count only where the row has nothing in the template's columns: many datasets have both. Raises NotHeld.
    """
    names = columns_in(template)
    if ONE_COLUMN.fullmatch(template) and isinstance(cell := inputs.get(names[0]), (list, tuple)):
        return _asking(cell)
    if all(_blank(inputs.get(name)) for name in names):
        return _asking(inputs.get("messages"))
    return None


def _asking(value: Any) -> list[Message] | None:
    """The turns of a conversation in which a person asks something; None for anything else. Raises NotHeld."""
    turns = conversation(value) if is_conversation(value) else []
    return turns if any(turn["role"] == "user" for turn in turns) else None


def unused(template: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row that its prompt does not show: ids, topics and the like."""
    used = {*columns_in(template), "system_prompt", "messages"}
    return {str(name): value for name, value in python_values(inputs).items() if name not in used and plain(value)}


def _rendered(template: str, inputs: Mapping[str, Any]) -> str:
    return render_foreign(template, inputs)


def _blank(value: Any) -> bool:
    value = python_value(value)
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


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
