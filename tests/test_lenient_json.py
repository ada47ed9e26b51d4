"""What models write for JSON is read; what was cut off, or says two things, is not."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.lenient_json import decode
from tests.hostile_answers import answers

GOOD = {"rating": 4, "rationale": "Good."}


@pytest.mark.parametrize(
    "text",
    [
        '{"rating": 4, "rationale": "Good.",}', "{'rating': 4, 'rationale': 'Good.'}", '{rating: 4, rationale: "Good."}',
        '{"rating": 4 "rationale": "Good."}', '{"rating": 4\n "rationale": "Good."}', "{“rating”: 4, “rationale”: “Good.”}",
        '{"rating": 4, // so\n "rationale": "Good."}', '{"rating": 4, "rationale": "Good." // so\n}',
        '{/* so */ "rating": 4, "rationale": "Good."}', "{'rating': 4, 'rationale': \"Good.\",}",
    ],
)  # fmt: skip
def test_slips_are_mended(text: str) -> None:
    assert decode(f"{text} and so on")[0] == GOOD
    assert decode(f"x{text}\n```", 1) == (GOOD, len(text) + 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "He said "no" to it.", "b": 1}', {"a": 'He said "no" to it.', "b": 1}),
        ('{"a": "one\n\ttwo"}', {"a": "one\n\ttwo"}),
        ("{'a': 'It\\'s \"so\"', 'b': None}", {"a": 'It\'s "so"', "b": None}),
        ('{"a": N/A, "b": 4/5, "c": ４}', {"a": "N/A", "b": "4/5", "c": "４"}),
        ('{"a": "http://b.c", "d": True,}', {"a": "http://b.c", "d": True}),
        ('[{"a": 1}\n{"a": 2}]', [{"a": 1}, {"a": 2}]),
    ],
)
def test_values_stay_as_they_are(text: str, value: object) -> None:
    assert decode(text)[0] == value


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "{", '{"a', '{"a": "b', '{"a": 1', '{"a": 1 or 2}', '{"a": 3-4}', '{"a": "4"/5}', '{"a": 4. "b": 1}',
        '{"a": "He said "no", then left."}', "[" * 50_000, '{"a":' * 20_000,
    ],
)  # fmt: skip
def test_what_is_cut_off_or_unclear_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda value: st.lists(value) | st.dictionaries(st.text(), value),
    )
)
def test_json_is_read_as_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert decode(text) == (value, len(text))


@pytest.mark.parametrize("begin", ["", '{"a": "', '{"a": 1, ', "['"])
def test_long_texts_take_no_time(begin: str) -> None:
    for what, answer in answers(50_000).items():
        started = time.process_time()
        with contextlib.suppress(ValueError):
            decode(begin + answer)
        assert time.process_time() - started < 0.5, what
