"""Insights and Rate with a real store: what they show of odd runs, the numbers as files, what was spent, what to look at first."""

import asyncio
import csv
import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas
import pytest
from starlette.testclient import TestClient

from app import recipe, workflow
from app.config import Settings
from app.errors import PageError
from app.recipe import Recipe, recipe_text
from app.runs.cost.pricing import Price
from app.store.rows import content_hash
from app.store.runs import Run
from app.store.store import Store
from app.web import server, stats, stats_tables
from app.web.html import fragments
from app.web.jobs import Jobs
from app.web.page_builder import Act
from app.web.pages import generate, insights
from app.web.pages.rating import issues as rating_issues
from app.web.pages.rating import page as rate
from app.web.pages.review import filters
from app.web.security.access import Access
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState, RunView
from app.web.tab_state import NEW_TAB
from app.workspace import Workspace
from feedback.stats.agreement import Agreement
from feedback.types import Rating
from tasks.engine.retries import Tally
from tasks.types import Dropped, Message, Response, Row
from tests.make_runs import made_of, took, with_run
from tests.servers import FakeOpenAI, Fault

# gradio's queue counts its events with what pandas is about to give up
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

BROWSER = "somebody-who-opened-the-page"


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    jobs = Jobs(store, here)
    yield AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
    jobs.close()


def said(place: int, value: float | None, aspect: str = "helpfulness", repeat: int = 0, status: Any = "") -> Rating:
    state: Any = status or ("rated" if value is not None else "unrated")
    note = "names two ratings" if state == "unrated" else ""
    return Rating(place, aspect, repeat, state, value, "Why.", note, "4 or 5", model="judge")


def run_of(
    store: Store, rows: Sequence[tuple[Sequence[Response], Sequence[Rating]]], name: str = "r", judge: str = "j"
) -> Run:
    """A run with those answered and rated rows."""
    run = store.runs.create(name, name, "me", recipe_text(made_of()), 7, "")

    async def keep() -> None:
        for unit, (responses, ratings) in enumerate(rows):
            asked: Message = {"role": "user", "content": f"Question <{unit}>?"}
            row = Row((asked,), tuple(responses), {}, f"{name}-{unit:03}-0", unit)
            await store.rows.keep_unit(run.id, unit, [row], [Dropped("=no", "x")] if unit == 0 else [])
            await store.rows.answered(row)
            if ratings:
                await store.ratings.keep(row.id, content_hash(row), judge, ratings)
                await store.ratings.done(row.id, judge)

    asyncio.run(keep())
    store.runs.set(run.id, state="done")
    return store.runs.get(run.id)


def seen(desk: AppState, run: Run) -> RunView:
    """A look for which everything is counted already: a page does not wait for long."""
    for find in (stats.ratings, stats.lengths, stats.wide, stats.agreement):
        desk.counted(run, find)
    return desk.look(BROWSER, run.id)


def both(view: RunView) -> str:
    """Everything of the two pages that is made of ratings."""
    return insights.key_numbers(view) + insights.panels(view) + rate.ratings(view) + rating_issues.first(view)


def test_models_and_aspects_with_all_that_is_not_a_whole_number(store: Store, desk: AppState) -> None:
    models = ["meta-llama/Llama-3.1-70B-Instruct", "<b>bold</b> & co"]
    answers = [Response("A river.", models[0]), Response("Two rivers.", models[1])]
    ratings = [
        said(0, 4.5), said(1, 2.0), said(0, 3.0, "honesty"), said(1, None, "honesty", status="not-applicable"),
        said(1, None, "truthfulness"),
    ]  # fmt: skip
    run = run_of(store, [(answers, ratings)] * 3)
    html = insights.panels(seen(desk, run))
    assert 'aria-label="Helpfulness, mean 3.25"' in html
    assert '<u>3<span class="sr"> rated 2, show the rows</span></u>' in html
    assert "3 ratings could not be read or asked for. 3 where the aspect does not apply." in html
    assert "3 ratings with decimals: drawn at the nearest whole number, halves upwards (4.5 at 5)" in html
    assert "<b>bold</b>" not in html and "&lt;b&gt;bold&lt;/b&gt; &amp; co" in html
    assert "Truthfulness, nothing rated" in html
    table = stats_tables.of_models(stats.ratings(store, run))
    assert len(table) == 2 * 3 + 1  # of one model two aspects, of the other three, and of each all together
    assert stats_tables.cells(table)[0] == [models[1], "all aspects", 0, 3, 0, 0, 0, 2.0, 3, 3, 3]
    assert stats_tables.cells(table)[4] == [models[0], "all aspects", 0, 0, 3, 0, 3, 3.75, 6, 0, 0]


def test_of_many_models_the_first_twelve_are_drawn(store: Store, desk: AppState) -> None:
    rows = [([Response("A.", f"m{k}")] * (2 if k == 33 else 1), [said(0, 3.0)]) for k in range(40)]
    run = run_of(store, [*rows, ([Response("B.", "m33")], [said(0, 5.0)])])
    html = insights.panels(seen(desk, run))
    assert "The 12 with the most ratings of 40; all are in the numbers." in html
    _, _, models = html.partition("Rating by model")
    assert models.count("<figure>") == 12 and models.index("m33") < models.index("m0")
    assert len(stats_tables.of_models(stats.ratings(store, run))) == 40


@pytest.mark.parametrize(
    ("ratings", "words"),
    [
        ([], ["Rate the rows on the page Rate.", "No response has a rating yet.", "Not rated yet"]),
        ([said(0, 4.0)], ["all lengths", "19 more rated responses needed", "1 rating of 1 row"]),
        ([said(0, None), said(1, None)], ["nothing rated", "No response has a rating yet.", "names two ratings"]),
        ([said(0, 4.0, repeat=k) for k in range(5)], ["5 rated 4", "mean 4.00"]),
    ],
    ids=["none", "one", "all unrated", "only repeats"],
)
def test_runs_with_little_to_tell(
    store: Store, desk: AppState, ratings: Sequence[Rating], words: Sequence[str]
) -> None:
    run = run_of(store, [([Response("A.", "a"), Response("B.", "b")], ratings)])
    html = both(seen(desk, run))
    for one in words:
        assert one in html
    for name, make in stats_tables.TABLES.items():
        for _, _, write in stats_tables.FILES.values():
            assert write(make(desk, run)), name


def test_nothing_at_all(desk: AppState, store: Store) -> None:
    view = desk.look(BROWSER, "")
    assert insights.panels(view) == "" == rating_issues.first(view) and "Nothing to rate yet" in rate.ratings(view)
    bare = store.runs.create("bare", "bare", "me", recipe_text(made_of()), 7, "")
    assert insights.panels(desk.look(BROWSER, bare.id)) == ""


def test_ratings_by_length_are_of_responses(store: Store, desk: AppState) -> None:
    """Thirty rows, a short response that is rated 2 and a long one of twice 4 and 5 for each aspect."""
    answers = [Response("Short one.", "a"), Response("word " * 60, "a")]
    ratings = [said(0, 2.0), said(0, 2.0, "honesty")]
    ratings += [
        said(1, value, aspect, k) for aspect in ("helpfulness", "honesty") for k, value in enumerate((4.0, 5.0))
    ]
    run = run_of(store, [(answers, ratings)] * 30)
    found = stats.lengths(store, run)
    assert list(found) == ["", "helpfulness", "honesty"]
    for one in found.values():
        assert [(band.name, band.n, band.mean) for band in one.bands] == [("up to 2", 30, 2.0), ("over 2", 30, 4.5)]
        assert one.n == 60 and one.correlation == pytest.approx(1)
    html = insights.by_length(seen(desk, run))
    assert "Longer responses are rated much higher. Rank correlation 1.00, 60 responses." in html
    assert 'role="img" aria-label="Mean rating by length. up to 2 words: mean 2.00, 30 responses; over 2' in html
    edited = replace(store.rows.get("r-000-0"), responses=(Response("Three words now.", "a"),))
    store.rows.edit(edited, "ann")
    assert stats.lengths(store, run)[""].n == 58  # ratings of older words count no more


def test_ratings_by_length_are_on_the_levels_they_were_rated_on(store: Store) -> None:
    """Under a rubric of ten levels that the recipe has no more."""
    rating = replace(said(0, 8.0, "tone"), levels=10)
    run = run_of(store, [([Response("Short one.", "a")], [rating])] * 3)
    assert {aspect: one.levels for aspect, one in stats.lengths(store, run).items()} == {"": 10, "tone": 10}
    mixed = run_of(store, [([Response("Short one.", "a")], [rating, said(0, 2.0)])] * 3, name="m")
    found = stats.lengths(store, mixed)
    assert {aspect: one.levels for aspect, one in found.items()} == {"": 5, "helpfulness": 5, "tone": 10}


def test_plots_of_a_run_that_is_being_rated_are_there_at_once(
    tmp_path: Path, here: Settings, store: Store, desk: AppState
) -> None:
    rated, waiting = threading.Event(), threading.Event()

    def later(body: dict[str, Any], number: int) -> Fault:
        if "You rate" not in json.dumps(body) or rated.is_set():
            return None
        waiting.set()
        return 503, {"Retry-After": "0.05"}, "later"

    with FakeOpenAI(faults=later) as fake:
        made = made_by(fake, tmp_path)
        run = workflow.start(Workspace(here, store), replace(made, rating=None))
        asyncio.run(workflow.generate(Workspace(here, store), run, lambda *_: None))
        assert "Not rated yet" in rate.ratings(seen(desk, run))
        assert made.rating is not None
        job = desk.jobs.rate(store.runs.get(run.id), desk.keys(BROWSER), made.rating, made.labeller)
        assert waiting.wait(20)
        html = rate.ratings(seen(desk, run))
        assert html.count("nothing rated: 0 rated 1") == 2 and "Download numbers" in html
        spent = {(stage, model): tally for stage, model, tally in stats_tables.spent(desk, run)}
        assert spent["ratings", "judge"].sent > 0 == spent["ratings", "judge"].answered
        assert store.usage.spent(run.id).keys() == {("generate", "pen")}  # the rest is not written down yet
        rated.set()
        until = time.monotonic() + 30
        while job.state == "working" and time.monotonic() < until:
            time.sleep(0.02)
        assert job.state == "done"
        now = rate.ratings(seen(desk, run))
        assert "8 ratings of 4 rows" in now and now.count("<figure>") == html.count("<figure>") == 2
        assert store.usage.spent(run.id)["rate", "judge"].answered == 8


def test_people_who_gave_decisions_only_are_told_apart(desk: AppState, store: Store) -> None:
    view = desk.look(BROWSER, run_of(store, [([Response("A.", "a")], [said(0, 4.0)])]).id)
    assert "People gave no ratings in these reviews, only decisions" in insights._crossed(view, Agreement(rows=1))


# -- what was spent


def made_by(fake: FakeOpenAI, tmp_path: Path) -> Recipe:
    """Four instructions answered by a pen and rated by a judge, by two aspects."""
    file = tmp_path / "inputs.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Name river {n}."}) + "\n" for n in range(4)))
    return recipe.parse(
        {
            "generator": {"url": fake.url, "model": "pen"}, "labeller": {"url": fake.url, "model": "judge"},
            "task": {"kind": "text-generation"}, "inputs": {"path": str(file)},
            "rating": {"aspects": ["helpfulness", "honesty"]},
        }
    )  # fmt: skip


def test_what_a_run_took_is_told_by_stage_and_model(
    tmp_path: Path, here: Settings, store: Store, desk: AppState
) -> None:
    with FakeOpenAI() as fake:
        made = made_by(fake, tmp_path)
        run = workflow.start(Workspace(here, store), made)
        asyncio.run(workflow.generate(Workspace(here, store), run, lambda *_: None))
        asked = sum(call["body"]["model"] == "judge" for call in fake.calls)  # those of its probe with them
    found = {(stage, model): tally for stage, model, tally in stats_tables.spent(desk, run)}
    assert set(found) == {("instructions", "pen"), ("ratings", "judge")}
    assert found["instructions", "pen"].answered == 4 and found["ratings", "judge"].answered == 8
    total = store.usage.all(run.id)[0]
    for name in ("sent", "prompt_tokens", "completion_tokens"):
        assert sum(getattr(tally, name) for tally in found.values()) == getattr(total, name)
    html = insights.cost(seen(desk, run))
    assert (
        asked > 8 and f"<td>ratings</td><td>judge</td><td>{asked}</td>" in html and "prices in their settings" in html
    )


def test_what_was_counted_before_models_were_told_apart_stays_so(store: Store, desk: AppState) -> None:
    run = with_run(store, 1)
    took(store, run.id, "work", 1, 1, Tally(10, 9, 2, 1, 100, 50, 4.0))
    apart = Tally(
        sent=3, answered=3, recalled=4, prompt_tokens=30, completion_tokens=6, seconds=1.5, remembered_tokens=70
    )
    took(store, run.id, "rate", 0, 1, apart, {("rate", "judge"): apart})
    assert [(stage, model, tally.sent, tally.prompt_tokens) for stage, model, tally in stats_tables.spent(desk, run)] == [
        ("ratings", "judge", 3, 30), ("not told apart", "", 10, 100),
    ]  # fmt: skip
    table = stats_tables.of_cost(stats_tables.spent(desk, run), {"judge": Price(2.0, 10.0)})
    lines = stats_tables.cells(table)
    assert lines[0][-1] == pytest.approx((30 * 2 + 6 * 10) / 1_000_000) and lines[1][-1] is None
    assert lines[-1] == ["all", "", 13, 6, 130, 56, 70, 5.5, None]
    html = insights.cost(seen(desk, run))
    assert "6 calls were remembered and cost nothing: 70 tokens not paid again." in html
    assert "counted all models together" in html
    store.runs.delete(run.id)
    assert store.db.all("SELECT * FROM spent") == []


# -- what to look at first


def test_what_to_look_at_first(store: Store, desk: AppState) -> None:
    answers = [Response("A.", "a"), Response("B.", "b")]
    calm = (answers, [said(0, 3.0), said(1, 4.0), said(0, 3.0, repeat=1)])
    rows = [calm] * 10 + [
        (answers, [said(0, 5.0), said(0, 2.0, "honesty"), said(1, 3.0)]),
        (answers, [said(1, 2.0), said(1, 5.0, repeat=1), said(1, 3.0, repeat=2), said(0, 1.0), said(0, 3.0, repeat=1)]),
        (answers, [said(0, 3.0), said(1, None)]),
        (answers, [said(0, 5.0)]),
    ]
    run = run_of(store, rows)
    other = store.rows.get("r-013-0")
    asyncio.run(store.ratings.keep(other.id, content_hash(other), "another", [said(0, 2.5)]))
    found, number = store.ratings.wide(run.id, 9)
    assert [(one.row, one.why, one.response, one.aspect) for one in found] == [
        ("r-011-0", "repeats", 1, "helpfulness"), ("r-013-0", "labellers", 0, "helpfulness"), ("r-010-0", "aspects", 0, ""),
    ]  # fmt: skip
    assert number == 3 and store.ratings.wide(run.id, 1) == (found[:1], 3)
    html = rating_issues.first(seen(desk, run))
    assert "1 rating could not be read or asked for; 3 rows with ratings far apart" in html
    words = (
        "Response B, helpfulness: names two ratings",
        "Response B: asked 3 times for helpfulness, the labeller gave 2, 5 and 3.",
        "Response A: one labeller gave 2.5 for helpfulness, another 5.",
        "Response A: 5 for helpfulness, but 2 for honesty.",
    )
    assert [html.index(one) for one in words] == sorted(html.index(one) for one in words)
    assert "Question &lt;12&gt;?" in html and "<12>" not in html
    act = Act(desk, BROWSER, run.id, {}, NEW_TAB, {"act": "open", "row": "r-012-0"})
    done = rating_issues.open_row(act)
    assert (done.page, done.row, done.offset) == ("review", "r-012-0", 0)


def test_labellers_differ_on_the_scale_that_each_of_them_had(store: Store, desk: AppState) -> None:
    """The first row was rated 5 of 5 and 10 of 10, the second 2 of 5 and 9 of 10, the third 3 and 9 of 10."""
    values = (((5.0, 5), (10.0, 10)), ((2.0, 5), (9.0, 10)), ((3.0, 10), (9.0, 10)))
    first = [([Response("A.", "a")], [replace(said(0, value), levels=levels)]) for (value, levels), _ in values]
    run = run_of(store, first)
    for number, (_, (value, levels)) in enumerate(values):
        row = store.rows.get(f"r-{number:03}-0")
        asyncio.run(store.ratings.keep(row.id, content_hash(row), "x", [replace(said(0, value), levels=levels)]))
    found, _ = store.ratings.wide(run.id, 9)
    assert sorted(one.row for one in found) == ["r-001-0", "r-002-0"]
    html = rating_issues.first(seen(desk, run))
    assert "one labeller gave 2 for helpfulness, another 4.6." in html
    assert "one labeller gave 3 of 10 for helpfulness, another 9 of 10." in html


def test_what_is_known_is_shown_while_it_is_counted_anew(store: Store, desk: AppState) -> None:
    run = run_of(store, [([Response("A.", "a")], [said(0, 4.0)])])
    assert "1 rating of 1 row" in rate.ratings(seen(desk, run))
    row = store.rows.get("r-000-0")
    asyncio.run(store.ratings.keep(row.id, content_hash(row), "j", [said(0, 2.0, "honesty")]))
    assert "2 ratings of 1 row" in rate.ratings(seen(desk, run))
    assert desk.statistics.ask("slow", lambda: 1) == 1 and not desk.statistics.busy


# -- the numbers as files


@pytest.fixture
def client(desk: AppState) -> Iterator[TestClient]:
    async def made() -> Any:
        return server.create(desk, Access(desk.settings.data))

    app = asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes
    with TestClient(app, base_url="http://127.0.0.1:7860") as browser:
        yield browser


def test_the_numbers_of_a_plot_are_a_file_for_who_is_signed_in(
    client: TestClient, desk: AppState, store: Store
) -> None:
    odd = '=HYPERLINK("http://evil.example.org"),\n"x"'
    run = run_of(store, [([Response("A, b.", odd), Response("B.", "-b")], [said(0, 4.5), said(1, None)])])
    path = f"/numbers/{run.id}/ratings-by-model.csv"
    assert client.get(path).status_code == 401
    assert client.get(Access(desk.settings.data).address("")).status_code == 200
    found = client.get(path)
    assert (found.status_code, found.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert found.headers["content-disposition"] == f"attachment; filename*=UTF-8''{run.id}-ratings-by-model.csv"
    assert found.headers["cache-control"] == "no-store"
    head, *lines = csv.reader(io.StringIO(found.text, newline=""))
    assert head == ["model", "aspect", "1", "2", "3", "4", "5", *stats_tables.OF_A_SCALE]
    assert lines == [
        ["'-b", "helpfulness", "0", "0", "0", "0", "0", "", "0", "0", "1"],
        [f"'{odd}", "helpfulness", "0", "0", "0", "0", "1", "4.5", "1", "0", "0"],
    ]
    assert client.get(f"/numbers/{run.id}/dropped.csv").text == "reason,answers\r\n'=no,1\r\n"
    for wrong in (
        f"{run.id}/nothing.csv", f"{run.id}/cost.exe",
        "none/cost.csv", "last/cost.csv", f"{run.id[:1]}%/cost.csv", f"{run.id}/cost", "../cost.csv",
    ):  # fmt: skip
        assert client.get(f"/numbers/{wrong}").status_code == 404, wrong


def test_every_table_has_its_link_and_every_link_its_table(desk: AppState, store: Store) -> None:
    run = run_of(store, [([Response("A.", "a", finish_reason="length")], [said(0, 4.0)])])
    took(store, run.id, "work", 1, 1, Tally(sent=1))
    html = insights.panels(seen(desk, run))
    for name in ("ratings-by-aspect", "ratings-by-model", "ratings-by-length", "cost", "dropped", "marked"):
        for kind in stats_tables.FILES:
            assert f'href="numbers/r/{name}.{kind}" download="r-{name}.{kind}"' in html and name in stats_tables.TABLES
    assert html.count('class="get"') == 6 * 3


def test_the_numbers_are_a_table_of_excel_or_parquet_as_well(client: TestClient, desk: AppState, store: Store) -> None:
    run = run_of(store, [([Response("A, b.", "=1+1"), Response("B.", "https://x.org")], [said(0, 4.5), said(1, None)])])
    path = f"/numbers/{run.id}/ratings-by-model"
    assert client.get(f"{path}.xlsx").status_code == 401
    assert client.get(Access(desk.settings.data).address("")).status_code == 200
    table = stats_tables.of_models(stats.ratings(store, run))
    excel, parquet = (client.get(f"{path}.{kind}") for kind in ("xlsx", "parquet"))
    assert excel.headers["content-disposition"].endswith("ratings-by-model.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(excel.content)).worksheets[0]
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert rows == [list(table), *stats_tables.cells(table)] and {"=1+1", "https://x.org"} <= {row[0] for row in rows}
    assert not any(cell.data_type == "f" or cell.hyperlink for row in sheet.iter_rows() for cell in row)
    assert pandas.read_parquet(io.BytesIO(parquet.content)).equals(table)


def test_marks_are_counted_and_said_in_words(store: Store, desk: AppState, client: TestClient) -> None:
    refused = Response("I'm sorry, but I can't help with that.", "a", finish_reason="odd")
    answers = [Response("The", "a", finish_reason="MAX_TOKENS"), Response("A.", "a", finish_reason="odd"), refused]
    run = run_of(store, [(answers, []), ([Response("A.", "a")], [])])
    assert stats.marked(store, run) == {"cut off": 1, "unknown end": 2, "refusal": 1}
    html = insights.marked(desk.look(BROWSER, run.id))
    assert "ended for a reason that is not known, so that something may be missing" in html
    note = generate.progress(desk.look(BROWSER, run.id))
    assert "2 responses marked “unknown end”: ended for a reason that is not known" in note
    assert "1 response marked “refusal”: declines in the first words." in note
    assert client.get(Access(desk.settings.data).address("")).status_code == 200
    assert client.get(f"/numbers/{run.id}/marked.csv").text.splitlines()[1:] == [
        "cut off,ended by a limit or a filter,1",
        'unknown end,"ended for a reason that is not known, so that something may be missing",2',
        "refusal,declines in the first words,1",
    ]
    bare = run_of(store, [([Response("A.", "a")], [])], name="bare")
    assert stats.marked(store, bare) == {} and "None." in insights.marked(desk.look(BROWSER, bare.id))


def test_numbers_below_zero_stay_numbers() -> None:
    table = stats_tables.table(("-measure", "value", "n"), [("=a", -0.31, -5), ("@b", None, None), ("ü", 1 / 3, 1234)])
    assert stats_tables.as_csv(table).decode() == "'-measure,value,n\r\n'=a,-0.31,-5\r\n'@b,,\r\nü,0.333333,1234\r\n"
    assert stats_tables.shown(table) == [["=a", "−0.31", "-5"], ["@b", "–", "–"], ["ü", "0.33", "1,234"]]


def test_a_bar_leads_to_its_rows(store: Store, desk: AppState) -> None:
    """Ten rows of two responses: helpfulness goes round 1 to 5, honesty is always 3."""
    run = with_run(store, 10, responses=2, name="bars-1")
    assert 'data-act="rated" data-of="aspect" data-name="helpfulness" data-value="5"' in insights.panels(
        seen(desk, run)
    )

    def leads(**data: Any) -> list[int]:
        done = insights.pressed(Act(desk, BROWSER, run.id, desk.filled(BROWSER), NEW_TAB, data))
        assert done is not None and done.page == "review" and done.fill is not None
        view = RunView(desk, BROWSER, done.fill, run, None, NEW_TAB)
        return [store.rows.get(row).unit for row in store.row_search.page(run.id, filters.wanted(view), 0, 50)]

    five = [n for n in range(10) if 5 in (n % 5 + 1, (n + 1) % 5 + 1)]
    assert leads(act="rated", of="aspect", name="helpfulness", value=5) == five
    of_the_second = [n for n in range(10) if (n + 1) % 5 + 1 == 5]
    assert leads(act="rated", of="model", name="model-1", value=5) == of_the_second
    assert leads(act="rated", of="aspect", name="honesty", value=3) == list(range(10))
    assert leads(act="rated", of="aspect", name="honesty", value=1) == leads(act="marked", mark="refusal") == []
    asked: dict[str, Any] = {"act": "rated", "of": "aspect", "name": "honesty", "value": 1}
    for wrong in ({"of": "row"}, {"name": "x"}, {"value": 9}, {"value": "1'"}, {"act": "marked", "mark": "x"}):
        with pytest.raises(PageError):
            insights.pressed(Act(desk, BROWSER, run.id, desk.filled(BROWSER), NEW_TAB, {**asked, **wrong}))


def test_a_histogram_has_room_for_its_own_levels_only() -> None:
    """With more, a scale of two looks like one of which nobody gave the upper levels."""
    for levels in (2, 3, 7, 10):
        html = fragments.bars([1] * levels, "tone")
        assert f"--levels:{levels}" in html and html.count("<s>") == html.count("<i ") == levels
