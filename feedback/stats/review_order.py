"""Which row a person looks at next, and whether the order is worth following.

The start is the signed contradiction: how strongly the labeller's other opinions speak against its decision. From the third
wrong decision on an order is learned from what people decided: a logistic regression of "people decided otherwise" on the
contradiction and what else is known of a row. One row in five is then picked at random. Where the queue finds no more than the
audit, whose rows were drawn at random, the order has nothing to go by, and the queue goes on at random.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from feedback.stats.measures import Measure, share
from feedback.stats.row_signals import Answer, Population, in_time, positions

if TYPE_CHECKING:
    from feedback.stats.row_signals import Bools, Floats, Ints

Method = Literal["contradiction", "learned", "random"]
REFIT = 20
"""The order is made anew after so many reviews, and stays as it is in between."""
LEAST_WRONG = 3
"""So many wrong decisions must be known before an order is learned."""
RANDOM_EACH = 5
"""Beside a learned order, one row of so many is picked at random."""
RIDGE = 3.0
SCORE_RIDGE = 1.0
PRIOR = 1.0
"""What the contradiction weighs before anything is learned, for each of its standard deviations."""
QUEUE_ENOUGH, AUDIT_ENOUGH = 80, 40
"""So many decided rows of the queue and of the audit, before an order that is no better than chance is given up."""
ONE_SIDED = 0.95
SMALL_GROUP = 0.05
"""Models and tasks of fewer rows than this share are not told apart."""
CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """The rows that wait in the queue, next first.

    `random_rows` stand where they stand by chance. `scores` is what rows are ordered by: their contradiction, or the learned
    log-odds that people decide otherwise. `coefficients` (for each standard deviation of a feature) and `fitted_on` (reviews)
    are of the learned order, and so is `leading`: the feature that moves a row up most.
    """

    method: Method
    rows: Sequence[str]
    scores: Mapping[str, float]
    random_rows: frozenset[str] = frozenset()
    coefficients: Mapping[str, float] = field(default_factory=dict)
    fitted_on: int = 0
    leading: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueGain:
    """How many decisions of the labeller people found wrong in the queue, beside how many in rows drawn at random.

    `is_better` is True where the queue finds more beyond chance, False where it does not although enough was reviewed, and None
    before that.
    """

    queue: Measure
    audit: Measure
    is_better: bool | None
    sentence: str


def review_order(population: Population, answers: Sequence[Answer], audit: Collection[str], seed: int) -> ReviewOrder:
    """The unanswered rows outside the audit, in the order in which they are best reviewed.

    It depends on the first 20, 40, 60, ... answers (by time), and only drops rows in between. It is by contradiction until three
    wrong decisions are known, then learned. With 80 decided rows of the queue and 40 of the audit it has to prove itself: the
    queue finds wrong decisions more often than the audit (one-sided, 5 %), or the learned score of audit rows, each taken from
    the others, is higher where the labeller was wrong (Mann and Whitney, one-sided, 5 %). While neither holds, the queue is in
    random order. It comes back as soon as one of the two holds.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    chance = rng.permutation(len(population))
    ordered = in_time(answers)
    known = ordered[: len(ordered) // REFIT * REFIT]
    closed = positions(population, [*audit, *(answer.row for answer in known)])
    is_open = np.ones(len(population), dtype=bool)
    is_open[closed] = False
    shuffled = chance[is_open[chance]]
    scores, method, coefficients = population.contradiction, "contradiction", {}
    leading: dict[str, str] = {}
    rows, wrong = judged(population, known)
    if np.count_nonzero(wrong) >= LEAST_WRONG:
        names, features = features_of(population)
        weights = fitted(features[rows], wrong)
        scores, method = features @ weights, "learned"
        coefficients = dict(zip(names, weights.tolist(), strict=True))
        if not _is_proven(population, known, features):
            method = "random"
    sequence, picked = shuffled, np.ones(len(population), dtype=bool)
    if method != "random":
        sequence = shuffled[np.argsort(-scores[shuffled], kind="stable")]
        picked[:] = False
    if method == "learned":
        sequence, at_random = _with_random(sequence.tolist(), shuffled.tolist(), len(population))
        picked[at_random] = True
    later = np.zeros(len(population), dtype=bool)
    later[positions(population, [answer.row for answer in ordered[len(known) :]])] = True
    left = sequence[~later[sequence]]
    ids = population.names[left]
    if method == "learned" and len(names) > 1:
        first = np.argmax(features[left, 1:] * weights[1:], axis=1)
        leading = dict(zip(ids.tolist(), np.array(names[1:], dtype=object)[first].tolist(), strict=True))
    return ReviewOrder(
        method="random" if method == "random" else "learned" if method == "learned" else "contradiction",
        rows=ids.tolist(),
        scores=dict(zip(ids.tolist(), scores[left].tolist(), strict=True)),
        random_rows=frozenset(ids[picked[left]].tolist()),
        coefficients=coefficients,
        fitted_on=len(rows) if coefficients else 0,
        leading=leading,
    )


def _with_random(best: Sequence[int], shuffled: Sequence[int], size: int) -> "tuple[Ints, Ints]":
    """(The best first, each fifth the next of those in random order; those that came at random), of rows below `size`."""
    import numpy as np

    sequence, picked, placed = [0] * len(best), [], bytearray(size)
    by_score = by_chance = 0
    for position in range(len(best)):
        if position % RANDOM_EACH == RANDOM_EACH - 1:
            while placed[shuffled[by_chance]]:
                by_chance += 1
            row = shuffled[by_chance]
            picked.append(row)
        else:
            while placed[best[by_score]]:
                by_score += 1
            row = best[by_score]
        sequence[position] = row
        placed[row] = 1
    return np.array(sequence, dtype=np.int64), np.array(picked, dtype=np.int64)


def judged(population: Population, answers: Sequence[Answer]) -> "tuple[Ints, Bools]":
    """(where the decided rows stand, where people decided otherwise than the labeller), of those that the labeller decided."""
    import numpy as np

    known = [
        (at, answer.keep != (population.keeps[at] == 1))
        for answer in answers
        if answer.keep is not None
        and (at := population.index.get(answer.row)) is not None
        and population.keeps[at] >= 0
    ]
    return np.array([at for at, _ in known], dtype=np.int64), np.array([bool(wrong) for _, wrong in known], dtype=bool)


def features_of(population: Population) -> "tuple[list[str], Floats]":
    """(names, (rows, features)): what may tell that people decide otherwise, each with mean 0 and deviation 1; the first is 1."""
    import numpy as np

    if not len(population):
        return ["constant"], np.ones((0, 1))
    side = np.where(population.keeps == 1, 1.0, np.where(population.keeps == 0, -1.0, 0.0))
    length = np.log1p(population.length)
    length = length - length.mean()
    others = np.where(np.isnan(population.opinions), np.nan, np.abs(population.rating - population.opinions))
    level = np.floor(population.rating + 0.5)
    columns: dict[str, Floats] = {
        CONTRADICTION: population.contradiction,
        "spread": population.spread,
        "distance": others,
        "checks": np.minimum(population.failed_checks, 3).astype(float),
        "length": length,
        "length by decision": length * side,
        "decision": side,
        **{f"rating {k}": np.where(level == k, 1.0, 0.0) for k in range(1, 6)},
        "responses": population.responses.astype(float),
    }
    for name, codes in (("model", population.model), ("task", population.task)):
        counts = np.bincount(codes) if len(codes) else np.zeros(0)
        large = [code for code, n in enumerate(counts) if SMALL_GROUP * len(codes) <= n < len(codes)]
        columns |= {f"{name} {code}": (codes == code).astype(float) for code in large}
    names, features = ["constant"], [np.ones(len(population))]
    for name, column in columns.items():
        known = column[~np.isnan(column)]
        deviation = known.std() if len(known) else 0.0
        if deviation > 1e-9:
            names.append(name)
            features.append(np.nan_to_num((column - known.mean()) / deviation))
    return names, np.stack(features, axis=1)


def fitted(features: "Floats", wrong: "Bools") -> "Floats":
    """Coefficients of a logistic regression with a ridge, by Newton's method.

    The first feature is the constant, which has no ridge. That of the second, the contradiction, draws it to PRIOR, so that few
    answers leave the order as it was.
    """
    import numpy as np

    size = features.shape[1]
    ridge, prior = np.full(size, RIDGE), np.zeros(size)
    ridge[0] = 1e-3
    if size > 1:
        ridge[1], prior[1] = SCORE_RIDGE, PRIOR
    weights = prior.copy()
    target = wrong.astype(float)

    def loss(at: "Floats") -> float:
        odds = features @ at
        return float(np.sum(np.logaddexp(0, odds) - target * odds) + 0.5 * np.sum(ridge * (at - prior) ** 2))

    now = loss(weights)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (chance - target) + ridge * (weights - prior)
        bend = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        length = 1.0
        while (then := loss(weights - length * step)) > now and length > 1e-6:
            length /= 2
        weights = weights - length * step
        if now - then < 1e-9:
            break
        now = then
    return weights


def _is_proven(population: Population, known: Sequence[Answer], features: "Floats") -> bool:
    """False where enough is reviewed, and neither the queue nor the learned score finds more than chance."""
    import numpy as np

    queue = [answer for answer in known if not answer.is_audit]
    drawn = [answer for answer in known if answer.is_audit]
    if queue_gain(population, known).is_better is not False:
        return True
    rows, wrong = judged(population, drawn)
    others, their_wrong = judged(population, queue)
    if not 0 < np.count_nonzero(wrong) < len(wrong):
        return False
    scores = np.zeros(len(rows))
    fold = np.arange(len(rows)) % 5
    for k in range(5):
        train = np.concatenate([others, rows[fold != k]])
        weights = fitted(features[train], np.concatenate([their_wrong, wrong[fold != k]]))
        scores[fold == k] = features[rows[fold == k]] @ weights
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(scores[wrong], scores[~wrong], alternative="greater").pvalue) < 1 - ONE_SIDED


def reason_of(order: ReviewOrder, population: Population, row: str) -> str:
    """The feature that moved a row up most in a learned order, in words; "" for what its ratings say, and in any other order."""
    if order.method != "learned" or row in order.random_rows:
        return ""
    return _reason(order.leading.get(row, CONTRADICTION), population, population.index[row])


def why(
    order: ReviewOrder,
    population: Population,
    row: str,
    *,
    aspect: str = "the rating",
    levels: int = 5,
    reason: str | None = None,
) -> str:
    """Why a row stands where it stands, for a person: "other ratings average 2.3, helpfulness says 5".

    `aspect` is how people call the first aspect, on so many `levels`. `reason` is what `reason_of` said of the row where `order`
    and `population` don't have it any more.
    """
    at = population.index[row]
    if order.method == "random":
        return "in random order, as no order finds more here"
    if row in order.random_rows:
        return "picked at random, to see what the order misses"
    is_known = reason is not None or row in order.leading
    reason = reason_of(order, population, row) if reason is None else reason
    said = _said(population, at, aspect, levels)
    if order.method == "learned" and not is_known and population.contradiction[at] <= 0:
        reason = "people decided otherwise on rows like it"
    return f"{reason}; {said}" if reason else said


def _said(population: Population, at: int, aspect: str, levels: int) -> str:
    """The labeller's rating beside its other opinions, on the levels of its rubric."""
    opinions, rating = float(population.opinions[at]), float(population.rating[at])
    if math.isnan(rating):
        return "it has no rating"
    shown = f"{1 + (rating - 1) * (levels - 1) / 4:.3g}"
    if math.isnan(opinions):
        return f"{aspect} says {shown}, and nothing else rates it"
    average = f"{1 + (opinions - 1) * (levels - 1) / 4:.1f}"
    side = "" if population.contradiction[at] > 0 else ", which agrees"
    return f"its other ratings average {average}, {aspect} says {shown}{side}"


def _reason(name: str, population: Population, at: int) -> str:
    """What a feature of the learned order says of a row; "" for those that its ratings say already."""
    if name == "checks":
        number = int(population.failed_checks[at])
        return (
            f"fails {number} check{'' if number == 1 else 's'}"
            if number
            else "fails no check, and such rows were wrong"
        )
    if name in ("length", "length by decision"):
        size = "long" if population.length[at] > float(population.length.mean()) else "short"
        return f"people often decided otherwise on {size} responses"
    if name.startswith("rating ") or name == "decision":
        kept = "keeps" if population.keeps[at] == 1 else "rejects"
        level = name.removeprefix("rating ")
        what = f"rates {level} of 5" if level.isdigit() and round(float(population.rating[at])) == int(level) else kept
        return f"people often decided otherwise on what the labeller {what}"
    if name in ("spread", "distance"):
        return "its ratings are far apart"
    if name.startswith("model "):
        return "people often decided otherwise on responses of this model"
    return "people often decided otherwise on rows of this kind" if name.startswith(("task ", "responses")) else ""


def queue_gain(population: Population, answers: Sequence[Answer]) -> QueueGain:
    """What the queue found beside what the audit found, from all decided rows of which the labeller decided something.

    Better is judged one-sided at 5 %, by Newcombe's interval of the difference of two shares (1998, method 10).
    """
    _, in_queue = judged(population, [answer for answer in answers if not answer.is_audit])
    _, in_audit = judged(population, [answer for answer in answers if answer.is_audit])
    queue, audit = share("wrong in the queue", in_queue.tolist()), share("wrong in the audit", in_audit.tolist())
    if len(population) and not (population.keeps >= 0).any():
        return QueueGain(
            queue, audit, None, "The labeller decides no row here, so that there is nothing to be found wrong."
        )
    if audit.value is None or queue.value is None:
        lacking = []
        if queue.missing:
            lacking.append(f"{queue.missing} more of the queue")
        if audit.missing:
            lacking.append(f"{audit.missing} more of the audit")
        sentence = f"Whether the queue finds more than chance can be told after {' and '.join(lacking)}."
        return QueueGain(queue, audit, None, sentence)
    counts = (int(in_queue.sum()), len(in_queue), int(in_audit.sum()), len(in_audit))
    is_enough = len(in_queue) >= QUEUE_ENOUGH and len(in_audit) >= AUDIT_ENOUGH
    is_better = True if _least_difference(*counts) > 0 else False if is_enough else None
    of = f"{queue.shown} of its {queue.n:,} reviewed rows"
    beside = f"{audit.shown} ({audit.low:.0%} to {audit.high:.0%}, from {audit.n:,} audit reviews)"
    if is_better:
        sentence = f"The queue finds a wrong decision in {of}; a row drawn at random is wrong in {beside}."
    elif is_better is None:
        sentence = (
            f"The queue finds a wrong decision in {of}, a row drawn at random is wrong in {beside}: too few to say that it "
            "finds more than chance."
        )
    else:
        sentence = (
            f"The queue finds no more than chance: a wrong decision in {of}, where a row drawn at random is wrong in {beside}. "
            "It goes on at random."
        )
    return QueueGain(queue, audit, is_better, sentence)


def _least_difference(wrong: int, n: int, wrong_audit: int, n_audit: int) -> float:
    """The lower end of the difference of two shares, one-sided."""
    z = 1.6448536269514722
    low, _ = _wilson(wrong, n, z)
    _, high = _wilson(wrong_audit, n_audit, z)
    p, q = wrong / n, wrong_audit / n_audit
    return p - q - math.sqrt((p - low) ** 2 + (high - q) ** 2)


def _wilson(count: int, n: int, z: float) -> tuple[float, float]:
    middle = (count + z * z / 2) / (n + z * z)
    half = z * math.sqrt(count * (n - count) / n + z * z / 4) / (n + z * z)
    return middle - half, middle + half
