"""How well reviewers agree, and people and labeller: each measure against numbers worked out by hand."""

import asyncio
import itertools
import json
import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import api, figures, workflow
from app.config import Settings
from app.desk import Desk
from app.inputs import Inputs
from app.jobs import Jobs
from app.pages.insights import agreement as panels
from app.recipe import example
from app.reviewing import Argilla
from app.standby import Standby
from app.store import Store
from app.tables.rows import content_hash
from app.terminal import agreement as in_words
from feedback.agreement import ALL_ASPECTS, Agreement, agreement
from feedback.judged import Judged
from feedback.measures import (
    Level,
    Measure,
    alpha,
    alpha_between,
    coincidences,
    difference,
    kappa,
    share,
    weighted_kappa,
)
from feedback.types import Rating, Verdict
from feedback.ultrafeedback import UltraFeedback
from tasks.types import Response, Row
from tests.conftest import ArgillaServer, Command
from tests.rows import all_said
from tests.test_import import run_of

# Krippendorff (2011), section C: four observers (rows) and twelve units (columns), 0 where somebody said nothing
PUBLISHED = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3),
    (0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0),
)


def units_of(observers: Sequence[Sequence[int]]) -> list[list[int]]:
    """Values from 0, those that are missing left out, of the units that two or more observers judged."""
    units = [[value - 1 for value in unit if value] for unit in zip(*observers, strict=True)]
    return [unit for unit in units if len(unit) > 1]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_the_published_one(level: Level, published: float) -> None:
    assert round(float(alpha(coincidences(units_of(PUBLISHED), 5), level)), 3) == published


def test_alpha_by_hand() -> None:
    # Three units, two people: (0, 0) (0, 1) (1, 1). Coincidences: o00 = 2, o01 = o10 = 1, o11 = 2; n0 = n1 = 3, n = 6.
    # Nominal: observed 2 of 6 differ, expected 2 * 3 * 3 / (6 * 5) = 0.6. Alpha = 1 - (2 / 6) / 0.6 = 4 / 9.
    table = coincidences([[0, 0], [0, 1], [1, 1]], 2)
    assert table.tolist() == [[2, 1], [1, 2]]
    assert float(alpha(table, "nominal")) == pytest.approx(4 / 9)


OBSERVERS = st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=2, max_size=8)
"""Units, with what each of four observers said of them."""


def by_pairs(units: list[list[int]], level: Level) -> float | None:
    """Alpha from its definition: mean distance within units over mean distance between any two values."""
    said = list(itertools.chain(*units))

    def apart(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        low, high = sorted((a, b))
        between = sum(said.count(value) for value in range(low, high + 1))
        return (between - (said.count(low) + said.count(high)) / 2) ** 2

    n = len(said)
    expected = sum(apart(a, b) for a, b in itertools.permutations(said, 2)) / (n - 1)
    observed = sum(sum(apart(a, b) for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    return 1 - observed / expected if expected else None


@given(OBSERVERS, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_is_what_its_definition_gives(said: list[list[int]], level: Level) -> None:
    units = units_of(list(zip(*said, strict=True)))
    found = float(alpha(coincidences(units, 5), level)) if units else math.nan
    wanted = by_pairs(units, level) if units else None
    assert math.isnan(found) if wanted is None else found == pytest.approx(wanted, abs=1e-9)


@given(OBSERVERS, st.permutations(range(4)))
def test_alpha_does_not_know_who_said_what(said: list[list[int]], order: list[int]) -> None:
    units, others = (units_of(list(zip(*rows, strict=True))) for rows in (said, [[u[k] for k in order] for u in said]))
    assert np.array_equal(coincidences(units, 5), coincidences(others, 5))


@given(st.lists(st.integers(0, 4), min_size=2), st.integers(2, 5))
def test_alpha_of_full_agreement_is_one(values: list[int], people: int) -> None:
    found = float(alpha(coincidences([[value] * people for value in values], 5), "ordinal"))
    assert math.isnan(found) if len(set(values)) == 1 else found == pytest.approx(1)


def test_share_by_hand() -> None:
    # 15 of 20, Wilson: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, p, n = NormalDist().inv_cdf(0.975), 0.75, 20
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    found = share("same", [True] * 15 + [False] * 5)
    assert (found.value, found.n) == (0.75, 20)
    assert found.low == pytest.approx((middle - half) / (1 + z * z / n), abs=1e-6)
    assert found.high == pytest.approx((middle + half) / (1 + z * z / n), abs=1e-6)
    assert (found.shown, found.interval) == ("75%", "53% to 89%")


def test_difference_by_hand() -> None:
    # ten of each of -1, 0, +1: mean 0, variance 20 / 29; t with 29 degrees of freedom at 97.5 % is 2.04523 (tables)
    found = difference("difference", [-1.0, 0.0, 1.0] * 10)
    assert found.value == 0
    assert found.high == pytest.approx(2.04523 * math.sqrt(20 / 29 / 30), abs=1e-5)
    assert found.low is not None and found.low == pytest.approx(-2.04523 * math.sqrt(20 / 29 / 30), abs=1e-5)
    assert (found.shown, found.interval) == ("+0.00", "−0.31 to +0.31")


def test_weighted_kappa_by_hand() -> None:
    # 20 times (1, 1), 20 times (5, 5), 10 times (1, 5). Weights (i - j)²: 16 for the ten. Observed 160 / 50 = 3.2.
    # People say 1 thirty times and 5 twenty times, the labeller the other way round.
    # Expected 16 * (30 * 30 + 20 * 20) / 50² = 8.32. Kappa = 1 - 3.2 / 8.32 = 8 / 13.
    rows = [[(1, 1)]] * 20 + [[(5, 5)]] * 20 + [[(1, 5)]] * 10
    found = weighted_kappa("kappa", rows)
    assert found.value == pytest.approx(8 / 13)
    assert (found.low, found.high) == pytest.approx(drawn_again(rows), abs=0.03)
    assert weighted_kappa("kappa", rows[::-1]) == found  # the same each time, in whatever order the rows come


def drawn_again(rows: list[list[tuple[int, int]]]) -> tuple[float, float]:
    """The bootstrap in plain Python: rows with replacement, the 2.5 and 97.5 percentiles of kappa."""
    chance, found = random.Random(1), []
    for _ in range(2000):
        pairs = list(itertools.chain(*chance.choices(rows, k=len(rows))))
        observed = sum((a - b) ** 2 for a, b in pairs) / len(pairs)
        expected = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / len(pairs) ** 2
        found.append(1 - observed / expected)
    found.sort()
    return found[50], found[1949]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=50, max_size=60))
def test_kappa_does_not_know_who_is_who(pairs: list[tuple[int, int]]) -> None:
    table = np.zeros((5, 5))
    for a, b in pairs:
        table[a - 1, b - 1] += 1
    one, other = float(kappa(table)), float(kappa(table.T))
    assert (math.isnan(one) and math.isnan(other)) or one == pytest.approx(other)
    assert math.isnan(one) or -1 <= one <= 1


@pytest.mark.parametrize(
    ("make", "needed"),
    [
        (lambda n: share("one", [True] * n), 20),
        (lambda n: difference("one", [float(k % 2) for k in range(n)]), 30),
        (lambda n: weighted_kappa("one", [[(1 + k % 2, 1)] for k in range(n)]), 50),
        (lambda n: alpha_between("one", [[[k % 2, 1]] for k in range(n)], 5, "ordinal", "response"), 20),
    ],
    ids=["share", "difference", "kappa", "alpha"],
)
def test_too_few_reviews_give_no_number(make: Callable[[int], Measure], needed: int) -> None:
    few, none, enough = make(needed - 1), make(0), make(needed)
    assert few.value is few.low is few.high is None and few.missing == 1
    assert few.shown == f"1 more {few.of} needed"
    assert none.missing == needed and none.shown == f"{needed} more {none.of}s needed"
    assert enough.missing == 0 and within(enough)


def within(found: Measure) -> bool:
    """True if the value lies in its interval, and all three are numbers."""
    assert found.low is not None and found.value is not None and found.high is not None
    return found.low <= found.value <= found.high


def test_where_everybody_says_the_same() -> None:
    same = "not defined: everybody said the same"
    for found in (
        weighted_kappa("one", [[(4, 4)]] * 60),
        alpha_between("one", [[[3, 3]]] * 60, 5, "ordinal", "response"),
        alpha_between("one", [[[0, 0, 0]]] * 60, 3, "nominal", "row"),
    ):
        assert (found.value, found.low, found.high, found.shown, found.interval) == (None, None, None, same, "")
    constant = difference("one", [0.5] * 30)
    assert (constant.value, constant.low, constant.shown) == (0.5, None, "+0.50")
    assert constant.interval == "no interval: every difference is the same"
    assert share("one", [True] * 20).interval == "84% to 100%"
    assert weighted_kappa("one", [[(4, 2)]] * 60).value == pytest.approx(
        0
    )  # people and labeller each say one thing only
    one_other = alpha_between("one", [[[3, 3]]] * 59 + [[[3, 2]]], 5, "ordinal", "response")
    assert within(one_other)


# -- whole rows


def row_of(
    number: int, labeller: dict[str, Sequence[float]], *people: tuple[str, str | None, dict[str, int]], repeats: int = 1
) -> Judged:
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
            row_id, name, "submitted", {**({"decision": decision} if decision else {}), **answers}, reviewer_id=name
        )
        for name, decision, answers in people
    ]
    return Judged(row, ratings, verdicts)


def of(found: Agreement, aspect: str, name: str) -> Measure:
    return next(one for one in found.labeller[aspect] if one.name == name)


def between(found: Agreement, name: str) -> Measure:
    return next(one for one in found.reviewers if one.name == name)


def sample() -> list[Judged]:
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
    twice = Judged(row.row, [*row.ratings, Rating(0, "honesty", 1, "rated", 3.0)], row.verdicts)  # mean 3.5
    found = agreement([twice] * 30)
    assert of(found, "honesty", "same decision").value == 1
    assert of(found, "honesty", "same rating").value == 1
    assert of(found, "honesty", "people minus labeller").value == 0.5


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


def test_what_the_labeller_did_not_rate_is_left_out() -> None:
    unrated = row_of(1, {}, ("ada", "approve", {"honesty-1": 4, "honesty-7": 2}))
    failed = Judged(unrated.row, [Rating(0, "honesty", 0, "unrated", None)], unrated.verdicts)
    assert agreement([unrated, failed]).labeller == {}
    assert agreement([]) == Agreement(reviewers=agreement([]).reviewers)
    assert agreement([]).reviewers[0].shown == "20 more rows needed"
    bare = Judged(Row(({"role": "user", "content": "x"},), (), {}, "r"), [], [])
    assert agreement([bare] * 3).rows == 3


# -- a run


@pytest.fixture
def reviewed(here: Settings, store: Store) -> str:
    """A run of 25 rows, each approved by two people and rated 4, 5 or 2; the last five are not of the audit sample."""
    run = workflow.start(store, here, example())

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
                "INSERT INTO responses VALUES(?,0,0,'The Loire.','m',NULL,'stop',1,1,'2026-01-01','',2)", (row_id,)
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

    store.reviews.db.write(write)
    said = [
        Verdict(
            f"{run.id}-{k}", name, "submitted", {"decision": "approve", "honesty-1": 3 + k % 2}, {}, f"c{k}", f"{name}{k}",
            name, "2026-01-02", "2026-01-02",
        )
        for k in range(25)
        for name in ("ada", "bob")
    ]  # fmt: skip
    all_said(store, "d", said)
    return run.id


def test_only_audit_rows_of_a_run_count(store: Store, here: Settings, reviewed: str, command: Command) -> None:
    assert store.reviews.audit_rows(reviewed) == {f"{reviewed}-{k}" for k in range(20)}
    found = workflow.agreement(store, store.runs.get(reviewed))
    assert (found.rows, found.reviewed, found.reviews) == (20, 20, 40)
    same = of(found, "honesty", "same decision")
    assert (same.n, same.value) == (40, 0.75)  # all approve; the labeller would keep the 15 that it rates 4
    assert between(found, "decision").shown == "not defined: everybody said the same"
    assert between(found, "honesty").value == pytest.approx(1)
    assert api.agreement(reviewed, data=here.data) == found
    ended = command("agreement", "last", "--json", data=here.data)
    assert ended.code == 0 and ended.json == found.plain()
    words = list(in_words(found))
    assert words[0].startswith("20 of 20 audit rows reviewed, 40 times in all, 0 of them without")
    assert "  same decision: 75% (60% to 86%), n = 40" in words
    assert "  weighted kappa: 10 more reviews needed, n = 40" in words


def test_the_page_says_what_is_known_and_what_lacks(store: Store, here: Settings, reviewed: str) -> None:
    desk = Desk(store, here, Jobs(store, here), Standby(here, lambda words: None))
    run, other = store.runs.get(reviewed), workflow.start(store, here, example())
    for one in (run, other):
        desk.counted(one, figures.agreement)  # a page does not wait for it for long
    html = panels(desk.look("somebody", reviewed, {}))
    assert "20 of 20 audit rows reviewed" in html and "Only the audit sample counts" in html
    assert "<td>75%</td><td>60% to 86%</td><td>40</td>" in html
    assert "<td>10 more reviews needed</td>" in html
    assert "not defined: everybody said the same" in html
    assert "<td>honesty</td><td>20</td><td>0</td>" in html  # two ratings of each response, the same
    assert "People&#x27;s ratings by the labeller&#x27;s" in html and '<th scope="row">5</th>' in html
    assert '<td class=same style="--v:0.875">14</td>' in html  # 4 by both: seven rows, two people; 3 on 4: 16
    nothing = panels(desk.look("somebody", other.id, {}))
    assert "no row of this run was sent to Argilla as part of an audit sample" in nothing


def test_a_run_without_audit_rows_says_so(store: Store, here: Settings) -> None:
    run = workflow.start(store, here, example())
    found = workflow.agreement(store, run)
    assert found.rows == 0 and found.labeller == {}
    assert next(iter(in_words(found))).startswith("0 of 0 audit rows reviewed")


def test_what_people_say_in_argilla(tmp_path: Path, store: Store, here: Settings, argilla: ArgillaServer) -> None:
    """Sent as an audit, answered by two people there, brought back."""
    file = tmp_path / "rows.jsonl"
    asked = [{"instruction": f"Question {k}?", "response": f"Answer {k}."} for k in range(24)]
    file.write_text("".join(json.dumps(row) + "\n" for row in asked))
    run, rows = run_of(store, here, Inputs(path=str(file)))
    rated = replace(workflow.recipe_of(run), rating=UltraFeedback(aspects=("honesty",)))
    store.runs.set(run.id, recipe=workflow.recipe_text(rated))

    async def rate() -> None:
        for k, row in enumerate(rows):
            await store.ratings.keep(
                row.id, content_hash(row), "judge", [Rating(0, "honesty", 0, "rated", 3.0 + k % 3, model="judge")]
            )
            await store.ratings.done(row.id, "judge")

    asyncio.run(rate())
    where = Argilla(argilla.url, argilla.api_key, own=True)
    sent = workflow.push(store, store.runs.get(run.id), where, lambda done, total: None)
    with httpx.Client(base_url=argilla.url, headers={"X-Argilla-Api-Key": argilla.api_key}, timeout=30) as owner:
        records = owner.get(f"/api/v1/datasets/{sent.to.id}/records", params={"limit": 100}).json()["items"]
        assert sent.pushed.refused == []
        ids = {record["external_id"]: record["id"] for record in records}
        name = f"second-{run.id[-4:]}"
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
    workflow.pull(store, store.runs.get(run.id), where)

    found = workflow.agreement(store, store.runs.get(run.id))
    assert (found.rows, found.reviewed, found.reviews, found.blind) == (24, 24, 48, 0)
    units = [[(k % 3) + 2, (k + (k < 6)) % 3 + 2] for k in range(24)]
    assert between(found, "honesty").value == pytest.approx(by_pairs(units, "ordinal"))
    assert between(found, "decision").value == pytest.approx(1)
    exact = of(found, "honesty", "same rating")
    assert (exact.n, exact.value) == (48, 42 / 48)  # the first says what the labeller does, the second not of six rows
    # kept by the labeller: k % 3 is 1 or 2; approved: k % 4 is not 0. They are the same for 7 of every 12 rows
    same = [(k % 3 > 0) == (k % 4 > 0) for k in range(24)]
    assert of(found, "honesty", "same decision").value == sum(same) / 24 == 14 / 24
