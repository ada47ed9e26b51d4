"""What keeps checks and schemas from running on: regular expressions that end in time, Python code stopped at a deadline."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType
from typing import TYPE_CHECKING, Any

from tasks.errors import SettingsError

if TYPE_CHECKING:
    import regex

SECONDS, PATTERN_SECONDS = 0.5, 0.3
"""Of the processor, for one response; and for a regular expression, which seldom looks at the clock."""
LONGEST_PATTERN = 2_000
PROBE, PROBE_SECONDS, MOST_PROBES = 64, 0.2, 12
"""Characters of a text that a pattern is tried on before it is taken, seconds for it, and how many such texts."""
EVERY = 63
"""Calls between two looks at the clock, a power of 2 less 1."""


class OutOfTime(BaseException):
    """The deadline has passed. No handler of a library's may take it for one of its own errors."""


@contextmanager
def time_limit(packages: Sequence[str], seconds: float = SECONDS) -> Iterator[None]:
    """Raises OutOfTime in the code within, once it takes longer: at one of the next calls in one of the `packages`, in Python.

    Never elsewhere: what Python calls where objects go (a collector's or a weak reference's callback, `__del__`) loses an error,
    and Python then takes away what looks at the clock, so that the code would run on for ever.
    """
    until, calls, late, over, before = time.thread_time() + seconds, 0, False, False, sys.getprofile()

    def look(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal calls, late
        calls += 1
        if not late and not calls & EVERY:
            late = time.thread_time() > until
        if late and not over and _is_of(frame, packages):
            raise OutOfTime

    sys.setprofile(look)
    try:
        yield
    finally:
        over = True
        sys.setprofile(before if callable(before) else None)


def _is_of(frame: FrameType, packages: Sequence[str]) -> bool:
    """True in code of one of the packages that none of its own `__del__` called."""
    if str(frame.f_globals.get("__name__")).partition(".")[0] not in packages:
        return False
    caller: FrameType | None = frame
    while caller is not None and caller.f_code.co_name != "__del__":
        caller = caller.f_back
    return caller is None


@lru_cache(maxsize=256)
def pattern(source: str, *, ignore_case: bool = False) -> "regex.Pattern[str]":
    """A regular expression that ends: one that is long, wrong, or runs on for a short text raises SettingsError."""
    import regex

    if len(source) > LONGEST_PATTERN:
        raise SettingsError(f"A regular expression takes {LONGEST_PATTERN:,} characters at most.", setting="pattern")
    try:
        with time_limit(("regex",), 2 * SECONDS):
            compiled = regex.compile(source, regex.IGNORECASE if ignore_case else 0)
    except (regex.error, RecursionError, OverflowError, MemoryError, ValueError, IndexError) as error:
        raise SettingsError(
            f"The regular expression can't be read: {str(error) or 'nested too deeply'}.", setting="pattern"
        ) from error
    except OutOfTime:
        raise SettingsError(
            "The regular expression takes too long to be read. Shorten it.", setting="pattern"
        ) from None
    letters = dict.fromkeys([*filter(str.isalnum, source), "a", "0", " "])
    for letter in [*letters][:MOST_PROBES]:
        if not ends(compiled, letter * PROBE + "\0", PROBE_SECONDS):
            raise SettingsError(
                f"The regular expression runs on for a text of {PROBE} × “{letter}”: repeated parts within repeated parts, as"
                " (a+)+, can be told apart in too many ways. Write each part so that it can match in one way.",
                setting="pattern",
            )
    return compiled


def ends(compiled: "regex.Pattern[str]", text: str, seconds: float) -> bool:
    """True where a search in the text ends in time."""
    try:
        compiled.search(text, timeout=seconds, concurrent=True)
    except (TimeoutError, MemoryError):
        return False
    return True


def search(compiled: "regex.Pattern[str]", text: str, *, whole: bool = False, seconds: float = PATTERN_SECONDS) -> bool:
    """True where the pattern matches somewhere in the text, or with `whole` all of it. Raises OutOfTime."""
    look = compiled.fullmatch if whole else compiled.search
    try:
        return look(text, timeout=seconds, concurrent=True) is not None
    except (TimeoutError, MemoryError):
        raise OutOfTime from None
