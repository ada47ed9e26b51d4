"""Ratings by length and ratings counted: each number against one worked out by hand or by the definition."""

import math
from collections import Counter
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr, t

from feedback.stats.histograms import Histogram, by_aspect, by_both, by_model
from feedback.stats.length_bias import LEAST, LEAST_IN_BAND, Band, by_length, edges_of, spearman
from tasks.text.word_count import words


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("  \n", 0), ("The Loire.", 2), ("a  b\nc", 3), ("長い川です", 5), ("Loire は 川 です", 5), ("긴 강", 2)],
)
def test_words_of_a_text(text: str, number: int) -> None:
    assert words(text) == number


COUNTS = st.dictionaries(st.tuples(st.integers(0, 900), st.sampled_from([1.0, 2.5, 3.0, 4.0, 5.0])), st.integers(1, 9))


@given(COUNTS)
def test_every_response_is_in_one_band_and_each_has_enough(counts: dict[tuple[int, float], int]) -> None:
    sizes: Counter[int] = Counter()
    for (size, _), n in counts.items():
        sizes[size] += n
    edges = edges_of(sizes)
    found = by_length(counts, edges)
    assert edges == sorted(set(edges)) and len(found.bands) <= 5
    assert sum(band.n for band in found.bands) == found.n == sum(counts.values())
    assert len(found.bands) <= 1 or all(band.n >= LEAST_IN_BAND for band in found.bands)
    for band in found.bands:
        said = [v for (size, v), n in counts.items() if band.first <= size <= (band.last or math.inf) for _ in range(n)]
        assert len(said) == band.n and band.mean == pytest.approx(fmean(said))
        if band.low is not None and band.high is not None:
            half = float(t.ppf(0.975, band.n - 1)) * stdev(said) / math.sqrt(band.n)
            assert band.low == pytest.approx(max(1, band.mean - half))
            assert band.high == pytest.approx(min(5, band.mean + half))


@given(COUNTS)
def test_the_correlation_is_that_of_the_responses_one_by_one(counts: dict[tuple[int, float], int]) -> None:
    one_by_one = [pair for pair, n in counts.items() for _ in range(n)]
    found = spearman(counts)
    if len(one_by_one) < LEAST or any(len({pair[at] for pair in one_by_one}) < 2 for at in (0, 1)):
        assert found is None
    else:
        assert found == pytest.approx(float(spearmanr(one_by_one).statistic))


def test_edges_are_readable_fifths() -> None:
    assert edges_of(Counter(range(1, 501))) == [100, 200, 300, 400]
    assert edges_of(Counter({7: 12, 13: 15, 61: 20, 143: 40, 2300: 13})) == [13, 65, 150]
    assert edges_of({50: 1000}) == [] == edges_of({}) == edges_of(Counter(range(19)))
    few = by_length({(5, 4.0): 3}, [])
    assert [band.name for band in few.bands] == ["all lengths"] and few.bands[0] == Band(0, None, 3, 4.0)
    assert few.words == "17 more rated responses needed to tell whether ratings go with length."


def test_bands_and_what_the_correlation_says_in_words() -> None:
    liked = by_length({(size, float(1 + size // 100)): 5 for size in range(0, 500, 10)}, [100, 300])
    assert [band.name for band in liked.bands] == ["up to 100", "101–300", "over 300"]
    assert liked.correlation is not None and liked.correlation > 0.9
    assert liked.words == "Longer responses are rated much higher."
    disliked = by_length({(size, float(5 - size // 100)): 5 for size in range(0, 500, 10)}, [])
    assert disliked.words == "Longer responses are rated much lower."
    all_the_same = by_length({(size, 3.0): 5 for size in range(10)}, [])
    assert all_the_same.correlation is None and all_the_same.words.startswith("Nothing to tell")
    assert all_the_same.bands[0].low is None
    either = by_length({(10, 1.0): 20, (10, 5.0): 20, (90, 1.0): 20, (90, 5.0): 20}, [])
    assert either.words == "Ratings hardly depend on length."


def test_a_scale_counts_at_the_nearest_number_and_means_what_was_given() -> None:
    scale = Histogram()
    for value, n in ((4.5, 2), (3.0, 1), (2.49, 1), (0.4, 1), (7.0, 1)):
        scale.add("rated", value, 5, n)
    scale.add("not-applicable", None, 5, 3)
    scale.add("unrated", None, 5, 4)
    scale.add("failed", None, 5, 5)
    assert (scale.counts, scale.between, scale.n) == ([1, 1, 1, 0, 3], 4, 6)
    assert (scale.not_applicable, scale.unrated, scale.asked) == (3, 9, 18)
    assert scale.mean == pytest.approx((9 + 3 + 2.49 + 0.4 + 7) / 6)
    assert Histogram().mean is None


def test_scales_of_aspects_and_models() -> None:
    said = [
        ("helpfulness", "a", "rated", 4.0, 5, 2), ("helpfulness", "b", "rated", 2.0, 5, 7),
        ("honesty", "a", "rated", 5.0, 5, 1), ("honesty", "c", "unrated", None, 5, 9),
    ]  # fmt: skip
    assert {name: scale.counts for name, scale in by_aspect(said).items()} == {
        "helpfulness": [0, 7, 0, 2, 0], "honesty": [0, 0, 0, 0, 1],
    }  # fmt: skip
    assert [(name, scale.asked, scale.n) for name, scale in by_model(said).items()] == [
        ("c", 9, 0), ("b", 7, 7), ("a", 3, 3),
    ]  # fmt: skip
    assert by_both(said)["a", "honesty"].mean == 5
