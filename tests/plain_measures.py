"""What the tests of agreement hold measures against: alpha by its definition, and that a value lies in its interval."""

import itertools

from feedback.stats.measures import Level, Measure


def by_pairs(units: list[list[int]], level: Level) -> float | None:
    """Alpha from its definition: mean distance within units over mean distance between any two values."""
    said = list(itertools.chain(*units))

    def apart(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        low, high = sorted((a, b))
        between = sum(said.count(value) for value in range(low, high + 1))
        return (between - (said.count(low) + said.count(high)) / 2) ** 2

    n = len(said)
    expected = sum(apart(a, b) for a, b in itertools.permutations(said, 2)) / (n - 1)
    observed = sum(sum(apart(a, b) for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    return 1 - observed / expected if expected else None


def within(found: Measure) -> bool:
    """True if the value lies in its interval, and all three are numbers."""
    assert found.low is not None and found.value is not None and found.high is not None
    return found.low <= found.value <= found.high
