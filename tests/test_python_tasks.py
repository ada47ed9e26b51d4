"""Tasks by themselves, and the models that they ask: documented arguments, columns, reasons for what is missing."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from claywright import (
    LLM,
    EvolInstruct,
    Genstruct,
    InferenceEndpointsLLM,
    LoadDataFromDicts,
    LocalLLM,
    Magpie,
    MagpieGenerator,
    OpenAILLM,
    Pipeline,
    ScriptedLLM,
    SelfInstruct,
    TextGeneration,
    TransformersLLM,
    UltraFeedback,
)

from app.api import steps
from tasks.errors import EndpointRefused, InputError, SettingsError, Unsupported
from tests.python_api import answered, poisoned, sent
from tests.servers import FakeOpenAI

pytestmark = pytest.mark.usefixtures("data")


def test_a_row_shows_what_was_sent_and_what_came_back() -> None:
    (row,) = next(
        TextGeneration(llm=answered(), system_prompt="Be brief.").process([{"instruction": "Hello", "id": 7}])
    )
    assert list(row) == ["instruction", "id", "generation", "model_name", steps.METADATA]
    behind = row[steps.METADATA]
    assert behind["raw_output_text_generation_0"] == row["generation"]
    assert behind["raw_input_text_generation_0"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"},
    ]  # fmt: skip
    assert behind["statistics_text_generation_0"]["output_tokens"] > 0


def test_generations_beside_each_other_or_as_a_list() -> None:
    rows = next(TextGeneration(llm=answered(), num_generations=3).process([{"instruction": "a"}, {"instruction": "b"}]))
    assert [row["instruction"] for row in rows] == ["a"] * 3 + ["b"] * 3 and len(
        {row["generation"] for row in rows}
    ) == 6
    grouped = TextGeneration(llm=answered(), num_generations=3, group_generations=True)
    (row,) = next(grouped.process([{"instruction": "a"}]))
    assert len(set(row["generation"])) == 3 and len(row[steps.METADATA]) == 3 and row["model_name"] == "scripted"


def test_a_second_call_draws_anew_and_a_second_program_does_not(data: Path) -> None:
    task = TextGeneration(llm=answered())
    first, second = (next(task.process([{"instruction": "a"}]))[0]["generation"] for _ in range(2))
    assert first != second and sent(data) == 2
    again = TextGeneration(llm=answered())
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
        next(TextGeneration(llm=answered()).process([{"question": "a"}]))
    with pytest.raises(SettingsError, match="llm=LocalLLM"):
        next(TextGeneration().process([{"instruction": "a"}]))
    with pytest.raises(SettingsError, match="does not use the column 'x'"):
        TextGeneration(llm=answered(), columns=["x"])


def test_columns_under_other_names() -> None:
    task = TextGeneration(
        llm=answered(), input_mappings={"instruction": "question"}, output_mappings={"generation": "answer"}
    )
    (row,) = next(task.process([{"question": "a"}]))
    assert list(row) == ["question", "answer", "model_name", steps.METADATA]


def test_a_template_of_several_columns() -> None:
    task = TextGeneration(
        llm=answered(),
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


def test_rows_and_texts_that_are_none() -> None:
    with pytest.raises(InputError, match="Rows are dicts"):
        next(TextGeneration(llm=answered()).process(["a"]))  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"Rows are dicts.*given: 5"):
        Pipeline().run(dataset=5)
    (row,) = next(UltraFeedback(llm=ScriptedLLM()).process([{"instruction": "a", "generations": "one text"}]))
    assert len(row["ratings"]) == 1
    with pytest.raises(InputError, match="generations are a list of texts"):
        next(UltraFeedback(llm=ScriptedLLM()).process([{"instruction": "a", "generations": 5}]))


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
        TextGeneration(llm=answered(), input_mappings={"prompt": "x"})
    with pytest.raises(SettingsError, match="output_mappings of text_generation_0 names 'text'"):
        TextGeneration(llm=answered(), output_mappings={"text": "x"})
    with pytest.raises(InputError, match="column 'evolved'"):
        next(TextGeneration(llm=answered(), input_mappings={"instruction": "evolved"}).process([{"instruction": "a"}]))
    with pytest.raises(SettingsError, match="aspects and repeats are for recipes"):
        next(UltraFeedback(llm=answered(), repeats=2).process([{"instruction": "a", "generations": ["b"]}]))


def test_values_that_do_not_go_together_are_named() -> None:
    with Pipeline() as made:
        LoadDataFromDicts(data=[{"instruction": "a", "id": "x"}, {"instruction": "b", "id": 5}]) >> TextGeneration(
            llm=answered()
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
