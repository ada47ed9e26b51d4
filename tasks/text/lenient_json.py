"""JSON as models write it: with commas too many or too few, line breaks in texts, comments, and quotes of other kinds.

Nothing is added to what was cut off, and nothing is guessed: what is not JSON with these slips mended is none.
"""

import json
import re
from typing import Any

DECODER = json.JSONDecoder(strict=False)
BEGINS = r"[\"'“„{\[]"
ENDS = r"(?=\s*+(?:[,:}\]]|\Z)|[ \t]*+(?://[^\n]{0,200})?\n\s*+[\"'“„}\]])"
"""What follows the quote at the end of a text; a quote that something else follows belongs to the text."""


def _text(name: str, begin: str, end: str) -> str:
    return rf"{begin}(?P<{name}>(?:[^\\{end}]++|\\.|{end}(?!{ENDS}))*+)(?:{end}|\Z)"


QUOTES = {"double": ('"', '"'), "single": ("'", "'"), "curly": ("“", "”"), "low": ("„", "“")}
TOKEN = re.compile(
    rf"(?:{'|'.join(_text(name, *pair) for name, pair in QUOTES.items())})"
    rf"(?P<before>(?=[ \t]*+\n\s*+{BEGINS}))?"
    rf"|(?P<closed>[}}\]\d])(?=\s++{BEGINS})"
    r"|(?P<key>(?<!\w)[^\W\d]\w*+)(?=\s*+:)"
    r"|(?<=[:,\[\s])(?P<bare>n/a|[0-9.]{1,4}\s?/\s?[0-9]{1,3}|(?![0-9])\d|[★⭐][★⭐☆\ufe0f]{0,9})(?=\s*+[,}\]])"
    r"|(?P<constant>\b(?-i:True|False|None)\b)"
    r"|(?P<dropped>,(?=\s*+[}\]])|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))",
    re.DOTALL | re.IGNORECASE,
)
CONSTANTS = {"True": "true", "False": "false", "None": "null"}
ESCAPED = re.compile(r"\\'|\\.|\"", re.DOTALL)


def decode(text: str, start: int = 0) -> tuple[Any, int]:
    """(the value that begins at `start`, where it ends), as `JSONDecoder.raw_decode`. Raises ValueError for none.

    >>> decode("{'rating': 4, 'rationale': 'It says \\"no\\".',}")[0]
    {'rating': 4, 'rationale': 'It says "no".'}
    """
    try:
        try:
            return DECODER.raw_decode(text, start)
        except ValueError:
            return _mended(text, start)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _mended(text: str, start: int) -> tuple[Any, int]:
    pieces: list[str] = []
    length, rest_start, ends = 0, start, [(0, start)]
    """Where each piece ends, in the mended text and in the original."""
    for token in TOKEN.finditer(text, start):
        for piece, end in ((text[rest_start : token.start()], token.start()), (_as_json(token), token.end())):
            pieces.append(piece)
            length += len(piece)
            ends.append((length, end))
        rest_start = token.end()
    value, stop = DECODER.raw_decode("".join([*pieces, text[rest_start:]]))
    at, end = max(pair for pair in ends if pair[0] <= stop)
    return value, end + stop - at


def _as_json(token: re.Match[str]) -> str:
    inner = next((token[name] for name in QUOTES if token[name] is not None), None)
    if inner is not None:
        escapes = {"\\'": "'", '"': '\\"'}
        whole = ESCAPED.sub(lambda match: escapes.get(match[0], match[0]), inner)
        return f'"{whole}"' + ("," if token["before"] is not None else "")
    if token["closed"]:
        return f"{token['closed']},"
    if bare := token["key"] or token["bare"]:
        return f'"{bare}"'
    return CONSTANTS.get(token["constant"] or "", "")
