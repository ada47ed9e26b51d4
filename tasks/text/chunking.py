"""Cutting long documents into passages, at paragraphs where it can be done.

The cut depends on the text and the size alone, never on a model or a run: the same document always gives the same passages.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

BYTES_PER_TOKEN = 4
"""Roughly, for the tokenizers in use: English has one character a byte, Chinese three bytes and most of a token a character."""
SLAB = 200_000
"""Characters that are cut in one go: the library takes a time that grows with the square of a text without spaces."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document, trimmed: `text` is what stands from character `start` up to `end` of it."""

    text: str
    start: int
    end: int


def passages(document: str, tokens: int) -> Iterator[Passage]:
    """The passages of a document, each of about `tokens` tokens at most; none for a blank one.

    Passages are of similar length: a document that is a little too long gives two halves, not a whole and a scrap.
    """
    shown = document.encode("utf-8", "replace")
    most = max(1, tokens * BYTES_PER_TOKEN * len(document) // max(1, len(shown)))
    trimmed = document.strip()
    if len(trimmed) <= most:
        if trimmed:
            start = len(document) - len(document.lstrip())
            yield Passage(trimmed, start, start + len(trimmed))
        return
    from semantic_text_splitter import TextSplitter

    number = math.ceil(len(trimmed) / most)
    splitter = TextSplitter((math.ceil(len(trimmed) / number), most))
    whole = shown.decode("utf-8")  # as long as the document: a lone surrogate is a question mark in it
    for begin, end in _slabs(whole, max(SLAB, 4 * most)):
        for at, chunk in splitter.chunk_indices(whole[begin:end]):
            start = begin + at
            yield Passage(document[start : start + len(chunk)], start, start + len(chunk))


def _slabs(text: str, size: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of parts of at most `size` characters, cut at a blank line, else at a line, a space or anywhere."""
    begin = 0
    while len(text) - begin > size:
        cuts = (text.rfind(mark, begin + size // 2, begin + size) for mark in ("\n\n", "\n", " "))
        end = next((cut for cut in cuts if cut > 0), begin + size)
        yield begin, end
        begin = end
    yield begin, len(text)
