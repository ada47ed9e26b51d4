"""Rows are found by what they say, by their ratings and by what people decided."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest

from app.review import reviewed_rows
from app.store import row_search
from app.store.row_search import ORDERS, RATED, SPREAD, STATUS, Reason, RowQuery
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from feedback.types import Rating, Verdict
from tests.make_runs import JUDGE, add_rows, all_said, edit, with_run

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
    asked = RowQuery(**wanted)  # type: ignore[arg-type]  # as the fields hold them
    ids = store.row_search.page(run.id, asked, 0, 100)
    assert [one for at in range(0, 100, 3) for one in store.row_search.page(run.id, asked, at, 3)] == ids
    assert store.row_search.count(run.id, asked) == len(ids)
    everybody = [row.id for row in store.rows.page(run.id, 0, 100)]
    places = {one: store.row_search.place(run.id, asked, one) for one in everybody}
    assert places == {one: ids.index(one) if one in ids else None for one in everybody}
    return [int(one.split("-")[-2]) for one in ids]


def test_everything_in_order(store: Store, run: Run) -> None:
    assert found(store, run) == list(range(8))
    assert RowQuery(aspect="honesty").everything and not RowQuery(text="a").everything


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
    assert store.row_search.models(run.id) == ["model-0", "model-1"]
    assert found(store, run, model="model-1") == list(range(8)) and found(store, run, model="nobody") == []
    for row, said in zip(ids, ("approve", "reject", "unsure"), strict=False):
        store.local_verdicts.say(row, ME, {"decision": said}, {})
    store.local_verdicts.say(ids[0], "another", {"decision": "reject"}, {})
    assert found(store, run, status="approve") == []
    assert found(store, run, status="unsure") == [0, 2]
    assert found(store, run, status="reject") == [1]
    ids_ = store.row_search.page(run.id, RowQuery(status="reject"), 0, 9, majority=False)
    assert ids_ == ids[:2]
    assert found(store, run, status="unsent") == list(range(8)) and found(store, run, status="waiting") == []
    assert found(store, run, status="reject", text="number 1", rating="low") == []
    assert found(store, run, status="reject", text="number 1", aspect="helpfulness", rating="low") == [1]


def test_by_mark(store: Store, run: Run) -> None:
    for number, (text, ended) in {
        1: ("I'm sorry, but I can't help with that.", "stop"), 4: ("A river that", "length"),
        6: ("I'm sorry, but I can't do that", "length"),
    }.items():  # fmt: skip
        row = store.rows.page(run.id, number, 1)[0]
        store.rows.edit(
            replace(row, responses=(row.responses[0], replace(row.responses[1], text=text, finish_reason=ended))), "me"
        )
    assert found(store, run, mark="refusal") == [1, 6] and found(store, run, mark="cut off") == [4, 6]
    assert found(store, run, mark="unknown end") == [] and found(store, run, mark="cut off", text="number 4") == [4]
    assert store.rows.marked(run.id) == {"cut off": 2, "refusal": 2}
    edit(store, store.rows.page(run.id, 6, 1)[0].id, "I can.")
    assert found(store, run, mark="refusal") == [1, 6]  # the other response is as it was
    row = store.rows.page(run.id, 6, 1)[0]
    store.rows.edit(replace(row, responses=row.responses[:1]), "me")
    assert found(store, run, mark="refusal") == [1]


def test_by_what_people_said(store: Store, run: Run) -> None:
    ids = [row.id for row in store.rows.page(run.id, 0, 8)]
    said: list[tuple[int, str, dict[str, Any], str]] = [
        (0, "ann", {"decision": "approve", "corrected-response": "Mine.", "reasons": ["badly written"]}, "submitted"),
        (0, "ben", {"decision": "reject", "reasons": ["harmful", "badly written", "harmful"]}, "submitted"),
        (1, "ann", {"decision": "approve", "corrected-response": "River 1, said by 1."}, "submitted"),  # there already
        (2, "ann", {"decision": "approve", "corrected-instruction": "Name it."}, "submitted"),
        (3, "ann", {"decision": "reject", "corrected-response": "Mine.", "reasons": ["harmful"]}, "submitted"),
        (4, "ben", {"decision": "approve", "corrected-response": "  ", "reasons": "harmful"}, "submitted"),
        (5, "ben", {"decision": "reject", "reasons": ["harmful"]}, "draft"),
        (6, "cid", {"decision": "approve", "corrected-response": "River 6, said by 0."}, "submitted"),  # as it stood there
    ]  # fmt: skip
    all_said(
        store, "d",
        [
            Verdict(ids[number], name, status, answers, {"corrected-response": f"River {number}, said by 0."}, "c",
                    f"{name}{number}", name, "2026", "2026")
            for number, name, answers, status in said
        ],
    )  # fmt: skip
    assert found(store, run, reviewer="ann") == [0, 1, 2, 3] and found(store, run, reviewer="ben") == [0, 4]
    assert store.row_search.reviewers(run.id) == ["ann", "ben", "cid"]
    assert found(store, run, status="corrected") == [2]  # the first one is undecided
    store.settlements.settle(ids[0], "approve", "ada")
    assert found(store, run, status="corrected") == [0, 2] and found(store, run, status="settled") == [0]
    assert found(store, run, status="unsure") == [] and found(store, run, status="approve") == [0, 1, 2, 4, 6]
    assert found(store, run, reason="reject harmful") == [0, 3] and found(
        store, run, reason="approve badly written"
    ) == [0]
    assert store.row_search.reasons(run.id) == [
        Reason("reject", "harmful", 2, 2), Reason("approve", "badly written", 1, 1), Reason("reject", "badly written", 1, 1),
    ]  # fmt: skip
    assert store.row_search.rejections(run.id) == (2, 2, 2)
    assert found(store, run, reason="reject harmful", reviewer="ben") == [0]
    judged = reviewed_rows.judged_of(store, run, ids)
    changed = [row for row in ids if judged[row].corrected_response() or judged[row].corrected_instruction()]
    assert [number for number, row in enumerate(ids) if row in changed and judged[row].decision == "approve"] == [0, 2]


def test_the_order_of_the_queue(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit first, as it was drawn, then the highest priority; the rows that Argilla does not have come last."""
    ids = [row.id for row in store.rows.page(run.id, 0, 8)]
    assert found(store, run, order="queue") == list(range(8))
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 3, "")
    store.pushes.plan(
        push, {row: [0.5, -1.0, 2.5, 0.25][number % 4] for number, row in enumerate(ids[:6])}, blind_audit=False
    )
    store.db.write(lambda c: c.execute("UPDATE pushed SET kind='queue', priority=0.25 WHERE place>=3"))
    store.db.write(lambda c: c.execute("UPDATE pushed SET priority=2.5 WHERE place=5"))
    places = [r["row"] for r in store.db.all("SELECT row FROM pushed ORDER BY priority DESC, place")]
    store.pushes.keep_sent(push, [(row, "h", {}) for row in ids[:6]], "2026")
    wanted = [ids.index(row) for row in places]
    assert found(store, run, order="queue") == [*wanted, 6, 7] and wanted != sorted(wanted)
    audit = wanted[:3]
    assert found(store, run, sample="audit") == sorted(audit)
    assert found(store, run, sample="queue", order="queue") == wanted[3:]
    low = found(store, run, aspect="helpfulness", rating="low")
    assert found(store, run, aspect="helpfulness", rating="low", order="queue") == [
        n for n in [*wanted, 6, 7] if n in low
    ]
    missing = found(store, run, rating="missing")
    assert found(store, run, rating="missing", order="queue") == [n for n in [*wanted, 6, 7] if n in missing]
    assert found(store, run, text="river 3", order="queue") == [3]
    monkeypatch.setattr(row_search, "FEW", 0)  # the same where many rows fit
    assert found(store, run, sample="queue", order="queue") == wanted[3:]
    assert found(store, run, aspect="helpfulness", rating="low", order="queue") == [
        n for n in [*wanted, 6, 7] if n in low
    ]
    assert found(store, run, rating="missing", order="queue") == [n for n in [*wanted, 6, 7] if n in missing]
    store.pushes.withdrawn(push, [ids[wanted[0]]])
    assert found(store, run, order="queue") == [*wanted[1:], *sorted([wanted[0], 6, 7])]
    store.db.write(lambda c: c.execute("DELETE FROM pushes"))
    assert found(store, run, order="queue") == list(range(8)) == found(store, run, status="unsent")


@pytest.fixture(params=[5_000, 0])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in the queue's order are sorted, or looked for in it."""
    monkeypatch.setattr(row_search, "FEW", request.param)


TELLING: list[dict[str, str]] = [
    *({"rating": one} for one in RATED), *({"spread": one} for one in SPREAD), *({"status": one} for one in STATUS),
    {"model": "model-0"}, {"reviewer": "ann"}, {"reason": "reject harmful"}, {"rating": "low", "text": "river"},
    {"rating": "low", "order": "queue"}, {"model": "model-1", "order": "queue", "sample": "audit"},
    {"model": "model-1", "order": "lowest"}, {"status": "reject", "order": "highest"},
]  # fmt: skip


@pytest.mark.usefixtures("few")
def test_no_filter_and_no_order_tells_of_covered_rows(store: Store) -> None:
    """Whoever has not decided a row of the blind audit finds it by nothing that was said of it."""
    run = with_run(store, 12, responses=2, rate=lambda number, responses: rate(number % 7, responses))
    ids = [row.id for row in store.rows.page(run.id, 0, 12)]
    push = store.pushes.begin_push(run.id, "here", "d", "d", "w", 1, "")
    store.pushes.plan(push, dict.fromkeys(ids[:8], 0.0), blind_audit=True)
    store.pushes.keep_sent(push, [(row, "h", {}) for row in ids[:8]], "2026")
    reject = {"decision": "reject", "reasons": ["harmful"], "corrected-response": "Mine."}
    said = [Verdict(row, "ann", "submitted", reject, {}, "c", f"ann{row}", "ann", "2026", "2026") for row in ids]
    all_said(store, "d", said[:4] + [replace(one, answers={**reject, "decision": "approve"}) for one in said[8:]])
    store.local_verdicts.say(ids[0], ME, {"decision": "approve"}, {})
    store.local_verdicts.say(ids[1], ME, {"helpfulness-1": 3}, {})  # no decision yet

    me = f"app:{ME}"
    covered = set(ids[1:8])
    assert store.row_search.covered(run.id, me) == 7 and store.row_search.covered(run.id, "app:") == 8
    assert store.row_search.blind(run.id) == 8
    for asked in TELLING:
        for aspect in ("", "helpfulness"):
            every = RowQuery(aspect=aspect, **asked)  # type: ignore[arg-type]
            mine = replace(every, person=me)
            assert mine.tells
            page = store.row_search.page(run.id, mine, 0, 100)
            assert page == [row for row in store.row_search.page(run.id, every, 0, 100) if row not in covered], asked
            assert store.row_search.count(run.id, mine) == len(page)
            assert [store.row_search.place(run.id, mine, row) for row in ids] == [
                page.index(row) if row in page else None for row in ids
            ]
    for order in ORDERS:
        every, mine = RowQuery(order=order), RowQuery(order=order, person=me)
        usual = store.row_search.page(run.id, every, 0, 100)
        last = [row for row in ids if row in covered]
        page = store.row_search.page(run.id, mine, 0, 100)
        assert page == (usual if order in ("", "queue") else [*(row for row in usual if row not in covered), *last])
        assert store.row_search.count(run.id, mine) == 12
        assert [store.row_search.place(run.id, mine, row) for row in page] == list(range(12))
    waiting = RowQuery(status="waiting", person=me)  # they wait for this person, whatever others said
    assert store.row_search.page(run.id, waiting, 0, 100) == ids[1:8]
    assert store.row_search.page(run.id, replace(waiting, person=None), 0, 100) == ids[4:8]


def test_what_is_rated_or_edited_later_is_found_anew(store: Store, run: Run) -> None:
    assert found(store, run, rating="missing") == [5, 6, 7]
    add_rows(store, run, 8, 9, rate=lambda number, responses: rate(1, responses))
    assert found(store, run, rating="low", aspect="helpfulness") == [0, 1, 8]
    row = store.rows.page(run.id, 1, 1)[0]
    store.rows.edit(replace(row, responses=row.responses[:1]), "tester")
    assert found(store, run, rating="low", aspect="helpfulness") == [0, 8]
    assert 1 in found(store, run, rating="missing")


def test_rows_are_found_by_the_ratings_of_whoever_rated_last(store: Store) -> None:
    run = with_run(store, 1, rate=lambda *_: [Rating(0, "helpfulness", 0, "rated", 1.0)])
    (row,) = store.rows.page(run.id, 0, 1)

    async def rate_by(judge: str) -> None:
        await store.ratings.keep(row.id, content_hash(row), judge, [Rating(0, "helpfulness", 0, "rated", 5.0)])
        await store.ratings.done(row.id, judge)

    asyncio.run(rate_by("another"))
    assert found(store, run, rating="high") == [0]
    asyncio.run(store.ratings.done(row.id, JUDGE))
    assert (found(store, run, rating="low"), found(store, run, rating="high")) == ([0], [])
    asyncio.run(store.preferences.keep(row.id, content_hash(row), "another", [], last=True))
    assert (found(store, run, rating="low"), found(store, run, rating="high")) == ([], [0])


def test_filters_go_together(store: Store) -> None:
    """Whatever is chosen together gives the rows that fit each of it, in the order that is wanted."""
    run = with_run(store, 30, responses=2, rate=lambda number, responses: rate(number % 7, responses))
    ids = [row.id for row in store.rows.page(run.id, 0, 30)]
    for number in (3, 8, 22):
        row = store.rows.get(ids[number])
        store.rows.edit(replace(row, responses=(replace(row.responses[0], model="model-9"),)), "tester")
    add_rows(store, run, 30, 34, responses=1, rate=lambda number, responses: rate(1, responses))
    for number in (1, 8, 9, 31):
        store.local_verdicts.say(store.rows.page(run.id, number, 1)[0].id, ME, {"decision": "approve"}, {})
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
                asked = RowQuery(aspect=aspect, order=order, **chosen)  # type: ignore[arg-type]  # fields of text
                page = [int(one.split("-")[-2]) for one in store.row_search.page(run.id, asked, 0, 100)]
                assert page == [one for one in orders[order] if one in both], asked
                assert store.row_search.count(run.id, asked) == len(both)


def test_many_sets_of_models_are_read_together(store: Store, run: Run) -> None:
    for number, row in enumerate(store.rows.page(run.id, 0, 8)):
        store.rows.edit(
            replace(row, responses=(replace(row.responses[0], model=f"pen-{number}"), row.responses[1])), "me"
        )
    with_many = found(store, run, model="model-1"), found(store, run, model="pen-3"), found(store, run, model="pen")
    assert with_many == (list(range(8)), [3], [])


FILTERS = [
    RowQuery(mark="refusal"),
    RowQuery(sample="audit"),
    RowQuery(sample="queue", order="queue"),
    RowQuery(order="lowest", person="app:me"),
    RowQuery(rating="low", person="app:me"),
    RowQuery(rating="low", order="queue"),
    RowQuery(rating="low", aspect="honesty"),
    RowQuery(rating="high"),
    RowQuery(rating="missing"),
    RowQuery(spread="far"),
    RowQuery(spread="repeats"),
    RowQuery(model="model-1"),
    RowQuery(status="unsent"),
    RowQuery(status="waiting"),
    *(RowQuery(order=order) for order in ORDERS if order),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_no_filter_reads_all_rows(store: Store, run: Run, wanted: RowQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_search, "FEW", -1)  # few rows that fit are sorted
    asked: list[str] = []
    store.db.reader.set_trace_callback(asked.append)
    store.row_search.page(run.id, wanted, 0, 10)
    store.row_search.count(run.id, wanted)
    store.db.reader.set_trace_callback(None)
    for sql in asked:
        plan = [str(line["detail"]) for line in store.db.all(f"EXPLAIN QUERY PLAN {sql}")]
        assert not any(line.startswith(("SCAN rows", "SCAN scores")) for line in plan), plan
        sorts = sum("USE TEMP B-TREE FOR ORDER BY" in line for line in plan)
        assert sorts == (wanted.status == "waiting"), plan  # there, of what people said of a row
