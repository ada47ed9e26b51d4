"""The labeller's ratings, and its preferences between two responses; both append-only."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.store import rating_index
from app.store.columns import dumps, marks, now
from app.store.database import Database
from app.store.rating_index import LAST_JUDGE, OVER_ASPECTS
from feedback.rubrics import STANDARD_LEVELS, STANDARD_RUBRICS
from feedback.types import Preference, Rating
from tasks.types import without_surrogates

PAGE = 500
COUNTS = f"(judge=rows.rated_by OR judge={LAST_JUDGE})"
"""True of the ratings that count; the last judge's are told at once."""
OF_ROWS = "ratings JOIN rows ON rows.id=ratings.row AND rows.content_hash=ratings.content_hash"

_COMPARED = (
    "SELECT judge FROM preferences last WHERE last.row=preferences.row AND last.content_hash=preferences.content_hash"
    " AND last.aspect=preferences.aspect"
)
LAST_COMPARER = (
    f"coalesce(({_COMPARED} AND last.judge=rows.rated_by LIMIT 1), ({_COMPARED} ORDER BY last.id DESC LIMIT 1))"
)
"""Whose preferences of a row count for an aspect: the row's last judge's where it compared by that, else the newest."""
COMPARED_ROWS = "preferences JOIN rows ON rows.id=preferences.row AND rows.content_hash=preferences.content_hash"

APART, ASPECTS_APART = 2, 3
"""Points of a scale of five between ratings of one question, and between aspects of one response, that are worth a look."""
ON_FIVE = "1+(mean-1)*4.0/(levels-1)"


@dataclass(frozen=True, slots=True)
class Wide:
    """A response whose ratings lie far apart, from `low` to `high`: by `why` of its repeats, its labellers or its aspects.

    `aspect` is "" for those. The two are of so many `levels`, or on 1 to 5 where scales differ.
    """

    row: str
    instruction: str
    response: int
    why: str
    aspect: str
    low: float
    high: float
    levels: int


class Ratings:
    """The judge's ratings of responses."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def keep(
        self, row_id: str, said_of: str, judge: str, ratings: Sequence[Rating], *, last: bool = False
    ) -> None:
        """Ratings of the content `said_of` (a content hash) by `judge`. What is there already stays, but failed ones.

        With the `last` ones the row is rated.
        """

        def write(c: sqlite3.Connection) -> None:
            for r in ratings:
                c.execute(
                    "DELETE FROM ratings WHERE row=? AND content_hash=? AND judge=? AND aspect=? AND repeat=? AND response=?"
                    " AND status='failed'", (row_id, said_of, judge, r.aspect, r.repeat, r.response),
                )  # fmt: skip
                c.execute(
                    "INSERT OR IGNORE INTO ratings(row, content_hash, response, aspect, repeat, judge, status, value, rationale,"
                    " note, raw, shown, model, prompt, prompt_hash, temperature, seed, prompt_tokens, completion_tokens, latency,"
                    " logprobs, lengths, revision, types, types_rationale, asked, levels, rubric, kinds, created)"
                    " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        row_id,
                        said_of,
                        r.response,
                        r.aspect,
                        r.repeat,
                        judge,
                        r.status,
                        r.value,
                        without_surrogates(r.rationale),
                        without_surrogates(r.note),
                        without_surrogates(r.raw),
                        dumps(r.order),
                        r.model,
                        r.prompt,
                        r.prompt_hash,
                        r.temperature,
                        r.prompt_tokens,
                        r.completion_tokens,
                        r.latency,
                        None if r.logprobs is None else dumps(r.logprobs),
                        dumps(r.lengths),
                        r.revision,
                        None if r.types is None else dumps(r.types),
                        without_surrogates(r.types_rationale),
                        r.asked,
                        r.levels,
                        r.rubric,
                        dumps(r.kinds) if r.types and not _are_standard(r) else None,
                        now(),
                    ),
                )
            if last:
                _rated(c, row_id, judge)
            else:
                rating_index.keep(c, row_id)

        await self.db.write_async(write)

    async def done(self, row_id: str, judge: str) -> None:
        """The row has all its ratings by `judge`."""
        await self.db.write_async(lambda c: _rated(c, row_id, judge))

    def of(self, row_ids: Sequence[str], judge: str | None = None) -> dict[str, list[Rating]]:
        """Ratings of the rows' present content: by `judge`, or for each aspect by whoever rated it last."""
        ratings: dict[str, list[Rating]] = {row_id: [] for row_id in row_ids}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.reader.execute(
                "SELECT ratings.* FROM ratings JOIN rows ON rows.id=ratings.row AND rows.content_hash=ratings.content_hash"
                f" WHERE judge=coalesce(?, {LAST_JUDGE}) AND row IN ({marks(some)}) ORDER BY aspect, repeat, response",
                (judge, *some),
            ):
                ratings[r["row"]].append(_rating(r))
        return ratings

    def unreadable(self, run_id: str, limit: int) -> list[tuple[str, str, Rating]]:
        """(row, its instruction, the rating) of those that could not be read or asked for, the first ones.

        None of a blind audit: those are covered until somebody has decided them.
        """
        rows = self.db.all(
            f"SELECT ratings.*, rows.messages FROM {OF_ROWS} WHERE run=? AND rows.state='kept'"
            f" AND rows.blind=0 AND status IN ('unrated', 'failed') AND {COUNTS} ORDER BY rows.unit, rows.position LIMIT ?",
            run_id, limit,
        )  # fmt: skip
        return [(r["row"], _asked(r["messages"]), _rating(r)) for r in rows]

    def histogram(self, run_id: str) -> list[tuple[str, str | None, str, float | None, int, int]]:
        """(aspect, model of the response, status, value, levels of its scale, how many) of the ratings that count.

        Ratings of an instruction have no model.
        """
        rows = self.db.all(
            "SELECT aspect, responses.model, status, value, levels, count(*) n"
            f" FROM {OF_ROWS} LEFT JOIN responses INDEXED BY responses_words"
            " ON responses.row=ratings.row AND responses.place=ratings.response WHERE run=? AND rows.state='kept'"
            " AND (responses.row IS NOT NULL OR response<0)"
            f" AND {COUNTS} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 4", run_id,
        )  # fmt: skip
        return [(r["aspect"], r["model"], r["status"], r["value"], r["levels"], r["n"]) for r in rows]

    def by_rubric(self, run_id: str) -> list[tuple[str, str, int]]:
        """(aspect, hash of the rubric, rows) of the ratings that count; "" for the hash of ratings from before there were any."""
        rows = self.db.all(
            f"SELECT aspect, rubric, count(DISTINCT ratings.row) n FROM {OF_ROWS} WHERE run=? AND rows.state='kept'"
            f" AND {COUNTS} GROUP BY 1, 2 ORDER BY 1, 2", run_id,
        )  # fmt: skip
        return [(r["aspect"], r["rubric"], r["n"]) for r in rows]

    def by_words(self, run_id: str) -> dict[str, tuple[int, dict[tuple[int, float], int]]]:
        """{aspect: (the levels it was rated on, {(words of a response, its mean rating over repeats): how many})}; under "" its
        mean over aspects.

        Where a response was rated on several scales, the mean over aspects is on 1 to 5.
        """
        means = (
            f"SELECT ratings.row, response, aspect, avg(value) mean, max(levels) levels FROM {OF_ROWS} WHERE run=?"
            f" AND rows.state='kept' AND status='rated' AND {COUNTS} GROUP BY ratings.row, response, aspect"
        )
        levels: dict[str, int] = {}
        by_aspect: dict[str, dict[tuple[int, float], int]] = {}
        for r in self.db.all(
            f"WITH said AS MATERIALIZED ({means}), every AS (SELECT row, response, aspect, mean, levels FROM said"
            f" UNION ALL SELECT row, response, '', {OVER_ASPECTS.format('mean')},"
            f" iif(min(levels)=max(levels), max(levels), {STANDARD_LEVELS}) FROM said GROUP BY row, response)"
            " SELECT aspect, words, round(mean, 4) mean, max(levels) levels, count(*) n FROM every"
            " JOIN responses INDEXED BY responses_words"
            " ON responses.row=every.row AND responses.place=response GROUP BY aspect, words, round(mean, 4)", run_id,
        ):  # fmt: skip
            by_aspect.setdefault(r["aspect"], {})[r["words"], r["mean"]] = r["n"]
            levels[r["aspect"]] = max(levels.get(r["aspect"], 0), r["levels"])
        return {aspect: (levels[aspect], counts) for aspect, counts in by_aspect.items()}

    def wide(self, run_id: str, limit: int) -> tuple[list[Wide], int]:
        """Of rows that contradict themselves the widest, and how many there are; each row once, for its worst response.

        First repeats of one question that lie 2 or more apart, then labellers, then aspects that lie 3 or more apart.
        None of a blind audit: those are covered until somebody has decided them.
        """
        by_question = (
            f"SELECT ratings.row, response, aspect, {COUNTS} counted, min(value) low, max(value) high, avg(value) mean,"
            f" max(levels) levels FROM {OF_ROWS} WHERE run=? AND rows.state='kept' AND rows.blind=0 AND status='rated'"
            " GROUP BY ratings.row, judge, aspect, response"
        )
        one_scale = "min(levels)=max(levels)"

        def of_labellers(end: str) -> str:
            return f"CASE WHEN {one_scale} THEN {end}(mean) ELSE {end}({ON_FIVE}) END"

        wide = (
            "SELECT 'repeats' why, 20 weight, row, response, aspect, low, high, levels FROM asked"
            f" WHERE counted AND (high-low)*4.0/(levels-1)>={APART}"
            f" UNION ALL SELECT 'labellers', 10, row, response, aspect, {of_labellers('min')}, {of_labellers('max')},"
            f" CASE WHEN {one_scale} THEN max(levels) ELSE {STANDARD_LEVELS} END FROM asked"
            f" GROUP BY row, response, aspect HAVING count(*)>1 AND max({ON_FIVE})-min({ON_FIVE})>={APART}"
            f" UNION ALL SELECT 'aspects', 0, row, response, '', min({ON_FIVE}), max({ON_FIVE}), {STANDARD_LEVELS}"
            " FROM asked WHERE counted"
            f" GROUP BY row, response HAVING max({ON_FIVE})-min({ON_FIVE})>={ASPECTS_APART}"
        )
        rows = self.db.all(
            f"WITH asked AS MATERIALIZED ({by_question}), wide AS ({wide}),"
            " worst AS (SELECT why, row, response, aspect, low, high, levels, max(weight+high-low) rank FROM wide GROUP BY row),"
            " first AS (SELECT *, count(*) OVER () rows FROM worst ORDER BY rank DESC, row LIMIT ?)"
            " SELECT first.*, messages FROM first JOIN rows ON rows.id=first.row ORDER BY rank DESC, first.row", run_id, limit,
        )  # fmt: skip
        items = [
            Wide(
                r["row"], _asked(r["messages"]), r["response"], r["why"], r["aspect"], r["low"], r["high"], r["levels"]
            )
            for r in rows
        ]
        return items, rows[0]["rows"] if rows else 0


@dataclass(frozen=True, slots=True)
class PreferenceCounts:
    """How many preferences of a run count, how many of them could not be read, and how many failed."""

    total: int = 0
    unread: int = 0
    failed: int = 0


class Preferences:
    """Which of two responses the judge prefers."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def keep(
        self, row_id: str, said_of: str, judge: str, preferences: Sequence[Preference], *, last: bool = False
    ) -> None:
        """Preferences of the content `said_of` (a content hash) by `judge`. What is there already stays, but failed ones.

        With the `last` ones the row is rated.
        """

        def write(c: sqlite3.Connection) -> None:
            for p in preferences:
                c.execute(
                    "DELETE FROM preferences WHERE row=? AND content_hash=? AND judge=? AND aspect=? AND repeat=? AND first=?"
                    " AND second=? AND status='failed'",
                    (row_id, said_of, judge, p.aspect, p.repeat, p.first, p.second),
                )
                c.execute(
                    "INSERT OR IGNORE INTO preferences(row, content_hash, judge, aspect, rubric, first, second, repeat, status,"
                    " better, rationale, note, raw, model, prompt, prompt_hash, temperature, prompt_tokens, completion_tokens,"
                    " latency, revision, asked, created) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        row_id,
                        said_of,
                        judge,
                        p.aspect,
                        p.rubric,
                        p.first,
                        p.second,
                        p.repeat,
                        p.status,
                        p.better,
                        without_surrogates(p.rationale),
                        without_surrogates(p.note),
                        without_surrogates(p.raw),
                        p.model,
                        p.prompt,
                        p.prompt_hash,
                        p.temperature,
                        p.prompt_tokens,
                        p.completion_tokens,
                        p.latency,
                        p.revision,
                        p.asked,
                        now(),
                    ),
                )
            if last:
                _rated(c, row_id, judge)

        await self.db.write_async(write)

    def of(self, row_ids: Sequence[str], judge: str | None = None) -> dict[str, list[Preference]]:
        """Preferences of the rows' present content: by `judge`, or for each aspect by whoever compared by it last."""
        preferences: dict[str, list[Preference]] = {row_id: [] for row_id in row_ids}
        for at in range(0, len(row_ids), PAGE):
            some = row_ids[at : at + PAGE]
            for r in self.db.reader.execute(
                f"SELECT preferences.* FROM {COMPARED_ROWS} WHERE judge=coalesce(?, {LAST_COMPARER}) AND row IN ({marks(some)})"
                " ORDER BY aspect, repeat, preferences.id",
                (judge, *some),
            ):
                preferences[r["row"]].append(_preference(r))
        return preferences

    def counts(self, run_id: str) -> PreferenceCounts:
        """Of the preferences that count."""
        if not self.any():
            return PreferenceCounts()
        (r,) = self.db.all(
            "SELECT count(*) total, coalesce(sum(status='unread'), 0) unread, coalesce(sum(status='failed'), 0) failed"
            f" FROM {COMPARED_ROWS} WHERE run=? AND rows.state='kept' AND judge={LAST_COMPARER}", run_id,
        )  # fmt: skip
        return PreferenceCounts(r["total"], r["unread"], r["failed"])

    def of_run(self, run_id: str) -> list[tuple[str, tuple[str, ...], Preference]]:
        """(row, the models of its responses, the preference) of those that count, without reasons and answers, by row."""
        if not self.any():
            return []
        models: dict[str, tuple[str, ...]] = {}
        for r in self.db.all(
            "SELECT responses.row, json_group_array(responses.model) models FROM (SELECT row, place, model FROM responses"
            " WHERE row IN (SELECT preferences.row FROM preferences JOIN rows ON rows.id=preferences.row WHERE run=?)"
            " ORDER BY row, place) responses GROUP BY responses.row", run_id,
        ):  # fmt: skip
            models[r["row"]] = tuple(json.loads(r["models"]))
        rows = self.db.all(
            f"SELECT row, first, second, aspect, repeat, status, better, preferences.rubric FROM {COMPARED_ROWS}"
            f" WHERE run=? AND rows.state='kept' AND judge={LAST_COMPARER}"
            " ORDER BY rows.unit, rows.position, preferences.id", run_id,
        )  # fmt: skip
        return [
            (
                r["row"],
                models.get(r["row"], ()),
                Preference(
                    r["first"], r["second"], r["aspect"], r["repeat"], r["status"], r["better"], rubric=r["rubric"]
                ),
            )
            for r in rows
        ]

    def any(self) -> bool:
        """False for a store without any, which is then asked nothing more of a run that may have a million rows."""
        return bool(self.db.all("SELECT 1 FROM preferences LIMIT 1"))


def _rated(c: sqlite3.Connection, row_id: str, judge: str) -> None:
    c.execute("UPDATE rows SET rated_by=?, updated=? WHERE id=?", (judge, now(), row_id))
    rating_index.keep(c, row_id)  # whose ratings count depends on who rated the row last


def _are_standard(rating: Rating) -> bool:
    """True for the kinds of the rubric that comes along under this name: those need not be kept with each rating."""
    standard = STANDARD_RUBRICS.get(rating.aspect)
    return standard is not None and rating.kinds in ((), standard.kinds)


def _asked(messages: str) -> str:
    return str(json.loads(messages)[-1]["content"])


@lru_cache(maxsize=1024)
def _numbers(text: str) -> tuple[Any, ...]:
    """A few whole numbers as they are kept: the same ones in most ratings of a run."""
    return tuple(json.loads(text))


def _rating(r: sqlite3.Row) -> Rating:
    return Rating(
        response=r["response"],
        aspect=r["aspect"],
        repeat=r["repeat"],
        status=r["status"],
        value=r["value"],
        rationale=r["rationale"],
        note=r["note"],
        raw=r["raw"],
        order=_numbers(r["shown"]),
        model=r["model"],
        prompt=r["prompt"],
        prompt_hash=r["prompt_hash"],
        temperature=r["temperature"],
        prompt_tokens=r["prompt_tokens"],
        completion_tokens=r["completion_tokens"],
        latency=r["latency"],
        logprobs=json.loads(r["logprobs"]) if r["logprobs"] else None,
        revision=r["revision"],
        lengths=_numbers(r["lengths"]),
        types=tuple(json.loads(r["types"])) if r["types"] else None,
        types_rationale=r["types_rationale"],
        asked=r["asked"],
        levels=r["levels"],
        rubric=r["rubric"],
        kinds=tuple(json.loads(r["kinds"])) if r["kinds"] else (),
    )


def _preference(r: sqlite3.Row) -> Preference:
    return Preference(
        first=r["first"],
        second=r["second"],
        aspect=r["aspect"],
        repeat=r["repeat"],
        status=r["status"],
        better=r["better"],
        rationale=r["rationale"],
        note=r["note"],
        raw=r["raw"],
        model=r["model"],
        prompt=r["prompt"],
        prompt_hash=r["prompt_hash"],
        temperature=r["temperature"],
        prompt_tokens=r["prompt_tokens"],
        completion_tokens=r["completion_tokens"],
        latency=r["latency"],
        revision=r["revision"],
        asked=r["asked"],
        rubric=r["rubric"],
    )
