"""Steps: what makes rows out of rows, one at a time, by itself or in a pipeline. A row is a dict."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from app.api.session import Session
from tasks.base import text
from tasks.columns.missing_values import python_value
from tasks.errors import InputError, SettingsError

if TYPE_CHECKING:
    from app.api.pipeline import Pipeline

Place = tuple[int, ...]
"""Where a row stands: its number at the beginning, then among those that came of it, step by step."""
METADATA = "distilabel_metadata"
"""The column of what stands behind a row, under the name that datasets have it by."""
OPEN: ContextVar["Pipeline | None"] = ContextVar("pipeline", default=None)
"""The pipeline whose `with` block is open."""


class Rows(list[dict[str, Any]]):
    """A batch of rows; by a column's name, that column of all of them.

    >>> Rows([{"a": 1}, {"a": 2}])["a"]
    [1, 2]
    """

    @overload
    def __getitem__(self, key: SupportsIndex) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> "Rows": ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: SupportsIndex | slice | str) -> Any:
        if isinstance(key, str):
            if not any(key in row for row in self):
                have = ", ".join(dict.fromkeys(name for row in self for name in row)) or "none"
                raise KeyError(f"there is no column '{key}' (columns: {have})")
            return [row.get(key) for row in self]
        return Rows(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)


@dataclass(kw_only=True, eq=False)
class Step:
    """A step of a pipeline. `first >> second` connects two; a list of steps stands for several side by side.

    name: how it is known in the pipeline; by itself the class in snake case, numbered. input_mappings: {a column that the
    step reads: yours in its place}; output_mappings: {a column that it writes: the name it gets}. input_batch_size is
    accepted: rows are worked one by one, each as soon as it can be.
    """

    name: str = ""
    input_mappings: dict[str, str] = field(default_factory=dict)
    output_mappings: dict[str, str] = field(default_factory=dict)
    input_batch_size: int = 50

    def __post_init__(self) -> None:
        self.pipeline = OPEN.get()
        if self.pipeline is not None:
            self.name = self.pipeline.add(self)
        self.name = self.name or f"{snake(type(self).__name__)}_0"

    @property
    def inputs(self) -> list[str]:
        """The columns that it needs."""
        return []

    @property
    def outputs(self) -> list[str]:
        """The columns that it writes."""
        return []

    def load(self) -> None:
        """Makes it ready; raises SettingsError for settings that can't be used. Models are asked when they are needed."""

    def unload(self) -> None:
        """Does nothing: a step holds no model."""

    def __rshift__(self, then: "Step | Sequence[Step]") -> Any:
        for step in [then] if isinstance(then, Step) else then:
            self._connected().connect(self, step)
        return then

    def __rrshift__(self, before: "Sequence[Step]") -> "Step":
        for step in before:
            step._connected().connect(step, self)
        return self

    def connect(self, *steps: "Step") -> None:
        """The same as `self >> [*steps]`."""
        _ = self >> list(steps)

    def _connected(self) -> "Pipeline":
        if self.pipeline is None:
            raise SettingsError(f"{self.name} is in no pipeline: make it inside `with Pipeline() as pipeline:`.")
        return self.pipeline

    async def give(self, session: Session, row: dict[str, Any], index: Place) -> list[dict[str, Any]]:
        """The rows that come of one row. `index` says which it is; the same place draws the same."""
        raise TypeError(f"{type(self).__name__} does not say what it makes of a row")

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as the step knows it. Raises InputError for a column that it needs and has not."""
        seen = {**row, **{expected: row[column] for expected, column in self.input_mappings.items() if column in row}}
        for name in dict.fromkeys([*self.inputs, *self.input_mappings]):
            if self.input_mappings.get(name, name) not in row:
                have = ", ".join(map(str, row)) or "none"
                raise InputError(
                    f"{self.name} needs the column '{self.input_mappings.get(name, name)}', which a row has not (columns "
                    f'there: {have}). Say which one it is: input_mappings={{"{name}": "your column"}}.'
                )
        return seen

    def written(self, row: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """The row with what was made, under the names that were asked for."""
        return {**row, **{self.output_mappings.get(name, name): value for name, value in values.items()}}


@dataclass(kw_only=True, eq=False)
class Source(Step):
    """A step that rows begin with."""

    batch_size: int = 50

    async def begin(self, session: Session) -> list[dict[str, Any]]:
        """All its rows."""
        raise TypeError(f"{type(self).__name__} does not say which rows it gives")


@dataclass(kw_only=True, eq=False)
class LoadDataFromDicts(Source):
    """Begins a pipeline with rows that are given as dicts.

    Columns out: those of the dicts.

    >>> LoadDataFromDicts(data=[{"instruction": "Name a river."}]).outputs
    ['instruction']
    """

    data: list[dict[str, Any]] = field(default_factory=list)

    @property
    def outputs(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.data for name in row))

    async def begin(self, session: Session) -> list[dict[str, Any]]:
        return [self.written({}, row) for row in self.data]


@dataclass(kw_only=True, eq=False)
class LoadDataFromHub(Source):
    """Begins a pipeline with the rows of a dataset on the Hugging Face Hub, or of one that `datasets` can load.

    Columns out: those of the dataset. Raises InputError where it can't be had.

    >>> LoadDataFromHub(repo_id="owner/name", split="train", num_examples=10).name
    'load_data_from_hub_0'
    """

    repo_id: str = ""
    split: str = "train"
    config: str | None = None
    num_examples: int | None = None

    async def begin(self, session: Session) -> list[dict[str, Any]]:
        from app.inputs import inputs

        source = inputs.Inputs(
            dataset=self.repo_id, split=self.split, config=self.config or "", limit=self.num_examples
        )
        return [self.written({}, dict(row)) for row in await asyncio.to_thread(lambda: list(inputs.rows(source)))]


@dataclass(kw_only=True, eq=False)
class KeepColumns(Step):
    """Keeps the columns that are named, in that order.

    >>> next(KeepColumns(columns=["a"]).process([{"a": 1, "b": 2}]))
    [{'a': 1}]
    """

    columns: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> list[str]:
        return self.columns

    @property
    def outputs(self) -> list[str]:
        return self.columns

    async def give(self, session: Session, row: dict[str, Any], index: Place) -> list[dict[str, Any]]:
        seen = self.read(row)
        return [self.written({}, {name: seen[name] for name in self.columns})]

    def process(self, inputs: Sequence[Mapping[str, Any]]) -> Iterator[Rows]:
        """The rows, without their other columns."""
        yield Rows(self.written({}, {name: self.read(row)[name] for name in self.columns}) for row in rows_of(inputs))


@dataclass(kw_only=True, eq=False)
class GroupColumns(Step):
    """Brings the rows of several steps together, place by place: the columns that are named become lists.

    columns: those to group; output_columns: the lists' names, by themselves grouped_<column>. Other columns: those of the
    last step that has them.

    >>> GroupColumns(columns=["generation"]).merged([{"i": 1, "generation": "a"}, {"i": 1, "generation": "b"}])
    {'i': 1, 'grouped_generation': ['a', 'b']}
    """

    columns: list[str] = field(default_factory=list)
    output_columns: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.columns:
            raise SettingsError("GroupColumns needs columns: the names of those to group.")
        if self.output_columns is not None and len(self.output_columns) != len(self.columns):
            raise SettingsError("output_columns of GroupColumns needs a name for each of columns.")

    @property
    def inputs(self) -> list[str]:
        return self.columns

    @property
    def outputs(self) -> list[str]:
        return self.output_columns or [f"grouped_{name}" for name in self.columns]

    def merged(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """One row of those that stand at the same place."""
        seen = [self.read(row) for row in rows]
        others: dict[str, Any] = {}
        for row in seen:
            others |= {name: value for name, value in row.items() if name not in (*self.columns, METADATA)}
        metadata = {key: value for row in seen for key, value in behind(row).items()}
        lists = {new: [row[old] for row in seen] for old, new in zip(self.columns, self.outputs, strict=True)}
        return self.written(others, {**lists, **({METADATA: metadata} if metadata else {})})

    async def give(self, session: Session, row: dict[str, Any], index: Place) -> list[dict[str, Any]]:
        return [self.merged([row])]


def rows_of(data: Any) -> list[dict[str, Any]]:
    """Rows that somebody gave, of a list of dicts or a datasets.Dataset. Raises InputError for anything else."""
    try:
        rows = list(data)
    except TypeError:
        rows = [data]
    if wrong := next((f"{item!r:.60}" for item in rows if not isinstance(item, Mapping)), None):
        raise InputError(
            f'Rows are dicts, as in [{{"instruction": "Name a river."}}], or a datasets.Dataset (given: {wrong}).'
        )
    return [dict(row) for row in rows]


def texts_of(value: Any) -> list[str]:
    """The texts in a cell: of a list each one ("" for none), of a text itself. Raises InputError for anything else."""
    value = python_value(value)
    if value is None or isinstance(value, str):
        return [text(value)] if value else []
    if not isinstance(value, (list, tuple)):
        raise InputError(f"generations are a list of texts (given: {value!r:.60}).")
    return [text(item) for item in value]


def behind(row: Mapping[str, Any]) -> dict[str, Any]:
    """What stands behind a row so far; of several generations in one row, the lists of what stands behind each."""
    metadata = row.get(METADATA) or {}
    if isinstance(metadata, Mapping):
        return dict(metadata)
    names = dict.fromkeys(name for entry in metadata for name in entry)
    return {name: [entry.get(name) for entry in metadata] for name in names}


def snake(name: str) -> str:
    """TextGeneration: text_generation."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
