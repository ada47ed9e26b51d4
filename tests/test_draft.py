"""The page's forms as a recipe and back: nothing is lost on the way, and what can't be used is said where it stands."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import recipe
from app.api_keys import variable_for
from app.inputs.inputs import Inputs
from app.recipe import Recipe
from app.web import form_values
from app.web.form_values import OWN_ADDRESS, SLOTS, TYPED, FormError, FormValues, fill, recipe_from
from feedback.argilla.dataset_settings import Review
from feedback.exports.formats import FORMATS
from feedback.exports.selection import Export
from feedback.labeller.ultrafeedback import UltraFeedback
from feedback.rubrics import STANDARD_RUBRICS
from tasks import (
    TASKS,
    EvolInstruct,
    ExistingRows,
    Genstruct,
    InstructionResponse,
    Magpie,
    SelfInstruct,
    TextGeneration,
)
from tasks.answering import Answers
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec, names_a_key
from tasks.settings import build

OWN = "https://models.example.org/v1"
BRIEF = Magpie(max_instruction_tokens=120, system_prompt=recipe.BRIEFLY)
FILE = Inputs(path="seeds.jsonl")
EXTRA = {"top_k": 0, "stop": ["x"], "deep": {"a": None, "b": True}, "naïve": "\u2028"}
RECIPES = {
    "example": recipe.example(),
    "every number": Recipe(
        task=Magpie(n_turns=3, end_with_user=True, max_instruction_tokens=9),
        name="tides", rows=77, seed=-(2**63),
        generator=ModelSpec(preset="vllm", model="m", temperature=0.0, top_p=1.0, max_tokens=0, concurrency=1, timeout=0.5),
        answers=Answers(n=0, system_prompt="Say\nlittle."), review=Review(dataset="d", workspace="w", min_submitted=3),
    ),
    "several system prompts": Recipe(task=Magpie(system_prompt=["Ask.", "Beg."]), rows=1),
    "named system prompts": Recipe(task=Magpie(system_prompt={"a": "Ask.", "b": "Beg."}), rows=1),
    "own address with a key": Recipe(
        task=SelfInstruct(), inputs=FILE, generator=ModelSpec(url=OWN, model="m", key_env="MY_KEY", extra=EXTRA)
    ),
    "own address with a typed key": Recipe(
        task=SelfInstruct(), inputs=FILE, labeller=ModelSpec(url=OWN, model="m", key_env=variable_for(OWN))
    ),
    "another key for a preset": Recipe(
        task=SelfInstruct(), inputs=FILE, generator=ModelSpec(preset="openai", model="m", key_env="OTHER_KEY")
    ),
    "columns": Recipe(
        task=Genstruct(), inputs=replace(FILE, columns={"title": "Titel", "content": "Text"}, skip=2, limit=5)
    ),
    "columns of a template": Recipe(
        task=TextGeneration(template="{{ a }} and {{ b }}", num_generations=2), inputs=replace(FILE, columns={"b": "x y"})
    ),
    "dataset": Recipe(
        task=ExistingRows(), inputs=Inputs(dataset="owner/name", config="small", split="test"), rating=UltraFeedback()
    ),
    "responders": Recipe(
        task=SelfInstruct(criteria_for_query_generation="[1] Short.\n{2} Clear."), inputs=FILE,
        responders=(ModelSpec(preset="ollama", model="a"), ModelSpec(url=OWN, model="b", temperature=0.5, extra=EXTRA)),
        answers=Answers(n=4),
        rating=UltraFeedback(aspects=("honesty", "truthfulness"), together=False, repeats=5),
        export=Export(format="preference", unreviewed=True),
    ),
}  # fmt: skip


def filled(**values: Any) -> FormValues:
    """The forms of the example, with some fields changed: `task__kind` for "task.kind"."""
    return {**fill(recipe.example()), **{name.replace("__", "."): value for name, value in values.items()}}


def given_by(kind: str) -> Recipe:
    """A recipe of that kind at its defaults."""
    task = TASKS[kind]()
    return Recipe(task=task, rows=3 if task.draws else None, inputs=Inputs() if task.draws else FILE)


@pytest.mark.parametrize("made", RECIPES.values(), ids=RECIPES)
def test_a_recipe_comes_back_from_the_forms_as_it_was(made: Recipe) -> None:
    assert recipe_from(fill(made)) == made


@pytest.mark.parametrize("kind", TASKS)
def test_every_task_comes_back_from_the_forms(kind: str) -> None:
    made = given_by(kind)
    assert recipe_from(fill(made)) == made
    assert {f"{kind}.{f.name}" for f in fields(TASKS[kind])} <= fill(made).keys()


@pytest.mark.parametrize("kind", TASKS)
def test_the_forms_hold_fields_for_every_task_whichever_is_chosen(kind: str) -> None:
    others = {name: value for name, value in fill(given_by("magpie")).items() if not name.startswith("inputs.")}
    assert others.keys() <= fill(given_by(kind)).keys()
    changed = {**fill(replace(given_by("genstruct"), rows=3)), "task.kind": kind}
    assert recipe_from(changed).task == TASKS[kind]()


def test_the_settings_of_a_task_wait_while_another_is_chosen() -> None:
    began = fill(Recipe(task=Magpie(n_turns=3), rows=2))
    elsewhere = {**began, "task.kind": "self-instruct", "inputs.path": "seeds.jsonl", "inputs.source": "upload"}
    assert isinstance(recipe_from(elsewhere).task, SelfInstruct)
    assert recipe_from({**elsewhere, "task.kind": "magpie"}).task == Magpie(n_turns=3)


words = st.text(st.characters(codec="utf-8"), max_size=12)
plain_words = st.from_regex(r"[a-z][a-z0-9 _.-]{0,11}[a-z0-9]", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
sampling = st.fixed_dictionaries(
    {
        "model": words,
        "temperature": st.none() | st.floats(0, 2),
        "top_p": st.none() | st.floats(0, 1),
        "max_tokens": st.integers(0, 10**6),
        "concurrency": st.integers(1, 2048),
        "timeout": st.floats(0.001, 10**6),
        "template": words,
        "extra": st.dictionaries(words, values, max_size=3),
    }
)
ports = st.integers(1, 65535).map("http://127.0.0.1:{}/v1".format)
variables = st.from_regex(r"[A-Z][A-Z0-9_]{0,11}_KEY", fullmatch=True).filter(names_a_key)
wheres = st.one_of(
    st.sampled_from(list(PRESETS)).map(lambda name: {"preset": name}),
    st.builds(lambda url, key: {"url": url, "key_env": key}, ports, st.just("") | variables),
    ports.map(lambda url: {"url": url, "key_env": variable_for(url)}),
    st.builds(lambda name, key: {"preset": name, "key_env": f"MY_{key}"}, st.sampled_from(list(PRESETS)), variables),
)
specs = st.builds(lambda where, rest: build(ModelSpec, {**rest, **where}, ""), wheres, sampling)
system_prompts = (
    plain_words | st.just("") | st.lists(words, min_size=1, max_size=3) | st.dictionaries(words, words, min_size=1)
)
tasks: dict[str, st.SearchStrategy[Any]] = {
    "magpie": st.builds(
        Magpie, n_turns=st.integers(1, 9), only_instruction=st.booleans(), end_with_user=st.booleans(),
        include_system_prompt=st.booleans(), max_instruction_tokens=st.integers(1, 10**6), system_prompt=system_prompts,
    ),
    "instruction-response": st.builds(InstructionResponse, n_turns=st.integers(1, 9), system_prompt=system_prompts),
    "self-instruct": st.builds(
        SelfInstruct, num_instructions=st.integers(1, 9), application_description=words, criteria_for_query_generation=words,
        similarity=st.floats(0.01, 1.0), bootstrap=st.just(False),
    ),
    "genstruct": st.builds(Genstruct, max_answer_tokens=st.integers(1, 10**6), passage_tokens=st.integers(1, 10**6)),
    "evol-instruct": st.builds(
        EvolInstruct, num_evolutions=st.integers(1, 20), seed=st.integers(-(2**40), 2**40), store_evolutions=st.booleans(),
        include_original_instruction=st.booleans(), generate_answers=st.booleans(), check_gain=st.booleans(),
        mutation_templates=st.dictionaries(words, words.map("{}<PROMPT>".format), max_size=3),
    ),
    "text-generation": st.builds(
        TextGeneration, template=st.sampled_from(["{{ a }}", "[{{ a }}] {{ b }}", "{{a}}{{b}}{{c}}"]), system_prompt=words,
        num_generations=st.integers(1, 8),
    ),
    "existing": st.builds(ExistingRows, model=words),
}  # fmt: skip
tasks |= {kind: st.builds(task) for kind, task in TASKS.items() if kind not in tasks}


exports = st.builds(
    Export, format=st.sampled_from(list(FORMATS)), unreviewed=st.booleans(),
    decision=st.sampled_from(["", "approved", "rejected", "reviewed"]), reviewer=words, license=words,
    least_rating=st.none() | st.floats(1, 5), margin=st.floats(0, 4), similarity=st.none() | st.floats(0.01, 1),
    test_share=st.floats(0, 0.99), seed=st.integers(-9, 2**40), shuffle=st.booleans(), original_pairs=st.booleans(),
    private=st.booleans(), hub=st.sampled_from(["", "me/rivers"]),
)  # fmt: skip


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    task = draw(st.one_of(*tasks.values()))
    where = draw(st.sampled_from([{"path": "seeds.jsonl"}, {"dataset": "owner/name", "split": "test"}]))
    names = form_values.columns_of(task)[:SLOTS]
    columns = draw(st.dictionaries(st.sampled_from(names), plain_words)) if names else {}
    columns = {ours: theirs for ours, theirs in columns.items() if ours != theirs}
    limit = draw(st.none() | st.integers(1, 99))
    given_inputs = build(Inputs, {**where, "columns": columns, "skip": draw(st.integers(0, 99)), "limit": limit}, "")
    rating = st.builds(
        UltraFeedback,
        aspects=st.lists(st.sampled_from(list(STANDARD_RUBRICS)), min_size=1, unique=True).map(tuple),
        together=st.booleans(),
        repeats=st.integers(1, 20),
    )
    return Recipe(
        task=task,
        name=draw(plain_words),
        rows=draw(st.integers(1, 10**9)) if task.draws else draw(st.none() | st.integers(1, 10**9)),
        seed=draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
        generator=draw(specs),
        responders=tuple(draw(st.lists(specs, max_size=3))),
        labeller=draw(specs),
        inputs=Inputs() if task.draws else given_inputs,
        answers=draw(st.none() | st.builds(Answers, n=st.integers(0, 8), system_prompt=words)),
        rating=draw(st.none() | rating),
        review=draw(
            st.builds(Review, dataset=words, workspace=words, guidelines=words, min_submitted=st.integers(1, 9))
        ),
        export=draw(exports),
    )


@settings(max_examples=150, deadline=None)
@given(recipes())
def test_any_recipe_comes_back_from_the_forms(made: Recipe) -> None:
    assert recipe_from(fill(made)) == made


TROUBLES: dict[str, tuple[str, Callable[[], FormValues], str]] = {
    "no task": ("task", lambda: filled(task__kind=None), "Choose what to make"),
    "unknown task": ("task", lambda: filled(task__kind="poems"), "Choose what to make"),
    "bad task": ("task", lambda: filled(magpie__n_turns=0), "Turns must be from 1 to 100"),
    "half a turn": ("task", lambda: filled(magpie__n_turns=1.5), "Turns must be a whole number .given: '1.5'"),
    "endless": ("task", lambda: filled(rows=None), "how many rows"),
    "no rows": ("task", lambda: filled(rows=0), "at least 1"),
    "infinite rows": ("task", lambda: filled(rows=float("inf")), "whole number"),
    "no number of rows": ("task", lambda: filled(rows=float("nan")), "whole number"),
    "broken template": ("task", lambda: filled(task__kind="text-generation", **{"text-generation.template": "{{"}), "template"),
    "no address": ("generator", lambda: filled(generator__preset=OWN_ADDRESS), "The address is missing"),
    "odd address": ("generator", lambda: filled(generator__preset=OWN_ADDRESS, generator__url="ftp://x"), "not a web address"),
    "unknown preset": ("labeller", lambda: filled(labeller__preset="nobody"), "no preset 'nobody'"),
    "no calls": ("labeller", lambda: filled(labeller__concurrency=0), "Concurrency must be from 1 to 2,048"),
    "words for a number": ("generator", lambda: filled(generator__temperature="warm"), "Temperature must be a number .*'warm'"),
    "broken JSON": ("generator", lambda: filled(generator__extra='{"top_k": }'), "Extra is not JSON"),
    "JSON that is no object": ("generator", lambda: filled(generator__extra="[1]"), "Extra must be JSON"),
    "no JSON at all": ("generator", lambda: filled(generator__extra="top_k=0"), "Extra must be JSON"),
    "bad responder": ("responders", lambda: filled(answers__by="others", responders=[{"preset": "x"}]), "no preset 'x'"),
    "nothing pasted": ("inputs", lambda: filled(task__kind="genstruct", inputs__source="paste"), "Genstruct .* Paste some"),
    "nothing uploaded": ("inputs", lambda: filled(task__kind="existing", inputs__source="upload"), "Upload a file"),
    "no dataset": ("inputs", lambda: filled(task__kind="existing", inputs__source="dataset"), "Name a dataset"),
    "bad limit": (
        "inputs", lambda: filled(task__kind="existing", inputs__source="dataset", inputs__dataset="x", inputs__limit=0),
        "Most input rows must not be below 1",
    ),
    "nine answers": ("answers", lambda: filled(answers__n=9), "from 0 to 8"),
    "no aspects": ("rating", lambda: filled(rating__on=True, rating__aspects=[]), "at least one aspect"),
    "too many repeats": ("rating", lambda: filled(rating__on=True, rating__repeats=21), "Repeats must be"),
    "no reviewers": ("review", lambda: filled(review__min_submitted=0), "Reviewers per record must be"),
    "unknown format": ("export", lambda: filled(export__format="docx"), "no export format 'docx'"),
    "no margin": ("export", lambda: filled(export__margin=10), "Margin must be from 0 to 9"),
    "no share": ("export", lambda: filled(export__test_share=1), "Test share must be"),
    "no such dataset": ("hub", lambda: filled(export__kind="hub", export__hub="rivers"), "must be named owner/name"),
}  # fmt: skip


@pytest.mark.parametrize(("place", "forms", "words"), TROUBLES.values(), ids=TROUBLES)
def test_what_can_not_be_used_is_said_at_its_place(place: str, forms: Callable[[], FormValues], words: str) -> None:
    with pytest.raises(FormError, match=words) as caught:
        recipe_from(forms())
    assert caught.value.place == place
    assert "[" not in str(caught.value)[:1] and not str(caught.value).startswith(":")


def test_every_place_that_a_page_knows_has_a_trouble() -> None:
    known = {"generator", "labeller", "responders", "task", "inputs", "answers", "rating", "review", "export", "hub"}
    assert {place for place, _, _ in TROUBLES.values()} == known


@pytest.mark.parametrize("empty", [None, ""])
def test_an_emptied_number_means_the_default(empty: Any) -> None:
    numbers = ("generator.max_tokens", "labeller.timeout", "magpie.n_turns", "rating.repeats", "review.min_submitted")
    made = recipe_from({**fill(recipe.example()), **dict.fromkeys(numbers, empty), "generator.temperature": empty})
    assert made.generator.max_tokens == ModelSpec(preset="local").max_tokens and made.generator.temperature is None
    assert (made.labeller.timeout, made.review.min_submitted) == (120.0, 1)
    assert made.task == Magpie(
        max_instruction_tokens=120, system_prompt=recipe.BRIEFLY
    ) and made.rating == UltraFeedback(aspects=("helpfulness",))


def test_whole_numbers_of_the_page_become_whole_numbers() -> None:
    made = recipe_from(filled(rows=5.0, seed=3.0, magpie__n_turns=2.0, generator__concurrency=4.0, answers__n=2.0))
    assert (made.rows, made.seed, made.answers) == (5, 3, Answers(n=2))
    assert made.task == replace(BRIEF, n_turns=2) and made.generator.concurrency == 4
    assert all(type(value) is int for value in (made.rows, made.generator.concurrency, made.task.n_turns))


def test_a_typed_key_is_named_after_its_address_and_never_in_a_recipe() -> None:
    model = {"preset": OWN_ADDRESS, "url": f" {OWN} ", "model": "m", "key_env": TYPED}
    spec = form_values.model_of(model, "generator")
    assert (spec.url, spec.key_env, spec.preset) == (OWN, "KEY_FOR_MODELS_EXAMPLE_ORG", "")
    assert form_values.fill_model(spec)["key_env"] == TYPED
    known = form_values.model_of({**model, "preset": "openai"}, "generator")
    assert (known.url, known.key_env, known.preset) == (OWN, "KEY_FOR_MODELS_EXAMPLE_ORG", "openai")
    plain = form_values.model_of({**model, "preset": "openai", "url": ""}, "generator")
    assert (plain.url, plain.key_env, plain.key_variable) == ("", "", "OPENAI_API_KEY")


def test_an_address_wins_over_the_presets_own() -> None:
    made = recipe_from(filled(generator__preset="vllm", generator__url=OWN, generator__model="m"))
    assert made.generator.address == OWN and made.generator.preset == "vllm"
    assert recipe_from(fill(made)).generator == made.generator


def test_a_pasted_key_is_not_taken_for_the_name_of_a_variable() -> None:
    with pytest.raises(FormError, match="To give the key itself, choose"):
        recipe_from(filled(generator__preset="openai", generator__model="m", generator__key_env="sk-proj-4711"))


def test_a_system_prompt_that_only_begins_like_json_stays_a_text() -> None:
    said = "[Be terse.] Ask about rivers."
    assert recipe_from(filled(magpie__system_prompt=said)).task == Magpie(
        system_prompt=said, max_instruction_tokens=120
    )


def test_a_drawing_task_keeps_the_input_of_its_recipe() -> None:
    made = recipe.parse({"task": {"kind": "magpie"}, "inputs": {"path": "x.jsonl"}, "generator": {"preset": "local"}})
    assert recipe_from(fill(made)).inputs == made.inputs
    assert recipe_from({**fill(made), "inputs.drawn_from": False, "rows": 2}).inputs.path == ""


def test_other_models_answer_only_when_they_are_chosen() -> None:
    listed = [{"preset": "scripted", "model": "a"}]
    assert recipe_from(filled(answers__by="generator", responders=listed)).responders == ()
    assert recipe_from(filled(answers__by="others", responders=listed)).responders == (
        ModelSpec(preset="scripted", model="a"),
    )


def test_a_judge_can_be_set_up_without_rating_as_rows_are_made() -> None:
    forms = filled(rating__on=False, rating__aspects=["honesty"])
    assert recipe_from(forms).rating is None
    assert form_values.rating_of(forms) == UltraFeedback(aspects=("honesty",))
