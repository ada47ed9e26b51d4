"""New runs: of a recipe that is ready, and drafts for a form that is still being filled in."""

import contextlib
import secrets
from dataclasses import replace
from datetime import datetime

from app.errors import RunError
from app.inputs import inputs
from app.inputs.files import OutOfTime, within
from app.inputs.known_inputs import Counted
from app.recipe import Recipe, recipe_of, recipe_text
from app.runs import row_edits, shards
from app.runs.permissions import Permissions, models_of
from app.runs.run_recipes import keep, same_rows
from app.runs.units import number_of_units
from app.store.lease import at_work
from app.store.runs import Run
from app.workspace import Workspace
from tasks.types import without_surrogates

CHECKED_WITHIN = 10.0
"""Seconds that a new run takes to look for what is wrong with its inputs; a long one shows the rest when it is read."""


def new_run(workspace: Workspace, recipe: Recipe, *, run_id: str = "", shard: str = "") -> Run:
    """A run with nothing done yet. Its inputs are read first, so that what is wrong with them shows now.

    Where its id is given, its seed is told from that, unless the recipe has one. Raises SettingsError, InputError, or RunError
    where there is a run of that id.
    """
    store, known = workspace.store, workspace.inputs
    if run_id:
        if store.runs.known(shards.checked_id(run_id)) is not None:
            raise RunError(f"There is a run {run_id} already.", terminal=f"To go on: claywright run --resume {run_id}")
        seed = shards.seed(recipe, run_id)
    else:
        seed = secrets.randbelow(shards.SEEDS) if recipe.seed is None else recipe.seed
    slug = "".join(c if c.isalnum() else "-" for c in recipe.name.lower()).strip("-")[:40] or "run"
    run_id = run_id or f"{slug}-{datetime.now():%y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    counted, left_out = None, list[str]()
    with contextlib.suppress(OutOfTime):
        units = number_of_units(recipe, left_out.append, within(CHECKED_WITHIN), known)
        counted = Counted(recipe.task, recipe.inputs, units, tuple(left_out))
    # who starts a run was asked before, or wrote the program: what it reads may be read when it is looked at again
    Permissions(workspace.settings.data).allow_inputs(recipe.inputs, models_of(recipe))
    content = inputs.fingerprint(recipe.inputs, known=known)
    run = store.runs.create(
        run_id, without_surrogates(recipe.name), workspace.settings.owner, recipe_text(recipe), seed, content, shard
    )
    if counted is not None:
        known.keep_count(run.id, counted)
    return run


def draft_run(workspace: Workspace, recipe: Recipe, old: Run | None) -> Run:
    """The run that a page works for a recipe: `old`, if it is a draft that begins with the same rows, else a new one.

    A draft that was changed gives way to the new one, which draws with the same seed: going back costs nothing.
    """
    store = workspace.store
    if old is None or old.state != "draft":
        return new_run(workspace, recipe)
    if same_rows(recipe_of(old), recipe) and old.inputs == inputs.fingerprint(recipe.inputs, known=workspace.inputs):
        store.runs.set(old.id, recipe=recipe_text(recipe), name=recipe.name)
        return store.runs.get(old.id)
    new = new_run(workspace, recipe if recipe.seed is not None else replace(recipe, seed=old.seed))
    new = keep(store, new, recipe)
    counts = store.runs.counts(old.id)
    used = store.pushes.of_run(old.id) or counts.ratings or counts.exported or row_edits.touched(store, old)
    if not at_work(old) and not used:
        store.runs.delete(old.id)
    return new
