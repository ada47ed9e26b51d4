"""What is counted of a run by every change is what counting all of it gives."""

import asyncio
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.store import migrations
from app.store.database import Database
from app.store.store import Store
from feedback.types import Rating
from tasks.types import Dropped, Response, Row

BY_COUNTING = {
    "units": "SELECT count(*) FROM units WHERE run=:r",
    "failed": "SELECT (SELECT count(*) FROM units WHERE run=:r AND state='failed')"
    " + (SELECT count(*) FROM rows WHERE run=:r AND state='failed')",
    "dropped": "SELECT count(*) FROM drops WHERE run=:r",
    "made": "SELECT count(*) FROM rows WHERE run=:r AND state='kept'",
    "answered": "SELECT count(*) FROM rows WHERE run=:r AND state='kept' AND stage='answered'",
    "rated": "SELECT count(*) FROM rows WHERE run=:r AND state='kept' AND rated_by<>''",
    **{
        name: f"SELECT coalesce(sum({what}), 0) FROM scores JOIN rows ON rows.id=row"
        " WHERE rows.run=:r AND whole AND state='kept'"
        for name, what in {
            "ratings": "ratings", "unrated": "unrated", "failed_ratings": "scores.failed",
            "rows_to_rate_again": "scores.failed>0 AND rated_by<>''",
        }.items()
    },
}  # fmt: skip
SAID = Row(({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("Rivers.", "b")))


def by_counting(store: Store, run: str) -> dict[str, int]:
    return {name: store.db.reader.execute(sql, {"r": run}).fetchone()[0] for name, sql in BY_COUNTING.items()}


def follows(store: Store) -> list[tuple[Any, ...]]:
    """What rows are found by, which has to be what can be read off their responses, ratings and pushes."""
    said = store.db.all("SELECT id, state, models, aspects, in_argilla FROM rows ORDER BY id")
    kept = store.db.all(
        "SELECT row, aspect, kept, scores.unit, scores.position, lowest, highest, spread FROM scores"
        " JOIN topics ON topics.id=topic ORDER BY row, aspect"
    )
    for r in said:
        responses = store.db.all("SELECT DISTINCT model FROM responses WHERE row=? ORDER BY model", r["id"])
        assert r["models"].split() == [one["model"] for one in responses]
        ratings = store.ratings.of([r["id"]])[r["id"]]
        assert r["aspects"].split() == sorted({one.aspect for one in ratings})
        assert [k["aspect"] for k in kept if k["row"] == r["id"]] == (["", *r["aspects"].split()] if ratings else [])
        assert all(k["kept"] == (r["state"] == "kept") for k in kept if k["row"] == r["id"])
        sent = store.db.all("SELECT 1 FROM pushed WHERE row=? AND sent<>'' AND withdrawn IS NULL", r["id"])
        assert bool(r["in_argilla"]) == bool(sent)
    return [tuple(r) for r in (*said, *kept)]


def rating(place: int, status: Any) -> Rating:
    value = 3.0 if status == "rated" else None
    return Rating(response=place, aspect="helpfulness", repeat=0, status=status, value=value, model="judge", prompt="p")


async def change(store: Store, run: str, dice: random.Random) -> None:
    """Something that happens to a run."""
    unit = dice.randrange(6)
    rows = [r["id"] for r in store.db.all("SELECT id FROM rows WHERE run=?", run)]
    row = dice.choice(rows) if rows else ""
    match dice.choice(
        ["unit", "unit", "fail", "answer", "state", "mark", "rate", "rate", "done", "edit", "reopen", "gone", "push"]
    ):
        case "unit":
            made = [replace(SAID, id=f"{run}-{unit}-{k}", unit=unit, position=k) for k in range(dice.randrange(3))]
            answered = {one.id for one in made if dice.random() < 0.5}
            drops = [Dropped("no", "raw")] * dice.randrange(3)
            await store.rows.keep_unit(run, unit, made, drops, answered)
        case "fail":
            await store.rows.fail_unit(run, unit, "no")
        case "reopen":
            store.rows.reopen(run, surplus=True, failed=True, units=dice.random() < 0.5)
        case _ if not row:
            return
        case "answer":
            await store.rows.answered(store.rows.get(row))
        case "state":
            await store.rows.set_state(row, dice.choice(["failed", "surplus", "kept"]), "why")
        case "mark":
            store.rows.mark(row, "kept", "dropped", "by hand")
        case "rate" if store.db.all("SELECT 1 FROM rows WHERE id=? AND stage='answered'", row):
            said = store.db.all("SELECT content_hash FROM rows WHERE id=?", row)[0]["content_hash"]
            status = dice.choice(["rated", "unrated", "failed"])
            await store.ratings.keep(
                row, said, "judge", [rating(k, status) for k in range(2)], last=dice.random() < 0.7
            )
        case "done":
            await store.ratings.done(row, dice.choice(["judge", "other"]))
        case "edit":
            store.rows.edit(replace(store.rows.get(row), messages=SAID.messages), "me")
        case "push":
            to = store.pushes.begin_push(run, "here", dice.choice("xy"), "d", "w", 1, "")
            store.pushes.plan(to, {row: 0.5}, blind_audit=False)
            match dice.randrange(4):
                case 0:
                    store.pushes.forget_sent(to, [row])
                case 1 if gone := store.pushes.dropped(to):
                    store.pushes.withdrawn(to, gone)
                case _:
                    store.pushes.keep_sent(to, [(row, "h", {})], "2026")
        case "gone":
            store.db.write(lambda c: c.execute("DELETE FROM pushed WHERE row=?", (row,)))
            store.db.write(lambda c: c.execute("DELETE FROM rows WHERE id=?", (row,)))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_the_numbers_are_right(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    with Store(tmp_path) as store:
        for run in ("a", "b"):
            store.runs.create(run, run, "me", "{}", 1, "")

        async def all_of_it() -> None:
            for number in range(60):
                await change(store, dice.choice("ab"), dice)
                if number % 5 == 0:
                    for run in ("a", "b"):
                        counts = store.runs.counts(run)
                        assert {name: getattr(counts, name) for name in BY_COUNTING} == by_counting(store, run)
                    follows(store)

        asyncio.run(all_of_it())
        store.runs.delete("a")
        assert [r["run"] for r in store.db.all("SELECT run FROM counted")] == ["b"]
        counts = store.runs.counts("b")
        assert {name: getattr(counts, name) for name in BY_COUNTING} == by_counting(store, "b")
        assert any(getattr(counts, name) for name in BY_COUNTING)


def test_a_store_from_before_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path / "new") as store:
        store.runs.create("a", "a", "me", "{}", 1, "")

        async def fill() -> None:
            dice = random.Random(3)
            for _ in range(80):
                await change(store, "a", dice)

        asyncio.run(fill())
        found, kept = by_counting(store, "a"), follows(store)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:8])
        old = Database(tmp_path / "old" / "claywright.db")
        tables = ["runs", "units", "drops", "rows", "responses", "ratings", "pushes", "pushed"]
        columns = {name: [r["name"] for r in old.all(f"PRAGMA table_info({name})")] for name in tables}
        old.close()
    with closing(sqlite3.connect(tmp_path / "old" / "claywright.db", isolation_level=None)) as by_hand:
        by_hand.execute("ATTACH ? AS new", (str(tmp_path / "new" / "claywright.db"),))
        for name in tables:
            by_hand.execute(f"INSERT INTO main.{name} SELECT {', '.join(columns[name])} FROM new.{name}")
    with Store(tmp_path / "old") as store:
        counts = store.runs.counts("a")
        assert {name: getattr(counts, name) for name in BY_COUNTING} == found and found["ratings"] and found["made"]
        assert follows(store) == kept


def test_counting_looks_at_no_rows(tmp_path: Path) -> None:
    db = Database(tmp_path / "x.db")
    (plan,) = db.all("EXPLAIN QUERY PLAN SELECT * FROM counted WHERE run='a'")
    assert "SEARCH counted USING PRIMARY KEY" in plan["detail"]
    db.close()
