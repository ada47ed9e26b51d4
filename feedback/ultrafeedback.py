"""UltraFeedback (Cui et al. 2023, arXiv 2310.01377): a labeller rates responses for one aspect at a time, with reasons.

One literal rating:

    Rating(response=0, aspect="helpfulness", repeat=0, status="rated", value=4.0, rationale="Right, but short.")
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from feedback.aspects import ASPECTS
from feedback.reading import read
from feedback.types import Rating
from tasks.errors import CallFailed, CallRefused, PromptTooLong, SettingsError
from tasks.models.base import Capabilities, Completion, Model
from tasks.prompts import Prompts
from tasks.settings import setting
from tasks.types import Message, Row

PROMPT = "ultrafeedback.v1"
PROMPTS = Prompts(Path(__file__).parent / "prompts")
LONGEST_RATIONALE = 300
SPACE_FOR_THE_REST = 60


@dataclass(frozen=True, slots=True)
class Question:
    """One call to the labeller: an aspect, the number of the repeat, the responses in the order they are shown."""

    aspect: str
    repeat: int
    order: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class UltraFeedback:
    """Rates every response of a row, from 1 to 5, with a rationale."""

    title: ClassVar[str] = "UltraFeedback"

    aspects: tuple[str, ...] = setting(("overall-rating",), "What to rate: " + ", ".join(ASPECTS) + ".")
    together: bool = setting(True, "Show all responses of a row in one prompt, or rate them one by one.")
    repeats: int = setting(1, "Times that each question is asked; the spread tells how sure the labeller is.")

    def __post_init__(self) -> None:
        if not self.aspects:
            raise SettingsError("Rating needs at least one aspect.")
        for aspect in self.aspects:
            if aspect not in ASPECTS:
                raise SettingsError(f"There is no aspect '{aspect}'. Known: {', '.join(ASPECTS)}.")
        if len(set(self.aspects)) < len(self.aspects):
            raise SettingsError("Rating names an aspect twice. Ask a question several times with repeats.")
        if not 1 <= self.repeats <= 20:
            raise SettingsError("repeats must be from 1 to 20.")

    def identity(self, labeller: str) -> str:
        """Names this judge with this labeller: rows that it has rated need no rating again."""
        parts = [labeller, PROMPT, list(self.aspects), self.together, self.repeats]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def questions(self, row: Row) -> list[Question]:
        """Everything to ask about `row`. The order of responses comes from a hash of row, aspect and repeat."""
        places = range(len(row.responses))
        asked: list[Question] = []
        for aspect in self.aspects:
            for repeat in range(self.repeats):
                if self.together and len(places) > 1:
                    order = sorted(places, key=lambda k: _hash(row.id, aspect, repeat, k))
                    asked.append(Question(aspect, repeat, tuple(order)))
                else:
                    asked += [Question(aspect, repeat, (place,)) for place in places]
        return asked

    async def rate(self, row: Row, question: Question, model: Model) -> list[Rating]:
        """One rating for each response that the question shows. A failed call gives failed ratings, with the reason."""
        found = await model.capabilities()
        message = prompt(row, question, as_json=found.json_schema)
        options = self._options(
            len(question.order), found, not_applicable=bool(ASPECTS[question.aspect].not_applicable)
        )
        try:
            answer = await model.chat([{"role": "user", "content": message}], draw=question.repeat, **options)
        except PromptTooLong as error:
            return [_without_answer(row, question, place, model, "unrated", str(error)) for place in question.order]
        except (CallFailed, CallRefused) as error:
            return [_without_answer(row, question, place, model, "failed", str(error)) for place in question.order]
        return ratings(row, question, answer, message, found)

    def _options(self, texts: int, found: Capabilities, *, not_applicable: bool) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if found.json_schema:
            options["schema"] = schema(texts, bounded=found.string_bounds, not_applicable=not_applicable)
        if found.string_bounds:
            options["max_tokens"] = texts * (LONGEST_RATIONALE + SPACE_FOR_THE_REST)
        if found.logprobs and texts == 1:
            options.update(logprobs=True, top_logprobs=10)
        return options


def _hash(*parts: object) -> bytes:
    return hashlib.sha256("|".join(map(str, parts)).encode()).digest()


def prompt(row: Row, question: Question, *, as_json: bool) -> str:
    """The labeller's prompt: rubric, what was said before the responses, the responses in the question's order."""
    return PROMPTS.render(
        PROMPT,
        name=question.aspect,
        aspect=ASPECTS[question.aspect],
        instruction=talk(row.messages),
        texts=[row.responses[place].text for place in question.order],
        as_json=as_json,
    )


def talk(messages: tuple[Message, ...]) -> str:
    """The messages as text: the user's words alone where there is nothing else, else each with its role."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)


def schema(texts: int, *, bounded: bool, not_applicable: bool) -> dict[str, Any]:
    """The JSON schema of the answer: exactly one part for each text. The rationale comes first: the rating follows from it."""
    rationale: dict[str, Any] = {"type": "string", "maxLength": LONGEST_RATIONALE} if bounded else {"type": "string"}
    scale: list[int | str] = [1, 2, 3, 4, 5]
    rating: dict[str, Any] = {"enum": [*scale, "N/A"] if not_applicable else scale}
    one = {"rationale": rationale, "rating": rating}
    return _closed(one) if texts == 1 else _closed({f"text {k}": _closed(one) for k in range(1, texts + 1)})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def ratings(row: Row, question: Question, answer: Completion, message: str, found: Capabilities) -> list[Rating]:
    """The labeller's answer as ratings, mapped back from the order in the prompt to the responses."""
    applicable = bool(ASPECTS[question.aspect].not_applicable)
    entries = read(answer.text, len(question.order), not_applicable=applicable)
    used = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
    full = answer.cut_off and found.context is not None and used >= found.context - 1
    said: list[Rating] = []
    for place, entry in zip(question.order, entries, strict=True):
        note = entry.note
        if entry.status == "unrated" and answer.cut_off:
            note = f"does not fit the context of {found.context} tokens" if full else "the answer was cut off"
        said.append(
            Rating(
                response=place,
                aspect=question.aspect,
                repeat=question.repeat,
                status=entry.status,
                value=entry.value,
                rationale=entry.rationale,
                note=note,
                raw=answer.text,
                order=question.order,
                model=answer.model,
                prompt=PROMPT,
                prompt_hash=hashlib.sha256(message.encode("utf-8", "surrogatepass")).hexdigest()[:16],
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                latency=answer.latency,
                logprobs=at_rating(answer),
                revision=answer.revision,
                lengths=tuple(len(response.text) for response in row.responses),
            )
        )
    return said


def _without_answer(row: Row, question: Question, place: int, model: Model, status: Any, note: str) -> Rating:
    return Rating(
        response=place,
        aspect=question.aspect,
        repeat=question.repeat,
        status=status,
        note=note,
        order=question.order,
        model=model.name,
        prompt=PROMPT,
        lengths=tuple(len(response.text) for response in row.responses),
    )


def at_rating(answer: Completion) -> dict[str, float] | None:
    """Log-probabilities {token: value} at the place of the one rating in an answer; None where there are none."""
    content = answer.logprobs.get("content") if isinstance(answer.logprobs, dict) else None
    if not content:
        return None
    said = "".join(str(token.get("token", "")) for token in content)
    label = list(re.finditer(r"rating[\"'*_\s]*[:=]\s*\"?", said, re.IGNORECASE))
    at = 0
    for token in content:
        word = str(token.get("token", ""))
        if label and at + len(word) > label[-1].end():
            return {
                str(top["token"]): float(top["logprob"]) for top in token.get("top_logprobs", []) if "logprob" in top
            }
        at += len(word)
    return None
