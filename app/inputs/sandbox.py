"""A process of its own for files that only libraries can read which nothing stops: PDF, Word, HTML, Parquet, Arrow
and spreadsheets.

It has a limit of memory and one of time, and none of this process's variables; it ends with what is read, or is ended. It gets
an open file, never a path, and answers in values (app/inputs/messages.py): who takes it over runs no code in this process. Where
the system has no such limits (Windows), such files are read in this process.
"""

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from multiprocessing.connection import Connection
from typing import IO, Any

from app.inputs import documents, messages, tabular
from app.inputs.files import Say, Source, Still
from app.inputs.table import LONGEST_LINE, Rows, TableOptions
from tasks.errors import InputError

MEMORY = 800 * 2**20
"""Bytes of address space, the program's own 250 MB included."""
IDLE = 30.0
"""Seconds that a process waits for the next file before it ends."""
PATIENCE = 60.0
"""Seconds for one document, or for some rows of a file."""
ASK_EVERY = 0.1
TOGETHER = 256
"""Rows that are sent together, at most."""
PART = 2**20
"""Characters of rows that are sent together, or of one row that is larger."""
LARGEST_ROW = LONGEST_LINE * 4 // 3
"""Characters of a row as it is sent: JSON takes more room than its values."""
MORE, FORGET = b"more", b"forget"
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
LEAN = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Else the libraries reserve more room than they use."""
CONFINED = sys.platform != "win32"
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from importlib import import_module; import_module({!r}).serve()"


class Sandbox:
    """Reads for one input, in one process that starts when it is first needed. Use it as a context manager."""

    def __init__(self, still: Still) -> None:
        self._still = still
        self._child: _Child | None = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            IDLE_CHILD.keep(self._child)
            self._child = None

    def document(self, source: Source) -> tuple[str, str]:
        """(title, content), as `documents.read` reads them. Raises InputError or OSError."""
        with self._file(source) as file:
            if not CONFINED:
                return documents.read(_of(file, source))
            (document,), _ = self._asked(source, file)
            return str(document["title"]), str(document["content"])

    def rows(self, source: Source, options: TableOptions, say: Say) -> Rows:
        """As its reader of `tabular` reads them. Raises InputError or OSError."""
        with self._file(source) as file:
            if not CONFINED:
                yield from tabular.READERS[source.suffix](_of(file, source), options, say)
                return
            some, sentences = self._asked(source, file, options)
            while some:
                for sentence in sentences:
                    say(sentence)
                yield from some
                some, sentences = self._asked(source)

    @contextlib.contextmanager
    def _file(self, source: Source) -> Iterator[IO[bytes]]:
        """The source as a file of the system's; what is packed gets a nameless one."""
        with source.open() as opened:
            try:
                opened.fileno()
            except OSError:
                with tempfile.TemporaryFile() as own:
                    shutil.copyfileobj(opened, own, 2**20)
                    own.flush()
                    own.seek(0)
                    yield own
            else:
                yield opened

    def _asked(
        self, source: Source, file: IO[bytes] | None = None, options: TableOptions | None = None
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """(rows, sentences) that the process answers with: to a file, or to being asked for more. A document is a row."""
        try:
            child = self._child = self._child or IDLE_CHILD.take() or _Child.started()
            child.ask(source, file, options)
            until = time.monotonic() + PATIENCE
            while not child.ends.poll(ASK_EVERY):
                self._still()
                if time.monotonic() > until:
                    raise InputError(f"{source.name} takes longer than {PATIENCE:.0f} seconds to read. {HELP}")
            rows, refusal, sentences = messages.opened(child.received())
            if file is not None and options is None and not refusal:
                _check_document(rows)
        except (EOFError, ConnectionError, ValueError) as error:
            self._end()
            raise InputError(
                f"{source.name} can't be read: it takes too much memory or time, or is damaged. {HELP}"
            ) from error
        except BaseException:
            self._end()
            raise
        if refusal:
            raise InputError(refusal)
        return rows, sentences

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


HELP = "Split it, or save its text as Markdown or its rows as .jsonl."


@dataclass
class _Child:
    process: "subprocess.Popen[bytes]"
    ends: Connection
    rested: float = 0.0

    @staticmethod
    def started() -> "_Child":
        import socket

        own_end, child_end = socket.socketpair()
        with child_end:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", START.format(__name__), json.dumps(sys.path), str(child_end.fileno())],
                env={**{name: os.environ[name] for name in KEPT if name in os.environ}, **LEAN},
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process: what was begun is finished
            )  # fmt: skip
        return _Child(process, Connection(own_end.detach()))

    def ask(self, source: Source, file: IO[bytes] | None, options: TableOptions | None) -> None:
        from multiprocessing.reduction import send_handle

        if file is None:
            self.ends.send_bytes(MORE)
            return
        described = [source.name, source.suffix, source.inside, astuple(options or TableOptions())]
        self.ends.send_bytes(json.dumps(described).encode())
        send_handle(self.ends, file.fileno(), self.process.pid)

    def received(self) -> bytes:
        """The next message. Raises EOFError, ConnectionError or ValueError."""
        try:
            return self.ends.recv_bytes(MEMORY)
        except ConnectionError:
            raise
        except OSError as error:  # longer than what the process may hold
            raise ValueError(str(error)) from error

    def end(self) -> None:
        self.ends.close()
        self.process.kill()
        self.process.wait()


class IdleChild:
    """At most one process that rests: what reads one input after another needs no new one for each."""

    def __init__(self) -> None:
        self.child: _Child | None = None
        self._lock = threading.Lock()

    def take(self) -> _Child | None:
        """The process that rests; None where there is none, or it is about to end by itself."""
        with self._lock:
            child, self.child = self.child, None
            if child is not None and time.monotonic() - child.rested >= IDLE / 2:
                child.end()
                return None
            return child

    def keep(self, child: _Child) -> None:
        """Lets the process rest until the next input; ends it where another one does so already."""
        with contextlib.suppress(OSError), self._lock:
            if self.child is None:
                child.ends.send_bytes(FORGET)
                child.rested = time.monotonic()
                self.child = child
                return
        child.end()

    def end(self) -> None:
        """Ends the process that rests."""
        with self._lock:
            child, self.child = self.child, None
            if child is not None:
                child.end()


IDLE_CHILD = IdleChild()
"""The one of this process: it ends with it."""
atexit.register(IDLE_CHILD.end)


def _of(file: IO[bytes], source: Source) -> Source:
    return Source(
        source.name,
        source.suffix,
        (),
        source.inside,
        lambda: open(os.dup(file.fileno()), "rb"),  # noqa: PTH123 - a file that is open already has no path
    )


def _check_document(rows: list[dict[str, Any]]) -> None:
    if len(rows) != 1 or not {"title", "content"} <= rows[0].keys():
        raise ValueError("no document")


def serve() -> None:
    """The process's own part: reads the files that it is sent, until there are no more."""
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ends = Connection(int(sys.argv[2]))
    name = ""
    rows: Iterator[tuple[int, dict[str, Any]]] | None = None
    sentences: list[str] = []
    while True:
        if rows is None and not ends.poll(IDLE):
            return
        try:
            request = ends.recv_bytes()
        except EOFError:
            return
        if request == FORGET:
            rows = None
            continue
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)  # its default is to end the process, whatever it does
        message, some, refusal = messages.Message(), list[str](), ""
        sentences.clear()
        try:
            if request != MORE:
                name, suffix, inside, options = json.loads(request)
                source = _sent(ends, name, suffix, inside)
                if suffix in documents.READERS:
                    rows = None
                    title, content = documents.read(source)
                    some.append(message.packed({"title": title, "content": content}))
                else:
                    rows = enumerate(tabular.READERS[suffix](source, TableOptions(*options), sentences.append), 1)
            if rows is not None and not (some := _some(name, rows, message)):
                rows = None
        except InputError as error:
            refusal = str(error)
        except MemoryError:
            refusal = f"{name} takes more memory to read than there is for it. {HELP}"
        signal.setitimer(signal.ITIMER_REAL, 0)
        ends.send_bytes(message.sealed([] if refusal else some, refusal, sentences))


def _sent(ends: Connection, name: str, suffix: str, inside: str) -> Source:
    from multiprocessing.reduction import recv_handle

    descriptor = recv_handle(ends)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return Source(name, suffix, (), inside, lambda: os.fdopen(descriptor, "rb"))


def _some(name: str, rows: Iterator[tuple[int, dict[str, Any]]], message: messages.Message) -> list[str]:
    """The next rows, packed; none where there are no more."""
    some: list[str] = []
    for number, row in rows:
        before = message.size
        some.append(message.packed(row))
        if message.size - before > LARGEST_ROW:
            raise InputError(
                f"{name}, row {number} is larger than {LONGEST_LINE // 10**6} MB. Leave its largest column out."
            )
        if message.size >= PART or len(some) >= TOGETHER:
            break
    return some
