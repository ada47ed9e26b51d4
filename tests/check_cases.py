"""Runs the cases of one kind of check: what each response comes to under which settings."""

from collections.abc import Sequence
from typing import Any

from feedback.checks import Check, check_kinds
from tasks.types import Response, Row

Case = tuple[dict[str, Any], str, bool] | tuple[dict[str, Any], str, bool, dict[str, Any]]
"""(settings, the response, whether it passes), and where it matters what the row is: its prompt, and columns of its input."""


def check(kind: str, **settings: Any) -> Check:
    """A check from the settings of its kind."""
    cls: Any = check_kinds()[kind]
    built: Check = cls(**settings)
    return built


def wrong(kind: str, cases: Sequence[Case]) -> list[str]:
    """What comes out otherwise than the cases say, each with its reason."""
    mistakes = []
    for settings, text, passes, *more in cases:
        given = dict(more[0]) if more else {}
        row = Row(({"role": "user", "content": given.pop("prompt", "Name a river.")},), (), given)
        result = check(kind, **settings).result(row, Response(text, "m"))
        assert result.reason and "\n" not in result.reason and len(result.reason) < 300
        if result.passed != passes:
            mistakes.append(f"{settings} {text[:80]!r} {given}: {result.reason}")
    return mistakes
