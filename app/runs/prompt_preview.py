"""The prompt that a recipe will send first, exactly as its model is asked, without asking it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from app.api_keys import Keys
from app.config import Settings
from app.inputs import inputs
from app.inputs.files import within
from app.recipe import Recipe
from app.runs.dedup_pool import held
from app.runs.endpoints import endpoint
from app.services import Say
from app.store.store import Store
from tasks.engine.engine import Engine
from tasks.errors import InputError
from tasks.models.base import Capabilities, Model, ModelProxy
from tasks.types import Message, Row, Unit

WITHIN = 20.0
"""Seconds in which an endpoint says what it can, which a prompt may depend on, and in which an input is read for it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """`said`: (role, content) of a chat, or one of the role "raw prompt" for what goes to a completion as it stands."""

    said: list[tuple[str, str]]
    options: dict[str, Any] = field(default_factory=dict)


class _Asked(Exception):
    """The first call of a task."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt


class _PromptRecorder(ModelProxy[Model]):
    """A model that is told the prompt and answers nothing."""

    async def capabilities(self) -> Capabilities:
        return await asyncio.wait_for(self.wrapped.capabilities(), WITHIN)

    async def chat(self, messages: Sequence[Message], **options: Any) -> NoReturn:
        raise _Asked(Prompt([(m["role"], m["content"]) for m in messages], options))

    async def complete(self, prompt: str, **options: Any) -> NoReturn:
        raise _Asked(Prompt([("raw prompt", prompt)], options))


def prompt(store: Store, settings: Settings, recipe: Recipe, say: Say, keys: Keys) -> Prompt | None:
    """The first prompt of a recipe; None for one that asks no model. Raises ClaywrightError and its kinds, TimeoutError."""
    return asyncio.run(_prompt(store, settings, recipe, say, keys))


async def _prompt(store: Store, settings: Settings, recipe: Recipe, say: Say, keys: Keys) -> Prompt | None:
    task, answers = recipe.task, recipe.answering
    units = task.units(inputs.rows(recipe.inputs, task.required_columns(), say, within(WITHIN)), recipe.inputs.columns)
    unit = next(iter(units), None)
    if unit is None:
        raise InputError("The input has no rows.")
    engine = Engine(store.call_cache)
    try:
        spec = recipe.generator if task.calls_model or not recipe.responders else recipe.responders[0]
        client = await asyncio.to_thread(endpoint, spec, settings, say, keys)
        listener = _PromptRecorder(engine.bind(client, "preview"))
        try:
            rows = await task.rows(_shown(recipe, unit), listener)
            for row in (row for row in rows if isinstance(row, Row)):
                for index in answers.missing(range(len(row.responses))):
                    await answers.respond(row, index, listener, task.shape)
        except _Asked as recorded:
            return recorded.prompt
        return None
    finally:
        await engine.close()


def _shown(recipe: Recipe, unit: Unit) -> Unit:
    """The unit with the examples that its prompt shows, of which there are only seeds yet."""
    if not recipe.task.round:
        return unit
    seeds = held(recipe.task.seeds(inputs.rows(recipe.inputs, still=within(WITHIN))))
    return recipe.task.shown(unit, seeds, [], f"{recipe.seed or 0}/unit/{unit.index}")
