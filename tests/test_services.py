"""The local services: one for all processes, gone with whoever started it, however that ends."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import services
from app.config import Settings
from app.errors import ServiceError
from app.file_locks import exclusively
from app.web.service_monitor import ServiceMonitor
from tests.conftest import ArgillaServer, Command, claywright

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def data(tmp_path: Path, services_data: Settings, local_model: services.Running) -> Path:
    """A data folder where nothing runs, with the session's installed environments."""
    folder = tmp_path / "data" / "services"
    folder.mkdir(parents=True)
    for installed in services_data.services.glob("*-*"):
        if installed.is_dir():
            (folder / installed.name).symlink_to(installed)
    return folder.parent


@pytest.fixture
def start(data: Path) -> Iterator[Start]:
    """Starts a command in a process group of its own, which is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        environment = {**os.environ, "CLAYWRIGHT_DATA": str(data)}
        process = subprocess.Popen(
            [*claywright(), *words],
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ready(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    values: dict[str, Any] = json.loads(process.stdout.readline())
    return values


def gone(pid: int) -> bool:
    """Waits until a process is no more (or only a zombie)."""
    for _ in range(300):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return True
        if stat[0] == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_with_its_starter(start: Start, data: Path, number: signal.Signals) -> None:
    process = start("model", "--json")
    served = ready(process)
    assert httpx.get(served["url"].removesuffix("/v1") + "/health").status_code == 200
    os.kill(process.pid, number)
    process.wait(30)
    assert gone(served["pid"])
    assert services.local(Settings(data=data, owner="x")).find(services.MODEL) is None
    again = start("model", "--json")
    assert ready(again)["pid"] != served["pid"]


def test_two_starters_at_once_get_one_service(start: Start) -> None:
    first, second = start("model", "--json"), start("model", "--json")
    served = [ready(first), ready(second)]
    assert served[0]["pid"] == served[1]["pid"] and served[0]["url"] == served[1]["url"]
    assert sorted(one["own"] for one in served) == [False, True]


def test_another_process_finds_what_runs(
    command: Command, services_data: Settings, local_model: services.Running, argilla: ArgillaServer
) -> None:
    for name, url in (("model", local_model.url), ("argilla", argilla.url)):
        found = command(name, "--json", data=services_data.data).json
        assert found["url"] == url and not found["own"]
    assert "runs at" in command("doctor", data=services_data.data).out


def test_credentials_are_private_and_the_model_wants_its_key(
    services_data: Settings, local_model: services.Running, argilla: ArgillaServer
) -> None:
    for file in ("services/model.json", "services/argilla.json", "argilla/credentials.json"):
        assert (services_data.data / file).stat().st_mode & 0o077 == 0, file
    assert argilla.password != "12345678" and argilla.api_key != "argilla.apikey"
    assert httpx.get(f"{local_model.url}/models").status_code == 401
    assert httpx.get(f"{argilla.url}/api/v1/me").status_code == 401


def test_an_ending_process_waits_for_no_other_one(data: Path) -> None:
    here = Settings(data=data, owner="tester")
    said: list[str] = []

    def wait() -> None:
        with pytest.raises(ServiceError) as caught:
            services.local(here).ensure(services.MODEL, said.append)
        said.append(str(caught.value))

    with exclusively(here.services / "model.start"):  # another process starts it, and takes its time
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and said == []
        services.local(here).give_up()
        waiting.join(10)
        assert not waiting.is_alive()
    assert said == ["Claywright ended while built-in model was being made ready. Start it again."]


def test_an_ending_process_gives_up_what_it_is_starting(data: Path) -> None:
    here = Settings(data=data, owner="tester")
    said: list[str] = []
    monitor, local = ServiceMonitor(here, said.append), services.local(here)
    with local.stopping():
        monitor.start()
        while not local._under_way:
            time.sleep(0.01)
        monitor.close()
        assert not local._under_way and not any(thread.is_alive() for thread in monitor._threads)
    assert not any("is at" in words for words in said)
    with local.stopping():  # and nothing of it is in the way of the next one
        assert local.ensure(services.MODEL, said.append).own
