"""A dataset that is there already, as a run to rate or review: a file, a dataset by its id, or one in Argilla.

A dataset in Argilla is read once, whole, into a file of the data folder; the run works on that file, also without Argilla.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.config import Settings
from app.file_locks import exists, expanded
from app.inputs import inputs, uploads
from app.inputs.files import WRITTEN_BY_DATASETS, ending
from app.inputs.inputs import Inputs
from app.inputs.readers import KNOWN
from app.inputs.table import TableOptions
from app.recipe import BUILT_IN, Recipe
from app.review import reviewed_rows
from app.review.argilla import Argilla
from app.services import Say
from app.store.runs import Run
from app.store.store import Store
from feedback.argilla import dataset_reader
from feedback.argilla.client import Server
from feedback.exports.preference_pairs import best
from feedback.exports.row_columns import named
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks import ExistingRows
from tasks.columns import layouts
from tasks.errors import SettingsError
from tasks.existing_rows import LEFT_OUT
from tasks.models.spec import ModelSpec
from tasks.row_shape import columns

WITHIN = (*KNOWN, ".zip")
USUAL_TABLE = TableOptions()
"""A table as it is read where nobody says how."""


def snapshot(where: Argilla, name: str, workspace: str, settings: Settings, say: Say) -> Path:
    """All records of a dataset in Argilla as a file of rows. `say` is told what is left out. Raises ArgillaError."""
    with Server(where.url, where.key) as server:
        dataset = dataset_reader.find(server, name.strip(), workspace.strip())
        for sentence in dataset.left:
            say(sentence)
        return uploads.keep_rows(dataset_reader.rows(server, dataset), dataset.name, settings)


def rows_of(store: Store, run: Run, settings: Settings) -> Path:
    """The answered rows of another run as a file of rows, with the corrections that people made. Raises InputError."""

    def rows() -> Iterator[dict[str, Any]]:
        for judged in reviewed_rows.judged_rows(store, run):
            messages, _ = judged.messages()
            responses = [response.text for response in judged.row.responses]
            if (corrected := judged.corrected_response()) is not None:
                responses[corrected[1]] = corrected[0]
            instruction = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
            response_columns = {"responses": responses} if len(responses) > 1 else {"response": "".join(responses)}
            line = {
                "id": judged.row.id, "instruction": instruction, "messages": messages, **response_columns,
                "decision": judged.decision or "",
            }  # fmt: skip
            top = best(judged)
            cells = (columns(judged.row, top.text) if top is not None else None) or {}
            taken = {*line, "responses"}
            yield {**line, **{column: cells[name] for name, column in named(cells, taken).items()}}

    return uploads.keep_rows(rows(), run.name, settings)


def inputs_of(
    source: str,
    columns: Sequence[str] = (),
    config: str = "",
    split: str = "train",
    table: TableOptions = USUAL_TABLE,
) -> Inputs:
    """The input that a word names: a file or folder where there is one or it looks like one, else a dataset by its id.

    `columns` are "ours=theirs"; `table` says how a table is to be read. Raises SettingsError.
    """
    path = expanded(source)
    mapped: dict[str, str] = {}
    for column in columns:
        ours, sign, theirs = (part.strip() for part in column.partition("="))
        if not (ours and sign and theirs):
            raise SettingsError(f"A column is given as ours=theirs, as in instruction=prompt (given: {column!r}).")
        if ours in mapped:
            raise SettingsError(
                f"{ours} is given twice, as {mapped[ours]} and as {theirs}. Two columns of responses are response=ONE and "
                "responses=OTHER."
            )
        mapped[ours] = theirs
    saved = any(exists(path / marker) for marker in WRITTEN_BY_DATASETS)
    if (exists(path) and not saved) or ending(path.name) in WITHIN:
        return Inputs(path=str(path.absolute()), columns=mapped, **asdict(table))
    return Inputs(dataset=source, config=config, split=split, columns=mapped)


def recipe_of(source: Inputs, name: str, aspects: Sequence[str] = (), labeller: str = "") -> Recipe:
    """Rows as they are, rated under `aspects` by `labeller` ("preset:model", else the built-in one). Raises SettingsError."""
    preset, _, model = labeller.partition(":")
    return Recipe(
        task=ExistingRows(),
        name=name,
        inputs=source,
        labeller=ModelSpec(preset=preset, model=model, temperature=0.0) if labeller else BUILT_IN,
        rating=UltraFeedback(aspects=tuple(aspects)) if aspects else None,
    )


def layout(source: Inputs) -> str:
    """What the first row of an input is recognised as, in a sentence. Raises InputError."""
    first = next(inputs.rows(source), None)
    return "" if first is None else ExistingRows().recognised(layouts.with_mapped(first, source.columns))


@dataclass(frozen=True)
class Ids:
    """How many rows brought an id, and how many ids stand at more than one row."""

    kept: int
    repeated: int


def brought_along(store: Store, run: Run) -> tuple[Ids, dict[str, int]]:
    """(the ids that the rows of a run brought along, columns of the input that could not be kept and of how many rows)."""
    brought: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for row in store.rows.walk(run.id):
        left_out.update(row.origin.get(LEFT_OUT, ()))
        if "id" in row.origin:
            brought[str(row.origin["id"])] += 1
    return Ids(brought.total(), sum(n > 1 for n in brought.values())), dict(left_out.most_common())
