"""Genstruct (Ada-Instruct, Cui & Wang 2023, arXiv 2310.04484; NousResearch/Genstruct-7B): a question and answer from a passage.

One literal row, from the input {"title": "Tides", "content": "The moon's pull raises ..."}:

    messages: [{"role": "user", "content": "Why are there two tides a day?"}]   responses: ["Because ..."]
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

from tasks.base import Task, plain, text
from tasks.errors import PromptTooLong, SettingsError
from tasks.models.base import Capabilities, Completion, Model
from tasks.models.chat_templates import clean
from tasks.models.spec import MOST_TOKENS
from tasks.passages import Passage, passages
from tasks.prompts import PROMPTS
from tasks.reading import ended, json_in, too_long
from tasks.settings import setting
from tasks.text_generation import response
from tasks.types import Dropped, Response, Row, Unit

PROMPT, NATIVE = "genstruct.v1", "genstruct_native.v1"
KEYS = (("question", "answer"), ("user", "assistant"))
FOUND_BY = ("file", "source", "url", "id")
"""Columns that say where a document is found; they stay with its rows."""
LONGEST_USER, LONGEST_ASSISTANT = 300, 900
MARKERS = re.compile(r"\[\[\[\s*(?P<who>user|assistant|title|content)\s*\]\]\]", re.IGNORECASE)
NEARLY = re.compile(r"^\[\[\s*(user|assistant)\s*\]\](?!\])[ \t]*:?", re.IGNORECASE | re.MULTILINE)
"""The same with a bracket too few, where no marker is whole."""
LABELS = re.compile(
    r"""(?:^[ \t*>-]{0,12}(?P<marked>(?:\*\*|__|\#{1,6}[ \t]|\[)[ \t*_\#\[]{0,8})?|\[\[\[)(?P<who>user|assistant)
      (?:\]\]\] | [*_\]]{0,8}[ \t]*+:[*_]* | (?(marked)[*_\]]{0,8}[ \t\#]*+\r?$|(?!)))[ \t]*""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
"""Without a colon, only what is bold, a heading or in brackets is a label: else it is a word that a line begins with."""


@dataclass(frozen=True, kw_only=True)
class Genstruct(Task):
    """Writes an instruction that a passage inspires, and an answer that the passage supports.

    Columns in: `title` and `content`. A document that is longer than a passage may be gives several, and each passage is a
    unit of its own: a preview pays for its first passages alone, and a failure costs one of them. Where a document is cut
    therefore must not depend on the model, which may be another one when a run is resumed.

    Rows out: one a passage; its origin keeps title, passage and place.
    """

    title: ClassVar[str] = "Genstruct"
    summary: ClassVar[str] = "Questions and answers from documents"
    columns: ClassVar[tuple[str, ...]] = ("title", "content")

    passage_tokens: int = setting(
        1000,
        "A longer document is cut at paragraphs into passages of at most about so many tokens (of four bytes). Passage and answer "
        "together have to fit the model's context.",
        label="Longest passage, tokens",
    )
    max_answer_tokens: int = setting(
        700,
        "Tokens that question and answer may take together, also where the model's own limit is lower.",
        label="Longest answer, tokens",
    )

    def __post_init__(self) -> None:
        for name in ("passage_tokens", "max_answer_tokens"):
            if not 1 <= getattr(self, name) <= MOST_TOKENS:
                raise SettingsError(f"{name} must be from 1 to {MOST_TOKENS:,}.")

    def units(self, inputs: Iterable[Mapping[str, Any]]) -> Iterator[Unit]:
        """One unit for each passage, in order; a document without any text is one too. Raises InputError."""
        numbers = count()
        for index, row in enumerate(inputs):
            self.check(row, index)
            content = "" if row["content"] is None else str(row["content"])
            document = {"title": text(row["title"]), **{name: row[name] for name in FOUND_BY if plain(row.get(name))}}
            found = list(passages(content, self.passage_tokens)) or [Passage("", 0, 0)]
            for number, passage in enumerate(found, 1):
                place: dict[str, Any] = {"document": index + 1, "start": passage.start, "end": passage.end}
                if len(found) > 1:
                    place["place"] = f"passage {number} of {len(found)}"
                yield Unit(next(numbers), {**document, "content": passage.text, "where": place})

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        title, passage = text(unit.inputs["title"]), text(unit.inputs["content"])
        if not passage:
            return [Dropped("empty document")]
        found = await model.capabilities()
        name = NATIVE if is_genstruct(model, found) else PROMPT
        try:
            answer = await self._ask(name, title, passage, model, found)
        except PromptTooLong as error:
            raise PromptTooLong(f"{error} A smaller passage_tokens or a model with a longer context helps.") from error
        if reason := too_long(answer.text):
            return [Dropped(reason, answer.text)]
        question, said = read(answer.text)
        if not (question and said):
            missing = " and ".join(name for name, part in (("question", question), ("answer", said)) if not part)
            return [Dropped("cut off at the token limit" if answer.cut_off else f"no {missing} in it", answer.text)]
        where = {name: unit.inputs[name] for name in FOUND_BY if name in unit.inputs}
        origin = {"title": title, "passage": passage, **unit.inputs.get("where", {}), **where, "prompt": name}
        return [Row(({"role": "user", "content": question},), (_response(answer, said),), origin)]

    async def _ask(self, name: str, title: str, passage: str, model: Model, found: Capabilities) -> Completion:
        options: dict[str, Any] = {"least_tokens": self.max_answer_tokens}
        as_json = found.json_schema and name == PROMPT
        if as_json:
            options["schema"] = schema(bounded=found.string_bounds)
            options["least_tokens"] = max(self.max_answer_tokens, LONGEST_USER + LONGEST_ASSISTANT + 40)
        prompt = PROMPTS.render(name, title=title, passage=passage, as_json=as_json)
        if name == NATIVE:
            prompt += " "  # the model was trained to go on behind this space, as its card says
            if found.raw_prompts:  # its own chat template takes a title and a content, and would wrap the prompt again
                return await model.complete(prompt, **options)
        return await model.chat([{"role": "user", "content": prompt}], **options)


def is_genstruct(model: Model, found: Capabilities) -> bool:
    """True for NousResearch/Genstruct-7B and its quantized copies, which know nothing but their own markup."""
    return "genstruct" in f"{model.name} {found.weights}".lower()


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


def read(answer: str) -> tuple[str, str]:
    """(user, assistant) from JSON or from labelled parts ("[[[User]]]", "User:", "**Assistant:**"); "" for what is missing.

    What a model writes behind its answer (further turns, the tokens that end one) is cut off. A text in JSON ends where its
    quotes do, so that it loses but the tokens at its very end.
    """
    found = json_in(answer)
    keys = next((pair for pair in KEYS if isinstance(found, dict) and found.keys() & set(pair)), None)
    if keys is not None:
        user, assistant = (ended(_unmarked(found.get(key))) for key in keys)
    else:
        answer = answer if MARKERS.search(answer) else NEARLY.sub(r"[[[\1]]]", answer)
        own = any(marker["who"].lower() == "assistant" for marker in MARKERS.finditer(answer))
        user, assistant = (clean(_unmarked(part)) for part in _parts(answer, MARKERS if own else LABELS))
    return user, assistant


def _parts(answer: str, labels: re.Pattern[str]) -> tuple[str, str]:
    """What stands around the first label of the assistant: up to it from the label before, which has to be the user's.

    Without an assistant, what stands behind the last label, if that is the user's.
    """
    found = list(labels.finditer(answer))
    at = next((k for k, label in enumerate(found) if label["who"].lower() == "assistant"), None)
    if at is None and found and found[-1]["who"].lower() == "user":
        return answer[found[-1].end() :], ""
    if at is None or (at and found[at - 1]["who"].lower() != "user"):
        return "", ""
    begin = found[at - 1].end() if at else 0
    end = found[at + 1].start() if at + 1 < len(found) else len(answer)
    return answer[begin : found[at].start()], answer[found[at].end() : end]


def _unmarked(value: Any) -> str:
    """A text without a marker before it, and without what follows one; nothing for what is no text."""
    return next((part for part in MARKERS.split(value)[::2] if part.strip()), "") if isinstance(value, str) else ""
