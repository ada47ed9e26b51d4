"""The published examples run: import lines, the model's construction and Argilla's credentials are all that is changed.

They are those of the documentation of distilabel (Apache-2.0), of the pages that each part names, and of the smol-course
(Apache-2.0); the columns are asserted as those pages have them.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from claywright import LocalLLM, ScriptedLLM

from app import services
from app.config import Settings
from tests.conftest import ArgillaServer
from tests.make_runs import Reviewer
from tests.servers import FakeOpenAI

METADATA = "distilabel_metadata"


pytestmark = pytest.mark.usefixtures("data")


def columns(row: dict[str, Any]) -> list[str]:
    return [name for name in row if name != METADATA]


# -- components gallery: InstructionResponsePipeline


def test_instruction_response_pipeline(
    services_data: Settings, local_model: services.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAYWRIGHT_DATA", str(services_data.data))
    monkeypatch.setattr("app.api.pipeline.LocalLLM", partial(LocalLLM, max_new_tokens=80))  # else answers of a minute
    from claywright import InstructionResponsePipeline

    pipeline = InstructionResponsePipeline()

    distiset = pipeline.run()

    rows = distiset["default"]["train"]
    assert len(rows) == 10 and rows.column_names == ["instruction", "response", "model_name"]
    assert all(row["instruction"] and row["response"] for row in rows)


def test_instruction_response_pipeline_customized() -> None:
    from claywright import InstructionResponsePipeline

    pipeline = InstructionResponsePipeline(
        system_prompt="You are a creative AI Assistant for writing science fiction.",
        llm=ScriptedLLM(
            generation_kwargs={"max_new_tokens": 512, "temperature": 0.7},
        ),
        num_rows=500,
        batch_size=2,
        n_turns=2,
    )

    rows = pipeline.run()["default"]["train"]
    assert len(rows) == 500 and rows.column_names == ["conversation", "model_name"]
    assert [message["role"] for message in rows[0]["conversation"]] == ["user", "assistant"] * 2


# -- components gallery: SelfInstruct


def test_self_instruct() -> None:
    from claywright import SelfInstruct

    self_instruct = SelfInstruct(
        llm=ScriptedLLM(),
        num_instructions=5,  # This is the default value
    )

    self_instruct.load()

    result = next(self_instruct.process([{"input": "instruction"}]))

    assert columns(result[0]) == ["input", "instructions", "model_name"]
    assert len(result) == 1 and len(set(result[0]["instructions"])) == 5


# -- components gallery: Genstruct


def test_genstruct() -> None:
    from claywright import Genstruct

    # Consider this as a placeholder for your actual LLM.
    genstruct = Genstruct(
        llm=ScriptedLLM(),
    )

    genstruct.load()

    result = next(
        genstruct.process(
            [
                {"title": "common instruction", "content": "content of the document"},
            ]
        )
    )

    assert columns(result[0]) == ["title", "content", "user", "assistant", "model_name"]
    assert result[0]["user"] and result[0]["assistant"]


# -- smol-course, chapter on synthetic datasets


@pytest.fixture
def llm() -> ScriptedLLM:
    said = [("What is the purpose", "To learn."), ("Generate a questions? about", "What is the purpose of it?")]
    return ScriptedLLM([*said, ('"equal" or "different"|verdict', '{"verdict": "different"}')])


def test_course_basic_prompting(llm: ScriptedLLM) -> None:
    from claywright import TextGeneration

    gen = TextGeneration(llm=llm)
    gen.load()

    first = next(
        gen.process([{"instruction": "Generate a questions about the Hugging Face Smol-Course on small AI models."}])
    )
    # What is the purpose of Smol-Course?
    second = next(gen.process([{"instruction": "What is the purpose of Smol-Course?"}]))
    # The Smol-Course is a platform designed to learning computer science concepts.

    assert (first[0]["generation"], second[0]["generation"]) == ("What is the purpose of it?", "To learn.")
    assert columns(first[0]) == ["instruction", "generation", "model_name"]


def test_course_self_instruct(llm: ScriptedLLM) -> None:
    from claywright import SelfInstruct

    self_instruct = SelfInstruct(llm=llm)
    self_instruct.load()

    context = "<prompt_to_data_section>"

    found = next(self_instruct.process([{"input": context}]))["instructions"][
        0
    ]  # published with a name that is not defined

    assert len(found) == 5  # the instructions of the first row; published as if it were the first of them


def test_course_evol_instruct(llm: ScriptedLLM) -> None:
    from claywright import EvolInstruct

    evol_instruct = EvolInstruct(llm=llm, num_evolutions=1)
    evol_instruct.load()

    text = "What is the process of generating synthetic data through manual prompting"

    found = next(evol_instruct.process([{"instruction": text}]))

    assert columns(found[0]) == ["instruction", "evolved_instruction", "model_name"] and found[0]["evolved_instruction"]


def test_course_magpie(llm: ScriptedLLM) -> None:
    from claywright import Magpie

    magpie = Magpie(llm=llm)
    magpie.load()

    found = next(magpie.process([{"system_prompt": "You are a helpful assistant."}]))

    assert columns(found[0]) == ["system_prompt", "instruction", "response", "model_name"]


def test_course_chained_pipeline() -> None:
    from claywright import LoadDataFromDicts, Pipeline, TextGeneration

    with Pipeline() as pipeline:
        data = LoadDataFromDicts(
            data=[{"instruction": "Generate a short question about the Hugging Face Smol-Course."}]
        )
        llm = ScriptedLLM(
            [("What is the purpose", "To learn."), ("Generate a short question", "What is the purpose of it?")]
        )
        gen_a = TextGeneration(llm=llm, output_mappings={"generation": "instruction"})
        gen_b = TextGeneration(llm=llm, output_mappings={"generation": "response"})
        data >> gen_a >> gen_b

    distiset = pipeline.run(use_cache=False)
    print(distiset["default"]["train"][0])  # noqa: T201

    row = distiset["default"]["train"][0]
    assert (row["instruction"], row["response"]) == ("What is the purpose of it?", "To learn.")
    assert Path(pipeline.draw()).read_bytes().startswith(b"\x89PNG")


# -- legacy page "Pipelines"

GENERATED = ["input", "generation_model", "generation_prompt", "raw_generation_responses", "generations"]
LABELLED = ["labelling_model", "labelling_prompt", "raw_labelling_response", "rating", "rationale"]


def writer(**settings: Any) -> ScriptedLLM:
    return ScriptedLLM(
        [("interview", "Yes, absolutely ({draw})!"), ("", "A text ({draw}).")], model="writer", **settings
    )


def judge(**settings: Any) -> ScriptedLLM:
    return ScriptedLLM(model="judge", **settings)


def test_legacy_generator() -> None:
    from claywright import Pipeline, TextGenerationTask

    pipe_generation = Pipeline(
        generator=writer(
            task=TextGenerationTask(),
            max_new_tokens=512,
            do_sample=True,
            prompt_format="notus",
        ),
    )

    from datasets import Dataset

    dataset = Dataset.from_dict({"input": ["Create an easy dinner recipe with few ingredients"]})
    dataset_generated = pipe_generation.generate(dataset, num_generations=2)

    print(dataset_generated)  # noqa: T201
    print(dataset_generated[0]["generations"][0])  # noqa: T201

    assert dataset_generated.column_names == GENERATED and dataset_generated.num_rows == 1
    assert len(set(dataset_generated[0]["generations"])) == 2
    assert dataset_generated[0]["generation_model"] == ["writer", "writer"]
    assert dataset_generated[0]["raw_generation_responses"] == dataset_generated[0]["generations"]


def test_legacy_labeller() -> None:
    from claywright import Pipeline, UltraFeedbackTask

    pipe_labeller = Pipeline(
        labeller=judge(
            task=UltraFeedbackTask.for_instruction_following(),
            max_new_tokens=256,
            num_threads=8,
            temperature=0.3,
        ),
    )

    from datasets import Dataset

    dataset_test = Dataset.from_dict(
        {
            "input": [
                "Describe the capital of Spain in 25 words.",
                "Design a conversation between a customer and a customer service agent.",
            ],
            "generations": [
                ["Santo Domingo is the capital of Dominican Republic"],
                [
                    "Customer: Hello, I'm having trouble with my purchase.\n\nCustomer Service Agent: I'm sorry to hear that."
                ],
            ],
        }
    )

    ds_labelled = pipe_labeller.generate(dataset_test)

    first = ds_labelled.select_columns(["input", "generations", "rating", "rationale"])[0]

    assert list(first) == ["input", "generations", "rating", "rationale"]
    assert ds_labelled.column_names == ["input", "generations", *LABELLED]
    assert len(first["rating"]) == len(first["rationale"]) == 1 and 1.0 <= first["rating"][0] <= 5.0
    assert isinstance(first["rating"][0], float) and first["rationale"][0]


def test_legacy_generator_and_labeller() -> None:
    from claywright import Pipeline, TextGenerationTask, UltraFeedbackTask

    pipe_full = Pipeline(
        generator=writer(
            task=TextGenerationTask(
                system_prompt="You are an expert writer of XKCD, a webcomic of romance, sarcasm, math, and language."
            ),
            max_new_tokens=512,
            do_sample=True,
            prompt_format="notus",
        ),
        labeller=judge(
            task=UltraFeedbackTask.for_instruction_following(),
            max_new_tokens=256,
            num_threads=4,
            temperature=0.3,
        ),
    )

    from datasets import Dataset

    xkcd_instructions = Dataset.from_dict({"input": ["Could you imagine an interview process going sideways?"] * 2})
    ds_xkcd = pipe_full.generate(xkcd_instructions, num_generations=3)

    print(ds_xkcd[1]["generations"][0])  # noqa: T201 - published for a dataset of one row
    print("-----" * 5)  # noqa: T201
    print("RATING: ", ds_xkcd[1]["rating"][0])  # noqa: T201
    print("RATIONALE: ", ds_xkcd[1]["rationale"][0])  # noqa: T201

    assert ds_xkcd.column_names == [*GENERATED, *LABELLED]
    assert len(ds_xkcd[1]["generations"]) == len(ds_xkcd[1]["rating"]) == len(ds_xkcd[1]["rationale"]) == 3
    system = ds_xkcd[0]["generation_prompt"][0][0]
    assert system["role"] == "system" and "XKCD" in system["content"]


def test_legacy_several_generators_and_argilla(own_argilla: ArgillaServer) -> None:
    from claywright import LLM, LLMPool, Pipeline, ProcessLLM, TextGenerationTask, UltraFeedbackTask

    def load_notus(task: TextGenerationTask) -> LLM:
        return ScriptedLLM(model="notus", task=task, max_new_tokens=512, temperature=0.7, prompt_format="notus")

    def load_zephyr(task: TextGenerationTask) -> LLM:
        return ScriptedLLM(model="zephyr", task=task, max_new_tokens=512, temperature=0.7, prompt_format="notus")

    def load_starling(task: TextGenerationTask) -> LLM:
        return ScriptedLLM(model="starling", task=task, max_new_tokens=512, temperature=0.7, prompt_format="notus")

    def load_neural_chat(task: TextGenerationTask) -> LLM:
        return ScriptedLLM(model="neural-chat", task=task, max_new_tokens=512, temperature=0.7, prompt_format="notus")

    notus = ProcessLLM(task=TextGenerationTask(), load_llm_fn=load_notus)
    zephyr = ProcessLLM(task=TextGenerationTask(), load_llm_fn=load_zephyr)
    starling = ProcessLLM(task=TextGenerationTask(), load_llm_fn=load_starling)
    neural_chat = ProcessLLM(task=TextGenerationTask(), load_llm_fn=load_neural_chat)

    pool = LLMPool(llms=[notus, zephyr, starling, neural_chat])

    def load_gpt_4(task: UltraFeedbackTask) -> LLM:
        return ScriptedLLM(
            model="gpt-4-1106-preview",
            task=task,
            max_new_tokens=512,
            num_threads=4,
        )

    pipeline = Pipeline(
        generator=pool,
        labeller=ProcessLLM(task=UltraFeedbackTask(), load_llm_fn=load_gpt_4),  # (1)
    )

    from tests.published import load_dataset

    dataset = (
        load_dataset("HuggingFaceH4/instruction-dataset", split="test[:50]")
        .remove_columns(["completion", "meta"])
        .rename_column("prompt", "input")
    )

    dataset = pipeline.generate(
        dataset=dataset,
        num_generations=2,
        batch_size=5,
        display_progress_bar=True,
    )

    dataset.to_argilla().push_to_argilla(name="preference-dataset-of-four", workspace="admin")

    assert len(dataset) == 50 and all(len(set(row["generation_model"])) == 2 for row in dataset)
    assert len({model for row in dataset for model in row["generation_model"]}) == 4


def test_legacy_pipeline_and_argilla(own_argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI() as openai:  # in place of OpenAI, which the labeller is of by itself
        monkeypatch.setenv("OPENAI_BASE_URL", openai.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
        import os

        from claywright import TextGenerationTask, pipeline

        pipe = pipeline(
            "preference",
            "text-quality",
            generator=writer(
                task=TextGenerationTask(),
                max_new_tokens=512,
                do_sample=True,
                prompt_format="notus",
            ),
            max_new_tokens=256,
            num_threads=2,
            openai_api_key=os.getenv("OPENAI_API_KEY"),
            temperature=0.0,
        )

        from tests.published import load_dataset

        instruction_dataset = (
            load_dataset("HuggingFaceH4/instruction-dataset", split="test[:3]")
            .remove_columns(["completion", "meta"])
            .rename_column("prompt", "input")
        )

        pipe_dataset = pipe.generate(
            instruction_dataset,
            num_generations=2,
            batch_size=1,
            enable_checkpoints=True,
            display_progress_bar=True,
        )

        print(pipe_dataset["input"][-1])  # noqa: T201

        print(pipe_dataset["generations"][-1][-1])  # noqa: T201

        print(pipe_dataset["rating"][-1][-1])  # noqa: T201

        print(pipe_dataset["rationale"][-1][-1])  # noqa: T201

        rg_dataset = pipe_dataset.to_argilla()
        rg_dataset.push_to_argilla(name="preference-dataset", workspace="admin")

        assert pipe_dataset.column_names == [*GENERATED, *LABELLED]
        assert pipe_dataset[0]["labelling_model"] == "gpt-3.5-turbo"
        (asked,) = {call["authorization"] for call in openai.calls}
        assert asked == "Bearer sk-of-the-test" and {call["body"]["model"] for call in openai.calls} == {
            "gpt-3.5-turbo"
        }
        assert all(call["body"]["temperature"] == 0.0 for call in openai.calls)
    with Reviewer(own_argilla) as somebody:
        records = somebody.records("preference-dataset")
        assert len(records) == 3 and all(record["suggestions"] for record in records)
        assert all(any(row["input"] in str(record["fields"]) for record in records) for row in pipe_dataset)
        again = pipe_dataset.to_argilla().push_to_argilla(name="preference-dataset", workspace="admin")
        assert (again.sent, len(somebody.records("preference-dataset"))) == (0, 3)


@pytest.fixture
def own_argilla(services_data: Settings, argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch) -> ArgillaServer:
    """The session's, by its address and key, with the workspace that the page names."""
    monkeypatch.setenv("ARGILLA_API_URL", argilla.url)
    monkeypatch.setenv("ARGILLA_API_KEY", argilla.api_key)
    with Reviewer(argilla) as owner:
        owner.http.post("/api/v1/workspaces", json={"name": "admin"})
    return argilla


# -- the same page later: checkpoints


def test_legacy_checkpoints() -> None:
    from claywright import CustomDataset, DatasetCheckpoint, Pipeline, TextGenerationTask
    from datasets import Dataset

    pipe = Pipeline(generator=writer(task=TextGenerationTask()))
    dataset = Dataset.from_dict({"input": [f"Question {k}" for k in range(20)]})

    # Assuming we want to save the dataset every 10% of the records generated.

    freq = len(dataset) // 10
    dataset_checkpoint = DatasetCheckpoint(path=Path.cwd() / "checkpoint_folder", save_frequency=freq)

    new_ds = pipe.generate(
        dataset=dataset,
        num_generations=1,
        checkpoint_strategy=dataset_checkpoint,
    )

    new_ds = CustomDataset.load_from_disk(dataset_checkpoint.path)

    assert new_ds.column_names == GENERATED and len(new_ds) == 20
