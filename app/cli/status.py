"""What there is, and what it stands on: runs, open, doctor, argilla, model, docs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app import docs as documents
from app import services
from app.cli import output
from app.cli.options import AsJson, app, opened, settings_of
from app.config import Settings
from app.store.store import Store
from tasks.errors import SettingsError
from tasks.response_flags import MEANINGS


@app.command()
def runs(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="One run, with everything that failed in it.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the runs, or say how one stands."""
    with opened(context) as workspace:
        store = workspace.store
        selected = [store.runs.get(run_id)] if run_id else store.runs.all()
        listed: list[dict[str, Any]] = [
            {"run": r.id, "state": r.state, "created": r.created, "reason": r.reason, **asdict(store.runs.counts(r.id))}
            for r in selected
        ]
        if run_id:
            listed[0]["failures"] = [{"what": what, "why": why} for what, why in store.rows.failures(selected[0].id)]
            listed[0]["dropped_because"] = store.runs.drop_reasons(selected[0].id)
            listed[0]["marked"] = store.rows.marked(selected[0].id)
            listed[0]["servers"] = output.servers_of(store, selected[0])
            listed[0]["checks"] = output.checks_of(store, selected[0])
        if as_json:
            output.show_json({"runs": listed})
            return
        if not listed:
            output.show("There are no runs yet. Make one: claywright run")
        for entry in listed:
            output.show(
                f"{entry['run']}  {entry['state']}  {entry['answered']} rows, {entry['rated']} rated, {entry['sent']} sent"
                + (f", {entry['failed']} failed" if entry["failed"] else "")
                + (f"  {entry['reason']}" if entry["reason"] else "")
            )
        for reason, number in listed[0].get("dropped_because", {}).items() if run_id else ():
            output.show(f"  dropped {number}: {reason}")
        for mark, number in listed[0].get("marked", {}).items() if run_id else ():
            output.show(f"  marked {number}: {mark}, {MEANINGS[mark]}")
        for server in listed[0].get("servers", []) if run_id else ():
            output.show(
                f"  {server['server']} answered {server['calls']:,} calls, {server['tokens_a_second']:,} tokens a second"
            )
        for line in output.checks(listed[0].get("checks", [])) if run_id else ():
            output.show(f"  {line}")
        for failure in listed[0].get("failures", []) if run_id else ():
            output.show(f"  failed {failure['what']}: {failure['why']}")


@app.command("open")
def open_app(
    context: typer.Context,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make a new secret: every browser must sign in again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the address that lets a browser into the running app, and open it."""
    from app.web import server

    app_settings = settings_of(context)
    url, access = server.running_app(app_settings)
    if renew:
        access.renew()
    with Store(app_settings.data) as store:
        address = url if store.people.any() else access.address(url)
    if as_json:
        output.show_json({"address": address})
    else:
        output.show(address)
    if browser and server.has_desktop():
        server.browse_to(address, app_settings)


@app.command()
def docs(
    topic: Annotated[str, typer.Argument(metavar="[TOPIC]", help="A topic; without one, the topics are listed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print a document of the documentation, as Markdown."""
    if topic:
        page = {"topic": topic, "title": documents.title(topic), "text": documents.text(topic)}
        output.show_json(page) if as_json else output.show(page["text"].rstrip())
        return
    titles = {name: documents.title(name) for name in documents.TOPICS}
    if as_json:
        output.show_json({"topics": [{"topic": name, "title": named} for name, named in titles.items()]})
    else:
        width = max(map(len, titles))
        output.show("\n".join(f"{name:{width}}  {named}" for name, named in titles.items()))
        output.show("To read one: claywright docs TOPIC")


@app.command()
def doctor(
    context: typer.Context,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="RECIPE|ADDRESS",
            help="Look at a Ray cluster instead: the one of a recipe, local, auto, or host:port.",
        ),
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE.zip", help="Write what a bug report needs: no keys, texts, names or addresses."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what works, and what to do about what doesn't."""
    from app.cli.doctor import examine, examine_cluster

    if bundle is not None and cluster:
        raise SettingsError("--cluster looks at a cluster, --bundle at this machine: give one of them.")
    if bundle is not None:
        from app.cli.bundle import write_bundle

        content = write_bundle(settings_of(context), bundle)
        if as_json:
            output.show_json({"bundle": str(bundle), "content": content})
        else:
            output.show(f"{bundle} holds {', '.join(content)}. Look at it before you attach it to a bug report.")
        return
    findings = list(examine_cluster(cluster) if cluster else examine(settings_of(context)))
    if as_json:
        shown = [{"what": finding.what, "ok": finding.ok, "words": finding.words} for finding in findings]
        output.show_json({"findings": shown})
    else:
        for finding in findings:
            output.show(f"{'ok  ' if finding.ok else 'NOT '} {finding.what}: {finding.words}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def argilla(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Keep Argilla up, and print the way in."""
    app_settings = settings_of(context)
    if app_settings.argilla_url:
        output.show(f"Argilla is at {app_settings.argilla_url} (ARGILLA_API_URL).")
        return
    with services.local(app_settings).stopping():
        running = services.local(app_settings).ensure(services.ARGILLA, output.say, port)
        credentials = running.details["credentials"]
        if as_json:
            output.show_json({"url": running.url, "pid": running.pid, "credentials": credentials, "own": running.own})
        else:
            output.show(
                f"Argilla is at {running.url}\nSign in as '{running.details['username']}'; the password is in {credentials}"
            )
        _stay(app_settings, running)


@app.command()
def model(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Keep the built-in model up, and print its address."""
    app_settings = settings_of(context)
    with services.local(app_settings).stopping():
        running = services.local(app_settings).ensure(services.MODEL, output.say, port)
        key = app_settings.services / "model.json"
        if as_json:
            output.show_json({"url": running.url, "pid": running.pid, "key_file": str(key), "own": running.own})
        else:
            output.show(f"The built-in model (for trying only) is at {running.url}\nIts key is in {key}")
        _stay(app_settings, running)


def _stay(app_settings: Settings, running: services.Running) -> None:
    """Waits for Ctrl-C where this process started the service; one that was found running needs nobody to wait."""
    if running.own:
        output.say("Ctrl-C stops it.")
        services.local(app_settings).wait_while_running(running)
    else:
        output.say(f"It runs already (process {running.pid}) and stays up with whoever started it.")
