"""What calls cost: prices in the settings of models, money on Insights and Rate, and as numbers to download."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import workflow
from app.config import Settings
from app.recipe import Recipe, parse, recipe_of
from app.runs.cost import pricing
from app.runs.cost.pricing import Price
from app.store.runs import Run
from app.store.store import Store
from app.web import form_values, stats_tables
from app.web.pages import insights, models
from app.web.pages.rating import page as rate
from app.web.state import AppState
from app.web.tab_state import TabState
from app.workspace import Workspace
from tasks import Magpie, local
from tasks.engine.retries import Tally
from tasks.errors import SettingsError
from tasks.models.spec import ModelSpec
from tests.make_state import SOMEBODY, act, at_desk
from tests.servers import FakeOpenAI

LOCAL = ModelSpec(preset="local")
PEN = ModelSpec(url="http://localhost:1/v1", model="pen", prompt_price=2.0, completion_price=10.0)
UNKNOWN = replace(PEN, model="judge", completion_price=None)


@pytest.fixture
def desk(here: Settings, store: Store) -> Iterator[AppState]:
    with at_desk(store, here) as made:
        yield made


def worked(store: Store, here: Settings, tmp_path: Path, **prices: float) -> tuple[Run, Recipe]:
    """A run of two rows, rated, whose models have these prices."""
    rows = tmp_path / "inputs.jsonl"
    rows.write_text('{"instruction": "Name a river."}\n{"instruction": "Name a hill."}\n')
    with FakeOpenAI() as fake:
        made = parse({
            "generator": {"url": fake.url, "model": "pen", **prices}, "labeller": {"url": fake.url, "model": "judge", **prices},
            "task": {"kind": "text-generation"}, "inputs": {"path": str(rows)}, "rating": {"aspects": ["helpfulness"]},
        })  # fmt: skip
        run = workflow.start(Workspace(here, store), made)
        asyncio.run(workflow.generate(Workspace(here, store), run, lambda *_: None))
    return run, made


def test_a_price_is_known_where_both_parts_are() -> None:
    assert pricing.price(PEN) == Price(2.0, 10.0) and pricing.price(UNKNOWN) is None
    assert pricing.price(LOCAL) == Price(0, 0) and pricing.price(ModelSpec(preset="ollama")) is None
    made = Recipe(task=Magpie(), rows=1, generator=PEN, labeller=UNKNOWN, responders=(LOCAL,))
    assert pricing.prices(made) == {"pen": Price(2.0, 10.0), local.NAME: Price(0, 0)}
    elsewhere = replace(PEN, url="http://localhost:2/v1", prompt_price=None)
    assert pricing.prices(replace(made, labeller=elsewhere)) == {
        local.NAME: Price(0, 0)
    }  # the same name, another price
    assert pricing.prices(replace(made, generator=replace(PEN, model=""))) == {local.NAME: Price(0, 0)}


def test_prices_go_from_one_recipe_to_another() -> None:
    made = Recipe(task=Magpie(), rows=1, generator=PEN, labeller=LOCAL)
    assert pricing.unpriced(made).generator == PEN.unpriced and PEN.unpriced.prompt_price is None
    later = replace(made, generator=replace(PEN, prompt_price=3.0), labeller=PEN, rows=9)
    assert (
        pricing.priced(made, later).generator == replace(PEN, prompt_price=3.0)
        and pricing.priced(made, later).rows == 1
    )
    priced = replace(LOCAL, prompt_price=1.0, completion_price=2.0)
    assert (
        pricing.priced(replace(made, labeller=priced), made).labeller == priced
    )  # a model for free has no price to give
    assert pricing.priced(made, pricing.unpriced(made)) == made


def test_costs_add_up_only_where_all_are_known() -> None:
    known = {"pen": Price(2.0, 10.0)}
    assert pricing.cost(known, "pen", Tally(answered=9, prompt_tokens=1_000_000, completion_tokens=500_000)) == 7.0
    assert pricing.cost(known, "judge", Tally(answered=1, prompt_tokens=1)) is None
    assert pricing.cost(known, "judge", Tally(sent=3)) == 0
    unreported = Tally(answered=3)
    assert pricing.cost(known, "pen", unreported) is None and pricing.cost({"pen": Price(0, 0)}, "pen", unreported) == 0
    assert pricing.total([1.0, 2.5]) == 3.5 and pricing.total([1.0, None]) is None and pricing.total([]) == 0


@pytest.mark.parametrize(
    ("dollars", "words"),
    [(0, "$0.00"), (0.004, "less than $0.01"), (0.01, "$0.01"), (1234.5, "$1,234.50")],
)
def test_money_in_words(dollars: float, words: str) -> None:
    assert pricing.format_dollars(dollars) == words


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_a_price_that_is_none(price: float) -> None:
    with pytest.raises(SettingsError, match="price of a model"):
        ModelSpec(preset="openai", model="m", prompt_price=price)


def test_what_a_run_cost(desk: AppState, store: Store, here: Settings, tmp_path: Path) -> None:
    run, made = worked(store, here, tmp_path, prompt_price=2.0, completion_price=10.0)
    view = desk.look(SOMEBODY, run.id, TabState("insights"))
    table = stats_tables.of_cost(stats_tables.spent(desk, run), pricing.prices(made))
    for row in stats_tables.cells(table):
        prompts, answers = (int(str(tokens)) for tokens in row[4:6])
        assert prompts and row[-1] == pytest.approx((prompts * 2 + answers * 10) / 1_000_000)
    html = insights.cost(view)
    assert "less than $0.01" in html and "prices in their settings" not in html
    file = stats_tables.download(desk, run.id, "cost", "csv")
    assert file is not None
    head, first, *_ = file[0].decode().splitlines()
    assert head.endswith("US dollars") and not first.endswith(",")


def test_prices_that_come_later_are_taken_by_a_click(
    desk: AppState, store: Store, here: Settings, tmp_path: Path
) -> None:
    run, made = worked(store, here, tmp_path)
    desk.permissions.allow_inputs(made.inputs)
    desk.keep(SOMEBODY, form_values.fill(made))
    tab = TabState("insights")
    html = insights.cost(desk.look(SOMEBODY, run.id, tab))
    assert "prices in their settings" in html and 'data-act="prices"' not in html
    prices = {f"{role}.{name}": 3.0 for role in form_values.ROLES for name in models.PRICES}
    desk.keep(SOMEBODY, prices)
    view = desk.look(SOMEBODY, run.id, tab)
    assert view.same and 'data-act="prices"' in insights.cost(view)
    insights.take_prices(act(desk, {"act": "other"}, run=run.id, filled=prices))
    assert recipe_of(store.runs.get(run.id)) == made
    insights.take_prices(act(desk, {"act": "prices"}, run=run.id, filled=prices))
    html = insights.cost(desk.look(SOMEBODY, run.id, tab))
    assert "less than $0.01" in html and 'data-act="prices"' not in html
    file = stats_tables.download(desk, run.id, "cost", "csv")
    assert file is not None and file[0] != stats_tables.as_csv(stats_tables.of_cost(stats_tables.spent(desk, run), {}))


def test_rate_says_what_it_will_cost(desk: AppState, store: Store, here: Settings, tmp_path: Path) -> None:
    run, made = worked(store, here, tmp_path)
    desk.keep(SOMEBODY, {**form_values.fill(made), "rating.aspects": ["honesty"]})
    assert "prices under Models" in rate.cost(desk.look(SOMEBODY, run.id, TabState("rate")))
    desk.keep(SOMEBODY, {f"labeller.{name}": 3.0 for name in models.PRICES})
    assert "less than $0.01" in rate.cost(desk.look(SOMEBODY, run.id, TabState("rate")))


def test_another_provider_has_other_prices(desk: AppState) -> None:
    filled = {**desk.filled(SOMEBODY), "generator.preset": "openai", "generator.prompt_price": 3.0}
    done = models.preset_chosen(act(desk, filled=filled), "generator")
    assert done.fill is not None and done.fill["generator.prompt_price"] is None
    done = models.model_chosen(act(desk, filled=filled), "generator")
    assert done.fill is not None and done.fill["generator.prompt_price"] is None
    listed = {"new.preset": "openai", "new.model": "gpt-4o", "new.prompt_price": 3.0, "new.completion_price": 9.0}
    done = models.add_responder(act(desk, filled={**desk.filled(SOMEBODY), **listed}, extra=[""]))
    assert (
        done.fill is not None
        and done.fill["new.prompt_price"] is None
        and done.fill["responders"][0]["prompt_price"] == 3
    )


def test_how_the_built_in_model_samples_is_nothing_for_another_provider(desk: AppState) -> None:
    whole = desk.filled(SOMEBODY)
    for role in ("generator", "labeller"):
        chosen = replace(act(desk, filled={**whole, f"{role}.preset": "openai", f"{role}.top_p": 0.9}), was="local")
        after = models.preset_chosen(chosen, role).fill
        assert after is not None
        spec = form_values.model_of(form_values.part(after, role), role)
        assert spec == ModelSpec(preset="openai", top_p=0.9)  # what a person typed stays
        back = replace(act(desk, filled={**after, f"{role}.preset": "local"}), was="openai")
        again = models.preset_chosen(back, role).fill
        assert again is not None and {**again, f"{role}.top_p": None} == whole
