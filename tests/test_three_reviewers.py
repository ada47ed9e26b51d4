"""Sixty rows, two reviewers in Argilla and one in the app, ratings of each kind: what comes out is what is worked out here."""

import json
import random
import re
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from app import workflow
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.review.reviewed_rows import agreement_of
from app.store.runs import Run
from app.store.store import Store
from feedback.exports.dataset_card import Summary, _ratings
from feedback.exports.selection import Export
from feedback.types import Rating
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, another, made_of, with_run
from tests.make_workspace import make_workspace
from tests.plain_measures import by_pairs
from tests.test_agreement import between, of

ROWS, IN_THE_APP = 60, 20


def labeller(number: int, place: int) -> int | None:
    """Its rating of a response; each fourth row's second one it could not rate."""
    return None if place == 1 and number % 4 == 3 else (number + 2 * place) % 5 + 1


def ann(number: int) -> tuple[str, dict[int, int]]:
    return "approve" if number % 3 else "reject", {0: number * 2 % 5 + 1}


def bob(number: int) -> tuple[str, dict[int, int]]:
    """Leaves the first rating as it is suggested, and where none is he says the same."""
    first = labeller(number, 0)
    assert first is not None
    return "approve" if number % 2 else "reject", {0: first, 1: 5}


def cy(number: int) -> tuple[str, dict[int, int]]:
    return "approve", {0: 3}


def kind(given: int, suggested: int | None, *, blind: bool) -> str:
    if blind or suggested is None:
        return "given"
    return "accepted" if given == suggested else "changed"


@pytest.fixture
def reviewed(store: Store, where: Argilla, argilla: ArgillaServer, owner: Reviewer) -> tuple[Run, set[int]]:
    """The run, and the numbers of the rows whose audit was blind."""
    name = f"three-{random.randrange(10**9)}"

    def rate(number: int, responses: int) -> list[Rating]:
        values = [labeller(number, place) for place in range(responses)]
        return [
            Rating(place, "helpfulness", 0, "rated" if value else "unrated", value, "Why.", model="judge")
            for place, value in enumerate(values)
        ]

    recipe = made_of(rating={"aspects": ["helpfulness"]}, review={"blind_audit": True, "min_submitted": 2})
    run = with_run(store, ROWS, recipe, responses=2, rate=rate, name=name)
    workflow.push(make_workspace(store), run, where, lambda done, total: None, dataset=name)
    blind = set()
    with another(argilla, f"ann-{name}") as first, another(argilla, f"bob-{name}") as second:
        for record in owner.records(name):
            number = int(record["external_id"].rsplit("-", 2)[1])
            shown = [re.findall(r"said by (\d)", record["fields"][f"response-{k}"])[0] for k in (1, 2)]
            if record["metadata"]["sample"] == "audit":
                blind.add(number)
            for reviewer, said in ((first, ann), (second, bob)):
                decision, ratings = said(number)
                answers: dict[str, Any] = {
                    f"helpfulness_{shown.index(str(place)) + 1}": value for place, value in ratings.items()
                }
                reviewer.say(record, **{"decision": decision, **answers})
    workflow.pull(make_workspace(store), run, where)
    for row in store.rows.page(run.id, 0, IN_THE_APP):
        decision, ratings = cy(row.unit)
        suggested = {f"helpfulness-{k + 1}": value for k in (0, 1) if (value := labeller(row.unit, k)) is not None}
        pressed = {f"helpfulness-{place + 1}": value for place, value in ratings.items()}
        is_blind = row.unit in blind
        for press in (pressed, {"decision": decision}):
            seen = None if is_blind else suggested
            store.local_verdicts.say(row.id, "cy (in the app)", press, {}, blind=is_blind, suggested=seen)
    return store.runs.get(run.id), blind


def people(number: int) -> dict[str, tuple[str, dict[int, int]]]:
    each = {"ann": ann(number), "bob": bob(number)}
    return {**each, "cy": cy(number)} if number < IN_THE_APP else each


def own(number: int, place: int, *, blind: bool) -> tuple[list[int], list[int]]:
    """(what people gave or changed of a response, what they only accepted)"""
    mine: list[int] = []
    accepted: list[int] = []
    for who, (_, ratings) in people(number).items():
        if place in ratings:
            value = ratings[place]
            is_own = who == "cy" or kind(value, labeller(number, place), blind=blind) != "accepted"
            (mine if is_own else accepted).append(value)
    return mine, accepted


def test_what_comes_out_is_what_was_said(store: Store, reviewed: tuple[Run, set[int]], tmp_path: Path) -> None:
    run, blind = reviewed
    assert len(blind) == 50

    # whose each rating is
    kinds: defaultdict[str, int] = defaultdict(int)
    for row in store.rows.page(run.id, 0, ROWS):
        verdicts = {verdict.reviewer[:3]: verdict for verdict in store.verdicts.of([row.id])[row.id]}
        assert verdicts.keys() == {who.ljust(3) for who in people(row.unit)}
        for who, said in (("ann", ann), ("bob", bob)):
            decision, ratings = said(row.unit)
            assert verdicts[who].decision == decision and verdicts[who].blind == (row.unit in blind)
            assert verdicts[who].ratings == {("helpfulness", place): value for place, value in ratings.items()}
            for place, value in ratings.items():
                expected = kind(value, labeller(row.unit, place), blind=row.unit in blind)
                assert verdicts[who].origin(f"helpfulness-{place + 1}") == expected
                kinds[expected] += 1
    assert all(kinds[name] for name in ("given", "changed", "accepted")), kinds

    # what is exported
    done = workflow.export(make_workspace(store), run, Export(format="sft", path=str(tmp_path / "out.jsonl")))
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    approved = []
    for number in range(ROWS):
        decisions = [decision for decision, _ in people(number).values()]
        if decisions.count("approve") > decisions.count("reject"):
            approved.append(number)
    assert done.written == len(lines) == len(approved)
    for number, line in zip(approved, lines, strict=True):
        worth: dict[int, float | None] = {}
        for place in (0, 1):
            mine, _ = own(number, place, blind=number in blind)
            worth[place] = fmean(mine) if mine else labeller(number, place)
        best = max(worth, key=lambda place: worth[place] or 0)
        assert line["model"] == f"model-{best}", (number, worth)
        mine, accepted = own(number, best, blind=number in blind)
        assert line["rating"] == labeller(number, best)
        assert line["rating_by_people"] == (round(fmean(mine), 4) if mine else None)
        assert line["rating_accepted"] == (round(fmean(accepted), 4) if accepted else None)

    # agreement: the audit alone, which was blind
    found = agreement_of(store, run)
    in_app = [number for number in blind if number < IN_THE_APP]
    assert (found.rows, found.reviewed, found.reviews) == (50, 50, 100 + len(in_app))
    assert (found.blind, found.accepted) == (found.reviews, {})
    same: list[bool] = []
    pairs: list[tuple[int, int]] = []
    values: list[list[int]] = []
    votes: list[list[int]] = []
    for number in sorted(blind):
        top = max(rated for place in (0, 1) if (rated := labeller(number, place)) is not None)
        each = people(number)
        same += [(top >= 4) == (vote == "approve") for vote, _ in each.values()]
        votes.append([int(vote == "reject") for vote, _ in each.values()])
        for place in (0, 1):
            mine, _ = own(number, place, blind=True)
            beside = labeller(number, place)
            if beside is not None:
                pairs += [(given, beside) for given in mine]
            if len(mine) > 1:
                values.append([value - 1 for value in mine])
    alike, exact = of(found, "helpfulness", "same decision"), of(found, "helpfulness", "same rating")
    assert alike.n == len(same) and alike.value == pytest.approx(fmean(same))
    assert exact.n == len(pairs) and exact.value == pytest.approx(fmean(one == other for one, other in pairs))
    apart = of(found, "helpfulness", "people minus labeller")
    assert apart.value == pytest.approx(fmean(one - other for one, other in pairs))
    observed = fmean((one - other) ** 2 for one, other in pairs)
    chance = fmean((one - other) ** 2 for one, _ in pairs for _, other in pairs)
    assert of(found, "helpfulness", "weighted kappa").value == pytest.approx(1 - observed / chance)
    assert between(found, "decision").value == pytest.approx(by_pairs(votes, "nominal"))
    assert between(found, "helpfulness").value == pytest.approx(by_pairs(values, "ordinal"))

    # the card, of the rows that were exported
    summary = Summary()
    rows = {row.unit: row.id for row in store.rows.page(run.id, 0, ROWS)}
    for judged in reviewed_rows.judged_of(store, run, [rows[number] for number in approved]).values():
        summary.add(judged, [])
    text = _ratings(summary)
    for place in (0, 1):
        said_of = [own(number, place, blind=number in blind)[0] for number in approved]
        mine = [value for each in said_of for value in each]
        assert f"{fmean(mine):.2f} ({len(mine)}) |" in next(
            line for line in text.splitlines() if f"model-{place}" in line
        )
    left = sum(len(own(number, place, blind=number in blind)[1]) for number in approved for place in (0, 1))
    assert f"{left} more rating" in text


def test_the_two_kinds_of_rating_are_never_mixed(store: Store, reviewed: tuple[Run, set[int]], tmp_path: Path) -> None:
    """In the raw export each rating names whose it is."""
    run, blind = reviewed
    workflow.export(make_workspace(store), run, Export(format="raw", path=str(tmp_path / "raw.jsonl")))
    for text in (tmp_path / "raw.jsonl").read_text().splitlines():
        line: dict[str, Any] = json.loads(text)
        for verdict in line["verdicts"]:
            answers, origins = json.loads(verdict["answers"]), json.loads(verdict["origins"])
            assert verdict["blind"] == (line["unit"] in blind)
            assert origins.keys() == {name for name in answers if name.startswith("helpfulness")}
