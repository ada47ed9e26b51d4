"""Finds the records whose vectors are nearest to one, by looking at all of them.

At 100,000 vectors of 384 numbers that is a second, with constant memory; an index of neighbours would cost
more than it saves at the sizes that one computer's annotators work through.
"""

from __future__ import annotations

from uuid import UUID

import numpy as np
from argilla_server.search_engine.base import Filter, SearchResponseItem, SearchResponses, TextQuery

from feedback.local.search.database import SearchDatabase
from feedback.local.search.documents import unit
from feedback.local.search.filters import select

ROWS_AT_ONCE = 4096


def similar(
    index: SearchDatabase,
    dataset: bytes,
    settings: bytes,
    target: list[float],
    *,
    without: bytes | None,
    query: TextQuery | str | None,
    filter_: Filter | None,
    most: int,
    least_similar: bool,
    threshold: float | None,
) -> SearchResponses:
    """The `most` records nearest to `target` (or farthest from it), with Elasticsearch's score (1 + cosine) /
    2.
    """
    number = index.dataset(dataset)
    if number is None:
        return SearchResponses(items=[], total=0)
    read = index.read()
    direction = np.frombuffer(unit(target), np.float32) * np.float32(-1 if least_similar else 1)
    allowed = None
    if query is not None or filter_ is not None:
        selection = select(index, number, query, filter_)
        allowed = np.array(
            [record for (record,) in read.execute(f"SELECT r.record {selection.sql}", selection.arguments)],
            np.int64,
        )
    itself = index.record(without) if without else None

    records, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    cursor = read.execute("SELECT record, unit FROM vector WHERE settings=?", (settings,))
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        candidates = np.array([record for record, _ in rows], np.int64)
        matrix = np.frombuffer(b"".join(vector for _, vector in rows), np.float32).reshape(len(rows), -1)
        cosine_score = (1 + matrix @ direction) / 2
        keep = np.ones(len(rows), bool) if allowed is None else np.isin(candidates, allowed, assume_unique=True)
        if itself:
            keep &= candidates != itself[0]
        if threshold is not None:
            keep &= cosine_score >= threshold
        records = np.concatenate([records, candidates[keep]])
        scores = np.concatenate([scores, cosine_score[keep]])
        best = np.argsort(-scores, kind="stable")[:most]
        records, scores = records[best], scores[best]

    items = []
    for record, score in zip(records.tolist(), scores.tolist(), strict=True):
        (uuid,) = read.execute("SELECT uuid FROM record WHERE record=?", (record,)).fetchone()
        items.append(SearchResponseItem(record_id=UUID(bytes=uuid), score=score))
    return SearchResponses(items=items, total=len(items))
