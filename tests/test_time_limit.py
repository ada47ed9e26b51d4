"""What takes too long is stopped, wherever it is when its time is over."""

import gc
import sys
import time
import weakref
from types import ModuleType
from typing import Any

import pytest

from tasks.text.bounded import OutOfTime, time_limit

ELSEWHERE = ModuleType("elsewhere")
exec(
    """
def busy(*args):
    for _ in range(5_000):
        len("1")

class Gone:
    def __del__(self):
        busy()
""",
    ELSEWHERE.__dict__,
)


def busy(calls: int) -> None:
    for _ in range(calls):
        len("1")


def for_a_while() -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        busy(50)


class Gone:
    def __del__(self) -> None:
        busy(5_000)


def test_what_runs_on_is_stopped() -> None:
    with pytest.raises(OutOfTime), time_limit(("tests",), 0.05):
        for_a_while()
    assert sys.getprofile() is None


@pytest.mark.parametrize("kind", ["collector", "weak reference", "object", "object elsewhere"])
def test_it_is_stopped_though_its_time_is_over_where_an_object_goes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is lost there, and what raised it is not asked again."""
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    def at_work() -> None:
        match kind:
            case "collector":
                gc.callbacks.append(ELSEWHERE.busy)
                try:
                    gc.collect()
                finally:
                    gc.callbacks.remove(ELSEWHERE.busy)
            case "weak reference":
                kept = [weakref.ref(thing, ELSEWHERE.busy) for thing in [Gone() for _ in range(5)]]
                assert kept
            case "object":
                Gone()
            case _:
                ELSEWHERE.Gone()

    with pytest.raises(OutOfTime), time_limit(("tests",), 0.02):
        time_over()
        at_work()
        for_a_while()
    assert lost == []


def time_over() -> None:
    """Uses the time up without a call that could be looked at."""
    sum(range(10_000_000))
