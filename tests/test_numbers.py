"""A row has one number, the same in lists, in Argilla and in previews, and a response one letter."""

import re
import sqlite3
from pathlib import Path

import pytest

from app import workflow
from app.config import Settings
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.runs.run_recipes import amend
from app.store import migrations
from app.store.migrations import STEPS
from app.store.runs import Run
from app.store.store import Store
from app.web.pages import export
from app.web.pages.review.rows import rows
from app.web.pages.review.verdict import letter_of
from app.web.tab_state import TabState
from feedback.argilla.dataset_settings import Review, Shape, fields, questions
from feedback.exports.selection import Export
from tests.make_runs import Reviewer, before_rubrics, with_run
from tests.make_state import SOMEBODY, at_desk
from tests.make_workspace import make_workspace


def test_a_dropped_row_changes_no_other_number(store: Store) -> None:
    run = with_run(store, 12)
    ids = [row.id for row in store.rows.page(run.id, 0, 12)]
    before = store.rows.all_numbers(run.id)
    assert [before[row] for row in ids] == list(range(1, 13))
    store.rows.mark(ids[3], "kept", "dropped", "not wanted")
    assert store.rows.all_numbers(run.id) == before
    assert store.rows.numbers(run.id, [ids[9], ids[4], ids[9]]) == {ids[4]: 5, ids[9]: 10}
    assert store.rows.numbers(run.id, []) == {}


def test_what_each_look_at_review_asks_does_not_read_the_whole_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SQLite plans it: audit rows by their own index, row numbers by the rows' ids."""
    run, plans = with_run(store, 12), []
    ask = store.db.all

    def planned(sql: str, *values: object) -> list[sqlite3.Row]:
        plans.append(" ".join(row["detail"] for row in ask(f"EXPLAIN QUERY PLAN {sql}", *values)))
        return ask(sql, *values)

    monkeypatch.setattr(store.db, "all", planned)
    store.pushes.sealed_blind(run.id)
    assert "pushed_audit" in plans.pop() and not plans
    store.rows.numbers(run.id, [f"{run.id}-000003-0", f"{run.id}-000008-0"])
    assert plans.pop(0) == "SEARCH rows USING INDEX sqlite_autoindex_rows_1 (id=?)"
    found_by = "INDEX sqlite_autoindex_rows_2 (run=? AND (unit,position)>(?,?) AND (unit,position)<(?,?))"
    assert 1 <= len(plans) <= 4 and all(plan.startswith("SEARCH rows USING") and found_by in plan for plan in plans)


def test_the_page_says_the_same_number_everywhere(store: Store, here: Settings) -> None:
    run = with_run(store, 12)
    row = f"{run.id}-000008-0"
    store.rows.mark(f"{run.id}-000001-0", "kept", "dropped", "not wanted")
    store.local_verdicts.say(row, "me (in the app)", {"decision": "approve"}, {})
    with at_desk(store, here) as desk:
        desk.keep(SOMEBODY, {"browse.status": "approve"})
        page = rows(desk.look(SOMEBODY, run.id))
        assert re.findall(r'<span class="no">([0-9]+)', page) == ["9"] and "<h2>Row 9</h2>" in page
        view = desk.look(SOMEBODY, run.id)
        assert reviewed_rows.foresee(store, run, Export()).first and 'aria-label="Row 9"' in export.preview(view)


def test_titles_have_letters_and_names_stay() -> None:
    shape = Shape(responses=3)
    assert [(part.name, part.title) for part in fields(shape, Review(), ())][1:] == [
        ("response-1", "Response A"), ("response-2", "Response B"), ("response-3", "Response C"),
    ]  # fmt: skip
    asked = {part.name: part.title for part in questions(shape, Review(), ("honesty",))}
    assert asked["honesty-2"] == "Honesty of response B" and asked["rationale-3"] == "Why: the labeller on response C"


def test_a_blind_audit_row_has_the_same_letters_here_and_in_argilla(
    store: Store, here: Settings, where: Argilla, owner: Reviewer
) -> None:
    run = with_run(store, 6, responses=3, name="lettered")
    run = amend(store, run, review=Review(blind_audit=True))
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset="lettered")
    records = {record["external_id"]: record for record in owner.records("lettered")}
    properties = owner.http.get(f"/api/v1/me/datasets/{dataset_of(store, run)}/metadata-properties").json()["items"]
    titles = {one["name"]: one["title"] for one in properties}
    assert (titles["model-1"], titles["number"]) == ("Model of response A", "Number in the run")
    moved = 0
    with at_desk(store, here) as desk:
        for row, record in records.items():
            there = [record["fields"][f"response-{k}"] for k in (1, 2, 3)]
            assert letters(desk.look(SOMEBODY, run.id, TabState(row=row)), row) == there
            moved += there != sorted(there)
            store.local_verdicts.say(row, "tester (in the app)", {"decision": "approve"}, {})
            desk.reviewer(SOMEBODY, deciding=True)
            view = desk.look(SOMEBODY, run.id, TabState(row=row))
            assert "model-0" in rows(view) and letters(view, row) == there  # also once it is answered
            for place, text in enumerate(["said by 0.", "said by 1.", "said by 2."]):
                assert there["ABC".index(letter_of(view, row, place))].endswith(text)
            assert record["metadata"]["number"] == store.rows.all_numbers(run.id)[row]
            assert store.pushes.number_there(run.id, str(dataset_of(store, run)), row) == record["metadata"]["number"]
    assert moved


def letters(view: object, row: str) -> list[str]:
    """The texts of a row's responses as the page shows them, from A on."""
    page = rows(view)  # type: ignore[arg-type]
    page = page[page.index("<article") :]
    found = re.findall(r'aria-label="Response ([A-Z])[^>]*>.*?<p dir="auto">([^<]*)', page)
    assert [letter for letter, _ in found] == ["A", "B", "C"], row
    return [text for _, text in found]


def dataset_of(store: Store, run: Run) -> object:
    return store.pushes.of_run(run.id)[0]["dataset_id"]


def test_records_of_an_earlier_version_are_found_until_they_are_sent_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = with_run(store, 9)
        ids = [row.id for row in store.rows.page(run.id, 0, 9)]
        push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
        store.pushes.plan(push, dict.fromkeys(ids, 0.0), blind_audit=False)
        store.pushes.keep_sent(push, [(row, "h", {}) for row in ids], "9999")
        places = {r["row"]: r["place"] for r in store.db.all("SELECT row, place FROM pushed")}
    with sqlite3.connect(tmp_path / "claywright.db") as connection:
        before_rubrics(connection)
        connection.execute("ALTER TABLE pushed DROP COLUMN number")
        before = STEPS.index(migrations.m015_numbers)
        connection.execute(f"PRAGMA user_version = {before}")
    connection.close()
    with Store(tmp_path) as store:
        assert store.db.all("PRAGMA user_version")[0][0] == len(STEPS)
        there = {row: store.pushes.number_there(run.id, "d", row) for row in places}
        assert there == {row: place + 1 for row, place in places.items()}
        numbers = store.rows.all_numbers(run.id)
        store.pushes.renumber(push, numbers)
        known = {r["row"]: bool(r["known"]) for page in store.pushes.planned(push) for r in page}
        assert known == {row: places[row] + 1 == numbers[row] for row in numbers} and not all(known.values())
        store.pushes.keep_sent(push, [(row, "h", {}) for row in numbers], "9999", numbers)
        assert {row: store.pushes.number_there(run.id, "d", row) for row in numbers} == numbers
        store.pushes.renumber(push, numbers)
        assert all(r["known"] for page in store.pushes.planned(push) for r in page)
