"""A row as one record of Argilla. The record's id (Argilla's `external_id`) is the row's id.

What is rendered as Markdown goes as `markdown.shown` gives it; texts to be corrected are not rendered, and go as they are.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feedback.argilla.dataset_settings import (
    FAILED_CHECKS,
    NO_CHECK,
    RANKED_FROM,
    REVIEWERS,
    VECTOR,
    WHY_BETTER,
    Shape,
    field_names,
    is_compared,
    rating_question,
    rationale_name,
)
from feedback.argilla.markdown import shown
from feedback.comparisons import Comparison, comparisons, ranking, reasons_of
from feedback.labeller.ultrafeedback import reference
from feedback.rating_summary import best_response, means, opinion, reasons, rounded, scale_of, spread
from feedback.response_order import arranged
from feedback.rubrics import STANDARD, WHOLE_ROW, Rubrics
from feedback.types import (
    CORRECTED_INSTRUCTION,
    CORRECTED_RESPONSE,
    CORRECTION_OF,
    RANKING,
    TIE,
    WHICH_IS_BETTER,
    Preference,
    Rating,
    sendable,
)
from tasks.columns.conversations import readable
from tasks.row_shape import columns, in_words
from tasks.types import Row

NO_AGENT = re.compile(r"[^a-zA-Z0-9_:./ -]+")
LONGEST_AGENT = 200
"""What Argilla takes for who suggests something: argilla-server 2.8, schemas/v1/suggestions.py."""


@dataclass(frozen=True, slots=True)
class About:
    """What all records of a push share. `aspects` are those that people rate, `labelled` those that the labeller rated."""

    run: str
    task: str
    generator: str
    aspects: tuple[str, ...]
    labelled: tuple[str, ...]
    ranking: bool = True
    rubrics: Rubrics = STANDARD
    checks: tuple[tuple[str, str], ...] = ()
    """(name, identity) of each check: under another name, or with other settings, records are sent again."""


@dataclass(frozen=True, slots=True)
class Place:
    """How one row stands in what is sent: audit or queue, its priority, its row's number in the run, the batch."""

    sample: str
    priority: float
    number: int
    batch: int = 1
    blind: bool = False
    """True where people are to judge without the labeller's ratings and reasons."""
    order: tuple[int, ...] = ()
    """The places of responses in the order in which they are shown; () for their own."""
    failed: tuple[str, ...] | None = None
    """The checks that a response of the row fails; None where it was not checked."""
    reviewers: int = 1
    """How many people are to answer; more than one is said in the record."""


def item(
    row: Row,
    ratings: Sequence[Rating],
    shape: Shape,
    about: About,
    placement: Place,
    vector: list[float] | None = None,
    preferences: Sequence[Preference] = (),
) -> dict[str, Any]:
    """A row as Argilla's bulk endpoint takes it; suggestions name their question instead of its id."""
    scales = about.rubrics  # what was rated on another scale, under an earlier version of its rubric, suggests nothing
    visible = [r for r in ratings if r.response < shape.responses and r.levels == scales.scale(r.aspect)]
    preferred = [p for p in preferences if max(p.first, p.second) < shape.responses]
    visible, preferred = ([], []) if placement.blind else (visible, preferred)
    if placement.blind:  # only then is nothing said of a response by its place
        row = arranged(row, placement.order)
    record: dict[str, Any] = {
        "external_id": row.id,
        "fields": _fields(row, shape),
        "metadata": _metadata(row, visible, shape, about, placement),
        "suggestions": _suggestions(row, visible, preferred, shape, about, blind=placement.blind),
    }
    if vector is not None:
        record["vectors"] = {VECTOR: vector}
    return {name: sendable(value) for name, value in record.items()}


def _fields(row: Row, shape: Shape) -> dict[str, Any]:
    shows: dict[str, Any] = {}
    if shape.talk:
        shows["conversation"] = [
            {"role": message["role"], "content": shown(readable(message))} for message in row.messages
        ]
    else:
        shows["instruction"] = shown(row.instruction)
    if shape.passage and row.origin.get("passage"):
        found_in = ", ".join(str(row.origin[name]) for name in ("file", "place") if row.origin.get(name))
        heading = " ".join(filter(None, (str(row.origin.get("title") or ""), found_in and f"({found_in})")))
        shows["passage"] = shown("\n\n".join(filter(None, (heading, str(row.origin["passage"])))))
    if shape.reference and not row.origin.get("passage") and (known := reference(row)):
        shows["reference"] = shown(known)
    for k, response in enumerate(row.responses[: shape.responses], 1):
        values = columns(row, response.text)
        shows[f"response-{k}"] = shown(f"```json\n{response.text}\n```" if values else response.text) or " "
        if values and shape.responses == 1:
            cells = {name: in_words(values.get(title), "-") for name, title in field_names(shape).items()}
            shows.update({name: shown(cell) for name, cell in cells.items() if cell.strip()})
    return shows


def _suggestions(
    row: Row, visible: Sequence[Rating], preferred: Sequence[Preference], shape: Shape, about: About, *, blind: bool
) -> list[dict[str, Any]]:
    """With `blind` the text to correct is that of the first response that is shown, and its model is not named."""
    responses = row.responses[: shape.responses]
    suggestions = [_suggestion(CORRECTED_INSTRUCTION, row.instruction, None, about.generator)]
    if responses:
        compared = ranking(comparisons(preferred)) if is_compared(shape) else None
        to_correct = best_response(row, visible) if compared is None else compared.order[0]
        if blind:
            to_correct = next((index for index, response in enumerate(responses) if response.text), to_correct)
        agent = about.generator if blind else responses[to_correct].model
        suggestions.append(_suggestion(CORRECTED_RESPONSE, responses[to_correct].text, None, agent))
        if shape.responses > 1:
            suggestions.append(_suggestion(CORRECTION_OF, f"response-{to_correct + 1}", None, agent))
    if is_compared(shape):
        suggestions += _which_is_better(preferred, about)
    of_the_row = [key for key in about.aspects if key and about.rubrics[key].judges == "instruction"]
    for index in (WHOLE_ROW, *range(len(responses))):
        for aspect in about.aspects:
            if (aspect in of_the_row) is (index == WHOLE_ROW) and (
                rated := opinion(visible, index, aspect)
            ) is not None:
                mean, sure, agent = rated
                suggestions.append(_suggestion(rating_question(aspect, index), rounded(mean), sure, agent))
        if (
            index != WHOLE_ROW
            and about.labelled
            and not shape.compared
            and (why := reasons(visible, index, about.rubrics))
        ):
            main = opinion(visible, index, about.labelled[0])
            suggestions.append(
                _suggestion(rationale_name(index), shown(why), main[1] if main else None, visible[0].model)
            )
    if is_compared(shape) and about.ranking and shape.responses == len(responses) >= RANKED_FROM:
        return suggestions + _ranked(preferred, len(responses))
    ranked = means(visible, len(responses))
    if (
        about.ranking
        and shape.responses == len(responses) >= RANKED_FROM
        and None not in ranked
        and len(set(ranked)) > 1
    ):
        ranks = [{"value": f"response-{k}", "rank": _rank(ranked, mean)} for k, mean in enumerate(ranked, 1)]
        suggestions.append(_suggestion(RANKING, ranks, None, visible[0].model))
    return suggestions


def _which_is_better(preferred: Sequence[Preference], about: About) -> list[dict[str, Any]]:
    """Which response the labeller prefers to the others, with how far both orders agree about it, and its reasons."""
    compared = comparisons(preferred)
    ranked = ranking(compared)
    agent = next((p.model for p in preferred if p.model), "")
    why = reasons_of(preferred, about.rubrics)
    suggestions = []
    if ranked is not None:
        top = ranked.top
        value = TIE if top is None else f"response-{top + 1}"
        suggestions.append(_suggestion(WHICH_IS_BETTER, value, _agreement(compared, top), agent))
    if why:
        suggestions.append(_suggestion(WHY_BETTER, shown(why), None, agent))
    return suggestions


def _agreement(compared: Sequence[Comparison], top: int | None) -> float:
    """The share of comparisons of the best response (of all, where there is none) in which both orders agree."""
    own = [c for c in compared if top is None or top in (c.one, c.other)]
    return round(sum(not c.changed for c in own) / len(own), 4)


def _ranked(preferred: Sequence[Preference], responses: int) -> list[dict[str, Any]]:
    """The ranking of the comparisons, where it tells all responses apart."""
    found = ranking(comparisons(preferred))
    if found is None or len(found.order) < responses or len(set(found.ranks.values())) < 2:
        return []
    ranks = [{"value": f"response-{k + 1}", "rank": found.ranks[k]} for k in range(responses)]
    return [_suggestion(RANKING, ranks, None, next((p.model for p in preferred if p.model), ""))]


def _rank(ranked: Sequence[float | None], mean: float | None) -> int:
    """1 for the best; equal ones share a rank."""
    return 1 + sum((other or 0.0) > (mean or 0.0) for other in ranked)


def _metadata(row: Row, visible: Sequence[Rating], shape: Shape, about: About, placement: Place) -> dict[str, Any]:
    responses = row.responses[: shape.responses]
    metadata: dict[str, Any] = {
        "priority": placement.priority, "sample": placement.sample, "number": placement.number, "run": about.run,
        "batch": placement.batch,
        "task": about.task, "length-instruction": len(row.instruction),
        **{f"model-{k}": response.model for k, response in enumerate(responses, 1) if response.model or not placement.blind},
    }  # fmt: skip
    if placement.reviewers > 1:
        metadata[REVIEWERS] = placement.reviewers
    if responses:
        metadata["length"] = max(len(response.text) for response in responses)
    if shape.checks and placement.failed is not None:
        metadata[FAILED_CHECKS] = list(placement.failed) or [NO_CHECK]
    scale = scale_of(visible, about.rubrics)
    values = [scale.of(r.value, r.levels) for r in visible if r.value is not None and r.response != WHOLE_ROW]
    each = [mean for mean in means(visible, len(responses)) if mean is not None]
    if values:
        metadata.update({"rating-mean": round(sum(values) / len(values), 3), "rating-lowest": min(values)})
    if len(each) > 1:
        metadata["rating-spread"] = round(max(each) - min(each), 3)
    if (wide := spread(visible)) is not None:
        metadata["repeat-spread"] = wide
    return metadata


def _suggestion(question: str, value: Any, score: float | None, agent: str) -> dict[str, Any]:
    return {"question": question, "value": value, "score": score, "agent": agent_of(agent)}


def agent_of(model: str) -> str:
    """A model's name as Argilla takes it for who suggests something, told from others by a hash where it had to be changed.

    Argilla takes ASCII letters and digits, of which there must be one, a few signs, and 200 characters.
    """
    if len(model) <= LONGEST_AGENT and model.isascii() and not NO_AGENT.search(model) and any(map(str.isalnum, model)):
        return model
    name = NO_AGENT.sub("-", model[:LONGEST_AGENT]).strip("- ")[: LONGEST_AGENT - 9] or "model"
    return f"{name} {hashlib.sha256(model.encode('utf-8', 'replace')).hexdigest()[:8]}"
