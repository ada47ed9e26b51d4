"""Vectors of instructions, for "find similar" in Argilla: asked for once, kept in the store.

They are calls of an engine like all others: within the limits of the model and the budget of the run, and counted as what it took.
"""

import asyncio
import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType

from app.recipe import recipe_of
from app.runs.endpoints import endpoint
from app.runs.session import costs, used_by
from app.store.runs import Run
from app.store.usage import Tallies
from app.workspace import Workspace
from tasks.engine.budget import Account, Budget
from tasks.engine.engine import Engine
from tasks.engine.rate_limits import LOOK_AGAIN
from tasks.errors import BudgetSpent, EndpointRefused, SettingsError
from tasks.models.embedding import Embedder, beginning
from tasks.models.openai import OpenAIEndpoint
from tasks.models.spec import ModelSpec

NO_VECTORS = "The built-in model makes no vectors. Name an endpoint with an embedding model."
STAGE = "embed"


class Vectors:
    """The vectors that one embedding model gives. What it was asked before it is not asked again.

    A context: its engine works in a thread of its own, as a notebook has a loop already, and ends with it. `note` is told what all
    calls took so far. What is waited for is reported to the workspace.
    """

    def __init__(
        self,
        workspace: Workspace,
        spec: ModelSpec,
        account: Account | None = None,
        note: Callable[[Tallies], None] = lambda tallies: None,
    ) -> None:
        if spec.preset in ("local", "scripted"):
            raise SettingsError(NO_VECTORS)
        self.workspace, self.store, self.spec = workspace, workspace.store, spec
        self.engine = Engine(workspace.store.call_cache, account=account or Account(Budget()))
        self._note = note
        self._model: Embedder | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embeddings")
        self._runner = asyncio.Runner()
        self._loop = self._thread.submit(self._runner.get_loop).result()

    def __enter__(self) -> "Vectors":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.submit(self._end).result()
        self._thread.shutdown()

    def stop(self) -> None:
        """Sends nothing more: what was sent is waited for and kept. From any thread, at any time."""
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self.engine.stop)

    @property
    def dimensions(self) -> int:
        """Length of a vector, in numbers. Raises ModelError."""
        return len(self.of({"": "How long is a vector?"})[""])

    def of(self, texts: Mapping[str, str]) -> dict[str, list[float]]:
        """{name: vector} for {name: text}. Raises ModelError and its kinds, BudgetSpent, Stopped; what came before is kept."""
        keys = {name: self._key(text) for name, text in texts.items()}
        known = self.store.embeddings.of(list(keys.values()))
        missing = {key: beginning(texts[name]) for name, key in keys.items() if key not in known}
        if missing:
            try:
                known.update(self._thread.submit(self._runner.run, self._embedded(missing)).result())
            finally:
                self._note({stage: replace(tally) for stage, tally in self.engine.tallies.items()})
        return {name: list(known[key]) for name, key in keys.items()}

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.spec.identity}\0{text}".encode("utf-8", "replace")).digest()

    async def _embedded(self, texts: Mapping[bytes, str]) -> "dict[bytes, array[float]]":
        if self._model is None:
            client = endpoint(self.spec, self.workspace.settings, self.workspace.report, self.workspace.keys)
            if not isinstance(client, OpenAIEndpoint):
                raise SettingsError(NO_VECTORS)
            self._model = Embedder(client)
        embedding = asyncio.create_task(self.engine.embed(self._model, texts, self.store.embeddings.keep, STAGE))
        telling = asyncio.create_task(self._tell())
        try:
            await asyncio.wait((embedding, telling), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():  # who was told ends the work
                telling.result()
            return await embedding
        except EndpointRefused:
            await self.engine.abandon()  # it answers nobody
            raise
        except BudgetSpent as error:
            message = f"{error} Rows can be sent without vectors: leave the model for “find similar” empty."
            raise BudgetSpent(message) from error
        finally:
            for task in (embedding, telling):
                task.cancel()
            await asyncio.gather(embedding, telling, return_exceptions=True)

    async def _tell(self) -> None:
        """Reports what is waited for, and that it is over."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            waiting = self.engine.waiting
            if waiting != told:
                self.workspace.report(waiting or f"{self.spec.model} answers again.")
                told = waiting

    def _end(self) -> None:
        async def end() -> None:
            await self.engine.drain()  # what is on its way is paid for
            await self.engine.close()

        self._runner.run(end())
        self._runner.close()


@contextmanager
def vectors_for(
    workspace: Workspace, run: Run, watch: Callable[[Vectors], None] = lambda vectors: None
) -> Iterator[Vectors | None]:
    """What makes the vectors of texts by the embedding model of a run's recipe; None where it names none.

    They are paid from the run's budget. `watch` is told who asks, and may stop it. Raises SettingsError.
    """
    recipe, store = recipe_of(run), workspace.store
    if recipe.embedder is None:
        yield None
        return
    cost = costs(recipe, [recipe.embedder])
    account = Account(recipe.budget, used_by(store, run, cost), cost)
    log: list[int] = []

    def note(tallies: Tallies) -> None:
        if any(tally.sent for tally in tallies.values()):
            log[:] = log or [store.usage.begin_beside(run.id, "push")]
            store.usage.note(log[0], 0, 0, tallies, last=True)

    with Vectors(workspace, recipe.embedder, account, note) as vectors:
        watch(vectors)
        yield vectors
