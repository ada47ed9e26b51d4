"""Layouts of datasets: which columns of a row hold its conversation, and which the responses to it.

A layout is recognised by the names of its columns, and by what is in them: TRL's pairs with and without the prompt inside, chats
of OpenAI and ShareGPT, Alpaca, UltraFeedback's completions, HelpSteer, Open Assistant's trees, what distilabel and Argilla write,
and our own. It is read whole or refused, and whatever does not become a turn or a response stays beside the row.

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
from tasks.columns.conversations import (
    THOUGHTS,
    NotHeld,
    conversation,
    is_conversation,
    looks_like_one,
    more_of,
    transcript,
)
from tasks.columns.missing_values import is_missing, python_values
from tasks.types import PER_RESPONSE, Message, Response

CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "trajectory", "context")
"""Columns that hold a whole conversation, where what is in them is one."""
PROMPTS = ("instruction", "prompt", "question", "query")
"""Columns that hold what was asked, the first of them that is there."""
SYSTEMS = ("system_prompt", "system")
INPUTS = ("input", "context")
"""Columns that go under what was asked: Alpaca's, and Dolly's."""
PAIRS = (
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_a", "response_b"),
    ("answer_a", "answer_b"),
    ("conversation_a", "conversation_b"),
)
SINGLE = ("response", "output", "completion", "answer", "generation")
"""Columns that hold one response, the first of them that is there."""
REFERENCES = ("output", "answer")
"""Of those, what is a reference where several responses stand beside it."""
SEVERAL = ("responses", "completions", "generations", "answers", "candidates")
NUMBERED = re.compile(r"(response|completion|generation|answer|output)[-_ ]?(\d{1,2})")
"""Columns of responses that are numbered, as HelpSteer2 and our own datasets in Argilla have them."""
MODELS = ("models", "model_names", "generation_models")
MODEL = ("model", "model_name", "generation_model")
TEXTS = ("text", "content", "response", "output", "completion", "answer", "generation", "generated_text", "value")
"""Where the text of a response is that is an object."""
PROMPT_TEXTS = ("full_text", *TEXTS)
"""Where that of a prompt is that is an object: WebGPT's first."""
TREE = ("prompt", "message_tree_id")
PAIRED = "preference pairs"
RATED_BY_DISTILABEL = "distilabel"
SEVERAL_TURNS = "responses of several turns, or that end with a tool call"
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
class ResponseCell:
    """A response as a row holds it: its value, the model that another column names for it, and what else others say of it."""

    value: Any
    model: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Responses:
    """The responses that a row holds, what their layout is called, and the columns that they are in."""

    cells: list[ResponseCell] = field(default_factory=list)
    columns: frozenset[str] = frozenset()
    layout: str = ""


@dataclass(frozen=True)
class Answer:
    """A response with what else it says of itself."""

    response: Response
    more: Mapping[str, Any] = field(default_factory=dict)


def fits(row: Mapping[str, Any]) -> bool:
    """True where a row has a column of what was asked, whatever the layout."""
    if _prompt_column(row, may_be_empty=True) or _conversation_column(row):
        return True
    try:
        return bool(read(row).messages)
    except NotHeld:
        return has_responses(row)


def has_responses(row: Mapping[str, Any]) -> bool:
    try:
        return bool(_responses(row).cells)
    except NotHeld:
        return True


def read(row: Mapping[str, Any], model: str = "unknown") -> Reading:
    """A row's conversation up to what is to be answered, and the responses to it. Raises NotHeld.

    `model` is the name for responses that do not say which model made them.
    """
    row = _arena(row)
    responses = _responses(row)
    before, own, used, layout = _conversation(row, responses)
    extras: dict[str, Any] = {}
    answers = [Answer(Response(turn["content"], model, turn.get("reasoning_content"))) for turn in own]
    if responses.cells:
        before, in_columns = _answers(before, responses, row, model)
        known = {answer.response.text for answer in in_columns}
        others = [answer for answer in answers if answer.response.text not in known]
        if responses.layout == PAIRED:
            if others:
                extras["answer in the conversation"] = others[-1].response.text
            others = []
        answers = [*others, *in_columns]
    before, of_system = _with_system(before, row)
    _check(before)
    answers = [answer for answer in answers if answer.response.text]
    if len(answers) == 1 and answers[0].response.model == model and (name := _first_text(row, MODEL)):
        answers = [replace(answers[0], response=replace(answers[0].response, model=text(row[name])))]
    if any(answer.more for answer in answers):
        extras[PER_RESPONSE] = [dict(answer.more) for answer in answers]
    if (tools := _tools(row)) is not None:
        extras["tools"] = tools
    if (column := _conversation_column(row)) and any(more := [more_of(turn) for turn in listed(row[column])]):
        extras["turns"] = more
    used |= {*responses.columns, *of_system, *(["tools"] if "tools" in row else [])}
    named = layout or responses.layout or _name(row)
    return Reading(named, before, [answer.response for answer in answers], frozenset(used), extras)


def sentence(row: Mapping[str, Any]) -> str:
    """What a row is recognised as, for people, or why it is not."""
    try:
        reading = read(python_values(next(iter(parts(row)), row)))
    except NotHeld as error:
        return f"The first row can't be imported: it has {error}."
    if not any(turn["role"] == "user" for turn in reading.messages):
        return "No column name was recognised: choose the column that holds the instruction."
    number = len(reading.responses)
    turns = f", {len(reading.messages)} turns before the response" if len(reading.messages) > 2 else ""
    counted = "no response yet" if not number else "1 response a row" if number == 1 else f"{number} responses a row"
    return f"Read as {reading.layout}: {counted}{turns}."


def parts(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows that one row of input holds: itself, or those of a tree of Open Assistant, one for each turn that was answered."""
    if all(name in row for name in TREE) and isinstance(row["prompt"], Mapping) and "replies" in row["prompt"]:
        yield from _branches(row)
    elif isinstance(fields := row.get("fields"), Mapping) and {"responses", "suggestions"} & row.keys():
        others = {name: value for name, value in row.items() if name not in ("fields", "responses")}
        reviews = {"argilla.responses": row["responses"]} if row.get("responses") else {}
        yield {**fields, **others, **reviews}
    else:
        yield row


def with_mapped(row: Mapping[str, Any], mapped: Collection[str]) -> Mapping[str, Any]:
    """A row in which the columns that a person named win: others of the same kind are kept under `input.` and their name."""
    numbered = [name for name in row if NUMBERED.fullmatch(str(name))]
    kinds = [{*CONVERSATIONS, *PROMPTS}, {*(name for pair in PAIRS for name in pair), *SINGLE, *SEVERAL, *numbered}]
    hidden = {
        name
        for kind in kinds
        if kind & set(mapped)
        for name in kind - set(mapped)
        if name in row and name not in INPUTS
    }
    return {(f"input.{name}" if name in hidden else name): value for name, value in row.items()} if hidden else row


def _branches(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Of a tree: each turn of a person with the assistant's replies to it, and what was said before; also a first one without."""
    whole = {name: value for name, value in row.items() if name != "prompt"}
    waiting: list[tuple[Mapping[str, Any], list[Any]]] = [(row["prompt"], [])]
    while waiting:
        question, before = waiting.pop(0)
        messages = [*before, {"role": "user", "content": question.get("text")}]
        replies = [reply for reply in question.get("replies") or () if isinstance(reply, Mapping)]
        if replies or not before:
            of_question = {name: value for name, value in question.items() if name not in ("text", "role", "replies")}
            yield {
                **whole, "id": question.get("message_id"), "messages": messages, "prompter": of_question,
                "responses": [{name: value for name, value in reply.items() if name != "replies"} for reply in replies],
            }  # fmt: skip
        for reply in replies:
            after = [*messages, {"role": "assistant", "content": reply.get("text")}]
            waiting += [(again, after) for again in reply.get("replies") or () if isinstance(again, Mapping)]


def _arena(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of LMSYS's arena as Kaggle has it, whose texts are lists of turns in JSON, with conversations in their place."""
    names = ("prompt", "response_a", "response_b")
    lists = {name: _texts_in(row.get(name)) for name in names}
    if not all(lists.values()):
        return row
    questions = lists["prompt"]
    if any(len(lists[name]) != len(questions) for name in names):
        raise NotHeld("conversations in which not every question has its answer")
    conversations = {
        f"conversation_{name[-1]}": [
            turn
            for question, answer in zip(questions, lists[name], strict=True)
            for turn in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
        ]
        for name in names[1:]
    }
    return {**{name: value for name, value in row.items() if name not in names}, **conversations}


def _texts_in(value: Any) -> list[str]:
    """The texts of a list in JSON; none for anything else."""
    entries = listed(value) if isinstance(value, str) and value.lstrip().startswith("[") else []
    return entries if all(isinstance(entry, str) for entry in entries) and entries != [value] else []


# -- which columns


def _prompt_column(row: Mapping[str, Any], *, may_be_empty: bool = False) -> str:
    """The column that holds what was asked, "" for none; `input` only where no other is there."""
    for name in PROMPTS:
        if name in row and (may_be_empty or not _is_empty(row[name])):
            return name
    is_answered = any(name in row for name in (*SINGLE, *SEVERAL, *(name for pair in PAIRS for name in pair)))
    return "input" if not _is_empty(row.get("input")) and is_answered else ""


def _conversation_column(row: Mapping[str, Any]) -> str:
    return next(
        (
            n
            for n in CONVERSATIONS
            if n in row and (is_conversation(row[n]) or (n != "context" and looks_like_one(row[n])))
        ),
        "",
    )


def _responses(row: Mapping[str, Any]) -> Responses:
    """The responses that a row holds. Raises NotHeld."""
    for pair in PAIRS:
        if all(name in row for name in pair):
            return _of_pair(row, pair)
    if isinstance(row.get("completions"), list) and isinstance(row.get("labels"), list):
        raise NotHeld("steps of one response, each with its label")
    several = next((name for name in SEVERAL if not _is_empty(row.get(name))), "")
    single = next((name for name in SINGLE if not _is_empty(row.get(name))), "")
    if single in REFERENCES and several:
        single = ""
    responses = _of_several(row, several) if several else Responses()
    if single and text(row[single]) not in [text(cell.value) for cell in responses.cells]:
        return replace(
            responses, cells=[ResponseCell(row[single]), *responses.cells], columns=responses.columns | {single}
        )
    if single:
        return replace(responses, columns=responses.columns | {single})
    if responses.cells:
        return responses
    numbered = sorted(
        (int(number[2]), name) for name in row if (number := NUMBERED.fullmatch(str(name))) and not _is_empty(row[name])
    )
    cells = [ResponseCell(row[name]) for _, name in numbered]
    return Responses(cells, frozenset(name for _, name in numbered), "numbered responses" if cells else "")


def _of_pair(row: Mapping[str, Any], pair: tuple[str, str]) -> Responses:
    cells, columns = [], set(pair)
    for name in pair:
        value = row[name]
        model = _first_text(row, (f"{name}_model", f"{name}-model", f"model_{name[-1]}"))
        columns |= {model} if model else set()
        entries = _several(value) if not isinstance(value, str) else [value]
        cells += [ResponseCell(entry, text(row[model]) if model else "", {"column": name}) for entry in entries]
    return Responses(cells, frozenset(columns), PAIRED)


def _of_several(row: Mapping[str, Any], name: str) -> Responses:
    values = _several(row[name])
    models: Sequence[Any] = next((row[column] for column in MODELS if isinstance(row.get(column), (list, tuple))), ())
    names = list(models) if len(models) == len(values) else [""] * len(values)
    rated = _rated(row, len(values)) if name == "generations" else []
    cells = [
        ResponseCell(value, text(model), {RATED_BY_DISTILABEL: rated[at]} if rated else {})
        for at, (value, model) in enumerate(zip(values, names, strict=True))
    ]
    layout = "completions as UltraFeedback has them" if name == "completions" and "models" in row else ""
    return Responses(cells, frozenset({name}), layout)


def _rated(row: Mapping[str, Any], responses: int) -> list[dict[str, Any]]:
    """What distilabel's labeller said of each of so many generations; nothing where it did not say it of all."""
    ratings, rationales = listed(row.get("ratings")), listed(row.get("rationales"))
    if not ratings or len(ratings) != responses:
        return []
    reasons = rationales if len(rationales) == responses else [None] * responses
    return [{"rating": rating, "rationale": reason} for rating, reason in zip(ratings, reasons, strict=True)]


def _several(value: Any) -> list[Any]:
    """The responses in a cell: those of a list, or the one that a text, an object or a conversation is."""
    entries = listed(value)
    are_answers = all(isinstance(entry, Mapping) and entry.get("role") == "assistant" for entry in entries)
    return entries if are_answers or not is_conversation(value) else [value]


def _name(row: Mapping[str, Any]) -> str:
    if "output" in row and "instruction" in row:
        return "Alpaca's instructions"
    if "completion" in row and "prompt" in row:
        return "prompts and completions"
    return "instructions and responses"


def _tools(row: Mapping[str, Any]) -> str | None:
    """The tools of a row as JSON; None for none."""
    tools = row.get("tools")
    if is_missing(tools) or tools in ("", "null", "[]", [], {}):
        return None
    return tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False, default=str)


# -- what is in them


def _conversation(row: Mapping[str, Any], responses: Responses) -> tuple[list[Message], list[Message], set[str], str]:
    """(the turns before the responses, those that are responses, the columns used, the layout). Raises NotHeld."""
    column, prompt = _conversation_column(row), _prompt_column(row)
    if not column:
        return (*_prompt_turns(row, prompt), "") if prompt else ([], [], set(), "")
    turns = conversation(row[column])
    before, own = _without_answers(turns)
    speaker = listed(row[column])[:1]
    layout = "ShareGPT conversations" if speaker and "from" in speaker[0] else "chat messages"
    if not prompt or is_conversation(row[prompt]):
        return before, own, {column}, layout
    question = text(row[prompt])
    questions = [turn["content"] for turn in turns if turn["role"] == "user"]
    if question and question in questions:
        answered = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        texts = [text(cell.value) for cell in responses.cells if isinstance(cell.value, str)]
        if responses.cells and question != questions[-1] and not all(response in answered for response in texts):
            raise NotHeld("responses to a question that its conversation goes on from")
        return before, own, {column, prompt}, layout
    if column == "context":  # what was said before the question
        question_turns, _, used = _prompt_turns(row, prompt)
        return [*turns, *question_turns], [], {column, *used}, layout
    if responses.cells:
        raise NotHeld("a prompt that is not the one in its conversation")
    return before, own, {column}, layout


def _prompt_turns(row: Mapping[str, Any], name: str) -> tuple[list[Message], list[Message], set[str]]:
    """(the conversation that a column of prompts holds, responses that end it, the columns used). Raises NotHeld."""
    value = row[name]
    if is_conversation(value):
        return (*_without_answers(conversation(value)), {name})
    if isinstance(value, Mapping):
        inner = next((key for key in PROMPT_TEXTS if isinstance(value.get(key), str)), "")
        if not inner:
            raise NotHeld(f"a prompt without a text (it has {', '.join(sorted(map(str, value)))[:80]})")
        return [Message(role="user", content=text(value[inner]))], [], set() if len(value) > 1 else {name}
    if isinstance(value, (list, tuple)):
        raise NotHeld("a prompt that is a list")
    prompt = text(value)
    if turns := transcript(prompt):
        return (turns[:-1] if turns[-1]["role"] == "assistant" and not turns[-1]["content"] else turns), [], {name}
    under = next((other for other in INPUTS if other != name and _is_scalar(row.get(other)) and text(row[other])), "")
    whole = "\n\n".join(filter(None, (prompt, text(row[under]) if under else "")))
    earlier = _history(row)
    used = {name, *([under] if under else []), *(["history"] if earlier else [])}
    return [*earlier, Message(role="user", content=whole)], [], used


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not is_missing(value)


def _history(row: Mapping[str, Any]) -> list[Message]:
    """The turns of LLaMA-Factory's `history`, pairs of a question and its answer. Raises NotHeld."""
    history = row.get("history")
    if _is_empty(history):
        return []
    pairs = listed(history)
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise NotHeld("a history that is no list of questions and answers")
    return [
        turn
        for question, answer in pairs
        for turn in (Message(role="user", content=text(question)), Message(role="assistant", content=text(answer)))
    ]


def _answers(
    before: list[Message], responses: Responses, row: Mapping[str, Any], model: str
) -> tuple[list[Message], list[Answer]]:
    """(the conversation before the responses, the responses). Raises NotHeld."""
    cells = responses.cells
    chats = [_chat_of(cell.value) for cell in cells]
    if fronts := [front for chat in chats if chat and (front := _without_answers(chat)[0])]:
        prompt = _prompt_column(row)
        before = _common(before, fronts, bool(prompt) and not is_conversation(row.get(prompt)))
    answers = [_last(chat, before) if chat else _of_cell(cell.value) for cell, chat in zip(cells, chats, strict=True)]
    if len(answers) > 1 and not any(chats):
        before, answers = _without_prompt(before, answers, row)
    return before, [
        Answer(
            replace(answer.response, model=answer.response.model or cell.model or model), {**answer.more, **cell.more}
        )
        for answer, cell in zip(answers, cells, strict=True)
    ]


def _chat_of(value: Any) -> list[Message]:
    """The turns of a response that is a conversation, or a transcript of one; none for a text or an object."""
    if isinstance(value, Mapping):
        return []
    if is_conversation(value):
        return conversation(value)
    return transcript(value) if isinstance(value, str) else []


def _last(chat: list[Message], before: Sequence[Message]) -> Answer:
    """The response that a conversation ends with. Raises NotHeld where that is more than one turn."""
    turns = chat[len(before) :] if _begins(chat, before) else _without_answers(chat)[1]
    if len(turns) > 1 or any(turn["role"] != "assistant" or "tool_calls" in turn for turn in turns):
        raise NotHeld(SEVERAL_TURNS)
    return Answer(Response(turns[0]["content"], "", turns[0].get("reasoning_content")) if turns else Response("", ""))


def _of_cell(value: Any) -> Answer:
    """A response that is a text or an object. Raises NotHeld."""
    if isinstance(value, (list, tuple)):
        raise NotHeld("a response that is a list")
    if not isinstance(value, Mapping):
        return Answer(Response(text(value), ""))
    if value.get("tool_calls") or value.get("function_call"):
        raise NotHeld(SEVERAL_TURNS)
    name = next((name for name in TEXTS if value.get(name) is not None), "")
    if value and not name:
        raise NotHeld(f"a response without a text (it has {', '.join(sorted(map(str, value)))[:80]})")
    model, thoughts = _first_text(value, MODEL), _first_text(value, THOUGHTS)
    content, reasoning = value.get(name), text(value.get(thoughts))
    if isinstance(content, (list, tuple)):
        if not all(isinstance(part, Mapping) for part in content):
            raise NotHeld("a response that is a list")
        (turn,) = conversation([{"role": "assistant", "content": content}])
        content, reasoning = turn["content"], reasoning or turn.get("reasoning_content", "")
    used = {name, model, thoughts, "role", "from"}
    more = {str(key): inner for key, inner in value.items() if key not in used and inner is not None}
    return Answer(Response(text(content), text(value.get(model)), reasoning or None), more)


def _without_answers(chat: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """(a conversation up to its last question, the answers at its end). Raises NotHeld."""
    end = len(chat)
    while end and chat[end - 1]["role"] == "assistant":
        end -= 1
    answers = list(chat[end:])
    if any("tool_calls" in turn for turn in answers):
        raise NotHeld("a conversation that ends with a tool call")
    return list(chat[:end]), answers


def _common(before: list[Message], fronts: Sequence[list[Message]], is_text: bool) -> list[Message]:
    """What was said before the responses, where they bring it along. Raises NotHeld where they do not agree."""
    whole = fronts[0]
    if any(front != whole for front in fronts):
        if len({json.dumps(_to_last_question(front)) for front in fronts}) == 1:
            raise NotHeld(SEVERAL_TURNS)
        raise NotHeld("responses to different conversations")
    if before and before != whole and not _begins(whole, before):
        question = before[-1]["content"]
        if not is_text or question not in (turn["content"] for turn in whole if turn["role"] == "user"):
            raise NotHeld("a prompt that is not the one in its responses")
        if before[0]["role"] == "system" != whole[0]["role"]:
            return [before[0], *whole]
    return whole


def _to_last_question(chat: Sequence[Message]) -> list[Message]:
    return list(chat[: max((k for k, turn in enumerate(chat, 1) if turn["role"] == "user"), default=0)])


def _begins(chat: Sequence[Message], before: Sequence[Message]) -> bool:
    first = [(turn["role"], turn["content"]) for turn in chat[: len(before)]]
    return bool(before) and first == [(turn["role"], turn["content"]) for turn in before]


def _shared(texts: Sequence[str]) -> str:
    """What all texts begin with, up to the end of a word: the prompt, as TRL's `extract_prompt` finds it."""
    first, last = min(texts), max(texts)
    end = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: end if first[end - 1 : end].isspace() else first.rfind(" ", 0, end) + 1] if end else ""


def _without_prompt(
    before: list[Message], answers: list[Answer], row: Mapping[str, Any]
) -> tuple[list[Message], list[Answer]]:
    """(the conversation, the responses without the prompt, where all of them begin with it).

    A pair without a prompt in any column is TRL's implicit one: what both texts begin with was asked.
    """
    texts = [answer.response.text for answer in answers]
    if before:
        prompt = before[-1]["content"]
        repeated = all(text.startswith(prompt) and text != prompt for text in texts) and len(prompt) >= LEAST_PROMPT
        return before, [_behind(answer, prompt) for answer in answers] if repeated else answers
    prompt = _shared(texts)
    others = [value for name, value in row.items() if name not in PAIRS[0] and isinstance(value, str) and " " in value]
    if PAIRS[0][0] not in row or others or len(prompt.split()) < LEAST_WORDS:
        return before, answers
    return [Message(role="user", content=prompt.strip())], [_behind(answer, prompt) for answer in answers]


def _behind(answer: Answer, prompt: str) -> Answer:
    return replace(answer, response=replace(answer.response, text=answer.response.text[len(prompt) :].strip()))


def _with_system(before: list[Message], row: Mapping[str, Any]) -> tuple[list[Message], set[str]]:
    """(the conversation with the system prompt of a column, the columns that say nothing else). What it has already stays."""
    name = _first_text(row, SYSTEMS)
    own = next((turn["content"] for turn in before if turn["role"] in ("system", "developer")), None)
    if name and own is None:
        before, own = [Message(role="system", content=text(row[name])), *before], text(row[name])
    return before, {column for column in SYSTEMS if column in row and text(row[column]) in ("", own)}


def _check(before: Sequence[Message]) -> None:
    if any(not turn["content"] and not turn.get("tool_calls") and turn["role"] != "tool" for turn in before[:-1]):
        raise NotHeld("an empty turn in its conversation")


def _first_text(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of some columns that holds a text; "" for none."""
    return next((name for name in names if isinstance(row.get(name), str) and row[name].strip()), "")


def _is_empty(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, (str, list, tuple, dict)) and not value)
