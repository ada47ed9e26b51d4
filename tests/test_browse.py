"""Rows are found by what they say, by their ratings and by what people decided."""

from dataclasses import replace

import pytest

from app.store import Store
from app.tables.browse import Wanted
from app.tables.runs import Run
from feedback.types import Rating
from tests.rows import add_rows, edit, with_run

ME = "me (in the app)"


def rate(number: int, responses: int) -> list[Rating]:
    """The first rows 1 to 5 under helpfulness, two apart between responses and one apart between repeats; honesty always 5."""
    if number == 5:
        return [Rating(0, "helpfulness", 0, "unrated", None, note="no rating in the answer")]
    if number > 5:
        return []
    values = [(0, 0, number + 1.0), (0, 1, max(number + 0.0, 1)), (1, 0, min(number + 3.0, 5))]
    said = [Rating(place, "helpfulness", repeat, "rated", value, "Why.") for place, repeat, value in values]
    return [*said, Rating(0, "honesty", 0, "rated", 5.0, "Why.")]


@pytest.fixture
def run(store: Store) -> Run:
    return with_run(store, 8, responses=2, rate=rate)


def found(store: Store, run: Run, **wanted: str) -> list[int]:
    ids = store.browse.ids(run.id, Wanted(**wanted))  # type: ignore[arg-type]  # as the fields hold them
    return [int(one.split("-")[-2]) for one in ids]


def test_everything_in_order(store: Store, run: Run) -> None:
    assert found(store, run) == list(range(8))
    assert Wanted(aspect="honesty").everything and not Wanted(text="a").everything


def test_by_rating(store: Store, run: Run) -> None:
    assert found(store, run, aspect="helpfulness", rating="low") == [0, 1]
    assert found(store, run, aspect="helpfulness", rating="middle") == [2]
    assert found(store, run, aspect="helpfulness", rating="high") == [3, 4]
    assert found(store, run, aspect="honesty", rating="high") == [0, 1, 2, 3, 4]
    assert found(store, run, rating="missing") == [5, 6, 7]
    assert found(store, run, rating="low") == [0]  # all aspects together: the mean of 1, 1 and 5 is under 2.5


def test_by_spread_and_order(store: Store, run: Run) -> None:
    assert found(store, run, spread="repeats") == [1, 2, 3, 4]
    assert found(store, run, aspect="helpfulness", spread="far") == [0, 1, 2]
    assert found(store, run, aspect="helpfulness", order="lowest") == [0, 1, 2, 3, 4, 5, 6, 7]
    assert found(store, run, aspect="helpfulness", order="highest")[0] in (2, 3, 4)
    assert found(store, run, order="spread")[:4] == [1, 2, 3, 4]


def test_by_text(store: Store, run: Run) -> None:
    edit(store, store.rows.page(run.id, 6, 1)[0].id, '100% der Flüsse_groß "quoted"')
    assert found(store, run, text="RIVER 3") == [3]
    assert found(store, run, text="number 4") == [4]
    assert (
        found(store, run, text="100%") == found(store, run, text="flüsse_") == found(store, run, text='"QUOTED"') == [6]
    )
    assert found(store, run, text="River_3") == [] and found(store, run, text="%") == [6]
    assert found(store, run, text="  river 3  ") == [3]
    assert found(store, run, text="\ud800 nothing") == []


def test_by_model_and_status(store: Store, run: Run) -> None:
    ids = [row.id for row in store.rows.page(run.id, 0, 8)]
    assert store.browse.models(run.id) == ["model-0", "model-1"]
    assert found(store, run, model="model-1") == list(range(8)) and found(store, run, model="nobody") == []
    for row, said in zip(ids, ("approve", "reject", "unsure"), strict=False):
        store.quick.say(row, ME, {"decision": said}, {})
    store.quick.say(ids[0], "another", {"decision": "reject"}, {})
    assert found(store, run, status="approve") == []
    assert found(store, run, status="unsure") == [0, 2]
    assert found(store, run, status="reject") == [1]
    ids_ = store.browse.ids(run.id, Wanted(status="reject"), majority=False)
    assert ids_ == ids[:2]
    assert found(store, run, status="unsent") == list(range(8)) and found(store, run, status="waiting") == []
    assert found(store, run, status="reject", text="number 1", rating="low") == []
    assert found(store, run, status="reject", text="number 1", aspect="helpfulness", rating="low") == [1]


def test_what_is_rated_or_edited_later_is_found_anew(store: Store, run: Run) -> None:
    assert found(store, run, rating="missing") == [5, 6, 7]
    add_rows(store, run, 8, 9, rate=lambda number, responses: rate(1, responses))
    assert found(store, run, rating="low", aspect="helpfulness") == [0, 1, 8]
    row = store.rows.page(run.id, 1, 1)[0]
    store.rows.edit(replace(row, responses=row.responses[:1]), "tester")
    assert found(store, run, rating="low", aspect="helpfulness") == [0, 8]
    assert 1 in found(store, run, rating="missing")
