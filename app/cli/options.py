"""The command `claywright`: what all of its parts share. The work is done in app/workflow.py."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app import services
from app.api_keys import Keys
from app.cli import output
from app.config import Settings, settings
from app.recipe import Recipe
from app.runs.permissions import NotAllowed, Permissions, from_options
from app.store.store import Store
from app.workspace import Workspace

app = typer.Typer(
    add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or 'last'.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
AllowKey = Annotated[
    list[str] | None,
    typer.Option("--allow-key", metavar="NAME=HOST", help="Let recipes send this variable's key to that host."),
]
AllowPath = Annotated[
    list[Path] | None, typer.Option("--allow-path", help="Let recipes read or write this file or folder.")
]
AllowCommand = Annotated[
    list[str] | None, typer.Option("--allow-command", help="Let recipes run this command on a cluster's nodes.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="End with code 1 where anything failed, not only where nothing was made or rated."),
]

TEAM = "For a team (claywright docs deploy)"


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        output.show(f"claywright {version('claywright')}")
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
    host: Annotated[
        str, typer.Option(envvar="CLAYWRIGHT_HOST", help="Address to listen on, for a team.", rich_help_panel=TEAM)
    ] = "127.0.0.1",
    url: Annotated[
        str,
        typer.Option(envvar="CLAYWRIGHT_URL", help="The address by which people reach the app.", rich_help_panel=TEAM),
    ] = "",
    tls_cert: Annotated[
        Path | None, typer.Option(envvar="CLAYWRIGHT_TLS_CERT", help="A certificate, as PEM.", rich_help_panel=TEAM)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(envvar="CLAYWRIGHT_TLS_KEY", help="The certificate's key.", rich_help_panel=TEAM)
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CLAYWRIGHT_TRUSTED_PROXIES",
            help="Address or network of a proxy in front; several times for more.",
            rich_help_panel=TEAM,
        ),
    ] = None,
    user_header: Annotated[
        str,
        typer.Option(
            envvar="CLAYWRIGHT_USER_HEADER",
            help="The header in which that proxy says who signed in.",
            rich_help_panel=TEAM,
        ),
    ] = "",
) -> None:
    """Datasets made by models and trusted by humans. Without a command, the app opens in the browser."""
    context.obj = data
    if context.invoked_subcommand is None:
        from app.web.security.oidc import provider
        from app.web.security.reach import Reach
        from app.web.server import serve

        reach = Reach(host, url, tls_cert, tls_key, tuple(trusted_proxy or ()), user_header)
        serve(settings(data), output.say, port=port, browse=browser, reach=reach, provider=provider())


def settings_of(context: typer.Context) -> Settings:
    """The settings of a command; `everywhere` keeps the folder of --data in its context."""
    folder: Path | None = context.obj
    return settings(folder)


@contextmanager
def opened(context: typer.Context) -> Iterator[Workspace]:
    """The workspace of this command; services that it starts are stopped at its end."""
    chosen = settings_of(context)
    with services.local(chosen).stopping(), Store(chosen.data) as store:
        yield Workspace(chosen, store, report=output.say)


def permit(
    workspace: Workspace,
    recipe: Recipe,
    folder: Path | None,
    keys: list[str] | None,
    paths: list[Path] | None,
    commands: list[str] | None = None,
) -> None:
    """Asks once for what a recipe from `folder` would send, read, write or run; for one of a run (None) not for files.

    Raises NotAllowed where nobody is there to be asked, or says no.
    """
    permissions = Permissions(workspace.settings.data)
    permissions.allow(from_options(keys or (), paths or (), commands or ()))
    needs = permissions.needs(recipe, Keys(), folder, of_paths=folder is not None)
    if needs and sys.stdin.isatty():
        output.say("This recipe\n" + "\n".join(f"  {need.sentence}" for need in needs))
        if not typer.confirm("Allow that, now and from now on?", err=True):
            raise NotAllowed("Nothing was sent, read, written or run.")
        permissions.allow(needs)
    permissions.check(recipe, Keys(), folder, of_paths=folder is not None)
