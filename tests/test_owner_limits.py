"""What several people share: servers, divided fairly between them, and what each may use at most."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.api_keys import Keys
from app.config import Settings
from app.errors import PeopleError
from app.recipe import recipe_text
from app.runs.cost import owner_limits
from app.store.people.limits import EVERYBODY, Limits
from app.store.runs import Run
from app.store.store import Store
from app.web.jobs import Jobs
from tasks.engine.budget import Budget, Use
from tasks.engine.fair_shares import FairShares
from tasks.engine.rate_limits import Limiter
from tasks.engine.retries import Tally
from tests.make_runs import add_rows, made_of
from tests.make_workspace import make_workspace
from tests.servers import FakeOpenAI
from tests.test_jobs import asked, ended, made_for, until


def widths(*gates: Limiter) -> list[int]:
    return [int(gate.width) for gate in gates]


# -- servers are divided


def test_one_person_has_all_of_a_server_with_each_run() -> None:
    async def check() -> None:
        shares, one, two = FairShares(), Limiter(), Limiter()
        shares.take("server", "ann", one, 12)
        shares.take("server", "ann", two, 8)
        assert widths(one, two) == [12, 8]

    asyncio.run(check())


def test_each_person_has_the_same_part_whatever_runs_they_have() -> None:
    async def check() -> None:
        shares, (a, b, c, d) = FairShares(), [Limiter() for _ in range(4)]
        for gate in (a, b, c):
            shares.take("server", "ann", gate, 12)
        shares.take("server", "ben", d, 12)
        assert widths(a, b, c, d) == [2, 2, 2, 6]
        elsewhere = Limiter()
        shares.take("another server", "cem", elsewhere, 12)
        assert widths(a, b, c, d, elsewhere) == [2, 2, 2, 6, 12]
        shares.give_back(a)
        assert widths(b, c, d) == [3, 3, 6]
        shares.give_back(d)
        assert widths(b, c) == [12, 12]
        shares.give_back(b)
        shares.give_back(c)
        shares.take("server", "dia", Limiter(), 5)
        assert len(shares._seats["server"]) == 1  # nothing is left of those who went

    asyncio.run(check())


def test_a_small_run_takes_what_it_can_use_and_a_person_at_least_one_call() -> None:
    async def check() -> None:
        shares, small, large = FairShares(), Limiter(), Limiter()
        shares.take("server", "ann", small, 2)
        shares.take("server", "ben", large, 20)
        assert widths(small, large) == [2, 10]
        crowd = [Limiter() for _ in range(30)]
        for number, gate in enumerate(crowd):
            shares.take("server", f"p{number}", gate, 20)
        assert widths(small, large, *crowd) == [1] * 32

    asyncio.run(check())


def test_a_limit_of_calls_holds_for_all_runs_of_a_person() -> None:
    async def check() -> None:
        shares, one, two = FairShares(), Limiter(), Limiter()
        shares.take("server", "ann", one, 20, 6)
        assert widths(one) == [6]
        shares.take("server", "ann", two, 20, 6)
        assert widths(one, two) == [3, 3]

    asyncio.run(check())


def test_a_gate_that_was_narrowed_by_overload_stays_so_where_its_part_grows() -> None:
    async def check() -> None:
        gate = Limiter(16)
        gate.overloaded(0.0)
        gate.resize(20)
        assert widths(gate) == [12] and gate.widest == 20
        gate.resize(4)
        assert widths(gate) == [4] and gate.widest == 4

    asyncio.run(check())


def test_runs_of_two_people_divide_a_server_while_both_are_worked(store: Store, here: Settings, tmp_path: Path) -> None:
    jobs = Jobs(store, here)
    try:
        with FakeOpenAI(holds_from=0) as server:
            runs = []
            for owner in ("ann", "ben"):
                store.people.add(owner, "admin")
                folder = tmp_path / owner
                folder.mkdir()
                recipe = made_for(folder, server.url, 12)
                runs.append(store.runs.create(f"r-{owner}", "rivers", owner, recipe_text(recipe), 7, _input(recipe)))
            working = [jobs.work(run, Keys()) for run in runs]
            until(lambda: [len(seats) for seats in jobs.shares._seats.values()] == [2])
            (seats,) = jobs.shares._seats.values()
            assert {seat.owner: int(seat.gate.width) for seat in seats} == {"ann": 2, "ben": 2}
            server.go_on()
            assert [ended(job).state for job in working] == ["done", "done"]
            assert jobs.shares._seats == {} and len(asked(server)) == 24
    finally:
        jobs.close()


def _input(recipe: object) -> str:
    from app.inputs import inputs
    from app.recipe import Recipe

    assert isinstance(recipe, Recipe)
    return inputs.fingerprint(recipe.inputs)


# -- what each may use


@pytest.fixture
def run(store: Store) -> Run:
    store.people.add("ann", "admin")
    return store.runs.create("r-1", "rivers", "ann", recipe_text(made_of(rows=40)), 7, "")


def test_a_limit_of_ones_own_goes_before_that_of_everybody(store: Store) -> None:
    store.people.add("ann", "admin")
    store.limits.set(EVERYBODY, "rows", 100)
    store.limits.set(EVERYBODY, "calls", 4)
    store.limits.set("ann", "rows", 500)
    assert store.limits.of("ann") == Limits(rows=500, calls=4)
    assert store.limits.of("whoever works alone") == Limits()
    store.limits.set("ann", "rows", None)
    assert store.limits.of("ann") == Limits(rows=100, calls=4) and store.limits.own("ann") == Limits()


def test_rows_of_all_runs_of_a_person_are_counted(store: Store, run: Run, tmp_path: Path) -> None:
    workspace, recipe = make_workspace(store), made_of(rows=40)
    other = store.runs.create("r-2", "lakes", "ann", recipe_text(recipe), 7, "")
    add_rows(store, other, 0, 5)
    add_rows(store, run, 0, 3)  # its own count with what it is to have
    asyncio.run(owner_limits.check_rows(workspace, run, recipe))
    store.limits.set("ann", "rows", 45)
    asyncio.run(owner_limits.check_rows(workspace, run, recipe))
    store.limits.set("ann", "rows", 44)
    with pytest.raises(PeopleError, match=r"may hold 44 rows together\. The others hold 5, and this one would have 40"):
        asyncio.run(owner_limits.check_rows(workspace, run, recipe))
    all_of_it = made_for(tmp_path, "http://127.0.0.1:9/v1", 50)
    with pytest.raises(PeopleError, match="this one would have 50"):
        asyncio.run(owner_limits.check_rows(workspace, run, all_of_it))


def test_tokens_of_the_last_thirty_days_bound_a_budget(store: Store, run: Run) -> None:
    workspace, used = make_workspace(store), Use(30)
    assert owner_limits.bounded(workspace, run, Budget(), used) == (Budget(), "")
    working = store.usage.begin(run.id, "work")
    store.usage.note(
        working, 1, 0, {("generate", "m"): Tally(answered=1, prompt_tokens=20, completion_tokens=10)}, last=True
    )
    store.limits.set("ann", "tokens", 100)
    budget, advice = owner_limits.bounded(workspace, run, Budget(), used)
    assert budget == Budget(tokens=100) and "may use 100 tokens within 30 days" in advice
    assert owner_limits.bounded(workspace, run, Budget(tokens=60), used) == (Budget(tokens=60), "")
    later = datetime.now(UTC) + timedelta(days=31)
    assert (store.limits.tokens_of("ann"), store.limits.tokens_of("ann", later)) == (30, 0)
    store.limits.set("ann", "tokens", 30)
    with pytest.raises(PeopleError, match="No tokens are left"):
        owner_limits.bounded(workspace, run, Budget(), used)


def test_a_run_that_reaches_its_owners_limit_pauses_with_what_to_do(
    store: Store, here: Settings, tmp_path: Path
) -> None:
    store.people.add("ann", "admin")
    store.limits.set("ann", "tokens", 600)
    jobs = Jobs(store, here)
    try:
        with FakeOpenAI() as server:
            short = {"url": server.url, "model": "fake", "concurrency": 4, "max_tokens": 20}
            recipe = made_for(tmp_path, server.url, 60, generator=short)
            run = store.runs.create("r-1", "rivers", "ann", recipe_text(recipe), 7, _input(recipe))
            job = ended(jobs.work(run, Keys()))
            assert "ann may use 600 tokens within 30 days: wait, or ask an admin." in store.runs.get("r-1").reason, (
                job.trouble
            )
            assert 0 < store.runs.counts("r-1").answered < 60 and store.limits.tokens_of("ann") <= 600
            store.limits.set("ann", "tokens", None)
            ended(jobs.work(store.runs.get("r-1"), Keys()))
            assert store.runs.counts("r-1").answered == 60 and not server.repeated()
            store.limits.set("ann", "rows", 60)
            recipe = made_for(tmp_path, server.url, 61, generator=short)
            more = store.runs.create("r-2", "more", "ann", recipe_text(recipe), 7, _input(recipe))
            assert "may hold 60 rows together" in ended(jobs.work(more, Keys())).trouble
    finally:
        jobs.close()
