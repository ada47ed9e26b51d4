"""kill -9 at random moments of generating, rating and sending, each resumed to its end: what was lost, doubled, repeated.

    uv run python tests/bench/kill.py --times 10 --seed 1

Prints a Markdown table. Needs the local services (installed where they are not) and takes about ten seconds a kill.
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app import services
from app.config import Settings
from tests.conftest import ArgillaServer
from tests.test_kill import ROWS, killed_and_resumed, push_killed_and_repeated

CALLS = 4 * ROWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    print("| killed | calls then | repeated | in flight, at most | rows | lost | doubled | unrated |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        here = Settings(data=Path(folder) / "services", owner="bench")
        here.data.mkdir()
        with services.local(here).stopping():
            running = services.local(here).ensure(services.ARGILLA, print)
            way_in = json.loads(Path(running.details["credentials"]).read_text(encoding="utf-8"))
            argilla = ArgillaServer(running.url, way_in["username"], way_in["password"], way_in["api_key"])
            for number in range(asked.times):
                place = Path(folder) / f"kill-{number}"
                place.mkdir()
                if number % 3 == 2:
                    delay = dice.uniform(0, 0.6)
                    in_time, records, distinct = push_killed_and_repeated(place, argilla, delay, ROWS)
                    moment = f"sending, {delay:.2f} s in{'' if in_time else ' (it had ended)'}"
                    print(f"| {moment} | | | | {records} | {ROWS - distinct} | {records - distinct} | |", flush=True)
                    continue
                s = killed_and_resumed(place, dice.randrange(1, CALLS - 40))
                moment = "generating and rating"
                lost, doubled = ROWS - s.distinct, s.rows - s.distinct
                line = f"| {moment} | {s.killed_at} | {s.repeated} | {s.in_flight} | {s.rows} | {lost} | {doubled} |"
                print(f"{line} {s.unrated} |", flush=True)


if __name__ == "__main__":
    main()
