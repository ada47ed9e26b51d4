"""How many answers of the two collections are read right, wrong, or lost: `python tests/bench/collections_read.py`, as Markdown."""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.answer_collections import COLLECTIONS, Outcome, entries, outcomes


def main() -> None:
    print("| collection | kind | right | wrong | lost |\n| --- | --- | ---: | ---: | ---: |")
    for name in COLLECTIONS:
        counts: dict[str, Counter[Outcome]] = {}
        for entry in entries(name):
            counts.setdefault(entry["kind"], Counter()).update(outcomes(entry))
        for kind, found in counts.items():
            print(f"| {name} | {kind} | {found['right']} | {found['wrong']} | {found['lost']} |")


if __name__ == "__main__":
    main()
