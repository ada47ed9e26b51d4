"""Whether work on a run stays within what its owner may use."""

import asyncio
from dataclasses import replace

from app.errors import PeopleError
from app.recipe import Recipe
from app.runs.units import most_rows, number_of_units
from app.store.people.limits import DAYS
from app.store.runs import Run
from app.workspace import Workspace
from tasks.engine.budget import Budget, Use


async def check_rows(workspace: Workspace, run: Run, recipe: Recipe) -> None:
    """Raises PeopleError where the run would hold more rows than its owner's runs may hold together."""
    store = workspace.store
    if (most := store.limits.of(run.owner).rows) is None:
        return
    units = None
    if recipe.inputs.given and recipe.rows is None:
        units = await asyncio.to_thread(number_of_units, recipe, known=workspace.inputs)
    wanted, held = most_rows(recipe, units, run.shard), store.limits.rows_of(run.owner, run.id)
    if wanted is None or wanted + held > most:
        this = "this one has no end" if wanted is None else f"this one would have {wanted:,}"
        raise PeopleError(
            f"The runs of {run.owner} may hold {most:,} rows together. The others hold {held:,}, and {this}."
            " Ask for fewer rows, delete a run, or ask an admin."
        )


def bounded(workspace: Workspace, run: Run, budget: Budget, used: Use) -> tuple[Budget, str]:
    """(the budget, and no more than its owner has left, what to do where that is used up; "" where the recipe's own ends first).

    `used` is what the run took until now. Raises PeopleError where nothing is left.
    """
    store = workspace.store
    if (most := store.limits.of(run.owner).tokens) is None:
        return budget, ""
    advice = f"{run.owner} may use {most:,} tokens within {DAYS} days: wait, or ask an admin."
    left = most - store.limits.tokens_of(run.owner)
    if left <= 0:
        raise PeopleError(f"No tokens are left. {advice}")
    if budget.tokens is not None and budget.tokens <= used.tokens + left:
        return budget, ""
    return replace(budget, tokens=used.tokens + left), advice
