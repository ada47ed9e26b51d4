"""How many words a text has, in scripts with spaces and without."""

import re

SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]++")
"""Kana and Han: written without spaces, a character is about a word."""


def words(text: str) -> int:
    """How many words a text has, by its spaces; of Chinese and Japanese, how many characters."""
    return len(spaced(text).split())


def spaced(text: str) -> str:
    """The text with spaces around each word that is written without."""
    if text.isascii():
        return text
    return SCRIPT.sub(lambda run: f" {' '.join(run[0])} ", text)
