"""Long texts of a model, a file or a server cost no more time than they are long."""

import asyncio
import re
import subprocess
import sys

import pytest

from tasks.types import Dropped, Row
from tests.all_patterns import patterns, slow
from tests.conftest import ROOT
from tests.hostile_answers import LENGTHS, TASKS, answers, ratings_of, rows_of

PUT_TOGETHER = {
    "app/cli/bundle.py: re.fullmatch": "patterns of the module, on reasons that our own code wrote",
    "feedback/exports/dataset_card.py: re.compile": "our own marks in a card, around escaped names; the names of a card's header",
    "feedback/labeller/ultrafeedback.py: re.match": "a number, escaped, behind characters that are no digits",
    "feedback/exports/writers.py: re.compile": "a file's own name, escaped",
    "tasks/models/catalogue.py: re.match": "the package's own patterns, on the host of an address",
    "tasks/models/template_families.py: re.search": "200 characters of a model's name",
    "tasks/models/scripted.py: re.compile": "what a user scripts for a model of their own",
    "tasks/text/patterns.py: re.compile": "patterns of modules, each seen where it is",
}
"""Patterns that are made where they are used, and why they are no risk."""
LOOKED_AT = {
    "tasks/text/answers.py: FENCE, tasks/text/list_parser.py: FENCE": "what follows its repeats always fits: none is tried again",
    "tasks/magpie.py: FENCED": "a line that begins a block also ends one: only the last can lack its end",
    "tasks/models/chat_templates.py: STRUCK": "what is between the marks ends at the next mark",
    "tasks/text/lenient_json.py: TOKEN": "a text that does not end goes on to the end of all, so that none is tried again",
    "feedback/argilla/urls.py: PAGES": "an address that the user typed",
    "feedback/labeller/answer_sections.py: RULE": "begins at a line's beginning and stays on the line",
    "feedback/labeller/scores.py: KINDS": "looks at 300 characters",
    "app/inputs/documents.py: FENCED": "only blocks longer than all that follow lack an end, of which there are eighteen lengths",
    "app/inputs/json_stream.py: TEXT_OR_COMMA": "the blanks behind a comma end before the next one",
}
"""Patterns that look slow to `slow`, and why they are not."""
RUN = """
from tests.all_patterns import patterns, use
TEXTS = [" ", "\\n", " \\n", "<think", "*", "* ", "7", "7.", "a", "a ", "[", '"', "- ", "| ", "```a\\n"]
for used in patterns()[0]:
    for piece in TEXTS:
        text = "x" + (piece * (100_000 // len(piece))) + "\\n!"
        for method in used.methods:
            use(used.pattern, method, text)
print("well")
"""


def ended(program: str, seconds: float) -> str:
    """What a process of its own prints; a failure where it does not end."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_pattern_is_seen() -> None:
    assert set(patterns()[1]) == PUT_TOGETHER.keys()


def test_no_pattern_looks_slow() -> None:
    found = {used.where.partition("; ")[0]: slow(used.pattern, used.methods) for used in patterns()[0]}
    assert {where for where, why in found.items() if why} == LOOKED_AT.keys()


@pytest.mark.parametrize(
    ("pattern", "method", "why"),
    [
        (r"\A\s*(?:<think>(.*?)(?:</think>|\Z)|((?:(?!<think).)*?)</think>)", "match", "adjacent"),
        (r"\s+[*_]\Z", "search", "leading"),
        (r"[ \t\n]*</a>", "sub", "leading"),
        (r"(a+)+b", "match", "nested"),
        (r"a*-?a*b", "match", "adjacent"),
        (r"(?:\w+\s?)*$", "fullmatch", "nested"),
        (r"^\s*-", "finditer", "leading"),
        (r"[0-9.]+\s*(?:/\s*5)?[\s.)]*\Z", "match", "adjacent"),
        (r"<b>.*?</b>", "finditer", "leading"),
    ],
)
def test_a_slow_pattern_is_told(pattern: str, method: str, why: str) -> None:
    assert why in slow(re.compile(pattern, re.M | re.S), (method,))


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\A\s*+(?:a|b)", "match"), (r"(?<!\s)\s++x", "search"), (r"^[ \t]*-", "finditer"), (r"(?:\w+,)+x", "match"),
        (r"\w+", "findall"), (r"<[^<>]*>", "sub"), (r"a*b*c", "match"), (r"\s*", "match"),
    ],
)  # fmt: skip
def test_a_quick_pattern_is_none(pattern: str, method: str) -> None:
    assert not slow(re.compile(pattern, re.M), (method,))


def test_each_pattern_goes_through_long_texts() -> None:
    """One that went through them once for each character would take minutes."""
    assert ended(RUN, 60) == "well\n"


def test_each_task_gives_rows_or_says_why_not() -> None:
    program = "from tests.test_hostile_text import through; through(); print('well')"
    assert ended(program, 120) == "well\n"


def through() -> None:
    """Answers through every task and the labeller's reader."""
    for length in LENGTHS:
        for what, answer in list(answers(length).items())[:: 2 if length == LENGTHS[0] else 5]:
            for name in TASKS:
                made = asyncio.run(rows_of(name, answer, as_json=False))
                assert made and all(isinstance(one, (Row, Dropped)) for one in made), (name, what)
                assert all(one.reason for one in made if isinstance(one, Dropped)), (name, what)
            for as_json in (False, True):
                for rating in asyncio.run(ratings_of(answer, as_json=as_json)):
                    assert rating.status in ("rated", "unrated", "not-applicable") and rating.raw, (what, rating)


def test_what_is_too_long_to_be_searched_is_kept_and_said() -> None:
    answer = answers(LENGTHS[0])["items"]
    (drop,) = asyncio.run(rows_of("SelfInstruct", answer, as_json=False))
    assert drop == Dropped("longer than 50,000 characters", answer)
    rating, _ = asyncio.run(ratings_of(answer, as_json=False))
    assert (rating.status, rating.note) == ("unrated", "the answer is longer than 50,000 characters")
    assert answer.strip() in rating.raw
