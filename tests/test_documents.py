"""Documents of every kind become rows with title, content and file; what can't be read is said in a sentence."""

import io
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from app.inputs import documents, files, uploads
from app.inputs.inputs import Inputs, fingerprint, rows
from app.inputs.readers import KNOWN
from app.inputs.uploads import Found
from tasks.errors import InputError

WANTED = ("title", "content")
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def pdf(*pages: str, title: str = "", password: str | None = None) -> bytes:
    """A PDF file with a line of text a page; a page without any holds nothing."""
    parts = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for said in pages:
        drawn = f"BT /F1 12 Tf 72 700 Td ({said}) Tj ET".encode() if said else b""
        parts.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
        parts.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(parts)
        )
        kids.append(b"%d 0 R" % len(parts))
    parts[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    whole, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    whole += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(parts) + 1, table, len(parts) + 1, len(whole),
    )  # fmt: skip
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(whole)))
    if title:
        writer.add_metadata({"/Title": title})
    if password is not None:
        writer.encrypt(password, "owner", algorithm="RC4-128")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def word(body: str, title: str = "") -> bytes:
    """A Word file with that body."""
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{office}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
    }
    if title:
        files["docProps/core.xml"] = (
            f'<c:coreProperties xmlns:c="{PACKAGE}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{title}</dc:title></c:coreProperties>"
        )
    return packed(files)


def paragraph(text: str, style: str = "") -> str:
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{kind}<w:r><w:t>{text}</w:t></w:r></w:p>"


def packed(files: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return made.getvalue()


def read(path: Path, said: list[str] | None = None, **settings: Any) -> list[dict[str, Any]]:
    heard: list[str] = []
    found = list(rows(Inputs(path=str(path), **settings), WANTED, heard.append))
    assert said is None or heard == said
    return found


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


PAGE = """<!doctype html><html><head><title> The  tides </title><style>p {color: red}</style></head><body>
<nav><a href="/">Home</a></nav><script>let a = "<p>no</p>";</script>
<h1>Tides</h1><p>The <b>moon</b> <a href="https://example.org">pulls</a>.<img src="x.png" alt="no"></p>
<ul><li>twice<li>a day</ul><table><tr><th>Sea<th>Metres<tr><td>North<td>2</table><pre>a  b_c*d</pre></body></html>"""
READ = """# Tides

The **moon** pulls.

- twice
- a day

| Sea | Metres |
| --- | --- |
| North | 2 |

```
a  b_c*d
```"""
HEADED = word(paragraph("Tides &amp; more", "Heading1") + paragraph("The moon pulls.") + paragraph("Twice."))
GOOD = {
    "Markdown": ("a.md", "Intro.\n\n```\n# no\n```\n\n# The *tides* #\n\nText.\n", "The *tides",
                 "Intro.\n\n```\n# no\n```\n\n# The *tides* #\n\nText."),
    "a heading without words": ("a.md", "#  \n## ##\n# About C# ##", "About C#", "#  \n## ##\n# About C# ##"),
    "a heading that ends in a sign": ("a.md", "# About C#", "About C#", "# About C#"),
    "a heading that ends like a file": ("a.md", "# Start with Node.js", "Start with Node.js", "# Start with Node.js"),
    "a heading that ends in a version": ("a.md", "# New in Python 3.12", "New in Python 3.12", "# New in Python 3.12"),
    "a heading that is a file's name": ("Tides.md", "# tides.final.docx", "Tides", "# tides.final.docx"),
    "a heading with many blanks": ("a.md", "# a" + " " * 2000 + "b #", "a b", "# a" + " " * 2000 + "b #"),
    "a long fence": ("a.md", "`" * 2000 + "\n# A\n" + "x\n" * 50_000 + "# B", "A", "`" * 2000 + "\n# A\n" + "x\n" * 50_000 + "# B"),
    "an underlined heading": ("a.markdown", "The tides\n=========\n\nText.", "The tides", "The tides\n=========\n\nText."),
    "Markdown without a heading": ("About tides.md", "Text.", "About tides", "Text."),
    "front matter": ("a.md", '---\r\ntitle: "The tides"\r\ndraft: true\r\n---\r\n\r\n# Other\r\n', "The tides", "# Other"),
    "a quoted title": ("a.md", "---\ntitle:  'a" + " " * 20_000 + "b'  \n---\nText.", "a b", "Text."),
    "half a quoted title": ("a.md", "---\ntitle: \"a\n---\n# Other", '"a', "# Other"),
    "no title": ("a.md", "---\ntitle:\n---\n# Other", "Other", "# Other"),
    "text": ("The tides.txt", "\ufeffFirst.\r\n\r\nSecond.\n", "The tides", "First.\n\nSecond."),
    "HTML": ("a.html", PAGE, "The tides", READ),
    "a page with a main part": ("a.htm", "<h1>Tides</h1><footer>no</footer><main><p>Yes.</main>", "Tides", "Yes."),
    "a page that is no page": ("a.html", "just words", "a", "just words"),
    "a page in Latin-1": ("a.html", '<meta charset="iso-8859-1"><p>é'.encode("latin-1"), "a", "é"),
    "a page of blanks": ("a.html", "<pre>a" + " " * 20_000 + "b \t</pre>c", "a", "```\na" + " " * 200 + "b\n```\n\nc"),
    "a paragraph of blanks": ("a.html", "<p>a" + " \n" * 10_000 + "b" + " " * 20_000 + "c", "a", "a\nb c"),
    "a page in an encoding that a CSV file may have": ("a.html", b'<meta charset="hp-roman8"><p>\xc5', "a", "é"),
    "a page of tags": ("a.html", b'<meta charset="cp1252"><p>\xe9' + b"<meta " * 2000, "a", "é"),
    "PDF": ("a.pdf", pdf("The moon", "", "pulls.", title="The tides"), "The tides", "The moon\n\npulls."),
    "a PDF whose title is a file's name": ("Tides.pdf", pdf("The moon", title="Microsoft Word - tides.doc"), "Tides", "The moon"),
    "a PDF that only forbids to print": ("a.pdf", pdf("The moon", password=""), "a", "The moon"),
    "Word": ("a.docx", HEADED, "Tides & more", "# Tides & more\n\nThe moon pulls.\n\nTwice."),
    "Word with a title": ("a.docx", word(paragraph("Text."), "The tides"), "The tides", "Text."),
    "Word with nothing": ("Empty.docx", word(""), "Empty", ""),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "title", "text"), GOOD.values(), ids=GOOD)
def test_a_document_is_a_row(tmp_path: Path, name: str, content: str | bytes, title: str, text: str) -> None:
    assert read(written(tmp_path, {name: content}) / name, []) == [{"title": title, "content": text, "file": name}]


def test_a_text_file_is_a_document_where_a_task_wants_one(tmp_path: Path) -> None:
    path = written(tmp_path, {"a.txt": "One.\nTwo."}) / "a.txt"
    lines = [{"instruction": "One."}, {"instruction": "Two."}]
    assert list(rows(Inputs(path=str(path)))) == list(rows(Inputs(path=str(path)), ["instruction"])) == lines
    assert read(path) == [{"title": "a", "content": "One.\nTwo.", "file": "a.txt"}]
    mapped = Inputs(path=str(path), columns={"input": "content"})
    assert list(rows(mapped, ["input"])) == [{"input": "One.\nTwo.", "title": "a", "file": "a.txt"}]
    old = Inputs(path=str(path), columns={"title": "instruction", "content": "instruction"})
    assert list(rows(old, WANTED))[1] == {"title": "Two.", "content": "Two."}


BROKEN = {
    "an encrypted PDF": ("a.pdf", pdf("The moon", password="secret"), r"is encrypted\. Save it without a password"),
    "a PDF of pictures": ("a.pdf", pdf("", ""), r"holds no text, only pictures .* \(OCR\)"),
    "a broken PDF": ("a.pdf", pdf("The moon")[:300], "can't be read as PDF: .*Save it again"),
    "no PDF": ("a.pdf", b"The moon", "can't be read as PDF"),
    "a broken Word file": ("a.docx", HEADED[:400], "can't be read as a Word file: .*Save it again"),
    "a Word file without a body": ("a.docx", packed({"a": "b"}), "can't be read as a Word file"),
    "a Word file of broken XML": ("a.docx", word("<w:p>"), "can't be read as a Word file"),
    "an encrypted Word file": ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is encrypted, or of Word's older"),
    "a nested page": ("a.html", "<div>" * 20_000 + "x", "nested too deeply"),
    "a page of unknown signs": ("a.html", b"<p>\xe9", "line 1 is not UTF-8"),
    **{
        f"a page in {name}": ("a.html", f'<meta charset="{name}"><p>'.encode() + b"\\x41\xe9", "line 1 is not UTF-8")
        for name in ("undefined", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "utf-7", "utf-16-le", "cp037", "hex",
                     "rot13", "zlib", "utf-8", "no such", "\N{LATIN SMALL LETTER E WITH ACUTE}", "")
    },
    "a page in UTF-16": ("a.html", "<p>a".encode("utf-16"), "UTF-16"),
    "a page of zeros": ("a.html", b"<p>\0", "binary data"),
    "text of unknown signs": ("a.md", b"# a\n\xe9\1", "line 2 is not UTF-8"),
    "an empty page": ("a.html", b"", "is empty"),
    "a broken zip": ("a.zip", packed({"a.md": "Text."})[:60], "can't be read as a zip file: .*Pack it again"),
    "no zip": ("a.zip", b"Text.", "can't be read as a zip file"),
    "an empty zip": ("a.zip", packed({}), r"holds no file that can be read \(they end in \.jsonl, .*\.docx\)"),
    "a zip without a document": ("a.zip", packed({"a.png": b"x", "b": b"x", "c.zip": b""}),
                                 r"holds no file .* 2 files are left out, .*\(1 \.png, 1 without one\).* 1 zip file in it is not"),
    "a zip of a broken document": ("a.zip", packed({"a.pdf": b"x"}), r"^a\.pdf in a\.zip can't be read as PDF"),
    "a zip of an empty file of rows": ("a.zip", packed({"a.jsonl": b"\n"}), r"a\.jsonl in a\.zip holds no rows"),
    "a zip of a broken file of rows": ("a.zip", packed({"b.jsonl": b"{"}), r"^b\.jsonl in a\.zip, line 1 is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words"), BROKEN.values(), ids=BROKEN)
def test_what_can_not_be_read_is_said(tmp_path: Path, name: str, content: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(written(tmp_path, {name: content}) / name)
    assert name in str(caught.value) and str(caught.value).endswith((".", "?")) and len(str(caught.value)) < 500


FILES: dict[str, str | bytes] = {
    "b.md": "# B\n\nText.", "a/z.txt": "Text.", "a/rows.csv": "title,content\nC,Text.\n", "a/page.HTML": "<p>Text.",
    "scan.pdf": pdf(""), "photo.png": b"\x89PNG", "a/notes": b"x", "a/old.zip": packed({"a.md": "no"}),
    ".git/config.md": "no", "a/.DS_Store": b"no", "__MACOSX/b.md": b"no", "~$b.docx": b"no", "a/empty.md": b"",
}  # fmt: skip
FOUND = [
    {"title": "empty", "content": "", "file": "a/empty.md"},
    {"title": "page", "content": "Text.", "file": "a/page.HTML"},
    {"title": "C", "content": "Text."},
    {"title": "z", "content": "Text.", "file": "a/z.txt"},
    {"title": "B", "content": "# B\n\nText.", "file": "b.md"},
]
LEFT = [
    "{place}: 2 files are left out, of an ending that is not known (1 {first}, 1 {second}).",
    "{place}: 1 zip file in it is not opened.",
    "scan.pdf{inside} holds no text, only pictures of its pages. Run text recognition (OCR) on it first. It is left out.",
]


def test_a_folder_and_a_zip_of_it_hold_the_same(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", FILES)
    zipped = written(tmp_path, {"papers.zip": packed(FILES)}) / "papers.zip"
    for path, place, inside in ((folder, "The folder papers", ""), (zipped, "papers.zip", " in papers.zip")):
        said: list[str] = []
        assert list(rows(Inputs(path=str(path)), WANTED, said.append)) == FOUND
        either = [
            [s.format(place=place, inside=inside, first=a, second=b) for s in LEFT]
            for a, b in ((".png", "without one"), ("without one", ".png"))
        ]
        assert said in either
        assert read(path, skip=1, limit=2) == FOUND[1:3]
        found = uploads.look(Inputs(path=str(path)), WANTED)
        assert found == Found(("title", "content", "file"), 5, tuple(said))


def test_a_page_of_no_encoding_costs_nothing_but_itself(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.html": b'<meta charset="undefined"><p>\xe9', "b.html": "<p>Text."}
    written(tmp_path, {"f.zip": packed(files)})
    for path, inside in ((written(tmp_path / "f", files), ""), (tmp_path / "f.zip", " in f.zip")):
        left = f"a.html{inside}, line 1 is not UTF-8 (unexpected end of data). Save it as UTF-8. It is left out."
        assert [row["file"] for row in read(path, [left])] == ["b.html"]


def test_a_file_of_rows_in_a_folder_is_left_out_unless_it_has_begun(tmp_path: Path) -> None:
    folder = written(tmp_path / "f", {"a.md": "A.", "package.json": '{"name": "x"}', "rows.csv": "title,content\n"})
    left = [
        "package.json must hold a list of objects, or columns of the same length. It is left out.",
        "rows.csv holds no rows. It is left out.",
    ]
    assert [row["file"] for row in read(folder, left)] == ["a.md"]
    written(folder, {"rows.jsonl": '{"title": "T", "content": "C."}\n{'})
    with pytest.raises(InputError, match=r"^rows\.jsonl, line 2 is not JSON"):
        read(folder)


def test_parquet_in_a_zip(tmp_path: Path) -> None:
    made = io.BytesIO()
    pq.write_table(
        pa.table({"title": ["T"] * 3000, "content": [f"{n}" * 50 for n in range(3000)]}), made, row_group_size=500
    )
    zipped = written(tmp_path, {"a.zip": packed({"x/a.parquet": made.getvalue()})}) / "a.zip"
    assert [row["content"] for row in read(zipped)] == [f"{n}" * 50 for n in range(3000)]


def test_a_zip_is_never_unpacked_by_the_names_in_it(tmp_path: Path) -> None:
    names = ["../../out.md", "/etc/out.md", "C:\\out.md", "a/../b.md", "a\\b.md", "b.md", "b.md"]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out, pytest.warns(UserWarning, match="Duplicate"):
        for name in names:
            out.writestr(name, name)
    path = written(tmp_path / "here", {"a.zip": made.getvalue()}) / "a.zip"
    found = {row["file"]: row["content"] for row in read(path)}
    assert sorted(found.values()) == sorted(n.replace("\\", os.sep) if os.sep == "\\" else n for n in names)
    assert not any(".." in file or file.startswith("/") for file in found) and len(found) == len(names)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip", "here"]


def test_files_of_one_name_in_a_zip_have_numbered_places(tmp_path: Path) -> None:
    """However many there are, and where others have such a place already."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out, pytest.warns(UserWarning, match="Duplicate"):
        for name in ["again-2/b.md", *["b.md"] * 4, "again-2/b.md"]:
            out.writestr(name, "Text.")
        for _ in range(300):
            out.writestr("c.md", "Text.")
    path = written(tmp_path, {"a.zip": made.getvalue()}) / "a.zip"
    found = [row["file"] for row in read(path)]
    assert [file for file in found if "b.md" in file] == sorted(
        ["b.md", "again-1/b.md", "again-2/b.md", "again-3/b.md", "again-4/b.md", "again-1/again-2/b.md"]
    )
    assert {file for file in found if "c.md" in file} == {"c.md", *(f"again-{n}/c.md" for n in range(1, 300))}


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that says how large it is, nor one that does not, nor one of too many files."""
    big = packed({"a.md": b"x" * 10_000_000})
    assert len(big) < 20_000
    (path := tmp_path / "a.zip").write_bytes(big)
    monkeypatch.setattr(files, "MOST_UNPACKED", 10**6)
    with pytest.raises(InputError, match=r"would unpack to 0\.0 GB, which is more than .*Unpack it yourself"):
        read(path)
    path.write_bytes(big.replace(struct.pack("<L", 10_000_000), struct.pack("<L", 1000)))
    with pytest.raises(InputError, match=r"a\.zip is damaged|line 1"):
        read(path)
    monkeypatch.setattr(files, "MOST_FILES", 3)
    path.write_bytes(packed({f"{n}.md": "x" for n in range(4)}))
    with pytest.raises(InputError, match="holds more than 3 files"):
        read(path)
    with pytest.raises(InputError, match="The folder f holds more than 3 files"):
        read(written(tmp_path / "f", {f"{n}.md": "x" for n in range(4)}))
    monkeypatch.setattr(documents, "LARGEST", 10_000)
    written(tmp_path, {"a.docx": word(paragraph("x" * 100_000)), "a.html": "x" * 100_000, "a.md": "x\n" * 50_000})
    for name, words in (
        ("a.docx", "would unpack to more than"),
        ("a.html", "is larger than"),
        ("a.md", "is larger than"),
    ):
        with files.sources(tmp_path / name, KNOWN) as (found, _), pytest.raises(InputError, match=words):
            documents.read(next(found))


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    whole = bytearray(packed({"a.md": "Text."}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(mark) + flags] |= 1
    with pytest.raises(InputError, match=r"a\.zip has a password"):
        read(written(tmp_path, {"a.zip": bytes(whole)}) / "a.zip")


def test_folders_that_hold_no_input(tmp_path: Path) -> None:
    for read_it in (read, lambda path: fingerprint(Inputs(path=str(path)))):
        with pytest.raises(InputError, match=r"The folder .* holds no file that can be read"):
            read_it(tmp_path)
    written(tmp_path / "d", {"dataset_info.json": "{}", "data.arrow": b""})
    with pytest.raises(InputError, match=r"'datasets' wrote it\. Name it as a dataset"):
        read(tmp_path / "d")


def test_links_in_a_folder_are_not_followed_to_others(tmp_path: Path) -> None:
    folder = written(tmp_path / "f", {"a.md": "A."})
    (folder / "round").symlink_to(folder, target_is_directory=True)
    (folder / "gone.md").symlink_to(tmp_path / "nowhere.md")
    assert [row["file"] for row in read(folder)] == ["a.md"]


def test_a_fingerprint_of_a_folder_names_its_files_and_their_content(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a.md": "A.", "x.png": "x"})

    def seen() -> str:
        return fingerprint(Inputs(path=str(folder)))

    first = seen()
    written(folder, {"y.png": "y", ".hidden.md": "h"})
    assert seen() == first
    written(folder, {"a.md": "Another."})
    second = seen()
    (folder / "a.md").rename(folder / "b.md")
    assert len({first, second, seen()}) == 3


def test_a_changed_document_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, {"a.md": "A."}) / "a.md"
    assert read(path)[0]["content"] == "A."
    written(tmp_path, {"a.md": "Another."})
    assert read(path)[0]["content"] == "Another."


def test_what_is_remembered_has_an_end(tmp_path: Path) -> None:
    cache = documents.document_cache(25)
    folder = written(tmp_path, {f"{n}.md": f"{n}" * 10 for n in range(5)})
    with files.sources(folder, KNOWN) as (named, _):
        sources = list(named)
        for _again in range(2):
            texts = [documents.document(source, cache=cache) for source in sources]
            assert texts == [(f"{n}", f"{n}" * 10) for n in range(5)]
            assert [cache.known(source) for source in sources] == [None, None, None, *texts[3:]]
            assert len(cache) == 2 and cache.size == 20


contents = st.binary(max_size=80) | st.sampled_from([pdf("The moon"), HEADED, packed({"a.md": "T."}), PAGE.encode()])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ending=st.sampled_from([*documents.READERS, ".zip"]),
    content=contents,
    at=st.floats(0, 1),
    put=st.binary(max_size=9),
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, ending: str, content: bytes, at: float, put: bytes) -> None:
    place = int(at * len(content))
    path = tmp_path / f"a{ending}"
    path.write_bytes(content[:place] + put + content[place + len(put) :])
    try:
        (row,) = read(path)
    except InputError as error:
        assert path.name in str(error) and str(error).endswith((".", "?"))
    else:
        assert row["title"] and isinstance(row["content"], str) and "\0" not in row["content"] + row["title"]


def test_every_ending_is_read_somewhere() -> None:
    assert {name.rpartition(".")[2] for name, *_ in GOOD.values()} | {
        "jsonl",
        "ndjson",
        "json",
        "csv",
        "tsv",
        "parquet",
        "feather",
        "arrow",
        "xlsx",
        "xlsm",
        "xlsb",
        "xls",
        "ods",
    } == {ending[1:] for ending in KNOWN}
