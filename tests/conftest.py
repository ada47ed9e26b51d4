"""What all tests share: a home of their own, no network but loopback, and at most one expensive thing of each kind."""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from app import recipe, services, workflow
from app.config import Settings
from app.store.runs import Run
from app.store.store import Store
from app.workspace import Workspace

# what a property test tries here; `pytest --hypothesis-profile bench` tries more (tests/bench/readers.py)
hypothesis.settings.register_profile("suite", max_examples=50, deadline=None)
hypothesis.settings.register_profile("bench", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.", "::1", "localhost")


def pytest_configure(config: pytest.Config) -> None:
    """Before anything reads them: where uv keeps its downloads stays, a home folder does not."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # else each of the many processes would compile everything anew
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / f"claywright-tests-{os.getuid()}")
    os.environ.setdefault("UV_CACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "uv"))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored in a shell's background, and so by what tests start
    config.option.testrunuid = getattr(config.option, "testrunuid", None) or uuid.uuid4().hex
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith(("ARGILLA_", "CLAYWRIGHT_")) or name == "HF_TOKEN":
            del os.environ[name]


SERVICES = {"services_data", "local_model", "argilla"}
"""The fixtures that start real services."""


class OneServer(LoadScopeScheduling):
    """All tests that have real services go to one worker, so that there is one of each; others, by file, to who is free."""

    served: frozenset[str] = frozenset()

    def schedule(self) -> None:
        if self.collection is None:
            found = served_file(self.config)
            self.served = frozenset(json.loads(found.read_text(encoding="utf-8")))
            found.unlink()
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return "services" if nodeid in self.served else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneServer:
    return OneServer(config, log)


def served_file(config: pytest.Config) -> Path:
    """Where workers, which alone know the fixtures of tests, tell which tests have real services."""
    run = getattr(config, "workerinput", {}).get("testrunuid", config.option.testrunuid)
    return Path(tempfile.gettempdir()) / f"claywright-tests-{os.getuid()}-{run}.json"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Each worker writes the same, before it says that it has collected its tests."""
    if hasattr(session.config, "workerinput"):
        served = [item.nodeid for item in session.items if SERVICES & set(getattr(item, "fixturenames", ()))]
        served_file(session.config).write_text(json.dumps(served), encoding="utf-8")


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test sees the real home folder."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
            patch.setenv(name, str(home))
        yield home


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """A connection to anywhere but this machine is an error."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test wanted to connect to {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """The settings of a data folder of the test's own."""
    return Settings(data=tmp_path / "data", owner="tester")


@pytest.fixture
def store(here: Settings) -> Iterator[Store]:
    """The store in it."""
    with Store(here.data) as opened:
        yield opened


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own that the Python API finds, the working folder beside it, and nobody's keys."""
    monkeypatch.setenv("CLAYWRIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


Work = Callable[..., Run]


@pytest.fixture
def work(here: Settings, store: Store) -> Work:
    """Works a run (or starts one from plain values) to its end, or to what pauses it."""

    def run(what: Run | dict[str, Any], **more: Any) -> Run:
        begun = what if isinstance(what, Run) else workflow.start(Workspace(here, store), recipe.parse(what))
        return asyncio.run(workflow.generate(Workspace(here, store), begun, lambda *_: None, **more))

    return run


@pytest.fixture(scope="session")
def services_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A data folder in which the local services run, for the whole session."""
    here = Settings(data=tmp_path_factory.mktemp("services"), owner="tester")
    with services.local(here).stopping():
        yield here


@pytest.fixture(scope="session")
def local_model(services_data: Settings) -> services.Running:
    """The real built-in model, running."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        if os.environ.get("CI") == "true" or sys.platform != "linux":
            raise
        pytest.skip("the built-in model needs libgomp1: apt-get install libgomp1")
    return services.local(services_data).ensure(services.MODEL, print)


@dataclass(frozen=True)
class ArgillaServer:
    """The session's Argilla, and the way in."""

    url: str
    username: str
    password: str
    api_key: str


@pytest.fixture(scope="session")
def argilla(services_data: Settings) -> ArgillaServer:
    """The real Argilla server, running."""
    running = services.local(services_data).ensure(services.ARGILLA, print)
    credentials = json.loads(Path(running.details["credentials"]).read_text(encoding="utf-8"))
    return ArgillaServer(running.url, credentials["username"], credentials["password"], credentials["api_key"])


@pytest.fixture(scope="module")
def owner(argilla: ArgillaServer) -> Iterator[Any]:
    """Argilla's owner, who answers records through its API."""
    from tests.make_runs import Reviewer  # which imports this file

    with Reviewer(argilla) as owner:
        yield owner


@pytest.fixture(scope="module")
def where(argilla: ArgillaServer) -> Any:
    """The real Argilla, as a push is told of it."""
    from app.review.argilla import Argilla

    return Argilla(argilla.url, argilla.api_key, own=True)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The app for the tests of one file, which has no model and no Argilla; it says nothing of a traceback."""
    from tests.browser import running, without_services  # for which playwright is imported

    with running(without_services(tmp_path_factory.mktemp("app"))) as app:
        yield app
        assert "Traceback" not in app.stop()


@pytest.fixture(scope="module")
def served_app(services_data: Settings, local_model: services.Running, argilla: ArgillaServer) -> Iterator[Any]:
    """The same on the session's services."""
    from tests.browser import running

    with running(services_data.data) as app:
        yield app
        assert "Traceback" not in app.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, without a screen. Not for the whole session: while it is open, no other event loop can run."""
    from playwright.sync_api import sync_playwright

    from tests.browser import CHROMIUM, FLAGS

    if not Path(CHROMIUM).exists():
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(f"{CHROMIUM}: apt-get install chromium")
        pytest.skip("the browser tests need chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.strip().splitlines()[-1])


Command = Callable[..., Ended]


def claywright() -> list[str]:
    """The installed command."""
    found = shutil.which("claywright", path=str(Path(sys.executable).parent)) or shutil.which("claywright")
    assert found, "claywright is not installed: run the tests with 'uv run pytest'"
    return [found]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs the installed command on a data folder of its own: `command("run", "recipe.toml", env={...})`."""

    def run(*words: str | Path, env: dict[str, str] | None = None, data: Path | None = None) -> Ended:
        environment = {**os.environ, "CLAYWRIGHT_DATA": str(data or tmp_path / "data"), **(env or {})}
        done = subprocess.run(
            [*claywright(), *map(str, words)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run
