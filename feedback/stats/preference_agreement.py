"""How well people and the labeller agree on which response is better, and reviewers with each other.

An answer counts where the person gave or changed it. The labeller's answer is the first of its ranking: the response that it
prefers in both orders where there are two, the strongest of several; a tie where none is ahead. As in agreement.py, rows are
audit rows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from feedback.response_order import letter
from feedback.reviewed_row import ReviewedRow
from feedback.stats.measures import Measure, alpha_between, share
from feedback.types import TIE, WHICH_IS_BETTER, Verdict, left_out

SAME = "same preference"
OF = "answer"


@dataclass(frozen=True, slots=True)
class PreferenceAgreement:
    """`measures` of people beside the labeller: how often they prefer the same, also where neither says tie, and how often each
    says tie. `reviewers` is alpha of what people said, nominal. `table` counts people's answers (a line each) by the labeller's
    (a column each), named by `names`: the letters of responses, then tie. `accepted` answers only stayed as suggested and are
    left out, `unknown` ones among them for want of knowing.
    """

    rows: int
    """Rows that the labeller compared."""
    measures: Sequence[Measure]
    reviewers: Measure
    names: Sequence[str]
    table: Sequence[Sequence[int]]
    accepted: int = 0
    unknown: int = 0

    @property
    def left_out(self) -> str:
        return left_out(self.accepted, self.unknown, OF)

    def plain(self) -> dict[str, Any]:
        """Everything as plain values."""
        plain = asdict(self)
        plain["measures"] = [{**asdict(measure), "missing": measure.missing} for measure in self.measures]
        plain["reviewers"] = {**asdict(self.reviewers), "missing": self.reviewers.missing}
        return {**plain, "names": list(self.names), "table": [list(line) for line in self.table]}


@dataclass
class Preferences:
    """Filled row by row; an answer is the index of a response, or -1 for a tie."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    """(a person's answer, the labeller's)."""
    answers: list[list[int]] = field(default_factory=list)
    """Of each row, what everybody answered."""
    rows: int = 0
    responses: int = 2
    accepted: int = 0
    unknown: int = 0

    def add(self, judged: ReviewedRow, people: Sequence[Verdict]) -> None:
        responses = len(judged.row.responses)
        answers = [better for verdict in people if (better := _answer(verdict, responses)) is not None]
        others = [v for v in people if v.answers.get(WHICH_IS_BETTER) and not v.is_own(WHICH_IS_BETTER)]
        self.accepted += len(others)
        self.unknown += sum(verdict.origin(WHICH_IS_BETTER) is None for verdict in others)
        if answers:
            self.answers.append(answers)
            self.responses = max(self.responses, responses)
        if (ranking := judged.ranking) is not None:
            self.rows += 1
            top = -1 if ranking.top is None else ranking.top
            self.responses = max(self.responses, top + 1)
            self.pairs += [(answer, top) for answer in answers]

    def agreement(self, per_record: int, never: str) -> PreferenceAgreement | None:
        """The measures, where `per_record` people answer of each row; None where nobody compared anything."""
        if not (self.rows or self.answers or self.accepted):
            return None
        most, both = self.rows * per_record, [(a, b) for a, b in self.pairs if a >= 0 and b >= 0]
        measures = [
            share(SAME, [answer == top for answer, top in self.pairs], OF),
            share("same where both prefer one", [answer == top for answer, top in both], OF),
            share("people say tie", [answer < 0 for answer, _ in self.pairs], OF),
            share("the labeller says tie", [top < 0 for _, top in self.pairs], OF),
        ]
        values = [[[answer + 1 for answer in answers]] for answers in self.answers]
        reviewers = alpha_between("which is better", values, self.responses + 1, "nominal", "row")
        order = [*range(self.responses), -1]
        met: Mapping[tuple[int, int], int] = Counter(self.pairs)
        return PreferenceAgreement(
            rows=self.rows,
            measures=[measure.within(most, "the labeller compared none of these rows") for measure in measures],
            reviewers=reviewers.within(max(self.rows, len(self.answers)) * (per_record > 1), never),
            names=[*map(letter, range(self.responses)), TIE],
            table=[[met[answer, top] for top in order] for answer in order] if self.pairs else [],
            accepted=self.accepted,
            unknown=self.unknown,
        )


def _answer(verdict: Verdict, responses: int) -> int | None:
    better = verdict.own_better
    if isinstance(better, int):
        return better if better < responses else None
    return -1 if better == TIE else None
