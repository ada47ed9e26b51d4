"""Ratings that come with a dataset are taken over where they are on our scale, and stay with the response that they are of."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import importing, workflow
from app.config import Settings
from app.store import Store
from feedback.given_ratings import GIVEN, given_ratings
from tasks.types import Response, Row

ROW = Row(({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("A car.", "b")))


def annotated(rating: Any, reason: str = "") -> dict[str, Any]:
    return {"annotations": {"helpfulness": {"Rating": rating, "Rationale": reason}}}


@pytest.mark.parametrize(
    ("origin", "ratings"),
    [
        (
            {"answers": [annotated("5", "Right."), annotated("1")]},
            [(0, "helpfulness", 5, "Right."), (1, "helpfulness", 1, "")],
        ),
        ({"answers": [{}, annotated(2)]}, [(1, "helpfulness", 2, "")]),
        ({"answers": [annotated("N/A"), annotated("9"), annotated("5")]}, []),
        ({"answers": [{"annotations": {"helpfulness": None}}, "odd"]}, []),
        ({"ratings": [5, None], "rationales": ["Right.", None]}, [(0, "overall-rating", 5, "Right.")]),
        ({"ratings": "[4, 2]"}, [(0, "overall-rating", 4, ""), (1, "overall-rating", 2, "")]),
        ({"ratings": [True, 0.5]}, []),
        ({"ratings": {"a": 1}}, []),
        ({}, []),
    ],
)
def test_given_ratings(origin: dict[str, Any], ratings: list[tuple[int, str, float, str]]) -> None:
    found = given_ratings(replace(ROW, origin=origin))
    assert [(r.response, r.aspect, r.value, r.rationale) for r in found] == ratings
    assert all(r.model == GIVEN and r.lengths == (10, 6) for r in found)


def test_an_imported_row_is_rated_as_its_dataset_says(store: Store, here: Settings, tmp_path: Path) -> None:
    completions = [
        {"model": "a", "response": ""},
        {
            "model": "b",
            "response": "The Loire.",
            "annotations": {"honesty": {"Rating": "4", "Rationale": "Sure of it."}},
        },
    ]
    file = tmp_path / "ultrafeedback.jsonl"
    file.write_text(
        json.dumps({"instruction": "Name a river.", "models": ["a", "b"], "completions": completions}) + "\n"
    )
    started = workflow.start(store, here, importing.recipe_of(importing.inputs_of(str(file)), "mine"))
    run = asyncio.run(workflow.generate(store, here, started, lambda execution, total: None, lambda words: None))
    (row,) = store.rows.walk(run.id)
    (rating,) = store.ratings.of([row.id])[row.id]
    assert (rating.response, rating.aspect, rating.value, rating.model) == (0, "honesty", 4.0, GIVEN)
    assert [response.model for response in row.responses] == ["b"]
    assert store.runs.counts(run.id)["rated"] == 1
