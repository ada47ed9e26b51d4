"""Rows as a datasets.Dataset, and where one is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from feedback.errors import ExportError
from tasks.errors import InputError, SettingsError
from tasks.types import without_surrogates

if TYPE_CHECKING:
    from datasets import Dataset


def dataset_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> "Dataset":
    """Rows as a datasets.Dataset, in the order of their columns (`columns`, where there are no rows).

    A column that some have not is None there. Raises InputError for a column of values that do not go together.
    """
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    values = {name: [_writable(row.get(name)) for row in rows] for name in names}
    if (dataset := _made(values)) is None:
        failed = next((name for name in names if _made({name: values[name]}) is None), "")
        raise InputError(
            f"The column '{failed}' holds values that do not go together in a dataset, such as texts and numbers. Make them "
            "alike, or leave it out with KeepColumns; what was made is kept, and running again costs nothing."
        )
    return dataset


def _writable(value: Any) -> Any:
    """A cell without the halves of characters that a model may answer and no file can hold."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, (list, tuple)):
        return [_writable(item) for item in value]
    return {key: _writable(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _made(values: dict[str, list[Any]]) -> "Dataset | None":
    """The columns as a dataset; None where one holds values of several kinds."""
    import pyarrow as pa
    from datasets import Dataset

    try:
        return Dataset.from_dict(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class DatasetCheckpoint:
    """Where a generator and labeller pipeline keeps its dataset: a folder (strategy "disk"), or the Hub ("hf-hub").

    path: the folder. extra_kwargs: for the Hub `repo_id`, `private`, `token`. save_frequency is accepted: each answer is kept
    at once, in the memo. Read it back with CustomDataset.load_from_disk. Raises SettingsError.

    >>> DatasetCheckpoint(path="rivers", save_frequency=10).strategy
    'disk'
    """

    path: str | Path = "ckpt"
    save_frequency: int = -1
    strategy: Literal["disk", "hf-hub"] = "disk"
    extra_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.strategy not in ("disk", "hf-hub"):
            raise SettingsError(f"There is no strategy '{self.strategy}' for checkpoints. Known: disk, hf-hub.")
        if self.strategy == "hf-hub" and "repo_id" not in self.extra_kwargs:
            raise SettingsError('A checkpoint on the Hub needs extra_kwargs={"repo_id": "owner/name"}.')

    def keep(self, dataset: "Dataset") -> None:
        """Writes it down. Raises ExportError."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            if self.strategy == "disk":
                dataset.save_to_disk(str(self.path))
            else:
                dataset.push_to_hub(**{"private": True, **self.extra_kwargs})
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(f"The checkpoint can't be kept: {reason} What was made stays remembered.") from error
