"""Other addresses than this machine's own: who may be let in there, and what of a proxy is believed."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from app.config import Settings
from app.errors import ServiceError
from app.store.store import Store
from app.web import server
from app.web.security.access import Access, Application
from app.web.security.passwords import MOST_TRIES
from app.web.security.reach import Reach
from tests.browser import running
from tests.conftest import claywright
from tests.odd_values import NOBODY
from tests.test_addresses import free_port

PUBLIC = "https://data.example.org/tools/clay"
BEHIND = Reach(url=PUBLIC, proxies=("10.0.0.0/24",))
BY_HEADER = Reach(url=PUBLIC, proxies=("10.0.0.2",), user_header="X-Forwarded-User")
VIA = {"x-forwarded-for": "203.0.113.7"}
PASSWORD = "a long enough one"


def gated(store: Store, here: Settings, reach: Reach) -> Application:
    async def inside(scope: Any, receive: Any, send: Any) -> None:
        told = {name: scope[name] for name in ("path", "root_path", "scheme", "client")}
        host = next(value.decode() for name, value in scope["headers"] if name == b"host")
        await JSONResponse({**told, "host": host, "browser": scope["state"]["browser"]})(scope, receive, send)

    state: Any = SimpleNamespace(store=store, settings=here, uploads=None)
    return server.gated(inside, state, Access(here.data), reach=reach)


def client(app: Application, address: str = "10.0.0.2", url: str = "http://127.0.0.1:7860") -> TestClient:
    return TestClient(app, url, follow_redirects=False, client=(address, 50_000))


def joined(app: Application, store: Store, name: str = "ann") -> TestClient:
    """Somebody behind the proxy who set a password."""
    store.people.add(name, "admin")
    browser = client(app)
    form = {"link": store.sign_in_links.make(name), "password": PASSWORD, "again": PASSWORD}
    answer = browser.post("/tools/clay/join", data=form, headers={**VIA, "origin": "https://data.example.org"})
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["set-cookie"]
    assert "Secure" in cookie and cookie.startswith("__Host-") and "Path=/" in cookie
    browser.headers["cookie"] = cookie.partition(";")[0]
    return browser


# -- where it starts


@pytest.mark.parametrize(
    ("reach", "people", "why"),
    [
        (Reach("0.0.0.0"), True, "name the one that people use with --url"),
        (Reach("192.168.1.5"), False, "it would let anybody in"),
        (Reach("192.168.1.5"), True, "unencrypted"),
        (Reach(url=PUBLIC), True, "unencrypted"),
        (Reach(url=PUBLIC, proxies=("10.0.0.2",)), False, "claywright users add NAME --role admin"),
        (Reach(proxies=("10.0.0.2",)), True, "name it with --url"),
        (Reach(url=PUBLIC, user_header="X-User"), True, "only where its proxy is known"),
        (Reach(url=PUBLIC, proxies=("proxy",)), True, "an address or a network"),
        (Reach(url="data.example.org", proxies=("10.0.0.2",)), True, "looks like https://"),
        (Reach(url="ftp://x", proxies=("10.0.0.2",)), True, "looks like https://"),
        (Reach(url="https://a:b@x", proxies=("10.0.0.2",)), True, "looks like https://"),
        (Reach(url="https://[", proxies=("10.0.0.2",)), True, "looks like https://"),
        (Reach("192.168.1.5", certificate=Path("/no/cert")), True, "both --tls-cert and --tls-key"),
        (Reach("192.168.1.5", certificate=Path("/no/cert"), key=Path("/no/key")), True, "There is no file /no/cert"),
    ],
)
def test_no_start_where_strangers_would_get_in_or_listen(reach: Reach, people: bool, why: str) -> None:
    with pytest.raises(ServiceError, match=why):
        reach.check(people=people)


def test_a_file_that_is_no_certificate_or_goes_with_another_key_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (cert, key), (_, another) = certificate(tmp_path), certificate(tmp_path / "other")
    (empty := tmp_path / "empty").write_text("")
    for files in ((empty, empty), (cert, empty), (cert, another), (key, cert)):
        with pytest.raises(ServiceError, match="are no certificate with its key, as PEM"):
            Reach("192.168.1.5", certificate=files[0], key=files[1]).check(people=True)


def test_where_it_starts(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    Reach().check(people=False)
    Reach("localhost").check(people=False)
    BEHIND.check(people=True)
    Reach("192.168.1.5", certificate=cert, key=key).check(people=True)
    assert Reach("192.168.1.5", certificate=cert, key=key).own_url(7860) == "https://192.168.1.5:7860"
    assert Reach("fd00::1").own_url(1) == "http://[fd00::1]:1" and BEHIND.own_url(1) == PUBLIC
    assert Reach("0.0.0.0", "https://x.org").names == ["127.0.0.1", "localhost", "x.org"]


# -- what of a proxy is believed


def test_behind_a_proxy_a_request_is_one_of_the_public_address(store: Store, here: Settings) -> None:
    ann = joined(gated(store, here, BEHIND), store)
    whole = ann.get("/tools/clay/config", headers=VIA).json()
    assert whole == {
        "path": "/tools/clay/config", "root_path": "/tools/clay", "scheme": "https", "client": ["203.0.113.7", 0],
        "host": "data.example.org", "browser": "@ann",
    }  # fmt: skip
    assert ann.get("/config", headers=VIA).json() == whole  # as from a proxy that takes the path away
    led = ann.get("/tools/clay", headers=VIA)
    assert (led.status_code, led.headers["location"]) == (307, "/tools/clay/")


def test_other_addresses_say_nothing_of_whom_they_ask_for(store: Store, here: Settings) -> None:
    app = gated(store, here, BEHIND)
    ann = joined(app, store)
    stranger = client(app, "192.0.2.1")
    stranger.headers["cookie"] = ann.headers["cookie"]
    assert stranger.get("/", headers=VIA).status_code == 401  # a secure cookie under another address: nobody
    assert client(app, "192.0.2.1").get("/", headers={**VIA, "host": "evil.example"}).status_code == 400
    direct = client(app, "10.0.0.2").get("/")  # made on the proxy's machine itself
    assert direct.status_code == 401


def test_origin_and_path_are_checked_as_people_know_them(store: Store, here: Settings) -> None:
    ann = joined(gated(store, here, BEHIND), store)
    for origin, code in (
        ("https://data.example.org", 200),
        ("https://evil.example", 403),
        ("http://127.0.0.1:7860", 403),
    ):
        answer = ann.post("/tools/clay/gradio_api/run/predict", json={}, headers={**VIA, "origin": origin})
        assert answer.status_code == code, origin
    for path in ("/tools/clay/../config", "/tools/claykiln/config", "/other"):
        assert ann.get(path, headers=VIA).status_code == 404, path


def test_passwords_are_counted_by_whom_the_proxy_hands_on(store: Store, here: Settings) -> None:
    app = gated(store, here, BEHIND)
    joined(app, store)
    browser = client(app)
    tries = [
        browser.post(
            "/sign-in", data={"name": f"n{k}", "password": "x"}, headers={"x-forwarded-for": "203.0.113.9"}
        ).status_code
        for k in range(MOST_TRIES + 2)
    ]
    assert tries == [401] * MOST_TRIES + [429] * 2
    other = browser.post("/sign-in", data={"name": "ann", "password": PASSWORD}, headers=VIA)
    assert other.status_code == 303
    made_up = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}  # what a client says stands before what the proxy adds
    assert browser.post("/sign-in", data={"name": "ann", "password": PASSWORD}, headers=made_up).status_code == 429


# -- a header that says who somebody is


def test_the_proxy_says_who_somebody_is(store: Store, here: Settings) -> None:
    store.people.add("ann", "admin")
    store.people.set_password("ann", "kept")
    app = gated(store, here, BY_HEADER)
    browser = client(app)
    assert browser.get("/", headers={**VIA, "x-forwarded-user": "ben@example.org"}).status_code == 303
    assert browser.get("/", headers={**VIA, "x-forwarded-user": "ben@example.org"}).json()["browser"] == "@ben"
    assert [(p.name, p.role) for p in store.people.all()] == [("ann", "admin"), ("ben", "curator")]
    for named in ("", "ann", "ben@evil.example", "---"):
        refused = browser.get("/", headers={**VIA, "x-forwarded-user": named})
        assert refused.status_code == 403 and "do not get in" in refused.text, named
    out = browser.post("/sign-out", headers={**VIA, "x-forwarded-user": "ben@example.org"})
    assert out.status_code == 200 and "The proxy in front of Claywright signed you in" in out.text
    store.people.block("ben")
    assert browser.get("/", headers={**VIA, "x-forwarded-user": "ben@example.org"}).status_code == 403


def test_nobody_else_says_who_somebody_is(store: Store, here: Settings) -> None:
    store.people.add("ann", "admin")
    app = gated(store, here, BY_HEADER)
    client(app).get("/", headers={**VIA, "x-forwarded-user": "ann"})
    for address in ("10.0.0.3", "127.0.0.1", "203.0.113.7"):
        answer = client(app, address).get("/", headers={**VIA, "x-forwarded-user": "ann"})
        assert answer.status_code == 401, address
    assert client(app).get("/", headers={"x-forwarded-user": "ann"}).status_code == 401  # made on the proxy's machine


# -- a process of its own


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_a_team_over_tls_and_nobody_without(tmp_path: Path) -> None:
    data, (cert, key) = tmp_path / "data", certificate(tmp_path)
    port = free_port()
    words = [*claywright(), "--data", str(data), "--no-browser", "--port", str(port), "--host", "0.0.0.0"]
    url = f"https://localhost:{port}"
    refused = subprocess.run([*words, "--url", url], capture_output=True, text=True)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "would let anybody in. Add who looks after it first" in refused.stderr
    add = [*claywright(), "--data", str(data), "users", "add", "ann", "--role", "admin"]
    subprocess.run(add, check=True, capture_output=True)
    refused = subprocess.run([*words, "--url", url], capture_output=True, text=True)
    assert refused.returncode == 1 and "unencrypted" in refused.stderr
    named = {"CLAYWRIGHT_URL": url, "CLAYWRIGHT_HOST": "0.0.0.0", "CLAYWRIGHT_TLS_CERT": str(cert)}
    with running(
        data, port, ARGILLA_API_URL=NOBODY, ARGILLA_API_KEY="key", CLAYWRIGHT_TLS_KEY=str(key), **named
    ) as app:
        assert app.url == url and "token=" not in "".join(app.said)
        with httpx.Client(verify=ssl.create_default_context(cafile=str(cert))) as client:
            assert client.get(f"{url}/healthz").json()["ok"] and client.get(url).status_code == 401
            link = client.get(f"{url}/join", params={"link": "made up"})
            assert link.status_code == 410
            assert client.get(url, headers={"host": "192.168.1.5"}).status_code == 400
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/healthz")
