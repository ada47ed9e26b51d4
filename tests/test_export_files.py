"""Exported files as trainers open them: every format in every form through `datasets`, types that hold, splits, order, disks."""

import csv
import json
import math
import resource
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import openpyxl
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.errors import ExportError
from feedback.exports.disk_buffer import EARLY, Spool, without
from feedback.exports.file_kinds import KINDS, UNTYPED
from feedback.exports.formats import FORMATS
from feedback.exports.selection import Export, Passed, export, lines
from feedback.exports.train_test_split import TEST, TRAIN, Sides
from feedback.exports.writers import LONGEST_CELL, MOST_ROWS, WRITERS, cell, check_length, is_formula, protected, xlsx
from feedback.reviewed_row import ReviewedRow
from feedback.types import Checked, sendable
from tasks.errors import SettingsError, Stopped
from tasks.types import Message, Response, Row
from tests.make_reviewed_rows import RATINGS, ROW, judged, made_of, verdict

READ_BY_DATASETS = [kind for kind in WRITERS if kind != "xlsx"]
HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "a\0b",
    "\ud800",
    "\u2028",
    'say "x",\r\ny',
    "'=1",
    "𝄞 " * 400_000,
    " ",
)


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No bars while `datasets` reads."""
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def test_each_kind_of_file_has_a_writer() -> None:
    assert tuple(WRITERS) == KINDS and set(UNTYPED) < set(KINDS)


def rows(number: int, **answers: Any) -> list[ReviewedRow]:
    """So many approved rows, each with a question of its own."""
    asked: list[Message] = [{"role": "user", "content": f"What is river {k} like, and where?"} for k in range(number)]
    found = [replace(ROW, id=f"r-{k}-0", unit=k, messages=(asked[k],), origin={}) for k in range(number)]
    return [ReviewedRow(row, RATINGS, (verdict(**answers),)) for row in found]


def wanted(found: list[ReviewedRow], form: str) -> list[dict[str, Any]]:
    return [sendable(line) for one in found for line in made_of(FORMATS[form].lines, one)]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", WRITERS)
def test_what_checks_say_is_in_every_kind_of_file(tmp_path: Path, form: str, kind: str) -> None:
    """Though all pass and nobody decided: columns in which no line holds anything. A row that was not checked has them too."""
    passing = [Checked(k, "length", True, "long enough", False) for k in range(2)]
    found = [replace(one, verdicts=(), checks=passing) for one in rows(3, rating_1=5)] + rows(1)
    to = Export(format=form, unreviewed=True)
    done = export(found, to, tmp_path / f"out.{kind}", "run", "Task")
    if kind == "xlsx":
        columns = {head.value for head in next(openpyxl.load_workbook(done.path).worksheets[0].rows)}
    else:
        columns = set(loaded(kind, {"train": str(done.path)}, tmp_path)["train"].column_names)
    assert {"decision_by", "failed_checks"} <= columns and ("checks" in columns) == (form == "raw")


def loaded(kind: str, files: Any, tmp_path: Path) -> Any:
    if kind == "datasets":
        return datasets.load_from_disk(str(files))
    return datasets.load_dataset({"jsonl": "json"}.get(kind, kind), data_files=files, cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", [*READ_BY_DATASETS, "datasets"])
@pytest.mark.parametrize("form", FORMATS)
def test_datasets_reads_back_what_was_approved(tmp_path: Path, form: str, kind: str) -> None:
    """Row by row; a null in all lines of the first file is no other type in the next."""
    texts = HOSTILE if form in ("sft", "plain") else HOSTILE[:4]
    best = (replace(RATINGS[0], value=5.0),)
    odd = [
        replace(one, row=replace(one.row, responses=(Response(text, "m"), *one.row.responses[1:])), ratings=best)
        for one, text in zip(rows(len(texts)), texts, strict=True)
    ]
    found = [*rows(2), *odd, *rows(1, rating_2=5, rating_1=1, corrected_response="The Po."), judged(verdict("reject"))]
    name = "out" if kind == "datasets" else f"out.{kind}"
    to = Export(format=form, decision="approved")
    done = export(found, to, tmp_path / name, "run", "Task")
    expected = wanted(found[:-1], form)
    assert done.written == len(expected) > 0 and done.files == (tmp_path / name,)
    read = loaded(kind, {"train": str(done.path)} if kind != "datasets" else done.path, tmp_path)["train"].to_list()
    if kind == "csv":
        assert sorted(one["row_id"] for one in read) == sorted(one["row_id"] for one in expected)
        with done.path.open(encoding="utf-8", newline="") as file:
            csv.field_size_limit(1 << 24)
            plain = list(csv.DictReader(file))
        assert [one["reviewed"] for one in plain] == ["True"] * len(expected)
        for name in {"messages", "prompt", "response"} & set(plain[0]):
            assert sorted(one[name] for one in plain) == sorted(str(cell(one[name])) for one in expected)
    else:
        assert sorted(map(json.dumps, read)) == sorted(map(json.dumps, expected))


def test_a_split_without_a_value_in_train_loads_with_one_in_test(tmp_path: Path) -> None:
    sides = Sides(0, 0.5)
    found = rows(12)
    for one in found:
        sides.add(one.row)
    rated = [
        replace(one, verdicts=(verdict(rating_2=5),)) if sides.of(k) == TEST else one for k, one in enumerate(found)
    ]
    for kind in (*READ_BY_DATASETS, "datasets"):
        path = tmp_path / ("out" if kind == "datasets" else f"out.{kind}")
        done = export(rated, Export(test_share=0.5), path, "run", "Task")
        files = [str(file) for file in done.files]
        read = loaded(kind, done.path if kind == "datasets" else dict(zip((TRAIN, TEST), files, strict=True)), tmp_path)
        assert {side: read[side].num_rows for side in (TRAIN, TEST)} == done.parts and sum(done.parts.values()) == 12
        assert done.left_out == (("rating_by_people",) if kind in ("jsonl", "csv") else ())
        assert ("rating_by_people" in read[TEST].column_names) == (kind not in ("jsonl", "csv"))
        assert not set(read[TRAIN]["row_id"]) & set(read[TEST]["row_id"])
    assert sorted(path.name for path in tmp_path.glob("out-*")) == sorted(
        f"out-{side}.{kind}" for side in (TRAIN, TEST) for kind in READ_BY_DATASETS
    )


def test_what_only_test_holds_deep_inside_is_left_out_of_files_without_types(tmp_path: Path) -> None:
    sides = Sides(0, 0.5)
    found = rows(12)
    for one in found:
        sides.add(one.row)
    found = [replace(one, ratings=()) if sides.of(k) == TRAIN else one for k, one in enumerate(found)]
    thought = replace(RATINGS[0], types=(1,), temperature=0.5)
    found = [replace(one, ratings=(thought,)) if one.ratings else one for one in found]
    done = export(found, Export(format="raw", test_share=0.5), tmp_path / "out.jsonl", "run", "Task")
    assert done.left_out == ("labeller", "ratings")
    files = dict(zip((TRAIN, TEST), map(str, done.files), strict=True))
    assert loaded("jsonl", files, tmp_path)[TEST].num_rows == done.parts[TEST]


def test_what_comes_late_is_told_early(tmp_path: Path) -> None:
    long = replace(ROW, responses=(*ROW.responses[:1], Response("long " * (EARLY // 4), "a")))
    found = [judged(verdict(), row=replace(long, id=f"r-{k}-0", unit=k)) for k in range(9)]
    found.append(judged(verdict(rating_2=5), row=replace(ROW, id="r-9-0", unit=9)))
    done = export(found, Export(), tmp_path / "out.jsonl", "run", "Task")
    read = loaded("jsonl", {"train": str(done.path)}, tmp_path)["train"]
    assert read["row_id"][0] == "r-9-0" and read["rating_by_people"][0] == 5.0 and read.num_rows == 10


def test_paths_of_values() -> None:
    with Spool() as spool:
        spool.add({"row_id": "a", "x": None, "y": {"z": [1]}, "l": [{"k": None}]})
        spool.add({"row_id": "b", "x": 1.5, "y": {"z": []}, "l": [{"k": "v"}]})
        assert spool.untold([0], [1]) == {"x", "l.k"} and spool.untold([1], [0]) == {"y.z[]", "y.z"}
        assert [line["row_id"] for line in spool.read([1, 0])] == ["b", "a"]
        assert without({"x": 1, "y": {"z": [1], "w": 2}, "l": [{"k": 1, "m": 2}]}, {"x", "y.z[]", "l.k"}) == {
            "y": {"w": 2}, "l": [{"m": 2}],
        }  # fmt: skip


# -- which rows, in which order


def ids(found: list[ReviewedRow], **settings: Any) -> list[str]:
    taken = lines(found, Export(**settings), "run", "Task", Passed())
    return [row.row.id for row, _ in taken]


def test_rows_by_decision_reviewer_and_rating() -> None:
    said = {
        "none": (), "draft": (verdict(status="draft"),), "yes": (verdict(),), "no": (verdict("reject"),),
        "tie": (verdict(), verdict("reject", who="bob")), "discarded": (verdict(status="discarded"),),
        "bob": (verdict(who="bob", rating_2=1),),
    }  # fmt: skip
    found = [ReviewedRow(replace(ROW, id=name), RATINGS, verdicts) for name, verdicts in said.items()]
    assert ids(found) == ["yes", "bob"]
    assert ids(found, unreviewed=True) == ["none", "draft", "yes", "bob"]
    assert ids(found, decision="rejected") == ["no"]
    assert ids(found, decision="reviewed") == ["yes", "no", "tie", "bob"]
    assert ids(found, reviewer="bob") == ["bob"] and ids(found, reviewer="bob", decision="reviewed") == ["bob"]
    assert ids(found, least_rating=4, unreviewed=True) == ["none", "draft", "yes"]
    assert ids(found, least_rating=4.5) == []
    assert ids(found, format="kto") == ["yes", "no", "bob"] and ids(found, format="kto", decision="approved") == [
        "yes",
        "bob",
    ]
    assert ids(found, format="kto", least_rating=4) == ["yes", "no"]
    corrected = [judged(verdict(corrected_response="The Po."))]
    assert ids(corrected, least_rating=5) == ["r-0-0"]


def test_rows_like_an_earlier_one_are_left_out_and_counted(tmp_path: Path) -> None:
    asked = ("Name three rivers in France.", "Name two rivers in France!", "What is a tide?")
    found = [
        ReviewedRow(replace(ROW, id=f"r-{k}", messages=({"role": "user", "content": text},)), RATINGS, (verdict(),))
        for k, text in enumerate(asked)
    ]
    assert ids(found, similarity=0.7) == ["r-0", "r-2"] and ids(found, similarity=1.0) == ids(found)
    done = export(found, Export(similarity=0.7), tmp_path / "out.jsonl", "run", "Task")
    assert (done.written, done.alike) == (2, 1)
    # one that gives no line keeps no other one out
    bare = [replace(found[0], row=replace(found[0].row, responses=())), *found[1:]]
    assert ids(bare, similarity=0.7) == ["r-1", "r-2"]


def order(found: list[ReviewedRow], tmp_path: Path, **settings: Any) -> list[str]:
    done = export(found, Export(shuffle=True, **settings), tmp_path / "out.jsonl", "run", "Task")
    return [json.loads(line)["row_id"] for line in done.path.read_text().splitlines()]


def test_a_shuffle_is_the_seeds(tmp_path: Path) -> None:
    found = rows(20)
    first = order(found, tmp_path, seed=1)
    assert order(found, tmp_path, seed=1) == first != order(found, tmp_path, seed=2)
    assert sorted(first) == sorted(one.row.id for one in found)
    fewer = [one for one in first if one not in ("r-3-0", "r-4-0")]
    assert order([one for one in found if one.row.unit not in (3, 4)], tmp_path, seed=1) == fewer


origins = st.sampled_from(
    [{}, {"seed": "a"}, {"seed": " A "}, {"document": 1}, {"document": 2, "file": "x"}, {"seed": "b"}]
)


@given(st.lists(st.tuples(st.integers(0, 5), origins, st.sampled_from("abcdefgh")), max_size=30), st.integers(0, 99))
def test_rows_of_one_origin_are_on_one_side(found: list[tuple[int, dict[str, Any], str]], seed: int) -> None:
    made = [
        Row(({"role": "user", "content": text},), (), origin, id=str(k), unit=unit)
        for k, (unit, origin, text) in enumerate(found)
    ]
    sides = Sides(seed, 0.5)
    for row in made:
        sides.add(row)
    for k, one in enumerate(made):
        for n, other in enumerate(made):
            folded = (str(one.origin.get("seed")).strip().lower(), str(other.origin.get("seed")).strip().lower())
            alike = one.unit == other.unit or one.instruction == other.instruction
            if (
                alike
                or (folded[0] == folded[1] != "none")
                or (one.origin.get("document") and one.origin == other.origin)
            ):
                assert sides.of(k) == sides.of(n)


def test_a_row_stays_on_its_side_when_others_come() -> None:
    found = [one.row for one in rows(200)]
    few, all_ = Sides(3, 0.25), Sides(3, 0.25)
    for k, row in enumerate(found):
        if k % 2:
            few.add(row)
        all_.add(row)
    assert [few.of(k) for k in range(100)] == [all_.of(2 * k + 1) for k in range(100)]
    assert 30 < sum(all_.of(k) == TEST for k in range(200)) < 70


def test_a_row_that_is_approved_later_moves_no_group(tmp_path: Path) -> None:
    """Groups of three rows; whichever of them are approved, all that go out are on the side of their group."""
    made = [replace(one, row=replace(one.row, unit=k // 3)) for k, one in enumerate(rows(30))]
    sides: dict[int, set[str]] = {}
    for approved in ({2}, {1}, {0, 2}, {0, 1, 2}):
        found = [one if k % 3 in approved else replace(one, verdicts=()) for k, one in enumerate(made)]
        done = export(found, Export(test_share=0.4, seed=1), tmp_path / "out.jsonl", "run", "Task")
        for side, file in zip((TRAIN, TEST), done.files, strict=True):
            for text in file.read_text().splitlines():
                number = int(json.loads(text)["row_id"].split("-")[1])
                sides.setdefault(number // 3, set()).add(side)
    assert len(sides) == 10 and all(len(one) == 1 for one in sides.values())
    assert {side for one in sides.values() for side in one} == {TRAIN, TEST}


def test_a_share_that_leaves_a_side_empty_is_said(tmp_path: Path) -> None:
    (tmp_path / "out-train.jsonl").write_text("old")
    with pytest.raises(ExportError, match=r"With test_share 0\.001 none of the 3 rows is for testing"):
        export(rows(3), Export(test_share=0.001), tmp_path / "out.jsonl", "run", "Task")
    assert [path.name for path in tmp_path.iterdir()] == ["out-train.jsonl"]


# -- several files


@pytest.mark.parametrize("kind", [*WRITERS, "datasets"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_has_so_many_lines_at_most(tmp_path: Path, kind: str, share: float) -> None:
    """The last one has the rest; all together are the rows in their order."""
    name = "out" if kind == "datasets" else f"out.{kind}"
    path = tmp_path / name
    done = export(rows(13), Export(max_rows=3, test_share=share), path, "run", "Task")
    numbers = {side: math.ceil(lines / 3) for side, lines in done.parts.items()}
    if kind == "datasets":
        assert {side: len(list((path / side).glob("*.arrow"))) for side in numbers} == numbers
        read = datasets.load_from_disk(str(path))
        ids = {side: read[side]["row_id"][:] for side in numbers}
    else:
        files = {
            side: [tmp_path / f"out{f'-{side}' if share else ''}-{k:05}.{kind}" for k in range(1, number + 1)]
            for side, number in numbers.items()
        }
        assert done.files == tuple(file for some in files.values() for file in some)
        assert sorted(tmp_path.iterdir()) == sorted(done.files)
        ids = {side: [one for file in some for one in row_ids(file)] for side, some in files.items()}
        assert all(len(row_ids(file)) == 3 for some in files.values() for file in some[:-1])
    whole = export(rows(13), Export(test_share=share), tmp_path / "whole.jsonl", "run", "Task")
    assert list(ids.values()) == [row_ids(file) for file in whole.files]


def row_ids(file: Path) -> list[str]:
    """The ids of the rows in an exported file, in its order."""
    readers: dict[str, Any] = {
        ".jsonl": lambda file: pandas.read_json(file, lines=True), ".csv": pandas.read_csv, ".parquet": pandas.read_parquet,
        ".xlsx": lambda file: pandas.read_excel(file, engine="calamine"),
    }  # fmt: skip
    return list(readers[file.suffix](file)["row_id"])


@pytest.mark.parametrize("kind", READ_BY_DATASETS)
@pytest.mark.parametrize("form", FORMATS)
def test_the_first_of_several_files_tells_the_types_of_all(tmp_path: Path, form: str, kind: str) -> None:
    """People rated the last of ten rows alone, which a reader learns from the first file."""
    late = [*rows(9), replace(rows(10)[9], verdicts=(verdict(rating_1=1, rating_2=5),))]
    done = export(late, Export(format=form, max_rows=3), tmp_path / f"out.{kind}", "run", "Task")
    assert len(done.files) == math.ceil(done.written / 3) > 3
    read = loaded(kind, {"train": [str(file) for file in done.files]}, tmp_path)["train"]
    expected = wanted(late, form)
    assert sorted(read["row_id"][:]) == sorted(line["row_id"] for line in expected)
    if "rating_by_people" in FORMATS[form].columns:
        assert sorted(filter(None, read["rating_by_people"])) == sorted(
            filter(None, (line["rating_by_people"] for line in expected))
        )


def test_most_lines_are_a_number(tmp_path: Path) -> None:
    for number in (0, -1):
        with pytest.raises(SettingsError, match="max_rows must be at least 1"):
            Export(max_rows=number)
    assert export(rows(3), Export(max_rows=3), tmp_path / "out.csv", "run", "Task").files == (
        tmp_path / "out-00001.csv",
    )


# -- disks


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet", "out.csv", "out.xlsx", "out"])
def test_a_full_disk_costs_nothing_of_what_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    export(rows(3), Export(), path, "run", "Task")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ExportError, match=r"out.* can't be written: .+ large"):
            export(rows(3000), Export(), path, "run", "Task")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_folder_takes_the_place_of_a_dataset_and_of_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.mkdir()
    for number in (3, 2):
        export(rows(number), Export(), path, "run", "Task")
        assert datasets.load_from_disk(str(path))["train"].num_rows == number
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    for other in (mine, mine / "thesis"):
        if other != mine:
            other.write_text("x")
        with pytest.raises(ExportError, match="is there already and is no dataset"):
            export(rows(2), Export(), other, "run", "Task")
    assert sorted(file.name for file in mine.iterdir()) == ["thesis", "thesis.txt"]


def test_a_dataset_whose_export_was_killed_at_the_last_moment_is_there_again(tmp_path: Path) -> None:
    """Killed between the two renames: the old one is away, the new one ready. The next export, though stopped, finds it."""
    path, room = tmp_path / "out", tmp_path / ".out-a_b1c2d3"
    export(rows(2), Export(), path, "run", "Task")
    export(rows(3), Export(), tmp_path / "new", "run", "Task")
    room.mkdir()
    path.rename(room / "old")
    (tmp_path / "new").rename(room / "new")

    def stopped(words: str) -> None:
        if words.startswith("Writing the file: "):
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        export(rows(600), Export(), path, "run", "Task", stopped)
    assert datasets.load_from_disk(str(path))["train"].num_rows == 3
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_two_files_are_not_written_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out-test.jsonl").mkdir()
    with pytest.raises(ExportError, match=r"out-test\.jsonl can't be written: it is a folder"):
        export(rows(20), Export(test_share=0.5), tmp_path / "out.jsonl", "run", "Task")
    assert [file.name for file in tmp_path.iterdir()] == ["out-test.jsonl"]


# -- spreadsheets


@pytest.mark.parametrize(
    ("value", "shown", "counts"),
    [
        ("=1", "'=1", True), ("-5", "'-5", True), ("\tx", "'\tx", True), ("@x", "'@x", True), ("+1", "'+1", True),
        ("- The Loire", "'- The Loire", False), ("-\tThe Loire", "'-\tThe Loire", False), ("a=1", "a=1", False),
        ("", "", False), (-5, -5, False), (1.5, 1.5, False), (True, True, False), (None, None, False), (["="], ["="], False),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_run(value: Any, shown: Any, counts: bool) -> None:
    assert (protected(value), is_formula(value)) == (shown, counts)


def test_a_csv_file_holds_the_texts_as_they_are_and_says_which_are_formulas(tmp_path: Path) -> None:
    texts = ("=1+1", "@SUM(A1)", "- The Loire\n- The Rhine", "The Po.")
    answered = [
        replace(one, row=replace(one.row, responses=(Response(text, "m"),)), ratings=())
        for one, text in zip(rows(4), texts, strict=True)
    ]

    def responses(name: str, **settings: Any) -> tuple[list[str], str]:
        done = export(answered, Export(format="plain", **settings), tmp_path / name, "run", "Task")
        return datasets.load_dataset(
            "csv" if name.endswith("csv") else "json", data_files=str(done.path), cache_dir=str(tmp_path / "cache")
        )["train"]["response"][:], done.warning

    warning = "2 texts begin with = + - or @, which a spreadsheet runs as a formula."
    assert responses("out.csv") == (list(texts), warning)
    assert responses("safe.csv", protect_formulas=True) == (
        ["'=1+1", "'@SUM(A1)", "'- The Loire\n- The Rhine", "The Po."], "",
    )  # fmt: skip
    assert responses("out.jsonl", protect_formulas=True) == (list(texts), "")


@pytest.mark.parametrize("form", FORMATS)
def test_excel_holds_texts_numbers_and_booleans_as_such(tmp_path: Path, form: str) -> None:
    texts = [text for text in HOSTILE if len(text) < LONGEST_CELL] + [
        "https://example.org",
        "1",
        "TRUE",
        "#N/A",
        "_x0041_",
    ]
    odd = [
        replace(one, row=replace(one.row, responses=(Response(text, "m"), *one.row.responses[1:])))
        for one, text in zip(rows(len(texts)), texts, strict=True)
    ]
    done = export(odd, Export(format=form), tmp_path / "out.xlsx", "run", "Task")
    lines = [{name: cell(value) for name, value in line.items()} for line in wanted(odd, form)]
    frame = pandas.read_excel(done.path, engine="calamine", dtype=object, na_filter=False)
    assert list(frame.columns) == list(FORMATS[form].columns) == list(lines[0])
    for line, row in zip(lines, frame.to_dict("records"), strict=True):
        shown = {name: "" if value is None else value for name, value in line.items()}
        assert row == shown and [type(row[name]) is bool for name in row] == [
            type(shown[name]) is bool for name in shown
        ]
    book = openpyxl.load_workbook(done.path)
    cells = [one for row in book.worksheets[0].iter_rows() for one in row]
    assert {one.data_type for one in cells} <= {"s", "n", "b", "inlineStr"}
    assert not any(one.hyperlink for one in cells)
    assert done.warning == "" and list(tmp_path.iterdir()) == [done.path]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("x" * (LONGEST_CELL + 1), "no text of more than 32,767 characters, and this one has 32,768"),
        ("𝄞" * (LONGEST_CELL // 2 + 1), "no text of more than 32,767 characters, and this one has 32,768"),
        (["x" * LONGEST_CELL], "no text of more than 32,767 characters, and this one has 32,771"),
        (2**53 + 1, "no whole number above 9,007,199,254,740,992 exactly"),
        (float("nan"), "no number that is infinite or undefined"),
    ],
)
def test_what_excel_can_not_hold_is_refused_whole(tmp_path: Path, value: Any, why: str) -> None:
    lines = [{"row_id": "r-1", "x": "fits"}, {"row_id": "r-2", "x": value}]
    with pytest.raises(
        ExportError, match=f"The column x of the row r-2 can't be written: Excel holds {why}"
    ) as refused:
        xlsx(lines, {"row_id": str, "x": str}, tmp_path / "out.xlsx")
    assert "Parquet" in str(refused.value) and not list(tmp_path.iterdir())


def test_an_excel_sheet_has_an_end() -> None:
    check_length(Path("out.xlsx"), MOST_ROWS)
    check_length(Path("out.csv"), MOST_ROWS + 1)
    with pytest.raises(ExportError, match=r"out\.xlsx can't be written: an Excel sheet holds 1,048,575 rows"):
        check_length(Path("out.xlsx"), MOST_ROWS + 1)


def test_excel_takes_no_more_memory_for_more_rows(tmp_path: Path) -> None:
    def peak(number: int) -> int:
        tracemalloc.start()
        xlsx(
            ({"a": f"text {k}" * 50, "b": k, "c": None} for k in range(number)),
            {"a": str, "b": int, "c": str},
            tmp_path / "x",
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)  # what is imported
    assert peak(4000) < 1.5 * peak(400)
