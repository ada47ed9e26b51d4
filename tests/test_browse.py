"""Rows are found by what they say, by their ratings and by what people decided."""

import itertools
from dataclasses import replace

import pytest

from app.store import Store
from app.tables.browse import ORDERS, Wanted
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
    asked = Wanted(**wanted)  # type: ignore[arg-type]  # as the fields hold them
    ids = store.browse.page(run.id, asked, 0, 100)
    assert [one for at in range(0, 100, 3) for one in store.browse.page(run.id, asked, at, 3)] == ids
    assert store.browse.count(run.id, asked) == len(ids)
    everybody = [row.id for row in store.rows.page(run.id, 0, 100)]
    places = {one: store.browse.place(run.id, asked, one) for one in everybody}
    assert places == {one: ids.index(one) if one in ids else None for one in everybody}
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
    ids_ = store.browse.page(run.id, Wanted(status="reject"), 0, 9, majority=False)
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


def test_filters_go_together(store: Store) -> None:
    """Whatever is chosen together gives the rows that fit each of it, in the order that is wanted."""
    run = with_run(store, 30, responses=2, rate=lambda number, responses: rate(number % 7, responses))
    ids = [row.id for row in store.rows.page(run.id, 0, 30)]
    for number in (3, 8, 22):
        row = store.rows.get(ids[number])
        store.rows.edit(replace(row, responses=(replace(row.responses[0], model="model-9"),)), "tester")
    add_rows(store, run, 30, 34, responses=1, rate=lambda number, responses: rate(1, responses))
    for number in (1, 8, 9, 31):
        store.quick.say(store.rows.page(run.id, number, 1)[0].id, ME, {"decision": "approve"}, {})
    store.rows.mark(ids[2], "kept", "dropped", "by hand")
    alone = {
        "text": ["", "river 1"], "status": ["", "approve", "unsent", "waiting"], "rating": ["", "low", "high", "missing"],
        "spread": ["", "repeats", "far"], "model": ["", "model-0", "model-9"],
    }  # fmt: skip
    for aspect in ("", "helpfulness", "honesty"):
        fits = {
            (name, value): set(found(store, run, aspect=aspect, **{name: value}))
            for name in alone
            for value in alone[name]
        }
        orders = {order: found(store, run, aspect=aspect, order=order) for order in ORDERS}
        assert all(sorted(rows) == orders[""] for rows in orders.values()) and 2 not in orders[""]
        for values in itertools.product(*alone.values()):
            chosen = dict(zip(alone, values, strict=True))
            both = set.intersection(*(fits[one] for one in chosen.items()))
            for order in ("", "lowest", "apart"):
                asked = Wanted(aspect=aspect, order=order, **chosen)
                page = [int(one.split("-")[-2]) for one in store.browse.page(run.id, asked, 0, 100)]
                assert page == [one for one in orders[order] if one in both], asked
                assert store.browse.count(run.id, asked) == len(both)


def test_many_sets_of_models_are_read_together(store: Store, run: Run) -> None:
    for number, row in enumerate(store.rows.page(run.id, 0, 8)):
        store.rows.edit(
            replace(row, responses=(replace(row.responses[0], model=f"pen-{number}"), row.responses[1])), "me"
        )
    with_many = found(store, run, model="model-1"), found(store, run, model="pen-3"), found(store, run, model="pen")
    assert with_many == (list(range(8)), [3], [])


FILTERS = [
    Wanted(rating="low", aspect="honesty"), Wanted(rating="high"), Wanted(rating="missing"), Wanted(spread="far"),
    Wanted(spread="repeats"), Wanted(model="model-1"), Wanted(status="unsent"), Wanted(status="waiting"),
    *(Wanted(order=order) for order in ORDERS if order),
]  # fmt: skip


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_no_filter_reads_all_rows(store: Store, run: Run, wanted: Wanted) -> None:
    asked: list[str] = []
    store.db.reader.set_trace_callback(asked.append)
    store.browse.page(run.id, wanted, 0, 10)
    store.browse.count(run.id, wanted)
    store.db.reader.set_trace_callback(None)
    for sql in asked:
        plan = [str(line["detail"]) for line in store.db.all(f"EXPLAIN QUERY PLAN {sql}")]
        assert not any(line.startswith(("SCAN rows", "SCAN scores")) for line in plan), plan
        sorts = sum("USE TEMP B-TREE FOR ORDER BY" in line for line in plan)
        assert sorts == (wanted.status == "waiting"), plan  # there, of what people said of a row
