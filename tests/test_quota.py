"""Whatever the order in which units end, the rows that count are the first N in unit order, and nobody waits for ever."""

import asyncio
import math
import random
from collections.abc import Set
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.runs.quota import SPARE_DRAWS, Quota
from tasks.errors import Stopped
from tests.make_endpoints import others_run


@dataclass
class Simulated:
    """What happened: units in the order in which they were started, the wanted rows as (unit, position)."""

    started: list[int] = field(default_factory=list)
    wanted: list[tuple[int, int]] = field(default_factory=list)
    surplus: int = 0
    exhausted: bool = False
    most_running: int = 0


def simulate(
    gives: list[int],
    quota: Quota,
    *,
    width: int,
    seed: int,
    worked: Set[int] = frozenset(),
) -> Simulated:
    """Works units as the execution does, each ending after a random while. Units in `worked` were worked before."""
    chance, seen = random.Random(seed), Simulated()

    async def row(unit: int, position: int) -> None:
        if await quota.wants(unit, position):
            seen.wanted.append((unit, position))
        else:
            seen.surplus += 1

    async def rows(unit: int) -> None:
        await asyncio.gather(*(row(unit, position) for position in range(gives[unit])))

    async def work() -> None:
        turn, units = asyncio.Lock(), iter(range(len(gives)))

        async def next_unit() -> int | None:
            async with turn:
                while (unit := next(units, None)) is not None:
                    if unit in worked:
                        quota.worked(unit, gives[unit])
                        return unit
                    if await quota.room():
                        quota.start()
                        seen.started.append(unit)
                        seen.most_running = max(seen.most_running, quota.running)
                        return unit
                    if unit > max(worked, default=-1):
                        return None
                    quota.worked(unit, 0)
                return None

        async def worker() -> None:
            while (unit := await next_unit()) is not None:
                if unit not in worked:
                    for _ in range(chance.randrange(6)):
                        await asyncio.sleep(0)
                    quota.finish(unit, gives[unit])
                await rows(unit)

        quota.resume(len(worked), sum(gives[unit] for unit in worked))
        await asyncio.gather(*(worker() for _ in range(width)))

    asyncio.run(asyncio.wait_for(work(), 20))
    seen.exhausted = quota.exhausted
    return seen


def first(gives: list[int], rows: int | None) -> list[tuple[int, int]]:
    """The first rows in unit order."""
    return [(unit, position) for unit, number in enumerate(gives) for position in range(number)][:rows]


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[int], int, int | None]:
    """(rows of each unit, the most that a unit can give, rows wanted)."""
    per_unit = draw(st.integers(1, 4))
    gives = draw(st.lists(st.integers(0, per_unit), max_size=25))
    return gives, per_unit, draw(st.none() | st.integers(1, 30))


@settings(max_examples=80, deadline=None)
@given(run=runs(), width=st.integers(1, 8), seed=st.integers(0, 10**6))
def test_what_is_wanted_are_the_first_rows_in_unit_order(
    run: tuple[list[int], int, int | None], width: int, seed: int
) -> None:
    gives, per_unit, rows = run
    seen = simulate(gives, Quota(rows, per_unit, draws=False), width=width, seed=seed)
    assert sorted(seen.wanted) == first(gives, rows)
    assert seen.started == list(range(len(seen.started)))
    assert seen.most_running <= width
    assert not seen.exhausted
    assert len(seen.wanted) + seen.surplus == sum(gives[unit] for unit in seen.started)


@settings(max_examples=80, deadline=None)
@given(run=runs(), width=st.integers(1, 8), seed=st.integers(0, 10**6))
def test_no_more_units_are_started_than_may_be_needed(
    run: tuple[list[int], int, int | None], width: int, seed: int
) -> None:
    """A unit is started only while all that run, even if each gives its most, leave rows wanted."""
    gives, per_unit, rows = run
    quota = Quota(rows, per_unit, draws=False)
    seen = simulate(gives, quota, width=width, seed=seed)
    if rows is None:
        assert len(seen.started) == len(gives)
        return
    made = sum(gives[unit] for unit in seen.started)
    assert made < rows + per_unit
    if per_unit == 1:
        assert seen.surplus == 0 and made <= rows
    assert made >= min(rows, sum(gives))


@settings(max_examples=60, deadline=None)
@given(run=runs(), data=st.data(), widths=st.tuples(st.integers(1, 8), st.integers(1, 8)), seed=st.integers(0, 10**6))
def test_a_resumed_run_decides_the_same(
    run: tuple[list[int], int, int | None], data: st.DataObject, widths: tuple[int, int], seed: int
) -> None:
    gives, per_unit, rows = run
    once = simulate(gives, Quota(rows, per_unit, draws=False), width=widths[0], seed=seed)
    worked = data.draw(st.sets(st.sampled_from(once.started))) if once.started else set()
    again = simulate(gives, Quota(rows, per_unit, draws=False), width=widths[1], seed=seed + 1, worked=worked)
    assert sorted(again.wanted) == sorted(once.wanted)


@settings(max_examples=40, deadline=None)
@given(
    per_unit=st.integers(1, 3), rows=st.integers(1, 12), bad=st.floats(0, 1), width=st.integers(1, 8), seed=st.integers(0, 10**6)
)  # fmt: skip
def test_a_task_that_draws_ends(per_unit: int, rows: int, bad: float, width: int, seed: int) -> None:
    """However few of its draws give anything; and it says so when they did not suffice."""
    most = 3 * math.ceil(rows / per_unit) + SPARE_DRAWS
    chance = random.Random(seed)
    gives = [0 if chance.random() < bad else chance.randint(1, per_unit) for _ in range(10 * most)]
    seen = simulate(gives, Quota(rows, per_unit, draws=True), width=width, seed=seed)
    assert len(seen.started) <= most
    assert sorted(seen.wanted) == first(gives[: len(seen.started)], rows)
    assert seen.exhausted == (len(seen.wanted) < rows)


def test_a_row_is_decided_before_the_units_before_it_end_where_they_do_not_matter() -> None:
    async def work() -> None:
        quota = Quota(10, 2, draws=False)
        for _ in range(5):
            quota.start()
        quota.finish(4, 2)
        assert await quota.wants(4, 0) and await quota.wants(4, 1)
        narrow = Quota(5, 2, draws=False)
        for _ in range(3):
            narrow.start()
        narrow.finish(2, 2)
        late = asyncio.create_task(narrow.wants(2, 1))
        await others_run()
        assert await narrow.wants(2, 0) and not late.done()
        narrow.finish(0, 2)
        await others_run()
        assert not late.done()
        narrow.finish(1, 2)
        assert await late is False

    asyncio.run(asyncio.wait_for(work(), 10))


def test_a_unit_that_fails_makes_room_for_another() -> None:
    async def work() -> None:
        quota = Quota(1, 1, draws=False)
        assert await quota.room()
        quota.start()
        waiting = asyncio.create_task(quota.room())
        await others_run()
        assert not waiting.done()
        quota.finish(0, 0)
        assert await waiting
        quota.start()
        quota.finish(1, 1)
        assert not await quota.room()

    asyncio.run(asyncio.wait_for(work(), 10))


def test_close_wakes_everybody() -> None:
    async def work() -> None:
        quota = Quota(5, 4, draws=True)
        for _ in range(2):
            quota.start()
        quota.finish(1, 4)
        room, wants = asyncio.create_task(quota.room()), asyncio.create_task(quota.wants(1, 3))
        await others_run()
        assert not room.done() and not wants.done()
        quota.close()
        assert not await room
        with pytest.raises(Stopped):
            await wants
        assert await quota.wants(0, 0)

    asyncio.run(asyncio.wait_for(work(), 10))
