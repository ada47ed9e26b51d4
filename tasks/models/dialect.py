"""What one model at one endpoint takes of a request: found out by what it refuses, remembered, and seen by the user.

A request is built and remembered in one form for all endpoints. On its way out it is put into the endpoint's dialect: fields
under other names, fields and words of a JSON schema left out, the next looser form of an answer. So what was answered before
a refusal, or by another version of the endpoint, is found again.

>>> Dialect(renamed={"max_tokens": "max_completion_tokens"}, left_out=("seed",)).spoken({"max_tokens": 5, "seed": 1})
{'max_completion_tokens': 5}
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter

from tasks.models.refusals import NOT_TAKEN, Refusal, mentions, names_field
from tasks.models.spec import ModelSpec

Format = Literal["json_schema", "json_object", "text"]
FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")
"""How an answer's form is asked for, the strictest first."""
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
NEEDED = ("add_generation_prompt", "continue_final_message")
KEPT = ("model", "messages", "prompt", "stream", *NEEDED)
"""Fields without which a request asks for something else: where one of them is refused, the request is refused."""
KEYWORDS = ("maxLength", "minLength", "maxItems", "minItems", "additionalProperties", "strict", "enum")
"""Words of our schemas, beyond those that every endpoint with schemas knows."""
GUESSED = ("response_format", "logprobs", "seed", "stop", "temperature", "top_p", "max_tokens")
"""Fields that are tried to be left out, one after the other, where an endpoint refuses and names none."""
FIRST_THINKING, MOST_THINKING = 4_096, 16_384
"""Tokens for thoughts that an answer is given at first, and at most."""
AS_JSON = "Answer as JSON."
WANTS_TEXT = re.compile(r"TYPE_STRING|expected (?:a )?string")
NUMBERS_TO_CHOOSE = re.compile(r'"enum": \[\d')
NUMBER = re.compile(r"(?<![\w.-])\d[\d,]{0,9}(?![\w-]|\.\d)")
LEAST_LIMIT = 16
"""Tokens below which a number in a message is no limit."""
FORMAT_NAMES = re.compile(
    r"response[_ ]?(?:format|schema)|json[_ ]?(?:schema|mode|object)|structured[_ ]?output|guided[_ ](?:json|decoding)"
    r"|\bgrammar\b|\bschema\b",
    re.IGNORECASE,
)
"""How messages speak of the form of an answer."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is different at this endpoint."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    answer_format: Format = "json_schema"
    without_keywords: tuple[str, ...] = ()
    enum_texts: bool = False
    """Choices in a schema are texts: it takes no numbers there."""
    thinking_tokens: int = 0
    """Room for thoughts, beyond the limit of an answer: they count in it, and had used it up."""
    most_tokens: int = 0
    """The longest answer that it takes a limit of, 0 for not known."""

    def spoken(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request in this dialect. Pure."""
        spoken: dict[str, Any] = {}
        for name, value in body.items():
            if name in self.left_out or (name == "top_logprobs" and "logprobs" in self.left_out):
                continue
            if name in TOKEN_LIMITS and isinstance(value, int):
                value += self.thinking_tokens
                value = min(value, self.most_tokens) if self.most_tokens else value
            if name == "response_format" and (value := self._form(value)) is None:
                continue
            spoken[self.renamed.get(name, name)] = value
        if spoken.get("response_format") == {"type": "json_object"} and "messages" in spoken:
            spoken["messages"] = _with_the_word_json(spoken["messages"])
        return spoken

    def _form(self, form: Any) -> Any:
        """An answer's form as this endpoint takes it, None where none is to be sent. One of the user's own stays as it is."""
        if (
            not isinstance(form, dict)
            or form.get("type") != "json_schema"
            or "schema" not in form.get("json_schema", ())
        ):
            return form
        if self.answer_format == "text":
            return None
        if self.answer_format == "json_object":
            return {"type": "json_object"}
        inner = {**form["json_schema"], "schema": common(form["json_schema"]["schema"], enum_texts=self.enum_texts)}
        return {**form, "json_schema": _without(inner, self.without_keywords)}

    def after(self, refusal: Refusal, sent: Mapping[str, Any]) -> "Dialect | None":
        """The dialect in which a refused request is to be sent again; None where its refusal is of no field.

        `sent` is the request in this dialect.
        """
        name = self._refused(refusal, sent)
        if not name:
            return None
        if name == "response_format":
            changed = self._after_format(refusal, sent)
        elif name in TOKEN_LIMITS:
            changed = self._after_limit(name, refusal, sent)
        else:
            changed = self.without(name)
        return None if changed == self else changed

    def without(self, name: str) -> "Dialect":
        """The same without a field; the form of an answer becomes the next looser one."""
        if name == "response_format":
            looser = FORMATS[min(FORMATS.index(self.answer_format) + 1, len(FORMATS) - 1)]
            return replace(self, answer_format=looser)
        ours = next((ours for ours, theirs in self.renamed.items() if theirs == name), name)
        ours = "logprobs" if ours == "top_logprobs" else ours
        return replace(self, left_out=tuple(dict.fromkeys([*self.left_out, ours])))

    def guesses(self, sent: Mapping[str, Any]) -> "Iterator[Dialect]":
        """Dialects to try where a request is refused and no field is named: without each one, then without all."""
        names = [name for name in GUESSED if name in sent or self.renamed.get(name) in sent]
        bare = self
        for name in names:
            if name == "max_tokens" and "max_tokens" not in self.renamed:
                yield replace(self, renamed={**self.renamed, "max_tokens": "max_completion_tokens"})
            yield self.without(name)
            bare = replace(bare, answer_format="text") if name == "response_format" else bare.without(name)
        if "response_format" in names and self.answer_format == "json_schema":
            yield replace(self, answer_format="text")
        if len(names) > 1:
            yield bare

    def _refused(self, refusal: Refusal, sent: Mapping[str, Any]) -> str:
        """The field of the request that a refusal is about; "" for none."""
        if "json_validate_failed" in refusal.codes or refusal.field.startswith(("messages", "prompt")):
            return ""
        optional = [name for name in sent if name not in KEPT]
        own = refusal.field.partition(".")[0].partition("[")[0]
        if own in optional:
            return own
        if own in ("text", "format", "generation_config", "schema") and "response_format" in sent:
            return "response_format"
        if "response_format" in sent and FORMAT_NAMES.search(refusal.own):
            return "response_format"
        name = names_field(refusal.own, optional)
        if name and (NOT_TAKEN.search(refusal.own) or refusal.meaning == "field"):
            return name
        if "response_format" in sent and any(mentions(refusal.own, word) for word in KEYWORDS[:5]):
            return "response_format"
        return ""

    def _after_format(self, refusal: Refusal, sent: Mapping[str, Any]) -> "Dialect":
        form = sent["response_format"]
        if not isinstance(form, dict) or form.get("type") != "json_schema":
            return self.without("response_format")
        used = json.dumps(form)
        named = [word for word in KEYWORDS if word not in self.without_keywords and f'"{word}"' in used]
        refused = [word for word in named if mentions(refusal.own, word)]
        if "enum" in refused or WANTS_TEXT.search(refusal.own):
            refused = [word for word in refused if word != "enum"]
            if not self.enum_texts and NUMBERS_TO_CHOOSE.search(used):
                return replace(self, enum_texts=True)
        if refused:
            return replace(self, without_keywords=(*self.without_keywords, *refused))
        return self.without("response_format")

    def _after_limit(self, name: str, refusal: Refusal, sent: Mapping[str, Any]) -> "Dialect":
        other = next(limit for limit in TOKEN_LIMITS if limit != name)
        if other in refusal.own and name not in self.renamed.values():
            return replace(self, renamed={**self.renamed, name: other})
        numbers = [int(number.replace(",", "")) for number in NUMBER.findall(refusal.own)]
        if smaller := [number for number in numbers if LEAST_LIMIT <= number < int(sent[name])]:
            return replace(self, most_tokens=max(smaller))
        if name not in self.renamed.values():
            return replace(self, renamed={**self.renamed, name: other})
        return self.without(name)

    @property
    def with_room_to_think(self) -> "Dialect":
        """The same with more room for thoughts; itself where that was tried up to the most."""
        more = min(MOST_THINKING, 4 * self.thinking_tokens or FIRST_THINKING)
        return replace(self, thinking_tokens=more)

    @property
    def sentences(self) -> list[str]:
        """What is different, for the user."""
        sentences = [f"{new} is sent in place of {old}." for old, new in self.renamed.items()]
        if self.left_out:
            sentences.append(f"Left out, as it is refused: {', '.join(self.left_out)}.")
        if self.answer_format == "json_object":
            sentences.append("Answers are asked for as JSON, without a schema.")
        if self.answer_format == "text":
            sentences.append("Answers are asked for as text.")
        if self.without_keywords:
            sentences.append(f"Schemas are sent without {', '.join(self.without_keywords)}.")
        if self.enum_texts:
            sentences.append("Choices in schemas are sent as texts.")
        if self.thinking_tokens:
            sentences.append(f"{self.thinking_tokens:,} more tokens are allowed, for thoughts.")
        if self.most_tokens:
            sentences.append(f"Answers have {self.most_tokens:,} tokens at most.")
        return sentences

    def dump(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> "Dialect":
        """Reads what `dump` wrote; what another version knew beyond that is left out. Raises ValueError."""
        return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[Dialect]:
    return TypeAdapter(Dialect)


def spoken_by(spec: ModelSpec, known: Dialect | None = None) -> Dialect:
    """What is known of an endpoint's dialect, with what a person set of it, who wins."""
    dialect = known or Dialect()
    if not (spec.token_limit or spec.answer_format or spec.left_out):
        return dialect
    if spec.token_limit:
        renamed = {ours: theirs for ours, theirs in dialect.renamed.items() if ours not in TOKEN_LIMITS}
        other = next(limit for limit in TOKEN_LIMITS if limit != spec.token_limit)
        dialect = replace(dialect, renamed={**renamed, other: spec.token_limit})
    if spec.answer_format:
        dialect = replace(dialect, answer_format=spec.answer_format)
    return replace(dialect, left_out=tuple(dict.fromkeys([*dialect.left_out, *spec.left_out])))


def found_out(dialect: Dialect, spec: ModelSpec, before: Dialect) -> Dialect:
    """A dialect without what a person set of it: that is the recipe's, and not to be remembered of the endpoint."""
    left_out = tuple(name for name in dialect.left_out if name not in spec.left_out or name in before.left_out)
    own_form = spec.answer_format and dialect.answer_format == spec.answer_format
    return replace(
        dialect,
        left_out=left_out,
        answer_format=before.answer_format if own_form else dialect.answer_format,
        renamed=before.renamed if spec.token_limit else dialect.renamed,
    )


def common(schema: Any, *, enum_texts: bool = False) -> Any:
    """A JSON schema in the form that the strictest endpoints take: every part typed, choices of one type.

    Choices of numbers and words, as of a rating that may be "N/A", become texts.
    """
    if isinstance(schema, list):
        return [common(part, enum_texts=enum_texts) for part in schema]
    if not isinstance(schema, dict):
        return schema
    typed = {name: part if name == "enum" else common(part, enum_texts=enum_texts) for name, part in schema.items()}
    choices = typed.get("enum")
    if isinstance(choices, list) and choices:
        if enum_texts or len({isinstance(choice, str) for choice in choices}) > 1:
            choices = [str(choice) for choice in choices]
        kind = "string" if isinstance(choices[0], str) else "integer"
        typed = {"type": kind, **{name: part for name, part in typed.items() if name != "type"}, "enum": choices}
    return typed


def _without(part: Any, keywords: tuple[str, ...]) -> Any:
    if isinstance(part, dict):
        return {name: _without(value, keywords) for name, value in part.items() if name not in keywords}
    return [_without(item, keywords) for item in part] if isinstance(part, list) else part


def _with_the_word_json(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same messages, with the word that endpoints ask for where an answer is to be JSON (OpenAI, DeepSeek, Groq)."""
    if any("json" in str(message["content"]).lower() for message in messages):
        return messages
    *earlier, last = messages
    return [*earlier, {**last, "content": f"{last['content']}\n\n{AS_JSON}"}]
