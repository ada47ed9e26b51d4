"""How often a run reads what it works on: counted, as nobody sees it but those who wait."""

import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.cli import main
from app.config import Settings
from app.inputs import files
from app.inputs.known_inputs import Counted, KnownInputs
from app.review.argilla import Argilla
from app.runs.runner import RunExecutor
from app.store.rows import Rows
from app.store.store import Store
from app.web import state
from app.workspace import Workspace
from tests.conftest import ArgillaServer
from tests.make_runs import made_of, with_run
from tests.make_state import at_desk
from tests.make_workspace import make_workspace
from tests.servers import FakeOpenAI
from tests.test_jobs import until


def count(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, counts: Counter[str]) -> None:
    """Counts the calls of `owner.name` under its name."""
    whole = getattr(owner, name)

    def counted(*args: Any, **settings: Any) -> Any:
        counts[name] += 1
        return whole(*args, **settings)

    monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".jsonl.gz"])
def test_a_run_reads_its_input_twice_and_its_recipe_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    names = [f"Name the river {random.Random(k).randbytes(20).hex()}." for k in range(20_000)]
    content = {
        ".jsonl": "".join(json.dumps({"instruction": name}) + "\n" for name in names).encode(),
        ".csv": ("instruction\n" + "".join(f"{name}\n" for name in names)).encode(),
    }[ending.removesuffix(".gz")]
    (tmp_path / f"rows{ending}").write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    size, counts, before = (tmp_path / f"rows{ending}").stat().st_size, Counter[str](), Counter[str]()
    count(monkeypatch, recipe, "parse", counts)
    readinto = files._Stream.readinto

    def read(self: files._Stream, buffer: Any) -> int:
        counts["bytes"] += (taken := readinto(self, buffer))
        return taken

    monkeypatch.setattr(files._Stream, "readinto", read)
    finish = RunExecutor.finish

    async def finished(self: RunExecutor, *args: Any, **settings: Any) -> None:
        before.update({} if before else counts)  # as they are when the first row is there
        await finish(self, *args, **settings)

    monkeypatch.setattr(RunExecutor, "finish", finished)
    monkeypatch.setenv("CLAYWRIGHT_DATA", str(tmp_path / "data"))
    with FakeOpenAI() as server:
        (tmp_path / "recipe.toml").write_text(
            f'[generator]\nurl = "{server.url}"\nmodel = "m"\n[task]\nkind = "text-generation"\n'
            f'[inputs]\npath = "rows{ending}"\n'
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["claywright", "run", "recipe.toml", "--rows", "20", "--no-push"])
        with pytest.raises(SystemExit) as ended:
            main.main()
    assert not ended.value.code
    assert before["parse"] == 1 and before["bytes"] <= 2.1 * size, (before, size)


def test_a_push_walks_the_rows_once(store: Store, argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"walked-{random.randrange(10**9)}"
    run, counts = with_run(store, 12, made_of()), Counter[str]()
    walked: Callable[..., Iterator[Any]] = Rows.walk

    def walk(self: Rows, *args: Any) -> Iterator[Any]:
        for row in walked(self, *args):
            counts["rows"] += 1
            yield row

    monkeypatch.setattr(Rows, "walk", walk)
    sent = workflow.push(make_workspace(store), run, Argilla(argilla.url, argilla.api_key, own=True), dataset=name)
    assert sent.pushed.sent == 12 and counts["rows"] == 12


def test_a_digest_is_that_of_the_file_as_it_is_now(tmp_path: Path) -> None:
    path, known = tmp_path / "a.txt", KnownInputs(settled=0.0)
    path.write_bytes(b"first")
    first = known.digest(path)
    assert first == files.digest(path)
    with files.sources(path, [".txt"], digests=known) as (sources, _):
        (source,) = sources
        with source.open() as file:
            assert file.read() == b"first"
    path.write_bytes(b"another")
    assert known.digest(path) == files.digest(path) != first


def test_a_file_that_is_read_in_part_or_out_of_order_gives_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, known = tmp_path / "a.txt", KnownInputs(settled=0.0)
    path.write_bytes(bytes(range(256)) * 1000)
    for jump in (False, True):
        with files.sources(path, [".txt"], digests=known) as (sources, _):
            (source,) = sources
            with source.open() as file:
                file.read(1000)
                if jump:
                    file.seek(100_000)
                    assert file.read()
        counts = Counter[str]()
        count(monkeypatch, files, "open_regular", counts)
        assert known.digest(path) == files.digest(path)
        assert counts["open_regular"] == (2 if not jump else 1)  # it was read once, and the other time is ours


def test_what_is_left_out_of_a_folder_is_said_when_the_run_is_worked(
    tmp_path: Path, store: Store, here: Settings
) -> None:
    folder, sentences = tmp_path / "inputs", list[str]()
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"instruction": "Name a river."}\n')
    (folder / "b.xyz").write_text("?")
    (folder / "c.json").write_text("{")
    with FakeOpenAI() as server:
        endpoint = {"url": server.url, "model": "m"}
        plain = {"task": {"kind": "text-generation"}, "inputs": {"path": str(folder)}, "generator": endpoint}
        workspace = Workspace(here, store)
        run = workflow.start(workspace, recipe.parse(plain))
        done = asyncio.run(workflow.generate(workspace.reporting(sentences.append), run, lambda *_: None))
    assert store.runs.counts(done.id).answered == 1
    assert [sentence for sentence in sentences if "1 file is left out" in sentence] == sentences[:1]
    assert "c.json" in sentences[1] and len(sentences) == 2


def test_what_was_counted_holds_for_the_same_input_alone() -> None:
    known, counted = KnownInputs(), Counted("task", "inputs", 7, ())
    known.keep_count("a", counted)
    assert known.take_count("a", "task", "others") is None and known.take_count("a", "task", "inputs") is None
    known.keep_count("a", counted)
    assert known.take_count("a", "task", "inputs") is counted


def test_the_rows_of_an_input_are_counted_once_until_it_changes(
    tmp_path: Path, store: Store, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, counts = tmp_path / "rows.jsonl", Counter[str]()
    made = made_of(inputs={"path": str(path)})
    count(monkeypatch, state, "number_of_units", counts)

    def counted() -> int | None:
        """What is known once nothing is counted any more."""
        desk.expected(made)
        until(lambda: not desk.counting)
        return desk.expected(made)

    with at_desk(store, here) as desk:
        assert counted() is None
        for rows in (1, 3):
            path.write_text('{"instruction": "Name a river.", "response": "The Elbe."}\n' * rows)
            assert [counted(), counted()] == [rows, rows]
    assert counts["number_of_units"] == 3
