"""EvolInstruct (WizardLM, Xu et al. 2023, arXiv 2304.12244): instructions that grow harder, or beget others, step by step.

Each evolution is one of section 3.2's operations: four in depth, one in breadth. (The paper's fifth in depth, which puts
tables or code into an instruction, needs examples of each kind; `mutation_templates` has room for it.) What can't be used
is dropped by the paper's rules, and the next evolution starts from the last one that could. One literal row, from the
input {"instruction": "Name a river."}:

    messages: [{"role": "user", "content": "Name a river that crosses two borders."}]   responses: none yet
    origin: {"seed": "Name a river.", "operations": ["CONSTRAINTS"], "parents": ["Name a river."], ...}
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tasks import local
from tasks.base import Task, text
from tasks.elimination import why_not
from tasks.errors import SettingsError
from tasks.models.base import Completion, Model
from tasks.prompts import PROMPTS
from tasks.settings import setting
from tasks.text.answers import is_request, json_in, means_json, text_in, too_long
from tasks.types import Dropped, Row, Unit

DEPTH, BREADTH, GAIN = "evol_depth.v1", "evol_breadth.v1", "evol_gain.v1"
OPERATIONS = {
    "CONSTRAINTS": DEPTH,
    "DEEPENING": DEPTH,
    "CONCRETIZING": DEPTH,
    "INCREASED_REASONING_STEPS": DEPTH,
    "BREADTH": BREADTH,
}
"""The built-in operations and their prompts."""
PLACE = "<PROMPT>"
ROOM = 500
"""Characters that one evolution may add where the endpoint can hold an answer to a length."""
EQUAL = re.compile(r"(?<!\bnot )(?<!n't )(?<!n’t )\bequal\b(?!\s*\?)|\bequal\s*\?\W{0,9}yes\b", re.IGNORECASE)
DIFFERENT = re.compile(
    r"\b(?:different|unequal)\b(?!\s*\?)|(?:\bnot|n['’]t)\b[^.\n]{0,30}\bequal\b|\bequal\s*\?\W{0,9}(?:no|not)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """An instruction on its way; all but the first one say what made them."""

    instruction: str
    operation: str = ""
    prompt: str = ""
    gain: str = ""


@dataclass(frozen=True, kw_only=True)
class EvolInstruct(Task):
    """Evolves an instruction several times, each time by one operation that a hash chooses.

    Columns in: `instruction`. Rows out: one a unit, the last evolution; with `store_evolutions` one for each of them, and
    with `include_original_instruction` one for the original before. Answering follows, unless `generate_answers` is off.
    """

    title: ClassVar[str] = "Evol-Instruct"
    summary: ClassVar[str] = "Harder instructions, evolved from yours"
    columns: ClassVar[tuple[str, ...]] = ("instruction",)

    num_evolutions: int = setting(1, "Evolutions of each instruction, one after the other.", label="Evolutions")
    seed: int = setting(
        42, "Decides which operations are chosen, the same for the same input.", label="Operations' seed"
    )
    store_evolutions: bool = setting(
        False, "A row for every evolution, not for the last alone.", label="Keep every one"
    )
    include_original_instruction: bool = setting(
        False, "The original instruction as a row of its own as well.", label="Keep the original"
    )
    generate_answers: bool = setting(True, "Answer the instructions, as a step of its own.", label="Answer them")
    check_gain: bool = setting(
        True, "Ask the generator, in a short call, to tell each evolution from the one before; drop what is equal. The "
        "built-in model is not asked: it calls everything equal.",
        label="Check for a gain",
    )  # fmt: skip
    mutation_templates: dict[str, str] = setting(
        {},
        "Operations in place of the built-in ones: as JSON, a name and a text with the word PROMPT in angle brackets where "
        "the instruction goes. A built-in name with an empty text is the built-in operation.",
        multiline=True, label="Operations of your own",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not 1 <= self.num_evolutions <= 20:
            raise SettingsError("num_evolutions must be from 1 to 20.", setting="num_evolutions")
        for name, template in self.mutation_templates.items():
            if not template.strip() and name not in OPERATIONS:
                raise SettingsError(
                    f"mutation_templates: '{name}' is empty. Built-in are: {', '.join(OPERATIONS)}.",
                    setting="mutation_templates",
                )
            if template.strip() and PLACE not in template:
                raise SettingsError(
                    f"mutation_templates: '{name}' does not say where the instruction goes: {PLACE}.",
                    setting="mutation_templates",
                )

    @property
    def rows_per_unit(self) -> int:
        return (self.num_evolutions if self.store_evolutions else 1) + self.include_original_instruction

    @property
    def wants_answers(self) -> bool:
        return self.generate_answers

    async def rows(self, unit: Unit, model: Model) -> list[Row | Dropped]:
        stages = [Stage(text(unit.inputs["instruction"]))]
        if not stages[0].instruction:
            return [Dropped("empty instruction")]
        drops: list[Row | Dropped] = []
        for number in range(1, self.num_evolutions + 1):
            came = await self.evolve([stage.instruction for stage in stages], self.operation(unit.index, number), model)
            if isinstance(came, Dropped):
                drops.append(came)
            else:
                stages.append(came)
        first = 0 if self.include_original_instruction else 1
        shown = [n for n in range(first, len(stages)) if self.store_evolutions or n in (0, len(stages) - 1)]
        return [row(stages[: n + 1]) for n in shown] + drops

    def operation(self, unit: int, evolution: int) -> str:
        """The operation for an evolution of a unit, both counted: the same in every run."""
        names = sorted(self.mutation_templates or OPERATIONS)
        digest = hashlib.sha256(f"{self.seed}: evolution {evolution} of unit {unit}".encode()).digest()
        return names[int.from_bytes(digest[:8]) % len(names)]

    async def evolve(self, earlier: Sequence[str], operation: str, model: Model) -> Stage | Dropped:
        """The newest of `earlier` evolved once; Dropped, with the operation and the rule, if it can't be used."""
        before, capabilities = earlier[-1], await model.capabilities()
        own = self.mutation_templates.get(operation, "").strip()
        as_json = capabilities.json_schema and not own
        longest = len(before) + ROOM if as_json and capabilities.string_bounds else None
        options: dict[str, Any] = {"schema": schema(longest)} if as_json else {}
        if longest:
            options["least_tokens"] = longest + 40
        message = prompt(operation, before, own, as_json=as_json)
        answer = await model.chat([{"role": "user", "content": message}], **options)
        reason, gain = too_long(answer.text) or None, ""
        instruction = "" if reason else read(answer.text, as_json=as_json)
        reason = reason or incomplete(answer, instruction, longest)
        if reason is None:
            reason = why_not(instruction, earlier, adds=not own and OPERATIONS[operation] == DEPTH)
        if reason is None and self.check_gain and model.name == local.NAME:
            gain = "left out: the built-in model is too small to judge it"
        elif reason is None and self.check_gain:
            judged = await compared(before, instruction, model)
            same = None if too_long(judged.text) else equal(judged.text)
            reason = "no gain: judged equal to the one before" if same else None
            gain = "passed" if same is False else f"unread: {judged.text[:200]}"
        if reason is not None:
            return Dropped(f"{operation}: {reason}", answer.text or answer.reasoning or "")
        return Stage(instruction, operation, f"mutation_templates.{operation}" if own else OPERATIONS[operation], gain)


def incomplete(answer: Completion, instruction: str, longest: int | None) -> str | None:
    """Why there is no whole instruction in an answer, or None."""
    if answer.cut_off:
        return "cut off at the token limit"
    if not instruction:
        return "no instruction in the answer"
    return "cut off at the length limit" if longest and len(instruction) >= longest else None


def row(stages: Sequence[Stage]) -> Row:
    """The row of the newest stage. Its origin tells how it came about."""
    *before, last = stages
    origin: dict[str, Any] = {
        "seed": stages[0].instruction,
        "operations": [stage.operation for stage in stages[1:]],
        "parents": [stage.instruction for stage in before],
    }
    origin.update({name: value for name, value in (("prompt", last.prompt), ("gain_check", last.gain)) if value})
    return Row(({"role": "user", "content": last.instruction},), (), origin)


def prompt(operation: str, instruction: str, own: str = "", *, as_json: bool) -> str:
    """The prompt of an operation: the user's own text, filled, or the built-in one."""
    if own:
        return own.replace(PLACE, instruction)
    return PROMPTS.render(OPERATIONS[operation], operation=operation, instruction=instruction, as_json=as_json)


async def compared(before: str, after: str, model: Model) -> Completion:
    """What the model says to whether two instructions ask for the same."""
    as_json = (await model.capabilities()).json_schema
    message = PROMPTS.render(GAIN, before=before, after=after, as_json=as_json)
    options: dict[str, Any] = {"schema": _closed("verdict", {"enum": ["equal", "different"]})} if as_json else {}
    return await model.chat([{"role": "user", "content": message}], **options)


def schema(longest: int | None) -> dict[str, Any]:
    """The JSON schema of an evolved instruction: {"instruction": text}."""
    return _closed("instruction", {"type": "string", "maxLength": longest} if longest else {"type": "string"})


def _closed(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}


def read(answer: str, *, as_json: bool) -> str:
    """The instruction in an answer, nothing if there is none. Text is taken where JSON was asked for and not written.

    A value in JSON is the instruction as it stands: what looks like a marker in it belongs to it.
    """
    if as_json and means_json(answer):
        parsed = json_in(answer)
        if isinstance(parsed, Mapping) and len(parsed) > 1 and is_request(answer[: answer.find("{")]):
            return text_in(answer)
        instruction = parsed.get("instruction") if isinstance(parsed, Mapping) else None
        return instruction.strip() if isinstance(instruction, str) else ""
    return text_in(answer)


def equal(answer: str) -> bool | None:
    """Whether two instructions were judged equal; None if the answer says neither or both."""
    same, other = EQUAL.search(answer) is not None, DIFFERENT.search(answer) is not None
    return same if same != other else None
