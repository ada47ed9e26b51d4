"""The response is in a language.

[[checks]]
kind = "language"
language = "de"
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed
from feedback.checks.code_blocks import without_code
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row

LONGEST = 5_000
"""Characters that are looked at."""
DOUBT = 0.2
"""A language that is so likely, beside the likeliest, may be it: short texts can't be told for sure."""
LANGUAGES = (
    "af", "am", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et", "eu",
    "fa", "fi", "fr", "ga", "gl", "gu", "ha", "he", "hi", "hr", "ht", "hu", "hy", "id", "is", "it", "ja", "ka", "kk",
    "km", "kn", "ko", "ku", "ky", "la", "lb", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne",
    "nl", "nn", "no", "pa", "pl", "ps", "pt", "ro", "ru", "si", "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "te",
    "tg", "th", "tl", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "xh", "yo", "zh", "zu",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Language(Check):
    """Passes where the text is in the language, or too short to be told from it, as a number. Code blocks do not count."""

    kind: ClassVar[str] = "language"
    title: ClassVar[str] = "Is in a language"
    summary: ClassVar[str] = "The response is written in a language."
    version: ClassVar[int] = 2

    language: str = setting("en", "The language by its code of two letters: en, de, fr, zh and so on.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.language not in LANGUAGES:
            raise SettingsError(
                f"There is no language '{self.language[:20]}'. Known: {', '.join(LANGUAGES)}.", setting="language"
            )

    def verdict(self, row: Row, response: Response) -> CheckResult:
        text = without_code(response.text)[:LONGEST]
        if not any(map(str.isalpha, text)):
            return passed("no words to tell it by") if response.text.strip() else failed("empty")
        likely = dict(_detector().rank(text)[:5])
        best = max(likely, key=lambda name: likely[name])
        if best == self.language or likely.get(self.language, 0.0) >= DOUBT * likely[best]:
            return passed(f"is in {self.language}")
        return failed(f"is in {best}, not {self.language}")


@lru_cache(maxsize=1)
def _detector() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
