"""Says Argilla's filters and orders in SQL.

A `Selection` collects the parts of one statement over `record r`; its arguments stand in the order of their
marks.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from argilla_server.enums import ResponseStatusFilter, SortOrder
from argilla_server.search_engine.base import (
    AndFilter,
    Filter,
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
    TextQuery,
)

from feedback.local.search.database import SearchDatabase
from feedback.local.search.documents import microseconds, plain
from feedback.local.search.query import read_query

COLUMNS = {
    "id": "r.uuid",
    "external_id": "r.external_id",
    "status": "r.status",
    "inserted_at": "r.inserted_at",
    "updated_at": "r.updated_at",
}
"""Properties of a record that can be filtered and sorted by."""


@dataclass
class Selection:
    """Which records: source, conditions and their arguments; `ranked` when the source knows how well each
    fits.
    """

    index: SearchDatabase
    dataset: int
    source: str = "record r"
    conditions: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)
    ranked: bool = False

    def add(self, condition: str, *arguments: Any) -> None:
        self.conditions.append(condition)
        self.arguments.extend(arguments)

    @property
    def sql(self) -> str:
        return f"FROM {self.source} WHERE {' AND '.join(self.conditions)}"


def select(index: SearchDatabase, dataset: int, query: TextQuery | str | None, filter_: Filter | None) -> Selection:
    """Records of a dataset that a text query and a filter let through; raises ValueError for an unknown
    field.
    """
    selection = Selection(index, dataset)
    if query is not None:
        _add_text(selection, TextQuery(q=query) if isinstance(query, str) else query)
    selection.add("r.dataset=?", dataset)
    if filter_ is not None:
        _add_filter(selection, filter_)
    return selection


def _add_text(selection: Selection, query: TextQuery) -> None:
    if not query.q.strip():
        return
    match = read_query(query.q)
    if match is None:
        selection.add("0")  # only punctuation, which no record is found by
        return
    if query.field:
        columns = {name: column for name, column, _ in selection.index.fields(selection.dataset)}
        if query.field not in columns:
            raise ValueError(f"the dataset has no field {query.field}")
        match = match.within(columns[query.field])
    text = f"text_{selection.dataset}"
    if match.inverted:
        selection.add(f"r.record NOT IN (SELECT rowid FROM {text} WHERE {text} MATCH ?)", match.expression)
        return
    # CROSS JOIN keeps SQLite from reading all records first and asking the text index about each.
    selection.source = f"{text} t CROSS JOIN record r ON r.record=t.rowid"
    selection.ranked = True
    selection.add(f"{text} MATCH ?", match.expression)


def _add_filter(selection: Selection, filter_: Filter) -> None:
    if isinstance(filter_, AndFilter):
        for part in filter_.filters:
            _add_filter(selection, part)
    elif isinstance(filter_.scope, RecordFilterScope):
        _add_record_filter(selection, filter_)
    elif isinstance(filter_.scope, ResponseFilterScope) and not filter_.scope.question:
        _add_response_status(selection, filter_)
    else:
        _add_value_filter(selection, filter_)


def _add_record_filter(selection: Selection, filter_: TermsFilter | RangeFilter) -> None:
    name = plain(filter_.scope.property)
    if name not in COLUMNS:
        raise ValueError(f"records cannot be filtered by {name}")
    if isinstance(filter_, TermsFilter):
        values: list[Any] = [plain(value) for value in filter_.values]
        if name == "id":
            values = [uuid for uuid in map(_uuid, values) if uuid]
        selection.add(f"{COLUMNS[name]} IN ({_marks(values)})", *values)
        return
    for bound, operator in ((filter_.ge, ">="), (filter_.le, "<=")):
        if bound is not None:
            selection.add(f"{COLUMNS[name]}{operator}?", _moment(bound) if name.endswith("_at") else bound)


def _add_response_status(selection: Selection, filter_: TermsFilter | RangeFilter) -> None:
    scope = filter_.scope
    if scope.property != "status" or not isinstance(filter_, TermsFilter):
        raise ValueError(f"responses cannot be filtered by {scope}")
    values = [plain(value) for value in filter_.values]
    statuses = [status for status in values if status != ResponseStatusFilter.pending.value]
    user = [scope.user.id.bytes] if scope.user else []
    response = "EXISTS (SELECT 1 FROM response p WHERE p.record=r.record" + " AND p.user=?" * len(user)
    ways: list[str] = []
    arguments: list[Any] = []
    if len(statuses) < len(values):  # pending: nothing given yet, which is no row
        ways.append(f"NOT {response})")
        arguments += user
    if statuses:
        ways.append(f"{response} AND p.status IN ({_marks(statuses)}))")
        arguments += [*user, *statuses]
    if ways:
        selection.add(f"({' OR '.join(ways)})", *arguments)


def _add_value_filter(selection: Selection, filter_: TermsFilter | RangeFilter) -> None:
    scope = filter_.scope
    path = selection.index.path_of(selection.dataset, _path(scope))
    if path is None:
        selection.add("0")  # no record ever had a value there
        return
    table = "answer" if isinstance(scope, ResponseFilterScope) else "value"
    conditions = ["path=?"]
    arguments: list[Any] = [path]
    if isinstance(filter_, TermsFilter):
        conditions.append(f"text IN ({_marks(filter_.values)})")
        arguments += [plain(value) for value in filter_.values]
    else:
        conditions.append("number IS NOT NULL")
        for bound, operator in ((filter_.ge, ">="), (filter_.le, "<=")):
            if bound is not None:
                conditions.append(f"number{operator}?")
                arguments.append(float(bound))
    if table == "answer" and scope.user:
        conditions.append("user=?")
        arguments.append(scope.user.id.bytes)
    selection.add(f"r.record IN (SELECT record FROM {table} WHERE {' AND '.join(conditions)})", *arguments)


def order_by(index: SearchDatabase, dataset: int, orders: list[Order]) -> tuple[list[str], list[Any]]:
    """Terms of an ORDER BY and their arguments; records without the value come last in both directions."""
    terms: list[str] = []
    arguments: list[Any] = []
    for order in orders:
        down = order.order == SortOrder.desc
        scope = order.scope
        if isinstance(scope, RecordFilterScope):
            name = plain(scope.property)
            if name not in COLUMNS:
                raise ValueError(f"records cannot be sorted by {name}")
            term = COLUMNS[name]
        elif isinstance(scope, ResponseFilterScope):
            term = "(SELECT min(status) FROM response WHERE record=r.record"
            if scope.question:
                # Elasticsearch sorts by the mean over all people.
                term = "(SELECT coalesce(avg(number), min(text)) FROM answer WHERE record=r.record AND path=?"
                arguments.append(index.path_of(dataset, _path(scope)))
            if scope.user:
                term += " AND user=?"
                arguments.append(scope.user.id.bytes)
            term += ")"
        else:
            best = "max" if down else "min"
            term = f"(SELECT coalesce({best}(number), {best}(text)) FROM value WHERE record=r.record AND path=?)"
            arguments.append(index.path_of(dataset, _path(scope)))
        terms.append(f"{term} {'DESC' if down else 'ASC'} NULLS LAST")
    return terms, arguments


def _path(scope: Any) -> str:
    if isinstance(scope, MetadataFilterScope):
        return f"metadata.{scope.metadata_property}"
    if isinstance(scope, SuggestionFilterScope):
        return f"suggestions.{scope.question}.{scope.property}"
    if isinstance(scope, ResponseFilterScope):
        return f"responses.{scope.question}"
    raise ValueError(f"cannot filter or sort by {scope}")


def _marks(values: list[Any]) -> str:
    return ",".join("?" * len(values))


def _uuid(text: str) -> bytes | None:
    try:
        return UUID(text).bytes
    except ValueError:
        return None  # no record has such an id, which is an answer and not an error


def _moment(bound: float | str) -> int:
    """Microseconds since 1970 of a date as text, or of a number, which are milliseconds to Elasticsearch."""
    try:
        return int(float(bound) * 1000)
    except ValueError:
        return microseconds(dt.datetime.fromisoformat(str(bound)))
