"""The response is neither too short nor too long.

[[checks]]
kind = "length"
least = 20
most = 200
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from feedback.checks.base import Check, CheckResult, failed, passed
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text.chunking import BYTES_PER_TOKEN
from tasks.text.word_count import words
from tasks.types import Response, Row

UNITS = ("words", "tokens", "characters")


@dataclass(frozen=True, kw_only=True)
class Length(Check):
    """Passes between `least` and `most`, both included."""

    kind: ClassVar[str] = "length"
    title: ClassVar[str] = "Has a length"
    summary: ClassVar[str] = "The response is neither too short nor too long, in words, tokens or characters."

    least: int | None = setting(None, "The least length.")
    most: int | None = setting(None, "The greatest length.")
    unit: Literal["words", "tokens", "characters"] = setting(
        "words",
        f"What is counted. Tokens are an estimate: {BYTES_PER_TOKEN} bytes each. A Chinese or Japanese character is a word.",
        choices=UNITS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in UNITS:
            raise SettingsError(f"unit must be one of: {', '.join(UNITS)} (given: {self.unit!r}).", setting="unit")
        if self.least is None and self.most is None:
            raise SettingsError(
                f"The check {self.called} needs a least length, a greatest one, or both.", setting="least"
            )
        if (self.least is not None and self.least < 0) or (self.most is not None and self.most < 0):
            raise SettingsError("A length can't be below 0.", setting="least")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise SettingsError(
                f"No response is as long as {self.least} and as short as {self.most}: least must not be above most.",
                setting="least",
            )

    def verdict(self, row: Row, response: Response) -> CheckResult:
        length, unit = self._length(response.text), self.unit
        about = f"about {length:,} tokens ({BYTES_PER_TOKEN} bytes each)" if unit == "tokens" else f"{length:,} {unit}"
        if self.least is not None and length < self.least:
            return failed(f"{about}, fewer than {self.least:,}")
        if self.most is not None and length > self.most:
            return failed(f"{about}, more than {self.most:,}")
        return passed(about)

    def _length(self, text: str) -> int:
        if self.unit == "characters":
            return len(text)
        if self.unit == "tokens":
            return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
        return words(text)
