"""Responses that do not contain a text, and those that do."""

from tests.check_cases import Case, wrong

AI, ANY = {"text": "As an AI"}, {"text": "as an ai", "ignore_case": True}
CASES: list[Case] = [
    (AI, "The Loire.", True),
    (AI, "", True),
    (AI, "As an AI, I can't.", False),
    (AI, "Well. As an AI model", False),
    (AI, "as an ai", True),
    (AI, "As an  AI", True),
    (AI, "As an\nAI", True),
    (AI, "As an A.I.", True),
    (AI, "As anAI", True),
    (AI, "x" * 100_000 + "As an AI", False),
    (AI, "x" * 100_000, True),
    (AI, "AI", True),
    (ANY, "As an AI", False),
    (ANY, "AS AN AI", False),
    (ANY, "as an aim", False),
    (ANY, "was an air", False),
    (ANY, "an AI", True),
    (ANY, "as a AI", True),
    (ANY, "", True),
    (ANY, "As-an-AI", True),
    ({"text": "http"}, "See https://a.b", False),
    ({"text": "http"}, "See a.b", True),
    ({"text": "HTTP"}, "http", True),
    ({"text": "$"}, "5 €", True),
    ({"text": "$"}, "5 $", False),
    ({"text": "^"}, "start", True),
    ({"text": "^"}, "2^3", False),
    ({"text": "|im_end|"}, "ends<|im_end|>", False),
    ({"text": "|im_end|"}, "ends", True),
    ({"text": "\t"}, "a\tb", False),
    ({"text": "\t"}, "a b", True),
    ({"text": "—"}, "a - b", True),
    ({"text": "—"}, "a — b", False),
    ({"text": "ß", "ignore_case": True}, "Gasse", False),
    ({"text": "ß"}, "Gasse", True),
    ({"text": "川"}, "河", True),
    ({"text": "川"}, "川", False),
    ({"text": "🌊"}, "🌊🌊", False),
    ({"text": "🌊"}, "🌋", True),
    ({"text": "\0"}, "a\0b", False),
    ({"text": "\0"}, "ab", True),
    ({"text": "a" * 5_000 + "b"}, "a" * 200_000, True),
]


def test_contains_not() -> None:
    assert wrong("contains-not", CASES) == []
