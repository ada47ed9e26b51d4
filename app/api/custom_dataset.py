"""What a generator and a labeller made of a dataset: a datasets.Dataset that knows its task, and the way to Argilla."""

from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from app import workflow
from app.api import stored_dataset
from app.api.progress import Progress, told
from app.api.session import LOG, StopHandle, awaited
from app.config import settings
from app.review import argilla
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from feedback.argilla.push import Pushed
from tasks.models.spec import ModelSpec


class CustomDataset(Dataset):  # type: ignore[misc]  # it has no types
    """A datasets.Dataset with the `task` that made it; its columns are those of Pipeline.generate.

    >>> made = Pipeline(generator=ScriptedLLM(task=TextGenerationTask())).generate([{"input": "Name a river."}])
    >>> type(made.task).__name__, made.num_rows
    ('TextGenerationTask', 1)
    """

    task: Any
    labeller: ModelSpec | None

    def to_argilla(
        self, dataset_columns: Any = None, vector_strategy: Any = None, metric_strategy: Any = None
    ) -> "ForArgilla":
        """The rows ready to be sent: `to_argilla().push_to_argilla(name=, workspace=)`.

        The arguments are accepted: a record has the plain columns and its lengths as metadata; vectors for "find similar"
        come with a recipe's embedder.
        """
        return ForArgilla(self)

    @staticmethod
    def load_from_disk(*args: Any, **settings: Any) -> "CustomDataset":
        """A dataset that was kept in a folder; set its `task` where its ratings are to go to Argilla."""
        return custom(Dataset.load_from_disk(*args, **settings), None, None)


@dataclass
class ForArgilla:
    """Rows on their way to Argilla. `run` is the id of the run that they are from then on, in the app as well."""

    dataset: CustomDataset
    run: str = ""

    def push_to_argilla(self, name: str, workspace: str | None = None, *, progress: Progress | bool = False) -> Pushed:
        """Sends the rows to the dataset `name` of Argilla, with the labeller's ratings and reasons as suggestions.

        Sent twice, they are there once, and what people said stays. Argilla is the one of ARGILLA_API_URL and
        ARGILLA_API_KEY, else the embedded one. Raises ArgillaError and its kinds.
        """
        app_settings = settings()

        async def work(hand: StopHandle) -> Run:
            with Store(app_settings.data) as store:
                return await stored_dataset.kept(Workspace(app_settings, store, report=LOG.info), self.dataset, name)

        run = awaited(work)
        self.run = run.id
        with Store(app_settings.data) as store, told(progress, "sent") as tell:
            where = argilla.argilla(app_settings, LOG.info)
            return workflow.push(
                Workspace(app_settings, store, report=LOG.info),
                run,
                where,
                lambda pushed, total: tell(pushed.sent + pushed.unchanged, total),
                dataset=name,
                argilla_workspace=workspace or "",
            ).pushed


def custom(dataset: Dataset, task: Any, labeller: ModelSpec | None) -> CustomDataset:
    """The same dataset, knowing what made it."""
    custom_dataset = CustomDataset(
        dataset._data, info=dataset.info, split=dataset.split, indices_table=dataset._indices,
        fingerprint=dataset._fingerprint,
    )  # fmt: skip
    if dataset.format["type"] is not None:
        custom_dataset.set_format(**dataset.format)
    custom_dataset.task, custom_dataset.labeller = task, labeller
    return custom_dataset
