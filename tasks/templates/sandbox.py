"""Foreign templates, rendered in a process apart: a user's prompt, a chat template that a server or the Hub gave.

Jinja's sandbox keeps a template from our files and objects, not from work: `{{ 9**(9**9) }}` would hold this process for
ever. So the work is done by a small process beside it (tasks/templates/renderer.py), with two seconds and 300 MB for each
template; it is started when it is first needed, kept, and started anew after one that asked for too much. Such a template is
not tried again here. What was rendered is remembered for a while, as rows are checked before they are worked.
"""

import atexit
import contextlib
import hashlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any

LONGEST_SOURCE = 64_000
"""Characters of a template."""
SECONDS = 2.0
"""Of the processor, as the renderer's own clock says."""
PATIENCE, STARTING = 10.0 if sys.platform != "win32" else 2.0, 60.0
"""Seconds until a process that does not even use the processor is given up; until one has started."""
MOST_REMEMBERED, LONGEST_REMEMBERED, MOST_REFUSED = 1024, 16_000, 256
"""Texts, characters of one, and templates."""
MOST_SENT, LONGEST_ANSWER = 32 * 2**20, 128 * 2**20
"""Bytes of the columns of a row, and of what is made of them."""
INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""What Python itself may need to start. No key of ours is among what the process could find."""
LENGTH = 4


class CantRender(Exception):
    """A template can't be used. The message is half a sentence that says why.

    `heavy` ones ask for too much, and the half sentence goes on after "the template": "takes more than 2 seconds".
    """

    def __init__(self, reason: str, *, heavy: bool = False) -> None:
        super().__init__(reason)
        self.heavy = heavy


def packed(values: Mapping[str, Any]) -> str:
    """A row as JSON. Raises CantRender."""
    try:
        return json.dumps({"dict": [[name, portable(value)] for name, value in values.items()]})
    except (RecursionError, ValueError) as error:
        raise CantRender(f"a column can't be passed to it ({error})") from error


def _names(do: str, source: str, values: str) -> tuple[bytes, bytes, tuple[bytes, ...]]:
    """(a template's name, a request's, the request). Raises CantRender for what is too long."""
    if len(source) > LONGEST_SOURCE:
        raise CantRender(f"is longer than {LONGEST_SOURCE:,} characters", heavy=True)
    if len(values) > MOST_SENT:
        raise CantRender(f"a row is longer than {MOST_SENT // 2**20} MB")
    request = json.dumps({"do": do, "source": source}).encode(), values.encode()
    name = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return name, hashlib.blake2b(b"".join(request), digest_size=16).digest(), request


class _Ended(Exception):
    """The process ended before it answered, with this code."""


class Sandbox:
    """The process, what it rendered, and what it is not asked again. Safe to use from any thread, and after a fork."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._forget()

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def _forget(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._talking, self._noting = threading.Lock(), threading.Lock()
        self._known: OrderedDict[bytes, str | tuple[str, ...]] = OrderedDict()
        self._refused: OrderedDict[bytes, str] = OrderedDict()

    def columns(self, source: str) -> tuple[str, ...]:
        """The names that a prompt's template takes from its row. Raises CantRender."""
        columns = self._answer("columns", source, "")
        assert isinstance(columns, tuple)
        return columns

    def prompt(self, source: str, values: Mapping[str, Any]) -> str:
        """A prompt's template filled with a row. Raises CantRender."""
        return str(self._answer("prompt", source, packed(values)))

    def knows(self, source: str, values: Mapping[str, Any]) -> bool:
        """True if `prompt` answers at once."""
        try:
            return self._remembered(*_names("prompt", source, packed(values))[:2]) is not None
        except CantRender:
            return True

    def chat(self, source: str, values: Mapping[str, Any]) -> str:
        """A chat template rendered. Raises CantRender."""
        return str(self._answer("chat", source, json.dumps(values)))

    def close(self) -> None:
        """Ends the process."""
        if (process := self._process) is not None:
            self._process = None
            _end(process)

    def after_fork(self) -> None:
        """In a forked process: the renderer belongs to the parent, and our copies of its pipes must not keep it alive."""
        if (process := self._process) is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.returncode = 0  # it is not ours to wait for
        self._forget()

    def _answer(self, do: str, source: str, values: str) -> str | tuple[str, ...]:
        name, key, request = _names(do, source, values)
        if (known := self._remembered(name, key)) is not None:
            return known
        with self._talking:
            if (known := self._remembered(name, key)) is not None:  # asked by another thread while we waited
                return known
            reply = self._ask(request)
        if "error" in reply:
            reason, heavy = str(reply["error"]), bool(reply.get("heavy"))
            if heavy:
                with self._noting:
                    self._refused[name] = reason
                    _trim(self._refused, MOST_REFUSED)
            raise CantRender(reason, heavy=heavy)
        result = tuple(map(str, reply["columns"])) if do == "columns" else str(reply["text"])
        if len(result) <= LONGEST_REMEMBERED:
            with self._noting:
                self._known[key] = result
                _trim(self._known, MOST_REMEMBERED)
        return result

    def _remembered(self, name: bytes, key: bytes) -> str | tuple[str, ...] | None:
        """What is known of a request. Raises CantRender if its template was refused."""
        with self._noting:
            if (reason := self._refused.get(name)) is not None:
                raise CantRender(reason, heavy=True)
            if (known := self._known.get(key)) is not None:
                self._known.move_to_end(key)
            return known

    def _ask(self, request: tuple[bytes, ...]) -> dict[str, Any]:
        """The process's answer; in place of one that ended for no reason of the template's, a new one is asked."""
        code = 0
        for _ in range(2):
            try:
                return self._exchange(request)
            except TimeoutError:
                return {"error": f"takes more than {PATIENCE:g} seconds", "heavy": True}
            except _Ended as ended:
                code = ended.args[0]
                if hasattr(signal, "SIGPROF") and code == -signal.SIGPROF:
                    return {"error": f"takes more than {self.seconds:g} seconds", "heavy": True}
        return {"error": f"breaks the process that renders it (code {code})", "heavy": True}

    def _exchange(self, request: tuple[bytes, ...]) -> dict[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._start()
        try:
            _send(process, *request)
            reply = _read(process, PATIENCE)
        except (OSError, EOFError) as error:  # a TimeoutError is an OSError
            self._process = None
            code = _end(process, at_once=isinstance(error, TimeoutError))
            if isinstance(error, TimeoutError):
                raise
            raise _Ended(code) from error
        if reply.get("heavy"):
            self._process = None
            _end(process)
        return reply

    def _start(self) -> "subprocess.Popen[bytes]":
        self.close()
        script, *folders = _script()
        command = [sys.executable, "-I", "-S", script, f"{self.seconds:g}", *folders]
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        try:
            process = subprocess.Popen(
                command, env=environment, cwd=Path(script).parent, bufsize=0,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise CantRender(f"no process can be started for it ({error.strerror or error})") from error
        try:
            _read(process, STARTING)
        except (OSError, EOFError) as error:
            code = _end(process, at_once=True)
            raise CantRender(f"the process for it does not start (code {code})") from error
        self._process = process
        return process


@cache
def _script() -> list[str]:
    """The renderer, and where it finds what it imports: its Python looks nowhere by itself."""
    folders = []
    for name in ("jinja2", "markupsafe"):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        folders.append(str(Path(spec.origin).parent.parent))
    return [str(Path(__file__).with_name("renderer.py").resolve()), *dict.fromkeys(folders)]


def _send(process: "subprocess.Popen[bytes]", *frames: bytes) -> None:
    """Raises OSError if it does not listen."""
    assert process.stdin is not None
    data = memoryview(b"".join(len(frame).to_bytes(LENGTH) + frame for frame in frames))
    while data:
        data = data[process.stdin.write(data) :]


def _read(process: "subprocess.Popen[bytes]", within: float) -> dict[str, Any]:
    """The next message. Raises TimeoutError, EOFError where there is none, OSError where it is none of ours."""
    assert process.stdout is not None
    pipe, end, data, length = process.stdout.fileno(), time.monotonic() + within, bytearray(), 0
    with _timer(process, within):
        while len(data) < LENGTH + length:
            _wait(pipe, end)
            if not (piece := os.read(pipe, 1 << 20)):
                raise EOFError
            data += piece
            length = int.from_bytes(data[:LENGTH])
            if length > LONGEST_ANSWER:
                raise OSError("it says too much")
    try:
        message = json.loads(data[LENGTH:])
    except ValueError as error:
        raise OSError("it says something else") from error
    return message if isinstance(message, dict) else {}


def _wait(pipe: int, end: float) -> None:
    """Until there is something to read. Raises TimeoutError at `end`."""
    if sys.platform != "win32":
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError


@contextlib.contextmanager
def _timer(process: "subprocess.Popen[bytes]", within: float) -> Iterator[None]:
    """On Windows, whose pipes can't be waited for and whose processes have no clock of their own, ends one that takes long."""
    timer = threading.Timer(within, process.kill) if sys.platform == "win32" else None
    try:
        if timer is not None:
            timer.start()
        yield
    finally:
        if timer is not None:
            timer.cancel()


def _end(process: "subprocess.Popen[bytes]", *, at_once: bool = False) -> int:
    """Ends a process, and says with which code it did."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if at_once:
        process.kill()
    try:
        code = process.wait(1)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if process.stdout is not None:
        process.stdout.close()
    return code


def _trim(kept: "OrderedDict[bytes, Any]", most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


def portable(value: Any) -> Any:
    """A cell as JSON can carry it: {"date": "2024-07-26"} and the like for what JSON does not know.

    What is of no kind that a file can hold goes as its text.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, list):
        return [portable(item) for item in value]
    if isinstance(value, Mapping):
        return {"dict": [[portable(name), portable(item)] for name, item in value.items()]}
    if isinstance(value, (tuple, set, frozenset)):
        return {"tuple" if isinstance(value, tuple) else "set": [portable(item) for item in value]}
    if isinstance(value, (datetime, date, time_of_day)):
        kind = "datetime" if isinstance(value, datetime) else "date" if isinstance(value, date) else "time"
        return {kind: value.isoformat()}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)


SANDBOX = Sandbox()
"""The one of this process."""
atexit.register(SANDBOX.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SANDBOX.after_fork)
