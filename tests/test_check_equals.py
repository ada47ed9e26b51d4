"""Responses that equal the reference of their row, and that do not."""

from tests.check_cases import Case, wrong


def ref(text: object, **more: object) -> dict[str, object]:
    return {"reference": text, **more}


EXACT = {"exact": True}
CASES: list[Case] = [
    ({}, "Paris", True, ref("Paris")),
    ({}, "paris", True, ref("Paris")),
    ({}, " Paris. ", True, ref("Paris")),
    ({}, "PARIS!", True, ref("paris")),
    ({}, "Paris\n", True, ref("Paris")),
    ({}, "New  York", True, ref("New York")),
    ({}, "New\nYork", True, ref("New York")),
    ({}, "London", False, ref("Paris")),
    ({}, "Paris, France", False, ref("Paris")),
    ({}, "It is Paris", False, ref("Paris")),
    ({}, "", False, ref("Paris")),
    ({}, "Paris", False, {}),
    ({}, "", False, ref("")),
    ({}, "4", True, ref(4)),
    ({}, "4.0", False, ref(4)),
    ({}, "4.5", True, ref(4.5)),
    ({}, "True", True, ref(True)),
    ({}, "Straße", True, ref("STRASSE")),
    ({}, "川", True, ref("川")),
    ({}, "川。", True, ref("川")),
    ({}, "河", False, ref("川")),
    ({}, "a b", False, ref("ab")),
    ({}, "Paris?", False, ref("Paris")),
    ({}, "Paris", True, {"columns": {"reference": "Paris"}}),
    ({}, "Rome", False, {"columns": {"reference": "Paris"}}),
    ({}, "B", True, ref("b")),
    ({}, "B)", False, ref("b")),
    (EXACT, "Paris", True, ref("Paris")),
    (EXACT, "paris", False, ref("Paris")),
    (EXACT, "Paris.", False, ref("Paris")),
    (EXACT, "Paris ", False, ref("Paris")),
    (EXACT, "New  York", False, ref("New York")),
    (EXACT, "", False, ref("Paris")),
    (EXACT, "a\nb", True, ref("a\nb")),
    (EXACT, "a\nb", False, ref("a b")),
    ({"column": "answer"}, "Rome", True, {"answer": "Rome"}),
    ({"column": "answer"}, "Rome", False, ref("Rome")),
    ({"column": "answer"}, "Rome", True, ref("Paris", answer="rome")),
    ({"column": "A column"}, "1", True, {"columns": {"A column": 1}}),
    ({}, "[1, 2]", True, ref([1, 2])),
    ({}, "x" * 900_000, False, ref("x")),
    ({}, "None", False, ref(None)),
]


def test_equals() -> None:
    assert wrong("equals", CASES) == []
