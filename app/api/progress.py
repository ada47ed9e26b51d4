"""How far work has come, told to a function or shown as a bar."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from app.runs.runner import RunExecutor
from app.store.runs import RunCounts

Progress = Callable[[int, int | None], None]
"""Is told how many are done, and how many there will be (None where that can't be told)."""
EVERY = 0.2


@contextlib.contextmanager
def told(progress: Progress | bool, description: str) -> Iterator[Progress]:
    """What to tell how far it is: the caller's function, a bar on standard error, or nobody."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(description, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)


class Follower:
    """Tells every now and then how many rows of a run are done. Used in the loop that works the run; ends with it."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    def follow(self, execution: RunExecutor, total: int | None, before: RunCounts) -> None:
        """Tells of this execution from now on: rows rated, where they are to be. `before` are the run's counts until now.

        Called again where it is known by then how many there will be, or where other work on the run begins.
        """
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._keep_telling(execution, total, before))

    async def _keep_telling(self, execution: RunExecutor, total: int | None, before: RunCounts) -> None:
        what = "answered" if execution.judge is None else "rated"
        while True:
            self._tell(getattr(before, what) + getattr(execution.progress, what), total)
            await asyncio.sleep(EVERY)
