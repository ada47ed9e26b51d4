"""An export takes the place of what the same run left there before, and of nothing else, unless it is told to."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app import recipe, workflow
from app.api import functions
from app.cli import output
from app.config import Settings
from app.store.runs import Run
from app.store.store import Store
from app.web.jobs import Jobs
from feedback.errors import ExportError
from feedback.exports import writers
from feedback.exports.selection import Export, Exported
from tests.conftest import Command, Work
from tests.make_workspace import make_workspace

NAMES = ["out.jsonl", "out.csv", "out.xlsx", "out.parquet", "out"]
RECIPE = {"rows": 2, "generator": {"preset": "scripted"}, "task": {"kind": "magpie"}}


@pytest.fixture
def run(work: Work) -> Run:
    return work(RECIPE)


@pytest.fixture
def export(store: Store) -> Callable[..., int]:
    """Writes the rows of a run to a path; gives the number of lines."""

    def write(run: Run, path: Path, *, overwrite: bool = False) -> int:
        return workflow.export(
            make_workspace(store), run, Export(path=str(path), unreviewed=True), overwrite=overwrite
        ).written

    return write


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", NAMES)
def test_its_own_file_is_replaced_and_keeps_its_mode(
    run: Run, export: Callable[..., int], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    assert export(run, path) == 2
    assert not [file for file in (path, *path.rglob("*")) if file.stat().st_mode & 0o077]
    for file in (path, *path.rglob("*")):
        file.chmod(file.stat().st_mode | 0o044)
    before = content(path)
    assert export(run, path) == 2 and content(path).keys() == before.keys()
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in (path, *path.rglob("*")))


@pytest.mark.parametrize("name", ["out.jsonl", "out"])
@pytest.mark.parametrize("is_there", [False, True])
def test_what_somebody_puts_there_meanwhile_is_left_alone(tmp_path: Path, name: str, is_there: bool) -> None:
    path, theirs = tmp_path / name, tmp_path / name / "theirs" if name == "out" else tmp_path / name

    def meanwhile(seals: object) -> None:
        theirs.parent.mkdir(exist_ok=True)
        theirs.write_text("theirs")

    if is_there:
        writers.write({"train": [{"a": "b"}]}, {"a": str}, path)
    before = {writers.seal(path)} if is_there else set()
    with pytest.raises(ExportError, match="nothing was written"):
        writers.write({"train": [{"a": "c"}]}, {"a": str}, path, lambda place: writers.seal(place) in before, meanwhile)
    assert theirs.read_text() == "theirs"
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", NAMES)
def test_what_somebody_changed_since_is_left_alone(
    run: Run, export: Callable[..., int], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    export(run, path)
    changed = path if path.is_file() else next(path.rglob("*.arrow"))
    changed.write_bytes(changed.read_bytes() + b"\n")
    before = content(path)
    with pytest.raises(ExportError, match=r"is there already, and is not what the last export .* nothing was written"):
        export(run, path)
    assert content(path) == before
    assert export(run, path, overwrite=True) == 2 and content(path) != before
    assert export(run, path) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_other_people_or_another_run_is_left_alone(
    work: Work, run: Run, export: Callable[..., int], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    if name == "out":
        path.mkdir()
        (path / "dataset_dict.json").write_text("{}")
    else:
        path.write_text('{"precious": true}\n')
    path.chmod(0o700)
    before = content(path)
    with pytest.raises(ExportError, match="is there already") as refused:
        export(run, path)
    assert "--force" in refused.value.terminal and content(path) == before
    assert path.stat().st_mode & 0o777 == 0o700
    export(run, tmp_path / f"own-{name}")
    with pytest.raises(ExportError, match="is there already"):
        export(work(RECIPE), tmp_path / f"own-{name}")


def test_neither_of_two_files_is_written_where_one_is_anothers(work: Work, store: Store, tmp_path: Path) -> None:
    run = work({**RECIPE, "rows": 20})
    (tmp_path / "out-test.jsonl").write_text("mine")
    to = Export(path=str(tmp_path / "out.jsonl"), unreviewed=True, test_share=0.5)
    with pytest.raises(ExportError, match=r"out-test\.jsonl is there already"):
        workflow.export(make_workspace(store), run, to)
    assert [path.name for path in tmp_path.glob("out*")] == ["out-test.jsonl"]


def several(
    store: Store, run: Run, tmp_path: Path, max_rows: int, **settings: object
) -> tuple[list[str], tuple[Path, ...]]:
    """Exports into numbered files: the names of all files that are there then, and those that were kept."""
    to = Export(path=str(tmp_path / "out.csv"), unreviewed=True, max_rows=max_rows, **settings)  # type: ignore[arg-type]
    done = workflow.export(make_workspace(store), run, to)
    return sorted(path.name for path in tmp_path.glob("out*")), done.kept


def one_that_divides(store: Store, run: Run, tmp_path: Path) -> int:
    """A seed by which each half of the rows has some: of few rows, all may fall to one."""
    for seed in range(100):
        with contextlib.suppress(ExportError):
            several(store, run, tmp_path, 1, test_share=0.5, seed=seed)
            return seed
    raise AssertionError("no seed divides the rows")


def test_files_that_the_last_export_had_more_of_are_removed(work: Work, store: Store, tmp_path: Path) -> None:
    run = work({**RECIPE, "rows": 6})
    dated = tmp_path / "out-20261120.csv"  # of the same run, and no part of the series
    workflow.export(make_workspace(store), run, Export(path=str(dated), unreviewed=True))
    assert several(store, run, tmp_path, 1) == ([*[f"out-{k:05}.csv" for k in range(1, 7)], dated.name], ())
    assert several(store, run, tmp_path, 4) == (["out-00001.csv", "out-00002.csv", dated.name], ())
    seed = one_that_divides(store, run, tmp_path)
    names, kept = several(store, run, tmp_path, 1, test_share=0.5, seed=seed)
    assert len(names) == 3 + 6 and not kept
    names, kept = several(store, run, tmp_path, 6, test_share=0.5, seed=seed)
    assert names == [
        "out-00001.csv", "out-00002.csv", dated.name, "out-test-00001.csv", "out-train-00001.csv",
    ] and not kept  # fmt: skip


def test_files_beyond_the_last_that_somebody_changed_stay_and_are_named(
    work: Work, store: Store, tmp_path: Path
) -> None:
    run = work({**RECIPE, "rows": 5})
    several(store, run, tmp_path, 1)
    (tmp_path / "out-00004.csv").write_text("mine")
    theirs = tmp_path / "out-00006.csv"
    theirs.write_text("theirs")
    names, kept = several(store, run, tmp_path, 3)
    assert names == ["out-00001.csv", "out-00002.csv", "out-00004.csv", "out-00006.csv"]
    assert kept == (tmp_path / "out-00004.csv", theirs)
    told = output.exported(Exported(tmp_path / "out-00001.csv", 5, files=(tmp_path / "out-00001.csv",), kept=kept))
    assert f"{theirs} is of an earlier export and was changed since" in told and told.count("stays there") == 2


def test_no_file_of_several_is_written_where_one_is_anothers(work: Work, store: Store, tmp_path: Path) -> None:
    run = work({**RECIPE, "rows": 4})
    (tmp_path / "out-00003.csv").write_text("mine")
    with pytest.raises(ExportError, match=r"out-00003\.csv is there already"):
        several(store, run, tmp_path, 1)
    assert [path.name for path in tmp_path.glob("out*")] == ["out-00003.csv"]


def test_a_link_or_a_pipe_is_left_alone(run: Run, export: Callable[..., int], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    os.mkfifo(tmp_path / "b.jsonl")
    for name in ("a.jsonl", "b.jsonl"):
        with pytest.raises(ExportError, match="is there already"):
            export(run, tmp_path / name)
    assert (tmp_path / "a.jsonl").is_symlink() and (tmp_path / "b.jsonl").is_fifo()


def test_an_export_that_was_killed_at_the_last_moment_can_be_made_again(
    run: Run, store: Store, export: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file took its place, and nothing was noted of it any more."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(store.runs), "add_export", killed)
        export(run, tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    assert export(run, tmp_path / "out.jsonl") == 2


def test_the_page_replaces_what_lies_in_the_data_folder(here: Settings, store: Store, run: Run) -> None:
    """Also what an earlier version wrote there, of which nothing is known."""
    path = here.data / "exports" / run.id / "out.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("old\n")
    jobs = Jobs(store, here)
    try:
        jobs.export(run, Export(path=str(path), unreviewed=True))
        while jobs.working():
            time.sleep(0.01)
    finally:
        jobs.close()
    assert len(path.read_text().splitlines()) == 2


def test_from_python_it_has_to_be_said(here: Settings, store: Store, run: Run, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine\n")
    with pytest.raises(ExportError, match="is there already"):
        functions.export(run.id, tmp_path / "out.jsonl", data=here.data, unreviewed=True)
    done = functions.export(run.id, tmp_path / "out.jsonl", data=here.data, unreviewed=True, overwrite=True)
    assert done.written == 2


def test_a_recipe_from_elsewhere_overwrites_nothing(command: Command, tmp_path: Path) -> None:
    (tmp_path / "precious.jsonl").write_text("mine\n")
    named = json.dumps({**RECIPE, "export": {"path": str(tmp_path / "precious.jsonl"), "unreviewed": True}})
    assert recipe.decoded(named.encode(), "x", as_json=True)
    (tmp_path / "recipe.json").write_text(named)
    assert command("run", "recipe.json", "--no-push").code == 0
    refused = command("export", "last")
    assert refused.code == 1 and "--force" in refused.err
    assert (tmp_path / "precious.jsonl").read_text() == "mine\n"
    assert command("export", "last", "--force").code == 0
    assert "mine" not in (tmp_path / "precious.jsonl").read_text()
