"""Making rows: run, import, rate."""

import asyncio
import contextlib
import time
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app import workflow
from app.cli import output
from app.cli.options import AllowCommand, AllowKey, AllowPath, AsJson, RunId, Strict, app, opened, permit
from app.cli.review import push_rows, sent_words
from app.errors import RunError
from app.inputs.table import TableOptions
from app.recipe import BUILT_IN, Recipe, example, load, load_if_recipe, load_rubrics, recipe_of
from app.review import argilla as review_argilla
from app.runs import shards
from app.runs.run_recipes import amend
from app.runs.shards import Shard
from app.store.runs import Run, RunCounts
from app.store.store import Store
from app.workspace import Workspace
from feedback.labeller.ultrafeedback import UltraFeedback
from tasks.errors import ClaywrightError, InputError
from tasks.response_flags import MEANINGS


class Method(StrEnum):
    """How the labeller judges."""

    rating = "rating"
    pairwise = "pairwise"


@app.command()
def run(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="A recipe (.toml or .json); without one, an example.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Number of rows, instead of the recipe's.")] = None,
    resume: Annotated[str, typer.Option(metavar="RUN", help="Go on with a run ('last' for the newest).")] = "",
    retry_failed: Annotated[bool, typer.Option(help="With --resume or --shard: try again what failed.")] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Work part K of N of the run, in a store of its own; then: claywright merge."),
    ] = None,
    named: Annotated[
        str | None, typer.Option("--as", metavar="ID", help="The id of the new run, instead of one of ours.")
    ] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens that the run may use in all.")] = None,
    budget_dollars: Annotated[float | None, typer.Option(help="Most US dollars that the run may cost in all.")] = None,
    no_push: Annotated[bool, typer.Option("--no-push", help="Do not send the rows to Argilla.")] = False,
    dataset: Annotated[str, typer.Option(help="Name of the dataset in Argilla.")] = "",
    allow_key: AllowKey = None,
    allow_path: AllowPath = None,
    allow_command: AllowCommand = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Make rows, rate them, send them to Argilla."""
    began = time.monotonic()
    part = None if shard is None else Shard.parse(shard)
    run_id = "" if named is None else shards.checked_id(named)
    if resume and (part or run_id):
        raise RunError(
            "--resume goes on with a run; --shard and --as are for a recipe. To go on with a shard, name both again."
        )
    with opened(context) as workspace, contextlib.ExitStack() as stack:
        store = workspace.store
        if resume and file:
            raise RunError("Give a recipe for a new run or --resume for an old one, not both: a run keeps its recipe.")
        old = store.runs.get(resume) if resume else None
        recipe = recipe_of(old) if old else load(file) if file else example()
        budget = recipe.budget
        budget = budget if budget_tokens is None else replace(budget, tokens=budget_tokens)
        budget = budget if budget_dollars is None else replace(budget, dollars=budget_dollars)
        changed = replace(recipe, rows=rows or recipe.rows, budget=budget)
        more, recipe = changed if changed != recipe or old is None else None, changed
        permit(workspace, recipe, file.absolute().parent if file else None, allow_key, allow_path, allow_command)
        if part is not None:
            workspace, run_id = stack.enter_context(shards.opened(workspace, recipe, part, run_id))
            store = workspace.store
            old = store.runs.known(run_id)
            more = recipe if old is None or recipe != recipe_of(old) else None
        current_run = old or workflow.start(workspace, recipe, run_id=run_id, shard=str(part or ""))
        output.say(f"Run {current_run.id}" + (f", shard {part}" if part else ""))
        watched = output.Watched(store, current_run)
        done = _generate(workspace, current_run, watched, more, retry_failed)
        result = _result(store, done, watched)
        result["seconds_making"] = result["seconds"] = round(time.monotonic() - began, 2)
        if done.state == "stopped":
            _report(result, as_json)
            output.say(f"Stopped. To go on: {_again(done)}")
            raise typer.Exit(130)
        if part is not None:
            _end_shard(result, as_json, strict)
            return
        if no_push or not result["counts"]["answered"]:
            _report(result, as_json)
            _end(result, strict)
            return
        try:
            result["sent"] = push_rows(workspace, done, dataset, "")
        except ClaywrightError as error:
            _report(result, as_json)
            error.terminal = _also(error, f"The rows are kept. To send them: claywright push {done.id}")
            raise
        result["seconds"] = round(time.monotonic() - began, 2)
        _report(result, as_json)
        if not as_json:
            output.show("To review: claywright argilla   (keeps Argilla up and prints the way in)")
            output.show(f"Afterwards: claywright pull {done.id} and claywright export {done.id}")
        _end(result, strict)


@app.command("import")
def import_rows(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="[FILE|DATASET]", help="A file or folder of rows, or a dataset by its id.")
    ] = "",
    argilla: Annotated[str, typer.Option(metavar="NAME", help="Instead: a dataset in Argilla, all of it.")] = "",
    argilla_workspace: Annotated[
        str, typer.Option("--workspace", help="With --argilla: the workspace that it is in.")
    ] = "",
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="As instruction=prompt; may be given several times.")
    ] = None,
    separator: Annotated[str, typer.Option(help="What separates the cells of a CSV file; detected if not given.")] = "",
    header: Annotated[bool, typer.Option(help="Whether the first row of a table names its columns.")] = True,
    sheet: Annotated[str, typer.Option(help="The sheet of a spreadsheet; else the first that holds anything.")] = "",
    encoding: Annotated[
        str, typer.Option(help="The encoding of a text file, as windows-1252; detected if not given.")
    ] = "",
    config: Annotated[str, typer.Option(help="Configuration of a dataset that has several.")] = "",
    split: Annotated[str, typer.Option(help="Split of a dataset.")] = "train",
    name: Annotated[str, typer.Option(help="Name of the run; else that of what is imported.")] = "",
    aspect: Annotated[
        list[str] | None, typer.Option("--rate", metavar="ASPECT", help="Rate it as well; may be given several times.")
    ] = None,
    labeller: Annotated[
        str, typer.Option(metavar="PRESET:MODEL", help="Who rates, as openai:gpt-4o; else the built-in model.")
    ] = "",
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Make a run of rows that are there already, to rate and review; no model writes anything."""
    if bool(source) == bool(argilla):
        raise RunError(
            "Name what to import: a file, a dataset's id, or --argilla with the name of a dataset in Argilla."
        )
    from app import dataset_import

    began = time.monotonic()
    with opened(context) as workspace:
        store = workspace.store
        if argilla:
            where = review_argilla.argilla(workspace.settings, output.say)
            path = dataset_import.snapshot(where, argilla, argilla_workspace, workspace.settings, output.say)
            inputs = dataset_import.inputs_of(str(path), column or ())
        else:
            inputs = dataset_import.inputs_of(
                source, column or (), config, split, TableOptions(separator, header, sheet, encoding)
            )
        called = name or argilla or Path(source).stem or source
        try:
            recipe = dataset_import.recipe_of(inputs, called, aspect or (), labeller)
            new_run = workflow.start(workspace, recipe)
        except InputError as error:
            if "[inputs.columns]" in error.terminal:
                error.terminal = "Say which column is which: --column instruction=THEIRS, --column response=THEIRS."
            raise
        if layout := dataset_import.layout(inputs):
            output.say(layout)
        output.say(f"Run {new_run.id}")
        watched = output.Watched(store, new_run)
        done = _generate(workspace, new_run, watched, recipe, False)
        ids, left_out = dataset_import.brought_along(store, done)
        result = {**_result(store, done, watched), "ids": asdict(ids), "left_out": left_out, "layout": layout}
        result |= {"seconds": round(time.monotonic() - began, 2)}
        _report(result, as_json)
        if not as_json:
            for name_of_column, rows in left_out.items():
                output.show(f"Left out: column {name_of_column} of {rows} rows, which holds no text, number or list")
            again = (
                f"; {ids.repeated} of them at more than one row, which stay rows of their own" if ids.repeated else ""
            )
            output.show(f"{ids.kept} ids kept{again}")
            output.show(f"Next: claywright rate {done.id} and claywright push {done.id}")
        _end(result, strict)


def _generate(
    workspace: Workspace, run: Run, watched: output.Watched, recipe: Recipe | None, retry_failed: bool
) -> Run:
    """Works the run; an error says how to go on, if there is something to go on with."""
    work = workflow.generate(workspace, run, watched, recipe=recipe, retry_failed=retry_failed)
    try:
        return output.work(work, watched)
    except ClaywrightError as error:
        if workspace.store.runs.get(run.id).state not in ("paused", "stopped"):
            raise
        error.terminal = _also(error, f"What was made is kept. To go on: {_again(run)}")
        raise


def _again(run: Run) -> str:
    """What to type to go on with a run."""
    return "the same command again" if run.shard else f"claywright run --resume {run.id}"


def _end_shard(result: dict[str, Any], as_json: bool, strict: bool) -> None:
    """The end of a shard: where its store is, and what to do with it. One to which no unit falls has nothing to make."""
    _report(result, as_json)
    if result["counts"]["units"]:
        _end(result, strict)
    if not as_json:
        output.show(f"Shard {result['shard']} is in {result['store']}")
        output.show(f"When all shards are done: claywright merge {Path(result['store']).parent / '*'}")


def _end(result: dict[str, Any], strict: bool) -> None:
    """Raises RunError where nothing was made, or not one response rated; with `strict` where anything failed."""
    counts, failures = RunCounts(**result["counts"]), len(result["failures"])
    unread = counts.unrated + counts.failed_ratings
    if not counts.answered:
        dropped = sum(result["dropped"].values())
        raise RunError(f"Nothing was made: {failures} failed, {dropped} dropped, for the reasons above.")
    if counts.ratings and unread == counts.ratings:
        raise RunError(
            f"Not one of {counts.ratings} ratings can be read.",
            terminal=f"What the labeller said: claywright export {result['run']} --unreviewed --format raw",
        )
    compared = result["comparisons"]
    if compared["total"] and compared["unread"] + compared["failed"] == compared["total"]:
        raise RunError(
            f"Not one of {compared['total']} answers to which response is better can be read.",
            terminal=f"What the labeller said: claywright export {result['run']} --unreviewed --format raw",
        )
    unread += compared["unread"]
    if strict and (failures or unread):
        raise RunError(
            f"{failures} failed and {unread} of {counts.ratings + compared['total']} ratings can't be read, and --strict wants all."
        )


def _also(error: ClaywrightError, hint: str) -> str:
    """What to type about the error, and more."""
    return f"{error.terminal}\n{hint}".strip()


def _result(store: Store, run: Run, watched: output.Watched) -> dict[str, Any]:
    tally = asdict(watched.execution.engine.tally) if watched.execution else {}
    return {
        "run": run.id,
        "state": run.state,
        "reason": run.reason,
        **({"shard": run.shard, "store": str(store.db.path.parent)} if run.shard else {}),
        "counts": asdict(store.runs.counts(run.id)),
        "dropped": store.runs.drop_reasons(run.id),
        "marked": store.rows.marked(run.id),
        "checks": output.checks_of(store, run),
        "failures": [{"what": what, "why": why} for what, why in store.rows.failures(run.id)],
        "calls": tally,
        "comparisons": asdict(store.preferences.counts(run.id)),
        "for_trying": review_argilla.for_trying(recipe_of(run)),
    }


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.show_json(result)
        return
    counts = RunCounts(**result["counts"])
    output.show(
        f"{counts.answered} rows in {result.get('seconds_making', result.get('seconds', 0)):.1f} s"
        f" ({result['calls'].get('sent', 0)} calls, {result['calls'].get('recalled', 0)} remembered)"
    )
    if counts.ratings:
        if result["for_trying"]:
            output.show("The built-in model rated: its ratings are for trying only, they are close to chance")
        output.show(
            f"{counts.ratings - counts.unrated - counts.failed_ratings} of {counts.ratings} ratings can be read"
        )
    if total := result["comparisons"]["total"]:
        readable = total - result["comparisons"]["unread"] - result["comparisons"]["failed"]
        output.show(f"{readable} of {total} answers to which response is better can be read")
    for reason, number in result["dropped"].items():
        output.show(f"dropped {number}: {reason}")
    for mark, number in result["marked"].items():
        output.show(f"marked {number}: {mark}, {MEANINGS[mark]}")
    for line in output.checks(result["checks"]):
        output.show(line)
    for failure in result["failures"][:10]:
        output.show(f"failed {failure['what']}: {failure['why']}")
    if len(result["failures"]) > 10:
        output.show(f"and {len(result['failures']) - 10} more failures: claywright runs {result['run']}")
    if result["failures"]:
        again = "the same command again, with" if "shard" in result else f"claywright run --resume {result['run']}"
        output.show(f"To try what failed again: {again} --retry-failed")
    if result["reason"]:
        output.show(result["reason"])
    if "sent" in result:
        output.show(sent_words(result["sent"]))


@app.command("rubric-check")
def rubric_check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A TOML or JSON file with [[rubrics]], such as a recipe.")],
    run: Annotated[str, typer.Option(help="The run whose first rows are rated.")] = "",
    rows: Annotated[
        Path | None, typer.Option(help="A text file: an instruction and its response a line, with a tab between.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try rubrics on a few rows before a run is paid for: spread, length, repeats, levels that are never used."""
    from app.runs import rubric_trial

    with opened(context) as workspace:
        store = workspace.store
        recipe = recipe_of(store.runs.get(run)) if run else load_if_recipe(file)
        tried = rubric_trial.rows_in(rows) if rows else store.rows.page(run, 0, rubric_trial.MOST_ROWS) if run else []
        if not any(row.responses for row in tried):
            raise InputError("There are no rows to try it on.", terminal="Name some: --run RUN, or --rows FILE.")
        labeller, judge = (recipe.labeller, recipe.rating) if recipe else (BUILT_IN, None)
        checks = [
            asyncio.run(rubric_trial.check(workspace, judge or UltraFeedback(), labeller, rubric, tried))
            for rubric in load_rubrics(file)
        ]
        if as_json:
            figures = [
                {"rubric": c.rubric.name, "counts": c.counts, "unrated": c.unrated, "says": c.sentences} for c in checks
            ]
            output.show_json({"checks": figures})
        for check in () if as_json else checks:
            output.show(f"{check.rubric.name}: {' '.join(check.sentences)}")


@app.command()
def check(
    context: typer.Context,
    run_id: RunId,
    recipe_file: Annotated[
        Path | None,
        typer.Option(
            "--recipe", metavar="FILE", help="Check by [[checks]] of this recipe from now on; else by the run's own."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the responses of a run, as after a change of its checks; no model is called."""
    with opened(context) as workspace:
        store = workspace.store
        run = store.runs.get(run_id)
        checks = recipe_of(run).checks if recipe_file is None else load(recipe_file).checks
        if not checks:
            named = f"run {run.id}" if recipe_file is None else f"recipe {recipe_file}"
            raise RunError(f"The {named} has no checks.", terminal="Name a recipe with [[checks]]: --recipe FILE.")
        if recipe_file is not None:
            run = amend(store, run, checks=checks)
        rows = workflow.check(workspace, run)
        result: dict[str, Any] = {"run": run.id, "rows_checked": rows, "checks": output.checks_of(store, run)}
        if as_json:
            output.show_json(result)
            return
        output.show(f"{rows} rows were checked")
        for line in output.checks(result["checks"]):
            output.show(line)


@app.command()
def rate(
    context: typer.Context,
    run_id: RunId,
    aspect: Annotated[list[str] | None, typer.Option(help="What to rate; may be given several times.")] = None,
    together: Annotated[
        bool | None, typer.Option("--together/--singly", help="All responses in one prompt, or one by one.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Times that each question is asked.")] = None,
    rubrics: Annotated[
        Path | None,
        typer.Option(help="A TOML or JSON file with [[rubrics]]; all of them are rated where no aspect is named."),
    ] = None,
    method: Annotated[
        Method | None, typer.Option(help="Rate each response, or compare two at a time, in both orders.")
    ] = None,
    allow_key: AllowKey = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Rate the rows of a run."""
    with opened(context) as workspace:
        store = workspace.store
        run = store.runs.get(run_id)
        old = recipe_of(run).rating or UltraFeedback()
        own = load_rubrics(rubrics) if rubrics else ()
        named = tuple(aspect or ()) or tuple(rubric.name for rubric in own) or old.aspects
        both = {rubric.key: rubric for rubric in (*old.rubrics, *own)}
        judge = replace(
            old,
            rubrics=tuple(both.values()),
            aspects=named,
            together=old.together if together is None else together,
            repeats=repeats or old.repeats,
            method=method.value if method else old.method,
        )
        permit(workspace, recipe_of(run), None, allow_key, None)
        watched = output.Watched(store, run)
        done = output.work(workflow.rate(workspace, run, watched, rating=judge), watched)
        result = _result(store, done, watched)
        _report(result, as_json)
        _end(result, strict)
