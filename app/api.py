"""The public Python API, as `from claywright import ...` hands it out: tasks, judge, recipe, and the steps of the loop.

from claywright import Recipe, Magpie, UltraFeedback, run, export

made = run(Recipe(task=Magpie(), rows=5, rating=UltraFeedback()))
export(made.id, "rows.jsonl", unreviewed=True)
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app import reviewing, services, workflow
from app.config import settings
from app.execution import Execution
from app.inputs import Inputs
from app.recipe import Recipe, load
from app.store import Store
from app.tables.runs import Run
from feedback.agreement import Agreement
from feedback.exports import Export, Exported
from feedback.hub import Published
from feedback.push import Pushed
from feedback.ultrafeedback import UltraFeedback
from tasks import EvolInstruct, ExistingRows, Genstruct, InstructionResponse, Magpie, SelfInstruct, TextGeneration
from tasks.settings import build

__all__ = [
    "EvolInstruct",
    "ExistingRows",
    "Genstruct",
    "Inputs",
    "InstructionResponse",
    "Magpie",
    "Recipe",
    "SelfInstruct",
    "TextGeneration",
    "UltraFeedback",
    "agreement",
    "export",
    "publish",
    "pull",
    "push",
    "rate",
    "run",
]


def run(recipe: Recipe | str | Path, *, data: Path | None = None) -> Run:
    """Makes, answers and rates the rows of a recipe (or of the recipe file of that name); nothing is sent anywhere.

    `data` is the data folder, by default the one of the command line. Raises ClaywrightError and its kinds.
    """
    here = settings(data)
    made = recipe if isinstance(recipe, Recipe) else load(Path(recipe))
    with services.stopping(here), Store(here.data) as store:
        begun = workflow.start(store, here, made)
        return _awaited(workflow.generate(store, here, begun, _unwatched, _unheard))


def rate(run_id: str, rating: UltraFeedback | None = None, *, data: Path | None = None) -> Run:
    """Rates the rows of a run, by `rating` or as its recipe says."""
    here = settings(data)
    with services.stopping(here), Store(here.data) as store:
        found = store.runs.get(run_id)
        return _awaited(workflow.rate(store, here, found, rating, _unwatched, _unheard))


def push(run_id: str, dataset: str = "", *, data: Path | None = None) -> Pushed:
    """Sends the rows of a run to Argilla, as `dataset` or under the run's own name."""
    here = settings(data)
    with services.stopping(here), Store(here.data) as store:
        where = reviewing.argilla(here, _unheard)
        found = store.runs.get(run_id)
        vectors = workflow.vectors_for(store, here, found, _unheard)
        return workflow.push(store, found, where, lambda done, total: None, dataset=dataset, vectors=vectors).pushed


def pull(run_id: str, *, data: Path | None = None) -> workflow.Pulled:
    """Brings back what people said of a run's rows."""
    here = settings(data)
    with services.stopping(here), Store(here.data) as store:
        return workflow.pull(store, store.runs.get(run_id), reviewing.argilla(here, _unheard))


def agreement(run_id: str, *, data: Path | None = None) -> Agreement:
    """How well reviewers agree with each other and with the labeller, by the audit rows of a run that was pulled."""
    here = settings(data)
    with Store(here.data) as store:
        return workflow.agreement(store, store.runs.get(run_id))


def export(run_id: str, path: str | Path = "", *, data: Path | None = None, **settings_: Any) -> Exported:
    """Writes the approved rows of a run to `path`: .jsonl, .parquet, .csv, or a folder for datasets.load_from_disk.

    Settings are those of [export] in a recipe: `format`, `unreviewed`, `decision`, `test_share` and so on.
    """
    here = settings(data)
    to = build(Export, {**settings_, "path": str(path)}, "export")
    with Store(here.data) as store:
        return workflow.export(store, store.runs.get(run_id), to)


def publish(run_id: str, hub: str, *, data: Path | None = None, **settings_: Any) -> Published:
    """Adds the approved rows of a run to the dataset `hub` (owner/name) on the Hugging Face Hub, private unless said."""
    here = settings(data)
    to = build(Export, {**settings_, "hub": hub}, "export")
    with Store(here.data) as store:
        return workflow.publish(store, store.runs.get(run_id), to, _unheard)


def _awaited(work: Coroutine[Any, Any, Run]) -> Run:
    """Runs it to its end, also where a loop is running already (a notebook): then in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _unwatched(execution: Execution, total: int | None) -> None:
    return None


def _unheard(words: str) -> None:
    return None
