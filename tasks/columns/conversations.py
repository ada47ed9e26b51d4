"""Conversations as the world writes them, read into one form: lists of turns of OpenAI, ShareGPT, Capybara and others.

A conversation is read whole or refused: no turn is left out, and nothing of one that a trainer would miss.

>>> conversation([{"from": "human", "value": "Name a river."}, {"from": "gpt", "value": "The Loire."}])
[{'role': 'user', 'content': 'Name a river.'}, {'role': 'assistant', 'content': 'The Loire.'}]
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.types import Message, Role

ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "human", "prompter", "instruction"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "chatbot", "ai", "function_call", "tool_call"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation", "tool_response", "function_response", "ipython"), "tool"),
    "system": "system",
    "developer": "developer",
}  # fmt: skip
"""What speakers are called: OpenAI, ShareGPT, LLaMA-Factory (observation, function_call), Open Assistant, Gemini, Llama."""
SPEAKER, TEXT = ("role", "from", "speaker"), ("content", "value", "text", "message")
CALLS = ("function_call", "tool_call")
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
TEXT_PARTS = ("text", "input_text", "output_text")
THOUGHT_PARTS = ("thinking", "reasoning")
MEDIA = re.compile(r"image|picture|photo|audio|video|file|document", re.IGNORECASE)
MEDIA_COLUMN = re.compile(r"(image|picture|photo|audio|video|pixel_values)s?", re.IGNORECASE)
LIST_OF_OBJECTS = re.compile(r"\[\s{0,20}\{")
PAIR = ("input", "output")
"""A turn of each, as Capybara has them."""
LONGEST_REPR = 1_000_000
"""Characters of a list as Python prints it, which its own reader takes much room for."""
NO_CALL = "tool calls without the name of a tool"
TRANSCRIPT = re.compile(r"(?:^|\n\n)(Human|Assistant|System): ?")
"""How Anthropic's HH-RLHF marks turns in one text."""


class NotHeld(ValueError):
    """A conversation that can't be held as it is. The message says why, the same for all of a kind."""


def conversation(value: Any) -> list[Message]:
    """The turns of a list of messages, or of the text of such a list; none for nothing. Raises NotHeld."""
    return [turn for message in _listed(value) for turn in _turns(message)]


def is_conversation(value: Any) -> bool:
    """True for a list of messages, in whatever form; a text is one only where all of it can be read as such a list."""
    try:
        messages = _listed(value)
    except NotHeld:
        return False
    if isinstance(value, str) and not all(_is_pair(message) or _is_known(message) for message in messages):
        return False
    return bool(messages) and isinstance(messages[0], Mapping) and (_is_message(messages[0]) or _is_pair(messages[0]))


def looks_like_one(value: Any) -> bool:
    """True for a text that begins as the list of a conversation does, whether or not it can be read."""
    return isinstance(value, str) and LIST_OF_OBJECTS.match(value.strip()) is not None


def more_of(message: Any) -> dict[str, Any]:
    """What a message has beside what a turn holds: weights, times, labels. Raises NotHeld for images and the like."""
    if not isinstance(message, Mapping) or _is_pair(message):
        return {}
    known = {*SPEAKER, *TEXT, *THOUGHTS, "tool_calls", "function_call", "tool_call_id", "name"}
    more = {
        str(name): value for name, value in message.items() if name not in known and value not in (None, "", [], {})
    }
    if media := next((name for name in more if MEDIA_COLUMN.fullmatch(name)), ""):
        raise NotHeld(f"images, audio or video in a message ({media}), which can't be held yet")
    return more


def transcript(text: str) -> list[Message]:
    """The turns of a text in which `Human:` and `Assistant:` begin them; none where it does not begin so."""
    marks = list(TRANSCRIPT.finditer(text))
    if (
        {"Human", "Assistant"} - {mark[1] for mark in marks}
        or text[: marks[0].start()].strip()
        or marks[0][1] == "Assistant"
    ):
        return []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    speakers: dict[str, Role] = {"Human": "user", "Assistant": "assistant", "System": "system"}
    return [
        Message(role=speakers[mark[1]], content=text[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]


def readable(turn: Message) -> str:
    """A turn as people and labellers read it: its text, and the tool calls in it.

    >>> readable({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now", "arguments": {"zone": "UTC"}}}]})
    'Calls now({"zone": "UTC"})'
    """
    return "\n\n".join(filter(None, (turn["content"], *map(_readable_call, turn.get("tool_calls") or ()))))


def _readable_call(call: Any) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return f"Calls {json.dumps(call, ensure_ascii=False)}"
    arguments = function.get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return f"Calls {function.get('name')}({written})"


def _listed(value: Any) -> Sequence[Any]:
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, Mapping) and _is_message(value):
        return [value]
    return value if isinstance(value, (list, tuple)) else []


def _read(text: str) -> Any:
    """A list of objects that was written as text: as JSON, or as Python prints it, as tables saved as CSV often hold it."""
    text = text.strip()
    if LIST_OF_OBJECTS.match(text) is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        if len(text) <= LONGEST_REPR:
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    raise NotHeld("a conversation that is neither JSON nor a list as Python prints it")


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(_first(value, SPEAKER), str)


def _is_pair(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(name), str) for name in PAIR)


def _is_known(value: Any) -> bool:
    """True for a message of a speaker that is known."""
    return _is_message(value) and str(_first(value, SPEAKER)).strip().lower() in ROLES


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _turns(message: Any) -> list[Message]:
    if _is_pair(message):
        question, answer = (message[name].strip() for name in PAIR)
        return [Message(role="user", content=question), Message(role="assistant", content=answer)]
    if not _is_message(message):
        raise NotHeld("a turn without a role")
    speaker = str(_first(message, SPEAKER)).strip()
    role = ROLES.get(speaker.lower())
    if role is None:
        raise NotHeld(f"a turn of the unknown role '{speaker[:40]}'")
    text, thoughts = _content(_first(message, TEXT))
    turn = Message(role=role, content=text)
    if speaker.lower() in CALLS:
        turn["content"], turn["tool_calls"] = "", _calls_in(text)
    if calls := _calls(message):
        turn["tool_calls"] = calls
    if not is_json(turn.get("tool_calls")):
        raise NotHeld("tool calls that no JSON can hold")
    if call := message.get("tool_call_id"):
        turn["tool_call_id"] = str(call)
    if named := message.get("name"):
        turn["name"] = str(named)
    if thoughts := thoughts or str(_first(message, THOUGHTS) or "").strip():
        turn["reasoning_content"] = thoughts
    return [] if role in ("system", "developer") and not turn["content"] else [turn]


def _content(value: Any) -> tuple[str, str]:
    """(text, thoughts) of a message's content: a text, or a list of parts."""
    if value is None or isinstance(value, str):
        return (value or "").strip(), ""
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, (list, tuple)):
        return str(value).strip(), ""
    texts, thoughts = [], []
    for part in value:
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, Mapping):
            raise NotHeld("a part of a message that is no text")
        kind = str(part.get("type") or ("text" if "text" in part else "")).lower()
        if kind in TEXT_PARTS and isinstance(part.get("text") or "", str):
            texts.append(part.get("text") or "")
        elif kind in THOUGHT_PARTS:
            thoughts.append(str(_first(part, ("thinking", "text", "reasoning")) or ""))
        elif part.get("text") is None or kind:
            raise NotHeld(what_is_not_held(kind or next(iter(map(str, part)), "")))
    return "".join(texts).strip(), "\n\n".join(filter(None, thoughts)).strip()


def is_json(value: Any) -> bool:
    """True for what JSON can hold: no bytes, no infinite number."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def what_is_not_held(kind: str) -> str:
    """A part of a message that can't be held, by name."""
    if MEDIA.search(kind):
        return f"a part that is no text ({kind[:40]}): images, audio and files can't be held yet"
    return f"a part of the unknown kind '{kind[:40]}'"


def _calls(message: Mapping[str, Any]) -> list[Any]:
    """The tool calls of a message in one form: `{"id", "type", "function": {"name", "arguments"}}`. Raises NotHeld.

    OpenAI's earlier form (`function_call`) and the flat one of Qwen and Hermes (`{"name", "arguments"}`) become the same.
    """
    calls = message.get("tool_calls")
    if isinstance(calls, str):
        calls = _json(calls) if calls.strip() else None
    if isinstance(calls, Mapping):
        calls = [calls]
    if isinstance(calls, (list, tuple)) and calls:
        return [_call(call) for call in calls]
    if isinstance(earlier := message.get("function_call"), Mapping):
        return [_call(earlier)]
    return []


def _calls_in(text: str) -> list[Any]:
    """The calls that a turn of the speaker `function_call` consists of. Raises NotHeld."""
    calls = _json(text)
    return [_call(call) for call in (calls if isinstance(calls, list) else [calls])]


def _call(call: Any) -> dict[str, Any]:
    if not isinstance(call, Mapping):
        raise NotHeld(NO_CALL)
    function = call.get("function") if "function" in call else call
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise NotHeld(NO_CALL)
    arguments = function.get("arguments", function.get("parameters"))
    named = {"name": function["name"], "arguments": {} if arguments is None else arguments}
    own = {name: str(call[name]) for name in ("id", "type") if call.get(name) is not None}
    if more := ({*call} - {"id", "type", "function", "name", "arguments", "parameters", "index"}) | (
        {*function} - {"name", "arguments", "parameters"} if function is not call else set()
    ):
        raise NotHeld(f"tool calls with parts that are not known ({', '.join(sorted(map(str, more)))[:60]})")
    return {**({"id": own["id"]} if "id" in own else {}), "type": own.get("type", "function"), "function": named}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotHeld("tool calls that are not JSON") from error
