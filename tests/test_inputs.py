"""Every file that can be read is read alike, every other one is refused in a sentence that names file and line."""

import datetime
import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.inputs.inputs import Inputs, fingerprint, rows
from app.inputs.table import LONGEST_LINE
from tasks.errors import InputError, SettingsError

TWO = [{"instruction": "Name a river.", "n": "1"}, {"instruction": "Why, é?", "n": "2"}]


def read(path: Path, **settings: Any) -> list[dict[str, Any]]:
    return list(rows(Inputs(path=str(path), **settings)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"instruction": "Name a river.", "n": "1"}\n\n{"instruction": "Why, é?", "n": "2"}'),
        (
            "a.NDJSON",
            '\ufeff{"instruction": "Name a river.", "n": "1"}\r\n{"instruction": "Why, \\u00e9?", "n": "2"}\r\n',
        ),
        ("a.json", json.dumps(TWO)),
        ("a.json", "\ufeff" + json.dumps({"version": 1, "data": TWO}, indent=1)),
        ("a.csv", 'instruction,n\nName a river.,1\n"Why, é?",2\n'),
        ("a.csv", '\ufeffinstruction,n\r\nName a river.,1\r\n\r\n"Why, é?",2'),
        ("a.tsv", "instruction\tn\nName a river.\t1\nWhy, é?\t2\n"),
    ],
)
def test_good_files(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert read(tmp_path / name) == TWO


def test_lines_of_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffName a river.\r\n\n  Why, é?".encode())
    assert read(tmp_path / "a.txt") == [{"instruction": "Name a river."}, {"instruction": "Why, é?"}]


def test_parquet(tmp_path: Path) -> None:
    columns = {"instruction": ["a", None] * 800, "tags": [["x"], []] * 800, "day": [datetime.date(2026, 1, 2)] * 1600}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert len(found) == 1600
    assert found[:2] == [
        {"instruction": "a", "tags": ["x"], "day": datetime.date(2026, 1, 2)},
        {"instruction": None, "tags": [], "day": datetime.date(2026, 1, 2)},
    ]


def test_a_dataset_on_disk(tmp_path: Path) -> None:
    one = datasets.Dataset.from_list(TWO)
    one.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": one, "test": one.select([1])}).save_to_disk(tmp_path / "both")
    assert list(rows(Inputs(dataset=str(tmp_path / "one")))) == TWO
    assert list(rows(Inputs(dataset=str(tmp_path / "both"), split="test"))) == TWO[1:]
    with pytest.raises(InputError, match=r"no split 'dev', it has train, test\.$"):
        list(rows(Inputs(dataset=str(tmp_path / "both"), split="dev")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="can't be loaded"):
        list(rows(Inputs(dataset=str(tmp_path / "empty"))))


def test_a_dataset_with_configurations(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: rivers\n  data_files: a.jsonl\n- config_name: lakes\n  data_files: b.jsonl\n---\n"
    )
    for name, of in (("a", TWO), ("b", TWO[1:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in of))
    assert list(rows(Inputs(dataset=str(tmp_path), config="lakes"))) == TWO[1:]
    for config, words in (("", "rivers|lakes"), ("seas", "seas")):
        with pytest.raises(InputError, match=f"can't be loaded: .*({words})"):
            list(rows(Inputs(dataset=str(tmp_path), config=config)))


@pytest.mark.parametrize("way", ["a README", "a README, upwards", "a link", "a saved dataset", "saved parts"])
def test_a_folder_with_a_dataset_takes_no_file_from_elsewhere(tmp_path: Path, way: str) -> None:
    private, folder = tmp_path / "private", tmp_path / "shared"
    diary = private / "diary.jsonl"
    datasets.Dataset.from_list(TWO).save_to_disk(private)
    diary.write_text('{"instruction": "Dear diary"}\n')
    if way == "a saved dataset":
        datasets.Dataset.from_list(TWO).save_to_disk(folder)
        state = json.loads((folder / "state.json").read_text())
        state["_data_files"] = [{"filename": "../private/data-00000-of-00001.arrow"}]
        (folder / "state.json").write_text(json.dumps(state))
    elif way == "saved parts":
        datasets.DatasetDict({"train": datasets.Dataset.from_list(TWO)}).save_to_disk(folder)
        (part,) = folder.rglob("*.arrow")
        part.unlink()
        part.symlink_to(private / "data-00000-of-00001.arrow")
    else:
        folder.mkdir()
        if way == "a link":
            (folder / "train.jsonl").symlink_to(diary)
        else:
            named = diary if way == "a README" else "../private/diary.jsonl"
            (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files: {named}\n---\n")
    with pytest.raises(InputError, match="The dataset shared takes a file from outside of its folder"):
        list(rows(Inputs(dataset=str(folder))))


def test_columns_skip_and_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"q": f"{n}", "instruction": "old", "x": n}) + "\n" for n in range(10)))
    assert read(path, columns={"instruction": "q"}, skip=8) == [
        {"instruction": "8", "x": 8},
        {"instruction": "9", "x": 9},
    ]
    assert read(path, columns={"instruction": "q", "input": "q"}, limit=1) == [
        {"instruction": "0", "input": "0", "x": 0}
    ]
    assert [row["x"] for row in read(path, skip=3, limit=2)] == [3, 4]
    assert [row["x"] for row in read(path, skip=9, limit=5)] == [9]
    with pytest.raises(InputError, match=r"no rows behind the first 10"):
        read(path, skip=10)
    with pytest.raises(InputError, match=r"no column 'question' \(columns there: q, instruction, x\)"):
        read(path, columns={"instruction": "question"})


def test_without_input_there_are_no_rows() -> None:
    assert list(rows(Inputs())) == []
    assert not Inputs().given and fingerprint(Inputs()) == ""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n \n", "holds no rows"),
        ("a.jsonl", b"\x89PNG\r\n\x1a\n\0\0", "line 3 holds binary data"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\0"}', "line 2 holds binary data"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": }\n', "line 3 is not JSON"),
        ("a.jsonl", '{"a": "ä"}\n'.encode() + b'{"a": "\xe9"}', r"line 2 is not UTF-8 .*choose its encoding"),
        ("a.csv", "a,ä\n1,2\n".encode() + b"\xe9,1\n", r"line 3 is not UTF-8 .*Save it as UTF-8"),
        ("a.txt", b"\xe9\x01\x02", "line 1 is not UTF-8"),
        ("a.txt", "é".encode("utf-16") + b"\0", "line 1 is not UTF-16"),
        ("a.jsonl", b'{"a": 1}\n[{"a": 1}]\n', "line 2 is not an object"),
        ("a.jsonl", b"[" * 100_000, "is not JSON"),
        ("a.jsonl", b'{"a": "' + b"x" * LONGEST_LINE + b'"}', "line 1 is longer than 10 MB"),
        ("a.json", b'[{"a": 1},\n{"a": }]', "not JSON: .*line 2.*jsonl"),
        ("a.json", b'"x"', "must hold a list of objects"),
        ("a.json", b'{"a": 1}', "must hold a list of objects"),
        ("a.json", b"[]", "holds no rows"),
        ("a.json", b'[{"a": 1}, 2]', "entry 2 is not an object"),
        ("a.json", b'[{"a": "\xe9"}]', "not JSON"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.csv", b"a,b\n", "holds no rows"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "line 3 has more cells than the header names columns"),
        ("a.csv", b'a,b\n1,2\n"open,2\n', "line 3 can't be read as CSV"),
        ("a.csv", b'a,b\n"x"y,2\n', "can't be read as CSV"),
        ("a.csv", b"a,b,a\n1,2,3\n", "two columns named 'a'"),
        (
            "a.csv",
            b"instru\rction,response\nx,y\n",
            "line 1 can't be read as CSV: a carriage return .* outside of quotes",
        ),
        ("a.csv", b'a,b\r1,"two\nlines"\r3,4\r', "line 1 can't be read as CSV: a carriage return .*line feed"),
        ("a.csv", b"a,b\n1,2\r3\n1\r,2,3\n", "line 3 has more cells than the header names columns"),
        ("a.csv", b"a,b\n1,\0\n", "line 2 holds binary data"),
        ("a.csv", b'a,b\n"' + (b"x" * 999 + b"\n") * (LONGEST_LINE // 1000 + 1) + b'",2\n', "row is longer than 10 MB"),
        ("a.parquet", b"PAR1 nothing of the kind", "can't be read as Parquet"),
        ("a.parquet", b"", "is empty"),
        ("a.txt", b"\n\n", "holds no rows"),
        ("a.png", b"x", r"ending that is not known. It can be \.jsonl, .*\.gz, .* or \.zip, or a folder"),
        ("a", b"x", "ending that is not known"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(path.name) and str(caught.value).endswith((".", "?"))
    assert len(str(caught.value)) < 500


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for there in (read, lambda path: fingerprint(Inputs(path=str(path)))):
        with pytest.raises(InputError, match="No such file"):
            there(tmp_path / "a.csv")
        with pytest.raises(InputError, match=r"folder|directory"):
            there(tmp_path)


def test_broken_parquet(tmp_path: Path) -> None:
    """Cut off, damaged inside (also behind the first rows), or without rows."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), path)
    with pytest.raises(InputError, match="holds no rows"):
        read(path)
    table = pa.table({"a": [f"{n}" * 20 for n in range(3000)]})
    pq.write_table(table, path, row_group_size=1000, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="can't be read as Parquet"):
        read(path)
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * 2000 + whole[len(whole) // 2 + 2000 :])
    with pytest.raises(InputError, match=r"can't be read as Parquet: .*\.$"):
        read(path)


def test_a_fault_behind_good_rows_is_met_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\nnonsense\n')
    found = rows(Inputs(path=str(path)))
    assert [next(found), next(found)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(InputError, match="line 3"):
        next(found)
    assert len(read(path, limit=2)) == 2


def test_a_fingerprint_names_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    first = fingerprint(Inputs(path=str(path)))
    path.write_text("b")
    assert first and fingerprint(Inputs(path=str(path))) != first


@pytest.mark.parametrize(
    "values", [{"path": "a", "dataset": "b"}, {"skip": -1}, {"limit": 0}, {"path": "a\0.csv"}, {"dataset": "\0"}]
)
def test_settings_that_can_not_be(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"^\[inputs\] .*\.$"):
        Inputs(**values)


contents = st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ending=st.sampled_from(["jsonl", "json", "csv", "tsv", "txt", "parquet"]), content=contents)
def test_any_bytes_are_read_or_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    try:
        found = read(path)
    except InputError as error:
        assert path.name in str(error)
    else:
        assert found and all(isinstance(row, dict) for row in found)
