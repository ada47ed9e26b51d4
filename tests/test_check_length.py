"""Responses that are too short, too long, or neither."""

from tests.check_cases import Case, wrong

FEW, MOST, BOTH = {"least": 3}, {"most": 3}, {"least": 2, "most": 4}
TOKENS, SIGNS = {"least": 2, "most": 3, "unit": "tokens"}, {"least": 2, "most": 5, "unit": "characters"}
CASES: list[Case] = [
    (FEW, "one two three", True),
    (FEW, "one two", False),
    (FEW, "", False),
    (FEW, " \n ", False),
    (FEW, "a  b\nc", True),
    (FEW, "one-two-three", False),
    (FEW, "one, two, three", True),
    (FEW, "長い川", True),
    (FEW, "長い", False),
    (FEW, "긴 강", False),
    (FEW, "長い river", True),
    (FEW, "word " * 100_000, True),
    (MOST, "one two three", True),
    (MOST, "one two three four", False),
    (MOST, "", True),
    (MOST, "one", True),
    (MOST, "長い川です", False),
    (MOST, "長い川", True),
    (MOST, "word " * 100_000, False),
    (MOST, "a" * 100_000, True),
    (BOTH, "one", False),
    (BOTH, "one two", True),
    (BOTH, "one two three four", True),
    (BOTH, "one two three four five", False),
    (BOTH, "", False),
    (TOKENS, "12345678", True),
    (TOKENS, "1234", False),
    (TOKENS, "12345", True),
    (TOKENS, "123456789012", True),
    (TOKENS, "1234567890123", False),
    (TOKENS, "長い", True),
    (TOKENS, "長い川です", False),
    (TOKENS, "", False),
    (TOKENS, "🌊🌊", True),
    (SIGNS, "ab", True),
    (SIGNS, "a", False),
    (SIGNS, "abcde", True),
    (SIGNS, "abcdef", False),
    (SIGNS, "長い川です", True),
    (SIGNS, "     ", True),
    ({"least": 0}, "", True),
    ({"most": 0}, "", True),
    ({"most": 0}, "a", False),
    ({"least": 3, "most": 3}, "a b c", True),
    ({"least": 3, "most": 3}, "a b", False),
]


def test_length() -> None:
    assert wrong("length", CASES) == []
