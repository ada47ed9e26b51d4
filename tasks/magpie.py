"""Magpie (Xu et al. 2024, arXiv 2406.08464): instructions drawn from a model's own template.

An aligned model that is given its template up to the place where the user speaks goes on to write what a user would say
(section 2.1). One literal row, `n_turns=1`:

    messages: [{"role": "user", "content": "How do tides work?"}]   responses: ["The moon pulls ..."]
"""

import asyncio
import hashlib
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, count
from operator import eq
from typing import Any, ClassVar

from tasks.base import Task, text
from tasks.errors import CallRefused, SettingsError, Unsupported
from tasks.models.base import OPEN_TURN, Capabilities, Completion, Model
from tasks.models.chat_templates import OpenTurn, Template, clean, fold, opened, resolve
from tasks.models.spec import MOST_TOKENS
from tasks.settings import setting
from tasks.text.answers import too_long
from tasks.text_generation import response
from tasks.types import Dropped, Message, Response, Row, Unit

NUMBERED = re.compile(r"^[ \t]*\d+[.)]\s+", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
LONGEST_REPEATED, FEWEST_COPIES, FEWEST_SHORT_COPIES, FEWEST_SENTENCES = 60, 5, 12, 6
"""Words of a phrase whose repeats are looked for; copies that make a loop: of a phrase, of one or two words, of a sentence."""

MOST_TURNS = 100
LONGEST_TURN = 256


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
    system_prompt: str | list[str] | dict[str, str | tuple[str, float]] = setting(
        "",
        'Steers what users ask about: a text, several to choose from, or several with names, as {"maths": "You teach ..."}, '
        'where a weight may stand with a text, as {"maths": ["You teach ...", 0.3]}.',
        page="Steers what users ask about: a text, several to choose from, or several with names and, where wanted, weights.",
        example='{"maths": "You teach ...", "law": ["You advise ...", 0.3]}',
        multiline=True,
    )
    max_instruction_tokens: int = setting(
        LONGEST_TURN,
        f"A user turn longer than this is dropped as cut off. While it is {LONGEST_TURN}, a longer limit that you set for the "
        "model counts.",
        label="Longest user turn, tokens",
    )

    def __post_init__(self) -> None:
        if not 1 <= self.n_turns <= MOST_TURNS:
            raise SettingsError(f"n_turns must be from 1 to {MOST_TURNS}.", setting="n_turns")
        if not 1 <= self.max_instruction_tokens <= MOST_TOKENS:
            raise SettingsError(
                f"max_instruction_tokens must be from 1 to {MOST_TOKENS:,}.", setting="max_instruction_tokens"
            )
        weights = [weight for _, _, weight in self._choices()]
        if any(not math.isfinite(weight) or weight < 0 for weight in weights):
            raise SettingsError("A weight in system_prompt must be a number from 0 up.", setting="system_prompt")
        if weights and not sum(weights):
            raise SettingsError("At least one weight in system_prompt must be above 0.", setting="system_prompt")

    @property
    def wants_answers(self) -> bool:
        return self.only_instruction

    def units(self, inputs: Iterable[Mapping[str, Any]], mapped: Collection[str] = ()) -> Iterator[Unit]:
        """One unit a row of input; without input, draws for ever."""
        rows = iter(inputs)
        if (first := next(rows, None)) is None:
            return (Unit(index) for index in count())
        return (Unit(index, row) for index, row in enumerate(chain([first], rows)))

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        capabilities = await model.capabilities()
        template = await _template(model, capabilities)
        key, system = self.chosen_system_prompt(unit)
        conversation: list[Message] = [{"role": "system", "content": system}] if system else []
        answer: Response | None = None
        for turn in range(1 if self.only_instruction else self.n_turns):
            if answer is not None:
                conversation.append({"role": "assistant", "content": answer.text})
                answer = None
            turn_open = await opened(template, conversation) if template else OpenTurn("", ())
            completion = await self._user_turn(model, capabilities, turn_open, conversation)
            instruction = clean(completion.text)
            if reason := too_long(instruction) or why_not(instruction, completion, conversation):
                return [Dropped(f"user turn {turn + 1}: {reason}", completion.text)]
            conversation.append({"role": "user", "content": instruction})
            last = turn + 1 == self.n_turns
            if not self.only_instruction and not (last and self.end_with_user):
                reply = await model.chat(fold(conversation) if turn_open.folded else conversation)
                if not reply.text.strip() and reply.may_come_of_another_try:
                    raise CallRefused(f"{model.name} gave no answer {turn + 1}: {reply.why_empty}.")
                if not reply.text.strip():
                    reason = "empty" if not reply.reasoning and not reply.refused else reply.why_empty
                    return [Dropped(f"answer {turn + 1}: {reason}", reply.reasoning or "")]
                answer = response(reply)
        origin = {"system_prompt": system, "system_prompt_key": key} if key else {"system_prompt": system}
        kept = conversation if self.include_system_prompt else [m for m in conversation if m["role"] != "system"]
        return [Row(tuple(kept), (answer,) if answer else (), origin if system else {})]

    async def _user_turn(
        self, model: Model, capabilities: Capabilities, turn_open: OpenTurn, conversation: list[Message]
    ) -> Completion:
        """What the model says in the user's place: on the raw prompt, or over chat where only that leaves a turn open."""
        options: dict[str, Any] = {"stop": list(turn_open.stop)} if turn_open.stop else {}
        limit = "usual_tokens" if self.max_instruction_tokens == LONGEST_TURN else "max_tokens"
        options[limit] = self.max_instruction_tokens
        if capabilities.raw_prompts:
            return await model.complete(turn_open.prompt, **options)
        messages: list[Message] = [*conversation, {"role": "user", "content": ""}]
        messages = fold(messages) if turn_open.folded else messages
        return await model.chat(messages, **options, **OPEN_TURN)

    def chosen_system_prompt(self, unit: Unit) -> tuple[str, str]:
        """(its name or "", its text) for one draw: a row's own wins, else the choice depends on the draw alone."""
        if own := text(unit.inputs.get("system_prompt")):
            return "", own
        if isinstance(self.system_prompt, str):
            return "", self.system_prompt
        if not (choices := self._choices()):
            return "", ""
        number = int.from_bytes(hashlib.sha256(f"system prompt of draw {unit.index}".encode()).digest()[:8])
        weights = [weight for _, _, weight in choices]
        if len(set(weights)) == 1:
            name, chosen, _ = choices[number % len(choices)]
            return name, chosen
        sums = list(accumulate(weight / max(weights) for weight in weights))
        name, chosen, _ = choices[min(bisect_right(sums, number / 2**64 * sums[-1]), sums.index(sums[-1]))]
        return name, chosen

    def _choices(self) -> list[tuple[str, str, float]]:
        """(name, text, weight) of each system prompt to choose from; a text without a weight has 1."""
        prompts = self.system_prompt
        if isinstance(prompts, str):
            return []
        if not isinstance(prompts, dict):
            return [("", prompt, 1.0) for prompt in prompts]
        return [
            (name, *((choice, 1.0) if isinstance(choice, str) else (choice[0], choice[1])))
            for name, choice in prompts.items()
        ]


async def _template(model: Model, capabilities: Capabilities) -> Template | None:
    """The model's template; None over chat, where it is not known and the server renders it anyway.

    Raises Unsupported where the endpoint lets nobody speak in the user's place.
    """
    if not capabilities.raw_prompts and not capabilities.continues_turns:
        raise Unsupported(
            f"Magpie needs raw prompts, which {model.name} does not take (it has no /completions), or a chat that goes on "
            "with the user's turn (continue_final_message). vLLM, SGLang, TGI, llama.cpp and the built-in model take "
            "raw prompts."
        )
    try:
        return await asyncio.to_thread(resolve, model.template, capabilities, model.name)
    except Unsupported:
        if capabilities.raw_prompts:
            raise
        return None


def why_not(instruction: str, completion: Completion, conversation: list[Message]) -> str | None:
    """Why a user turn can't be used, or None."""
    if not instruction:
        return "empty"
    if completion.cut_off:
        return "cut off at the token limit"
    if repeats_itself(instruction):
        return "repeats itself"
    if any(m["role"] == "user" and m["content"] == instruction for m in conversation):
        return "repeats an earlier turn"
    return None


LOOKED_AT = 10_000
"""Characters of a turn in which loops are looked for: one that goes on for longer has begun with it by then."""


def repeats_itself(turn: str) -> bool:
    """True for a turn that is mostly one phrase or one sentence over and over, as models that loop write it.

    Numbers in front of lines do not tell copies apart, and what stands in fenced code does not count. Lists, poems with
    refrains, tables and rows of numbers pass.
    """
    prose = NUMBERED.sub("", FENCED.sub("", turn[:LOOKED_AT])).casefold()
    terms = prose.split()
    lettered = [any(map(str.isalpha, word)) for word in terms]
    for length in range(1, min(LONGEST_REPEATED, len(terms) // FEWEST_COPIES) + 1):
        fewest = FEWEST_COPIES if length > 2 else FEWEST_SHORT_COPIES
        least = max(length * fewest, len(terms) / 2)
        same = list(map(eq, terms[length:], terms))
        if sum(same) + length >= least and _longest_run(same, lettered, length) >= least:
            return True
    sentences = Counter(" ".join(part.split()) for part in SENTENCE_END.split(prose) if any(map(str.isalpha, part)))
    sentence, times = max(sentences.items(), key=lambda pair: pair[1], default=("", 0))
    size = len(sentence.split())
    return size >= 4 and times >= FEWEST_SENTENCES and size * times >= 0.6 * len(terms)


def _longest_run(repeated: list[bool], lettered: list[bool], length: int) -> int:
    """Words in the longest stretch that is one phrase of `length` words, said again and again; it has to hold letters.

    `repeated` says of each word from the one at `length` on whether it is the one so many words before.
    """
    longest = same = 0
    last_lettered = max((at for at in range(length) if lettered[at]), default=-1)
    for at, again in enumerate(repeated, length):
        if lettered[at]:
            last_lettered = at
        same = same + 1 if again else 0
        if same > longest and last_lettered > at - length:
            longest = same
    return longest + length if longest else 0
