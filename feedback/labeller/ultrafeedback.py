"""UltraFeedback (Cui et al. 2023, arXiv 2310.01377): a labeller rates responses by one rubric at a time, with reasons.

An aspect is a rubric that a recipe rates by: one of the six that come along, or one of its own.

One literal rating:

    Rating(response=0, aspect="helpfulness", repeat=0, status="rated", value=4.0, rationale="Right, but short.")
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Literal

from feedback.response_order import letter
from feedback.rubrics import STANDARD_RUBRICS, WHOLE_ROW, Rubric, Rubrics
from feedback.types import Rating
from tasks.columns.conversations import readable
from tasks.errors import CallFailed, CallRefused, PromptTooLong, SettingsError
from tasks.models.base import Capabilities, Completion, Model
from tasks.prompts import Prompts
from tasks.settings import setting
from tasks.text.answers import too_long
from tasks.types import Message, Row

PROMPT, AGAIN = "ultrafeedback.v1", "ultrafeedback_again.v1"
PROMPTS = Prompts(Path(__file__).parent / "prompts")
METHODS = {"rating": "Rate each response", "pairwise": "Compare pairs"}
LONGEST_RATIONALE = 300
MOST_REPEATS = 20
SPACE_FOR_THE_REST = 60
REFERENCES = ("reference", "external_knowledge", "passage")
"""Where a row's origin holds what is known from elsewhere."""
RATING_LABEL = re.compile(r"\brating[\"'*_\s]*[:=]\s*\"?", re.IGNORECASE)
TEXT_LABEL = re.compile(r"\btext[ _]*([0-9]{1,3})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """One call to the labeller: an aspect (its key), the number of the repeat, the responses in the order they are shown.

    Where the instruction is judged, the order is WHOLE_ROW alone.
    """

    aspect: str
    repeat: int
    order: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class UltraFeedback:
    """Rates every response of a row by each aspect, with a rationale. Of `rubrics` are the aspects that don't come along."""

    title: ClassVar[str] = "UltraFeedback"

    aspects: tuple[str, ...] = setting(
        ("overall-rating",), "What to rate: " + ", ".join(STANDARD_RUBRICS) + ", or rubrics of your own."
    )
    together: bool = setting(True, "Show all responses of a row in one prompt, or rate them one by one.")
    repeats: int = setting(1, "Times that each question is asked; the spread tells how sure the labeller is.")
    types: bool = setting(
        False,
        "Ask also which kinds of help (helpfulness) or error (truthfulness) a response shows, and why.",
        label="Kinds of help and error",
    )
    use_reference: bool = setting(
        True,
        "Show the labeller what is known from elsewhere: a column 'reference', or the passage of a document.",
        label="Show what is known",
    )
    rubrics: tuple[Rubric, ...] = setting((), "Rubrics of your own that aspects can name.", apart=True)
    method: Literal["rating", "pairwise"] = setting(
        "rating",
        "Rating: each response gets a level. Pairwise: two responses at a time are compared, in both orders.",
        label="How the labeller judges",
        choices=METHODS,
    )

    def __post_init__(self) -> None:
        if not self.aspects:
            raise SettingsError("Rating needs at least one aspect.", setting="aspects")
        if len(set(self.keys)) < len(self.aspects):
            raise SettingsError(
                "Rating names an aspect twice. Ask a question several times with repeats.", setting="aspects"
            )
        if not 1 <= self.repeats <= MOST_REPEATS:
            raise SettingsError(f"repeats must be from 1 to {MOST_REPEATS}.", setting="repeats")
        if self.method not in METHODS:
            raise SettingsError(f"method must be {' or '.join(METHODS)} (given: {self.method!r}).", setting="method")
        if self.method == "pairwise":
            for rubric in (self.known[key] for key in self.keys):
                if rubric.judges == "instruction":
                    raise SettingsError(
                        f"The aspect '{rubric.name}' judges the instruction, and a row has only one: there are no two to compare. "
                        'Leave it out of the aspects, or set method to "rating".',
                        setting="aspects",
                    )

    @property
    def known(self) -> Rubrics:
        """All rubrics that can be rated by."""
        return Rubrics.of(self.rubrics)

    @property
    def keys(self) -> tuple[str, ...]:
        """The aspects as ratings name them."""
        return self.known.keys(self.aspects)

    def identity(self, labeller: str) -> str:
        """Names this judge with this labeller: rows that it has rated need no rating again."""
        parts: list[Any] = [labeller, PROMPT, list(self.aspects), self.together, self.repeats]
        parts += ["types"] if self.types else []
        parts += [] if self.use_reference else ["no reference"]
        own = {
            name: self.known[name].hash for name in self.aspects if self.known[name] is not STANDARD_RUBRICS.get(name)
        }
        parts += [own] if own else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def questions(self, row: Row) -> list[Question]:
        """Everything to ask about `row`. The order of responses comes from a hash of row, aspect and repeat."""
        indexes = range(len(row.responses))
        questions: list[Question] = []
        for aspect, judges in ((key, self.known[key].judges) for key in self.keys):
            for repeat in range(self.repeats):
                if judges == "instruction":
                    questions.append(Question(aspect, repeat, (WHOLE_ROW,)))
                elif judges == "response" and self.together and len(indexes) > 1:
                    order = sorted(indexes, key=lambda k: _hash(row.id, aspect, repeat, k))
                    questions.append(Question(aspect, repeat, tuple(order)))
                else:
                    questions += [Question(aspect, repeat, (index,)) for index in indexes]
        return questions

    async def rate(self, row: Row, question: Question, model: Model) -> list[Rating]:
        """One rating for each response that the question shows. A failed call gives failed ratings, with the reason.

        Where an answer can't be read, in whole or for some of the responses, the labeller is asked for it once more.
        """
        capabilities = await model.capabilities()
        prompt = self.asked(row, question, as_json=capabilities.json_schema)
        options = self._options(question, capabilities)
        try:
            answer = await model.chat([{"role": "user", "content": prompt}], draw=question.repeat, **options)
        except PromptTooLong as error:
            return self._too_long(row, question, model, str(error))
        except (CallFailed, CallRefused) as error:
            return [self._without_answer(row, question, index, model, "failed", str(error)) for index in question.order]
        ratings = self.ratings(row, question, answer, prompt, capabilities)
        if not any(_can_be_asked_again(rating, answer, capabilities) for rating in ratings):
            return ratings
        again = PROMPTS.render(AGAIN, **self._form(question, as_json=capabilities.json_schema))
        conversation: list[Message] = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": answer.text or "-"},
            {"role": "user", "content": again},
        ]
        try:
            answer = await model.chat(conversation, draw=question.repeat, **options)
        except CallFailed as error:
            return [
                replace(earlier, status="failed", note=str(error)) if earlier.status == "unrated" else earlier
                for earlier in ratings
            ]
        except CallRefused:  # with its own answer beside it, the prompt may be too long
            return ratings
        second = self.ratings(row, question, answer, prompt, capabilities)
        return [_better(earlier, later) for earlier, later in zip(ratings, second, strict=True)]

    def asked(self, row: Row, question: Question, *, as_json: bool) -> str:
        """The labeller's prompt: rubric, what is known, what was said before, the responses in the question's order."""
        rubric = self.known[question.aspect]
        judged: dict[str, Any] = {
            "instruction": talk(row.messages),
            "reference": reference(row) if rubric.reference and self.use_reference else "",
        }
        if rubric.judges == "response":
            judged["texts"] = [row.responses[index].text for index in question.order]
        elif rubric.judges == "conversation":
            response = row.responses[question.order[0]].text
            judged["conversation"] = talk((*row.messages, {"role": "assistant", "content": response}))
        form = {"texts": question.order, **self._form(question, as_json=as_json)}
        return PROMPTS.render(PROMPT, name=rubric.name, **{**form, **judged})

    def _form(self, question: Question, *, as_json: bool) -> dict[str, Any]:
        """What the part of the prompt that says how to answer needs."""
        rubric = self.known[question.aspect]
        return {
            "rubric": rubric,
            "texts": question.order,
            "types": self.types and bool(rubric.kinds),
            "as_json": as_json,
        }

    def _options(self, question: Question, capabilities: Capabilities) -> dict[str, Any]:
        texts, rubric = len(question.order), self.known[question.aspect]
        types = len(rubric.kinds) if self.types else 0
        options: dict[str, Any] = {}
        if capabilities.json_schema:
            options["schema"] = schema(
                texts,
                levels=rubric.scale,
                bounded=capabilities.string_bounds,
                not_applicable=bool(rubric.not_applicable),
                types=types,
            )
        if capabilities.string_bounds:
            options["least_tokens"] = texts * (LONGEST_RATIONALE + SPACE_FOR_THE_REST) * (2 if types else 1)
        if capabilities.logprobs:
            options.update(logprobs=True, top_logprobs=10)
        return options

    def ratings(
        self, row: Row, question: Question, answer: Completion, prompt: str, capabilities: Capabilities
    ) -> list[Rating]:
        """The labeller's answer as ratings, mapped back from the order in the prompt to the responses."""
        from feedback.labeller.answer_parser import (  # with all its patterns: where nothing is rated, nobody waits for them
            Entry,
            read,
        )

        rubric = self.known[question.aspect]
        types = len(rubric.kinds) if self.types else 0
        if reason := too_long(answer.text):
            entries = [Entry("unrated", note=f"the answer is {reason}")] * len(question.order)
        else:
            entries = read(
                answer.text,
                len(question.order),
                levels=rubric.scale,
                not_applicable=bool(rubric.not_applicable),
                types=types,
            )
        weighed = at_ratings(answer, [entry.value for entry in entries])
        full = _fills_the_context(answer, capabilities)
        prompt_hash = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        lengths = tuple(len(response.text) for response in row.responses)
        ratings: list[Rating] = []
        for number, (index, entry) in enumerate(zip(question.order, entries, strict=True)):
            note = entry.note
            if entry.status == "unrated" and answer.cut_off:
                note = (
                    f"does not fit the context of {capabilities.context} tokens" if full else "the answer was cut off"
                )
            ratings.append(
                Rating(
                    response=index,
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
                    prompt_hash=prompt_hash,
                    prompt_tokens=answer.prompt_tokens,
                    completion_tokens=answer.completion_tokens,
                    latency=answer.latency,
                    logprobs=weighed[number],
                    revision=answer.revision,
                    lengths=lengths,
                    types=entry.types,
                    types_rationale=entry.types_rationale,
                    levels=rubric.scale,
                    rubric=rubric.hash,
                    kinds=rubric.kinds,
                )
            )
        return ratings

    def _too_long(self, row: Row, question: Question, model: Model, why: str) -> list[Rating]:
        """Unrated, with the response named that takes most of the room."""
        note = why
        if len(question.order) > 1:
            longest = max(question.order, key=lambda index: len(row.responses[index].text))
            number = len(row.responses[longest].text)
            note += f" Response {letter(longest)} is the longest, with {number:,} characters; rated one at a time, the"
            note += " others may fit."
        return [self._without_answer(row, question, index, model, "unrated", note) for index in question.order]

    def _without_answer(self, row: Row, question: Question, index: int, model: Model, status: Any, note: str) -> Rating:
        return Rating(
            response=index,
            aspect=question.aspect,
            repeat=question.repeat,
            status=status,
            note=note,
            order=question.order,
            model=model.name,
            prompt=PROMPT,
            lengths=tuple(len(response.text) for response in row.responses),
            levels=self.known[question.aspect].scale,
            rubric=self.known[question.aspect].hash,
        )


def _fills_the_context(answer: Completion, capabilities: Capabilities) -> bool:
    used = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
    return answer.cut_off and capabilities.context is not None and used >= capabilities.context - 1


def _can_be_asked_again(rating: Rating, answer: Completion, capabilities: Capabilities) -> bool:
    return rating.status == "unrated" and not _fills_the_context(answer, capabilities)


def _better(first: Rating, second: Rating) -> Rating:
    """The first rating where it could be read, else the second; what neither says is kept with both answers."""
    if first.status != "unrated":
        return first
    if second.status == "unrated":
        return replace(first, raw=f"{first.raw}\n\n[asked again]\n{second.raw}", note=second.note, asked=2)
    return replace(second, asked=2)


def _hash(*parts: object) -> bytes:
    return hashlib.sha256("|".join(map(str, parts)).encode()).digest()


def reference(row: Row) -> str:
    """What is known from elsewhere: the row's reference, or the passage that it was made from; "" for none."""
    return next((known for name in REFERENCES if (known := row.known(name))), "")


def talk(messages: tuple[Message, ...]) -> str:
    """The messages as text: the user's words alone where there is nothing else, else each with its role."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role'].capitalize()}: {readable(message)}" for message in messages)


def schema(texts: int, *, bounded: bool, not_applicable: bool, types: int = 0, levels: int = 5) -> dict[str, Any]:
    """The JSON schema of the answer: exactly one part for each text. The rationale comes first: the rating follows from it.

    `types`: how many kinds there are to choose from, 0 where they are not asked for.
    """
    rationale: dict[str, Any] = {"type": "string", "maxLength": LONGEST_RATIONALE} if bounded else {"type": "string"}
    scale: list[int | str] = list(range(1, levels + 1))
    rating: dict[str, Any] = {"enum": [*scale, "N/A"] if not_applicable else scale}
    part: dict[str, Any] = {"rationale": rationale, "rating": rating}
    if types:
        kinds = {"type": "array", "items": {"enum": list(range(1, types + 1))}, "maxItems": types}
        part = {"types": kinds, "types_rationale": rationale, **part}
    return _closed(part) if texts == 1 else _closed({f"text {k}": _closed(part) for k in range(1, texts + 1)})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def at_ratings(answer: Completion, values: Sequence[float | None]) -> list[dict[str, float] | None]:
    """Log-probabilities {token: value} at the place of each rating that was read of an answer; None where that can't be told."""
    content = answer.logprobs.get("content") if isinstance(answer.logprobs, dict) else None
    tokens = [str(token.get("token", "")) for token in content or []]
    answer_text, unknown = "".join(tokens), [None] * len(values)
    labels = list(RATING_LABEL.finditer(answer_text))
    if (
        len(values) == 1
    ):  # a rationale may speak of another rating; where it comes first, that is before the rating itself
        labels = [label for label in labels if _stands(values[0], answer_text[label.end() :])]
        labels = labels[-1:] if answer_text.lstrip().startswith("{") else labels[:1]
    elif [int(number) for number in TEXT_LABEL.findall(answer_text)] != list(range(1, len(values) + 1)):
        return [*unknown]
    if len(labels) != len(values):
        return [*unknown]
    logprobs: list[dict[str, float] | None] = []
    ends = list(accumulate(map(len, tokens)))
    for label, value in zip(labels, values, strict=True):
        at = next((k for k, end in enumerate(ends) if end > label.end()), None)
        tops = content[at].get("top_logprobs", []) if content and at is not None else []
        token_logprobs = {str(top["token"]): float(top["logprob"]) for top in tops if "logprob" in top}
        logprobs.append(token_logprobs if token_logprobs and _stands(value, answer_text[label.end() :]) else None)
    return logprobs


def _stands(value: float | None, content: str) -> bool:
    """True if that rating is what the words begin with."""
    return value is not None and re.match(rf"[\s*_`\"'(\[<]*{re.escape(f'{value:g}')}(?![0-9])", content) is not None
