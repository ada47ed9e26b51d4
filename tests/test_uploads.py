"""Input through the page: what is pasted or uploaded is kept as a file that a run reads, and what it is not is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.config import Settings
from app.errors import StoreError
from app.inputs import inputs, uploads
from app.inputs.files import called
from app.inputs.inputs import Inputs
from app.inputs.pasted import LINES, as_file
from app.inputs.table import LONGEST_LINE
from app.store.store import Store
from app.web.jobs import Jobs
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.web.tab_state import NEW_TAB
from tasks.errors import InputError

ONE, TWO = ("instruction",), ("title", "content")


def pasted(text: str, columns: tuple[str, ...], here: Settings) -> list[dict[str, Any]]:
    """The rows of what was pasted, as a run reads them."""
    return list(inputs.rows(Inputs(path=str(uploads.keep_text(text, columns, here)))))


ROWS = [{"instruction": "Name a river."}, {"instruction": "Name two."}]
PASTED = {
    "lines": ("Name a river.\nName two.", ROWS),
    "lines with room around them": ("\n\n  Name a river.  \r\n\r\n\tName two.\n\n", ROWS),
    "a byte order mark": ("\ufeffName a river.\nName two.", ROWS),
    "parts": ("Name a river.\n---\nName two.\n", ROWS),
    "parts of several lines": ("Name\na river.\n----\n\n---\nName two.", [{"instruction": "Name\na river."}, ROWS[1]]),
    "JSON Lines": ('{"instruction": "Name a river."}\n\n{"instruction": "Name two."}', ROWS),
    "JSON": ('[{"instruction": "Name a river."},\n {"instruction": "Name two."}]', ROWS),
    "JSON over many lines": (json.dumps(ROWS, indent=2), ROWS),
    "CSV": ("instruction,topic\nName a river.,water\n", [{"instruction": "Name a river.", "topic": "water"}]),
    "CSV in quotes": ('"topic","instruction"\n"a, b","Name\na river."', [{"topic": "a, b", "instruction": "Name\na river."}]),
    "commas that are no CSV": ("Red, green\nblue, grey", [{"instruction": "Red, green"}, {"instruction": "blue, grey"}]),
    "a header alone": ("instruction", [{"instruction": "instruction"}]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), PASTED.values(), ids=PASTED)
def test_pasted_text_becomes_rows(text: str, rows: list[dict[str, Any]], here: Settings) -> None:
    assert pasted(text, ONE, here) == rows


def test_a_task_with_two_columns_takes_parts_with_a_first_line(here: Settings) -> None:
    text = "Tides\nThe moon pulls.\n\nTwice a day.\n---\nSalt\nThe sea is salt.\n ----- \n\n---\nAlone\n"
    assert pasted(text, TWO, here) == [
        {"title": "Tides", "content": "The moon pulls.\n\nTwice a day."},
        {"title": "Salt", "content": "The sea is salt."},
        {"title": "Alone", "content": "Alone"},
    ]
    assert pasted("content,title\nThe moon pulls.,Tides", TWO, here) == [
        {"content": "The moon pulls.", "title": "Tides"}
    ]


def test_columns_of_a_task_that_needs_none_are_instructions(here: Settings) -> None:
    assert pasted("Name a river.", (), here) == ROWS[:1]


@pytest.mark.parametrize("text", ["", " \n\t\r\n ", "\ufeff", "\ufeff\n\n"])
def test_nothing_pasted_is_said(text: str, here: Settings) -> None:
    with pytest.raises(InputError, match="Nothing was pasted yet"):
        uploads.keep_text(text, ONE, here)
    assert not (here.data / "inputs").exists()


def test_odd_signs_survive(here: Settings) -> None:
    odd = "a b \ud800 𝄞 'quoted' \"and\" %s"
    assert pasted(odd, ONE, here) == [{"instruction": odd}]
    assert pasted(json.dumps({"instruction": odd}), ONE, here) == [{"instruction": odd}]
    assert pasted('{"instruction": "\ud800"}', ONE, here) == [{"instruction": "?"}]


def test_binary_data_in_what_says_it_is_json_is_named(here: Settings) -> None:
    with pytest.raises(InputError, match="holds binary data"):
        pasted('{"instruction": "a\0b"}', ONE, here)


def test_broken_json_is_named_with_its_line(here: Settings) -> None:
    with pytest.raises(InputError, match=r"The pasted text, line 2 is not JSON"):
        pasted('{"instruction": "a"}\n{"instruction": ', ONE, here)


def test_a_huge_line_is_refused_where_it_is_read(here: Settings) -> None:
    kept = uploads.keep_text("x" * (LONGEST_LINE + 1), ONE, here)
    with pytest.raises(InputError, match="line 1 is longer than 10 MB"):
        uploads.look(Inputs(path=str(kept)))


def test_the_same_text_is_kept_once_and_privately(here: Settings) -> None:
    one, again = (uploads.keep_text("Name a river.\n", ONE, here) for _ in range(2))
    assert one == again != uploads.keep_text("Name two.", ONE, here)
    assert one.is_relative_to(here.data / "inputs") and one.parent.stat().st_mode & 0o777 == 0o700
    assert len([path for path in (here.data / "inputs").rglob("*") if path.is_file()]) == 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), columns=st.sampled_from([ONE, TWO]))
def test_any_text_is_kept_or_refused_in_words(text: str, columns: tuple[str, ...], here: Settings) -> None:
    try:
        rows = pasted(text, columns, here)
    except InputError as error:
        assert str(error).endswith(".")
    else:
        assert rows


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 .?!]{0,20}[a-z?]", fullmatch=True), min_size=1, max_size=6))
def test_any_plain_lines_come_back_in_order(here: Settings, lines: list[str]) -> None:
    assert pasted("\n".join(lines), ("seed",), here) == [{"seed": line} for line in lines]


def test_an_uploaded_file_is_kept_once_under_its_name(tmp_path: Path, here: Settings) -> None:
    given_file = tmp_path / "rivers & lakes.csv"
    given_file.write_text("instruction\nName a river.\n")
    kept = uploads.keep_file(given_file, here)
    assert (kept.name, kept.read_bytes()) == (given_file.name, given_file.read_bytes())
    changed = kept.stat().st_mtime_ns
    given_file.unlink()
    assert uploads.look(Inputs(path=str(kept))) == uploads.Found(("instruction",), 1)
    given_file.write_text("instruction\nName a river.\n")
    assert uploads.keep_file(given_file, here) == kept and kept.stat().st_mtime_ns == changed
    given_file.write_text("instruction\nName two.\n")
    other = uploads.keep_file(given_file, here)
    assert other != kept and "river" in kept.read_text()
    assert not list((here.data / "inputs").rglob("*.part"))


def test_several_uploaded_files_are_kept_as_one_folder(tmp_path: Path, here: Settings) -> None:
    given_files = [tmp_path / "x" / "a.md", tmp_path / "y" / "a.md", tmp_path / "y" / "b.html"]
    for number, path in enumerate(given_files):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"<p>Text {number}.")
    kept = uploads.keep_files(given_files, here)
    assert kept.name == "3 files" and sorted(path.name for path in kept.iterdir()) == ["a (2).md", "a.md", "b.html"]
    assert kept.stat().st_mode & 0o777 == 0o700 and kept.is_relative_to(here.data / "inputs")
    assert uploads.look(Inputs(path=str(kept)), TWO) == uploads.Found(("title", "content", "file"), 3)
    assert uploads.keep_files(given_files, here) == kept != uploads.keep_files(given_files[:2], here)
    assert uploads.keep_files(given_files[:1], here).is_file()
    with pytest.raises(StoreError, match="The files can't be kept: No such file"):
        uploads.keep_files([*given_files, tmp_path / "gone.md"], here)
    assert not list((here.data / "inputs").rglob(".*"))


def test_a_folder_half_copied_is_removed(tmp_path: Path, here: Settings) -> None:
    """What can be read for its digest and not copied: a file that is gone by then."""
    (tmp_path / "a.md").write_text("A.")
    with pytest.raises(StoreError, match="can't be kept"):
        uploads.keep_files([tmp_path / "a.md", tmp_path], here)
    assert not (here.data / "inputs").exists()


def test_the_page_says_what_is_left_out_of_an_upload(tmp_path: Path, here: Settings, store: Store) -> None:
    from app.web.page_builder import Act
    from app.web.pages import inputs as page

    for name, content in (("a.md", "# A\n\nText."), ("b.pdf", "x"), ("<c>.png", "x")):
        (tmp_path / name).write_text(content)
    jobs = Jobs(store, here)
    desk = AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
    desk.keep("me", {"task.kind": "genstruct", "inputs.source": "upload"})
    view = desk.look("me", "")
    assert page.found(view) == ""
    files = [str(path) for path in sorted(tmp_path.iterdir()) if path.is_file()]
    done = page.take_files(Act(desk, "me", "", view.filled, NEW_TAB, extra=[files]))
    assert done.fill is not None
    desk.keep("me", done.fill)
    view = desk.look("me", "")
    said = page.found(view)
    for words in (
        "3 files: 1 row, columns title, content, file",
        "1 file is left out",
        "b.pdf can&#39;t be read as PDF",
    ):
        assert words in said
    assert view.wanted is not None and desk.expected(view.wanted) == 1
    jobs.close()


def test_a_look_reads_as_the_task_would(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.\nTwo.")
    given_inputs = Inputs(path=str(tmp_path / "a.txt"))
    assert uploads.look(given_inputs, ONE) == uploads.Found(("instruction",), 2)
    assert uploads.look(given_inputs, TWO) == uploads.Found(("title", "content", "file"), 1)


def test_a_file_that_is_not_there_is_said(tmp_path: Path, here: Settings) -> None:
    with pytest.raises(StoreError, match=r"gone\.csv can't be kept: No such file"):
        uploads.keep_file(tmp_path / "gone.csv", here)


def test_a_data_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    here = Settings(data=tmp_path / "data", owner="tester")
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(StoreError, match=r"x\.txt can't be kept: .*Make room"):
        uploads.keep_file(tmp_path / "x.txt", here)


def test_a_look_tells_columns_and_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        "".join(
            json.dumps({"a": 1, **({"b": 2} if n == 5 else {}), **({"c": 3} if n == 25 else {})}) + "\n"
            for n in range(30)
        )
    )
    given_inputs = Inputs(path=str(file), columns={"instruction": "nowhere"}, skip=29, limit=1)
    assert uploads.look(given_inputs) == uploads.Found(("a", "b"), 30)


def test_a_look_reads_to_the_end(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n' * 40 + "{\n")
    with pytest.raises(InputError, match="line 41 is not JSON"):
        uploads.look(Inputs(path=str(file)))


@pytest.mark.parametrize(("name", "content", "words"), [
    ("empty.jsonl", b"", "is empty"), ("blank.txt", b" \n \n", "holds no rows"), ("photo.png", b"\x89PNG", "not known"),
    ("photo.csv", b"\x89PNG\x00\x01", "binary data"), ("wide.txt", "Name".encode("utf-16")[:-1], "UTF-16"),
])  # fmt: skip
def test_a_look_at_what_is_no_input_says_so(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        uploads.look(Inputs(path=str(tmp_path / name)))


SHEET = "question\tanswer\nName a river.\tThe Loire.\nName a lake.\tComo."
QA = [{"question": "Name a river.", "answer": "The Loire."}, {"question": "Name a lake.", "answer": "Como."}]
TABLES = {
    "a spreadsheet": (SHEET, QA),
    "a spreadsheet with cells of several lines": (
        'question\tanswer\n"Name\na river."\tThe ""Loire""', [{"question": "Name\na river.", "answer": 'The ""Loire""'}]),
    "a spreadsheet with an empty last cell": ("question\tanswer\nWhy?\t", [{"question": "Why?", "answer": ""}]),
    "CSV with columns of its own": (SHEET.replace("\t", ","), QA),
    "CSV by semicolons": (SHEET.replace("\t", ";"), QA),
    "CSV by bars": (SHEET.replace("\t", "|"), QA),
    "JSON over several lines": ("\n".join(json.dumps(row, indent=2) for row in QA), QA),
    "JSON Lines with commas": ("".join(json.dumps(row) + ",\n" for row in QA), QA),
    "a list with a comma at its end": (f"[{json.dumps(QA[0])},\n{json.dumps(QA[1])},]", QA),
    "columns": (json.dumps({"question": [row["question"] for row in QA], "answer": [row["answer"] for row in QA]}, indent=1), QA),
}  # fmt: skip
PROSE = {
    "commas": "Red, green\nblue, grey",
    "sentences with a comma each": "Name a river, please.\nName a lake, please.",
    "one line of words": "Tom,Dick,Harry",
    "commas, not the same number": "red,green\nblue,grey,black",
    "tabs, not the same number": "Name a river.\tNow.\nName a lake.",
    "one line with a tab": "Name a river.\tNow.",
    "semicolons": "Name a river; any.\nName a lake; any.",
    "numbers": "1,2\n3,4",
    "braces": "{name} is my friend.\n{name} is not.",
    "brackets": "[1] Name a river.\n[2] Name a lake.",
    "a table in Markdown": "| a | b |\n| - | - |\n| 1 | 2 |",
}


@pytest.mark.parametrize(("text", "rows"), TABLES.values(), ids=TABLES)
def test_a_pasted_table_has_its_columns(text: str, rows: list[dict[str, Any]], here: Settings) -> None:
    assert pasted(text, ONE, here) == rows == pasted(text, TWO, here)


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
def test_pasted_prose_stays_lines(text: str, here: Settings) -> None:
    assert pasted(text, ONE, here) == [{"instruction": line} for line in text.split("\n")]


@pytest.mark.parametrize(
    "text",
    ["a\tb\ta\n1\t2\t3", '{"a": 1, "a": 2}', '[{"a": 1, "a": 2}]'],
    ids=["tabs", "JSON Lines", "JSON"],
)
def test_what_is_wrong_with_a_pasted_text_names_no_file(text: str, here: Settings) -> None:
    with pytest.raises(InputError, match=r"^The pasted text has two columns named 'a'\."):
        pasted(text, ONE, here)


@pytest.mark.parametrize("text", [*(text for text, _ in TABLES.values()), *PROSE.values()], ids=[*TABLES, *PROSE])
def test_no_pasted_text_has_the_name_of_a_file(text: str) -> None:
    assert called(as_file(text, ONE)[0]) == "The pasted text"


def test_how_a_pasted_text_is_read_can_be_chosen(here: Settings) -> None:
    kept = uploads.keep_text("red, green\nblue, grey", ONE, here, ",")
    assert list(inputs.rows(Inputs(path=str(kept)))) == [{"red": "blue", " green": " grey"}]
    assert next(inputs.rows(Inputs(path=str(kept), header=False))) == {"column 1": "red", "column 2": " green"}
    kept = uploads.keep_text("question,answer\nWhy?,So.", ONE, here, LINES)
    assert [row["instruction"] for row in inputs.rows(Inputs(path=str(kept)))] == ["question,answer", "Why?,So."]


def test_a_look_shows_the_first_rows_as_they_will_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("q;a\n" + "".join(f"Why {n}?;{'so ' * 200}\n" for n in range(9)))
    found = uploads.look(Inputs(path=str(path), skip=2))
    assert [row["q"] for row in found.first] == ["Why 2?", "Why 3?", "Why 4?", "Why 5?", "Why 6?"]
    assert all(len(row["a"]) < 130 and row["a"].endswith("so …") for row in found.first)
    assert found.left == ("a.csv is read as separated by semicolons.",)
    assert uploads.look(Inputs(path=str(path), header=False)).first[0]["column 1"] == "q"


def test_the_page_shows_the_first_rows_and_what_can_be_chosen(here: Settings, store: Store) -> None:
    from app.web.page_builder import Act
    from app.web.pages import inputs as page

    jobs = Jobs(store, here)
    desk = AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
    desk.keep("me", {"task.kind": "existing", "inputs.source": "paste", "inputs.text": f"{SHEET}\n<b>\t&"})
    view = desk.look("me", "")
    assert page._options(view) == ()
    done = page.examine(Act(desk, "me", "", view.filled, NEW_TAB))
    assert done.fill is not None
    desk.keep("me", done.fill)
    view = desk.look("me", "")
    shown = page.found(view)
    assert "pasted: 3 rows, columns question, answer" in shown and "<td>The Loire.</td>" in shown
    assert "<td>&lt;b&gt;</td>" in shown and "<b>" not in shown
    assert page._options(view) == ("separator", "header")
    desk.keep("me", {"inputs.header": False, "inputs.column0": "column 1"})
    described = desk.recipe(desk.filled("me"))
    assert described.dump()["inputs"]["header"] is False and "separator" not in described.dump()["inputs"]
    jobs.close()


def test_a_conversation_is_shown_as_who_says_what() -> None:
    turns = [{"from": "human", "value": "Name\na river."}, {"from": "gpt", "value": "The Loire."}]
    assert uploads.short(turns) == uploads.short(json.dumps(turns)) == "user: Name a river. · assistant: The Loire."
    assert uploads.short([{"role": "narrator", "content": "Once."}]).startswith('[{"role"')
    assert uploads.short("x" * 500).endswith(" …") and len(uploads.short("x" * 500)) < 125
