"""Whom a run is shared with: /shares/RUN, for its owner."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.errors import PeopleError
from app.store.people.shares import EVERYBODY, May
from app.web.html.markup import joined, markup
from app.web.security.access import browser_of
from app.web.security.small_forms import small_form
from app.web.state import AppState
from app.web.team.answers import answered, said, trouble

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response

MAY: dict[str, May] = {"read": "read", "work": "work"}


def add_routes(app: "FastAPI", state: AppState) -> None:
    """/shares/RUN."""
    from fastapi import Request as Asked

    @app.api_route("/shares/{run}", methods=["GET", "POST"])
    async def shares(run: str, request: Asked) -> "Response":
        form = await small_form(request)

        def content() -> Markup:
            own = state.of(browser_of(request))
            return _page(own, run, _do(own, run, form) if form else Markup())

        return await asyncio.to_thread(answered, content, "../")


def _do(own: AppState, run_id: str, form: Mapping[str, str]) -> Markup:
    """Does what was pressed; what came of it, in words."""
    run = own.owned(run_id)
    name = form.get("name", "").strip().lower()
    may = MAY.get(form.get("may", ""))
    try:
        if name != EVERYBODY:
            own.store.people.get(name)
        if name == run.owner:
            raise PeopleError("The run is theirs already.")
    except PeopleError as error:
        return trouble(str(error))
    own.store.shares.set(run.id, name, may)
    own.note("shared a run" if may else "ended a share", run.id, f"{name or 'everybody'}{f', to {may}' if may else ''}")
    who = name or "Everybody"
    return said(
        f"{who} may {may} it now."
        if may == "read"
        else f"{who} may work with it now."
        if may
        else f"Not shared with {who} any more."
    )


def _page(own: AppState, run_id: str, came: Markup) -> Markup:
    run = own.owned(run_id)
    listed = own.store.shares.of(run.id)
    lines = joined(
        markup(
            '<tr><th scope=row>{who}</th><td>{may}</td><td><form method="post" class="acts"><input type="hidden" name="name"'
            ' value="{name}"><button name="may" value="" type="submit">End</button></form></td></tr>',
            who=share.person or "everybody",
            name=share.person,
            may="reads it" if share.may == "read" else "works with it",
        )
        for share in listed
    )
    others = [person.name for person in own.store.people.all() if person.name != run.owner and not person.blocked]
    options = joined(markup('<option value="{}">{}</option>', name, name) for name in others)
    table = (
        markup('<div class="scroll"><table><tbody>{}</tbody></table></div>', lines)
        if listed
        else Markup("<p>Nobody else sees it.</p>")
    )
    return markup(
        '<p><a href="../?run={id}">Back to the run</a></p><h1>Who sees “{name}”</h1>{came}{table}'
        '<form method="post" class="line"><div><label for="who">Share it with</label><select id="who" name="name">'
        '<option value="">everybody</option>{options}</select></div><div><label for="may">To</label><select id="may" name="may">'
        '<option value="read">read</option><option value="work">work with it</option></select></div>'
        '<button type="submit">Share</button></form><p>Who reads a run sees all of it. Who works with it also makes, rates,'
        " reviews, sends and exports rows, with keys of their own. Only you delete and share it.</p>",
        id=run.id,
        name=run.name,
        came=came,
        table=table,
        options=options,
    )
