"""What a generator and a labeller do: the first writes texts for each row of a dataset, the second rates them."""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.api.checkpoints import dataset_of
from app.api.legacy_tasks import FAILURES, FROM_GENERATOR, FROM_LABELLER, UltraFeedbackTask
from app.api.llms import LLM, LLMPool
from app.api.progress import Progress, told
from app.api.prompt import Prompt
from app.api.recording_model import FIRST, RecordingModel
from app.api.session import Session, StopHandle, all_of, awaited, session
from app.api.steps import rows_of, texts_of
from app.runs.runner import PAUSES, failure_text
from app.store.rows import content_hash
from tasks.base import text
from tasks.errors import ClaywrightError, InputError, SettingsError
from tasks.principles import choose, weights
from tasks.types import Message, Response, Row

if TYPE_CHECKING:
    from app.api.custom_dataset import CustomDataset


@dataclass(frozen=True, slots=True)
class Failed:
    """What could not be had of a row. `fatal`: nothing was answered, so that other rows may fare no better."""

    why: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """One generation: who wrote it, of what, as it came and as it was read."""

    model: str
    prompt: list[Message]
    raw: str | None = None
    parsed: Mapping[str, Any] | None = None
    failed: Failed | None = None


def generate(
    generator: LLM | LLMPool | None, labeller: LLM | None, dataset: Any, number: int, *, shuffle: bool, draw: str = FIRST,
    progress: Progress | bool = False,
) -> "tuple[CustomDataset, list[str]]":  # fmt: skip
    """(the dataset with what was written and said of it, why some of it is missing that was fatal): Pipeline.generate."""
    if generator is None and labeller is None:
        raise SettingsError("A pipeline that generates needs a generator, a labeller or both.")
    if number < 1:
        raise SettingsError("num_generations must be at least 1.")
    rows = rows_of(dataset)
    task: Any = generator.task if generator is not None else labeller.task if labeller is not None else None
    have = list(dict.fromkeys([*getattr(dataset, "column_names", []), *(name for row in rows for name in row)]))
    needed = [*task.input_args_names, *(["input"] if labeller is not None else [])]
    _check(rows, have, list(dict.fromkeys(needed)))

    async def work(hand: StopHandle) -> list[tuple[dict[str, Any], list[Failed]]]:
        async with session(hand, draw) as open_session:
            with told(progress, "rows") as tell:
                through = itertools.count(1)

                async def work_on(index: int, row: dict[str, Any]) -> tuple[dict[str, Any], list[Failed]]:
                    result = await _row(open_session, generator, labeller, row, index, number, shuffle=shuffle)
                    tell(next(through), len(rows))
                    return result

                return await all_of((work_on(k, row) for k, row in enumerate(rows)), open_session)

    results = awaited(work)
    from app.api.custom_dataset import custom

    named = dataset_of(
        *_in_order(results, have, task if generator is not None else None, number, labelled=labeller is not None)
    )
    judging = labeller.task if labeller is not None else task
    return (
        custom(named, judging, labeller.spec if labeller is not None else None),
        [failed.why for _, failures in results for failed in failures if failed.fatal],
    )


def _check(rows: Sequence[Mapping[str, Any]], have: Sequence[str], needed: Sequence[str]) -> None:
    """Raises InputError for a column that the dataset, or a row of it, lacks."""
    for name in needed:
        at = next((number for number, row in enumerate(rows, 1) if name not in row), 0)
        if at or name not in have:
            where = f" in row {at}" if name in have else ""
            raise InputError(
                f"The dataset has no column '{name}'{where}. Needed: {', '.join(needed)}; there: {', '.join(have) or 'none'}. "
                "Rename one with dataset.rename_column."
            )


def _in_order(
    results: Sequence[tuple[dict[str, Any], list[Failed]]],
    have: Sequence[str],
    writing: Any,
    number: int,
    *,
    labelled: bool,
) -> tuple[list[dict[str, Any]], list[str]]:
    """(the rows, their columns) in the order that people know; what was read of answers stands where the texts would."""
    own = {*have, *FROM_GENERATOR, *FROM_LABELLER}
    parsed = list(dict.fromkeys(name for row, _ in results for name in row if name not in own))
    parsed = parsed or list(writing.output_args_names if writing is not None else [])
    names = [*have, *(FROM_GENERATOR if writing is not None else []), *parsed, *(FROM_LABELLER if labelled else [])]
    names = list(dict.fromkeys(names))
    nothing = dict.fromkeys(parsed, [None] * number)
    rows = [{name: {**nothing, **row}.get(name) for name in names} for row, _ in results]
    if any(failures for _, failures in results):
        column = FAILURES
        while column in names:
            column += "_"
        for row, (_, failures) in zip(rows, results, strict=True):
            row[column] = "; ".join(failed.why for failed in failures)
    return rows, names


async def _row(
    open_session: Session, generator: LLM | LLMPool | None, labeller: LLM | None, row: dict[str, Any], index: int, number: int, *,
    shuffle: bool,
) -> tuple[dict[str, Any], list[Failed]]:  # fmt: skip
    """A row with what the models said of it, and what could not be had."""
    failures: list[Failed] = []
    result = dict(row)
    if generator is not None:
        texts = await _written(open_session, generator, row, index, number, shuffle=shuffle)
        failures += [
            replace(output.failed, why=f"text {k}{output.failed.why}")
            for k, output in enumerate(texts, 1)
            if output.failed
        ]
        columns = (
            [output.model for output in texts],
            [output.prompt for output in texts],
            [output.raw for output in texts],
        )
        result |= dict(zip(FROM_GENERATOR, columns, strict=True))
        names = dict.fromkeys(name for output in texts for name in output.parsed or ())
        result |= {name: [(output.parsed or {}).get(name) for output in texts] for name in names}
    if labeller is not None:
        result |= await _rated(open_session, labeller, result, failures)
    for failed in failures:
        open_session.failures["generate", failed.why] += 1
    return result, failures


async def _written(
    open_session: Session, generator: LLM | LLMPool, row: dict[str, Any], index: int, number: int, *, shuffle: bool
) -> list[Text]:
    """The texts of a row, in the order in which they are shown."""
    serialized = json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True)
    chance = random.Random(hashlib.sha256(f"{index} {serialized}".encode("utf-8", "surrogatepass")).digest())
    writers = list(_turns(generator, number, chance))

    async def write(k: int, llm: LLM) -> Text:
        messages: list[Message] = []
        try:
            messages = _asked(llm.task, row, f"{index}/0/{k}")
            endpoint = await open_session.endpoint(llm)
            model = open_session.engine.bind(
                endpoint, f"python/{open_session.draw}/generate/{index}/{k}", stage="generate"
            )
            answer = (await model.chat(messages)).text
        except PAUSES:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is costs this text alone, and is kept with it
            return Text(llm.name, messages, failed=Failed(f": {_why(error)}", fatal=True))
        try:
            parsed = llm.task.parse_output(answer)
        except Exception as error:  # noqa: BLE001 - what a task of one's own raises; the answer stands beside it
            return Text(llm.name, messages, answer, failed=Failed(f" can't be read: {type(error).__name__}: {error}"))
        return Text(llm.name, messages, answer, parsed if isinstance(parsed, Mapping) else {"generations": parsed})

    texts = await all_of((write(k, llm) for k, llm in enumerate(writers)), open_session)
    if shuffle:
        chance.shuffle(texts)
    return texts


def _asked(task: Any, row: Mapping[str, Any], chance: str) -> list[Message]:
    """The chat that a task makes of a row: of a prompt, a list of messages or a text."""
    arguments = {name: row.get(name) for name in task.input_args_names}
    if (lacking := next((name for name, value in arguments.items() if value is None), None)) is not None:
        raise InputError(f"the row has nothing as '{lacking}'.")
    prompt = task.generate_prompt(**arguments)
    if isinstance(prompt, list):
        return prompt
    if not isinstance(prompt, Prompt):
        prompt = Prompt(getattr(task, "system_prompt", ""), str(prompt))
    _, principle = choose(weights(getattr(task, "principles_distribution", None) or ""), chance)
    return replace(prompt, system_prompt=" ".join(filter(None, (prompt.system_prompt, principle)))).messages


def _why(error: Exception) -> str:
    """A failure in words; what a task of one's own raises is that task's."""
    return failure_text(error) if isinstance(error, ClaywrightError) else f"{type(error).__name__}: {error}"


def _turns(generator: LLM | LLMPool, number: int, chance: random.Random) -> Iterator[LLM]:
    """Which models write the texts of a row: of a pool each once before any writes again."""
    if isinstance(generator, LLM):
        yield from [generator] * number
        return
    llms: list[LLM] = []
    while len(llms) < number:
        llms += chance.sample(generator.llms, len(generator.llms))
    yield from llms[:number]


async def _rated(open_session: Session, labeller: LLM, row: dict[str, Any], failures: list[Failed]) -> dict[str, Any]:
    task: UltraFeedbackTask = labeller.task
    judge, texts = task.judge, texts_of(row.get("generations"))
    there = [k for k, content in enumerate(texts) if content]
    ratings: list[float | None] = [None] * len(texts)
    reasons: list[str | None] = [None] * len(texts)
    if not there:
        failures.append(Failed("there is no text to rate"))
        return dict(zip(FROM_LABELLER, (labeller.name, None, None, ratings, reasons), strict=True))
    rated_row = Row(({"role": "user", "content": text(row["input"])},), tuple(Response(texts[k], "") for k in there))
    rated_row = replace(rated_row, id=content_hash(rated_row))
    bound = open_session.engine.bind(await open_session.endpoint(labeller), "rating", seeded=False, stage="rate")
    model = RecordingModel(bound, task.system_prompt, open_session.draw, (0,))
    questions = [replace(question, repeat=model.again) for question in judge.questions(rated_row)]
    for rating in [rating for question in questions for rating in await judge.rate(rated_row, question, model)]:
        index = there[rating.response]
        ratings[index], reasons[index] = rating.value, rating.why or None
        if rating.status in ("unrated", "failed"):
            failures.append(Failed(f"text {index + 1} is unrated: {rating.note}", fatal=rating.status == "failed"))
    raw = model.answers[-1].text if model.answers else None
    return dict(zip(FROM_LABELLER, (labeller.name, model.asked[0], raw, ratings, reasons), strict=True))
