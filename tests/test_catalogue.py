"""List prices and context sizes come from the installed package, for known models at their providers' own addresses."""

from dataclasses import replace

import pytest

from app import recipe
from app.runs.cost import pricing
from tasks.models import catalogue
from tasks.models.catalogue import listed
from tasks.models.spec import ModelSpec

GPT = ModelSpec(preset="openai", model="gpt-4o")


@pytest.mark.parametrize(
    ("preset", "model"),
    [("openai", "gpt-4o"), ("groq", "llama-3.3-70b-versatile"), ("deepseek", "deepseek-chat"), ("openrouter", "openai/gpt-4o"),
     ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"), ("mistral", "mistral-small-latest")],
)  # fmt: skip
def test_a_known_model_of_a_preset_has_a_price(preset: str, model: str) -> None:
    price = pricing.price(ModelSpec(preset=preset, model=model))
    assert price is not None and 0 < price.prompt < 100 and 0 < price.completion < 500


@pytest.mark.parametrize(
    ("model", "address"),
    [("gpt-4o", "http://127.0.0.1:8000/v1"), ("gpt-4o", "https://models.example/v1"), ("", "https://api.openai.com/v1"),
     ("no-such-model-at-all", "https://api.openai.com/v1"), ("gpt-4o", ""), 
     ("gpt-4o", "https://api.openai.com.evil.example/v1"), ("gpt-4o", "http://api.openai.com/v1")],
)  # fmt: skip
def test_what_is_not_known_has_none(model: str, address: str) -> None:
    assert listed(model, address) is None


def test_a_price_that_is_set_wins_and_the_source_is_told_where_none_is() -> None:
    own = replace(GPT, prompt_price=1.0, completion_price=2.0)
    assert pricing.price(own) == pricing.Price(1.0, 2.0)
    made = replace(recipe.example(), generator=GPT)
    assert catalogue.PACKAGE in pricing.price_source(made)
    assert pricing.price_source(replace(made, generator=own)) == "" == pricing.price_source(recipe.example())


def test_the_day_of_the_installed_prices_is_known() -> None:
    assert "list prices of 20" in catalogue.price_source()


def test_the_context_of_a_known_model() -> None:
    known = listed("gpt-4o", "https://api.openai.com/v1")
    assert known is not None and known.context == 128_000
