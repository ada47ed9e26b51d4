"""How long it takes to keep near-duplicates out of a pool, as the pool grows.

    uv run python tests/bench/novelty.py --texts 100000

Prints a Markdown table. The texts are instructions made from frames and words that are as unevenly frequent as real ones;
every fifth is an earlier one with some words changed.
"""

import argparse
import itertools
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.text.near_duplicates import Novelty

FRAMES = (
    "Write a {} about the {} of {}.", "Explain the {} between {} and {} in simple terms.",
    "What is the {} {} for a {} who wants to {}?", "Give me {} ideas for {} that are {} and {}.",
    "Summarize the following {} in one {}: {} {} {} {}.", "How do I {} my {} without {} the {}?",
    "Create a {} that {} the {} and returns the {} {}.", "List {} {} of {}.",
    "Rewrite this sentence so that it is {}: {} {} {} {} {}",
    "You are a {}. A {} asks you about {} {}. What do you say?", "Is {} {} than {}? Answer with a {}.", "{} {} {} {} {} {} {} {}",
)  # fmt: skip


def texts(number: int, seed: int) -> Iterator[str]:
    dice = random.Random(seed)
    vocabulary = ["".join(dice.choices("abcdefghijklmnoprstuvw", k=dice.randint(3, 9))) for _ in range(30_000)]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    made: list[str] = []
    for count in range(number):
        if count % 5 == 4:
            words = dice.choice(made).split()
            for _ in range(dice.randint(0, 4)):
                words[dice.randrange(len(words))] = dice.choices(vocabulary, cum_weights=weights)[0]
            made.append(" ".join(words))
        else:
            frame = dice.choice(FRAMES)
            made.append(frame.format(*dice.choices(vocabulary, cum_weights=weights, k=frame.count("{}"))))
        yield made[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--threshold", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("| texts | in the pool | near-duplicates | seconds | ms for one | MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    given = list(texts(asked.texts, asked.seed))
    known, dropped, began, last = Novelty(asked.threshold), 0, time.perf_counter(), time.perf_counter()
    step = max(1, asked.texts // 10)
    for number, text in enumerate(given, 1):
        if known.nearest(text) is not None:
            dropped += 1
        else:
            known.add(text)
        if number % step == 0:
            now = time.perf_counter()
            size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"| {number} | {len(known)} | {dropped} | {now - began:.1f} | {1000 * (now - last) / step:.2f} | {size} |"
            )
            last = now


if __name__ == "__main__":
    main()
