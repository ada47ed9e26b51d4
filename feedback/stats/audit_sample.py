"""Which rows are audit: drawn at random before anybody sees a row, so that what they show holds for the whole set."""

import math
import random
from collections.abc import Sequence

AUDIT_SHARE, AUDIT_LEAST = 0.2, 50


def audit_of(rows: int) -> int:
    """How many of so many rows are audit: a fifth, at least 50 where there are that many."""
    return max(math.ceil(AUDIT_SHARE * rows), min(AUDIT_LEAST, rows))


def drawn_for_audit(new: Sequence[str], rows: int, audits: int, seed: int) -> set[str]:
    """Which of the `new` rows are audit, so that of all `rows` a fifth is, at least 50 where there are that many.

    `audits` were drawn before. The draw depends on the ids, the seed and nothing else.
    """
    size = audit_of(rows) - audits
    return set(random.Random(f"{seed} {audits}").sample(sorted(new), min(max(size, 0), len(new))))
