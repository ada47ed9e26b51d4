"""Answers that took a while, kept for as long as they are true: one rule for all that the app remembers in memory."""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    version: object
    until: float
    """Of the monotonic clock."""
    size: int


@dataclass(frozen=True, slots=True)
class _Question(Generic[K, V]):
    key: K
    find: Callable[[], V]
    version: object
    answer: "Future[V]"


class Cache(Generic[K, V]):
    """Values by key, at most `most` of them. Safe to use from several threads.

    A value is believed while it is asked for with the `version` that it was kept under: what tells of a file or a database that it
    did not change; None tells nothing. Whatever the version, it is believed for `holds(took)` seconds, by how long it took to find
    out. Values that were not used for the longest are forgotten first. `most_size` limits the sum of `size(value)` as well; the
    newest value stays, however large it is.
    """

    def __init__(
        self,
        most: int = 1000,
        *,
        holds: Callable[[float], float] = lambda took: 0.0,
        size: Callable[[V], int] = lambda value: 0,
        most_size: float = math.inf,
        at_once: int = 1,
    ) -> None:
        """`at_once` values are looked for at the same time by `ask`."""
        self.most, self.most_size = most, most_size
        self.size = 0
        """Of all values, counted along: there may be too many to add up each time."""
        self._holds, self._size_of, self._at_once = holds, size, at_once
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._asked: dict[K, Future[V]] = {}
        self._waiting: deque[_Question[K, V]] = deque()
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def known(self, key: K, version: object = None) -> V | None:
        """The value if it is believed, else None."""
        with self._guard:
            entry = self._believed(key, version)
            return None if entry is None else entry.value

    def latest(self, key: K) -> V | None:
        """The value, however old; None where there is none."""
        with self._guard:
            entry = self._entries.get(key)
            return None if entry is None else entry.value

    def keep(self, key: K, value: V, version: object = None, took: float = 0.0) -> None:
        """Remembers a value, which took so many seconds to find out."""
        with self._guard:
            self._put(key, _Entry(value, version, time.monotonic() + self._holds(took), self._size_of(value)))

    def change(self, key: K, change: Callable[[V | None], V]) -> None:
        """Puts `change(value)` in place of a value, which is believed no longer for that."""
        with self._guard:
            old = self._entries.get(key)
            value = change(None if old is None else old.value)
            version, until = (None, 0.0) if old is None else (old.version, old.until)
            self._put(key, _Entry(value, version, until, self._size_of(value)))

    def take(self, key: K, version: object = None) -> V | None:
        """The value if it is believed, else None; it is forgotten in any case."""
        with self._guard:
            entry = self._believed(key, version)
            self._forget(key)
            return None if entry is None else entry.value

    def get(self, key: K, find: Callable[[], V], version: object = None) -> V:
        """The value, which `find` gives where none is believed. Raises what `find` raises."""
        with self._guard:
            if (entry := self._believed(key, version)) is not None:
                return entry.value
        return self._found(key, find, version)

    def ask(self, key: K, find: Callable[[], V], within: float | None = None, version: object = None) -> V | None:
        """The value, which `find` gives in a thread of the cache where none is believed.

        Where that takes longer than `within` seconds, the value as it was before; None where there was none. With `within` None it
        is waited for. Raises what `find` raises meanwhile.
        """
        with self._guard:
            if (entry := self._believed(key, version)) is not None:
                return entry.value
            if (answer := self._asked.get(key)) is None:
                answer = self._asked[key] = Future()
                self._waiting.append(_Question(key, find, version, answer))
                self._begin()
        wait([answer], within)
        return answer.result() if answer.done() else self.latest(key)

    @property
    def busy(self) -> bool:
        """True while something is looked for in a thread."""
        return bool(self._asked)

    def close(self) -> None:
        """Looks for nothing more; what is looked for now is waited for."""
        with self._guard:
            self._closed = True
            left, threads = list(self._waiting), list(self._threads)
            self._waiting.clear()
            for question in left:
                self._asked.pop(question.key, None)
        for question in left:
            _cancel(question.answer)
        for thread in threads:
            thread.join()

    # -- only under the guard

    def _believed(self, key: K, version: object) -> _Entry[V] | None:
        if (entry := self._entries.get(key)) is None:
            return None
        self._entries.move_to_end(key)
        is_same = version is not None and entry.version == version
        return entry if is_same or time.monotonic() < entry.until else None

    def _put(self, key: K, entry: _Entry[V]) -> None:
        self._forget(key)
        self._entries[key] = entry
        self.size += entry.size
        while len(self._entries) > 1 and (len(self._entries) > self.most or self.size > self.most_size):
            self._forget(next(iter(self._entries)))

    def _forget(self, key: K) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self.size -= entry.size

    def _begin(self) -> None:
        """One thread more, where there may be one. They are daemons: an input on a dead disk keeps nobody from leaving."""
        if self._closed:
            question = self._waiting.pop()
            self._asked.pop(question.key)
            _cancel(question.answer)
        elif len(self._threads) < self._at_once:
            thread = threading.Thread(target=self._work, name="cache", daemon=True)
            self._threads.add(thread)
            thread.start()

    # -- without it

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._threads.discard(threading.current_thread())
                    return
                question = self._waiting.popleft()
            try:
                value = self._found(question.key, question.find, question.version)
            except BaseException as error:  # noqa: BLE001 - it is whoever asks who is told
                self._answered(question)
                question.answer.set_exception(error)
            else:
                self._answered(question)
                question.answer.set_result(value)

    def _answered(self, question: _Question[K, V]) -> None:
        with self._guard:
            self._asked.pop(question.key, None)

    def _found(self, key: K, find: Callable[[], V], version: object) -> V:
        began = time.monotonic()
        value = find()
        self.keep(key, value, version, time.monotonic() - began)
        return value


def _cancel(answer: "Future[V]") -> None:
    answer.cancel()
    answer.set_running_or_notify_cancel()  # which wakes up those who wait
