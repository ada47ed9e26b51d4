"""Which response of a row is the best, and which two make a pair.

The rule, in one place:

1. A text that a reviewer corrected is better than what it corrects.
2. Else people's ranking counts, where they ranked all responses.
3. Else people's ratings, where they rated all responses (of a pair: both); the two differ by the margin at least.
4. Else what people said to be better than the others.
5. Else what the labeller prefers, asked directly: of a pair what it prefers in both orders, oftener than the other where
   several aspects or repeats were asked; of two that it never compared, the one that stands higher in the ranking of all its
   comparisons. Where it compared two and prefers neither, its ratings don't tell them apart either.
6. Else ratings, people's before the labeller's; the two of a pair differ by the margin at least.

People's are those that they gave or changed: what they only accepted as suggested is the labeller's.

What fails a check that rejects comes after all that does not, and is never chosen.

Two texts that are equal but for the space around them are never a pair: a correction of nothing else leaves it to the
other rules.
"""

from dataclasses import dataclass

from feedback.comparisons import balance
from feedback.reviewed_row import ReviewedRow


@dataclass(frozen=True)
class Rule:
    """`margin` is the least difference between the ratings of a pair, in levels; `original` lets rule 1 make pairs.

    `reasoning` keeps a response's thoughts beside it. `checks` are those that a text must pass to be taught: what is chosen,
    good or best, and anything that is not compared.
    """

    margin: float = 0.5
    original: bool = True
    reasoning: bool = False
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Best:
    """The text that a row is to teach, and the place of the response that it is, or corrects."""

    text: str
    place: int
    corrected: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """`rejected` is the place of a response."""

    chosen: Best
    rejected: int
    because: str


def best(judged: ReviewedRow) -> Best | None:
    """None for a row without responses."""
    if (correction := judged.corrected_response()) is not None:
        return Best(*correction, corrected=True)
    places = in_order(judged)
    return Best(judged.row.responses[places[0]].text, places[0], corrected=False) if places else None


def in_order(judged: ReviewedRow) -> list[int]:
    """The indexes of all responses from best to worst, those that nobody rated or compared last."""
    places = range(len(judged.row.responses))
    if ranks := ranked(judged):
        return sorted(places, key=lambda k: (bool(judged.rejected_by(k)), ranks[k]))
    by_score = sorted(places, key=lambda k: -(judged.score(k) or 0.0))
    order = by_score
    if not all(judged.rated_by_people(k) is not None for k in places):
        if (compared := judged.ranking) is not None:
            order = [*compared.order, *(k for k in by_score if k not in compared.order)]
        votes = {k: sum(verdict.own_better == k for verdict in judged.submitted) for k in places}
        order = sorted(order, key=lambda k: -votes[k])
    return sorted(order, key=lambda k: bool(judged.rejected_by(k)))


def placed(judged: ReviewedRow, index: int) -> bool:
    """True for a response of which is known how good it is, by itself or beside others."""
    compared = judged.ranking
    return bool(ranked(judged)) or judged.score(index) is not None or (compared is not None and index in compared.order)


def teaches(judged: ReviewedRow, text: Best, rule: Rule) -> bool:
    """Whether a text passes the checks that an export asks for."""
    return not rule.checks or judged.passes(text.place, rule.checks, corrected=text.corrected)


def ranked(judged: ReviewedRow) -> list[float]:
    """People's mean rank of each response; empty unless they ranked them all."""
    ranks = [judged.ranked_by_people(k) for k in range(len(judged.row.responses))]
    return [rank for rank in ranks if rank is not None] if None not in ranks else []


def pair(judged: ReviewedRow, rule: Rule) -> Pair | None:
    """The pair of a row: the best against the worst text that the rule tells apart; None where it tells none apart."""
    top, responses = best(judged), judged.row.responses
    if top is None:
        return None
    if top.corrected and rule.original and differ(top.text, responses[top.place].text) and teaches(judged, top, rule):
        return Pair(top, top.place, "a reviewer's correction over the original")
    first, *rest = in_order(judged)
    chosen = Best(responses[first].text, first, corrected=False)
    if judged.rejected_by(first) or not teaches(judged, chosen, rule):
        return None
    for index in reversed(rest):
        if differ(chosen.text, responses[index].text) and (because := better(judged, first, index, rule)):
            return Pair(chosen, index, because)
    return None


def better(judged: ReviewedRow, response: int, other: int, rule: Rule) -> str:
    """Why a response is better than another, in words; "" where it is not, or not by the margin."""
    if ranks := ranked(judged):
        return "ranked higher by people" if ranks[response] < ranks[other] else ""
    high, low = judged.score(response), judged.score(other)
    is_higher = high is not None and low is not None and high > low and high - low >= rule.margin
    by_people = judged.rated_by_people(response) is not None and judged.rated_by_people(other) is not None
    if by_people and is_higher:
        return "rated higher by people"
    if said := judged.said_better(response, other):
        return "said to be better by people" if said > 0 else ""
    if not by_people and (compared := judged.ranking) is not None and {response, other} <= set(compared.order):
        direct = balance(judged.comparisons, response, other)
        if direct.compared:
            return "preferred by the labeller in both orders" if direct.wins > direct.losses else ""
        higher = compared.ranks[response] < compared.ranks[other]
        return "ranked higher by the labeller's comparisons" if higher else ""
    return "rated higher by the labeller" if is_higher and not by_people else ""


def differ(text: str, other: str) -> bool:
    return text.strip() != other.strip()
