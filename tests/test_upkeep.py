"""The store as a file: copied while it is worked with, made smaller, a run taken out of it."""

import asyncio
import json
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from app import recipe, workflow
from app.config import Settings
from app.errors import RunError, StoreError
from app.store import maintenance
from app.store.lease import working_on
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from tests.conftest import Command
from tests.servers import FakeOpenAI

ROWS = 30


def worked(here: Settings, store: Store, folder: Path, url: str, seed: int | None = None) -> Run:
    file = folder / "inputs.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Name river {n}."}) + "\n" for n in range(ROWS)))
    made = recipe.parse({
        "generator": {"url": url, "model": "fake"}, "task": {"kind": "text-generation"}, "inputs": {"path": str(file)},
        **({} if seed is None else {"seed": seed}),
    })  # fmt: skip
    run = workflow.start(Workspace(here, store), made)
    return asyncio.run(workflow.generate(Workspace(here, store), run, lambda *_: None))


def test_a_copy_is_a_store(tmp_path: Path, here: Settings, store: Store) -> None:
    with FakeOpenAI() as server:
        run = worked(here, store, tmp_path, server.url)
    copy = tmp_path / "elsewhere" / "claywright.db"
    copy.parent.mkdir()
    size = maintenance.backup(store, copy)
    assert size == copy.stat().st_size and not list(copy.parent.glob(".*"))
    with Store(copy.parent) as other:
        assert other.runs.counts(run.id) == store.runs.counts(run.id)
    with pytest.raises(StoreError, match="is there already"):
        maintenance.backup(store, copy)
    with pytest.raises(StoreError, match="can't be written"):
        maintenance.backup(store, tmp_path / "nowhere" / "x.db")


def test_a_copy_is_made_while_others_write_and_is_as_private(tmp_path: Path, store: Store) -> None:
    store.db.write(lambda c: c.execute("CREATE TABLE filler(x)") and None)
    store.db.write(lambda c: c.executemany("INSERT INTO filler VALUES(zeroblob(100000))", [()] * 300) and None)
    ending = threading.Event()

    def write() -> None:
        while not ending.is_set():
            store.db.write(lambda c: c.execute("INSERT INTO filler VALUES(1)") and None)
            time.sleep(0.002)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        maintenance.backup(store, tmp_path / "copy.db")
    finally:
        ending.set()
        writing.join()
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0


def test_a_run_goes_with_all_that_belongs_to_it(tmp_path: Path, here: Settings, store: Store) -> None:
    with FakeOpenAI() as server:
        first, second = (worked(here, store, tmp_path, server.url, seed) for seed in (1, 2))
        maintenance.delete(store, first)
        assert [run.id for run in store.runs.all()] == [second.id]
        for table in ("units", "rows"):
            assert {r["run"] for r in store.db.all(f"SELECT run FROM {table}")} == {second.id}
        assert store.db.all("SELECT count(*) n FROM responses")[0]["n"] == ROWS
        worked(here, store, tmp_path, server.url, 1)
        assert len(server.calls) == 2 * ROWS  # what was answered is remembered
        third = store.runs.get("last")
        assert maintenance.delete(store, third, forget=True) == ROWS
        worked(here, store, tmp_path, server.url, 1)
        assert len(server.calls) == 3 * ROWS


def test_another_run_of_the_same_seed_keeps_what_was_answered(tmp_path: Path, here: Settings, store: Store) -> None:
    with FakeOpenAI() as server:
        first = worked(here, store, tmp_path, server.url, 1)
        worked(here, store, tmp_path, server.url, 1)
        assert maintenance.delete(store, first, forget=True) == 0 and len(server.calls) == ROWS


def test_a_run_that_is_worked_on_is_left_alone(tmp_path: Path, here: Settings, store: Store) -> None:
    with FakeOpenAI() as server:
        run = worked(here, store, tmp_path, server.url)

    async def hold() -> None:
        async with working_on(store, run):
            with pytest.raises(RunError, match="being worked on"):
                maintenance.delete(store, run)
            with pytest.raises(StoreError, match="is being worked on"):
                maintenance.compact(store)

    asyncio.run(hold())
    assert store.runs.counts(run.id).answered == ROWS


def test_the_file_gets_smaller(tmp_path: Path, here: Settings, store: Store) -> None:
    with FakeOpenAI() as server:
        runs = [worked(here, store, tmp_path, server.url, seed) for seed in range(3)]
    for run in runs:
        maintenance.delete(store, run, forget=True)
    before, after = maintenance.compact(store)
    assert after < before / 2
    assert store.db.all("PRAGMA integrity_check")[0][0] == "ok"
    assert store.db.all("PRAGMA journal_mode")[0][0] == "wal"


def test_a_file_that_another_one_holds_is_not_rewritten(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(store.db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    connect = sqlite3.connect
    monkeypatch.setattr("app.store.maintenance.sqlite3.connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.1}))
    with pytest.raises(StoreError, match=r"can't be rewritten: database is locked.*Nothing was lost"):
        maintenance.compact(store)
    other.execute("ROLLBACK")
    other.close()


@pytest.mark.parametrize(
    ("size", "words"),
    [(12, "12 bytes"), (3_200, "3.2 kB"), (45_600_000, "45.6 MB"), (7.1e9, "7.1 GB"), (2e13, "20,000.0 GB")],
)
def test_sizes_in_words(size: float, words: str) -> None:
    assert maintenance.readable(size) == words


def test_the_commands(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('rows = 3\n[generator]\npreset = "scripted"\n[task]\nkind = "magpie"\n')
    run = command("run", str(file), "--no-push", "--json").json["run"]
    copied = command("backup", "copy.db", "--json").json
    assert (tmp_path / "copy.db").stat().st_size == copied["bytes"]
    assert "is there already" in command("backup", "copy.db").err
    assert "claywright-20" in command("backup").out
    refused = command("delete", run)
    assert refused.code == 1 and "Nothing was deleted" in refused.err and "--yes" in refused.err
    gone = command("delete", run, "--yes", "--forget", "--json").json
    assert (gone["rows"], gone["forgotten"] > 0) == (3, True)
    assert "There are no runs" in command("runs").out
    sizes = command("compact", "--json").json
    assert sizes["after"] <= sizes["before"]
    assert "The store takes" in command("compact").out
