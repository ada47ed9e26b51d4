"""What calls cost: tokens at the prices that models have in their settings, else at list prices, in US dollars.

A price is known where both of its parts are; the built-in model costs nothing. Where the price of one model is not
known, a sum over it is not known either.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from app.recipe import Recipe
from tasks import local as local_model
from tasks.engine.retries import Tally
from tasks.models import catalogue
from tasks.models.catalogue import listed
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec

A_MILLION = 1_000_000
LEAST = 0.01
"""Dollars: less than that is said as such."""


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens of prompts, and of answers."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / A_MILLION


def price(spec: ModelSpec) -> Price | None:
    """None where it is not known."""
    if spec.prompt_price is not None and spec.completion_price is not None:
        return Price(spec.prompt_price, spec.completion_price)
    if spec.preset in PRESETS and not spec.url and PRESETS[spec.preset].url is None:
        return Price(0, 0)
    known = listed(spec.model, spec.address)
    prompt = spec.prompt_price if spec.prompt_price is not None or known is None else known.prompt_price
    completion = spec.completion_price if spec.completion_price is not None or known is None else known.completion_price
    return None if prompt is None or completion is None else Price(prompt, completion)


def embedding_price(spec: ModelSpec) -> Price | None:
    """Of a model that makes vectors and writes nothing; None where it is not known."""
    known = listed(spec.model, spec.address)
    prompt = spec.prompt_price if spec.prompt_price is not None or known is None else known.prompt_price
    return None if prompt is None else Price(prompt, 0)


def price_source(recipe: Recipe) -> str:
    """Where the prices of a recipe's models come from, where they were not set by hand; "" where all were."""
    specs = (recipe.generator, *recipe.responders, *([recipe.labeller] if recipe.rating else []))
    by_hand = [None not in (spec.prompt_price, spec.completion_price) for spec in specs]
    taken = [spec for spec, own in zip(specs, by_hand, strict=True) if not own and spec.address and price(spec)]
    return catalogue.price_source() if taken else ""


def name(spec: ModelSpec) -> str:
    """A model as its calls are counted."""
    return local_model.NAME if spec.preset == "local" else spec.model or spec.preset


def prices(recipe: Recipe) -> dict[str, Price]:
    """Of every model of a recipe whose price is known, by its name; a name that stands for two prices has none."""
    by_name: dict[str, Price | None] = {}
    specs = [(spec, price(spec)) for spec in (recipe.generator, *recipe.responders, recipe.labeller)]
    if recipe.embedder is not None:
        specs.append((recipe.embedder, embedding_price(recipe.embedder)))
    for spec, known in specs:
        by_name[name(spec)] = known if by_name.get(name(spec), known) == known else None
    return {model: price for model, price in by_name.items() if model and price is not None}


def priced(recipe: Recipe, by: Recipe) -> Recipe:
    """A recipe with the prices that another one has set for the same models at the same endpoints."""
    known = {
        spec.identity: spec
        for spec in (by.labeller, *by.responders, by.generator)
        if spec != spec.unpriced and price(spec)
    }

    def with_price(spec: ModelSpec) -> ModelSpec:
        other = known.get(spec.identity, spec)
        return replace(spec, prompt_price=other.prompt_price, completion_price=other.completion_price)

    return with_models(recipe, with_price)


def unpriced(recipe: Recipe) -> Recipe:
    """A recipe whatever its models cost."""
    return with_models(recipe, lambda spec: spec.unpriced)


def with_models(recipe: Recipe, change: Callable[[ModelSpec], ModelSpec]) -> Recipe:
    """A recipe with each of its models changed."""
    responders = tuple(map(change, recipe.responders))
    return replace(recipe, generator=change(recipe.generator), labeller=change(recipe.labeller), responders=responders)


def total(costs: Iterable[float | None]) -> float | None:
    """None where one of them is not known."""
    values = list(costs)
    return None if None in values else sum(cost for cost in values if cost is not None)


def cost(known: Mapping[str, Price], model: str, tally: Tally) -> float | None:
    """What the calls of a model cost. Where an endpoint does not report its tokens, that is not known, unless it is for free."""
    price = Price(0, 0) if not tally.answered else known.get(model)
    if price is None or (price != Price(0, 0) and not tally.prompt_tokens and not tally.completion_tokens):
        return None
    return price.of(tally.prompt_tokens, tally.completion_tokens)


def format_dollars(dollars: float) -> str:
    """Dollars in words: "$1,234.50", "less than $0.01"."""
    return f"less than ${LEAST:.2f}" if 0 < dollars < LEAST else f"${dollars:,.2f}"
