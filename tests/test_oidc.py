"""Signing in by OpenID Connect, against a provider that runs beside the test; and what of its claims counts."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from app.config import Settings
from app.errors import PeopleError, ServiceError
from app.store.store import Store
from app.web import server
from app.web.security import oidc
from app.web.security.access import Access, Application
from app.web.security.oidc import Provider

USERS = (
    {"sub": "1", "preferred_username": "Ann.Lee", "groups": ["data", "heads"]},
    {"sub": "2", "email": "ben@example.org", "groups": ["data"]},
    {"sub": "3", "preferred_username": "eve", "groups": ["sales"]},
    {"sub": "4", "preferred_username": "ann.lee", "groups": ["data"]},
    {"sub": "5", "groups": ["data"]},
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    users = [word for user in USERS for word in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", "0", *users]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            issuer = next(found[0] for line in running.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            drained = threading.Thread(target=running.stderr.read, daemon=True)
            drained.start()
            yield Provider(
                issuer, "claywright", "secret", groups=frozenset({"data"}), admins=frozenset({"heads"}), title="Lab"
            )
        finally:
            running.terminate()
        drained.join()


@pytest.fixture
def app(store: Store, here: Settings, provider: Provider) -> Application:
    return gated(store, here, provider)


def gated(store: Store, here: Settings, provider: Provider) -> Application:
    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(scope["state"]["browser"])(scope, receive, send)

    state: Any = SimpleNamespace(store=store, settings=here, uploads=None)
    return server.gated(inside, state, Access(here.data), provider=provider)


def client(app: Application) -> TestClient:
    return TestClient(app, "http://127.0.0.1", follow_redirects=False)


def came_back(browser: TestClient, subject: str) -> str:
    """The path by which the provider leads a browser back that signed in there."""
    led = browser.get(oidc.START)
    assert led.status_code == 302, led.text
    agreed = httpx.post(led.headers["location"], data={"sub": subject})
    back = urlsplit(agreed.headers["location"])
    assert back.path == oidc.BACK
    return f"{back.path}?{back.query}"


def signed_in(app: Application, subject: str) -> TestClient:
    browser = client(app)
    answer = browser.get(came_back(browser, subject))
    assert answer.status_code == 303 and answer.headers["location"] == "./", answer.text
    return browser


def test_who_signs_in_there_is_a_person_here_with_the_role_of_their_groups(app: Application, store: Store) -> None:
    page = client(app).get("/")
    assert page.status_code == 401 and "Sign in with Lab" in page.text
    ann, ben = signed_in(app, "1"), signed_in(app, "2")
    assert (ann.get("/config").text, ben.get("/config").text) == ("@ann.lee", "@ben")
    assert [(person.name, person.role) for person in store.people.all()] == [("ann.lee", "admin"), ("ben", "curator")]
    assert signed_in(app, "1").get("/config").text == "@ann.lee" and len(store.people.all()) == 2
    assert [action.did for action in store.action_log.newest(9)].count("signed in by the provider") == 3
    store.people.block("ben")
    assert ben.get("/").status_code == 401
    browser = client(app)
    refused = browser.get(came_back(browser, "2"))
    assert refused.status_code == 403 and "get in no more" in refused.text


@pytest.mark.parametrize(("subject", "why"), [("3", "none of the groups"), ("5", "did not say who you are")])
def test_whoever_may_not_get_in_is_told_why(app: Application, store: Store, subject: str, why: str) -> None:
    signed_in(app, "1")
    browser = client(app)
    refused = browser.get(came_back(browser, subject))
    assert refused.status_code == 403 and why in refused.text and len(store.people.all()) == 1


def test_nobody_takes_the_name_of_another(app: Application, store: Store) -> None:
    signed_in(app, "1")
    store.people.add("ben", "curator")
    store.people.set_password("ben", "kept")
    for subject in ("4", "2"):
        browser = client(app)
        refused = browser.get(came_back(browser, subject))
        assert refused.status_code == 403 and "Somebody else is called" in refused.text
    store.people.add("cleo", "curator")  # whom an admin added and who never signed in is whoever comes under that name
    assert store.people.known_as("i", "9", "cleo", None).role == "curator"
    with pytest.raises(PeopleError, match="Somebody else"):
        store.people.known_as("another", "9", "cleo", None)


def test_a_way_back_is_good_once_and_for_the_browser_that_began_it(app: Application) -> None:
    signed_in(app, "1")
    browser = client(app)
    back = came_back(browser, "2")
    assert client(app).get(back).status_code == 403  # led there by somebody else
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 403
    begun = client(app)
    path = came_back(begun, "2")
    query = parse_qs(urlsplit(path).query)
    for wrong in (path.replace(query["state"][0], "another"), path.replace(query["code"][0], "another")):
        assert begun.get(wrong).status_code == 403, wrong
    assert client(app).get(f"{oidc.BACK}?error=access_denied").status_code == 403


def test_a_session_of_a_sign_in_before_goes_on_under_no_other_name(app: Application) -> None:
    browser = signed_in(app, "1")
    assert browser.get(came_back(browser, "2")).status_code == 303
    assert browser.get("/config").text == "@ben"


def test_a_provider_that_is_not_there_is_a_sentence(store: Store, here: Settings, provider: Provider) -> None:
    gone = gated(store, here, replace(provider, issuer="http://127.0.0.1:9"))
    answer = client(gone).get(oidc.START)
    assert answer.status_code == 502 and "does not answer" in answer.text and "Traceback" not in answer.text


def test_without_groups_all_get_in_and_roles_stay(provider: Provider) -> None:
    open_to_all = replace(provider, groups=frozenset(), admins=frozenset())
    known = oidc.signed_in(open_to_all, {"sub": "3", "preferred_username": "eve"})
    assert (known.name, known.role) == ("eve", None)
    assert oidc.signed_in(provider, {"sub": "3", "email": "eve@x", "groups": "heads"}).role == "admin"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Ann Lee", "ann-lee"),
        ("ann@example.org", "ann"),
        ("Ünal", "nal"),
        ("", ""),
        ("---", ""),
        ("a" * 60, "a" * 40),
        ("../x", "x"),
    ],
)
def test_names_of_elsewhere_as_names_here(said: str, name: str) -> None:
    assert oidc.name_of(said) == name


def test_the_environment_names_a_provider_whole_or_not_at_all() -> None:
    named = {"CLAYWRIGHT_OIDC_ISSUER": "https://id.example.org/", "CLAYWRIGHT_OIDC_CLIENT_ID": "c"}
    assert oidc.provider({}) is None
    with pytest.raises(ServiceError, match="also needs CLAYWRIGHT_OIDC_CLIENT_SECRET"):
        oidc.provider(named)
    whole = oidc.provider({**named, "CLAYWRIGHT_OIDC_CLIENT_SECRET": "hush", "CLAYWRIGHT_OIDC_ADMINS": "a, b"})
    assert whole is not None and whole.issuer == "https://id.example.org" and whole.admins == {"a", "b"}
    assert "hush" not in repr(whole)
    with pytest.raises(ServiceError, match="There is no CLAYWRIGHT_OIDC_ISUER"):
        oidc.provider({"CLAYWRIGHT_OIDC_ISUER": "x"})
