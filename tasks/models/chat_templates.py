"""Chat templates as text, for Magpie: the prompt up to an open user turn, and what ends that turn.

A template comes from the user, from the server, or from the table of families below; it is foreign code and runs in
Jinja's immutable sandbox only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.errors import SettingsError, Unsupported
from tasks.models.base import Capabilities
from tasks.prompts import RENDERING_ERRORS
from tasks.types import Message

BEGINNINGS = ("<|begin_of_text|>", "<s>", "<bos>")
MARK = "CLAYWRIGHT-OPEN-USER-TURN"
CONTROL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|<eos>|<bos>")

_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LLAMA3 = (
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
_ZEPHYR = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

FAMILIES: dict[str, str] = {"chatml": _CHATML, "llama3": _LLAMA3, "zephyr": _ZEPHYR}
NAMES: tuple[tuple[str, str], ...] = (
    (r"llama-?3", "llama3"),
    (r"qwen-?[23]|qwen2|smollm|chatml|hermes|yi-", "chatml"),
    (r"zephyr|notus", "zephyr"),
)


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A raw prompt that ends where the user is about to speak, and the strings that end the turn."""

    prompt: str
    stop: tuple[str, ...]


def resolve(own: str | None, found: Capabilities, model: str) -> str:
    """The template's source. Raises Unsupported where none of the three places has one."""
    if own:
        return FAMILIES.get(own, own)
    if found.chat_template:
        return found.chat_template
    for pattern, family in NAMES:
        if re.search(pattern, model, re.IGNORECASE):
            return FAMILIES[family]
    raise Unsupported(
        f"Magpie needs the chat template of {model}, which its server does not tell and its name does not reveal. "
        f"Give it as template in [generator]: a family ({', '.join(FAMILIES)}) or Jinja source."
    )


def open_user_turn(template: str, found: Capabilities, messages: Sequence[Message]) -> OpenTurn:
    """`messages` as the model's own template renders them, up to the place where the user speaks next.

    No assistant header stands before it, and no begin-of-text token at its start: servers put that there themselves.
    """
    rendered = _render(template, found, [*messages, {"role": "user", "content": MARK}])
    if MARK not in rendered:
        raise SettingsError(
            "The chat template leaves out the user's text, so there is no user turn for Magpie to open."
        )
    before, _, after = rendered.rpartition(MARK)
    beginning = next((b for b in (found.bos_token, *BEGINNINGS) if b and before.startswith(b)), "")
    before = before.removeprefix(beginning)
    ends = CONTROL.findall(after)[:1] or ([after.strip()] if after.strip() else [])
    stop = dict.fromkeys([*ends, *CONTROL.findall(before)[-2:], found.eos_token])
    return OpenTurn(before, tuple(s for s in stop if s)[:4])


def clean(turn: str) -> str:
    """A generated user turn, cut at the first control token and trimmed."""
    found = CONTROL.search(turn)
    return (turn[: found.start()] if found else turn).strip()


def _render(template: str, found: Capabilities, messages: Sequence[Message]) -> str:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals.update(raise_exception=_refuse, strftime_now=_now)
    values: dict[str, Any] = {"messages": messages, "add_generation_prompt": False, "tools": None}
    try:
        return environment.from_string(template).render(
            **values, bos_token=found.bos_token, eos_token=found.eos_token, enable_thinking=False
        )
    except RENDERING_ERRORS as error:
        raise SettingsError(f"The chat template can't be rendered: {str(error) or type(error).__name__}.") from error


def _refuse(message: str) -> str:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)
