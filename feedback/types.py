"""The values of judging. None of them knows storage, a model or Argilla."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

from feedback.rubrics import STANDARD_RUBRICS, WHOLE_ROW

LEAST_MASS = 1e-6
"""Less probability than this on all levels together says nothing about them."""
AMBIGUOUS = 0.01
"""A share of the probability that may lie on a token which could begin two levels, "1" and "10"."""
Origin = Literal["given", "changed", "accepted"]
"""`given` without a suggestion in sight, `changed` from the suggestion that was in sight, or `accepted` as it was suggested."""
NOT_KNOWN = "not known"
"""How exports name the origin of what an earlier version kept without it."""
RatingStatus = Literal["rated", "not-applicable", "unrated", "failed"]
PreferenceStatus = Literal["compared", "unread", "failed"]
Better = Literal["first", "second", "tie"]
Decision = Literal["approve", "reject", "unsure"]
RATED = re.compile(r"([a-z][a-z0-9-]*)-(\d+)")
"""Questions in Argilla that ask for a rating: the aspect ("rating" for none), and the response counted from 1, 0 for the row."""
ALSO_FINE = "-also"
"""Behind a question for a rating: the level beside the given one that the person finds fine as well."""
RANKING = "ranking"
CORRECTED_INSTRUCTION, CORRECTED_RESPONSE = "corrected-instruction", "corrected-response"
WHICH_IS_BETTER = "which-is-better"
"""The question which response is better than the other ones: answered with a response, or TIE."""
TIE = "tie"
CORRECTION_OF = "correction-of"
"""The question which response a correction is of."""
NAMED_RESPONSE = re.compile(r"response-([1-9]\d{0,2})")


@dataclass(frozen=True, slots=True)
class Rating:
    """A labeller's score for one response under one aspect.

    `value` is on the scale 1 to `levels` and None unless `status` is "rated"; "unrated" means that the answer could not be
    read or asked for, and `note` says why; "failed" means that the call failed and can be made again. `raw` is the whole
    answer. `response` counts from 0, and is WHOLE_ROW where the instruction was judged; `order` lists the responses as the
    prompt showed them. `aspect` is the key of a rubric, `rubric` the hash of what that asked; "" where it is not known.
    """

    response: int
    aspect: str
    repeat: int
    status: RatingStatus
    value: float | None = None
    rationale: str = ""
    note: str = ""
    raw: str = ""
    order: tuple[int, ...] = ()
    model: str = ""
    prompt: str = ""
    prompt_hash: str = ""
    temperature: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float | None = None
    logprobs: Any = None
    revision: str = ""
    lengths: tuple[int, ...] = ()
    """Characters of each response of the row."""
    types: tuple[int, ...] | None = None
    """The kinds that the aspect asks for, by number; () for none of them, None where they were not asked or not readable."""
    types_rationale: str = ""
    asked: int = 1
    """Times that the labeller was asked: an answer that can't be read is asked for once more."""
    levels: int = 5
    rubric: str = ""
    kinds: tuple[str, ...] = ()
    """What the rubric calls its kinds; () for one that came along, which is known, and for one without."""

    @property
    def why(self) -> str:
        """The reason in words: the rationale, with what was said of the types before it."""
        known = self.kinds or (STANDARD_RUBRICS[self.aspect].kinds if self.aspect in STANDARD_RUBRICS else ())
        kinds = [known[k - 1] for k in self.types or () if k <= len(known)]
        types_text = (
            f"{'; '.join(kind.partition(':')[0] for kind in kinds)}. {self.types_rationale}".strip(". ")
            if kinds
            else ""
        )
        return " ".join(filter(None, [f"({types_text})" if types_text else "", self.rationale or self.note]))

    @property
    def distribution(self) -> dict[int, float] | None:
        """Probabilities of the levels at the place of the rating, summing to 1; None without log-probabilities of them.

        None also where a token tells too little: of ten levels a "1" may be the beginning of 10.
        """
        weights = dict.fromkeys(range(1, self.levels + 1), 0.0)
        for token, logprob in (self.logprobs or {}).items():
            level = token.strip(' "\n')
            if level.isascii() and level.isdecimal() and int(level) in weights:
                weights[int(level)] += math.exp(min(logprob, 0.0))
        total = sum(weights.values())
        if self.levels >= 10 and not weights[10] and (self.value == 10 or weights[1] > AMBIGUOUS * total):
            return None
        return {value: weight / total for value, weight in weights.items()} if total > LEAST_MASS else None

    @property
    def expected(self) -> float | None:
        """The mean of `distribution`: what the labeller gives on average, where `value` is one draw."""
        distribution = self.distribution
        return None if distribution is None else sum(value * weight for value, weight in distribution.items())


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two responses the labeller prefers under one aspect, asked in one order.

    `first` and `second` are the indexes of the responses in the order in which the prompt showed them, and `better` names one
    of these positions, or a tie; it is None unless `status` is "compared". "unread" means that the answer could not be read
    or asked for, and `note` says why; "failed" means that the call failed and can be made again. In `rationale` the one that
    stood first is called response A. `rubric` is the hash of what was asked.
    """

    first: int
    second: int
    aspect: str
    repeat: int
    status: PreferenceStatus
    better: Better | None = None
    rationale: str = ""
    note: str = ""
    raw: str = ""
    model: str = ""
    prompt: str = ""
    prompt_hash: str = ""
    temperature: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float | None = None
    revision: str = ""
    asked: int = 1
    """Times that the labeller was asked: an answer that can't be read is asked for once more."""
    rubric: str = ""

    @property
    def preferred(self) -> int | None:
        """The index of the better response; None for a tie, and where the answer could not be read."""
        return {"first": self.first, "second": self.second}.get(self.better or "")


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a response passed a check, and why. `response` counts from 0; `rejects`: what fails counts as rejected."""

    response: int
    check: str
    passed: bool
    reason: str
    rejects: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one person said of one row, as Argilla holds it.

    `answers` are all questions that were answered, `shown` the texts that stood there before (by question): an answer that
    equals them was not changed. `origins` says of each rating and of the ranking (by question) whose it is; what is missing
    there is not known. `status` is Argilla's: submitted, discarded or draft. `updated_at` is Argilla's time (ISO 8601) and
    tells versions of one response apart.
    """

    row: str
    reviewer: str
    status: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    record_id: str = ""
    response_id: str = ""
    reviewer_id: str = ""
    inserted_at: str = ""
    updated_at: str = ""
    blind: bool = False
    """True if the labeller's ratings and reasons were not shown."""
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def decision(self) -> Decision | None:
        answer = self.answers.get("decision")
        return answer if answer in ("approve", "reject", "unsure") else None

    def origin(self, question: str) -> Origin | None:
        """Whose the answer to a rating or the ranking is; None where that is not known."""
        return self.origins.get(question) or ("given" if self.blind else None)

    def is_own(self, question: str) -> bool:
        """True for a rating or ranking that the person gave or changed. What is not known to be so counts as accepted."""
        return self.origin(question) in ("given", "changed")

    @property
    def ratings(self) -> dict[tuple[str, int], int]:
        """{(aspect, index of the response): level}; the aspect is "" where the question names none, the index WHOLE_ROW where
        the instruction was judged.
        """
        return {key: value for key, (_, value) in self._rated().items()}

    @property
    def own_ratings(self) -> dict[tuple[str, int], int]:
        """Those of `ratings` that the person gave or changed."""
        return {key: value for key, (question, value) in self._rated().items() if self.is_own(question)}

    @property
    def rating_ranges(self) -> dict[tuple[str, int], tuple[int, int]]:
        """The lowest and the highest level that the person finds fine, of each of `own_ratings`."""
        ranges = {}
        for key, (question, value) in self._rated().items():
            if self.is_own(question):
                also = self.answers.get(question + ALSO_FINE)
                levels = (value, also) if isinstance(also, int) else (value,)
                ranges[key] = min(levels), max(levels)
        return ranges

    @property
    def own_middles(self) -> dict[tuple[str, int], float]:
        """The middle of each of `rating_ranges`: the rating itself where the person gave one level."""
        return {key: (low + high) / 2 for key, (low, high) in self.rating_ranges.items()}

    @property
    def accepted_ratings(self) -> dict[tuple[str, int], int]:
        """Those of `ratings` that were only accepted as suggested, or of which it is not known."""
        return {key: value for key, (question, value) in self._rated().items() if not self.is_own(question)}

    @property
    def unknown_ratings(self) -> dict[tuple[str, int], int]:
        """Those of `accepted_ratings` of which it is not known whether they were given or accepted."""
        return {key: value for key, (question, value) in self._rated().items() if self.origin(question) is None}

    def _rated(self) -> dict[tuple[str, int], tuple[str, int]]:
        rated = {}
        for question, answer in judgements(self.answers):
            if (named := RATED.fullmatch(question)) is not None:
                aspect, number = named.groups()
                rated["" if aspect == "rating" else aspect, int(number) - 1] = question, answer
        return rated

    @property
    def own_ranking(self) -> dict[int, int]:
        """`ranking` where the person gave or changed it, else empty."""
        return self.ranking if self.is_own(RANKING) else {}

    @property
    def ranking(self) -> dict[int, int]:
        """{index of a response: its rank, 1 for the best}; empty where none was given."""
        answer = self.answers.get(RANKING)
        if not isinstance(answer, list):
            return {}
        ranked = ((str(entry.get("value", "")), entry.get("rank")) for entry in answer if isinstance(entry, dict))
        return {
            int(name.rpartition("-")[2]) - 1: rank
            for name, rank in ranked
            if name.rpartition("-")[2].isdecimal() and isinstance(rank, int)
        }

    @property
    def own_better(self) -> int | str | None:
        """The index of the response that the person says to be better than the others, or TIE; None where they said neither,
        or only accepted what was suggested.
        """
        answer = str(self.answers.get(WHICH_IS_BETTER, ""))
        if not self.is_own(WHICH_IS_BETTER):
            return None
        named = NAMED_RESPONSE.fullmatch(answer)
        return int(named[1]) - 1 if named else TIE if answer == TIE else None

    def best(self, responses: int) -> list[int]:
        """The indexes of the responses that the person rated best, else ranked best, else said to be better, of so many; []
        where none of that was done.
        """
        values: dict[int, list[int]] = {}
        for (_, index), value in self.own_ratings.items():
            values.setdefault(index, []).append(value)
        worth = {index: fmean(each) for index, each in values.items() if index != WHOLE_ROW and index < responses}
        if not worth:
            worth = {index: -float(rank) for index, rank in self.own_ranking.items() if index < responses}
        if not worth and isinstance(self.own_better, int) and self.own_better < responses:
            return [self.own_better]
        return sorted(index for index, value in worth.items() if value == max(worth.values()))

    @property
    def correction_of(self) -> int | None:
        """The index of the response that the person says to have corrected; None where that was not said."""
        named = NAMED_RESPONSE.fullmatch(str(self.answers.get(CORRECTION_OF, "")))
        return int(named[1]) - 1 if named else None

    @property
    def reasons(self) -> list[str]:
        """Why the row is as it is, of the reasons to choose from."""
        answer = self.answers.get("reasons")
        return [str(reason) for reason in answer] if isinstance(answer, list) else []


def judgements(answers: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(question, answer) of the ratings, of the ranking and of which is better among somebody's answers."""
    for question, answer in answers.items():
        rated = isinstance(answer, int) and RATED.fullmatch(question)
        if rated or isinstance(answer, {RANKING: list, WHICH_IS_BETTER: str}.get(question, ())):
            yield question, answer


def sendable(value: Any) -> Any:
    """Texts as JSON over HTTP can carry them: no lone surrogates, no NUL."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {name: sendable(inner) for name, inner in value.items()}
    return [sendable(inner) for inner in value] if isinstance(value, list) else value


def origin(answer: Any, suggestion: Any) -> Origin:
    """The origin of an answer where `suggestion` was in sight; None for no suggestion."""
    if suggestion is None:
        return "given"
    return "accepted" if _ranks(answer) == _ranks(suggestion) else "changed"


def left_out(accepted: int, unknown: int, of: str = "rating") -> str:
    """Why `accepted` ratings, or other answers, are not counted as people's, `unknown` of them for want of knowing; "" for none."""
    if not accepted:
        return ""
    several = accepted != 1
    sentence = (
        f"{accepted:,} more {of}{'s were' if several else ' was'} only accepted as suggested and "
        f"{'are' if several else 'is'} left out: what was chosen already and stayed says nothing of how people judge on their own."
    )
    if unknown:
        sentence += (
            f" Of {unknown:,} it is not known whether {'they were' if unknown != 1 else 'it was'} given or accepted: "
            f"{'they count' if unknown != 1 else 'it counts'} as accepted."
        )
    return sentence


def _ranks(value: Any) -> Any:
    """A ranking without its order of writing; any other value as it is."""
    if not isinstance(value, list):
        return value
    return {str(entry.get("value")): entry.get("rank") for entry in value if isinstance(entry, dict)}
