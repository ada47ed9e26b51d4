"""Responses with SQL that parses, and that does not; none of it is run."""

from tests.check_cases import Case, wrong

MY, LITE = {"dialect": "mysql"}, {"dialect": "sqlite"}
CASES: list[Case] = [
    ({}, "SELECT 1", True),
    ({}, "select a, b from t where a > 1;", True),
    ({}, "SELECT * FROM t JOIN u ON t.a = u.a", True),
    ({}, "WITH x AS (SELECT 1) SELECT * FROM x", True),
    ({}, "INSERT INTO t (a) VALUES (1), (2)", True),
    ({}, "UPDATE t SET a = 1", True),
    ({}, "DELETE FROM t WHERE a IN (1, 2)", True),
    ({}, "CREATE TABLE t (a INT PRIMARY KEY, b TEXT)", True),
    ({}, "DROP TABLE t", True),
    ({}, "SELECT 1; SELECT 2;", True),
    ({}, "(SELECT 1) UNION (SELECT 2)", True),
    ({}, "-- a comment\nSELECT 1", True),
    ({}, "/* a comment */ SELECT 1", True),
    ({}, "SELECT", False),
    ({}, "SELECT FROM WHERE", False),
    ({}, "SELECT a FROM", False),
    ({}, "SELECT a FROM t WHERE", False),
    ({"dialect": "postgres"}, "SELECT FROM t", True),
    ({}, "SELECT (1", False),
    ({}, "SELECT 'a", False),
    ({}, "SELEC 1", False),
    ({}, "", False),
    ({}, "The tide rises.", False),
    ({}, "river", False),
    ({}, "1", False),
    ({}, "-- only a comment", False),
    ({}, "tide AS high", False),
    ({}, "With the tide, boats leave.", False),
    ({}, "Select a boat and go", False),
    ({}, "```sql\nSELECT 1\n```", True),
    ({}, "Here it is:\n```sql\nSELECT 1\n```\nDone.", True),
    ({}, "```sql\nSELECT (\n```", False),
    ({}, "```\nSELECT 1\n```", True),
    ({}, "```python\nx\n```\n```sql\nSELECT 1\n```", True),
    ({}, "```python\nx = 1\n```", False),
    (MY, "SELECT `a` FROM `t` LIMIT 1, 2", True),
    (LITE, "INSERT OR REPLACE INTO t VALUES (1)", True),
    ({"dialect": "postgres"}, "SELECT a::int FROM t", True),
    ({"dialect": "bigquery"}, "SELECT * FROM `p.d.t`", True),
    ({}, "SELECT CASE WHEN a THEN 1 ELSE 2 END FROM t", True),
    ({}, "SELECT CASE WHEN a THEN 1 FROM t", False),
    ({}, "SELECT a, FROM t GROUP ORDER", False),
    ({}, "SELECT " + "(" * 20_000, False),
    ({}, "SELECT 1" + " -- x\n" * 20_000, False),
    ({}, "SELECT count(*) OVER (PARTITION BY a) FROM t", True),
    ({"dialect": "tsql"}, "SELECT TOP 5 * FROM t", True),
    ({}, "SELECT 1 /* open", False),
    ({}, "INSERT t", False),
]


def test_sql() -> None:
    assert wrong("sql", CASES) == []
