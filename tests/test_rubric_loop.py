"""Rubrics of 3, 7 and 10 levels and a pass/fail one through the loop: the real model, the real Argilla, figures worked out here."""

import asyncio
import random
from collections import Counter
from statistics import fmean
from typing import Any

from app import services, workflow
from app.cli.output import agreement as in_words
from app.config import Settings
from app.recipe import parse, recipe_of
from app.review.argilla import Argilla
from app.review.reviewed_rows import agreement_of, judged_rows
from app.store.store import Store
from app.workspace import Workspace
from feedback.exports.preference_pairs import Rule, pair
from feedback.exports.record_formats import kto
from feedback.rubrics import WHOLE_ROW
from feedback.stats.histograms import by_aspect
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer, another

ROWS = 3
RUBRICS: list[dict[str, Any]] = [
    {"name": "passes", "question": "Does the response name a river?", "levels": ["it does not", "it does"]},
    {"name": "Plain words", "question": "Is it in plain words?", "levels": ["no", "in part", "yes"], "keep_from": 2},
    {"name": "语气", "question": "Is the tone kind?", "levels": [f"kindness {n}" for n in range(1, 8)]},
    {"name": "length", "question": "Is it as long as it should be?", "levels": [f"fit {n}" for n in range(1, 11)]},
    {
        "name": "clear", "question": "Can the instruction be answered as it stands?", "levels": ["no", "in part", "yes"],
        "judges": "instruction",
    },
]  # fmt: skip


def test_rubrics_through_the_loop(
    services_data: Settings,
    local_model: services.Running,
    where: Argilla,
    argilla: ArgillaServer,
    owner: Reviewer,
) -> None:
    with Store(services_data.data) as store:
        _loop(store, Workspace(services_data, store), where, argilla, owner)


def _loop(store: Store, workspace: Workspace, where: Argilla, argilla: ArgillaServer, owner: Reviewer) -> None:
    name = f"rubrics-{random.randrange(10**9)}"
    model = {"preset": "local", "concurrency": 8, "max_tokens": 48}
    recipe = {
        "name": name, "rows": ROWS, "generator": model, "labeller": {**model, "temperature": 0.0, "max_tokens": 400},
        "task": {"kind": "magpie", "max_instruction_tokens": 40}, "answers": {"n": 2}, "rubrics": RUBRICS,
        "rating": {"together": False}, "review": {"aspects": ["Plain words", "clear"], "blind_audit": True},
    }  # fmt: skip
    run = asyncio.run(workflow.generate(workspace, workflow.start(workspace, parse(recipe)), lambda *_: None))
    made = recipe_of(run)
    assert made.rating is not None
    keys = dict(zip(("passes", "plain", "tone", "length", "clear"), made.rating.keys, strict=True))
    levels = {keys[short]: size for short, size in zip(keys, (2, 3, 7, 10, 3), strict=True)}
    before = list(judged_rows(store, run))
    assert len(before) == ROWS
    values = {key: [r.value for row in before for r in row.ratings if r.aspect == key and r.value] for key in levels}
    for key, given in values.items():
        assert given and all(1 <= value <= levels[key] for value in given), key
    histograms = by_aspect(store.ratings.histogram(run.id))
    for key, given in values.items():
        counted = Counter(round(value) for value in given)
        assert histograms[key].counts == [counted[level] for level in range(1, levels[key] + 1)]

    # Argilla asks on the same levels
    workflow.push(workspace, run, where, lambda *_: None, dataset=name)
    asked = {q["name"]: q for q in owner.questions(name) if q["settings"]["type"] == "rating"}
    plain = keys["plain"]
    assert asked.keys() == {f"{plain}-1", f"{plain}-2", "clear-0"}
    for question in asked.values():
        assert [option["value"] for option in question["settings"]["options"]] == [1, 2, 3]
    assert "2 = in part" in asked[f"{plain}-1"]["description"]
    with another(argilla, f"ann-{name}") as ann:
        for number, record in enumerate(owner.records(name)):
            decision = "approve" if number % 2 else "reject"
            ratings: dict[str, Any] = {f"{plain}-1": number % 3 + 1, f"{plain}-2": 3, "clear-0": 2}
            ann.say(record, decision=decision, **ratings)
    workflow.pull(workspace, run, where)
    after = list(judged_rows(store, run))
    reviews = [(row, verdict) for row in after for verdict in row.submitted]
    assert len(reviews) == ROWS
    for row, verdict in reviews:
        assert verdict.own_ratings[("clear", WHOLE_ROW)] == 2
        assert row.scale.levels == 5  # as scales of several kinds meet
    found = agreement_of(store, run)
    between = [line for line in in_words(found, made.known_rubrics) if "needs a second reviewer" in line]
    assert [line.strip().partition(":")[0] for line in between] == ["decision", "clear", "Plain words"]
    pairs = [
        (value, fmean(r.value for r in row.ratings if r.aspect == plain and r.response == index and r.value))
        for row, verdict in reviews
        for (aspect, index), value in verdict.own_ratings.items()
        if aspect == plain and any(r.aspect == plain and r.response == index and r.value for r in row.ratings)
    ]
    table = [[0] * 3 for _ in range(3)]
    for value, mean in pairs:
        table[value - 1][int(mean + 0.5) - 1] += 1
    assert [list(line) for line in found.tables[plain]] == table and sum(map(sum, table)) == len(pairs)
    clear = [r.value for row in after for r in row.ratings if r.aspect == "clear" and r.value]
    assert [list(line) for line in found.tables["clear"]] == [
        [0, 0, 0], [sum(value == level for value in clear) for level in (1, 2, 3)], [0, 0, 0],
    ]  # fmt: skip
    keeps = [_keeps(row, plain, 2) == (verdict.decision == "approve") for row, verdict in reviews if _rated(row, plain)]
    same = next(measure for measure in found.labeller[plain] if measure.name == "same decision")
    assert (same.n, same.missing) == (len(keeps), max(0, 20 - len(keeps)))

    # pairs and KTO by the scale of what was rated: people's ratings of 1 to 3, put onto 1 to 5, before the labeller's
    for row in after:
        first, second = (row.score(index) for index in (0, 1))
        preferred = pair(row, Rule(margin=0.5))
        told = first is not None and second is not None and abs(first - second) >= 0.5
        texts = {response.text.strip() for response in row.row.responses}
        assert (preferred is not None) == (told and len(texts) == 2)
        if preferred is not None:
            assert row.score(preferred.chosen.place) == max(first or 0, second or 0)
        for line in kto(row, Rule()):
            if "rated" in line["because"]:
                score = row.score(line["response"])
                assert score is not None and (score >= row.scale.keep if line["label"] else score <= row.scale.low)


def _rated(row: Any, key: str) -> bool:
    return any(r.aspect == key and r.value for r in row.ratings)


def _keeps(row: Any, key: str, threshold: int) -> bool:
    from feedback.rating_summary import best_response

    best = best_response(row.row, row.ratings)
    values = [r.value for r in row.ratings if r.aspect == key and r.response == best and r.value]
    return bool(values) and int(fmean(values) + 0.5) >= threshold
