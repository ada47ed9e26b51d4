"""JSON and JSON Lines in the shapes that people and tools write them in.

A file is read as a stream: what is no list of objects is looked through once, to see which shape it is, and then read. Two columns
of one name are refused where they stand in one of the first thousand rows; behind them the last one is taken, as Python does: to
look at each object would make reading conversations a fifth slower.

    [{"q": "Why?", "a": "So."}]                                    a list of objects
    {"q": "Why?", "a": "So."}, {"q": ...}                          objects behind each other, with commas or without
    {"info": {...}, "data": [{"q": ...}]}                          a list of objects in an object, its name does not matter
    {"q": ["Why?"], "a": ["So."]}                                  columns
    {"columns": ["q", "a"], "data": [["Why?", "So."]]}             pandas' split
    {"q": {"0": "Why?"}, "a": {"0": "So."}}                        pandas' own
    {"q1": {"q": "Why?", "a": "So."}, "q2": {...}}                 rows by their ids
    {"q": "Why?", "responses": [...]}                              one row
"""

import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from app.inputs.encodings import known_encoding, text_lines
from app.inputs.files import Say, Source
from app.inputs.json_stream import CHECKED, MOST_CHECKED, JsonStream, NamedTwice, TooLong, without_last_commas
from app.inputs.table import LONGEST_LINE, MOST_COLUMNS, Rows, TableOptions, check_names, column_names, numbered
from tasks.errors import InputError

LIST_NAMES = ("data", "rows", "examples", "records", "items", "instances", "train")
"""Names of a list of rows, where an object holds several lists."""
ROW_NAMES = frozenset(
    {"instruction", "prompt", "question", "query", "input", "text", "messages", "conversations", "conversation"}
)
"""Columns by which one row is known, though it holds a list of objects."""
Shape = Literal["objects", "split", "by column", "by id", "one row", ""]
BLOCK = 2**22
"""Bytes that are read together of all columns that stand behind each other."""


@dataclass
class Member:
    """One entry of an object: the kind of its value, and of what that holds; nothing of the value itself is kept."""

    kind: str
    entries: int = 0
    kinds: set[str] = field(default_factory=set)
    begins_with_object: bool = False
    chat: bool = False
    """True for the messages of a chat."""
    by_number: bool = True
    """True if the names in it are whole numbers, as pandas numbers rows."""
    schema: bool = False
    """True for what pandas says of a table."""


@dataclass
class Outline:
    """What an object holds: its first entries by name, and how many there are of each kind."""

    members: dict[str, Member] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    by_number: bool = True

    def add(self, name: str, member: Member) -> None:
        self.kinds[member.kind] += 1
        self.by_number = self.by_number and member.by_number
        if len(self.members) <= MOST_COLUMNS:
            self.members[name] = member

    def shape(self) -> tuple[Shape, str]:
        """(how its rows stand in it, the name of the list that holds them)."""
        members = self.members
        lists = {name: member for name, member in members.items() if member.kind == "list"}
        if {"columns", "data"} <= lists.keys() and lists["data"].kinds <= {"list"}:
            return "split", "data"
        if self.kinds["object"] == self.kinds.total() > 0:
            return ("by column" if self.by_number else "by id"), ""
        if any(name in ROW_NAMES and (member.kind == "text" or member.chat) for name, member in members.items()):
            return "one row", ""
        lengths = {member.entries for member in lists.values()}
        even = len(lists) == self.kinds.total() and len(lengths) == 1 and lengths != {0}
        if even and any(member.kinds != {"object"} for member in lists.values()):
            return "by column", ""
        holding = {name: member for name, member in lists.items() if member.begins_with_object and not member.chat}
        holding = holding or {name: member for name, member in lists.items() if not member.entries}
        if not holding:
            return "", ""
        list_names = [name for name in LIST_NAMES if name in holding]
        return "objects", list_names[0] if list_names else max(holding, key=lambda name: holding[name].entries)


def json_lines(source: Source, options: TableOptions, say: Say) -> Rows:
    """An object a line; what is JSON over several lines after all is read as that. Raises InputError with the line."""
    with source.open() as file:
        if file.peek(64)[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            yield from json_rows(source, options, say)
            return
    read = 0
    for number, line in text_lines(source, options.encoding, say):
        if not (text := line.strip()):
            continue
        try:
            row = _loaded(text, read)
        except (ValueError, RecursionError) as error:
            row = _tidied(text, read)
            if row is None and not read and (rows := _over_lines(source, options)) is not None:
                yield from rows
                return
            if row is None:
                raise InputError(
                    f"{source.name}, line {number} is not JSON: {error}. Each line must be one JSON object."
                ) from error
        read += 1
        yield as_row(source, f"line {number}", row)


def _loaded(line: str, read: int) -> Any:
    return CHECKED.decode(line) if read < MOST_CHECKED else json.loads(line)


def _tidied(line: str, read: int) -> Any:
    """A line of JSON without commas behind the last entry, or behind the line; None if it is none all the same."""
    try:
        return _loaded(without_last_commas(line.removesuffix(",")), read)
    except (ValueError, RecursionError):
        return None


def _over_lines(source: Source, options: TableOptions) -> Rows | None:
    """The rows of a file that is JSON though its ending says that each line is; None where it is not."""
    rows = json_rows(source, options, lambda message: None)
    try:
        first = next(rows)
    except (InputError, StopIteration):
        return None
    return itertools.chain([first], rows)


def json_rows(source: Source, options: TableOptions, say: Say) -> Rows:
    """The rows of a JSON file, in any of the shapes above. Raises InputError."""
    encoding = known_encoding(options.encoding) if options.encoding else ""
    try:
        with source.open() as file:
            stream = JsonStream(file, LONGEST_LINE, encoding)
            opening = stream.peek()
            if opening == "[":
                yield from _listed(source, stream.items())
                stream.end()
                return
            if opening != "{":
                stream.value()
                stream.end()
                raise InputError(f"{source.name} must hold a list of objects.")
            outline = _outline(source, stream)
            several = stream.peek() in ("{", ",")
            if not several:
                stream.end()
        with source.open() as file:
            stream = JsonStream(file, LONGEST_LINE, encoding)
            if several:
                yield from (as_row(source, f"entry {n}", row) for n, row in enumerate(stream.values(), 1))
            else:
                yield from _of_object(source, stream, outline, encoding, say)
    except TooLong as error:
        raise InputError(
            f"{source.name}, {error} is longer than {LONGEST_LINE // 10**6} MB. Save it as .jsonl, with an object a line."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{source.name} is not JSON: {error}. A file with an object a line should end in .jsonl."
        ) from error


KINDS = {"[": "list", "{": "object", '"': "text"}


def _outline(source: Source, stream: JsonStream) -> Outline:
    """What the object holds that comes next, of which no more is kept than its first entries."""
    outline = Outline()
    for name in stream.members():
        member = Member(KINDS.get(stream.peek(), "value"))
        if member.kind == "list":
            if name in outline.members:
                raise InputError(f"{source.name} has two lists of the name '{name[:40]}'. Rename one of them.")
            for _ in stream.entries():
                member.entries += 1
                member.kinds.add(KINDS.get(stream.peek(), "value"))
                if member.entries == 1:
                    first = stream.value_or_none()
                    member.begins_with_object = isinstance(first, dict)
                    member.chat = isinstance(first, dict) and bool({"role", "from"} & first.keys())
                else:
                    stream.pass_over()
        elif member.kind == "object":
            for inner in stream.members():
                member.entries += 1
                member.by_number = member.by_number and inner.isdecimal()
                member.schema = member.schema or inner == "primaryKey"
                stream.pass_over()
        else:
            stream.pass_over()
        outline.add(name, member)
    return outline


def _of_object(source: Source, stream: JsonStream, outline: Outline, encoding: str, say: Say) -> Rows:
    shape, chosen = outline.shape()
    if not shape:
        raise InputError(f"{source.name} must hold a list of objects, or columns of the same length.")
    if shape == "one row":
        yield as_row(source, "its object", stream.value(checked=True))
    elif shape == "by id":
        for number, name in enumerate(stream.members()):
            row = as_row(source, f"the value of '{name[:40]}'", stream.value(number < MOST_CHECKED))
            yield row if "id" in row or name == str(number) else {"id": name, **row}
    elif shape == "by column":
        yield from _by_column(source, stream)
    elif shape == "split":
        names = _split_columns(source, encoding)
        for number, cells in enumerate(_list_of(stream, chosen), 1):
            yield _named(source, f"row {number}", names, cells)
    else:
        _say_what_is_left(source, outline, chosen, say)
        table = "schema" in outline.members and outline.members["schema"].schema  # pandas numbers its rows there
        for number, entry in enumerate(_list_of(stream, chosen), 1):
            row = as_row(source, f"entry {number}", entry)
            if table and row.get("index") == number - 1:
                del row["index"]
            yield row


def _list_of(stream: JsonStream, name: str) -> Iterator[Any]:
    """The entries of the list of that name in the object that comes next."""
    for member in stream.members():
        if member == name:
            yield from stream.items()
            return
        stream.pass_over()


def _say_what_is_left(source: Source, outline: Outline, chosen: str, say: Say) -> None:
    lists = [name for name, member in outline.members.items() if member.begins_with_object and name != chosen]
    if lists:
        named = ", ".join(f"'{name[:40]}'" for name in lists[:5])
        say(f"{source.name}: the rows are those of its list '{chosen[:40]}', not of {named}.")


def _split_columns(source: Source, encoding: str) -> list[str]:
    with source.open() as file:
        names = _list_of(JsonStream(file, LONGEST_LINE, encoding), "columns")
        return column_names(source, list(map(_label, itertools.islice(names, MOST_COLUMNS + 1))))


def _label(name: Any) -> str:
    return name if isinstance(name, str) else json.dumps(name, ensure_ascii=False)


def _listed(source: Source, entries: Iterator[Any]) -> Rows:
    """A list of objects, as they are; of texts, each an instruction; of lists, whose columns have no names."""
    if (first := next(entries, None)) is None:
        return
    names = column_names(source, numbered(len(first))) if isinstance(first, list) else None
    for number, entry in enumerate(itertools.chain([first], entries), 1):
        if isinstance(first, str):
            if not isinstance(entry, str):
                raise InputError(f"{source.name}, entry {number} is not a text, as the others are.")
            yield {"instruction": entry}
        elif names is not None:
            yield _named(source, f"entry {number}", names, entry)
        else:
            yield as_row(source, f"entry {number}", entry)


def _named(source: Source, where: str, names: list[str], cells: Any) -> dict[str, Any]:
    if not isinstance(cells, list) or len(cells) != len(names):
        raise InputError(f"{source.name}, {where} is not a list of {len(names)} cells, as the others are.")
    return dict(zip(names, cells, strict=True))


def _by_column(source: Source, stream: JsonStream) -> Rows:
    """Rows of columns that stand behind each other: each is written down as it comes, so that all are read side by side."""
    with tempfile.TemporaryFile() as spill:
        spans: dict[str, tuple[int, int]] = {}
        for name in stream.members():
            if name in spans:
                check_names(source, [name, name])
            start = spill.tell()
            if stream.peek() == "[":
                for value in stream.items():
                    spill.write(json.dumps(["", value]).encode() + b"\n")
            else:
                for label in stream.members():
                    spill.write(json.dumps([label, stream.value()]).encode() + b"\n")
            spans[name] = (start, spill.tell())
            if len(spans) > MOST_COLUMNS:
                break
        column_names(source, list(spans))
        block = max(2**10, BLOCK // len(spans))
        columns = [_lines_between(spill, *span, block) for span in spans.values()]
        for number, lines in enumerate(itertools.zip_longest(*columns), 1):
            cells: list[Any] = [json.loads(line) if line is not None else [None] for line in lines]
            if any(cell[0] != cells[0][0] for cell in cells):
                raise InputError(f"{source.name}: its columns do not have the same rows (they differ at row {number}).")
            yield dict(zip(spans, (cell[1] for cell in cells), strict=True))


def _lines_between(file: IO[bytes], begin: int, end: int, block: int) -> Iterator[bytes]:
    """The lines of a part of a file that others read from as well."""
    rest = b""
    while begin < end:
        file.seek(begin)
        part = file.read(min(block, end - begin))
        begin += len(part)
        *lines, rest = (rest + part).split(b"\n")
        yield from lines


def as_row(source: Source, where: str, row: Any) -> dict[str, Any]:
    """A row as it is. Raises InputError for what is no object, and for one with two columns of a name."""
    if not isinstance(row, dict):
        raise InputError(f"{source.name}, {where} is not an object with columns but {str(row)[:40]!r}.")
    if isinstance(row, NamedTwice):
        check_names(source, row.names)
    return row
