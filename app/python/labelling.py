"""A generator and a labeller: the first writes texts for the rows of a dataset, the second rates them; then people do."""

import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from app import inputs, recipe, uploads, workflow
from app.config import Settings
from app.execution import PAUSES, words
from app.inputs import Inputs
from app.python.llms import LLM, LLMPool, OpenAILLM
from app.python.models import Noted
from app.python.progress import Progress, told
from app.python.prompts import Prompt
from app.python.sessions import LOG, Hand, Session, all_of, awaited, session
from app.recipe import Recipe
from app.store import Store
from app.tables.rows import content_hash
from app.tables.runs import Run
from app.tables.text import clean
from feedback.types import Rating
from feedback.ultrafeedback import UltraFeedback as Judge
from tasks import ExistingRows
from tasks.base import text
from tasks.errors import InputError, SettingsError, Unsupported
from tasks.principles import choose, weights
from tasks.types import Response, Row

if TYPE_CHECKING:
    from datasets import Dataset

    from app.python.custom import CustomDataset

SUBTASKS = {
    "text-quality": "text-quality", "overall-quality": "text-quality", "helpfulness": "helpfulness",
    "truthfulness": "truthfulness", "honesty": "honesty", "instruction-following": "instruction-following",
}  # fmt: skip
FROM_GENERATOR = ("generation_model", "generation_prompt", "raw_generation_responses")
FROM_LABELLER = ("labelling_model", "labelling_prompt", "raw_labelling_response", "rating", "rationale")
FAILURES = "failures"
"""The column that says what could not be had, where something could not."""


@dataclass
class TextGenerationTask:
    """Has a model answer the column `input` of each row.

    system_prompt: what every prompt begins with. principles_distribution: "balanced", or {a principle: its share}, for what
    each text is told to value besides. A subclass may form the prompt (`generate_prompt`) and read the answer
    (`parse_output`: a text, or a dict of columns) in its own way, and work on other columns (`input_args_names`).

    >>> TextGenerationTask("Be brief.").generate_prompt("Name a river.").format_as("openai")[0]
    {'role': 'system', 'content': 'Be brief.'}
    """

    system_prompt: str = ""
    principles_distribution: str | dict[str, float] | None = None

    @property
    def input_args_names(self) -> list[str]:
        """The columns that a prompt is made from."""
        return ["input"]

    @property
    def output_args_names(self) -> list[str]:
        """The columns that answers give, where nothing else is read from them."""
        return ["generations"]

    def generate_prompt(self, input: str) -> Prompt:
        """The prompt of one row."""
        return Prompt(self.system_prompt, input)

    def parse_output(self, output: str) -> Any:
        """What is kept of an answer."""
        return {"generations": output}


@dataclass
class UltraFeedbackTask:
    """Has a labeller rate the texts of each row from 1 to 5, with reasons (Cui et al. 2023, arXiv 2310.01377).

    Columns in: `input`, `generations`. Columns out: `rating` (list of float), `rationale` (list of str). Made by one of
    for_text_quality, for_overall_quality, for_helpfulness, for_truthfulness, for_honesty, for_instruction_following. The
    wording of the scales is Claywright's own.

    >>> UltraFeedbackTask.for_honesty().aspect
    'honesty'
    """

    aspect: str = "text-quality"
    system_prompt: str = ""

    input_args_names: ClassVar[list[str]] = ["input", "generations"]
    output_args_names: ClassVar[list[str]] = ["rating", "rationale"]

    @classmethod
    def for_text_quality(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """How good a text is, all in all."""
        return cls._made("text-quality", system_prompt, wording)

    for_overall_quality = for_text_quality

    @classmethod
    def for_helpfulness(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """How much it helps who asked."""
        return cls._made("helpfulness", system_prompt, wording)

    @classmethod
    def for_truthfulness(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """Whether what it says is true."""
        return cls._made("truthfulness", system_prompt, wording)

    @classmethod
    def for_honesty(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """Whether it is as sure as it has a right to be."""
        return cls._made("honesty", system_prompt, wording)

    @classmethod
    def for_instruction_following(cls, system_prompt: str = "", **wording: Any) -> "UltraFeedbackTask":
        """Whether it does what was asked."""
        return cls._made("instruction-following", system_prompt, wording)

    @classmethod
    def _made(cls, aspect: str, system_prompt: str, wording: Mapping[str, Any]) -> "UltraFeedbackTask":
        if wording:
            raise Unsupported(
                f"The wording of the scales is Claywright's own: {', '.join(wording)} can't be given. Leave it out, or tell "
                "the labeller what to look at as system_prompt."
            )
        return cls(aspect, system_prompt)

    @property
    def judge(self) -> Judge:
        """The same as a recipe has it."""
        return Judge(aspects=(self.aspect,))


def ProcessLLM(task: Any, load_llm_fn: Callable[[Any], LLM]) -> LLM:  # noqa: N802 - known by this name
    """The model that `load_llm_fn` makes for a task. No process is started for it: models are asked, not loaded.

    >>> ProcessLLM(TextGenerationTask(), lambda task: ScriptedLLM(task=task)).name
    'scripted'
    """
    return load_llm_fn(task)


def check(generator: LLM | LLMPool | None, labeller: LLM | None) -> None:
    """Raises SettingsError where a model of a pipeline does not say what it is to do."""
    for llm, what, example in (
        (generator, "generator", "TextGenerationTask()"),
        (labeller, "labeller", "UltraFeedbackTask.for_honesty()"),
    ):
        if llm is not None and llm.task is None:
            raise SettingsError(f"The {what} needs a task: task={example}.")
    if labeller is not None and not isinstance(labeller.task, UltraFeedbackTask):
        raise SettingsError("The labeller's task has to rate: task=UltraFeedbackTask.for_honesty(), say.")
    if generator is not None and not hasattr(generator.task, "generate_prompt"):
        raise SettingsError("The generator's task has to write: task=TextGenerationTask(), say.")


def labeller_for(task: str, subtask: str | None, model: str, given: Mapping[str, Any]) -> LLM:
    """The labeller that a kind of pipeline has by itself. Raises SettingsError."""
    if task != "preference":
        raise SettingsError(f"There is no pipeline for '{task}'. Known: preference.")
    if subtask is not None and subtask not in SUBTASKS:
        raise SettingsError(f"There is no subtask '{subtask}'. Known: {', '.join(SUBTASKS)}.")
    aspect = SUBTASKS[subtask or "text-quality"]
    usual = {"max_new_tokens": 256, "num_threads": 4, "temperature": 0.0}
    return OpenAILLM(model, task=UltraFeedbackTask(aspect), **{**usual, **given})


def generate(
    generator: LLM | LLMPool | None, labeller: LLM | None, dataset: Any, number: int, *, shuffle: bool, draw: str,
    progress: Progress | bool,
) -> "CustomDataset":  # fmt: skip
    """The dataset with what the generator wrote and the labeller said (Pipeline.generate)."""
    if generator is None and labeller is None:
        raise SettingsError("A pipeline that generates needs a generator, a labeller or both.")
    if number < 1:
        raise SettingsError("num_generations must be at least 1.")
    rows = [dict(row) for row in dataset]
    needed = generator.task.input_args_names if generator is not None else labeller.task.input_args_names  # type: ignore[union-attr]
    have = list(dict.fromkeys(name for row in rows for name in row)) or list(getattr(dataset, "column_names", []))
    if lacking := [name for name in needed if name not in have]:
        raise InputError(
            f"The dataset has no column '{lacking[0]}'. Needed: {', '.join(needed)}; there: {', '.join(have) or 'none'}. "
            "Rename one with dataset.rename_column."
        )

    async def work(hand: Hand) -> list[dict[str, Any]]:
        async with session(hand, draw) as here:
            with told(progress, "rows") as tell:
                through = itertools.count(1)

                async def one(place: int, row: dict[str, Any]) -> dict[str, Any]:
                    made = await _row(here, generator, labeller, row, place, number, shuffle=shuffle)
                    tell(next(through), len(rows))
                    return made

                return await all_of((one(k, row) for k, row in enumerate(rows)), here.engine)

    made = awaited(work)
    there = dict.fromkeys(name for row in made for name in row)
    parsed = [name for name in there if name not in (*have, *FROM_GENERATOR, *FROM_LABELLER, FAILURES)]
    if generator is not None and not parsed:
        parsed = list(generator.task.output_args_names)
        made = [{**dict.fromkeys(parsed, [None] * number), **row} for row in made]
    names = [*have, *FROM_GENERATOR, *parsed, *FROM_LABELLER]
    names += [FAILURES] if any(row[FAILURES] for row in made) else []
    made = [{name: row.get(name) for name in names if name in there or name in parsed} for row in made]
    from app.python.custom import custom

    return custom(dataset_of(made), (labeller or generator).task, labeller.spec if labeller else None)  # type: ignore[union-attr]


async def _row(
    here: Session, generator: LLM | LLMPool | None, labeller: LLM | None, row: dict[str, Any], place: int, number: int, *,
    shuffle: bool,
) -> dict[str, Any]:  # fmt: skip
    """A row with what the models said of it, in the order of columns that people know."""
    failures: list[str] = []
    made = dict(row)
    if generator is not None:
        made |= await _written(here, generator, row, place, number, failures, shuffle=shuffle)
    if labeller is not None:
        made |= await _rated(here, labeller, made, failures)
    for failure in failures:
        here.failures["generate", failure] += 1
    return {**made, FAILURES: "; ".join(failures)}


async def _written(
    here: Session, generator: LLM | LLMPool, row: dict[str, Any], place: int, number: int, failures: list[str], *,
    shuffle: bool,
) -> dict[str, Any]:  # fmt: skip
    task = generator.task
    given = {name: row[name] for name in task.input_args_names}
    chance = random.Random(
        hashlib.sha256(f"{place} {json.dumps(given, sort_keys=True, default=str)}".encode()).digest()
    )
    writers = list(_turns(generator, number, chance))

    async def one(k: int, llm: LLM) -> tuple[str, Any, str | None, Any]:
        prompt = task.generate_prompt(**given)
        shares = getattr(task, "principles_distribution", None)
        _, principle = choose(weights(shares or ""), f"{place}/0/{k}")
        prompt = replace(prompt, system_prompt=" ".join(filter(None, (prompt.system_prompt, principle))))
        messages = prompt.messages
        try:
            endpoint = await here.endpoint(llm)
            model = here.engine.bind(endpoint, f"python/{here.draw}/generate/{place}/{k}", stage="generate")
            said = (await model.chat(messages)).text
        except PAUSES:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is costs this text alone, and is kept with it
            failures.append(f"text {k + 1}: {words(error)}")
            return llm.name, messages, None, None
        try:
            return llm.name, messages, said, task.parse_output(said)
        except Exception as error:  # noqa: BLE001 - what a task of one's own raises; the answer stands beside it
            failures.append(f"text {k + 1} can't be read: {type(error).__name__}: {error}")
            return llm.name, messages, said, None

    texts = await all_of((one(k, llm) for k, llm in enumerate(writers)), here.engine)
    if shuffle:
        chance.shuffle(texts)
    parsed = [one[3] if isinstance(one[3], Mapping) or one[3] is None else {"generations": one[3]} for one in texts]
    names = dict.fromkeys(name for one in parsed for name in one or ())
    models, prompts, raw = ([one[k] for one in texts] for k in (0, 1, 2))
    return {
        **dict(zip(FROM_GENERATOR, (models, prompts, raw), strict=True)),
        **{name: [(one or {}).get(name) for one in parsed] for name in names},
    }


def _turns(generator: LLM | LLMPool, number: int, chance: random.Random) -> Iterator[LLM]:
    """Which models write the texts of a row: of a pool each once before any writes again."""
    if isinstance(generator, LLM):
        yield from [generator] * number
        return
    drawn: list[LLM] = []
    while len(drawn) < number:
        drawn += chance.sample(generator.llms, len(generator.llms))
    yield from drawn[:number]


async def _rated(here: Session, labeller: LLM, row: dict[str, Any], failures: list[str]) -> dict[str, Any]:
    task: UltraFeedbackTask = labeller.task
    judge, texts = task.judge, row.get("generations") or []
    there = [k for k, one in enumerate(texts) if text(one)]
    ratings: list[float | None] = [None] * len(texts)
    reasons: list[str | None] = [None] * len(texts)
    if not there:
        failures.append("there is no text to rate")
        return dict(zip(FROM_LABELLER, (labeller.name, None, None, ratings, reasons), strict=True))
    asked = Row(({"role": "user", "content": text(row["input"])},), tuple(Response(text(texts[k]), "") for k in there))
    asked = replace(asked, id=content_hash(asked))
    endpoint = await here.endpoint(labeller)
    model = Noted(here.engine.bind(endpoint, "rating", seeded=False, stage="rate"), task.system_prompt)
    said = [rating for question in judge.questions(asked) for rating in await judge.rate(asked, question, model)]
    for rating in said:
        ratings[there[rating.response]], reasons[there[rating.response]] = rating.value, rating.why or None
        if rating.value is None and rating.status != "not-applicable":
            failures.append(f"text {there[rating.response] + 1} is unrated: {rating.note}")
    raw = next((answer.text for answer in reversed(model.answers)), None)
    return dict(zip(FROM_LABELLER, (labeller.name, model.asked[0], raw, ratings, reasons), strict=True))


def dataset_of(rows: Sequence[Mapping[str, Any]]) -> "Dataset":
    """Rows as a datasets.Dataset, in the order of their columns; a column that some have not is None there."""
    from datasets import Dataset

    names = list(dict.fromkeys(name for row in rows for name in row))
    return Dataset.from_dict({name: [row.get(name) for row in rows] for name in names})


async def kept(store: Store, here: Settings, dataset: "CustomDataset", name: str) -> Run:
    """The rows of a dataset as a run of the store, with their ratings; the same rows under the same name are the same run."""
    rows = [dict(row) for row in dataset]
    path = uploads.keep_rows(map(_given, rows), name, here)
    judge = dataset.task.judge if isinstance(dataset.task, UltraFeedbackTask) else None
    made = Recipe(
        task=ExistingRows(), name=name, inputs=Inputs(path=str(path)), rating=judge,
        labeller=dataset.labeller or recipe.BUILT_IN,
    )  # fmt: skip
    known = inputs.fingerprint(made.inputs)
    run = next((one for one in store.runs.all() if (one.name, one.inputs) == (clean(name), known)), None)
    run = run or workflow.start(store, here, made)
    unrated = replace(made, rating=None)
    run = await workflow.generate(store, here, run, lambda execution, total: None, LOG.info, changed=unrated)
    by = hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()[:16]
    model = made.labeller.model or made.labeller.preset
    for row in store.rows.walk(run.id):
        if said := _ratings(rows[row.unit], row, judge, model):
            await store.ratings.keep(row.id, content_hash(row), by, said, last=True)
    store.runs.set(run.id, recipe=workflow.recipe_text(made))
    return store.runs.get(run.id)


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a run of existing rows takes it."""
    known = {"input", "generations", *FROM_GENERATOR, *FROM_LABELLER, FAILURES}
    texts = row.get("generations") or []
    models = row.get("generation_model") or [""] * len(texts)
    responses = [{"text": said or "", "model": model or ""} for said, model in zip(texts, models, strict=True)]
    rest = {key: value for key, value in row.items() if key not in known}
    return {"instruction": row.get("input"), "responses": responses, **rest}


def _ratings(given: Mapping[str, Any], row: Row, judge: Judge | None, model: str) -> list[Rating]:
    """What the labeller said of the responses that a row has."""
    if judge is None or not given.get("rating"):
        return []
    there = [k for k, one in enumerate(given.get("generations") or []) if text(one)]
    reasons = given.get("rationale") or [None] * len(given["rating"])
    return [
        Rating(
            place, judge.aspects[0], 0, "rated" if given["rating"][k] is not None else "unrated", given["rating"][k],
            reasons[k] or "", raw=given.get("raw_labelling_response") or "", model=model,
        )
        for place, k in enumerate(there)
        if place < len(row.responses)
    ]  # fmt: skip
