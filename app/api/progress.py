"""How far work has come, told to a function or shown as a bar."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from app.runs.runner import Execution
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


def follow(execution: Execution, total: int | None, tell: Progress, before: RunCounts) -> None:
    """Tells every now and then how many rows are done: rated, where they are to be. `before` are the run's counts until now.

    Ends with the loop, or where the same is followed anew, as it is known by then how many there will be.
    """
    what = "answered" if execution.judge is None else "rated"

    async def again() -> None:
        while True:
            tell(getattr(before, what) + getattr(execution.progress, what), total)
            await asyncio.sleep(EVERY)

    for earlier in _following:
        if earlier.get_name() == execution.run.id:
            earlier.cancel()
    following = asyncio.get_running_loop().create_task(again(), name=execution.run.id)
    _following.add(following)
    following.add_done_callback(_following.discard)


_following: set[asyncio.Task[None]] = set()
