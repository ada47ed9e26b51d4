"""Exports of a run: into a file, to the Hub, into a dataset of Argilla; each noted in the store."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.file_locks import expanded, is_store
from app.recipe import recipe_of
from app.review.argilla import Argilla
from app.review.insights import insights_of
from app.review.reviewed_rows import for_run, gives, judged_rows
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace
from feedback.errors import ExportError
from feedback.exports.selection import Export, Exported
from feedback.exports.selection import export as write_file
from feedback.reviewed_row import ReviewedRow

if TYPE_CHECKING:
    from feedback.exports.hub import Published
    from feedback.exports.to_argilla import Finished


def export_to_file(
    workspace: Workspace, run: Run, to: Export, watch: Callable[[int], None], *, overwrite: bool
) -> Exported:
    """Writes the rows of a run that `to` takes into a file, or several. Raises ExportError.

    What is there already is replaced where it is as an export of this run left it, or with `overwrite`; of several files,
    those go that such an export left beyond the last one. `watch` is told how many rows were looked at.
    """
    from feedback.exports.writers import seal

    store = workspace.store
    path = expanded(to.path or f"{run.id}-{to.format}.jsonl")
    if is_store(path):
        raise ExportError(f"{path} belongs to Claywright's own store.", terminal="Name another place with --to FILE.")

    def rows() -> Iterator[ReviewedRow]:
        for looked_at, row in enumerate(judged_rows(store, run), 1):
            watch(looked_at)
            yield row

    def is_ours(path: Path) -> bool:
        return seal(path) in store.runs.seals(run.id, str(path.absolute()))

    def may_replace(path: Path) -> bool:
        return overwrite or is_ours(path)

    def keep_seals(seals: Mapping[Path, str]) -> None:
        if store.db.writable:
            store.runs.seal(run.id, {str(path.absolute()): seal for path, seal in seals.items()})

    kind, to = recipe_of(run).kind, for_run(run, to)
    exported = write_file(rows(), to, path, run.id, kind, workspace.report, may_replace, keep_seals, is_ours)
    if store.db.writable:
        store.runs.add_export(run.id, str(exported.path), to.format, exported.written)
    return exported


def export_to_hub(workspace: Workspace, run: Run, to: Export) -> "Published":
    """Adds the rows of a run that `to` takes to its dataset on the Hub. Raises ExportError and its kinds."""
    from app.review.card_facts import facts
    from feedback.exports.hub import publish

    store, to = workspace.store, for_run(run, to)
    about = replace(facts(run, recipe_of(run)), quality=_proved(store, run))
    published = publish(judged_rows(store, run), to, about, workspace.report)
    if published.added:
        store.runs.add_export(run.id, published.url, to.format, published.added)
    return published


def _proved(store: Store, run: Run) -> list[str]:
    """What the reviews of a run prove, for its card; nothing below the first size at which a figure is stated."""
    figures = insights_of(store, run)
    stated = [statement for statement in (figures.quality, figures.rating) if statement.shown is not None]
    about = {"keep": "share that the reviewers would keep", "rating": "mean rating of 5 that they would give"}
    return [
        f"Of all {statement.population:,} rows of the run, the {about[statement.of]} is "
        f"{' (95% interval '.join(statement.shown or ())}), told from {statement.stated_at:,} rows that were drawn at random."
        for statement in stated
    ]


def export_to_argilla(
    workspace: Workspace, run: Run, to: Export, argilla: Argilla, watch: "Callable[[Finished], None]"
) -> "Finished":
    """Writes the rows of a run that `to` takes into a dataset of Argilla, `to.argilla`, as finished ones.

    Raises SettingsError for a format that Argilla can't show, ExportError for nothing to write, ArgillaError and its kinds.
    """
    from feedback.argilla.client import Server
    from feedback.exports.to_argilla import write

    store, recipe, to = workspace.store, recipe_of(run), for_run(run, to)
    if not gives(store, run, to):
        raise ExportError("There is nothing to write into Argilla yet: no row that can be used was approved.")
    with Server(argilla.url, argilla.key) as server:
        into = recipe.review.workspace or argilla.workspace
        finished = write(server, to.argilla, into, judged_rows(store, run), to, run.id, recipe.kind, watch)
    store.runs.add_export(run.id, finished.url, to.format, finished.records)
    return finished
