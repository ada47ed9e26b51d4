"""How a run looks in Argilla: which fields to read, which questions to answer, what to sort and filter by.

The shape comes from what the run holds. A row as one record is made in feedback/argilla/records.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from feedback.argilla.markdown import shown
from feedback.labeller.ultrafeedback import reference
from feedback.rating_summary import MOST_RESPONSES
from feedback.response_order import letter
from feedback.rubrics import STANDARD_LEVELS, STANDARD_RUBRICS, WHOLE_ROW, Rubric, Rubrics, key_of
from feedback.types import CORRECTED_INSTRUCTION, CORRECTED_RESPONSE, CORRECTION_OF, RANKING, TIE, WHICH_IS_BETTER
from tasks.errors import SettingsError
from tasks.row_shape import kinds_of
from tasks.settings import setting
from tasks.types import Row

if TYPE_CHECKING:
    import argilla as rg

DECISION, REASONS = "decision", "reasons"
FAILED_CHECKS, FAILED_CHECKS_TITLE, NO_CHECK = "failed-checks", "Failed checks", "none"
REVIEWERS, REVIEWERS_TITLE = "reviewers", "Reviewers wanted"
"""Said of a record that more people are to answer than the dataset asks for. The embedded server keeps it open until then."""
"""The metadata that names the checks which a response of a row fails, and what it holds where all pass."""
VECTOR = "like-instruction"
"""The name of the vector of an instruction."""
WHY_BETTER, WHY_BETTER_TITLE = f"rationale-{WHICH_IS_BETTER}", "Why: the labeller on which is better"
"""What holds the labeller's reasons for what it prefers: a question, or a field."""
DECISIONS = {"approve": "Approve", "reject": "Reject", "unsure": "Unsure"}
REASONS_TO_CHOOSE = (
    "wrong or made up", "does not follow the instruction", "instruction unclear or unusable", "unhelpful or too thin",
    "badly written", "harmful", "very good example",
)  # fmt: skip
BLIND_FROM = 250
"""From so many rows on the audit goes without suggestions, where nothing else is said: a fifth is enough to learn from."""
LONGEST_DESCRIPTION = 1000
"""Characters that Argilla takes of what a question says of itself."""
MOST_FIELDS = 10
"""Of a row's own fields, those that a record shows one by one; all are in the response."""
RANKED_FROM = 3
"""So many responses of a row are ranked; of two the ratings say enough."""


@dataclass(frozen=True, kw_only=True)
class Review:
    """How a run is sent to Argilla."""

    title: ClassVar[str] = "review"

    dataset: str = setting("", "Name of the dataset in Argilla; empty takes the run's own.")
    workspace: str = setting("", "Workspace in Argilla; empty takes the first one.")
    guidelines: str = setting(
        "", "What reviewers should know, in Markdown; empty takes the aspects' rubric.", multiline=True
    )
    aspects: tuple[str, ...] = setting(
        (),
        "What people rate, a question each per response; nothing ticked takes the labeller's first.",
        label="People rate",
        choices=tuple(STANDARD_RUBRICS),
    )
    reasons: tuple[str, ...] = setting(
        REASONS_TO_CHOOSE, "Reasons that reviewers can tick; none asks for none.", label="Reasons to tick"
    )
    ranking: bool = setting(True, "Where a row has three responses or more, people can rank them.")
    min_submitted: int = setting(
        1, "Reviewers that a record needs before it counts as done.", label="Reviewers per record"
    )
    overlap: float = setting(
        0.1, "Share of the rows that two people review, audit rows first, once there are two.", label="Overlap"
    )
    blind_audit: bool | Literal["auto"] = setting(
        "auto",
        "True sends a random sample, the audit, without ratings and reasons, to learn how people judge on their own; false "
        f"sends it with them; auto sends it without them from {BLIND_FROM} rows on.",
        label="Audit",
    )
    rubrics: tuple[Rubric, ...] = setting((), "Rubrics of your own that aspects can name.", apart=True)

    def __post_init__(self) -> None:
        if not 1 <= self.min_submitted <= 1000:
            raise SettingsError("[review] min_submitted must be at least 1, and at most 1000.", setting="min_submitted")
        if not 0 <= self.overlap <= 1:
            raise SettingsError("[review] overlap is a share of the rows, from 0 to 1.", setting="overlap")
        if len(self.dataset) > 200:
            raise SettingsError(
                "[review] dataset is longer than 200 characters, the most that Argilla takes.", setting="dataset"
            )
        try:
            self.known.keys(self.aspects)
        except SettingsError as error:
            raise SettingsError(f"[review] {str(error)[:1].lower()}{str(error)[1:]}", setting="aspects") from error
        if any(not reason.strip() or len(reason) > 200 for reason in self.reasons):
            raise SettingsError("[review] reasons must be texts of at most 200 characters.", setting="reasons")
        if len(set(self.reasons)) == 1 or len(self.reasons) > 50:
            raise SettingsError("[review] reasons must be none, or from 2 to 50 different ones.", setting="reasons")

    def is_blind(self, rows: int, sealed: bool | None = None) -> bool:
        """True where the audit of so many rows goes without suggestions. `sealed` is how that of the run went before."""
        if self.blind_audit == "auto":
            return rows >= BLIND_FROM if sealed is None else sealed
        return self.blind_audit

    @property
    def known(self) -> Rubrics:
        """All rubrics that people can rate by."""
        return Rubrics.of(self.rubrics)

    def rated(self, labelled: Sequence[str]) -> tuple[str, ...]:
        """The keys of the aspects that people rate, where the labeller rated `labelled`; one "" where nothing says."""
        return self.known.keys(self.aspects) or tuple(labelled[:1]) or ("",)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of a run have: the most responses of a row, talks of several messages, passages, references."""

    responses: int = 0
    talk: bool = False
    passage: bool = False
    reference: bool = False
    fields: tuple[str, ...] = ()
    """The names of the row's own fields (tasks/row_shape.py), where a row has one response."""
    dimensions: int = 0
    """Numbers in the vector of an instruction; 0 for none."""
    compared: bool = False
    """The labeller compares responses in pairs, in place of rating each."""
    checks: bool = False
    """True where responses are checked."""

    def with_row(self, row: Row) -> "Shape":
        """The shape that also fits `row`."""
        passage = bool(row.origin.get("passage"))
        return Shape(
            max(self.responses, min(len(row.responses), MOST_RESPONSES)),
            self.talk or len(row.messages) > 1,
            self.passage or passage,
            self.reference or (not passage and bool(reference(row))),
            tuple(dict.fromkeys([*self.fields, *kinds_of(row)]))[:MOST_FIELDS],
            self.dimensions,
            self.compared,
            self.checks,
        )


def shape_of(rows: Iterable[Row]) -> Shape:
    shape = Shape()
    for row in rows:
        shape = shape.with_row(row)
    return shape


@dataclass(frozen=True, slots=True)
class Part:
    """One field or question of a record, as people see it."""

    kind: Literal["chat", "text", "decision", "rating", "words", "ranking", "reasons", "response", "better"]
    name: str
    title: str
    required: bool = False
    markdown: bool = True
    levels: int = STANDARD_LEVELS
    description: str = ""


def fields(shape: Shape, review: Review, labelled: Sequence[str]) -> list[Part]:
    """What a record shows. With a blind audit the labeller's reasons are shown and not asked about: only what is shown can be
    missing from the records of the audit.
    """
    conversation = (
        Part("chat", "conversation", "Conversation", True)
        if shape.talk
        else Part("text", "instruction", "Instruction", True)
    )
    parts = [conversation]
    if shape.passage:
        parts.append(Part("text", "passage", "Passage"))
    if shape.reference:
        parts.append(Part("text", "reference", "Reference"))
    for k in range(1, shape.responses + 1):
        title = "Response" if shape.responses == 1 else f"Response {letter(k - 1)}"
        parts.append(Part("text", f"response-{k}", title))
        if shape.responses == 1:
            parts += [Part("text", name, title) for name, title in field_names(shape).items()]
        if labelled and review.blind_audit is True and not shape.compared:
            parts.append(_reasons_of(shape, k - 1, "text"))
    if is_compared(shape) and review.blind_audit is True:
        parts.append(Part("text", WHY_BETTER, WHY_BETTER_TITLE))
    return parts


def field_names(shape: Shape) -> dict[str, str]:
    """What the row's own fields are called in Argilla, each with its name as a title; of several of one name the first."""
    titles: dict[str, str] = {}
    for name in shape.fields:
        titles.setdefault(f"field-{key_of(name)}", name)
    return titles


def is_compared(shape: Shape) -> bool:
    """True where people are asked which response is better: the labeller was, and there are two to choose from."""
    return shape.compared and shape.responses > 1


def rating_question(aspect: str, index: int) -> str:
    """The name of the question for a rating of the response at `index`."""
    return f"{aspect or 'rating'}-{index + 1}"


def rationale_name(index: int) -> str:
    """The name of what holds the labeller's reasons for its ratings of the response at `index`: a question, or a field."""
    return f"rationale-{index + 1}"


def which_is_better(responses: int) -> str:
    """The question which of so many responses is better, as people read it."""
    return "Which response is better?" if responses == 2 else "Which response is the best?"


def _reasons_of(shape: Shape, index: int, kind: Literal["text", "words"]) -> Part:
    which = "the response" if shape.responses == 1 else f"response {letter(index)}"
    return Part(kind, rationale_name(index), f"Why: the labeller on {which}")


def questions(shape: Shape, review: Review, labelled: Sequence[str]) -> list[Part]:
    """What a record asks: the decision first, then each response's rating with the labeller's reasons under it."""
    parts = [Part("decision", DECISION, "Keep this row?", required=True)]
    rated, rubrics = review.rated(labelled), review.known
    if is_compared(shape):
        parts.append(Part("better", WHICH_IS_BETTER, which_is_better(shape.responses)))
        if review.blind_audit is not True:
            parts.append(Part("words", WHY_BETTER, WHY_BETTER_TITLE))
    of_the_row = [key for key in rated if key and rubrics[key].judges == "instruction"]
    parts += [_rating(rubrics[key], WHOLE_ROW, "the instruction") for key in of_the_row]
    for index in range(shape.responses):
        which = "the response" if shape.responses == 1 else f"response {letter(index)}"
        for key in rated:
            if not key:
                parts.append(Part("rating", rating_question(key, index), f"How good is {which}?"))
            elif key not in of_the_row:
                parts.append(_rating(rubrics[key], index, which))
        if labelled and review.blind_audit is not True and not shape.compared:
            parts.append(_reasons_of(shape, index, "words"))
    if review.ranking and shape.responses >= RANKED_FROM:
        parts.append(Part("ranking", RANKING, "Responses from best to worst"))
    if review.reasons:
        parts.append(Part("reasons", REASONS, "What decided?"))
    parts.append(Part("words", CORRECTED_INSTRUCTION, "Instruction, corrected", markdown=False))
    if shape.responses > 1:
        parts.append(Part("response", CORRECTION_OF, "Which response is corrected below?"))
    if shape.responses:
        title = "The response, corrected" if shape.responses > 1 else "Response, corrected"
        parts.append(Part("words", CORRECTED_RESPONSE, title, markdown=False))
    return parts


def _rating(rubric: Rubric, index: int, which: str) -> Part:
    """The question for a rating: of a rubric of the run's own with what it asks and what its levels mean."""
    title = f"{in_words(rubric.name)} of {which}"
    if rubric is STANDARD_RUBRICS.get(rubric.key):
        return Part("rating", rating_question(rubric.key, index), title)
    lines = [rubric.question, *(f"{level} = {meaning}" for level, meaning in enumerate(rubric.levels, 1))]
    return Part(
        "rating", rating_question(rubric.key, index), title, levels=rubric.scale, description=cut("\n".join(lines))
    )


def cut(text: str) -> str:
    """As much of a question's description as Argilla takes."""
    return text if len(text) <= LONGEST_DESCRIPTION else text[: LONGEST_DESCRIPTION - 1] + "…"


def in_words(name: str) -> str:
    """A rubric's name as it stands at the beginning of a line: "Instruction following"."""
    spaced = name.replace("-", " ")
    return spaced[:1].upper() + spaced[1:]


def settings(shape: Shape, review: Review, labelled: Sequence[str], guidelines: str) -> "rg.Settings":
    """The Argilla settings for rows of that shape. `labelled` are the aspects that the labeller rated."""
    import argilla as rg

    responses = {f"response-{k}": f"Response {letter(k - 1)}" for k in range(1, shape.responses + 1)}

    def made(part: Part) -> Any:
        common: dict[str, Any] = {"name": part.name, "title": part.title, "required": part.required}
        if part.description:
            common["description"] = part.description
        match part.kind:
            case "chat":
                return rg.ChatField(**common, use_markdown=True)
            case "text":
                return rg.TextField(**common, use_markdown=True)
        match part.kind:
            case "decision":
                return rg.LabelQuestion(**common, labels=DECISIONS)
            case "rating":
                return rg.RatingQuestion(**common, values=list(range(1, part.levels + 1)))
            case "words":
                return rg.TextQuestion(**common, use_markdown=part.markdown)
            case "ranking":
                return rg.RankingQuestion(**common, values=responses)
            case "response":
                return rg.LabelQuestion(**common, labels=responses)
            case "better":
                return rg.LabelQuestion(**common, labels={**responses, TIE: "Tie"})
            case "reasons":
                return rg.MultiLabelQuestion(**common, labels=list(review.reasons))

    return rg.Settings(
        guidelines=shown(review.guidelines or guidelines),
        fields=[made(part) for part in fields(shape, review, labelled)],
        questions=[made(part) for part in questions(shape, review, labelled)],
        metadata=metadata(shape),
        vectors=[rg.VectorField(name=VECTOR, title="Instruction", dimensions=shape.dimensions)]
        if shape.dimensions
        else [],
        distribution=rg.TaskDistribution(min_submitted=review.min_submitted),
    )


def metadata(shape: Shape) -> list[Any]:
    """What records can be sorted and filtered by."""
    import argilla as rg

    models = [
        rg.TermsMetadataProperty(name=f"model-{k}", title=f"Model of response {letter(k - 1)}")
        for k in range(1, shape.responses + 1)
    ]
    return [
        rg.FloatMetadataProperty(name="priority", title="Priority"),
        rg.TermsMetadataProperty(name="sample", title="Sample (audit or queue)"),
        rg.IntegerMetadataProperty(name="number", title="Number in the run"),
        rg.TermsMetadataProperty(name="run", title="Run"),
        rg.IntegerMetadataProperty(name="batch", title="Batch"),
        rg.TermsMetadataProperty(name="task", title="Task"),
        *models,
        rg.FloatMetadataProperty(name="rating-mean", title="Mean rating"),
        rg.FloatMetadataProperty(name="rating-lowest", title="Lowest rating"),
        rg.FloatMetadataProperty(name="rating-spread", title="Spread between responses"),
        rg.FloatMetadataProperty(name="repeat-spread", title="Spread between repeats"),
        *([rg.TermsMetadataProperty(name=FAILED_CHECKS, title=FAILED_CHECKS_TITLE)] if shape.checks else []),
        rg.IntegerMetadataProperty(name=REVIEWERS, title=REVIEWERS_TITLE),
        rg.IntegerMetadataProperty(name="length-instruction", title="Length of the instruction (characters)"),
        rg.IntegerMetadataProperty(name="length", title="Length of the longest response (characters)"),
    ]


def guidelines(
    rubrics: Sequence[Rubric], labeller: str, *, for_trying: bool, blind_audit: bool = False, compared: bool = False
) -> str:
    """What reviewers read beside the records: what to do, and each rubric. `compared`: the labeller compared responses.

    With a `blind_audit` it says that records of the audit come without ratings and reasons.
    """
    parts = [
        "Read the instruction and every response. **Approve** a row if it should go into the dataset, **reject** it if not; "
        "**unsure** leaves it to others. "
        "Where a text is nearly right, correct it and approve: the corrected text is what goes into the dataset. Where there are "
        "several responses, say which one you correct.",
        "By keyboard: a number chooses, ↓ and ↑ go from question to question, Shift+Enter begins to correct a text and Esc "
        "ends it, Enter submits.",
    ]
    if rubrics and compared:
        parts.append(
            f"Which response is better, and why, was suggested by the model {labeller}, which saw two responses at a time, in both "
            "orders. Where its preference changed with the order, it is a tie. Change what is wrong."
        )
    elif rubrics:
        parts.append(
            f"The ratings and reasons that you see were suggested by the model {labeller}. Change what is wrong."
        )
    if rubrics and blind_audit:
        parts.append(
            "The first records, and some of the later ones, come **without the model's ratings and reasons**, so that you judge on "
            "your own: rate what you can."
        )
    if rubrics and for_trying:
        parts.append(
            "**That is the small built-in model: its ratings are for trying this out only, they are close to chance.**"
        )
    for rubric in rubrics:
        lines = [f"- **{value}** {meaning}" for value, meaning in enumerate(rubric.levels, 1)]
        if rubric.not_applicable:
            lines.append(f"- **N/A** {rubric.not_applicable}")
        parts.append(f"### {rubric.name}\n{rubric.question}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)
