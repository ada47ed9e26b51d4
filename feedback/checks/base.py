"""What a check is: a frozen dataclass whose fields are its settings, with a verdict on one response at a time.

The form in the page and the keys in a recipe come from the fields (tasks/settings.py), as those of tasks do.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row

LONGEST_NAME, LONGEST_RESPONSE = 40, 1_000_000
NOT_SETTINGS = ("name", "reject")
"""What decides nothing about a verdict."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a response passes, and why, in a few words that can follow a colon."""

    passed: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of a response. No input, however hostile, makes its verdict take longer than a second."""

    kind: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    """What passes, in a sentence."""
    version: ClassVar[int] = 1
    """Goes up with a change that gives other verdicts: responses are then checked again."""

    name: str = setting("", "What the check is called on cards, in filters and exports; empty takes its kind.")
    reject: bool = setting(
        False, "Reject what fails: such a response counts as rejected unless a person approves the row.", label="Reject"
    )

    def __post_init__(self) -> None:
        if len(self.name) > LONGEST_NAME or not self.name.isprintable():
            raise SettingsError(
                f"The name of a check takes {LONGEST_NAME} characters at most, in one line.", setting="name"
            )
        if self.name != self.name.strip() or "," in self.name or self.name in ("all", "any", "none"):
            raise SettingsError(
                "The name of a check can't begin or end with a space, hold a comma, or be all, any or none.",
                setting="name",
            )

    @property
    def called(self) -> str:
        """The check's name, by default its kind."""
        return self.name or self.kind

    @property
    def identity(self) -> str:
        """Names what decides a verdict: the kind, its version and its settings. A verdict is kept under it."""
        settings = {name: value for name, value in asdict(self).items() if name not in NOT_SETTINGS}
        parts = [self.kind, self.version, settings]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def result(self, row: Row, response: Response) -> CheckResult:
        """Whether the response to the row passes; one longer than any answer is not looked at. Raises nothing."""
        if len(response.text) > LONGEST_RESPONSE:
            return failed(f"too long to check: more than {LONGEST_RESPONSE:,} characters")
        try:
            return self.verdict(row, response)
        except (ValueError, ArithmeticError, RecursionError, MemoryError):
            return failed("can't be checked")

    def verdict(self, row: Row, response: Response) -> CheckResult:
        """The same of a response of any likely length: what each kind of check says for itself."""
        raise TypeError(f"{type(self).__name__} does not say what passes")


def passed(reason: str) -> CheckResult:
    return CheckResult(True, reason)


def failed(reason: str) -> CheckResult:
    return CheckResult(False, reason)


def quoted(text: str, most: int = 60) -> str:
    """A text as a reason names it: in quotes, one line, cut where it is long."""
    return f"“{one_line(text, most)}”"


def one_line(text: str, most: int) -> str:
    """A text in one line, cut where it is long, without what moves or turns writing."""
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text[: 4 * most].split()))
    return f"{line[:most]}…" if len(line) > most or len(text) > 4 * most else line


def identity_of(checks: Sequence[Check]) -> str:
    """Names all checks of a recipe: a row with this mark lacks no verdict. "" for none."""
    if not checks:
        return ""
    return hashlib.sha256(" ".join(sorted(check.identity for check in checks)).encode()).hexdigest()[:16]
