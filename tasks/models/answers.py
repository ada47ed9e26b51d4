"""What an endpoint answers, as a Completion: the shapes of the protocol that providers use, and events joined into one answer."""

import contextlib
import json
from typing import Any

from tasks.models import thoughts
from tasks.models.base import Completion, is_cut_off, is_fault
from tasks.models.secrets import mask, mask_whole
from tasks.models.spec import MOST_TOKENS

LONGEST_NAME = 500
"""Characters of what an endpoint calls a model, or the end of an answer."""
FAR = 1e9
"""From zero: no log-probability is farther, also where a server writes a number for minus infinity."""
MOST_PARTS = 500_000
"""Lists and tables in an answer: each takes thirty times the memory of the two characters that make one."""
REASONING = ("reasoning_content", "reasoning", "thinking", "thinking_content")
DEEPEST = 6


class NotTheProtocol(Exception):
    """An answer that holds no choice."""


class EndedByFault(Exception):
    """An answer whose finish reason says that something failed."""


def completion(answer: Any, model: str, latency: float, secrets: list[str]) -> Completion:
    """The protocol's answer as a Completion. Raises NotTheProtocol and EndedByFault."""
    try:
        choice = answer["choices"][0]
        message = choice.get("message") or {}
        content = message.get("content") if "message" in choice else choice.get("text")
        usage = answer.get("usage") or {}
        prompt_tokens, completion_tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
        finish_reason, logprobs = choice.get("finish_reason") or "stop", choice.get("logprobs")
        revision = " ".join(str(answer[key]) for key in ("model", "system_fingerprint") if answer.get(key))
        refused = message.get("refusal")
        calls_tool = bool(message.get("tool_calls") or message.get("function_call"))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        answer = choice = message = None  # an error keeps what its frames hold, for as long as it is waited
        raise NotTheProtocol from error
    if is_fault(str(finish_reason)):
        raise EndedByFault(str(finish_reason)[:LONGEST_NAME])
    text, in_parts, refused_in_parts = _of_parts(content)
    apart = _reasoning(message) or in_parts
    thought, text = thoughts.split(text, apart=bool(apart), is_whole=not is_cut_off(str(finish_reason)))
    if calls_tool and finish_reason == "stop":
        finish_reason = "tool_calls"
    refused = refused if isinstance(refused, str) and refused.strip() else refused_in_parts
    return Completion(
        text=mask_whole(text, secrets),
        model=model,
        reasoning=mask_whole(apart or thought, secrets) if apart or thought else None,
        finish_reason=mask(str(finish_reason)[:LONGEST_NAME], secrets),
        prompt_tokens=token_count(prompt_tokens),
        completion_tokens=token_count(completion_tokens),
        latency=latency,
        logprobs=_compact(logprobs),
        revision=mask(revision[:LONGEST_NAME], secrets),
        refused=mask_whole(refused.strip()[:LONGEST_NAME], secrets),
    )


def _of_parts(content: Any) -> tuple[str, str, str]:
    """(text, thoughts, refusal) of a message's content: a text, or a list of texts and of parts."""
    if isinstance(content, str):
        return content, "", ""
    texts: list[str] = []
    thinking: list[str] = []
    refusals: list[str] = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = str(part.get("type", "text")) if isinstance(part, dict) else ""
        if kind.startswith(("thinking", "reasoning", "redacted_thinking")):
            thinking.append(
                _plain(part.get("thinking") or part.get("text") or part.get("summary") or part.get("content"))
            )
        elif kind == "refusal":
            refusals.append(_plain(part.get("refusal")))
        elif isinstance(part, dict):
            texts.append(_plain(part.get("text")))
    return "".join(texts), "\n\n".join(filter(None, thinking)).strip(), "\n".join(filter(None, refusals))


def _plain(value: Any, depth: int = 0) -> str:
    """The text in a part, which may be a list of parts again (Mistral's thinking), or a table with a value."""
    if isinstance(value, str):
        return value
    if depth > DEEPEST:
        return ""
    if isinstance(value, list):
        return "".join(_plain(item, depth + 1) for item in value)
    return _plain(value.get("text", value.get("value")), depth + 1) if isinstance(value, dict) else ""


def _reasoning(message: Any) -> str:
    """Thoughts in a field of their own; of OpenRouter's details what is text."""
    for name in REASONING:
        if isinstance(text := message.get(name), str) and text.strip():
            return text
    details = message.get("reasoning_details")
    parts = [
        _plain(part.get("text") or part.get("summary"))
        for part in (details if isinstance(details, list) else [])
        if isinstance(part, dict)
    ]
    return "".join(parts)


def is_events(sent: bytes) -> bool:
    """True for server-sent events."""
    begins = sent.lstrip()[:8]
    return begins.startswith((b"data:", b"event:", b": ", b":\n", b"id:", b"retry:"))


class Joined:
    """One answer from its events, as it grows."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self._message: dict[str, Any] = {}
        self._choice: dict[str, Any] = {}
        self._tokens: list[Any] = []
        self._event = ""
        self._is_over = False

    def take(self, line: str) -> None:
        """Takes a line of the stream, which is an event's name, its data, or neither."""
        name, _, value = line.partition(":")
        value = value.strip()
        if name == "event":
            self._event = value
        elif name == "data" and value == "[DONE]":
            self._is_over = True
        elif name == "data" and value.count("[") + value.count("{") <= MOST_PARTS:
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(value)
                self.add({"error": event} if self._event == "error" and "error" not in event else event)

    def add(self, event: Any) -> None:
        """Takes one event; an error in it is the answer's."""
        if not isinstance(event, dict):
            return
        for name in ("model", "system_fingerprint", "usage", "error", "object"):
            if event.get(name):
                self.answer[name] = event[name]
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        for name in ("finish_reason", "error"):
            if choice.get(name):
                self._choice[name] = choice[name]
        if isinstance(logprobs := choice.get("logprobs"), dict) and isinstance(logprobs.get("content"), list):
            self._tokens += logprobs["content"]
        if isinstance(choice.get("text"), str):  # of a raw prompt
            self.text.append(choice["text"])
            self._choice.setdefault("text", "")
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return
        text, thinking, refusal = _of_parts(delta.get("content"))
        self.text.append(text)
        self.reasoning.append(thinking or _reasoning(delta))
        refusal = delta.get("refusal") or refusal
        if isinstance(refusal, str) and refusal:
            self._message["refusal"] = self._message.get("refusal", "") + refusal
        for name in ("tool_calls", "function_call"):
            if delta.get(name):
                self._message[name] = delta[name]

    @property
    def so_far(self) -> str:
        """What it answers until now, without the thoughts; those while there is no answer."""
        reasoning = "".join(self.reasoning)
        thought, text = thoughts.split("".join(self.text), apart=bool(reasoning))
        return text or thought or reasoning

    def whole(self) -> dict[str, Any]:
        """The answer as if it had come at once."""
        text, reasoning = "".join(self.text), "".join(self.reasoning)
        choice = dict(self._choice)
        if self._tokens:
            choice["logprobs"] = {"content": self._tokens}
        if "text" in choice:
            choice["text"] = text
        else:
            choice["message"] = {
                **self._message,
                "content": text,
                **({"reasoning_content": reasoning} if reasoning else {}),
            }
        if "error" in self.answer:
            return {"error": self.answer["error"]}
        if not self._is_over:  # nothing says that it ended
            choice.setdefault("finish_reason", "disconnect")
        return {**self.answer, "choices": [choice]}


def joined(sent: bytes) -> dict[str, Any]:
    """The answer that events make up."""
    whole = Joined()
    for line in sent.decode("utf-8", "replace").split("\n"):  # no other character ends one
        whole.take(line)
    return whole.whole()


def _compact(logprobs: Any) -> Any:
    """Log-probabilities in the shape of chat answers, without what repeats the tokens: they are kept with every answer.

    None where tokens are none, as their texts are told from the answer's by their order; odd alternatives are left out.
    """
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not all(map(_is_token, content)):
        return None
    kept = ("token", "logprob")
    compact = []
    for token in content:
        tops = token.get("top_logprobs")
        tops = filter(_is_token, tops) if isinstance(tops, list) else ()
        compact.append({**{k: token[k] for k in kept}, "top_logprobs": [{k: top[k] for k in kept} for top in tops]})
    return {"content": compact}


def _is_token(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("token"), str):
        return False
    logprob = value.get("logprob")
    if not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return False
    return abs(logprob) <= FAR  # which what is no number is not


def token_count(value: Any) -> int | None:
    """A number of tokens; None for what can be none, and would upset a budget."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
