"""Writes documents into the search index, each function in one transaction.

A record, suggestion or response that is written again replaces what was there. What belongs to a record or a
dataset that the index does not know is left out: `repair.py` finds such gaps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from argilla_server.models import Dataset

from feedback.local.search.database import OF_A_RECORD, SearchDatabase
from feedback.local.search.documents import (
    FILTERABLE,
    RecordDocument,
    ResponseDocument,
    SuggestionDocument,
    field_text,
    plain,
    scalars,
)


def create_dataset(index: SearchDatabase, dataset: Dataset) -> None:
    """Make a dataset known, with its fields and questions; they are fixed from its publication on."""
    fields = [(field.name, position, field.settings["type"]) for position, field in enumerate(dataset.fields)]
    questions = [(question.name, plain(question.settings["type"])) for question in dataset.questions]
    with index.write() as write:
        write.execute("INSERT OR IGNORE INTO dataset(uuid) VALUES(?)", (dataset.id.bytes,))
        number = index.dataset(dataset.id.bytes)
        write.executemany(f"INSERT OR REPLACE INTO field VALUES({number},?,?,?)", fields)
        write.executemany(f"INSERT OR REPLACE INTO question VALUES({number},?,?)", questions)
        columns = ", ".join(f"f{position}" for _, position, _ in fields)
        content = ", content='', contentless_delete=1" if index.contentless else ""
        write.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS text_{number} USING fts5("
            f"{columns}{content}, tokenize='unicode61 remove_diacritics 0')"
        )


def drop_dataset(index: SearchDatabase, dataset: bytes) -> None:
    """Forget a dataset and all its records."""
    number = index.dataset(dataset)
    if number is None:
        return
    with index.write() as write:
        for table in OF_A_RECORD:
            write.execute(f"DELETE FROM {table} WHERE record IN (SELECT record FROM record WHERE dataset=?)", (number,))
        for table in ("record", "path", "field", "question", "dataset"):
            write.execute(f"DELETE FROM {table} WHERE dataset=?", (number,))
        write.execute(f"DROP TABLE IF EXISTS text_{number}")
    index.forget()


def put_records(index: SearchDatabase, dataset: bytes, documents: Iterable[RecordDocument]) -> None:
    """Write records with all that belongs to them."""
    number = index.dataset(dataset)
    if number is None:
        return
    fields = index.fields(number)
    columns = ", ".join(column for _, column, _ in fields)
    into_text = f"INSERT INTO text_{number}(rowid, {columns}) VALUES(?{',?' * len(fields)})"
    with index.write() as write:
        for document in documents:
            record = _put_row(write, number, document)
            write.execute(
                into_text,
                (record, *(field_text(kind, document.fields.get(name)) for name, _, kind in fields)),
            )
            _put_values(index, write, number, record, document.metadata)
            for suggestion in document.suggestions:
                _put_suggestion(index, write, number, record, suggestion)
            for response in document.responses:
                _put_response(index, write, number, record, response)
            write.executemany(
                "INSERT OR REPLACE INTO vector VALUES(?,?,?,?)",
                [(vector.settings, record, vector.updated_at, vector.unit) for vector in document.vectors],
            )


def remove_records(index: SearchDatabase, records: Iterable[bytes]) -> None:
    """Forget records and all that belongs to them."""
    with index.write() as write:
        for uuid in records:
            if row := index.record(uuid):
                _clear(write, *row)
                write.execute("DELETE FROM record WHERE record=?", (row[0],))


def set_status(index: SearchDatabase, record: bytes, status: str | None, updated_at: int) -> None:
    """Note a record's new status (None: as it was) and the moment of its last change."""
    with index.write() as write:
        write.execute(
            "UPDATE record SET status=coalesce(?, status), updated_at=? WHERE uuid=?",
            (status, updated_at, record),
        )


def put_response(index: SearchDatabase, record: bytes, response: ResponseDocument) -> None:
    """Write one person's response to a record."""
    with index.write() as write:
        if row := index.record(record):
            _put_response(index, write, row[1], row[0], response)


def drop_response(index: SearchDatabase, record: bytes, user: bytes) -> None:
    """Forget one person's response to a record."""
    with index.write() as write:
        if row := index.record(record):
            for table in ("response", "answer"):
                write.execute(f"DELETE FROM {table} WHERE record=? AND user=?", (row[0], user))


def put_suggestion(index: SearchDatabase, record: bytes, suggestion: SuggestionDocument) -> None:
    """Write the suggestion for one question of a record."""
    with index.write() as write:
        if row := index.record(record):
            _drop_suggestion(write, row[1], row[0], suggestion)
            _put_suggestion(index, write, row[1], row[0], suggestion)


def drop_suggestion(index: SearchDatabase, record: bytes, suggestion: SuggestionDocument) -> None:
    """Forget the suggestion for one question of a record."""
    with index.write() as write:
        if row := index.record(record):
            _drop_suggestion(write, row[1], row[0], suggestion)


def _clear(write: sqlite3.Connection, record: int, dataset: int) -> None:
    for table in OF_A_RECORD:
        write.execute(f"DELETE FROM {table} WHERE record=?", (record,))
    write.execute(f"DELETE FROM text_{dataset} WHERE rowid=?", (record,))


def _put_row(write: sqlite3.Connection, dataset: int, document: RecordDocument) -> int:
    columns = (document.external_id, document.status, document.inserted_at, document.updated_at)
    row = write.execute("SELECT record FROM record WHERE uuid=?", (document.uuid,)).fetchone()
    if row is None:
        cursor = write.execute(
            "INSERT INTO record(dataset, uuid, external_id, status, inserted_at, updated_at) VALUES(?,?,?,?,?,?)",
            (dataset, document.uuid, *columns),
        )
        return int(cursor.lastrowid or 0)
    record = int(row[0])
    _clear(write, record, dataset)
    write.execute(
        "UPDATE record SET external_id=?, status=?, inserted_at=?, updated_at=? WHERE record=?",
        (*columns, record),
    )
    return record


def _put_values(
    index: SearchDatabase,
    write: sqlite3.Connection,
    dataset: int,
    record: int,
    values: Sequence[tuple[str, object]],
) -> None:
    write.executemany(
        "INSERT OR REPLACE INTO value VALUES(?,?,?,?,?)",
        [
            (record, index.path_for(dataset, path), n, text, number)
            for path, value in values
            for n, (text, number) in enumerate(scalars(value))
        ],
    )


def _put_suggestion(
    index: SearchDatabase,
    write: sqlite3.Connection,
    dataset: int,
    record: int,
    suggestion: SuggestionDocument,
) -> None:
    write.execute(
        "INSERT OR REPLACE INTO suggestion VALUES(?,?,?)",
        (record, suggestion.question, suggestion.updated_at),
    )
    _put_values(index, write, dataset, record, suggestion.values)


def _drop_suggestion(write: sqlite3.Connection, dataset: int, record: int, suggestion: SuggestionDocument) -> None:
    write.execute("DELETE FROM suggestion WHERE record=? AND question=?", (record, suggestion.question))
    write.execute(
        "DELETE FROM value WHERE record=? AND path IN (SELECT path FROM path WHERE dataset=? AND name IN (?,?,?,?))",
        (
            record,
            dataset,
            *(f"suggestions.{suggestion.question_name}.{name}" for name in ("value", "score", "agent", "type")),
        ),
    )


def _put_response(
    index: SearchDatabase, write: sqlite3.Connection, dataset: int, record: int, response: ResponseDocument
) -> None:
    write.execute(
        "INSERT OR REPLACE INTO response VALUES(?,?,?,?,?)",
        (record, response.user, dataset, response.status, response.updated_at),
    )
    write.execute("DELETE FROM answer WHERE record=? AND user=?", (record, response.user))
    questions = write.execute("SELECT name, kind FROM question WHERE dataset=?", (dataset,))
    filterable = {name for name, kind in questions if kind in FILTERABLE}
    write.executemany(
        "INSERT INTO answer VALUES(?,?,?,?,?,?)",
        [
            (record, response.user, index.path_for(dataset, f"responses.{name}"), n, text, number)
            for name, value in response.values.items()
            if name in filterable
            for n, (text, number) in enumerate(scalars(value))
        ],
    )
