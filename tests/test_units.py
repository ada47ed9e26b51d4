"""A run that is rated goes back to its input for the rows that have no answer yet, and says so where they are gone."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from app import workflow
from app.config import Settings
from app.recipe import parse
from app.runs.endpoints import NobodyEndpoint
from app.store.store import Store
from app.workspace import Workspace
from tasks.errors import EndpointRefused, InputError
from tests.servers import FakeOpenAI


def saved(folder: Path, rows: int) -> Path:
    """A dataset of so many instructions, which nobody can tell from another one by its name."""
    shutil.rmtree(folder, ignore_errors=True)
    Dataset.from_list([{"instruction": f"Name river {k}."} for k in range(rows)]).save_to_disk(folder)
    return folder


@pytest.mark.parametrize("rows", [4, 3])
def test_rows_without_an_answer_are_answered_when_a_run_is_rated(
    store: Store, here: Settings, tmp_path: Path, rows: int
) -> None:
    refusing = True

    def refused(body: dict[str, Any], number: int) -> int | None:
        return 400 if refusing and "river 3" in str(body) else None

    with FakeOpenAI(faults=refused) as server:
        model = {"url": server.url, "model": "pen"}
        made = parse({
            "generator": model, "labeller": model, "task": {"kind": "existing"},
            "inputs": {"dataset": str(saved(tmp_path / "rivers", 4))}, "rating": {"aspects": ["helpfulness"]}, "answers": {"n": 1},
        })  # fmt: skip
        workspace = Workspace(here, store)
        run = asyncio.run(workflow.generate(workspace, workflow.start(workspace, made), lambda *_: None))
        counts = store.runs.counts(run.id)
        assert (counts.made + counts.failed, counts.answered, counts.rated) == (4, 3, 3)
        refusing = False
        saved(tmp_path / "rivers", rows)
        rate = workflow.rate(workspace, run, lambda *_: None)
        if rows == 4:
            asyncio.run(rate)
            assert store.runs.counts(run.id).rated == 4
            assert {r.model for row in store.rows.walk(run.id) for r in row.responses} == {"pen"}
        else:
            with pytest.raises(InputError, match="fewer rows than when the run began"):
                asyncio.run(rate)
            assert (store.runs.get(run.id).state, store.runs.counts(run.id).rated) == (run.state, 3)


def test_where_nobody_writes_nothing_is_made_up() -> None:
    endpoint = NobodyEndpoint()
    with pytest.raises(EndpointRefused, match="No model was set up"):
        asyncio.run(endpoint.send("chat", endpoint.request("chat", [], {}), 0))
