"""The store's own files are opened by SQLite alone, whatever name leads there: else this process would lose its locks on them."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app import recipe, workflow
from app.config import Settings
from app.file_locks import is_store, open_regular
from app.inputs import uploads
from app.inputs.inputs import Inputs, fingerprint, rows
from app.store import maintenance
from app.store.store import Store
from app.web import saved
from app.workspace import Workspace
from feedback.exports.selection import Export
from tasks.errors import ClaywrightError
from tests.make_workspace import make_workspace

BELONGS = "belongs to Claywright's own store"
USE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version').fetchone(); c.close()"
Reach = Callable[[Path, Settings], object]


def read(path: Path, here: Settings) -> object:
    return list(rows(Inputs(path=str(path))))


def named(path: Path, here: Settings) -> object:
    return fingerprint(Inputs(path=str(path)))


REACH: list[Reach] = [
    read,
    named,
    uploads.keep_file,
    lambda path, here: uploads.keep_files([path, path], here),
    lambda path, here: recipe.load(path),
]


@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize("part", ["", "-wal", "-shm"])
@pytest.mark.parametrize("by", [Path.symlink_to, Path.hardlink_to])
def test_nothing_of_ours_opens_the_store(
    here: Settings, store: Store, tmp_path: Path, reach: Reach, part: str, by: Callable[[Path, Path], None]
) -> None:
    store.runs.create("r", "x", "me", "{}", 1, "")
    by(tmp_path / "rows.jsonl", Path(f"{store.db.path}{part}"))
    with pytest.raises(ClaywrightError, match=BELONGS):
        reach(tmp_path / "rows.jsonl", here)
    subprocess.run([sys.executable, "-c", USE, str(store.db.path)], check=True)
    assert Path(f"{store.db.path}-wal").stat().st_size  # nobody took itself for the last one who uses it


def test_a_recipe_that_is_no_file_or_too_large_is_refused(here: Settings, store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text("#" * 1_000_001)
    for name, why in (("a.toml", "no ordinary file"), ("b.toml", "larger than 1 MB|too big")):
        for reach in (recipe.load, saved.from_file):
            with pytest.raises(ClaywrightError, match=why):
                reach(tmp_path / name)


def test_nothing_is_written_over_the_store(here: Settings, store: Store, tmp_path: Path) -> None:
    run = workflow.start(Workspace(here, store), recipe.example())
    for part in ("", "-wal", "-shm"):
        path = Path(f"{store.db.path}{part}")
        with pytest.raises(ClaywrightError, match="is there already"):
            maintenance.backup(store, path)
        (tmp_path / f"link{part}.jsonl").symlink_to(path)
        for target in (path, tmp_path / f"link{part}.jsonl"):
            assert is_store(target)
        with pytest.raises(ClaywrightError, match=BELONGS):
            workflow.export(make_workspace(store), run, Export(path=str(tmp_path / f"link{part}.jsonl")))


def test_another_database_is_nobodys_business(here: Settings, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with Store(here.data) as store:
        path = store.db.path
        assert is_store(path) and not is_store(tmp_path / "other.db")
    assert not is_store(path)
    with open_regular(path) as file:
        assert file.read(6) == b"SQLite"
