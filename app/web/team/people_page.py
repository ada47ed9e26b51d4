"""Who is in the team, with their roles, links and sessions, and what was done: /people, for admins."""

import asyncio
import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from markupsafe import Markup

from app.errors import PeopleError
from app.store.people.limits import EVERYBODY, NAMES
from app.store.people.people import ROLES, Person, role_named
from app.store.people.sessions import Session
from app.web.html.fragments import ago_seconds, count
from app.web.html.markup import joined, markup
from app.web.security.access import NO_STORE, browser_of
from app.web.security.small_forms import small_form
from app.web.state import AppState
from app.web.team.answers import answered, said, trouble
from app.web.team.sessions import listed
from feedback.exports.writers import protected
from tasks.errors import ClaywrightError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

SHOWN_ACTIONS = 50
MOST_ACTIONS = 1_000_000
LABELS = {
    "rows": "Rows",
    "megabytes": "Megabytes of uploads",
    "calls": "Calls at the same time",
    "tokens": "Tokens in 30 days",
}
UNITS = {
    "rows": "rows", "megabytes": "MB of uploads", "calls": "calls at the same time to one server", "tokens": "tokens in 30 days"
}  # fmt: skip
"""Of NAMES: over a field, and behind a number."""
COLUMNS = ("at", "person", "did", "run", "detail")


def add_routes(app: "FastAPI", state: AppState) -> None:
    """/people and /people/log.csv."""
    from fastapi import Request as Asked
    from fastapi.responses import JSONResponse, Response

    @app.api_route("/people", methods=["GET", "POST"])
    async def people(request: Asked) -> "Response":
        form = await small_form(request)

        def content() -> Markup:
            own = _admins(state, request)
            return _page(own, _do(own, form, str(request.base_url)) if form else Markup())

        return await asyncio.to_thread(answered, content)

    @app.get("/people/log.csv")
    def log(request: Asked) -> "Response":
        try:
            lines = _log(_admins(state, request))
        except ClaywrightError as error:
            return JSONResponse({"error": str(error)}, 403)
        named = {"Content-Disposition": 'attachment; filename="claywright-log.csv"'}
        return Response(lines, media_type="text/csv", headers={**NO_STORE, **named})


def _admins(state: AppState, request: "Request") -> AppState:
    """The app as the admin sees it who asks. Raises PeopleError for anybody else."""
    own = state.of(browser_of(request))
    if own.person is None:
        raise PeopleError(
            "You work alone here, without signing in. A team begins with: claywright users add NAME --role admin"
        )
    own.only_admins("sees who is in the team")
    return own


def _do(own: AppState, form: Mapping[str, str], base: str) -> Markup:
    """Does what was pressed; what came of it, in words."""
    store, name, did = own.store, form.get("name", "").strip().lower(), form.get("do", "")
    try:
        if did == "add":
            role = role_named(form.get("role", ""))
            store.people.add(name, role)
            own.note("added a person", detail=f"{name}, {role}")
            return _link(own, name, base) + _of_before(own, name)
        if did == "limit":
            return _limit(own, name, form)
        person = store.people.get(name)
        if did == "link":
            return _link(own, person.name, base)
        if did in ("block", "unblock"):
            store.people.block(person.name, blocked=did == "block")
            own.note(f"{did}ed a person", detail=person.name)
            return said(f"{name} gets in no more." if did == "block" else f"{name} gets in again.")
        if did in ROLES:
            store.people.set_role(person.name, role_named(did))
            own.note("gave a role", detail=f"{name}, {did}")
            return said(f"{name} is {'an admin' if did == 'admin' else 'a curator'} now.")
        if did == "end":
            number = store.sessions.end_of(person.name, form.get("session", ""))
            own.note("ended sessions", detail=f"{name}, {number}")
            return said(f"{count(number, 'session')} of {name} ended.")
    except ClaywrightError as error:
        return trouble(str(error))
    return trouble("The page sent something that it can't have. Load it anew.")


def _limit(own: AppState, name: str, form: Mapping[str, str]) -> Markup:
    """Sets what somebody may use at most. Raises PeopleError for what is no number."""
    person = EVERYBODY if name == EVERYBODY else own.store.people.get(name).name
    values: dict[str, int | None] = {}
    for what in NAMES:
        typed = form.get(what, "").replace(",", "").strip()
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) <= 15):
            raise PeopleError(f"{LABELS[what]} are a whole number, or empty for no limit.")
        values[what] = int(typed) or None if typed else None
    for what, value in values.items():
        own.store.limits.set(person, what, value)
    named = _in_words(values)
    own.note("set limits", detail=f"{person or 'everybody'}: {named or 'none'}")
    return said(f"{person or 'Everybody'} may use at most: {named or 'as much as they like'}.")


def _in_words(limits: Mapping[str, int | None]) -> str:
    """Limits by name, those that there are."""
    return ", ".join(f"{value:,} {UNITS[what]}" for what, value in limits.items() if value is not None)


def _limits(own: AppState) -> Markup:
    """The form for what somebody may use, and what holds by now."""
    listed = [(EVERYBODY, own.store.limits.own(EVERYBODY))]
    listed += [(person.name, own.store.limits.own(person.name)) for person in own.store.people.all()]
    lines = joined(
        markup("<tr><th scope=row>{}</th><td>{}</td></tr>", name or "everybody", named)
        for name, limits in listed
        if (named := _in_words(asdict(limits))) or name == EVERYBODY
    )
    fields = joined(
        markup(
            '<div><label for="most-{what}">{label}</label><input id="most-{what}" name="{what}" inputmode="numeric"'
            ' autocomplete="off"></div>',
            what=what,
            label=LABELS[what],
        )
        for what in NAMES
    )
    options = joined(markup('<option value="{}">{}</option>', name, name or "everybody") for name, _ in listed)
    return markup(
        '<h2>Who may use how much</h2><div class="scroll"><table><thead><tr><th>Name</th><th>At most</th></tr></thead>'
        '<tbody>{lines}</tbody></table></div><form method="post" action="people" class="line">'
        '<input type="hidden" name="do" value="limit"><div><label for="of">Limits of</label><select id="of" name="name">'
        '{options}</select></div>{fields}<button type="submit">Set</button></form>',
        lines=lines,
        options=options,
        fields=fields,
    )


def _link(own: AppState, name: str, base: str) -> Markup:
    """A new link for a person, shown once."""
    address = f"{base}join?{urlencode({'link': own.store.sign_in_links.make(name)})}"
    own.note("made a link", detail=name)
    return markup(
        '<div class="said" role="status"><p>Send this link to {}. It sets their password, once, within three days, and is shown'
        " only now.</p><p><code>{}</code></p></div>",
        name,
        address,
    )


def _of_before(own: AppState, name: str) -> Markup:
    """That runs of before there was a team are theirs, as they were made under that name."""
    number = own.store.runs.number_of(name)
    return (
        said(f"{count(number, 'run')} of before were made under that name: they are {name}'s now.")
        if number
        else Markup()
    )


def _page(own: AppState, came: Markup) -> Markup:
    sessions = own.store.sessions.all()
    lines = joined(
        _person(person, [session for session in sessions if session.person == person.name])
        for person in own.store.people.all()
    )
    roles = joined(markup('<option value="{}">{}</option>', role, role) for role in ROLES)
    log = joined(
        markup(
            "<tr><td>{}</td><td>{}</td><td>{} {}</td><td>{}</td></tr>",
            a.at[:16].replace("T", " "),
            a.person,
            a.did,
            a.run,
            a.detail,
        )
        for a in own.store.action_log.newest(SHOWN_ACTIONS)
    )
    return markup(
        '<p><a href="./">Back to the runs</a></p><h1>People</h1>{came}'
        "<p>Curators see their own runs and those that are shared with them. Admins also look after people.</p>"
        '<div class="scroll"><table><thead><tr><th>Name</th><th>Role</th><th>State</th><th>Last seen</th><th></th></tr></thead>'
        "<tbody>{lines}</tbody></table></div>"
        '<form method="post" action="people" class="line"><input type="hidden" name="do" value="add"><div><label for="new">Add'
        ' somebody</label><input id="new" name="name" autocapitalize="none" spellcheck="false" autocomplete="off" required'
        ' maxlength="40" placeholder="name"></div><div><label for="role">Role</label><select id="role" name="role">{roles}'
        '</select></div><button type="submit">Add</button></form>'
        '{limits}<h2>What was done</h2><p>The last {shown}. <a href="people/log.csv">All of it as CSV</a></p><div class="scroll">'
        "<table><thead><tr><th>When (UTC)</th><th>Who</th><th>What</th><th></th></tr></thead><tbody>{log}</tbody></table></div>",
        came=came,
        lines=lines,
        roles=roles,
        limits=_limits(own),
        shown=SHOWN_ACTIONS,
        log=log,
    )


def _person(person: Person, sessions: Sequence[Session]) -> Markup:
    state = "blocked" if person.blocked else "active" if person.has_password else "has not set a password yet"
    seen = max((session.seen for session in sessions), default=None)
    last = ago_seconds(time.time() - seen) if seen is not None else "not signed in"
    buttons = [("link", "New link"), *([("end", "Sign out")] if sessions else ())]
    buttons.append(("curator", "Make curator") if person.is_admin else ("admin", "Make admin"))
    buttons.append(("unblock", "Let in again") if person.blocked else ("block", "Block"))
    acts = joined(markup('<button name="do" value="{}" type="submit">{}</button>', do, label) for do, label in buttons)
    return markup(
        "<tr><th scope=row>{name}</th><td>{role}</td><td>{state}</td><td>{last}</td><td>"
        '<form method="post" action="people" class="acts" aria-label="{name}"><input type="hidden" name="name" value="{name}">'
        "{acts}</form>{where}</td></tr>",
        name=person.name,
        role=person.role,
        state=state,
        last=last,
        acts=acts,
        where=markup(
            "<details><summary>{}</summary>{}</details>", count(len(sessions), "session"), listed(sessions, "people")
        )
        if sessions
        else Markup(),
    )


def _log(own: AppState) -> str:
    """The whole log as CSV, the newest first; no cell can be a formula."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(COLUMNS)
    for action in own.store.action_log.newest(MOST_ACTIONS):
        lines.writerow([protected(getattr(action, column)) for column in COLUMNS])
    return out.getvalue()
