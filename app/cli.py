"""The command `claywright`: each step of the loop, and the whole of it. The work is done in app/workflow.py."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from app import importing, recipe, reviewing, services, terminal, workflow
from app.config import Settings, settings
from app.errors import RunError
from app.recipe import Recipe
from app.store import Store
from app.tables.runs import Run
from feedback.exports import Export
from feedback.ultrafeedback import UltraFeedback
from tasks.errors import ClaywrightError, InputError

app = typer.Typer(
    add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or 'last'.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
DATA: dict[str, Path | None] = {"folder": None}


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        terminal.show(f"claywright {version('claywright')}")
        raise typer.Exit


@app.callback()
def everywhere(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Data folder (else CLAYWRIGHT_DATA, else the user's own).")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the app; 0 takes the usual one, or a free one.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Datasets made by models and trusted by humans. Without a command, the app opens in the browser."""
    DATA["folder"] = data
    if context.invoked_subcommand is None:
        from app.server import serve

        serve(settings(data), terminal.say, port=port, browse=browser)


@contextmanager
def opened() -> Iterator[tuple[Settings, Store]]:
    """The settings and the store; services that the command starts are stopped at its end."""
    here = settings(DATA["folder"])
    with services.stopping(here), Store(here.data) as store:
        yield here, store


@app.command()
def run(
    file: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="A recipe (.toml or .json); without one, an example.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Number of rows, instead of the recipe's.")] = None,
    resume: Annotated[str, typer.Option(metavar="RUN", help="Go on with a run ('last' for the newest).")] = "",
    retry_failed: Annotated[bool, typer.Option(help="With --resume: try again what failed.")] = False,
    no_push: Annotated[bool, typer.Option("--no-push", help="Do not send the rows to Argilla.")] = False,
    dataset: Annotated[str, typer.Option(help="Name of the dataset in Argilla.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make rows, rate them, send them to Argilla."""
    began = time.monotonic()
    with opened() as (here, store):
        if resume and file:
            raise RunError("Give a recipe for a new run or --resume for an old one, not both: a run keeps its recipe.")
        old = store.runs.get(resume) if resume else None
        made = workflow.recipe_of(old) if old else recipe.load(file) if file else recipe.example()
        made = replace(made, rows=rows or made.rows)
        begun = old or workflow.start(store, here, made)
        terminal.say(f"Run {begun.id}")
        watched = terminal.Watched(store, begun)
        done = _generate(here, store, begun, watched, made if rows else None, retry_failed)
        result = _result(store, done, watched)
        result["seconds_making"] = result["seconds"] = round(time.monotonic() - began, 2)
        if done.state == "stopped":
            _report(result, as_json)
            terminal.say(f"Stopped. To go on: claywright run --resume {done.id}")
            raise typer.Exit(130)
        if no_push or not result["counts"]["answered"]:
            _report(result, as_json)
            return
        try:
            result["sent"] = _push(here, store, done, dataset, "")
        except ClaywrightError as error:
            _report(result, as_json)
            error.terminal = _also(error, f"The rows are kept. To send them: claywright push {done.id}")
            raise
        result["seconds"] = round(time.monotonic() - began, 2)
        _report(result, as_json)
        if not as_json:
            terminal.show("To review: claywright argilla   (keeps Argilla up and prints the way in)")
            terminal.show(f"Afterwards: claywright pull {done.id} and claywright export {done.id}")


@app.command("import")
def import_rows(
    source: Annotated[
        str, typer.Argument(metavar="[FILE|DATASET]", help="A file or folder of rows, or a dataset by its id.")
    ] = "",
    argilla: Annotated[str, typer.Option(metavar="NAME", help="Instead: a dataset in Argilla, all of it.")] = "",
    workspace: Annotated[str, typer.Option(help="With --argilla: the workspace that it is in.")] = "",
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="As instruction=prompt; may be given several times.")
    ] = None,
    config: Annotated[str, typer.Option(help="Configuration of a dataset that has several.")] = "",
    split: Annotated[str, typer.Option(help="Split of a dataset.")] = "train",
    name: Annotated[str, typer.Option(help="Name of the run; else that of what is imported.")] = "",
    aspect: Annotated[
        list[str] | None, typer.Option("--rate", metavar="ASPECT", help="Rate it as well; may be given several times.")
    ] = None,
    labeller: Annotated[
        str, typer.Option(metavar="PRESET:MODEL", help="Who rates, as openai:gpt-4o; else the built-in model.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a run of rows that are there already, to rate and review; no model writes anything."""
    if bool(source) == bool(argilla):
        raise RunError(
            "Name what to import: a file, a dataset's id, or --argilla with the name of a dataset in Argilla."
        )
    began = time.monotonic()
    with opened() as (here, store):
        if argilla:
            where = reviewing.argilla(here, terminal.say)
            path = importing.snapshot(where, argilla, workspace, here, terminal.say)
            given = importing.inputs_of(str(path), column or ())
        else:
            given = importing.inputs_of(source, column or (), config, split)
        called = name or argilla or Path(source).stem or source
        try:
            begun = workflow.start(store, here, importing.recipe_of(given, called, aspect or (), labeller))
        except InputError as error:
            error.terminal = "Say which column is which: --column instruction=THEIRS, --column response=THEIRS."
            raise
        terminal.say(f"Run {begun.id}")
        watched = terminal.Watched(store, begun)
        done = _generate(here, store, begun, watched, None, False)
        ids = importing.ids(store, done)
        result = {**_result(store, done, watched), "ids": asdict(ids), "seconds": round(time.monotonic() - began, 2)}
        _report(result, as_json)
        if not as_json:
            again = (
                f"; {ids.repeated} of them at more than one row, which stay rows of their own" if ids.repeated else ""
            )
            terminal.show(f"{ids.kept} ids kept{again}")
            terminal.show(f"Next: claywright rate {done.id} and claywright push {done.id}")


def _generate(
    here: Settings, store: Store, run: Run, watched: terminal.Watched, changed: Recipe | None, retry_failed: bool
) -> Run:
    """Works the run; an error says how to go on, if there is something to go on with."""
    work = workflow.generate(store, here, run, watched, terminal.say, changed=changed, retry_failed=retry_failed)
    try:
        return terminal.work(work, watched)
    except ClaywrightError as error:
        if store.runs.get(run.id).state not in ("paused", "stopped"):
            raise
        error.terminal = _also(error, f"What was made is kept. To go on: claywright run --resume {run.id}")
        raise


def _also(error: ClaywrightError, words: str) -> str:
    """What to type about the error, and more."""
    return f"{error.terminal}\n{words}".strip()


def _result(store: Store, run: Run, watched: terminal.Watched) -> dict[str, Any]:
    tally = asdict(watched.execution.engine.tally) if watched.execution else {}
    return {
        "run": run.id,
        "state": run.state,
        "reason": run.reason,
        "counts": store.runs.counts(run.id),
        "dropped": store.runs.drop_reasons(run.id),
        "failures": [{"what": what, "why": why} for what, why in store.rows.failures(run.id)],
        "calls": tally,
        "for_trying": reviewing.for_trying(workflow.recipe_of(run)),
    }


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        terminal.show_json(result)
        return
    counts = result["counts"]
    terminal.show(
        f"{counts['answered']} rows in {result.get('seconds_making', result.get('seconds', 0)):.1f} s"
        f" ({result['calls'].get('sent', 0)} calls, {result['calls'].get('recalled', 0)} remembered)"
    )
    if counts["ratings"]:
        if result["for_trying"]:
            terminal.show("The built-in model rated: its ratings are for trying only, they are close to chance")
        terminal.show(
            f"{counts['ratings'] - counts['unrated'] - counts['failed_ratings']} of {counts['ratings']} ratings can be read"
        )
    for reason, number in result["dropped"].items():
        terminal.show(f"dropped {number}: {reason}")
    for failure in result["failures"][:10]:
        terminal.show(f"failed {failure['what']}: {failure['why']}")
    if len(result["failures"]) > 10:
        terminal.show(f"and {len(result['failures']) - 10} more failures: claywright runs {result['run']}")
    if result["failures"]:
        terminal.show(f"To try what failed again: claywright run --resume {result['run']} --retry-failed")
    if result["reason"]:
        terminal.show(result["reason"])
    if "sent" in result:
        terminal.show(_sent_words(result["sent"]))


def _push(
    here: Settings, store: Store, run: Run, dataset: str, workspace: str, *, withdraw: bool = False
) -> dict[str, Any]:
    where = reviewing.argilla(here, terminal.say)
    with terminal.sending() as watch:
        sent = workflow.push(
            store, run, where, watch, dataset=dataset, workspace=workspace, withdraw=withdraw,
            vectors=workflow.vectors_for(store, here, run, terminal.say),
        )  # fmt: skip
    return {
        "dataset": sent.to.name, "workspace": sent.to.workspace, "url": sent.to.url, "embedded": where.own,
        "sent": sent.pushed.sent, "unchanged": sent.pushed.unchanged, "dropped": sent.dropped, "withdrawn": sent.withdrawn,
        "samples": {kind: n for kind, (n, _) in store.reviews.samples(run.id).items()},
        "refused": [{"row": row, "why": why} for row, why in sent.pushed.refused],
    }  # fmt: skip


def _sent_words(sent: dict[str, Any]) -> str:
    words = f"{sent['sent']} rows sent to Argilla, dataset '{sent['dataset']}' in workspace '{sent['workspace']}'"
    if sent["unchanged"]:
        words += f" ({sent['unchanged']} were there already)"
    if sent["withdrawn"]:
        words += f", {sent['withdrawn']} taken out"
    if sent["dropped"]:
        words += (
            f"\n{sent['dropped']} records are of rows that the run does not have any more: --withdraw takes them out"
        )
    for refused in sent["refused"]:
        words += f"\nArgilla refused the row {refused['row']}: {refused['why']}"
    return words


@app.command()
def rate(
    run_id: RunId,
    aspect: Annotated[list[str] | None, typer.Option(help="What to rate; may be given several times.")] = None,
    together: Annotated[
        bool | None, typer.Option("--together/--singly", help="All responses in one prompt, or one by one.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Times that each question is asked.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rate the rows of a run."""
    with opened() as (here, store):
        found = store.runs.get(run_id)
        old = workflow.recipe_of(found).rating or UltraFeedback()
        judge = replace(
            old,
            aspects=tuple(aspect) if aspect else old.aspects,
            together=old.together if together is None else together,
            repeats=repeats or old.repeats,
        )
        watched = terminal.Watched(store, found)
        done = terminal.work(workflow.rate(store, here, found, judge, watched, terminal.say), watched)
        _report(_result(store, done, watched), as_json)


@app.command()
def push(
    run_id: RunId,
    dataset: Annotated[str, typer.Option(help="Name of the dataset in Argilla.")] = "",
    workspace: Annotated[str, typer.Option(help="Workspace in Argilla.")] = "",
    withdraw: Annotated[bool, typer.Option(help="Take records out of Argilla whose rows the run dropped.")] = False,
    blind_audit: Annotated[
        bool | None,
        typer.Option(
            "--blind-audit/--open-audit", help="Send the audit sample without ratings and reasons, or with them."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send the rows of a run to Argilla; what is there already is not sent again."""
    with opened() as (here, store):
        found = store.runs.get(run_id)
        if blind_audit is not None:
            review = replace(workflow.recipe_of(found).review, blind_audit=blind_audit)
            found = workflow.amend(store, found, review=review)
        sent = _push(here, store, found, dataset, workspace, withdraw=withdraw)
        if as_json:
            terminal.show_json(sent)
        else:
            terminal.show(_sent_words(sent))


@app.command()
def pull(
    run_id: RunId,
    everything: Annotated[bool, typer.Option(help="Ask for all answers, also where nothing happened since.")] = False,
    watch: Annotated[int, typer.Option(min=0, help="Pull again every so many seconds, until Ctrl-C.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Bring back what people said in Argilla."""
    with opened() as (here, store):
        found, where = store.runs.get(run_id), reviewing.argilla(here, terminal.say)
        while True:
            done = workflow.pull(store, found, where, everything=everything)
            if as_json:
                terminal.show_json(asdict(done))
            else:
                terminal.show(_pulled_words(done))
            if not watch:
                return
            time.sleep(watch)


def _pulled_words(done: workflow.Pulled) -> str:
    words = (
        f"{done.rows_reviewed} of {done.sent} rows reviewed: {done.approved} approved, {done.rejected} rejected, "
        f"{done.undecided} undecided ({done.new} new or changed answers)"
    )
    if done.missing:
        words += f"\n{done.missing} dataset(s) of this run were deleted in Argilla; what was pulled before is kept"
    return words


def _help(name: str) -> str:
    """What an option of the export does, as its setting says."""
    return str(next(f.metadata["help"] for f in fields(Export) if f.name == name))


@app.command()
def agreement(run_id: RunId, as_json: AsJson = False) -> None:
    """Say how well reviewers agree with each other, and with the labeller."""
    with opened() as (_, store):
        found = workflow.agreement(store, store.runs.get(run_id))
        if as_json:
            terminal.show_json(found.plain())
        else:
            for line in terminal.agreement(found):
                terminal.show(line)


@app.command()
def export(
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
    margin: Annotated[float | None, typer.Option(help=_help("margin"))] = None,
    original_pairs: Annotated[
        bool | None, typer.Option("--original-pairs/--rated-pairs", help=_help("original_pairs"))
    ] = None,
    similarity: Annotated[float | None, typer.Option(help=_help("similarity"))] = None,
    test_share: Annotated[float | None, typer.Option(help=_help("test_share"))] = None,
    shuffle: Annotated[bool | None, typer.Option("--shuffle/--in-order", help=_help("shuffle"))] = None,
    seed: Annotated[int | None, typer.Option(help=_help("seed"))] = None,
    as_json: AsJson = False,
) -> None:
    """Write the approved rows into a file, or into a dataset of the Hugging Face Hub or of Argilla; else as the recipe says."""
    said: dict[str, Any] = {
        "format": form, "path": None if to is None else str(to), "hub": hub, "argilla": into_argilla,
        "private": private, "license": licence,
        "unreviewed": unreviewed, "decision": decision, "reviewer": reviewer, "least_rating": least_rating,
        "margin": margin, "original_pairs": original_pairs, "similarity": similarity, "test_share": test_share,
        "shuffle": shuffle, "seed": seed,
    }  # fmt: skip
    with opened() as (here, store):
        found = store.runs.get(run_id)
        wanted = replace(
            workflow.recipe_of(found).export, **{name: value for name, value in said.items() if value is not None}
        )
        result: dict[str, Any] = {}
        words = []
        if to is not None or not (wanted.hub or wanted.argilla):
            done = workflow.export(store, found, wanted)
            result.update(asdict(done))
            words.append(terminal.exported(done))
        if hub or (wanted.hub and to is None):
            sent = workflow.publish(store, found, wanted, terminal.say)
            result["hub"] = asdict(sent)
            words.append(terminal.published(sent))
        if into_argilla or (wanted.argilla and to is None):
            finished = workflow.finish(store, found, wanted, reviewing.argilla(here, terminal.say))
            result["argilla"] = asdict(finished)
            words.append(terminal.finished(finished))
        if as_json:
            terminal.show_json(result)
        else:
            terminal.show("\n".join(words))


@app.command()
def runs(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="One run, with everything that failed in it.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the runs, or say how one stands."""
    with opened() as (_, store):
        found = [store.runs.get(run_id)] if run_id else store.runs.all()
        listed: list[dict[str, Any]] = [
            {"run": r.id, "state": r.state, "created": r.created, "reason": r.reason, **store.runs.counts(r.id)}
            for r in found
        ]
        if run_id:
            listed[0]["failures"] = [{"what": what, "why": why} for what, why in store.rows.failures(found[0].id)]
            listed[0]["dropped_because"] = store.runs.drop_reasons(found[0].id)
        if as_json:
            terminal.show_json({"runs": listed})
            return
        if not listed:
            terminal.show("There are no runs yet. Make one: claywright run")
        for one in listed:
            terminal.show(
                f"{one['run']}  {one['state']}  {one['answered']} rows, {one['rated']} rated, {one['sent']} sent"
                + (f", {one['failed']} failed" if one["failed"] else "")
                + (f"  {one['reason']}" if one["reason"] else "")
            )
        for reason, number in listed[0].get("dropped_because", {}).items() if run_id else ():
            terminal.show(f"  dropped {number}: {reason}")
        for failure in listed[0].get("failures", []) if run_id else ():
            terminal.show(f"  failed {failure['what']}: {failure['why']}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what works, and what to do about what doesn't."""
    from app.doctor import examine

    here = settings(DATA["folder"])
    findings = list(examine(here))
    if as_json:
        terminal.show_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            terminal.show(f"{'ok  ' if finding.ok else 'NOT '} {finding.what}: {finding.words}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def argilla(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0, as_json: AsJson = False
) -> None:
    """Keep Argilla up, and print the way in."""
    here = settings(DATA["folder"])
    if here.argilla_url:
        terminal.show(f"Argilla is at {here.argilla_url} (ARGILLA_API_URL).")
        return
    with services.stopping(here):
        running = services.ensure(services.ARGILLA, here, terminal.say, port)
        credentials = running.details["credentials"]
        if as_json:
            terminal.show_json({"url": running.url, "pid": running.pid, "credentials": credentials, "own": running.own})
        else:
            terminal.show(
                f"Argilla is at {running.url}\nSign in as '{running.details['username']}'; the password is in {credentials}"
            )
        _stay(running)


@app.command()
def model(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0, as_json: AsJson = False
) -> None:
    """Keep the built-in model up, and print its address."""
    here = settings(DATA["folder"])
    with services.stopping(here):
        running = services.ensure(services.MODEL, here, terminal.say, port)
        key = here.services / "model.json"
        if as_json:
            terminal.show_json({"url": running.url, "pid": running.pid, "key_file": str(key), "own": running.own})
        else:
            terminal.show(f"The built-in model (for trying only) is at {running.url}\nIts key is in {key}")
        _stay(running)


def _stay(running: services.Running) -> None:
    """Waits for Ctrl-C where this process started the service; one that was found running needs nobody to wait."""
    if running.own:
        terminal.say("Ctrl-C stops it.")
        services.wait_while_running(running)
    else:
        terminal.say(f"It runs already (process {running.pid}) and stays up with whoever started it.")


def main() -> None:
    """Runs the command; errors of ours are a sentence and exit code 1."""
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except ClaywrightError as error:
        words = f"{error}\n{error.terminal}".strip()
        terminal.say(f"Error: {words}")
        if "--json" in sys.argv:
            terminal.show_json({"error": words, "kind": type(error).__name__})
        sys.exit(1)
    except KeyboardInterrupt:
        terminal.say("Stopped.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
