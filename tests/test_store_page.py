"""What the page reads from the store: how rows stand, how they were rated, what a run took; and the step that brought it."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import workflow
from app.review import reviewed_rows
from app.store.columns import now
from app.store.migrations import STEPS, m001_initial, migrate
from app.store.rows import content_hash
from app.store.store import Store
from feedback.exports.selection import Export
from feedback.types import Rating, Verdict
from tasks.engine.retries import Tally
from tasks.types import Response, Row
from tests.make_runs import all_said, took
from tests.make_workspace import make_workspace

SAID = Row(({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers.", "b")))
RECIPE = '{"name":"rivers","rows":3,"task":{"kind":"magpie"}}'


def with_rows(store: Store, number: int, run: str = "r") -> list[Row]:
    """So many answered rows, one a unit."""
    store.runs.create(run, "rivers", "me", RECIPE, 7, "")
    rows = [replace(SAID, id=f"{run}-{unit}-0", unit=unit) for unit in range(number)]

    async def keep() -> None:
        for row in rows:
            await store.rows.keep_unit(run, row.unit, [row], [])
            await store.rows.answered(row)

    asyncio.run(keep())
    return [store.rows.get(row.id) for row in rows]


def rate(store: Store, row: Row, ratings: Sequence[Rating], judge: str = "j") -> None:
    async def keep() -> None:
        await store.ratings.keep(row.id, content_hash(row), judge, ratings)
        await store.ratings.done(row.id, judge)

    asyncio.run(keep())


def rating(response: int, value: float | None, status: Any = "rated", aspect: str = "helpfulness") -> Rating:
    note = "" if value is not None else f"it was {status}"
    return Rating(response, aspect, 0, status, value, note=note, order=(0, 1), model="m")


def verdict(
    row: Row, decision: str | None, who: str = "ann", status: str = "submitted", at: str = "2026-01-01T10:00:00"
) -> Verdict:
    answers = {"decision": decision} if decision else {}
    return Verdict(row.id, who, status, answers, {}, f"rec-{row.id}", f"{row.id}-{who}", who, at, at)


def reviewed(store: Store) -> tuple[int, int, int]:
    counts = store.runs.counts("r")
    return counts.reviewed, counts.approved, counts.rejected


def test_how_rows_stand_is_counted(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        rows = with_rows(store, 6)
        others = with_rows(store, 1, "other")
        assert reviewed(store) == (0, 0, 0)
        said = [
            verdict(rows[0], "approve"), verdict(rows[0], "approve", "bob"),
            verdict(rows[1], "approve"), verdict(rows[1], "reject", "bob"),
            verdict(rows[2], "approve", status="draft"), verdict(rows[3], "reject", status="discarded"),
            verdict(rows[4], None), verdict(others[0], "approve"),
        ]  # fmt: skip
        all_said(store, "d", said)
        assert reviewed(store) == (3, 1, 0)  # one for and one against decide nothing
        store.runs.set("r", recipe='{"merge":{"decision":"unanimous"}}')
        assert reviewed(store) == (3, 1, 1)
        assert store.verdicts.reviewers("r") == [("ann", 3), ("bob", 2)]
        store.verdicts.keep("d", [verdict(rows[0], "reject", at="2026-01-01T11:00:00")])
        assert reviewed(store) == (3, 0, 2)
        all_said(store, "d", [said[1]])  # ann took everything back
        assert reviewed(store) == (1, 1, 0) and store.verdicts.reviewers("r") == [("bob", 1)]
        asyncio.run(store.rows.set_state(rows[0].id, "surplus"))
        assert reviewed(store) == (0, 0, 0) and store.verdicts.reviewers("r") == []


said_by_people = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["submitted", "draft", "discarded"]),
        st.sampled_from(["approve", "reject", "unsure", None]),
        st.integers(10, 13),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(said_by_people, st.booleans())
def test_the_counts_are_those_of_the_rows_themselves(
    tmp_path_factory: Any, said: list[tuple[int, str, str, str | None, int]], withdrawn: bool
) -> None:
    with Store(tmp_path_factory.mktemp("store")) as store:
        rows = with_rows(store, 3)
        for k, who, status, decision, hour in said:
            found = verdict(rows[k], decision, who, status, f"2026-01-01T{hour}:00:00")
            store.verdicts.keep("d", [found])
        if withdrawn:
            all_said(store, "d", [verdict(rows[0], "approve")])
        judged = list(reviewed_rows.judged_rows(store, store.runs.get("r")))
        decisions = [one.decision for one in judged]
        assert reviewed(store) == (
            sum(bool(one.submitted) for one in judged),
            decisions.count("approve"),
            decisions.count("reject"),
        )


def test_what_was_exported_last_is_counted(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        rows = with_rows(store, 3)
        run = store.runs.get("r")
        assert store.runs.counts("r").exported == 0
        all_said(store, "d", [verdict(rows[0], "approve"), verdict(rows[1], "reject")])
        everything = Export(unreviewed=True, path=str(tmp_path / "all.jsonl"))
        for to, lines in ((everything, 2), (Export(path=str(tmp_path / "approved.jsonl")), 1)):
            foreseen = reviewed_rows.foresee(store, run, to, first=1)
            assert (foreseen.lines, foreseen.passed_over, len(foreseen.first)) == (lines, 0, 1)
            assert workflow.export(make_workspace(store), run, to).written == lines == store.runs.counts("r").exported
        none = reviewed_rows.foresee(store, run, Export(format="preference"))
        assert (none.first, none.lines, none.passed_over) == ([], 0, 1)


def test_ratings_are_counted_by_aspect_model_and_value(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        rows = with_rows(store, 4)
        rate(store, rows[0], [rating(0, 4), rating(1, 2)])
        rate(store, rows[1], [rating(0, 4), rating(1, None, "unrated")])
        rate(store, rows[2], [rating(0, 1)], judge="an older one")
        rate(store, rows[2], [rating(0, 5), rating(0, None, "not-applicable", "truthfulness")])
        rate(store, rows[3], [rating(0, 3)])
        asyncio.run(store.rows.set_state(rows[3].id, "failed"))
        assert store.ratings.histogram("r") == [
            ("helpfulness", "a", "rated", 4.0, 5, 2),
            ("helpfulness", "a", "rated", 5.0, 5, 1),
            ("helpfulness", "b", "unrated", None, 5, 1),
            ("helpfulness", "b", "rated", 2.0, 5, 1),
            ("truthfulness", "a", "not-applicable", None, 5, 1),
        ]
        assert store.ratings.histogram("nobody") == []


def test_ratings_of_older_words_count_no_more(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        (row,) = with_rows(store, 1)
        rate(store, row, [rating(0, 4), rating(1, None, "failed")])
        assert store.ratings.histogram("r") and store.ratings.unreadable("r", 9)
        store.rows.edit(replace(row, responses=row.responses[:1]), "ann")
        assert store.ratings.histogram("r") == [] == store.ratings.unreadable("r", 9)


def test_what_could_not_be_read_is_listed_in_unit_order(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        rows = with_rows(store, 4)
        for row in reversed(rows):
            rate(store, row, [rating(0, 3), rating(1, None, "unrated" if row.unit % 2 else "failed")])
        found = store.ratings.unreadable("r", 3)
        assert [said.status for _, _, said in found] == ["failed", "unrated", "failed"]
        assert [row for row, _, _ in found] == [row.id for row in rows[:3]]
        assert {instruction for _, instruction, _ in found} == {"Name a river."}
        assert all(said.response == 1 and said.note == f"it was {said.status}" for _, _, said in found)
        rate(store, rows[0], [rating(1, 2)])
        assert len(store.ratings.unreadable("r", 9)) == 3


def test_rows_are_paged_placed_and_shown_newest_first(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        rows = with_rows(store, 7)
        asyncio.run(store.rows.set_state(rows[2].id, "surplus"))
        asyncio.run(store.rows.keep_unit("r", 7, [replace(SAID, id="r-7-0", unit=7, responses=())], []))
        kept = [0, 1, 3, 4, 5, 6, 7]
        pages = [[row.unit for row in store.rows.page("r", offset, 3)] for offset in (0, 3, 6, 9)]
        assert pages == [kept[0:3], kept[3:6], kept[6:], []]
        assert [row.responses for row in store.rows.page("r", 0, 1)] == [SAID.responses]
        assert [store.rows.place(store.rows.get(f"r-{unit}-0")) for unit in kept] == list(range(7))
        assert store.rows.place(rows[2]) == 2
        store.db.write(lambda c: c.execute("UPDATE rows SET updated='2026-01-01T00:00:00.000+00:00'"))
        store.db.write(lambda c: c.execute("UPDATE rows SET updated='2026-02-01' WHERE unit IN (2, 3)"))
        assert [row.unit for row in store.rows.latest("r", 4)] == [
            3,
            6,
            5,
            4,
        ]  # a tie goes by place, unanswered rows are left out
        assert [judged.row.unit for judged in reviewed_rows.judged_page(store, store.runs.get("r"), 5, 9)] == [6, 7]


def test_what_a_run_took_is_kept_with_it_and_goes_with_it(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with_rows(store, 1)
        took(store, "r", "preview", 3, 0, Tally(4, 3, 1, 1, 100, 50, 2.5))
        took(store, "r", "work", 9, 12, Tally())
        preview, work = store.usage.all("r")
        assert {name: getattr(preview, name) for name in ("what", "rows", "rated", "sent", "answered", "recalled", "seconds")} == {
            "what": "preview", "rows": 3, "rated": 0, "sent": 4, "answered": 3, "recalled": 1, "seconds": 2.5,
        }  # fmt: skip
        assert (preview.prompt_tokens, preview.completion_tokens, work.what) == (100, 50, "work")
        store.runs.add_export("r", "x.jsonl", "sft", 1)
        store.runs.delete("r")
        assert store.runs.all() == [] == store.usage.all("r")
        left = ("units", "rows", "responses", "workings", "exports")
        assert [store.db.all(f"SELECT count(*) FROM {table}")[0][0] for table in left] == [0] * 5


def test_rows_wait_until_they_were_sent_as_they_are_now(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        rows = with_rows(store, 3)
        assert store.pushes.waiting("r", "http://a", "rivers") == 3
        push = store.pushes.begin_push("r", "http://a", "d", "rivers", "w", 1, "")
        store.pushes.plan(push, {row.id: 0.0 for row in rows}, blind_audit=False)
        assert store.pushes.waiting("r", "http://a", "rivers") == 3
        store.pushes.keep_sent(push, [(row.id, "said", {}) for row in rows[:2]], now())
        assert (store.pushes.waiting("r", "http://a", "rivers"), store.pushes.waiting("r", "http://a", "lakes")) == (
            1,
            3,
        )
        store.db.write(lambda c: c.execute("UPDATE rows SET updated='2999-01-01' WHERE id=?", (rows[0].id,)))
        assert store.pushes.waiting("r", "http://a", "rivers") == 2


def test_forms_are_kept_for_each_browser(tmp_path: Path) -> None:
    odd = {"name": "\ud800\0 𝄞", "rows": None, "seed": 1.5, "responders": [{"preset": "local"}], "rating.on": True}
    with Store(tmp_path) as store:
        store.form_drafts.keep("ann", {"name": "x"})
        store.form_drafts.keep("ann", odd)
        assert store.form_drafts.get("bob") == {}
    with Store(tmp_path) as store:
        assert store.form_drafts.get("ann") == odd


def schema(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_a_store_of_the_previous_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "claywright.db", isolation_level=None)
    m001_initial(old)
    old.execute("PRAGMA user_version = 1")
    old.execute(
        "INSERT INTO runs(id, name, owner, recipe, seed, state, created, updated)"
        " VALUES('r', 'rivers', 'me', ?, 7, 'done', 'a', 'a')",
        (RECIPE,),
    )
    old.execute("INSERT INTO units VALUES('r', 0, 'done', 1, '', 'a')")
    old.execute(
        "INSERT INTO rows(id, run, unit, position, stage, messages, origin, content_hash, created, updated)"
        """ VALUES('r-0', 'r', 0, 0, 'answered', '[{"role":"user","content":"Name a river."}]', '{}', 'h', 'a', 'a')"""
    )
    old.execute("INSERT INTO responses VALUES('r-0', 0, 0, 'The Loire, of course.', 'm', NULL, 'stop', 1, 1, 'a')")
    assert "workings" not in schema(old)
    old.close()
    with Store(tmp_path) as store:
        assert store.db.all("PRAGMA user_version")[0][0] == len(STEPS) >= 2
        assert store.usage.all("r") == [] and store.form_drafts.get("ann") == {}
        assert store.runs.counts("r").answered == 1 and store.runs.counts("r").exported == 0
        assert [row.instruction for row in store.rows.page("r", 0, 9)] == ["Name a river."]
        assert [r["words"] for r in store.db.all("SELECT words FROM responses")] == [4] and store.usage.spent("r") == {}
        store.runs.add_export("r", "x.jsonl", "sft", 1)
        brought = schema(store.db.reader)
    new = sqlite3.connect(":memory:", isolation_level=None)
    migrate(new)
    assert schema(new) == brought
    new.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as made:
        yield made


def test_no_more_is_remembered_than_fits(opened: Store) -> None:
    opened.db.answers.most_size = 10
    asked: list[int] = []

    def ask(number: int, lines: int) -> list[int]:
        def answer() -> list[int]:
            asked.append(number)
            return [0] * lines

        return opened.db.remembered(str(number), answer)

    for number, lines in ((1, 6), (2, 4), (1, 6), (2, 4), (3, 50), (3, 50), (1, 6)):
        assert len(ask(number, lines)) == lines
    assert asked == [1, 2, 3, 1]
