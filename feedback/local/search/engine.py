"""The search engine that argilla_server uses instead of Elasticsearch, registered under `ENGINE_NAME`.

The server makes an instance for every request, hence the thin class: it turns the server's objects into
documents and lets a thread read or write the file. All methods that write are called after the commit to the
server's database, so that a crash leaves the index behind, never ahead.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from typing import Any

from argilla_server.enums import SimilarityOrder
from argilla_server.models import (
    Dataset,
    MetadataProperty,
    Record,
    Response,
    Suggestion,
    User,
    VectorSettings,
)
from argilla_server.search_engine.base import (
    Filter,
    MetadataMetrics,
    Order,
    SearchEngine,
    SearchResponses,
    TextQuery,
)

from feedback.local.environment import ENGINE_NAME
from feedback.local.search import reads, writes
from feedback.local.search.database import SearchDatabase
from feedback.local.search.documents import microseconds, plain, record_document, response_document, suggestion_document
from feedback.local.search.vectors import similar


class EmbeddedSearchEngine(SearchEngine):
    """Argilla's searches on one SQLite file."""

    index: SearchDatabase
    """Set by `register`."""

    @classmethod
    async def new_instance(cls) -> EmbeddedSearchEngine:
        return cls()

    async def close(self) -> None:
        """Nothing: the file stays open between requests."""

    async def ping(self) -> bool:
        return bool(self.index.read().execute("SELECT 1").fetchone() == (1,))

    async def info(self) -> dict[str, Any]:
        return {"name": ENGINE_NAME, "sqlite": sqlite3.sqlite_version}

    async def create_index(self, dataset: Dataset) -> None:
        writes.create_dataset(self.index, dataset)

    async def delete_index(self, dataset: Dataset) -> None:
        await asyncio.to_thread(writes.drop_dataset, self.index, dataset.id.bytes)

    async def configure_metadata_property(self, dataset: Dataset, metadata_property: MetadataProperty) -> None:
        """Nothing: values need no mapping. Those logged before the property existed stay out, as with
        Elasticsearch.
        """

    async def configure_index_vectors(self, vector_settings: VectorSettings) -> None:
        """Nothing: vectors need no mapping."""

    async def index_records(self, dataset: Dataset, records: Iterable[Record]) -> None:
        documents = [record_document(dataset, record) for record in records]
        await asyncio.to_thread(writes.put_records, self.index, dataset.id.bytes, documents)

    async def partial_record_update(self, record: Record, **update: Any) -> None:
        status = plain(update["status"]) if "status" in update else None
        moment = microseconds(record.updated_at)  # it moved too, and repair compares it
        await asyncio.to_thread(writes.set_status, self.index, record.id.bytes, status, moment)

    async def delete_records(self, dataset: Dataset, records: Iterable[Record]) -> None:
        uuids = [record.id.bytes for record in records]
        await asyncio.to_thread(writes.remove_records, self.index, uuids)

    async def update_record_response(self, response: Response) -> None:
        document = response_document(response)
        await asyncio.to_thread(writes.put_response, self.index, response.record_id.bytes, document)

    async def delete_record_response(self, response: Response) -> None:
        record, user = response.record_id.bytes, response.user_id.bytes
        await asyncio.to_thread(writes.drop_response, self.index, record, user)

    async def update_record_suggestion(self, suggestion: Suggestion) -> None:
        document = suggestion_document(suggestion)
        await asyncio.to_thread(writes.put_suggestion, self.index, suggestion.record_id.bytes, document)

    async def delete_record_suggestion(self, suggestion: Suggestion) -> None:
        document = suggestion_document(suggestion)
        await asyncio.to_thread(writes.drop_suggestion, self.index, suggestion.record_id.bytes, document)

    async def get_dataset_progress(self, dataset: Dataset) -> dict[str, int]:
        if dataset.is_draft:
            return {}
        return await asyncio.to_thread(reads.progress, self.index, dataset.id.bytes)

    async def get_dataset_user_progress(self, dataset: Dataset, user: User) -> dict[str, int]:
        if dataset.is_draft:
            return {}
        return await asyncio.to_thread(reads.progress_of, self.index, dataset.id.bytes, user.id.bytes)

    async def search(
        self,
        dataset: Dataset,
        query: TextQuery | str | None = None,
        filter: Filter | None = None,
        sort: list[Order] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: str | None = None,  # the base class lacks it, and callers pass it
    ) -> SearchResponses:
        return await asyncio.to_thread(
            reads.search, self.index, dataset.id.bytes, query, filter, sort, offset, limit, user_id
        )

    async def compute_metrics_for(self, metadata_property: MetadataProperty) -> MetadataMetrics:
        dataset, name, kind = (
            metadata_property.dataset_id.bytes,
            metadata_property.name,
            metadata_property.type,
        )
        return await asyncio.to_thread(reads.metrics, self.index, dataset, name, kind)

    async def similarity_search(
        self,
        dataset: Dataset,
        vector_settings: VectorSettings,
        value: list[float] | None = None,
        record: Record | None = None,
        query: TextQuery | str | None = None,
        filter: Filter | None = None,
        max_results: int = 100,
        order: SimilarityOrder = SimilarityOrder.most_similar,
        threshold: float | None = None,
    ) -> SearchResponses:
        itself = None
        if record is not None and not value:
            itself = record.id.bytes
            value = record.vector_value_by_vector_settings(vector_settings)
        if not value:
            raise ValueError("neither a vector nor a record that has one was given")
        return await asyncio.to_thread(
            similar,
            self.index,
            dataset.id.bytes,
            vector_settings.id.bytes,
            value,
            without=itself,
            query=query,
            filter_=filter,
            most=max_results,
            least_similar=order == SimilarityOrder.least_similar,
            threshold=threshold,
        )


def register(index: SearchDatabase) -> None:
    """Make argilla_server's requests use this index from now on."""
    EmbeddedSearchEngine.index = index
    SearchEngine.register(engine_name=ENGINE_NAME)(EmbeddedSearchEngine)
