"""The property tests of everything that reads a model's answer, 2,000 examples each: `python tests/bench/readers.py`."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
READERS = [
    "test_reading_ratings.py", "test_reading_lists.py", "test_reading_pairs.py", "test_reading_instructions.py",
    "test_chat_templates.py", "test_magpie.py",
]  # fmt: skip

if __name__ == "__main__":
    files = [str(HERE / name) for name in READERS]
    sys.exit(pytest.main(["--hypothesis-profile", "bench", "-m", "", "-k", "", "--durations", "15", *files]))
