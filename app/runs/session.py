"""A run while it is worked: its endpoints set up, nobody else at it, and what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.errors import RunError, StoreError
from app.inputs import inputs
from app.inputs.files import called
from app.recipe import Recipe
from app.runs.cost import owner_limits, pricing
from app.runs.endpoints import NobodyEndpoint, endpoint, servers_of
from app.runs.runner import RunExecutor
from app.store.columns import now
from app.store.lease import working_on
from app.store.runs import Run
from app.store.store import Store
from app.store.usage import NOTED_EVERY
from app.workspace import Workspace
from tasks.engine.budget import Account, Use
from tasks.engine.engine import Engine
from tasks.engine.retries import ANSWER_TOKENS, LENGTHS
from tasks.errors import ClaywrightError, InputError, SettingsError
from tasks.models.base import Endpoint
from tasks.models.spec import ModelSpec

if TYPE_CHECKING:
    from tasks.cluster.replicas import Replicas


@contextlib.asynccontextmanager
async def worked(workspace: Workspace, run: Run, recipe: Recipe, what: str) -> AsyncIterator[RunExecutor]:
    """The run with the endpoints that `recipe` names, worked by nobody else. What that took is noted meanwhile, and at the end.

    `what` is "work", "preview", "rate" or "again". Raises InputError where the input is another one than before, RunError
    where somebody else works on the run.
    """
    store, known = workspace.store, workspace.inputs
    is_writing = writes(store, run, what)
    if is_writing and run.inputs != await asyncio.to_thread(inputs.fingerprint, recipe.inputs, known=known):
        raise InputError(
            f"{called(recipe.inputs.path)} is not what it was when the run {run.name} began. "
            "Put the old one back, or start a new run."
        )
    async with working_on(store, run) as hold:
        try:
            if what == "work" and is_writing:
                await owner_limits.check_rows(workspace, run, recipe)
            replicas = _replicas(workspace, recipe)
            execution = await asyncio.to_thread(prepare, workspace, run, recipe, what, replicas)
            cost = costs(recipe, [recipe.generator, *recipe.responders, *([recipe.labeller] if recipe.rating else [])])
            working = await asyncio.to_thread(store.usage.begin, run.id, what)
            used = used_by(store, run, cost)
            budget, advice = owner_limits.bounded(workspace, run, recipe.budget, used)
            execution.engine.account = Account(budget, used, cost, advice)
        except ClaywrightError as error:
            if what not in ("rate", "again"):
                store.runs.set(run.id, state="draft" if what == "preview" else "paused", reason=str(error))
            raise
        hold.lost = lambda: execution.give_up(
            RunError(f"Another process took the run {run.id} over; it goes on there.")
        )
        done, engine, over = execution.progress, execution.engine, asyncio.Event()

        def note(*, last: bool = False) -> None:
            when, tallies = now(), {key: replace(tally) for key, tally in list(engine.tallies.items())}
            servers = {server: replace(tally) for server, tally in list(engine.servers.items())}
            store.usage.note(working, done.answered, done.rated, tallies, servers=servers, when=when, last=last)

        noting = asyncio.create_task(_again_and_again(note, over))
        try:
            with store.db.reserve.held():
                yield execution
        finally:
            over.set()
            try:
                await noting
            finally:
                engine.stop()
                try:
                    await engine.drain()  # what is on its way is paid for
                    await engine.close()
                finally:
                    if replicas is not None:
                        await replicas.close()
            note(last=True)


async def _again_and_again(note: Callable[[], None], over: asyncio.Event) -> None:
    while not over.is_set():
        try:
            async with asyncio.timeout(NOTED_EVERY):
                await over.wait()
        except TimeoutError:
            with contextlib.suppress(StoreError):  # the work itself will say so
                await asyncio.to_thread(note)


def writes(store: Store, run: Run, what: str) -> bool:
    """True for work that makes rows or answers them. To "rate" rows that all have their answers takes neither the input nor any
    model but the labeller; rows that failed before are answered then, too.
    """
    counts = store.runs.counts(run.id)
    return what != "rate" or counts.answered < counts.made or store.rows.any_failed(run.id)


def _replicas(workspace: Workspace, recipe: Recipe) -> "Replicas | None":
    """The replicas of a recipe's cluster, which start when they are first asked; None where it has none."""
    if recipe.cluster is None or not (served := recipe.on_cluster):
        return None
    from tasks.cluster.replicas import Replicas

    return Replicas(recipe.cluster, served[0].model, sum(spec.concurrency for spec in served), workspace.report)


def prepare(
    workspace: Workspace, run: Run, recipe: Recipe, what: str = "work", replicas: "Replicas | None" = None
) -> RunExecutor:
    """The run with the endpoints that its recipe names, ready to be worked. Only those that it will call are set up."""
    if recipe.budget.given or workspace.store.limits.of(run.owner).tokens is not None:
        recipe = _bounded(recipe)
    store, settings, keys, report = workspace.store, workspace.settings, workspace.keys, workspace.report
    is_writing = writes(store, run, what)
    generates = is_writing and (recipe.task.calls_model or (recipe.answering.n > 0 and not recipe.responders))

    def set_up(spec: ModelSpec, stage: str) -> Endpoint:
        try:
            return endpoint(spec, settings, report, keys, replicas)
        except SettingsError as error:
            error.stage = stage
            raise

    generator = set_up(recipe.generator, "generate") if generates else NobodyEndpoint()
    responders = [set_up(spec, "answer") for spec in recipe.responders] if is_writing else []
    labeller = set_up(recipe.labeller, "rate") if recipe.rating else None
    if recipe.rating:
        store.rubric_versions.keep(recipe.rating.known[key] for key in recipe.rating.keys)
    for each in {e.identity: e for e in (generator, *responders, *([labeller] if labeller else []))}.values():
        for server in servers_of(each):
            if server.warning:
                report(server.warning)
    engine = Engine(store.call_cache)
    if (shares := workspace.shares) is not None:
        ceiling = store.limits.of(run.owner).calls
        engine.share = lambda limits, gate: shares.take(
            f"{limits.address} {limits.account}", run.owner, gate, limits.concurrency, ceiling
        )
        engine.give_back = shares.give_back
    if replicas is not None:
        replicas.stopping = lambda: engine.stopping
    return RunExecutor(store, run, recipe, engine, generator, responders, labeller)


def _bounded(recipe: Recipe) -> Recipe:
    """The recipe with an end to every answer: without one, nobody knows what a call may take."""

    def bound(spec: ModelSpec) -> ModelSpec:
        bounded = spec.max_tokens or any(spec.extra.get(name) for name in LENGTHS)
        return spec if bounded else replace(spec, max_tokens=ANSWER_TOKENS)

    return pricing.with_models(recipe, bound)


def costs(recipe: Recipe, called: Sequence[ModelSpec]) -> Callable[[str, int, int], float]:
    """What tokens of a model's prompts and answers cost.

    Raises SettingsError where a budget needs that and it is not known of a model that is `called`.
    """
    known = pricing.prices(recipe if recipe.rating else replace(recipe, labeller=recipe.generator))
    if recipe.budget.dollars is not None:
        lacking = [pricing.name(spec) or spec.address for spec in called if pricing.name(spec) not in known]
        if lacking:
            raise SettingsError(
                f"A budget in dollars needs the price of {' and '.join(dict.fromkeys(lacking))}: set prompt_price and"
                " completion_price of the model, or give the budget in tokens."
            )
    return lambda model, prompt, completion: known[model].of(prompt, completion) if model in known else 0.0


def used_by(store: Store, run: Run, cost: Callable[[str, int, int], float]) -> Use:
    """What all work on the run used until now, or can have used where nobody said what it did."""
    tokens = sum(w.prompt_tokens + w.completion_tokens for w in store.usage.all(run.id))
    dollars = 0.0
    for (_, model), tally in store.usage.spent(run.id).items():
        prompt, completion = tally.unreported_prompt, tally.unreported_completion
        tokens += prompt + completion
        dollars += cost(model, tally.prompt_tokens + prompt, tally.completion_tokens + completion)
    return Use(tokens, dollars)


def outcome(execution: RunExecutor) -> tuple[str, str]:
    """(state, reason) of a run after it was worked."""
    if execution.trouble is not None:
        return "paused", str(execution.trouble)
    if execution.engine.stopping:
        return "stopped", "stopped by you"
    if execution.quota.exhausted:
        rows_made, rows_wanted = execution.quota.made, execution.quota.rows
        return "done", f"only {rows_made} of {rows_wanted} rows: too many draws were dropped"
    return "done", ""
