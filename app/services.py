"""The local services, the model and Argilla: installs them once, starts them, finds those that run, stops its own.

Each is a script with inline metadata (PEP 723) and an environment of its own, as its dependencies would not go with ours.
What goes into that is listed beside the script, each file by its hash (requirements.txt; `python -m tests.requirements` makes it
anew): nothing else is installed, whoever runs the index that it comes from, and nothing is built.
A running service holds a lock and is registered in the data folder, so that any process attaches to it and none starts a
second one on the same data. It ends with the process that started it: by the end of its standard input, and on Linux by
the kernel.
"""

import contextlib
import hashlib
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.config import Settings
from app.errors import ServiceError
from app.file_locks import create_private, exclusively, held, private_folder, write_private
from tasks import local as local_model

HERE = Path(__file__).resolve().parent.parent
START_WITHIN = 180.0
STOP_WITHIN = 15.0
PORTS = range(21_000, 30_000)
"""Where a service gets its port for the first time: below those that the system gives to connections that go out."""
INHERITED = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
)  # fmt: skip


@dataclass(frozen=True)
class Service:
    """One kind of local service. `arguments` and `environment` come on top of what every service gets."""

    name: str
    title: str
    script: Path
    health: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    needs_key: bool = False
    keeps_data: bool = False
    """Then it keeps its port too: what people have open or bookmarked is there again after the next start."""

    @property
    def requirements(self) -> Path:
        return self.script.with_name("requirements.txt")


@dataclass(frozen=True)
class Running:
    """A service that answers. `own` is True if this process started it."""

    url: str
    pid: int
    details: dict[str, Any] = field(default_factory=dict, repr=False)
    own: bool = False


MODEL = Service(
    "model",
    "built-in model",
    HERE / "tasks/local/server.py",
    "/health",
    (
        "--name", local_model.NAME, "--sha256", local_model.WEIGHTS_SHA256,
        "--context", str(local_model.CONTEXT), "--slots", str(local_model.SLOTS),
    ),
    # else OpenMP's threads spin while they wait, and anything else on the machine starves them; read when libgomp is loaded
    environment={"GOMP_SPINCOUNT": "0"},
    needs_key=True,
)  # fmt: skip
ARGILLA = Service("argilla", "Argilla", HERE / "feedback/local/server.py", "/api/v1/version", keeps_data=True)

Say = Callable[[str], None]


class LocalServices:
    """The local services of one data folder, and which of them this process started.

    `local` gives the one of this process: what starts a service and what stops it are to be the same.
    """

    def __init__(self, settings: Settings) -> None:
        self.data = settings.data
        self.folder = settings.services
        # A parent-death signal comes when the *thread* that started the process ends: one that never does starts them all.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="services")
        self._own: dict[Path, subprocess.Popen[bytes]] = {}
        """By the file that registers it."""
        self._under_way: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._ending = threading.Event()

    def ensure(self, service: Service, say: Say, port: int = 0) -> Running:
        """The running service: attached to if there is one, else installed where needed and started.

        `say` is told what takes time. Raises ServiceError with what to do about it.
        """
        if running := self.find(service):
            if port and not running.url.split("//")[1].split("/")[0].endswith(f":{port}"):
                raise ServiceError(
                    f"{service.title} runs already, at {running.url}: stop it first, or leave out --port."
                )
            return running
        folder = self.folder
        try:
            private_folder(folder)
            with exclusively(folder / f"{service.name}.start", lambda: self._go_on(service)):
                if running := self.find(service):  # another process was faster
                    return running
                python = self.install(service, say)
                at = port or (self._port(service, say) if service.keeps_data else 0)
                running = self._start(service, python, at, say)
                self._keep_port(service, running, chosen=bool(port))
                return running
        except OSError as error:
            raise ServiceError(f"{service.title} can't be started in {folder}: {error.strerror or error}.") from error

    def find(self, service: Service) -> Running | None:
        """The service that is registered and answers. What is stale is cleaned away."""
        record = self.folder / f"{service.name}.json"
        try:
            details = json.loads(record.read_text(encoding="utf-8"))
            url, pid = str(details["url"]), int(details["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not held(self.folder / f"{service.name}.lock"):
            record.unlink(missing_ok=True)
            return None
        if not _answers(url.removesuffix("/v1") + service.health):
            return None
        return Running(url, pid, details, own=record in self._own)

    def install(self, service: Service, say: Say) -> Path:
        """The Python of the service's environment, made once for each version of what it needs. Later it needs no network."""
        environment = self.folder / f"{service.name}-{_hash(service.requirements)}"
        python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        ready = environment / "ready"
        if ready.exists():
            return python
        with exclusively(self.folder / f"{service.name}.install", lambda: self._go_on(service)):
            if ready.exists():
                return python
            import uv

            say(f"Installing {service.title} (once) ...")
            program = uv.find_uv_bin()
            self._run(service, [program, "venv", "--clear", "--python", sys.executable, str(environment)])
            exactly = ["--require-hashes", "--no-build", "--allow-empty-requirements"]
            self._run(service, [program, "pip", "sync", *exactly, "--python", str(python), str(service.requirements)])
            create_private(ready).close()
        return python

    @contextlib.contextmanager
    def stopping(self) -> Iterator[None]:
        """Stops what this process starts inside, however the block ends."""
        self._ending.clear()
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Stops what this process started."""
        with self._guard:
            for record in list(self._own):
                process = self._own.pop(record)
                with contextlib.suppress(OSError):
                    if process.stdin is not None:
                        process.stdin.close()
                try:
                    process.wait(STOP_WITHIN)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                _close(process)
                record.unlink(missing_ok=True)

    def give_up(self, *, at_once: bool = False) -> None:
        """Nothing is installed or started any more, as this process ends; who waits for it is told so.

        `at_once`: what is under way is not asked to end but ended.
        """
        self._ending.set()
        for process in list(self._under_way):
            process.kill() if at_once else process.terminate()

    def wait_while_running(self, running: Running) -> None:
        """Blocks until a service that this process started ends by itself, or for ever if it is another's."""
        while not running.own or any(process.poll() is None for process in list(self._own.values())):
            time.sleep(0.5)

    def _run(self, service: Service, command: list[str]) -> None:
        """One step of an installation. Raises ServiceError."""
        own = {
            name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(("UV_", "XDG_"))
        }
        process = subprocess.Popen(
            command, env={**own, "UV_PYTHON_DOWNLOADS": "never"}, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        with self._waited_for(process):
            _, stderr = process.communicate()
        self._go_on(service)
        if process.returncode:
            why = (stderr.decode("utf-8", "replace").strip().splitlines() or ["uv said nothing"])[-1].strip()
            if b"ash mismatch" in stderr:
                raise ServiceError(
                    f"{service.title} could not be installed: what the package index gives is not what it should be (its hash"
                    " differs). Nothing of it is used. Ask who runs the index, or take another one."
                )
            raise ServiceError(
                f"{service.title} could not be installed: {why}. Is there a network, or room on the disk?"
            )

    def _port(self, service: Service, say: Say) -> int:
        """The port that the service had before; another one where that is taken, or for the first time."""
        try:
            kept = int((self.folder / f"{service.name}.port").read_text(encoding="ascii"))
        except (OSError, ValueError):
            kept = 0
        if kept in range(1024, 65536) and _free(kept):
            return kept
        if kept:
            say(
                f"Port {kept}, at which {service.title} was before, is taken by another program: it gets another one for now."
            )
        tries = (PORTS.start + secrets.randbelow(len(PORTS)) for _ in range(20))
        return next((port for port in tries if _free(port)), 0)

    def _keep_port(self, service: Service, running: Running, *, chosen: bool) -> None:
        """Keeps it for the next start: the first one, or one that somebody chose."""
        file = self.folder / f"{service.name}.port"
        if service.keeps_data and (chosen or not file.exists()):
            write_private(file, str(urlsplit(running.url).port))

    def _start(self, service: Service, python: Path, port: int, say: Say) -> Running:
        folder = self.folder
        key = secrets.token_urlsafe(32) if service.needs_key else ""
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        environment.update(service.environment)
        if key:
            environment["CLAYWRIGHT_MODEL_KEY"] = key
        command = [str(python), "-I", str(service.script), "--lock", str(folder / f"{service.name}.lock")]
        command += ["--port", str(port), *service.arguments]
        command += ["--home", str(self.data / service.name)] if service.keeps_data else []
        say(f"Starting {service.title} ...")
        log = folder / f"{service.name}.log"
        with create_private(log, anew=False) as errors:
            process = self._starter.submit(
                subprocess.Popen, command, env=environment, cwd=folder, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            ).result()  # fmt: skip
        with self._waited_for(process):
            line = _first_line(process)
        try:
            details = json.loads(line)
            url, pid = str(details["url"]), int(details["pid"])
        except (ValueError, KeyError, TypeError):
            process.kill()
            code = process.wait()
            _close(process)
            self._go_on(service)
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"it ended with code {code} and said nothing"
            raise ServiceError(f"{service.title} did not start: {why}") from None
        details = {**details, "key": key} if key else details
        record = folder / f"{service.name}.json"
        write_private(record, json.dumps(details))
        if (crashed := self._own.pop(record, None)) is not None:
            crashed.poll()
            _close(crashed)
        self._own[record] = process
        return Running(url, pid, details, own=True)

    @contextlib.contextmanager
    def _waited_for(self, process: "subprocess.Popen[bytes]") -> Iterator[None]:
        """While something is installed or started, it can be given up."""
        self._under_way.add(process)
        try:
            yield
        finally:
            self._under_way.discard(process)

    def _go_on(self, service: Service) -> None:
        """Raises ServiceError where this process is about to end."""
        if self._ending.is_set():
            raise ServiceError(f"Claywright ended while {service.title} was being made ready. Start it again.")


_local: dict[Path, LocalServices] = {}
"""By data folder, as long as this process lives: the Python API starts services, and has no end at which to stop them."""


def local(settings: Settings) -> LocalServices:
    """The local services of a data folder, the same object whoever asks in this process."""
    return _local.setdefault(settings.data, LocalServices(settings))


def _hash(requirements: Path) -> str:
    whole = requirements.read_bytes() + sys.version.split()[0].encode()
    return hashlib.sha256(whole).hexdigest()[:12]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _close(process: "subprocess.Popen[bytes]") -> None:
    """Closes the pipes of a process that ended."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _first_line(process: "subprocess.Popen[bytes]") -> bytes:
    """What the service says when it answers; nothing if it ends or takes too long."""
    lines: list[bytes] = []

    def read() -> None:
        if process.stdout is not None:
            lines.append(process.stdout.readline())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(START_WITHIN)
    return lines[0] if lines else b""


def _answers(url: str) -> bool:
    """True if the service answers at all; it may take its time while it is busy."""
    import httpx

    # the services speak plain HTTP on this machine: certificates, which take longer to load than the answer, are not needed
    with httpx.Client(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        for patience in (5, 30):
            try:
                with client.stream("GET", url, timeout=patience):
                    return True
            except httpx.TimeoutException:
                continue
            except (httpx.HTTPError, httpx.InvalidURL):
                return False
    return False
