"""Files of every earlier schema, built from the frozen steps: each opens, and holds what it held."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.store.migrations import STEPS
from app.store.rows import content_hash
from app.store.store import Store
from tasks.types import Response, Row

QUESTION, ANSWER = "Name a river.", "I'm sorry, but I can't help with that."


def insert(connection: sqlite3.Connection, table: str, **values: Any) -> None:
    """Fills the columns that must hold something with nothing, an empty text or 0, where no value is given."""
    for column in connection.execute(f"PRAGMA table_info({table})").fetchall():
        name, kind, has_to, default, is_key = (column[k] for k in (1, 2, 3, 4, 5))
        if name not in values and has_to and default is None and not (is_key and kind == "INTEGER"):
            values[name] = "" if kind == "TEXT" else 0
    marks = ",".join("?" * len(values))
    connection.execute(f"INSERT INTO {table}({','.join(values)}) VALUES({marks})", tuple(values.values()))


@pytest.mark.parametrize("have", range(1, len(STEPS)))
def test_a_file_of_every_earlier_schema_opens(tmp_path: Path, have: int) -> None:
    path = tmp_path / "claywright.db"
    row = Row(({"role": "user", "content": QUESTION},), (Response(ANSWER, "m"),), id="r-0-0")
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.row_factory = sqlite3.Row
        for step in STEPS[:have]:
            step(old)
        insert(old, "runs", id="r", name="rivers", owner="me", recipe="{}", seed=1, state="done")
        insert(old, "units", run="r", idx=0, state="done", rows=1)
        messages = '[{"role": "user", "content": "Name a river."}]'
        hashed = content_hash(row)
        insert(
            old, "rows", id="r-0-0", run="r", unit=0, position=0, messages=messages, state="kept", origin="{}",
            content_hash=hashed,
        )  # fmt: skip
        told: dict[str, Any] = {"words": 8} if have >= 7 else {}
        told |= {"marks": "refusal"} if have >= 14 else {}
        insert(old, "responses", row="r-0-0", place=0, text=ANSWER, model="m", finish_reason="stop", **told)
        insert(
            old, "ratings", row="r-0-0", content_hash=hashed, judge="j", response=0, aspect="helpfulness", status="rated",
            value=2.0,
        )  # fmt: skip
        if have >= 10:  # as that version did with each rating
            insert(old, "topics", id=1, run="r", aspect="helpfulness")
            insert(old, "topics", id=2, run="r", aspect="")
            for topic, whole in ((1, 0), (2, 1)):
                insert(
                    old,
                    "scores",
                    topic=topic,
                    unit=0,
                    position=0,
                    row="r-0-0",
                    whole=whole,
                    kept=1,
                    lowest=2.0,
                    highest=2.0,
                    ratings=1,
                )
        old.execute(f"PRAGMA user_version = {have}")
    with Store(tmp_path) as store:
        assert store.db.all("PRAGMA user_version")[0][0] == len(STEPS)
        counts = store.runs.counts("r")
        assert (counts.units, counts.made, counts.ratings) == (1, 1, 1)
        (kept,) = store.rows.page("r", 0, 10)
        assert (kept.instruction, kept.responses[0].text) == (QUESTION, ANSWER)
        assert [tuple(r) for r in store.db.all("SELECT words, marks FROM responses")] == [(8, "refusal")]
        assert [tuple(r) for r in store.db.all("SELECT whole, lowest FROM scores ORDER BY whole")] == [
            (0, 2.0),
            (1, 2.0),
        ]
        assert store.rows.marked("r") == {"refusal": 1}
        assert [tuple(r) for r in store.db.all("SELECT checked_by, fails FROM rows")] == [("", "")]
        assert store.checks.number_lacking("r", "some checks") == (kept.id in [r.id for r in store.rows.walk("r")])
