"""The response does not copy the prompt.

[[checks]]
kind = "copied"
words = 12
"""

from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed, quoted
from tasks.elimination import PUNCTUATION
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text.word_count import spaced
from tasks.types import Response, Row

LONGEST = 200_000
"""Characters of prompt and response that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Copied(Check):
    """Passes where the response has no long passage of the conversation before it, whatever its case and punctuation."""

    kind: ClassVar[str] = "copied"
    title: ClassVar[str] = "Does not copy the prompt"
    summary: ClassVar[str] = "The response has no passage of so many words that stands in the prompt."

    words: int = setting(12, "So many words in a row, as they stand in the prompt, are a copy.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 3 <= self.words <= 1000:
            raise SettingsError(f"words must be from 3 to 1000 (given: {self.words}).", setting="words")

    def verdict(self, row: Row, response: Response) -> CheckResult:
        prompt = {passage for m in row.messages if m["role"] != "assistant" for passage in self._passages(m["content"])}
        if not prompt:
            return passed("the prompt is shorter than that")
        for passage in self._passages(response.text):
            if passage in prompt:
                return failed(f"stands in the prompt: {quoted(passage, 80)}")
        return passed("copies nothing")

    def _passages(self, text: str) -> list[str]:
        words = [bare for word in spaced(text[:LONGEST]).casefold().split() if (bare := word.strip(PUNCTUATION))]
        return [" ".join(words[k : k + self.words]) for k in range(len(words) - self.words + 1)]
