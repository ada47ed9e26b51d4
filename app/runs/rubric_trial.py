"""Rubrics before a run: one drafted from a page of plain text, and one tried out on a few rows."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from app.file_locks import read_regular
from app.recipe import LARGEST_FILE
from app.runs.endpoints import endpoint
from app.store.rows import content_hash
from app.workspace import Workspace
from feedback.labeller.rubric_draft import SCHEMA, drafted, prompt_for
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.rubrics import WHOLE_ROW, Rubric
from feedback.stats.rubric_check import RubricCheck, rubric_check
from feedback.types import Rating
from tasks.engine.engine import Engine
from tasks.errors import InputError, ModelError
from tasks.models.base import Model
from tasks.models.spec import ModelSpec
from tasks.types import Response, Row

T = TypeVar("T")
MOST_ROWS = 20
LONGEST_TEXT = 50_000
"""Characters of a page that a rubric is drafted from."""


async def draft(workspace: Workspace, labeller: ModelSpec, text: str) -> Rubric:
    """A rubric that the labeller reads out of a text, marked as a draft. Raises ClaywrightError and its kinds."""
    if not text.strip():
        raise InputError("Paste the text first: what is good, what is not, in your own words.")
    if len(text) > LONGEST_TEXT:
        raise InputError(f"The text is longer than {LONGEST_TEXT:,} characters. Paste the part that says what is good.")

    async def ask(model: Model) -> Rubric:
        options: dict[str, Any] = {"schema": SCHEMA} if (await model.capabilities()).json_schema else {}
        answer = await model.chat([{"role": "user", "content": prompt_for(text)}], **options)
        return drafted(answer.text)

    return await _asked(workspace, labeller, ask)


def pasted_rows(text: str) -> list[Row]:
    """Rows to try a rubric on: an instruction and its response a line, with a tab between; a line of JSON is that too."""
    rows = []
    for line in filter(str.strip, text.splitlines()):
        instruction, _, response = line.partition("\t")
        if line.lstrip().startswith("{"):
            try:
                values = json.loads(line)
                instruction, response = str(values.get("instruction", "")), str(values.get("response", ""))
            except (ValueError, RecursionError, AttributeError):
                continue
        if response.strip():
            rows.append(Row(({"role": "user", "content": instruction},), (Response(response, "pasted"),)))
    return [replace(row, id=content_hash(row)) for row in rows[:MOST_ROWS]]


def rows_in(path: Path) -> list[Row]:
    """The rows of a text file, as `pasted_rows` has them. Raises InputError."""
    try:
        rows = pasted_rows(read_regular(path, LARGEST_FILE).decode("utf-8-sig", "replace"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error
    if not rows:
        raise InputError(f"{path} has no line with an instruction, a tab and a response.")
    return rows


async def check(
    workspace: Workspace, judge: UltraFeedback, labeller: ModelSpec, rubric: Rubric, rows: Sequence[Row]
) -> RubricCheck:
    """Rates the first response of at most MOST_ROWS rows twice by a rubric, at temperature 0, and says what came of it. What the
    rubric does not say, such as whether a reference is shown at all, is as `judge` has it.

    Raises InputError where there is nothing to rate, and what an endpoint can raise.
    """
    single = [replace(row, responses=row.responses[:1]) for row in rows if row.responses][:MOST_ROWS]
    if not single:
        raise InputError("There are no rows to try it on. Preview some, or paste some.")
    judge = replace(judge, aspects=(rubric.name,), rubrics=(rubric,), repeats=2, types=False, method="rating")

    async def ask(model: Model) -> list[list[Rating]]:
        return list(await asyncio.gather(*(_rated(judge, row, model) for row in single)))

    ratings = await _asked(workspace, replace(labeller, temperature=0.0), ask)
    failed = [r for of_row in ratings for r in of_row if r.status == "failed"]
    if len(failed) == sum(map(len, ratings)):
        raise ModelError(failed[0].note)
    of_row = rubric.judges == "instruction"
    texts = [row.instruction if of_row else row.responses[0].text for row in single]
    first, second = ([_repeat(of_row_, number) for of_row_ in ratings] for number in (0, 1))
    return rubric_check(rubric, texts, first, second)


async def _rated(judge: UltraFeedback, row: Row, model: Model) -> list[Rating]:
    return [rating for question in judge.questions(row) for rating in await judge.rate(row, question, model)]


def _repeat(ratings: Sequence[Rating], number: int) -> Rating:
    return next(r for r in ratings if r.repeat == number and r.response in (0, WHOLE_ROW))


async def _asked(workspace: Workspace, spec: ModelSpec, ask: Callable[[Model], Awaitable[T]]) -> T:
    """What `ask` comes to with a model of that kind, through the engine and its memo."""
    engine = Engine(workspace.store.call_cache)
    try:
        there = await asyncio.to_thread(endpoint, spec, workspace.settings, workspace.report, workspace.keys)
        return await ask(engine.bind(there, "rating", seeded=False, stage="rate"))
    finally:
        await engine.close()
