"""The store: what it is told it keeps, and it forgets nothing."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.errors import RunError
from app.store import lease
from app.store.columns import now
from app.store.rows import content_hash
from app.store.store import Store
from feedback.rubrics import STANDARD_RUBRICS
from feedback.types import Rating, Verdict
from tasks.engine.engine import Call
from tasks.models.base import Capabilities, Completion
from tasks.types import Dropped, Response, Row
from tests.make_runs import SAID, all_said, with_row


def rate(store: Store, row: Row, value: float, judge: str = "j", status: Any = "rated") -> None:
    rating = Rating(
        0, "helpfulness", 0, status, value if status == "rated" else None, order=(0, 1), model="m", logprobs={"4": -0.1}
    )

    async def keep() -> None:
        await store.ratings.keep(row.id, content_hash(row), judge, [rating])
        await store.ratings.done(row.id, judge)

    asyncio.run(keep())


def test_any_text_survives(tmp_path: Path) -> None:
    """NUL and other signs as they are; a lone surrogate, which SQLite can't hold as text, at worst as a question mark."""
    odd = "a\0b \ud800 c \u2028 𝄞 'quoted' \"and\" %s"
    row = Row(({"role": "user", "content": odd},), (Response(odd, "m", odd),), {"seed": odd})
    with Store(tmp_path) as store:
        kept = with_row(store, row)
        assert kept.messages == row.messages and kept.origin == row.origin
        assert kept.responses[0].text == odd.replace("\ud800", "?") == kept.responses[0].reasoning
        asyncio.run(store.rows.keep_unit("r", 5, [], [Dropped("odd", odd)]))
        asyncio.run(store.call_cache.keep(Call(b"k", "e", 2**53 - 1, b"h", "s"), Completion(odd, "m", odd)))
        assert asyncio.run(store.call_cache.recall(b"k")) == Completion(odd, "m", odd)
        rating = Rating(0, "helpfulness", 0, "unrated", None, odd, odd, odd, (0,), "m")
        rated = with_row(store, unit=1)
        asyncio.run(store.ratings.keep(rated.id, content_hash(rated), "j", [rating]))
        assert store.ratings.of([rated.id], "j")[rated.id][0].raw == odd.replace("\ud800", "?")
        store.verdicts.keep(
            "d", [Verdict(kept.id, "ann", "submitted", {"rationale": odd}, {"rationale": odd}, "1", "1")]
        )
        assert store.verdicts.of([kept.id])[kept.id][0].answers == {"rationale": odd}


def test_a_unit_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        bad = replace(SAID, id="bad", unit=1, messages=cast(Any, (object(),)))
        with pytest.raises(TypeError):
            asyncio.run(store.rows.keep_unit("r", 1, [replace(SAID, id="good", unit=1), bad], []))
        assert [(r.unit, r.position) for r in store.rows.as_made("r")] == [(row.unit, row.position)]
        assert [unit for unit, *_ in store.rows.progress_of_units("r", "")] == [0]
        assert store.runs.drop_reasons("r") == {"empty": 1}


def test_an_edit_keeps_what_was_said_before(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        rate(store, row, 4.0)
        assert store.ratings.of([row.id])[row.id][0].value == 4.0
        edited = store.rows.edit(
            replace(row, messages=({"role": "user", "content": "Name two."},), responses=row.responses[:1]), "ann"
        )
        assert (edited.revision, edited.instruction, len(edited.responses)) == (1, "Name two.", 1)
        assert store.ratings.of([row.id], "j")[row.id] == []
        again = store.rows.edit(replace(edited, responses=()), "bob")
        assert again.revision == 2
        kept = store.db.all("SELECT * FROM revisions ORDER BY revision")
        assert [(r["revision"], r["who"]) for r in kept] == [(0, "ann"), (1, "bob")]
        assert "Name a river." in kept[0]["messages"] and "Rivers." in kept[0]["responses"]
        back = store.rows.edit(replace(again, messages=row.messages, responses=row.responses), "ann")
        assert store.ratings.of([back.id], "j")[back.id][0].value == 4.0


def test_failed_ratings_are_made_again_others_stay(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        rate(store, row, 0, status="failed")
        rate(store, row, 4.0)
        rate(store, row, 2.0)
        (kept,) = store.ratings.of([row.id])[row.id]
        assert (kept.status, kept.value, kept.order, kept.logprobs) == ("rated", 4.0, (0, 1), {"4": -0.1})


def test_the_kinds_of_an_own_rubric_are_kept_under_a_name_that_comes_along(tmp_path: Path) -> None:
    standard = STANDARD_RUBRICS["helpfulness"].kinds
    with Store(tmp_path) as store:
        row = with_row(store)
        said = [
            Rating(place, "helpfulness", 0, "rated", 4.0, "Why.", types=(1,), kinds=kinds)
            for place, kinds in enumerate((("ours: it is so", "other"), standard))
        ]
        asyncio.run(store.ratings.keep(row.id, content_hash(row), "j", said))
        kept = store.ratings.of([row.id], "j")[row.id]
        assert [rating.kinds for rating in kept] == [("ours: it is so", "other"), ()]
        assert [rating.why for rating in kept] == [rating.why for rating in said]


def test_failures_can_be_opened_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row, other = with_row(store), with_row(store, unit=1)
        asyncio.run(store.rows.fail_unit("r", 2, "refused"))
        asyncio.run(store.rows.set_state(row.id, "failed", "answering: refused"))
        rate(store, other, 0, status="failed")
        assert [what for what, _ in store.rows.failures("r")] == [
            "unit 2",
            f"row {row.id}",
            f"rating of row {other.id}, response A, helpfulness",
        ]
        assert store.runs.counts("r").failed == 2
        store.rows.reopen("r", surplus=False, failed=True)
        assert list(store.rows.progress_of_units("r", "j")) == [(0, "done", 1, True), (1, "done", 1, True)]


def test_rows_are_walked_in_pages_and_in_order(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.runs.create("r", "x", "me", "{}", 1, "")

        async def keep() -> None:
            await asyncio.gather(
                *(
                    store.rows.keep_unit(
                        "r", unit, [replace(SAID, id=f"r-{unit}-{k}", unit=unit, position=k) for k in range(3)], []
                    )
                    for unit in reversed(range(400))
                )
            )

        asyncio.run(keep())
        assert [(r.unit, r.position) for r in store.rows.as_made("r")] == [(u, k) for u in range(400) for k in range(3)]
        assert [unit for unit, *_ in store.rows.progress_of_units("r", "")] == list(range(400))


def verdict(row: Row, decision: str, at: str, *, who: str = "ann", status: str = "submitted") -> Verdict:
    return Verdict(row.id, who, status, {"decision": decision}, {}, "rec", f"resp-{who}", who, at, at)


def test_every_version_of_a_verdict_is_kept_and_the_newest_counts(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        first, second = verdict(row, "approve", "2026-01-01T10:00"), verdict(row, "reject", "2026-01-01T11:00")
        bob = verdict(row, "approve", "2026-01-01T09:00", who="bob")
        keep = store.verdicts.keep
        assert keep("d", [first, bob]).total() == 2
        assert keep("d", [first, bob]).total() == 0
        assert keep("d", [second]).total() == 1
        assert {v.reviewer: v.decision for v in store.verdicts.of([row.id])[row.id]} == {
            "ann": "reject",
            "bob": "approve",
        }
        assert store.db.all("SELECT count(*) FROM verdicts")[0][0] == 3
        assert keep("d", [verdict(replace(row, id="nobody's"), "approve", "x", who="eve")]).total() == 0


def test_a_person_has_one_vote_wherever_a_row_was_sent(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        older = replace(verdict(row, "approve", "2026-01-01T10:00"), response_id="in-the-first")
        newer = replace(verdict(row, "reject", "2026-01-01T11:00"), response_id="in-the-second")
        store.verdicts.keep("d", [older])
        store.verdicts.keep("e", [newer])
        assert [v.decision for v in store.verdicts.of([row.id])[row.id]] == ["reject"]
        counts = store.runs.counts("r")
        assert (counts.reviewed, counts.submitted, counts.approved, counts.rejected) == (1, 1, 0, 1)
        all_said(store, "e", [])  # taken back there: what was said first counts again
        assert [v.decision for v in store.verdicts.of([row.id])[row.id]] == ["approve"]


def test_what_another_pull_found_meanwhile_is_not_gone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        began = now()
        store.verdicts.keep("d", [verdict(row, "approve", "2026-01-01T10:00")])
        store.verdicts.forget("d", set(), began)
        assert len(store.verdicts.of([row.id])[row.id]) == 1
        store.verdicts.forget("d", set(), "9999", {"somebody else"})  # ann was deleted there: her words stay
        assert len(store.verdicts.of([row.id])[row.id]) == 1
        store.verdicts.forget("d", set(), "9999", {"ann"})
        assert store.verdicts.of([row.id])[row.id] == []


def test_a_withdrawn_verdict_is_gone_until_it_comes_back(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        row = with_row(store)
        ann, bob = verdict(row, "approve", "2026-01-01T10:00"), verdict(row, "reject", "2026-01-01T10:00", who="bob")
        all_said(store, "d", [ann, bob])
        all_said(store, "another dataset", [])
        assert len(store.verdicts.of([row.id])[row.id]) == 2
        all_said(store, "d", [ann])
        assert [v.reviewer for v in store.verdicts.of([row.id])[row.id]] == ["ann"]
        all_said(store, "d", [ann, bob])
        assert len(store.verdicts.of([row.id])[row.id]) == 2


def test_probes_are_remembered_for_a_while(tmp_path: Path) -> None:
    found = Capabilities(raw_prompts=True, chat_template="x", models=("a", "b"))
    with Store(tmp_path) as store:
        asyncio.run(store.call_cache.keep_probe("e", found))
        assert asyncio.run(store.call_cache.recall_probe("e")) == found
        store.db.write(lambda c: c.execute("UPDATE probes SET created='2020-01-01T00:00:00.000+00:00'"))
        assert asyncio.run(store.call_cache.recall_probe("e")) is None


def test_runs_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for name in ("ab_c", "abxd", "ab"):
            store.runs.create(name, "x", "me", "{}", 1, "")
        assert store.runs.get("ab_").id == "ab_c"
        assert store.runs.get("ab").id == "ab"
        assert store.runs.get("last").id == "ab"
        with pytest.raises(RunError, match="More than one run"):
            store.runs.get("a")
        for unknown in ("zz", "%", ""):
            with pytest.raises(RunError):
                store.runs.get(unknown)


def test_one_worker_at_a_time(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.runs.create("r", "x", "me", "{}", 1, "")
        claim = store.runs.claim
        assert claim("r", "one", 100.0, 30.0, [])
        assert not claim("r", "two", 120.0, 30.0, [])
        store.runs.beat("r", "one", 125.0)
        assert not claim("r", "two", 150.0, 30.0, [])
        assert claim("r", "two", 156.0, 30.0, [])
        store.runs.beat("r", "one", 157.0)
        store.runs.release("r", "one")
        assert store.runs.get("r").worker == "two"
        assert claim("r", "three", 157.0, 30.0, ["two"])
        store.runs.release("r", "three")
        assert store.runs.get("r").worker is None


def test_a_dead_worker_is_told_from_a_living_one() -> None:
    assert not lease.dead(lease.name())
    host, number, began = lease.name().split("|")
    assert lease.dead(f"{host}|{number}|{int(began) - 1}")
    assert not lease.dead(f"elsewhere|{number}|1")
    assert not lease.dead(None) and not lease.dead("") and not lease.dead("odd") and not lease.dead(f"{host}|x|1")
    child = subprocess.Popen(
        [sys.executable, "-c", "print('here', flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdout.readline()
    stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    name = f"{host}|{child.pid}|{stat[19]}"
    assert not lease.dead(name)
    child.kill()
    deadline = time.monotonic() + 10
    while not lease.dead(name) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lease.dead(name), "a process that ended and was not yet waited for is dead"
    child.communicate()
    assert lease.dead(name)


def test_working_on_a_run_keeps_others_out(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        run = store.runs.create("r", "x", "me", "{}", 1, "")
        async with lease.working_on(store, run):
            with pytest.raises(RunError, match=rf"Process {os.getpid()} on .* works on the run r"):
                async with lease.working_on(store, store.runs.get("r")):
                    pass
            assert store.runs.get("r").worker == lease.name()
        assert store.runs.get("r").worker is None
        host = lease.name().split("|")[0]
        store.runs.claim("r", f"{host}|{os.getpid()}|1", time.time(), 30.0, [])
        async with lease.working_on(store, store.runs.get("r")):
            pass

    with Store(tmp_path) as store:
        asyncio.run(work(store))
