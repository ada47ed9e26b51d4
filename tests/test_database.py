"""The SQLite file: several open it at once, a foreign or newer one is left alone, no failing write or full disk hurts it."""

import asyncio
import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.errors import StoreError
from app.store.migrations import STEPS, migrate
from app.store.store import Store
from tasks.engine.engine import Call
from tasks.models.base import Completion
from tests.make_endpoints import others_run
from tests.make_runs import with_row


def open_it(folder: str, wait: Any, said: Any) -> None:
    """In another process: opens the store with the others, writes a run, tells how it went."""
    wait.wait(20)
    try:
        with Store(Path(folder)) as store:
            store.runs.create(f"run-{os.getpid()}", "x", "me", "{}", 1, "")
        said.put("well")
    except BaseException as error:  # noqa: BLE001 - the other side shows it
        said.put(repr(error))


def test_a_new_file_is_ours_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "data" / "claywright.db").stat().st_mode & 0o777 == 0o600


def test_several_threads_open_a_new_store_at_once(tmp_path: Path) -> None:
    barrier, found = threading.Barrier(6), list[Any]()

    def open_one(number: int) -> None:
        barrier.wait()
        try:
            with Store(tmp_path) as store:
                store.runs.create(f"run-{number}", "x", "me", "{}", 1, "")
            found.append("well")
        except BaseException as error:  # noqa: BLE001 - shown below
            found.append(error)

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["well"] * 6
    with Store(tmp_path) as store:
        assert len(store.runs.all()) == 6


def test_several_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, said = context.Barrier(3), context.Queue()
    processes = [context.Process(target=open_it, args=(str(tmp_path), barrier, said)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [said.get(timeout=30) for _ in processes] == ["well"] * 3
    for process in processes:
        process.join()
    with Store(tmp_path) as store:
        assert len(store.runs.all()) == 3


def test_a_store_is_opened_again_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
    with Store(tmp_path) as store:
        assert store.rows.get(row.id) == row
        assert store.db.all("PRAGMA user_version")[0][0] == len(STEPS)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path):
        pass
    path = tmp_path / "claywright.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError, match=r"schema 999, this version of Claywright knows \d+.*--data"):
        Store(tmp_path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 999
    connection.close()


def test_a_step_that_fails_leaves_nothing_behind() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE runs(id)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 0
    assert [name for (name,) in connection.execute("SELECT name FROM sqlite_master")] == ["runs"]
    connection.close()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 100, b"\0" * 5000])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "claywright.db").write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        Store(tmp_path)
    assert (tmp_path / "claywright.db").read_bytes() == content


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(StoreError, match="--data"):
        Store(tmp_path / "data")


def test_a_write_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    with Store(tmp_path) as store:

        def fails(c: sqlite3.Connection) -> None:
            c.execute("INSERT INTO probes VALUES('half', 'x', 'x')")
            raise ValueError("a mistake")

        def keeps(name: str) -> Callable[[sqlite3.Connection], object]:
            return lambda c: c.execute("INSERT INTO probes VALUES(?, 'x', 'x')", (name,))

        async def work() -> list[Any]:
            many = [store.db.write_async(fails if n % 3 == 1 else keeps(f"{n}")) for n in range(60)]
            return await asyncio.gather(*many, return_exceptions=True)

        results = asyncio.run(work())
        assert sum(isinstance(result, ValueError) for result in results) == 20
        assert {r["endpoint"] for r in store.db.all("SELECT endpoint FROM probes")} == {
            f"{n}" for n in range(60) if n % 3 != 1
        }
        with pytest.raises(sqlite3.IntegrityError):
            store.db.write(lambda c: c.execute("INSERT INTO probes VALUES('0', 'x', 'x')"))
        store.runs.create("r", "x", "me", "{}", 1, "")


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        pages = store.db.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        store.db.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone()[0])
        big = Call(b"k", "e", 0, b"h", "s")
        with pytest.raises(StoreError, match=r"can't be written: .*full.*make room and resume"):
            asyncio.run(store.call_cache.keep(big, Completion("x" * 100_000, "m")))
        assert store.rows.get(row.id) == row
        assert asyncio.run(store.call_cache.recall(b"k")) is None
        store.db.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone()[0])
        asyncio.run(store.call_cache.keep(big, Completion("x" * 100_000, "m")))
        answer = asyncio.run(store.call_cache.recall(b"k"))
        assert answer is not None and len(answer.text) == 100_000
    check = sqlite3.connect(tmp_path / "claywright.db")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_a_write_that_reads_what_is_no_text_ends_nobody_elses(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for wrong in ("SELECT CAST(x'ff' AS TEXT)", "SELECT * FROM nothing"):
            with pytest.raises((StoreError, sqlite3.Error)):
                store.db.write(lambda c, wrong=wrong: c.execute(wrong).fetchall())  # type: ignore[misc]
        assert with_row(store).id


def test_an_answer_is_kept_though_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    with Store(tmp_path) as store:

        async def work() -> None:
            begun, held = threading.Event(), threading.Event()

            def hold(connection: sqlite3.Connection) -> None:
                begun.set()
                held.wait(30)

            first = asyncio.create_task(store.db.write_async(hold))
            assert await asyncio.to_thread(begun.wait, 30)
            keeping = asyncio.create_task(store.call_cache.keep(Call(b"k", "e", 0, b"h", "s"), Completion("x", "m")))
            await others_run()  # so that it is in line
            keeping.cancel()
            held.set()
            await first
            await store.db.write_async(lambda c: None)  # behind it
            assert await store.call_cache.recall(b"k") is not None

        asyncio.run(work())


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.runs.create("r", "x", "me", "{}", 1, "")
