"""The store: one SQLite file that two may open, that a failing write or a full disk does not hurt, and that forgets nothing."""

import asyncio
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app import workers
from app.errors import RunError, StoreError
from app.migrations import STEPS, migrate
from app.store import Store
from app.tables.rows import content_hash
from app.tables.text import now
from feedback.types import Rating, Verdict
from tasks.engine import Call
from tasks.models.base import Capabilities, Completion
from tasks.types import Dropped, Response, Row
from tests.rows import all_said

SAID = Row(
    ({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers.", "b", "Hm.")), {"seed": "x"}
)  # fmt: skip


def with_row(store: Store, row: Row = SAID, unit: int = 0) -> Row:
    """The row, kept in the run "r" as answered."""
    if not store.runs.all():
        store.runs.create("r", "rivers", "me", "{}", 7, "")
    named = replace(row, id=f"r-{unit}-0", unit=unit)

    async def keep() -> None:
        await store.rows.keep_unit("r", unit, [named], [Dropped("empty", "raw")])
        await store.rows.answered(named)

    asyncio.run(keep())
    return store.rows.get(named.id)


def rate(store: Store, row: Row, value: float, judge: str = "j", status: Any = "rated") -> None:
    rating = Rating(
        0, "helpfulness", 0, status, value if status == "rated" else None, order=(0, 1), model="m", logprobs={"4": -0.1}
    )

    async def keep() -> None:
        await store.ratings.keep(row.id, content_hash(row), judge, [rating])
        await store.ratings.done(row.id, judge)

    asyncio.run(keep())


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
    with pytest.raises(StoreError, match="can't be used"):
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
            asyncio.run(store.calls.keep(big, Completion("x" * 100_000, "m")))
        assert store.rows.get(row.id) == row
        assert asyncio.run(store.calls.recall(b"k")) is None
        store.db.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone()[0])
        asyncio.run(store.calls.keep(big, Completion("x" * 100_000, "m")))
        answer = asyncio.run(store.calls.recall(b"k"))
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
            held = threading.Event()
            first = asyncio.create_task(store.db.write_async(lambda c: held.wait(5)))
            await asyncio.sleep(0.05)
            keeping = asyncio.create_task(store.calls.keep(Call(b"k", "e", 0, b"h", "s"), Completion("x", "m")))
            await asyncio.sleep(0.05)
            keeping.cancel()
            held.set()
            await first
            await store.db.write_async(lambda c: None)  # behind it
            assert await store.calls.recall(b"k") is not None

        asyncio.run(work())


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.runs.create("r", "x", "me", "{}", 1, "")


def test_any_text_survives(tmp_path: Path) -> None:
    """NUL and other signs as they are; a lone surrogate, which SQLite can't hold as text, at worst as a question mark."""
    odd = "a\0b \ud800 c \u2028 𝄞 'quoted' \"and\" %s"
    row = Row(({"role": "user", "content": odd},), (Response(odd, "m", odd),), {"seed": odd})
    with Store(tmp_path) as store:
        kept = with_row(store, row)
        assert kept.messages == row.messages and kept.origin == row.origin
        assert kept.responses[0].text == odd.replace("\ud800", "?") == kept.responses[0].reasoning
        asyncio.run(store.rows.keep_unit("r", 5, [], [Dropped("odd", odd)]))
        asyncio.run(store.calls.keep(Call(b"k", "e", 2**53 - 1, b"h", "s"), Completion(odd, "m", odd)))
        assert asyncio.run(store.calls.recall(b"k")) == Completion(odd, "m", odd)
        rating = Rating(0, "helpfulness", 0, "unrated", None, odd, odd, odd, (0,), "m")
        rated = with_row(store, unit=1)
        asyncio.run(store.ratings.keep(rated.id, content_hash(rated), "j", [rating]))
        assert store.ratings.of([rated.id], "j")[rated.id][0].raw == odd.replace("\ud800", "?")
        store.reviews.keep_verdicts(
            "d", [Verdict(kept.id, "ann", "submitted", {"rationale": odd}, {"rationale": odd}, "1", "1")]
        )
        assert store.reviews.verdicts([kept.id])[kept.id][0].answers == {"rationale": odd}


def test_a_unit_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        bad = replace(SAID, id="bad", unit=1, messages=cast(Any, (object(),)))
        with pytest.raises(TypeError):
            asyncio.run(store.rows.keep_unit("r", 1, [replace(SAID, id="good", unit=1), bad], []))
        assert [r.id for r in store.rows.walk("r", "1")] == [row.id]
        assert [unit for unit, *_ in store.rows.progress_of_units("r", "")] == [0]
        assert store.runs.drop_reasons("r") == {"empty": 1}


def test_an_edit_keeps_what_was_said_before(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        rate(store, row, 4.0)
        assert store.ratings.of([row.id])[row.id][0].value == 4.0
        edited = store.rows.edit(
            replace(row, messages=({"role": "user", "content": "Name two."},), responses=row.responses[:1]), "ann"
        )
        assert (edited.revision, edited.instruction, len(edited.responses)) == (1, "Name two.", 1)
        assert store.ratings.of([row.id], "j")[row.id] == []
        again = store.rows.edit(replace(edited, responses=()), "bob")
        assert again.revision == 2
        kept = store.db.all("SELECT * FROM revisions ORDER BY revision")
        assert [(r["revision"], r["who"]) for r in kept] == [(0, "ann"), (1, "bob")]
        assert "Name a river." in kept[0]["messages"] and "Rivers." in kept[0]["responses"]
        back = store.rows.edit(replace(again, messages=row.messages, responses=row.responses), "ann")
        assert store.ratings.of([back.id], "j")[back.id][0].value == 4.0


def test_failed_ratings_are_made_again_others_stay(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        rate(store, row, 0, status="failed")
        rate(store, row, 4.0)
        rate(store, row, 2.0)
        (kept,) = store.ratings.of([row.id])[row.id]
        assert (kept.status, kept.value, kept.order, kept.logprobs) == ("rated", 4.0, (0, 1), {"4": -0.1})


def test_failures_can_be_opened_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row, other = with_row(store), with_row(store, unit=1)
        asyncio.run(store.rows.fail_unit("r", 2, "refused"))
        asyncio.run(store.rows.set_state(row.id, "failed", "answering: refused"))
        rate(store, other, 0, status="failed")
        assert [what for what, _ in store.rows.failures("r")] == [
            "unit 2",
            f"row {row.id}",
            f"rating of row {other.id}, response 1, helpfulness",
        ]
        assert store.runs.counts("r")["failed"] == 2
        store.rows.reopen("r", surplus=False, failed=True)
        assert list(store.rows.progress_of_units("r", "j")) == [(0, "done", 1, True), (1, "done", 1, True)]


def test_rows_are_walked_in_pages_and_in_order(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.runs.create("r", "x", "me", "{}", 1, "")

        async def keep() -> None:
            await asyncio.gather(
                *(
                    store.rows.keep_unit(
                        "r", unit, [replace(SAID, id=f"r-{unit}-{k}", unit=unit, position=k) for k in range(3)], []
                    )
                    for unit in reversed(range(400))
                )
            )

        asyncio.run(keep())
        assert [(r.unit, r.position) for r in store.rows.walk("r", "1")] == [
            (u, k) for u in range(400) for k in range(3)
        ]
        assert [unit for unit, *_ in store.rows.progress_of_units("r", "")] == list(range(400))


def verdict(row: Row, decision: str, at: str, *, who: str = "ann", status: str = "submitted") -> Verdict:
    return Verdict(row.id, who, status, {"decision": decision}, {}, "rec", f"resp-{who}", who, at, at)


def test_every_version_of_a_verdict_is_kept_and_the_newest_counts(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        first, second = verdict(row, "approve", "2026-01-01T10:00"), verdict(row, "reject", "2026-01-01T11:00")
        bob = verdict(row, "approve", "2026-01-01T09:00", who="bob")
        keep = store.reviews.keep_verdicts
        assert keep("d", [first, bob]) == 2
        assert keep("d", [first, bob]) == 0
        assert keep("d", [second]) == 1
        assert {v.reviewer: v.decision for v in store.reviews.verdicts([row.id])[row.id]} == {
            "ann": "reject",
            "bob": "approve",
        }
        assert store.db.all("SELECT count(*) FROM verdicts")[0][0] == 3
        assert keep("d", [verdict(replace(row, id="nobody's"), "approve", "x", who="eve")]) == 0


def test_a_person_has_one_vote_wherever_a_row_was_sent(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        older = replace(verdict(row, "approve", "2026-01-01T10:00"), response_id="in-the-first")
        newer = replace(verdict(row, "reject", "2026-01-01T11:00"), response_id="in-the-second")
        store.reviews.keep_verdicts("d", [older])
        store.reviews.keep_verdicts("e", [newer])
        assert [v.decision for v in store.reviews.verdicts([row.id])[row.id]] == ["reject"]
        counts = store.runs.counts("r")
        assert (counts["reviewed"], counts["submitted"], counts["approved"], counts["rejected"]) == (1, 1, 0, 1)
        all_said(store, "e", [])  # taken back there: what was said first counts again
        assert [v.decision for v in store.reviews.verdicts([row.id])[row.id]] == ["approve"]


def test_what_another_pull_found_meanwhile_is_not_gone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        began = now()
        store.reviews.keep_verdicts("d", [verdict(row, "approve", "2026-01-01T10:00")])
        store.reviews.forget_verdicts("d", set(), began)
        assert len(store.reviews.verdicts([row.id])[row.id]) == 1
        store.reviews.forget_verdicts("d", set(), "9999", {"somebody else"})  # ann was deleted there: her words stay
        assert len(store.reviews.verdicts([row.id])[row.id]) == 1
        store.reviews.forget_verdicts("d", set(), "9999", {"ann"})
        assert store.reviews.verdicts([row.id])[row.id] == []


def test_a_withdrawn_verdict_is_gone_until_it_comes_back(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        ann, bob = verdict(row, "approve", "2026-01-01T10:00"), verdict(row, "reject", "2026-01-01T10:00", who="bob")
        all_said(store, "d", [ann, bob])
        all_said(store, "another dataset", [])
        assert len(store.reviews.verdicts([row.id])[row.id]) == 2
        all_said(store, "d", [ann])
        assert [v.reviewer for v in store.reviews.verdicts([row.id])[row.id]] == ["ann"]
        all_said(store, "d", [ann, bob])
        assert len(store.reviews.verdicts([row.id])[row.id]) == 2


def test_probes_are_remembered_for_a_while(tmp_path: Path) -> None:
    found = Capabilities(raw_prompts=True, chat_template="x", models=("a", "b"))
    with Store(tmp_path) as store:
        asyncio.run(store.calls.keep_probe("e", found))
        assert asyncio.run(store.calls.recall_probe("e")) == found
        store.db.write(lambda c: c.execute("UPDATE probes SET created='2020-01-01T00:00:00.000+00:00'"))
        assert asyncio.run(store.calls.recall_probe("e")) is None


def test_runs_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for name in ("ab_c", "abxd", "ab"):
            store.runs.create(name, "x", "me", "{}", 1, "")
        assert store.runs.get("ab_").id == "ab_c"
        assert store.runs.get("ab").id == "ab"
        assert store.runs.get("last").id == "ab"
        with pytest.raises(RunError, match="More than one run"):
            store.runs.get("a")
        for unknown in ("zz", "%", ""):
            with pytest.raises(RunError):
                store.runs.get(unknown)


def test_one_worker_at_a_time(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.runs.create("r", "x", "me", "{}", 1, "")
        claim = store.runs.claim
        assert claim("r", "one", 100.0, 30.0, [])
        assert not claim("r", "two", 120.0, 30.0, [])
        store.runs.beat("r", "one", 125.0)
        assert not claim("r", "two", 150.0, 30.0, [])
        assert claim("r", "two", 156.0, 30.0, [])
        store.runs.beat("r", "one", 157.0)
        store.runs.release("r", "one")
        assert store.runs.get("r").worker == "two"
        assert claim("r", "three", 157.0, 30.0, ["two"])
        store.runs.release("r", "three")
        assert store.runs.get("r").worker is None


def test_a_dead_worker_is_told_from_a_living_one() -> None:
    assert not workers.dead(workers.name())
    host, number, began = workers.name().split("|")
    assert workers.dead(f"{host}|{number}|{int(began) - 1}")
    assert not workers.dead(f"elsewhere|{number}|1")
    assert (
        not workers.dead(None) and not workers.dead("") and not workers.dead("odd") and not workers.dead(f"{host}|x|1")
    )
    child = subprocess.Popen(
        [sys.executable, "-c", "print('here', flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdout.readline()
    stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    name = f"{host}|{child.pid}|{stat[19]}"
    assert not workers.dead(name)
    child.kill()
    deadline = time.monotonic() + 10
    while not workers.dead(name) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert workers.dead(name), "a process that ended and was not yet waited for is dead"
    child.communicate()
    assert workers.dead(name)


def test_working_on_a_run_keeps_others_out(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        run = store.runs.create("r", "x", "me", "{}", 1, "")
        async with workers.working_on(store, run):
            with pytest.raises(RunError, match=rf"Process {os.getpid()} on .* works on the run r"):
                async with workers.working_on(store, store.runs.get("r")):
                    pass
            assert store.runs.get("r").worker == workers.name()
        assert store.runs.get("r").worker is None
        host = workers.name().split("|")[0]
        store.runs.claim("r", f"{host}|{os.getpid()}|1", time.time(), 30.0, [])
        async with workers.working_on(store, store.runs.get("r")):
            pass

    with Store(tmp_path) as store:
        asyncio.run(work(store))
