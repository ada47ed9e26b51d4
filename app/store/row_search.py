"""Which rows of a run a reader wants to see: found by what they say, by their ratings, by what people decided.

A filter or an order by itself is read off an index, a page at a time: a run may have a million rows. A search reads texts.
"""

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.store.columns import dumps, marks
from app.store.database import Database
from app.store.ratings import COUNTS
from app.store.reviews.acceptances import ACCEPTED
from app.store.reviews.queue import ANSWERED_BY, SHARED
from app.store.reviews.verdicts import COUNTS_AS, DECIDED, NEWEST, OWN
from feedback.rubrics import MOST_LEVELS
from tasks.types import without_surrogates

Order = Literal["", "queue", "lowest", "highest", "apart", "spread"]
ORDERS: tuple[Order, ...] = ("", "queue", "lowest", "highest", "apart", "spread")
RATED = {"low": "band=0", "middle": "band=1", "high": "band=2", "missing": "unrated+failed>0"}
VALUES = {str(value): (value - 0.5, value + 0.5) for value in range(1, MOST_LEVELS + 1)}
"""What counts as a rating of each level: from, and below; a mean of repeats has halves, which go up."""
SPREAD = {"repeats": "spread>=1", "apart": "gap>=1", "far": "gap=2"}
STATUS = {
    **{decision: counts.format(majority=":majority") for decision, counts in COUNTS_AS.items()},
    "corrected": f"{COUNTS_AS['approve'].format(majority=':majority')} AND row IN (:corrected)",
    "settled": "settled IS NOT NULL",
}
_NEWEST, _DECIDED = NEWEST.replace("?", ":run"), DECIDED.replace("?", ":run")
_CORRECTED = (
    f"SELECT newest.row FROM ({_NEWEST}) newest JOIN verdicts ON verdicts.id=newest.id, json_each(verdicts.answers) answer"
    " WHERE newest.status='submitted' AND newest.decision='approve' AND answer.type='text'"
    " AND answer.key IN ('corrected-instruction', 'corrected-response') AND trim(answer.value)<>''"
    " AND answer.value IS NOT (SELECT value FROM json_each(verdicts.shown) WHERE key=answer.key)"
    " AND NOT EXISTS(SELECT 1 FROM responses WHERE responses.row=newest.row AND text=answer.value)"
)
_TICKED = (
    f"SELECT DISTINCT newest.row, newest.id, newest.decision, reason.value reason FROM ({_NEWEST}) newest"
    " JOIN verdicts ON verdicts.id=newest.id, json_each(verdicts.answers, '$.reasons') reason"
    " WHERE newest.status='submitted' AND newest.decision IS NOT NULL AND reason.type='text'"
    " AND json_type(verdicts.answers, '$.reasons')='array'"
)
_COVERED = (
    "SELECT {0} FROM rows hidden INDEXED BY rows_blind WHERE hidden.run=:run AND hidden.state='kept' AND hidden.blind=1"
    " AND hidden.id NOT IN (SELECT row FROM verdicts INDEXED BY verdicts_decided WHERE gone IS NULL AND reviewer_id=:person"
    " AND status='submitted' AND row>:run||'-' AND row<:run||'.')"
)
"""Rows of a blind audit that a person has not decided in the app yet: nothing that was said of them is shown or told."""
INDEXES = {
    **dict.fromkeys(("low", "middle", "high"), "scores_band"), "missing": "scores_missing", "repeats": "scores_repeats",
    **dict.fromkeys(("apart", "far"), "scores_gap"), **dict.fromkeys(STATUS, "rows_said"),
    **dict.fromkeys(("waiting", "unsent"), "rows_in_argilla"),
}  # fmt: skip
"""Where rows are found by one of these alone; SQLite has no numbers to choose by."""
LISTS = {
    "list": "rows.id IN (SELECT row FROM listed WHERE list=(SELECT max(id) FROM review_lists WHERE run=:run AND (:person IS NULL"
    f" OR who='' OR :person='{OWN}'||who)))",
    "guarantee": ACCEPTED,
    "second": f"rows.id IN ({SHARED}) AND {ANSWERED_BY}=1",
}
"""Samples that are lists of rows: those of a person's newest review list, those that are accepted under a guarantee,
those that wait for a second reviewer.
"""
FEW = 5_000
"""Rows that fit, up to which they are sorted by the queue's order."""
MOST_SETS = 50
"""Sets of models, or of aspects, up to which the rows of each are read apart, in their order."""
_HAS_MODEL = "instr(char(10)||rows.models||char(10), char(10)||:model||char(10))"
_TOPIC = "topic=(SELECT id FROM topics WHERE run=:run AND aspect=:aspect)"
_PLACED = (
    "found CROSS JOIN rows INDEXED BY rows_kept ON rows.run=:run AND rows.state='kept' AND rows.unit=found.unit"
    " AND rows.position=found.position"
)


@dataclass(frozen=True, slots=True)
class RowQuery:
    """What is looked for; empty parts are not. `aspect` is the one that `rating` and `spread` are about, "" for all together.

    `value` is a rating that some response has: under `aspect`, and of the responses of `model`, where these are asked for. It is
    a level of the rubric, or one of 1 to 5 for all of them where `on_five`. `check` are identities of checks with spaces
    between, of which some response fails one. `reason` is a decision and a reason that was ticked with it, as `Reason.name`
    has them. `person` is the reviewer's id of whom rows of a blind audit are covered from; None where nothing is covered.
    """

    text: str = ""
    status: str = ""
    aspect: str = ""
    rating: str = ""
    value: str = ""
    spread: str = ""
    model: str = ""
    mark: str = ""
    check: str = ""
    sample: str = ""
    reviewer: str = ""
    reason: str = ""
    order: Order = ""
    person: str | None = None
    on_five: bool = False

    @property
    def everything(self) -> bool:
        return self == RowQuery(aspect=self.aspect, person=self.person, on_five=self.on_five)

    @property
    def narrowed(self) -> "RowQuery":
        """The same in no order: what is left out, and what is not."""
        return replace(self, order="")

    def without(self, name: str) -> "RowQuery":
        """The same without one part."""
        empty: dict[str, Any] = {name: ""}
        return replace(self, **empty)

    @property
    def parts(self) -> list[str]:
        """The names of what is asked for."""
        return [name for name in FILTERS if name != "aspect" and getattr(self, name)]

    @property
    def single(self) -> bool:
        """Whether one thing alone is asked for."""
        return len(self.parts) == 1

    @property
    def tells(self) -> bool:
        """True where a row that fits shows by that what the labeller or people said of it, or who wrote it."""
        criteria = (self.rating, self.value, self.spread, self.model, self.reviewer, self.reason)
        return any(criteria) or self.status in STATUS


FILTERS = tuple(name for name in RowQuery.__dataclass_fields__ if name not in ("person", "on_five"))
"""What can be asked for."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that people ticked when they decided so: in how many verdicts, on how many rows."""

    decision: str
    reason: str
    verdicts: int
    rows: int

    @property
    def name(self) -> str:
        return f"{self.decision} {self.reason}"


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows that fit, as `index` gives them: by `key` where there is one, then by unit and position."""

    table: Literal["scores", "rows"]
    where: tuple[str, ...]
    key: str = ""
    index: str = ""

    def select(self, columns: str, *more: str) -> str:
        conditions = (*self.where, *more)
        tables = self.table + (f" INDEXED BY {self.index}" if self.index else "")
        if self.table == "scores" and any("rows." in condition for condition in conditions):
            tables += " CROSS JOIN rows ON rows.id=scores.row"
        return f"SELECT {columns} FROM {tables} WHERE {' AND '.join(f'({condition})' for condition in conditions)}"

    @property
    def at(self) -> str:
        return f"{self.table}.unit, {self.table}.position"

    @property
    def covered(self) -> "_Part":
        """Those of the rows that are covered from a person."""
        return replace(self, where=(*self.where, _is_covered(self.table)))

    @property
    def open(self) -> "_Part":
        """The others."""
        return replace(self, where=(*self.where, f"NOT {_is_covered(self.table)}"))


def _is_covered(table: str) -> str:
    """A probe of an index for each row: of pairs, NOT IN reads all of them for each row that is not among them."""
    return f"EXISTS({_COVERED.format(1)} AND hidden.unit={table}.unit AND hidden.position={table}.position)"


Values = dict[str, Any]
Groups = list[list[_Part]]
"""Parts, none of which shares a row with another: those of a group are merged, groups follow each other."""


class RowSearch:
    """`majority` says how several decisions become one (feedback.reviewed_row.Merging)."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def count(self, run_id: str, query: RowQuery, *, majority: bool = True) -> int:
        """How many kept rows fit; counted anew where something was written since."""
        if query.text.strip():
            return len(self._read(run_id, query, majority))
        query = query.narrowed
        name = f"count of {run_id}: {query} {majority}"
        return self.db.remembered(name, lambda: self._count(*self._asked(run_id, query, majority)))

    def page(self, run_id: str, query: RowQuery, offset: int, limit: int, *, majority: bool = True) -> list[str]:
        """The ids of some of the rows that fit, in the order that is wanted."""
        if query.text.strip():
            some = self._read(run_id, query, majority)[offset : offset + limit].tolist()
            rows = self.db.all(f"SELECT rowid, id FROM rows WHERE rowid IN ({marks(some)})", *some)
            return [r["id"] for r in sorted(rows, key=lambda r: some.index(r["rowid"]))]
        if self._is_few(run_id, query, majority):
            return self._few(run_id, query, majority)[offset : offset + limit]
        ids: list[str] = []
        groups, values = self._asked(run_id, query, majority)
        for group in groups:
            sql = f"SELECT id FROM ({_sorted(group)} LIMIT :limit OFFSET :offset) {_PLACED}"
            left = {"limit": limit - len(ids), "offset": max(offset, 0)}
            ids += [r["id"] for r in self.db.reader.execute(sql, values | left)]
            if len(ids) == limit or group is groups[-1]:
                break
            offset -= self._count([group], values)
        return ids

    def place(self, run_id: str, query: RowQuery, row_id: str, *, majority: bool = True) -> int | None:
        """How many of the rows that fit come before that one; None where it does not fit."""
        at = self.db.all("SELECT rowid, unit, position FROM rows WHERE id=?", row_id)
        if not at:
            return None
        if query.text.strip():
            listed = self._read(run_id, query, majority)
            return listed.index(at[0]["rowid"]) if at[0]["rowid"] in listed else None
        if self._is_few(run_id, query, majority):
            few = self._few(run_id, query, majority)
            return few.index(row_id) if row_id in few else None
        groups, values = self._asked(run_id, query, majority)
        values |= {"unit": at[0]["unit"], "position": at[0]["position"]}
        for k, group in enumerate(groups):
            for part in group:
                sql = part.select(
                    f"{part.key or 0} key", f"{part.table}.unit=:unit AND {part.table}.position=:position"
                )
                if match := self.db.reader.execute(sql, values).fetchone():
                    before = [
                        replace(other, where=(*other.where, f"({other.key or 0}, {other.at})<(:key, :unit, :position)"))
                        for other in group
                    ]
                    return self._count([*groups[:k], before], values | {"key": match["key"]})
        return None

    def among(self, run_id: str, query: RowQuery, row_ids: Sequence[str], *, majority: bool = True) -> set[str]:
        """Those of the rows that fit; looked for anew where something was written since."""
        query = query.narrowed
        if query.text.strip():
            listed = set(self._read(run_id, query, majority))
            rows = self.db.all(f"SELECT rowid, id FROM rows WHERE id IN ({marks(row_ids)})", *row_ids)
            return {r["id"] for r in rows if r["rowid"] in listed}
        ids = json.dumps(list(row_ids))
        return self.db.remembered(
            f"among {ids}: {query} {majority}", lambda: self._among(*self._asked(run_id, query, majority), ids)
        )

    def _among(self, groups: Groups, values: Values, row_ids: str) -> set[str]:
        names = {"rows": "rows.id", "scores": "scores.row"}
        sqls = [
            part.select(f"{names[part.table]} id", f"{names[part.table]} IN (SELECT value FROM json_each(:ids))")
            for group in groups
            for part in group
        ]
        return {r["id"] for sql in sqls for r in self.db.reader.execute(sql, values | {"ids": row_ids})}

    def _is_few(self, run_id: str, query: RowQuery, majority: bool) -> bool:
        """True where the rows that fit are better sorted than looked for in the queue's order, among all that do not fit."""
        return query.order == "queue" and not query.single and self.count(run_id, query, majority=majority) <= FEW

    def _few(self, run_id: str, query: RowQuery, majority: bool) -> list[str]:
        """The ids of few rows that fit, in the queue's order."""

        def ask() -> list[str]:
            (group,), values = self._asked(run_id, query.narrowed, majority)
            sql = f"SELECT id FROM ({_sorted(group)}) {_PLACED} ORDER BY queue IS NULL, queue, rows.unit, rows.position"
            return [r["id"] for r in self.db.reader.execute(sql, values)]

        return self.db.remembered(f"few of {run_id}: {query} {majority}", ask)

    def blind(self, run_id: str) -> int:
        """How many rows were sealed as audit without suggestions."""
        sql = "SELECT count(*) n FROM rows WHERE run=? AND state='kept' AND blind=1"
        return self.db.remembered(f"blind of {run_id}", lambda: int(self.db.all(sql, run_id)[0]["n"]))

    def covered(self, run_id: str, person: str) -> int:
        """How many rows of the blind audit are covered from somebody, by their id as a reviewer."""
        return self.db.remembered(f"covered of {run_id}: {person}", lambda: self._covered(run_id, person))

    def _covered(self, run_id: str, person: str) -> int:
        sql = _COVERED.format("count(*)")
        return int(self.db.reader.execute(sql, {"run": run_id, "person": person}).fetchone()[0])

    def reviewers(self, run_id: str) -> list[str]:
        """Everybody who submitted an answer to a row of the run."""
        sql = f"SELECT DISTINCT reviewer FROM ({_NEWEST}) WHERE status='submitted' ORDER BY reviewer"
        return self.db.remembered(
            f"reviewers of {run_id}", lambda: [r["reviewer"] for r in self.db.reader.execute(sql, {"run": run_id})]
        )

    def reasons(self, run_id: str) -> list[Reason]:
        """The reasons that people ticked, by the decision that they came with; those of most rows first."""
        return self.db.remembered(f"reasons of {run_id}", lambda: self._reasons(run_id))

    def _reasons(self, run_id: str) -> list[Reason]:
        rows = self.db.reader.execute(
            f"SELECT decision, reason, count(*) verdicts, count(DISTINCT row) rows FROM ({_TICKED})"
            " GROUP BY decision, reason ORDER BY rows DESC, verdicts DESC, reason", {"run": run_id},
        )  # fmt: skip
        return [Reason(r["decision"], r["reason"], r["verdicts"], r["rows"]) for r in rows]

    def rejections(self, run_id: str) -> tuple[int, int, int]:
        """(how often reviewers rejected, how many rows, how many of the rejections came with a reason)."""
        return self.db.remembered(f"rejections of {run_id}", lambda: self._rejections(run_id))

    def _rejections(self, run_id: str) -> tuple[int, int, int]:
        counts = self.db.reader.execute(
            f"SELECT count(*), count(DISTINCT row) FROM ({_NEWEST}) WHERE status='submitted' AND decision='reject'",
            {"run": run_id},
        ).fetchone()
        ticked = self.db.reader.execute(
            f"SELECT count(DISTINCT id) FROM ({_TICKED}) WHERE decision='reject'", {"run": run_id}
        ).fetchone()
        return counts[0], counts[1], ticked[0]

    def models(self, run_id: str) -> list[str]:
        """The models of the run's responses, those of most rows first."""
        return self.db.remembered(f"models of {run_id}", lambda: self._models(run_id))

    def aspects(self, run_id: str) -> list[str]:
        """The aspects that rows of the run were rated under."""
        sets = self.db.remembered(f"aspects of {run_id}", lambda: self._sets(run_id, "aspects"))
        return sorted({name for line in sets for name in line.split("\n") if name})

    def _models(self, run_id: str) -> list[str]:
        rows: dict[str, int] = {}
        for line in self._sets(run_id, "models"):
            (counted,) = self.db.all(
                "SELECT count(*) n FROM rows WHERE run=? AND state='kept' AND models=?", run_id, line
            )
            for name in filter(None, line.split("\n")):
                rows[name] = rows.get(name, 0) + counted["n"]
        return sorted(rows, key=lambda name: (-rows[name], name))

    def _sets(self, run_id: str, column: Literal["models", "aspects"]) -> list[str]:
        """The sets of models or aspects that rows have, each a line of text; found without reading the rows."""
        among = f"SELECT min({column}) FROM rows WHERE run=:run AND state='kept'"
        rows = self.db.reader.execute(
            f"WITH RECURSIVE sets(one) AS ({among} UNION ALL SELECT ({among} AND {column}>one) FROM sets WHERE one IS NOT NULL)"
            " SELECT one FROM sets WHERE one IS NOT NULL", {"run": run_id},
        )  # fmt: skip
        return [r["one"] for r in rows]

    def _count(self, groups: Groups, values: Values) -> int:
        counts = "+".join(f"({part.select('count(*)')})" for group in groups for part in group)
        return int(self.db.reader.execute(f"SELECT {counts}", values).fetchone()[0])

    def _read(self, run_id: str, query: RowQuery, majority: bool) -> "array[int]":
        """The rowids of the rows that fit, where texts are to be read for it; read anew where something was written since."""

        def read() -> "array[int]":
            groups, values = self._asked(run_id, query, majority)
            rowids = array("q")
            for group in groups:
                rows = self.db.reader.execute(_sorted(group, "rows.rowid, "), values)  # they are read for their texts
                rowids.extend(r[0] for r in rows)
            return rowids

        return self.db.remembered(f"rows of {run_id}: {query} {majority}", read)

    def _asked(self, run_id: str, query: RowQuery, majority: bool) -> tuple[Groups, Values]:
        """Where the rows that fit are found, with the values that are named there."""
        covers = query.person is not None and self._is_blind(run_id)
        where, values = _of_row(run_id, query, covers=covers)
        values |= {
            "run": run_id, "majority": majority, "aspect": query.aspect, "model": query.model, "person": query.person,
            "mark": query.mark, "sample": query.sample, "reviewer": query.reviewer,
        }  # fmt: skip
        values["decision"], _, values["reason"] = query.reason.partition(" ")
        index = _index_of(query) if query.single else ""
        rows = _Part("rows", ("rows.run=:run", "rows.state='kept'", *where), index=index)
        if query.order == "queue":
            return self._queued(query, rows, covers), values
        if not (query.rating or query.spread or query.order):
            if covers and query.tells:
                rows = rows.open
            if not query.model:
                return [[rows]], values
            return [self._apart(run_id, "models", lambda names: query.model in names, rows, values)], values
        if query.model:
            where, rows = (*where, _HAS_MODEL), replace(rows, where=(*rows.where, _HAS_MODEL))
        conditions = [RATED[query.rating]] if query.rating else []
        conditions += [SPREAD[query.spread]] if query.spread else []
        scored = _Part("scores", (_TOPIC, "kept=1", *conditions, *where), f"by_{query.order}" if query.order else "")
        if query.single:
            scored = replace(scored, index=INDEXES.get(query.rating or query.spread, f"scores_{query.order}"))
        last: Groups = []
        if covers:
            if not query.tells:  # an order alone: nobody sees by it where they belong
                last = [[replace(rows.covered, index="rows_kept")]]
            scored, rows = scored.open, rows.open
        if query.single and query.spread == "apart":
            others = scored.where[3:]
            return [[replace(scored, where=(_TOPIC, "kept=1", f"gap={gap}", *others)) for gap in (1, 2)]], values
        if query.spread or query.rating not in ("", "missing"):
            return [[scored]], values
        unrated = self._apart(
            run_id, "aspects", lambda names: query.aspect not in names if query.aspect else not names, rows, values
        )
        return ([[scored], unrated, *last] if query.order else [[scored, *unrated]]), values

    def _queued(self, query: RowQuery, rows: _Part, covers: bool) -> Groups:
        """The rows that fit in the order in which people are to see them, then those that Argilla does not have."""
        where = [_HAS_MODEL] if query.model else []
        scores = "SELECT 1 FROM scores WHERE {0} AND scores.unit=rows.unit AND scores.position=rows.position"
        if query.rating or query.spread:
            conditions = [RATED[query.rating]] if query.rating else []
            conditions += [SPREAD[query.spread]] if query.spread else []
            condition = " AND ".join(f"({clause})" for clause in (_TOPIC, *conditions))
            unrated = (
                f" OR NOT EXISTS({scores.format(_TOPIC)})" if query.rating == "missing" and not query.spread else ""
            )
            where.append(f"EXISTS({scores.format(condition)}){unrated}")
        rows = replace(rows, where=(*rows.where, *where), index="")
        if covers and query.tells:
            rows = rows.open
        sent = replace(rows, where=(*rows.where, "rows.queue IS NOT NULL"), key="rows.queue", index="rows_queue")
        return [[sent], [replace(rows, where=(*rows.where, "rows.in_argilla=0"), index="rows_in_argilla")]]

    def _is_blind(self, run_id: str) -> bool:
        rows = self.db.all("SELECT 1 FROM rows WHERE run=? AND state='kept' AND blind=1 LIMIT 1", run_id)
        return bool(rows)

    def _apart(
        self, run_id: str, column: Literal["models", "aspects"], fits: Callable[[list[str]], bool], part: _Part, values: Values
    ) -> list[_Part]:  # fmt: skip
        """The part by those sets of models or aspects that fit, each in its order; in one where they are many."""
        sets = [line for line in self._sets(run_id, column) if fits(list(filter(None, line.split("\n"))))]
        if len(sets) > MOST_SETS:
            values[column] = dumps(sets)
            return [replace(part, where=(*part.where, f"rows.{column} IN (SELECT value FROM json_each(:{column}))"))]
        values |= {f"{column}{k}": line for k, line in enumerate(sets)}
        parts = [
            replace(part, where=(*part.where, f"rows.{column}=:{column}{k}"), index=f"rows_{column}")
            for k in range(len(sets))
        ]
        return parts or [replace(part, where=("0",))]


def _sorted(group: Sequence[_Part], columns: str = "") -> str:
    key = f"{group[0].key}, " if group[0].key else ""
    parts = (part.select(f"{columns}{part.table}.unit unit, {part.table}.position position") for part in group)
    return f"{' UNION ALL '.join(parts)} ORDER BY {key}unit, position"


def _index_of(query: RowQuery) -> str:
    """The index by which the rows are found that have the one thing that is asked of the row itself."""
    if query.check:
        return "rows_failing"
    if query.sample in LISTS:
        return ""
    if query.mark or query.sample:
        return "rows_marked" if query.mark else "rows_sample"
    return "rows_said" if query.reviewer or query.reason else INDEXES.get(query.status, "")


def _rated(query: RowQuery) -> str:
    """True of rows in which a response has the rating that is asked for."""
    aspect = " AND ratings.aspect=:aspect" if query.aspect else ""
    value = "1+(value-1)*4.0/(levels-1)" if query.on_five else "value"
    of_model = (
        " AND EXISTS(SELECT 1 FROM responses WHERE responses.row=ratings.row AND place=ratings.response AND model=:model)"
        if query.model
        else ""
    )
    return (
        f"EXISTS(SELECT 1 FROM ratings WHERE ratings.row=rows.id AND ratings.content_hash=rows.content_hash AND {COUNTS}"
        f" AND ratings.status='rated' AND {value}>=:from_value AND {value}<:below_value{aspect}{of_model})"
    )


def _of_row(run_id: str, query: RowQuery, *, covers: bool) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What is asked of the row itself, with the values in it."""
    where = list[str]()
    values: dict[str, Any] = {}
    if query.status in STATUS:
        counts = STATUS[query.status].replace(":corrected", _CORRECTED)
        where.append(f"rows.id IN (SELECT row FROM ({_DECIDED}) WHERE {counts})")
    elif query.status:
        where.append(f"rows.in_argilla={int(query.status == 'waiting')}")
    if query.status == "waiting":  # a covered row waits for whom it is covered from, whatever others said of it
        covered = f" OR {_is_covered('rows')}" if covers else ""
        where.append(f"rows.id NOT IN (SELECT row FROM ({_DECIDED})){covered}")
    if query.value in VALUES:
        values["from_value"], values["below_value"] = VALUES[query.value]
        where.append(_rated(query))
    if query.mark:
        where.append("rows.marks<>'' AND instr(char(10)||rows.marks||char(10), char(10)||:mark||char(10))")
    if query.check:
        identities = query.check.split()
        values |= {f"check{k}": f"\n{identity}\n" for k, identity in enumerate(identities)}
        fails = " OR ".join(f"instr(char(10)||rows.fails||char(10), :check{k})" for k in range(len(identities)))
        where.append(f"rows.fails<>'' AND ({fails})")
    if query.sample in LISTS:
        where.append(LISTS[query.sample])
    elif query.sample:
        where.append("rows.sample=:sample")
    if query.reviewer:
        where.append(f"rows.id IN (SELECT row FROM ({_NEWEST}) WHERE status='submitted' AND reviewer=:reviewer)")
    if query.reason:
        where.append(f"rows.id IN (SELECT row FROM ({_TICKED}) WHERE decision=:decision AND reason=:reason)")
    if query.text.strip():
        condition, spellings = _found(query.text.strip(), run_id)
        values |= spellings
        where.append(condition)
    return tuple(where), values


def _found(text: str, run_id: str) -> tuple[str, dict[str, Any]]:
    """A condition that is true for rows that say `text` in a message or a response, in any case, with its values.

    The ids of a run's rows begin with its own, so that its responses are read in one go.
    SQLite knows the cases of ASCII alone, so that other letters are looked for as they are, small and large.
    """
    spellings = dict.fromkeys([text] if text.isascii() else [text, text.lower(), text.upper(), text.capitalize()])
    conditions, values = [], {"first": f"{run_id}-", "last": f"{run_id}."}  # the character behind "-"
    for k, spelling in enumerate(spellings):
        values[f"said{k}"] = f"%{_plain(without_surrogates(spelling))}%"
        values[f"told{k}"] = f"%{_plain(json.dumps(spelling)[1:-1])}%"  # as messages are kept
        conditions.append(
            f"rows.messages LIKE :told{k} ESCAPE '!' OR rows.id IN (SELECT row FROM responses WHERE row>:first AND row<:last"
            f" AND text LIKE :said{k} ESCAPE '!')"
        )
    return " OR ".join(conditions), values


def _plain(text: str) -> str:
    """A text without what LIKE takes for a wildcard."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
