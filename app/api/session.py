"""Where Python's callers meet the engine: a thread with a loop of its own, so that a notebook's own loop is no hindrance."""

import asyncio
import concurrent.futures
import contextlib
import logging
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from app.config import Settings, settings
from app.store.store import Store
from tasks.engine.engine import Engine
from tasks.errors import Stopped
from tasks.models.base import Endpoint

if TYPE_CHECKING:
    from app.api.llms import LLM

T = TypeVar("T")
LOG = logging.getLogger("claywright")


class StopHandle:
    """Stops work that another thread does: gently first, then at once."""

    def __init__(self) -> None:
        self.gently: Callable[[], None] = self.at_once
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._stopped = False

    async def hold(self, work: "Callable[[StopHandle], Coroutine[Any, Any, T]]") -> T:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._stopped:  # before there was anything to stop
            self.at_once()
        return await work(self)

    def at_once(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def stop(self, *, hard: bool = False) -> None:
        """Called from any thread."""
        self._stopped = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is over already
                self._loop.call_soon_threadsafe(self.at_once if hard else self.gently)


def awaited(work: Callable[[StopHandle], Coroutine[Any, Any, T]]) -> T:
    """Does work to its end, also where a loop is running already.

    Ctrl-C lets the calls in flight finish, so that nothing is paid for and lost; a second one ends them at once. Raises
    KeyboardInterrupt after that, and whatever the work raises.
    """
    hand, presses = StopHandle(), 0

    def pressed(*_: Any) -> None:
        nonlocal presses
        presses += 1
        hand.stop(hard=presses > 1)
        if presses == 1:
            LOG.warning("Stopping: the calls in flight are waited for. Ctrl-C again ends them at once.")

    with _interrupts(pressed), ThreadPoolExecutor(1, "claywright") as thread:
        running = thread.submit(asyncio.run, hand.hold(work))
        concurrent.futures.wait([running])
    if presses:
        raise KeyboardInterrupt
    return running.result()


@contextlib.contextmanager
def _interrupts(pressed: Callable[..., None]) -> Iterator[None]:
    """Ctrl-C is ours meanwhile: a loop around us would only take note of it. Other threads than the main one get none."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class Session:
    """The engine of one call of the Python API, with the endpoints that it speaks to."""

    here: Settings
    store: Store
    engine: Engine
    draw: str = "0"
    """Whatever is drawn under the same word is drawn the same, and is paid for once."""
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(step, reason) of what could not be had."""
    trouble: BaseException | None = None
    """What ended the work, where something did."""
    _endpoints: dict[int, tuple["LLM", asyncio.Task[Endpoint]]] = field(default_factory=dict)

    async def endpoint(self, llm: "LLM") -> Endpoint:
        """The endpoint of a model, set up once. Raises SettingsError, ServiceError."""
        if id(llm) not in self._endpoints:
            setting_up = asyncio.ensure_future(asyncio.to_thread(llm.endpoint, self.here, LOG.info))
            self._endpoints[id(llm)] = (llm, setting_up)
        return await asyncio.shield(self._endpoints[id(llm)][1])

    def told(self) -> None:
        """Says what could not be had: no row is without a value and without a word."""
        for (step, reason), times in self.failures.most_common():
            LOG.warning("%s: %d without a result: %s", step, times, reason)


@contextlib.asynccontextmanager
async def session(hand: StopHandle, draw: str = "0") -> AsyncIterator[Session]:
    """An engine over the memo of the data folder. Ctrl-C stops it; what is on its way then is kept."""
    app_settings = settings()
    with Store(app_settings.data) as store:
        engine = Engine(store.call_cache)
        hand.gently = engine.stop
        active = Session(app_settings, store, engine, draw)
        with store.db.reserve.held():
            try:
                yield active
            except asyncio.CancelledError:
                await engine.abandon()
                raise
            finally:
                engine.stop()
                await engine.drain()
                await engine.close()
        active.told()


async def all_of(work: Iterable[Coroutine[Any, Any, T]], session: Session) -> list[T]:
    """What each gives, in order. The first that fails stops all others of the session, and is raised once these are over."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION) if tasks else (set(), set())
        for error in filter(None, (task.exception() for task in done)):
            session.trouble = session.trouble or (None if isinstance(error, Stopped) else error)
            session.engine.stop()
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    if failed := list(filter(None, [task.exception() for task in tasks])):
        raise session.trouble or failed[0]
    return [task.result() for task in tasks]
