"""No file takes more room or time to be looked into than there is for it, and what reads one can be stopped."""

import asyncio
import gc
import io
import json
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import file_locks, recipe, workflow
from app.config import Settings
from app.inputs import compression, uploads
from app.inputs.files import OutOfTime
from app.inputs.inputs import Inputs, fingerprint, rows
from app.inputs.json_stream import JsonStream
from app.inputs.uploads import Found
from app.runs.runner import RunExecutor
from app.store.store import Store
from app.workspace import Workspace
from tasks.errors import InputError
from tests import bombs
from tests.conftest import ROOT

SHOWN = {
    "fifo.jsonl": "no ordinary file",
    "zero.json": "no ordinary file",
    "socket.csv": "no ordinary file",
    "one-cell-2000-times.parquet": "",
    "list-of-nulls.parquet": "row 1 is larger than 10 MB",
    "large-cells.parquet": "row 1 is larger than 10 MB",
    "one-cell.parquet": "more memory to read than there is",
    "a-million-columns.csv": "more than 10,000 columns",
    "open-quote.csv": "the row is longer than 10 MB",
    "many-cells.csv": "the row is longer than 10 MB",
    "one-string.json.zip": "the value that begins in line 1 is longer than 10 MB. Save it as .jsonl",
    "bzip2.zip": "packed in an unusual way",
    "lzma.zip": "packed in an unusual way",
    "many-files.zip": "lists more files than can be read",
    "text.md.zip": "larger than 100 MB",
    "sparse.jsonl": "line 1 is longer than 10 MB",
    "open-quote.csv.gz": "the row is longer than 10 MB",
    "one-line.jsonl.gz": "line 1 is longer than 10 MB",
    "one-line.txt.zst": "line 1 is longer than 10 MB",
    "one-value.json.zst": "the value that begins in line 1 is longer than 10 MB",
    "one-cell-2000-times.feather": "",
    "list-of-nulls.arrow": "row 1 is larger than 10 MB",
    "far-corners.xlsx": "too much memory or time",
    "said-to-be-large.xlsx": "",
    "shared-texts.xlsx": "too much memory or time",
    "many-rows.xlsx": "too much memory or time",
    "repeated.ods": "can't be read as a spreadsheet",
    "deep.json": "is not JSON",
    "last-commas.json": "",
    "long-columns.json": "",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is shown of each bomb by a process that has a gigabyte, and is watched."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, write in bombs.QUICK.items():
        write(folder / name)
    words = [sys.executable, "-m", "tests.bombs", "10", str(2**30), *(str(folder / name) for name in bombs.QUICK)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    for path in folder.iterdir():
        path.unlink()
    assert ended.returncode == 0, ended.stderr[-2000:]
    return {line["file"]: line for line in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.parametrize("name", bombs.QUICK)
def test_a_bomb_is_read_in_little_room_or_refused_in_a_sentence(shown: dict[str, Any], name: str) -> None:
    seen = shown[name]
    assert SHOWN[name] in seen["words"] and not seen["more"]
    assert bool(seen["rows"]) is not bool(seen["words"])
    assert not seen["words"] or seen["words"].endswith((".", "?"))


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_what_was_unpacked_takes_no_room_any_more(ending: str) -> None:
    """Damaged files of Zstandard stayed in memory, two megabytes each, as pyarrow held who read them."""
    opened = compression.unpacked(f"a{ending}", "a", lambda: io.BufferedReader(io.BytesIO(b"no such thing" * 99)))()
    raw = weakref.ref(opened.raw)
    gc.disable()  # which would not see it either
    try:
        with pytest.raises(InputError):
            opened.read()
        del opened
        assert raw() is None
    finally:
        gc.enable()


def endless(folder: Path) -> Path:
    """A zip with nearly a gigabyte of blank lines behind its first row."""
    bombs.zipped("a.jsonl", bombs.times(b"\n", 900 * bombs.MB, b'{"instruction": "Name a river."}\n'))(folder / "a.zip")
    return folder / "a.zip"


def test_an_input_is_looked_into_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = endless(tmp_path)
    monkeypatch.setattr(uploads, "LOOKED_FOR", 0.3)
    assert uploads.look(Inputs(path=str(path))) == Found(("instruction",), 1, (), more=True)
    bombs.zipped("a.jsonl", bombs.times(b"\n", 900 * bombs.MB))(path)
    with pytest.raises(OutOfTime, match=r"longer to read than 0 seconds. Name a smaller one"):
        uploads.look(Inputs(path=str(path)))


def test_a_document_that_takes_long_can_be_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text("<table>" + "<tr><td>a<td>b" * 30_000)
    monkeypatch.setattr(uploads, "LOOKED_FOR", 0.5)
    found = uploads.look(Inputs(path=str(tmp_path / "a.html")), ("title", "content"))
    assert found == Found(("title", "content", "file"), 0, (), more=True)


def test_a_run_that_reads_its_input_is_stopped(
    here: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.new_runs.CHECKED_WITHIN", 0.1)
    given = {"task": {"kind": "existing"}, "inputs": {"path": str(endless(tmp_path))}}
    run = workflow.start(Workspace(here, store), recipe.parse(given))

    def watch(execution: RunExecutor, total: int | None) -> None:
        threading.Timer(0.3, execution.stop).start()

    began = time.monotonic()
    done = asyncio.run(workflow.generate(Workspace(here, store), run, watch))
    assert (done.state, done.reason) == ("stopped", "stopped by you") and time.monotonic() - began < 10


def test_a_fault_behind_good_rows_costs_none_of_them(
    here: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text('{"instruction": "Name a river.", "response": "The Loire."}\n' * 3)
    given = {"task": {"kind": "existing"}, "inputs": {"path": str(tmp_path / "a.jsonl")}}
    monkeypatch.setattr("app.runs.new_runs.CHECKED_WITHIN", -1.0)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("nonsense\n")
    run = workflow.start(Workspace(here, store), recipe.parse(given))
    with pytest.raises(InputError, match="line 4 is not JSON"):
        asyncio.run(workflow.preview(Workspace(here, store), run, lambda *_: None, rows=5))
    assert store.runs.counts(run.id).answered == 3


@pytest.mark.parametrize("kind", ["parquet", "html"])
def test_libraries_read_without_our_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from app.inputs import sandbox

    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-children")
    (tmp_path / "a.html").write_text("<p>Tides.</p>")
    pq.write_table(pa.table({"content": ["Tides."]}), tmp_path / "a.parquet")
    sandbox.IDLE_CHILD.end()
    reading = rows(Inputs(path=str(tmp_path / f"a.{kind}")), ("content",))
    assert next(iter(reading))["content"] == "Tides."
    assert list(reading) == []
    child = sandbox.IDLE_CHILD.child
    assert child is not None
    if Path("/proc/self/environ").exists():
        environment = Path(f"/proc/{child.process.pid}/environ").read_text()
        assert "sk-not" not in environment and "PATH=" in environment


def test_links_that_lead_out_of_a_folder_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "diary.md").write_text("Dear diary.")
    folder = tmp_path / "dataset"
    folder.mkdir()
    (folder / "a.md").write_text("Tides.")
    (folder / "b.md").symlink_to("a.md")
    (folder / "c.md").symlink_to(tmp_path / "diary.md")
    (folder / "d.md").symlink_to("../diary.md")
    os.mkfifo(folder / "e.md")
    said: list[str] = []
    found = list(rows(Inputs(path=str(folder)), ("content",), said.append))
    assert [row["content"] for row in found] == ["Tides.", "Tides."]
    assert said == ["The folder dataset: 2 files are left out: they are links to outside of it."]
    before = fingerprint(Inputs(path=str(folder)))
    (tmp_path / "diary.md").write_text("Dear diary, again.")
    assert fingerprint(Inputs(path=str(folder))) == before


def test_a_pipe_in_place_of_a_file_is_noticed_once_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "a.jsonl", os.open
    path.write_text("{}")

    def exchanged(name: Any, *more: Any) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(name, *more)

    monkeypatch.setattr(os, "open", exchanged)
    with pytest.raises(OSError, match="no ordinary file"):
        file_locks.open_regular(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=6), st.booleans(), st.sampled_from([None, 1]), st.sampled_from(["utf-8", "utf-16"]))
def test_a_list_is_read_entry_by_entry_as_python_reads_it(
    values: list[Any], escaped: bool, indent: int | None, encoding: str
) -> None:
    text = json.dumps(values, ensure_ascii=escaped, indent=indent).encode(encoding, "surrogatepass")
    assert list(streamed(text).items()) == json.loads(text) == values
    stream = streamed(text)
    stream.skip()
    stream.end()


def streamed(text: bytes) -> JsonStream:
    import io

    return JsonStream(io.BufferedReader(io.BytesIO(text)), 10**6)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only a few characters are read at once."""
    monkeypatch.setattr("app.inputs.json_stream.AT_ONCE", 3)
    yield


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "text",
    ["[1234567, -1.5e10, NaN, Infinity, 12345678901234567890123, 1e400]", '[{"a": 1, "a": "\\ud83d x"}, true, ""]'],
)
def test_values_are_read_whole_wherever_a_piece_of_the_file_ends(text: str) -> None:
    assert repr(list(streamed(text.encode()).items())) == repr(json.loads(text))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("text", ["[,]", "[1 2]", '["a', "[tru]", '{"a" 1}', "{1: 2}", '{"a": 1,,}', "[", "", "[1]\n]"])
def test_what_is_not_json_is_said_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"in line \d"):
        stream = streamed(text.encode())
        stream.skip()
        stream.end()


def test_a_list_within_an_object_is_found_and_the_rest_of_it_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"version": {"of": [{"a": 0}]}, "rows": [{"a": 1}, {"a": 2}], "more": [[3], 4]}')
    assert list(rows(Inputs(path=str(path)))) == [{"a": 1}, {"a": 2}]
    path.write_text('{"rows": [{"a": 1}], "rows": [{"a": 2}]}')
    with pytest.raises(InputError, match=r"two lists of the name 'rows'\. Rename one"):
        list(rows(Inputs(path=str(path))))
    path.write_text('{"rows": [{"a": 1}], "more": }')
    with pytest.raises(InputError, match="not JSON: Expecting value in line 1"):
        list(rows(Inputs(path=str(path))))
