"""Ratings that come with a dataset are taken over where they are on our scale, and stay with the response that they are of."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import dataset_import, workflow
from app.config import Settings
from app.store.store import Store
from app.workspace import Workspace
from feedback.labeller.given_ratings import GIVEN, given_ratings
from tasks import ExistingRows
from tasks.types import Response, Row
from tests.scripts import made, row

ROW = Row(({"role": "user", "content": "Name a river."},), (Response("The Loire.", "a"), Response("A car.", "b")))


def annotated(rating: Any, reason: str = "") -> dict[str, Any]:
    return {"annotations": {"helpfulness": {"Rating": rating, "Rationale": reason}}}


def distilabel(*ratings: Any) -> dict[str, Any]:
    return {
        "per_response": [
            {"distilabel": {"rating": rating, "rationale": f"because {k}"}} for k, rating in enumerate(ratings)
        ]
    }


@pytest.mark.parametrize(
    ("origin", "ratings"),
    [
        (
            {"per_response": [annotated("5", "Right."), annotated("1")]},
            [(0, "helpfulness", 5, "Right."), (1, "helpfulness", 1, "")],
        ),
        ({"per_response": [{}, annotated(2)]}, [(1, "helpfulness", 2, "")]),
        ({"per_response": [annotated("N/A"), annotated("9")]}, []),
        ({"per_response": [{"annotations": {"helpfulness": None}}, "odd"]}, []),
        ({"per_response": [annotated("5")]}, []),
        (distilabel(5, None), [(0, "overall-rating", 5, "because 0")]),
        (distilabel("4", 2.0), [(0, "overall-rating", 4, "because 0"), (1, "overall-rating", 2, "because 1")]),
        (distilabel(9, 3), []),
        (distilabel(1.0, 0.2), []),
        (distilabel(True, 2), []),
        ({"ratings": [5, 1]}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_given_ratings(origin: dict[str, Any], ratings: list[tuple[int, str, float, str]]) -> None:
    found = given_ratings(replace(ROW, origin=origin))
    assert [(r.response, r.aspect, r.value, r.rationale) for r in found] == ratings
    assert all(r.model == GIVEN and r.lengths == (10, 6) for r in found)


@pytest.mark.parametrize(
    ("given", "ratings"),
    [
        ({"generations": ["A", "", "C"], "ratings": [4, 1, 2]}, {"A": 4, "C": 2}),
        ({"generations": ["A", None, "C"], "ratings": [4, 1, 2]}, {"A": 4, "C": 2}),
        ({"generation": "A", "generations": ["A", "B"], "ratings": [4, 2]}, {"A": 4, "B": 2}),
        ({"response": "M", "generations": ["A", "B"], "ratings": [4, 2]}, {"A": 4, "B": 2}),
        ({"chosen": "B", "rejected": "A", "generations": ["A", "B"], "ratings": [1, 5]}, {}),
        ({"generations": ["A", "B"], "ratings": [4, 5, 3]}, {}),
        ({"responses": ["A", "B"], "ratings": [4, 5]}, {}),
    ],
)
def test_a_rating_stays_with_the_response_that_it_is_of(given: dict[str, Any], ratings: dict[str, float]) -> None:
    one = row(made(ExistingRows(), {"instruction": "Q?", **given}))
    assert {one.responses[rating.response].text: rating.value for rating in given_ratings(one)} == ratings


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
    started = workflow.start(
        Workspace(here, store), dataset_import.recipe_of(dataset_import.inputs_of(str(file)), "mine")
    )
    run = asyncio.run(workflow.generate(Workspace(here, store), started, lambda execution, total: None))
    (kept,) = store.rows.walk(run.id)
    (rating,) = store.ratings.of([kept.id])[kept.id]
    assert (rating.response, rating.aspect, rating.value, rating.model) == (0, "honesty", 4.0, GIVEN)
    assert [response.model for response in kept.responses] == ["b"]
    assert store.runs.counts(run.id).rated == 1
