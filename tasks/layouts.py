"""Layouts of datasets: which columns of a row hold its conversation, and which the responses to it.

A layout is recognised by the names of its columns, and by what is in them: TRL's pairs with and without the prompt inside, chats
of OpenAI and ShareGPT, Alpaca, UltraFeedback's completions, HelpSteer, Open Assistant's trees, what distilabel and Argilla write,
and our own. It is read whole or refused.

>>> reading = read({"prompt": "Name a river.", "chosen": "The Loire.", "rejected": "A car."})
>>> reading.layout, [response.text for response in reading.responses]
('preference pairs', ['The Loire.', 'A car.'])
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.base import listed, text
from tasks.conversations import THOUGHTS, NotHeld, conversation, is_conversation, transcript
from tasks.missing import is_missing, python_values
from tasks.types import Message, Response

CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "trajectory", "context")
"""Columns that hold a whole conversation, where what is in them is one."""
PROMPTS = ("instruction", "prompt", "question", "query")
"""Columns that hold what was asked, the first of them that is there."""
SYSTEMS = ("system_prompt", "system")
INPUTS = ("input", "context")
"""Columns that go under what was asked: Alpaca's, and Dolly's."""
PAIRS = (
    ("chosen", "rejected"),
    ("response_a", "response_b"),
    ("answer_a", "answer_b"),
    ("conversation_a", "conversation_b"),
)
ONE = ("response", "output", "completion", "answer", "generation")
"""Columns that hold one response, the first of them that is there."""
SEVERAL = ("responses", "completions", "generations", "answers", "candidates")
NUMBERED = re.compile(r"(response|completion|generation|answer|output)[-_ ]?(\d{1,2})")
"""Columns of responses that are numbered, as HelpSteer2 and our own datasets in Argilla have them."""
MODELS = ("models", "model_names", "generation_models")
MODEL = ("model", "model_name", "generation_model")
TEXTS = ("text", "content", "response", "output", "completion", "answer", "generation", "generated_text", "value")
"""Where the text of a response is that is an object."""
TREE = ("prompt", "message_tree_id")
PAIRED = "preference pairs"
SEVERAL_TURNS = "responses of several turns, or that end with the call of a tool"
LEAST_PROMPT = 20
"""Characters from which on a prompt that all responses begin with is taken for theirs."""
LEAST_WORDS = 2
"""Words from which on what two responses begin with is taken for what was asked, where no column says it."""


@dataclass(frozen=True)
class Reading:
    """One row as it was read. `used` are the columns that went into it; `beside` is what else is to be kept of those."""

    layout: str
    messages: list[Message]
    responses: list[Response]
    used: frozenset[str]
    beside: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """A response as a row holds it: its value, and the model that another column names for it."""

    value: Any
    model: str = ""


def fits(row: Mapping[str, Any]) -> bool:
    """True where a row has a column of what was asked, whatever the layout."""
    if _prompt_column(row, may_be_empty=True) or _conversation_column(row):
        return True
    try:
        return bool(read(row).messages)
    except NotHeld:
        return has_responses(row)


def has_responses(row: Mapping[str, Any]) -> bool:
    return bool(_responses(row)[1])


def read(row: Mapping[str, Any], model: str = "unknown") -> Reading:
    """A row's conversation up to what is to be answered, and the responses to it. Raises NotHeld.

    `model` is the name for responses that do not say which model made them.
    """
    layout, given, used = _responses(row)
    told = _conversation_column(row)
    asked = _prompt_column(row)
    before: list[Message] = []
    tail: list[Message] = []
    if told:
        before = conversation(row[told])
        used = used | {told}
        before, tail = _without_answers(before)
        layout = layout or ("ShareGPT conversations" if _is_sharegpt(row[told]) else "chat messages")
    if asked and not before:
        before, used = _asked(row, asked, used)
    elif asked and given:
        used = used | {asked}
    answers: list[tuple[Response, Any]] = [
        (Response(turn["content"], model, turn.get("reasoning_content")), {}) for turn in tail
    ]
    if given:
        before, in_columns = _answers(before, given, row, asked, model)
        known = {answer.text for answer, _ in in_columns}
        answers = (
            in_columns if layout == PAIRED else [*(one for one in answers if one[0].text not in known), *in_columns]
        )
    before = _with_system(before, row)
    used = used | {name for name in SYSTEMS if name in row}
    _check(before)
    answers = [one for one in answers if one[0].text]
    responses, beside = [answer for answer, _ in answers], [more for _, more in answers]
    if len(responses) == 1 and responses[0].model == model and (name := _first_text(row, MODEL)):
        responses = [replace(responses[0], model=text(row[name]))]
    rest: dict[str, Any] = {"answers": beside} if any(beside) else {}
    if (tools := row.get("tools")) is not None and tools != "":
        rest["tools"] = tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False, default=str)
        used = used | {"tools"}
    return Reading(layout or _name(row, asked), before, responses, frozenset(used), rest)


def sentence(row: Mapping[str, Any]) -> str:
    """What a row is recognised as, for people, or why it is not."""
    try:
        reading = read(python_values(next(iter(parts(row)), row)))
    except NotHeld as error:
        return f"The first row can't be held: it has {error}."
    if not any(turn["role"] == "user" for turn in reading.messages):
        return "No column is known by its name: say which one holds the instruction."
    number = len(reading.responses)
    turns = f", {len(reading.messages)} turns before the response" if len(reading.messages) > 2 else ""
    responses = "no response yet" if not number else "1 response a row" if number == 1 else f"{number} responses a row"
    return f"Read as {reading.layout}: {responses}{turns}."


def parts(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows that one row of input holds: itself, or those of a tree of Open Assistant, one for each turn that was answered."""
    if all(name in row for name in TREE) and isinstance(row["prompt"], Mapping) and "replies" in row["prompt"]:
        yield from _branches(row, row["prompt"], [])
    elif isinstance(fields := row.get("fields"), Mapping) and {"responses", "suggestions"} & row.keys():
        others = {name: value for name, value in row.items() if name not in ("fields", "responses")}
        said = {"argilla.responses": row["responses"]} if row.get("responses") else {}
        yield {**fields, **others, **said}
    else:
        yield row


def with_mapped(row: Mapping[str, Any], mapped: Collection[str]) -> Mapping[str, Any]:
    """A row in which the columns that a person named win: others of the same kind are kept under `input.` and their name."""
    kinds = [
        {*CONVERSATIONS, *PROMPTS},
        {
            *(name for pair in PAIRS for name in pair),
            *ONE,
            *SEVERAL,
            *(name for name in row if NUMBERED.fullmatch(str(name))),
        },
    ]
    hidden = {
        name
        for kind in kinds
        if kind & set(mapped)
        for name in kind - set(mapped)
        if name in row and not (name in INPUTS and name not in kind & set(mapped))
    }
    return {(f"input.{name}" if name in hidden else name): value for name, value in row.items()} if hidden else row


def _branches(row: Mapping[str, Any], turn: Mapping[str, Any], before: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Of a tree: each turn of a person with the assistant's replies to it, and what was said before."""
    waiting = [(turn, before)]
    while waiting:
        asked, earlier = waiting.pop(0)
        here = [*earlier, {"role": "user", "content": asked.get("text")}]
        replies = [reply for reply in asked.get("replies") or () if isinstance(reply, Mapping)]
        if replies:
            yield {
                "id": asked.get("message_id"), "messages": here, "message_tree_id": row["message_tree_id"],
                "responses": [{name: value for name, value in reply.items() if name != "replies"} for reply in replies],
            }  # fmt: skip
        for reply in replies:
            after = [*here, {"role": "assistant", "content": reply.get("text")}]
            waiting += [(again, after) for again in reply.get("replies") or () if isinstance(again, Mapping)]


# -- which columns


def _prompt_column(row: Mapping[str, Any], *, may_be_empty: bool = False) -> str:
    """The column that holds what was asked, "" for none; `input` only where no other is there."""
    for name in PROMPTS:
        if name in row and (may_be_empty or not _is_missing(row[name])):
            return name
    return "input" if not _is_missing(row.get("input")) and any(name in row for name in ONE) else ""


def _conversation_column(row: Mapping[str, Any]) -> str:
    return next((name for name in CONVERSATIONS if name in row and is_conversation(row[name])), "")


def _responses(row: Mapping[str, Any]) -> tuple[str, list[Given], set[str]]:
    """(what their layout is called, the responses that a row holds, the columns that they are in)."""
    for pair in PAIRS:
        if all(name in row for name in pair):
            by = [_first_text(row, (f"{name}_model", f"{name}-model", f"model_{name[-1]}")) for name in pair]
            in_pair = [
                Given(value, text(row[model]) if model else "")
                for name, model in zip(pair, by, strict=True)
                for value in _several(row[name])
            ]
            return PAIRED, in_pair, {*pair, *filter(None, by)}
    given: list[Given] = []
    used: set[str] = set()
    layout = ""
    one = next((name for name in ONE if not _is_missing(row.get(name))), "")
    if one:
        given, used = [Given(row[one])], {one}
    several = next((name for name in SEVERAL if not _is_missing(row.get(name))), "")
    if several:
        models: Sequence[Any] = next((row[name] for name in MODELS if isinstance(row.get(name), (list, tuple))), ())
        values = _several(row[several])
        names = list(models) if len(models) == len(values) else [""] * len(values)
        given += [Given(value, text(name)) for value, name in zip(values, names, strict=True)]
        used |= {several}
        layout = "completions as UltraFeedback has them" if several == "completions" and "models" in row else ""
    numbered = sorted(
        (int(found[2]), name) for name in row if (found := NUMBERED.fullmatch(str(name))) and not _is_missing(row[name])
    )
    if numbered and not given:
        given, used = [Given(row[name]) for _, name in numbered], {name for _, name in numbered}
        layout = "numbered responses"
    return layout, given, used


def _several(value: Any) -> list[Any]:
    """The responses in a cell: those of a list, or the one that a text, an object or a conversation is."""
    entries = listed(value)
    are_answers = all(isinstance(entry, Mapping) and entry.get("role") == "assistant" for entry in entries)
    return entries if are_answers or not is_conversation(value) else [value]


def _name(row: Mapping[str, Any], asked: str) -> str:
    if "output" in row and "instruction" in row:
        return "Alpaca's instructions"
    if "completion" in row and asked == "prompt":
        return "prompts and completions"
    return "instructions and responses"


def _is_sharegpt(value: Any) -> bool:
    return any(isinstance(turn, Mapping) and "from" in turn for turn in listed(value)[:1])


# -- what is in them


@dataclass(frozen=True)
class Said:
    """A response: its text, the model and the thoughts where it names them, and what else it says of itself."""

    text: str
    model: str = ""
    reasoning: str | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def _asked(row: Mapping[str, Any], name: str, used: set[str]) -> tuple[list[Message], set[str]]:
    """(the conversation that a column of prompts holds, the columns used): a chat, a transcript, or a text with its input."""
    if is_conversation(row[name]):
        return conversation(row[name]), used | {name}
    prompt = text(row[name])
    if turns := transcript(prompt):
        return (turns[:-1] if turns[-1]["role"] == "assistant" and not turns[-1]["content"] else turns), used | {name}
    under = next(
        (other for other in INPUTS if other != name and isinstance(row.get(other), str) and text(row[other])), ""
    )
    whole = "\n\n".join(filter(None, (prompt, text(row[under]) if under else "")))
    return [Message(role="user", content=whole)], used | {name, *([under] if under else [])}


def _answers(
    before: list[Message], given: Sequence[Given], row: Mapping[str, Any], asked: str, model: str
) -> tuple[list[Message], list[tuple[Response, Any]]]:
    """(the conversation before the responses, the responses with what else each of them says of itself)."""
    chats = [_chat_of(one.value) for one in given]
    if fronts := [front for chat in chats if chat and (front := _without_answers(chat)[0])]:
        before = _common(before, fronts, bool(asked) and not is_conversation(row.get(asked)))
    said = [_last(chat, before) if chat else _said(one.value) for one, chat in zip(given, chats, strict=True)]
    if len(said) > 1 and not any(chats):
        before, said = _without_prompt(before, said, row)
    return before, [
        (Response(text=one.text, model=one.model or by.model or model, reasoning=one.reasoning), dict(one.rest))
        for one, by in zip(said, given, strict=True)
    ]


def _last(chat: list[Message], before: Sequence[Message]) -> Said:
    """The response that a conversation ends with. Raises NotHeld where that is more than one turn."""
    turns = chat[len(before) :] if _begins(chat, before) else _without_answers(chat)[1]
    if len(turns) > 1 or any(turn["role"] != "assistant" or "tool_calls" in turn for turn in turns):
        raise NotHeld(SEVERAL_TURNS)
    return Said(turns[0]["content"], reasoning=turns[0].get("reasoning_content")) if turns else Said("")


def _chat_of(value: Any) -> list[Message]:
    """The turns of a response that is a conversation, or a transcript of one; none for a text or an object."""
    if isinstance(value, str) and not is_conversation(value):
        return transcript(value)
    if isinstance(value, Mapping):
        return []
    return conversation(value) if is_conversation(value) else []


def _said(value: Any) -> Said:
    """A response that is a text or an object. Raises NotHeld."""
    if isinstance(value, (list, tuple)):
        raise NotHeld("a response that is a list")
    if not isinstance(value, Mapping):
        return Said(text(value))
    name = next((name for name in TEXTS if value.get(name) is not None), "")
    if value and not name:
        raise NotHeld(f"a response without a text (it has {', '.join(sorted(map(str, value)))[:80]})")
    model, thoughts = _first_text(value, MODEL), _first_text(value, THOUGHTS)
    used = {name, model, thoughts, "role"}
    rest = {str(key): inner for key, inner in value.items() if key not in used and inner is not None}
    content = value.get(name)
    if isinstance(content, (list, tuple)) and not all(isinstance(part, Mapping) for part in content):
        raise NotHeld("a response that is a list")
    if isinstance(content, (list, tuple)):  # parts of a message
        content = conversation([{"role": "assistant", "content": content}])[0]["content"]
    return Said(text(content), text(value.get(model)), text(value.get(thoughts)) or None, rest)


def _without_answers(chat: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """(a conversation up to its last question, the answers at its end)."""
    end = len(chat)
    while end and chat[end - 1]["role"] == "assistant":
        end -= 1
    answers = list(chat[end:])
    if any("tool_calls" in turn for turn in answers):
        raise NotHeld("a conversation that ends with the call of a tool")
    return list(chat[:end]), answers


def _common(before: list[Message], fronts: Sequence[list[Message]], is_text: bool) -> list[Message]:
    """What was said before the responses, where they bring it along. Raises NotHeld where they do not agree."""
    whole = fronts[0]
    if any(front != whole for front in fronts):
        if len({json.dumps(_to_last_question(front)) for front in fronts}) == 1:
            raise NotHeld(SEVERAL_TURNS)
        raise NotHeld("responses to different conversations")
    if before and before != whole and not _begins(whole, before):
        asked = before[-1]["content"]
        if not is_text or asked not in (turn["content"] for turn in whole if turn["role"] == "user"):
            raise NotHeld("a prompt that is not the one in its responses")
        if before[0]["role"] == "system" != whole[0]["role"]:
            return [before[0], *whole]
    return whole


def _to_last_question(chat: Sequence[Message]) -> list[Message]:
    return list(chat[: max((k for k, turn in enumerate(chat, 1) if turn["role"] == "user"), default=0)])


def _begins(chat: Sequence[Message], before: Sequence[Message]) -> bool:
    said = [(turn["role"], turn["content"]) for turn in chat[: len(before)]]
    return bool(before) and said == [(turn["role"], turn["content"]) for turn in before]


def _shared(texts: Sequence[str]) -> str:
    """What all texts begin with, up to the end of a word: the prompt, as TRL's `extract_prompt` finds it."""
    first, last = min(texts), max(texts)
    end = next((k for k, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[: end if first[end - 1 : end].isspace() else first.rfind(" ", 0, end) + 1] if end else ""


def _without_prompt(
    before: list[Message], said: list[Said], row: Mapping[str, Any]
) -> tuple[list[Message], list[Said]]:
    """(the conversation, the responses without the prompt, where all of them begin with it).

    A pair without a prompt in any column is TRL's implicit one: what both texts begin with was asked.
    """
    texts = [one.text for one in said]
    if before:
        prompt = before[-1]["content"]
        repeated = all(text.startswith(prompt) and text != prompt for text in texts) and len(prompt) >= LEAST_PROMPT
        return before, [replace(one, text=one.text[len(prompt) :].strip()) for one in said] if repeated else said
    prompt = _shared(texts)
    others = [value for name, value in row.items() if name not in PAIRS[0] and isinstance(value, str) and " " in value]
    if PAIRS[0][0] not in row or others or len(prompt.split()) < LEAST_WORDS:
        return before, said
    before = [Message(role="user", content=prompt.strip())]
    return before, [replace(one, text=one.text[len(prompt) :].strip()) for one in said]


def _with_system(before: list[Message], row: Mapping[str, Any]) -> list[Message]:
    name = _first_text(row, SYSTEMS)
    if not name or any(turn["role"] in ("system", "developer") for turn in before):
        return before
    return [Message(role="system", content=text(row[name])), *before]


def _check(before: Sequence[Message]) -> None:
    if any(not turn["content"] and not turn.get("tool_calls") and turn["role"] != "tool" for turn in before[:-1]):
        raise NotHeld("an empty turn in its conversation")


def _first_text(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of some columns that holds a text; "" for none."""
    return next((name for name in names if isinstance(row.get(name), str) and row[name].strip()), "")


def _is_missing(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, (str, list)) and not value)
