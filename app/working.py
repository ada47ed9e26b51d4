"""A run in our hands: its endpoints set up, nobody else at it, and what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from app import inputs
from app.config import Settings
from app.endpoints import endpoint
from app.errors import RunError
from app.execution import Execution
from app.keys import Keys
from app.recipe import Recipe
from app.services import Say
from app.sources import called
from app.store import Store
from app.tables.runs import Run
from app.workers import working_on
from tasks.engine import Engine
from tasks.errors import ClaywrightError, InputError
from tasks.models.scripted import ScriptedEndpoint


@contextlib.asynccontextmanager
async def worked(
    store: Store, settings: Settings, run: Run, made: Recipe, say: Say, keys: Keys, what: str
) -> AsyncIterator[Execution]:
    """The run in our hands, with the endpoints that `made` names; what the work took is written down at the end."""
    if run.inputs != await asyncio.to_thread(inputs.fingerprint, made.inputs):
        raise InputError(
            f"{called(made.inputs.path)} is not what it was when the run {run.name} began. "
            "Put the old one back, or start a new run."
        )
    async with working_on(store, run) as hold:
        try:
            execution = await asyncio.to_thread(prepare, store, settings, run, made, say, keys)
        except ClaywrightError as error:
            if what not in ("rate", "again"):
                store.runs.set(run.id, state="draft" if what == "preview" else "paused", reason=str(error))
            raise
        hold.lost = lambda: execution.give_up(
            RunError(f"Another process took the run {run.id} over; it goes on there.")
        )
        try:
            yield execution
        finally:
            done = execution.progress
            engine = execution.engine
            await engine.close()
            store.runs.add_working(run.id, what, done.answered, done.rated, engine.tally, engine.tallies)


def prepare(store: Store, settings: Settings, run: Run, made: Recipe, say: Say, keys: Keys) -> Execution:
    """The run with the endpoints that its recipe names, ready to be worked. Only those that it will call are set up."""
    generates = made.task.calls_model or (made.answering.n > 0 and not made.responders)
    generator = endpoint(made.generator, settings, say, keys) if generates else ScriptedEndpoint(name="nobody")
    responders = [endpoint(spec, settings, say, keys) for spec in made.responders]
    labeller = endpoint(made.labeller, settings, say, keys) if made.rating else None
    return Execution(store, run, made, Engine(store.calls), generator, responders, labeller)


def outcome(execution: Execution) -> tuple[str, str]:
    """(state, reason) of a run after it was worked."""
    if execution.trouble is not None:
        return "paused", str(execution.trouble)
    if execution.engine.stopping:
        return "stopped", "stopped by you"
    if execution.quota.exhausted:
        made, wanted = execution.quota.made, execution.quota.rows
        return "done", f"only {made} of {wanted} rows: too many draws were dropped"
    return "done", ""
