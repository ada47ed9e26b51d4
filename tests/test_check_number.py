"""Responses that end with the number of the reference, and that do not."""

from tests.check_cases import Case, wrong


def ref(text: object) -> dict[str, object]:
    return {"reference": text}


NEAR = {"tolerance": 0.01}
CASES: list[Case] = [
    ({}, "The answer is 42.", True, ref("42")),
    ({}, "42", True, ref(42)),
    ({}, "First 7, then 42", True, ref("42")),
    ({}, "42, not 7", False, ref("42")),
    ({}, "41", False, ref("42")),
    ({}, "no number", False, ref("42")),
    ({}, "42", False, {}),
    ({}, "42", False, ref("forty")),
    ({}, "So 1,234 boats", True, ref("1234")),
    ({}, "1,234,567", True, ref(1234567)),
    ({}, "1 234 567", True, ref("1234567")),
    ({}, "1.234.567", True, ref("1234567")),
    ({}, "1'234", True, ref("1234")),
    ({}, "3.5 m", True, ref("3.5")),
    ({}, "3,5 m", True, ref("3.5")),
    ({}, "0,125", True, ref("0.125")),
    ({}, "1,234.5", True, ref("1234.5")),
    ({}, "1.234,5", True, ref("1234.5")),
    ({}, "3.50", True, ref("3.5")),
    ({}, ".5", True, ref("0.5")),
    ({}, "-5 °C", True, ref("-5")),
    ({}, "−5", True, ref("-5")),
    ({}, "5", False, ref("-5")),
    ({}, "$18", True, ref("18")),
    ({}, "18 €", True, ref("18")),
    ({}, "50%", True, ref("50")),
    ({}, "3/4", True, ref("0.75")),
    ({}, "6/8", True, ref("3/4")),
    ({}, "\\frac{3}{4}", True, ref("3/4")),
    ({}, "-\\frac{1}{2}", True, ref("-0.5")),
    ({}, "\\boxed{42} as 7 is odd", True, ref("42")),
    ({}, "\\boxed{7} or \\boxed{42}", True, ref("42")),
    ({}, "\\boxed{\\frac{3}{4}}", True, ref("0.75")),
    ({}, "\\boxed{1{,}234}", True, ref("1234")),
    ({}, "2e3", True, ref("2000")),
    ({}, "1.5e-2", True, ref("0.015")),
    ({}, "it is 18", True, ref("He pays 9 + 9 = 18\n#### 18")),
    ({}, "1/0", False, ref("1")),
    (NEAR, "3.14", True, ref("3.1416")),
    (NEAR, "3.1", False, ref("3.1416")),
    ({}, "0.1", True, ref("0.1000")),
    ({}, "0.333", False, ref("1/3")),
    (NEAR, "0.333", True, ref("1/3")),
    ({}, "9" * 100_000, False, ref("9")),
    ({}, "1e99", False, ref("1")),
    ({}, "1 " * 400_000 + "2", True, ref("2")),
    ({}, "**42**", True, ref("42")),
    ({}, "x = 42;", True, ref("42")),
    ({}, "page 3-5", False, ref("3")),
    ({}, "42.", True, ref("42.0")),
]


def test_number() -> None:
    assert wrong("number", CASES) == []
