"""The response equals the reference of its row, as a text or by the number that it ends with.

[[checks]]
kind = "number"
tolerance = 0.01
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed, quoted
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row

COLUMN = "Column of the input that holds the right answer."
ENDS = ".!。！ "
"""What may stand behind an answer and is no part of it."""
TAIL = 20_000
"""Characters at the end of a response in which its last number is looked for."""
MINUS = ("-", "−", "–")
BOXED = re.compile(r"\\boxed\s*+\{")
BOX = 400
"""Characters of a box that are looked at."""
SIGN = r"(?P<sign>(?:(?:(?<=[=({])|(?<=[=({] ))[-−–+][ \t]?|(?<![-−–])[-−–+])?)"
"""Directly at what it belongs to, as a dash with a space behind it is none; but for one behind an equals sign or a bracket."""
EXPONENT = r"\^(?:\{[ ]?(?P<{0}>[-−]?\d{1,3})[ ]?\}|(?P<{0}_>[-−]?\d{1,3}(?!\d)))"
FRACTION = re.compile(
    SIGN + r"(?P<whole>(?:(?<![\w.,/^])\d{1,30}[ ]?)?)\\[dt]?frac\s?\{\s?(?P<above>-?\d{1,30})\s?\}"
    r"\s?\{\s?(?P<below>\d{1,30})\s?\}"
)
NUMBER = re.compile(
    r"(?<![\w.,/^])" + SIGN + r"(?:[$€£¥][ \t]?)?"
    r"(?P<whole>\d{1,60}+(?:(?:[,.'’ \u00a0\u202f]|\\,|\{,\})\d{3}(?!\d)){0,20}+|(?=[.]\d))(?P<rest>(?:[.,]\d{1,60}+)?)"
    r"(?:(?P<power>[eE][+-]?\d{1,2}(?!\w))|" + EXPONENT.replace("{0}", "exponent") + r")?"
    r"(?:[ \t]?(?:[x×*·]|\\times|\\cdot)[ \t]?10" + EXPONENT.replace("{0}", "tens") + r")?"
    r"(?:[ \t]?/[ \t]?(?P<below>\d{1,30})(?![\d/])|[ \t](?P<part>\d{1,30})/(?P<parts>\d{1,30})(?![\d/]))?"
)
LIST = re.compile(r"(?<![\d.,])\d{1,60}+(?:,\d{1,60}+){2,}(?!,?\d)")
"""Numbers with commas between and no spaces, if they are no thousands."""
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
MOST_DIGITS = 2_000
"""Of a power that is worked out."""


@dataclass(frozen=True, kw_only=True)
class EqualsReference(Check):
    """Passes where the response is the reference."""

    kind: ClassVar[str] = "equals"
    title: ClassVar[str] = "Equals the reference"
    summary: ClassVar[str] = "The response equals the row's reference."

    column: str = setting("reference", COLUMN)
    exact: bool = setting(
        False, "Letter by letter. Else case, the space between words and a full stop at the end do not count."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _named(self.column)

    def verdict(self, row: Row, response: Response) -> CheckResult:
        wanted, text = row.known(self.column), response.text
        if not wanted:
            return failed(f"the row has no {self.column}")
        if text == wanted or (not self.exact and _plain(text) == _plain(wanted)):
            return passed(f"equals {quoted(wanted)}")
        return failed(f"{quoted(text)} is not {quoted(wanted)}")


@dataclass(frozen=True, kw_only=True)
class EqualsNumber(Check):
    r"""Passes where the last number of the response, or the one in its last \boxed{}, is that of the reference."""

    kind: ClassVar[str] = "number"
    title: ClassVar[str] = "Ends with the reference's number"
    summary: ClassVar[str] = "The last number of the response equals that of the row's reference."
    version: ClassVar[int] = 2

    column: str = setting("reference", COLUMN)
    tolerance: float = setting(0.0, "How far the two numbers may lie apart.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _named(self.column)
        if not 0 <= self.tolerance < 1e15:
            raise SettingsError(
                f"tolerance must be 0 or more, and below 10^15 (given: {self.tolerance}).", setting="tolerance"
            )

    def verdict(self, row: Row, response: Response) -> CheckResult:
        reference = row.known(self.column)
        if not reference:
            return failed(f"the row has no {self.column}")
        if (wanted := last_number(reference)) is None:
            return failed(f"the {self.column} {quoted(reference)} has no number")
        if (number := last_number(response.text)) is None:
            return failed("no number in the response")
        if abs(number - wanted) <= Fraction(self.tolerance):
            return passed(
                f"{_shown(number)} is {_shown(wanted)}" if number != wanted else f"the number is {_shown(wanted)}"
            )
        return failed(f"{_shown(number)} is not {_shown(wanted)}")


def _named(column: str) -> None:
    if not column.strip():
        raise SettingsError("Name the column that holds the right answer.", setting="column")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(ENDS)


def _shown(number: Fraction) -> str:
    if number.denominator == 1 and abs(number) < 10**15:
        return f"{number.numerator:,}"
    try:
        return f"{float(number):,.10g}"
    except OverflowError:
        return "a very large number"


def last_number(text: str) -> Fraction | None:
    """The number in the last box of a text, else its last number; None where it has none.

    "1,234" and "1 234" are thousands; a comma before one, two or more than three digits is a decimal comma, and so is any
    behind a 0; in "1,2,3" there is none. "3 1/2", "10^6" and "1.5 × 10^6" are one number each.
    """
    tail = text[-TAIL:]
    boxes = [match.end() for match in BOXED.finditer(tail)]
    if boxes:
        in_box = [number for _, number in _numbers(_boxed(tail, boxes[-1]))]
        if in_box:
            return in_box[-1]
    return max(_numbers(tail), key=lambda pair: pair[0], default=(0, None))[1]


def _boxed(text: str, start: int) -> str:
    depth = 1
    for at in range(start, min(len(text), start + BOX)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start:at]
    return text[start : start + BOX]


def _numbers(text: str) -> Iterator[tuple[int, Fraction]]:
    """(where it ends, the number) of each number of a text."""
    for match in FRACTION.finditer(text):
        if below := int(match["below"]):
            number = int(match["whole"] or "0") + Fraction(int(match["above"]), below)
            yield match.end(), -number if match["sign"].strip() in MINUS else number
    rest = FRACTION.sub(lambda match: " " * len(match[0]), text)
    rest = LIST.sub(lambda match: match[0] if THOUSANDS.fullmatch(match[0]) else match[0].replace(",", ";"), rest)
    for match in NUMBER.finditer(rest):
        if (value := _value(match)) is not None:
            yield match.end(), value


def _value(match: re.Match[str]) -> Fraction | None:
    whole, rest = match["whole"], match["rest"]
    signs = re.findall(r"\D+", whole)
    if len(set(signs)) > 1 and signs[-1] not in (".", ","):
        return None
    digits = re.sub(r"\D", "", whole)
    first = re.match(r"\d*", whole)
    leading = first[0] if first else ""
    if len(signs) == 1 and not rest and (signs[0] == "." or (signs[0] == "," and (leading == "0" or len(leading) > 3))):
        number = Fraction(int(digits), 1000)  # 1.234, and 0,125
    elif len(signs) > 1 and len(set(signs)) > 1:  # 1,234.567
        number = Fraction(int(digits), 1000)
    elif rest:
        after = rest[1:]
        number = int(digits or "0") + Fraction(int(after), 10 ** len(after))
    else:
        number = Fraction(int(digits))
    if match["power"]:
        number *= Fraction(10) ** int(match["power"][1:])
    if exponent := _exponent(match, "exponent"):
        size = max(len(digits) + len(rest), 1)
        if abs(exponent) * size > MOST_DIGITS or (not number and exponent < 0):
            return None
        number **= exponent
    elif exponent == 0:
        number = Fraction(1)
    number *= Fraction(10) ** (_exponent(match, "tens") or 0)
    if match["below"] or match["parts"]:
        below = int(match["below"] or match["parts"])
        if not below:
            return None
        if match["below"]:
            number /= below
        elif int(match["part"]) < below:  # 3 1/2
            number += Fraction(int(match["part"]), below)
        else:
            return Fraction(int(match["part"]), below)
    return -number if match["sign"].strip() in MINUS else number


def _exponent(match: re.Match[str], name: str) -> int | None:
    digits = match[name] or match[f"{name}_"]
    return int(digits.replace("−", "-")) if digits else None
