"""Any lines into each kind of file and back; tests/bench/round_trips.py tries many more."""

from collections.abc import Iterator

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.exports.record_formats import Line
from tests.round_trips import KINDS, check, tables


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """No bars while `datasets` reads."""
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(tables(), st.none() | st.integers(1, 3))
def test_what_comes_out_is_what_went_in(
    kind: str, table: tuple[dict[str, object], list[Line]], most: int | None
) -> None:
    check(kind, *table, most)
