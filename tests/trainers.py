"""What trainers ask of a line, in our own words: none of them installs without a GPU stack. Each rule says where it is from.

TRL: trl/data_utils.py, `is_conversational` and `apply_chat_template`. LLaMA-Factory: src/llamafactory/data/converter.py, the
converters of Alpaca and ShareGPT, and data/formatter.py, what they give to. Axolotl: prompt_strategies/chat_template.py.
A line that one of them would refuse, leave out or read wrongly raises Refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.models.template_families import FAMILIES
from tasks.templates.renderer import chat_template

Line = Mapping[str, Any]
KEYS = (
    {"messages"},
    {"prompt"},
    {"prompt", "completion"},
    {"prompt", "chosen", "rejected"},
    {"prompt", "completion", "label"},
)
ROLES = ("system", "user", "assistant", "tool")
NO_SYSTEM = ("gemma2",)
"""Families that know no system role: whoever trains one puts the text into the first user turn."""
LAST_ONLY = ("mistral-v3", "mistral-v3-tekken")
"""Families whose system text stands in the last user turn, and goes away where an answer follows it."""


class Refused(AssertionError):
    pass


def trl(line: Line) -> None:
    """The columns of one of its types, all chats; a prompt ends with a user's or a tool's turn."""
    names = line.keys() & {"messages", "prompt", "completion", "chosen", "rejected", "label"}
    if names not in KEYS:
        raise Refused(f"invalid keys: {names}")
    for name in names - {"label"}:
        if not line[name] or not all(isinstance(m, dict) and {"role", "content"} <= m.keys() for m in line[name]):
            raise Refused(f"{name} is no chat")
    if "prompt" in names and line["prompt"][-1]["role"] not in ("user", "tool"):
        raise Refused("a prompt that ends with another's turn")


def axolotl(messages: Sequence[Line]) -> None:
    """Roles that its prompters know (a list of messages); arguments of calls that can be read as JSON."""
    for message in messages:
        if message["role"] not in ROLES or not isinstance(message["content"], str):
            raise Refused(f"a message of {message['role']}")
        for call in message.get("tool_calls") or ():
            arguments = call["function"]["arguments"]
            if isinstance(arguments, str):
                json.loads(arguments)


def llama_factory(line: Line) -> None:
    """ShareGPT or Alpaca. What it would drop with a warning is refused as well."""
    if line.get("tools") is not None and not isinstance(json.loads(line["tools"]), list):
        raise Refused("tools that are no list")
    if "conversations" not in line:
        if not (
            isinstance(line["output"], str) and isinstance(line["instruction"], str) and line["system"] is not None
        ):
            raise Refused("no texts")
        return
    turns = line["conversations"]
    turns = turns[1:] if turns[0]["from"] == "system" else turns
    if len(turns) % 2:
        raise Refused("an odd number of turns")
    for place, turn in enumerate(turns):
        if turn["from"] not in (("human", "observation"), ("gpt", "function_call"))[place % 2]:
            raise Refused(f"{turn['from']} at {place}")
        if turn["from"] == "function_call":
            call = json.loads(turn["value"])
            if not isinstance(call["name"], str) or not isinstance(call["arguments"], dict):
                raise Refused("a call that would be written as the text of a text")


def rendered(family: str, messages: Sequence[Line], *, asked: bool = False) -> str:
    """A chat without tools as a family's template writes it; with what its models' own templates refuse."""
    found = FAMILIES[family]
    spoken = [message["role"] for message in messages if message["role"] != "system"]
    # "Conversation roles must alternate user/assistant/user/assistant/..."
    strict = family.startswith(("gemma", "mistral"))
    if strict and spoken != [("user", "assistant")[place % 2] for place in range(len(spoken))]:
        raise Refused("turns that do not alternate")
    if any(message["role"] not in ROLES for message in messages):
        raise Refused("an unknown role")
    return chat_template(found.source).render(
        messages=messages, add_generation_prompt=asked, bos_token=found.bos, eos_token=found.eos
    )
