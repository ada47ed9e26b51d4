"""Recipes as TOML come back as they were; two of them side by side show what differs."""

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import recipe
from app.recipe import Recipe, to_toml
from app.web.pages.recipe_diff import NONE, NOT_THERE, differing, parts_of, settings_of
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks import Magpie
from tasks.models.spec import ModelSpec
from tests.test_draft import RECIPES

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def empty_values(value: object) -> bool:
    if isinstance(value, dict):
        return any(empty_values(inner) for inner in value.values())
    return value is None or (isinstance(value, list) and any(empty_values(inner) for inner in value))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_comes_back_from_its_toml(name: str) -> None:
    made = RECIPES[name]
    if not empty_values(made.dump()):
        assert recipe.decoded(to_toml(made.dump()).encode(), "it", as_json=False) == made


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_any_values_come_back(values: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(values)) == values


def test_texts_of_several_lines_can_be_read() -> None:
    text = to_toml(Recipe(task=Magpie(system_prompt='Ask.\nSay "please".'), rows=2).dump())
    assert 'system_prompt = """\nAsk.\nSay \\"please\\"."""' in text


def test_what_toml_can_not_say_is_named() -> None:
    made = Recipe(task=Magpie(), rows=1, generator=ModelSpec(preset="vllm", extra={"deep": {"a": None, "b": "\ud800"}}))
    text = to_toml(made.dump())
    assert text.startswith("# left out, as TOML knows no empty value: 'generator.extra.deep.a'\n")
    assert tomllib.loads(text)["generator"]["extra"] == {"deep": {"b": "?"}}


TIDES = Recipe(task=Magpie(), name="tides", rows=20)


def compared(left: Recipe, right: Recipe) -> list[tuple[str, str, str]]:
    return differing(settings_of(parts_of(left)), settings_of(parts_of(right)))


def test_settings_that_differ_are_named_with_both_values() -> None:
    assert compared(TIDES, TIDES) == []
    assert compared(TIDES, replace(TIDES, task=Magpie(n_turns=3), seed=1)) == [
        ("task › n_turns", "1", "3"),
        ("seed", NONE, "1"),
    ]


def test_a_part_that_one_does_not_have() -> None:
    found = {
        name: (one, other) for name, one, other in compared(TIDES, replace(TIDES, rating=UltraFeedback(repeats=2)))
    }
    assert found["rating"] == (NONE, "yes") and found["rating › repeats"] == (NOT_THERE, "2")
    assert found["rating › together"] == (NOT_THERE, "yes")
    models = (ModelSpec(preset="vllm", model="a"), ModelSpec(preset="vllm", model="b"))
    found = {name: (one, other) for name, one, other in compared(TIDES, replace(TIDES, responders=models))}
    assert found["response models"] == ("none, the generator answers", "2")
    assert found["response model 2 › model"] == (NOT_THERE, "b")


@pytest.mark.parametrize("name", RECIPES)
def test_any_two_can_be_compared(name: str) -> None:
    assert compared(RECIPES[name], RECIPES[name]) == []
    if RECIPES[name].task != TIDES.task:
        assert any(setting.startswith("task › ") for setting, _, _ in compared(TIDES, RECIPES[name]))
