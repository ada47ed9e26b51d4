"""Pairwise comparison (LLM as a judge, Zheng et al. 2023, arXiv 2306.05685): which of two responses is better, and why.

Each pair is asked about in both orders, as labellers favour places; a rubric says by what the two are compared.

One literal preference, of the order in which the second response of the row stood first:

    Preference(first=1, second=0, aspect="helpfulness", repeat=0, status="compared", better="second", rationale="...")
"""

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from feedback.labeller.ultrafeedback import LONGEST_RATIONALE, PROMPTS, Question, UltraFeedback, reference, talk
from feedback.rubrics import STANDARD_RUBRICS
from feedback.types import Preference
from tasks.errors import CallFailed, CallRefused, PromptTooLong
from tasks.models.base import Capabilities, Completion, Model
from tasks.text.answers import too_long
from tasks.types import Message, Row

PROMPT, AGAIN = "pairwise.v1", "pairwise_again.v1"
ALL_PAIRS_UP_TO = 4
"""Responses of a row that are all compared with each other."""


@dataclass(frozen=True)
class Pairwise:
    """Compares the responses of a row in pairs, by the aspects of a recipe's [rating].

    Up to four responses all pairs are asked. Of more, those of a ring in an order that a hash of the row's id gives, and of
    chords across it: they connect all, and each response is in three pairs (one in four where their number is odd). Two
    responses of the same text are not compared.
    """

    rating: UltraFeedback

    def identity(self, labeller: str) -> str:
        """Names this judge with this labeller, as `UltraFeedback.identity`."""
        rating = self.rating
        rubrics = {key: rating.known[key].hash for key in rating.keys}
        own = {key: digest for key, digest in rubrics.items() if rating.known[key] is not STANDARD_RUBRICS.get(key)}
        parts = [labeller, PROMPT, list(rating.keys), rating.repeats, rating.use_reference, own]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def questions(self, row: Row) -> list[Question]:
        """Everything to ask about `row`: each pair in both orders, for each aspect and repeat."""
        return [
            Question(aspect, repeat, order)
            for aspect in self.rating.keys
            for repeat in range(self.rating.repeats)
            for first, other in pairs(row)
            for order in ((first, other), (other, first))
        ]

    async def rate(self, row: Row, question: Question, model: Model) -> list[Preference]:
        """The one preference that a question gives. A failed call gives a failed one, with the reason.

        Where the answer can't be read, the labeller is asked for it once more.
        """
        capabilities = await model.capabilities()
        prompt = self.asked(row, question, as_json=capabilities.json_schema)
        options: dict[str, Any] = {}
        if capabilities.json_schema:
            options["schema"] = schema(bounded=capabilities.string_bounds)
        if capabilities.string_bounds:
            options["least_tokens"] = LONGEST_RATIONALE + 60
        try:
            answer = await model.chat([{"role": "user", "content": prompt}], draw=question.repeat, **options)
        except PromptTooLong as error:
            return [self._without_answer(question, model, "unread", str(error))]
        except (CallFailed, CallRefused) as error:
            return [self._without_answer(question, model, "failed", str(error))]
        first = self._preference(question, answer, prompt, capabilities)
        if first.status == "compared" or (answer.cut_off and _is_full(answer, capabilities)):
            return [first]
        again = PROMPTS.render(AGAIN, as_json=capabilities.json_schema)
        conversation: list[Message] = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": answer.text or "-"},
            {"role": "user", "content": again},
        ]
        try:
            answer = await model.chat(conversation, draw=question.repeat, **options)
        except CallFailed as error:
            return [replace(first, status="failed", note=str(error))]
        except CallRefused:  # with its own answer beside it, the prompt may be too long
            return [first]
        second = self._preference(question, answer, prompt, capabilities)
        if second.status != "compared":
            second = replace(first, raw=f"{first.raw}\n\n[asked again]\n{second.raw}", note=second.note)
        return [replace(second, asked=2)]

    def asked(self, row: Row, question: Question, *, as_json: bool) -> str:
        """The labeller's prompt: rubric, what is known, what was said before, the two responses in the question's order."""
        rubric = self.rating.known[question.aspect]
        first, second = (row.responses[index].text for index in question.order)
        return PROMPTS.render(
            PROMPT,
            name=rubric.name,
            rubric=rubric,
            instruction=talk(row.messages),
            reference=reference(row) if rubric.reference and self.rating.use_reference else "",
            first=first,
            second=second,
            as_json=as_json,
        )

    def _preference(
        self, question: Question, answer: Completion, prompt: str, capabilities: Capabilities
    ) -> Preference:
        from feedback.labeller.preference_parser import Entry, read  # with its patterns, where something is compared

        reason = too_long(answer.text)
        entry = Entry(None, note=f"the answer is {reason}") if reason else read(answer.text)
        note = entry.note
        if entry.better is None and answer.cut_off:
            full = _is_full(answer, capabilities)
            note = f"does not fit the context of {capabilities.context} tokens" if full else "the answer was cut off"
        first, second = question.order
        return Preference(
            first=first,
            second=second,
            aspect=question.aspect,
            repeat=question.repeat,
            status="unread" if entry.better is None else "compared",
            better=entry.better,
            rationale=entry.rationale,
            note=note,
            raw=answer.text,
            model=answer.model,
            prompt=PROMPT,
            prompt_hash=hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16],
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            latency=answer.latency,
            revision=answer.revision,
            rubric=self.rating.known[question.aspect].hash,
        )

    def _without_answer(self, question: Question, model: Model, status: Any, note: str) -> Preference:
        first, second = question.order
        rubric = self.rating.known[question.aspect].hash
        return Preference(
            first,
            second,
            question.aspect,
            question.repeat,
            status,
            note=note,
            model=model.name,
            prompt=PROMPT,
            rubric=rubric,
        )


def judge_of(rating: UltraFeedback) -> UltraFeedback | Pairwise:
    """What asks the labeller, by the recipe's method."""
    return Pairwise(rating) if rating.method == "pairwise" else rating


def pairs(row: Row) -> list[tuple[int, int]]:
    """The pairs of responses that are compared, the smaller index first."""
    texts = [response.text.strip() for response in row.responses]
    chosen = list(combinations(range(len(texts)), 2)) if len(texts) <= ALL_PAIRS_UP_TO else _ring(row.id, len(texts))
    return [(first, other) for first, other in chosen if texts[first] != texts[other]]


def _ring(name: str, responses: int) -> list[tuple[int, int]]:
    def key(k: int) -> bytes:
        return hashlib.sha256(f"{name}|pair|{k}".encode()).digest()

    order = sorted(range(responses), key=key)
    ring = [(k, (k + 1) % responses) for k in range(responses)]
    chords = [(k, k + responses // 2) for k in range((responses + 1) // 2)]
    both = ((order[first], order[other]) for first, other in (*ring, *chords))
    return sorted((min(pair), max(pair)) for pair in both)


def schema(*, bounded: bool) -> dict[str, Any]:
    """The JSON schema of the answer. The rationale comes first: the preference follows from it."""
    rationale: dict[str, Any] = {"type": "string", "maxLength": LONGEST_RATIONALE} if bounded else {"type": "string"}
    return {
        "type": "object",
        "properties": {"rationale": rationale, "better": {"enum": ["A", "B", "tie"]}},
        "required": ["rationale", "better"],
        "additionalProperties": False,
    }


def _is_full(answer: Completion, capabilities: Capabilities) -> bool:
    used = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
    return answer.cut_off and capabilities.context is not None and used >= capabilities.context - 1
