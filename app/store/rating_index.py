"""What the ratings of a row come to, kept beside them: rows are found and sorted by it."""

import sqlite3

_LAST = (
    "SELECT judge FROM ratings last WHERE last.row=ratings.row AND last.content_hash=ratings.content_hash"
    " AND last.aspect=ratings.aspect"
)
LAST_JUDGE = f"coalesce(({_LAST} AND last.judge=rows.rated_by LIMIT 1), ({_LAST} ORDER BY last.id DESC LIMIT 1))"
"""Whose ratings of a row count for an aspect: the row's last judge's where it rated that, else the newest. All are kept."""
_COUNTED = (
    "SELECT ratings.row, ratings.response, ratings.aspect, ratings.status, ratings.value, ratings.levels FROM ratings JOIN rows"
    f" ON rows.id=ratings.row AND rows.content_hash=ratings.content_hash WHERE judge={LAST_JUDGE}"
)
OVER_ASPECTS = "CASE WHEN min(levels)=max(levels) THEN avg({0}) ELSE avg(1+({0}-1)*4.0/(levels-1)) END"
"""A mean over aspects: on their scale where they share one, else on 1 to 5."""
_TOPICS = "INSERT OR IGNORE INTO topics(run, aspect)"
_KEEP = (
    "INSERT INTO scores(topic, unit, position, row, whole, kept, lowest, highest, spread, ratings, unrated, failed,"
    " band, gap, by_lowest, by_highest, by_apart, by_spread)"
    " WITH said AS ({counted}),"
    " asked AS (SELECT row, aspect, response, avg(value) mean, CASE WHEN count(value)>1 THEN max(value)-min(value) END spread,"
    " count(*) ratings, sum(status='unrated') unrated, sum(status='failed') failed, max(levels) levels"
    " FROM said GROUP BY row, aspect, response"
    f" UNION ALL SELECT row, '', response, CASE WHEN response>=0 THEN {OVER_ASPECTS.format('value')} END, NULL, 0, 0, 0,"
    " CASE WHEN response>=0 THEN CASE WHEN min(levels)=max(levels) THEN max(levels) ELSE 5 END END"
    " FROM said GROUP BY row, response),"  # of the instruction there is no mean, but what was asked and failed counts
    " one AS (SELECT row, aspect, min(mean) lowest, max(mean) highest, max(spread) spread, sum(ratings) ratings,"
    " sum(unrated) unrated, sum(failed) failed, 4.0/(max(levels)-1) five FROM asked GROUP BY row, aspect)"
    " SELECT topic, unit, position, row, is_whole, is_kept, lowest, highest, spread, ratings, unrated, failed,"
    " (1+(lowest-1)*five>=2.5)+(1+(lowest-1)*five>=3.5),"
    " ((highest-lowest)*five>=1)+((highest-lowest)*five>=2), coalesce(lowest, 99),"
    " -coalesce(highest, 0), -coalesce(highest-lowest, -1), -coalesce(spread, -1) FROM ("
    "SELECT topics.id topic, unit, position, row, one.aspect='' is_whole, state='kept' is_kept, lowest, highest, five,"
    " CASE one.aspect WHEN '' THEN max(spread) OVER whole ELSE spread END spread,"
    " CASE one.aspect WHEN '' THEN sum(ratings) OVER whole ELSE ratings END ratings,"
    " CASE one.aspect WHEN '' THEN sum(unrated) OVER whole ELSE unrated END unrated,"
    " CASE one.aspect WHEN '' THEN sum(failed) OVER whole ELSE failed END failed"
    " FROM one JOIN rows ON rows.id=row JOIN topics ON topics.run=rows.run AND topics.aspect=one.aspect"
    " WINDOW whole AS (PARTITION BY row))"
)
_ASPECTS = (
    "UPDATE rows SET aspects=coalesce((SELECT group_concat(aspect, char(10)) FROM (SELECT aspect FROM scores"
    " JOIN topics ON topics.id=topic WHERE row=rows.id AND NOT whole ORDER BY aspect)), '')"
)


def keep(c: sqlite3.Connection, row_id: str) -> None:
    """Counts the ratings of one row anew, those of what it says now."""
    c.execute("DELETE FROM scores WHERE row=?", (row_id,))
    c.execute(
        f"{_TOPICS} SELECT run, aspect FROM rows, (SELECT DISTINCT aspect FROM ratings WHERE row=:row UNION SELECT '')"
        " WHERE id=:row", {"row": row_id},
    )  # fmt: skip
    c.execute(_KEEP.format(counted=f"{_COUNTED} AND ratings.row=?"), (row_id,))
    c.execute(f"{_ASPECTS} WHERE id=?", (row_id,))


def keep_all(c: sqlite3.Connection) -> None:
    """Counts all ratings anew."""
    c.execute("DELETE FROM scores")
    c.execute(
        f"{_TOPICS} SELECT DISTINCT run, aspect FROM rows JOIN ratings ON row=rows.id UNION SELECT id, '' FROM runs"
    )
    c.execute(_KEEP.format(counted=_COUNTED))
    c.execute(_ASPECTS)
