"""A store that is damaged, of an earlier version, or may only be read: nothing makes it worse, and what to do is said."""

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import workflow
from app.cli.doctor import examine
from app.cli.main import app as command_line
from app.config import Settings
from app.errors import StoreError
from app.store import maintenance, migrations
from app.store.migrations import STEPS
from app.store.store import Store
from feedback.exports.selection import Export
from tasks.errors import ClaywrightError
from tests.conftest import Work
from tests.make_runs import with_run
from tests.make_workspace import make_workspace

TRIES = 12
COMMANDS = (
    ["runs"], ["runs", "--json"], ["runs", "last"], ["rate", "last"], ["push", "last"], ["pull", "last"], ["agreement", "last"],
    ["agreement", "last", "--json"], ["export", "last", "--to", "a.jsonl"], ["export", "last", "--to", "b.csv", "--unreviewed"],
    ["export", "last", "--to", "c.parquet", "--format", "raw", "--unreviewed"], ["export", "nobody"],
    ["run", "--resume", "last", "--no-push"], ["run", "recipe.toml", "--no-push"], ["import", "rows.jsonl"],
    ["backup", "copy.db"], ["compact"], ["delete", "last", "--yes"], ["delete", "nobody", "--yes"], ["runs", "nobody"], ["runs"],
)  # fmt: skip
RECIPE = 'rows = 2\n[generator]\npreset = "scripted"\n[task]\nkind = "magpie"\n'


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store with a run in it."""
    folder = tmp_path_factory.mktemp("small")
    with Store(folder) as store:
        with_run(store, 30, responses=2)
    return folder / "claywright.db"


def flipped(small: Path, folder: Path, seed: int) -> None:
    """A copy of it with other bytes at some places, or some pages of them."""
    chance = random.Random(seed)
    content = bytearray(small.read_bytes())
    if seed % 2:
        for _ in range(chance.choice((1, 5, 40, 400))):
            content[chance.randrange(100, len(content))] = chance.randrange(256)
    else:
        for page in chance.sample(range(1, len(content) // 4096), 1 + seed):
            content[page * 4096 : (page + 1) * 4096] = chance.randbytes(4096)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "claywright.db").write_bytes(content)


@pytest.mark.parametrize("seed", range(TRIES))
def test_no_command_ends_in_a_traceback_on_a_damaged_store(
    small: Path, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARGILLA_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ARGILLA_API_KEY", "key")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "rows.jsonl").write_text('{"instruction": "Name a river.", "response": "The Loire."}\n')
    for number, words in enumerate(COMMANDS):
        folder = tmp_path / f"data{number}"
        flipped(small, folder, seed)
        done = CliRunner().invoke(command_line, ["--data", str(folder), *words])
        fault = done.exception
        assert fault is None or isinstance(fault, ClaywrightError | SystemExit), (words, repr(fault))
        assert "Traceback" not in done.output
        shutil.rmtree(folder)


def test_damage_is_found_and_not_copied(small: Path, tmp_path: Path) -> None:
    content = bytearray(small.read_bytes())
    with sqlite3.connect(small) as whole:
        (page,) = whole.execute("SELECT rootpage FROM sqlite_master WHERE name='responses'").fetchone()
    whole.close()
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    (tmp_path / "claywright.db").write_bytes(content)
    here = Settings(data=tmp_path, owner="tester")
    (said,) = [finding for finding in examine(here) if finding.what == "data folder"]
    assert not said.ok and "is damaged" in said.words and "To go back to a backup" in said.words
    with Store(tmp_path) as store:
        before = (tmp_path / "claywright.db").read_bytes()
        with pytest.raises(StoreError, match=r"is damaged .*No copy was made"):
            maintenance.backup(store, tmp_path / "copy.db")
        with pytest.raises(StoreError, match=r"is damaged .*put the backup in its place"):
            maintenance.compact(store)
    assert not (tmp_path / "copy.db").exists() and not list(tmp_path.glob(".copy*"))
    assert (tmp_path / "claywright.db").read_bytes()[4096:] == before[4096:]


def test_what_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "claywright.db").write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(StoreError, match=r"is damaged.*To go back to a backup"):
        Store(tmp_path)
    assert (tmp_path / "claywright.db").read_bytes().startswith(b"nothing")


@pytest.fixture
def earlier(small: Path, tmp_path: Path) -> Path:
    """A data folder with a store of an earlier version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "STEPS", STEPS[:-1])
        patch.setattr("app.store.database.STEPS", STEPS[:-1])
        with Store(tmp_path) as store:
            store.runs.create("r", "old", "me", "{}", 1, "")
    return tmp_path


def test_a_copy_is_made_before_a_store_is_changed(earlier: Path) -> None:
    for number in (1, 2):
        (earlier / f"claywright.db.before-{number}").write_text("")
    with Store(earlier) as store:
        assert [run.name for run in store.runs.all()] == ["old"]
    (copy,) = earlier.glob("*.before-*")
    assert copy.name == f"claywright.db.before-{len(STEPS) - 1}" and copy.stat().st_mode & 0o077 == 0
    with sqlite3.connect(copy) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (len(STEPS) - 1,)
        assert kept.execute("SELECT name FROM runs").fetchall() == [("old",)]
    kept.close()
    Store(earlier).close()
    assert list(earlier.glob("*.before-*")) == [copy]


def test_without_room_for_the_copy_nothing_is_changed(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.database.SPARE", 10**18)
    with pytest.raises(StoreError, match=r"no room for a copy .* Make room, then try again; nothing was changed"):
        Store(earlier)
    with sqlite3.connect(earlier / "claywright.db") as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (len(STEPS) - 1,)
    kept.close()


Readable = Callable[[], Path]


@pytest.fixture
def read_only(small: Path) -> Iterator[Readable]:
    """Makes a data folder in which this process may only read, also where root runs it."""
    folder = Path(tempfile.mkdtemp(prefix="claywright-read-only-"))
    shutil.copy(small, folder / "claywright.db")
    import app.review.argilla
    import feedback.exports.writers  # nothing may have to be imported by another user

    assert app.review.argilla and feedback.exports.writers

    def made() -> Path:
        for path in (folder / "claywright.db", folder):
            path.chmod(0o444 if path.is_file() else 0o555)
        if os.geteuid() == 0:
            os.seteuid(65534)
        return folder

    yield made
    if os.getuid() == 0:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_a_store_that_may_only_be_read_is_read_and_exported(read_only: Readable) -> None:
    out = Path(tempfile.mkdtemp(prefix="claywright-out-"))
    out.chmod(0o777)
    folder = read_only()
    with Store(folder) as store:
        (run,) = store.runs.all()
        assert store.runs.counts(run.id).answered == 30 and not store.db.writable
        done = workflow.export(make_workspace(store), run, Export(path=str(out / "a.jsonl"), unreviewed=True))
        assert done.written == 30
        with pytest.raises(StoreError, match=r"can only be read\. Make it writable, or copy it"):
            store.runs.set(run.id, name="x")
    os.seteuid(os.getuid())
    shutil.rmtree(out)


def test_a_store_that_can_not_only_be_read_says_why(read_only: Readable, small: Path) -> None:
    folder = read_only()
    os.seteuid(os.getuid())
    (folder / "claywright.db-wal").write_bytes(b"x" * 100)
    read_only()
    with pytest.raises(StoreError, match=r"can't be written, .*what was written last is still beside it"):
        Store(folder)


def test_readers_and_writers_fail_in_words(store: Store, work: Work) -> None:
    with pytest.raises(StoreError, match="no such table"):
        store.db.all("SELECT * FROM nobody")
    with pytest.raises(StoreError, match="no such table"):
        store.db.write(lambda c: c.execute("DELETE FROM nobody"))
    with pytest.raises(StoreError, match="Could not decode"):
        list(store.db.reader.execute("SELECT CAST(x'ff' AS TEXT)"))
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.runs.all()
