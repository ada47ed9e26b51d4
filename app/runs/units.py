"""What a recipe's task works on, one unit after the other, and how many rows that gives at most."""

from collections.abc import Iterator

from app.inputs import inputs
from app.inputs.files import Still, go_on
from app.inputs.known_inputs import KnownInputs
from app.recipe import Recipe
from app.runs.shards import Shard
from app.services import Say
from app.workspace import silent
from tasks.errors import InputError
from tasks.types import Unit


def units_of(
    recipe: Recipe, report: Say = silent, still: Still = go_on, known: KnownInputs | None = None, shard: str = ""
) -> Iterator[Unit]:
    """The units, read as they are asked for; of a `shard` its own. `report` is told which files of a folder or a zip are left out.

    `still` is called while the input is read, and may raise to end that. Raises InputError.
    """
    rows = inputs.rows(recipe.inputs, recipe.task.required_columns(), report, still, known)
    units = recipe.task.units(rows, recipe.inputs.columns)
    yield from Shard.parse(shard).units(units, recipe) if shard else units


def number_of_units(
    recipe: Recipe, report: Say = silent, still: Still = go_on, known: KnownInputs | None = None
) -> int | None:
    """How many units an input gives, which is read to its end for that; None where there is no end to them."""
    if not recipe.inputs.given:
        return None
    units = units_of(recipe, report, still, known)
    if recipe.task.endless:
        next(units)  # it looks at all of the input before it draws
        return None
    return sum(1 for _ in units)


def most_rows(recipe: Recipe, units: int | None, shard: str = "") -> int | None:
    """How many rows a recipe, or a shard of it, gives at most, from so many units; None if that can't be told."""
    if shard:
        return Shard.parse(shard).most_rows(recipe, units)
    if units is None:
        return recipe.rows
    rows = units * recipe.task.rows_per_unit
    return rows if recipe.rows is None else min(rows, recipe.rows)


def those_worked(units: Iterator[Unit], indexes: Iterator[int]) -> Iterator[Unit]:
    """The units with these numbers, which rise. Raises InputError where the input has no such unit any more."""
    for index in indexes:
        unit = next((unit for unit in units if unit.index == index), None)
        if unit is None:
            raise InputError(
                "The input has fewer rows than when the run began. Put the old one back, or start a new run."
            )
        yield unit
