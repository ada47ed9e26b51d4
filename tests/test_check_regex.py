"""Responses that match an expression, and that do not."""

import pytest

from tasks.errors import SettingsError
from tasks.types import Response, Row
from tests import hostile_checks
from tests.check_cases import Case, check, wrong

ISBN = {"pattern": r"\bISBN [0-9-]{13,17}\b"}
LINK = {"pattern": r"https?://\S+", "absent": True}
WORD = {"pattern": r"[A-Z][a-z]+", "whole": True}
CASES: list[Case] = [
    (ISBN, "ISBN 978-3-16-148410-0", True),
    (ISBN, "It is ISBN 978-3-16-148410-0.", True),
    (ISBN, "isbn 978-3-16-148410-0", False),
    (ISBN, "ISBN 97", False),
    (ISBN, "", False),
    (ISBN, "XISBN 978-3-16-148410-0", False),
    (ISBN, "ISBN  978-3-16-148410-0", False),
    ({**ISBN, "ignore_case": True}, "isbn 978-3-16-148410-0", True),
    (LINK, "No link.", True),
    (LINK, "See https://a.b/c", False),
    (LINK, "See http://a", False),
    (LINK, "https:// alone", True),
    (LINK, "", True),
    (LINK, "HTTPS://A", True),
    ({**LINK, "ignore_case": True}, "HTTPS://A", False),
    (WORD, "Loire", True),
    (WORD, "Loire.", False),
    (WORD, "The Loire", False),
    (WORD, "loire", False),
    (WORD, "", False),
    (WORD, "Loire\n", False),
    ({**WORD, "absent": True}, "The Loire", True),
    ({**WORD, "absent": True}, "Loire", False),
    ({"pattern": "^a", "whole": False}, "b\na", False),
    ({"pattern": "(?m)^a"}, "b\na", True),
    ({"pattern": "a.b"}, "a\nb", False),
    ({"pattern": "(?s)a.b"}, "a\nb", True),
    ({"pattern": r"\d{4}"}, "in 1999", True),
    ({"pattern": r"\d{4}"}, "in 199", False),
    ({"pattern": r"\d"}, "٣", True),
    ({"pattern": r"(?a)\d"}, "٣", False),
    ({"pattern": r"\p{Han}"}, "長い", True),
    ({"pattern": r"\p{Han}"}, "long", False),
    ({"pattern": r"(\w)\1"}, "book", True),
    ({"pattern": r"(\w)\1"}, "word", False),
    ({"pattern": r"(?<!un)happy"}, "unhappy", False),
    ({"pattern": r"(?<!un)happy"}, "happy", True),
    ({"pattern": r"a{2,3}", "whole": True}, "aaaa", False),
    ({"pattern": r"a{2,3}", "whole": True}, "aaa", True),
    ({"pattern": r"\Athe", "ignore_case": True}, "The end", True),
    ({"pattern": "ß", "ignore_case": True}, "ẞ", True),
    ({"pattern": r"[\s\S]{10,}"}, "short", False),
    ({"pattern": r"[\s\S]{10,}"}, "long enough", True),
    ({"pattern": r"(?=.*q)(?=.*z).*\d{3}[a-f]"}, "q" * 1_000_000, False),
    ({"pattern": r"(.*)x\1y"}, "a" * 300_000, False),
]


def test_an_expression_that_may_not_end_or_can_not_be_read_is_refused() -> None:
    refused = {
        r"(a|a)*$": "runs on",
        r"(a|aa)+$": "runs on",
        "(": "can't be read",
        "a" * 3_000: "characters at most",
        "": "needs",
    }
    for pattern, message in refused.items():
        with pytest.raises(SettingsError, match=message) as error:
            check("regex", pattern=pattern)
        assert error.value.setting == "pattern"


def test_any_other_expression_ends_for_any_text() -> None:
    row, hostile = Row(()), [Response(text, "m") for text in ("a" * 3_000 + "!", "x" * 3_000, "0 " * 2_000, "\0")]
    for pattern in hostile_checks.PATTERNS + hostile_checks.BROKEN:
        try:
            built = check("regex", pattern=pattern)
        except SettingsError as error:
            assert error.setting == "pattern" and str(error).endswith(".")
        else:
            assert all(built.result(row, response).reason for response in hostile)


def test_regex() -> None:
    assert wrong("regex", CASES) == []
