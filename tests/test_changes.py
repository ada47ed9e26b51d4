"""A correction as a diff: its pieces make both texts again, whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.stats.text_diff import MOST, word_changes

WORDS = st.lists(st.sampled_from(["a", "b", "river", " ", "  ", "\n", ".", "河", "é"]), max_size=40).map("".join)


@given(WORDS | st.text(), WORDS | st.text())
def test_the_pieces_make_both_texts_again(before: str, after: str) -> None:
    found = word_changes(before, after)
    assert "".join(text for kind, text in found if kind != "new") == before
    assert "".join(text for kind, text in found if kind != "gone") == after
    assert all(text for _, text in found)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("The Loire.", "The Loire.", [("same", "The Loire.")]),
        ("Name a river.", "Name two rivers.", [("same", "Name "), ("gone", "a river"), ("new", "two rivers"), ("same", ".")]),
        ("It is long.", "It is very long.", [("same", "It is "), ("new", "very "), ("same", "long.")]),
        ("这是河。", "这是湖。", [("same", "这是"), ("gone", "河"), ("new", "湖"), ("same", "。")]),
        ("", "Mine.", [("new", "Mine.")]),
    ],
)  # fmt: skip
def test_it_is_told_word_by_word(before: str, after: str, found: list[tuple[str, str]]) -> None:
    assert word_changes(before, after) == found


def test_of_very_long_texts_lines_are_compared() -> None:
    long = "".join(f"word {k} of many\n" for k in range(MOST // 2))
    other = "\n".join(reversed(long.splitlines()[1:])) + "\n"
    kinds = [kind for kind, _ in word_changes("first\n" + long + "last", "first\n" + other + "last")]
    assert kinds[0] == kinds[-1] == "same" and "gone" in kinds
    one, two = ("x " * 3 * MOST, "y " * 3 * MOST)
    assert word_changes(one, two) == [("gone", one), ("new", two)]
