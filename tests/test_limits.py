"""How hard an endpoint is driven: at the same time, a minute, and by whom in turn."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.engine.rate_limits import MINUTE, Limiter, RateLimiter
from tasks.engine.stop_event import Halt
from tasks.errors import Stopped
from tests.make_endpoints import Fake, echo, engine, run, until


def test_no_more_at_a_time_than_the_endpoint_takes() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.002)
        return "well"

    async def work() -> None:
        fake, here = Fake(talk, concurrency=3), engine()
        await asyncio.gather(*(here.bind(fake, f"{n}").complete("a") for n in range(30)))
        assert fake.most_inside == 3
        assert len(fake.sent) == 30

    run(work())


def test_the_limiter_halves_once_a_burst_and_grows_with_answers() -> None:
    async def work() -> None:
        limiter = Limiter(16)
        limiter.overloaded(0.0)
        limiter.overloaded(0.0)
        assert limiter.width == 8
        for _ in range(9):
            limiter.answered()
        assert 8.9 < limiter.width < 9.2
        for _ in range(1000):
            limiter.answered()
        assert limiter.width == 16
        wide = Limiter(16)
        wide.overloaded(0.0, time.monotonic() - 9)
        wide._halved -= 2
        wide.overloaded(0.0, time.monotonic() - 9)  # what was sent before it was halved says nothing of half as many
        assert wide.width == 8
        wide.overloaded(0.0, time.monotonic())
        assert wide.width == 4
        narrow = Limiter(1)
        narrow.overloaded(0.0)
        assert narrow.width == 1

    run(work())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["enter", "leave", "cancel", "overloaded", "answered"]), max_size=60), st.integers(1, 4)
)
def test_the_limiter_lets_in_no_more_than_its_width_and_forgets_nobody(steps: list[str], widest: int) -> None:
    async def work() -> None:
        limiter, inside, most = Limiter(widest), 0, 0
        leave = asyncio.Semaphore(0)

        async def visit() -> None:
            nonlocal inside, most
            async with limiter.place("lane", widest):
                inside += 1
                most = max(most, inside)
                try:
                    await leave.acquire()
                finally:
                    inside -= 1

        visits: list[asyncio.Task[None]] = []
        for step in steps:
            if step == "enter":
                visits.append(asyncio.create_task(visit()))
            elif step == "leave":
                leave.release()
            elif step == "cancel" and visits:
                visits[len(visits) // 2].cancel()
            elif step == "overloaded":
                limiter.overloaded(0.001)
            elif step == "answered":
                limiter.answered()
            await asyncio.sleep(0)
        for _ in visits:
            leave.release()
        await asyncio.wait_for(asyncio.gather(*visits, return_exceptions=True), 10)
        assert most <= widest and inside == 0 and limiter.inside == 0

    run(work())


def test_an_outage_is_over_faster_than_an_overload() -> None:
    limiter = Limiter(16)
    limiter.lost()
    assert limiter.width == 1
    for _ in range(15):
        limiter.answered()
    assert limiter.width == 16
    limiter.overloaded(0.0)
    for _ in range(15):
        limiter.answered()
    assert 9 < limiter.width < 11


def test_lanes_have_turns() -> None:
    """A crowd of one stage does not keep another one waiting, and each model has no more than its own limit."""

    async def work() -> None:
        limiter, order = Limiter(2), []
        most = dict.fromkeys(("many", "few"), 0)
        inside = dict.fromkeys(most, 0)

        async def visit(lane: str, limit: int) -> None:
            async with limiter.place(lane, limit):
                inside[lane] += 1
                most[lane] = max(most[lane], inside[lane])
                order.append(lane)
                await asyncio.sleep(0.001)
                inside[lane] -= 1

        await asyncio.gather(*(visit("many", 2) for _ in range(40)), *(visit("few", 1) for _ in range(10)))
        assert order[:30].count("few") >= 9
        assert most == {"many": 2, "few": 1} and limiter.inside == 0

    run(work())


def test_models_at_one_address_share_what_it_bears() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        counted["inside"] += 1
        counted["most"] = max(counted["most"], counted["inside"])
        await asyncio.sleep(0.002)
        counted["inside"] -= 1
        return "well"

    counted = {"inside": 0, "most": 0}

    async def work() -> None:
        here = engine()
        one = Fake(talk, concurrency=3, identity="fake|one", address="http://here")
        two = Fake(talk, concurrency=4, identity="fake|two", address="http://here")
        asked = [here.bind(model, f"{n}").complete("a") for n in range(30) for model in (one, two)]
        await asyncio.gather(*asked)
        assert counted["most"] == 4 and one.most_inside <= 3 and two.most_inside <= 4

    run(work())


def test_a_model_that_waits_for_its_minute_keeps_no_place_from_another() -> None:
    async def work() -> None:
        here = engine()
        slow = Fake(echo, concurrency=4, identity="fake|slow", address="http://here", requests_per_minute=60)
        quick = Fake(echo, concurrency=4, identity="fake|quick", address="http://here")
        waiting = [asyncio.create_task(here.bind(slow, "s").complete(f"{n}")) for n in range(20)]
        await asyncio.wait_for(asyncio.gather(*(here.bind(quick, "s").complete(f"{n}") for n in range(200))), 5)
        here.stop()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert len(quick.sent) == 200 and len(slow.sent) <= 2

    run(work())


def test_one_large_call_does_not_slow_a_minute_for_good(clock: "Clock") -> None:
    async def work() -> None:
        pace, halt, used = RateLimiter(0, 10_000), Hurry(clock), 0
        await pace.take(9_000, halt)
        clock.now += 3 * MINUTE
        began = clock.now
        while clock.now < began + 10 * MINUTE:
            await pace.take(500, halt)
            used += 500
        assert used > 70_000

    run(work())


class Clock:
    """A clock that sleeping sets forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Hurry(Halt):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    async def sleep(self, seconds: float) -> None:
        self.clock.now += max(seconds, 1e-6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("tasks.engine.rate_limits.time.monotonic", found.monotonic)
    return found


@pytest.mark.parametrize("requests", [1, 2, 7, 60, 500, 3000])
def test_no_minute_has_more_requests_than_were_given(clock: Clock, requests: int) -> None:
    async def work() -> None:
        pace, halt, times = RateLimiter(requests), Hurry(clock), []
        for _ in range(3 * requests + 5):
            await pace.take(0, halt)
            times.append(clock.now)
        most = max(
            sum(first <= at < first + MINUTE - 1e-6 for at in times) for first in times[:: max(1, requests // 50)]
        )
        assert most == requests
        assert times[-1] - times[0] <= 3.2 * MINUTE + MINUTE / requests * 5 + MINUTE

    run(work())


@settings(max_examples=30, deadline=None)
@example(
    calls=[(365, 1.0), (277, 1.0), (359, 1.0)], tokens=1000
)  # the second large call is a little smaller than the first
@given(st.lists(st.tuples(st.integers(1, 900), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1000, 5000))
def test_no_minute_has_more_tokens_than_were_given(calls: list[tuple[int, float]], tokens: int) -> None:
    clock = Clock()

    async def work() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tasks.engine.rate_limits.time.monotonic", clock.monotonic)
            pace, halt, used = RateLimiter(0, tokens), Hurry(clock), []
            for most, share in calls:
                await pace.take(most, halt)
                used.append((clock.now, share * most))
                pace.used(most, share * most)
        for first, _ in used:
            assert sum(took for at, took in used if first <= at < first + MINUTE) <= tokens + 1e-6

    asyncio.run(work())


def test_the_smaller_of_two_paces_is_kept() -> None:
    pace = RateLimiter(100, 0)
    pace.tighten(0, 5000)
    assert (pace.requests, pace.tokens) == (100, 5000)
    pace.tighten(30, 9000)
    assert (pace.requests, pace.tokens) == (30, 5000)


def test_stop_ends_the_wait_for_a_minute_to_pass() -> None:
    async def work() -> None:
        fake, here = Fake(echo, concurrency=4, requests_per_minute=1), engine()
        asked = [asyncio.create_task(here.bind(fake, "s").complete(f"{n}")) for n in range(3)]
        await until(lambda: len(fake.sent) == 1 and not fake.inside)
        here.stop()
        results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        assert [isinstance(one, Stopped) for one in results] == [False, True, True] and len(fake.sent) == 1

    run(work())
