"""Work that goes on when the page is closed: one job a run at a time, all in one thread with an event loop of its own.

A page starts a job, looks at it as often as it likes and may stop it. What a job did is in the store; the job itself is
only what this process knows of it. After a restart there are no jobs, and a run that was being worked stands as
interrupted.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from app import workflow
from app.api_keys import Keys
from app.config import Settings
from app.errors import RunError
from app.inputs.known_inputs import KnownInputs
from app.recipe import Recipe
from app.review import argilla
from app.review.pull import Pulled
from app.review.push_plan import Sent, send_moved
from app.review.review_queue import is_due, refresh
from app.runs.run_recipes import amend
from app.runs.runner import RunExecutor, failure_text
from app.services import Say
from app.store.runs import Run, RunCounts
from app.store.store import Store
from app.web.operations.log import note
from app.workspace import Workspace, silent
from feedback.argilla.client import Server
from feedback.argilla.push import Pushed
from feedback.checks import Check
from feedback.errors import DatasetMismatch
from feedback.exports.hub import Published
from feedback.exports.selection import Export, Exported
from feedback.exports.to_argilla import Finished
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks.engine.fair_shares import FairShares
from tasks.errors import ClaywrightError, ModelError, SettingsError, Stopped, Unsupported
from tasks.models.spec import ModelSpec

if TYPE_CHECKING:
    from app.runs.embeddings import Vectors

log = logging.getLogger("claywright")
What = Literal["preview", "work", "check", "rate", "again", "push", "pull", "export"]
Into = Literal["", "file", "hub", "argilla"]
STOPPED = {
    "file": "Stopped. No file was written; one that was there is as it was.",
    "hub": "Stopped. On the Hub is what was there before.",
    "argilla": "Stopped. What was written until then is in Argilla; write again for the rest.",
}
"""Where an export goes, and what is left of one that was stopped."""
PUSH_STOPPED = "Stopped. What was sent is in Argilla; sending again goes on from there."


@dataclass
class Job:
    """What is done, or was done last, to one run. `trouble` is the sentence that it ended with, if it failed.

    `before` are the run's counts when it began; `total` is the number of rows it is to have, None if that can't be told.
    """

    run: str
    what: What
    before: RunCounts
    state: Literal["working", "done", "stopped", "failed"] = "working"
    trouble: str = ""
    mended_on: str = ""
    """The page where the trouble is mended, if there is one."""
    stage: str = ""
    setting: str = ""
    """The stage whose model is at fault, and the model's setting, as far as they can be told."""
    saying: str = ""
    total: int | None = None
    execution: RunExecutor | None = None
    vectors: "Vectors | None" = None
    """Who asks an embedding model, for a push."""
    pushed: Pushed = field(default_factory=Pushed)
    sent: Sent | None = None
    pulled: Pulled | None = None
    free_name: str = ""
    """A dataset's name to send under, where the rows do not fit the dataset that they were to go to."""
    into: Into = ""
    """Where an export goes."""
    exported: Exported | None = None
    published: Published | None = None
    finished: Finished | None = None
    began: float = field(default_factory=time.time)
    stopping: bool = False

    def watch(self, execution: RunExecutor, total: int | None) -> None:
        self.execution, self.total = execution, total
        if self.stopping:
            execution.stop()

    @property
    def seconds(self) -> float:
        return time.time() - self.began

    def say(self, sentence: str) -> None:
        self.saying = sentence

    def telling(self, sentence: str) -> None:
        """What is about to be done; the last moment to stop it."""
        self.say(sentence)
        if self.stopping:
            raise Stopped(STOPPED[self.into])

    def checking(self, rows: int) -> None:
        self.say(f"{rows:,} rows are checked.")
        if self.stopping:
            raise Stopped("Stopped. What was checked is kept; checking again goes on from there.")

    def writing(self, done: Finished) -> None:
        self.telling(f"{done.records:,} records are in Argilla.")

    def sending(self, done: Pushed, total: int) -> None:
        self.pushed, self.total = done, total
        if self.stopping:
            raise Stopped(PUSH_STOPPED)

    def embedding(self, vectors: "Vectors") -> None:
        self.vectors = vectors
        if self.stopping:
            vectors.stop()

    @property
    def waiting(self) -> str:
        """What its model calls wait for, in a sentence; "" while answers come."""
        calling = self.execution or self.vectors
        return calling.engine.waiting if calling is not None and not self.stopping else ""


def _setting(error: ClaywrightError) -> str:
    """The setting of a model that an error is about."""
    if isinstance(error, SettingsError):
        return error.setting
    if not isinstance(error, ModelError):
        return ""
    known = {"key": "key_env", "account": "key_env", "model": "model"}
    usual = "model" if isinstance(error, Unsupported) else "url"
    return known.get(error.refusal.meaning, usual) if error.refusal is not None else usual


async def _quietly(work: Awaitable[Any]) -> None:
    """Does work that is done again another time where it fails; then it is written down."""
    try:
        await work
    except Exception:  # whatever it is, a verdict is kept and the queue stands as it did
        log.exception("the queue was not put in order")


class Jobs:
    """The jobs of this process. Close it: what is in flight is waited for, then everything ends."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.inputs = KnownInputs()
        self.shares = FairShares()
        self._jobs: dict[str, Job] = {}
        self._queues_at_work: dict[str, bool] = {}
        """The runs whose queue is being refreshed; True for those of which people said something since that began."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._guard = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="jobs", daemon=True)
        self._thread.start()

    def of(self, run_id: str) -> Job | None:
        """The run's last job in this process."""
        return self._jobs.get(run_id)

    def working(self) -> list[Job]:
        return [job for job in list(self._jobs.values()) if job.state == "working"]

    @property
    def is_ending(self) -> bool:
        """True once no job begins any more."""
        return self._closed

    def stop(self, run_id: str) -> None:
        """Asks the run's job to end: calls that were sent are waited for and kept."""
        if (job := self.of(run_id)) is not None and job.state == "working":
            job.stopping = True
            if job.execution is not None:
                self._loop.call_soon_threadsafe(job.execution.stop)
            if job.vectors is not None:
                job.vectors.stop()

    # -- what can be done

    def preview(self, run: Run, keys: Keys, rows: int) -> Job:
        return self._start(
            run, "preview",
            lambda job: workflow.preview(self._workspace(job.say, keys), run, job.watch, rows=rows),
        )  # fmt: skip

    def work(self, run: Run, keys: Keys, changed: Recipe | None = None, *, retry_failed: bool = False) -> Job:
        return self._start(
            run, "work",
            lambda job: workflow.generate(
                self._workspace(job.say, keys), run, job.watch, recipe=changed, retry_failed=retry_failed
            ),
        )  # fmt: skip

    def rate(self, run: Run, keys: Keys, rating: UltraFeedback, labeller: ModelSpec) -> Job:
        return self._start(
            run, "rate",
            lambda job: workflow.rate(
                self._workspace(job.say, keys), run, job.watch, rating=rating, labeller=labeller
            ),
        )  # fmt: skip

    def check(self, run: Run, checks: tuple[Check, ...]) -> Job:
        """Checks the rows of a run by these from now on."""

        def look(job: Job) -> None:
            amended = amend(self.store, run, checks=checks)
            workflow.check(self._workspace(job.say), amended, job.checking)

        return self._start(run, "check", lambda job: asyncio.to_thread(look, job))

    def redraw(self, run: Run, keys: Keys, row: str) -> Job:
        return self._start(
            run, "again",
            lambda job: workflow.redraw(self._workspace(job.say, keys), run, row, job.watch),
        )  # fmt: skip

    def push(self, run: Run, keys: Keys, dataset: str = "", *, withdraw: bool = False) -> Job:
        def send(job: Job) -> None:
            where = argilla.argilla(self.settings, job.say)
            try:
                job.sent = workflow.push(
                    self._workspace(job.say, keys), run, where, job.sending,
                    dataset=dataset, withdraw=withdraw, watch_vectors=job.embedding,
                )  # fmt: skip
            except Stopped:
                raise Stopped(PUSH_STOPPED) from None
            except DatasetMismatch as error:
                job.free_name = error.free
                raise
            job.pushed = job.sent.pushed

        return self._start(run, "push", lambda job: asyncio.to_thread(send, job))

    def refresh_queue(self, run: Run) -> None:
        """Puts the queue in order beside the page, where enough was answered since it was done last, and looks whether an
        acceptance still stands; once at a time, and once more where people said something meanwhile.
        """
        with self._guard:
            if run.id in self._queues_at_work:
                self._queues_at_work[run.id] = True
                return
            if not is_due(self.store, run):
                return
            self._queues_at_work[run.id] = False

        def order() -> None:
            try:
                refresh(self.store, run)
            finally:
                with self._guard:
                    is_behind = self._queues_at_work.pop(run.id)
            if is_behind:
                self.refresh_queue(run)

        asyncio.run_coroutine_threadsafe(self._begin(_quietly(asyncio.to_thread(order))), self._loop)

    def tell_queue(self, run: Run) -> None:
        """Tells Argilla where the records of a run stand by now, beside the page; the next pull does where that fails."""

        def tell() -> None:
            with contextlib.suppress(ClaywrightError, OSError):
                where = argilla.argilla(self.settings, silent)
                with Server(where.url, where.key) as server:
                    send_moved(self.store, run, server, where.name)

        asyncio.run_coroutine_threadsafe(self._begin(asyncio.to_thread(tell)), self._loop)

    def pull(self, run: Run) -> Job:
        def fetch(job: Job) -> None:
            job.pulled = workflow.pull(self._workspace(job.say), run, argilla.argilla(self.settings, job.say))

        return self._start(run, "pull", lambda job: asyncio.to_thread(fetch, job))

    def export(self, run: Run, to: Export) -> Job:
        """Into the data folder, where nothing lies but exports."""

        def write(job: Job) -> None:
            job.exported = workflow.export(self._workspace(job.telling), run, to, overwrite=True)

        return self._start(run, "export", lambda job: asyncio.to_thread(write, job), "file")

    def publish(self, run: Run, to: Export) -> Job:
        def send(job: Job) -> None:
            job.published = workflow.publish(self._workspace(job.telling), run, to)

        return self._start(run, "export", lambda job: asyncio.to_thread(send, job), "hub")

    def archive(self, run: Run, to: Export) -> Job:
        def send(job: Job) -> None:
            job.telling("Gathering the rows.")
            where = argilla.argilla(self.settings, job.say)
            job.finished = workflow.archive(self._workspace(job.say), run, to, where, job.writing)

        return self._start(run, "export", lambda job: asyncio.to_thread(send, job), "argilla")

    # -- how it is done

    def _workspace(self, report: Say, keys: Keys | None = None) -> Workspace:
        return Workspace(self.settings, self.store, keys or Keys(), report, self.inputs, self.shares)

    def _start(self, run: Run, what: What, work: Callable[[Job], Awaitable[Any]], into: Into = "") -> Job:
        """Raises RunError if the run is being worked on already."""
        with self._guard:
            if self._closed:
                raise RunError("Claywright is ending; start it again to go on.")
            if (old := self.of(run.id)) is not None and old.state == "working":
                raise RunError(f"The run '{run.name}' is being worked on. Stop that first, or wait for it.")
            job = self._jobs[run.id] = Job(run.id, what, self.store.runs.counts(run.id), into=into)
        note("job began", what=what, run=run.id)
        asyncio.run_coroutine_threadsafe(self._begin(self._do(job, work)), self._loop)
        return job

    async def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, job: Job, work: Callable[[Job], Awaitable[Any]]) -> None:
        try:
            await work(job)
            job.state = "stopped" if job.stopping else "done"
        except asyncio.CancelledError:
            job.state = "stopped"
        except Stopped as error:
            job.state, job.trouble = "stopped", str(error)
        except ClaywrightError as error:
            job.state, job.trouble = "failed", str(error)
            job.mended_on = "models" if isinstance(error, ModelError | SettingsError) else ""
            job.stage, job.setting = error.stage, _setting(error)
        except Exception as error:  # whatever it is ends this job alone, and is written down
            log.exception("a job ended with a fault")
            job.state, job.trouble = "failed", failure_text(error)
        finally:
            note("job ended", what=job.what, run=job.run, seconds=round(job.seconds, 3), state=job.state)

    def close(self, patience: float = 10.0) -> None:
        """Stops all jobs, waits `patience` seconds for what is in flight, then abandons it."""
        with self._guard:
            self._closed = True
        for job in self.working():
            self.stop(job.run)

        async def end() -> None:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=patience)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
