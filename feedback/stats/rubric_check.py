"""Whether a labeller can judge by a rubric, told from ratings of a few responses before a whole run is paid for.

Each response is rated twice at temperature 0, so that what changes between the two is noise of the labeller's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from feedback.rubrics import Rubric
from feedback.stats.length_bias import LEAST, spearman
from feedback.types import Rating
from tasks.text.word_count import words

MOST_OF_ONE_LEVEL = 0.8
"""A share of the ratings on one level from which on the rubric tells little apart."""
CLEARLY, REPEATABLE = 0.3, 0.8
"""A rank correlation that shows, and a share of ratings that come out the same from which on they are relied on."""
FEWEST = 5


@dataclass(frozen=True)
class RubricCheck:
    """What a few ratings say of a rubric: a sentence for each question, and how often each level was given.

    `warnings` are those of the sentences that call for a change.
    """

    rubric: Rubric
    counts: tuple[int, ...]
    unrated: int = 0
    spread: str = ""
    length: str = ""
    repeats: str = ""
    unused: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        return [sentence for sentence in (self.spread, self.length, self.repeats, self.unused) if sentence]


def rubric_check(
    rubric: Rubric, texts: Sequence[str], first: Sequence[Rating], second: Sequence[Rating]
) -> RubricCheck:
    """`texts` were rated twice: `first` and `second` have a rating for each, in their order."""
    values = [(text, r.value) for text, r in zip(texts, first, strict=True) if r.value is not None]
    n = len(values)
    counts = [0] * rubric.scale
    for _, value in values:
        counts[min(max(round(value), 1), rubric.scale) - 1] += 1
    unrated = len(texts) - n
    if n < FEWEST:
        why = f"Only {n} of {len(texts)} could be rated, too few to tell anything." if unrated else ""
        why = why or f"{n} rated, at least {FEWEST} are needed to tell anything."
        return RubricCheck(rubric, tuple(counts), unrated, why, warnings=(why,))
    told = [_on_spread(counts, n), _on_length(values), _on_repeats(first, second), (_on_unused(counts, n), False)]
    spread, length, repeats, unused = (sentence for sentence, _ in told)
    warnings = tuple(sentence for sentence, is_bad in told if is_bad)
    return RubricCheck(rubric, tuple(counts), unrated, spread, length, repeats, unused, warnings)


def _on_spread(counts: Sequence[int], n: int) -> tuple[str, bool]:
    """(a sentence, whether it calls for a change), as the others below."""
    most, level = max(counts), counts.index(max(counts)) + 1
    if most / n >= MOST_OF_ONE_LEVEL:
        return f"{most} of {n} ratings are {level}: it tells little apart.", True
    used = sum(map(bool, counts))
    return f"Ratings spread over {used} of {len(counts)} levels; the most frequent is {level} ({most} of {n}).", False


def _on_length(values: Sequence[tuple[str, float]]) -> tuple[str, bool]:
    counted = Counter((words(text), value) for text, value in values)
    rho = spearman(counted)
    if rho is None:
        if len(values) < LEAST:
            return f"Whether ratings go with length can't be told from {len(values)} rows; it takes {LEAST}.", False
        return "Whether ratings go with length can't be told: all are as long, or all are rated the same.", False
    figure = f"(rank correlation {rho:+.2f}, {len(values)} responses)".replace("-", "−")
    if abs(rho) < CLEARLY:
        return f"Ratings hardly go with length {figure}.", False
    which = "higher" if rho > 0 else "lower"
    return f"Longer responses are rated {which} {figure}: see whether that is meant.", True


def _on_repeats(first: Sequence[Rating], second: Sequence[Rating]) -> tuple[str, bool]:
    both = [
        (a.value, b.value) for a, b in zip(first, second, strict=True) if a.value is not None and b.value is not None
    ]
    if not both:
        return "Asked a second time, nothing could be read.", True
    same = sum(a == b for a, b in both)
    bad = same / len(both) < REPEATABLE
    sentence = f"Asked twice at temperature 0, {same} of {len(both)} ratings came out the same"
    return (f"{sentence}: its levels may be too fine, or unclear." if bad else f"{sentence}."), bad


def _on_unused(counts: Sequence[int], n: int) -> str:
    unused = [str(level) for level, number in enumerate(counts, 1) if not number]
    if not unused:
        return "Every level is used."
    which = f"Level {unused[0]} is" if len(unused) == 1 else f"Levels {', '.join(unused[:-1])} and {unused[-1]} are"
    return f"{which} never used by {n} ratings."
