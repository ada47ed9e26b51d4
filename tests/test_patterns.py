"""Patterns that are compiled at their first use."""

import subprocess
import sys

from tasks.models import thoughts
from tasks.text.patterns import lazy_pattern
from tests.conftest import ROOT


def test_a_lazy_pattern_is_used_as_any_other() -> None:
    number = lazy_pattern(r"(?P<of>\d+)")
    assert not [name for name in vars(number) if name not in ("pattern", "given_flags")]
    found = number.search("4 of 5")
    assert found is not None and found["of"] == "4"
    assert found.re == number
    assert found.re != lazy_pattern("other")
    assert number.sub("n", "4 of 5") == "n of n"


def test_what_a_run_imports_compiles_none_of_the_readers_patterns() -> None:
    program = (
        "import app.runs.runner, feedback.labeller.answer_parser, gc; from tasks.text.patterns import LazyPattern\n"
        "all_lazy = [o for o in gc.get_objects() if isinstance(o, LazyPattern)]\n"
        "print(len(all_lazy), sorted(o.pattern for o in all_lazy if len(vars(o)) > 2))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    count, _, compiled = printed.strip().partition(" ")
    assert int(count) > 100
    assert compiled == "[]"


def test_each_mark_of_a_thought_has_one_of_those_that_are_looked_for() -> None:
    for family in thoughts.FAMILIES:
        for pattern in (family.opening, family.ending):
            assert any(short in pattern.pattern.replace("\\", "") for short in thoughts.EVERY_MARK), pattern.pattern
    tokens = [token for pair in thoughts.AROUND_ANSWER for token in pair] + list(thoughts.LAST_TOKENS)
    assert all(any(short in token for short in thoughts.EVERY_MARK) for token in tokens)
