"""The queue as people's answers have it: put in order anew, handed out as lists, the same however often it is looked at."""

import json
from pathlib import Path

import pytest

from app.errors import RunError
from app.review.insights import evidence_of, insights_of
from app.review.review_queue import interleaved, is_due, refresh, rows_for
from app.store.columns import now
from app.store.reviews.pushes import Push
from app.store.row_search import RowQuery
from app.store.store import Store
from feedback.stats.review_order import ReviewOrder, why
from feedback.stats.row_signals import Population
from feedback.types import Rating
from tests.make_reviews import decide, sent_run


def doubted(number: int, responses: int) -> list[Rating]:
    """Helpfulness 5 everywhere, honesty 1 in each fifth row, where the two contradict each other."""
    return [
        Rating(0, "helpfulness", 0, "rated", 5.0, "Good.", model="judge"),
        Rating(0, "honesty", 0, "rated", 1.0 if number % 5 == 0 else 5.0, "So.", model="judge"),
    ]


def contradicted(row: str) -> bool:
    return int(row.split("-")[-2]) % 5 == 0


def test_what_people_answered_is_read_as_it_counts(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 60, rate=doubted)
        rows = evidence_of(store, run).population.ids
        decide(store, {rows[0]: "approve", rows[1]: "reject", rows[2]: "unsure", rows[3]: None})
        decide(store, {rows[0]: "reject", rows[1]: "reject"}, "ben")
        evidence = evidence_of(store, run)
        assert {a.row: (a.status, a.keep) for a in evidence.answers} == {
            rows[0]: ("unsure", None),  # one for it, one against it
            rows[1]: ("decided", False),
            rows[2]: ("unsure", None),
            rows[3]: ("skipped", None),
        }
        assert {a.row for a in evidence.answers if a.is_audit} == evidence.audit & set(rows[:4])
        assert len(evidence.audit) == 50 and len(evidence.unreviewed) == 56


def test_the_queue_is_put_in_order_each_twenty_answers_and_never_twice(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 300, rate=doubted)
        audit = store.review_queue.waiting_audit(run.id)
        assert len(audit) == 60
        assert store.review_queue.following(run.id, 10) == audit[:10]
        decide(store, dict.fromkeys(audit[:19], "approve"))
        assert refresh(store, run).moved == 0
        decide(store, {audit[19]: "reject"})
        assert refresh(store, run).moved > 0
        assert refresh(store, run).moved == 0  # nothing was answered since
        following = store.review_queue.following(run.id, 9)
        assert following[::3] == audit[20:23]  # one of three is of the audit
        queue = [row for row in following if row not in audit]
        assert len(queue) == 6 and all(contradicted(row) for row in queue)
        assert store.review_queue.any_moved(run.id)
        last = store.review_queue.last(run.id)
        assert last is not None and (last.answered, last.method) == (20, "contradiction")


def test_what_moved_a_row_up_is_kept_with_the_order(tmp_path: Path) -> None:
    def fours_and_fives(number: int, responses: int) -> list[Rating]:
        return [Rating(0, "helpfulness", 0, "rated", 4.0 + number % 2, "Good.", model="judge")]

    with Store(tmp_path) as store:
        run = sent_run(store, 300, rate=fours_and_fives)
        audit = store.review_queue.waiting_audit(run.id)[:40]
        decide(store, {row: "reject" if int(row.split("-")[-2]) % 2 else "approve" for row in audit})
        refresh(store, run)
        last = store.review_queue.last(run.id)
        assert last is not None and last.method == "learned"
        row = next(row for row in store.review_queue.following(run.id, 30) if row in last.reasons)
        assert row not in last.random
        signals = store.evidence.signals_of_row(row)
        assert signals is not None
        sentence = why(
            ReviewOrder(last.method, (), {}), Population.from_signals({row: signals}), row, reason=last.reasons[row]
        )
        assert sentence.startswith("people often decided otherwise on what the labeller keeps; ")


def test_rows_come_one_audit_row_in_three_after_the_first_twenty() -> None:
    queue, audit = [f"q{k}" for k in range(5)], [f"a{k}" for k in range(3)]
    assert interleaved(queue, audit, 20) == ["a0", "q0", "q1", "a1", "q2", "q3", "a2", "q4"]
    assert interleaved(queue, audit, 18) == ["a0", "a1", "a2", "q0", "q1", "q2", "q3", "q4"]
    assert interleaved(queue, [], 0) == queue
    assert interleaved([], audit, 30) == audit


def test_a_list_holds_the_next_rows_and_is_a_batch_of_its_own(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 60)
        before = store.review_queue.following(run.id, 500)
        handed = rows_for(store, run, 2, "")
        assert 0 < len(handed.rows) < 60 and list(handed.rows) == before[: len(handed.rows)]
        assert handed.batch == 2 and handed.seconds <= 120
        batches = store.db.all("SELECT row FROM pushed WHERE batch=2 AND moved=1")
        assert {r["row"] for r in batches} == set(handed.rows)
        assert rows_for(store, run, 2, "").batch == 3
        found = store.review_queue.list_of(run.id, "")
        assert found is not None and found.batch == 3
        decide(store, dict.fromkeys(before, "approve"))
        with pytest.raises(RunError, match="No row waits"):
            rows_for(store, run, 2, "")


def test_the_figures_are_plain_values_and_kept_with_their_ids(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 120, rate=doubted)
        audit = store.review_queue.waiting_audit(run.id)
        assert insights_of(store, run).quality.value is None
        decide(store, {row: "reject" if k % 4 == 0 else "approve" for k, row in enumerate(audit[:24])})
        refresh(store, run)
        figures = insights_of(store, run)
        assert figures.quality.stated_at == 20 and figures.quality.value is not None
        assert json.loads(json.dumps(figures.plain()))["quality"]["n"] == 24
        decide(store, {audit[0]: "approve"})  # thought better of it
        assert insights_of(store, run).quality.value != figures.quality.value


def test_rows_that_were_sent_without_signals_get_them(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 60, rate=doubted)
        known = evidence_of(store, run).population.contradiction.tolist()
        store.db.write(lambda c: c.execute("DELETE FROM signals"))
        assert evidence_of(store, run).population.contradiction.tolist() == known


def test_a_tenth_of_the_rows_is_for_two_reviewers_once_there_are_two(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 120, rate=doubted)
        audit = store.review_queue.waiting_audit(run.id)
        decide(store, dict.fromkeys(audit[:5], "approve"), "ann")
        refresh(store, run)
        assert store.review_queue.waiting_second(run.id, "ben", 500) == []
        decide(store, {audit[5]: "approve"}, "ben")
        assert is_due(store, run)
        assert refresh(store, run).moved == 12
        assert not is_due(store, run) and refresh(store, run).moved == 0
        assert store.review_queue.waiting_second(run.id, "ben", 500) == audit[:5]  # those that ann has
        assert store.review_queue.waiting_second(run.id, "ann", 500) == [audit[5]]
        handed = rows_for(store, run, 5, "ben")
        assert set(handed.rows) & set(audit[:5]) and audit[5] not in handed.rows
        assert not set(rows_for(store, run, 5, "").rows) & set(audit[:6])
        push = store.pushes.of_run(run.id)[0]["id"]
        assert {row for page in store.review_queue.moved(push) for row in page} >= set(audit[6:12])
        figures = insights_of(store, run)
        assert figures.waiting_second == 6
        assert set(store.row_search.page(run.id, RowQuery(sample="second"), 0, 50)) == set(audit[:6])
        decide(store, dict.fromkeys(audit[:5], "reject"), "ben")
        assert insights_of(store, run).waiting_second == 1


def test_each_reviewer_has_a_list_and_nobody_gets_what_another_has(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 60)
        for_ann, for_ben = (rows_for(store, run, 10, name) for name in ("ann", "ben"))
        assert for_ann.rows and for_ben.rows and not set(for_ann.rows) & set(for_ben.rows)
        assert store.review_queue.list_of(run.id, "ann") == for_ann
        assert store.review_queue.list_of(run.id, "ben") == for_ben and store.review_queue.list_of(run.id, "cy") is None
        of_ann = store.row_search.page(run.id, RowQuery(sample="list", person="app:ann"), 0, 500)
        assert set(of_ann) == set(for_ann.rows)


def test_what_moves_while_it_is_told_is_told_another_time(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 60)
        (sent,) = store.pushes.of_run(run.id)
        push = Push(sent["id"], run.id, sent["seed"])
        first = rows_for(store, run, 5, "")
        store.review_queue.on_their_way(push.id)
        second = rows_for(store, run, 2, "")  # some of the same rows, before Argilla has them
        store.pushes.keep_sent(push, [(row, "hash", {}) for row in first.rows], now())
        moved = {row for page in store.review_queue.moved(push.id) for row in page}
        assert moved == set(second.rows) and moved < set(first.rows)
        store.review_queue.on_their_way(push.id)
        store.pushes.keep_sent(push, [(row, "hash", {}) for row in second.rows], now())
        assert not store.review_queue.any_moved(run.id)


def test_one_person_in_the_app_and_in_argilla_is_one(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = sent_run(store, 60)
        audit = store.review_queue.waiting_audit(run.id)
        decide(store, dict.fromkeys(audit[:10], "approve"), "ann")
        decide(store, dict.fromkeys(audit[:10], "approve"), "ann (in the app)")
        figures = insights_of(store, run)
        assert [each.reviewer for each in figures.progress] == ["ann"] and not figures.pairs
        assert refresh(store, run).moved == 0 and figures.waiting_second == 0
