"""The Python code of the response parses. It is never run.

[[checks]]
kind = "python"
"""

import ast
import threading
import warnings
from dataclasses import dataclass
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed
from feedback.checks.code_blocks import code_of
from tasks.types import Response, Row

MOST = 100_000
"""Characters of code that is looked at."""
_QUIET = threading.Lock()
"""Which warnings are shown is a matter of the whole process."""


@dataclass(frozen=True, kw_only=True)
class PythonCode(Check):
    """Passes where the code blocks, or the whole response, parse as Python."""

    kind: ClassVar[str] = "python"
    title: ClassVar[str] = "Is Python that parses"
    summary: ClassVar[str] = "The code blocks of the response, or all of it, are Python that parses; nothing is run."

    def verdict(self, row: Row, response: Response) -> CheckResult:
        code = code_of(response.text, "python", "py", "python3")
        if not code.strip():
            return failed("no code")
        if len(code) > MOST:
            return failed(f"too long to check: more than {MOST:,} characters of code")
        try:
            with _QUIET, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(code)
        except SyntaxError as error:
            return failed(f"no Python: {error.msg}, line {error.lineno or 1}")
        except (RecursionError, MemoryError):
            return failed("nested too deeply to check")
        except ValueError as error:  # a NUL, a half of a character, a number of thousands of digits
            return failed(f"no Python: {error}"[:200])
        return passed(f"{len(tree.body):,} statements") if tree.body else failed("no code but comments")
