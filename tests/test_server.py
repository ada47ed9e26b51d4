"""The app as a server: only who holds the secret reaches it, from its own pages alone, and one app a folder."""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.config import Settings
from app.errors import ServiceError, StoreError
from app.file_locks import held, only_one, write_private
from app.store.store import Store
from app.web import server
from app.web.html import language
from app.web.jobs import Jobs
from app.web.quick_answers import QuickAnswers
from app.web.security.access import DAY, HEADERS, OLD_COOKIE, Access
from app.web.service_monitor import ServiceMonitor
from app.web.state import AppState
from feedback.local.server import listen
from tests.conftest import Command

# gradio's queue counts its events with what pandas is about to give up
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

HOME = "http://127.0.0.1:7860"


@contextlib.contextmanager
def patched_time(seconds: float) -> Iterator[None]:
    """The clock, so much later."""
    now = time.time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: now + seconds)
        yield


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppState]:
    here = Settings(data=tmp_path_factory.mktemp("served"), owner="tester")
    with Store(here.data) as store:
        jobs = Jobs(store, here)
        yield AppState(store, here, jobs, ServiceMonitor(here, lambda words: None))
        jobs.close()


@pytest.fixture(scope="module")
def access(desk: AppState) -> Access:
    return Access(desk.settings.data)


@pytest.fixture(scope="module")
def served(desk: AppState, access: Access) -> Iterator[TestClient]:
    async def made() -> Any:
        return server.create(desk, access)

    app = asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client


@pytest.fixture
def stranger(served: TestClient) -> TestClient:
    """A browser that never was here."""
    served.cookies.clear()
    return served


@pytest.fixture
def client(stranger: TestClient, access: Access) -> TestClient:
    """A browser that came with the address."""
    assert stranger.get(access.address("")).status_code == 303
    return stranger


def test_the_address_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(
    stranger: TestClient, access: Access
) -> None:
    led = stranger.get(f"{access.address('')}&run=new&show=models")
    assert (led.status_code, led.headers["location"]) == (303, "./?run=new&show=models")
    (cookie,) = led.headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    value, *said = rest.split("; ")
    assert name == access.cookie and access.browser(value, None)[0]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(said)
    assert not any(part.startswith("Domain") for part in said)
    page = stranger.get("/?run=new")
    assert page.status_code == 200 and "set-cookie" not in page.headers and access.token not in page.text


def test_who_has_no_cookie_is_told_how_to_get_in(stranger: TestClient, access: Access) -> None:
    told = stranger.get("/?show=models")
    assert told.status_code == 401 and "claywright open" in told.text and "set-cookie" not in told.headers
    assert access.token not in told.text and told.headers["cache-control"] == "no-store"
    assert "<script" not in told.text.replace(language.choice(), "", 1)  # which is the same for everybody


def test_a_whole_address_can_be_pasted(stranger: TestClient, access: Access) -> None:
    pasted = stranger.get("/", params={"token": f" {access.address('http://127.0.0.1:7860')} "})
    assert pasted.status_code == 303 and pasted.cookies


@pytest.mark.parametrize("pasted", ["http://[::1?token=1", "http://[?token", "=", "a=b", "?token=%00"])
def test_what_is_no_address_lets_nobody_in(stranger: TestClient, pasted: str) -> None:
    refused = stranger.get("/", params={"token": pasted})
    assert refused.status_code == 401 and not refused.cookies


def test_an_old_address_says_so(stranger: TestClient) -> None:
    refused = stranger.get("/", params={"token": "0" * 64})
    assert refused.status_code == 401 and "does not let anybody in any more" in refused.text and not refused.cookies


def test_a_link_on_another_site_leads_in(stranger: TestClient) -> None:
    """The browser keeps the cookie back then: the page asks once more by itself, now from here."""
    led = stranger.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert led.status_code == 401 and '<meta http-equiv="refresh" content="0">' in led.text
    assert "refresh" not in stranger.get("/", headers={"sec-fetch-site": "same-origin"}).text


def test_every_browser_gets_a_name_of_its_own(stranger: TestClient, access: Access) -> None:
    names = set()
    for _ in range(5):
        stranger.cookies.clear()
        value = stranger.get(access.address("")).cookies[access.cookie]
        names.add(access.browser(value, None)[0])
    assert len(names) == 5


def test_a_browser_keeps_the_name_that_it_had_before_cookies_were_signed(stranger: TestClient, access: Access) -> None:
    led = stranger.get(access.address(""), headers={"cookie": f"{OLD_COOKIE}={'n' * 32}"})
    assert access.browser(led.cookies[access.cookie], None)[0] == "n" * 32


def test_a_cookie_that_is_a_day_old_is_given_anew(stranger: TestClient, access: Access) -> None:
    with patched_time(-2 * DAY):
        stranger.cookies.set(access.cookie, access.sign("a" * 32, None))
    again = stranger.get("/")
    assert again.status_code == 200 and access.browser(again.cookies[access.cookie], None)[0] == "a" * 32
    assert "set-cookie" not in stranger.get("/").headers
    stranger.cookies.clear()
    with patched_time(-31 * DAY):
        stranger.cookies.set(access.cookie, access.sign("a" * 32, None))
    assert stranger.get("/").status_code == 401


def test_the_token_is_no_cookie(stranger: TestClient, access: Access) -> None:
    stranger.cookies.set(access.cookie, f"address.{access.token}")
    assert stranger.get("/").status_code == 401


def test_a_secret_that_somebody_else_laid_there_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = Access(tmp_path).token
    assert Access(tmp_path).token == token
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)  # now it is somebody else's
    with pytest.raises(StoreError, match="is gone"):
        _ = Access(tmp_path).token
    monkeypatch.undo()
    assert Access(tmp_path).token != token


def test_a_cookie_is_good_for_one_user_of_the_machine(access: Access) -> None:
    """Browsers send it to all ports of a machine, also to a server of somebody else there."""
    value = access.sign("a" * 32, 1000)
    assert access.browser(value, 1000)[0] and not access.browser(value, 1001)[0] and not access.browser(value, None)[0]
    assert access.browser(access.sign("a" * 32, None), 1001)[0]


def test_a_new_secret_signs_everybody_out(client: TestClient, access: Access, desk: AppState) -> None:
    assert client.get("/").status_code == 200
    before = access.address("")
    Access(desk.settings.data).renew()  # as another process does it
    assert client.get("/").status_code == 401 and client.get(before).status_code == 401
    assert client.get(access.address("")).status_code == 303


def test_a_secret_that_others_can_read_or_laid_there_is_made_anew(tmp_path: Path) -> None:
    first = Access(tmp_path).token
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600 and Access(tmp_path).token == first
    (tmp_path / "secret").chmod(0o644)
    second = Access(tmp_path)
    assert second.token != first and (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret").unlink()
    with pytest.raises(StoreError, match="is gone"):
        _ = second.token
    (tmp_path / "elsewhere").write_text("0" * 64)
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "secret").symlink_to(tmp_path / "elsewhere")
    assert Access(tmp_path).token and not (tmp_path / "secret").is_symlink()
    for odd in ("", "short", "0" * 63 + "g", "0" * 65):
        (tmp_path / "secret").write_text(odd)
        assert len(Access(tmp_path).path.read_text()) == 64


def test_only_the_address_gives_a_cookie(stranger: TestClient, access: Access) -> None:
    for path in ("/healthz", "/config", "/theme.css", "/exports/a/b", "/gradio_api/info", "/no/such/page", "/"):
        assert "set-cookie" not in stranger.get(path, params={"x": "token"}).headers, path
    assert "set-cookie" not in stranger.get("/config", params={"token": access.token}).headers
    assert "set-cookie" not in stranger.post("/", params={"token": access.token}).headers


@pytest.mark.parametrize(
    "host", ["evil.example.org", "evil.example.org:7860", "127.0.0.1.evil.org", "0.0.0.0:7860", ""]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/gradio_api/queue/join"])
def test_other_names_for_this_machine_are_refused(client: TestClient, host: str, path: str) -> None:
    assert client.get(path, headers={"host": host}).status_code == 400


def test_its_own_names_are_known(client: TestClient) -> None:
    for host in ("127.0.0.1:7860", "localhost:7860", "localhost"):
        assert client.get("/healthz", headers={"host": host}).json() == {"ok": True, "jobs": 0}


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", "http://127.0.0.1:8000", "http://localhost:7860"]
)
@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/upload", "/healthz", "/"])
def test_what_another_page_sends_is_refused(client: TestClient, origin: str, path: str) -> None:
    refused = client.post(path, headers={"origin": origin}, json={})
    assert (refused.status_code, refused.content) == (403, b"")
    assert "access-control-allow-origin" not in refused.headers
    assert client.get("/config", headers={"origin": origin}).status_code == 403


def test_another_page_may_lead_here_and_no_more(client: TestClient) -> None:
    def ask(mode: str) -> int:
        return client.get("/healthz", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": mode}).status_code

    assert (ask("navigate"), ask("no-cors"), ask("cors")) == (200, 403, 403)


def test_its_own_page_is_let_in(client: TestClient) -> None:
    assert client.get("/config", headers={"origin": HOME, "sec-fetch-site": "same-origin"}).status_code == 200
    assert client.post("/gradio_api/run/predict", headers={"origin": HOME}, json={}).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/deep_link", "/gradio_api/deep_link/", "/gradio_api/deep_link?session_hash=x", "/gradio_api/runs",
        "/gradio_api/runs/", "/gradio_api/info", "/gradio_api/mcp/sse", "/monitoring", "/monitoring/", "/monitoring/summary",
        "/docs", "/redoc", "/%6donitoring",
    ],
)  # fmt: skip
def test_pages_of_the_framework_that_are_not_ours_are_shut(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_protecting_headers_are_everywhere(client: TestClient) -> None:
    def protected(answer: Any) -> bool:
        expected = {name.lower(): value for name, value in HEADERS.items()}
        return bool(answer.headers.items() >= expected.items())

    for path in ("/", "/healthz", "/config", "/no/such/page", "/exports/a/b", "/theme.css"):
        assert protected(client.get(path)), path
    refusals = [{"host": "evil.example.org"}, {"origin": "https://evil.example.org"}, {"cookie": ""}]
    for headers, status in zip(refusals, (400, 403, 401), strict=True):
        client.cookies.clear()
        refused = client.get("/config", headers=headers)
        assert refused.status_code == status and protected(refused)
    rules = dict(rule.split(" ", 1) for rule in HEADERS["Content-Security-Policy"].replace("; ", ";").split(";"))
    assert rules["script-src"] == "'self' 'unsafe-inline' 'unsafe-eval'" and rules["img-src"] == "'self' data: blob:"
    assert rules["connect-src"] == rules["base-uri"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert not any("http" in rule or "*" in rule for rule in rules.values())


def test_the_page_names_no_other_host(client: TestClient) -> None:
    page = client.get("/").text
    for service in ("fonts.googleapis", "cdn.jsdelivr", "cdnjs", "google-analytics", "api.gradio.app"):
        assert f'src="https://{service}' not in page and f'href="https://{service}' not in page


def test_exports_stay_in_their_folder(client: TestClient, desk: AppState) -> None:
    folder = desk.settings.data / "exports" / "run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows-1.jsonl").write_text("{}\n")
    (folder / "deeper").mkdir(exist_ok=True)
    (folder / "link.db").symlink_to(desk.settings.data / "claywright.db")
    found = client.get("/exports/run/rows-1.jsonl")
    assert (found.status_code, found.text, found.headers["cache-control"]) == (200, "{}\n", "no-store")
    assert found.headers["content-disposition"].startswith("attachment")
    for path in (
        "%2e%2e/claywright.db", "run/%2e%2e", "run/link.db", "run/deeper", "run/none.jsonl", "..%2f../claywright.db",
        "run/..%2f..%2f..%2fclaywright.db", "run/%2e%2e%2f%2e%2e%2fclaywright.db", f"%2f{folder}/rows", "run/" + "x" * 200,
    ):  # fmt: skip
        assert client.get(f"/exports/{path}").status_code == 404, path


def test_the_data_folder_is_not_served(client: TestClient, desk: AppState) -> None:
    write_private(desk.settings.data / "app.json", "{}")
    for name in ("claywright.db", "app.json"):
        for path in ("file={}", "file/{}", "proxy={}"):
            refused = client.get("/gradio_api/" + path.format(desk.settings.data / name))
            assert refused.status_code == 404, refused.text
    assert client.get("/gradio_api/proxy=http://example.org/").status_code == 404


def test_events_have_no_names_for_programs(client: TestClient) -> None:
    known = client.get("/config").json()
    assert {dep["api_visibility"] for dep in known["dependencies"]} == {"private"}
    assert not known["show_error"]
    assert not known["run_history"] and not known["analytics_enabled"]


def test_a_second_app_on_a_data_folder_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    here = Settings(data=tmp_path, owner="tester")
    with only_one(tmp_path / "app.lock") as alone:
        assert alone and held(tmp_path / "app.lock")
        with pytest.raises(ServiceError, match=r"runs already\. Open that"):
            server.serve(here, print, browse=False)
        write_private(tmp_path / "app.json", json.dumps({"url": "http://127.0.0.1:4321", "pid": 1}))
        with pytest.raises(ServiceError, match=r"runs already at http://127\.0\.0\.1:4321\. .*--data"):
            server.serve(here, print, browse=False)
        with only_one(tmp_path / "app.lock") as second:
            assert not second
    assert not held(tmp_path / "app.lock") and not (tmp_path / "claywright.db").exists()


def test_the_command_says_it_too(tmp_path: Path, command: Command) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with only_one(data / "app.lock"):
        write_private(data / "app.json", json.dumps({"url": "http://127.0.0.1:4321", "pid": 1}))
        ended = command("--no-browser")
    assert ended.code != 0 and "runs already at http://127.0.0.1:4321" in ended.err + ended.out
    assert "Traceback" not in ended.err


def test_a_port_in_use_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ServiceError, match=rf"The port {port} can't be used: .* in use\. Name another one with --port"
        ):
            server.serve(Settings(data=tmp_path, owner="tester"), print, port=port, browse=False)
    assert not (tmp_path / "app.json").exists() and not held(tmp_path / "app.lock")


def test_an_answer_is_sent_at_once() -> None:
    """asyncio turns Nagle's algorithm off only for connections whose socket names its protocol."""
    for listening in (server._listening("127.0.0.1", 0), contextlib.closing(listen(0))):
        with listening as listener, socket.create_connection(listener.getsockname()) as caller:
            connection, _ = listener.accept()
            with connection:
                assert connection.proto == socket.IPPROTO_TCP and caller


def test_the_page_is_described_once_for_each_address_and_nothing_is_compressed() -> None:
    requests: list[tuple[str, bytes, list[bytes]]] = []
    statuses = [503]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        requests.append((scope["path"], scope["query_string"], [name for name, _ in scope["headers"]]))
        status = statuses.pop() if statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": f"page {len(requests)}".encode()})

    client = TestClient(QuickAnswers(app), HOME, headers={"Accept-Encoding": "br"})
    assert client.get("/").text == "page 1"  # what went wrong is not kept
    assert [client.get("/?deep%5Flink=x").text, client.get("/?run=new").text] == ["page 2", "page 2"]
    assert client.get("/", headers={"Host": "localhost:7860"}).text == "page 3"
    assert client.get("/config").text == "page 4" and client.get("/config").text == "page 5"
    assert client.post("/").text == "page 6"
    for number in range(20):
        client.get("/", headers={"Host": f"localhost:{number}"})
    assert client.get("/").text == "page 2" and client.get("/", headers={"Host": "localhost:19"}).text != "page 2"
    assert not any(query for path, query, _ in requests if path == "/")
    assert not any(b"accept-encoding" in names for _, _, names in requests)
