"""What is read of two collections of models' answers; nothing is read worse than it was."""

import pytest

from tests.answer_collections import COLLECTIONS, entries, outcomes


@pytest.mark.parametrize("name", COLLECTIONS)
def test_a_collection_has_what_it_says(name: str) -> None:
    kinds = [entry["kind"] for entry in entries(name)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"rating": 40, "list": 20, "pair": 20, "rewrite": 20}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_no_rating_is_made_up(name: str) -> None:
    for entry in entries(name):
        assert entry["kind"] != "rating" or "wrong" not in outcomes(entry), entry["answer"]


@pytest.mark.parametrize(("name", "most_otherwise"), [("first", 0), ("second", 8)])
def test_nearly_all_is_read_right(name: str, most_otherwise: int) -> None:
    otherwise = [
        (number, each) for number, entry in enumerate(entries(name), 1) for each in outcomes(entry) if each != "right"
    ]
    assert len(otherwise) <= most_otherwise, otherwise
