"""What the reviews of a run prove so far, and what they took: all figures of one moment, from what the store has of them.

Reviewed rows and signals are loaded once (`evidence_of`); the figures themselves are made in feedback/stats/.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Any

from app.recipe import recipe_of
from app.review.reviewed_rows import judged_of
from app.store.columns import now
from app.store.reviews.acceptances import KeptAcceptance
from app.store.reviews.evidence import SIGNALS
from app.store.reviews.verdicts import IN_THE_APP
from app.store.runs import Run
from app.store.store import Store
from feedback.rubrics import on_five
from feedback.stats.row_signals import Answer, Population, signals_of
from tasks.errors import SettingsError

if TYPE_CHECKING:
    from feedback.stats.acceptance import Acceptance
    from feedback.stats.next_reviews import NextReviews
    from feedback.stats.quality import QualityStatement
    from feedback.stats.review_order import QueueGain, ReviewOrder
    from feedback.stats.review_pace import Pace, Progress
    from feedback.stats.reviewer_pairs import Mildness, Opinion, PairAgreement

RISK = 0.05
"""The share of accepted rows that may be wrong, where nobody chose another."""
LEAST_RISK, MOST_RISK = 0.001, 0.5
CONFIDENCE = 0.95
PAGE = 500


@dataclass(frozen=True)
class Evidence:
    """The rows of a run that were sent, and what people answered of them. Rows that were never sent are not among them."""

    store: Store
    run: Run
    population: Population
    answers: Sequence[Answer]
    audit: frozenset[str]

    @property
    def of_audit(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.is_audit]

    @property
    def of_queue(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.is_audit]

    @property
    def unreviewed(self) -> frozenset[str]:
        """The rows that nobody has finished with."""
        return frozenset(self.population.ids) - {answer.row for answer in self.answers}

    @property
    def waiting_audit(self) -> int:
        """How many audit rows nobody has finished with."""
        return len(self.audit) - len(self.of_audit)

    def acceptance(self, risk: float) -> "Acceptance":
        """The rows that need no reviewer at that risk. Raises SettingsError for one that is no share."""
        from feedback.stats.acceptance import acceptance

        if not LEAST_RISK <= risk <= MOST_RISK:
            raise SettingsError(
                f"The risk is the share of accepted rows that may be wrong, from {LEAST_RISK:g} to {MOST_RISK:g} (given: "
                f"{risk:g}).",
                setting="risk",
            )
        return acceptance(self.population, self.of_audit, self.unreviewed, risk, CONFIDENCE, waiting=self.waiting_audit)

    @cached_property
    def opinions(self) -> Sequence["Opinion"]:
        """Each reviewer's, of the rows that somebody was done with."""
        return opinions_of(self.store, self.run, [answer.row for answer in self.answers])

    @cached_property
    def order(self) -> "ReviewOrder":
        from feedback.stats.review_order import review_order

        return review_order(self.population, self.answers, self.audit, self.run.seed)


def evidence_of(store: Store, run: Run) -> Evidence:
    """What is there now; read anew where something was written since."""
    return store.db.remembered(f"evidence of {run.id}", lambda: _evidence(store, run))


def _evidence(store: Store, run: Run) -> Evidence:
    recipe = recipe_of(run)
    signature = store.evidence.signature(run.id)
    population, audit = store.db.answers.get(f"rows of {run.id}", lambda: _population(store, run), signature)
    answered = store.evidence.answered(run.id, majority=recipe.merge.decision == "majority")
    answered = [each for each in answered if each.row in population.index]
    ratings = defaultdict[str, list[float]](list)
    for opinion in opinions_of(store, run, [each.row for each in answered if each.is_audit]):
        if opinion.rating is not None:
            ratings[opinion.row].append(opinion.rating)
    answers = [
        Answer(
            each.row,
            "skipped" if each.decision is None else "unsure" if each.decision == "unsure" else "decided",
            {"approve": True, "reject": False}.get(each.decision or ""),
            each.is_audit,
            each.at,
            fmean(ratings[each.row]) if each.row in ratings else None,
        )
        for each in answered
    ]
    return Evidence(store, run, population, answers, audit)


def _population(store: Store, run: Run) -> tuple[Population, frozenset[str]]:
    """The rows with their signals, and which of them are audit."""
    if store.db.writable and (lacking := store.evidence.lacking(run.id)):
        _add_signals(store, run, lacking)
    lines = store.evidence.signals(run.id)
    columns: dict[str, Sequence[Any]] = dict(_columns(lines))
    audit = frozenset(line[0] for line in lines if line[1])
    return Population.of([line[0] for line in lines], {**columns, "batch": [line[2] for line in lines]}), audit


def _columns(lines: Sequence[tuple[Any, ...]]) -> list[tuple[str, Sequence[Any]]]:
    values = list(zip(*lines, strict=True))[3:] if lines else [() for _ in SIGNALS]
    return list(zip(SIGNALS, values, strict=True))


def _add_signals(store: Store, run: Run, rows: Sequence[str]) -> None:
    """Signals of rows that an earlier version sent, as they stand now."""
    rating = recipe_of(run).rating
    aspect = next(iter(rating.keys), "") if rating else ""
    for at in range(0, len(rows), PAGE):
        judged = judged_of(store, run, list(rows[at : at + PAGE]))
        store.evidence.keep_signals({row: signals_of(reviewed, aspect) for row, reviewed in judged.items()})


@dataclass(frozen=True)
class Insights:
    """The figures. Each has its own sentence, which says how many reviews it comes from, or how many are missing."""

    rows: int
    audit: int
    answered: int
    quality: "QualityStatement"
    rating: "QualityStatement"
    gain: "QueueGain"
    order: "ReviewOrder"
    acceptance: "Acceptance"
    given: KeptAcceptance | None
    next: "NextReviews"
    pace: "Pace"
    progress: Sequence["Progress"]
    pairs: Sequence["PairAgreement"]
    mildness: Sequence["Mildness"]
    second_opinions: Sequence[str]
    waiting_second: int

    def plain(self) -> dict[str, Any]:
        """Everything as plain values, without the rows of the order and those that could be accepted."""
        values = {name: getattr(self, name) for name in ("rows", "audit", "answered", "waiting_second")}
        for name in ("quality", "rating", "gain", "acceptance", "next", "pace"):
            values[name] = asdict(getattr(self, name))
        values["acceptance"] |= {"rows": len(self.acceptance.rows)}
        values["quality"].pop("lacking", None)
        values["rating"].pop("lacking", None)
        values["order"] = {
            "method": self.order.method, "fitted_on": self.order.fitted_on, "coefficients": dict(self.order.coefficients),
        }  # fmt: skip
        values["accepted"] = None if self.given is None else asdict(self.given)
        for name in ("progress", "pairs", "mildness"):
            values[name] = [asdict(each) for each in getattr(self, name)]
        values["second_opinions"] = list(self.second_opinions)
        return values


def insights_of(store: Store, run: Run, risk: float = RISK) -> Insights:
    """What the reviews of a run prove; `risk` is the share of accepted rows that may be wrong. Raises SettingsError for one that
    is no share.
    """
    return store.db.remembered(f"insights of {run.id} at {risk}", lambda: _insights(store, run, risk))


def _insights(store: Store, run: Run, risk: float) -> Insights:
    from feedback.stats.next_reviews import next_reviews
    from feedback.stats.quality import quality
    from feedback.stats.review_order import queue_gain
    from feedback.stats.review_pace import pace, reviewer_progress
    from feedback.stats.reviewer_pairs import mildness, pair_agreement, second_opinions

    evidence = evidence_of(store, run)
    population, answers = evidence.population, evidence.answers
    keeps = quality(population, evidence.of_audit, evidence.of_queue, audit=evidence.audit)
    gain = queue_gain(population, answers)
    timings = timings_of(store, run)
    measured = pace(timings)
    opinions = evidence.opinions
    return Insights(
        rows=len(population),
        audit=len(evidence.audit),
        answered=len(answers),
        quality=keeps,
        rating=quality(population, evidence.of_audit, of="rating", audit=evidence.audit),
        gain=gain,
        order=evidence.order,
        acceptance=evidence.acceptance(risk),
        given=store.acceptances.last(run.id),
        next=next_reviews(population, answers, evidence.order, keeps, gain),
        pace=measured,
        progress=reviewer_progress(timings, _left(evidence, timings), measured, now()),
        pairs=pair_agreement(opinions),
        mildness=mildness(opinions),
        second_opinions=second_opinions(population, answers, Counter(opinion.row for opinion in opinions)),
        waiting_second=store.review_queue.number_waiting_second(run.id),
    )


def timings_of(store: Store, run: Run) -> list[Any]:
    """When each review of a run was submitted, as its pace is told from."""
    from feedback.stats.review_pace import Timing

    return [
        Timing(
            each.reviewer.removesuffix(IN_THE_APP),
            each.row,
            each.submitted,
            each.began or None,
            each.length,
            each.responses,
            each.corrected,
        )
        for each in store.evidence.submissions(run.id)
    ]


def _left(evidence: Evidence, timings: Sequence[Any]) -> Mapping[str, int]:
    """How many rows are left for each reviewer, where they go on as they share the work now."""
    done = Counter(timing.reviewer for timing in timings)
    whole, left = done.total(), len(evidence.unreviewed)
    return {name: round(left * number / whole) for name, number in done.items()}


def opinions_of(store: Store, run: Run, rows: Sequence[str]) -> list["Opinion"]:
    """What each reviewer said of those rows that were decided."""
    from feedback.stats.reviewer_pairs import Opinion

    rubrics = recipe_of(run).known_rubrics
    opinions = []
    for at in range(0, len(rows), PAGE):
        for row, verdicts in store.verdicts.of(list(rows[at : at + PAGE])).items():
            for verdict in verdicts:
                if verdict.status != "submitted":
                    continue
                own = [
                    [on_five(level, rubrics.scale(aspect)) for level in levels]
                    for (aspect, _), levels in verdict.rating_ranges.items()
                ]
                keep = {"approve": True, "reject": False}.get(verdict.decision or "")
                low, high = (fmean(ends) for ends in zip(*own, strict=True)) if own else (None, None)
                middle = None if low is None or high is None else (low + high) / 2
                opinions.append(Opinion(verdict.reviewer.removesuffix(IN_THE_APP), row, keep, middle, low, high))
    return opinions
