"""How well people and the labeller agree on which response is better: by hand, and of a run whose pairs were compared."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.cli.output import agreement as in_words
from app.config import Settings
from app.review.reviewed_rows import agreement_of
from app.store.store import Store
from app.web import stats, stats_tables
from app.web.pages import insights
from app.web.pages.review.rows import rows
from app.web.tab_state import TabState
from feedback.reviewed_row import ReviewedRow
from feedback.stats.agreement import agreement
from feedback.stats.measures import Measure
from feedback.types import TIE, WHICH_IS_BETTER, Better, Origin, Preference, Verdict
from tasks.types import Response, Row
from tests.make_preferences import preferences, with_compared_run
from tests.make_reviews import sent
from tests.make_state import at_desk
from tests.plain_measures import within

A, B = "response-1", "response-2"


def compared(number: int, labeller: tuple[Better, Better], *said: str, origin: Origin | None = "given") -> ReviewedRow:
    """A row of two responses; the labeller said so of A before B and of B before A, people said the rest."""
    row = Row(
        ({"role": "user", "content": "Name a river."},), (Response("R1", "m"), Response("R2", "m")), {}, f"r{number}"
    )
    preferred = [
        Preference(first, 1 - first, "helpfulness", 0, "compared", better) for first, better in enumerate(labeller)
    ]
    origins: Mapping[str, Origin] = {WHICH_IS_BETTER: origin} if origin else {}
    verdicts = [
        Verdict(row.id, f"p{k}", "submitted", {WHICH_IS_BETTER: answer}, reviewer_id=f"p{k}", origins=origins)
        for k, answer in enumerate(said)
    ]
    return ReviewedRow(row, [], verdicts, preferences=preferred)


def sample() -> list[ReviewedRow]:
    """Forty rows; what they come to is worked out in the test below."""
    return [
        # 20 rows: the labeller prefers A in both orders, two people say A
        *(compared(k, ("first", "second"), A, A) for k in range(20)),
        # 6 rows: it prefers B in both orders; one says B, the other a tie
        *(compared(k, ("second", "first"), B, TIE) for k in range(20, 26)),
        # 4 rows: its preference changes with the order, so that it is a tie; one says A, nobody else came
        *(compared(k, ("first", "first"), A) for k in range(26, 30)),
        # 10 rows: it prefers A, which three people only left as it was suggested: of the last row nobody knows
        *(compared(k, ("first", "second"), A, A, A, origin=None if k == 39 else "accepted") for k in range(30, 40)),
    ]


def by_name(found: Any) -> dict[str, Measure]:
    return {measure.name: measure for measure in found.measures}


def test_preferences_agree_as_computed_by_hand() -> None:
    found = agreement(sample())
    better = found.which_is_better
    assert better is not None and better.rows == 40 and found.labeller == {}
    measures = by_name(better)
    # 56 answers of their own: 40 A on A; 6 B on B and 6 tie on B; 4 A on a tie
    same = measures["same preference"]
    assert same.n == 56 and same.value == pytest.approx(46 / 56)
    # Wilson's interval with z = 1.96: the middle (46 + z²/2) / (56 + z²), half of it z * sqrt(56 p (1 - p) + z²/4) / (56 + z²)
    p, z = 46 / 56, 1.959964
    middle, half = (46 + z**2 / 2) / (56 + z**2), z * (56 * p * (1 - p) + z**2 / 4) ** 0.5 / (56 + z**2)
    assert [same.low, same.high] == pytest.approx([middle - half, middle + half])
    # neither says tie: 40 and 6, all the same
    assert (measures["same where both prefer one"].n, measures["same where both prefer one"].value) == (46, 1)
    ties = [measures[name].value for name in ("people say tie", "the labeller says tie")]
    assert ties == pytest.approx([6 / 56, 4 / 56])
    assert (list(better.names), better.table) == (["A", "B", "tie"], [[40, 0, 4], [0, 6, 0], [0, 6, 0]])
    # 26 rows with two answers: 20 the same, 6 differ. A 40, B 6, tie 6 of 52: observed 12 / 52, expected
    # (2 * 40 * 6 + 2 * 40 * 6 + 2 * 6 * 6) / (52 * 51)
    alpha = 1 - (12 / 52) / ((2 * 40 * 6 + 2 * 40 * 6 + 2 * 6 * 6) / (52 * 51))
    assert better.reviewers.n == 26 and better.reviewers.value == pytest.approx(alpha)
    assert (better.accepted, better.unknown) == (30, 3)
    assert better.left_out.startswith("30 more answers were only accepted as suggested and are left out")
    assert all(within(measure) for measure in (*better.measures, better.reviewers))
    words = list(in_words(found))
    assert "  same preference: 82% (70% to 90%), n = 56" in words and f"  {better.left_out}" in words
    assert "  people say A, the labeller: A 40 times, tie 4 times" in words
    assert [line for line in words if line.startswith("  which is better: ")]
    assert found.plain()["which_is_better"]["table"] == better.table


def test_the_best_of_three_is_the_first_of_the_ranking() -> None:
    row = Row(({"role": "user", "content": "x"},), tuple(Response(text, "m") for text in "abc"), {}, "r")
    said = Verdict("r", "ann", "submitted", {WHICH_IS_BETTER: "response-3"}, origins={WHICH_IS_BETTER: "given"})
    out_of_reach = Verdict("r", "bo", "submitted", {WHICH_IS_BETTER: "response-4"}, origins={WHICH_IS_BETTER: "given"})
    row_said = ReviewedRow(
        row, [], [said, out_of_reach], preferences=preferences(row, lambda _, a, b: "first" if a > b else "second")
    )
    better = agreement([row_said] * 20).which_is_better
    assert better is not None and list(better.names) == ["A", "B", "C", "tie"]
    assert by_name(better)["same preference"].value == 1 and better.table[2] == [0, 0, 20, 0]
    assert better.reviewers.shown == "20 more rows needed"


def test_what_nobody_compared_and_what_can_not_come_says_so() -> None:
    row = compared(1, ("first", "second"), A)
    plain = ReviewedRow(row.row, [], [])
    assert agreement([plain] * 30).which_is_better is None
    assert agreement([plain] * 30).plain()["which_is_better"] is None
    few = agreement([row] * 3).which_is_better
    assert few is not None and few.measures[0].shown == "needs 20 answers, more than these rows give"
    assert few.reviewers.shown == "needs a second reviewer of each record"
    people = ReviewedRow(row.row, [], row.verdicts)
    alone = agreement([people] * 3).which_is_better
    assert alone is not None and alone.measures[0].shown == "the labeller compared none of these rows"
    assert not alone.table and list(in_words(agreement([people] * 3)))


def test_of_a_run_on_the_page_and_in_its_tables(store: Store, here: Settings) -> None:
    """The labeller prefers B, but in every third row whatever stands first, which is a tie; Ann says B of all."""
    run = with_compared_run(store, 60)
    sent(store, run)
    audit = sorted(store.pushes.audit_rows(run.id))
    for row in audit:
        store.local_verdicts.say(row, "ann", {WHICH_IS_BETTER: B, "decision": "approve"}, {})
    planned = {r["row"]: r for r in store.db.all("SELECT row, kind, place, priority FROM pushed")}
    queue = sorted((r["place"], row) for row, r in planned.items() if r["kind"] == "queue")
    priorities = [planned[row]["priority"] for _, row in queue]
    assert priorities == sorted(priorities, reverse=True) and priorities[0] == 2.5 and priorities[-1] < 0
    ties = sum(row.unit % 3 == 0 for row in store.rows.page(run.id, 0, 60) if row.id in audit)
    found = agreement_of(store, run).which_is_better
    assert found is not None and found.table == [[0, 0, 0], [0, len(audit) - ties, ties], [0, 0, 0]] and ties
    same = found.measures[0]
    assert same.value == pytest.approx(1 - ties / len(audit))
    with at_desk(store, here) as desk:
        desk.counted(run, stats.agreement)
        look = desk.look("first", run.id, TabState())
        html = insights.agreement(look)
        assert f"<td>{same.shown}</td><td>{same.interval}</td><td>{len(audit)} answers</td>" in html
        assert "People&#39;s preferences by the labeller&#39;s" in html and '<th scope="row">B</th>' in html
        assert "is preferred" not in html and "Nobody has" not in html
        assert "same preference as people" in insights.key_numbers(look)
        waiting = [row for row in store.rows.page(run.id, 0, 60) if row.id not in audit]
        said = {row.unit % 3 == 0: rows(desk.look("first", run.id, TabState(row=row.id))) for row in waiting}
        assert (
            "Why here:</b> the labeller&#39;s preference changes with the order, and no response is ahead."
            in said[True]
        )
        assert "is the same in both orders; that B is the best is 77% certain." in said[False]
        for name in ("preferences", "preferences-by-labeller", "reviewers"):
            written = stats_tables.download(desk, run.id, name, "csv")
            assert written is not None and len(written[0].splitlines()) > 1
        assert (
            f"B,0,{len(audit) - ties},{ties}"
            in (stats_tables.download(desk, run.id, "preferences-by-labeller", "csv") or (b"",))[0].decode()
        )
