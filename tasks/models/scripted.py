"""A model that answers from a script: for tests, and for trying the app without any model.

The built-in script gives every kind of request a well-formed answer that depends only on the request and the draw. A
script of your own is a list of [pattern, answer] pairs: the first pattern (a regular expression) found in the prompt
answers; `{draw}` in the answer becomes the draw number's last digits.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.models.base import Capabilities, Completion, DialectMemo, Endpoint, Kind, Limits
from tasks.types import Message

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOPICS = (
    "a bicycle that squeaks", "bread without yeast", "the tides", "a spreadsheet of birthdays", "moving to another city",
    "a cat that wakes me at four", "learning the guitar", "compost", "a letter of complaint", "the Doppler effect",
    "packing for a week of rain", "tuples and lists",
)  # fmt: skip
FEW, SEVERAL, MOST_ITEMS, DEEPEST = 3, 20, 100, 8
"""Items of a list where its schema leaves it open, and those that it has at most; and how deep a value is nested."""
OPENINGS = ("How do I deal with", "Explain", "Give me three ideas about", "What should a beginner know about")


class ScriptedEndpoint:
    """Answers at once (or after `latency` seconds) and without any network."""

    def __init__(
        self,
        script: Sequence[tuple[str, str]] = (),
        *,
        name: str = "scripted",
        latency: float = 0.0,
        concurrency: int = 16,
    ) -> None:
        self.script = [(re.compile(pattern, re.DOTALL), answer) for pattern, answer in script]
        digest = hashlib.sha256(json.dumps(list(script)).encode()).hexdigest()[:12]
        self.identity = f"scripted|{name}|{digest}"
        self.name = name
        self.template: str | None = None
        self.limits = Limits(self.identity, concurrency)
        self.timeout = 60.0
        self.latency = latency

    def request(self, kind: Kind, content: str | Sequence[Message], options: Mapping[str, Any]) -> dict[str, Any]:
        key = "messages" if kind == "chat" else "prompt"
        limits = ("least_tokens", "usual_tokens")
        options = {"max_tokens" if name in limits else name: value for name, value in options.items()}
        return {"model": self.name, key: content if isinstance(content, str) else list(content), **options}

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        if self.latency:
            await asyncio.sleep(self.latency)
        prompt = body["prompt"] if kind == "complete" else "\n".join(m["content"] for m in body["messages"])
        number = int.from_bytes(hashlib.sha256(f"{draw}|{json.dumps(body, sort_keys=True)}".encode()).digest()[:6])
        text = self._answer(prompt, kind, body.get("schema"), number)
        return Completion(
            text=text,
            model=self.name,
            prompt_tokens=len(prompt) // 4,
            completion_tokens=len(text) // 4,
            latency=self.latency,
        )

    def _answer(self, prompt: str, kind: Kind, schema: Mapping[str, Any] | None, number: int) -> str:
        for pattern, answer in self.script:
            if pattern.search(prompt):
                return answer.replace("{draw}", str(number % 10_000))
        if schema is not None:
            return json.dumps(_of_schema(schema, number))
        sentence = (
            f"{OPENINGS[number % len(OPENINGS)]} {TOPICS[number // 7 % len(TOPICS)]} (case {number % 1_000_000})?"
        )
        return sentence if kind == "complete" else f"In short: {sentence.rstrip('?')}. Start small, then look again."

    def remember_in(self, memo: DialectMemo, twin: Endpoint | None = None) -> None:
        return None

    async def probe(self) -> Capabilities:
        return Capabilities(
            raw_prompts=True, json_schema=True, string_bounds=True, chat_template=TEMPLATE, eos_token="<|im_end|>",
            context=8192, models=(self.name,),
        )  # fmt: skip

    async def close(self) -> None:
        return None


def _of_schema(schema: Any, number: int, whole: Any = None, depth: int = 0) -> Any:
    """A value that fits a small JSON schema, the same for the same number. `whole` is what the schema's `$ref`s count from."""
    whole = schema if whole is None else whole
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        schema = {}
    if "const" in schema:
        return schema["const"]
    if enum := schema.get("enum"):
        return enum[number % len(enum)]
    if isinstance(ref := schema.get("$ref"), str):
        return _of_schema(_part(whole, ref), number, whole, depth + 1)
    if forms := schema.get("anyOf") or schema.get("oneOf"):
        return _of_schema(forms[0], number, whole, depth + 1)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            parts = schema.get("properties", {}).items()
            return {name: _of_schema(part, number // 3 + at, whole, depth + 1) for at, (name, part) in enumerate(parts)}
        case "array":
            least, most = schema.get("minItems", 0), schema.get("maxItems", FEW)
            items = range(min(max(least, min(most, SEVERAL)), MOST_ITEMS if depth < 3 else FEW))
            return [_of_schema(schema.get("items"), number // 5 + at, whole, depth + 1) for at in items]
        case "boolean":
            return number % 2 == 0
        case "integer" | "number":
            low = schema.get("minimum", 0 if (most := schema.get("maximum", 0)) >= 0 else most - 5)
            high = max(schema.get("maximum", low + 5), low)
            return low + number % (int(high - low) + 1)
        case "null":
            return None
        case _:
            text = f"{OPENINGS[number % 4]} {TOPICS[number // 3 % len(TOPICS)]} (case {number % 1_000_000})"
            return text[: schema.get("maxLength", 200)]


def _part(schema: Any, ref: str) -> Any:
    """The part of a schema that a `$ref` within it names, as "#/$defs/river"; None where there is none."""
    for name in ref.removeprefix("#").split("/")[1:]:
        schema = schema.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(schema, Mapping) else None
    return schema
