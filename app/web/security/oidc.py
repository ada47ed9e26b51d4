"""Signing in by way of a provider that speaks OpenID Connect: to it and back, and who somebody is then.

The protocol is Authlib's: discovery, state, nonce, PKCE, the check of the signed token.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.errors import PeopleError, ServiceError
from app.store.people.people import NAME, Role
from app.web.security.access import Access, Application

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

START, BACK = "/oidc/start", "/oidc/back"
STATE_LASTS = 600
"""Seconds within which somebody comes back from the provider."""
TIMEOUT = 10.0
"""Seconds for each question to the provider."""


@dataclass(frozen=True)
class Provider:
    """One provider, as the environment names it. `groups`: who is in none of them does not get in; empty lets everybody in whom
    it signs in. `admins`: who is in one of them is an admin.
    """

    issuer: str
    client_id: str
    secret: str
    scope: str = "openid profile email"
    claim: str = "groups"
    groups: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    title: str = ""

    def __repr__(self) -> str:
        return f"Provider({self.issuer!r}, {self.client_id!r})"


@dataclass(frozen=True)
class SignedIn:
    """Whom a provider signed in: `subject` is its lasting id of them, `role` None where groups say nothing of it."""

    issuer: str
    subject: str
    name: str
    role: Role | None


def provider(environment: Mapping[str, str] = os.environ) -> Provider | None:
    """The provider that CLAYWRIGHT_OIDC_... name; None where they name none. Raises ServiceError for half of one."""
    named = {name.removeprefix("CLAYWRIGHT_OIDC_").lower(): value.strip() for name, value in environment.items()
             if name.startswith("CLAYWRIGHT_OIDC_") and value.strip()}  # fmt: skip
    if not named:
        return None
    known = {"issuer", "client_id", "client_secret", "scope", "groups_claim", "groups", "admins", "title"}
    if unknown := sorted(named.keys() - known):
        raise ServiceError(
            f"There is no CLAYWRIGHT_OIDC_{unknown[0].upper()}. Known: {', '.join(sorted(known)).upper()}."
        )
    if missing := [name for name in ("issuer", "client_id", "client_secret") if name not in named]:
        raise ServiceError(f"Signing in by OpenID Connect also needs CLAYWRIGHT_OIDC_{missing[0].upper()}.")
    return Provider(
        issuer=named["issuer"].rstrip("/"),
        client_id=named["client_id"],
        secret=named["client_secret"],
        scope=named.get("scope", Provider.scope),
        claim=named.get("groups_claim", Provider.claim),
        groups=_names(named.get("groups", "")),
        admins=_names(named.get("admins", "")),
        title=named.get("title", ""),
    )


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, text.split(","))))


class SignIn:
    """The way to a provider and back, for one process."""

    def __init__(self, known: Provider) -> None:
        self.provider = known
        self._client: Any = None

    async def start(self, request: "Request", back: str) -> "Response":
        """Leads the browser to the provider. Raises PeopleError where that can't be reached."""
        with _translated(self.provider):
            response: Response = await self._opened().authorize_redirect(request, back)
        return response

    async def finish(self, request: "Request") -> SignedIn:
        """Who comes back. Raises PeopleError for whoever may not get in, and where the answer is not good."""
        with _translated(self.provider):
            token = await self._opened().authorize_access_token(request)
        return signed_in(self.provider, token.get("userinfo") or {})

    def _opened(self) -> Any:
        if self._client is None:
            from authlib.integrations.starlette_client import OAuth

            known = self.provider
            oauth = OAuth()
            self._client = oauth.register(
                "provider",
                client_id=known.client_id,
                client_secret=known.secret,
                server_metadata_url=f"{known.issuer}/.well-known/openid-configuration",
                client_kwargs={"scope": known.scope, "code_challenge_method": "S256", "timeout": TIMEOUT},
            )
        return self._client


@contextlib.contextmanager
def _translated(provider: Provider) -> Iterator[None]:
    """What goes wrong between the app and the provider, as a sentence without the answer's texts."""
    import httpx2
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    try:
        yield
    except httpx2.HTTPError as error:
        raise PeopleError(f"{provider.issuer} does not answer. Try again, or ask an admin.") from error
    except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
        raise PeopleError("That sign-in was not good any more, or was not begun here. Begin it once more.") from error


def way_back_kept(app: Application, access: Access, *, https: bool) -> Application:
    """`app` with `request.session`, in which is kept what somebody has to bring back from the provider: a signed cookie."""
    from starlette.middleware.sessions import SessionMiddleware

    key = hashlib.sha256(b"oidc " + access.secret).hexdigest()
    cookie = f"{access.cookie}_way"
    return SessionMiddleware(app, key, cookie, max_age=STATE_LASTS, same_site="lax", https_only=https)


def signed_in(known: Provider, claims: Mapping[str, Any]) -> SignedIn:
    """Who somebody is by the claims of their token. Raises PeopleError for whoever may not get in."""
    subject = str(claims.get("sub") or "")
    listed = claims.get(known.claim)
    groups = (
        {listed} if isinstance(listed, str) else {str(group) for group in listed} if isinstance(listed, list) else set()
    )
    name = name_of(str(claims.get("preferred_username") or claims.get("email") or ""))
    if not subject or not name:
        raise PeopleError("The provider did not say who you are: it has to give a preferred_username or an email.")
    is_admin = bool(groups & known.admins)
    if known.groups and not groups & known.groups and not is_admin:
        raise PeopleError("You are in none of the groups that get in here. Ask an admin.")
    role: Role | None = ("admin" if is_admin else "curator") if known.admins else None
    return SignedIn(known.issuer, subject, name, role)


def name_of(said: str) -> str:
    """What somebody is called here by a user name or an address of elsewhere; "" where that gives no name."""
    name = re.sub(r"[^a-z0-9._-]+", "-", said.strip().lower().partition("@")[0]).strip("-._")[:40]
    return name if NAME.fullmatch(name) else ""
