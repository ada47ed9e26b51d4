"""Whose a rating is: given, changed or only accepted as suggested; kept when it comes in, and never counted as what it is not."""

import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app import workflow
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.store import migrations
from app.store.migrations import STEPS
from app.store.runs import Run
from app.store.store import Store
from app.web import stats_tables
from feedback.exports.dataset_card import Summary, _ratings
from feedback.exports.record_formats import kto, preference, ranking, raw, reward, sft
from feedback.reviewed_row import ReviewedRow
from feedback.stats.agreement import DECISION, agreement
from feedback.types import Verdict, left_out, origin
from tests.conftest import ArgillaServer
from tests.make_reviewed_rows import judged, line, made_of, verdict
from tests.make_runs import Reviewer, another, before_outcomes, with_run
from tests.make_runs import made_of as recipe_of
from tests.make_workspace import make_workspace
from tests.plain_measures import by_pairs
from tests.test_agreement import between, of
from tests.test_store_page import rate, rating

RANKS = [{"value": "response-1", "rank": 2}, {"value": "response-2", "rank": 1}]


def five() -> ReviewedRow:
    """The labeller says 2 of the first response and 4 of the second. Five people rate the first, each in another way."""
    return judged(
        verdict(who="ann", origin="given", helpfulness_1=5),
        verdict(who="bob", origin="changed", helpfulness_1=1),
        verdict(who="eve", origin="accepted", helpfulness_1=2),
        verdict(who="dan", origin=None, helpfulness_1=3),
        verdict(who="fay", origin=None, blind=True, helpfulness_1=4),
    )


def test_an_answer_beside_what_was_suggested() -> None:
    assert (origin(4, None), origin(4, 4), origin(4, 3)) == ("given", "accepted", "changed")
    assert (origin(RANKS, RANKS[::-1]), origin(RANKS, None)) == ("accepted", "given")
    assert origin(RANKS, [{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 2}]) == "changed"


def test_what_was_only_accepted_is_in_no_column_of_peoples() -> None:
    row = five()
    assert row.rated_by_people(0) == 3.3333  # 5, 1 and 4
    assert row.accepted_by_people(0) == 2.5  # 2 and 3
    assert (row.said_of(0), row.accepted_of(0, "helpfulness"), row.spread_of_people(0)) == ([5, 1, 4], [2, 3], 4)
    alone = judged(verdict(origin="accepted", helpfulness_2=4))
    made = line(sft, *alone.verdicts)
    assert (made["rating"], made["rating_by_people"], made["rating_accepted"]) == (4.0, None, 4.0)
    own = line(sft, verdict(helpfulness_2=3))
    assert (own["rating"], own["rating_by_people"], own["rating_accepted"]) == (4.0, 3.0, None)
    (everything,) = made_of(raw, row)
    assert [json.loads(v["origins"]) for v in everything["verdicts"]] == [
        {"helpfulness-1": name} for name in ("given", "changed", "accepted", "not known", "given")
    ]
    assert [v["blind"] for v in everything["verdicts"]] == [False] * 4 + [True]


@pytest.mark.parametrize("origin", ["accepted", None])
def test_what_was_only_accepted_decides_nothing(origin: Any) -> None:
    """The labeller would say the opposite of these ratings, and decides."""
    said = verdict(origin=origin, helpfulness_1=5, helpfulness_2=1, ranking=RANKS[::-1])
    row = judged(said)
    assert (row.score(0), row.score(1), row.ranked_by_people(0)) == (2, 4, None)
    pair = line(preference, said)
    assert (pair["chosen_model"], pair["because"], pair["chosen_rating"]) == ("a", "rated higher by the labeller", 4)
    assert [one["score_by"] for one in made_of(reward, row)] == ["the labeller"] * 2
    assert line(ranking, said)["ranked_by"] == "the labeller's ratings"
    assert [(one["label"], one["because"]) for one in made_of(kto, row)] == [
        (True, "approved by people"), (False, "rated low by the labeller"),
    ]  # fmt: skip
    given = verdict(helpfulness_1=5, helpfulness_2=1)
    assert line(preference, given)["because"] == "rated higher by people"
    by_rank = line(preference, verdict(ranking=RANKS))
    assert (by_rank["chosen_model"], by_rank["because"]) == ("a", "ranked higher by people")


def test_agreement_counts_what_people_gave_or_changed() -> None:
    found = agreement([five()] * 20)
    # own ratings are 5, 1 and 4 where the labeller says 2
    exact, points = of(found, "helpfulness", "same rating"), of(found, "helpfulness", "people minus labeller")
    assert (exact.n, exact.value, points.n) == (60, 0, 60) and points.value == pytest.approx(4 / 3)
    assert found.tables["helpfulness"] == [[0, n, 0, 0, 0] for n in (20, 0, 0, 20, 20)]
    alpha = between(found, "helpfulness")
    assert alpha.n == 20 and alpha.value == pytest.approx(by_pairs([[4, 0, 3]] * 20, "ordinal"))
    # every decision counts
    assert of(found, "helpfulness", DECISION).n == 100 and found.blind == 20
    assert (found.accepted, found.unknown) == ({"helpfulness": 40}, {"helpfulness": 20})
    assert found.left_out("helpfulness") == found.left_out() == left_out(40, 20)
    assert left_out(40, 20).startswith("40 more ratings were only accepted as suggested and are left out")
    assert "Of 20 it is not known" in left_out(40, 20) and left_out(0, 0) == ""
    assert found.plain()["accepted"] == {"helpfulness": 40}
    table = stats_tables.of_people(found)
    assert table["only accepted"].to_list() == [0, 40, 40, 40]


def test_a_card_gives_the_mean_of_peoples_own() -> None:
    summary = Summary()
    summary.add(five(), [])
    assert summary.people == {"b": [3, 10.0]} and (summary.accepted, summary.unknown) == (2, 1)
    text = _ratings(summary)
    assert "| b | 2.00 (1) | 3.33 (3) |" in text
    assert text.endswith("Of 1 it is not known whether it was given or accepted: it counts as accepted.")


# -- in the app


def test_a_rating_pressed_in_the_app_is_never_only_accepted(store: Store) -> None:
    run = with_run(store, 1, responses=2)
    (row,) = [row.id for row in store.rows.page(run.id, 0, 1)]

    def origins() -> dict[str, Any]:
        return dict(store.verdicts.of([row])[row][0].origins)

    store.local_verdicts.say(row, "me", {"helpfulness-1": 1}, {}, suggested={"helpfulness-1": 1})
    store.local_verdicts.say(row, "me", {"helpfulness-2": 5}, {}, suggested={"helpfulness-2": 2})
    store.local_verdicts.say(row, "me", {"decision": "approve"}, {})
    assert origins() == {"helpfulness-1": "given", "helpfulness-2": "changed"}
    store.local_verdicts.say(row, "me", {"helpfulness-2": None}, {})
    assert origins() == {"helpfulness-1": "given"}


def test_what_was_given_blind_and_changed_after_is_kept_as_such(store: Store) -> None:
    run = with_run(store, 1)
    (row,) = [row.id for row in store.rows.page(run.id, 0, 1)]
    store.local_verdicts.say(row, "me", {"helpfulness-1": 3}, {}, blind=True)
    store.local_verdicts.say(row, "me", {"decision": "approve"}, {}, blind=True)
    store.local_verdicts.say(row, "me", {"helpfulness-1": 1}, {}, suggested={"helpfulness-1": 1})
    versions = store.db.all("SELECT answers, origins, suggestions_shown FROM verdicts ORDER BY id")
    assert [(json.loads(v["answers"])["helpfulness-1"], json.loads(v["origins"]), v[2]) for v in versions] == [
        (3, {"helpfulness-1": "given"}, 0), (3, {"helpfulness-1": "given"}, 0), (1, {"helpfulness-1": "changed"}, 1),
    ]  # fmt: skip


# -- in the real Argilla


def origins_of(store: Store, row: str) -> dict[str, dict[str, Any]]:
    return {verdict.reviewer: dict(verdict.origins) for verdict in store.verdicts.of([row])[row]}


def test_what_is_pulled_says_whose_each_rating_is(
    store: Store, where: Argilla, argilla: ArgillaServer, owner: Reviewer
) -> None:
    """The labeller says 1, 2 and 3 of three responses; then another one says 5 of the first."""
    name = f"origins-{random.randrange(10**9)}"
    run = with_run(store, 1, recipe_of(review={"blind_audit": False}), responses=3)
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    (record,) = owner.records(name)
    row = record["external_id"]
    suggested = [{"value": f"response-{k}", "rank": 4 - k} for k in (1, 2, 3)]
    with another(argilla, f"ann-{name}") as ann, another(argilla, f"bob-{name}") as bob:
        first = ann.say(record, decision="approve", helpfulness_1=1, helpfulness_2=4, ranking=suggested)
        workflow.pull(make_workspace(store), run, where)
        expected = {"helpfulness-1": "accepted", "helpfulness-2": "changed", "ranking": "accepted"}
        assert origins_of(store, row) == {ann.name: expected}

        rate(store, store.rows.get(row), [rating(0, 5.0), rating(1, 2.0), rating(2, 3.0)], judge="another")
        workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
        bob.say(record, decision="approve", helpfulness_1=5, helpfulness_2=2, helpfulness_3=1)
        ann.change(first, decision="reject", helpfulness_1=1, helpfulness_2=4, helpfulness_3=3)
        workflow.pull(make_workspace(store), run, where)
        # what Ann had stays whose it was, though the first suggestion differs by now
        assert origins_of(store, row) == {
            ann.name: {"helpfulness-1": "accepted", "helpfulness-2": "changed", "helpfulness-3": "accepted"},
            bob.name: {"helpfulness-1": "accepted", "helpfulness-2": "accepted", "helpfulness-3": "changed"},
        }

        # said before the ratings were sent anew, pulled after it: only what was suggested all the time is known
        with another(argilla, f"eve-{name}") as eve:
            eve.say(record, decision="approve", helpfulness_1=4, helpfulness_2=2)
            rate(store, store.rows.get(row), [rating(0, 4.0), rating(1, 2.0), rating(2, 3.0)], judge="a third")
            workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
            workflow.pull(make_workspace(store), run, where)
            assert origins_of(store, row)[eve.name] == {"helpfulness-2": "accepted"}
    (found,) = reviewed_rows.judged_of(store, run, [row]).values()
    assert (found.rated_by_people(0), found.accepted_by_people(0), found.rated_by_people(1)) == (None, 3.3333, 4)


def test_a_row_without_suggestions_is_rated_by_people_alone(store: Store, where: Argilla, owner: Reviewer) -> None:
    name = f"origins-{random.randrange(10**9)}"
    run = with_run(store, 2, recipe_of(review={"blind_audit": True}))
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    record = next(one for one in owner.records(name) if one["external_id"].endswith("000000-0"))
    owner.say(record, decision="approve", helpfulness_1=1)  # as the labeller says, which nobody saw
    workflow.pull(make_workspace(store), run, where)
    (found,) = store.verdicts.of([record["external_id"]])[record["external_id"]]
    assert found.blind and found.origins == {"helpfulness-1": "given"} and found.own_ratings == {("helpfulness", 0): 1}


# -- a store of an earlier version


def test_what_an_earlier_version_kept(tmp_path: Path) -> None:
    """Of its verdicts the origins are known that can be told from what is there; nothing that people said is touched."""
    with Store(tmp_path) as store:
        run = with_run(store, 6, responses=2)  # 1 and 2, 2 and 3, 3 and 4 ...
        rows = [row.id for row in store.rows.page(run.id, 0, 6)]
        send(store, run, rows)
        store.rows.edit(store.rows.get(rows[3]), "me")
        rate(store, store.rows.get(rows[4]), [rating(0, 1.0)], judge="another")
        said = [
            Verdict(row, "ann", "submitted", {"decision": "approve", "helpfulness-1": 2, "rating-2": 5, "ranking": RANKS}, {},
                    "", f"ann-{row}", "ann", "2026", "2026")
            for row in rows
        ]  # fmt: skip
        store.verdicts.keep("d", said)
        store.local_verdicts.say(rows[0], "me", {"decision": "approve", "helpfulness-1": 1}, {})
    before = backwards(tmp_path)
    with Store(tmp_path) as store:
        assert store.db.all("PRAGMA user_version")[0][0] == len(STEPS)
        after = store.db.all("SELECT * FROM verdicts ORDER BY id")
        assert [tuple(row)[:-1] for row in after] == before  # the last column is the new one
        found = [{v.reviewer: (dict(v.origins), v.blind) for v in store.verdicts.of([row])[row]} for row in rows]
    rating_2 = {"rating-2": "given"}
    assert found[0] == {
        "ann": ({**rating_2, "helpfulness-1": "changed"}, False), "me": ({"helpfulness-1": "given"}, False),
    }  # fmt: skip
    assert found[1] == {"ann": (rating_2, False)}  # as the labeller says: given, or only accepted
    assert found[2] == {"ann": ({**rating_2, "helpfulness-1": "changed"}, False)}
    assert found[3] == {"ann": (rating_2, False)}  # edited since
    assert found[4] == {"ann": (rating_2, False)}  # rated by another labeller since
    blind = {"rating-2": "given", "ranking": "given", "helpfulness-1": "given"}
    assert found[5] == {"ann": (blind, True)}


def send(store: Store, run: Run, rows: list[str]) -> None:
    """Two ranked responses of each row were suggested, but of the last, which went blind."""
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, dict.fromkeys(rows, 0.0), blind_audit=False)
    suggested = {"helpfulness-1": 0, "helpfulness-2": 0, "ranking": RANKS}
    store.pushes.keep_sent(push, [(row, "h", suggested) for row in rows], "2026")
    store.db.write(lambda c: c.execute("UPDATE pushed SET suggestions_shown=0 WHERE row=?", (rows[-1],)))


def backwards(folder: Path) -> list[tuple[Any, ...]]:
    """Makes a store one of the version before this step, and gives its verdicts."""
    connection = sqlite3.connect(folder / "claywright.db")
    connection.execute("UPDATE ratings SET created='2020' WHERE judge='judge'")
    before_outcomes(connection)
    connection.execute("ALTER TABLE verdicts DROP COLUMN origins")
    connection.execute("ALTER TABLE pushed DROP COLUMN offered")
    connection.execute("ALTER TABLE pushed DROP COLUMN arrangement")
    connection.execute("ALTER TABLE pushed DROP COLUMN number")
    connection.execute(f"PRAGMA user_version = {STEPS.index(migrations.m013_origins)}")
    connection.commit()
    verdicts = [tuple(row) for row in connection.execute("SELECT * FROM verdicts ORDER BY id")]
    connection.close()
    return verdicts
