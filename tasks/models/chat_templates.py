"""Chat templates as text, for Magpie: the prompt up to an open user turn, and what ends that turn.

A template comes from the user, from the server, from the Hub's tokenizer config, or from the built-in families. But for
the last it is foreign code: it runs in Jinja's immutable sandbox, in a process apart (tasks/templates/sandbox.py).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from tasks.errors import SettingsError, Unsupported
from tasks.models import tokenizer_config
from tasks.models.base import Capabilities
from tasks.models.scripted import TEMPLATE as SCRIPTED
from tasks.models.template_families import FAMILIES, Family, family_of
from tasks.types import Message

BEGINNINGS = ("<|begin_of_text|>", "<s>", "<bos>", "<｜begin▁of▁sentence｜>", "<BOS_TOKEN>", "<|startoftext|>")
"""Begin-of-text tokens that a template may hold as plain text."""
MARK, SYSTEM_MARK, BOS_MARK = "CLAYWRIGHT-OPEN-USER-TURN", "CLAYWRIGHT-SYSTEM-TEXT", "CLAYWRIGHT-BEGIN-OF-TEXT"
MOST_STOPS = 4
CONTROL = re.compile(
    r"<\|[\w.:/-]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|</?s>|<(?:start|end)_of_turn>|<\|turn>|<turn\|>|<[be]os>|<(?:BOS|EOS)_TOKEN>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>|</?think(?:ing)?>"
)
STRUCK = re.compile(r"<s>([^<]*+(?:<(?!/?s>)[^<]*+)*+)</s>")
"""HTML's way of striking words out, which looks like the begin and end tokens of some models."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template's source and the tokens it is rendered with.

    `stop` are strings known to end the user's turn, beside those that its rendering shows. `adds_bos` is False where the
    model's tokenizer is known to put no begin-of-text token before a prompt, so that the prompt has to carry it.
    """

    source: str
    bos: str = ""
    eos: str = ""
    stop: tuple[str, ...] = ()
    adds_bos: bool = True


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A raw prompt that ends where the user is about to speak, and the strings that end the turn.

    `folded` says that the template knows no system text, which therefore stands at the beginning of the first user turn.
    """

    prompt: str
    stop: tuple[str, ...]
    folded: bool = False


def resolve(
    own: str | None,
    capabilities: Capabilities,
    model: str,
    *,
    tokenizer: Callable[[str], tokenizer_config.Tokenizer] = tokenizer_config.tokenizer,
) -> Template:
    """The template, from the user, else the server, else the Hub, else the family that the model's name reveals.

    May wait for the network. Raises Unsupported where no source has one, SettingsError where the user's own can't be had.
    """
    if own:
        return _own(own, capabilities, tokenizer)
    if capabilities.chat_template:
        return Template(capabilities.chat_template, capabilities.bos_token, capabilities.eos_token)
    reasons = []
    for source in _tokenizer_sources(capabilities, model):
        try:
            return _of_tokenizer(tokenizer(source))
        except tokenizer_config.NotThere as reason:
            reasons.append(f"{source}: {reason}")
    if name := family_of(model) or family_of(capabilities.weights):
        return _of_family(FAMILIES[name], capabilities)
    hub_reason = (
        f"the Hub does not give it ({'; '.join(reasons)})" if reasons else "it is no name of a model on the Hub"
    )
    raise Unsupported(
        f"Magpie needs the chat template of {model}: its server does not tell it, {hub_reason}, and its name reveals no family. "
        f"Give it as the generator's setting “template”: a family ({', '.join(FAMILIES)}), a model on the Hub (owner/name), "
        "a folder, or Jinja source."
    )


def _tokenizer_sources(capabilities: Capabilities, model: str) -> list[str]:
    """Where the tokenizer may be. What a server names is looked for on the Hub alone, never on this machine's disk."""
    if _is_folder(model):
        return [model]
    names = (capabilities.weights, model.partition(":")[0])  # what follows a colon names a provider
    return [name for name in dict.fromkeys(names) if tokenizer_config.REPO.fullmatch(name) and not _is_folder(name)]


def _own(own: str, capabilities: Capabilities, tokenizer: Callable[[str], tokenizer_config.Tokenizer]) -> Template:
    if own in FAMILIES:
        return _of_family(FAMILIES[own], capabilities)
    if "{" in own:
        return Template(own, capabilities.bos_token, capabilities.eos_token)
    if not (tokenizer_config.REPO.fullmatch(own) or _is_folder(own)):
        raise SettingsError(
            f"The template '{own[:60]}' is no family ({', '.join(FAMILIES)}), no model on the Hub (owner/name), no folder "
            "and no Jinja source.",
            setting="template",
        )
    try:
        return _of_tokenizer(tokenizer(own))
    except tokenizer_config.NotThere as reason:
        raise SettingsError(f"The template of {own} can't be had: {reason}.", setting="template") from reason


def _of_tokenizer(tokenizer: tokenizer_config.Tokenizer) -> Template:
    return Template(tokenizer.chat_template, tokenizer.bos_token, tokenizer.eos_token, adds_bos=tokenizer.adds_bos)


def _of_family(family: Family, capabilities: Capabilities) -> Template:
    return Template(family.source, family.bos, family.eos or capabilities.eos_token, family.stop)


def _is_folder(path: str) -> bool:
    try:
        return bool(path) and Path(path).is_dir()
    except (OSError, ValueError):
        return False


def open_user_turn(template: Template, messages: Sequence[Message]) -> OpenTurn:
    """`messages` as the model's own template renders them, up to the place where the user speaks next.

    No assistant header stands before it, and no begin-of-text token at its start: servers put that there themselves.
    A system text that the template refuses or leaves out opens the first user turn. May wait for two seconds, but for a
    template of our own.
    """
    conversation: list[Message] = [*messages, {"role": "user", "content": MARK}]
    folded = messages[:1] != [] and messages[0]["role"] == "system" and not _takes_system(template)
    if folded:
        conversation = fold(conversation)
    before, _ = _around_mark(template, conversation, add_generation_prompt=False)
    _, after = _around_mark(template, conversation, add_generation_prompt=True)
    before = before.removeprefix(BOS_MARK) if template.adds_bos else before
    before = before.replace(BOS_MARK, template.bos)
    if template.adds_bos:
        before = before.removeprefix(next((b for b in BEGINNINGS if before.startswith(b)), ""))
    plain = after.strip() if not template.stop else ""
    ends = CONTROL.findall(after)[:2] or [plain]
    stop = dict.fromkeys([*template.stop, *ends, template.eos, *CONTROL.findall(before)[-1:]])
    return OpenTurn(before, tuple(s for s in stop if s)[:MOST_STOPS], folded)


async def opened(template: Template, messages: Sequence[Message]) -> OpenTurn:
    """The same as `open_user_turn`, without holding up whatever else is under way."""
    if template.source in _own_sources():
        return open_user_turn(template, messages)
    return await asyncio.to_thread(open_user_turn, template, messages)


def fold(messages: Sequence[Message]) -> list[Message]:
    """The talk without its system message, whose text opens the first user turn, for models that know no system text."""
    if not messages or messages[0]["role"] != "system":
        return list(messages)
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def clean(turn: str) -> str:
    """A generated user turn, cut at the first control token and trimmed."""
    spans = [match.span() for match in STRUCK.finditer(turn) if not CONTROL.search(match[1])]
    struck = {at for start, end in spans for at in (start, end - len("</s>"))}
    for control in CONTROL.finditer(turn):
        if control[0] in ("<s>", "</s>") and control.start() in struck:
            continue
        return turn[: control.start()].strip()
    return turn.strip()


@lru_cache(maxsize=64)
def _takes_system(template: Template) -> bool:
    """True if a system text is rendered at all."""
    try:
        return SYSTEM_MARK in _render(
            template,
            [{"role": "system", "content": SYSTEM_MARK}, {"role": "user", "content": MARK}],
            add_generation_prompt=False,
        )
    except SettingsError:
        return False


def _around_mark(
    template: Template, conversation: Sequence[Message], *, add_generation_prompt: bool
) -> tuple[str, str]:
    """The prompt before and after the user's last words; `add_generation_prompt` opens the model's turn after them."""
    rendered = _render(template, conversation, add_generation_prompt=add_generation_prompt)
    if MARK not in rendered:
        raise SettingsError(
            "The chat template leaves out the user's text, so there is no user turn for Magpie to open.",
            setting="template",
        )
    before, _, after = rendered.rpartition(MARK)
    return before, after


@cache
def _own_sources() -> frozenset[str]:
    """Templates that are ours, wherever they come from."""
    return frozenset({SCRIPTED, *(family.source for family in FAMILIES.values())})


def _render(template: Template, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
    values: dict[str, Any] = {
        "messages": messages, "add_generation_prompt": add_generation_prompt, "tools": None,
        "bos_token": BOS_MARK, "eos_token": template.eos, "enable_thinking": False,
    }  # fmt: skip
    if template.source in _own_sources():
        return _rendered_here(template.source, values)
    from tasks.templates.sandbox import SANDBOX, CantRender

    try:
        return SANDBOX.chat(template.source, values)
    except CantRender as reason:
        if reason.heavy:
            raise SettingsError(
                f"The chat template {reason}. Give the generator another one as its setting “template”: a family "
                f"({', '.join(FAMILIES)}), a model on the Hub (owner/name), a folder, or Jinja source.",
                setting="template",
            ) from reason
        raise SettingsError(f"The chat template can't be rendered: {reason}.", setting="template") from reason


def _rendered_here(source: str, values: dict[str, Any]) -> str:
    """A template of our own, which refuses a talk at most."""
    from jinja2 import TemplateError

    from tasks.templates.renderer import chat_template

    try:
        return chat_template(source, own=True).render(values)
    except TemplateError as error:
        raise SettingsError(f"The chat template can't be rendered: {error}.", setting="template") from error
