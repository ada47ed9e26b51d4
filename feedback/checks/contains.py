"""The response contains a text, or contains it not.

[[checks]]
kind = "contains"
text = "Sources:"
"""

from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed, quoted
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row


@dataclass(frozen=True, kw_only=True)
class Contains(Check):
    """Passes where the text is in the response."""

    kind: ClassVar[str] = "contains"
    title: ClassVar[str] = "Contains a text"
    summary: ClassVar[str] = "The response contains a text."

    text: str = setting("", "The text that must be in the response.")
    ignore_case: bool = setting(False, "Capital and small letters are the same.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.text:
            raise SettingsError(f"The check {self.called} needs a text to look for.", setting="text")

    def verdict(self, row: Row, response: Response) -> CheckResult:
        wanted, text = self.text, response.text
        if self.ignore_case:
            wanted, text = wanted.casefold(), text.casefold()
        if wanted in text:
            return passed(f"contains {quoted(self.text)}")
        return failed(f"does not contain {quoted(self.text)}")


@dataclass(frozen=True, kw_only=True)
class ContainsNot(Check):
    """Passes where the text is not in the response."""

    kind: ClassVar[str] = "contains-not"
    title: ClassVar[str] = "Does not contain a text"
    summary: ClassVar[str] = "The response does not contain a text."

    text: str = setting("", "The text that must not be in the response.")
    ignore_case: bool = setting(False, "Capital and small letters are the same.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.text:
            raise SettingsError(f"The check {self.called} needs a text to look for.", setting="text")

    def verdict(self, row: Row, response: Response) -> CheckResult:
        result = Contains(text=self.text, ignore_case=self.ignore_case).verdict(row, response)
        return CheckResult(not result.passed, result.reason)
