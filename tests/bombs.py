"""Files that are small, or none at all, and that blow up or never end when they are read without care.

`python -m tests.bombs SECONDS MEMORY FILE...` looks into each as the page does, for so many seconds and in so many bytes of
address space, and says in a line of JSON what was shown: {"file", "seconds", "rows", "more", "words"}.
"""

import bz2
import gzip
import json
import lzma
import os
import socket
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

MB = 10**6
Write = Callable[[Path], None]


def zipped(name: str, parts: Iterable[bytes]) -> Write:
    """A zip with one file in it, whose content is written piece by piece."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out, out.open(name, "w") as entry:
            for part in parts:
                entry.write(part)

    return write


def plain(parts: Iterable[bytes]) -> Write:
    def write(path: Path) -> None:
        with path.open("wb") as out:
            out.writelines(parts)

    return write


def times(part: bytes, size: int, first: bytes = b"", last: bytes = b"") -> Iterator[bytes]:
    """`part` again and again, to `size` bytes or so."""
    yield first
    block = part * max(1, MB // len(part))
    for _ in range(size // len(block)):
        yield block
    yield last


def parquet(columns: Callable[[], dict[str, Any]], **options: Any) -> Write:
    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(columns()), path, compression="zstd", **options)

    return write


def repeated(cell: str, rows: int) -> dict[str, Any]:
    """A column in which each cell is the same, and stands once in the file."""
    import pyarrow as pa

    return {"a": pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([cell]))}


def constant(rows: int, columns: int = 1) -> dict[str, Any]:
    import numpy as np

    return {f"c{n}": np.zeros(rows, dtype=np.int32) for n in range(columns)}


def one_list(length: int, kind: str) -> dict[str, Any]:
    """One row that is a list of so many values which take no room."""
    import pyarrow as pa

    values = pa.nulls(length) if kind == "null" else pa.array([True]).take(pa.array([0] * length, pa.int32()))
    return {"a": pa.ListArray.from_arrays(pa.array([0, length], pa.int32()), values)}


def unusual(method: int, size: int) -> Write:
    """A zip that says that it holds ten bytes, by a method whose output nobody bounds."""

    def write(path: Path) -> None:
        if method == zipfile.ZIP_BZIP2:
            content = bz2.compress(b"x" * size)
        else:
            filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 3 * 2**29}]
            properties = lzma._encode_filter_properties(filters[0])  # type: ignore[attr-defined]
            packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 2**20}])
            content = (
                struct.pack("<BBH", 9, 4, len(properties)) + properties + packer.compress(b"x" * size) + packer.flush()
            )
        path.write_bytes(entry(b"a.jsonl", method, content, 10))

    return write


def entry(name: bytes, method: int, content: bytes, says: int) -> bytes:
    head = struct.pack("<HHHHHLLLHH", 20, 0, method, 0, 33, zlib.crc32(b""), len(content), says, len(name), 0)
    listed = b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + name
    whole = b"PK\x03\x04" + head + name + content
    return whole + listed + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(listed), len(whole), 0)


def many_entries(number: int) -> Write:
    """A zip that lists a file many times."""

    def write(path: Path) -> None:
        whole = entry(b"a.md", 0, b"x", 1)
        listed = whole[whole.index(b"PK\x01\x02") : whole.index(b"PK\x05\x06")]
        start = whole.index(b"PK\x01\x02")
        with path.open("wb") as out:
            out.write(whole[:start])
            for _ in range(number):
                out.write(listed)
            end = start + number * len(listed)
            out.write(b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, number, number, end - start, start))
            out.write(b"PK\x06\x07" + struct.pack("<LQL", 0, end, 1))
            out.write(b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))

    return write


def word(parts: Iterable[bytes]) -> Write:
    """A Word file whose text is written piece by piece."""
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            out.writestr(
                "[Content_Types].xml",
                f'<Types xmlns="{package}/content-types"><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
            )
            out.writestr(
                "_rels/.rels",
                f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}"'
                ' Target="word/document.xml"/></Relationships>',
            )
            with out.open("word/document.xml", "w") as text:
                text.write(f'<w:document xmlns:w="{main}"><w:body>'.encode())
                for part in parts:
                    text.write(part)
                text.write(b"</w:body></w:document>")

    return write


def sheet(parts: Iterable[bytes], texts: Iterable[bytes] = ()) -> Write:
    """An Excel file whose one sheet, and whose shared texts, are written piece by piece."""
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    related = "".join(
        f'<Relationship Id="r{number}" Type="{office}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(
            (("worksheet", "sheet1.xml"), ("sharedStrings", "sharedStrings.xml")), 1
        )
    )

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            out.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
            out.writestr(
                "_rels/.rels",
                f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument"'
                ' Target="xl/workbook.xml"/></Relationships>',
            )
            out.writestr(
                "xl/_rels/workbook.xml.rels",
                f'<Relationships xmlns="{package}/relationships">{related}</Relationships>',
            )
            out.writestr(
                "xl/workbook.xml",
                f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="One" sheetId="1" r:id="r1"/></sheets>'
                "</workbook>",
            )
            for name, tag, content in (("sheet1", "worksheet", parts), ("sharedStrings", "sst", texts)):
                with out.open(f"xl/{name}.xml", "w") as entry:
                    entry.write(f'<{tag} xmlns="{main}">'.encode())
                    for part in content:
                        entry.write(part)
                    entry.write(f"</{tag}>".encode())

    return write


def cell(place: str, text: str) -> bytes:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'.encode()


def open_document(table: str) -> Write:
    """An OpenDocument spreadsheet with that table."""
    names = "urn:oasis:names:tc:opendocument:xmlns"

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as out:
            out.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            out.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{names}:manifest:1.0"/>')
            out.writestr(
                "content.xml",
                f'<office:document-content xmlns:office="{names}:office:1.0" xmlns:table="{names}:table:1.0" '
                f'xmlns:text="{names}:text:1.0"><office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>'
                "</office:document-content>",
            )

    return write


def gzipped(parts: Iterable[bytes]) -> Write:
    def write(path: Path) -> None:
        with gzip.open(path, "wb", compresslevel=1) as out:
            out.writelines(parts)

    return write


def zstandard(parts: Iterable[bytes]) -> Write:
    def write(path: Path) -> None:
        import pyarrow as pa

        with pa.CompressedOutputStream(str(path), "zstd") as out:
            for part in parts:
                out.write(part)

    return write


def arrow(columns: Callable[[], dict[str, Any]]) -> Write:
    def write(path: Path) -> None:
        import pyarrow as pa

        table = pa.table(columns())
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)

    return write


def pdf(pages: int, drawn: bytes, times: int = 1) -> Write:
    """A PDF file of many pages that all draw the same."""

    def write(path: Path) -> None:
        packed = zlib.compress(b"BT /F1 12 Tf " + drawn * times + b" ET", 9)
        kids = " ".join(["5 0 R"] * pages)
        parts = [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
        ]
        whole, places = b"%PDF-1.4\n", []
        for number, part in enumerate(parts, 1):
            places.append(len(whole))
            whole += b"%d 0 obj\n%s\nendobj\n" % (number, part)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        end = b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        path.write_bytes(whole + end % (table, len(whole)))

    return write


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(path.name)


def sparse(path: Path) -> None:
    with path.open("wb") as out:
        out.truncate(10**12)


ROW = b'{"instruction": "Name a river."},\n'
PARAGRAPH = b"<w:p><w:r><w:t>x</w:t></w:r></w:p>"
NESTED = b"[],"


def huge_rows(number: int, first: bytes, between: bytes, last: bytes) -> Iterator[bytes]:
    """Rows as long as they may be, each of lists that take many times as much room as their text."""
    yield first
    for _ in range(number):
        yield b'{"a": [' + NESTED * 3_300_000 + b"0]}" + between
    yield b'{"a": []}' + last


QUICK: dict[str, Write] = {
    "fifo.jsonl": fifo,
    "zero.json": endless,
    "socket.csv": listening,
    "one-cell-2000-times.parquet": parquet(lambda: repeated("x" * MB, 2000)),
    "list-of-nulls.parquet": parquet(lambda: one_list(12 * MB, "null")),
    "large-cells.parquet": parquet(lambda: repeated("x" * 30 * MB, 100)),
    "one-cell.parquet": parquet(lambda: {"a": ["x" * 300 * MB]}, use_dictionary=False, write_statistics=False),
    "a-million-columns.csv": plain([b",".join(b"%d" % n for n in range(MB)), b"\n1\n"]),
    "open-quote.csv": plain(times(b"x" * 99 + b"\n", 40 * MB, b'a,b\n1,"')),
    "many-cells.csv": plain(times(b'"' + (b"x" * 99 + b"\n") * 1000 + b'",', 40 * MB, b"a,b,c\n")),
    "one-string.json.zip": zipped("a.json", times(b"x", 300 * MB, b'["')),
    "bzip2.zip": unusual(zipfile.ZIP_BZIP2, 50 * MB),
    "lzma.zip": unusual(zipfile.ZIP_LZMA, 10 * MB),
    "many-files.zip": many_entries(MB),
    "text.md.zip": zipped("a.md", times(b"x" * 99 + b"\n", 300 * MB)),
    "sparse.jsonl": sparse,
    "open-quote.csv.gz": gzipped(times(b"x" * 99 + b"\n", 40 * MB, b'a;b\n1;"')),
    "one-line.jsonl.gz": gzipped(times(b"x", 300 * MB, b'{"a": "')),
    "one-line.txt.zst": zstandard(times(b"x", 300 * MB)),
    "one-value.json.zst": zstandard(times(b"x", 300 * MB, b'{"a": ["')),
    "one-cell-2000-times.feather": arrow(lambda: repeated("x" * MB, 2000)),
    "list-of-nulls.arrow": arrow(lambda: one_list(12 * MB, "null")),
    "far-corners.xlsx": sheet(
        [
            b"<sheetData>", b'<row r="1">' + cell("A1", "a") + b'</row><row r="1048576">' + cell("XFD1048576", "b") + b"</row>",
            b"</sheetData>",
        ]
    ),
    "said-to-be-large.xlsx": sheet(
        [
            b'<dimension ref="A1:XFD1048576"/><sheetData>',
            b'<row r="1">' + cell("A1", "a") + b'</row><row r="2">' + cell("A2", "b") + b"</row></sheetData>",
        ]
    ),
    "shared-texts.xlsx": sheet(
        [b'<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData>'],
        times(b"x", 1200 * MB, b"<si><t>", b"</t></si>"),
    ),
    "many-rows.xlsx": sheet(times(b"<row><c><v>1</v></c></row>", 700 * MB, b"<sheetData>", b"</sheetData>")),
    "repeated.ods": open_document(
        '<table:table table:name="One"><table:table-row table:number-rows-repeated="1048576">'
        '<table:table-cell table:number-columns-repeated="16384" office:value-type="string"><text:p>a</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    ),
    "deep.json": plain([b'{"a": ' * 200_000]),
    "last-commas.json": plain(times(b'{"a": 1,},', 3 * MB, b"[", b"{}]")),
    "long-columns.json": plain([b'{"a": [', b"0," * (MB // 20), b'0], "b": [', b"0," * (MB // 20), b"0]}"]),
}  # fmt: skip
"""Those that are written and refused in a moment."""

SLOW: dict[str, Write] = {
    "1.5-gigabytes.json.zip": zipped("a.json", times(ROW, 1500 * MB, b"[", ROW[:-2] + b"]")),
    "50-million-rows.parquet": parquet(lambda: constant(50 * MB)),
    "950-million-lines.jsonl.zip": zipped("a.jsonl", times(b"\n", 950 * MB, b'{"a": 1}\n')),
    "table.html": plain(times(b"<tr><td>a<td>b", 3 * MB, b"<table>")),
    "a-million-paragraphs.docx": word(times(PARAGRAPH, MB * len(PARAGRAPH))),
    "1.9-gigabytes.jsonl.zip": zipped("a.jsonl", times(ROW[:-2] + b"\n", 1900 * MB)),
    "rows-of-lists.jsonl.zip": zipped("a.jsonl", huge_rows(100, b"", b"\n", b"\n")),
    "rows-of-lists.json.zip": zipped("a.json", huge_rows(100, b"[", b",", b"]")),
    "short-rows.csv.zip": zipped("a.csv", times(b"1\n", 900 * MB, b",".join(b"%d" % n for n in range(9999)) + b"\n")),
    "blank-lines.txt.zip": zipped("a.txt", times(b" \n", 1900 * MB, b"x\n")),
    "skipped.json.zip": zipped("a.json", times(b'"x":1,', 150 * MB, b'{"a": {', b'"y": 0}, "rows": [{"b": 1}]}')),
    "deep.json.zip": zipped("a.json", times(b'{"a":[', 600 * MB, b'[{"a":')),
    "digits.json.zip": zipped("a.json", times(b"9", 900 * MB, b'[{"a": ')),
    "wide-and-long.parquet": parquet(lambda: constant(MB // 5, 900)),
    "list-of-trues.parquet": parquet(lambda: one_list(300 * MB, "bool")),
    "deep.html.zip": zipped("a.html", times(b"<div>", 99 * MB)),
    "attributes.html.zip": zipped("a.html", times(b"<p a=b>x", 99 * MB)),
    "blanks.html.zip": zipped("a.html", times(b" ", 99 * MB, b"<pre>x", b"y</pre>")),
    "cells.docx": word(
        times(
            b"<w:tr><w:tc>" + PARAGRAPH + b"</w:tc></w:tr>", 90 * MB, b"<w:tbl>", b"</w:tbl>",
        )
    ),
    "runs.docx": word(times(b"<w:r><w:t>x</w:t></w:r>", 95 * MB, b"<w:p>", b"</w:p>")),
    "200-thousand-pages.pdf": pdf(200_000, b"(x) Tj"),
    "2-gigabytes.pdf": pdf(1, b" ", 2000 * MB),
    "drawn-often.pdf": pdf(1, b"(x) Tj ", 5 * MB),
}  # fmt: skip
"""Those that take their time, to be written or to be read."""


def looked_into(path: Path) -> dict[str, Any]:
    from app.inputs import uploads
    from app.inputs.inputs import Inputs
    from tasks.errors import ClaywrightError

    wanted = ("title", "content") if path.name.endswith((".docx", ".pdf", ".html", ".html.zip")) else ()
    began = time.monotonic()
    shown: dict[str, Any] = {"file": path.name, "rows": 0, "more": False, "words": ""}
    try:
        found = uploads.look(Inputs(path=str(path)), wanted)
        shown |= {"rows": found.rows, "more": found.more, "words": " ".join(found.left)}
    except ClaywrightError as error:
        shown["words"] = str(error)
    return {**shown, "seconds": round(time.monotonic() - began, 2)}


def main() -> None:
    import resource

    from app.inputs import uploads

    uploads.LOOKED_FOR = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), resource.RLIM_INFINITY))
    for path in map(Path, sys.argv[3:]):
        sys.stdout.write(json.dumps(looked_into(path)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
