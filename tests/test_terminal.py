"""Nothing that comes from elsewhere moves the cursor, colours, renames the window or turns the writing round."""

import json
import logging
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import output
from app.store.store import Store
from tests.conftest import Command

HOSTILE = "\x1b]0;T\x07\x1b[2J\x1b[31m\x9b1m\r\x08\u202egnp.exe\u2066\x7f"
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def controls(text: str) -> list[str]:
    return [
        character
        for character in text
        if (unicodedata.category(character) == "Cc" and character not in "\n\t")
        or unicodedata.bidirectional(character) in TURNS
    ]


@given(st.text())
def test_any_text_is_shown_without_controls_and_nothing_else_changes(text: str) -> None:
    shown = output.visible(text)
    assert not controls(shown)
    if not output.CONTROLS.search(text):
        assert shown == text


def test_what_is_written_out_can_be_read() -> None:
    assert output.visible("a\x1b[2J\tb\n\u202ec\x9b") == "a\\x1b[2J\tb\n\\u202ec\\x9b"
    assert output.visible("名 é 🌊 שלום \u00a0x") == "名 é 🌊 שלום \u00a0x"


def test_what_the_store_holds_is_repeated_without_controls(command: Command, tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        store.runs.create("r", "x", "me", "{}", 1, "")
        store.runs.set("r", state="paused", reason=f"the endpoint said {HOSTILE}")
    for words in (["runs"], ["runs", "r"], ["runs", "--json"]):
        done = command(*words)
        assert done.code == 0 and "the endpoint said" in done.out and not controls(done.out + done.err)
    assert command("runs", "--json").json["runs"][0]["reason"].endswith(HOSTILE)


def test_names_of_files_and_runs_are_repeated_without_controls(command: Command, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    (tmp_path / f"{name}.csv").write_text(f"{HOSTILE},{HOSTILE}\n1,2\n")
    for words in (["run", f"{name}.toml"], ["import", f"{name}.csv"], ["runs", name], ["export", name, "--json"]):
        done = command(*words)
        assert done.code and not controls(done.out + done.err), done.err
        if "--json" in words:
            assert json.loads(done.out)["error"]


def test_what_is_logged_is_shown_without_controls(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("claywright", logging.WARNING, "", 1, "said %s", (HOSTILE,), None)
    shown = output.Visible().format(record)
    assert shown.startswith("said \\x1b]0;T\\x07") and not controls(shown)
