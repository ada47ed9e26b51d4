"""Rows that must be new are compared in unit order: however calls end and wherever a run is stopped, the same ones stay."""

import asyncio
import hashlib
import json
import os
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.config import Settings
from app.recipe import recipe_of
from app.runs.dedup_pool import DedupPool
from app.runs.runner import RunExecutor
from app.runs.unit_order import InOrder
from app.runs.units import most_rows, number_of_units
from app.store.columns import NEAR_DUPLICATE
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from tasks.errors import EndpointRefused, InputError, SettingsError, Stopped
from tasks.self_instruct import ROUND
from tasks.text.near_duplicates import similarity
from tasks.types import Dropped, Row
from tests.servers import FakeOpenAI, Fault, protocol
from tests.test_kill import kill_when, resume

SEEDS = ("Name a river.", "Why is rain wet?", "Write a poem about a small town.", "", "List two kinds of bread.")
WORDS = [
    part.split()
    for part in ("Name Draw Sing", "one two three", "big red old", "rivers towns songs", "and with", "bread rain")
]
Made = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


def answer(body: dict[str, Any]) -> str:
    """Three instructions that depend on the request alone, many of them like others."""
    dice = random.Random(json.dumps(body, sort_keys=True))
    said = [" ".join([dice.choice(choices) for choices in WORDS]) + "." for _ in range(3)]
    return json.dumps({"instructions": said})


def is_making(body: dict[str, Any]) -> bool:
    return "You write requests" in json.dumps(body)


@dataclass
class Far:
    """A far side that answers after a random while, and can refuse."""

    seed: int
    refuse_from: int | None = None
    poisoned: str = "nothing is poisoned"

    def fault(self, body: dict[str, Any], number: int) -> Fault:
        if self.refuse_from is not None and number >= self.refuse_from:
            return 401
        if not is_making(body):
            return None
        return 400 if self.poisoned in json.dumps(body) else (200, {}, protocol(answer(body), body))

    def latency(self, body: dict[str, Any]) -> float:
        digest = hashlib.sha256(f"{self.seed}{json.dumps(body, sort_keys=True)}".encode()).digest()
        return digest[0] / 255 * 0.02

    def serve(self) -> FakeOpenAI:
        return FakeOpenAI(latency=self.latency, faults=self.fault)


def values(folder: Path, url: str, units: int = 24, **more: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    file = folder / "seeds.jsonl"
    file.write_text(
        "".join(json.dumps({"input": f"{SEEDS[n % 5]} {n}" if SEEDS[n % 5] else ""}) + "\n" for n in range(units))
    )
    endpoint = {"url": url, "model": "fake", "concurrency": 4}
    task = {"kind": "self-instruct", "num_instructions": 3, **more.pop("task", {})}
    return {"seed": 7, "generator": endpoint, "task": task, "inputs": {"path": str(file)}, **more}


def in_rounds(folder: Path, url: str, rows: int = 45) -> dict[str, Any]:
    return values(folder, url, units=5, rows=rows, task={"bootstrap": True})


def given_for(folder: Path, rounds: bool, **more: Any) -> dict[str, Any]:
    return in_rounds(folder, "URL", **more) if rounds else values(folder, "URL", **more)


def made(store: Store, run: Run) -> Made:
    """The rows of a run and what was dropped, without what differs between runs."""
    rows = store.db.all(
        "SELECT unit, position, state, messages, origin FROM rows WHERE run=? ORDER BY unit, position", run.id
    )
    drops = store.db.all("SELECT unit, place, reason, raw FROM drops WHERE run=? ORDER BY unit, place", run.id)
    return [tuple(row) for row in rows], [tuple(drop) for drop in drops]


def work(
    here: Settings,
    store: Store,
    run: Run,
    *,
    stop_after: int | None = None,
    server: FakeOpenAI | None = None,
    **more: Any,
) -> Run:
    """Works a run, to its end or until so many calls more were sent."""
    began = len(server.calls) if server else 0

    def watch(execution: RunExecutor, total: int | None) -> None:
        async def stop() -> None:
            assert server is not None and stop_after is not None
            while len(server.calls) - began < stop_after:  # noqa: ASYNC110 - the server lives elsewhere
                await asyncio.sleep(0.001)
            execution.stop()

        if stop_after is not None:
            waiting.append(asyncio.ensure_future(stop()))

    async def go() -> Run:
        try:
            return await workflow.generate(Workspace(here, store), run, watch, **more)
        finally:
            for one in waiting:
                one.cancel()

    waiting: list[asyncio.Future[None]] = []
    return asyncio.run(asyncio.wait_for(go(), 60))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Any]:
    """Makes stores, each in a folder of its own."""
    opened: list[Store] = []

    def make() -> tuple[Settings, Store]:
        here = Settings(data=tmp_path / f"data{len(opened)}", owner="tester")
        opened.append(Store(here.data))
        return here, opened[-1]

    yield make
    for store in opened:
        store.close()


def whole(tmp_path: Path, fresh: Any, rounds: bool, **more: Any) -> Made:
    """What a run that nobody interrupts makes."""
    here, store = fresh()
    with Far(0).serve() as server:
        given = given_for(tmp_path, rounds, **more)
        done = work(here, store, begun(here, store, given, server))
        assert done.state == "done", done.reason
        return made(store, done)


def begun(here: Settings, store: Store, given: dict[str, Any], server: FakeOpenAI) -> Run:
    return workflow.start(
        Workspace(here, store), recipe.parse({**given, "generator": {**given["generator"], "url": server.url}})
    )


@pytest.mark.parametrize("rounds", [False, True])
def test_what_stays_is_new(tmp_path: Path, fresh: Any, rounds: bool) -> None:
    rows, drops = whole(tmp_path, fresh, rounds)
    seeds = [f"{SEEDS[n % 5]} {n}" for n in range(5 if rounds else 24) if SEEDS[n % 5]]
    texts = [json.loads(row[3])[0]["content"] for row in rows]
    for place, text in enumerate(texts):
        assert max(similarity(text, other) for other in [*seeds, *texts[:place]]) < 0.7
    near = [(reason, raw) for _, _, reason, raw in drops if reason.startswith(NEAR_DUPLICATE)]
    assert len(near) > 5 and len(texts) > 10
    for reason, raw in near:
        _, _, other = reason.partition(" of: ")
        assert other in [*seeds, *texts] and f"({similarity(raw, other):.0%} alike)" in reason
        assert similarity(raw, other) >= 0.7


@pytest.mark.parametrize("rounds", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_run_stopped_anywhere_makes_the_same_rows(tmp_path: Path, fresh: Any, rounds: bool, seed: int) -> None:
    once, dice = whole(tmp_path, fresh, rounds), random.Random(seed)
    here, store = fresh()
    with Far(seed + 1).serve() as server:
        given = given_for(tmp_path, rounds)
        run = begun(here, store, given, server)
        for _ in range(5):
            work(here, store, store.runs.get(run.id), stop_after=dice.randint(1, 15), server=server)
            assert in_order(store, run)
        done = work(here, store, store.runs.get(run.id))
        assert done.state == "done" and made(store, done) == once
        assert server.repeated() == 0


def in_order(store: Store, run: Run) -> bool:
    """True if the units that were kept have no gap."""
    units = [row["idx"] for row in store.db.all("SELECT idx FROM units WHERE run=? ORDER BY idx", run.id)]
    return units == list(range(len(units)))


@pytest.mark.parametrize("rounds", [False, True])
def test_a_refused_key_in_the_middle_changes_nothing(tmp_path: Path, fresh: Any, rounds: bool) -> None:
    once = whole(tmp_path, fresh, rounds)
    here, store = fresh()
    far = Far(3, refuse_from=9)
    with far.serve() as server:
        run = begun(here, store, given_for(tmp_path, rounds), server)
        with pytest.raises(EndpointRefused):
            work(here, store, run)
        assert in_order(store, run) and store.runs.get(run.id).state == "paused"
        far.refuse_from = None
        assert made(store, work(here, store, store.runs.get(run.id))) == once


@pytest.mark.parametrize(("rounds", "share"), [(False, 0.3), (True, 0.6)])
def test_a_run_killed_in_the_middle_makes_the_same_rows(tmp_path: Path, fresh: Any, rounds: bool, share: float) -> None:
    once = whole(tmp_path, fresh, rounds)
    environment = {**os.environ, "CLAYWRIGHT_DATA": str(tmp_path / "killed")}
    with Far(8).serve() as server:
        given = given_for(tmp_path, rounds)
        file = tmp_path / "recipe.json"
        file.write_text(json.dumps({**given, "generator": {**given["generator"], "url": server.url}}))
        at = int(share * len(once[0]))
        assert kill_when(["run", str(file), "--no-push"], environment, lambda: len(server.calls) >= at)
        with Store(tmp_path / "killed") as store:
            (run,) = store.runs.all()
            assert in_order(store, run)
        resume(["run", "--resume", "last", "--no-push"], environment)
        assert server.repeated() <= 4
    with Store(tmp_path / "killed") as store:
        assert made(store, store.runs.get(run.id)) == once


@pytest.mark.parametrize("rounds", [False, True])
def test_preview_rows_and_more_rows_are_the_runs_first_rows(tmp_path: Path, fresh: Any, rounds: bool) -> None:
    """Rows beyond those asked for are compared with too, so that asking for more later changes nothing."""
    once = whole(tmp_path, fresh, rounds, rows=20)
    here, store = fresh()
    with Far(5).serve() as server:
        run = begun(here, store, given_for(tmp_path, rounds, rows=20), server)
        for rows in (2, 5):
            asyncio.run(workflow.preview(Workspace(here, store), run, lambda *_: None, rows=rows))
            kept = [row for row in made(store, run)[0] if row[2] == "kept"]
            assert kept == once[0][:rows]
        row = next(store.rows.walk(run.id))
        few = recipe.parse({**recipe_of(run).dump(), "rows": 9})
        work(here, store, store.runs.get(run.id), recipe=few)
        more = recipe.parse({**recipe_of(run).dump(), "rows": 20})
        done = work(here, store, store.runs.get(run.id), recipe=more)
        assert made(store, done) == once and server.repeated() == 0
        assert store.rows.get(row.id) == row


def test_an_edited_row_is_compared_with_as_it_was_made(tmp_path: Path, fresh: Any) -> None:
    once = whole(tmp_path, fresh, False, rows=20)
    here, store = fresh()
    with Far(6).serve() as server:
        run = begun(here, store, values(tmp_path, "URL", rows=20), server)
        asyncio.run(workflow.preview(Workspace(here, store), run, lambda *_: None, rows=5))
        for row in list(store.rows.walk(run.id)):
            store.rows.edit(Row(({"role": "user", "content": "Something else."},), row.responses, id=row.id), "me")
        done = work(here, store, store.runs.get(run.id))
        again = made(store, done)
        assert [row[:2] for row in again[0]] == [row[:2] for row in once[0]] and again[1] == once[1]
        assert again[0][5:] == once[0][5:]


def test_a_failed_unit_holds_nobody_up_and_is_compared_with_all_when_it_is_run_again(
    tmp_path: Path, fresh: Any
) -> None:
    here, store = fresh()
    far = Far(2, poisoned="town. 2")
    with far.serve() as server:
        done = work(here, store, begun(here, store, values(tmp_path, "URL"), server))
        assert [what for what, _ in store.rows.failures(done.id)] == ["unit 2", "unit 22"]
        before, _ = made(store, done)
        far.poisoned = "no such words"
        again = work(here, store, done, retry_failed=True)
        rows, drops = made(store, again)
        assert not store.rows.failures(done.id) and [row for row in rows if row[0] not in (2, 22)] == before
        texts = [json.loads(row[3])[0]["content"] for row in before]
        for unit, _, reason, raw in drops:
            if unit == 2 and reason.startswith(NEAR_DUPLICATE):
                assert any(similarity(raw, text) >= 0.7 for text in texts)
        for row in rows:
            if row[0] == 2:
                assert all(similarity(json.loads(row[3])[0]["content"], text) < 0.7 for text in texts)
        assert {row[0] for row in rows} | {drop[0] for drop in drops} >= {2, 22}


def test_a_slow_unit_holds_up_what_is_kept_and_no_calls(tmp_path: Path, fresh: Any) -> None:
    here, store = fresh()
    kept: list[int] = []

    def latency(body: dict[str, Any]) -> float:
        if "a river. 0" in json.dumps(body):
            while_waiting.append(body)
            return 0.5
        return 0.0

    def fault(body: dict[str, Any], number: int) -> Fault:
        if not is_making(body):
            return None
        if number == 20:
            with sqlite3.connect(here.data / "claywright.db") as other:
                kept.append(other.execute("SELECT count(*) FROM units").fetchone()[0])
            other.close()
        return (200, {}, protocol(answer(body), body))

    while_waiting: list[dict[str, Any]] = []
    with FakeOpenAI(latency=latency, faults=fault) as server:
        done = work(here, store, begun(here, store, values(tmp_path, "URL"), server))
        assert done.state == "done" and len(while_waiting) == 1
    assert kept == [0] or kept == [1]  # unit 3 has an empty seed, and waits like the others


def test_rounds_show_seeds_and_rows_of_earlier_rounds(tmp_path: Path, fresh: Any) -> None:
    rows, _ = whole(tmp_path, fresh, True)
    seeds = [f"{SEEDS[n % 5]} {n}" for n in range(5) if SEEDS[n % 5]]
    assert max(row[0] for row in rows) >= 2 * ROUND
    orders = set()
    for unit, _, _, _, said in rows:
        origin = json.loads(said)
        before = {json.loads(row[3])[0]["content"] for row in rows if row[0] // ROUND < unit // ROUND}
        made_ones = [example for example in origin["examples"] if example not in seeds]
        assert origin["round"] == unit // ROUND and origin["prompt"] == "self_instruct_pool.v1"
        assert set(made_ones) <= before and len(made_ones) == (2 if unit >= ROUND else 0)
        assert (
            len(origin["examples"]) == len(set(origin["examples"])) == len(made_ones) + 4
        )  # there are only four seeds
        orders.add(tuple(origin["examples"]))
    assert len(orders) > 5


def test_rounds_need_seeds_and_a_number_of_rows(tmp_path: Path, fresh: Any) -> None:
    here, store = fresh()
    given = in_rounds(tmp_path, "http://127.0.0.1:9/v1")
    with pytest.raises(SettingsError, match="how many rows"):
        recipe.parse({key: value for key, value in given.items() if key != "rows"})
    with pytest.raises(SettingsError, match="works on input"):
        recipe.parse({**given, "inputs": {}})
    assert most_rows(recipe.parse(given), number_of_units(recipe.parse(given))) == 45
    (tmp_path / "seeds.jsonl").write_text('{"input": ""}\n')
    with pytest.raises(InputError, match="no seed"):
        workflow.start(Workspace(here, store), recipe.parse(given))
    (tmp_path / "seeds.jsonl").write_text('{"input": "a"}\n{"other": 1}\n')
    with pytest.raises(InputError, match="row 2 has no column 'input'"):
        workflow.start(Workspace(here, store), recipe.parse(given))


def test_rounds_end_where_nothing_new_comes(tmp_path: Path, fresh: Any) -> None:
    here, store = fresh()

    def fault(body: dict[str, Any], number: int) -> Fault:
        return (200, {}, protocol('{"instructions": ["Name a river."]}', body)) if is_making(body) else None

    with FakeOpenAI(faults=fault) as server:
        done = work(here, store, begun(here, store, in_rounds(tmp_path, "URL", rows=3), server))
        assert done.state == "done" and done.reason == "only 0 of 3 rows: too many draws were dropped"
        assert store.runs.drop_reasons(done.id) == {
            NEAR_DUPLICATE: sum(is_making(call["body"]) for call in server.calls)
        }


# -- the parts


def test_the_pool_compares_with_seeds_rows_and_a_units_own() -> None:
    def row(text: str) -> Row:
        return Row(({"role": "user", "content": text},))

    pool = DedupPool(0.7, ["Name a river.", "Name a river."], [])
    assert pool.seeds == ["Name a river."]
    came = pool.sieve(
        4, [row("Name a river!"), row("Sing a song."), Dropped("no list", "x"), row("sing a SONG"), row("Go on.")]
    )
    assert came == [
        Dropped("near-duplicate (100% alike) of: Name a river.", "Name a river!"),
        row("Sing a song."),
        Dropped("no list", "x"),
        Dropped("near-duplicate (100% alike) of: Sing a song.", "sing a SONG"),
        row("Go on."),
    ]
    pool.sieve(2, [row("Count to ten.")])
    assert pool.before(2) == [] and pool.before(4) == ["Count to ten."]
    assert pool.before(5) == ["Count to ten.", "Sing a song.", "Go on."]
    again = DedupPool(None, ["a"], [Row(row("a").messages, unit=1)])
    assert again.sieve(3, [row("a")]) == [row("a")] and again.before(9) == ["a", "a"]


def test_turns_come_in_order_and_those_behind_one_that_gave_up_never() -> None:
    async def go() -> None:
        turns, log = InOrder(), []

        async def unit(number: int, gives_up: bool, first: asyncio.Event) -> None:
            await first.wait()
            if gives_up:
                turns.give_up(number)
                return
            try:
                await turns.past(number)
            except Stopped:
                turns.give_up(number)
                log.append(-number)
            else:
                log.append(number)
                await asyncio.sleep(0)
                turns.over(number)

        events = [asyncio.Event() for _ in range(6)]
        for number in range(6):
            turns.start(number)
        units = [asyncio.create_task(unit(number, number == 3, events[number])) for number in range(6)]
        for number in (5, 2, 4, 1, 3):
            events[number].set()
            await asyncio.sleep(0.001)
        assert log == [-4, -5] or log == [-5, -4]
        events[0].set()
        await asyncio.gather(*units)
        assert log[2:] == [0, 1, 2]
        with pytest.raises(Stopped):
            await turns.past(9)

    asyncio.run(asyncio.wait_for(go(), 10))
