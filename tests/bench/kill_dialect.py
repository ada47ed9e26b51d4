"""kill -9 while it is found out what an endpoint takes, after each number of calls; resumed, and what was asked twice.

    python tests/bench/kill_dialect.py [STAND-IN [MODEL]]

Run by hand. Of the calls that were sent twice, no more than were in flight at the kill may be (four at a time here).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.meter import environment
from tests.conftest import claywright
from tests.providers import PROVIDERS, Call, StandIn

ROWS, AT_ONCE = 20, 4


def sent(call: Call) -> str:
    return json.dumps([call.body, call.headers.get("x-claywright-draw")], sort_keys=True)


def once(name: str, model: str, after: int, folder: Path) -> str:
    """A line of the table: killed after so many calls."""
    with StandIn(PROVIDERS[name]) as server:
        host = f"127.0.0.1:{server.origin.rpartition(':')[2]}"
        spec = {"url": server.url, "model": model, "key_env": "STAND_IN_KEY", "concurrency": AT_ONCE}
        rows = "".join(json.dumps({"instruction": f"Write about topic {n}."}) + "\n" for n in range(ROWS))
        (folder / "rows.jsonl").write_text(rows)
        recipe = {
            "name": "k", "generator": spec, "labeller": spec, "task": {"kind": "evol-instruct"},
            "inputs": {"path": str(folder / "rows.jsonl")}, "rating": {"aspects": ["helpfulness"]},
        }  # fmt: skip
        (folder / "recipe.json").write_text(json.dumps(recipe))
        words = [*claywright(), "run", "--no-push", "--json", "--allow-key", f"STAND_IN_KEY={host}"]
        variables = environment(CLAYWRIGHT_DATA=str(folder / "data"), STAND_IN_KEY="right-key")
        variables = {**os.environ, **variables}
        process = subprocess.Popen(
            [*words, str(folder / "recipe.json")], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(server.calls) < after and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = Counter(sent(call) for call in server.calls if call.method == "POST")
        first = len(server.calls)
        resumed = subprocess.run(
            [*words, "--resume", "last", "--allow-path", str(folder)],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        counts = json.loads(resumed.stdout)["counts"] if resumed.stdout else {}
        answered = [call for call in server.calls[first:] if call.method == "POST" and sent(call) in before]
        again = sum(call.status == 200 for call in answered)
        refused = sum(call.status != 200 for call in answered)
        return (
            f"| {after} | {counts.get('answered')} of {ROWS} | {counts.get('ratings', 0) - counts.get('unrated', 0)} of"
            f" {counts.get('ratings')} | {again} | {refused} |"
        )


def main(name: str = "OpenAI", model: str = "o4-mini") -> None:
    print("| killed after calls | rows | ratings | answered again | refused again |\n| --- | --- | --- | --- | --- |")
    for after in (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 30, 40):
        with tempfile.TemporaryDirectory() as folder:
            print(once(name, model, after, Path(folder)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
