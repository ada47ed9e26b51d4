"""Regular expressions that are compiled when they are first used.

The readers have hundreds of them, for every form in which models answer; a run uses few, and should not wait for the others.

>>> lazy_pattern(r"\\d+").findall("4 of 5")
['4', '5']
"""

import re
from typing import Any, cast


class LazyPattern:
    """Stands for a compiled pattern: what is asked of it is looked up once in the real one, and kept."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.given_flags = flags

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.compiled(), name)
        setattr(self, name, value)
        return value

    def __eq__(self, other: object) -> bool:
        """True for the same pattern, as a match names it: `match.re == LABEL`."""
        return self is other or self.compiled() == other

    def __hash__(self) -> int:
        return hash((self.pattern, self.given_flags))

    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, self.given_flags)


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern that is compiled at its first use. For those of modules."""
    return cast("re.Pattern[str]", LazyPattern(pattern, flags))
