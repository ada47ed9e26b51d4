"""The SQL of the response parses. It is never run.

[[checks]]
kind = "sql"
dialect = "postgres"
"""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from feedback.checks.base import Check, CheckResult, failed, passed
from feedback.checks.code_blocks import code_of
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text.bounded import OutOfTime, time_limit
from tasks.types import Response, Row

MOST = 50_000
"""Characters of SQL that are looked at."""
DIALECTS = (
    "any", "bigquery", "databricks", "duckdb", "mysql", "oracle", "postgres", "redshift", "snowflake", "sqlite", "tsql",
)  # fmt: skip
BEGINS = {
    "ALTER", "ANALYZE", "BEGIN", "COMMIT", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXPLAIN", "FROM", "GRANT", "INSERT", "MERGE",
    "PIVOT", "PRAGMA", "REPLACE", "REVOKE", "ROLLBACK", "SELECT", "SET", "SHOW", "START", "SUMMARIZE", "TRUNCATE", "UPDATE",
    "USE", "VACUUM", "VALUES", "WITH",
}  # fmt: skip
"""Words that a statement begins with; what begins otherwise is no SQL, whatever the parser makes of it."""
FIRST = re.compile(r"(?:[\s(;]|--[^\n]*+(?:\n|\Z)|/\*(?:[^*]++|\*(?!/))*+\*/)*+([A-Za-z]++)\b")


@dataclass(frozen=True, kw_only=True)
class SQLCode(Check):
    """Passes where the code blocks, or the whole response, parse as SQL."""

    kind: ClassVar[str] = "sql"
    title: ClassVar[str] = "Is SQL that parses"
    summary: ClassVar[str] = "The code blocks of the response, or all of it, are SQL that parses; nothing is run."

    dialect: str = setting("any", "The database whose SQL it must be.", choices=DIALECTS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dialect not in DIALECTS:
            raise SettingsError(
                f"dialect must be one of: {', '.join(DIALECTS)} (given: {self.dialect!r}).", setting="dialect"
            )

    def verdict(self, row: Row, response: Response) -> CheckResult:
        code = code_of(response.text, "sql", "postgresql", "mysql", "sqlite", "tsql", "plsql", self.dialect)
        if not code.strip():
            return failed("no SQL")
        if len(code) > MOST:
            return failed(f"too long to check: more than {MOST:,} characters of SQL")
        first = FIRST.match(code)
        if first is None or first[1].upper() not in BEGINS:
            return failed("no SQL: no statement begins so")
        dialect = None if self.dialect == "any" else self.dialect
        _load(dialect)
        try:
            with time_limit(("sqlglot",)):
                return _parsed(code, dialect)
        except OutOfTime:
            return failed("took too long to check")


@lru_cache
def _load(dialect: str | None) -> None:
    """Has the parser of a dialect loaded, which takes longer than a response may."""
    import sqlglot

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # else it tells of what it takes without looking into it
    sqlglot.parse("SELECT 1", read=dialect)


def _parsed(code: str, dialect: str | None) -> CheckResult:
    import sqlglot
    from sqlglot import errors, exp

    try:
        statements = [statement for statement in sqlglot.parse(code, read=dialect) if statement is not None]
    except (errors.SqlglotError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        details = getattr(error, "errors", None)
        where = f", line {details[0]['line']}" if details and details[0].get("line") else ""
        what = details[0]["description"] if details and details[0].get("description") else "it does not parse"
        return failed(f"no SQL: {str(what).rstrip('.')[:100]}{where}")
    except RecursionError:
        return failed("nested too deeply to check")
    wrong = next((s for s in statements if isinstance(s, exp.Column | exp.Alias | exp.Identifier | exp.Literal)), None)
    if wrong is not None:
        return failed("no SQL: a name alone is no statement")
    if any(isinstance(s, exp.Select) and not s.expressions and dialect != "postgres" for s in statements):
        return failed("no SQL: a SELECT of nothing")
    if any(isinstance(s, exp.Insert) and not s.expression and not s.args.get("default") for s in statements):
        return failed("no SQL: an INSERT of nothing")
    return passed(f"{len(statements):,} statements") if statements else failed("no SQL")
