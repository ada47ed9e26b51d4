"""Which rows are audit: drawn at random before anybody sees a row, so that what they show holds for the whole set."""

import math
import random
from collections.abc import Sequence

AUDIT_SHARE, AUDIT_LEAST = 0.2, 50
LEAST_ADDED = 0.05
"""Of rows that are added this share is audit, however many of the others are: else nothing could be said of them."""


def audit_of(rows: int) -> int:
    """How many of so many rows are audit: a fifth, at least 50 where there are that many."""
    return max(math.ceil(AUDIT_SHARE * rows), min(AUDIT_LEAST, rows))


def drawn_for_audit(new: Sequence[str], rows: int, audits: int, seed: int) -> tuple[set[str], float]:
    """(which of the `new` rows are audit, the chance of each): of all `rows` a fifth is, at least 50 where there are that many.

    `audits` were drawn before. Of a few rows as many are drawn as come to that share in the long run. The draw depends on the
    ids, the seed and nothing else.
    """
    if not new:
        return set(), 0.0
    drawing = random.Random(f"{seed} {audits}")
    chance = min(max((audit_of(rows) - audits) / len(new), LEAST_ADDED), 1.0)
    exact = chance * len(new)
    whole = math.floor(exact + 1e-9)
    size = whole + (exact - whole > 1e-9 and drawing.random() < exact - whole)
    return set(drawing.sample(sorted(new), size)), chance
