"""How well reviewers agree with each other, and how well people and the labeller agree under each aspect.

What comes in must be audit rows: a random sample that was drawn before the first review. Rows that were picked because the
labeller is likely to be wrong there would make any labeller look bad.

A review is what one person said, submitted last, of one row (its decision) or of one response (a rating). A rating counts
where the person gave or changed it: one that was suggested and stayed as it was agrees with the labeller by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from feedback.rating_summary import kept, rounded
from feedback.reviewed_row import ReviewedRow
from feedback.rubrics import STANDARD, STANDARD_LEVELS, WHOLE_ROW, Rubrics, on_five
from feedback.stats.measures import Measure, alpha_between, difference, share, weighted_kappa
from feedback.stats.preference_agreement import PreferenceAgreement, Preferences
from feedback.types import Verdict, left_out

DECISIONS = ("approve", "reject", "unsure")
ALL_ASPECTS = "all aspects"
DECISION = "same decision"
NOT_ASKED = "people are not asked to rate this"
ONE_REVIEWER = "needs a second reviewer of each record"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What audit rows say: `rows` of them, `reviewed` by somebody, with `reviews` rows submitted in all, `blind` of
    them without having seen what the labeller thinks.

    `labeller` has for each aspect that it rated: same decision, and where people rate it too, same rating, people minus labeller,
    weighted kappa. `reviewers` has alpha for the decision, then for each aspect that people rated. `spread` counts, for each
    aspect, the responses by how many levels their highest and lowest rating by people lie apart, from 0. `tables` has, for each
    aspect that people and the labeller rated, how often people said each level (a line each) where the labeller's rounded mean was
    each level (a column each). Aspects are named by the keys of rubrics.

    `which_is_better` is the same of preferences between responses; None where nobody compared any.

    No measure counts the ratings that people only `accepted` as suggested. They are counted for each aspect; of `unknown`
    ones among them it is not known whether they were given or accepted.
    """

    rows: int = 0
    reviewed: int = 0
    reviews: int = 0
    blind: int = 0
    labeller: Mapping[str, Sequence[Measure]] = field(default_factory=dict)
    reviewers: Sequence[Measure] = ()
    spread: Mapping[str, Sequence[int]] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    accepted: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    which_is_better: PreferenceAgreement | None = None

    def left_out(self, aspect: str = "") -> str:
        """How many ratings under an aspect, or under all, are left out and why, in words; "" for none."""
        if aspect:
            return left_out(self.accepted.get(aspect, 0), self.unknown.get(aspect, 0))
        return left_out(sum(self.accepted.values()), sum(self.unknown.values()))

    def plain(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            **{name: getattr(self, name) for name in ("rows", "reviewed", "reviews", "blind")},
            "labeller": {
                aspect: [_plain(measure) for measure in measures] for aspect, measures in self.labeller.items()
            },
            "reviewers": [_plain(measure) for measure in self.reviewers],
            "spread": {aspect: list(counts) for aspect, counts in self.spread.items()},
            "tables": {aspect: [list(line) for line in table] for aspect, table in self.tables.items()},
            "accepted": dict(self.accepted),
            "unknown": dict(self.unknown),
            "which_is_better": None if self.which_is_better is None else self.which_is_better.plain(),
        }


def _plain(measure: Measure) -> dict[str, Any]:
    return {**asdict(measure), "missing": measure.missing}


@dataclass
class _Compared:
    """People beside the labeller under one aspect. `pairs` has the reviews of each row: (a person's rating, the labeller's),
    `ranges` the levels that the person finds fine, from lowest to highest, for each of them.
    """

    levels: int = STANDARD_LEVELS
    decisions: list[bool] = field(default_factory=list)
    pairs: list[list[tuple[int, float]]] = field(default_factory=list)
    ranges: list[list[tuple[int, int]]] = field(default_factory=list)


def agreement(
    rows: Iterable[ReviewedRow],
    aspects: Sequence[str] | None = None,
    per_record: int = 1,
    rubrics: Rubrics = STANDARD,
) -> Agreement:
    """The measures of audit rows. Holds numbers only, not the rows.

    A person's rating that names no aspect, on 1 to 5, is set beside the labeller's only aspect where that has 5 levels, else
    beside its mean over all of them put on 1 to 5. Where a person finds two levels fine, either is the same rating, and the
    difference is that of their middle; kappa and alpha take the level that was given first.
    People rate under `aspects` (None for not known), and `per_record` of them review each record: what can't
    come to a number by that says so, in place of how many more are needed.
    """
    compared: defaultdict[str, _Compared] = defaultdict(_Compared)
    units: defaultdict[str, list[list[list[int]]]] = defaultdict(list)
    """What was said of each row: for decisions one list of values a row, for ratings one a response."""
    accepted: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    responses: Counter[str] = Counter()
    """How many the labeller rated under each aspect; under ALL_ASPECTS how many there are."""
    preferences = Preferences()
    total = reviewed = reviews = blind = 0
    for judged in rows:
        total += 1
        people = judged.submitted
        reviewed += bool(people)
        reviews += len(people)
        per_record = max(per_record, len(people))
        blind += sum(verdict.blind for verdict in people)
        accepted.update(aspect for verdict in people for aspect, _ in verdict.accepted_ratings)
        unknown.update(aspect for verdict in people for aspect, _ in verdict.unknown_ratings)
        responses[ALL_ASPECTS] += len(judged.row.responses)
        for aspect, opinions in labelled(judged).items():
            responses[aspect] += len(opinions)
            comparison = compared[aspect]
            comparison.levels = rubrics.scale(aspect)
            _compare(comparison, judged, people, aspect, opinions)
        preferences.add(judged, people)
        units["decision"].append([[DECISIONS.index(v.decision) for v in people if v.decision]])
        for aspect, by_response in _rated(people, rubrics).items():
            units[f"rating {aspect}"].append(list(by_response.values()))
    named = {aspect for aspect in compared if aspect}
    of_all = compared.get("", _Compared())
    if len(named) == 1 and (not of_all.pairs or rubrics.scale(min(named)) == STANDARD_LEVELS):
        # then its mean over all aspects is that one's
        compared.pop("", None)
        compared[min(named)].pairs += of_all.pairs
        compared[min(named)].ranges += of_all.ranges
        aspects = [min(named), *aspects] if aspects is not None and "" in aspects else aspects
        for counts in (accepted, unknown):
            counts[min(named)] += counts.pop("", 0)
    by_aspect = sorted(compared.items(), key=lambda entry: (not entry[0], entry[0]))
    each = sorted((key.removeprefix("rating "), values) for key, values in units.items() if key.startswith("rating "))
    ratings = {aspect or "rating": values for aspect, values in each}
    is_judged_twice = per_record > 1
    between = [
        alpha_between(name, values, rubrics.scale(name), "ordinal", "response").within(
            responses[ALL_ASPECTS] * is_judged_twice, ONE_REVIEWER
        )
        for name, values in ratings.items()
    ]
    decisions = alpha_between("decision", units["decision"], len(DECISIONS), "nominal", "row")

    def most(aspect: str) -> int:
        return 0 if aspects is not None and aspect not in aspects else responses[aspect] * per_record

    return Agreement(
        rows=total,
        reviewed=reviewed,
        reviews=reviews,
        blind=blind,
        labeller={
            aspect or ALL_ASPECTS: _beside(comparison, aspect, total * per_record, most(aspect))
            for aspect, comparison in by_aspect
        },
        reviewers=[decisions.within(total * is_judged_twice, ONE_REVIEWER), *between],
        spread={name: apart for name, values in ratings.items() if any(apart := _spread(values, rubrics.scale(name)))},
        tables={
            aspect or ALL_ASPECTS: _crossed(comparison.pairs, comparison.levels)
            for aspect, comparison in by_aspect
            if comparison.pairs
        },
        accepted={aspect or ALL_ASPECTS: number for aspect, number in sorted(accepted.items()) if number},
        unknown={aspect or ALL_ASPECTS: number for aspect, number in sorted(unknown.items()) if number},
        which_is_better=preferences.agreement(per_record, ONE_REVIEWER),
    )


def labelled(judged: ReviewedRow) -> dict[str, dict[int, float]]:
    """{aspect: {index of a response: the labeller's mean over repeats}}; under "" its mean over all aspects, on the row's scale,
    where it rated responses.

    What was rated on another scale, under an earlier version of its rubric, is left out.
    """
    ratings: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for rating in judged.ratings:
        if rating.value is not None and rating.levels == judged.rubrics.scale(rating.aspect):
            ratings[rating.aspect][rating.response].append(rating.value)
    means = {
        aspect: {index: fmean(values) for index, values in responses.items()} for aspect, responses in ratings.items()
    }
    scale = judged.scale
    responses = {index for opinions in means.values() for index in opinions if index != WHOLE_ROW}
    overall = {
        index: fmean(scale.of(o[index], judged.rubrics.scale(name)) for name, o in means.items() if index in o)
        for index in responses
    }
    return {**means, **({"": overall} if overall else {})}


def _compare(
    comparison: _Compared, judged: ReviewedRow, people: Sequence[Verdict], aspect: str, opinions: Mapping[int, float]
) -> None:
    """Adds what people said of one row. The labeller's decision is the rating of its best response: it keeps what is good."""
    of_all = max(opinions.values()) >= judged.scale.middle
    keeps = kept(judged.row, judged.ratings, aspect, judged.rubrics) if aspect else of_all
    if keeps is not None:
        comparison.decisions += [
            keeps == (v.decision == "approve") for v in people if v.decision in ("approve", "reject")
        ]
    if not aspect:  # people rate under no aspect on 1 to 5
        opinions = {index: on_five(value, judged.scale.levels) for index, value in opinions.items()}
    given = [
        (value, opinions[index], verdict.rating_ranges[named, index])
        for verdict in people
        for (named, index), value in verdict.own_ratings.items()
        if named == aspect and index in opinions and 1 <= value <= comparison.levels
    ]
    if given:
        comparison.pairs.append([(value, opinion) for value, opinion, _ in given])
        comparison.ranges.append([levels for *_, levels in given])


def _rated(people: Sequence[Verdict], rubrics: Rubrics) -> dict[str, dict[int, list[int]]]:
    """{aspect: {index of a response: everybody's own rating, counted from 0}}."""
    ratings: defaultdict[str, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for verdict in people:
        for (aspect, index), value in verdict.own_ratings.items():
            if 1 <= value <= rubrics.scale(aspect):
                ratings[aspect][index].append(value - 1)
    return {aspect: dict(by_response) for aspect, by_response in ratings.items()}


def _spread(rows: Iterable[Iterable[Sequence[int]]], levels: int) -> list[int]:
    apart = Counter(max(values) - min(values) for row in rows for values in row if len(values) > 1)
    return [apart[distance] for distance in range(levels)]


def _crossed(rows: Iterable[Iterable[tuple[int, float]]], levels: int) -> list[list[int]]:
    """Lines for people's levels, columns for the labeller's."""
    met = Counter((value, rounded(mean)) for pairs in rows for value, mean in pairs)
    return [[met[row, column] for column in range(1, levels + 1)] for row in range(1, levels + 1)]


def _beside(comparison: _Compared, aspect: str, reviews: int, ratings: int) -> list[Measure]:
    """The measures of people and labeller; over all aspects only the decision, where nobody's rating was about all. There can
    be so many `reviews`, and `ratings` under the aspect.
    """
    pairs = [pair for row in comparison.pairs for pair in row]
    ranges = [levels for row in comparison.ranges for levels in row]
    decision = share(DECISION, comparison.decisions).within(reviews, "")
    if not pairs and not (aspect and ratings):
        return [decision]
    of_ratings = [
        share(
            "same rating",
            [low <= rounded(mean) <= high for (low, high), (_, mean) in zip(ranges, pairs, strict=True)],
            "rating",
        ),
        difference(
            "people minus labeller",
            [(low + high) / 2 - mean for (low, high), (_, mean) in zip(ranges, pairs, strict=True)],
        ),
        weighted_kappa(
            "weighted kappa",
            [[(value, rounded(mean)) for value, mean in row] for row in comparison.pairs],
            comparison.levels,
        ),
    ]
    return [decision, *(measure.within(ratings, NOT_ASKED) for measure in of_ratings)]
