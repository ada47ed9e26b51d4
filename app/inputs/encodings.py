"""Lines of text in whatever encoding: UTF-8 first, then UTF-16 and UTF-32 by their marks, then what the bytes look like.

A file is read once. As long as all of it is ASCII, nothing is decided; at the first line that is not UTF-8 its encoding is
guessed from there on, and said. Where UTF-8 stood before that line, the file is damaged, and no guess is made.
"""

import codecs
import io
import itertools
import re
from collections.abc import Iterator

from app.inputs.files import Say, Source
from app.inputs.table import LONGEST_LINE
from tasks.errors import InputError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""By the bytes that a text begins with. UTF-32 first, of which a mark begins like one of UTF-16."""
HEAD = 1024
"""Bytes that show which byte is zero in UTF-16 without a mark."""
SAMPLE = 2**16
"""Bytes from the first that is not ASCII on, from which an encoding is guessed."""
NAMES = {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp874": "Windows-874 (Thai)",
    "cp932": "Shift JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "Windows-949 (Korean)",
    "koi8_r": "KOI8-R (Cyrillic)",
}
"""The encodings that are guessed: those in which spreadsheets and databases still write their files."""
NOT_ASCII = re.compile(rb"[\x80-\xff]+")
LATIN = {
    "cp1252": "äöüßÄÖÜàâæçèéêëîïôœùûÀÂÇÈÉÊÎÔÙñáíóúÁÍÓÚÑãõÃÕåøæÅØÆìò¿¡",
    "cp1250": "äöüßÄÖÜąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰăîâĂÎÂ",
    "cp1254": "çğıöşüâÇĞİÖŞÜ",
}
"""Encodings of languages in Latin letters, and the letters that are usual in them; the first that has the most is taken."""
NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Signs that stand in no text (but an escape in some)."""
TEXT_ENCODING = re.compile(
    r"ascii|utf-(8(-sig)?|16|32)(-[lb]e)?|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|tis-620|kz1048|ptcp154|hp-roman8"
    r"|big5\w*|gb\w+|hz|euc_\w+|shift_jis\w*|iso2022_\w+|johab"
)
"""What may be named as an encoding, as Python calls it. Its other codecs are none of text."""


def text_lines(source: Source, encoding: str = "", say: Say = lambda message: None) -> Iterator[tuple[int, str]]:
    """(number, line with its end) of a text, a byte order mark left out. Raises InputError."""
    with source.open() as file:
        named = known_encoding(encoding) if encoding else unicode_by_head(file)
        if named and named not in ("utf-8", "utf-8-sig"):
            yield from _decoded_whole(source, file, named)
            return
        lines = _checked(source, enumerate(_byte_lines(file), 1))
        only_ascii = True
        for number, line in lines:
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                if named or not only_ascii:
                    raise InputError(
                        f"{source.name}, line {number} is not UTF-8 ({error.reason}). Save it as UTF-8, or choose its encoding."
                    ) from error
                yield from _guessed(source, number, line, lines, say)
                return
            only_ascii = only_ascii and line.isascii()
            yield number, text


def known_encoding(name: str) -> str:
    """An encoding of text as Python calls it. Raises InputError for any other word."""
    try:
        known = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        known = ""
    if not TEXT_ENCODING.fullmatch(known):
        raise InputError(
            f"'{name[:40]}' is no encoding that is known. Name one such as utf-8, windows-1252 or shift_jis."
        )
    return known


def unicode_by_head(file: io.BufferedReader) -> str:
    """The encoding that a file's first bytes tell, "" for none: by its byte order mark, or by the zeros of UTF-16."""
    head = file.peek(HEAD)[:HEAD]
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and len(head) % 2 == 0:
        if odd > 0.7 * half and not even:
            return "utf-16-le"
        if even > 0.7 * half and not odd:
            return "utf-16-be"
    return ""


def _byte_lines(file: io.BufferedReader) -> Iterator[bytes]:
    """Lines, also of a file in which a carriage return alone ends them."""
    head = file.peek(HEAD)[:HEAD]
    if b"\r" in head[:-1] and b"\n" not in head:
        rest = b""
        while block := file.read1(2**16):
            *whole, rest = (rest + block).split(b"\r")
            yield from (line + b"\n" for line in whole)
            if len(rest) > LONGEST_LINE:
                break
        if rest:
            yield rest
        return
    while line := file.readline(LONGEST_LINE + 1):
        yield line


def _checked(source: Source, lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for number, line in lines:
        if len(line) > LONGEST_LINE:
            raise _too_long(source, number)
        if b"\0" in line:
            raise InputError(
                f"{source.name}, line {number} holds binary data, not text. Is it the kind of file it says?"
            )
        yield number, line


def _decoded_whole(source: Source, file: io.BufferedReader, encoding: str) -> Iterator[tuple[int, str]]:
    text = io.TextIOWrapper(file, encoding, newline="")
    number = 0
    try:
        while line := text.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise _too_long(source, number)
            if "\0" in line:
                raise InputError(
                    f"{source.name}, line {number} holds binary data, not text. Is it the kind of file it says?"
                )
            yield number, line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeError as error:
        raise InputError(
            f"{source.name}, line {number + 1} is not {label(encoding)}. Save it as UTF-8, or choose its encoding."
        ) from error


def _guessed(
    source: Source, number: int, line: bytes, lines: Iterator[tuple[int, bytes]], say: Say
) -> Iterator[tuple[int, str]]:
    """The rest of a text, from its first line that is not UTF-8 on."""
    sample = [(number, line)]
    size = len(line)
    while size < SAMPLE and (further := next(lines, None)) is not None:
        sample.append(further)
        size += len(further[1])
    encoding = guessed(b"".join(line for _, line in sample)[:SAMPLE])
    warned = False
    for number, line in itertools.chain(sample, lines):
        try:
            text = line.decode(encoding or "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{source.name}, line {number} is not {label(encoding) if encoding else 'UTF-8'} ({error.reason}). "
                "Save it as UTF-8, or choose its encoding."
            ) from error
        if not warned:
            say(f"{source.name} is not UTF-8; it is read as {label(encoding)}.")
            warned = True
        yield number, text


def not_utf8(source: Source, raw: bytes) -> InputError:
    """The error for a whole text that is not UTF-8, and whose encoding is not guessed."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return InputError(f"{source.name} is UTF-16. Save it as UTF-8.")
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return InputError(f"{source.name}, line {number} is not UTF-8 ({error.reason}). Save it as UTF-8.")
    return InputError(f"{source.name} is not UTF-8. Save it as UTF-8.")


def guessed(sample: bytes) -> str:
    """The encoding that bytes look like which are not UTF-8, "" for none."""
    from charset_normalizer import from_bytes

    if NO_TEXT.search(sample):
        return ""
    runs = [len(run) for run in NOT_ASCII.findall(sample)]
    if sum(length for length in runs if length > 2) * 5 <= sum(runs):  # letters with accents, one here and one there
        decoded = {encoding: sample.decode(encoding, "replace") for encoding in LATIN}
        scores = {encoding: sum(map(text.count, LATIN[encoding])) for encoding, text in decoded.items()}
        best = max(LATIN, key=lambda encoding: scores[encoding])
        return best if "\ufffd" not in decoded[best] else ""
    match = from_bytes(sample, cp_isolation=[encoding for encoding in NAMES if encoding not in LATIN]).best()
    return match.encoding if match is not None else ""


def label(encoding: str) -> str:
    """An encoding as people know it."""
    return NAMES.get(encoding, encoding.upper().removesuffix("-SIG"))


def _too_long(source: Source, number: int) -> InputError:
    return InputError(
        f"{source.name}, line {number} is longer than {LONGEST_LINE // 10**6} MB. Is it the kind of file it says?"
    )
