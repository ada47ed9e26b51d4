"""Every route and every event of the running app, found by enumeration: nothing for who has no secret, no file for anybody."""

import asyncio
import json
import re
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.config import Settings
from app.file_locks import only_one, write_private
from app.store.store import Store
from app.web import server
from app.web.security import event_values
from app.web.security.access import OPEN_TO_ALL, Access
from app.web.state import AppState
from tests.conftest import Command
from tests.make_state import at_desk

SESSION = "somebody"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppState]:
    here = Settings(data=tmp_path_factory.mktemp("gate"), owner="tester")
    with Store(here.data) as store, at_desk(store, here) as desk:
        yield desk


@pytest.fixture(scope="module")
def page(desk: AppState) -> Any:
    """The app without its gate, to enumerate what it is made of."""

    async def made() -> Any:
        return server.routes(desk)

    return asyncio.run(made())  # in a loop: without one, gradio opens loops that it never closes


@pytest.fixture(scope="module")
def app(page: Any, desk: AppState) -> Iterator[TestClient]:
    """The app as its port is reached: what anybody on this machine finds there."""
    gated = server.gated(page, desk, Access(desk.settings.data))
    with TestClient(gated, base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def owner(app: TestClient, desk: AppState) -> TestClient:
    """A browser that came with the address."""
    app.cookies.clear()
    assert app.get(Access(desk.settings.data).address("")).status_code == 200
    return app


@pytest.fixture(scope="module")
def blocks(page: Any) -> gr.Blocks:
    (framework,) = [route.app for route in page.routes if isinstance(route, Mount)]
    found: gr.Blocks = framework.get_blocks()  # type: ignore[attr-defined]  # it is Gradio's application
    return found


def cookies(desk: AppState, tmp_path: Path) -> dict[str, dict[str, str]]:
    """What somebody without the secret can send: nothing, made up, of another data folder, of ours but not for this user."""
    ours, other = Access(desk.settings.data), Access(tmp_path)
    return {
        "none": {},
        "made up": {ours.cookie: "a" * 32, "claywright_browser": "a" * 32},
        "unsigned": {ours.cookie: f"{'a' * 32}.4000000000.."},
        "another folder's": {other.cookie: other.sign("a" * 32, None), ours.cookie: other.sign("a" * 32, None)},
        "another user's": {ours.cookie: ours.sign("a" * 32, 4242)},
    }


def routes(page: Any) -> list[tuple[str, str]]:
    """(method, path) of everything that the app and the framework in it answer to, with something in each placeholder."""
    found: set[tuple[str, str]] = set()

    def walk(inside: Any, prefix: str) -> None:
        for route in inside:
            path = prefix + str(getattr(route, "path", ""))
            found.update((method, re.sub(r"\{[^}]*\}", "x", path)) for method in getattr(route, "methods", None) or ())
            walk(getattr(route, "routes", None) or (), path)
            if (included := getattr(route, "original_router", None)) is not None:
                walk(included.routes, prefix)

    walk(page.routes, "")
    return sorted(found)


def test_no_route_answers_who_has_no_secret(app: TestClient, desk: AppState, page: Any, tmp_path: Path) -> None:
    known = routes(page)
    assert len(known) > 60 and {("GET", "/exports/x/x"), ("POST", "/gradio_api/queue/join")} <= set(known)
    for name, sent in cookies(desk, tmp_path).items():
        app.cookies.clear()
        app.cookies.update(sent)
        for method, path in [*known, ("GET", "/no/such/page"), ("POST", "/"), ("TRACE", "/"), ("PUT", "/config")]:
            answer = app.request(method, path)
            if path in OPEN_TO_ALL:
                assert answer.status_code == 200
            elif path == "/" and method == "GET":
                assert answer.status_code == 401 and "claywright open" in answer.text
            else:
                assert (answer.status_code, answer.content) == (401, b""), (name, method, path)
            assert "set-cookie" not in answer.headers


def events(blocks: gr.Blocks) -> list[Any]:
    return list(blocks.fns.values())


def test_no_event_runs_for_who_has_no_secret(
    app: TestClient, desk: AppState, blocks: gr.Blocks, tmp_path: Path
) -> None:
    assert len(events(blocks)) > 150
    for sent in cookies(desk, tmp_path).values():
        app.cookies.clear()
        app.cookies.update(sent)
        for event in events(blocks):
            asked = {"fn_index": event._id, "data": [None] * len(event.inputs), "session_hash": SESSION}
            answer = app.post("/gradio_api/run/predict", json=asked)
            assert (answer.status_code, answer.content) == (401, b"")


def test_every_component_that_gives_a_value_is_of_a_known_kind(blocks: gr.Blocks) -> None:
    """One of another kind would be refused every value; and nothing but an upload button takes a file."""
    components = {component for event in events(blocks) for component in event.inputs}
    uploads = {c for c in components if isinstance(c, gr.UploadButton)}
    assert len(uploads) == 3 and all("async_move_resource_to_block_cache" in vars(c) for c in uploads)
    assert {type(component) for component in components - uploads} <= event_values.FITS.keys()


FILE = {"path": "FILE", "meta": {"_type": "gradio.FileData"}}
FILE_VALUES = [
    FILE, [FILE], {"value": FILE}, [[FILE]], {"files": [FILE], "text": ""}, {**FILE, "is_stream": True},
    {"path": "FILE"}, {**FILE, "url": "file://FILE"}, {**FILE, "url": "/gradio_api/file=FILE"},
    {"video": FILE, "subtitles": None}, {"root": [FILE]},
]  # fmt: skip


def test_no_value_of_any_component_opens_a_file(
    owner: TestClient, desk: AppState, blocks: gr.Blocks, tmp_path: Path
) -> None:
    """For every component of every event: a file that this browser did not upload is refused, whatever form it comes in."""
    secret = tmp_path / "diary.txt"
    secret.write_text("CANARY of a file that was never uploaded")
    tried = 0
    seen: set[tuple[int, int]] = set()
    for event in events(blocks):
        for place, component in enumerate(event.inputs):
            if (component._id, 0) in seen:
                continue
            seen.add((component._id, 0))
            for value in json.loads(json.dumps(FILE_VALUES).replace("FILE", str(secret))):
                data: list[Any] = [None] * len(event.inputs)
                data[place] = value
                asked = {"fn_index": event._id, "data": data, "session_hash": SESSION}
                answer = owner.post("/gradio_api/run/predict", json=asked)
                assert answer.status_code == 500, (event._id, component.label, value, answer.text[:300])
                tried += 1
    assert tried > 1000
    copies = [path for path in desk.settings.data.rglob("*") if path.is_file() and b"CANARY" in path.read_bytes()]
    assert copies == [] and owner.get("/healthz").status_code == 200


def upload_events(blocks: gr.Blocks) -> list[tuple[Any, int]]:
    """(an event, the place among its inputs) of each upload button."""
    return [
        (event, place)
        for event in events(blocks)
        for place, component in enumerate(event.inputs)
        if isinstance(component, gr.UploadButton)
    ]


def test_files_are_those_that_this_very_browser_uploaded(owner: TestClient, desk: AppState, blocks: gr.Blocks) -> None:
    sent = owner.post("/gradio_api/upload", files={"files": ("rows.jsonl", b'{"instruction": "Name a river."}\n')})
    (path,) = sent.json()
    event, place = next(found for found in upload_events(blocks) if found[0].inputs[found[1]].elem_id == "upload")

    def take() -> int:
        data: list[Any] = [*["", "generate", 0][: len(event.inputs)], *([None] * (len(event.inputs) - 3))]
        data[place] = [{"path": path, "orig_name": "rows.jsonl", "meta": {"_type": "gradio.FileData"}}]
        asked = {"fn_index": event._id, "data": data, "session_hash": SESSION}
        return owner.post("/gradio_api/run/predict", json=asked).status_code

    mine = dict(owner.cookies)
    owner.cookies.clear()
    owner.get(Access(desk.settings.data).address(""))  # another browser
    assert take() == 500
    owner.cookies.clear()
    owner.cookies.update(mine)
    assert take() == 200


def test_a_pipe_in_place_of_a_file_does_not_hang_the_app(owner: TestClient, blocks: gr.Blocks) -> None:
    for path in ("/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd"):
        for event, place in upload_events(blocks):
            data: list[Any] = [None] * len(event.inputs)
            data[place] = {"path": path, "meta": {"_type": "gradio.FileData"}}
            asked = {"fn_index": event._id, "data": data, "session_hash": SESSION}
            assert owner.post("/gradio_api/run/predict", json=asked).status_code == 500
            assert owner.get("/healthz").status_code == 200


def test_events_that_come_several_at_once_are_refused(
    owner: TestClient, blocks: gr.Blocks, capfd: pytest.CaptureFixture[str]
) -> None:
    for event in events(blocks):
        asked = {"fn_index": event._id, "data": [[None]] * len(event.inputs), "session_hash": SESSION, "batched": True}
        assert owner.post("/gradio_api/run/predict", json=asked).status_code == 500
    assert "Traceback" not in capfd.readouterr().err


def test_an_endless_body_is_no_event(owner: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"data": ["'
        for _ in range(40):
            yield b"x" * 10**6
        yield b'"]}'

    headers = {"content-type": "application/json"}
    endless = owner.post("/gradio_api/run/predict", content=body(), headers=headers)
    assert endless.status_code == 400 and len(endless.content) < 1000
    assert owner.post("/gradio_api/run/predict", content=b"".join(body()), headers=headers).status_code == 413
    assert owner.get("/healthz").status_code == 200


def test_what_a_proxy_would_say_is_not_believed(owner: TestClient) -> None:
    forwarded = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-gradio-server": "http://evil.example",
    }
    assert "evil.example" not in owner.get("/config", headers=forwarded).text


def test_what_an_opened_page_takes_is_given_back(owner: TestClient, blocks: gr.Blocks) -> None:
    def named(name: str) -> Any:
        return next(event for event in events(blocks) if any(target == name for _, target in event.targets))

    def send(event: Any, session: str) -> None:
        asked = {"fn_index": event._id, "data": [], "session_hash": session}
        assert owner.post("/gradio_api/run/predict", json=asked).status_code == 200

    sessions = blocks.state_holder.session_data
    send(named("load"), "closed")
    assert "closed" in sessions
    send(named("unload"), "closed")
    assert "closed" not in sessions
    for number in range(server.MOST_SESSIONS + 20):  # a script that never says that it is gone
        send(named("load"), f"forgotten{number}")
    assert len(sessions) == server.MOST_SESSIONS


def test_the_address_is_printed_again(owner: TestClient, desk: AppState, command: Command) -> None:
    data = desk.settings.data
    ended = command("open", "--no-browser", data=data)
    assert ended.code == 1 and f"does not run on the data folder {data}" in ended.err
    with only_one(data / server.LOCK):
        write_private(data / server.RECORD, json.dumps({"url": "http://127.0.0.1:4321", "pid": 1}))
        before = Access(data).token
        again = command("open", "--no-browser", data=data)
        assert again.out == f"http://127.0.0.1:4321/?token={before}\n"
        renewed = command("open", "--no-browser", "--renew", "--json", data=data)
        assert renewed.json["address"] == Access(data).address("http://127.0.0.1:4321") and before not in renewed.out
    assert owner.get("/").status_code == 401


def test_what_opens_the_browser_shows_the_secret_to_nobody(desk: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other users of a machine see what a command is called with."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    access = Access(desk.settings.data)
    server.browse_to(access.address("http://127.0.0.1:7860"), desk.settings)
    (called,) = opened
    file = Path(called.removeprefix("file://"))
    assert access.token not in called and access.token in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
