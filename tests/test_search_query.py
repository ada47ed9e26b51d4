"""What people type into the embedded Argilla's search, as a query of SQLite's text index; no server is needed for that."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.local.search.query import Match, read_query, segment

TEXT_INDEX_ROWS = ("alpha beta", "beta gamma", "gamma - alpha", "")
QUERY_TEXT = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                "alpha",
                "beta",
                "gam*",
                '"',
                "(",
                ")",
                "|",
                "+",
                "-",
                "*",
                "~2",
                "AND",
                "NOT",
                "{f0}",
                ":",
                "^",
                "好",
            ]
        ),
        max_size=60,
    ).map(" ".join),
    st.text(alphabet='ab"()|+-*~\\ \0好\ud800', max_size=200),
)


@pytest.fixture(scope="module")
def text_index() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(f0, tokenize='unicode61 remove_diacritics 0')")
        connection.executemany("INSERT INTO words VALUES(?)", [(text,) for text in TEXT_INDEX_ROWS])
        yield connection


def rows_found(index: sqlite3.Connection, match: Match) -> set[int]:
    """As the search does it; raises sqlite3.OperationalError for what FTS5 cannot read."""
    found = {row for (row,) in index.execute("SELECT rowid FROM words WHERE words MATCH ?", (match.expression,))}
    everything = set(range(1, len(TEXT_INDEX_ROWS) + 1))
    return everything - found if match.inverted else found


@given(QUERY_TEXT)
def test_any_text_gives_a_query_that_sqlite_can_read(text_index: sqlite3.Connection, text: str) -> None:
    match = read_query(text)
    if match is not None:
        assert rows_found(text_index, match) == rows_found(text_index, match.within("f0"))


TERMS = st.recursive(
    st.sampled_from(["alpha", "beta", "gam*", '"beta gamma"', "delta"]),
    lambda inner: st.one_of(
        inner.map(lambda one: f"-({one})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda all_: f"({' '.join(all_)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda any_: f"({' | '.join(any_)})"),
    ),
    max_leaves=8,
)


@given(TERMS, TERMS)
def test_operators_are_those_of_sets(text_index: sqlite3.Connection, one: str, other: str) -> None:
    def found(text: str) -> set[int]:
        match = read_query(text)
        assert match is not None
        return rows_found(text_index, match)

    assert found(f"{one} {other}") == found(one) & found(other)
    assert found(f"{one} | {other}") == found(one) | found(other)
    assert found(f"{one} -({other})") == found(one) - found(other)
    assert found(f"-({one})") == {1, 2, 3, 4} - found(one)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "alpha" + ")" * 5_000,
        "a -(" * 5_000,
        "a | -(b " * 5_000,
        "-" * 50_000 + "alpha",
        "- " * 50_000,
        '"' * 9_999,
        "word " * 20_000,
        "word | " * 20_000,
        "x" * 200_000,
        "好" * 20_000,
    ],
    ids=lambda text: f"{text[:8]}... {len(text)}",
)
def test_monstrous_queries_are_read(text_index: sqlite3.Connection, text: str) -> None:
    match = read_query(text)
    if match is not None:
        rows_found(text_index, match.within("f0"))


def test_segmenting_leaves_other_scripts_alone() -> None:
    assert segment("plain words") == "plain words"
    assert segment("Größe 한국어") == "Größe 한국어"
    assert segment("你好").split() == ["你", "好"]
