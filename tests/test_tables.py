"""Tables as other programs write them are read as they were meant, and what had to be guessed is said."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.inputs.inputs import Inputs, rows
from tasks.errors import InputError

TWO = [{"q": "Name a river.", "a": "The Loire."}, {"q": "Why, \u00e9?", "a": 'So "it" is;\nin two lines.'}]
ROW = {"q": "Name a river.", "a": "The Loire."}
LAKE = {"q": "Name a lake.", "a": "Como."}


def read(path: Path, **settings: Any) -> list[dict[str, Any]]:
    return list(rows(Inputs(path=str(path), **settings)))


def read_and_said(path: Path, **settings: Any) -> tuple[list[dict[str, Any]], list[str]]:
    said: list[str] = []
    return list(rows(Inputs(path=str(path), **settings), say=said.append)), said


QUOTED = '"q","a"\n"Name a river.","The Loire."\n"Why, é?","So ""it"" is;\nin two lines."\n'
Write = Callable[[Path], None]


def as_text(content: str, encoding: str = "utf-8") -> Write:
    def write(path: Path) -> None:
        path.write_bytes(content.encode(encoding))

    return write


FRAME = pd.DataFrame(TWO)


def frame_as(kind: str, **options: Any) -> Write:
    return lambda path: getattr(FRAME, f"to_{kind}")(path, **options)


def dataset_as(kind: str, **options: Any) -> Write:
    return lambda path: getattr(datasets.Dataset.from_list(TWO), f"to_{kind}")(path, **options)


def duckdb_as(options: str) -> Write:
    """What DuckDB's COPY writes."""

    def write(path: Path) -> None:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE rows (q VARCHAR, a VARCHAR)")
            connection.executemany("INSERT INTO rows VALUES (?, ?)", [list(row.values()) for row in TWO])
            connection.execute(f"COPY rows TO '{path}' ({options})")

    return write


WRITTEN: dict[str, tuple[str, Write]] = {
    "pandas, CSV": ("a.csv", frame_as("csv", index=False)),
    "pandas, CSV, all quoted": ("a.csv", frame_as("csv", index=False, quoting=1)),
    "pandas, CSV for Excel": (
        "a.csv",
        frame_as("csv", index=False, sep=";", encoding="utf-8-sig", lineterminator="\r\n"),
    ),
    "pandas, CSV in UTF-16": ("a.csv", frame_as("csv", index=False, sep="\t", encoding="utf-16")),
    "pandas, CSV in UTF-16 without a mark": ("a.csv", frame_as("csv", index=False, encoding="utf-16-be")),
    "pandas, CSV in UTF-32": ("a.csv", frame_as("csv", index=False, encoding="utf-32")),
    "pandas, CSV in Windows-1252": ("a.csv", frame_as("csv", index=False, sep=";", encoding="cp1252")),
    "pandas, CSV with bars": ("a.csv", frame_as("csv", index=False, sep="|")),
    "pandas, TSV": ("a.tsv", frame_as("csv", index=False, sep="\t")),
    "pandas, TSV that is CSV": ("a.tsv", frame_as("csv", index=False)),
    "pandas, JSON as records": ("a.json", frame_as("json", orient="records")),
    "pandas, JSON as columns": ("a.json", frame_as("json")),
    "pandas, JSON as split": ("a.json", frame_as("json", orient="split")),
    "pandas, JSON as index": ("a.json", frame_as("json", orient="index", indent=2)),
    "pandas, JSON as table": ("a.json", frame_as("json", orient="table")),
    "pandas, JSON Lines": ("a.jsonl", frame_as("json", orient="records", lines=True)),
    "pandas, JSON Lines named JSON": ("a.json", frame_as("json", orient="records", lines=True)),
    "pandas, Parquet": ("a.parquet", frame_as("parquet")),
    "pandas, Feather": ("a.feather", frame_as("feather")),
    "pandas, Feather, packed": ("a.feather", frame_as("feather", compression="zstd")),
    "pandas, Excel": ("a.xlsx", frame_as("excel", index=False)),
    "pandas, OpenDocument": ("a.ods", frame_as("excel", index=False, engine="odf")),
    "datasets, CSV": ("a.csv", dataset_as("csv")),
    "datasets, JSON": ("a.jsonl", dataset_as("json")),
    "datasets, JSON as a list": ("a.json", dataset_as("json", lines=False)),
    "datasets, Parquet": ("a.parquet", dataset_as("parquet")),
    **{
        f"pandas, CSV, {ending}": (f"a.csv.{ending}", frame_as("csv", index=False, sep=";"))
        for ending in ("gz", "bz2", "xz", "zip")
    },
    "pandas, JSON Lines, gz": ("a.jsonl.gz", frame_as("json", orient="records", lines=True)),
    "DuckDB, CSV": ("a.csv", duckdb_as("FORMAT csv, HEADER")),
    "DuckDB, CSV, packed": ("a.csv.gz", duckdb_as("FORMAT csv, HEADER, DELIMITER '|', COMPRESSION gzip")),
    "DuckDB, JSON": ("a.json", duckdb_as("FORMAT json")),
    "DuckDB, JSON as a list": ("a.json", duckdb_as("FORMAT json, ARRAY true")),
    "DuckDB, Parquet": ("a.parquet", duckdb_as("FORMAT parquet, COMPRESSION zstd")),
    "LibreOffice, its own settings": (
        "a.csv",
        as_text('q,a\nName a river.,The Loire.\n"Why, é?","So ""it"" is;\nin two lines."\n'),
    ),
    "LibreOffice, all texts quoted": ("a.csv", as_text(QUOTED.replace("\n", "\r\n").replace(";\r\n", ";\n"))),
    "LibreOffice, Windows-1252 and tabs": ("a.csv", as_text(QUOTED.replace('","', '"\t"'), "cp1252")),
    "LibreOffice, UTF-16": ("a.csv", as_text(QUOTED, "utf-16")),
    "Spark": ("a.csv", as_text(QUOTED.replace('""', '\\"'))),
    "pandas, Excel in a zip": ("a.zip", lambda path: _zipped(path)),
}


def _zipped(path: Path) -> None:
    import zipfile

    FRAME.to_excel(path.parent / "a.xlsx", index=False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.parent / "a.xlsx", "a.xlsx")


@pytest.mark.parametrize(("name", "write"), WRITTEN.values(), ids=WRITTEN)
def test_what_other_programs_write(tmp_path: Path, name: str, write: Write) -> None:
    write(tmp_path / name)
    assert read(tmp_path / name) == TWO


@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.csv.zst"])
def test_zstandard(tmp_path: Path, name: str) -> None:
    import pyarrow as pa

    FRAME.to_csv(tmp_path / "a.csv", index=False)
    content = (
        (tmp_path / "a.csv").read_bytes() if "csv" in name else "".join(f"{json.dumps(row)}\n" for row in TWO).encode()
    )
    with pa.CompressedOutputStream(str(tmp_path / name), "zstd") as out:
        out.write(content)
    assert read(tmp_path / name) == TWO


def test_a_file_of_arrow_that_datasets_writes(tmp_path: Path) -> None:
    datasets.Dataset.from_list(TWO).save_to_disk(tmp_path / "saved")
    (path,) = (tmp_path / "saved").glob("*.arrow")
    assert read(path) == TWO


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "q;a\nName a river.;The Loire.\n", "a.csv is read as separated by semicolons."),
        ("a.csv", "sep=;\nq;a\nName a river.;The Loire.\n", ""),
        ("a.csv", "sep=,\r\nq,a\r\nName a river.,The Loire.\r\n", ""),
        ("a.csv", '"q";"a"\n"Name a river.";"The Loire."\n', "a.csv is read as separated by semicolons."),
        ("a.csv", "q\ta\nName a river.\tThe Loire.\n", "a.csv is read as separated by tabs."),
        ("a.csv", "q|a\nName a river.|The Loire.\n", "a.csv is read as separated by vertical bars."),
        ("a.csv", "q,a\rName a river.,The Loire.\r", ""),
        ("a.tsv", "q,a\nName a river.,The Loire.\n", "a.tsv is read as separated by commas."),
        ("a.csv", "q,a,\nName a river.,The Loire.,\n", None),
        ("a.csv", "\n\nq,a\n\nName a river.,The Loire.\n\n", ""),
        ("a.csv", "q,a\nName a river.,The Loire.,,\n", None),
    ],
)
def test_separators(tmp_path: Path, name: str, content: str, said: str | None) -> None:
    (tmp_path / name).write_bytes(content.encode())
    if said is None and content.startswith("q,a,"):
        assert read(tmp_path / name) == [{**ROW, "column 3": ""}]
        return
    if said is None:
        with pytest.raises(InputError, match="line 2 has more cells than the header names columns"):
            read(tmp_path / name)
        return
    assert read_and_said(tmp_path / name) == ([ROW], [said] if said else [])


def test_decimal_commas_do_not_separate(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n;m\n1,5;2,5\n3,0;4,0\n")
    assert read(tmp_path / "a.csv") == [{"n": "1,5", "m": "2,5"}, {"n": "3,0", "m": "4,0"}]


def test_prose_of_a_single_column_is_not_taken_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('q\n"Name a river, please."\nWhy?\nWhere; how?\n')
    assert [row["q"] for row in read(tmp_path / "a.csv")] == ["Name a river, please.", "Why?", "Where; how?"]


def test_a_cell_is_the_text_that_was_written(tmp_path: Path) -> None:
    cells = [
        "007",
        "1.10",
        "12345678901234567890",
        "1e5",
        "TRUE",
        "NA",
        "null",
        " x ",
        "2026-01-02",
        "#1",
        "-",
        "'a'",
        "NaN",
    ]
    (tmp_path / "a.csv").write_text("q,n\n" + "".join(f"{cell},1\n" for cell in cells))
    assert [row["q"] for row in read(tmp_path / "a.csv")] == cells


def test_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'q,a\r\n"a ""b""\r\nc",5" pipe\r\n"",""\r\n"x",\r\n')
    assert read(tmp_path / "a.csv") == [
        {"q": 'a "b"\r\nc', "a": '5" pipe'}, {"q": "", "a": ""}, {"q": "x", "a": ""},
    ]  # fmt: skip


def test_quotes_behind_a_backslash_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('q,a\n"So \\"it\\" is",1\n')
    assert read_and_said(tmp_path / "a.csv") == (
        [{"q": 'So "it" is', "a": "1"}], ["a.csv: quotes in cells are read as escaped with a backslash."],
    )  # fmt: skip


def test_rows_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    long = [{"q": "x, \n" * 40_000, "a": f'"{n}"'} for n in range(9)]
    pd.DataFrame(long).to_csv(tmp_path / "a.csv", index=False)
    assert read(tmp_path / "a.csv") == long


def test_short_rows_of_many_columns_take_little_room(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(1000)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + "x\n" * 20_000)
    tracemalloc.start()
    try:
        assert next(rows(Inputs(path=str(tmp_path / "a.csv")))) == {"c0": "x", **dict.fromkeys(names[1:], "")}
        assert tracemalloc.get_traced_memory()[1] < 100 * 10**6
    finally:
        tracemalloc.stop()


def test_the_line_of_a_row_with_too_many_cells(tmp_path: Path) -> None:
    good = '"two\nlines",1\n'
    (tmp_path / "a.csv").write_text("q,a\n" + good * 20_000 + "1,2,3,4\n" + good)
    with pytest.raises(InputError, match="line 40002 has more cells"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Wo liegt Köln?"), ("cp1252", "Où est Sète\u00a0? L’étang — là-bas"), ("cp1252", "¿Dónde está el niño?"),
        ("cp1250", "Gdzie leży Łódź? W środku Polski, nad Wisłą nie leży"), ("cp1250", "Kde leží Plzeň? V západních Čechách"),
        ("cp1254", "Bir nehir adı söyle. Kızılırmak ve Dicle şehirleri"),
        ("cp1251", "Назови реку. Волга впадает в Каспийское море"), ("cp932", "川の名前は何ですか。信濃川です"),
        ("gb18030", "说出一条河的名字。长江是中国最长的河"), ("big5", "說出一條河的名字。淡水河在台灣北部"),
        ("cp949", "강 이름을 하나 말하세요. 한강은 서울에 있습니다"), ("cp1253", "Πες ένα ποτάμι. Ο Αλιάκμονας"),
    ],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f'q\n"{text}"\n'.encode(encoding))
    (row,), said = read_and_said(path)
    assert row == {"q": text}
    assert len(said) == 1 and said[0].startswith("a.csv is not UTF-8; it is read as ")
    assert read_and_said(path, encoding=encoding) == ([row], [])


def test_what_is_guessed_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a;b\nK\u00f6ln,x;1\n".encode("mac-roman"))
    assert read(path, encoding="mac-roman", separator=";") == [{"a": "K\u00f6ln,x", "b": "1"}]
    path.write_text("Name a river.\tThe Loire.\nName a lake.\tComo.\n")
    assert read(path, separator="tab", header=False) == [
        {"column 1": "Name a river.", "column 2": "The Loire."}, {"column 1": "Name a lake.", "column 2": "Como."},
    ]  # fmt: skip


JSON: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "one object": ('{"instruction": "Q?", "responses": [{"model": "m", "text": "A."}]}', [
        {"instruction": "Q?", "responses": [{"model": "m", "text": "A."}]}]),
    "one chat": ('{"messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]}', [
        {"messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]}]),
    "columns": (json.dumps({"q": [ROW["q"], LAKE["q"]], "a": [ROW["a"], LAKE["a"]]}), [ROW, LAKE]),
    "columns of lists": ('{"id": [1, 2], "tags": [["x"], []]}', [{"id": 1, "tags": ["x"]}, {"id": 2, "tags": []}]),
    "split": (json.dumps({"columns": ["q", "a"], "index": [7], "data": [list(ROW.values())]}), [ROW]),
    "split, the other way round": (json.dumps({"data": [list(ROW.values())], "columns": ["q", "a"]}), [ROW]),
    "rows by number": (json.dumps({"q": {"3": ROW["q"]}, "a": {"3": ROW["a"]}}), [ROW]),
    "rows by ids": (json.dumps({"q1": ROW, "q2": LAKE}), [{"id": "q1", **ROW}, {"id": "q2", **LAKE}]),
    "rows by ids that they have": (json.dumps({"q1": {"id": 1, **ROW}}), [{"id": 1, **ROW}]),
    "wrapped": (json.dumps({"info": {"v": 1}, "authors": [{"name": "Ann"}], "data": [ROW, LAKE]}), [ROW, LAKE]),
    "wrapped under any name": (json.dumps({"v": "1", "by": [{"name": "Ann"}], "pairs": [ROW, LAKE]}), [ROW, LAKE]),
    "objects over lines": (json.dumps(ROW, indent=2) + "\n" + json.dumps(LAKE, indent=2), [ROW, LAKE]),
    "objects with commas": (f"{json.dumps(ROW)},\n{json.dumps(LAKE)},\n", [ROW, LAKE]),
    "objects behind each other": (json.dumps(ROW) + json.dumps(LAKE), [ROW, LAKE]),
    "a list with a comma at its end": (f"[{json.dumps(ROW)},\n]", [ROW]),
    "commas at the end of everything": ('[{"q": "Name a river.", "a": "The Loire.",}, {"q": "[,]", "a": ",}",},]', [
        ROW, {"q": "[,]", "a": ",}"}]),
    "texts": ('["Name a river.", "Name a lake."]', [{"instruction": "Name a river."}, {"instruction": "Name a lake."}]),
    "lists": ('[["Name a river.", 1], ["Name a lake.", 2]]', [
        {"column 1": "Name a river.", "column 2": 1}, {"column 1": "Name a lake.", "column 2": 2}]),
}  # fmt: skip


@pytest.mark.parametrize("ending", ["json", "jsonl"])
@pytest.mark.parametrize(("content", "expected"), JSON.values(), ids=JSON)
def test_shapes_of_json(tmp_path: Path, ending: str, content: str, expected: list[dict[str, Any]]) -> None:
    (tmp_path / f"a.{ending}").write_text(content)
    if ending == "jsonl" and content.startswith("{") and "\n" not in content and not content.startswith('{"q": "N'):
        return  # a line of JSON Lines is a row, whatever it holds
    assert read(tmp_path / f"a.{ending}") == expected


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(("content", "expected"), JSON.values(), ids=JSON)
def test_shapes_of_json_wherever_a_piece_of_the_file_ends(
    tmp_path: Path, content: str, expected: list[dict[str, Any]]
) -> None:
    (tmp_path / "a.json").write_text(content)
    assert read(tmp_path / "a.json") == expected


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few characters are read at once."""
    monkeypatch.setattr("app.inputs.json_stream.AT_ONCE", 3)


def test_the_list_that_was_chosen_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"authors": [{"name": "Ann"}], "data": [ROW]}))
    assert read_and_said(tmp_path / "a.json") == (
        [ROW], ["a.json: the rows are those of its list 'data', not of 'authors'."],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"q": {"0": "a"}, "a": {"1": "b"}}', "columns do not have the same rows"),
        ('{"q": {"0": "a"}, "a": {"0": "b", "1": "c"}}', r"same rows \(they differ at row 2\)"),
        ('{"columns": ["q", "a"], "data": [["x"]]}', "row 1 is not a list of 2 cells"),
        ('{"columns": ["q", "q"], "data": [["x", "y"]]}', "two columns named 'q'"),
        ('{"q1": {"a": 1}, "q2": {"a": }}', "not JSON: .*line 1"),
        ('{"v": 1, "w": [1, 2]}', "must hold a list of objects"),
        ('[["a"], ["b", "c"]]', "entry 2 is not a list of 1 cells"),
        ('["a", {"b": 1}]', "entry 2 is not a text"),
    ],
)
def test_json_that_is_no_table(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=words):
        read(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "q,a,q\n1,2,3\n"),
        ("a.jsonl", '{"q": 1, "a": 2}\n{"q": 1, "a": {"b": 1, "b": 2}, "q": 3}\n'),
        ("a.jsonl", '{"q": 1, "q": 3,}\n'),
        ("a.json", '[{"q": 1, "a": 2}, {"q": 1, "a": 2, "q": 3}]'),
        ("a.json", '{"q": 1, "q": 3}\n{"q": 1}'),
        ("a.json", '{"data": [{"q": 1, "q": 3}]}'),
        ("a.json", '{"x": {"q": 1, "q": 3}, "y": {"q": 1}}'),
        ("a.json", '{"q": [1, 2], "a": [1, 2], "q": [3, 4]}'),
        ("a.json", '{"prompt": "a", "q": 1, "q": 3}'),
    ],
)
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(
        InputError, match=r"^a\.\w+ has two (columns named|lists of the name) 'q'\. Rename one of them\.$"
    ):
        read(tmp_path / name)


@pytest.mark.parametrize("kind", ["parquet", "feather", "arrow"])
def test_two_columns_of_one_name_are_refused_in_arrow(tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / f"a.{kind}"
    cells = pa.array(["x"])
    table = pa.Table.from_arrays([cells, cells], names=["q", "q"])
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with (pa.ipc.new_file if kind == "feather" else pa.ipc.new_stream)(path, table.schema) as out:
            out.write_table(table)
    with pytest.raises(InputError, match=rf"^a\.{kind} has two columns named 'q'\. Rename one of them\.$"):
        read(path)
    fields = pa.StructArray.from_arrays([cells, cells], names=["q", "q"])
    pq.write_table(pa.table({"a": fields}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet can't be read as Parquet: .* duplicate field names"):
        read(tmp_path / "b.parquet")


def test_an_object_in_a_cell_may_name_things_twice(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"q": {"b": 1, "b": 2}}\n')
    assert read(tmp_path / "a.jsonl") == [{"q": {"b": 2}}]


def test_a_sheet_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame().to_excel(book, sheet_name="Empty", index=False)
        pd.DataFrame([ROW]).to_excel(book, sheet_name="Rivers", index=False)
        pd.DataFrame([LAKE]).to_excel(book, sheet_name="Lakes", index=False)
    assert read_and_said(path) == (
        [ROW], ["a.xlsx: its sheet 'Rivers' is read (sheets there: Empty, Rivers, Lakes)."],
    )  # fmt: skip
    assert read_and_said(path, sheet="Lakes") == ([LAKE], [])
    assert read(path, sheet="Lakes", header=False)[0] == {"column 1": "q", "column 2": "a"}
    with pytest.raises(InputError, match=r"no sheet 'Seas' \(sheets there: Empty, Rivers, Lakes\)"):
        read(path, sheet="Seas")


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods"])
def test_a_cell_of_a_sheet_is_what_it_shows(tmp_path: Path, name: str) -> None:
    import datetime

    cells = {
        "id": "007", "whole": 3.0, "part": 0.1 + 0.2, "day": datetime.datetime(2026, 1, 2), "flag": True, "none": None,
        "moment": datetime.datetime(2026, 1, 2, 3, 4, 5), "text": "1.10",
    }  # fmt: skip
    pd.DataFrame([cells, {**cells, "id": "008"}]).to_excel(tmp_path / name, index=False)
    first, second = read(tmp_path / name)
    assert first == {
        "id": "007", "whole": 3, "part": 0.3, "day": "2026-01-02", "flag": True, "moment": "2026-01-02 03:04:05",
        "text": "1.10", "none": "",
    }  # fmt: skip
    assert type(first["whole"]) is int and second["id"] == "008"


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods", "a.feather", "a.arrow"])
def test_what_is_no_such_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(InputError, match=r"can't be read as .*[.?]$"):
        read(tmp_path / name)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_a_packed_file_that_is_damaged(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.csv.{ending}").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(InputError, match=rf"a\.csv\.{ending} is damaged: .*\."):
        read(tmp_path / f"a.csv.{ending}")


def test_a_packed_file_says_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"x")
    with pytest.raises(InputError, match="ending that is not known"):
        read(tmp_path / "a.gz")


CELL = st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]), max_size=12) | st.text(
    '",;|\t\n\r a', max_size=12
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5)),
    separator=st.sampled_from([",", ";", "\t", "|", "^"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)  # fmt: skip
def test_any_table_comes_back_as_it_was_written(
    tmp_path: Path, table: list[list[str]], separator: str, quoting: Any, end: str, encoding: str
) -> None:
    names = [f"c{number}" for number in range(len(table[0]))]
    if quoting == csv.QUOTE_MINIMAL:  # which leaves a carriage return as it is, the end of a line to others
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows([names, *table])
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode(encoding))
    expected = [dict(zip(names, row, strict=True)) for row in table]
    assert read(tmp_path / "a.csv", separator=separator) == expected


@pytest.mark.parametrize("orient", ["records", "columns", "split", "index"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.tuples(CELL, CELL | st.none()), min_size=1, max_size=5))
def test_any_table_of_pandas_comes_back_from_json(tmp_path: Path, table: list[tuple[Any, Any]], orient: Any) -> None:
    frame = pd.DataFrame(table, columns=["q", "a"], dtype=object)
    frame.to_json(tmp_path / "a.json", orient=orient)
    assert read(tmp_path / "a.json") == [{"q": q, "a": a} for q, a in table]
