"""A JSON file read value by value, as Python's own reader reads them: no more of the file is held than the value at hand."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

BLANK = re.compile(r"[ \t\n\r]*")
TEXT_OR_COMMA = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|,(?=[ \t\n\r]*+[}\]])', re.DOTALL)
"""A text, which may go on behind the end, or a comma behind the last entry."""
AT_ONCE = 2**18
"""Characters that are read together, to begin with."""
NEARLY = 16
"""A fault as near as this to the end of what was read may be the middle of a word or an escape."""


def without_last_commas(text: str) -> str:
    """JSON without the commas that people leave behind the last entry of a list or an object."""
    return TEXT_OR_COMMA.sub(lambda match: "" if match[0] == "," else match[0], text)


class NamedTwice(dict[str, Any]):
    """An object in which a name stands twice: of `names`, each has its last value."""

    names: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    twice = NamedTwice(members)
    twice.names = tuple(name for name, _ in pairs)
    return twice


CHECKED = json.JSONDecoder(object_pairs_hook=_object)
"""Tells where a name stands twice. It takes half as long again as Python's own."""
MOST_CHECKED = 1000
"""Rows at the beginning of a file that it reads."""


class TooLong(ValueError):
    """One value is longer than it may be. Says which."""


class JsonStream:
    """The values of a file in which none, nor a name, may have more than `longest` characters.

    All methods raise ValueError where the file is not JSON, with the line, and RecursionError.
    """

    def __init__(self, file: io.BufferedReader, longest: int, encoding: str = "") -> None:
        encoding = encoding or json.detect_encoding(file.peek(4)[:4])
        self._text = io.TextIOWrapper(file, encoding, "surrogatepass" if "utf" in encoding else "strict", newline="")
        self._decode = json.JSONDecoder().raw_decode
        self._longest = longest
        self._held, self._at = "", 0
        self._lines = 0
        """Of what is no longer held."""

    def peek(self) -> str:
        """The next character that is no blank, "" at the end of the file."""
        while True:
            blank = BLANK.match(self._held, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._read(AT_ONCE):
                return ""

    def value(self, checked: bool = False) -> Any:
        """The next value, whole; `checked`: an object in which a name stands twice is a NamedTwice."""
        decode = CHECKED.raw_decode if checked else self._decode
        self.peek()
        characters = AT_ONCE
        tidied = 0
        while True:
            try:
                value, end = decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if tidied < len(self._held) and self._at_last_comma(error.pos):
                    self._keep(without_last_commas(self._held[self._at :]))
                    tidied = len(self._held)
                    continue
                if len(self._held) - self._at > self._longest:
                    raise self._too_long(error) from error
                if not self._read(characters):
                    raise self._fault(error.msg, error.pos) from error
            else:
                # a number may go on in what was not read yet
                whole = self._held[end - 1] in '}]"' or end + NEARLY < len(self._held)
                if whole or not self._read(characters):  # nothing moves where nothing is read
                    self._at = end
                    return value
            characters *= 2

    def items(self) -> Iterator[Any]:
        """The values of the list that comes next, of which the first are checked."""
        for number, _ in enumerate(self._parts("[", "]")):
            yield self.value(number < MOST_CHECKED)

    def entries(self) -> Iterator[None]:
        """Stands before each value of the list that comes next, which has to be read before the next one is asked for."""
        yield from self._parts("[", "]")

    def values(self) -> Iterator[Any]:
        """All values that follow, with commas between them or without, of which the first are checked."""
        number = 0
        while self.peek():
            yield self.value(number < MOST_CHECKED)
            number += 1
            if self.peek() == ",":
                self._at += 1

    def value_or_none(self) -> Any:
        """The next value, None for one that is too long."""
        try:
            return self.value()
        except TooLong:
            self.skip()
            return None

    def members(self) -> Iterator[str]:
        """The names in the object that comes next. The value of each has to be read before the next one is asked for."""
        for _ in self._parts("{", "}"):
            if self.peek() != '"':
                raise self._fault("Expecting property name enclosed in double quotes", self._at)
            name = str(self.value())
            self._expect(":", "Expecting ':' delimiter")
            yield name

    def pass_over(self) -> None:
        """Passes over the next value, however long it is: quickly where it is no longer than it may be."""
        try:
            self.value()
        except TooLong:
            self.skip()

    def skip(self) -> None:
        """Passes over the next value, however long it is, text by text and number by number."""
        if self.peek() == "[":
            for _ in self._parts("[", "]"):
                self.skip()
        elif self.peek() == "{":
            for _ in self.members():
                self.skip()
        else:
            self.value()

    def end(self) -> None:
        """Makes sure that nothing follows."""
        if self.peek():
            raise self._fault("Extra data", self._at)

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        self._expect(opening, "Expecting value")
        if self.peek() == closing:
            self._at += 1
            return
        while True:
            yield
            if self.peek() == closing:
                self._at += 1
                return
            self._expect(",", "Expecting ',' delimiter")
            if self.peek() == closing:
                self._at += 1
                return

    def _expect(self, character: str, otherwise: str) -> None:
        if self.peek() != character:
            raise self._fault(otherwise, self._at)
        self._at += 1

    def _read(self, characters: int) -> bool:
        """Reads on; False at the end of the file."""
        if not (more := self._text.read(characters)):
            return False
        self._keep(self._held[self._at :] + more)
        return True

    def _keep(self, text: str) -> None:
        """Holds `text` in place of what was not passed yet."""
        self._lines += self._held.count("\n", 0, self._at)
        self._held, self._at = text, 0

    def _at_last_comma(self, position: int) -> bool:
        """True if a fault is at a comma, or behind one: Python's versions differ in that."""
        tail = self._held[max(0, position - AT_ONCE) : position].rstrip(" \t\n\r")
        return tail.endswith(",") or self._held.startswith(",", position)

    def _fault(self, message: str, position: int) -> ValueError:
        return ValueError(f"{message} in line {self._lines + self._held.count(chr(10), 0, position) + 1}")

    def _too_long(self, error: json.JSONDecodeError) -> ValueError:
        """Which of the two it is, a value that does not end or one that is wrong, shows by where the fault is."""
        if "Unterminated" in error.msg or error.pos >= len(self._held) - NEARLY:
            return TooLong(f"the value that begins in line {self._lines + self._held.count(chr(10), 0, self._at) + 1}")
        return self._fault(error.msg, error.pos)
