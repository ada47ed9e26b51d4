"""The values of judging. None of them knows storage, a model or Argilla."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RatingStatus = Literal["rated", "not-applicable", "unrated", "failed"]
Decision = Literal["approve", "reject"]


@dataclass(frozen=True, slots=True)
class Rating:
    """A labeller's score for one response under one aspect.

    `value` is on the scale 1 to 5 and None unless `status` is "rated"; "unrated" means that the answer could not be
    read or asked for, and `note` says why; "failed" means that the call failed and can be made again. `raw` is the whole
    answer. `response` counts from 0; `order` lists the responses as the prompt showed them.
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one person said of one row, as Argilla holds it.

    `answers` are all questions that were answered, `shown` the texts that stood there before (by question): an answer that
    equals them was not changed. `status` is Argilla's: submitted, discarded or draft. `updated_at`
    is Argilla's time (ISO 8601) and tells versions of one response apart.
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

    @property
    def decision(self) -> Decision | None:
        said = self.answers.get("decision")
        return said if said in ("approve", "reject") else None
