"""The recipe that a run keeps, changed where that decides nothing about its rows."""

from dataclasses import replace
from typing import Any

from app.recipe import Recipe, recipe_of, recipe_text
from app.store.runs import Run
from app.store.store import Store
from tasks.models.spec import ModelSpec
from tasks.types import without_surrogates

ANYWHERE = ("http://localhost/v1",)
"""Stands for the addresses of a model that has several."""


def amend(store: Store, run: Run, **parts: Any) -> Run:
    """The run with other parts of its recipe, of those that decide nothing about its rows: checks, review, merge, embedder,
    export.
    """
    return keep(store, run, replace(recipe_of(run), **parts))


def keep(store: Store, run: Run, recipe: Recipe) -> Run:
    """The run with another recipe, by which the same rows are made."""
    store.runs.set(run.id, recipe=recipe_text(recipe))
    return store.runs.get(run.id)


def rename(store: Store, run: Run, name: str) -> Run:
    """The run under another name. Its id, and so what is in Argilla and on the Hub, stays."""
    store.runs.set(run.id, name=without_surrogates(name), recipe=recipe_text(replace(recipe_of(run), name=name)))
    return store.runs.get(run.id)


def same_rows(first: Recipe, second: Recipe) -> bool:
    """True if both make the same rows, though perhaps not as many; how they are rated and reviewed is left out."""
    return _deciding(first) == _deciding(second)


def _deciding(recipe: Recipe) -> tuple[object, ...]:
    """What decides the rows of a recipe: how hard an endpoint is driven, what it costs and where its key comes from does not, nor
    which of several addresses a model has.
    """
    alike: dict[str, Any] = {
        "key_env": "",
        "concurrency": 1,
        "requests_per_minute": 0,
        "tokens_per_minute": 0,
        "timeout": 1.0,
    }
    models = [replace(spec.unpriced, **alike) for spec in map(_anywhere, (recipe.generator, *recipe.responders))]
    return (models, recipe.task, recipe.inputs, recipe.answering, recipe.seed)


def _anywhere(spec: ModelSpec) -> ModelSpec:
    """A model that has several addresses, at others."""
    return replace(spec, urls=ANYWHERE) if spec.urls else spec
