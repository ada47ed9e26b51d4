"""Responses that copy a passage of the prompt, and that do not."""

import time
import tracemalloc

from tasks.types import Response, Row
from tests.check_cases import Case, check, wrong

PROMPT = "Explain to a child why the tide rises twice a day and why it is late by an hour tomorrow."
LONG = {"prompt": PROMPT}
FIVE = {"words": 5}


def asked(prompt: str) -> dict[str, str]:
    return {"prompt": prompt}


CASES: list[Case] = [
    ({}, "The moon pulls at the sea.", True, LONG),
    ({}, PROMPT, False, LONG),
    ({}, "You ask: " + PROMPT, False, LONG),
    ({}, PROMPT.upper(), False, LONG),
    ({}, PROMPT.replace(" ", "\n"), False, LONG),
    ({}, PROMPT.replace(" ", ", "), False, LONG),
    ({}, "why the tide rises twice a day and why it is late by an hour", False, LONG),
    ({}, "", True, LONG),
    ({}, "why the tide rises twice a day and why it", True, LONG),
    ({}, "the tide rises twice a day and why it is late by", False, LONG),
    ({}, "the tide rises twice a day, and falls", True, LONG),
    ({}, " ".join(reversed(PROMPT.split())), True, LONG),
    ({}, "**" + PROMPT + "**", False, LONG),
    ({}, "> " + PROMPT, False, LONG),
    ({}, PROMPT[:40], True, LONG),
    ({}, "x " * 50_000, True, LONG),
    ({}, "x " * 20_000 + PROMPT, False, LONG),
    (FIVE, "tide rises twice a day", False, LONG),
    (FIVE, "tide rises twice a week", True, LONG),
    (FIVE, "rises twice a day", True, LONG),
    (FIVE, "Twice a day, and why?", False, LONG),
    (FIVE, "a child why the sky", True, LONG),
    (FIVE, "late by an hour tomorrow", False, LONG),
    (FIVE, "late by an hour today", True, LONG),
    (FIVE, "", True, LONG),
    (FIVE, "Name a river.", True, asked("Name a river.")),
    (FIVE, "a b c d e", False, asked("a b c d e")),
    (FIVE, "a b c d", True, asked("a b c d")),
    (FIVE, "a b c d e", True, asked("")),
    (FIVE, "a b c d e", True, asked("b a c d e")),
    (FIVE, "潮は月のため", False, asked("潮は月のために満ちる")),
    (FIVE, "潮は月", True, asked("潮は月のために満ちる")),
    (FIVE, "川は海に行く", True, asked("潮は月のために満ちる")),
    ({"words": 3}, "a b c", False, asked("x a b c")),
    ({"words": 3}, "a b", True, asked("a b")),
    ({"words": 1000}, PROMPT, True, LONG),
    (FIVE, "a—b c d e f", True, asked("a b c d e f g")),
    (FIVE, "C++ is not C# nor C", False, asked("Why C++ is not C# nor C at all?")),
    (FIVE, "ÜBER DEN WOLKEN MUSS DIE", False, asked("Über den Wolken muss die")),
    (FIVE, "(late) by «an» hour tomorrow!", False, LONG),
    (FIVE, "late; by: an hour ... tomorrow", False, LONG),
    (FIVE, "1 2 3 4 5", False, asked("1, 2, 3, 4, 5")),
]


def test_copied() -> None:
    assert wrong("copied", CASES) == []


def test_long_passages_take_no_more_than_short_ones() -> None:
    text = " ".join(f"w{k}" for k in range(33_000))
    row = Row(({"role": "user", "content": text},), (), {})
    tracemalloc.start()
    began = time.process_time()
    assert check("copied", words=1000).result(row, Response(text[1:], "m")).passed is False
    assert check("copied", words=1000).result(row, Response(text[::-1], "m")).passed
    took, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000 and took < 5
