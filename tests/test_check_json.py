"""Responses that are JSON, and that only look like it."""

from tests.check_cases import Case, wrong

ANY: dict[str, str] = {}
OBJECT, LIST = {"shape": "object"}, {"shape": "list"}
CASES: list[Case] = [
    (ANY, "{}", True),
    (ANY, "[]", True),
    (ANY, '{"a": 1}', True),
    (ANY, "1", True),
    (ANY, '"a"', True),
    (ANY, "null", True),
    (ANY, "true", True),
    (ANY, "-1.5e3", True),
    (ANY, " \n{} \n", True),
    (ANY, "", False),
    (ANY, "{", False),
    (ANY, "{'a': 1}", False),
    (ANY, '{"a": 1,}', False),
    (ANY, "[1 2]", False),
    (ANY, "{} {}", False),
    (ANY, "Here: {}", False),
    (ANY, "{} done", False),
    (ANY, "NaN", False),
    (ANY, '{"a": Infinity}', False),
    (ANY, "01", False),
    (ANY, "+1", False),
    (ANY, ".5", False),
    (ANY, "True", False),
    (ANY, '"a\nb"', False),
    (ANY, '"a\\nb"', True),
    (ANY, '"\\ud800"', True),
    (ANY, '{"a": 1, "a": 2}', True),
    (ANY, "// c\n{}", False),
    (ANY, "```json\n{}\n```", True),
    (ANY, "```\n[1]\n```", True),
    (ANY, "Here:\n```json\n{}\n```\nDone.", True),
    (ANY, "```python\nx\n```", False),
    (ANY, "```json\n{\n```", False),
    (ANY, "~~~json\n{}\n~~~", True),
    (ANY, "```JSON\n{}\n```", True),
    (OBJECT, "{}", True),
    (OBJECT, "[]", False),
    (OBJECT, "1", False),
    (LIST, "[]", True),
    (LIST, "{}", False),
    (LIST, '"[]"', False),
    (ANY, "[" * 100_000, False),
    (ANY, "[" * 100_000 + "]" * 100_000, False),
    (ANY, "9" * 100_000, False),
    (ANY, "\ufeff{}", False),
]


def test_json() -> None:
    assert wrong("json", CASES) == []
