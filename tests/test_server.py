"""The app as a server: this machine's own pages alone reach it, each browser under its own cookie, and one app a folder."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import server
from app.config import Settings
from app.desk import Desk
from app.errors import ServiceError
from app.files import held, only_one, write_private
from app.jobs import Jobs
from app.standby import Standby
from app.store import Store
from tests.conftest import Command

# gradio's queue counts its events with what pandas is about to give up
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

HOME = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    here = Settings(data=tmp_path_factory.mktemp("served"), owner="tester")
    with Store(here.data) as store:
        jobs = Jobs(store, here)
        yield Desk(store, here, jobs, Standby(here, lambda words: None))
        jobs.close()


@pytest.fixture(scope="module")
def served(desk: Desk) -> Iterator[TestClient]:
    async def made() -> Any:
        return server.create(desk)

    app = asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes
    with TestClient(app, base_url=HOME) as client:
        yield client


@pytest.fixture
def client(served: TestClient) -> TestClient:
    """A browser that never was here."""
    served.cookies.clear()
    return served


def test_the_first_look_gives_a_cookie_that_no_script_reads(client: TestClient) -> None:
    (cookie,) = client.get("/").headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    value, *said = rest.split("; ")
    assert name == server.COOKIE and server.KNOWN.fullmatch(value)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(said) and not any(part.startswith("Domain") for part in said)
    assert "set-cookie" not in client.get("/").headers
    assert "set-cookie" not in client.get("/?show=models&run=x").headers


def test_only_the_page_gives_a_cookie(client: TestClient) -> None:
    for path in ("/healthz", "/config", "/theme.css", "/exports/a/b", "/gradio_api/info", "/no/such/page"):
        assert "set-cookie" not in client.get(path).headers, path
    assert "set-cookie" in client.get("/?show=models").headers


def test_every_browser_gets_a_cookie_of_its_own(client: TestClient) -> None:
    given = set()
    for _ in range(5):
        client.cookies.clear()
        given.add(client.get("/").cookies[server.COOKIE])
    assert len(given) == 5


@pytest.mark.parametrize("value", ["", "short", "x" * 65, "../../etc/passwd/and/more", "a b c d e f g h i j k l m n"])
def test_a_cookie_that_was_never_given_is_given_anew(client: TestClient, value: str) -> None:
    assert "set-cookie" in client.get("/", headers={"cookie": f"other=1; {server.COOKIE}={value}"}).headers


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
    assert client.post("/gradio_api/queue/join", headers={"origin": HOME}, json={}).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/deep_link", "/gradio_api/deep_link/", "/gradio_api/deep_link?session_hash=x", "/gradio_api/runs",
        "/gradio_api/runs/", "/gradio_api/info", "/gradio_api/mcp/sse", "/monitoring", "/monitoring/", "/monitoring/summary",
        "/docs", "/redoc", "/%6donitoring",
    ],
)  # fmt: skip
def test_pages_of_the_framework_that_are_not_ours_are_shut(client: TestClient, path: str) -> None:
    client.get("/")
    assert client.get(path).status_code == 404


def test_protecting_headers_are_everywhere(client: TestClient) -> None:
    for path in ("/", "/healthz", "/config", "/no/such/page", "/exports/a/b", "/theme.css"):
        headers = client.get(path).headers
        assert headers.items() >= {name.lower(): value for name, value in server.HEADERS.items()}.items(), path
    rules = dict(rule.split(" ", 1) for rule in server.HEADERS["Content-Security-Policy"].replace("; ", ";").split(";"))
    assert rules["connect-src"] == rules["base-uri"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert not any("http" in rule or "*" in rule for rule in rules.values())


def test_the_page_names_no_other_host(client: TestClient) -> None:
    page = client.get("/").text
    for service in ("fonts.googleapis", "cdn.jsdelivr", "cdnjs", "google-analytics", "api.gradio.app"):
        assert f'src="https://{service}' not in page and f'href="https://{service}' not in page


def test_exports_stay_in_their_folder(client: TestClient, desk: Desk) -> None:
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


def test_the_data_folder_is_not_served(client: TestClient, desk: Desk) -> None:
    client.get("/")
    write_private(desk.settings.data / "app.json", "{}")
    for name in ("claywright.db", "app.json"):
        for path in ("file={}", "file/{}", "proxy={}"):
            refused = client.get("/gradio_api/" + path.format(desk.settings.data / name))
            assert refused.status_code in (400, 403, 404), refused.text
    assert client.get("/gradio_api/proxy=http://example.org/").status_code == 400


def happened(client: TestClient, number: int, data: list[Any], session: str) -> dict[str, Any]:
    """What the queue says of one event at its end."""
    joined = {"fn_index": number, "data": data, "session_hash": session, "event_data": None, "trigger_id": None}
    assert client.post("/gradio_api/queue/join", json=joined).status_code == 200
    said = client.get("/gradio_api/queue/data", params={"session_hash": session}).text
    events = [json.loads(line.removeprefix("data: ")) for line in said.splitlines() if line.startswith("data: ")]
    return next(event for event in events if event["msg"] == "process_completed")


def test_who_never_opened_the_page_runs_nothing(client: TestClient, desk: Desk) -> None:
    known = client.get("/config").json()
    handlers = {name: dep for dep in known["dependencies"] for _, name in dep["targets"][:1]}
    labels = {component["id"]: component["props"].get("elem_id") for component in known["components"]}
    preview = next(dep for dep in known["dependencies"] if labels.get(dep["targets"][0][0]) == "preview")
    values = {component["id"]: component["props"].get("value") for component in known["components"]}
    data = [values[number] for number in preview["inputs"]]
    for dep, given in [(handlers["load"], []), (preview, data)]:
        asked = {"fn_index": dep["id"], "data": given, "session_hash": "nobody"}
        refused = client.post("/gradio_api/run/predict", json=asked)
        assert refused.status_code == 500 and "this browser is not known here" in refused.text
    for number, (dep, given) in enumerate([(handlers["load"], []), (preview, data)]):
        queued = happened(client, dep["id"], given, f"nobody{number}")
        assert queued["success"] is False and "this browser is not known here" in queued["output"]["error"]
    assert desk.store.runs.all() == [] and desk.jobs.working() == []
    assert desk.store.db.all("SELECT * FROM forms") == []
    assert client.get("/").cookies
    assert happened(client, handlers["load"]["id"], [], "somebody")["success"] is True
    asked = {"fn_index": handlers["load"]["id"], "data": [], "session_hash": "somebody"}
    assert client.post("/gradio_api/run/predict", json=asked).status_code == 200


def test_events_have_no_names_for_programs(client: TestClient) -> None:
    client.get("/")
    known = client.get("/config").json()
    assert {dep["api_visibility"] for dep in known["dependencies"]} == {"private"}
    assert known["enable_queue"] and not known["show_error"]
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
