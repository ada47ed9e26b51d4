"""Rows that are accepted under a guarantee: once, exported as that, and withdrawn by what people say later."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import RunError
from app.review.acceptance import accept, withdraw
from app.review.exporting import export_to_file
from app.review.insights import evidence_of, insights_of
from app.review.review_queue import refresh
from app.review.reviewed_rows import judged_of
from app.store.columns import now
from app.store.row_search import RowQuery
from app.store.runs import Run
from app.store.store import Store
from feedback.exports.selection import Export
from feedback.types import Rating
from tasks.errors import SettingsError
from tests.make_reviews import decide, sent_run
from tests.make_runs import edit
from tests.make_workspace import make_workspace

RISK = 0.2


def kept_or_not(number: int, responses: int) -> list[Rating]:
    """The labeller keeps all but each fourth row, and its other aspect says the same."""
    value = 1.0 if number % 4 == 0 else 5.0
    return [Rating(0, aspect, 0, "rated", value, "So.", model="judge") for aspect in ("helpfulness", "honesty")]


def agreed(store: Store, run: Run) -> dict[str, str]:
    """People decide each audit row as the labeller does."""
    evidence = evidence_of(store, run)
    keeps = evidence.population.keeps
    decisions = {row: "approve" if keeps[evidence.population.index[row]] else "reject" for row in evidence.audit}
    decide(store, dict(decisions))
    refresh(store, run)
    return decisions


def test_rows_are_accepted_once_and_are_the_labellers_decisions(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        with pytest.raises(RunError, match="more audit reviews"):
            accept(store, run, "ann", RISK)
        audit = agreed(store, run)
        rows = [row for row in evidence_of(store, run).population.ids if row not in audit]
        done = accept(store, run, "ann", RISK)
        assert done.is_new and done.acceptance.rows == len(rows) == 150
        assert (done.acceptance.risk, done.acceptance.audit, done.acceptance.who) == (RISK, 50, "ann")
        for row, judged in judged_of(store, run, rows).items():
            number = int(row.split("-")[-2])
            assert judged.decision == ("reject" if number % 4 == 0 else "approve")
            assert (judged.decision_by, judged.peoples_decision, judged.unseen) == ("guarantee", None, True)
        again = accept(store, run, "ben", RISK)
        assert not again.is_new and again.acceptance == done.acceptance
        with pytest.raises(RunError, match="Withdraw that first"):
            accept(store, run, "ben", 0.3)
        assert store.runs.counts(run.id).reviewed == 50  # nobody reviewed what was accepted


def test_two_who_accept_at_once_change_nothing_twice(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        agreed(store, run)

    def press(who: str) -> bool:
        with Store(tmp_path) as own:
            return accept(own, own.runs.get("rivers-1"), who, RISK).is_new

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(press, ["ann", "ben", "cleo", "dan"])) == [False, False, False, True]
    with Store(tmp_path) as store:
        assert [tuple(r) for r in store.db.all("SELECT count(*), count(DISTINCT row) FROM accepted")] == [(150, 150)]


def test_an_export_marks_what_was_accepted_in_each_row(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        audit = agreed(store, run)
        done = accept(store, run, "ann", RISK)
        path = tmp_path / "rows.jsonl"
        workspace = make_workspace(store)
        export_to_file(workspace, run, Export(path=str(path)), lambda rows: None, overwrite=True)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        marks = ("decision_by", "guarantee_risk", "guarantee_confidence", "guarantee_audit", "guarantee_statement")
        for line in lines:
            by_people = line["row_id"] in audit
            guarantee = [RISK, 0.95, 50, done.acceptance.statement]
            assert [line[name] for name in marks] == (
                ["people", *[None] * 4] if by_people else ["guarantee", *guarantee]
            )
            assert line["reviewed"] is by_people and line["decision"] == "approve"
            assert line["reviewers"] == (["ann"] if by_people else [])
        assert len(lines) == 150  # a fourth of 200 is rejected
        export_to_file(workspace, run, Export(path=str(path), decision="reviewed"), lambda rows: None, overwrite=True)
        assert {json.loads(line)["row_id"] for line in path.read_text().splitlines()} == set(audit)
        withdraw(store, run, "ann")
        export_to_file(workspace, run, Export(path=str(path)), lambda rows: None, overwrite=True)
        assert all("decision_by" not in json.loads(line) for line in path.read_text().splitlines())
        with pytest.raises(RunError, match="nothing to withdraw"):
            withdraw(store, run, "ann")


def test_later_reviews_withdraw_an_acceptance_and_say_so(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        audit = agreed(store, run)
        done = accept(store, run, "ann", RISK)
        assert refresh(store, run).withdrawn == ""
        others = {row: "reject" if decision == "approve" else "approve" for row, decision in [*audit.items()][:25]}
        decide(store, dict(others))  # thought better of half of it
        why = refresh(store, run).withdrawn
        assert why
        given = insights_of(store, run).given
        assert given is not None and given.withdrawn and given.reason == why and given.id == done.acceptance.id
        row = next(row for row in evidence_of(store, run).population.ids if row not in audit)
        assert judged_of(store, run, [row])[row].decision is None
        assert refresh(store, run).withdrawn == ""


def test_people_and_checks_decide_before_a_guarantee(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        audit = agreed(store, run)
        accept(store, run, "ann", RISK)
        row = next(row for row in evidence_of(store, run).population.ids if row not in audit)
        keeps = judged_of(store, run, [row])[row].decision == "approve"
        decide(store, {row: "reject" if keeps else "approve"}, "ben")
        judged = judged_of(store, run, [row])[row]
        assert judged.decision == ("reject" if keeps else "approve")
        assert (judged.decision_by, judged.guarantee) == ("people", None)


def test_a_row_that_changed_since_needs_somebody_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        audit = agreed(store, run)
        accept(store, run, "ann", RISK)
        row, other = [row for row in evidence_of(store, run).population.ids if row not in audit][:2]
        assert store.review_queue.following(run.id, 500) == []
        before = store.acceptances.last(run.id)
        edit(store, row, "Another river.")
        after = store.acceptances.last(run.id)
        assert before is not None and after is not None and after.rows == before.rows - 1
        judged = judged_of(store, run, [row, other])
        assert (judged[row].guarantee, judged[row].decision) == (None, None) and judged[
            other
        ].decision_by == "guarantee"
        assert store.review_queue.following(run.id, 500) == [row]
        assert row not in store.row_search.page(run.id, RowQuery(sample="guarantee"), 0, 500)


def test_a_row_that_changed_since_it_was_sent_is_not_accepted(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        audit = agreed(store, run)
        row = next(row for row in evidence_of(store, run).population.ids if row not in audit)
        edit(store, row, "Another river.")
        assert accept(store, run, "ann", RISK).acceptance.rows == 149
        assert judged_of(store, run, [row])[row].guarantee is None


def test_an_acceptance_ends_where_the_labeller_decides_otherwise_by_now(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 200, rate=kept_or_not)
        audit = agreed(store, run)
        accept(store, run, "ann", RISK)
        row = next(row for row in evidence_of(store, run).population.ids if row not in audit)
        known = store.evidence.signals_of_row(row)
        assert known is not None
        store.evidence.keep_signals({row: replace(known, keeps=not known.keeps)})
        store.db.write(lambda c: c.execute("UPDATE pushed SET sent=? WHERE row=?", (now(), row)))  # sent anew
        assert (
            refresh(store, run).withdrawn == "1 of the rows was rated anew, and the labeller decides otherwise by now."
        )


@pytest.mark.parametrize("risk", [0.0, -1.0, 0.6, float("nan")])
def test_a_risk_that_is_no_share_is_refused(tmp_path: Path, risk: float) -> None:
    with Store(tmp_path) as store, pytest.raises(SettingsError, match=r"from 0\.001 to 0\.5"):
        run = sent_run(store, 60)
        with pytest.raises(SettingsError, match=r"from 0\.001 to 0\.5"):
            insights_of(store, run, risk)
        accept(store, run, "ann", risk)
