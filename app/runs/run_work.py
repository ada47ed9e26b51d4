"""Work on a run, from its recipe to rows in the store: all of it, a preview of its first rows, or one row drawn anew."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from app.recipe import Recipe, recipe_of, recipe_text
from app.runs import row_checks, row_edits
from app.runs.runner import RunExecutor
from app.runs.session import outcome, worked, writes
from app.runs.shards import Shard
from app.runs.units import most_rows, number_of_units, those_worked, units_of
from app.store.runs import Run
from app.workspace import Workspace
from tasks.errors import InputError, Stopped
from tasks.types import Row, Unit

Watch = Callable[[RunExecutor, int | None], None]
"""Is told what works, and how many rows that will give: None until that is known, or where it can't be told."""


async def work_run(
    workspace: Workspace,
    run: Run,
    watch: Watch,
    *,
    recipe: Recipe | None = None,
    retry_failed: bool = False,
    only_worked: bool = False,
) -> Run:
    """Works a run to its end, by `recipe` from now on where one is given; returns it as it stands afterwards.

    `only_worked` finishes the rows that are there and makes no others. What can't pass is raised after everything that was
    under way is kept.
    """
    store, is_extended = workspace.store, recipe is not None or run.state == "draft"
    recipe = recipe or recipe_of(run)
    before = ("stopped", "interrupted") if run.state == "running" else (run.state, run.reason)
    what = "rate" if only_worked else "work"
    share = replace(recipe, budget=Shard.parse(run.shard).share(recipe.budget)) if run.shard else recipe
    async with worked(workspace, run, share, what) as execution:
        store.runs.set(run.id, recipe=recipe_text(recipe), state="running", reason="")
        try:
            store.rows.reopen(
                run.id, surplus=is_extended and not only_worked, failed=retry_failed, units=not only_worked
            )
            await _work_units(workspace, run, execution, watch, only_worked=only_worked)
        except BaseException:
            state, reason = before if only_worked else ("stopped", "interrupted")
            store.runs.set(run.id, state=state, reason=reason)
            raise
        state, reason = before if only_worked else outcome(execution)  # its units stand as they stood
        store.runs.set(run.id, state=state, reason=reason)
    return _afterwards(workspace, run, execution)


async def _work_units(
    workspace: Workspace, run: Run, execution: RunExecutor, watch: Watch, *, only_worked: bool
) -> None:
    """All units of the run's input, or those that were worked before; none is read where all rows have their answers."""
    store, recipe = workspace.store, execution.recipe
    indexes = (index for index, *_ in store.rows.progress_of_units(run.id, ""))
    if only_worked and not writes(store, run, "rate"):
        watch(execution, store.runs.counts(run.id).answered)
        await execution.work(Unit(index) for index in indexes)
        return
    if recipe.inputs.given:
        watch(execution, None)
    with contextlib.suppress(Stopped):  # it ends in `execution.work`, as anything else that was stopped
        watch(execution, await asyncio.to_thread(_most_rows, workspace, run, execution))
    units = units_of(recipe, still=execution.still, shard=run.shard)
    await execution.work(those_worked(units, indexes) if only_worked else units)


def _most_rows(workspace: Workspace, run: Run, execution: RunExecutor) -> int | None:
    """How many rows the run will have at most. Reads its input, unless that was counted when the run began.

    Reports what is left out of a folder or a zip.
    """
    recipe, known = execution.recipe, workspace.inputs
    if (counted := known.take_count(run.id, recipe.task, recipe.inputs)) is None:
        return most_rows(recipe, number_of_units(recipe, workspace.report, execution.still, known), run.shard)
    for sentence in counted.left_out:
        workspace.report(sentence)
    return most_rows(recipe, counted.units, run.shard)


async def preview_run(workspace: Workspace, run: Run, watch: Watch, rows: int) -> Run:
    """The first rows of a run, answered and not rated. The run stays a draft; working it goes on behind these rows."""
    store, recipe = workspace.store, recipe_of(run)
    few = replace(recipe, rows=min(rows, recipe.rows or rows), rating=None)
    async with worked(workspace, run, few, "preview") as execution:
        store.rows.reopen(run.id, surplus=True, failed=True)
        store.runs.set(run.id, reason="")
        execution.engine.watched = True
        watch(execution, few.rows)
        await execution.work(units_of(few, still=execution.still, shard=run.shard))
    return _afterwards(workspace, run, execution)


async def redraw_row(workspace: Workspace, run: Run, row_id: str, watch: Watch) -> Row:
    """Draws one row anew; what it was before is kept as a revision, and its ratings no longer count.

    Raises RunError where people have the row already, CallRefused where the draw gives nothing; the row is then as it was.
    """
    store = workspace.store
    row, recipe = row_edits.open_row(store, row_id), replace(recipe_of(run), rating=None)
    async with worked(workspace, run, recipe, "again") as execution:
        watch(execution, 1)
        units = units_of(recipe, still=execution.still)
        unit = await asyncio.to_thread(lambda: next((unit for unit in units if unit.index == row.unit), None))
        if unit is None:
            raise InputError("The input has fewer rows than when the run began. Put the old one back.")
        drawn = await execution.again(unit, row)
        row_edits.open_row(store, row_id, at_work_ourselves=True)
        edited = store.rows.edit(drawn, "drawn anew")
        await asyncio.to_thread(row_checks.check_again, store, run, edited)
        return edited


def _afterwards(workspace: Workspace, run: Run, execution: RunExecutor) -> Run:
    """The run as it stands. Raises what kept the work from its end."""
    if execution.trouble is not None:
        raise execution.trouble
    return workspace.store.runs.get(run.id)
