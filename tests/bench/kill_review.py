"""kill -9 of Claywright or of the Argilla server at random moments of a push or a pull, then done again to its end.

    uv run python tests/bench/kill_review.py --times 20 --seed 1

Counts what Argilla and the store hold afterwards: records and answers that are there twice or lost. Prints a Markdown table.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.store.store import Store
from tests.conftest import ArgillaServer, claywright
from tests.make_runs import Reviewer, made_of, with_run
from tests.test_kill import kill_when, resume

ROWS, ANSWERED = 1000, 100


class Server:
    """An Argilla of its own, always at the same address."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [*claywright(), "--data", str(self.data), "argilla", "--port", str(self.port), "--json"]
        for _ in range(20):  # the port of one that was killed may be taken for a while
            self.keeper = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert self.keeper.stdout is not None
            if line := self.keeper.stdout.readline().strip():
                break
            time.sleep(1)
        said = json.loads(line)
        if "pid" not in said:
            raise SystemExit(f"Argilla did not start: {said}")
        self.pid, self.port = int(said["pid"]), int(said["url"].rpartition(":")[2])
        way_in = json.loads(Path(said["credentials"]).read_text(encoding="utf-8"))
        self.argilla = ArgillaServer(said["url"], way_in["username"], way_in["password"], way_in["api_key"])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.keeper.wait()

    def close(self) -> None:
        self.keeper.terminate()
        self.keeper.wait()


def interrupted(words: list[str], environment: dict[str, str], server: Server, victim: str, delay: float) -> str:
    """Starts a command and kills it, or the server, after a while; then does it again to its end. Says what happened."""
    if victim == "claywright":
        began = time.monotonic()
        in_time = kill_when(words, environment, lambda: time.monotonic() - began >= delay)
    else:
        process = subprocess.Popen(
            [*claywright(), *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        in_time = process.poll() is None
        server.kill()
        _, said = process.communicate(timeout=300)
        assert "Traceback" not in said, said
        server.start()
    resume(words, environment)
    return f"{delay:.1f} s in" + ("" if in_time else " (it had ended)")


def records(server: Server, name: str) -> list[dict[str, Any]]:
    with Reviewer(server.argilla) as owner:
        dataset = owner.dataset(name)["id"]
        found: list[dict[str, Any]] = []
        while True:
            asked: dict[str, Any] = {"limit": 500, "offset": len(found), "include": "responses"}
            page = owner.http.get(f"/api/v1/datasets/{dataset}/records", params=asked).json()
            found += page["items"]
            if len(found) >= page["total"]:
                return found


def once(folder: Path, server: Server, number: int, dice: random.Random) -> str:
    victim = "claywright" if number % 2 else "server"
    during = "push" if number // 2 % 2 else "pull"
    environment = {**os.environ, "CLAYWRIGHT_DATA": str(folder), "ARGILLA_API_URL": server.argilla.url}
    environment["ARGILLA_API_KEY"] = server.argilla.api_key
    name = f"killed-{number}-{dice.randrange(10**9)}"
    with Store(folder) as store:
        with_run(store, ROWS, made_of(), responses=2, name=name)
    if during == "push":
        moment = interrupted(["push", name], environment, server, victim, dice.uniform(1.5, 9.0))
    else:
        resume(["push", name], environment)
    there = records(server, name)
    with Reviewer(server.argilla) as owner:
        for record in dice.sample(there, ANSWERED):
            owner.say(record, decision=dice.choice(["approve", "reject"]))
    if during == "pull":
        moment = interrupted(["pull", name], environment, server, victim, dice.uniform(1.0, 4.0))
    else:
        resume(["pull", name], environment)
    resume(["push", name], environment)
    after = records(server, name)
    ids = {record["external_id"] for record in after}
    answers = {response["id"] for record in after for response in record["responses"]}
    with Store(folder) as store:
        kept = [r["response_id"] for r in store.db.all("SELECT response_id FROM verdicts WHERE gone IS NULL")]
    doubled, lost = len(after) - len(ids) + len(kept) - len(set(kept)), ROWS - len(ids) + len(answers - set(kept))
    lost += ANSWERED - len(answers)
    return f"| {number + 1} | {victim} | {during} | {moment} | {len(after)} | {len(kept)} | {doubled} | {lost} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name) / "argilla")
        print("| | killed | during | when | records | answers | doubled | lost |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        try:
            for number in range(asked.times):
                folder = Path(name) / f"kill-{number}"
                folder.mkdir()
                print(once(folder, server, number, dice), flush=True)
        finally:
            server.close()


if __name__ == "__main__":
    main()
