"""What takes too long is stopped, wherever it is when its time is over."""

import gc
import sys
import time
import weakref
from typing import Any

import pytest

from tasks.text.bounded import OutOfTime, time_limit


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
    with pytest.raises(OutOfTime), time_limit(0.05):
        for_a_while()
    assert sys.getprofile() is None


@pytest.mark.parametrize("kind", ["collector", "weak reference", "object"])
def test_it_is_stopped_though_its_time_is_over_where_an_object_goes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is lost there, and what raised it is not asked again."""
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    def collecting(phase: str, info: dict[str, int]) -> None:
        busy(5_000)

    with pytest.raises(OutOfTime), time_limit(0):
        match kind:
            case "collector":
                gc.callbacks.append(collecting)
                try:
                    gc.collect()
                finally:
                    gc.callbacks.remove(collecting)
            case "weak reference":
                kept = weakref.WeakSet[Gone]()
                for _ in range(500):
                    kept.add(Gone())
            case _:
                Gone()
        for_a_while()
    assert lost == []
