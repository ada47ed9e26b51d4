"""What a page of HTML says that came where an answer should have: a proxy's or a gateway's error, most often."""

import contextlib
from html.parser import HTMLParser


def headings_or_text(page: str) -> str:
    """Its title and first-level headings, or its text where it has none; one line, each part once."""
    parser = _Page()
    with contextlib.suppress(AssertionError):  # what the parser says of some broken declarations
        parser.feed(page)
    return ". ".join(dict.fromkeys(parser.titles or parser.texts))


class _Page(HTMLParser):
    """The text of a page, and its titles."""

    def __init__(self) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.texts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("title", "h1", "script", "style"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style") and data.strip() and len(self.titles) + len(self.texts) < 100:
            (self.titles if self._inside else self.texts).append(" ".join(data.split()))
