"""Brings people's verdicts back from Argilla: every response of every reviewer, as it stands there now."""

from collections.abc import Iterator
from typing import Any

from feedback.server import Server
from feedback.types import Verdict


def pull(server: Server, dataset_id: str) -> Iterator[Verdict]:
    """All responses in a dataset, drafts and discarded ones too. Raises ArgillaError."""
    names = server.usernames()
    for record in server.records_with_responses(dataset_id):
        for response in record.get("responses") or []:
            yield verdict(record, response, names)


def verdict(record: dict[str, Any], response: dict[str, Any], names: dict[str, str]) -> Verdict:
    """One response of the server as a Verdict."""
    answers = {name: said.get("value") for name, said in (response.get("values") or {}).items()}
    reviewer = str(response.get("user_id") or "")
    return Verdict(
        row=str(record.get("external_id") or ""),
        reviewer=names.get(reviewer, reviewer),
        status=str(response["status"]),
        answers=answers,
        record_id=str(record["id"]),
        response_id=str(response["id"]),
        reviewer_id=reviewer,
        inserted_at=str(response.get("inserted_at") or ""),
        updated_at=str(response.get("updated_at") or ""),
    )
