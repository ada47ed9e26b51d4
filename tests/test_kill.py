"""kill -9 anywhere, start again: nothing is lost, doubled or asked for twice."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ArgillaServer, claywright
from tests.servers import FakeOpenAI

ROWS, CONCURRENCY = 120, 8


@dataclass(frozen=True)
class Survived:
    """What a killed and resumed run came to."""

    killed_at: int
    repeated: int
    in_flight: int
    rows: int
    distinct: int
    unrated: int


def recipe(folder: Path, url: str, rows: int = ROWS) -> Path:
    """Text generation, two responses a row, rated singly: 4 calls a row."""
    seeds = folder / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"instruction": f"Name river number {n}."}) + "\n" for n in range(rows)))
    file = folder / "recipe.toml"
    model = f'url = "{url}"\nmodel = "fake"\nconcurrency = {CONCURRENCY}\n'
    file.write_text(
        f'name = "killed"\n[generator]\n{model}[labeller]\n{model}max_tokens = 400\n[task]\nkind = "text-generation"\n'
        f'[inputs]\npath = "{seeds}"\n[answers]\nn = 2\n[rating]\naspects = ["helpfulness"]\ntogether = false\n'
    )
    return file


def kill_when(
    words: list[str], environment: dict[str, str], moment: Callable[[], bool], command: Sequence[str] = ()
) -> bool:
    """Starts the command (ours, unless said) and kills its process group when `moment` has come; False if it ended before."""
    process = subprocess.Popen(
        [*(command or claywright()), *words],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if moment():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.002)
    return False


def resume(words: list[str], environment: dict[str, str], command: Sequence[str] = ()) -> None:
    done = subprocess.run(
        [*(command or claywright()), *words], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def killed_and_resumed(folder: Path, at_calls: int, latency: float = 0.02) -> Survived:
    """Kills a run after `at_calls` calls, resumes it to the end and counts."""
    with FakeOpenAI(latency=latency) as server:
        environment = {**os.environ, "CLAYWRIGHT_DATA": str(folder / "data")}
        file = recipe(folder, server.url)
        killed = kill_when(["run", str(file), "--no-push"], environment, lambda: len(server.calls) >= at_calls)
        assert killed, "the run ended before it could be killed"
        sent = len(server.calls)
        in_flight = CONCURRENCY  # a call holds its place until its answer is kept
        resume(["run", "--resume", "last", "--no-push"], environment)
        with sqlite3.connect(folder / "data" / "claywright.db") as store:
            rows, distinct = store.execute(
                "SELECT count(*), count(DISTINCT unit) FROM rows WHERE stage='answered'"
            ).fetchone()
            unrated = store.execute("SELECT count(*) FROM rows WHERE rated_by=''").fetchone()[0]
            ratings = store.execute("SELECT count(*) FROM ratings WHERE status='rated'").fetchone()[0]
        store.close()
        assert ratings == 2 * rows
        return Survived(sent, server.repeated(), in_flight, rows, distinct, unrated)


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_run_killed_in_the_middle_loses_and_repeats_nothing(tmp_path: Path, share: float) -> None:
    survived = killed_and_resumed(tmp_path, int(share * 4 * ROWS))
    assert survived.repeated <= survived.in_flight
    assert (survived.rows, survived.distinct, survived.unrated) == (ROWS, ROWS, 0)


def push_killed_and_repeated(
    folder: Path, argilla: ArgillaServer, delay: float, rows: int = 40
) -> tuple[bool, int, int]:
    """(whether the kill came in time, records, distinct ids) after a push that was killed once."""
    environment = {
        **os.environ,
        "CLAYWRIGHT_DATA": str(folder / "data"),
        "ARGILLA_API_URL": argilla.url,
        "ARGILLA_API_KEY": argilla.api_key,
    }
    name = f"killed-{folder.name}-{random.randrange(10**9)}".lower().replace("_", "-")
    with FakeOpenAI() as server:
        resume(["run", str(recipe(folder, server.url, rows)), "--no-push"], environment)
    began: list[float] = []

    def moment() -> bool:
        """`delay` seconds after the dataset is there."""
        if not began:
            found = httpx.get(
                f"{argilla.url}/api/v1/me/datasets", headers={"X-Argilla-Api-Key": argilla.api_key}
            ).json()
            if any(dataset["name"] == name for dataset in found["items"]):
                began.append(time.monotonic())
        return bool(began) and time.monotonic() - began[0] >= delay

    in_time = kill_when(["push", "last", "--dataset", name], environment, moment)
    resume(["push", "last", "--dataset", name], environment)
    headers = {"X-Argilla-Api-Key": argilla.api_key}
    datasets = httpx.get(f"{argilla.url}/api/v1/me/datasets", headers=headers).json()["items"]
    found = [dataset["id"] for dataset in datasets if dataset["name"] == name]
    assert len(found) == 1
    page = httpx.get(f"{argilla.url}/api/v1/datasets/{found[0]}/records", headers=headers, params={"limit": 500}).json()
    return in_time, page["total"], len({record["external_id"] for record in page["items"]})


def test_a_push_killed_in_the_middle_leaves_no_duplicate(tmp_path: Path, argilla: ArgillaServer) -> None:
    _, records, distinct = push_killed_and_repeated(tmp_path, argilla, 0.05)
    assert (records, distinct) == (40, 40)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_keeps_what_was_in_flight(tmp_path: Path, number: signal.Signals) -> None:
    with FakeOpenAI(latency=0.02) as server:
        environment = {**os.environ, "CLAYWRIGHT_DATA": str(tmp_path / "data")}
        words = [*claywright(), "run", str(recipe(tmp_path, server.url)), "--no-push", "--json"]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while len(server.calls) < 100:
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130 and json.loads(out)["state"] == "stopped", err
        assert "claywright run --resume killed-" in err
        resume(["run", "--resume", "last", "--no-push"], environment)
        assert server.repeated() == 0
