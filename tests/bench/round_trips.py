"""Any lines into each kind of file and back, 2,000 times each: `python tests/bench/round_trips.py [TIMES]`."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import datasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.exports.record_formats import Line
from tests.round_trips import KINDS, check, tables

TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 2000


def tried(kind: str) -> None:
    @settings(max_examples=TIMES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(tables(), st.none() | st.integers(1, 3))
    def all_come_back(table: tuple[dict[str, object], list[Line]], most: int | None) -> None:
        check(kind, *table, most)

    all_come_back()


def main() -> None:
    datasets.disable_progress_bars()
    for kind in KINDS:
        begun = time.monotonic()
        tried(kind)
        print(
            f"{kind}: {TIMES:,} tables written and read back, all equal ({time.monotonic() - begun:.0f} s)", flush=True
        )


if __name__ == "__main__":
    main()
