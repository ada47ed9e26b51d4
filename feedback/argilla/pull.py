"""Brings people's verdicts back from Argilla: every response of every reviewer, as it stands there now."""

from collections.abc import Iterator, Mapping
from typing import Any

from feedback.argilla.client import Server
from feedback.argilla.markdown import plain
from feedback.types import Origin, Verdict, judgements, origin


def pull(server: Server, dataset_id: str, names: Mapping[str, str]) -> Iterator[Verdict]:
    """All responses in a dataset, drafts and discarded ones too. Raises Missing if it was deleted, ArgillaError.

    Only records that somebody responded to are asked for. `names` are those of users, by id.
    """
    payload = server.get(f"/api/v1/datasets/{dataset_id}/questions")
    questions = {str(question["id"]): str(question["name"]) for question in payload["items"]}
    for record in server.answered(dataset_id):
        for response in record.get("responses") or []:
            yield verdict(record, response, names, questions)


def verdict(
    record: Mapping[str, Any], response: Mapping[str, Any], names: Mapping[str, str], questions: Mapping[str, str]
) -> Verdict:
    """One response of the server as a Verdict. `names` are those of users, `questions` those of questions, by id."""
    answers = {name: _plain(answer.get("value")) for name, answer in (response.get("values") or {}).items()}
    suggested = {questions.get(str(s["question_id"]), ""): s for s in record.get("suggestions") or []}
    suggestions = {name: s["value"] for name, s in suggested.items()}
    reviewer = str(response.get("user_id") or "")
    return Verdict(
        row=str(record.get("external_id") or ""),
        reviewer=names.get(reviewer, reviewer),
        status=str(response["status"]),
        answers=answers,
        shown={name: plain(value) for name, value in suggestions.items() if name and isinstance(value, str)},
        record_id=str(record["id"]),
        response_id=str(response["id"]),
        reviewer_id=reviewer,
        inserted_at=str(response.get("inserted_at") or ""),
        updated_at=str(response.get("updated_at") or ""),
        origins=_origins(answers, suggested, str(response.get("updated_at") or "")),
    )


def _origins(answers: Mapping[str, Any], suggested: Mapping[str, Any], answered: str) -> dict[str, Origin]:
    """Whose each rating and the ranking is. A suggestion that came after the answer says nothing of it."""
    origins: dict[str, Origin] = {}
    for question, answer in judgements(answers):
        suggestion = suggested.get(question)
        if suggestion is None:
            origins[question] = "given"
        elif str(suggestion.get("updated_at") or "") <= answered:
            origins[question] = origin(answer, suggestion["value"])
    return origins


def _plain(value: Any) -> Any:
    """A text as it was before it was sent to be rendered; what is no text, as it is."""
    return plain(value) if isinstance(value, str) else value
