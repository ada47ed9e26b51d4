"""The response is JSON.

[[checks]]
kind = "json"
shape = "object"
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn

from feedback.checks.base import Check, CheckResult, failed, passed
from feedback.checks.code_blocks import code_of
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Response, Row

SHAPES = ("any", "object", "list")


class NotJSON(ValueError):
    """A text that is no JSON; the message says why."""


@dataclass(frozen=True, kw_only=True)
class JSONText(Check):
    """Passes where the response is one JSON value and nothing else; a code fence around it is no harm."""

    kind: ClassVar[str] = "json"
    title: ClassVar[str] = "Is JSON"
    summary: ClassVar[str] = "The response is JSON, alone or in a code block."

    shape: Literal["any", "object", "list"] = setting("any", "What the JSON must be.", choices=SHAPES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape not in SHAPES:
            raise SettingsError(f"shape must be one of: {', '.join(SHAPES)} (given: {self.shape!r}).", setting="shape")

    def verdict(self, row: Row, response: Response) -> CheckResult:
        try:
            value = read(response.text)
        except NotJSON as error:
            return failed(str(error))
        shape = kind_of(value)
        if self.shape not in ("any", shape):
            return failed(f"it is {shape}, not {self.shape}")
        return passed(f"JSON: {shape}")


def read(text: str) -> Any:
    """The JSON value that a response is. Raises NotJSON."""
    try:
        return json.loads(code_of(text, "json").strip(), parse_constant=_refuse)
    except NotJSON:
        raise
    except json.JSONDecodeError as error:
        raise NotJSON(f"no JSON: {error.msg}, line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise NotJSON("nested too deeply to check") from error
    except ValueError as error:
        raise NotJSON("a number of thousands of digits") from error


def _refuse(constant: str) -> NoReturn:
    raise NotJSON(f"no JSON: {constant} is no number")


def kind_of(value: Any) -> str:
    """A JSON value's kind as a sentence names it."""
    names = {dict: "object", list: "list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "number")
