"""A dataset that a generator and a labeller made, as a run of the store: from then on it is sent, reviewed and exported as one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app import workflow
from app.api.legacy_tasks import FAILURES, FROM_GENERATOR, FROM_LABELLER, UltraFeedbackTask
from app.api.steps import texts_of
from app.inputs import inputs, uploads
from app.inputs.inputs import Inputs
from app.recipe import BUILT_IN, Recipe
from app.runs.run_recipes import keep
from app.store.rows import content_hash
from app.store.runs import Run
from app.workspace import Workspace
from feedback.labeller.ultrafeedback import UltraFeedback as Judge
from feedback.types import Rating
from tasks import ExistingRows
from tasks.base import plain, text
from tasks.errors import InputError
from tasks.types import Row, without_surrogates

if TYPE_CHECKING:
    from app.api.custom_dataset import CustomDataset

KNOWN = ("instruction", "input", "system_prompt", "messages", "response", "responses")
"""Columns that a run of existing rows gives a meaning; a dataset's own of these names are kept as dataset_<name>."""
MADE = {"input", "generations", *FROM_GENERATOR, *FROM_LABELLER, FAILURES}


async def kept(workspace: Workspace, dataset: "CustomDataset", name: str) -> Run:
    """The rows of a dataset as a run of the store, with their ratings; the same rows under the same name are the same run.

    Raises InputError for a dataset without `input` or `generations`.
    """
    if lacking := [column for column in ("input", "generations") if column not in dataset.column_names]:
        raise InputError(
            f"The dataset has no column '{lacking[0]}': what goes to Argilla are texts that were generated."
        )
    store, rows = workspace.store, [dict(row) for row in dataset]
    path = uploads.keep_rows(map(_given, rows), name, workspace.settings)
    judge = dataset.task.judge if isinstance(dataset.task, UltraFeedbackTask) else None
    recipe = Recipe(
        task=ExistingRows(), name=name, inputs=Inputs(path=str(path)), rating=judge,
        labeller=dataset.labeller or BUILT_IN,
    )  # fmt: skip
    known = inputs.fingerprint(recipe.inputs, known=workspace.inputs)
    run = next(
        (stored for stored in store.runs.all() if (stored.name, stored.inputs) == (without_surrogates(name), known)),
        None,
    )
    run = run or workflow.start(workspace, recipe)
    unrated = replace(recipe, rating=None)
    run = await workflow.generate(workspace, run, lambda execution, total: None, recipe=unrated)
    by = hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()[:16]
    model = recipe.labeller.model or recipe.labeller.preset
    for row in store.rows.walk(run.id):
        if ratings := _ratings(rows[row.unit], row, judge, model):
            await store.ratings.keep(row.id, content_hash(row), by, ratings, last=True)
    return keep(store, run, recipe)


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a run of existing rows takes it."""
    texts = texts_of(row.get("generations"))
    models = row.get("generation_model") or [""] * len(texts)
    responses = [{"text": content, "model": text(model)} for content, model in zip(texts, models, strict=True)]
    rest = {key: value for key, value in row.items() if key not in MADE and plain(value)}
    rest = {f"dataset_{key}" if key in KNOWN else key: value for key, value in rest.items()}
    return {**rest, "instruction": text(row.get("input")), "responses": responses}


def _ratings(columns: Mapping[str, Any], row: Row, judge: Judge | None, model: str) -> list[Rating]:
    """What the labeller said of the responses that a row has, each of its own text."""
    if judge is None or not columns.get("rating"):
        return []
    texts = texts_of(columns["generations"])
    there = [k for k, content in enumerate(texts) if content]
    assert [response.text for response in row.responses] == [without_surrogates(texts[k]) for k in there]
    reasons = columns.get("rationale") or [None] * len(columns["rating"])
    ratings = []
    for index, k in enumerate(there):
        value, why = columns["rating"][k], reasons[k] or ""
        known: dict[str, Any] = (
            {"rationale": why} if value is not None else {"note": why or "the labeller gave no rating"}
        )
        status: Any = "rated" if value is not None else "unrated"
        raw = columns.get("raw_labelling_response") or ""
        ratings.append(Rating(index, judge.aspects[0], 0, status, value, raw=raw, model=model, **known))
    return ratings
