"""The tasks by themselves: `load()`, then `next(task.process([{...}]))` gives the rows with the documented columns.

A task called twice draws twice; one that was interrupted and is called again goes on where it was, and so does a program that
is started again. Anything that could not be generated is None, with its reason in the row's metadata (`failure_<step>`) and in the
log.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from app.api.recording_model import RecordingModel
from app.api.session import Session, StopHandle, all_of, awaited, session
from app.api.steps import METADATA, Rows, Source
from app.api.task_step import FAILURE, Made, Task, reason
from tasks import evol_instruct, genstruct, magpie, row_shape, self_instruct, text_generation
from tasks.base import text
from tasks.errors import CallFailed, CallRefused, SettingsError
from tasks.self_instruct import CRITERIA
from tasks.settings import build
from tasks.types import Row, Unit

FEWEST_DRAWS, DRAWS_A_ROW = 40, 5
"""Draws that all give nothing, and draws for each row wanted, after which a generator gives up."""


@dataclass(kw_only=True, eq=False)
class TextGeneration(Task):
    """Answers a prompt that is made from each row's columns.

    Columns in: `instruction`, or those of `template` (Jinja2), named in `columns`; `system_prompt` where a row has its own.
    Columns out: `generation` (str), `model_name` (str); with `fields` (a list of {"name": ..., "kind": ...}) or a
    JSON `schema` the generation is a JSON object, and each of its values a column more. Raises SettingsError where a column is
    not in the template, and for fields that can't be.

    >>> task = TextGeneration(llm=ScriptedLLM([("Name", "The Loire.")]))
    >>> row = next(task.process([{"instruction": "Name a river."}]))[0]
    >>> row["generation"], row["model_name"]
    ('The Loire.', 'scripted')
    """

    system_prompt: str | None = None
    template: str = "{{ instruction }}"
    columns: str | list[str] = "instruction"
    fields: Sequence[Mapping[str, Any]] = ()
    schema: str | dict[str, Any] = ""

    @property
    def task(self) -> text_generation.TextGeneration:
        """The same as a recipe has it."""
        return build(
            text_generation.TextGeneration,
            {
                "template": self.template, "system_prompt": self.system_prompt or "", "num_generations": self.num_generations,
                "fields": list(self.fields),
                "schema": self.schema,
            },
            self.name,
        )  # fmt: skip

    @property
    def inputs(self) -> list[str]:
        return [self.columns] if isinstance(self.columns, str) else list(self.columns)

    @property
    def outputs(self) -> list[str]:
        shape = self.task.shape
        return ["generation", *(shape.kinds if shape is not None else ())]

    def load(self) -> None:
        known = self.task.required_columns()
        if missing := [name for name in self.inputs if name not in known]:
            raise SettingsError(
                f"The template does not use the column '{missing[0]}': write {{{{ {missing[0]} }}}} in it."
            )

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        task = replace(self.task, num_generations=1)
        results = await task.rows(Unit(model.number, row), model)
        text = next(((r, r.responses[0].text) for r in results if isinstance(r, Row)), None)
        return reason(results) if text is None else [{"generation": text[1], **(row_shape.columns(*text) or {})}]


@dataclass(kw_only=True, eq=False)
class _Magpie(Task):
    """What Magpie and MagpieGenerator share (Xu et al. 2024, arXiv 2406.08464)."""

    asks_once: ClassVar[bool] = False
    optional: ClassVar[tuple[str, ...]] = ("system_prompt",)

    n_turns: int = 1
    end_with_user: bool = False
    include_system_prompt: bool = False
    only_instruction: bool = False
    system_prompt: str | list[str] | dict[str, str] | dict[str, tuple[str, float]] | None = None

    @property
    def task(self) -> magpie.Magpie:
        """The same as a recipe has it."""
        values = {
            name: getattr(self, name)
            for name in ("n_turns", "end_with_user", "include_system_prompt", "only_instruction")
        }
        return build(magpie.Magpie, {**values, "system_prompt": self.system_prompt or ""}, self.name)

    @property
    def outputs(self) -> list[str]:
        pair = self.n_turns == 1 and not self.end_with_user and not self.include_system_prompt
        named = ["system_prompt_key"] if isinstance(self.system_prompt, dict) else []
        return (
            ["instruction"] if self.only_instruction else ["instruction", "response"] if pair else ["conversation"]
        ) + named

    def load(self) -> None:
        self._task = self.task

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        results = await self._task.rows(Unit(model.number, row), model)
        drawn_row = next((r for r in results if isinstance(r, Row)), None)
        if drawn_row is None:
            return reason(results)
        answers = [{"role": "assistant", "content": response.text} for response in drawn_row.responses]
        columns = {
            "instruction": drawn_row.instruction, "response": answers[0]["content"] if answers else None,
            "conversation": [*map(dict, drawn_row.messages), *answers],
            "system_prompt_key": drawn_row.origin.get("system_prompt_key"),
        }  # fmt: skip
        return [{name: columns[name] for name in self.outputs}]


@dataclass(kw_only=True, eq=False)
class Magpie(_Magpie):
    """Samples conversations from a model by opening the user's turn in its own chat template (Xu et al. 2024, arXiv 2406.08464).

    Columns in: `system_prompt`, where a row has its own. Columns out: `instruction` and `response` (str) where there is one
    turn; `instruction` alone with only_instruction; else `conversation` (list of {"role", "content"}); with a dict of system
    prompts `system_prompt_key`; `model_name`. system_prompt: a text, several to choose from, or {name: text} or {name:
    (text, weight)}. The model's endpoint has to take raw prompts. Raises Unsupported where it does not.

    >>> row = next(Magpie(llm=ScriptedLLM()).process([{"system_prompt": "You teach music."}]))[0]
    >>> [name for name in row if name != "distilabel_metadata"]
    ['system_prompt', 'instruction', 'response', 'model_name']
    """


@dataclass(kw_only=True, eq=False)
class MagpieGenerator(_Magpie, Source):
    """The same as Magpie without any input: `num_rows` conversations, in batches of `batch_size`.

    Columns out: those of Magpie. Samples that can't be used are sampled again; where hardly any can be, there are fewer rows,
    and the log says why.

    >>> rows, last = next(MagpieGenerator(llm=ScriptedLLM(), num_rows=3).process())
    >>> len(rows), last
    (3, True)
    """

    num_rows: int | None = None

    def load(self) -> None:
        super().load()
        if self.num_rows is not None and self.num_rows < 1:
            raise SettingsError("num_rows must be at least 1.")

    async def begin(self, session: Session) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        draw_count, target = 0, self.num_rows or self.batch_size
        while len(rows) < target and draw_count < max(FEWEST_DRAWS, DRAWS_A_ROW * target):
            indices = range(draw_count, draw_count + target - len(rows))
            draws = await all_of((self.give(session, {}, (index,)) for index in indices), session)
            draw_count = indices.stop
            rows += [row for some in draws for row in some if f"{FAILURE}{self.name}" not in row[METADATA]]
        if not rows:
            (_, why), _ = session.failures.most_common(1)[0]
            raise CallRefused(f"{self.name} gave nothing in {draw_count} draws, most often because: {why}.")
        return rows[:target]

    def process(self, inputs: Any = None, offset: int = 0) -> Iterator[tuple[Rows, bool]]:  # type: ignore[override]  # no rows go in, and it says which batch is its last
        """(a batch of rows, whether it is the last), the first `offset` rows left out."""

        async def work(hand: StopHandle) -> list[dict[str, Any]]:
            async with session(hand, str(self._calls)) as open_session:
                return await self.begin(open_session)

        self.by_itself()
        rows = awaited(work)[offset:]
        self._calls += 1
        for at in range(0, max(len(rows), 1), self.batch_size):
            yield Rows(rows[at : at + self.batch_size]), at + self.batch_size >= len(rows)


@dataclass(kw_only=True, eq=False)
class SelfInstruct(Task):
    """Writes new instructions in the spirit of a seed (Wang et al. 2022, arXiv 2212.10560).

    Columns in: `input`, the seed or a piece of context; `system_prompt`, where a row has its own. Columns out: `instructions`
    (list of str, at most num_instructions), `model_name`. similarity and bootstrap are for recipes.

    >>> row = next(SelfInstruct(llm=ScriptedLLM(), num_instructions=2).process([{"input": "rivers"}]))[0]
    >>> len(row["instructions"])
    2
    """

    num_instructions: int = 5
    criteria_for_query_generation: str = CRITERIA
    application_description: str = "AI assistant"
    system_prompt: str = ""
    similarity: float = 0.7
    bootstrap: bool = False

    @property
    def task(self) -> self_instruct.SelfInstruct:
        """The same as a recipe has it."""
        names = (
            "num_instructions",
            "criteria_for_query_generation",
            "application_description",
            "similarity",
            "bootstrap",
        )
        return build(self_instruct.SelfInstruct, {name: getattr(self, name) for name in names}, self.name)

    @property
    def inputs(self) -> list[str]:
        return ["input"]

    @property
    def outputs(self) -> list[str]:
        return ["instructions"]

    def load(self) -> None:
        self._task = self.task

    def by_itself(self) -> None:
        if self.bootstrap:
            raise SettingsError(
                "bootstrap is for recipes, where a pool grows: run(Recipe(task=SelfInstruct(bootstrap=True), ...))."
            )

    def system(self, row: Mapping[str, Any]) -> str:
        return text(row.get("system_prompt")) or self.system_prompt

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        results = await self._task.rows(Unit(model.number, row), model)
        instructions = [result.instruction for result in results if isinstance(result, Row)]
        return [{"instructions": instructions}] if instructions else reason(results)


@dataclass(kw_only=True, eq=False)
class Genstruct(Task):
    """Makes a question and its answer from a document (Nous Research, Genstruct-7B).

    Columns in: `title`, `content`; `system_prompt`, where a row has its own. Columns out: `user`, `assistant` (str),
    `model_name`. A document that is too long for one prompt gives a row for each of its passages.

    >>> row = next(Genstruct(llm=ScriptedLLM()).process([{"title": "Tides", "content": "The moon pulls the sea."}]))[0]
    >>> row["title"], bool(row["user"] and row["assistant"])
    ('Tides', True)
    """

    passage_tokens: int = genstruct.Genstruct.passage_tokens
    max_answer_tokens: int = genstruct.Genstruct.max_answer_tokens

    @property
    def task(self) -> genstruct.Genstruct:
        """The same as a recipe has it."""
        return genstruct.Genstruct(passage_tokens=self.passage_tokens, max_answer_tokens=self.max_answer_tokens)

    @property
    def inputs(self) -> list[str]:
        return ["title", "content"]

    @property
    def outputs(self) -> list[str]:
        return ["user", "assistant"]

    def load(self) -> None:
        self._task = self.task

    def system(self, row: Mapping[str, Any]) -> str:
        return text(row.get("system_prompt"))

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        results = [result for unit in self._task.units([row]) for result in await self._task.rows(unit, model)]
        rows = [result for result in results if isinstance(result, Row)]
        return [{"user": r.instruction, "assistant": r.responses[0].text} for r in rows] or reason(results)


@dataclass(kw_only=True, eq=False)
class EvolInstruct(Task):
    """Evolves an instruction several times, each time by one operation (WizardLM, Xu et al. 2023, arXiv 2304.12244).

    Columns in: `instruction`. Columns out: `evolved_instruction` (str), or with store_evolutions `evolved_instructions` (list
    of str, the original first with include_original_instruction); with generate_answers `answer` or `answers`; `model_name`.
    An evolution that the paper's rules eliminate is left out; where none survives, the metadata says why.

    >>> rows = next(EvolInstruct(llm=ScriptedLLM(), num_evolutions=1).process([{"instruction": "Name a river."}]))
    >>> list(rows[0])[:3]
    ['instruction', 'evolved_instruction', 'model_name']
    """

    asks_once: ClassVar[bool] = False
    optional: ClassVar[tuple[str, ...]] = ()

    num_evolutions: int
    store_evolutions: bool = False
    generate_answers: bool = False
    include_original_instruction: bool = False
    mutation_templates: dict[str, str] = field(default_factory=dict)
    seed: int = 42
    check_gain: bool = True

    @property
    def task(self) -> evol_instruct.EvolInstruct:
        """The same as a recipe has it."""
        names = (
            "num_evolutions", "store_evolutions", "generate_answers", "include_original_instruction", "mutation_templates",
            "seed", "check_gain",
        )  # fmt: skip
        return build(evol_instruct.EvolInstruct, {name: getattr(self, name) for name in names}, self.name)

    @property
    def inputs(self) -> list[str]:
        return ["instruction"]

    @property
    def outputs(self) -> list[str]:
        s = "s" if self.store_evolutions else ""
        return [f"evolved_instruction{s}", *([f"answer{s}"] if self.generate_answers else [])]

    def load(self) -> None:
        original = self.include_original_instruction and self.store_evolutions
        self._task = replace(self.task, include_original_instruction=original)

    async def made(self, row: dict[str, Any], model: RecordingModel) -> Made:
        results = await self._task.rows(Unit(model.number, row), model)
        instructions = [result.instruction for result in results if isinstance(result, Row)]
        if len(instructions) <= self._task.include_original_instruction:
            return reason(results)
        values: list[Any] = [instructions if self.store_evolutions else instructions[-1]]
        if self.generate_answers:
            answers = [await self._answer(instruction, model) for instruction in instructions]
            values.append(answers if self.store_evolutions else answers[-1])
        return [dict(zip(self.outputs, values, strict=True))]

    async def _answer(self, instruction: str, model: RecordingModel) -> str | None:
        try:
            answer = text_generation.response(await model.chat([{"role": "user", "content": instruction}])).text
        except (CallFailed, CallRefused) as error:
            model.failures.append(f"no answer: {error}")
            return None
        if not answer:
            model.failures.append("no answer: it was empty")
        return answer or None
