"""A text is compared with all that are there, though only a few are looked at: the decision is that of comparing every pair."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.errors import SettingsError
from tasks.self_instruct import SelfInstruct
from tasks.text.near_duplicates import Novelty, similarity, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Name a river.", ["name", "a", "river"]),
        ("Don't SHOUT, please: it's 3.5 km!", ["don", "t", "shout", "please", "it", "s", "3", "5", "km"]),
        ("snake_case, x2", ["snake", "case", "x2"]),
        ("Straße in Köln", ["strasse", "in", "köln"]),
        ("cafe\u0301 ＡＢＣ ﬁne", ["café", "abc", "fine"]),
        ("列出三条河。List 3!", ["列", "出", "三", "条", "河", "list", "3"]),
        ("川の名前", ["川", "の", "名", "前"]),
        ("한국의 강", ["한국의", "강"]),
        ("हिन्दी में लिखो।", ["हिन्दी", "में", "लिखो"]),
        ("أكتبْ قصة", ["أكتبْ", "قصة"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("?!", ["?!"]),
        ("a \ud800b", ["a", "b"]),
        ("\ud800", ["\ud800"]),
        (" \n", []),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ("Name a river.", "name a RIVER", 1.0),
        ("Name a river.", "Write a poem.", 2 * 1 / 6),
        ("police killed the gunman", "police kill the gunman", 2 * 3 / 8),  # the example of Lin 2004, section 3.1
        ("police killed the gunman", "the gunman kill police", 2 * 2 / 8),
        ("a b c d e f g", "a b c d e f g h i j k l m", 2 * 7 / 20),
        ("a b a b", "b a b a", 2 * 3 / 8),
        ("a a a", "a", 2 * 1 / 4),
        ("Say hello", "Wave goodbye", 0.0),
        ("?!", "?!", 1.0),
        ("", "", 0.0),
    ],
)
def test_similarities_by_hand(one: str, other: str, value: float) -> None:
    assert similarity(one, other) == similarity(other, one) == value


def test_the_threshold_is_reached_from_there_on() -> None:
    known = Novelty(0.7)
    known.add("a b c d e f g")
    assert known.nearest("a b c d e f g h i j k l m") == (0.7, "a b c d e f g")
    assert known.nearest("a b c d e f g h i j k l m n") is None
    assert known.nearest("") is None and Novelty(0.7).nearest("a") is None


def test_the_most_similar_is_told_and_of_several_the_first() -> None:
    known = Novelty(0.5)
    for text in ("one two three four", "Two one three five", "one two three five", "ONE two three five"):
        known.add(text)
    assert known.nearest("one two three five!") == (1.0, "one two three five")
    assert known.nearest("one two three six") == (0.75, "one two three four")
    known.add("")
    assert len(known) == 4


def test_at_one_only_the_same_words_are_similar() -> None:
    known = Novelty(1.0)
    known.add("Name a river.")
    assert known.nearest("name a river?") == (1.0, "Name a river.")
    assert known.nearest("name a big river") is None and known.nearest("a river name") is None


@pytest.mark.parametrize("threshold", [1e-6, 1e-12, 5e-324])
def test_a_threshold_near_nothing_takes_no_more_than_the_texts_do(threshold: float) -> None:
    known = Novelty(threshold)
    assert known.nearest("one two three four five") is None
    known.add("six five seven")
    known.add("one two " + "x " * 100)
    assert known.nearest("one two three four five") == (2 * 1 / 8, "six five seven")
    assert known.nearest("eight nine") is None
    assert known._lengths(5) == (1, 102)


@pytest.mark.parametrize("least", [0.01, 0.1, 1.0])
def test_similarities_that_can_be_asked_for(least: float) -> None:
    assert SelfInstruct(similarity=least).near_duplicate == least


@pytest.mark.parametrize("least", [0.0, 1e-6, 5e-324, 0.009, -1.0, 1.01, float("nan"), float("inf")])
def test_similarities_that_can_not_be_asked_for(least: float) -> None:
    with pytest.raises(SettingsError, match=r"similarity must be from 0\.01 to 1: below it, .*alike\."):
        SelfInstruct(similarity=least)


def brute(one: list[str], other: list[str]) -> int:
    """The longest common subsequence by the table of the textbook."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = row
        row = [0]
        for place, theirs in enumerate(other):
            row.append(before[place] + 1 if word == theirs else max(before[place + 1], row[place]))
    return row[-1]


texts = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "河", "x1", "é"]), max_size=14).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    pool=st.lists(texts, max_size=30),
    asked=st.lists(texts, min_size=1, max_size=6),
    threshold=st.sampled_from([0.05, 0.3, 0.5, 0.6, 2 / 3, 0.7, 0.75, 0.8, 0.9, 1.0]) | st.floats(0.01, 1.0),
)
@example(pool=["a b", "b a b", "b a"], asked=["b a", "a a b b"], threshold=0.7)
def test_the_index_decides_like_comparing_all_pairs(pool: list[str], asked: list[str], threshold: float) -> None:
    """Also while it grows: each text is asked for before it is taken in."""
    known = Novelty(threshold)
    there: list[str] = []
    for text in [*pool, *asked]:
        ours, best = text.split(), None
        for other in there:
            theirs = other.split()
            value = 2 * brute(ours, theirs) / (len(ours) + len(theirs)) if ours and theirs else 0.0
            assert value == similarity(text, other)
            if value >= threshold and (best is None or value > best[0]):
                best = (value, other)
        assert known.nearest(text) == best
        known.add(text)
        there.append(text)


def test_longer_texts_of_many_words_too() -> None:
    dice = random.Random(5)
    vocabulary = [f"w{number}" for number in range(60)]
    known = Novelty(0.7)
    there: list[str] = []
    for count in range(300):
        found = dice.choices(vocabulary, weights=[1 / (rank + 1) for rank in range(60)], k=dice.randint(1, 40))
        if there and count % 2:
            found = [dice.choice(vocabulary) if dice.random() < 0.2 else word for word in dice.choice(there).split()]
        text = " ".join(found)
        best = max((similarity(text, other) for other in there), default=0.0)
        came = known.nearest(text)
        assert (came[0] if came else 0.0) == (best if best >= 0.7 else 0.0)
        known.add(text)
        there.append(text)
