"""How a browser comes in: by the address with the token where one person works alone, by name and password in a team.

An entry tells whose a request is, and answers what belongs to coming in itself. It answers also whoever is nobody.
"""

import asyncio
import secrets
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode
from weakref import WeakValueDictionary

from app.errors import PeopleError
from app.store.people.people import NAME
from app.store.store import Store
from app.web.html import sign_in_pages
from app.web.html.sign_in_pages import SHORTEST
from app.web.operations.log import note
from app.web.security import oidc
from app.web.security.access import BROWSER, LASTS, NO_STORE, OLD_COOKIE, PERSON, TOKEN, Access
from app.web.security.passwords import Attempts, fits, hashed, network
from app.web.security.peers import user_of_peer
from app.web.security.small_forms import small_form

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from app.web.security.oidc import SignIn

LONGEST_PASSWORD = 1_000
PROXY = "proxy"
"""What issues the names that a proxy's header says."""


class Entry(Protocol):
    """One way in."""

    def browser(self, request: "Request") -> tuple[str, int]:
        """(the browser that asks, the age of its cookie in seconds); ("", 0) for one that is not let in."""

    async def answer(self, request: "Request", browser: str) -> "Response | None":
        """What belongs to coming in itself, and to whoever is nobody; None for what is the app's."""

    def renew(self, request: "Request", response: "Response", browser: str) -> None:
        """Gives the browser a new cookie, as the one that it has is old."""


class ByAddress:
    """One person alone: the address that was printed at the start holds a token."""

    def __init__(self, access: Access) -> None:
        self.access = access

    def browser(self, request: "Request") -> tuple[str, int]:
        """(the browser of the signed cookie, its age in seconds)."""
        return self.access.browser(request.cookies.get(self.access.cookie, ""), _user(request))

    async def answer(self, request: "Request", browser: str) -> "Response | None":
        """Lets in whoever comes with the token; a page for others that says where it is."""
        from starlette.responses import HTMLResponse, RedirectResponse, Response

        visit = is_visit(request)
        if visit and TOKEN in request.query_params:
            admitted = self.access.admits(request.query_params[TOKEN])
            note("signed in" if admitted else "sign-in refused", by="address", address=_address(request))
            if admitted or browser:
                rest = urlencode([pair for pair in request.query_params.multi_items() if pair[0] != TOKEN])
                response = RedirectResponse(f"./?{rest}" if rest else "./", 303)
                if admitted:
                    self.renew(request, response, browser or _known_before(request.cookies))
                return response
        if browser:
            return None
        if not visit:
            return Response(status_code=401)
        trouble = "This address does not let anybody in any more." if TOKEN in request.query_params else ""
        page = sign_in_pages.by_address(trouble, once_more=_led_by_another_site(request))
        return HTMLResponse(page, 401, NO_STORE)

    def renew(self, request: "Request", response: "Response", browser: str) -> None:
        """Signs the cookie anew."""
        value = self.access.sign(browser or secrets.token_urlsafe(24), _user(request))
        response.set_cookie(self.access.cookie, value, max_age=LASTS, httponly=True, samesite="strict")


class ByName:
    """A team: people sign in by name and password. A password is set by a link that an admin makes, once."""

    def __init__(self, store: Store, access: Access, oidc: "SignIn | None" = None) -> None:
        self.store = store
        self.access = access
        self.oidc = oidc
        """The way to a provider that signs people in, where there is one."""
        self.attempts = Attempts()
        self._hashing = asyncio.Semaphore(2)
        """A check of a password takes 64 MB and a tenth of a second of all cores: two at a time ..."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """... and one of each address, so that nobody waits behind all tries of another."""

    def cookie(self, request: "Request") -> str:
        """The cookie's name; over TLS one that no other host and no page without TLS can set."""
        return f"{'__Host-' if request.url.scheme == 'https' else ''}{self.access.cookie}_session"

    def browser(self, request: "Request") -> tuple[str, int]:
        """(the name that stands for all browsers of the person who is signed in, 0)."""
        person = self.store.sessions.person(request.cookies.get(self.cookie(request), ""), _process(request))
        return (PERSON + person, 0) if person else ("", 0)

    async def answer(self, request: "Request", browser: str) -> "Response | None":
        """The pages for signing in and out, and for a link."""
        from starlette.responses import HTMLResponse, RedirectResponse, Response

        match request.method, request.url.path:
            case "POST", "/sign-in":
                return await self._sign_in(request)
            case "GET", "/join":
                secret = request.query_params.get("link", "")
                person = self.store.sign_in_links.person(secret)
                page = sign_in_pages.by_link(secret, person) if person else sign_in_pages.no_link()
                return HTMLResponse(page, 200 if person else 410, NO_STORE)
            case "POST", "/join":
                return await self._join(request)
            case "POST", "/sign-out":
                await self._end(request)
                response: Response = RedirectResponse("./", 303)
                response.delete_cookie(
                    self.cookie(request), secure=request.url.scheme == "https", httponly=True, samesite="strict"
                )
                return response
            case "GET", "/sign-in":
                return RedirectResponse("./", 303)
            case ("GET", oidc.START) if self.oidc is not None:
                return await self._to_provider(request, self.oidc)
            case ("GET", oidc.BACK) if self.oidc is not None:
                return await self._from_provider(request, self.oidc)
            case (("GET" | "POST"), "/password") if browser:
                return await self._other_password(request, browser.removeprefix(PERSON))
        if browser:
            return None
        if not is_visit(request):
            return Response(status_code=401)
        return HTMLResponse(self._page(once_more=_led_by_another_site(request)), 401, NO_STORE)

    def renew(self, request: "Request", response: "Response", browser: str) -> None:
        """Sessions are renewed by being used."""

    def _page(self, trouble: str = "", name: str = "", *, once_more: bool = False) -> str:
        """The page for signing in; with the way to the provider, where there is one."""
        provider = (self.oidc.provider.title or "your organisation") if self.oidc else ""
        return sign_in_pages.by_name(trouble, name, provider=provider, once_more=once_more)

    async def _to_provider(self, request: "Request", way: "SignIn") -> "Response":
        from starlette.responses import HTMLResponse

        try:
            return await way.start(request, f"{address_of(request)}{oidc.BACK}")
        except PeopleError as error:
            return HTMLResponse(self._page(str(error)), 502, NO_STORE)

    async def _from_provider(self, request: "Request", way: "SignIn") -> "Response":
        from starlette.responses import HTMLResponse

        try:
            known = await way.finish(request)
            request.session.clear()  # what was kept for the way there and back
            find = partial(self.store.people.known_as, known.issuer, known.subject, known.name, known.role)
            person = await asyncio.to_thread(find)
        except PeopleError as error:
            self.refused(request, "provider")
            return HTMLResponse(self._page(str(error)), 403, NO_STORE)
        if signed_in := await self._signed_in(request, person.name, "signed in by the provider", None):
            return signed_in
        self.refused(request, "provider", person.name)
        return HTMLResponse(self._page("You get in no more. Ask an admin."), 403, NO_STORE)

    async def _sign_in(self, request: "Request") -> "Response":
        from starlette.responses import HTMLResponse

        form = await small_form(request)
        name, password = form.get("name", "").strip().lower(), form.get("password", "")
        refused = HTMLResponse(self._page("Name and password do not go together.", name), 401, NO_STORE)
        if not NAME.fullmatch(name):
            return refused
        if wait := self.attempts.wait(_address(request), name):
            self.refused(request, "too many tries", name)
            return _wait(self._page(_too_many(wait), name), wait)
        kept = self.store.people.password(name)
        async with self._turn(request), self._hashing:
            right = await asyncio.to_thread(fits, password[:LONGEST_PASSWORD], kept)
        if right:
            self.attempts.forgive(_address(request), name)
            if signed_in := await self._signed_in(request, name, "signed in", kept):
                return signed_in
        self.refused(request, "password", name)
        return refused

    async def _join(self, request: "Request") -> "Response":
        from starlette.responses import HTMLResponse

        form = await small_form(request)
        secret, password = form.get("link", ""), form.get("password", "")
        if not (person := self.store.sign_in_links.person(secret)):
            return HTMLResponse(sign_in_pages.no_link(), 410, NO_STORE)
        if trouble := unfit(password, form.get("again", ""), person):
            return HTMLResponse(sign_in_pages.by_link(secret, person, trouble), 422, NO_STORE)
        async with self._turn(request), self._hashing:
            kept = await asyncio.to_thread(hashed, password)
        gone = HTMLResponse(sign_in_pages.no_link(), 410, NO_STORE)
        if await asyncio.to_thread(self.store.sign_in_links.use, secret) != person:  # somebody used it meanwhile
            return gone
        await asyncio.to_thread(self.store.people.set_password, person, kept)
        return await self._signed_in(request, person, "set a password", kept) or gone

    def _turn(self, request: "Request") -> asyncio.Lock:
        """What whoever asks from that address waits for."""
        return self._turns.setdefault(network(_address(request)), asyncio.Lock())

    async def _other_password(self, request: "Request", person: str) -> "Response":
        """Another password for who is signed in and knows the one before: all other sessions end."""
        from starlette.responses import HTMLResponse

        if request.method == "GET":
            return HTMLResponse(sign_in_pages.by_change(person), headers=NO_STORE)
        form = await small_form(request)
        password, before = form.get("password", ""), self.store.people.password(person)
        if trouble := unfit(password, form.get("again", ""), person):
            return HTMLResponse(sign_in_pages.by_change(person, trouble), 422, NO_STORE)
        if wait := self.attempts.wait(_address(request), person):
            return _wait(sign_in_pages.by_change(person, _too_many(wait)), wait)
        async with self._turn(request), self._hashing:
            right = await asyncio.to_thread(fits, form.get("before", "")[:LONGEST_PASSWORD], before)
            kept = await asyncio.to_thread(hashed, password) if right else ""
        if not right:
            self.refused(request, "password", person)
            return HTMLResponse(sign_in_pages.by_change(person, "That is not your current password."), 401, NO_STORE)
        self.attempts.forgive(_address(request), person)
        await asyncio.to_thread(self.store.people.set_password, person, kept)
        signed_in = await self._signed_in(request, person, "set a password", kept)
        return signed_in or HTMLResponse(self._page(), 401, NO_STORE)

    def refused(self, request: "Request", by: str, name: str = "") -> None:
        """Tells the log; a name only where it is somebody's: what else is typed there may be a password."""
        known = name if self.store.people.known(name) else ""
        note("sign-in refused", by=by, name=known, address=_address(request))

    async def _end(self, request: "Request") -> None:
        """Ends the session that the browser brought along."""
        secret = request.cookies.get(self.cookie(request), "")
        await asyncio.to_thread(self.store.sessions.end, secret, _process(request))

    async def _signed_in(self, request: "Request", name: str, did: str, kept: str | None) -> "Response | None":
        """A session of its own for each sign-in; None where the password changed meanwhile, or the person was blocked."""
        from starlette.responses import RedirectResponse

        await self._end(request)
        browser = request.headers.get("user-agent", "")
        begin = partial(self.store.sessions.begin, name, browser, _process(request), password=kept)
        if not (secret := await asyncio.to_thread(begin)):
            return None
        await asyncio.to_thread(self.store.action_log.add, name, did, detail=_address(request))
        note("signed in", by=did, name=name, address=_address(request))
        response = RedirectResponse("./", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(
            self.cookie(request), secret, max_age=LASTS, httponly=True, samesite="strict", secure=secure
        )
        return response


class ByProxy:
    """A team behind a proxy that signs people in, and says in a header who they are."""

    def __init__(self, store: Store, people: ByName) -> None:
        self.store = store
        self.people = people
        """How whoever does not come by the proxy gets in."""

    def browser(self, request: "Request") -> tuple[str, int]:
        """(the name that stands for all browsers of the person whom the proxy names, 0)."""
        if (named := _named(request)) is None:
            return self.people.browser(request)
        person = self.store.people.identified(PROXY, named)
        return (PERSON + person.name, 0) if person is not None and not person.blocked else ("", 0)

    async def answer(self, request: "Request", browser: str) -> "Response | None":
        """Adds whom the proxy names for the first time; says why somebody does not get in."""
        from starlette.responses import HTMLResponse, RedirectResponse, Response

        if (named := _named(request)) is None:
            return await self.people.answer(request, browser)
        if (request.method, request.url.path) == ("POST", "/sign-out"):
            return HTMLResponse(sign_in_pages.out_by_proxy(), headers=NO_STORE)
        if browser:
            return None
        if not is_visit(request):
            return Response(status_code=401)
        if not (name := oidc.name_of(named)) or self.store.people.identified(PROXY, named) is not None:
            self.people.refused(request, "proxy", name)
            return HTMLResponse(sign_in_pages.by_proxy(named), 403, NO_STORE)
        try:
            await asyncio.to_thread(self.store.people.known_as, PROXY, named, name, None)
        except PeopleError:
            self.people.refused(request, "proxy", name)
            return HTMLResponse(sign_in_pages.by_proxy(named), 403, NO_STORE)
        await asyncio.to_thread(self.store.action_log.add, name, "came by the proxy", detail=_address(request))
        note("signed in", by="came by the proxy", name=name, address=_address(request))
        return RedirectResponse("./", 303)

    def renew(self, request: "Request", response: "Response", browser: str) -> None:
        """The proxy keeps the sessions."""


def _named(request: "Request") -> str | None:
    """Whom the proxy says that it is; None where none handed the request on."""
    named: str | None = request.scope.get("state", {}).get("named")
    return named


def address_of(request: "Request") -> str:
    """The address of the app as whoever asks knows it, without a slash at its end."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}{request.scope.get('state', {}).get('prefix', '')}"


def unfit(password: str, again: str, person: str) -> str:
    """Why a password can't be taken, in a sentence; "" where it can."""
    if password != again:
        return "The two are not the same. Type both again."
    if len(password) < SHORTEST:
        return f"That is too short: {SHORTEST} characters or more."
    if len(password) > LONGEST_PASSWORD:
        return f"That is too long: {LONGEST_PASSWORD:,} characters at most."
    if person in password.lower() or len(set(password)) < 4:
        return "That is too easy to guess: not your name, and not the same few characters."
    return ""


def _too_many(wait: float) -> str:
    return f"Too many passwords were tried. Try again in {wait:.0f} seconds."


def _wait(page: str, seconds: float) -> "Response":
    from starlette.responses import HTMLResponse

    return HTMLResponse(page, 429, {**NO_STORE, "Retry-After": f"{seconds:.0f}"})


def is_visit(request: "Request") -> bool:
    """True where somebody opens the app's page."""
    return request.url.path == "/" and request.method in ("GET", "HEAD")


def _address(request: "Request") -> str:
    return request.client.host if request.client else ""


def _process(request: "Request") -> str:
    """What a session is bound to: the user of this machine whose process asks, where the system tells."""
    user = _user(request)
    return "" if user is None else str(user)


def _user(request: "Request") -> int | None:
    return user_of_peer(request.scope.get("client"), request.scope.get("server"))


def _known_before(cookies: Mapping[str, str]) -> str:
    """The name that a browser had in the unsigned cookie; "" for none."""
    name = cookies.get(OLD_COOKIE, "")
    return name if BROWSER.fullmatch(name) else ""


def _led_by_another_site(request: "Request") -> bool:
    return request.headers.get("sec-fetch-site") == "cross-site"
