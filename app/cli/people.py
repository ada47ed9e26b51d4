"""The people of a team: claywright users add, list, link, role, block, end-sessions; and the log of what they did."""

import contextlib
import time
from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

import typer

from app.cli import output
from app.cli.options import AsJson, app, opened
from app.errors import PeopleError, ServiceError
from app.store.people.limits import EVERYBODY
from app.store.people.people import role_named
from app.workspace import Workspace

users = typer.Typer(no_args_is_help=True, help="The people of a team, who sign in by name.")
app.add_typer(users, name="users")
Name = Annotated[str, typer.Argument(metavar="NAME", help="A person's name: small letters, digits, dots, hyphens.")]
MaybeLimit = Annotated[int | None, typer.Option(min=0, help="At most so many; 0 for as many as they like.")]
Address = Annotated[
    str, typer.Option("--address", help="Where the app is reached, for the link; else where it runs on this machine.")
]


@users.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(help="curator or admin; the first person has to be an admin.")] = "curator",
    address: Address = "",
    as_json: AsJson = False,
) -> None:
    """Add somebody, and print the link by which they set their password. With the first, the app asks who comes."""
    with opened(context) as workspace:
        people = workspace.store.people
        if role_named(role) != "admin" and not people.any():
            raise PeopleError(f"The first person has to be an admin: claywright users add {name} --role admin")
        people.add(name, role_named(role))
        _note(workspace, "added a person", f"{name}, {role}")
        if (number := workspace.store.runs.number_of(name)) and not as_json:
            runs = "run of before was" if number == 1 else "runs of before were"
            output.show(f"{number} {runs} made under that name: {name} owns them now.")
        _show_link(workspace, name, address, as_json)


@users.command(name="list")
def list_people(context: typer.Context, as_json: AsJson = False) -> None:
    """Who there is, and who is signed in."""
    with opened(context) as workspace:
        sessions = workspace.store.sessions.all()
        people = workspace.store.people.all()
        if as_json:
            listed = [{**asdict(p), "sessions": sum(s.person == p.name for s in sessions)} for p in people]
            output.show_json({"people": listed})
            return
        if not people:
            output.show(
                "Nobody: you work alone, without signing in. Begin a team: claywright users add NAME --role admin"
            )
        for person in people:
            seen = max((session.seen for session in sessions if session.person == person.name), default=None)
            last = time.strftime("%Y-%m-%d %H:%M", time.localtime(seen)) if seen else "not signed in"
            state = "  blocked" if person.blocked else "" if person.has_password else "  has set no password yet"
            output.show(f"{person.name}  {person.role}  {last}{state}")


@users.command()
def link(context: typer.Context, name: Name, address: Address = "", as_json: AsJson = False) -> None:
    """Make a new link by which somebody sets their password, once; those before it end."""
    with opened(context) as workspace:
        workspace.store.people.get(name)
        _note(workspace, "made a link", name)
        _show_link(workspace, name, address, as_json)


@users.command()
def role(context: typer.Context, name: Name, role: Annotated[str, typer.Argument(help="curator or admin.")]) -> None:
    """Make somebody a curator or an admin."""
    with opened(context) as workspace:
        workspace.store.people.get(name)
        workspace.store.people.set_role(name, role_named(role))
        _note(workspace, "gave a role", f"{name}, {role}")
        output.show(f"{name} is {'an admin' if role == 'admin' else 'a curator'} now.")


@users.command()
def block(
    context: typer.Context,
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
) -> None:
    """Let somebody in no more: their sessions end at once, what is theirs stays."""
    with opened(context) as workspace:
        workspace.store.people.get(name)
        workspace.store.people.block(name, blocked=not undo)
        _note(workspace, "unblocked a person" if undo else "blocked a person", name)
        output.show(f"{name} gets in again." if undo else f"{name} gets in no more.")


@users.command()
def limit(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A person's name, or everybody.")],
    rows: MaybeLimit = None,
    megabytes: MaybeLimit = None,
    calls: MaybeLimit = None,
    tokens: MaybeLimit = None,
    as_json: AsJson = False,
) -> None:
    """Say what somebody may use at most: rows of all their runs, uploads in megabytes, calls at the same time to one server, tokens
    within 30 days. 0 takes a limit away; what is not named stays. Without any, they are printed.
    """
    given = {"rows": rows, "megabytes": megabytes, "calls": calls, "tokens": tokens}
    with opened(context) as workspace:
        person = EVERYBODY if name == "everybody" else workspace.store.people.get(name).name
        for what, value in given.items():
            if value is not None:
                workspace.store.limits.set(person, what, value or None)
                _note(workspace, "set a limit", f"{name}, {what} {value or 'without'}")
        own = workspace.store.limits.own(person)
        if as_json:
            output.show_json({"person": name, "limits": asdict(own)})
        else:
            named = [f"{value:,} {what}" for what, value in asdict(own).items() if value is not None]
            output.show(f"{name}: {', '.join(named) or 'no limits of their own'}")


@users.command(name="end-sessions")
def end_sessions(context: typer.Context, name: Name) -> None:
    """Sign somebody out everywhere."""
    with opened(context) as workspace:
        workspace.store.people.get(name)
        number = workspace.store.sessions.end_of(name)
        _note(workspace, "ended sessions", f"{name}, {number}")
        output.show(f"{number} {'session' if number == 1 else 'sessions'} of {name} ended.")


@users.command()
def log(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Who did what, the newest first."""
    with opened(context) as workspace:
        actions = workspace.store.action_log.newest(limit)
        if as_json:
            output.show_json({"log": [asdict(action) for action in actions]})
            return
        for action in actions:
            output.show("  ".join(filter(None, [action.at[:19], action.person, action.did, action.run, action.detail])))


def _note(workspace: Workspace, did: str, detail: str) -> None:
    """What is done in a terminal is done by who owns the data folder."""
    workspace.store.action_log.add(f"{workspace.settings.owner} (terminal)", did, detail=detail)


def _show_link(workspace: Workspace, name: str, address: str, as_json: bool) -> None:
    secret = workspace.store.sign_in_links.make(name)
    base = address.rstrip("/")
    if not base:
        from app.web.server import running_app

        with contextlib.suppress(ServiceError):
            base = running_app(workspace.settings)[0]
    path = f"/join?{urlencode({'link': secret})}"
    if as_json:
        output.show_json({"person": name, "link": base + path})
    elif base:
        output.show(f"For {name}, once, within three days: {base}{path}")
    else:
        output.show(f"For {name}, once, within three days, behind the app's address: {path}")
