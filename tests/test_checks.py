"""All kinds of checks: each has its cases, ends in time whatever a response is, and says why in one line."""

import dataclasses
from functools import partial
from importlib import import_module
from typing import Any

import pytest

from feedback.checks import check_kinds, sql_code
from feedback.checks.base import LONGEST_RESPONSE, NOT_SETTINGS, Check, CheckResult, identity_of
from feedback.checks.code_blocks import blocks, code_of, without_code
from tasks.errors import SettingsError
from tasks.text import bounded
from tasks.text.bounded import OutOfTime, time_limit
from tasks.types import Response, Row
from tests import hostile_checks
from tests.check_cases import check

TEXTS = dict(hostile_checks.texts())
ROW = Row(({"role": "user", "content": "When is high tide?"},), (), {"reference": "12"})


@pytest.mark.parametrize("kind", check_kinds())
def test_each_kind_has_forty_cases_of_both_outcomes(kind: str) -> None:
    cases = import_module(f"tests.test_check_{kind.replace('-', '_')}").CASES
    assert len({repr(case) for case in cases}) >= 40
    assert {case[2] for case in cases} == {True, False}


@pytest.mark.parametrize("kind", check_kinds())
def test_each_kind_says_what_it_is(kind: str) -> None:
    cls = check_kinds()[kind]
    assert cls.title and cls.summary.endswith(".") and cls.version >= 1
    assert all(f.metadata.get("help") for f in dataclasses.fields(cls))
    assert {f.name for f in dataclasses.fields(cls)} > set(NOT_SETTINGS) or kind in ("python", "refusal")


@pytest.mark.parametrize(("kind", "settings"), [(k, s) for k, many in hostile_checks.SETTINGS.items() for s in many])
def test_every_hostile_response_gets_a_verdict(
    kind: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # what is not through after its time is not through after a fifth of it; with the whole: tests/bench/checks.py
    monkeypatch.setattr(bounded, "search", partial(bounded.search, seconds=bounded.PATTERN_SECONDS / 5))
    monkeypatch.setattr(sql_code, "time_limit", partial(time_limit, seconds=bounded.SECONDS / 5))
    built = check(kind, **settings)
    for name, text in TEXTS.items():
        result = built.result(ROW, Response(text[:100_000], "m"))  # the whole of them: tests/bench/checks.py
        assert "\n" not in result.reason and 0 < len(result.reason) < 300, name
        assert all(sign.isprintable() or 0xD800 <= ord(sign) < 0xE000 for sign in result.reason), name


def test_a_response_that_is_too_long_is_not_looked_at() -> None:
    long = Response("a" * (LONGEST_RESPONSE + 1), "m")
    assert "too long to check" in check("contains", text="a").result(ROW, long).reason


def test_what_a_check_did_not_foresee_is_a_verdict() -> None:
    for error in (ValueError, ZeroDivisionError, RecursionError, MemoryError):

        class Odd(Check):
            def verdict(self, row: Row, response: Response, error: type[Exception] = error) -> CheckResult:
                raise error("odd")

        assert Odd().result(ROW, Response("a", "m")) == CheckResult(False, "can't be checked")


def test_what_decides_nothing_is_not_in_the_identity() -> None:
    plain = check("contains", text="a")
    assert plain.identity == check("contains", text="a", name="other", reject=True).identity
    others = [
        check("contains", text="b"),
        check("contains", text="a", ignore_case=True),
        check("contains-not", text="a"),
    ]
    assert len({each.identity for each in (plain, *others)}) == 4
    assert identity_of(others) == identity_of(others[::-1]) != identity_of(others[:2]) and identity_of([]) == ""


@pytest.mark.parametrize("name", ["a,b", " a", "all", "any", "none", "two\nlines", "x" * 41])
def test_a_name_that_can_not_be_used(name: str) -> None:
    with pytest.raises(SettingsError) as error:
        check("json", name=name)
    assert error.value.setting == "name"


def test_code_that_calls_is_stopped_at_its_deadline() -> None:
    def endless() -> None:
        while True:
            len("")

    with pytest.raises(OutOfTime), time_limit(("tests",), 0.05):
        endless()
    with time_limit(("tests",), 60):
        assert sum(len(str(k)) for k in range(100)) == 190


def test_code_blocks() -> None:
    text = "a\n```python\nx = 1\n```\nb\n~~~\ny\n```\n~~~\n````md\n```\nz\n```\n````\nc ``` d\n```sql\nSELECT 1"
    assert blocks(text) == [("python", "x = 1"), ("", "y\n```"), ("md", "```\nz\n```"), ("sql", "SELECT 1")]
    assert (
        code_of(text, "python") == "x = 1"
        and code_of(text, "go") == "y\n```"
        and code_of("no block", "go") == "no block"
    )
    assert without_code(text) == "a\nb\nc ``` d"
    parted = '```json\r\n{"a": "b\u2028c\x85d"}\r\n```\r\n'
    assert blocks(parted) == [("json", '{"a": "b\u2028c\x85d"}')] and without_code(parted) == ""
