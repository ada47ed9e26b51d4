"""The response does not refuse.

[[checks]]
kind = "refusal"
"""

from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed
from tasks.elimination import refuses
from tasks.types import Response, Row


@dataclass(frozen=True, kw_only=True)
class Refusal(Check):
    """Passes where the response does not decline, told by the same words as the flag “refusal”."""

    kind: ClassVar[str] = "refusal"
    title: ClassVar[str] = "Does not refuse"
    summary: ClassVar[str] = "The response does not decline in its first words, as the flag “refusal” tells it."

    def verdict(self, row: Row, response: Response) -> CheckResult:
        return failed("declines in the first words") if refuses(response.text) else passed("does not refuse")
