"""Genstruct (Ada-Instruct, Cui & Wang 2023, arXiv 2310.04484; NousResearch/Genstruct-7B): a question and answer from a passage.

One literal row, from the input {"title": "Tides", "content": "The moon's pull raises ..."}:

    messages: [{"role": "user", "content": "Why are there two tides a day?"}]   responses: ["Because ..."]
"""

import re
import textwrap
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

from tasks.base import Task, plain, text
from tasks.errors import PromptTooLong, SettingsError
from tasks.models.base import Capabilities, Completion, Model
from tasks.models.chat_templates import clean
from tasks.models.spec import MOST_TOKENS
from tasks.prompts import PROMPTS
from tasks.settings import setting
from tasks.text.answers import WHOLE_FENCE, json_in, too_long, unquoted
from tasks.text.chunking import Passage, passages
from tasks.text.courtesies import is_hope
from tasks.text.patterns import lazy_pattern
from tasks.text.turn_tokens import ended, turn
from tasks.text_generation import response
from tasks.types import Dropped, Response, Row, Unit

PROMPT, NATIVE = "genstruct.v1", "genstruct_native.v1"
KEYS = (("question", "answer"), ("user", "assistant"))
FOUND_BY = ("file", "source", "url", "id")
"""Columns that say where a document is found; they stay with its rows."""
LONGEST_USER, LONGEST_ASSISTANT = 300, 900
MARKERS = lazy_pattern(
    r"(?P<bold>\*\*|__)?\[\[\[\s*(?P<who>user|assistant|title|content)\s*\]\]\](?(bold)(?::?(?P=bold))?)[ \t]*:?",
    re.IGNORECASE,
)
NEARLY = lazy_pattern(r"^\[\[\s*(user|assistant)\s*\]\](?!\])[ \t]*:?", re.IGNORECASE | re.MULTILINE)
"""The same with a bracket too few, where no marker is whole."""
FAMILIES = (
    ("user", "assistant"), ("question", "answer"), ("question", "réponse"), ("frage", "antwort"), ("nutzer", "assistent"),
    ("benutzer", "assistent"), ("pregunta", "respuesta"), ("usuario", "asistente"), ("utilisateur", "assistant"),
    ("pergunta", "resposta"), ("domanda", "risposta"), ("vraag", "antwoord"), ("вопрос", "ответ"), ("пользователь", "ассистент"),
    ("السؤال", "الجواب"), ("السؤال", "الإجابة"), ("سؤال", "جواب"), ("问题", "答案"), ("问题", "回答"), ("用户", "助手"),
    ("質問", "回答"),
    ("질문", "답변"), ("प्रश्न", "उत्तर"), ("instruction", "response"), ("prompt", "response"), ("q", "a"),
)  # fmt: skip
"""What the two parts may be called, the names that were asked for first."""
NAMES = "|".join(sorted({name for family in FAMILIES for name in family}, key=len, reverse=True))
LABELS = lazy_pattern(
    rf"""(?:^[ \t*>-]{{0,12}}(?P<marked>(?:\*\*|__|\#{{1,6}}[ \t]|\[)[ \t*_\#\[]{{0,8}})?|\[\[\[)(?P<who>{NAMES})
      (?:\]\]\] | [*_\]]{{0,8}}[ \t\u00a0\u202f]*+[:：][*_]* | (?(marked)[*_\]]{{0,8}}[ \t\#]*+\r?$|(?!)))[ \t]*""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
"""Without a colon, only what is bold, a heading or in brackets is a label: else it is a word that a line begins with."""
OTHER_LABEL = lazy_pattern(
    r"^(?P<before>[ \t>*_#-]{0,12})(?P<who>[^\W\d_][^\d\n:：=.,;!?。，、！？()（）\[\]{}|*_`#<>\"“”]{0,29}+)"
    r"(?P<behind>[*_]{0,3}[ \t\u00a0\u202f]*+[:：][*_]{0,3})[ \t]*",
    re.MULTILINE,
)
"""A label in any language: up to three words at the beginning of a line, and a colon."""
NO_PAIR = lazy_pattern(r"title|content|passage|note|hint|source|warning|summary", re.IGNORECASE)
YAML = lazy_pattern(r"\A```ya?ml[ \t]*\n((?:(?!```).)*)```\Z", re.DOTALL | re.IGNORECASE)
FOLDED = lazy_pattern(r"\A[>|][+-]?[ \t]*\n")
"""YAML's sign for a text on the lines below."""
FORM = lazy_pattern(
    r"\A\W*(?:the|your|an?)\s+(?:question|answer|task|instruction|response)(?:\s+(?:or|and)\s+(?:question|task|instruction))?\W*\Z",
    re.IGNORECASE,
)
"""What the prompt says of a part, repeated in its place."""
ENDS_OPEN = lazy_pattern(r"[:：][*_ \t]{0,4}\s{0,4}\Z")
FENCE_LINE = lazy_pattern(r"^[ \t]*```", re.MULTILINE)


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
        label="Max tokens",
    )

    def __post_init__(self) -> None:
        for name in ("passage_tokens", "max_answer_tokens"):
            if not 1 <= getattr(self, name) <= MOST_TOKENS:
                raise SettingsError(f"{name} must be from 1 to {MOST_TOKENS:,}.", setting=name)

    def units(self, inputs: Iterable[Mapping[str, Any]], mapped: Collection[str] = ()) -> Iterator[Unit]:
        """One unit for each passage, in order; a document without any text is one too. Raises InputError."""
        numbers = count()
        for index, row in enumerate(inputs):
            self.check(row, index)
            content = "" if row["content"] is None else str(row["content"])
            document = {"title": text(row["title"]), **{name: row[name] for name in FOUND_BY if plain(row.get(name))}}
            chunks = list(passages(content, self.passage_tokens)) or [Passage("", 0, 0)]
            for number, passage in enumerate(chunks, 1):
                location: dict[str, Any] = {"document": index + 1, "start": passage.start, "end": passage.end}
                if len(chunks) > 1:
                    location["place"] = f"passage {number} of {len(chunks)}"
                yield Unit(next(numbers), {**document, "content": passage.text, "where": location})

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        title, passage = text(unit.inputs["title"]), text(unit.inputs["content"])
        if not passage:
            return [Dropped("empty document")]
        capabilities = await model.capabilities()
        name = NATIVE if is_genstruct(model, capabilities) else PROMPT
        try:
            completion = await self._ask(name, title, passage, model, capabilities)
        except PromptTooLong as error:
            raise PromptTooLong(f"{error} A smaller passage_tokens or a model with a longer context helps.") from error
        if reason := too_long(completion.text):
            return [Dropped(reason, completion.text)]
        question, answer = read(completion.text)
        if not (question and answer):
            missing = " and ".join(name for name, part in (("question", question), ("answer", answer)) if not part)
            return [
                Dropped("cut off at the token limit" if completion.cut_off else f"no {missing} in it", completion.text)
            ]
        where = {name: unit.inputs[name] for name in FOUND_BY if name in unit.inputs}
        origin = {"title": title, "passage": passage, **unit.inputs.get("where", {}), **where, "prompt": name}
        return [Row(({"role": "user", "content": question},), (_response(completion, answer),), origin)]

    async def _ask(self, name: str, title: str, passage: str, model: Model, capabilities: Capabilities) -> Completion:
        options: dict[str, Any] = {"least_tokens": self.max_answer_tokens}
        as_json = capabilities.json_schema and name == PROMPT
        if as_json:
            options["schema"] = schema(bounded=capabilities.string_bounds)
            options["least_tokens"] = max(self.max_answer_tokens, LONGEST_USER + LONGEST_ASSISTANT + 40)
        prompt = PROMPTS.render(name, title=title, passage=passage, as_json=as_json)
        if name == NATIVE:
            prompt += " "  # the model was trained to go on behind this space, as its card says
            if (
                capabilities.raw_prompts
            ):  # its own chat template takes a title and a content, and would wrap the prompt again
                return await model.complete(prompt, **options)
        return await model.chat([{"role": "user", "content": prompt}], **options)


def is_genstruct(model: Model, capabilities: Capabilities) -> bool:
    """True for NousResearch/Genstruct-7B and its quantized copies, which know nothing but their own markup."""
    return "genstruct" in f"{model.name} {capabilities.weights}".lower()


def _response(completion: Completion, content: str) -> Response:
    whole = response(completion)
    return Response(
        content, whole.model, whole.reasoning, whole.finish_reason, whole.prompt_tokens, whole.completion_tokens
    )


def schema(*, bounded: bool) -> dict[str, Any]:
    """The JSON schema of the answer: {"question": text, "answer": text}. Under "user", small models write user names."""

    def part(longest: int) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": longest} if bounded else {"type": "string"}

    properties = {"question": part(LONGEST_USER), "answer": part(LONGEST_ASSISTANT)}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read(answer: str) -> tuple[str, str]:
    """(user, assistant) from JSON or from labelled parts ("[[[User]]]", "User:", "**Assistant:**"); "" for what is missing.

    What a model writes behind its answer (further turns, the tokens that end one) is cut off. A text in JSON ends where its
    quotes do, so that it loses but the tokens at its very end.
    """
    parsed = json_in(answer)
    keys = next((pair for pair in KEYS if isinstance(parsed, dict) and parsed.keys() & set(pair)), None)
    if keys is not None:
        user, assistant = (ended(_unmarked(parsed.get(key))) for key in keys)
    else:
        answer = WHOLE_FENCE.sub(r"\1", turn(answer)).strip()
        yaml = YAML.match(answer)
        answer = yaml[1].strip() if yaml else answer
        answer = answer if MARKERS.search(answer) else NEARLY.sub(r"[[[\1]]]", answer)
        own = any(marker["who"].lower() == "assistant" for marker in MARKERS.finditer(answer))
        parts = _marked(answer) if own else _tagged(answer) or _labelled(answer)
        user, assistant = (clean(_unfolded(_unmarked(part))) for part in parts)
        if yaml:
            user, assistant = unquoted(user), unquoted(assistant)
        assistant = _without_hope(assistant)
    return ("", "") if FORM.match(user) and FORM.match(assistant) else (user, assistant)


def _without_hope(text: str) -> str:
    """An answer without a last paragraph that hopes that it helps."""
    before, _, last = text.rpartition("\n\n")
    return before.rstrip() if before.strip() and "\n" not in last and is_hope(last) else text


def _unfolded(text: str) -> str:
    """A text without YAML's sign and indentation, where it has that sign."""
    folded = FOLDED.match(text.strip())
    return textwrap.dedent(text.strip()[folded.end() :]).strip() if folded else text


def _marked(answer: str) -> tuple[str, str]:
    """What stands around the first marker of the assistant, up to the marker before, which has to be the user's, and the next."""
    markers = list(MARKERS.finditer(answer))
    at = next(k for k, marker in enumerate(markers) if marker["who"].lower() == "assistant")
    if at and markers[at - 1]["who"].lower() != "user":
        return "", ""
    last = at
    while last + 1 < len(markers) and _is_doubled(answer, markers[last], markers[last + 1]):
        last += 1
    begin = markers[at - 1].end() if at else 0
    end = markers[last + 1].start() if last + 1 < len(markers) else len(answer)
    return answer[begin : markers[at].start()], answer[markers[last].end() : end]


def _is_doubled(answer: str, marker: re.Match[str], following: re.Match[str]) -> bool:
    between = answer[marker.end() : following.start()]
    return marker["who"].lower() == following["who"].lower() and not between.strip()


def _tagged(answer: str) -> tuple[str, str] | None:
    """What two tags hold, named as the parts are; None without them."""
    lower = answer.lower()
    for names in FAMILIES:
        tags = [(lower.find(f"<{name}>"), lower.find(f"</{name}>"), len(name) + 2) for name in names]
        if all(0 <= begin < end for begin, end, _ in tags):
            user, assistant = (answer[begin + length : end] for begin, end, length in tags)
            return user, assistant
    return None


def _labelled(answer: str) -> tuple[str, str]:
    """What stands behind the labels of the first family that has both, or behind the last label, if that is a user's."""
    fences = [fence.start() for fence in FENCE_LINE.finditer(answer)]
    all_labels = [label for label in LABELS.finditer(answer) if bisect(fences, label.start()) % 2 == 0]
    for asks, answers in FAMILIES:
        labels = [label for label in all_labels if label["who"].lower() in (asks, answers)]
        if any(label["who"].lower() == answers for label in labels):
            return _pair(answer, _alike(labels, asks, answers), asks)
    if not all_labels and (other := _otherwise_labelled(answer, fences)):
        return other
    end = next((label.end() for label in all_labels[-1:] if label["who"].lower() == FAMILIES[0][0]), None)
    return ("", "") if end is None else (answer[end:], "")


def _otherwise_labelled(answer: str, fences: Sequence[int]) -> tuple[str, str] | None:
    """The two parts of an answer that is nothing but two labels in another language, each with a text; None for any other."""
    labels = [label for label in OTHER_LABEL.finditer(answer) if bisect(fences, label.start()) % 2 == 0]
    alike = [label for label in labels if all(label[name] == labels[0][name] for name in ("before", "behind"))]
    if len(alike) != 2 or answer[: alike[0].start()].strip():
        return None
    if any(len(label["who"].split()) > 3 or NO_PAIR.search(label["who"]) for label in alike):
        return None
    return answer[alike[0].end() : alike[1].start()], answer[alike[1].end() :]


def _alike(labels: list[re.Match[str]], asks: str, answers: str) -> list[re.Match[str]]:
    """The labels that are written as the first of the user's is; all, if the assistant has none of those."""
    first = next((label for label in labels if label["who"].lower() == asks), labels[0])
    alike = [label for label in labels if _shape(label) == _shape(first)]
    return alike if any(label["who"].lower() == answers for label in alike) else labels


def _shape(label: re.Match[str]) -> tuple[str, ...]:
    who = label["who"]
    before, _, after = label[0].partition(who)
    return before.strip(), after.strip(), str((who.islower(), who.isupper()))


def _pair(answer: str, labels: list[re.Match[str]], asks: str) -> tuple[str, str]:
    """What stands around the first label of the assistant. It goes up to the next turn: to a user's label behind a finished
    sentence, where an answer or a question follows; any other label belongs to the text.
    """
    roles = [label["who"].lower() == asks for label in labels]
    at = roles.index(False)
    if at and not roles[at - 1]:
        return "", ""
    if not at and (asks != FAMILIES[0][0]):
        return "", ""
    begin = labels[at - 1].end() if at else 0
    start, end = labels[at].end(), len(answer)
    for k in range(at + 1, len(labels)):
        if not answer[start : labels[k].start()].strip():
            start = labels[k].end() if not roles[k] else start
            continue
        content = answer[labels[k].end() : labels[k + 1].start() if k + 1 < len(labels) else len(answer)].strip()
        goes_on = k + 1 < len(labels) and not roles[k + 1]
        if (
            roles[k]
            and not ENDS_OPEN.search(answer, start, labels[k].start())
            and (goes_on or content.endswith(("?", "？", "؟")))
        ):
            end = labels[k].start()
            break
    content = answer[start:end].strip()
    while (doubled := LABELS.match(content)) and doubled["who"].lower() == labels[at]["who"].lower():
        content = content[doubled.end() :].strip()
    return answer[begin : labels[at].start()], content


def _unmarked(value: Any) -> str:
    """A text without a marker before it, and without what follows one; nothing for what is no text."""
    return next((part for part in MARKERS.split(value)[::3] if part.strip()), "") if isinstance(value, str) else ""
