"""Any Argilla: its address as people give it, certificates, base paths, Spaces, old servers, and what a key may do."""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import config, workflow
from app.cli.doctor import examine
from app.config import Settings
from app.dataset_import import snapshot
from app.inputs.inputs import Inputs
from app.review.argilla import Argilla
from app.store.store import Store
from app.web.service_monitor import ServiceMonitor
from feedback.argilla.client import Server
from feedback.argilla.urls import checked, is_space, tidy
from feedback.errors import ArgillaDown, ArgillaError, ArgillaRefused
from tests.certificates import ANOTHERS, OURS
from tests.conftest import ArgillaServer
from tests.far_argilla import Answer, BasePath, FarArgilla, says
from tests.make_workspace import make_workspace
from tests.test_import import run_of

# -- addresses


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://host", "https://host"),
        (" https://host// ", "https://host"),
        ("HTTPS://Host:8443/argilla/", "https://Host:8443/argilla"),
        ("https://host/argilla/api/v1", "https://host/argilla"),
        ("https://host/api/v1/", "https://host"),
        ("https://host/api/v1/docs", "https://host"),
        ("https://host/sign-in?redirect=/datasets", "https://host"),
        ("https://host/a/b/datasets", "https://host/a/b"),
        ("https://host/dataset/6fa459ea-ee8a-3ca4-894e-db77e160355e/annotation-mode?page=1#x", "https://host"),
        ("http://[::1]:6900/", "http://[::1]:6900"),
        ("https://host/apiary", "https://host/apiary"),
    ],
)
def test_an_address_is_tidied(given: str, address: str) -> None:
    assert tidy(given) == checked(given) == address == tidy(address)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "must begin with https:// or http://"),
        ("localhost:6900", "must begin with https:// or http://"),
        ("argilla.example.org/", "must begin with https:// or http://"),
        ("ftp://host", "must begin with https:// or http://"),
        ("http://", "names no host"),
        ("https:///argilla", "names no host"),
        ("http://:6900", "names no host"),
        ("http://host name", "names no host"),
        ("http://host:0", "names no host"),
        ("http://host:99999", "can't be read: Port out of range"),
        ("http://host:six", "can't be read"),
        ("http://[::1", "can't be read"),
        ("https://ada:secret@host/x", "holds a user name or a password"),
        ("https://huggingface.co/spaces/Ada/my_argilla", "The Space itself is at https://ada-my-argilla.hf.space."),
    ],
)
def test_what_is_no_address_is_refused_in_words(given: str, words: str) -> None:
    with pytest.raises(ArgillaError) as caught:
        checked(given)
    assert words in str(caught.value) and "secret" not in str(caught.value)
    with pytest.raises(ArgillaError):  # and by all that connect
        Server(given, "key")


def test_a_password_in_an_address_is_forgotten_at_once(tmp_path: Path) -> None:
    here = config.settings(tmp_path, {"ARGILLA_API_URL": "https://ada:secret@host/argilla/", "ARGILLA_API_KEY": "k"})
    assert here.argilla_url == "https://…@host/argilla"
    (finding,) = [one for one in examine(here) if one.what.startswith("Argilla at")]
    assert not finding.ok and "holds a user name or a password" in finding.words and "secret" not in repr(finding)


@pytest.mark.parametrize("key", ["", " ", "a\nb", "schlüssel", "a\0b"])
def test_a_key_that_can_be_none_is_not_sent(key: str) -> None:
    with FarArgilla(says()) as far, pytest.raises(ArgillaRefused) as caught:
        Server(far.url, key)
    assert far.seen == [] and "schl" not in str(caught.value)


def test_blanks_around_a_key_do_not_matter() -> None:
    with FarArgilla(says()) as far, Server(far.url, " key\n"):
        assert far.seen[-1][1]["x-argilla-api-key"] == "key"


# -- what is not Argilla


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ({}, ArgillaError, "There is no Argilla at URL (it answers 404). If it stands under a path"),
        ({"/api/v1/version": (200, "<html>shop</html>")}, ArgillaError, "There is no Argilla at URL (it answers 200)"),
        ({"/api/v1/version": (200, ["2.8.0"])}, ArgillaError, "There is no Argilla at URL"),
        ({"/api/v1/version": (200, {"name": "shop"})}, ArgillaError, "There is no Argilla at URL"),
        (says(version="1.29.1"), ArgillaError, "is version 1.29.1. Claywright needs 2.0 or newer"),
        ({"/api/_info": (200, {"version": "1.8.0"})}, ArgillaError, "is version 1.8.0. Claywright needs 2.0 or newer"),
        ({"/api/v1/version": (401, "sign in")}, ArgillaRefused, "wants a sign-in of its own (401)"),
        ({"/api/v1/version": (502, "bad gateway")}, ArgillaDown, "answers 502: Argilla behind it does not run"),
        ({"/api/v1/version": (308, "https://other.example/argilla/api/v1/version")}, ArgillaError,
         "sends on to https://other.example/argilla. Is that Argilla's address?"),
        ({"/api/v1/version": (307, "/sign-in")}, ArgillaError, "sends on to URL. Is that"),
        ({**says(), "/api/v1/me": (401, {"detail": "no"})}, ArgillaRefused, "refuses the key"),
        ({**says(), "/api/v1/me": (200, "<html>")}, ArgillaError, "does not answer like Argilla"),
        ({**says(), "/api/v1/me": (200, {"id": 1})}, ArgillaError, "does not answer like Argilla"),
    ],
)  # fmt: skip
def test_what_is_no_argilla_of_now(said: Mapping[str, Answer], kind: type[ArgillaError], words: str) -> None:
    is_argilla = said.get("/api/v1/version") == (200, {"version": "2.8.0"})
    with FarArgilla(said) as far:
        with pytest.raises(kind) as caught:
            Server(far.url, "the-key")
        assert words.replace("URL", far.url) in str(caught.value)
        assert "the-key" not in str(caught.value)
        with_key = [path for path, headers in far.seen if "x-argilla-api-key" in headers]
        assert with_key == (["/api/v1/me"] if is_argilla else [])  # a key goes to Argilla only


def test_nobody_is_there() -> None:
    with FarArgilla({}) as far:
        pass
    with pytest.raises(ArgillaDown, match=r"can't be reached .*Is it running, is the address right"):
        Server(far.url, "key")


# -- certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("certificate") / "ours.pem"
    file.write_text(OURS)
    return file


def test_a_certificate_that_nobody_signed(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with FarArgilla(says(), certificate=certificate) as far:
        with pytest.raises(ArgillaDown) as caught:
            Server(far.url, "key")
        assert "is not trusted here (self-signed certificate)" in str(caught.value).replace(
            "self signed", "self-signed"
        )
        assert "set SSL_CERT_FILE to that file" in str(caught.value)
        assert far.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with Server(f"{far.url}/", "key") as server:
            assert server.access().username == "ada"


def test_a_certificate_for_another_name(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "another.pem"
    other.write_text(ANOTHERS)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with FarArgilla(says(), certificate=other) as far:
        with pytest.raises(ArgillaDown, match=r"is for another name \(IP address mismatch"):
            Server(far.url, "key")
        with pytest.raises(ArgillaDown, match=r"is for another name \(Hostname mismatch"):
            Server(far.url.replace("127.0.0.1", "localhost"), "key")


def test_https_where_nobody_speaks_it(certificate: Path) -> None:
    with (
        FarArgilla(says()) as far,
        pytest.raises(ArgillaDown, match=r"does not speak TLS\. Does its address begin with http"),
    ):
        Server(far.url.replace("http://", "https://"), "key")
    with FarArgilla(says(), certificate=certificate) as far, pytest.raises(ArgillaError, match="can't be reached"):
        Server(far.url.replace("https://", "http://"), "key")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_of_ones_own_that_can_not_be_read(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.pem"
    if content:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with FarArgilla(says()) as far, pytest.raises(ArgillaError) as caught:
        Server(far.url, "key")
    assert f"The certificates that SSL_CERT_FILE names can't be read ({file}" in str(caught.value)


# -- a Hugging Face Space


@pytest.fixture
def space(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[FarArgilla], str]:
    """Lets the names of Spaces lead to this machine, and gives the address of a far side as that of a Space."""
    resolve = socket.getaddrinfo

    def here(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return resolve("127.0.0.1" if str(name).endswith(".hf.space") else name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return lambda far: f"https://ada-argilla.hf.space:{far.port}"


def private(headers: Mapping[str, str]) -> Answer | None:
    return None if headers.get("authorization") == "Bearer hf_mine" else (404, "<html>Sorry, we can't find it</html>")


def test_a_private_space_gets_the_token(
    certificate: Path, space: Callable[[FarArgilla], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FarArgilla(says(), gate=private, certificate=certificate) as far:
        with pytest.raises(
            ArgillaRefused, match=r"is not shown \(404\) without a token. If it is private, set HF_TOKEN"
        ):
            Server(space(far), "key")
        monkeypatch.setenv("HF_TOKEN", "hf_other")
        with pytest.raises(ArgillaRefused, match="with the token in HF_TOKEN") as caught:
            Server(space(far), "key")
        assert "hf_other" not in str(caught.value)
        monkeypatch.setenv("HF_TOKEN", "hf_mine\n")
        far.seen.clear()
        with Server(space(far), "key") as server:
            assert server.access().role == "owner"
        assert "authorization" not in far.seen[0][1]
        assert all(headers["authorization"] == "Bearer hf_mine" for _, headers in far.seen[1:])


def test_nobody_else_gets_the_token(
    certificate: Path, space: Callable[[FarArgilla], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    with FarArgilla(says(), certificate=certificate) as far:
        for address in (space(far), far.url):  # a public Space; some other host
            with Server(address, "key") as server:
                server.access()
    with FarArgilla({}, certificate=certificate) as other, pytest.raises(ArgillaError):
        Server(other.url, "key")
    assert all("authorization" not in headers for _, headers in [*far.seen, *other.seen])
    assert not is_space("http://ada-argilla.hf.space") and not is_space("https://hf.space.example.org")


@pytest.mark.parametrize("answer", [(503, "<html>Preparing Space</html>"), (200, "<html>Space is sleeping</html>")])
def test_a_space_that_sleeps(answer: Answer, certificate: Path, space: Callable[[FarArgilla], str]) -> None:
    asleep = r"is asleep, paused or starting .* Open it in a browser"
    far = FarArgilla({"/api/v1/version": answer}, certificate=certificate)
    with far, pytest.raises(ArgillaDown, match=asleep):
        Server(space(far), "key")


# -- what a key may do


def found(here: Settings, said: Mapping[str, Answer], **more: Any) -> tuple[bool, str]:
    """What doctor says of such a server."""
    with FarArgilla(said) as far:
        there = replace(here, argilla_url=far.url, argilla_key="key", **more)
        (one,) = [finding for finding in examine(there) if finding.what == f"Argilla at {far.url}"]
    return one.ok, one.words


@pytest.mark.parametrize(
    ("said", "workspace", "ok", "words"),
    [
        (says(), "", True, "ada (owner), workspaces: team, may make datasets, webhooks can be set"),
        (says(workspaces=0), "", True, "workspaces: none, may make datasets"),
        (says("admin"), "", True, "ada (admin), workspaces: team, may make datasets, webhooks can't be set with this key"),
        (says("admin", workspaces=0), "", False, "this admin is in no workspace: an owner has to add it to one"),
        (says("annotator"), "", False, "this user may not make datasets: use an owner's or admin's key"),
        (says(), "new", True, "the workspace 'new' (ARGILLA_WORKSPACE) is made with the first push"),
        (says("admin"), "new", False, "the workspace 'new' (ARGILLA_WORKSPACE) is not among them: only an owner can make it"),
        (says(version="1.29.1"), "", False, "is version 1.29.1. Claywright needs 2.0 or newer"),
        ({**says(), "/api/v1/me": (401, {})}, "", False, "refuses the key"),
    ],
)  # fmt: skip
def test_doctor_says_what_a_key_may_do(
    here: Settings, said: Mapping[str, Answer], workspace: str, ok: bool, words: str
) -> None:
    here.data.mkdir()
    could, told = found(here, said, argilla_workspace=workspace)
    assert could == ok and words in told
    assert not ok or told.startswith("version 2.8.0 (asked with argilla 2.")


def test_doctor_wants_a_key(here: Settings) -> None:
    here.data.mkdir()
    (one,) = [f for f in examine(replace(here, argilla_url="http://host")) if f.what.startswith("Argilla at")]
    assert (one.ok, one.words) == (False, "ARGILLA_API_KEY is not set")


def test_doctor_looks_at_the_embedded_one_where_it_runs(services_data: Settings, argilla: ArgillaServer) -> None:
    (one,) = [f for f in examine(services_data) if f.what == "embedded Argilla" and "version" in f.words]
    assert one.ok and f"{argilla.username} (owner), workspaces: default" in one.words
    assert "webhooks can be set" in one.words


# -- under a base path, with the real server behind it


@pytest.fixture
def behind(argilla: ArgillaServer) -> Iterator[BasePath]:
    with BasePath(argilla.url, "/team/argilla") as proxy:
        yield proxy


def test_everything_works_under_a_base_path(
    behind: BasePath, argilla: ArgillaServer, store: Store, here: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": "a", "instruction": "One?", "response": "1"}\n')
    run, (row,) = run_of(store, here, Inputs(path=str(file)))
    where = Argilla(f"{behind.url}/api/v1/", argilla.api_key)
    sent = workflow.push(make_workspace(store), run, where, lambda done, total: None)
    assert sent.to.url.startswith(f"{behind.url}/dataset/{sent.to.id}/annotation-mode")
    assert "<html" in httpx.get(sent.to.url).text.lower()
    with Server(argilla.url, argilla.api_key) as server:
        (record,) = list(server.records(sent.to.id))
        values = {"values": {"decision": {"value": "approve"}}, "status": "submitted"}
        server.http.post(f"/api/v1/records/{record['id']}/responses", json=values).raise_for_status()
    pulled = workflow.pull(make_workspace(store), run, where)
    assert pulled.approved == 1
    again = snapshot(where, sent.to.name, "", here, print)
    assert row.id in again.read_text()
    with pytest.raises(ArgillaError, match=r"it answers 404.*If it stands under a path"):
        Server(behind.url.removesuffix("/team/argilla"), argilla.api_key)


def test_links_have_the_base_path_too(behind: BasePath, argilla: ArgillaServer, tmp_path: Path) -> None:
    named = config.settings(tmp_path, {"ARGILLA_API_URL": f"{behind.url}/sign-in", "ARGILLA_API_KEY": argilla.api_key})
    standing = ServiceMonitor(named, lambda words: None)._other_argilla()
    assert (standing.state, standing.url) == ("ready", behind.url)


@pytest.mark.parametrize("status", [404, 422, 500])
def test_a_server_that_repeats_the_key_does_not_show_it(status: int) -> None:
    echo = {"detail": "of x-argilla-api-key: ak-secret-77, retry"}
    with FarArgilla({**says(), "/api/v1/datasets/1": (status, echo)}) as far, Server(far.url, "ak-secret-77") as server:
        with pytest.raises(ArgillaError, match=r"api-key: \*\*\*, retry") as caught:
            server.get("/api/v1/datasets/1")
        assert "secret" not in str(caught.value)
