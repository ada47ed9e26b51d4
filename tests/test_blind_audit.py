"""The audit goes without suggestions from 250 rows on, where nobody says otherwise, and what is sealed stays as it is."""

import random
from dataclasses import replace
from typing import Any

import pytest

from app import recipe, workflow
from app.config import Settings
from app.errors import PageError
from app.review import argilla as review_argilla
from app.review.argilla import Argilla
from app.runs.run_recipes import amend
from app.store.runs import Run
from app.store.store import Store
from app.web import form_values
from app.web.jobs import Jobs
from app.web.page_builder import Act
from app.web.pages.review import verdict
from app.web.pages.review.page import audit
from app.web.pages.review.rows import JUDGE_FIRST, rows
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.web.tab_state import NEW_TAB, TabState
from feedback.argilla.dataset_settings import Review, Shape, fields, guidelines, questions
from feedback.rubrics import STANDARD_RUBRICS
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, add_rows, made_of, with_run
from tests.make_state import after, at_desk
from tests.make_workspace import make_workspace


def test_where_nothing_is_said_the_number_of_rows_decides() -> None:
    assert [Review().is_blind(rows) for rows in (0, 249, 250, 10_000)] == [False, False, True, True]
    assert Review(blind_audit=True).is_blind(1) and not Review(blind_audit=False).is_blind(10_000)
    assert Review().is_blind(249, sealed=True) and not Review().is_blind(250, sealed=False)


@pytest.mark.parametrize("value", [True, False])
def test_recipes_that_say_it_keep_their_meaning(value: bool) -> None:
    made = made_of(review={"blind_audit": value})
    assert made.review.blind_audit is value and made.dump()["review"] == {"blind_audit": value}
    assert recipe.parse(made.dump()) == made
    assert form_values.review_of(form_values.fill(made)).blind_audit is value
    silent = made_of()
    assert "review" not in silent.dump() and form_values.review_of(form_values.fill(silent)).blind_audit == "auto"
    assert made_of(review={"blind_audit": "auto"}).dump() == silent.dump()


def test_what_the_audit_does_not_show_is_not_asked_about() -> None:
    def names(review: Review) -> tuple[list[str], list[str]]:
        parts = fields(Shape(2), review, ("honesty",)), questions(Shape(2), review, ("honesty",))
        return [part.name for part in parts[0]], [part.name for part in parts[1]]

    shown, asked = names(Review(blind_audit=False))
    assert shown == ["instruction", "response-1", "response-2"] and {"rationale-1", "rationale-2"} <= set(asked)
    shown, asked = names(Review(blind_audit=True))
    assert shown == ["instruction", "response-1", "rationale-1", "response-2", "rationale-2"]
    assert not [name for name in asked if name.startswith("rationale")]
    text = guidelines([STANDARD_RUBRICS["honesty"]], "m", for_trying=False, blind_audit=True)
    assert "some of the later ones, come **without the model's ratings" in text
    assert "come **without" not in guidelines([STANDARD_RUBRICS["honesty"]], "m", for_trying=False)


def audits(store: Store, run: Run) -> list[tuple[int, int]]:
    """(1 where suggestions are shown, how many) of the audit rows of a run."""
    return [
        (r[0], r[1])
        for r in store.db.all(
            "SELECT suggestions_shown, count(*) FROM pushed JOIN pushes ON pushes.id=push WHERE run=? AND kind='audit'"
            " GROUP BY suggestions_shown ORDER BY suggestions_shown", run.id,
        )
    ]  # fmt: skip


def test_a_run_of_250_rows_in_argilla(store: Store, argilla: ArgillaServer) -> None:
    where, name = Argilla(argilla.url, argilla.api_key, own=True), f"audit-{random.randrange(10**9)}"
    run = with_run(store, 250)
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    assert audits(store, run) == [(0, 50)]
    with Reviewer(argilla) as owner:
        assert "rationale-1" not in {question["name"] for question in owner.questions(name)}
        counts = {
            sample: {
                (len(r["suggestions"]), "rationale-1" in r["fields"])
                for r in owner.records(name)
                if r["metadata"]["sample"] == sample
            }
            for sample in ("audit", "queue")
        }
    assert counts == {"audit": {(2, False)}, "queue": {(3, True)}}


def test_what_was_sealed_stays_and_the_run_goes_on_so(store: Store, argilla: ArgillaServer) -> None:
    where, name = Argilla(argilla.url, argilla.api_key, own=True), f"audit-{random.randrange(10**9)}"
    run = with_run(store, 100)
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    add_rows(store, run, 100, 300)
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    assert audits(store, run) == [(1, 60)]
    run = amend(store, run, review=replace(Review(), blind_audit=True))
    add_rows(store, run, 300, 400)
    sent = workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    assert audits(store, run) == [(0, 20), (1, 60)] and sent.open_audits == 60


def test_the_page_says_what_it_comes_to(store: Store, here: Settings) -> None:
    desk = AppState(store, here, Jobs(store, here), ServiceMonitor(here, lambda words: None))
    run = with_run(store, 320)

    def says(run: Run, **filled: Any) -> str:
        desk.keep("somebody", {f"review.{name}": value for name, value in filled.items()})
        return audit(desk.look("somebody", run.id))

    blind = "320 rows: the audit (64 of them) goes without ratings and reasons, so that people judge on their own."
    assert blind in says(run, blind_audit="auto") and blind in says(run, blind_audit="blind")
    assert "(64 of them) goes with ratings and reasons; what people leave" in says(run, blind_audit="open")
    few = with_run(store, 30, name="lakes-1")
    assert "30 rows: the audit (30 of them) goes with ratings and reasons: of so few" in says(few, blind_audit="auto")
    push = store.pushes.begin_push(few.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {f"{few.id}-{k:06}-0": 0.0 for k in range(30)}, blind_audit=True)
    assert "goes without ratings and reasons, as it was sealed" in says(few, blind_audit="auto")
    assert "was sealed without them and stays so" in says(few, blind_audit="open")
    made = review_argilla.with_audit(store, few, made_of(), 30)
    assert made.review.blind_audit is True and "come **without the model's" in review_argilla.guidelines_of(made)


# -- in the app


def press(desk: AppState, run: Run, row: str, **data: Any) -> None:
    assert verdict.say(Act(desk, "first", run.id, desk.filled("first"), NEW_TAB, {"row": row, **data})) is not None


def test_an_audit_row_is_covered_until_it_is_decided(store: Store, here: Settings) -> None:
    """The labeller says 1 of the first response and 2 of the second."""
    run = with_run(store, 3, responses=2)
    row, beside = (f"{run.id}-{k:06}-0" for k in (0, 2))
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {row: 0.0}, blind_audit=True)
    store.pushes.keep_sent(push, [(row, "h", {})], "2026")
    store.local_verdicts.say(row, "another", {"decision": "reject", "helpfulness-1": 2}, {})
    with at_desk(store, here) as desk:
        page = rows(desk.look("first", run.id, TabState(row=row)))
        chosen = page[page.index("<article") :]
        for told in ("model-0", "model-1", "Help 1.", "Fair.", "rejected", "people:", 'class="score', "data-aspect"):
            assert told not in chosen, told
        assert JUDGE_FIRST.replace("'", "&#39;") in chosen and "River 0, said by 1." in chosen
        assert page.count("hidden until you judge") == 1
        other = rows(desk.look("first", run.id, TabState(row=beside)))
        assert "model-0" in other and "Help 3." in other and "judge first" not in other

        press(desk, run, row, act="rate", place=0, value=4)
        with pytest.raises(PageError):
            press(desk, run, row, act="also", place=0, value=2)  # not beside it
        press(desk, run, row, act="also", place=0, value=3)
        assert 'aria-label="3 is also fine"' in rows(desk.look("first", run.id, TabState(row=row)))
        mine = {v.reviewer: v for v in store.verdicts.of([row])[row]}["tester (in the app)"]
        assert mine.rating_ranges == {("helpfulness", 0): (3, 4)} and mine.own_middles == {("helpfulness", 0): 3.5}
        press(desk, run, row, act="also", place=0, value=3)  # after all not
        with pytest.raises(PageError):
            press(desk, run, beside, act="also", place=0, value=3)  # no audit row, nothing rated
        assert JUDGE_FIRST.replace("'", "&#39;") in rows(desk.look("first", run.id, TabState(row=row)))
        press(desk, run, row, act="say", said="approve")
        shown = rows(desk.look("first", run.id, TabState(row=row)))
        assert "model-0" in shown and "Help 1." in shown and "judge first" not in shown
        mine = {v.reviewer: v for v in store.verdicts.of([row])[row]}["tester (in the app)"]
        assert mine.blind and mine.origins == {"helpfulness-1": "given"} and mine.own_ratings == {("helpfulness", 0): 4}

        press(desk, run, row, act="rate", place=0, value=1)  # as the labeller says, now that it is seen
        press(desk, run, row, act="rate", place=1, value=2)
        mine = {v.reviewer: v for v in store.verdicts.of([row])[row]}["tester (in the app)"]
        assert not mine.blind and mine.origins == {"helpfulness-1": "changed", "helpfulness-2": "given"}
        press(desk, run, row, act="unsay")
        assert "model-0" in rows(desk.look("first", run.id, TabState(row=row)))  # it was seen, and stays so


def test_a_correction_of_a_covered_row_begins_with_its_first_response(store: Store, here: Settings) -> None:
    run = with_run(store, 1, responses=2)
    row = f"{run.id}-000000-0"
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, {row: 0.0}, blind_audit=True)
    with at_desk(store, here) as desk:
        act = Act(desk, "first", run.id, desk.filled("first"), TabState(row=row), {"row": row, "act": "correct"})
        done = verdict.say(act)
        assert done is not None
        tab = after(done, act.tab)
        correction = tab.review.correcting
        assert correction is not None
        assert correction.response == "River 0, said by 0."  # the labeller's best is the second
        verdict.correct(replace(act, tab=tab, data={}, extra=["0", correction.instruction, "Mine."]))
    (mine,) = store.verdicts.of([row])[row]
    assert mine.blind and mine.answers["corrected-response"] == "Mine."
    assert mine.shown["corrected-response"] == "River 0, said by 0."
