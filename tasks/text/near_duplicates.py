"""Whether a text is new: its ROUGE-L similarity (Lin 2004) to every text that is there, found without comparing all pairs.

SelfInstruct (arXiv 2212.10560, section 2.2) takes an instruction into its pool only if it is less than 0.7 similar to all
that are in it.

    >>> known = Novelty(0.7)
    >>> known.add("Name three rivers in France.")
    >>> known.nearest("Name two rivers in France!")
    (0.8, 'Name three rivers in France.')
"""

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

UNSPACED = (
    "\u0e00-\u0eff\u0f40-\u0fbc\u1000-\u109f\u1780-\u17d3\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
"""Scripts that put no space between words: Thai, Lao, Tibetan, Burmese, Khmer, kana and Han."""
MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
"""Vowel signs and accents, which `re` takes for the end of a word."""
WORD = re.compile(rf"[{UNSPACED}]|(?:[^\W_{UNSPACED}]|[{MARKS}])+")
LOOKED_AT = 20_000
"""Characters of a text that are compared: what is alike so far is alike."""
BITS = 16
MOST = (1 << BITS) - 1
"""How a place is packed beside the number of its text; a place behind the last counts as that, which only tests more."""


def words(text: str) -> list[str]:
    """The words that count: letters and digits in lower case; single characters of scripts without spaces.

    A text without any is one word, so that it is similar to itself.
    """
    folded = unicodedata.normalize("NFKC", text[:LOOKED_AT]).casefold()
    return WORD.findall(folded) or folded.split()


def similarity(text: str, other: str) -> float:
    """The ROUGE-L F-measure of two texts, from 0 to 1: twice their longest common subsequence of words over all words."""
    ours, theirs = words(text), words(other)
    if not ours or not theirs:
        return 0.0
    return 2 * _common(_positions(ours), len(ours), theirs) / (len(ours) + len(theirs))


class Novelty:
    """Texts, asked for the one most similar to a new one. The answer is that of comparing all pairs.

    Two texts that are similar enough share many words. So if the words of both are put in one order, one of the first few
    of either must be among the first few of the other: only these are in the index. The order is that of first appearance,
    the newest first, as rare words are not met early. A word's second occurrence in a text counts as a word of its own, its
    third likewise.
    """

    def __init__(self, threshold: float) -> None:
        """`threshold` is above 0; at 1 only texts of the same words are similar."""
        self.threshold = threshold
        self._texts: list[str] = []
        self._words: list[array[int]] = []
        self._longest = 0
        self._numbers: dict[tuple[str, int], int] = {}
        self._with: dict[int, array[int]] = {}  # the texts that a word is among the first of, with its place there

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str) -> None:
        """Takes a text in. One without words is similar to none, and is left out."""
        tokens = words(text)
        if not tokens:
            return
        for name in _counted(tokens):
            self._numbers.setdefault(name, len(self._numbers))
        order = sorted((self._numbers[name] for name in _counted(tokens)), reverse=True)
        number = len(self._texts)
        for position, word in enumerate(order[: self._first(len(tokens))]):
            self._with.setdefault(word, array("Q")).append(number << BITS | min(position, MOST))
        self._texts.append(text)
        self._words.append(array("L", [self._numbers[word, 1] for word in tokens]))
        self._longest = max(self._longest, len(tokens))

    def nearest(self, text: str) -> tuple[float, str] | None:
        """(similarity, the text) of the most similar one, the earliest of several, if it reaches the threshold."""
        tokens = words(text)
        length = len(tokens)
        if not tokens:
            return None
        known = [self._numbers.get(name) for name in _counted(tokens)]
        order = sorted((number for number in known if number is not None), reverse=True)
        new = length - len(order)
        positions = _positions([self._numbers.get((word, 1)) for word in tokens])
        best, which = 0.0, -1
        shortest, longest = self._lengths(length)
        needed = [self._shared(length + other) for other in range(shortest, longest + 1)]
        seen: set[int] = set()
        for position, word in enumerate(order[: max(self._first(length) - new, 0)], new):
            rest = length - position
            for packed in self._with.get(word, ()):
                number = packed >> BITS
                theirs = self._words[number]
                if not shortest <= len(theirs) <= longest:
                    continue
                fewest = needed[len(theirs) - shortest]
                if rest < fewest or len(theirs) - (packed & MOST) < fewest or number in seen:
                    continue  # what follows the first word that both have does not suffice
                seen.add(number)
                value = 2 * _common(positions, length, theirs) / (length + len(theirs))
                if value >= self.threshold and (value > best or (value == best and number < which)):
                    best, which = value, number
        return (best, self._texts[which]) if which >= 0 else None

    def _lengths(self, length: int) -> tuple[int, int]:
        """The fewest and the most words of a known text that can be similar to one of `length` words, with room for rounding.

        The most are never more than the longest known text has: by a low threshold alone they would be without end.
        """
        fewest = length * self.threshold / (2 - self.threshold)
        most = length * (2 - self.threshold) / self.threshold
        return max(1, math.ceil(fewest - 1e-6)), math.floor(min(most + 1e-6, self._longest))

    def _shared(self, both: int) -> int:
        """The fewest words that two similar texts of so many words together have in common."""
        return max(1, math.ceil(self.threshold * both / 2 - 1e-6))

    def _first(self, length: int) -> int:
        """How many words of a text of `length` words must hold one of each similar text's first ones."""
        shortest, _ = self._lengths(length)
        return length - self._shared(length + shortest) + 1


def _counted(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """Each word with how often it has been there, itself counted."""
    seen: Counter[str] = Counter()
    counted = []
    for word in tokens:
        seen[word] += 1
        counted.append((word, seen[word]))
    return counted


def _positions(tokens: Sequence[Hashable]) -> dict[Hashable, int]:
    """Of each word, the positions at which it stands, as bits."""
    positions: dict[Hashable, int] = {}
    for position, word in enumerate(tokens):
        positions[word] = positions.get(word, 0) | 1 << position
    return positions


def _common(places: Mapping[Hashable, int], length: int, other: Iterable[Hashable]) -> int:
    """The length of the longest common subsequence of a text of `length` words, given by their positions, and another.

    All positions are worked at once, as the bits of one number (Hyyrö 2004): a zero is a position at which it grew.
    """
    whole = (1 << length) - 1
    row = whole
    for word in other:
        if at := places.get(word):
            shared = row & at
            row = (row + shared | row - shared) & whole
    return length - row.bit_count()
