"""One row at a time: dropped, kept after all, edited, drawn anew; never once people have it."""

from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.errors import RunError
from app.review import reviewed_rows
from app.runs import row_edits
from app.runs.new_runs import draft_run
from app.store.store import Store
from app.web.jobs import Jobs
from app.workspace import Workspace
from tests.make_runs import with_run
from tests.servers import FakeOpenAI, Fault
from tests.test_jobs import NO_KEYS, asked, ended, jobs, made_for, said

__all__ = ["jobs"]


def test_a_dropped_row_is_gone_until_it_is_kept(store: Store) -> None:
    run = with_run(store, 3)
    one = store.rows.page(run.id, 0, 1)[0]
    row_edits.drop(store, one.id)
    assert store.runs.counts(run.id).answered == 2 and one.id not in [row.id for row in store.rows.walk(run.id)]
    assert [(row.id == one.id, dropped) for row, dropped in store.rows.first(run.id, 2)] == [
        (True, True),
        (False, False),
    ]
    row_edits.keep(store, one.id)
    assert store.runs.counts(run.id).answered == 3


def test_an_edit_keeps_what_was_said_and_begins_ratings_anew(store: Store) -> None:
    run = with_run(store, 2, responses=2)
    one = store.rows.page(run.id, 0, 1)[0]
    assert (
        row_edits.edit(store, one.id, one.instruction, [r.text for r in one.responses], "me").revision == 0
    )  # nothing changed
    new = row_edits.edit(store, one.id, "Name a lake.", [one.responses[0].text, "Como."], "me")
    assert (new.instruction, [r.text for r in new.responses]) == ("Name a lake.", [one.responses[0].text, "Como."])
    assert (new.id, new.revision, store.ratings.of([one.id])[one.id]) == (one.id, 1, [])
    assert store.runs.counts(run.id).rated == 1 and row_edits.touched(store, run)
    for instruction, responses in (
        ("  ", ["Como.", "Garda."]),
        ("Name a lake.", ["\n", "Garda."]),
        ("Name a lake.", ["Como.", ""]),
    ):
        with pytest.raises(RunError, match="drop it"):
            row_edits.edit(store, one.id, instruction, responses, "me")
    with pytest.raises(RunError, match="edit it again"):
        row_edits.edit(store, one.id, "Name a lake.", ["Como."], "me")


def test_what_people_began_to_answer_is_of_the_older_words(store: Store) -> None:
    me = "me (in the app)"
    run = with_run(store, 1, responses=2)
    one = store.rows.page(run.id, 0, 1)[0]
    store.local_verdicts.say(one.id, me, {"helpfulness-1": 2}, {})
    store.local_verdicts.say(one.id, me, {"decision": "approve"}, {})
    store.local_verdicts.say(one.id, me, {"decision": None}, {}, status="discarded")
    row_edits.edit(store, one.id, one.instruction, [r.text for r in one.responses], "me")
    assert store.local_verdicts.of(one.id, me)["helpfulness-1"] == 2  # nothing changed
    row_edits.edit(store, one.id, "Name a lake.", ["Como.", "Garda."], "me")
    assert store.local_verdicts.of(one.id, me) == {} and store.verdicts.of([one.id])[one.id] == []
    store.local_verdicts.say(one.id, me, {"decision": "approve"}, {})
    judged = reviewed_rows.judged_of(store, run, [one.id])[one.id]
    assert judged.decision == "approve" and judged.said_of(0) == []


def test_a_row_that_somebody_decided_about_stays_as_it_is(store: Store) -> None:
    run = with_run(store, 1)
    one = store.rows.page(run.id, 0, 1)[0]
    store.local_verdicts.say(one.id, "me (in the app)", {"decision": "approve"}, {})
    for change in (lambda: row_edits.drop(store, one.id), lambda: row_edits.edit(store, one.id, "A?", ["B."], "me")):
        with pytest.raises(RunError, match="decided about this row"):
            change()
    with pytest.raises(RunError, match="no row"):
        row_edits.drop(store, "nothing")


def test_a_row_is_drawn_anew(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url, units=4)
        run = draft_run(Workspace(here, store), made, None)
        ended(jobs.preview(run, NO_KEYS, 3))
        before, calls = said(store, run), len(asked(server))
        job = ended(jobs.redraw(store.runs.get(run.id), NO_KEYS, before[1][0]))
        assert (job.state, job.trouble) == ("done", "")
        after = said(store, run)
        assert [one[0] for one in after] == [one[0] for one in before] and len(asked(server)) == calls + 1
        assert store.rows.get(before[1][0]).revision == 1 and (after[0], after[2]) == (before[0], before[2])
        assert store.runs.get(run.id).state == "draft"
        assert server.repeated() == 0  # another draw, not the same answer from memory

        job = ended(jobs.work(store.runs.get(run.id), NO_KEYS, made))
        assert job.state == "done" and said(store, run)[:3] == after and len(said(store, run)) == 4
        kept = draft_run(
            Workspace(here, store), made_for(tmp_path, server.url, units=4, seed=5), store.runs.get(run.id)
        )
        assert kept.id != run.id and store.runs.get(run.id)


def test_a_draw_that_fails_leaves_the_row_as_it_was(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    refusing: list[bool] = []

    def fault(body: dict[str, Any], number: int) -> Fault:
        return (401, {}, "no") if refusing else None

    with FakeOpenAI(faults=fault) as server:
        run = draft_run(Workspace(here, store), made_for(tmp_path, server.url, units=2), None)
        ended(jobs.preview(run, NO_KEYS, 2))
        before = said(store, run)
        refusing.append(True)
        job = ended(jobs.redraw(store.runs.get(run.id), NO_KEYS, before[0][0]))
        assert job.state == "failed" and job.trouble
        assert said(store, run) == before and store.rows.get(before[0][0]).revision == 0
        assert store.runs.get(run.id).state == "draft"
