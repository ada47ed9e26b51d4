"""Long documents are cut into passages: at paragraphs, of similar length, the same ones each time, each with its place."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app import recipe, workflow
from app.config import Settings
from app.runs.units import most_rows, number_of_units
from app.store.store import Store
from app.workspace import Workspace
from feedback.argilla.dataset_settings import shape_of
from feedback.argilla.records import About, Place, item
from tasks import Genstruct
from tasks.errors import InputError
from tasks.text.chunking import BYTES_PER_TOKEN, SLAB, Passage, passages
from tests.servers import FakeOpenAI


def paragraph(number: int, words: int = 20) -> str:
    return " ".join(f"word{number}.{word}" for word in range(words)) + "."


def cut(document: str, tokens: int) -> list[Passage]:
    return list(passages(document, tokens))


def test_a_short_document_is_one_passage() -> None:
    assert cut("\n The moon.\n\nPulls. ", 5) == [Passage("The moon.\n\nPulls.", 2, 19)]
    assert cut("", 5) == cut(" \n\t", 5) == []


def test_a_long_document_is_cut_at_paragraphs() -> None:
    whole = [paragraph(n) for n in range(12)]
    size = len(whole[-1]) + 2
    found = cut("\n\n".join(whole), 4 * size // BYTES_PER_TOKEN)
    assert [part for passage in found for part in passage.text.split("\n\n")] == whole
    assert [len(passage.text.split("\n\n")) for passage in found] == [4, 4, 4]


def test_one_that_is_a_little_too_long_gives_two_alike() -> None:
    whole = "\n\n".join(paragraph(n) for n in range(10))
    one, two = cut(whole, (len(whole) - 10) // BYTES_PER_TOKEN)
    assert 0.6 < len(one.text) / len(two.text) < 1.7


def test_a_paragraph_too_long_is_cut_at_sentences_then_words() -> None:
    found = cut(" ".join(f"Sentence {n} is here." for n in range(40)), 25)
    assert len(found) > 5 and all(passage.text.endswith(".") for passage in found)
    assert all(" " not in passage.text for passage in cut("x" * 1000, 25))


def test_chinese_takes_fewer_characters_a_token() -> None:
    found = cut("月亮引起潮汐。" * 400, 300)
    assert max(len(passage.text) for passage in found) == 399


def test_a_huge_text_without_spaces_takes_no_time() -> None:
    found = cut("x" * (10 * SLAB + 5), 1000)
    assert found[-1].end == 10 * SLAB + 5 and len(found) < 700


text = st.text(st.sampled_from("ab é月𝄞\u0301\n\t.\u2028\ud800"), max_size=300)


@settings(max_examples=300, deadline=None)
@given(document=text | st.lists(text, max_size=6).map("\n\n".join), tokens=st.integers(1, 60))
@example("\u2028" * 9, 1)
@example("e\u0301" * 40, 1)
def test_passages_hold_all_of_a_document_and_nothing_else(document: str, tokens: int) -> None:
    found = cut(document, tokens)
    assert found == cut(document, tokens)
    at = 0
    for passage in found:
        assert passage.text and passage.text == document[passage.start : passage.end]
        assert passage.start >= at and not document[at : passage.start].strip()
        at = passage.end
    assert not document[at:].strip()


# -- as units of Genstruct

LONG = "\n\n".join(paragraph(n) for n in range(12))
DOCUMENTS: list[dict[str, Any]] = [
    {"title": "Short", "content": "The moon pulls.", "source": "a.rst", "topic": "water", "id": 7},
    {"title": "Long", "content": LONG, "file": "b/long.pdf"},
    {"title": "Empty", "content": None},
]


def test_each_passage_is_a_unit_with_its_place() -> None:
    task = Genstruct(passage_tokens=len(LONG) // 3 // BYTES_PER_TOKEN + 10)
    first, *parts, last = task.units(DOCUMENTS)
    assert dict(first.inputs) == {
        "title": "Short", "content": "The moon pulls.", "source": "a.rst", "id": 7, "where": {"document": 1, "start": 0, "end": 15},
    }  # fmt: skip
    assert [unit.index for unit in (first, *parts, last)] == [0, 1, 2, 3, 4] and task.rows_per_unit == 1
    for number, unit in enumerate(parts, 1):
        where = unit.inputs["where"]
        assert where["place"] == f"passage {number} of 3" and where["document"] == 2
        assert unit.inputs["content"] == LONG[where["start"] : where["end"]] and unit.inputs["file"] == "b/long.pdf"
    assert last.inputs["content"] == ""
    with pytest.raises(InputError, match="row 4 has no column 'content'"):
        list(task.units([*DOCUMENTS, {"title": "x"}]))


def test_columns_of_a_document_are_not_taken_for_its_place() -> None:
    (unit,) = Genstruct().units([{"title": "T", "content": "C.", "where": "here", "start": 9, "place": "x"}])
    assert unit.inputs["where"] == {"document": 1, "start": 0, "end": 2}


def test_a_preview_pays_for_its_first_passages_and_a_run_goes_on_behind_them(
    tmp_path: Path, here: Settings, store: Store
) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "b.md").write_text(f"# Long\n\n{LONG}")
    (tmp_path / "papers" / "a.txt").write_text("The moon pulls.")
    (tmp_path / "papers" / "c.png").write_bytes(b"x")
    said: list[str] = []
    with FakeOpenAI() as server:
        made = recipe.parse({
            "generator": {"url": server.url, "model": "fake", "concurrency": 4},
            "task": {"kind": "genstruct", "passage_tokens": len(LONG) // 3 // BYTES_PER_TOKEN + 20},
            "inputs": {"path": str(tmp_path / "papers")},
        })  # fmt: skip
        assert most_rows(made, number_of_units(made)) == 4
        run = workflow.start(Workspace(here, store), made)
        asyncio.run(workflow.preview(Workspace(here, store, report=said.append), run, lambda *_: None, rows=2))
        first = list(store.rows.walk(run.id))
        assert len(first) == sum("Passage:" in str(call) for call in server.calls) == 2
        run = asyncio.run(
            workflow.generate(Workspace(here, store, report=said.append), store.runs.get(run.id), lambda *_: None)
        )
    rows = list(store.rows.walk(run.id))
    assert rows[:2] == first and len(rows) == sum("Passage:" in str(call) for call in server.calls) == 4
    assert [row.origin.get("place") for row in rows] == [None, *(f"passage {n} of 3" for n in (1, 2, 3))]
    assert [row.origin["file"] for row in rows] == ["a.txt", "b.md", "b.md", "b.md"]
    assert json.loads(json.dumps(rows[1].origin))["start"] == 0
    assert said == ["The folder papers: 1 file is left out, of an ending that is not known (1 .png)."]
    shown = item(rows[1], [], shape_of(rows), About("r", "genstruct", "g", ("",), ()), Place("queue", 0.0, 2))
    assert json.dumps(shown).count("Long (b.md, passage 1 of 3)") == 1
    (tmp_path / "papers" / "d.md").write_text("More.")
    with pytest.raises(InputError, match="papers is not what it was"):
        asyncio.run(workflow.generate(Workspace(here, store, report=said.append), run, lambda *_: None))
