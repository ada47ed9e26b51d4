"""What is kept is for its owner alone: whatever the umask is, and whatever the data folder was before."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.doctor import examine
from app.config import settings, shared
from app.store.store import Store
from tests.conftest import ROOT, Command

USE = """
import os, sys
os.umask(0o022)
from pathlib import Path
from app import recipe, services, workflow
from app.inputs import uploads
from app.config import settings
from app.errors import ServiceError
from app.store.store import Store
from app.workspace import Workspace
from feedback.exports.selection import Export

folder = Path(sys.argv[1])
here = settings(folder)
with Store(here.data) as store:
    run = workflow.start(Workspace(here, store), recipe.example())
    (folder.parent / "a.csv").write_text("instruction\\nName a river.\\n")
    kept = uploads.keep_files([folder.parent / "a.csv", folder.parent / "a.csv"], here)
    uploads.keep_text("Name a river.", ("instruction",), here)
    uploads.keep_rows([{"instruction": "Name a river."}], "rows", here)
    script = folder.parent / "server.py"
    script.write_text("import sys\\nsys.exit('It does not start.')\\n")
    service = services.Service("odd", "The odd service", script, "/")
    services.private_folder(here.services)
    try:
        services.local(here)._start(service, Path(sys.executable), 0, print)
    except ServiceError as error:
        assert "does not start" in str(error), error
    with store.db.reserve.held():
        opened = [path for path in folder.rglob("*")]
        assert {"claywright.db-wal", "claywright.db-shm", "odd.log"} <= {path.name for path in opened}
        wrong = [str(path) for path in (folder, *opened) if path.stat().st_mode & 0o077]
        assert not wrong, wrong
assert os.umask(0o022) == 0o022, "a program that imports us keeps its umask"
"""
RECIPE = """
rows = 2
[generator]
preset = "scripted"
[task]
kind = "magpie"
"""


def open_to_others(folder: Path) -> list[str]:
    return [
        str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that was made beforehand, as folders usually are, with some of what is in it."""
    made = tmp_path / "data"
    for name in ("inputs", "exports", "services"):
        (made / name).mkdir(parents=True)
    (made / "services" / "odd.log").write_text("")
    for path in (made, *made.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


def test_what_python_keeps_is_for_its_owner_alone(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", USE, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert not open_to_others(folder)


def test_what_the_command_keeps_is_for_its_owner_alone(folder: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (folder / "services" / "odd.log").unlink()
    before = os.umask(0o022)
    try:
        assert command("run", "recipe.toml", "--no-push", data=folder).code == 0
        assert (
            command("export", "last", "--unreviewed", "--to", folder / "exports" / "a" / "a.csv", data=folder).code == 0
        )
        assert command("export", "last", "--unreviewed", "--to", folder / "exports" / "b", data=folder).code == 0
        assert command("backup", tmp_path / "copy.db", data=folder).code == 0
    finally:
        os.umask(before)
    assert not open_to_others(folder)
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_store_that_was_open_to_others_is_shut(tmp_path: Path) -> None:
    """Also what an earlier version left beside it."""
    with Store(tmp_path) as store:
        for part in ("", "-wal", "-shm"):
            Path(f"{store.db.path}{part}").chmod(0o644)
        with Store(tmp_path):
            assert not [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077]


def test_a_folder_that_holds_more_than_ours_is_left_as_it_is_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    tmp_path.chmod(0o755)
    here = settings(tmp_path)
    assert shared(tmp_path) and tmp_path.stat().st_mode & 0o777 == 0o755
    Store(tmp_path).close()
    (said,) = [finding.words for finding in examine(here) if finding.what == "data folder"]
    assert "others can look into the folder" in said and "chmod 700" in said
    (tmp_path / "thesis.tex").unlink()
    assert settings(tmp_path) and tmp_path.stat().st_mode & 0o777 == 0o700
