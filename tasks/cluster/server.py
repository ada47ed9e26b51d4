"""One model server on the node of its replica: started, watched, and asked in its owner's name.

`ModelServer` is what Ray makes an actor of, and knows nothing of Ray. All that its methods take and give are plain values: a
failure of the server is data, and never an error that has to be sent through Ray. Keeps its imports few: every replica's process
loads them.
"""

import asyncio
import contextlib
import http.client
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.cluster.settings import Cluster
from tasks.models.body import Unread, read_body

if TYPE_CHECKING:
    import aiohttp

SUPERVISOR = Path(__file__).with_name("supervisor.py")
TRIES = 3
"""How often a server that ends by itself is started before that is called a failure."""
LOOK_EVERY = 0.1
LOOKS = 20
HEALTH_PATHS = ("/v1/models", "/health")
ASKED_WITHIN = 5.0
LAST_LINES, LONGEST_LINE = 12, 400
"""What is kept of a server's output."""
STOPS_WITHIN = 10.0
AGAIN_AFTER, LONGEST_PAUSE = 5.0, 60.0
ENDED_WITHIN = 2.0
"""Seconds for the calls in flight to say why they fail, before the process of a dead server's replica ends."""
OURS = re.compile(
    r"VIRTUAL_ENV.*|PYTHON(?:PATH|HOME|STARTUP|SAFEPATH|USERBASE)|CONDA_(?:PREFIX|DEFAULT_ENV).*"
    r"|(?:UV|RAY|CLAYWRIGHT|ARGILLA)(?:_.*)?|(?:.*_)?(?:KEY|TOKEN|SECRET|PASSWORD)|KEY_FOR_.*"
)
"""Variables of Claywright's own environment, and keys, which are nothing for a server that has an environment of its own."""
SAME_EVERYWHERE = ("python", "ray", "claywright")
"""Programs that have to be of the same version on all nodes."""
OF_THE_HUB = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
TOLD = ("retry-after", "retry-after-ms", "location", "content-type")
"""Headers of an answer that somebody reads."""
State = Literal["starting", "well", "failed", "ended", "closed"]
Answer = tuple[Literal["answered"], int, dict[str, str], bytes]
Failure = tuple[Literal["away", "unread"], str]


class ModelServer:
    """The server of one replica. It is started at once, in the background, and started again where it ends while it starts.

    Where it ends later, this process ends too (`ends_with_it`), so that Ray makes another replica, maybe on another node.
    """

    def __init__(self, settings: Cluster, model: str, *, ends_with_it: bool = False) -> None:
        self.settings, self.model, self.ends_with_it = settings, model, ends_with_it
        self.port = 0
        self.state: State = "starting"
        self.why = ""
        self.output: deque[str] = deque(maxlen=LAST_LINES)
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._closing = threading.Event()
        self._settled = threading.Event()
        """Set while the server is not starting."""
        self._keeper = threading.Thread(target=self._keep, name="model-server", daemon=True)
        self._keeper.start()

    async def well(self, within: float) -> str:
        """Waits until the server answers: "" then, else why it does not; "starting" where it may yet."""
        await asyncio.to_thread(self._settled.wait, within)
        state = self.state
        return state if state == "starting" else "" if state == "well" else self.why

    async def facts(self) -> dict[str, str]:
        """The versions of what runs here, and where that is."""
        return facts()

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None, most: int, within: float
    ) -> Answer | Failure:
        """What the server says to one request, of at most `most` bytes."""
        import aiohttp

        if self.state != "well":
            return "away", self.why or "its server is still starting"
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            )
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            async with (
                asyncio.timeout(within),
                self._session.request(method, url, data=content, headers=headers, allow_redirects=False) as answer,
            ):
                ok, encoding = 200 <= answer.status < 300, answer.headers.get("Content-Encoding", "")
                body = await read_body(answer.content.iter_any(), ok=ok, encoding=encoding, most=most)
                told = {name: answer.headers[name] for name in TOLD if name in answer.headers}
                return "answered", answer.status, told, body
        except Unread as error:
            return "unread", str(error)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return "away", await self._why_not(error)

    async def close(self) -> None:
        """Ends the server, and waits for its end."""
        self._settle("closed", "its server was stopped")
        self._closing.set()
        self._end()
        await asyncio.to_thread(self._keeper.join, 2 * STOPS_WITHIN)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _why_not(self, error: BaseException) -> str:
        """Why the server did not answer: that it ended shows a moment later."""
        if not isinstance(error, TimeoutError):
            for _ in range(LOOKS):
                if self.why:
                    break
                await asyncio.sleep(ENDED_WITHIN / 2 / LOOKS)
        return self.why or f"its server does not answer ({str(error) or type(error).__name__})"

    def _is(self, *states: State) -> bool:
        """True for one of these states now: another thread may change it."""
        return self.state in states

    def _settle(self, state: State, why: str) -> None:
        self.why, self.state = why, state
        self._settled.set()

    # -- in a thread of its own

    def _keep(self) -> None:
        """Starts the server, and waits for its end."""
        tries = 0
        while self.state in ("starting", "failed"):
            code = self._run()
            if self._is("well", "closed"):
                break
            tries += 1
            if code is None:  # to start it again would take as long again
                tries = max(tries, TRIES)
            if tries >= TRIES:
                self._settle("failed", self._failed(code))
                self._closing.wait(min(LONGEST_PAUSE, AGAIN_AFTER * (tries - TRIES + 1)))
        if self._is("well"):
            self._settle("ended", f"its server ended{self._in_its_words}")
            if self.ends_with_it:
                time.sleep(ENDED_WITHIN)
                os._exit(1)

    def _run(self) -> int | None:
        """Runs the server to its end, or until it has not answered in time: its exit code, or None."""
        self.port = free_port()
        command = [sys.executable, "-I", str(SUPERVISOR), *self.settings.arguments(self.model, self.port)]
        self.output.clear()
        process = self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=server_environment(os.environ),
            cwd=tempfile.gettempdir(),
        )
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        try:
            until = time.monotonic() + self.settings.start_timeout
            while process.poll() is None and self.state != "closed":
                if is_well(self.port):
                    if process.poll() is None:
                        self._settle("well", "")
                    break
                if time.monotonic() > until:
                    return None
                time.sleep(LOOK_EVERY)
            if self.state == "closed":
                self._end()
            return process.wait()
        finally:
            self._end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOPS_WITHIN)
            reader.join(ENDED_WITHIN / 2)

    def _end(self) -> None:
        """Ends the server that runs, where one does."""
        if (process := self._process) is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                if text := line[: 4 * LONGEST_LINE].decode("utf-8", "replace").strip()[:LONGEST_LINE]:
                    self.output.append(text)

    def _failed(self, code: int | None) -> str:
        if code is None:
            return f"its server did not answer within {self.settings.start_timeout:g} seconds{self._in_its_words}"
        return f"its server ended with code {code} while it started, {TRIES} times{self._in_its_words}"

    @property
    def _in_its_words(self) -> str:
        """The last lines of the server's output, as the end of a sentence."""
        lines = " | ".join(self.output)
        return f"; its last lines: {lines}" if lines else " and said nothing"


def is_well(port: int) -> bool:
    """True where a server at that port says that it is ready."""
    for path in HEALTH_PATHS:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASKED_WITHIN)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if 200 <= status < 300:
            return True
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What a server inherits: neither Claywright's environment of Python nor keys, but for the one that gives it weights."""
    return {name: value for name, value in variables.items() if name in OF_THE_HUB or not OURS.fullmatch(name.upper())}


def facts() -> dict[str, str]:
    """The versions of Python, Ray and Claywright in this process, and its machine's name."""
    versions: dict[str, str] = {"host": socket.gethostname(), "python": platform.python_version()}
    for name in ("ray", "claywright"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = ""
    return versions
