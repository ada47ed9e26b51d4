"""How values are written into columns."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

NEAR_DUPLICATE = "near-duplicate"
"""How the reason of a drop begins that was too much like an earlier row."""


def now() -> str:
    """The time as text that sorts: ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def dumps(value: Any) -> str:
    """JSON in ASCII, so that any text survives, lone surrogates too."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
