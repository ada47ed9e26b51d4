"""How well reviewers agree, and people and labeller: whole rows against numbers worked out by hand, and a run that was reviewed."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app import workflow
from app.api import functions
from app.cli.output import agreement as in_words
from app.config import Settings
from app.inputs.inputs import Inputs
from app.recipe import example, recipe_of, recipe_text
from app.review.argilla import Argilla
from app.review.reviewed_rows import agreement_of
from app.store.rows import content_hash
from app.store.store import Store
from app.web import stats
from app.web.jobs import Jobs
from app.web.pages.insights import agreement as panels
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from app.workspace import Workspace
from feedback.argilla.dataset_settings import Review
from feedback.exports.preference_pairs import Rule
from feedback.exports.record_formats import kto
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import WHOLE_ROW, Rubric, Rubrics
from feedback.stats.agreement import ALL_ASPECTS, Agreement, agreement
from feedback.stats.measures import Measure
from feedback.types import Rating, Verdict
from tasks.types import Response, Row
from tests.conftest import ArgillaServer, Command
from tests.make_reviewed_rows import all_of
from tests.make_runs import all_said
from tests.make_workspace import make_workspace
from tests.plain_measures import by_pairs, within
from tests.test_import import run_of


def row_of(
    number: int, labeller: dict[str, Sequence[float]], *people: tuple[str, str | None, dict[str, int]], repeats: int = 1
) -> ReviewedRow:
    """A row whose labeller said those values of its responses by aspect; people said (name, decision, answers)."""
    row_id = f"r{number}"
    width = max((len(values) for values in labeller.values()), default=1)
    row = Row(
        ({"role": "user", "content": "Name a river."},), tuple(Response(f"R{k}", "m") for k in range(width)), {}, row_id
    )
    ratings = [
        Rating(place, aspect, repeat, "rated", value)
        for aspect, values in labeller.items()
        for place, value in enumerate(values)
        for repeat in range(repeats)
    ]
    verdicts = [
        Verdict(
            row_id,
            name,
            "submitted",
            {**({"decision": decision} if decision else {}), **answers},
            reviewer_id=name,
            origins=all_of(answers),
        )
        for name, decision, answers in people
    ]
    return ReviewedRow(row, ratings, verdicts)


def of(found: Agreement, aspect: str, name: str) -> Measure:
    return next(one for one in found.labeller[aspect] if one.name == name)


def between(found: Agreement, name: str) -> Measure:
    return next(one for one in found.reviewers if one.name == name)


def sample() -> list[ReviewedRow]:
    """Thirty rows with two responses and two reviewers; what they come to is worked out in the test below."""
    return [
        # 20 rows: the labeller's best is 5, both approve and rate (5, 2) as it does
        *(row_of(k, {"honesty": [5, 2]}, ada(5, 2), bob("approve", 5, 2)) for k in range(20)),
        # 6 rows: the labeller's best is 3; Ada rejects and says (3, 1), Bob approves and says (4, 2)
        *(row_of(k, {"honesty": [3, 1]}, ada(3, 1, "reject"), bob("approve", 4, 2)) for k in range(20, 26)),
        # 4 rows: the labeller's best is 4 and only Ada came; she is unsure, and rates the first response alone
        *(row_of(k, {"honesty": [4, 4]}, ("ada", "unsure", {"honesty-1": 3})) for k in range(26, 30)),
    ]


def ada(one: int, two: int, decision: str = "approve") -> tuple[str, str, dict[str, int]]:
    return "ada", decision, {"honesty-1": one, "honesty-2": two}


def bob(decision: str, one: int, two: int) -> tuple[str, str, dict[str, int]]:
    return "bob", decision, {"honesty-1": one, "honesty-2": two}


def test_agreement_equals_what_is_computed_by_hand() -> None:
    found = agreement(sample())
    assert (found.rows, found.reviewed, found.reviews) == (30, 30, 56)
    assert list(found.labeller) == ["honesty"]
    # decisions: 40 agree on the 20 rows; on the 6 rows the labeller (3) would reject: Ada agrees, Bob does not; unsure: none
    decision = of(found, "honesty", "same decision")
    assert decision.n == 52 and decision.value == pytest.approx(46 / 52)
    # ratings: 80 the same on the 20 rows; 12 the same (Ada's) and 12 not (Bob's) on the 6 rows; 4 not on the last rows
    exact = of(found, "honesty", "same rating")
    assert exact.n == 108 and exact.value == pytest.approx(92 / 108)
    # people minus labeller: Bob's 12 are +1, Ada's last 4 are -1, all others 0
    points = of(found, "honesty", "people minus labeller")
    assert points.n == 108 and points.value == pytest.approx(8 / 108)
    # weighted kappa: observed 16 * 1² / 108. People's counts: 1: 6, 2: 40 + 6, 3: 6 + 4, 4: 6, 5: 40;
    # the labeller's: 1: 12, 2: 40, 3: 12, 4: 4, 5: 40; expected is the mean of (i - j)² over all pairs of the two
    people, labeller = {1: 6, 2: 46, 3: 10, 4: 6, 5: 40}, {1: 12, 2: 40, 3: 12, 4: 4, 5: 40}
    expected = sum(n * m * (i - j) ** 2 for i, n in people.items() for j, m in labeller.items()) / 108**2
    weighted = of(found, "honesty", "weighted kappa")
    assert weighted.n == 108 and weighted.value == pytest.approx(1 - (16 / 108) / expected)
    # reviewers' decisions: 26 rows with two; 20 of them the same, 6 differ. 46 approvals and 6 rejections of 52:
    # observed 12 / 52, expected 2 * 46 * 6 / (52 * 51)
    decisions = between(found, "decision")
    assert decisions.n == 26 and decisions.value == pytest.approx(1 - (12 / 52) / (2 * 46 * 6 / (52 * 51)))
    # reviewers' ratings: 52 responses with two
    ratings = [[4, 4], [1, 1]] * 20 + [[2, 3], [0, 1]] * 6
    honesty = between(found, "honesty")
    assert honesty.n == 52 and honesty.value == pytest.approx(by_pairs(ratings, "ordinal"))
    assert found.spread == {"honesty": [40, 12, 0, 0, 0]}
    # people's 1 to 5 down, the labeller's across: (5, 5) and (2, 2) forty times; Ada's (3, 3) and (1, 1), Bob's (4, 3) and
    # (2, 1) six times each; Ada's last (3, 4) four times
    assert found.tables == {
        "honesty": [[6, 0, 0, 0, 0], [6, 40, 0, 0, 0], [0, 0, 6, 4, 0], [0, 0, 6, 0, 0], [0, 0, 0, 0, 40]]
    }
    for one in (decision, exact, points, weighted, decisions, honesty):
        assert within(one)
    assert agreement(sample()) == found
    assert found.plain()["labeller"]["honesty"][0]["missing"] == 0
    assert found.plain()["tables"] == found.tables


def test_the_mean_over_repeats_is_rounded_half_up() -> None:
    row = row_of(1, {"honesty": [4.0]}, ("ada", "approve", {"honesty-1": 4}))
    twice = ReviewedRow(row.row, [*row.ratings, Rating(0, "honesty", 1, "rated", 3.0)], row.verdicts)  # mean 3.5
    found = agreement([twice] * 30)
    assert of(found, "honesty", "same decision").value == 1
    assert of(found, "honesty", "same rating").value == 1
    assert of(found, "honesty", "people minus labeller").value == 0.5


def test_two_levels_that_are_both_fine_are_one_rating_with_either() -> None:
    answers = {"honesty-1": 3, "honesty-1-also": 4}
    for said, same, difference in ((3.0, 1, 0.5), (4.0, 1, -0.5), (5.0, 0, -1.5)):
        found = agreement([row_of(1, {"honesty": [said]}, ("ada", "approve", answers))] * 50)
        assert of(found, "honesty", "same rating").value == same
        assert of(found, "honesty", "people minus labeller").value == difference
    row = row_of(1, {"honesty": [5]}, ("ada", "approve", answers))
    assert row.said_of(0, "honesty") == [3.5]


def test_ratings_that_name_no_aspect() -> None:
    one_aspect = agreement([row_of(1, {"honesty": [4]}, ("ada", None, {"rating-1": 4}))] * 50)
    assert list(one_aspect.labeller) == ["honesty"]
    assert of(one_aspect, "honesty", "same rating").value == 1
    two = agreement([row_of(1, {"honesty": [3], "truthfulness": [4]}, ("ada", "approve", {"rating-1": 4}))] * 50)
    assert list(two.labeller) == ["honesty", "truthfulness", ALL_ASPECTS]
    assert of(two, ALL_ASPECTS, "same rating").value == 1  # 3.5, half upwards
    assert of(two, ALL_ASPECTS, "people minus labeller").value == 0.5
    assert of(two, "honesty", "same decision").value == 0
    assert of(two, "honesty", "same rating").n == 0
    assert list(two.tables) == [ALL_ASPECTS] and two.tables[ALL_ASPECTS][3][3] == 50
    named = agreement([row_of(1, {"honesty": [3], "truthfulness": [4]}, ("ada", "approve", {"honesty-1": 4}))] * 50)
    assert [one.name for one in named.labeller[ALL_ASPECTS]] == ["same decision"]


def test_ratings_that_name_no_aspect_beside_a_rubric_of_ten_levels() -> None:
    """They are on 1 to 5: 10 of 10 is 5 of those. The rubric's own measures stay on its levels."""
    tone = Rubrics((Rubric(name="tone", question="Is it kind?", levels=tuple("abcdefghij")),))
    row = row_of(1, {}, ("ada", "approve", {"rating-1": 5}))
    ten = replace(row, ratings=[Rating(0, "tone", 0, "rated", 10.0, levels=10)], rubrics=tone)
    low = replace(ten, verdicts=row_of(1, {}, ("ada", "reject", {"rating-1": 3})).verdicts)
    assert (ten.scale.levels, ten.score(0), low.score(0)) == (5, 5.0, 3.0)
    assert list(kto(low, Rule())) == []  # 3 of 5 is not low; of 10 it would be
    found = agreement([ten] * 50, [""], 1, tone)
    assert list(found.labeller) == ["tone", ALL_ASPECTS]
    assert of(found, ALL_ASPECTS, "people minus labeller").value == 0 and len(found.tables[ALL_ASPECTS]) == 5
    assert [measure.name for measure in found.labeller["tone"]] == ["same decision"]
    unrated = replace(ten, verdicts=row_of(1, {}, ("ada", "approve", {})).verdicts)
    mixed = agreement([ten] * 30 + [unrated], [""], 1, tone)
    assert of(mixed, ALL_ASPECTS, "weighted kappa").n == 30


def test_a_run_that_was_rated_by_a_rubric_of_the_instruction_alone() -> None:
    clear = Rubrics((Rubric(name="clear", question="Is it clear?", levels=tuple("abcde"), judges="instruction"),))
    row = row_of(1, {}, ("ada", "approve", {"clear-0": 4}))
    asked = replace(row, ratings=[Rating(WHOLE_ROW, "clear", 0, "rated", 4.0)], rubrics=clear)
    found = agreement([asked] * 50, ["clear"], 1, clear)
    assert list(found.labeller) == ["clear"] and of(found, "clear", "same rating").value == 1
    assert of(found, "clear", "same decision").value == 1


def test_what_the_labeller_did_not_rate_is_left_out() -> None:
    unrated = row_of(1, {}, ("ada", "approve", {"honesty-1": 4, "honesty-7": 2}))
    failed = ReviewedRow(unrated.row, [Rating(0, "honesty", 0, "unrated", None)], unrated.verdicts)
    assert agreement([unrated, failed]).labeller == {}
    assert agreement([]) == Agreement(reviewers=agreement([]).reviewers)
    assert agreement([]).reviewers[0].shown == "needs a second reviewer of each record"
    bare = ReviewedRow(Row(({"role": "user", "content": "x"},), (), {}, "r"), [], [])
    assert agreement([bare] * 3).rows == 3


# -- a run


@pytest.fixture
def reviewed(here: Settings, store: Store) -> str:
    """A run of 25 rows, each approved by two people and rated 4, 5 or 2; the last five are not of the audit sample."""
    run = workflow.start(Workspace(here, store), example())

    def write(c: sqlite3.Connection) -> None:
        c.execute(
            "INSERT INTO pushes(id, run, server, dataset_id, dataset, workspace, created) VALUES(1,?,'','d','','','')",
            (run.id,),
        )
        for k in range(25):
            row_id, kind = f"{run.id}-{k}", "audit" if k < 20 else "queue"
            c.execute(
                "INSERT INTO rows(id, run, unit, position, stage, messages, origin, content_hash, rated_by, created, updated)"
                " VALUES(?,?,?,0,'answered',?,'{}','h','j','2026-01-01','2026-01-01')",
                (row_id, run.id, k, '[{"role": "user", "content": "Name a river."}]'),
            )
            c.execute(
                "INSERT INTO responses VALUES(?,0,0,'The Loire.','m',NULL,'stop',1,1,'2026-01-01','',2,'')", (row_id,)
            )
            c.execute(
                "INSERT INTO ratings(row, content_hash, response, aspect, repeat, judge, status, value, rationale, note, raw,"
                " shown, model, prompt, prompt_hash, lengths, revision, created)"
                " VALUES(?,'h',0,'honesty',0,'j','rated',?,'','','','[0]','m','p','p','[1]','','2026-01-01')",
                (row_id, 4 if k < 15 else 2),
            )
            c.execute(
                "INSERT INTO pushed(push, row, content_hash, kind, place, why, order_version, suggestions_shown, sent)"
                " VALUES(1,?,'h',?,?,'','v1',1,'2026-01-01')",
                (row_id, kind, k),
            )

    store.db.write(write)
    said = [
        Verdict(
            f"{run.id}-{k}", name, "submitted", {"decision": "approve", "honesty-1": 3 + k % 2}, {}, f"c{k}", f"{name}{k}",
            name, "2026-01-02", "2026-01-02", origins={"honesty-1": "changed"},
        )
        for k in range(25)
        for name in ("ada", "bob")
    ]  # fmt: skip
    all_said(store, "d", said)
    return run.id


def test_only_audit_rows_of_a_run_count(store: Store, here: Settings, reviewed: str, command: Command) -> None:
    assert store.pushes.audit_rows(reviewed) == {f"{reviewed}-{k}" for k in range(20)}
    found = agreement_of(store, store.runs.get(reviewed))
    assert (found.rows, found.reviewed, found.reviews) == (20, 20, 40)
    same = of(found, "honesty", "same decision")
    assert (same.n, same.value) == (40, 0.75)  # all approve; the labeller would keep the 15 that it rates 4
    assert between(found, "decision").shown == "not defined: everybody said the same"
    assert between(found, "honesty").value == pytest.approx(1)
    assert functions.agreement(reviewed, data=here.data) == found
    ended = command("agreement", "last", "--json", data=here.data)
    assert ended.code == 0 and ended.json == found.plain()
    words = list(in_words(found))
    assert words[0].startswith("20 of 20 audit rows reviewed, 40 times in all, 0 of them without")
    assert "  same decision: 75% (60% to 86%), n = 40" in words
    assert "  weighted kappa: needs 50 ratings, more than these rows give, n = 40" in words


def test_what_can_not_come_is_not_waited_for() -> None:
    """Eight rows never give 47 more reviews, and nobody rates what nobody is asked to rate."""
    rows = [row_of(k, {"honesty": [4]}, ("ann", "approve", {"honesty-1": 4})) for k in range(8)]
    same, *ratings = agreement(rows, aspects=("honesty",)).labeller["honesty"]
    assert same.shown == "needs 20 reviews, more than these rows give"
    assert ratings[-1].shown == "needs 50 ratings, more than these rows give"
    open_ones = [row_of(k, {"honesty": [4]}) for k in range(8, 60)]
    assert of(agreement([*rows, *open_ones]), "honesty", "weighted kappa").shown == "42 more ratings needed"
    unrated = [row_of(k, {"honesty": [4]}, ("ann", "approve", {})) for k in range(8)]
    (only,) = agreement(unrated, aspects=("truthfulness",)).labeller["honesty"]
    assert only.name == "same decision"
    assert between(agreement(rows, per_record=2), "decision").shown == "needs 20 rows, more than these rows give"
    assert between(agreement(rows), "decision").shown == "needs a second reviewer of each record"


def test_the_page_says_what_is_known_and_what_lacks(store: Store, here: Settings, reviewed: str) -> None:
    desk = AppState(store, here, Jobs(store, here), ServiceMonitor(here, lambda words: None))
    run, other = store.runs.get(reviewed), workflow.start(Workspace(here, store), example())
    for one in (run, other):
        desk.counted(one, stats.agreement)  # a page does not wait for it for long
    html = panels(desk.look("somebody", reviewed))
    assert "20 of 20 audit rows reviewed" in html and "Only the audit sample counts" in html
    assert "<td>75%</td><td>60% to 86%</td><td>40 reviews</td>" in html
    assert "<td>needs 50 ratings, more than these rows give</td>" in html
    assert "not defined: everybody said the same" in html
    assert "<td>Honesty</td><td>20</td><td>0</td>" in html  # two ratings of each response, the same
    assert "People&#39;s ratings by the labeller&#39;s" in html and '<th scope="row">5</th>' in html
    assert '<td class=same style="--v:0.875">14</td>' in html  # 4 by both: seven rows, two people; 3 on 4: 16
    nothing = panels(desk.look("somebody", other.id))
    assert "no row of this run was sent to Argilla as part of an audit sample" in nothing


def test_what_was_only_accepted_is_said_beside_the_figures(
    store: Store, here: Settings, reviewed: str, command: Command
) -> None:
    """Eve left ten of the labeller's ratings as they were: no figure changes, and a sentence under it says so."""
    before = agreement_of(store, store.runs.get(reviewed))
    eve = [
        Verdict(
            f"{reviewed}-{k}", "eve", "submitted", {"decision": "approve", "honesty-1": 4}, {}, f"c{k}", f"eve{k}", "eve",
            "2026-01-02", "2026-01-02", origins={"honesty-1": "accepted"} if k else {},
        )
        for k in range(10)
    ]  # fmt: skip
    store.verdicts.keep("d", eve)
    found = agreement_of(store, store.runs.get(reviewed))
    for name in ("same rating", "people minus labeller", "weighted kappa"):
        assert of(found, "honesty", name) == of(before, "honesty", name)
    assert between(found, "honesty") == between(before, "honesty")
    assert (found.reviews, of(found, "honesty", "same decision").n) == (50, 50)
    sentence = (
        "10 more ratings were only accepted as suggested and are left out: what was chosen already and stayed says nothing of "
        "how people judge on their own. Of 1 it is not known whether it was given or accepted: it counts as accepted."
    )
    assert (found.accepted, found.unknown, found.left_out("honesty")) == ({"honesty": 10}, {"honesty": 1}, sentence)
    ended = command("agreement", "last", data=here.data)
    assert ended.out.count(sentence) == 2  # of the labeller and people, and of people with each other
    desk = AppState(store, here, Jobs(store, here), ServiceMonitor(here, lambda words: None))
    desk.counted(store.runs.get(reviewed), stats.agreement)
    html = panels(desk.look("somebody", reviewed))
    assert html.count(f'<p class="finding">{sentence}</p>') == 2
    assert '<p class="finding">0 of 50 reviews without the labeller' in html


def test_a_run_without_audit_rows_says_so(store: Store, here: Settings) -> None:
    run = workflow.start(Workspace(here, store), example())
    found = agreement_of(store, run)
    assert found.rows == 0 and found.labeller == {}
    assert next(iter(in_words(found))).startswith("0 of 0 audit rows reviewed")


@pytest.mark.parametrize("blind", [True, False])
def test_what_people_say_in_argilla(
    tmp_path: Path, store: Store, here: Settings, argilla: ArgillaServer, blind: bool
) -> None:
    """Sent as an audit, with or without suggestions, answered by two people there, brought back."""
    file = tmp_path / "rows.jsonl"
    asked = [{"instruction": f"Question {k}?", "response": f"Answer {k}."} for k in range(24)]
    file.write_text("".join(json.dumps(row) + "\n" for row in asked))
    run, rows = run_of(store, here, Inputs(path=str(file)))
    rated = replace(recipe_of(run), rating=UltraFeedback(aspects=("honesty",)), review=Review(blind_audit=blind))
    store.runs.set(run.id, recipe=recipe_text(rated))

    async def rate() -> None:
        for k, row in enumerate(rows):
            await store.ratings.keep(
                row.id, content_hash(row), "judge", [Rating(0, "honesty", 0, "rated", 3.0 + k % 3, model="judge")]
            )
            await store.ratings.done(row.id, "judge")

    asyncio.run(rate())
    where = Argilla(argilla.url, argilla.api_key, own=True)
    sent = workflow.push(make_workspace(store), store.runs.get(run.id), where, lambda done, total: None)
    with httpx.Client(base_url=argilla.url, headers={"X-Argilla-Api-Key": argilla.api_key}, timeout=30) as owner:
        records = owner.get(f"/api/v1/datasets/{sent.to.id}/records", params={"limit": 100}).json()["items"]
        assert sent.pushed.refused == []
        ids = {record["external_id"]: record["id"] for record in records}
        name = f"second-{run.id[-4:]}-{blind}"
        body = {"username": name, "password": "12345678x", "first_name": name, "role": "owner"}
        second = owner.post("/api/v1/users", json=body).raise_for_status().json()
        for person, key in enumerate((argilla.api_key, second["api_key"])):
            said = [
                {
                    "record_id": ids[row.id], "status": "submitted",
                    "values": {
                        "decision": {"value": "approve" if k % 4 else "reject"},
                        "honesty-1": {"value": 3 + (k + person * (k < 6)) % 3},
                    },
                }
                for k, row in enumerate(rows)
            ]  # fmt: skip
            done = owner.post("/api/v1/me/responses/bulk", json={"items": said}, headers={"X-Argilla-Api-Key": key})
            assert all(one["error"] is None for one in done.raise_for_status().json()["items"])
    workflow.pull(make_workspace(store), store.runs.get(run.id), where)

    found = agreement_of(store, store.runs.get(run.id))
    assert (found.rows, found.reviewed, found.reviews, found.blind) == (24, 24, 48, 48 * blind)
    assert between(found, "decision").value == pytest.approx(1)
    exact = of(found, "honesty", "same rating")
    # the first says what the labeller does, the second not of six rows: with suggestions in sight 42 are only accepted
    if blind:
        assert (exact.n, exact.value, found.accepted) == (48, 42 / 48, {})
        units = [[(k % 3) + 2, (k + (k < 6)) % 3 + 2] for k in range(24)]
        assert between(found, "honesty").value == pytest.approx(by_pairs(units, "ordinal"))
    else:
        assert (exact.n, exact.value, found.accepted, found.unknown) == (6, None, {"honesty": 42}, {})
        assert sum(map(sum, found.tables["honesty"])) == 6 and between(found, "honesty").n == 0
        assert any("42 more ratings were only accepted" in line for line in in_words(found))
    # kept by the labeller: k % 3 is 1 or 2; approved: k % 4 is not 0. They are the same for 7 of every 12 rows
    same = [(k % 3 > 0) == (k % 4 > 0) for k in range(24)]
    assert of(found, "honesty", "same decision").value == sum(same) / 24 == 14 / 24
