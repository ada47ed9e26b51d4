"""The documented classes: what their examples say is true, and what they promise holds."""

import asyncio
import doctest
import importlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import claywright
import pytest
from claywright import (
    LLM,
    EvolInstruct,
    Genstruct,
    GroupColumns,
    InferenceEndpointsLLM,
    Inputs,
    KeepColumns,
    LLMPool,
    LoadDataFromDicts,
    LocalLLM,
    Magpie,
    MagpieGenerator,
    OpenAILLM,
    Pipeline,
    Recipe,
    ScriptedLLM,
    SelfInstruct,
    TextGeneration,
    TextGenerationTask,
    TransformersLLM,
    UltraFeedback,
    UltraFeedbackTask,
    export,
    pipeline,
    rate,
    run,
)  # fmt: skip
from claywright import Prompt as ClaywrightPrompt

from app import api, workflow
from app.config import settings
from app.python import keeping, pictures, steps
from app.store import Store
from tasks.errors import EndpointRefused, InputError, SettingsError, Unsupported
from tests.conftest import ArgillaServer
from tests.servers import FakeOpenAI, Fault
from tests.test_kill import kill_when, resume

ROOT = Path(__file__).resolve().parent.parent
MODULES = [
    "app.api",
    *sorted(f"app.python.{path.stem}" for path in (ROOT / "app/python").glob("*.py") if path.stem != "__init__"),
]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLAYWRIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.mark.parametrize("name", MODULES)
def test_every_example_of_the_documentation_is_true(name: str) -> None:
    module = importlib.import_module(name)
    names = {one: getattr(claywright, one) for one in claywright.__all__}
    found = doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__, globs={**vars(module), **names})
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in found:
        runner.run(example, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0


def test_every_public_name_is_documented_with_an_example_or_in_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in claywright.__all__:
        said = getattr(claywright, name).__doc__ or ""
        assert len(said) > 40, name
        assert ">>>" in said or f"{name}(" in readme or name in ("Distiset", "Answers", "Inputs"), name
    assert list(claywright.__all__) == list(api.__all__)


def poisoned(word: str) -> Callable[[dict[str, Any], int], Fault]:
    """An endpoint that refuses prompts with that word."""
    said: Fault = (400, {}, '{"error": {"message": "This prompt is refused."}}')
    return lambda body, number: said if word in json.dumps(body.get("messages")) else None


# -- tasks by themselves


def answered(times: int, **settings: Any) -> ScriptedLLM:
    return ScriptedLLM([("", "Said ({draw}).")], **settings)


def sent(data: Path) -> int:
    """Calls that were ever made."""
    with Store(data) as store:
        return int(store.db.all("SELECT count(*) n FROM calls")[0]["n"])


def test_a_row_shows_what_was_sent_and_what_came_back() -> None:
    (row,) = next(
        TextGeneration(llm=answered(1), system_prompt="Be brief.").process([{"instruction": "Hello", "id": 7}])
    )
    assert list(row) == ["instruction", "id", "generation", "model_name", steps.METADATA]
    behind = row[steps.METADATA]
    assert behind["raw_output_text_generation_0"] == row["generation"]
    assert behind["raw_input_text_generation_0"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"},
    ]  # fmt: skip
    assert behind["statistics_text_generation_0"]["output_tokens"] > 0


def test_generations_beside_each_other_or_as_a_list() -> None:
    rows = next(
        TextGeneration(llm=answered(1), num_generations=3).process([{"instruction": "a"}, {"instruction": "b"}])
    )
    assert [row["instruction"] for row in rows] == ["a"] * 3 + ["b"] * 3 and len(
        {row["generation"] for row in rows}
    ) == 6
    grouped = TextGeneration(llm=answered(1), num_generations=3, group_generations=True)
    (row,) = next(grouped.process([{"instruction": "a"}]))
    assert len(set(row["generation"])) == 3 and len(row[steps.METADATA]) == 3 and row["model_name"] == "scripted"


def test_a_second_call_draws_anew_and_a_second_program_does_not(data: Path) -> None:
    task = TextGeneration(llm=answered(1))
    first, second = (next(task.process([{"instruction": "a"}]))[0]["generation"] for _ in range(2))
    assert first != second and sent(data) == 2
    again = TextGeneration(llm=answered(1))
    assert [next(again.process([{"instruction": "a"}]))[0]["generation"] for _ in range(2)] == [first, second]
    assert sent(data) == 2


def test_what_fails_costs_its_row_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with FakeOpenAI(faults=poisoned("bad")) as server, caplog.at_level(logging.WARNING, "claywright"):
        task = TextGeneration(llm=LLM("m", base_url=server.url))
        rows = next(task.process([{"instruction": "good"}, {"instruction": "bad"}, {"instruction": ""}]))
    assert rows[0]["generation"] and rows["generation"][1:] == [None, None] and rows["model_name"] == ["m"] * 3
    why = [row[steps.METADATA].get("failure_text_generation_0") for row in rows]
    assert why[0] is None and "400" in str(why[1]) and why[2] == "empty prompt"
    assert "text_generation_0: 1 without a result: empty prompt" in caplog.text


def test_what_nobody_would_fare_better_with_is_raised() -> None:
    with FakeOpenAI(faults=lambda body, number: 401) as server, pytest.raises(EndpointRefused, match="api_key"):
        next(TextGeneration(llm=LLM("m", base_url=server.url, api_key="wrong")).process([{"instruction": "a"}]))
    with pytest.raises(InputError, match=r"column 'instruction'.*input_mappings"):
        next(TextGeneration(llm=answered(1)).process([{"question": "a"}]))
    with pytest.raises(SettingsError, match="llm=LocalLLM"):
        next(TextGeneration().process([{"instruction": "a"}]))
    with pytest.raises(SettingsError, match="does not use the column 'x'"):
        TextGeneration(llm=answered(1), columns=["x"])


def test_columns_under_other_names() -> None:
    task = TextGeneration(
        llm=answered(1), input_mappings={"instruction": "question"}, output_mappings={"generation": "answer"}
    )
    (row,) = next(task.process([{"question": "a"}]))
    assert list(row) == ["question", "answer", "model_name", steps.METADATA]


def test_a_template_of_several_columns() -> None:
    task = TextGeneration(
        llm=answered(1),
        template="{% for one in examples %}{{ one }};{% endfor %} {{ topic }}",
        columns=["examples", "topic"],
    )
    (row,) = next(task.process([{"examples": ["a", "b"], "topic": "rivers", "system_prompt": "S"}]))
    asked = row[steps.METADATA]["raw_input_text_generation_0"]
    assert [message["content"] for message in asked] == ["S", "a;b; rivers"]


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({}, ["instruction", "response"]),
        ({"only_instruction": True}, ["instruction"]),
        ({"n_turns": 2}, ["conversation"]),
        ({"end_with_user": True}, ["conversation"]),
        ({"include_system_prompt": True}, ["conversation"]),
        ({"system_prompt": {"music": "You teach music."}}, ["instruction", "response", "system_prompt_key"]),
        ({"system_prompt": {"a": ("A.", 0.8), "b": ("B.", 0.2)}, "n_turns": 2}, ["conversation", "system_prompt_key"]),
    ],
)
def test_what_magpie_gives(settings: dict[str, Any], columns: list[str]) -> None:
    (row,) = next(Magpie(llm=ScriptedLLM(), **settings).process([{}]))
    assert list(row) == [*columns, "model_name", steps.METADATA]
    assert all(row[name] for name in columns)
    rows, last = next(MagpieGenerator(llm=ScriptedLLM(), num_rows=10, batch_size=4, **settings).process())
    assert list(rows[0]) == list(row) and not last


def test_all_batches_of_a_generator_and_the_last_one_says_so() -> None:
    batches = list(MagpieGenerator(llm=ScriptedLLM(), num_rows=10, batch_size=4).process())
    assert [(len(rows), last) for rows, last in batches] == [(4, False), (4, False), (2, True)]
    assert len({row["instruction"] for rows, _ in batches for row in rows}) == 10


def test_what_evol_instruct_gives() -> None:
    llm = ScriptedLLM([("Are they|equal", '{"verdict": "different"}')])
    (row,) = next(
        EvolInstruct(llm=llm, num_evolutions=2, store_evolutions=True, generate_answers=True, include_original_instruction=True)
        .process([{"instruction": "Name a river."}])
    )  # fmt: skip
    assert list(row)[:3] == ["instruction", "evolved_instructions", "answers"]
    assert row["evolved_instructions"][0] == "Name a river." and len(row["answers"]) == len(row["evolved_instructions"])


@pytest.mark.parametrize(
    "aspect", ["overall-rating", "honesty", "instruction-following", "helpfulness", "truthfulness"]
)
def test_what_ultra_feedback_gives(aspect: str) -> None:
    rows = next(
        UltraFeedback(llm=ScriptedLLM(), aspect=aspect).process(
            [{"instruction": "2+2?", "generations": ["4", "and a car"]}, {"instruction": "2+2?", "generations": []}]
        )
    )
    typed = ["types", "rationales", "ratings", "rationales-for-ratings"]
    names = typed if aspect in ("helpfulness", "truthfulness") else ["ratings", "rationales"]
    assert list(rows[0])[2:-1] == [*names, "model_name"]
    assert all(len(rows[0][name]) == 2 for name in names) and set(rows[0]["ratings"]) <= {1, 2, 3, 4, 5, None}
    assert rows[1]["ratings"] is None and "no text to rate" in str(rows[1][steps.METADATA])


def test_a_text_that_is_not_there_is_not_rated() -> None:
    (row,) = next(
        UltraFeedback(llm=ScriptedLLM()).process([{"instruction": "2+2?", "generations": ["4", None, "", "5"]}])
    )
    assert [rating is None for rating in row["ratings"]] == [False, True, True, False]
    assert row["rationales"][0] and row["rationales"][1] is None
    said = row[steps.METADATA]["failure_ultra_feedback_0"]
    assert said == "text 2 is unrated: there is no text; text 3 is unrated: there is no text"


def test_calls_one_by_one_choose_as_differently_as_in_a_batch() -> None:
    magpie = Magpie(llm=ScriptedLLM(), system_prompt={"a": "A.", "b": "B.", "c": "C."})
    assert len({next(magpie.process([{}]))[0]["system_prompt_key"] for _ in range(12)}) == 3


def test_an_answer_that_fails_keeps_what_was_evolved() -> None:
    llm = ScriptedLLM(
        [
            ("Are they|equal", '{"verdict": "different"}'),
            ("^Answered", ""),
            ("instruction", '{"instruction": "Answered: name two rivers of Asia, and why."}'),
        ]
    )
    rows = next(
        EvolInstruct(llm=llm, num_evolutions=1, generate_answers=True).process([{"instruction": "Name a river."}])
    )
    assert rows[0]["evolved_instruction"].startswith("Answered") and rows[0]["answer"] is None
    assert rows[0][steps.METADATA]["failure_evol_instruct_0"] == "no answer: it was empty"


EVERY_TASK: dict[str, tuple[Callable[[LLM], Any], list[dict[str, Any]]]] = {
    "text": (lambda llm: TextGeneration(llm=llm), [{"instruction": "a"}, {"instruction": ""}]),
    "grouped": (lambda llm: TextGeneration(llm=llm, num_generations=2, group_generations=True), [{"instruction": "a"}]),
    "magpie": (lambda llm: Magpie(llm=llm, n_turns=2), [{"system_prompt": "Be kind."}, {"system_prompt": None}]),
    "self": (lambda llm: SelfInstruct(llm=llm), [{"input": "a"}, {"input": ""}]),
    "genstruct": (lambda llm: Genstruct(llm=llm), [{"title": "a", "content": "b " * 4000}, {"title": "a", "content": ""}]),
    "evol": (
        lambda llm: EvolInstruct(llm=llm, num_evolutions=2, generate_answers=True), [{"instruction": "a"}, {"instruction": ""}],
    ),
    "rating": (
        lambda llm: UltraFeedback(llm=llm),
        [{"instruction": "a", "generations": ["b", None]}, {"instruction": "unreadable", "generations": ["c", "d"]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", EVERY_TASK)
def test_every_task_ends_as_a_dataset_whatever_it_had_to_ask(kind: str) -> None:
    make, rows = EVERY_TASK[kind]
    with Pipeline() as made:
        LoadDataFromDicts(data=rows) >> make(ScriptedLLM([("unreadable", "no rating at all")]))
    found = made.run()["default"]["train"]
    assert len(found) >= len(rows) and steps.METADATA in found.column_names
    with Pipeline() as generated:
        MagpieGenerator(llm=ScriptedLLM(), num_rows=3)
    assert len(generated.run()["default"]["train"]) == 3


def test_what_a_step_failed_at_is_not_asked_of_the_next_one(data: Path) -> None:
    with FakeOpenAI(faults=poisoned("bad")) as server:
        llm = LLM("m", base_url=server.url)
        with Pipeline() as made:
            rows = LoadDataFromDicts(data=[{"instruction": "good", "topic": "x"}, {"instruction": "bad", "topic": "x"}])
            one = TextGeneration(llm=llm, output_mappings={"generation": "draft"})
            two = TextGeneration(llm=llm, template="Improve {{ draft }} on {{ topic }}", columns=["draft", "topic"])
            rows >> one >> two
        found = made.run()["default"]["train"]
        assert [text is None for text in found["generation"]] == [False, True]
        why = found[1][steps.METADATA]["failure_text_generation_1"]
        assert why == "there is no draft, as text_generation_0 failed"
        assert not any("Improve  on" in str(call["body"]) for call in server.calls)


def test_the_reason_is_told_whatever_branch_it_is_in() -> None:
    with FakeOpenAI(faults=lambda body, number: 401) as locked, FakeOpenAI(latency=0.05) as open_:
        with Pipeline() as made:
            data = LoadDataFromDicts(data=[{"instruction": f"{k}"} for k in range(20)])
            data >> [
                TextGeneration(name="good", llm=LLM("m", base_url=open_.url)),
                TextGeneration(name="bad", llm=LLM("m", base_url=locked.url)),
            ]
        with pytest.raises(EndpointRefused):
            made.run()


def test_mappings_of_columns_that_are_not_there_are_refused() -> None:
    with pytest.raises(SettingsError, match="input_mappings of text_generation_0 names 'prompt'"):
        TextGeneration(llm=answered(1), input_mappings={"prompt": "x"})
    with pytest.raises(SettingsError, match="output_mappings of text_generation_0 names 'text'"):
        TextGeneration(llm=answered(1), output_mappings={"text": "x"})
    with pytest.raises(InputError, match="column 'evolved'"):
        next(TextGeneration(llm=answered(1), input_mappings={"instruction": "evolved"}).process([{"instruction": "a"}]))
    with pytest.raises(SettingsError, match="aspects and repeats are for recipes"):
        next(UltraFeedback(llm=answered(1), repeats=2).process([{"instruction": "a", "generations": ["b"]}]))


def test_values_that_do_not_go_together_are_named() -> None:
    with Pipeline() as made:
        LoadDataFromDicts(data=[{"instruction": "a", "id": "x"}, {"instruction": "b", "id": 5}]) >> TextGeneration(
            llm=answered(1)
        )
    with pytest.raises(InputError, match="column 'id' holds values that do not go together"):
        made.run()


def test_genstruct_of_a_long_document_gives_a_row_a_passage() -> None:
    text = " ".join(f"Sentence number {k} is about tides." for k in range(400))
    rows = next(Genstruct(llm=ScriptedLLM(), passage_tokens=300).process([{"title": "Tides", "content": text}]))
    assert len(rows) > 2 and all(row["user"] for row in rows)


def test_self_instruct_takes_a_system_prompt() -> None:
    task = SelfInstruct(llm=ScriptedLLM(), system_prompt="You plan dinners.")
    (row,) = next(task.process([{"input": "rivers"}]))
    assert row[steps.METADATA]["raw_input_self_instruct_0"][0] == {"role": "system", "content": "You plan dinners."}


# -- models


def test_models_by_their_documented_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1")
    assert OpenAILLM(model="gpt-4o").spec.address == "http://localhost:9/v1"
    llm = InferenceEndpointsLLM(
        model_id="meta-llama/Llama-3.1-8B", tokenizer_id="meta-llama/Llama-3.1-8B", api_key="hf_x",
        generation_kwargs={"max_new_tokens": 512, "do_sample": False, "stop_sequences": ["x"], "top_k": 5},
    )  # fmt: skip
    assert (llm.spec.max_tokens, llm.spec.temperature, llm.spec.template) == (512, 0.0, "meta-llama/Llama-3.1-8B")
    assert llm.spec.extra == {"top_k": 5, "stop": ["x"]} and "hf_x" not in repr(vars(llm.spec))
    assert InferenceEndpointsLLM(base_url="http://localhost:8/v1", token="t").spec.model == "tgi"
    assert LocalLLM(magpie_pre_query_template="qwen2").spec.template == "chatml"
    with pytest.raises(SettingsError, match=r"generation_kwargs has no 'beams'.*Known: max_new_tokens"):
        LLM("m", base_url="http://localhost:9/v1", generation_kwargs={"beams": 4})
    with pytest.raises(Unsupported, match="LocalLLM"):
        TransformersLLM(model="HuggingFaceTB/SmolLM2-1.7B-Instruct")
    with pytest.raises(SettingsError, match="model_id"):
        InferenceEndpointsLLM()


# -- pipelines of steps


def chain(llm: LLM, rows: int) -> Pipeline:
    with Pipeline("chain") as made:
        data = LoadDataFromDicts(data=[{"instruction": f"Question {k}"} for k in range(rows)])
        one = TextGeneration(llm=llm, output_mappings={"generation": "instruction"})
        two = TextGeneration(llm=llm, output_mappings={"generation": "response"})
        data >> one >> two
    return made


def test_a_chain_keeps_the_order_and_names_its_steps() -> None:
    made = chain(answered(2), 20)
    assert list(made.steps) == ["load_data_from_dicts_0", "text_generation_0", "text_generation_1"]
    rows = made.run()["default"]["train"]
    assert rows.column_names == ["instruction", "model_name", steps.METADATA, "response"]
    assert len(rows) == 20 and {"raw_output_text_generation_0", "raw_output_text_generation_1"} <= set(
        rows[0][steps.METADATA]
    )
    assert rows[3][steps.METADATA]["raw_input_text_generation_0"][0]["content"] == "Question 3"


def test_what_was_answered_is_not_asked_again_unless_that_is_wanted(data: Path) -> None:
    first = chain(answered(2), 5).run()["default"]["train"]["response"]
    assert sent(data) == 10
    assert chain(answered(2), 5).run()["default"]["train"]["response"] == first and sent(data) == 10
    assert chain(answered(2), 5).run(use_cache=False)["default"]["train"]["response"] != first and sent(data) == 20


def test_steps_side_by_side_are_brought_together() -> None:
    with Pipeline() as made:
        data = LoadDataFromDicts(data=[{"instruction": "a"}, {"instruction": "b"}])
        answers = [TextGeneration(name=name, llm=answered(1, model=name)) for name in ("x", "y")]
        group = GroupColumns(columns=["generation", "model_name"], output_columns=["generations", "generation_models"])
        rated = UltraFeedback(llm=ScriptedLLM(model="judge"))
        data >> answers >> group >> rated >> KeepColumns(columns=["instruction", "generation_models", "ratings"])
    rows = made.run()["default"]["train"]
    assert rows.column_names == ["instruction", "generation_models", "ratings"]
    assert rows["generation_models"][0] == ["x", "y"] and len(rows["ratings"][1]) == 2


def test_several_last_steps_give_several_configurations(tmp_path: Path) -> None:
    with Pipeline() as made:
        data = LoadDataFromDicts(data=[{"instruction": "a"}])
        data >> [TextGeneration(name="x", llm=answered(1)), TextGeneration(name="y", llm=answered(1))]
    found = made.run(parameters={"x": {"llm": {"generation_kwargs": {"temperature": 0.1}}, "num_generations": 2}})
    assert {name: len(parts["train"]) for name, parts in found.items()} == {"x": 2, "y": 1}
    found.save_to_disk(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"x", "y"}


def test_rows_may_come_with_the_call() -> None:
    with Pipeline() as made:
        TextGeneration(llm=answered(1))
    assert len(made.run(dataset=[{"instruction": "a"}, {"instruction": "b"}])["default"]["train"]) == 2
    with pytest.raises(InputError, match="gets no rows: begin with LoadDataFromDicts"):
        made.run()


def test_what_is_wrong_with_a_pipeline_is_said(tmp_path: Path) -> None:
    with Pipeline() as made:
        one, two = (TextGeneration(llm=answered(1)) for _ in range(2))
        one >> two
        with pytest.raises(SettingsError, match="circle"):
            two >> one
        with pytest.raises(SettingsError, match="has a step 'text_generation_0' already"):
            TextGeneration(name="text_generation_0", llm=answered(1))
    with pytest.raises(SettingsError, match="is in no pipeline"):
        KeepColumns(columns=["a"]) >> one
    with pytest.raises(SettingsError, match="no steps"):
        Pipeline().run()
    with pytest.raises(SettingsError, match=r"drawn as .png or .svg"):
        made.draw(tmp_path / "x.pdf")
    with pytest.raises(SettingsError, match="no step 'three'"):
        made.run(parameters={"three": {}}, dataset=[{"instruction": "a"}])


def test_a_picture_of_the_steps(tmp_path: Path) -> None:
    with Pipeline() as made:
        data = LoadDataFromDicts(data=[{"instruction": "a"}])
        both = [TextGeneration(name=name, llm=answered(1)) for name in ("x", "y")]
        data >> both >> GroupColumns(columns=["generation"])
    assert Path(made.draw(tmp_path / "steps.png", top_to_bottom=True)).read_bytes().startswith(b"\x89PNG")
    said = Path(made.draw(tmp_path / "steps.svg")).read_text(encoding="utf-8")
    assert said.count("<rect") == 5 and said.count("<line") == 4 and "grouped_generation" in said
    boxes = pictures.places(made.edges, list(made.steps), top_to_bottom=False)
    assert boxes["x"][0] == boxes["y"][0] > boxes["load_data_from_dicts_0"][0]


# -- generator and labeller


def test_tasks_of_ones_own_form_the_prompt_and_read_the_answer() -> None:
    class Problems(TextGenerationTask):
        system_prompt: str = "You write problems."

        def generate_prompt(self, input: str) -> ClaywrightPrompt:
            return ClaywrightPrompt(system_prompt="You write problems.", formatted_prompt=f"Code: {input}")

        def parse_output(self, output: str) -> dict[str, str]:
            problem, solution = output.split("[Solution]")
            return {"problem": problem.strip(), "solution": solution.strip()}

    llm = ScriptedLLM([("broken", "no parts"), ("Code", "Sort it. [Solution] sorted()")], task=Problems())
    made = Pipeline(generator=llm).generate([{"input": "x"}, {"input": "broken"}], skip_dry_run=True)
    assert made.column_names[4:] == ["problem", "solution", "failures"]
    assert made[0]["problem"] == ["Sort it."] and made[0]["failures"] == ""
    assert made[1]["raw_generation_responses"] == ["no parts"] and "text 1 can't be read" in made[1]["failures"]


@pytest.mark.parametrize("format", ["default", "openai", "llama2", "chatml", "zephyr", "notus"])
def test_prompt_formats(format: str) -> None:
    said = ClaywrightPrompt(system_prompt="S", formatted_prompt="U").format_as(format)
    assert "S" in str(said) and "U" in str(said)
    assert isinstance(said, list) == (format == "openai")
    with pytest.raises(SettingsError, match="Known: default, openai"):
        ClaywrightPrompt("S", "U").format_as("alpaca")


def test_ratings_stay_with_their_texts_whatever_the_order(data: Path) -> None:
    judge = ScriptedLLM([("good.*bad|bad.*good", '{"texts": []}')], model="judge", task=UltraFeedbackTask.for_honesty())
    labelled = Pipeline(labeller=judge).generate(
        [{"input": "q", "generations": ["good", None, "bad"]}], skip_dry_run=True
    )
    row = labelled[0]
    assert len(row["rating"]) == 3 and row["rating"][1] is None and labelled.task.aspect == "honesty"


def test_reasons_name_the_text_as_it_stands() -> None:
    class Picky(TextGenerationTask):
        def parse_output(self, output: str) -> Any:
            return {"generations": output} if "good" in output else 1 / 0

    pool = LLMPool([ScriptedLLM([("", said)], model=said, task=Picky()) for said in ("good a", "bad", "good c")])
    made = Pipeline(generator=pool).generate([{"input": f"q{k}"} for k in range(12)], 3, skip_dry_run=True)
    for row in made:
        assert row["failures"].startswith(
            f"text {row['generation_model'].index('bad') + 1} can't be read: ZeroDivisionError"
        )


def test_drawing_anew_rates_anew(data: Path) -> None:
    judge = ScriptedLLM(model="judge", task=UltraFeedbackTask.for_honesty())
    given = [{"input": "q", "generations": ["a", "b"]}]
    for _ in range(2):
        Pipeline(labeller=judge).generate(given)
    assert sent(data) == 1
    Pipeline(labeller=judge).generate(given, enable_checkpoints=False, skip_dry_run=True)
    assert sent(data) == 2


def test_an_unreadable_first_row_holds_nothing_up() -> None:
    judge = ScriptedLLM([("", "no rating")], model="judge", task=UltraFeedbackTask.for_honesty())
    made = Pipeline(labeller=judge).generate([{"input": "q", "generations": ["a"], "failures": "mine"}])
    assert made[0]["rating"] == [None] and made[0]["failures"] == "mine" and "unrated" in made[0]["failures_"]


def test_no_rows_and_rows_that_lack_something() -> None:
    from datasets import Dataset

    generator = answered(1, task=TextGenerationTask())
    empty = Pipeline(generator=generator).generate(Dataset.from_dict({"input": [], "id": []}))
    assert empty.column_names == [
        "input",
        "id",
        "generation_model",
        "generation_prompt",
        "raw_generation_responses",
        "generations",
    ]
    with pytest.raises(InputError, match=r"no column 'input' in row 2\."):
        Pipeline(generator=generator).generate([{"input": "a"}, {"id": 1}])
    made = Pipeline(generator=generator).generate([{"input": "a"}, {"input": None}])
    assert made[1]["generations"] == [None] and made[1]["failures"] == "text 1: the row has nothing as 'input'."


def test_a_prompt_may_be_text_already() -> None:
    class Formatted(TextGenerationTask):
        def generate_prompt(self, input: str) -> Any:
            return ClaywrightPrompt("S", input).format_as("notus")

    made = Pipeline(generator=answered(1, task=Formatted())).generate([{"input": "a"}])
    assert made[0]["generation_prompt"][0][0]["content"].startswith("<|system|>\nS</s>")


def test_a_checkpoint_is_kept_and_read_back(tmp_path: Path) -> None:
    generator = answered(1, task=TextGenerationTask())
    checkpoint = claywright.DatasetCheckpoint(path=tmp_path / "kept", save_frequency=1)
    made = Pipeline(generator=generator).generate([{"input": "a"}], checkpoint_strategy=checkpoint)
    assert claywright.CustomDataset.load_from_disk(checkpoint.path)["generations"] == made["generations"]


@pytest.mark.parametrize("own", ["response", "responses", "messages", "instruction", "system_prompt", "id", "when"])
def test_a_datasets_own_columns_do_not_move_ratings(data: Path, own: str) -> None:
    values: dict[str, Any] = {
        "messages": [{"role": "user", "content": "x"}],
        "responses": ["other"],
        "when": datetime(2026, 1, 1),
    }
    judge = ScriptedLLM(model="judge", task=UltraFeedbackTask.for_honesty())
    given = [{"input": f"q{k}", "generations": ["good", "bad"], own: values.get(own, "mine")} for k in range(3)]
    made = Pipeline(labeller=judge).generate(given)
    with Store(data) as store:
        run_ = asyncio.run(keeping.kept(store, settings(), made, "mine"))
        again = asyncio.run(keeping.kept(store, settings(), made, "mine"))
        assert again.id == run_.id
        for row, said in zip(store.rows.page(run_.id, 0, 10), made, strict=True):
            assert (row.instruction, [r.text for r in row.responses]) == (said["input"], ["good", "bad"])
            ratings = {one.response: one.value for one in store.ratings.of([row.id])[row.id]}
            assert ratings == dict(enumerate(said["rating"]))


def test_texts_are_shuffled_with_all_that_belongs_to_them(data: Path) -> None:
    pool = LLMPool(
        [ScriptedLLM([("", f"By {name}.")], model=name, task=TextGenerationTask()) for name in ("a", "b", "c")]
    )
    plain, shuffled = (
        Pipeline(generator=pool).generate([{"input": f"q{k}"} for k in range(20)], 3, shuffle_before_labelling=on)
        for on in (False, True)
    )
    assert plain["generation_model"] != shuffled["generation_model"]
    for row in shuffled:
        assert (
            row["generations"] == [f"By {name}." for name in row["generation_model"]]
            and len(set(row["generations"])) == 3
        )


def test_what_is_wrong_with_generating_is_said() -> None:
    with pytest.raises(SettingsError, match="needs a task"):
        Pipeline(generator=answered(1))
    with pytest.raises(SettingsError, match="has to rate"):
        Pipeline(labeller=answered(1, task=TextGenerationTask()))
    with pytest.raises(SettingsError, match="needs a generator, a labeller or both"):
        Pipeline().generate([{"input": "a"}])
    with pytest.raises(InputError, match=r"no column 'input'\. Needed: input; there: prompt"):
        Pipeline(generator=answered(1, task=TextGenerationTask())).generate([{"prompt": "a"}])
    with pytest.raises(SettingsError, match="Known: preference"):
        pipeline("critique", generator=answered(1, task=TextGenerationTask()))
    with pytest.raises(SettingsError, match="no subtask 'style'"):
        pipeline("preference", "style", generator=answered(1, task=TextGenerationTask()))
    with pytest.raises(Unsupported, match="ratings can't be given"):
        UltraFeedbackTask.for_honesty(ratings=[])
    with (
        FakeOpenAI(faults=poisoned("a")) as server,
        pytest.raises(InputError, match="The first row of the dataset fails"),
    ):
        Pipeline(generator=LLM("m", base_url=server.url, task=TextGenerationTask())).generate([{"input": "a"}])


# -- the loop by a recipe


def test_what_readme_shows_runs(
    argilla: ArgillaServer, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a script in place of the models, and the session's Argilla."""
    monkeypatch.setenv("ARGILLA_API_URL", argilla.url)
    monkeypatch.setenv("ARGILLA_API_KEY", argilla.api_key)
    (tmp_path / "answers.csv").write_text("question,response\nName a river.,The Loire.\n")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        program = re.sub(r'LLM\("qwen2.5:7b", base_url="[^"]*"', "ScriptedLLM(", block).replace(
            "LocalLLM()", "ScriptedLLM()"
        )
        program = re.sub(r"(Recipe\(task=\w+\(\),)", r"\1 generator=ScriptedLLM(),", program).replace("(, ", "(")
        exec(compile(f"from claywright import ScriptedLLM\n{program}", "README.md", "exec"), {})
    assert (tmp_path / "rows.jsonl").exists() and (tmp_path / "steps.png").exists()


def test_the_loop_with_progress(data: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    made = run(
        Recipe(task=Magpie(n_turns=2), generator=ScriptedLLM(), rows=4, rating=UltraFeedback(aspect="honesty")),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert made.state == "done" and seen[-1] == (4, 4) and seen[0][1] == 4
    rate(made.id, UltraFeedback(aspects=("helpfulness", "honesty")), labeller=ScriptedLLM(model="other"), progress=True)
    written = export(made.id, tmp_path / "out.jsonl", unreviewed=True, format="sft")
    assert written.written == 4
    with Store(data) as store:
        assert {r["aspect"] for r in store.db.all("SELECT DISTINCT aspect FROM ratings")} == {"helpfulness", "honesty"}


def test_a_model_that_is_named_is_the_one_that_is_asked(data: Path) -> None:
    made = run(
        Recipe(task=Magpie(llm=ScriptedLLM(model="pen")), rating=UltraFeedback(llm=ScriptedLLM(model="judge")), rows=2)
    )
    with Store(data) as store:
        kept = workflow.recipe_of(store.runs.get(made.id))
        assert (kept.generator.model, kept.labeller.model) == ("pen", "judge")
    with pytest.raises(SettingsError, match="Two models are given"):
        Recipe(task=Magpie(llm=ScriptedLLM(model="pen")), generator=ScriptedLLM(model="other"), rows=2)
    with pytest.raises(SettingsError, match="A recipe holds no script"):
        Recipe(task=Magpie(), generator=ScriptedLLM([("a", "b")]), rows=2)
    with pytest.raises(SettingsError, match="Mappings and groups are of steps"):
        Recipe(task=TextGeneration(input_mappings={"instruction": "a"}), rows=2)


def test_keys_are_of_a_recipes_models(data: Path) -> None:
    with FakeOpenAI() as server:
        (data.parent / "in.jsonl").write_text('{"instruction": "q"}\n')
        inputs = Inputs(path=str(data.parent / "in.jsonl"))
        pen, judge = (LLM(name, base_url=server.url, api_key=f"key-{name}") for name in ("pen", "judge"))
        run(Recipe(task=TextGeneration(), generator=pen, labeller=judge, rating=UltraFeedback(), inputs=inputs))
        said = {(call["body"]["model"], call["authorization"]) for call in server.calls}
        assert said == {("pen", "Bearer key-pen"), ("judge", "Bearer key-judge")}
        with pytest.raises(SettingsError, match="two different keys"):
            Recipe(
                task=TextGeneration(),
                generator=pen,
                labeller=LLM("pen", base_url=server.url, api_key="k"),
                inputs=inputs,
            )


def test_another_input_is_another_run(data: Path) -> None:
    file, refused = data.parent / "in.jsonl", True
    with FakeOpenAI(faults=lambda body, number: 401 if refused else None) as server:
        made = Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url), inputs=Inputs(path=str(file)))
        file.write_text('{"instruction": "q"}\n')
        with pytest.raises(EndpointRefused):
            run(made)
        file.write_text('{"instruction": "another"}\n')
        refused = False
        assert run(made).state == "done"


def test_a_refused_key_leaves_a_run_that_is_gone_on_with(data: Path) -> None:
    refused = True
    with FakeOpenAI(faults=lambda body, number: 401 if refused else None) as server:
        (data.parent / "in.jsonl").write_text("".join(f'{{"instruction": "q{k}"}}\n' for k in range(4)))
        inputs = Inputs(path=str(data.parent / "in.jsonl"))
        with pytest.raises(EndpointRefused, match="api_key"):
            run(Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url, api_key="wrong"), inputs=inputs))
        refused = False
        done = run(
            Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url, api_key="right"), inputs=inputs)
        )
        assert done.state == "done" and server.calls[-1]["authorization"] == "Bearer right"
        with Store(data) as store:
            assert [one.id for one in store.runs.all()] == [done.id]
        assert b"right" not in (data / "claywright.db").read_bytes()
        made = Recipe(task=TextGeneration(), generator=LLM("m", base_url=server.url), inputs=inputs)
        assert run(made).id != done.id  # a finished one is not gone on with


def test_a_notebooks_own_loop_is_no_hindrance() -> None:
    async def cell() -> None:
        rows = next(TextGeneration(llm=answered(1)).process([{"instruction": "a"}]))
        assert rows[0]["generation"]
        assert run(Recipe(task=Magpie(), generator=ScriptedLLM(), rows=2)).state == "done"
        assert len(chain(answered(1), 3).run()["default"]["train"]) == 3
        made = Pipeline(generator=answered(1, task=TextGenerationTask())).generate([{"input": "a"}])
        assert made[0]["generations"]

    asyncio.run(cell())


PROGRAM = """
import asyncio, sys
from claywright import LLM, LoadDataFromDicts, Pipeline, TextGeneration, Recipe, Inputs, run

def work():
    llm = LLM("m", base_url=sys.argv[1], num_threads=4)
    if sys.argv[2] == "run":
        return run(Recipe(task=TextGeneration(), generator=llm, inputs=Inputs(path="in.jsonl"), seed=3)).state
    with Pipeline() as pipeline:
        LoadDataFromDicts(data=[{"instruction": f"q{k}"} for k in range(40)]) >> TextGeneration(llm=llm)
    return len(pipeline.run()["default"]["train"])

async def cell():
    return work()

try:
    print("ended", asyncio.run(cell()) if sys.argv[3] == "loop" else work())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("where", ["loop", "script"])
@pytest.mark.parametrize("what", ["run", "pipeline"])
def test_ctrl_c_loses_nothing_and_a_second_call_goes_on(data: Path, tmp_path: Path, what: str, where: str) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"instruction": f"q{k}"}) + "\n" for k in range(40)))
    with FakeOpenAI(latency=0.1) as server:

        def begin() -> subprocess.Popen[str]:
            command = [sys.executable, "-c", PROGRAM, server.url, what, where]
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)

        first = begin()
        while len(asked(server)) < 12:
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        first.send_signal(signal.SIGINT)
        out, err = first.communicate(timeout=60)
        assert out == "interrupted\n" and "Traceback" not in err, err
        before = len(asked(server))
        assert before < 40
        out, err = begin().communicate(timeout=60)
        assert out == ("ended done\n" if what == "run" else "ended 40\n"), err
        assert len(asked(server)) == 40 and len({call["draw"] for call in asked(server)}) == 40


@pytest.mark.parametrize("what", ["run", "pipeline"])
def test_killed_and_started_again_it_asks_only_for_what_was_in_flight(data: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"instruction": f"q{k}"}) + "\n" for k in range(40)))
    with FakeOpenAI(latency=0.05) as server:
        program, words = [sys.executable, "-c", PROGRAM], [server.url, what, "script"]
        assert kill_when(words, dict(os.environ), lambda: len(asked(server)) >= 17, program)
        at_the_kill = len(asked(server))
        resume(words, dict(os.environ), program)
        assert len({call["draw"] for call in asked(server)}) == 40 and at_the_kill < 40
        assert len(asked(server)) - 40 <= 4


def asked(server: FakeOpenAI) -> list[dict[str, Any]]:
    """The calls for a text; a probe asks nothing of the kind."""
    return [
        call
        for call in server.calls
        if any(str(m.get("content", "")).startswith("q") for m in call["body"].get("messages", []))
    ]


USER = """
from claywright import LLM, LoadDataFromDicts, Magpie, Pipeline, Recipe, TextGeneration, UltraFeedback, export, run

llm = LLM("m", base_url="http://localhost:8000/v1", generation_kwargs={"temperature": 0.5})
rows = next(TextGeneration(llm=llm).process([{"instruction": "a"}]))
texts: list[object] = rows["generation"]
with Pipeline("two steps") as pipeline:
    LoadDataFromDicts(data=[{"instruction": "a"}]) >> TextGeneration(llm=llm)
train = pipeline.run(use_cache=False)["default"]["train"]
made = run(Recipe(task=Magpie(n_turns=2), generator=llm, rating=UltraFeedback(aspect="honesty"), rows=5), progress=True)
state: str = made.state
written: int = export(made.id, "rows.jsonl").written
"""


def test_a_users_program_is_typed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(USER)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stdout
    (tmp_path / "program.py").write_text(USER + 'wrong: int = rows["generation"]\nMagpie(turns=2)\n')
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": str(ROOT)}
    )
    assert done.stdout.count("error:") == 2, done.stdout


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    assert settings().data.name == "data" and workflow.SEEDS
