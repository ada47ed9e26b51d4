"""The response is JSON that meets a schema (JSON Schema, draft 2020-12).

[[checks]]
kind = "json-schema"
schema = { type = "object", required = ["answer"] }
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from feedback.checks.base import Check, CheckResult, failed, one_line, passed
from feedback.checks.json_text import NotJSON, read
from tasks.errors import SettingsError
from tasks.settings import setting
from tasks.text import json_schema
from tasks.types import Response, Row

DEEPEST, LONGEST_REASON = 50, 200
"""Parts within parts of a schema: it is sent to no endpoint, which would take fewer. Characters."""


@dataclass(frozen=True, kw_only=True)
class JSONSchema(Check):
    """Passes where the response is one JSON value that the schema allows."""

    kind: ClassVar[str] = "json-schema"
    title: ClassVar[str] = "Meets a JSON schema"
    summary: ClassVar[str] = "The response is JSON that meets a JSON schema."
    version: ClassVar[int] = 2

    schema: dict[str, Any] = setting(
        {}, "The schema, as JSON (draft 2020-12). It can refer to its own parts only.", multiline=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.schema:
            raise SettingsError(f"The check {self.called} needs a schema.", setting="schema")
        json_schema.check(self.schema, deepest=DEEPEST)

    def verdict(self, row: Row, response: Response) -> CheckResult:
        try:
            problems = json_schema.problems(json.dumps(self.schema), read(response.text))
        except NotJSON as no_json:
            return failed(str(no_json))
        return failed(one_line("; ".join(problems), LONGEST_REASON)) if problems else passed("meets the schema")
