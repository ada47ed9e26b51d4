"""What holds for every task: columns that lack are named, settings are checked, the same unit gives the same rows."""

from typing import Any

import pytest

from tasks import TASKS, ExistingRows, Genstruct, SelfInstruct, Task, TextGeneration
from tasks.errors import InputError, SettingsError
from tests.scripts import made


@pytest.mark.parametrize(
    ("task", "column"),
    [
        (TextGeneration(), "instruction"),
        (TextGeneration(template="{{ question }}"), "question"),
        (SelfInstruct(), "input"),
        (Genstruct(), "title"),
        (ExistingRows(), "instruction"),
    ],
)
def test_a_missing_column_is_named(task: Task, column: str) -> None:
    good = {"instruction": "a", "question": "a", "input": "a", "title": "a", "content": "a"}
    with pytest.raises(InputError, match=rf"row 2 has no column '{column}'.*columns there: other") as caught:
        list(task.units([good, {"other": 1}]))
    assert f"[inputs.columns] {column} =" in caught.value.terminal


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text-generation", {"num_generations": 0}),
        ("self-instruct", {"num_instructions": 0}),
        ("self-instruct", {"num_instructions": 51}),
        ("self-instruct", {"similarity": 0.0}),
        ("self-instruct", {"similarity": 1.01}),
        ("self-instruct", {"similarity": float("nan")}),
        ("magpie", {"n_turns": 0}),
        ("magpie", {"max_instruction_tokens": 0}),
        ("genstruct", {"max_answer_tokens": 0}),
        ("genstruct", {"passage_tokens": 0}),
    ],
)
def test_settings_that_can_not_be(kind: str, values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        TASKS[kind](**values)


@pytest.mark.parametrize("kind", TASKS)
def test_the_same_unit_gives_the_same_rows(kind: str) -> None:
    inputs = {"instruction": "Name a river.", "input": "Name a river.", "title": "Tides", "content": "The moon pulls."}
    once, again = (made(TASKS[kind](), inputs, index=5) for _ in range(2))
    assert once == again and once
    if kind not in ("existing", "text-generation"):
        assert once != made(TASKS[kind](), inputs, index=6)
