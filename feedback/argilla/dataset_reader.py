"""Any dataset in Argilla as rows of input, whoever made it: fields, metadata, suggestions and answers as columns.

One literal row, of a dataset with the fields `prompt` and `completion`, the metadata `topic` and the question `quality`:

    {"id": "17", "prompt": "Name a river.", "completion": "The Loire.", "topic": "rivers", "suggestion.quality": 4,
     "answer.quality": 5, "argilla.dataset": "rivers",
     "argilla.responses": '[{"user": "ada", "status": "submitted", "answers": {"quality": 5}}]'}

A chat becomes `messages`, and what Claywright itself sent becomes what the task `existing` reads: `messages` or
`instruction`, and `responses` with their models.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from feedback.argilla.client import Server
from feedback.argilla.markdown import plain
from feedback.errors import ArgillaError, ArgillaRefused, Missing

OWN_RESPONSE = re.compile(r"response-(\d+)")
"""The fields in which Claywright shows responses."""
READ = ("text", "chat")
"""Kinds of fields that rows can be made of."""


@dataclass(frozen=True)
class Dataset:
    """A dataset that was found. `left` are sentences about fields that rows can't be made of."""

    id: str
    name: str
    workspace: str
    records: int
    fields: Mapping[str, str]
    metadata: tuple[str, ...]
    questions: Mapping[str, str]
    """By their ids."""
    texts: frozenset[str]
    """Questions that are answered with a text, in which a field may be put up to be corrected."""
    left: tuple[str, ...]


def find(server: Server, name: str, workspace: str = "") -> Dataset:
    """The dataset of that name, in that workspace or the only one that has it.

    Raises Missing where there is none, ArgillaError where it can't be told which one is meant or it holds nothing to read.
    """
    workspaces = {str(w["id"]): str(w["name"]) for w in server.get("/api/v1/me/workspaces")["items"]}
    if workspace and workspace not in workspaces.values():
        raise Missing(
            f"Argilla at {server.url} has no workspace '{workspace}' that this key may see "
            f"(there: {', '.join(sorted(workspaces.values())) or 'none'})."
        )
    seen = [
        dataset
        for dataset in server.get("/api/v1/me/datasets")["items"]
        if not workspace or workspaces.get(str(dataset["workspace_id"])) == workspace
    ]
    matches = [dataset for dataset in seen if dataset["name"] == name]
    where = f" in workspace '{workspace}'" if workspace else ""
    if not matches:
        near = difflib.get_close_matches(name, sorted({str(dataset["name"]) for dataset in seen}), 3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else " Is the name right, may this key see it?"
        raise Missing(f"Argilla at {server.url} has no dataset '{name}'{where}.{hint}")
    if len(matches) > 1:
        workspace_names = sorted(workspaces.get(str(dataset["workspace_id"]), "?") for dataset in matches)
        raise ArgillaError(
            f"Argilla has a dataset '{name}' in {len(matches)} workspaces: {', '.join(workspace_names)}. Name the workspace.",
            terminal=f"With --workspace {workspace_names[0]}.",
        )
    (dataset,) = matches
    return _described(server, dataset, workspaces.get(str(dataset["workspace_id"]), ""))


def _described(server: Server, dataset: Mapping[str, Any], workspace: str) -> Dataset:
    path = f"/api/v1/datasets/{dataset['id']}"
    kinds = {str(f["name"]): str(f["settings"]["type"]) for f in server.get(f"{path}/fields")["items"]}
    read = {name: kind for name, kind in kinds.items() if kind in READ}
    if not read:
        had = ", ".join(f"'{name}' ({kind})" for name, kind in kinds.items()) or "none"
        raise ArgillaError(
            f"The dataset '{dataset['name']}' has no field with a text or a chat (its fields: {had}); rows are made of texts."
        )
    questions = server.get(f"{path}/questions")["items"]
    records = server.count(str(dataset["id"]))
    if not records:
        raise ArgillaError(f"The dataset '{dataset['name']}' in Argilla holds no records yet.")
    return Dataset(
        str(dataset["id"]), str(dataset["name"]), workspace, records, read,
        tuple(str(m["name"]) for m in server.get(f"/api/v1/me/datasets/{dataset['id']}/metadata-properties")["items"]),
        {str(q["id"]): str(q["name"]) for q in questions},
        frozenset(str(q["name"]) for q in questions if q["settings"]["type"] == "text"),
        tuple(
            f"The field '{name}' is left out: its kind is '{kind}', and rows are made of texts."
            for name, kind in kinds.items() if kind not in READ
        ),
    )  # fmt: skip


def rows(server: Server, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """All records as rows of input, each with the same columns (None where a record lacks one). Raises ArgillaError."""
    users = server.usernames()
    try:
        for record in server.records(dataset.id):
            yield row(record, dataset, users)
    except ArgillaRefused as error:
        raise ArgillaRefused(
            f"This key may not read the records of '{dataset.name}' with everybody's answers. Use an owner's key, or that of "
            f"an admin of the workspace '{dataset.workspace}'."
        ) from error


def row(record: Mapping[str, Any], dataset: Dataset, users: Mapping[str, str]) -> dict[str, Any]:
    """One record as a row. Its id is the one that it was logged with, else the server's.

    Texts that Claywright sent there are given as they were before (feedback/argilla/markdown.py).
    """
    if (record.get("metadata") or {}).get("run"):
        record = _plain(record)
    fields = record.get("fields") or {}
    cells: dict[str, Any] = {"id": record.get("external_id") or str(record["id"])}
    metadata = dict(record.get("metadata") or {})
    for name, kind in dataset.fields.items():
        if OWN_RESPONSE.fullmatch(name):
            continue
        chat = kind == "chat" and "messages" not in dataset.fields and "messages" not in cells
        cells["messages" if chat else name] = fields.get(name)
    own = sorted((int(match[1]), name) for name in dataset.fields if (match := OWN_RESPONSE.fullmatch(name)))
    if own:
        texts = [(k, str(fields.get(name) or "").strip()) for k, name in own]
        cells["responses"] = [
            {"text": text, "model": str(metadata.get(f"model-{k}") or "")} for k, text in texts if text
        ]
    for name in dict.fromkeys([*dataset.metadata, *metadata]):
        cells[f"metadata.{name}" if name in cells else name] = metadata.get(name)
    cells.update(_opinions(record, dataset, set(_texts(fields)), users))
    cells["argilla.dataset"] = dataset.name
    return cells


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return plain(value) if isinstance(value, str) else value


def _opinions(record: Mapping[str, Any], dataset: Dataset, shown: set[str], users: Mapping[str, str]) -> dict[str, Any]:
    """Suggestions and answers by question; a text that was only put up to be corrected is not repeated."""
    names = dataset.questions.values()
    opinions: dict[str, Any] = {f"{kind}.{name}": None for kind in ("suggestion", "answer") for name in names}
    for suggestion in record.get("suggestions") or []:
        name, value = dataset.questions.get(str(suggestion["question_id"])), suggestion["value"]
        if name and not (name in dataset.texts and value in shown):
            opinions[f"suggestion.{name}"] = _cell(value)
    responses = sorted(record.get("responses") or [], key=lambda response: str(response.get("updated_at")))
    people = []
    for response in responses:
        values = {name: answer.get("value") for name, answer in (response.get("values") or {}).items()}
        user = str(response.get("user_id") or "")
        people.append({"user": users.get(user, user), "status": response["status"], "answers": values})
        if response["status"] == "submitted":
            opinions.update({f"answer.{name}": _cell(value) for name, value in values.items()})
    opinions["argilla.responses"] = json.dumps(people, ensure_ascii=False) if people else None
    return opinions


def _texts(fields: Mapping[str, Any]) -> Iterator[str]:
    """Every text that a record shows, also those of the messages of a chat."""
    for value in fields.values():
        yield from [str(message.get("content")) for message in value] if isinstance(value, list) else [str(value)]


def _cell(value: Any) -> Any:
    """Lists (rankings, several labels, spans) as JSON, so that they can be kept beside a row."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
