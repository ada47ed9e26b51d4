"""What a local service is installed from is listed by hash and in step with its script; it keeps its port."""

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import uv

from app import services
from app.config import Settings
from app.errors import ServiceError
from app.file_locks import private_folder
from app.services import ARGILLA, MODEL, Service
from tests.requirements import METADATA, head

PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)( ; [^\\]+)? \\$")
SERVER = """
import argparse, http.server, json, os, sys, threading, time
parser = argparse.ArgumentParser()
for name in ("--port", "--lock", "--home"):
    parser.add_argument(name)
given = parser.parse_args()
import fcntl
lock = open(given.lock, "w")
fcntl.flock(lock, fcntl.LOCK_EX)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(given.port)), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}", "pid": os.getpid()}), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("service", [ARGILLA, MODEL], ids=lambda service: str(service.name))
def test_every_requirement_is_named_with_its_hashes_and_in_step_with_the_script(service: Service) -> None:
    text = service.requirements.read_text(encoding="utf-8")
    assert text.startswith(head(service)), "the script's metadata changed: python -m tests.requirements"
    listed: dict[str, str] = {}
    hashes = 0
    for line in text.splitlines()[2:]:
        if pinned := PINNED.match(line):
            assert hashes or not listed, f"no hash before {line}"
            listed[pinned[1]], hashes = pinned[2], 0
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
            hashes += 1
    assert hashes and "://" not in text and "@" not in text
    metadata = METADATA.search(service.script.read_text(encoding="utf-8"))
    assert metadata
    wanted = tomllib.loads("\n".join(line.removeprefix("#")[1:] for line in metadata[0].splitlines()[1:-1]))
    overridden = wanted["tool"]["uv"].get("override-dependencies", [])
    for name in (re.split(r"[\[=~><]", one)[0] for one in [*wanted["dependencies"], *overridden]):
        assert name in listed, name


def test_the_holes_that_overrides_mend_are_mended_in_what_is_installed() -> None:
    text = ARGILLA.requirements.read_text(encoding="utf-8")
    versions = {name: tuple(map(int, version.split(".")[:2])) for name, version, _ in PINNED_LINES.findall(text)}
    assert versions["python-jose"] >= (3, 5) and versions["urllib3"] >= (2, 5) and versions["starlette"] >= (0, 49)


PINNED_LINES = re.compile(PINNED.pattern, re.MULTILINE)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """One that needs nothing and starts at once."""
    (tmp_path / "own").mkdir()
    script = tmp_path / "own" / "server.py"
    script.write_text(SERVER)
    (tmp_path / "own" / "requirements.txt").write_text("# nothing\n")
    return Service("small", "The small service", script, "/", keeps_data=True)


def port(running: services.Running) -> int:
    return int(running.url.rpartition(":")[2])


def test_a_service_keeps_its_port_over_an_end_and_a_crash(here: Settings, service: Service) -> None:
    said: list[str] = []
    with services.local(here).stopping():
        first = services.local(here).ensure(service, said.append)
    with services.local(here).stopping():
        second = services.local(here).ensure(service, said.append)
        os.kill(second.pid, 9)
        services.local(here)._own[here.services / "small.json"].wait()
        third = services.local(here).ensure(service, said.append)
    assert port(first) == port(second) == port(third) and first.pid != second.pid != third.pid
    assert not [words for words in said if "taken" in words]


def test_another_program_at_its_port_is_said_and_the_port_kept_for_later(here: Settings, service: Service) -> None:
    with services.local(here).stopping():
        kept = port(services.local(here).ensure(service, lambda words: None))
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", kept))
        other.listen()
        with services.local(here).stopping():
            assert port(services.local(here).ensure(service, said.append)) != kept
    assert f"Port {kept}, at which The small service was before, is taken" in " ".join(said)
    with services.local(here).stopping():
        assert port(services.local(here).ensure(service, said.append)) == kept


def test_a_port_that_somebody_chose_is_kept(here: Settings, service: Service) -> None:
    with services.local(here).stopping():
        kept = port(services.local(here).ensure(service, lambda words: None))
        chosen = kept + 1 if services._free(kept + 1) else kept + 2
    with services.local(here).stopping():
        services.local(here).ensure(service, lambda words: None, port=chosen)
    with services.local(here).stopping():
        assert port(services.local(here).ensure(service, lambda words: None)) == chosen


def test_what_has_another_hash_is_not_installed(here: Settings, service: Service, tmp_path: Path) -> None:
    service.requirements.write_text(f"six==1.17.0 \\\n    --hash=sha256:{'0' * 64}\n")
    with (
        services.local(here).stopping(),
        pytest.raises(ServiceError, match=r"not what it should be \(its hash differs\)"),
    ):
        services.local(here).ensure(service, lambda words: None)
    service.requirements.write_text("six==1.17.0\n")
    with services.local(here).stopping(), pytest.raises(ServiceError, match="could not be installed"):
        services.local(here).ensure(service, lambda words: None)
    assert not list(here.services.glob("*/ready"))


def test_the_installer_gets_none_of_our_keys(
    here: Settings, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed may run code of its own."""
    program = tmp_path / "uv"
    noted = tmp_path / "environment.json"
    note = f"import json, os; open({str(noted)!r}, 'a').write(json.dumps(dict(os.environ)) + chr(10))"
    program.write_text(f'#!/bin/sh\n{sys.executable} -c "{note}"\nexec {uv.find_uv_bin()} "$@"\n')
    program.chmod(0o700)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "ARGILLA_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret-of-ours")
    private_folder(here.services)
    python = services.local(here).install(service, lambda words: None)
    seen: list[dict[str, Any]] = [json.loads(line) for line in noted.read_text().splitlines()]
    assert len(seen) == 2 and not [one for one in seen if "secret-of-ours" in one.values()]
    assert all("PATH" in one for one in seen)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: "/nowhere")  # once is enough: later nothing is asked for
    assert services.local(here).install(service, lambda words: None) == python
    assert subprocess.run([python, "-I", "-c", "pass"], check=True).returncode == 0
