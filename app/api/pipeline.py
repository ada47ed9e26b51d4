"""Pipelines: steps that rows go through, or a generator and a labeller; and the one that draws instructions and responses."""

import asyncio
import itertools
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from app.api import legacy_generate, legacy_tasks, pipeline_diagram
from app.api.checkpoints import DatasetCheckpoint, dataset_of
from app.api.llms import LLM, LLMPool, LocalLLM
from app.api.progress import Progress, told
from app.api.recording_model import FIRST
from app.api.session import LOG, Session, StopHandle, all_of, awaited, session
from app.api.steps import OPEN, GroupColumns, KeepColumns, Source, Step, rows_of, snake
from app.api.task_step import Task
from app.api.tasks import MagpieGenerator
from feedback.errors import ExportError
from tasks.errors import InputError, SettingsError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from app.api.custom_dataset import CustomDataset

Row = dict[str, Any]
Some = asyncio.Future[list[Row]]


class Distiset(dict[str, "DatasetDict"]):
    """What a pipeline made: {"default": {"train": its rows}}; with several last steps, a configuration for each by its name."""

    def push_to_hub(self, repo_id: str, *, private: bool = True, token: str | None = None) -> None:
        """Sends every configuration to a dataset on the Hugging Face Hub, private unless said. Raises ExportError."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            for name, parts in self.items():
                parts.push_to_hub(repo_id, config_name=name, private=private, token=token)
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(
                f"{repo_id} can't be written on the Hub: {reason} Check its name and the token."
            ) from error

    def save_to_disk(self, path: str | Path) -> None:
        """Writes every configuration to a folder of its name, for datasets.load_from_disk."""
        for name, parts in self.items():
            parts.save_to_disk(str(Path(path) / name))


class Pipeline:
    """Steps that rows go through, or a generator and a labeller.

    Steps: made inside `with Pipeline() as pipeline:`, connected by >>, worked by `run`. Every row goes on as soon as it can;
    what was answered once is not asked for again. Generator and labeller: models with a task; `generate` has the first write
    `num_generations` texts for each row, the second rate them. Raises SettingsError.

    >>> with Pipeline("rivers") as pipeline:
    ...     data = LoadDataFromDicts(data=[{"instruction": "Name a river."}])
    ...     answer = TextGeneration(llm=ScriptedLLM([("river", "The Loire.")]), output_mappings={"generation": "response"})
    ...     _ = data >> answer
    >>> pipeline.run()["default"]["train"]["response"][0]
    'The Loire.'
    """

    def __init__(
        self, name: str | None = None, description: str | None = None, *, generator: LLM | LLMPool | None = None,
        labeller: LLM | None = None,
    ) -> None:  # fmt: skip
        self.name, self.description = name or "pipeline", description or ""
        self.generator, self.labeller = generator, labeller
        self.steps: dict[str, Step] = {}
        self.edges: list[tuple[str, str]] = []
        legacy_tasks.check(generator, labeller)

    def __enter__(self) -> "Pipeline":
        self._before = OPEN.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        OPEN.reset(self._before)

    # -- steps

    def add(self, step: Step) -> str:
        """Takes a step up, and returns the name that it has from now on. Raises SettingsError for one that is taken."""
        kind = snake(type(step).__name__)
        name = step.name or next(
            candidate for k in range(len(self.steps) + 1) if (candidate := f"{kind}_{k}") not in self.steps
        )
        if name in self.steps:
            raise SettingsError(f"The pipeline has a step '{name}' already. Give this one another name.")
        self.steps[name] = step
        return name

    def connect(self, before: Step, after: Step) -> None:
        """Rows of `before` go to `after`. Raises SettingsError for a circle."""
        if before.pipeline is not self or after.pipeline is not self:
            raise SettingsError(f"{before.name} and {after.name} are not in one pipeline.")
        if before.name in self._behind(after.name):
            raise SettingsError(f"{before.name} >> {after.name} would make a circle.")
        if isinstance(after, Source):
            raise SettingsError(f"{after.name} begins a pipeline: nothing goes before it.")
        if (before.name, after.name) not in self.edges:
            self.edges.append((before.name, after.name))

    def _behind(self, name: str) -> set[str]:
        names = {name}
        for before, after in self.edges:
            if before == name:
                names |= self._behind(after)
        return names

    def run(
        self, parameters: Mapping[str, Mapping[str, Any]] | None = None, use_cache: bool = True, *,
        dataset: "Dataset | Sequence[Mapping[str, Any]] | None" = None, progress: Progress | bool = False,
    ) -> Distiset:  # fmt: skip
        """Works all rows through all steps: {"default": {"train": rows}}.

        parameters: {a step's name: {an attribute of it: value}}, and under "llm" its generation_kwargs. use_cache=False draws
        everything anew; else what was answered before comes from memory. dataset: rows for the first steps, where no step
        loads any. progress: True for a bar, or a function of (rows through, rows begun). Ctrl-C loses nothing: run it again to
        go on. Raises ClaywrightError and its kinds.
        """
        for name, values in (parameters or {}).items():
            self._set(name, values)
        input_rows = None if dataset is None else rows_of(dataset)
        self._check(input_rows)

        async def work(hand: StopHandle) -> dict[str, list[Row]]:
            async with session(hand, FIRST if use_cache else secrets.token_hex(8)) as open_session:
                with told(progress, "rows") as tell:
                    return await self._worked(open_session, input_rows, tell)

        return self._set_of(awaited(work))

    def _set(self, name: str, values: Mapping[str, Any]) -> None:
        if name not in self.steps:
            raise SettingsError(f"The pipeline has no step '{name}'. It has: {', '.join(self.steps) or 'none'}.")
        step = self.steps[name]
        for key, value in values.items():
            if key == "llm" and isinstance(step, Task):
                step.model.generation_kwargs = {**step.model.generation_kwargs, **value.get("generation_kwargs", {})}
            elif hasattr(step, key):
                setattr(step, key, value)
            else:
                raise SettingsError(f"The step '{name}' has no parameter '{key}'.")
        step.load()

    def _check(self, input_rows: list[Row] | None) -> None:
        if not self.steps:
            raise SettingsError("The pipeline has no steps: make some inside `with Pipeline() as pipeline:`.")
        after = {name for _, name in self.edges}
        for name, step in self.steps.items():
            if name not in after and not isinstance(step, Source) and input_rows is None:
                raise InputError(
                    f"{name} gets no rows: begin with LoadDataFromDicts(data=[...]) >> ..., or give run() a dataset."
                )

    async def _worked(
        self, open_session: Session, input_rows: list[Row] | None, tell: Progress
    ) -> dict[str, list[Row]]:
        """{last step: its rows}."""

        async def run_step(step: Step, before: Some, index: int) -> list[Row]:
            batches = await all_of(
                (step.give(open_session, row, (index, k)) for k, row in enumerate(await before)), open_session
            )
            return [row for some in batches for row in some]

        at: dict[str, list[Some]] = {}
        for name in self._order():
            step, befores = self.steps[name], [before for before, after in self.edges if after == name]
            if isinstance(step, Source):
                at[name] = [_there([row]) for row in await step.begin(open_session)]
            elif not befores:
                at[name] = [_started(run_step(step, _there([row]), k)) for k, row in enumerate(input_rows or [])]
            elif len(befores) == 1:
                at[name] = [_started(run_step(step, rows, k)) for k, rows in enumerate(at[befores[0]])]
            else:
                at[name] = [
                    _there([row]) for row in await self._joined(step, [at[before] for before in befores], open_session)
                ]
        last = [name for name in self.steps if name not in {before for before, _ in self.edges}]
        through, total = itertools.count(1), sum(len(at[name]) for name in last)

        async def end(rows: Some) -> list[Row]:
            finished = await rows
            tell(next(through), total)
            return finished

        results = iter(await all_of((end(rows) for name in last for rows in at[name]), open_session))
        return {name: [row for _ in at[name] for row in next(results)] for name in last}

    async def _joined(self, step: Step, parts: Sequence[Sequence[Some]], open_session: Session) -> list[Row]:
        """What a step makes of the rows of several others: place by place, or one after the other."""
        each = iter(await all_of((_waited(rows) for part in parts for rows in part), open_session))
        by_part = [[row for _ in part for row in next(each)] for part in parts]
        if not isinstance(step, GroupColumns):
            whole = [row for rows in by_part for row in rows]
            batches = await all_of((step.give(open_session, row, (k,)) for k, row in enumerate(whole)), open_session)
            return [row for rows in batches for row in rows]
        if len({len(rows) for rows in by_part}) > 1:
            counts = ", ".join(str(len(rows)) for rows in by_part)
            raise InputError(f"{step.name} brings rows together that are not equally many: {counts}.")
        return [step.merged(rows) for rows in zip(*by_part, strict=True)]

    def _order(self) -> list[str]:
        """The steps, each behind all that go before it."""
        order: list[str] = []
        while len(order) < len(self.steps):
            order += [
                name for name in self.steps
                if name not in order and all(before in order for before, after in self.edges if after == name)
            ]  # fmt: skip
        return order

    def _set_of(self, by_step: Mapping[str, list[Row]]) -> Distiset:
        from datasets import DatasetDict

        alone = len(by_step) == 1
        return Distiset(
            {
                "default" if alone else name: DatasetDict({"train": dataset_of(rows, self.steps[name].outputs)})
                for name, rows in by_step.items()
            }
        )

    def draw(self, path: str | Path = "pipeline.png", *, top_to_bottom: bool = False) -> str:
        """Draws the steps and what goes from one to the next as a picture (.png or .svg); returns its path.

        Raises SettingsError for a pipeline without steps, and for another kind of picture.
        """
        if not self.steps:
            raise SettingsError("The pipeline has no steps to draw.")
        return pipeline_diagram.draw(self.steps, self.edges, self._order(), Path(path), top_to_bottom=top_to_bottom)

    # -- generator and labeller

    def generate(
        self, dataset: "Dataset | Sequence[Mapping[str, Any]]", num_generations: int = 1, batch_size: int = 1, *,
        shuffle_before_labelling: bool = True, enable_checkpoints: bool | None = None, checkpoint_strategy: Any = None,
        display_progress_bar: bool = False, skip_dry_run: bool = False, verbose: bool = True,
    ) -> "CustomDataset":  # fmt: skip
        """Has the generator write `num_generations` texts for each row, and the labeller rate them.

        dataset: with the generator, rows with the columns of its task (`input`); with the labeller alone also `generations`
        (list of str). Columns out, in this order: those of the dataset, generation_model (list of str), generation_prompt
        (list of messages), raw_generation_responses (list of str), generations (list of str), labelling_model (str),
        labelling_prompt (messages), raw_labelling_response (str), rating (list of float from 1 to 5, None where there is
        none), rationale (list of str); and `failures` (str) where something could not be generated. batch_size is accepted: rows
        do not wait for one another. What was answered once is remembered, so that an interrupted call goes on when it is
        made again; enable_checkpoints=False (or checkpoint_strategy=False) draws anew, and a DatasetCheckpoint is where the
        dataset is kept besides. Before all rows the first is tried, unless skip_dry_run. Raises ClaywrightError and its kinds;
        InputError names a missing column.
        """
        anew = enable_checkpoints is False or checkpoint_strategy is False
        if not skip_dry_run:
            self.dry_run(dataset)
        generated, _ = legacy_generate.generate(
            self.generator, self.labeller, dataset, num_generations, shuffle=shuffle_before_labelling,
            draw=secrets.token_hex(8) if anew else FIRST, progress=display_progress_bar,
        )  # fmt: skip
        if isinstance(checkpoint_strategy, DatasetCheckpoint):
            checkpoint_strategy.keep(generated)
        return generated

    def dry_run(self, dataset: "Dataset | Sequence[Mapping[str, Any]]") -> "CustomDataset":
        """Tries the first row, with one generation. Raises ClaywrightError with the reason where it fails."""
        first = dataset.select(range(min(1, len(dataset)))) if hasattr(dataset, "select") else rows_of(dataset)[:1]
        tried, fatal = legacy_generate.generate(self.generator, self.labeller, first, 1, shuffle=False)
        if fatal:
            raise InputError(
                f"The first row of the dataset fails: {fatal[0]} To work all rows anyhow: skip_dry_run=True."
            )
        return tried


class InstructionResponsePipeline:
    """Samples pairs of an instruction and its response, or conversations of several turns, from a model alone (Magpie).

    llm: the model; without one the built-in, for trying only. system_prompt: what steers the users' questions; n_turns: 1
    gives the columns `instruction`, `response`, `model_name`, more give `conversation` and `model_name` (and
    `system_prompt_key` with a dict of system prompts); num_rows; batch_size is accepted. hf_token: the key of an
    InferenceEndpointsLLM that was made without one.

    >>> rows = InstructionResponsePipeline(llm=ScriptedLLM(), num_rows=2).run()["default"]["train"]
    >>> rows.column_names, len(rows)
    (['instruction', 'response', 'model_name'], 2)
    """

    def __init__(
        self, llm: LLM | None = None, system_prompt: str | list[str] | dict[str, str] = "You are a creative AI Assistant writer.",
        hf_token: str | None = None, n_turns: int = 1, num_rows: int = 10, batch_size: int = 1,
    ) -> None:  # fmt: skip
        if llm is None:
            llm = LocalLLM()
            LOG.warning("InstructionResponsePipeline has no llm: the built-in model writes, which is for trying only.")
        if hf_token and llm.spec.preset == "huggingface":
            llm.give_key(hf_token)
        with Pipeline("sft") as pipeline:
            drawn = MagpieGenerator(
                llm=llm, system_prompt=system_prompt, n_turns=n_turns, num_rows=num_rows, batch_size=batch_size
            )
            kept = KeepColumns(columns=[*drawn.outputs, "model_name"])
            _ = drawn >> kept
        self.pipeline = pipeline

    def run(self, **settings: Any) -> Distiset:
        """The rows, as {"default": {"train": ...}}; settings as Pipeline.run has them."""
        return self.pipeline.run(**settings)


def pipeline(
    task: str, subtask: str | None = None, *, generator: LLM | LLMPool | None = None, labeller: LLM | None = None,
    openai_model: str = "gpt-3.5-turbo", **settings: Any,
) -> Pipeline:  # fmt: skip
    """A pipeline for a kind of dataset: task is "preference", subtask what is rated.

    subtask: text-quality (also overall-quality), helpfulness, truthfulness, honesty, instruction-following. Without a
    labeller OpenAI's `openai_model` rates, with `settings` as OpenAILLM takes them (max_new_tokens 256, num_threads 4 and
    temperature 0 unless said). Raises SettingsError.

    >>> pipeline("preference", "honesty", generator=ScriptedLLM(task=TextGenerationTask()), openai_api_key="sk-...").labeller
    OpenAILLM('gpt-3.5-turbo')
    """
    return Pipeline(
        generator=generator, labeller=labeller or legacy_tasks.labeller_for(task, subtask, openai_model, settings)
    )


def _there(rows: list[Row]) -> Some:
    done: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
    done.set_result(rows)
    return done


def _started(work: Coroutine[Any, Any, list[Row]]) -> Some:
    """Begun; what it raises is for whoever waits for it, if anybody does."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
    return task


async def _waited(rows: Some) -> list[Row]:
    return await rows
