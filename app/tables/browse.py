"""Which rows of a run a reader wants to see: found by what they say, by their ratings, by what people decided."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from app.database import Database
from app.tables.reviews import DECIDED, THERE
from app.tables.text import clean

ORDERS = {
    "": "rows.unit, rows.position",
    "lowest": "scores.lowest IS NULL, scores.lowest, rows.unit, rows.position",
    "highest": "scores.highest IS NULL, scores.highest DESC, rows.unit, rows.position",
    "apart": "coalesce(scores.highest-scores.lowest, -1) DESC, rows.unit, rows.position",
    "spread": "coalesce(scores.spread, -1) DESC, rows.unit, rows.position",
}
RATED = {
    "low": "scores.lowest<2.5", "middle": "scores.lowest>=2.5 AND scores.lowest<3.5", "high": "scores.lowest>=3.5",
    "missing": "(scores.row IS NULL OR scores.unrated+scores.failed>0)",
}  # fmt: skip
SPREAD = {
    "repeats": "scores.spread>=1", "apart": "scores.highest-scores.lowest>=1", "far": "scores.highest-scores.lowest>=2",
}  # fmt: skip
STATUS = {
    "approve": "approvals>rejections AND (:majority OR rejections=0)",
    "reject": "rejections>approvals OR (rejections>0 AND NOT :majority)",
    "unsure": "approvals+rejections+unsure>0 AND approvals=rejections AND (:majority OR rejections=0)",
}
_SENT = f"SELECT row FROM pushed JOIN pushes ON pushes.id=push WHERE pushes.run=:run AND {THERE}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; empty parts are not. `aspect` is the one that `rating` and `spread` are about, "" for all together."""

    text: str = ""
    status: str = ""
    aspect: str = ""
    rating: str = ""
    spread: str = ""
    model: str = ""
    order: Literal["", "lowest", "highest", "apart", "spread"] = ""

    @property
    def everything(self) -> bool:
        return self == Wanted(aspect=self.aspect)


class Browse:
    def __init__(self, db: Database) -> None:
        self.db = db

    def ids(self, run_id: str, wanted: Wanted, *, majority: bool = True) -> list[str]:
        """The ids of the kept rows that fit, in the order that is wanted; looked up anew where something was written since.

        `majority`: how several decisions become one (feedback.judged.Merging).
        """
        name = f"rows of {run_id}: {wanted} {majority}"
        return self.db.remembered(name, lambda: self._ids(run_id, wanted, majority))

    def _ids(self, run_id: str, wanted: Wanted, majority: bool) -> list[str]:
        where, values = (
            ["rows.run=:run", "rows.state='kept'"],
            {"run": run_id, "majority": majority, "aspect": wanted.aspect},
        )
        if wanted.status in STATUS:
            where.append(f"rows.id IN (SELECT row FROM ({DECIDED.replace('?', ':run')}) WHERE {STATUS[wanted.status]})")
        elif wanted.status == "waiting":
            where.append(f"rows.id IN ({_SENT}) AND rows.id NOT IN (SELECT row FROM ({DECIDED.replace('?', ':run')}))")
        elif wanted.status == "unsent":
            where.append(f"rows.id NOT IN ({_SENT})")
        scored = bool(wanted.rating or wanted.spread or wanted.order)
        if wanted.rating:
            where.append(RATED[wanted.rating])
        if wanted.spread:
            where.append(SPREAD[wanted.spread])
        if wanted.model:
            where.append("EXISTS(SELECT 1 FROM responses WHERE row=rows.id AND model=:model)")
            values["model"] = wanted.model
        if wanted.text.strip():
            said, more = _found(wanted.text.strip(), run_id)
            where.append(said)
            values |= more
        joined = (
            " LEFT JOIN scores ON scores.run=rows.run AND scores.aspect=:aspect AND scores.row=rows.id"
            if scored
            else ""
        )
        found = self.db.reader.execute(
            f"SELECT rows.id FROM rows{joined} WHERE {' AND '.join(f'({one})' for one in where)} ORDER BY {ORDERS[wanted.order]}",
            values,
        )
        return [r["id"] for r in found]

    def models(self, run_id: str) -> list[str]:
        """The models of the run's responses, the busiest first."""
        return self.db.remembered(f"models of {run_id}", lambda: self._models(run_id))

    def _models(self, run_id: str) -> list[str]:
        found = self.db.reader.execute(
            "SELECT model, count(*) n FROM responses JOIN rows ON rows.id=responses.row WHERE run=? AND state='kept'"
            " GROUP BY model ORDER BY n DESC, model", (run_id,),
        )  # fmt: skip
        return [r["model"] for r in found]

    def aspects(self, run_id: str) -> list[str]:
        """The aspects that rows of the run were rated under."""
        return self.db.remembered(f"aspects of {run_id}", lambda: self._aspects(run_id))

    def _aspects(self, run_id: str) -> list[str]:
        found = self.db.all("SELECT DISTINCT aspect FROM scores WHERE run=? AND aspect<>'' ORDER BY aspect", run_id)
        return [r["aspect"] for r in found]


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
