"""The store as a file: a copy of it, less of it."""

import asyncio
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app import workflow
from app.cli import output
from app.cli.options import AsJson, RunId, app, opened
from app.errors import RunError


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to; else a name with the date.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the whole store into one file, also while it is worked with."""
    from app.store import maintenance

    with opened(context) as workspace:
        store = workspace.store
        path = file or Path(f"claywright-{datetime.now():%Y%m%d-%H%M%S}.db")
        size = maintenance.backup(store, path)
        if as_json:
            output.show_json({"file": str(path), "bytes": size})
        else:
            output.show(
                f"{path}: {maintenance.readable(size)}. To use it: put it in a data folder of its own, named claywright.db, and"
                " name that folder with --data."
            )


@app.command()
def merge(
    context: typer.Context,
    stores: Annotated[
        list[Path],
        typer.Argument(metavar="STORE...", help="Stores of 'claywright run --shard', or the folders that hold them."),
    ],
    as_json: AsJson = False,
) -> None:
    """Bring the shards of a run into this store; what is there already is not doubled."""
    with opened(context) as workspace:
        merged = asyncio.run(workflow.merge(workspace, stores))
        run, counts = merged.run, merged.counts
        if as_json:
            result = {"run": run.id, "state": run.state, "reason": run.reason, "counts": asdict(counts)}
            output.show_json(
                result | {"merged": [asdict(part) for part in merged.parts], "lacking": list(merged.lacking)}
            )
            return
        for part in merged.parts:
            output.show(
                f"Shard {part.shard}: {part.rows} rows of {part.units} units, {part.answers} answers"
                + (f"; {part.completed} rows of before completed" if part.completed else "")
                + ("" if part.done else "; it is not finished, and merged as far as it is")
            )
        output.show(f"Run {run.id}: {counts.answered} rows, {counts.ratings} ratings")
        if run.reason:
            output.show(f"{run.reason[0].upper()}{run.reason[1:]}")
            output.show(
                f"To merge what is finished later: the same command again. To do the rest here: claywright run --resume {run.id}"
            )


@app.command()
def compact(context: typer.Context, as_json: AsJson = False) -> None:
    """Give back the room on the disk that deleted runs took."""
    from app.store import maintenance

    with opened(context) as workspace:
        store = workspace.store
        before, after = maintenance.compact(store)
        if as_json:
            output.show_json({"before": before, "after": after})
        else:
            output.show(f"The store takes {maintenance.readable(after)}; it took {maintenance.readable(before)}.")


@app.command()
def delete(
    context: typer.Context,
    run_id: RunId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Also what its models answered, so that making it again is paid again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a run: its rows, responses, ratings and what people said of them."""
    from app.store import maintenance

    with opened(context) as workspace:
        store = workspace.store
        run = store.runs.get(run_id)
        counts = store.runs.counts(run.id)
        if not yes:
            summary = f"{counts.answered:,} rows, {counts.ratings:,} ratings, {counts.reviewed:,} of them reviewed"
            try:
                typer.confirm(output.visible(f"Delete {run.id} ({summary}) for good?"), abort=True, err=True)
            except typer.Abort:
                raise RunError("Nothing was deleted.", terminal="To delete without being asked: --yes") from None
        gone = maintenance.delete(store, run, forget=forget)
        if as_json:
            output.show_json({"run": run.id, "rows": counts.answered, "forgotten": gone})
            return
        output.show(f"Deleted {run.id}." + (f" {gone:,} answers were forgotten." if forget else ""))
        if counts.sent:
            output.show("What was sent to Argilla is still there.")
        output.show("To give back the room that it took on the disk: claywright compact")
