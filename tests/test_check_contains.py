"""Responses that contain a text, and that do not."""

from tests.check_cases import Case, wrong

RIVER, ANY = {"text": "river"}, {"text": "river", "ignore_case": True}
CASES: list[Case] = [
    (RIVER, "river", True),
    (RIVER, "A river.", True),
    (RIVER, "rivers", True),
    (RIVER, "driver", True),
    (RIVER, "the river\nbank", True),
    (RIVER, "River", False),
    (RIVER, "RIVER", False),
    (RIVER, "", False),
    (RIVER, "riv er", False),
    (RIVER, "riv\ner", False),
    (RIVER, "r i v e r", False),
    (RIVER, "revir", False),
    (RIVER, "rive", False),
    (RIVER, "x" * 100_000 + "river", True),
    (RIVER, "x" * 100_000, False),
    (RIVER, "riｖer", False),
    (ANY, "River", True),
    (ANY, "RIVER", True),
    (ANY, "rIvEr bank", True),
    (ANY, "river", True),
    (ANY, "brook", False),
    (ANY, "", False),
    ({"text": "ß", "ignore_case": True}, "STRASSE", True),
    ({"text": "ß"}, "Strasse", False),
    ({"text": "ΣΑΣ", "ignore_case": True}, "σας", True),
    ({"text": " "}, "one word", True),
    ({"text": " "}, "word", False),
    ({"text": "\n"}, "two\nlines", True),
    ({"text": "\n"}, "one line", False),
    ({"text": "."}, "No full stop", False),
    ({"text": "."}, "A full stop.", True),
    ({"text": ".*"}, "anything", False),
    ({"text": ".*"}, "a .* b", True),
    ({"text": "<b>"}, "<b>bold</b>", True),
    ({"text": "é"}, "e\u0301", False),
    ({"text": "川"}, "長い川です", True),
    ({"text": "🌊"}, "sea 🌊", True),
    ({"text": "🌊"}, "sea", False),
    ({"text": "Sources:"}, "Sources: none", True),
    ({"text": "\udc00"}, "half \udc00", True),
    ({"text": "a" * 5_000 + "b"}, "a" * 200_000, False),
    ({"text": "a\\b"}, "a\\b", True),
    ({"text": "a\\b"}, "a\b", False),
]


def test_contains() -> None:
    assert wrong("contains", CASES) == []
