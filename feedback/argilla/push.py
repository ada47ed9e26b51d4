"""Sends rows to Argilla: each row is one record under its own id, so that sending again changes and never doubles.

People's responses are never touched: an upsert replaces fields and metadata, and the suggestions that the record has;
those that it no longer has are taken out.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from feedback.argilla.client import BATCH, Server
from feedback.argilla.dataset_settings import FAILED_CHECKS, FAILED_CHECKS_TITLE, REVIEWERS, REVIEWERS_TITLE
from feedback.errors import ArgillaError, DatasetMismatch
from feedback.types import CORRECTION_OF

if TYPE_CHECKING:
    import argilla as rg


Item = tuple[dict[str, Any], str, str]
"""A record, the hash of what was sent of it before ("" for nothing), and the questions that had suggestions then."""


ADDED_LATER = {
    name: {"name": name, "title": title, "visible_for_annotators": True, "settings": {"type": kind}}
    for name, title, kind in ((FAILED_CHECKS, FAILED_CHECKS_TITLE, "terms"), (REVIEWERS, REVIEWERS_TITLE, "integer"))
}
"""Metadata that a dataset of an earlier version, or from before its rows were checked, lacks: as the server takes it."""
MADE_WITHIN = 3.0
"""Seconds in which a dataset that is being made gets ready; one that is still a draft then was left behind."""


@dataclass
class Pushed:
    """What a push did. `refused` are (row id, the server's words) of records that it did not take."""

    sent: int = 0
    unchanged: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A dataset in Argilla that is ready to take records."""

    id: str
    name: str
    workspace: str
    url: str
    questions: Mapping[str, str]
    fields: frozenset[str] = frozenset()


def target(server: Server, name: str, workspace: str, settings: "rg.Settings") -> Target:
    """The dataset `name`, made if it is not there. Raises DatasetMismatch if it is there and does not fit."""
    import argilla as rg

    workspace = server.workspace(workspace)
    with server.translated():
        dataset = _there(server, name, workspace)
        if dataset is not None and _is_half_made(server, dataset, settings):
            dataset.delete()
            dataset = None
        if dataset is None:
            dataset = rg.Dataset(name=name, workspace=workspace, settings=settings, client=server.client)
            dataset.create()
        elif problem := _difference(dataset.settings, settings):
            raise DatasetMismatch(
                f"Argilla has a dataset '{name}' in workspace '{workspace}' that these rows do not fit: {problem}. "
                f"Send them under another name: '{(free := _free_name(server, name, workspace))}' is free.",
                terminal=f"With --dataset {free}",
                free=free,
            )
        else:
            for lacking in sorted(ADDED_LATER.keys() & _lacking(dataset.settings, settings)):
                server.post(f"/api/v1/datasets/{dataset.id}/metadata-properties", ADDED_LATER[lacking])
    return known_target(server, str(dataset.id), name, workspace)


def known_target(server: Server, dataset_id: str, name: str, workspace: str) -> Target:
    """A dataset that is there. Raises Missing if it was deleted."""
    payload = server.get(f"/api/v1/datasets/{dataset_id}/questions")
    questions = {str(question["name"]): str(question["id"]) for question in payload["items"]}
    fields = frozenset(str(field["name"]) for field in server.get(f"/api/v1/datasets/{dataset_id}/fields")["items"])
    return Target(dataset_id, name, workspace, review_address(server.url, dataset_id), questions, fields)


def let_want_reviewers(server: Server, to: Target) -> None:
    """Lets records of a dataset that an earlier version made say how many reviewers they want."""
    there = server.get(f"/api/v1/me/datasets/{to.id}/metadata-properties")["items"]
    if REVIEWERS not in {entry["name"] for entry in there}:
        server.post(f"/api/v1/datasets/{to.id}/metadata-properties", ADDED_LATER[REVIEWERS])


def list_path(dataset_id: str, run: str, batch: int) -> str:
    """Where people review the records of one list in Argilla's own page, the next first."""
    return f"/dataset/{dataset_id}/annotation-mode?metadata=batch.ge{batch}.le{batch}~run.{run}&sort=metadata.priority.desc"


def review_address(url: str, dataset_id: str, run: str = "", number: int = 0, status: str = "") -> str:
    """Where people review in Argilla's own page: the most urgent record first, or one record of a run by its number.

    The page shows records of one `status` at a time, that of the answer of whoever is signed in; "" for those without one.
    """
    return url + review_path(dataset_id, run, number, status)


def review_path(dataset_id: str, run: str = "", number: int = 0, status: str = "") -> str:
    """The same without the server's address."""
    query = f"metadata=number.ge{number}.le{number}~run.{run}" if run else "sort=metadata.priority.desc"
    own = f"&status={status}" if status else ""
    return f"/dataset/{dataset_id}/annotation-mode?{query}{own}"


def _free_name(server: Server, name: str, workspace: str) -> str:
    """The name with the first number behind it that no dataset of the workspace has."""
    with server.translated():
        taken = {dataset.name for dataset in server.client.workspaces(workspace).datasets}
    return next(f"{name[:190]}-{k}" for k in count(2) if f"{name[:190]}-{k}" not in taken)


def _there(server: Server, name: str, workspace: str) -> "rg.Dataset | None":
    """The dataset of that name, without the SDK's warning where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return server.client.datasets(name, workspace=workspace)


def _is_half_made(server: Server, dataset: "rg.Dataset", settings: "rg.Settings") -> bool:
    """True for what a push leaves that was killed while it made its dataset: a draft, which can't hold records yet.

    Somebody else may be making it this moment: that is waited for.
    """
    began = time.monotonic()
    while server.get(f"/api/v1/datasets/{dataset.id}")["status"] == "draft":
        if time.monotonic() - began > MADE_WITHIN:
            names = {f["name"] for f in server.get(f"/api/v1/datasets/{dataset.id}/fields")["items"]}
            return names <= {f.name for f in settings.fields}
        time.sleep(0.5)
    return False


def _difference(have: "rg.Settings", settings: "rg.Settings") -> str:
    """In words what the dataset lacks or asks for too much; "" if the rows fit."""
    fields = {f.name: f.type for f in have.fields}
    questions = {q.name: q.type for q in have.questions}
    for kind, existing, needed in (
        ("field", fields, {f.name: f.type for f in settings.fields}),
        ("question", questions, {q.name: q.type for q in settings.questions}),
    ):
        for name, type_ in needed.items():
            if name not in existing and (name == CORRECTION_OF or _holds_reasons(name, fields, questions)):
                continue
            if name not in existing:
                return f"it has no {kind} '{name}'"
            if existing[name] != type_:
                return f"its {kind} '{name}' is of another kind ({existing[name]} instead of {type_})"
    levels = _levels(have)
    for name, number in _levels(settings).items():
        if number != levels.get(name, number):
            return f"its question '{name}' has {levels[name]} levels instead of {number}"
    field_names = {f.name for f in settings.fields}
    for f in have.fields:
        if f.required and f.name not in field_names:
            return f"it wants a field '{f.name}'"
    vectors = {v.name: v.dimensions for v in have.vectors}
    for v in settings.vectors:
        if vectors.get(v.name) != v.dimensions:
            return f"it has no vectors of {v.dimensions} numbers"
    if missing := _lacking(have, settings) - ADDED_LATER.keys():
        return f"it has no metadata '{min(missing)}'"
    return ""


def _levels(settings: "rg.Settings") -> dict[str, int]:
    """The number of levels of each question that asks for a rating."""
    import argilla as rg

    return {q.name: len(q.values) for q in settings.questions if isinstance(q, rg.RatingQuestion)}


def _lacking(have: "rg.Settings", settings: "rg.Settings") -> set[str]:
    """The metadata that a dataset lacks."""
    return {m.name for m in settings.metadata} - {m.name for m in have.metadata}


def _holds_reasons(name: str, fields: Mapping[str, str], questions: Mapping[str, str]) -> bool:
    """True for the labeller's reasons in a dataset that holds them, as a field or as a question."""
    return name.startswith("rationale-") and (name in fields or name in questions)


def push(
    server: Server,
    to: Target,
    batches: Iterable[tuple[list[Item], int]],
    keep: Callable[[list[tuple[str, str, Mapping[str, Any]]]], None],
    watch: Callable[[Pushed], None],
    done: Pushed,
) -> None:
    """Sends what changed, in batches of (records, how many more are known to be there).

    `keep` gets (row id, hash, suggestions by question) of each batch once the server has it; `watch` is told after each.
    """
    full: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = []

    def send() -> None:
        while full:
            some = full[:BATCH]
            refused = server.upsert(to.id, [record for *_, record in some])
            names = {row_id for row_id, _ in refused}
            kept = [entry[:4] for entry in some if entry[0] not in names]
            stale = {row_id: set(before.split()) - suggested.keys() for row_id, _, suggested, before in kept}
            if left := {row_id: _ids(to, names) for row_id, names in stale.items() if names}:
                numbers = [record["metadata"]["number"] for *_, record in some if record["external_id"] in left]
                server.drop_suggestions(to.id, left, (min(numbers), max(numbers)))
            keep([(row_id, digest, suggested) for row_id, digest, suggested, _ in kept])
            done.sent += len(some) - len(refused)
            done.refused += refused
            del full[:BATCH]
            watch(done)

    for items, known in batches:
        done.unchanged += known
        for record, sent, before in items:
            record = _fitted(record, to)
            digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
            suggested = {suggestion["question"]: suggestion["value"] for suggestion in record["suggestions"]}
            if digest == sent:
                keep([(record["external_id"], digest, suggested)])
                done.unchanged += 1
            else:
                addressed = _addressed(record, to.questions)
                full.append((record["external_id"], digest, suggested, before, addressed))
        if len(full) >= BATCH:
            send()
        watch(done)
    send()


def _ids(to: Target, names: Iterable[str]) -> set[str]:
    """The ids of questions by their names."""
    return {to.questions[name] for name in names if name in to.questions}


def _fitted(record: dict[str, Any], to: Target) -> dict[str, Any]:
    """The record as its dataset takes it: the labeller's reasons as fields where it has such, and none of what it never asked."""
    shows, suggestions = dict(record["fields"]), []
    for suggestion in record["suggestions"]:
        name = suggestion["question"]
        if name not in to.questions and name in to.fields:
            shows[name] = suggestion["value"]
        elif name in to.questions or name != CORRECTION_OF:
            suggestions.append(suggestion)
    return {**record, "fields": shows, "suggestions": suggestions}


def _addressed(record: dict[str, Any], questions: Mapping[str, str]) -> dict[str, Any]:
    suggestions = []
    for suggestion in record["suggestions"]:
        name = suggestion["question"]
        if name not in questions:
            raise ArgillaError(
                f"The dataset in Argilla lost its question '{name}'. Send under another name.",
                terminal="With --dataset NAME.",
            )
        rest = {key: value for key, value in suggestion.items() if key != "question"}
        suggestions.append({"question_id": questions[name], **rest})
    return {**record, "suggestions": suggestions}
