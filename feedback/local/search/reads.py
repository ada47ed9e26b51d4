"""Answers the server's questions from the search index: which records, how many, what values there are."""

from __future__ import annotations

from uuid import UUID

from argilla_server.enums import MetadataPropertyType
from argilla_server.search_engine.base import (
    Filter,
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataMetrics,
    Order,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
    TextQuery,
)

from feedback.local.search.database import SearchDatabase
from feedback.local.search.filters import order_by, select

MOST_TERMS = 2**14
"""As many different metadata values as Elasticsearch's engine lists."""


def search(
    index: SearchDatabase,
    dataset: bytes,
    query: TextQuery | str | None,
    filter_: Filter | None,
    orders: list[Order] | None,
    offset: int,
    limit: int,
    user: str | None,
) -> SearchResponses:
    """One page of records. Without an order: the best matches first, or, for a person who annotates, a
    shuffle that is always the same for them and different for others, so that two people do not label the
    same records first.
    """
    number = index.dataset(dataset)
    if number is None:
        return SearchResponses(items=[], total=0)
    read = index.read()
    selection = select(index, number, query, filter_)
    total = read.execute(f"SELECT count(*) {selection.sql}", selection.arguments).fetchone()[0]
    if total <= offset or not limit:
        return SearchResponses(items=[], total=total)

    terms, arguments = order_by(index, number, orders or [])
    score = "NULL" if terms else "1.0"
    if not terms and selection.ranked:
        score, terms = "-t.rank", ["t.rank"]
    elif not terms and user:
        seed = int.from_bytes(UUID(str(user)).bytes[:4], "big") | 1
        score = f"((((r.record * 2654435761 + {seed}) & 4294967295) * {seed}) & 4294967295) / 4294967296.0"
        terms = ["2 DESC"]
    rows = read.execute(
        f"SELECT r.uuid, {score} {selection.sql} ORDER BY {', '.join([*terms, 'r.record'])} LIMIT ? OFFSET ?",
        [*selection.arguments, *arguments, limit, offset],
    )
    items = [SearchResponseItem(record_id=UUID(bytes=uuid), score=score) for uuid, score in rows]
    return SearchResponses(items=items, total=total)


def progress(index: SearchDatabase, dataset: bytes) -> dict[str, int]:
    """Records by status, and their `total`."""
    return _with_total(
        index,
        "SELECT status, count(*) FROM record WHERE dataset=? GROUP BY status",
        (index.dataset(dataset),),
    )


def progress_of(index: SearchDatabase, dataset: bytes, user: bytes) -> dict[str, int]:
    """One person's responses by status, and their `total`."""
    return _with_total(
        index,
        "SELECT status, count(*) FROM response WHERE dataset=? AND user=? GROUP BY status",
        (index.dataset(dataset), user),
    )


def _with_total(index: SearchDatabase, sql: str, arguments: tuple[object, ...]) -> dict[str, int]:
    counts: dict[str, int] = dict(index.read().execute(sql, arguments))
    return {"total": sum(counts.values()), **counts}


def metrics(index: SearchDatabase, dataset: bytes, name: str, kind: MetadataPropertyType) -> MetadataMetrics:
    """The values of a metadata property: terms with their counts, or the smallest and the largest number."""
    number = index.dataset(dataset)
    path = None if number is None else index.path_of(number, f"metadata.{name}")
    read = index.read()
    if kind == MetadataPropertyType.terms:
        rows = read.execute(
            "SELECT text, count(*) AS n FROM value WHERE path=? GROUP BY text ORDER BY n DESC, text LIMIT ?",
            (path, MOST_TERMS),
        ).fetchall()
        counts = [TermsMetrics.TermCount(term=term, count=count) for term, count in rows]
        return TermsMetrics(total=sum(count for _, count in rows), values=counts)
    low, high = read.execute("SELECT min(number), max(number) FROM value WHERE path=?", (path,)).fetchone()
    if kind == MetadataPropertyType.integer:
        return IntegerMetadataMetrics(min=low, max=high)
    return FloatMetadataMetrics(min=low, max=high)
