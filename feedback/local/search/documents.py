"""What the index keeps of a record, as plain values.

They are made from the server's objects in the event loop and then handed to a writing thread: an object of
SQLAlchemy's must not be touched there, where a look at an attribute could start a query.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from argilla_server.enums import QuestionType
from argilla_server.models import Dataset, Record, Response, Suggestion

from feedback.local.search.query import segment

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FILTERABLE = frozenset(
    kind.value for kind in (QuestionType.rating, QuestionType.label_selection, QuestionType.multi_label_selection)
)
"""Kinds of questions whose values can be filtered and sorted by, as with Elasticsearch."""


@dataclass(frozen=True, slots=True)
class SuggestionDocument:
    """A suggestion, as the index holds it."""

    question: bytes
    question_name: str
    updated_at: int
    values: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ResponseDocument:
    """A reviewer's response, as the index holds it."""

    user: bytes
    status: str
    updated_at: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class VectorDocument:
    """A vector, as the index holds it."""

    settings: bytes
    updated_at: int
    unit: bytes


@dataclass(frozen=True, slots=True)
class RecordDocument:
    """A record with all that it is searched by."""

    uuid: bytes
    external_id: str | None
    status: str
    inserted_at: int
    updated_at: int
    fields: dict[str, Any]
    metadata: tuple[tuple[str, Any], ...]
    suggestions: tuple[SuggestionDocument, ...]
    responses: tuple[ResponseDocument, ...]
    vectors: tuple[VectorDocument, ...]


def record_document(dataset: Dataset, record: Record) -> RecordDocument:
    """A record with everything that is loaded of it; metadata of unknown properties is left out, as
    upstream.
    """
    metadata = record.metadata_ or {}
    names = [known.name for known in dataset.metadata_properties if metadata.get(known.name) is not None]
    return RecordDocument(
        uuid=record.id.bytes,
        external_id=record.external_id,
        status=plain(record.status),
        inserted_at=microseconds(record.inserted_at),
        updated_at=microseconds(record.updated_at),
        fields=dict(record.fields),
        metadata=tuple((f"metadata.{name}", metadata[name]) for name in names),
        suggestions=tuple(suggestion_document(suggestion) for suggestion in record.suggestions or ()),
        responses=tuple(response_document(response) for response in record.responses or ()),
        vectors=tuple(
            VectorDocument(vector.vector_settings_id.bytes, microseconds(vector.updated_at), unit(vector.value))
            for vector in record.vectors or ()
        ),
    )


def suggestion_document(suggestion: Suggestion) -> SuggestionDocument:
    """A suggestion; its question must be loaded."""
    question = suggestion.question
    values = {"score": suggestion.score, "agent": suggestion.agent}
    values["type"] = plain(suggestion.type) if suggestion.type else None
    if plain(question.type) in FILTERABLE:
        values["value"] = suggestion.value
    return SuggestionDocument(
        question=suggestion.question_id.bytes,
        question_name=question.name,
        updated_at=microseconds(suggestion.updated_at),
        values=tuple((f"suggestions.{question.name}.{name}", value) for name, value in values.items()),
    )


def response_document(response: Response) -> ResponseDocument:
    """A response with all its answers."""
    return ResponseDocument(
        user=response.user_id.bytes,
        status=plain(response.status),
        updated_at=microseconds(response.updated_at),
        values={name: (answer or {}).get("value") for name, answer in (response.values or {}).items()},
    )


def microseconds(moment: dt.datetime) -> int:
    """Microseconds since 1970; the server's naive moments are UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (aware - EPOCH) // dt.timedelta(microseconds=1)


def plain(value: Any) -> str:
    """Text of a value that may be a member of an enumeration."""
    return str(getattr(value, "value", value))


def unit(vector: list[float]) -> bytes:
    """A vector of length one as float32, so that a dot product is the cosine; a zero vector stays zero."""
    array = np.asarray(vector, dtype=np.float32)
    return bytes((array / (np.linalg.norm(array) or 1.0)).tobytes())


def field_text(kind: str, value: Any) -> str | None:
    """Searchable text of a field; an image has none."""
    if value is None or kind == "image":
        return None
    if kind == "chat":
        return segment("\n".join(str(message.get("content", "")) for message in value))
    return segment(str(value))


def scalars(value: Any) -> Iterator[tuple[str, float | None]]:
    """(text, number) of each single value in a filterable one; lists are taken apart."""
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, bool):
            yield str(item).lower(), float(item)
        elif isinstance(item, int | float):
            yield str(item), float(item)
        elif item is not None and not isinstance(item, dict | list):
            yield str(item), None
