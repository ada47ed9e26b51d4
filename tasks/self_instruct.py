"""SelfInstruct (Wang et al. 2022, arXiv 2212.10560): new instructions from seeds, none of them like one that is there.

A seed at a time, or the paper's own loop (section 2.2): a pool that grows in rounds, and prompts that show what is in it. One
literal row, from the input {"input": "What is the relation between the given pairs?"}:

    messages: [{"role": "user", "content": "List three pairs of words that are opposites."}]   responses: none yet
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

from tasks.base import Task, text
from tasks.errors import InputError, SettingsError
from tasks.models.base import Model
from tasks.prompts import PROMPTS
from tasks.settings import setting
from tasks.text.answers import too_long
from tasks.text.list_parser import items_in
from tasks.types import Dropped, Row, Unit

PROMPT, POOL_PROMPT = "self_instruct.v1", "self_instruct_pool.v1"
EXAMPLES, MADE_EXAMPLES = 8, 2
"""Instructions that a prompt of the paper's loop shows: in all, and of them those that a model made."""
ROUND = 16
"""Prompts of one round. The paper leaves it open; more give the model longer to wait for what it is shown."""
LONGEST = 240
LEAST_SIMILAR = 0.01
CUT_OFF = "cut off at the token limit"
CRITERIA = """\
Begin with different verbs.
Each can be answered by writing text, and is one or two sentences long.
Each is complete in itself: it refers to nothing that is not in it.
Some are questions, some are requests."""


@dataclass(frozen=True, kw_only=True)
class SelfInstruct(Task):
    """Writes new instructions in the spirit of a seed.

    Columns in: `input`, the seed instruction or a piece of context. Rows out: at most `num_instructions` a seed, each an
    instruction without a response; answering follows. With `bootstrap`, as many rows as are asked for from all seeds.
    """

    title: ClassVar[str] = "Self-Instruct"
    summary: ClassVar[str] = "New instructions in the spirit of seeds"
    columns: ClassVar[tuple[str, ...]] = ("input",)

    num_instructions: int = setting(5, "New instructions for each seed.", label="New instructions a seed")
    similarity: float = setting(
        0.7,
        "An instruction that is as similar as this to a seed or to an earlier one is dropped: 0.7 is about seven words in "
        "ten, in the same order; 1 drops only those of the same words.",
        label="Too similar from",
    )
    bootstrap: bool = setting(
        False,
        f"Show the model {EXAMPLES} instructions at a time, seeds and new ones mixed, and ask for more, until there are as "
        "many rows as wanted. Otherwise it sees one seed at a time.",
        label="Grow the pool in rounds",
    )
    application_description: str = setting(
        "AI assistant", "What the instructions will be put to.", label="Instructions for"
    )
    criteria_for_query_generation: str = setting(
        CRITERIA, "What a good instruction is like.", multiline=True, label="Criteria"
    )

    def __post_init__(self) -> None:
        if not 1 <= self.num_instructions <= 50:
            raise SettingsError("num_instructions must be from 1 to 50.", setting="num_instructions")
        if not LEAST_SIMILAR <= self.similarity <= 1:
            raise SettingsError(
                f"similarity must be from {LEAST_SIMILAR} to 1: below it, one word in common makes instructions alike.",
                setting="similarity",
            )

    @property
    def rows_per_unit(self) -> int:
        return self.num_instructions

    @property
    def wants_answers(self) -> bool:
        return True

    @property
    def endless(self) -> bool:
        return self.bootstrap

    @property
    def near_duplicate(self) -> float | None:
        return self.similarity

    @property
    def round(self) -> int:
        return ROUND if self.bootstrap else 0

    def seeds(self, inputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        for index, row in enumerate(inputs):
            self.check(row, index)
            if seed := text(row["input"]):
                yield seed

    def units(self, inputs: Iterable[Mapping[str, Any]], mapped: Collection[str] = ()) -> Iterator[Unit]:
        """One unit a seed; with `bootstrap` draws for ever, after a look at all seeds."""
        if not self.bootstrap:
            yield from super().units(inputs)
            return
        if not sum(1 for _ in self.seeds(inputs)):
            raise InputError("The input holds no seed: its column 'input' is empty in every row.")
        yield from (Unit(index) for index in count())

    def shown(self, unit: Unit, seeds: Sequence[str], rows: Sequence[str], chance: str) -> Unit:
        """The unit with its examples: two that were made, where there are, the others seeds, in an order of their own."""
        generated = chosen(rows, MADE_EXAMPLES, f"{chance}/made")
        examples = chosen(seeds, EXAMPLES - len(generated), f"{chance}/seeds") + generated
        return Unit(unit.index, {"examples": chosen(examples, len(examples), f"{chance}/order")})

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        origin: dict[str, Any]
        if self.bootstrap:
            origin = {"examples": list(unit.inputs["examples"]), "round": unit.index // ROUND, "prompt": POOL_PROMPT}
        else:
            origin = {"seed": text(unit.inputs["input"]), "prompt": PROMPT}
            if not origin["seed"]:
                return [Dropped("empty seed")]
        capabilities = await model.capabilities()
        message = PROMPTS.render(origin["prompt"], task=self, as_json=capabilities.json_schema, **origin)
        options: dict[str, Any] = {}
        if capabilities.json_schema:
            options["schema"] = schema(self.num_instructions, bounded=capabilities.string_bounds)
        if capabilities.string_bounds:
            options["least_tokens"] = self.num_instructions * (LONGEST + 8) + 40
        answer = await model.chat([{"role": "user", "content": message}], **options)
        if reason := too_long(answer.text):
            return [Dropped(reason, answer.text)]
        instructions, surplus, unfinished = read(answer.text, self.num_instructions, cut_off=answer.cut_off)
        if not instructions:
            reason = "no list in the answer" if not answer.cut_off else CUT_OFF
            return [Dropped(reason, answer.text)]
        longest = LONGEST if "schema" in options and capabilities.string_bounds else None
        rows: list[Row | Dropped] = [
            Row(({"role": "user", "content": instruction},), (), origin)
            if longest is None or len(instruction) < longest
            else Dropped("cut off at the length limit", instruction)
            for instruction in instructions
        ]
        rows += [Dropped("more than asked for, or said twice", item) for item in surplus]
        return rows + [Dropped(CUT_OFF if answer.cut_off else "not readable", unfinished)] * bool(unfinished)


def chosen(texts: Sequence[str], number: int, chance: str) -> list[str]:
    """So many of the texts (all, if there are no more), none twice, in the order in which a hash of `chance` draws them."""
    indices: dict[int, None] = {}
    for n in count():
        if len(indices) >= min(number, len(texts)):
            break
        indices[int.from_bytes(hashlib.sha256(f"{chance}/{n}".encode()).digest()[:8]) % len(texts)] = None
    return [texts[index] for index in indices]


def schema(number: int, *, bounded: bool) -> dict[str, Any]:
    """The JSON schema of the answer: {"instructions": [text, ...]}."""
    item: dict[str, Any] = {"type": "string", "maxLength": LONGEST} if bounded else {"type": "string"}
    items: dict[str, Any] = {"type": "array", "items": item, "minItems": 1, "maxItems": number}
    return {
        "type": "object", "properties": {"instructions": items}, "required": ["instructions"], "additionalProperties": False,
    }  # fmt: skip


def read(answer: str, number: int, *, cut_off: bool = False) -> tuple[list[str], list[str], str]:
    """(at most `number` different instructions, the rest of the list, what is left of an item that does not end)."""
    items, unfinished = items_in(answer, cut_off=cut_off)
    kept: dict[str, str] = {}
    rest: list[str] = []
    for item in items:
        key = " ".join(item.casefold().split())
        if key and key not in kept and len(kept) < number:
            kept[key] = item
        elif key:
            rest.append(item)
    return list(kept.values()), rest, unfinished
