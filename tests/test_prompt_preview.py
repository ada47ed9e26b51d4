"""The prompt that will be sent is the one that is sent, and seeing it costs no call."""

from pathlib import Path
from typing import Any

import pytest

from app import recipe
from app.config import Settings
from app.recipe import Recipe
from app.runs import prompt_preview
from app.runs.new_runs import draft_run
from app.store.store import Store
from app.web.jobs import Jobs
from app.workspace import Workspace
from tasks.errors import ClaywrightError
from tests.servers import FakeOpenAI
from tests.test_jobs import NO_KEYS, asked, ended, jobs, made_for

__all__ = ["jobs"]


def shown(store: Store, here: Settings, made: Recipe) -> list[tuple[str, str]] | None:
    found = prompt_preview.prompt(store, here, made, lambda words: None, NO_KEYS)
    return found.said if found else None


def test_it_is_what_is_sent(tmp_path: Path, store: Store, here: Settings, jobs: Jobs) -> None:
    with FakeOpenAI() as server:
        made = made_for(
            tmp_path, server.url, task={"kind": "text-generation", "system_prompt": "Be brief about rivers."}
        )
        said = shown(store, here, made)
        assert not asked(server)
        ended(jobs.preview(draft_run(Workspace(here, store), made, None), NO_KEYS, 1))
        sent = [(m["role"], m["content"]) for m in asked(server)[0]["body"]["messages"]]
        assert said == sent == [("system", "Be brief about rivers."), ("user", "Name river 0.")]


@pytest.mark.parametrize(
    ("task", "role", "words"),
    [
        ({"kind": "magpie"}, "raw prompt", "<|im_start|>user"),
        ({"kind": "genstruct"}, "user", "River 0."),
        ({"kind": "self-instruct"}, "user", "River 0."),
        ({"kind": "evol-instruct"}, "user", "Name river 0."),
    ],
)
def test_each_task_shows_its_own(
    tmp_path: Path, store: Store, here: Settings, task: dict[str, Any], role: str, words: str
) -> None:
    with FakeOpenAI() as server:
        plain = made_for(tmp_path, server.url).dump()
        plain["generator"] = {**plain["generator"], "template": "chatml"}
        if task["kind"] == "magpie":
            plain = {**plain, "rows": 3, "inputs": {}}
        if task["kind"] == "genstruct":
            plain["inputs"] = {**plain["inputs"], "columns": {"content": "input", "title": "instruction"}}
        said = shown(store, here, recipe.parse({**plain, "task": task}))
        assert said is not None and said[-1][0] == role and words in said[-1][1]
        assert not asked(server)


def test_rows_that_are_there_ask_nobody(tmp_path: Path, store: Store, here: Settings) -> None:
    with FakeOpenAI() as server:
        plain = made_for(tmp_path, server.url, task={"kind": "existing"})
        columns = {"response": "input"}
        made = recipe.parse({**plain.dump(), "inputs": {**plain.dump()["inputs"], "columns": columns}})
        assert shown(store, here, made) is None


def test_what_is_wrong_is_said(tmp_path: Path, store: Store, here: Settings) -> None:
    with FakeOpenAI() as server:
        made = made_for(tmp_path, server.url, units=0)
    with pytest.raises(ClaywrightError):
        shown(store, here, made)
    dead = made_for(tmp_path, server.url, task={"kind": "magpie"}, rows=2, inputs={})
    with pytest.raises(ClaywrightError):
        shown(store, here, dead)
