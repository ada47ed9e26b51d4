"""The response does not copy the prompt.

[[checks]]
kind = "copied"
words = 12
"""

from collections.abc import Iterator, Sequence
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

PRIME, BASE = 2**61 - 1, 1_000_003
"""Of the hashes of passages."""


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
        numbers: dict[str, int] = {}
        prompt: dict[
            int, tuple[list[str], int]
        ] = {}  # where a passage begins, by its hash: the passages would be too much
        for message in row.messages:
            if message["role"] != "assistant":
                words = _words(message["content"])
                prompt.update((key, (words, at)) for at, key in enumerate(self._hashes(words, numbers)))
        if not prompt:
            return passed("the prompt is shorter than that")
        words = _words(response.text)
        for at, key in enumerate(self._hashes(words, numbers)):
            if key in prompt:
                there, start = prompt[key]
                passage = words[at : at + self.words]
                if passage == there[start : start + self.words]:
                    return failed(f"stands in the prompt: {quoted(' '.join(passage), 80)}")
        return passed("copies nothing")

    def _hashes(self, words: Sequence[str], numbers: dict[str, int]) -> Iterator[int]:
        """A hash of each passage, made from that of the one before. `numbers` are those of words, the same for the same word."""
        values = [numbers.setdefault(word, len(numbers) + 1) for word in words]
        first, key = pow(BASE, self.words, PRIME), 0
        for k, value in enumerate(values):
            key = (key * BASE + value) % PRIME
            if k >= self.words:
                key = (key - first * values[k - self.words]) % PRIME
            if k >= self.words - 1:
                yield key


def _words(text: str) -> list[str]:
    return [bare for word in spaced(text[:LONGEST]).casefold().split() if (bare := word.strip(PUNCTUATION))]
