"""What work on runs took: each time that a process works on one, noted while it does."""

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from app.store.columns import now
from app.store.database import Database
from tasks.engine.retries import Tally

STAGE = "CASE WHEN scope LIKE :seed||'/unit/%' THEN 'generate' WHEN scope LIKE :seed||'/answer/%' THEN 'answer' ELSE 'rate' END"
_OF_WORKING = ("sent", "answered", "recalled", "prompt_tokens", "completion_tokens", "seconds")
_SUMS = (*_OF_WORKING, "failed_attempts", "remembered_tokens", "unreported_prompt", "unreported_completion")
NOTED_EVERY = 5.0
"""Seconds between two times that who works on a run notes what the work took."""
LIKELY_ENDED = timedelta(seconds=3 * NOTED_EVERY)
"""After a working was noted last, a process that died was at work no longer than that: a note may come late."""
Tallies = Mapping[tuple[str, str], Tally]


@dataclass(frozen=True, slots=True)
class Usage:
    """What one working of a run took, all its calls together."""

    id: int
    what: str
    """ "preview", "work", "rate" or "again"; "push" for the vectors that a push asks for."""
    rows: int
    """Rows that were answered."""
    rated: int
    sent: int
    """Calls that were sent."""
    answered: int
    recalled: int
    """Calls that had been answered before."""
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Of all calls together, side by side as they were."""
    created: str
    noted: str
    """When it was written down last."""
    open: bool
    """True until it is over."""


@dataclass(frozen=True, slots=True)
class Served:
    """What one of several servers of a model answered in a run, all its workings together."""

    server: str
    answered: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Of all its calls together, side by side as they were."""
    worked: float
    """Seconds for which the run was worked, in the workings in which the server answered."""

    @property
    def tokens_a_second(self) -> float:
        return self.completion_tokens / self.worked if self.worked else 0.0


class UsageLog:
    """What each working of each run took."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def begin(self, run_id: str, what: str) -> int:
        """A process begins to work on the run. What one took that died meanwhile is first told from its answers."""

        def write(c: sqlite3.Connection) -> int:
            _end_those_left(c, run_id)
            return _begin(c, run_id, what)

        return self.db.write(write)

    def end_those_left(self, run_id: str) -> None:
        """Ends what a process began that died, as it is told from its answers. Only for who holds the run."""
        self.db.write(lambda c: _end_those_left(c, run_id))

    def begin_beside(self, run_id: str, what: str) -> int:
        """An entry for calls beside the work on a run, which others may be at; never taken for one of a process that died."""
        return self.db.write(lambda c: _begin(c, run_id, what, is_open=False))

    def note(
        self,
        working: int,
        rows: int,
        rated: int,
        tallies: Tallies,
        *,
        servers: Mapping[str, Tally] | None = None,
        when: str = "",
        last: bool = False,
    ) -> None:
        """What a working had taken at a moment, `when` (now), by stage and model, and by server where a model has several;
        `last`: it is over.
        """
        at = when or now()

        def write(c: sqlite3.Connection) -> None:
            _note(c, working, rows, rated, tallies, at, last)
            for server, tally in (servers or {}).items():
                values = (tally.answered, tally.prompt_tokens, tally.completion_tokens, tally.seconds)
                c.execute("INSERT OR REPLACE INTO served VALUES(?,?,?,?,?,?)", (working, server, *values))

        self.db.write(write)

    def all(self, run_id: str) -> list[Usage]:
        """What each working of a run took, all its calls together, the oldest first."""
        names = [field.name for field in fields(Usage)]
        taken = self.db.all(f"SELECT {', '.join(names)} FROM workings WHERE run=? ORDER BY id", run_id)
        return [Usage(**{**r, "open": bool(r["open"])}) for r in map(dict, taken)]

    def spent(self, run_id: str, *, ended: bool = False) -> dict[tuple[str, str], Tally]:
        """{(stage, model): what its calls took} over all workings that told them apart, or over those that are over."""
        sums = ", ".join(f"sum(s.{name}) {name}" for name in _SUMS)
        rows = self.db.all(
            f"SELECT stage, model, {sums} FROM spent s JOIN workings ON workings.id=s.working"
            " WHERE run=? AND NOT (open AND ?) GROUP BY stage, model", run_id, ended,
        )  # fmt: skip
        return {(r["stage"], r["model"]): Tally(**{name: r[name] for name in _SUMS}) for r in rows}

    def served(self, run_id: str) -> list[Served]:
        """What each server answered, of models that have several; those that answered most first."""
        rows = self.db.all(
            "SELECT server, sum(s.answered) answered, sum(s.prompt_tokens) prompt_tokens, sum(s.completion_tokens)"
            " completion_tokens, sum(s.seconds) seconds, sum(julianday(noted)-julianday(created))*86400 worked"
            " FROM served s JOIN workings ON workings.id=s.working WHERE run=? GROUP BY server ORDER BY answered DESC, server",
            run_id,
        )
        return [Served(**dict(r)) for r in rows]


def _begin(c: sqlite3.Connection, run_id: str, what: str, *, is_open: bool = True) -> int:
    zeros = ",".join("0" * 8)
    cursor = c.execute(
        "INSERT INTO workings(run, what, rows, rated, sent, answered, recalled, prompt_tokens, completion_tokens, seconds,"
        f" created, noted, open) VALUES(?,?,{zeros},?,?,?)", (run_id, what, now(), now(), is_open),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def _note(c: sqlite3.Connection, working: int, rows: int, rated: int, tallies: Tallies, when: str, last: bool) -> None:
    c.execute("UPDATE workings SET rows=?, rated=?, noted=?, open=? WHERE id=?", (rows, rated, when, not last, working))
    for (stage, model), tally in tallies.items():
        values = asdict(tally)
        c.execute(
            f"INSERT OR REPLACE INTO spent(working, stage, model, {', '.join(_SUMS)}) VALUES(?,?,?,{','.join('?' * len(_SUMS))})",
            (working, stage, model, *(values[name] for name in _SUMS)),
        )
    _sum_up(c, working)


def _sum_up(c: sqlite3.Connection, working: int) -> None:
    """The working's own numbers, of its stages and models together."""
    sums = ", ".join(
        f"{name}=(SELECT coalesce(sum({name}), 0) FROM spent WHERE working=workings.id)" for name in _OF_WORKING
    )
    c.execute(f"UPDATE workings SET {sums} WHERE id=?", (working,))


def _end_those_left(c: sqlite3.Connection, run_id: str) -> None:
    seed = c.execute("SELECT seed FROM runs WHERE id=?", (run_id,)).fetchone()["seed"]
    for left in c.execute("SELECT id, noted FROM workings WHERE run=? AND open", (run_id,)).fetchall():
        _recover(c, left["id"], left["noted"], seed)


def _recover(c: sqlite3.Connection, working: int, noted: str, seed: int) -> None:
    """Ends a working whose process died: to what it had noted comes what its calls took since, as their answers say.

    Ratings are nobody's in particular in the memo: those that another run asked for in the same seconds are counted too.
    """
    until = (datetime.fromisoformat(noted) + LIKELY_ENDED).isoformat(timespec="milliseconds")
    c.execute(
        "INSERT INTO spent(working, stage, model, sent, answered, recalled, prompt_tokens, completion_tokens,"
        f" remembered_tokens, seconds) SELECT :working, {STAGE} stage, json_extract(answer, '$.model') model, count(*), count(*),"
        " 0, coalesce(sum(json_extract(answer, '$.prompt_tokens')), 0),"
        " coalesce(sum(json_extract(answer, '$.completion_tokens')), 0), 0, coalesce(sum(json_extract(answer, '$.latency')), 0)"
        " FROM calls WHERE created>:noted AND created<=:until AND (scope LIKE :seed||'/%' OR scope='rating') GROUP BY stage, model"
        " ON CONFLICT DO UPDATE SET sent=sent+excluded.sent, answered=answered+excluded.answered,"
        " prompt_tokens=prompt_tokens+excluded.prompt_tokens,"
        " completion_tokens=completion_tokens+excluded.completion_tokens, seconds=seconds+excluded.seconds",
        {"working": working, "noted": noted, "until": until, "seed": str(seed)},
    )
    c.execute(
        "INSERT INTO served SELECT :working, json_extract(answer, '$.server') server, count(*),"
        " coalesce(sum(json_extract(answer, '$.prompt_tokens')), 0),"
        " coalesce(sum(json_extract(answer, '$.completion_tokens')), 0), coalesce(sum(json_extract(answer, '$.latency')), 0)"
        " FROM calls WHERE created>:noted AND created<=:until AND (scope LIKE :seed||'/%' OR scope='rating')"
        " AND server IS NOT NULL GROUP BY server"
        " ON CONFLICT DO UPDATE SET answered=answered+excluded.answered, prompt_tokens=prompt_tokens+excluded.prompt_tokens,"
        " completion_tokens=completion_tokens+excluded.completion_tokens, seconds=seconds+excluded.seconds",
        {"working": working, "noted": noted, "until": until, "seed": str(seed)},
    )
    _sum_up(c, working)
    c.execute("UPDATE workings SET open=0 WHERE id=?", (working,))
