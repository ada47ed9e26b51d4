"""How a run looks in Argilla: which fields to read, which questions to answer, and a row as one record.

The shape comes from what the run holds. A record's id (Argilla's `external_id`) is the row's id.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from feedback.aspects import ASPECTS
from feedback.types import Rating
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.types import Row

if TYPE_CHECKING:
    import argilla as rg

MOST_RESPONSES = 8
DECISION, RATIONALE = "decision", "rationale"
CORRECTED_INSTRUCTION, CORRECTED_RESPONSE = "corrected-instruction", "corrected-response"


@dataclass(frozen=True, kw_only=True)
class Review:
    """How a run is sent to Argilla."""

    title: ClassVar[str] = "review"

    dataset: str = setting("", "Name of the dataset in Argilla; empty takes the run's own.")
    workspace: str = setting("", "Workspace in Argilla; empty takes the first one.")
    guidelines: str = setting(
        "", "What reviewers should know, in Markdown; empty takes the aspects' rubric.", multiline=True
    )
    min_submitted: int = setting(1, "Reviewers that a record needs before it counts as done.")

    def __post_init__(self) -> None:
        if self.min_submitted < 1:
            raise SettingsError("[review] min_submitted must be at least 1.")
        if len(self.dataset) > 200:
            raise SettingsError("[review] dataset is longer than 200 characters, the most that Argilla takes.")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of a run have: the most responses of a row, talks of several messages, passages."""

    responses: int = 0
    talk: bool = False
    passage: bool = False

    def with_row(self, row: Row) -> "Shape":
        """The shape that also fits `row`."""
        return Shape(
            max(self.responses, min(len(row.responses), MOST_RESPONSES)),
            self.talk or len(row.messages) > 1,
            self.passage or bool(row.origin.get("passage")),
        )


def shape_of(rows: Iterable[Row]) -> Shape:
    shape = Shape()
    for row in rows:
        shape = shape.with_row(row)
    return shape


@dataclass(frozen=True, slots=True)
class Part:
    """One field or question of a record, as people see it."""

    kind: Literal["chat", "text", "decision", "rating", "words"]
    name: str
    title: str
    required: bool = False
    markdown: bool = True


def fields(shape: Shape) -> list[Part]:
    """What a record shows."""
    talk = (
        Part("chat", "conversation", "Conversation", True)
        if shape.talk
        else Part("text", "instruction", "Instruction", True)
    )
    found = [talk]
    if shape.passage:
        found.append(Part("text", "passage", "Passage"))
    for k in range(1, shape.responses + 1):
        title = "Response" if shape.responses == 1 else f"Response {k}"
        found.append(Part("text", f"response-{k}", title, required=k == 1))
    return found


def questions(shape: Shape) -> list[Part]:
    """What a record asks."""
    found = [Part("decision", DECISION, "Keep this row?", required=True)]
    for k in range(1, shape.responses + 1):
        asked = "How good is the response?" if shape.responses == 1 else f"How good is response {k}?"
        found.append(Part("rating", f"rating-{k}", asked))
    found.append(Part("words", RATIONALE, "Why (the labeller's reasons)"))
    found.append(Part("words", CORRECTED_INSTRUCTION, "Instruction, corrected", markdown=False))
    if shape.responses:
        found.append(Part("words", CORRECTED_RESPONSE, "Best response, corrected", markdown=False))
    return found


def settings(shape: Shape, review: Review, guidelines: str) -> "rg.Settings":
    """The Argilla settings for rows of that shape."""
    import argilla as rg

    def made(part: Part) -> Any:
        common = {"name": part.name, "title": part.title, "required": part.required}
        match part.kind:
            case "chat":
                return rg.ChatField(**common, use_markdown=True)
            case "text":
                return rg.TextField(**common, use_markdown=True)
            case "decision":
                return rg.LabelQuestion(**common, labels={"approve": "Approve", "reject": "Reject"})
            case "rating":
                return rg.RatingQuestion(**common, values=[1, 2, 3, 4, 5])
            case "words":
                return rg.TextQuestion(**common, use_markdown=part.markdown)

    return rg.Settings(
        guidelines=review.guidelines or guidelines,
        fields=[made(part) for part in fields(shape)],
        questions=[made(part) for part in questions(shape)],
        metadata=[
            rg.TermsMetadataProperty(name="run", title="Run"),
            rg.TermsMetadataProperty(name="task", title="Task"),
            rg.TermsMetadataProperty(name="models", title="Models"),
            rg.FloatMetadataProperty(name="rating-mean", title="Mean rating"),
            rg.FloatMetadataProperty(name="rating-lowest", title="Lowest rating"),
            rg.IntegerMetadataProperty(name="length", title="Length of the longest response (characters)"),
        ],
        distribution=rg.TaskDistribution(min_submitted=review.min_submitted),
    )


def guidelines(aspects: Sequence[str], labeller: str, *, for_trying: bool) -> str:
    """What reviewers read beside the records: what to do, and the rubric of each aspect."""
    parts = [
        "Read the instruction and every response. **Approve** a row if it should go into the dataset, **reject** it if not. "
        "Where a text is nearly right, correct it and approve: the corrected text is what goes into the dataset."
    ]
    if aspects:
        parts.append(
            f"The ratings and reasons that you see were suggested by the model {labeller}. Change what is wrong."
        )
    if aspects and for_trying:
        parts.append(
            "**That is the small built-in model: its ratings are for trying this out only, they are close to chance.**"
        )
    for name in aspects:
        aspect = ASPECTS[name]
        lines = [f"- **{value}** {meaning}" for value, meaning in enumerate(aspect.scale, 1)]
        if aspect.not_applicable:
            lines.append(f"- **N/A** {aspect.not_applicable}")
        parts.append(f"### {name}\n{aspect.question}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def item(
    row: Row, ratings: Sequence[Rating], shape: Shape, *, aspect: str, run: str, task: str, generator: str
) -> dict[str, Any]:
    """A row as Argilla's bulk endpoint takes it; suggestions name their question instead of its id."""
    shown = row.responses[: shape.responses]
    shows: dict[str, Any] = {f"response-{k}": response.text or " " for k, response in enumerate(shown, 1)}
    if shape.talk:
        shows["conversation"] = [dict(message) for message in row.messages]
    else:
        shows["instruction"] = row.instruction
    if shape.passage and row.origin.get("passage"):
        found_in = ", ".join(str(row.origin[name]) for name in ("file", "place") if row.origin.get(name))
        heading = " ".join(filter(None, (str(row.origin.get("title") or ""), found_in and f"({found_in})")))
        shows["passage"] = "\n\n".join(filter(None, (heading, str(row.origin["passage"]))))
    suggestions = [_suggestion(CORRECTED_INSTRUCTION, row.instruction, None, generator)]
    if shown:
        best = shown[best_response(row, ratings)]
        suggestions.append(_suggestion(CORRECTED_RESPONSE, best.text, None, best.model))
    for place in range(len(shown)):
        if (said := opinion(ratings, place, aspect)) is not None:
            value, score, agent = said
            suggestions.append(_suggestion(f"rating-{place + 1}", math.floor(value + 0.5), score, agent))
    if text := reasons(ratings, len(shown)):
        suggestions.append(_suggestion(RATIONALE, text, None, ratings[0].model))
    values = [r.value for r in ratings if r.value is not None]
    metadata: dict[str, Any] = {"run": run, "task": task, "models": sorted({response.model for response in shown})}
    if values:
        metadata.update({"rating-mean": round(fmean(values), 3), "rating-lowest": min(values)})
    if shown:
        metadata["length"] = max(len(response.text) for response in shown)
    record: dict[str, Any] = {"external_id": row.id, "fields": shows, "metadata": metadata, "suggestions": suggestions}
    return {name: clean(value) for name, value in record.items()}


def opinion(ratings: Sequence[Rating], place: int, aspect: str) -> tuple[float, float | None, str] | None:
    """(mean rating, how sure, model) of one response under one aspect; None where it is unrated.

    How sure: the share of repeats that agree with the mean, or the probability that the labeller gave its one rating;
    None where there is neither.
    """
    said = [r for r in ratings if r.response == place and r.aspect == aspect and r.value is not None]
    if not said:
        return None
    mean = fmean(r.value for r in said if r.value is not None)
    if len(said) > 1:
        sure = fmean(abs((r.value or 0) - mean) < 0.5 for r in said)
    elif (sure_of := probability(said[0])) is None:
        return mean, None, said[0].model
    else:
        sure = sure_of
    return mean, round(sure, 4), said[0].model


def probability(rating: Rating) -> float | None:
    """The labeller's probability of the rating it gave, among 1 to 5; None without log-probabilities."""
    odds = rating.distribution
    return odds.get(int(rating.value)) if odds and rating.value is not None and rating.value.is_integer() else None


def best_response(row: Row, ratings: Sequence[Rating]) -> int:
    """The place of the response with the highest mean rating among those that are shown, the first of several or of none."""
    means = []
    for place in range(min(len(row.responses), MOST_RESPONSES)):
        values = [r.value for r in ratings if r.response == place and r.value is not None]
        means.append(fmean(values) if values else 0.0)
    return max(range(len(means)), key=lambda place: (means[place], -place)) if means else 0


def reasons(ratings: Sequence[Rating], responses: int) -> str:
    """The labeller's rationales as Markdown, with the ratings that they belong to."""
    lines = []
    for rating in ratings:
        if rating.response >= responses:
            continue
        where = rating.aspect if responses == 1 else f"Response {rating.response + 1}, {rating.aspect}"
        value = (
            "N/A" if rating.status == "not-applicable" else "unrated" if rating.value is None else f"{rating.value:g}"
        )
        lines.append(f"**{where}: {value}** {rating.why}".strip())
    return "\n\n".join(lines)


def _suggestion(question: str, value: Any, score: float | None, agent: str) -> dict[str, Any]:
    return {"question": question, "value": value, "score": score, "agent": agent}


def clean(value: Any) -> Any:
    """Texts as JSON over HTTP can carry them: no lone surrogates, no NUL."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {name: clean(inner) for name, inner in value.items()}
    return [clean(inner) for inner in value] if isinstance(value, list) else value
