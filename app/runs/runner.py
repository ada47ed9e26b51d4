"""Works a run to its end: units give rows, rows get responses, responses get ratings, each as soon as it can.

There are no batches and no barriers: a unit that waits holds nobody up. What is done is in the store before anything builds
on it, so that working a run again after any kind of end goes on where it stopped.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import StoreError
from app.inputs import inputs
from app.recipe import Recipe
from app.runs.dedup_pool import DedupPool
from app.runs.quota import Quota
from app.runs.row_checks import check_row
from app.runs.unit_order import InOrder
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from feedback.checks.base import identity_of
from feedback.labeller.pairwise import Pairwise, judge_of
from feedback.labeller.ultrafeedback import Question, UltraFeedback
from tasks.engine.engine import Engine
from tasks.errors import (
    BudgetSpent,
    CallRefused,
    ClaywrightError,
    EndpointRefused,
    InputError,
    SettingsError,
    Stopped,
    Unsupported,
)
from tasks.models.base import Endpoint
from tasks.types import PER_RESPONSE, Dropped, Row, Unit

Job = Callable[[], Awaitable[None]]
WAITING = 4
"""How many times as many units are under way where they are kept in order, so that a slow one seldom holds the others up."""
MOST_AHEAD, READ_FOR = 32, 0.02
"""Units that are read ahead, and seconds after which it is enough."""
PAUSES = (Stopped, BudgetSpent, EndpointRefused, Unsupported, SettingsError, StoreError)
"""What ends the work on a run, as no other unit would fare better."""


@dataclass
class Progress:
    """What happened since this process took the run up; totals of the run are in the store."""

    units: int = 0
    rows: int = 0
    answered: int = 0
    rated: int = 0
    dropped: int = 0
    failed: int = 0


@dataclass
class RunExecutor:
    """One run, its recipe, and the endpoints that serve it. `work` does everything that is left to do."""

    store: Store
    run: Run
    recipe: Recipe
    engine: Engine
    generator: Endpoint
    responders: Sequence[Endpoint]
    labeller: Endpoint | None
    progress: Progress = field(default_factory=Progress)
    trouble: ClaywrightError | None = None

    def __post_init__(self) -> None:
        self.answers = self.recipe.answering
        self.judge = judge_of(self.recipe.rating) if self.recipe.rating else None
        self.judge_id = self.judge.identity(self.labeller.identity) if self.judge and self.labeller else ""
        task = self.recipe.task
        rows = self.recipe.rows if not self.run.shard else None  # a shard has only units of which all rows are needed
        self.quota = Quota(rows, task.rows_per_unit, task.draws or task.endless)
        self.in_order = task.near_duplicate is not None or task.round > 0
        self.turns = InOrder()
        self.pool: DedupPool | None = None

    def stop(self) -> None:
        """Sends no more calls; those in flight are waited for and kept."""
        self.engine.stop()
        self.quota.close()

    def still(self) -> None:
        """Raises Stopped once the run is to stop: what reads for it calls this."""
        if self.engine.stopping:
            raise Stopped("The run was stopped while its input was read.")

    def give_up(self, error: ClaywrightError) -> None:
        """Stops because of what no other unit would fare better with."""
        self.trouble = self.trouble or error
        self.stop()

    async def work(self, units: Iterable[Unit]) -> None:
        """Works `units`, but for what the store has of them. Sets `trouble` to what kept it from the end."""
        self.quota.resume(*self.store.rows.worked(self.run.id))
        if self.labeller is not None:  # while the first rows are made
            asyncio.ensure_future(self.engine.capabilities(self.labeller, "rate")).add_done_callback(_seen)
        jobs = self._jobs(iter(units))
        width = 2 * sum(e.limits.concurrency for e in {e.identity: e for e in self._endpoints()}.values())
        width *= WAITING if self.in_order else 1
        workers = [asyncio.create_task(self._worker(jobs)) for _ in range(width)]
        try:
            await asyncio.gather(*workers)
        except asyncio.CancelledError:
            await self.engine.abandon()
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await self.engine.drain()

    def _endpoints(self) -> list[Endpoint]:
        return [self.generator, *self.responders, *([self.labeller] if self.labeller else [])]

    async def _worker(self, jobs: AsyncIterator[Job]) -> None:
        async for job in jobs:
            try:
                await job()
            except Stopped:
                return
            except ClaywrightError as error:
                self.give_up(error)
                return

    def _jobs(self, units: Iterator[Unit]) -> "Queue":
        worked = self.store.rows.progress_of_units(self.run.id, self.judge_id, identity_of(self.recipe.checks))
        return Queue(self, units, worked)

    # -- one unit

    async def begin(self, unit: Unit) -> Unit:
        """The unit as it is worked: with the examples that it is shown, once the rounds before its own are over.

        Raises Stopped if they will not be, this time.
        """
        task, seed = self.recipe.task, self.run.seed
        if self.in_order and self.pool is None:
            self.pool = await asyncio.to_thread(self._read_pool)
        if self.pool is not None and task.round:
            first = unit.index - unit.index % task.round
            await self.turns.past(first)
            unit = task.shown(unit, self.pool.seeds, self.pool.before(first), f"{seed}/unit/{unit.index}")
        self.quota.start()
        self.turns.start(unit.index)
        return unit

    def _read_pool(self) -> DedupPool:
        task = self.recipe.task
        seeds = task.seeds(inputs.rows(self.recipe.inputs, still=self.still))
        return DedupPool(task.near_duplicate, seeds, self.store.rows.as_made(self.run.id))

    async def work_unit(self, unit: Unit) -> None:
        try:
            rows, answered = await self._rows_of(unit)
        except BaseException:
            self.turns.give_up(unit.index)
            raise
        self.turns.over(unit.index)
        self.progress.units += 1
        self.quota.finish(unit.index, len(rows))
        await together(self.finish(row, new=True, answered=row.id in answered) for row in rows)

    async def _rows_of(self, unit: Unit) -> tuple[list[Row], set[str]]:
        """The unit's rows, kept, and the ids of those that lack nothing and are surely wanted; none if it failed.

        Where rows depend on earlier ones, it is kept when its turn has come.
        """
        try:
            model = self.engine.bind(self.generator, f"{self.run.seed}/unit/{unit.index}", stage="generate")
            results = await self.recipe.task.rows(unit, model)
        except PAUSES:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is costs this unit alone, and is kept with it
            await self.store.rows.fail_unit(self.run.id, unit.index, failure_text(error))
            self.progress.failed += 1
            return [], set()
        if self.pool is not None:
            await self.turns.past(unit.index)
            results = self.pool.sieve(unit.index, results)
        rows = self._named(unit, results)
        drops = [drop for drop in results if isinstance(drop, Dropped)]
        answered = {row.id for row in rows if not self._missing(row) and self.quota.wanted(row.unit, row.position)}
        await self.store.rows.keep_unit(self.run.id, unit.index, rows, drops, answered)
        self.progress.rows += len(rows)
        self.progress.dropped += len(drops)
        return rows, answered

    def _missing(self, row: Row) -> list[int]:
        return self.answers.missing(range(len(row.responses)))

    def _named(self, unit: Unit, results: Sequence[Row | Dropped]) -> list[Row]:
        """The rows with their ids: run, unit and position, for ever."""
        rows = [row for row in results if isinstance(row, Row)]
        return [
            replace(row, id=f"{self.run.id}-{unit.index:06d}-{position}", unit=unit.index, position=position)
            for position, row in enumerate(rows)
        ]

    async def work_open_rows(self, unit: Unit) -> None:
        """What is left to do for the rows of a unit that was worked before."""
        open_rows = list(self.store.rows.walk_open(self.run.id, unit.index))
        await together(self.finish(row) for row in open_rows)

    async def again(self, unit: Unit, row: Row) -> Row:
        """Draws one row anew, with answers, in place of what it says now. Raises CallRefused where the draw gives no row."""
        chance = f"again/{row.revision + 1}"
        task, seed = self.recipe.task, self.run.seed
        if task.round:
            pool = await asyncio.to_thread(self._read_pool)
            first = unit.index - unit.index % task.round
            unit = task.shown(unit, pool.seeds, pool.before(first), f"{seed}/unit/{unit.index}/{chance}")
        results = await task.rows(
            unit, self.engine.bind(self.generator, f"{seed}/unit/{unit.index}/{chance}", stage="generate")
        )
        rows = [result for result in results if isinstance(result, Row)]
        if not rows:
            why = next((result.reason for result in results if isinstance(result, Dropped)), "no row came of it")
            raise CallRefused(f"The new draw could not be used: {why}. The row is as it was; try again.")
        redrawn = rows[min(row.position, len(rows) - 1)]
        responses = list(redrawn.responses)
        for index in self.answers.missing(range(len(responses))):
            endpoint = self.answers.turn(index, self.responders or [self.generator])
            scope = f"{seed}/answer/{row.unit}/{row.position}/{index}/{chance}"
            response = await self.answers.respond(
                redrawn, index, self.engine.bind(endpoint, scope, stage="answer"), task.shape
            )
            responses.append(response)
        self.progress.answered += 1
        return replace(row, messages=redrawn.messages, responses=tuple(responses), origin=redrawn.origin)

    # -- one row

    async def finish(self, row: Row, *, new: bool = False, answered: bool = False) -> None:
        """Answers, checks and rates a row: a `new` one was made just now, an `answered` one is kept as such."""
        if not await self.quota.wants(row.unit, row.position):
            await self.store.rows.set_state(row.id, "surplus", "beyond the rows asked for")
            return
        try:
            if not answered:
                row = await self._answer(row, new)
            self.progress.answered += 1
            if self.recipe.checks:
                await check_row(self.store, self.recipe.checks, row, new=new)
            if PER_RESPONSE in row.origin:
                await self._keep_given_ratings(row)
            if self.judge is not None and self.labeller is not None:
                if isinstance(self.judge, Pairwise):
                    await self._compare(row, self.judge, self.labeller, new)
                else:
                    await self._rate(row, self.judge, self.labeller, new)
        except PAUSES:
            raise
        except Exception as error:  # noqa: BLE001 - likewise for a row
            await self.store.rows.set_state(row.id, "failed", failure_text(error))
            self.progress.failed += 1

    async def _keep_given_ratings(self, row: Row) -> None:
        """Keeps the ratings that came with a dataset's row."""
        from feedback.labeller.given_ratings import GIVEN, given_ratings

        if ratings := given_ratings(row):
            await self.store.ratings.keep(row.id, content_hash(row), GIVEN, ratings, last=True)

    async def _answer(self, row: Row, new: bool) -> Row:
        """The row with all its responses."""
        missing = self._missing(row) if new else self.answers.missing(self.store.rows.places(row.id))
        await together(self._respond(row, index) for index in missing)
        row = self.store.rows.get(row.id) if missing else row
        await self.store.rows.answered(row)
        return row

    async def _respond(self, row: Row, index: int) -> None:
        endpoint = self.answers.turn(index, self.responders or [self.generator])
        scope = f"{self.run.seed}/answer/{row.unit}/{row.position}/{index}"
        model = self.engine.bind(endpoint, scope, stage="answer")
        response = await self.answers.respond(row, index, model, self.recipe.task.shape)
        await self.store.rows.keep_response(row.id, index, response)

    async def _rate(self, row: Row, judge: UltraFeedback, labeller: Endpoint, new: bool) -> None:
        content = content_hash(row)
        before = () if new else self.store.ratings.of([row.id], self.judge_id)[row.id]
        have = {(rating.aspect, rating.repeat, rating.response) for rating in before if rating.status != "failed"}
        questions = judge.questions(row)
        left = [q for q in questions if any((q.aspect, q.repeat, index) not in have for index in q.order)]
        model = self.engine.bind(labeller, "rating", seeded=False, stage="rate")

        async def ask(question: Question) -> None:
            answer = await judge.rate(row, question, model)
            ratings = [replace(rating, temperature=self.recipe.labeller.temperature) for rating in answer]
            left.remove(question)
            await self.store.ratings.keep(row.id, content, self.judge_id, ratings, last=not left)
            self.progress.failed += sum(rating.status == "failed" for rating in ratings)

        if left:
            await together([ask(question) for question in left])
        else:
            await self.store.ratings.done(row.id, self.judge_id)
        self.progress.rated += 1

    async def _compare(self, row: Row, judge: Pairwise, labeller: Endpoint, new: bool) -> None:
        """A row is rated once all its pairs are compared: calls that failed leave it open, and are made again."""
        content = content_hash(row)
        before = () if new else self.store.preferences.of([row.id], self.judge_id)[row.id]
        have = {(p.aspect, p.repeat, p.first, p.second) for p in before if p.status != "failed"}
        left = [q for q in judge.questions(row) if (q.aspect, q.repeat, *q.order) not in have]
        model = self.engine.bind(labeller, "rating", seeded=False, stage="rate")
        failed = 0

        async def ask(question: Question) -> None:
            nonlocal failed
            answer = await judge.rate(row, question, model)
            preferences = [replace(p, temperature=self.recipe.labeller.temperature) for p in answer]
            left.remove(question)
            failed += sum(p.status == "failed" for p in preferences)
            last = not left and not failed
            await self.store.preferences.keep(row.id, content, self.judge_id, preferences, last=last)

        if left:
            await together([ask(question) for question in left])
        else:
            await self.store.ratings.done(row.id, self.judge_id)
        self.progress.failed += failed
        self.progress.rated += not failed


class Queue:
    """The jobs of a run in unit order: units not yet worked, and open rows of those that were.

    Each worker takes the next one when it is free. A unit is handed out only while its rows may be wanted.
    """

    def __init__(
        self, execution: RunExecutor, units: Iterator[Unit], worked: Iterator[tuple[int, str, int, bool]]
    ) -> None:
        self.execution = execution
        self.units = ReadAhead(units)
        self.worked = worked
        self.next_worked = next(worked, None)
        self._turn = asyncio.Lock()

    def __aiter__(self) -> "Queue":
        return self

    async def __anext__(self) -> Job:
        async with self._turn:
            while True:
                if self.execution.engine.stopping:
                    raise StopAsyncIteration
                try:
                    job = await self._next()
                except Stopped:
                    raise StopAsyncIteration from None
                except InputError as error:  # what was read before is worked all the same
                    self.execution.trouble = self.execution.trouble or error
                    raise StopAsyncIteration from None
                if job is not None:
                    return job

    async def _next(self) -> Job | None:
        """The next job; None where a unit has nothing left to do. Raises StopAsyncIteration at the end."""
        run = self.execution
        if self.next_worked is None and not await run.quota.room():
            raise StopAsyncIteration
        unit = await self.units.next()
        if unit is None:
            raise StopAsyncIteration
        while self.next_worked is not None and self.next_worked[0] < unit.index:
            self.next_worked = next(self.worked, None)
        if self.next_worked is not None and self.next_worked[0] == unit.index:
            _, state, rows, is_open = self.next_worked
            self.next_worked = next(self.worked, None)
            run.quota.worked(unit.index, rows)
            return (lambda: run.work_open_rows(unit)) if is_open and state == "done" else None
        if not await run.quota.room():
            run.quota.worked(unit.index, 0)
            return None
        begun = await run.begin(unit)
        return lambda: run.work_unit(begun)


class ReadAhead:
    """Units, read a few at a time in a thread: an input may take its time, and what is under way goes on meanwhile."""

    def __init__(self, units: Iterator[Unit]) -> None:
        self._units = units
        self._read: deque[Unit] = deque()
        self._fault: ClaywrightError | None = None
        self._over = False

    async def next(self) -> Unit | None:
        """The next one, or None at the end. Raises what reading raised, behind what was read before."""
        if not self._read and not self._over and self._fault is None:
            await asyncio.to_thread(self._read_some)
        if self._read:
            return self._read.popleft()
        if self._fault is not None:
            raise self._fault
        return None

    def _read_some(self) -> None:
        until = time.monotonic() + READ_FOR
        try:
            for unit in self._units:
                self._read.append(unit)
                if len(self._read) >= MOST_AHEAD or time.monotonic() > until:
                    return
            self._over = True
        except ClaywrightError as error:
            self._fault = error


def failure_text(error: Exception) -> str:
    """A failure as its unit keeps it."""
    if isinstance(error, ClaywrightError):
        return str(error)
    return f"a fault of Claywright, please report it: {type(error).__name__}: {error}"


def _seen(task: "asyncio.Future[Any]") -> None:
    """What is wrong with it is told to those who need what it finds."""
    if not task.cancelled():
        task.exception()


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of it, waits for all of it, then raises the first error, if any."""
    if len(works := list(work)) == 1:
        return await works[0]
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
