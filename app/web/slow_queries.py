"""What takes a while to find out, found out in one thread beside the glances: nobody waits long, what was known is shown."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

T = TypeVar("T")
LONG, BELIEVED = 0.05, 3
"""An answer that took longer, in seconds, is not looked for again for so many times as long."""


class BackgroundCache:
    """Answers by name. One that is known is given until a newer one is there."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._known: dict[str, tuple[float, Any]] = {}
        self._asked: dict[str, Future[Any]] = {}
        self._guard = threading.Lock()

    def ask(self, name: str, find: Callable[[], T], wait: float | None = None) -> T | None:
        """What `find` gives, or gave before if that takes longer than `wait` seconds; None if it never was found."""
        with self._guard:
            until, known = cast(tuple[float, T | None], self._known.get(name, (0.0, None)))
            if time.monotonic() < until:
                return known
            if (future := self._asked.get(name)) is None:
                future = self._asked[name] = self._thread.submit(self._find, name, find)
        try:
            value: T = future.result(wait)
            return value
        except TimeoutError:
            return known

    @property
    def busy(self) -> bool:
        """True while something is looked for."""
        return bool(self._asked)

    def close(self) -> None:
        """Looks for nothing more; what is looked for now is waited for, unless its store is interrupted."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _find(self, name: str, find: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            value = find()
            ended = time.monotonic()
            took = ended - began
            self._known[name] = (ended + BELIEVED * took if took > LONG else ended, value)
            return value
        finally:
            with self._guard:
                self._asked.pop(name, None)
