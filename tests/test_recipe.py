"""A recipe comes back from its own dump, and a wrong one is refused in words that name the place."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.recipe import BUILT_IN, Recipe, example, load, parse
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.rubrics import STANDARD_RUBRICS
from tasks import TASKS, Magpie, TextGeneration
from tasks.errors import SettingsError
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec

MAGPIE: dict[str, Any] = {"rows": 3, "task": {"kind": "magpie"}}
WHOLE = """
name = "rivers"
rows = 20
seed = 7
[generator]
url = "http://localhost:8000/v1"
model = "a"
temperature = 0.7
extra = { min_p = 0.1 }
[[responders]]
preset = "local"
[[responders]]
preset = "openai"
model = "b"
[labeller]
preset = "scripted"
[task]
kind = "text-generation"
template = "{{ question }}?"
[inputs]
path = "rows.csv"
skip = 1
[inputs.columns]
question = "q"
[answers]
n = 3
[rating]
aspects = ["helpfulness", "honesty"]
together = false
[review]
min_submitted = 2
[export]
format = "preference"
"""


def test_a_whole_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("\ufeff" + WHOLE, encoding="utf-8")
    recipe = load(tmp_path / "recipe.toml")
    assert (recipe.name, recipe.rows, recipe.seed, recipe.kind) == ("rivers", 20, 7, "text-generation")
    assert recipe.task == TextGeneration(template="{{ question }}?")
    assert recipe.generator == ModelSpec(
        url="http://localhost:8000/v1", model="a", temperature=0.7, extra={"min_p": 0.1}
    )
    assert [spec.preset for spec in recipe.responders] == ["local", "openai"]
    assert recipe.rating == UltraFeedback(aspects=("helpfulness", "honesty"), together=False)
    assert recipe.inputs.path == str(tmp_path / "rows.csv")
    assert recipe.answering.n == 3
    assert parse(recipe.dump()) == recipe
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.dump()), encoding="utf-8")
    assert load(tmp_path / "recipe.json") == recipe


def test_paths_count_from_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for given_path, meant in (
        ("a.csv", tmp_path / "a.csv"),
        ("/x/a.csv", Path("/x/a.csv")),
        ("~/a.csv", tmp_path / "home/a.csv"),
    ):
        text = f'[task]\nkind = "existing"\n[inputs]\npath = "{given_path}"\n'
        (tmp_path / "recipe.toml").write_text(text)
        assert load(tmp_path / "recipe.toml").inputs.path == str(meant)


def test_what_is_left_out() -> None:
    recipe = parse(MAGPIE)
    assert recipe.task == Magpie() and recipe.generator == recipe.labeller == BUILT_IN
    assert recipe.rating is None and recipe.answering.n == 0
    assert parse({**MAGPIE, "generator": {"preset": "scripted"}}).labeller == ModelSpec(preset="scripted")
    assert parse({**MAGPIE, "task": {"kind": "magpie", "only_instruction": True}}).answering.n == 1
    assert parse({**MAGPIE, "rating": {}}).rating == UltraFeedback()
    assert parse({**MAGPIE, "answers": {"n": 2}}).answering.n == 2


def test_the_example_is_a_recipe() -> None:
    assert parse(example().dump()) == example()


def test_no_value_is_taken_out_of_the_given_ones() -> None:
    given_values = {**MAGPIE, "responders": [{"preset": "local"}]}
    before = json.dumps(given_values)
    parse(given_values)
    assert json.dumps(given_values) == before


specs = st.builds(
    ModelSpec,
    preset=st.sampled_from(list(PRESETS)),
    url=st.sampled_from(["", "http://localhost:8000/v1"]),
    model=st.text(max_size=5),
    temperature=st.none() | st.floats(0, 2),
    concurrency=st.integers(1, 99),
    extra=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=2),
)
tasks_of_all_kinds = st.sampled_from(
    [
        Magpie(n_turns=2), Magpie(system_prompt=["a", "b"]), Magpie(system_prompt={"x": "a"}, only_instruction=True),
        TextGeneration(template="{{ a }}", num_generations=2), *(TASKS[kind]() for kind in TASKS),
    ]
)  # fmt: skip


aspects = st.lists(st.sampled_from(list(STANDARD_RUBRICS)), min_size=1, unique=True).map(tuple)


@settings(max_examples=80, deadline=None)
@given(
    task=tasks_of_all_kinds,
    generator=specs,
    labeller=specs,
    responders=st.lists(specs, max_size=2).map(tuple),
    rating=st.none() | st.builds(UltraFeedback, aspects=aspects),
    rows=st.none() | st.integers(1, 10**6),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
)  # fmt: skip
def test_a_dump_is_parsed_as_what_it_was(rows: int | None, **parts: Any) -> None:
    base = parse({**MAGPIE, "inputs": {"path": "a.csv"}})
    recipe = replace(base, rows=rows, **parts)
    plain = json.loads(json.dumps(recipe.dump()))
    assert parse(plain) == recipe
    assert parse(plain).dump() == recipe.dump()


def test_a_dump_leaves_out_what_is_at_its_default() -> None:
    recipe = parse({**MAGPIE, "generator": {"preset": "scripted"}})
    assert recipe.dump() == {
        "name": "dataset", "rows": 3, "generator": {"preset": "scripted"}, "task": {"kind": "magpie"},
    }  # fmt: skip
    assert isinstance(recipe, Recipe)


def wrong(**tables: Any) -> dict[str, Any]:
    return {**MAGPIE, **tables}


@pytest.mark.parametrize(
    ("values", "place", "words"),
    [
        ({}, "[task]", "needs a table"),
        ({"task": 3}, "[task]", "table of settings"),
        ({"task": {}}, "[task]", "one of: magpie, instruction-response"),
        ({"task": {"kind": "nope"}}, "[task]", "'nope'"),
        ({"task": {"kind": ["magpie"]}}, "[task]", "one of"),
        ({"task": {"kind": "magpie"}}, "rows", "draws for ever"),
        ({"task": {"kind": "text-generation"}}, "[inputs]", "columns instruction"),
        ({"task": {"kind": "genstruct"}}, "[inputs]", "columns title, content"),
        ({"task": {"kind": "self-instruct", "num_instructions": 0}}, "[task]", "from 1 to 50"),
        ({"task": {"kind": "text-generation", "template": "{{ x"}}, "[task]", "template"),
        ({"task": {"kind": "text-generation", "template": "x"}}, "[task]", "names no column"),
        (wrong(task={"kind": "magpie", "n_turns": 0}), "[task]", "from 1 to 100"),
        (wrong(task={"kind": "magpie", "nturns": 2}), "[task]", "Did you mean 'n_turns'?"),
        (wrong(task={"kind": "magpie", "system_prompt": 3}), "[task]", "system_prompt"),
        (wrong(rows=0), "rows", "at least 1"),
        (wrong(rows="3"), "rows", "whole number"),
        (wrong(rows=True), "rows", "whole number"),
        (wrong(name=3), "name", "a text"),
        (wrong(seed=1.5), "seed", "whole number"),
        (wrong(seed=2**63), "seed", "64 bits"),
        (wrong(nam="x"), "'nam'", "Did you mean 'name'?"),
        (wrong(generatr={}), "'generatr'", "Did you mean 'generator'?"),
        (wrong(xyz={}), "'xyz'", "Known: name, rows, seed, [task]"),
        (wrong(generator=[]), "[generator]", "table of settings"),
        (wrong(generator={}), "[generator]", "needs a preset or a url"),
        (wrong(generator={"preset": "x"}), "[generator]", "no preset 'x'"),
        (wrong(generator={"url": "localhost:8000"}), "[generator]", "not a web address"),
        (wrong(generator={"url": "http://["}), "[generator]", "not a web address"),
        (wrong(generator={"url": "http://x:port"}), "[generator]", "not a web address"),
        (wrong(generator={"preset": "local", "temprature": 1}), "[generator]", "Did you mean 'temperature'?"),
        (wrong(generator={"preset": "local", "key": "sk-1"}), "[generator]", "Did you mean 'key_env'?"),
        (wrong(generator={"preset": "local", "temperature": "hot"}), "[generator]", "temperature"),
        (wrong(generator={"preset": "local", "concurrency": 0}), "[generator]", "from 1 to 2048"),
        (wrong(generator={"preset": "local", "timeout": float("nan")}), "[generator]", "above zero"),
        (wrong(labeller={"preset": "local", "max_tokens": 1.5}), "[labeller]", "max_tokens"),
        (wrong(responders={"preset": "local"}), "[[responders]]", "two brackets"),
        (wrong(responders=[3]), "[[responders]]", "two brackets"),
        (wrong(responders=[{"preset": "x"}]), "[[responders]]", "no preset 'x'"),
        (wrong(rating=None), "[rating]", "table of settings"),
        (wrong(rating={"aspects": ["x"]}), "[rating]", "no aspect 'x'"),
        (wrong(rating={"aspects": []}), "[rating]", "at least one aspect"),
        (wrong(rating={"aspects": ["honesty", "honesty"]}), "[rating]", "twice"),
        (wrong(rating={"aspects": "honesty"}), "[rating]", "aspects"),
        (wrong(rating={"repeats": 99}), "[rating]", "from 1 to 20"),
        (wrong(answers={"n": 9}), "[answers]", "from 0 to 8"),
        (wrong(inputs={"path": "a", "dataset": "b"}), "[inputs]", "both a path and a dataset"),
        (wrong(inputs={"columns": {"a": 3}}), "[inputs]", "columns.a"),
        (wrong(review={"min_submitted": 0}), "[review]", "at least 1"),
        (wrong(review={"dataset": "x" * 201}), "[review]", "longer than 200"),
        (wrong(export={"format": "x"}), "[export]", "sft, prompt-completion, preference"),
        (wrong(export={"path": "a.xls"}), "[export]", ".jsonl"),
        (wrong(export={"decision": "maybe"}), "[export] decision", "'approved'"),
        (wrong(export={"least_rating": 11}), "[export]", "least_rating must be from 1 to 10"),
        (wrong(export={"margin": -1}), "[export]", "margin must be from 0 to 9"),
        (wrong(export={"similarity": 0}), "[export]", "similarity must be above 0"),
        (wrong(export={"test_share": 1}), "[export]", "test_share must be from 0 to below 1"),
        (wrong(export={"hub": "rivers"}), "[export]", "hub must be owner/name"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused_in_a_sentence_that_names_the_place(
    values: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    said = str(caught.value)
    assert place in said and words in said
    assert re.fullmatch(r"[^\n]+[.?]", said) and len(said) < 400


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", b"name = ", "can't be read"),
        ("a.toml", b"\xff\xfe\x00", "not a text in UTF-8"),
        ("a.toml", b"", r"needs a table \[task\]"),
        ("a.json", b"{", "can't be read"),
        ("a.json", b"[" * 100_000, "can't be read"),
        ("a.json", b"[1]", "must hold tables"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        load(tmp_path / name)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(SettingsError, match="can't be read"):
            load(path)


keys = st.sampled_from(["kind", "preset", "aspects", "n", "path", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
names = [
    "name",
    "rows",
    "seed",
    "task",
    "generator",
    "labeller",
    "responders",
    "inputs",
    "answers",
    "rating",
    "review",
    "export",
    "x",
]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(names), json_values, max_size=5), st.booleans())
def test_any_values_are_a_recipe_or_a_wrong_setting(values: dict[str, Any], begun: bool) -> None:
    try:
        parse({**MAGPIE, **values} if begun else values)
    except SettingsError as error:
        assert str(error)
