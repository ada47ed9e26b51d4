"""A formula in LaTeX as MathML, which browsers draw by themselves; its source stays with it.

What the library makes of a formula is taken apart and written anew: only elements and attributes that draw something, no
addresses, no styles. A formula of which something would be missing stays as its source.
"""

import html
import re
import unicodedata
from collections import Counter
from functools import cache
from xml.etree.ElementTree import Element

from markupsafe import Markup

from app.web.html.markup import joined, markup

LONGEST = 2_000
"""Characters of a formula up to which it is drawn."""
DEEPEST = 40
SOURCE = "application/x-tex"
ELEMENTS = frozenset({
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder", "mover",
    "munderover", "mmultiscripts", "mprescripts", "none", "mtable", "mtr", "mtd", "mstyle", "mpadded", "menclose",
})  # fmt: skip
ATTRIBUTES = frozenset({
    "accent", "accentunder", "columnalign", "columnlines", "columnspacing", "display", "displaystyle", "fence", "form", "largeop",
    "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rowlines", "rowspacing", "rspace",
    "scriptlevel", "separator", "stretchy", "symmetric", "width",
})  # fmt: skip
NAMES = re.compile(r"\\begin\{array\}\{[^{}]{0,40}\}|\\(?:begin|end)\{[^{}]{0,40}\}|\\[A-Za-z]+")
"""Commands and what they open and close: words of the language, none of the formula."""


def drawn(source: str, *, is_block: bool = False) -> Markup:
    """The formula as MathML with its source in it; "" where that would not show all of it."""
    from latex2mathml.converter import convert_to_element

    if len(source) > LONGEST or source.count("{") > LONGEST // 10:
        return Markup()
    try:
        tree = convert_to_element(source, display="block" if is_block else "inline")
        body = joined(_written(child) for child in tree)
    except _problems():
        return Markup()
    if not body or not _shows_all(source, html.unescape(re.sub(r"<[^<>]*>", "", str(body)))):
        return Markup()
    return markup(
        '<math{}><semantics><mrow>{}</mrow><annotation encoding="{}">{}</annotation></semantics></math>',
        Markup(' display="block"') if is_block else "",
        body,
        SOURCE,
        source,
    )


@cache
def _problems() -> tuple[type[Exception], ...]:
    """What the library raises for a formula that it does not understand."""
    from latex2mathml import exceptions

    own = [each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception)]
    return (*own, LookupError, ValueError, TypeError, AttributeError, RecursionError)


def _written(element: Element, depth: int = 0) -> Markup:
    """An element of ours. Raises ValueError for one that draws nothing, or that is too deep."""
    if element.tag not in ELEMENTS or depth > DEEPEST:
        raise ValueError(element.tag)
    attributes = joined(markup(' {}="{}"', name, value) for name, value in element.attrib.items() if name in ATTRIBUTES)
    inside = joined(_written(child, depth + 1) for child in element)
    return markup("<{0}{1}>{2}{3}</{0}>", element.tag, attributes, html.unescape(element.text or ""), inside)


def _shows_all(source: str, shown: str) -> bool:
    """True where each letter and digit of the formula is in what is shown, and no command was taken for a letter."""
    return "\\" not in shown and not _letters(NAMES.sub("", source)) - _letters(shown)


def _letters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, unicodedata.normalize("NFKC", text)))
