"""The page in other languages than English: one file has the words, and the browser puts them in their places (static/language.js).

The app itself speaks English. What people and models wrote stands in elements with `translate="no"`.
"""

import json
from functools import cache
from pathlib import Path

from markupsafe import Markup

STATIC = Path(__file__).parents[1] / "static"
WORDS = STATIC / "words.json"
"""{what the app says, with {} for each number or name: the same in German, with {0}, {1} where their order is another}."""
SWITCH = Markup('<button type="button" data-language>Deutsch</button>')
"""Shows the page in the other language from now on, in this browser."""


@cache
def script() -> str:
    """What a German page runs before anything else."""
    words = json.dumps(json.loads(WORDS.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
    return f"({_code('language.js')})('de', {words});"


@cache
def choice() -> Markup:
    """The element of a page's head that chooses the language: the one that was asked for, else the browser's own."""
    return Markup(f"<script>({_code('choice.js')})();</script>")


def _code(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8").strip()
