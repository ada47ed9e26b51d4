"""A generator and a labeller: columns, ratings that stay with their texts, reasons, and the way to a run."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import claywright
import pytest
from claywright import (
    LLM,
    LLMPool,
    Pipeline,
    ScriptedLLM,
    TextGenerationTask,
    UltraFeedbackTask,
    pipeline,
)
from claywright import Prompt as ClaywrightPrompt

from app.api import stored_dataset
from app.config import settings
from app.store.store import Store
from app.workspace import Workspace
from tasks.errors import InputError, SettingsError, Unsupported
from tests.python_api import answered, poisoned, sent
from tests.servers import FakeOpenAI

pytestmark = pytest.mark.usefixtures("data")


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

    generator = answered(task=TextGenerationTask())
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

    made = Pipeline(generator=answered(task=Formatted())).generate([{"input": "a"}])
    assert made[0]["generation_prompt"][0][0]["content"].startswith("<|system|>\nS</s>")


def test_a_checkpoint_is_kept_and_read_back(tmp_path: Path) -> None:
    generator = answered(task=TextGenerationTask())
    checkpoint = claywright.DatasetCheckpoint(path=tmp_path / "kept", save_frequency=1)
    made = Pipeline(generator=generator).generate([{"input": "a"}], checkpoint_strategy=checkpoint)
    assert claywright.CustomDataset.load_from_disk(checkpoint.path)["generations"] == made["generations"]
    made.with_format("numpy").save_to_disk(str(tmp_path / "as-arrays"))
    assert claywright.CustomDataset.load_from_disk(str(tmp_path / "as-arrays")).format["type"] == "numpy"


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
        run_ = asyncio.run(stored_dataset.kept(Workspace(settings(), store), made, "mine"))
        again = asyncio.run(stored_dataset.kept(Workspace(settings(), store), made, "mine"))
        assert again.id == run_.id
        for row, said in zip(store.rows.page(run_.id, 0, 10), made, strict=True):
            assert (row.instruction, [r.text for r in row.responses]) == (said["input"], ["good", "bad"])
            ratings = {one.response: one.value for one in store.ratings.of([row.id])[row.id]}
            assert ratings == dict(enumerate(said["rating"]))


def test_texts_that_no_file_can_hold_are_mended(data: Path) -> None:
    """Half a character, and one that ends texts elsewhere."""
    pen = ScriptedLLM([("", "one \ud800 \0 two")], task=TextGenerationTask())
    judge = ScriptedLLM(model="judge", task=UltraFeedbackTask.for_honesty())
    made = Pipeline(generator=pen, labeller=judge).generate([{"input": "q"}])
    assert made[0]["generations"][0].startswith("one ") and made[0]["generations"][0].endswith(" two")
    with Store(data) as store:
        run = asyncio.run(stored_dataset.kept(Workspace(settings(), store), made, "mine"))
        (row,) = store.rows.page(run.id, 0, 10)
        assert row.responses[0].text.endswith(" two") and store.ratings.of([row.id])[row.id]


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
        Pipeline(generator=answered())
    with pytest.raises(SettingsError, match="has to rate"):
        Pipeline(labeller=answered(task=TextGenerationTask()))
    with pytest.raises(SettingsError, match="needs a generator, a labeller or both"):
        Pipeline().generate([{"input": "a"}])
    with pytest.raises(InputError, match=r"no column 'input'\. Needed: input; there: prompt"):
        Pipeline(generator=answered(task=TextGenerationTask())).generate([{"prompt": "a"}])
    with pytest.raises(SettingsError, match="Known: preference"):
        pipeline("critique", generator=answered(task=TextGenerationTask()))
    with pytest.raises(SettingsError, match="no subtask 'style'"):
        pipeline("preference", "style", generator=answered(task=TextGenerationTask()))
    with pytest.raises(Unsupported, match="ratings can't be given"):
        UltraFeedbackTask.for_honesty(ratings=[])
    with (
        FakeOpenAI(faults=poisoned("a")) as server,
        pytest.raises(InputError, match="The first row of the dataset fails"),
    ):
        Pipeline(generator=LLM("m", base_url=server.url, task=TextGenerationTask())).generate([{"input": "a"}])
