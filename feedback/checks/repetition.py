"""The response does not repeat itself.

[[checks]]
kind = "repetition"
most = 20
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed, quoted
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text.word_count import spaced
from tasks.types import Response, Row

LENGTH = 6
"""Words in a row that are a passage."""
LEAST = 4
"""So many passages must have come before: two lines of a song do not repeat a text."""
LONGEST = 600_000
"""Characters that are looked at, from the end: a response that loops does so until it is cut off."""
RUN = re.compile(r"([^\W_])\1{39}")
"""One letter or digit 40 times."""
LOOP = re.compile(r"(?=(\S{2,12}?)\1{9})\S")
"""A few characters 10 times, without a space."""


@dataclass(frozen=True, kw_only=True)
class Repetition(Check):
    """Passes where no more than a part of the response stands in it before, six words at a time."""

    kind: ClassVar[str] = "repetition"
    title: ClassVar[str] = "Does not repeat itself"
    summary: ClassVar[str] = (
        "Not much of the response stands in it twice, in passages of six words or in one letter again and again."
    )

    most: int = setting(
        20, "Percent of the passages of six words that may have come before in the response, from 0 to 100."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.most <= 100:
            raise SettingsError(f"most must be from 0 to 100, in percent (given: {self.most}).", setting="most")

    def verdict(self, row: Row, response: Response) -> CheckResult:
        text = response.text[-LONGEST:]
        if (run := RUN.search(text)) is not None:
            return failed(f"{quoted(run[1])} again and again")
        words = spaced(text).casefold().split()
        for word in {word for word in words if len(word) >= 20}:
            if (loop := LOOP.search(word[:2_000])) is not None and loop[1].strip(loop[1][0]) and loop[1].isalnum():
                return failed(f"{quoted(loop[1])} again and again")
        seen: set[tuple[str, ...]] = set()
        repeated, first = 0, ""
        passages = len(words) - LENGTH + 1
        for passage in zip(*(words[k:] for k in range(LENGTH)), strict=False):
            if passage in seen:
                repeated += 1
                first = first or " ".join(passage)
            else:
                seen.add(passage)
        if repeated >= LEAST and 100 * repeated > self.most * passages:
            return failed(f"{100 * repeated // passages} % came before, as {quoted(first)}")
        return passed("does not repeat itself" if not repeated else f"{100 * repeated // passages} % came before")
