"""What pauses a run, and how it goes on: a budget that is used up, a full disk, an endpoint that is away for a while."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import recipe
from app.errors import StoreError
from app.recipe import recipe_of
from app.store.disk_reserve import Reserve
from app.store.runs import Run
from app.store.store import Store
from tasks.engine import retries
from tasks.engine.engine import Call
from tasks.errors import BudgetSpent, SettingsError
from tasks.models.base import Completion
from tests.conftest import Work
from tests.servers import FakeOpenAI, Fault
from tests.test_kill import kill_when

UNITS = 60


def values(folder: Path, url: str, **more: Any) -> dict[str, Any]:
    file = folder / "inputs.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Name river {n:02d}."}) + "\n" for n in range(UNITS)))
    endpoint = {"url": url, "model": "fake", "concurrency": 8, "max_tokens": 50}
    return {"generator": endpoint, "task": {"kind": "text-generation"}, "inputs": {"path": str(file)}, **more}


def tokens(store: Store, run: Run) -> int:
    return sum(w.prompt_tokens + w.completion_tokens for w in store.usage.all(run.id))


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(latency=0.005) as made:
        yield made


def test_a_budget_pauses_the_run_and_a_larger_one_lets_it_go_on(
    tmp_path: Path, store: Store, work: Work, server: FakeOpenAI
) -> None:
    with pytest.raises(BudgetSpent, match=r"The budget of 800 tokens is used up: \d+ were used"):
        work(values(tmp_path, server.url, budget={"tokens": 800}))
    run = store.runs.get("last")
    made = store.runs.counts(run.id).answered
    assert run.state == "paused" and run.reason.startswith("The budget of 800 tokens")
    assert 0 < made < UNITS and made == len(server.calls) and tokens(store, run) <= 800
    with pytest.raises(BudgetSpent):  # it holds for all work on the run together
        work(run)
    assert len(server.calls) == made
    more = recipe.parse({**recipe_of(run).dump(), "budget": {"tokens": 100_000}})
    done = work(run, recipe=more)
    assert (done.state, store.runs.counts(run.id).answered) == ("done", UNITS)
    assert len(server.calls) == UNITS


def test_a_budget_in_money_needs_prices(tmp_path: Path, store: Store, work: Work, server: FakeOpenAI) -> None:
    given = values(tmp_path, server.url, budget={"dollars": 0.01})
    with pytest.raises(SettingsError, match="needs the price of fake: set prompt_price"):
        work(given)
    assert not server.calls and store.runs.get("last").state == "paused"
    given["generator"] |= {"prompt_price": 10.0, "completion_price": 20.0, "max_tokens": 0}
    with pytest.raises(BudgetSpent, match=r"The budget of \$0\.03 is used up: \$0\.\d\d was spent"):
        work({**given, "budget": {"dollars": 0.03}})
    assert 0 < len(server.calls) < UNITS
    assert all(call["body"]["max_tokens"] == retries.ANSWER_TOKENS for call in server.calls)


def test_what_a_killed_process_used_is_told_from_its_answers(tmp_path: Path) -> None:
    """So that a kill is no way past a budget."""
    data = tmp_path / "data"
    with FakeOpenAI(latency=0.01) as server:
        file = tmp_path / "recipe.json"
        file.write_text(json.dumps(values(tmp_path, server.url)))
        environment = {**os.environ, "CLAYWRIGHT_DATA": str(data)}
        assert kill_when(["run", str(file), "--no-push"], environment, lambda: len(server.calls) >= 30)
        with Store(data) as store:
            run = store.runs.get("last")
            kept = store.db.all("SELECT count(*) n FROM calls")[0]["n"]
            assert tokens(store, run) < kept  # nothing was noted in so short a time
            store.usage.begin(run.id, "work")
            (spent,) = store.usage.spent(run.id).values()
            assert list(store.usage.spent(run.id)) == [("generate", "fake")]
            assert spent.answered == kept >= 20 and spent.completion_tokens == 8 * kept and spent.prompt_tokens > kept
            assert tokens(store, run) == spent.prompt_tokens + spent.completion_tokens
            store.usage.begin(run.id, "work")  # it is counted once
            assert store.usage.spent(run.id)["generate", "fake"] == spent


def test_ratings_of_other_runs_are_not_told_as_a_dead_ones(tmp_path: Path, store: Store) -> None:
    """Only what was answered just after it had noted last, with its seed or as a rating."""
    for run in ("a", "b"):
        store.runs.create(run, run, "me", "{}", 7 if run == "a" else 8, "")
    working = store.usage.begin("a", "work")
    noted = store.db.all("SELECT noted FROM workings")[0]["noted"]

    def answered(number: int, scope: str, seconds: int) -> None:
        when = (datetime.fromisoformat(noted) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        said = json.dumps({"model": "m", "prompt_tokens": 1, "completion_tokens": 1, "latency": 0.1})
        values = (bytes([number]), "e", 0, b"h", scope, said, when)
        store.db.write(lambda c: c.execute("INSERT INTO calls VALUES(?,?,?,?,?,?,?)", values))

    for number, (scope, seconds) in enumerate(
        [("7/unit/1", 1), ("rating", 2), ("8/unit/1", 2), ("rating", 60), ("7/answer/1", 3)]
    ):
        answered(number, scope, seconds)
    store.usage.begin("a", "work")
    assert {key: tally.answered for key, tally in store.usage.spent("a").items()} == {
        ("generate", "m"): 1, ("rate", "m"): 1, ("answer", "m"): 1,
    }  # fmt: skip
    assert working == 1 and [w.open for w in store.usage.all("a")] == [0, 1]


def test_a_budget_holds_where_the_endpoint_does_not_say_what_calls_took(
    tmp_path: Path, store: Store, work: Work
) -> None:
    silent = {"choices": [{"message": {"content": "The Loire."}, "finish_reason": "stop"}]}
    with FakeOpenAI(faults=lambda body, number: (200, {}, silent)) as server:
        with pytest.raises(BudgetSpent):
            work(values(tmp_path, server.url, budget={"tokens": 3000}))
        sent = len(server.calls)
        assert 3 < sent < 20
        with pytest.raises(BudgetSpent):
            work(store.runs.get("last"))
        assert len(server.calls) == sent


def pages(store: Store, more: int) -> None:
    store.db.write(lambda c: c.execute(f"PRAGMA max_page_count={_count(c) + more}").fetchone())


def _count(c: Any) -> int:
    found: int = c.execute("PRAGMA page_count").fetchone()[0]
    return found


@pytest.mark.parametrize("reserve", [True, False])
def test_a_full_disk_pauses_the_run_and_nothing_is_lost(
    tmp_path: Path, store: Store, work: Work, monkeypatch: pytest.MonkeyPatch, reserve: bool
) -> None:
    """SQLite's limit of pages is the disk. What was kept in reserve takes the answers that were on their way."""
    give_up = Reserve.give_up

    def freed(kept: Reserve) -> bool:
        if reserve and give_up(kept):
            store.db._writer.execute("PRAGMA max_page_count=1000000")
            return True
        return False

    monkeypatch.setattr(Reserve, "give_up", freed)

    def slowly(body: dict[str, Any], number: int) -> Fault:
        if number == 20:
            pages(store, 0)
        return None

    with FakeOpenAI(latency=0.02, faults=slowly) as server:
        with pytest.raises(StoreError, match=r"full.*make room and resume"):
            work(values(tmp_path, server.url))
        sent = len(server.calls)
        assert 20 < sent < UNITS
        pages(store, 10**6)
        run = store.runs.get("last")
        if reserve:
            assert run.state == "paused" and "make room and resume" in run.reason
        done = work(run)
        assert (done.state, store.runs.counts(run.id).answered) == ("done", UNITS)
        assert store.db.all("PRAGMA integrity_check")[0][0] == "ok"
        assert server.repeated() <= (0 if reserve else 8)
    assert not list(store.db.path.parent.glob("*.reserve-*"))


def test_room_is_kept_only_where_there_is_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path) as store:
        reserve = store.db.reserve
        left = tmp_path / "claywright.reserve-999999999"
        left.write_text("of a process that is no more")
        with reserve.held(), reserve.held():
            assert reserve.file.stat().st_size == 8 * 2**20 and not left.exists()
        assert not reserve.file.exists()
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2**20}))
        with reserve.held():
            assert not reserve.file.exists() and not reserve.give_up()
            asyncio.run(store.call_cache.keep(Call(b"k", "e", 0, b"h", "s"), Completion("x", "m")))


@pytest.mark.parametrize("fault", [500, 503, "drop"])
def test_an_endpoint_that_is_away_for_a_while_ends_complete(
    tmp_path: Path, store: Store, work: Work, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    away: list[float] = []

    def outage(body: dict[str, Any], number: int) -> Fault:
        if number == 20:
            away.append(time.monotonic())
        return fault if away and time.monotonic() - away[0] < 4 else None

    with FakeOpenAI(latency=0.01, faults=outage) as server:
        done = work(values(tmp_path, server.url))
    assert (done.state, store.runs.counts(done.id).answered) == ("done", UNITS)
    assert not store.rows.failures(done.id)
