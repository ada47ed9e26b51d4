"""The loop, verb by verb: rows are made, rated, reviewed by people, and exported.

    start -> preview -> generate -> (redraw, check, rate) -> push -> people review in Argilla -> pull -> export, publish, archive

A run is a recipe and what was made by it, all of it in the store. Each verb but `start` can be called again after any kind of end,
and goes on where it stopped. Where a step's work is done is what its verb imports:

    runs/     new_runs, run_work   units of the input become rows, rows get responses, responses get ratings
    runs/     row_checks           checks of responses, without a model
    review/   push_plan, pull      which rows people see, in which order, and what they said
    review/   exporting            files, the Hub, Argilla
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.recipe import Recipe, recipe_of
from app.runs import new_runs, row_checks, run_work, shards
from app.runs.run_work import Watch
from app.runs.shards import Merged
from app.store.runs import Run
from app.workspace import Workspace
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks.models.spec import ModelSpec
from tasks.types import Row

if TYPE_CHECKING:
    from app.review.argilla import Argilla
    from app.review.pull import Pulled
    from app.review.push_plan import Sent
    from app.runs.embeddings import Vectors
    from feedback.argilla.push import Pushed
    from feedback.exports.hub import Published
    from feedback.exports.selection import Export, Exported
    from feedback.exports.to_argilla import Finished


def start(workspace: Workspace, recipe: Recipe, *, run_id: str = "", shard: str = "") -> Run:
    """A new run of a recipe, nothing done yet. Its inputs are read first, so that what is wrong with them shows now.

    With a `shard`, as "3/8", the store works that part of the run. Raises SettingsError, InputError, or RunError where there is
    a run of that id.
    """
    return new_runs.new_run(workspace, recipe, run_id=run_id, shard=shard)


async def preview(workspace: Workspace, run: Run, watch: Watch, *, rows: int) -> Run:
    """The first rows of a run, answered and not rated. The run stays a draft; working it goes on behind these rows."""
    return await run_work.preview_run(workspace, run, watch, rows)


async def generate(
    workspace: Workspace, run: Run, watch: Watch, *, recipe: Recipe | None = None, retry_failed: bool = False
) -> Run:
    """Works a run to its end: makes rows, answers and rates them. Returns it as it stands afterwards.

    What can't pass (a refused key, a dead endpoint, a full disk) is raised after everything that was under way is kept;
    the run is then paused with that reason and can be worked again. `recipe` is its recipe from now on: more rows, say,
    or another labeller.
    """
    return await run_work.work_run(workspace, run, watch, recipe=recipe, retry_failed=retry_failed)


async def redraw(workspace: Workspace, run: Run, row_id: str, watch: Watch) -> Row:
    """Draws one row anew; what it was before is kept as a revision, and its ratings no longer count.

    Raises RunError where people have the row already, CallRefused where the draw gives nothing; the row is then as it was.
    """
    return await run_work.redraw_row(workspace, run, row_id, watch)


async def merge(workspace: Workspace, stores: Sequence[Path]) -> Merged:
    """Brings shards of a run, each in a store of its own, into this one, exactly once. Raises StoreError or RunError."""
    return await shards.merge(workspace, stores)


def check(workspace: Workspace, run: Run, watch: Callable[[int], None] = lambda rows: None) -> int:
    """Keeps the verdicts of the recipe's checks that answered rows lack, as after a change of them; returns how many rows did.

    `watch` is told how many rows were looked at, and may raise to end it.
    """
    return row_checks.check_run(workspace.store, run, watch)


async def rate(
    workspace: Workspace,
    run: Run,
    watch: Watch,
    *,
    rating: UltraFeedback | None = None,
    labeller: ModelSpec | None = None,
) -> Run:
    """Rates the rows that a run has, by `rating` or as its recipe says, and answers those that are not answered yet."""
    recipe = recipe_of(run)
    rating, labeller = rating or recipe.rating or UltraFeedback(), labeller or recipe.labeller
    recipe = replace(recipe, rating=rating, labeller=labeller)
    return await run_work.work_run(workspace, run, watch, recipe=recipe, retry_failed=True, only_worked=True)


def push(
    workspace: Workspace,
    run: Run,
    argilla: Argilla,
    watch: Callable[[Pushed, int], None] = lambda pushed, rows: None,
    *,
    dataset: str = "",
    argilla_workspace: str = "",
    withdraw: bool = False,
    watch_vectors: Callable[[Vectors], None] = lambda vectors: None,
) -> Sent:
    """Sends the rows of a run to Argilla, those to audit first. Rows that are there already, unchanged, are not sent again.
    Those that were not checked yet are first.

    `withdraw` takes the records of rows that the run does not have any more out of Argilla. `watch` is told what was sent, of
    how many rows; `watch_vectors` who asks an embedding model, where there is one. Raises RunError if there is nothing to send,
    ArgillaError and its kind, ModelError and its kinds.
    """
    from app.review.push_plan import push_run
    from app.runs.embeddings import vectors_for

    check(workspace, run)
    with vectors_for(workspace, run, watch_vectors) as vectors:
        return push_run(
            workspace,
            run,
            argilla,
            watch,
            vectors=vectors,
            dataset=dataset,
            argilla_workspace=argilla_workspace,
            withdraw=withdraw,
        )


def pull(
    workspace: Workspace,
    run: Run,
    argilla: Argilla,
    watch: Callable[[Pulled], None] = lambda pulled: None,
    *,
    only_moved: bool = False,
) -> Pulled:
    """Brings the verdicts of all reviewers back from every dataset of that server that the run was sent to.

    With `only_moved` a dataset in which nobody seems to have done anything since the last pull is passed over. Raises
    RunError for a run that was not sent there, ArgillaError and its kind.
    """
    from app.review.pull import pull_run

    return pull_run(workspace, run, argilla, watch, only_moved=only_moved)


def export(
    workspace: Workspace,
    run: Run,
    to: Export,
    watch: Callable[[int], None] = lambda rows: None,
    *,
    overwrite: bool = False,
) -> Exported:
    """Writes the rows of a run that `to` takes into a file, or several. Raises ExportError.

    What is there already is replaced where it is as an export of this run left it, or with `overwrite`. `watch` is told how
    many rows were looked at.
    """
    from app.review.exporting import export_to_file

    row_checks.check_for_export(workspace.store, run, to)
    return export_to_file(workspace, run, to, watch, overwrite=overwrite)


def publish(workspace: Workspace, run: Run, to: Export) -> Published:
    """Adds the rows of a run that `to` takes to its dataset on the Hub, with a card. Raises ExportError and its kinds."""
    from app.review.exporting import export_to_hub

    row_checks.check_for_export(workspace.store, run, to)
    return export_to_hub(workspace, run, to)


def archive(
    workspace: Workspace,
    run: Run,
    to: Export,
    argilla: Argilla,
    watch: Callable[[Finished], None] = lambda finished: None,
) -> Finished:
    """Writes the rows of a run that `to` takes into a dataset of Argilla, `to.argilla`, as finished ones.

    Raises SettingsError for a format that Argilla can't show, ExportError for nothing to write, ArgillaError and its kinds.
    """
    from app.review.exporting import export_to_argilla

    row_checks.check_for_export(workspace.store, run, to)
    return export_to_argilla(workspace, run, to, argilla, watch)
