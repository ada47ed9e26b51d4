"""Keys, wherever a server says them back: in errors, in the names of its models, encoded or in part.

>>> mask("Incorrect API key provided: sk-abcde***wxyz.", ["sk-abcdefghijklmnopqrstuvwxyz"])
'Incorrect API key provided: ***.'
"""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

PIECE = 8
"""Characters of a key, or of a form of it, that are taken for a part of it wherever they stand."""
SHORTEST_KNOWN = 16
"""Characters of a key that is looked for in a model's own text, where a shorter one may be a word."""
LONGEST = 4_000
"""Characters of what is masked; what is shown to people is shorter."""
STARS = "***"
HIDDEN = re.compile(r"\*{2,}|…|\.{3}")
"""What servers write for the middle of a key."""


def mask(text: str, secrets: Iterable[str]) -> str:
    """The beginning of a text with stars for each of `secrets`, and for any eight characters of one.

    A secret counts in upper and lower case, in base64 of any alignment, in hexadecimal and as a part of an address; of one
    that is shorter than eight characters all of it.
    """
    text = text[:LONGEST]
    for secret in filter(None, secrets):
        text = _masked(text, secret)
    return text


def mask_whole(text: str, secrets: Iterable[str]) -> str:
    """A text of any length in which only whole secrets are masked, and only long ones: it may be a model's own words."""
    for secret in secrets:
        if len(secret) >= SHORTEST_KNOWN:
            text = text.replace(secret, STARS)
    return text


def _masked(text: str, secret: str) -> str:
    if len(secret) < PIECE:
        return text.replace(secret, STARS)
    pieces, lowered = _pieces(secret), _lower(text)
    hidden = bytearray(len(text))
    for at in range(len(lowered) - PIECE + 1):
        if lowered[at : at + PIECE] in pieces:
            hidden[at : at + PIECE] = b"\1" * PIECE
    for stars in HIDDEN.finditer(text):  # "sk-abc***wxyz": what is left of its beginning and of its end
        before = _shared(lowered[: stars.start()][-PIECE:][::-1], secret[:PIECE], ends=True)
        after = _shared(lowered[stars.end() :][:PIECE], secret[-PIECE:], ends=False)
        if before > 1 or after > 1 or any(hidden[max(0, stars.start() - 1) : stars.end() + 1]):
            hidden[stars.start() - before : stars.end() + after] = b"\1" * (
                stars.end() - stars.start() + before + after
            )
    return _starred(text, hidden)


def _shared(near: str, part: str, *, ends: bool) -> int:
    """How many characters beside the stars are the beginning of a secret, or (not `ends`) its end."""
    part = _lower(part)
    near = near[::-1] if ends else near
    for length in range(min(len(near), len(part)), 0, -1):
        if near.endswith(part[:length]) if ends else near.startswith(part[-length:]):
            return length
    return 0


def _starred(text: str, hidden: bytearray) -> str:
    shown: list[str] = []
    for char, is_hidden in zip(text, hidden, strict=True):
        if not is_hidden:
            shown.append(char)
        elif not shown or shown[-1] != STARS:
            shown.append(STARS)
    return "".join(shown)


@lru_cache(maxsize=64)
def _pieces(secret: str) -> frozenset[str]:
    """All runs of eight characters of a secret and of its other forms, in lower case."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = [secret, quote(raw, safe=""), quote_plus(raw), raw.hex()]
    for shift in range(3):  # where it stands in what was encoded decides how it looks
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        encoded = encoded[(0, 2, 3)[shift] : len(encoded) - (len(raw) + shift) % 3]
        forms += [encoded, encoded.replace("+", "-").replace("/", "_")]
    lower = map(_lower, forms)
    return frozenset(form[at : at + PIECE] for form in lower for at in range(len(form) - PIECE + 1))


def _lower(text: str) -> str:
    """In lower case, each character as one."""
    return "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
