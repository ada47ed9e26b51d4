"""The app's log: a line of JSON for each event, in files that only their owner can read, and that take the place of the oldest.

{"time": "2026-11-20T09:30:00.250+00:00", "level": "info", "logger": "claywright", "event": "job ended", "what": "work",
 "run": "tides-3f2a", "seconds": 61.2, "state": "done"}

No line holds what a row or an error says: an event is a constant of the code, an exception is told by its class and by the places
that it came through. What is left is masked, so that no key is in it, wherever it came from.
"""

import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from app.errors import ServiceError
from app.file_locks import private_folder, shut
from tasks.models.secrets import mask

OURS = "claywright"
"""The logger whose events are constants of our code; of others only the place is told."""
LARGEST, FILES = 5_000_000, 5
"""Bytes of a file, and how many there are, the newest included."""
MOST_A_MINUTE = 600
"""Lines of one event: whoever makes the app write more does not drive out what was written before."""
MOST_FRAMES, MOST_CAUSES = 40, 5
"""Places of an exception, those where it was raised, and exceptions behind it."""
PACKAGE = Path(__file__).resolve().parents[3]

log = logging.getLogger(OURS)


def note(event: str, *, level: int = logging.INFO, error: BaseException | None = None, **values: object) -> None:
    """Writes a line with these values; nothing where no log is kept. `event` is a constant."""
    log.log(level, event, exc_info=error, extra={"values": values})


@contextlib.contextmanager
def log_to(
    path: Path, secrets: Callable[[], Collection[str]], *, largest: int = LARGEST, files: int = FILES
) -> Iterator[None]:
    """Keeps the log in a file, and says on the terminal what was said there before. `secrets` is what must not be in it.

    Raises ServiceError where the file can't be written.
    """
    try:
        private_folder(path.parent)
        file = _PrivateFile(path, maxBytes=largest, backupCount=files - 1, encoding="utf-8")
    except OSError as error:
        raise ServiceError(f"The log {path} can't be written: {error.strerror}. Make its folder writable.") from error
    file.setFormatter(_JsonLines(secrets))
    file.addFilter(_Flood())
    root, level = logging.getLogger(), log.level
    handlers: list[logging.Handler] = [file] if root.handlers else [file, _terminal()]
    for handler in handlers:
        root.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
        file.close()


class _PrivateFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        shut(Path(self.baseFilename))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - it is logging's own
        """Where a line can't be written, nobody's work ends for that; the terminal would be told what it may not hold."""


def _terminal() -> logging.Handler:
    """What Python does where nobody handles a record, but for lines that are for the log alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.lastResort.formatter if logging.lastResort else None)
    handler.addFilter(lambda record: not hasattr(record, "values"))
    return handler


class _Flood(logging.Filter):
    """Lets so many lines of one event through in a minute; the next one after that says how many were left out."""

    def __init__(self, most: int = MOST_A_MINUTE) -> None:
        super().__init__()
        self.most = most
        self._seen: dict[tuple[object, ...], tuple[int, int]] = {}
        """{event: (minute, lines in it)}."""

    def filter(self, record: logging.LogRecord) -> bool:
        event = (record.msg,) if record.name == OURS else (record.pathname, record.lineno)
        minute, (last, lines) = int(record.created // 60), self._seen.get(event, (0, 0))
        if minute != last:
            record.left_out = max(0, lines - self.most)
            lines = 0
        self._seen[event] = (minute, lines + 1)
        return lines < self.most


class _JsonLines(logging.Formatter):
    """A record as a line of JSON without anything secret."""

    def __init__(self, secrets: Callable[[], Collection[str]]) -> None:
        super().__init__()
        self.secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        if record.name == OURS:
            line["event"] = str(record.msg)  # without its arguments, which come from elsewhere
        else:
            line |= {"event": "another library's message", "location": f"{_relative(record.pathname)}:{record.lineno}"}
        line |= getattr(record, "values", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
        if left_out := getattr(record, "left_out", 0):
            line["left_out"] = left_out
        return json.dumps(_masked(line, self.secrets()), ensure_ascii=True)


def describe(error: BaseException) -> list[dict[str, Any]]:
    """An exception and those behind it: {"type", "frames": [file:line function]} each. Nothing of what they say."""
    described: list[dict[str, Any]] = []
    following: BaseException | None = error
    while following is not None and len(described) < MOST_CAUSES:
        frames = [
            f"{_relative(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}"
            for frame, line in traceback.walk_tb(following.__traceback__)
        ]
        described.append({"type": type(following).__name__, "frames": frames[-MOST_FRAMES:]})
        following = following.__cause__ or following.__context__
    return described


def _relative(file: str) -> str:
    """A file of ours or of a library, without the folders of this machine."""
    path = Path(file)
    for folder in (PACKAGE, Path(sys.prefix), Path(sys.base_prefix)):
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).parts
            known = parts.index("site-packages") + 1 if "site-packages" in parts else 0
            return "/".join(parts[known:])
    return path.name


def _masked(value: Any, secrets: Collection[str]) -> Any:
    """The same with stars for whatever of it is secret."""
    if isinstance(value, dict):
        return {key: _masked(part, secrets) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(part, secrets) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else mask(str(value), secrets)
