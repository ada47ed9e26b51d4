"""A rubric read out of a page of plain text by a model: what it is asked, and what can be used of its answer."""

from typing import Any

from feedback.labeller.ultrafeedback import PROMPTS
from feedback.rubrics import LONGEST_NAME, LONGEST_QUESTION, LONGEST_SENTENCE, MOST_LEVELS, Rubric
from tasks.errors import ModelError, SettingsError
from tasks.text.lenient_json import decode

DRAFT_PROMPT = "rubric_draft.v1"
TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "question": TEXT,
        "levels": {"type": "array", "items": TEXT, "minItems": 2, "maxItems": MOST_LEVELS},
    },
    "required": ["name", "question", "levels"],
    "additionalProperties": False,
}


def prompt_for(text: str) -> str:
    """What a model is asked about the text."""
    return PROMPTS.render(DRAFT_PROMPT, text=text)


def drafted(answer: str) -> Rubric:
    """The rubric in a model's answer, marked as a draft. Raises ModelError for an answer that holds none."""
    start = answer.find("{")
    try:
        values, _ = decode(answer, start) if start >= 0 else (None, 0)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ModelError(
            "The model's answer held no rubric. Try again, with another model, or write the levels yourself."
        )
    listed = values.get("levels")
    levels = [text[:LONGEST_SENTENCE] for level in listed if (text := _line(level))] if isinstance(listed, list) else []
    name, question = _line(values.get("name"))[:LONGEST_NAME], _line(values.get("question"))
    if len(levels) < 2 or not question:
        raise ModelError("The model named no question with two levels or more. Try again, or write them yourself.")
    parts: dict[str, Any] = {
        "question": question[:LONGEST_QUESTION],
        "levels": tuple(levels[:MOST_LEVELS]),
        "draft": True,
    }
    try:
        return Rubric(name=name, **parts)
    except SettingsError:  # a name that nothing can have, or none
        return Rubric(name="drafted", **parts)


def _line(value: object) -> str:
    """A level or a name as one line: some models number them, or put them into objects."""
    if isinstance(value, dict):
        value = next((inner for key, inner in value.items() if key in ("meaning", "text", "description")), "")
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""
