"""Genstruct (Ada-Instruct, Cui & Wang 2023, arXiv 2310.04484; NousResearch/Genstruct-7B): a question and answer from a passage.

One literal row, from the input {"title": "Tides", "content": "The moon's pull raises ..."}:

    messages: [{"role": "user", "content": "Why are there two tides a day?"}]   responses: ["Because ..."]
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from tasks.base import Task, text
from tasks.errors import SettingsError
from tasks.models.base import Completion, Model
from tasks.prompts import PROMPTS
from tasks.reading import json_in
from tasks.settings import setting
from tasks.text_generation import response
from tasks.types import Dropped, Response, Row, Unit

PROMPT, NATIVE = "genstruct.v1", "genstruct_native.v1"
KEYS = (("question", "answer"), ("user", "assistant"))
LONGEST_USER, LONGEST_ASSISTANT = 300, 900
LABELS = re.compile(
    r"(?:^[\s*#>\[]*|\[\[\[)(user|assistant)(?:\]\]\]|[*_]*[ \t]*:[*_]*|[*_]*[ \t]*$)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Genstruct(Task):
    """Writes an instruction that a passage inspires, and an answer that the passage supports.

    Columns in: `title` and `content`. Rows out: one a document; the passage stays in the row's origin.
    """

    title: ClassVar[str] = "Genstruct"
    summary: ClassVar[str] = "Questions and answers from documents"
    columns: ClassVar[tuple[str, ...]] = ("title", "content")

    max_answer_tokens: int = setting(
        700, "Most tokens for question and answer together.", label="Longest answer, tokens"
    )

    def __post_init__(self) -> None:
        if self.max_answer_tokens < 1:
            raise SettingsError("max_answer_tokens must be at least 1.")

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        title, passage = text(unit.inputs["title"]), text(unit.inputs["content"])
        if not passage:
            return [Dropped("empty document")]
        found = await model.capabilities()
        native = "genstruct" in model.name.lower()
        options: dict[str, Any] = {"max_tokens": self.max_answer_tokens}
        as_json = found.json_schema and not native
        if as_json:
            options["schema"] = schema(bounded=found.string_bounds)
            options["max_tokens"] = max(self.max_answer_tokens, LONGEST_USER + LONGEST_ASSISTANT + 40)
        name = NATIVE if native else PROMPT
        message = PROMPTS.render(name, title=title, passage=passage, as_json=as_json)
        answer = await model.chat([{"role": "user", "content": message}], **options)
        pair = read(answer.text)
        if pair is None:
            reason = "cut off at the token limit" if answer.cut_off else "no question and answer in it"
            return [Dropped(reason, answer.text)]
        origin = {"title": title, "passage": passage, "prompt": name}
        return [Row(({"role": "user", "content": pair[0]},), (_response(answer, pair[1]),), origin)]


def _response(answer: Completion, said: str) -> Response:
    whole = response(answer)
    return Response(
        said, whole.model, whole.reasoning, whole.finish_reason, whole.prompt_tokens, whole.completion_tokens
    )


def schema(*, bounded: bool) -> dict[str, Any]:
    """The JSON schema of the answer: {"question": text, "answer": text}. (Under "user", small models write user names.)"""

    def part(longest: int) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": longest} if bounded else {"type": "string"}

    properties = {"question": part(LONGEST_USER), "answer": part(LONGEST_ASSISTANT)}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read(answer: str) -> tuple[str, str] | None:
    """(user, assistant) from JSON or from labelled parts ("[[[User]]]", "User:", "**Assistant:**"); None without both."""
    found = json_in(answer)
    keys = next((pair for pair in KEYS if isinstance(found, dict) and found.keys() >= set(pair)), None)
    if keys is not None:
        user, assistant = found[keys[0]], found[keys[1]]
    else:
        parts = LABELS.split(answer)
        said = {label.lower(): body for label, body in zip(parts[-2::-2], parts[:0:-2], strict=True)}
        user, assistant = said.get("user", parts[0]), said.get("assistant")
    if not isinstance(user, str) or not isinstance(assistant, str):
        return None
    user, assistant = user.strip(), assistant.strip()
    return (user, assistant) if user and assistant else None
