"""The run switcher: what its list says, new runs under names of their own, another name, the end of a run."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from markupsafe import Markup

from app.config import Settings
from app.errors import PageError, RunError
from app.recipe import LONGEST_NAME, recipe_of
from app.store import maintenance
from app.store.lease import working_on
from app.store.store import Store
from app.web import form_values
from app.web.html import fragments
from app.web.page_builder import Done
from app.web.pages import generate, header, run_switcher
from app.web.state import AppState
from app.web.tab_state import NEW_TAB, SwitcherPart, TabState
from tests.make_runs import made_of, with_run
from tests.make_state import SOMEBODY, act, after, at_desk

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as desk:
        yield desk


def shown(desk: AppState, run: str = "", tab: TabState = NEW_TAB) -> str:
    return run_switcher.menu(desk.look(SOMEBODY, run, tab), Markup())


def sure(desk: AppState, run: str) -> Done:
    """A second click on Delete, long enough after the first one."""
    asked = TabState(switcher=SwitcherPart(deleting=run, since=time.monotonic() - 1))
    return header.choose(act(desk, {"act": "delete", "id": run}, run=run, tab=asked))


def test_the_list_says_size_age_and_state(desk: AppState, store: Store) -> None:
    with_run(store, 3, made_of(name=HOSTILE), name="rivers-1")
    with_run(store, 1, name="lakes-1")
    listed = shown(desk, "rivers-1")
    assert HOSTILE not in listed and "3 rows · just now" in listed and "1 row · just now" in listed
    assert listed.count(">done<") == 2 and listed.count("aria-current") == 1
    store.db.write(lambda c: c.execute("UPDATE rows SET in_argilla=1 WHERE run='rivers-1'") and None)
    store.db.write(lambda c: c.execute(
        "INSERT INTO pushes(run, server, dataset_id, dataset, workspace, created) VALUES('rivers-1','s','d','n','w','2026-01-01')"
    ) and None)  # fmt: skip
    for run in ("rivers-1", "lakes-1", ""):  # the word is the same, whichever run is shown
        assert shown(desk, run).count(">in review<") == 1
    assert ">in review<" in header.header(desk.look(SOMEBODY, "rivers-1", TabState("generate")))


def test_runs_can_be_found_where_there_are_many(desk: AppState, store: Store) -> None:
    for number in range(run_switcher.FINDABLE - 1):
        with_run(store, 0, name=f"rivers-{number}")
    assert "Find a run" not in shown(desk)
    with_run(store, 0, name="lakes-1")
    assert "Find a run" in shown(desk) and 'data-name="rivers lakes-1' in shown(desk)


@pytest.mark.parametrize(
    ("name", "taken", "fresh"),
    [
        ("tides", (), "tides"), ("tides", ("tides",), "tides 2"), ("tides 2", ("tides", "tides 2"), "tides 3"),
        ("Magpie, 320 rows", ("Magpie, 320 rows",), "Magpie, 320 rows 2"), ("  ", ("dataset",), "dataset 2"),
    ],
)  # fmt: skip
def test_no_two_runs_have_one_name(name: str, taken: tuple[str, ...], fresh: str) -> None:
    assert form_values.fresh_name(name, taken) == fresh
    longest = "x" * LONGEST_NAME
    assert len(form_values.fresh_name(longest, (longest,))) == LONGEST_NAME


def test_a_new_run_begins_on_generate_under_a_name_of_its_own(desk: AppState, here: Settings) -> None:
    filled = {"generator.preset": "scripted", "labeller.preset": "scripted", "rating.on": False, "rows": 3.0}
    first = generate.preview(act(desk, filled=filled))
    assert first.fill is not None and first.fill["name"] == "example"
    done = header.choose(act(desk, {"act": "new"}, run=first.run or ""))
    assert (done.run, done.page) == ("", "generate") and done.fill is not None and done.fill["name"] == "example 2"
    other = generate.preview(act(desk, filled=filled))  # of a browser whose forms have the old name still
    assert other.fill is not None and other.fill["name"] == "example 2" != desk.store.runs.get(first.run or "").name


def test_a_run_gets_another_name_and_keeps_its_id(desk: AppState, store: Store) -> None:
    with_run(store, 1, name="rivers-1")
    tab = after(header.choose(act(desk, {"act": "name", "id": "rivers-1"}, run="rivers-1")))
    assert 'aria-label="Name of the run"' in shown(desk, "rivers-1", tab)
    assert "Name of the run" not in shown(desk, "", tab)
    empty = header.choose(act(desk, {"act": "named", "id": "rivers-1", "value": " "}, run="rivers-1", tab=tab))
    assert "Give it a name" in empty.problems["run name"] and store.runs.get("rivers-1").name == "rivers"
    done = header.choose(act(desk, {"act": "named", "id": "rivers-1", "value": HOSTILE}, run="rivers-1"))
    run = store.runs.get("rivers-1")
    assert run.name == HOSTILE == recipe_of(run).name and done.fill is not None and done.fill["name"] == HOSTILE
    assert HOSTILE not in shown(desk, "rivers-1") and "onerror" in shown(desk, "rivers-1")


def test_a_run_is_deleted_once_it_was_asked_what_is_lost(desk: AppState, store: Store) -> None:
    with_run(store, 3, name="rivers-1")
    with_run(store, 1, name="lakes-1")
    first = header.choose(act(desk, {"act": "delete", "id": "rivers-1"}, run="rivers-1"))
    asked = shown(desk, "rivers-1", after(first))
    assert "With it go 3 rows and 6 ratings." in asked and "Delete for good" in asked
    twice = header.choose(act(desk, {"act": "delete", "id": "rivers-1"}, run="rivers-1", tab=after(first)))
    assert len(store.runs.all()) == 2 and twice.run is None  # a double click is one
    calm = header.choose(act(desk, {"act": "keep"}, tab=after(first)))
    assert after(calm, after(first)).switcher == run_switcher.CALM
    assert sure(desk, "rivers-1").run == "" and [run.id for run in store.runs.all()] == ["lakes-1"]
    with pytest.raises(RunError):
        sure(desk, "rivers-1")
    with pytest.raises(PageError):
        header.choose(act(desk, {"act": "delete", "id": 7}))


def test_a_run_that_is_worked_on_is_not_deleted(desk: AppState, store: Store) -> None:
    run = with_run(store, 1, name="rivers-1")

    async def worked_on() -> None:
        async with working_on(store, run):
            assert ">running<" in shown(desk) and "Delete" not in shown(desk)
            done = sure(desk, run.id)
            assert "is being worked on" in done.problems["run end"] and len(store.runs.all()) == 1
            tab = TabState(problems=done.problems, switcher=SwitcherPart(deleting=run.id))
            assert "is being worked on" in shown(desk, "", tab)
            with pytest.raises(RunError):
                maintenance.delete(store, run)

    asyncio.run(worked_on())
    assert sure(desk, run.id).toast == "“rivers” is deleted."


@pytest.mark.parametrize(
    "text",
    [
        "Name a river.\nName a lake.",
        "instruction,topic\nName a river.,water\n",
        '{"instruction": "a", "x": 1}\n{"instruction": "b"}',
    ],
)
def test_pasted_text_comes_back_into_its_field(desk: AppState, text: str) -> None:
    forms = {
        "task.kind": "text-generation", "inputs.source": "paste", "inputs.text": text, "rows": None,
        "generator.preset": "scripted", "labeller.preset": "scripted",
    }  # fmt: skip
    run = generate.preview(act(desk, filled=forms)).run or ""
    filled = header.choose(act(desk, {"act": "run", "id": run})).fill
    assert filled is not None and filled["inputs.source"] == "paste" and filled["inputs.text"] == text.rstrip("\n")
    desk.keep(SOMEBODY, filled)
    assert desk.look(SOMEBODY, run).same


def test_an_uploaded_file_stays_one(desk: AppState, tmp_path: Path) -> None:
    (tmp_path / "pasted.jsonl").write_text('{"instruction": "a"}\n')
    forms = {**desk.usual, "inputs.source": "upload", "inputs.path": str(tmp_path / "pasted.jsonl")}
    assert desk.as_pasted(forms) == forms


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Name a river.", "Name a river."),
        ("Name a river in the north", "Name a river in the …"),
        ("x" * 30, "x" * 20 + " …"),
    ],
)
def test_a_text_is_cut_between_words_and_says_so(text: str, shown: str) -> None:
    assert fragments.clipped(text, 20) == shown
