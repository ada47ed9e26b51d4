"""Magpie (Xu et al. 2024, arXiv 2406.08464): instructions drawn from a model's own template.

An aligned model that is given its template up to the place where the user speaks goes on to write what a user would say
(section 2.1). One literal row, `n_turns=1`:

    messages: [{"role": "user", "content": "How do tides work?"}]   responses: ["The moon pulls ..."]
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, ClassVar

from tasks.base import Task, text
from tasks.errors import SettingsError, Unsupported
from tasks.models.base import Completion, Model
from tasks.models.chat_templates import clean, open_user_turn, resolve
from tasks.settings import setting
from tasks.text_generation import response
from tasks.types import Dropped, Message, Response, Row, Unit


@dataclass(frozen=True, kw_only=True)
class Magpie(Task):
    """Draws talks from a model by opening the user's turn in its own chat template.

    Columns in: none, or `system_prompt` for rows with their own. Rows out: one a draw; `messages` end with the last
    user turn, the response is the model's answer to it.
    """

    title: ClassVar[str] = "Magpie"
    summary: ClassVar[str] = "Chats from the model alone; no input"
    draws: ClassVar[bool] = True

    n_turns: int = setting(1, "Pairs of a user turn and an answer.", label="Turns")
    only_instruction: bool = setting(
        False, "Only the user's first turn; answering follows as a step of its own.", label="Instructions only"
    )
    end_with_user: bool = setting(False, "Leave out the last answer.", label="End with the user's turn")
    include_system_prompt: bool = setting(
        False, "Keep the system prompt in the row's messages.", label="Keep the system prompt"
    )
    system_prompt: str | list[str] | dict[str, str] = setting(
        "",
        "Steers what users ask about: a text, several to choose from, or several with names.",
        multiline=True,
    )
    max_instruction_tokens: int = setting(
        256, "A user turn longer than this is dropped as cut off.", label="Longest user turn, tokens"
    )

    def __post_init__(self) -> None:
        if self.n_turns < 1:
            raise SettingsError("n_turns must be at least 1.")
        if self.max_instruction_tokens < 1:
            raise SettingsError("max_instruction_tokens must be at least 1.")

    @property
    def wants_answers(self) -> bool:
        return self.only_instruction

    def units(self, inputs: Iterable[Mapping[str, Any]]) -> Iterator[Unit]:
        """One unit a row of input; without input, draws for ever."""
        rows = iter(inputs)
        if (first := next(rows, None)) is None:
            return (Unit(index) for index in count())
        return (Unit(index, row) for index, row in enumerate(chain([first], rows)))

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        found = await model.capabilities()
        if not found.raw_prompts:
            raise Unsupported(
                f"Magpie needs raw prompts, which {model.name} does not take (it has no /completions). "
                "vLLM, SGLang, TGI, llama.cpp and the built-in model do."
            )
        template = resolve(model.template, found, model.name)
        key, system = self.chosen_system_prompt(unit)
        talk: list[Message] = [{"role": "system", "content": system}] if system else []
        answer: Response | None = None
        for turn in range(1 if self.only_instruction else self.n_turns):
            if answer is not None:
                talk.append({"role": "assistant", "content": answer.text})
                answer = None
            opened = open_user_turn(template, found, talk)
            said = await model.complete(opened.prompt, stop=list(opened.stop), max_tokens=self.max_instruction_tokens)
            instruction = clean(said.text)
            if reason := why_not(instruction, said, talk):
                return [Dropped(f"user turn {turn + 1}: {reason}", said.text)]
            talk.append({"role": "user", "content": instruction})
            last = turn + 1 == self.n_turns
            if not self.only_instruction and not (last and self.end_with_user):
                answer = response(await model.chat(talk))
                if not answer.text:
                    return [Dropped(f"answer {turn + 1}: empty", answer.reasoning or "")]
        origin = {"system_prompt": system, "system_prompt_key": key} if key else {"system_prompt": system}
        kept = talk if self.include_system_prompt else [m for m in talk if m["role"] != "system"]
        return [Row(tuple(kept), (answer,) if answer else (), origin if system else {})]

    def chosen_system_prompt(self, unit: Unit) -> tuple[str, str]:
        """(its name or "", its text) for one draw: a row's own wins, else the choice depends on the draw alone."""
        if own := text(unit.inputs.get("system_prompt")):
            return "", own
        if isinstance(self.system_prompt, str):
            return "", self.system_prompt
        given = self.system_prompt
        pairs = list(given.items()) if isinstance(given, dict) else [("", prompt) for prompt in given]
        if not pairs:
            return "", ""
        number = int.from_bytes(hashlib.sha256(f"system prompt of draw {unit.index}".encode()).digest()[:8])
        return pairs[number % len(pairs)]


def why_not(instruction: str, said: Completion, talk: list[Message]) -> str | None:
    """Why a user turn can't be used, or None."""
    if not instruction:
        return "empty"
    if said.cut_off:
        return "cut off at the token limit"
    if any(m["role"] == "user" and m["content"] == instruction for m in talk):
        return "repeats an earlier turn"
    return None
