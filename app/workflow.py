"""The whole loop, as a handful of functions. Read this file first.

    start      a recipe becomes a run
    preview    its first rows, to look at before the rest is paid for
    generate   its units give rows, rows get responses, responses get ratings
    push       the rows go to Argilla, with the ratings as suggestions
    pull       what people said there comes back
    agreement  how well they agree with each other and with the labeller
    export     what they approved becomes a file
    publish    or a dataset on the Hugging Face Hub

Every step can be stopped anywhere and done again: it goes on where it was, and pays for nothing twice. The command line,
the page and the Python API call these functions and show what they give.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import changing, recipe
from app.config import Settings
from app.errors import RunError
from app.execution import Execution
from app.files import expanded, is_store
from app.inputs import inputs
from app.inputs.files import OutOfTime, Still, go_on, within
from app.judging import gives, judged_of, judged_rows
from app.keys import Keys
from app.permissions import Permissions, models_of
from app.recipe import Recipe
from app.reviewing import Argilla, dataset_of, guidelines_of, with_audit
from app.services import Say
from app.store import Store
from app.tables.runs import Run
from app.tables.text import clean, dumps
from app.workers import at_work
from app.working import outcome, worked, writes
from feedback.errors import ExportError
from feedback.exports import Export, Exported
from feedback.exports import export as write_file
from feedback.judged import Judged
from feedback.schema import settings as dataset_settings
from feedback.schema import shape_of
from feedback.ultrafeedback import UltraFeedback
from feedback.writers import seal
from tasks.errors import InputError, Stopped
from tasks.models.spec import ModelSpec
from tasks.types import Row, Unit

if TYPE_CHECKING:
    from app.pulling import Pulled
    from app.sending import Sent
    from app.vectors import Vectors
    from feedback.agreement import Agreement
    from feedback.finished import Finished
    from feedback.hub import Published
    from feedback.push import Pushed

SEEDS = 2**31
ENVIRONMENT = Keys()
CHECKED_WITHIN = 10.0
"""Seconds that a new run takes to look for what is wrong with its inputs; a long one shows the rest when it is read."""
Watch = Callable[[Execution, int | None], None]
"""Is told what works, and how many rows that will give: None until that is known, or where it can't be told."""


def start(store: Store, settings: Settings, made: Recipe) -> Run:
    """A new run of a recipe, nothing done yet. Its inputs are read first, so that what is wrong with them shows now.

    Raises SettingsError or InputError.
    """
    with contextlib.suppress(OutOfTime):
        expected(made, still=within(CHECKED_WITHIN))
    # who starts a run was asked before, or wrote the program: what it reads may be read when it is looked at again
    Permissions(settings.data).allow_inputs(made.inputs, models_of(made))
    seed = secrets.randbelow(SEEDS) if made.seed is None else made.seed
    slug = "".join(c if c.isalnum() else "-" for c in made.name.lower()).strip("-")[:40] or "run"
    run_id = f"{slug}-{datetime.now():%y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    text = recipe_text(made)
    return store.runs.create(run_id, clean(made.name), settings.owner, text, seed, inputs.fingerprint(made.inputs))


def draft(store: Store, settings: Settings, made: Recipe, old: Run | None) -> Run:
    """The run that a page works for a recipe: `old`, if it is a draft that begins with the same rows, else a new one.

    A draft that was changed gives way to the new one, which draws with the same seed: going back costs nothing.
    """
    if old is None or old.state != "draft":
        return start(store, settings, made)
    if same_rows(recipe_of(old), made) and old.inputs == inputs.fingerprint(made.inputs):
        store.runs.set(old.id, recipe=recipe_text(made), name=made.name)
        return store.runs.get(old.id)
    new = start(store, settings, made if made.seed is not None else replace(made, seed=old.seed))
    store.runs.set(new.id, recipe=recipe_text(made))
    new = store.runs.get(new.id)
    counts = store.runs.counts(old.id)
    used = store.reviews.pushes(old.id) or counts["ratings"] or counts["exported"] or changing.touched(store, old)
    if not at_work(old) and not used:
        store.runs.delete(old.id)
    return new


def same_rows(one: Recipe, other: Recipe) -> bool:
    """True if both make the same rows, though perhaps not as many; how they are rated and reviewed is left out."""
    return _making(one) == _making(other)


def _making(made: Recipe) -> tuple[object, ...]:
    """What decides the rows of a recipe: how hard an endpoint is driven, what it costs and where its key comes from does not."""
    specs = (made.generator, *made.responders)
    alike: dict[str, Any] = {
        "key_env": "",
        "concurrency": 1,
        "requests_per_minute": 0,
        "tokens_per_minute": 0,
        "timeout": 1.0,
    }
    models = [replace(spec.unpriced, **alike) for spec in specs]
    return (models, made.task, made.inputs, made.answering, made.seed)


def recipe_text(made: Recipe) -> str:
    return dumps(made.dump())


def recipe_of(run: Run) -> Recipe:
    return recipe.read(run.recipe)


def expected(made: Recipe, say: Say = lambda words: None, still: Still = go_on) -> int | None:
    """How many rows a recipe will give at most; None if that can't be told. Reads the inputs to their end."""
    if not made.inputs.given:
        return made.rows
    found = units_of(made, say, still)
    if made.task.endless:
        next(found)  # it looks at all of the input before it draws
        return made.rows
    units = sum(1 for _ in found)
    most = units * made.task.rows_per_unit
    return most if made.rows is None else min(most, made.rows)


def units_of(made: Recipe, say: Say = lambda words: None, still: Still = go_on) -> Iterator[Unit]:
    """What a recipe's task works on, read as it is asked for. `say` is told which files of a folder or a zip are left out.

    `still` is called while the input is read, and may raise to end that.
    """
    yield from made.task.units(inputs.rows(made.inputs, made.task.required_columns(), say, still), made.inputs.columns)


def standing(run: Run) -> str:
    """How a run stands: draft, running, paused, stopped or done; "interrupted" if its process died while it worked on it."""
    return "interrupted" if run.state == "running" and not at_work(run) else run.state


async def generate(
    store: Store,
    settings: Settings,
    run: Run,
    watch: Watch,
    say: Say,
    *,
    keys: Keys = ENVIRONMENT,
    changed: Recipe | None = None,
    retry_failed: bool = False,
    only_made: bool = False,
) -> Run:
    """Works a run to its end: makes rows, answers and rates them. Returns it as it stands afterwards.

    What can't pass (a refused key, a dead endpoint, a full disk) is raised after everything that was under way is kept;
    the run is then paused with that reason and can be worked again. `changed` is the recipe from now on: more rows, say,
    or another labeller. `only_made` finishes the rows that are there and makes no others.
    """
    made = changed or recipe_of(run)
    more = changed is not None or run.state == "draft"
    before = ("stopped", "interrupted") if run.state == "running" else (run.state, run.reason)
    what = "rate" if only_made else "work"
    async with worked(store, settings, run, made, say, keys, what) as execution:
        store.runs.set(run.id, recipe=recipe_text(made), state="running", reason="")
        try:
            store.rows.reopen(run.id, surplus=more and not only_made, failed=retry_failed, units=not only_made)
            there = store.rows.progress_of_units(run.id, "")
            if not writes(store, run, what):
                watch(execution, store.runs.counts(run.id)["answered"])
                await execution.work(Unit(index) for index, *_ in there)
            else:
                if made.inputs.given:
                    watch(execution, None)
                with contextlib.suppress(Stopped):  # it ends below, as anything else that was stopped
                    watch(execution, await asyncio.to_thread(expected, made, say, execution.still))
                units = units_of(made, still=execution.still)
                await execution.work(_those_of(units, there) if only_made else units)
        except BaseException:
            state, reason = before if only_made else ("stopped", "interrupted")
            store.runs.set(run.id, state=state, reason=reason)
            raise
        state, reason = before if only_made else outcome(execution)  # its units stand as they stood
        store.runs.set(run.id, state=state, reason=reason)
    if execution.trouble is not None:
        raise execution.trouble
    return store.runs.get(run.id)


async def preview(
    store: Store,
    settings: Settings,
    run: Run,
    watch: Watch,
    say: Say,
    *,
    rows: int,
    keys: Keys = ENVIRONMENT,
) -> Run:
    """The first rows of a run, answered and not rated. The run stays a draft; working it goes on behind these rows."""
    made = recipe_of(run)
    few = replace(made, rows=min(rows, made.rows or rows), rating=None)
    async with worked(store, settings, run, few, say, keys, "preview") as execution:
        store.rows.reopen(run.id, surplus=True, failed=True)
        store.runs.set(run.id, reason="")
        execution.engine.watched = True
        watch(execution, few.rows)
        await execution.work(units_of(few, still=execution.still))
    if execution.trouble is not None:
        raise execution.trouble
    return store.runs.get(run.id)


async def again(
    store: Store, settings: Settings, run: Run, row_id: str, watch: Watch, say: Say, *, keys: Keys = ENVIRONMENT
) -> Row:
    """Draws one row anew; what it said before is kept as a revision, and its ratings no longer count.

    Raises RunError where people have the row already, CallRefused where the draw gives nothing; the row is then as it was.
    """
    row, made = changing.open_row(store, row_id), replace(recipe_of(run), rating=None)
    async with worked(store, settings, run, made, say, keys, "again") as execution:
        watch(execution, 1)
        units = units_of(made, still=execution.still)
        unit = await asyncio.to_thread(lambda: next((u for u in units if u.index == row.unit), None))
        if unit is None:
            raise InputError("The input has fewer rows than when the run began. Put the old one back.")
        drawn = await execution.again(unit, row)
        changing.open_row(store, row_id, at_work_ourselves=True)
        return store.rows.edit(drawn, "drawn anew")


def _those_of(units: Iterator[Unit], worked: Iterator[tuple[int, str, int, bool]]) -> Iterator[Unit]:
    """The units that were worked already."""
    for index, *_ in worked:
        if (found := next((unit for unit in units if unit.index == index), None)) is None:
            raise InputError(
                "The input has fewer rows than when the run began. Put the old one back, or start a new run."
            )
        yield found


async def rate(
    store: Store,
    settings: Settings,
    run: Run,
    rating: UltraFeedback | None,
    watch: Watch,
    say: Say,
    *,
    labeller: ModelSpec | None = None,
    keys: Keys = ENVIRONMENT,
) -> Run:
    """Rates the rows that a run has, by `rating` or as its recipe says, and answers those that are not answered yet."""
    made = recipe_of(run)
    made = replace(made, rating=rating or made.rating or UltraFeedback(), labeller=labeller or made.labeller)
    return await generate(store, settings, run, watch, say, keys=keys, changed=made, retry_failed=True, only_made=True)


def push(
    store: Store,
    run: Run,
    where: Argilla,
    watch: Callable[[Pushed, int], None],
    *,
    dataset: str = "",
    workspace: str = "",
    withdraw: bool = False,
    vectors: Vectors | None = None,
) -> Sent:
    """Sends the rows of a run to Argilla. Rows that are there already, unchanged, are not sent again.

    `withdraw` takes the records of rows that the run does not have any more out of Argilla; `vectors` are for "find similar"
    there. Raises RunError if there is nothing to send, ArgillaError and its kind otherwise.
    """
    from app import sending
    from feedback.push import target
    from feedback.server import Server

    made = recipe_of(run)
    shape = shape_of(store.rows.walk(run.id))
    population = store.runs.counts(run.id)["answered"]
    if not population:
        raise RunError(
            f"The run {run.name} has no rows to send yet. Make some first.",
            terminal=f"claywright run --resume {run.id}",
        )
    made = with_audit(store, run, made, population)
    name = dataset or dataset_of(store, run, made.review)
    place = workspace or made.review.workspace or where.workspace
    labelled = made.rating.aspects if made.rating else ()
    if vectors is not None:
        shape = replace(shape, dimensions=vectors.dimensions)
    with Server(where.url, where.key) as server:
        to = target(server, name, place, dataset_settings(shape, made.review, labelled, guidelines_of(made)))
        return sending.send(
            store, run, made, shape, server, where.name, to,
            lambda: judged_rows(store, run), lambda ids: judged_of(store, run, ids),
            lambda done: watch(done, population), vectors.of if vectors else None, withdraw=withdraw,
        )  # fmt: skip


def vectors_for(store: Store, settings: Settings, run: Run, say: Say, keys: Keys = ENVIRONMENT) -> Vectors | None:
    """What makes the vectors of a run's instructions, as its recipe says; None where it says nothing."""
    from app.vectors import Vectors

    spec = recipe_of(run).embedder
    return Vectors(store, settings, spec, say, keys) if spec is not None else None


def rename(store: Store, run: Run, name: str) -> Run:
    """The run under another name. Its id, and so what is in Argilla and on the Hub, stays."""
    text = recipe_text(replace(recipe_of(run), name=name))
    store.runs.set(run.id, name=clean(name), recipe=text)
    return store.runs.get(run.id)


def amend(store: Store, run: Run, **parts: Any) -> Run:
    """The run with other parts of its recipe, of those that decide nothing about its rows: review, merge, embedder, export."""
    store.runs.set(run.id, recipe=recipe_text(replace(recipe_of(run), **parts)))
    return store.runs.get(run.id)


def pull(
    store: Store,
    run: Run,
    where: Argilla,
    *,
    only_moved: bool = False,
    watch: Callable[[Pulled], None] = lambda done: None,
) -> Pulled:
    """Brings the verdicts of all reviewers back from every dataset of that server that the run was sent to.

    With `only_moved` a dataset in which nobody seems to have done anything since the last pull is passed over.
    """
    from app import pulling
    from feedback.server import Server

    pushes = [push for push in store.reviews.pushes(run.id) if push["server"] == where.name]
    if not pushes:
        raise RunError(
            f"The run {run.name} was not sent to {where.url} yet. Send it first.", terminal=f"claywright push {run.id}"
        )
    done = pulling.Pulled(sent=store.runs.counts(run.id)["sent"])
    with Server(where.url, where.key) as server:
        pulling.fetch(store, server, pushes, done, only_moved=only_moved, watch=watch)
    counts = store.runs.counts(run.id)
    done.submitted, done.rows_reviewed = counts["submitted"], counts["reviewed"]
    done.approved, done.rejected, done.undecided = counts["approved"], counts["rejected"], counts["undecided"]
    return done


def agreement(store: Store, run: Run) -> Agreement:
    """How well reviewers agree with each other and with the labeller, by the audit rows of a run that was pulled."""
    from feedback.agreement import agreement as agreed

    def measured() -> Agreement:
        made = recipe_of(run)
        asked = made.review.rated(made.rating.aspects if made.rating else ())
        return agreed(judged_rows(store, run, store.reviews.audit_rows(run.id)), asked, made.review.min_submitted)

    return store.db.remembered(f"agreement of {run.id}", measured)


def export(
    store: Store,
    run: Run,
    to: Export,
    say: Say = lambda words: None,
    watch: Callable[[int], None] = lambda looked_at: None,
    *,
    overwrite: bool = False,
) -> Exported:
    """Writes the rows of a run that `to` takes into a file. `say` may raise to end it. Raises ExportError.

    What is there already is replaced where it is as an export of this run left it, or with `overwrite`; of several files,
    those go that such an export left beyond the last one. `watch` is told how
    many rows were looked at.
    """
    made = recipe_of(run)
    path = expanded(to.path or f"{run.id}-{to.format}.jsonl")

    if is_store(path):
        raise ExportError(f"{path} belongs to Claywright's own store.", terminal="Name another place with --to FILE.")

    def rows() -> Iterator[Judged]:
        for looked_at, row in enumerate(judged_rows(store, run), 1):
            watch(looked_at)
            yield row

    def owned(path: Path) -> bool:
        return seal(path) in store.runs.seals(run.id, str(path.absolute()))

    def replaces(path: Path) -> bool:
        return overwrite or owned(path)

    def ready(seals: Mapping[Path, str]) -> None:
        if store.db.writable:
            store.runs.seal(run.id, {str(place.absolute()): seal for place, seal in seals.items()})

    done = write_file(rows(), to, path, run.id, made.kind, say, replaces, ready, owned)
    if store.db.writable:
        store.runs.add_export(run.id, str(done.path), to.format, done.written)
    return done


def publish(store: Store, run: Run, to: Export, say: Say) -> Published:
    """Adds the rows of a run that `to` takes to its dataset on the Hub. Raises ExportError and its kinds."""
    from app.publishing import facts
    from feedback.hub import publish as send_to_hub

    done = send_to_hub(judged_rows(store, run), to, facts(run, recipe_of(run)), say)
    if done.added:
        store.runs.add_export(run.id, done.url, to.format, done.added)
    return done


def finish(
    store: Store, run: Run, to: Export, where: Argilla, watch: Callable[[Finished], None] = lambda done: None
) -> Finished:
    """Writes the rows of a run that `to` takes into a dataset of Argilla, `to.argilla`, as finished ones.

    Raises SettingsError for a format that Argilla can't show, ExportError for nothing to write, ArgillaError and its kinds.
    """
    from feedback.finished import write as write_finished
    from feedback.server import Server

    made = recipe_of(run)
    if not gives(store, run, to):
        raise ExportError("There is nothing to write into Argilla yet: no row that can be used was approved.")
    with Server(where.url, where.key) as server:
        place = made.review.workspace or where.workspace
        done = write_finished(server, to.argilla, place, judged_rows(store, run), to, run.id, made.kind, watch)
    store.runs.add_export(run.id, done.url, to.format, done.records)
    return done
