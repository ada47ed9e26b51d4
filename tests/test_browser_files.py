"""Files as people have them, by clicking to a reviewed row: a spreadsheet's cells pasted, a semicolon CSV, sheets, preferences."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import App, Person, person

TABLE = "Frage\tAntwort\nNenne einen Fluss.\tDie Loire.\nNenne einen See.\tDer Bodensee."
PAIR = [{"role": "user", "content": "Name a river."}]


def begin(curator: Person, app: App) -> None:
    curator.fresh(app.url)
    curator.tab("Rate")
    curator.page.get_by_label("Rate rows as they are made").uncheck()
    curator.answered()
    curator.tab("Generate")
    curator.page.get_by_text("Instructions and answers that you have").click()
    curator.answered()


def upload(curator: Person, path: Path) -> None:
    curator.page.get_by_label("Upload", exact=True).check()
    curator.answered()
    with curator.page.expect_file_chooser() as choosing:
        curator.press("upload")
    choosing.value.set_files(path)
    curator.answered()


def reviewed(curator: Person, rows: int) -> None:
    """Makes the run, and approves its first row in the app."""
    page = curator.page
    curator.press("run")
    curator.wait(f"Done: {rows} row")
    curator.tab("Review")
    curator.answered()
    expect(page.locator(".detail")).to_be_visible()
    curator.key("a")
    curator.counted("approved", 1)


def columns(curator: Person, **chosen: str) -> None:
    for ours, theirs in chosen.items():
        box = curator.page.get_by_label(f"Column: {ours.replace('_', ' ')}", exact=True)
        box.click()
        box.fill(theirs)
        curator.page.get_by_role("option", name=theirs, exact=True).click()
        curator.answered()


@pytest.fixture(scope="module")
def somebody(app: App, browser: Browser) -> Iterator[Person]:
    """The first browser's person, who decides without being asked for a name."""
    with person(browser) as first:
        yield first


@pytest.fixture
def curator(app: App, somebody: Person) -> Iterator[Person]:
    begin(somebody, app)
    yield somebody
    assert somebody.complaints == [] and somebody.foreign == []


def test_cells_pasted_from_a_spreadsheet(curator: Person) -> None:
    curator.write("pasted", TABLE)
    shown = curator.page.locator(".cells")
    expect(shown).to_contain_text("Die Loire.")
    expect(shown.locator("th").first).to_have_text("Frage")
    curator.wait("No column name was recognised")
    columns(curator, instruction="Frage", responses="Antwort")
    reviewed(curator, 2)


def test_a_csv_as_excel_writes_it_in_europe(curator: Person, tmp_path: Path) -> None:
    path = tmp_path / "fragen.csv"
    path.write_bytes(TABLE.replace("\t", ";").replace("Fluss", "Fluß").encode("cp1252"))
    upload(curator, path)
    curator.wait("fragen.csv: 2 rows")
    expect(curator.page.locator(".cells")).to_contain_text("Fluß")
    columns(curator, instruction="Frage", responses="Antwort")
    reviewed(curator, 2)


def test_a_workbook_of_two_sheets(curator: Person, tmp_path: Path) -> None:
    path = tmp_path / "questions.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"note": ["not this one"]}).to_excel(book, sheet_name="Notes", index=False)
        pd.DataFrame({"instruction": ["Name a river.", "Name a lake."], "response": ["The Loire.", "Como."]}).to_excel(
            book, sheet_name="Data", index=False
        )
    upload(curator, path)
    expect(curator.page.locator(".cells")).to_contain_text("not this one")
    curator.page.get_by_label("Sheet", exact=True).click()
    curator.page.get_by_role("option", name="Data", exact=True).click()
    curator.answered()
    expect(curator.page.locator(".cells")).to_contain_text("The Loire.")
    reviewed(curator, 2)


def test_a_file_of_preferences(curator: Person, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    chosen = [*PAIR, {"role": "assistant", "content": "The Loire."}]
    rejected = [*PAIR, {"role": "assistant", "content": "A car."}]
    path.write_text(json.dumps({"prompt": "Name a river.", "chosen": chosen, "rejected": rejected}) + "\n")
    upload(curator, path)
    curator.wait("Read as preference pairs: 2 responses a row.")
    reviewed(curator, 1)
    expect(curator.page.locator(".detail")).to_contain_text("A car.")
