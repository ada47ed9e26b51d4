"""Pipelines of steps: order, names, branches, and what is remembered."""

from pathlib import Path

import pytest
from claywright import (
    GroupColumns,
    KeepColumns,
    LoadDataFromDicts,
    Pipeline,
    ScriptedLLM,
    TextGeneration,
    UltraFeedback,
)

from app.api import pipeline_diagram, steps
from tasks.errors import InputError, SettingsError
from tests.python_api import answered, chain, sent

pytestmark = pytest.mark.usefixtures("data")


def test_a_chain_keeps_the_order_and_names_its_steps() -> None:
    made = chain(answered(), 20)
    assert list(made.steps) == ["load_data_from_dicts_0", "text_generation_0", "text_generation_1"]
    rows = made.run()["default"]["train"]
    assert rows.column_names == ["instruction", "model_name", steps.METADATA, "response"]
    assert len(rows) == 20 and {"raw_output_text_generation_0", "raw_output_text_generation_1"} <= set(
        rows[0][steps.METADATA]
    )
    assert rows[3][steps.METADATA]["raw_input_text_generation_0"][0]["content"] == "Question 3"


def test_what_was_answered_is_not_asked_again_unless_that_is_wanted(data: Path) -> None:
    first = chain(answered(), 5).run()["default"]["train"]["response"]
    assert sent(data) == 10
    assert chain(answered(), 5).run()["default"]["train"]["response"] == first and sent(data) == 10
    assert chain(answered(), 5).run(use_cache=False)["default"]["train"]["response"] != first and sent(data) == 20


def test_steps_side_by_side_are_brought_together() -> None:
    with Pipeline() as made:
        data = LoadDataFromDicts(data=[{"instruction": "a"}, {"instruction": "b"}])
        answers = [TextGeneration(name=name, llm=answered(model=name)) for name in ("x", "y")]
        group = GroupColumns(columns=["generation", "model_name"], output_columns=["generations", "generation_models"])
        rated = UltraFeedback(llm=ScriptedLLM(model="judge"))
        data >> answers >> group >> rated >> KeepColumns(columns=["instruction", "generation_models", "ratings"])
    rows = made.run()["default"]["train"]
    assert rows.column_names == ["instruction", "generation_models", "ratings"]
    assert rows["generation_models"][0] == ["x", "y"] and len(rows["ratings"][1]) == 2


def test_several_last_steps_give_several_configurations(tmp_path: Path) -> None:
    with Pipeline() as made:
        data = LoadDataFromDicts(data=[{"instruction": "a"}])
        data >> [TextGeneration(name="x", llm=answered()), TextGeneration(name="y", llm=answered())]
    found = made.run(parameters={"x": {"llm": {"generation_kwargs": {"temperature": 0.1}}, "num_generations": 2}})
    assert {name: len(parts["train"]) for name, parts in found.items()} == {"x": 2, "y": 1}
    found.save_to_disk(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"x", "y"}


def test_rows_may_come_with_the_call() -> None:
    with Pipeline() as made:
        TextGeneration(llm=answered())
    assert len(made.run(dataset=[{"instruction": "a"}, {"instruction": "b"}])["default"]["train"]) == 2
    with pytest.raises(InputError, match="gets no rows: begin with LoadDataFromDicts"):
        made.run()


def test_what_is_wrong_with_a_pipeline_is_said(tmp_path: Path) -> None:
    with Pipeline() as made:
        one, two = (TextGeneration(llm=answered()) for _ in range(2))
        one >> two
        with pytest.raises(SettingsError, match="circle"):
            two >> one
        with pytest.raises(SettingsError, match="has a step 'text_generation_0' already"):
            TextGeneration(name="text_generation_0", llm=answered())
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
        both = [TextGeneration(name=name, llm=answered()) for name in ("x", "y")]
        data >> both >> GroupColumns(columns=["generation"])
    assert Path(made.draw(tmp_path / "steps.png", top_to_bottom=True)).read_bytes().startswith(b"\x89PNG")
    said = Path(made.draw(tmp_path / "steps.svg")).read_text(encoding="utf-8")
    assert said.count("<rect") == 5 and said.count("<line") == 4 and "grouped_generation" in said
    boxes = pipeline_diagram.places(made.edges, list(made.steps), top_to_bottom=False)
    assert boxes["x"][0] == boxes["y"][0] > boxes["load_data_from_dicts_0"][0]
