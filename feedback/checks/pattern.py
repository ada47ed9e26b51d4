"""The response matches a regular expression, which is given a limited time.

[[checks]]
kind = "regex"
pattern = '\\bISBN [0-9-]{13,17}\\b'
"""

from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, quoted
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text import bounded
from tasks.types import Response, Row


@dataclass(frozen=True, kw_only=True)
class Matches(Check):
    """Passes where the pattern matches; with `absent` where it does not."""

    kind: ClassVar[str] = "regex"
    title: ClassVar[str] = "Matches a regular expression"
    summary: ClassVar[str] = "The response matches a regular expression, somewhere or as a whole."

    pattern: str = setting("", "The regular expression, in Python's notation.")
    whole: bool = setting(False, "It must match the whole response, not only a part.")
    ignore_case: bool = setting(False, "Capital and small letters are the same.")
    absent: bool = setting(False, "Pass where it does not match.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.pattern:
            raise SettingsError(f"The check {self.called} needs a regular expression.", setting="pattern")
        bounded.pattern(self.pattern, ignore_case=self.ignore_case)

    def verdict(self, row: Row, response: Response) -> CheckResult:
        compiled = bounded.pattern(self.pattern, ignore_case=self.ignore_case)
        try:
            matches = bounded.search(compiled, response.text, whole=self.whole)
        except bounded.OutOfTime:
            return failed(f"the expression {quoted(self.pattern, 30)} took too long")
        reason = f"{'matches' if matches else 'does not match'} {quoted(self.pattern)}"
        return CheckResult(matches != self.absent, reason)
