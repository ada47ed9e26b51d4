"""Every reader of uploads with files that were damaged by chance: `python tests/bench/fuzz_uploads.py [EACH [KIND...]]`.

Each kind of file has a few whole ones; of each try some bytes are changed, taken out, put twice, put in, or taken from another
kind. A reader gives rows, or says in a sentence what is wrong: anything else that it raises is a fault, and so is a read of more
than MOST_SECONDS. Memory is that of this process and of the reader's own, at its most. Prints a Markdown table; ends with 1 after a
fault.
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
import resource
import sys
import tempfile
import time
import tomllib
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from app.inputs import uploads
from app.inputs.inputs import Inputs
from app.recipe import load_rubrics
from app.web import saved
from tasks.errors import ClaywrightError
from tests import bombs

EACH, SEED, MOST_SECONDS = 10_000, 26, 5.0
TOKENS = [
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"{", b"[", b"]" * 50, b"[" * 500, b"<" * 50, b"\r", b"\n\n",
    b"\\u0000", b"\\ud800", b"1e999", b"-1", b"9" * 400, b"NaN", b"null", b"%s%n", b"../../x", b"=cmd|' /C calc'!A0",
    b"<script>", b"<!ENTITY a 'b'>&a;", b"\x1b[2J", b"{{7*7}}", b"\xf0\x9f\x8f\xba", b"\x7f" * 9, b"\xff" * 8,
    b"\0\0\0\x80", b"PK\x03\x04", b"%PDF-1.7", b"ARROW1", b"PAR1",
]  # fmt: skip
ROWS = [{"instruction": f"Name a river {n}, “please”.", "response": f"River {n}\nof the north"} for n in range(5)]
RECIPE = b"""name = "fuzz"
rows = 3
[task]
kind = "magpie"
[generator]
url = "http://127.0.0.1:1/v1"
model = "m"
[[rubrics]]
name = "short"
question = "Is it short?"
levels = ["no", "yes"]
"""
RUBRICS = RECIPE[RECIPE.index(b"[[rubrics]]") :]
PROSE = "# Rivers\n\nA *long* text, [a link](https://example.org).\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n- one\n- two\n"
Look = Callable[[Path], object]


def made(write: Callable[[Path], None], suffix: str) -> bytes:
    """What a writer of a file writes."""
    with tempfile.TemporaryDirectory() as folder:
        write(path := Path(folder) / f"a{suffix}")
        return path.read_bytes()


def table(kind: str) -> bytes:
    import pandas as pd

    buffer, frame = io.BytesIO(), pd.DataFrame(ROWS)
    if kind == "xlsx":
        frame.to_excel(buffer, engine="xlsxwriter", index=False)
    elif kind == "ods":
        frame.to_excel(buffer, engine="odf", index=False)  # type: ignore[arg-type]  # its stubs do not know it
    elif kind == "parquet":
        frame.to_parquet(buffer)
    elif kind == "feather":
        frame.to_feather(buffer)
    else:
        import pyarrow as pa

        with pa.ipc.new_file(buffer, pa.Table.from_pandas(frame).schema) as out:
            out.write_table(pa.Table.from_pandas(frame))
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def zstandard(content: bytes) -> bytes:
    return made(bombs.zstandard([content]), ".zst")


def of_zstandard(content: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.CompressedInputStream(pa.BufferReader(content), "zstd").read())


PACKED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    ".csv.gz": (gzip.compress, gzip.decompress), ".jsonl.bz2": (bz2.compress, bz2.decompress),
    ".json.xz": (lzma.compress, lzma.decompress), ".jsonl.zst": (zstandard, of_zstandard),
}  # fmt: skip
ZIPS = (".zip", ".xlsx", ".ods", ".docx")


def whole() -> dict[str, list[bytes]]:
    """By the end of a file's name: some that are as they should be."""
    lines = "\n".join(map(json.dumps, ROWS)).encode()
    separated = b'instruction,response\n"Name a river, ""please""",Elbe\nName a lake,"one\ntwo"\n'
    word = made(bombs.word([b"A river is a stream of water."] * 3), ".docx")
    page = b"<html><head><title>Rivers</title></head><body><h1>A</h1><table><tr><td>a<td>b</table><p>text</p></body></html>"
    return {
        ".csv": [separated, separated.decode().encode("utf-16")], ".tsv": [separated.replace(b",", b"\t")],
        ".txt": [PROSE.encode(), "Übergänge\nFlüsse".encode("cp1252")], ".jsonl": [lines, lines.replace(b"\n", b"\r\n")],
        ".json": [json.dumps(value, indent=1).encode() for value in (ROWS, {"data": ROWS}, {"a": [1, 2], "b": [3, 4]})],
        ".parquet": [table("parquet")], ".feather": [table("feather")], ".arrow": [table("arrow")],
        ".xlsx": [table("xlsx")], ".ods": [table("ods")],
        ".md": [PROSE.encode()], ".html": [page], ".docx": [word],
        ".pdf": [made(bombs.pdf(2, b"1 0 0 1 0 0 Tm (A river) Tj "), ".pdf")],
        ".zip": [zipped(a_csv=separated, b_jsonl=lines), zipped(a_md=PROSE.encode())],
        ".csv.gz": [gzip.compress(separated)], ".jsonl.bz2": [bz2.compress(lines)],
        ".json.xz": [lzma.compress(json.dumps(ROWS).encode())],
        ".jsonl.zst": [made(bombs.zstandard([lines]), ".zst")],
        ".toml": [RECIPE], ".rubrics.toml": [RUBRICS],
        ".rubrics.json": [json.dumps(tomllib.loads(RUBRICS.decode())).encode()],
    }  # fmt: skip


def damaged(chance: random.Random, wholes: list[bytes], others: list[bytes]) -> bytes:
    """A file with some of it changed."""
    content = bytearray(chance.choice(wholes))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at, size = chance.randrange(len(content) + 1), chance.choice((1, 1, 2, 4, 16, 200))
        match chance.randrange(8):
            case 0 if at < len(content):
                content[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(content):
                content[at] = chance.randrange(256)
            case 2:
                del content[at : at + size]
            case 3:
                content[at:at] = content[at : at + size] * chance.choice((1, 2, 50))
            case 4:
                content[at:at] = chance.choice(TOKENS)
            case 5:
                del content[at:]
            case 6:
                content[at : at + size] = chance.randbytes(size)
            case _:
                other = chance.choice(others)
                begin = chance.randrange(len(other))
                content[at : at + size] = other[begin : begin + chance.choice((4, 64, 1000))]
    return bytes(content)


def damaged_inside(chance: random.Random, suffix: str, wholes: list[bytes], others: list[bytes]) -> bytes:
    """A packed file whose content was damaged before it was packed: else its checksum tells, and nothing is read."""
    content = chance.choice(wholes)
    if suffix in PACKED:
        pack, unpack = PACKED[suffix]
        return pack(damaged(chance, [unpack(content)], others))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(files))
    files[name] = damaged(chance, [files[name] or b" "], others)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, inner in files.items():
            archive.writestr(each, inner)
    return buffer.getvalue()


def looks() -> Iterator[tuple[str, Look]]:
    """What is asked of a file, by the end of its name."""

    def rows(path: Path) -> object:
        return uploads.look(Inputs(path=str(path)))

    def documents(path: Path) -> object:
        return uploads.look(Inputs(path=str(path)), ("title", "content"))

    for suffix in whole():
        if suffix == ".toml":
            yield suffix, saved.from_file
        elif suffix.startswith(".rubrics"):
            yield suffix, load_rubrics
        else:
            yield suffix, documents if suffix in (".md", ".html", ".pdf", ".docx") else rows


def mebibytes(who: int) -> int:
    return resource.getrusage(who).ru_maxrss // 1024


def main() -> int:
    each = int(sys.argv[1]) if len(sys.argv) > 1 else EACH
    files, faults = whole(), 0
    every = [content for some in files.values() for content in some]
    print("| kind | tries | read | refused | faults | longest (s) | peak MiB, own and reader's |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for suffix, look in looks():
        if sys.argv[2:] and suffix not in sys.argv[2:]:
            continue
        chance, outcomes, longest = random.Random(f"{SEED} {suffix}"), Counter[str](), 0.0
        with tempfile.TemporaryDirectory(prefix="claywright-fuzz-") as folder:
            path = Path(folder) / f"a{suffix}"
            for _ in range(each):
                inside = (suffix in PACKED or suffix in ZIPS) and chance.random() < 0.5
                content = (
                    damaged_inside(chance, suffix, files[suffix], every)
                    if inside
                    else damaged(chance, files[suffix], every)
                )
                path.write_bytes(content)
                began = time.perf_counter()
                try:
                    look(path)
                    outcomes["read"] += 1
                except ClaywrightError as error:
                    outcomes["refused"] += 1
                    if "\n" in str(error) or "Traceback" in str(error):
                        outcomes["faults"] += 1
                        print(f"{suffix}: no sentence: {error!r}", file=sys.stderr)
                except Exception:  # noqa: BLE001 - which is what is looked for
                    outcomes["faults"] += 1
                    print(f"{suffix}: {traceback.format_exc(limit=-4)}", file=sys.stderr)
                    with contextlib.suppress(OSError):
                        (Path(tempfile.gettempdir()) / f"fuzz-fault{suffix}").write_bytes(content)
                took = time.perf_counter() - began
                longest = max(longest, took)
                if took > MOST_SECONDS:
                    outcomes["faults"] += 1
                    print(f"{suffix}: took {took:.1f} s", file=sys.stderr)
        faults += outcomes["faults"]
        memory = f"{mebibytes(resource.RUSAGE_SELF)}, {mebibytes(resource.RUSAGE_CHILDREN)}"
        numbers = f"{outcomes['read']} | {outcomes['refused']} | {outcomes['faults']} | {longest:.2f}"
        print(f"| {suffix} | {each} | {numbers} | {memory} |", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
