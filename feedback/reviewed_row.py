"""A row with everything that was said of it: the labeller's ratings and preferences, and what several people said, merged.

The rule by which people are merged is stated: `MergeRule`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import ClassVar, Literal

from feedback.comparisons import Comparison, Ranking, comparisons, ranking
from feedback.rating_summary import MOST_RESPONSES, best_response
from feedback.rubrics import STANDARD, STANDARD_LEVELS, WHOLE_ROW, Rubrics, Scale
from feedback.types import (
    CORRECTED_INSTRUCTION,
    CORRECTED_RESPONSE,
    Checked,
    Decision,
    Preference,
    Rating,
    Verdict,
    sendable,
)
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Message, Row

LATEST = "latest"
RULES = ("majority", "unanimous")


@dataclass(frozen=True, kw_only=True)
class MergeRule:
    """How what several reviewers said of a row becomes one verdict. Ratings are always averaged."""

    title: ClassVar[str] = "merge"

    decision: Literal["majority", "unanimous"] = setting(
        "majority",
        "Majority: more approvals than rejections, a tie decides nothing. Unanimous: one rejection is enough.",
        label="Several decisions",
        choices=RULES,
    )
    text: str = setting(
        LATEST,
        "Whose corrections count: latest, or a reviewer's user name (the latest where that one corrected nothing).",
        label="Several corrections",
    )

    def __post_init__(self) -> None:
        if self.decision not in RULES:
            raise SettingsError(
                f"[merge] decision must be one of: {', '.join(RULES)} (given: {self.decision!r}).", setting="decision"
            )
        if not self.text.strip():
            raise SettingsError(f"[merge] text must be {LATEST} or a reviewer's user name.", setting="text")

    def decided(self, approvals: int, rejections: int) -> Decision:
        """What so many votes come to; "unsure" where they decide nothing."""
        if self.decision == "unanimous" and rejections:
            return "reject"
        return "approve" if approvals > rejections else "reject" if rejections > approvals else "unsure"


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision on a row whose reviewers came to nothing. `at` is a time in ISO 8601."""

    decision: Decision
    who: str
    at: str


@dataclass(frozen=True, slots=True)
class Guarantee:
    """Why the labeller's decision on a row stands though nobody reviewed it: of the rows that were accepted with it at most a
    share `risk` would be decided otherwise, with that `confidence`, by so many `audit` reviews. `statement` is the id of what
    was said then.
    """

    decision: Decision
    risk: float
    confidence: float
    audit: int
    statement: str


@dataclass(frozen=True)
class ReviewedRow:
    """A row with everything that was said of it. `checks` are those of its responses, `correction_checks` of a corrected text."""

    row: Row
    ratings: Sequence[Rating]
    verdicts: Sequence[Verdict]
    merging: MergeRule = field(default_factory=MergeRule)
    settlement: Settlement | None = None
    rubrics: Rubrics = STANDARD
    preferences: Sequence[Preference] = ()
    checks: Sequence[Checked] = ()
    correction_checks: Sequence[Checked] = ()
    accepted: Guarantee | None = None

    @cached_property
    def scale(self) -> Scale:
        """What the ratings of this row's responses, the labeller's and people's, are averaged and compared on."""
        rated = {(r.aspect, r.levels) for r in self.ratings if r.value is not None and r.response != WHOLE_ROW}
        for verdict in self.submitted:
            rated |= {
                (name, self.rubrics.scale(name)) for name, index in verdict.ratings if name and index != WHOLE_ROW
            }
        if {levels for _, levels in rated} - {STANDARD_LEVELS} and self._is_rated_as_a_whole:
            rated.add(("", STANDARD_LEVELS))
        return self.rubrics.common(rated)

    @property
    def _is_rated_as_a_whole(self) -> bool:
        """True where somebody rated a response under no rubric, as people are asked before a labeller rated: on 1 to 5."""
        return any(not name for verdict in self.submitted for name, _ in verdict.ratings)

    @property
    def submitted(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.status == "submitted"]

    @property
    def decision(self) -> Decision | None:
        """The decision that counts: people's where they approved or rejected, else a rejection by a check, else people's, else
        the labeller's where that stands under a guarantee.

        People's is as the row was settled, else as the reviewers come to it; None if nobody decided.
        """
        decision = self.peoples_decision
        if decision not in ("approve", "reject") and self.rejecting_check:
            return "reject"
        return decision if self.guarantee is None else self.guarantee.decision

    @property
    def guarantee(self) -> Guarantee | None:
        """The guarantee under which the row stands: it says nothing any more where people, or a check that rejects, decided."""
        return None if self.peoples_decision is not None or self.rejecting_check else self.accepted

    @property
    def peoples_decision(self) -> Decision | None:
        """As the row was settled, else as the reviewers come to it; None if nobody decided."""
        return self.reviewers_decision if self.settled is None else self.settled.decision

    @property
    def decision_by(self) -> str | None:
        """Who decided: "people", "check: NAME" where a check rejected the row, "guarantee" where the labeller's decision stands
        without a reviewer; None if nobody did.
        """
        if self.guarantee is not None:
            return "guarantee"
        if self.decision != self.peoples_decision:
            return f"check: {self.rejecting_check}"
        return None if self.decision is None else "people"

    @property
    def rejecting_check(self) -> str:
        """The check by whose rule the row is rejected: each response fails one that rejects. "" if some response does not."""
        names = [self.rejected_by(index) for index in range(len(self.row.responses))]
        return names[0] if names and all(names) else ""

    @property
    def failed_checks(self) -> list[str]:
        """The checks that some response fails, in their order."""
        return list(dict.fromkeys(result.check for result in self.checks if not result.passed))

    def rejected_by(self, index: int) -> str:
        """The first check that rejects and that the response fails; "" if there is none."""
        return next((c.check for c in self.checks if c.response == index and c.rejects and not c.passed), "")

    def passes(self, index: int, names: Sequence[str], *, corrected: bool = False) -> bool:
        """True where a response, or with `corrected` what a reviewer made of it, passes all checks of these names.

        What was not checked does not pass.
        """
        results = self.correction_checks if corrected else [c for c in self.checks if c.response == index]
        return set(names) <= {c.check for c in results if c.passed}

    @property
    def reviewers_decision(self) -> Decision | None:
        """What the reviewers who submitted a decision come to; None if nobody did."""
        decisions = [verdict.decision for verdict in self.submitted if verdict.decision is not None]
        return self.merging.decided(decisions.count("approve"), decisions.count("reject")) if decisions else None

    @property
    def settled(self) -> Settlement | None:
        """The settlement, as long as there are decisions that it settles."""
        return self.settlement if any(verdict.decision is not None for verdict in self.submitted) else None

    @property
    def unseen(self) -> bool:
        """True if nobody has finished with it: no answer, or drafts only."""
        return all(verdict.status == "draft" for verdict in self.verdicts)

    def changes(self, question: str) -> Iterator[tuple[str, Verdict]]:
        """(text, verdict) of each reviewer who approved and changed it, the one that counts most first."""
        newest = sorted(self.submitted, key=lambda v: v.updated_at, reverse=True)
        for verdict in sorted(newest, key=lambda v: v.reviewer != self.merging.text):
            text, shown = verdict.answers.get(question), verdict.shown.get(question)
            if verdict.decision == "approve" and isinstance(text, str) and text.strip() and text != shown:
                yield text, verdict

    def corrected_instruction(self) -> str | None:
        """The correction of the instruction that counts; None if it stands."""
        original = sendable(self.row.instruction)
        return next((text for text, _ in self.changes(CORRECTED_INSTRUCTION) if text != original), None)

    def corrected_response(self) -> tuple[str, int] | None:
        """(the correction of a response that counts, the index of what it corrects); None if all stand."""
        texts = [sendable(response.text) for response in self.row.responses]
        for text, verdict in self.changes(CORRECTED_RESPONSE):
            if texts and text not in texts:
                return text, self.corrected_by(verdict)
        return None

    def corrected_by(self, verdict: Verdict) -> int:
        """The index of the response that a verdict corrects: as the person said, else the one whose text stood there, else
        the one that the person rated or ranked best, else the labeller's best.
        """
        texts = [sendable(response.text) for response in self.row.responses]
        shown = verdict.shown.get(CORRECTED_RESPONSE)
        if (named := verdict.correction_of) is not None and named < len(texts):
            return named
        if shown in texts:
            return texts.index(shown)
        best = verdict.best(len(texts))
        return best[0] if best else self.best_by_labeller

    @property
    def best_by_labeller(self) -> int:
        """The index of the response that the labeller prefers to the others, else rated best, of those that are shown."""
        compared = self.ranking
        order = [index for index in compared.order if index < MOST_RESPONSES] if compared is not None else []
        return order[0] if order else best_response(self.row, self.ratings)

    def labelled(self, index: int) -> float | None:
        """The labeller's mean rating of a response over aspects and repeats, on `scale`."""
        scale = self.scale
        values = [scale.of(r.value, r.levels) for r in self.ratings if r.response == index and r.value is not None]
        return round(fmean(values), 4) if values else None

    def said_of(self, index: int, aspect: str | None = None) -> list[float]:
        """Each reviewer's own rating of a response: under one aspect on its levels, or over all that they rated on `scale`.

        Their own are those that they gave or changed, not what they only accepted as suggested.
        """
        return self._means([verdict.own_middles for verdict in self.submitted], index, aspect)

    def accepted_of(self, index: int, aspect: str | None = None) -> list[float]:
        """The same of the ratings that a reviewer only accepted as suggested, or of which it is not known."""
        return self._means([verdict.accepted_ratings for verdict in self.submitted], index, aspect)

    def accepted_by_people(self, index: int) -> float | None:
        """The mean of the ratings of a response that reviewers only accepted as suggested."""
        values = self.accepted_of(index)
        return round(fmean(values), 4) if values else None

    def rated_by_people(self, index: int) -> float | None:
        """The mean of the reviewers' own ratings of a response."""
        values = self.said_of(index)
        return round(fmean(values), 4) if values else None

    def spread_of_people(self, index: int) -> float | None:
        """The distance between the highest and the lowest of the reviewers' ratings; None for fewer than two."""
        values = self.said_of(index)
        return round(max(values) - min(values), 4) if len(values) > 1 else None

    def ranked_by_people(self, index: int) -> float | None:
        """The mean rank that reviewers gave a response, 1 for the best; a ranking that they only accepted does not count."""
        ranks = [ranking[index] for v in self.submitted if index in (ranking := v.own_ranking)]
        return round(fmean(ranks), 4) if ranks else None

    @property
    def comparisons(self) -> list[Comparison]:
        """The labeller's comparisons of two responses, both orders together."""
        return comparisons(self.preferences)

    @property
    def ranking(self) -> Ranking | None:
        """The ranking that the labeller's comparisons give; None where it compared nothing."""
        return ranking(self.comparisons) if self.preferences else None

    def said_better(self, response: int, other: int) -> int:
        """How many more people said on their own that a response is better than the others, than said so of the other one."""
        said = [verdict.own_better for verdict in self.submitted]
        return said.count(response) - said.count(other)

    def score(self, index: int) -> float | None:
        """What a response is worth: people's own rating before the labeller's."""
        people = self.rated_by_people(index)
        return self.labelled(index) if people is None else people

    def messages(self) -> tuple[list[Message], bool]:
        """(the messages with the instruction as corrected, whether it was)."""
        corrected = self.corrected_instruction()
        messages: list[Message] = [message.copy() for message in self.row.messages]
        if corrected is not None:
            last = max(k for k, m in enumerate(messages) if m["role"] == "user")
            messages[last]["content"] = corrected
        return messages, corrected is not None

    def _means(self, people: Sequence[Mapping[tuple[str, int], float]], index: int, aspect: str | None) -> list[float]:
        """The mean of each one's ratings of a response, of those who have any."""
        means: list[float] = []
        scale = self.scale
        for ratings in people:
            if aspect is not None:
                values = [float(value) for (name, at), value in ratings.items() if at == index and name == aspect]
            else:
                values = [
                    scale.of(value, self.rubrics.scale(name)) for (name, at), value in ratings.items() if at == index
                ]
            if values:
                means.append(fmean(values))
        return means
