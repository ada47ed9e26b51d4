"""What is remembered in memory: for how long it is believed, how much of it there is, and what is found out in a thread."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from app.inputs.known_inputs import version_of
from app.store.cache import Cache


class Asked:
    """Finds out a number, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def test_a_value_is_true_for_its_version() -> None:
    cache, find = Cache[str, int](), Asked()
    assert [cache.get("a", find, version) for version in ("v", "v", "w", "w", "v")] == [1, 1, 2, 2, 3]
    assert cache.known("a", "v") == 3 and cache.known("a", "w") is None and cache.latest("a") == 3
    assert cache.get("a", find) == 4  # without a version, nothing says that it is true
    assert cache.known("a") is None and cache.known("b", "v") is None and cache.latest("b") is None


def test_a_value_holds_for_a_while_whatever_its_version() -> None:
    told: list[float] = []

    def holds(took: float) -> float:
        told.append(took)
        return math.inf if took >= 0.5 else 0.0

    cache, find = Cache[str, int](holds=holds), Asked()
    cache.keep("slow", 7, "v", took=0.5)
    cache.keep("quick", 7, "v", took=0.4)
    assert cache.get("slow", find, "w") == 7 and cache.get("quick", find, "w") == 1
    assert told[:2] == [0.5, 0.4] and 0 <= told[2] < 60
    cache.change("slow", lambda value: (value or 0) + 1)
    cache.change("new", lambda value: 5 if value is None else 0)
    assert cache.known("slow", "w") == 8 and cache.known("new", "w") is None and cache.latest("new") == 5


def test_none_is_a_value() -> None:
    asked: list[None] = []
    cache = Cache[str, None]()
    for _ in range(2):
        assert cache.get("a", lambda: asked.append(None), "v") is None
        assert cache.ask("a", lambda: asked.append(None), version="v") is None
    assert len(asked) == 1


def test_what_is_taken_is_gone() -> None:
    cache = Cache[str, int]()
    cache.keep("a", 1, ("task", "inputs"))
    cache.keep("b", 2, ("task", "inputs"))
    assert cache.take("a", ("task", "others")) is None and cache.take("a", ("task", "inputs")) is None
    assert cache.take("b", ("task", "inputs")) == 2 and cache.take("b", ("task", "inputs")) is None and not len(cache)


def test_those_that_were_used_last_stay() -> None:
    cache = Cache[int, int](3)
    for number in range(3):
        cache.keep(number, number, "v")
    assert cache.known(0, "v") == 0
    cache.keep(3, 3, "v")
    assert [cache.known(number, "v") for number in range(4)] == [0, None, 2, 3] and len(cache) == 3
    large = Cache[int, str](100, size=len, most_size=10)
    for number in (4, 5, 4, 3):
        large.keep(number, "x" * number, "v")
    assert large.size == 7 and len(large) == 2 and large.known(5, "v") is None
    large.keep(50, "x" * 50, "v")
    assert large.known(50, "v") and len(large) == 1  # the newest stays
    large.take(50)
    assert large.size == 0


def test_nobody_waits_long_for_what_is_found_out_in_a_thread() -> None:
    cache, go_on, finds = Cache[str, int](), threading.Event(), Asked()

    def slow() -> int:
        assert go_on.wait(60)
        return finds()

    assert cache.ask("a", slow, 0.0, "v") is None and cache.busy
    assert cache.ask("a", slow, 0.0, "w") is None  # it is looked for once
    go_on.set()
    assert cache.ask("a", slow, None, "v") == 1
    assert cache.ask("a", slow, 0.0, "v") == 1
    assert not cache._asked
    go_on.clear()
    assert cache.ask("a", slow, 0.0, "w") == 1  # as it was before
    go_on.set()
    assert cache.ask("a", slow, None, "w") == 2 and finds.times == 2
    cache.close()


@pytest.mark.parametrize("at_once", [1, 3])
def test_so_many_are_looked_for_at_the_same_time(at_once: int) -> None:
    cache, inside, go_on = Cache[int, int](at_once=at_once), threading.Semaphore(0), threading.Event()
    began: list[int] = []

    def find(number: int) -> Callable[[], int]:
        def found() -> int:
            began.append(number)
            inside.release()
            assert go_on.wait(60)
            return number

        return found

    for number in range(5):
        cache.ask(number, find(number), 0.0, "v")
    for _ in range(at_once):
        assert inside.acquire(timeout=60)
    assert sorted(began) == list(range(at_once))
    go_on.set()
    assert [cache.ask(number, find(number), None, "v") for number in range(5)] == list(range(5))
    cache.close()


def test_what_fails_is_raised_and_asked_again() -> None:
    cache, finds = Cache[str, int](), Asked()

    def fails() -> int:
        finds()
        raise TimeoutError("its own")

    for times in (1, 2):
        with pytest.raises(TimeoutError, match="its own"):
            cache.ask("a", fails, None, "v")
        assert finds.times == times
    with pytest.raises(TimeoutError, match="its own"):
        cache.get("a", fails, "v")
    assert cache.get("a", lambda: 7, "v") == 7


def test_closing_waits_for_what_is_looked_for_and_for_nothing_more() -> None:
    cache, inside, go_on = Cache[str, int](), threading.Event(), threading.Event()

    def slow() -> int:
        inside.set()
        assert go_on.wait(60)
        return 1

    assert cache.ask("a", slow, 0.0, "v") is None and inside.wait(60)
    with ThreadPoolExecutor(2) as threads:
        left = threads.submit(cache.ask, "b", lambda: 2, None, "v")
        while len(cache._waiting) < 1:
            pass
        closing = threads.submit(cache.close)
        with pytest.raises(CancelledError):
            left.result(60)
        assert not closing.done()
        go_on.set()
        closing.result(60)
    assert cache.known("a", "v") == 1
    with pytest.raises(CancelledError):
        cache.ask("c", lambda: 3, None, "v")


def test_the_version_of_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    missing = version_of(path)
    assert version_of(path / "below") == missing == version_of(tmp_path / "nul\0")
    path.write_text("a")
    there = version_of(path)
    assert there == version_of(path) != missing
    path.write_text("ab")
    assert version_of(path) != there
    folder = version_of(tmp_path)
    (tmp_path / "b.txt").write_text("b")
    assert version_of(tmp_path) != folder
