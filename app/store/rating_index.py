"""What the ratings of a row come to, kept beside them: rows are found and sorted by it."""

import sqlite3

_LAST = (
    "SELECT judge FROM ratings last WHERE last.row=ratings.row AND last.content_hash=ratings.content_hash"
    " AND last.aspect=ratings.aspect"
)
LAST_JUDGE = f"coalesce(({_LAST} AND last.judge=rows.rated_by LIMIT 1), ({_LAST} ORDER BY last.id DESC LIMIT 1))"
"""Whose ratings of a row count for an aspect: the row's last judge's where it rated that, else the newest. All are kept."""
_COUNTED = (
    "SELECT ratings.row, ratings.response, ratings.aspect, ratings.status, ratings.value FROM ratings JOIN rows"
    f" ON rows.id=ratings.row AND rows.content_hash=ratings.content_hash WHERE judge={LAST_JUDGE}"
)
_TOPICS = "INSERT OR IGNORE INTO topics(run, aspect)"
_KEEP = (
    "INSERT INTO scores(topic, unit, position, row, whole, kept, lowest, highest, spread, ratings, unrated, failed,"
    " band, gap, by_lowest, by_highest, by_apart, by_spread)"
    " WITH said AS ({counted}),"
    " asked AS (SELECT row, aspect, response, avg(value) mean, CASE WHEN count(value)>1 THEN max(value)-min(value) END spread,"
    " count(*) ratings, sum(status='unrated') unrated, sum(status='failed') failed FROM said GROUP BY row, aspect, response"
    " UNION ALL SELECT row, '', response, avg(value), NULL, 0, 0, 0 FROM said GROUP BY row, response),"
    " one AS (SELECT row, aspect, min(mean) lowest, max(mean) highest, max(spread) spread, sum(ratings) ratings,"
    " sum(unrated) unrated, sum(failed) failed FROM asked GROUP BY row, aspect)"
    " SELECT *, (lowest>=2.5)+(lowest>=3.5), (highest-lowest>=1)+(highest-lowest>=2), coalesce(lowest, 9),"
    " -coalesce(highest, 0), -coalesce(highest-lowest, -1), -coalesce(spread, -1) FROM ("
    "SELECT topics.id, unit, position, row, one.aspect='', state='kept', lowest, highest,"
    " CASE one.aspect WHEN '' THEN max(spread) OVER whole ELSE spread END spread,"
    " CASE one.aspect WHEN '' THEN sum(ratings) OVER whole ELSE ratings END,"
    " CASE one.aspect WHEN '' THEN sum(unrated) OVER whole ELSE unrated END,"
    " CASE one.aspect WHEN '' THEN sum(failed) OVER whole ELSE failed END"
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
