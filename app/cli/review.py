"""People and what they say: push, pull, review, agreement, insights, accept, export."""

import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import workflow
from app.cli import output
from app.cli.options import AllowKey, AsJson, RunId, app, opened, permit
from app.recipe import known_rubrics, recipe_of
from app.review import argilla
from app.review.insights import RISK, insights_of
from app.review.reviewed_rows import agreement_of
from app.runs.run_recipes import amend
from app.store.runs import Run
from app.workspace import Workspace, silent
from feedback.errors import ArgillaDown
from feedback.exports.selection import Export

if TYPE_CHECKING:
    from app.review.pull import Pulled


def push_rows(
    workspace: Workspace, run: Run, dataset: str, argilla_workspace: str, *, withdraw: bool = False
) -> dict[str, Any]:
    where = argilla.argilla(workspace.settings, output.say)
    with output.sending() as watch:
        sent = workflow.push(
            workspace, run, where, watch, dataset=dataset, argilla_workspace=argilla_workspace, withdraw=withdraw
        )
    return {
        "dataset": sent.to.name, "workspace": sent.to.workspace, "url": sent.to.url, "embedded": where.own,
        "sent": sent.pushed.sent, "unchanged": sent.pushed.unchanged, "dropped": sent.dropped, "withdrawn": sent.withdrawn,
        "open_audits": sent.open_audits, "shortened": sent.shortened,
        "samples": {kind: n for kind, (n, _) in workspace.store.pushes.samples(run.id).items()},
        "refused": [{"row": row, "why": why} for row, why in sent.pushed.refused],
    }  # fmt: skip


def sent_words(sent: dict[str, Any]) -> str:
    message = f"{sent['sent']} rows sent to Argilla, dataset '{sent['dataset']}' in workspace '{sent['workspace']}'"
    if sent["unchanged"]:
        message += f" ({sent['unchanged']} were there already)"
    if sent["withdrawn"]:
        message += f", {sent['withdrawn']} taken out"
    if sent["open_audits"]:
        message += f"\n{sent['open_audits']} audit rows were sealed with ratings and reasons before, and stay so"
    if sent["shortened"]:
        from app.review.push_plan import shortened

        message += f"\n{shortened(sent['shortened'])}"
    if sent["dropped"]:
        message += (
            f"\n{sent['dropped']} records are of rows that the run does not have any more: --withdraw takes them out"
        )
    for refused in sent["refused"]:
        message += f"\nArgilla refused the row {refused['row']}: {refused['why']}"
    return message


@app.command()
def push(
    context: typer.Context,
    run_id: RunId,
    dataset: Annotated[str, typer.Option(help="Name of the dataset in Argilla.")] = "",
    argilla_workspace: Annotated[str, typer.Option("--workspace", help="Workspace in Argilla.")] = "",
    withdraw: Annotated[bool, typer.Option(help="Take records out of Argilla whose rows the run dropped.")] = False,
    blind_audit: Annotated[
        bool | None,
        typer.Option(
            "--blind-audit/--open-audit",
            help="Send the audit sample without ratings and reasons, or with them; else without them from 250 rows on.",
        ),
    ] = None,
    allow_key: AllowKey = None,
    as_json: AsJson = False,
) -> None:
    """Send the rows of a run to Argilla; what is there already is not sent again."""
    with opened(context) as workspace:
        store = workspace.store
        run = store.runs.get(run_id)
        if blind_audit is not None:
            review = replace(recipe_of(run).review, blind_audit=blind_audit)
            run = amend(store, run, review=review)
        permit(workspace, recipe_of(run), None, allow_key, None)
        sent = push_rows(workspace, run, dataset, argilla_workspace, withdraw=withdraw)
        if as_json:
            output.show_json(sent)
        else:
            output.show(sent_words(sent))


@app.command()
def pull(
    context: typer.Context,
    run_id: RunId,
    everything: Annotated[
        bool, typer.Option(help="Kept for older scripts: a pull always asks for all answers.")
    ] = False,
    watch: Annotated[int, typer.Option(min=0, help="Pull again every so many seconds, until Ctrl-C.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Bring back what people said in Argilla."""
    with opened(context) as workspace:
        store = workspace.store
        run, where = store.runs.get(run_id), argilla.argilla(workspace.settings, output.say)
        while True:
            try:
                done = workflow.pull(workspace, run, where)
                if as_json:
                    output.show_json(asdict(done))
                else:
                    output.show(_pulled_words(done))
            except ArgillaDown as error:
                if not watch:
                    raise
                output.say(f"{error} It is asked again in {watch} seconds.")
            if not watch:
                return
            time.sleep(watch)


def _pulled_words(done: "Pulled") -> str:
    from app.review.pull import came

    message = (
        f"{done.rows_reviewed} of {done.sent} rows reviewed: {done.approved} approved, {done.rejected} rejected, "
        f"{done.undecided} undecided ({came(done)})"
    )
    if done.withdrawn:
        message += f"\nNo rows are accepted under a guarantee any more: {done.withdrawn}"
    if done.moved:
        message += f"\n{done.moved} rows that wait have another place in the queue by now"
    if done.missing:
        message += f"\n{done.missing} dataset(s) of this run were deleted in Argilla; what was pulled before is kept"
    return message


def _help(name: str) -> str:
    """What an option of the export does, as its setting says."""
    return str(next(f.metadata["help"] for f in fields(Export) if f.name == name))


@app.command()
def agreement(context: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """Say how well reviewers agree with each other, and with the labeller."""
    with opened(context) as workspace:
        store = workspace.store
        run = store.runs.get(run_id)
        agreement = agreement_of(store, run)
        if as_json:
            output.show_json(agreement.plain())
        else:
            for line in output.agreement(agreement, known_rubrics(run)):
                output.show(line)


@app.command()
def insights(
    context: typer.Context,
    run_id: RunId,
    risk: Annotated[float, typer.Option(help="Share of accepted rows that may be wrong.")] = RISK,
    as_json: AsJson = False,
) -> None:
    """Say what the reviews prove so far: the set's quality, what the queue finds, which rows need nobody, how long is left."""
    with opened(context) as workspace:
        figures = insights_of(workspace.store, workspace.store.runs.get(run_id), risk)
        if as_json:
            output.show_json(figures.plain())
        else:
            for line in output.insights(figures):
                output.show(line)


@app.command()
def accept(
    context: typer.Context,
    run_id: RunId,
    risk: Annotated[float, typer.Option(help="Share of the accepted rows that may be wrong.")] = RISK,
    withdraw: Annotated[bool, typer.Option(help="End the acceptance that stands.")] = False,
    as_json: AsJson = False,
) -> None:
    """Accept the rows that need no reviewer: the labeller's decision stands, as far as the audit guarantees it."""
    from app.review import acceptance

    with opened(context) as workspace:
        store, who = workspace.store, workspace.settings.owner
        run = store.runs.get(run_id)
        if withdraw:
            rows = acceptance.withdraw(store, run, who)
            message = f"{rows:,} rows are not accepted any more."
            result: dict[str, Any] = {"withdrawn": rows}
        else:
            done = acceptance.accept(store, run, who, risk)
            word = "accepted" if done.is_new else "were accepted already"
            message = f"{done.acceptance.rows:,} rows {word}. {done.sentence if done.is_new else ''}".rstrip()
            result = {**asdict(done.acceptance), "is_new": done.is_new, "sentence": done.sentence}
        output.show_json(result) if as_json else output.show(message)


@app.command()
def review(
    context: typer.Context,
    run_id: RunId,
    minutes: Annotated[float, typer.Option(min=1, max=600, help="How long you want to review.")] = 30.0,
    reviewer: Annotated[
        str, typer.Option(help="Who will review them: rows that wait for a second reviewer are among them then.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Pick the next rows to review in so many minutes, and say where they open in Argilla."""
    from app.review import review_queue

    with opened(context) as workspace:
        where = argilla.argilla(workspace.settings, output.say)
        handed, path = review_queue.hand_out(workspace, workspace.store.runs.get(run_id), where, minutes, reviewer)
        if as_json:
            output.show_json({**asdict(handed), "url": f"{where.url}{path}"})
        else:
            output.show(f"{review_queue.in_words(handed)}\nReview them: {where.url}{path}")


@app.command()
def export(
    context: typer.Context,
    run_id: RunId,
    form: Annotated[str | None, typer.Option("--format", help=_help("format"))] = None,
    to: Annotated[Path | None, typer.Option(help=_help("path"))] = None,
    hub: Annotated[str | None, typer.Option(help=_help("hub"))] = None,
    into_argilla: Annotated[str | None, typer.Option("--argilla", help=_help("argilla"))] = None,
    private: Annotated[bool | None, typer.Option("--private/--public", help=_help("private"))] = None,
    licence: Annotated[str | None, typer.Option("--license", help=_help("license"))] = None,
    unreviewed: Annotated[bool | None, typer.Option("--unreviewed/--reviewed", help=_help("unreviewed"))] = None,
    decision: Annotated[str | None, typer.Option(help=_help("decision"))] = None,
    reviewer: Annotated[str | None, typer.Option(help=_help("reviewer"))] = None,
    least_rating: Annotated[float | None, typer.Option(help=_help("least_rating"))] = None,
    checks: Annotated[str | None, typer.Option(help=_help("checks"))] = None,
    margin: Annotated[float | None, typer.Option(help=_help("margin"))] = None,
    original_pairs: Annotated[
        bool | None, typer.Option("--original-pairs/--rated-pairs", help=_help("original_pairs"))
    ] = None,
    reasoning: Annotated[bool | None, typer.Option("--reasoning/--no-reasoning", help=_help("reasoning"))] = None,
    similarity: Annotated[float | None, typer.Option(help=_help("similarity"))] = None,
    test_share: Annotated[float | None, typer.Option(help=_help("test_share"))] = None,
    shuffle: Annotated[bool | None, typer.Option("--shuffle/--in-order", help=_help("shuffle"))] = None,
    seed: Annotated[int | None, typer.Option(help=_help("seed"))] = None,
    max_rows: Annotated[int | None, typer.Option(help=_help("max_rows"))] = None,
    protect_formulas: Annotated[
        bool | None, typer.Option("--protect-formulas/--exact-texts", help=_help("protect_formulas"))
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace a file that is there already, also one that is no export of this run."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the approved rows into a file, or into a dataset of the Hugging Face Hub or of Argilla; else as the recipe says."""
    options: dict[str, Any] = {
        "format": form, "path": None if to is None else str(to), "hub": hub, "argilla": into_argilla,
        "private": private, "license": licence,
        "unreviewed": unreviewed, "decision": decision, "reviewer": reviewer, "least_rating": least_rating,
        "checks": checks, "margin": margin, "original_pairs": original_pairs, "similarity": similarity, "test_share": test_share,
        "shuffle": shuffle, "seed": seed, "reasoning": reasoning,
        "max_rows": max_rows, "protect_formulas": protect_formulas,
    }  # fmt: skip
    with opened(context) as workspace:
        store = workspace.store
        run = store.runs.get(run_id)
        chosen = replace(recipe_of(run).export, **{name: value for name, value in options.items() if value is not None})
        result: dict[str, Any] = {}
        messages = []
        if to is not None or not (chosen.hub or chosen.argilla):
            done = workflow.export(workspace.reporting(silent), run, chosen, overwrite=force)
            result.update(asdict(done))
            messages.append(output.exported(done))
        if hub or (chosen.hub and to is None):
            sent = workflow.publish(workspace, run, chosen)
            result["hub"] = asdict(sent)
            messages.append(output.published(sent))
        if into_argilla or (chosen.argilla and to is None):
            finished = workflow.archive(workspace, run, chosen, argilla.argilla(workspace.settings, output.say))
            result["argilla"] = asdict(finished)
            messages.append(output.finished(finished))
        if as_json:
            output.show_json(result)
        else:
            output.show("\n".join(messages))
