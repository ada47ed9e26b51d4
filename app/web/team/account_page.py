"""What is one's own in a team: where one is signed in, and the way to another password: /account."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.errors import PeopleError
from app.web.html.markup import markup
from app.web.security.access import browser_of
from app.web.security.small_forms import small_form
from app.web.state import AppState
from app.web.team import sessions
from app.web.team.answers import answered, said

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response


def add_routes(app: "FastAPI", state: AppState) -> None:
    """/account."""
    from fastapi import Request as Asked

    @app.api_route("/account", methods=["GET", "POST"])
    async def account(request: Asked) -> "Response":
        form = await small_form(request)

        def content() -> Markup:
            own = state.of(browser_of(request))
            return _page(own, _do(own, form) if form else Markup())

        return await asyncio.to_thread(answered, content)


def _do(own: AppState, form: Mapping[str, str]) -> Markup:
    """Ends one of their own sessions."""
    if own.person is None or not (session := form.get("session", "")):
        return Markup()
    ended = own.store.sessions.end_of(own.person.name, session)
    own.note("ended sessions", detail=f"{own.person.name}, {ended}")
    return said("That browser is signed out." if ended else "That session had ended already.")


def _page(own: AppState, came: Markup) -> Markup:
    if own.person is None:
        raise PeopleError("You work alone here, without signing in.")
    return markup(
        '<p><a href="./">Back to the runs</a></p><h1>{name}</h1>{came}<p>You are {role} here.</p><h2>Where you are signed in</h2>'
        "{sessions}<p>A session ends by itself after 7 days without use.{password}</p>",
        name=own.person.name,
        role="an admin" if own.person.is_admin else "a curator",
        came=came,
        password=Markup(' <a href="password">Set another password</a>: that ends all the others.')
        if own.person.has_password
        else Markup(),
        sessions=sessions.listed(own.store.sessions.all(own.person.name), "account"),
    )
