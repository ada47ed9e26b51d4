"""Documents: a file that is one text with a title. Markdown, plain text, HTML, PDF and Word files.

One literal row, from a file tides.html:

    {"title": "Tides", "content": "# Tides\\n\\nThe moon's pull raises ...", "file": "tides.html"}
"""

import io
import logging
import math
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from app.inputs.encodings import known_encoding, not_utf8, text_lines
from app.inputs.files import DAMAGED, Source, short_error
from app.store.cache import Cache
from tasks.errors import InputError

LARGEST = 100 * 10**6
"""Bytes of one document; for a Word file, also of what is read of it unpacked."""
BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    OSError,
    *DAMAGED,
)
"""What the libraries raise for a damaged file, beside their own errors."""
COLUMNS = ("title", "content", "file")
"""Of the row that a document becomes."""
LONGEST_TITLE = 200
NO_TITLE = re.compile(
    r"untitled|unbenannt|sans titre|document\s*\d*|microsoft \w+ -.*|\S*\.\w{2,5}|\W*|[\d\W]+", re.IGNORECASE
)
"""What programs write where a title belongs: nothing, a file's name, a number."""
# Titles are trimmed by Python: a pattern for blanks behind anything goes through a line of blanks once for each of them.
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*)|^(\S[^\n]*)\n(?:=+|-+)[ \t]*$", re.MULTILINE)
FENCED = re.compile(r"^(`{3,20}|~{3,20}).*?^\1", re.MULTILINE | re.DOTALL)
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:(.*)", re.MULTILINE)
HEAD = 100_000
"""Bytes of a page of which the first twentieth is looked through for the name of its encoding."""
BLANKS = re.compile(r"(\s{200})\s+")
"""What markdownify looks through once for each blank in it; nobody means so many."""
NOT_TEXT = ("script", "style", "noscript", "template", "svg", "nav", "iframe", "object", "form", "button", "select")
CORE = "docProps/core.xml"
CORE_TITLE = "{http://purl.org/dc/elements/1.1/}title"


MOST_REMEMBERED = 30 * 10**6
"""Characters of documents that are kept in memory."""
MOST_DOCUMENTS = 200_000


Read = Callable[[Source], tuple[str, str]]


DocumentCache = Cache[Source, tuple[str, str]]
"""(title, content) by source."""


def document_cache(characters: int = MOST_REMEMBERED) -> DocumentCache:
    """For documents of so many characters. A source names a file as it was, so that what is known of it stays true."""
    return Cache(
        MOST_DOCUMENTS, holds=lambda took: math.inf, size=lambda document: len(document[1]), most_size=characters
    )


CACHE = document_cache()
"""Of this process, like an `lru_cache`: a source names a file as it was, whoever reads it, and what it holds stays true."""


def read(source: Source) -> tuple[str, str]:
    """(title, content) of a document, "" where it has no title. Raises InputError or OSError."""
    return READERS[source.suffix](source)


def document(source: Source, by_libraries: Read = read, cache: DocumentCache = CACHE) -> tuple[str, str]:
    """(title, content). Remembered for a while: a run reads its input several times, and a page or a PDF file takes long.

    `by_libraries` reads what libraries are needed for. Raises InputError or OSError.
    """
    if (known := cache.known(source)) is not None:
        return known
    title, content = by_libraries(source) if source.suffix in BY_LIBRARIES else read(source)
    result = title or PurePosixPath(source.inside or source.name).stem, content
    if len(result[1]) <= cache.most_size:
        cache.keep(source, result)
    return result


def _text(source: Source) -> tuple[str, str]:
    return "", "".join(_lines(source)).replace("\r\n", "\n").strip()


def _lines(source: Source) -> Iterator[str]:
    characters = 0
    for _, line in text_lines(source):
        characters += len(line)
        if characters > LARGEST:
            raise InputError(f"{source.name} is larger than {LARGEST // 10**6} MB. Split it.")
        yield line


def _markdown(source: Source) -> tuple[str, str]:
    _, content = _text(source)
    title = ""
    if front := FRONT_MATTER.match(content):
        match = FRONT_TITLE.search(front[1] or "")
        title = match[1].strip() if match else ""
        if len(title) > 1 and title[0] in "\"'" and title[0] == title[-1]:
            title = title[1:-1]
        content = content[front.end() :].strip()
    return _title(title) if title else _heading(content), content


def _heading(content: str) -> str:
    """The first heading of a text in Markdown that has words."""
    for match in HEADING.finditer(FENCED.sub("", content)):
        heading = (match[1] or match[2] or "").rstrip()
        if match[1] and (opened := heading.rstrip("#"))[-1:] in ("", " ", "\t"):
            heading = opened  # signs that close the heading, not those of "C#"
        if heading := heading.strip("*_` \t"):
            return _title(heading)
    return ""


def _html(source: Source) -> tuple[str, str]:
    raw = _whole(source)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _as_declared(source, raw)
    if "\0" in text:
        raise InputError(f"{source.name} holds binary data, not text. Is it the kind of file it says?")
    return _page(source, text)


def _as_declared(source: Source, raw: bytes) -> str:
    """A page in the encoding that it names itself."""
    from bs4.dammit import EncodingDetector

    try:
        encoding = known_encoding(EncodingDetector.find_declared_encoding(raw[:HEAD], is_html=True) or "")
        if "charset".encode(encoding) != b"charset":
            raise LookupError(encoding)  # it was not found in a page of that encoding: one of UTF-16 can't name it so
        return raw.decode(encoding)
    except (InputError, LookupError, ValueError):
        raise not_utf8(source, raw) from None


def _page(source: Source, text: str) -> tuple[str, str]:
    """(title, content as Markdown) of HTML: without scripts, navigation, links, pictures and the rest of endless blanks."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 wonders whether a short text is a file's name, whether XHTML is XML
        try:
            soup = BeautifulSoup(BLANKS.sub(r"\1", text), "lxml")
            title = next(
                (_title(tag.get_text()) for tag in soup.find_all(["title", "h1"]) if _title(tag.get_text())), ""
            )
            for tag in soup.find_all([*NOT_TEXT, "title"]):
                tag.decompose()
            main = soup.find("main")
            part = main if main is not None and main.get_text(strip=True) else soup
            converter = MarkdownConverter(
                heading_style="ATX", bullets="-", strip=["a", "img"],
                escape_asterisks=False, escape_underscores=False, escape_misc=False,
            )  # fmt: skip
            content = str(converter.convert_soup(part))
        except RecursionError as error:
            raise InputError(f"{source.name} is nested too deeply to be read. Save its text as Markdown.") from error
        except BROKEN as error:
            raise InputError(
                f"{source.name} can't be read as HTML: {short_error(error)}. Save its text as Markdown."
            ) from error
    lines = "\n".join(line.rstrip(" \t") for line in content.split("\n"))
    return title, re.sub(r"\n{3,}", "\n\n", lines).strip()


def _pdf(source: Source) -> tuple[str, str]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each fault that it can read past
    raw = _whole(source)
    try:
        pdf = PdfReader(io.BytesIO(raw))
        if pdf.is_encrypted and not pdf.decrypt(""):
            raise InputError(f"{source.name} is encrypted. Save it without a password.")
        pages = [page.extract_text().strip() for page in pdf.pages]
        title = str(pdf.metadata.title or "") if pdf.metadata else ""
    except DependencyError as error:
        raise InputError(f"{source.name} is encrypted. Save it without a password.") from error
    except (PyPdfError, *BROKEN) as error:
        raise InputError(
            f"{source.name} can't be read as PDF: {short_error(error)}. Save it again, or as text."
        ) from error
    content = "\n\n".join(page for page in pages if page).replace("\0", "")
    if not content:
        raise InputError(
            f"{source.name} holds no text, only pictures of its pages. Run text recognition (OCR) on it first."
        )
    return _title(title), content


def _word(source: Source) -> tuple[str, str]:
    """A Word file as Markdown, by way of HTML."""
    from xml.parsers.expat import ExpatError

    import mammoth

    raw = _whole(source)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if (
                sum(entry.file_size for entry in packed.infolist() if not entry.filename.startswith("word/media/"))
                > LARGEST
            ):
                raise InputError(f"{source.name} would unpack to more than {LARGEST // 10**6} MB. Split it.")
            core = packed.read(CORE) if CORE in packed.namelist() else b""
        html = mammoth.convert_to_html(io.BytesIO(raw), convert_image=_no_picture, external_file_access=False).value
    except (ExpatError, *BROKEN) as error:
        if raw.startswith(b"\xd0\xcf\x11\xe0"):
            raise InputError(
                f"{source.name} is encrypted, or of Word's older kind. Save it as .docx without a password."
            ) from error
        raise InputError(
            f"{source.name} can't be read as a Word file: {short_error(error)}. Save it again as .docx."
        ) from error
    heading, content = _page(source, html)
    return _core_title(core) or heading or _heading(content), content


def _no_picture(picture: Any) -> list[Any]:
    return []


def _core_title(core: bytes) -> str:
    """The title in a Word file's properties."""
    from xml.etree import ElementTree

    try:
        return _title(ElementTree.fromstring(core).findtext(CORE_TITLE) or "") if core else ""
    except (ElementTree.ParseError, ValueError, LookupError):
        return ""


def _whole(source: Source) -> bytes:
    with source.open() as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise InputError(f"{source.name} is larger than {LARGEST // 10**6} MB. Split it.")
    return raw


def _title(text: str) -> str:
    """A title on one line; "" for what is none."""
    title = " ".join(text.replace("\0", "").split())
    return "" if len(title) > LONGEST_TITLE or NO_TITLE.fullmatch(title) else title


READERS: dict[str, Read] = {
    ".md": _markdown, ".markdown": _markdown, ".html": _html, ".htm": _html, ".pdf": _pdf, ".docx": _word, ".txt": _text,
}  # fmt: skip
BY_LIBRARIES = (".html", ".htm", ".pdf", ".docx")
"""What nothing stops while it is read, and what may take any room: read in a sandbox."""
