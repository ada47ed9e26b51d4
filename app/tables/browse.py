"""Which rows of a run a reader wants to see: found by what they say, by their ratings, by what people decided.

A filter or an order by itself is read off an index, a page at a time: a run may have a million rows. A search reads texts.
"""

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.database import Database
from app.tables.reviews import DECIDED
from app.tables.text import clean, dumps, marks

Order = Literal["", "lowest", "highest", "apart", "spread"]
ORDERS: tuple[Order, ...] = ("", "lowest", "highest", "apart", "spread")
RATED = {"low": "band=0", "middle": "band=1", "high": "band=2", "missing": "unrated+failed>0"}
SPREAD = {"repeats": "spread>=1", "apart": "gap>=1", "far": "gap=2"}
STATUS = {
    "approve": "approvals>rejections AND (:majority OR rejections=0)",
    "reject": "rejections>approvals OR (rejections>0 AND NOT :majority)",
    "unsure": "approvals+rejections+unsure>0 AND approvals=rejections AND (:majority OR rejections=0)",
}
INDEXES = {
    **dict.fromkeys(("low", "middle", "high"), "scores_band"), "missing": "scores_missing", "repeats": "scores_repeats",
    **dict.fromkeys(("apart", "far"), "scores_gap"), **dict.fromkeys(STATUS, "rows_said"),
    **dict.fromkeys(("waiting", "unsent"), "rows_in_argilla"),
}  # fmt: skip
"""Where rows are found by one of these alone; SQLite has no numbers to choose by."""
MOST_SETS = 50
"""Sets of models, or of aspects, up to which the rows of each are read apart, in their order."""
_HAS_MODEL = "instr(char(10)||rows.models||char(10), char(10)||:model||char(10))"
_PLACED = (
    "found CROSS JOIN rows INDEXED BY rows_kept ON rows.run=:run AND rows.state='kept' AND rows.unit=found.unit"
    " AND rows.position=found.position"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; empty parts are not. `aspect` is the one that `rating` and `spread` are about, "" for all together."""

    text: str = ""
    status: str = ""
    aspect: str = ""
    rating: str = ""
    spread: str = ""
    model: str = ""
    order: Order = ""

    @property
    def everything(self) -> bool:
        return self == Wanted(aspect=self.aspect)

    @property
    def single(self) -> bool:
        """Whether one thing alone is asked for."""
        return sum(map(bool, (self.text, self.status, self.rating, self.spread, self.model, self.order))) == 1


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
        if self.table == "scores" and any("rows." in one for one in conditions):
            tables += " CROSS JOIN rows ON rows.id=scores.row"
        return f"SELECT {columns} FROM {tables} WHERE {' AND '.join(f'({one})' for one in conditions)}"

    @property
    def at(self) -> str:
        return f"{self.table}.unit, {self.table}.position"


Values = dict[str, Any]
Groups = list[list[_Part]]
"""Parts, none of which shares a row with another: those of a group are merged, groups follow each other."""


class Browse:
    """`majority` says how several decisions become one (feedback.judged.Merging)."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def count(self, run_id: str, wanted: Wanted, *, majority: bool = True) -> int:
        """How many kept rows fit; counted anew where something was written since."""
        if wanted.text.strip():
            return len(self._read(run_id, wanted, majority))
        name = f"count of {run_id}: {wanted} {majority}"
        return self.db.remembered(name, lambda: self._count(*self._asked(run_id, wanted, majority)))

    def page(self, run_id: str, wanted: Wanted, offset: int, limit: int, *, majority: bool = True) -> list[str]:
        """The ids of some of the rows that fit, in the order that is wanted."""
        if wanted.text.strip():
            some = self._read(run_id, wanted, majority)[offset : offset + limit].tolist()
            rows = self.db.all(f"SELECT rowid, id FROM rows WHERE rowid IN ({marks(some)})", *some)
            return [r["id"] for r in sorted(rows, key=lambda r: some.index(r["rowid"]))]
        found: list[str] = []
        groups, values = self._asked(run_id, wanted, majority)
        for group in groups:
            sql = f"SELECT id FROM ({_sorted(group)} LIMIT :limit OFFSET :offset) {_PLACED}"
            left = {"limit": limit - len(found), "offset": max(offset, 0)}
            found += [r["id"] for r in self.db.reader.execute(sql, values | left)]
            if len(found) == limit or group is groups[-1]:
                break
            offset -= self._count([group], values)
        return found

    def place(self, run_id: str, wanted: Wanted, row_id: str, *, majority: bool = True) -> int | None:
        """How many of the rows that fit come before that one; None where it does not fit."""
        at = self.db.all("SELECT rowid, unit, position FROM rows WHERE id=?", row_id)
        if not at:
            return None
        if wanted.text.strip():
            listed = self._read(run_id, wanted, majority)
            return listed.index(at[0]["rowid"]) if at[0]["rowid"] in listed else None
        groups, values = self._asked(run_id, wanted, majority)
        values |= {"unit": at[0]["unit"], "position": at[0]["position"]}
        for k, group in enumerate(groups):
            for part in group:
                here = part.select(
                    f"{part.key or 0} key", f"{part.table}.unit=:unit AND {part.table}.position=:position"
                )
                if found := self.db.reader.execute(here, values).fetchone():
                    before = [
                        replace(one, where=(*one.where, f"({one.key or 0}, {one.at})<(:key, :unit, :position)"))
                        for one in group
                    ]
                    return self._count([*groups[:k], before], values | {"key": found["key"]})
        return None

    def models(self, run_id: str) -> list[str]:
        """The models of the run's responses, those of most rows first."""
        return self.db.remembered(f"models of {run_id}", lambda: self._models(run_id))

    def aspects(self, run_id: str) -> list[str]:
        """The aspects that rows of the run were rated under."""
        sets = self.db.remembered(f"aspects of {run_id}", lambda: self._sets(run_id, "aspects"))
        return sorted({name for one in sets for name in one.split("\n") if name})

    def _models(self, run_id: str) -> list[str]:
        rows: dict[str, int] = {}
        for one in self._sets(run_id, "models"):
            (found,) = self.db.all("SELECT count(*) n FROM rows WHERE run=? AND state='kept' AND models=?", run_id, one)
            for name in filter(None, one.split("\n")):
                rows[name] = rows.get(name, 0) + found["n"]
        return sorted(rows, key=lambda name: (-rows[name], name))

    def _sets(self, run_id: str, column: Literal["models", "aspects"]) -> list[str]:
        """The sets of models or aspects that rows have, each a line of text; found without reading the rows."""
        among = f"SELECT min({column}) FROM rows WHERE run=:run AND state='kept'"
        found = self.db.reader.execute(
            f"WITH RECURSIVE sets(one) AS ({among} UNION ALL SELECT ({among} AND {column}>one) FROM sets WHERE one IS NOT NULL)"
            " SELECT one FROM sets WHERE one IS NOT NULL", {"run": run_id},
        )  # fmt: skip
        return [r["one"] for r in found]

    def _count(self, groups: Groups, values: Values) -> int:
        counts = "+".join(f"({part.select('count(*)')})" for group in groups for part in group)
        return int(self.db.reader.execute(f"SELECT {counts}", values).fetchone()[0])

    def _read(self, run_id: str, wanted: Wanted, majority: bool) -> "array[int]":
        """The rowids of the rows that fit, where texts are to be read for it; read anew where something was written since."""

        def read() -> "array[int]":
            groups, values = self._asked(run_id, wanted, majority)
            found = array("q")
            for group in groups:
                rows = self.db.reader.execute(_sorted(group, "rows.rowid, "), values)  # they are read for their texts
                found.extend(r[0] for r in rows)
            return found

        return self.db.remembered(f"rows of {run_id}: {wanted} {majority}", read)

    def _asked(self, run_id: str, wanted: Wanted, majority: bool) -> tuple[Groups, Values]:
        """Where the rows that fit are found, with the values that are named there."""
        where, values = _of_row(run_id, wanted)
        values |= {"run": run_id, "majority": majority, "aspect": wanted.aspect, "model": wanted.model}
        index = INDEXES.get(wanted.status, "") if wanted.single else ""
        rows = _Part("rows", ("rows.run=:run", "rows.state='kept'", *where), index=index)
        if not (wanted.rating or wanted.spread or wanted.order):
            if not wanted.model:
                return [[rows]], values
            return [self._apart(run_id, "models", lambda names: wanted.model in names, rows, values)], values
        if wanted.model:
            where, rows = (*where, _HAS_MODEL), replace(rows, where=(*rows.where, _HAS_MODEL))
        topic = "topic=(SELECT id FROM topics WHERE run=:run AND aspect=:aspect)"
        said = [RATED[wanted.rating]] if wanted.rating else []
        said += [SPREAD[wanted.spread]] if wanted.spread else []
        scored = _Part("scores", (topic, "kept=1", *said, *where), f"by_{wanted.order}" if wanted.order else "")
        if wanted.single:
            scored = replace(scored, index=INDEXES.get(wanted.rating or wanted.spread, f"scores_{wanted.order}"))
        if wanted.single and wanted.spread == "apart":
            return [[replace(scored, where=(topic, "kept=1", f"gap={gap}")) for gap in (1, 2)]], values
        if wanted.spread or wanted.rating not in ("", "missing"):
            return [[scored]], values
        unrated = self._apart(
            run_id, "aspects", lambda names: wanted.aspect not in names if wanted.aspect else not names, rows, values
        )
        return ([[scored], unrated] if wanted.order else [[scored, *unrated]]), values

    def _apart(
        self, run_id: str, column: Literal["models", "aspects"], fits: Callable[[list[str]], bool], part: _Part, values: Values
    ) -> list[_Part]:  # fmt: skip
        """The part by those sets of models or aspects that fit, each in its order; in one where they are many."""
        sets = [one for one in self._sets(run_id, column) if fits(list(filter(None, one.split("\n"))))]
        if len(sets) > MOST_SETS:
            values[column] = dumps(sets)
            return [replace(part, where=(*part.where, f"rows.{column} IN (SELECT value FROM json_each(:{column}))"))]
        values |= {f"{column}{k}": one for k, one in enumerate(sets)}
        found = [
            replace(part, where=(*part.where, f"rows.{column}=:{column}{k}"), index=f"rows_{column}")
            for k in range(len(sets))
        ]
        return found or [replace(part, where=("0",))]


def _sorted(group: Sequence[_Part], columns: str = "") -> str:
    key = f"{group[0].key}, " if group[0].key else ""
    parts = (part.select(f"{columns}{part.table}.unit unit, {part.table}.position position") for part in group)
    return f"{' UNION ALL '.join(parts)} ORDER BY {key}unit, position"


def _of_row(run_id: str, wanted: Wanted) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What is asked of the row itself, with the values in it."""
    decided, where = DECIDED.replace("?", ":run"), list[str]()
    values: dict[str, Any] = {}
    if wanted.status in STATUS:
        where.append(f"rows.id IN (SELECT row FROM ({decided}) WHERE {STATUS[wanted.status]})")
    elif wanted.status:
        where.append(f"rows.in_argilla={int(wanted.status == 'waiting')}")
    if wanted.status == "waiting":
        where.append(f"rows.id NOT IN (SELECT row FROM ({decided}))")
    if wanted.text.strip():
        said, values = _found(wanted.text.strip(), run_id)
        where.append(said)
    return tuple(where), values


def _found(text: str, run_id: str) -> tuple[str, dict[str, Any]]:
    """A condition that is true for rows that say `text` in a message or a response, in any case, with its values.

    The ids of a run's rows begin with its own, so that its responses are read in one go.
    SQLite knows the cases of ASCII alone, so that other letters are looked for as they are, small and large.
    """
    spellings = dict.fromkeys([text] if text.isascii() else [text, text.lower(), text.upper(), text.capitalize()])
    said, values = [], {"first": f"{run_id}-", "last": f"{run_id}."}  # the character behind "-"
    for k, spelling in enumerate(spellings):
        values[f"said{k}"] = f"%{_plain(clean(spelling))}%"
        values[f"told{k}"] = f"%{_plain(json.dumps(spelling)[1:-1])}%"  # as messages are kept
        said.append(
            f"rows.messages LIKE :told{k} ESCAPE '!' OR rows.id IN (SELECT row FROM responses WHERE row>:first AND row<:last"
            f" AND text LIKE :said{k} ESCAPE '!')"
        )
    return " OR ".join(said), values


def _plain(text: str) -> str:
    """A text without what LIKE takes for a wildcard."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
