"""What the engine bears: kills, faults, poison, an outage, a full disk, a second process, a budget."""

import contextlib
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.meter import environment
from tests.bench.runs import LATENCY, Line, count, instructions, made, median, model, ours, recipe
from tests.conftest import claywright
from tests.servers import FakeOpenAI, Fault
from tests.test_kill import kill_when, resume

DEADLINE = 5.0
KINDS: dict[str, Fault] = {"500": 500, "429": 429, "dropped": "drop", "hanging": "hang"}
ANSWERED = "SELECT count(*) FROM rows WHERE stage='answered' AND state='kept'"


def kills(folder: Path, times: int, number: int = 50) -> Iterator[Line]:
    """A run of 1000 rows, rated, killed once at a random moment, and resumed to its end."""

    def words(place: Path, url: str, seed: int) -> tuple[list[str], list[str]]:
        rating = {"aspects": ["helpfulness"]}
        file = recipe(place, url, 1000, labeller=model(url), rating=rating, seed=seed)
        return ["run", str(file), "--no-push"], ["run", "--resume", "last", "--no-push"]

    yield _killed(folder, number, "rated run of 1000 rows", words, ANSWERED)


def python_kills(folder: Path, times: int, number: int = 50) -> Iterator[Line]:
    """The same through the Python API: a run by a recipe, and a pipeline of two steps."""

    def words(what: str, place: Path, url: str, seed: int) -> tuple[list[str], list[str]]:
        place.mkdir(parents=True, exist_ok=True)
        given = [what, str(instructions(place, 1000)), url, str(seed)]
        return given, given

    program = [sys.executable, "-c", PROGRAM]
    yield _killed(
        folder / "run", number, "run of 1000 rows by claywright.run", partial(words, "run"), ANSWERED, program
    )
    steps = partial(words, "steps")
    yield _killed(folder / "steps", number // 5, "claywright.Pipeline of 1000 rows", steps, "", program)


PROGRAM = """
import sys
from claywright import LLM, Inputs, LoadDataFromDicts, Pipeline, Recipe, TextGeneration, UltraFeedback, run

what, path, url, seed = sys.argv[1:]
llm = LLM("fake", base_url=url, num_threads=50)
if what == "run":
    made = Recipe(
        task=TextGeneration(), generator=llm, inputs=Inputs(path=path), rating=UltraFeedback(aspect="helpfulness"), seed=int(seed)
    )
    assert run(made).state == "done"
else:
    with Pipeline() as pipeline:
        data = LoadDataFromDicts(data=[{"instruction": f"Write a sentence about topic number {n}."} for n in range(1000)])
        answer = TextGeneration(llm=llm, output_mappings={"generation": "said"})
        data >> answer >> TextGeneration(llm=llm, template="Rate from 1 to 5: {{ said }}", columns="said")
    rows = pipeline.run()["default"]["train"]
    assert len(rows) == 1000 and all(rows["generation"]) and len(set(rows["instruction"])) == 1000
"""


def _killed(
    folder: Path, number: int, what: str, words: Callable[[Path, str, int], tuple[list[str], list[str]]], rows: str,
    command: Sequence[str] = (),
) -> Line:  # fmt: skip
    """Kills and resumes so many times. In flight is what the endpoint was asked and the memo had no answer to, at the kill.

    Probes, which tell what the endpoint can do, are none of the run's calls: those that had not all been answered are asked
    again.
    """
    dice, again, flying, beyond, lost, doubled, unrated = random.Random(1), 0, 0, 0, 0, 0, 0
    for k in range(number):
        place = folder / f"{k}"
        with FakeOpenAI(latency=LATENCY) as server:
            begin, go_on = words(place, server.url, k)
            env = environment(CLAYWRIGHT_DATA=str(place / "data"))
            at = dice.randrange(1, 1950)
            assert kill_when(begin, env, partial(_so_many, server, at), command)
            kept = count(place, "SELECT count(*) FROM calls") if (place / "data/claywright.db").exists() else 0
            in_flight = len(_asked(server)) - kept
            resume(go_on, env, command)
            repeated = len(_asked(server)) - len(set(_asked(server)))
        again, flying, beyond = max(again, repeated), max(flying, in_flight), max(beyond, repeated - in_flight)
        if rows:
            there, distinct = count(place, rows), count(place, "SELECT count(DISTINCT unit) FROM rows")
            lost, doubled = lost + 1000 - distinct, doubled + there - distinct
            unrated += 1000 - count(place, "SELECT count(*) FROM ratings WHERE status='rated'")
        shutil.rmtree(place)
    seen = f"{beyond} beyond those in flight (at most {again} of {flying} asked again), "
    seen += f"{lost} lost, {doubled} doubled, {unrated} unrated"
    return Line(
        f"kill -9 at {number} random moments of a {what}, each resumed",
        "calls beyond those in flight 0, rows lost 0, doubled 0", seen, not (beyond or lost or doubled or unrated),
    )  # fmt: skip


def _asked(server: FakeOpenAI) -> list[str]:
    """The calls of a run, each by what it asked and which draw it was."""
    return [f"{call['draw']} {json.dumps(call['body'], sort_keys=True)}" for call in server.calls if call["draw"]]


def _so_many(server: FakeOpenAI, calls: int) -> bool:
    return len(server.calls) >= calls


def faults(folder: Path, times: int) -> Iterator[Line]:
    """5 % of all attempts fail: all four kinds by turns, then each alone."""

    def run(name: str, kinds: list[Fault], seed: int) -> tuple[float, int]:
        dice, failed = random.Random(seed), [0]

        def fault(body: dict[str, Any], number: int) -> Fault:
            if not kinds or "topic number" not in str(body) or dice.random() >= 0.05:
                return None
            failed[0] += 1
            return kinds[failed[0] % len(kinds)]

        with FakeOpenAI(latency=LATENCY, faults=fault) as server:
            file = recipe(folder / name, server.url, 1000, generator=model(server.url, timeout=DEADLINE))
            done = made(folder / name, file)
        return done.seconds, done.said["counts"]["answered"]

    clean = median([run(f"clean-{k}", [], k)[0] for k in range(times)])
    for name, kinds in {
        "all four by turns": list(KINDS.values()),
        **{name: [one] for name, one in KINDS.items()},
    }.items():
        each = [run(f"{name}-{k}", kinds, k) for k in range(times)]
        wall, rows = median([seconds for seconds, _ in each]), min(answered for _, answered in each)
        yield Line(
            f"5 % of calls fail: {name} (deadline 5 s)", "1000 rows, wall ≤ clean + 2 deadlines",
            f"{rows} rows, {wall:.1f} s, clean {clean:.1f} s", rows == 1000 and wall <= clean + 2 * DEADLINE,
        )  # fmt: skip


def poison(folder: Path, times: int) -> Iterator[Line]:
    poisoned = True

    def fault(body: dict[str, Any], number: int) -> Fault:
        return 500 if poisoned and any(f"number {n}." in str(body) for n in range(0, 200, 25)) else None

    with FakeOpenAI(latency=LATENCY, faults=fault) as server:
        first = made(folder, recipe(folder, server.url, 200))
        named = sorted(one["what"] for one in first.said["failures"])
        poisoned = False
        again = ours(folder, "run", "--resume", "last", "--retry-failed", "--no-push", "--json")
    there, now = first.said["counts"]["answered"], again.said["counts"]["answered"]
    met = there == 192 and named == sorted(f"unit {n}" for n in range(0, 200, 25)) and now == 200
    yield Line(
        "8 poisoned rows of 200", "8 failed, named, re-runnable; 192 there",
        f"{there} there, {len(named)} failed and named, {now} after running them again ({first.seconds:.1f} s)", met,
    )  # fmt: skip


def outage(folder: Path, times: int, seconds: float = 60.0) -> Iterator[Line]:
    """The endpoint's process is gone for a minute in the middle of a run: nothing listens at its address."""
    with FakeOpenAI(latency=LATENCY) as server:
        file, port = recipe(folder, server.url, 1000), int(server.url.split(":")[2].split("/")[0])
        process = subprocess.Popen(
            [*claywright(), "run", str(file), "--no-push", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment(CLAYWRIGHT_DATA=str(folder / "data")), text=True,
        )  # fmt: skip
        while len(server.calls) < 400:
            time.sleep(0.01)
    time.sleep(seconds)
    back = time.perf_counter()
    with FakeOpenAI(latency=LATENCY, port=port):
        process.communicate()
        after = time.perf_counter() - back
    rows = count(folder, ANSWERED)
    yield Line(
        f"endpoint down for {seconds:.0f} s in mid-run, then back", "ends complete without a hand",
        f"{rows} rows, exit code {process.returncode}, {after:.1f} s after it was back", (rows, process.returncode) == (1000, 0),
    )  # fmt: skip


def full_disk(folder: Path, times: int) -> Iterator[Line]:
    """A small tmpfs that something else fills up while the run goes on. Needs root, for the mount."""
    mounted = folder / "disk"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(mounted)], check=True)
    try:
        filler = mounted / "filler"
        with FakeOpenAI(latency=LATENCY) as server:
            file = recipe(folder, server.url, 1000)

            def fill(pid: int, seconds: float) -> None:
                if len(server.calls) > 400 and not filler.exists():
                    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as other:
                        while True:
                            other.write(bytes(2**16))

            (folder / "data").symlink_to(mounted)
            full = ours(folder, "run", str(file), "--no-push", "--json", during=fill)
            before, state = len(server.calls), count(folder, "SELECT state='paused' FROM runs")
            filler.unlink()
            done = ours(folder, "run", "--resume", "last", "--no-push", "--json")
            repeated = server.repeated()
        rows = done.said["counts"]["answered"]
        whole = count(folder, "SELECT group_concat(integrity_check)='ok' FROM pragma_integrity_check")
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
    met = (full.code, state, rows, repeated, whole) == (1, 1, 1000, 0, 1) and before < 1000
    yield Line(
        "full disk in mid-run, then freed", "nothing lost, resumes",
        f"paused after {before} calls, then {rows} rows, {repeated} calls repeated", met,
    )  # fmt: skip


def second_process(folder: Path, times: int) -> Iterator[Line]:
    with FakeOpenAI(latency=LATENCY * 4) as server:
        file = recipe(folder, server.url, 1000)
        env = environment(CLAYWRIGHT_DATA=str(folder / "data"))
        first = subprocess.Popen(
            [*claywright(), "run", str(file), "--no-push"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while len(server.calls) < 100:
            time.sleep(0.01)
        second = ours(folder, "run", "--resume", "last", "--no-push", "--json")
        listed = ours(folder, "runs", "last", "--json").said["runs"][0]
        out = folder / "beside.jsonl"
        exported = ours(folder, "export", "last", "--unreviewed", "--to", str(out), "--json")
        still = first.poll() is None
        first.wait()
        repeated = server.repeated()
    rows = count(folder, ANSWERED)
    beside = exported.said.get("written", 0)
    met = (
        still and second.code == 1 and "works on the run" in second.complaint and repeated == 0 and rows == 1000
        and 0 < listed["answered"] < 1000 and 0 < beside < 1000
    )  # fmt: skip
    sentence = second.complaint.strip().splitlines()[-1] if second.complaint.strip() else ""
    yield Line(
        "two processes start the same run", "one runs, the other says so; reading and export go on beside it",
        f"{rows} rows, 0 repeated; “{sentence}”; {listed['answered']} rows listed and {beside} exported meanwhile", met,
    )  # fmt: skip


def budget(folder: Path, times: int) -> Iterator[Line]:
    used = [0]

    class Counting(FakeOpenAI):
        def _said(self, *given: Any) -> Any:
            status, headers, said = super()._said(*given)
            used[0] += said["usage"]["total_tokens"]
            return status, headers, said

    with Counting(latency=LATENCY) as server:
        file = recipe(
            folder, server.url, 1000, generator=model(server.url, max_tokens=100), budget={"tokens": 20_000}
        )  # fmt: skip
        done = ours(folder, "run", str(file), "--no-push", "--json")
    met = used[0] <= 20_000 and done.code == 1 and "The budget of 20,000 tokens is used up" in done.complaint
    rows = count(folder, ANSWERED)
    yield Line(
        "budget of 20,000 tokens", "never passed, run paused with a sentence",
        f"{used[0]:,} tokens, {rows} rows; “{done.said['error'].splitlines()[0]}”", met,
    )  # fmt: skip
