"""SelfInstruct (Wang et al. 2022, arXiv 2212.10560): new instructions from a seed.

One literal row, from the input {"input": "What is the relation between the given pairs?"}:

    messages: [{"role": "user", "content": "List three pairs of words that are opposites."}]   responses: none yet
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tasks.base import Task, text
from tasks.errors import SettingsError
from tasks.models.base import Model
from tasks.prompts import PROMPTS
from tasks.reading import json_in, lines_in, means_json
from tasks.settings import setting
from tasks.types import Dropped, Row, Unit

PROMPT = "self_instruct.v1"
LONGEST = 240
CRITERIA = """\
Begin with different verbs.
Each can be answered by writing text, and is one or two sentences long.
Each is complete in itself: it refers to nothing that is not in it.
Some are questions, some are requests."""


@dataclass(frozen=True, kw_only=True)
class SelfInstruct(Task):
    """Writes new instructions in the spirit of a seed.

    Columns in: `input`, the seed instruction or a piece of context. Rows out: at most `num_instructions` a seed, each an
    instruction without a response; answering follows.
    """

    title: ClassVar[str] = "Self-Instruct"
    summary: ClassVar[str] = "New instructions in the spirit of seeds"
    columns: ClassVar[tuple[str, ...]] = ("input",)

    num_instructions: int = setting(5, "New instructions for each seed.", label="New instructions a seed")
    application_description: str = setting(
        "AI assistant", "What the instructions will be put to.", label="Instructions for"
    )
    criteria_for_query_generation: str = setting(
        CRITERIA, "What a good instruction is like.", multiline=True, label="Criteria"
    )

    def __post_init__(self) -> None:
        if not 1 <= self.num_instructions <= 50:
            raise SettingsError("num_instructions must be from 1 to 50.")

    @property
    def rows_per_unit(self) -> int:
        return self.num_instructions

    @property
    def wants_answers(self) -> bool:
        return True

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        seed = text(unit.inputs["input"])
        if not seed:
            return [Dropped("empty seed")]
        found = await model.capabilities()
        message = PROMPTS.render(PROMPT, task=self, seed=seed, as_json=found.json_schema)
        options: dict[str, Any] = {}
        if found.json_schema:
            options["schema"] = schema(self.num_instructions, bounded=found.string_bounds)
        if found.string_bounds:
            options["max_tokens"] = self.num_instructions * (LONGEST + 8) + 40
        answer = await model.chat([{"role": "user", "content": message}], **options)
        instructions, surplus = read(answer.text, self.num_instructions)
        if not instructions:
            return [
                Dropped(
                    "no list in the answer" if not answer.cut_off else "cut off at the token limit",
                    answer.text,
                )
            ]
        origin = {"seed": seed, "prompt": PROMPT}
        rows: list[Row | Dropped] = [Row(({"role": "user", "content": i},), (), origin) for i in instructions]
        return rows + [Dropped("more than asked for, or said twice", item) for item in surplus]


def schema(number: int, *, bounded: bool) -> dict[str, Any]:
    """The JSON schema of the answer: {"instructions": [text, ...]}."""
    item: dict[str, Any] = {"type": "string", "maxLength": LONGEST} if bounded else {"type": "string"}
    items: dict[str, Any] = {"type": "array", "items": item, "minItems": 1, "maxItems": number}
    return {
        "type": "object", "properties": {"instructions": items}, "required": ["instructions"], "additionalProperties": False,
    }  # fmt: skip


def read(answer: str, number: int) -> tuple[list[str], list[str]]:
    """(at most `number` different instructions, the rest of the list)."""
    found = json_in(answer)
    if isinstance(found, Mapping):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    if isinstance(found, list):
        items = [item.strip() for item in found if isinstance(item, str)]
    else:
        items = [] if means_json(answer) else lines_in(answer)
    kept: dict[str, str] = {}
    rest: list[str] = []
    for item in items:
        key = " ".join(item.casefold().split())
        if key and key not in kept and len(kept) < number:
            kept[key] = item
        elif key:
            rest.append(item)
    return list(kept.values()), rest
