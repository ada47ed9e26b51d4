"""Responses that repeat themselves, and that do not."""

from tests.check_cases import Case, wrong

LINE = "The tide rises twice a day and falls again. "
VERSE = "Row, row, row your boat, gently down the stream. "
COUNT = " ".join(f"Point {k} is about matter {k * 7} and thing {k * 11}." for k in range(40))
STORY = (
    "People who live by the sea know when boats can leave the harbour. A table of times is printed each year. The moon pulls at "
    "the water near it, and the earth turns below two bulges, so most coasts see two highs and two lows. The shape of a bay "
    "decides how far the water climbs: in some places only a metre, in others more than ten."
)
CASES: list[Case] = [
    ({}, STORY, True),
    ({}, STORY + " " + STORY, False),
    ({}, STORY + " " + LINE, True),
    ({}, LINE, True),
    ({}, LINE * 2, False),
    ({}, LINE * 3, False),
    ({}, LINE * 50, False),
    ({}, LINE * 20_000, False),
    ({}, "", True),
    ({}, "no", True),
    ({}, "no no no", True),
    ({}, "no " * 9, True),
    ({}, "no " * 30, False),
    ({}, "ha ha ha ha ha ha ha ha ha ha ha ha", False),
    ({}, VERSE, True),
    ({}, "a" * 39, True),
    ({}, "a" * 40, False),
    ({}, "So " + "o" * 300, False),
    ({}, "-" * 300, True),
    ({}, "=" * 80 + "\nTitle", True),
    ({}, "| --- | --- |\n" * 2, True),
    ({}, "1" * 60, False),
    ({}, "abab" * 30, False),
    ({}, "abcabc" * 50, False),
    ({}, COUNT, True),
    ({}, COUNT + " " + COUNT, False),
    ({}, STORY + " " + LINE * 12, False),
    ({}, "川" * 60, False),
    ({}, "長い川です。" * 20, False),
    ({}, "潮は月のために一日に二回満ちます。海の近くに住む人は時刻を知っています。", True),
    ({}, "\n".join("- item" for _ in range(30)), False),
    ({}, "\n".join(f"{k}. item {k}" for k in range(30)), True),
    ({}, "The END. " + STORY.upper(), True),
    ({}, STORY + " " + STORY.upper(), False),
    ({"most": 100}, LINE * 50, True),
    ({"most": 0}, STORY, True),
    ({"most": 0}, STORY + " " + STORY[:80], False),
    ({"most": 60}, STORY + " " + STORY, True),
    ({"most": 60}, STORY * 1 + " " + (STORY + " ") * 3, False),
    ({}, " ".join(f"w{k}" for k in range(100_000)), True),
    ({}, "one two three four five six seven " * 2, True),
    ({}, "https://example.com/a/b/c/d/e/f/g/h/i/j/k/l/m/n", True),
    ({}, "🌊" * 60, True),
    ({}, "x\n" * 200, False),
    ({}, "Yes.\n\n" * 3, True),
]


def test_repetition() -> None:
    assert wrong("repetition", CASES) == []
